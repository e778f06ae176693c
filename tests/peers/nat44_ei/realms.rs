//! Realms that share an outside, inside addresses that overlap, pools by realm,
//! and one inside with two outsides.

use tests::{Config, Pipe};

use super::WIRES;
use crate::{of_the_pool, one_source, stream, there_and_back};

/// Two inside interfaces in realm ten, one in realm twenty with the same addresses.
fn overlapping() -> Config {
    Config::new()
        .add_interface("name: lan4, device: \"net_null4\", addresses: [10.4.0.1/16], vrf: ten")
        .add_interface("name: lan5, device: \"net_null5\", addresses: [10.5.0.1/16], vrf: ten")
        .add_interface("name: lan6, device: \"net_null6\", addresses: [10.4.0.1/16], vrf: twenty")
        .rule_before(
            "name: ten, inside: [lan4, lan5], source: [10.4.0.0/16, 10.5.0.0/16], \
             pool: public, outside_vrf: default",
        )
        .rule_before("name: within, inside: [lan4, lan5], destination: 10.4.0.0/15, action: pass")
        .rule_before("name: twenty, inside: lan6, pool: small, outside_vrf: default")
        .add_pool("name: small, prefixes: [203.0.113.40/32]")
}

#[track_caller]
fn pipe() -> Pipe {
    let mut nat = Pipe::new(&overlapping());
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
