//! Segments of streams as frames: read with their checksum, and written with one.

use core::net::Ipv4Addr;

use base::{Direction, Seq};
use pktio::PacketBuf;
use wire::checksum::Sum;
use wire::ethernet::{self, Mac, Tags};
use wire::ipv4::{self, NewHeader, protocol};
use wire::tcp;

use crate::slow::stream::{Arrived, Emitted, Options};

/// Who a segment is from and who it is for.
pub(super) type Ends = [(u32, u16); 2];

/// What a host's IP headers look like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Face {
    tos: u8,
    ttl: u8,
}

impl Default for Face {
    /// Of a host that has sent nothing yet.
    fn default() -> Self {
        Self { tos: 0, ttl: 64 }
    }
}

/// The bits of ECN (RFC 3168 section 5). Streams answer to marks and echoes as the hosts would
/// (section 6.1), which SYNs that pass may have agreed on; what they send themselves asks for
/// none.
const ECN: u8 = 3;

/// Reads a segment; nothing if its checksum is wrong.
pub(super) fn read(frame: &[u8], direction: Direction) -> Option<(Arrived<'_>, Ends, Face)> {
    let l3 = ethernet::parse(frame).ok()?.len;
    let packet = frame.get(l3..)?;
    let ip = ipv4::Header::parse(packet, true).ok()?;
    let segment = packet.get(ip.header_len..ip.total_len)?;
    let header = tcp::Header::parse(segment).ok()?;
    let sum = Sum::default()
        .pseudo_header(ip.src, ip.dst, protocol::TCP, wire::low16(segment.len()))
        .bytes(segment)
        .fold();
    if sum != u16::MAX {
        return None;
    }
    let arrived = Arrived {
        direction,
        seq: Seq(header.seq),
        ack: Seq(header.ack),
        flags: header.flags,
        window: wire::be16(segment, 14)?,
        urgent: wire::be16(segment, 18)?,
        is_marked: ip.tos & ECN == ECN,
        options: Options::parse(segment.get(..header.len)?),
        payload: segment.get(header.len..)?,
    };
    let ends = [(ip.src, header.src_port), (ip.dst, header.dst_port)];
    let face = Face {
        tos: ip.tos & !ECN,
        ttl: ip.ttl,
    };
    Some((arrived, ends, face))
}

/// Writes a segment to a fresh buffer; it may be fragmented, since nobody here would hear that it
/// is too long.
pub(super) fn write<B: PacketBuf>(
    buf: &mut B,
    segment: &Emitted<'_>,
    [(src, src_port), (dst, dst_port)]: Ends,
    face: Face,
    id: u16,
) -> Option<()> {
    let header = segment.header(src_port, dst_port);
    let len = header.len() + segment.payload.len();
    if !buf.set_len(ethernet::HEADER_LEN + ipv4::HEADER_LEN + len) {
        return None;
    }
    let frame = buf.bytes_mut();
    ethernet::write(
        frame,
        Mac::default(),
        Mac::default(),
        Tags::NONE,
        ethernet::IPV4,
    );
    let packet = frame.get_mut(ethernet::HEADER_LEN..)?;
    let new = NewHeader {
        src: Ipv4Addr::from_bits(src),
        dst: Ipv4Addr::from_bits(dst),
        protocol: protocol::TCP,
        tos: face.tos,
        ttl: face.ttl,
        id,
    };
    if !ipv4::write(packet, &new) {
        return None;
    }
    let place = packet.get_mut(ipv4::HEADER_LEN..)?;
    let (front, rest) = place.split_at_mut_checked(header.len())?;
    front.copy_from_slice(&header);
    rest.copy_from_slice(segment.payload);
    seal(place, src, dst);
    Some(())
}

/// Cuts the payload off a segment.
pub(super) fn empty<B: PacketBuf>(buf: &mut B) -> Option<()> {
    let l3 = ethernet::parse(buf.bytes()).ok()?.len;
    let packet = buf.bytes().get(l3..)?;
    let ip = ipv4::Header::parse(packet, true).ok()?;
    let segment = packet.get(ip.header_len..ip.total_len)?;
    let total_len = ip.header_len + tcp::Header::parse(segment).ok()?.len;
    if !buf.set_len(l3 + total_len) {
        return None;
    }
    let packet = buf.bytes_mut().get_mut(l3..)?;
    wire::put16(packet, 2, wire::low16(total_len));
    ipv4::refresh_checksum(packet, ip.header_len);
    seal(packet.get_mut(ip.header_len..)?, ip.src, ip.dst);
    Some(())
}

/// Writes a segment's checksum.
fn seal(segment: &mut [u8], src: u32, dst: u32) {
    wire::put16(segment, 16, 0);
    let sum = Sum::default()
        .pseudo_header(src, dst, protocol::TCP, wire::low16(segment.len()))
        .bytes(segment)
        .checksum();
    wire::put16(segment, 16, sum);
}

#[cfg(test)]
mod tests {
    use pktio::mem::MemBuf;

    use super::*;
    use crate::slow::stream::Blocks;

    const ENDS: Ends = [(0xcb00_7105, 4000), (0xc000_0201, 21)];

    fn written(payload: &[u8]) -> MemBuf {
        let segment = Emitted {
            direction: Direction::Outbound,
            seq: Seq(1000),
            ack: Seq(9000),
            flags: tcp::ACK,
            window: 500,
            urgent: 0,
            timestamps: Some((3, 4)),
            blocks: Blocks::new(),
            payload,
        };
        let mut buf = MemBuf::new();
        assert!(write(&mut buf, &segment, ENDS, Face::default(), 7).is_some());
        buf
    }

    #[test]
    fn what_is_written_reads_back() {
        let buf = written(b"NOOP\r\n");
        let (arrived, ends, face) = read(buf.bytes(), Direction::Outbound).unwrap();
        assert_eq!(ends, ENDS);
        assert_eq!((face.tos, face.ttl), (0, 64));
        assert_eq!((arrived.seq, arrived.ack), (Seq(1000), Seq(9000)));
        assert_eq!((arrived.flags, arrived.window), (tcp::ACK, 500));
        assert_eq!(arrived.options.timestamps, Some((3, 4)));
        assert_eq!(arrived.payload, b"NOOP\r\n");
    }

    #[test]
    fn a_wrong_checksum_is_not_read() {
        let mut buf = written(b"NOOP\r\n");
        if let Some(last) = buf.bytes_mut().last_mut() {
            *last ^= 1;
        }
        assert!(read(buf.bytes(), Direction::Outbound).is_none());
    }

    #[test]
    fn an_emptied_segment_has_its_header() {
        let mut buf = written(b"NOOP\r\n");
        assert!(empty(&mut buf).is_some());
        let (arrived, ends, _) = read(buf.bytes(), Direction::Outbound).unwrap();
        assert_eq!((arrived.seq, ends), (Seq(1000), ENDS));
        assert_eq!(arrived.payload, b"");
    }
}
