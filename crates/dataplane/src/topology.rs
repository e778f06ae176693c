//! Interfaces, routes and static neighbours: the layer-3 part of the configuration.

use core::net::Ipv4Addr;

use base::{Nanos, Prefix};
use nat::Realm;
use pktio::PortId;
use wire::ethernet::{Mac, Tags};
use wire::igmp;

/// All of it.
#[derive(Clone, Debug)]
pub struct Topology {
    /// Interfaces; others name them by place.
    pub interfaces: Vec<Interface>,
    /// Static routes.
    pub routes: Vec<Route>,
    /// Static neighbours.
    pub neighbors: Vec<StaticNeighbor>,
    /// Most neighbours.
    pub max_neighbors: u16,
    /// Most fragmented datagrams followed at once, per worker.
    pub max_fragments: u32,
    /// How long fragments wait for their first.
    pub fragment_timeout: Nanos,
    /// ICMP unreachable code when no session can be made: 1 or 13.
    pub refusal_code: u8,
    /// Most SIP calls in the database.
    pub max_calls: u32,
    /// Multicast, if it is forwarded at all.
    pub multicast: Option<Multicast>,
    /// Gateways' messages that come in parts, if they are put together (vTCP).
    pub streams: Option<StreamLimits>,
}

/// What putting messages together may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Longest message, in bytes.
    pub max_message: usize,
    /// Bytes held for all connections together.
    pub memory: usize,
}

/// Which groups go where (RFC 5135).
#[derive(Clone, Debug)]
pub struct Multicast {
    /// Where groups are joined, and where what is sent to them leaves.
    pub upstream: u16,
    /// Where members are, and who sends from.
    pub downstream: Vec<u16>,
    /// What members send leaves by the upstream interface.
    pub outward: bool,
    /// Groups that may leave.
    pub scopes: Vec<Prefix>,
    /// Most memberships: of an interface in a group, or to one source of it.
    pub groups_max: u32,
    /// IGMP version spoken downstream and, while its querier lets it, upstream.
    pub igmp_version: igmp::Version,
}

/// One interface.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Port it is on.
    pub port: PortId,
    /// VLAN tags that make it.
    pub tags: Tags,
    /// Realm it belongs to.
    pub realm: Realm,
    /// Own MAC address.
    pub mac: Mac,
    /// Takes frames for any MAC address: replaying other machines' captures.
    pub any_mac: bool,
    /// Longest IP packet.
    pub mtu: u16,
    /// Upper bound of TCP MSS through it.
    pub mss_clamp: Option<u16>,
    /// The appliance answers with ICMP errors to what came by it.
    pub icmp_errors: bool,
    /// Own addresses with their networks.
    pub addresses: Vec<(Ipv4Addr, Prefix)>,
}

/// A static route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Destinations.
    pub prefix: Prefix,
    /// Where to send them.
    pub next_hop: Ipv4Addr,
    /// Where that is.
    pub interface: u16,
    /// Realm.
    pub realm: Realm,
}

/// A neighbour that is configured.
#[derive(Clone, Copy, Debug)]
pub struct StaticNeighbor {
    /// Where it is.
    pub interface: u16,
    /// Its address.
    pub ip: Ipv4Addr,
    /// Its MAC address.
    pub mac: Mac,
}
