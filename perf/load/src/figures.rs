//! Figures of several runs.

use serde::Serialize;

/// Median and spread.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Spread {
    /// Of these values; zeros if there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |place: usize| rounded(values.get(place).copied().unwrap_or(0.0));
        let last = values.len().saturating_sub(1);
        // Of an even number the mean of the two in the middle.
        let (low, high) = (last / 2, last.div_ceil(2));
        Self {
            median: rounded(f64::midpoint(at(low), at(high))),
            lowest: at(0),
            highest: at(last),
        }
    }
}

impl core::fmt::Display for Spread {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let Self {
            median,
            lowest,
            highest,
        } = self;
        write!(
            f,
            "{median:.digits$} ({lowest:.digits$}-{highest:.digits$})"
        )
    }
}

/// To five digits: what is beyond them means nothing.
pub(crate) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let scale = 10_f64.powf(4.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

/// A count as a number to calculate with.
#[allow(clippy::cast_precision_loss)]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let odd = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!((odd.lowest, odd.median, odd.highest), (1.0, 2.0, 3.0));
        assert!((Spread::of([1.0, 2.0]).median - 1.5).abs() < 1e-9);
        assert_eq!(format!("{odd:.1}"), "2.0 (1.0-3.0)");
    }

    #[test]
    fn five_digits_are_kept() {
        assert!((rounded(123_456_789.0) - 123_460_000.0).abs() < 1.0);
        assert!((rounded(0.012_345_678) - 0.012_346).abs() < 1e-9);
    }
}
