//! What a stream asks of its surroundings.

use base::{Direction, Nanos};

use super::memory::Memory;
use super::segment::Emitted;

/// What the bytes of a direction begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    /// A message (or what stands between two) of so many bytes, to be passed on as it is.
    Unchanged(usize),
    /// The same, in whose place goes what was appended.
    Rewritten(usize),
    /// Part of a message.
    NeedMore,
    /// Whole messages, but what becomes of them is not known yet: to be asked again when
    /// [`Stream::answered`](super::Stream::answered) says so.
    Wait,
    /// Nothing that can be followed: the connection goes on without a gateway.
    Release,
}

/// A protocol whose messages follow each other in a stream.
pub trait Parser {
    /// Looks at the front of the bytes of a direction that have not been passed on, at least one;
    /// appends to `new` what replaces them. Called again with the rest behind each message.
    fn next(&mut self, direction: Direction, bytes: &[u8], new: &mut Vec<u8>) -> Framed;
}

/// Where segments go.
pub trait Outlet {
    /// Sends one.
    fn emit(&mut self, segment: &Emitted<'_>);
}

/// What a stream works with in one call.
#[derive(Debug)]
pub struct Around<'a, P, O> {
    /// Reads messages.
    pub parser: &'a mut P,
    /// Takes segments.
    pub outlet: &'a mut O,
    /// Shared by all streams.
    pub memory: &'a mut Memory,
    /// Now.
    pub now: Nanos,
}

/// What one stream may do.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest message that is waited for.
    pub max_message: usize,
    /// Bytes held for each direction.
    pub capacity: usize,
    /// How long the rest of a message is waited for.
    pub patience: Nanos,
    /// Longest payload that is sent.
    pub mss: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message: 8 << 10,
            capacity: 64 << 10,
            patience: Nanos::from_secs(32),
            mss: 1460,
        }
    }
}
