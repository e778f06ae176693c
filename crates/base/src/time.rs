//! Time as an argument: nobody below the binary reads a clock.

/// Nanoseconds since the process (or the simulation) began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanos(pub u64);

impl Nanos {
    /// Whole seconds as nanoseconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// This time later by `other`.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// How long it is since `earlier`; zero if that is in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// The coarse time of this moment.
    #[must_use]
    #[inline]
    pub const fn ticks(self) -> Ticks {
        // Truncation is the wrap-around that `Ticks` is about.
        #[allow(clippy::cast_possible_truncation)]
        Ticks((self.0 >> TICK_SHIFT) as u32)
    }

    /// Seconds, for people.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub const fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

/// A tick is 2^24 ns, about 16.8 ms.
pub const TICK_SHIFT: u32 = 24;

/// Coarse time of session timers: wraps after 2.28 years, compared by distance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticks(pub u32);

impl Ticks {
    /// Ticks since `earlier`, which must not lie more than 1.14 years back.
    #[must_use]
    #[inline]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// The tick `ticks` after this one.
    #[must_use]
    #[inline]
    pub const fn plus(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// True when `deadline` is now or in the past.
    #[must_use]
    #[inline]
    pub const fn reached(self, deadline: Self) -> bool {
        self.0.wrapping_sub(deadline.0) < 1 << 31
    }

    /// A duration in ticks, rounded up so that nothing ends early.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)]
    pub const fn in_duration(duration: Nanos) -> u32 {
        let ticks = duration.0.div_ceil(1 << TICK_SHIFT);
        if ticks > 0x7fff_ffff {
            0x7fff_ffff
        } else {
            ticks as u32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_compare_across_the_wrap() {
        let before = Ticks(u32::MAX - 1);
        let after = before.plus(3);
        assert!(after.reached(before));
        assert!(!before.reached(after));
        assert_eq!(after.since(before), 3);
    }

    #[test]
    fn durations_round_up() {
        assert_eq!(Ticks::in_duration(Nanos(1)), 1);
        assert_eq!(Ticks::in_duration(Nanos(1 << TICK_SHIFT)), 1);
        assert_eq!(Ticks::in_duration(Nanos(u64::MAX)), 0x7fff_ffff);
    }
}
