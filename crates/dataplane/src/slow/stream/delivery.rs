//! The side of a direction that faces its receiver: sends what it is given until it is
//! acknowledged.
//!
//! ```text
//!   una <= base            next             end
//!          |--- in flight ---|--- to send ---|  FIN
//!          '------------- queue -------------'
//!   right: end of the receiver's window      furthest: behind all that was ever sent
//! ```
//!
//! `una` lies before `base` while the receiver has not acknowledged what others sent before, and
//! behind `end` once others have sent more. Loss is repaired as by any sender: after three
//! duplicates or a timeout (RFC 5681, RFC 6582, RFC 6298); a closed window is probed (RFC 9293
//! section 3.8.6.1).

use base::{Nanos, Seq};
use wire::tcp::{CWR, FIN};

use super::ahead;
use super::buffer::Buffer;
use super::parser::Outlet;
use super::segment::Facing;
use super::timer::Timeout;
use super::urgent::further;

/// Segments sent before anything is known (RFC 6928).
const INITIAL_WINDOW: u32 = 10;

/// Timeouts in a row after which the receiver is given up (RFC 9293 section 3.8.3).
const MAX_ATTEMPTS: u32 = 15;

/// What an acknowledgement said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// What was never sent.
    Impossible,
    /// Less than others did.
    Old,
    /// What was known.
    Same,
    /// Something new.
    New,
}

/// What came of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// Nothing yet, or something is sent again.
    On,
    /// Too long.
    InVain,
}

/// What a receiver is sent, in its numbers.
#[derive(Debug)]
pub(super) struct Delivery {
    base: Seq,
    queue: Buffer,
    next: Seq,
    furthest: Seq,
    /// The same with probes of a closed window.
    probed: Seq,
    una: Seq,
    right: Seq,
    /// Sequence number of the segment that the window is from (SND.WL1).
    window_from: Seq,
    /// The stream ends with the queue.
    fin: bool,
    mss: u32,
    congestion: u32,
    threshold: u32,
    timeout: Timeout,
    deadline: Option<Nanos>,
    attempts: u32,
    /// What is measured: its end, and when it was sent.
    timed: Option<(Seq, Nanos)>,
    duplicates: u8,
    /// What was in flight when something was lost.
    recover: Option<Seq>,
    send_again: bool,
    send_probe: bool,
    /// Where urgent data end.
    urgent: Option<Seq>,
    /// The receiver has said that what it got was marked, and will be told that this has
    /// slowed down (RFC 3168 section 6.1.2).
    has_slowed: bool,
    /// Not again before this has arrived.
    slowed_at: Option<Seq>,
}

impl Delivery {
    /// From `base` on; the receiver has acknowledged `una` and takes what is before `right`.
    pub(super) fn new(base: Seq, una: Seq, right: Seq, window_from: Seq, mss: u32) -> Self {
        Self {
            base,
            queue: Buffer::default(),
            next: base,
            furthest: base,
            probed: base,
            una,
            right,
            window_from,
            fin: false,
            mss,
            congestion: INITIAL_WINDOW * mss,
            threshold: u32::MAX >> 2,
            timeout: Timeout::new(),
            deadline: None,
            attempts: 0,
            timed: None,
            duplicates: 0,
            recover: None,
            send_again: false,
            send_probe: false,
            urgent: None,
            has_slowed: false,
            slowed_at: None,
        }
    }

    pub(super) fn held(&self) -> usize {
        self.queue.len()
    }

    pub(super) const fn una(&self) -> Seq {
        self.una
    }

    pub(super) const fn right(&self) -> Seq {
        self.right
    }

    pub(super) const fn furthest(&self) -> Seq {
        self.furthest
    }

    pub(super) const fn deadline(&self) -> Option<Nanos> {
        self.deadline
    }

    pub(super) const fn queue(&mut self) -> &mut Buffer {
        &mut self.queue
    }

    /// Behind the last byte of the queue.
    pub(super) fn end(&self) -> Seq {
        self.base.plus(ahead::len(self.queue.as_slice()))
    }

    /// Urgent data end there.
    pub(super) fn urge(&mut self, end: Seq) {
        self.urgent = Some(further(self.urgent, end));
    }

    /// The receiver has got something that was marked on its way: as if it had been lost, once a
    /// window.
    pub(super) fn congested(&mut self) {
        if self.has_slowed || self.slowed_at.is_some_and(|end| self.una.is_before(end)) {
            return;
        }
        self.shrink();
        self.congestion = self.congestion.min(self.threshold);
        self.has_slowed = true;
        self.slowed_at = Some(self.furthest);
    }

    /// There are no more bytes to come.
    pub(super) const fn finish(&mut self) {
        self.fin = true;
    }

    pub(super) fn is_fin_acknowledged(&self) -> bool {
        self.fin && self.end().is_before(self.una)
    }

    /// Whether the receiver has everything.
    pub(super) fn is_done(&self) -> bool {
        !self.una.is_before(self.end().plus(u32::from(self.fin)))
    }

    /// Forgets the bytes; what comes behind them stays where it is.
    pub(super) fn clear(&mut self) {
        self.base = self.end();
        self.queue = Buffer::default();
        self.deadline = None;
    }

    /// Somebody else has sent up to here.
    pub(super) const fn passed(&mut self, end: Seq) {
        self.furthest = self.furthest.later(end);
        self.probed = self.probed.later(end);
    }

    /// The first byte that the receiver may lack.
    const fn front(&self) -> Seq {
        self.una.later(self.base)
    }

    fn in_flight(&self) -> u32 {
        self.next.beyond(self.front())
    }

    /// Notes an acknowledgement that came with sequence number `seq`, and the end of the window.
    pub(super) fn acked(
        &mut self,
        ack: Seq,
        window: u32,
        seq: Seq,
        is_bare: bool,
        now: Nanos,
    ) -> Heard {
        if self.probed.is_before(ack) {
            return Heard::Impossible;
        }
        if ack.is_before(self.una) {
            return Heard::Old;
        }
        let right = ack.plus(window);
        let is_same_window = right == self.right;
        // What acknowledges more was sent later than all that was heard of, even if a sender that
        // has gone back to what is lost says so with a lower number.
        if self.una.is_before(ack) || !seq.is_before(self.window_from) {
            self.window_from = seq;
            let was_closed = self.is_closed();
            self.right = right;
            if was_closed {
                // It is alive, however long it keeps the window closed.
                self.attempts = 0;
                if !self.is_closed() {
                    self.timeout.relax();
                    self.deadline = None;
                }
            }
        }
        if ack == self.una {
            if is_bare && is_same_window && self.in_flight() > 0 {
                self.duplicates = self.duplicates.saturating_add(1);
                if self.duplicates == 3 && self.recover.is_none() {
                    self.shrink();
                    self.congestion = self.threshold;
                    self.recover = Some(self.furthest);
                    self.send_again = true;
                }
            }
            return Heard::Same;
        }
        self.advance(ack, now);
        Heard::New
    }

    fn advance(&mut self, ack: Seq, now: Nanos) {
        let acked = ack.beyond(self.front());
        self.una = ack;
        let gone = ack.beyond(self.base).min(ahead::len(self.queue.as_slice()));
        self.queue.consume(gone as usize);
        self.base = self.base.plus(gone);
        let last = self.end().plus(u32::from(self.fin));
        self.next = self.next.later(ack.earlier(last));
        self.furthest = self.furthest.later(self.next);
        if let Some((end, sent)) = self.timed
            && !ack.is_before(end)
        {
            self.timeout.measured(now.since(sent));
            self.timed = None;
        }
        self.urgent = self.urgent.filter(|end| ack.is_before(*end));
        self.slowed_at = self.slowed_at.filter(|end| ack.is_before(*end));
        self.timeout.relax();
        self.attempts = 0;
        self.duplicates = 0;
        self.deadline = None;
        match self.recover {
            Some(point) if ack.is_before(point) => self.send_again = self.in_flight() > 0,
            Some(_) => self.recover = None,
            None => {
                let growth = if self.congestion < self.threshold {
                    acked.min(self.mss)
                } else {
                    (self.mss * self.mss / self.congestion).max(1)
                };
                self.congestion = self.congestion.saturating_add(growth).min(1 << 24);
            }
        }
    }

    fn shrink(&mut self) {
        self.threshold = (self.in_flight() / 2).max(2 * self.mss);
        // What is sent again tells nothing about the time (RFC 6298 section 3).
        self.timed = None;
    }

    fn is_closed(&self) -> bool {
        self.right.beyond(self.front()) == 0
    }

    /// Whether something was waited for long enough.
    pub(super) fn timeout(&mut self, now: Nanos) -> Waited {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Waited::On;
        }
        self.deadline = None;
        self.attempts += 1;
        if self.attempts > MAX_ATTEMPTS {
            return Waited::InVain;
        }
        self.timeout.back_off();
        if self.in_flight() > 0 {
            self.shrink();
            self.congestion = self.mss;
            self.recover = None;
            self.duplicates = 0;
            self.next = self.front().earlier(self.end());
        }
        self.send_probe = self.right.beyond(self.next) == 0;
        Waited::On
    }

    /// Sends what may be sent; answers how many segments.
    pub(super) fn send(&mut self, facing: &Facing, now: Nanos, outlet: &mut impl Outlet) -> usize {
        let mut sent = 0;
        if core::mem::take(&mut self.send_again) && self.in_flight() > 0 {
            let len = self.in_flight().min(self.mss);
            sent += usize::from(self.emit(self.front(), len, facing, outlet));
        }
        if core::mem::take(&mut self.send_probe) && self.emit(self.next, 1, facing, outlet) {
            let end = self.next.plus(1 + u32::from(self.fin));
            self.probed = self.probed.later(end);
            sent += 1;
        }
        while let Some(len) = self.next_len() {
            let begin = self.next;
            if !self.emit(begin, len, facing, outlet) {
                break;
            }
            sent += 1;
            // What is new has said so.
            self.has_slowed &= begin != self.furthest || len == 0;
            self.next = begin.plus(len);
            if self.fin && self.next == self.end() {
                self.next = self.next.plus(1);
            }
            if begin == self.furthest && self.timed.is_none() {
                self.timed = Some((self.next, now));
            }
            self.passed(self.next);
        }
        let is_waiting = self.in_flight() > 0 || self.end().beyond(self.next) > 0;
        if is_waiting && self.deadline.is_none() {
            self.deadline = Some(now.plus(self.timeout.get()));
        }
        sent
    }

    /// Payload of the next segment, which may be none if it is the FIN.
    fn next_len(&self) -> Option<u32> {
        let left = self.end().beyond(self.next);
        if left == 0 {
            return (self.fin && self.next == self.end()).then_some(0);
        }
        let edge = self.right.earlier(self.front().plus(self.congestion));
        let len = left.min(self.mss).min(edge.beyond(self.next));
        // No dribbling into a window that opens slowly (RFC 9293 section 3.8.6.2.1).
        let is_worth_it = len == left || len == self.mss || self.in_flight() == 0;
        (len > 0 && is_worth_it).then_some(len)
    }

    /// Sends `len` bytes at most from `begin` on, and the FIN if they are the last.
    fn emit(&self, begin: Seq, len: u32, facing: &Facing, outlet: &mut impl Outlet) -> bool {
        let Some(rest) = self.queue.as_slice().get(begin.since(self.base) as usize..) else {
            return false;
        };
        let payload = rest.get(..len as usize).unwrap_or(rest);
        let is_last = self.fin && payload.len() == rest.len();
        if payload.is_empty() && !is_last {
            return false;
        }
        let is_new = begin == self.furthest && !payload.is_empty();
        let slowed = if self.has_slowed && is_new { CWR } else { 0 };
        let flags = slowed | if is_last { FIN } else { 0 };
        let segment = facing.segment(begin, flags, payload);
        outlet.emit(&segment.with_urgent(self.urgent));
        true
    }
}
