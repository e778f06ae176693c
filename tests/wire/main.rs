//! What is on the wire: ICMP, fragments, TTL, MTU, ARP, VLAN tags and routes,
//! packet by packet through the built binary.
//!
//! Every [`tests::Pipe`] checks at its end that the `verdict.*` counters add up
//! to the frames that were sent, so each test here asserts that too.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod appliance;
mod arp_answers;
mod arp_questions;
mod errors_about_what;
mod errors_from_inside;
mod errors_from_outside;
mod fragment_abuse;
mod fragments;
mod headers;
mod link;
mod mtu;
mod multicast;
mod options;
mod pcap_files;
mod queries;
mod routing;
mod ttl;
mod vlan;

use testkit::{Seen, udp};
use tests::{Config, Pipe};

/// The usual flow, opened from inside; as it looks outside.
#[track_caller]
fn open(pipe: &mut Pipe) -> Seen {
    pipe.inside(udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(b"hello"))
        .forwarded()
}

/// A flow of the usual subscriber and what came back to it, as it looks inside.
#[track_caller]
fn open_both_ways(pipe: &mut Pipe) -> (Seen, Seen) {
    let out = open(pipe);
    let back = pipe.outside(out.reply().payload(b"world")).forwarded();
    (out, back)
}

/// The usual configuration with the outside interface under another name, so
/// that a test may decide itself who is behind which address.
fn with_wan() -> Config {
    Config::new()
        .no_neighbors()
        .interface("outside", "name", "wan")
}

/// A running appliance of [`with_wan`], its addresses known.
#[track_caller]
fn pipe_with_wan(config: &Config) -> Pipe {
    let mut pipe = Pipe::bare(config, &[]);
    pipe.learn("inside", "10.64.0.2", tests::OWN_INSIDE, &[]);
    pipe.learn("wan", tests::GATEWAY, tests::OWN_OUTSIDE, &[]);
    pipe
}
