//! Frames that the self-test sends, and what it reads of those that leave.

use std::net::Ipv4Addr;

use wire::checksum::Sum;
use wire::ethernet::{self, Mac, Tags};
use wire::ipv4::{self, NewHeader};

/// An address and a port or ICMP identifier.
pub(super) type End = (Ipv4Addr, u16);

/// What a packet is, between two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Udp,
    /// With these flags.
    Tcp(u8),
    /// An ICMP query or answer of this type.
    Query(u8),
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const FIN: u8 = 0x01;
const ECHO: u8 = 8;
const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const PORT_UNREACHABLE: u8 = 3;

impl Kind {
    /// As a step names it.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "udp" => Self::Udp,
            "syn" => Self::Tcp(SYN),
            "synack" => Self::Tcp(SYN | ACK),
            "ack" => Self::Tcp(ACK),
            "fin" => Self::Tcp(FIN | ACK),
            "echo" => Self::Query(ECHO),
            "reply" => Self::Query(ECHO_REPLY),
            _ => return None,
        })
    }

    const fn protocol(self) -> u8 {
        match self {
            Self::Udp => 17,
            Self::Tcp(_) => 6,
            Self::Query(_) => 1,
        }
    }
}

/// The IP packet.
fn packet(kind: Kind, src: End, dst: End) -> Vec<u8> {
    let ports = [src.1.to_be_bytes(), dst.1.to_be_bytes()].concat();
    let mut payload = match kind {
        // A length, and a checksum to be filled in.
        Kind::Udp => [&ports[..], &[0, 12, 0, 0], b"test"].concat(),
        Kind::Tcp(flags) => {
            let rest = [0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0x20, 0, 0, 0, 0, 0];
            [&ports[..], &rest].concat()
        }
        Kind::Query(of_type) => {
            // The identifier is that of whoever asked.
            let id = if of_type == ECHO { src.1 } else { dst.1 };
            [&[of_type, 0, 0, 0], &id.to_be_bytes()[..], &[0, 1], b"test"].concat()
        }
    };
    let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    let sum = Sum::default().bytes(&payload);
    let (at, sum) = match kind {
        Kind::Query(_) => (2, sum),
        Kind::Udp | Kind::Tcp(_) => {
            let (from, to) = (src.0.to_bits(), dst.0.to_bits());
            let at = if kind == Kind::Udp { 6 } else { 16 };
            (at, sum.pseudo_header(from, to, kind.protocol(), length))
        }
    };
    put(&mut payload, at, sum.checksum());
    with_header(src.0, dst.0, kind.protocol(), &payload)
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

fn with_header(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; ipv4::HEADER_LEN];
    packet.extend_from_slice(payload);
    let header = NewHeader {
        src,
        dst,
        protocol,
        tos: 0,
        ttl: 64,
        id: 1,
    };
    ipv4::write(&mut packet, &header);
    packet
}

/// The frame of a packet.
pub(super) fn frame(kind: Kind, src: End, dst: End) -> Vec<u8> {
    framed(&packet(kind, src, dst))
}

/// The frame of an ICMP port unreachable about a packet.
pub(super) fn unreachable(by: Ipv4Addr, kind: Kind, src: End, dst: End) -> Vec<u8> {
    let quoted = packet(kind, src, dst);
    let quoted = quoted.get(..ipv4::HEADER_LEN + 8).unwrap_or_default();
    let head = [UNREACHABLE, PORT_UNREACHABLE, 0, 0, 0, 0, 0, 0];
    let mut message = [&head[..], quoted].concat();
    let checksum = Sum::default().bytes(&message).checksum();
    put(&mut message, 2, checksum);
    framed(&with_header(by, src.0, 1, &message))
}

fn framed(packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; ETHERNET];
    frame.extend_from_slice(packet);
    let mac = |last| Mac([2, 0, 0, 0, 0, last]);
    ethernet::write(&mut frame, mac(1), mac(2), Tags::NONE, IPV4);
    frame
}

/// What left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) src: End,
    pub(super) dst: End,
    /// Type and code, if it is an ICMP error.
    pub(super) error: Option<(u8, u8)>,
}

impl Seen {
    /// Of an IPv4 packet; `None` for anything else.
    pub(super) fn of(frame: &[u8]) -> Option<Self> {
        let packet = frame.get(ETHERNET..)?;
        let header = ipv4::Header::parse(packet, false).ok()?;
        let payload = packet.get(header.header_len..)?;
        let word = |at: usize| {
            let bytes = payload.get(at..)?.first_chunk::<2>()?;
            Some(u16::from_be_bytes(*bytes))
        };
        let [of_type, code] = *payload.first_chunk::<2>()?;
        let is_query = [ECHO, ECHO_REPLY].contains(&of_type);
        let (ports, error) = match header.protocol {
            1 if is_query => ((word(4)?, word(4)?), None),
            1 => ((0, 0), Some((of_type, code))),
            _ => ((word(0)?, word(2)?), None),
        };
        Some(Self {
            src: (Ipv4Addr::from_bits(header.src), ports.0),
            dst: (Ipv4Addr::from_bits(header.dst), ports.1),
            error,
        })
    }
}

const ETHERNET: usize = 14;
const IPV4: u16 = 0x0800;
