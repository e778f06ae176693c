//! Which inside host a remote host was sent to, where several share what comes
//! in for one outside endpoint.
//!
//! One entry per static mapping and remote address, for the time the mapping
//! says since the last new connection. When it is full, newcomers are spread
//! without being remembered.

use alloc::vec::Vec;

use base::Ticks;

use crate::index::Index;
use crate::key::FlowKey;
use crate::wheel::NIL;

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: FlowKey,
    inside: u32,
    until: Ticks,
    /// In a free entry the next free one.
    next: u32,
    live: bool,
}

#[derive(Debug)]
pub(crate) struct Affinity {
    slots: Vec<Entry>,
    free: u32,
    capacity: usize,
    /// Where the slow walk for what is over has got to.
    cursor: u32,
    index: Index,
    seed: u64,
}

/// Entries looked at for one that is over, per new one.
const SWEEP: usize = 4;

impl Affinity {
    pub(crate) fn with_capacity(capacity: u32, seed: u64) -> Self {
        let capacity = capacity as usize;
        Self {
            slots: Vec::with_capacity(capacity),
            free: NIL,
            capacity,
            cursor: 0,
            index: Index::with_capacity(capacity),
            seed,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.capacity * size_of::<Entry>() + self.index.bytes()
    }

    /// The inside host that `remote` was sent to, if that still counts.
    pub(crate) fn get(&self, mapping: u16, remote: u32, now: Ticks) -> Option<u32> {
        let entry = self.slots.get(self.find(key(mapping, remote))? as usize)?;
        (!now.reached(entry.until)).then_some(entry.inside)
    }

    /// Remembers it for `time` ticks from now.
    pub(crate) fn set(&mut self, mapping: u16, remote: u32, inside: u32, now: Ticks, time: u32) {
        let key = key(mapping, remote);
        let until = now.plus(time);
        if let Some(at) = self.find(key) {
            if let Some(entry) = self.slots.get_mut(at as usize) {
                entry.inside = inside;
                entry.until = until;
            }
            return;
        }
        self.sweep(now);
        let entry = Entry {
            key,
            inside,
            until,
            next: NIL,
            live: true,
        };
        let slot = match self.free {
            NIL if self.slots.len() < self.capacity => crate::pool::count(self.slots.len()),
            NIL => return,
            slot => slot,
        };
        if self.index.insert(key.hash(self.seed), slot).is_err() {
            return;
        }
        if slot == self.free {
            if let Some(place) = self.slots.get_mut(slot as usize) {
                self.free = place.next;
                *place = entry;
            }
        } else {
            self.slots.push(entry);
        }
    }

    fn find(&self, key: FlowKey) -> Option<u32> {
        self.index.find(key.hash(self.seed), |at| {
            self.slots
                .get(at as usize)
                .is_some_and(|entry| entry.live && entry.key == key)
        })
    }

    /// Takes a few entries that are over out.
    fn sweep(&mut self, now: Ticks) {
        for _ in 0..SWEEP.min(self.slots.len()) {
            let at = self.cursor;
            self.cursor += 1;
            if self.cursor as usize >= self.slots.len() {
                self.cursor = 0;
            }
            if let Some(entry) = self.slots.get_mut(at as usize)
                && entry.live
                && now.reached(entry.until)
            {
                entry.live = false;
                entry.next = core::mem::replace(&mut self.free, at);
                let hash = entry.key.hash(self.seed);
                self.index.remove(hash, at);
            }
        }
    }
}

fn key(mapping: u16, remote: u32) -> FlowKey {
    FlowKey::new(remote, 0, mapping, 0, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_is_remembered_for_the_time_and_no_longer() {
        let mut affinity = Affinity::with_capacity(64, 3);
        affinity.set(1, 7, 100, Ticks(0), 10);
        assert_eq!(affinity.get(1, 7, Ticks(9)), Some(100));
        assert_eq!(affinity.get(2, 7, Ticks(9)), None);
        assert_eq!(affinity.get(1, 7, Ticks(10)), None);
    }

    #[test]
    fn room_comes_back_when_entries_are_over() {
        let mut affinity = Affinity::with_capacity(64, 3);
        for remote in 0..100 {
            affinity.set(0, remote, 1, Ticks(0), 10);
        }
        assert_eq!(affinity.get(0, 99, Ticks(1)), None);
        for remote in 200..230 {
            affinity.set(0, remote, 2, Ticks(20), 10);
        }
        assert_eq!(affinity.get(0, 229, Ticks(21)), Some(2));
    }
}
