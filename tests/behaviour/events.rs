//! What the operator is told, and what is not written down (RFC 6888 REQ-11 to
//! REQ-14, RFC 7422 section 3).

use base::Counter;
use testkit::{tcp, udp};
use tests::{Config, Pipe};

use crate::{lost_but_told, open_udp, udp_endpoint};

/// The events so far, each as its text.
#[track_caller]
fn events(nat: &mut Pipe) -> Vec<String> {
    nat.show("events").iter().map(ToString::to_string).collect()
}

/// Those that say all of this.
#[track_caller]
fn saying(nat: &mut Pipe, words: &[&str]) -> Vec<String> {
    let mut events = events(nat);
    events.retain(|event| words.iter().all(|word| event.contains(word)));
    events
}

/// Two blocks of sixteen ports for each subscriber.
fn config() -> Config {
    Config::new().pool("blocks", "{ size: 16, max_per_subscriber: 2 }")
}

/// RFC 6888 REQ-11c, RFC 8158: the operator hears of it, and not a thousand times.
#[test]
fn a_subscriber_without_ports_is_an_event() {
    let mut nat = Pipe::new(&config());
    open_udp(&mut nat, "10.64.0.7", 5000, 32);
    let before = events(&mut nat).len();
    lost_but_told(&nat.inside(udp("10.64.0.7:6000 > 192.0.2.1:7000")));
    let after = events(&mut nat);
    assert!(after.len() > before, "nobody was told: {after:?}");
    let subscriber = saying(&mut nat, &["10.64.0.7"]);
    assert!(!subscriber.is_empty(), "of whom? {after:?}");
    for port in 0..2000 {
        let flow = format!("10.64.0.7:{} > 192.0.2.1:7000", 7000 + port);
        lost_but_told(&nat.inside(udp(&flow)));
    }
    let told = events(&mut nat).len() - before;
    assert!(told <= 20, "{told} events of one thing");
}

/// RFC 6888 REQ-12: no remote address is kept, whatever happens.
#[test]
fn events_do_not_name_destinations() {
    let mut nat = Pipe::new(&config());
    for remote in ["192.0.2.1", "192.0.2.9"] {
        open_udp(&mut nat, "10.64.0.7", 5000, 32);
        nat.inside(tcp(&format!("10.64.0.8:5000 > {remote}:80")).syn())
            .forwarded();
        lost_but_told(&nat.inside(udp(&format!("10.64.0.7:6000 > {remote}:7000"))));
    }
    crate::run_until(&mut nat, 700.0);
    let all = events(&mut nat);
    assert!(!all.is_empty());
    for event in all {
        assert!(!event.contains("192.0.2."), "{event}");
    }
}

/// RFC 6888 REQ-14: blocks are written down, not flows.
#[test]
fn events_are_far_fewer_than_flows() {
    let mut nat = Pipe::new(&Config::new());
    open_udp(&mut nat, "10.64.0.7", 5000, 1000);
    for port in 5000..6000 {
        udp_endpoint(&mut nat, &format!("10.64.0.7:{port}"), "192.0.2.9:53");
    }
    // Two blocks of 512 ports, and the subscriber.
    let told = saying(&mut nat, &["10.64.0.7"]).len();
    assert!((2..=4).contains(&told), "{told} events of 2000 flows");
}

/// Fourteen hosts with 4032 ports each, and further blocks of 100.
fn computed(more: &str) -> Config {
    Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .pool("blocks", "{ size: 100, max_per_subscriber: 11 }")
        .deterministic(&format!(
            "name: det, source: 10.80.1.1-10.80.1.14, prefixes: [203.0.113.128/32], \
             ports: 1024-57471, overflow_pool: public, max_ports: 5040{more}"
        ))
}

/// RFC 7422 section 3: nothing of computed ports, one record for each block beyond.
#[test]
fn computed_ports_are_not_logged_and_further_blocks_are() {
    let mut nat = Pipe::new(&computed(""));
    open_udp(&mut nat, "10.80.1.2", 5000, 4032);
    let told = saying(&mut nat, &["10.80.1.2"]);
    assert!(told.is_empty(), "{told:?}");
    open_udp(&mut nat, "10.80.1.2", 5000 + 4032, 1008);
    let told = saying(&mut nat, &["10.80.1.2"]).len();
    assert!((10..=12).contains(&told), "{told} records of eleven blocks");
    lost_but_told(&nat.inside(udp("10.80.1.2:30000 > 192.0.2.1:7000")));
}

/// RFC 7422 section 4: the parameters at the start, at each change, and every day.
#[test]
fn the_parameters_of_the_computation_are_recorded() {
    let mut nat = Pipe::new(&computed(""));
    let record = ["203.0.113.128", "sequential"];
    let first = saying(&mut nat, &record).len();
    assert!(first >= 1, "{:?}", events(&mut nat));
    nat.wait(86_401.0);
    let second = saying(&mut nat, &record).len();
    assert!(second > first, "not a day later");
    crate::constancy::reload(&mut nat, &computed(", algorithm: staggered"));
    let changed = saying(&mut nat, &["203.0.113.128", "staggered"]);
    assert!(!changed.is_empty(), "{:?}", events(&mut nat));
}

/// RFC 7422 section 6, RFC 6888 REQ-11c: an alarm at the watermark, once.
#[test]
fn a_pool_that_is_nearly_used_up_raises_an_alarm() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2099")
        .pool("watermarks", "{ high: 90, low: 50 }")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    open_udp(&mut nat, "10.64.0.7", 5000, 89);
    assert!(saying(&mut nat, &["public", "high"]).is_empty());
    open_udp(&mut nat, "10.64.0.7", 6000, 5);
    assert_eq!(saying(&mut nat, &["public", "high"]).len(), 1);
    assert!(saying(&mut nat, &["public", "low"]).is_empty());
    // All have ended, and rested.
    crate::run_until(&mut nat, 430.0);
    assert_eq!(saying(&mut nat, &["public", "low"]).len(), 1);
}

/// RFC 6888 REQ-14: however many go back at once, nothing is lost.
#[test]
fn every_block_that_goes_back_at_once_is_an_event() {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.0/28]")
        .pool("blocks", "{ size: 64, max_per_subscriber: 1 }")
        .limit("subscribers", "2048");
    let mut nat = Pipe::new(&config);
    for host in 0..2000 {
        let inside = format!("10.64.{}.{}:5000", 1 + host / 250, 1 + host % 250);
        udp_endpoint(&mut nat, &inside, "192.0.2.1:7000");
        nat.forget_transcript();
    }
    assert_eq!(nat.clear("translations"), 2000);
    crate::run_until(&mut nat, 700.0);
    assert_eq!(nat.counter(Counter::EventLost), 0);
    assert_eq!(saying(&mut nat, &["block_returned"]).len(), 2000);
}
