//! `NetBIOS` over TCP and UDP (RFC 1001, RFC 1002), as far as addresses are in it.
//!
//! ```text
//!  names, UDP 137:      id | flags | four counts | questions, records: NB, and A of servers
//!  datagrams, UDP 138:  type | flags | id | address | port | ...
//!  sessions, TCP 139:   type | flags | length | in a retarget: address | port
//! ```
//!
//! Nothing becomes longer or shorter, and nothing is opened: what is named is where a host
//! answers anyway. A session is released as soon as it is established or refused: what is in it
//! belongs to others.

use crate::frames::{self, Framed, Head, NoRoom, Then, long, push, word};
use crate::{Endpoint, Finding, Findings, Form, Role, Scan, Sender, Span, Transport};

pub use crate::frames::State;

/// UDP port of the datagram service.
pub const DATAGRAMS: u16 = 138;

const HEADER_LEN: usize = 12;
/// Type, class, time to live and length of a record.
const FIXED: usize = 10;
const CLASS_IN: u16 = 1;
/// Address of a server for names.
const A: u16 = 0x01;
const NB: u16 = 0x20;
/// An entry of an NB record: flags and an address.
const ENTRY: usize = 6;
const LABEL: u8 = 0x40;
const POINTER: u8 = 0xc0;
/// Longest name (RFC 1035 section 3.1).
const LONGEST_NAME: usize = 255;
/// Of a datagram: type, flags, ID, address, port.
const SOURCE: Span = Span { start: 4, end: 10 };
/// Of a session: what has an address.
const RETARGET: u8 = 0x84;
const RETARGET_LEN: usize = 10;

/// A message of one of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message(&'static str);

impl Message {
    /// Names it in statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// Lists the addresses in a datagram of the name service. What does not end where its counts say
/// is of another protocol.
pub fn name(datagram: &[u8], found: &mut Findings, seen: impl FnOnce(Message)) -> Scan {
    let before = found.len();
    if records(datagram, found).is_none() {
        found.truncate(before);
        return Scan::Release;
    }
    let flags = datagram.get(2).copied().unwrap_or_default();
    seen(Message(match (flags >> 7, flags >> 3 & 0x0f) {
        (0, 0) => "query",
        (_, 0) => "query response",
        (0, 5) => "registration",
        (_, 5) => "registration response",
        (0, 6) => "release",
        (_, 6) => "release response",
        (_, 7) => "wait",
        (_, 8 | 9) => "refresh",
        _ => "other",
    }));
    Scan::Complete
}

/// Goes over all records, each of which has ten bytes at least.
fn records(message: &[u8], found: &mut Findings) -> Option<()> {
    let mut at = HEADER_LEN;
    for _ in 0..word(message, 4)? {
        at = behind_name(message, at)? + 4;
        message.get(..at)?;
    }
    let counts = [word(message, 6)?, word(message, 8)?, word(message, 10)?];
    for _ in 0..counts.map(u32::from).iter().sum() {
        let fixed = behind_name(message, at)?;
        let (kind, class) = (word(message, fixed)?, word(message, fixed + 2)?);
        let len = usize::from(word(message, fixed + 8)?);
        let data = Span::new(fixed + FIXED, len);
        message.get(..data.end)?;
        match kind {
            NB if class == CLASS_IN && len.is_multiple_of(ENTRY) => {
                for entry in 0..len / ENTRY {
                    address(message, data.start + entry * ENTRY + 2, found)?;
                }
            }
            A if class == CLASS_IN && len == 4 => address(message, data.start, found)?,
            _ => {}
        }
        at = data.end;
    }
    Some(())
}

fn address(message: &[u8], at: usize, found: &mut Findings) -> Option<()> {
    let address = long(message, at)?;
    if address == 0 {
        return Some(());
    }
    let finding = Finding {
        span: Span::new(at, 4),
        endpoint: Endpoint { address, port: 0 },
        form: Form::Binary,
        role: Role::Host,
    };
    push(found, finding).ok()
}

/// Behind a name, whatever it points to.
fn behind_name(message: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at - from <= LONGEST_NAME {
        match *message.get(at)? {
            0 => return Some(at + 1),
            len @ 1..LABEL => at += usize::from(len) + 1,
            POINTER.. => return Some(at + 2),
            _ => return None,
        }
    }
    None
}

/// Lists the source in a datagram of the datagram service.
pub fn datagram(datagram: &[u8], found: &mut Findings, seen: impl FnOnce(Message)) -> Scan {
    let (name, least) = match datagram {
        [0x10, ..=0x0f, ..] => ("direct unique", 14),
        [0x11, ..=0x0f, ..] => ("direct group", 14),
        [0x12, ..=0x0f, ..] => ("broadcast", 14),
        [0x13, ..=0x0f, ..] => ("error", 11),
        [0x14, ..=0x0f, ..] => ("query", 11),
        [0x15, ..=0x0f, ..] => ("positive response", 11),
        [0x16, ..=0x0f, ..] => ("negative response", 11),
        _ => return Scan::Release,
    };
    let (Some(address), Some(port)) = (long(datagram, 4), word(datagram, 8)) else {
        return Scan::Release;
    };
    // Names and data, where there are any, with a word about their length.
    let fits =
        least < 14 || word(datagram, 10).is_some_and(|len| usize::from(len) + 14 <= datagram.len());
    if datagram.len() < least || !fits {
        return Scan::Release;
    }
    if address != 0 {
        // One finding: the caller has room for it.
        let _ = push(found, source(address, port));
    }
    seen(Message(name));
    Scan::Complete
}

const fn source(address: u32, port: u16) -> Finding {
    Finding {
        span: SOURCE,
        endpoint: Endpoint { address, port },
        form: Form::BinaryAddressPort,
        role: Role::Names(Transport::Udp),
    }
}

/// Lists the endpoint of a retarget among the first messages of a session.
pub fn session(
    state: &mut State,
    sender: Sender,
    bytes: &[u8],
    found: &mut Findings,
    seen: impl FnMut(Message),
) -> Scan {
    frames::scan(Session(seen), state, sender, bytes, found)
}

struct Session<F>(F);

impl<F: FnMut(Message)> Framed for Session<F> {
    fn head(&self, _: u8, sender: Sender, bytes: &[u8]) -> Head {
        // Anything else: established, refused, or not this at all.
        let right = matches!(
            (sender, bytes.first()),
            (Sender::Client, Some(0x81 | 0x85)) | (Sender::Server, Some(0x84 | 0x85))
        );
        if !right || bytes.get(1).is_some_and(|flags| *flags > 1) {
            return Head::Other;
        }
        let (Some(flags), Some(len)) = (bytes.get(1), word(bytes, 2)) else {
            return Head::Open;
        };
        let len = (usize::from(*flags) << 16 | usize::from(len)) + 4;
        match bytes.first() {
            Some(&RETARGET) if len == RETARGET_LEN => Head::Message(len),
            Some(&RETARGET) => Head::Other,
            _ => Head::Passes(len),
        }
    }

    fn read(
        &mut self,
        _: &mut u8,
        _: Sender,
        message: &[u8],
        found: &mut Findings,
    ) -> Result<Then, NoRoom> {
        if let (Some(address @ 1..), Some(port)) = (long(message, 4), word(message, 8)) {
            let finding = Finding {
                role: Role::Names(Transport::Tcp),
                ..source(address, port)
            };
            push(found, finding)?;
        }
        Ok(Then::Release)
    }

    fn seen(&mut self, head: &[u8]) {
        (self.0)(Message(match head.first() {
            Some(0x81) => "session request",
            Some(&RETARGET) => "session retarget",
            _ => "keep alive",
        }));
    }
}

#[cfg(test)]
mod tests;
