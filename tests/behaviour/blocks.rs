//! Port blocks: lent, used up, returned (RFC 6888 REQ-4, REQ-11).

use std::collections::BTreeSet;

use base::Counter;
use testkit::{tcp, udp};
use tests::{Config, Pipe};

use crate::{open_udp, udp_endpoint};

/// Sixteen blocks of sixteen ports; two for each subscriber.
fn config() -> Config {
    Config::new()
        .pool("prefixes", "[203.0.113.2/31]")
        .pool("ports", "1024-1151")
        .pool(
            "blocks",
            "{ size: 16, max_per_subscriber: 2, idle_timeout: 120s }",
        )
}

/// RFC 6888 REQ-4 and REQ-11: dropped, and the subscriber hears of it.
#[test]
fn a_subscriber_that_used_up_its_blocks_is_told_so() {
    let mut nat = Pipe::new(&config());
    open_udp(&mut nat, "10.64.0.7", 5000, 32);
    nat.forget_counters();
    let error = nat
        .inside(udp("10.64.0.7:6000 > 192.0.2.1:7000"))
        .refused(Counter::DropBlockLimit);
    assert_eq!(error.icmp_kind(), Some((3, 1)));
    assert!(error.dst == "10.64.0.7" && error.src == tests::OWN_INSIDE);
    nat.expect_counters(&[
        (Counter::DropBlockLimit, 1),
        (Counter::EventSubscriberRefused, 1),
        (Counter::IcmpSent, 1),
    ]);
}

/// The answer of RFC 5508 REQ-8 instead of RFC 6888's, by configuration.
#[test]
fn the_refusal_can_be_administratively_prohibited() {
    let config = config().nat("refusal_code: admin-prohibited");
    let mut nat = Pipe::new(&config);
    open_udp(&mut nat, "10.64.0.7", 5000, 32);
    let error = nat
        .inside(udp("10.64.0.7:6000 > 192.0.2.1:7000"))
        .refused(Counter::DropBlockLimit);
    assert_eq!(error.icmp_kind(), Some((3, 13)));
}

/// RFC 6888 REQ-4: a cap is one subscriber's.
#[test]
fn other_subscribers_do_not_notice() {
    let mut nat = Pipe::new(&config());
    open_udp(&mut nat, "10.64.0.7", 5000, 32);
    nat.inside(udp("10.64.0.7:6000 > 192.0.2.1:7000"))
        .refused(Counter::DropBlockLimit);
    open_udp(&mut nat, "10.64.0.8", 5000, 32);
}

/// RFC 6888 REQ-11d: nothing established is given up for new flows.
#[test]
fn established_flows_continue_when_the_blocks_are_used_up() {
    let mut nat = Pipe::new(&config());
    let open = open_udp(&mut nat, "10.64.0.7", 5000, 32);
    for port in 6000..6100 {
        let refused = nat.inside(udp(&format!("10.64.0.7:{port} > 192.0.2.1:7000")));
        assert_eq!(refused.verdict, "drop");
    }
    for (port, outside) in (5000..).zip(open) {
        let inside = format!("10.64.0.7:{port}");
        assert_eq!(udp_endpoint(&mut nat, &inside, "192.0.2.1:7000"), outside);
        let got = nat
            .outside(udp(&format!("192.0.2.1:7000 > {outside}")))
            .forwarded();
        assert!(got.dst == inside.as_str());
    }
}

/// A new flow under an old mapping needs no port.
#[test]
fn an_old_mapping_takes_new_remotes_when_the_blocks_are_used_up() {
    let mut nat = Pipe::new(&config());
    let open = open_udp(&mut nat, "10.64.0.7", 5000, 32);
    let again = udp_endpoint(&mut nat, "10.64.0.7:5003", "192.0.2.9:53");
    assert_eq!(again, open[3]);
}

/// RFC 6888 REQ-13: a block is contiguous, and a second one comes only when the first is full.
#[test]
fn a_second_block_is_lent_when_the_first_is_full() {
    let mut nat = Pipe::new(&config());
    let block = |port: u16| (port - 1024) / 16;
    let first: BTreeSet<u16> = open_udp(&mut nat, "10.64.0.7", 5000, 16)
        .iter()
        .map(|endpoint| block(endpoint.port()))
        .collect();
    assert_eq!(first.len(), 1, "sixteen ports are one block: {first:?}");
    assert_eq!(nat.show("pools")[0]["blocks_used"], 1);
    let next = udp_endpoint(&mut nat, "10.64.0.7:6000", "192.0.2.1:7000");
    assert!(!first.contains(&block(next.port())));
    assert_eq!(nat.show("pools")[0]["blocks_used"], 2);
    assert_eq!(nat.show("subscribers")[0]["blocks"], 2);
}

/// Contract 7.2, `idle_timeout`: the block is returned, and the subscriber forgotten.
#[test]
fn an_idle_block_goes_back() {
    let mut nat = Pipe::new(&config());
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    let pool = nat.show("pools");
    assert_eq!(pool[0]["blocks_total"], 16);
    assert_eq!(pool[0]["blocks_used"], 1);
    assert_eq!(pool[0]["subscribers"], 1);
    // The session ends at 300 s; the port rests until 420 s, and then the block.
    crate::run_until(&mut nat, 415.0);
    assert_eq!(nat.show("pools")[0]["blocks_used"], 1);
    crate::run_until(&mut nat, 545.0);
    let pool = nat.show("pools");
    assert_eq!(pool[0]["blocks_used"], 0);
    assert_eq!(pool[0]["subscribers"], 0);
    assert!(nat.show("subscribers").is_empty());
}

/// Contract 7.2: a block in use is not idle, however long.
#[test]
fn a_block_in_use_stays() {
    let mut nat = Pipe::new(&config());
    let first = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    for minute in 1..20 {
        nat.at(f64::from(minute) * 200.0);
        let now = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
        assert_eq!(now, first);
    }
    assert_eq!(nat.show("pools")[0]["blocks_used"], 1);
}

/// RFC 6888 REQ-11: a pool without a free block refuses newcomers until one returns.
#[test]
fn a_returned_block_serves_somebody_else() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "1024-1055")
        .pool(
            "blocks",
            "{ size: 32, max_per_subscriber: 1, idle_timeout: 120s }",
        );
    let mut nat = Pipe::new(&config);
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    let error = nat
        .inside(udp("10.64.0.8:5000 > 192.0.2.1:7000"))
        .refused(Counter::DropNoPort);
    assert_eq!(error.icmp_kind(), Some((3, 1)));
    crate::run_until(&mut nat, 415.0);
    nat.inside(udp("10.64.0.8:5000 > 192.0.2.1:7000"))
        .refused(Counter::DropNoPort);
    crate::run_until(&mut nat, 545.0);
    udp_endpoint(&mut nat, "10.64.0.8:5000", "192.0.2.1:7000");
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
        .refused(Counter::DropNoPort);
}

/// A0.2 of the checklist: code 1 for TCP, too, which does not abort it.
#[test]
fn a_refused_connection_gets_the_soft_error() {
    let mut nat = Pipe::new(&config());
    for port in 5000..5032 {
        crate::tcp_endpoint(&mut nat, &format!("10.64.0.7:{port}"), "192.0.2.1:80");
    }
    let error = nat
        .inside(tcp("10.64.0.7:6000 > 192.0.2.1:80").syn())
        .refused(Counter::DropBlockLimit);
    assert_eq!(error.icmp_kind(), Some((3, 1)));
}

/// RFC 5508 REQ-10f: refusals are answered at a bounded rate.
#[test]
fn refusals_are_rate_limited() {
    let mut nat = Pipe::new(&config());
    open_udp(&mut nat, "10.64.0.7", 5000, 32);
    let mut answers = 0;
    for n in 0..5000 {
        let flow = format!("10.64.0.7:{} > 192.0.2.1:7000", 6000 + n);
        answers += nat.inside(udp(&flow)).left.len();
    }
    assert!((1..2500).contains(&answers), "{answers} of 5000");
    assert_eq!(
        nat.counter(Counter::IcmpSent) + nat.counter(Counter::IcmpRateLimited),
        5000
    );
}

/// Contract 7.2, an active block with a timeout: new ports come from a new block then.
#[test]
fn a_block_past_its_active_time_gives_out_no_more_ports() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "1024-1151")
        .pool(
            "blocks",
            "{ size: 16, max_per_subscriber: 2, idle_timeout: 120s, active_timeout: 60s }",
        );
    let mut nat = Pipe::new(&config);
    let block = |port: u16| (port - 1024) / 16;
    let old = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    crate::run_until(&mut nat, 50.0);
    let second = udp_endpoint(&mut nat, "10.64.0.7:5002", "192.0.2.1:7000");
    assert_eq!(block(second.port()), block(old.port()));
    crate::run_until(&mut nat, 65.0);
    let third = udp_endpoint(&mut nat, "10.64.0.7:5004", "192.0.2.1:7000");
    assert_ne!(block(third.port()), block(old.port()));
    assert_eq!(third.ip(), old.ip());
    // What the old block holds goes on.
    let again = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    assert_eq!(again, old);
}
