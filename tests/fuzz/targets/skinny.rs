//! Any bytes as a Skinny connection, cut anywhere; see `streams`.
#![no_main]

mod streams;

use appproto::skinny;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    streams::any_segmentation_finds_the_same(
        data,
        skinny::State::default(),
        |state, sender, bytes, found| {
            assert_eq!(skinny::State::from_word(state.to_word()), *state);
            skinny::scan(state, sender, bytes, found, |message| {
                assert!(!message.name().is_empty());
            })
        },
    );
});
