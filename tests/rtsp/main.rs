//! RTSP (RFC 2326, RFC 7826; PROTOCOLS B5), from outside: what a client announces comes in, and
//! nothing else does.
//!
//! Filtering is address-and-port-dependent throughout, and ports are not kept: nothing passes
//! because everybody is let in, or because an announced port happens to be the right one.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod client;
mod life;
mod others;
mod server;

use serde_json::Value;
use testkit::udp;
use tests::{Config, Line, Pipe, X, kept_out};

/// Nobody comes in who was not written to, or announced.
fn strict() -> Config {
    Config::new().rule("filtering", "address-and-port-dependent")
}

/// A client of A at X.
#[track_caller]
fn connected(nat: &mut Pipe) -> Line {
    Line::open(nat, "10.64.0.7:4000", "192.0.2.1:554")
}

/// A SETUP request with this transport.
fn setup(cseq: u32, transport: &str) -> String {
    format!(
        "SETUP rtsp://192.0.2.1/film/{cseq} RTSP/1.0\r\nCSeq: {cseq}\r\nTransport: {transport}\r\n\r\n"
    )
}

/// The answer that all is well.
fn answer(cseq: u32, transport: &str) -> String {
    format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nTransport: {transport}\r\nSession: 42\r\n\r\n")
}

/// A request without more.
fn request(method: &str) -> String {
    format!("{method} rtsp://192.0.2.1/film RTSP/1.0\r\nCSeq: 9\r\nSession: 42\r\n\r\n")
}

/// What stands behind `key` in a message.
#[track_caller]
fn value<'a>(message: &'a str, key: &str) -> &'a str {
    let (_, rest) = message
        .split_once(key)
        .unwrap_or_else(|| panic!("no {key} in {message}"));
    let end = rest.find([';', ',', '\r', '"']).unwrap_or(rest.len());
    &rest[..end]
}

/// The ports of `key=p-q`.
#[track_caller]
fn pair(message: &str, key: &str) -> (u16, u16) {
    let (first, second) = value(message, key).split_once('-').expect("a pair");
    (first.parse().unwrap(), second.parse().unwrap())
}

/// Sets one channel up; the outside ports of the client.
#[track_caller]
fn set_up(nat: &mut Pipe, line: &mut Line, port: u16) -> (u16, u16) {
    let ports = format!("client_port={port}-{}", port + 1);
    let sent = line.says(nat, &setup(1, &format!("RTP/AVP;unicast;{ports}")));
    let (rtp, rtcp) = pair(&sent, "client_port=");
    let given = format!("RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port=6256-6257");
    let got = line.hears(nat, &answer(1, &given));
    assert!(got.contains(&ports), "{got}");
    (rtp, rtcp)
}

/// What comes from a remote endpoint to an outside port of A gets in, to this port.
#[track_caller]
fn comes_in(nat: &mut Pipe, line: &Line, remote: &str, port: u16, inside: u16) {
    let outside = line.outside_address();
    let seen = nat
        .outside(udp(&format!("{remote} > {outside}:{port}")).payload(b"\x80media"))
        .forwarded();
    assert!(
        seen.dst == format!("10.64.0.7:{inside}").as_str(),
        "{seen:?}"
    );
}

#[track_caller]
fn stays_out(nat: &mut Pipe, line: &Line, remote: &str, port: u16) {
    let outside = line.outside_address();
    kept_out(&nat.outside(udp(&format!("{remote} > {outside}:{port}"))));
}

/// What the gateway has counted.
#[track_caller]
fn counted(nat: &mut Pipe, key: &str) -> u64 {
    let rows = nat.show("alg");
    let row = rows.iter().find(|row| row["alg"] == "rtsp");
    row.unwrap()[key].as_u64().unwrap()
}

fn remotes(doors: &[Value]) -> Vec<String> {
    let mut all: Vec<_> = doors
        .iter()
        .map(|door| door["remote"].as_str().unwrap().to_string())
        .collect();
    all.sort();
    all
}

/// X with this port.
fn x(port: u16) -> String {
    format!("{X}:{port}")
}
