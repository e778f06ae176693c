//! How long a connection is remembered (RFC 5382 REQ-5, RFC 7857 section 2).

use base::Counter;
use testkit::{flags, tcp};
use tests::{Config, Pipe};

use crate::{Connection, GRAIN, lost};

/// A pipe whose connections are closed to strangers, so that what gets in is
/// what the session lets in.
fn pipe() -> Pipe {
    Pipe::new(&Config::new())
}

/// RFC 5382 REQ-5: two hours and four minutes.
#[test]
fn an_established_connection_lasts_7440_seconds() {
    let mut nat = pipe();
    let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    nat.later(7439.0);
    connection.receive(&mut nat, b"x");
    nat.later(7439.0);
    connection.send(&mut nat, b"x");
    nat.later(7440.0 + GRAIN);
    lost(&nat.outside(connection.inbound().payload(b"x")));
    nat.inside(connection.outbound().payload(b"x"))
        .dropped(Counter::DropTcpNotSyn);
}

/// RFC 5382 REQ-5: four minutes for the answer.
#[test]
fn a_half_open_connection_lasts_240_seconds() {
    let mut nat = pipe();
    let open = |nat: &mut Pipe, port: u16| {
        nat.inside(tcp(&format!("10.64.0.7:{port} > 192.0.2.1:80")).syn())
            .forwarded()
    };
    let first = open(&mut nat, 5000);
    let second = open(&mut nat, 5001);
    nat.later(239.0)
        .outside(first.reply().syn_ack())
        .forwarded();
    lost(&nat.later(1.0 + GRAIN).outside(second.reply().syn_ack()));
}

/// RFC 7857 section 2.1: 240 s after both FINs, while the last acknowledgement is missing.
#[test]
fn a_closing_connection_lasts_240_seconds() {
    let mut nat = pipe();
    let first = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    let second = Connection::open(&mut nat, "10.64.0.7:5001", "192.0.2.1:80");
    first.close_without_last_ack(&mut nat);
    second.close_without_last_ack(&mut nat);
    nat.later(239.0).outside(first.inbound().fin()).forwarded();
    lost(&nat.later(1.0 + GRAIN).outside(second.inbound().fin()));
}

/// Contract 7.2, `tcp_time_wait`: 120 s after the last acknowledgement.
#[test]
fn a_closed_connection_lasts_120_seconds() {
    let mut nat = pipe();
    let first = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    let second = Connection::open(&mut nat, "10.64.0.7:5001", "192.0.2.1:80");
    first.close(&mut nat);
    second.close(&mut nat);
    nat.later(119.0).outside(first.inbound().fin()).forwarded();
    lost(&nat.later(1.0 + GRAIN).outside(second.inbound().fin()));
}

/// RFC 7857 section 2.2: 240 s after a reset.
#[test]
fn a_reset_connection_lasts_240_seconds() {
    let mut nat = pipe();
    let first = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    let second = Connection::open(&mut nat, "10.64.0.7:5001", "192.0.2.1:80");
    nat.outside(first.inbound().rst()).forwarded();
    nat.inside(second.outbound().rst()).forwarded();
    nat.later(240.0 + GRAIN);
    lost(&nat.outside(first.inbound().payload(b"x")));
    nat.inside(first.outbound().payload(b"x"))
        .dropped(Counter::DropTcpNotSyn);
    lost(&nat.outside(second.inbound().payload(b"x")));
}

/// RFC 7857 section 2.2: whoever goes on after a reset is established again.
#[test]
fn a_connection_that_goes_on_after_a_reset_is_established() {
    let mut nat = pipe();
    let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    nat.outside(connection.inbound().rst()).forwarded();
    nat.later(239.0);
    connection.send(&mut nat, b"still here");
    nat.later(7000.0);
    connection.receive(&mut nat, b"so am I");
}

/// RFC 7857 section 2, the state machine: further resets do not lengthen the time.
#[test]
fn a_second_reset_is_no_sign_of_life() {
    let mut nat = pipe();
    let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    nat.outside(connection.inbound().rst()).forwarded();
    nat.later(100.0)
        .outside(connection.inbound().rst())
        .forwarded();
    nat.later(142.0 + GRAIN);
    lost(&nat.outside(connection.inbound().payload(b"x")));
}

/// RFC 7857 section 7.1: nor are those of the inside host.
#[test]
fn a_second_reset_from_inside_is_no_sign_of_life() {
    let mut nat = pipe();
    let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    nat.inside(connection.outbound().rst()).forwarded();
    nat.later(100.0)
        .inside(connection.outbound().rst())
        .forwarded();
    nat.later(142.0 + GRAIN);
    lost(&nat.outside(connection.inbound().payload(b"x")));
}

/// RFC 7857 section 7.1: nor is one that answers a visitor; the mapping ends when its own
/// sessions do, and nobody can keep it open by knocking.
#[test]
fn a_visitor_that_is_refused_does_not_prolong_a_mapping() {
    let mut nat = pipe();
    let out = nat
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn().seq(1000))
        .forwarded();
    let knock = |port: u16| {
        let visitor = format!("192.0.2.9:{port}");
        out.reply().from(&visitor).syn().seq(5)
    };
    for (at, port) in [(100.0, 1), (200.0, 2), (239.0, 3)] {
        nat.at(at);
        let got = nat.outside(knock(port)).forwarded();
        let refusal = got.reply().flags(flags::RST | flags::ACK).seq(0).ack(6);
        nat.inside(refusal).forwarded();
    }
    nat.at(240.0 + GRAIN);
    assert!(nat.show("mappings").is_empty());
    crate::kept_out(&nat.outside(knock(4)));
}

/// RFC 7857 section 7: what is filtered out prolongs no connection.
#[test]
fn filtered_segments_never_prolong_a_connection() {
    for filtering in ["address-dependent", "address-and-port-dependent"] {
        let mut nat = Pipe::new(&Config::new().rule("filtering", filtering));
        let out = nat
            .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
            .forwarded();
        for _ in 0..3 {
            let stranger = || out.reply().from("192.0.2.9:4000");
            nat.wait(60.0);
            lost(&nat.outside(stranger()));
            crate::kept_out(&nat.outside(stranger().syn()));
        }
        nat.wait(60.0 + GRAIN);
        lost(&nat.outside(out.reply().syn_ack()));
        assert!(nat.show("mappings").is_empty());
    }
}

/// RFC 7857 section 2.2: a guessed reset has no effect.
#[test]
fn a_reset_outside_the_window_has_no_effect() {
    let mut nat = pipe();
    let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    connection.receive(&mut nat, b"data");
    connection.send(&mut nat, b"data");
    for far in [9001 + 1_000_000, 9001_u32.wrapping_sub(1_000_000)] {
        let outcome = nat.outside(connection.inbound().rst().seq(far));
        assert!(matches!(outcome.verdict.as_str(), "forward" | "drop"));
    }
    nat.later(1000.0);
    connection.receive(&mut nat, b"still here");
    connection.send(&mut nat, b"so am I");
}

/// RFC 7857 section 2.2: the window is that of either direction.
#[test]
fn an_outbound_reset_outside_the_window_has_no_effect() {
    let mut nat = pipe();
    let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    connection.receive(&mut nat, b"data");
    connection.send(&mut nat, b"data");
    let outcome = nat.inside(connection.outbound().rst().seq(1001 + 1_000_000));
    assert!(matches!(outcome.verdict.as_str(), "forward" | "drop"));
    nat.later(1000.0);
    connection.receive(&mut nat, b"still here");
}

/// RFC 5382 REQ-5a, RFC 7857 section 2.1.
#[test]
fn the_timers_are_configurable() {
    let config = Config::new()
        .timeout("tcp_established", "8000s")
        .timeout("tcp_transitory", "300s")
        .timeout("tcp_time_wait", "30s");
    let mut nat = Pipe::new(&config);
    let kept = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    let closed = Connection::open(&mut nat, "10.64.0.7:5002", "192.0.2.1:80");
    closed.close(&mut nat);
    let opening = nat
        .inside(tcp("10.64.0.7:5004 > 192.0.2.1:80").syn())
        .forwarded();
    lost(&nat.later(30.0 + GRAIN).outside(closed.inbound().fin()));
    nat.at(299.0);
    nat.outside(opening.reply().syn_ack()).forwarded();
    nat.at(7999.0);
    kept.receive(&mut nat, b"x");
    nat.later(8000.0 + GRAIN);
    lost(&nat.outside(kept.inbound()));
}

/// RFC 7857 section 2.1.
#[test]
fn opening_and_closing_have_timers_of_their_own() {
    for (opening, closing) in [(60.0, 240.0), (240.0, 300.0)] {
        let config = Config::new()
            .timeout("tcp_opening", &format!("{opening}s"))
            .timeout("tcp_closing", &format!("{closing}s"));
        let mut nat = Pipe::new(&config);
        let open = |nat: &mut Pipe, port: u16| {
            nat.inside(tcp(&format!("10.64.0.7:{port} > 192.0.2.1:80")).syn())
                .forwarded()
        };
        let (first, second) = (open(&mut nat, 5000), open(&mut nat, 5001));
        nat.later(opening - 1.0)
            .outside(first.reply().syn_ack())
            .forwarded();
        lost(&nat.later(1.0 + GRAIN).outside(second.reply().syn_ack()));

        let first = Connection::open(&mut nat, "10.64.0.8:5000", "192.0.2.1:80");
        let second = Connection::open(&mut nat, "10.64.0.8:5001", "192.0.2.1:80");
        first.close_without_last_ack(&mut nat);
        second.close_without_last_ack(&mut nat);
        nat.later(closing - 1.0)
            .outside(first.inbound().fin())
            .forwarded();
        lost(&nat.later(1.0 + GRAIN).outside(second.inbound().fin()));
    }
}

/// RFC 7857 section 2.1: without them, `tcp_transitory` is for both.
#[test]
fn opening_and_closing_follow_the_transitory_timer() {
    let config = Config::new()
        .timeout("tcp_transitory", "300s")
        .timeout("tcp_closing", "260s");
    let mut nat = Pipe::new(&config);
    let half = nat
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .forwarded();
    let closing = Connection::open(&mut nat, "10.64.0.8:5000", "192.0.2.1:80");
    closing.close_without_last_ack(&mut nat);
    lost(&nat.later(260.0 + GRAIN).outside(closing.inbound().fin()));
    nat.at(299.0);
    nat.outside(half.reply().syn_ack()).forwarded();
}

/// RFC 5382 REQ-1 and REQ-5: a mapping lives as long as its longest session.
#[test]
fn an_old_mapping_takes_new_connections() {
    let mut nat = pipe();
    let kept = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    let short = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.9:80");
    short.close(&mut nat);
    nat.later(6000.0);
    let next = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.9:443");
    assert_eq!(next.outside, kept.outside);
}

/// RFC 5382 REQ-5: when the last session ends, so does the mapping.
#[test]
fn nothing_is_left_of_a_connection_that_ended() {
    let mut nat = pipe();
    let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    connection.close(&mut nat);
    nat.wait(120.0 + GRAIN);
    assert!(nat.show("translations").is_empty());
    assert!(nat.show("mappings").is_empty());
}

/// RFC 7857 section 2.1: while one of the FINs is not acknowledged, the
/// connection is closing, whatever else arrives.
#[test]
fn a_closing_connection_waits_for_both_acknowledgements() {
    let mut nat = pipe();
    let crossed = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    nat.inside(crossed.outbound().fin()).forwarded();
    nat.outside(crossed.inbound().fin()).forwarded();
    // The inside acknowledges the remote's; the remote's answer is lost.
    nat.inside(crossed.outbound().seq(1002).ack(9002))
        .forwarded();
    let late = Connection::open(&mut nat, "10.64.0.7:5002", "192.0.2.1:80");
    late.close_without_last_ack(&mut nat);
    // A delayed segment from before the FIN acknowledges nothing.
    late.receive(&mut nat, b"");
    nat.at(238.0);
    nat.outside(crossed.inbound().ack(1002).seq(9002))
        .forwarded();
    nat.outside(late.inbound().fin().ack(1002)).forwarded();
}

/// RFC 7857 section 2.2: the window is that of the connection there is now.
#[test]
fn a_reset_of_a_reopened_connection_has_effect() {
    for closed in [true, false] {
        let mut nat = pipe();
        let old = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
        if closed {
            old.close(&mut nat);
        }
        nat.later(5.0);
        let syn = old.outbound().syn().seq(3_000_000_000).ack(0);
        let out = nat.inside(syn).forwarded();
        let answer = out.reply().syn_ack().seq(2_000_000_000);
        nat.outside(answer).forwarded();
        let ack = old.outbound().seq(3_000_000_001).ack(2_000_000_001);
        nat.inside(ack).forwarded();
        // One for the old connection is a stray.
        let stray = nat.outside(old.inbound().rst().seq(9001));
        assert!(matches!(stray.verdict.as_str(), "forward" | "drop"));
        nat.later(1000.0);
        let data = old.inbound().seq(2_000_000_001).ack(3_000_000_001);
        nat.outside(data.clone().payload(b"x")).forwarded();
        nat.outside(data.clone().seq(2_000_000_002).rst())
            .forwarded();
        lost(&nat.later(240.0 + GRAIN).outside(data));
    }
}

/// RFC 7323 section 2.2: the scale counts only where both have offered one.
#[test]
fn the_window_is_scaled_only_if_both_offer_it() {
    let scale = [3_u8, 3, 7, 0];
    for both in [true, false] {
        let mut nat = pipe();
        let flow = "10.64.0.7:5000 > 192.0.2.1:80";
        let syn = tcp(flow).syn().seq(1000).tcp_options(&scale);
        let out = nat.inside(syn).forwarded();
        let mut answer = out.reply().syn_ack().seq(9000);
        if both {
            answer = answer.tcp_options(&scale);
        }
        nat.outside(answer).forwarded();
        let ack = tcp(flow).seq(1001).ack(9001).window(1000);
        nat.inside(ack.clone()).forwarded();
        // Within 128000, far beyond 65535.
        let reset = out.reply().rst().seq(9001 + 100_000);
        let outcome = nat.outside(reset);
        assert!(matches!(outcome.verdict.as_str(), "forward" | "drop"));
        let after = nat.later(240.0 + GRAIN).inside(ack);
        assert_eq!(after.verdict == "drop", both, "{after:?}");
    }
}

/// RFC 9293 section 3.4: sequence numbers begin again after the highest.
#[test]
fn a_window_may_span_the_end_of_the_sequence_numbers() {
    for (near, far) in [(5, false), (u32::MAX - 5_000_000, true)] {
        let mut nat = pipe();
        let flow = "10.64.0.7:5000 > 192.0.2.1:80";
        let out = nat.inside(tcp(flow).syn().seq(1000)).forwarded();
        nat.outside(out.reply().syn_ack().seq(u32::MAX - 10))
            .forwarded();
        let ack = tcp(flow).seq(1001).ack(u32::MAX - 9);
        nat.inside(ack.clone()).forwarded();
        let outcome = nat.outside(out.reply().rst().seq(near));
        assert!(matches!(outcome.verdict.as_str(), "forward" | "drop"));
        let after = nat.later(240.0 + GRAIN).inside(ack);
        assert_eq!(after.verdict == "forward", far, "{after:?}");
    }
}

/// RFC 7857 section 2.1: opening may be short, closing not; each has its own timer.
#[test]
fn opening_may_be_short_and_closing_long() {
    let config = Config::new()
        .timeout("tcp_opening", "20s")
        .timeout("tcp_closing", "500s");
    let mut nat = Pipe::new(&config);
    crate::tcp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    nat.at(19.0);
    assert_eq!(nat.show("translations").len(), 1);
    nat.at(20.0 + GRAIN);
    assert!(nat.show("translations").is_empty());
    let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    connection.close_without_last_ack(&mut nat);
    let closed = nat.now();
    nat.at(closed + 499.0);
    assert_eq!(nat.show("translations").len(), 1);
    nat.at(closed + 500.0 + GRAIN);
    assert!(nat.show("translations").is_empty());
}
