//! Doors: flows that are expected from outside, in a table of their own.
//!
//! ```text
//!  outside endpoint, protocol, realm ──Index──> doors of one inside endpoint,
//!                                               for one remote or any each
//!  parent ──Index──> first of its doors <──> the others
//!  lifetime ──Wheel──> what has to be closed
//! ```
//!
//! A gateway opens a door for the subscriber that asked for it; the first packet that fits
//! [enters](Doors::enter) and becomes a session, and a door that is used up is gone. A door closes
//! with its parent (a session, or a call that may be in several) or by its lifetime, whichever
//! comes first. Who opens one again from the same
//! place renews it; who points at an endpoint that is another inside host's is refused.
//!
//! Invariants: all doors of an outside endpoint have the same inside endpoint; a subscriber has no
//! more than its share. All memory is allocated when the table is made, which a shard owns.

mod table;

use base::Ticks;

use crate::gateway::Gateway;
use crate::key::{FlowKey, Realm};
use crate::subscriber::SubscriberId;

pub use table::Doors;

/// Names a door while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorId(pub(crate) u32);

/// Who opened a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The configuration.
    Static,
    /// A host, by PCP (RFC 6887).
    Pcp,
    /// A gateway.
    Gateway(Gateway),
}

impl Origin {
    /// As `show doors` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Pcp => "pcp",
            Self::Gateway(gateway) => gateway.name(),
        }
    }
}

/// An endpoint in a realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// IPv4 address.
    pub address: u32,
    /// Port; zero where the protocol has none.
    pub port: u16,
    /// Address space.
    pub realm: Realm,
}

/// Who may come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Remote {
    /// From this address only.
    pub address: Option<u32>,
    /// From this port only.
    pub port: Option<u16>,
}

impl Remote {
    /// Everybody.
    pub const ANY: Self = Self {
        address: None,
        port: None,
    };

    /// Whether an endpoint is let in.
    #[must_use]
    pub fn admits(self, address: u32, port: u16) -> bool {
        self.address.is_none_or(|only| only == address) && self.port.is_none_or(|only| only == port)
    }

    /// The more it asks for, the higher.
    const fn strictness(self) -> u8 {
        2 * self.address.is_some() as u8 + self.port.is_some() as u8
    }
}

/// How many flows may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Uses {
    /// So many, at least one.
    Left(u16),
    /// Any number while it is open.
    Many,
}

/// What a door closes with, if not by its own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parent {
    /// The session with this number.
    Session(u32),
    /// The call with this number, whatever sessions it is in.
    Call(u32),
}

/// One door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Door {
    /// Where the packets go to.
    pub outside: Place,
    /// IP protocol.
    pub protocol: u8,
    /// Who may come in.
    pub remote: Remote,
    /// Where they are sent on to.
    pub inside: Place,
    /// Flows that may come in yet.
    pub uses: Uses,
    /// Who opened it.
    pub origin: Origin,
    /// What it closes with; `None` if it stands for itself.
    pub parent: Option<Parent>,
    /// Whose share it counts in; `None` if nobody's.
    pub subscriber: Option<SubscriberId>,
    /// When it closes; `None` if it stays.
    pub expires: Option<Ticks>,
    /// Whoever comes in speaks the protocol of the gateway that opened it, which goes with them.
    pub answers: bool,
    /// As which of the gateway's kinds of sessions.
    pub kind: u8,
    /// Both sides of its call want it.
    pub agreed: bool,
}

impl Door {
    const fn key(&self) -> FlowKey {
        key(self.outside, self.protocol)
    }

    /// Whether this is the same door, opened again.
    fn is_same(&self, other: &Self) -> bool {
        self.remote == other.remote && self.parent == other.parent && self.origin == other.origin
    }
}

const fn key(outside: Place, protocol: u8) -> FlowKey {
    FlowKey::new(0, outside.address, 0, outside.port, protocol, outside.realm)
}

/// What opening a door came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenedDoor {
    /// It is new.
    New(DoorId),
    /// It was open and has a new lifetime and its uses back.
    Renewed(DoorId),
}

/// Why a door stays shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DoorRefusal {
    /// The outside endpoint leads to another inside endpoint.
    #[error("the outside endpoint is another host's")]
    Taken,
    /// The subscriber has its share of doors.
    #[error("the subscriber has too many doors")]
    Share,
    /// The table is full.
    #[error("the table of doors is full")]
    Full,
    /// No flow could come in.
    #[error("a door without uses")]
    NoUses,
}

#[cfg(test)]
mod tests;
