//! SCTP (RFC 9260): source port, destination port, verification tag, checksum.
//!
//! The checksum covers the ports and no addresses, so that a translation of
//! addresses alone leaves it right (RFC 3309).

use crate::{Layer, WireError};

/// Length of the common header, in bytes.
pub const HEADER_LEN: usize = 12;

/// Reads source and destination port.
///
/// # Errors
///
/// [`WireError`] if the common header is cut short.
pub fn ports(bytes: &[u8]) -> Result<(u16, u16), WireError> {
    let [s0, s1, d0, d1, ..] = *bytes
        .first_chunk::<HEADER_LEN>()
        .ok_or(WireError::Truncated(Layer::Transport))?;
    Ok((u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_and_short_headers_refused() {
        let packet = [0x0b, 0x59, 0x8e, 0x3c, 0, 0, 0, 1, 0, 0, 0, 0];
        assert_eq!(ports(&packet), Ok((2905, 36_412)));
        assert!(ports(&packet[..11]).is_err());
    }
}
