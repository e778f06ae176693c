//! Pools of whole addresses, one for each subscriber: every protocol, ports kept
//! (RFC 2663 section 4.1.1, basic NAT).

use std::collections::BTreeSet;

use base::Counter;
use testkit::{
    Dccp, Endpoint, dccp, echo, icmp_error, icmp_query, protocol, raw, sctp, tcp, udp, udp_lite,
};
use tests::{Config, Pipe};

use crate::{GRAIN, ends_empty, kept_out, lost};

/// Four addresses, a rule that takes everything.
fn config() -> Config {
    Config::new()
        .pool_without("ports")
        .pool_without("blocks")
        .pool("prefixes", "[203.0.113.0/30]")
        .pool("one_to_one", "true")
        .rule_without("mapping")
        .rule_without("paired")
}

#[track_caller]
fn out(nat: &mut Pipe, inside: &str, remote: &str) -> Endpoint {
    crate::udp_endpoint(nat, inside, remote)
}

/// Every protocol leaves by the same address, with its ports.
#[test]
fn every_protocol_leaves_by_the_subscribers_address_with_its_ports() {
    let mut nat = Pipe::new(&config());
    let address = out(&mut nat, "10.64.0.7:53", "192.0.2.1:7000").ip();
    let flow = "10.64.0.7:443 > 192.0.2.1:7000";
    for packet in [
        udp(flow),
        tcp(flow).syn(),
        dccp(flow, Dccp::Request),
        udp_lite(flow).payload(b"x").coverage(8),
        sctp(flow, 0).payload(&[1, 0, 0, 4]),
    ] {
        let seen = nat.inside(packet).forwarded();
        assert!(seen.src == format!("{address}:443").as_str());
        let reply = match seen.protocol {
            protocol::TCP => seen.reply().syn_ack(),
            protocol::DCCP => dccp(&format!("{} > {}", seen.dst, seen.src), Dccp::Response),
            _ => seen.reply(),
        };
        let back = nat.outside(reply).forwarded();
        assert!(back.dst == "10.64.0.7:443", "{back:?}");
    }
    let ping = nat.inside(echo("10.64.0.7:77 > 192.0.2.1")).forwarded();
    assert!(ping.src == format!("{address}:77").as_str());
    assert!(nat.outside(ping.reply()).forwarded().dst == "10.64.0.7:77");
    for number in [protocol::GRE, protocol::ESP, protocol::AH, 4, 41, 89, 253] {
        let packet = raw("10.64.0.7 > 192.0.2.1", number).payload(&[9; 20]);
        let seen = nat.inside(packet).forwarded();
        assert_eq!(seen.src.ip(), address);
        let back = nat.outside(seen.reply().payload(&[8; 20])).forwarded();
        assert!(back.dst == "10.64.0.7");
    }
    let pools = nat.show("pools");
    assert_eq!(pools[0]["blocks_used"], 1, "{pools:?}");
    assert_eq!(nat.show("mappings").len(), 1);
    ends_empty(&mut nat);
}

/// Whoever is outside reaches every port of a subscriber that has an address.
#[test]
fn anybody_reaches_every_port_of_the_address() {
    let mut nat = Pipe::new(&config());
    let address = out(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000").ip();
    for port in [1, 80, 1024, 65535] {
        let got = nat
            .outside(udp(&format!("198.18.0.1:9 > {address}:{port}")))
            .forwarded();
        assert!(got.dst == format!("10.64.0.7:{port}").as_str());
        assert!(nat.inside(got.reply()).forwarded().src.port() == port);
    }
    let syn = nat
        .outside(tcp(&format!("198.18.0.1:9 > {address}:80")).syn())
        .forwarded();
    assert!(syn.dst == "10.64.0.7:80");
    let ping = icmp_query(8, &format!("198.18.0.1:99 > {address}"));
    let got = nat.outside(ping).forwarded();
    assert!(got.dst == "10.64.0.7" && got.src == "198.18.0.1:99");
    assert!(nat.inside(got.reply()).forwarded().dst == "198.18.0.1:99");
    let gre = raw(&format!("198.18.0.1 > {address}"), protocol::GRE).payload(&[0; 8]);
    assert!(nat.outside(gre).forwarded().dst == "10.64.0.7");
    ends_empty(&mut nat);
}

/// An address that nobody has leads to nobody.
#[test]
fn an_address_that_nobody_has_leads_nowhere() {
    let mut nat = Pipe::new(&config());
    let address = out(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000").ip();
    for last in 0..4 {
        if address.octets()[3] == last {
            continue;
        }
        lost(&nat.outside(udp(&format!("198.18.0.1:9 > 203.0.113.{last}:80"))));
        kept_out(&nat.outside(tcp(&format!("198.18.0.1:9 > 203.0.113.{last}:80")).syn()));
        let gre = raw(&format!("198.18.0.1 > 203.0.113.{last}"), protocol::GRE);
        lost(&nat.outside(gre.payload(&[0; 8])));
    }
}

/// Filtering is the rule's here as elsewhere.
#[test]
fn filtering_by_address_covers_the_whole_address() {
    let mut nat = Pipe::new(&config().rule("filtering", "address-dependent"));
    let address = out(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000").ip();
    let got = nat.outside(udp(&format!("192.0.2.1:1 > {address}:99")));
    assert!(got.forwarded().dst == "10.64.0.7:99");
    nat.outside(udp(&format!("192.0.2.9:7000 > {address}:5000")))
        .dropped(Counter::DropFiltered);
    let config = config().rule("filtering", "address-and-port-dependent");
    let mut nat = Pipe::new(&config);
    let address = out(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000").ip();
    nat.outside(udp(&format!("192.0.2.1:1 > {address}:99")))
        .dropped(Counter::DropFiltered);
    nat.outside(udp(&format!("192.0.2.1:7000 > {address}:5000")))
        .forwarded();
    ends_empty(&mut nat);
}

/// Four subscribers have the four addresses, the fifth is refused and told; nobody loses
/// what he has.
#[test]
fn a_pool_with_no_address_left_refuses_newcomers() {
    let mut nat = Pipe::new(&config());
    let addresses: BTreeSet<_> = (7..=10)
        .map(|host| out(&mut nat, &format!("10.64.0.{host}:5000"), "192.0.2.1:7000").ip())
        .collect();
    assert_eq!(addresses.len(), 4);
    let error = nat
        .inside(udp("10.64.0.11:5000 > 192.0.2.1:7000"))
        .refused(Counter::DropNoPort);
    assert_eq!(error.icmp_kind(), Some((3, 1)));
    let pools = nat.show("pools");
    assert_eq!(pools[0]["blocks_used"], 4, "{pools:?}");
    assert_eq!(pools[0]["blocks_total"], 4, "{pools:?}");
    assert_eq!(nat.show("subscribers").len(), 4);
    out(&mut nat, "10.64.0.7:5001", "192.0.2.9:7000");
    ends_empty(&mut nat);
}

/// The address goes back some time after the last flow, and then somebody else gets it.
#[test]
fn an_address_goes_back_when_it_has_been_idle() {
    let mut nat = Pipe::new(&config());
    for host in 7..=10 {
        out(&mut nat, &format!("10.64.0.{host}:5000"), "192.0.2.1:7000");
    }
    nat.at(200.0);
    let kept = out(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    nat.at(300.0 + GRAIN);
    assert_eq!(nat.show("translations").len(), 1);
    nat.at(490.0);
    assert_eq!(
        out(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000"),
        kept,
        "who is active keeps it"
    );
    assert_eq!(nat.show("pools")[0]["blocks_used"], 1);
    out(&mut nat, "10.64.0.11:5000", "192.0.2.1:7000");
    ends_empty(&mut nat);
}

/// Soon after its last flow a subscriber finds the same address again.
#[test]
fn a_subscriber_finds_its_address_again_soon_after() {
    let mut nat = Pipe::new(&config().pool("prefixes", "[203.0.113.0/28]"));
    let first = out(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000").ip();
    nat.at(302.0);
    assert!(nat.show("translations").is_empty());
    assert_eq!(
        out(&mut nat, "10.64.0.7:6000", "192.0.2.1:7000").ip(),
        first
    );
}

/// RFC 4787 REQ-9: to another's address, from one's own.
#[test]
fn subscribers_reach_each_other_by_their_addresses() {
    let mut nat = Pipe::new(&config());
    let of_a = out(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000").ip();
    let of_b = out(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000").ip();
    let at_b = nat
        .inside(udp(&format!("10.64.0.7:5000 > {of_b}:80")))
        .hairpinned();
    assert!(at_b.src == format!("{of_a}:5000").as_str() && at_b.dst == "10.64.0.8:80");
    let at_a = nat.inside(at_b.reply()).hairpinned();
    assert!(at_a.src == format!("{of_b}:80").as_str() && at_a.dst == "10.64.0.7:5000");
    let gre = raw(&format!("10.64.0.7 > {of_b}"), protocol::GRE).payload(&[7; 8]);
    let at_b = nat.inside(gre).hairpinned();
    assert!(at_b.src.ip() == of_a && at_b.dst == "10.64.0.8");
    let ping = echo(&format!("10.64.0.7:77 > {of_b}"));
    let at_b = nat.inside(ping).hairpinned();
    assert!(at_b.src == format!("{of_a}:77").as_str() && at_b.dst == "10.64.0.8");
    let at_a = nat.inside(at_b.reply()).hairpinned();
    assert!(at_a.dst == "10.64.0.7:77" && at_a.src.ip() == of_b);
    ends_empty(&mut nat);
}

/// RFC 5508 section 4, RFC 5508 REQ-5: errors both ways, by the address of the subscriber.
#[test]
fn errors_go_both_ways() {
    let mut nat = Pipe::new(&config());
    let sent = nat
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .forwarded();
    for quoted in [28, 1500] {
        let error = icmp_error(3, 4, "198.18.0.1", &sent.ip)
            .rest(1300)
            .quote_len(quoted);
        let got = nat.outside(error).forwarded();
        assert!(got.dst == "10.64.0.7" && got.quote().src == "10.64.0.7:5000");
        assert_eq!(got.icmp.as_ref().unwrap().rest, 1300);
    }
    let back = nat.outside(sent.reply().syn_ack()).forwarded();
    let left = nat
        .inside(icmp_error(3, 3, "10.64.0.7", &back.ip))
        .forwarded();
    assert_eq!(left.src.ip(), sent.src.ip());
    assert_eq!(left.quote().dst, sent.src);
    // About a protocol without ports.
    let gre = raw("10.64.0.7 > 192.0.2.1", protocol::GRE).payload(&[7; 8]);
    let seen = nat.inside(gre).forwarded();
    let got = nat
        .outside(icmp_error(3, 2, "192.0.2.1", &seen.ip))
        .forwarded();
    assert!(got.dst == "10.64.0.7" && got.quote().src == "10.64.0.7");
}

/// RFC 5508 REQ-5: a subscriber that is a router has its errors leave from its own address,
/// whosever packet they are about.
#[test]
fn a_subscriber_sends_errors_about_others_from_its_own_address() {
    let mut nat = Pipe::new(&config());
    let of_a = out(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    let of_b = out(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000");
    let got = nat
        .outside(udp(&format!("192.0.2.1:7000 > {of_a}")))
        .forwarded();
    let left = nat
        .inside(icmp_error(3, 1, "10.64.0.8", &got.ip))
        .forwarded();
    assert_eq!(left.src.ip(), of_b.ip(), "{left:?}");
    assert_eq!(left.quote().dst, of_a);
}
