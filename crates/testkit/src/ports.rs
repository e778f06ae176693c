//! Transport protocols with ports besides UDP and TCP: DCCP, UDP-Lite, SCTP.

use crate::packet::{Body, Packet, Sum};
use crate::{crc32c, internet_checksum, protocol};

/// What a DCCP packet is (RFC 4340 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dccp {
    /// Opens a connection, for a service.
    Request,
    /// Accepts it.
    Response,
    /// Data without acknowledgement.
    Data,
    /// An acknowledgement.
    Ack,
    /// Both.
    DataAck,
    /// The server's wish that the client close.
    CloseReq,
    /// Closes.
    Close,
    /// Ends a connection at once, or answers a Close.
    Reset,
    /// Finds the sequence numbers again.
    Sync,
}

impl Dccp {
    const fn number(self) -> u8 {
        match self {
            Self::Request => 0,
            Self::Response => 1,
            Self::Data => 2,
            Self::Ack => 3,
            Self::DataAck => 4,
            Self::CloseReq => 5,
            Self::Close => 6,
            Self::Reset => 7,
            Self::Sync => 8,
        }
    }

    /// Bytes between the generic header and options (RFC 4340 sections 5.2 to 5.7).
    const fn more(self) -> usize {
        match self {
            Self::Data => 0,
            Self::Request => 4,
            Self::Ack | Self::DataAck | Self::CloseReq | Self::Close | Self::Sync => 8,
            Self::Response | Self::Reset => 12,
        }
    }
}

/// DCCP with long sequence numbers: `dccp("10.64.0.7:4000 > 192.0.2.1:5004", Dccp::Request)`.
pub fn dccp(flow: &str, kind: Dccp) -> Packet {
    Packet::of_flow(
        flow,
        protocol::DCCP,
        Body::Dccp {
            kind,
            seq: 0x12_3456,
        },
    )
}

/// UDP-Lite, all of it covered by its checksum until told otherwise.
pub fn udp_lite(flow: &str) -> Packet {
    Packet::of_flow(flow, protocol::UDP_LITE, Body::UdpLite { coverage: 0 })
}

/// SCTP with a verification tag; the payload is chunks.
pub fn sctp(flow: &str, tag: u32) -> Packet {
    Packet::of_flow(flow, protocol::SCTP, Body::Sctp { tag })
}

pub(crate) fn dccp_bytes(packet: &Packet, (kind, seq): (Dccp, u32), sum: Sum) -> Vec<u8> {
    let header = 16 + kind.more();
    let mut bytes = ports(packet);
    bytes.extend([(header / 4) as u8, 0, 0, 0]);
    // Type and the bit for long sequence numbers.
    bytes.extend([kind.number() << 1 | 1, 0]);
    bytes.extend([0, 0]);
    bytes.extend(seq.to_be_bytes());
    bytes.resize(header, 0);
    bytes.extend(&packet.payload);
    let right = pseudo_checksum(packet, bytes.len(), &bytes);
    write_sum(&mut bytes, sum.written(right));
    bytes
}

pub(crate) fn udp_lite_bytes(packet: &Packet, coverage: u16, sum: Sum) -> Vec<u8> {
    let mut bytes = ports(packet);
    bytes.extend(coverage.to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(&packet.payload);
    let right = match pseudo_checksum(packet, bytes.len(), covered(&bytes)) {
        0 => u16::MAX,
        right => right,
    };
    write_sum(&mut bytes, sum.written(right));
    bytes
}

pub(crate) fn sctp_bytes(packet: &Packet, tag: u32) -> Vec<u8> {
    let mut bytes = ports(packet);
    bytes.extend(tag.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(&packet.payload);
    let sum = crc32c(&bytes);
    bytes[8..12].copy_from_slice(&sum);
    bytes
}

/// What is wrong with the checksum of a whole packet of one of these protocols.
pub(crate) fn problem(src: [u8; 4], dst: [u8; 4], number: u8, bytes: &[u8]) -> Option<String> {
    let written = bytes.get(6..8)?;
    let right = match number {
        protocol::SCTP => {
            let mut copy = bytes.to_vec();
            let sum: [u8; 4] = copy.get(8..12)?.try_into().ok()?;
            copy[8..12].fill(0);
            crc32c(&copy) == sum
        }
        protocol::UDP_LITE => {
            // Never left out (RFC 3828 section 3.1).
            written != [0, 0] && pseudo(src, dst, number, bytes.len(), covered(bytes)) == 0
        }
        _ => pseudo(src, dst, number, bytes.len(), bytes) == 0,
    };
    (!right).then(|| format!("{number} checksum"))
}

/// What the checksum of a UDP-Lite datagram is about (RFC 3828 section 3.1).
fn covered(bytes: &[u8]) -> &[u8] {
    let coverage = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
    match coverage {
        0 => bytes,
        some => &bytes[..some.min(bytes.len())],
    }
}

fn ports(packet: &Packet) -> Vec<u8> {
    let mut bytes = packet.src.port().to_be_bytes().to_vec();
    bytes.extend(packet.dst.port().to_be_bytes());
    bytes
}

fn write_sum(bytes: &mut [u8], sum: u16) {
    bytes[6..8].copy_from_slice(&sum.to_be_bytes());
}

fn pseudo_checksum(packet: &Packet, len: usize, covered: &[u8]) -> u16 {
    let (src, dst) = (packet.src.ip().octets(), packet.dst.ip().octets());
    pseudo(src, dst, packet.protocol, len, covered)
}

/// The checksum over what is covered, with a pseudo-header that has the whole length.
fn pseudo(src: [u8; 4], dst: [u8; 4], number: u8, len: usize, covered: &[u8]) -> u16 {
    let mut bytes = [src, dst].concat();
    bytes.extend([0, number]);
    bytes.extend((len as u16).to_be_bytes());
    bytes.extend(covered);
    internet_checksum(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seen;

    #[test]
    fn what_is_built_is_seen_again_with_its_ports() {
        let flow = "10.64.0.7:4000 > 192.0.2.1:5004";
        for packet in [
            dccp(flow, Dccp::Request).payload(b"odd"),
            dccp(flow, Dccp::Data).payload(b"data"),
            udp_lite(flow).payload(b"all of it"),
            udp_lite(flow).payload(b"only the header").coverage(8),
            sctp(flow, 7).payload(&[1, 0, 0, 4]),
        ] {
            let seen = Seen::of_ip(&packet.ip()).unwrap();
            assert!(seen.problems.is_empty(), "{seen:?}");
            assert!(seen.src == "10.64.0.7:4000" && seen.dst == "192.0.2.1:5004");
        }
    }

    #[test]
    fn a_wrong_checksum_is_found_where_it_is_covered() {
        let flow = "10.64.0.7:4000 > 192.0.2.1:5004";
        let lite = || udp_lite(flow).payload(b"payload");
        for (packet, place, found) in [
            (dccp(flow, Dccp::Ack), 36, true),
            (lite(), 30, true),
            (lite().coverage(8), 30, false),
            (lite().coverage(10), 29, true),
            (sctp(flow, 7).payload(&[1, 0, 0, 4]), 33, true),
            (lite().transport_sum(Sum::Zero), 0, true),
        ] {
            let mut bytes = packet.ip();
            if place > 0 {
                bytes[place] ^= 1;
            }
            let problems = Seen::of_ip(&bytes).unwrap().problems;
            assert_eq!(!problems.is_empty(), found, "{packet:?}: {problems:?}");
        }
    }
}
