//! A hierarchical timer wheel over links that live in the timed table.
//!
//! ```text
//!  level 0   256 slots of one tick          17 ms .. 4.3 s
//!  level 1   256 slots of 256 ticks        4.3 s .. 18 min
//!  level 2   256 slots of 65 536 ticks    18 min .. 78 h
//! ```
//!
//! The wheel knows no deadlines: [`Wheel::pop_due`] hands out everything whose
//! slot has come, and the caller either ends it or puts it back with the
//! deadline it has by then. So a packet only writes a time stamp, and moving an
//! entry to a finer level is the same as finding that it lives on.
//!
//! Invariant: an entry is in exactly one slot or in none; `prev` of a slot's
//! first entry names the slot.

use alloc::vec;
use alloc::vec::Vec;

use base::Ticks;

/// No entry.
pub(crate) const NIL: u32 = u32::MAX;

const SLOTS: usize = 256;
const LEVELS: usize = 3;
/// So many ticks behind, empty slots are not walked one by one.
const FAR: u32 = 65_536;
/// Set in a `prev` that names a slot.
const SLOT: u32 = 1 << 31;

/// The place of one entry in the wheel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    next: u32,
    prev: u32,
}

impl Link {
    /// In no slot.
    pub(crate) const NONE: Self = Self {
        next: NIL,
        prev: NIL,
    };

    /// In no slot, with a number kept in it: a chain of free entries.
    pub(crate) const fn chained(next: u32) -> Self {
        Self { next, prev: NIL }
    }

    /// That number.
    pub(crate) const fn next(self) -> u32 {
        self.next
    }
}

/// Where the links of a table's entries are.
pub(crate) trait Links {
    /// The link of entry `at`, below 2^31.
    fn link(&mut self, at: u32) -> Option<&mut Link>;

    /// Loads the line of that link.
    fn prefetch(&self, at: u32);
}

/// Beside a table whose entries have no room for them.
impl Links for Vec<Link> {
    fn link(&mut self, at: u32) -> Option<&mut Link> {
        self.get_mut(at as usize)
    }

    fn prefetch(&self, at: u32) {
        if let Some(link) = self.get(at as usize) {
            base::prefetch(link);
        }
    }
}

#[derive(Debug)]
pub(crate) struct Wheel {
    heads: Vec<u32>,
    current: Ticks,
    /// What was behind the entry that was handed out last.
    next: u32,
}

impl Wheel {
    pub(crate) fn new(now: Ticks) -> Self {
        Self {
            heads: vec![NIL; SLOTS * LEVELS],
            current: now,
            next: NIL,
        }
    }

    /// Puts entry `at`, which is in no slot, where `deadline` will find it.
    pub(crate) fn insert(&mut self, links: &mut impl Links, at: u32, deadline: Ticks) {
        let slot = self.slot_for(deadline);
        let Some(head) = self.heads.get_mut(slot) else {
            return;
        };
        let first = core::mem::replace(head, at);
        #[allow(clippy::cast_possible_truncation)]
        let slot = slot as u32 | SLOT;
        if let Some(link) = links.link(at) {
            *link = Link {
                next: first,
                prev: slot,
            };
        }
        if let Some(link) = links.link(first) {
            link.prev = at;
        }
    }

    /// Takes entry `at` out of whatever slot it is in.
    pub(crate) fn remove(&mut self, links: &mut impl Links, at: u32) {
        let Some(link) = links.link(at) else { return };
        let Link { next, prev } = core::mem::replace(link, Link::NONE);
        if prev == NIL {
            return;
        }
        if prev & SLOT != 0 {
            if let Some(head) = self.heads.get_mut((prev & !SLOT) as usize) {
                *head = next;
            }
        } else if let Some(link) = links.link(prev) {
            link.next = next;
        }
        if let Some(link) = links.link(next) {
            link.prev = prev;
        }
    }

    /// The next entry whose slot has come by `now`, taken out of the wheel; at
    /// most `budget` ticks are walked, which it reduces.
    pub(crate) fn pop_due(
        &mut self,
        links: &mut impl Links,
        now: Ticks,
        budget: &mut u32,
    ) -> Option<u32> {
        loop {
            for level in (0..LEVELS).rev() {
                if level > 0 && self.current.0.trailing_zeros() < 8 * level_bits(level) {
                    continue;
                }
                let slot = level * SLOTS + digit(self.current, level);
                if let Some(&first) = self.heads.get(slot)
                    && first != NIL
                {
                    self.remove(links, first);
                    if let Some(next) = self.heads.get(slot) {
                        links.prefetch(*next);
                        self.next = *next;
                    }
                    return Some(first);
                }
            }
            if !now.reached(self.current.plus(1)) || *budget == 0 {
                return None;
            }
            *budget -= 1;
            let ahead = now.since(self.current);
            self.current = self
                .current
                .plus(if ahead > FAR { self.empty(ahead) } else { 1 });
        }
    }

    /// Ticks to the next slot that is not empty, at most `ahead`: time has jumped.
    #[cold]
    fn empty(&self, ahead: u32) -> u32 {
        self.next_due()
            .map_or(ahead, |due| due.since(self.current).min(ahead))
    }

    /// The entry that will probably be handed out next.
    pub(crate) const fn upcoming(&self) -> u32 {
        self.next
    }

    /// The next tick at which [`Wheel::pop_due`] will have something to hand out.
    pub(crate) fn next_due(&self) -> Option<Ticks> {
        (0..LEVELS)
            .filter_map(|level| {
                let shift = 8 * level_bits(level);
                let here = self.current.0 >> shift;
                (1..SLOTS).find_map(|ahead| {
                    #[allow(clippy::cast_possible_truncation)]
                    let there = Ticks(here.wrapping_add(ahead as u32) << shift);
                    let slot = level * SLOTS + digit(there, level);
                    (*self.heads.get(slot)? != NIL).then_some(there)
                })
            })
            .min_by_key(|tick| tick.since(self.current))
    }

    fn slot_for(&self, deadline: Ticks) -> usize {
        // What is due already is found at the next tick.
        let earliest = self.current.plus(1);
        let deadline = if earliest.reached(deadline) {
            earliest
        } else {
            deadline
        };
        for level in 0..LEVELS {
            let shift = 8 * level_bits(level);
            let distance =
                (deadline.0 >> shift).wrapping_sub(self.current.0 >> shift) & (u32::MAX >> shift);
            if distance < 256 {
                return level * SLOTS + digit(deadline, level);
            }
        }
        // Beyond the horizon: as far as the wheel goes, then looked at again.
        (LEVELS - 1) * SLOTS + (digit(self.current, LEVELS - 1) + SLOTS - 1) % SLOTS
    }
}

#[allow(clippy::cast_possible_truncation)]
const fn level_bits(level: usize) -> u32 {
    level as u32
}

fn digit(ticks: Ticks, level: usize) -> usize {
    (ticks.0 >> (8 * level_bits(level))) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    struct Table(Vec<(Link, Ticks)>);

    impl Links for Table {
        fn link(&mut self, at: u32) -> Option<&mut Link> {
            self.0
                .get_mut(usize::try_from(at).unwrap())
                .map(|entry| &mut entry.0)
        }

        fn prefetch(&self, _: u32) {}
    }

    /// A jump of time is walked from entry to entry, not from tick to tick.
    #[test]
    fn a_jump_of_time_costs_no_more_than_what_is_due() {
        let start = Ticks(7);
        let mut wheel = Wheel::new(start);
        let spans = [3, 300, 70_000];
        let mut table = Table(spans.map(|span| (Link::NONE, start.plus(span))).to_vec());
        for (at, entry) in (0..).zip(table.0.clone()) {
            wheel.insert(&mut table, at, entry.1);
        }
        let now = start.plus(1 << 30);
        let mut budget = 1000;
        let mut fired = Vec::new();
        while let Some(at) = wheel.pop_due(&mut table, now, &mut budget) {
            fired.push(at);
        }
        assert_eq!(fired, [0, 1, 2]);
        assert!(budget > 0);
        assert_eq!(wheel.current, now);
    }

    /// Every entry fires at its deadline exactly, across levels and the wrap of the clock.
    #[test]
    fn entries_fire_when_due_and_never_before() {
        for start in [0, 1, 255, 65_535, u32::MAX - 70_000] {
            let mut rng = Rng::new(u64::from(start));
            let now = Ticks(start);
            let mut wheel = Wheel::new(now);
            let mut table = Table(Vec::new());
            let spans = [
                1, 2, 255, 256, 257, 511, 4000, 65_279, 65_280, 65_536, 70_000, 200_000,
            ];
            for at in 0..600u32 {
                let span = spans[usize::try_from(at).unwrap() % spans.len()] + rng.below(3);
                let deadline = now.plus(span);
                table.0.push((Link::NONE, deadline));
                wheel.insert(&mut table, at, deadline);
            }
            let removed: Vec<u32> = (0..600).filter(|at| at % 7 == 0).collect();
            for at in &removed {
                wheel.remove(&mut table, *at);
                wheel.remove(&mut table, *at);
            }
            let mut fired = 0;
            for step in 1..=201_000 {
                let now = now.plus(step);
                let mut budget = 10;
                while let Some(at) = wheel.pop_due(&mut table, now, &mut budget) {
                    let deadline = table.0[usize::try_from(at).unwrap()].1;
                    if now.reached(deadline) {
                        assert_eq!(now, deadline, "entry {at} from {start}");
                        assert_ne!(at % 7, 0);
                        fired += 1;
                    } else {
                        wheel.insert(&mut table, at, deadline);
                    }
                }
            }
            assert_eq!(fired, 600 - removed.len());
        }
    }

    #[test]
    fn a_long_jump_walks_no_further_than_its_budget() {
        let mut wheel = Wheel::new(Ticks(0));
        let mut table = Table(vec![(Link::NONE, Ticks(5000))]);
        wheel.insert(&mut table, 0, Ticks(5000));
        let mut budget = 100;
        assert_eq!(wheel.pop_due(&mut table, Ticks(6000), &mut budget), None);
        assert_eq!((budget, wheel.current), (0, Ticks(100)));
    }
}
