//! The plain lane: packets of known sessions, a wave of bursts at a time.
//!
//! ```text
//!  receive ─> classify ─> index line on its way │ one burst of each port,
//!             guess ────> session line on its way │ 128 packets and more at once
//!             decide ───> what to write           │
//!             take_steps ─> send                  │ whatever is left: general lane
//! ```
//!
//! Each step goes over the whole wave before the next begins, so that the memory
//! one packet waits for is loaded while others are worked on. A wave is what is
//! there: nobody waits for more packets.
//!
//! Plain is a packet whose fate needs nothing but its session: unicast to us, IPv4
//! without options, whole, TTL left, UDP or TCP. If its session is not known, one is
//! opened at once where nothing about that is unusual (`opening.rs`). Whatever else
//! there is, is looked at again from its first byte in the general lane (`general.rs`),
//! which decides why a packet is dropped.

use arrayvec::ArrayVec;
use base::{Counter, Direction, Nanos};
use nat::{Ahead, Flags, FlowKey, Guess, Hit, NO_ADJACENCY, Session};
use pktio::{BURST, Burst, Io, PacketBuf, PortId, RingReceiver, RingSender};
use wire::ethernet::Tags;
use wire::ipv4::{self, protocol};
use wire::{ChecksumDelta, checksum, ethernet, tcp, udp};

use crate::emit::Egress;
use crate::general::read_segment;
use crate::ids::Ids;
use crate::opening::{Opening, Stranger};
use crate::topology::Interface;
use crate::worker::Worker;

/// Bursts looked up together, at least where so much is waiting.
const WAVE: usize = 4;

/// What classification found out about a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain {
    pub(crate) key: FlowKey,
    pub(crate) hash: u64,
    guess: Guess,
    ack: u32,
    /// Of the IP packet; zero for a packet that is not plain.
    len: u16,
    l3: u8,
    /// Neither a fragment nor ever to become one.
    atomic: bool,
    /// A segment with SYN, FIN or RST, or without ACK.
    control: bool,
    /// Place among the first packets that are seen coming; beyond them if it is none.
    ahead: u8,
}

impl Plain {
    const NOT: Self = Self {
        key: FlowKey::new(0, 0, 0, 0, 0, 0),
        hash: 0,
        guess: Guess::NONE,
        ack: 0,
        len: 0,
        l3: 0,
        atomic: false,
        control: false,
        ahead: u8::MAX,
    };

    /// Plain without tags, and no SYN, which waits for an answer.
    const fn may_be_unwanted(&self) -> bool {
        self.len > 0 && !self.control && self.l3 as usize == ethernet::HEADER_LEN
    }

    /// As one without a session.
    fn stranger<'a>(&self, buf: &impl PacketBuf, coming: &'a [Ahead]) -> Option<Stranger<'a>> {
        let segment = if self.key.protocol() == protocol::TCP {
            let packet = buf.bytes().get(usize::from(self.l3)..)?;
            let bytes = packet.get(ipv4::HEADER_LEN..usize::from(self.len))?;
            Some(read_segment(bytes).ok()?.1)
        } else {
            None
        };
        Some(Stranger {
            key: self.key,
            segment,
            len: self.len,
            l3: self.l3,
            ahead: coming.get(usize::from(self.ahead)),
        })
    }
}

/// What is to be written into a packet, which has no options.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Fields as they lie in a packet.
    address: u32,
    port: u16,
    id: u16,
    ip_delta: ChecksumDelta,
    transport_delta: ChecksumDelta,
    adjacency: u16,
    l3: u8,
    marks: u8,
}

const _: () = assert!(size_of::<Step>() == 16);

impl Step {
    /// None: to be looked at in the general lane.
    const GENERAL: Self = Self {
        address: 0,
        port: 0,
        id: 0,
        ip_delta: ChecksumDelta::NONE,
        transport_delta: ChecksumDelta::NONE,
        adjacency: NO_ADJACENCY,
        l3: 0,
        marks: 0,
    };
    const INBOUND: u8 = 1;
    const TCP: u8 = 2;
    const NEW_ID: u8 = 4;
    /// Without adjacency: dropped, and counted.
    const DROPPED: u8 = 8;
    /// Without adjacency: dropped, its sender may be told; the reason is in `port`.
    const REFUSED: u8 = 16;

    /// The packet is dropped, and counted already.
    const fn drop_it(&mut self) {
        self.adjacency = NO_ADJACENCY;
        self.marks = Self::DROPPED;
    }

    /// Field by field: a whole one copied from the stack would wait for its parts.
    #[inline]
    fn fill(
        &mut self,
        session: &Session,
        direction: Direction,
        plain: &Plain,
        adjacency: u16,
        ids: &mut Ids,
    ) {
        let rewrite = session.rewrite(direction);
        self.address = rewrite.address.to_be();
        self.port = rewrite.port.to_be();
        self.ip_delta = rewrite.ip_delta;
        self.transport_delta = rewrite.transport_delta;
        self.adjacency = adjacency;
        self.l3 = plain.l3;
        self.marks = direction as u8;
        if plain.key.protocol() == protocol::TCP {
            self.marks |= Self::TCP;
        }
        if !plain.atomic && direction == Direction::Outbound {
            self.marks |= Self::NEW_ID;
            self.id = ids.next(rewrite.address, plain.key).to_be();
        }
    }

    /// Writes the Ethernet header, address, port, TTL, possibly a new identification, and
    /// both checksums.
    #[inline]
    fn write(&self, frame: &mut [u8], egress: &Egress) {
        egress.write(frame);
        let Some((ip, segment)) = frame
            .get_mut(usize::from(self.l3)..)
            .and_then(<[u8]>::split_first_chunk_mut::<{ ipv4::HEADER_LEN }>)
        else {
            return;
        };
        let mut delta = self.ip_delta.wide().and(ChecksumDelta::TTL_DECREMENT);
        ip[8] = ip[8].wrapping_sub(1);
        if self.marks & Self::NEW_ID != 0 {
            delta = delta.replace_raw(u16::from_ne_bytes([ip[4], ip[5]]), self.id);
            [ip[4], ip[5]] = self.id.to_ne_bytes();
        }
        [ip[10], ip[11]] = delta
            .apply_raw(u16::from_ne_bytes([ip[10], ip[11]]))
            .to_ne_bytes();
        let Some(ports) = segment.first_chunk_mut::<4>() else {
            return;
        };
        if self.marks & Self::INBOUND == 0 {
            [ip[12], ip[13], ip[14], ip[15]] = self.address.to_ne_bytes();
            [ports[0], ports[1]] = self.port.to_ne_bytes();
        } else {
            [ip[16], ip[17], ip[18], ip[19]] = self.address.to_ne_bytes();
            [ports[2], ports[3]] = self.port.to_ne_bytes();
        }
        if self.marks & Self::TCP != 0 {
            checksum::patch(segment, 16, self.transport_delta);
        } else {
            udp::patch_checksum(segment, self.transport_delta);
        }
    }
}

/// A burst and what was found out about it, packet by packet.
#[derive(Debug)]
pub(crate) struct Part<B> {
    bufs: Burst<B>,
    found: [Plain; BURST],
    steps: [Step; BURST],
    /// Those of them that will probably open sessions.
    coming: ArrayVec<Ahead, BURST>,
    /// Where it came in.
    port: PortId,
    /// Untagged ones are from outside, where ports alone decide about first packets.
    outside: bool,
    /// Of all frames together.
    bytes: u64,
}

impl<B: PacketBuf> Part<B> {
    /// Takes those packets out that `goes` says yes to.
    pub(crate) fn sift(&mut self, out: &mut Burst<B>, mut goes: impl FnMut(&B, &Plain) -> bool) {
        let mut stay = Burst::new();
        for (at, buf) in self.bufs.drain(..).enumerate() {
            let Some(plain) = self.found.get(at).copied() else {
                continue;
            };
            if goes(&buf, &plain) {
                self.bytes -= buf.bytes().len() as u64;
                out.push(buf);
            } else {
                if let Some(place) = self.found.get_mut(stay.len()) {
                    *place = plain;
                }
                stay.push(buf);
            }
        }
        self.bufs = stay;
    }
}

/// Bursts on their way, and where they are kept.
#[derive(Debug)]
pub(crate) struct Wave<B> {
    parts: ArrayVec<Box<Part<B>>, WAVE>,
}

impl<B> Wave<B> {
    pub(crate) fn new() -> Self {
        let part = || {
            Box::new(Part {
                bufs: Burst::new(),
                found: [Plain::NOT; BURST],
                steps: [Step::GENERAL; BURST],
                coming: ArrayVec::new(),
                port: PortId(0),
                outside: false,
                bytes: 0,
            })
        };
        Self {
            parts: (0..WAVE).map(|_| part()).collect(),
        }
    }

    /// Nothing, while the wave is being worked on.
    const fn away() -> Self {
        Self {
            parts: ArrayVec::new_const(),
        }
    }
}

/// Ports where most packets lately were for nobody, as a bit each; those beyond 64 never are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Floods(u64);

impl Floods {
    const fn bit(PortId(port): PortId) -> u64 {
        if port < 64 { 1 << port } else { 0 }
    }

    const fn has(self, port: PortId) -> bool {
        self.0 & Self::bit(port) != 0
    }

    /// So many packets of a burst were for nobody.
    const fn note(&mut self, port: PortId, unwanted: usize, of: usize) {
        if unwanted * 2 > of {
            self.0 |= Self::bit(port);
        } else {
            self.0 &= !Self::bit(port);
        }
    }
}

/// What untagged frames of a port must be like.
#[derive(Clone, Copy, Debug)]
struct Entrance {
    /// Destination address, in the order of the bytes, and what of it matters.
    mac: u64,
    mask: u64,
    realm: nat::Realm,
}

impl Entrance {
    fn new(interface: &Interface) -> Self {
        let [a0, a1, a2, a3, a4, a5] = interface.mac.0;
        Self {
            mac: u64::from_le_bytes([a0, a1, a2, a3, a4, a5, 0, 0]),
            mask: if interface.any_mac { 0 } else { u64::MAX >> 16 },
            realm: interface.realm,
        }
    }
}

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Takes what is waiting at the ports; answers how many packets that were.
    pub(crate) fn take_packets(&mut self, now: Nanos) -> usize {
        let mut wave = core::mem::replace(&mut self.wave, Wave::away());
        let (mut moved, mut filled) = (0, 0);
        // A port that fills a burst while the wave has room is asked once more.
        for round in 0..WAVE {
            let mut more = false;
            for port in 0..self.io.ports() {
                if let Some(part) = wave.parts.get_mut(filled) {
                    self.io.receive(PortId(port), &mut part.bufs);
                    if part.bufs.is_empty() {
                        continue;
                    }
                    moved += part.bufs.len();
                    more |= part.bufs.is_full();
                    self.received(PortId(port), part, now);
                    // Of a flood nothing may be left.
                    filled += usize::from(!part.bufs.is_empty());
                }
                if filled == WAVE {
                    self.finish(&mut wave, now);
                    filled = 0;
                    more = false;
                }
            }
            if !more || round + 1 == WAVE {
                break;
            }
        }
        self.finish(&mut wave, now);
        self.wave = wave;
        moved
    }

    /// The first step, over one burst.
    fn received(&mut self, port: PortId, part: &mut Part<I::Buf>, now: Nanos) {
        let entrance = self
            .router
            .interface_of(port, Tags::NONE)
            .and_then(|number| self.router.interface(number))
            .map(Entrance::new);
        part.port = port;
        part.outside = self.is_plainly_outside(port);
        let glance = self.shard.glance();
        part.bytes = 0;
        for (buf, found) in part.bufs.iter().zip(&mut part.found) {
            let frame = buf.bytes();
            part.bytes += frame.len() as u64;
            let verified = buf.ip_checksum_verified();
            match self.classify(frame, port, entrance, verified, found) {
                Some(()) => found.hash = glance.begin(found.key),
                None => found.len = 0,
            }
        }
        self.counters
            .add(Counter::RxPackets, part.bufs.len() as u64);
        self.counters.add(Counter::RxBytes, part.bytes);
        if self.tracer.is_on() {
            self.take_out(part);
        }
        if self.shard.has_guard() {
            self.keep_out(part, now);
        }
        if part.outside && self.floods.has(port) {
            self.thin_out(part, now);
        }
    }

    /// Drops what nobody wants of a burst before any session is looked for, at a port where that
    /// has been most of what came lately: a flood costs less than what it is to keep out.
    #[inline(never)]
    fn thin_out(&mut self, part: &mut Part<I::Buf>, now: Nanos) {
        let received = part.bufs.len();
        let mut unwanted = Burst::new();
        part.sift(&mut unwanted, |_, plain| {
            let goes = plain.may_be_unwanted() && self.is_unwanted(plain.key);
            if goes {
                self.note_unwanted(plain.key, now);
            }
            goes
        });
        let count = unwanted.len();
        if let Some(buf) = unwanted.first() {
            self.keep_drop(buf, Counter::DropNoMapping, now);
        }
        self.io.discard(&mut unwanted);
        self.drop_unwanted(count);
        self.floods.note(part.port, count, received);
    }

    /// Keeps the header of a dropped packet; of what is dropped together that of one will do.
    #[inline(never)]
    fn keep_drop(&mut self, buf: &I::Buf, reason: Counter, now: Nanos) {
        let recent = &mut self.tracer.recent;
        recent.keep(buf.bytes(), buf.port(), reason, now);
    }

    /// Leaves to the general lane what may be traced.
    #[cold]
    fn take_out(&mut self, part: &mut Part<I::Buf>) {
        let mut out: ArrayVec<usize, BURST> = ArrayVec::new();
        let flows = part.found.iter().map(|plain| (plain.key, plain.hash));
        self.pick_out(&part.bufs, flows, |nth| out.push(nth));
        for nth in out {
            if let Some(plain) = part.found.get_mut(nth) {
                plain.len = 0;
            }
        }
    }

    fn drop_unwanted(&mut self, count: usize) {
        self.counters.add(Counter::DropNoMapping, count as u64);
        self.counters.add(Counter::VerdictDrop, count as u64);
    }

    /// The other steps, over the wave.
    fn finish(&mut self, wave: &mut Wave<I::Buf>, now: Nanos) {
        let glance = self.shard.glance();
        for part in &mut wave.parts {
            for plain in part.found.iter_mut().take(part.bufs.len()) {
                plain.guess = glance.guess(plain.hash);
            }
        }
        for part in &mut wave.parts {
            let glance = self.shard.glance();
            let mut strangers = false;
            for plain in part.found.iter_mut().take(part.bufs.len()) {
                if plain.guess.is_further() {
                    plain.guess = glance.guess_further(plain.hash);
                }
                strangers |= plain.guess.is_none();
            }
            part.coming.clear();
            if strangers && !part.outside {
                self.look_ahead(part);
            }
        }
        let sessions = self.shard.sessions_created();
        for part in &mut wave.parts {
            let (mut passed, mut unwanted) = ([0; 3], 0);
            let bufs = part.bufs.iter_mut();
            for ((buf, plain), step) in bufs.zip(&part.found).zip(&mut part.steps) {
                let hit = self.known(plain, sessions);
                let decided = match hit {
                    Some(hit) => self.decide(buf, hit, plain, step, now, &mut passed),
                    None if part.outside
                        && plain.may_be_unwanted()
                        && self.is_unwanted(plain.key) =>
                    {
                        if unwanted == 0 {
                            self.keep_drop(buf, Counter::DropNoMapping, now);
                        }
                        unwanted += 1;
                        self.note_unwanted(plain.key, now);
                        step.drop_it();
                        Some(())
                    }
                    None => self.admit(buf, plain, &part.coming, step, now, &mut passed),
                };
                if decided.is_none() {
                    step.adjacency = NO_ADJACENCY;
                    step.marks = 0;
                }
            }
            self.count_passed(passed);
            if unwanted > 0 {
                self.drop_unwanted(unwanted);
                self.floods.note(part.port, unwanted, part.bufs.len());
            }
            self.take_steps(part, now);
        }
    }

    /// Loads what the first packets of a burst will touch.
    #[inline(never)]
    fn look_ahead(&mut self, part: &mut Part<I::Buf>) {
        let port = part.bufs.first().map(PacketBuf::port);
        let untagged = port.and_then(|port| self.opens_from(port));
        for (buf, plain) in part.bufs.iter().zip(&mut part.found) {
            if plain.len > 0
                && plain.guess.is_none()
                && let Some(ahead) = self.ahead(buf, (plain.key, plain.l3), untagged)
            {
                plain.ahead = wire::low8(part.coming.len());
                part.coming.push(ahead);
            }
        }
        self.shard.look_ahead(&mut part.coming);
    }

    /// The session of a plain packet. None was found when there had been so many.
    #[inline]
    fn known(&self, plain: &Plain, sessions: u64) -> Option<Hit> {
        if plain.len == 0 {
            return None;
        }
        let confirmed = self.shard.confirm(plain.key, plain.guess);
        if confirmed.is_some() {
            return confirmed;
        }
        if plain.guess.is_none() && self.shard.sessions_created() == sessions {
            return None;
        }
        self.shard.find(plain.key, plain.hash)
    }

    /// Decides about a packet without a session: opens one, or says why not.
    #[inline(never)]
    fn admit(
        &mut self,
        buf: &mut I::Buf,
        plain: &Plain,
        coming: &[Ahead],
        step: &mut Step,
        now: Nanos,
        passed: &mut [u64; 3],
    ) -> Option<()> {
        if plain.len == 0 {
            return None;
        }
        let stranger = plain.stranger(buf, coming)?;
        match self.open_plain(buf, &stranger, now) {
            Opening::Opened(hit) => self.decide(buf, hit, plain, step, now, passed),
            Opening::Dropped(reason) => {
                self.counters.verdict(reason);
                if reason == Counter::DropNoMapping {
                    self.note_unwanted(plain.key, now);
                }
                self.keep_drop(buf, reason, now);
                step.drop_it();
                Some(())
            }
            Opening::Refused(reason) => {
                step.adjacency = NO_ADJACENCY;
                step.marks = Step::REFUSED;
                step.port = reason as u16;
                Some(())
            }
            Opening::Unusual => None,
        }
    }

    fn count_passed(&mut self, [outbound, inbound, hairpin]: [u64; 3]) {
        self.counters.add(Counter::ForwardOutbound, outbound);
        self.counters.add(Counter::ForwardInbound, inbound);
        self.counters.add(Counter::ForwardHairpin, hairpin);
        self.counters
            .add(Counter::VerdictForward, outbound + inbound + hairpin);
    }

    /// Finds out about a packet if it is plain; says nothing about why not.
    #[inline]
    fn classify(
        &self,
        frame: &[u8],
        port: PortId,
        entrance: Option<Entrance>,
        checksum_verified: bool,
        found: &mut Plain,
    ) -> Option<()> {
        let front = frame.first_chunk::<{ ethernet::HEADER_LEN }>()?;
        let [d0, d1, d2, d3, d4, d5, s0, s1, .., t0, t1] = *front;
        let (entrance, l3) = if u16::from_be_bytes([t0, t1]) == ethernet::IPV4 {
            (entrance?, ethernet::HEADER_LEN)
        } else {
            self.tagged(frame, port)?
        };
        let to = u64::from_le_bytes([d0, d1, d2, d3, d4, d5, s0, s1]);
        if (to ^ entrance.mac) & entrance.mask != 0 {
            return None;
        }
        let packet = frame.get(l3..)?;
        let ip = ipv4::Usual::parse(packet, checksum_verified)?;
        let payload = packet.get(ipv4::HEADER_LEN..usize::from(ip.total_len))?;
        let (control, ack) = match ip.protocol {
            protocol::UDP => {
                udp::ports(payload, payload.len(), false).ok()?;
                (false, 0)
            }
            protocol::TCP => {
                let header = tcp::Header::parse(payload).ok()?;
                let flags = header.flags & (tcp::SYN | tcp::FIN | tcp::RST | tcp::ACK);
                (flags != tcp::ACK, header.ack)
            }
            _ => return None,
        };
        found.key = FlowKey::of_words(ip.addresses, ip.ports, ip.protocol, entrance.realm);
        found.ack = ack;
        found.len = ip.total_len;
        found.l3 = wire::low8(l3);
        found.atomic = ip.is_atomic;
        found.control = control;
        found.ahead = u8::MAX;
        Some(())
    }

    /// What a frame with tags must be like, and where its packet begins.
    #[inline(never)]
    fn tagged(&self, frame: &[u8], port: PortId) -> Option<(Entrance, usize)> {
        let header = ethernet::parse(frame).ok()?;
        if header.ether_type != ethernet::IPV4 {
            return None;
        }
        let number = self.router.interface_of(port, header.tags)?;
        let interface = self.router.interface(number)?;
        Some((Entrance::new(interface), header.len))
    }

    /// Says what becomes of a packet with a session, and lets that know. `None`,
    /// and nothing changed, if that is for the general lane.
    #[inline]
    fn decide(
        &mut self,
        buf: &mut I::Buf,
        hit: Hit,
        plain: &Plain,
        step: &mut Step,
        now: Nanos,
        passed: &mut [u64; 3],
    ) -> Option<()> {
        let epoch = self.router.epoch();
        let session = self.shard.session_mut(hit.id)?;
        // What cannot leave like this must not be counted as if it had.
        if let Some(number) = session.way(hit.direction, epoch)
            && !plain.control
            && self.router.lets(number, plain.l3, plain.len)
        {
            let len = u32::from(plain.len);
            let full = session.pass(hit.direction, len, plain.ack, now.ticks());
            step.fill(session, hit.direction, plain, number, &mut self.ids);
            if full {
                self.shard.carry(hit.id);
            }
            if let Some(passed) = passed.get_mut(hit.direction as usize) {
                *passed += 1;
            }
            return Some(());
        }
        self.prepare(buf, hit, plain, step, now, passed)
    }

    /// The same for a packet that may not simply pass: it may change the state of a TCP
    /// connection, is the first one in its direction, or a hairpin that keeps its source.
    #[inline(never)]
    fn prepare(
        &mut self,
        buf: &mut I::Buf,
        hit: Hit,
        plain: &Plain,
        step: &mut Step,
        now: Nanos,
        passed: &mut [u64; 3],
    ) -> Option<()> {
        let epoch = self.router.epoch();
        let session = self.shard.session(hit.id)?;
        let flags = session.flags();
        if flags.has(Flags::SPECIAL) || session.has_gateway() {
            return None;
        }
        let number = if let Some(number) = session.egress(hit.direction, epoch) {
            number
        } else {
            let to = session.destination(hit.direction);
            let hop = self.router.route(session.egress_realm(hit.direction), to)?;
            self.router.adjacency_of(hop)?
        };
        if !self.router.lets(number, plain.l3, plain.len) {
            return None;
        }
        let len = u32::from(plain.len);
        if plain.control || flags.has(Flags::RESTLESS) {
            let packet = buf.bytes().get(usize::from(plain.l3)..)?;
            let segment = packet.get(ipv4::HEADER_LEN..usize::from(plain.len))?;
            let (_, segment) = read_segment(segment).ok()?;
            let syn = segment.flags & tcp::SYN != 0;
            let followed = self.shard.on_packet(hit, Some(&segment), len, now.ticks());
            followed.ok()?;
            if syn && self.router.clamps() {
                self.clamp_plain(buf, plain, number);
            }
        } else if self
            .shard
            .session_mut(hit.id)?
            .pass(hit.direction, len, plain.ack, now.ticks())
        {
            self.shard.carry(hit.id);
        }
        self.shard
            .cache_egress(hit.id, hit.direction, number, epoch);
        let way = if flags.has(Flags::PRESERVED) {
            2
        } else {
            hit.direction as usize
        };
        if let Some(passed) = passed.get_mut(way) {
            *passed += 1;
        }
        let session = self.shard.session(hit.id)?;
        step.fill(session, hit.direction, plain, number, &mut self.ids);
        Some(())
    }

    /// Lowers the MSS of a SYN, as the interfaces it comes and leaves by want it.
    #[inline(never)]
    fn clamp_plain(&mut self, buf: &mut I::Buf, plain: &Plain, number: u16) -> Option<()> {
        let came = self.came_by(buf, plain.l3)?;
        let leaves = self.router.adjacency(number)?.hop.interface;
        let limit = self.router.mss_limit(came, leaves)?;
        let packet = buf.bytes_mut().get_mut(usize::from(plain.l3)..)?;
        let segment = packet.get_mut(ipv4::HEADER_LEN..usize::from(plain.len))?;
        let header = tcp::Header::parse(segment).ok()?;
        if tcp::clamp_mss(segment, header.len, limit) {
            self.counters.bump(Counter::TcpMssClamped);
        }
        Some(())
    }

    /// Writes and sends packets, or takes them to the general lane.
    fn take_steps(&mut self, part: &mut Part<I::Buf>, now: Nanos) {
        let steps = part.steps.get(..part.bufs.len()).unwrap_or_default();
        let Some(first) = steps.first().map(|step| step.adjacency) else {
            return;
        };
        if steps.iter().all(|step| step.adjacency == first)
            && let Some(egress) = self.router.egress(first).copied()
        {
            // All leave together: as a rule they do.
            for (buf, step) in part.bufs.iter_mut().zip(steps) {
                step.write(buf.bytes_mut(), &egress);
            }
            self.transmit_all(egress.port, &mut part.bufs, part.bytes);
            return;
        }
        if first == NO_ADJACENCY && steps.iter().all(|step| step.marks & Step::DROPPED != 0) {
            // A flood.
            return self.io.discard(&mut part.bufs);
        }
        for ((mut buf, step), plain) in part.bufs.drain(..).zip(steps).zip(&part.found) {
            if let Some(egress) = self.router.egress(step.adjacency) {
                step.write(buf.bytes_mut(), egress);
                let port = egress.port;
                self.transmit(port, buf);
            } else if step.marks & Step::REFUSED != 0 {
                self.refuse(buf, plain, step.port, now);
            } else if step.marks & Step::DROPPED == 0 {
                self.general(buf, now);
            }
        }
    }

    /// Drops a packet that gets no session.
    #[cold]
    fn refuse(&mut self, buf: I::Buf, plain: &Plain, reason: u16, now: Nanos) {
        match (
            plain.stranger(&buf, &[]),
            Counter::ALL.get(usize::from(reason)),
        ) {
            (Some(stranger), Some(reason)) => self.refuse_plain(buf, &stranger, *reason, now),
            _ => self.general(buf, now),
        }
    }
}
