//! Twice NAT (RFC 2663 section 4.3): remote hosts of `outside_source` are known inside by
//! an address of a pool, inside hosts outside by theirs.
//!
//! ```text
//!  10.64.0.7 --- [inside  appliance  outside] --- 192.0.2.1
//!  inside sees  10.99.0.x          outside sees  203.0.113.y
//! ```

use base::Counter;
use testkit::{Endpoint, Seen, echo, flags, icmp_error, protocol, raw, tcp, udp};
use tests::{Config, Pipe};

use crate::{GRAIN, kept_out, udp_endpoint};

/// Partners have addresses inside; whoever else is outside has not.
fn config() -> Config {
    Config::new()
        .add_pool("name: partners, prefixes: [10.99.0.0/30]")
        .nat("outside_source: [ { source: 192.0.2.0/24, pool: partners } ]")
}

/// A comes out to a stranger, so that it can be reached; its outside endpoint.
#[track_caller]
fn reachable(nat: &mut Pipe) -> Endpoint {
    udp_endpoint(nat, "10.64.0.7:5000", "198.18.0.1:7000")
}

/// A partner writes to A; what A sees.
#[track_caller]
fn visit(nat: &mut Pipe, partner: &str, outside: Endpoint) -> Seen {
    let got = nat
        .outside(udp(&format!("{partner} > {outside}")).payload(b"hello"))
        .forwarded();
    assert!(got.dst == "10.64.0.7:5000", "{got:?}");
    got
}

/// The remote host is seen by an address of the pool, with its port, and answers go back.
#[test]
fn a_partner_is_seen_by_its_address_of_the_pool() {
    let mut nat = Pipe::new(&config());
    let outside = reachable(&mut nat);
    let got = visit(&mut nat, "192.0.2.1:7000", outside);
    assert_eq!(got.src.ip().octets()[..3], [10, 99, 0]);
    assert_eq!(got.src.port(), 7000, "ports are kept");
    let back = nat.inside(got.reply().payload(b"answer")).forwarded();
    assert!(back.src == outside && back.dst == "192.0.2.1:7000");
    assert_eq!(nat.counter(Counter::ForwardInbound), 1);
    assert_eq!(nat.counter(Counter::ForwardHairpin), 0);
    // The pool has the partner as its subscriber.
    let pools = nat.show("pools");
    let partners = pools.iter().find(|row| row["name"] == "partners").unwrap();
    assert_eq!(partners["blocks_used"], 1, "{partners}");
}

/// Each partner has one address for everything, each another.
#[test]
fn a_partner_keeps_its_address() {
    let mut nat = Pipe::new(&config());
    let outside = reachable(&mut nat);
    let first = visit(&mut nat, "192.0.2.1:7000", outside).src;
    let again = visit(&mut nat, "192.0.2.1:7001", outside).src;
    let other = visit(&mut nat, "192.0.2.9:7000", outside).src;
    assert_eq!(first.ip(), again.ip());
    assert_ne!(first.ip(), other.ip());
    assert_eq!((again.port(), other.port()), (7001, 7000));
}

/// Who is not of `outside_source` is seen as it is.
#[test]
fn a_stranger_is_seen_by_its_own_address() {
    let mut nat = Pipe::new(&config());
    let outside = reachable(&mut nat);
    let got = visit(&mut nat, "198.18.0.1:7000", outside);
    assert!(got.src == "198.18.0.1:7000");
}

/// The inside host opens flows of its own to the address it has learnt, of every protocol.
#[test]
fn an_inside_host_opens_flows_to_the_address_it_knows() {
    let mut nat = Pipe::new(&config());
    let outside = reachable(&mut nat);
    let known = visit(&mut nat, "192.0.2.1:7000", outside).src.ip();
    let out = nat
        .inside(udp(&format!("10.64.0.7:6000 > {known}:53")))
        .forwarded();
    assert!(out.dst == "192.0.2.1:53" && out.src.ip() == outside.ip());
    let back = nat.outside(out.reply()).forwarded();
    assert!(back.src == format!("{known}:53").as_str() && back.dst == "10.64.0.7:6000");
    assert_eq!(nat.counter(Counter::ForwardHairpin), 0);
    // Another inside host does, too.
    let syn = nat
        .inside(tcp(&format!("10.64.0.8:6000 > {known}:80")).syn())
        .forwarded();
    assert!(syn.dst == "192.0.2.1:80");
    let got = nat.outside(syn.reply().syn_ack().seq(9)).forwarded();
    assert!(got.dst == "10.64.0.8:6000" && got.has_flags(flags::SYN | flags::ACK));
    let ping = nat
        .inside(echo(&format!("10.64.0.8:77 > {known}")))
        .forwarded();
    assert!(ping.dst == "192.0.2.1");
    let pong = nat.outside(ping.reply()).forwarded();
    assert!(pong.dst == "10.64.0.8:77" && pong.src == known.to_string().as_str());
    assert_eq!(nat.counter(Counter::ForwardHairpin), 0);
    // A's first packet, and these three.
    assert_eq!(nat.counter(Counter::ForwardOutbound), 4);
}

/// An address of the pool that nobody has yet leads nowhere, and is not told as a host.
#[test]
fn an_address_that_no_partner_has_leads_nowhere() {
    let mut nat = Pipe::new(&config());
    let outcome = nat.inside(udp("10.64.0.7:5000 > 10.99.0.2:53"));
    assert_eq!(outcome.verdict, "drop", "{outcome:?}");
    assert!(
        nat.show("subscribers")
            .iter()
            .all(|row| row["sessions"] == 0)
    );
}

/// What nobody asked for neither gets in nor uses up addresses: the pool has four, and a
/// hundred partners knock.
#[test]
fn unsolicited_traffic_uses_no_address() {
    let config = config().rule("filtering", "address-dependent");
    let mut nat = Pipe::new(&config);
    let outside = reachable(&mut nat);
    for host in 1..=100 {
        let flow = format!("192.0.2.{host}:7000 > {outside}");
        kept_out(&nat.outside(udp(&flow)));
        kept_out(&nat.outside(udp(&format!("192.0.2.{host}:7000 > {}:9", outside.ip()))));
        kept_out(&nat.outside(tcp(&flow).syn()));
    }
    let pools = nat.show("pools");
    let partners = pools.iter().find(|row| row["name"] == "partners").unwrap();
    assert_eq!(partners["blocks_used"], 0, "{partners}");
    assert_eq!(nat.show("subscribers").len(), 1, "A alone");
    assert_eq!(nat.show("translations").len(), 1);
}

/// More partners than addresses: the fifth does not come in, the four go on; when one has
/// been silent for long its address is given to another.
#[test]
fn a_full_pool_keeps_whom_it_has() {
    let mut nat = Pipe::new(&config());
    let outside = reachable(&mut nat);
    for host in 1..=4 {
        visit(&mut nat, &format!("192.0.2.{host}:7000"), outside);
    }
    let fifth = nat.outside(udp(&format!("192.0.2.5:7000 > {outside}")));
    assert_eq!(fifth.verdict, "drop", "{fifth:?}");
    visit(&mut nat, "192.0.2.4:7000", outside);
    nat.at(1000.0);
    let outside = reachable(&mut nat);
    visit(&mut nat, "192.0.2.5:7000", outside);
}

/// Contract 7.4: the remote as the inside host addresses it, and as it is.
#[test]
fn both_addresses_of_a_partner_are_shown() {
    let mut nat = Pipe::new(&config());
    let outside = reachable(&mut nat);
    let known = visit(&mut nat, "192.0.2.1:7000", outside).src;
    let rows = nat.show("translations");
    let row = rows
        .iter()
        .find(|row| row["inside"] == "10.64.0.7:5000" && row["remote"] == known.to_string())
        .unwrap_or_else(|| panic!("{rows:?}"));
    assert_eq!(row["remote_inside"], known.to_string(), "{row}");
    assert_eq!(row["remote_outside"], "192.0.2.1:7000", "{row}");
    assert_eq!(row["outside"], outside.to_string());
    // A session without twice NAT has neither.
    let plain = rows.iter().find(|row| row["remote"] == "198.18.0.1:7000");
    assert!(plain.unwrap().get("remote_inside").is_none(), "{plain:?}");
}

/// RFC 5508 section 4: an error about what A sent finds A, and quotes what A sent; the
/// partner's router is seen as what it is.
#[test]
fn an_error_from_outside_quotes_the_address_the_inside_knows() {
    let mut nat = Pipe::new(&config());
    let outside = reachable(&mut nat);
    let known = visit(&mut nat, "192.0.2.1:7000", outside).src;
    let out = nat
        .inside(udp(&format!("10.64.0.7:5000 > {known}")).payload(b"answer"))
        .forwarded();
    for (from, quoted) in [
        ("198.18.0.254", 28),
        ("198.18.0.254", 1500),
        ("192.0.2.1", 28),
    ] {
        let error = icmp_error(3, 3, from, &out.ip).quote_len(quoted);
        let got = nat.outside(error).forwarded();
        assert!(got.dst == "10.64.0.7", "{got:?}");
        assert!(got.quote().src == "10.64.0.7:5000", "{:?}", got.quote());
        assert_eq!(got.quote().dst, known, "as A addressed it");
    }
}

/// The other way: A's error about what the partner sent finds the partner, and quotes what
/// it sent.
#[test]
fn an_error_from_inside_quotes_what_the_partner_sent() {
    let mut nat = Pipe::new(&config());
    let outside = reachable(&mut nat);
    let got = visit(&mut nat, "192.0.2.1:7000", outside);
    for quoted in [28, 1500] {
        let error = icmp_error(3, 3, "10.64.0.7", &got.ip).quote_len(quoted);
        let out = nat.inside(error).forwarded();
        assert!(out.dst == "192.0.2.1", "{out:?}");
        assert_eq!(out.src.ip(), outside.ip());
        assert!(out.quote().src == "192.0.2.1:7000", "{:?}", out.quote());
        assert_eq!(out.quote().dst, outside);
    }
}

/// A connection from a partner to a static server, end to end.
#[test]
fn a_partner_connects_to_a_static_server() {
    let config =
        config().fixed("protocol: tcp, inside: \"10.64.0.20:80\", outside: \"203.0.113.13:80\"");
    let mut nat = Pipe::new(&config);
    let syn = nat
        .outside(tcp("192.0.2.1:7000 > 203.0.113.13:80").syn().seq(1000))
        .forwarded();
    assert!(syn.dst == "10.64.0.20:80");
    assert_eq!(syn.src.ip().octets()[..3], [10, 99, 0]);
    let answer = nat.inside(syn.reply().syn_ack().seq(9000)).forwarded();
    assert!(answer.src == "203.0.113.13:80" && answer.dst == "192.0.2.1:7000");
    let data = tcp("192.0.2.1:7000 > 203.0.113.13:80").seq(1001).ack(9001);
    let got = nat.outside(data.clone().payload(b"GET /")).forwarded();
    assert_eq!(got.src, syn.src);
    // Established: two hours of silence are no end.
    nat.later(7000.0);
    nat.outside(data.payload(b"GET /")).forwarded();
}

/// Protocols without ports are a partner's, too.
#[test]
fn a_partner_sends_protocols_without_ports_to_a_static_host() {
    let config = config().fixed("inside: 10.64.0.20, outside: 203.0.113.13");
    let mut nat = Pipe::new(&config);
    for number in [protocol::GRE, protocol::ESP, 41] {
        let packet = raw("192.0.2.1 > 203.0.113.13", number).payload(&[7; 16]);
        let got = nat.outside(packet).forwarded();
        assert!(got.dst == "10.64.0.20");
        assert_eq!(got.src.ip().octets()[..3], [10, 99, 0]);
        let back = nat.inside(got.reply().payload(&[8; 16])).forwarded();
        assert!(back.src == "203.0.113.13" && back.dst == "192.0.2.1");
    }
}

/// When all is over nothing is left of the partner.
#[test]
fn a_partner_is_forgotten_with_its_last_flow() {
    let mut nat = Pipe::new(&config());
    let outside = reachable(&mut nat);
    let got = visit(&mut nat, "192.0.2.1:7000", outside);
    nat.inside(got.reply()).forwarded();
    nat.at(300.0 + GRAIN);
    assert!(nat.show("translations").is_empty());
    nat.at(900.0);
    crate::ends_empty(&mut nat);
}

/// Both sides have 192.0.2.0/24: the inside one in a VRF, the outside one behind the
/// router. The inside knows the outside one by other addresses.
fn overlapping() -> Pipe {
    let config = Config::new()
        .no_neighbors()
        .interface("inside", "addresses", "[192.0.2.254/24]")
        .interface("inside", "vrf", "lan")
        .rule("source", "192.0.2.0/24")
        .rule("vrf", "lan")
        .rule("outside_vrf", "default")
        .add_pool("name: partners, prefixes: [10.99.0.0/24]")
        .nat("outside_source: [ { source: 192.0.2.0/24, pool: partners } ]");
    let mut nat = Pipe::bare(&config, &[]);
    for host in [7, 8] {
        nat.learn("inside", &format!("192.0.2.{host}"), "192.0.2.254", &[]);
    }
    nat.learn("outside", tests::GATEWAY, tests::OWN_OUTSIDE, &[]);
    nat
}

/// RFC 2663 section 4.3: what twice NAT is for.
#[test]
fn networks_with_the_same_numbers_talk_to_each_other() {
    let mut nat = overlapping();
    let outside = udp_endpoint(&mut nat, "192.0.2.7:5000", "198.18.0.1:7000");
    // The remote has the very number of the inside host.
    let got = nat
        .outside(udp(&format!("192.0.2.7:5000 > {outside}")).payload(b"hello"))
        .forwarded();
    assert!(got.dst == "192.0.2.7:5000");
    assert_eq!(got.src.ip().octets()[..3], [10, 99, 0]);
    let back = nat.inside(got.reply().payload(b"answer")).forwarded();
    assert!(back.src == outside && back.dst == "192.0.2.7:5000");
    let known = got.src.ip();
    let syn = nat
        .inside(tcp(&format!("192.0.2.8:6000 > {known}:80")).syn())
        .forwarded();
    assert!(syn.dst == "192.0.2.7:80");
    assert_eq!(syn.src.ip().octets()[..3], [203, 0, 113]);
    let answer = nat.outside(syn.reply().syn_ack().seq(9)).forwarded();
    assert!(answer.dst == "192.0.2.8:6000" && answer.src == format!("{known}:80").as_str());
    // Errors, both ways.
    let error = icmp_error(3, 3, "198.18.0.254", &back.ip);
    let to_host = nat.outside(error).forwarded();
    assert!(to_host.dst == "192.0.2.7" && to_host.quote().dst == got.src);
    let error = icmp_error(3, 3, "192.0.2.7", &got.ip);
    let to_partner = nat.inside(error).forwarded();
    assert!(to_partner.dst == "192.0.2.7" && to_partner.quote().src == "192.0.2.7:5000");
}

/// Reaching a partner is no hairpin: its settings are not about it, and the inside
/// host's own address never leaves.
#[test]
fn hairpin_settings_do_not_concern_partners() {
    for hairpin in [
        "{ enabled: false }",
        "{ enabled: true, source: preserve }",
        "{ enabled: true, source: translate }",
    ] {
        let mut nat = Pipe::new(&config().rule("hairpin", hairpin));
        let outside = reachable(&mut nat);
        let got = visit(&mut nat, "192.0.2.1:7000", outside);
        let back = nat.inside(got.reply()).forwarded();
        assert!(back.src == outside && back.dst == "192.0.2.1:7000");
        let known = got.src.ip();
        let out = nat
            .inside(udp(&format!("10.64.0.7:6000 > {known}:53")))
            .forwarded();
        assert_eq!(out.src.ip(), outside.ip(), "{hairpin}");
        assert!(out.dst == "192.0.2.1:53");
        let answer = nat.outside(out.reply()).forwarded();
        assert!(answer.dst == "10.64.0.7:6000" && answer.src == format!("{known}:53").as_str());
    }
}

/// The addresses inside are for the inside: nobody outside is let through by them, to
/// come out where it came in.
#[test]
fn a_partners_inside_address_is_of_no_use_outside() {
    let mut nat = Pipe::new(&config());
    let outside = reachable(&mut nat);
    let known = visit(&mut nat, "192.0.2.1:7000", outside).src.ip();
    visit(&mut nat, "192.0.2.9:7000", outside);
    for from in ["198.18.0.1", "192.0.2.9", "192.0.2.77"] {
        let flow = format!("{from}:7000 > {known}:7000");
        for outcome in [
            nat.outside(udp(&flow)),
            nat.outside(tcp(&flow).syn()),
            nat.outside(raw(&format!("{from} > {known}"), protocol::GRE).payload(&[0; 8])),
        ] {
            kept_out(&outcome);
        }
    }
}

/// Filtering is about the partner as the inside knows it.
#[test]
fn filtering_admits_the_partner_that_was_written_to() {
    let config = config()
        .rule("filtering", "address-dependent")
        .fixed("protocol: udp, inside: \"10.64.0.20:53\", outside: \"203.0.113.13:53\"");
    let mut nat = Pipe::new(&config);
    // The server, open to all, lets the partner become known.
    let got = nat
        .outside(udp("192.0.2.1:7000 > 203.0.113.13:53"))
        .forwarded();
    let known = got.src.ip();
    let out = nat
        .inside(udp(&format!("10.64.0.7:5000 > {known}:7000")))
        .forwarded();
    assert!(out.dst == "192.0.2.1:7000");
    let other_port = udp(&format!("192.0.2.1:7001 > {}", out.src));
    let got = nat.outside(other_port).forwarded();
    assert!(got.dst == "10.64.0.7:5000" && got.src == format!("{known}:7001").as_str());
    kept_out(&nat.outside(udp(&format!("192.0.2.9:7000 > {}", out.src))));
}
