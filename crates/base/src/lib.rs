//! Numbers with meaning: time, prefixes, counters and drop reasons.
//!
//! Everything here is plain data shared by all crates. No clock is read, nothing
//! allocates; `unsafe` are the prefetch hint in [`prefetch`] and the comparison of sixteen
//! bytes in [`equal_lanes`].
#![no_std]
#![deny(unsafe_code)]

pub mod counter;
pub mod digest;
mod lanes;
mod nearby;
mod prefetch;
mod prefix;
mod sentence;
mod seq;
mod time;

pub use counter::{Counter, Counters};
pub use lanes::equal_lanes;
pub use nearby::Nearby;
pub use prefetch::prefetch;
pub use prefix::{Prefix, PrefixError};
pub use seq::Seq;
pub use time::{Nanos, TICK_SHIFT, Ticks};

/// Which way a packet crosses the translator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the inside (subscriber) realm to the outside.
    Outbound,
    /// From the outside realm to the inside.
    Inbound,
}

impl Direction {
    /// The other direction.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Outbound => Self::Inbound,
            Self::Inbound => Self::Outbound,
        }
    }
}
