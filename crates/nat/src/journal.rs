//! Records of a shard on their way to the log.
//!
//! Noted one by one while packets pass, fetched all at once at the end of a turn. Room is
//! taken when the shard is made; what does not fit is counted. What repeats with every
//! packet that is refused is noted once a second for each thing it is about.

use alloc::vec::Vec;

use base::{Nanos, Ticks};

use crate::record::Record;
use crate::settings::Log;

/// Records of a turn.
const MOST: usize = 8192;

/// How many of them what ends may fill.
const MOST_OF_ENDS: usize = MOST / 2;

/// What a single end notes at most: a session or mapping, an address, a block, and its pool's being low.
const EACH_END: usize = 4;

/// How full a table is, in percent, when it is reported, and when it may be again.
const HIGH: u64 = 90;
const LOW: u64 = 80;

#[derive(Debug)]
pub(crate) struct Journal {
    /// What any rule wants logged.
    pub(crate) log: Log,
    /// When much of the table of mappings is taken.
    pub(crate) mappings: Mark,
    /// The same of subscribers.
    pub(crate) subscribers: Mark,
    records: Vec<Record>,
    lost: u64,
    told: Told,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            log: Log::NONE,
            mappings: Mark::NONE,
            subscribers: Mark::NONE,
            records: Vec::with_capacity(MOST),
            lost: 0,
            told: Told::default(),
        }
    }

    /// Keeps what some rule wants from now on, of tables that are so large.
    pub(crate) fn listen(&mut self, log: Log, mappings: u32, subscribers: u32) {
        let mark = |all| if log.any() { Mark::of(all) } else { Mark::NONE };
        (self.mappings, self.subscribers) = (mark(mappings), mark(subscribers));
        self.log = log;
    }

    pub(crate) fn note(&mut self, record: Record) {
        if self.records.len() < MOST {
            self.records.push(record);
        } else {
            self.lost += 1;
        }
    }

    /// The same, if nothing was noted under this key for a second.
    pub(crate) fn note_at_times(&mut self, key: u64, now: Ticks, record: Record) {
        if self.told.is_due(key, now) {
            self.note(record);
        }
    }

    /// How many sessions, ports and blocks may end before somebody fetches the records.
    pub(crate) fn room_for_ends(&self) -> u32 {
        if !self.log.any() {
            return u32::MAX;
        }
        let room = MOST_OF_ENDS.saturating_sub(self.records.len()) / EACH_END;
        u32::try_from(room).unwrap_or(u32::MAX)
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// They have been fetched; answers how many there was no room for.
    pub(crate) fn clear(&mut self) -> u64 {
        self.records.clear();
        core::mem::take(&mut self.lost)
    }
}

/// A size of a table that is reported when it is reached, once until it has shrunk again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// The size that is waited for, or none.
    awaited: u32,
    high: u32,
    low: u32,
}

impl Mark {
    const NONE: Self = Self {
        awaited: u32::MAX,
        high: u32::MAX,
        low: 0,
    };

    fn of(all: u32) -> Self {
        let part = |percent| u32::try_from(u64::from(all) * percent / 100).unwrap_or(u32::MAX);
        let high = part(HIGH).max(1);
        Self {
            awaited: high,
            high,
            low: part(LOW),
        }
    }

    /// Whether a table that has just grown to this size is to be reported.
    #[inline]
    pub(crate) const fn is_reached(&self, size: u32) -> bool {
        size == self.awaited
    }

    /// It is reported now; answers its size.
    pub(crate) fn report(&mut self) -> u32 {
        self.awaited = u32::MAX;
        self.high
    }

    /// Looks whether it has shrunk since it was.
    #[inline]
    pub(crate) fn look(&mut self, size: u32) {
        if self.awaited == u32::MAX && size < self.low {
            self.awaited = self.high;
        }
    }
}

/// Places for keys of which something was noted.
const PLACES: usize = 1024;

/// Of these one is looked for in so many, one after the other.
const TRIES: usize = 4;

/// When something was last noted, by key. Where a key finds all its places taken by others
/// of the same second it waits for the next: what is noted stays bounded whatever the keys.
#[derive(Debug)]
struct Told(Vec<Option<(u64, Ticks)>>);

impl Default for Told {
    fn default() -> Self {
        Self(alloc::vec![None; PLACES])
    }
}

impl Told {
    fn is_due(&mut self, key: u64, now: Ticks) -> bool {
        // Fibonacci hashing: the upper bits depend on all of the key.
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let first = usize::try_from(hash).unwrap_or(0);
        let places = (0..TRIES).map(|nth| (first + nth) % PLACES);
        let mut free = None;
        for place in places {
            match self.0.get(place).copied().flatten() {
                Some((_, at)) if now.since(at) >= Ticks::in_duration(Nanos::from_secs(1)) => {
                    free = free.or(Some(place));
                }
                Some((known, _)) if known == key => return false,
                Some(_) => {}
                None => free = free.or(Some(place)),
            }
        }
        let Some(place) = free.and_then(|place| self.0.get_mut(place)) else {
            return false;
        };
        *place = Some((key, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: u64) -> Ticks {
        Nanos::from_secs(seconds).ticks()
    }

    #[test]
    fn a_key_is_due_once_a_second() {
        let mut told = Told::default();
        assert!(told.is_due(7, second(1)));
        assert!(!told.is_due(7, second(1)));
        assert!(told.is_due(8, second(1)));
        assert!(told.is_due(7, second(3)));
    }

    #[test]
    fn no_more_keys_are_due_in_a_second_than_there_are_places() {
        let mut told = Told::default();
        let due = (0..1_000_000).filter(|key| told.is_due(*key, second(1)));
        assert!(due.count() <= PLACES);
    }

    #[test]
    fn a_table_that_stays_full_is_reported_once() {
        let mut mark = Mark::of(1000);
        assert!(!mark.is_reached(899) && mark.is_reached(900));
        assert_eq!(mark.report(), 900);
        mark.look(850);
        assert!(!mark.is_reached(900));
        mark.look(799);
        assert!(mark.is_reached(900));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut journal = Journal::new();
        for _ in 0..MOST + 3 {
            journal.note(Record::AddressesExhausted { pool: 1 });
        }
        assert_eq!(journal.records().len(), MOST);
        assert_eq!(journal.clear(), 3);
        assert!(journal.records().is_empty());
        assert_eq!(journal.clear(), 0);
    }
}
