//! Static mappings (contract 7.2 `static`; RFC 5508 REQ-7, RFC 6888 REQ-1).

use std::collections::BTreeSet;

use base::Counter;
use testkit::{Dccp, dccp, echo, icmp_query, protocol, raw, sctp, tcp, udp, udp_lite};
use tests::{Config, Pipe};

use crate::{kept_out, lost, open_udp, udp_endpoint};

fn one_to_one() -> Pipe {
    Pipe::new(&Config::new().fixed("inside: 10.64.0.11, outside: 203.0.113.14"))
}

/// Ports stay as they are, whoever begins.
#[test]
fn a_one_to_one_address_keeps_udp_ports() {
    let mut nat = one_to_one();
    let out = nat
        .inside(udp("10.64.0.11:53 > 192.0.2.1:7000"))
        .forwarded();
    assert!(out.src == "203.0.113.14:53");
    assert!(nat.outside(out.reply()).forwarded().dst == "10.64.0.11:53");
    for port in [1, 1023, 4000, 65535] {
        let got = nat
            .outside(udp(&format!("192.0.2.9:1 > 203.0.113.14:{port}")))
            .forwarded();
        assert!(got.src == "192.0.2.9:1");
        assert!(got.dst == format!("10.64.0.11:{port}").as_str());
        assert!(nat.inside(got.reply()).forwarded().src.port() == port);
    }
}

/// The same for TCP.
#[test]
fn a_one_to_one_address_takes_connections_both_ways() {
    let mut nat = one_to_one();
    let syn = nat
        .outside(tcp("192.0.2.9:4000 > 203.0.113.14:80").syn())
        .forwarded();
    assert!(syn.dst == "10.64.0.11:80");
    let answer = nat.inside(syn.reply().syn_ack().seq(9)).forwarded();
    assert!(answer.src == "203.0.113.14:80");
    let out = nat
        .inside(tcp("10.64.0.11:5000 > 192.0.2.1:80").syn())
        .forwarded();
    assert!(out.src == "203.0.113.14:5000");
}

/// RFC 7857 section 12: queries both ways, with their identifiers.
#[test]
fn a_one_to_one_address_can_ping_and_be_pinged() {
    let mut nat = one_to_one();
    let out = nat.inside(echo("10.64.0.11:77 > 192.0.2.1")).forwarded();
    assert!(out.src == "203.0.113.14:77");
    assert!(nat.outside(out.reply()).forwarded().dst == "10.64.0.11:77");
    for kind in [8, 13] {
        let query = icmp_query(kind, "192.0.2.9:99 > 203.0.113.14");
        let got = nat.outside(query).forwarded();
        assert!(got.src == "192.0.2.9:99" && got.dst == "10.64.0.11");
        let answer = nat.inside(got.reply()).forwarded();
        assert!(answer.src == "203.0.113.14" && answer.dst == "192.0.2.9:99");
    }
}

/// Protocols without ports go by address.
#[test]
fn a_one_to_one_address_carries_esp_and_sctp() {
    let mut nat = one_to_one();
    let init = sctp("10.64.0.11:5000 > 192.0.2.1:2905", 0).payload(&[1, 0, 0, 4]);
    let out = nat.inside(init).forwarded();
    assert!(out.src == "203.0.113.14:5000" && out.dst == "192.0.2.1:2905");
    let init = sctp("192.0.2.9:2905 > 203.0.113.14:5000", 0).payload(&[1, 0, 0, 4]);
    let got = nat.outside(init).forwarded();
    assert!(got.src == "192.0.2.9:2905" && got.dst == "10.64.0.11:5000");
    for number in [protocol::ESP, protocol::GRE, 41] {
        let payload = [0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1, 9, 9, 9, 9, 1, 2];
        let packet = raw("10.64.0.11 > 192.0.2.1", number).payload(&payload);
        let out = nat.inside(packet).forwarded();
        assert!(out.src == "203.0.113.14" && out.dst == "192.0.2.1");
        let packet = raw("192.0.2.9 > 203.0.113.14", number).payload(&payload);
        let got = nat.outside(packet).forwarded();
        assert!(got.src == "192.0.2.9" && got.dst == "10.64.0.11");
    }
}

/// RFC 3828: the checksum covers the addresses, so it has to follow them,
/// whatever part of the data it covers.
#[test]
fn the_checksum_of_udp_lite_follows_the_address() {
    let mut nat = one_to_one();
    for coverage in [0, 8, 11, 20] {
        let packet = udp_lite("10.64.0.11:5000 > 192.0.2.1:7000")
            .payload(b"voice frames")
            .coverage(coverage);
        let out = nat.inside(packet).forwarded();
        assert!(out.src == "203.0.113.14:5000" && out.dst == "192.0.2.1:7000");
        assert_eq!(out.transport[4..6], coverage.to_be_bytes());
        // And back; the pipe has looked at the checksums.
        let answer = out.reply().payload(b"more").coverage(coverage.min(12));
        let got = nat.outside(answer).forwarded();
        assert!(got.dst == "10.64.0.11:5000");
    }
}

/// A network onto a network of the same size, host by host.
#[test]
fn a_network_maps_onto_a_network() {
    let config = Config::new().fixed("inside: 10.64.0.8/30, outside: 198.18.5.4/30");
    let mut nat = Pipe::new(&config);
    for host in 0..4 {
        let flow = format!("10.64.0.{}:5000 > 192.0.2.1:7000", 8 + host);
        let out = nat.inside(udp(&flow)).forwarded();
        assert!(out.src == format!("198.18.5.{}:5000", 4 + host).as_str());
    }
    let got = nat.outside(udp("192.0.2.9:1 > 198.18.5.5:9")).forwarded();
    assert!(got.dst == "10.64.0.9:9");
}

fn port_forward() -> Pipe {
    Pipe::new(
        &Config::new()
            .fixed("protocol: tcp, inside: \"10.64.0.11:8080\", outside: \"203.0.113.13:80\""),
    )
}

/// From outside to the server behind the port, and back.
#[test]
fn a_forwarded_port_leads_to_its_server() {
    let mut nat = port_forward();
    let syn = nat
        .outside(tcp("192.0.2.9:4000 > 203.0.113.13:80").syn())
        .forwarded();
    assert!(syn.src == "192.0.2.9:4000" && syn.dst == "10.64.0.11:8080");
    let answer = nat.inside(syn.reply().syn_ack().seq(9)).forwarded();
    assert!(answer.src == "203.0.113.13:80" && answer.dst == "192.0.2.9:4000");
}

/// It stays after any silence.
#[test]
fn a_forwarded_port_needs_no_refresh() {
    let mut nat = port_forward();
    nat.wait(1_000_000.0);
    nat.outside(tcp("192.0.2.9:4000 > 203.0.113.13:80").syn())
        .forwarded();
    nat.wait(1_000_000.0);
    nat.outside(tcp("192.0.2.9:4000 > 203.0.113.13:80").syn())
        .forwarded();
}

/// Nothing but the port and protocol that were named.
#[test]
fn a_forwarded_port_opens_nothing_else() {
    let mut nat = port_forward();
    kept_out(&nat.outside(tcp("192.0.2.9:4000 > 203.0.113.13:81").syn()));
    kept_out(&nat.outside(tcp("192.0.2.9:4000 > 203.0.113.13:8080").syn()));
    lost(&nat.outside(udp("192.0.2.9:4000 > 203.0.113.13:80")));
}

/// RFC 5382 REQ-1: what the server itself sends from that port has that endpoint.
#[test]
fn a_server_sends_from_its_forwarded_port() {
    let mut nat = port_forward();
    let out = nat
        .inside(tcp("10.64.0.11:8080 > 192.0.2.1:80").syn())
        .forwarded();
    assert!(out.src == "203.0.113.13:80");
    let other = nat
        .inside(tcp("10.64.0.11:8081 > 192.0.2.1:80").syn())
        .forwarded();
    assert!(other.src.port() >= 1024, "from the pool");
    let by_udp = nat
        .inside(udp("10.64.0.11:8080 > 192.0.2.1:80"))
        .forwarded();
    assert!(by_udp.src.port() >= 1024, "from the pool");
}

/// Contract 7.2: ports may be ranges of equal length.
#[test]
fn a_range_of_ports_is_forwarded_one_by_one() {
    let config = Config::new().fixed(
        "protocol: udp, inside: \"10.64.0.11:8000-8009\", outside: \"203.0.113.13:9000-9009\"",
    );
    let mut nat = Pipe::new(&config);
    for place in 0..10 {
        let flow = format!("192.0.2.9:1 > 203.0.113.13:{}", 9000 + place);
        let got = nat.outside(udp(&flow)).forwarded();
        assert!(got.dst == format!("10.64.0.11:{}", 8000 + place).as_str());
        let back = nat.inside(got.reply()).forwarded();
        assert!(back.src == format!("203.0.113.13:{}", 9000 + place).as_str());
    }
    lost(&nat.outside(udp("192.0.2.9:1 > 203.0.113.13:8999")));
    lost(&nat.outside(udp("192.0.2.9:1 > 203.0.113.13:9010")));
}

/// RFC 4787 REQ-3: a port that is forwarded is nobody else's.
#[test]
fn forwarded_ports_are_not_given_out_by_the_pool() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2063")
        .pool("blocks", "{ size: 64, max_per_subscriber: 1 }")
        .fixed(
            "protocol: udp, inside: \"10.64.0.11:3000-3031\", outside: \"203.0.113.1:2000-2031\"",
        );
    let mut nat = Pipe::new(&config);
    let used: BTreeSet<u16> = open_udp(&mut nat, "10.64.0.7", 5000, 32)
        .iter()
        .map(|endpoint| endpoint.port())
        .collect();
    assert_eq!(used, (2032..2064).collect());
    let outcome = nat.inside(udp("10.64.0.7:6000 > 192.0.2.1:7000"));
    assert_eq!(outcome.verdict, "drop");
    let got = nat
        .outside(udp("192.0.2.9:1 > 203.0.113.1:2007"))
        .forwarded();
    assert!(got.dst == "10.64.0.11:3007");
}

/// Contract 7.2: static ESP to one inside host.
#[test]
fn a_static_mapping_of_one_protocol_concerns_no_other() {
    let config = Config::new().fixed("protocol: esp, inside: 10.64.0.20, outside: 203.0.113.12");
    let mut nat = Pipe::new(&config);
    let payload = [0, 0, 1, 0, 0, 0, 0, 1, 7, 7];
    let esp = |flow: &str| raw(flow, protocol::ESP).payload(&payload);
    let got = nat.outside(esp("192.0.2.9 > 203.0.113.12")).forwarded();
    assert!(got.dst == "10.64.0.20");
    let out = nat.inside(esp("10.64.0.20 > 192.0.2.9")).forwarded();
    assert!(out.src == "203.0.113.12");
    lost(&nat.outside(raw("192.0.2.9 > 203.0.113.12", protocol::SCTP).payload(&payload)));
    lost(&nat.outside(udp("192.0.2.9:1 > 203.0.113.12:80")));
    kept_out(&nat.outside(tcp("192.0.2.9:1 > 203.0.113.12:80").syn()));
    let by_udp = nat.inside(udp("10.64.0.20:5000 > 192.0.2.9:1")).forwarded();
    assert!(by_udp.src.port() != 5000 || by_udp.src != "203.0.113.12:5000");
}

/// RFC 6888 REQ-1: an unsupported protocol is refused, not half translated.
#[test]
fn other_protocols_without_a_static_mapping_are_refused() {
    let mut nat = Pipe::new(&Config::new());
    for number in [protocol::SCTP, 41, 103, protocol::UDP_LITE] {
        let flow = "10.64.0.7:5000 > 192.0.2.1:5000";
        let packet = match number {
            protocol::SCTP => sctp(flow, 0),
            protocol::UDP_LITE => udp_lite(flow),
            _ => raw("10.64.0.7 > 192.0.2.1", number).payload(&[0; 24]),
        };
        let outcome = nat.inside(packet);
        assert_eq!(outcome.verdict, "drop", "{number}");
        assert_eq!(outcome.reason, Counter::DropProtocol.name());
        lost(&nat.outside(raw("192.0.2.1 > 203.0.113.5", number).payload(&[0; 24])));
    }
}

/// A10 of the checklist: the sender of a protocol that is not offered is told so.
#[test]
fn a_protocol_that_is_not_offered_is_said_to_be_unreachable() {
    let mut nat = Pipe::new(&Config::new());
    let packet = dccp("10.64.0.7:5000 > 192.0.2.1:5000", Dccp::Request);
    let error = nat.inside(packet).refused(Counter::DropProtocol);
    assert_eq!(error.icmp_kind(), Some((3, 2)));
}

/// Contract 7.2, `filtering` of a static mapping: open to all unless told otherwise.
#[test]
fn a_static_mapping_filters_where_told_to() {
    let config = Config::new().fixed(
        "protocol: udp, inside: \"10.64.0.11:53\", outside: \"203.0.113.13:53\", \
         filtering: address-dependent",
    );
    let mut nat = Pipe::new(&config);
    nat.outside(udp("192.0.2.9:1 > 203.0.113.13:53"))
        .dropped(Counter::DropFiltered);
    let out = nat.inside(udp("10.64.0.11:53 > 192.0.2.9:7")).forwarded();
    assert!(out.src == "203.0.113.13:53");
    nat.outside(udp("192.0.2.9:1 > 203.0.113.13:53"))
        .forwarded();
}

/// RFC 5128 section 3.3.3: a host with a static mapping and without a rule opens its own
/// way, also where the other's filter drops what it sends.
#[test]
fn a_host_without_a_rule_punches_a_hole_by_its_static_mapping() {
    let config = Config::new()
        .rule("filtering", "address-dependent")
        .fixed("inside: 198.51.100.77, outside: 203.0.113.20");
    let mut nat = Pipe::new(&config);
    let of_a = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    assert_eq!(nat.show("translations").len(), 1);
    nat.outside(udp("198.51.100.77:6000 > 0.0.0.0").to(of_a))
        .dropped(Counter::DropFiltered);
    assert_eq!(nat.show("translations").len(), 2);
}

/// Contract 7.4, `kind`.
#[test]
fn static_mappings_are_shown_as_such() {
    let mut nat = port_forward();
    let rows = nat.show("mappings");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["kind"], "static");
    assert_eq!(rows[0]["inside"], "10.64.0.11:8080");
    assert_eq!(rows[0]["outside"], "203.0.113.13:80");
    assert_eq!(rows[0]["protocol"], "tcp");
}

/// Contract 7.2: the address may be the interface's own.
#[test]
fn a_port_of_the_appliance_itself_can_be_forwarded() {
    let config = Config::new()
        .fixed("protocol: tcp, inside: \"10.64.0.11:8080\", outside: \"interface outside:8443\"");
    let mut nat = Pipe::new(&config);
    let syn = nat
        .outside(tcp("192.0.2.9:4000 > 198.51.100.1:8443").syn())
        .forwarded();
    assert!(syn.dst == "10.64.0.11:8080");
    let answer = nat.inside(syn.reply().syn_ack().seq(9)).forwarded();
    assert!(answer.src == "198.51.100.1:8443");
    // The appliance still answers for itself.
    let ping = nat.outside(echo("192.0.2.9:5 > 198.51.100.1"));
    assert_eq!(ping.consumed(Counter::ConsumeEcho).len(), 1);
}
