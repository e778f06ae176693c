//! Any bytes as a PPTP control connection, cut anywhere; see `streams`.
#![no_main]

mod streams;

use appproto::pptp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    streams::any_segmentation_finds_the_same(
        data,
        pptp::State::default(),
        |state, sender, bytes, found| {
            assert_eq!(pptp::State::from_word(state.to_word()), *state);
            pptp::scan(state, sender, bytes, found, |message| {
                assert!(!message.name().is_empty());
            })
        },
    );
});
