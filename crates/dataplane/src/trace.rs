//! What became of packets, kept for whoever asks why.
//!
//! ```text
//!  general lane ──> Recent     the last drops, always: headers and reason
//!        │  notes
//!        v
//!     Tracer ── those that are meant ──> ring ──> slow path ──> console
//!        ^                                            │
//!        └────── empty records <── Command::Reuse ────┘
//! ```
//!
//! Owned by a worker. Off, it costs a branch for each burst and, in the general lane, the copy
//! of a header; the plain lane does not know of it. On, packets that may be meant leave the plain
//! lane for the general one, which notes what it decides. Records are made by whoever asks and
//! come back empty, so that a worker allocates nothing; without one a packet is counted as lost.

use arrayvec::ArrayVec;
use base::{Counter, Direction, Nanos};
use nat::{FlowKey, Gateway, Hit, Match, SessionView, settings::Action};
use pktio::{Burst, Io, PacketBuf, PortId, RingReceiver, RingSender};
use wire::arp::Arp;
use wire::ipv4::{self, protocol};
use wire::{ethernet, icmp};

use crate::command::Ticket;
use crate::expression::{Ends, Expression, Known};
use crate::general::{End, Packet};
use crate::mark::Stage;
use crate::worker::Worker;

/// Bytes of a packet that are kept.
pub const SNAP: usize = 2048;

/// Notes about one packet; what comes after them is not noted.
const NOTES: usize = 24;

/// Drops that are kept.
const RECENT: usize = 64;

/// Bytes of a dropped packet that are kept.
const HEAD: usize = 64;
const HALF: usize = HEAD / 2;

/// Something that was found or decided about a packet.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// It has a session.
    Found(SessionView, Direction),
    /// It has none, and rules say this.
    Ruled(Ruling),
    /// One was opened for it, perhaps with a new mapping and a new block of ports.
    Opened(SessionView, Direction, Made),
    /// An inside endpoint has the outside one it is for.
    HeldBy(u32, u16),
    /// It belongs to another worker.
    Handed(u32),
    /// Its next hop, and by which interface.
    Hop(u16, u32),
    /// An application gateway looks at it.
    Looked(Gateway),
    /// Its sender is told by ICMP of this type and code.
    Told(u8, u8),
    /// A packet leaves by this interface, with these ends and bytes.
    Left(u16, Ends, u16),
}

/// What rules say of a packet without session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// This one translates it.
    Translate(usize),
    /// This one lets it pass untouched.
    Pass(usize),
    /// This one drops it.
    Drop(usize),
    /// A static mapping stands for its sender.
    Static,
    /// A rule matches, but translates no such protocol.
    Protocol,
    /// None matches, though it is from inside.
    Nothing,
    /// It is not from inside.
    NotInside,
}

/// What came to be with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// A mapping.
    pub mapping: bool,
    /// A block of ports was lent to the subscriber.
    pub block: bool,
}

/// How a packet came to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// By its port.
    Received,
    /// From another worker, as it was received there.
    Handed,
    /// From another worker that has translated its source.
    HalfTranslated,
}

/// One packet and what became of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// The trace it belongs to.
    pub ticket: Ticket,
    /// When.
    pub at: Nanos,
    /// By which interface it came, if any.
    pub interface: Option<u16>,
    /// How it came to the worker.
    pub arrival: Arrival,
    /// The packet as it came, at most [`SNAP`] bytes of it.
    pub frame: Vec<u8>,
    /// How long it was.
    pub len: usize,
    /// What was decided about it, in order.
    pub steps: ArrayVec<Step, NOTES>,
    /// The reason its verdict is counted under; none if another worker decides.
    pub verdict: Option<Counter>,
    /// It was dropped before anybody asked: the frame is a header, and there are no steps.
    pub past: bool,
}

impl Record {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self {
            ticket: Ticket::default(),
            at: Nanos(0),
            interface: None,
            arrival: Arrival::Received,
            frame: Vec::with_capacity(SNAP),
            len: 0,
            steps: ArrayVec::new(),
            verdict: None,
            past: false,
        }
    }

    fn begin(&mut self, frame: &[u8], at: Nanos) {
        self.at = at;
        self.len = frame.len();
        self.frame.clear();
        self.frame
            .extend_from_slice(frame.get(..SNAP).unwrap_or(frame));
        self.steps.clear();
        self.verdict = None;
        self.past = false;
    }

    /// Where it was on its way: as it came, as sessions know it, as it left.
    fn ends(&self, came: Option<Ends>) -> ArrayVec<Ends, { NOTES * 2 + 1 }> {
        let mut all = ArrayVec::new();
        all.extend(came);
        for step in &self.steps {
            match *step {
                Step::Found(view, direction) | Step::Opened(view, direction, _) => {
                    all.extend(ends_of_session(&view, direction));
                }
                Step::HeldBy(address, port) => all.extend(came.map(|came| Ends {
                    to: (address, Some(port)),
                    ..came
                })),
                Step::Left(_, ends, _) => all.push(ends),
                _ => {}
            }
        }
        all
    }
}

impl Default for Record {
    fn default() -> Self {
        Self::new()
    }
}

/// What is to be traced.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its number, which its records carry.
    pub ticket: Ticket,
    /// Which packets.
    pub expression: Expression,
    /// The drops that are kept come first.
    pub past: bool,
    /// Until when at most.
    pub until: Nanos,
    /// Empty records.
    pub records: Vec<Box<Record>>,
}

/// A packet that was dropped.
#[derive(Clone, Copy, Debug)]
struct Dropped {
    at: Nanos,
    head: [u8; HEAD],
    /// Of the whole frame.
    len: u16,
    port: PortId,
    /// None: nothing was dropped yet.
    reason: Option<Counter>,
}

impl Dropped {
    #[inline]
    fn note(&mut self, frame: &[u8], port: PortId, now: Nanos) {
        self.at = now;
        self.port = port;
        self.len = wire::low16(frame.len());
        // Copies of lengths that are known are a few moves; most short frames have a half.
        if let Some(head) = frame.first_chunk::<HEAD>() {
            self.head = *head;
        } else if let (Some(front), Some(back)) =
            (frame.first_chunk::<HALF>(), frame.last_chunk::<HALF>())
        {
            if let Some(head) = self.head.first_chunk_mut() {
                *head = *front;
            }
            let end = self.head.get_mut(frame.len() - HALF..);
            if let Some(head) = end.and_then(<[u8]>::first_chunk_mut) {
                *head = *back;
            }
        } else if let Some(head) = self.head.get_mut(..frame.len()) {
            head.copy_from_slice(frame);
        }
    }
}

/// The last drops. The place of the next one holds the header of the packet that is being
/// decided about.
#[derive(Debug)]
pub(crate) struct Recent {
    drops: Box<[Dropped; RECENT]>,
    next: usize,
}

impl Recent {
    fn new() -> Self {
        let nothing = Dropped {
            at: Nanos(0),
            head: [0; HEAD],
            len: 0,
            port: PortId(0),
            reason: None,
        };
        Self {
            drops: Box::new([nothing; RECENT]),
            next: 0,
        }
    }

    /// Notes the header of a packet that may be dropped.
    #[inline]
    pub(crate) fn note(&mut self, frame: &[u8], port: PortId, now: Nanos) {
        let Some(place) = self.drops.get_mut(self.next % RECENT) else {
            return;
        };
        place.note(frame, port, now);
        place.reason = None;
    }

    /// The packet whose header was noted has ended so.
    #[inline]
    pub(crate) fn ended(&mut self, reason: Counter) {
        if reason.is_reason() == Some(Counter::VerdictDrop)
            && let Some(place) = self.drops.get_mut(self.next % RECENT)
        {
            place.reason = Some(reason);
            self.next += 1;
        }
    }

    /// Both at once, of a packet that is dropped for this reason.
    #[inline]
    pub(crate) fn keep(&mut self, frame: &[u8], port: PortId, reason: Counter, now: Nanos) {
        let Some(place) = self.drops.get_mut(self.next % RECENT) else {
            return;
        };
        place.note(frame, port, now);
        place.reason = Some(reason);
        self.next += 1;
    }

    /// Oldest first.
    fn all(&self) -> impl Iterator<Item = &Dropped> {
        let (newer, older) = self.drops.split_at(self.next % RECENT);
        older.iter().chain(newer)
    }
}

/// A worker's notes.
#[derive(Debug)]
pub(crate) struct Tracer {
    pub(crate) recent: Recent,
    /// What is being traced, if anything is.
    active: Option<Box<Active>>,
    /// The record of the packet that is being decided about.
    current: Option<Box<Record>>,
}

#[derive(Debug)]
struct Active {
    ticket: Ticket,
    expression: Expression,
    until: Nanos,
    #[allow(clippy::vec_box, reason = "they go through rings by their boxes")]
    empty: Vec<Box<Record>>,
    /// For the next packet, whether or not it will be meant.
    spare: Option<Box<Record>>,
}

impl Tracer {
    pub(crate) fn new() -> Self {
        Self {
            recent: Recent::new(),
            active: None,
            current: None,
        }
    }

    /// Whether anything is traced.
    #[inline]
    pub(crate) const fn is_on(&self) -> bool {
        self.active.is_some()
    }

    /// Whether notes are taken of the packet at hand.
    #[inline]
    pub(crate) const fn is_noting(&self) -> bool {
        self.current.is_some()
    }

    /// Takes a note of the packet at hand, if it is being traced.
    #[inline]
    pub(crate) fn note(&mut self, step: impl FnOnce() -> Step) {
        if let Some(record) = &mut self.current {
            // Beyond the last there is no room, and no need.
            let _ = record.steps.try_push(step());
        }
    }

    /// Traces no more. What it has is some hundred small buffers, given back once.
    pub(crate) fn stop(&mut self) {
        self.active = None;
    }

    /// The same if its time is over: nobody may be there to say so.
    pub(crate) fn expire(&mut self, now: Nanos) {
        if self
            .active
            .as_ref()
            .is_some_and(|active| now >= active.until)
        {
            self.stop();
        }
    }

    /// A record that was read comes back.
    pub(crate) fn reuse(&mut self, record: Box<Record>) {
        if let Some(active) = &mut self.active {
            active.empty.push(record);
        }
    }
}

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Traces what is ordered; what was traced before is not any more.
    pub(crate) fn trace(&mut self, order: Order) {
        let mut empty = order.records;
        let spare = Some(empty.pop().unwrap_or_default());
        self.tracer.active = Some(Box::new(Active {
            ticket: order.ticket,
            expression: order.expression,
            until: order.until,
            empty,
            spare,
        }));
        if order.past {
            self.report_past();
        }
    }

    /// Reports the drops that are kept, as far as they are meant.
    fn report_past(&mut self) {
        let Some(mut record) = self.tracer.active.as_mut().and_then(|on| on.spare.take()) else {
            return;
        };
        for nth in 0..RECENT {
            let Some(Dropped {
                at,
                head,
                len,
                port,
                reason: Some(reason),
            }) = self.tracer.recent.all().nth(nth).copied()
            else {
                continue;
            };
            let len = usize::from(len);
            record.begin(head.get(..len).unwrap_or(&head), at);
            record.len = len;
            record.past = true;
            record.arrival = Arrival::Received;
            record.interface = self.interface_of(&record.frame, port);
            // Who has the endpoint now had it then, most likely.
            if let Some(key) = self.key_of(&record)
                && let Some((address, port)) = self.shard.holder_of(key)
            {
                record.steps.push(Step::HeldBy(address, port));
            }
            record.verdict = Some(reason);
            record = self.hand_over(record);
        }
        if let Some(active) = &mut self.tracer.active {
            active.spare = Some(record);
        }
    }

    /// Takes a packet to its end, with notes.
    #[cold]
    #[inline(never)]
    pub(crate) fn traced(&mut self, buf: I::Buf, stage: Option<Stage>, now: Nanos) -> End {
        self.begin_record(&buf, stage, now);
        let end = self.frame(buf, stage, now);
        self.end_record(end);
        end
    }

    /// Tells of a packet that was dropped before anything was looked for.
    #[cold]
    #[inline(never)]
    pub(crate) fn traced_drop(&mut self, buf: &I::Buf, reason: Counter, now: Nanos) {
        self.begin_record(buf, None, now);
        self.end_record(Some(reason));
    }

    fn begin_record(&mut self, buf: &I::Buf, stage: Option<Stage>, now: Nanos) {
        let spare = self.tracer.active.as_mut().and_then(|on| on.spare.take());
        if let Some(mut record) = spare {
            record.begin(buf.bytes(), now);
            record.interface = self.interface_of(buf.bytes(), buf.port());
            record.arrival = match stage {
                None => Arrival::Received,
                Some(Stage::Hairpinned(_)) => Arrival::HalfTranslated,
                Some(Stage::Received | Stage::Admitted) => Arrival::Handed,
            };
            self.tracer.current = Some(record);
        }
    }

    fn end_record(&mut self, end: End) {
        if let Some(mut record) = self.tracer.current.take() {
            record.verdict = end;
            let record = self.hand_over(record);
            if let Some(active) = &mut self.tracer.active {
                active.spare = Some(record);
            }
        }
    }

    /// Gives a record away if its packet is meant; answers one for the next.
    fn hand_over(&mut self, mut record: Box<Record>) -> Box<Record> {
        let frame = read_ends(&record.frame);
        let ends = record.ends(frame.ends);
        let known = Known {
            arp: frame.arp,
            protocol: frame.protocol,
            ends: &ends,
            inside: self.is_by_inside(record.interface),
            dropped: Some(
                record.verdict.and_then(Counter::is_reason) == Some(Counter::VerdictDrop),
            ),
        };
        let Some(active) = &mut self.tracer.active else {
            return record;
        };
        if active.expression.holds(&known) != Some(true) {
            return record;
        }
        if self.ports.traced.is_full() {
            self.counters.bump(Counter::TraceLost);
            return record;
        }
        let Some(next) = active.empty.pop() else {
            self.counters.bump(Counter::TraceLost);
            return record;
        };
        record.ticket = active.ticket;
        // There is room: nobody else fills this ring.
        let _ = self.ports.traced.push(record);
        next
    }

    /// Takes those of a burst out of the plain lane that may be meant.
    #[cold]
    #[inline(never)]
    pub(crate) fn pick_out(
        &self,
        bufs: &Burst<I::Buf>,
        flows: impl Iterator<Item = (FlowKey, u64)>,
        mut take_out: impl FnMut(usize),
    ) {
        let Some(active) = &self.tracer.active else {
            return;
        };
        for (nth, (buf, (key, hash))) in bufs.iter().zip(flows).enumerate() {
            let mut ends: ArrayVec<Ends, 3> = ArrayVec::new();
            ends.push(Ends {
                from: (key.src(), Some(key.src_port())),
                to: (key.dst(), Some(key.dst_port())),
            });
            // Of one without session nothing is known yet.
            let hit = self.shard.find(key, hash);
            let view = hit.and_then(|hit| Some((self.shard.session_view(hit.id)?, hit.direction)));
            if let Some((view, direction)) = view {
                ends.extend(ends_of_session(&view, direction));
            }
            let known = Known {
                arp: false,
                protocol: Some(key.protocol()),
                ends: &ends,
                inside: self.is_by_inside(self.interface_of(buf.bytes(), buf.port())),
                dropped: None,
            };
            if view.is_none() || active.expression.holds(&known) != Some(false) {
                take_out(nth);
            }
        }
    }

    fn interface_of(&self, frame: &[u8], port: PortId) -> Option<u16> {
        let header = ethernet::parse(frame).ok()?;
        self.router.interface_of(port, header.tags)
    }

    fn is_by_inside(&self, interface: Option<u16>) -> bool {
        interface.is_some_and(|number| self.shard.is_inside(usize::from(number)))
    }

    /// The flow of a record, if its ends can be read.
    fn key_of(&self, record: &Record) -> Option<FlowKey> {
        let read = read_ends(&record.frame);
        let (ends, protocol) = (read.ends?, read.protocol?);
        let realm = self.router.interface(record.interface?)?.realm;
        Some(FlowKey::new(
            ends.from.0,
            ends.to.0,
            ends.from.1.unwrap_or(0),
            ends.to.1.unwrap_or(0),
            protocol,
            realm,
        ))
    }

    /// Notes a session that was found.
    pub(crate) fn note_found(&mut self, hit: Hit) {
        if self.tracer.is_noting()
            && let Some(view) = self.shard.session_view(hit.id)
        {
            self.tracer.note(|| Step::Found(view, hit.direction));
        }
    }

    /// Notes what rules say of a packet.
    pub(crate) fn note_ruling(&mut self, packet: &Packet) {
        if !self.tracer.is_noting() {
            return;
        }
        let interface = usize::from(packet.interface);
        let ruling = match self.shard.match_rule(interface, packet.key) {
            Match::Rule(number, Action::Translate(_)) => Ruling::Translate(number),
            Match::Rule(number, Action::Pass) => Ruling::Pass(number),
            Match::Rule(number, Action::Drop) => Ruling::Drop(number),
            _ if self.shard.static_outside(packet.key).is_some() => Ruling::Static,
            Match::Protocol => Ruling::Protocol,
            Match::None if self.shard.is_inside(interface) => Ruling::Nothing,
            Match::None => Ruling::NotInside,
        };
        self.tracer.note(|| Step::Ruled(ruling));
    }

    /// Mappings made and blocks lent so far.
    pub(crate) fn made(&self) -> [u64; 2] {
        [Counter::NatMappingsCreated, Counter::NatBlocksAllocated]
            .map(|counter| self.shard.counters.value(counter))
    }

    /// Notes a session that was opened; so much had been made `before`.
    pub(crate) fn note_opened(&mut self, hit: Hit, before: [u64; 2]) {
        if !self.tracer.is_noting() {
            return;
        }
        let [mappings, blocks] = self.made();
        let made = Made {
            mapping: mappings != before[0],
            block: blocks != before[1],
        };
        if let Some(view) = self.shard.session_view(hit.id) {
            self.tracer.note(|| Step::Opened(view, hit.direction, made));
        }
    }

    /// Notes who has the outside endpoint that a packet is for.
    pub(crate) fn note_holder(&mut self, key: FlowKey) {
        if self.tracer.is_noting()
            && let Some((address, port)) = self.shard.holder_of(key)
        {
            self.tracer.note(|| Step::HeldBy(address, port));
        }
    }

    /// Notes the gateway that looks at a packet.
    pub(crate) fn note_gateway(&mut self, hit: Hit) {
        if self.tracer.is_noting()
            && let Some(attached) = self.shard.gateway_of(hit.id)
        {
            self.tracer.note(|| Step::Looked(attached.gateway));
        }
    }

    /// Notes a packet that leaves.
    pub(crate) fn note_left(&mut self, interface: u16, frame: &[u8]) {
        if self.tracer.is_noting()
            && let Some(ends) = read_ends(frame).ends
        {
            let len = wire::low16(frame.len());
            self.tracer.note(|| Step::Left(interface, ends, len));
        }
    }
}

/// A packet of a session: between inside host and remote, and between outside endpoint and remote.
fn ends_of_session(view: &SessionView, direction: Direction) -> [Ends; 2] {
    let key = view.out_key;
    let remote = (key.dst(), Some(key.dst_port()));
    let hosts = [
        (key.src(), Some(key.src_port())),
        (view.outside, Some(view.outside_port)),
    ];
    hosts.map(|host| match direction {
        Direction::Outbound => Ends {
            from: host,
            to: remote,
        },
        Direction::Inbound => Ends {
            from: remote,
            to: host,
        },
    })
}

/// The IP protocol of a frame and its ends, as far as they can be read. The identifier of an
/// ICMP query or reply stands for the port of the host that asked.
#[must_use]
pub fn headers(frame: &[u8]) -> (Option<u8>, Option<Ends>) {
    let read = read_ends(frame);
    (read.protocol, read.ends)
}

/// What can be read of a frame, however damaged.
struct Read {
    arp: bool,
    protocol: Option<u8>,
    ends: Option<Ends>,
}

fn read_ends(frame: &[u8]) -> Read {
    let mut read = Read {
        arp: false,
        protocol: None,
        ends: None,
    };
    let Ok(header) = ethernet::parse(frame) else {
        return read;
    };
    let packet = frame.get(header.len..).unwrap_or_default();
    if header.ether_type == ethernet::ARP {
        read.arp = true;
        read.ends = Arp::parse(packet).ok().map(|arp| Ends {
            from: (arp.sender_ip.to_bits(), None),
            to: (arp.target_ip.to_bits(), None),
        });
    } else if header.ether_type == ethernet::IPV4
        && let Some(ip) = packet.first_chunk::<{ ipv4::HEADER_LEN }>()
    {
        read.protocol = Some(ip[9]);
        let ports = packet.get(usize::from(ip[0] & 15) * 4..).filter(|_| {
            let has_ports = matches!(
                ip[9],
                protocol::TCP
                    | protocol::ICMP
                    | protocol::UDP
                    | protocol::SCTP
                    | protocol::DCCP
                    | protocol::UDP_LITE
            );
            let offset = u16::from_be_bytes([ip[6], ip[7]]) & ipv4::OFFSET;
            has_ports && offset == 0
        });
        let port = |at| ports.and_then(|ports| wire::be16(ports, at));
        let (from_port, to_port) = match ip[9] {
            protocol::ICMP => match ports.map(icmp::classify) {
                Some(Ok((icmp::Kind::Query, id))) => (Some(id), None),
                Some(Ok((icmp::Kind::Reply, id))) => (None, Some(id)),
                _ => (None, None),
            },
            _ => (port(0), port(2)),
        };
        read.ends = Some(Ends {
            from: (
                u32::from_be_bytes([ip[12], ip[13], ip[14], ip[15]]),
                from_port,
            ),
            to: (
                u32::from_be_bytes([ip[16], ip[17], ip[18], ip[19]]),
                to_port,
            ),
        });
    }
    read
}
