//! `clear` (contract 7.1, 7.3).

use testkit::{tcp, udp};
use tests::{Config, Pipe};

use crate::{Connection, lost, udp_endpoint};

/// Every session goes, and its mapping with it.
#[test]
fn cleared_translations_are_gone() {
    let mut nat = Pipe::new(&Config::new());
    let by_udp = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.9:7000");
    let connection = Connection::open(&mut nat, "10.64.0.8:5000", "192.0.2.1:80");
    assert_eq!(nat.clear("translations"), 3);
    assert!(nat.show("translations").is_empty());
    assert!(nat.show("mappings").is_empty());
    lost(&nat.outside(udp(&format!("192.0.2.1:7000 > {by_udp}"))));
    lost(&nat.outside(connection.inbound().payload(b"x")));
    lost(&nat.inside(connection.outbound().payload(b"x")));
}

/// Subscribers simply start anew.
#[test]
fn after_a_clear_new_flows_are_translated() {
    let mut nat = Pipe::new(&Config::new());
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    assert_eq!(nat.clear("translations"), 1);
    assert_eq!(nat.clear("translations"), 0);
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    let got = nat
        .outside(udp(&format!("192.0.2.1:7000 > {outside}")))
        .forwarded();
    assert!(got.dst == "10.64.0.7:5000");
    assert_eq!(nat.show("translations").len(), 1);
}

/// Static mappings are configuration, not state.
#[test]
fn static_mappings_outlive_a_clear() {
    let config = Config::new()
        .fixed("protocol: tcp, inside: \"10.64.0.11:8080\", outside: \"203.0.113.13:80\"");
    let mut nat = Pipe::new(&config);
    nat.outside(tcp("192.0.2.9:4000 > 203.0.113.13:80").syn())
        .forwarded();
    assert_eq!(nat.clear("translations"), 1);
    assert!(nat.show("translations").is_empty());
    assert_eq!(nat.show("mappings").len(), 1);
    nat.outside(tcp("192.0.2.9:4000 > 203.0.113.13:80").syn())
        .forwarded();
}

/// RFC 6888 REQ-8 holds for ports freed by hand: a late packet finds nobody new.
#[test]
fn ports_freed_by_a_clear_rest_as_others_do() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2127")
        .pool("blocks", "{ size: 128, max_per_subscriber: 1 }");
    let mut nat = Pipe::new(&config);
    let freed = crate::open_udp(&mut nat, "10.64.0.7", 5000, 20);
    assert_eq!(nat.clear("translations"), 20);
    for endpoint in crate::open_udp(&mut nat, "10.64.0.7", 6000, 100) {
        assert!(!freed.contains(&endpoint), "{endpoint} came too soon");
    }
}

/// Counters start anew; nothing else does.
#[test]
fn cleared_counters_are_zero() {
    let mut nat = Pipe::new(&Config::new());
    for port in 5000..5010 {
        udp_endpoint(&mut nat, &format!("10.64.0.7:{port}"), "192.0.2.1:7000");
    }
    nat.clear("counters");
    let left: Vec<_> = nat
        .counters()
        .into_iter()
        .filter(|(_, value)| *value != 0)
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(nat.show("translations").len(), 10);
}
