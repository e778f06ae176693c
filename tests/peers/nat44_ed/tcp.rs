//! How connections open, close, end by reset and open again.

use base::Counter;
use testkit::{Packet, tcp};
use tests::{Config, Connection, Pipe};

use super::dependent;

/// Short timers, so that what a close leaves is told from what it ends.
fn config() -> Config {
    dependent()
        .timeout("tcp_transitory", "5s")
        .timeout("tcp_time_wait", "5s")
}

#[track_caller]
fn open(nat: &mut Pipe) -> Connection {
    Connection::open(nat, "10.64.0.7:6303", "192.0.2.1:80")
}

/// A segment that opens nothing is dropped: the session is gone.
#[track_caller]
fn is_gone(nat: &mut Pipe, segment: Packet) {
    nat.inside(segment).dropped(Counter::DropTcpNotSyn);
    assert!(nat.show("translations").is_empty());
}

/// Peer scenario: nat44-ed, session RST timeout.
#[test]
fn a_reset_connection_ends_and_may_open_again() {
    let mut nat = Pipe::new(&config());
    let connection = open(&mut nat);
    nat.inside(connection.outbound().rst()).forwarded();
    nat.wait(7.0);
    is_gone(&mut nat, connection.outbound().payload(b"x"));
    nat.inside(tcp("10.64.0.7:6303 > 192.0.2.1:80").syn())
        .forwarded();
}

/// Peer scenario: nat44-ed, RST followed by data. The peer lets the session end;
/// RFC 7857 section 2.2 takes data after a reset for a sign of life.
#[test]
fn data_after_a_reset_keeps_the_connection() {
    let mut nat = Pipe::new(&config());
    let connection = open(&mut nat);
    nat.wait(7.0);
    nat.inside(connection.outbound().rst()).forwarded();
    nat.inside(connection.outbound().payload(b"x")).forwarded();
    nat.wait(7.0);
    nat.inside(connection.outbound().seq(1002).payload(b"y"))
        .forwarded();
}

/// Peer scenario: nat44-ed, close from inside, with retransmissions of the last segments.
#[test]
fn a_connection_closed_from_inside_ends_after_its_last_segments() {
    let mut nat = Pipe::new(&config());
    let connection = open(&mut nat);
    let fin = connection.inbound().fin().ack(1002);
    let last = connection.outbound().seq(1002).ack(9002);
    nat.inside(connection.outbound().fin()).forwarded();
    nat.outside(connection.inbound().ack(1002)).forwarded();
    nat.outside(fin.clone()).forwarded();
    nat.inside(last.clone()).forwarded();
    assert_eq!(nat.show("translations").len(), 1);
    nat.outside(fin).forwarded();
    nat.inside(last.clone()).forwarded();
    nat.wait(7.0);
    is_gone(&mut nat, last);
}

/// Peer scenario: nat44-ed, close from outside, with retransmissions of the last segments.
#[test]
fn a_connection_closed_from_outside_ends_after_its_last_segments() {
    let mut nat = Pipe::new(&config());
    let connection = open(&mut nat);
    let fin = connection.outbound().fin().ack(9002);
    let last = connection.inbound().seq(9002).ack(1002);
    nat.outside(connection.inbound().fin()).forwarded();
    nat.inside(fin.clone()).forwarded();
    nat.outside(last.clone()).forwarded();
    nat.inside(fin.clone()).forwarded();
    nat.outside(last).forwarded();
    nat.wait(7.0);
    is_gone(&mut nat, fin);
}

/// Peer scenario: nat44-ed, close by both sides at once.
#[test]
fn a_connection_closed_from_both_sides_at_once_ends() {
    let mut nat = Pipe::new(&config());
    let connection = open(&mut nat);
    nat.inside(connection.outbound().fin()).forwarded();
    nat.outside(connection.inbound().fin()).forwarded();
    let last = connection.outbound().seq(1002).ack(9002);
    nat.inside(last.clone()).forwarded();
    nat.outside(connection.inbound().seq(9002).ack(1002))
        .forwarded();
    nat.wait(7.0);
    is_gone(&mut nat, last);
}

/// Peer scenario: nat44-ed, close with the output feature, where the server is a
/// static mapping.
#[test]
fn a_connection_to_a_service_ends_like_any_other() {
    let mut nat = Pipe::new(
        &super::service()
            .timeout("tcp_transitory", "5s")
            .timeout("tcp_time_wait", "5s"),
    );
    let client = "192.0.2.1:12345 > 203.0.113.13:80";
    let server = "10.64.0.7:8080 > 192.0.2.1:12345";
    nat.outside(tcp(client).syn().seq(9000)).forwarded();
    nat.inside(tcp(server).syn_ack().seq(1000).ack(9001))
        .forwarded();
    nat.outside(tcp(client).seq(9001).ack(1001)).forwarded();
    nat.inside(tcp(server).fin().seq(1001).ack(9001))
        .forwarded();
    nat.outside(tcp(client).fin().seq(9001).ack(1002))
        .forwarded();
    let last = tcp(server).seq(1002).ack(9002);
    nat.inside(last.clone()).forwarded();
    nat.wait(7.0);
    is_gone(&mut nat, last);
}

/// Peer scenario: nat44-ed, half reopen from inside: a SYN that nobody answers
/// opens nothing for long.
#[test]
fn a_closed_connection_is_not_reopened_by_an_inside_syn_alone() {
    let mut nat = Pipe::new(&config());
    let connection = open(&mut nat);
    nat.inside(connection.outbound().fin()).forwarded();
    nat.outside(connection.inbound().fin()).forwarded();
    nat.inside(connection.outbound().syn().seq(70_000))
        .forwarded();
    nat.wait(7.0);
    is_gone(&mut nat, connection.outbound().seq(70_001));
}

/// Peer scenario: nat44-ed, half reopen from outside.
#[test]
fn a_closed_connection_is_not_reopened_by_an_outside_syn_alone() {
    let mut nat = Pipe::new(&config());
    let connection = open(&mut nat);
    nat.inside(connection.outbound().fin()).forwarded();
    nat.outside(connection.inbound().fin()).forwarded();
    nat.outside(connection.inbound().syn().seq(70_000))
        .forwarded();
    nat.wait(7.0);
    is_gone(&mut nat, connection.outbound().seq(1002));
}

/// Peer scenario: nat44-ed, reopen by SYNs of both sides.
#[test]
fn a_closed_connection_is_reopened_by_both_sides() {
    let mut nat = Pipe::new(&config());
    let connection = open(&mut nat);
    nat.inside(connection.outbound().fin()).forwarded();
    nat.outside(connection.inbound().fin()).forwarded();
    nat.outside(connection.inbound().syn().seq(70_000))
        .forwarded();
    let answer = connection.outbound().syn_ack().seq(50_000).ack(70_001);
    nat.inside(answer).forwarded();
    nat.outside(connection.inbound().seq(70_001).ack(50_001))
        .forwarded();
    nat.wait(7.0);
    nat.inside(connection.outbound().seq(50_001).ack(70_001))
        .forwarded();
    assert_eq!(nat.show("translations").len(), 1);
}

/// Peer scenario: nat44-ed, open with a SYN-ACK retransmitted before the ACK came.
#[test]
fn a_syn_ack_may_come_twice_before_it_is_acknowledged() {
    let mut nat = Pipe::new(&config());
    let syn = tcp("10.64.0.7:6303 > 192.0.2.1:80").syn().seq(1000);
    let out = nat.inside(syn).forwarded();
    let answer = out.reply().syn_ack().seq(9000);
    nat.outside(answer.clone()).forwarded();
    nat.outside(answer).forwarded();
    let data = tcp("10.64.0.7:6303 > 192.0.2.1:80").seq(1001).ack(9001);
    nat.inside(data.clone()).forwarded();
    nat.wait(7.0);
    nat.inside(data.payload(b"HHHHHHHHHH")).forwarded();
}

/// Peer scenario: nat44-ed, open with a SYN-ACK retransmitted after data was sent.
#[test]
fn a_syn_ack_may_come_again_after_data() {
    let mut nat = Pipe::new(&config());
    let connection = open(&mut nat);
    let data = connection.outbound().payload(b"HHHHHHHHHH");
    nat.inside(data.clone()).forwarded();
    nat.outside(connection.inbound().syn_ack().seq(9000).ack(1001))
        .forwarded();
    nat.inside(connection.outbound()).forwarded();
    nat.inside(data.clone()).forwarded();
    nat.outside(connection.inbound().ack(1011)).forwarded();
    nat.wait(7.0);
    nat.inside(data.seq(1011)).forwarded();
}
