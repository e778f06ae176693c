//! Which remote addresses an inside endpoint has spoken to: what address-dependent
//! filtering of endpoint-independent mappings asks (RFC 4787 REQ-8).
//!
//! Nobody can answer from the address of a group: who has written to one has spoken to
//! everybody (RFC 5135 REQ-4a).
//!
//! One entry per mapping and remote address, counted by the sessions behind it.
//! Allocated only if a rule filters like that.

use alloc::vec::Vec;

use wire::ipv4::is_multicast;

use crate::index::Index;
use crate::key::FlowKey;
use crate::mapping::MappingId;
use crate::session::TableFull;
use crate::wheel::NIL;

/// No host has it.
const EVERYBODY: u32 = 0;

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// In a free entry: the next free one.
    mapping: u32,
    remote: u32,
    /// Zero in a free entry.
    sessions: u32,
}

#[derive(Debug)]
pub(crate) struct AddressFilter {
    slots: Vec<Entry>,
    free: u32,
    /// How many entries are for everybody; mostly none, and then nothing is looked for.
    open: u32,
    capacity: usize,
    index: Index,
    seed: u64,
}

impl AddressFilter {
    pub(crate) fn with_capacity(capacity: u32, seed: u64) -> Self {
        let capacity = capacity as usize;
        Self {
            slots: Vec::with_capacity(capacity),
            free: NIL,
            open: 0,
            capacity,
            index: Index::with_capacity(capacity),
            seed,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.capacity * size_of::<Entry>() + self.index.bytes()
    }

    /// The address that stands for everybody, or the remote itself.
    const fn subject(remote: u32) -> u32 {
        if is_multicast(remote) {
            EVERYBODY
        } else {
            remote
        }
    }

    fn hash(&self, mapping: MappingId, remote: u32) -> u64 {
        FlowKey::new(mapping.0, remote, 0, 0, 0, 0).hash(self.seed)
    }

    /// Loads the line of the index that adding begins with.
    pub(crate) fn look_ahead(&self, mapping: MappingId, remote: u32) {
        self.index.prefetch(self.hash(mapping, remote));
    }

    fn find(&self, mapping: MappingId, remote: u32) -> Option<u32> {
        self.index.find(self.hash(mapping, remote), |at| {
            self.slots.get(at as usize).is_some_and(|entry| {
                entry.sessions > 0 && entry.mapping == mapping.0 && entry.remote == remote
            })
        })
    }

    pub(crate) fn admits(&self, mapping: MappingId, remote: u32) -> bool {
        self.find(mapping, remote).is_some()
            || self.open > 0 && self.find(mapping, EVERYBODY).is_some()
    }

    pub(crate) fn add(&mut self, mapping: MappingId, remote: u32) -> Result<(), TableFull> {
        let remote = Self::subject(remote);
        if let Some(at) = self.find(mapping, remote) {
            if let Some(entry) = self.slots.get_mut(at as usize) {
                entry.sessions += 1;
            }
            return Ok(());
        }
        let entry = Entry {
            mapping: mapping.0,
            remote,
            sessions: 1,
        };
        let slot = match self.free {
            NIL if self.slots.len() < self.capacity => {
                u32::try_from(self.slots.len()).map_err(|_| TableFull)?
            }
            NIL => return Err(TableFull),
            slot => slot,
        };
        let hash = self.hash(mapping, remote);
        self.index.insert(hash, slot).map_err(|_| TableFull)?;
        self.open += u32::from(remote == EVERYBODY);
        if slot == self.free {
            if let Some(place) = self.slots.get_mut(slot as usize) {
                self.free = place.mapping;
                *place = entry;
            }
        } else {
            self.slots.push(entry);
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, mapping: MappingId, remote: u32) {
        let remote = Self::subject(remote);
        if let Some(at) = self.find(mapping, remote)
            && let Some(entry) = self.slots.get_mut(at as usize)
        {
            entry.sessions -= 1;
            if entry.sessions == 0 {
                entry.mapping = core::mem::replace(&mut self.free, at);
                self.open -= u32::from(remote == EVERYBODY);
                let hash = self.hash(mapping, remote);
                self.index.remove(hash, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_can_be_used_whatever_the_seed() {
        for seed in 0..64_u64 {
            let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut filter = AddressFilter::with_capacity(20_000, seed);
            for mapping in 0..20_000 {
                assert!(
                    filter.add(MappingId(mapping), 0xc000_0201).is_ok(),
                    "seed {seed:#x}"
                );
            }
        }
    }

    #[test]
    fn an_address_is_admitted_while_a_session_is_left() {
        let mut filter = AddressFilter::with_capacity(1, 3);
        let mapping = MappingId(7);
        assert!(filter.add(mapping, 1).is_ok() && filter.add(mapping, 1).is_ok());
        assert_eq!(filter.add(mapping, 2), Err(TableFull));
        filter.remove(mapping, 1);
        assert!(filter.admits(mapping, 1) && !filter.admits(MappingId(8), 1));
        filter.remove(mapping, 1);
        assert!(!filter.admits(mapping, 1));
        assert!(filter.add(mapping, 2).is_ok());
    }

    /// RFC 5135 REQ-4a.
    #[test]
    fn who_writes_to_a_group_is_answered_by_anybody() {
        let mut filter = AddressFilter::with_capacity(4, 1);
        let mapping = MappingId(7);
        assert!(
            filter.add(mapping, 0xe901_0203).is_ok() && filter.add(mapping, 0xef01_0203).is_ok()
        );
        assert!(filter.admits(mapping, 1) && !filter.admits(MappingId(8), 1));
        filter.remove(mapping, 0xe901_0203);
        assert!(filter.admits(mapping, 1));
        filter.remove(mapping, 0xef01_0203);
        assert!(!filter.admits(mapping, 1));
    }
}
