//! Any bytes as a session of H.323: streams cut anywhere, see `streams`, and datagrams. The first
//! byte says of which kind.
#![no_main]

mod streams;

use appproto::h323::{self, Service};
use appproto::{Findings, Scan, Sender, Transport};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, data)) = data.split_first() else {
        return;
    };
    let service = match first % 4 {
        0 => return datagram(Service::Ras, data),
        3 => return datagram(Service::CallSignalling, data),
        1 => Service::CallSignalling,
        _ => Service::MediaControl,
    };
    streams::any_segmentation_finds_the_same(
        data,
        h323::State::default(),
        |state, sender, bytes, found| {
            assert_eq!(h323::State::from_word(state.to_word()), *state);
            h323::scan(service, Transport::Tcp, state, sender, bytes, found, |message| {
                assert!(!message.name().is_empty());
            })
        },
    );
});

/// What is found has the bytes that it is written as.
fn datagram(service: Service, data: &[u8]) {
    let mut found = Findings::new();
    let mut messages = 0;
    let scan = h323::scan(
        service,
        Transport::Udp,
        &mut h323::State::default(),
        Sender::Client,
        data,
        &mut found,
        |_| messages += 1,
    );
    // One with more places than there is room for is left alone.
    assert!(messages == 0 || scan == Scan::Complete);
    assert!(messages > 0 || found.is_empty());
    assert!(messages < 2 || service == Service::CallSignalling);
    for finding in found {
        let written = finding.form.write(finding.endpoint);
        assert_eq!(finding.span.of(data), written.as_slice());
    }
}
