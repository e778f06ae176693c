//! Packets in flow notation, built to bytes.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::{Dccp, Mac, flags, internet_checksum, ports, protocol, transport_checksum};

/// UDP in flow notation: `udp("10.64.0.7:4000 > 192.0.2.1:53")`.
pub fn udp(flow: &str) -> Packet {
    let (src, dst) = endpoints(flow);
    Packet::new(src, dst, protocol::UDP, Body::Udp)
}

/// TCP in flow notation; a bare ACK until told otherwise.
pub fn tcp(flow: &str) -> Packet {
    let (src, dst) = endpoints(flow);
    let body = Body::Tcp {
        seq: 1,
        ack: 0,
        flags: flags::ACK,
        window: 65_000,
        urgent: 0,
        options: Vec::new(),
    };
    Packet::new(src, dst, protocol::TCP, body)
}

/// An echo request with the identifier as the source's port: `echo("10.64.0.7:77 > 192.0.2.1")`.
pub fn echo(flow: &str) -> Packet {
    icmp_query(8, flow)
}

/// An ICMP query or its answer by type; the identifier is the port of whichever end has one.
pub fn icmp_query(kind: u8, flow: &str) -> Packet {
    let (src, dst) = endpoints(flow);
    let id = src.port() | dst.port();
    let body = Body::IcmpQuery { kind, id, seq: 1 };
    Packet::new(src, dst, protocol::ICMP, body).payload(b"abcdefgh")
}

/// An ICMP error sent by `from` about the IP packet `quoted`, addressed to that packet's source.
pub fn icmp_error(kind: u8, code: u8, from: &str, quoted: &[u8]) -> Packet {
    let dst = Ipv4Addr::new(quoted[12], quoted[13], quoted[14], quoted[15]);
    let src = from.parse().expect("address of the sender");
    let body = Body::IcmpError {
        kind,
        code,
        rest: 0,
        quote: quoted.to_vec(),
        extensions: None,
    };
    Packet::new(
        SocketAddrV4::new(src, 0),
        SocketAddrV4::new(dst, 0),
        protocol::ICMP,
        body,
    )
}

/// Any other protocol by address: `raw("10.64.0.7 > 192.0.2.1", protocol::ESP)`.
pub fn raw(flow: &str, protocol: u8) -> Packet {
    let (src, dst) = endpoints(flow);
    Packet::new(src, dst, protocol, Body::Raw)
}

/// How a checksum is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sum {
    /// As the standard says.
    #[default]
    Right,
    /// Zero: not computed.
    Zero,
    /// One bit away from right.
    Wrong,
}

/// An IPv4 packet to be.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Source; the port is zero where the protocol has none.
    pub src: SocketAddrV4,
    /// Destination.
    pub dst: SocketAddrV4,
    /// Time to live.
    pub ttl: u8,
    /// Bytes behind the transport header, or all of a raw packet's.
    pub payload: Vec<u8>,
    /// 802.1Q tags, outer first.
    pub vlans: Vec<u16>,
    pub(crate) protocol: u8,
    tos: u8,
    id: u16,
    df: bool,
    mf: bool,
    offset: u16,
    options: Vec<u8>,
    body: Body,
    ip_sum: Sum,
    transport_sum: Sum,
    link_padding: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Udp,
    Tcp {
        seq: u32,
        ack: u32,
        flags: u8,
        window: u16,
        urgent: u16,
        options: Vec<u8>,
    },
    IcmpQuery {
        kind: u8,
        id: u16,
        seq: u16,
    },
    IcmpError {
        kind: u8,
        code: u8,
        rest: u32,
        quote: Vec<u8>,
        extensions: Option<Vec<u8>>,
    },
    Dccp {
        kind: Dccp,
        seq: u32,
    },
    UdpLite {
        coverage: u16,
    },
    Sctp {
        tag: u32,
    },
    Raw,
}

impl Packet {
    pub(crate) fn new(src: SocketAddrV4, dst: SocketAddrV4, protocol: u8, body: Body) -> Self {
        Self {
            src,
            dst,
            protocol,
            ttl: 64,
            tos: 0,
            id: 0x1d1d,
            df: false,
            mf: false,
            offset: 0,
            options: Vec::new(),
            body,
            payload: Vec::new(),
            vlans: Vec::new(),
            ip_sum: Sum::Right,
            transport_sum: Sum::Right,
            link_padding: false,
        }
    }

    pub(crate) fn of_flow(flow: &str, protocol: u8, body: Body) -> Self {
        let (src, dst) = endpoints(flow);
        Self::new(src, dst, protocol, body)
    }

    /// Sends from another endpoint.
    pub fn from(mut self, src: impl ToEndpoint) -> Self {
        self.src = src.endpoint();
        self
    }

    /// Sends to another endpoint.
    pub fn to(mut self, dst: impl ToEndpoint) -> Self {
        self.dst = dst.endpoint();
        self
    }

    /// Sets the bytes behind the transport header.
    pub fn payload(mut self, bytes: &[u8]) -> Self {
        self.payload = bytes.to_vec();
        self
    }

    /// Sets the time to live.
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets the differentiated services field and ECN bits.
    pub fn tos(mut self, tos: u8) -> Self {
        self.tos = tos;
        self
    }

    /// Sets the IP identification.
    pub fn id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    /// Sets "don't fragment".
    pub fn df(mut self, df: bool) -> Self {
        self.df = df;
        self
    }

    /// Sets "more fragments" and the offset in bytes, which is a multiple of eight.
    pub fn fragment_at(mut self, offset: usize, more: bool) -> Self {
        assert_eq!(offset % 8, 0, "fragments start at multiples of eight");
        self.offset = (offset / 8) as u16;
        self.mf = more;
        self
    }

    /// Adds IP options, a multiple of four bytes and at most forty.
    pub fn ip_options(mut self, options: &[u8]) -> Self {
        assert!(options.len() <= 40 && options.len().is_multiple_of(4));
        self.options = options.to_vec();
        self
    }

    /// Writes the IP header checksum in another way.
    pub fn ip_sum(mut self, sum: Sum) -> Self {
        self.ip_sum = sum;
        self
    }

    /// Writes the UDP, TCP or ICMP checksum in another way.
    pub fn transport_sum(mut self, sum: Sum) -> Self {
        self.transport_sum = sum;
        self
    }

    /// Adds 802.1Q tags, outer first.
    pub fn vlan(mut self, tags: &[u16]) -> Self {
        self.vlans = tags.to_vec();
        self
    }

    /// Fills the frame up to 60 bytes, as links do.
    pub fn link_padding(mut self) -> Self {
        self.link_padding = true;
        self
    }

    /// Sets the TCP flags, from [`flags`].
    pub fn flags(mut self, new: u8) -> Self {
        let Body::Tcp { flags, .. } = &mut self.body else {
            panic!("flags of a packet that is not TCP")
        };
        *flags = new;
        self
    }

    /// The first segment of a connection, with a usual MSS option.
    pub fn syn(self) -> Self {
        self.flags(flags::SYN).mss(1460)
    }

    /// Its answer.
    pub fn syn_ack(self) -> Self {
        self.flags(flags::SYN | flags::ACK).mss(1460)
    }

    /// The last segment of one side.
    pub fn fin(self) -> Self {
        self.flags(flags::FIN | flags::ACK)
    }

    /// A reset.
    pub fn rst(self) -> Self {
        self.flags(flags::RST)
    }

    /// Sets the sequence number of a TCP segment, an ICMP query or a DCCP packet.
    pub fn seq(mut self, new: u32) -> Self {
        match &mut self.body {
            Body::Tcp { seq, .. } | Body::Dccp { seq, .. } => *seq = new,
            Body::IcmpQuery { seq, .. } => *seq = new as u16,
            _ => panic!("sequence number of a packet that has none"),
        }
        self
    }

    /// Sets the acknowledgement number.
    pub fn ack(mut self, new: u32) -> Self {
        let Body::Tcp { ack, .. } = &mut self.body else {
            panic!("acknowledgement of a packet that is not TCP")
        };
        *ack = new;
        self
    }

    /// Sets the receive window.
    pub fn window(mut self, new: u16) -> Self {
        let Body::Tcp { window, .. } = &mut self.body else {
            panic!("window of a packet that is not TCP")
        };
        *window = new;
        self
    }

    /// Marks the first so many bytes as urgent (RFC 9293 section 3.8.5).
    pub fn urgent(mut self, len: u16) -> Self {
        let Body::Tcp { flags, urgent, .. } = &mut self.body else {
            panic!("urgent pointer of a packet that is not TCP")
        };
        *flags |= flags::URG;
        *urgent = len;
        self
    }

    /// Replaces the TCP options by raw bytes, padded with end-of-options.
    pub fn tcp_options(mut self, bytes: &[u8]) -> Self {
        let Body::Tcp { options, .. } = &mut self.body else {
            panic!("options of a packet that is not TCP")
        };
        *options = bytes.to_vec();
        options.resize(bytes.len().next_multiple_of(4), 0);
        self
    }

    /// Replaces the TCP options by a maximum segment size.
    pub fn mss(self, mss: u16) -> Self {
        let [high, low] = mss.to_be_bytes();
        self.tcp_options(&[2, 4, high, low])
    }

    /// Sets the second word of an ICMP error (next-hop MTU, pointer).
    pub fn rest(mut self, word: u32) -> Self {
        let Body::IcmpError { rest, .. } = &mut self.body else {
            panic!("second word of a packet that is not an ICMP error")
        };
        *rest = word;
        self
    }

    /// Covers only so many bytes of a UDP-Lite datagram by its checksum; zero is all.
    pub fn coverage(mut self, bytes: u16) -> Self {
        let Body::UdpLite { coverage } = &mut self.body else {
            panic!("coverage of a packet that is not UDP-Lite")
        };
        *coverage = bytes;
        self
    }

    /// Quotes no more than `len` bytes.
    pub fn quote_len(mut self, len: usize) -> Self {
        let Body::IcmpError { quote, .. } = &mut self.body else {
            panic!("quote of a packet that is not an ICMP error")
        };
        quote.truncate(len);
        self
    }

    /// Appends RFC 4884 objects behind the quote, which is padded to 128 bytes
    /// and gets the length attribute.
    pub fn extensions(mut self, objects: &[u8]) -> Self {
        let Body::IcmpError {
            rest,
            quote,
            extensions,
            ..
        } = &mut self.body
        else {
            panic!("extensions of a packet that is not an ICMP error")
        };
        quote.resize(quote.len().max(128).next_multiple_of(4), 0);
        *rest |= (quote.len() as u32 / 4) << 16;
        let mut bytes = vec![0x20, 0, 0, 0];
        bytes.extend(objects);
        let sum = internet_checksum(&bytes);
        bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        *extensions = Some(bytes);
        self
    }

    /// The datagram in pieces: `sizes` bytes each (multiples of eight), then the rest.
    pub fn fragments(&self, sizes: &[usize]) -> Vec<Self> {
        let whole = self.transport();
        let mut pieces = Vec::new();
        let mut at = 0;
        for (number, size) in sizes.iter().copied().chain([usize::MAX]).enumerate() {
            let end = at + size.min(whole.len() - at);
            let last = number == sizes.len();
            let mut piece = Self {
                body: Body::Raw,
                payload: whole[at..end].to_vec(),
                ..self.clone()
            };
            piece = piece.fragment_at(at, !last);
            if number > 0 {
                // Ports are in the first piece only.
                piece.src.set_port(0);
                piece.dst.set_port(0);
            }
            pieces.push(piece);
            at = end;
        }
        pieces
    }

    /// From the Ethernet header on.
    pub fn frame(&self, src: Mac, dst: Mac) -> Vec<u8> {
        let mut bytes = ethernet(src, dst, &self.vlans, 0x0800);
        bytes.extend(self.ip());
        if self.link_padding && bytes.len() < 60 {
            bytes.resize(60, 0);
        }
        bytes
    }

    /// From the IP header on.
    pub fn ip(&self) -> Vec<u8> {
        let transport = self.transport();
        let header_len = 20 + self.options.len();
        let total = (header_len + transport.len()) as u16;
        let fragment = u16::from(self.df) << 14 | u16::from(self.mf) << 13 | self.offset;
        let mut bytes = vec![0x40 | (header_len / 4) as u8, self.tos];
        bytes.extend(total.to_be_bytes());
        bytes.extend(self.id.to_be_bytes());
        bytes.extend(fragment.to_be_bytes());
        bytes.extend([self.ttl, self.protocol, 0, 0]);
        bytes.extend(self.src.ip().octets());
        bytes.extend(self.dst.ip().octets());
        bytes.extend(&self.options);
        let sum = self.ip_sum.written(internet_checksum(&bytes));
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes.extend(transport);
        bytes
    }

    /// What follows the IP header.
    pub fn transport(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let sum_at = match &self.body {
            Body::Raw => {
                bytes.extend(&self.payload);
                return bytes;
            }
            Body::Dccp { kind, seq } => {
                return ports::dccp_bytes(self, (*kind, *seq), self.transport_sum);
            }
            Body::UdpLite { coverage } => {
                return ports::udp_lite_bytes(self, *coverage, self.transport_sum);
            }
            Body::Sctp { tag } => return ports::sctp_bytes(self, *tag),
            Body::Udp => {
                bytes.extend(self.src.port().to_be_bytes());
                bytes.extend(self.dst.port().to_be_bytes());
                bytes.extend((8 + self.payload.len() as u16).to_be_bytes());
                bytes.extend([0, 0]);
                6
            }
            Body::Tcp {
                seq,
                ack,
                flags,
                window,
                urgent,
                options,
            } => {
                bytes.extend(self.src.port().to_be_bytes());
                bytes.extend(self.dst.port().to_be_bytes());
                bytes.extend(seq.to_be_bytes());
                bytes.extend(ack.to_be_bytes());
                bytes.extend([((20 + options.len()) / 4) as u8 * 16, *flags]);
                bytes.extend(window.to_be_bytes());
                bytes.extend([0; 2]);
                bytes.extend(urgent.to_be_bytes());
                bytes.extend(options);
                16
            }
            Body::IcmpQuery { kind, id, seq } => {
                bytes.extend([*kind, 0, 0, 0]);
                bytes.extend(id.to_be_bytes());
                bytes.extend(seq.to_be_bytes());
                2
            }
            Body::IcmpError {
                kind,
                code,
                rest,
                quote,
                extensions,
            } => {
                bytes.extend([*kind, *code, 0, 0]);
                bytes.extend(rest.to_be_bytes());
                bytes.extend(quote);
                bytes.extend(extensions.iter().flatten());
                2
            }
        };
        bytes.extend(&self.payload);
        let right = if self.protocol == protocol::ICMP {
            internet_checksum(&bytes)
        } else {
            transport_checksum(*self.src.ip(), *self.dst.ip(), self.protocol, &bytes)
        };
        let right = if self.protocol == protocol::UDP && right == 0 {
            0xffff
        } else {
            right
        };
        let sum = self.transport_sum.written(right);
        bytes[sum_at..sum_at + 2].copy_from_slice(&sum.to_be_bytes());
        bytes
    }
}

impl Sum {
    pub(crate) fn written(self, right: u16) -> u16 {
        match self {
            Self::Right => right,
            Self::Zero => 0,
            Self::Wrong => right ^ 0x0100,
        }
    }
}

/// What names an endpoint in a test.
pub trait ToEndpoint {
    /// Address and port; the port is zero where none is given.
    fn endpoint(self) -> SocketAddrV4;
}

impl ToEndpoint for SocketAddrV4 {
    fn endpoint(self) -> SocketAddrV4 {
        self
    }
}

impl ToEndpoint for &str {
    fn endpoint(self) -> SocketAddrV4 {
        self.parse().unwrap_or_else(|_| {
            let address = self
                .parse()
                .unwrap_or_else(|_| panic!("`{self}` is neither address nor endpoint"));
            SocketAddrV4::new(address, 0)
        })
    }
}

impl ToEndpoint for &String {
    fn endpoint(self) -> SocketAddrV4 {
        self.as_str().endpoint()
    }
}

impl ToEndpoint for (Ipv4Addr, u16) {
    fn endpoint(self) -> SocketAddrV4 {
        SocketAddrV4::new(self.0, self.1)
    }
}

fn endpoints(flow: &str) -> (SocketAddrV4, SocketAddrV4) {
    let (src, dst) = flow
        .split_once('>')
        .unwrap_or_else(|| panic!("`{flow}` is no flow: address:port > address:port"));
    (src.trim().endpoint(), dst.trim().endpoint())
}

pub(crate) fn ethernet(src: Mac, dst: Mac, vlans: &[u16], ethertype: u16) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend(dst);
    bytes.extend(src);
    for (place, tag) in vlans.iter().enumerate() {
        let outer = place + 1 < vlans.len();
        bytes.extend((if outer { 0x88a8_u16 } else { 0x8100 }).to_be_bytes());
        bytes.extend(tag.to_be_bytes());
    }
    bytes.extend(ethertype.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_datagram_comes_out_byte_for_byte() {
        let bytes = udp("10.0.0.1:1 > 10.0.0.2:2").payload(b"x").id(0).ip();
        assert_eq!(bytes[..4], [0x45, 0, 0, 29]);
        assert_eq!(internet_checksum(&bytes[..20]), 0);
        assert_eq!(bytes[20..26], [0, 1, 0, 2, 0, 9]);
        // Pseudo-header and segment by hand: 0a00+0001+0a00+0002+0011+0009 + 0001+0002+0009+7800.
        assert_eq!(bytes[26..28], (!0x8c29_u16).to_be_bytes());
    }

    #[test]
    fn fragments_cover_the_datagram() {
        let whole = udp("10.0.0.1:1 > 10.0.0.2:2").payload(&[7; 100]);
        let pieces = whole.fragments(&[8, 24]);
        let joined: Vec<u8> = pieces.iter().flat_map(Packet::transport).collect();
        assert_eq!(joined, whole.transport());
        assert_eq!(pieces.len(), 3);
        assert!(pieces[1].mf && !pieces[2].mf);
        assert_eq!(pieces[2].offset, 4);
    }

    #[test]
    #[should_panic(expected = "is no flow")]
    fn nonsense_is_no_flow() {
        udp("10.0.0.1:1");
    }
}
