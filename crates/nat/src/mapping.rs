//! Mappings `X:x` <-> `X1':x1'` (RFC 4787 section 4).
//!
//! A mapping lives while a session needs it: `strong` ones were opened or
//! answered from inside, `weak` ones came from outside and were never answered.
//! When the last strong one ends, the weak ones end with it, and the mapping: a
//! visitor cannot pin a port (RFC 4787 REQ-6a). Pinned ones (static) stay for ever.

use alloc::vec::Vec;

use crate::index::Index;
use crate::key::{FlowKey, Realm};
use crate::session::{SessionId, TableFull};
use crate::subscriber::SubscriberId;

/// Names a mapping until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappingId(pub(crate) u32);

/// Where a mapping comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingKind {
    /// Made by a packet.
    Dynamic,
    /// Configured.
    Static,
    /// Made by a packet in a computed port range (RFC 7422).
    Deterministic,
}

impl MappingKind {
    /// As `show mappings` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dynamic => "dynamic",
            Self::Static => "static",
            Self::Deterministic => "deterministic",
        }
    }
}

/// One mapping.
#[derive(Clone, Copy, Debug)]
pub struct Mapping {
    /// Inside endpoint as source; as destination the remote it depends on, or zero.
    pub out_key: FlowKey,
    /// Outside address.
    pub outside: u32,
    /// Sessions that keep it.
    pub strong: u32,
    /// Sessions that do not.
    pub weak: u32,
    /// First of these; they are chained.
    pub(crate) first_weak: Option<SessionId>,
    /// Who it counts for; `None` for static ones.
    pub subscriber: Option<SubscriberId>,
    /// Block its port belongs to; meaningless for static ones.
    pub(crate) block: u32,
    /// Outside port or identifier.
    pub outside_port: u16,
    /// Rule that made it; for static ones the number of the static mapping.
    pub rule: u16,
    /// Realm of the outside.
    pub outside_realm: Realm,
    /// Where it comes from.
    pub kind: MappingKind,
}

const _: () = assert!(size_of::<Mapping>() <= 64);

impl Mapping {
    /// Whether it lets anything in.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.strong > 0 || self.kind == MappingKind::Static
    }

    fn in_key(&self) -> FlowKey {
        inbound_key(
            self.outside,
            self.outside_port,
            self.out_key.protocol(),
            self.outside_realm,
        )
    }
}

/// The key under which a mapping is found from outside.
pub(crate) fn inbound_key(outside: u32, port: u16, protocol: u8, realm: Realm) -> FlowKey {
    FlowKey::new(0, outside, 0, port, protocol, realm)
}

#[derive(Debug)]
pub(crate) struct MappingTable {
    slots: Vec<Mapping>,
    live: Vec<bool>,
    free: Vec<u32>,
    capacity: usize,
    index: Index,
    seed: u64,
}

impl MappingTable {
    pub(crate) fn with_capacity(capacity: u32, seed: u64) -> Self {
        let capacity = (capacity as usize).min(1 << 30);
        Self {
            slots: Vec::with_capacity(capacity),
            live: Vec::with_capacity(capacity),
            free: Vec::with_capacity(capacity),
            capacity,
            index: Index::with_capacity(capacity * 2),
            seed,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.capacity * (size_of::<Mapping>() + 5) + self.index.bytes()
    }

    pub(crate) fn live(&self) -> u32 {
        u32::try_from(self.slots.len() - self.free.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn get(&self, id: MappingId) -> Option<&Mapping> {
        let at = id.0 as usize;
        self.slots
            .get(at)
            .filter(|_| self.live.get(at) == Some(&true))
    }

    pub(crate) fn get_mut(&mut self, id: MappingId) -> Option<&mut Mapping> {
        let at = id.0 as usize;
        let live = self.live.get(at) == Some(&true);
        self.slots.get_mut(at).filter(|_| live)
    }

    /// By inside endpoint (and what it depends on), in the scope of its pool.
    pub(crate) fn find_outbound(&self, out_key: FlowKey) -> Option<MappingId> {
        self.find(out_key, |mapping| mapping.out_key == out_key, 0)
    }

    /// By outside endpoint.
    pub(crate) fn find_inbound(&self, in_key: FlowKey) -> Option<MappingId> {
        self.find(in_key, |mapping| mapping.in_key() == in_key, 1)
    }

    fn find(&self, key: FlowKey, same: impl Fn(&Mapping) -> bool, side: u32) -> Option<MappingId> {
        self.index
            .find(key.hash(self.seed), |entry| {
                entry & 1 == side && self.slots.get((entry >> 1) as usize).is_some_and(&same)
            })
            .map(|entry| MappingId(entry >> 1))
    }

    pub(crate) fn has_room(&self) -> bool {
        !self.free.is_empty() || self.slots.len() < self.capacity
    }

    pub(crate) fn insert(&mut self, mapping: Mapping) -> Result<MappingId, TableFull> {
        let slot = match self.free.last() {
            Some(slot) => *slot,
            None if self.slots.len() < self.capacity => self.slots(),
            None => return Err(TableFull),
        };
        let out_hash = mapping.out_key.hash(self.seed);
        let in_hash = mapping.in_key().hash(self.seed);
        self.index
            .insert(out_hash, slot << 1)
            .map_err(|_| TableFull)?;
        if self.index.insert(in_hash, slot << 1 | 1).is_err() {
            self.index.remove(out_hash, slot << 1);
            return Err(TableFull);
        }
        if self.free.pop().is_some() {
            if let Some(place) = self.slots.get_mut(slot as usize) {
                *place = mapping;
            }
            if let Some(live) = self.live.get_mut(slot as usize) {
                *live = true;
            }
        } else {
            self.slots.push(mapping);
            self.live.push(true);
        }
        Ok(MappingId(slot))
    }

    pub(crate) fn remove(&mut self, id: MappingId) -> Option<Mapping> {
        let mapping = *self.get(id)?;
        self.index
            .remove(mapping.out_key.hash(self.seed), id.0 << 1);
        self.index
            .remove(mapping.in_key().hash(self.seed), id.0 << 1 | 1);
        *self.live.get_mut(id.0 as usize)? = false;
        self.free.push(id.0);
        Some(mapping)
    }
}
