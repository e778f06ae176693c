//! Which outside address a flow gets: `paired`, several pools, `allocation`
//! (RFC 4787 REQ-2, RFC 7857 section 4).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use base::Counter;
use testkit::{Packet, protocol, raw, tcp, udp};
use tests::{Config, Pipe};

use crate::{ends_empty, udp_endpoint};

/// Two addresses of four ports each.
fn small(paired: &str, blocks: bool) -> Config {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.0/31]")
        .pool("ports", "2000-2003")
        .rule("paired", paired);
    if blocks {
        config.pool("blocks", "{ size: 2, max_per_subscriber: 4 }")
    } else {
        config.pool_without("blocks")
    }
}

fn flow(port: u16) -> Packet {
    udp(&format!("10.64.0.7:{port} > 192.0.2.1:7000"))
}

/// How many ports of each address one host gets before it is refused.
fn fill(nat: &mut Pipe) -> (BTreeMap<Ipv4Addr, u32>, String) {
    let mut used = BTreeMap::new();
    for port in 5000.. {
        let outcome = nat.inside(flow(port));
        if outcome.verdict == "drop" {
            return (used, outcome.reason);
        }
        *used.entry(outcome.forwarded().src.ip()).or_default() += 1;
    }
    unreachable!()
}

/// RFC 7857 section 4: a paired host whose address is full is refused.
#[test]
fn a_paired_host_gets_no_other_address() {
    for blocks in [true, false] {
        let mut nat = Pipe::new(&small("true", blocks));
        let (used, reason) = fill(&mut nat);
        assert_eq!(used.into_values().collect::<Vec<_>>(), [4]);
        assert_eq!(reason, Counter::DropNoPort.name());
        ends_empty(&mut nat);
    }
}

/// `paired: soft`: the other address only when the first is full.
#[test]
fn a_softly_paired_host_gets_another_address_when_its_own_is_full() {
    for blocks in [true, false] {
        let mut nat = Pipe::new(&small("soft", blocks));
        let first = udp_endpoint(&mut nat, "10.64.0.7:4000", "192.0.2.1:7000").ip();
        for port in 4001..4004 {
            assert_eq!(nat.inside(flow(port)).forwarded().src.ip(), first);
        }
        for port in 4004..4008 {
            assert_ne!(nat.inside(flow(port)).forwarded().src.ip(), first);
        }
        assert_eq!(nat.inside(flow(4008)).verdict, "drop");
        ends_empty(&mut nat);
    }
}

/// `paired: false`: any address, and all ports of the pool.
#[test]
fn an_unpaired_host_gets_any_address() {
    for blocks in [true, false] {
        let mut nat = Pipe::new(&small("false", blocks));
        let (used, _) = fill(&mut nat);
        assert_eq!(used.into_values().collect::<Vec<_>>(), [4, 4]);
        ends_empty(&mut nat);
    }
    let config = Config::new().rule("paired", "false").pool_without("blocks");
    let mut nat = Pipe::new(&config);
    let used: BTreeSet<Ipv4Addr> = (5000..5030)
        .map(|port| nat.inside(flow(port)).forwarded().src.ip())
        .collect();
    assert!(used.len() > 5, "{used:?}");
    ends_empty(&mut nat);
}

/// Protocols without ports keep to the address of the host's other flows.
#[test]
fn protocols_without_ports_are_paired_too() {
    let config = Config::new().rule("protocols", "[udp, gre]");
    let mut nat = Pipe::new(&config);
    for host in 7..=11 {
        let gre = raw(&format!("10.64.0.{host} > 192.0.2.{host}"), protocol::GRE);
        let first = nat.inside(gre.payload(&[0; 8])).forwarded().src.ip();
        let inside = format!("10.64.0.{host}:5000");
        let second = udp_endpoint(&mut nat, &inside, "192.0.2.1:7000").ip();
        assert_eq!(first, second, "RFC 4787 REQ-2");
    }
    ends_empty(&mut nat);
}

/// Two pools in one rule.
fn two_pools(paired: &str) -> Config {
    small(paired, false)
        .pool("prefixes", "[203.0.113.0/32]")
        .add_pool("name: more, prefixes: [203.0.113.1/32], ports: 3000-3003")
        .rule("pool", "[public, more]")
}

/// Pools are drawn on in the order they are written.
#[test]
fn newcomers_get_the_first_pool_with_room() {
    let mut nat = Pipe::new(&two_pools("true"));
    for host in 7..=10 {
        let inside = format!("10.64.0.{host}:5000");
        let out = udp_endpoint(&mut nat, &inside, "192.0.2.1:7000");
        assert!(out.ip() == Ipv4Addr::new(203, 0, 113, 0), "{out}");
    }
    let out = udp_endpoint(&mut nat, "10.64.0.11:5000", "192.0.2.1:7000");
    assert!(out.ip() == Ipv4Addr::new(203, 0, 113, 1) && out.port() >= 3000);
    // Who is in the first pool stays there.
    nat.inside(flow(5001)).refused(Counter::DropNoPort);
    let again = udp_endpoint(&mut nat, "10.64.0.11:5001", "192.0.2.1:7000");
    assert_eq!(again.ip(), out.ip());
    ends_empty(&mut nat);
}

/// Softly paired, a host goes on in the second pool; its mappings stay where they are.
#[test]
fn a_softly_paired_host_goes_on_in_the_second_pool() {
    let mut nat = Pipe::new(&two_pools("soft"));
    let (used, reason) = fill(&mut nat);
    assert_eq!(used.into_values().collect::<Vec<_>>(), [4, 4]);
    assert_eq!(reason, Counter::DropNoPort.name());
    let first = nat.inside(flow(5000)).forwarded().src;
    let other_remote = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.9:7000");
    assert_eq!(first, other_remote, "RFC 4787 REQ-1");
    let last = nat.inside(flow(5007)).forwarded().src;
    assert!(last.port() >= 3000);
    ends_empty(&mut nat);
}

/// `allocation: least-used`: newcomers are spread evenly, with blocks and without.
#[test]
fn the_least_used_address_is_next() {
    for blocks in [true, false] {
        let mut config = Config::new()
            .pool("prefixes", "[203.0.113.0/29]")
            .pool("allocation", "least-used");
        if !blocks {
            config = config.pool_without("blocks");
        }
        let mut nat = Pipe::new(&config);
        let mut used: BTreeMap<Ipv4Addr, u32> = BTreeMap::new();
        for host in 0..40 {
            let inside = format!("10.64.1.{host}:5000");
            let out = udp_endpoint(&mut nat, &inside, "192.0.2.1:7000");
            *used.entry(out.ip()).or_default() += 1;
            let (least, most) = (used.values().min(), used.values().max());
            assert!(
                used.len() < 8 || most.unwrap() - least.unwrap() <= 1,
                "{used:?}"
            );
        }
        assert_eq!(used.len(), 8);
        assert!(used.values().all(|hosts| *hosts == 5), "{used:?}");
        ends_empty(&mut nat);
    }
}

/// What goes back makes its address the least used again.
#[test]
fn an_address_that_was_left_is_next_again() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.0/30]")
        .pool("allocation", "least-used")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    let mut of = BTreeMap::new();
    for host in 0..8 {
        let inside = format!("10.64.1.{host}:5000");
        let out = udp_endpoint(&mut nat, &inside, "192.0.2.1:7000").ip();
        of.entry(out).or_insert_with(Vec::new).push(inside);
    }
    let (left, others) = of.pop_first().unwrap();
    nat.at(200.0);
    for inside in of.values().flatten() {
        udp_endpoint(&mut nat, inside, "192.0.2.1:7000");
    }
    nat.at(430.0);
    for host in 100..102 {
        let inside = format!("10.64.1.{host}:5000");
        let out = udp_endpoint(&mut nat, &inside, "192.0.2.1:7000").ip();
        assert_eq!(out, left, "{others:?} have gone");
    }
    ends_empty(&mut nat);
}

/// `preserve_port`: the inside port where it is free, any other where it is not.
#[test]
fn a_port_is_preserved_while_it_is_free() {
    for blocks in [true, false] {
        let mut config = Config::new()
            .pool("prefixes", "[203.0.113.1/32]")
            .rule("preserve_port", "true");
        if blocks {
            config = config.pool("blocks", "{ size: 512, max_per_subscriber: 1 }");
        } else {
            config = config.pool_without("blocks");
        }
        let mut nat = Pipe::new(&config);
        let syn = |host: u16| tcp(&format!("10.64.0.{host}:5000 > 192.0.2.1:80")).syn();
        let first = nat.inside(syn(7)).forwarded().src;
        let second = nat.inside(syn(8)).forwarded().src;
        assert_ne!(first, second);
        assert!(blocks || first.port() == 5000 && second.port() != 5000);
        if !blocks {
            let by_udp = udp_endpoint(&mut nat, "10.64.0.8:5000", "192.0.2.1:7000");
            assert_eq!(by_udp.port(), 5000, "each protocol has its own");
        }
        ends_empty(&mut nat);
    }
}
