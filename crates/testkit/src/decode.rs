//! Frames that left, taken apart and checked at every layer.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::{
    Arp, Dccp, Mac, Packet, dccp, echo, flags, icmp_query, internet_checksum, ports, protocol, raw,
    sctp, tcp, transport_checksum, udp, udp_lite,
};

/// Why bytes are not a frame that anybody could read. Wrong checksums are not
/// among it: they are in [`Seen::problems`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// A frame, taken apart.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Ethernet destination.
    pub dst_mac: Mac,
    /// Ethernet source.
    pub src_mac: Mac,
    /// 802.1Q tags, outer first.
    pub vlans: Vec<u16>,
    /// Set if the frame is ARP; then nothing below is.
    pub arp: Option<Arp>,
    /// The IP packet without link padding.
    pub ip: Vec<u8>,
    /// Source; the port is the identifier of an ICMP query, and zero where there is none.
    pub src: Endpoint,
    /// Destination.
    pub dst: Endpoint,
    /// IP protocol.
    pub protocol: u8,
    /// Time to live.
    pub ttl: u8,
    /// Differentiated services and ECN.
    pub tos: u8,
    /// IP identification.
    pub id: u16,
    /// "Don't fragment".
    pub df: bool,
    /// "More fragments".
    pub mf: bool,
    /// Fragment offset in bytes.
    pub offset: usize,
    /// IP options.
    pub options: Vec<u8>,
    /// What follows the IP header.
    pub transport: Vec<u8>,
    /// What follows the transport header; for a fragment, everything.
    pub payload: Vec<u8>,
    /// Written checksum of the transport header.
    pub transport_sum: u16,
    /// TCP fields.
    pub tcp: Option<Tcp>,
    /// ICMP fields.
    pub icmp: Option<Icmp>,
    /// Everything that is wrong with it: checksums, lengths, trailing bytes.
    pub problems: Vec<String>,
}

/// An endpoint that compares with text: `seen.src == "203.0.113.1:80"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint(pub SocketAddrV4);

/// Fields of a TCP header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// From [`flags`].
    pub flags: u8,
    /// Receive window.
    pub window: u16,
    /// Urgent pointer.
    pub urgent: u16,
    /// Raw options.
    pub options: Vec<u8>,
}

/// Fields of an ICMP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// Second word: identifier and sequence number, next-hop MTU, pointer.
    pub rest: u32,
    /// The packet an error is about.
    pub quote: Option<Box<Quote>>,
    /// What follows the quote (RFC 4884), with its header.
    pub extensions: Vec<u8>,
}

/// A packet inside an ICMP error, as far as it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Source; port or identifier where there are enough bytes.
    pub src: Endpoint,
    /// Destination.
    pub dst: Endpoint,
    /// IP protocol.
    pub protocol: u8,
    /// Time to live.
    pub ttl: u8,
    /// Differentiated services and ECN.
    pub tos: u8,
    /// IP options.
    pub options: Vec<u8>,
    /// What follows the IP header, as far as it was quoted.
    pub transport: Vec<u8>,
    /// Whether all of the packet is there.
    pub complete: bool,
    /// All quoted bytes without padding.
    pub bytes: Vec<u8>,
}

impl Seen {
    /// Takes a frame apart.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if headers or lengths make no sense.
    pub fn of(frame: &[u8]) -> Result<Self, Malformed> {
        let mut seen = Self::default();
        let ethernet = frame
            .first_chunk::<14>()
            .ok_or(Malformed("Ethernet header cut short"))?;
        seen.dst_mac = ethernet[..6].try_into().unwrap();
        seen.src_mac = ethernet[6..12].try_into().unwrap();
        let mut at = 12;
        loop {
            let ethertype = word(frame, at).ok_or(Malformed("VLAN tag cut short"))?;
            match ethertype {
                0x8100 | 0x88a8 => {
                    let tag = word(frame, at + 2).ok_or(Malformed("VLAN tag cut short"))?;
                    seen.vlans.push(tag & 0xfff);
                    at += 4;
                }
                0x0806 => {
                    let arp = Arp::read(&frame[at + 2..]).ok_or(Malformed("ARP"))?;
                    seen.arp = Some(arp);
                    return Ok(seen);
                }
                0x0800 => break,
                _ => return Err(Malformed("Ethernet type")),
            }
        }
        seen.read_ip(&frame[at + 2..])?;
        if frame.len() > at + 2 + seen.ip.len() && frame.len() > 60 + at - 12 {
            seen.problems.push("bytes behind the packet".into());
        }
        Ok(seen)
    }

    /// Takes an IP packet apart.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if headers or lengths make no sense.
    pub fn of_ip(packet: &[u8]) -> Result<Self, Malformed> {
        let mut seen = Self::default();
        seen.read_ip(packet)?;
        Ok(seen)
    }

    /// Whether it is a piece of a datagram.
    pub fn is_fragment(&self) -> bool {
        self.mf || self.offset > 0
    }

    /// Whether it is TCP with exactly these flags.
    pub fn has_flags(&self, wanted: u8) -> bool {
        self.tcp.as_ref().is_some_and(|tcp| tcp.flags == wanted)
    }

    /// Type and code of an ICMP message.
    pub fn icmp_kind(&self) -> Option<(u8, u8)> {
        self.icmp.as_ref().map(|icmp| (icmp.kind, icmp.code))
    }

    /// The quoted packet of an ICMP error.
    pub fn quote(&self) -> &Quote {
        self.icmp
            .as_ref()
            .and_then(|icmp| icmp.quote.as_deref())
            .unwrap_or_else(|| panic!("no ICMP error: {self:?}"))
    }

    /// An answer: the same protocol with source and destination exchanged.
    pub fn reply(&self) -> Packet {
        let flow = format!("{} > {}", self.dst, self.src);
        match (self.protocol, self.icmp.as_ref().map(|icmp| icmp.kind)) {
            (protocol::UDP, _) => udp(&flow),
            (protocol::TCP, _) => {
                let tcp_seen = self.tcp.as_ref().expect("TCP header");
                let syn = u32::from(tcp_seen.flags & (flags::SYN | flags::FIN) != 0);
                tcp(&flow)
                    .seq(tcp_seen.ack.max(1))
                    .ack(tcp_seen.seq.wrapping_add(syn + self.payload.len() as u32))
            }
            (protocol::ICMP, Some(8)) => echo(&flow).answer(0, self),
            (protocol::ICMP, Some(13)) => icmp_query(14, &flow).answer(14, self),
            (protocol::ICMP, _) => panic!("no answer to {:?}", self.icmp),
            (protocol::UDP_LITE, _) => udp_lite(&flow),
            (protocol::SCTP, _) => sctp(&flow, 1),
            (protocol::DCCP, _) => dccp(&flow, Dccp::DataAck),
            (other, _) => {
                let flow = format!("{} > {}", self.dst.ip(), self.src.ip());
                raw(&flow, other)
            }
        }
    }

    fn read_ip(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let header = bytes
            .first_chunk::<20>()
            .ok_or(Malformed("IP header cut short"))?;
        let header_len = usize::from(header[0] & 0xf) * 4;
        let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if header[0] >> 4 != 4 || header_len < 20 || total < header_len || total > bytes.len() {
            return Err(Malformed("IP version or lengths"));
        }
        self.ip = bytes[..total].to_vec();
        let fragment = u16::from_be_bytes([header[6], header[7]]);
        self.tos = header[1];
        self.id = u16::from_be_bytes([header[4], header[5]]);
        self.df = fragment & 0x4000 != 0;
        self.mf = fragment & 0x2000 != 0;
        self.offset = usize::from(fragment & 0x1fff) * 8;
        self.ttl = header[8];
        self.protocol = header[9];
        self.src = endpoint(&header[12..16], 0);
        self.dst = endpoint(&header[16..20], 0);
        self.options = bytes[20..header_len].to_vec();
        self.transport = bytes[header_len..total].to_vec();
        self.payload.clone_from(&self.transport);
        if internet_checksum(&bytes[..header_len]) != 0 {
            self.problems.push("IP header checksum".into());
        }
        if self.is_fragment() {
            if self.offset == 0 && has_ports(self.protocol) {
                self.read_ports();
            }
            return Ok(());
        }
        match self.protocol {
            protocol::UDP => self.read_udp(),
            protocol::TCP => self.read_tcp(),
            protocol::ICMP => self.read_icmp(),
            other if has_ports(other) => {
                let (src, dst) = (self.src.ip().octets(), self.dst.ip().octets());
                let problem = ports::problem(src, dst, other, &self.transport);
                self.problems.extend(problem);
                self.read_ports();
                let header = match other {
                    protocol::UDP_LITE => 8,
                    protocol::SCTP => 12,
                    _ => self.transport.get(4).map_or(0, |len| usize::from(*len) * 4),
                };
                let payload = self.transport.get(header..);
                self.payload = payload.ok_or(Malformed("header cut short"))?.to_vec();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn read_ports(&mut self) {
        if let (Some(src), Some(dst)) = (word(&self.transport, 0), word(&self.transport, 2)) {
            self.src.0.set_port(src);
            self.dst.0.set_port(dst);
        }
    }

    fn check_transport(&mut self) {
        let sum = transport_checksum(
            *self.src.0.ip(),
            *self.dst.0.ip(),
            self.protocol,
            &self.transport,
        );
        if sum != 0 {
            self.problems.push(format!("{} checksum", self.protocol));
        }
    }

    fn read_udp(&mut self) -> Result<(), Malformed> {
        let header = self
            .transport
            .first_chunk::<8>()
            .ok_or(Malformed("UDP header cut short"))?;
        self.transport_sum = u16::from_be_bytes([header[6], header[7]]);
        if usize::from(u16::from_be_bytes([header[4], header[5]])) != self.transport.len() {
            self.problems.push("UDP length".into());
        }
        self.payload = self.transport[8..].to_vec();
        self.read_ports();
        if self.transport_sum != 0 {
            self.check_transport();
        }
        Ok(())
    }

    fn read_tcp(&mut self) -> Result<(), Malformed> {
        let header = self
            .transport
            .first_chunk::<20>()
            .ok_or(Malformed("TCP header cut short"))?;
        let header_len = usize::from(header[12] >> 4) * 4;
        if header_len < 20 || header_len > self.transport.len() {
            return Err(Malformed("TCP data offset"));
        }
        self.transport_sum = u16::from_be_bytes([header[16], header[17]]);
        self.tcp = Some(Tcp {
            seq: u32::from_be_bytes(header[4..8].try_into().unwrap()),
            ack: u32::from_be_bytes(header[8..12].try_into().unwrap()),
            flags: header[13],
            window: u16::from_be_bytes([header[14], header[15]]),
            urgent: u16::from_be_bytes([header[18], header[19]]),
            options: self.transport[20..header_len].to_vec(),
        });
        self.payload = self.transport[header_len..].to_vec();
        self.read_ports();
        self.check_transport();
        Ok(())
    }

    fn read_icmp(&mut self) -> Result<(), Malformed> {
        let header = *self
            .transport
            .first_chunk::<8>()
            .ok_or(Malformed("ICMP header cut short"))?;
        if internet_checksum(&self.transport) != 0 {
            self.problems.push("ICMP checksum".into());
        }
        self.transport_sum = u16::from_be_bytes([header[2], header[3]]);
        self.payload = self.transport[8..].to_vec();
        let mut icmp = Icmp {
            kind: header[0],
            code: header[1],
            rest: u32::from_be_bytes(header[4..8].try_into().unwrap()),
            quote: None,
            extensions: Vec::new(),
        };
        let id = u16::from_be_bytes([header[4], header[5]]);
        match icmp.kind {
            // Who asks has the identifier.
            8 | 13 | 15 | 17 => self.src.0.set_port(id),
            0 | 14 | 16 | 18 => self.dst.0.set_port(id),
            3 | 4 | 5 | 11 | 12 => {
                let mut quoted = &self.payload[..];
                let attribute = usize::from(header[5]) * 4;
                if matches!(icmp.kind, 3 | 11 | 12) && attribute > 0 && attribute <= quoted.len() {
                    let (quote, extensions) = quoted.split_at(attribute);
                    if extensions.is_empty() || internet_checksum(extensions) != 0 {
                        self.problems.push("ICMP extension checksum".into());
                    }
                    icmp.extensions = extensions.to_vec();
                    quoted = quote;
                }
                let quote = read_quote(quoted, &mut self.problems)?;
                icmp.quote = Some(Box::new(quote));
            }
            _ => {}
        }
        self.icmp = Some(icmp);
        Ok(())
    }
}

impl Packet {
    fn answer(self, kind: u8, query: &Seen) -> Self {
        let id_and_seq = query.icmp.as_ref().expect("ICMP header").rest;
        let flow = format!("{} > {}", self.src.ip(), self.dst);
        icmp_query(kind, &flow)
            .seq(id_and_seq & 0xffff)
            .payload(&query.payload)
    }
}

/// The datagram that pieces make together, in any order.
///
/// # Errors
///
/// [`Malformed`] if they do not cover it exactly once.
pub fn reassemble(pieces: &[Seen]) -> Result<Seen, Malformed> {
    let mut sorted: Vec<&Seen> = pieces.iter().collect();
    sorted.sort_by_key(|piece| piece.offset);
    let mut transport = Vec::new();
    for piece in &sorted {
        if piece.offset != transport.len() {
            return Err(Malformed("fragments with a gap or an overlap"));
        }
        transport.extend(&piece.transport);
    }
    let (first, last) = (
        sorted.first().ok_or(Malformed("no fragments"))?,
        sorted.last().ok_or(Malformed("no fragments"))?,
    );
    if last.mf || sorted.iter().rev().skip(1).any(|piece| !piece.mf) {
        return Err(Malformed("more-fragments flags"));
    }
    let same = |piece: &&Seen| {
        (piece.id, piece.protocol, piece.src.0.ip(), piece.dst.0.ip())
            == (first.id, first.protocol, first.src.0.ip(), first.dst.0.ip())
    };
    if !sorted.iter().all(same) {
        return Err(Malformed("fragments of different datagrams"));
    }
    let flow = format!("{} > {}", first.src.0.ip(), first.dst.0.ip());
    let whole = raw(&flow, first.protocol)
        .ttl(first.ttl)
        .tos(first.tos)
        .id(first.id)
        .payload(&transport);
    let mut seen = Seen::of_ip(&whole.ip())?;
    (seen.src_mac, seen.dst_mac) = (first.src_mac, first.dst_mac);
    Ok(seen)
}

impl Endpoint {
    /// The address.
    pub fn ip(self) -> Ipv4Addr {
        *self.0.ip()
    }

    /// The port or identifier.
    pub fn port(self) -> u16 {
        self.0.port()
    }
}

impl Default for Endpoint {
    fn default() -> Self {
        Self(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq<SocketAddrV4> for Endpoint {
    fn eq(&self, other: &SocketAddrV4) -> bool {
        self.0 == *other
    }
}

impl PartialEq<&str> for Endpoint {
    fn eq(&self, other: &&str) -> bool {
        use crate::packet::ToEndpoint;
        self.0 == other.endpoint()
    }
}

impl crate::packet::ToEndpoint for Endpoint {
    fn endpoint(self) -> SocketAddrV4 {
        self.0
    }
}

fn read_quote(bytes: &[u8], problems: &mut Vec<String>) -> Result<Quote, Malformed> {
    let header = bytes
        .first_chunk::<20>()
        .ok_or(Malformed("quoted header cut short"))?;
    let header_len = usize::from(header[0] & 0xf) * 4;
    if header[0] >> 4 != 4 || header_len < 20 || header_len > bytes.len() {
        return Err(Malformed("quoted header"));
    }
    if internet_checksum(&bytes[..header_len]) != 0 {
        problems.push("quoted IP header checksum".into());
    }
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let complete = total <= bytes.len();
    let bytes = &bytes[..total.clamp(header_len, bytes.len().max(header_len))];
    let transport = &bytes[header_len..];
    let protocol = header[9];
    let mut quote = Quote {
        src: endpoint(&header[12..16], 0),
        dst: endpoint(&header[16..20], 0),
        protocol,
        ttl: header[8],
        tos: header[1],
        options: bytes[20..header_len].to_vec(),
        transport: transport.to_vec(),
        complete,
        bytes: bytes.to_vec(),
    };
    if u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0 {
        return Ok(quote);
    }
    match protocol {
        protocol::TCP | protocol::UDP => {
            quote.src.0.set_port(word(transport, 0).unwrap_or(0));
            quote.dst.0.set_port(word(transport, 2).unwrap_or(0));
            let not_computed = protocol == protocol::UDP && word(transport, 6) == Some(0);
            let (src, dst) = (quote.src.ip(), quote.dst.ip());
            if complete && !not_computed && transport_checksum(src, dst, protocol, transport) != 0 {
                problems.push(format!("quoted {protocol} checksum"));
            }
        }
        protocol::ICMP => {
            let id = word(transport, 4).unwrap_or(0);
            match transport.first() {
                Some(0 | 14 | 16 | 18) => quote.dst.0.set_port(id),
                _ => quote.src.0.set_port(id),
            }
            if complete && internet_checksum(transport) != 0 {
                problems.push("quoted ICMP checksum".into());
            }
        }
        other if has_ports(other) => {
            quote.src.0.set_port(word(transport, 0).unwrap_or(0));
            quote.dst.0.set_port(word(transport, 2).unwrap_or(0));
            let (src, dst) = (quote.src.ip().octets(), quote.dst.ip().octets());
            if complete && let Some(problem) = ports::problem(src, dst, other, transport) {
                problems.push(format!("quoted {problem}"));
            }
        }
        _ => {}
    }
    Ok(quote)
}

/// Whether a header begins with source and destination port.
fn has_ports(number: u8) -> bool {
    matches!(
        number,
        protocol::TCP | protocol::UDP | protocol::DCCP | protocol::SCTP | protocol::UDP_LITE
    )
}

fn endpoint(octets: &[u8], port: u16) -> Endpoint {
    let address = Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]);
    Endpoint(SocketAddrV4::new(address, port))
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rng, Sum, icmp_error};

    fn seen(packet: &Packet) -> Seen {
        Seen::of(&packet.frame([2; 6], [4; 6])).unwrap()
    }

    #[test]
    fn what_is_built_is_seen_again() {
        let packet = tcp("10.64.0.7:4000 > 192.0.2.1:80")
            .syn()
            .seq(7)
            .tos(0xb8)
            .df(true)
            .ip_options(&[1, 1, 1, 0])
            .vlan(&[200, 100]);
        let seen = seen(&packet);
        assert!(seen.problems.is_empty(), "{:?}", seen.problems);
        assert!(seen.src == "10.64.0.7:4000" && seen.dst == "192.0.2.1:80");
        assert_eq!(seen.vlans, [200, 100]);
        assert!(seen.has_flags(flags::SYN) && seen.df && seen.tos == 0xb8);
        assert_eq!(seen.tcp.unwrap().options, [2, 4, 0x05, 0xb4]);
    }

    #[test]
    fn wrong_checksums_are_found_at_every_layer() {
        let good = udp("10.64.0.7:1 > 192.0.2.1:2").payload(b"odd");
        for (packet, problem) in [
            (good.clone().ip_sum(Sum::Wrong), "IP header"),
            (good.clone().transport_sum(Sum::Wrong), "17"),
            (
                echo("10.0.0.1:5 > 10.0.0.2").transport_sum(Sum::Wrong),
                "ICMP",
            ),
            (
                icmp_error(3, 3, "10.0.0.9", &good.clone().ip_sum(Sum::Wrong).ip()),
                "quoted IP header",
            ),
            (
                icmp_error(
                    3,
                    3,
                    "10.0.0.9",
                    &good.clone().transport_sum(Sum::Wrong).ip(),
                ),
                "quoted 17",
            ),
        ] {
            let problems = seen(&packet).problems;
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(problem), "{problems:?}");
        }
        assert!(seen(&good.transport_sum(Sum::Zero)).problems.is_empty());
    }

    #[test]
    fn an_error_is_seen_with_its_quote_and_extensions() {
        let about = udp("10.64.0.7:1 > 192.0.2.1:2").payload(&[5; 300]).ip();
        let objects = [0, 8, 1, 1, 0, 1, 2, 3];
        let error = icmp_error(11, 0, "10.0.0.9", &about)
            .quote_len(28)
            .extensions(&objects);
        let seen = seen(&error);
        assert!(seen.problems.is_empty(), "{:?}", seen.problems);
        assert_eq!(seen.icmp.as_ref().unwrap().extensions[4..], objects);
        let quote = seen.quote();
        assert!(quote.src == "10.64.0.7:1" && quote.dst == "192.0.2.1:2" && !quote.complete);
    }

    #[test]
    fn pieces_in_any_order_make_the_whole() {
        let whole = udp("10.64.0.7:1 > 192.0.2.1:2").payload(&[5; 300]);
        let mut pieces: Vec<Seen> = whole.fragments(&[104, 64]).iter().map(seen).collect();
        pieces.rotate_left(1);
        let joined = reassemble(&pieces).unwrap();
        assert!(joined.problems.is_empty());
        assert_eq!(joined.payload, whole.payload);
        pieces.pop();
        assert!(reassemble(&pieces).is_err());
    }

    #[test]
    fn answers_keep_identifier_and_sequence() {
        let query = seen(&echo("10.64.0.7:77 > 192.0.2.1").seq(9));
        let answer = seen(&query.reply());
        assert!(answer.dst == "10.64.0.7:77");
        assert_eq!(answer.icmp.unwrap().rest, 77 << 16 | 9);
        assert_eq!(answer.payload, query.payload);
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        let mut rng = Rng::new(1);
        for _ in 0..20_000 {
            let len = rng.below(120);
            let mut bytes = rng.bytes(len);
            if len > 40 {
                bytes[12..14].copy_from_slice(&[8, 0]);
                bytes[14] = 0x45 + rng.byte() % 3;
                bytes[16..18].copy_from_slice(&[0, rng.byte() % 100]);
                bytes[23] = *rng.pick(&[1, 6, 17, 33, 50, 132, 136]);
            }
            let _ = Seen::of(&bytes);
        }
    }
}
