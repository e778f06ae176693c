//! When no ICMP error is made, and how many are: RFC 1812 sections 4.3.2.7 and
//! 4.3.2.8, RFC 5508 REQ-10e, 10f.

use base::Counter;
use testkit::{icmp_error, tcp, udp};
use tests::{Config, Pipe};

use super::{open, open_both_ways};

/// RFC 1812 section 4.3.2.7: no error about an error, both ways.
#[test]
fn an_icmp_error_that_ends_here_is_not_answered() {
    let mut pipe = Pipe::new(&Config::new());
    let (out, back) = open_both_ways(&mut pipe);
    let inward = icmp_error(3, 3, "192.0.2.77", &out.ip).ttl(1);
    pipe.outside(inward).dropped(Counter::DropTtl);
    let outward = icmp_error(3, 3, "10.64.0.7", &back.ip).ttl(1);
    pipe.inside(outward).dropped(Counter::DropTtl);
}

/// RFC 1812 section 4.3.2.7: an error too big for the next link is not answered either.
#[test]
fn a_big_icmp_error_with_df_is_not_answered() {
    let mut pipe = Pipe::new(&Config::new().interface("inside", "mtu", "576"));
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[1; 540]);
    let out = pipe.inside(packet).forwarded();
    let error = icmp_error(3, 3, "192.0.2.77", &out.ip).df(true);
    pipe.outside(error)
        .dropped(Counter::DropFragmentationNeeded);
}

/// RFC 1812 section 4.3.2.7: only the first fragment is answered.
#[test]
fn a_later_piece_that_ends_here_is_not_answered() {
    let mut pipe = Pipe::new(&Config::new());
    let pieces = udp("10.64.0.7:5000 > 192.0.2.1:7000")
        .payload(&[1; 400])
        .ttl(1)
        .fragments(&[104, 104]);
    let first = pipe.inside(pieces[0].clone());
    assert_eq!(first.left.len(), 1, "{first:?}");
    assert_eq!(first.left[0].seen.icmp_kind(), Some((11, 0)));
    for piece in &pieces[1..] {
        let outcome = pipe.inside(piece.clone());
        assert_ne!(outcome.verdict, "forward");
        assert!(outcome.left.is_empty(), "{outcome:?}");
    }
    assert!(pipe.wait(10.0).is_empty());
}

/// RFC 1812 section 4.3.2.7: multicast and broadcast destinations.
#[test]
fn packets_to_many_are_not_answered() {
    let mut pipe = Pipe::new(&Config::new());
    for dst in ["224.0.0.5", "239.1.2.3", "255.255.255.255", "10.64.255.255"] {
        for ttl in [1, 64] {
            let packet = udp(&format!("10.64.0.7:5000 > {dst}:7000")).ttl(ttl);
            pipe.inside(packet)
                .dropped_for(&[Counter::DropIpDestination, Counter::DropTtl]);
        }
    }
}

/// RFC 1812 section 4.3.2.7: a link-layer broadcast of a unicast packet.
#[test]
fn a_packet_in_a_broadcast_frame_is_not_answered() {
    let mut pipe = Pipe::new(&Config::new());
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").ttl(1);
    let from = tests::mac_of("10.64.0.7".parse().unwrap());
    for to in [[0xff; 6], [1, 0, 0x5e, 0, 0, 5]] {
        let outcome = pipe.feed("inside", &packet.frame(from, to));
        assert_eq!(outcome.verdict, "drop", "{outcome:?}");
        assert!(outcome.left.is_empty(), "{outcome:?}");
    }
}

/// RFC 1812 section 4.3.2.7: sources that are nobody.
#[test]
fn packets_from_nobody_are_not_answered() {
    let mut pipe = Pipe::new(&Config::new());
    for src in ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"] {
        let packet = udp(&format!("{src}:5000 > 192.0.2.1:7000")).ttl(1);
        pipe.inside(packet)
            .dropped_for(&[Counter::DropIpSource, Counter::DropTtl]);
    }
}

/// RFC 1812 section 4.3.2.8, RFC 5508 REQ-10f: errors are limited, then come again.
#[test]
fn a_flood_gets_a_limited_number_of_errors() {
    let mut pipe = Pipe::new(&Config::new());
    let count = |pipe: &mut Pipe| -> u64 {
        let mut answered = 0;
        for port in 0..5000 {
            let flow = format!("10.64.0.7:{} > 192.0.2.1:7000", 10_000 + port);
            answered += pipe.inside(udp(&flow).ttl(1)).left.len() as u64;
            pipe.later(0.000_02);
        }
        answered
    };
    let answered = count(&mut pipe);
    assert!(answered > 0 && answered < 2500, "{answered} of 5000");
    assert_eq!(pipe.counter(Counter::IcmpSent), answered);
    assert_eq!(pipe.counter(Counter::IcmpRateLimited), 5000 - answered);
    pipe.wait(60.0);
    pipe.inside(udp("10.64.0.7:9 > 192.0.2.1:7000").ttl(1))
        .refused(Counter::DropTtl);
}

/// RFC 1812 section 4.3.2.7 and RFC 5382 REQ-4: a TCP reset is not answered.
#[test]
fn a_reset_without_a_session_is_silent() {
    let mut pipe = Pipe::new(&Config::new());
    let reset = tcp("192.0.2.1:80 > 203.0.113.3:40000").rst();
    let outcome = pipe.outside(reset);
    assert_eq!(outcome.verdict, "drop");
    assert!(outcome.left.is_empty());
    assert!(pipe.wait(20.0).is_empty());
}

/// RFC 5508 REQ-9: an interface may be told to send none, and others go on sending.
#[test]
fn an_interface_can_be_told_to_make_no_errors() {
    let narrow = || {
        Config::new()
            .interface("outside", "mtu", "1400")
            .interface("inside", "mtu", "1400")
            .rule("limits", "{ ports: { udp: 1 } }")
    };
    let big = vec![1; 1400];
    for silent in ["inside", "outside"] {
        let mut pipe = Pipe::new(&narrow().interface(silent, "icmp_errors", "false"));
        let out = open(&mut pipe);
        let usual = || udp("10.64.0.7:5000 > 192.0.2.1:7000");
        for (interface, packet, reason) in [
            ("inside", usual().ttl(1), Counter::DropTtl),
            (
                "inside",
                usual().payload(&big).df(true),
                Counter::DropFragmentationNeeded,
            ),
            (
                "inside",
                udp("10.64.0.7:5001 > 192.0.2.1:7000"),
                Counter::DropPortLimit,
            ),
            ("outside", out.reply().ttl(1), Counter::DropTtl),
            (
                "outside",
                out.reply().payload(&big).df(true),
                Counter::DropFragmentationNeeded,
            ),
        ] {
            let outcome = pipe.send(interface, &packet);
            if interface == silent {
                outcome.dropped(reason);
            } else {
                outcome.refused(reason);
            }
        }
        // What others say still passes, and a ping is no error.
        pipe.outside(icmp_error(3, 3, "192.0.2.77", &out.ip))
            .forwarded();
        let ping = testkit::echo("10.64.0.7:5 > 10.64.0.1");
        assert_eq!(pipe.inside(ping).consumed(Counter::ConsumeEcho).len(), 1);
    }
}

/// RFC 1812 section 4.3.2.7: what was suppressed is counted.
#[test]
fn suppressed_errors_are_counted() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    pipe.forget_counters();
    let inward = icmp_error(3, 3, "192.0.2.77", &out.ip).ttl(1);
    pipe.outside(inward).dropped(Counter::DropTtl);
    pipe.expect_counters(&[(Counter::DropTtl, 1), (Counter::IcmpSuppressed, 1)]);
}
