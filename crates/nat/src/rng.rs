//! Chance, from a seed: unpredictable to hosts (RFC 6056), repeatable in tests.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// A stream of random numbers.
#[derive(Debug)]
pub(crate) struct Rng(ChaCha8Rng);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number in `0..bound`; 0 for a bound of 0. The bias is below 2^-32 times the bound.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        scaled(self.half(), bound)
    }

    pub(crate) fn half(&mut self) -> u32 {
        self.0.next_u32()
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// A draw as a number in `0..bound`.
#[inline]
#[allow(clippy::cast_possible_truncation)]
pub(crate) const fn scaled(draw: u32, bound: u32) -> u32 {
    ((draw as u64 * bound as u64) >> 32) as u32
}
