//! Any bytes as an RTSP connection, cut anywhere; see `streams`.
#![no_main]

mod streams;

use appproto::rtsp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    streams::any_segmentation_finds_the_same(
        data,
        rtsp::State::default(),
        |state, sender, bytes, found| {
            rtsp::scan(state, sender, bytes, found, |message| {
                assert!(!message.name().is_empty());
                assert!(
                    message
                        .session
                        .is_none_or(|session| session.end <= bytes.len())
                );
            })
        },
    );
});
