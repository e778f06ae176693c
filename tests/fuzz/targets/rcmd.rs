//! Any bytes as rsh, rexec or rlogin, cut anywhere; see `streams`.
#![no_main]

mod streams;

use appproto::rcmd::{self, Service};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for service in [Service::Exec, Service::Login, Service::Shell] {
        streams::any_segmentation_finds_the_same(
            data,
            rcmd::State::default(),
            |state, sender, bytes, found| rcmd::scan(service, state, sender, bytes, found, |_| ()),
        );
    }
});
