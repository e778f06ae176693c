//! Static mappings of addresses and of ports.

use base::Counter;
use testkit::{echo, protocol, raw, tcp};
use tests::{Config, OWN_OUTSIDE, Pipe};

use super::WIRES;
use crate::{answer, of_the_pool, one_source, stream, there_and_back};

fn one_to_one() -> Pipe {
    Pipe::new(&Config::new().fixed("inside: 10.64.0.7, outside: 203.0.113.14"))
}

/// Peer scenario: nat44-ei, 1:1 NAT initialized from inside.
#[test]
fn a_mapped_address_keeps_its_ports_on_the_way_out() {
    let mut nat = one_to_one();
    let packets = stream("10.64.0.7", "192.0.2.1");
    for (packet, out) in packets
        .iter()
        .zip(there_and_back(&mut nat, WIRES, &packets))
    {
        assert!(out.src == format!("203.0.113.14:{}", packet.src.port()).as_str());
    }
}

/// Peer scenario: nat44-ei, 1:1 NAT initialized from outside.
#[test]
fn a_mapped_address_keeps_its_ports_on_the_way_in() {
    let mut nat = one_to_one();
    for packet in stream("192.0.2.1", "203.0.113.14") {
        let got = nat.outside(packet.clone()).forwarded();
        assert_eq!(got.src, packet.src);
        assert_eq!(got.dst.ip().to_string(), "10.64.0.7");
        assert_eq!(got.dst.port(), packet.dst.port());
        let back = nat.inside(answer(&got)).forwarded();
        assert_eq!(back.src, packet.dst);
        assert_eq!(back.dst, packet.src);
    }
}

/// Peer scenario: nat44-ei, ping an internal host from outside.
#[test]
fn a_mapped_host_is_pinged_from_outside() {
    let mut nat = one_to_one();
    let ping = nat
        .outside(echo("192.0.2.1:6305 > 203.0.113.14"))
        .forwarded();
    assert!(ping.src == "192.0.2.1:6305" && ping.dst == "10.64.0.7");
    let pong = nat.inside(ping.reply()).forwarded();
    assert_eq!(pong.icmp_kind(), Some((0, 0)));
    assert!(pong.src == "203.0.113.14" && pong.dst == "192.0.2.1:6305");
}

/// A port of each protocol that has ports.
fn ports() -> Pipe {
    let fixed = |protocol: &str, inside: u16, outside: u16| {
        format!(
            "protocol: {protocol}, inside: \"10.64.0.7:{inside}\", \
             outside: \"203.0.113.13:{outside}\""
        )
    };
    Pipe::new(
        &Config::new()
            .fixed(&fixed("tcp", 6303, 30606))
            .fixed(&fixed("udp", 6304, 30607)),
    )
}

/// Peer scenario: nat44-ei, 1:1 NAPT initialized from inside.
#[test]
fn mapped_ports_are_used_on_the_way_out() {
    let mut nat = ports();
    let left = there_and_back(&mut nat, WIRES, &stream("10.64.0.7", "192.0.2.1"));
    for (out, port) in left.iter().zip([30606, 30607]) {
        assert!(out.src == format!("203.0.113.13:{port}").as_str());
    }
    // An identifier is not mapped: it comes from the pool.
    assert!(of_the_pool(&left[2].src.ip().to_string()));
}

/// Peer scenario: nat44-ei, 1:1 NAPT initialized from outside.
#[test]
fn mapped_ports_are_reached_from_outside() {
    let mut nat = ports();
    for packet in [
        tcp("192.0.2.1:20 > 203.0.113.13:30606").syn(),
        testkit::udp("192.0.2.1:20 > 203.0.113.13:30607"),
    ] {
        let got = nat.outside(packet.clone()).forwarded();
        assert!(got.src == "192.0.2.1:20" && got.dst.ip().to_string() == "10.64.0.7");
        assert_eq!(got.dst.port(), if got.tcp.is_some() { 6303 } else { 6304 });
        let back = nat.inside(answer(&got)).forwarded();
        assert_eq!(back.src, packet.dst);
    }
}

/// Peer scenario: nat44-ei, 1:1 NAT in a VRF: it is for hosts of its realm alone.
#[test]
fn a_mapping_of_one_realm_is_not_for_a_host_of_another() {
    let config = Config::new()
        .rule("source", "10.64.99.0/24")
        .add_interface("name: lan, device: \"net_null2\", addresses: [10.4.0.1/16], vrf: ten")
        .fixed("inside: 10.4.0.2, outside: 203.0.113.14, vrf: ten, outside_vrf: default")
        .fixed("inside: 10.64.0.7, outside: 203.0.113.13, vrf: ten, outside_vrf: default");
    let mut nat = Pipe::new(&config);
    nat.learn("lan", "10.4.0.2", "10.4.0.1", &[]);
    for packet in stream("192.0.2.1", "203.0.113.14") {
        let got = nat.outside(packet.clone()).forwarded();
        assert_eq!(got.dst.ip().to_string(), "10.4.0.2");
        let back = nat.send("lan", &answer(&got)).forwarded();
        assert_eq!(back.src, packet.dst);
    }
    for packet in stream("10.64.0.7", "192.0.2.1") {
        nat.inside(packet).dropped(Counter::DropNoRule);
    }
}

/// Peer scenario: nat44-ei, static mapping with the address of an interface.
#[test]
fn a_port_of_the_outside_interface_is_mapped() {
    let config = Config::new().fixed(
        "protocol: tcp, inside: \"10.64.0.7:6303\", outside: { interface: outside, port: 30606 }",
    );
    let mut nat = Pipe::new(&config);
    let syn = tcp(&format!("192.0.2.1:20 > {OWN_OUTSIDE}:30606")).syn();
    let got = nat.outside(syn).forwarded();
    assert!(got.dst == "10.64.0.7:6303");
    let back = nat.inside(answer(&got)).forwarded();
    assert!(back.src == format!("{OWN_OUTSIDE}:30606").as_str());
    let rows = nat.show("mappings");
    assert_eq!(rows[0]["outside"], format!("{OWN_OUTSIDE}:30606"));
}

/// A GRE packet with something inside.
fn gre(flow: &str) -> testkit::Packet {
    raw(flow, protocol::GRE).payload(&[0, 0, 8, 0, 0x45, 0, 0, 20, 1, 2, 3, 4])
}

/// Peer scenario: nat44-ei, 1:1 translate a packet with unknown protocol.
#[test]
fn a_mapped_address_carries_any_protocol() {
    let mut nat = one_to_one();
    let out = nat.inside(gre("10.64.0.7 > 192.0.2.1")).forwarded();
    assert!(out.src == "203.0.113.14" && out.dst == "192.0.2.1");
    let got = nat.outside(gre("192.0.2.1 > 203.0.113.14")).forwarded();
    assert!(got.src == "192.0.2.1" && got.dst == "10.64.0.7");
    let _ = nat
        .inside(gre("10.64.0.8 > 192.0.2.1"))
        .refused(Counter::DropProtocol);
}

/// Peer scenario: nat44-ei, 1:1 translate a packet with unknown protocol, hairpinning.
#[test]
fn mapped_addresses_carry_any_protocol_to_each_other() {
    let config = Config::new()
        .fixed("inside: 10.64.0.7, outside: 203.0.113.13")
        .fixed("inside: 10.64.0.8, outside: 203.0.113.14");
    let mut nat = Pipe::new(&config);
    let got = nat.inside(gre("10.64.0.7 > 203.0.113.14")).hairpinned();
    assert!(got.src == "203.0.113.13" && got.dst == "10.64.0.8");
    let got = nat.inside(gre("10.64.0.8 > 203.0.113.13")).hairpinned();
    assert!(got.src == "203.0.113.14" && got.dst == "10.64.0.7");
}

/// Peer scenario: nat44-ei, dynamic translation beside static mappings: who has
/// none gets what the pool has.
#[test]
fn hosts_without_a_mapping_use_the_pool() {
    let mut nat = one_to_one();
    let left = there_and_back(&mut nat, WIRES, &stream("10.64.0.8", "192.0.2.1"));
    let source = one_source(&left);
    assert!(of_the_pool(&source) && source != "203.0.113.14");
}
