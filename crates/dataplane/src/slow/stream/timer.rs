//! How long to wait for an acknowledgement (RFC 6298).

use base::Nanos;

/// RFC 6298 section 2.4 has a second; what real hosts use is less.
const MIN: u64 = 200_000_000;
/// RFC 6298 section 2.5.
const MAX: u64 = 60_000_000_000;
/// RFC 6298 section 2.1.
const FIRST: u64 = 1_000_000_000;

#[derive(Clone, Copy, Debug)]
pub(super) struct Timeout {
    /// Smoothed round-trip time and its variation.
    measured: Option<(u64, u64)>,
    base: u64,
    doublings: u32,
}

impl Timeout {
    pub(super) const fn new() -> Self {
        Self {
            measured: None,
            base: FIRST,
            doublings: 0,
        }
    }

    /// The time to wait.
    pub(super) fn get(&self) -> Nanos {
        Nanos((self.base << self.doublings.min(16)).clamp(MIN, MAX))
    }

    /// A round trip was measured (RFC 6298 section 2.2, 2.3).
    pub(super) fn measured(&mut self, round_trip: Nanos) {
        let trip = round_trip.0.min(MAX);
        let (smoothed, variation) = match self.measured {
            None => (trip, trip / 2),
            Some((smoothed, variation)) => (
                (7 * smoothed + trip) / 8,
                (3 * variation + smoothed.abs_diff(trip)) / 4,
            ),
        };
        self.measured = Some((smoothed, variation));
        self.base = (smoothed + (4 * variation).max(1_000_000)).clamp(MIN, MAX);
    }

    /// It was waited in vain (RFC 6298 section 5.5).
    pub(super) const fn back_off(&mut self) {
        self.doublings += 1;
    }

    /// Something new was acknowledged.
    pub(super) const fn relax(&mut self) {
        self.doublings = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6298 section 2.
    #[test]
    fn the_timeout_follows_the_round_trips_and_doubles() {
        let ms = |n: u64| Nanos(n * 1_000_000);
        let mut timeout = Timeout::new();
        assert_eq!(timeout.get(), ms(1000));
        timeout.measured(ms(100));
        assert_eq!(timeout.get(), ms(300));
        timeout.measured(ms(20));
        // 90 ms, and four times 57.5 ms.
        assert_eq!(timeout.get(), ms(320));
        timeout.back_off();
        assert_eq!(timeout.get(), ms(640));
        for _ in 0..40 {
            timeout.back_off();
        }
        assert_eq!(timeout.get(), ms(60_000));
        timeout.relax();
        for _ in 0..60 {
            timeout.measured(ms(1));
        }
        assert_eq!(timeout.get(), ms(200));
    }
}
