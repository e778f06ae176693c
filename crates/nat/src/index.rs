//! From a hash to a slot number: open addressing over cache-line buckets.
//!
//! ```text
//!  one bucket, 64 bytes:  12 tags of 8 bits | overflow | 12 entries of 32 bits
//! ```
//!
//! A lookup compares the twelve tags of one line at once and asks the caller
//! only about entries whose tag fits (one wrong in twenty). An entry lives in
//! its home bucket or one of the next `PROBES - 1`; `overflow` counts those that passed
//! this bucket on their way, so a lookup stops at the first bucket nobody passed.
//! Nothing is ever moved or resized; a full neighbourhood refuses.

use alloc::vec;
use alloc::vec::Vec;

use crate::region::Region;

/// Entries a bucket holds.
const LANES: usize = 12;

/// Buckets an entry may be away from home, itself included. At a load of 80 % a run
/// of so many full buckets is seen once in e^35 (a hit looks at 1.1 on average).
const PROBES: usize = 128;

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Bucket {
    /// Zero is empty.
    tags: [u8; LANES],
    overflow: u32,
    entries: [u32; LANES],
}

const _: () = assert!(size_of::<Bucket>() == 64);

const EMPTY: Bucket = Bucket {
    tags: [0; LANES],
    overflow: 0,
    entries: [0; LANES],
};

impl Bucket {
    /// Puts an entry where there is room.
    #[inline]
    fn put(&mut self, tag: u8, entry: u32) -> bool {
        // The first lane found is never a wrong one.
        if let Some(lane) = Lanes::of(&self.tags, 0).next()
            && let (Some(place), Some(value)) =
                (self.tags.get_mut(lane), self.entries.get_mut(lane))
        {
            (*place, *value) = (tag, entry);
            return true;
        }
        false
    }

    /// Takes an entry out; false if it is not here.
    #[inline]
    fn take(&mut self, tag: u8, entry: u32) -> bool {
        let found = Lanes::of(&self.tags, tag).find(|lane| {
            self.tags.get(*lane) == Some(&tag) && self.entries.get(*lane) == Some(&entry)
        });
        match found.and_then(|lane| self.tags.get_mut(lane)) {
            Some(place) => {
                *place = 0;
                true
            }
            None => false,
        }
    }

    /// Whether an entry that comes must go on.
    #[inline]
    fn is_full(&self) -> bool {
        Lanes::of(&self.tags, 0).next().is_none()
    }
}

/// No room near an entry's home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexFull;

/// The index of one table. Entries are numbers of the table's slots.
#[derive(Debug)]
pub(crate) struct Index {
    buckets: Vec<Bucket>,
}

impl Index {
    /// Room for `entries` at a load of 80 %.
    pub(crate) fn with_capacity(entries: usize) -> Self {
        let buckets = (entries * 5 / 4).div_ceil(LANES).max(PROBES);
        Self {
            buckets: vec![EMPTY; buckets],
        }
    }

    /// Where it lies.
    pub(crate) fn region(&self) -> Region {
        Region::of(&self.buckets)
    }

    /// Bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.buckets.len() * size_of::<Bucket>()
    }

    /// Loads the line a lookup of `hash` begins with.
    #[inline]
    pub(crate) fn prefetch(&self, hash: u64) {
        self.glance().prefetch(hash);
    }

    /// The entry that a lookup of `hash` will probably come to.
    #[inline]
    pub(crate) fn guess(&self, hash: u64) -> Option<u32> {
        match self.glance().guess(hash, |_| {}) {
            Candidate::Entry(entry) => Some(entry),
            Candidate::Further | Candidate::None => None,
        }
    }

    /// For the first steps of many lookups.
    #[inline]
    pub(crate) fn glance(&self) -> Glance<'_> {
        Glance {
            buckets: &self.buckets,
        }
    }

    /// The entry under `hash` that `is_it` accepts.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        for _ in 0..PROBES {
            let bucket = self.buckets.get(at)?;
            for lane in Lanes::of(&bucket.tags, tag(hash)) {
                if bucket.tags.get(lane) != Some(&tag(hash)) {
                    continue;
                }
                let entry = *bucket.entries.get(lane)?;
                if is_it(entry) {
                    return Some(entry);
                }
            }
            if bucket.overflow == 0 {
                return None;
            }
            at = self.after(at);
        }
        None
    }

    /// Loads the next line too if an entry under `hash` would have to go on, or has gone
    /// on, past the line that a lookup begins with, which must be here by now.
    #[inline]
    pub(crate) fn prefetch_further(&self, hash: u64) {
        let home = self.home(hash);
        if let Some(bucket) = self.buckets.get(home)
            && (bucket.overflow > 0 || bucket.is_full())
            && let Some(next) = self.buckets.get(self.after(home))
        {
            base::prefetch(next);
        }
    }

    /// Adds an entry, which must not be there yet.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, entry: u32) -> Result<(), IndexFull> {
        let home = self.home(hash);
        let bucket = self.buckets.get_mut(home).ok_or(IndexFull)?;
        if bucket.put(tag(hash), entry) {
            return Ok(());
        }
        self.insert_further(hash, entry)
    }

    #[inline(never)]
    fn insert_further(&mut self, hash: u64, entry: u32) -> Result<(), IndexFull> {
        let home = self.home(hash);
        let mut at = home;
        for passed in 1..PROBES {
            at = self.after(at);
            let bucket = self.buckets.get_mut(at).ok_or(IndexFull)?;
            if bucket.put(tag(hash), entry) {
                self.count_passing(home, passed, 1);
                return Ok(());
            }
        }
        Err(IndexFull)
    }

    /// Removes an entry; false if it was not there.
    #[inline]
    pub(crate) fn remove(&mut self, hash: u64, entry: u32) -> bool {
        let home = self.home(hash);
        let Some(bucket) = self.buckets.get_mut(home) else {
            return false;
        };
        bucket.take(tag(hash), entry) || bucket.overflow > 0 && self.remove_further(hash, entry)
    }

    #[inline(never)]
    fn remove_further(&mut self, hash: u64, entry: u32) -> bool {
        let home = self.home(hash);
        let mut at = home;
        for passed in 1..PROBES {
            at = self.after(at);
            let Some(bucket) = self.buckets.get_mut(at) else {
                return false;
            };
            if bucket.take(tag(hash), entry) {
                self.count_passing(home, passed, u32::MAX);
                return true;
            }
            if bucket.overflow == 0 {
                return false;
            }
        }
        false
    }

    /// Adds `change`, wrapping, to the overflow of the first `passed` buckets from `home`.
    fn count_passing(&mut self, home: usize, passed: usize, change: u32) {
        let mut at = home;
        for _ in 0..passed {
            let next = self.after(at);
            if let Some(bucket) = self.buckets.get_mut(at) {
                bucket.overflow = bucket.overflow.wrapping_add(change);
            }
            at = next;
        }
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        home(&self.buckets, hash)
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        after(&self.buckets, at)
    }
}

/// The index, to begin lookups: what loops over bursts keep at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance<'a> {
    buckets: &'a [Bucket],
}

impl Glance<'_> {
    /// Loads the line a lookup of `hash` begins with.
    #[inline]
    pub(crate) fn prefetch(self, hash: u64) {
        if let Some(bucket) = self.buckets.get(home(self.buckets, hash)) {
            base::prefetch(bucket);
        }
    }

    /// The first entry in the home bucket whose tag fits, which is right in nineteen of
    /// twenty hits; others that fit go to `other`.
    #[inline]
    pub(crate) fn guess(self, hash: u64, other: impl FnMut(u32)) -> Candidate {
        self.guess_at(home(self.buckets, hash), hash, other)
    }

    /// The same where the home bucket has none but was passed: in the next ones.
    pub(crate) fn guess_further(self, hash: u64) -> Candidate {
        let mut at = home(self.buckets, hash);
        for _ in 1..PROBES {
            at = after(self.buckets, at);
            match self.guess_at(at, hash, |_| {}) {
                Candidate::Further => {}
                found => return found,
            }
        }
        Candidate::None
    }

    #[inline]
    fn guess_at(self, at: usize, hash: u64, mut other: impl FnMut(u32)) -> Candidate {
        let Some(bucket) = self.buckets.get(at) else {
            return Candidate::None;
        };
        let mut lanes = Lanes::of(&bucket.tags, tag(hash));
        if let Some(entry) = lanes.next().and_then(|lane| bucket.entries.get(lane)) {
            lanes.for_each(|lane| {
                if let Some(entry) = bucket.entries.get(lane) {
                    other(*entry);
                }
            });
            return Candidate::Entry(*entry);
        }
        if bucket.overflow == 0 {
            return Candidate::None;
        }
        if let Some(next) = self.buckets.get(after(self.buckets, at)) {
            base::prefetch(next);
        }
        Candidate::Further
    }
}

/// What a first look says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Candidate {
    /// This entry, probably.
    Entry(u32),
    /// None here; perhaps in the next bucket, whose line is on the way.
    Further,
    /// There is none.
    None,
}

#[inline]
fn after(buckets: &[Bucket], at: usize) -> usize {
    if at + 1 == buckets.len() { 0 } else { at + 1 }
}

#[inline]
#[allow(clippy::cast_possible_truncation)]
fn home(buckets: &[Bucket], hash: u64) -> usize {
    (((hash >> 32) * buckets.len() as u64) >> 32) as usize
}

/// Never zero.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn tag(hash: u64) -> u8 {
    (hash as u8).max(1)
}

/// The lanes of a bucket whose tag fits, a bit each.
struct Lanes(u16);

impl Lanes {
    #[inline]
    fn of(tags: &[u8; LANES], tag: u8) -> Self {
        let [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11] = *tags;
        let low = u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
        let high = u64::from(u32::from_le_bytes([t8, t9, t10, t11]));
        Self(base::equal_lanes([low, high], tag) & ((1 << LANES) - 1))
    }
}

impl Iterator for Lanes {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let lane = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(lane)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::rng::Rng;

    #[test]
    fn behaves_like_a_map_up_to_its_capacity() {
        let mut rng = Rng::new(7);
        let mut index = Index::with_capacity(3000);
        let mut model: HashMap<u32, u64> = HashMap::new();
        for step in 0..40_000u32 {
            if model.len() < 3000 && rng.below(100) < 55 {
                let hash = rng.word();
                index.insert(hash, step).expect("below capacity");
                model.insert(step, hash);
            } else if let Some((&entry, &hash)) = model.iter().next() {
                assert!(index.remove(hash, entry));
                assert!(!index.remove(hash, entry));
                model.remove(&entry);
            }
        }
        for (entry, hash) in &model {
            assert_eq!(index.find(*hash, |found| found == *entry), Some(*entry));
        }
        for (entry, hash) in model.drain() {
            assert!(index.remove(hash, entry));
        }
        assert!(
            index
                .buckets
                .iter()
                .all(|bucket| bucket.overflow == 0 && bucket.tags == [0; LANES])
        );
    }

    #[test]
    fn one_hash_for_all_fills_a_neighbourhood_and_then_refuses() {
        let mut index = Index::with_capacity(10_000);
        let full = (0..10_000)
            .take_while(|entry| index.insert(42, *entry).is_ok())
            .count();
        assert_eq!(full, LANES * PROBES);
        assert_eq!(index.find(42, |entry| entry == 191), Some(191));
        assert_eq!(index.find(42, |_| false), None);
    }

    /// The lane above one whose tag fits may be taken for fitting too: with tag 1, an empty one.
    #[test]
    fn an_entry_that_is_removed_is_not_found_in_its_empty_lane() {
        let mut index = Index::with_capacity(100);
        index.insert(1, 10).unwrap();
        index.insert(1, 11).unwrap();
        assert!(index.remove(1, 11));
        assert_eq!(index.find(1, |entry| entry == 11), None);
        assert_eq!(index.find(1, |entry| entry == 10), Some(10));
    }

    #[test]
    fn every_lane_is_found_whatever_its_neighbours() {
        for lane in 0..LANES {
            for tag in 1..=255u8 {
                let mut tags = [tag ^ 1; LANES];
                tags[lane] = tag;
                assert!(Lanes::of(&tags, tag).any(|found| found == lane));
            }
        }
        assert_eq!(Lanes::of(&[0; LANES], 1).count(), 0);
    }
}
