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
mod dccp_connections;
mod deterministic;
mod draining;
mod events;
mod filtering;
mod hairpin;
mod hold_down;
mod holders;
mod icmp_query;
mod limits;
mod logs;
mod mapping;
mod new_kinds;
mod one_to_one;
mod other_protocols;
mod overloading;
mod pairing;
mod pipe;
mod plan;
mod pooling;
mod ports;
mod protection;
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

use tests::{
    Config, Connection, GRAIN, Pipe, kept_out, lost, lost_but_told, open_udp, portolan, run_until,
    tcp_endpoint, udp_endpoint,
};

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
