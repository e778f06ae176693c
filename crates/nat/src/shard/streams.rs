//! Streams on the slow path, as the shard of their sessions counts them.

use alloc::vec::Vec;

use crate::session::SessionId;

/// Streams on the slow path.
///
/// Invariant: those that run and those whose end is to be told are together no more than
/// `capacity`, so that there is always room for one more end.
#[derive(Debug)]
pub(super) struct Streams {
    live: usize,
    pub(super) ended: Vec<(SessionId, u32)>,
    capacity: usize,
    next: u32,
}

impl Streams {
    /// For so many at a time.
    pub(super) fn with_capacity(capacity: u32) -> Self {
        Self {
            live: 0,
            ended: Vec::with_capacity(capacity as usize),
            capacity: capacity as usize,
            next: 0,
        }
    }

    /// Bytes it takes.
    pub(super) const fn bytes(&self) -> usize {
        self.capacity * size_of::<(SessionId, u32)>()
    }

    pub(super) fn has_room(&self) -> bool {
        self.live + self.ended.len() < self.capacity
    }

    pub(super) const fn begin(&mut self) -> u32 {
        self.live += 1;
        self.next = self.next.wrapping_add(1);
        self.next
    }

    pub(super) const fn end(&mut self) {
        self.live = self.live.saturating_sub(1);
    }

    pub(super) fn lose(&mut self, session: SessionId, number: u32) {
        self.end();
        self.ended.push((session, number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends are told before their places are taken again.
    #[test]
    fn streams_and_their_ends_are_never_more_than_there_is_room_for() {
        let mut streams = Streams::with_capacity(2);
        let (first, second) = (streams.begin(), streams.begin());
        assert!(first != second && !streams.has_room());
        streams.lose(SessionId(7), first);
        assert!(!streams.has_room());
        assert_eq!(streams.ended.pop(), Some((SessionId(7), first)));
        assert!(streams.has_room());
        let third = streams.begin();
        assert!(third != second && !streams.has_room());
        streams.end();
        assert!(streams.has_room());
    }
}
