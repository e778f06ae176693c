//! PEER (RFC 6887 section 12).

use testkit::udp;
use tests::{GRAIN, Pipe, run_until, udp_endpoint};

use crate::client::{TCP, UDP, ask, code, peer, refused};
use crate::{does_not_reach, kind, served, to, with};

const REMOTE: &str = "192.0.2.1:7000";

/// RFC 6887 section 12.3: as if the host had written to the remote, and for that remote alone.
#[test]
fn a_peer_makes_the_mapping_of_a_flow_to_be() {
    let mut nat = Pipe::new(&served());
    let answer = ask(&mut nat, &peer(UDP, 5000, 600, REMOTE));
    assert_eq!((answer.lifetime, answer.bytes.len()), (600, 80));
    let outside = answer.outside();
    assert_eq!(kind(&mut nat), "pcp");
    nat.outside(to(REMOTE, &outside)).forwarded();
    does_not_reach(&mut nat, "192.0.2.1:7001", &outside);
    assert_eq!(
        udp_endpoint(&mut nat, "10.64.0.7:5000", REMOTE).to_string(),
        outside
    );
}

/// RFC 6887 section 12.3: the flow's own endpoint, whatever is suggested.
#[test]
fn a_peer_prolongs_what_packets_have_made() {
    let mut nat = Pipe::new(&served());
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", REMOTE).to_string();
    let request = peer(UDP, 5000, 3600, REMOTE).suggest("203.0.113.9:2000");
    assert_eq!(ask(&mut nat, &request).outside(), outside);
    run_until(&mut nat, 3500.0);
    nat.outside(to(REMOTE, &outside)).forwarded();
}

/// RFC 6887 section 12: a connection that is silent for longer than the NAT would wait.
#[test]
fn a_peer_keeps_a_quiet_connection() {
    let config = served().timeout("tcp_established", "7440s");
    let mut nat = Pipe::new(&config);
    let line = tests::Connection::open(&mut nat, "10.64.0.7:5000", REMOTE);
    ask(&mut nat, &peer(TCP, 5000, 80_000, REMOTE));
    nat.wait(40_000.0);
    line.receive(&mut nat, b"still there");
}

/// RFC 6887 section 12.3: if it is free.
#[test]
fn a_peer_gets_what_it_suggests_or_nothing() {
    let config = served()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    let want = |port, endpoint: &str| peer(UDP, port, 600, REMOTE).suggest(endpoint);
    let answer = ask(&mut nat, &want(5000, "203.0.113.1:4000"));
    assert_eq!(answer.outside(), "203.0.113.1:4000");
    for endpoint in ["203.0.113.1:4000", "203.0.113.2:4002", "203.0.113.1:80"] {
        let answer = refused(
            &mut nat,
            &want(5002, endpoint),
            code::CANNOT_PROVIDE_EXTERNAL,
        );
        assert_eq!(answer.lifetime, 30);
    }
    assert_eq!(ask(&mut nat, &want(5002, "203.0.113.1:4002")).port(), 4002);
}

/// RFC 6887 section 12.3.
#[test]
fn a_peer_is_known_by_its_nonce() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &peer(UDP, 5000, 600, REMOTE)).outside();
    for lifetime in [0, 900] {
        let request = peer(UDP, 5000, lifetime, REMOTE).nonce(9);
        refused(&mut nat, &request, code::NOT_AUTHORIZED);
    }
    nat.outside(to(REMOTE, &outside)).forwarded();
}

/// RFC 6887 section 12.3.
#[test]
fn a_peer_needs_a_remote_that_can_be() {
    let mut nat = Pipe::new(&served());
    for remote in [
        "0.0.0.0:7000",
        "127.0.0.1:7000",
        "224.0.0.1:7000",
        "192.0.2.1:0",
    ] {
        refused(
            &mut nat,
            &peer(UDP, 5000, 600, remote),
            code::MALFORMED_REQUEST,
        );
    }
    refused(
        &mut nat,
        &peer(UDP, 0, 600, REMOTE),
        code::MALFORMED_REQUEST,
    );
}

/// RFC 6887 section 15: from then on as a flow that nobody has asked for.
#[test]
fn a_peer_that_is_not_prolonged_is_left_to_its_idle_timer() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &peer(UDP, 5000, 600, REMOTE)).outside();
    run_until(&mut nat, 500.0);
    assert_eq!(
        udp_endpoint(&mut nat, "10.64.0.7:5000", REMOTE).to_string(),
        outside
    );
    run_until(&mut nat, 790.0);
    nat.outside(to(REMOTE, &outside)).forwarded();
    run_until(&mut nat, 800.0 + GRAIN);
    does_not_reach(&mut nat, REMOTE, &outside);
}

/// RFC 6887 section 12.1: PEER cannot make a lifetime shorter, nor delete.
#[test]
fn a_peer_shortens_and_deletes_nothing() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &peer(UDP, 5000, 3600, REMOTE)).outside();
    nat.wait(600.0);
    for lifetime in [0, 600] {
        let answer = ask(&mut nat, &peer(UDP, 5000, lifetime, REMOTE));
        assert_eq!(answer.outside(), outside);
        assert!((2999..=3001).contains(&answer.lifetime), "{answer:?}");
    }
    run_until(&mut nat, 3500.0);
    assert_eq!(kind(&mut nat), "pcp");
    nat.outside(to(REMOTE, &outside)).forwarded();
    let nothing = ask(&mut nat, &peer(UDP, 5002, 0, REMOTE));
    assert_eq!((nothing.code, nothing.lifetime), (code::SUCCESS, 0));
    assert_eq!(nat.show("mappings").len(), 1);
}

/// RFC 6888 REQ-4: peers count in the share, and sessions in their limit.
#[test]
fn peers_count_as_others_do() {
    let mut nat = Pipe::new(&with("max_mappings: 1"));
    ask(&mut nat, &peer(UDP, 5000, 600, REMOTE)).outside();
    refused(
        &mut nat,
        &peer(UDP, 5000, 600, "192.0.2.1:7001"),
        code::USER_EX_QUOTA,
    );
    let mut nat = Pipe::new(&served().rule("limits", "{ sessions: 1 }"));
    nat.inside(udp("10.64.0.7:1 > 192.0.2.1:1")).forwarded();
    refused(&mut nat, &peer(UDP, 5000, 600, REMOTE), code::USER_EX_QUOTA);
}

/// RFC 4787 section 4.1: where mappings depend on the remote each peer has its own.
#[test]
fn peers_are_apart_where_mappings_depend_on_the_remote() {
    let config = served().rule("mapping", "address-and-port-dependent");
    let mut nat = Pipe::new(&config);
    let one = ask(&mut nat, &peer(UDP, 5000, 600, REMOTE)).outside();
    let other = ask(&mut nat, &peer(UDP, 5000, 600, "192.0.2.9:7000")).outside();
    assert_ne!(one, other);
    nat.outside(to("192.0.2.9:7000", &other)).forwarded();
    does_not_reach(&mut nat, "192.0.2.9:7000", &one);
}
