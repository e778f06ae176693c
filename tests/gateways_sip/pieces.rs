//! Messages larger than a packet: IP fragments in any order (RFC 4787 REQ-14).

use testkit::{Packet, Seen, reassemble, udp};

use crate::Line;
use crate::calls::call;
use crate::line::{ANSWER, Heard, OFFER, PHONE, PROXY, answer, request, sdp, text};

/// So large that it comes in three.
fn long(head: &str, body: &str) -> String {
    format!("{head}X-Long: {}\n{body}", "long ".repeat(640))
}

fn invite(id: &str) -> String {
    long(&request("INVITE", id, 1), &sdp("10.64.0.7", OFFER))
}

fn pieces(from: &str, to: impl ToString, lines: &str, id: u16) -> Vec<Packet> {
    udp(&format!("{from} > {}", to.to_string()))
        .payload(&text(lines))
        .id(id)
        .fragments(&[1480, 1480])
}

/// What pieces come to: nothing until all are there, then the message.
#[track_caller]
fn heard(line: &mut Line, inside: bool, pieces: &[Packet]) -> Heard {
    let mut left = Vec::new();
    for (nth, piece) in pieces.iter().enumerate() {
        let piece = piece.clone();
        let outcome = if inside {
            line.nat.inside(piece)
        } else {
            line.nat.outside(piece)
        };
        assert_eq!(outcome.reason, "hold.fragment");
        let seen: Vec<Seen> = outcome.left.into_iter().map(|left| left.seen).collect();
        assert_eq!(seen.is_empty(), nth + 1 < pieces.len());
        left.extend(seen);
    }
    let whole = reassemble(&left).expect("all pieces of one datagram");
    assert!(whole.problems.is_empty(), "{:?}", whole.problems);
    assert!(left.iter().all(|piece| piece.id == left[0].id));
    Heard::new(whole)
}

/// P1: an INVITE with a long description, and its answer.
#[test]
fn a_message_in_pieces_is_read_in_whatever_order_they_come() {
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut line = Line::new();
        let sent = pieces(PHONE, PROXY, &invite("c"), 7);
        let invite = heard(&mut line, true, &order.map(|nth| sent[nth].clone()));
        assert!(!invite.text.contains("10.64."), "{}", invite.text);
        assert!(invite.header("X-Long").is_some());
        let media = invite.media(0);
        let ok = long(&answer("200 OK", &invite, ""), &sdp("192.0.2.9", ANSWER));
        let sent = pieces(PROXY, invite.seen.src, &ok, 9);
        let ok = heard(&mut line, false, &order.map(|nth| sent[nth].clone()));
        assert_eq!(ok.header("Call-ID"), Some("c@10.64.0.7"));
        assert_eq!(
            line.media("192.0.2.9:30001", &media).unwrap(),
            "10.64.0.7:40000"
        );
        let counters = line.nat.counters();
        assert_eq!(counters["hold.fragment"], 6);
        assert_eq!(counters["hold.fragment_sent"], 6);
        assert_eq!(counters["alg.unread"], 0);
        line.nat.check_verdicts();
    }
}

/// Half a message reads nothing, opens nothing, and is forgotten.
#[test]
fn a_message_that_never_comes_whole_is_given_up() {
    let mut line = Line::new();
    for piece in &pieces(PHONE, PROXY, &invite("c"), 7)[..2] {
        assert_eq!(line.nat.inside(piece.clone()).reason, "hold.fragment");
    }
    assert_eq!(line.doors(), []);
    line.nat.wait(60.0);
    let counters = line.nat.counters();
    assert_eq!(counters["hold.fragment_dropped"], 2);
    assert_eq!(line.count("messages"), 0);
    line.nat.check_verdicts();
}

/// The same piece twice is one too many, and harmless.
#[test]
fn a_piece_that_comes_twice_is_dropped() {
    let mut line = Line::new();
    let sent = pieces(PHONE, PROXY, &invite("c"), 7);
    assert_eq!(line.nat.inside(sent[0].clone()).reason, "hold.fragment");
    assert_eq!(line.nat.inside(sent[0].clone()).verdict, "drop");
    let rest = heard_last(&mut line, &sent[1..]);
    assert!(rest.text.starts_with("INVITE "));
}

#[track_caller]
fn heard_last(line: &mut Line, rest: &[Packet]) -> Heard {
    let mut left = Vec::new();
    for piece in rest {
        left.extend(line.nat.inside(piece.clone()).left);
    }
    let left: Vec<Seen> = left.into_iter().map(|left| left.seen).collect();
    Heard::new(reassemble(&left).expect("all pieces"))
}

/// What is too large to be read goes on as it is.
#[test]
fn a_datagram_that_is_too_large_passes_unread() {
    let mut line = Line::new();
    let whole = udp(&format!("{PHONE} > {PROXY}"))
        .payload(&[b'x'; 12_000])
        .id(3);
    let mut left = Vec::new();
    for piece in whole.fragments(&[1480; 8]) {
        left.extend(line.nat.inside(piece).left);
    }
    let left: Vec<Seen> = left.into_iter().map(|left| left.seen).collect();
    let seen = reassemble(&left).expect("all pieces");
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
    assert_eq!(seen.payload, whole.payload);
    assert_eq!(line.nat.counters()["alg.unread"], 1);
    line.nat.check_verdicts();
}

/// A session that has ended takes what was gathered for it along.
#[test]
fn what_is_gathered_is_dropped_with_its_session() {
    let mut line = Line::new();
    let outside = call(&mut line, "c").seen.src;
    let message = long(
        &format!("OPTIONS sip:ann@{outside} SIP/2.0\nCall-ID: x\nCSeq: 1 OPTIONS\n"),
        "\n",
    );
    let sent = pieces(PROXY, outside, &message, 9);
    for piece in &sent[..2] {
        assert_eq!(line.nat.outside(piece.clone()).reason, "hold.fragment");
    }
    line.nat.clear("translations");
    let outcome = line.nat.outside(sent[2].clone());
    assert!(outcome.left.is_empty(), "{outcome:?}");
    assert_eq!(line.nat.counters()["hold.fragment_dropped"], 3);
    line.nat.check_verdicts();
}
