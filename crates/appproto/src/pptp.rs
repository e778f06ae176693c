//! PPTP control connections (RFC 2637).
//!
//! ```text
//!  0        2      4            8      10         12           14
//! +--------+------+------------+------+----------+------------+-----------+----
//! | length | 1, 2 | 0x1a2b3c4d | type | reserved | a call ID  | another   | ...
//! +--------+------+------------+------+----------+------------+-----------+----
//! ```
//!
//! Each side gives every call an ID of its own, by which the other addresses the GRE packets
//! of that call to it: it is to GRE what a port is to UDP. Which of the two a message carries
//! is a matter of its type alone, whoever sends it and whoever opened the connection.

use crate::frames::{self, Framed, Head, NoRoom, Then, push, word};
use crate::{
    Channel, Endpoint, Finding, Findings, Form, Ports, Remote, Role, Scan, Sender, Span, Transport,
    Uses,
};

pub use crate::frames::State;

/// Longest message; that of RFC 2637 is 220.
const LONGEST: usize = 511;
const HEADER_LEN: usize = 12;
const CONTROL: u8 = 1;
const MANAGEMENT: u8 = 2;
/// Bytes 4 to 8 of every message.
const COOKIE: [u8; 4] = 0x1a2b_3c4d_u32.to_be_bytes();
/// Where the call IDs are.
const FIRST: usize = 12;
const SECOND: usize = 14;
/// Result of a reply, and the one that means success.
const RESULT: usize = 16;
const CONNECTED: u8 = 1;

/// A control message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message(u16);

impl Message {
    /// Names it in statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            1 => "Start-Control-Connection-Request",
            2 => "Start-Control-Connection-Reply",
            3 => "Stop-Control-Connection-Request",
            4 => "Stop-Control-Connection-Reply",
            5 => "Echo-Request",
            6 => "Echo-Reply",
            7 => "Outgoing-Call-Request",
            8 => "Outgoing-Call-Reply",
            9 => "Incoming-Call-Request",
            10 => "Incoming-Call-Reply",
            11 => "Incoming-Call-Connected",
            12 => "Call-Clear-Request",
            13 => "Call-Disconnect-Notify",
            14 => "WAN-Error-Notify",
            15 => "Set-Link-Info",
            _ => "other",
        }
    }

    fn of(message: &[u8]) -> Self {
        Self(word(message, 8).unwrap_or_default())
    }
}

/// Lists the call IDs in whole messages of one direction and calls `seen` for each message.
pub fn scan(
    state: &mut State,
    sender: Sender,
    bytes: &[u8],
    found: &mut Findings,
    seen: impl FnMut(Message),
) -> Scan {
    frames::scan(Pptp(seen), state, sender, bytes, found)
}

/// What of GRE comes in for a call.
const CALL: Channel = Channel {
    transport: Transport::Gre,
    ports: Ports::One,
    uses: Uses::Many,
    remote: Remote::Peer,
};

struct Pptp<F>(F);

impl<F: FnMut(Message)> Framed for Pptp<F> {
    fn head(&self, _: u8, _: Sender, bytes: &[u8]) -> Head {
        let fits = bytes.iter().take(8).enumerate().all(|(at, byte)| match at {
            0 => usize::from(*byte) <= LONGEST >> 8,
            1 => true,
            2 => *byte == 0,
            3 => matches!(*byte, CONTROL | MANAGEMENT),
            _ => COOKIE.get(at - 4) == Some(byte),
        });
        if !fits {
            return Head::Other;
        }
        let (Some(len), Some(kind)) = (word(bytes, 0), word(bytes, 8)) else {
            return Head::Open;
        };
        let len = usize::from(len);
        if !(HEADER_LEN..=LONGEST).contains(&len) {
            return Head::Other;
        }
        let control = word(bytes, 2) == Some(u16::from(CONTROL));
        if control && (7..=15).contains(&kind) {
            Head::Message(len)
        } else {
            Head::Passes(len)
        }
    }

    fn read(
        &mut self,
        _: &mut u8,
        _: Sender,
        message: &[u8],
        found: &mut Findings,
    ) -> Result<Then, NoRoom> {
        let connected = message.get(RESULT) == Some(&CONNECTED);
        let own = if connected {
            Role::Listens(CALL)
        } else {
            Role::Repeats(Transport::Gre)
        };
        let peer = Role::Echoes(CALL);
        let (first, second) = match Message::of(message).0 {
            7 | 9 => (Role::Listens(CALL), None),
            8 | 10 => (own, Some(peer)),
            11 | 14 | 15 => (peer, None),
            12 | 13 => (Role::Repeats(Transport::Gre), None),
            _ => return Ok(Then::GoOn),
        };
        for (at, role) in [(FIRST, Some(first)), (SECOND, second)] {
            if let (Some(port), Some(role)) = (word(message, at), role) {
                let finding = Finding {
                    span: Span::new(at, 2),
                    endpoint: Endpoint { address: 0, port },
                    form: Form::BinaryPort,
                    role,
                };
                push(found, finding)?;
            }
        }
        Ok(Then::GoOn)
    }

    fn seen(&mut self, head: &[u8]) {
        (self.0)(Message::of(head));
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::{feed, splice};

    /// What has been found, whether released, and what has been seen.
    fn read(stream: &[u8], cuts: &[usize]) -> (Vec<Finding>, bool, Vec<&'static str>) {
        let mut state = State::default();
        let mut seen = Vec::new();
        let (found, released) = feed(stream, cuts, |bytes, found| {
            let mut kept = State::from_word(state.to_word());
            let scanned = scan(&mut kept, Sender::Client, bytes, found, |message| {
                seen.push(message.name());
            });
            state = kept;
            scanned
        });
        (found, released, seen)
    }

    /// A message of a type with two words where call IDs are, and a result.
    fn message(kind: u8, first: u16, second: u16, result: u8) -> Vec<u8> {
        let mut out = vec![0, 32, 0, CONTROL];
        out.extend_from_slice(&COOKIE);
        out.extend_from_slice(&[0, kind, 0, 0]);
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&second.to_be_bytes());
        out.push(result);
        out.resize(32, 0);
        out
    }

    const OWN: Role = Role::Listens(CALL);
    const AGAIN: Role = Role::Repeats(Transport::Gre);
    const PEERS: Role = Role::Echoes(CALL);

    /// RFC 2637 sections 2.7 to 2.15; PROTOCOLS B11.
    #[test]
    fn whose_the_call_ids_are_is_a_matter_of_the_message() {
        for (kind, result, roles) in [
            (7, 0, vec![OWN]),
            (8, CONNECTED, vec![OWN, PEERS]),
            (8, 4, vec![AGAIN, PEERS]),
            (9, 0, vec![OWN]),
            (10, CONNECTED, vec![OWN, PEERS]),
            (10, 2, vec![AGAIN, PEERS]),
            (11, 0, vec![PEERS]),
            (12, 0, vec![AGAIN]),
            (13, 0, vec![AGAIN]),
            (14, 0, vec![PEERS]),
            (15, 0, vec![PEERS]),
            (5, 0, vec![]),
            (16, 0, vec![]),
        ] {
            let (found, released, seen) = read(&message(kind, 0x8001, 0x1234, result), &[]);
            let told: Vec<_> = found.iter().map(|finding| finding.role).collect();
            assert_eq!((told, released, seen.len()), (roles, false, 1), "{kind}");
            for (finding, (at, port)) in found.iter().zip([(12, 0x8001), (14, 0x1234)]) {
                let place = (finding.span, finding.endpoint, finding.form);
                let endpoint = Endpoint { address: 0, port };
                assert_eq!(place, (Span::new(at, 2), endpoint, Form::BinaryPort));
            }
        }
    }

    /// `captures/pptp/packetlife-backup_PPTP_negotiation.cap`, frames 9 and 10.
    #[test]
    fn a_call_of_a_capture() {
        let head =
            b"\0\xa8\0\x01\x1a\x2b\x3c\x4d\0\x07\0\0\0\0\0\x01\0\0\0\x01\0\0\x80\0\x80\0\0\0";
        let mut stream = head.to_vec();
        stream.resize(0xa8, 0);
        stream.extend_from_slice(
            b"\0\x20\0\x01\x1a\x2b\x3c\x4d\0\x08\0\0\0\x18\0\x01\x01\0\0\0\0\0\xfa\0\0\x10\0\0\0\0\0\0",
        );
        let (found, released, seen) = read(&stream, &[]);
        let ports: Vec<_> = found.iter().map(|finding| finding.endpoint.port).collect();
        assert_eq!((ports, released), (vec![0, 0x18, 1], false));
        assert_eq!(seen, ["Outgoing-Call-Request", "Outgoing-Call-Reply"]);
        let there = splice(&stream, &found, |to| Endpoint {
            port: to.port + 0x4142,
            ..to
        });
        assert_eq!(
            (&there[12..14], &there[0xa8 + 12..0xa8 + 16]),
            (&b"AB"[..], &b"AZAC"[..])
        );
    }

    /// What needs no reading passes before it is whole.
    #[test]
    fn messages_without_call_ids_are_not_held() {
        let mut state = State::default();
        let mut found = Findings::new();
        let mut start = b"\0\x9c\0\x01\x1a\x2b\x3c\x4d\0\x01\0\0".to_vec();
        let mut scan = |bytes: &[u8]| scan(&mut state, Sender::Client, bytes, &mut found, |_| ());
        assert_eq!(scan(&start[..9]), Scan::NeedMore { from: 0 });
        assert_eq!(scan(&start), Scan::Complete);
        start.resize(0x9c - 12, 7);
        assert_eq!(scan(&start), Scan::Complete);
        assert_eq!(
            scan(&message(12, 1, 2, 0)[..20]),
            Scan::NeedMore { from: 0 }
        );
        assert_eq!(scan(b"S"), Scan::Release);
        assert_eq!(scan(&message(12, 1, 2, 0)), Scan::Release);
    }

    /// REQUIREMENTS G2: told by the first byte that cannot be.
    #[test]
    fn other_protocols_are_released_at_once() {
        for stream in [
            &b"G"[..],
            b"SSH-2.0-x\r\n",
            b"\x16\x03\x01\x02",
            b"\0\x9c\0\x03",
            b"\0\x9c\0\x01\x1a\x2b\x3c\x4e",
            b"\0\x0b\0\x01\x1a\x2b\x3c\x4d\0\x01\0\0",
        ] {
            assert_eq!(read(stream, &[]), (vec![], true, vec![]), "{stream:?}");
        }
    }

    /// More calls in one piece than there is room for: from there once more.
    #[test]
    fn any_number_of_messages_may_come_together() {
        let stream = message(8, 1, 2, CONNECTED).repeat(100);
        let (found, released, seen) = read(&stream, &[]);
        assert_eq!((found.len(), released, seen.len()), (200, false, 100));
    }

    proptest! {
        #[test]
        fn any_segmentation_finds_the_same(
            calls in prop::collection::vec((0..18_u8, any::<u16>(), any::<u16>(), 0..3_u8), 0..5),
            tail in prop::collection::vec(any::<u8>(), 0..40),
            cuts in prop::collection::vec(any::<usize>(), 0..12),
        ) {
            let mut stream: Vec<u8> = calls
                .iter()
                .flat_map(|(kind, first, second, result)| message(*kind, *first, *second, *result))
                .collect();
            stream.extend_from_slice(&tail);
            prop_assert_eq!(read(&stream, &[]), read(&stream, &cuts));
        }
    }
}
