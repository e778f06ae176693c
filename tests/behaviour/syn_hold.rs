//! Unsolicited connections from outside (RFC 5382 REQ-4).

use base::Counter;
use testkit::{flags, tcp, udp};
use tests::{Config, Left, Pipe};

use crate::tcp_endpoint;

/// One port only, so that the next mapping is known before it is made.
fn one_port() -> Config {
    Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "60000-60000")
        .pool_without("blocks")
        .rule("parity", "false")
}

const SYN: &str = "192.0.2.1:7000 > 203.0.113.1:60000";

/// RFC 5382 REQ-4a/b: silence for six seconds, then port unreachable.
#[test]
fn an_unsolicited_syn_is_answered_after_six_seconds() {
    let mut nat = Pipe::new(&one_port());
    nat.outside(tcp(SYN).syn().seq(77)).held(Counter::HoldSyn);
    assert!(nat.wait(5.9).is_empty(), "silent for six seconds");
    let left = nat.wait(1.1);
    assert_eq!(left.len(), 1, "{left:?}");
    let error = &left[0];
    assert!(error.at >= 6.0 && error.interface == "outside", "{error:?}");
    assert_eq!(error.seen.icmp_kind(), Some((3, 3)));
    assert!(error.seen.dst == "192.0.2.1");
    let quote = error.seen.quote();
    assert!(quote.src == "192.0.2.1:7000" && quote.dst == "203.0.113.1:60000");
    assert_eq!(quote.transport[4..8], 77_u32.to_be_bytes());
    assert!(nat.wait(600.0).is_empty(), "once");
}

/// RFC 5382 REQ-4c: the inside host opens that very connection meanwhile.
#[test]
fn an_outbound_syn_cancels_the_answer() {
    let mut nat = Pipe::new(&one_port());
    nat.outside(tcp(SYN).syn().seq(9000)).held(Counter::HoldSyn);
    nat.wait(3.0);
    let syn = tcp("10.64.0.7:5000 > 192.0.2.1:7000").syn().seq(1000);
    let out = nat.inside(syn).forwarded();
    assert!(out.src == "203.0.113.1:60000");
    assert!(nat.wait(60.0).is_empty(), "no ICMP ever");
    // The handshake goes on as a simultaneous open.
    let again = nat.outside(tcp(SYN).syn().seq(9000)).forwarded();
    assert!(again.dst == "10.64.0.7:5000");
    let answer = again.reply().syn_ack().seq(1000).ack(9001);
    nat.inside(answer).forwarded();
    nat.outside(tcp(SYN).syn_ack().seq(9000).ack(1001))
        .forwarded();
}

/// RFC 5382 REQ-4 with a mapping that the filter keeps closed to this remote.
#[test]
fn an_outbound_syn_cancels_the_answer_for_a_filtered_syn() {
    let config = Config::new().rule("filtering", "address-dependent");
    let mut nat = Pipe::new(&config);
    let outside = tcp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.9:80");
    let syn = || tcp("192.0.2.1:7000 > 0.0.0.0").to(outside).syn().seq(9000);
    nat.outside(syn()).held(Counter::HoldSyn);
    nat.wait(3.0);
    assert_eq!(
        tcp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000"),
        outside
    );
    assert!(nat.wait(60.0).is_empty());
    nat.outside(syn()).forwarded();
}

/// RFC 5382 REQ-4a: where errors are not to be sent, never.
#[test]
fn an_interface_without_errors_never_answers_a_syn() {
    let config = one_port().interface("outside", "icmp_errors", "false");
    let mut nat = Pipe::new(&config);
    crate::kept_out(&nat.outside(tcp(SYN).syn().seq(9000)));
    assert!(nat.wait(600.0).is_empty());
    // The connection may still be opened from both sides.
    crate::kept_out(&nat.outside(tcp(SYN).syn().seq(9000)));
    nat.wait(3.0);
    assert!(tcp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000") == "203.0.113.1:60000");
    nat.outside(tcp(SYN).syn().seq(9000)).forwarded();
}

/// RFC 5382 REQ-4: only that very connection cancels it.
#[test]
fn another_connection_does_not_cancel_the_answer() {
    let config = Config::new().rule("filtering", "address-dependent");
    let mut nat = Pipe::new(&config);
    let outside = tcp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.9:80");
    let syn = tcp("192.0.2.1:7000 > 0.0.0.0").to(outside).syn();
    nat.outside(syn).held(Counter::HoldSyn);
    nat.wait(3.0);
    tcp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7001");
    tcp_endpoint(&mut nat, "10.64.0.7:5002", "192.0.2.1:7000");
    tcp_endpoint(&mut nat, "10.64.0.8:5000", "192.0.2.77:7000");
    let left = nat.wait(4.0);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].seen.icmp_kind(), Some((3, 3)));
}

/// RFC 5382 REQ-4: it is the SYN that is held, nothing else.
#[test]
fn only_syns_are_held() {
    let mut nat = Pipe::new(&one_port());
    for odd in [flags::ACK, flags::RST, flags::SYN | flags::ACK, flags::FIN] {
        crate::lost(&nat.outside(tcp(SYN).flags(odd)));
    }
    crate::lost(&nat.outside(udp(SYN)));
    assert!(nat.wait(10.0).is_empty());
}

/// RFC 5382 REQ-4: each of several gets its own answer in its own time.
#[test]
fn each_held_syn_is_answered_in_its_own_time() {
    let mut nat = Pipe::new(&Config::new());
    for number in 0..4 {
        let flow = format!("192.0.2.1:{} > 203.0.113.5:80", 7000 + number);
        nat.outside(tcp(&flow).syn()).held(Counter::HoldSyn);
        assert!(nat.wait(1.0).is_empty());
    }
    let left: Vec<Left> = (0..40).flat_map(|_| nat.wait(0.25)).collect();
    let times: Vec<f64> = left.iter().map(|left| left.at).collect();
    assert_eq!(times.len(), 4, "{left:?}");
    for (number, at) in (0..).zip(times) {
        let due = f64::from(number) + 6.0;
        assert!(at >= due && at <= due + 1.0, "{at}, due at {due}");
    }
}

/// RFC 5508 REQ-10f: a flood of SYNs is bounded in memory and in answers.
#[test]
fn a_flood_of_syns_is_bounded() {
    let mut nat = Pipe::new(&Config::new());
    let before = nat.resident_kib();
    for number in 0..20_000 {
        let flow = format!(
            "192.0.{}.{}:7000 > 203.0.113.5:{}",
            2 + number / 250,
            1 + number % 250,
            1024 + number
        );
        crate::kept_out(&nat.outside(tcp(&flow).syn()));
    }
    let left = nat.wait(10.0);
    assert!(left.len() < 10_000, "{} answers at once", left.len());
    let grown = nat.resident_kib().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB more");
    // Subscribers do not notice.
    crate::udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
}
