//! What threads tell each other besides packets.

use std::sync::Arc;

use appproto::Scan;
use base::{Direction, Prefix};
use nat::sequence::Handed;
use nat::{Attached, FlowKey, Layout, MediaFigures, Realm, SessionId, SessionView};
use wire::ethernet::Mac;

use crate::inspect::{Inspect, Row};
use crate::slow::stream::{Begun, Host};
use crate::trace::{Order, Record};

/// The number of a question to a worker: its answers carry it, so that they are not
/// taken for those to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticket(pub u32);

/// From the slow path to a worker.
#[derive(Clone, Debug)]
pub enum Command {
    /// The MAC address behind a next hop.
    SetAdjacency {
        /// Number.
        number: u16,
        /// Interface.
        interface: u16,
        /// Next hop.
        ip: u32,
        /// MAC address.
        mac: Mac,
    },
    /// Tell when this adjacency is used next.
    WatchAdjacency(u16),
    /// Forget an adjacency.
    RemoveAdjacency(u16),
    /// Whether an interface has members of a group.
    SetGroup {
        /// Group.
        group: u32,
        /// The source they want; zero for any.
        source: u32,
        /// Interface.
        interface: u16,
        /// It has.
        member: bool,
    },
    /// Whether a host is a member of a group.
    SetMember {
        /// Realm of the host.
        realm: Realm,
        /// Host.
        host: u32,
        /// Group.
        group: u32,
        /// What became of it.
        member: Member,
    },
    /// Send rows, then [`Row::End`].
    Inspect(Ticket, Inspect),
    /// Send no more rows: nobody waits for them.
    Enough,
    /// End the sessions that match, then answer with their number.
    Clear(Ticket, SessionFilter),
    /// Close the doors of a call, which the shard knows by this number.
    CloseCall(u32),
    /// Say what has passed at a media line of a call.
    Listen(MediaQuestion),
    /// Read messages that the slow path has put together.
    Read(Box<Question>),
    /// A session is on the slow path no more.
    TakeBack(TakeBack),
    /// Trace packets, from now on.
    Trace(Box<Order>),
    /// A record that was read, to be used again.
    Reuse(Box<Record>),
    /// Trace no more.
    Untrace,
    /// Move to another layout, or count what that would end: rows of whom it
    /// touches, then [`Row::End`] with the number of sessions.
    Change {
        /// Number of the question.
        ticket: Ticket,
        /// The layout.
        layout: Arc<Layout>,
        /// Only count.
        trial: bool,
    },
}

/// A question about a media line of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaQuestion {
    /// Number of the call.
    pub call: u64,
    /// Number of the line.
    pub line: u8,
    /// From the inside endpoint to the remote one.
    pub key: FlowKey,
    /// What stands outside for the inside endpoint.
    pub outside: (u32, u16),
    /// Realm of the outside.
    pub outside_realm: Realm,
}

/// What a host is to a group, of any source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// It has joined.
    Joined,
    /// It has said that it leaves.
    Left,
    /// It has said nothing for long; perhaps others spoke for it.
    Expired,
}

/// From a worker to the slow path.
#[derive(Clone, Debug)]
pub enum Event {
    /// A watched adjacency was used.
    AdjacencyUsed(u16),
    /// A row asked for.
    Row(Ticket, Row),
    /// A layout to be dropped.
    Retired(Arc<Layout>),
    /// What has passed at a line of a call.
    Media {
        /// Number of the call.
        call: u64,
        /// Number of the line.
        line: u8,
        /// What has passed.
        figures: MediaFigures,
    },
}

/// What one direction of a session has said, and what becomes of it: it goes to the worker
/// that has the session, and comes back with the answer.
#[derive(Clone, Debug)]
pub struct Question {
    /// The session.
    pub session: SessionId,
    /// Number of its stream.
    pub stream: u32,
    /// Which way it goes.
    pub direction: Direction,
    /// The bytes, from the beginning of a message on.
    pub bytes: Vec<u8>,
    /// The answer: how far they can be read.
    pub scan: Scan,
    /// And what is to be changed so far.
    pub edits: alg::Edits,
}

/// What a worker has to know to go on with a session.
#[derive(Clone, Copy, Debug)]
pub struct TakeBack {
    /// The session.
    pub session: SessionId,
    /// Number of its stream.
    pub stream: u32,
    /// How far each direction has come, outbound first.
    pub handed: [Handed; 2],
    /// The gateway is done with the session.
    pub released: bool,
}

/// From a worker to the slow path, about streams.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "moved once, into a ring; workers allocate nothing"
)]
pub enum Told {
    /// The slow path has this session from now on.
    Diverted(Diverted),
    /// A question was answered.
    Answered(Box<Question>),
    /// A session has ended, with the stream of this number.
    Ended(SessionId, u32),
}

/// A session whose messages come in parts, as a stream has to know it.
#[derive(Clone, Copy, Debug)]
pub struct Diverted {
    /// Number of the stream.
    pub stream: u32,
    /// The session and what its gateway has noted.
    pub attached: Attached,
    /// Inside address and realm, for events.
    pub subscriber: (u32, Realm),
    /// Who segments are from and to as they leave, outbound first.
    pub ends: [[(u32, u16); 2]; 2],
    /// The hosts, by the direction they send in.
    pub hosts: [Host; 2],
    /// How far each direction has come, outbound first.
    pub begun: [Begun; 2],
}

/// Which sessions are meant; `None` means any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Inside address and port.
    pub inside: Option<(Prefix, Option<u16>)>,
    /// Outside address and port.
    pub outside: Option<(Prefix, Option<u16>)>,
    /// Remote address and port.
    pub remote: Option<(Prefix, Option<u16>)>,
    /// IP protocol.
    pub protocol: Option<u8>,
    /// Inside realm.
    pub realm: Option<Realm>,
    /// Rule.
    pub rule: Option<u16>,
}

impl SessionFilter {
    /// Whether a session is meant.
    #[must_use]
    pub fn matches(&self, view: &SessionView) -> bool {
        let key = view.out_key;
        let at = |filter: Option<(Prefix, Option<u16>)>, address: u32, port: u16| {
            filter.is_none_or(|(prefix, wanted)| {
                prefix.contains(core::net::Ipv4Addr::from_bits(address))
                    && wanted.is_none_or(|wanted| wanted == port)
            })
        };
        at(self.inside, key.src(), key.src_port())
            && at(self.outside, view.outside, view.outside_port)
            && at(self.remote, key.dst(), key.dst_port())
            && self.protocol.is_none_or(|wanted| wanted == key.protocol())
            && self.realm.is_none_or(|wanted| wanted == key.realm())
            && self.rule.is_none_or(|wanted| wanted == view.rule)
    }
}
