//! ESP in UDP (RFC 3948 section 3) for inside hosts that do not do it themselves.
//!
//! ```text
//!  inside   IP(50) | ESP ...   <──>   IP(17) | UDP 4500, 4500, length, 0 | ESP ...   outside
//! ```
//!
//! What is in the ESP is not touched, so tunnel and transport mode are the same here. The
//! datagram is translated as any other; its checksum is left out, as the RFC would have it.

use nat::FlowKey;
use nat::settings::Action;
use nat::{Hit, Match};
use pktio::{Io, PacketBuf, RingReceiver, RingSender};
use wire::ipv4::{self, protocol};
use wire::{checksum, udp};

use crate::general::Packet;
use crate::ipsec::TRAVERSAL;
use crate::worker::Worker;

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Puts ESP of a configured pair into UDP; false if that cannot be.
    pub(crate) fn encapsulate(&mut self, buf: &mut I::Buf, packet: &mut Packet) -> bool {
        let ip = packet.ip;
        if ip.protocol != protocol::ESP || ip.is_fragment() {
            return true;
        }
        let key = FlowKey::new(ip.src, ip.dst, 0, 0, ip.protocol, packet.realm);
        let matched = self.shard.match_rule(usize::from(packet.interface), key);
        let Match::Rule(rule, Action::Translate(_)) = matched else {
            return true;
        };
        if !self.shard.encapsulates(rule, ip.src, ip.dst) {
            return true;
        }
        let len = ip.total_len - ip.header_len + udp::HEADER_LEN;
        let front = packet.l3 + ip.header_len;
        if !buf.grow_front(udp::HEADER_LEN) {
            return false;
        }
        let bytes = buf.bytes_mut();
        bytes.copy_within(udp::HEADER_LEN..udp::HEADER_LEN + front, 0);
        if let Some(datagram) = bytes.get_mut(front..) {
            wire::put16(datagram, 0, TRAVERSAL);
            wire::put16(datagram, 2, TRAVERSAL);
            wire::put16(datagram, 4, wire::low16(len));
            wire::put16(datagram, 6, 0);
        }
        let Some(header) = bytes.get_mut(packet.l3..) else {
            return false;
        };
        relabel(header, ip.ttl, protocol::UDP, ip.header_len + len);
        match ipv4::Header::parse(header, true) {
            Ok(ip) => packet.ip = ip,
            Err(_) => return false,
        }
        self.counters.bump(base::Counter::EspEncapsulated);
        true
    }

    /// Takes ESP for a configured pair out of UDP, translated already.
    pub(crate) fn decapsulate<B: PacketBuf>(&mut self, buf: &mut B, packet: &Packet, hit: Hit) {
        let Some((gate, inside)) = self.shard.tunnel_ends(hit) else {
            return;
        };
        let rule = usize::from(inside.rule);
        if !self.shard.encapsulates(rule, inside.address, gate.remote) {
            return;
        }
        let front = packet.l3 + packet.ip.header_len;
        let bytes = buf.bytes_mut();
        if bytes.len() < front + udp::HEADER_LEN {
            return;
        }
        bytes.copy_within(..front, udp::HEADER_LEN);
        if !buf.trim_front(udp::HEADER_LEN) {
            return;
        }
        if let Some(header) = buf.bytes_mut().get_mut(packet.l3..) {
            let ttl = header.get(8).copied().unwrap_or(packet.ip.ttl);
            let len = packet.ip.total_len - udp::HEADER_LEN;
            relabel(header, ttl, protocol::ESP, len);
        }
        self.counters.bump(base::Counter::EspEncapsulated);
    }
}

/// Another protocol and length in a header, and its checksum.
fn relabel(header: &mut [u8], ttl: u8, transport: u8, len: usize) {
    let word = u16::from_be_bytes([ttl, transport]);
    let old = [2, 8].map(|at| wire::be16(header, at).unwrap_or(0));
    let new = [wire::low16(len), word];
    let mut delta = wire::ChecksumDelta::NONE;
    for (at, (old, new)) in [2, 8].into_iter().zip(old.into_iter().zip(new)) {
        delta = delta.replace(old, new);
        wire::put16(header, at, new);
    }
    checksum::patch(header, 10, delta);
}
