//! Directories of `NetMeeting` (ILS), over LDAP of version 2 and 3 (RFC 1777, RFC 4511).
//!
//! ```text
//!  message: SEQUENCE { INTEGER id, operation }                         in BER (X.690)
//!  add:     { dn, SEQUENCE { attribute ... } }      an entry found is the same
//!  modify:  { dn, SEQUENCE { SEQUENCE { ENUMERATED what, attribute } ... } }
//!  search:  { base, four numbers, BOOLEAN, filter, ... }
//!
//!  attribute:       SEQUENCE { name, SET { value ... } }
//!  equalityMatch:   [3] { name, value }
//!  sipaddress:      "33663168"       an address as x86 has it, 192.168.1.2; or as in IP
//!  sport, sttl:     "1720", "10"     where calls are awaited, for how many minutes
//! ```
//!
//! Every length around a value is a place of its own. Most of what uses LDAP is no business of
//! this: what encrypts itself is released at once, and others after a few requests and entries
//! that name neither the class nor the attribute. Long entries pass unread till a session is known
//! to be with such a directory.

mod ber;
mod list;

use crate::frames::{self, Framed, Head, NoRoom, Then};
use crate::{Findings, Scan, Sender};

pub use crate::frames::State;

use ber::{Peek, header};
pub use list::CALLS;
use list::{Facts, Stop};

/// Longest message that is read.
const LONGEST: usize = 8192;
/// Longest entry that is read before it is known whose directory this is.
const SHORT: usize = 1024;
/// Longest message ID, and longest name of who binds.
const LONGEST_ID: usize = 8;
const LONGEST_NAME: usize = 1024;
/// An ID, and an operation with nothing in it.
const SHORTEST: usize = 5;

/// In the notes: the class or the attribute has been named.
const KNOWN: u8 = 0x40;
/// In the notes: how strange the session is, and from where on it is let go.
const STRANGE: u8 = 0x3f;
const TOO_STRANGE: u8 = 32;
const REQUEST: u8 = 8;
const ENTRY: u8 = 1;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const SASL: u8 = 0xa3;
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

mod op {
    pub(super) const BIND: u8 = 0x60;
    pub(super) const UNBIND: u8 = 0x42;
    pub(super) const SEARCH: u8 = 0x63;
    pub(super) const ENTRY: u8 = 0x64;
    pub(super) const MODIFY: u8 = 0x66;
    pub(super) const ADD: u8 = 0x68;
    pub(super) const DELETE: u8 = 0x4a;
    pub(super) const RENAME: u8 = 0x6c;
    pub(super) const COMPARE: u8 = 0x6e;
    pub(super) const ABANDON: u8 = 0x50;
    pub(super) const EXTENDED: u8 = 0x77;
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    op: u8,
    minutes: Option<u16>,
    registered: bool,
}

impl Message {
    /// Names it in statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.op {
            op::BIND => "bind",
            op::UNBIND => "unbind",
            op::SEARCH => "search",
            op::ENTRY => "entry",
            op::MODIFY => "modify",
            op::ADD => "add",
            op::DELETE => "delete",
            op::RENAME => "rename",
            op::COMPARE => "compare",
            op::ABANDON => "abandon",
            op::EXTENDED => "extended",
            _ => "other",
        }
    }

    /// For how many minutes whoever sends it is registered from now on, if it says so.
    #[must_use]
    pub const fn minutes(self) -> Option<u16> {
        self.minutes
    }

    /// Whether it may ask for more time for what is registered already: a search for whom it
    /// names does, by a filter with the time.
    #[must_use]
    pub const fn is_refresh(self) -> bool {
        matches!(self.op, op::SEARCH | op::MODIFY) && self.minutes.is_some()
    }

    /// Whether it ends a registration.
    #[must_use]
    pub const fn is_end(self) -> bool {
        self.op == op::DELETE && self.registered
    }
}

/// Lists the endpoints in whole messages of one direction and calls `seen` for each message.
/// Numbers are read the way that makes them an address that is `known`: of the session's host, or
/// one of ours.
pub fn scan(
    state: &mut State,
    sender: Sender,
    bytes: &[u8],
    found: &mut Findings,
    known: impl Fn(u32) -> bool,
    seen: impl FnMut(Message),
) -> Scan {
    let ldap = Ldap {
        known,
        seen,
        minutes: None,
        registered: false,
    };
    frames::scan(ldap, state, sender, bytes, found)
}

struct Ldap<K, F> {
    known: K,
    seen: F,
    /// Of the message that has just been read.
    minutes: Option<u16>,
    registered: bool,
}

impl<K: Fn(u32) -> bool, F: FnMut(Message)> Framed for Ldap<K, F> {
    fn head(&self, notes: u8, sender: Sender, bytes: &[u8]) -> Head {
        let (total, op_at) = match begin(bytes) {
            Ok(begin) => begin,
            Err(Peek::Open) => return Head::Open,
            Err(Peek::Bad) => return Head::Other,
        };
        let is_known = notes & KNOWN != 0;
        let bytes = bytes.get(..total).unwrap_or(bytes);
        match (sender, bytes.get(op_at).copied().unwrap_or_default()) {
            (Sender::Client, op::BIND) => match choice(bytes, op_at) {
                Ok(SASL) => Head::Other,
                Ok(_) => Head::Passes(total),
                Err(Peek::Open) if bytes.len() < total => Head::Open,
                Err(_) => Head::Other,
            },
            (Sender::Client, op::EXTENDED) if !is_known => Head::Other,
            (Sender::Client, op::UNBIND | op::ABANDON) => Head::Passes(total),
            // Nobody registers with so much.
            (Sender::Client, _) if total > LONGEST && !is_known => Head::Other,
            (Sender::Client, _) if total <= LONGEST => Head::Message(total),
            (Sender::Server, op::ENTRY) if total <= SHORT || is_known && total <= LONGEST => {
                Head::Message(total)
            }
            _ => Head::Passes(total),
        }
    }

    fn read(
        &mut self,
        notes: &mut u8,
        sender: Sender,
        message: &[u8],
        found: &mut Findings,
    ) -> Result<Then, NoRoom> {
        let op = operation(message);
        if op == op::EXTENDED && has(message, START_TLS) {
            return Ok(Then::Release);
        }
        let names_class = has(message, b"rtperson");
        if !names_class && !has(message, list::ADDRESS) {
            return Ok(self.passes(notes, sender, message));
        }
        *notes |= KNOWN;
        self.registered = names_class;
        let before = found.len();
        match list::all(message, &self.known, found) {
            Ok(Facts { minutes, .. }) => self.minutes = minutes,
            Err(Stop::Strange) => found.truncate(before),
            Err(Stop::NoRoom) => return Err(NoRoom),
        }
        Ok(Then::GoOn)
    }

    fn passes(&mut self, notes: &mut u8, sender: Sender, head: &[u8]) -> Then {
        let weight = match (sender, operation(head)) {
            (Sender::Client, op::BIND | op::UNBIND | op::ABANDON) => 0,
            (Sender::Client, _) => REQUEST,
            (Sender::Server, op::ENTRY) => ENTRY,
            (Sender::Server, _) => 0,
        };
        if *notes & KNOWN != 0 {
            return Then::GoOn;
        }
        let strange = (*notes & STRANGE) + weight;
        *notes = *notes & !STRANGE | strange.min(STRANGE);
        if strange < TOO_STRANGE {
            Then::GoOn
        } else {
            Then::Release
        }
    }

    fn seen(&mut self, head: &[u8]) {
        (self.seen)(Message {
            op: operation(head),
            minutes: self.minutes.take(),
            registered: core::mem::take(&mut self.registered),
        });
    }
}

/// How long a message is, and where its operation begins.
fn begin(bytes: &[u8]) -> Result<(usize, usize), Peek> {
    /// Class of a tag, and that of all operations.
    const CLASS: u8 = 0xc0;
    const APPLICATION: u8 = 0x40;
    let outer = header(bytes, 0)?;
    if outer.tag != SEQUENCE || outer.content.len() < SHORTEST {
        return Err(Peek::Bad);
    }
    let total = outer.content.end;
    let at = outer.content.start;
    if bytes.get(at).is_some_and(|tag| *tag != INTEGER) {
        return Err(Peek::Bad);
    }
    let id = header(bytes, at)?.content;
    if !(1..=LONGEST_ID).contains(&id.len()) || id.end + 2 > total {
        return Err(Peek::Bad);
    }
    match bytes.get(id.end) {
        None => Err(Peek::Open),
        Some(tag) if tag & CLASS == APPLICATION => Ok((total, id.end)),
        Some(_) => Err(Peek::Bad),
    }
}

/// The operation of a message whose beginning is there.
fn operation(bytes: &[u8]) -> u8 {
    let at = begin(bytes).map_or(usize::MAX, |(_, at)| at);
    bytes.get(at).copied().unwrap_or_default()
}

/// How somebody who binds shows who that is.
fn choice(bytes: &[u8], op_at: usize) -> Result<u8, Peek> {
    let version = header(bytes, op_at)?.content.start;
    let name = header(bytes, version)?.content.end;
    let name = header(bytes, name)?.content;
    if name.len() > LONGEST_NAME {
        return Err(Peek::Bad);
    }
    bytes.get(name.end).copied().ok_or(Peek::Open)
}

/// Whether these letters are in it, in either case.
fn has(bytes: &[u8], word: &[u8]) -> bool {
    bytes
        .windows(word.len())
        .any(|part| part.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
