//! The first steps of a lookup, for what loops over bursts: which session a key probably means.

use super::Session;
use crate::index::{self, Candidate};
use crate::key::FlowKey;

/// An index entry not compared yet, or none.
#[derive(Clone, Copy, Debug)]
pub struct Guess(pub(super) u32);

impl Guess {
    /// No entry.
    pub const NONE: Self = Self(u32::MAX);

    /// Whether there is none.
    #[must_use]
    #[inline]
    pub const fn is_none(self) -> bool {
        self.0 == Self::NONE.0
    }

    /// None at first sight.
    const FURTHER: Self = Self(u32::MAX - 1);

    /// To be asked for once more, when the next line of the index is there.
    #[must_use]
    #[inline]
    pub const fn is_further(self) -> bool {
        self.0 == Self::FURTHER.0
    }
}

/// The table, to begin lookups: what loops over bursts keep at hand.
#[derive(Clone, Copy, Debug)]
pub struct Glance<'a> {
    pub(super) index: index::Glance<'a>,
    pub(super) hot: &'a [Session],
    pub(super) seed: u64,
}

impl Glance<'_> {
    /// Hash of a key; its line of the index is on the way.
    #[must_use]
    #[inline]
    pub fn begin(self, key: FlowKey) -> u64 {
        let hash = key.hash(self.seed);
        self.index.prefetch(hash);
        hash
    }

    /// The session a hash probably means; its line is on the way. Needs the line of
    /// the index.
    #[must_use]
    #[inline]
    pub fn guess(self, hash: u64) -> Guess {
        let found = self.index.guess(hash, |other| self.prefetch(other));
        self.guessed(found)
    }

    /// The same for a guess that [is further](Guess::is_further).
    #[must_use]
    #[inline]
    pub fn guess_further(self, hash: u64) -> Guess {
        self.guessed(self.index.guess_further(hash))
    }

    #[inline]
    fn guessed(self, found: Candidate) -> Guess {
        match found {
            Candidate::Entry(entry) => {
                self.prefetch(entry);
                Guess(entry)
            }
            Candidate::Further => Guess::FURTHER,
            Candidate::None => Guess::NONE,
        }
    }

    #[inline]
    fn prefetch(self, entry: u32) {
        if let Some(session) = self.hot.get((entry >> 1) as usize) {
            base::prefetch(session);
        }
    }
}
