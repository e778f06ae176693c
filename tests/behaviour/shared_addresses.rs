//! Pools that share an address by disjoint ports, and pools with system ports
//! (RFC 4787 REQ-3a, RFC 7857 section 8).

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use base::Counter;
use testkit::{Packet, echo, icmp_error, tcp, udp};
use tests::{Config, Pipe};

use crate::{ends_empty, lost, udp_endpoint};

const ONE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// Two rules, two pools, one address.
fn config() -> Config {
    Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "1024-2047")
        .pool("blocks", "{ size: 64, max_per_subscriber: 2 }")
        .add_pool("name: upper, prefixes: [203.0.113.1/32], ports: 2048-4095")
        .rule("source", "10.64.0.7/32")
        .rule_before("name: others, inside: inside, source: 10.64.0.8/29, pool: upper")
}

/// Each keeps to its own ports, and everything comes back to whom it is for.
#[test]
fn two_pools_divide_the_ports_of_an_address() {
    let mut nat = Pipe::new(&config());
    let mut seen = BTreeSet::new();
    for port in 5000..5100 {
        for (host, ports) in [(7, 1024..2048), (8, 2048..4096), (9, 2048..4096)] {
            let inside = format!("10.64.0.{host}:{port}");
            let out = udp_endpoint(&mut nat, &inside, "192.0.2.1:7000");
            assert_eq!(out.ip(), ONE);
            assert!(ports.contains(&out.port()), "{inside} > {out}");
            assert!(seen.insert(out));
            let back = nat.outside(udp(&format!("192.0.2.1:7000 > {out}")));
            assert!(back.forwarded().dst == inside.as_str());
        }
    }
    ends_empty(&mut nat);
}

/// TCP, queries and errors, too.
#[test]
fn connections_queries_and_errors_find_their_pool() {
    let mut nat = Pipe::new(&config());
    for (host, ports) in [(7, 1024..2048), (8, 2048..4096)] {
        let syn = tcp(&format!("10.64.0.{host}:5000 > 192.0.2.1:80")).syn();
        let out = nat.inside(syn).forwarded();
        assert!(ports.contains(&out.src.port()));
        let error = icmp_error(3, 1, "198.18.0.1", &out.ip).quote_len(28);
        let inside = format!("10.64.0.{host}");
        assert!(nat.outside(error).forwarded().dst == inside.as_str());
        let ping = nat.inside(echo(&format!("{inside}:77 > 192.0.2.1")));
        let ping = ping.forwarded();
        assert!(ports.contains(&ping.src.port()));
        let pong = nat.outside(ping.reply()).forwarded();
        assert!(pong.dst == format!("{inside}:77").as_str());
    }
    ends_empty(&mut nat);
}

/// A port of neither pool is nobody's.
#[test]
fn a_port_of_neither_pool_leads_nowhere() {
    let mut nat = Pipe::new(&config());
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    for port in [80, 1023, 4096, 65535] {
        lost(&nat.outside(udp(&format!("192.0.2.1:7000 > 203.0.113.1:{port}"))));
    }
}

/// Hosts of the two pools reach each other by the address they have in common.
#[test]
fn hosts_of_both_pools_reach_each_other() {
    let mut nat = Pipe::new(&config());
    let of_a = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    let of_b = udp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000");
    let at_b = nat
        .inside(udp("10.64.0.7:5000 > 0.0.0.0").to(of_b))
        .hairpinned();
    assert!(at_b.src == of_a && at_b.dst == "10.64.0.8:6000");
    let at_a = nat.inside(at_b.reply()).hairpinned();
    assert!(at_a.src == of_b && at_a.dst == "10.64.0.7:5000");
    ends_empty(&mut nat);
}

/// One pool full is no reason to touch the other's ports.
#[test]
fn a_full_pool_does_not_take_from_the_other() {
    let config = config()
        .pool("ports", "1024-1027")
        .pool("blocks", "{ size: 4, max_per_subscriber: 1 }");
    let mut nat = Pipe::new(&config);
    crate::open_udp(&mut nat, "10.64.0.7", 5000, 4);
    nat.inside(udp("10.64.0.7:5004 > 192.0.2.1:7000"))
        .refused(Counter::DropBlockLimit);
    udp_endpoint(&mut nat, "10.64.0.8:5000", "192.0.2.1:7000");
    ends_empty(&mut nat);
}

/// Meeting ports are an error of the file.
#[test]
fn pools_whose_ports_meet_are_an_error_of_the_file() {
    let said = crate::check(&config().pool("ports", "1024-2048"));
    assert_eq!(said.0, Some(2), "{}", said.1);
    assert!(said.1.contains("203.0.113.1"), "{}", said.1);
}

/// RFC 4787 REQ-3a: a system port for a system port, another for another.
#[test]
fn the_class_of_a_port_is_kept_in_a_shared_range() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "512-4095")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    let make: [fn(&str) -> Packet; 3] = [
        |inside| udp(&format!("{inside} > 192.0.2.1:7000")),
        |inside| tcp(&format!("{inside} > 192.0.2.1:80")).syn(),
        |inside| echo(&format!("{inside} > 192.0.2.1")),
    ];
    for make in make {
        for port in (1..1023).step_by(21) {
            let out = nat.inside(make(&format!("10.64.0.7:{port}"))).forwarded();
            assert!((512..1024).contains(&out.src.port()), "{port}: {}", out.src);
        }
        for port in (1024..=65535).step_by(997) {
            let out = nat.inside(make(&format!("10.64.0.7:{port}"))).forwarded();
            assert!(
                (1024..4096).contains(&out.src.port()),
                "{port}: {}",
                out.src
            );
        }
    }
    ends_empty(&mut nat);
}

/// System ports that are used up give way to others; the other way round, too, nobody is
/// refused while there are ports of his class.
#[test]
fn a_host_without_system_ports_left_gets_another_port() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "1020-1031")
        .pool_without("blocks")
        .rule("parity", "false");
    let mut nat = Pipe::new(&config);
    let outs: Vec<u16> = (100..108)
        .map(|port| {
            let inside = format!("10.64.0.7:{port}");
            udp_endpoint(&mut nat, &inside, "192.0.2.1:7000").port()
        })
        .collect();
    let system = outs.iter().filter(|port| **port < 1024).count();
    assert_eq!(system, 4, "{outs:?}");
    assert!(outs[..4].iter().all(|port| *port < 1024), "{outs:?}");
    ends_empty(&mut nat);
}
