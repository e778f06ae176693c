//! Any bytes as an FTP control channel, cut anywhere; see `streams`.
#![no_main]

mod streams;

use appproto::ftp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    streams::any_segmentation_finds_the_same(
        data,
        ftp::State::default(),
        |state, sender, bytes, found| {
            ftp::scan(state, sender, bytes, found, |message| {
                assert!(!message.name().is_empty());
            })
        },
    );
});
