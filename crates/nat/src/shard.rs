//! One worker's part of the translator: what happens when a packet is not plain.
//!
//! Plain packets of known sessions go through [`Shard::find`] and
//! [`Shard::touch_plain`] alone. Everything else comes here: [`Shard::open_outbound`]
//! and [`Shard::open_inbound`] for the first packet of a flow,
//! [`Shard::on_packet`] for what changes a session's state, [`Shard::expire`] for time.
//!
//! Invariants: a session's mapping exists as long as the session; a mapping's
//! port is set in its block; a subscriber counts its sessions, its mappings by
//! protocol and its blocks. Refusals change nothing.

use core::net::Ipv4Addr;

use base::{Counter, Counters, Direction, Nanos, Ticks};
use hashbrown::HashMap;
use wire::ipv4::protocol;

use crate::filter::AddressFilter;
use crate::holddown::Resting;
use crate::key::{FlowKey, Realm};
use crate::mapping::{Mapping, MappingId, MappingKind, MappingTable, inbound_key};
use crate::pool::{NO_BLOCK, Owner, PoolUse, Pools, count, low16};
use crate::rng::Rng;
use crate::session::{
    Cached, Flags, Hit, NewSession, Rewrite, Session, SessionId, SessionTable, SessionView,
};
use crate::settings::{Action, Dependence, Division, PortProtocol, Rule, Settings, Translate};
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
    idle_blocks: alloc::vec::Vec<Resting<u32>>,
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
        let filter = settings
            .rules
            .iter()
            .any(by_address)
            .then(|| AddressFilter::with_capacity(sizes.sessions, rng.word()));
        let mut idle_blocks = alloc::vec::Vec::new();
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

    /// Loads the session line a hash probably leads to; its index line should be there.
    #[inline]
    pub fn prefetch_session(&self, hash: u64) {
        self.sessions.prefetch_session(hash);
    }

    /// Finds a session by either key.
    #[must_use]
    #[inline]
    pub fn find(&self, key: FlowKey, hash: u64) -> Option<Hit> {
        self.sessions.find(key, hash)
    }

    /// Counts and refreshes for a plain packet; see [`Cached`]. `None`: take the general path.
    #[inline]
    pub fn touch_plain(
        &mut self,
        hit: Hit,
        len: u32,
        ack: u32,
        now: Ticks,
        epoch: u16,
    ) -> Option<Cached> {
        self.sessions.touch_plain(hit, len, ack, now, epoch)
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

    /// Opens a session for a packet from inside. `rule` is the number of the
    /// translating rule that matched; `None` leaves static mappings alone.
    ///
    /// # Errors
    ///
    /// The drop reason, with nothing changed.
    pub fn open_outbound(&mut self, first: &First, rule: Option<usize>) -> Result<Opened, Refusal> {
        if first.tcp.is_some_and(|segment| !segment.opens()) {
            return Err(Counter::DropTcpNotSyn);
        }
        let key = first.key;
        let hairpin = if first.hairpin {
            Flags::HAIRPIN
        } else {
            Flags::default()
        };
        let state = first_state(key, Direction::Outbound);
        if let Some(outside) = self
            .statics
            .outside_of(key.realm(), key.src(), key.protocol())
        {
            let new = NewSession {
                out_key: key,
                outside: outside.address,
                outside_port: key.src_port(),
                outside_realm: outside.realm,
                state,
                flags: hairpin.with(Flags::INBOUND_REFRESH),
                rule: rule.map_or(NO_RULE, rule_number),
                mapping: None,
                subscriber: None,
            };
            return self.insert_session(&new, first.now);
        }
        let (mapping, subscriber) = match self.mappings.find_outbound(static_key(key)) {
            Some(mapping) => (mapping, None),
            None => {
                let rule = rule.ok_or(Counter::DropNoRule)?;
                let (mapping, subscriber) = self.mapping_for(first, rule)?;
                (mapping, Some(subscriber))
            }
        };
        let opened = self.open_under(first, mapping, subscriber, rule, state, hairpin);
        if opened.is_err() {
            self.end_mapping_if_unused(mapping, first.now.ticks());
        }
        opened
    }

    fn open_under(
        &mut self,
        first: &First,
        id: MappingId,
        subscriber: Option<SubscriberId>,
        rule: Option<usize>,
        state: State,
        flags: Flags,
    ) -> Result<Opened, Refusal> {
        let key = first.key;
        let mapping = *self.mappings.get(id).ok_or(Counter::DropNoMapping)?;
        let filtered = self.filters_by_address(&mapping);
        if filtered && let Some(filter) = &mut self.filter {
            filter
                .add(id, key.dst())
                .map_err(|_| Counter::DropSessionTable)?;
        }
        let new = NewSession {
            out_key: key,
            outside: mapping.outside,
            outside_port: mapping.outside_port,
            outside_realm: mapping.outside_realm,
            state,
            flags: flags.with(self.udp_refresh()).with(if filtered {
                Flags::FILTER
            } else {
                Flags::default()
            }),
            rule: rule.map_or(NO_RULE, rule_number),
            mapping: Some(id),
            subscriber,
        };
        let opened = self.insert_session(&new, first.now);
        match opened {
            Ok(_) => {
                if let Some(mapping) = self.mappings.get_mut(id) {
                    mapping.strong += 1;
                }
            }
            Err(_) if filtered => {
                if let Some(filter) = &mut self.filter {
                    filter.remove(id, key.dst());
                }
            }
            Err(_) => {}
        }
        opened
    }

    /// Finds or makes the mapping for a flow under a rule, after the
    /// subscriber's limits.
    fn mapping_for(
        &mut self,
        first: &First,
        rule: usize,
    ) -> Result<(MappingId, SubscriberId), Refusal> {
        let key = first.key;
        let (translate, outside_realm) = match self.settings.rules.get(rule) {
            Some(Rule {
                action: Action::Translate(translate),
                outside_realm,
                ..
            }) => (*translate, *outside_realm),
            _ => return Err(Counter::DropNoRule),
        };
        let ports = PortProtocol::of(key.protocol()).ok_or(Counter::DropProtocol)?;
        let subscriber = self.subscriber_for(key, translate.pool)?;
        let found = self
            .admit(subscriber, &translate, first.now)
            .and_then(|()| self.existing_mapping(key, &translate))
            .map(|mapping| (mapping, subscriber));
        let result = match found {
            Err(Counter::DropNoMapping) => self
                .new_mapping(first, rule, &translate, outside_realm, ports, subscriber)
                .map(|mapping| (mapping, subscriber)),
            other => other,
        };
        if result.is_err() {
            if let Some(subscriber) = self.subscribers.get_mut(subscriber) {
                subscriber.refused += 1;
            }
            self.forget_if_idle(subscriber);
        }
        result
    }

    fn subscriber_for(&mut self, key: FlowKey, pool: usize) -> Result<SubscriberId, Refusal> {
        let pool = low16(count(pool));
        if let Some(known) = self.subscribers.find(key.src(), key.realm(), pool) {
            return Ok(known);
        }
        let new = self
            .subscribers
            .insert(key.src(), key.realm(), pool)
            .map_err(|_| Counter::DropSubscriberTable)?;
        self.counters.bump(Counter::NatSubscribersCreated);
        Ok(new)
    }

    /// Session limits of a subscriber (RFC 6888 REQ-4, REQ-5).
    fn admit(
        &mut self,
        id: SubscriberId,
        translate: &Translate,
        now: Nanos,
    ) -> Result<(), Refusal> {
        let subscriber = self
            .subscribers
            .get_mut(id)
            .ok_or(Counter::DropSubscriberTable)?;
        if subscriber.sessions >= translate.limits.sessions {
            return Err(Counter::DropSessionLimit);
        }
        if let Some(rate) = translate.limits.rate {
            // A bucket one second deep: the virtual start may run ahead by that much.
            let step = 1_000_000_000 / u64::from(rate.max(1));
            let start = subscriber.next_session.0.max(now.0);
            if start + step > now.0 + 1_000_000_000 {
                return Err(Counter::DropSessionRate);
            }
            subscriber.next_session = Nanos(start + step);
        }
        Ok(())
    }

    fn existing_mapping(&self, key: FlowKey, translate: &Translate) -> Result<MappingId, Refusal> {
        let in_pool = |pool: usize| {
            self.mappings
                .find_outbound(dynamic_key(key, translate.mapping, pool))
        };
        in_pool(translate.pool)
            .or_else(|| match self.pools.settings(translate.pool)?.division {
                Division::Deterministic {
                    overflow: Some(pool),
                    ..
                } => in_pool(pool),
                _ => None,
            })
            .ok_or(Counter::DropNoMapping)
    }

    fn new_mapping(
        &mut self,
        first: &First,
        rule: usize,
        translate: &Translate,
        outside_realm: Realm,
        ports: PortProtocol,
        subscriber: SubscriberId,
    ) -> Result<MappingId, Refusal> {
        let side = ports as usize;
        let used = self
            .subscribers
            .get(subscriber)
            .and_then(|subscriber| subscriber.ports.get(side))
            .copied()
            .unwrap_or(0);
        if translate
            .limits
            .ports
            .get(side)
            .is_some_and(|most| used >= *most)
        {
            return Err(Counter::DropPortLimit);
        }
        if !self.mappings.has_room() {
            return Err(Counter::DropMappingTable);
        }
        let odd = (translate.parity && ports == PortProtocol::Udp)
            .then_some(first.key.src_port() & 1 == 1);
        let now = first.now.ticks();
        let taken = self.take_port(
            subscriber,
            translate.pool,
            translate.paired,
            ports,
            odd,
            now,
        );
        let (owner, pool, block, port) = match (taken, self.overflow_of(translate.pool)) {
            (Ok((block, port)), _) => (subscriber, translate.pool, block, port),
            (Err(_), Some(overflow)) => {
                let spare = self.subscriber_for(first.key, overflow)?;
                match self.take_port(spare, overflow, true, ports, odd, now) {
                    Ok((block, port)) => (spare, overflow, block, port),
                    Err(reason) => {
                        self.forget_if_idle(spare);
                        return Err(reason);
                    }
                }
            }
            (Err(reason), None) => return Err(reason),
        };
        let outside = self.pools.address(block).ok_or(Counter::DropNoPort)?;
        let mapping = Mapping {
            out_key: dynamic_key(first.key, translate.mapping, pool),
            outside: outside.to_bits(),
            strong: 0,
            weak: 0,
            subscriber: Some(owner),
            block,
            outside_port: port,
            rule: rule_number(rule),
            outside_realm,
            kind: match self.pools.settings(pool).map(|settings| settings.division) {
                Some(Division::Deterministic { .. }) => MappingKind::Deterministic,
                _ => MappingKind::Dynamic,
            },
        };
        let Ok(id) = self.mappings.insert(mapping) else {
            self.release_port(block, port, ports, false, now);
            return Err(Counter::DropMappingTable);
        };
        self.counters.bump(Counter::NatMappingsCreated);
        if let Some(place) = self
            .subscribers
            .get_mut(owner)
            .and_then(|subscriber| subscriber.ports.get_mut(side))
        {
            *place += 1;
        }
        Ok(id)
    }

    fn overflow_of(&self, pool: usize) -> Option<usize> {
        match self.pools.settings(pool)?.division {
            Division::Deterministic { overflow, .. } => overflow,
            _ => None,
        }
    }

    // --- ports and blocks --------------------------------------------------

    /// A port for a subscriber: from the active block, then its others, then a
    /// block more.
    fn take_port(
        &mut self,
        id: SubscriberId,
        pool: usize,
        paired: bool,
        ports: PortProtocol,
        odd: Option<bool>,
        now: Ticks,
    ) -> Result<(u32, u16), Refusal> {
        let subscriber = *self
            .subscribers
            .get(id)
            .ok_or(Counter::DropSubscriberTable)?;
        let division = self
            .pools
            .settings(pool)
            .map(|settings| settings.division)
            .ok_or(Counter::DropNoPort)?;
        match division {
            Division::Shared => self.take_shared_port(&subscriber, id, pool, paired, ports, odd),
            Division::Deterministic { source, .. } => {
                if subscriber.block == NO_BLOCK {
                    self.lend_computed_block(id, pool, source.network().to_bits(), now)?;
                }
                self.take_from_chain(id, ports, odd)
                    .ok_or(Counter::DropNoPort)
            }
            Division::Blocks {
                max_per_subscriber,
                active,
                ..
            } => {
                let worn_out = active.is_some_and(|active| {
                    self.pools
                        .block(subscriber.block)
                        .is_some_and(|block| now.since(block.since) >= Ticks::in_duration(active))
                });
                if worn_out && subscriber.blocks < max_per_subscriber {
                    // Best effort: without a fresh one the old ones go on.
                    let _ = self.lend_block(id, pool, paired, now);
                }
                if let Some(taken) = self.take_from_chain(id, ports, odd) {
                    return Ok(taken);
                }
                let blocks = self
                    .subscribers
                    .get(id)
                    .map_or(0, |subscriber| subscriber.blocks);
                if blocks >= max_per_subscriber {
                    return Err(self.pools.refusal(pool));
                }
                self.lend_block(id, pool, paired, now)?;
                self.take_from_chain(id, ports, odd)
                    .ok_or(Counter::DropNoPort)
            }
        }
    }

    fn take_shared_port(
        &mut self,
        subscriber: &Subscriber,
        id: SubscriberId,
        pool: usize,
        paired: bool,
        ports: PortProtocol,
        odd: Option<bool>,
    ) -> Result<(u32, u16), Refusal> {
        let address = match subscriber.address {
            Some(address) if paired => address,
            _ => self
                .pools
                .pick_address(pool, &mut self.rng)
                .ok_or(Counter::DropNoPort)?,
        };
        let block = self
            .pools
            .shared_block(pool, address)
            .ok_or(Counter::DropNoPort)?;
        let port = self
            .pools
            .take_port(block, ports, odd, &mut self.rng)
            .ok_or(Counter::DropNoPort)?;
        self.pair(id, address, block);
        Ok((block, port))
    }

    fn pair(&mut self, id: SubscriberId, address: u32, block: u32) {
        let outside = self.pools.address(block);
        if let Some(subscriber) = self.subscribers.get_mut(id)
            && subscriber.address.is_none()
        {
            subscriber.address = Some(address);
            subscriber.outside = outside;
        }
    }

    fn take_from_chain(
        &mut self,
        id: SubscriberId,
        ports: PortProtocol,
        odd: Option<bool>,
    ) -> Option<(u32, u16)> {
        let subscriber = self.subscribers.get(id)?;
        let (mut block, blocks) = (subscriber.block, subscriber.blocks);
        for _ in 0..blocks {
            if let Some(port) = self.pools.take_port(block, ports, odd, &mut self.rng) {
                return Some((block, port));
            }
            block = self.pools.block(block)?.next;
        }
        None
    }

    /// One more block for a subscriber, from its own address if it is paired
    /// and has one (RFC 7857 section 4: no other address when that is full).
    fn lend_block(
        &mut self,
        id: SubscriberId,
        pool: usize,
        paired: bool,
        now: Ticks,
    ) -> Result<(), Refusal> {
        let known = self
            .subscribers
            .get(id)
            .and_then(|subscriber| subscriber.address)
            .filter(|_| paired);
        let address = known
            .or_else(|| self.pools.pick_address(pool, &mut self.rng))
            .ok_or(Counter::DropNoPort)?;
        let block = self
            .pools
            .lend(pool, address, id.0, now, &mut self.rng)
            .ok_or(Counter::DropNoPort)?;
        self.chain(id, address, block);
        Ok(())
    }

    fn lend_computed_block(
        &mut self,
        id: SubscriberId,
        pool: usize,
        first: u32,
        now: Ticks,
    ) -> Result<(), Refusal> {
        let inside = self
            .subscribers
            .get(id)
            .map_or(first, |subscriber| subscriber.inside.to_bits());
        let nth = inside.wrapping_sub(first);
        let settings = self.pools.settings(pool).ok_or(Counter::DropNoPort)?;
        let (_, per_address) = crate::pool::division(settings, 1);
        let address = nth / per_address.max(1);
        let first_port = settings.first_port;
        let size = match settings.division {
            Division::Deterministic { ports_per_host, .. } => ports_per_host,
            _ => return Err(Counter::DropNoPort),
        };
        let port = first_port.saturating_add(size.saturating_mul(low16(nth % per_address.max(1))));
        let block = self
            .pools
            .block_of(pool, address, port)
            .filter(|block| self.pools.lend_block(*block, id.0, now))
            .ok_or(Counter::DropNoPort)?;
        self.chain(id, address, block);
        Ok(())
    }

    /// Puts a lent block in front of a subscriber's others.
    fn chain(&mut self, id: SubscriberId, address: u32, block: u32) {
        self.pair(id, address, block);
        if let Some(subscriber) = self.subscribers.get_mut(id) {
            let next = core::mem::replace(&mut subscriber.block, block);
            subscriber.blocks += 1;
            if let Some(block) = self.pools.block_mut(block) {
                block.next = next;
            }
        }
        self.counters.bump(Counter::NatBlocksAllocated);
    }

    fn unchain(&mut self, id: SubscriberId, gone: u32) {
        let next = self.pools.block(gone).map_or(NO_BLOCK, |block| block.next);
        let Some(subscriber) = self.subscribers.get_mut(id) else {
            return;
        };
        subscriber.blocks = subscriber.blocks.saturating_sub(1);
        if subscriber.block == gone {
            subscriber.block = next;
        } else {
            let mut at = subscriber.block;
            while let Some(block) = self.pools.block_mut(at) {
                if block.next == gone {
                    block.next = next;
                    break;
                }
                at = block.next;
            }
        }
        if let Some(subscriber) = self.subscribers.get_mut(id)
            && subscriber.blocks == 0
            && subscriber.ports == [0; 3]
        {
            // Nothing left at the address: the next block may come from another.
            subscriber.address = None;
            subscriber.outside = None;
        }
    }

    fn release_port(
        &mut self,
        block: u32,
        port: u16,
        ports: PortProtocol,
        was_held: bool,
        now: Ticks,
    ) {
        if !self.pools.free_port(block, port, ports, was_held) {
            return;
        }
        let Some(unused) = self.pools.block_mut(block) else {
            return;
        };
        unused.idle_since = now;
        let pool = usize::from(unused.pool);
        if matches!(unused.owner, Owner::Subscriber(_))
            && let Some(resting) = self.idle_blocks.get_mut(pool)
            && resting.push(block, now).is_err()
        {
            self.return_block(block);
        }
    }

    fn return_block(&mut self, number: u32) {
        let Some(block) = self.pools.block(number) else {
            return;
        };
        if let Owner::Subscriber(owner) = block.owner
            && block.is_unused()
        {
            self.unchain(SubscriberId(owner), number);
            self.pools.give_back(number);
            self.counters.bump(Counter::NatBlocksReleased);
            self.forget_if_idle(SubscriberId(owner));
        }
    }

    fn forget_if_idle(&mut self, id: SubscriberId) {
        let deterministic = self.subscribers.get(id).is_some_and(|subscriber| {
            matches!(
                self.pools
                    .settings(usize::from(subscriber.pool))
                    .map(|pool| pool.division),
                Some(Division::Deterministic { .. })
            ) && subscriber.sessions == 0
                && subscriber.ports == [0; 3]
                && subscriber.blocks > 0
        });
        if deterministic {
            // The computed block costs nothing to give back: it is nobody else's.
            if let Some(block) = self.subscribers.get(id).map(|subscriber| subscriber.block)
                && self
                    .pools
                    .block(block)
                    .is_some_and(crate::pool::Block::is_unused)
            {
                self.unchain(id, block);
                self.pools.give_back(block);
                self.counters.bump(Counter::NatBlocksReleased);
            }
        }
        if self.subscribers.remove_idle(id) {
            self.counters.bump(Counter::NatSubscribersEnded);
        }
    }

    // --- from outside ------------------------------------------------------

    /// Opens a session for a packet to an outside address, if a mapping and its
    /// filtering admit it.
    ///
    /// # Errors
    ///
    /// The drop reason, with nothing changed.
    pub fn open_inbound(&mut self, first: &First) -> Result<Opened, Refusal> {
        let key = first.key;
        let new = |inside: u32, port: u16, realm: Realm| {
            FlowKey::new(
                inside,
                key.src(),
                port,
                key.src_port(),
                key.protocol(),
                realm,
            )
        };
        if let Some(inside) = self
            .statics
            .inside_of(key.realm(), key.dst(), key.protocol())
        {
            if inside.filtering != Dependence::Endpoint {
                return Err(Counter::DropFiltered);
            }
            opens(first)?;
            return self.insert_session(
                &NewSession {
                    out_key: new(inside.address, key.dst_port(), inside.realm),
                    outside: key.dst(),
                    outside_port: key.dst_port(),
                    outside_realm: key.realm(),
                    state: first_state(key, Direction::Inbound),
                    flags: Flags::FROM_OUTSIDE.with(Flags::INBOUND_REFRESH),
                    rule: NO_RULE,
                    mapping: None,
                    subscriber: None,
                },
                first.now,
            );
        }
        let id = self
            .mappings
            .find_inbound(inbound_key(
                key.dst(),
                key.dst_port(),
                key.protocol(),
                key.realm(),
            ))
            .ok_or(Counter::DropNoMapping)?;
        let mapping = *self.mappings.get(id).ok_or(Counter::DropNoMapping)?;
        if !mapping.is_open() {
            return Err(Counter::DropNoMapping);
        }
        if !self.admits(id, &mapping, key.src()) {
            return Err(Counter::DropFiltered);
        }
        opens(first)?;
        let pinned = mapping.kind == MappingKind::Static;
        let refresh = self.udp_refresh();
        let udp = key.protocol() == protocol::UDP;
        let weak = !pinned && !(udp && refresh == Flags::INBOUND_REFRESH);
        if weak && mapping.weak >= MAX_WEAK {
            return Err(Counter::DropInboundLimit);
        }
        if let Some(subscriber) = mapping.subscriber
            && let Some(subscriber) = self.subscribers.get_mut(subscriber)
            && subscriber.sessions >= session_limit(&self.settings, mapping.rule)
        {
            subscriber.refused += 1;
            return Err(Counter::DropSessionLimit);
        }
        let mut flags = Flags::FROM_OUTSIDE.with(refresh);
        if weak {
            flags = flags.with(Flags::WEAK);
        }
        let inside = mapping.out_key;
        let opened = self.insert_session(
            &NewSession {
                out_key: new(inside.src(), inside.src_port(), inside.realm()),
                outside: mapping.outside,
                outside_port: mapping.outside_port,
                outside_realm: key.realm(),
                state: first_state(key, Direction::Inbound),
                flags,
                rule: if pinned { NO_RULE } else { mapping.rule },
                mapping: Some(id),
                subscriber: mapping.subscriber,
            },
            first.now,
        )?;
        if let Some(mapping) = self.mappings.get_mut(id) {
            if weak {
                mapping.weak += 1;
            } else {
                mapping.strong += 1;
            }
        }
        Ok(opened)
    }

    /// Filtering (RFC 4787 section 5) of a remote address without a session.
    fn admits(&self, id: MappingId, mapping: &Mapping, remote: u32) -> bool {
        match self.filtering(mapping) {
            Dependence::Endpoint => true,
            Dependence::Address if mapping.out_key.dst() != 0 => mapping.out_key.dst() == remote,
            Dependence::Address => self
                .filter
                .as_ref()
                .is_some_and(|filter| filter.admits(id, remote)),
            Dependence::AddressAndPort => false,
        }
    }

    fn filtering(&self, mapping: &Mapping) -> Dependence {
        if mapping.kind == MappingKind::Static {
            return self
                .settings
                .statics
                .get(usize::from(mapping.rule))
                .map_or(Dependence::Endpoint, |one| one.filtering);
        }
        match self
            .settings
            .rules
            .get(usize::from(mapping.rule))
            .map(|rule| &rule.action)
        {
            Some(Action::Translate(translate)) => translate.filtering,
            _ => Dependence::AddressAndPort,
        }
    }

    fn filters_by_address(&self, mapping: &Mapping) -> bool {
        self.filter.is_some()
            && mapping.out_key.dst() == 0
            && self.filtering(mapping) == Dependence::Address
    }

    // --- packets of known sessions -----------------------------------------

    /// Follows one packet of a session: who keeps the mapping, timer, TCP state.
    ///
    /// # Errors
    ///
    /// [`Counter::DropNoMapping`] if the packet came through a mapping that
    /// nobody inside keeps any more.
    pub fn on_packet(
        &mut self,
        hit: Hit,
        tcp: Option<&Segment>,
        len: u32,
        now: Ticks,
    ) -> Result<(), Refusal> {
        let flags = self
            .sessions
            .get(hit.id)
            .map(Session::flags)
            .unwrap_or_default();
        if flags.has(Flags::WEAK) {
            let reset = tcp.is_some_and(|segment| segment.event() == crate::TcpEvent::Rst);
            match hit.direction {
                Direction::Outbound if !reset => self.strengthen(hit.id),
                Direction::Outbound => {}
                Direction::Inbound => {
                    let open = self
                        .sessions
                        .mapping(hit.id)
                        .and_then(|id| self.mappings.get(id))
                        .is_some_and(Mapping::is_open);
                    if !open {
                        return Err(Counter::DropNoMapping);
                    }
                }
            }
        }
        match tcp {
            Some(segment) => {
                if self.sessions.track(hit.id, hit.direction, segment, now) {
                    self.counters.bump(Counter::TcpResetIgnored);
                }
            }
            None => self.sessions.refresh(hit.id, hit.direction, now),
        }
        self.sessions.count(hit.id, hit.direction, len);
        Ok(())
    }

    /// A session from outside was answered: from now on it keeps its mapping.
    fn strengthen(&mut self, id: SessionId) {
        let Some(view) = self.sessions.view(id) else {
            return;
        };
        let mut set = Flags::default();
        if let Some(mapping_id) = view.mapping
            && let Some(mapping) = self.mappings.get_mut(mapping_id)
        {
            mapping.weak = mapping.weak.saturating_sub(1);
            mapping.strong += 1;
            let mapping = *mapping;
            if self.filters_by_address(&mapping)
                && let Some(filter) = &mut self.filter
                && filter.add(mapping_id, view.out_key.dst()).is_ok()
            {
                set = Flags::FILTER;
            }
        }
        self.sessions.change_flags(id, Flags::WEAK, set);
    }

    // --- the end -----------------------------------------------------------

    /// Ends a session and whatever nobody else needs; false if it was not there.
    pub fn end_session(&mut self, id: SessionId, now: Ticks) -> bool {
        let subscriber = self.sessions.subscriber(id);
        let Some(view) = self.sessions.remove(id) else {
            return false;
        };
        self.counters.bump(Counter::NatSessionsEnded);
        if let Some(mapping_id) = view.mapping {
            if view.flags.has(Flags::FILTER)
                && let Some(filter) = &mut self.filter
            {
                filter.remove(mapping_id, view.out_key.dst());
            }
            if let Some(mapping) = self.mappings.get_mut(mapping_id) {
                if view.flags.has(Flags::WEAK) {
                    mapping.weak = mapping.weak.saturating_sub(1);
                } else {
                    mapping.strong = mapping.strong.saturating_sub(1);
                }
            }
            self.end_mapping_if_unused(mapping_id, now);
        }
        if let Some(id) = subscriber {
            if let Some(subscriber) = self.subscribers.get_mut(id) {
                subscriber.sessions = subscriber.sessions.saturating_sub(1);
            }
            self.forget_if_idle(id);
        }
        true
    }

    fn end_mapping_if_unused(&mut self, id: MappingId, now: Ticks) {
        let unused = self.mappings.get(id).is_some_and(|mapping| {
            mapping.strong == 0 && mapping.weak == 0 && mapping.kind != MappingKind::Static
        });
        if !unused {
            return;
        }
        let Some(mapping) = self.mappings.remove(id) else {
            return;
        };
        self.counters.bump(Counter::NatMappingsEnded);
        let Some(ports) = PortProtocol::of(mapping.out_key.protocol()) else {
            return;
        };
        if let Some(owner) = mapping.subscriber
            && let Some(used) = self
                .subscribers
                .get_mut(owner)
                .and_then(|subscriber| subscriber.ports.get_mut(ports as usize))
        {
            *used = used.saturating_sub(1);
        }
        self.rest_port(mapping.block, mapping.outside_port, ports, now);
        if let Some(owner) = mapping.subscriber {
            self.forget_if_idle(owner);
        }
    }

    /// Hold-down (RFC 6888 REQ-8); TCP needs none, its states have seen the end (exception a).
    fn rest_port(&mut self, block: u32, port: u16, ports: PortProtocol, now: Ticks) {
        if ports != PortProtocol::Tcp && self.settings.hold_down.0 > 0 {
            if self
                .pools
                .hold(block, ports, self.settings.hold_down_percent)
            {
                if self.held_ports.push((block, port, ports), now).is_ok() {
                    return;
                }
                self.counters.bump(Counter::NatHoldDownCut);
                return self.release_port(block, port, ports, true, now);
            }
            self.counters.bump(Counter::NatHoldDownCut);
        }
        self.release_port(block, port, ports, false, now);
    }

    /// Ends what is due, looking at no more than `budget` sessions, ports and
    /// blocks; returns what is left of the budget. Never scans a table.
    pub fn expire(&mut self, now: Ticks, budget: u32) -> u32 {
        let mut left = budget;
        while let Some(id) = self.sessions.pop_expired(now, &mut left) {
            self.end_session(id, now);
        }
        while left > 0
            && let Some((_, (block, port, ports))) = self.held_ports.pop(now)
        {
            left -= 1;
            self.release_port(block, port, ports, true, now);
        }
        for pool in 0..self.idle_blocks.len() {
            while left > 0
                && let Some((since, block)) = self
                    .idle_blocks
                    .get_mut(pool)
                    .and_then(|resting| resting.pop(now))
            {
                left -= 1;
                let still = self
                    .pools
                    .block(block)
                    .is_some_and(|found| found.idle_since == since && found.is_unused());
                if still {
                    self.return_block(block);
                }
            }
        }
        left
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
        if let Some(subscriber) = new.subscriber.and_then(|id| self.subscribers.get_mut(id)) {
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
                let _ = self.mappings.insert(Mapping {
                    out_key: endpoint.scoped(STATIC_SCOPE),
                    outside: one.outside.to_bits(),
                    strong: 0,
                    weak: 0,
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
