//! Limits of rules, mappings and services, and how refusals are told (RFC 6888 REQ-4,
//! REQ-5, REQ-11; RFC 7857 section 9).

use std::collections::BTreeSet;

use base::Counter;
use testkit::{tcp, udp};
use tests::{Config, Pipe};

use crate::{Connection, ends_empty, udp_endpoint};

#[track_caller]
fn refused(nat: &mut Pipe, flow: &str, reason: Counter) {
    let error = nat.inside(udp(flow)).refused(reason);
    assert_eq!(error.icmp_kind(), Some((3, 1)));
}

/// How many of `ports` open a flow from `host` now; the others are refused for `reason`.
fn open(nat: &mut Pipe, host: &str, ports: std::ops::Range<u16>, reason: Counter) -> usize {
    ports
        .filter(|port| {
            let outcome = nat.inside(udp(&format!("{host}:{port} > 192.0.2.1:7000")));
            let forwarded = outcome.verdict == "forward";
            assert!(forwarded || outcome.reason == reason.name(), "{outcome:?}");
            forwarded
        })
        .count()
}

/// `rule_sessions`: all subscribers of the rule together, from inside and from outside.
#[test]
fn the_sessions_of_a_rule_are_limited_together() {
    let config = Config::new()
        .rule("limits", "{ rule_sessions: 4 }")
        .rule("source", "10.64.0.0/29")
        .rule_before("name: others, inside: inside, source: 10.64.0.8/29, pool: public");
    let mut nat = Pipe::new(&config);
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    for remote in 2..=4 {
        let remote = format!("192.0.2.{remote}:7000");
        udp_endpoint(&mut nat, "10.64.0.7:5000", &remote);
    }
    refused(
        &mut nat,
        "10.64.0.7:5000 > 192.0.2.9:7000",
        Counter::DropRuleLimit,
    );
    nat.outside(udp(&format!("198.18.0.1:1 > {outside}")))
        .dropped(Counter::DropRuleLimit);
    // Another rule's subscribers are not concerned, nor is what there is.
    udp_endpoint(&mut nat, "10.64.0.8:5000", "192.0.2.9:7000");
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    nat.at(303.0);
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.9:7000");
    ends_empty(&mut nat);
}

/// `inbound_sessions`: what comes from outside through one mapping; the inside is free.
#[test]
fn sessions_from_outside_are_limited_by_mapping() {
    let mut nat = Pipe::new(&Config::new().rule("limits", "{ inbound_sessions: 3 }"));
    let first = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    let second = udp_endpoint(&mut nat, "10.64.0.7:5001", "192.0.2.1:7000");
    for outside in [first, second] {
        for host in 1..=3 {
            let got = nat
                .outside(udp(&format!("198.18.0.{host}:1 > {outside}")))
                .forwarded();
            // Answered or not, it counts.
            if host == 1 {
                nat.inside(got.reply()).forwarded();
            }
        }
        nat.outside(udp(&format!("198.18.0.4:1 > {outside}")))
            .dropped(Counter::DropInboundLimit);
        nat.outside(udp(&format!("198.18.0.3:1 > {outside}")))
            .forwarded();
    }
    for host in 1..=9 {
        udp_endpoint(&mut nat, "10.64.0.7:5000", &format!("203.0.112.{host}:1"));
    }
    ends_empty(&mut nat);
}

/// `reserve`: the last sessions of a subscriber are for the services that were named.
#[test]
fn the_last_sessions_are_kept_for_chosen_services() {
    let limits = "{ sessions: 8, reserve: { ports: [53, 5060-5061], sessions: 3 } }";
    let mut nat = Pipe::new(&Config::new().rule("limits", limits));
    assert_eq!(
        open(&mut nat, "10.64.0.7", 5000..5010, Counter::DropSessionLimit),
        5
    );
    for remote in ["192.0.2.1:53", "192.0.2.1:5061", "192.0.2.1:5060"] {
        udp_endpoint(&mut nat, "10.64.0.7:6000", remote);
    }
    refused(
        &mut nat,
        "10.64.0.7:6000 > 192.0.2.2:53",
        Counter::DropSessionLimit,
    );
    assert_eq!(nat.show("subscribers")[0]["refused"], 6);
    ends_empty(&mut nat);
}

/// The same for ports.
#[test]
fn the_last_ports_are_kept_for_chosen_services() {
    let limits = "{ sessions: 100, ports: { udp: 6 }, reserve: { ports: [53], sessions: 2 } }";
    let mut nat = Pipe::new(&Config::new().rule("limits", limits));
    assert_eq!(
        open(&mut nat, "10.64.0.7", 5000..5010, Counter::DropPortLimit),
        4
    );
    for port in [6000, 6001] {
        udp_endpoint(&mut nat, &format!("10.64.0.7:{port}"), "192.0.2.1:53");
    }
    refused(
        &mut nat,
        "10.64.0.7:6002 > 192.0.2.1:53",
        Counter::DropPortLimit,
    );
    ends_empty(&mut nat);
}

/// `new_sessions_per_second`: a bucket one second deep, then the steady rate.
#[test]
fn the_rate_is_a_burst_and_then_steady() {
    let config = Config::new().rule("limits", "{ new_sessions_per_second: 20 }");
    let mut nat = Pipe::new(&config);
    nat.wait(5.0);
    let mut port = 2000;
    let mut burst = |nat: &mut Pipe, tries: u16| {
        let count = open(
            nat,
            "10.64.0.7",
            port..port + tries,
            Counter::DropSessionRate,
        );
        port += tries;
        count
    };
    assert_eq!(burst(&mut nat, 50), 20);
    // Five tries each tenth of a second: two go, for ten seconds.
    let steady: usize = (0..100)
        .map(|_| {
            nat.wait(0.1);
            burst(&mut nat, 5)
        })
        .sum();
    assert!((199..=201).contains(&steady), "{steady}");
    ends_empty(&mut nat);
}

/// RFC 6888 REQ-4: a preserving hairpin is a session of its sender, too.
#[test]
fn a_preserving_hairpin_counts_for_its_sender() {
    let config = Config::new()
        .rule("limits", "{ sessions: 3 }")
        .rule("hairpin", "{ enabled: true, source: preserve }")
        .fixed("inside: 10.64.0.20, outside: 203.0.113.13");
    let mut nat = Pipe::new(&config);
    for port in 5000..5002 {
        nat.inside(udp(&format!("10.64.0.7:{port} > 203.0.113.13:53")))
            .hairpinned();
    }
    udp_endpoint(&mut nat, "10.64.0.7:5002", "192.0.2.1:7000");
    refused(
        &mut nat,
        "10.64.0.7:5003 > 203.0.113.13:53",
        Counter::DropSessionLimit,
    );
    refused(
        &mut nat,
        "10.64.0.7:5003 > 192.0.2.1:7000",
        Counter::DropSessionLimit,
    );
    let rows = nat.show("subscribers");
    assert_eq!(rows[0]["sessions"], 3, "{rows:?}");
    assert_eq!(rows[0]["refused"], 2, "{rows:?}");
    nat.inside(udp("10.64.0.7:5000 > 203.0.113.13:53"))
        .hairpinned();
    ends_empty(&mut nat);
}

/// `refusal_code: admin-prohibited`: whichever limit it is.
#[test]
fn refusals_carry_the_code_that_was_chosen() {
    let base = || Config::new().nat("refusal_code: admin-prohibited");
    for (limits, reason) in [
        ("{ sessions: 1 }", Counter::DropSessionLimit),
        ("{ new_sessions_per_second: 1 }", Counter::DropSessionRate),
        ("{ ports: { udp: 1 } }", Counter::DropPortLimit),
        ("{ rule_sessions: 1 }", Counter::DropRuleLimit),
    ] {
        let mut nat = Pipe::new(&base().rule("limits", limits));
        nat.wait(5.0);
        udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
        let error = nat
            .inside(udp("10.64.0.7:5001 > 192.0.2.1:7000"))
            .refused(reason);
        assert_eq!(error.icmp_kind(), Some((3, 13)));
        let rows = nat.show("subscribers");
        assert_eq!(rows[0]["refused"], 1, "{rows:?}");
    }
}

/// RFC 6888 REQ-5, RFC 7857 section 9: at a limit a connection that is there goes on.
#[test]
fn connections_go_on_at_every_limit() {
    for limits in [
        "{ sessions: 1 }",
        "{ rule_sessions: 1 }",
        "{ ports: { tcp: 1 } }",
        "{ new_sessions_per_second: 1 }",
    ] {
        let mut nat = Pipe::new(&Config::new().rule("limits", limits));
        nat.wait(5.0);
        let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
        for port in 6000..6020 {
            let syn = tcp(&format!("10.64.0.7:{port} > 192.0.2.1:80")).syn();
            assert_eq!(nat.inside(syn).verdict, "drop");
        }
        connection.send(&mut nat, b"more");
        connection.receive(&mut nat, b"and more");
        connection.close(&mut nat);
        ends_empty(&mut nat);
    }
}

/// A pool of one address, used up to the last port: everything up to 99 % and to 100 % is
/// given out, each port once, and only then is anybody refused; nothing that is there is hurt.
#[test]
fn a_pool_is_given_out_to_its_last_port() {
    for blocks in [true, false] {
        let mut config = Config::new()
            .pool("prefixes", "[203.0.113.1/32]")
            .pool("ports", "10000-10999")
            .rule("parity", "false");
        if blocks {
            config = config.pool("blocks", "{ size: 100, max_per_subscriber: 1 }");
        } else {
            config = config.pool_without("blocks");
        }
        let mut nat = Pipe::new(&config);
        let mut used = BTreeSet::new();
        for host in 0..10 {
            for port in 5000..5100 {
                let inside = format!("10.64.1.{host}:{port}");
                let out = udp_endpoint(&mut nat, &inside, "192.0.2.1:7000");
                assert!(used.insert(out.port()));
                if used.len() == 990 {
                    let pools = nat.show("pools");
                    let (all, lent) = (&pools[0]["blocks_total"], &pools[0]["blocks_used"]);
                    assert!(!blocks || *all == 10 && *lent == 10, "{pools:?}");
                }
            }
        }
        assert_eq!(used, (10000..11000).collect());
        refused(
            &mut nat,
            "10.64.1.99:5000 > 192.0.2.1:7000",
            Counter::DropNoPort,
        );
        let outcome = nat.inside(udp("10.64.1.0:6000 > 192.0.2.1:7000"));
        assert_eq!(outcome.verdict, "drop");
        // TCP has ports of its own, if the host has a block.
        nat.inside(tcp("10.64.1.0:6000 > 192.0.2.1:80").syn())
            .forwarded();
        for host in 0..10 {
            let inside = format!("10.64.1.{host}:5099");
            let out = udp_endpoint(&mut nat, &inside, "192.0.2.1:7000");
            // Held for the host's MAC address, which it then tells.
            let back = nat.outside(udp(&format!("192.0.2.1:7000 > {out}")));
            assert!(back.left[0].seen.dst == inside.as_str());
        }
        ends_empty(&mut nat);
    }
}

/// What comes from outside cannot use up what is reserved.
#[test]
fn visitors_do_not_use_up_the_reserve() {
    let limits = "{ sessions: 6, reserve: { ports: [53], sessions: 2 } }";
    let mut nat = Pipe::new(&Config::new().rule("limits", limits));
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    for host in 1..=9 {
        let outcome = nat.outside(udp(&format!("198.18.0.{host}:1 > {outside}")));
        if host <= 3 {
            outcome.forwarded();
        } else {
            outcome.dropped(Counter::DropSessionLimit);
        }
    }
    for remote in ["192.0.2.1:53", "192.0.2.2:53"] {
        udp_endpoint(&mut nat, "10.64.0.7:5000", remote);
    }
    ends_empty(&mut nat);
}

/// `inbound_sessions` counts what is there, not what there has been.
#[test]
fn ended_sessions_from_outside_make_room() {
    let mut nat = Pipe::new(&Config::new().rule("limits", "{ inbound_sessions: 2 }"));
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    for round in 0..3_u8 {
        for host in 1..=2 {
            let flow = format!("198.18.{round}.{host}:1 > {outside}");
            let got = nat.outside(udp(&flow)).forwarded();
            nat.inside(got.reply()).forwarded();
        }
        nat.outside(udp(&format!("198.18.{round}.3:1 > {outside}")))
            .dropped(Counter::DropInboundLimit);
        nat.wait(200.0);
        udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
        nat.wait(150.0);
    }
    ends_empty(&mut nat);
}
