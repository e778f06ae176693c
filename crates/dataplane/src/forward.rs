//! Sending a packet whose way is known: route, TTL, MTU, then state and rewrite.

use arrayvec::ArrayVec;
use base::{Counter, Direction};
use nat::{Flags, Hit, Rewrite, SessionId};
use pktio::{Io, PacketBuf, RingReceiver, RingSender};
use wire::ipv4::{self, protocol};
use wire::{icmp, tcp};

use crate::emit;
use crate::fragment::{Fate, Verdict, Whole, datagram_key};
use crate::gateway::{GROWTH, Looked};
use crate::general::Packet;
use crate::mark::Punt;
use crate::router::Hop;
use crate::trace::Step;
use crate::worker::Worker;

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Sends a packet along its plan, if route, TTL and MTU allow.
    pub(crate) fn follow(&mut self, mut buf: I::Buf, packet: &Packet, plan: &[Hit]) -> Counter {
        let now = packet.now.ticks();
        let mut rewrites: ArrayVec<Rewrite, 2> = ArrayVec::new();
        let (mut destination, mut realm) = (packet.key.dst(), packet.realm);
        for hit in plan {
            let (Some(rewrite), Some(session)) = (
                self.shard.rewrite(hit.id, hit.direction),
                self.shard.session(hit.id),
            ) else {
                return Counter::DropNoMapping;
            };
            realm = session.egress_realm(hit.direction);
            if hit.direction == Direction::Inbound {
                destination = rewrite.address;
            }
            rewrites.push(rewrite);
        }
        let Some(hop) = self.router.route(realm, destination) else {
            return self.unreachable(buf, packet, Counter::DropNoRoute, 0);
        };
        self.tracer.note(|| Step::Hop(hop.interface, hop.ip));
        if let Some(refusal) = self.cannot_leave(packet, hop) {
            return self.answer(buf, packet, refusal);
        }
        let len = u32::try_from(packet.ip.total_len).unwrap_or(0);
        for hit in plan {
            if let Err(reason) = self
                .shard
                .on_packet(*hit, packet.segment.as_ref(), len, now)
            {
                return reason;
            }
        }
        if let [hit] = plan
            && let Some(number) = self.router.adjacency_of(hop)
        {
            let epoch = self.router.epoch();
            self.shard
                .cache_egress(hit.id, hit.direction, number, epoch);
        }
        let reason = self.way(packet, hop, plan);
        let outbound = plan
            .first()
            .is_some_and(|hit| hit.direction == Direction::Outbound);
        let outside = rewrites.first().map_or(0, |rewrite| rewrite.address);
        // A first fragment that comes twice belongs to the same datagram outside.
        let known = packet
            .ip
            .is_fragment()
            .then(|| {
                self.fragments
                    .known_id(datagram_key(&packet.ip, packet.realm))
            })
            .flatten();
        let id = (outbound && !packet.ip.is_atomic())
            .then(|| known.unwrap_or_else(|| self.next_id(outside, packet.key)));
        let changes = plan.iter().any(|hit| self.has_gateway(hit.id));
        if packet.ip.is_fragment() {
            let fate = Fate {
                rewrites: rewrites.clone(),
                id,
                realm,
                reason,
            };
            if changes && self.reads_datagrams(packet, plan) {
                self.gathered = Some(buf);
                self.fate = Some(Verdict::Gather(Whole {
                    first: *packet,
                    plan: plan.iter().copied().collect(),
                    hop,
                    fate,
                }));
                return Counter::HoldFragment;
            }
            self.fate = Some(Verdict::Follow(fate));
        }
        self.clamp_mss(&mut buf, packet, hop, changes);
        let Some(bytes) = buf.bytes_mut().get_mut(packet.l3..) else {
            return Counter::DropIpTruncated;
        };
        for rewrite in &rewrites {
            emit::rewrite(bytes, packet.ip.header_len, packet.ip.protocol, rewrite);
        }
        ipv4::decrement_ttl(bytes);
        if let Some(id) = id {
            ipv4::set_id(bytes, id);
        }
        if changes {
            let mut packet = *packet;
            for hit in plan {
                if self.has_gateway(hit.id) {
                    self.note_gateway(*hit);
                    // Of a hairpin both halves would be read in one place.
                    let may_divert = plan.len() == 1;
                    match self.look(&mut buf, &packet, *hit, may_divert) {
                        Looked::Through => {}
                        Looked::Diverted => return self.punt_to_stream(buf, &packet, *hit),
                        Looked::Lost => return Counter::DropStream,
                        Looked::Back => return self.send_back(buf, &packet, Counter::ConsumeDns),
                        Looked::Nowhere(reason) => return reason,
                    }
                    // The second half of a hairpin sees what the first has written.
                    let len = buf
                        .bytes()
                        .get(packet.l3..)
                        .and_then(|ip| wire::be16(ip, 2));
                    packet.ip.total_len = len.map_or(packet.ip.total_len, usize::from);
                }
            }
            // What has grown leaves in fragments, which need an identification.
            let mtu = self.router.interface(hop.interface).map(|found| found.mtu);
            if packet.ip.is_atomic()
                && mtu.is_some_and(|mtu| packet.ip.total_len > usize::from(mtu))
            {
                let id = self.next_id(outside, packet.key);
                if let Some(bytes) = buf.bytes_mut().get_mut(packet.l3..) {
                    ipv4::set_id(bytes, id);
                }
            }
        }
        self.emit(buf, packet.l3, hop, reason)
    }

    /// Whether the gateway of a session reads the datagrams that a fragment begins.
    fn reads_datagrams(&self, packet: &Packet, plan: &[Hit]) -> bool {
        let reads = |hit: &Hit| {
            let attached = self.shard.gateway_of(hit.id);
            attached.is_some_and(|attached| !attached.released)
        };
        packet.ip.protocol == protocol::UDP && plan.iter().any(reads)
    }

    /// Which way a translated packet goes, to be counted.
    fn way(&self, packet: &Packet, hop: Hop, plan: &[Hit]) -> Counter {
        let from_inside = self.shard.is_inside(usize::from(packet.interface));
        let to_inside = self.shard.is_inside(usize::from(hop.interface));
        match plan {
            [_, _] if to_inside && !from_inside => Counter::ForwardInbound,
            [_, _] if from_inside && !to_inside => Counter::ForwardOutbound,
            [_, _] => Counter::ForwardHairpin,
            [hit] if self.is_preserved(*hit) => Counter::ForwardHairpin,
            [hit] if hit.direction == Direction::Outbound => Counter::ForwardOutbound,
            _ if packet.hairpinned => Counter::ForwardHairpin,
            _ => Counter::ForwardInbound,
        }
    }

    /// Whether a session is a hairpin that keeps its source.
    fn is_preserved(&self, hit: Hit) -> bool {
        let session = self.shard.session(hit.id);
        session.is_some_and(|session| session.flags().has(Flags::PRESERVED))
    }

    /// Forwards a packet as it is.
    pub(crate) fn pass(&mut self, mut buf: I::Buf, packet: &Packet) -> Counter {
        let Some(hop) = self.router.route(packet.realm, packet.ip.dst) else {
            return self.unreachable(buf, packet, Counter::DropNoRoute, 0);
        };
        self.tracer.note(|| Step::Hop(hop.interface, hop.ip));
        if let Some(refusal) = self.cannot_leave(packet, hop) {
            return self.answer(buf, packet, refusal);
        }
        if packet.ip.is_fragment() {
            self.fate = Some(Verdict::Follow(Fate {
                rewrites: ArrayVec::new(),
                id: None,
                realm: packet.realm,
                reason: Counter::ForwardPass,
            }));
        }
        self.clamp_mss(&mut buf, packet, hop, false);
        if let Some(bytes) = buf.bytes_mut().get_mut(packet.l3..) {
            ipv4::decrement_ttl(bytes);
        }
        self.emit(buf, packet.l3, hop, Counter::ForwardPass)
    }

    /// Why a packet cannot take a hop, with the ICMP that says so.
    pub(crate) fn cannot_leave(&self, packet: &Packet, hop: Hop) -> Option<(Counter, Punt)> {
        if packet.ip.ttl <= 1 {
            let punt = Punt::Error {
                kind: icmp::TIME_EXCEEDED,
                code: 0,
                rest: 0,
            };
            return Some((Counter::DropTtl, punt));
        }
        let mtu = self.router.interface(hop.interface)?.mtu;
        if packet.ip.total_len > usize::from(mtu) && packet.ip.fragment & ipv4::DF != 0 {
            let punt = Punt::Error {
                kind: icmp::UNREACHABLE,
                code: icmp::FRAGMENTATION_NEEDED,
                rest: mtu,
            };
            return Some((Counter::DropFragmentationNeeded, punt));
        }
        None
    }

    fn has_gateway(&self, id: SessionId) -> bool {
        let session = self.shard.session(id);
        session.is_some_and(nat::Session::has_gateway)
    }

    /// Lowers the MSS of a SYN as the interfaces want it, and if the payload may change, so
    /// that it has room to grow.
    pub(crate) fn clamp_mss(&mut self, buf: &mut I::Buf, packet: &Packet, hop: Hop, changes: bool) {
        // A DCCP packet has a segment too, and no such option.
        let syn = packet.ip.protocol == protocol::TCP
            && packet
                .segment
                .is_some_and(|segment| segment.flags & tcp::SYN != 0);
        let limit = self.router.mss_limit(packet.interface, hop.interface);
        let room = || {
            let mtus = [packet.interface, hop.interface].map(|number| {
                let interface = self.router.interface(number);
                interface.map_or(u16::MAX, |interface| interface.mtu)
            });
            let headers = 40 + GROWTH;
            mtus.into_iter()
                .min()
                .map(|mtu| mtu.saturating_sub(headers))
        };
        let limit = if changes {
            limit.into_iter().chain(room()).min()
        } else {
            limit
        };
        if let Some(mss) = limit.filter(|_| syn)
            && let Some(segment) = buf
                .bytes_mut()
                .get_mut(packet.l3 + packet.ip.header_len..packet.l3 + packet.ip.total_len)
            && let Ok(header) = tcp::Header::parse(segment)
            && tcp::clamp_mss(segment, header.len, mss)
        {
            self.counters.bump(Counter::TcpMssClamped);
        }
    }
}
