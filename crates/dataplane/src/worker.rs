//! The worker: one core's packets from receive to send.
//!
//! ```text
//!  turn:  receive <= 64 ─> classify ─> look up ─> translate ─> send     plain packets
//!                             └──────────┴───────────┴─> general lane   all others, in order
//!         hand-offs, replies of the slow path, commands, bounded expiry
//! ```
//!
//! Plain is a packet whose fate needs nothing but its session: unicast to us,
//! IPv4, whole, TTL left, TCP without SYN, FIN and RST, or UDP. If its session is
//! not known, one is opened at once where nothing about that is unusual
//! (`opening.rs`). Whatever else there is, is looked at again from its first byte in
//! the general lane (`general.rs`), which decides why a packet is dropped.
//!
//! Owns a [`Shard`] and everything else it touches; talks through rings only.

use std::sync::Arc;

use arrayvec::ArrayVec;
use base::{Counter, Counters, Direction, Nanos, TICK_SHIFT};
use nat::{Ahead, Flags, FlowKey, Guess, Layout, Shard};
use pktio::{BURST, Burst, Io, PacketBuf, PortId, RingReceiver, RingSender};
use wire::ethernet::Tags;
use wire::ipv4::{self, protocol};
use wire::{ethernet, tcp, udp};

use crate::command::{Command, Event, SessionFilter};
use crate::emit;
use crate::fragment::{Fate, Fragments};
use crate::general::read_segment;
use crate::inspect::{Cursor, Row};
use crate::mark::{Mark, Punt};
use crate::multicast::Groups;
use crate::opening::{Opening, Stranger};
use crate::published::Published;
use crate::router::Router;
use crate::topology::{Interface, Topology};

/// Sessions, ports and blocks whose end is looked at in one turn.
const EXPIRY_BUDGET: u32 = 256;

/// How often figures are published.
const PUBLISH_EVERY: Nanos = Nanos(20_000_000);

/// Identification counters (RFC 6864), by hash of outside address, destination and protocol.
const IDS: usize = 1024;

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
}

/// A plain packet on its way through a burst.
#[derive(Clone, Copy, Debug)]
struct Plain {
    key: FlowKey,
    hash: u64,
    guess: Option<Guess>,
    /// Place among the first packets that are seen coming, if it is one.
    ahead: Option<u8>,
    /// Of the IP packet; zero for a packet that is not plain.
    len: u32,
    ack: u32,
    l3: u16,
    atomic: bool,
}

impl Plain {
    const NOT: Self = Self {
        key: FlowKey::new(0, 0, 0, 0, 0, 0),
        hash: 0,
        guess: None,
        ahead: None,
        len: 0,
        ack: 0,
        l3: 0,
        atomic: false,
    };

    /// As one without a session.
    fn stranger<'a>(&self, buf: &impl PacketBuf, coming: &'a [Ahead]) -> Option<Stranger<'a>> {
        let l3 = usize::from(self.l3);
        let segment = if self.key.protocol() == protocol::TCP {
            let len = usize::try_from(self.len).ok()?;
            let bytes = buf.bytes().get(l3 + ipv4::HEADER_LEN..l3 + len)?;
            Some(read_segment(bytes).ok()?.1)
        } else {
            None
        };
        Some(Stranger {
            key: self.key,
            segment,
            len: self.len,
            l3,
            ahead: self.ahead.and_then(|place| coming.get(usize::from(place))),
        })
    }
}

/// Share of the time in which there were packets to work on, over about a second.
#[derive(Debug, Default)]
struct Load {
    /// When the last turn began, and whether it moved packets.
    last: (Nanos, bool),
    /// Time of idle and of busy turns since the last average.
    time: [u64; 2],
    millionths: u64,
}

impl Load {
    /// A turn that began at `now`: the one before lasted until then.
    fn turn(&mut self, busy: bool, now: Nanos) {
        let (began, was_busy) = core::mem::replace(&mut self.last, (now, busy));
        if let Some(time) = self.time.get_mut(usize::from(was_busy)) {
            *time += now.since(began).0;
        }
    }

    fn average(&mut self) {
        let [idle, busy] = core::mem::take(&mut self.time);
        let share = busy * 1_000_000 / (idle + busy).max(1);
        self.millionths = (self.millionths * 31 + share) / 32;
    }
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
    pub(crate) fate: Option<Fate>,
    pub(crate) groups: Groups,
    pub(crate) counters: Counters,
    pub(crate) refusal_code: u8,
    tx: Vec<Burst<I::Buf>>,
    ports: Ports<S, R>,
    punts: Burst<I::Buf>,
    handoffs: Vec<Burst<I::Buf>>,
    ids: [u16; IDS],
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
            groups: Groups::new(topology),
            counters: Counters::default(),
            refusal_code: topology.refusal_code,
            tx,
            ports,
            punts: Burst::new(),
            handoffs,
            ids: [0; IDS],
            cursor: None,
            clear: None,
            ended: None,
            changing: false,
            retired: None,
            published,
            published_at: Nanos(0),
            load: Load::default(),
        }
    }

    /// One turn of the loop; answers how many packets it moved.
    pub fn turn(&mut self, now: Nanos) -> usize {
        let mut moved = 0;
        for port in 0..self.io.ports() {
            let mut burst = Burst::new();
            self.io.receive(PortId(port), &mut burst);
            moved += burst.len();
            if !burst.is_empty() {
                self.received(&mut burst, now);
            }
        }
        moved += self.take_handoffs(now);
        moved += self.take_replies(now);
        self.take_commands(now);
        self.shard.expire(now.ticks(), EXPIRY_BUDGET);
        let given_up = self.fragments.expire(now, EXPIRY_BUDGET as usize);
        self.counters.add(Counter::HoldFragmentDropped, given_up);
        self.inspect(now);
        self.flush();
        self.publish(moved, now);
        moved
    }

    /// Ends everything that is due, in as many turns as that takes; for virtual time.
    pub fn catch_up(&mut self, now: Nanos) {
        while self.shard.expire(now.ticks(), EXPIRY_BUDGET) == 0 {}
        let given_up = self.fragments.expire(now, usize::MAX);
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
        of_shard.into_iter().chain(self.fragments.next_due()).min()
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
            .update(&self.counters, &self.shard, self.load.millionths);
    }

    fn publish(&mut self, moved: usize, now: Nanos) {
        self.load.turn(moved > 0, now);
        if now.since(self.published_at) >= PUBLISH_EVERY {
            self.published_at = now;
            self.load.average();
            self.publish_now();
        }
    }

    // --- plain packets -----------------------------------------------------

    fn received(&mut self, burst: &mut Burst<I::Buf>, now: Nanos) {
        let mut plain: ArrayVec<Plain, BURST> = ArrayVec::new();
        let mut bytes = 0;
        let untagged = burst
            .first()
            .and_then(|buf| self.router.interface_of(buf.port(), Tags::NONE))
            .and_then(|number| self.router.interface(number));
        for buf in burst.iter() {
            bytes += buf.bytes().len() as u64;
            let found = self.classify(buf, untagged).unwrap_or(Plain::NOT);
            // For a packet that is not plain, of some line or other.
            self.shard.prefetch_index(found.hash);
            plain.push(found);
        }
        self.counters.add(Counter::RxPackets, burst.len() as u64);
        self.counters.add(Counter::RxBytes, bytes);
        for found in &mut plain {
            found.guess = self.shard.guess(found.hash);
        }
        let coming = self.look_ahead(burst, &mut plain);
        let mut passed = [0; 3];
        for (buf, plain) in burst.drain(..).zip(&plain) {
            let left = if plain.len == 0 {
                Some(buf)
            } else {
                self.translate_plain(buf, plain, &coming, now, &mut passed)
            };
            if let Some(buf) = left {
                self.general(buf, now);
            }
        }
        let [outbound, inbound, hairpin] = passed;
        self.counters.add(Counter::ForwardOutbound, outbound);
        self.counters.add(Counter::ForwardInbound, inbound);
        self.counters.add(Counter::ForwardHairpin, hairpin);
        self.counters
            .add(Counter::VerdictForward, outbound + inbound + hairpin);
    }

    /// Loads what the first packets of a burst will touch.
    fn look_ahead(&mut self, burst: &Burst<I::Buf>, plain: &mut [Plain]) -> ArrayVec<Ahead, BURST> {
        let mut coming = ArrayVec::new();
        let untagged = burst.first().and_then(|buf| self.opens_from(buf.port()));
        for (buf, plain) in burst.iter().zip(plain) {
            if plain.len > 0
                && plain.guess.is_none()
                && let Some(ahead) = self.ahead(buf, (plain.key, usize::from(plain.l3)), untagged)
            {
                plain.ahead = u8::try_from(coming.len()).ok();
                coming.push(ahead);
            }
        }
        self.shard.look_ahead(&mut coming);
        coming
    }

    /// Whether a packet is plain; says nothing about why not.
    #[inline]
    fn classify(&self, buf: &I::Buf, untagged: Option<&Interface>) -> Option<Plain> {
        let frame = buf.bytes();
        let header = ethernet::parse(frame).ok()?;
        let interface = if header.tags.is_empty() {
            untagged?
        } else {
            let number = self.router.interface_of(buf.port(), header.tags)?;
            self.router.interface(number)?
        };
        if header.ether_type != ethernet::IPV4 || header.dst != interface.mac && !interface.any_mac
        {
            return None;
        }
        let packet = frame.get(header.len..)?;
        let ip = ipv4::Header::parse(packet, buf.ip_checksum_verified()).ok()?;
        if ip.is_fragment() || ip.ttl <= 1 || ip.header_len != ipv4::HEADER_LEN {
            return None;
        }
        let payload = packet.get(ipv4::HEADER_LEN..ip.total_len)?;
        let (src_port, dst_port, ack) = match ip.protocol {
            protocol::TCP => {
                let segment = tcp::Header::parse(payload).ok()?;
                if segment.flags & (tcp::SYN | tcp::FIN | tcp::RST | tcp::ACK) != tcp::ACK {
                    return None;
                }
                (segment.src_port, segment.dst_port, segment.ack)
            }
            protocol::UDP => {
                let (src, dst) = udp::ports(payload, payload.len(), false).ok()?;
                (src, dst, 0)
            }
            _ => return None,
        };
        let key = FlowKey::new(
            ip.src,
            ip.dst,
            src_port,
            dst_port,
            ip.protocol,
            interface.realm,
        );
        Some(Plain {
            key,
            hash: self.shard.hash(key),
            guess: None,
            ahead: None,
            len: u32::try_from(ip.total_len).unwrap_or(0),
            ack,
            l3: wire::low16(header.len),
            atomic: ip.is_atomic(),
        })
    }

    /// Translates and sends a plain packet, or gives it back for the general lane.
    #[inline]
    fn translate_plain(
        &mut self,
        mut buf: I::Buf,
        plain: &Plain,
        coming: &[Ahead],
        now: Nanos,
        passed: &mut [u64; 3],
    ) -> Option<I::Buf> {
        let confirmed = plain
            .guess
            .and_then(|guess| self.shard.confirm(plain.key, guess));
        let known = confirmed.or_else(|| self.shard.find(plain.key, plain.hash));
        let hit = if let Some(hit) = known {
            hit
        } else {
            let Some(stranger) = plain.stranger(&buf, coming) else {
                return Some(buf);
            };
            match self.open_plain(&buf, &stranger, now) {
                Opening::Opened(hit) => hit,
                Opening::Dropped(reason) => {
                    self.counters.verdict(reason);
                    return None;
                }
                Opening::Refused(reason) => {
                    self.refuse_plain(buf, &stranger, reason, now);
                    return None;
                }
                Opening::Unusual => return Some(buf),
            }
        };
        let epoch = self.router.epoch();
        // What cannot leave like this must not be counted as if it had.
        let Some((session, adjacency)) = self.shard.plain(hit).and_then(|session| {
            let adjacency = self
                .router
                .adjacency(session.egress(hit.direction, epoch)?)?;
            Some((session, adjacency))
        }) else {
            return Some(buf);
        };
        let egress = &adjacency.egress;
        if plain.len > u32::from(egress.mtu)
            || adjacency.stale
            || egress.l2_len != usize::from(plain.l3)
        {
            return Some(buf);
        }
        let hairpin = session.flags().has(Flags::PRESERVED);
        let full = session.pass(hit.direction, plain.len, plain.ack, now.ticks());
        let rewrite = session.rewrite(hit.direction);
        let id = (!plain.atomic && hit.direction == Direction::Outbound)
            .then(|| next_id(&mut self.ids, rewrite.address, plain.key));
        let frame = buf.bytes_mut();
        egress.write(frame);
        if let Some(packet) = frame.get_mut(usize::from(plain.l3)..) {
            emit::rewrite_plain(packet, plain.key.protocol(), &rewrite, id);
        }
        let port = egress.port;
        if full {
            self.shard.carry(hit.id);
        }
        let way = if hairpin { 2 } else { hit.direction as usize };
        if let Some(passed) = passed.get_mut(way) {
            *passed += 1;
        }
        self.transmit(port, buf);
        None
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
        self.counters
            .add(Counter::TxPackets, (frames - refused) as u64);
        self.counters.add(Counter::TxBytes, bytes);
        self.counters.add(Counter::TxDropped, refused as u64);
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
        next_id(&mut self.ids, outside, key)
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
            if let Some(Mark {
                punt: Punt::SynCheck,
                interface,
            }) = Mark::decode(buf.mark())
            {
                self.check_held_syn(buf, interface, now);
            } else {
                let port = buf.port();
                self.transmit(port, buf);
            }
        }
        moved
    }

    fn take_commands(&mut self, now: Nanos) {
        // One question at a time: the next waits until this one is answered.
        while self.cursor.is_none()
            && self.clear.is_none()
            && self.ended.is_none()
            && let Ok(command) = self.ports.commands.pop()
        {
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
                Command::Inspect(what) => self.cursor = Some(Cursor::new(what)),
                Command::Clear(filter) => self.clear = Some((filter, 0, 0)),
                Command::Change { layout, trial } => {
                    self.changing = self.shard.begin_change(layout, trial);
                    if !self.changing {
                        // Cannot be: whoever sends it waits for the one before.
                        self.ended = Some(0);
                    }
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

    /// One slice of whatever was asked for.
    fn inspect(&mut self, now: Nanos) {
        let events = &mut self.ports.events;
        let mut put = |row| events.push(Event::Row(row)).is_ok();
        if let Some(cursor) = &mut self.cursor
            && cursor.step(&self.shard, now.ticks(), &mut put)
        {
            self.cursor = None;
            self.ended = Some(0);
        }
        if let Some((filter, next, ended)) = &mut self.clear {
            let last = self.shard.session_slots().min(*next + 256);
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

    /// Tells the slow path what happened, as far as there is room.
    fn report(&mut self, now: Nanos) {
        let events = &mut self.ports.events;
        if let Some(retired) = self.retired.take()
            && let Err(rtrb::PushError::Full(Event::Retired(retired))) =
                events.push(Event::Retired(retired))
        {
            self.retired = Some(retired);
        }
        while !events.is_full()
            && let Some(notice) = self.shard.next_notice()
        {
            // There is room: nobody else fills this ring.
            let _ = events.push(Event::Notice(now, notice));
        }
    }
}

#[inline]
fn next_id(ids: &mut [u16; IDS], outside: u32, key: FlowKey) -> u16 {
    let mixed = (u64::from(outside) << 32 | u64::from(key.dst())) ^ u64::from(key.protocol());
    let place = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
    match usize::try_from(place)
        .ok()
        .and_then(|place| ids.get_mut(place))
    {
        Some(id) => {
            *id = id.wrapping_add(1);
            *id
        }
        None => 0,
    }
}
