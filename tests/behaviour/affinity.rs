//! Several inside hosts behind one outside endpoint (RFC 2391): a static `inside` list,
//! with `affinity` and without.

use std::collections::BTreeMap;

use testkit::{tcp, udp};
use tests::{Config, Pipe};

use crate::{ends_empty, lost};

const SERVERS: [&str; 4] = ["10.64.0.7", "10.64.0.8", "10.64.0.9", "10.64.0.10"];

/// Four servers of a web site.
fn config(more: &str) -> Config {
    let servers: Vec<String> = SERVERS.iter().map(|ip| format!("\"{ip}:8080\"")).collect();
    Config::new().fixed(&format!(
        "protocol: tcp, inside: [{}], outside: \"203.0.113.13:80\"{more}",
        servers.join(", ")
    ))
}

/// Connects from a remote; the server it came to.
#[track_caller]
fn connect(nat: &mut Pipe, remote: &str) -> String {
    let syn = nat
        .outside(tcp(&format!("{remote} > 203.0.113.13:80")).syn().seq(1000))
        .forwarded();
    assert!(syn.src == remote && syn.dst.port() == 8080);
    let answer = nat.inside(syn.reply().syn_ack().seq(9000)).forwarded();
    assert!(answer.src == "203.0.113.13:80" && answer.dst == remote);
    let data = tcp(&format!("{remote} > 203.0.113.13:80"))
        .seq(1001)
        .ack(9001);
    let got = nat.outside(data.payload(b"GET /")).forwarded();
    assert_eq!(got.dst, syn.dst, "a connection stays with its server");
    syn.dst.ip().to_string()
}

/// No server gets much more or less than its quarter.
fn assert_even(counts: &BTreeMap<String, u32>) {
    let total: u32 = counts.values().sum();
    assert_eq!(counts.len(), 4, "{counts:?}");
    // Four sigma of a fair choice among four.
    let fair = f64::from(total) / 4.0;
    let sigma = (f64::from(total) * 0.25 * 0.75).sqrt();
    for count in counts.values() {
        assert!((f64::from(*count) - fair).abs() < 4.0 * sigma, "{counts:?}");
    }
}

/// Each connection may go to another server, from one remote as well.
#[test]
fn connections_are_spread_evenly() {
    let mut nat = Pipe::new(&config(""));
    let mut counts = BTreeMap::new();
    for port in 2000..2400 {
        let server = connect(&mut nat, &format!("192.0.2.1:{port}"));
        *counts.entry(server).or_default() += 1;
    }
    assert_even(&counts);
    ends_empty(&mut nat);
}

/// With affinity remotes are spread, and each stays where it is.
#[test]
fn a_remote_stays_with_its_server_for_the_affinity_time() {
    let mut nat = Pipe::new(&config(", affinity: 300s"));
    let mut counts = BTreeMap::new();
    for host in 1..=200 {
        let server = connect(&mut nat, &format!("192.0.2.{host}:2000"));
        for port in 2001..2004 {
            let again = connect(&mut nat, &format!("192.0.2.{host}:{port}"));
            assert_eq!(again, server);
        }
        *counts.entry(server).or_default() += 1;
    }
    assert_even(&counts);
    ends_empty(&mut nat);
}

/// The time begins anew with each connection, and after it another server may be chosen.
#[test]
fn a_remote_may_move_after_the_affinity_time() {
    let mut nat = Pipe::new(&config(", affinity: 100s"));
    let server = connect(&mut nat, "192.0.2.1:2000");
    for port in 2001..2011_u16 {
        nat.at(90.0 * f64::from(port - 2000));
        assert_eq!(connect(&mut nat, &format!("192.0.2.1:{port}")), server);
    }
    let mut moved = 0;
    for port in 3000..3040_u16 {
        nat.at(2000.0 + 110.0 * f64::from(port - 3000));
        moved += u32::from(connect(&mut nat, &format!("192.0.2.1:{port}")) != server);
    }
    assert!(moved > 15, "{moved} of 40");
}

/// Every server sends from the endpoint they have in common.
#[test]
fn each_server_sends_from_the_common_endpoint() {
    let mut nat = Pipe::new(&config(""));
    for (nth, server) in SERVERS.iter().enumerate() {
        let flow = format!("{server}:8080 > 192.0.2.{}:443", nth + 1);
        let out = nat.inside(tcp(&flow).syn()).forwarded();
        assert!(out.src == "203.0.113.13:80");
        let back = nat.outside(out.reply().syn_ack()).forwarded();
        assert!(back.dst == format!("{server}:8080").as_str());
    }
    ends_empty(&mut nat);
}

/// Other ports of the endpoint's address are not the servers'.
#[test]
fn only_the_endpoint_that_was_named_is_shared() {
    let mut nat = Pipe::new(&config(""));
    lost(&nat.outside(udp("192.0.2.1:2000 > 203.0.113.13:80")));
    lost(&nat.outside(udp("192.0.2.1:2000 > 203.0.113.13:81")));
}

/// A client inside comes to one of them by the public endpoint (RFC 4787 REQ-9).
#[test]
fn a_client_inside_is_served_by_one_of_them() {
    let mut nat = Pipe::new(&config(", affinity: 300s"));
    let mut servers = BTreeMap::new();
    for port in 5000..5020 {
        let syn = tcp(&format!("10.64.0.20:{port} > 203.0.113.13:80")).syn();
        let got = nat.inside(syn.seq(1000)).hairpinned();
        assert!(SERVERS.contains(&got.dst.ip().to_string().as_str()));
        assert_ne!(got.src.ip().octets()[0], 10);
        *servers.entry(got.dst).or_insert(0) += 1;
        let back = nat.inside(got.reply().syn_ack().seq(9000)).hairpinned();
        assert!(back.src == "203.0.113.13:80");
        assert!(back.dst == format!("10.64.0.20:{port}").as_str());
    }
    assert_eq!(servers.len(), 1, "affinity of the client: {servers:?}");
    ends_empty(&mut nat);
}

/// Whole addresses can be shared as well.
#[test]
fn a_whole_address_is_shared() {
    let config = Config::new().fixed("inside: [10.64.0.7, 10.64.0.8], outside: 203.0.113.13");
    let mut nat = Pipe::new(&config);
    let mut counts = BTreeMap::new();
    for port in 2000..2100 {
        let got = nat
            .outside(udp(&format!("192.0.2.1:{port} > 203.0.113.13:53")))
            .forwarded();
        assert_eq!(got.dst.port(), 53);
        let back = nat.inside(got.reply()).forwarded();
        assert!(back.src == "203.0.113.13:53");
        *counts.entry(got.dst.ip()).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 2);
    assert!(counts.values().all(|count| *count > 30), "{counts:?}");
    ends_empty(&mut nat);
}
