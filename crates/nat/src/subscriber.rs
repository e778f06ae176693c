//! Subscribers: whom quotas, pairing and blocks belong to (RFC 6888 REQ-2, REQ-4).
//!
//! One record per inside address and realm. It appears with the first session
//! and goes when no session, mapping or block is left. It is paired with one
//! outside address of each pool that serves it.

use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::num::NonZeroU32;

use base::{Nanos, Ticks};

use crate::index::Index;
use crate::key::{FlowKey, Realm};
use crate::layout::Plan;
use crate::pool::NO_BLOCK;
use crate::port_spread::PortSpread;
use crate::session::TableFull;
use crate::settings::PortProtocol;

/// Names a subscriber while the record lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriberId(pub(crate) u32);

/// Outside addresses that a subscriber can be paired with at once.
const PAIRS: usize = 4;

/// An outside address that a subscriber has blocks or ports of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Number of the address.
    pub(crate) slot: u32,
    /// Blocks, and mappings that need none.
    uses: NonZeroU32,
    outside: Ipv4Addr,
}

/// One subscriber: two lines, of which a first packet mostly needs only the first.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Subscriber {
    /// Inside address.
    pub inside: Ipv4Addr,
    /// Realm of the inside.
    pub realm: Realm,
    /// A remote host with an address towards the inside (twice NAT).
    pub remote: bool,
    /// More of a ports limit is used than the watermark says.
    pub(crate) is_high: bool,
    /// Blocks it has.
    pub blocks: u16,
    /// First of its blocks, the active one.
    pub(crate) block: u32,
    /// Sessions it has.
    pub sessions: u32,
    /// Ports it uses, by [`PortProtocol`].
    pub ports: [u32; PortProtocol::COUNT],
    pairs: [Option<Pair>; PAIRS],
    /// Sessions refused.
    pub refused: u64,
    /// When its being refused was told last.
    pub(crate) refusal_told: Option<Ticks>,
    /// Virtual start of the next session at the limited rate.
    pub(crate) next_session: Nanos,
    /// The last change of the layout that ended a session of it, or would have.
    pub(crate) touched: u32,
}

const _: () = assert!(size_of::<Option<Subscriber>>() == 128);

impl Subscriber {
    fn key(&self) -> FlowKey {
        key(self.inside.to_bits(), self.realm)
    }

    /// The outside address of its first pool.
    #[must_use]
    pub fn outside(&self) -> Option<Ipv4Addr> {
        self.pairs.iter().flatten().next().map(|pair| pair.outside)
    }

    /// Whether it uses nothing, though it may still have a block.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.sessions == 0 && self.ports == [0; PortProtocol::COUNT]
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.is_quiet() && self.blocks == 0 && self.pairs == [None; PAIRS]
    }

    /// Numbers of the outside addresses it is paired with.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        self.pairs.into_iter().flatten().map(|pair| pair.slot)
    }

    /// Those it is paired with that have this address.
    #[inline]
    pub(crate) fn slots_with(&self, outside: u32) -> impl Iterator<Item = u32> {
        let pairs = self.pairs.iter().flatten();
        pairs
            .filter(move |pair| pair.outside.to_bits() == outside)
            .map(|pair| pair.slot)
    }

    /// Ports it uses of all protocols.
    fn ports_used(&self) -> u32 {
        self.ports.iter().sum()
    }

    /// One more port; true if from now on it uses much of them, which is said once until
    /// it uses less.
    fn use_port(&mut self, plan: &Plan, side: PortProtocol) -> bool {
        let side = side as usize;
        let (Some(used), Some(high), Some(low)) = (
            self.ports.get_mut(side),
            plan.high.get(side),
            plan.low.get(side),
        ) else {
            return false;
        };
        *used += 1;
        if !self.is_high && *used >= *high {
            self.is_high = true;
            return true;
        }
        if self.is_high && *used < *low {
            self.is_high = false;
        }
        false
    }

    /// One use more of an outside address; true if it is the first. A subscriber
    /// of more pools than there are pairs is not paired in the last of them.
    pub(crate) fn pair(&mut self, slot: u32, outside: Ipv4Addr) -> bool {
        if let Some(pair) = self
            .pairs
            .iter_mut()
            .flatten()
            .find(|pair| pair.slot == slot)
        {
            pair.uses = pair.uses.saturating_add(1);
            return false;
        }
        let Some(place) = self.pairs.iter_mut().find(|pair| pair.is_none()) else {
            return false;
        };
        *place = Some(Pair {
            slot,
            uses: NonZeroU32::MIN,
            outside,
        });
        true
    }

    /// One use less; true if it was the last.
    pub(crate) fn unpair(&mut self, slot: u32) -> bool {
        let place = self
            .pairs
            .iter_mut()
            .find(|place| place.is_some_and(|pair| pair.slot == slot));
        let Some(place) = place else { return false };
        *place = place.and_then(|pair| {
            let uses = NonZeroU32::new(pair.uses.get() - 1)?;
            Some(Pair { uses, ..pair })
        });
        place.is_none()
    }
}

fn key(inside: u32, realm: Realm) -> FlowKey {
    FlowKey::new(inside, 0, 0, 0, 0, realm)
}

#[derive(Debug)]
pub(crate) struct SubscriberTable {
    slots: Vec<Option<Subscriber>>,
    free: Vec<u32>,
    capacity: usize,
    index: Index,
    seed: u64,
    spread: PortSpread,
}

impl SubscriberTable {
    pub(crate) fn with_capacity(capacity: u32, seed: u64) -> Self {
        let capacity = capacity as usize;
        Self {
            slots: Vec::with_capacity(capacity),
            free: Vec::with_capacity(capacity),
            capacity,
            index: Index::with_capacity(capacity),
            seed,
            spread: PortSpread::default(),
        }
    }

    /// How many use how many ports.
    pub(crate) const fn spread(&self) -> &PortSpread {
        &self.spread
    }

    /// One more port of a subscriber; true if from now on it uses much of them.
    #[inline]
    pub(crate) fn use_port(&mut self, id: SubscriberId, plan: &Plan, side: PortProtocol) -> bool {
        let Some(Some(subscriber)) = self.slots.get_mut(id.0 as usize) else {
            return false;
        };
        self.spread.one_more(subscriber.ports_used());
        subscriber.use_port(plan, side)
    }

    /// One port less.
    #[inline]
    pub(crate) fn release_port(&mut self, id: SubscriberId, side: PortProtocol) {
        let Some(Some(subscriber)) = self.slots.get_mut(id.0 as usize) else {
            return;
        };
        if let Some(ports) = subscriber.ports.get_mut(side as usize)
            && let Some(fewer) = ports.checked_sub(1)
        {
            *ports = fewer;
            self.spread.one_less(subscriber.ports_used());
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.capacity * (size_of::<Option<Subscriber>>() + size_of::<u32>()) + self.index.bytes()
    }

    pub(crate) fn live(&self) -> u32 {
        u32::try_from(self.slots.len() - self.free.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    #[inline]
    pub(crate) fn get(&self, id: SubscriberId) -> Option<&Subscriber> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: SubscriberId) -> Option<&mut Subscriber> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    /// Loads the line of the index that a look-up begins with; answers the hash.
    pub(crate) fn look_ahead(&self, inside: u32, realm: Realm) -> u64 {
        let hash = key(inside, realm).hash(self.seed);
        self.index.prefetch(hash);
        hash
    }

    /// Loads the record that a hash probably means, after that line.
    #[inline]
    pub(crate) fn guess(&self, hash: u64) -> Option<SubscriberId> {
        let slot = self.index.guess(hash)?;
        base::prefetch(self.slots.get(slot as usize)?);
        Some(SubscriberId(slot))
    }

    /// Whether this is the subscriber of an inside address.
    #[inline]
    pub(crate) fn is(&self, id: SubscriberId, inside: u32, realm: Realm) -> bool {
        self.get(id)
            .is_some_and(|found| found.inside.to_bits() == inside && found.realm == realm)
    }

    pub(crate) fn find(&self, inside: u32, realm: Realm) -> Option<SubscriberId> {
        let hash = key(inside, realm).hash(self.seed);
        let is_it = |at| self.is(SubscriberId(at), inside, realm);
        self.index.find(hash, is_it).map(SubscriberId)
    }

    /// The same with a guess that is mostly right.
    #[inline]
    pub(crate) fn find_near(
        &self,
        guess: Option<SubscriberId>,
        inside: u32,
        realm: Realm,
    ) -> Option<SubscriberId> {
        guess
            .filter(|id| self.is(*id, inside, realm))
            .or_else(|| self.find(inside, realm))
    }

    pub(crate) fn insert(
        &mut self,
        inside: u32,
        realm: Realm,
        remote: bool,
    ) -> Result<SubscriberId, TableFull> {
        let new = Subscriber {
            inside: Ipv4Addr::from_bits(inside),
            realm,
            remote,
            is_high: false,
            pairs: [None; PAIRS],
            block: NO_BLOCK,
            blocks: 0,
            sessions: 0,
            ports: [0; PortProtocol::COUNT],
            refused: 0,
            refusal_told: None,
            next_session: Nanos(0),
            touched: 0,
        };
        let slot = match self.free.last() {
            Some(slot) => *slot,
            None if self.slots.len() < self.capacity => self.slots(),
            None => return Err(TableFull),
        };
        self.index
            .insert(new.key().hash(self.seed), slot)
            .map_err(|_| TableFull)?;
        if self.free.pop().is_some() {
            if let Some(place) = self.slots.get_mut(slot as usize) {
                *place = Some(new);
            }
        } else {
            self.slots.push(Some(new));
        }
        self.spread.appeared();
        Ok(SubscriberId(slot))
    }

    /// Forgets a subscriber with nothing left; false if it is not so.
    pub(crate) fn remove_idle(&mut self, id: SubscriberId) -> bool {
        let Some(place) = self.slots.get_mut(id.0 as usize) else {
            return false;
        };
        let Some(subscriber) = place.take_if(|subscriber| subscriber.is_idle()) else {
            return false;
        };
        self.index.remove(subscriber.key().hash(self.seed), id.0);
        self.free.push(id.0);
        self.spread.gone(subscriber.ports_used());
        true
    }
}
