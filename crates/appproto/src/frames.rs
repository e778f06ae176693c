//! Streams of messages that say how long they are: what binary protocols over TCP share.
//!
//! ```text
//!  head --> Message   held until it is whole, then read
//!       --> Passes    holds nothing: its bytes pass as they come, counted in the state
//!       --> Open      too short to tell
//!       --> Other     not this protocol, or nothing to be read any more: released
//! ```
//!
//! Every message is told by its first bytes, and nobody looks for the beginning of one anywhere
//! else: one head that cannot be ends it all.

use crate::{Finding, Findings, Role, Scan, Sender, Span};

/// What has to be known between two looks at a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Bytes that still pass, of the client and of the server.
    passing: [u32; 2],
    /// The protocol's own.
    pub(crate) notes: u8,
}

/// In the notes.
const RELEASED: u8 = 0x80;
/// How many of the bits of a word count bytes that pass, each way.
const BITS: u32 = 28;
/// The longest message that may pass.
pub(crate) const LONGEST: usize = (1 << BITS) - 1;

impl State {
    /// As one word, to be kept.
    #[must_use]
    pub const fn to_word(self) -> u64 {
        let [client, server] = self.passing;
        (client as u64) << (BITS + 8) | (server as u64) << 8 | self.notes as u64
    }

    /// From that word.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "parts of the word")]
    pub const fn from_word(word: u64) -> Self {
        let mask = LONGEST as u64;
        Self {
            passing: [
                (word >> (BITS + 8) & mask) as u32,
                (word >> 8 & mask) as u32,
            ],
            notes: word as u8,
        }
    }
}

/// What begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// A message of so many bytes, to be read.
    Message(usize),
    /// One of so many bytes, at most [`LONGEST`], in which nothing is to be read.
    Passes(usize),
    /// That cannot be told yet.
    Open,
    /// Something else.
    Other,
}

/// More places than there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// What a message leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next.
    GoOn,
    /// Nothing more to be read.
    Release,
}

/// A protocol in such frames.
pub(crate) trait Framed {
    /// Tells what begins here by its first bytes, of which there is one at least.
    fn head(&self, notes: u8, sender: Sender, bytes: &[u8]) -> Head;

    /// Lists the places in a whole message, by offsets in it. One in which there are too many
    /// is left alone.
    ///
    /// # Errors
    ///
    /// [`NoRoom`], whatever has been listed.
    fn read(
        &mut self,
        notes: &mut u8,
        sender: Sender,
        message: &[u8],
        found: &mut Findings,
    ) -> Result<Then, NoRoom>;

    /// A message went by that begins so.
    fn seen(&mut self, head: &[u8]);

    /// What a message leads to that passes unread and begins so.
    fn passes(&mut self, _notes: &mut u8, _sender: Sender, _head: &[u8]) -> Then {
        Then::GoOn
    }
}

/// Lists the places in whole messages of one direction.
pub(crate) fn scan(
    mut protocol: impl Framed,
    state: &mut State,
    sender: Sender,
    bytes: &[u8],
    found: &mut Findings,
) -> Scan {
    let side = usize::from(sender == Sender::Server);
    let mut at = 0;
    while state.notes & RELEASED == 0 {
        let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else {
            return Scan::Complete;
        };
        let [client, server] = &mut state.passing;
        let passing = if side == 0 { client } else { server };
        if *passing > 0 {
            let now = u32::try_from(rest.len()).unwrap_or(u32::MAX).min(*passing);
            *passing -= now;
            at += now as usize;
            continue;
        }
        match protocol.head(state.notes, sender, rest) {
            Head::Open => return Scan::NeedMore { from: at },
            Head::Passes(len) if (1..=LONGEST).contains(&len) => {
                // As said: it fits.
                *passing = u32::try_from(len).unwrap_or(u32::MAX);
                let mut notes = state.notes;
                let then = protocol.passes(&mut notes, sender, rest);
                state.notes = notes;
                protocol.seen(rest);
                if then == Then::Release {
                    state.notes |= RELEASED;
                }
            }
            Head::Message(len) if len > 0 => {
                let Some(message) = rest.get(..len) else {
                    return Scan::NeedMore { from: at };
                };
                let before = found.len();
                let mut notes = state.notes;
                let read = protocol.read(&mut notes, sender, message, found);
                if read.is_err() {
                    found.truncate(before);
                    if at > 0 {
                        return Scan::Full { from: at };
                    }
                }
                for finding in found.iter_mut().skip(before) {
                    shift(finding, at);
                }
                state.notes = notes;
                protocol.seen(message);
                if read == Ok(Then::Release) {
                    state.notes |= RELEASED;
                }
                at += len;
            }
            Head::Message(_) | Head::Passes(_) | Head::Other => state.notes |= RELEASED,
        }
    }
    Scan::Release
}

/// Adds a finding.
///
/// # Errors
///
/// [`NoRoom`].
pub(crate) fn push(found: &mut Findings, finding: Finding) -> Result<(), NoRoom> {
    found.try_push(finding).map_err(|_| NoRoom)
}

/// The 16 bits at an offset, the highest first.
pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*two))
}

/// The 32 bits at an offset, the highest first.
pub(crate) fn long(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*four))
}

fn shift(finding: &mut Finding, by: usize) {
    let along = |span: Span| Span::new(span.start + by, span.len());
    finding.span = along(finding.span);
    if let Role::LengthOf(of) = finding.role {
        finding.role = Role::LengthOf(along(of));
    }
}
