//! PCP (RFC 6887, port sets of RFC 7753) and NAT-PMP (RFC 6886) through the built binary.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod announcements;
mod client;
mod filters;
mod lifetimes;
mod maps;
mod messages;
mod natpmp;
mod others;
mod peers;
mod sets;

use base::Counter;
use testkit::{Packet, tcp, udp};
use tests::{Config, Outcome, Pipe};

/// The usual configuration with PCP on, and a rule that lets in only who was written to.
fn served() -> Config {
    with("enabled: true")
}

fn with(keys: &str) -> Config {
    Config::new()
        .rule("filtering", "address-and-port-dependent")
        .rule("pcp", &format!("{{ {keys} }}"))
}

/// A datagram from a remote endpoint to an outside one.
fn to(remote: &str, outside: &str) -> Packet {
    udp(&format!("{remote} > {outside}"))
}

/// A datagram to an outside endpoint reaches the inside one.
#[track_caller]
fn reaches(nat: &mut Pipe, outside: &str, inside: &str) {
    let seen = nat.outside(to("192.0.2.1:9", outside)).forwarded();
    assert_eq!(seen.dst.to_string(), inside);
}

/// It reaches nobody, however that is said.
#[track_caller]
fn does_not_reach(nat: &mut Pipe, remote: &str, outside: &str) {
    nat.outside(to(remote, outside)).dropped_for(&[
        Counter::DropNoMapping,
        Counter::DropFiltered,
        Counter::DropNotInside,
    ]);
}

fn syn(nat: &mut Pipe, remote: &str, outside: &str) -> Outcome {
    nat.outside(tcp(&format!("{remote} > {outside}")).syn())
}

/// The kind of the only mapping.
fn kind(nat: &mut Pipe) -> String {
    let rows = nat.show("mappings");
    let [row] = &rows[..] else {
        panic!("not one mapping: {rows:?}");
    };
    row["kind"].as_str().unwrap().into()
}
