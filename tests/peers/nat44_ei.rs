//! Scenarios of VPP's endpoint-independent NAT (`test_nat44_ei.py`).

mod hairpin;
mod realms;
mod statics;

use base::Counter;
use testkit::{echo, icmp_error, tcp, udp};
use tests::{Config, GATEWAY, OWN_INSIDE, OWN_OUTSIDE, Pipe, lost};

use crate::{answer, of_the_pool, one_source, stream, there_and_back};

const WIRES: [&str; 2] = ["inside", "outside"];

/// Peer scenario: nat44-ei, dynamic translation.
#[test]
fn three_protocols_keep_their_endpoints_towards_every_remote() {
    let mut nat = Pipe::new(&Config::new());
    let first = there_and_back(&mut nat, WIRES, &stream("10.64.0.7", "192.0.2.1"));
    assert!(of_the_pool(&one_source(&first)));
    let second = there_and_back(&mut nat, WIRES, &stream("10.64.0.7", "192.0.2.9"));
    for (one, other) in first.iter().zip(&second) {
        assert_eq!(one.src, other.src);
    }
    assert_eq!(nat.show("mappings").len(), 3);
    assert_eq!(nat.show("translations").len(), 6);
}

/// Peer scenario: nat44-ei, session clearing.
#[test]
fn nothing_is_left_after_all_sessions_are_cleared() {
    let mut nat = Pipe::new(&Config::new());
    let left = there_and_back(&mut nat, WIRES, &stream("10.64.0.7", "192.0.2.1"));
    assert_eq!(nat.clear("translations"), 3);
    assert!(nat.show("translations").is_empty() && nat.show("mappings").is_empty());
    lost(&nat.outside(left[1].reply()));
    nat.wait(301.0);
    assert!(nat.show("subscribers").is_empty());
}

/// Peer scenario: nat44-ei, client packets with TTL 1.
#[test]
fn a_client_s_packet_that_ends_here_is_answered() {
    let mut nat = Pipe::new(&Config::new());
    for packet in stream("10.64.0.7", "192.0.2.1") {
        let error = nat.inside(packet.ttl(1)).refused(Counter::DropTtl);
        assert_eq!(error.icmp_kind(), Some((11, 0)));
        assert!(error.src == OWN_INSIDE);
    }
    assert!(nat.show("translations").is_empty());
}

/// Peer scenario: nat44-ei, server packets with TTL 1.
#[test]
fn a_server_s_packet_that_ends_here_is_answered() {
    let mut nat = Pipe::new(&Config::new());
    for packet in stream("10.64.0.7", "192.0.2.1") {
        let out = nat.inside(packet).forwarded();
        let back = answer(&out);
        if out.icmp.is_some() {
            // Dropped like the others, and answered: it was a reply, no error.
            assert_eq!(nat.outside(back.ttl(1)).reason, Counter::DropTtl.name());
            continue;
        }
        let error = nat.outside(back.ttl(1)).refused(Counter::DropTtl);
        assert_eq!(error.icmp_kind(), Some((11, 0)));
        assert!(error.src == OWN_OUTSIDE);
        assert_eq!(error.quote().dst, out.src, "as the server sent it");
    }
}

/// Peer scenario: nat44-ei, errors about client packets with TTL 2.
#[test]
fn a_router_outside_reports_a_client_s_packet() {
    let mut nat = Pipe::new(&Config::new());
    for packet in stream("10.64.0.7", "192.0.2.1") {
        let out = nat.inside(packet.clone().ttl(2)).forwarded();
        assert_eq!(out.ttl, 1);
        let error = nat.outside(icmp_error(11, 0, GATEWAY, &out.ip)).forwarded();
        assert_eq!(error.icmp_kind(), Some((11, 0)));
        assert!(error.src == GATEWAY && error.dst == "10.64.0.7");
        assert_eq!(error.quote().src, packet.src);
        assert_eq!(error.quote().dst.ip(), *packet.dst.ip());
    }
}

/// Peer scenario: nat44-ei, errors about server packets with TTL 2.
#[test]
fn a_router_inside_reports_a_server_s_packet() {
    let mut nat = Pipe::new(&Config::new());
    for packet in stream("10.64.0.7", "192.0.2.1") {
        let out = nat.inside(packet).forwarded();
        let back = nat.outside(answer(&out).ttl(2)).forwarded();
        let error = nat
            .inside(icmp_error(11, 0, "10.64.0.7", &back.ip))
            .forwarded();
        assert_eq!(error.icmp_kind(), Some((11, 0)));
        assert_eq!(error.src.ip(), out.src.ip());
        assert!(error.dst == "192.0.2.1");
        assert_eq!(error.quote().src, out.reply().src);
        assert_eq!(error.quote().dst, out.src);
    }
}

/// Peer scenario: nat44-ei, ping the outside interface from outside.
#[test]
fn the_appliance_answers_a_ping_from_outside() {
    let mut nat = Pipe::new(&Config::new());
    let answers = nat
        .outside(echo(&format!("192.0.2.1:6305 > {OWN_OUTSIDE}")))
        .consumed(Counter::ConsumeEcho);
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].icmp_kind(), Some((0, 0)));
    assert!(answers[0].src == OWN_OUTSIDE && answers[0].dst == "192.0.2.1:6305");
    assert!(nat.show("translations").is_empty());
}

/// Peer scenario: nat44-ei, forwarding.
#[test]
fn untranslated_hosts_are_reached_directly() {
    let config = Config::new()
        .rule_before("name: direct, source: 10.64.0.8/32, action: pass")
        .fixed("inside: 10.64.0.7, outside: 203.0.113.14");
    let mut nat = Pipe::new(&config);
    let left = there_and_back(&mut nat, WIRES, &stream("10.64.0.7", "192.0.2.1"));
    assert_eq!(one_source(&left), "203.0.113.14");
    let direct = &stream("10.64.0.8", "192.0.2.1")[..2];
    for (packet, out) in direct.iter().zip(there_and_back(&mut nat, WIRES, direct)) {
        assert!(out.src == packet.src && out.dst == packet.dst);
    }
}

/// Peer scenario: nat44-ei, identity NAT. A rule that lets pass says the same here.
#[test]
fn a_host_that_keeps_its_address_has_no_sessions() {
    let config = Config::new().rule_before("name: same, source: 10.64.0.7/32, action: pass");
    let mut nat = Pipe::new(&config);
    let syn = tcp("192.0.2.1:12345 > 10.64.0.7:56789").syn();
    let seen = nat.outside(syn).forwarded();
    assert!(seen.src == "192.0.2.1:12345" && seen.dst == "10.64.0.7:56789");
    let back = nat.inside(answer(&seen)).forwarded();
    assert!(back.src == "10.64.0.7:56789" && back.dst == "192.0.2.1:12345");
    assert!(nat.show("translations").is_empty());
}

/// Peer scenario: nat44-ei, multiple inside interfaces with different networks.
#[test]
fn two_inside_interfaces_share_the_outside_and_not_the_translation() {
    let config = Config::new()
        .add_interface("name: lan2, device: \"net_null2\", addresses: [10.65.0.1/16], zone: inside")
        .rule("inside", "[inside, lan2]")
        .rule("source", "[10.64.0.0/16, 10.65.0.0/16]");
    let mut nat = Pipe::new(&config);
    nat.learn("lan2", "10.65.0.7", "10.65.0.1", &[]);
    let between = &stream("10.64.0.7", "10.65.0.7")[..2];
    let left = there_and_back(&mut nat, ["inside", "lan2"], between);
    assert_eq!(one_source(&left), "10.64.0.7");
    for (interface, host) in [("inside", "10.64.0.7"), ("lan2", "10.65.0.7")] {
        let packets = stream(host, "192.0.2.1");
        let left = there_and_back(&mut nat, [interface, "outside"], &packets);
        assert!(of_the_pool(&one_source(&left)));
    }
    assert_eq!(nat.show("subscribers").len(), 2);
}

/// Peer scenario: nat44-ei, one armed NAT: hosts and the world on one interface.
#[test]
fn one_interface_is_enough() {
    let config = Config::new()
        .rule_without("inside")
        .rule("source", "198.51.100.7/32");
    let mut nat = Pipe::new(&config);
    nat.arp("outside", "198.51.100.7", OWN_OUTSIDE, &[]);
    nat.forget_counters();
    for packet in stream("198.51.100.7", "192.0.2.1") {
        let source = packet.src;
        let out = nat.outside(packet).hairpinned();
        assert!(of_the_pool(&out.src.ip().to_string()));
        assert_eq!(nat.outside(answer(&out)).hairpinned().dst, source);
    }
    nat.expect_counters(&[
        (Counter::ForwardOutbound, 3),
        (Counter::ForwardInbound, 3),
        (Counter::NatSessionsCreated, 3),
        (Counter::NatMappingsCreated, 3),
        (Counter::NatSubscribersCreated, 1),
        (Counter::NatBlocksAllocated, 1),
    ]);
}

/// Peer scenario: nat44-ei, delete session, by its inside and by its outside endpoint.
#[test]
fn sessions_are_cleared_one_by_one_by_either_endpoint() {
    let mut nat = Pipe::new(&Config::new());
    let left = there_and_back(&mut nat, WIRES, &stream("10.64.0.7", "192.0.2.1"));
    let mut clear = |filter: String| {
        let line = format!(r#"{{"clear": "translations", "filter": {filter}}}"#);
        assert_eq!(nat.line(&line)["cleared"], 1, "{filter}");
        nat.show("translations").len()
    };
    assert_eq!(clear(r#"{"inside": "10.64.0.7:6303"}"#.into()), 2);
    assert_eq!(
        clear(format!(
            r#"{{"outside": "{}", "protocol": "udp"}}"#,
            left[1].src
        )),
        1
    );
    assert_eq!(clear(r#"{"inside": "10.64.0.7:6305"}"#.into()), 0);
}

/// Peer scenario: nat44-ei, external address port range.
#[test]
fn three_ports_carry_three_connections() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "1025-1027")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    let outcomes: Vec<_> = (1125..1130)
        .map(|port| nat.inside(tcp(&format!("10.64.0.7:{port} > 192.0.2.1:80")).syn()))
        .collect();
    let (passed, refused): (Vec<_>, Vec<_>) = outcomes
        .into_iter()
        .partition(|outcome| outcome.verdict == "forward");
    assert_eq!((passed.len(), refused.len()), (3, 2));
    for outcome in passed {
        assert!((1025..=1027).contains(&outcome.forwarded().src.port()));
    }
    for outcome in refused {
        let _ = outcome.refused(Counter::DropNoPort);
    }
}

/// Peer scenario: nat44-ei, pool addresses are answered for on the outside only.
#[test]
fn arp_for_outside_addresses_is_answered_where_they_are() {
    let config = Config::new()
        .pool("prefixes", "[198.51.100.16/30]")
        .fixed("inside: 10.64.0.7, outside: 198.51.100.40");
    let mut nat = Pipe::new(&config);
    let own = nat.mac("outside");
    for address in ["198.51.100.16", "198.51.100.19", "198.51.100.40"] {
        assert_eq!(nat.arp("outside", GATEWAY, address, &[]), Some(own));
        assert_eq!(nat.arp("inside", "10.64.0.2", address, &[]), None);
    }
    assert_eq!(nat.arp("outside", GATEWAY, "198.51.100.41", &[]), None);
}

/// Peer scenario: nat44-ei, acquire addresses from an interface.
#[test]
fn the_pool_may_be_the_interface_s_address() {
    let config = Config::new()
        .pool_without("prefixes")
        .pool("interface", "outside");
    let mut nat = Pipe::new(&config);
    let left = there_and_back(&mut nat, WIRES, &stream("10.64.0.7", "192.0.2.1"));
    assert_eq!(one_source(&left), OWN_OUTSIDE);
    assert_eq!(nat.show("pools")[0]["addresses"][0], OWN_OUTSIDE);
}

/// Peer scenario: nat44-ei, TCP MSS clamping: lowered, off, and never raised.
#[test]
fn the_mss_is_lowered_and_never_raised() {
    for (clamp, mss) in [(Some("1000"), 1000), (None, 1400), (Some("1500"), 1400)] {
        let mut config = Config::new();
        if let Some(clamp) = clamp {
            config = config.interface("outside", "mss_clamp", clamp);
        }
        let mut nat = Pipe::new(&config);
        let syn = tcp("10.64.0.7:6303 > 192.0.2.1:20").syn().mss(1400);
        let out = nat.inside(syn).forwarded();
        let options = &out.tcp.as_ref().unwrap().options;
        assert_eq!(options[..2], [2, 4]);
        assert_eq!(u16::from_be_bytes([options[2], options[3]]), mss);
    }
}

/// Peer scenario: nat44-ei, maximum session entries exceeded; the packet's fate,
/// without the record of it.
#[test]
fn a_subscriber_s_sessions_end_at_its_limit() {
    let mut nat = Pipe::new(&Config::new().rule("limits", "{ sessions: 100 }"));
    for port in 1..=100 {
        nat.inside(udp(&format!("10.64.0.7:{} > 192.0.2.1:80", 3000 + port)))
            .forwarded();
    }
    let error = nat
        .inside(udp("10.64.0.7:3101 > 192.0.2.1:80"))
        .refused(Counter::DropSessionLimit);
    assert_eq!(error.icmp_kind(), Some((3, 1)));
    assert_eq!(nat.show("subscribers")[0]["sessions"], 100);
}
