//! Telling PCP clients that what they asked for is lost (RFC 6887 section 14.1).
//!
//! After a start, and when outside addresses are taken away: to all hosts of the inside networks,
//! ten times, each time after twice as long. Bounded: one message at a time for each interface.

use base::Nanos;

/// How often it is said.
const TIMES: u32 = 10;

/// How long after the first time.
const FIRST_GAP: Nanos = Nanos(250_000_000);

/// What is yet to be said.
#[derive(Debug, Default)]
pub(super) struct Announcer {
    /// Interfaces on which clients are.
    interfaces: Vec<u16>,
    since: Nanos,
    due: Nanos,
    gap: Nanos,
    left: u32,
}

impl Announcer {
    /// Begins to say on these interfaces that state was lost now.
    pub(super) fn begin(&mut self, interfaces: Vec<u16>, now: Nanos) {
        *self = Self {
            left: if interfaces.is_empty() { 0 } else { TIMES },
            interfaces,
            since: now,
            due: now.plus(FIRST_GAP),
            gap: FIRST_GAP,
        };
    }

    /// Where it is to be said now, and the seconds since it happened.
    pub(super) fn expire(&mut self, now: Nanos) -> (Vec<u16>, u32) {
        if self.next_due().is_none_or(|due| now < due) {
            return (Vec::new(), 0);
        }
        self.left -= 1;
        self.due = now.plus(self.gap);
        self.gap = self.gap.plus(self.gap);
        let seconds = now.since(self.since).0 / Nanos::from_secs(1).0;
        let epoch = u32::try_from(seconds).unwrap_or(u32::MAX);
        (self.interfaces.clone(), epoch)
    }

    /// When it is said next.
    pub(super) fn next_due(&self) -> Option<Nanos> {
        (self.left > 0).then_some(self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6887 section 14.1.1.
    #[test]
    fn it_is_said_ten_times_with_gaps_that_double() {
        let mut announcer = Announcer::default();
        assert_eq!(announcer.next_due(), None);
        announcer.begin(vec![0, 2], Nanos(0));
        let mut gaps = Vec::new();
        let mut before = Nanos(0);
        while let Some(due) = announcer.next_due() {
            assert_eq!(announcer.expire(Nanos(due.0 - 1)), (Vec::new(), 0));
            let epoch = u32::try_from(due.0 / 1_000_000_000).unwrap();
            assert_eq!(announcer.expire(due), (vec![0, 2], epoch));
            gaps.push(due.since(before).0 / 1_000_000);
            before = due;
        }
        let doubled = (0..9).map(|nth| 250 << nth);
        assert_eq!(
            gaps,
            std::iter::once(250).chain(doubled).collect::<Vec<_>>()
        );
        announcer.begin(Vec::new(), Nanos(0));
        assert_eq!(announcer.next_due(), None);
    }
}
