//! Call signalling over UDP: messages of Q.931, wherever they are in a datagram.
//!
//! ```text
//!  UDP 1720   | Q.931 |
//!  UDP 2517   | header of Annex E | Q.931 | header of a payload | Q.931 | ...
//! ```
//!
//! The headers of Annex E are not read. They have lengths and no checksum, and nothing becomes longer
//! or shorter, so it is enough to find the messages: a message is what has the form of one from its
//! first byte to the end of the value in it. That is strict, as whatever else were taken for one
//! would be changed: a call reference of two bytes, a type that H.225.0 has, elements in ascending
//! order, the User-User element last, and in it a value that the grammar reads. Everything else
//! passes as it is.
//!
//! Before a message, and behind the last, at most [`TRIES`] places are tried.

use super::{Message, SPOKEN, Service, State, grammar, value};
use crate::frames::{self, NoRoom};
use crate::{Findings, Scan, Sender, Transport};

/// As many places where a message may begin are tried until one does.
const TRIES: usize = 16;
/// In the notes: one of the datagrams that had no message, before there was any.
const STRANGE: u8 = 0x10;
/// All of those.
const STRANGERS: u8 = 0x70;

/// Lists the endpoints of all messages in a datagram, and calls `seen` for each.
pub(super) fn scan(
    state: &mut State,
    sender: Sender,
    bytes: &[u8],
    found: &mut Findings,
    mut seen: impl FnMut(Message),
) -> Scan {
    let (mut at, mut tries) = (0, 0);
    while tries < TRIES
        && let Some(next) = beginning(bytes, at)
    {
        tries += 1;
        at = next + 1;
        let Some((message, start, end)) = user_information(bytes, next) else {
            continue;
        };
        let of = &grammar::H323_USER_INFORMATION_LAST;
        let message = (message, Transport::Udp);
        match value(
            (bytes, start, end),
            of,
            message,
            (&mut *state, sender),
            found,
        ) {
            Ok(Some(message)) => {
                state.frames.notes = state.frames.notes & !STRANGERS | SPOKEN;
                seen(message);
                (at, tries) = (end, 0);
            }
            Ok(None) => {}
            // Left alone, as are those behind it.
            Err(NoRoom) => return Scan::Complete,
        }
    }
    // Acknowledgements have none, and may come first.
    if state.frames.notes & SPOKEN == 0 {
        if state.frames.notes & STRANGERS == STRANGERS {
            return Scan::Release;
        }
        state.frames.notes += STRANGE;
    }
    Scan::Complete
}

/// The discriminator, and a call reference of two bytes.
const BEGINNING: [u8; 2] = [8, 2];

/// Where a message may begin, from an offset on.
fn beginning(bytes: &[u8], from: usize) -> Option<usize> {
    let mut all = bytes.get(from..)?.windows(BEGINNING.len());
    Some(from + all.position(|two| two == BEGINNING)?)
}

/// The message of Q.931 that begins at an offset, and where the value in it begins and ends.
fn user_information(bytes: &[u8], from: usize) -> Option<(Message, usize, usize)> {
    const USER_USER: u8 = 0x7e;
    const OF_ASN1: u8 = 5;
    /// Elements of one byte, in any order among the others.
    const SHORT: u8 = 0x80;
    let (&[_, _, high, low, kind], _) = bytes.get(from..)?.split_first_chunk()?;
    if !matches!(
        kind,
        0x01..=0x03 | 0x05 | 0x07 | 0x0d | 0x5a | 0x62 | 0x6e | 0x75 | 0x7b | 0x7d
    ) {
        return None;
    }
    let mut message = Message::of(Service::CallSignalling);
    message.kind = u16::from(kind);
    message.reference = u16::from_be_bytes([high, low]);
    let (mut at, mut last) = (from + 5, 0);
    loop {
        let element = *bytes.get(at)?;
        at += 1;
        if element & SHORT != 0 {
            continue;
        }
        if element < last || element > USER_USER {
            return None;
        }
        last = element;
        if element != USER_USER {
            at += 1 + usize::from(*bytes.get(at)?);
            continue;
        }
        let start = at + 2;
        let end = start + usize::from(frames::word(bytes, at)?);
        let is_asn1 = bytes.get(start..end)?.first() == Some(&OF_ASN1);
        return is_asn1.then_some((message, start + 1, end));
    }
}
