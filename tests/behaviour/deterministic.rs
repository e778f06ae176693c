//! Ports computed from the inside address (RFC 7422).

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use base::Counter;
use testkit::{Endpoint, echo, tcp, udp};
use tests::{Config, Pipe};

/// Sixteen hosts behind two addresses: eight each, 64 of the 512 ports to each.
fn config() -> Config {
    Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .deterministic(
            "name: det, source: 10.80.1.0/28, prefixes: [203.0.113.128/31], ports: 1024-1535",
        )
}

/// RFC 7422 section 2, the sequential form: address and ports of a host.
fn computed(host: u16) -> (Ipv4Addr, std::ops::Range<u16>) {
    let address = Ipv4Addr::new(203, 0, 113, 128 + (host / 8) as u8);
    let low = 1024 + host % 8 * 64;
    (address, low..low + 64)
}

/// RFC 7422 section 2.
#[test]
fn each_host_stays_in_its_computed_ports() {
    let mut nat = Pipe::new(&config());
    let mut seen = BTreeSet::new();
    for host in 0..16 {
        let (address, ports) = computed(host);
        for port in 5000..5010 {
            let flow = format!("10.80.1.{host}:{port} > 192.0.2.1:7000");
            let ping = echo(&format!("10.80.1.{host}:{port} > 192.0.2.1"));
            for packet in [udp(&flow), tcp(&flow).syn(), ping] {
                let out = nat.inside(packet).forwarded();
                assert_eq!(out.src.ip(), address, "{flow}");
                assert!(ports.contains(&out.src.port()), "{flow}: {:?}", out.src);
                seen.insert((out.protocol, out.src));
            }
        }
    }
    assert_eq!(seen.len(), 16 * 10 * 3);
}

/// RFC 7422 section 2, RFC 6888 REQ-11: all of them, and then no more.
#[test]
fn a_host_can_use_all_its_computed_ports_and_no_others() {
    let mut nat = Pipe::new(&config());
    let used: BTreeSet<u16> = crate::open_udp(&mut nat, "10.80.1.9", 5000, 64)
        .iter()
        .map(|endpoint: &Endpoint| endpoint.port())
        .collect();
    assert_eq!(used, computed(9).1.collect());
    let outcome = nat.inside(udp("10.80.1.9:6000 > 192.0.2.1:7000"));
    assert_eq!(outcome.verdict, "drop");
    assert_ne!(outcome.reason, Counter::DropNoRule.name());
    // The neighbours have theirs.
    crate::open_udp(&mut nat, "10.80.1.8", 5000, 64);
    crate::open_udp(&mut nat, "10.80.1.10", 5000, 64);
}

/// RFC 7422 section 2: well-known ports are nobody's.
#[test]
fn well_known_ports_are_not_computed() {
    let config = Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .deterministic("name: det, source: 10.80.1.0/30, prefixes: [203.0.113.128/32]");
    let mut nat = Pipe::new(&config);
    let mut lowest = u16::MAX;
    for host in 0..4 {
        for port in (1..1024).step_by(11).chain(5000..5100) {
            let inside = format!("10.80.1.{host}:{port}");
            let out = crate::udp_endpoint(&mut nat, &inside, "192.0.2.1:7000");
            lowest = lowest.min(out.port());
        }
    }
    assert!(lowest >= 1024, "{lowest}");
}

/// RFC 7422 section 2: the fourteen hosts of the example, numbered from the first.
#[test]
fn a_range_of_hosts_is_numbered_from_its_first() {
    let config = Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .deterministic(
            "name: det, source: 10.80.1.1-10.80.1.14, prefixes: [203.0.113.128/32], \
             ports: 1024-57471",
        );
    let mut nat = Pipe::new(&config);
    for (host, first, last) in [(1, 1_024, 5_055), (2, 5_056, 9_087), (14, 53_440, 57_471)] {
        for endpoint in crate::open_udp(&mut nat, &format!("10.80.1.{host}"), 5000, 20) {
            assert!(
                (first..=last).contains(&endpoint.port()),
                "{host}: {endpoint}"
            );
        }
    }
    for host in [0, 15] {
        nat.inside(udp(&format!("10.80.1.{host}:5000 > 192.0.2.1:7000")))
            .dropped(Counter::DropNoRule);
    }
}

/// Fourteen hosts behind one address, and room for two more: the numbers of RFC 7422
/// section 2.2, 4032 ports each.
fn fourteen(more: &str) -> Config {
    Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .deterministic(&format!(
            "name: det, source: 10.80.1.1-10.80.1.14, prefixes: [203.0.113.128/32], \
             ports: 1024-57471{more}"
        ))
}

/// RFC 7422 section 2.2, the table.
#[test]
fn the_numbers_of_the_standard_come_out() {
    let mut nat = Pipe::new(&fourteen(", algorithm: sequential"));
    for (host, ports) in [
        (1, 1024..=5055),
        (2, 5056..=9087),
        (3, 9088..=13119),
        (14, 53440..=57471),
    ] {
        for endpoint in crate::open_udp(&mut nat, &format!("10.80.1.{host}"), 5000, 300) {
            assert!(ports.contains(&endpoint.port()), "{host}: {endpoint}");
        }
    }
}

/// RFC 7422 section 2.2: all 4032 of them.
#[test]
fn a_host_has_all_the_ports_of_the_standard() {
    let mut nat = Pipe::new(&fourteen(""));
    let used: BTreeSet<u16> = (0..4032)
        .map(|n| {
            let inside = format!("10.80.1.1:{}", 5000 + n);
            crate::tcp_endpoint(&mut nat, &inside, "192.0.2.1:80").port()
        })
        .collect();
    assert_eq!(used, (1024..=5055).collect());
}

/// RFC 7422 section 2, the algorithms: whichever it is, a host's ports are its
/// own, as many as any other's, all of the range, and the same in every process.
#[test]
fn every_algorithm_gives_each_host_ports_of_its_own() {
    let mut different = BTreeSet::new();
    for algorithm in [
        "sequential",
        "staggered",
        "round-robin",
        "interlaced",
        "random, key: some secret",
    ] {
        let mut all = Vec::new();
        for seed in ["1", "2"] {
            let config = Config::new()
                .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
                .deterministic(&format!(
                    "name: det, source: 10.80.1.0/28, prefixes: [203.0.113.128/31], \
                     ports: 1024-1535, algorithm: {algorithm}"
                ));
            let mut nat = Pipe::with_args(&config, &["--seed", seed]);
            let mut owners = std::collections::BTreeMap::new();
            for host in 0..16 {
                let opened = crate::open_udp(&mut nat, &format!("10.80.1.{host}"), 5000, 64);
                for endpoint in opened {
                    let before = owners.insert(endpoint, host);
                    assert_eq!(before, None, "{algorithm}: {endpoint} of {host}");
                }
            }
            assert_eq!(
                owners.len(),
                1024,
                "{algorithm}: two addresses of 512 ports"
            );
            all.push(owners);
        }
        assert_eq!(all[0], all[1], "{algorithm}: chance has a say");
        assert!(
            different.insert(all.remove(0)),
            "{algorithm} deals out as another did"
        );
    }
}

/// RFC 7422 section 2, the staggered form: every C-th port, from the host's own on.
#[test]
fn staggered_ports_are_a_whole_round_apart() {
    let mut nat = Pipe::new(&fourteen(", algorithm: staggered"));
    for host in [1, 2, 14] {
        for endpoint in crate::open_udp(&mut nat, &format!("10.80.1.{host}"), 5000, 100) {
            assert_eq!((endpoint.port() - 1024) % 14, host - 1, "{endpoint}");
        }
    }
}

/// RFC 7422 section 2, M, and RFC 6888 REQ-11: so many ports and no more, computed
/// or not.
#[test]
fn the_limit_of_ports_is_hard() {
    let config = fourteen(", overflow_pool: public, max_ports: 4100")
        .pool("blocks", "{ size: 50, max_per_subscriber: 8 }");
    let mut nat = Pipe::new(&config);
    let opened = crate::open_udp(&mut nat, "10.80.1.2", 5000, 4100);
    let computed = opened
        .iter()
        .filter(|endpoint| (5056..=9087).contains(&endpoint.port()))
        .filter(|endpoint| endpoint.ip() == Ipv4Addr::new(203, 0, 113, 128));
    assert_eq!(computed.count(), 4032);
    crate::lost_but_told(&nat.inside(udp("10.80.1.2:12000 > 192.0.2.1:7000")));
    // Another's limit is its own.
    crate::udp_endpoint(&mut nat, "10.80.1.3:12000", "192.0.2.1:7000");
}

/// RFC 4787 REQ-1 and REQ-8 hold here as elsewhere.
#[test]
fn a_computed_mapping_is_a_mapping_like_others() {
    let mut nat = Pipe::new(&config());
    nat.arp("inside", "10.80.1.5", "10.80.255.1", &[]);
    let first = crate::udp_endpoint(&mut nat, "10.80.1.5:5000", "192.0.2.1:7000");
    let second = crate::udp_endpoint(&mut nat, "10.80.1.5:5000", "192.0.2.9:53");
    assert_eq!(first, second);
    let got = nat
        .outside(udp(&format!("192.0.2.77:1 > {first}")))
        .forwarded();
    assert!(got.dst == "10.80.1.5:5000");
    let rows = nat.show("mappings");
    assert_eq!(rows[0]["kind"], "deterministic", "{rows:?}");
    assert_eq!(rows[0]["inside"], "10.80.1.5:5000");
    assert_eq!(rows[0]["outside"], first.to_string());
}

/// Contract 7.2, `overflow_pool`: beyond the computed ports, a dynamic block.
#[test]
fn overflow_comes_from_the_pool() {
    let config = Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .deterministic(
            "name: det, source: 10.80.1.0/28, prefixes: [203.0.113.128/31], \
             ports: 1024-1535, overflow_pool: public",
        );
    let mut nat = Pipe::new(&config);
    let opened = crate::open_udp(&mut nat, "10.80.1.3", 5000, 80);
    let (address, ports) = computed(3);
    let base: BTreeSet<u16> = opened
        .iter()
        .filter(|endpoint| endpoint.ip() == address)
        .map(|endpoint| endpoint.port())
        .collect();
    assert_eq!(base, ports.collect(), "the computed ports first");
    for over in &opened[64..] {
        let [a, b, c, d] = over.ip().octets();
        assert_eq!([a, b, c], [203, 0, 113]);
        assert!(d < 16, "{over} is not of the pool");
    }
}

/// RFC 7422 section 1: the same after any restart, with any seed.
#[test]
fn the_range_of_a_host_does_not_depend_on_chance() {
    for seed in ["1", "2", "77"] {
        let mut nat = Pipe::with_args(&config(), &["--seed", seed]);
        let (address, ports) = computed(12);
        for endpoint in crate::open_udp(&mut nat, "10.80.1.12", 5000, 20) {
            assert_eq!(endpoint.ip(), address);
            assert!(ports.contains(&endpoint.port()));
        }
    }
}

/// RFC 7857 section 9 inside the computed range.
#[test]
fn computed_ports_are_used_in_random_order() {
    let mut nat = Pipe::new(&config());
    let ports: Vec<u16> = crate::open_udp(&mut nat, "10.80.1.3", 5000, 32)
        .iter()
        .map(|endpoint| endpoint.port())
        .collect();
    assert!(!ports.is_sorted(), "{ports:?}");
}

/// RFC 4787 REQ-9 between hosts with computed ports.
#[test]
fn hosts_with_computed_ports_reach_each_other() {
    let mut nat = Pipe::new(&config());
    nat.arp("inside", "10.80.1.5", "10.80.255.1", &[]);
    let of_b = crate::udp_endpoint(&mut nat, "10.80.1.5:6000", "192.0.2.1:7000");
    let got = nat
        .inside(udp("10.80.1.12:5000 > 0.0.0.0").to(of_b))
        .hairpinned();
    assert!(got.dst == "10.80.1.5:6000");
    let (address, ports) = computed(12);
    assert_eq!(got.src.ip(), address);
    assert!(ports.contains(&got.src.port()));
}
