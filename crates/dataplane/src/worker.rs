//! The worker: one core's packets from receive to send.
//!
//! ```text
//!  turn:  a wave of bursts ─> plain lane ─────> send      packets of known sessions
//!                                 └─> general lane        all others, in order
//!         hand-offs, replies of the slow path, commands, bounded expiry
//! ```
//!
//! Owns a [`Shard`] and everything else it touches; talks through rings only.

use std::sync::Arc;

use arrayvec::ArrayVec;
use base::{Counter, Counters, Nanos, TICK_SHIFT};
use nat::{Fate as DoorFate, FlowKey, Layout, Logged, Notice, Shard};
use pktio::{Burst, Io, MAX_FRAME, PacketBuf, PortId, RingReceiver, RingSender};

use crate::calls::CallReport;
use crate::command::{Command, Event, MediaQuestion, SessionFilter, Ticket, Told};
use crate::fragment::{Fragments, Verdict};
use crate::gateway::MAX_MESSAGE;
use crate::ids::Ids;
use crate::inspect::{Cursor, Row};
use crate::ipsec::Waiting;
use crate::joined::Joined;
use crate::keepalive::Keepalives;
use crate::load::Load;
use crate::mark::{Mark, Punt};
use crate::multicast::Groups;
use crate::plain::{Floods, Wave};
use crate::published::Published;
use crate::router::Router;
use crate::topology::Topology;
use crate::trace::{Record, Tracer};

/// Sessions, ports and blocks whose end is looked at in a turn without packets: what takes
/// some microseconds, so that packets that come meanwhile need not wait.
const EXPIRY_IDLE: u32 = 16;

/// Packets for each of them while there are packets: what ends all at once must not be felt.
const PACKETS_PER_EXPIRY: u64 = 256;

/// Those that are looked at together, so that none waits for memory that another could wait for
/// as well: some microseconds.
const EXPIRY_TOGETHER: u64 = 16;

/// How many of them for each session that begins, or finds no room: the tables never
/// stay full of what has ended.
const EXPIRY_PER_SESSION: u64 = 2;

/// The same in virtual time, where turns cost nothing.
const EXPIRY_VIRTUAL: u32 = 256;

/// Slots looked at in a turn while sessions are cleared: some microseconds, if all of them end.
const CLEAR_SLICE: u32 = 16;

/// How often figures are published.
const PUBLISH_EVERY: Nanos = Nanos(20_000_000);

/// A worker's ends of the rings.
#[derive(Debug)]
pub struct Ports<S, R> {
    /// Packets to the slow path.
    pub punt: S,
    /// Packets from the slow path.
    pub reply: R,
    /// Packets to the other workers; `None` at the own place.
    pub handoff_out: Vec<Option<S>>,
    /// Packets from the other workers.
    pub handoff_in: Vec<R>,
    /// Messages from the slow path.
    pub commands: rtrb::Consumer<Command>,
    /// Messages to the slow path.
    pub events: rtrb::Producer<Event>,
    /// What it has to know of streams: apart, so that it never waits behind rows.
    pub told: rtrb::Producer<Told>,
    /// What happened, and when: apart, so that it never waits behind rows for which a
    /// reader takes its time.
    pub notices: rtrb::Producer<(Nanos, Notice)>,
    /// What was said about calls: apart for the same reason.
    pub calls: rtrb::Producer<CallReport>,
    /// What is to be logged, to the exporter's thread.
    pub records: rtrb::Producer<Logged>,
    /// Packets that are traced.
    pub traced: rtrb::Producer<Box<Record>>,
}

/// One worker.
#[derive(Debug)]
pub struct Worker<I: Io, S, R> {
    pub(crate) io: I,
    pub(crate) router: Router,
    pub(crate) shard: Shard,
    pub(crate) number: u32,
    pub(crate) fragments: Fragments<I::Buf>,
    /// What became of the first fragment just translated.
    pub(crate) fate: Option<Verdict>,
    /// That fragment itself, if it is not to leave alone.
    pub(crate) gathered: Option<I::Buf>,
    /// A datagram that was gathered.
    pub(crate) joined: Joined,
    pub(crate) groups: Groups,
    pub(crate) waiting: Waiting<I::Buf>,
    pub(crate) keepalives: Keepalives,
    pub(crate) counters: Counters,
    pub(crate) refusal_code: u8,
    /// Where gateways put payloads together.
    pub(crate) scratch: Box<[u8]>,
    /// The slow path puts messages together that come in parts.
    pub(crate) has_streams: bool,
    /// Longest message that is read, in bytes.
    pub(crate) max_message: usize,
    tx: Vec<Burst<I::Buf>>,
    pub(crate) ports: Ports<S, R>,
    pub(crate) tracer: Tracer,
    punts: Burst<I::Buf>,
    handoffs: Vec<Burst<I::Buf>>,
    pub(crate) ids: Ids,
    pub(crate) wave: Wave<I::Buf>,
    pub(crate) floods: Floods,
    /// The question that is being answered by the next three.
    ticket: Ticket,
    cursor: Option<Cursor>,
    clear: Option<(SessionFilter, u32, u64)>,
    ended: Option<u64>,
    /// The shard moves to another layout.
    changing: bool,
    /// A layout that is not needed any more, for the slow path to drop.
    retired: Option<Arc<Layout>>,
    published: Arc<Published>,
    published_at: Nanos,
    load: Load,
    /// Packets, and sessions in their place, since the last slice of what ends.
    unexpired: u64,
}

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Puts a worker together; `number` is its place among the shards of the layout.
    #[must_use]
    pub fn new(
        io: I,
        topology: &Topology,
        shard: Shard,
        number: u32,
        ports: Ports<S, R>,
        published: Arc<Published>,
    ) -> Self {
        let tx = (0..io.ports()).map(|_| Burst::new()).collect();
        let handoffs = ports.handoff_out.iter().map(|_| Burst::new()).collect();
        Self {
            io,
            router: Router::new(topology),
            shard,
            number,
            fragments: Fragments::new(topology.max_fragments, topology.fragment_timeout),
            fate: None,
            gathered: None,
            joined: Joined::new(),
            groups: Groups::new(topology),
            waiting: Waiting::new(),
            keepalives: Keepalives::default(),
            counters: Counters::default(),
            refusal_code: topology.refusal_code,
            scratch: vec![0; MAX_FRAME].into(),
            has_streams: topology.streams.is_some(),
            max_message: topology
                .streams
                .map_or(0, |limits| limits.max_message)
                .max(MAX_MESSAGE),
            tx,
            ports,
            tracer: Tracer::new(),
            punts: Burst::new(),
            handoffs,
            ids: Ids::default(),
            wave: Wave::new(),
            floods: Floods::default(),
            ticket: Ticket::default(),
            cursor: None,
            clear: None,
            ended: None,
            changing: false,
            retired: None,
            published,
            published_at: Nanos(0),
            load: Load::default(),
            unexpired: 0,
        }
    }

    /// One turn of the loop; answers how many packets it moved.
    pub fn turn(&mut self, now: Nanos) -> usize {
        let wanted = self.sessions_wanted();
        let mut moved = self.take_packets(now);
        moved += self.take_handoffs(now);
        // What a reply is about is known before it comes.
        self.take_commands(now);
        moved += self.take_replies(now);
        self.ask_waiting(now);
        self.send_keepalives(now);
        self.expire(moved, self.sessions_wanted() - wanted, now);
        self.inspect(now);
        self.flush();
        self.publish(moved, now);
        moved
    }

    /// Ends everything that is due, in as many turns as that takes; for virtual time.
    /// False if the slow path has to hear first of what has happened.
    pub fn catch_up(&mut self, now: Nanos) -> bool {
        while self.shard.expire(now.ticks(), EXPIRY_VIRTUAL) == 0 {
            self.report(now);
            if self.ports.notices.is_full() {
                return false;
            }
        }
        let given_up = self.fragments.expire(now, usize::MAX);
        self.counters.add(Counter::HoldFragmentDropped, given_up);
        true
    }

    /// Sessions that began so far, or would have with room in the tables.
    fn sessions_wanted(&self) -> u64 {
        let of = |counter| self.shard.counters.value(counter);
        let refused = [
            Counter::DropSessionTable,
            Counter::DropMappingTable,
            Counter::DropNoPort,
        ];
        of(Counter::NatSessionsCreated)
            + refused
                .into_iter()
                .map(|reason| self.counters.value(reason))
                .sum::<u64>()
    }

    /// One slice of what ends, by how many packets moved and sessions were wanted since the last.
    fn expire(&mut self, moved: usize, wanted: u64, now: Nanos) {
        self.unexpired += moved as u64 + wanted * EXPIRY_PER_SESSION * PACKETS_PER_EXPIRY;
        let slice = self.unexpired / PACKETS_PER_EXPIRY;
        let slice = if moved == 0 {
            EXPIRY_IDLE
        } else if slice < EXPIRY_TOGETHER {
            return;
        } else {
            u32::try_from(slice).unwrap_or(u32::MAX)
        };
        self.unexpired = 0;
        self.shard.expire(now.ticks(), slice);
        let given_up = self.fragments.expire(now, slice as usize);
        self.counters.add(Counter::HoldFragmentDropped, given_up);
    }

    /// When time next matters here; for virtual time, which may then jump to it.
    #[must_use]
    pub fn next_due(&self, now: Nanos) -> Option<Nanos> {
        let ticks = now.ticks();
        let of_shard = self.shard.next_due(ticks).map(|due| {
            let ahead = if ticks.reached(due) {
                0
            } else {
                due.since(ticks)
            };
            Nanos(((now.0 >> TICK_SHIFT) + u64::from(ahead)) << TICK_SHIFT)
        });
        of_shard
            .into_iter()
            .chain(self.fragments.next_due())
            .chain(self.waiting.next_due())
            .chain(self.keepalives.next_due())
            .min()
    }

    /// The ports, for whoever feeds them.
    pub const fn io_mut(&mut self) -> &mut I {
        &mut self.io
    }

    /// The translator, to look at.
    pub const fn shard(&self) -> &Shard {
        &self.shard
    }

    /// What happened here, the translator's part included.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        counters.merge(&self.shard.counters);
        counters
    }

    /// Lays out the figures at once.
    pub fn publish_now(&mut self) {
        self.published
            .update(&self.counters, &self.shard, &self.load);
    }

    fn publish(&mut self, moved: usize, now: Nanos) {
        self.load.turn(moved > 0, now);
        if now.since(self.published_at) >= PUBLISH_EVERY {
            self.published_at = now;
            self.load.average(now);
            self.tracer.expire(now);
            self.publish_now();
        }
    }

    // --- sending -----------------------------------------------------------

    /// Queues a finished frame.
    #[inline]
    pub(crate) fn transmit(&mut self, port: PortId, buf: I::Buf) {
        let Some(burst) = self.tx.get_mut(usize::from(port.0)) else {
            return;
        };
        burst.push(buf);
        if burst.is_full() {
            self.flush_port(port);
        }
    }

    /// Sends frames of so many bytes together at once, after what is queued.
    pub(crate) fn transmit_all(&mut self, port: PortId, bufs: &mut Burst<I::Buf>, bytes: u64) {
        self.flush_port(port);
        let frames = bufs.len();
        let refused = self.io.send(port, bufs);
        self.count_sent(frames, refused, bytes);
    }

    fn count_sent(&mut self, frames: usize, refused: usize, bytes: u64) {
        self.counters
            .add(Counter::TxPackets, (frames - refused) as u64);
        self.counters.add(Counter::TxBytes, bytes);
        self.counters.add(Counter::TxDropped, refused as u64);
    }

    fn flush_port(&mut self, port: PortId) {
        let Some(burst) = self.tx.get_mut(usize::from(port.0)) else {
            return;
        };
        if burst.is_empty() {
            return;
        }
        let bytes = burst.iter().map(|buf| buf.bytes().len() as u64).sum();
        let frames = burst.len();
        let refused = self.io.send(port, burst);
        self.count_sent(frames, refused, bytes);
    }

    /// Sends all that is queued.
    fn flush(&mut self) {
        for port in 0..self.io.ports() {
            self.flush_port(PortId(port));
        }
        self.flush_punts();
        for to in 0..self.handoffs.len() {
            self.flush_handoffs(to);
        }
    }

    /// Gives a packet to the slow path; false, and the packet gone, without room.
    pub(crate) fn punt(&mut self, mut buf: I::Buf, mark: Mark) -> bool {
        if self.punts.is_full() {
            self.flush_punts();
        }
        buf.set_mark(mark.encode());
        let taken = self.punts.try_push(buf).is_ok();
        self.counters.bump(if taken {
            Counter::PuntSent
        } else {
            Counter::PuntDropped
        });
        taken
    }

    fn flush_punts(&mut self) {
        if !self.punts.is_empty() {
            self.ports.punt.push(&mut self.punts);
        }
    }

    /// Gives a packet to the worker that owns it; false, and the packet gone, without room.
    pub(crate) fn hand_off(&mut self, mut buf: I::Buf, to: u32, mark: Mark) -> bool {
        let to = to as usize;
        if self.handoffs.get(to).is_some_and(ArrayVec::is_full) {
            self.flush_handoffs(to);
        }
        buf.set_mark(mark.encode());
        let taken = self
            .handoffs
            .get_mut(to)
            .is_some_and(|burst| burst.try_push(buf).is_ok());
        self.counters.bump(if taken {
            Counter::HandoffOut
        } else {
            Counter::HandoffDropped
        });
        taken
    }

    fn flush_handoffs(&mut self, to: usize) {
        if let (Some(burst), Some(Some(ring))) = (
            self.handoffs.get_mut(to),
            self.ports.handoff_out.get_mut(to),
        ) && !burst.is_empty()
        {
            ring.push(burst);
        }
    }

    /// The next identification of a packet from `outside` to the destination of
    /// `key` (RFC 7857 section 10): unique among those of the same protocol.
    pub(crate) fn next_id(&mut self, outside: u32, key: FlowKey) -> u16 {
        self.ids.next(outside, key)
    }

    // --- other inputs ------------------------------------------------------

    fn take_handoffs(&mut self, now: Nanos) -> usize {
        let mut moved = 0;
        for from in 0..self.ports.handoff_in.len() {
            let mut burst = Burst::new();
            if let Some(ring) = self.ports.handoff_in.get_mut(from) {
                ring.pop(&mut burst);
            }
            moved += burst.len();
            self.counters.add(Counter::HandoffIn, burst.len() as u64);
            for buf in burst.drain(..) {
                self.handed_off(buf, now);
            }
        }
        moved
    }

    fn take_replies(&mut self, now: Nanos) -> usize {
        let mut burst = Burst::new();
        self.ports.reply.pop(&mut burst);
        let moved = burst.len();
        for buf in burst.drain(..) {
            let mark = Mark::decode(buf.mark()).map(|mark| (mark.punt, mark.interface));
            match mark {
                Some((Punt::SynCheck, interface)) => self.check_held_syn(buf, interface, now),
                Some((Punt::Inject(of), interface)) => {
                    self.inject(buf, of, interface, false, now);
                }
                Some((Punt::Resume(of), interface)) => {
                    self.inject(buf, of, interface, true, now);
                }
                _ => {
                    let port = buf.port();
                    self.transmit(port, buf);
                }
            }
        }
        moved
    }

    fn take_commands(&mut self, now: Nanos) {
        // One question at a time: whoever asks waits for the answer, or has given it up.
        while let Ok(command) = self.ports.commands.pop() {
            match command {
                Command::SetAdjacency {
                    number,
                    interface,
                    ip,
                    mac,
                } => self
                    .router
                    .set_adjacency(number, crate::router::Hop { interface, ip }, mac),
                Command::WatchAdjacency(number) => self.router.set_stale(number, true),
                Command::RemoveAdjacency(number) => self.router.remove_adjacency(number),
                Command::SetGroup {
                    group,
                    source,
                    interface,
                    member,
                } => self.groups.set_interface(group, source, interface, member),
                Command::SetMember {
                    realm,
                    host,
                    group,
                    member,
                } => self.set_member((realm, host, group), member, now),
                Command::Inspect(ticket, what) => {
                    self.ticket = ticket;
                    self.cursor = Some(Cursor::new(what));
                }
                Command::CloseCall(call) => {
                    self.shard
                        .revise_call(call, now, |_| DoorFate::Within(Nanos(0)));
                }
                Command::Listen(question) => self.listen(&question),
                Command::Enough => {
                    self.cursor = None;
                    self.ended = None;
                }
                Command::Trace(order) => self.trace(*order),
                Command::Reuse(record) => self.tracer.reuse(record),
                Command::Untrace => self.tracer.stop(),
                Command::Read(question) => self.read_for_stream(question, now),
                Command::TakeBack(back) => self.take_back(&back, now),
                Command::Clear(ticket, filter) => {
                    self.ticket = ticket;
                    self.clear = Some((filter, 0, 0));
                }
                Command::Change {
                    ticket,
                    layout,
                    trial,
                } => {
                    self.ticket = ticket;
                    self.changing = self.shard.begin_change(layout, trial, now);
                    if !self.changing {
                        // Cannot be: whoever sends it waits for the one before.
                        self.ended = Some(0);
                    }
                    // Classes have other numbers from now on.
                    self.publish_now();
                }
            }
        }
    }

    /// Tells the slow path that a watched adjacency was used, once.
    pub(crate) fn report_use(&mut self, number: u16) {
        if self.ports.events.push(Event::AdjacencyUsed(number)).is_ok() {
            self.router.set_stale(number, false);
        }
    }

    /// Answers how media do; without room on the way not at all, for it will be asked again.
    fn listen(&mut self, question: &MediaQuestion) {
        let (outside, realm) = (question.outside, question.outside_realm);
        let figures = self.shard.media_figures(question.key, outside, realm);
        let _ = self.ports.events.push(Event::Media {
            call: question.call,
            line: question.line,
            figures,
        });
    }

    /// Tells the slow path's database of calls about a message, if there is room on the way.
    pub(crate) fn report_call(&mut self, report: CallReport) {
        if self.ports.calls.push(report).is_err() {
            self.counters.bump(Counter::CallUnheard);
        }
    }

    /// One slice of whatever was asked for.
    fn inspect(&mut self, now: Nanos) {
        let (events, ticket) = (&mut self.ports.events, self.ticket);
        let mut put = |row| events.push(Event::Row(ticket, row)).is_ok();
        if let Some(cursor) = &mut self.cursor
            && cursor.step(&self.shard, now.ticks(), &mut put)
        {
            self.cursor = None;
            self.ended = Some(0);
        }
        if let Some((filter, next, ended)) = &mut self.clear
            && self.shard.room_for_ends() >= CLEAR_SLICE
        {
            let last = self.shard.session_slots().min(*next + CLEAR_SLICE);
            while *next < last {
                if let Some(view) = self.shard.session_at(*next)
                    && filter.matches(&view)
                {
                    // As `show` counts: the two halves of a twice translated flow are one.
                    let half = self.shard.is_outside_rule(view.rule);
                    let before = self.shard.counters.value(Counter::NatSessionsEnded);
                    self.shard.end_session(view.id, now.ticks());
                    // Visitors may end with the last of a mapping's own.
                    let after = self.shard.counters.value(Counter::NatSessionsEnded);
                    *ended += (after - before).saturating_sub(u64::from(half));
                }
                *next += 1;
            }
            if last == self.shard.session_slots() {
                self.ended = Some(*ended);
                self.clear = None;
            }
        }
        if self.changing
            && let Some(changed) = self
                .shard
                .step_change(now, &mut |touched| put(Row::Touched(touched)))
        {
            self.changing = false;
            self.retired = changed.retired;
            self.ended = Some(changed.sessions);
        }
        if let Some(ended) = self.ended
            && put(Row::End(ended))
        {
            self.ended = None;
        }
        self.report(now);
    }

    /// Tells the slow path something of a stream; false, and it is gone, without room.
    pub(crate) fn tell(&mut self, told: Told) -> bool {
        self.ports.told.push(told).is_ok()
    }

    /// Whether there is room to tell something of a stream.
    pub(crate) fn can_tell(&self) -> bool {
        !self.ports.told.is_full()
    }

    /// Passes what is to be logged to the exporter, all at once; what it has no room for is
    /// lost and counted.
    fn send_records(&mut self, now: Nanos) {
        let records = self.shard.records();
        if records.is_empty() {
            return;
        }
        let ring = &mut self.ports.records;
        let room = records.len().min(ring.slots());
        let mut sent = 0;
        if let Ok(chunk) = ring.write_chunk_uninit(room) {
            let logged = records.iter().map(|record| Logged {
                at: now,
                record: *record,
            });
            sent = chunk.fill_from_iter(logged);
        }
        let lost = records.len() - sent;
        self.shard.clear_records(lost as u64);
    }

    /// Tells the slow path what happened, as far as there is room.
    fn report(&mut self, now: Nanos) {
        while self.can_tell()
            && let Some((session, stream)) = self.shard.next_ended_stream()
        {
            self.tell(Told::Ended(session, stream));
        }
        let events = &mut self.ports.events;
        if let Some(retired) = self.retired.take()
            && let Err(rtrb::PushError::Full(Event::Retired(retired))) =
                events.push(Event::Retired(retired))
        {
            self.retired = Some(retired);
        }
        self.send_records(now);
        let notices = &mut self.ports.notices;
        while !notices.is_full()
            && let Some(notice) = self.shard.next_notice()
        {
            // There is room: nobody else fills this ring.
            let _ = notices.push((now, notice));
        }
    }
}
