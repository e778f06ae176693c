//! Configurations that change while sessions are open.

use base::Counter;
use testkit::tcp;
use tests::{Config, Connection, Pipe};

use super::balancing::{service, visitors};
use crate::{one_source, stream, there_and_back};

fn few_ports() -> Config {
    Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2001")
        .pool_without("blocks")
}

/// Peer scenario: nat44-ed, out of ports, until addresses are added.
#[test]
fn an_address_more_ends_the_shortage() {
    let mut nat = Pipe::new(&few_ports());
    for port in [5000, 5001] {
        let syn = tcp(&format!("10.64.0.7:{port} > 192.0.2.1:80")).syn();
        nat.inside(syn).forwarded();
    }
    let syn = tcp("10.64.0.8:5000 > 192.0.2.1:80").syn();
    let _ = nat.inside(syn.clone()).refused(Counter::DropNoPort);
    nat.reload(&few_ports().pool("prefixes", "[203.0.113.1/32, 203.0.113.2/32]"));
    let out = nat.inside(syn).forwarded();
    assert_eq!(out.src.ip().to_string(), "203.0.113.2");
}

/// Peer scenario: nat44-ed, static mapping over a dynamic session (output feature
/// file): the session goes on, later ones use the mapping.
#[test]
fn a_mapping_made_meanwhile_is_for_the_next_connection() {
    let timers = |config: Config| {
        config
            .timeout("tcp_transitory", "5s")
            .timeout("tcp_time_wait", "5s")
    };
    let mut nat = Pipe::new(&timers(Config::new()));
    let connection = Connection::open(&mut nat, "10.64.0.7:6303", "192.0.2.1:80");
    let mapping = "protocol: tcp, inside: \"10.64.0.7:6303\", outside: \"203.0.113.14:6303\"";
    nat.reload(&timers(Config::new().fixed(mapping)));
    assert_eq!(nat.show("translations").len(), 1);
    connection.send(&mut nat, b"zippity zap");
    connection.receive(&mut nat, b"flippity flop");
    connection.close(&mut nat);
    nat.wait(130.0);
    assert!(nat.show("translations").is_empty());
    let syn = tcp("10.64.0.7:6303 > 192.0.2.1:80").syn().seq(70_000);
    assert!(nat.inside(syn).forwarded().src == "203.0.113.14:6303");
}

/// Peer scenario: nat44-ei, from dynamic translation to 1:1 NAT.
#[test]
fn new_flows_of_a_host_use_the_address_it_was_given() {
    let mut nat = Pipe::new(&Config::new());
    let wires = ["inside", "outside"];
    there_and_back(&mut nat, wires, &stream("10.64.0.7", "192.0.2.1"));
    nat.reload(&Config::new().fixed("inside: 10.64.0.7, outside: 203.0.113.40"));
    let left = there_and_back(&mut nat, wires, &stream("10.64.0.7", "192.0.2.9"));
    assert_eq!(one_source(&left), "203.0.113.40");
    assert_eq!(left[0].src.port(), 6303);
}

/// Peer scenario: nat44-ed, load balancing, several clients, with a server added
/// and one taken away.
#[test]
fn visitors_go_to_the_servers_there_are() {
    let mut nat = Pipe::new(&service(&[8, 9], ""));
    assert_eq!(visitors(&mut nat, 10, 12345).len(), 2);
    nat.reload(&service(&[8, 9, 10], ""));
    let got = visitors(&mut nat, 60, 12346);
    assert_eq!(got.len(), 3, "{got:?}");
    nat.clear("translations");
    nat.reload(&service(&[8, 10], ""));
    let got = visitors(&mut nat, 60, 12347);
    assert_eq!(got.len(), 2, "{got:?}");
    assert!(!got.contains_key("10.64.0.9"), "{got:?}");
}
