//! Which port of its address a mapping gets.

use std::collections::BTreeSet;

use base::Counter;
use testkit::{Endpoint, echo, tcp, udp};
use tests::{Config, Pipe};

use crate::{open_udp, tcp_endpoint};

/// RFC 4787 REQ-4: even stays even and odd stays odd, unless told otherwise.
#[test]
fn udp_ports_keep_their_parity() {
    let mut nat = Pipe::new(&Config::new());
    let opened = open_udp(&mut nat, "10.64.0.7", 5000, 200);
    for (inside, outside) in (5000..).zip(opened) {
        assert_eq!(inside % 2, outside.port() % 2, "{inside} became {outside}");
    }
}

/// RFC 4787 REQ-4 with a subscriber that uses even ports only.
#[test]
fn parity_gives_way_before_a_packet_is_refused() {
    let mut nat = Pipe::new(&few_ports());
    let mut used = BTreeSet::new();
    for port in (5000..5128).step_by(2) {
        let flow = format!("10.64.0.7:{port} > 192.0.2.1:7000");
        used.insert(nat.inside(udp(&flow)).forwarded().src.port());
    }
    assert_eq!(used.len(), 64);
}

/// RFC 7857 section 8: parity is a choice.
#[test]
fn parity_can_be_switched_off() {
    let mut nat = Pipe::new(&Config::new().rule("parity", "false"));
    let opened = open_udp(&mut nat, "10.64.0.7", 5000, 64);
    let kept = (5000..)
        .zip(opened)
        .filter(|(inside, outside)| inside % 2 == outside.port() % 2)
        .count();
    assert!((10..54).contains(&kept), "{kept} of 64 by chance?");
}

/// Contract 7.2, `ports`; RFC 6888 REQ-13: all of the range can be used.
#[test]
fn all_ports_of_the_range_are_used_and_no_others() {
    let mut nat = Pipe::new(&few_ports());
    let used: BTreeSet<u16> = open_udp(&mut nat, "10.64.0.7", 5000, 64)
        .iter()
        .map(|endpoint| endpoint.port())
        .collect();
    assert_eq!(used, (2000..2064).collect());
    nat.inside(udp("10.64.0.7:6000 > 192.0.2.1:7000"))
        .refused(Counter::DropBlockLimit);
}

/// The same range serves TCP and ICMP identifiers.
#[test]
fn tcp_ports_and_icmp_identifiers_come_from_the_range_too() {
    let mut nat = Pipe::new(&few_ports());
    let mut tcp_ports = BTreeSet::new();
    let mut identifiers = BTreeSet::new();
    for port in 5000..5064 {
        let inside = format!("10.64.0.7:{port}");
        tcp_ports.insert(tcp_endpoint(&mut nat, &inside, "192.0.2.1:80").port());
        let ping = nat
            .inside(echo(&format!("{inside} > 192.0.2.1")))
            .forwarded();
        identifiers.insert(ping.src.port());
    }
    assert_eq!(tcp_ports, (2000..2064).collect());
    assert_eq!(identifiers, (2000..2064).collect());
}

/// Contract 7.2, `exclude_ports`.
#[test]
fn excluded_ports_are_never_given_out() {
    let mut nat = Pipe::new(&few_ports().pool("exclude_ports", "[2003, 2010-2019]"));
    let allowed: BTreeSet<u16> = (2000..2064)
        .filter(|port| *port != 2003 && !(2010..=2019).contains(port))
        .collect();
    let used: BTreeSet<u16> = open_udp(&mut nat, "10.64.0.7", 5000, allowed.len() as u16)
        .iter()
        .map(|endpoint| endpoint.port())
        .collect();
    assert_eq!(used, allowed);
    nat.inside(udp("10.64.0.7:6000 > 192.0.2.1:7000"))
        .refused(Counter::DropBlockLimit);
    let mut pings = BTreeSet::new();
    for id in 1..=allowed.len() {
        let ping = echo(&format!("10.64.0.7:{id} > 192.0.2.1"));
        pings.insert(nat.inside(ping).forwarded().src.port());
    }
    assert_eq!(pings, allowed, "also as ICMP identifiers");
}

/// RFC 4787 REQ-3a as far as the pool allows: well-known ports are not in it.
#[test]
fn a_well_known_source_port_gets_a_port_of_the_range() {
    let mut nat = Pipe::new(&Config::new());
    for port in [1, 53, 500, 700, 1023] {
        let flow = format!("10.64.0.7:{port} > 192.0.2.1:7000");
        let out = nat.inside(udp(&flow)).forwarded();
        assert!(out.src.port() >= 1024, "{out:?}");
        let back = nat.outside(out.reply()).forwarded();
        assert_eq!(back.dst.port(), port);
    }
}

/// RFC 4787 REQ-3a where the pool has well-known ports: each class to itself.
#[test]
fn well_known_ports_stay_among_themselves() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "1-65535")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    for host in ["10.64.0.7", "10.64.0.8", "10.64.0.9"] {
        for port in [1, 53, 500, 700, 1022, 1023] {
            let inside = format!("{host}:{port}");
            let by_udp = crate::udp_endpoint(&mut nat, &inside, "192.0.2.1:7000");
            let by_tcp = tcp_endpoint(&mut nat, &inside, "192.0.2.1:80");
            assert!(by_udp.port() < 1024, "{inside} became {by_udp}");
            assert!(by_tcp.port() < 1024, "{inside} became {by_tcp}");
        }
        for port in [1024, 1025, 5000, 65535] {
            let inside = format!("{host}:{port}");
            let by_udp = crate::udp_endpoint(&mut nat, &inside, "192.0.2.1:7000");
            let by_tcp = tcp_endpoint(&mut nat, &inside, "192.0.2.1:80");
            assert!(by_udp.port() >= 1024, "{inside} became {by_udp}");
            assert!(by_tcp.port() >= 1024, "{inside} became {by_tcp}");
        }
    }
}

/// RFC 4787 REQ-3 while the port that is wanted is another's already.
#[test]
fn a_port_that_is_kept_has_one_owner() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool_without("blocks")
        .rule("preserve_port", "true");
    let mut nat = Pipe::new(&config);
    let first = crate::udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    assert_eq!(first.port(), 5000, "kept while it is free");
    let second = crate::udp_endpoint(&mut nat, "10.64.0.8:5000", "192.0.2.1:7000");
    assert_ne!(first, second);
    for (outside, inside) in [(first, "10.64.0.7:5000"), (second, "10.64.0.8:5000")] {
        let got = nat
            .outside(udp(&format!("192.0.2.1:7000 > {outside}")))
            .forwarded();
        assert!(got.dst == inside);
    }
}

/// RFC 7857 section 9, RFC 6888 REQ-15, RFC 6056: no pattern, spread evenly.
#[test]
fn ports_are_chosen_at_random_within_the_block() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "16384-49151")
        .pool("blocks", "{ size: 32768, max_per_subscriber: 1 }");
    let mut nat = Pipe::new(&config);
    let ports: Vec<u16> = (0..10_000)
        .map(|n| tcp_endpoint(&mut nat, &format!("10.64.0.7:{}", 5000 + n), "192.0.2.1:80"))
        .map(Endpoint::port)
        .collect();
    let mut steps: Vec<i32> = ports
        .windows(2)
        .map(|pair| i32::from(pair[1]) - i32::from(pair[0]))
        .collect();
    steps.sort_unstable();
    let most = steps
        .chunk_by(|a, b| a == b)
        .map(<[i32]>::len)
        .max()
        .unwrap();
    assert!(most < 8, "one step was taken {most} times");
    // Sixteen cells of 625: chi-square with 15 degrees of freedom, beyond 45
    // in one case of ten thousand.
    let mut cells = [0_i32; 16];
    for port in &ports {
        cells[usize::from((port - 16384) / 2048)] += 1;
    }
    let chi_square: f64 = cells
        .iter()
        .map(|n| f64::from((n - 625) * (n - 625)) / 625.0)
        .sum();
    assert!(chi_square < 45.0, "{chi_square}: {cells:?}");
}

/// RFC 7857 section 9: what one subscriber sees tells nothing of the next one's ports.
#[test]
fn subscribers_get_their_ports_in_different_orders() {
    let mut nat = Pipe::new(&Config::new());
    let orders: BTreeSet<Vec<u16>> = ["10.64.0.7", "10.64.0.8", "10.64.0.9"]
        .map(|host| {
            (5000..5016)
                .map(|port| tcp_endpoint(&mut nat, &format!("{host}:{port}"), "192.0.2.1:80"))
                .map(|endpoint| endpoint.port() % 512)
                .collect()
        })
        .into();
    assert_eq!(orders.len(), 3);
}

/// RFC 7857 section 5: by protocol, so the same port of each is no conflict.
#[test]
fn protocols_do_not_take_ports_from_each_other() {
    let mut nat = Pipe::new(&few_ports());
    open_udp(&mut nat, "10.64.0.7", 5000, 64);
    nat.inside(udp("10.64.0.7:6000 > 192.0.2.1:7000"))
        .refused(Counter::DropBlockLimit);
    nat.inside(tcp("10.64.0.7:6000 > 192.0.2.1:7000").syn())
        .forwarded();
    nat.inside(echo("10.64.0.7:6000 > 192.0.2.1")).forwarded();
}

/// One address with sixty-four ports, one block.
fn few_ports() -> Config {
    Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2063")
        .pool("blocks", "{ size: 64, max_per_subscriber: 1 }")
}
