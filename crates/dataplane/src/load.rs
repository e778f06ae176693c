//! How a worker spends its time: from when its turns began, without another clock.
//!
//! Invariant: a turn lasts until the next one begins, so idle and busy time add up
//! to all time since the first.  Owned by the worker, and published by it.

use base::Nanos;

/// How long a gap counts before it is an older one, and then before it is forgotten.
const PERIOD: Nanos = Nanos(1_000_000_000);

/// How often a turn was how long. The place `n` counts those of at most 2ⁿ microseconds (of 1024
/// nanoseconds) and more than the place before; the last one all longer ones too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    counts: [u64; Gaps::PLACES],
    /// All of them, in nanoseconds.
    sum: u64,
}

impl Gaps {
    /// Places.
    pub const PLACES: usize = 18;

    /// The longest turn of a place; of the last one there is none.
    #[must_use]
    pub const fn most(place: usize) -> Option<Nanos> {
        if place + 1 < Self::PLACES {
            Some(Nanos(1024 << place))
        } else {
            None
        }
    }

    /// As they were laid out.
    #[must_use]
    pub const fn new(counts: [u64; Self::PLACES], sum: u64) -> Self {
        Self { counts, sum }
    }

    /// Turns, by place.
    #[must_use]
    pub const fn counts(&self) -> &[u64; Self::PLACES] {
        &self.counts
    }

    /// Time of all turns.
    #[must_use]
    pub const fn sum(&self) -> Nanos {
        Nanos(self.sum)
    }

    #[inline]
    fn count(&mut self, gap: Nanos) {
        let units = gap.0.saturating_sub(1) >> 10;
        let place = (u64::BITS - units.leading_zeros()) as usize;
        if let Some(count) = self.counts.get_mut(place.min(Self::PLACES - 1)) {
            *count += 1;
        }
        self.sum = self.sum.wrapping_add(gap.0);
    }
}

/// Share of the time in which there were packets to work on, over about a second,
/// and the longest time between two turns.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// When the last turn began, and whether it moved packets; `None` before the first.
    last: Option<(Nanos, bool)>,
    /// Time of idle and of busy turns since the last average.
    time: [u64; 2],
    millionths: u64,
    /// The longest turn of this period, and that of the one before.
    longest: [Nanos; 2],
    period_began: Nanos,
    gaps: Gaps,
}

impl Load {
    /// A turn that began at `now`: the one before lasted until then.
    pub(crate) fn turn(&mut self, busy: bool, now: Nanos) {
        let Some((began, was_busy)) = self.last.replace((now, busy)) else {
            return;
        };
        let gap = now.since(began);
        if let Some(time) = self.time.get_mut(usize::from(was_busy)) {
            *time += gap.0;
        }
        let [longest, _] = &mut self.longest;
        *longest = gap.max(*longest);
        self.gaps.count(gap);
    }

    /// Averages what came since the last time; at least twice in a period.
    pub(crate) fn average(&mut self, now: Nanos) {
        let [idle, busy] = core::mem::take(&mut self.time);
        let share = busy * 1_000_000 / (idle + busy).max(1);
        self.millionths = (self.millionths * 31 + share) / 32;
        if now.since(self.period_began) >= PERIOD {
            self.period_began = now;
            let [longest, _] = self.longest;
            self.longest = [Nanos(0), longest];
        }
    }

    /// Share of the time with packets, in millionths.
    pub(crate) const fn busy_millionths(&self) -> u64 {
        self.millionths
    }

    /// All turns, by how long they were.
    pub(crate) const fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// The longest time between two turns of the last one to two periods.
    pub(crate) fn longest_gap(&self) -> Nanos {
        let [this, before] = self.longest;
        this.max(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Turns of a millisecond until `until` milliseconds, averaged every twenty.
    fn run(load: &mut Load, from: u64, until: u64, busy: bool) {
        for at in from..until {
            load.turn(busy, Nanos(at * MS));
            if at % 20 == 0 {
                load.average(Nanos(at * MS));
            }
        }
    }

    #[test]
    fn the_time_before_the_first_turn_is_no_gap() {
        let mut load = Load::default();
        run(&mut load, 5000, 5100, false);
        assert_eq!(load.longest_gap(), Nanos(MS));
    }

    #[test]
    fn a_long_gap_is_seen_for_one_to_two_seconds() {
        let mut load = Load::default();
        run(&mut load, 5000, 5500, true);
        run(&mut load, 5507, 5600, true);
        assert_eq!(load.longest_gap(), Nanos(8 * MS));
        run(&mut load, 5600, 6500, true);
        assert_eq!(load.longest_gap(), Nanos(8 * MS), "a second later");
        run(&mut load, 6500, 7600, true);
        assert_eq!(load.longest_gap(), Nanos(MS), "two seconds later");
    }

    #[test]
    fn turns_are_counted_by_how_long_they_were() {
        let mut load = Load::default();
        let mut now = 0;
        load.turn(false, Nanos(now));
        for gap in [0, 1, 1024, 1025, 2048, 2049, 1 << 40] {
            now += gap;
            load.turn(true, Nanos(now));
        }
        let gaps = load.gaps();
        assert_eq!(gaps.counts()[..3], [3, 2, 1]);
        assert_eq!(gaps.counts()[Gaps::PLACES - 1], 1);
        assert_eq!(gaps.sum(), Nanos(now));
        assert_eq!(Gaps::most(0), Some(Nanos(1024)));
        assert_eq!(Gaps::most(1), Some(Nanos(2048)));
        assert_eq!(Gaps::most(Gaps::PLACES - 1), None);
    }

    #[test]
    fn the_share_of_busy_turns_is_averaged() {
        let mut load = Load::default();
        run(&mut load, 0, 20_000, true);
        assert!(load.busy_millionths() > 990_000, "{load:?}");
        run(&mut load, 20_000, 40_000, false);
        assert!(load.busy_millionths() < 10_000, "{load:?}");
    }
}
