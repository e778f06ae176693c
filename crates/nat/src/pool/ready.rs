//! Which addresses of a pool have something to lend, and which of them is next.
//!
//! Every step costs the same however full the pool is: the addresses with room
//! are lists without gaps, and for the policy "least used" they are also chained
//! by how much they have left.

use alloc::vec;
use alloc::vec::Vec;

use crate::rng::Rng;
use crate::settings::{Allocation, PortProtocol};

const SIDES: usize = PortProtocol::COUNT;
const NONE: u32 = u32::MAX;

/// Where an address is in the lists of its pool.
#[derive(Clone, Copy, Debug)]
struct Places {
    slot: u32,
    in_list: [u32; SIDES],
    level: u32,
    before: u32,
    after: u32,
}

/// The choice of addresses in one pool. Addresses are entered once, by
/// [`Ready::enter`], and known by the entry's number from then on.
#[derive(Debug)]
pub(crate) struct Ready {
    entries: Vec<Places>,
    /// Entries with room, by protocol.
    lists: [Vec<u32>; SIDES],
    policy: Allocation,
    /// First entry of each level; higher levels are better.
    heads: Vec<u32>,
    best: u32,
}

impl Ready {
    /// No address yet; levels go up to `top`.
    pub(crate) fn new(policy: Allocation, top: u32) -> Self {
        Self {
            entries: Vec::new(),
            lists: [const { Vec::new() }; SIDES],
            policy,
            heads: vec![NONE; top as usize + 1],
            best: 0,
        }
    }

    pub(crate) const fn set_policy(&mut self, policy: Allocation) {
        self.policy = policy;
    }

    /// Makes an address known; answers its entry.
    pub(crate) fn enter(&mut self, slot: u32) -> u32 {
        let entry = super::count(self.entries.len());
        self.entries.push(Places {
            slot,
            in_list: [NONE; SIDES],
            level: NONE,
            before: NONE,
            after: NONE,
        });
        entry
    }

    /// Says whether an address has room for a protocol.
    pub(crate) fn set(&mut self, entry: u32, side: PortProtocol, ready: bool) {
        let side = side as usize;
        let Some(place) = self
            .entries
            .get_mut(entry as usize)
            .and_then(|places| places.in_list.get_mut(side))
        else {
            return;
        };
        let Some(list) = self.lists.get_mut(side) else {
            return;
        };
        match (ready, *place) {
            (true, NONE) => {
                *place = super::count(list.len());
                list.push(entry);
            }
            (false, at) if at != NONE => {
                *place = NONE;
                list.swap_remove(at as usize);
                if let Some(moved) = list.get(at as usize)
                    && let Some(place) = self
                        .entries
                        .get_mut(*moved as usize)
                        .and_then(|places| places.in_list.get_mut(side))
                {
                    *place = at;
                }
            }
            _ => {}
        }
    }

    /// Puts an address on a level, or with `None` on none.
    pub(crate) fn set_level(&mut self, entry: u32, level: Option<u32>) {
        let top = super::count(self.heads.len()).saturating_sub(1);
        let level = level.map_or(NONE, |level| level.min(top));
        let Some(places) = self.entries.get(entry as usize).copied() else {
            return;
        };
        if places.level == level {
            return;
        }
        if places.level != NONE {
            self.link(places.before, places.level, places.after);
            if let Some(after) = self.entries.get_mut(places.after as usize) {
                after.before = places.before;
            }
        }
        let mut after = NONE;
        if level != NONE {
            if let Some(head) = self.heads.get_mut(level as usize) {
                after = core::mem::replace(head, entry);
            }
            if let Some(after) = self.entries.get_mut(after as usize) {
                after.before = entry;
            }
            self.best = self.best.max(level);
        }
        if let Some(places) = self.entries.get_mut(entry as usize) {
            places.level = level;
            places.before = NONE;
            places.after = after;
        }
        // A level at a time: what leaves the best one usually goes to the next.
        while self.best > 0 && self.heads.get(self.best as usize) == Some(&NONE) {
            self.best -= 1;
        }
    }

    /// What comes behind `before`, or first on `level`, is from now on `after`.
    fn link(&mut self, before: u32, level: u32, after: u32) {
        if let Some(before) = self.entries.get_mut(before as usize) {
            before.after = after;
        } else if let Some(head) = self.heads.get_mut(level as usize) {
            *head = after;
        }
    }

    /// Number of an address with room for a protocol.
    pub(crate) fn pick(&self, side: PortProtocol, rng: &mut Rng) -> Option<u32> {
        let list = self.lists.get(side as usize)?;
        if self.policy == Allocation::LeastUsed
            && let Some(best) = self
                .heads
                .get(self.best as usize)
                .and_then(|head| self.entries.get(*head as usize))
            && best
                .in_list
                .get(side as usize)
                .is_some_and(|at| *at != NONE)
        {
            return Some(best.slot);
        }
        let entry = list.get(rng.below(super::count(list.len())) as usize)?;
        self.entries.get(*entry as usize).map(|places| places.slot)
    }
}
