//! Which outside endpoint an inside endpoint gets (RFC 4787 section 4).

use std::collections::BTreeSet;

use testkit::{Endpoint, echo, icmp_query, tcp, udp};
use tests::{Config, Pipe};

use crate::{tcp_endpoint, udp_endpoint};

const REMOTES: [&str; 6] = [
    "192.0.2.1:7000",
    "192.0.2.1:7001",
    "192.0.2.9:7000",
    "192.0.2.1:53",
    "192.0.2.9:443",
    "192.0.2.77:5060",
];

/// RFC 4787 REQ-1.
#[test]
fn a_udp_endpoint_is_the_same_for_every_destination() {
    let mut nat = Pipe::new(&Config::new());
    let seen: BTreeSet<Endpoint> = REMOTES
        .map(|remote| udp_endpoint(&mut nat, "10.64.0.7:5000", remote))
        .into();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

/// RFC 5382 REQ-1.
#[test]
fn a_tcp_endpoint_is_the_same_for_every_destination() {
    let mut nat = Pipe::new(&Config::new());
    let seen: BTreeSet<Endpoint> = REMOTES
        .map(|remote| tcp_endpoint(&mut nat, "10.64.0.7:5000", remote))
        .into();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

/// RFC 5508 REQ-1a.
#[test]
fn an_icmp_identifier_is_the_same_for_every_destination() {
    let mut nat = Pipe::new(&Config::new());
    let first = nat.inside(echo("10.64.0.7:4660 > 192.0.2.1")).forwarded();
    let second = nat.inside(echo("10.64.0.7:4660 > 192.0.2.9")).forwarded();
    let stamp = nat
        .inside(icmp_query(13, "10.64.0.7:4660 > 192.0.2.1"))
        .forwarded();
    assert_eq!(first.src, second.src);
    assert_eq!(first.src, stamp.src);
}

/// Nothing but addresses, ports, TTL and checksums may change (A0 of the checklist).
#[test]
fn the_destination_and_the_payload_stay_as_they_are() {
    let mut nat = Pipe::new(&Config::new());
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(b"10.64.0.7:5000");
    let out = nat.inside(packet).forwarded();
    assert!(out.dst == "192.0.2.1:7000");
    assert_eq!(out.payload, b"10.64.0.7:5000");
    let back = nat.outside(out.reply().payload(b"answer")).forwarded();
    assert!(back.src == "192.0.2.1:7000" && back.dst == "10.64.0.7:5000");
}

/// RFC 4787 section 4.1, address-dependent mapping.
#[test]
fn an_address_dependent_mapping_is_one_for_each_remote_address() {
    let config = Config::new().rule("mapping", "address-dependent");
    let mut nat = Pipe::new(&config);
    for transport in [udp_endpoint, tcp_endpoint] {
        let first = transport(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
        let other_port = transport(&mut nat, "10.64.0.7:5000", "192.0.2.1:7001");
        let other_address = transport(&mut nat, "10.64.0.7:5000", "192.0.2.9:7000");
        assert_eq!(first, other_port);
        assert_ne!(first, other_address);
        let again = transport(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
        assert_eq!(first, again, "the first mapping is still there");
    }
}

/// RFC 4787 section 4.1, address-and-port-dependent mapping. Such mappings may
/// share a port by chance, so several are compared.
#[test]
fn an_address_and_port_dependent_mapping_is_one_for_each_remote_endpoint() {
    let config = Config::new().rule("mapping", "address-and-port-dependent");
    let mut nat = Pipe::new(&config);
    for transport in [udp_endpoint, tcp_endpoint] {
        let open = |nat: &mut Pipe, port: u16| {
            transport(nat, "10.64.0.7:5000", &format!("192.0.2.1:{port}"))
        };
        let first: Vec<Endpoint> = (7000..7008).map(|port| open(&mut nat, port)).collect();
        let distinct: BTreeSet<_> = first.iter().collect();
        assert!(distinct.len() >= 7, "{first:?}");
        let again: Vec<Endpoint> = (7000..7008).map(|port| open(&mut nat, port)).collect();
        assert_eq!(first, again, "each flow keeps its own");
    }
}

/// Return traffic of every kind of mapping finds the inside host.
#[test]
fn answers_come_back_under_every_kind_of_mapping() {
    for kind in [
        "endpoint-independent",
        "address-dependent",
        "address-and-port-dependent",
    ] {
        let mut nat = Pipe::new(&Config::new().rule("mapping", kind));
        for remote in REMOTES {
            let out = nat
                .inside(udp(&format!("10.64.0.7:5000 > {remote}")))
                .forwarded();
            let back = nat.outside(out.reply()).forwarded();
            assert!(back.src == remote && back.dst == "10.64.0.7:5000", "{kind}");
            let ping = nat.inside(echo("10.64.0.7:9 > 192.0.2.1")).forwarded();
            let pong = nat.outside(ping.reply()).forwarded();
            assert!(pong.dst == "10.64.0.7:9", "{kind}");
        }
    }
}

/// RFC 4787 REQ-3, RFC 5382 REQ-7: endpoints are never shared.
#[test]
fn two_inside_endpoints_never_have_one_outside_endpoint() {
    // One address, and few ports: collisions would be certain.
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2127")
        .pool("blocks", "{ size: 32, max_per_subscriber: 2 }");
    let mut nat = Pipe::new(&config);
    let mut owners = Vec::new();
    for port in 5000..5032 {
        for host in ["10.64.0.7", "10.64.0.8"] {
            let inside = format!("{host}:{port}");
            let outside = udp_endpoint(&mut nat, &inside, "192.0.2.1:7000");
            owners.push((outside, inside));
        }
    }
    let distinct: BTreeSet<_> = owners.iter().map(|(outside, _)| outside).collect();
    assert_eq!(distinct.len(), owners.len());
    for (outside, inside) in owners {
        let got = nat
            .outside(udp(&format!("192.0.2.1:7000 > {outside}")))
            .forwarded();
        assert!(got.dst == inside.as_str(), "{outside} is {inside}'s");
    }
}

/// RFC 5382 REQ-7, with ports so few that collisions would be certain.
#[test]
fn two_inside_endpoints_never_have_one_outside_endpoint_for_connections() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2127")
        .pool("blocks", "{ size: 32, max_per_subscriber: 2 }");
    let mut nat = Pipe::new(&config);
    let mut owners = Vec::new();
    for port in 5000..5032 {
        for host in ["10.64.0.7", "10.64.0.8"] {
            let inside = format!("{host}:{port}");
            let outside = tcp_endpoint(&mut nat, &inside, "192.0.2.1:80");
            owners.push((outside, inside));
        }
    }
    let distinct: BTreeSet<_> = owners.iter().map(|(outside, _)| outside).collect();
    assert_eq!(distinct.len(), owners.len());
    for (outside, inside) in owners {
        let answer = tcp(&format!("192.0.2.1:80 > {outside}")).syn_ack();
        assert!(nat.outside(answer).forwarded().dst == inside.as_str());
        let visit = tcp(&format!("192.0.2.1:81 > {outside}")).syn();
        assert!(nat.outside(visit).forwarded().dst == inside.as_str());
    }
}

/// RFC 7857 section 5: UDP and TCP of one inside port are mapped by themselves.
#[test]
fn the_protocols_of_one_inside_port_are_mapped_apart() {
    let mut nat = Pipe::new(&Config::new());
    let mut same = 0;
    for port in 5000..5032 {
        let inside = format!("10.64.0.7:{port}");
        let by_udp = udp_endpoint(&mut nat, &inside, "192.0.2.1:80");
        let by_tcp = tcp_endpoint(&mut nat, &inside, "192.0.2.1:80");
        same += usize::from(by_udp == by_tcp);
    }
    assert!(same < 8, "{same} of 32 agree");
    assert_eq!(nat.show("mappings").len(), 64);
}

/// RFC 7857 section 6: what is open for one protocol is not for another.
#[test]
fn a_mapping_of_one_protocol_lets_nothing_of_another_in() {
    let mut nat = Pipe::new(&Config::new());
    let of_udp = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    crate::kept_out(&nat.outside(tcp(&format!("192.0.2.1:7000 > {of_udp}")).syn()));
    let of_tcp = tcp_endpoint(&mut nat, "10.64.0.8:5000", "192.0.2.1:7000");
    crate::lost(&nat.outside(udp(&format!("192.0.2.1:7000 > {of_tcp}"))));
}

/// RFC 7857 section 3, where it is switched on: one outside port for several inside
/// endpoints, as long as the remotes differ.
#[test]
fn an_overloaded_port_serves_different_remotes_only() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2003")
        .pool_without("blocks")
        .rule("parity", "false")
        .rule("mapping", "address-and-port-dependent")
        .rule("filtering", "address-and-port-dependent")
        .rule("port_overloading", "true");
    let mut nat = Pipe::new(&config);
    let mut owners = Vec::new();
    let mut taken = BTreeSet::new();
    for remote in 1..=20 {
        for host in [7, 8] {
            let inside = format!("10.64.0.{host}:5000");
            let remote = format!("192.0.2.{remote}:80");
            let outside = tcp_endpoint(&mut nat, &inside, &remote);
            assert!(
                taken.insert((outside, remote.clone())),
                "{outside} to {remote} has two owners"
            );
            owners.push((outside, remote, inside));
        }
    }
    let ports: BTreeSet<Endpoint> = owners.iter().map(|(outside, _, _)| *outside).collect();
    assert!(ports.len() <= 4, "{ports:?}");
    for (outside, remote, inside) in &owners {
        let answer = tcp(&format!("{remote} > {outside}")).syn_ack();
        assert!(nat.outside(answer).forwarded().dst == inside.as_str());
    }
    // To one remote there are no more flows than ports.
    for port in [5001, 5002] {
        tcp_endpoint(&mut nat, &format!("10.64.0.9:{port}"), "192.0.2.1:80");
    }
    crate::lost_but_told(&nat.inside(tcp("10.64.0.9:5003 > 192.0.2.1:80").syn()));
    tcp_endpoint(&mut nat, "10.64.0.9:5003", "192.0.2.1:81");
}

/// RFC 7857 section 3: off unless switched on.
#[test]
fn ports_are_not_overloaded_by_default() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2003")
        .pool_without("blocks")
        .rule("parity", "false");
    let mut nat = Pipe::new(&config);
    for (host, remote) in [(7, 1), (8, 2), (9, 3), (10, 4)] {
        let inside = format!("10.64.0.{host}:5000");
        tcp_endpoint(&mut nat, &inside, &format!("192.0.2.{remote}:80"));
    }
    crate::lost_but_told(&nat.inside(tcp("10.64.0.11:5000 > 192.0.2.5:80").syn()));
}

/// RFC 4787 REQ-11: the class of mapping does not change under load.
#[test]
fn the_kind_of_mapping_is_the_same_when_ports_are_nearly_used_up() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2063")
        .pool("blocks", "{ size: 64, max_per_subscriber: 1 }");
    let mut nat = Pipe::new(&config);
    crate::open_udp(&mut nat, "10.64.0.7", 5000, 62);
    let seen: BTreeSet<Endpoint> = REMOTES
        .map(|remote| udp_endpoint(&mut nat, "10.64.0.7:6000", remote))
        .into();
    assert_eq!(seen.len(), 1, "{seen:?}");
    let back = nat
        .outside(udp(&format!("192.0.2.200:1 > {}", seen.first().unwrap())))
        .forwarded();
    assert!(back.dst == "10.64.0.7:6000");
}

/// Packets to an address of the pool that nobody holds go nowhere: no routing loop.
#[test]
fn nothing_gets_in_where_no_mapping_is() {
    let mut nat = Pipe::new(&Config::new());
    crate::lost(&nat.outside(udp("192.0.2.1:7000 > 203.0.113.5:4000")));
    let used = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    let beside = (used.ip(), used.port() ^ 1);
    crate::lost(&nat.outside(udp("192.0.2.1:7000 > 203.0.113.5:4000").to(beside)));
}

/// Inside addresses are not reachable from outside by themselves.
#[test]
fn an_inside_address_cannot_be_reached_from_outside() {
    let mut nat = Pipe::new(&Config::new());
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    crate::lost(&nat.outside(udp("192.0.2.1:7000 > 10.64.0.7:5000")));
    crate::lost(&nat.outside(tcp("192.0.2.1:7000 > 10.64.0.7:5000").syn()));
}
