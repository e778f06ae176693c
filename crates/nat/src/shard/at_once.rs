//! First packets from inside under the simplest rules, in one go.
//!
//! Does what `mapping_for` and `open_under` do, for a known subscriber that has a block
//! with room, under a rule with blocks and endpoint-independent mapping, and where no
//! limit is near. Where anything is otherwise it says so before it changes
//! anything, and the others decide.

use base::{Counter, Direction};
use wire::ipv4::is_multicast;

use super::{First, Opened, Shard, dynamic_key, first_state, rule_number};
use crate::key::FlowKey;
use crate::mapping::{MappingKind, NewMapping, Reach};
use crate::pool::Wish;
use crate::record::Life;
use crate::session::{Flags, NewSession};
use crate::settings::{Dependence, PortProtocol};
use crate::subscriber::SubscriberId;

impl Shard {
    /// Opens a session for a packet from inside; `None` if it is not that simple.
    pub(super) fn open_at_once(&mut self, first: &First<'_>, rule: usize) -> Option<Opened> {
        let key = first.key;
        let plan = self.layout.plan(rule).filter(|plan| plan.is_simple)?;
        let [of_rule, of_realm] = plan.shares;
        let services = self.layout.services(rule);
        if first.hairpin
            || services.at(key.protocol(), key.dst_port()).is_some()
            || services.from(key.protocol(), key.src_port()).is_some()
            || *self.rule_sessions.get(rule)? >= of_rule
            || *self.realm_sessions.get(usize::from(key.realm()))? >= of_realm
            || self.sessions.live() >= self.sizes.sessions
            || self.static_mapping(key).is_some()
            || self.leads.find(key, first.now.ticks()).is_some()
        {
            return None;
        }
        let ahead = first.ahead;
        let guess = ahead.and_then(|ahead| ahead.subscriber);
        let subscriber = self.subscribers.find_near(guess, key.src(), key.realm())?;
        let record = self.subscribers.get(subscriber)?;
        if record.sessions >= plan.translate.limits.sessions {
            return None;
        }
        let (rate, before) = (plan.translate.limits.rate, record.next_session);
        let pool = usize::from(plan.lender?.pool);
        let out_key = dynamic_key(key, Dependence::Endpoint, pool);
        let hash = ahead.map_or_else(|| self.mappings.hash(out_key), |ahead| ahead.mapping_hash);
        self.admit_rate(subscriber, rate, first.now).ok()?;
        let opened = match self.mappings.find_outbound_by(hash, out_key) {
            Some(known) => self
                .open_under(first, known, Some(rule), Some(subscriber))
                .ok(),
            None => self.map_at_once(first, rule, subscriber, out_key, hash),
        };
        if opened.is_none()
            && let Some(record) = self.subscribers.get_mut(subscriber)
        {
            record.next_session = before;
        }
        opened
    }

    /// The same with a mapping of its own, by a port of the active block.
    #[inline]
    fn map_at_once(
        &mut self,
        first: &First<'_>,
        rule: usize,
        subscriber: SubscriberId,
        out_key: FlowKey,
        out_hash: u64,
    ) -> Option<Opened> {
        let (key, now) = (first.key, first.now.ticks());
        let plan = self.layout.plan(rule)?;
        let (translate, lender) = (&plan.translate, plan.lender?);
        let side = PortProtocol::of(key.protocol())?;
        let record = self.subscribers.get_mut(subscriber)?;
        let full = record.ports.get(side as usize)? >= plan.most.get(side as usize)?;
        if full || !self.mappings.has_room() || is_multicast(key.dst()) {
            return None;
        }
        let pool = usize::from(lender.pool);
        let block = record.block;
        let foreseen = first.ahead.and_then(|ahead| ahead.foreseen);
        let foreseen = foreseen.filter(|foreseen| foreseen.block == block);
        let wish = Wish {
            odd: (translate.parity && side == PortProtocol::Udp).then_some(key.src_port() & 1 == 1),
            exact: None,
            chance: first.ahead.map(|ahead| ahead.chance),
            foreseen: foreseen.map(|foreseen| foreseen.offset),
        };
        let is_young = |since| lender.lends_from(since, now);
        let (offset, outside, port) =
            self.pools
                .take_lent_port(block, pool, is_young, (side, wish), &mut self.rng)?;
        let foreseen = foreseen.filter(|foreseen| foreseen.offset == offset);
        let remembers = self.filter.is_some() && translate.filtering == Dependence::Address;
        let mapping = NewMapping {
            out_key,
            outside: outside.to_bits(),
            outside_port: port,
            outside_realm: plan.outside_realm,
            rule: rule_number(rule),
            kind: MappingKind::Dynamic,
            reach: Reach::Endpoint,
        };
        let in_hash = foreseen.map_or_else(
            || self.mappings.hash(mapping.in_key()),
            |foreseen| foreseen.mapping_hash,
        );
        let outside_realm = plan.outside_realm;
        let remote = remembers.then_some(key.dst());
        let inserted = self
            .mappings
            .insert_with(&mapping, [out_hash, in_hash], 1, remote);
        let Ok(id) = inserted else {
            self.release_port(block, offset, side, false, now);
            return None;
        };
        record.sessions += 1;
        if self.subscribers.use_port(subscriber, plan, side) {
            let high = plan.high.get(side as usize).copied();
            self.tell_high(subscriber, high.unwrap_or(0));
        }
        let mut flags = self.udp_refresh(key.protocol());
        if remembers {
            flags = flags.with(Flags::FILTER);
        }
        let session = NewSession {
            out_key: key,
            outside: mapping.outside,
            outside_port: port,
            outside_realm,
            state: first_state(key, Direction::Outbound),
            flags,
            rule: mapping.rule,
            mapping: Some(id),
        };
        self.mapping_began(id);
        self.watch_pool(pool);
        let in_hash = foreseen.map(|foreseen| foreseen.session_hash);
        let Ok(opened) = self.sessions.insert_with(&session, in_hash, now) else {
            if let Some(record) = self.subscribers.get_mut(subscriber) {
                record.sessions -= 1;
            }
            self.mappings.change(id, |mapping| mapping.strong = 0);
            self.end_mapping_if_unused(id, now);
            return None;
        };
        self.counters.bump(Counter::NatSessionsCreated);
        if self.journal.log.sessions {
            self.note_session(Life::Begun, opened);
        }
        self.count_session(session.rule, key.realm(), 1);
        Some(opened)
    }
}
