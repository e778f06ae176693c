//! How long what was asked for lasts, and what is left of it (RFC 6887 sections 11.3 and 15).

use base::Counter;
use testkit::tcp;
use tests::{GRAIN, Pipe, run_until, udp_endpoint};

use crate::client::{TCP, UDP, ask, code, map, peer, refused};
use crate::{does_not_reach, reaches, served, syn, to, with};

/// RFC 6887 section 15: two minutes at least, a day at most.
#[test]
fn a_lifetime_is_granted_within_bounds() {
    let mut nat = Pipe::new(&served());
    for (port, asked, granted) in [(5000, 1, 120), (5002, 3600, 3600), (5004, u32::MAX, 86_400)] {
        assert_eq!(ask(&mut nat, &map(UDP, port, asked)).lifetime, granted);
    }
    let mut nat = Pipe::new(&with("min_lifetime: 10s, max_lifetime: 60s"));
    for (port, asked, granted) in [(5000, 1, 10), (5002, 30, 30), (5004, 3600, 60)] {
        assert_eq!(ask(&mut nat, &map(UDP, port, asked)).lifetime, granted);
    }
}

/// RFC 6887 section 15: it outlives the idle timer by far, and no longer than it was granted.
#[test]
fn a_mapping_lasts_as_long_as_was_granted() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &map(UDP, 5000, 3600)).outside();
    nat.wait(3590.0);
    reaches(&mut nat, &outside, "10.64.0.7:5000");
    run_until(&mut nat, 3600.0 + GRAIN);
    does_not_reach(&mut nat, "192.0.2.1:9", &outside);
    assert!(nat.show("mappings").is_empty());
    assert_eq!(nat.counter(Counter::PcpExpired), 1);
}

/// RFC 6887 section 15: with lifetime zero; deleting what is not there is no fault.
#[test]
fn a_mapping_is_deleted_by_request() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &map(UDP, 5000, 3600)).outside();
    let request = map(UDP, 5000, 0).suggest("203.0.113.9:77");
    for _ in 0..2 {
        let answer = ask(&mut nat, &request);
        assert_eq!((answer.code, answer.lifetime), (code::SUCCESS, 0));
        assert_eq!(answer.bytes[42..60], request.bytes[42..60]);
        does_not_reach(&mut nat, "192.0.2.1:9", &outside);
    }
    assert!(nat.show("mappings").is_empty());
    assert_eq!(nat.counter(Counter::PcpDeleted), 1);
}

/// RFC 6887 section 15: what packets or PEER have made is not MAP's to delete.
#[test]
fn what_map_has_not_made_it_does_not_delete() {
    let mut nat = Pipe::new(&served());
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000").to_string();
    refused(&mut nat, &map(UDP, 5000, 0), code::NOT_AUTHORIZED);
    nat.outside(to("192.0.2.1:7000", &outside)).forwarded();
    ask(&mut nat, &peer(UDP, 6000, 600, "192.0.2.1:7000"));
    refused(&mut nat, &map(UDP, 6000, 0), code::NOT_AUTHORIZED);
}

/// RFC 6887 section 15: never sooner than the idle timer would have.
#[test]
fn deleting_leaves_a_mapping_to_its_idle_timer() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &map(UDP, 5000, 3600)).outside();
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    nat.wait(10.0);
    let answer = ask(&mut nat, &map(UDP, 5000, 0));
    assert!((289..=300).contains(&answer.lifetime), "{answer:?}");
    // RFC 6887 section 15.1 with erratum 3621: the endpoint is said again as it was asked for.
    assert_eq!(answer.outside(), "0.0.0.0:0");
    run_until(&mut nat, 200.0);
    nat.outside(to("192.0.2.1:7000", &outside)).forwarded();
    run_until(&mut nat, 300.0 + GRAIN);
    does_not_reach(&mut nat, "192.0.2.1:7000", &outside);
}

/// RFC 6887 section 15: likewise when its lifetime is over.
#[test]
fn a_mapping_that_is_not_prolonged_is_left_to_its_idle_timer() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &map(UDP, 5000, 120)).outside();
    run_until(&mut nat, 100.0);
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    run_until(&mut nat, 350.0);
    does_not_reach(&mut nat, "192.0.2.9:1", &outside);
    nat.outside(to("192.0.2.1:7000", &outside)).forwarded();
}

/// RFC 6888 REQ-8.
#[test]
fn a_port_that_was_given_up_rests() {
    let config = served()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2001")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    for port in 5000..5002 {
        ask(&mut nat, &map(UDP, port, 600)).outside();
    }
    ask(&mut nat, &map(UDP, 5000, 0));
    refused(&mut nat, &map(UDP, 5002, 600), code::NO_RESOURCES);
    nat.wait(120.0 + GRAIN);
    ask(&mut nat, &map(UDP, 5002, 600)).outside();
}

/// RFC 6887 section 15: only its lifetime ends it, not the end of a connection through it.
#[test]
fn connections_that_end_leave_it_alone() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &map(TCP, 80, 3600)).outside();
    let seen = syn(&mut nat, "192.0.2.1:9", &outside).forwarded();
    nat.inside(seen.reply().flags(0x12)).forwarded();
    nat.outside(tcp(&format!("192.0.2.1:9 > {outside}")).rst())
        .forwarded();
    run_until(&mut nat, 1000.0);
    let seen = syn(&mut nat, "192.0.2.1:10", &outside).forwarded();
    assert_eq!(seen.dst, "10.64.0.7:80");
}

/// Whoever clears the sessions does not clear what was asked for.
#[test]
fn clearing_sessions_leaves_explicit_mappings() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &map(UDP, 5000, 3600)).outside();
    reaches(&mut nat, &outside, "10.64.0.7:5000");
    assert_eq!(nat.clear("translations"), 1);
    reaches(&mut nat, &outside, "10.64.0.7:5000");
}

/// RFC 6887 section 8.3: an answer that was lost is given again, and nothing is made twice.
#[test]
fn a_request_that_is_sent_again_gets_the_same_answer() {
    let mut nat = Pipe::new(&with("max_mappings: 4"));
    for request in [
        map(UDP, 5000, 600).filter(128, "192.0.2.1:0"),
        map(UDP, 5002, 600).port_set(2, false),
        peer(UDP, 5004, 600, "192.0.2.1:7000"),
    ] {
        let first = ask(&mut nat, &request);
        let again = ask(&mut nat, &request);
        assert_eq!(first.bytes[..8], again.bytes[..8]);
        assert_eq!(first.bytes[12..], again.bytes[12..]);
    }
    assert_eq!(nat.show("mappings").len(), 4);
}

/// RFC 6887 section 11.3: a lifetime may be granted shorter than was asked for. What is at an address
/// that drains lasts as long as it was granted, and whoever asks then gets another.
#[test]
fn nothing_at_an_address_that_drains_is_prolonged() {
    let config = served().pool("prefixes", "[203.0.113.0/31]");
    let mut nat = Pipe::new(&config);
    let granted = |nat: &mut Pipe| {
        let map = ask(nat, &map(UDP, 5000, 600));
        let peer = ask(nat, &peer(UDP, 5002, 600, "192.0.2.1:7000"));
        assert_eq!(
            map.outside().split_once(':').unwrap().0,
            peer.outside().split_once(':').unwrap().0
        );
        assert_eq!(map.lifetime, peer.lifetime);
        (map.outside(), map.lifetime)
    };
    let (outside, lifetime) = granted(&mut nat);
    assert_eq!(lifetime, 600);
    let (address, _) = outside.split_once(':').unwrap();
    nat.reload(
        &config
            .clone()
            .pool("drain_addresses", &format!("[{address}]")),
    );
    nat.wait(400.0);
    let (again, left) = granted(&mut nat);
    assert_eq!(again, outside);
    assert!((195..=201).contains(&left), "{left}");
    reaches(&mut nat, &outside, "10.64.0.7:5000");
    // The stranger's session keeps the port, and the host's address, for as long as it may be quiet.
    nat.wait(300.0 + 200.0 + 10.0);
    let (other, lifetime) = granted(&mut nat);
    assert_eq!(lifetime, 600);
    assert_ne!(other.split_once(':').unwrap().0, address);
}

/// A reload ends what has no address any more, and what the rule does not serve any more.
#[test]
fn a_reload_keeps_what_the_new_configuration_has_a_place_for() {
    let config = served().pool("prefixes", "[203.0.113.1/32]");
    let mut nat = Pipe::new(&config);
    let outside = ask(&mut nat, &map(UDP, 5000, 3600)).outside();
    nat.reload(&config.clone().rule("pcp", "{ max_mappings: 5 }"));
    reaches(&mut nat, &outside, "10.64.0.7:5000");
    nat.reload(&config.clone().rule("pcp", "{ enabled: false }"));
    does_not_reach(&mut nat, "192.0.2.1:10", &outside);
    nat.reload(&config);
    let outside = ask(&mut nat, &map(UDP, 5000, 3600)).outside();
    nat.reload(&config.pool("prefixes", "[203.0.113.2/32]"));
    does_not_reach(&mut nat, "192.0.2.1:11", &outside);
    assert!(nat.show("mappings").is_empty());
    let again = ask(&mut nat, &map(UDP, 5000, 3600)).outside();
    assert!(again.starts_with("203.0.113.2:"), "{again}");
}
