//! Frames that are right in all checksums, written by copying what is always the
//! same and patching the rest.
//!
//! A frame is as short as Ethernet allows (60 bytes, 64 with FCS) or longer; what
//! is beyond the first 60 bytes is zero, as the buffers' memory is from the start
//! and stays, since nobody else writes there.

use pktio::PacketBuf;

use crate::flows::Endpoint;

/// The shortest frame, without FCS.
pub(crate) const SHORTEST: usize = 60;

/// MAC addresses of the appliance's ports.
pub(crate) const OURS: [[u8; 6]; 2] = [[2, 0, 0, 0, 1, 0], [2, 0, 0, 0, 1, 1]];

/// MAC addresses of its neighbours.
pub(crate) const THEIRS: [[u8; 6]; 2] = [[2, 0, 0, 0, 2, 0], [2, 0, 0, 0, 2, 1]];

/// TCP flags.
pub(crate) const FIN: u8 = 1;
/// TCP flags.
pub(crate) const SYN: u8 = 2;
/// TCP flags.
pub(crate) const ACK: u8 = 16;

const UDP: u8 = 17;
const TCP: u8 = 6;
const LINK: usize = 14;
const IP: usize = 20;

/// All of a frame that does not depend on its flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Template {
    bytes: [u8; SHORTEST],
    len: usize,
    /// Sums of what is in `bytes` already.
    ip: u32,
    transport: u32,
    /// Where the transport checksum is.
    at: usize,
}

impl Template {
    /// UDP towards `port` in frames of `len` bytes without FCS.
    pub(crate) fn udp(port: usize, len: usize) -> Self {
        let len = len.max(SHORTEST);
        let datagram = wire::low16(len - LINK - IP);
        let mut made = Self::ip(port, len, UDP, len - LINK);
        put(&mut made.bytes, 38, datagram);
        // The length is in the pseudo-header too.
        made.transport = u32::from(UDP) + 2 * u32::from(datagram);
        made.at = 40;
        made
    }

    /// The shortest question to a name server, or, from outside, its answer without records.
    pub(crate) fn dns(port: usize) -> Self {
        let mut made = Self::udp(port, SHORTEST);
        // What is asked for, one question, of type A for the root.
        let flags = if port == 0 { 0x0100 } else { 0x8180 };
        for (at, word) in [
            (44, flags),
            (46, 1),
            (54, 0x0000),
            (55, 0x0001),
            (57, 0x0001),
        ] {
            put(&mut made.bytes, at, word);
        }
        let payload = made.bytes.get(42..).unwrap_or_default().chunks(2);
        made.transport += payload
            .map(|word| match word {
                [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
                _ => 0,
            })
            .sum::<u32>();
        made
    }

    /// A TCP segment with these flags and as many bytes of data, at most six.
    pub(crate) fn tcp(port: usize, flags: u8, data: usize) -> Self {
        let segment = 20 + data.min(6);
        let mut made = Self::ip(port, SHORTEST, TCP, IP + segment);
        let offset_and_flags = 0x5000 | u16::from(flags);
        put(&mut made.bytes, 46, offset_and_flags);
        put(&mut made.bytes, 48, u16::MAX);
        made.transport = u32::from(TCP)
            + u32::from(wire::low16(segment))
            + u32::from(offset_and_flags)
            + u32::from(u16::MAX);
        made.at = 50;
        made
    }

    fn ip(port: usize, len: usize, protocol: u8, total: usize) -> Self {
        let mut bytes = [0; SHORTEST];
        let [ours, theirs] =
            [OURS, THEIRS].map(|[inside, outside]| if port == 0 { inside } else { outside });
        bytes[0..6].copy_from_slice(&ours);
        bytes[6..12].copy_from_slice(&theirs);
        // No DF, so an identification is written as well.
        let words = [
            0x0800,
            0x4500,
            wire::low16(total),
            0,
            0,
            0x4000 | u16::from(protocol),
        ];
        for (place, word) in words.into_iter().enumerate() {
            put(&mut bytes, 12 + 2 * place, word);
        }
        Self {
            bytes,
            len,
            ip: words.iter().skip(1).map(|word| u32::from(*word)).sum(),
            transport: 0,
            at: 0,
        }
    }

    /// Makes `packet` a frame from one endpoint to another.
    #[inline]
    pub(crate) fn write(&self, packet: &mut impl PacketBuf, from: Endpoint, to: Endpoint) {
        self.write_segment(packet, from, to, 0, 0);
    }

    /// The same with TCP's sequence numbers.
    #[inline]
    pub(crate) fn write_segment(
        &self,
        packet: &mut impl PacketBuf,
        from: Endpoint,
        to: Endpoint,
        seq: u32,
        ack: u32,
    ) {
        if !packet.set_len(self.len) {
            return;
        }
        let Some(frame) = packet.bytes_mut().first_chunk_mut::<SHORTEST>() else {
            return;
        };
        *frame = self.bytes;
        frame[26..30].copy_from_slice(&from.0.to_be_bytes());
        frame[30..34].copy_from_slice(&to.0.to_be_bytes());
        frame[34..36].copy_from_slice(&from.1.to_be_bytes());
        frame[36..38].copy_from_slice(&to.1.to_be_bytes());
        let addresses = halves(from.0) + halves(to.0);
        let ports = u32::from(from.1) + u32::from(to.1);
        frame[24..26].copy_from_slice(&(!fold(self.ip + addresses)).to_be_bytes());
        let mut sum = self.transport + addresses + ports;
        if self.at == 50 {
            frame[38..42].copy_from_slice(&seq.to_be_bytes());
            frame[42..46].copy_from_slice(&ack.to_be_bytes());
            sum += halves(seq) + halves(ack);
            frame[50..52].copy_from_slice(&(!fold(sum)).to_be_bytes());
        } else {
            let sum = match !fold(sum) {
                0 => u16::MAX,
                sum => sum,
            };
            frame[40..42].copy_from_slice(&sum.to_be_bytes());
        }
    }
}

/// Source and destination of an untagged frame.
#[inline]
pub(crate) fn endpoints(frame: &[u8]) -> Option<(Endpoint, Endpoint)> {
    let flow = frame.get(26..)?.first_chunk::<12>()?;
    let address = |at| wire::be32(flow, at);
    let port = |at| wire::be16(flow, at);
    Some(((address(0)?, port(8)?), (address(4)?, port(10)?)))
}

#[inline]
const fn halves(word: u32) -> u32 {
    (word >> 16) + (word & 0xffff)
}

#[inline]
fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    wire::low16((sum + (sum >> 16)) as usize)
}

fn put(bytes: &mut [u8; SHORTEST], at: usize, word: u16) {
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&word.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pktio::mem::MemBuf;
    use wire::checksum::Sum;

    const FROM: Endpoint = (0x6440_0107, 40_000);
    const TO: Endpoint = (0xcb00_7101, 53_053);

    /// The sum over everything a checksum covers, itself included, is zero.
    fn is_right(frame: &[u8], protocol: u8) -> bool {
        let total = usize::from(u16::from_be_bytes([frame[16], frame[17]]));
        let segment = &frame[34..14 + total];
        let mut pseudo = frame[26..34].to_vec();
        pseudo.extend([0, protocol]);
        pseudo.extend(u16::try_from(segment.len()).unwrap().to_be_bytes());
        let whole = [&pseudo[..], segment].concat();
        Sum::default().bytes(&frame[14..34]).checksum() == 0
            && Sum::default().bytes(&whole).checksum() == 0
    }

    #[test]
    fn checksums_are_right_in_every_length() {
        for len in [60, 124, 508, 1514] {
            let mut packet = MemBuf::new();
            Template::udp(0, len).write(&mut packet, FROM, TO);
            assert_eq!(packet.bytes().len(), len);
            assert!(is_right(packet.bytes(), UDP), "{len}");
        }
    }

    #[test]
    fn questions_are_right() {
        for port in [0, 1] {
            let mut packet = MemBuf::new();
            Template::dns(port).write(&mut packet, FROM, TO);
            assert!(is_right(packet.bytes(), UDP));
            assert_eq!(packet.bytes()[54..59], [0, 0, 1, 0, 1]);
        }
    }

    #[test]
    fn segments_are_right_with_and_without_data() {
        for data in [0, 6] {
            let mut packet = MemBuf::new();
            let template = Template::tcp(1, SYN | ACK, data);
            template.write_segment(&mut packet, TO, FROM, 0xdead_beef, 0x1234_5678);
            assert!(is_right(packet.bytes(), TCP));
            assert_eq!(packet.bytes()[47], SYN | ACK);
            assert_eq!(endpoints(packet.bytes()), Some((TO, FROM)));
        }
    }
}
