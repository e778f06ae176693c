//! UDP (RFC 768): source port, destination port, length, checksum.

use crate::{ChecksumDelta, Layer, WireError};

/// Length of the header, in bytes.
pub const HEADER_LEN: usize = 8;

/// Reads source and destination port; the length field must fit `payload_len`,
/// the length of the IP payload, unless the datagram is fragmented.
///
/// # Errors
///
/// [`WireError`] if the header is cut short or its length field cannot be.
#[inline]
pub fn ports(bytes: &[u8], payload_len: usize, fragmented: bool) -> Result<(u16, u16), WireError> {
    let [s0, s1, d0, d1, l0, l1, _, _] = *bytes
        .first_chunk::<HEADER_LEN>()
        .ok_or(WireError::Truncated(Layer::Transport))?;
    let len = usize::from(u16::from_be_bytes([l0, l1]));
    if len < HEADER_LEN || (len > payload_len && !fragmented) {
        return Err(WireError::BadHeader(Layer::Transport));
    }
    Ok((u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])))
}

/// The same for UDP-Lite (RFC 3828), which has the length covered by the checksum
/// in place of the length: the whole datagram, or at least the header.
///
/// # Errors
///
/// As [`ports`].
pub fn lite_ports(bytes: &[u8], fragmented: bool) -> Result<(u16, u16), WireError> {
    let [s0, s1, d0, d1, c0, c1, _, _] = *bytes
        .first_chunk::<HEADER_LEN>()
        .ok_or(WireError::Truncated(Layer::Transport))?;
    let coverage = usize::from(u16::from_be_bytes([c0, c1]));
    if coverage != 0 && (coverage < HEADER_LEN || coverage > bytes.len() && !fragmented) {
        return Err(WireError::BadHeader(Layer::Transport));
    }
    Ok((u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])))
}

/// Applies `delta` to the checksum. Zero means "not computed" and stays so; one
/// that comes out as zero is sent as all ones.
#[inline]
pub fn patch_checksum(datagram: &mut [u8], delta: ChecksumDelta) {
    if let Some([.., c0, c1]) = datagram.first_chunk_mut::<HEADER_LEN>() {
        let old = u16::from_ne_bytes([*c0, *c1]);
        if old != 0 {
            let new = match delta.apply_raw(old) {
                0 => u16::MAX,
                sum => sum,
            };
            [*c0, *c1] = new.to_ne_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_stays_zero_and_is_never_made() {
        let mut datagram = [0, 1, 0, 2, 0, 8, 0, 0];
        let delta = ChecksumDelta::NONE.replace(1, 2);
        patch_checksum(&mut datagram, delta);
        assert_eq!(datagram[6..], [0, 0]);
        // The change that brings 0x1234 to zero.
        let to_zero = ChecksumDelta::NONE.replace(0, 0x1234);
        assert_eq!(to_zero.apply(0x1234), 0);
        datagram[6..].copy_from_slice(&[0x12, 0x34]);
        patch_checksum(&mut datagram, to_zero);
        assert_eq!(datagram[6..], [0xff, 0xff]);
    }

    #[test]
    fn coverage_is_all_or_the_header_at_least() {
        let mut datagram = [0, 1, 0, 2, 0, 0, 0, 0, 0];
        for (coverage, good) in [(0, true), (8, true), (9, true), (7, false), (10, false)] {
            datagram[5] = coverage;
            assert_eq!(lite_ports(&datagram, false).is_ok(), good, "{coverage}");
        }
        assert!(lite_ports(&datagram, true).is_ok());
    }

    #[test]
    fn lengths_must_fit() {
        let datagram = [0, 1, 0, 2, 0, 9, 0, 0, 0];
        assert_eq!(ports(&datagram, 9, false), Ok((1, 2)));
        assert!(ports(&datagram, 8, false).is_err());
        assert!(ports(&datagram, 8, true).is_ok());
        assert!(ports(&datagram[..7], 9, false).is_err());
    }
}
