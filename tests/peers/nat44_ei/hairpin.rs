//! Inside hosts that reach each other's outside addresses, with one worker and
//! with two.

use base::Counter;
use testkit::{Packet, tcp};
use tests::{Config, OWN_INSIDE, Pipe};

use crate::{answer, of_the_pool, stream};

const CORES: [&str; 2] = ["[1]", "[1, 2]"];

/// A server with one port at an outside address.
fn one_port(cores: &str) -> Config {
    Config::new()
        .cores(cores)
        .fixed("protocol: tcp, inside: \"10.64.0.8:5678\", outside: \"203.0.113.13:8765\"")
}

/// The host connects to the server's outside endpoint and hears from it.
#[track_caller]
fn connects(nat: &mut Pipe) {
    let syn = nat
        .inside(tcp("10.64.0.7:1234 > 203.0.113.13:8765").syn())
        .hairpinned();
    assert!(syn.dst == "10.64.0.8:5678");
    assert!(of_the_pool(&syn.src.ip().to_string()) && syn.src.port() != 1234);
    let back = nat.inside(answer(&syn)).hairpinned();
    assert!(back.src == "203.0.113.13:8765" && back.dst == "10.64.0.7:1234");
}

/// Peer scenario: nat44-ei, hairpinning to 1:1 NAPT; with multiple workers; output
/// feature hairpinning.
#[test]
fn a_host_reaches_a_mapped_port_behind_the_same_nat() {
    for cores in CORES {
        let mut nat = Pipe::new(&one_port(cores));
        connects(&mut nat);
        nat.expect_counters(&[
            (Counter::ForwardHairpin, 2),
            (Counter::NatSessionsCreated, 2),
            (Counter::NatMappingsCreated, 1),
            (Counter::NatSubscribersCreated, 1),
            (Counter::NatBlocksAllocated, 1),
        ]);
    }
}

/// Peer scenario: nat44-ei, hairpinning to 1:1 NAT; with multiple workers.
#[test]
fn hosts_and_mapped_servers_reach_each_other() {
    for cores in CORES {
        let config = Config::new()
            .cores(cores)
            .fixed("inside: 10.64.0.8, outside: 203.0.113.13")
            .fixed("inside: 10.64.0.9, outside: 203.0.113.14");
        let mut nat = Pipe::new(&config);
        // A host without a mapping of its own, to a server and back.
        for packet in stream("10.64.0.7", "203.0.113.13") {
            let got = talk(&mut nat, &packet, "10.64.0.8");
            assert!(of_the_pool(&got));
        }
        // Two servers, either way.
        for packet in stream("10.64.0.9", "203.0.113.13") {
            assert_eq!(talk(&mut nat, &packet, "10.64.0.8"), "203.0.113.14");
        }
        for packet in stream("10.64.0.8", "203.0.113.14") {
            assert_eq!(talk(&mut nat, &packet, "10.64.0.9"), "203.0.113.13");
        }
    }
}

/// A packet to a server's outside address and its answer; the source the server saw.
#[track_caller]
fn talk(nat: &mut Pipe, packet: &Packet, server: &str) -> String {
    let got = nat.inside(packet.clone()).hairpinned();
    assert_eq!(got.dst.ip().to_string(), server);
    let back = nat.inside(answer(&got)).hairpinned();
    assert_eq!(back.src.ip(), *packet.dst.ip());
    assert_eq!(back.dst, packet.src);
    got.src.ip().to_string()
}

/// Peer scenario: nat44-ei, hairpinning without an endless loop: what is for the
/// appliance itself ends there, and harms no hairpin.
#[test]
fn a_packet_to_the_appliance_itself_goes_round_nowhere() {
    let mut nat = Pipe::new(&one_port("[1]"));
    let refused = nat.inside(tcp(&format!("10.64.0.7:1234 > {OWN_INSIDE}:8765")).syn());
    assert_eq!(refused.reason, Counter::DropNoService.name());
    assert!(refused.left.iter().all(|left| left.interface == "inside"));
    connects(&mut nat);
}
