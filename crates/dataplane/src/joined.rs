//! Datagrams in fragments that an application gateway reads: put together, read, and sent in
//! fragments again.
//!
//! Owned by a worker, which joins one at a time in a place of its own. A datagram that does not
//! fit there goes on unread, fragment by fragment.

use base::Counter;
use nat::FlowKey;
use pktio::{Io, MAX_FRAME, PacketBuf, PortId, RingReceiver, RingSender};
use wire::{ethernet, ipv4};

use crate::emit;
use crate::fragment::Whole;
use crate::gateway::Looked;
use crate::general::Packet;
use crate::worker::Worker;

/// A datagram behind an Ethernet header that says nothing.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    room: Box<[u8]>,
    len: usize,
    port: u16,
}

impl PacketBuf for Joined {
    fn bytes(&self) -> &[u8] {
        self.room.get(..self.len).unwrap_or_default()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.room.get_mut(..self.len).unwrap_or_default()
    }

    fn trim_front(&mut self, count: usize) -> bool {
        count == 0
    }

    fn grow_front(&mut self, count: usize) -> bool {
        count == 0
    }

    fn set_len(&mut self, len: usize) -> bool {
        let fits = len <= self.room.len();
        if fits {
            self.len = len;
        }
        fits
    }

    fn port(&self) -> PortId {
        PortId(self.port)
    }

    fn set_port(&mut self, port: PortId) {
        self.port = port.0;
    }

    fn mark(&self) -> u64 {
        0
    }

    fn set_mark(&mut self, _: u64) {}

    fn ip_checksum_verified(&self) -> bool {
        false
    }
}

impl Joined {
    /// With room for the largest frame.
    pub(crate) fn new() -> Self {
        Self {
            room: vec![0; MAX_FRAME].into(),
            ..Self::default()
        }
    }

    /// Puts fragments together behind the header of the first; answers how the datagram would
    /// have come whole. `None` if there is no room for it.
    fn join<B: PacketBuf>(&mut self, held: &[B], first: &Packet) -> Option<Packet> {
        let l3 = ethernet::HEADER_LEN;
        let data = l3 + first.ip.header_len;
        self.len = 0;
        for buf in held {
            let (l3, ip) = read(buf)?;
            let part = buf.bytes().get(l3 + ip.header_len..l3 + ip.total_len)?;
            let at = data + ip.fragment_offset();
            self.room
                .get_mut(at..at + part.len())?
                .copy_from_slice(part);
            self.len = self.len.max(at + part.len());
            if ip.fragment_offset() == 0 {
                let header = buf.bytes().get(l3..l3 + ip.header_len)?;
                self.room
                    .get_mut(ethernet::HEADER_LEN..data)?
                    .copy_from_slice(header);
                self.port = buf.port().0;
            }
        }
        let total_len = self.len.checked_sub(l3)?;
        let header = self.bytes_mut().get_mut(l3..)?;
        ipv4::set_fragment(header, first.ip.header_len, wire::low16(total_len), 0);
        let ip = ipv4::Header {
            total_len,
            fragment: 0,
            ..first.ip
        };
        Some(Packet { l3, ip, ..*first })
    }
}

/// Where the IP header of a frame begins, and what it says.
pub(crate) fn read<B: PacketBuf>(buf: &B) -> Option<(usize, ipv4::Header)> {
    let l3 = ethernet::parse(buf.bytes()).ok()?.len;
    let ip = ipv4::Header::parse(buf.bytes().get(l3..)?, true).ok()?;
    Some((l3, ip))
}

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Sends a gathered datagram once all of it is there; its fragments were counted when they came.
    pub(crate) fn send_if_whole(&mut self, datagram: FlowKey) {
        let Some((held, whole)) = self.fragments.gathered(datagram) else {
            return;
        };
        let count = held.len() as u64;
        let sent = self.send_whole(held, &whole);
        self.counters.add(
            if sent == whole.fate.reason || sent == Counter::HoldNeighbor {
                Counter::HoldFragmentSent
            } else {
                Counter::HoldFragmentDropped
            },
            count,
        );
    }

    fn send_whole(&mut self, held: Vec<I::Buf>, whole: &Whole) -> Counter {
        // The sessions may have ended meanwhile, and others begun in their places.
        let hash = self.shard.hash(whole.first.key);
        if self.shard.find(whole.first.key, hash).as_ref() != whole.plan.first() {
            return Counter::DropNoMapping;
        }
        let mut joined = core::mem::take(&mut self.joined);
        let sent = match joined.join(&held, &whole.first) {
            Some(packet) => self.send_joined(&mut joined, packet, whole),
            None => self.send_unread(held, whole),
        };
        self.joined = joined;
        sent
    }

    fn send_joined(&mut self, joined: &mut Joined, packet: Packet, whole: &Whole) -> Counter {
        let (mut packet, l3) = (packet, packet.l3);
        let Some(mtu) = self.router.interface(whole.hop.interface).map(|to| to.mtu) else {
            return Counter::DropNoRoute;
        };
        let Some(bytes) = joined.bytes_mut().get_mut(l3..) else {
            return Counter::DropIpTruncated;
        };
        for rewrite in &whole.fate.rewrites {
            emit::rewrite(bytes, packet.ip.header_len, packet.ip.protocol, rewrite);
        }
        ipv4::decrement_ttl(bytes);
        if let Some(id) = whole.fate.id {
            ipv4::set_id(bytes, id);
        }
        for hit in &whole.plan {
            match self.look(joined, &packet, *hit, false) {
                Looked::Through => {}
                Looked::Nowhere(reason) => return reason,
                // Queries that are answered here come in one piece.
                Looked::Back | Looked::Diverted | Looked::Lost => return Counter::DropNoBuffer,
            }
            let total_len = joined.bytes().get(l3..).and_then(|ip| wire::be16(ip, 2));
            packet.ip.total_len = total_len.map_or(packet.ip.total_len, usize::from);
        }
        self.counters.bump(Counter::IpFragmented);
        self.emit_fragments(joined, l3, usize::from(mtu), whole.hop, whole.fate.reason)
    }

    /// Sends the fragments as they are but for their addresses, and the ports of the first.
    fn send_unread(&mut self, held: Vec<I::Buf>, whole: &Whole) -> Counter {
        self.counters.bump(Counter::AlgUnread);
        let mut result = whole.fate.reason;
        for mut buf in held {
            let Some((l3, ip)) = read(&buf) else {
                return Counter::DropIpHeader;
            };
            let sent = if ip.fragment_offset() > 0 {
                let packet = Packet {
                    l3,
                    ip,
                    ..whole.first
                };
                self.send_fragment(buf, &packet, &whole.fate)
            } else {
                let Some(bytes) = buf.bytes_mut().get_mut(l3..) else {
                    return Counter::DropIpTruncated;
                };
                for rewrite in &whole.fate.rewrites {
                    emit::rewrite(bytes, ip.header_len, ip.protocol, rewrite);
                }
                ipv4::decrement_ttl(bytes);
                if let Some(id) = whole.fate.id {
                    ipv4::set_id(bytes, id);
                }
                self.emit(buf, l3, whole.hop, whole.fate.reason)
            };
            if sent != whole.fate.reason {
                result = sent;
            }
        }
        result
    }
}
