//! How many subscribers use how many ports: what a limit or a block size is chosen by.
//!
//! The first place counts those with none; the place `n` after it those with at most 2ⁿ⁻¹ and
//! more than the place before. Invariant: the places add up to the subscribers there are. Owned by
//! the table of subscribers, and kept as they change: a walk through a million would not fit between packets.

/// Subscribers by the ports they use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortSpread([u32; PortSpread::PLACES]);

impl PortSpread {
    /// Places: the last has room for all ports of all protocols.
    pub const PLACES: usize = 20;

    /// The most ports of a place.
    #[must_use]
    pub const fn most(place: usize) -> u32 {
        if place == 0 { 0 } else { 1 << (place - 1) }
    }

    /// Subscribers, by place.
    #[must_use]
    pub const fn counts(&self) -> &[u32; Self::PLACES] {
        &self.0
    }

    /// As they were laid out by another.
    #[must_use]
    pub const fn from_counts(counts: [u32; Self::PLACES]) -> Self {
        Self(counts)
    }

    const fn place(ports: u32) -> usize {
        match ports.checked_sub(1) {
            None => 0,
            Some(below) => 1 + (u32::BITS - below.leading_zeros()) as usize,
        }
    }

    /// A subscriber with `fewer` ports has one more. Only a power of two is the end of a place.
    #[inline]
    pub(crate) fn one_more(&mut self, fewer: u32) {
        if fewer & fewer.wrapping_sub(1) == 0 {
            self.gone(fewer);
            self.add(fewer.wrapping_add(1), 1);
        }
    }

    /// One that has `fewer` ports now had one more.
    #[inline]
    pub(crate) fn one_less(&mut self, fewer: u32) {
        if fewer & fewer.wrapping_sub(1) == 0 {
            self.gone(fewer.wrapping_add(1));
            self.add(fewer, 1);
        }
    }

    pub(crate) fn appeared(&mut self) {
        self.add(0, 1);
    }

    pub(crate) fn gone(&mut self, ports: u32) {
        self.add(ports, u32::MAX);
    }

    /// Adds modulo 2³².
    fn add(&mut self, ports: u32, count: u32) {
        if let Some(place) = self.0.get_mut(Self::place(ports)) {
            *place = place.wrapping_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_place_ends_with_its_most() {
        for place in 0..PortSpread::PLACES {
            let most = PortSpread::most(place);
            assert_eq!(PortSpread::place(most), place);
            assert_eq!(PortSpread::place(most + 1), place + 1);
        }
        assert!(PortSpread::most(PortSpread::PLACES - 1) > 3 * 65_536);
    }

    proptest! {
        /// As if they were counted anew each time.
        #[test]
        fn it_is_what_counting_would_give(
            steps in prop::collection::vec((0_usize..8, -1_i32..3), 0..600),
        ) {
            let mut all: [Option<u32>; 8] = [None; 8];
            let mut spread = PortSpread::default();
            for (who, step) in steps {
                let one = &mut all[who];
                match (*one, step) {
                    (None, _) => {
                        spread.appeared();
                        *one = Some(0);
                    }
                    (Some(0), -1) => {
                        spread.gone(0);
                        *one = None;
                    }
                    (Some(ports), -1) => {
                        spread.one_less(ports - 1);
                        *one = Some(ports - 1);
                    }
                    (Some(ports), _) => {
                        spread.one_more(ports);
                        *one = Some(ports + 1);
                    }
                }
                for (place, count) in spread.counts().iter().enumerate() {
                    let least = if place == 0 { 0 } else { PortSpread::most(place - 1) + 1 };
                    let there = all.iter().flatten().filter(|ports| {
                        (least..=PortSpread::most(place)).contains(*ports)
                    });
                    prop_assert_eq!(*count as usize, there.count());
                }
            }
        }
    }
}
