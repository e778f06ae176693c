//! First packets from inside: limits, mapping, session.

use base::{Counter, Direction, Nanos};

use super::{
    First, NO_RULE, Opened, Refusal, Shard, dynamic_key, first_state, rule_number, static_key,
};
use crate::key::{FlowKey, Realm};
use crate::mapping::{MappingId, MappingKind, NewMapping};
use crate::pool::{count, low16};
use crate::session::{Flags, NewSession};
use crate::settings::{Action, Division, PortProtocol, Rule, Translate};
use crate::subscriber::SubscriberId;
use crate::tcp_state::State;

impl Shard {
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
            };
            return self.insert_session(&new, first.now);
        }
        let mapping = match self.mappings.find_outbound(static_key(key)) {
            Some(mapping) => mapping,
            None => self.mapping_for(first, rule.ok_or(Counter::DropNoRule)?)?,
        };
        let opened = self.open_under(first, mapping, rule, state, hairpin);
        if opened.is_err() {
            self.end_mapping_if_unused(mapping, first.now.ticks());
        }
        opened
    }

    pub(super) fn open_under(
        &mut self,
        first: &First,
        id: MappingId,
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
    pub(super) fn mapping_for(&mut self, first: &First, rule: usize) -> Result<MappingId, Refusal> {
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
            .and_then(|()| self.existing_mapping(key, &translate));
        let result = match found {
            Err(Counter::DropNoMapping) => {
                self.new_mapping(first, rule, &translate, outside_realm, ports, subscriber)
            }
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

    pub(super) fn subscriber_for(
        &mut self,
        key: FlowKey,
        pool: usize,
    ) -> Result<SubscriberId, Refusal> {
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
    pub(super) fn admit(
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

    pub(super) fn existing_mapping(
        &self,
        key: FlowKey,
        translate: &Translate,
    ) -> Result<MappingId, Refusal> {
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

    pub(super) fn new_mapping(
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
        let mapping = NewMapping {
            out_key: dynamic_key(first.key, translate.mapping, pool),
            outside: outside.to_bits(),
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
        let Ok(id) = self.mappings.insert(&mapping) else {
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

    pub(super) fn overflow_of(&self, pool: usize) -> Option<usize> {
        match self.pools.settings(pool)?.division {
            Division::Deterministic { overflow, .. } => overflow,
            _ => None,
        }
    }
}
