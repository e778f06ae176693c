//! One call: the states of its dialogs, as what passes between its ends tells them.
//!
//! ```text
//!   INVITE ──> calling ──1xx──> ringing ──2xx──> established ──BYE──> ended ──final──> gone
//!                 │                │                  ^                 ^ │
//!                 ├── 3xx .. 6xx ──┴──> gone          └── 2xx crosses ──┼─┘
//!                 └── CANCEL, BYE ──────────────────────────────────────┘
//! ```
//!
//! Whatever is not expected changes nothing. Several dialogs of one `Call-ID` (a forked INVITE)
//! are one call, which ends with the last of them.

use std::sync::Arc;

use appproto::sip::{Kind, Method};
use arrayvec::ArrayVec;
use base::{Direction, Nanos, Prefix};
use nat::Realm;

use super::health::Health;
use super::line::Line;
use crate::calls::{CallReport, LINES};

/// How long the other side has to say anything to an INVITE: Timer C (RFC 3261 section 16.6).
pub(super) const ANSWER: Nanos = Nanos::from_secs(180);

/// How long messages of an end may be repeated: 64 times T1 (RFC 3261 section 17).
pub(super) const LINGER: Nanos = Nanos::from_secs(32);

/// The shortest session timer (RFC 4028 section 4), and the longest that is believed.
const SESSION: (u32, u32) = (90, 86_400);

/// Dialogs of one call that are told apart.
const DIALOGS: usize = 4;

/// Where a call has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// Nobody has said anything but `100 Trying`.
    Calling,
    /// There are provisional answers.
    Ringing,
    /// Answered.
    Established,
    /// Given up or hung up; what is repeated still belongs to it.
    Ended,
}

impl CallState {
    /// As `show calls` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calling => "calling",
            Self::Ringing => "ringing",
            Self::Established => "established",
            Self::Ended => "ended",
        }
    }
}

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Subscriber(u32),
    Trunk(Prefix),
}

/// What a call is found by: two clients that use the same `Call-ID` have two calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) realm: Realm,
    pub(super) owner: Owner,
    pub(super) text: Box<[u8]>,
    digest: u64,
}

impl Key {
    pub(super) fn of(report: &CallReport) -> Self {
        Self {
            realm: report.realm,
            owner: match report.trunk {
                Some(trunk) => Owner::Trunk(trunk),
                None => Owner::Subscriber(report.subscriber),
            },
            text: report.call_id.text().into(),
            digest: report.call_id.digest(),
        }
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    Over,
}

/// An INVITE that begins a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Attempt {
    number: u32,
    direction: Direction,
}

impl Attempt {
    fn of(report: &CallReport) -> Self {
        Self {
            number: number(report),
            direction: report.direction,
        }
    }

    /// Whether a response is to it, or to a later one that was not heard of.
    fn is_answered_by(self, report: &CallReport) -> bool {
        report.direction != self.direction && number(report) >= self.number
    }
}

/// A call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) key: Arc<Key>,
    pub(super) worker: usize,
    pub(super) subscriber: u32,
    pub(super) outside_realm: Realm,
    pub(super) group: u32,
    pub(super) state: CallState,
    pub(super) since: Nanos,
    pub(super) deadline: Nanos,
    attempt: Attempt,
    /// It has been established.
    answered: bool,
    /// Dialogs that are, and those that were.
    dialogs: ArrayVec<u64, DIALOGS>,
    gone: ArrayVec<u64, DIALOGS>,
    /// When the session timer runs out, if there is one.
    session: Option<Nanos>,
    pub(super) lines: ArrayVec<Line, LINES>,
}

impl Call {
    /// Begins with an INVITE.
    pub(super) fn new(key: Arc<Key>, worker: usize, report: &CallReport, now: Nanos) -> Self {
        Self {
            key,
            worker,
            subscriber: report.subscriber,
            outside_realm: report.outside_realm,
            group: report.group,
            state: CallState::Calling,
            since: now,
            deadline: now,
            attempt: Attempt::of(report),
            answered: false,
            dialogs: ArrayVec::new(),
            gone: ArrayVec::new(),
            session: None,
            lines: ArrayVec::new(),
        }
    }

    /// Goes on by a message.
    pub(super) fn hear(&mut self, report: &CallReport, now: Nanos) -> Fate {
        let before = self.state;
        let fate = match report.kind {
            Kind::Request(method) => {
                self.request(method, report);
                Fate::Stays
            }
            Kind::Response(code) => self.response(code, report, now),
        };
        if self.state != CallState::Ended {
            if report.group != 0 {
                self.group = report.group;
            }
            if report.has_sdp {
                self.media(report);
            }
        }
        self.deadline = match self.state {
            CallState::Calling => now.plus(ANSWER.min(report.timeout)),
            CallState::Ringing => now.plus(report.timeout),
            CallState::Established => self.session.unwrap_or_else(|| now.plus(report.timeout)),
            CallState::Ended if before == CallState::Ended => self.deadline,
            CallState::Ended => now.plus(LINGER),
        };
        fate
    }

    fn request(&mut self, method: Method, report: &CallReport) {
        let attempt = Attempt::of(report);
        match (method, self.state) {
            (Method::Invite, CallState::Calling | CallState::Ringing)
                if attempt.direction != self.attempt.direction
                    || attempt.number > self.attempt.number =>
            {
                self.attempt = attempt;
            }
            // Tried anew; what is repeated of the attempt that ended is not.
            (Method::Invite, CallState::Ended)
                if report.dialog.is_none() && attempt != self.attempt =>
            {
                self.state = CallState::Calling;
                self.attempt = attempt;
                self.answered = false;
                self.session = None;
                self.dialogs.clear();
                self.gone.clear();
                self.lines.clear();
            }
            // Not of an INVITE within a dialog: then the call stays (RFC 3261 section 14.1).
            (Method::Cancel, CallState::Calling | CallState::Ringing)
                if attempt == self.attempt =>
            {
                self.state = CallState::Ended;
            }
            (Method::Bye, _) => self.end_dialog(report.dialog),
            _ => {}
        }
    }

    fn response(&mut self, code: u16, report: &CallReport, now: Nanos) -> Fate {
        match (report.cseq.map(|(_, method)| method), code) {
            (Some(Method::Invite), 101..=199)
                if self.state == CallState::Calling && self.attempt.is_answered_by(report) =>
            {
                self.state = CallState::Ringing;
            }
            (Some(Method::Invite), 200..=299) => self.answer(report, now),
            (Some(Method::Update), 200..=299) => self.refresh(report, now),
            (Some(Method::Invite), 300..)
                if !self.answered && self.attempt.is_answered_by(report) =>
            {
                return Fate::Over;
            }
            // The other side knows nothing of it (RFC 3261 section 12.2.1.2).
            (Some(Method::Invite | Method::Update), 481) if self.answered => {
                let first = report.direction != self.attempt.direction
                    && number(report) == self.attempt.number;
                if !first {
                    self.end_dialog(report.dialog);
                }
            }
            // With credentials it comes again.
            (Some(Method::Bye), 401 | 407) => {}
            (Some(Method::Bye), 200..) if self.state == CallState::Ended => return Fate::Over,
            _ => {}
        }
        Fate::Stays
    }

    /// Somebody takes the call, a second one perhaps, or goes on with it.
    fn answer(&mut self, report: &CallReport, now: Nanos) {
        let is_taken = match self.state {
            CallState::Calling | CallState::Ringing => self.attempt.is_answered_by(report),
            CallState::Established => true,
            // It crosses with what gave the call up (RFC 3261 section 9.1).
            CallState::Ended => !self.answered && self.attempt.is_answered_by(report),
        };
        let was_hung_up = report
            .dialog
            .is_some_and(|dialog| self.gone.contains(&dialog));
        if !is_taken || was_hung_up {
            return;
        }
        self.state = CallState::Established;
        self.answered = true;
        if let Some(dialog) = report.dialog
            && !self.dialogs.contains(&dialog)
        {
            // One too many ends with the others.
            let _ = self.dialogs.try_push(dialog);
        }
        self.refresh(report, now);
    }

    /// A session timer is agreed upon, or that there is none (RFC 4028 section 9).
    fn refresh(&mut self, report: &CallReport, now: Nanos) {
        if self.state == CallState::Established {
            let (least, most) = SESSION;
            self.session = report.session_expires.map(|secs| {
                now.plus(Nanos::from_secs(u64::from(secs.clamp(least, most))))
                    .plus(LINGER)
            });
        }
    }

    /// One of the dialogs is over; the call with the last of them.
    fn end_dialog(&mut self, dialog: Option<u64>) {
        if self.state == CallState::Established
            && let Some(dialog) = dialog
            && !self.dialogs.is_empty()
        {
            let Some(place) = self.dialogs.iter().position(|known| *known == dialog) else {
                return;
            };
            self.dialogs.remove(place);
            let _ = self.gone.try_push(dialog);
            if !self.dialogs.is_empty() {
                return;
            }
        }
        self.state = CallState::Ended;
    }

    /// All lines of an offer or answer, in their places.
    fn media(&mut self, report: &CallReport) {
        self.lines.truncate(report.media.len());
        for (place, media) in report.media.iter().enumerate() {
            if place == self.lines.len() && self.lines.try_push(Line::new(media)).is_err() {
                return;
            }
            if let Some(line) = self.lines.get_mut(place) {
                line.hear(report.direction, media);
            }
        }
    }

    /// The worst of its lines.
    pub(super) fn health(&self) -> Health {
        let lines = self.lines.iter().map(Line::health);
        lines.max().unwrap_or_default()
    }
}

fn number(report: &CallReport) -> u32 {
    report.cseq.map_or(0, |(number, _)| number)
}
