//! What parsers find.

use core::ops::Range;

use arrayvec::ArrayVec;

use crate::{Form, h323};

/// Where something stands in a message: offsets of its first byte and of the one behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Behind the last.
    pub end: usize,
}

impl Span {
    /// From `start`, `len` bytes.
    #[must_use]
    pub const fn new(start: usize, len: usize) -> Self {
        Self {
            start,
            end: start.saturating_add(len),
        }
    }

    /// How many bytes.
    #[must_use]
    pub const fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// None.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The bytes in `message`; none where it ends before.
    #[must_use]
    pub fn of(self, message: &[u8]) -> &[u8] {
        message.get(Range::from(self)).unwrap_or_default()
    }
}

impl From<Span> for Range<usize> {
    fn from(span: Span) -> Self {
        span.start..span.end
    }
}

/// An address and a port, in host byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// IPv4 address; zero where the message names a port alone, on the address of whoever
    /// [`Role`] speaks of.
    pub address: u32,
    /// TCP or UDP port, or call ID of GRE; zero where the message names an address alone.
    pub port: u16,
}

/// What a channel runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// GRE of version 1 (RFC 2637 section 4.1). Its port is the call ID of whoever receives it:
    /// a packet from inside carries that of the other side, one from outside the outside one of
    /// the host. Any number is as good as any other, zero as well.
    Gre,
}

/// How many ports a channel takes, from the one that is named on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ports {
    /// That one.
    One,
    /// An even one and the next (RTP and RTCP, RFC 3550 section 11).
    Pair,
    /// That one and the one before it: the odd one of a pair, where it alone is named.
    Behind,
    /// So many pairs side by side (`m=audio 49170/2`, RFC 8866 section 5.14).
    Pairs(u8),
}

/// How many flows may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Uses {
    /// One: the door closes behind it.
    Once,
    /// As many as come while the door is open.
    Many,
}

/// Who a channel may come from, from any port unless one is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remote {
    /// The other end of the session the message was in.
    Peer,
    /// Who the message names.
    Address(u32),
    /// From there to the first port of the channel, from the ports behind it to the others in
    /// their order. Without an address it is the other end of the session.
    Endpoint(Endpoint),
    /// Anyone: neither the message tells nor the protocol (early media).
    Anyone,
}

/// A channel that the sender of a message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Channel {
    /// What it runs on.
    pub transport: Transport,
    /// How many ports.
    pub ports: Ports,
    /// How many flows.
    pub uses: Uses,
    /// Who it comes from.
    pub remote: Remote,
}

/// What a place in a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The sender listens there. Its endpoint is mapped and a door opened.
    Listens(Channel),
    /// The sender answers messages of this protocol there, and keeps doing so between messages
    /// (`Contact`, `Via`, `Record-Route`). Its endpoint is mapped and a door opened, to which the
    /// protocol's gateway goes with whoever comes: whoever answers this message, or anyone.
    Answers(Transport, Remote),
    /// Gives back what the receiver of this message announced before: its endpoint is put back,
    /// and the door that is open for it lets in whom this channel says.
    Echoes(Channel),
    /// The sender takes sessions of another kind there, which the protocol's gateway reads as
    /// such: mapped with a door, or, where it is the other side's, remembered for those that go
    /// there; where it is ours, put back.
    Leads(h323::Service, Channel),
    /// Names an endpoint that messages or media of this protocol use: replaced as far as it is
    /// known to be mapped, opens nothing.
    Names(Transport),
    /// The sender's own that it has announced before: replaced as far as that is mapped, opens
    /// nothing. What the other side calls its own is not ours, whatever the number.
    Repeats(Transport),
    /// Names an address without any port: replaced by the address that stands for it, if one
    /// does for the whole host.
    Host,
    /// The number of bytes of that span (`Content-Length`): written last by
    /// [`Form::measure`]; of two spans the one that lies in the other first, for it may itself
    /// become longer.
    LengthOf(Span),
}

/// One place in a message that has to be written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// The bytes to be replaced.
    pub span: Span,
    /// What they mean, together with the rest of the message: the port of a `c=` line is that
    /// of the first media line it speaks for.
    pub endpoint: Endpoint,
    /// How they are written.
    pub form: Form,
    /// What for.
    pub role: Role,
}

/// What one message may hold.
pub const MOST: usize = 96;

/// Everything found in a message, in the order of their spans, none overlapping.
pub type Findings = ArrayVec<Finding, MOST>;
