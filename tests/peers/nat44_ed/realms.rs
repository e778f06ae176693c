//! Realms (VRFs) on the inside, on the outside, and from one to another.

use testkit::tcp;
use tests::{Config, Pipe};

use super::dependent;
use crate::{answer, of_the_pool, one_source, stream, there_and_back};

/// Two interfaces in realm blue: subscribers behind `lan`, the world behind `wan`.
fn blue() -> Config {
    dependent()
        .add_interface("name: lan, device: \"net_null2\", addresses: [10.1.1.1/24], vrf: blue")
        .add_interface("name: wan, device: \"net_null3\", addresses: [10.1.2.1/24], vrf: blue")
}

#[track_caller]
fn pipe(config: &Config) -> Pipe {
    let mut nat = Pipe::new(config);
    nat.learn("lan", "10.1.1.2", "10.1.1.1", &[]);
    nat.learn("wan", "10.1.2.2", "10.1.2.1", &[]);
    nat
}

/// A SYN to a service and the answer.
#[track_caller]
fn visit(nat: &mut Pipe, wires: [&str; 2], flow: &str, server: &str) {
    let [from, to] = wires;
    let syn = tcp(flow).syn();
    let seen = nat.send(from, &syn).forwarded();
    assert!(seen.dst == server, "{seen:?}");
    assert_eq!(seen.src, syn.src);
    let back = nat.send(to, &answer(&seen)).forwarded();
    assert_eq!(back.src, syn.dst);
    assert_eq!(back.dst, syn.src);
}

/// Peer scenario: nat44-ed, multiple VRF 1: client and service in VRF 1.
#[test]
fn a_service_is_reached_within_its_realm() {
    let config = blue().fixed(
        "protocol: tcp, inside: \"10.1.1.2:8080\", outside: \"203.0.113.40:80\", \
         vrf: blue, outside_vrf: blue",
    );
    let mut nat = pipe(&config);
    let flow = "10.1.2.2:12345 > 203.0.113.40:80";
    visit(&mut nat, ["wan", "lan"], flow, "10.1.1.2:8080");
    // The same endpoint is nobody's in another realm.
    tests::kept_out(&nat.outside(tcp("192.0.2.1:12345 > 203.0.113.40:80").syn()));
}

/// Peer scenario: nat44-ed, multiple VRF 2: dynamic NAT from VRF 1 to VRF 0.
#[test]
fn a_realm_goes_out_through_another() {
    let config = blue().rule_before(
        "name: blue, inside: lan, source: 10.1.1.0/24, pool: public, outside_vrf: default",
    );
    let mut nat = pipe(&config);
    let left = there_and_back(
        &mut nat,
        ["lan", "outside"],
        &stream("10.1.1.2", "192.0.2.1"),
    );
    assert!(of_the_pool(&one_source(&left)));
    let rows = nat.show("translations");
    assert!(rows.iter().all(|row| row["vrf"] == "blue"), "{rows:?}");
}

/// Peer scenario: nat44-ed, multiple VRF 3: client in VRF 1, service in VRF 0.
#[test]
fn a_service_is_reached_from_another_realm() {
    let config = blue().fixed(
        "protocol: tcp, inside: \"10.64.0.7:8080\", outside: \"interface wan:80\", \
         vrf: default, outside_vrf: blue",
    );
    let mut nat = pipe(&config);
    let flow = "10.1.2.2:12346 > 10.1.2.1:80";
    visit(&mut nat, ["wan", "inside"], flow, "10.64.0.7:8080");
}

/// Peer scenario: nat44-ed, multiple VRF 4: client in VRF 0, service in VRF 1.
#[test]
fn a_service_in_another_realm_is_reached_from_outside() {
    let config = blue().fixed(
        "protocol: tcp, inside: \"10.1.1.2:8080\", outside: \"203.0.113.40:80\", \
         vrf: blue, outside_vrf: default",
    );
    let mut nat = pipe(&config);
    let flow = "192.0.2.1:12347 > 203.0.113.40:80";
    visit(&mut nat, ["outside", "lan"], flow, "10.1.1.2:8080");
}

/// Peer scenario: nat44-ed, multiple VRF 4, with a client that is itself behind the NAT.
#[test]
fn a_service_in_another_realm_is_reached_from_inside() {
    let config = blue().fixed(
        "protocol: tcp, inside: \"10.1.1.2:8080\", outside: \"203.0.113.40:80\", \
         vrf: blue, outside_vrf: default",
    );
    let mut nat = pipe(&config);
    let seen = nat
        .inside(tcp("10.64.0.7:12347 > 203.0.113.40:80").syn())
        .forwarded();
    assert!(seen.dst == "10.1.1.2:8080");
    assert!(of_the_pool(&seen.src.ip().to_string()), "{seen:?}");
    let back = nat.send("lan", &answer(&seen)).forwarded();
    assert!(back.src == "203.0.113.40:80" && back.dst == "10.64.0.7:12347");
}

/// Peer scenario: nat44-ed, multiple VRF 5: forwarding without translation.
#[test]
fn a_realm_without_translation_forwards_as_it_is() {
    let config = blue().rule_before("name: blue, inside: lan, action: pass");
    let mut nat = pipe(&config);
    let left = there_and_back(
        &mut nat,
        ["lan", "wan"],
        &stream("10.1.1.2", "10.1.2.2")[..2],
    );
    assert_eq!(one_source(&left), "10.1.1.2");
    let left = there_and_back(
        &mut nat,
        ["wan", "lan"],
        &stream("10.1.2.2", "10.1.1.2")[..2],
    );
    assert_eq!(one_source(&left), "10.1.2.2");
}

/// Peer scenario: nat44-ed, dynamic translation between different VRFs.
#[test]
fn the_inside_and_the_outside_may_be_different_realms() {
    let config = Config::new()
        .interface("inside", "vrf", "red")
        .interface("outside", "vrf", "green")
        .no_routes()
        .route("prefix: 0.0.0.0/0, next_hop: 198.51.100.254, vrf: green")
        .rule("outside_vrf", "green");
    let mut nat = Pipe::new(&config);
    let left = there_and_back(
        &mut nat,
        ["inside", "outside"],
        &stream("10.64.0.7", "192.0.2.1"),
    );
    assert!(of_the_pool(&one_source(&left)));
}

/// Peer scenario: nat44-ed, dynamic translation with the output feature in a VRF.
#[test]
fn the_inside_and_the_outside_may_be_one_realm() {
    let config = blue()
        .add_pool("name: small, prefixes: [203.0.113.40/32], outside_vrf: blue")
        .rule_before("name: blue, inside: lan, source: 10.1.1.0/24, pool: small");
    let mut nat = pipe(&config);
    let left = there_and_back(&mut nat, ["lan", "wan"], &stream("10.1.1.2", "10.1.2.2"));
    assert_eq!(one_source(&left), "203.0.113.40");
    assert_eq!(nat.show("translations").len(), 3);
}
