//! How long a UDP mapping lives (RFC 4787 REQ-5, REQ-6).

use base::Counter;
use testkit::{Endpoint, Packet, icmp_error, udp};
use tests::{Config, Pipe};

use crate::{GRAIN, lost, udp_endpoint};

const INSIDE: &str = "10.64.0.7:5000";
const REMOTE: &str = "192.0.2.1:7000";

fn inbound(outside: Endpoint) -> Packet {
    udp(&format!("{REMOTE} > {outside}"))
}

fn short() -> Config {
    Config::new().timeout("udp", "120s")
}

/// RFC 4787 REQ-5c: five minutes by default.
#[test]
fn a_mapping_lasts_five_minutes() {
    let mut nat = Pipe::new(&Config::new());
    let first = udp_endpoint(&mut nat, INSIDE, REMOTE);
    let second = udp_endpoint(&mut nat, "10.64.0.7:5001", REMOTE);
    nat.later(299.0).outside(inbound(first)).forwarded();
    lost(&nat.later(1.0 + GRAIN).outside(inbound(second)));
}

/// RFC 4787 REQ-5c: also where time began long ago, farther than timers tell the past from the future.
#[test]
fn a_mapping_lasts_no_longer_after_a_jump_of_time() {
    let mut nat = Pipe::new(&Config::new());
    udp_endpoint(&mut nat, INSIDE, REMOTE);
    nat.wait(1.7e9);
    assert_eq!(nat.counter(Counter::NatSessionsEnded), 1);
    let outside = udp_endpoint(&mut nat, INSIDE, REMOTE);
    nat.later(299.0).outside(inbound(outside)).forwarded();
    lost(&nat.later(300.0 + GRAIN).outside(inbound(outside)));
}

/// RFC 4787 REQ-5b.
#[test]
fn the_time_is_configurable() {
    for seconds in [120, 300, 600] {
        let config = Config::new().timeout("udp", &format!("{seconds}s"));
        let mut nat = Pipe::new(&config);
        let first = udp_endpoint(&mut nat, INSIDE, REMOTE);
        let second = udp_endpoint(&mut nat, "10.64.0.7:5001", REMOTE);
        nat.later(f64::from(seconds) - 1.0)
            .outside(inbound(first))
            .forwarded();
        lost(&nat.later(1.0 + GRAIN).outside(inbound(second)));
    }
}

/// RFC 4787 REQ-6.
#[test]
fn an_outbound_packet_starts_the_time_anew() {
    let mut nat = Pipe::new(&short());
    let outside = udp_endpoint(&mut nat, INSIDE, REMOTE);
    nat.later(100.0);
    assert_eq!(udp_endpoint(&mut nat, INSIDE, REMOTE), outside);
    nat.later(115.0).outside(inbound(outside)).forwarded();
}

/// RFC 4787 REQ-6: a packet to any remote keeps the mapping.
#[test]
fn a_mapping_lives_as_long_as_its_longest_session() {
    let mut nat = Pipe::new(&short());
    let outside = udp_endpoint(&mut nat, INSIDE, REMOTE);
    nat.later(100.0);
    assert_eq!(udp_endpoint(&mut nat, INSIDE, "192.0.2.9:1"), outside);
    nat.later(100.0).outside(inbound(outside)).forwarded();
}

/// RFC 4787 REQ-6a, off by default.
#[test]
fn an_inbound_packet_does_not_prolong_a_mapping() {
    let mut nat = Pipe::new(&short());
    let outside = udp_endpoint(&mut nat, INSIDE, REMOTE);
    nat.later(100.0).outside(inbound(outside)).forwarded();
    lost(&nat.later(20.0 + GRAIN).outside(inbound(outside)));
}

/// RFC 4787 REQ-6a: not even by a remote that is new to the mapping.
#[test]
fn a_visitor_does_not_prolong_a_mapping() {
    let mut nat = Pipe::new(&short());
    let outside = udp_endpoint(&mut nat, INSIDE, REMOTE);
    for (at, visitor) in [(50.0, 1), (100.0, 2), (119.0, 3)] {
        nat.at(at);
        nat.outside(udp(&format!("192.0.2.77:{visitor} > {outside}")))
            .forwarded();
    }
    nat.at(120.0 + GRAIN);
    lost(&nat.outside(inbound(outside)));
    lost(&nat.outside(udp(&format!("192.0.2.77:3 > {outside}"))));
}

/// RFC 4787 REQ-6a, "keeps attackers from pinning ports": nothing is left of it.
#[test]
fn a_mapping_that_ended_is_not_pinned_by_visitors() {
    let mut nat = Pipe::new(&short());
    let outside = udp_endpoint(&mut nat, INSIDE, REMOTE);
    nat.at(100.0);
    nat.outside(udp(&format!("192.0.2.77:1 > {outside}")))
        .forwarded();
    nat.at(120.0 + GRAIN);
    assert!(nat.show("mappings").is_empty());
    assert!(nat.show("translations").is_empty());
}

/// RFC 4787 REQ-6a: answering a visitor does.
#[test]
fn answering_a_visitor_prolongs_a_mapping() {
    let mut nat = Pipe::new(&short());
    let outside = udp_endpoint(&mut nat, INSIDE, REMOTE);
    nat.at(100.0);
    let visit = nat
        .outside(udp(&format!("192.0.2.77:9 > {outside}")))
        .forwarded();
    assert_eq!(nat.inside(visit.reply()).forwarded().src, outside);
    nat.at(215.0);
    nat.outside(udp(&format!("192.0.2.77:9 > {outside}")))
        .forwarded();
}

/// RFC 4787 REQ-6a, switched on.
#[test]
fn inbound_packets_prolong_a_mapping_where_wanted() {
    let mut nat = Pipe::new(&short().nat("udp_inbound_refresh: true"));
    let outside = udp_endpoint(&mut nat, INSIDE, REMOTE);
    for _ in 0..5 {
        nat.later(100.0).outside(inbound(outside)).forwarded();
    }
    lost(&nat.later(120.0 + GRAIN).outside(inbound(outside)));
}

/// RFC 7857 section 7: what is filtered out prolongs nothing.
#[test]
fn filtered_packets_never_prolong_a_mapping() {
    for filtering in ["address-dependent", "address-and-port-dependent"] {
        let config = short()
            .rule("filtering", filtering)
            .nat("udp_inbound_refresh: true");
        let mut nat = Pipe::new(&config);
        let outside = udp_endpoint(&mut nat, INSIDE, REMOTE);
        for _ in 0..3 {
            nat.later(30.0)
                .outside(udp(&format!("192.0.2.9:1 > {outside}")))
                .dropped(Counter::DropFiltered);
        }
        lost(&nat.later(30.0 + GRAIN).outside(inbound(outside)));
        assert!(nat.show("mappings").is_empty());
    }
}

/// RFC 7857 section 7.1: an error in answer to an inbound packet prolongs nothing.
#[test]
fn outbound_errors_do_not_prolong_a_mapping() {
    let mut nat = Pipe::new(&short());
    let outside = udp_endpoint(&mut nat, INSIDE, REMOTE);
    let got = nat.later(100.0).outside(inbound(outside)).forwarded();
    let error = nat
        .inside(icmp_error(3, 3, "10.64.0.7", &got.ip))
        .forwarded();
    assert_eq!(error.src.ip(), outside.ip());
    lost(&nat.later(20.0 + GRAIN).outside(inbound(outside)));
}

/// RFC 4787 REQ-12: nor does an error from outside end or prolong one.
#[test]
fn inbound_errors_neither_end_nor_prolong_a_mapping() {
    let mut nat = Pipe::new(&short());
    let out = nat.inside(udp(&format!("{INSIDE} > {REMOTE}"))).forwarded();
    nat.later(100.0)
        .outside(icmp_error(3, 3, "192.0.2.1", &out.ip))
        .forwarded();
    nat.later(10.0).outside(out.reply()).forwarded();
    lost(&nat.later(10.0 + GRAIN).outside(out.reply()));
}

/// RFC 4787 REQ-5a, contract 7.2 `udp_dns`: ten seconds.
#[test]
fn a_name_query_lasts_ten_seconds() {
    let mut nat = Pipe::new(&Config::new());
    let query = |nat: &mut Pipe, port: u16| {
        nat.inside(udp(&format!("10.64.0.7:{port} > 192.0.2.1:53")))
            .forwarded()
    };
    let first = query(&mut nat, 5000);
    let second = query(&mut nat, 5001);
    nat.later(9.0).outside(first.reply()).forwarded();
    lost(&nat.later(1.0 + GRAIN).outside(second.reply()));
}

/// RFC 4787 REQ-5a: the time of a service is its own, and configurable.
#[test]
fn the_time_of_a_name_query_is_configurable() {
    let mut nat = Pipe::new(&Config::new().timeout("udp_dns", "30s"));
    let query = |nat: &mut Pipe, port: u16| {
        nat.inside(udp(&format!("10.64.0.7:{port} > 192.0.2.1:53")))
            .forwarded()
    };
    let first = query(&mut nat, 5000);
    let second = query(&mut nat, 5001);
    nat.later(29.0).outside(first.reply()).forwarded();
    lost(&nat.later(1.0 + GRAIN).outside(second.reply()));
}

/// RFC 4787 REQ-5a: other ports of the same mapping keep their time.
#[test]
fn a_name_query_does_not_shorten_the_mapping() {
    let mut nat = Pipe::new(&Config::new().timeout("udp_dns", "30s"));
    let outside = udp_endpoint(&mut nat, INSIDE, "192.0.2.1:5353");
    assert_eq!(udp_endpoint(&mut nat, INSIDE, "192.0.2.1:53"), outside);
    nat.later(200.0)
        .outside(udp(&format!("192.0.2.1:5353 > {outside}")))
        .forwarded();
    // Endpoint-independent: while the mapping lives, anybody may come in.
    nat.outside(udp(&format!("192.0.2.1:53 > {outside}")))
        .forwarded();
}

/// RFC 4787 REQ-5: a session ended, a mapping ended, and nothing is left.
#[test]
fn nothing_is_left_of_a_mapping_that_ended() {
    let mut nat = Pipe::new(&Config::new());
    udp_endpoint(&mut nat, INSIDE, REMOTE);
    nat.wait(300.0 + GRAIN);
    assert!(nat.show("translations").is_empty());
    assert!(nat.show("mappings").is_empty());
    // A new one is a new one: it works at once.
    let outside = udp_endpoint(&mut nat, INSIDE, REMOTE);
    nat.outside(inbound(outside)).forwarded();
}
