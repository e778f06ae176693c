//! A freed port rests before somebody else gets it (RFC 6888 REQ-8).

use std::collections::BTreeSet;

use base::Counter;
use testkit::udp;
use tests::{Config, Pipe};

use crate::open_udp;

/// RFC 6888 REQ-8: 120 s, and then the port may be used again.
#[test]
fn a_freed_port_is_not_given_out_for_two_minutes() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2127")
        .pool(
            "blocks",
            "{ size: 128, max_per_subscriber: 1, idle_timeout: 10m }",
        );
    rests(&config, Counter::DropBlockLimit);
}

/// RFC 6888 REQ-8 for a range that subscribers share.
#[test]
fn a_freed_port_of_a_shared_range_rests_too() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2127")
        .pool_without("blocks");
    rests(&config, Counter::DropNoPort);
}

fn rests(config: &Config, refusal: Counter) {
    let mut nat = Pipe::new(config);
    let freed: BTreeSet<u16> = open_udp(&mut nat, "10.64.0.7", 5000, 20)
        .iter()
        .map(|endpoint| endpoint.port())
        .collect();
    // They end at 300 s, and rest until 420 s.
    crate::run_until(&mut nat, 303.0);
    assert!(nat.show("mappings").is_empty());
    for endpoint in open_udp(&mut nat, "10.64.0.7", 6000, 108) {
        assert!(
            !freed.contains(&endpoint.port()),
            "{endpoint} came too soon"
        );
    }
    nat.inside(udp("10.64.0.7:7000 > 192.0.2.1:7000"))
        .refused(refusal);
    crate::run_until(&mut nat, 418.0);
    nat.inside(udp("10.64.0.7:7000 > 192.0.2.1:7000"))
        .refused(refusal);
    crate::run_until(&mut nat, 424.0);
    let again: BTreeSet<u16> = open_udp(&mut nat, "10.64.0.7", 7000, 20)
        .iter()
        .map(|endpoint| endpoint.port())
        .collect();
    assert_eq!(again, freed);
}

/// RFC 6888 REQ-8: the duration is configurable.
#[test]
fn hold_down_can_be_switched_off() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2015")
        .pool(
            "blocks",
            "{ size: 16, max_per_subscriber: 1, idle_timeout: 10m }",
        )
        .nat("hold_down: { time: 0 }");
    let mut nat = Pipe::new(&config);
    open_udp(&mut nat, "10.64.0.7", 5000, 16);
    crate::run_until(&mut nat, 303.0);
    open_udp(&mut nat, "10.64.0.7", 6000, 16);
}

/// RFC 6888 REQ-8: any duration.
#[test]
fn the_time_of_rest_is_configurable() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2001")
        .pool_without("blocks")
        .nat("hold_down: { time: 30s, max_percent: 100 }");
    let mut nat = Pipe::new(&config);
    open_udp(&mut nat, "10.64.0.7", 5000, 2);
    crate::run_until(&mut nat, 328.0);
    nat.inside(udp("10.64.0.7:6000 > 192.0.2.1:7000"))
        .refused(Counter::DropNoPort);
    crate::run_until(&mut nat, 334.0);
    open_udp(&mut nat, "10.64.0.7", 6000, 2);
}

/// RFC 6888 REQ-8: how many ports rest is configurable, and the rest of a block
/// stays of use.
#[test]
fn at_most_the_configured_share_of_a_block_rests() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2063")
        .pool(
            "blocks",
            "{ size: 64, max_per_subscriber: 1, idle_timeout: 10m }",
        )
        .nat("hold_down: { max_percent: 25 }");
    let mut nat = Pipe::new(&config);
    open_udp(&mut nat, "10.64.0.7", 5000, 64);
    crate::run_until(&mut nat, 303.0);
    open_udp(&mut nat, "10.64.0.7", 6000, 48);
}

/// RFC 6888 REQ-8: another subscriber does not get what one has just left,
/// not even with the block.
#[test]
fn a_late_packet_never_reaches_the_next_holder_of_a_port() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2015")
        .pool(
            "blocks",
            "{ size: 16, max_per_subscriber: 1, idle_timeout: 1s }",
        );
    let mut nat = Pipe::new(&config);
    let old = crate::udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    crate::run_until(&mut nat, 310.0);
    for port in 5000..5015 {
        let flow = format!("10.64.0.8:{port} > 192.0.2.9:7000");
        if let Some(left) = nat.inside(udp(&flow)).left.first() {
            assert_ne!(left.seen.src, old, "given to another after ten seconds");
        }
    }
    crate::lost(&nat.outside(udp(&format!("192.0.2.1:7000 > {old}"))));
}

/// Contract 7.2, `idle_timeout`: without a hold-down the block is soon another's.
#[test]
fn a_block_without_resting_ports_is_soon_lent_again() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2015")
        .pool(
            "blocks",
            "{ size: 16, max_per_subscriber: 1, idle_timeout: 1s }",
        )
        .nat("hold_down: { time: 0 }");
    let mut nat = Pipe::new(&config);
    let old = crate::udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    crate::run_until(&mut nat, 310.0);
    let new = open_udp(&mut nat, "10.64.0.8", 5000, 16);
    assert!(new.contains(&old), "all sixteen are to be had");
    let got = nat
        .outside(udp(&format!("192.0.2.1:7000 > {old}")))
        .forwarded();
    assert_eq!(got.dst.ip().octets(), [10, 64, 0, 8]);
}
