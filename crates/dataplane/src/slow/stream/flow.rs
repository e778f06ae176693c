//! One direction of a stream: what comes in on one side, and goes out on the other.
//!
//! ```text
//!   sender's numbers    | plain |        ours         | plain
//!                             start              intake.next, once handing over
//!   receiver's numbers  | plain |   rewritten         | plain, shifted
//! ```
//!
//! What is ours is acknowledged to the sender as soon as it is in order and everything before has
//! arrived, and delivered until the receiver acknowledges it. What is plain is the sender's care.

use base::{Nanos, Seq};
use nat::sequence::Handed;
use wire::tcp::CWR;

use super::delivery::Delivery;
use super::intake::Intake;
use super::parser::Limits;
use super::segment::Arrived;
use super::urgent::further;

#[derive(Debug)]
pub(super) struct Flow {
    start: Seq,
    start_offset: u32,
    pub(super) intake: Intake,
    pub(super) delivery: Delivery,
    /// No more becomes ours.
    pub(super) is_handing: bool,
    /// The parser has to be told something before it goes on.
    pub(super) is_waiting: bool,
    /// Behind what was passed on plain.
    plain: Seq,
    /// The sender asks whether the receiver is alive: its next acknowledgement is passed on.
    pub(super) is_probing: bool,
    /// Where urgent data end that were not all passed on, in the sender's numbers.
    pub(super) urgent: Option<Seq>,
    /// Bytes came marked; the sender is told so until it says that it has slowed down (RFC 3168
    /// section 6.1.3).
    pub(super) is_marked: bool,
}

impl Flow {
    /// Bytes are ours from `start` on; `offset` is added to numbers in front of it. The sender
    /// knows the receiver's window.
    pub(super) fn new(start: Seq, offset: u32, delivery: Delivery, limits: &Limits) -> Self {
        let window = delivery.right().beyond(start.plus(offset));
        let right = start.plus(window.min(narrow(limits.capacity)));
        Self {
            start,
            start_offset: offset,
            intake: Intake::new(start, right),
            delivery,
            is_handing: false,
            is_waiting: false,
            plain: start,
            is_probing: false,
            urgent: None,
            is_marked: false,
        }
    }

    /// Notes what a segment says besides its bytes.
    pub(super) fn note_signals(&mut self, segment: &Arrived<'_>, limits: &Limits) {
        if segment.len() > 0 {
            self.is_marked = segment.is_marked || self.is_marked && !segment.has(CWR);
        }
        let next = self.intake.next;
        if let Some(end) = segment.urgent()
            && !self.is_handing
            && end.beyond(self.intake.parsed()) > 0
            && segment.seq.beyond(next) <= self.room(limits)
        {
            self.urgent = Some(further(self.urgent, end));
        }
    }

    pub(super) fn held(&self) -> usize {
        self.intake.held() + self.delivery.held()
    }

    /// What is added to the numbers of bytes that are not passed on yet.
    pub(super) fn offset(&self) -> u32 {
        self.delivery.end().since(self.intake.parsed())
    }

    /// Whether the receiver lacks bytes from before ours.
    fn is_before_start(&self) -> bool {
        self.delivery
            .una()
            .is_before(self.start.plus(self.start_offset))
    }

    /// The number that the sender is told.
    pub(super) fn told(&self) -> Seq {
        let una = self.delivery.una();
        if self.is_before_start() {
            una.minus(self.start_offset)
        } else if self.is_handing && !una.is_before(self.delivery.end()) {
            una.minus(self.offset())
        } else {
            self.intake
                .next
                .plus(u32::from(self.delivery.is_fin_acknowledged()))
        }
    }

    /// Whether acknowledgements are the receiver's own.
    pub(super) fn is_plain(&self) -> bool {
        self.is_before_start() || self.is_handing && self.delivery.is_done()
    }

    /// Bytes that may be taken beyond those that are here.
    pub(super) fn room(&self, limits: &Limits) -> u32 {
        narrow(limits.capacity.saturating_sub(self.held()))
    }

    /// The window in bytes that the sender may have.
    fn window(&self, limits: &Limits) -> u32 {
        let (una, right) = (self.delivery.una(), self.delivery.right());
        if self.is_plain() {
            return right.beyond(una);
        }
        let end = self.delivery.end();
        if self.is_handing {
            return right.beyond(end);
        }
        let unparsed = narrow(self.intake.unparsed.len());
        let open = right.beyond(end);
        let mut window = open.saturating_sub(unparsed);
        if unparsed > 0 && open > 0 && self.delivery.is_done() {
            // The receiver waits for the rest of a message that is larger than its window.
            window = window.max(narrow(limits.max_message).saturating_sub(unparsed));
        }
        window.min(self.room(limits))
    }

    /// The window field that the sender is sent: its end never moves back, nor by little.
    pub(super) fn offer(&mut self, limits: &Limits, shift: u8) -> u16 {
        if self.is_plain() || self.is_handing {
            return field(self.window(limits) >> shift);
        }
        if let Some(wished) = self.wished(limits) {
            self.intake.right = wished;
        }
        field(self.intake.right.beyond(self.told()).div_ceil(1 << shift))
    }

    /// Whether the sender waits for a window that there is now.
    pub(super) fn wants_update(&self, limits: &Limits) -> bool {
        !self.is_plain() && !self.is_handing && self.wished(limits).is_some()
    }

    /// A new end of the sender's window that is worth telling (RFC 9293 section 3.8.6.2.2).
    fn wished(&self, limits: &Limits) -> Option<Seq> {
        let told = self.told();
        let left = self.intake.right.beyond(told);
        let wished = told.plus(self.window(limits));
        let gain = wished.beyond(self.intake.right);
        let step = narrow((limits.capacity / 2).min(usize::from(limits.mss)));
        // If the receiver has everything, it will not move by itself.
        let is_worth_it = gain >= step || left == 0 && gain > 0 && self.delivery.is_done();
        (left < 2 * step && is_worth_it).then_some(wished)
    }

    /// Passes on what is held as it is; from now on bytes are the sender's care.
    pub(super) fn hand_over(&mut self) {
        self.flush();
        self.intake.forget_ahead();
        if !self.intake.is_at_end() {
            self.is_handing = true;
            self.plain = self.intake.next;
        }
    }

    /// After the last byte nothing more can become whole.
    pub(super) fn flush_at_end(&mut self) {
        if self.intake.is_at_end() && !self.is_waiting {
            self.flush();
        }
    }

    /// Passes on what is held as it is.
    pub(super) fn flush(&mut self) {
        self.is_waiting = false;
        let len = self.intake.unparsed.len();
        let place = self.urgent.map(|place| place.since(self.intake.parsed()));
        if let Some(place) = place.filter(|place| *place <= narrow(len)) {
            self.delivery.urge(self.delivery.end().plus(place));
            self.urgent = None;
        }
        self.delivery.queue().push(self.intake.unparsed.as_slice());
        self.intake.unparsed.consume(len);
        if self.intake.is_at_end() {
            self.delivery.finish();
        }
    }

    /// Plain bytes up to here, in the sender's numbers, were passed on.
    pub(super) fn passed(&mut self, end: Seq, offset: u32) {
        self.plain = self.plain.later(end);
        self.delivery.passed(end.plus(offset));
    }

    /// First byte that is not ours any more, if there is one.
    pub(super) fn boundary(&self) -> Option<Seq> {
        self.is_handing.then_some(self.intake.next)
    }

    /// Bytes of a segment from `seq` on that lie before ours and the receiver lacks, and what is
    /// added to their numbers.
    pub(super) fn before_start(&self, seq: Seq) -> Option<(u32, u32)> {
        let count = self.start.beyond(seq);
        (count > 0 && self.is_before_start()).then_some((count, self.start_offset))
    }

    pub(super) fn handed(&self) -> Handed {
        Handed {
            from: self.intake.next.0,
            next: self.plain.later(self.intake.next).0,
            offset: self.offset(),
        }
    }

    /// When patience with the rest of a message ends.
    pub(super) fn patience_ends(&self, limits: &Limits) -> Option<Nanos> {
        (!self.intake.unparsed.is_empty()).then(|| self.intake.since.plus(limits.patience))
    }

    /// Whether a RST with this number is the sender's for certain.
    pub(super) fn expects(&self, seq: Seq) -> bool {
        let next = self.intake.next;
        seq == next
            || seq == self.plain.later(next)
            || seq == self.told()
            || self.intake.is_at_end() && seq == next.plus(1)
    }

    /// Forgets the bytes and keeps the numbers.
    pub(super) fn clear(&mut self) {
        self.flush();
        self.intake.forget_ahead();
        self.delivery.clear();
    }
}

fn field(window: u32) -> u16 {
    u16::try_from(window).unwrap_or(u16::MAX)
}

pub(super) fn narrow(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
