//! What a log says of what happened: fixed in size and without text, as a shard notes it.
//!
//! The events are those of RFC 8158 section 5.4; what they look like on the wire is the
//! business of others.

use core::net::Ipv4Addr;

use base::Nanos;

use crate::key::Realm;
use crate::notice::BlockNotice;

/// A record and when it was noted, to the turn of its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logged {
    /// When, since the start.
    pub at: Nanos,
    /// What.
    pub record: Record,
}

const _: () = assert!(size_of::<Logged>() <= 40);

/// One thing to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A session.
    Session(Life, Flow, Remote),
    /// A mapping: an entry of the binding information base.
    Mapping(Life, Flow),
    /// An inside host and an outside address that it has ports of.
    Address {
        /// Whether that begins or ends.
        life: Life,
        /// Inside address.
        inside: Ipv4Addr,
        /// Realm of the inside.
        realm: Realm,
        /// Outside address.
        outside: Ipv4Addr,
    },
    /// A block of ports.
    Block(Life, BlockNotice),
    /// A pool had nothing left for somebody without an address of it.
    AddressesExhausted {
        /// Number of the pool.
        pool: u16,
    },
    /// An outside address had no port left for somebody who keeps to it.
    PortsExhausted {
        /// Outside address.
        outside: Ipv4Addr,
        /// IP protocol.
        protocol: u8,
    },
    /// A limit has refused something.
    Quota(Quota),
    /// Something has come to be as much, or as little, as was set.
    Threshold(Threshold),
}

/// Whether something begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It begins.
    Begun,
    /// It ends.
    Ended,
}

/// An inside endpoint and the outside one that stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Inside address.
    pub inside: Ipv4Addr,
    /// Outside address.
    pub outside: Ipv4Addr,
    /// Inside port or identifier.
    pub inside_port: u16,
    /// Outside port or identifier.
    pub outside_port: u16,
    /// IP protocol; [`crate::ANY_PROTOCOL`] of an address that is mapped as a whole.
    pub protocol: u8,
    /// Realm of the inside.
    pub realm: Realm,
}

/// The other side of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Its address as the inside host knows it.
    pub known_as: Ipv4Addr,
    /// Its address, another one only with twice NAT.
    pub address: Ipv4Addr,
    /// Its port, the same on both sides.
    pub port: u16,
}

/// A limit that has refused something, and how much it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// Sessions of the table, a rule or a realm.
    Sessions(u32),
    /// Mappings of the table.
    Mappings(u32),
    /// Subscribers.
    Subscribers(u32),
    /// Sessions or ports of a subscriber.
    Entries(u32, Ipv4Addr, Realm),
    /// Datagrams whose fragments are waited for.
    Fragments(u32, Ipv4Addr, Realm),
}

/// A threshold that was reached, and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// Much of a pool is in use: so many of its blocks, or ports where they are shared.
    PoolHigh(u32, u16),
    /// Little of it is again.
    PoolLow(u32, u16),
    /// Mappings of the table.
    Mappings(u32),
    /// Ports of a subscriber.
    OfSubscriber(u32, Ipv4Addr, Realm),
    /// Subscribers with an outside address of their own.
    Subscribers(u32),
}
