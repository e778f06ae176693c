//! Datagrams in pieces, as both of VPP's test files send them, under both kinds
//! of mapping.

use testkit::{Packet, Seen, echo, reassemble, tcp, udp};
use tests::{Config, Pipe, pieces, send_pieces};

use crate::nat44_ed::dependent;
use crate::{of_the_pool, stream};

const IN_ORDER: [usize; 3] = [0, 1, 2];
const OUT_OF_ORDER: [usize; 3] = [2, 1, 0];

/// Endpoint-dependent and endpoint-independent mappings.
fn kinds() -> [Config; 2] {
    [dependent(), Config::new()]
}

/// Sends a packet in pieces; what arrives, whole, with the data that was sent.
#[track_caller]
fn whole(nat: &mut Pipe, from: &str, packet: Packet, order: &[usize]) -> Seen {
    let left = send_pieces(nat, from, &pieces(packet), order);
    let seen = reassemble(&left).unwrap();
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    assert_eq!(seen.payload.len(), 600);
    let right = (0..600_u32).map(|byte| (byte * 7) as u8);
    assert!(seen.payload.iter().copied().eq(right), "other data");
    seen
}

/// Each protocol in pieces out and back; the packets as they left.
#[track_caller]
fn out_and_back(nat: &mut Pipe, order: &[usize]) -> Vec<Seen> {
    let mut left = Vec::new();
    for (id, packet) in (1..).zip(stream("10.64.0.7", "192.0.2.1")) {
        let source = packet.src;
        let out = whole(nat, "inside", packet.id(id), order);
        assert!(out.dst.ip().to_string() == "192.0.2.1");
        let back = whole(nat, "outside", crate::answer(&out).id(id), order);
        assert_eq!(back.dst, source);
        assert_eq!(back.src.ip(), out.dst.ip());
        left.push(out);
    }
    left
}

/// Peer scenario: nat44-ed and nat44-ei, translate fragments arriving in order.
#[test]
fn pieces_in_order_are_translated_both_ways() {
    for config in kinds() {
        let mut nat = Pipe::new(&config);
        for out in out_and_back(&mut nat, &IN_ORDER) {
            assert!(of_the_pool(&out.src.ip().to_string()));
        }
    }
}

/// Peer scenario: nat44-ed and nat44-ei, translate fragments arriving out of order.
#[test]
fn pieces_in_reverse_order_are_translated_both_ways() {
    for config in kinds() {
        let mut nat = Pipe::new(&config);
        for _ in 0..2 {
            for out in out_and_back(&mut nat, &OUT_OF_ORDER) {
                assert!(of_the_pool(&out.src.ip().to_string()));
            }
        }
    }
}

/// Peer scenario: nat44-ed, do not translate fragments, in order and out of order.
#[test]
fn pieces_that_pass_stay_as_they_are_in_any_order() {
    let config =
        dependent().rule_before("name: direct, inside: inside, source: 10.64.0.7/32, action: pass");
    let mut nat = Pipe::new(&config);
    for order in [IN_ORDER, OUT_OF_ORDER] {
        for packet in stream("10.64.0.7", "192.0.2.1") {
            let (source, destination) = (packet.src, packet.dst);
            let out = whole(&mut nat, "inside", packet.id(9), &order);
            assert!(out.src == source && out.dst == destination);
            if out.icmp.is_none() {
                let back = whole(&mut nat, "outside", crate::answer(&out).id(9), &order);
                assert!(back.src == destination && back.dst == source);
            }
        }
    }
    assert!(nat.show("translations").is_empty());
}

/// A server with a port of TCP and of UDP, and another with a whole address.
fn server(config: Config) -> Config {
    config
        .fixed("protocol: tcp, inside: \"10.64.0.11:4000\", outside: \"203.0.113.13:5000\"")
        .fixed("protocol: udp, inside: \"10.64.0.11:4000\", outside: \"203.0.113.13:5000\"")
        .fixed("inside: 10.64.0.10, outside: 203.0.113.14")
}

/// Peer scenario: nat44-ed, in+out interface fragments, in order and out of order.
#[test]
fn pieces_reach_a_static_mapping_from_outside_and_return() {
    for order in [IN_ORDER, OUT_OF_ORDER] {
        let mut nat = Pipe::new(&server(dependent()));
        for (packet, inside) in [
            (
                tcp("192.0.2.1:6000 > 203.0.113.13:5000").syn(),
                "10.64.0.11:4000",
            ),
            (udp("192.0.2.1:6000 > 203.0.113.13:5000"), "10.64.0.11:4000"),
            (udp("192.0.2.1:6000 > 203.0.113.14:5000"), "10.64.0.10:5000"),
        ] {
            let outside = packet.dst;
            let seen = whole(&mut nat, "outside", packet.id(1), &order);
            assert!(seen.src == "192.0.2.1:6000" && seen.dst == inside);
            let back = whole(&mut nat, "inside", crate::answer(&seen).id(1), &order);
            assert!(back.src == outside && back.dst == "192.0.2.1:6000");
        }
        let ping = echo("192.0.2.1:6000 > 203.0.113.14").id(2);
        let seen = whole(&mut nat, "outside", ping, &order);
        assert!(seen.src == "192.0.2.1:6000" && seen.dst == "10.64.0.10");
        let back = whole(&mut nat, "inside", seen.reply().id(2), &order);
        assert!(back.src == "203.0.113.14" && back.dst == "192.0.2.1:6000");
    }
}

/// Peer scenario: nat44-ed and nat44-ei, fragments hairpinning.
#[test]
fn pieces_are_hairpinned_to_a_static_mapping() {
    for config in kinds() {
        let mut nat = Pipe::new(&server(config));
        let to_port = |packet: Packet| (packet, "10.64.0.11:4000");
        let mut sources = Vec::new();
        for (packet, inside) in [
            to_port(tcp("10.64.0.7:4000 > 203.0.113.13:5000").syn()),
            to_port(udp("10.64.0.7:4001 > 203.0.113.13:5000")),
            (udp("10.64.0.7:4002 > 203.0.113.14:7"), "10.64.0.10:7"),
        ] {
            let seen = whole(&mut nat, "inside", packet.id(1), &OUT_OF_ORDER);
            assert!(seen.dst == inside, "{seen:?}");
            assert!(of_the_pool(&seen.src.ip().to_string()));
            sources.push(seen.src);
        }
        let ping = echo("10.64.0.7:4003 > 203.0.113.14").id(2);
        let seen = whole(&mut nat, "inside", ping, &IN_ORDER);
        assert_eq!(seen.dst.ip().to_string(), "10.64.0.10");
        assert!(sources.iter().all(|src| src.ip() == seen.src.ip()));
    }
}

/// Peer scenario: nat44-ei, forwarding of fragments from outside.
#[test]
fn pieces_from_outside_pass_where_nothing_is_translated() {
    let config = Config::new().rule_before("name: direct, source: 10.64.0.7/32, action: pass");
    let mut nat = Pipe::new(&config);
    for order in [IN_ORDER, OUT_OF_ORDER] {
        let packet = udp("192.0.2.1:4789 > 10.64.0.7:4789").id(7);
        let seen = whole(&mut nat, "outside", packet, &order);
        assert!(seen.src == "192.0.2.1:4789" && seen.dst == "10.64.0.7:4789");
    }
}
