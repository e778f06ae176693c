//! `drain` and `drain_addresses`: nothing new from there, what is there goes on.

use std::net::Ipv4Addr;

use base::Counter;
use testkit::{protocol, raw, tcp, udp};
use tests::{Config, Pipe};

use crate::{ends_empty, udp_endpoint};

fn each_division(base: &Config, check: impl Fn(&mut Pipe)) {
    for config in [base.clone(), base.clone().pool_without("blocks")] {
        check(&mut Pipe::new(&config));
    }
}

/// Newcomers get the other addresses, however many they are.
#[test]
fn nothing_is_lent_from_a_drained_address() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.0/30]")
        .pool("drain_addresses", "[203.0.113.0, 203.0.113.2-203.0.113.3]");
    each_division(&config, |nat| {
        for host in 0..30 {
            let inside = format!("10.64.1.{host}:5000");
            let out = udp_endpoint(nat, &inside, "192.0.2.1:7000");
            assert_eq!(out.ip(), Ipv4Addr::new(203, 0, 113, 1));
        }
        let pools = nat.show("pools");
        assert_eq!(pools[0]["draining"], true, "{pools:?}");
        ends_empty(nat);
    });
}

/// A pool that is drained as a whole refuses everybody; a second pool of the rule goes on.
#[test]
fn a_drained_pool_lends_nothing() {
    let drained = Config::new().pool("drain", "true");
    each_division(&drained, |nat| {
        nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
            .refused(Counter::DropNoPort);
        assert!(nat.show("subscribers").is_empty());
        ends_empty(nat);
    });
    let config = drained
        .add_pool("name: more, prefixes: [203.0.113.32/32]")
        .rule("pool", "[public, more]");
    each_division(&config, |nat| {
        let out = udp_endpoint(nat, "10.64.0.7:5000", "192.0.2.1:7000");
        assert_eq!(out.ip(), Ipv4Addr::new(203, 0, 113, 32));
        ends_empty(nat);
    });
}

/// The address is still the appliance's: nothing gets through it, and it is not a route.
#[test]
fn a_drained_address_is_still_ours() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.0/31]")
        .pool("drain_addresses", "[203.0.113.0]");
    let mut nat = Pipe::new(&config);
    nat.outside(udp("192.0.2.1:7000 > 203.0.113.0:5000"))
        .dropped(Counter::DropNoMapping);
    nat.outside(tcp("192.0.2.1:7000 > 203.0.113.0:80").syn())
        .held(Counter::HoldSyn);
}

/// One-to-one pools are drained alike.
#[test]
fn whole_addresses_are_drained_too() {
    let config = Config::new()
        .pool_without("ports")
        .pool_without("blocks")
        .pool("prefixes", "[203.0.113.0/30]")
        .pool("one_to_one", "true")
        .pool("drain_addresses", "[203.0.113.0/31]")
        .rule_without("mapping")
        .rule_without("paired");
    let mut nat = Pipe::new(&config);
    for host in [7, 8] {
        let inside = format!("10.64.0.{host}:5000");
        let out = udp_endpoint(&mut nat, &inside, "192.0.2.1:7000");
        assert!(out.ip().octets()[3] >= 2, "{out}");
    }
    nat.inside(udp("10.64.0.9:5000 > 192.0.2.1:7000"))
        .refused(Counter::DropNoPort);
    ends_empty(&mut nat);
}

/// Protocols by address and pools in a list keep away from drained addresses, too.
#[test]
fn address_pairs_are_not_made_with_a_drained_address() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.0/30]")
        .pool("drain_addresses", "[203.0.113.0/31]")
        .rule("protocols", "[gre]");
    each_division(&config, |nat| {
        let mut count = 0;
        for host in 7..=11 {
            let gre = raw(&format!("10.64.0.{host} > 192.0.2.1"), protocol::GRE);
            let outcome = nat.inside(gre.payload(&[0; 8]));
            if outcome.verdict == "forward" {
                assert!(outcome.forwarded().src.ip().octets()[3] >= 2);
                count += 1;
            }
        }
        assert_eq!(count, 2);
        ends_empty(nat);
    });
}

/// Static mappings of a drained pool's addresses go on.
#[test]
fn static_mappings_of_a_drained_address_go_on() {
    let config = Config::new()
        .pool("drain", "true")
        .fixed("protocol: tcp, inside: \"10.64.0.20:80\", outside: \"203.0.113.1:80\"");
    let mut nat = Pipe::new(&config);
    let syn = tcp("192.0.2.1:7000 > 203.0.113.1:80").syn();
    let got = nat.outside(syn).forwarded();
    let answer = nat.inside(got.reply().syn_ack().seq(9)).forwarded();
    assert!(answer.src == "203.0.113.1:80");
}
