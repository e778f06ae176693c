//! Behaviour of the built binary, packet by packet.
//!
//! Each test states one behaviour and names the clause that asks for it: of an
//! RFC, or of the contract at the edge. Nothing here looks inside.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod affinity;
mod blocks;
mod clear;
mod combinations;
mod computed_ports;
mod constancy;
mod dccp;
mod deterministic;
mod draining;
mod filtering;
mod hairpin;
mod hold_down;
mod icmp_query;
mod limits;
mod mapping;
mod new_kinds;
mod one_to_one;
mod other_protocols;
mod overloading;
mod pairing;
mod pipe;
mod pooling;
mod ports;
mod protocol_hairpins;
mod realms;
mod rule_limits;
mod rules;
mod shared_addresses;
mod show;
mod static_kinds;
mod statics;
mod syn_hold;
mod tcp;
mod tcp_timers;
mod twice_nat;
mod udp_lite;
mod udp_timers;
mod vrfs;
mod whois;

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use testkit::{Endpoint, Seen, tcp, udp};
use tests::{Config, Outcome, Pipe, portolan};

/// How long after its end a timer may still be running.
const GRAIN: f64 = 2.0;

/// It was dropped, for whatever reason, and nobody heard of it.
#[track_caller]
fn lost(outcome: &Outcome) {
    assert_eq!(outcome.verdict, "drop", "{outcome:?}");
    assert!(
        outcome.left.is_empty(),
        "dropped, yet something left: {outcome:?}"
    );
}

/// It was dropped, and at most its sender heard of it.
#[track_caller]
fn lost_but_told(outcome: &Outcome) {
    assert_eq!(outcome.verdict, "drop", "{outcome:?}");
    assert!(
        outcome
            .left
            .iter()
            .all(|left| left.interface == outcome.from && left.seen.icmp_kind() == Some((3, 1))),
        "{outcome:?}"
    );
}

/// It did not get in: dropped, or kept and left unanswered, as an unsolicited SYN is.
#[track_caller]
fn kept_out(outcome: &Outcome) {
    assert!(
        matches!(outcome.verdict.as_str(), "drop" | "hold"),
        "{outcome:?}"
    );
    assert!(
        outcome.left.is_empty(),
        "kept out, yet something left: {outcome:?}"
    );
}

/// Time passes second by second, as it does for a host that keeps still.
#[track_caller]
fn run_until(nat: &mut Pipe, time: f64) {
    while nat.now() < time {
        nat.wait(1.0);
    }
}

/// Nothing is left of anything once what there is was cleared and all timers have run out.
#[track_caller]
fn ends_empty(nat: &mut Pipe) {
    nat.clear("translations");
    let end = nat.now() + 1000.0;
    nat.at(end);
    assert_eq!(nat.show("translations").len(), 0);
    for row in nat.show("mappings") {
        assert_eq!(row["kind"], "static", "{row}");
        assert_eq!(row["sessions"], 0, "{row}");
    }
    let subscribers = nat.show("subscribers");
    assert!(subscribers.is_empty(), "{subscribers:?}");
    for pool in nat.show("pools") {
        assert_eq!(pool["blocks_used"], 0, "{pool}");
        assert_eq!(pool["subscribers"], 0, "{pool}");
    }
    let counters = nat.counters();
    for (made, gone) in [
        ("nat.sessions_created", "nat.sessions_ended"),
        ("nat.mappings_created", "nat.mappings_ended"),
        ("nat.blocks_allocated", "nat.blocks_released"),
        ("nat.subscribers_created", "nat.subscribers_ended"),
    ] {
        assert_eq!(counters[made], counters[gone], "{made} and {gone}");
    }
}

/// What `portolan check` says of a file, and its exit status.
fn check(config: &Config) -> (Option<i32>, String) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("portolan-check-{}-{number}.yaml", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, config.yaml()).unwrap();
    let output = Command::new(portolan())
        .args(["check", "-c"])
        .arg(&path)
        .output()
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// The outside endpoint of a UDP packet sent now.
#[track_caller]
fn udp_endpoint(nat: &mut Pipe, inside: &str, remote: &str) -> Endpoint {
    nat.inside(udp(&format!("{inside} > {remote}")))
        .forwarded()
        .src
}

/// The outside endpoint of a SYN sent now.
#[track_caller]
fn tcp_endpoint(nat: &mut Pipe, inside: &str, remote: &str) -> Endpoint {
    nat.inside(tcp(&format!("{inside} > {remote}")).syn())
        .forwarded()
        .src
}

/// Opens UDP mappings from consecutive ports of `host`; their outside endpoints.
#[track_caller]
fn open_udp(nat: &mut Pipe, host: &str, first_port: u16, count: u16) -> Vec<Endpoint> {
    (first_port..first_port + count)
        .map(|port| udp_endpoint(nat, &format!("{host}:{port}"), "192.0.2.1:7000"))
        .collect()
}

/// A connection with its three segments behind it.
struct Connection {
    inside: String,
    remote: String,
    outside: Endpoint,
}

impl Connection {
    /// The inside host connects; it starts at sequence number 1000, the remote at 9000.
    #[track_caller]
    fn open(nat: &mut Pipe, inside: &str, remote: &str) -> Self {
        let syn = nat
            .inside(tcp(&format!("{inside} > {remote}")).syn().seq(1000))
            .forwarded();
        let connection = Self {
            inside: inside.into(),
            remote: remote.into(),
            outside: syn.src,
        };
        let answer = connection.inbound().syn_ack().seq(9000).ack(1001);
        let answered = nat.outside(answer).forwarded();
        assert!(answered.dst == inside, "{answered:?}");
        connection.send(nat, b"");
        connection
    }

    /// A segment from inside, the next in order.
    fn outbound(&self) -> testkit::Packet {
        tcp(&format!("{} > {}", self.inside, self.remote))
            .seq(1001)
            .ack(9001)
    }

    /// A segment from the remote, the next in order.
    fn inbound(&self) -> testkit::Packet {
        tcp(&format!("{} > {}", self.remote, self.outside))
            .seq(9001)
            .ack(1001)
    }

    /// Sends data out; it must arrive.
    #[track_caller]
    fn send(&self, nat: &mut Pipe, bytes: &[u8]) -> Seen {
        let seen = nat.inside(self.outbound().payload(bytes)).forwarded();
        assert_eq!(seen.src, self.outside, "the connection moved");
        seen
    }

    /// Data comes in; it must arrive.
    #[track_caller]
    fn receive(&self, nat: &mut Pipe, bytes: &[u8]) -> Seen {
        let seen = nat.outside(self.inbound().payload(bytes)).forwarded();
        assert!(seen.dst == self.inside.as_str(), "{seen:?}");
        seen
    }

    /// Both ends say that they are done, the remote last; nothing acknowledges that.
    #[track_caller]
    fn close_without_last_ack(&self, nat: &mut Pipe) {
        nat.inside(self.outbound().fin()).forwarded();
        nat.outside(self.inbound().fin().ack(1002)).forwarded();
    }

    /// Both ends say that they are done and know it of each other.
    #[track_caller]
    fn close(&self, nat: &mut Pipe) {
        self.close_without_last_ack(nat);
        nat.inside(self.outbound().seq(1002).ack(9002)).forwarded();
    }
}
