//! DNS messages (RFC 2694): addresses of whole hosts, in records and in names.
//!
//! ```text
//!  query     name in reverse    what it means on the other side; its number is kept
//!            nobody has it      the answer that it is refused goes back
//!  response  address records    what stands for the host; what nothing can stand for goes
//!            names in reverse   given back, if those of its query were changed
//! ```
//!
//! A message is changed as a whole or not at all. Signed ones, updates and what cannot be read
//! stay as they are. A datagram that would become longer than its receiver said it takes is
//! sent without records, so that it is asked for over TCP.

use core::cell::Cell;
use core::ops::Range;

use appproto::dns::{self, Left, New, RewriteError, What};
use appproto::finding::MOST;
use appproto::{Findings, Scan, Span};
use arrayvec::ArrayVec;
use base::Direction;
use nat::{Asking, Standing};

use crate::edits::{Edits, add_difference};

/// Length of what is before each message on TCP.
const PREFIX: usize = 2;

/// The translator, as far as names are concerned: one session.
pub trait Names {
    /// What an address in a message of this direction is to its receiver.
    fn across(&mut self, direction: Direction, address: u32, asking: Asking) -> Standing;
}

/// How a message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carriage {
    /// Which way.
    pub direction: Direction,
    /// In a datagram, not in a stream.
    pub datagram: bool,
    /// What is lent must not be kept by who hears of it.
    pub reset_ttl: bool,
    /// Nothing is lent.
    pub shadow: bool,
}

/// Queries in which a name was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Their numbers, the last first.
    ids: [u16; 4],
    count: u8,
    /// What the asker takes in a datagram.
    udp_size: u16,
}

impl Asked {
    /// As two words, to be kept.
    #[must_use]
    pub fn to_words(self) -> [u64; 2] {
        let ids = self
            .ids
            .iter()
            .fold(0, |word, id| word << 16 | u64::from(*id));
        [u64::from(self.count) << 16 | u64::from(self.udp_size), ids]
    }

    /// From those.
    #[must_use]
    pub fn from_words([size, ids]: [u64; 2]) -> Self {
        let [.., count, s0, s1] = size.to_be_bytes();
        let [a0, a1, b0, b1, c0, c1, d0, d1] = ids.to_be_bytes();
        Self {
            ids: [[a0, a1], [b0, b1], [c0, c1], [d0, d1]].map(u16::from_be_bytes),
            count,
            udp_size: u16::from_be_bytes([s0, s1]),
        }
    }

    fn has(&self, id: u16) -> bool {
        self.ids
            .iter()
            .take(usize::from(self.count))
            .any(|known| *known == id)
    }

    fn forget(&mut self, id: u16) {
        let mut kept = Self {
            udp_size: self.udp_size,
            ..Self::default()
        };
        let others = self
            .ids
            .iter()
            .take(usize::from(self.count))
            .filter(|known| **known != id);
        for (place, known) in kept.ids.iter_mut().zip(others) {
            *place = *known;
            kept.count += 1;
        }
        *self = kept;
    }

    fn add(&mut self, id: u16, udp_size: u16) {
        self.forget(id);
        self.ids.rotate_right(1);
        if let Some(first) = self.ids.first_mut() {
            *first = id;
        }
        self.count = (self.count + 1).min(4);
        self.udp_size = udp_size;
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Translated {
    /// It goes as it is.
    Same,
    /// So many bytes take its place.
    New(usize),
    /// So many bytes go back: nobody else answers it.
    Answered(usize),
    /// It goes nowhere: whose name it tells is not to be told any more.
    Withheld,
}

/// Translates a message into `out`.
///
/// # Errors
///
/// [`RewriteError`]: it stays as it is.
pub fn translate(
    message: &[u8],
    carriage: Carriage,
    asked: &mut Asked,
    names: &mut impl Names,
    out: &mut [u8],
) -> Result<Translated, RewriteError> {
    if !dns::interesting(message) {
        return Ok(Translated::Same);
    }
    let mut found = Findings::new();
    let summary = match dns::scan(message, &mut found) {
        Ok(summary) => Some(summary),
        Err(Left::Many) => None,
        Err(left) => return Err(left.into()),
    };
    match summary {
        Some(summary) if !summary.is_response => {
            query(message, carriage, &summary, asked, names, out)
        }
        _ => response(message, carriage, (summary, &found), asked, names, out),
    }
}

fn query(
    message: &[u8],
    carriage: Carriage,
    summary: &dns::Summary,
    asked: &mut Asked,
    names: &mut impl Names,
    out: &mut [u8],
) -> Result<Translated, RewriteError> {
    let (Some(address), Some(id)) = (summary.reverse, dns::id(message)) else {
        return Ok(Translated::Same);
    };
    match names.across(carriage.direction, address, Asking::Tell) {
        Standing::Known { address: new, .. } if new != address => {
            let of_question = |what, _| (what == What::Question).then_some(new);
            let len = dns::rewrite(message, None, of_question, out)?;
            asked.add(id, summary.udp_size);
            Ok(Translated::New(len))
        }
        Standing::Free if carriage.datagram => {
            let copy = out.get_mut(..message.len()).ok_or(RewriteError::NoRoom)?;
            copy.copy_from_slice(message);
            Ok(Translated::Answered(dns::refuse(copy)?))
        }
        _ => {
            asked.forget(id);
            Ok(Translated::Same)
        }
    }
}

fn response(
    message: &[u8],
    carriage: Carriage,
    (summary, found): (Option<dns::Summary>, &Findings),
    asked: &mut Asked,
    names: &mut impl Names,
    out: &mut [u8],
) -> Result<Translated, RewriteError> {
    let gives_back = dns::id(message).is_some_and(|id| asked.has(id));
    let kind = summary.map_or("", |summary| summary.name());
    // The messages of a transfer behind the first need have no question.
    let transfers = kind == "AXFR" || !carriage.datagram && matches!(kind, "none" | "");
    let asking = if transfers {
        Asking::Tell
    } else {
        Asking::Lend
    };
    let lasts = Cell::new(true);
    let of_record =
        |names: &mut dyn Names, address| match names.across(carriage.direction, address, asking) {
            Standing::Known { lasts: false, .. } if transfers => New::Nothing,
            Standing::Known {
                address: new,
                lasts: this_lasts,
            } => {
                lasts.set(lasts.get() && this_lasts);
                New::Address(new)
            }
            Standing::Unbound if !carriage.shadow => New::Nothing,
            _ => New::Same,
        };
    let new: ArrayVec<New, MOST> = found
        .iter()
        .map(|finding| of_record(names, finding.endpoint.address))
        .collect();
    let in_place = summary.is_some_and(|summary| !(gives_back && summary.has_reverse))
        && !new.contains(&New::Nothing);
    if in_place {
        let changed = new.iter().any(|new| matches!(new, New::Address(_)));
        if !changed {
            return Ok(Translated::Same);
        }
        let copy = out.get_mut(..message.len()).ok_or(RewriteError::NoRoom)?;
        copy.copy_from_slice(message);
        for (finding, new) in found.iter().zip(&new) {
            if let (New::Address(new), Some(place)) = (new, copy.get_mut(Range::from(finding.span)))
            {
                place.copy_from_slice(&new.to_be_bytes());
            }
            // All of a set have the same (RFC 2181 section 5.2).
            if carriage.reset_ttl && !lasts.get() {
                dns::reset_ttl(copy, finding.span, 0);
            }
        }
        return Ok(Translated::New(message.len()));
    }
    let mut withheld = false;
    let mut ttl = None;
    let len = loop {
        let len = dns::rewrite(
            message,
            ttl,
            |what, address| match what {
                What::Answer => of_record(names, address),
                What::Question | What::Owner if gives_back => {
                    match names.across(carriage.direction, address, Asking::Tell) {
                        Standing::Known { address, .. } => New::Address(address),
                        Standing::Unbound => {
                            withheld |= what == What::Question;
                            New::Same
                        }
                        _ => New::Same,
                    }
                }
                What::Question | What::Owner => New::Same,
            },
            out,
        )?;
        let resets = ttl.is_none() && carriage.reset_ttl && !lasts.get();
        if !resets {
            break len;
        }
        ttl = Some(0);
    };
    let written = out.get_mut(..len).ok_or(RewriteError::NoRoom)?;
    if withheld {
        return Ok(Translated::Withheld);
    }
    if written == message {
        return Ok(Translated::Same);
    }
    let taken = usize::from(asked.udp_size.max(dns::USUAL_UDP_SIZE)).max(message.len());
    if carriage.datagram && len > taken {
        return Ok(Translated::New(dns::truncate(written)?));
    }
    Ok(Translated::New(len))
}

/// What a look at a stream came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streamed {
    /// How far it got.
    pub scan: Scan,
    /// Messages it has seen.
    pub messages: u64,
    /// Those that should have been changed and could not be.
    pub errors: u64,
}

/// Translates the whole messages that a stream goes on with; `out` is room to work in.
pub fn stream(
    bytes: &[u8],
    carriage: Carriage,
    asked: &mut Asked,
    names: &mut impl Names,
    edits: &mut Edits,
    out: &mut [u8],
) -> Streamed {
    let mut streamed = Streamed {
        scan: Scan::Complete,
        messages: 0,
        errors: 0,
    };
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(span) = dns::frame(rest) else {
            streamed.scan = unfinished(rest, at);
            break;
        };
        let message = span.of(rest);
        if !dns::plausible(message) {
            streamed.scan = Scan::Release;
            break;
        }
        streamed.messages += 1;
        let body = out.get_mut(PREFIX..).unwrap_or_default();
        let translated = translate(message, carriage, asked, names, body);
        let len = match translated {
            Ok(Translated::New(len)) => Some(len),
            // The connection goes on, so something has to be said.
            Ok(Translated::Withheld) => refused(message, body),
            Ok(Translated::Same | Translated::Answered(_)) => None,
            Err(error) => {
                streamed.errors += u64::from(error == RewriteError::NoRoom);
                None
            }
        };
        let before = edits.len();
        let made = len.map(|len| add_message(edits, at, Span::new(0, span.end).of(rest), len, out));
        if made == Some(None) {
            edits.truncate(before);
            streamed.errors += 1;
        }
        at += span.end;
    }
    streamed
}

/// Lists the address records in the whole messages that a stream goes on with, where messages are
/// scanned and resolved apart: names are left alone there.
pub(crate) fn list(bytes: &[u8], found: &mut Findings, mut seen: impl FnMut()) -> Scan {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(span) = dns::frame(rest) else {
            return unfinished(rest, at);
        };
        let message = span.of(rest);
        if !dns::plausible(message) {
            return Scan::Release;
        }
        let before = found.len();
        if dns::scan(message, found) == Err(Left::Many) && before > 0 {
            return Scan::Full { from: at };
        }
        for finding in found.iter_mut().skip(before) {
            finding.span = Span::new(at + PREFIX + finding.span.start, finding.span.len());
        }
        seen();
        at += span.end;
    }
    Scan::Complete
}

/// What becomes of a stream whose last message is not whole.
fn unfinished(rest: &[u8], from: usize) -> Scan {
    if dns::may_begin(rest) {
        Scan::NeedMore { from }
    } else {
        Scan::Release
    }
}

fn refused(message: &[u8], out: &mut [u8]) -> Option<usize> {
    let copy = out.get_mut(..message.len())?;
    copy.copy_from_slice(message);
    dns::refuse(copy).ok()
}

/// Adds what makes a message of `len` bytes, which stands in `out` behind its length, of `old`.
fn add_message(edits: &mut Edits, at: usize, old: &[u8], len: usize, out: &mut [u8]) -> Option<()> {
    let prefix = u16::try_from(len).ok()?.to_be_bytes();
    out.get_mut(..PREFIX)?.copy_from_slice(&prefix);
    add_difference(edits, at, old, out.get(..PREFIX + len)?).ok()
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// 10.0.0.5 is 203.0.113.5 outside, for good or lent.
    struct One {
        lasts: bool,
        asked: Vec<Asking>,
    }

    const INSIDE: u32 = 0x0a00_0005;
    const OUTSIDE: u32 = 0xcb00_7105;

    impl Names for One {
        fn across(&mut self, direction: Direction, address: u32, asking: Asking) -> Standing {
            self.asked.push(asking);
            let known = |address| Standing::Known {
                address,
                lasts: self.lasts,
            };
            match (direction, address) {
                (Direction::Outbound, INSIDE) => known(OUTSIDE),
                (Direction::Inbound, OUTSIDE) => known(INSIDE),
                (Direction::Outbound, 0x0a00_0006) => Standing::Unbound,
                (Direction::Inbound, 0xcb00_7106) => Standing::Free,
                _ => Standing::Ordinary,
            }
        }
    }

    const OUT: Carriage = Carriage {
        direction: Direction::Outbound,
        datagram: true,
        reset_ttl: false,
        shadow: false,
    };

    fn header(id: u16, flags: u16, records: u16) -> Vec<u8> {
        [id, flags, 1, records, 0, 0]
            .into_iter()
            .flat_map(u16::to_be_bytes)
            .collect()
    }

    fn reverse_name(last: u8, first: &[u8]) -> Vec<u8> {
        let mut name = Vec::new();
        for label in [&[last][..], b"113", b"0", first] {
            name.push(u8::try_from(label.len()).expect("short"));
            name.extend_from_slice(label);
        }
        name.extend_from_slice(b"\x07in-addr\x04arpa\0");
        name
    }

    fn query(id: u16, last: u8) -> Vec<u8> {
        let mut message = header(id, 0x0100, 0);
        message.extend(reverse_name(last, b"203"));
        message.extend_from_slice(&[0, 12, 0, 1]);
        message
    }

    #[test]
    fn queries_are_remembered_by_number_the_last_four() {
        let mut asked = Asked::default();
        for id in 1..=5 {
            asked.add(id, 1232);
        }
        asked.add(3, 512);
        assert!([5, 4, 3, 2].into_iter().all(|id| asked.has(id)));
        assert!(!asked.has(1) && !asked.has(0));
        assert_eq!((asked.ids, asked.udp_size), ([3, 5, 4, 2], 512));
        assert_eq!(Asked::from_words(asked.to_words()), asked);
        asked.forget(5);
        assert!(!asked.has(5) && asked.has(2));
        assert_eq!(Asked::default().to_words(), [0, 0]);
    }

    #[test]
    fn a_query_for_a_name_is_changed_refused_or_left() {
        let inbound = Carriage {
            direction: Direction::Inbound,
            ..OUT
        };
        let mut one = One {
            lasts: true,
            asked: Vec::new(),
        };
        let mut asked = Asked::default();
        let mut out = [0; 200];
        let mut ask = |last, carriage| {
            let message = query(u16::from(last), last);
            translate(&message, carriage, &mut asked, &mut one, &mut out)
        };
        assert!(matches!(ask(b'5', inbound), Ok(Translated::New(_))));
        assert!(matches!(ask(b'6', inbound), Ok(Translated::Answered(_))));
        assert_eq!(ask(b'7', inbound), Ok(Translated::Same));
        let stream = Carriage {
            datagram: false,
            ..inbound
        };
        assert_eq!(ask(b'6', stream), Ok(Translated::Same));
        assert!(asked.has(u16::from(b'5')) && asked.count == 1);
        assert!(one.asked.iter().all(|asking| *asking == Asking::Tell));
    }

    fn answer(addresses: &[u32]) -> Vec<u8> {
        let records = u16::try_from(addresses.len()).expect("few");
        let mut message = header(1, 0x8180, records);
        message.extend_from_slice(b"\x01a\0\0\x01\0\x01");
        for address in addresses {
            message.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4]);
            message.extend_from_slice(&address.to_be_bytes());
        }
        message
    }

    #[test]
    fn records_are_changed_dropped_or_left() {
        let mut out = [0; 200];
        for (lasts, reset_ttl, ttl) in [(true, true, 9), (false, true, 0), (false, false, 9)] {
            let mut one = One {
                lasts,
                asked: Vec::new(),
            };
            let carriage = Carriage { reset_ttl, ..OUT };
            let mut expected = answer(&[OUTSIDE, 1]);
            let at = expected.len() - 32;
            expected[at + 9] = ttl;
            expected[at + 16 + 9] = ttl;
            for message in [answer(&[INSIDE, 1]), answer(&[INSIDE, 0x0a00_0006, 1])] {
                let mut asked = Asked::default();
                let got = translate(&message, carriage, &mut asked, &mut one, &mut out);
                assert_eq!(got, Ok(Translated::New(expected.len())));
                assert_eq!(&out[..expected.len()], expected.as_slice());
            }
            assert!(one.asked.iter().all(|asking| *asking == Asking::Lend));
        }
    }

    #[test]
    fn a_shadow_lends_nothing_and_drops_nothing() {
        let mut one = One {
            lasts: true,
            asked: Vec::new(),
        };
        let carriage = Carriage {
            shadow: true,
            ..OUT
        };
        let message = answer(&[0x0a00_0006]);
        let mut out = [0; 200];
        let got = translate(
            &message,
            carriage,
            &mut Asked::default(),
            &mut one,
            &mut out,
        );
        assert_eq!(got, Ok(Translated::Same));
    }

    #[test]
    fn a_stream_is_read_message_by_message() {
        let mut one = One {
            lasts: true,
            asked: Vec::new(),
        };
        let framed = |message: Vec<u8>| {
            let len = u16::try_from(message.len()).expect("short");
            [len.to_be_bytes().to_vec(), message].concat()
        };
        let mut read = |bytes: &[u8]| {
            let (mut edits, mut out) = (Edits::new(), [0; 300]);
            let stream_carriage = Carriage {
                datagram: false,
                ..OUT
            };
            let mut asked = Asked::default();
            let streamed = stream(
                bytes,
                stream_carriage,
                &mut asked,
                &mut one,
                &mut edits,
                &mut out,
            );
            (streamed.scan, streamed.messages, edits.len())
        };
        let first = framed(answer(&[INSIDE]));
        let both = [first.clone(), framed(answer(&[1]))].concat();
        assert_eq!(read(&both), (Scan::Complete, 2, 1));
        let from = first.len();
        let cut = Scan::NeedMore { from };
        assert_eq!(read(&both[..=from]), (cut, 1, 1));
        assert_eq!(read(&both[..both.len() - 1]), (cut, 1, 1));
        assert_eq!(read(b"\0\x02xy"), (Scan::Release, 0, 0));
        let list = |bytes: &[u8]| {
            let (mut found, mut messages) = (Findings::new(), 0);
            let scan = list(bytes, &mut found, || messages += 1);
            let addresses: Vec<_> = found
                .iter()
                .map(|finding| finding.span.of(bytes).to_vec())
                .collect();
            (scan, messages, addresses)
        };
        let addresses = [INSIDE, 1].map(|address| address.to_be_bytes().to_vec());
        assert_eq!(list(&both), (Scan::Complete, 2, addresses.to_vec()));
        assert_eq!(list(&both[..=from]), (cut, 1, addresses[..1].to_vec()));
        assert_eq!(list(b"\0\x02xy"), (Scan::Release, 0, Vec::new()));
        let many = framed(answer(&[7; 90]));
        let full = Scan::Full { from: many.len() };
        assert_eq!(list(&[many.clone(), many].concat()).0, full);
    }
}
