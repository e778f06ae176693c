//! Packets for the appliance itself: requirement A6, section 7.3, RFC 1122.

use base::Counter;
use testkit::{echo, flags, icmp_error, icmp_query, tcp, udp};
use tests::{Config, Outcome, Pipe};

#[track_caller]
fn pong(outcome: Outcome) {
    let sent = outcome.sent.clone().unwrap();
    let answers = outcome.consumed(Counter::ConsumeEcho);
    assert_eq!(answers.len(), 1);
    let answer = &answers[0];
    assert_eq!(answer.icmp_kind(), Some((0, 0)));
    assert_eq!(answer.src.ip(), sent.dst.ip());
    assert_eq!(answer.dst, sent.src);
    assert_eq!(answer.payload, sent.payload);
    assert_eq!(
        answer.icmp.as_ref().unwrap().rest,
        sent.icmp.as_ref().unwrap().rest
    );
}

/// RFC 1812 section 4.3.3.6: own addresses answer ping, from either side.
#[test]
fn own_addresses_answer_ping() {
    let mut pipe = Pipe::new(&Config::new());
    pong(pipe.inside(echo("10.64.0.7:5 > 10.64.0.1").seq(3)));
    pong(pipe.outside(echo("192.0.2.1:5 > 198.51.100.1")));
    pong(pipe.outside(echo("198.51.100.254:5 > 198.51.100.1")));
    pong(pipe.inside(echo("10.64.0.7:5 > 10.64.0.1").payload(&[7; 1471])));
    pong(pipe.inside(echo("10.64.0.7:5 > 10.64.0.1").payload(&[])));
    assert!(pipe.show("translations").is_empty());
}

/// RFC 1812 section 5.2.3: an own address is own on every interface.
#[test]
fn the_outside_address_answers_a_subscriber() {
    let mut pipe = Pipe::new(&Config::new());
    pong(pipe.inside(echo("10.64.0.7:5 > 198.51.100.1")));
}

/// Requirement A6: pool addresses answer ping.
#[test]
fn pool_addresses_answer_ping() {
    let mut pipe = Pipe::new(&Config::new());
    for host in [0, 1, 7, 15] {
        let flow = format!("192.0.2.1:5 > 203.0.113.{host}");
        pong(pipe.outside(echo(&flow)));
    }
}

/// RFC 1122 section 3.2.2.6: a ping with a wrong checksum is not answered.
#[test]
fn a_ping_with_a_wrong_checksum_is_not_answered() {
    let mut pipe = Pipe::new(&Config::new());
    let ping = echo("10.64.0.7:5 > 10.64.0.1").transport_sum(testkit::Sum::Wrong);
    let outcome = pipe.inside(ping);
    assert!(outcome.left.is_empty(), "{outcome:?}");
}

/// RFC 1122 section 3.2.2.6, 3.3.2: a ping in pieces need not be answered, but harms nobody.
#[test]
fn a_ping_in_pieces_does_no_harm() {
    let mut pipe = Pipe::new(&Config::new());
    let pieces = echo("10.64.0.7:5 > 10.64.0.1")
        .payload(&[7; 2000])
        .fragments(&[1000]);
    for piece in pieces {
        let _ = pipe.inside(piece);
    }
    pipe.wait(10.0);
    pong(pipe.inside(echo("10.64.0.7:5 > 10.64.0.1")));
}

/// RFC 1122 section 4.1.3.1: nothing listens; a datagram may be told so with 3/3.
#[test]
fn datagrams_to_the_appliance_find_no_service() {
    let mut pipe = Pipe::new(&Config::new());
    for (interface, flow) in [
        ("inside", "10.64.0.7:5000 > 10.64.0.1:53"),
        ("inside", "10.64.0.7:5000 > 198.51.100.1:53"),
        ("outside", "192.0.2.1:5000 > 198.51.100.1:53"),
    ] {
        let outcome = pipe.send(interface, &udp(flow));
        assert_eq!(outcome.verdict, "drop", "{outcome:?}");
        assert_eq!(outcome.reason, "drop.no_service");
        for left in &outcome.left {
            assert_eq!(left.seen.icmp_kind(), Some((3, 3)));
            assert_eq!(left.interface, interface);
        }
        assert!(outcome.left.len() <= 1);
    }
    assert!(pipe.show("translations").is_empty());
}

/// RFC 793: a connection to the appliance is refused or ignored, never translated.
#[test]
fn connections_to_the_appliance_find_no_service() {
    let mut pipe = Pipe::new(&Config::new());
    for (interface, flow) in [
        ("inside", "10.64.0.7:5000 > 10.64.0.1:22"),
        ("inside", "10.64.0.7:5000 > 198.51.100.1:22"),
        ("outside", "192.0.2.1:5000 > 198.51.100.1:22"),
    ] {
        let outcome = pipe.send(interface, &tcp(flow).syn());
        assert_eq!(outcome.verdict, "drop", "{outcome:?}");
        assert_eq!(outcome.reason, "drop.no_service");
        for left in &outcome.left {
            let reset = left.seen.has_flags(flags::RST | flags::ACK);
            assert!(reset || left.seen.icmp_kind() == Some((3, 3)), "{left:?}");
        }
    }
    assert!(pipe.show("translations").is_empty());
}

/// RFC 1812 section 4.3.3: other ICMP to the appliance asks for nothing.
#[test]
fn other_icmp_to_the_appliance_is_not_answered() {
    let mut pipe = Pipe::new(&Config::new());
    for kind in [0, 9, 10, 14, 15, 16, 17, 18, 41] {
        let outcome = pipe.inside(icmp_query(kind, "10.64.0.7:5 > 10.64.0.1"));
        assert!(
            matches!(&*outcome.verdict, "consume" | "drop"),
            "{outcome:?}"
        );
        assert!(outcome.left.is_empty(), "{outcome:?}");
    }
}

/// RFC 4787 REQ-8: a datagram to an unused port of a pool address is for nobody.
#[test]
fn a_datagram_to_an_unused_pool_port_is_dropped_in_silence() {
    let mut pipe = Pipe::new(&Config::new());
    pipe.outside(udp("192.0.2.1:5000 > 203.0.113.3:40000"))
        .dropped(Counter::DropNoMapping);
}

/// Requirement N15: unused pool space is a black hole, so nothing goes round in circles.
#[test]
fn pool_space_never_goes_back_out() {
    let mut pipe = Pipe::new(&Config::new());
    for host in 0..16 {
        let flow = format!("192.0.2.1:5000 > 203.0.113.{host}:3478");
        pipe.outside(udp(&flow)).dropped(Counter::DropNoMapping);
    }
}

/// Requirement A6: pool addresses answer a subscriber too.
#[test]
fn pool_addresses_answer_a_subscriber() {
    let mut pipe = Pipe::new(&Config::new());
    pong(pipe.inside(echo("10.64.0.7:5 > 203.0.113.3")));
    assert!(pipe.show("translations").is_empty());
}

/// RFC 1812 section 4.3.3.6: a ping of an own address is answered with its own DSCP (RFC 1349).
#[test]
fn an_answer_to_a_ping_keeps_its_differentiated_services() {
    let mut pipe = Pipe::new(&Config::new());
    let ping = echo("10.64.0.7:5 > 10.64.0.1").tos(0xb8);
    let answers = pipe.inside(ping).consumed(Counter::ConsumeEcho);
    assert_eq!(answers[0].tos, 0xb8);
}

/// RFC 5508 REQ-9 and REQ-10a: the appliance's own errors can be switched off where they do harm.
#[test]
fn an_interface_can_be_told_nothing_about_what_is_dropped() {
    let config = Config::new()
        .interface("outside", "icmp_errors", "false")
        .no_routes();
    let mut pipe = Pipe::new(&config);
    pipe.outside(udp("198.51.100.254:5000 > 198.51.100.1:53"))
        .dropped(Counter::DropNoService);
    let out = pipe
        .inside(udp("10.64.0.7:5000 > 198.51.100.254:7000"))
        .forwarded();
    pipe.outside(out.reply().ttl(1)).dropped(Counter::DropTtl);
    // The other side is still told, and a ping still answered.
    let refused = pipe
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:53"))
        .refused(Counter::DropNoRoute);
    assert_eq!(refused.icmp_kind(), Some((3, 0)));
    pong(pipe.outside(echo("198.51.100.254:5 > 198.51.100.1")));
    assert_eq!(pipe.counter(Counter::IcmpSuppressed), 2);
}

/// RFC 5508 REQ-10a: an error of another machine is not the appliance's own, and goes through.
#[test]
fn errors_of_others_pass_an_interface_that_is_told_nothing() {
    let config = Config::new()
        .interface("outside", "icmp_errors", "false")
        .interface("inside", "icmp_errors", "false");
    let mut pipe = Pipe::new(&config);
    let out = pipe
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
        .forwarded();
    let error = pipe
        .outside(icmp_error(3, 3, "192.0.2.1", &out.ip))
        .forwarded();
    assert_eq!(error.icmp_kind(), Some((3, 3)));
    pipe.inside(udp("10.64.0.7:5000 > 192.0.2.1:7000").ttl(1))
        .dropped(Counter::DropTtl);
}

/// RFC 5382 REQ-4a: the answer to an unsolicited SYN can be switched off too.
#[test]
fn a_held_syn_stays_without_answer_where_errors_are_off() {
    let config = Config::new().interface("outside", "icmp_errors", "false");
    let mut pipe = Pipe::new(&config);
    pipe.outside(tcp("192.0.2.1:5000 > 203.0.113.3:4000").syn())
        .held(Counter::HoldSyn);
    assert!(pipe.wait(10.0).is_empty());
    pipe.expect_counters(&[
        (Counter::HoldSyn, 1),
        (Counter::HoldSynDropped, 1),
        (Counter::IcmpSuppressed, 1),
    ]);
}
