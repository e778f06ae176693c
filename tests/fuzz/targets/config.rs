//! Any text as a configuration: refused with a place in it, or accepted; never
//! a panic, nor minutes of work.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match config::parse("fuzz.yaml", text) {
    Ok(found) => {
        for warning in config::warnings(&found) {
            assert!(warning.starts_with("fuzz.yaml:"), "{warning}");
        }
    }
    Err(errors) => {
        assert!(!errors.is_empty());
        for error in errors {
            assert!(error.to_string().starts_with("fuzz.yaml:"), "{error}");
        }
    }
});
