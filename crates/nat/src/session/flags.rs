//! Marks of a session: a bit each.

use super::marks::Fins;
use crate::tcp_state::State;

/// What is special about a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// Opened from outside and not answered from inside yet: holds no mapping.
    pub const WEAK: Self = Self(1);
    /// Its destination is an outside address: translated a second time.
    pub const HAIRPIN: Self = Self(2);
    /// Inbound packets restart its timer too.
    pub const INBOUND_REFRESH: Self = Self(4);
    /// Opened from outside.
    pub const FROM_OUTSIDE: Self = Self(8);
    /// Counts in the address filter of its mapping.
    pub const FILTER: Self = Self(16);
    /// Opened by an inside host that kept its source: counts for that host.
    pub const PRESERVED: Self = Self(32);

    /// Opened from outside and not answered yet, though it holds its mapping: its
    /// remote is not one that the inside has written to.
    pub const UNANSWERED: Self = Self(64);

    /// In a TCP state that any segment may change.
    pub const RESTLESS: Self = Self(128);

    /// Packets must do more to it than pass, and not only to its state.
    pub const SPECIAL: Self = Self::WEAK.with(Self::HAIRPIN).with(Self::UNANSWERED);

    /// Any of `others` is set.
    #[must_use]
    #[inline]
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Both together.
    #[must_use]
    #[inline]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Restless or not, as the state is.
    #[inline]
    pub(super) const fn in_state(self, state: State, fins: Fins) -> Self {
        match state {
            State::OutboundSyn | State::InboundSyn | State::BothFin | State::Reset => {
                self.with(Self::RESTLESS)
            }
            State::InsideFin | State::OutsideFin if fins.awaits() => self.with(Self::RESTLESS),
            _ => self.without(Self::RESTLESS),
        }
    }

    /// Without `others`.
    #[must_use]
    #[inline]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
}
