//! Writing what a decision says: rewrites, Ethernet headers, fragments.

use base::{Counter, Direction};
use nat::Rewrite;
use pktio::{Io, PacketBuf, PortId, RingReceiver, RingSender};
use wire::ethernet::{self, Mac, Tags};
use wire::ipv4::{self, protocol};
use wire::{checksum, gre, udp};

use crate::mark::{Mark, Punt};
use crate::router::Hop;
use crate::topology::Interface;
use crate::worker::Worker;

/// Everything about leaving by an adjacency that does not depend on the packet.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(crate) struct Egress {
    pub(crate) port: PortId,
    pub(crate) mtu: u16,
    /// Length of the Ethernet header with tags.
    pub(crate) l2_len: u8,
    header: [u8; ethernet::HEADER_LEN + 2 * ethernet::TAG_LEN],
}

const _: () = assert!(size_of::<Egress>() == 32);

impl Egress {
    /// Nothing leaves.
    pub(crate) const CLOSED: Self = Self {
        port: PortId(0),
        mtu: 0,
        l2_len: 0,
        header: [0; ethernet::HEADER_LEN + 2 * ethernet::TAG_LEN],
    };

    pub(crate) fn new(interface: &Interface, to: Mac) -> Self {
        let mut header = [0; ethernet::HEADER_LEN + 2 * ethernet::TAG_LEN];
        ethernet::write(
            &mut header,
            to,
            interface.mac,
            interface.tags,
            ethernet::IPV4,
        );
        Self {
            port: interface.port,
            mtu: interface.mtu,
            l2_len: wire::low8(ethernet::HEADER_LEN + interface.tags.len()),
            header,
        }
    }

    /// Writes the header at the front of a frame that has room for it.
    #[inline]
    pub(crate) fn write(&self, frame: &mut [u8]) {
        if usize::from(self.l2_len) == ethernet::HEADER_LEN {
            // The usual length is a constant, so that the copy is two moves.
            if let (Some(front), Some(header)) = (
                frame.first_chunk_mut::<{ ethernet::HEADER_LEN }>(),
                self.header.first_chunk::<{ ethernet::HEADER_LEN }>(),
            ) {
                *front = *header;
            }
        } else {
            self.write_tagged(frame);
        }
    }

    #[cold]
    #[inline(never)]
    fn write_tagged(&self, frame: &mut [u8]) {
        let len = usize::from(self.l2_len);
        if let (Some(front), Some(header)) = (frame.get_mut(..len), self.header.get(..len)) {
            front.copy_from_slice(header);
        }
    }
}

/// Applies one direction's field values to a packet whose transport header, if
/// it has one of its own, begins at `l4`.
#[inline]
pub(crate) fn rewrite(packet: &mut [u8], l4: usize, transport: u8, rewrite: &Rewrite) {
    rewrite_address(packet, rewrite);
    let Some(segment) = packet.get_mut(l4..) else {
        return;
    };
    let port_at = match rewrite.direction {
        Direction::Outbound => 0,
        Direction::Inbound => 2,
    };
    rewrite_transport(segment, port_at, transport, rewrite);
}

/// Writes the port at its place, or the identifier, and patches the checksum
/// that covers it.
pub(crate) fn rewrite_transport(
    segment: &mut [u8],
    port_at: usize,
    transport: u8,
    rewrite: &Rewrite,
) {
    match transport {
        protocol::TCP => {
            wire::put16(segment, port_at, rewrite.port);
            checksum::patch(segment, 16, rewrite.transport_delta);
        }
        protocol::UDP => {
            wire::put16(segment, port_at, rewrite.port);
            udp::patch_checksum(segment, rewrite.transport_delta);
        }
        protocol::ICMP if rewrite.new_port => {
            // The identifier of a query or reply; it alone is covered.
            wire::put16(segment, 4, rewrite.port);
            checksum::patch(segment, 2, rewrite.transport_delta);
        }
        // Of a call that is known; no checksum covers it.
        protocol::GRE if rewrite.new_port => {
            wire::put16(segment, gre::CALL_ID, rewrite.port);
        }
        protocol::DCCP => {
            wire::put16(segment, port_at, rewrite.port);
            checksum::patch(segment, 6, rewrite.transport_delta);
        }
        protocol::UDP_LITE => {
            // Like UDP's, but never left out (RFC 3828 section 3.1).
            wire::put16(segment, port_at, rewrite.port);
            udp::patch_checksum(segment, rewrite.transport_delta);
        }
        _ => {}
    }
}

/// Applies only the address: to fragments that have no transport header.
#[inline]
pub(crate) fn rewrite_address(packet: &mut [u8], rewrite: &Rewrite) {
    let at = match rewrite.direction {
        Direction::Outbound => 12,
        Direction::Inbound => 16,
    };
    if let Some(header) = packet.first_chunk_mut::<{ ipv4::HEADER_LEN }>() {
        wire::put32(header, at, rewrite.address);
        checksum::patch(header, 10, rewrite.ip_delta);
    }
}

/// Replaces the Ethernet header of `l3` bytes by one of a possibly different
/// length; false if the buffer has no room.
pub(crate) fn reheader<B: PacketBuf>(
    buf: &mut B,
    l3: usize,
    tags: Tags,
    to: Mac,
    from: Mac,
    ether_type: u16,
) -> bool {
    let len = ethernet::HEADER_LEN + tags.len();
    let fits = if len > l3 {
        buf.grow_front(len - l3)
    } else {
        buf.trim_front(l3 - len)
    };
    fits && ethernet::write(buf.bytes_mut(), to, from, tags, ether_type)
}

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Sends an IP packet that begins at `l3` to a next hop, in fragments if it
    /// must be; answers the counter of what happened, `reason` if it left.
    pub(crate) fn emit(&mut self, buf: I::Buf, l3: usize, hop: Hop, reason: Counter) -> Counter {
        let Some(mtu) = self.router.interface(hop.interface).map(|found| found.mtu) else {
            return Counter::DropNoRoute;
        };
        let total = buf
            .bytes()
            .get(l3..)
            .and_then(|packet| wire::be16(packet, 2))
            .unwrap_or(0);
        if total <= mtu {
            return self.emit_whole(buf, l3, hop, reason);
        }
        self.counters.bump(Counter::IpFragmented);
        self.emit_fragments(&buf, l3, usize::from(mtu), hop, reason)
    }

    fn emit_whole(&mut self, mut buf: I::Buf, l3: usize, hop: Hop, reason: Counter) -> Counter {
        if ipv4::is_multicast(hop.ip) {
            // Nobody need be asked for the address of a group.
            return self.send_to(buf, l3, hop.interface, Mac::of_group(hop.ip), reason);
        }
        let known = self
            .router
            .adjacency_of(hop)
            .and_then(|number| Some((number, *self.router.adjacency(number)?)));
        let Some((number, adjacency)) = known else {
            let mark = Mark::new(Punt::Neighbor(hop.ip), hop.interface);
            // The slow path finds the packet behind an untagged header.
            let (to, from) = (Mac::default(), Mac::default());
            if !reheader(&mut buf, l3, Tags::NONE, to, from, ethernet::IPV4) {
                return Counter::DropNoBuffer;
            }
            return if self.punt(buf, mark) {
                Counter::HoldNeighbor
            } else {
                Counter::DropNoBuffer
            };
        };
        if adjacency.stale {
            self.report_use(number);
        }
        self.send_to(buf, l3, hop.interface, adjacency.mac, reason)
    }

    /// Sends a packet to a link-layer address.
    fn send_to(
        &mut self,
        mut buf: I::Buf,
        l3: usize,
        number: u16,
        to: Mac,
        reason: Counter,
    ) -> Counter {
        let Some(interface) = self.router.interface(number) else {
            return Counter::DropNoRoute;
        };
        let (tags, from, port) = (interface.tags, interface.mac, interface.port);
        if !reheader(&mut buf, l3, tags, to, from, ethernet::IPV4) {
            return Counter::DropNoBuffer;
        }
        self.note_left(number, buf.bytes());
        self.transmit(port, buf);
        reason
    }

    /// RFC 791 section 2.3, first fragment first (RFC 4787 REQ-13a).
    pub(crate) fn emit_fragments<B: PacketBuf>(
        &mut self,
        whole: &B,
        l3: usize,
        mtu: usize,
        hop: Hop,
        reason: Counter,
    ) -> Counter {
        let Some(packet) = whole.bytes().get(l3..) else {
            return Counter::DropNoBuffer;
        };
        let Ok(header) = ipv4::Header::parse_quoted(packet) else {
            return Counter::DropIpHeader;
        };
        let Some(payload) = packet.get(header.header_len..header.total_len) else {
            return Counter::DropIpHeader;
        };
        let room = (mtu - header.header_len) & !7;
        let last = payload.len().div_ceil(room.max(8)).saturating_sub(1);
        let mut result = reason;
        for (nth, part) in payload.chunks(room.max(8)).enumerate() {
            let Some(mut buf) = self.io.allocate() else {
                return Counter::DropNoBuffer;
            };
            // Options that are not copied become padding (RFC 791 section 3.1).
            let ip_len = header.header_len;
            if !buf.set_len(ethernet::HEADER_LEN + ip_len + part.len()) {
                return Counter::DropNoBuffer;
            }
            let Some(out) = buf.bytes_mut().get_mut(ethernet::HEADER_LEN..) else {
                return Counter::DropNoBuffer;
            };
            let (front, rest) = out.split_at_mut(ip_len);
            if let Some(original) = packet.get(..ip_len) {
                front.copy_from_slice(original);
            }
            rest.copy_from_slice(part);
            if nth > 0
                && let Some(options) = front.get_mut(ipv4::HEADER_LEN..)
            {
                blank_uncopied(options);
            }
            let offset = header.fragment_offset() + nth * room;
            let more = nth < last || header.fragment & ipv4::MF != 0;
            let word = wire::low16(offset / 8) | if more { ipv4::MF } else { 0 };
            ipv4::set_fragment(out, ip_len, wire::low16(ip_len + part.len()), word);
            buf.set_port(whole.port());
            let sent = self.emit_whole(buf, ethernet::HEADER_LEN, hop, reason);
            if sent != reason {
                result = sent;
            }
        }
        result
    }
}

/// Overwrites options without the copied flag by no-operations.
fn blank_uncopied(mut options: &mut [u8]) {
    loop {
        let len = match *options {
            [] | [0, ..] => return,
            [1, ..] => 1,
            [_, len, ..] if usize::from(len) >= 2 && usize::from(len) <= options.len() => {
                usize::from(len)
            }
            _ => return,
        };
        let (option, rest) = options.split_at_mut(len);
        if option.first().is_some_and(|kind| kind & 0x80 == 0) {
            option.fill(1);
        }
        options = rest;
    }
}
