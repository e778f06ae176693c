//! What is left alone (B3, row "dynamic update, signed data"; G2; and all where no name can matter).

use testkit::udp;
use tests::{Config, Pipe};

use crate::message::{A, Message, PTR, RRSIG, reverse};
use crate::{
    SERVER, WEB, WEB_OUTSIDE, answered_from_inside, asked_from_inside, asked_from_outside, counted,
    fixed, through,
};

/// "signatures break if RDATA changes - skip when the DO bit or TSIG is present".
#[test]
fn signed_answers_and_updates_stay_as_they_are() {
    let answer = || Message::answer(7, "www.example.org", A).address("www.example.org", WEB);
    let mut nat = Pipe::new(&fixed());
    asked_from_outside(&mut nat, &Message::query(7, "www.example.org", A));
    for message in [
        answer().raw(1, "www.example.org", RRSIG, &[0; 20]),
        answer().raw(3, "key.example.org", 250, &[0; 20]),
        answer().edns(1232, true),
        answer().flags(0xa880),
    ] {
        let got = answered_from_inside(&mut nat, &message);
        assert_eq!(got, message.bytes());
    }
    let query = Message::query(7, &reverse(WEB_OUTSIDE), PTR).edns(1232, true);
    assert_eq!(asked_from_outside(&mut nat, &query).payload, query.bytes());
    assert_eq!(counted(&mut nat, "rewritten"), 0);
}

/// What ends too early, or has a pointer that leads forwards, passes.
#[test]
fn broken_messages_stay_as_they_are() {
    let mut nat = Pipe::new(&fixed());
    asked_from_outside(&mut nat, &Message::query(7, "www.example.org", A));
    let whole = Message::answer(7, "www.example.org", A)
        .address("www.example.org", WEB)
        .bytes();
    let mut forwards = whole.clone();
    let pointer = whole.len() - 16;
    forwards[pointer..pointer + 2].copy_from_slice(&[0xc0, 0xff]);
    for bytes in [&whole[..whole.len() - 1], &whole[..30], &forwards] {
        let packet = udp(&format!("{SERVER}:53 > 192.0.2.1:5353")).payload(bytes);
        assert_eq!(through(nat.inside(packet)).payload, bytes);
    }
}

/// G2: released for good, and counted.
#[test]
fn other_bytes_pass_and_are_counted() {
    let mut nat = Pipe::new(&fixed());
    for bytes in [&[0xff; 400][..], b"x", b"GET / HTTP/1.1\r\n\r\n"] {
        let packet = udp("10.64.0.7:6000 > 192.0.2.53:53").payload(bytes);
        assert_eq!(through(nat.inside(packet)).payload, bytes);
    }
    assert_eq!(counted(&mut nat, "bypassed"), 1);
    assert_eq!(counted(&mut nat, "messages"), 0);
}

/// A resolver's load costs nothing where no host has a whole address on the other side.
#[test]
fn without_whole_addresses_nothing_is_looked_at() {
    let forward = "protocol: udp, inside: \"10.64.0.10:53\", outside: \"203.0.113.14:53\"";
    let mut nat = Pipe::new(&Config::new().fixed(forward));
    asked_from_outside(&mut nat, &Message::query(7, "www.example.org", A));
    let answer = Message::answer(7, "www.example.org", A).address("www.example.org", SERVER);
    assert_eq!(answered_from_inside(&mut nat, &answer), answer.bytes());
    assert_eq!(counted(&mut nat, "messages"), 0);
    for row in nat.show("translations") {
        assert_eq!(row["alg"], "", "{row}");
    }
}

/// Nothing is remembered of sessions in which no name was changed: the table of gateways' sessions
/// stays free for those that need it.
#[test]
fn many_queries_take_no_room() {
    let mut nat = Pipe::new(&fixed());
    for port in 10_000..12_000 {
        let packet = udp(&format!("10.64.0.7:{port} > 192.0.2.53:53"))
            .payload(&Message::query(7, "www.example.org", A).bytes());
        through(nat.inside(packet));
    }
    assert_eq!(counted(&mut nat, "messages"), 2000);
    assert_eq!(nat.counter(base::Counter::AlgTableFull), 0);
    assert!(
        nat.show("translations")
            .iter()
            .all(|row| row["alg"] == "dns")
    );
}

#[test]
fn off_is_off_and_a_shadow_changes_nothing() {
    for (line, rewritten) in [("dns: off", 0), ("dns: { mode: shadow }", 2)] {
        let mut nat = Pipe::new(&fixed().top(&format!("alg: {{ {line} }}")));
        let query = Message::query(7, &reverse(WEB_OUTSIDE), PTR);
        assert_eq!(asked_from_outside(&mut nat, &query).payload, query.bytes());
        let answer = Message::answer(7, "www.example.org", A).address("www.example.org", WEB);
        assert_eq!(answered_from_inside(&mut nat, &answer), answer.bytes());
        assert_eq!(counted(&mut nat, "rewritten"), rewritten, "{line}");
        asked_from_inside(&mut nat, &query);
    }
}
