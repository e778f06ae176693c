//! Queues of things that rest for a fixed time: freed ports (RFC 6888 REQ-8)
//! and blocks without a port in use.
//!
//! The time is the same for all in a queue, so the first in is the first due.

use alloc::collections::VecDeque;

use base::Ticks;

/// Items due in the order they came; never grows beyond its capacity.
#[derive(Debug)]
pub(crate) struct Resting<T> {
    queue: VecDeque<(Ticks, T)>,
    time: u32,
    capacity: usize,
}

impl<T: Copy> Resting<T> {
    pub(crate) fn new(capacity: usize, time: u32) -> Self {
        Self {
            queue: VecDeque::with_capacity(capacity),
            time,
            capacity,
        }
    }

    /// Changes how long items rest, those that do so now too.
    pub(crate) const fn set_time(&mut self, time: u32) {
        self.time = time;
    }

    /// Forgets the items that `stays` says no to.
    pub(crate) fn retain(&mut self, stays: impl Fn(&T) -> bool) {
        self.queue.retain(|(_, item)| stays(item));
    }

    /// Puts an item to rest; gives it back if there is no time or room to.
    pub(crate) fn push(&mut self, item: T, now: Ticks) -> Result<(), T> {
        if self.time == 0 || self.queue.len() >= self.capacity {
            return Err(item);
        }
        self.queue.push_back((now, item));
        Ok(())
    }

    /// The next item whose time is over, with the time it was put to rest.
    pub(crate) fn pop(&mut self, now: Ticks) -> Option<(Ticks, T)> {
        let (since, _) = self.queue.front()?;
        if !now.reached(since.plus(self.time)) {
            return None;
        }
        self.queue.pop_front()
    }

    /// The item so many behind the next one.
    #[inline]
    pub(crate) fn behind(&self, ahead: usize) -> Option<T> {
        self.queue.get(ahead).map(|(_, item)| *item)
    }

    /// When the next item is due.
    pub(crate) fn next_due(&self) -> Option<Ticks> {
        self.queue.front().map(|(since, _)| since.plus(self.time))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.capacity * size_of::<(Ticks, T)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_rest_for_the_time_and_no_longer() {
        let mut resting = Resting::new(2, 10);
        assert_eq!(resting.push('a', Ticks(0)), Ok(()));
        assert_eq!(resting.push('b', Ticks(3)), Ok(()));
        assert_eq!(resting.push('c', Ticks(3)), Err('c'));
        assert_eq!([resting.behind(1), resting.behind(2)], [Some('b'), None]);
        assert_eq!(resting.pop(Ticks(9)), None);
        assert_eq!(resting.pop(Ticks(12)), Some((Ticks(0), 'a')));
        assert_eq!(resting.pop(Ticks(12)), None);
        assert_eq!(resting.pop(Ticks(13)), Some((Ticks(3), 'b')));
        assert_eq!(Resting::new(2, 0).push('a', Ticks(0)), Err('a'));
    }
}
