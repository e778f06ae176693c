//! Protocols without ports, by pairs of addresses: `protocols` of a rule.

use testkit::{Packet, protocol, raw, tcp};
use tests::{Config, Pipe};

use super::dependent;
use crate::{answer, of_the_pool};

/// A rule for GRE and SCTP besides the usual protocols.
fn config() -> Config {
    dependent().rule("protocols", "[tcp, udp, icmp, gre, sctp]")
}

/// A GRE packet with something inside.
fn gre(flow: &str) -> Packet {
    raw(flow, protocol::GRE).payload(&[0, 0, 8, 0, 0x45, 0, 0, 20, 1, 2, 3, 4])
}

/// Peer scenario: nat44-ed, translate a packet with unknown protocol.
#[test]
fn gre_goes_by_the_address_its_host_has_already() {
    let mut nat = Pipe::new(&config());
    let syn = nat
        .inside(tcp("10.64.0.7:6303 > 192.0.2.1:20").syn())
        .forwarded();
    let out = nat.inside(gre("10.64.0.7 > 192.0.2.1")).forwarded();
    assert_eq!(out.src.ip(), syn.src.ip());
    assert!(out.dst == "192.0.2.1");
    let back = nat.outside(out.reply().payload(&[0, 0, 8, 0])).forwarded();
    assert!(back.src == "192.0.2.1" && back.dst == "10.64.0.7");
    tests::lost(&nat.outside(out.reply().from("192.0.2.9").payload(&[0, 0, 8, 0])));
}

/// Peer scenario: nat44-ed, translate a packet with unknown protocol: two hosts to
/// one remote are told apart by their outside addresses.
#[test]
fn two_hosts_with_gre_to_one_remote_do_not_share_an_address() {
    let mut nat = Pipe::new(&config());
    let first = nat.inside(gre("10.64.0.7 > 192.0.2.1")).forwarded();
    let second = nat.inside(gre("10.64.0.8 > 192.0.2.1")).forwarded();
    assert_ne!(first.src, second.src);
    for (out, host) in [(first, "10.64.0.7"), (second, "10.64.0.8")] {
        let back = nat.outside(out.reply().payload(&[0, 0, 8, 0])).forwarded();
        assert!(back.dst == host);
    }
}

/// Peer scenario: nat44-ed, translate a packet with unknown protocol, hairpinning.
#[test]
fn gre_is_hairpinned_to_a_mapped_address() {
    let config = config().fixed("inside: 10.64.0.8, outside: 203.0.113.14");
    let mut nat = Pipe::new(&config);
    let syn = nat
        .inside(tcp("10.64.0.7:1234 > 203.0.113.14:8765").syn())
        .hairpinned();
    assert!(syn.dst == "10.64.0.8:8765");
    let back = nat.inside(answer(&syn)).hairpinned();
    assert!(back.dst == "10.64.0.7:1234");
    let got = nat.inside(gre("10.64.0.7 > 203.0.113.14")).hairpinned();
    assert!(of_the_pool(&got.src.ip().to_string()) && got.dst == "10.64.0.8");
    let back = nat
        .inside(gre("10.64.0.8 > 0.0.0.0").to(got.src))
        .hairpinned();
    assert!(back.src == "203.0.113.14" && back.dst == "10.64.0.7");
}

/// Peer scenario: nat44-ed, unknown protocol, for SCTP, which keeps its ports.
#[test]
fn sctp_goes_out_and_comes_back_with_its_ports() {
    let mut nat = Pipe::new(&config());
    let init = [
        0x13, 0x88, 0x0b, 0x59, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20, 0, 0, 0, 9, 0, 1, 0, 0, 0, 1,
        0, 1, 0, 0, 0, 5,
    ];
    let mut ack = init;
    ack[..4].copy_from_slice(&[0x0b, 0x59, 0x13, 0x88]);
    ack[4..8].copy_from_slice(&[0, 0, 0, 9]);
    ack[12] = 2;
    let out = nat
        .inside(raw("10.64.0.7 > 192.0.2.1", protocol::SCTP).payload(&init))
        .forwarded();
    assert!(of_the_pool(&out.src.ip().to_string()));
    assert_eq!(out.transport[..4], init[..4], "ports stay");
    let back = nat
        .outside(
            raw("192.0.2.1 > 0.0.0.0", protocol::SCTP)
                .to(out.src)
                .payload(&ack),
        )
        .forwarded();
    assert_eq!(back.dst.ip().to_string(), "10.64.0.7");
    assert_eq!(back.transport[..4], ack[..4]);
}
