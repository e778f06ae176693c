//! Twice NAT: remotes get inside addresses, by `nat.outside_source`.

use testkit::{Packet, Seen, tcp, udp};
use tests::{Config, Pipe};

use super::service;
use crate::answer;

/// Remotes of 192.0.2.0/24 are known inside by addresses of 10.99.0.0/24.
pub(super) fn config() -> Config {
    service()
        .add_pool("name: remotes, prefixes: [10.99.0.0/24], one_to_one: true")
        .nat("outside_source: [ { source: 192.0.2.0/24, pool: remotes } ]")
}

/// A packet came in from a remote known by another address.
#[track_caller]
fn disguised(seen: &Seen, sent: &Packet) {
    assert_eq!(seen.src.ip().octets()[..3], [10, 99, 0], "{seen:?}");
    assert_eq!(seen.src.port(), sent.src.port(), "one-to-one: ports stay");
}

/// Peer scenario: nat44-ed, twice NAT.
#[test]
fn a_service_sees_a_remote_by_an_inside_address() {
    let mut nat = Pipe::new(&config());
    let syn = tcp("192.0.2.1:4567 > 203.0.113.13:80").syn();
    let got = nat.outside(syn.clone()).forwarded();
    assert!(got.dst == "10.64.0.7:8080");
    disguised(&got, &syn);
    let back = nat.inside(answer(&got)).forwarded();
    assert!(back.src == "203.0.113.13:80" && back.dst == "192.0.2.1:4567");
    let rows = nat.show("translations");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["remote_inside"], got.src.to_string());
    nat.clear("translations");
    assert!(nat.show("translations").is_empty());
}

/// Peer scenario: nat44-ed, twice NAT, seen from the host: it reaches the remote by
/// the address it knows.
#[test]
fn a_host_reaches_a_remote_by_its_inside_address() {
    let mut nat = Pipe::new(&config());
    let syn = tcp("192.0.2.1:4567 > 203.0.113.13:80").syn();
    let got = nat.outside(syn.clone()).forwarded();
    disguised(&got, &syn);
    let known_as = got.src.ip();
    let call = udp("10.64.0.8:5000 > 0.0.0.0:7000").to(format!("{known_as}:7000").as_str());
    let out = nat.inside(call).forwarded();
    assert!(out.dst == "192.0.2.1:7000");
    assert_eq!(out.src.ip().octets()[..3], [203, 0, 113]);
    let back = nat.outside(out.reply()).forwarded();
    assert!(back.src == format!("{known_as}:7000").as_str());
    assert!(back.dst == "10.64.0.8:5000");
}

/// Peer scenario: nat44-ed, twice NAT: other remotes are seen as they are.
#[test]
fn a_remote_outside_the_prefix_keeps_its_address() {
    let mut nat = Pipe::new(&config());
    let got = nat
        .outside(tcp("198.18.0.1:4567 > 203.0.113.13:80").syn())
        .forwarded();
    assert!(got.src == "198.18.0.1:4567" && got.dst == "10.64.0.7:8080");
}

/// Peer scenario: nat44-ed, twice NAT with load balancing.
#[test]
fn one_of_several_servers_sees_a_remote_by_an_inside_address() {
    let config = config().fixed(
        "protocol: tcp, inside: [\"10.64.0.8:8080\", \"10.64.0.9:8080\"], \
         outside: \"203.0.113.12:80\"",
    );
    let mut nat = Pipe::new(&config);
    let syn = tcp("192.0.2.1:4567 > 203.0.113.12:80").syn();
    let got = nat.outside(syn.clone()).forwarded();
    assert!(got.dst == "10.64.0.8:8080" || got.dst == "10.64.0.9:8080");
    disguised(&got, &syn);
    let back = nat.inside(answer(&got)).forwarded();
    assert!(back.src == "203.0.113.12:80" && back.dst == "192.0.2.1:4567");
}

/// Peer scenario: nat44-ed, one armed NAT with twice NAT: client and server on one
/// wire, and the server's answers come back here.
#[test]
fn a_client_beside_its_server_is_answered_through_the_appliance() {
    let config = Config::new()
        .rule_without("inside")
        .fixed("protocol: tcp, inside: \"198.51.100.7:8080\", outside: \"203.0.113.13:80\"")
        .add_pool("name: remotes, prefixes: [10.99.0.0/24], one_to_one: true")
        .nat("outside_source: [ { source: 198.51.100.9/32, pool: remotes } ]");
    let mut nat = Pipe::new(&config);
    for host in ["198.51.100.7", "198.51.100.9"] {
        nat.arp("outside", host, tests::OWN_OUTSIDE, &[]);
    }
    let syn = tcp("198.51.100.9:12345 > 203.0.113.13:80").syn();
    let got = nat.outside(syn.clone()).hairpinned();
    assert!(got.dst == "198.51.100.7:8080");
    disguised(&got, &syn);
    let back = nat.outside(answer(&got)).hairpinned();
    assert!(back.src == "203.0.113.13:80" && back.dst == "198.51.100.9:12345");
}

/// Peer scenario: nat44-ed, TCP close over twice NAT.
#[test]
fn a_connection_over_twice_nat_ends_like_any_other() {
    let config = config()
        .timeout("tcp_transitory", "5s")
        .timeout("tcp_time_wait", "5s");
    let mut nat = Pipe::new(&config);
    let client = "192.0.2.1:4567 > 203.0.113.13:80";
    let syn = tcp(client).syn().seq(9000);
    let got = nat.outside(syn.clone()).forwarded();
    disguised(&got, &syn);
    nat.inside(answer(&got).seq(1000)).forwarded();
    nat.outside(tcp(client).seq(9001).ack(1001)).forwarded();
    let server = got.reply();
    nat.inside(server.clone().fin().seq(1001).ack(9001))
        .forwarded();
    nat.outside(tcp(client).fin().seq(9001).ack(1002))
        .forwarded();
    nat.inside(server.seq(1002).ack(9002)).forwarded();
    nat.wait(7.0);
    assert!(nat.show("translations").is_empty());
}
