//! Which outside address a subscriber gets (RFC 4787 REQ-2, RFC 6888 REQ-2, REQ-3).

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use base::Counter;
use testkit::{echo, tcp, udp};
use tests::{Config, Pipe};

use crate::{open_udp, tcp_endpoint};

/// RFC 4787 REQ-2, RFC 6888 REQ-2: paired over all protocols, which is the default.
#[test]
fn a_subscriber_has_one_outside_address_for_all_protocols() {
    let config = Config::new();
    let mut nat = Pipe::new(&config);
    let mut addresses = BTreeSet::new();
    for port in 5000..5170 {
        let flow = format!("10.64.0.7:{port} > 192.0.2.1:80");
        addresses.insert(nat.inside(udp(&flow)).forwarded().src.ip());
        addresses.insert(nat.inside(tcp(&flow).syn()).forwarded().src.ip());
        let ping = echo(&format!("10.64.0.7:{port} > 192.0.2.1"));
        addresses.insert(nat.inside(ping).forwarded().src.ip());
    }
    assert_eq!(addresses.len(), 1, "{addresses:?}");
}

/// RFC 6888 REQ-2: the pairing outlives a change of block.
#[test]
fn further_blocks_come_from_the_same_address() {
    let config = Config::new().pool("blocks", "{ size: 16, max_per_subscriber: 8 }");
    let mut nat = Pipe::new(&config);
    let mut addresses = BTreeSet::new();
    for host in ["10.64.0.7", "10.64.0.8", "10.64.0.9"] {
        let used: BTreeSet<Ipv4Addr> = open_udp(&mut nat, host, 5000, 100)
            .iter()
            .map(|endpoint| endpoint.ip())
            .collect();
        assert_eq!(used.len(), 1, "{host}: {used:?}");
        addresses.extend(used);
    }
    let shown: BTreeMap<String, String> = nat
        .show("subscribers")
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap().to_string();
            (text("inside"), text("outside"))
        })
        .collect();
    assert_eq!(shown.len(), 3, "{shown:?}");
}

/// RFC 6888 REQ-3: a pool of any size, with gaps, and all of it is used.
#[test]
fn every_address_of_a_pool_with_gaps_is_used() {
    let config = Config::new()
        .pool(
            "prefixes",
            "[203.0.113.1/32, 203.0.113.8/30, 203.0.113.77/32]",
        )
        .pool("ports", "1024-1151")
        .pool("blocks", "{ size: 64, max_per_subscriber: 1 }");
    let mut nat = Pipe::new(&config);
    let mut used: BTreeMap<Ipv4Addr, u32> = BTreeMap::new();
    // Six addresses with two blocks each.
    for host in 1..=12 {
        let flow = format!("10.64.1.{host}:5000 > 192.0.2.1:7000");
        *used
            .entry(nat.inside(udp(&flow)).forwarded().src.ip())
            .or_default() += 1;
    }
    let all: BTreeMap<Ipv4Addr, u32> = [1, 8, 9, 10, 11, 77]
        .map(|last| (Ipv4Addr::new(203, 0, 113, last), 2))
        .into();
    assert_eq!(used, all);
    let error = nat
        .inside(udp("10.64.1.13:5000 > 192.0.2.1:7000"))
        .left
        .len();
    assert_eq!(error, 1, "the thirteenth is told that there is no room");
}

/// RFC 7857 section 4: the paired address has run dry, and others must not help out.
#[test]
fn a_paired_subscriber_gets_no_second_address() {
    let mut nat = Pipe::new(&one_block_each());
    let first = open_udp(&mut nat, "10.64.0.7", 5000, 64);
    let error = nat
        .inside(udp("10.64.0.7:6000 > 192.0.2.1:7000"))
        .refused(Counter::DropNoPort);
    assert_eq!(error.icmp_kind(), Some((3, 1)));
    assert!(first.iter().all(|endpoint| endpoint.ip() == first[0].ip()));
    // It is only this subscriber's address that is full.
    let other = open_udp(&mut nat, "10.64.0.8", 5000, 64);
    assert_ne!(other[0].ip(), first[0].ip());
}

/// RFC 7857 section 4 applies to TCP as well.
#[test]
fn a_paired_subscriber_gets_no_second_address_for_connections() {
    let mut nat = Pipe::new(&one_block_each());
    for port in 5000..5064 {
        tcp_endpoint(&mut nat, &format!("10.64.0.7:{port}"), "192.0.2.1:80");
    }
    let error = nat
        .inside(tcp("10.64.0.7:6000 > 192.0.2.1:80").syn())
        .refused(Counter::DropNoPort);
    assert_eq!(error.icmp_kind(), Some((3, 1)));
}

/// RFC 7857 section 4, the soft form: another address only when the first has no port left.
#[test]
fn a_softly_paired_subscriber_goes_on_with_another_address() {
    let mut nat = Pipe::new(&one_block_each().rule("paired", "soft"));
    let first = open_udp(&mut nat, "10.64.0.7", 5000, 64);
    assert!(first.iter().all(|endpoint| endpoint.ip() == first[0].ip()));
    let beyond = open_udp(&mut nat, "10.64.0.7", 6000, 64);
    assert!(beyond.iter().all(|endpoint| endpoint.ip() != first[0].ip()));
    for port in 5000..5064 {
        let endpoint = tcp_endpoint(&mut nat, &format!("10.64.0.7:{port}"), "192.0.2.1:80");
        assert_eq!(endpoint.ip(), first[0].ip(), "TCP has ports left there");
    }
    let endpoint = tcp_endpoint(&mut nat, "10.64.0.7:6000", "192.0.2.1:80");
    assert_ne!(endpoint.ip(), first[0].ip());
}

/// RFC 4787 section 4.1, arbitrary pooling, where the rule says so.
#[test]
fn an_unpaired_subscriber_goes_on_with_another_address() {
    let mut nat = Pipe::new(&one_block_each().rule("paired", "false"));
    let addresses: BTreeSet<Ipv4Addr> = open_udp(&mut nat, "10.64.0.7", 5000, 128)
        .iter()
        .map(|endpoint| endpoint.ip())
        .collect();
    assert_eq!(addresses.len(), 2);
}

/// Two addresses with one block each, and subscribers who may have both.
fn one_block_each() -> Config {
    Config::new()
        .pool("prefixes", "[203.0.113.2/31]")
        .pool("ports", "1024-1087")
        .pool("blocks", "{ size: 64, max_per_subscriber: 2 }")
}

/// Contract 7.2, `exclude_addresses`.
#[test]
fn an_excluded_address_is_never_used() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.8/30]")
        .pool("exclude_addresses", "[203.0.113.9]")
        .pool("ports", "1024-1151")
        .pool("blocks", "{ size: 64, max_per_subscriber: 1 }");
    let mut nat = Pipe::new(&config);
    let used: BTreeSet<u8> = (1..=6)
        .map(|host| {
            let flow = format!("10.64.1.{host}:5000 > 192.0.2.1:7000");
            nat.inside(udp(&flow)).forwarded().src.ip().octets()[3]
        })
        .collect();
    assert_eq!(used, BTreeSet::from([8, 10, 11]));
    let seventh = nat.inside(udp("10.64.1.7:5000 > 192.0.2.1:7000"));
    assert_eq!(seventh.verdict, "drop");
}

/// Contract 7.4, `pools`: its subscribers are counted, not their addresses.
#[test]
fn a_subscriber_of_several_addresses_is_one_subscriber() {
    let config = Config::new()
        .rule("paired", "false")
        .pool("prefixes", "[203.0.113.0/30]")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    for host in ["10.64.0.7", "10.64.0.8"] {
        let used = open_udp(&mut nat, host, 5000, 40);
        let addresses: BTreeSet<Ipv4Addr> = used.iter().map(|endpoint| endpoint.ip()).collect();
        assert!(addresses.len() > 1, "{addresses:?}");
    }
    assert_eq!(nat.show("pools")[0]["subscribers"], 2);
    nat.clear("translations");
    assert_eq!(nat.show("pools")[0]["subscribers"], 0);
}

/// Contract 7.2: without `blocks`, subscribers share the range of an address.
#[test]
fn subscribers_share_a_pool_without_blocks() {
    let mut nat = Pipe::new(&shared(32));
    let mut all = BTreeSet::new();
    all.extend(open_udp(&mut nat, "10.64.0.7", 5000, 20));
    all.extend(open_udp(&mut nat, "10.64.0.8", 5000, 12));
    assert_eq!(all.len(), 32, "each port once");
    for host in ["10.64.0.7", "10.64.0.8", "10.64.0.9"] {
        let error = nat
            .inside(udp(&format!("{host}:6000 > 192.0.2.1:7000")))
            .refused(Counter::DropNoPort);
        assert_eq!(error.icmp_kind(), Some((3, 1)));
    }
    // What was open stays open.
    for endpoint in all {
        nat.outside(udp(&format!("192.0.2.1:7000 > {endpoint}")))
            .forwarded();
    }
}

/// RFC 4787 REQ-1 and REQ-3 do not depend on blocks.
#[test]
fn a_pool_without_blocks_keeps_mappings_as_others_do() {
    let mut nat = Pipe::new(&shared(1000));
    let first = crate::udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    let second = crate::udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.9:53");
    let other = crate::udp_endpoint(&mut nat, "10.64.0.8:5000", "192.0.2.1:7000");
    assert_eq!(first, second);
    assert_ne!(first, other);
    let got = nat
        .outside(udp(&format!("192.0.2.77:1 > {other}")))
        .forwarded();
    assert!(got.dst == "10.64.0.8:5000");
}

/// One address, `ports` ports of it, no blocks.
fn shared(ports: u16) -> Config {
    Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", &format!("2000-{}", 1999 + ports))
        .pool_without("blocks")
}

/// Contract 7.2, `interface`: the pool may be the appliance's own address.
#[test]
fn a_pool_may_be_the_address_of_an_interface() {
    let config = Config::new()
        .pool_without("prefixes")
        .pool_without("blocks")
        .pool("interface", "outside");
    let mut nat = Pipe::new(&config);
    for packet in [
        udp("10.64.0.7:5000 > 192.0.2.1:7000"),
        tcp("10.64.0.8:5000 > 192.0.2.1:80").syn(),
        echo("10.64.0.7:9 > 192.0.2.1"),
    ] {
        let out = nat.inside(packet).forwarded();
        assert_eq!(out.src.ip().to_string(), tests::OWN_OUTSIDE);
        nat.outside(out.reply()).forwarded();
    }
    let ping = nat.outside(echo("192.0.2.9:5 > 198.51.100.1"));
    assert_eq!(ping.consumed(Counter::ConsumeEcho).len(), 1);
}
