//! One worker's part of the translator: what happens when a packet is not plain.
//!
//! Plain packets of known sessions go through [`Shard::find`] and
//! [`Shard::plain`] alone. Everything else comes here: [`Shard::open_outbound`]
//! and [`Shard::open_inbound`] for the first packet of a flow,
//! [`Shard::on_packet`] for what changes a session's state, [`Shard::expire`] for time.
//!
//! Invariants: a session's mapping exists as long as the session; a mapping's
//! port is set in its block; a subscriber counts its sessions, its mappings by
//! protocol and its blocks. Refusals change nothing.

mod inbound;
mod life;
mod outbound;
mod ports;

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use base::{Counter, Counters, Direction, Nanos, Ticks};
use hashbrown::HashMap;
use wire::ipv4::protocol;

use crate::filter::AddressFilter;
use crate::holddown::Resting;
use crate::key::{FlowKey, Realm};
use crate::mapping::{Mapping, MappingId, MappingKind, MappingTable, NewMapping};
use crate::pool::{NO_BLOCK, PoolUse, Pools, count, low16};
use crate::region::Region;
use crate::rng::Rng;
use crate::session::{
    Flags, Guess, Hit, NewSession, Rewrite, Session, SessionId, SessionTable, SessionView,
};
use crate::settings::{Action, Dependence, Division, PortProtocol, Rule, Settings, Static};
use crate::statics::{StaticRow, Statics};
use crate::steer::Steering;
use crate::subscriber::{Subscriber, SubscriberId, SubscriberTable};
use crate::tcp_state::{Segment, State};

/// Scope of static mappings' outbound keys; pools use theirs plus one.
const STATIC_SCOPE: u16 = u16::MAX;

/// Rule number of sessions that a static mapping alone decides.
const NO_RULE: u16 = u16::MAX;

/// Sessions opened from outside and not answered yet, per mapping: enough for
/// any honest peer-to-peer program, too few to fill the table through one port.
const MAX_WEAK: u32 = 256;

/// Sizes of one shard's tables.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Sessions.
    pub sessions: u32,
    /// Mappings.
    pub mappings: u32,
    /// Subscribers.
    pub subscribers: u32,
}

/// The first packet of a flow.
#[derive(Clone, Copy, Debug)]
pub struct First {
    /// Its key.
    pub key: FlowKey,
    /// Its segment, if TCP.
    pub tcp: Option<Segment>,
    /// Its destination is an outside address.
    pub hairpin: bool,
    /// Now.
    pub now: Nanos,
}

/// Why a session was not opened: the drop reason that counts it.
pub type Refusal = Counter;

/// A session just opened.
pub type Opened = SessionId;

/// What an address of the outside is to the translator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutsideAddress {
    /// Pool and place in it, if it belongs to one.
    pub pool: Option<(u16, u32)>,
    /// A whole-address static mapping of every protocol has it.
    pub whole: bool,
}

/// A port at rest before it is given out again.
type HeldPort = (u32, u16, PortProtocol);

/// One worker's part of all translation state.
#[derive(Debug)]
pub struct Shard {
    settings: Settings,
    sessions: SessionTable,
    mappings: MappingTable,
    subscribers: SubscriberTable,
    pools: Pools,
    statics: Statics,
    outside: HashMap<(Realm, u32), OutsideAddress>,
    /// Only if a rule needs it.
    filter: Option<AddressFilter>,
    held_ports: Resting<HeldPort>,
    /// Blocks without a port in use, by pool, with the time of their notice.
    idle_blocks: Vec<Resting<u32>>,
    rng: Rng,
    /// What happened, `nat.*`.
    pub counters: Counters,
}

impl Shard {
    /// Makes shard `number` of those `steering` plans, with all it will ever allocate.
    #[must_use]
    pub fn new(
        settings: Settings,
        sizes: Sizes,
        steering: &Steering,
        number: u32,
        seed: u64,
        now: Nanos,
    ) -> Self {
        let mut rng = Rng::new(seed ^ u64::from(number).rotate_left(32));
        let mut timeouts = [0; State::COUNT];
        for (ticks, state) in timeouts.iter_mut().zip(State::ALL) {
            *ticks = Ticks::in_duration(settings.timeouts.of(state));
        }
        let pools = Pools::new(&settings.pools, steering.shards(), |pool, place, block| {
            steering.owner_of_block(pool, place, block) == number
        });
        let by_address = |rule: &Rule| {
            matches!(&rule.action, Action::Translate(translate)
                if translate.filtering == Dependence::Address && translate.mapping == Dependence::Endpoint)
        };
        let static_by_address =
            |one: &Static| one.ports.is_some() && one.filtering == Dependence::Address;
        let needed =
            settings.rules.iter().any(by_address) || settings.statics.iter().any(static_by_address);
        let filter = needed.then(|| AddressFilter::with_capacity(sizes.sessions, rng.word()));
        let mut idle_blocks = Vec::new();
        for (number, pool) in settings.pools.iter().enumerate() {
            idle_blocks.push(match pool.division {
                Division::Blocks { idle, .. } => {
                    let blocks = usize::try_from(pools.used(number).blocks_total).unwrap_or(0);
                    Resting::new(blocks * 2 + 64, Ticks::in_duration(idle).max(1))
                }
                _ => Resting::new(0, 0),
            });
        }
        let hold = Ticks::in_duration(settings.hold_down);
        let mut shard = Self {
            sessions: SessionTable::with_capacity(
                sizes.sessions,
                rng.word(),
                timeouts,
                now.ticks(),
            ),
            mappings: MappingTable::with_capacity(sizes.mappings, rng.word()),
            subscribers: SubscriberTable::with_capacity(sizes.subscribers, rng.word()),
            pools,
            statics: Statics::new(&settings.statics),
            outside: outside_addresses(&settings),
            filter,
            held_ports: Resting::new(sizes.mappings as usize, hold),
            idle_blocks,
            rng,
            counters: Counters::default(),
            settings,
        };
        shard.pin_static_ports();
        shard
    }

    /// Bytes of all tables.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.sessions.bytes()
            + self.mappings.bytes()
            + self.subscribers.bytes()
            + self.pools.bytes()
            + self.held_ports.bytes()
            + self.filter.as_ref().map_or(0, AddressFilter::bytes)
            + self.idle_blocks.iter().map(Resting::bytes).sum::<usize>()
    }

    /// Where the large tables lie.
    #[must_use]
    pub fn regions(&self) -> [Region; 5] {
        let [hot, cold, index] = self.sessions.regions();
        let [mappings, mapping_index] = self.mappings.regions();
        [hot, cold, index, mappings, mapping_index]
    }

    /// Bytes of the session table, its index included, per session it can hold.
    #[must_use]
    pub fn bytes_of_sessions(&self) -> usize {
        self.sessions.bytes()
    }

    /// Sessions there are.
    #[must_use]
    pub const fn session_count(&self) -> u32 {
        self.sessions.live()
    }

    /// Mappings there are.
    #[must_use]
    pub fn mapping_count(&self) -> u32 {
        self.mappings.live()
    }

    /// Subscribers there are.
    #[must_use]
    pub fn subscriber_count(&self) -> u32 {
        self.subscribers.live()
    }

    /// The settings it was made from.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    // --- the fast path -----------------------------------------------------

    /// Hash of a key, for the calls below.
    #[must_use]
    #[inline]
    pub fn hash(&self, key: FlowKey) -> u64 {
        self.sessions.hash(key)
    }

    /// Loads the index line of a hash.
    #[inline]
    pub fn prefetch_index(&self, hash: u64) {
        self.sessions.prefetch_index(hash);
    }

    /// The session a hash probably means; loads its line, and needs the index line.
    #[must_use]
    #[inline]
    pub fn guess(&self, hash: u64) -> Option<Guess> {
        self.sessions.guess(hash)
    }

    /// Whether a guess was right; if not, [`Shard::find`] knows.
    #[must_use]
    #[inline]
    pub fn confirm(&self, key: FlowKey, guess: Guess) -> Option<Hit> {
        self.sessions.confirm(key, guess)
    }

    /// Finds a session by either key.
    #[must_use]
    #[inline]
    pub fn find(&self, key: FlowKey, hash: u64) -> Option<Hit> {
        self.sessions.find(key, hash)
    }

    /// The session of a plain packet; `None`: it must take the general path.
    #[inline]
    pub fn plain(&mut self, hit: Hit) -> Option<&mut Session> {
        self.sessions.plain(hit)
    }

    /// Makes room in a session's counters, after [`Session::pass`] said so.
    pub fn carry(&mut self, id: SessionId) {
        self.sessions.carry(id);
    }

    // --- the general path --------------------------------------------------

    /// A session.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(id)
    }

    /// The rewrite of one direction.
    #[must_use]
    pub fn rewrite(&self, id: SessionId, direction: Direction) -> Option<Rewrite> {
        self.sessions.rewrite(id, direction)
    }

    /// Notes where a direction of a session leaves.
    pub fn cache_egress(
        &mut self,
        id: SessionId,
        direction: Direction,
        adjacency: u16,
        epoch: u16,
    ) {
        self.sessions.cache_egress(id, direction, adjacency, epoch);
    }

    /// Whether packets from this interface are from inside for some rule.
    #[must_use]
    pub fn is_inside(&self, interface: usize) -> bool {
        self.settings.rules.iter().any(|rule| {
            rule.interfaces
                .as_ref()
                .is_some_and(|inside| inside.get(interface) == Some(&true))
        })
    }

    /// The first rule that matches a packet from `interface`.
    #[must_use]
    pub fn match_rule(&self, interface: usize, key: FlowKey) -> Option<(usize, &Action)> {
        self.first_rule(key, |rule| match &rule.interfaces {
            Some(inside) => inside.get(interface) == Some(&true),
            None => true,
        })
    }

    /// Whether the answer to this packet would be passed untouched, so that the
    /// packet is too.
    #[must_use]
    pub fn passes_back(&self, key: FlowKey) -> bool {
        self.first_rule(key.reversed(), |_| true)
            .is_some_and(|(_, action)| matches!(action, Action::Pass))
    }

    fn first_rule(&self, key: FlowKey, from: impl Fn(&Rule) -> bool) -> Option<(usize, &Action)> {
        let (src, dst) = (Ipv4Addr::from_bits(key.src()), key.destination());
        let has_ports = matches!(key.protocol(), protocol::TCP | protocol::UDP);
        self.settings
            .rules
            .iter()
            .enumerate()
            .find(|(_, rule)| {
                rule.realm == key.realm()
                    && from(rule)
                    && rule.source.iter().any(|prefix| prefix.contains(src))
                    && (rule.destination.is_empty()
                        || rule.destination.iter().any(|prefix| prefix.contains(dst)))
                    && (rule.protocols.is_empty() || rule.protocols.contains(&key.protocol()))
                    && (rule.destination_ports.is_empty()
                        || has_ports
                            && rule
                                .destination_ports
                                .iter()
                                .any(|(low, high)| (*low..=*high).contains(&key.dst_port())))
            })
            .map(|(number, rule)| (number, &rule.action))
    }

    /// What the translator has to do with an address of the outside, if anything.
    #[must_use]
    pub fn outside_address(&self, realm: Realm, address: u32) -> Option<OutsideAddress> {
        self.outside.get(&(realm, address)).copied()
    }

    /// Whether a whole-address static mapping takes this protocol to an inside host.
    #[must_use]
    pub fn has_static_inside(&self, realm: Realm, outside: u32, protocol: u8) -> bool {
        self.statics.inside_of(realm, outside, protocol).is_some()
    }

    /// Whether an inside host has a static mapping for this flow, with or without a rule.
    #[must_use]
    pub fn has_static_outside(&self, key: FlowKey) -> bool {
        self.statics
            .outside_of(key.realm(), key.src(), key.protocol())
            .is_some()
            || self.mappings.find_outbound(static_key(key)).is_some()
    }

    // --- to look at --------------------------------------------------------

    /// One more than the highest session number ever used.
    #[must_use]
    pub fn session_slots(&self) -> u32 {
        self.sessions.slots()
    }

    /// The session with number `slot`, if there is one.
    #[must_use]
    pub fn session_at(&self, slot: u32) -> Option<SessionView> {
        self.sessions.view(SessionId(slot))
    }

    /// When a session would end without another packet.
    #[must_use]
    pub fn deadline(&self, view: &SessionView) -> Ticks {
        view.last_seen.plus(self.sessions.timeout(view.id))
    }

    /// One more than the highest mapping number ever used.
    #[must_use]
    pub fn mapping_slots(&self) -> u32 {
        self.mappings.slots()
    }

    /// The mapping with number `slot`, if there is one.
    #[must_use]
    pub fn mapping_at(&self, slot: u32) -> Option<&Mapping> {
        self.mappings.get(MappingId(slot))
    }

    /// One more than the highest subscriber number ever used.
    #[must_use]
    pub fn subscriber_slots(&self) -> u32 {
        self.subscribers.slots()
    }

    /// The subscriber with number `slot`, if there is one.
    #[must_use]
    pub fn subscriber_at(&self, slot: u32) -> Option<&Subscriber> {
        self.subscribers.get(SubscriberId(slot))
    }

    /// How full a pool is, in this shard's part.
    #[must_use]
    pub fn pool_use(&self, pool: usize) -> PoolUse {
        self.pools.used(pool)
    }

    /// Static mappings of whole addresses.
    #[must_use]
    pub fn static_rows(&self) -> &[StaticRow] {
        self.statics.rows()
    }

    // --- helpers -----------------------------------------------------------

    fn insert_session(&mut self, new: &NewSession, now: Nanos) -> Result<SessionId, Refusal> {
        let id = self
            .sessions
            .insert(new, now.ticks())
            .map_err(|_| Counter::DropSessionTable)?;
        self.counters.bump(Counter::NatSessionsCreated);
        let subscriber = new
            .mapping
            .and_then(|id| self.mappings.get(id)?.subscriber())
            .and_then(|id| self.subscribers.get_mut(id));
        if let Some(subscriber) = subscriber {
            subscriber.sessions += 1;
        }
        Ok(id)
    }

    const fn udp_refresh(&self) -> Flags {
        if self.settings.udp_inbound_refresh {
            Flags::INBOUND_REFRESH
        } else {
            Flags::without(Flags::INBOUND_REFRESH, Flags::INBOUND_REFRESH)
        }
    }

    /// Static port mappings as pinned mappings, their ports taken out of the pools.
    fn pin_static_ports(&mut self) {
        let statics = self.settings.statics.clone();
        for (number, one) in statics.iter().enumerate() {
            let (Some((inside_port, outside_port, ports)), Some(protocol)) =
                (one.ports, one.protocol)
            else {
                continue;
            };
            for nth in 0..ports {
                let endpoint = FlowKey::new(
                    one.inside.to_bits(),
                    0,
                    inside_port.wrapping_add(nth),
                    0,
                    protocol,
                    one.realm,
                );
                // Refused only beyond `limits.mappings`, which the configuration has checked.
                let _ = self.mappings.insert(&NewMapping {
                    out_key: endpoint.scoped(STATIC_SCOPE),
                    outside: one.outside.to_bits(),
                    subscriber: None,
                    block: NO_BLOCK,
                    outside_port: outside_port.wrapping_add(nth),
                    rule: low16(count(number)),
                    outside_realm: one.outside_realm,
                    kind: MappingKind::Static,
                });
                self.reserve(
                    one.outside_realm,
                    one.outside.to_bits(),
                    protocol,
                    outside_port.wrapping_add(nth),
                );
            }
        }
    }

    fn reserve(&mut self, realm: Realm, address: u32, protocol: u8, port: u16) {
        if let Some(OutsideAddress {
            pool: Some((pool, place)),
            ..
        }) = self.outside_address(realm, address)
            && let Some(ports) = PortProtocol::of(protocol)
            && let Some(block) = self.pools.block_of(usize::from(pool), place, port)
        {
            self.pools.reserve(block, port, ports);
        }
    }
}

fn outside_addresses(settings: &Settings) -> HashMap<(Realm, u32), OutsideAddress> {
    let mut all = HashMap::new();
    for (number, pool) in settings.pools.iter().enumerate() {
        for (place, address) in pool.addresses.iter().enumerate() {
            let known = OutsideAddress {
                pool: Some((low16(count(number)), count(place))),
                whole: false,
            };
            all.insert((pool.realm, address.to_bits()), known);
        }
    }
    for one in &settings.statics {
        for nth in 0..one.count {
            let address = one.outside.to_bits().wrapping_add(nth);
            let known = all
                .entry((one.outside_realm, address))
                .or_insert(OutsideAddress {
                    pool: None,
                    whole: false,
                });
            known.whole |= one.ports.is_none() && one.protocol.is_none();
        }
    }
    all
}

/// A TCP connection begins with a SYN.
fn opens(first: &First) -> Result<(), Refusal> {
    match first.tcp {
        Some(segment) if !segment.opens() => Err(Counter::DropTcpNotSyn),
        _ => Ok(()),
    }
}

fn session_limit(settings: &Settings, rule: u16) -> u32 {
    match settings
        .rules
        .get(usize::from(rule))
        .map(|rule| &rule.action)
    {
        Some(Action::Translate(translate)) => translate.limits.sessions,
        _ => u32::MAX,
    }
}

fn rule_number(rule: usize) -> u16 {
    low16(count(rule))
}

/// The inside endpoint of a flow, as static mappings know it.
fn static_key(key: FlowKey) -> FlowKey {
    key.with_dst(0, 0).scoped(STATIC_SCOPE)
}

/// What a dynamic mapping of a flow depends on (RFC 4787 section 4.1).
fn dynamic_key(key: FlowKey, mapping: Dependence, pool: usize) -> FlowKey {
    match mapping {
        Dependence::Endpoint => key.with_dst(0, 0),
        Dependence::Address => key.with_dst(key.dst(), 0),
        Dependence::AddressAndPort => key,
    }
    .scoped(low16(count(pool)).wrapping_add(1))
}

/// State of a new session.
fn first_state(key: FlowKey, direction: Direction) -> State {
    match (key.protocol(), direction) {
        (protocol::TCP, Direction::Outbound) => State::OutboundSyn,
        (protocol::TCP, Direction::Inbound) => State::InboundSyn,
        (protocol::UDP, Direction::Outbound) if key.dst_port() == 53 => State::UdpDns,
        (protocol::UDP, _) => State::Udp,
        (protocol::ICMP, _) => State::Icmp,
        (protocol::ESP, _) => State::Esp,
        _ => State::Other,
    }
}
