//! Realms that share an outside, inside addresses that overlap, pools by realm,
//! and one inside with two outsides.

use testkit::{tcp, udp};
use tests::{Config, Pipe};

use super::WIRES;
use crate::{answer, of_the_pool, one_source, stream, there_and_back};

/// Two inside interfaces in realm ten, one in realm twenty with the same addresses;
/// the outside is in neither.
fn two_realms() -> Config {
    Config::new()
        .add_interface("name: lan4, device: \"net_null4\", addresses: [10.4.0.1/16], vrf: ten")
        .add_interface("name: lan5, device: \"net_null5\", addresses: [10.5.0.1/16], vrf: ten")
        .add_interface("name: lan6, device: \"net_null6\", addresses: [10.4.0.1/16], vrf: twenty")
        .rule_before(
            "name: ten, inside: [lan4, lan5], source: [10.4.0.0/16, 10.5.0.0/16], \
             pool: public, outside_vrf: default",
        )
        .rule_before("name: within, inside: [lan4, lan5], destination: 10.4.0.0/15, action: pass")
}

/// Both with rules.
#[track_caller]
fn pipe() -> Pipe {
    known(
        &two_realms()
            .rule_before("name: twenty, inside: lan6, pool: small, outside_vrf: default")
            .add_pool("name: small, prefixes: [203.0.113.40/32]"),
    )
}

/// The same with a static mapping for the host in realm twenty instead of a rule.
#[track_caller]
fn mapped() -> Pipe {
    known(
        &two_realms()
            .fixed("inside: 10.4.0.7, outside: 203.0.113.40, vrf: twenty, outside_vrf: default"),
    )
}

#[track_caller]
fn known(config: &Config) -> Pipe {
    let mut nat = Pipe::new(config);
    nat.learn("lan4", "10.4.0.7", "10.4.0.1", &[]);
    nat.learn("lan5", "10.5.0.7", "10.5.0.1", &[]);
    nat.learn("lan6", "10.4.0.7", "10.4.0.1", &[]);
    nat
}

/// Peer scenario: nat44-ei, inside interfaces with overlapping addresses, towards
/// the outside.
#[test]
fn hosts_with_one_address_in_two_realms_have_translations_of_their_own() {
    let mut nat = pipe();
    for (lan, host) in [("lan4", "10.4.0.7"), ("lan5", "10.5.0.7")] {
        let left = there_and_back(&mut nat, [lan, "outside"], &stream(host, "192.0.2.1"));
        assert!(of_the_pool(&one_source(&left)));
    }
    let packets = stream("10.4.0.7", "192.0.2.1");
    let left = there_and_back(&mut nat, ["lan6", "outside"], &packets);
    assert_eq!(one_source(&left), "203.0.113.40");
    let rows = nat.show("translations");
    let of = |vrf: &str, host: &str| {
        rows.iter()
            .filter(|row| row["vrf"] == vrf && row["inside"].as_str().unwrap().starts_with(host))
            .count()
    };
    assert_eq!(of("ten", "10.4.0.7:"), 3);
    assert_eq!(of("ten", "10.5.0.7:"), 3);
    assert_eq!(of("twenty", "10.4.0.7:"), 3);
}

/// Peer scenario: nat44-ei, inside interfaces with overlapping addresses, within a
/// realm.
#[test]
fn interfaces_of_one_realm_exchange_packets_as_they_are() {
    let mut nat = pipe();
    let between = &stream("10.4.0.7", "10.5.0.7")[..2];
    let left = there_and_back(&mut nat, ["lan4", "lan5"], between);
    assert_eq!(one_source(&left), "10.4.0.7");
    assert!(nat.show("translations").is_empty());
}

/// Peer scenario: nat44-ei, inside interfaces with overlapping addresses, from one
/// realm to a mapped host of another.
#[test]
fn realms_meet_by_their_outside_addresses() {
    let mut nat = mapped();
    let syn = tcp("10.4.0.7:1234 > 203.0.113.40:5678").syn();
    let got = nat.send("lan4", &syn);
    assert_eq!(got.left[0].interface, "lan6");
    let got = got.forwarded();
    assert!(got.dst == "10.4.0.7:5678");
    assert!(of_the_pool(&got.src.ip().to_string()) && got.src.port() != 1234);
    let back = nat.send("lan6", &answer(&got));
    assert_eq!(back.left[0].interface, "lan4");
    let back = back.forwarded();
    assert!(back.src == "203.0.113.40:5678" && back.dst == "10.4.0.7:1234");
}

/// Peer scenario: nat44-ei, hairpinning, of two hosts in a realm that is not the
/// outside's (RFC 4787 REQ-9).
#[test]
fn hosts_of_one_realm_reach_each_other_by_their_outside_endpoints() {
    let mut nat = mapped();
    let of_b = nat
        .send("lan5", &udp("10.5.0.7:6000 > 192.0.2.1:7000"))
        .forwarded()
        .src;
    let got = nat.send("lan4", &udp("10.4.0.7:5000 > 0.0.0.0").to(of_b));
    assert_eq!(got.left[0].interface, "lan5", "{got:?}");
    let got = got.forwarded();
    assert!(got.dst == "10.5.0.7:6000");
    assert!(of_the_pool(&got.src.ip().to_string()));
    let back = nat.send("lan5", &got.reply()).forwarded();
    assert_eq!(back.src, of_b);
    assert!(back.dst == "10.4.0.7:5000");
}

/// Peer scenario: nat44-ei, 1:1 NAT in a VRF, and overlapping addresses: a mapped
/// host begins, and its packets follow the routes of the outside realm.
#[test]
fn a_mapped_host_goes_out_through_another_realm() {
    let mut nat = mapped();
    let packets = stream("10.4.0.7", "192.0.2.1");
    let left = there_and_back(&mut nat, ["lan6", "outside"], &packets);
    assert_eq!(one_source(&left), "203.0.113.40");
    let rows = nat.show("translations");
    assert!(rows.iter().all(|row| row["vrf"] == "twenty"), "{rows:?}");
}

/// Two tenants, each in a realm and on an interface of its own, with the same addresses.
fn tenants(first: &str, second: &str) -> Config {
    let rule = |name: &str, pool: &str| {
        format!("name: {name}, inside: {name}, pool: {pool}, outside_vrf: default")
    };
    Config::new()
        .add_interface("name: one, device: \"net_null4\", addresses: [10.4.0.1/16], vrf: one")
        .add_interface("name: two, device: \"net_null5\", addresses: [10.4.0.1/16], vrf: two")
        .rule_before(&rule("one", first))
        .rule_before(&rule("two", second))
}

#[track_caller]
fn sources(config: &Config) -> [String; 2] {
    let mut nat = Pipe::new(config);
    ["one", "two"].map(|lan| {
        nat.learn(lan, "10.4.0.7", "10.4.0.1", &[]);
        let packets = stream("10.4.0.7", "192.0.2.1");
        one_source(&there_and_back(&mut nat, [lan, "outside"], &packets))
    })
}

/// Peer scenario: nat44-ei, tenant VRF aware address pools; output feature in VRFs.
#[test]
fn each_tenant_has_the_pool_of_its_realm() {
    let config = tenants("ten", "twenty")
        .add_pool("name: ten, prefixes: [203.0.113.40/32], vrf: one, outside_vrf: default")
        .add_pool("name: twenty, prefixes: [203.0.113.41/32], vrf: two, outside_vrf: default");
    assert_eq!(sources(&config), ["203.0.113.40", "203.0.113.41"]);
}

/// Peer scenario: nat44-ei, tenant VRF independent address pool.
#[test]
fn tenants_may_share_a_pool() {
    let config = tenants("shared", "shared").add_pool("name: shared, prefixes: [203.0.113.40/32]");
    assert_eq!(sources(&config), ["203.0.113.40", "203.0.113.40"]);
}

/// Peer scenario: nat44-ei, multiple outside VRFs. A pool has one outside realm
/// here, so that there are two pools.
#[test]
fn one_subscriber_goes_out_to_two_realms() {
    let config = Config::new()
        .add_interface("name: wan2, device: \"net_null4\", addresses: [172.16.2.1/24], vrf: two")
        .add_pool("name: two, prefixes: [203.0.113.40/32], outside_vrf: two")
        .rule_before("name: two, inside: inside, destination: 172.16.2.0/24, pool: two");
    let mut nat = Pipe::new(&config);
    nat.learn("wan2", "172.16.2.9", "172.16.2.1", &[]);
    let left = there_and_back(&mut nat, WIRES, &stream("10.64.0.7", "192.0.2.1"));
    assert!(of_the_pool(&one_source(&left)));
    let packets = stream("10.64.0.7", "172.16.2.9");
    let left = there_and_back(&mut nat, ["inside", "wan2"], &packets);
    assert_eq!(one_source(&left), "203.0.113.40");
}
