//! DNS (RFC 2694; PROTOCOLS B3), from outside: addresses of hosts that have a whole one on the
//! other side, in answers and in names, and all else left alone.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod alone;
mod lent;
mod message;
mod partners;
mod records;
mod reverse;
mod stream;

use testkit::{Endpoint, Seen, udp};
use tests::{Config, Outcome, Pipe};

use message::{Message, read};

/// Of the name server inside.
const SERVER: &str = "10.64.0.10";
/// What it is outside.
const SERVER_OUTSIDE: &str = "203.0.113.14";
/// A web server inside.
const WEB: &str = "10.64.0.20";
/// What it is outside.
const WEB_OUTSIDE: &str = "203.0.113.13";

/// Two servers inside with outside addresses of their own.
fn fixed() -> Config {
    Config::new()
        .fixed(&format!("inside: {SERVER}, outside: {SERVER_OUTSIDE}"))
        .fixed(&format!("inside: {WEB}, outside: {WEB_OUTSIDE}"))
}

/// Hosts are lent whole addresses, three of them; the name server has one for good.
fn lending() -> Config {
    Config::new()
        .pool_without("blocks")
        .pool_without("ports")
        .pool("prefixes", "[203.0.113.0/30]")
        .pool("one_to_one", "true")
        .rule_without("mapping")
        .rule_without("paired")
        .fixed(&format!("inside: {SERVER}, outside: {SERVER_OUTSIDE}"))
}

/// It went through as one datagram; its message.
#[track_caller]
fn through(mut outcome: Outcome) -> Seen {
    assert_eq!(outcome.verdict, "forward", "{outcome:?}");
    assert_eq!(outcome.left.len(), 1, "{outcome:?}");
    let left = outcome.left.remove(0);
    assert_ne!(left.interface, outcome.from, "{:?}", left.seen);
    left.seen
}

/// A remote client asks the name server inside; what that reads.
#[track_caller]
fn asked_from_outside(nat: &mut Pipe, message: &Message) -> Seen {
    let packet = udp(&format!("192.0.2.1:5353 > {SERVER_OUTSIDE}:53")).payload(&message.bytes());
    let seen = through(nat.outside(packet));
    assert!(seen.dst == format!("{SERVER}:53").as_str(), "{seen:?}");
    seen
}

/// The name server answers it; what the client reads.
#[track_caller]
fn answered_from_inside(nat: &mut Pipe, message: &Message) -> Vec<u8> {
    let packet = udp(&format!("{SERVER}:53 > 192.0.2.1:5353")).payload(&message.bytes());
    let seen = through(nat.inside(packet));
    assert!(
        seen.src == format!("{SERVER_OUTSIDE}:53").as_str(),
        "{seen:?}"
    );
    seen.payload
}

/// A asks a remote name server; its outside endpoint and what the server reads.
#[track_caller]
fn asked_from_inside(nat: &mut Pipe, message: &Message) -> (Endpoint, Vec<u8>) {
    let packet = udp("10.64.0.7:5353 > 192.0.2.53:53").payload(&message.bytes());
    let seen = through(nat.inside(packet));
    (seen.src, seen.payload)
}

/// That answers; what A reads.
#[track_caller]
fn answered_from_outside(nat: &mut Pipe, outside: Endpoint, message: &Message) -> Vec<u8> {
    let packet = udp(&format!("192.0.2.53:53 > {outside}")).payload(&message.bytes());
    through(nat.outside(packet)).payload
}

/// What the gateway has counted.
#[track_caller]
fn counted(nat: &mut Pipe, key: &str) -> u64 {
    let rows = nat.show("alg");
    let row = rows.iter().find(|row| row["alg"] == "dns");
    row.unwrap()[key].as_u64().unwrap()
}

/// The addresses in a message.
#[track_caller]
fn read_addresses(bytes: &[u8]) -> Vec<String> {
    let lines = said(bytes);
    let records = lines.iter().filter(|line| line.contains("] "));
    records
        .map(|line| line.rsplit(' ').next().unwrap().to_string())
        .collect()
}

/// What a message says, a line for each question and record.
#[track_caller]
fn said(bytes: &[u8]) -> Vec<String> {
    read(bytes).lines
}
