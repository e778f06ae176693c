//! The numbers below a bound in an order that looks like chance, without memory:
//! RFC 9693 wants unique tuples in pseudo-random order.
//!
//! Multiplying by an odd number and folding the upper half of the bits onto the
//! lower are both bijections of the numbers of so many bits. What comes out at or
//! above the bound goes through again until it is below, which keeps it a bijection.

/// A permutation of `0..len`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Permutation {
    len: u32,
    mask: u32,
    shift: u32,
    key: u32,
}

impl Permutation {
    /// Another one for every key. `len` is at least 1 and at most 2^31.
    pub(crate) const fn new(len: u32, key: u32) -> Self {
        let len = if len == 0 { 1 } else { len };
        let mask = len.next_power_of_two() - 1;
        let shift = mask.count_ones().div_ceil(2);
        Self {
            len,
            mask,
            shift: if shift == 0 { 1 } else { shift },
            key: key & mask,
        }
    }

    /// How many numbers there are.
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// The number at a place, which must be below the length.
    #[inline]
    pub(crate) const fn at(&self, place: u32) -> u32 {
        let mut number = place;
        loop {
            number = self.mix(number);
            if number < self.len {
                return number;
            }
        }
    }

    #[inline]
    const fn mix(&self, number: u32) -> u32 {
        let mut word = number ^ self.key;
        word = word.wrapping_mul(0x9e37_79b1) & self.mask;
        word ^= word >> self.shift;
        word = word.wrapping_mul(0x85eb_ca6b) & self.mask;
        word ^= word >> self.shift;
        word.wrapping_mul(0xc2b2_ae35) & self.mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_below_the_bound_comes_once() {
        for len in [1, 2, 7, 512, 1000, 40_961] {
            let order = Permutation::new(len, 0x1234_5678);
            let mut seen: Vec<u32> = (0..len).map(|place| order.at(place)).collect();
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..len), "of {len}");
        }
    }

    #[test]
    fn neighbours_end_up_apart() {
        let order = Permutation::new(1 << 20, 1);
        let near = (0..1000).filter(|&place| order.at(place).abs_diff(order.at(place + 1)) < 512);
        assert!(near.count() < 10);
    }
}
