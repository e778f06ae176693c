//! What one downstream interface wants of one group (RFC 3376 section 6, without lists
//! of unwanted sources as RFC 5790 allows).
//!
//! ```text
//!                      report, IS_EX, TO_EX
//!      any source: ------ any_until = now + 260 s ------> gone when it passes
//!                      leave, TO_IN: at most 2 s left, and the group is asked twice
//!
//!      each source: ----- ALLOW, IS_IN, TO_IN ----------> gone when it passes
//!                      BLOCK, TO_IN without it: at most 2 s left, asked twice
//! ```

use base::Nanos;
use wire::igmp::{Sources, Version};

use super::{LAST_MEMBER_INTERVAL, MEMBERSHIP, ROBUSTNESS};

/// Most sources of one interface in one group.
pub(super) const MAX_SOURCES: usize = 64;

/// Time in which somebody else may still say that he is a member.
const LAST_MEMBER_TIME: Nanos = Nanos(LAST_MEMBER_INTERVAL.0 * ROBUSTNESS as u64);

/// Who is wanted: any source, else those listed, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Presence {
    pub(super) any: bool,
    pub(super) sources: Vec<u32>,
}

impl Presence {
    pub(super) fn is_empty(&self) -> bool {
        !self.any && self.sources.is_empty()
    }
}

/// A question to whoever is left.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Is anybody a member?
    Group,
    /// Does anybody want these?
    Sources(Vec<u32>),
}

#[derive(Debug, Default)]
pub(super) struct Membership {
    any_until: Option<Nanos>,
    sources: Vec<(u32, Nanos)>,
    /// Hosts that speak only version 1, or 2, are here until then.
    v1_until: Nanos,
    v2_until: Nanos,
    /// When to ask again, and how often.
    asking: Option<(Nanos, u8)>,
    /// What everybody else has been told.
    pub(super) told: Presence,
}

impl Membership {
    /// A host wants the group from anybody.
    pub(super) fn join(&mut self, version: Version, now: Nanos) {
        let until = now.plus(MEMBERSHIP);
        match version {
            Version::V1 => self.v1_until = until,
            Version::V2 => self.v2_until = until,
            Version::V3 => {}
        }
        self.any_until = Some(until);
    }

    /// A host wants these sources; answers how many there was no room for.
    pub(super) fn allow(&mut self, sources: Sources<'_>, mut room: usize, now: Nanos) -> u64 {
        let until = now.plus(MEMBERSHIP);
        let mut refused = 0;
        for source in sources.iter() {
            if let Some(known) = self.sources.iter_mut().find(|(of, _)| *of == source) {
                known.1 = until;
            } else if room > 0 && self.sources.len() < MAX_SOURCES {
                self.sources.push((source, until));
                room -= 1;
            } else {
                refused += 1;
            }
        }
        refused
    }

    /// A host no longer wants the group from anybody; not heard while there are hosts
    /// that cannot say so (RFC 2236 section 6, RFC 3376 section 7.3.2).
    pub(super) fn leave(&mut self, now: Nanos) {
        if now < self.v1_until {
            return;
        }
        if let Some(until) = &mut self.any_until
            && *until > now.plus(LAST_MEMBER_TIME)
        {
            *until = now.plus(LAST_MEMBER_TIME);
            self.asking = Some((now, ROBUSTNESS));
        }
    }

    /// A host no longer wants the sources that `unwanted` names.
    pub(super) fn block(&mut self, unwanted: impl Fn(u32) -> bool, now: Nanos) {
        if now < self.v1_until || now < self.v2_until {
            return;
        }
        let last = now.plus(LAST_MEMBER_TIME);
        for (source, until) in &mut self.sources {
            if *until > last && unwanted(*source) {
                *until = last;
                self.asking = Some((now, ROBUSTNESS));
            }
        }
    }

    /// The questions that are due now.
    pub(super) fn questions(&mut self, now: Nanos) -> Vec<Question> {
        let Some((_, left)) = self.asking.take_if(|(due, _)| *due <= now) else {
            return Vec::new();
        };
        let last = now.plus(LAST_MEMBER_TIME);
        let ending = |until: Nanos| until > now && until <= last;
        let mut questions = Vec::new();
        if self.any_until.is_some_and(ending) {
            questions.push(Question::Group);
        }
        let sources: Vec<u32> = self
            .sources
            .iter()
            .filter(|(_, until)| ending(*until))
            .map(|(source, _)| *source)
            .collect();
        if !sources.is_empty() {
            questions.push(Question::Sources(sources));
        }
        if left > 1 && !questions.is_empty() {
            self.asking = Some((now.plus(LAST_MEMBER_INTERVAL), left - 1));
        }
        questions
    }

    /// Another router asks: whoever does not answer it is gone (RFC 2236 section 3).
    pub(super) fn asked_elsewhere(&mut self, sources: Sources<'_>, now: Nanos) {
        let last = now.plus(LAST_MEMBER_TIME);
        if sources.is_empty() {
            self.any_until = self.any_until.map(|until| until.min(last));
        }
        for (source, until) in &mut self.sources {
            if sources.contains(*source) {
                *until = (*until).min(last);
            }
        }
    }

    /// Forgets what has run out.
    pub(super) fn expire(&mut self, now: Nanos) {
        self.any_until = self.any_until.filter(|until| *until > now);
        self.sources.retain(|(_, until)| *until > now);
    }

    /// When time next matters; `None` once nobody is left.
    pub(super) fn next_due(&self) -> Option<Nanos> {
        let sources = self.sources.iter().map(|(_, until)| *until).min();
        let ends = self.any_until.into_iter().chain(sources).min()?;
        Some(self.asking.map_or(ends, |(due, _)| due.min(ends)))
    }

    /// What is wanted now.
    pub(super) fn presence(&self) -> Presence {
        let mut sources: Vec<u32> = self.sources.iter().map(|(source, _)| *source).collect();
        sources.sort_unstable();
        Presence {
            any: self.any_until.is_some(),
            sources,
        }
    }

    /// Entries of the table it takes.
    pub(super) fn size(&self) -> usize {
        1 + self.sources.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Nanos = Nanos::from_secs(1000);

    fn later(seconds: u64) -> Nanos {
        NOW.plus(Nanos::from_secs(seconds))
    }

    #[test]
    fn a_leave_asks_twice_and_ends_unless_somebody_answers() {
        let mut membership = Membership::default();
        membership.join(Version::V2, NOW);
        membership.leave(later(10));
        assert_eq!(membership.questions(later(10)), [Question::Group]);
        assert_eq!(membership.next_due(), Some(later(11)));
        assert_eq!(membership.questions(later(11)), [Question::Group]);
        assert_eq!(membership.next_due(), Some(later(12)));
        membership.join(Version::V2, later(11));
        membership.expire(later(12));
        assert!(membership.presence().any);
        assert!(membership.questions(later(12)).is_empty());
        membership.leave(later(20));
        membership.expire(later(22));
        assert!(membership.presence().is_empty() && membership.next_due().is_none());
    }

    #[test]
    fn a_leave_is_not_heard_while_somebody_cannot_say_so() {
        let mut membership = Membership::default();
        membership.join(Version::V1, NOW);
        membership.join(Version::V2, later(1));
        membership.leave(later(2));
        assert!(membership.questions(later(2)).is_empty());
        membership.expire(later(200));
        assert!(membership.presence().any);
    }

    #[test]
    fn repeated_leaves_do_not_put_the_end_off() {
        let mut membership = Membership::default();
        membership.join(Version::V3, NOW);
        membership.leave(later(1));
        membership.leave(later(2));
        membership.expire(later(3));
        assert!(!membership.presence().any);
    }
}
