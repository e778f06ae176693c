//! What of a shard's life goes to the log, by rule and by pool.
//!
//! Sessions and mappings are logged as their rule says: sessions if destinations are
//! wanted, else mappings, so that nothing is told twice (RFC 8158 section 5.1). Blocks and
//! addresses are lent to subscribers whatever the rule, so a pool's are logged if any rule
//! that draws on it says so. Static mappings and computed ranges are never: the
//! configuration says whose they are (RFC 7422 section 2).
//!
//! Callers ask [`Shard::journal`](super::Shard) first whether anybody listens at all: all of
//! this is off the way of a shard that logs nothing.

use core::net::Ipv4Addr;

use base::{Counter, Ticks};

use super::{NO_RULE, Refusal, Shard};
use crate::key::{FlowKey, Realm};
use crate::mapping::{Mapping, MappingId, MappingKind};
use crate::pool::{count, low16, slot_of};
use crate::record::{Flow, Life, Quota, Record, Remote, Threshold};
use crate::session::SessionId;
use crate::settings::{Division, Log, Pairing, PortProtocol};
use crate::subscriber::SubscriberId;

impl Shard {
    /// What is to be logged since [`Shard::clear_records`], oldest first.
    #[must_use]
    #[inline]
    pub fn records(&self) -> &[Record] {
        self.journal.records()
    }

    /// Forgets it: it has been fetched, but for so many there was no room for.
    pub fn clear_records(&mut self, unsent: u64) {
        let lost = self.journal.clear() + unsent;
        self.counters.add(Counter::LogRingFull, lost);
    }

    /// Whether anything is logged.
    #[must_use]
    #[inline]
    pub const fn logs(&self) -> bool {
        self.journal.log.any()
    }

    /// A datagram in fragments was refused: as many as there may be are waited for.
    pub fn refused_fragments(&mut self, inside: u32, realm: Realm, most: u32, now: Ticks) {
        if self.logs() {
            let inside = Ipv4Addr::from_bits(inside);
            self.note_quota(Quota::Fragments(most, inside, realm), now);
        }
    }

    fn log_of_rule(&self, rule: u16) -> Log {
        if rule == NO_RULE {
            return Log::NONE;
        }
        let plan = self.layout.plan(usize::from(rule));
        plan.map_or(Log::NONE, |plan| plan.translate.log)
    }

    /// A session begins, or is about to end.
    #[cold]
    pub(super) fn note_session(&mut self, life: Life, id: SessionId) {
        let Some(view) = self.sessions.view(id) else {
            return;
        };
        let log = self.log_of_rule(view.rule);
        if !log.sessions || !log.destinations {
            return;
        }
        let key = view.out_key;
        let known_as = Ipv4Addr::from_bits(key.dst());
        let flow = Flow {
            inside: Ipv4Addr::from_bits(key.src()),
            outside: Ipv4Addr::from_bits(view.outside),
            inside_port: key.src_port(),
            outside_port: view.outside_port,
            protocol: key.protocol(),
            realm: key.realm(),
        };
        let remote = Remote {
            known_as,
            address: self.remote_behind(&view).unwrap_or(known_as),
            port: key.dst_port(),
        };
        self.journal.note(Record::Session(life, flow, remote));
    }

    /// A mapping was made.
    #[inline]
    pub(super) fn mapping_began(&mut self, id: MappingId) {
        self.counters.bump(Counter::NatMappingsCreated);
        if self.journal.log.sessions || self.journal.mappings.is_reached(self.mappings.live()) {
            self.note_beginning(id);
        }
    }

    /// A mapping is gone.
    #[inline]
    pub(super) fn mapping_ended(&mut self, mapping: &Mapping) {
        self.counters.bump(Counter::NatMappingsEnded);
        if self.journal.log.sessions {
            self.note_mapping(Life::Ended, mapping);
        }
    }

    #[cold]
    fn note_beginning(&mut self, id: MappingId) {
        if let Some(mapping) = self.mappings.get(id) {
            self.note_mapping(Life::Begun, &mapping);
        }
        if self.journal.mappings.is_reached(self.mappings.live()) {
            let threshold = Threshold::Mappings(self.journal.mappings.report());
            self.journal.note(Record::Threshold(threshold));
        }
    }

    #[cold]
    fn note_mapping(&mut self, life: Life, mapping: &Mapping) {
        let log = self.log_of_rule(mapping.rule);
        let identified = mapping.kind != MappingKind::Dynamic || mapping.is_whole();
        if identified || !log.sessions || log.destinations {
            return;
        }
        let key = mapping.out_key;
        let flow = Flow {
            inside: Ipv4Addr::from_bits(key.src()),
            outside: Ipv4Addr::from_bits(mapping.outside),
            inside_port: key.src_port(),
            outside_port: mapping.port_for(key.src_port()),
            protocol: key.protocol(),
            realm: key.realm(),
        };
        self.journal.note(Record::Mapping(life, flow));
    }

    /// A subscriber has come to have an outside address, or has it no more.
    #[cold]
    pub(super) fn note_address(&mut self, life: Life, id: SubscriberId, slot: u32) {
        let Some(pool) = self.pools.pool_of(slot) else {
            return;
        };
        let computed = matches!(
            self.pools.division(pool),
            Some(Division::Deterministic { .. })
        );
        if computed || !self.layout.log_of_pool(pool).any() {
            return;
        }
        let (Some(subscriber), Some(outside)) = (self.subscribers.get(id), self.pools.ip(slot))
        else {
            return;
        };
        self.journal.note(Record::Address {
            life,
            inside: subscriber.inside,
            realm: subscriber.realm,
            outside,
        });
    }

    /// A subscriber has appeared.
    #[inline]
    pub(super) fn subscriber_began(&mut self) {
        self.counters.bump(Counter::NatSubscribersCreated);
        if self.journal.subscribers.is_reached(self.subscribers.live()) {
            let threshold = Threshold::Subscribers(self.journal.subscribers.report());
            self.journal.note(Record::Threshold(threshold));
        }
    }

    /// Looks whether tables that were reported have shrunk again.
    #[inline]
    pub(super) fn look_at_marks(&mut self) {
        self.journal.mappings.look(self.mappings.live());
        self.journal.subscribers.look(self.subscribers.live());
    }

    /// A subscriber has come to have a block, or is about to have it no more.
    #[cold]
    pub(super) fn note_block(&mut self, life: Life, id: SubscriberId, block: u32) {
        let pool = self.pools.pool_of(slot_of(block));
        if pool.is_some_and(|pool| self.layout.log_of_pool(pool).blocks)
            && let Some(notice) = self.block_notice(id, block)
        {
            self.journal.note(Record::Block(life, notice));
        }
    }

    /// A subscriber uses much of its ports.
    #[cold]
    pub(super) fn note_high(&mut self, id: SubscriberId, high: u32) {
        if let Some(subscriber) = self.subscribers.get(id) {
            let threshold = Threshold::OfSubscriber(high, subscriber.inside, subscriber.realm);
            self.journal.note(Record::Threshold(threshold));
        }
    }

    /// A pool has crossed a watermark.
    #[cold]
    pub(super) fn note_pool(&mut self, pool: usize, high: bool) {
        if !self.layout.log_of_pool(pool).any() {
            return;
        }
        let number = low16(count(pool));
        let at = self.pools.watermark(pool, high);
        let threshold = if high {
            Threshold::PoolHigh(at, number)
        } else {
            Threshold::PoolLow(at, number)
        };
        self.journal.note(Record::Threshold(threshold));
    }

    /// A pool had nothing for a subscriber: no port of the address it keeps to, or no address.
    #[cold]
    pub(super) fn note_exhausted(
        &mut self,
        pool: usize,
        of: Option<(SubscriberId, Pairing, PortProtocol)>,
        now: Ticks,
    ) {
        if !self.layout.log_of_pool(pool).any() {
            return;
        }
        let kept = of
            .filter(|(_, pairing, _)| *pairing == Pairing::Strict)
            .and_then(|(id, _, side)| {
                let slot = self.paired_slot(id, pool)?;
                Some((slot, self.pools.ip(slot)?, side))
            });
        let (key, record) = if let Some((slot, outside, side)) = kept {
            let protocol = side.protocol();
            let record = Record::PortsExhausted { outside, protocol };
            (key_of(Subject::Ports, side as u64, slot), record)
        } else {
            let pool = low16(count(pool));
            let record = Record::AddressesExhausted { pool };
            (key_of(Subject::Pool, 0, u32::from(pool)), record)
        };
        self.journal.note_at_times(key, now, record);
    }

    /// A session from outside was refused through a mapping.
    #[cold]
    pub(super) fn note_visitor(&mut self, mapping: &Mapping, why: Refusal, now: Ticks) {
        if self.logs() {
            let rule = (mapping.kind != MappingKind::Static).then_some(usize::from(mapping.rule));
            self.note_refusal(mapping.out_key, rule, why, now);
        }
    }

    /// Somebody inside was refused something; if by a limit, that is noted.
    #[cold]
    pub(super) fn note_refusal(
        &mut self,
        key: FlowKey,
        rule: Option<usize>,
        why: Refusal,
        now: Ticks,
    ) {
        let plan = rule.and_then(|rule| self.layout.plan(rule));
        let limits = plan.map(|plan| &plan.translate.limits);
        let (inside, realm) = (Ipv4Addr::from_bits(key.src()), key.realm());
        let entries = |most: u32| Some(Quota::Entries(most, inside, realm));
        let quota = match why {
            Counter::DropSessionTable => Some(Quota::Sessions(self.sizes.sessions)),
            Counter::DropRuleLimit => {
                limits.map(|limits| Quota::Sessions(self.layout.share(limits.rule_sessions)))
            }
            Counter::DropVrfLimit => Some(Quota::Sessions(
                self.layout.share(self.layout.realm_sessions(realm)),
            )),
            Counter::DropMappingTable => Some(Quota::Mappings(self.sizes.mappings)),
            Counter::DropSubscriberTable => Some(Quota::Subscribers(self.sizes.subscribers)),
            Counter::DropSessionLimit => limits.and_then(|limits| entries(limits.sessions)),
            Counter::DropPortLimit => plan
                .zip(PortProtocol::of(key.protocol()))
                .and_then(|(plan, side)| plan.most.get(side as usize).copied())
                .and_then(entries),
            Counter::DropBlockLimit => plan
                .and_then(|plan| plan.translate.pools.iter().next())
                .and_then(|pool| match self.pools.division(pool)? {
                    Division::Blocks {
                        size,
                        max_per_subscriber,
                        ..
                    } => entries(u32::from(size) * u32::from(max_per_subscriber)),
                    _ => None,
                }),
            _ => None,
        };
        if let Some(quota) = quota {
            self.note_quota(quota, now);
        }
    }

    fn note_quota(&mut self, quota: Quota, now: Ticks) {
        let (number, of) = match quota {
            Quota::Sessions(_) => (1, (0, 0)),
            Quota::Mappings(_) => (2, (0, 0)),
            Quota::Entries(_, inside, realm) => (3, (realm, inside.to_bits())),
            Quota::Subscribers(_) => (4, (0, 0)),
            Quota::Fragments(_, inside, realm) => (5, (realm, inside.to_bits())),
        };
        let (realm, inside) = of;
        let key = key_of(Subject::Quota, number << 8 | u64::from(realm), inside);
        self.journal.note_at_times(key, now, Record::Quota(quota));
    }
}

/// What something is about that is noted once a second.
#[derive(Clone, Copy, Debug)]
enum Subject {
    Pool,
    Ports,
    Quota,
}

fn key_of(subject: Subject, which: u64, what: u32) -> u64 {
    (subject as u64) << 56 | which << 32 | u64::from(what)
}
