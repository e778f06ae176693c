//! What threads tell each other besides packets.

use std::sync::Arc;

use base::Prefix;
use nat::{Layout, Realm, SessionView};
use wire::ethernet::Mac;

use crate::inspect::{Inspect, Row};

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
