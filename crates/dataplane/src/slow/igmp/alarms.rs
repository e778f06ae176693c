//! What is due when: one time for each key, changed or taken back at any moment.

use std::collections::{BTreeMap, BTreeSet};

use base::Nanos;

#[derive(Debug)]
pub(super) struct Alarms<K> {
    by_time: BTreeSet<(Nanos, K)>,
    by_key: BTreeMap<K, Nanos>,
}

impl<K: Ord + Copy> Alarms<K> {
    pub(super) const fn new() -> Self {
        Self {
            by_time: BTreeSet::new(),
            by_key: BTreeMap::new(),
        }
    }

    /// Sets the only time of a key, or none.
    pub(super) fn set(&mut self, key: K, due: Option<Nanos>) {
        let before = match due {
            Some(due) => self.by_key.insert(key, due),
            None => self.by_key.remove(&key),
        };
        if let Some(before) = before {
            self.by_time.remove(&(before, key));
        }
        if let Some(due) = due {
            self.by_time.insert((due, key));
        }
    }

    /// The time of a key.
    pub(super) fn of(&self, key: K) -> Option<Nanos> {
        self.by_key.get(&key).copied()
    }

    /// When the first is due.
    pub(super) fn next_due(&self) -> Option<Nanos> {
        self.by_time.first().map(|(due, _)| *due)
    }

    /// Takes one that is due.
    pub(super) fn pop(&mut self, now: Nanos) -> Option<K> {
        let (due, key) = *self.by_time.first()?;
        if now < due {
            return None;
        }
        self.set(key, None);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_time() {
        let mut alarms = Alarms::new();
        alarms.set(1, Some(Nanos(5)));
        alarms.set(1, Some(Nanos(9)));
        alarms.set(2, Some(Nanos(7)));
        alarms.set(3, Some(Nanos(1)));
        alarms.set(3, None);
        assert_eq!(
            (alarms.of(1), alarms.next_due()),
            (Some(Nanos(9)), Some(Nanos(7)))
        );
        assert_eq!(alarms.pop(Nanos(6)), None);
        assert_eq!(alarms.pop(Nanos(9)), Some(2));
        assert_eq!(alarms.pop(Nanos(9)), Some(1));
        assert_eq!((alarms.pop(Nanos(9)), alarms.next_due()), (None, None));
    }
}
