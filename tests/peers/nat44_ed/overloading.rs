//! One outside port for several remotes: `port_overloading`.

use std::collections::BTreeSet;

use base::Counter;
use testkit::{tcp, udp};
use tests::{Config, Pipe};

use super::dependent;
use crate::answer;

/// One address with sixteen ports for all.
fn config() -> Config {
    dependent()
        .rule("port_overloading", "true")
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2015")
        .pool_without("blocks")
}

/// The appliance knows the hosts that are to hear from outside.
#[track_caller]
fn pipe(hosts: u8) -> Pipe {
    let mut nat = Pipe::new(&config());
    for host in 1..=hosts {
        nat.arp("inside", &format!("10.64.1.{host}"), tests::OWN_INSIDE, &[]);
    }
    nat
}

/// Peer scenario: nat44-ed, address ports exhausted, for one remote: each port once.
#[test]
fn towards_one_remote_each_port_is_used_once() {
    let mut nat = Pipe::new(&config());
    let mut used = BTreeSet::new();
    for host in 1..=16 {
        let out = nat
            .inside(udp(&format!("10.64.1.{host}:5000 > 192.0.2.1:7000")))
            .forwarded();
        assert!(used.insert(out.src.port()), "{} twice", out.src);
    }
    let refused = nat.inside(udp("10.64.1.17:5000 > 192.0.2.1:7000"));
    assert_eq!(refused.verdict, "drop", "{refused:?}");
    assert_eq!(refused.reason, Counter::DropNoPort.name());
}

/// Peer scenario: nat44-ed, endpoint-dependent allocation: the same ports again
/// towards every other remote.
#[test]
fn more_connections_than_ports_go_to_different_remotes() {
    let mut nat = pipe(16);
    let mut open = Vec::new();
    for remote in 1..=8 {
        for host in 1..=16 {
            let syn = tcp(&format!("10.64.1.{host}:5000 > 192.0.2.{remote}:80")).syn();
            let out = nat.inside(syn.clone()).forwarded();
            open.push((syn.src, out));
        }
    }
    let flows: BTreeSet<_> = open.iter().map(|(_, out)| (out.src, out.dst)).collect();
    assert_eq!(flows.len(), 128, "no two flows look the same outside");
    for (source, out) in open {
        assert_eq!(nat.outside(answer(&out)).forwarded().dst, source);
    }
}

/// Peer scenario: nat44-ed, endpoint-dependent filtering of a shared port.
#[test]
fn a_shared_port_lets_no_stranger_in() {
    let mut nat = pipe(1);
    let out = nat
        .inside(udp("10.64.1.1:5000 > 192.0.2.1:7000"))
        .forwarded();
    for stranger in ["192.0.2.1:7001", "192.0.2.9:7000"] {
        tests::lost(&nat.outside(out.reply().from(stranger)));
    }
    nat.outside(out.reply()).forwarded();
}
