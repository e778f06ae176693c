//! MAP (RFC 6887 section 11).

use base::Counter;
use tests::{Pipe, udp_endpoint};

use crate::client::{TCP, UDP, ask, code, map, map_of, refused};
use crate::{does_not_reach, kind, reaches, served, syn, to, with};

/// RFC 6887 section 11.3: whoever the remote is, whatever the rule's filtering says.
#[test]
fn a_map_lets_remote_hosts_in() {
    let mut nat = Pipe::new(&served());
    let answer = ask(&mut nat, &map(UDP, 5000, 600));
    assert_eq!(answer.lifetime, 600);
    let outside = answer.outside();
    assert!(outside.starts_with("203.0.113."), "{outside}");
    assert_eq!(kind(&mut nat), "pcp");
    reaches(&mut nat, &outside, "10.64.0.7:5000");
    // What the host sends from there leaves from there.
    assert_eq!(
        udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.7:1").to_string(),
        outside
    );
    assert_eq!(nat.counter(Counter::PcpGranted), 1);
}

/// RFC 6887 section 11.3: all ports, or all protocols, of an address that others share as well.
#[test]
fn a_shared_address_is_not_mapped_as_a_whole() {
    let mut nat = Pipe::new(&served());
    for (protocol, port, expected) in [
        (UDP, 0, code::UNSUPP_PROTOCOL),
        (0, 0, code::UNSUPP_PROTOCOL),
        (0, 80, code::MALFORMED_REQUEST),
        (132, 80, code::UNSUPP_PROTOCOL),
        (1, 80, code::UNSUPP_PROTOCOL),
    ] {
        let answer = refused(&mut nat, &map(protocol, port, 600), expected);
        assert_eq!(answer.lifetime, 1800);
    }
    // RFC 6887 section 15.1: there is none to delete either, which is no fault.
    ask(&mut nat, &map(UDP, 5000, 600)).outside();
    for protocol in [UDP, 0] {
        let answer = ask(&mut nat, &map(protocol, 0, 0));
        assert_eq!((answer.code, answer.lifetime), (code::SUCCESS, 0));
    }
    assert_eq!(kind(&mut nat), "pcp");
    refused(&mut nat, &map(0, 80, 0), code::MALFORMED_REQUEST);
}

/// RFC 6887 section 11.3.1: the simple threat model.
#[test]
fn another_nonce_is_another_client() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &map(UDP, 5000, 600)).outside();
    nat.wait(100.0);
    for lifetime in [0, 3600] {
        let request = map(UDP, 5000, lifetime).nonce(9);
        let answer = refused(&mut nat, &request, code::NOT_AUTHORIZED);
        assert!((499..=501).contains(&answer.lifetime), "{answer:?}");
    }
    reaches(&mut nat, &outside, "10.64.0.7:5000");
    assert_eq!(nat.counter(Counter::PcpNotAuthorized), 2);
}

/// RFC 6887 section 11.3: whatever is suggested by then.
#[test]
fn a_map_is_prolonged_where_it_is() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &map(UDP, 5000, 600)).outside();
    nat.wait(500.0);
    let again = ask(&mut nat, &map(UDP, 5000, 900).suggest("203.0.113.9:2000"));
    assert_eq!((again.outside(), again.lifetime), (outside.clone(), 900));
    nat.wait(800.0);
    reaches(&mut nat, &outside, "10.64.0.7:5000");
}

/// RFC 6887 section 11.3.
#[test]
fn a_static_mapping_is_told_and_stays() {
    let config =
        served().fixed("protocol: tcp, inside: \"10.64.0.7:80\", outside: \"203.0.113.13:8080\"");
    let mut nat = Pipe::new(&config);
    let answer = ask(&mut nat, &map(TCP, 80, 600));
    assert_eq!(answer.outside(), "203.0.113.13:8080");
    assert_eq!(answer.lifetime, u32::MAX);
    refused(&mut nat, &map(TCP, 80, 0), code::NOT_AUTHORIZED);
    syn(&mut nat, "192.0.2.1:9", "203.0.113.13:8080").forwarded();
}

/// RFC 6887 section 11.3: both live on, each for itself.
#[test]
fn a_map_takes_the_endpoint_that_packets_have_made() {
    let mut nat = Pipe::new(&served());
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000").to_string();
    does_not_reach(&mut nat, "192.0.2.9:1", &outside);
    assert_eq!(ask(&mut nat, &map(UDP, 5000, 600)).outside(), outside);
    nat.outside(to("192.0.2.9:1", &outside)).forwarded();
    ask(&mut nat, &map(UDP, 5000, 0));
    assert_eq!(kind(&mut nat), "dynamic");
    nat.outside(to("192.0.2.1:7000", &outside)).forwarded();
    does_not_reach(&mut nat, "192.0.2.10:1", &outside);
}

/// The same where mappings depend on the remote: what a host asked for is from then on its own
/// towards everybody.
#[test]
fn a_map_is_for_every_remote_whatever_the_rule_maps_by() {
    let config = served().rule("mapping", "address-and-port-dependent");
    let mut nat = Pipe::new(&config);
    let outside = ask(&mut nat, &map(UDP, 5000, 600)).outside();
    reaches(&mut nat, &outside, "10.64.0.7:5000");
    for remote in ["192.0.2.1:7", "192.0.2.9:8"] {
        assert_eq!(
            udp_endpoint(&mut nat, "10.64.0.7:5000", remote).to_string(),
            outside
        );
    }
}

/// RFC 6887 section 11.3: if it is free and of the subscriber's; else another.
#[test]
fn a_suggestion_is_followed_where_that_can_be() {
    let config = served()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    let free = ask(&mut nat, &map(UDP, 5000, 600).suggest("203.0.113.1:4000"));
    assert_eq!(free.outside(), "203.0.113.1:4000");
    for (port, suggestion) in [
        (5002, "203.0.113.1:4000"),
        (5004, "198.51.100.77:4002"),
        (5006, "127.0.0.1:0"),
    ] {
        let answer = ask(&mut nat, &map(UDP, port, 600).suggest(suggestion));
        assert!(answer.outside().starts_with("203.0.113.1:"), "{answer:?}");
        assert_ne!(answer.port(), 4000);
    }
}

/// RFC 6887 section 13.2.
#[test]
fn what_is_preferred_to_fail_does() {
    let config = served()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    let want = |port, endpoint: &str| map(UDP, port, 600).suggest(endpoint).prefer_failure();
    let answer = ask(&mut nat, &want(5000, "203.0.113.1:4000"));
    assert_eq!(answer.outside(), "203.0.113.1:4000");
    assert_eq!(answer.options(), [2, 0, 0, 0]);
    for (port, endpoint) in [
        (5002, "203.0.113.1:4000"),
        (5002, "203.0.113.2:4002"),
        (5002, "203.0.113.1:80"),
        (5000, "203.0.113.1:4002"),
        (5002, "203.0.113.1:5351"),
    ] {
        let request = want(port, endpoint);
        let answer = refused(&mut nat, &request, code::CANNOT_PROVIDE_EXTERNAL);
        assert_eq!(answer.lifetime, 30);
    }
    // Trying has cost no port its rest.
    assert_eq!(ask(&mut nat, &want(5002, "203.0.113.1:4002")).code, 0);
    refused(
        &mut nat,
        &want(5004, "203.0.113.1:0"),
        code::MALFORMED_OPTION,
    );
    let delete = map(UDP, 5000, 0)
        .suggest("203.0.113.1:4000")
        .prefer_failure();
    refused(&mut nat, &delete, code::MALFORMED_OPTION);
}

/// RFC 6887 section 11.3: ports of the protocol itself.
#[test]
fn its_own_ports_are_granted_to_nobody() {
    let config = served()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "5349-5352")
        .pool_without("blocks")
        .rule("parity", "false");
    let mut nat = Pipe::new(&config);
    let mut granted: Vec<u16> = (0..2)
        .map(|nth| {
            let suggestion = format!("203.0.113.1:{}", 5350 + nth);
            ask(&mut nat, &map(UDP, 5000 + nth, 600).suggest(&suggestion)).port()
        })
        .collect();
    granted.sort_unstable();
    assert_eq!(granted, [5349, 5352]);
    let answer = refused(&mut nat, &map(UDP, 5002, 600), code::NO_RESOURCES);
    assert_eq!(answer.lifetime, 30);
    // TCP has other ports.
    let tcp = ask(&mut nat, &map(TCP, 5000, 600).suggest("203.0.113.1:5351"));
    assert_eq!(tcp.port(), 5351);
}

/// RFC 6887 section 11.3.
#[test]
fn only_the_protocol_that_was_asked_for_is_opened() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &map(TCP, 80, 600)).outside();
    does_not_reach(&mut nat, "192.0.2.1:9", &outside);
    let seen = syn(&mut nat, "192.0.2.1:9", &outside).forwarded();
    assert_eq!(seen.dst, "10.64.0.7:80");
}

/// RFC 6888 REQ-4, RFC 6887 section 7.4.
#[test]
fn a_subscriber_has_no_more_than_its_share() {
    let mut nat = Pipe::new(&with("max_mappings: 3"));
    for port in 5000..5003 {
        assert_eq!(ask(&mut nat, &map(UDP, port, 600)).code, code::SUCCESS);
    }
    let answer = refused(&mut nat, &map(UDP, 5003, 600), code::USER_EX_QUOTA);
    assert_eq!(answer.lifetime, 30);
    // What there is may be prolonged; others have their own share; a deleted one makes room.
    assert_eq!(ask(&mut nat, &map(UDP, 5002, 700)).lifetime, 700);
    assert_eq!(ask(&mut nat, &map_of(tests::B, UDP, 5003, 600)).code, 0);
    ask(&mut nat, &map(UDP, 5000, 0));
    assert_eq!(ask(&mut nat, &map(UDP, 5003, 600)).code, code::SUCCESS);
    assert_eq!(nat.counter(Counter::PcpUserExQuota), 1);
}

/// RFC 6888 REQ-4: the limits of the rule count as for packets.
#[test]
fn limits_of_ports_are_limits_of_maps_too() {
    let mut nat = Pipe::new(&served().rule("limits", "{ ports: { udp: 2 } }"));
    for port in 5000..5002 {
        ask(&mut nat, &map(UDP, port, 600)).outside();
    }
    refused(&mut nat, &map(UDP, 5002, 600), code::USER_EX_QUOTA);
    assert_eq!(ask(&mut nat, &map(TCP, 80, 600)).code, code::SUCCESS);
}

/// RFC 6887 section 7.4: nothing left for anybody.
#[test]
fn an_exhausted_pool_is_said() {
    let config = served()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2001")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    for port in 5000..5002 {
        ask(&mut nat, &map(UDP, port, 600)).outside();
    }
    refused(&mut nat, &map(UDP, 5002, 600), code::NO_RESOURCES);
}

/// RFC 6887 section 18.1: by its own address nobody can do anything about another's mapping.
#[test]
fn subscribers_are_apart() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &map(UDP, 5000, 600)).outside();
    let of_b = ask(&mut nat, &map_of(tests::B, UDP, 5000, 0));
    assert_eq!((of_b.code, of_b.lifetime), (code::SUCCESS, 0));
    reaches(&mut nat, &outside, "10.64.0.7:5000");
    let own = ask(
        &mut nat,
        &map_of(tests::B, UDP, 5000, 600).suggest(&outside),
    );
    assert_ne!(own.outside(), outside);
}

/// RFC 7422: ports that are computed from the inside address are asked for as well.
#[test]
fn hosts_of_a_computed_range_ask_for_their_own_ports() {
    let config = tests::Config::new().rule_without("name").deterministic(
        "name: det, source: 10.80.0.0/28, prefixes: [203.0.113.128/32], ports: 1024-65535, pcp: {}",
    );
    let mut nat = Pipe::new(&config);
    nat.learn("inside", "10.64.0.20", "10.64.0.1", &[]);
    let request = map_of("10.80.0.1", UDP, 5000, 600);
    let port = ask(&mut nat, &request).port();
    let size = (65_535 - 1024 + 1) / 16;
    assert!((1024 + size..1024 + 2 * size).contains(&port), "{port}");
}
