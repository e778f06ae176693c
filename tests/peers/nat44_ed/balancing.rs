//! One outside endpoint, several servers: a list of `inside` and `affinity`.

use std::collections::BTreeMap;

use testkit::tcp;
use tests::{Config, Pipe};

use super::dependent;
use crate::{answer, of_the_pool};

/// Servers behind 203.0.113.13:80, and what else the mapping says.
pub(super) fn service(servers: &[u8], more: &str) -> Config {
    let inside: Vec<String> = servers
        .iter()
        .map(|host| format!("\"10.64.0.{host}:8080\""))
        .collect();
    dependent().fixed(&format!(
        "protocol: tcp, inside: [{}], outside: \"203.0.113.13:80\"{more}",
        inside.join(", ")
    ))
}

/// A visit from a remote and its answer; the server it got.
#[track_caller]
fn visit(nat: &mut Pipe, client: &str) -> String {
    let syn = tcp(&format!("{client} > 203.0.113.13:80")).syn();
    let got = nat.outside(syn.clone()).forwarded();
    assert_eq!(got.src, syn.src);
    assert_eq!(got.dst.port(), 8080);
    let back = nat.inside(answer(&got)).forwarded();
    assert_eq!(back.src, syn.dst);
    assert_eq!(back.dst, syn.src);
    got.dst.ip().to_string()
}

/// How many of fifty remotes each server gets.
#[track_caller]
pub(super) fn visitors(nat: &mut Pipe, first: u8, port: u16) -> BTreeMap<String, u32> {
    let mut got: BTreeMap<String, u32> = BTreeMap::new();
    for client in first..first + 50 {
        let server = visit(nat, &format!("192.0.2.{client}:{port}"));
        *got.entry(server).or_default() += 1;
    }
    got
}

/// Peer scenario: nat44-ed, local service load balancing; asymmetrical rule.
#[test]
fn a_visitor_gets_one_of_the_servers_and_hears_from_the_shared_endpoint() {
    let mut nat = Pipe::new(&service(&[8, 9], ""));
    let server = visit(&mut nat, "192.0.2.1:12345");
    assert!(["10.64.0.8", "10.64.0.9"].contains(&server.as_str()));
    let rows = nat.show("translations");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["inside"], format!("{server}:8080"));
    assert_eq!(nat.clear("translations"), 1);
    assert!(nat.show("translations").is_empty());
}

/// Peer scenario: nat44-ed, local service load balancing: a connection stays with
/// its server.
#[test]
fn a_connection_stays_with_its_server() {
    let mut nat = Pipe::new(&service(&[8, 9, 10], ""));
    for port in 2000..2010 {
        let server = visit(&mut nat, &format!("192.0.2.1:{port}"));
        for _ in 0..5 {
            let data = tcp(&format!("192.0.2.1:{port} > 203.0.113.13:80")).payload(b"x");
            let got = nat.outside(data.seq(1001).ack(9001)).forwarded();
            assert_eq!(got.dst.ip().to_string(), server);
        }
    }
}

/// Peer scenario: nat44-ed, load balancing, several clients.
#[test]
fn visitors_spread_over_the_servers() {
    let mut nat = Pipe::new(&service(&[8, 9], ""));
    let got = visitors(&mut nat, 10, 12345);
    assert_eq!(got.len(), 2, "{got:?}");
    assert!(got.values().all(|count| *count >= 10), "{got:?}");
}

/// Peer scenario: nat44-ed, load balancing with affinity.
#[test]
fn a_remote_comes_back_to_its_server() {
    let mut nat = Pipe::new(&service(&[8, 9], ", affinity: 10800s"));
    let server = visit(&mut nat, "192.0.2.1:1025");
    nat.clear("translations");
    for port in 1030..1100 {
        assert_eq!(visit(&mut nat, &format!("192.0.2.1:{port}")), server);
    }
    // Others are not bound by that.
    assert_eq!(visitors(&mut nat, 10, 1025).len(), 2);
}

/// Peer scenario: nat44-ed, self twice NAT with load balancing, positive.
#[test]
fn a_server_that_visits_the_shared_endpoint_is_seen_as_from_outside() {
    let mut nat = Pipe::new(&service(&[8, 9], ""));
    for port in 4567..4577 {
        let syn = tcp(&format!("10.64.0.8:{port} > 203.0.113.13:80")).syn();
        let got = nat.inside(syn.clone()).hairpinned();
        assert!(of_the_pool(&got.src.ip().to_string()));
        assert_eq!(got.dst.port(), 8080);
        let back = nat.inside(answer(&got)).hairpinned();
        assert_eq!(back.src, syn.dst);
        assert_eq!(back.dst, syn.src);
    }
}

/// Peer scenario: nat44-ed, self twice NAT with load balancing, negative.
#[test]
fn a_remote_visitor_of_the_shared_endpoint_keeps_its_own() {
    let mut nat = Pipe::new(&service(&[8, 9], ""));
    for port in 4567..4577 {
        visit(&mut nat, &format!("192.0.2.1:{port}"));
    }
}
