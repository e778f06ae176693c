//! TCP (RFC 9293): what a translator reads of a segment.

use core::ops::Range;

use crate::{ChecksumDelta, Layer, WireError, be16, checksum, put16};

/// Length of a header without options, in bytes.
pub const HEADER_LEN: usize = 20;
/// FIN.
pub const FIN: u8 = 0x01;
/// SYN.
pub const SYN: u8 = 0x02;
/// RST.
pub const RST: u8 = 0x04;
/// ACK.
pub const ACK: u8 = 0x10;
/// URG.
pub const URG: u8 = 0x20;
/// ECE (RFC 3168 section 6.1).
pub const ECE: u8 = 0x40;
/// CWR (RFC 3168 section 6.1).
pub const CWR: u8 = 0x80;

/// The fixed part of a segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Flags, from CWR down to FIN.
    pub flags: u8,
    /// Header with options, in bytes; at least 20 and inside the buffer.
    pub len: usize,
}

impl Header {
    /// Reads the header at the front of an IP payload.
    ///
    /// # Errors
    ///
    /// [`WireError`] if it is cut short or its length cannot be.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let [
            s0,
            s1,
            d0,
            d1,
            q0,
            q1,
            q2,
            q3,
            a0,
            a1,
            a2,
            a3,
            offset,
            flags,
            ..,
        ] = *bytes
            .first_chunk::<HEADER_LEN>()
            .ok_or(WireError::Truncated(Layer::Transport))?;
        let len = usize::from(offset >> 4) * 4;
        if len < HEADER_LEN || len > bytes.len() {
            return Err(WireError::BadHeader(Layer::Transport));
        }
        Ok(Self {
            src_port: u16::from_be_bytes([s0, s1]),
            dst_port: u16::from_be_bytes([d0, d1]),
            seq: u32::from_be_bytes([q0, q1, q2, q3]),
            ack: u32::from_be_bytes([a0, a1, a2, a3]),
            flags,
            len,
        })
    }
}

/// Where the value of option `kind` with `len` value bytes begins in a segment.
fn option_at(segment: &[u8], header_len: usize, kind: u8, len: usize) -> Option<usize> {
    let mut at = HEADER_LEN;
    while at < header_len {
        let length = match *segment.get(at)? {
            0 => return None,
            1 => 1,
            found => {
                let length = usize::from(*segment.get(at + 1)?);
                if length < 2 || at + length > header_len {
                    return None;
                }
                if found == kind {
                    return (length == 2 + len).then_some(at + 2);
                }
                length
            }
        };
        at += length;
    }
    None
}

/// Where an option lies in a segment, its kind and length included.
#[must_use]
pub fn option(segment: &[u8], header_len: usize, kind: u8) -> Option<Range<usize>> {
    let mut at = HEADER_LEN;
    while at < header_len {
        let found = *segment.get(at)?;
        let length = match found {
            0 => return None,
            1 => 1,
            _ => usize::from(*segment.get(at + 1)?),
        };
        if found > 1 && (length < 2 || at + length > header_len) {
            return None;
        }
        if found == kind {
            return Some(at..at + length);
        }
        at += length;
    }
    None
}

/// Window scale option of a SYN (RFC 7323), at most 14.
#[must_use]
pub fn window_scale(segment: &[u8], header_len: usize) -> Option<u8> {
    let at = option_at(segment, header_len, 3, 1)?;
    segment.get(at).map(|shift| (*shift).min(14))
}

/// Lowers the MSS option of a SYN to `mss` if it is higher, checksum included;
/// true if it was changed. A SYN without the option is left as it is.
pub fn clamp_mss(segment: &mut [u8], header_len: usize, mss: u16) -> bool {
    let Some(at) = option_at(segment, header_len, 2, 2) else {
        return false;
    };
    let Some(old) = be16(segment, at) else {
        return false;
    };
    if old <= mss {
        return false;
    }
    put16(segment, at, mss);
    // The checksum sums words from the segment's start; an option at an odd
    // place straddles two of them.
    let (old, new) = if at % 2 == 0 {
        (old, mss)
    } else {
        (old.swap_bytes(), mss.swap_bytes())
    };
    checksum::patch(segment, 16, ChecksumDelta::NONE.replace(old, new));
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::{Sum, is_valid};

    fn syn(options: &[u8]) -> Vec<u8> {
        let mut segment = vec![0; HEADER_LEN];
        segment[12] = u8::try_from((HEADER_LEN + options.len()) / 4).unwrap() << 4;
        segment[13] = SYN;
        segment.extend_from_slice(options);
        let sum = Sum::default().bytes(&segment).checksum();
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        segment
    }

    #[test]
    fn mss_is_lowered_at_even_and_odd_places() {
        for options in [[2, 4, 5, 180, 1, 1, 1, 0], [1, 2, 4, 5, 180, 1, 1, 0]] {
            let mut segment = syn(&options);
            let header = Header::parse(&segment).unwrap();
            assert!(clamp_mss(&mut segment, header.len, 1360));
            assert!(is_valid(&segment));
            assert!(!clamp_mss(&mut segment, header.len, 1360));
            assert_eq!(
                option_at(&segment, header.len, 2, 2).and_then(|at| be16(&segment, at)),
                Some(1360)
            );
        }
    }

    #[test]
    fn options_are_total() {
        assert_eq!(window_scale(&syn(&[1, 3, 3, 7]), 24), Some(7));
        assert_eq!(window_scale(&syn(&[3, 3, 15, 0]), 24), Some(14));
        assert_eq!(window_scale(&syn(&[2, 1, 3, 3]), 24), None);
        assert_eq!(window_scale(&syn(&[0, 3, 3, 7]), 24), None);
        assert_eq!(window_scale(&syn(&[1, 1, 1, 3]), 24), None);
        assert_eq!(window_scale(&syn(&[8, 40, 0, 0]), 24), None);
    }

    #[test]
    fn header_lengths_are_checked() {
        let segment = syn(&[1, 1, 1, 1]);
        assert!(Header::parse(&segment).is_ok());
        for cut in 0..segment.len() {
            assert!(Header::parse(&segment[..cut]).is_err());
        }
    }
}
