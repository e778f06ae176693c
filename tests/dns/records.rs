//! Address records (B3, rows "A query", "A answer", "TTL" and "MX, NS, SOA, CNAME, SRV").

use testkit::udp;
use tests::Pipe;

use crate::message::{A, CNAME, MX, Message, NS, SRV};
use crate::{
    SERVER, WEB, WEB_OUTSIDE, answered_from_inside, answered_from_outside, asked_from_inside,
    asked_from_outside, counted, fixed, said,
};

fn query() -> Message {
    Message::query(7, "www.example.org", A)
}

fn answer(address: &str) -> Message {
    Message::answer(7, "www.example.org", A).address("www.example.org", address)
}

/// "A query: unchanged"; "A answer: replace private by external address"; "TTL: unchanged for
/// static bindings".
#[test]
fn a_client_outside_gets_the_outside_address() {
    for reset in ["", "alg: { dns: { reset_ttl: true } }"] {
        let mut nat = Pipe::new(&fixed().top(reset));
        let seen = asked_from_outside(&mut nat, &query());
        assert_eq!(seen.payload, query().bytes());
        let got = answered_from_inside(&mut nat, &answer(WEB));
        assert_eq!(got, answer(WEB_OUTSIDE).bytes());
        assert_eq!(counted(&mut nat, "messages"), 2);
        assert_eq!(counted(&mut nat, "rewritten"), 1);
        assert_eq!(counted(&mut nat, "errors"), 0);
    }
}

/// The other way: who asks a server of the world for one of its own network is told the inside
/// address.
#[test]
fn a_client_inside_gets_the_inside_address() {
    let mut nat = Pipe::new(&fixed());
    let (outside, sent) = asked_from_inside(&mut nat, &query());
    assert_eq!(sent, query().bytes());
    let got = answered_from_outside(&mut nat, outside, &answer(WEB_OUTSIDE));
    assert_eq!(got, answer(WEB).bytes());
}

/// "names only, but A records in additional section are translated".
#[test]
fn additional_records_are_translated_and_names_are_not() {
    let message = |address: &str| {
        Message::answer(7, "example.org", MX)
            .target(1, "example.org", MX, &[0, 10], "mail.example.org")
            .target(1, "example.org", CNAME, &[], "www.example.org")
            .target(
                1,
                "_sip._udp.example.org",
                SRV,
                &[0, 1, 0, 2, 0x13, 0xc4],
                "www.example.org",
            )
            .target(2, "example.org", NS, &[], "ns.example.org")
            .address_in(3, "mail.example.org", address)
            .address_in(3, "ns.example.org", "192.0.2.53")
            .address_in(3, "www.example.org", address)
            .edns(1232, false)
    };
    let mut nat = Pipe::new(&fixed());
    asked_from_outside(&mut nat, &Message::query(7, "example.org", MX));
    let got = answered_from_inside(&mut nat, &message(WEB));
    assert_eq!(got, message(WEB_OUTSIDE).bytes());
}

/// Hosts without a whole address of their own are others' on the other side, too.
#[test]
fn addresses_of_others_stay_as_they_are() {
    let config =
        fixed().fixed("protocol: tcp, inside: \"10.64.0.11:80\", outside: \"203.0.113.12:80\"");
    let mut nat = Pipe::new(&config);
    asked_from_outside(&mut nat, &query());
    for address in [
        "10.64.0.9",
        "10.64.0.11",
        "192.0.2.9",
        "203.0.113.12",
        "127.0.0.1",
    ] {
        let got = answered_from_inside(&mut nat, &answer(address));
        assert_eq!(got, answer(address).bytes(), "{address}");
    }
}

/// More records than are listed at once.
#[test]
fn a_hundred_addresses_are_all_translated() {
    let message = |address: &str| {
        (0..100).fold(Message::answer(7, "a.example.org", A), |message, _| {
            message.address("a.example.org", address)
        })
    };
    let mut nat = Pipe::new(&fixed());
    asked_from_outside(&mut nat, &query());
    // In two pieces, because it is longer than what comes in by the link goes out by.
    let packet = udp(&format!("{SERVER}:53 > 192.0.2.1:5353")).payload(&message(WEB).bytes());
    let pieces = nat.inside(packet).forwarded_pieces();
    let got: Vec<u8> = pieces
        .into_iter()
        .flat_map(|piece| piece.transport)
        .collect();
    assert_eq!(said(&got[8..]), said(&message(WEB_OUTSIDE).bytes()));
}

/// Inside hosts that reach the server by its outside address (RFC 4787 REQ-9): what leaves and
/// comes back in is as it was.
#[test]
fn a_client_inside_that_asks_through_the_outside_gets_the_inside_address() {
    let mut nat = Pipe::new(&fixed());
    let packet = udp("10.64.0.7:5353 > 203.0.113.14:53").payload(&query().bytes());
    let seen = nat.inside(packet).left[0].seen.clone();
    assert!(seen.dst == format!("{SERVER}:53").as_str(), "{seen:?}");
    let back = nat.inside(seen.reply().payload(&answer(WEB).bytes()));
    assert_eq!(back.left[0].seen.payload, answer(WEB).bytes());
}
