//! What holds for any bytes, any cut of a stream, and any message there and back again.

use std::format;
use std::string::String;
use std::vec::Vec;

use base::Direction;
use proptest::prelude::*;

use super::testing::{INSIDE, OUTSIDE, named, rewritten};
use super::{Frame, frame, scan};
use crate::{Endpoint, Finding, Findings, Form, Role, Transport};

const MAXIMUM: usize = 4096;

/// Lines that messages are made of, sound and strange.
const LINES: [&str; 40] = [
    "Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bKa10.0.0.1",
    "v: SIP / 2.0 / TCP 10.0.0.1 : 4000 ;received=10.0.0.1;rport=9;maddr=10.0.0.1, SIP/2.0/UDP 203.0.113.7",
    "Via: SIP/2.0/UDP 203.0.113.7:40000;received=203.0.113.7;rport=40000",
    "Contact: <sip:a@10.0.0.1:5070;maddr=10.0.0.1>;expires=0, \"x\" <sip:b@203.0.113.7>",
    "m: *",
    "Contact:\r\n  sip:10.0.0.1;expires=60\r\n , <sips:10.0.0.1;maddr=203.0.113.7>",
    "From: \"10.0.0.1 <\\\"\" <sip:a@10.0.0.1>;tag=1",
    "To: sip:b@203.0.113.7:5060;tag=2",
    "Call-ID: 1@10.0.0.1",
    "i: 2@203.0.113.7",
    "CSeq: 1 INVITE",
    "CSeq: 99999999999 ACK",
    "Expires: 0",
    "x: 1800;refresher=uac",
    "Record-Route: <sip:10.0.0.1;lr>,<sip:10.0.0.1:5080;transport=tcp;lr>",
    "Route: <sip:203.0.113.7;lr>",
    "Path: <sip:10.0.0.1:5060;lr>",
    "r: <sip:c@10.0.0.1?Replaces=1%4010.0.0.1%3Bto-tag%3D2>",
    "Replaces: 1@10.0.0.1;to-tag=1;from-tag=2",
    "In-Reply-To: 1@10.0.0.1, 2@203.0.113.7",
    "P-Asserted-Identity: <sip:a@10.0.0.1>, tel:+1",
    "Call-Info: <http://10.0.0.1:80/a.png>;purpose=icon",
    "Warning: 399 10.0.0.1:5060 \"a, b\", 399 203.0.113.7 \"c\"",
    "Authorization: Digest uri=\"sip:10.0.0.1\"",
    "Content-Encoding: gzip",
    "Content-Type: application/sdp",
    "c: multipart/mixed;boundary=\"b\"",
    "Subject: 10.0.0.1",
    "no colon",
    " folded",
    "Via: ",
    "Contact: \"",
    "Contact: <",
    "To: <sip:@>",
    "Route: ,,,",
    "From: <sip:a@10.0.0.1:99999>;tag=\"",
    "Via: SIP/2.0/UDP [2001:db8::1]:5060;received=10.0.0.1",
    "Refer-To: <sip:a@10.0.0.1;transport=sctp?Replaces=%>",
    "Warning: 399",
    "Call-ID: @",
];

const SDP: [&str; 22] = [
    "v=0",
    "o=- 1 1 IN IP4 10.0.0.1",
    "o=10.0.0.1",
    "s=10.0.0.1",
    "c=IN IP4 10.0.0.1",
    "c=IN IP4 203.0.113.7/127",
    "c=IN IP6 ::1",
    "m=audio 49170 RTP/AVP 0",
    "m=video 49180/2 RTP/AVP 31",
    "m=audio 49171 RTP/SAVP 0",
    "m=image 4000 udptl t38",
    "m=message 2855 TCP/MSRP *",
    "m=audio 0 RTP/AVP 0",
    "m=",
    "a=rtcp:49171 IN IP4 10.0.0.1",
    "a=rtcp:53020",
    "a=rtcp-mux",
    "a=path:msrp://10.0.0.1:2855/x;tcp",
    "a=setup:active",
    "a=sendonly",
    "a=candidate:1 1 UDP 1 10.0.0.1 49170 typ host",
    "--b",
];

fn lines(of: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(0..of.len(), 0..most).prop_map(|chosen| {
        chosen
            .into_iter()
            .flat_map(|line| [of[line], "\r\n"])
            .collect()
    })
}

fn start() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(
        &[
            "INVITE sip:b@203.0.113.7:5061;maddr=203.0.113.7 SIP/2.0",
            "REGISTER sip:example.com SIP/2.0",
            "ACK sip:10.0.0.1 SIP/2.0",
            "SIP/2.0 200 OK",
        ][..],
    )
}

/// A message that is well framed, of lines in any order.
fn message() -> impl Strategy<Value = Vec<u8>> {
    (start(), lines(&LINES, 12), lines(&SDP, 16), 0..3_u8).prop_map(|(start, head, sdp, kind)| {
        let body = match kind {
            0 => String::new(),
            1 => format!("v=0\r\n{sdp}"),
            _ => {
                let len = sdp.len() + 5;
                format!(
                    "--b\r\nl: {len}\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n{sdp}\r\n--b--\r\n"
                )
            }
        };
        // A folded line may not come first.
        let head = head.trim_start();
        format!("{start}\r\nl: {}\r\n{head}\r\n{body}", body.len()).into_bytes()
    })
}

fn directions() -> impl Strategy<Value = Direction> {
    proptest::sample::select(&[Direction::Outbound, Direction::Inbound][..])
}

/// How many lengths are found that would be kept right.
fn lengths(bytes: &[u8], direction: Direction) -> usize {
    let mut found = Findings::new();
    let ours = named(direction);
    let _ = scan(bytes, direction, |who| who == ours, &mut found);
    let is_length = |finding: &&Finding| matches!(finding.role, Role::LengthOf(_));
    found.iter().filter(is_length).count()
}

/// Findings lie in the message, in order and apart, and are what they say.
fn check(bytes: &[u8], direction: Direction) -> Result<(), TestCaseError> {
    let mut found = Findings::new();
    let ours = named(direction);
    let result = scan(bytes, direction, |who| who == ours, &mut found);
    prop_assert!(result.is_ok() || found.is_empty());
    let mut end = 0;
    for finding in &found {
        prop_assert!(finding.span.start >= end, "{finding:?}");
        prop_assert!(finding.span.end <= bytes.len() && !finding.span.is_empty());
        end = finding.span.end;
        if let Role::LengthOf(span) = finding.role {
            prop_assert!(finding.form == Form::Length && span.end <= bytes.len());
        } else {
            prop_assert_eq!(finding.endpoint.address, ours);
            let written = finding.form.write(finding.endpoint);
            prop_assert_eq!(written.as_slice(), finding.span.of(bytes));
        }
        let opens = matches!(finding.role, Role::Listens(_) | Role::Answers(..));
        prop_assert!(!opens || direction == Direction::Outbound);
    }
    Ok(())
}

/// The messages of a stream that comes in these pieces, and how it ended.
fn messages(stream: &[u8], cuts: &[usize]) -> (Vec<(usize, usize)>, Option<Frame>) {
    let mut messages = Vec::new();
    let mut from = 0;
    let ends = cuts.iter().copied().chain([stream.len()]);
    for end in ends {
        loop {
            match frame(&stream[from..end], Transport::Tcp, MAXIMUM) {
                Frame::KeepAlive(len) => from += len,
                Frame::Message(len) => {
                    messages.push((from, from + len));
                    from += len;
                }
                Frame::NeedMore => break,
                last @ Frame::Release(_) => return (messages, Some(last)),
            }
        }
    }
    (messages, None)
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        direction in directions(),
    ) {
        for transport in [Transport::Tcp, Transport::Udp] {
            match frame(&bytes, transport, MAXIMUM) {
                Frame::Message(len) | Frame::KeepAlive(len) => prop_assert!(len <= bytes.len()),
                Frame::NeedMore => prop_assert!(transport == Transport::Tcp),
                Frame::Release(_) => {}
            }
        }
        check(&bytes, direction)?;
    }

    #[test]
    fn spans_are_in_order_apart_and_within(message in message(), direction in directions()) {
        check(&message, direction)?;
    }

    #[test]
    fn broken_messages_are_read_without_harm(
        message in message(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<proptest::sample::Index>(),
        direction in directions(),
    ) {
        let mut message = message;
        for (at, byte) in changes {
            let at = at.index(message.len());
            message[at] = byte;
        }
        check(&message, direction)?;
        check(&message[..cut.index(message.len())], direction)?;
    }

    /// REQUIREMENTS G5: the same messages for any segmentation.
    #[test]
    fn a_stream_has_the_same_messages_however_it_is_cut(
        parts in proptest::collection::vec(
            prop_oneof![
                6 => message(),
                1 => Just(b"\r\n\r\n".to_vec()),
                1 => proptest::collection::vec(any::<u8>(), 0..20),
            ],
            1..5,
        ),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
    ) {
        let stream = parts.concat();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(messages(&stream, &cuts), messages(&stream, &[]));
        let every: Vec<_> = (0..stream.len()).collect();
        prop_assert_eq!(messages(&stream, &every), messages(&stream, &[]));
    }

    /// REQUIREMENTS G6: a rewrite followed by its inverse gives the original.
    #[test]
    fn there_and_back_again_nothing_has_changed(message in message()) {
        let out = |endpoint: Endpoint| Endpoint { address: OUTSIDE, port: other(endpoint.port) };
        let back = |endpoint: Endpoint| Endpoint { address: INSIDE, port: other(endpoint.port) };
        // What names both sides cannot be told apart afterwards.
        let apart = String::from_utf8(message).unwrap().replace("203.0.113.7", "192.0.22.99");
        let mut again = rewritten(apart.as_bytes(), Direction::Outbound, out);
        check(&again, Direction::Outbound)?;
        // What the other side sends back: the same places, seen from outside.
        let lengths_again = lengths(&again, Direction::Inbound);
        again = same_places(&again, |message| rewritten(message, Direction::Inbound, back), &apart);
        // A length that was wrong may be right by chance on the way, and is then kept right.
        if lengths_again <= lengths(apart.as_bytes(), Direction::Outbound) {
            prop_assert_eq!(String::from_utf8(again).unwrap(), apart);
        }
    }
}

/// Ports of the other side, of another length; the usual ones, which may be left out, stay.
const fn other(port: u16) -> u16 {
    match port {
        0 | 5060 | 5061 => port,
        ..30_000 => port + 30_000,
        30_000.. => port - 30_000,
    }
}

/// Applies `step` to a message with the kind of start line that has the same `Via` changed on the
/// way back: a request's response and the other way round.
fn same_places(message: &[u8], step: impl Fn(&[u8]) -> Vec<u8>, original: &str) -> Vec<u8> {
    let line = message.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let request = !message.starts_with(b"SIP");
    let turned: &[u8] = if request {
        b"SIP/2.0 200 OK\r\n"
    } else {
        b"OPTIONS sip:example.com SIP/2.0\r\n"
    };
    let back = step(&[turned, &message[line..]].concat());
    let first = original.split_inclusive('\n').next().unwrap();
    [first.as_bytes(), &back[turned.len()..]].concat()
}
