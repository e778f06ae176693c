//! Times by how often, within one part in 32.

/// Steps of an octave, as a power of two.
const STEPS_LOG2: u32 = 5;

/// Up to 2^32 nanoseconds.
const BUCKETS: usize = (32 - STEPS_LOG2 as usize + 1) << STEPS_LOG2;

/// Counts of nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            counts: vec![0; BUCKETS],
            total: 0,
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, nanos: u32) {
        if let Some(count) = self.counts.get_mut(place(nanos)) {
            *count += 1;
        }
        self.total += 1;
    }

    /// Microseconds that so many of a thousand do not exceed; zero if there are none.
    pub(crate) fn at(&self, per_mille: u64) -> f64 {
        let wanted = (self.total * per_mille).div_ceil(1000);
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return highest(place) / 1e3;
            }
        }
        0.0
    }
}

/// The bucket of a time: below 32 one each, then 32 for each octave.
#[inline]
fn place(nanos: u32) -> usize {
    let octave = (nanos >> STEPS_LOG2)
        .checked_ilog2()
        .map_or(0, |log| log + 1);
    let step = nanos >> octave.saturating_sub(1);
    let within = if octave == 0 {
        nanos
    } else {
        step & ((1 << STEPS_LOG2) - 1)
    };
    ((octave << STEPS_LOG2) + within) as usize
}

/// The highest time of a bucket.
#[allow(clippy::cast_precision_loss)]
fn highest(place: usize) -> f64 {
    let octave = place >> STEPS_LOG2;
    let within = place & ((1 << STEPS_LOG2) - 1);
    let scale = 1_u64 << octave.saturating_sub(1);
    let base = if octave == 0 { 0 } else { 1 << STEPS_LOG2 };
    ((within as u64 + base + 1) * scale - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_and_narrow() {
        for nanos in [0, 1, 31, 32, 33, 63, 64, 1000, 12_345, 1 << 20, u32::MAX] {
            let top = highest(place(nanos));
            assert!(top >= f64::from(nanos), "{nanos}: {top}");
            assert!(top <= f64::from(nanos) * 1.04 + 1.0, "{nanos}: {top}");
        }
    }

    #[test]
    fn percentiles_are_where_they_should_be() {
        let mut histogram = Histogram::new();
        for nanos in 1..=1000 {
            histogram.add(nanos * 1000);
        }
        assert!((histogram.at(500) - 500.0).abs() < 20.0);
        assert!((histogram.at(999) - 999.0).abs() < 40.0);
        assert!(Histogram::new().at(500) < 1e-9);
    }
}
