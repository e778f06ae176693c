//! What happens in a shard that somebody should hear of: thresholds, refusals,
//! blocks lent and returned. Told once, in order.
//!
//! Whatever ends something ends no more in a turn than there is room to tell of, and
//! goes on when that has been fetched. The other half of the room is for what packets
//! begin, who cannot wait; what there is no room for then is counted.

use alloc::collections::VecDeque;
use core::net::Ipv4Addr;

use crate::gateway::Gateway;
use crate::key::Realm;

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// More of a pool is in use than its high watermark.
    PoolHigh {
        /// Number of the pool.
        pool: u16,
    },
    /// No more of it than its low watermark.
    PoolLow {
        /// Number of the pool.
        pool: u16,
    },
    /// A pool had nothing left; said at most once a second.
    PoolExhausted {
        /// Number of the pool.
        pool: u16,
    },
    /// A subscriber uses more of its ports than the watermark of its limit.
    SubscriberHigh {
        /// Inside address.
        inside: Ipv4Addr,
        /// Realm of the inside.
        realm: Realm,
    },
    /// A subscriber was refused a session by a limit or for want of a port; said at
    /// most once a minute.
    SubscriberRefused {
        /// Inside address.
        inside: Ipv4Addr,
        /// Realm of the inside.
        realm: Realm,
    },
    /// A connection goes on without its gateway, because of what its messages were like.
    StreamReleased {
        /// Inside address.
        inside: Ipv4Addr,
        /// Realm of the inside.
        realm: Realm,
        /// The gateway.
        gateway: Gateway,
        /// Why, in words.
        why: &'static str,
    },
    /// A block of ports was lent to a subscriber (RFC 6888 REQ-14).
    BlockLent(BlockNotice),
    /// It was returned.
    BlockReturned(BlockNotice),
}

/// A block and who has or had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockNotice {
    /// Inside address.
    pub inside: Ipv4Addr,
    /// Realm of the inside.
    pub realm: Realm,
    /// Outside address.
    pub outside: Ipv4Addr,
    /// First and last port.
    pub ports: (u16, u16),
}

/// Notices a shard keeps until they are fetched: those of several turns full of packets
/// that each begin something.
const MOST: usize = 4096;

/// How many of them what ends may fill.
const MOST_OF_ENDS: usize = MOST / 2;

/// What a single end says at most: that a block was returned, and its pool is low.
const EACH_END: usize = 2;

#[derive(Debug)]
pub(crate) struct Notices {
    queue: VecDeque<Notice>,
    lost: u64,
}

impl Default for Notices {
    fn default() -> Self {
        Self {
            queue: VecDeque::with_capacity(MOST),
            lost: 0,
        }
    }
}

impl Notices {
    pub(crate) fn push(&mut self, notice: Notice) {
        if self.queue.len() < MOST {
            self.queue.push_back(notice);
        } else {
            self.lost += 1;
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Notice> {
        let first = self.queue.pop_front();
        if self.queue.is_empty() {
            // From the beginning again, which is in the cache.
            self.queue.clear();
        }
        first
    }

    /// How many sessions, ports and blocks may end.
    pub(crate) fn room_for_ends(&self) -> u32 {
        let room = MOST_OF_ENDS.saturating_sub(self.queue.len()) / EACH_END;
        u32::try_from(room).unwrap_or(u32::MAX)
    }

    /// How many there was no room for since this was asked last.
    pub(crate) fn take_lost(&mut self) -> u64 {
        core::mem::take(&mut self.lost)
    }
}
