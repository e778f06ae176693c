//! Whether a test is in the sources.
//!
//! | name | is |
//! |---|---|
//! | `behaviour::mapping::NAME` | `NAME` in `tests/behaviour/mapping.rs`, likewise `wire`, `robustness`, `conformance` |
//! | `nat::pool::NAME` | `NAME` in `crates/nat/src/pool.rs`, or in `crates/nat/tests/pool.rs` |
//! | `smoke::NAME` | `tests/smoke/NAME_test.sh` |

use std::path::{Path, PathBuf};

/// Targets of this package.
const TARGETS: [&str; 8] = [
    "behaviour",
    "wire",
    "peers",
    "robustness",
    "conformance",
    "gateways",
    "pcp",
    "zones",
];

/// Whether the test of this name is there and runs.
pub(crate) fn exists(root: &Path, name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    let [first, modules @ .., test] = parts.as_slice() else {
        return false;
    };
    if *first == "smoke" {
        let file = root.join(format!("tests/smoke/{test}_test.sh"));
        return modules.is_empty() && file.is_file();
    }
    files(root, first, modules)
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .any(|text| declares(&text, test))
}

/// Where the test may be.
fn files(root: &Path, first: &str, modules: &[&str]) -> Vec<PathBuf> {
    let path = modules.join("/");
    if TARGETS.contains(&first) {
        let target = root.join("tests").join(first);
        let main = std::fs::read_to_string(target.join("main.rs")).unwrap_or_default();
        return match modules {
            [] => vec![target.join("main.rs")],
            // A file that no target takes in never runs.
            [module, ..] if main.contains(&format!("\nmod {module};\n")) => {
                vec![target.join(format!("{path}.rs"))]
            }
            _ => Vec::new(),
        };
    }
    let home = root.join("crates").join(first);
    [
        format!("src/{path}.rs"),
        format!("src/{path}/mod.rs"),
        format!("tests/{path}.rs"),
    ]
    .map(|file| home.join(file))
    .into()
}

/// Whether a function of this name is a test that is not switched off.
fn declares(text: &str, test: &str) -> bool {
    let head = format!("fn {test}(");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(at, line)| {
        line.starts_with(&head) && {
            let attributes: Vec<&&str> = lines[..at]
                .iter()
                .rev()
                .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
                .collect();
            attributes.iter().any(|line| **line == "#[test]")
                && !attributes.iter().any(|line| line.starts_with("#[ignore"))
        }
    })
}

/// Only a function under `#[test]` that runs is a test.
#[test]
fn a_test_is_a_function_under_the_attribute() {
    let text = "/// Doc.\n#[test]\nfn one() {}\nfn two() {}\n#[test]\n#[ignore]\nfn three() {}\n\
                mod tests {\n    #[test]\n    // Why.\n    fn four() {}\n}\n";
    assert!(declares(text, "one") && declares(text, "four"));
    for no in ["two", "three", "five", "on"] {
        assert!(!declares(text, no), "{no}");
    }
}

/// Names are found where the table of this module says.
#[test]
fn names_lead_to_files() {
    let root = Path::new(crate::ROOT);
    for name in [
        "conformance::sources::names_lead_to_files",
        "conformance::every_row_of_the_standards_is_on_the_page",
        "nat::tcp_state::all_transitions_are_as_drawn",
        "config::contract::short_timeouts_are_warned_about",
        "smoke::hairpin",
    ] {
        assert!(exists(root, name), "{name}");
    }
    for name in [
        "conformance::sources::no_such_test",
        "conformance::nowhere::names_lead_to_files",
        "behaviour::pool::whatever",
        "nat::tcp_state::after",
        "smoke::nothing",
        "smoke",
    ] {
        assert!(!exists(root, name), "{name}");
    }
}
