//! First packets that are seen coming: what opening their sessions will touch is loaded
//! for many of them at once, a step at a time.
//!
//! ```text
//!  key ─> index lines of subscriber and mapping
//!      ─> subscriber's record; the mapping, if it seems to be there
//!      ─> block and bitmap
//!      ─> the port that chance will choose ─> index lines of mapping and session inwards
//!      ─> where the table is crowded, the lines behind those
//! ```
//!
//! Nothing is decided or changed here but that chance is drawn: opening uses the same
//! draw, and so mostly comes to the same port. Whatever is foreseen wrongly costs a line
//! loaded in vain.

use super::{Shard, dynamic_key};
use crate::key::FlowKey;
use crate::mapping::{MappingId, inbound_key};
use crate::pool::{NO_BLOCK, Wish};
use crate::settings::{Dependence, PortProtocol};
use crate::subscriber::SubscriberId;

/// A first packet from inside that is seen coming.
#[derive(Clone, Copy, Debug)]
pub struct Ahead {
    key: FlowKey,
    /// The rule that it meets.
    pub rule: usize,
    /// What chance says about its port.
    pub(super) chance: u32,
    subscriber_hash: u64,
    pub(super) mapping_hash: u64,
    pub(super) subscriber: Option<SubscriberId>,
    known: Option<MappingId>,
    block: u32,
    pub(super) foreseen: Option<Foreseen>,
}

/// The port that a first packet will probably get.
#[derive(Clone, Copy, Debug)]
pub(super) struct Foreseen {
    pub(super) block: u32,
    /// Place in the block.
    pub(super) offset: u16,
    /// Hashes of the keys from outside.
    pub(super) mapping_hash: u64,
    pub(super) session_hash: u64,
}

impl Ahead {
    /// One that meets a rule for certain.
    #[must_use]
    pub const fn new(key: FlowKey, rule: usize) -> Self {
        Self {
            key,
            rule,
            chance: 0,
            subscriber_hash: 0,
            mapping_hash: 0,
            subscriber: None,
            known: None,
            block: NO_BLOCK,
            foreseen: None,
        }
    }
}

impl Shard {
    /// Loads what opening these sessions will touch, and draws their chance.
    pub fn look_ahead(&mut self, coming: &mut [Ahead]) {
        for one in coming.iter_mut() {
            one.chance = self.rng.half();
            one.subscriber_hash = self.subscribers.look_ahead(one.key.src(), one.key.realm());
            if let Some(lender) = self.layout.plan(one.rule).and_then(|plan| plan.lender) {
                let pool = usize::from(lender.pool);
                let key = dynamic_key(one.key, Dependence::Endpoint, pool);
                one.mapping_hash = self.mappings.look_ahead(key);
            }
        }
        for one in coming.iter_mut() {
            one.known = self.mappings.guess(one.mapping_hash);
            one.subscriber = self.subscribers.guess(one.subscriber_hash);
        }
        for one in coming.iter_mut() {
            // By its first look another mapping may look the same.
            one.known = one.known.filter(|id| self.is_mapping_of(*id, one.key));
            if one.known.is_some() {
                continue;
            }
            let record = one.subscriber.and_then(|id| self.subscribers.get(id));
            one.block = record.map_or(NO_BLOCK, |record| record.block);
            if let Some(side) = PortProtocol::of(one.key.protocol()) {
                self.pools.look_ahead(one.block, side);
            }
        }
        for one in coming.iter_mut() {
            self.foresee(one);
        }
        if self.sessions.is_crowded() {
            for foreseen in coming.iter().filter_map(|one| one.foreseen) {
                self.mappings.look_further(foreseen.mapping_hash);
                self.sessions.look_further(foreseen.session_hash);
            }
        }
    }

    /// Whether a mapping is one of a flow's inside endpoint.
    #[inline]
    fn is_mapping_of(&self, id: MappingId, key: FlowKey) -> bool {
        self.mappings.get(id).is_some_and(|mapping| {
            let of = mapping.out_key;
            (of.src(), of.src_port()) == (key.src(), key.src_port())
        })
    }

    /// Loads the lines of the indexes by which the session will be found from outside.
    #[inline]
    fn foresee(&self, one: &mut Ahead) -> Option<()> {
        let (key, plan) = (one.key, self.layout.plan(one.rule)?);
        let inwards = |outside, port| {
            let answer = key.reversed().with_dst(outside, port);
            answer.in_realm(plan.outside_realm)
        };
        if let Some(known) = one.known {
            let mapping = self.mappings.get(known)?;
            if let Some(filter) = &self.filter {
                filter.look_ahead(known, key.dst());
            }
            let inwards = inwards(mapping.outside, mapping.outside_port);
            let _ = self.sessions.glance().begin(inwards);
            return Some(());
        }
        let side = PortProtocol::of(key.protocol())?;
        let wish = Wish {
            odd: (plan.translate.parity && side == PortProtocol::Udp)
                .then_some(key.src_port() & 1 == 1),
            exact: None,
            chance: Some(one.chance),
            foreseen: None,
        };
        let (offset, outside, port) = self.pools.foresee(one.block, side, wish)?;
        let endpoint = inbound_key(outside, port, key.protocol(), plan.outside_realm);
        one.foreseen = Some(Foreseen {
            block: one.block,
            offset,
            mapping_hash: self.mappings.look_ahead(endpoint),
            session_hash: self.sessions.glance().begin(inwards(outside, port)),
        });
        Some(())
    }
}
