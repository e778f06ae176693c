//! Kinds of static mappings beside single addresses and ports, and static and dynamic
//! mappings together (RFC 6887 section 11, RFC 4787 REQ-9).

use base::Counter;
use testkit::{Packet, echo, protocol, raw, tcp, udp};
use tests::{Config, Pipe};

use crate::{ends_empty, kept_out, lost, udp_endpoint};

/// Address by address, both ways, every protocol.
#[test]
fn a_network_is_mapped_to_a_network_address_by_address() {
    let config = Config::new().fixed("inside: 10.64.0.8/30, outside: 203.0.113.64/30");
    let mut nat = Pipe::new(&config);
    for nth in 0..4 {
        let (inside, outside) = (
            format!("10.64.0.{}", 8 + nth),
            format!("203.0.113.{}", 64 + nth),
        );
        let out = nat
            .inside(udp(&format!("{inside}:53 > 192.0.2.1:7000")))
            .left
            .into_iter()
            .find(|left| left.interface == "outside")
            .unwrap();
        assert!(out.seen.src == format!("{outside}:53").as_str());
        let got = nat.outside(echo(&format!("192.0.2.9:5 > {outside}")));
        assert!(got.left.iter().any(|left| left.seen.dst == inside.as_str()));
        let gre = raw(&format!("192.0.2.9 > {outside}"), protocol::GRE).payload(&[0; 8]);
        assert!(nat.outside(gre).forwarded().dst == inside.as_str());
    }
    let beside = nat.inside(udp("10.64.0.7:53 > 192.0.2.1:7000")).forwarded();
    assert!(beside.src.port() >= 1024, "dynamic");
    lost(&nat.outside(udp("192.0.2.9:5 > 203.0.113.68:53")));
    ends_empty(&mut nat);
}

/// One whole protocol: all its ports, and none of another's.
#[test]
fn a_whole_protocol_is_mapped_with_all_its_ports() {
    let config = Config::new().fixed("protocol: udp, inside: 10.64.0.20, outside: 203.0.113.13");
    let mut nat = Pipe::new(&config);
    for port in [1, 53, 5000, 65535] {
        let got = nat
            .outside(udp(&format!("192.0.2.9:5 > 203.0.113.13:{port}")))
            .forwarded();
        assert!(got.dst == format!("10.64.0.20:{port}").as_str());
        let out = nat
            .inside(udp(&format!("10.64.0.20:{port} > 192.0.2.1:7")))
            .forwarded();
        assert!(out.src == format!("203.0.113.13:{port}").as_str());
    }
    kept_out(&nat.outside(tcp("192.0.2.9:5 > 203.0.113.13:53").syn()));
    let by_tcp = nat.inside(tcp("10.64.0.20:53 > 192.0.2.1:80").syn());
    assert!(by_tcp.forwarded().src != "203.0.113.13:53");
    ends_empty(&mut nat);
}

/// Several outside ports lead to one port of a host; each connection answers from the
/// port it was made to.
#[test]
fn several_outside_ports_lead_to_one_inside_port() {
    let config = Config::new()
        .fixed("protocol: tcp, inside: \"10.64.0.20:80\", outside: \"203.0.113.13:80\"")
        .fixed("protocol: tcp, inside: \"10.64.0.20:80\", outside: \"203.0.113.13:8080\"")
        .fixed("protocol: tcp, inside: \"10.64.0.20:80\", outside: \"203.0.113.12:80\"");
    let mut nat = Pipe::new(&config);
    for (nth, outside) in ["203.0.113.13:80", "203.0.113.13:8080", "203.0.113.12:80"]
        .into_iter()
        .enumerate()
    {
        let syn = tcp(&format!("192.0.2.9:{} > {outside}", 2000 + nth)).syn();
        let got = nat.outside(syn).forwarded();
        assert!(got.dst == "10.64.0.20:80");
        let answer = nat.inside(got.reply().syn_ack().seq(9)).forwarded();
        assert!(answer.src == outside, "{answer:?}");
    }
    ends_empty(&mut nat);
}

/// `filtering: address-dependent` of a whole address: the address that was written to, by
/// any port; nobody else.
#[test]
fn a_whole_address_filters_by_remote_address() {
    let config = Config::new()
        .fixed("inside: 10.64.0.20, outside: 203.0.113.13, filtering: address-dependent");
    let mut nat = Pipe::new(&config);
    nat.outside(udp("192.0.2.1:501 > 203.0.113.13:500"))
        .dropped(Counter::DropFiltered);
    nat.inside(udp("10.64.0.20:500 > 192.0.2.1:500"))
        .forwarded();
    for flow in [
        "192.0.2.1:500 > 203.0.113.13:500",
        "192.0.2.1:501 > 203.0.113.13:500",
        "192.0.2.1:501 > 203.0.113.13:501",
    ] {
        nat.outside(udp(flow)).forwarded();
    }
    nat.outside(tcp("192.0.2.1:7 > 203.0.113.13:80").syn())
        .forwarded();
    nat.outside(udp("192.0.2.2:500 > 203.0.113.13:500"))
        .dropped(Counter::DropFiltered);
    nat.outside(tcp("192.0.2.2:7 > 203.0.113.13:80").syn())
        .held(Counter::HoldSyn);
    ends_empty(&mut nat);
}

/// `address-and-port-dependent`: only the endpoint that was written to.
#[test]
fn a_whole_address_filters_by_remote_port() {
    let config = Config::new()
        .fixed("inside: 10.64.0.20, outside: 203.0.113.13, filtering: address-and-port-dependent");
    let mut nat = Pipe::new(&config);
    nat.inside(udp("10.64.0.20:500 > 192.0.2.1:500"))
        .forwarded();
    nat.outside(udp("192.0.2.1:500 > 203.0.113.13:500"))
        .forwarded();
    nat.outside(udp("192.0.2.1:501 > 203.0.113.13:500"))
        .dropped(Counter::DropFiltered);
}

/// A host with a forwarded port has dynamic mappings for all else, and is one subscriber.
#[test]
fn a_forwarded_port_goes_beside_the_hosts_dynamic_mappings() {
    let config = Config::new()
        .fixed("protocol: udp, inside: \"10.64.0.7:53\", outside: \"203.0.113.13:53\"");
    let mut nat = Pipe::new(&config);
    assert!(udp_endpoint(&mut nat, "10.64.0.7:53", "192.0.2.1:7000") == "203.0.113.13:53");
    let other = udp_endpoint(&mut nat, "10.64.0.7:54", "192.0.2.1:7000");
    assert!(other.port() >= 1024);
    nat.outside(udp("198.18.0.1:1 > 203.0.113.13:53"))
        .forwarded();
    assert_eq!(nat.show("subscribers").len(), 1);
    ends_empty(&mut nat);
}

/// Static mappings work without any rule for their host, and open nothing else for it.
#[test]
fn a_forwarded_port_needs_no_rule() {
    let config = Config::new()
        .rule("source", "10.64.0.8/32")
        .fixed("protocol: udp, inside: \"10.64.0.7:53\", outside: \"203.0.113.13:53\"");
    let mut nat = Pipe::new(&config);
    let got = nat
        .outside(udp("192.0.2.1:7000 > 203.0.113.13:53"))
        .forwarded();
    assert!(nat.inside(got.reply()).forwarded().src == "203.0.113.13:53");
    nat.inside(udp("10.64.0.7:53 > 192.0.2.9:1")).forwarded();
    nat.inside(udp("10.64.0.7:54 > 192.0.2.9:1"))
        .dropped(Counter::DropNoRule);
}

/// What a host is behind, for the pairs below: its port 5000, as others see it.
enum Kind {
    Dynamic,
    Port,
    Whole,
}

const KINDS: [Kind; 3] = [Kind::Dynamic, Kind::Port, Kind::Whole];

/// RFC 4787 REQ-9, RFC 5382 REQ-8: any inside client reaches any inside server by its
/// public endpoint, whatever mapping either has; sources are seen by theirs.
#[test]
fn clients_reach_servers_through_every_pair_of_mappings() {
    let fixed = |config: Config, kind: &Kind, host: u8, outside: u8| {
        match kind {
        Kind::Dynamic => config,
        Kind::Port => config.fixed(&format!(
            "protocol: udp, inside: \"10.64.0.{host}:5000\", outside: \"203.0.113.{outside}:7{outside}\""
        ))
        .fixed(&format!(
            "protocol: tcp, inside: \"10.64.0.{host}:5000\", outside: \"203.0.113.{outside}:7{outside}\""
        )),
        Kind::Whole => config.fixed(&format!(
            "inside: 10.64.0.{host}, outside: 203.0.113.{outside}"
        )),
    }
    };
    let connect = |flow: &str| tcp(flow).syn();
    for client in &KINDS {
        for server in &KINDS {
            let config = fixed(Config::new(), client, 7, 12);
            let config = fixed(config, server, 8, 13);
            for make in [udp as fn(&str) -> Packet, connect] {
                let mut nat = Pipe::new(&config);
                let of_server = nat
                    .inside(make("10.64.0.8:5000 > 192.0.2.1:7000"))
                    .forwarded()
                    .src;
                let got = nat
                    .inside(make("10.64.0.7:5000 > 0.0.0.0").to(of_server))
                    .hairpinned();
                assert!(got.dst == "10.64.0.8:5000");
                let reply = |packet: Packet| {
                    if got.protocol == protocol::TCP {
                        packet.syn_ack()
                    } else {
                        packet
                    }
                };
                let back = nat.inside(reply(got.reply())).hairpinned();
                assert!(back.src == of_server && back.dst == "10.64.0.7:5000");
                let of_client = nat
                    .inside(make("10.64.0.7:5000 > 192.0.2.1:7000"))
                    .forwarded()
                    .src;
                assert_eq!(got.src, of_client, "seen by its own outside endpoint");
                ends_empty(&mut nat);
            }
        }
    }
}

/// A server reaches itself by its public address, with each kind of mapping, and as one
/// of several that share it.
#[test]
fn a_server_reaches_itself_by_its_public_address() {
    let whole = Config::new().fixed("inside: 10.64.0.20, outside: 203.0.113.13");
    let port = Config::new()
        .fixed("protocol: udp, inside: \"10.64.0.20:53\", outside: \"203.0.113.13:53\"");
    for config in [whole, port] {
        for source in ["translate", "preserve"] {
            let hairpin = format!("{{ enabled: true, source: {source} }}");
            let mut nat = Pipe::new(&config.clone().rule("hairpin", &hairpin));
            let got = nat
                .inside(udp("10.64.0.20:5000 > 203.0.113.13:53"))
                .hairpinned();
            assert!(got.dst == "10.64.0.20:53", "{got:?}");
            let back = nat.inside(got.reply()).hairpinned();
            assert!(back.src == "203.0.113.13:53" && back.dst == "10.64.0.20:5000");
            ends_empty(&mut nat);
        }
    }
}

/// Clients with a preserved source reach a network mapped as a whole, and are answered.
#[test]
fn a_preserved_source_reaches_a_mapped_network() {
    let config = Config::new()
        .rule("hairpin", "{ enabled: true, source: preserve }")
        .fixed("inside: 10.64.0.8/30, outside: 203.0.113.64/30");
    let mut nat = Pipe::new(&config);
    for nth in 0..4 {
        let outside = format!("203.0.113.{}", 64 + nth);
        let flow = format!("10.64.0.7:5000 > {outside}:53");
        let got = nat.inside(udp(&flow));
        let inside = format!("10.64.0.{}:53", 8 + nth);
        assert!(
            got.left[0].seen.dst == inside.as_str() && got.left[0].seen.src == "10.64.0.7:5000"
        );
        let back = nat.inside(got.left[0].seen.reply()).hairpinned();
        assert!(back.src == format!("{outside}:53").as_str());
    }
    ends_empty(&mut nat);
}

/// Forwarded ports of a pool address that inside hosts have flows on: neither disturbs
/// the other.
#[test]
fn a_forwarded_port_goes_beside_dynamic_ports_of_the_address() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .fixed("protocol: tcp, inside: \"10.64.0.20:80\", outside: \"203.0.113.1:80\"")
        .fixed("protocol: esp, inside: 10.64.0.20, outside: 203.0.113.1");
    let mut nat = Pipe::new(&config);
    let of_a = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    assert!(of_a.ip().octets() == [203, 0, 113, 1]);
    let syn = tcp("192.0.2.1:7000 > 203.0.113.1:80").syn();
    assert!(nat.outside(syn).forwarded().dst == "10.64.0.20:80");
    let esp = raw("192.0.2.1 > 203.0.113.1", protocol::ESP).payload(&[0, 0, 1, 0, 0, 0, 0, 1]);
    assert!(nat.outside(esp).forwarded().dst == "10.64.0.20");
    let back = nat.outside(udp(&format!("192.0.2.1:7000 > {of_a}")));
    assert!(back.forwarded().dst == "10.64.0.7:5000");
    let at_server = nat
        .inside(tcp("10.64.0.7:5000 > 203.0.113.1:80").syn())
        .hairpinned();
    assert!(at_server.dst == "10.64.0.20:80");
    ends_empty(&mut nat);
}
