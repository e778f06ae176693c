//! A TCP connection seen from the middle, whose messages are read and written anew (vTCP).
//!
//! ```text
//!            Intake                    Parser                Delivery
//!  sender -----------> in order ----------------> rewritten ----------> receiver
//!         <----------- acknowledged                         <-----------
//!            as the receiver                             as the sender
//! ```
//!
//! Handshakes pass as they are. From then on each side of a `Flow` is a TCP of its own: bytes of
//! a message that is not complete are held and acknowledged, within the window that the receiver
//! has; whole messages are sent on until the receiver acknowledges them. Urgent data end where
//! their sender says, and marks of ECN are answered on the side that they come from. A FIN follows
//! the last byte and is acknowledged when the receiver has done so. A RST passes at once. What is
//! not the protocol, too long, or more than there is memory for, ends the gateway and not the
//! connection: what is held is delivered, new bytes pass with their numbers shifted, and once
//! nothing is left the stream [is over](Stream::is_over) and [hands](Stream::handed) the numbers to
//! the translator.
//!
//! The slow path owns it. No clock is read, and what it holds is bounded by [`Limits`] and
//! [`Memory`]. Segments reach it in the receiver's realm: addresses and ports are somebody
//! else's.

mod ahead;
mod buffer;
mod delivery;
mod flow;
mod intake;
mod memory;
mod parser;
mod segment;
mod timer;
mod urgent;

use base::{Direction, Nanos, Seq};
use nat::sequence::Handed;
use wire::tcp::{ACK, ECE, FIN, RST, SYN};

pub use memory::Memory;
pub use parser::{Around, Framed, Limits, Outlet, Parser};
pub use segment::{Arrived, Blocks, Emitted, MAX_HEADER, Options};

use delivery::{Delivery, Heard, Waited};
use flow::Flow;
use segment::Facing;

/// What a host takes that does not say (RFC 9293 section 3.7.1).
const DEFAULT_MSS: u16 = 536;

/// Bytes that time stamps take of a segment.
const TIMESTAMPS_LEN: u16 = 12;

/// What becomes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was read; what had to be sent was emitted.
    Taken,
    /// It goes on as it came.
    Pass,
    /// It goes on without its payload, which the sender will send again (RFC 7413 section 3).
    PassEmpty,
    /// The stream is over: the translator has it.
    Over,
}

/// Why a stream lets go of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The parser says that this is not its protocol, or that it has seen enough.
    Released,
    /// A message is longer than the limit.
    TooLong,
    /// The rest of a message did not come.
    Patience,
    /// All streams hold as much as they may.
    Memory,
    /// The hosts sign their segments.
    Signed,
    /// Both directions are closed.
    Closed,
    /// One side has reset the connection.
    Reset,
    /// A receiver did not answer; both sides have been sent a reset.
    Unanswered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening,
    Open,
    Over,
}

/// One thing for each direction.
#[derive(Clone, Copy, Debug, Default)]
struct Pair<T> {
    outbound: T,
    inbound: T,
}

impl Cause {
    /// In words, for an event.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Released => "nothing that a gateway can read",
            Self::TooLong => "a message is too long",
            Self::Patience => "the rest of a message did not come",
            Self::Memory => "no memory for more",
            Self::Signed => "its segments are signed",
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::Unanswered => "a receiver did not answer",
        }
    }
}

impl<T> Pair<T> {
    const fn of(&self, direction: Direction) -> &T {
        match direction {
            Direction::Outbound => &self.outbound,
            Direction::Inbound => &self.inbound,
        }
    }

    const fn of_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::Outbound => &mut self.outbound,
            Direction::Inbound => &mut self.inbound,
        }
    }
}

const BOTH: [Direction; 2] = [Direction::Outbound, Direction::Inbound];

/// What a host has said of itself in its SYN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Options of the SYN.
    pub options: Options,
    /// Its last time stamp.
    pub clock: u32,
}

/// Where one direction of a connection is that has begun without us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Next byte of the sender; nothing from it on has been sent on.
    pub next: Seq,
    /// What was added so far to the sender's numbers.
    pub offset: u32,
    /// Acknowledged by the receiver, in its numbers.
    pub acknowledged: Seq,
    /// The receiver's window from there, in bytes.
    pub window: u32,
}

/// The SYN of a host.
#[derive(Clone, Copy, Debug)]
struct Syn {
    first: Seq,
    window: u16,
}

/// One connection.
#[derive(Debug)]
pub struct Stream {
    phase: Phase,
    cause: Option<Cause>,
    limits: Limits,
    /// By the direction in which the host sends.
    hosts: Pair<Host>,
    syns: Pair<Option<Syn>>,
    /// A SYN on an open connection, not answered yet.
    reopening: Option<(Direction, Syn, Host)>,
    flows: Option<Box<Pair<Flow>>>,
    /// Counted in [`Memory`].
    held: usize,
}

/// Which directions must have a segment now, if only an acknowledgement.
type Needed = Pair<bool>;

impl Stream {
    /// A connection that is about to begin: the first segment is its SYN.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            phase: Phase::Opening,
            cause: None,
            limits,
            hosts: Pair::default(),
            syns: Pair::default(),
            reopening: None,
            flows: None,
            held: 0,
        }
    }

    /// A connection that has begun without us; outbound first.
    #[must_use]
    pub fn pick_up(limits: Limits, hosts: [Host; 2], begun: [Begun; 2]) -> Self {
        let mut stream = Self::new(limits);
        let [outbound, inbound] = hosts;
        stream.hosts = Pair { outbound, inbound };
        let [outbound, inbound] = begun;
        let flow = |stream: &Self, direction, begun: Begun, other: Begun| {
            let delivery = Delivery::new(
                begun.next.plus(begun.offset),
                begun.acknowledged,
                begun.acknowledged.plus(begun.window),
                other.next,
                stream.mss(direction),
            );
            Flow::new(begun.next, begun.offset, delivery, &limits)
        };
        stream.flows = Some(Box::new(Pair {
            outbound: flow(&stream, Direction::Outbound, outbound, inbound),
            inbound: flow(&stream, Direction::Inbound, inbound, outbound),
        }));
        stream.phase = Phase::Open;
        stream
    }

    /// Whether it has let go: segments are the translator's.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Why it lets go, if it does.
    #[must_use]
    pub const fn cause(&self) -> Option<Cause> {
        self.cause
    }

    /// Bytes it holds.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    /// What the translator has to know to go on, outbound first; `None` if no number differs
    /// because the connection never opened.
    #[must_use]
    pub fn handed(&self) -> Option<[Handed; 2]> {
        let flows = self.flows.as_ref()?;
        Some([flows.outbound.handed(), flows.inbound.handed()])
    }

    /// When [`due`](Self::due) has something to do.
    #[must_use]
    pub fn next_due(&self) -> Option<Nanos> {
        let flows = self.flows.as_ref().filter(|_| !self.is_over())?;
        [&flows.outbound, &flows.inbound]
            .into_iter()
            .flat_map(|flow| [flow.delivery.deadline(), flow.patience_ends(&self.limits)])
            .flatten()
            .min()
    }

    /// The connection is gone.
    pub fn close(&mut self, memory: &mut Memory) {
        self.end(None);
        self.account(memory);
    }

    /// Takes a segment.
    pub fn arrived<P: Parser, O: Outlet>(
        &mut self,
        segment: &Arrived<'_>,
        around: &mut Around<'_, P, O>,
    ) -> Fate {
        if self.is_over() {
            return Fate::Over;
        }
        if segment.has(SYN) {
            let fate = self.syn(segment);
            self.account(around.memory);
            return fate;
        }
        let Some(mut flows) = self.flows.take() else {
            // A handshake that we have not seen the whole of.
            if segment.has(RST) {
                self.end(Some(Cause::Reset));
            }
            return Fate::Pass;
        };
        self.note_clock(segment);
        let mut needed = Needed::default();
        if segment.has(RST) {
            self.reset(&mut flows, segment, around);
        } else {
            if segment.has(ACK) {
                self.acknowledgement(&mut flows, segment, &mut needed, around.now);
            }
            self.payload(&mut flows, segment, &mut needed, around);
        }
        self.settle(flows, needed, around);
        Fate::Taken
    }

    /// Does what is due.
    pub fn due<P: Parser, O: Outlet>(&mut self, around: &mut Around<'_, P, O>) {
        if self.is_over() {
            return;
        }
        let Some(mut flows) = self.flows.take() else {
            return;
        };
        for direction in BOTH {
            let flow = flows.of_mut(direction);
            if flow
                .patience_ends(&self.limits)
                .is_some_and(|end| end <= around.now)
            {
                self.release(&mut flows, Cause::Patience);
            }
            if flows.of_mut(direction).delivery.timeout(around.now) == Waited::InVain {
                self.give_up(&mut flows, around.outlet);
                break;
            }
        }
        self.settle(flows, Needed::default(), around);
    }

    /// What the parser waited for in a direction has come.
    pub fn answered<P: Parser, O: Outlet>(
        &mut self,
        direction: Direction,
        around: &mut Around<'_, P, O>,
    ) {
        if self.is_over() {
            return;
        }
        let Some(mut flows) = self.flows.take() else {
            return;
        };
        if !flows.of(direction).is_handing {
            self.parse(&mut flows, direction, around.parser);
            flows.of_mut(direction).flush_at_end();
        }
        self.settle(flows, Needed::default(), around);
    }

    /// Whether it waits for bytes: those of a message that is not whole, or some that were lost.
    #[must_use]
    pub fn is_lacking(&self) -> bool {
        self.flows.as_ref().is_some_and(|flows| {
            BOTH.into_iter()
                .map(|direction| flows.of(direction))
                .any(|flow| flow.intake.held() > 0 && !flow.is_waiting)
        })
    }

    /// Whether nothing is held and receivers have everything: it may be let go at once.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.held == 0
            && self.reopening.is_none()
            && self.flows.as_ref().is_some_and(|flows| {
                BOTH.into_iter()
                    .all(|direction| flows.of(direction).delivery.is_done())
            })
    }

    /// Lets go of the connection as soon as nothing is held.
    pub fn let_go<P: Parser, O: Outlet>(&mut self, around: &mut Around<'_, P, O>) {
        if self.is_over() {
            return;
        }
        let Some(mut flows) = self.flows.take() else {
            self.end(Some(Cause::Released));
            return;
        };
        self.release(&mut flows, Cause::Released);
        self.settle(flows, Needed::default(), around);
    }

    fn account(&mut self, memory: &mut Memory) {
        let held = self
            .flows
            .as_ref()
            .map_or(0, |flows| flows.outbound.held() + flows.inbound.held());
        memory.change(self.held, held);
        self.held = held;
    }

    fn end(&mut self, cause: Option<Cause>) {
        self.phase = Phase::Over;
        self.cause = self.cause.or(cause);
        if let Some(flows) = &mut self.flows {
            flows.outbound.clear();
            flows.inbound.clear();
        }
    }

    /// A handshake, or its repetition.
    fn syn(&mut self, segment: &Arrived<'_>) -> Fate {
        let direction = segment.direction;
        if segment.options.is_signed {
            self.end(Some(Cause::Signed));
            return Fate::Over;
        }
        let syn = Syn {
            first: segment.seq,
            window: segment.window,
        };
        let host = Host {
            options: segment.options,
            clock: segment.options.timestamps.map_or(0, |(value, _)| value),
        };
        if let Some(flows) = &mut self.flows {
            let known = self.syns.of(direction).map(|syn| syn.first);
            if known == Some(segment.seq) {
                // Its answer has been lost: the next one is passed on.
                flows.of_mut(direction).is_probing = true;
            } else if !segment.has(ACK) {
                self.reopening = Some((direction, syn, host));
            } else if let Some((asker, question, asking)) = self.reopening
                && asker == direction.opposite()
                && segment.ack == question.first.plus(1)
            {
                self.flows = None;
                self.cause = None;
                *self.hosts.of_mut(asker) = asking;
                *self.syns.of_mut(asker) = Some(question);
                self.note_syn(direction, syn, host, Some(segment.ack));
            }
        } else {
            self.note_syn(
                direction,
                syn,
                host,
                segment.has(ACK).then_some(segment.ack),
            );
        }
        if segment.payload.is_empty() {
            Fate::Pass
        } else {
            Fate::PassEmpty
        }
    }

    fn note_syn(&mut self, direction: Direction, syn: Syn, host: Host, ack: Option<Seq>) {
        *self.hosts.of_mut(direction) = host;
        *self.syns.of_mut(direction) = Some(syn);
        let other = direction.opposite();
        let Some(first) = *self.syns.of(other) else {
            return;
        };
        self.reopening = None;
        self.phase = Phase::Open;
        let flow = |stream: &Self, direction, syn: Syn, answer: Syn, is_acked: bool| {
            let start = syn.first.plus(1);
            let right = start.plus(u32::from(answer.window));
            let una = if is_acked { start } else { syn.first };
            let delivery = Delivery::new(start, una, right, answer.first, stream.mss(direction));
            Flow::new(start, 0, delivery, &stream.limits)
        };
        let mine = flow(self, direction, syn, first, false);
        let theirs = flow(self, other, first, syn, ack == Some(first.first.plus(1)));
        self.flows = Some(Box::new(match direction {
            Direction::Outbound => Pair {
                outbound: mine,
                inbound: theirs,
            },
            Direction::Inbound => Pair {
                outbound: theirs,
                inbound: mine,
            },
        }));
    }

    /// How much a segment in a direction may carry.
    fn mss(&self, direction: Direction) -> u32 {
        let theirs = self.hosts.of(direction.opposite()).options.mss;
        let mss = theirs.unwrap_or(DEFAULT_MSS).max(64).min(self.limits.mss);
        let stamps = if self.has_timestamps() {
            TIMESTAMPS_LEN
        } else {
            0
        };
        u32::from(mss.saturating_sub(stamps).max(1))
    }

    fn agreed(&self, has: impl Fn(&Options) -> bool) -> bool {
        has(&self.hosts.outbound.options) && has(&self.hosts.inbound.options)
    }

    fn has_timestamps(&self) -> bool {
        self.agreed(|options| options.timestamps.is_some())
    }

    /// By how much the windows that a host sends are scaled.
    fn shift(&self, direction: Direction) -> u8 {
        if self.agreed(|options| options.window_scale.is_some()) {
            let options = self.hosts.of(direction).options;
            options.window_scale.unwrap_or_default()
        } else {
            0
        }
    }

    fn note_clock(&mut self, segment: &Arrived<'_>) {
        if let Some((value, _)) = segment.options.timestamps {
            let clock = &mut self.hosts.of_mut(segment.direction).clock;
            *clock = Seq(*clock).later(Seq(value)).0;
        }
    }

    /// What goes with every segment in a direction.
    fn facing(&self, flows: &mut Pair<Flow>, direction: Direction) -> Facing {
        let shift = self.shift(direction);
        let back = flows.of_mut(direction.opposite());
        let window = back.offer(&self.limits, shift);
        let clock = |direction| self.hosts.of(direction).clock;
        let is_selective = self.agreed(|options| options.sack_permitted) && !back.is_plain();
        Facing {
            direction,
            ack: back.told(),
            window,
            is_marked: back.is_marked,
            timestamps: self
                .has_timestamps()
                .then(|| (clock(direction), clock(direction.opposite()))),
            blocks: if is_selective {
                back.intake.blocks()
            } else {
                Blocks::new()
            },
        }
    }

    /// A RST passes at once; one that does not hit exactly is left to the receiver to judge
    /// (RFC 5961 section 3.2).
    fn reset<P, O: Outlet>(
        &mut self,
        flows: &mut Pair<Flow>,
        segment: &Arrived<'_>,
        around: &mut Around<'_, P, O>,
    ) {
        let facing = self.facing(flows, segment.direction);
        let flow = flows.of_mut(segment.direction);
        let next = flow.intake.next;
        let is_exact = flow.expects(segment.seq);
        let ahead = segment.seq.beyond(next);
        let is_near = ahead > 0 && ahead <= flow.room(&self.limits) || flow.is_handing;
        let seq = if is_exact {
            flow.delivery.furthest()
        } else if is_near {
            segment.seq.plus(flow.offset())
        } else {
            return;
        };
        around.outlet.emit(&facing.segment(seq, RST, &[]));
        // What the receiver asks back has to reach the sender.
        flow.is_probing = true;
        if is_exact {
            self.phase = Phase::Over;
            self.cause = self.cause.or(Some(Cause::Reset));
        }
    }

    /// Nobody answers: both hosts learn that bytes are lost.
    fn give_up(&mut self, flows: &mut Pair<Flow>, outlet: &mut impl Outlet) {
        for direction in BOTH {
            let facing = self.facing(flows, direction);
            let seq = flows.of(direction).delivery.furthest();
            outlet.emit(&facing.segment(seq, RST, &[]));
        }
        self.phase = Phase::Over;
        self.cause = Some(Cause::Unanswered);
    }

    fn acknowledgement(
        &mut self,
        flows: &mut Pair<Flow>,
        segment: &Arrived<'_>,
        needed: &mut Needed,
        now: Nanos,
    ) {
        let back = segment.direction.opposite();
        let window = u32::from(segment.window) << self.shift(segment.direction);
        let is_bare = segment.payload.is_empty() && !segment.has(FIN);
        let is_reopening = self.reopening.is_some_and(|(asker, ..)| asker == back);
        let flow = flows.of_mut(back);
        let told = flow.told();
        let heard = flow
            .delivery
            .acked(segment.ack, window, segment.seq, is_bare, now);
        if segment.has(ECE) && matches!(heard, Heard::Same | Heard::New) {
            flow.delivery.congested();
        }
        match heard {
            Heard::Impossible => *needed.of_mut(back) = true,
            Heard::Old => {}
            Heard::Same | Heard::New => {
                let is_asked_for = core::mem::take(&mut flow.is_probing) || is_reopening;
                if flow.told() != told || is_asked_for || is_bare && flow.is_plain() {
                    *needed.of_mut(segment.direction) = true;
                }
            }
        }
    }

    fn payload<P: Parser, O: Outlet>(
        &mut self,
        flows: &mut Pair<Flow>,
        segment: &Arrived<'_>,
        needed: &mut Needed,
        around: &mut Around<'_, P, O>,
    ) {
        let direction = segment.direction;
        let back = direction.opposite();
        let flow = flows.of_mut(direction);
        flow.note_signals(segment, &self.limits);
        let told = flow.told();
        if segment.len() <= 1 && !segment.has(FIN) && segment.seq.plus(1) == told {
            self.keep_alive(flows, direction, needed, around.outlet);
            return;
        }
        if segment.payload.is_empty() && !segment.has(FIN) {
            *needed.of_mut(back) |= segment.seq.is_before(told);
            return;
        }
        *needed.of_mut(back) |= !flow.is_handing || segment.seq.is_before(told);
        if let Some((count, offset)) = flow.before_start(segment.seq) {
            self.pass(flows, segment, 0, count as usize, offset, around.outlet);
        }
        let flow = flows.of_mut(direction);
        if !flow.is_handing {
            self.take(flows, segment, around);
        }
        let flow = flows.of(direction);
        let Some(boundary) = flow.boundary() else {
            return;
        };
        let skip = boundary.beyond(segment.seq);
        let offset = flow.offset();
        if skip < segment.len() || skip == segment.len() && segment.has(FIN) {
            let skip = skip as usize;
            self.pass(flows, segment, skip, usize::MAX, offset, around.outlet);
            *needed.of_mut(direction) = false;
        }
    }

    /// Whoever asks whether its peer is alive is answered by the peer (RFC 9293 section 3.8.4).
    fn keep_alive(
        &self,
        flows: &mut Pair<Flow>,
        direction: Direction,
        needed: &mut Needed,
        outlet: &mut impl Outlet,
    ) {
        let facing = self.facing(flows, direction);
        let flow = flows.of_mut(direction);
        if flow.delivery.is_done() {
            flow.is_probing = true;
            let seq = flow.delivery.una().minus(1);
            outlet.emit(&facing.segment(seq, 0, &[]));
        } else {
            // What is under way asks the same.
            *needed.of_mut(direction.opposite()) = true;
        }
    }

    /// Passes bytes of a segment on that are the sender's care.
    fn pass(
        &self,
        flows: &mut Pair<Flow>,
        segment: &Arrived<'_>,
        skip: usize,
        count: usize,
        offset: u32,
        outlet: &mut impl Outlet,
    ) {
        let facing = self.facing(flows, segment.direction);
        let rest = segment.payload.get(skip..).unwrap_or_default();
        let (payload, is_all) = match rest.get(..count) {
            Some(payload) if payload.len() < rest.len() => (payload, false),
            _ => (rest, true),
        };
        let fin = if is_all { segment.flags & FIN } else { 0 };
        let begin = segment
            .seq
            .plus(ahead::len(segment.payload) - ahead::len(rest));
        let urgent = segment.urgent().map(|end| end.plus(offset));
        let passed = facing.segment(begin.plus(offset), fin, payload);
        outlet.emit(&passed.with_urgent(urgent));
        let end = begin.plus(ahead::len(payload) + u32::from(fin));
        flows.of_mut(segment.direction).passed(end, offset);
    }

    /// Takes what is ours of a segment, and reads it.
    fn take<P: Parser, O>(
        &mut self,
        flows: &mut Pair<Flow>,
        segment: &Arrived<'_>,
        around: &mut Around<'_, P, O>,
    ) {
        let flow = flows.of_mut(segment.direction);
        let next = flow.intake.next;
        let is_next =
            !next.is_before(segment.seq) && segment.seq.plus(segment.len()).beyond(next) > 0;
        if around.memory.left() < segment.payload.len() {
            // Only what would have to be kept is refused; the rest comes again.
            if is_next {
                self.release(flows, Cause::Memory);
            }
            return;
        }
        let room = flow.room(&self.limits);
        let has_fin = segment.has(FIN);
        let is_more = flow
            .intake
            .take(segment.seq, segment.payload, has_fin, room);
        if is_more {
            flow.intake.since = around.now;
            self.parse(flows, segment.direction, around.parser);
        }
        flows.of_mut(segment.direction).flush_at_end();
    }

    /// Passes on the messages that are whole.
    fn parse(&mut self, flows: &mut Pair<Flow>, direction: Direction, parser: &mut impl Parser) {
        flows.of_mut(direction).is_waiting = false;
        loop {
            let Flow {
                intake,
                delivery,
                is_waiting,
                urgent,
                ..
            } = flows.of_mut(direction);
            let (parsed, end) = (intake.parsed(), delivery.end());
            let bytes = intake.unparsed.as_slice();
            if bytes.is_empty() {
                return;
            }
            let queue = delivery.queue();
            let before = queue.len();
            let framed = parser.next(direction, bytes, queue.tail());
            let len = match framed {
                Framed::Unchanged(len) | Framed::Rewritten(len) => len,
                Framed::NeedMore | Framed::Wait | Framed::Release => 0,
            };
            if framed == Framed::Wait {
                queue.truncate(before);
                *is_waiting = true;
                return;
            }
            if framed == Framed::NeedMore && bytes.len() < self.limits.max_message {
                queue.truncate(before);
                return;
            }
            let message = bytes.get(..len).filter(|message| !message.is_empty());
            let Some(message) = message else {
                queue.truncate(before);
                let cause = if framed == Framed::NeedMore {
                    Cause::TooLong
                } else {
                    Cause::Released
                };
                self.release(flows, cause);
                return;
            };
            if framed == Framed::Unchanged(len) {
                queue.truncate(before);
                queue.push(message);
            }
            let place = urgent.map(|place| place.since(parsed) as usize);
            if let Some(place) = place.filter(|place| *place <= len) {
                let new = queue.as_slice().get(before..).unwrap_or_default();
                let moved = urgent::moved(message, new, place);
                delivery.urge(end.plus(flow::narrow(moved)));
                *urgent = None;
            }
            intake.unparsed.consume(len);
        }
    }

    /// No more bytes become ours.
    fn release(&mut self, flows: &mut Pair<Flow>, cause: Cause) {
        self.cause = self.cause.or(Some(cause));
        for direction in BOTH {
            flows.of_mut(direction).hand_over();
        }
    }

    /// Sends what may be sent, and looks whether anything is left to do.
    fn settle<P, O: Outlet>(
        &mut self,
        mut flows: Box<Pair<Flow>>,
        mut needed: Needed,
        around: &mut Around<'_, P, O>,
    ) {
        if !self.is_over() {
            for direction in BOTH {
                *needed.of_mut(direction.opposite()) |=
                    flows.of(direction).wants_update(&self.limits);
            }
            for direction in BOTH {
                let facing = self.facing(&mut flows, direction);
                let flow = flows.of_mut(direction);
                let sent = flow.delivery.send(&facing, around.now, around.outlet);
                if sent == 0 && *needed.of(direction) {
                    let seq = flow.delivery.furthest();
                    around.outlet.emit(&facing.segment(seq, 0, &[]));
                }
            }
        }
        let is_closed = BOTH
            .into_iter()
            .all(|direction| flows.of(direction).delivery.is_fin_acknowledged());
        let is_done = BOTH
            .into_iter()
            .all(|direction| flows.of(direction).delivery.is_done());
        self.flows = Some(flows);
        if is_closed {
            self.end(Some(Cause::Closed));
        } else if self.is_over() || self.cause.is_some() && is_done {
            self.end(None);
        }
        self.account(around.memory);
    }
}

#[cfg(test)]
mod tests;
