//! Names, datagrams and sessions, recorded and made.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::testing::{check, feed, splice};

/// `captures/netbios/tcpdump_eapon1.pcap`, frame 45: the name of a host in its first record.
const REGISTRATION: &[u8] = b"\x89\x2e\x29\x10\0\x01\0\0\0\0\0\x01\
    \x20EEEKFADJDFFDDAEKCACACACACACACAAA\0\0\x20\0\x01\
    \xc0\x0c\0\x20\0\x01\0\x04\x93\xe0\0\x06\x60\0\xa9\xfe\x43\xc2";

/// `captures/netbios/tcpdump_eapon1.pcap`, frame 1, with less in it.
const DATAGRAM: &[u8] = b"\x11\x0e\x89\x1d\xc0\xa8\x01\xf9\0\x8a\0\x04\0\0abcd";

fn names(message: &[u8]) -> (Scan, Vec<Finding>, Option<&'static str>) {
    let (mut found, mut seen) = (Findings::new(), None);
    let scanned = name(message, &mut found, |message| seen = Some(message.name()));
    check(message, &found);
    (scanned, found.to_vec(), seen)
}

#[test]
fn a_registration_names_the_address_of_its_host() {
    let (scanned, found, seen) = names(REGISTRATION);
    assert_eq!((scanned, seen), (Scan::Complete, Some("registration")));
    assert_eq!((found.len(), found[0].role), (1, Role::Host));
    assert_eq!(found[0].endpoint.address, 0xa9fe_43c2);
    let there = splice(REGISTRATION, &found, |_| Endpoint {
        address: 0xcb00_7105,
        port: 0,
    });
    assert_eq!(there[there.len() - 4..], [203, 0, 113, 5]);
    assert_eq!(there.len(), REGISTRATION.len());
}

/// RFC 1002 section 4.2.13: any number of entries; others than NB and A name none.
#[test]
fn every_entry_of_a_response_is_listed() {
    let response = |kind: u8, data: &[u8]| {
        let head = b"\0\x01\x85\0\0\0\0\x01\0\0\0\0\x20EEEKFADJDFFDDAEKCACACACACACACAAA\0\0";
        let len = u8::try_from(data.len()).unwrap();
        [head, &[kind, 0, 1, 0, 0, 0, 9, 0, len][..], data].concat()
    };
    let entries = b"\0\0\x0a\0\0\x05\0\0\x0a\0\0\x06";
    for (kind, count) in [(0x20, 2), (0x21, 0), (0x01, 0)] {
        let (scanned, found, seen) = names(&response(kind, entries));
        assert_eq!(
            (scanned, found.len(), seen),
            (Scan::Complete, count, Some("query response"))
        );
    }
    assert_eq!(names(&response(0x01, b"\x0a\0\0\x05")).1.len(), 1);
    assert_eq!(names(&response(0x20, b"\0\0\x0a\0\0\x05\0")).1.len(), 0);
}

#[test]
fn what_is_cut_short_is_left_alone() {
    for len in 0..REGISTRATION.len() {
        assert_eq!(names(&REGISTRATION[..len]).0, Scan::Release, "{len}");
        assert!(names(&REGISTRATION[..len]).1.is_empty());
    }
    assert_eq!(
        names(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n").0,
        Scan::Release
    );
}

#[test]
fn datagrams_name_where_they_come_from() {
    let read = |bytes: &[u8]| {
        let mut found = Findings::new();
        let scanned = datagram(bytes, &mut found, |message| {
            assert_eq!(message.name(), "direct group");
        });
        check(bytes, &found);
        (scanned, found.to_vec())
    };
    let (scanned, found) = read(DATAGRAM);
    assert_eq!(
        (scanned, found.as_slice()),
        (Scan::Complete, &[source(0xc0a8_01f9, 138)][..])
    );
    let there = splice(DATAGRAM, &found, |_| Endpoint {
        address: 0xcb00_7105,
        port: 0x1234,
    });
    assert_eq!(&there[4..10], b"\xcb\0\x71\x05\x12\x34");
    for len in 0..DATAGRAM.len() {
        assert_eq!(read(&DATAGRAM[..len]), (Scan::Release, Vec::new()), "{len}");
    }
    assert_eq!(read(b"GET / HTTP/1.1\r\n\r\n").0, Scan::Release);
}

fn sessions(
    sender: Sender,
    stream: &[u8],
    cuts: &[usize],
) -> (Vec<Finding>, bool, Vec<&'static str>) {
    let mut state = State::default();
    let mut seen = Vec::new();
    let (found, released) = feed(stream, cuts, |bytes, found| {
        session(&mut state, sender, bytes, found, |message| {
            seen.push(message.name());
        })
    });
    (found, released, seen)
}

/// RFC 1002 section 4.3.5; PROTOCOLS B8: released behind it.
#[test]
fn a_retarget_names_another_place() {
    let stream = b"\x85\0\0\0\x84\0\0\x06\x0a\0\0\x05\0\x8b";
    let (found, released, seen) = sessions(Sender::Server, stream, &[]);
    assert_eq!((found.len(), released), (1, true));
    assert_eq!(seen, ["keep alive", "session retarget"]);
    assert_eq!(
        (found[0].span, found[0].role),
        (Span::new(8, 6), Role::Names(Transport::Tcp))
    );
    assert_eq!(
        found[0].endpoint,
        Endpoint {
            address: 0x0a00_0005,
            port: 139
        }
    );
}

/// REQUIREMENTS G2: nothing is held that need not be.
#[test]
fn what_is_established_and_what_is_other_is_released() {
    let request = [&b"\x81\0\0\x44"[..], &[b'A'; 68]].concat();
    assert!(!sessions(Sender::Client, &request, &[]).1);
    for (sender, stream) in [
        (Sender::Server, &b"\x82"[..]),
        (Sender::Server, b"\x83\0\0\x01\x80"),
        (Sender::Server, b"\x84\0\0\x07"),
        (Sender::Server, b"SSH-2.0"),
        (Sender::Client, b"\0\0\0\x54\xffSMB"),
        (Sender::Client, b"\x81\x02"),
        (Sender::Client, b"GET /"),
    ] {
        assert!(sessions(sender, stream, &[]).1, "{}", stream.escape_ascii());
    }
}

proptest! {
    #[test]
    fn any_datagram_is_read_or_refused(
        head in prop::sample::select(std::vec![&b""[..], REGISTRATION, DATAGRAM, &REGISTRATION[..50]]),
        tail in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let bytes = [head, &tail].concat();
        names(&bytes);
        let mut found = Findings::new();
        datagram(&bytes, &mut found, |_| ());
        check(&bytes, &found);
    }

    #[test]
    fn any_segmentation_finds_the_same(
        head in prop::sample::select(std::vec![&b""[..], b"\x84\0\0\x06\x0a\0\0\x05\0\x8b", b"\x85\0\0\0\x84\0\0\x06", b"\x81\0\0\x04"]),
        tail in prop::collection::vec(any::<u8>(), 0..20),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let stream = [head, &tail].concat();
        for sender in [Sender::Client, Sender::Server] {
            prop_assert_eq!(sessions(sender, &stream, &[]), sessions(sender, &stream, &cuts));
        }
    }
}
