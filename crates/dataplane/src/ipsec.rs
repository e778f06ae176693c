//! IPsec on the packet path: SPIs read, IKE observed, and what has to wait kept.
//!
//! ```text
//!  new SPI, or IKE that would agree upon one ─> window open for another host? ─yes─> waits
//!                                                                                     │
//!  asked again, in order, when a window closes, and ten times a second <──────────────┘
//! ```
//!
//! Owned by the worker. Bounded: so many packets, each so long.

use std::collections::VecDeque;

use appproto::ike::{Exchange, Hashes, Header, Traversing};
use base::{Counter, Direction, Nanos};
use nat::tunnels::{Encapsulation, Traversal, WINDOW};
use nat::{Attached, Gateway, Hit};
use pktio::{Io, PacketBuf, RingReceiver, RingSender};
use wire::ipv4::protocol;
use wire::udp;

use crate::general::Packet;
use crate::mark::Stage;
use crate::worker::Worker;

/// SPI and sequence number.
pub(crate) const ESP_HEADER: usize = 8;

/// Ports of IKE (RFC 7296 section 2, RFC 3947).
pub(crate) const IKE: u16 = 500;
pub(crate) const TRAVERSAL: u16 = 4500;

/// Packets that wait at most, and those of them of one host.
const MAX_WAITING: usize = 256;
const MAX_OF_A_HOST: usize = 32;

/// How long one waits: some windows of others.
const PATIENCE: Nanos = Nanos(3 * WINDOW.0 / 2);

/// How often those that wait are asked though no window has closed.
const ASK_EVERY: Nanos = Nanos(100_000_000);

/// The halves of the SPI of an ESP header, where keys have ports.
pub(crate) const fn halves(header: [u8; ESP_HEADER]) -> (u16, u16) {
    let [a, b, c, d, ..] = header;
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

/// Notes of a session at port 4500: payload was seen in a direction; it is kept alive.
const SEEN: u64 = 1;
const KEPT: u64 = 2;

#[derive(Debug)]
struct Held<B> {
    buf: B,
    source: u32,
    until: Nanos,
}

/// Packets that wait until it is clear whose SPIs are whose.
#[derive(Debug)]
pub(crate) struct Waiting<B> {
    queue: VecDeque<Held<B>>,
    /// While they are asked: how long the one that is asked would wait.
    asked: Option<Nanos>,
    /// Windows that had closed when they were asked last, and when the next look is due.
    closed: u64,
    next: Nanos,
}

impl<B> Waiting<B> {
    pub(crate) fn new() -> Self {
        Self {
            queue: VecDeque::with_capacity(MAX_WAITING),
            asked: None,
            closed: 0,
            next: Nanos(0),
        }
    }

    /// When the next look is due, if anything waits.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        let first = self.queue.front()?;
        Some(first.until.min(self.next))
    }

    /// Keeps a packet; gives it back if there is no room.
    fn keep(&mut self, buf: B, source: u32, now: Nanos) -> Result<(), B> {
        let of_host = self.queue.iter().filter(|held| held.source == source);
        if self.queue.len() >= MAX_WAITING || of_host.count() >= MAX_OF_A_HOST {
            return Err(buf);
        }
        if self.queue.is_empty() {
            self.next = now.plus(ASK_EVERY);
        }
        let until = self.asked.unwrap_or(now.plus(PATIENCE));
        self.queue.push_back(Held { buf, source, until });
        Ok(())
    }
}

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// The initiator's cookie of a message of IKE, where that may tell hosts apart.
    pub(crate) fn cookie(&self, buf: &I::Buf, packet: &Packet) -> Option<u64> {
        if !self.shard.is_by_cookie(packet.key) {
            return None;
        }
        let [initiator, _] = Header::read(payload(buf, packet)?)?.cookies;
        Some(initiator)
    }

    /// Whether a packet of a session may go as far as IPsec is concerned.
    pub(crate) fn ipsec(&mut self, buf: &I::Buf, packet: &Packet, hit: Hit) -> Result<(), Counter> {
        let key = packet.key;
        let now = packet.now.ticks();
        match key.protocol() {
            protocol::ESP => {
                let at = packet.l3 + packet.ip.header_len + 4;
                let seq = wire::be32(buf.bytes().get(at..).unwrap_or_default(), 0).unwrap_or(0);
                self.shard.on_esp(hit, key, seq, now)
            }
            protocol::UDP if key.src_port() == IKE || key.dst_port() == IKE => {
                let is_ike = self
                    .shard
                    .attached(hit.id)
                    .is_some_and(|attached| attached.gateway == Gateway::Ike && !attached.shadow);
                match payload(buf, packet).and_then(Header::read) {
                    Some(header)
                        if is_ike && header.exchange == Exchange::Child && !header.is_response =>
                    {
                        self.shard.negotiates(hit, header.message, now)
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// What must wait is kept, if there is room.
    pub(crate) fn refused_tunnel(
        &mut self,
        buf: I::Buf,
        packet: &Packet,
        reason: Counter,
    ) -> Counter {
        if reason != Counter::DropEspWaiting || packet.ip.is_fragment() {
            return reason;
        }
        match self.waiting.keep(buf, packet.ip.src, packet.now) {
            Ok(()) => Counter::HoldEsp,
            Err(_) => reason,
        }
    }

    /// Asks those that wait again, when that may have become of use.
    pub(crate) fn ask_waiting(&mut self, now: Nanos) {
        if self.waiting.queue.is_empty() {
            return;
        }
        let closed = self.shard.tunnels.windows_closed();
        if closed == self.waiting.closed && self.waiting.next_due().is_none_or(|due| now < due) {
            return;
        }
        self.waiting.closed = closed;
        self.waiting.next = now.plus(ASK_EVERY);
        for _ in 0..self.waiting.queue.len() {
            let Some(held) = self.waiting.queue.pop_front() else {
                break;
            };
            if held.until <= now {
                self.counters.bump(Counter::HoldEspDropped);
                continue;
            }
            self.waiting.asked = Some(held.until);
            let end = self.again(held.buf, Stage::Received, now);
            self.waiting.asked = None;
            match end.map(|reason| (reason, reason.is_reason())) {
                Some((Counter::HoldEsp, _)) => {}
                Some((_, Some(Counter::VerdictDrop))) => {
                    self.counters.bump(Counter::HoldEspDropped);
                }
                _ => self.counters.bump(Counter::HoldEspSent),
            }
        }
    }

    /// Notes what a message of IKE says.
    pub(crate) fn look_at_ike<B: PacketBuf>(
        &mut self,
        buf: &mut B,
        packet: &Packet,
        hit: Hit,
        mut attached: Attached,
    ) {
        if attached.released {
            return;
        }
        let Some(bytes) = payload(buf, packet) else {
            return;
        };
        let now = packet.now.ticks();
        let Some((gate, inside)) = self.shard.tunnel_ends(hit) else {
            return;
        };
        let rewrite = self.shard.rewrite(hit.id, Direction::Outbound);
        let [note, _] = &mut attached.notes;
        if attached.port == TRAVERSAL && *note & KEPT == 0 && hit.direction == Direction::Outbound {
            // Once for a session, whatever comes of it.
            *note |= KEPT;
            if self.keep_alive(packet, hit) {
                self.shard.remember(attached);
            }
        }
        let way = hit.direction as usize;
        let message = if attached.port == TRAVERSAL {
            match Traversing::read(bytes) {
                Traversing::Ike(message) => Some(message),
                Traversing::Esp(spi) => {
                    if let Some(peer) = self.shard.tunnels.join(gate, inside, now) {
                        peer.encapsulation = Encapsulation::Udp;
                        if let Some(spis) = peer.spis.get_mut(way) {
                            spis.note(spi);
                        }
                    }
                    let rule = usize::from(inside.rule);
                    if self.shard.encapsulates(rule, inside.address, gate.remote) {
                        if hit.direction == Direction::Inbound {
                            self.decapsulate(buf, packet, hit);
                        }
                        return;
                    }
                    // The rest is payload, which nobody needs to look at.
                    if let Some(seen) = attached.notes.get_mut(way) {
                        *seen |= SEEN;
                    }
                    let released = attached.notes.iter().all(|note| note & SEEN != 0);
                    self.shard.remember(attached);
                    if released {
                        self.shard.release_gateway(hit.id);
                    }
                    None
                }
                Traversing::Keepalive | Traversing::Other => None,
            }
        } else {
            Some(bytes)
        };
        let Some((message, header)) = message.and_then(|bytes| Some((bytes, Header::read(bytes)?)))
        else {
            return;
        };
        self.shard.tally_mut(Gateway::Ike).messages += 1;
        let from = (
            core::net::Ipv4Addr::from_bits(packet.ip.src),
            packet.key.src_port(),
        );
        let said = header.said(message, from);
        let Some(peer) = self.shard.tunnels.join(gate, inside, now) else {
            return;
        };
        peer.ike = header.version;
        if header.cookies != peer.cookies && header.exchange != Exchange::Other {
            let [known, _] = peer.cookies;
            let [initiator, responder] = header.cookies;
            if known != initiator || responder != 0 {
                peer.cookies = header.cookies;
            }
        }
        if let Some(supports) = peer.supports.get_mut(way) {
            *supports |= said.supports;
        }
        if hit.direction == Direction::Outbound {
            let same = rewrite
                .is_some_and(|rewrite| !rewrite.new_port && rewrite.address == packet.ip.src);
            peer.traversal = match (said.hashes, same) {
                (Hashes::None, _) => peer.traversal,
                (Hashes::Right, true) => Traversal::Same,
                (Hashes::Right, false) => Traversal::Differs,
                (Hashes::Wrong, _) => Traversal::Before,
                (Hashes::Unknown, _) => Traversal::Unknown,
            };
        }
    }
}

/// The payload of a datagram.
fn payload<'a, B: PacketBuf>(buf: &'a B, packet: &Packet) -> Option<&'a [u8]> {
    if packet.ip.is_fragment() {
        return None;
    }
    let at = packet.l3 + packet.ip.header_len + udp::HEADER_LEN;
    buf.bytes().get(at..packet.l3 + packet.ip.total_len)
}
