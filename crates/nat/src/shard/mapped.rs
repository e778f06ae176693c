//! The mapping of a flow: the one there is, or a new one with a port, an
//! address, or both left as they are.

use base::{Counter, Ticks};
use wire::ipv4::protocol;

use super::ports::{ADDRESS_PROBES, Taken, Wanted};
use super::{ANY_PROTOCOL, First, Refusal, Shard, dynamic_key, rule_number, whole_key};
use crate::gateway::Gateway;
use crate::key::{FlowKey, Realm};
use crate::layout::Plan;
use crate::mapping::{Mapping, MappingId, MappingKind, NewMapping, Reach, inbound_key};
use crate::pool::{Wish, block_id, slot_of};
use crate::settings::{Dependence, Division, Pairing, PortProtocol, Translate};
use crate::subscriber::SubscriberId;

impl Shard {
    /// Finds or makes the mapping for a flow under a rule, after the
    /// subscriber's limits.
    pub(super) fn mapping_for(
        &mut self,
        first: &First<'_>,
        rule: usize,
    ) -> Result<(MappingId, SubscriberId), Refusal> {
        let key = first.key;
        let mut plan = *self.layout.plan(rule).ok_or(Counter::DropNoRule)?;
        if plan.translate.mapping != Dependence::Endpoint && self.is_answered_elsewhere(rule, key) {
            plan.translate.mapping = Dependence::Endpoint;
            plan.translate.overload = false;
        }
        let translate = &plan.translate;
        if let Err(reason) = self.admit_rule(rule, translate, key) {
            self.refused_known(key, first.now.ticks());
            return Err(reason);
        }
        let subscriber = self.subscriber_for(key, plan.is_outside)?;
        let result = self
            .admit_session(subscriber, translate, Some(key.dst_port()))
            .and_then(|()| self.admit_rate(subscriber, translate.limits.rate, first.now))
            .and_then(|()| match self.existing_mapping(key, &plan) {
                Some(found) => Ok(found),
                None => self.new_mapping(first, rule, &plan, subscriber),
            });
        if result.is_err_and(|reason| reason != Counter::DropEspWaiting) {
            self.refused(subscriber, first.now.ticks());
        }
        result.map(|mapping| (mapping, subscriber))
    }

    /// Whether the gateway of a flow expects its answers from another port of the server, which
    /// knows the host by where the request came from (TFTP): that must not depend on the remote.
    fn is_answered_elsewhere(&self, rule: usize, key: FlowKey) -> bool {
        let services = self.layout.services(rule);
        let service = services.at(key.protocol(), key.dst_port());
        service.is_some_and(|service| service.gateway == Gateway::Tftp && !service.shadow)
    }

    pub(super) fn subscriber_for(
        &mut self,
        key: FlowKey,
        remote: bool,
    ) -> Result<SubscriberId, Refusal> {
        if let Some(known) = self.subscribers.find(key.src(), key.realm()) {
            return Ok(known);
        }
        let new = self
            .subscribers
            .insert(key.src(), key.realm(), remote)
            .map_err(|_| Counter::DropSubscriberTable)?;
        self.subscriber_began();
        Ok(new)
    }

    /// The mapping by which an inside endpoint is announced: one that depends on no remote.
    pub(super) fn door_mapping(&self, key: FlowKey, plan: &Plan) -> Option<MappingId> {
        let find = |pool: usize| {
            let key = match self.layout.pool(pool)?.division {
                Division::Whole => whole_key(key, pool),
                _ => dynamic_key(key, Dependence::Endpoint, pool),
            };
            self.mappings.find_outbound(key)
        };
        plan.translate
            .pools
            .iter()
            .find_map(|pool| find(pool).or_else(|| find(self.layout.overflow_of(pool)?)))
    }

    /// Makes that mapping, under the limits of ports.
    pub(super) fn map_for_door(
        &mut self,
        first: &First<'_>,
        rule: usize,
        plan: &Plan,
        subscriber: SubscriberId,
        wish: Wish,
    ) -> Result<MappingId, Refusal> {
        let mut plan = *plan;
        plan.translate.mapping = Dependence::Endpoint;
        plan.translate.overload = false;
        self.map_wished(first, rule, &plan, subscriber, wish)
    }

    /// Makes the mapping of a flow as its rule has it, likewise.
    pub(super) fn map_wished(
        &mut self,
        first: &First<'_>,
        rule: usize,
        plan: &Plan,
        subscriber: SubscriberId,
        wish: Wish,
    ) -> Result<MappingId, Refusal> {
        let side = PortProtocol::of(first.key.protocol()).filter(|_| !plan.is_whole);
        let Some(side) = side else {
            return self.new_mapping(first, rule, plan, subscriber);
        };
        if !self.mappings.has_room() {
            return Err(Counter::DropMappingTable);
        }
        self.admit_port(subscriber, plan, side, first.key.dst_port())?;
        self.port_mapping(first, rule, plan, subscriber, (side, wish))
    }

    pub(super) fn existing_mapping(&self, key: FlowKey, plan: &Plan) -> Option<MappingId> {
        let translate = &plan.translate;
        if translate.mapping != Dependence::Endpoint
            && (self.has_doors() || self.has_records())
            && let Some(announced) = self.door_mapping(key, plan)
        {
            return Some(announced);
        }
        let dependence = match PortProtocol::of(key.protocol()) {
            Some(_) => translate.mapping,
            None => Dependence::AddressAndPort,
        };
        if let Some(lender) = plan.lender {
            let key = dynamic_key(key, dependence, usize::from(lender.pool));
            return self.mappings.find_outbound(key);
        }
        let find = |pool: usize| {
            let key = match self.layout.pool(pool)?.division {
                Division::Whole => whole_key(key, pool),
                _ => dynamic_key(key, dependence, pool),
            };
            self.mappings.find_outbound(key)
        };
        translate
            .pools
            .iter()
            .find_map(|pool| find(pool).or_else(|| find(self.layout.overflow_of(pool)?)))
    }

    fn new_mapping(
        &mut self,
        first: &First<'_>,
        rule: usize,
        plan: &Plan,
        subscriber: SubscriberId,
    ) -> Result<MappingId, Refusal> {
        if !self.mappings.has_room() {
            return Err(Counter::DropMappingTable);
        }
        let (translate, outside_realm) = (&plan.translate, plan.outside_realm);
        let key = first.key;
        let side = PortProtocol::of(key.protocol()).filter(|_| !plan.is_whole);
        let Some(side) = side else {
            return if plan.is_whole {
                self.whole_mapping(first, rule, translate, outside_realm, subscriber)
            } else {
                self.pair_mapping(first, rule, translate, outside_realm, subscriber)
            };
        };
        self.admit_port(subscriber, plan, side, key.dst_port())?;
        let wish = Wish {
            odd: (translate.parity && side == PortProtocol::Udp).then_some(key.src_port() & 1 == 1),
            exact: translate.preserve.then_some(key.src_port()),
            chance: first.ahead.map(|ahead| ahead.chance),
            foreseen: None,
        };
        self.port_mapping(first, rule, plan, subscriber, (side, wish))
    }

    /// A mapping with a port of the pools, one that is wished for if it can be.
    fn port_mapping(
        &mut self,
        first: &First<'_>,
        rule: usize,
        plan: &Plan,
        subscriber: SubscriberId,
        (side, wish): (PortProtocol, Wish),
    ) -> Result<MappingId, Refusal> {
        let (translate, outside_realm) = (&plan.translate, plan.outside_realm);
        let key = first.key;
        let now = first.now.ticks();
        let wanted = Wanted {
            side,
            low: key.src_port() < 1024,
            wish,
        };
        let taken = self.take_port(subscriber, plan, wanted, now);
        let taken = match taken {
            Err(reason) if translate.overload => self
                .share_port(subscriber, translate, key, outside_realm, side)
                .ok_or(reason),
            other => other,
        }?;
        let kind = if taken.computed {
            MappingKind::Deterministic
        } else {
            MappingKind::Dynamic
        };
        let new = NewMapping {
            out_key: dynamic_key(key, translate.mapping, taken.pool),
            outside: taken.outside,
            outside_port: taken.port,
            rule: rule_number(rule),
            outside_realm,
            kind,
            reach: if translate.overload {
                Reach::Remote
            } else {
                Reach::Endpoint
            },
        };
        let Ok(id) = self.mappings.insert(&new) else {
            if !taken.shared {
                self.release_port(taken.block, taken.offset, side, false, now);
            }
            return Err(Counter::DropMappingTable);
        };
        if translate.overload {
            self.pools.share(taken.block, taken.offset, side);
        }
        if plan.lender.is_none() {
            self.pair_by_port(subscriber, taken.block);
        }
        self.mapping_began(id);
        self.count_port(subscriber, plan, side);
        Ok(id)
    }

    /// A port that other mappings use towards other remotes (RFC 7857 section 3).
    fn share_port(
        &mut self,
        id: SubscriberId,
        translate: &Translate,
        key: FlowKey,
        outside_realm: Realm,
        side: PortProtocol,
    ) -> Option<Taken> {
        let chance = self.rng.word();
        for pool in translate.pools.iter() {
            for block in self.blocks_to_share(id, pool, translate.pairing, chance) {
                let endpoint = |offset| self.layout.endpoint_of(block, offset);
                let free = |offset: u16| {
                    endpoint(offset).is_some_and(|(outside, outside_port)| {
                        let new = NewMapping {
                            out_key: dynamic_key(key, translate.mapping, pool),
                            outside,
                            outside_port,
                            outside_realm,
                            rule: 0,
                            kind: MappingKind::Dynamic,
                            reach: Reach::Remote,
                        };
                        self.mappings.find_inbound(new.in_key()).is_none()
                    })
                };
                if let Some(offset) = self.pools.shared_port(block, side, chance, free)
                    && let Some((outside, port)) = endpoint(offset)
                {
                    return Some(Taken {
                        pool,
                        block,
                        offset,
                        outside,
                        port,
                        shared: true,
                        computed: self.pools.is_computed(pool),
                    });
                }
            }
        }
        None
    }

    /// A whole outside address for a subscriber, all protocols, ports kept.
    fn whole_mapping(
        &mut self,
        first: &First<'_>,
        rule: usize,
        translate: &Translate,
        outside_realm: Realm,
        subscriber: SubscriberId,
    ) -> Result<MappingId, Refusal> {
        let now = first.now.ticks();
        let (pool, block) = self.whole_address(subscriber, translate, now)?;
        let slot = slot_of(block);
        let outside = self.pools.ip(slot).ok_or(Counter::DropNoPort)?;
        let new = NewMapping {
            out_key: whole_key(first.key, pool),
            outside: outside.to_bits(),
            outside_port: 0,
            rule: rule_number(rule),
            outside_realm,
            kind: MappingKind::Dynamic,
            reach: Reach::Endpoint,
        };
        let Ok(id) = self.mappings.insert(&new) else {
            self.rest_block(block, now);
            return Err(Counter::DropMappingTable);
        };
        // Its one place is taken as long as the mapping lasts.
        self.pools
            .take_port(block, PortProtocol::Tcp, Wish::default(), &mut self.rng);
        self.mapping_began(id);
        Ok(id)
    }

    /// A mapping of a protocol that gets no port: by address pair, with the
    /// ports left as they are if it has some.
    fn pair_mapping(
        &mut self,
        first: &First<'_>,
        rule: usize,
        translate: &Translate,
        outside_realm: Realm,
        subscriber: SubscriberId,
    ) -> Result<MappingId, Refusal> {
        let (key, now) = (first.key, first.now.ticks());
        let mut refusal = Counter::DropNoPort;
        for pool in translate.pools.iter() {
            let paired = self.paired_slot(subscriber, pool);
            let tries = if paired.is_some() && translate.pairing == Pairing::Strict {
                1
            } else {
                ADDRESS_PROBES
            };
            for nth in 0..tries {
                let slot = match paired.filter(|_| nth == 0) {
                    Some(slot) => slot,
                    None => match self.pools.pick(pool, PortProtocol::Tcp, &mut self.rng) {
                        Some(slot) => slot,
                        None => break,
                    },
                };
                let Some(outside) = self.pools.ip(slot) else {
                    break;
                };
                let new = NewMapping {
                    out_key: dynamic_key(key, Dependence::AddressAndPort, pool),
                    outside: outside.to_bits(),
                    outside_port: key.src_port(),
                    rule: rule_number(rule),
                    outside_realm,
                    kind: MappingKind::Dynamic,
                    reach: if self.has_tunnels(rule, key.protocol()) {
                        Reach::Hidden
                    } else {
                        Reach::Remote
                    },
                };
                let fixed = self.layout.is_static(
                    outside_realm,
                    new.outside,
                    key.protocol(),
                    key.src_port(),
                );
                let hidden = new.reach == Reach::Hidden;
                if fixed || !hidden && self.mappings.find_inbound(new.in_key()).is_some() {
                    refusal = Counter::DropAddressPair;
                    continue;
                }
                if hidden && key.scope() == 0 && self.must_wait(&new, now) {
                    refusal = Counter::DropEspWaiting;
                    continue;
                }
                let id = self
                    .mappings
                    .insert(&new)
                    .map_err(|_| Counter::DropMappingTable)?;
                self.pair(subscriber, slot);
                self.mapping_began(id);
                return Ok(id);
            }
            if paired.is_some() && translate.pairing == Pairing::Strict {
                break;
            }
        }
        Err(refusal)
    }

    /// The mapping that a packet from outside is for.
    pub(super) fn mapping_to(&self, key: FlowKey, realm: Realm) -> Option<MappingId> {
        let endpoint = match key.protocol() {
            // The pair of addresses: SPIs come and go.
            protocol::ESP => key.with_src(key.src(), 0).with_dst(key.dst(), 0),
            _ => key,
        }
        .in_realm(realm);
        let find = |key| self.mappings.find_inbound(key);
        let special = self.mappings.special();
        if let Some(found) = find(endpoint.with_src(0, 0)) {
            return Some(found);
        }
        if special.remote > 0
            && let Some(found) = find(endpoint).or_else(|| find(endpoint.with_src(key.src(), 0)))
        {
            return Some(found);
        }
        if special.whole == 0 {
            return None;
        }
        let whole = |protocol| find(inbound_key(key.dst(), 0, protocol, realm));
        whole(key.protocol()).or_else(|| whole(ANY_PROTOCOL))
    }

    /// Number of the outside address of a subscriber's mapping.
    #[inline]
    pub(super) fn slot_for(&self, owner: SubscriberId, mapping: &Mapping) -> Option<u32> {
        let (pool, outside) = (mapping.pool()?, mapping.outside);
        let mut paired = self.subscribers.get(owner)?.slots_with(outside);
        paired
            .find(|slot| self.pools.pool_of(*slot) == Some(pool))
            .or_else(|| self.layout.slot_with(pool, outside))
    }

    /// The block of a mapping's port, and its place there.
    #[inline]
    pub(super) fn place_for(&self, owner: SubscriberId, mapping: &Mapping) -> Option<(u32, u16)> {
        if self.pools.is_computed(mapping.pool()?) {
            // Of the layout in force: a range that is gone takes its ports with it.
            let slot = self.layout.slot_with(mapping.pool()?, mapping.outside)?;
            return self.layout.place_of(slot, mapping.outside_port);
        }
        let slot = self.slot_for(owner, mapping)?;
        self.pools.place_of(slot, mapping.outside_port)
    }

    /// Frees what a mapping has of a pool; its place there may be known.
    pub(super) fn release(
        &mut self,
        mapping: &Mapping,
        owner: SubscriberId,
        place: Option<(u32, u16)>,
        now: Ticks,
    ) {
        let Some(side) = PortProtocol::of(mapping.out_key.protocol()) else {
            let Some(slot) = self.slot_for(owner, mapping) else {
                return;
            };
            if mapping.is_whole() {
                let block = block_id(slot, 0);
                self.pools.free_port(block, 0, PortProtocol::Tcp, false);
                self.rest_block(block, now);
            } else {
                self.unpair(owner, slot);
            }
            return;
        };
        let Some((block, offset)) = self.give_port_back(mapping, owner, side, place) else {
            return;
        };
        self.rest_port(block, offset, side, now);
    }

    /// The same for a mapping that no packet has used, whose port need not rest.
    pub(super) fn release_at_once(&mut self, mapping: &Mapping, owner: SubscriberId, now: Ticks) {
        let Some(side) = PortProtocol::of(mapping.out_key.protocol()) else {
            return self.release(mapping, owner, None, now);
        };
        if let Some((block, offset)) = self.give_port_back(mapping, owner, side, None) {
            self.release_port(block, offset, side, false, now);
        }
    }

    /// A subscriber has one port less; the place of it, if no other mapping uses it.
    fn give_port_back(
        &mut self,
        mapping: &Mapping,
        owner: SubscriberId,
        side: PortProtocol,
        place: Option<(u32, u16)>,
    ) -> Option<(u32, u16)> {
        self.subscribers.release_port(owner, side);
        let (block, offset) = place.or_else(|| self.place_for(owner, mapping))?;
        self.unpair_by_port(owner, block);
        let shared = mapping.reach == Reach::Remote && self.pools.unshare(block, offset, side);
        (!shared).then_some((block, offset))
    }
}
