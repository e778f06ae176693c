//! IPv4 (RFC 791).
//!
//! ```text
//!  0               8               16                              31
//! +-------+-------+---------------+-------------------------------+
//! |version|  IHL  |      TOS      |          total length         |  0
//! |        identification         | 0 D M |    fragment offset    |  4
//! |      TTL      |   protocol    |        header checksum        |  8
//! |                            source                             | 12
//! |                          destination                          | 16
//! |                       options, padding                        | 20
//! ```

use core::net::Ipv4Addr;

use crate::checksum::{self, Sum};
use crate::{ChecksumDelta, Layer, WireError, be16, put16};

/// Length of a header without options, in bytes.
pub const HEADER_LEN: usize = 20;

/// Protocol numbers this product knows.
pub mod protocol {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// IGMP.
    pub const IGMP: u8 = 2;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// DCCP, whose checksum covers the addresses.
    pub const DCCP: u8 = 33;
    /// GRE.
    pub const GRE: u8 = 47;
    /// ESP.
    pub const ESP: u8 = 50;
    /// SCTP, whose checksum does not cover the addresses.
    pub const SCTP: u8 = 132;
    /// UDP-Lite, whose checksum covers the addresses.
    pub const UDP_LITE: u8 = 136;
}

/// What an IPv4 header says, checked against the buffer.
///
/// Invariant: `header_len <= total_len <= ` the length of the bytes it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source.
    pub src: u32,
    /// Destination.
    pub dst: u32,
    /// Transport protocol.
    pub protocol: u8,
    /// Time to live.
    pub ttl: u8,
    /// DSCP and ECN.
    pub tos: u8,
    /// Header with options, in bytes.
    pub header_len: usize,
    /// Header and payload, in bytes.
    pub total_len: usize,
    /// Identification.
    pub id: u16,
    /// Flags and fragment offset as they stand.
    pub fragment: u16,
}

/// What a whole datagram with ports says, if nothing about it is unusual: no options, TTL left.
/// Read for speed; says nothing about why not.
#[derive(Clone, Copy, Debug)]
pub struct Usual {
    /// Source in the high half, destination in the low.
    pub addresses: u64,
    /// Source port in the high half, destination port in the low: the first four bytes of the
    /// payload.
    pub ports: u32,
    /// Transport protocol.
    pub protocol: u8,
    /// Never to become a fragment (RFC 6864 section 4.1).
    pub is_atomic: bool,
    /// Header and payload, in bytes; within the bytes it was read from.
    pub total_len: u16,
}

impl Usual {
    /// Bytes looked at: the header, and as much as UDP has of one.
    const LEN: usize = HEADER_LEN + 8;

    /// Reads and verifies a packet; bytes beyond the total length are link padding.
    #[must_use]
    #[inline]
    pub fn parse(bytes: &[u8], checksum_verified: bool) -> Option<Self> {
        let (words, _) = bytes.first_chunk::<{ Self::LEN }>()?.as_chunks::<4>();
        let [first, fragment, ttl, src, dst, ports, _] = words else {
            return None;
        };
        let sum: u64 = [first, fragment, ttl, src, dst]
            .into_iter()
            .map(|word| u64::from(u32::from_ne_bytes(*word)))
            .sum();
        let [vihl, _, l0, l1] = *first;
        let [_, _, f0, f1] = *fragment;
        let [ttl, protocol, _, _] = *ttl;
        let total_len = u16::from_be_bytes([l0, l1]);
        let fragment = u16::from_be_bytes([f0, f1]);
        let usual = vihl == 0x45
            && (Self::LEN..=bytes.len()).contains(&usize::from(total_len))
            && fragment & (MF | OFFSET) == 0
            && ttl > 1
            && (checksum_verified || adds_up(sum));
        usual.then(|| Self {
            addresses: u64::from(u32::from_be_bytes(*src)) << 32
                | u64::from(u32::from_be_bytes(*dst)),
            ports: u32::from_be_bytes(*ports),
            protocol,
            is_atomic: fragment & DF != 0,
            total_len,
        })
    }
}

/// Whether a sum of words that are not all zero folds to all ones: is a multiple of
/// 0xffff, which shows after a multiplication by its inverse modulo 2^64.
#[inline]
const fn adds_up(sum: u64) -> bool {
    const EACH: u64 = u64::MAX / 0xffff;
    sum.wrapping_mul(EACH.wrapping_neg()) <= EACH
}

/// Don't fragment.
pub const DF: u16 = 0x4000;
/// More fragments.
pub const MF: u16 = 0x2000;
/// Fragment offset, in units of eight bytes.
pub const OFFSET: u16 = 0x1fff;

impl Header {
    /// Reads and verifies a header; bytes beyond the total length are link padding.
    ///
    /// # Errors
    ///
    /// [`WireError`] for a short buffer, impossible lengths, or a wrong checksum.
    #[inline]
    pub fn parse(bytes: &[u8], checksum_verified: bool) -> Result<Self, WireError> {
        let header = Self::parse_quoted(bytes)?;
        if header.total_len > bytes.len() {
            return Err(WireError::Truncated(Layer::Ipv4));
        }
        if !checksum_verified && !header.checksum_is_right(bytes) {
            return Err(WireError::BadChecksum);
        }
        Ok(header)
    }

    /// Reads a header whose payload may be cut off, as in an ICMP error; the
    /// checksum is not looked at and `total_len` may exceed the bytes.
    ///
    /// # Errors
    ///
    /// [`WireError`] for a short buffer or impossible lengths.
    #[inline]
    pub fn parse_quoted(bytes: &[u8]) -> Result<Self, WireError> {
        let [
            vihl,
            tos,
            l0,
            l1,
            i0,
            i1,
            f0,
            f1,
            ttl,
            protocol,
            _,
            _,
            s0,
            s1,
            s2,
            s3,
            d0,
            d1,
            d2,
            d3,
        ] = *bytes
            .first_chunk::<HEADER_LEN>()
            .ok_or(WireError::Truncated(Layer::Ipv4))?;
        let header = Self {
            src: u32::from_be_bytes([s0, s1, s2, s3]),
            dst: u32::from_be_bytes([d0, d1, d2, d3]),
            protocol,
            ttl,
            tos,
            header_len: usize::from(vihl & 0xf) * 4,
            total_len: usize::from(u16::from_be_bytes([l0, l1])),
            id: u16::from_be_bytes([i0, i1]),
            fragment: u16::from_be_bytes([f0, f1]),
        };
        if vihl >> 4 != 4 || header.header_len < HEADER_LEN || header.total_len < header.header_len
        {
            return Err(WireError::BadHeader(Layer::Ipv4));
        }
        if header.header_len > bytes.len() {
            return Err(WireError::Truncated(Layer::Ipv4));
        }
        Ok(header)
    }

    /// Whether the header in `bytes`, where this was read, sums up right.
    #[must_use]
    #[inline]
    pub fn checksum_is_right(&self, bytes: &[u8]) -> bool {
        if self.header_len == HEADER_LEN {
            // The usual case as five additions; a valid sum is valid in either byte order.
            bytes.first_chunk::<HEADER_LEN>().is_some_and(|header| {
                let (words, _) = header.as_chunks::<4>();
                let sum: u64 = words
                    .iter()
                    .map(|word| u64::from(u32::from_ne_bytes(*word)))
                    .sum();
                Sum::from_words(sum).fold() == 0xffff
            })
        } else {
            bytes.get(..self.header_len).is_some_and(checksum::is_valid)
        }
    }

    /// Source as an address.
    #[must_use]
    pub const fn source(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.src)
    }

    /// Destination as an address.
    #[must_use]
    pub const fn destination(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.dst)
    }

    /// A part of a datagram.
    #[must_use]
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        self.fragment & (MF | OFFSET) != 0
    }

    /// Place of the payload in its datagram, in bytes.
    #[must_use]
    #[inline]
    pub const fn fragment_offset(&self) -> usize {
        (self.fragment & OFFSET) as usize * 8
    }

    /// Neither a fragment nor ever to become one (RFC 6864 section 4.1).
    #[must_use]
    #[inline]
    pub const fn is_atomic(&self) -> bool {
        self.fragment & (DF | MF | OFFSET) == DF
    }

    /// Payload length, in bytes.
    #[must_use]
    #[inline]
    pub const fn payload_len(&self) -> usize {
        self.total_len - self.header_len
    }
}

/// Whether an address names a group (RFC 1112 section 4).
#[must_use]
#[inline]
pub const fn is_multicast(address: u32) -> bool {
    address >> 28 == 0xe
}

/// Whether a group is local to its link and never forwarded: 224.0.0.0/24 (RFC 5771 section 4).
#[must_use]
#[inline]
pub const fn is_link_local_group(address: u32) -> bool {
    address >> 8 == 0x00e0_0000
}

/// Whether the options in `options` hold a source route or a record of the route.
/// Broken options count as such (RFC 5508 REQ-10b: not to be forwarded untranslated).
#[must_use]
pub fn has_routing_option(mut options: &[u8]) -> bool {
    const LOOSE_SOURCE_ROUTE: u8 = 131;
    const STRICT_SOURCE_ROUTE: u8 = 137;
    loop {
        match *options {
            [] | [0, ..] => return false,
            [1, ref rest @ ..] => options = rest,
            [LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE, ..] => return true,
            [_, len, ..] if len >= 2 => match options.get(usize::from(len)..) {
                Some(rest) => options = rest,
                None => return true,
            },
            _ => return true,
        }
    }
}

/// Replaces the source and patches the header checksum.
#[inline]
pub fn set_src(packet: &mut [u8], src: u32) {
    set_address(packet, 12, src);
}

/// Replaces the destination and patches the header checksum.
#[inline]
pub fn set_dst(packet: &mut [u8], dst: u32) {
    set_address(packet, 16, dst);
}

fn set_address(packet: &mut [u8], at: usize, address: u32) {
    if let Some(header) = packet.first_chunk_mut::<HEADER_LEN>()
        && let Some(old) = crate::be32(header, at)
    {
        crate::put32(header, at, address);
        checksum::patch(header, 10, ChecksumDelta::NONE.replace32(old, address));
    }
}

/// Replaces the identification and patches the header checksum.
#[inline]
pub fn set_id(packet: &mut [u8], id: u16) {
    set_word(packet, 4, id);
}

/// Lowers the TTL by one and patches the header checksum.
#[inline]
pub fn decrement_ttl(packet: &mut [u8]) {
    if let Some(header) = packet.first_chunk_mut::<HEADER_LEN>() {
        header[8] = header[8].wrapping_sub(1);
        checksum::patch(header, 10, ChecksumDelta::TTL_DECREMENT);
    }
}

fn set_word(packet: &mut [u8], at: usize, value: u16) {
    if let Some(old) = be16(packet, at) {
        put16(packet, at, value);
        checksum::patch(packet, 10, ChecksumDelta::NONE.replace(old, value));
    }
}

/// Replaces total length and fragment word, and computes the header checksum anew.
pub fn set_fragment(packet: &mut [u8], header_len: usize, total_len: u16, fragment: u16) {
    put16(packet, 2, total_len);
    put16(packet, 6, fragment);
    refresh_checksum(packet, header_len);
}

/// Computes the header checksum anew.
pub fn refresh_checksum(packet: &mut [u8], header_len: usize) {
    put16(packet, 10, 0);
    if let Some(header) = packet.get(..header_len) {
        let sum = Sum::default().bytes(header).checksum();
        put16(packet, 10, sum);
    }
}

/// Fields of a header made here.
#[derive(Clone, Copy, Debug)]
pub struct NewHeader {
    /// Source.
    pub src: Ipv4Addr,
    /// Destination.
    pub dst: Ipv4Addr,
    /// Transport protocol.
    pub protocol: u8,
    /// DSCP and ECN.
    pub tos: u8,
    /// Time to live.
    pub ttl: u8,
    /// Identification.
    pub id: u16,
}

/// Writes a header without options in front of `packet`, whose length is the total length;
/// false if it is too short.
pub fn write(packet: &mut [u8], new: &NewHeader) -> bool {
    let total = crate::low16(packet.len());
    let Some(header) = packet.first_chunk_mut::<HEADER_LEN>() else {
        return false;
    };
    header.fill(0);
    header[0] = 0x45;
    header[1] = new.tos;
    header[8] = new.ttl;
    header[9] = new.protocol;
    put16(header, 2, total);
    put16(header, 4, new.id);
    crate::put32(header, 12, new.src.to_bits());
    crate::put32(header, 16, new.dst.to_bits());
    refresh_checksum(header, HEADER_LEN);
    true
}

/// Where the checksum of `protocol` lies in its header, if it covers the IP
/// addresses through a pseudo-header.
#[must_use]
pub const fn pseudo_header_checksum_at(protocol: u8) -> Option<usize> {
    match protocol {
        protocol::TCP => Some(16),
        protocol::UDP | protocol::UDP_LITE | protocol::DCCP => Some(6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet() -> [u8; 28] {
        let mut packet = [0xa5; 28];
        let new = NewHeader {
            src: Ipv4Addr::new(10, 64, 0, 7),
            dst: Ipv4Addr::new(192, 0, 2, 1),
            protocol: protocol::UDP,
            tos: 0xb8,
            ttl: 64,
            id: 7,
        };
        assert!(write(&mut packet, &new));
        packet
    }

    #[test]
    fn written_headers_read_back() {
        let packet = packet();
        let header = Header::parse(&packet, false).unwrap();
        assert_eq!(header.source(), Ipv4Addr::new(10, 64, 0, 7));
        assert_eq!((header.ttl, header.tos, header.id), (64, 0xb8, 7));
        assert_eq!((header.total_len, header.payload_len()), (28, 8));
        for cut in 0..packet.len() {
            assert!(Header::parse(&packet[..cut], false).is_err());
        }
    }

    #[test]
    fn any_single_bit_error_is_found() {
        for bit in 0..HEADER_LEN * 8 {
            let mut packet = packet();
            packet[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::parse(&packet, false).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn setters_keep_the_checksum_right() {
        let mut packet = packet();
        set_src(&mut packet, 0xcb00_7101);
        set_dst(&mut packet, 0x0a40_0009);
        set_id(&mut packet, 0xffff);
        decrement_ttl(&mut packet);
        let header = Header::parse(&packet, false).unwrap();
        assert_eq!((header.ttl, header.id), (63, 0xffff));
        set_fragment(&mut packet, 20, 28, MF | 0x00b9);
        assert_eq!(
            Header::parse(&packet, false).unwrap().fragment_offset(),
            1480
        );
    }

    #[test]
    fn routing_options_are_found_behind_others() {
        assert!(!has_routing_option(&[1, 1, 0, 0]));
        assert!(!has_routing_option(&[148, 4, 0, 0]));
        assert!(has_routing_option(&[1, 131, 3, 4]));
        assert!(has_routing_option(&[148, 4, 0, 0, 137, 3, 4, 0]));
        assert!(has_routing_option(&[7, 0]));
        assert!(has_routing_option(&[148, 40, 0, 0]));
    }
}
