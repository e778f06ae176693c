//! How subscribers share addresses, ports and room in tables.

use std::collections::{BTreeMap, BTreeSet};

use base::Counter;
use testkit::{echo, tcp, udp};
use tests::{Config, Connection, Pipe, lost};

use super::dependent;

/// Peer scenario: nat44-ed, outside address distribution.
#[test]
fn subscribers_spread_over_the_addresses_of_the_pool() {
    let mut nat = Pipe::new(&dependent().pool("prefixes", "[203.0.113.0/26]"));
    let mut subscribers: BTreeMap<_, u32> = BTreeMap::new();
    for host in 1..=128 {
        let out = nat
            .inside(udp(&format!("10.64.1.{host}:7000 > 192.0.2.1:8000")))
            .forwarded();
        *subscribers.entry(out.src.ip()).or_default() += 1;
    }
    let most = subscribers.values().max().unwrap();
    assert!(*most <= 10, "two each would be even: {subscribers:?}");
    assert!(subscribers.len() > 40, "{subscribers:?}");
}

/// Peer scenario: nat44-ed, dynamic translation of edge ports.
#[test]
fn ports_at_the_edges_of_the_range_are_translated_into_it() {
    let mut nat = Pipe::new(&dependent());
    for port in [1, 1023, 1024, 65535] {
        for packet in [
            tcp(&format!("10.64.0.7:{port} > 192.0.2.1:{port}")).syn(),
            udp(&format!("10.64.0.7:{port} > 192.0.2.1:{port}")),
            echo(&format!("10.64.0.7:{port} > 192.0.2.1")),
        ] {
            let source = packet.src;
            let out = nat.inside(packet).forwarded();
            assert!(out.src.port() >= 1024, "{out:?}");
            let back = nat.outside(crate::answer(&out)).forwarded();
            assert_eq!(back.dst, source);
            let below = out.reply().to(format!("{}:1023", out.src.ip()).as_str());
            if out.tcp.is_none() && out.icmp.is_none() {
                nat.outside(below).dropped(Counter::DropNoMapping);
            }
        }
    }
}

/// Peer scenario: nat44-ed, dynamic translation out of ports.
#[test]
fn a_packet_without_a_port_to_be_had_is_counted() {
    let config = dependent()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2001")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    for port in [5000, 5001] {
        nat.inside(tcp(&format!("10.64.0.7:{port} > 192.0.2.1:80")).syn())
            .forwarded();
    }
    nat.forget_counters();
    let refused = nat
        .inside(tcp("10.64.0.7:5002 > 192.0.2.1:80").syn())
        .refused(Counter::DropNoPort);
    assert_eq!(refused.icmp_kind(), Some((3, 1)));
    nat.expect_counters(&[
        (Counter::DropNoPort, 1),
        (Counter::EventPoolExhausted, 1),
        (Counter::EventSubscriberRefused, 1),
        (Counter::IcmpSent, 1),
    ]);
    // Ports of other protocols are still to be had.
    nat.inside(udp("10.64.0.7:5002 > 192.0.2.1:80")).forwarded();
    nat.inside(echo("10.64.0.7:5002 > 192.0.2.1")).forwarded();
}

/// Peer scenario: nat44-ed, address ports exhausted.
#[test]
fn every_port_of_an_address_is_used_once_before_any_packet_is_refused() {
    const PORTS: u16 = 4096;
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "1024-5119")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    let mut used = BTreeSet::new();
    for number in 0..PORTS {
        let (host, port) = (number / 1024, 10_000 + number % 1024);
        let out = nat
            .inside(udp(&format!("10.64.2.{host}:{port} > 192.0.2.1:7000")))
            .forwarded();
        assert!(used.insert(out.src), "{} twice", out.src);
    }
    assert_eq!(used.len(), usize::from(PORTS));
    for port in 0..100 {
        let outcome = nat.inside(udp(&format!("10.64.3.1:{} > 192.0.2.1:7000", 100 + port)));
        assert_eq!(outcome.reason, Counter::DropNoPort.name());
    }
}

/// Peer scenario: nat44-ed, LRU cleanup. Sessions whose time is over make room;
/// living ones never do.
#[test]
fn ended_sessions_make_room_in_a_full_table() {
    const ROOM: u16 = 100;
    let config = dependent()
        .limit("sessions", "100")
        .limit("mappings", "100")
        .timeout("udp", "120s")
        .timeout("tcp_transitory", "240s")
        .timeout("icmp", "1s");
    let mut nat = Pipe::new(&config);
    let connection = Connection::open(&mut nat, "10.64.0.7:2000", "192.0.2.1:80");
    for port in 1..ROOM {
        nat.inside(udp(&format!("10.64.0.7:{} > 192.0.2.1:80", 7000 + port)))
            .forwarded();
    }
    let full = nat.inside(echo("10.64.0.7:8000 > 192.0.2.1"));
    assert_eq!(full.verdict, "drop", "{full:?}");
    nat.wait(122.0);
    for id in 1..ROOM {
        nat.inside(echo(&format!("10.64.0.7:{} > 192.0.2.1", 8000 + id)))
            .forwarded();
    }
    connection.receive(&mut nat, b"still here");
}

/// Peer scenario: nat44-ed, self twice NAT, positive: the host that has the
/// service meets it under an outside endpoint.
#[test]
fn a_host_that_visits_its_own_service_is_seen_as_from_outside() {
    let mut nat = Pipe::new(&super::service());
    let visit = nat
        .inside(tcp("10.64.0.7:4567 > 203.0.113.13:80").syn())
        .hairpinned();
    assert!(visit.dst == "10.64.0.7:8080");
    assert!(crate::of_the_pool(&visit.src.ip().to_string()));
    assert_ne!(visit.src.port(), 4567);
    let back = nat.inside(crate::answer(&visit)).hairpinned();
    assert!(back.src == "203.0.113.13:80" && back.dst == "10.64.0.7:4567");
    assert_eq!(nat.show("translations").len(), 2);
    assert_eq!(nat.clear("translations"), 2);
    assert!(nat.show("translations").is_empty());
}

/// Peer scenario: nat44-ed, self twice NAT, negative: others are seen as they are.
#[test]
fn a_remote_visitor_of_a_service_keeps_its_endpoint() {
    let mut nat = Pipe::new(&super::service());
    let visit = nat
        .outside(tcp("192.0.2.1:4567 > 203.0.113.13:80").syn())
        .forwarded();
    assert!(visit.dst == "10.64.0.7:8080" && visit.src == "192.0.2.1:4567");
    let back = nat.inside(crate::answer(&visit)).forwarded();
    assert!(back.src == "203.0.113.13:80" && back.dst == "192.0.2.1:4567");
    lost(&nat.outside(udp("192.0.2.1:4567 > 203.0.113.13:80")));
}
