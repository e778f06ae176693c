//! Configurations by chance: small enough that everything runs out.
//!
//! Steps happen at whole seconds. Timeouts end half a second later, hold-down
//! and idle blocks at other fractions, so that no step meets a timer at the same
//! moment and ticks need no model.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddrV4};

use proptest::prelude::*;
use tests::Config;

use crate::tcp::State;

/// Milliseconds of virtual time.
pub(crate) type Millis = u64;

/// On what a mapping or a filter depends (RFC 4787 sections 4.1 and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dependence {
    Endpoint,
    Address,
    AddressAndPort,
}

impl Dependence {
    const ALL: [Self; 3] = [Self::Endpoint, Self::Address, Self::AddressAndPort];

    const fn written(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint-independent",
            Self::Address => "address-dependent",
            Self::AddressAndPort => "address-and-port-dependent",
        }
    }
}

/// Whether a subscriber keeps to one outside address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pairing {
    Off,
    Strict,
    Soft,
}

/// Outside addresses and their ports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pool {
    first: Ipv4Addr,
    /// A power of two.
    addresses: u32,
    pub(crate) first_port: u16,
    pub(crate) ports: u16,
    /// Ports in a block and most blocks of a subscriber, if lent in blocks.
    pub(crate) blocks: Option<(u16, u16)>,
    least_used: bool,
}

impl Pool {
    pub(crate) fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> + use<> {
        let first = self.first.to_bits();
        (first..first + self.addresses).map(Ipv4Addr::from_bits)
    }

    /// Blocks of each address; a range that is shared counts as one.
    pub(crate) fn blocks_per_address(&self) -> u16 {
        self.blocks.map_or(1, |(size, _)| self.ports / size)
    }

    fn written(&self, name: &str) -> String {
        let last_port = self.first_port + (self.ports - 1);
        let mut text = format!(
            "name: {name}, prefixes: [{}/{}], ports: {}-{last_port}",
            self.first,
            32 - self.addresses.trailing_zeros(),
            self.first_port,
        );
        if let Some((size, most)) = self.blocks {
            write!(
                text,
                ", blocks: {{ size: {size}, max_per_subscriber: {most}, idle_timeout: 30150ms }}"
            )
            .unwrap();
        }
        if self.least_used {
            text.push_str(", allocation: least-used");
        }
        text
    }
}

/// Limits; `None` is none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) sessions: Option<usize>,
    pub(crate) rate: Option<u64>,
    pub(crate) ports: Option<usize>,
    pub(crate) inbound: Option<usize>,
    pub(crate) rule: Option<usize>,
    pub(crate) mapping_table: Option<usize>,
    pub(crate) subscriber_table: Option<usize>,
}

/// One configuration.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) pools: Vec<Pool>,
    pub(crate) mapping: Dependence,
    pub(crate) filtering: Dependence,
    pub(crate) pairing: Pairing,
    pub(crate) parity: bool,
    pub(crate) preserve: bool,
    pub(crate) hairpin: bool,
    pub(crate) inbound_refresh: bool,
    pub(crate) hold_down: Millis,
    pub(crate) limits: Limits,
}

impl Setup {
    /// An unused block goes back after this.
    pub(crate) const IDLE: Millis = 30_150;

    /// How long a session of this state lasts without packets.
    pub(crate) const fn timeout(state: State) -> Millis {
        match state {
            State::Udp => 120_500,
            State::UdpDns | State::TimeWait => 10_500,
            State::Icmp => 20_500,
            State::OutboundSyn | State::InboundSyn => 40_500,
            State::Established | State::InsideFin | State::OutsideFin => 300_500,
            State::BothFin | State::Reset => 60_500,
        }
    }

    /// Whether an address is an outside one.
    pub(crate) fn owns(&self, address: Ipv4Addr) -> bool {
        self.pool_of(address).is_some()
    }

    /// The pool of an outside address.
    pub(crate) fn pool_of(&self, address: Ipv4Addr) -> Option<usize> {
        self.pools
            .iter()
            .position(|pool| pool.addresses().any(|own| own == address))
    }

    /// Some endpoint of the pools, by number.
    pub(crate) fn endpoint(&self, number: usize) -> SocketAddrV4 {
        let pool = self.pools[number % self.pools.len()];
        let addresses: Vec<Ipv4Addr> = pool.addresses().collect();
        let port = pool.first_port + (number / 7) as u16 % pool.ports;
        SocketAddrV4::new(addresses[number / 3 % addresses.len()], port)
    }

    /// What a port that was given back at once leaves behind: a block that is
    /// lent, or itself at rest.
    pub(crate) fn leaves_traces(&self) -> bool {
        self.hold_down > 0 || self.pools.iter().any(|pool| pool.blocks.is_some())
    }

    /// Whether filters tell senders inside apart by the outside address they are given.
    pub(crate) fn filters_by_one_of_several(&self) -> bool {
        let addresses = self.pools.iter().flat_map(Pool::addresses);
        self.filtering != Dependence::Endpoint && addresses.count() > 1
    }

    /// The file.
    pub(crate) fn config(&self) -> Config {
        let limits = &self.limits;
        let mut config = Config::new()
            .pool("name", "spare")
            .pool("prefixes", "[203.0.113.240/32]")
            .rule("mapping", self.mapping.written())
            .rule("filtering", self.filtering.written())
            .rule("parity", &self.parity.to_string())
            .rule("preserve_port", &self.preserve.to_string())
            .rule("hairpin", &self.hairpin.to_string())
            .rule(
                "paired",
                match self.pairing {
                    Pairing::Off => "false",
                    Pairing::Strict => "true",
                    Pairing::Soft => "soft",
                },
            )
            .nat(&format!(
                "hold_down: {{ time: {}ms, max_percent: 100 }}",
                self.hold_down
            ))
            .nat(&format!("udp_inbound_refresh: {}", self.inbound_refresh))
            .rule("limits", &rule_limits(limits));
        for (key, state) in [
            ("udp", State::Udp),
            ("udp_dns", State::UdpDns),
            ("icmp", State::Icmp),
            ("tcp_opening", State::OutboundSyn),
            ("tcp_established", State::Established),
            ("tcp_closing", State::BothFin),
            ("tcp_time_wait", State::TimeWait),
        ] {
            config = config.timeout(key, &format!("{}ms", Self::timeout(state)));
        }
        for (key, most) in [
            ("mappings", limits.mapping_table),
            ("subscribers", limits.subscriber_table),
        ] {
            if let Some(most) = most {
                config = config.limit(key, &most.to_string());
            }
        }
        let mut names = Vec::new();
        for (number, pool) in self.pools.iter().enumerate() {
            let name = format!("pool-{number}");
            config = config.add_pool(&pool.written(&name));
            names.push(name);
        }
        config.rule("pool", &format!("[{}]", names.join(", ")))
    }
}

fn rule_limits(limits: &Limits) -> String {
    let mut parts = Vec::new();
    for (key, most) in [
        ("sessions", limits.sessions),
        ("inbound_sessions", limits.inbound),
        ("rule_sessions", limits.rule),
    ] {
        parts.extend(most.map(|most| format!("{key}: {most}")));
    }
    let rate = limits.rate;
    parts.extend(rate.map(|rate| format!("new_sessions_per_second: {rate}")));
    let ports = limits.ports;
    parts.extend(ports.map(|most| format!("ports: {{ tcp: {most}, udp: {most}, icmp: {most} }}")));
    format!("{{ {} }}", parts.join(", "))
}

/// Any configuration.
pub(crate) fn any() -> impl Strategy<Value = Setup> {
    let dependence = || prop::sample::select(&Dependence::ALL[..]);
    // The usual one as often as all others together.
    let mapping = prop_oneof![Just(Dependence::Endpoint), dependence()];
    let pairing = prop_oneof![
        2 => Just(Pairing::Strict),
        1 => Just(Pairing::Soft),
        1 => Just(Pairing::Off),
    ];
    let pools = prop_oneof![
        2 => pool(0).prop_map(|one| vec![one]),
        1 => (pool(0), pool(1)).prop_map(|(one, other)| vec![one, other]),
    ];
    let hold_down = prop_oneof![Just(0), Just(25_200)];
    let switches = (any_bool(2), any_bool(4), any_bool(3), any_bool(4));
    (
        pools,
        (mapping, dependence(), pairing),
        switches,
        hold_down,
        limits(),
    )
        .prop_map(|(pools, behaviour, switches, hold_down, limits)| {
            let (mapping, filtering, pairing) = behaviour;
            let (no_parity, preserve, no_hairpin, inbound_refresh) = switches;
            // No more ports rest than the table has mappings, and of several that come
            // at once nobody can say which do not.
            let hold_down = match limits.mapping_table {
                Some(_) => 0,
                None => hold_down,
            };
            Setup {
                pools,
                mapping,
                filtering,
                pairing,
                parity: !no_parity,
                preserve,
                hairpin: !no_hairpin,
                inbound_refresh,
                hold_down,
                limits,
            }
        })
}

/// True once in `times`.
fn any_bool(times: u32) -> impl Strategy<Value = bool> {
    prop_oneof![times - 1 => Just(false), 1 => Just(true)]
}

fn pool(number: u8) -> impl Strategy<Value = Pool> {
    let first = Ipv4Addr::new(203, 0, 113, 16 + 16 * number);
    let blocks = prop_oneof![
        1 => Just(None),
        2 => (1_u16..=8, 1_u16..=4).prop_map(Some),
    ];
    (0_u32..=1, 8_u16..=40, blocks, any_bool(4)).prop_map(
        move |(addresses, ports, blocks, least_used)| {
            let addresses = 1 << addresses;
            // Odd starts are for parity.
            let first_port = 5000 + 100 * u16::from(number) + ports % 2;
            let blocks = blocks.map(|(size, most)| {
                let all = u32::from(ports / size) * addresses;
                (size, most.min(all as u16))
            });
            Pool {
                first,
                addresses,
                first_port,
                ports,
                blocks,
                least_used,
            }
        },
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    // Each so often, and so narrow, that a run of the usual length meets it many times.
    let some = |most: std::ops::RangeInclusive<usize>| prop::option::weighted(0.25, most);
    (
        prop::option::weighted(0.15, 2..=6_usize),
        prop::option::weighted(0.15, 1_u64..=4),
        some(1..=4),
        prop::option::weighted(0.6, 1..=2_usize),
        prop::option::weighted(0.15, 3..=12_usize),
        some(6..=14),
        prop::option::weighted(0.15, 2..=4_usize),
    )
        .prop_map(
            |(sessions, rate, ports, inbound, rule, mapping_table, subscriber_table)| Limits {
                sessions,
                rate,
                ports,
                inbound,
                rule,
                mapping_table,
                subscriber_table,
            },
        )
}
