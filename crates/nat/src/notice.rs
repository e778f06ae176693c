//! What happens in a shard that somebody should hear of: thresholds, refusals,
//! blocks lent and returned. Told once, in order; what there is no room for is
//! counted.

use alloc::collections::VecDeque;
use core::net::Ipv4Addr;

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

/// Notices a shard keeps until they are fetched.
const MOST: usize = 256;

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
        self.queue.pop_front()
    }

    /// How many there was no room for since this was asked last.
    pub(crate) fn take_lost(&mut self) -> u64 {
        core::mem::take(&mut self.lost)
    }
}
