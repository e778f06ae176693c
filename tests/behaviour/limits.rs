//! Limits of one subscriber (RFC 6888 REQ-4, REQ-5).

use base::Counter;
use testkit::{echo, tcp, udp};
use tests::{Config, Outcome, Pipe};

use crate::{tcp_endpoint, udp_endpoint};

/// RFC 6888 REQ-5: one inside port to many remotes.
#[test]
fn sessions_are_limited_and_the_mapping_survives() {
    let mut nat = Pipe::new(&Config::new().rule("limits", "{ sessions: 5 }"));
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    for remote in 2..=5 {
        udp_endpoint(
            &mut nat,
            "10.64.0.7:5000",
            &format!("192.0.2.{remote}:7000"),
        );
    }
    let error = nat
        .inside(udp("10.64.0.7:5000 > 192.0.2.6:7000"))
        .refused(Counter::DropSessionLimit);
    assert_eq!(error.icmp_kind(), Some((3, 1)));
    assert_eq!(nat.show("translations").len(), 5);
    // Established flows go on, both ways; others are not concerned.
    let again = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    assert_eq!(again, outside);
    nat.outside(udp(&format!("192.0.2.1:7000 > {outside}")))
        .forwarded();
    udp_endpoint(&mut nat, "10.64.0.8:5000", "192.0.2.6:7000");
}

/// RFC 6888 REQ-5: sessions opened from outside count as well.
#[test]
fn sessions_opened_from_outside_are_limited() {
    let mut nat = Pipe::new(&Config::new().rule("limits", "{ sessions: 5 }"));
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    let visits: Vec<Outcome> = (2..100)
        .map(|host| nat.outside(udp(&format!("192.0.2.{host}:7000 > {outside}"))))
        .collect();
    let admitted = visits
        .iter()
        .filter(|visit| visit.verdict == "forward")
        .count();
    assert!(admitted <= 98, "{admitted}");
    assert!(nat.show("translations").len() <= 5);
    nat.outside(udp(&format!("192.0.2.1:7000 > {outside}")))
        .forwarded();
}

/// RFC 6888 REQ-4: room is free again when sessions have ended.
#[test]
fn ended_sessions_make_room() {
    let mut nat = Pipe::new(&Config::new().rule("limits", "{ sessions: 2 }"));
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    udp_endpoint(&mut nat, "10.64.0.7:5001", "192.0.2.1:7000");
    nat.inside(udp("10.64.0.7:5002 > 192.0.2.1:7000"))
        .refused(Counter::DropSessionLimit);
    nat.at(303.0);
    udp_endpoint(&mut nat, "10.64.0.7:5002", "192.0.2.1:7000");
    udp_endpoint(&mut nat, "10.64.0.7:5003", "192.0.2.1:7000");
    nat.inside(udp("10.64.0.7:5004 > 192.0.2.1:7000"))
        .refused(Counter::DropSessionLimit);
}

/// RFC 6888 REQ-4c, REQ-5b: the rate of new state.
#[test]
fn new_sessions_a_second_are_limited() {
    let config = Config::new().rule("limits", "{ new_sessions_per_second: 10 }");
    let mut nat = Pipe::new(&config);
    let burst = |nat: &mut Pipe, host: &str, first: u16| {
        (first..first + 50)
            .map(|port| nat.inside(udp(&format!("{host}:{port} > 192.0.2.1:7000"))))
            .filter(|outcome| {
                if outcome.verdict == "drop" {
                    assert_eq!(outcome.reason, Counter::DropSessionRate.name());
                }
                outcome.verdict == "forward"
            })
            .count()
    };
    nat.wait(10.0);
    assert_eq!(burst(&mut nat, "10.64.0.7", 5000), 10);
    assert_eq!(burst(&mut nat, "10.64.0.8", 5000), 10, "each has its own");
    nat.wait(0.5);
    assert_eq!(burst(&mut nat, "10.64.0.7", 6000), 5);
    nat.wait(60.0);
    assert_eq!(burst(&mut nat, "10.64.0.7", 7000), 10, "one second deep");
    // Packets of sessions that are there are not limited.
    for _ in 0..100 {
        udp_endpoint(&mut nat, "10.64.0.7:7000", "192.0.2.1:7000");
    }
}

/// RFC 6888 REQ-4b: ports by protocol.
#[test]
fn ports_are_limited_by_protocol() {
    let config = Config::new().rule("limits", "{ ports: { tcp: 3, udp: 2, icmp: 1 } }");
    let mut nat = Pipe::new(&config);
    for port in 5000..5003 {
        tcp_endpoint(&mut nat, &format!("10.64.0.7:{port}"), "192.0.2.1:80");
    }
    let refused = nat
        .inside(tcp("10.64.0.7:5003 > 192.0.2.1:80").syn())
        .refused(Counter::DropPortLimit);
    assert_eq!(refused.icmp_kind(), Some((3, 1)));
    for port in 5000..5002 {
        udp_endpoint(&mut nat, &format!("10.64.0.7:{port}"), "192.0.2.1:7000");
    }
    nat.inside(udp("10.64.0.7:5002 > 192.0.2.1:7000"))
        .refused(Counter::DropPortLimit);
    nat.inside(echo("10.64.0.7:1 > 192.0.2.1")).forwarded();
    nat.inside(echo("10.64.0.7:2 > 192.0.2.1"))
        .refused(Counter::DropPortLimit);
    // A mapping that is there takes new remotes, and others have their own limits.
    udp_endpoint(&mut nat, "10.64.0.7:5001", "192.0.2.9:7000");
    udp_endpoint(&mut nat, "10.64.0.8:5002", "192.0.2.1:7000");
}

/// RFC 6888 REQ-4: a port counts until its mapping ends, not longer.
#[test]
fn a_port_limit_counts_ports_in_use() {
    let config = Config::new().rule("limits", "{ ports: { udp: 2 } }");
    let mut nat = Pipe::new(&config);
    for round in 0..3 {
        nat.at(303.0 * f64::from(round));
        let first = 5000 + round * 10;
        crate::open_udp(&mut nat, "10.64.0.7", first, 2);
        nat.inside(udp(&format!("10.64.0.7:{} > 192.0.2.1:7000", first + 2)))
            .refused(Counter::DropPortLimit);
    }
}

/// RFC 6888 REQ-4: refusals are counted for the subscriber.
#[test]
fn refusals_are_shown_for_the_subscriber() {
    let mut nat = Pipe::new(&Config::new().rule("limits", "{ sessions: 1 }"));
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    for port in 6000..6003 {
        let outcome = nat.inside(udp(&format!("10.64.0.7:{port} > 192.0.2.1:7000")));
        assert_eq!(outcome.verdict, "drop");
    }
    assert_eq!(nat.show("subscribers")[0]["refused"], 3);
}

/// Design section 6: full tables refuse new state and never evict.
#[test]
fn a_full_session_table_keeps_what_it_has() {
    let config = Config::new()
        .limit("sessions", "64")
        .limit("mappings", "64");
    let mut nat = Pipe::new(&config);
    let mut open = Vec::new();
    for port in 5000..5200 {
        let flow = format!("10.64.0.7:{port} > 192.0.2.1:7000");
        let outcome = nat.inside(udp(&flow));
        if outcome.verdict == "forward" {
            open.push((port, outcome.forwarded().src));
        } else {
            assert!(
                outcome.reason == Counter::DropSessionTable.name()
                    || outcome.reason == Counter::DropMappingTable.name(),
                "{outcome:?}"
            );
        }
    }
    assert_eq!(open.len(), 64);
    for (port, outside) in open {
        let got = nat
            .outside(udp(&format!("192.0.2.1:7000 > {outside}")))
            .forwarded();
        assert_eq!(got.dst.port(), port);
    }
}

/// Contract 7.2, `limits.subscribers`: one more is refused, and those there go on.
#[test]
fn a_full_subscriber_table_keeps_whom_it_has() {
    let mut nat = Pipe::new(&Config::new().limit("subscribers", "4"));
    for host in 1..=4 {
        udp_endpoint(&mut nat, &format!("10.64.1.{host}:5000"), "192.0.2.1:7000");
    }
    let fifth = nat.inside(udp("10.64.1.5:5000 > 192.0.2.1:7000"));
    assert_eq!(fifth.verdict, "drop");
    assert_eq!(fifth.reason, Counter::DropSubscriberTable.name());
    for host in 1..=4 {
        udp_endpoint(&mut nat, &format!("10.64.1.{host}:5001"), "192.0.2.1:7000");
    }
}

/// RFC 6888 REQ-4: a hairpin counts like any other flow of its sender.
#[test]
fn a_hairpin_is_a_session_of_its_sender() {
    let mut nat = Pipe::new(&Config::new().rule("limits", "{ sessions: 2 }"));
    let of_b = udp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000");
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.2:7000");
    nat.inside(udp("10.64.0.7:5000 > 0.0.0.0").to(of_b))
        .refused(Counter::DropSessionLimit);
}
