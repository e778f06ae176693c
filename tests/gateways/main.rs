//! Application gateways, from outside: real messages through the built binary, and what both
//! ends and `show` make of them.
//!
//! Filtering is address-and-port-dependent throughout, and ports are not kept: nothing passes
//! because everybody is let in, or because an announced port happens to be the right one.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    clippy::cast_possible_truncation
)]

mod captures;
mod ftp;
mod h323;
mod ldap;
mod netbios;
mod others;
mod pptp;
mod rcmd;
mod skinny;
mod slipstream;
mod talk;
mod tftp;

use base::Counter;
use serde_json::Value;
use testkit::{Packet, Seen, reassemble, tcp};
use tests::{A, B, Config, Outcome, Pipe};

/// Nobody comes in who was not written to, or announced.
fn strict() -> Config {
    Config::new().rule("filtering", "address-and-port-dependent")
}

/// It went through as one packet; what a gateway may change is not compared.
#[track_caller]
fn through(outcome: Outcome) -> Seen {
    assert_eq!(outcome.verdict, "forward", "{outcome:?}");
    assert_eq!(outcome.left.len(), 1, "expected one packet: {outcome:?}");
    let sent = outcome.sent.as_ref().expect("a readable packet");
    let left = &outcome.left[0];
    let seen = &left.seen;
    assert_ne!(
        left.interface, outcome.from,
        "left where it came in: {seen:?}"
    );
    assert_eq!(seen.ttl, sent.ttl - 1, "TTL of {seen:?}");
    assert_eq!((seen.tos, seen.df, seen.mf), (sent.tos, sent.df, sent.mf));
    assert_eq!(
        (seen.protocol, &seen.options),
        (sent.protocol, &sent.options)
    );
    if let (Some(now), Some(then)) = (&seen.tcp, &sent.tcp) {
        assert_eq!(now.flags, then.flags, "flags of {seen:?}");
        assert_eq!(now.options.len(), then.options.len(), "options of {seen:?}");
    }
    seen.clone()
}

/// A datagram in pieces from inside: all are held but the last, and together they arrive.
#[track_caller]
fn in_pieces(nat: &mut Pipe, pieces: &[Packet]) -> Seen {
    let mut left = Vec::new();
    for piece in pieces {
        let outcome = nat.inside(piece.clone());
        assert_eq!(outcome.reason, Counter::HoldFragment.name());
        left.extend(outcome.left.into_iter().map(|left| left.seen));
    }
    reassemble(&left).expect("all pieces of one datagram")
}

/// The row of `show alg` for a gateway.
#[track_caller]
fn row(nat: &mut Pipe, gateway: &str) -> Value {
    let rows = nat.show("alg");
    let found = rows.iter().find(|row| row["alg"] == gateway);
    found
        .unwrap_or_else(|| panic!("no {gateway} in {rows:?}"))
        .clone()
}

/// What a gateway has counted: messages, rewritten, doors opened, doors promoted, bypassed, errors.
#[track_caller]
fn tally(nat: &mut Pipe, gateway: &str) -> [u64; 6] {
    let row = row(nat, gateway);
    [
        "messages",
        "rewritten",
        "doors_opened",
        "doors_promoted",
        "bypassed",
        "errors",
    ]
    .map(|key| {
        row[key]
            .as_u64()
            .unwrap_or_else(|| panic!("no {key} in {row}"))
    })
}

/// The only open door.
#[track_caller]
fn door(nat: &mut Pipe) -> Value {
    let mut doors = nat.show("doors");
    assert_eq!(doors.len(), 1, "one door: {doors:?}");
    doors.remove(0)
}

/// The translation between an inside endpoint and a remote.
fn translation(nat: &mut Pipe, inside: &str, remote: &str) -> Option<Value> {
    let mut rows = nat.show("translations");
    rows.retain(|row| row["inside"] == inside && row["remote"] == remote);
    assert!(rows.len() < 2, "the same translation twice: {rows:?}");
    rows.pop()
}

/// Whether a connection from `remote` to an outside endpoint gets in.
#[track_caller]
fn knocks(nat: &mut Pipe, remote: &str, outside: &str) -> Outcome {
    nat.outside(tcp(&format!("{remote} > {outside}")).syn().seq(7000))
}

/// The address of an endpoint.
fn address(endpoint: &str) -> &str {
    endpoint.split(':').next().unwrap()
}

/// Two hosts are told apart by their outside endpoints though they use the same inside port.
#[track_caller]
fn told_apart(nat: &mut Pipe, remote: &str, announced: [&str; 2], port: u16) {
    assert_ne!(announced[0], announced[1]);
    for (host, outside) in [A, B].into_iter().zip(announced) {
        let inside = knocks(nat, remote, outside).forwarded();
        assert!(
            inside.dst == format!("{host}:{port}").as_str(),
            "{inside:?}"
        );
    }
}

/// A packet that must not come in, for want of a mapping or because of its filtering.
#[track_caller]
fn not_admitted(outcome: Outcome) {
    outcome.dropped_for(&[Counter::DropFiltered, Counter::DropNoMapping]);
}
