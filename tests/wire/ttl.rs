//! Time to live: RFC 1812 section 5.3.1, RFC 5508 REQ-10a, 10d.

use base::Counter;
use testkit::{Packet, Seen, echo, tcp, udp};
use tests::{Config, Pipe};

use super::open;

/// The quote is the packet as it came in; only the TTL may have been counted down (RFC 1812 section 4.3.2.3).
#[track_caller]
fn quotes(error: &Seen, packet: &Packet) {
    let sent = packet.ip();
    let quoted = &error.quote().bytes;
    assert!(quoted.len() >= 28 && quoted.len() <= sent.len());
    assert_eq!(quoted[..8], sent[..8]);
    assert!(quoted[8] == sent[8] || quoted[8] + 1 == sent[8]);
    assert_eq!(quoted[12..], sent[12..quoted.len()]);
    assert!(error.ip.len() <= 576);
}

/// RFC 5508 REQ-10a, d: 11/0 from the ingress address, DSCP copied.
#[test]
fn a_packet_that_ends_here_is_answered_from_the_inside_address() {
    let mut pipe = Pipe::new(&Config::new());
    for packet in [
        udp("10.64.0.7:5000 > 192.0.2.1:33434").payload(&[1; 32]),
        tcp("10.64.0.7:5000 > 192.0.2.1:80").syn(),
        echo("10.64.0.7:5000 > 192.0.2.1"),
        udp("10.64.0.7:5000 > 192.0.2.1:33434")
            .payload(&[1; 1400])
            .ip_options(&[0x94, 4, 0, 0]),
    ] {
        let packet = packet.ttl(1).tos(0xb8);
        let error = pipe.inside(packet.clone()).refused(Counter::DropTtl);
        assert_eq!(error.icmp_kind(), Some((11, 0)));
        assert!(error.src == tests::OWN_INSIDE);
        assert_eq!(error.tos & 0xfc, 0xb8);
        quotes(&error, &packet);
    }
    assert!(
        pipe.show("translations").is_empty(),
        "nothing left, nothing is kept"
    );
}

/// RFC 1812 section 5.3.1: zero is no more than one.
#[test]
fn a_packet_of_ttl_zero_goes_nowhere() {
    let mut pipe = Pipe::new(&Config::new());
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").ttl(0);
    let outcome = pipe.inside(packet);
    assert_eq!((&*outcome.verdict, &*outcome.reason), ("drop", "drop.ttl"));
    assert!(outcome.left.iter().all(|left| left.interface == "inside"));
}

/// RFC 5508 REQ-10a: traceroute from outside to a live mapping sees this hop.
#[test]
fn a_packet_to_a_live_mapping_that_ends_here_is_answered_from_the_outside_address() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    let packet = out.reply().payload(b"probe").ttl(1).tos(0x28);
    let error = pipe.outside(packet.clone()).refused(Counter::DropTtl);
    assert_eq!(error.icmp_kind(), Some((11, 0)));
    assert!(error.src == tests::OWN_OUTSIDE && error.dst == "192.0.2.1");
    assert_eq!(error.tos & 0xfc, 0x28);
    assert_eq!(error.quote().dst, out.src, "the quote is not translated");
    quotes(&error, &packet);
}

/// RFC 1812 section 5.3.1: minus one, and two is enough.
#[test]
fn one_is_taken_off_and_no_more() {
    let mut pipe = Pipe::new(&Config::new());
    for ttl in [2, 3, 64, 128, 255] {
        let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").ttl(ttl);
        let out = pipe.inside(packet).forwarded();
        assert_eq!(out.ttl, ttl - 1);
        assert_eq!(pipe.outside(out.reply().ttl(ttl)).forwarded().ttl, ttl - 1);
    }
}

/// RFC 4787 REQ-9: a hairpinned packet passes one router.
#[test]
fn a_hairpinned_packet_loses_one_hop() {
    let mut pipe = Pipe::new(&Config::new());
    let to_b = pipe
        .inside(udp("10.64.0.8:9 > 192.0.2.1:7000"))
        .forwarded()
        .src;
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:1").to(to_b);
    assert_eq!(pipe.inside(packet.clone().ttl(2)).hairpinned().ttl, 1);
    pipe.inside(packet.ttl(1)).refused(Counter::DropTtl);
}

/// RFC 1812 section 5.3.1: TTL does not matter to a packet that has arrived.
#[test]
fn a_ping_of_the_appliance_with_ttl_one_is_answered() {
    let mut pipe = Pipe::new(&Config::new());
    let answers = pipe
        .inside(echo("10.64.0.7:5 > 10.64.0.1").ttl(1))
        .consumed(Counter::ConsumeEcho);
    assert_eq!(answers.len(), 1);
    assert!(answers[0].ttl > 1);
}

/// RFC 5508 REQ-10a: a session lives on when one of its packets ends here.
#[test]
fn an_expired_packet_changes_nothing_of_its_session() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    pipe.inside(udp("10.64.0.7:5000 > 192.0.2.1:7000").ttl(1))
        .refused(Counter::DropTtl);
    pipe.outside(out.reply()).forwarded();
}
