//! Settings with numbers that stay.
//!
//! Rules, pools, outside addresses and static mappings are numbered; sessions,
//! mappings and blocks refer to these numbers. When the settings change, what
//! stays keeps its number and what goes leaves its number empty, so that state
//! which the change does not concern need not be touched ([`Layout::revise`]).
//!
//! ```text
//!  Settings ──> Layout 1 ──revise(Settings 2)──> Layout 2      immutable, shared by all threads
//!                  └── keeps(session)? ─────────────┘          a shard moves from one to the next
//! ```

mod keep;
mod number;
mod outside;
mod owner;
mod plan;
mod spread;
#[cfg(test)]
mod tests;
mod ways;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use hashbrown::HashMap;
use wire::ipv4::protocol;

use crate::gateway::{Services, Trunk};
use crate::key::{FlowKey, Realm};
use crate::pool::{Geometry, count};
use crate::settings::{Log, Pool, PortProtocol, Protection, Rule, Settings, Static, Timeouts};
use crate::shard::ANY_PROTOCOL;
use outside::OutsideTable;
use ways::Ways;

use crate::steering::Steering;
use crate::zones::Zones;
pub(crate) use plan::{Lender, Plan};
pub(crate) use ways::{Sure, is_usual};

pub use spread::{Dealt, PoolSpread, Spread};

/// Most pools that can share an outside address.
pub(crate) const MAX_SHARING: usize = 4;

/// Most outside addresses, those that are on their way out included.
pub(crate) const MAX_ADDRESSES: usize = 1 << 16;

/// Those that can be mapped by port.
const PROTOCOLS: [u8; 4] = [
    protocol::TCP,
    protocol::UDP,
    protocol::DCCP,
    protocol::UDP_LITE,
];

/// No number.
const NONE: u32 = u32::MAX;

/// Why settings cannot take the place of others at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReviseError {
    /// Too many numbers are taken, by the old and the new together.
    #[error("old and new {0} together are more than {1}; change them in two steps")]
    Full(&'static str, usize),
}

/// An outside address of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolAddress {
    /// The address.
    pub address: Ipv4Addr,
    /// Number of its pool.
    pub pool: u16,
    /// Its place in the pool, which decides who has what where ports are divided or computed.
    pub place: u32,
    /// Nothing new is lent from it.
    pub draining: bool,
}

/// What an address of the outside is to the translator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutsideAddress {
    /// Numbers of the pool addresses it is; several where pools share it.
    slots: [u32; MAX_SHARING],
    /// A whole-address static mapping of every protocol has it.
    pub whole: bool,
}

impl OutsideAddress {
    const NEW: Self = Self {
        slots: [NONE; MAX_SHARING],
        whole: false,
    };

    /// Numbers of the pool addresses it is.
    pub(crate) fn slots(self) -> impl Iterator<Item = u32> {
        self.slots.into_iter().take_while(|slot| *slot != NONE)
    }

    /// The number of the pool address it is, if it is one only.
    pub(crate) const fn only_slot(self) -> Option<u32> {
        let [slot, NONE, ..] = self.slots else {
            return None;
        };
        if slot == NONE { None } else { Some(slot) }
    }

    fn add(&mut self, slot: u32) {
        if let Some(place) = self.slots.iter_mut().find(|slot| **slot == NONE) {
            *place = slot;
        }
    }
}

/// Settings with numbers.
#[derive(Debug)]
pub struct Layout {
    shards: u32,
    steering: Arc<Steering>,
    rules: Vec<Option<Rule>>,
    /// Numbers of the rules for traffic from inside, first match first.
    order: Vec<u16>,
    /// The same of the rules for remote hosts.
    outside_order: Vec<u16>,
    pools: Vec<Option<Pool>>,
    geometry: Vec<Geometry>,
    /// By number.
    addresses: Vec<Option<PoolAddress>>,
    /// Numbers of the addresses of each pool.
    of_pool: Vec<Vec<u32>>,
    statics: Vec<Option<Static>>,
    /// The rules of `order` by interface.
    ways: Ways,
    /// Of the rules that translate.
    plans: Vec<Option<Plan>>,
    /// By pool, what the rules that draw on it want logged, and what any rule does.
    logs: Vec<Log>,
    log: Log,
    outside: OutsideTable,
    /// Inside host of each outside address that is mapped as a whole, by protocol.
    whole: HashMap<(Realm, u32, u8), (Realm, u32)>,
    /// Inside host of each static outside port.
    forwards: HashMap<(Realm, u32, u8, u16), (Realm, u32)>,
    /// Inside hosts that share load follow the first of them.
    gathered: HashMap<(Realm, u32), u32>,
    /// Hosts of a trunk, and those that it announces, follow the first of its addresses.
    trunks: Vec<(Realm, Trunk)>,
    /// Realms in which an inside realm's flows leave.
    leads_to: Vec<(Realm, Realm)>,
    realm_sessions: Box<[u32; 256]>,
    timeouts: Timeouts,
    udp_inbound_refresh: bool,
    hold_down: base::Nanos,
    hold_down_percent: u8,
    services: Services,
    zones: Option<Zones>,
    protection: Option<Protection>,
}

impl Layout {
    /// Numbers settings for so many shards, at least one, whatever brings packets
    /// to them.
    ///
    /// # Errors
    ///
    /// [`ReviseError`] if there are more addresses, rules, pools or static
    /// mappings than numbers.
    pub fn new(settings: &Settings, shards: u32) -> Result<Self, ReviseError> {
        Self::steered(settings, shards, Arc::new(Steering::in_turn(shards)))
    }

    /// The same for shards to which packets are brought in a known way.
    ///
    /// # Errors
    ///
    /// As [`Layout::new`].
    pub fn steered(
        settings: &Settings,
        shards: u32,
        steering: Arc<Steering>,
    ) -> Result<Self, ReviseError> {
        Self {
            shards: shards.max(1),
            steering,
            rules: Vec::new(),
            order: Vec::new(),
            outside_order: Vec::new(),
            pools: Vec::new(),
            geometry: Vec::new(),
            addresses: Vec::new(),
            of_pool: Vec::new(),
            statics: Vec::new(),
            ways: Ways::default(),
            plans: Vec::new(),
            logs: Vec::new(),
            log: Log::NONE,
            outside: OutsideTable::new(&HashMap::new()),
            whole: HashMap::new(),
            forwards: HashMap::new(),
            gathered: HashMap::new(),
            trunks: Vec::new(),
            leads_to: Vec::new(),
            realm_sessions: Box::new([u32::MAX; 256]),
            timeouts: Timeouts::default(),
            udp_inbound_refresh: false,
            hold_down: base::Nanos(0),
            hold_down_percent: 0,
            services: Services::default(),
            zones: None,
            protection: None,
        }
        .revise(settings)
    }

    /// The same for other settings: what is in both keeps its number.
    ///
    /// A pool or rule is the same if its name is; a pool whose ports are divided
    /// in another way is another one, also one that has to be because a shard would own
    /// none of its addresses any more. Static mappings are the same if all of them is.
    ///
    /// # Errors
    ///
    /// As [`Layout::new`]; old and new count together.
    pub fn revise(&self, settings: &Settings) -> Result<Self, ReviseError> {
        let (pools, pool_numbers) = number::pools(self, &settings.pools)?;
        let mut geometry = Vec::with_capacity(pools.len());
        for (number, pool) in pools.iter().enumerate() {
            let before = self.pool(number).and(self.geometry.get(number));
            geometry.push(match (before, pool) {
                (Some(before), Some(pool)) if number::same_pool(self.pool(number), pool) => *before,
                (_, Some(pool)) => Geometry::new(pool, self.shards, !self.reaches_all(pool)),
                (_, None) => Geometry::default(),
            });
        }
        let (addresses, of_pool) = number::addresses(self, &pools)?;
        let all_rules: Vec<Rule> = settings
            .rules
            .iter()
            .chain(&settings.outside_rules)
            .map(|rule| number::with_pools(rule, &pool_numbers))
            .collect();
        let (rules, mut order) = number::rules(&self.rules, all_rules)?;
        let outside_order = order.split_off(settings.rules.len());
        let (statics, _) = number::statics(&self.statics, &settings.statics)?;
        let mut layout = Self {
            shards: self.shards,
            steering: Arc::clone(&self.steering),
            rules,
            order,
            outside_order,
            pools,
            geometry,
            addresses,
            of_pool,
            whole: HashMap::new(),
            statics,
            ways: Ways::default(),
            plans: Vec::new(),
            logs: Vec::new(),
            log: Log::NONE,
            outside: OutsideTable::new(&HashMap::new()),
            forwards: HashMap::new(),
            gathered: HashMap::new(),
            trunks: Vec::new(),
            leads_to: Vec::new(),
            realm_sessions: Box::new([u32::MAX; 256]),
            timeouts: settings.timeouts,
            udp_inbound_refresh: settings.udp_inbound_refresh,
            hold_down: settings.hold_down,
            hold_down_percent: settings.hold_down_percent,
            services: settings.services.clone(),
            zones: settings
                .zones
                .as_ref()
                .map(|zones| Zones::new(zones, self.zones.as_ref())),
            protection: settings.protection.clone(),
        };
        for (realm, most) in &settings.realm_sessions {
            if let Some(place) = layout.realm_sessions.get_mut(usize::from(*realm)) {
                *place = *most;
            }
        }
        layout.index();
        Ok(layout)
    }

    /// Fills the tables that follow from the numbers.
    fn index(&mut self) {
        let mut outside_addresses = HashMap::new();
        for (slot, address) in self.addresses.iter().enumerate() {
            let Some(address) = address else { continue };
            let realm = self
                .pools
                .get(usize::from(address.pool))
                .and_then(Option::as_ref)
                .map_or(0, |pool| pool.realm);
            outside_addresses
                .entry((realm, address.address.to_bits()))
                .or_insert(OutsideAddress::NEW)
                .add(count(slot));
        }
        for one in self.statics.iter().flatten() {
            let (inside, outside) = (one.inside.to_bits(), one.outside.to_bits());
            for nth in 0..one.count {
                let address = outside.wrapping_add(nth);
                let known = outside_addresses
                    .entry((one.outside_realm, address))
                    .or_insert(OutsideAddress::NEW);
                known.whole |= one.ports.is_none() && one.protocol.is_none();
                if one.ports.is_none() {
                    let protocol = one.protocol.unwrap_or(ANY_PROTOCOL);
                    self.whole.insert(
                        (one.outside_realm, address, protocol),
                        (one.realm, inside.wrapping_add(nth)),
                    );
                }
            }
            if let (Some((_, first, ports)), Some(protocol)) = (one.ports, one.protocol) {
                for nth in 0..ports {
                    let port = first.wrapping_add(nth);
                    self.forwards.insert(
                        (one.outside_realm, outside, protocol, port),
                        (one.realm, inside),
                    );
                }
            }
            for other in &one.others {
                self.gathered.insert((one.realm, other.to_bits()), inside);
            }
        }
        self.outside = OutsideTable::new(&outside_addresses);
        let numbered = self.order.iter().filter_map(|number| {
            let rule = self.rules.get(usize::from(*number))?;
            Some((*number, rule.as_ref()?))
        });
        self.ways = Ways::new(&numbered.collect::<Vec<_>>());
        self.plans = (0..self.rules.len())
            .map(|number| Plan::new(self, number))
            .collect();
        self.index_logs();
        for rule in self.rules.iter().flatten() {
            let trunks = rule.services.trunks.iter();
            let of_many = |trunk: &&Trunk| trunk.address.size() > 1 || !trunk.media.is_empty();
            for trunk in trunks.filter(of_many) {
                let known = (rule.realm, trunk.clone());
                if !self.trunks.contains(&known) {
                    self.trunks.push(known);
                }
            }
            let way = (rule.realm, rule.outside_realm);
            if !self.leads_to.contains(&way) {
                self.leads_to.push(way);
            }
        }
    }

    // --- what is configured --------------------------------------------------

    /// How many shards there are.
    #[must_use]
    pub const fn shards(&self) -> u32 {
        self.shards
    }

    /// What brings packets to the shards.
    #[must_use]
    pub fn steering(&self) -> &Steering {
        &self.steering
    }

    /// Timeouts.
    #[must_use]
    pub const fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    pub(crate) const fn udp_inbound_refresh(&self) -> bool {
        self.udp_inbound_refresh
    }

    pub(crate) const fn hold_down(&self) -> base::Nanos {
        self.hold_down
    }

    pub(crate) const fn hold_down_percent(&self) -> u8 {
        self.hold_down_percent
    }

    /// The rule with this number.
    #[must_use]
    pub fn rule(&self, number: usize) -> Option<&Rule> {
        self.rules.get(number)?.as_ref()
    }

    /// What gateways look at in flows of a rule, or of none.
    #[inline]
    pub(crate) fn services(&self, rule: usize) -> &Services {
        self.rule(rule)
            .map_or(&self.services, |rule| &rule.services)
    }

    /// The zone policy, if there is one.
    #[must_use]
    #[inline]
    pub const fn zones(&self) -> Option<&Zones> {
        self.zones.as_ref()
    }

    /// What is kept out of the outside, if anything.
    #[must_use]
    pub const fn protection(&self) -> Option<&Protection> {
        self.protection.as_ref()
    }

    /// What a translating rule wants of first packets.
    #[inline]
    pub(crate) fn plan(&self, number: usize) -> Option<&Plan> {
        self.plans.get(number)?.as_ref()
    }

    /// What any rule wants logged.
    pub(crate) const fn log(&self) -> Log {
        self.log
    }

    /// What any rule that draws on a pool wants logged.
    pub(crate) fn log_of_pool(&self, pool: usize) -> Log {
        self.logs.get(pool).copied().unwrap_or(Log::NONE)
    }

    fn index_logs(&mut self) {
        let mut logs = alloc::vec![Log::NONE; self.pools.len()];
        for plan in self.plans.iter().flatten() {
            let log = plan.translate.log;
            self.log = self.log.or(log);
            for pool in plan.translate.pools.iter() {
                for drawn in [Some(pool), self.overflow_of(pool)].into_iter().flatten() {
                    if let Some(place) = logs.get_mut(drawn) {
                        *place = place.or(log);
                    }
                }
            }
        }
        self.logs = logs;
    }

    /// One more than the highest number of a rule.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// Rules for traffic from inside with their numbers, first match first.
    pub fn rules(&self) -> impl Iterator<Item = (usize, &Rule)> {
        self.in_order(self.order.iter().copied())
    }

    /// Those of them that are for traffic from an interface.
    pub(crate) fn rules_from(&self, interface: usize) -> impl Iterator<Item = (usize, &Rule)> {
        self.in_order(self.ways.numbers(interface))
    }

    /// What can be said of a packet from an interface without asking them.
    #[inline]
    pub(crate) fn sure_match(&self, interface: usize, key: FlowKey) -> Sure {
        self.ways.sure(interface, key)
    }

    /// Whether packets from this interface are from inside for some rule.
    #[must_use]
    pub fn is_inside(&self, interface: usize) -> bool {
        self.ways.is_inside(interface)
    }

    /// Whether whatever comes by this interface is from outside, with no rule to ask.
    #[must_use]
    #[inline]
    pub fn is_only_outside(&self, interface: usize) -> bool {
        self.outside_order.is_empty() && self.ways.is_outside(interface)
    }

    /// Rules for remote hosts, likewise.
    pub(crate) fn outside_rules(&self) -> impl Iterator<Item = (usize, &Rule)> {
        self.in_order(self.outside_order.iter().copied())
    }

    fn in_order(&self, order: impl Iterator<Item = u16>) -> impl Iterator<Item = (usize, &Rule)> {
        order.filter_map(|number| {
            let number = usize::from(number);
            Some((number, self.rule(number)?))
        })
    }

    /// The pool with this number.
    #[must_use]
    pub fn pool(&self, number: usize) -> Option<&Pool> {
        self.pools.get(number)?.as_ref()
    }

    /// One more than the highest number of a pool.
    #[must_use]
    pub fn pool_count(&self) -> usize {
        self.pools.len()
    }

    pub(crate) fn geometry(&self, pool: usize) -> Geometry {
        self.geometry.get(pool).copied().unwrap_or_default()
    }

    pub(crate) fn addresses(&self) -> &[Option<PoolAddress>] {
        &self.addresses
    }

    pub(crate) fn address(&self, slot: u32) -> Option<&PoolAddress> {
        self.addresses.get(slot as usize)?.as_ref()
    }

    /// Numbers of a pool's addresses.
    pub(crate) fn slots_of(&self, pool: usize) -> &[u32] {
        self.of_pool.get(pool).map_or(&[], Vec::as_slice)
    }

    /// Number of the outside address at `place` of a pool.
    pub(crate) fn slot_at(&self, pool: usize, place: u32) -> Option<u32> {
        let slots = self.of_pool.get(pool)?;
        // Usually just there; places move only where addresses were taken out.
        let guess = slots.get(place as usize).copied();
        guess
            .filter(|slot| {
                self.address(*slot)
                    .is_some_and(|found| found.place == place)
            })
            .or_else(|| {
                slots.iter().copied().find(|slot| {
                    self.address(*slot)
                        .is_some_and(|found| found.place == place)
                })
            })
    }

    pub(crate) fn statics(&self) -> &[Option<Static>] {
        &self.statics
    }

    pub(crate) fn static_at(&self, number: u16) -> Option<&Static> {
        self.statics.get(usize::from(number))?.as_ref()
    }

    /// Whether static mappings take whole addresses.
    pub(crate) fn has_whole_statics(&self) -> bool {
        !self.whole.is_empty()
    }

    /// The inside host to which a static mapping of a whole address takes a
    /// protocol, with its realm.
    #[must_use]
    pub fn whole_inside(&self, realm: Realm, outside: u32, protocol: u8) -> Option<(Realm, u32)> {
        if self.whole.is_empty() {
            return None;
        }
        self.whole
            .get(&(realm, outside, protocol))
            .or_else(|| self.whole.get(&(realm, outside, ANY_PROTOCOL)))
            .copied()
    }

    /// Static mappings.
    pub fn static_mappings(&self) -> impl Iterator<Item = &Static> {
        self.statics.iter().flatten()
    }

    /// Most sessions of a realm, all shards together.
    pub(crate) fn realm_sessions(&self, realm: Realm) -> u32 {
        self.realm_sessions
            .get(usize::from(realm))
            .copied()
            .unwrap_or(u32::MAX)
    }

    /// One shard's share of a limit for all of them.
    pub(crate) const fn share(&self, limit: u32) -> u32 {
        if limit == u32::MAX {
            limit
        } else {
            limit.div_ceil(self.shards)
        }
    }

    /// What the translator has to do with an address of the outside, if anything.
    #[must_use]
    #[inline]
    pub fn outside_address(&self, realm: Realm, address: u32) -> Option<OutsideAddress> {
        self.outside.get(realm, address).copied()
    }

    /// A number of an outside address, below [`Layout::outside_places`].
    pub(crate) fn outside_place(&self, realm: Realm, address: u32) -> Option<usize> {
        self.outside.place(realm, address)
    }

    /// The outside address of a number.
    pub(crate) fn outside_at(&self, place: usize) -> Option<(Realm, u32)> {
        self.outside.at(place)
    }

    /// More than the number of any outside address.
    pub(crate) fn outside_places(&self) -> usize {
        self.outside.places()
    }

    /// The realm in which `address` is translated, seen from a realm: itself, or
    /// one that its flows leave to.
    #[must_use]
    pub fn outside_seen_from(&self, realm: Realm, address: u32) -> Option<Realm> {
        if self.outside.get(realm, address).is_some() {
            return Some(realm);
        }
        self.leads_to
            .iter()
            .find(|(from, to)| *from == realm && self.outside.get(*to, address).is_some())
            .map(|(_, to)| *to)
    }

    /// Whether any remote hosts get addresses towards the inside (twice NAT).
    #[must_use]
    pub fn has_outside_rules(&self) -> bool {
        !self.outside_order.is_empty()
    }

    /// Whether an address is one of those by which inside hosts know remote ones
    /// (twice NAT).
    #[must_use]
    pub fn is_for_remotes(&self, realm: Realm, address: u32) -> bool {
        self.outside_address(realm, address).is_some_and(|known| {
            known.slots().any(|slot| {
                let pool = self.address(slot).map(|found| usize::from(found.pool));
                let mut rules = self.outside_order.iter();
                pool.is_some_and(|pool| rules.any(|rule| self.draws_on(*rule, pool)))
            })
        })
    }

    /// Whether there are static mappings of single ports.
    #[inline]
    pub(crate) fn has_forwards(&self) -> bool {
        !self.forwards.is_empty()
    }

    /// Whether a static mapping of single ports has the port of a pool address.
    pub(crate) fn is_forwarded(
        &self,
        slot: u32,
        outside: u32,
        side: PortProtocol,
        port: u16,
    ) -> bool {
        let Some(realm) = self
            .address(slot)
            .and_then(|address| Some(self.pool(usize::from(address.pool))?.realm))
        else {
            return false;
        };
        PROTOCOLS.iter().any(|protocol| {
            PortProtocol::of(*protocol) == Some(side)
                && self
                    .forwards
                    .contains_key(&(realm, outside, *protocol, port))
        })
    }

    /// Whether a static mapping has this outside endpoint.
    pub(crate) fn is_static(&self, realm: Realm, outside: u32, protocol: u8, port: u16) -> bool {
        self.forwards
            .contains_key(&(realm, outside, protocol, port))
            || self.whole_inside(realm, outside, protocol).is_some()
    }
}
