//! Subscribers: whom quotas, pairing and blocks belong to (RFC 6888 REQ-2, REQ-4).
//!
//! One record per inside address, realm and pool. It appears with the first
//! session and goes when no session, mapping or block is left.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use base::Nanos;

use crate::index::Index;
use crate::key::{FlowKey, Realm};
use crate::pool::NO_BLOCK;
use crate::session::TableFull;

/// Names a subscriber while the record lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriberId(pub(crate) u32);

/// One subscriber.
#[derive(Clone, Copy, Debug)]
pub struct Subscriber {
    /// Inside address.
    pub inside: Ipv4Addr,
    /// Realm of the inside.
    pub realm: Realm,
    /// Place of its pool.
    pub pool: u16,
    /// Place of its outside address in the pool, once it has one.
    pub(crate) address: Option<u32>,
    /// The outside address.
    pub outside: Option<Ipv4Addr>,
    /// First of its blocks, the active one.
    pub(crate) block: u32,
    /// Blocks it has.
    pub blocks: u16,
    /// Sessions it has.
    pub sessions: u32,
    /// Ports it uses of TCP, UDP, ICMP.
    pub ports: [u32; 3],
    /// Sessions refused.
    pub refused: u64,
    /// Virtual start of the next session at the limited rate.
    pub(crate) next_session: Nanos,
}

impl Subscriber {
    fn key(&self) -> FlowKey {
        key(self.inside.to_bits(), self.realm, self.pool)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.sessions == 0 && self.blocks == 0 && self.ports == [0; 3]
    }
}

fn key(inside: u32, realm: Realm, pool: u16) -> FlowKey {
    FlowKey::new(inside, 0, 0, 0, 0, realm).scoped(pool)
}

#[derive(Debug)]
pub(crate) struct SubscriberTable {
    slots: Vec<Option<Subscriber>>,
    free: Vec<u32>,
    capacity: usize,
    index: Index,
    seed: u64,
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

    pub(crate) fn get(&self, id: SubscriberId) -> Option<&Subscriber> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: SubscriberId) -> Option<&mut Subscriber> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    pub(crate) fn find(&self, inside: u32, realm: Realm, pool: u16) -> Option<SubscriberId> {
        let key = key(inside, realm, pool);
        self.index
            .find(
                key.hash(self.seed),
                |at| matches!(self.slots.get(at as usize), Some(Some(found)) if found.key() == key),
            )
            .map(SubscriberId)
    }

    pub(crate) fn insert(
        &mut self,
        inside: u32,
        realm: Realm,
        pool: u16,
    ) -> Result<SubscriberId, TableFull> {
        let new = Subscriber {
            inside: Ipv4Addr::from_bits(inside),
            realm,
            pool,
            address: None,
            outside: None,
            block: NO_BLOCK,
            blocks: 0,
            sessions: 0,
            ports: [0; 3],
            refused: 0,
            next_session: Nanos(0),
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
        true
    }
}
