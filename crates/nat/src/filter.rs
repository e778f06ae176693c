//! Which remote addresses an inside endpoint has spoken to: what address-dependent
//! filtering of endpoint-independent mappings asks (RFC 4787 REQ-8).
//!
//! ```text
//!  one line, 64 bytes:  6 mappings | 6 remotes | 6 counts of 16 bits | passed
//! ```
//!
//! Nobody can answer from the address of a group: who has written to one has spoken to
//! everybody (RFC 5135 REQ-4a).
//!
//! One entry per mapping and remote address, counted by the sessions behind it, and one
//! more for each 65 535 of them. An entry is all there is, so it lies in the line that its
//! hash means or in one of the next `PROBES - 1`; `passed` counts those that went by, as
//! in the [index](crate::index), and nothing is ever moved. The first remote of a mapping
//! is in the mapping itself. Allocated only if a rule filters like that, of zeros: lines
//! that nothing was ever written to take no memory. 13.3 bytes an entry.

use alloc::vec;
use alloc::vec::Vec;

use wire::ipv4::is_multicast;

use crate::key::FlowKey;
use crate::mapping::MappingId;
use crate::session::TableFull;

/// No host has it.
const EVERYBODY: u32 = 0;

/// Entries a line holds.
const LANES: usize = 6;

/// Lines an entry may be away from home, itself included. At a load of 80 % a run of so
/// many full lines is seen once in e^35.
const PROBES: usize = 256;

/// An array and no structure, since only of those zeros come from the system unwritten.
type Line = [u32; 16];

/// Where the remotes begin in a line.
const REMOTES: usize = LANES;

/// Where the counts begin, two a word.
const COUNTS: usize = 2 * LANES;

/// Where the number of those that passed is.
const PASSED: usize = 15;

const _: () = assert!(COUNTS + LANES / 2 == PASSED && size_of::<Line>() == 64);

/// Where an entry is.
#[derive(Clone, Copy, Debug)]
struct Place {
    line: usize,
    lane: usize,
    /// Lines between it and its home.
    passed: usize,
}

#[derive(Debug)]
pub(crate) struct AddressFilter {
    lines: Vec<Line>,
    /// How many entries are for everybody; mostly none, and then nothing is looked for.
    open: u32,
    live: usize,
    capacity: usize,
    seed: u64,
}

impl AddressFilter {
    /// Room for `capacity` entries at a load of 80 %.
    pub(crate) fn with_capacity(capacity: u32, seed: u64) -> Self {
        let capacity = capacity as usize;
        let lines = (capacity * 5 / 4).div_ceil(LANES).max(PROBES);
        Self {
            lines: vec![[0; 16]; lines],
            open: 0,
            live: 0,
            capacity,
            seed,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.lines.len() * size_of::<Line>()
    }

    /// The address that stands for everybody, or the remote itself.
    const fn subject(remote: u32) -> u32 {
        if is_multicast(remote) {
            EVERYBODY
        } else {
            remote
        }
    }

    #[allow(clippy::cast_possible_truncation)]
    fn home(&self, mapping: MappingId, remote: u32) -> usize {
        let hash = FlowKey::new(mapping.0, remote, 0, 0, 0, 0).hash(self.seed);
        (((hash >> 32) * self.lines.len() as u64) >> 32) as usize
    }

    /// A line and those behind it, as far as an entry may be.
    fn walk(&self, home: usize) -> impl Iterator<Item = (usize, &Line)> {
        let lines = self.lines.iter().enumerate();
        let (round, ahead) = (lines.clone(), lines.skip(home));
        ahead.chain(round).take(PROBES)
    }

    /// Loads the line that adding begins with.
    pub(crate) fn look_ahead(&self, mapping: MappingId, remote: u32) {
        if let Some(line) = self.lines.get(self.home(mapping, Self::subject(remote))) {
            base::prefetch(line);
        }
    }

    /// The first entry whose count is less than `below`.
    fn find(&self, mapping: MappingId, remote: u32, below: u32) -> Option<Place> {
        for (passed, (at, line)) in self.walk(self.home(mapping, remote)).enumerate() {
            let is_it = |lane: &usize| {
                word(line, *lane) == mapping.0
                    && word(line, REMOTES + lane) == remote
                    && (1..below).contains(&count(line, *lane))
            };
            if let Some(lane) = (0..LANES).find(is_it) {
                return Some(Place {
                    line: at,
                    lane,
                    passed,
                });
            }
            if word(line, PASSED) == 0 {
                return None;
            }
        }
        None
    }

    /// The first place for a new one.
    fn room(&self, mapping: MappingId, remote: u32) -> Option<Place> {
        let mut lines = self.walk(self.home(mapping, remote)).enumerate();
        lines.find_map(|(passed, (at, line))| {
            let lane = (0..LANES).find(|lane| count(line, *lane) == 0)?;
            Some(Place {
                line: at,
                lane,
                passed,
            })
        })
    }

    pub(crate) fn admits(&self, mapping: MappingId, remote: u32) -> bool {
        self.find(mapping, remote, ANY).is_some()
            || self.open > 0 && self.find(mapping, EVERYBODY, ANY).is_some()
    }

    pub(crate) fn add(&mut self, mapping: MappingId, remote: u32) -> Result<(), TableFull> {
        let remote = Self::subject(remote);
        if let Some(place) = self.find(mapping, remote, MOST) {
            self.change(place, |line| {
                set_count(line, place.lane, count(line, place.lane) + 1);
            });
            return Ok(());
        }
        if self.live >= self.capacity {
            return Err(TableFull);
        }
        let place = self.room(mapping, remote).ok_or(TableFull)?;
        self.change(place, |line| {
            set_word(line, place.lane, mapping.0);
            set_word(line, REMOTES + place.lane, remote);
            set_count(line, place.lane, 1);
        });
        self.count_passing(place, 1);
        self.live += 1;
        self.open += u32::from(remote == EVERYBODY);
        Ok(())
    }

    pub(crate) fn remove(&mut self, mapping: MappingId, remote: u32) {
        let remote = Self::subject(remote);
        let Some(place) = self.find(mapping, remote, ANY) else {
            return;
        };
        let mut left = 0;
        self.change(place, |line| {
            left = count(line, place.lane) - 1;
            set_count(line, place.lane, left);
        });
        if left == 0 {
            self.count_passing(place, u32::MAX);
            self.live -= 1;
            self.open -= u32::from(remote == EVERYBODY);
        }
    }

    fn change(&mut self, place: Place, change: impl FnOnce(&mut Line)) {
        if let Some(line) = self.lines.get_mut(place.line) {
            change(line);
        }
    }

    /// Adds `change`, wrapping, to what is noted of those that an entry has passed.
    fn count_passing(&mut self, place: Place, change: u32) {
        let mut at = place.line;
        for _ in 0..place.passed {
            at = at.checked_sub(1).unwrap_or(self.lines.len() - 1);
            if let Some(line) = self.lines.get_mut(at) {
                set_word(line, PASSED, word(line, PASSED).wrapping_add(change));
            }
        }
    }
}

/// Most sessions of an entry.
const MOST: u32 = u16::MAX as u32;

/// More than an entry can have.
const ANY: u32 = MOST + 1;

fn word(line: &Line, at: usize) -> u32 {
    line.get(at).copied().unwrap_or(0)
}

fn set_word(line: &mut Line, at: usize, value: u32) {
    if let Some(word) = line.get_mut(at) {
        *word = value;
    }
}

/// Sessions of an entry; zero if there is none.
fn count(line: &Line, lane: usize) -> u32 {
    word(line, COUNTS + lane / 2) >> (lane % 2 * 16) & MOST
}

fn set_count(line: &mut Line, lane: usize, sessions: u32) {
    let (at, shift) = (COUNTS + lane / 2, lane % 2 * 16);
    let others = word(line, at) & !(MOST << shift);
    set_word(line, at, others | sessions << shift);
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::rng::Rng;

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

    #[test]
    fn behaves_like_counts_in_a_map_up_to_its_capacity() {
        let mut rng = Rng::new(9);
        let mut filter = AddressFilter::with_capacity(2000, 5);
        let mut model: HashMap<(u32, u32), u32> = HashMap::new();
        for step in 0..60_000 {
            let grows = step / 20_000 != 1;
            let pair = (rng.below(40), 1 + rng.below(80));
            let (mapping, remote) = (MappingId(pair.0), pair.1);
            if rng.below(100) < if grows { 70 } else { 30 } {
                let fits = model.contains_key(&pair) || model.len() < 2000;
                assert_eq!(filter.add(mapping, remote).is_ok(), fits);
                if fits {
                    *model.entry(pair).or_default() += 1;
                }
            } else if let Some(sessions) = model.get_mut(&pair) {
                filter.remove(mapping, remote);
                *sessions -= 1;
                if *sessions == 0 {
                    model.remove(&pair);
                }
            } else {
                filter.remove(mapping, remote);
            }
            assert_eq!(filter.admits(mapping, remote), model.contains_key(&pair));
            assert_eq!(filter.live, model.len());
        }
        for ((mapping, remote), sessions) in model {
            for _ in 0..sessions {
                assert!(filter.admits(MappingId(mapping), remote));
                filter.remove(MappingId(mapping), remote);
            }
        }
        assert!(filter.lines.iter().all(|line| {
            word(line, PASSED) == 0 && (0..LANES).all(|lane| count(line, lane) == 0)
        }));
    }

    /// RFC 5135 REQ-4a: many groups are one entry, with more sessions than a port has numbers.
    #[test]
    fn more_sessions_than_an_entry_counts_are_counted() {
        let mut filter = AddressFilter::with_capacity(3, 2);
        let mapping = MappingId(7);
        for _ in 0..2 * MOST + 5 {
            assert!(filter.add(mapping, 0xe901_0203).is_ok());
        }
        assert_eq!((filter.live, filter.open), (3, 3));
        for _ in 0..2 * MOST + 5 {
            assert!(filter.admits(mapping, 1));
            filter.remove(mapping, 0xe901_0203);
        }
        assert!(!filter.admits(mapping, 1));
        assert_eq!((filter.live, filter.open), (0, 0));
    }

    /// The last line is followed by the first.
    #[test]
    fn entries_of_one_home_go_round_the_end() {
        let mut filter = AddressFilter::with_capacity(20_000, 3);
        let last = filter.lines.len() - 1;
        let remotes: Vec<u32> = (1..)
            .filter(|remote| filter.home(MappingId(0), *remote) == last)
            .take(LANES + 1)
            .collect();
        for remote in &remotes {
            assert!(filter.add(MappingId(0), *remote).is_ok());
        }
        assert_eq!(count(&filter.lines[0], 0), 1);
        assert_eq!(word(&filter.lines[last], PASSED), 1);
        for remote in &remotes {
            assert!(filter.admits(MappingId(0), *remote));
            filter.remove(MappingId(0), *remote);
            assert!(!filter.admits(MappingId(0), *remote));
        }
        assert_eq!(word(&filter.lines[last], PASSED), 0);
    }
}
