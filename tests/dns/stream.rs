//! DNS over TCP (RFC 1035 section 4.2.2, RFC 7766): whole messages in a segment.

use tests::{Line, Pipe};

use crate::message::{A, AXFR, Message, NS, PTR, framed, reverse};
use crate::{WEB, WEB_OUTSIDE, counted, fixed, lending};

#[track_caller]
fn connected(nat: &mut Pipe) -> Line {
    Line::come(nat, "192.0.2.1:5353", "203.0.113.14:53")
}

/// What a stream says, message by message.
#[track_caller]
fn said(mut stream: &[u8]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    while let [high, low, rest @ ..] = stream {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let (message, behind) = rest.split_at(len);
        all.push(crate::said(message));
        stream = behind;
    }
    all
}

/// Names of another length, the length before them, and the numbers of the connection.
#[test]
fn messages_of_a_segment_are_translated_with_their_length() {
    let answer = |address: &str| {
        let name = reverse(address);
        Message::answer(9, &name, PTR)
            .target(1, &name, PTR, &[], "www.example.org")
            .target(2, "example.org", NS, &[], "ns.example.org")
            .framed()
    };
    let records = |address: &str| {
        (0..40)
            .fold(Message::answer(8, "www.example.org", A), |message, _| {
                message.address("www.example.org", address)
            })
            .framed()
    };
    let mut nat = Pipe::new(&fixed());
    let mut line = connected(&mut nat);
    for _ in 0..3 {
        let queries = [
            Message::query(8, "www.example.org", A).framed(),
            Message::query(9, &reverse(WEB_OUTSIDE), PTR).framed(),
        ]
        .concat();
        let sent = line.says_bytes(&mut nat, &queries);
        assert_eq!(
            said(&sent)[1],
            said(&Message::query(9, &reverse(WEB), PTR).framed())[0]
        );
        let got = line.hears_bytes(&mut nat, &[answer(WEB), records(WEB)].concat());
        let expected = [answer(WEB_OUTSIDE), records(WEB_OUTSIDE)].concat();
        assert_eq!(said(&got), said(&expected));
    }
    assert_eq!(counted(&mut nat, "messages"), 12);
    assert_eq!(counted(&mut nat, "errors"), 0);
}

/// Row "AXFR": "only static bindings; translate A records, drop or refuse others".
#[test]
fn a_zone_is_transferred_without_hosts_that_are_only_lent_an_address() {
    let zone = |addresses: &[&str]| {
        let empty = Message::answer(9, "example.org", AXFR);
        addresses
            .iter()
            .fold(empty, |message, address| {
                message.address("x.example.org", address)
            })
            .framed()
    };
    let mut nat = Pipe::new(&lending());
    let mut line = connected(&mut nat);
    line.says_bytes(&mut nat, &Message::query(9, "example.org", AXFR).framed());
    let got = line.hears_bytes(&mut nat, &zone(&["10.64.0.10", "10.64.0.7", "192.0.2.9"]));
    assert_eq!(said(&got), said(&zone(&["203.0.113.14", "192.0.2.9"])));
    assert_eq!(nat.show("doors").len(), 0);
}

/// G2.
#[test]
fn another_protocol_passes_byte_for_byte() {
    let mut nat = Pipe::new(&fixed());
    let mut line = connected(&mut nat);
    let bytes = framed(&[0xff; 100]);
    assert_eq!(line.says_bytes(&mut nat, &bytes), bytes);
    let answer = Message::answer(8, "www.example.org", A)
        .address("www.example.org", WEB)
        .framed();
    assert_eq!(line.hears_bytes(&mut nat, &answer), answer);
    assert_eq!(counted(&mut nat, "bypassed"), 1);
}
