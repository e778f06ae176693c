//! What segments say besides their bytes: where urgent data end (RFC 9293 section 3.8.5), and that
//! a path is congested (RFC 3168 section 6.1).

use base::Counter;
use testkit::{Packet, Seen, flags};
use tests::{Config, Connection, Outcome, Pipe};

/// The first part of a command, which the appliance holds, and the rest.
const PARTS: [&[u8]; 2] = [b"PORT 10,64,0,7,19,1", b"36\r\n"];
/// Telnet's interrupt and data mark (RFC 959 section 4.1.3), and what they announce.
const ABORT: &[u8] = b"\xff\xf4\xff\xf2ABOR\r\n";
/// Bytes of it that are urgent: their last one is the data mark.
const URGENT: usize = 4;

/// The only segment that left for an interface.
#[track_caller]
fn only<'a>(outcome: &'a Outcome, interface: &str) -> &'a Seen {
    let to = outcome
        .left
        .iter()
        .filter(|left| left.interface == interface);
    let [left] = to.collect::<Vec<_>>()[..] else {
        panic!("one segment for {interface}: {outcome:?}");
    };
    &left.seen
}

fn flags_of(seen: &Seen) -> u8 {
    seen.tcp.as_ref().unwrap().flags
}

/// A control connection, half a command of which is held, and the number of the client's next byte.
fn held(nat: &mut Pipe) -> (Connection, u32) {
    let connection = Connection::open(nat, "10.64.0.7:40000", "192.0.2.1:21");
    let half = says(&connection, 1001, PARTS[0]);
    assert_eq!(nat.inside(half).reason, Counter::HoldStream.name());
    (connection, 1001 + PARTS[0].len() as u32)
}

fn says(connection: &Connection, seq: u32, payload: &[u8]) -> Packet {
    let segment = connection.outbound().flags(flags::ACK);
    segment.seq(seq).payload(payload)
}

/// The bytes in front of which urgent data of a segment end.
#[track_caller]
fn behind_urgent(seen: &Seen) -> &[u8] {
    let header = seen.tcp.as_ref().unwrap();
    assert_ne!(header.flags & flags::URG, 0, "{seen:?}");
    &seen.payload[usize::from(header.urgent)..]
}

/// The place stays where it is in what was rewritten, also when it is sent again.
#[test]
fn urgent_data_end_where_their_sender_says() {
    let mut nat = Pipe::new(&Config::new());
    let (connection, next) = held(&mut nat);
    let rest = [PARTS[1], ABORT].concat();
    let urgent = (PARTS[1].len() + URGENT) as u16;
    let outcome = nat.inside(says(&connection, next, &rest).urgent(urgent));
    let sent = only(&outcome, "outside");
    assert!(sent.payload.starts_with(b"PORT 203,0,113,"), "{sent:?}");
    assert_eq!(behind_urgent(sent), b"ABOR\r\n");
    let again = nat.wait(3.0);
    let again = again.iter().find(|left| left.interface == "outside");
    assert_eq!(behind_urgent(&again.expect("once more").seen), b"ABOR\r\n");
    // What lies behind it is not urgent.
    let outcome = nat.inside(says(&connection, next + rest.len() as u32, b"NOOP\r\n"));
    let sent = only(&outcome, "outside");
    assert_eq!(
        (&sent.payload[..], flags_of(sent) & flags::URG),
        (&b"NOOP\r\n"[..], 0)
    );
}

/// In what is held it is known only where it will be: told with the first bytes that go on.
#[test]
fn the_end_of_urgent_data_may_come_before_their_message_is_whole() {
    let mut nat = Pipe::new(&Config::new());
    let (connection, next) = held(&mut nat);
    let first = [PARTS[1], &ABORT[..6]].concat();
    let urgent = (PARTS[1].len() + URGENT) as u16;
    let outcome = nat.inside(says(&connection, next, &first).urgent(urgent));
    assert_eq!(flags_of(only(&outcome, "outside")) & flags::URG, 0);
    let next = next + first.len() as u32;
    let outcome = nat.inside(says(&connection, next, &ABORT[6..]));
    let sent = only(&outcome, "outside");
    assert_eq!(
        (&sent.payload[..], behind_urgent(sent)),
        (ABORT, &b"ABOR\r\n"[..])
    );
}

/// What is let go passes with its urgent data.
#[test]
fn urgent_data_outlive_the_gateway() {
    let mut nat = Pipe::new(&Config::new());
    let (connection, next) = held(&mut nat);
    let outcome = nat.inside(says(&connection, next, b"?\0\0\0\n\0\0\0 no command\r\n").urgent(2));
    let sent: Vec<_> = outcome
        .left
        .iter()
        .filter(|left| left.interface == "outside")
        .collect();
    assert!(!sent.is_empty(), "{outcome:?}");
    let seen = &sent.last().unwrap().seen;
    let all: Vec<u8> = sent
        .iter()
        .flat_map(|left| left.seen.payload.clone())
        .collect();
    assert!(all.starts_with(PARTS[0]), "{outcome:?}");
    assert_eq!(behind_urgent(seen), b"\0\0\n\0\0\0 no command\r\n");
}

/// RFC 3168 section 6.1.1: what a SYN agrees on is between the hosts, and passes.
#[test]
fn a_handshake_agrees_on_ecn() {
    let mut nat = Pipe::new(&Config::new());
    let asks = flags::SYN | flags::ECE | flags::CWR;
    let syn = testkit::tcp("10.64.0.7:40000 > 192.0.2.1:21").seq(1000);
    let there = nat.inside(syn.flags(asks)).forwarded();
    assert_eq!(flags_of(&there), asks);
    let agrees = flags::SYN | flags::ACK | flags::ECE;
    let back = nat
        .outside(there.reply().seq(9000).flags(agrees))
        .forwarded();
    assert_eq!(flags_of(&back), agrees);
}

/// RFC 3168 section 6.1.3: who receives a marked segment says so until the sender has slowed down.
#[test]
fn a_marked_segment_is_echoed_to_its_sender() {
    let mut nat = Pipe::new(&Config::new());
    let (connection, mut next) = held(&mut nat);
    let mut told = |byte: &[u8], tos, more| {
        let segment = says(&connection, next, byte)
            .tos(tos)
            .flags(flags::ACK | more);
        next += byte.len() as u32;
        let outcome = nat.inside(segment);
        for left in &outcome.left {
            assert_eq!(left.seen.tos & 3, 0, "not asked for: {outcome:?}");
        }
        flags_of(only(&outcome, "inside")) & flags::ECE != 0
    };
    assert!(!told(b"3", 2, 0), "it can be marked, and is not");
    assert!(told(b"6", 3, 0), "marked");
    assert!(told(b"\r", 2, 0), "until the sender has heard of it");
    assert!(!told(b"\n", 2, flags::CWR), "it has");
    assert!(told(b"NOO", 3, flags::CWR), "marked again");
}

/// RFC 3168 section 6.1.2: a sender that is told says once that it has slowed down.
#[test]
fn a_receiver_that_was_marked_is_answered_once() {
    let mut nat = Pipe::new(&Config::new());
    let (connection, next) = held(&mut nat);
    let rest = nat.inside(says(&connection, next, PARTS[1]));
    let sent = only(&rest, "outside");
    assert_eq!(flags_of(sent) & flags::CWR, 0);
    let got = sent.tcp.as_ref().unwrap().seq + sent.payload.len() as u32;
    let echo = connection.inbound().seq(9001).ack(got);
    let outcome = nat.outside(echo.flags(flags::ACK | flags::ECE));
    for left in &outcome.left {
        assert_eq!(
            flags_of(&left.seen) & flags::ECE,
            0,
            "it is ours: {outcome:?}"
        );
    }
    let mut next = next + PARTS[1].len() as u32;
    for expected in [flags::CWR, 0] {
        // Half of it comes first, so that it stays here.
        let half = nat.inside(says(&connection, next, b"NO"));
        assert_eq!(half.verdict, "hold");
        let outcome = nat.inside(says(&connection, next + 2, b"OP\r\n"));
        next += 6;
        let sent = only(&outcome, "outside");
        assert_eq!(
            (&sent.payload[..], flags_of(sent) & flags::CWR),
            (&b"NOOP\r\n"[..], expected)
        );
    }
}
