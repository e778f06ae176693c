//! The database of SIP calls, by `Call-ID` and not by the session their messages come in: a
//! trunk carries many calls in one session (S2, "SIP ALG local database management").
//!
//! ```text
//!  report ──> key (realm, subscriber or trunk, Call-ID) ──> call ──> its state, media, deadline
//!  deadlines ──> those that are due, a slice at a time ──> gone, and their doors closed
//!  rounds ──> what has passed of established media? ──> worker ──> health
//! ```
//!
//! Invariants:
//!
//! - A call is in the index, and in the list of deadlines once; among the unanswered if it is not
//!   established. Nothing is left of one that is gone.
//! - What becomes of sessions does not matter here: clearing them ends no call.
//! - There are never more calls than there is room for: the oldest that is not established makes
//!   room, and if there is none the new one is refused. Neither is silent.
//!
//! The slow path owns it. Maps are ordered, so that what is shown does not depend on chance, and
//! so that memory goes back with the calls.

mod call;
mod health;
mod line;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use appproto::Transport;
use appproto::sip::{Kind, Method};
use base::{Counter, Counters, Nanos, Prefix};
use nat::{FlowKey, MediaFigures, Realm};
use wire::ipv4::protocol;

pub use call::CallState;
pub use health::Health;

use crate::calls::CallReport;
use crate::command::MediaQuestion;
use call::{Call, Fate, Key, Owner};

/// Calls looked at in a turn, of those that are due and in a round.
const SLICE: usize = 32;

/// How often media are asked after.
const ROUND: Nanos = Nanos::from_secs(15);

/// What is shown of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallView {
    /// Its `Call-ID`, the first bytes of a long one.
    pub call_id: Box<[u8]>,
    /// Realm of the inside.
    pub realm: Realm,
    /// Inside address that was in its last message.
    pub subscriber: u32,
    /// Trunk it came by.
    pub trunk: Option<Prefix>,
    /// State.
    pub state: CallState,
    /// Media lines: inside and outside endpoint, and what they are for.
    pub media: Vec<MediaView>,
    /// Since its first message.
    pub age: Nanos,
    /// Until it is forgotten if nothing more is heard.
    pub expires: Nanos,
    /// How its media do.
    pub health: Health,
}

/// What is shown of a media line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaView {
    /// Inside endpoint.
    pub inside: (u32, u16),
    /// Outside endpoint.
    pub outside: (u32, u16),
    /// What for.
    pub kind: &'static str,
}

/// Doors of a call that are to be closed: in which worker, and what it knows them by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closing {
    pub(super) worker: usize,
    pub(super) group: u32,
}

/// The database.
#[derive(Debug)]
pub(super) struct Calls {
    capacity: usize,
    by_number: BTreeMap<u64, Box<Call>>,
    index: BTreeMap<Arc<Key>, u64>,
    due: BTreeSet<(Nanos, u64)>,
    unanswered: BTreeSet<u64>,
    /// Number of the next call; they are never used again.
    next: u64,
    /// When the next round begins, and where the one that runs has got to.
    round: Nanos,
    walk: Option<u64>,
    closings: Vec<Closing>,
}

impl Calls {
    /// Room for so many calls.
    pub(super) const fn new(capacity: u32) -> Self {
        Self {
            capacity: capacity as usize,
            by_number: BTreeMap::new(),
            index: BTreeMap::new(),
            due: BTreeSet::new(),
            unanswered: BTreeSet::new(),
            next: 0,
            round: Nanos(0),
            walk: None,
            closings: Vec::new(),
        }
    }

    /// Takes up what a worker reports.
    pub(super) fn heard(
        &mut self,
        worker: usize,
        report: &CallReport,
        now: Nanos,
        counters: &mut Counters,
    ) {
        let key = Key::of(report);
        let id = if let Some(id) = self.index.get(&key) {
            *id
        } else {
            if report.kind != Kind::Request(Method::Invite) {
                return;
            }
            if self.by_number.len() >= self.capacity && !self.make_room(counters) {
                counters.bump(Counter::CallRefused);
                return;
            }
            counters.bump(Counter::CallBegun);
            self.begin(Call::new(Arc::new(key), worker, report, now))
        };
        let Some(call) = self.by_number.get_mut(&id) else {
            return;
        };
        self.due.remove(&(call.deadline, id));
        (call.worker, call.subscriber) = (worker, report.subscriber);
        let fate = call.hear(report, now);
        self.due.insert((call.deadline, id));
        if call.state == CallState::Established {
            self.unanswered.remove(&id);
        } else {
            self.unanswered.insert(id);
        }
        if fate == Fate::Over {
            // Its doors are closed already, by the gateway that has read the message.
            self.remove(id);
            counters.bump(Counter::CallEnded);
        }
    }

    /// Forgets calls whose time is over, a slice of them; answers how many.
    pub(super) fn expire(&mut self, now: Nanos, counters: &mut Counters) -> usize {
        let mut count = 0;
        while count < SLICE
            && let Some((deadline, id)) = self.due.first().copied()
            && deadline <= now
        {
            count += 1;
            let Some(call) = self.remove(id) else {
                // Cannot be.
                self.due.remove(&(deadline, id));
                continue;
            };
            counters.bump(if call.state == CallState::Ended {
                Counter::CallEnded
            } else {
                Counter::CallExpired
            });
            self.close_doors(&call);
        }
        count
    }

    /// When time next matters here.
    pub(super) fn next_due(&self) -> Option<Nanos> {
        let round = self.has_established().then_some(self.round);
        let due = self.due.first().map(|(deadline, _)| *deadline);
        due.into_iter().chain(round).min()
    }

    /// Doors that are to be closed since the last call.
    pub(super) fn take_closings(&mut self) -> Vec<Closing> {
        core::mem::take(&mut self.closings)
    }

    // --- to look at, and to forget -----------------------------------------

    /// How many are established, and how many are not.
    pub(super) fn counts(&self) -> (usize, usize) {
        let unanswered = self.unanswered.len();
        (self.by_number.len() - unanswered, unanswered)
    }

    /// Calls from number `from` on, at most so many; and where to go on, if there are more.
    pub(super) fn views(&self, from: u64, most: usize, now: Nanos) -> (Vec<CallView>, Option<u64>) {
        let mut range = self.by_number.range(from..);
        let views = range.by_ref().take(most);
        let views = views.map(|(_, call)| view(call, now)).collect();
        (views, range.next().map(|(id, _)| *id))
    }

    /// Forgets those of the same calls that are meant; answers how many.
    pub(super) fn clear(
        &mut self,
        from: u64,
        most: usize,
        now: Nanos,
        counters: &mut Counters,
        meant: impl Fn(&CallView) -> bool,
    ) -> (u64, Option<u64>) {
        let mut range = self.by_number.range(from..);
        let some = range.by_ref().take(most);
        let some: Vec<u64> = some
            .filter(|(_, call)| meant(&view(call, now)))
            .map(|(id, _)| *id)
            .collect();
        let next = range.next().map(|(id, _)| *id);
        for id in &some {
            if let Some(call) = self.remove(*id) {
                counters.bump(Counter::CallCleared);
                self.close_doors(&call);
            }
        }
        (some.len() as u64, next)
    }

    // --- media -------------------------------------------------------------

    /// Goes on with a round, if it is time for one: asks after the media of a slice of calls.
    /// Answers how many it has looked at.
    pub(super) fn inquire(
        &mut self,
        now: Nanos,
        mut ask: impl FnMut(usize, MediaQuestion),
    ) -> usize {
        if self.walk.is_none() && self.has_established() && now >= self.round {
            self.walk = Some(0);
            self.round = now.plus(ROUND);
        }
        let Some(from) = self.walk else { return 0 };
        let (mut count, mut last) = (0, None);
        for (id, call) in self.by_number.range(from..).take(SLICE) {
            (count, last) = (count + 1, Some(*id));
            for question in questions(*id, call) {
                ask(call.worker, question);
            }
        }
        self.walk = last.map(|last| last + 1);
        count
    }

    /// What a worker has answered to one of these questions.
    pub(super) fn told(&mut self, call: u64, line: u8, figures: MediaFigures) {
        let line = self
            .by_number
            .get_mut(&call)
            .and_then(|call| call.lines.get_mut(usize::from(line)));
        if let Some(line) = line {
            line.told(figures);
        }
    }

    // --- helpers -----------------------------------------------------------

    fn has_established(&self) -> bool {
        self.unanswered.len() < self.by_number.len()
    }

    fn begin(&mut self, call: Call) -> u64 {
        let id = self.next;
        self.next += 1;
        self.index.insert(Arc::clone(&call.key), id);
        self.due.insert((call.deadline, id));
        self.unanswered.insert(id);
        self.by_number.insert(id, Box::new(call));
        id
    }

    fn remove(&mut self, id: u64) -> Option<Box<Call>> {
        let call = self.by_number.remove(&id)?;
        self.index.remove(&call.key);
        self.due.remove(&(call.deadline, id));
        self.unanswered.remove(&id);
        Some(call)
    }

    /// Forgets the oldest call that is not established; false if all are.
    fn make_room(&mut self, counters: &mut Counters) -> bool {
        let Some(call) = self
            .unanswered
            .first()
            .copied()
            .and_then(|id| self.remove(id))
        else {
            return false;
        };
        counters.bump(if call.state == CallState::Ended {
            Counter::CallEnded
        } else {
            Counter::CallDisplaced
        });
        true
    }

    fn close_doors(&mut self, call: &Call) {
        if call.group != 0 {
            self.closings.push(Closing {
                worker: call.worker,
                group: call.group,
            });
        }
    }
}

fn view(call: &Call, now: Nanos) -> CallView {
    let media = call.lines.iter().filter_map(|line| {
        let (inside, outside) = line.shown()?;
        Some(MediaView {
            inside: (inside.address, inside.port),
            outside: (outside.address, outside.port),
            kind: line.kind.name(),
        })
    });
    CallView {
        call_id: call.key.text.clone(),
        realm: call.key.realm,
        subscriber: call.subscriber,
        trunk: match call.key.owner {
            Owner::Trunk(trunk) => Some(trunk),
            Owner::Subscriber(_) => None,
        },
        state: call.state,
        media: media.collect(),
        age: now.since(call.since),
        expires: call.deadline.since(now),
        health: call.health(),
    }
}

/// What is asked after an established call: each line that should flow both ways.
fn questions(id: u64, call: &Call) -> impl Iterator<Item = MediaQuestion> {
    let is_established = call.state == CallState::Established;
    let lines = call.lines.iter().zip(0..).filter(move |_| is_established);
    lines.filter_map(move |(line, number)| {
        let (inside, outside, remote) = line.judged()?;
        let protocol = match line.transport {
            Transport::Udp => protocol::UDP,
            Transport::Tcp => protocol::TCP,
            Transport::Gre => protocol::GRE,
        };
        Some(MediaQuestion {
            call: id,
            line: number,
            key: FlowKey::new(
                inside.address,
                remote.address,
                inside.port,
                remote.port,
                protocol,
                call.key.realm,
            ),
            outside: (outside.address, outside.port),
            outside_realm: call.outside_realm,
        })
    })
}
