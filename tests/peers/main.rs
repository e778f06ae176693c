//! What another NAT is tested for, asked of the built binary.
//!
//! Each test takes one scenario of VPP's test suite, by its name and meaning,
//! and states what this appliance does in it; `docs/peer-scenarios.md` lists
//! all of them, also those that mean nothing here. Where the peer differs from
//! the RFCs, the test follows the RFCs and says so.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod det44;
mod fragments;
mod nat44_ed;
mod nat44_ei;
mod page;

use testkit::{Packet, Seen, echo, tcp, udp};
use tests::Pipe;

/// A SYN, a datagram and a ping of one host, each from a port of its own.
fn stream(host: &str, remote: &str) -> [Packet; 3] {
    [
        tcp(&format!("{host}:6303 > {remote}:20")).syn().seq(1000),
        udp(&format!("{host}:6304 > {remote}:20")).payload(b"query"),
        echo(&format!("{host}:6305 > {remote}")),
    ]
}

/// What a remote answers to a packet of [`stream`].
fn answer(seen: &Seen) -> Packet {
    let reply = seen.reply();
    if seen.tcp.is_some() {
        reply.syn_ack().seq(9000)
    } else {
        reply
    }
}

/// Sends packets of a [`stream`] from one interface to another and the answers
/// back, which must reach their host; what left.
#[track_caller]
fn there_and_back(nat: &mut Pipe, wires: [&str; 2], packets: &[Packet]) -> Vec<Seen> {
    let [from, to] = wires;
    let mut left = Vec::new();
    for packet in packets {
        let outcome = nat.send(from, packet);
        assert_eq!(outcome.left.len(), 1, "{outcome:?}");
        assert_eq!(outcome.left[0].interface, to);
        let out = outcome.forwarded();
        let back = nat.send(to, &answer(&out));
        assert_eq!(back.left.len(), 1, "{back:?}");
        assert_eq!(back.left[0].interface, from);
        let back = back.forwarded();
        assert_eq!(back.src.ip(), *packet.dst.ip());
        assert_eq!(back.dst, packet.src);
        left.push(out);
    }
    left
}

/// Whether all packets that left came from one address; which.
#[track_caller]
fn one_source(left: &[Seen]) -> String {
    let address = left[0].src.ip();
    assert!(left.iter().all(|seen| seen.src.ip() == address), "{left:?}");
    address.to_string()
}

/// Whether an address is of the usual pool.
fn of_the_pool(address: &str) -> bool {
    address
        .strip_prefix("203.0.113.")
        .is_some_and(|last| last.parse::<u8>().is_ok_and(|last| last < 16))
}
