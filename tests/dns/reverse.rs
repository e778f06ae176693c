//! Names of addresses (B3, rows "PTR query" and "PTR answer"; RFC 1035 section 3.5).

use base::Counter;
use testkit::udp;
use tests::Pipe;

use crate::message::{Message, NS, PTR, read, reverse};
use crate::{
    SERVER, SERVER_OUTSIDE, WEB, WEB_OUTSIDE, answered_from_inside, answered_from_outside,
    asked_from_inside, asked_from_outside, counted, fixed, lending, said,
};

fn query(address: &str) -> Message {
    Message::query(9, &reverse(address), PTR)
}

fn answer(address: &str) -> Message {
    let name = reverse(address);
    Message::answer(9, &name, PTR)
        .target(1, &name, PTR, &[], "www.example.org")
        .target(2, "example.org", NS, &[], "ns.example.org")
        .address_in(3, "ns.example.org", "192.0.2.53")
}

/// "external octets to private octets if a binding exists"; "owner name private to external".
#[test]
fn a_client_outside_asks_for_the_name_of_an_outside_address() {
    let mut nat = Pipe::new(&fixed());
    let seen = asked_from_outside(&mut nat, &query(WEB_OUTSIDE));
    assert_eq!(said(&seen.payload), said(&query(WEB).bytes()));
    let got = answered_from_inside(&mut nat, &answer(WEB));
    assert_eq!(said(&got), said(&answer(WEB_OUTSIDE).bytes()));
    assert_eq!((read(&got).id, read(&got).flags), (9, 0x8180));
}

/// The same of a client inside, whose own addresses the server outside knows as they are there.
#[test]
fn a_client_inside_asks_for_the_name_of_an_inside_address() {
    let mut nat = Pipe::new(&fixed());
    let (outside, sent) = asked_from_inside(&mut nat, &query(WEB));
    assert_eq!(said(&sent), said(&query(WEB_OUTSIDE).bytes()));
    let got = answered_from_outside(&mut nat, outside, &answer(WEB_OUTSIDE));
    assert_eq!(said(&got), said(&answer(WEB).bytes()));
}

/// Who asks for the name of an address as it is on the other side is answered about that.
#[test]
fn names_that_were_not_changed_are_not_changed_back() {
    let mut nat = Pipe::new(&fixed());
    let (outside, sent) = asked_from_inside(&mut nat, &query(WEB_OUTSIDE));
    assert_eq!(sent, query(WEB_OUTSIDE).bytes());
    let got = answered_from_outside(&mut nat, outside, &answer(WEB_OUTSIDE));
    assert_eq!(got, answer(WEB_OUTSIDE).bytes());
}

/// "if the address is in the pool but unbound: answer REFUSED with AN, NS, AR counts 0".
#[test]
fn the_name_of_an_address_that_nobody_has_is_refused() {
    let mut nat = Pipe::new(&lending());
    asked_from_outside(&mut nat, &query(SERVER_OUTSIDE));
    let message = query("203.0.113.1").edns(1232, false);
    let packet = udp(&format!("192.0.2.1:5353 > {SERVER_OUTSIDE}:53")).payload(&message.bytes());
    let outcome = nat.outside(packet);
    assert_eq!(outcome.left.len(), 1, "{outcome:?}");
    assert_eq!(outcome.left[0].interface, "outside");
    let answers = outcome.consumed(Counter::ConsumeDns);
    let got = &answers[0];
    assert!(
        got.src == format!("{SERVER_OUTSIDE}:53").as_str(),
        "{got:?}"
    );
    assert!(got.dst == "192.0.2.1:5353" && got.ttl == 64, "{got:?}");
    let refused = query("203.0.113.1").flags(0x8105).bytes();
    assert_eq!(got.payload, refused);
    // Addresses of other pools are somebody's, and the server may know their names.
    let mut nat = Pipe::new(&fixed());
    let seen = asked_from_outside(&mut nat, &query("203.0.113.1"));
    assert_eq!(seen.payload, query("203.0.113.1").bytes());
    assert_eq!(counted(&mut nat, "rewritten"), 0);
}

/// Four queries on their way at once, each from the same port.
#[test]
fn several_queries_of_one_session_are_told_apart() {
    let mut nat = Pipe::new(&fixed());
    let ask = |id, address| Message::query(id, &reverse(address), PTR);
    let tell = |id, address| {
        let name = reverse(address);
        Message::answer(id, &name, PTR).target(1, &name, PTR, &[], "www.example.org")
    };
    for (id, address) in [
        (1, WEB_OUTSIDE),
        (2, SERVER_OUTSIDE),
        (3, WEB),
        (4, WEB_OUTSIDE),
    ] {
        asked_from_outside(&mut nat, &ask(id, address));
    }
    for (id, told, expected) in [
        (4, WEB, WEB_OUTSIDE),
        (3, WEB, WEB),
        (2, SERVER, SERVER_OUTSIDE),
        (1, WEB, WEB_OUTSIDE),
    ] {
        let got = answered_from_inside(&mut nat, &tell(id, told));
        assert_eq!(said(&got), said(&tell(id, expected).bytes()), "{id}");
    }
}

/// B3: "UDP answer > 512 (or EDNS size): truncate, set TC".
#[test]
fn an_answer_that_grows_beyond_what_the_client_takes_is_truncated() {
    let long = |address: &str| {
        (0..15).fold(answer(address), |message, nth| {
            message.raw(
                3,
                "xx.example.org",
                16,
                &[&[14][..], &[b'a' + nth; 14]].concat(),
            )
        })
    };
    let (before, after) = (long(WEB).bytes(), long(WEB_OUTSIDE).bytes());
    assert!(
        before.len() <= 512 && after.len() > 512,
        "{} {}",
        before.len(),
        after.len()
    );
    for (asked, truncated) in [
        (query(WEB_OUTSIDE), true),
        (query(WEB_OUTSIDE).edns(512, false), true),
        (query(WEB_OUTSIDE).edns(1232, false), false),
    ] {
        let mut nat = Pipe::new(&fixed());
        asked_from_outside(&mut nat, &asked);
        let got = answered_from_inside(&mut nat, &long(WEB));
        if truncated {
            assert_eq!(got, query(WEB_OUTSIDE).flags(0x8380).bytes());
        } else {
            assert_eq!(said(&got), said(&after));
        }
    }
}

/// A record as long as any, so that all names move.
#[test]
fn pointers_lead_where_they_led() {
    let message = |address: &str| {
        let name = reverse(address);
        Message::answer(9, &name, PTR)
            .target(1, &name, PTR, &[], "www.example.org")
            .target(2, "in-addr.arpa", NS, &[], "ns.in-addr.arpa")
            .address_in(3, "ns.in-addr.arpa", "192.0.2.53")
            .address_in(
                3,
                "www.example.org",
                if address == WEB { WEB } else { WEB_OUTSIDE },
            )
    };
    let mut nat = Pipe::new(&fixed());
    asked_from_outside(&mut nat, &query(WEB_OUTSIDE));
    let got = answered_from_inside(&mut nat, &message(WEB));
    assert_eq!(said(&got), said(&message(WEB_OUTSIDE).bytes()));
}
