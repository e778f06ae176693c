//! Scenarios of VPP's endpoint-dependent NAT (`test_nat44_ed.py`).

mod balancing;
mod clearing;
mod overloading;
mod passing;
mod protocols;
mod realm_limits;
mod realms;
mod reload;
mod sharing;
mod tcp;
mod twice;

use base::Counter;
use testkit::{echo, icmp_error, tcp, udp};
use tests::{Config, GATEWAY, OWN_OUTSIDE, Pipe, mac_of};

use crate::{answer, of_the_pool, one_source, stream, there_and_back};

/// The mapping and filtering that VPP calls endpoint-dependent.
pub(crate) fn dependent() -> Config {
    Config::new()
        .rule("mapping", "address-and-port-dependent")
        .rule("filtering", "address-and-port-dependent")
}

/// A web server of the usual subscriber at an outside address and port.
pub(crate) fn service() -> Config {
    dependent().fixed("protocol: tcp, inside: \"10.64.0.7:8080\", outside: \"203.0.113.13:80\"")
}

/// Peer scenario: nat44-ed, dynamic translation, with one worker and with two.
#[test]
fn three_protocols_go_out_and_come_back() {
    for cores in ["[1]", "[1, 2]"] {
        let mut nat = Pipe::new(&dependent().cores(cores));
        let left = there_and_back(
            &mut nat,
            ["inside", "outside"],
            &stream("10.64.0.7", "192.0.2.1"),
        );
        assert!(of_the_pool(&one_source(&left)));
        assert_eq!(nat.show("translations").len(), 3);
        nat.expect_counters(&[
            (Counter::ForwardOutbound, 3),
            (Counter::ForwardInbound, 3),
            (Counter::NatSessionsCreated, 3),
            (Counter::NatMappingsCreated, 3),
            (Counter::NatSubscribersCreated, 1),
            (Counter::NatBlocksAllocated, 1),
        ]);
    }
}

/// Peer scenario: nat44-ed, ICMP error with inner header.
#[test]
fn the_remote_s_error_about_each_protocol_reaches_the_host() {
    let mut nat = Pipe::new(&dependent());
    for packet in stream("10.64.0.7", "192.0.2.1") {
        let out = nat.inside(packet.clone()).forwarded();
        let error = nat
            .outside(icmp_error(3, 3, "192.0.2.1", &out.ip))
            .forwarded();
        assert_eq!(error.icmp_kind(), Some((3, 3)));
        assert!(error.dst == "10.64.0.7");
        assert_eq!(error.quote().src, packet.src);
    }
}

/// Peer scenario: nat44-ed, ICMP echo reply with ethernet trailer.
#[test]
fn bytes_behind_an_echo_reply_do_not_harm_it() {
    let mut nat = Pipe::new(&dependent());
    let ping = echo("10.64.0.7:43981 > 192.0.2.1").payload(b"");
    let out = nat.inside(ping).forwarded();
    let mut frame = out
        .reply()
        .id(0xee59)
        .frame(mac_of(GATEWAY.parse().unwrap()), nat.mac("outside"));
    assert_eq!(frame.len(), 14 + 28);
    frame.extend([0, 0, 0x52, 0x54, 0, 0x46, 0xab, 4, 0x84, 0x18]);
    let back = nat.feed("outside", &frame).forwarded();
    assert!(back.dst == "10.64.0.7:43981");
    assert_eq!(back.ip.len(), 28);
}

/// Peer scenario: nat44-ed, users dump. Hosts whose packets pass untouched keep
/// no state here, so they are not shown.
#[test]
fn subscribers_are_shown_with_their_sessions() {
    let config = dependent()
        .fixed("inside: 10.64.0.11, outside: 203.0.113.14")
        .rule_before("name: direct, source: 10.64.0.8/32, action: pass");
    let mut nat = Pipe::new(&config);
    assert!(nat.show("subscribers").is_empty());
    for (host, count) in [("10.64.0.7", 3), ("10.64.0.8", 2)] {
        let packets = &stream(host, "192.0.2.1")[..count];
        there_and_back(&mut nat, ["inside", "outside"], packets);
    }
    let rows = nat.show("subscribers");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["inside"], "10.64.0.7");
    assert_eq!(rows[0]["sessions"], 3);
    assert_eq!(rows[0]["ports_used"], 3);
}

/// A host with an outside address of its own, another that is not translated at all.
fn forwarding() -> Config {
    dependent()
        .rule_before("name: direct, inside: inside, source: 10.64.0.8/32, action: pass")
        .fixed("inside: 10.64.0.7, outside: 203.0.113.14")
}

/// Peer scenario: nat44-ed, forwarding.
#[test]
fn hosts_without_translation_live_beside_mapped_ones() {
    let mut nat = Pipe::new(&forwarding());
    for packet in stream("192.0.2.1", "203.0.113.14") {
        assert!(nat.outside(packet).forwarded().dst.ip().to_string() == "10.64.0.7");
    }
    let left = there_and_back(
        &mut nat,
        ["inside", "outside"],
        &stream("10.64.0.7", "192.0.2.1"),
    );
    assert_eq!(one_source(&left), "203.0.113.14");
    for packet in &stream("192.0.2.1", "10.64.0.8")[..2] {
        let seen = nat.outside(packet.clone()).forwarded();
        assert!(seen.src == packet.src && seen.dst == packet.dst);
        let back = nat.inside(answer(&seen)).forwarded();
        assert!(back.src.ip() == *packet.dst.ip() && back.dst.ip() == *packet.src.ip());
    }
    let left = there_and_back(
        &mut nat,
        ["inside", "outside"],
        &stream("10.64.0.8", "192.0.2.1")[..2],
    );
    assert_eq!(one_source(&left), "10.64.0.8");
}

/// Peer scenario: nat44-ed, delete session, as part of forwarding.
#[test]
fn one_session_of_several_is_cleared() {
    let mut nat = Pipe::new(&forwarding());
    there_and_back(
        &mut nat,
        ["inside", "outside"],
        &stream("10.64.0.7", "192.0.2.1"),
    );
    let cleared = nat.line(
        r#"{"clear": "translations", "filter": {"inside": "10.64.0.7:6304", "protocol": "udp"}}"#,
    );
    assert_eq!(cleared["cleared"], 1);
    let rows = nat.show("translations");
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows.iter().all(|row| row["protocol"] != "udp"));
}

/// Peer scenario: nat44-ed, ICMP error outbound with forwarding enabled.
#[test]
fn an_error_about_an_untranslated_packet_goes_out_untranslated() {
    let mut nat = Pipe::new(&forwarding());
    let packet = udp("192.0.2.1:21 > 10.64.0.8:20").payload(b"HHHHHHHHHH");
    let seen = nat.outside(packet.clone()).forwarded();
    let error = nat
        .inside(icmp_error(3, 3, "10.64.0.8", &seen.ip))
        .forwarded();
    assert!(error.src == "10.64.0.8" && error.dst == "192.0.2.1");
    assert!(error.quote().src == packet.src && error.quote().dst == packet.dst);
}

/// Peer scenario: nat44-ed, interface output feature. Whether to translate is
/// decided by the rule, not where a packet leaves.
#[test]
fn only_what_a_rule_translates_is_translated() {
    let config = dependent()
        .add_interface("name: dmz, device: \"net_null2\", addresses: [10.66.0.1/16]")
        .rule_before("name: dmz, inside: dmz, action: pass")
        .rule_before("name: to-dmz, destination: 10.66.0.0/16, action: pass");
    let mut nat = Pipe::new(&config);
    nat.learn("dmz", "10.66.0.7", "10.66.0.1", &[]);
    let left = there_and_back(
        &mut nat,
        ["inside", "outside"],
        &stream("10.64.0.7", "192.0.2.1"),
    );
    assert!(of_the_pool(&one_source(&left)));
    let left = there_and_back(
        &mut nat,
        ["dmz", "outside"],
        &stream("10.66.0.7", "192.0.2.1")[..2],
    );
    assert_eq!(one_source(&left), "10.66.0.7");
    let left = there_and_back(
        &mut nat,
        ["dmz", "inside"],
        &stream("10.66.0.7", "10.64.0.7")[..2],
    );
    assert_eq!(one_source(&left), "10.66.0.7");
}

/// Peer scenario: nat44-ed, interface output feature and services.
#[test]
fn a_service_and_its_host_s_own_connections_do_not_meet() {
    let mut nat = Pipe::new(&service());
    let own = nat
        .inside(tcp("10.64.0.7:6303 > 192.0.2.1:20").syn())
        .forwarded();
    assert_ne!(own.src.port(), 80);
    let visit = nat
        .outside(tcp("192.0.2.1:12345 > 203.0.113.13:80").syn())
        .forwarded();
    assert!(visit.dst == "10.64.0.7:8080" && visit.src == "192.0.2.1:12345");
    let back = nat.inside(answer(&visit)).forwarded();
    assert!(back.src == "203.0.113.13:80" && back.dst == "192.0.2.1:12345");
    let back = nat.outside(answer(&own)).forwarded();
    assert!(back.dst == "10.64.0.7:6303");
    // A host that dials from the service's port is the service.
    let dialled = nat
        .inside(tcp("10.64.0.7:8080 > 192.0.2.1:6303").syn())
        .forwarded();
    assert!(dialled.src == "203.0.113.13:80");
}

/// Peer scenario: nat44-ed, 1:1 NAPT asymmetrical rule.
#[test]
fn errors_about_a_forwarded_port_are_translated_both_ways() {
    let mut nat = Pipe::new(&service());
    let syn = tcp("192.0.2.1:12345 > 203.0.113.13:80").syn();
    let visit = nat.outside(syn).forwarded();
    assert!(visit.dst == "10.64.0.7:8080");
    let error = nat
        .inside(icmp_error(11, 0, "10.64.0.7", &visit.ip))
        .forwarded();
    assert!(error.src == "203.0.113.13" && error.dst == "192.0.2.1");
    assert!(error.quote().src == "192.0.2.1:12345");
    assert!(error.quote().dst == "203.0.113.13:80");
    let back = nat.inside(answer(&visit)).forwarded();
    assert!(back.src == "203.0.113.13:80");
    let error = nat
        .outside(icmp_error(11, 0, "192.0.2.1", &back.ip))
        .forwarded();
    assert!(error.dst == "10.64.0.7");
    assert!(error.quote().src == "10.64.0.7:8080");
    // Nobody gets at the server past its outside address.
    tests::kept_out(&nat.outside(tcp("192.0.2.1:12346 > 10.64.0.7:8080").syn()));
}

/// Peer scenario: nat44-ed, static mapping and switched-off translation on the
/// address of an interface.
#[test]
fn a_service_at_the_appliance_s_own_address_leaves_it_its_own() {
    let config = dependent()
        .fixed("protocol: tcp, inside: \"10.64.0.7:8080\", outside: \"interface outside:80\"");
    let mut nat = Pipe::new(&config);
    let visit = nat
        .outside(tcp(&format!("192.0.2.1:12345 > {OWN_OUTSIDE}:80")).syn())
        .forwarded();
    assert!(visit.dst == "10.64.0.7:8080");
    let pong = nat.outside(echo(&format!("192.0.2.1:5 > {OWN_OUTSIDE}")));
    assert_eq!(pong.consumed(Counter::ConsumeEcho).len(), 1);
}
