//! Any bytes as datagrams of the name and datagram services, and as a session; see `streams`.
#![no_main]

mod streams;

use appproto::{Findings, netbios};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for scan in [
        |bytes: &[u8], found: &mut Findings| netbios::name(bytes, found, |_| ()),
        |bytes: &[u8], found: &mut Findings| netbios::datagram(bytes, found, |_| ()),
    ] {
        let mut found = Findings::new();
        scan(data, &mut found);
        let mut at = 0;
        for finding in found {
            assert!(at <= finding.span.start && finding.span.end <= data.len());
            at = finding.span.end;
        }
    }
    streams::any_segmentation_finds_the_same(
        data,
        netbios::State::default(),
        |state, sender, bytes, found| netbios::session(state, sender, bytes, found, |_| ()),
    );
});
