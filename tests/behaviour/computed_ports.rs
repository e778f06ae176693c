//! Deterministic ports through packets, against what `portolan whois` says of them
//! (RFC 7422), and the hard limit of a host's ports.

use std::collections::BTreeSet;

use base::Counter;
use testkit::{Endpoint, echo, tcp, udp};
use tests::{Config, Pipe};

use crate::ends_empty;
use crate::whois::File;

/// Twelve hosts behind three addresses of 64 ports: C = 4, P = 16.
fn config(algorithm: &str) -> Config {
    Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .deterministic(&format!(
            "name: det, source: 10.80.1.2-10.80.1.13, prefixes: [203.0.113.128/31, \
             203.0.113.130/32], ports: 2000-2063, {algorithm}"
        ))
}

const ALGORITHMS: [&str; 5] = [
    "algorithm: sequential",
    "algorithm: staggered",
    "algorithm: round-robin",
    "algorithm: interlaced",
    "algorithm: random, key: a long text made by chance",
];

/// All endpoints that a host gets, until it is refused.
fn all_of(nat: &mut Pipe, host: u8) -> BTreeSet<Endpoint> {
    let mut seen = BTreeSet::new();
    for port in 5000.. {
        let flow = format!("10.80.1.{host}:{port} > 192.0.2.1:7000");
        let outcome = nat.inside(udp(&flow));
        if outcome.verdict == "drop" {
            let error = outcome.refused(Counter::DropNoPort);
            assert_eq!(error.icmp_kind(), Some((3, 1)));
            break;
        }
        assert!(seen.insert(outcome.forwarded().src));
    }
    seen
}

/// RFC 7422 section 2: from outside, each endpoint is the host's that `whois` names; from
/// inside, the host's ports are the ones `whois` lists.
#[test]
fn whois_names_the_host_of_every_port_that_is_used() {
    for algorithm in ALGORITHMS {
        let config = config(algorithm);
        let file = File::new(&config);
        let mut nat = Pipe::new(&config);
        let mut everybody = BTreeSet::new();
        for host in 2..=13 {
            let seen = all_of(&mut nat, host);
            assert_eq!(seen.len(), 16, "{algorithm}, {host}");
            for endpoint in seen.iter().step_by(5) {
                let holder = file.one(&endpoint.to_string());
                let inside = format!("10.80.1.{host}");
                assert_eq!(holder["inside"], inside, "{algorithm}, {endpoint}");
                assert_eq!(holder["log_needed"], false);
            }
            let told: BTreeSet<(String, u16)> = file
                .json(&format!("10.80.1.{host}"))
                .iter()
                .flat_map(|answer| {
                    let outside = answer["outside"].as_str().unwrap().to_owned();
                    let ranges = answer["ports"].as_array().unwrap().clone();
                    ranges.into_iter().flat_map(move |range| {
                        let end = |nth: usize| range[nth].as_u64().unwrap() as u16;
                        let outside = outside.clone();
                        (end(0)..=end(1)).map(move |port| (outside.clone(), port))
                    })
                })
                .collect();
            let used: BTreeSet<(String, u16)> = seen
                .iter()
                .map(|endpoint| (endpoint.ip().to_string(), endpoint.port()))
                .collect();
            assert_eq!(used, told, "{algorithm}, {host}");
            everybody.extend(seen);
        }
        assert_eq!(
            everybody.len(),
            12 * 16,
            "{algorithm}: no port is two hosts'"
        );
        ends_empty(&mut nat);
    }
}

/// RFC 7422 section 2.1: the same ports for TCP and for identifiers of queries.
#[test]
fn every_protocol_has_the_same_computed_ports() {
    for algorithm in ALGORITHMS {
        let mut nat = Pipe::new(&config(algorithm));
        let ports = all_of(&mut nat, 5);
        for port in 6000..6016 {
            let syn = tcp(&format!("10.80.1.5:{port} > 192.0.2.1:80")).syn();
            assert!(ports.contains(&nat.inside(syn).forwarded().src));
            let ping = echo(&format!("10.80.1.5:{port} > 192.0.2.1"));
            assert!(ports.contains(&nat.inside(ping).forwarded().src));
        }
        ends_empty(&mut nat);
    }
}

/// Answers and errors come back to each host, whatever the algorithm.
#[test]
fn answers_find_the_host_of_a_computed_port() {
    for algorithm in ALGORITHMS {
        let mut nat = Pipe::new(&config(algorithm));
        for host in 2..=13 {
            for port in 5000..5008 {
                let inside = format!("10.80.1.{host}:{port}");
                let out = nat
                    .inside(udp(&format!("{inside} > 192.0.2.1:7000")))
                    .forwarded();
                // The first is held for the host's MAC address.
                let back = nat.outside(out.reply());
                assert!(back.left[0].seen.dst == inside.as_str(), "{algorithm}");
            }
        }
        ends_empty(&mut nat);
    }
}

/// RFC 7422-5, -6: M = 5040, of which 4032 are computed and the rest comes in blocks of a
/// hundred from the overflow pool; flow 5041 is refused.
#[test]
fn a_host_has_its_computed_ports_then_blocks_and_no_more_than_the_limit() {
    let config = Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .pool("blocks", "{ size: 100, max_per_subscriber: 20 }")
        .deterministic(
            "name: det, source: 10.80.1.0/28, prefixes: [203.0.113.128/32], \
             overflow_pool: public, max_ports: 5040",
        );
    let mut nat = Pipe::new(&config);
    nat.forget_transcript();
    let mut computed = 0;
    let mut blocks = BTreeSet::new();
    for nth in 0..5040 {
        let flow = format!("10.80.1.2:{} > 192.0.2.1:7000", 10_000 + nth);
        let out = nat.inside(udp(&flow)).forwarded().src;
        if out.ip().octets()[3] == 128 {
            assert!((9088..13120).contains(&out.port()), "{out}");
            computed += 1;
            assert_eq!(computed, nth + 1, "computed ports come first");
        } else {
            blocks.insert((out.ip(), (out.port() - 1024) / 100));
        }
    }
    assert_eq!(computed, 4032);
    assert_eq!(blocks.len(), 11, "1008 ports in blocks of 100");
    let error = nat
        .inside(udp("10.80.1.2:9999 > 192.0.2.1:7000"))
        .refused(Counter::DropPortLimit);
    assert_eq!(error.icmp_kind(), Some((3, 1)));
    // Computed blocks are nobody's news; the others are counted.
    let pools = nat.show("pools");
    let public = pools.iter().find(|row| row["name"] == "public").unwrap();
    assert_eq!(public["blocks_used"], 11, "{public}");
    let row = &nat.show("subscribers")[0];
    assert_eq!(row["ports_used"], 5040, "{row}");
    assert_eq!(row["refused"], 1, "{row}");
    // TCP has as many of its own, and other hosts theirs.
    nat.inside(tcp("10.80.1.2:9999 > 192.0.2.1:80").syn())
        .forwarded();
    nat.inside(udp("10.80.1.3:9999 > 192.0.2.1:7000"))
        .forwarded();
    ends_empty(&mut nat);
}

/// Without overflow the computed ports are the limit, with it and without a limit the
/// pool's own.
#[test]
fn a_limit_of_the_computed_ports_alone_gives_no_overflow() {
    let config = Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .deterministic(
            "name: det, source: 10.80.1.0/28, prefixes: [203.0.113.128/32], ports: 2000-2063, \
             overflow_pool: public, max_ports: 4",
        );
    let mut nat = Pipe::new(&config);
    for port in 5000..5004 {
        let flow = format!("10.80.1.2:{port} > 192.0.2.1:7000");
        assert_eq!(nat.inside(udp(&flow)).forwarded().src.ip().octets()[3], 128);
    }
    nat.inside(udp("10.80.1.2:5004 > 192.0.2.1:7000"))
        .refused(Counter::DropPortLimit);
    ends_empty(&mut nat);
}

/// Hosts of computed ports reach each other by them (RFC 4787 REQ-9).
#[test]
fn hosts_of_computed_ports_reach_each_other() {
    for algorithm in ALGORITHMS {
        let mut nat = Pipe::new(&config(algorithm));
        nat.learn("inside", "10.80.1.2", "10.80.255.1", &[]);
        nat.learn("inside", "10.80.1.9", "10.80.255.1", &[]);
        let of_a = crate::udp_endpoint(&mut nat, "10.80.1.2:5000", "192.0.2.1:7000");
        let of_b = crate::udp_endpoint(&mut nat, "10.80.1.9:6000", "192.0.2.1:7000");
        let at_b = nat
            .inside(udp("10.80.1.2:5000 > 0.0.0.0").to(of_b))
            .hairpinned();
        assert!(at_b.src == of_a && at_b.dst == "10.80.1.9:6000");
        let at_a = nat.inside(at_b.reply()).hairpinned();
        assert!(at_a.src == of_b && at_a.dst == "10.80.1.2:5000");
        ends_empty(&mut nat);
    }
}
