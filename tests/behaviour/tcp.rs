//! Every legal sequence of segments passes (RFC 5382 REQ-2), and what does not
//! belong to a connection does not.

use base::Counter;
use testkit::{flags, tcp};
use tests::{Config, Pipe};

use crate::{Connection, tcp_endpoint};

/// RFC 5382 REQ-2: handshake, data, close.
#[test]
fn a_connection_lives_from_handshake_to_close() {
    let mut nat = Pipe::new(&Config::new());
    let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    connection.send(&mut nat, b"GET / HTTP/1.0\r\n\r\n");
    connection.receive(&mut nat, b"HTTP/1.0 200 OK\r\n\r\n");
    assert_eq!(nat.show("translations").len(), 1);
    connection.close(&mut nat);
}

/// RFC 5382 REQ-2: nothing but addresses, ports and checksums is altered.
#[test]
fn flags_and_options_are_carried_as_they_are() {
    let mut nat = Pipe::new(&Config::new());
    // MSS, SACK permitted, time stamps, window scale; ECN setup; data in the SYN.
    let options = [
        2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7,
    ];
    let syn = tcp("10.64.0.7:5000 > 192.0.2.1:80")
        .flags(flags::SYN | 0xc0)
        .tcp_options(&options)
        .payload(b"early");
    let out = nat.inside(syn).forwarded();
    assert_eq!(out.tcp.as_ref().unwrap().options, options);
    let answer = out
        .reply()
        .flags(flags::SYN | flags::ACK | 0x40)
        .seq(9000)
        .tcp_options(&options);
    let back = nat.outside(answer).forwarded();
    assert_eq!(back.tcp.unwrap().options, options);
    let sack = [1, 1, 5, 10, 0, 0, 0x23, 0x29, 0, 0, 0x30, 0];
    let urgent = tcp("10.64.0.7:5000 > 192.0.2.1:80")
        .flags(flags::ACK | flags::PSH | 0x20)
        .seq(7)
        .ack(9001)
        .tcp_options(&sack);
    let seen = nat.inside(urgent).forwarded();
    assert_eq!(seen.tcp.unwrap().options, sack);
}

/// RFC 5382 REQ-2: segments may come twice.
#[test]
fn retransmitted_handshakes_pass() {
    let mut nat = Pipe::new(&Config::new());
    let syn = || tcp("10.64.0.7:5000 > 192.0.2.1:80").syn().seq(1000);
    let first = nat.inside(syn()).forwarded();
    let second = nat.later(1.0).inside(syn()).forwarded();
    assert_eq!(first.src, second.src);
    let answer = || first.reply().syn_ack().seq(9000);
    nat.outside(answer()).forwarded();
    nat.later(1.0).outside(answer()).forwarded();
    assert_eq!(nat.show("translations").len(), 1);
}

/// RFC 5382 REQ-2a: both send a SYN, and the connection is established.
#[test]
fn a_simultaneous_open_succeeds() {
    let mut nat = Pipe::new(&Config::new());
    let out = nat
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn().seq(1000))
        .forwarded();
    let from_outside = || tcp("192.0.2.1:80 > 0.0.0.0").to(out.src);
    nat.outside(from_outside().syn().seq(9000)).forwarded();
    let answer = tcp("10.64.0.7:5000 > 192.0.2.1:80").syn_ack().seq(1000);
    nat.inside(answer.ack(9001)).forwarded();
    nat.outside(from_outside().syn_ack().seq(9000).ack(1001))
        .forwarded();
    // It is as good as any other.
    let data = tcp("10.64.0.7:5000 > 192.0.2.1:80").seq(1001).ack(9001);
    nat.later(7000.0).inside(data).forwarded();
    nat.later(7000.0)
        .outside(from_outside().seq(9001).ack(1001))
        .forwarded();
}

/// RFC 5382 REQ-2a under the strictest filter.
#[test]
fn a_simultaneous_open_passes_the_strictest_filter() {
    let config = Config::new().rule("filtering", "address-and-port-dependent");
    let mut nat = Pipe::new(&config);
    let out = nat
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .forwarded();
    let syn = tcp("192.0.2.1:80 > 0.0.0.0").to(out.src).syn();
    assert!(nat.outside(syn).forwarded().dst == "10.64.0.7:5000");
}

/// RFC 5382 REQ-2, REQ-3: a connection may be opened from outside where the filter lets it.
#[test]
fn a_connection_may_be_opened_from_outside() {
    let mut nat = Pipe::new(&Config::new());
    let outside = tcp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    let from_y = || tcp("192.0.2.9:4000 > 0.0.0.0").to(outside);
    let syn = nat.outside(from_y().syn().seq(500)).forwarded();
    assert!(syn.dst == "10.64.0.7:5000");
    let answer = nat.inside(syn.reply().syn_ack().seq(700)).forwarded();
    assert_eq!(answer.src, outside);
    nat.outside(from_y().seq(501).ack(701)).forwarded();
    nat.later(7000.0)
        .outside(from_y().seq(501).ack(701).payload(b"x"))
        .forwarded();
}

/// RFC 5382 REQ-2: one side has said all, the other goes on for long.
#[test]
fn a_half_closed_connection_goes_on() {
    let mut nat = Pipe::new(&Config::new());
    let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    nat.inside(connection.outbound().fin()).forwarded();
    nat.outside(connection.inbound().ack(1002)).forwarded();
    for _ in 0..5 {
        nat.later(1000.0);
        connection.receive(&mut nat, b"more");
        nat.inside(connection.outbound().seq(1002).ack(9005))
            .forwarded();
    }
    let other = Connection::open(&mut nat, "10.64.0.7:5002", "192.0.2.1:80");
    nat.outside(other.inbound().fin()).forwarded();
    for _ in 0..5 {
        nat.later(1000.0);
        other.send(&mut nat, b"more");
    }
}

/// RFC 5382 REQ-2: FINs that cross.
#[test]
fn crossing_fins_pass() {
    let mut nat = Pipe::new(&Config::new());
    let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    nat.inside(connection.outbound().fin()).forwarded();
    nat.outside(connection.inbound().fin()).forwarded();
    nat.inside(connection.outbound().seq(1002).ack(9002))
        .forwarded();
    nat.outside(connection.inbound().seq(9002).ack(1002))
        .forwarded();
    // Retransmissions after the last acknowledgement.
    nat.later(1.0)
        .outside(connection.inbound().fin())
        .forwarded();
    nat.inside(connection.outbound().seq(1002).ack(9002))
        .forwarded();
}

/// RFC 7857 section 2.2: a reset is translated, both ways.
#[test]
fn a_reset_is_passed_on() {
    let mut nat = Pipe::new(&Config::new());
    let first = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    let seen = nat.outside(first.inbound().rst()).forwarded();
    assert!(seen.has_flags(flags::RST) && seen.dst == "10.64.0.7:5000");
    let second = Connection::open(&mut nat, "10.64.0.7:5002", "192.0.2.1:80");
    let seen = nat.inside(second.outbound().rst()).forwarded();
    assert_eq!(seen.src, second.outside);
}

/// RFC 5382 REQ-2: a refused connection hears of it.
#[test]
fn a_reset_that_answers_a_syn_is_passed_on() {
    let mut nat = Pipe::new(&Config::new());
    let syn = nat
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn().seq(1000))
        .forwarded();
    let reset = syn.reply().flags(flags::RST | flags::ACK).seq(0).ack(1001);
    assert!(nat.outside(reset).forwarded().dst == "10.64.0.7:5000");
}

/// RFC 5382 REQ-2: in whatever state the connection is, from either end.
#[test]
fn a_reset_is_passed_on_in_every_state() {
    for inside_closes_first in [true, false] {
        for from_inside in [true, false] {
            for steps in 0..=6 {
                let mut nat = Pipe::new(&Config::new());
                let (connection, out, back) = walk(&mut nat, inside_closes_first, steps);
                let case = format!("{inside_closes_first}, {from_inside}, {steps}");
                if from_inside {
                    let reset = connection.outbound().rst().seq(out).ack(0);
                    let seen = nat.inside(reset).forwarded();
                    assert_eq!(seen.src, connection.outside, "{case}");
                } else {
                    let reset = connection.inbound().flags(flags::RST | flags::ACK);
                    let seen = nat.outside(reset.seq(back).ack(out)).forwarded();
                    assert!(seen.dst == "10.64.0.7:5000", "{case}");
                }
            }
        }
    }
}

/// The first `steps` of a life from the SYN to the last acknowledgement and a
/// reset after it; with it the next sequence numbers out and back.
fn walk(nat: &mut Pipe, inside_closes_first: bool, steps: usize) -> (Connection, u32, u32) {
    let flow = "10.64.0.7:5000 > 192.0.2.1:80";
    let syn = nat.inside(tcp(flow).syn().seq(1000)).forwarded();
    let connection = Connection {
        inside: "10.64.0.7:5000".into(),
        remote: "192.0.2.1:80".into(),
        outside: syn.src,
    };
    let (mut out, mut back) = (1001, 0);
    for step in 1..=steps {
        match step {
            1 => {
                let answer = connection.inbound().syn_ack().seq(9000);
                nat.outside(answer).forwarded();
                back = 9001;
            }
            2 => drop(nat.inside(connection.outbound()).forwarded()),
            3 | 4 if (step == 3) == inside_closes_first => {
                let fin = connection.outbound().fin().ack(back);
                nat.inside(fin).forwarded();
                out = 1002;
            }
            3 | 4 => {
                let fin = connection.inbound().fin().ack(out);
                nat.outside(fin).forwarded();
                back = 9002;
            }
            5 if inside_closes_first => {
                let last = connection.outbound().seq(out).ack(back);
                nat.inside(last).forwarded();
            }
            5 => {
                let last = connection.inbound().seq(back).ack(out);
                nat.outside(last).forwarded();
            }
            _ => {
                let reset = connection.outbound().rst().seq(out).ack(0);
                nat.inside(reset).forwarded();
            }
        }
    }
    (connection, out, back)
}

/// RFC 5382 REQ-2: the same four numbers after the close.
#[test]
fn a_four_tuple_can_be_used_again_after_the_close() {
    let mut nat = Pipe::new(&Config::new());
    let old = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    old.close(&mut nat);
    nat.later(1.0);
    reopen(&mut nat, &old);
}

/// RFC 5382 REQ-2: and after a reset.
#[test]
fn a_four_tuple_can_be_used_again_after_a_reset() {
    let mut nat = Pipe::new(&Config::new());
    let old = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    nat.inside(old.outbound().rst()).forwarded();
    nat.later(1.0);
    reopen(&mut nat, &old);
}

/// RFC 5382 REQ-2: the other end may be the one that opens it again.
#[test]
fn a_four_tuple_can_be_used_again_from_outside() {
    let mut nat = Pipe::new(&Config::new());
    let old = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    old.close(&mut nat);
    let syn = old.inbound().syn().seq(70_000).ack(0);
    nat.later(1.0).outside(syn).forwarded();
    let answer = old.outbound().syn_ack().seq(50_000).ack(70_001);
    nat.inside(answer).forwarded();
    nat.outside(old.inbound().seq(70_001).ack(50_001))
        .forwarded();
    nat.later(7000.0)
        .outside(old.inbound().seq(70_001).ack(50_001).payload(b"x"))
        .forwarded();
}

/// Sequence numbers far from the old ones, and a life as long as any.
fn reopen(nat: &mut Pipe, old: &Connection) {
    let syn = nat
        .inside(old.outbound().syn().seq(3_000_000_000).ack(0))
        .forwarded();
    assert_eq!(syn.src, old.outside, "the mapping is the same");
    nat.outside(syn.reply().syn_ack().seq(2_000_000_000))
        .forwarded();
    let ack = old.outbound().seq(3_000_000_001).ack(2_000_000_001);
    nat.inside(ack.clone()).forwarded();
    nat.later(7000.0).inside(ack.payload(b"x")).forwarded();
    let data = old.inbound().seq(2_000_000_001).ack(3_000_000_002);
    nat.outside(data).forwarded();
}

/// A2, left open by RFC 5382: a segment of no session makes none and gets no answer.
#[test]
fn a_segment_without_a_session_is_dropped() {
    let mut nat = Pipe::new(&Config::new());
    for odd in [
        flags::ACK,
        flags::ACK | flags::PSH,
        flags::FIN | flags::ACK,
        flags::RST,
        flags::RST | flags::ACK,
        flags::SYN | flags::ACK,
    ] {
        let segment = tcp("10.64.0.7:5000 > 192.0.2.1:80").flags(odd);
        nat.inside(segment).dropped(Counter::DropTcpNotSyn);
    }
    assert!(nat.show("translations").is_empty());
    assert!(nat.show("mappings").is_empty());
}

/// The same from outside, at a mapping anybody may come in by.
#[test]
fn a_segment_from_a_stranger_opens_nothing() {
    let mut nat = Pipe::new(&Config::new());
    let outside = tcp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    for odd in [flags::ACK, flags::FIN | flags::ACK, flags::RST] {
        let segment = tcp("192.0.2.9:4000 > 0.0.0.0").to(outside).flags(odd);
        crate::lost(&nat.outside(segment));
    }
    assert_eq!(nat.show("translations").len(), 1);
}

/// RFC 5382 REQ-10: errors never end a connection.
#[test]
fn icmp_errors_do_not_end_a_connection() {
    let mut nat = Pipe::new(&Config::new());
    let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    let data = connection.send(&mut nat, b"data");
    for code in [0, 1, 2, 3, 4, 9, 10, 13] {
        let error = testkit::icmp_error(3, code, "192.0.2.99", &data.ip);
        let seen = nat.outside(error).forwarded();
        assert!(seen.quote().src == "10.64.0.7:5000", "RFC 5382 REQ-9");
    }
    nat.later(7000.0);
    connection.receive(&mut nat, b"still here");
}
