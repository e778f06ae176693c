//! What a shard is made from: the validated configuration, in the translator's terms.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use base::{Nanos, Prefix};

use crate::deterministic::Computed;
use crate::gateway::Services;
use crate::key::Realm;
use crate::pcp::Policy;
use crate::tcp_state::State;
use crate::zones::ZoneSettings;

/// Everything about translation.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Pools; rules name them by place.
    pub pools: Vec<Pool>,
    /// Rules, first match first; those of deterministic NAT behind the others.
    pub rules: Vec<Rule>,
    /// Rules that give remote hosts an address towards the inside (twice NAT),
    /// first match first. They come behind `rules` where rules are numbered.
    pub outside_rules: Vec<Rule>,
    /// Static mappings.
    pub statics: Vec<Static>,
    /// What gateways look at in flows that no rule decides.
    pub services: Services,
    /// Most sessions of a realm, all shards together; a realm without is not limited.
    pub realm_sessions: Vec<(Realm, u32)>,
    /// Zone policy, if there is one.
    pub zones: Option<ZoneSettings>,
    /// What is kept out of the outside, if anything.
    pub protection: Option<Protection>,
    /// Timeouts.
    pub timeouts: Timeouts,
    /// Inbound packets restart UDP timers (RFC 4787 REQ-6a).
    pub udp_inbound_refresh: bool,
    /// How long a freed port rests.
    pub hold_down: Nanos,
    /// Most ports of a block, in percent, that rest at once.
    pub hold_down_percent: u8,
}

/// What is kept out of the outside, whatever sessions there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Of packets to one outside address.
    pub packets: Option<Rate>,
    /// Of ICMP to one outside address.
    pub icmp: Option<Rate>,
    /// Of packets to one outside address that are of no session.
    pub unsolicited: Option<Rate>,
    /// How long everything for an address is dropped that got more packets than its rate;
    /// zero: only what is too much.
    pub shut_for: Nanos,
    /// From or to these nothing comes in.
    pub black_hole: Vec<Prefix>,
    /// Who is taken for a scanner.
    pub scan: Option<Scan>,
}

/// A rate and how much may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Packets a second; of more than ten million nanoseconds are rounded.
    pub per_second: u32,
    /// Packets.
    pub burst: u32,
}

/// Who is taken for a scanner, and what then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Outside ports touched that nobody has.
    pub ports: u16,
    /// Within this time.
    pub window: Nanos,
    /// How long first packets of the remote host are dropped.
    pub block: Nanos,
}

/// Outside addresses and how their ports are lent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// What it is known by when the settings change.
    pub name: String,
    /// Addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// Those of them from which nothing new is lent.
    pub draining: Vec<Ipv4Addr>,
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
    /// Which address a newcomer gets.
    pub allocation: Allocation,
    /// Some rule may use one port for several mappings.
    pub overloads: bool,
    /// Percent in use at which the pool is reported high, and low again.
    pub watermarks: Option<(u8, u8)>,
}

/// Which address of a pool a newcomer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Any, by chance.
    Random,
    /// One that is used least: by blocks lent, or by subscribers where they share a range.
    LeastUsed,
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
        /// First of the consecutive inside addresses.
        first: Ipv4Addr,
        /// Realm of the inside.
        realm: Realm,
        /// Which ports of which outside address each of them has.
        computed: Computed,
        /// Pool to go on with when they are used up.
        overflow: Option<usize>,
        /// Most ports of a subscriber and protocol, those of the overflow included.
        most: Option<u32>,
    },
    /// A whole address for each subscriber, all protocols, ports kept.
    Whole,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is known by when the settings change.
    pub name: String,
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
    /// Protocols; empty: all, or if it translates, TCP, UDP and ICMP.
    pub protocols: Vec<u8>,
    /// Translates whole addresses, so that no protocol needs to be named.
    pub all_protocols: bool,
    /// What gateways look at in its flows.
    pub services: Services,
    /// What its subscribers may ask for (PCP).
    pub pcp: Option<Policy>,
    /// What to do.
    pub action: Action,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Most pools of a rule.
pub const MAX_POOLS: usize = 4;

/// Places of a rule's pools, in the order they are drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolList([u16; MAX_POOLS]);

impl PoolList {
    /// The first [`MAX_POOLS`] of these.
    #[must_use]
    pub fn new(pools: impl IntoIterator<Item = usize>) -> Self {
        let mut list = [u16::MAX; MAX_POOLS];
        for (place, pool) in list.iter_mut().zip(pools) {
            *place = u16::try_from(pool).unwrap_or(u16::MAX);
        }
        Self(list)
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        let pools = self.0.into_iter();
        pools.take_while(|pool| *pool != u16::MAX).map(usize::from)
    }
}

/// Whether a subscriber keeps to one outside address (RFC 4787 REQ-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Every mapping may get another.
    Off,
    /// One; when it has no port left, new flows are refused (RFC 7857 section 4).
    Strict,
    /// One, and another when it has no port left.
    Soft,
}

/// What of a rule's flows is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Every session, or if destinations are left out, every mapping.
    pub sessions: bool,
    /// Where sessions lead.
    pub destinations: bool,
    /// Blocks of ports.
    pub blocks: bool,
}

impl Log {
    /// Nothing.
    pub const NONE: Self = Self {
        sessions: false,
        destinations: false,
        blocks: false,
    };

    /// Whether there is anything.
    #[must_use]
    #[inline]
    pub const fn any(self) -> bool {
        self.sessions || self.blocks
    }

    /// What either says.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            sessions: self.sessions || other.sessions,
            destinations: self.destinations || other.destinations,
            blocks: self.blocks || other.blocks,
        }
    }
}

/// How a rule translates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translate {
    /// Where outside addresses come from.
    pub pools: PoolList,
    /// Mapping behaviour.
    pub mapping: Dependence,
    /// Filtering behaviour.
    pub filtering: Dependence,
    /// One outside address for all of a subscriber.
    pub pairing: Pairing,
    /// Keep the parity of UDP ports.
    pub parity: bool,
    /// Keep the port where it is free.
    pub preserve: bool,
    /// When no port is free, one that is used towards other remotes (RFC 7857 section 3).
    pub overload: bool,
    /// Inside hosts reach each other's outside addresses.
    pub hairpin: bool,
    /// A hairpin keeps its inside source.
    pub hairpin_preserve: bool,
    /// Limits of a subscriber.
    pub limits: Limits,
    /// What is logged.
    pub log: Log,
}

/// Limits of one subscriber, and of all of a rule; `u32::MAX` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions.
    pub sessions: u32,
    /// New sessions a second; `None` is no limit.
    pub rate: Option<u32>,
    /// Ports, by [`PortProtocol`].
    pub ports: [u32; PortProtocol::COUNT],
    /// Sessions of all the rule's subscribers, all shards together.
    pub rule_sessions: u32,
    /// Sessions from outside through one mapping.
    pub inbound: u16,
    /// The last of `sessions` and `ports` that are kept for chosen services.
    pub reserve: u32,
    /// Destination ports of these services, with the last of each range.
    pub reserve_ports: [(u16, u16); MAX_RESERVED],
    /// Percent of a ports limit at which a subscriber is reported.
    pub watermark: u8,
}

/// Most ranges of destination ports with a reserve.
pub const MAX_RESERVED: usize = 8;

impl Limits {
    /// No limit.
    pub const NONE: Self = Self {
        sessions: u32::MAX,
        rate: None,
        ports: [u32::MAX; PortProtocol::COUNT],
        rule_sessions: u32::MAX,
        inbound: u16::MAX,
        reserve: 0,
        reserve_ports: [(0, 0); MAX_RESERVED],
        watermark: 90,
    };

    /// What of a limit is not for flows to this destination port.
    #[must_use]
    pub fn reserved_from(&self, port: u16) -> u32 {
        if self.reserve == 0 {
            return 0;
        }
        let chosen = self
            .reserve_ports
            .iter()
            .any(|(low, high)| *low > 0 && (*low..=*high).contains(&port));
        if chosen { 0 } else { self.reserve }
    }
}

/// A static mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Static {
    /// IP protocol; `None`: all.
    pub protocol: Option<u8>,
    /// Inside address, the first of consecutive ones.
    pub inside: Ipv4Addr,
    /// More inside addresses that share what comes in, each like the first.
    pub others: Vec<Ipv4Addr>,
    /// How long a remote host stays with one of them; `None`: each connection may go to another.
    pub affinity: Option<Nanos>,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// UDP.
    pub udp: Nanos,
    /// UDP to port 53.
    pub udp_dns: Nanos,
    /// TCP with both sides open, or one closed.
    pub tcp_established: Nanos,
    /// TCP opening.
    pub tcp_opening: Nanos,
    /// TCP closing, or reset.
    pub tcp_closing: Nanos,
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
            State::OutboundSyn | State::InboundSyn => self.tcp_opening,
            State::BothFin | State::Reset => self.tcp_closing,
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
    /// DCCP and UDP-Lite, which share one range.
    Other,
}

impl PortProtocol {
    /// How many there are.
    pub const COUNT: usize = 4;

    /// All of them.
    pub const ALL: [Self; Self::COUNT] = [Self::Tcp, Self::Udp, Self::Icmp, Self::Other];

    /// The IP protocol, the first where two share a range.
    #[must_use]
    pub const fn protocol(self) -> u8 {
        match self {
            Self::Tcp => wire::ipv4::protocol::TCP,
            Self::Udp => wire::ipv4::protocol::UDP,
            Self::Icmp => wire::ipv4::protocol::ICMP,
            Self::Other => wire::ipv4::protocol::DCCP,
        }
    }

    /// By IP protocol number.
    #[must_use]
    pub const fn of(protocol: u8) -> Option<Self> {
        match protocol {
            wire::ipv4::protocol::TCP => Some(Self::Tcp),
            wire::ipv4::protocol::UDP => Some(Self::Udp),
            wire::ipv4::protocol::ICMP => Some(Self::Icmp),
            wire::ipv4::protocol::DCCP | wire::ipv4::protocol::UDP_LITE => Some(Self::Other),
            _ => None,
        }
    }
}
