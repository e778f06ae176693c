//! What a shard is made from: the validated configuration, in the translator's terms.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use base::{Nanos, Prefix};

use crate::key::Realm;
use crate::tcp_state::State;

/// Everything about translation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Pools; rules name them by place.
    pub pools: Vec<Pool>,
    /// Rules, first match first; those of deterministic NAT behind the others.
    pub rules: Vec<Rule>,
    /// Static mappings.
    pub statics: Vec<Static>,
    /// Timeouts.
    pub timeouts: Timeouts,
    /// Inbound packets restart UDP timers (RFC 4787 REQ-6a).
    pub udp_inbound_refresh: bool,
    /// How long a freed port rests.
    pub hold_down: Nanos,
    /// Most ports of a block, in percent, that rest at once.
    pub hold_down_percent: u8,
}

/// Outside addresses and how their ports are lent.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// Realm of the outside.
    pub realm: Realm,
    /// First port used.
    pub first_port: u16,
    /// Last port used.
    pub last_port: u16,
    /// Ports never used.
    pub exclude_ports: Vec<(u16, u16)>,
    /// How the range is divided.
    pub division: Division,
}

/// How the ports of an address are divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Division {
    /// All subscribers of an address share its range.
    Shared,
    /// Lent in blocks.
    Blocks {
        /// Ports in a block.
        size: u16,
        /// Most blocks of one subscriber.
        max_per_subscriber: u16,
        /// An unused block goes back after this.
        idle: Nanos,
        /// New ports stop coming from a block after this.
        active: Option<Nanos>,
    },
    /// Computed from the inside address (RFC 7422).
    Deterministic {
        /// Inside addresses.
        source: Prefix,
        /// Ports of each.
        ports_per_host: u16,
        /// Pool to go on with when they are used up.
        overflow: Option<usize>,
    },
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// By interface number: whether traffic from there is meant; `None`: from any.
    pub interfaces: Option<Box<[bool]>>,
    /// Realm of the inside.
    pub realm: Realm,
    /// Realm of the outside.
    pub outside_realm: Realm,
    /// Source prefixes.
    pub source: Vec<Prefix>,
    /// Destination prefixes; empty: all.
    pub destination: Vec<Prefix>,
    /// Destination ports; empty: all.
    pub destination_ports: Vec<(u16, u16)>,
    /// Protocols; empty: all.
    pub protocols: Vec<u8>,
    /// What to do.
    pub action: Action,
}

/// What a rule does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Translate.
    Translate(Translate),
    /// Forward untouched.
    Pass,
    /// Drop.
    Drop,
}

/// On what a mapping or a filter depends (RFC 4787 sections 4.1 and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependence {
    /// Only the inside endpoint.
    Endpoint,
    /// The remote address too.
    Address,
    /// The remote address and port too.
    AddressAndPort,
}

/// How a rule translates.
#[derive(Clone, Copy, Debug)]
pub struct Translate {
    /// Place of the pool.
    pub pool: usize,
    /// Mapping behaviour.
    pub mapping: Dependence,
    /// Filtering behaviour.
    pub filtering: Dependence,
    /// One outside address for all of a subscriber.
    pub paired: bool,
    /// Keep the parity of UDP ports.
    pub parity: bool,
    /// Inside hosts reach each other's outside addresses.
    pub hairpin: bool,
    /// A hairpin keeps its inside source.
    pub hairpin_preserve: bool,
    /// Limits of a subscriber.
    pub limits: Limits,
}

/// Limits of one subscriber; `u32::MAX` is none.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sessions.
    pub sessions: u32,
    /// New sessions a second; `None` is no limit.
    pub rate: Option<u32>,
    /// Ports of TCP, UDP, ICMP, by [`PortProtocol`].
    pub ports: [u32; 3],
}

/// A static mapping.
#[derive(Clone, Debug)]
pub struct Static {
    /// IP protocol; `None`: all.
    pub protocol: Option<u8>,
    /// Inside addresses.
    pub inside: Ipv4Addr,
    /// Outside address.
    pub outside: Ipv4Addr,
    /// Consecutive addresses on both sides.
    pub count: u32,
    /// First inside port, first outside port, number; `None`: whole addresses.
    pub ports: Option<(u16, u16, u16)>,
    /// Realm of the inside.
    pub realm: Realm,
    /// Realm of the outside.
    pub outside_realm: Realm,
    /// Who may come in.
    pub filtering: Dependence,
}

/// How long sessions last without packets.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// UDP.
    pub udp: Nanos,
    /// UDP to port 53.
    pub udp_dns: Nanos,
    /// TCP with both sides open, or one closed.
    pub tcp_established: Nanos,
    /// TCP opening, closing, or reset.
    pub tcp_transitory: Nanos,
    /// TCP closed and acknowledged.
    pub tcp_time_wait: Nanos,
    /// ICMP queries.
    pub icmp: Nanos,
    /// ESP.
    pub esp: Nanos,
}

impl Timeouts {
    /// Of every state.
    #[must_use]
    pub fn of(&self, state: State) -> Nanos {
        match state {
            State::Udp | State::Other => self.udp,
            // RFC 5135 REQ-14.
            State::UdpMember => self.udp.max(Nanos::from_secs(3600)),
            State::UdpDns => self.udp_dns,
            State::Icmp => self.icmp,
            State::Esp => self.esp,
            State::Established | State::InsideFin | State::OutsideFin => self.tcp_established,
            State::OutboundSyn | State::InboundSyn | State::BothFin | State::Reset => {
                self.tcp_transitory
            }
            State::TimeWait => self.tcp_time_wait,
        }
    }
}

/// Protocols whose ports (or identifiers) come from pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PortProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP queries.
    Icmp,
}

impl PortProtocol {
    /// By IP protocol number.
    #[must_use]
    pub const fn of(protocol: u8) -> Option<Self> {
        match protocol {
            wire::ipv4::protocol::TCP => Some(Self::Tcp),
            wire::ipv4::protocol::UDP => Some(Self::Udp),
            wire::ipv4::protocol::ICMP => Some(Self::Icmp),
            _ => None,
        }
    }
}
