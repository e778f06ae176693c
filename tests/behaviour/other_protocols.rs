//! Protocols translated by address pair: SCTP with its ports, GRE, ESP and any
//! other number that a rule names (RFC 9260, RFC 2784, RFC 6888 REQ-1).

use base::Counter;
use testkit::{Packet, crc32c, icmp_error, protocol, raw, sctp, udp};
use tests::{Config, Pipe};

use crate::{ends_empty, kept_out, lost};

/// INIT: the chunk that opens an association.
const INIT: [u8; 20] = [
    1, 0, 0, 20, 0, 0, 0, 9, 0, 1, 0, 0, 0, 10, 0, 10, 0, 0, 0, 1,
];

/// One outside address, and a rule for protocols named.
fn config(protocols: &str) -> Config {
    Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .rule("protocols", protocols)
}

/// RFC 9260 section 6.8 and RFC 3309: the checksum covers no address, so it must stay as
/// it is, and so must ports and the verification tag.
#[test]
fn an_sctp_association_keeps_ports_tag_and_checksum() {
    let mut nat = Pipe::new(&config("[sctp]"));
    let init = sctp("10.64.0.7:36412 > 192.0.2.1:2905", 0).payload(&INIT);
    let out = nat.inside(init.clone()).forwarded();
    assert!(out.src == "203.0.113.1:36412" && out.dst == "192.0.2.1:2905");
    assert_eq!(out.transport, init.transport());
    let mut zeroed = out.transport.clone();
    zeroed[8..12].fill(0);
    assert_eq!(out.transport[8..12], crc32c(&zeroed));
    let answer = sctp("192.0.2.1:2905 > 203.0.113.1:36412", 9).payload(&[2, 0, 0, 4]);
    let got = nat.outside(answer.clone()).forwarded();
    assert!(got.src == "192.0.2.1:2905" && got.dst == "10.64.0.7:36412");
    assert_eq!(got.transport, answer.transport());
    let rows = nat.show("translations");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["protocol"], "sctp");
    assert_eq!(rows[0]["inside"], "10.64.0.7:36412");
    assert_eq!(rows[0]["outside"], "203.0.113.1:36412");
    ends_empty(&mut nat);
}

/// Nothing unsolicited comes in, from another port either.
#[test]
fn an_sctp_mapping_is_for_one_remote_endpoint() {
    let mut nat = Pipe::new(&config("[sctp]"));
    nat.inside(sctp("10.64.0.7:5000 > 192.0.2.1:2905", 0).payload(&INIT))
        .forwarded();
    for flow in [
        "192.0.2.1:2906 > 203.0.113.1:5000",
        "192.0.2.9:2905 > 203.0.113.1:5000",
        "192.0.2.1:2905 > 203.0.113.1:5001",
    ] {
        kept_out(&nat.outside(sctp(flow, 0).payload(&INIT)));
    }
}

/// Two hosts that chose the same ports towards one remote cannot share an address; the
/// second hears of it, and other ports or remotes go.
#[test]
fn two_hosts_with_the_same_sctp_ports_to_one_remote_conflict() {
    let mut nat = Pipe::new(&config("[sctp]"));
    let init = |flow: &str| sctp(flow, 0).payload(&INIT);
    nat.inside(init("10.64.0.7:5000 > 192.0.2.1:2905"))
        .forwarded();
    nat.inside(init("10.64.0.8:6000 > 192.0.2.1:2905"))
        .forwarded();
    let error = nat
        .inside(init("10.64.0.8:5000 > 192.0.2.1:2905"))
        .refused(Counter::DropAddressPair);
    assert_eq!(error.icmp_kind(), Some((3, 1)));
    for flow in [
        "10.64.0.8:5001 > 192.0.2.1:2905",
        "10.64.0.8:5000 > 192.0.2.1:2906",
        "10.64.0.8:5000 > 192.0.2.9:2905",
    ] {
        nat.inside(init(flow)).forwarded();
    }
    let row = nat
        .show("subscribers")
        .into_iter()
        .find(|row| row["inside"] == "10.64.0.8")
        .unwrap();
    assert_eq!(row["refused"], 1);
    // When the first is gone the second may.
    nat.at(400.0);
    nat.inside(init("10.64.0.8:5000 > 192.0.2.1:2905"))
        .forwarded();
    ends_empty(&mut nat);
}

/// With a second address in the pool the second host gets that, paired or not yet.
#[test]
fn a_conflict_is_avoided_by_another_address() {
    let config = config("[sctp]").pool("prefixes", "[203.0.113.0/28]");
    let mut nat = Pipe::new(&config);
    let mut seen = Vec::new();
    for host in 7..=9 {
        let flow = format!("10.64.0.{host}:5000 > 192.0.2.1:2905");
        let out = nat.inside(sctp(&flow, 0).payload(&INIT)).forwarded();
        assert!(!seen.contains(&out.src), "{seen:?}");
        seen.push(out.src);
        let back = nat.outside(out.reply()).forwarded();
        assert!(back.dst == format!("10.64.0.{host}:5000").as_str());
    }
    ends_empty(&mut nat);
}

/// RFC 5508 section 4 for SCTP: the error finds the host, and quotes what it sent.
#[test]
fn errors_about_sctp_go_both_ways() {
    let mut nat = Pipe::new(&config("[sctp]"));
    let init = sctp("10.64.0.7:5000 > 192.0.2.1:2905", 0).payload(&INIT);
    let out = nat.inside(init).forwarded();
    for quoted in [28, 1500] {
        let error = icmp_error(3, 2, "198.18.0.1", &out.ip).quote_len(quoted);
        let got = nat.outside(error).forwarded();
        assert!(got.dst == "10.64.0.7" && got.src == "198.18.0.1");
        assert!(got.quote().src == "10.64.0.7:5000" && got.quote().dst == "192.0.2.1:2905");
    }
    let back = nat.outside(out.reply()).forwarded();
    let error = icmp_error(3, 2, "10.64.0.7", &back.ip);
    let out = nat.inside(error).forwarded();
    assert!(out.src == "203.0.113.1" && out.dst == "192.0.2.1");
    assert!(out.quote().dst == "203.0.113.1:5000");
}

fn portless(flow: &str, number: u8) -> Packet {
    raw(flow, number).payload(&[0x30, 1, 0x88, 0x0b, 0, 16, 0, 7, 0, 0, 0, 1, 9, 9, 9, 9])
}

/// Every protocol that a rule names goes by address, with its bytes as they are.
#[test]
fn a_protocol_without_ports_is_translated_where_a_rule_names_it() {
    let names = ["gre", "esp", "ah", "4", "89", "115", "50", "253"];
    let numbers = [47, 50, 51, 4, 89, 115, 50, 253];
    for (name, number) in names.into_iter().zip(numbers) {
        let mut nat = Pipe::new(&config(&format!("[{name}]")));
        let packet = portless("10.64.0.7 > 192.0.2.1", number);
        let out = nat.inside(packet.clone()).forwarded();
        assert!(out.src == "203.0.113.1" && out.dst == "192.0.2.1");
        assert_eq!(out.payload, packet.payload);
        let back = nat
            .outside(portless("192.0.2.1 > 203.0.113.1", number))
            .forwarded();
        assert!(back.dst == "10.64.0.7" && back.src == "192.0.2.1");
        lost(&nat.outside(portless("192.0.2.9 > 203.0.113.1", number)));
        let other = if number == 47 { 50 } else { 47 };
        lost(&nat.outside(portless("192.0.2.1 > 203.0.113.1", other)));
        let refused = nat.inside(portless("10.64.0.7 > 192.0.2.1", other));
        assert_eq!(refused.verdict, "drop");
        ends_empty(&mut nat);
    }
}

/// Several hosts use one address, each with remotes of its own.
#[test]
fn hosts_with_different_remotes_share_an_address() {
    let mut nat = Pipe::new(&config("[gre, esp]"));
    for host in 7..=9 {
        for number in [protocol::GRE, protocol::ESP] {
            let flow = format!("10.64.0.{host} > 192.0.2.{host}");
            let out = nat.inside(portless(&flow, number)).forwarded();
            assert!(out.src == "203.0.113.1");
        }
    }
    for host in 7..=9 {
        for number in [protocol::GRE, protocol::ESP] {
            let flow = format!("192.0.2.{host} > 203.0.113.1");
            let back = nat.outside(portless(&flow, number)).forwarded();
            assert!(back.dst == format!("10.64.0.{host}").as_str());
        }
    }
    nat.inside(portless("10.64.0.8 > 192.0.2.7", protocol::GRE))
        .refused(Counter::DropAddressPair);
    let rows = nat.show("translations");
    // Of ESP one for each direction, for each has its SPI.
    assert_eq!(rows.len(), 9);
    ends_empty(&mut nat);
}

/// RFC 5508 section 4 for a protocol without ports.
#[test]
fn errors_about_a_protocol_without_ports_go_both_ways() {
    let mut nat = Pipe::new(&config("[gre]"));
    let out = nat
        .inside(portless("10.64.0.7 > 192.0.2.1", protocol::GRE))
        .forwarded();
    let error = icmp_error(3, 4, "198.18.0.1", &out.ip).rest(1400);
    let got = nat.outside(error).forwarded();
    assert!(got.dst == "10.64.0.7" && got.icmp.as_ref().unwrap().rest == 1400);
    assert!(got.quote().src == "10.64.0.7" && got.quote().dst == "192.0.2.1");
    let back = nat
        .outside(portless("192.0.2.1 > 203.0.113.1", protocol::GRE))
        .forwarded();
    let out = nat
        .inside(icmp_error(3, 2, "10.64.0.7", &back.ip))
        .forwarded();
    assert!(out.src == "203.0.113.1" && out.dst == "192.0.2.1");
    assert!(out.quote().dst == "203.0.113.1");
}

/// `timeouts.udp` for a protocol nothing else is said of, `timeouts.esp` for ESP.
#[test]
fn a_mapping_by_address_lasts_while_it_is_used() {
    for (number, seconds) in [(protocol::GRE, 300.0), (protocol::ESP, 1800.0)] {
        let mut nat = Pipe::new(&config("[gre, esp]"));
        nat.inside(portless("10.64.0.7 > 192.0.2.1", number))
            .forwarded();
        let answer = || portless("192.0.2.1 > 203.0.113.1", number);
        nat.at(seconds - 1.0);
        nat.outside(answer()).forwarded();
        nat.inside(portless("10.64.0.7 > 192.0.2.1", number))
            .forwarded();
        nat.at(2.0 * seconds - 3.0);
        nat.outside(answer()).forwarded();
        nat.at(4.0 * seconds);
        lost(&nat.outside(answer()));
        assert!(nat.show("subscribers").is_empty());
    }
}

/// A rule without `protocols` takes TCP, UDP and ICMP; what it does not take falls
/// through to a later rule that names it.
#[test]
fn an_unnamed_protocol_falls_through_to_the_rule_that_names_it() {
    let config = Config::new()
        .rule_before("name: usual, inside: inside, source: 10.64.0.0/16, pool: public")
        .add_pool("name: tunnels, prefixes: [203.0.113.32/32]")
        .rule("name", "tunnels")
        .rule("pool", "tunnels")
        .rule("protocols", "[gre, tcp, udp]");
    let mut nat = Pipe::new(&config);
    let out = nat
        .inside(portless("10.64.0.7 > 192.0.2.1", protocol::GRE))
        .forwarded();
    assert!(out.src == "203.0.113.32");
    let out = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    assert!(out.src.ip().octets()[3] < 16);
    let refused = nat
        .inside(portless("10.64.0.7 > 192.0.2.1", protocol::AH))
        .refused(Counter::DropProtocol);
    assert_eq!(refused.icmp_kind(), Some((3, 2)));
    ends_empty(&mut nat);
}

/// A static mapping of a protocol is for one host; the rule serves the others by other
/// addresses, and the host itself by its own.
#[test]
fn a_static_mapping_of_a_protocol_goes_beside_a_rule_that_names_it() {
    let config = Config::new()
        .rule("protocols", "[tcp, udp, icmp, gre]")
        .pool("prefixes", "[203.0.113.0/30]")
        .fixed("protocol: gre, inside: 10.64.0.20, outside: 203.0.113.2");
    let mut nat = Pipe::new(&config);
    let gre = |flow: &str| portless(flow, protocol::GRE);
    let out = nat.inside(gre("10.64.0.20 > 192.0.2.1")).forwarded();
    assert!(out.src == "203.0.113.2");
    let mut others = 0;
    for host in 7..=11 {
        let outcome = nat.inside(gre(&format!("10.64.0.{host} > 192.0.2.1")));
        if outcome.verdict == "forward" {
            let out = outcome.forwarded();
            assert!(out.src != "203.0.113.2", "that is the server's");
            let back = nat.outside(gre(&format!("192.0.2.1 > {}", out.src.ip())));
            assert!(back.forwarded().dst == format!("10.64.0.{host}").as_str());
            others += 1;
        } else {
            assert_eq!(outcome.reason, Counter::DropAddressPair.name());
        }
    }
    assert_eq!(others, 3, "one host for each of the three other addresses");
    let server = nat.outside(gre("192.0.2.77 > 203.0.113.2")).forwarded();
    assert!(server.dst == "10.64.0.20");
    ends_empty(&mut nat);
}

/// The same for SCTP: the endpoint of a server is nobody else's.
#[test]
fn a_static_sctp_endpoint_is_not_given_to_others() {
    let config = config("[sctp]")
        .fixed("protocol: sctp, inside: \"10.64.0.20:2905\", outside: \"203.0.113.1:2905\"");
    let mut nat = Pipe::new(&config);
    let init = |flow: &str| sctp(flow, 0).payload(&INIT);
    nat.inside(init("10.64.0.7:2905 > 192.0.2.1:2905"))
        .refused(Counter::DropAddressPair);
    let got = nat
        .outside(init("192.0.2.1:2905 > 203.0.113.1:2905"))
        .forwarded();
    assert!(got.dst == "10.64.0.20:2905");
    nat.inside(init("10.64.0.7:2906 > 192.0.2.1:2905"))
        .forwarded();
    ends_empty(&mut nat);
}
