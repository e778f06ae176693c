//! Scenarios of VPP's deterministic NAT (`test_det44.py`).

use std::process::Command;

use base::Counter;
use testkit::{Endpoint, tcp, udp};
use tests::{Config, Connection, Pipe, portolan, run_until};

use crate::{one_source, stream, there_and_back};

const WIRES: [&str; 2] = ["inside", "outside"];

/// One host with a thousand ports of an address.
fn one_host() -> Config {
    Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .deterministic(
            "name: det, source: 10.80.1.7/32, prefixes: [203.0.113.128/32], ports: 1024-2023",
        )
}

/// 256 hosts behind one address.
fn many_hosts() -> Config {
    Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 172.16.254.1/23]")
        .deterministic("name: det, source: 172.16.255.0/24, prefixes: [203.0.113.128/32]")
}

#[track_caller]
fn pipe(config: &Config) -> Pipe {
    let mut nat = Pipe::new(config);
    for host in ["10.80.1.7", "10.80.1.8"] {
        nat.arp("inside", host, "10.80.255.1", &[]);
    }
    nat
}

/// Peer scenario: det44, deterministic mode: from inside to outside by computing,
/// and back.
#[test]
fn a_host_and_its_ports_are_computed_from_each_other() {
    const EACH: u16 = (u16::MAX - 1023) / 256;
    let mut nat = Pipe::new(&many_hosts());
    nat.arp("inside", "172.16.255.20", "172.16.254.1", &[]);
    let low = 1024 + 20 * EACH;
    for port in 5000..5020 {
        let out = nat
            .inside(udp(&format!("172.16.255.20:{port} > 192.0.2.1:7000")))
            .forwarded();
        assert_eq!(out.src.ip().to_string(), "203.0.113.128");
        assert!((low..low + EACH).contains(&out.src.port()), "{out:?}");
        let back = nat.outside(out.reply()).forwarded();
        assert!(back.dst == format!("172.16.255.20:{port}").as_str());
    }
    let rows = nat.show("mappings");
    assert_eq!(rows.len(), 20);
    assert!(rows.iter().all(|row| row["kind"] == "deterministic"));
}

/// Peer scenario: det44, set timeouts.
#[test]
fn every_timeout_of_the_file_is_kept() {
    let config = one_host()
        .timeout("udp", "130s")
        .timeout("tcp_transitory", "20s")
        .timeout("tcp_established", "300s")
        .timeout("icmp", "10s");
    let mut nat = pipe(&config);
    Connection::open(&mut nat, "10.80.1.7:7000", "192.0.2.1:80");
    for packet in stream("10.80.1.7", "192.0.2.1") {
        nat.inside(packet).forwarded();
    }
    let mut left = |time: f64| {
        run_until(&mut nat, time);
        nat.show("translations").len()
    };
    assert_eq!(left(9.0), 4);
    assert_eq!(left(13.0), 3, "without the ping");
    assert_eq!(left(19.0), 3);
    assert_eq!(left(23.0), 2, "without the SYN nobody answered");
    assert_eq!(left(129.0), 2);
    assert_eq!(left(133.0), 1, "without the datagram");
    assert_eq!(left(299.0), 1);
    assert_eq!(left(303.0), 0);
}

/// Peer scenario: det44, translation of TCP, UDP and ICMP, and what is shown of it.
#[test]
fn computed_translations_are_shown_as_they_are() {
    let mut nat = pipe(&one_host());
    let packets = stream("10.80.1.7", "192.0.2.1");
    let left = there_and_back(&mut nat, WIRES, &packets);
    assert_eq!(one_source(&left), "203.0.113.128");
    let rows = nat.show("translations");
    assert_eq!(rows.len(), 3);
    for ((packet, out), protocol) in packets.iter().zip(&left).zip(["tcp", "udp", "icmp"]) {
        let row = rows
            .iter()
            .find(|row| row["protocol"] == protocol)
            .expect(protocol);
        assert_eq!(row["inside"], packet.src.to_string());
        assert_eq!(row["outside"], out.src.to_string());
        let remote = row["remote"].as_str().unwrap();
        assert!(remote.starts_with("192.0.2.1"), "{row}");
        if protocol != "icmp" {
            assert_eq!(remote, "192.0.2.1:20");
        }
    }
}

/// Two hosts behind one address, each with a connection from port 80.
#[track_caller]
fn two_hosts() -> (Pipe, [Endpoint; 2]) {
    let config = Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .deterministic("name: det, source: 10.80.1.0/24, prefixes: [203.0.113.128/32]");
    let mut nat = pipe(&config);
    let endpoints = ["10.80.1.7", "10.80.1.8"].map(|host| {
        let out = nat
            .inside(tcp(&format!("{host}:80 > 192.0.2.1:6303")).syn())
            .forwarded();
        assert!(out.dst == "192.0.2.1:6303");
        assert_eq!(out.src.ip().to_string(), "203.0.113.128");
        let back = nat.outside(crate::answer(&out)).forwarded();
        assert!(back.dst == format!("{host}:80").as_str());
        assert!(back.src == "192.0.2.1:6303");
        out.src
    });
    (nat, endpoints)
}

/// Peer scenario: det44, multiple users.
#[test]
fn two_hosts_with_one_source_port_keep_apart() {
    let (mut nat, [first, second]) = two_hosts();
    assert_ne!(first, second);
    assert_eq!(nat.show("translations").len(), 2);
    assert_eq!(nat.show("subscribers").len(), 2);
}

/// Peer scenario: det44, session close by outside and by inside endpoint.
#[test]
fn computed_sessions_are_cleared_by_either_endpoint() {
    let (mut nat, [_, second]) = two_hosts();
    let mut clear = |filter: String| {
        let line = format!(r#"{{"clear": "translations", "filter": {filter}}}"#);
        assert_eq!(nat.line(&line)["cleared"], 1);
        nat.show("translations").len()
    };
    let by_outside = format!(r#"{{"outside": "{second}", "remote": "192.0.2.1:6303"}}"#);
    assert_eq!(clear(by_outside), 1);
    let by_inside = r#"{"inside": "10.80.1.7:80", "remote": "192.0.2.1:6303"}"#;
    assert_eq!(clear(by_inside.into()), 0);
}

/// Peer scenario: det44, TCP session close from inside.
#[test]
fn a_close_from_inside_ends_a_computed_session() {
    let mut nat = pipe(&one_host().timeout("tcp_time_wait", "5s"));
    let connection = Connection::open(&mut nat, "10.80.1.7:6303", "192.0.2.1:6303");
    nat.inside(connection.outbound().fin()).forwarded();
    nat.outside(connection.inbound().ack(1002)).forwarded();
    nat.outside(connection.inbound().fin().ack(1002))
        .forwarded();
    nat.inside(connection.outbound().seq(1002).ack(9002))
        .forwarded();
    nat.wait(7.0);
    assert!(nat.show("translations").is_empty());
}

/// Peer scenario: det44, TCP session close from outside.
#[test]
fn a_close_from_outside_ends_a_computed_session() {
    let mut nat = pipe(&one_host().timeout("tcp_time_wait", "5s"));
    let connection = Connection::open(&mut nat, "10.80.1.7:6303", "192.0.2.1:6303");
    nat.outside(connection.inbound().fin()).forwarded();
    nat.inside(connection.outbound().ack(9002)).forwarded();
    nat.inside(connection.outbound().fin().ack(9002))
        .forwarded();
    nat.outside(connection.inbound().seq(9002).ack(1002))
        .forwarded();
    nat.wait(7.0);
    assert!(nat.show("translations").is_empty());
}

/// Peer scenario: det44, session timeouts.
#[test]
fn nothing_is_left_of_idle_computed_sessions() {
    let config = one_host()
        .timeout("udp", "120s")
        .timeout("tcp_established", "5s")
        .timeout("tcp_transitory", "5s")
        .timeout("icmp", "5s");
    let mut nat = pipe(&config);
    Connection::open(&mut nat, "10.80.1.7:7000", "192.0.2.1:80");
    there_and_back(&mut nat, WIRES, &stream("10.80.1.7", "192.0.2.1"));
    assert_eq!(nat.show("translations").len(), 4);
    run_until(&mut nat, 123.0);
    assert!(nat.show("translations").is_empty());
    assert!(nat.show("mappings").is_empty());
}

/// Peer scenario: det44, maximum sessions per user. Here the ports computed for a
/// host are its maximum, and it hears of the end of them.
#[test]
fn a_host_hears_that_its_computed_ports_are_used_up() {
    let mut nat = pipe(&one_host());
    for port in 1025..2025 {
        nat.inside(udp(&format!("10.80.1.7:{port} > 192.0.2.1:{port}")))
            .forwarded();
    }
    let error = nat
        .inside(udp("10.80.1.7:3001 > 192.0.2.1:3002"))
        .refused(Counter::DropNoPort);
    assert_eq!(error.icmp_kind(), Some((3, 1)));
    assert!(error.quote().src == "10.80.1.7:3001");
    assert_eq!(nat.show("translations").len(), 1000);
}

/// Peer scenario: det44, deterministic mode: computing both ways without traffic.
#[test]
fn a_computed_port_is_told_from_the_file_and_by_the_engine_alike() {
    let path = std::env::temp_dir().join(format!("portolan-peers-{}.yaml", std::process::id()));
    std::fs::write(&path, many_hosts().yaml()).unwrap();
    let ask = |words: &[&str]| {
        let output = Command::new(portolan())
            .args(["whois", "-c"])
            .arg(&path)
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let mut nat = Pipe::new(&many_hosts());
    nat.arp("inside", "172.16.255.20", "172.16.254.1", &[]);
    let out = nat
        .inside(udp("172.16.255.20:5000 > 192.0.2.1:7000"))
        .forwarded();
    let endpoint = out.src.to_string();
    let from_outside = ask(&[&endpoint, "--protocol", "udp", "--json"]);
    assert!(from_outside.contains("\"172.16.255.20"), "{from_outside}");
    let from_inside = ask(&["172.16.255.20", "--json"]);
    assert!(from_inside.contains("203.0.113.128"), "{from_inside}");
    std::fs::remove_file(&path).unwrap();
}

/// Peer scenario: det44, maximum sessions per user, with a limit below the ports
/// that are computed for a host and those of the overflow pool together.
#[test]
fn a_host_has_no_more_ports_than_its_maximum() {
    let config = Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .deterministic(
            "name: det, source: 10.80.1.7/32, prefixes: [203.0.113.128/32], \
             ports: 1024-1123, overflow_pool: public, max_ports: 150",
        );
    let mut nat = Pipe::new(&config);
    nat.arp("inside", "10.80.1.7", "10.80.255.1", &[]);
    for port in 1025..1175 {
        nat.inside(udp(&format!("10.80.1.7:{port} > 192.0.2.1:{port}")))
            .forwarded();
    }
    let refused = nat.inside(udp("10.80.1.7:3001 > 192.0.2.1:3002"));
    assert_eq!(refused.verdict, "drop", "{refused:?}");
    assert_eq!(refused.left.len(), 1, "its sender hears of it: {refused:?}");
    assert_eq!(refused.left[0].seen.icmp_kind(), Some((3, 1)));
    assert_eq!(nat.show("translations").len(), 150);
}
