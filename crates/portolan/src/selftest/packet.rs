//! Frames that the self-test sends, and what it reads of those that leave.
//!
//! Both are this module's own, so that the engine's reading and writing are judged by something
//! else; only header and checksum arithmetic is shared with it.

use std::net::Ipv4Addr;

use wire::checksum::Sum;
use wire::ethernet::{self, Mac, Tags};
use wire::ipv4::{self, NewHeader, protocol};

/// An address and a port or ICMP identifier.
pub(super) type End = (Ipv4Addr, u16);

/// What a packet is, between two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Udp,
    /// With these flags.
    Tcp(u8),
    /// Of this type (RFC 4340 section 5.1).
    Dccp(u8),
    /// An ICMP query or answer of this type.
    Query(u8),
    /// An ICMP error of this type and code; its data is the quote.
    Error(u8, u8),
    /// Any other protocol.
    Other(u8),
}

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
/// ICMP queries and their answers.
const QUERIES: [u8; 4] = [8, 0, 13, 14];

impl Kind {
    /// As a step names it.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "udp" => Self::Udp,
            "syn" => Self::Tcp(SYN),
            "synack" => Self::Tcp(SYN | ACK),
            "ack" => Self::Tcp(ACK),
            "fin" => Self::Tcp(FIN | ACK),
            "rst" => Self::Tcp(RST | ACK),
            "dccp-request" => Self::Dccp(0),
            "dccp-response" => Self::Dccp(1),
            "dccp-ack" => Self::Dccp(3),
            "dccp-data" => Self::Dccp(4),
            "dccp-close" => Self::Dccp(6),
            "dccp-reset" => Self::Dccp(7),
            "echo" => Self::Query(8),
            "reply" => Self::Query(0),
            "stamp" => Self::Query(13),
            "stampreply" => Self::Query(14),
            _ => match name.split_once('/') {
                Some((of_type, code)) => Self::Error(of_type.parse().ok()?, code.parse().ok()?),
                None => Self::Other(name.strip_prefix("protocol-")?.parse().ok()?),
            },
        })
    }

    const fn protocol(self) -> u8 {
        match self {
            Self::Udp => protocol::UDP,
            Self::Tcp(_) => protocol::TCP,
            Self::Dccp(_) => protocol::DCCP,
            Self::Query(_) | Self::Error(..) => protocol::ICMP,
            Self::Other(number) => number,
        }
    }
}

/// A packet to be.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) kind: Kind,
    pub(super) src: End,
    pub(super) dst: End,
    pub(super) ttl: u8,
    pub(super) tos: u8,
    pub(super) id: u16,
    pub(super) df: bool,
    /// Of TCP.
    pub(super) seq: u32,
    /// Behind the IP header, whole words.
    pub(super) options: Vec<u8>,
    pub(super) data: Vec<u8>,
    /// The second word of an ICMP error: the next hop's MTU of "fragmentation needed".
    pub(super) mtu: u16,
    /// A UDP checksum of zero, which says nothing.
    pub(super) unsummed: bool,
    /// With a wrong checksum of the IP header, or of what follows it.
    pub(super) wrong: [bool; 2],
}

impl Packet {
    pub(super) fn new(kind: Kind, src: End, dst: End) -> Self {
        Self {
            kind,
            src,
            dst,
            ttl: 64,
            tos: 0,
            id: 1,
            df: false,
            seq: 1,
            options: Vec::new(),
            data: b"test".into(),
            mtu: 0,
            unsummed: false,
            wrong: [false; 2],
        }
    }

    /// The IP packet.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let head = ipv4::HEADER_LEN;
        let mut packet = vec![0; head];
        packet.extend_from_slice(&self.options);
        packet.extend_from_slice(&self.transport());
        let header = NewHeader {
            src: self.src.0,
            dst: self.dst.0,
            protocol: self.kind.protocol(),
            tos: self.tos,
            ttl: self.ttl,
            id: self.id,
        };
        ipv4::write(&mut packet, &header);
        let head = head + self.options.len();
        if let (Some(first), Ok(words)) = (packet.first_mut(), u8::try_from(head / 4)) {
            *first = 0x40 | words;
        }
        let flags = if self.df { ipv4::DF } else { 0 };
        put(&mut packet, 6, flags);
        ipv4::refresh_checksum(&mut packet, head);
        if self.wrong == [true, false] {
            spoil(&mut packet, 10);
        }
        packet
    }

    /// What follows the IP header.
    fn transport(&self) -> Vec<u8> {
        let ports = [self.src.1.to_be_bytes(), self.dst.1.to_be_bytes()].concat();
        let seq = self.seq.to_be_bytes();
        // Where the checksum is, and what stands there before it is reckoned.
        let (mut bytes, at) = match self.kind {
            Kind::Udp => {
                let length = low16(8 + self.data.len()).to_be_bytes();
                ([&ports[..], &length, &[0, 0]].concat(), 6)
            }
            Kind::Tcp(flags) => {
                let rest = [0, 0, 0, 1, 0x50, flags, 0x20, 0, 0, 0, 0, 0];
                ([&ports[..], &seq, &rest].concat(), 16)
            }
            Kind::Dccp(of_type) => {
                // A request says for which service, all but it what was received, a reset why.
                let more: &[u8] = match of_type {
                    0 => b"PTLN",
                    1 => b"\0\0\0\0\0\0\x01\0PTLN",
                    7 => b"\0\0\0\0\0\0\x01\0\x01\0\0\0",
                    _ => b"\0\0\0\0\0\0\x01\0",
                };
                let words = u8::try_from((16 + more.len()) / 4).unwrap_or_default();
                let head = [words, 0, 0, 0, of_type << 1 | 1, 0, 0, 0];
                ([&ports[..], &head, &seq, more].concat(), 6)
            }
            Kind::Query(of_type) => {
                // The identifier is that of whoever asked.
                let asks = matches!(of_type, 8 | 13);
                let id = if asks { self.src.1 } else { self.dst.1 };
                let head = [of_type, 0, 0, 0];
                ([&head[..], &id.to_be_bytes(), &[0, 1]].concat(), 2)
            }
            Kind::Error(of_type, code) => {
                let words = match of_type {
                    // Of an extension: how many words the quote has.
                    3 | 11 | 12 if self.data.len() > 128 => low16(32),
                    _ => 0,
                };
                let head = [&[of_type, code, 0, 0][..], &words.to_be_bytes()];
                ([&head.concat()[..], &self.mtu.to_be_bytes()].concat(), 2)
            }
            Kind::Other(_) => return self.data.clone(),
        };
        bytes.extend_from_slice(&self.data);
        if !self.unsummed {
            let sum = checksum(self.kind.protocol(), (self.src.0, self.dst.0), &bytes);
            put(&mut bytes, at, sum);
        }
        if self.wrong == [false, true] {
            spoil(&mut bytes, at);
        }
        bytes
    }

    /// The first `quoted` bytes behind its header in an error, or all.
    pub(super) fn quote(&self, quoted: Option<usize>) -> Vec<u8> {
        let mut bytes = self.bytes();
        if let Some(quoted) = quoted {
            bytes.truncate(ipv4::HEADER_LEN + self.options.len() + quoted);
        }
        bytes
    }
}

/// The last 128 bytes of a quote and an extension object behind it (RFC 4884 section 7).
pub(super) fn extended(mut quote: Vec<u8>) -> Vec<u8> {
    quote.resize(128, 0);
    let mut extension = [0x20, 0, 0, 0, 0, 8, 1, 1, 0x12, 0x34, 0x51, 0xff];
    let sum = Sum::default().bytes(&extension).checksum();
    put(&mut extension, 2, sum);
    quote.extend_from_slice(&extension);
    quote
}

/// Over a transport header and its data; zero where the right one is in place.
fn checksum(of: u8, (src, dst): (Ipv4Addr, Ipv4Addr), bytes: &[u8]) -> u16 {
    let sum = Sum::default().bytes(bytes);
    if of == protocol::ICMP {
        return sum.checksum();
    }
    let (src, dst) = (src.to_bits(), dst.to_bits());
    let sum = sum
        .pseudo_header(src, dst, of, low16(bytes.len()))
        .checksum();
    // Zero would say that there is none.
    if of == protocol::UDP && sum == 0 && word(bytes, 6) == Some(0) {
        return u16::MAX;
    }
    sum
}

/// Three pieces of a packet.
pub(super) fn pieces(packet: &[u8]) -> Vec<Vec<u8>> {
    let Ok(header) = ipv4::Header::parse(packet, true) else {
        return Vec::new();
    };
    let (head, data) = packet
        .split_at_checked(header.header_len)
        .unwrap_or_default();
    let size = data.len().div_ceil(3).next_multiple_of(8).max(8);
    let cut = |(number, part): (usize, &[u8])| {
        let mut piece = [head, part].concat();
        let at = number * size;
        let more = if at + part.len() < data.len() {
            ipv4::MF
        } else {
            0
        };
        let length = low16(piece.len());
        ipv4::set_fragment(&mut piece, head.len(), length, low16(at / 8) | more);
        ipv4::refresh_checksum(&mut piece, head.len());
        piece
    };
    data.chunks(size).enumerate().map(cut).collect()
}

/// One packet of pieces, wherever they came; nothing where one is missing or they do not belong
/// together.
pub(super) fn whole(mut pieces: Vec<Vec<u8>>) -> Option<Vec<u8>> {
    let header = |piece: &Vec<u8>| ipv4::Header::parse(piece, false).ok();
    pieces.sort_by_key(|piece| header(piece).map(|header| header.fragment_offset()));
    let first = header(pieces.first()?)?;
    let mut packet = pieces.first()?.get(..first.header_len)?.to_vec();
    let mut more = true;
    for piece in &pieces {
        let this = header(piece)?;
        let at = packet.len() - first.header_len;
        if this.id != first.id || this.fragment_offset() != at || !more {
            return None;
        }
        more = this.fragment & ipv4::MF != 0;
        packet.extend_from_slice(piece.get(this.header_len..this.total_len)?);
    }
    let length = low16(packet.len());
    ipv4::set_fragment(&mut packet, first.header_len, length, 0);
    ipv4::refresh_checksum(&mut packet, first.header_len);
    (!more).then_some(packet)
}

/// The frame of a packet; to a group, if that is where it goes.
pub(super) fn frame(packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; ETHERNET];
    frame.extend_from_slice(packet);
    let mac = |last| Mac([2, 0, 0, 0, 0, last]);
    let to = match packet.get(16..20) {
        Some(&[224..=239, a, b, c]) => Mac([1, 0, 0x5e, a & 0x7f, b, c]),
        _ => mac(1),
    };
    ethernet::write(&mut frame, to, mac(2), Tags::NONE, IPV4);
    frame
}

/// What left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) src: End,
    pub(super) dst: End,
    /// Type and code, if it is an ICMP error.
    pub(super) error: Option<(u8, u8)>,
    /// The ends of what an error quotes.
    pub(super) quoted: Option<(End, End)>,
    pub(super) tos: u8,
    pub(super) ttl: u8,
    pub(super) id: u16,
    pub(super) is_piece: bool,
    /// Where a piece belongs.
    pub(super) offset: usize,
    /// The second half of an error's second word.
    pub(super) mtu: u16,
    /// The IP packet.
    pub(super) bytes: Vec<u8>,
    /// What is wrong with it in itself.
    pub(super) fault: Option<&'static str>,
}

impl Seen {
    /// Of an IPv4 packet; `None` for anything else.
    pub(super) fn of(packet: &[u8]) -> Option<Self> {
        let header = ipv4::Header::parse(packet, true).ok()?;
        let payload = packet.get(header.header_len..header.total_len)?;
        let addresses = (header.source(), header.destination());
        let is_later = header.fragment_offset() != 0;
        let (ports, error) = match (header.protocol, payload) {
            _ if is_later => ((0, 0), None),
            (protocol::ICMP, [of_type, ..]) if QUERIES.contains(of_type) => {
                let id = word(payload, 4)?;
                ((id, id), None)
            }
            (protocol::ICMP, [of_type, code, ..]) => ((0, 0), Some((*of_type, *code))),
            _ => (
                (word(payload, 0).unwrap_or(0), word(payload, 2).unwrap_or(0)),
                None,
            ),
        };
        let unsummed = header.protocol == protocol::UDP && word(payload, 6) == Some(0);
        let has_sum = [protocol::ICMP, protocol::UDP, protocol::TCP, protocol::DCCP];
        let fault = if !header.checksum_is_right(packet) {
            Some("its IP checksum is wrong")
        } else if has_sum.contains(&header.protocol)
            && !header.is_fragment()
            && !unsummed
            && checksum(header.protocol, addresses, payload) != 0
        {
            Some("its checksum is wrong")
        } else {
            None
        };
        let quote = error.and_then(|_| payload.get(8..));
        Some(Self {
            src: (addresses.0, ports.0),
            dst: (addresses.1, ports.1),
            error,
            quoted: quote.and_then(ends),
            tos: header.tos,
            ttl: header.ttl,
            id: header.id,
            is_piece: header.is_fragment(),
            offset: header.fragment_offset(),
            mtu: word(payload, 6).unwrap_or(0),
            bytes: packet.get(..header.total_len)?.to_vec(),
            fault,
        })
    }

    /// Of a frame.
    pub(super) fn of_frame(frame: &[u8]) -> Option<Self> {
        let kind = word(frame, 12)?;
        (kind == IPV4).then(|| Self::of(frame.get(ETHERNET..)?))?
    }

    /// Whether nothing differs from what was sent but what translation changes: addresses,
    /// ports, identifications, checksums, and the TTL by one.
    pub(super) fn carries(&self, sent: &[u8]) -> bool {
        let ttl = sent.get(8).copied().unwrap_or_default();
        self.ttl.checked_add(1) == Some(ttl) && rest(sent) == rest(&self.bytes)
    }
}

/// A packet without what translation changes; of an error only its kind.
fn rest(packet: &[u8]) -> Option<Vec<u8>> {
    let header = ipv4::Header::parse(packet, true).ok()?;
    let mut bytes = packet.get(..header.total_len)?.to_vec();
    let clear = |bytes: &mut Vec<u8>, at: usize, count: usize| {
        if let Some(part) = bytes.get_mut(at..at + count) {
            part.fill(0);
        }
    };
    if header.fragment & ipv4::DF == 0 {
        clear(&mut bytes, 4, 2);
    }
    // TTL, checksum, addresses.
    clear(&mut bytes, 8, 1);
    clear(&mut bytes, 10, 10);
    let at = header.header_len;
    if header.fragment_offset() == 0 {
        let unsummed = header.protocol == protocol::UDP && word(&bytes, at + 6) == Some(0);
        let (changes, sum) = match header.protocol {
            protocol::UDP | protocol::DCCP => (0, 6),
            protocol::TCP => (0, 16),
            protocol::ICMP => {
                let of_type = bytes.get(at)?;
                if !QUERIES.contains(of_type) {
                    bytes.truncate(at + 2);
                    // The quote may be cut.
                    clear(&mut bytes, 2, 2);
                    return Some(bytes);
                }
                (4, 2)
            }
            _ => return Some(bytes),
        };
        clear(&mut bytes, at + changes, if changes == 0 { 4 } else { 2 });
        if !unsummed {
            clear(&mut bytes, at + sum, 2);
            // That there is one counts.
            put(&mut bytes, at + sum, 1);
        }
    }
    Some(bytes)
}

/// The ends of a quoted packet whose header is right.
fn ends(quote: &[u8]) -> Option<(End, End)> {
    let header = ipv4::Header::parse_quoted(quote).ok()?;
    if !header.checksum_is_right(quote) {
        return None;
    }
    let payload = quote.get(header.header_len..)?;
    let ports = match (header.protocol, payload.first()) {
        (protocol::ICMP, Some(8 | 13)) => (word(payload, 4)?, 0),
        (protocol::ICMP, Some(0 | 14)) => (0, word(payload, 4)?),
        _ => (word(payload, 0)?, word(payload, 2)?),
    };
    Some(((header.source(), ports.0), (header.destination(), ports.1)))
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

fn spoil(bytes: &mut [u8], at: usize) {
    let wrong = word(bytes, at).unwrap_or_default() ^ 0x5555;
    put(bytes, at, wrong);
}

/// No packet is longer.
fn low16(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

const ETHERNET: usize = 14;
const IPV4: u16 = 0x0800;
