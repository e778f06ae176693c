//! NAT keepalives for inside hosts (RFC 3948 section 4).
//!
//! A session at port 4500 of a host that is listed gets a datagram of one byte towards the
//! gateway whenever nothing has been said in it for a while, as if the host had sent it. When
//! neither the host nor the gateway has said anything for an hour that ends.
//!
//! Owned by the worker. Bounded: so many sessions.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use base::{Counter, Nanos, Ticks};
use nat::{FlowKey, Hit, SessionId};
use pktio::{Io, PacketBuf, RingReceiver, RingSender};
use wire::ipv4::{self, NewHeader, protocol};
use wire::{ethernet, udp};

use crate::general::Packet;
use crate::mark::Stage;
use crate::worker::Worker;

/// Sessions at most.
const MAX_SESSIONS: usize = 1 << 12;

/// After so long without a word of either side a session is left alone.
const GIVE_UP: Nanos = Nanos::from_secs(3600);

/// Sessions looked at in a turn.
const SLICE: usize = 16;

#[derive(Clone, Copy, Debug)]
struct Kept {
    due: Nanos,
    session: SessionId,
    key: FlowKey,
    interface: u16,
    interval: Nanos,
    /// Packets there were when either side was last heard of, ours included, and when that was.
    packets: u64,
    heard: Nanos,
}

/// By what is due first.
impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Kept {}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (
            self.due,
            self.key.src(),
            self.key.dst(),
            self.key.src_port(),
        )
            .cmp(&(
                other.due,
                other.key.src(),
                other.key.dst(),
                other.key.src_port(),
            ))
    }
}

/// The sessions that are kept alive.
#[derive(Debug, Default)]
pub(crate) struct Keepalives {
    queue: BinaryHeap<Reverse<Kept>>,
}

impl Keepalives {
    /// When one is due next.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        self.queue.peek().map(|Reverse(first)| first.due)
    }
}

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Begins to keep a session of this packet alive, if its host is listed.
    pub(crate) fn keep_alive(&mut self, packet: &Packet, hit: Hit) -> bool {
        let Some(view) = self.shard.session_view(hit.id) else {
            return false;
        };
        let Some(interval) = self
            .shard
            .keepalive(usize::from(view.rule), view.out_key.src())
        else {
            return false;
        };
        if self.keepalives.queue.len() >= MAX_SESSIONS {
            return false;
        }
        let due = packet.now.plus(self.shard.tunnels.jittered(interval));
        self.keepalives.queue.push(Reverse(Kept {
            due,
            session: hit.id,
            key: view.out_key,
            interface: packet.interface,
            interval,
            packets: 0,
            heard: packet.now,
        }));
        true
    }

    /// Sends what is due.
    pub(crate) fn send_keepalives(&mut self, now: Nanos) {
        for _ in 0..SLICE {
            if self.keepalives.next_due().is_none_or(|due| now < due) {
                return;
            }
            let Some(Reverse(mut kept)) = self.keepalives.queue.pop() else {
                return;
            };
            let view = self.shard.session_view(kept.session);
            let Some(view) = view.filter(|view| view.out_key == kept.key) else {
                continue;
            };
            let [out, back] = view.packets;
            if out + back > kept.packets {
                (kept.packets, kept.heard) = (out + back, now);
            }
            if now.since(kept.heard) >= GIVE_UP {
                continue;
            }
            let interval = Ticks::in_duration(kept.interval);
            let quiet = now.ticks().since(view.last_seen);
            if quiet.saturating_add(interval / 16) >= interval && self.send_keepalive(&kept, now) {
                kept.packets += 1;
                self.counters.bump(Counter::EspKeepalive);
            }
            kept.due = now.plus(self.shard.tunnels.jittered(kept.interval));
            self.keepalives.queue.push(Reverse(kept));
        }
    }

    /// One datagram, as if the host had sent it.
    fn send_keepalive(&mut self, kept: &Kept, now: Nanos) -> bool {
        let Some((mac, tags, port)) = self
            .router
            .interface(kept.interface)
            .map(|found| (found.mac, found.tags, found.port))
        else {
            return false;
        };
        let Some(mut buf) = self.io.allocate() else {
            return false;
        };
        let l3 = ethernet::HEADER_LEN + tags.len();
        let len = ipv4::HEADER_LEN + udp::HEADER_LEN + 1;
        buf.set_port(port);
        if !buf.set_len(l3 + len) {
            return false;
        }
        let frame = buf.bytes_mut();
        frame.fill(0);
        ethernet::write(frame, mac, mac, tags, ethernet::IPV4);
        let Some(packet) = frame.get_mut(l3..) else {
            return false;
        };
        let header = NewHeader {
            src: core::net::Ipv4Addr::from_bits(kept.key.src()),
            dst: kept.key.destination(),
            protocol: protocol::UDP,
            tos: 0,
            ttl: 65,
            id: 0,
        };
        ipv4::write(packet, &header);
        if let Some(datagram) = packet.get_mut(ipv4::HEADER_LEN..) {
            wire::put16(datagram, 0, kept.key.src_port());
            wire::put16(datagram, 2, kept.key.dst_port());
            wire::put16(datagram, 4, wire::low16(udp::HEADER_LEN + 1));
            if let Some(byte) = datagram.get_mut(udp::HEADER_LEN) {
                *byte = appproto::ike::KEEPALIVE;
            }
        }
        self.again(buf, Stage::Received, now)
            .and_then(Counter::is_reason)
            == Some(Counter::VerdictForward)
    }
}
