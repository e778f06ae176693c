//! ICMP queries and their timers (RFC 5508 REQ-1, REQ-2, REQ-6).

use testkit::{echo, icmp_error, icmp_query, udp};
use tests::{Config, Pipe};

/// RFC 5508 REQ-1.
#[test]
fn queries_and_their_answers_pass() {
    let mut nat = Pipe::new(&Config::new());
    for kind in [8, 13] {
        let query = icmp_query(kind, "10.64.0.7:4660 > 192.0.2.1").seq(7);
        let out = nat.inside(query).forwarded();
        assert_eq!(out.icmp.as_ref().unwrap().rest & 0xffff, 7);
        let back = nat.outside(out.reply()).forwarded();
        assert!(back.dst == "10.64.0.7:4660" && back.src == "192.0.2.1");
        assert_eq!(back.icmp.unwrap().rest, 4660 << 16 | 7);
    }
}

/// RFC 4787 REQ-3 for identifiers.
#[test]
fn two_hosts_with_one_identifier_get_different_ones() {
    let config = Config::new().pool("prefixes", "[203.0.113.1/32]");
    let mut nat = Pipe::new(&config);
    let of_a = nat.inside(echo("10.64.0.7:4660 > 192.0.2.1")).forwarded();
    let of_b = nat.inside(echo("10.64.0.8:4660 > 192.0.2.1")).forwarded();
    assert_ne!(of_a.src, of_b.src);
    assert!(nat.outside(of_b.reply()).forwarded().dst == "10.64.0.8:4660");
    assert!(nat.outside(of_a.reply()).forwarded().dst == "10.64.0.7:4660");
}

/// RFC 4787 REQ-6a is about UDP: answers that nobody asks for any more keep no query.
#[test]
fn answers_do_not_prolong_a_query_where_they_prolong_udp() {
    let mut nat = Pipe::new(&Config::new().nat("udp_inbound_refresh: true"));
    let out = nat.inside(echo("10.64.0.7:1 > 192.0.2.1")).forwarded();
    nat.later(40.0).outside(out.reply()).forwarded();
    crate::lost(&nat.later(20.0 + crate::GRAIN).outside(out.reply()));
}

/// RFC 5508 REQ-2.
#[test]
fn a_query_waits_a_minute_for_its_answer() {
    let mut nat = Pipe::new(&Config::new());
    let first = nat.inside(echo("10.64.0.7:1 > 192.0.2.1")).forwarded();
    let second = nat.inside(echo("10.64.0.7:2 > 192.0.2.1")).forwarded();
    nat.later(59.0).outside(first.reply()).forwarded();
    crate::lost(&nat.later(1.0 + crate::GRAIN).outside(second.reply()));
}

/// RFC 5508 REQ-2a.
#[test]
fn the_time_of_queries_is_configurable() {
    let mut nat = Pipe::new(&Config::new().timeout("icmp", "90s"));
    let first = nat.inside(echo("10.64.0.7:1 > 192.0.2.1")).forwarded();
    let second = nat.inside(echo("10.64.0.7:2 > 192.0.2.1")).forwarded();
    nat.later(89.0).outside(first.reply()).forwarded();
    crate::lost(&nat.later(1.0 + crate::GRAIN).outside(second.reply()));
}

/// RFC 5508 REQ-6: an error about a query neither refreshes nor ends it.
#[test]
fn an_error_about_a_query_changes_nothing() {
    let mut nat = Pipe::new(&Config::new());
    let early = nat.inside(echo("10.64.0.7:1 > 192.0.2.1")).forwarded();
    let late = nat.inside(echo("10.64.0.7:2 > 192.0.2.1")).forwarded();
    nat.later(5.0)
        .outside(icmp_error(3, 1, "192.0.2.99", &early.ip))
        .forwarded();
    nat.later(15.0).outside(early.reply()).forwarded();
    nat.later(30.0)
        .outside(icmp_error(3, 1, "192.0.2.99", &late.ip))
        .forwarded();
    crate::lost(&nat.later(10.0 + crate::GRAIN).outside(late.reply()));
}

/// RFC 5508 REQ-4, RFC 4787 REQ-12a: from whomever, about a session.
#[test]
fn an_error_from_a_router_reaches_the_inside_host() {
    let mut nat = Pipe::new(&Config::new());
    let out = nat
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(b"data"))
        .forwarded();
    let error = nat
        .outside(icmp_error(11, 0, "192.0.2.99", &out.ip).quote_len(28))
        .forwarded();
    assert_eq!(error.icmp_kind(), Some((11, 0)));
    assert!(error.src == "192.0.2.99" && error.dst == "10.64.0.7");
    let quote = error.quote();
    assert!(quote.src == "10.64.0.7:5000" && quote.dst == "192.0.2.1:7000");
    // RFC 4787 REQ-12: nothing ended by it.
    nat.outside(out.reply()).forwarded();
}
