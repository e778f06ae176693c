//! TCP sequence numbers.

/// A place in a TCP stream: 32 bits that wrap, compared by distance (RFC 9293 section 3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seq(pub u32);

impl Seq {
    /// The place `len` bytes further.
    #[must_use]
    #[inline]
    pub const fn plus(self, len: u32) -> Self {
        Self(self.0.wrapping_add(len))
    }

    /// The place `len` bytes before.
    #[must_use]
    #[inline]
    pub const fn minus(self, len: u32) -> Self {
        Self(self.0.wrapping_sub(len))
    }

    /// Bytes from `earlier` to here.
    #[must_use]
    #[inline]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// Bytes from `other` to here; none if it lies behind.
    #[must_use]
    #[inline]
    pub const fn beyond(self, other: Self) -> u32 {
        if other.is_before(self) {
            self.since(other)
        } else {
            0
        }
    }

    /// Whether this place comes before another.
    #[must_use]
    #[inline]
    pub const fn is_before(self, other: Self) -> bool {
        self.0.wrapping_sub(other.0) >> 31 == 1
    }

    /// The later of two.
    #[must_use]
    #[inline]
    pub const fn later(self, other: Self) -> Self {
        if self.is_before(other) { other } else { self }
    }

    /// The earlier of two.
    #[must_use]
    #[inline]
    pub const fn earlier(self, other: Self) -> Self {
        if self.is_before(other) { self } else { other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9293 section 3.4.
    #[test]
    fn places_compare_across_the_wrap() {
        let before = Seq(u32::MAX - 1);
        let after = before.plus(3);
        assert_eq!((after, after.since(before)), (Seq(1), 3));
        assert!(before.is_before(after) && !after.is_before(before) && !after.is_before(after));
        assert_eq!(
            (before.later(after), before.earlier(after)),
            (after, before)
        );
        assert_eq!((after.beyond(before), before.beyond(after)), (3, 0));
        assert_eq!(after.minus(3), before);
    }
}
