//! ICMP (RFC 792): types, and where an error's quoted packet ends (RFC 4884).

use crate::{Layer, WireError, be16};

/// Length of the header, in bytes.
pub const HEADER_LEN: usize = 8;
/// Echo reply.
pub const ECHO_REPLY: u8 = 0;
/// Destination unreachable.
pub const UNREACHABLE: u8 = 3;
/// Echo.
pub const ECHO: u8 = 8;
/// Time exceeded.
pub const TIME_EXCEEDED: u8 = 11;
/// Parameter problem.
pub const PARAMETER_PROBLEM: u8 = 12;
/// Timestamp.
pub const TIMESTAMP: u8 = 13;
/// Timestamp reply.
pub const TIMESTAMP_REPLY: u8 = 14;

/// Code of "fragmentation needed" under [`UNREACHABLE`].
pub const FRAGMENTATION_NEEDED: u8 = 4;

/// What a message is to a translator (RFC 5508).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Asks; the identifier belongs to the sender.
    Query,
    /// Answers; the identifier belongs to the receiver.
    Reply,
    /// Quotes a packet.
    Error,
    /// Not translated (RFC 5508 REQ-10b, 10c, 11).
    Other,
}

/// Reads kind and identifier (zero unless a query or reply).
///
/// # Errors
///
/// [`WireError::Truncated`] if the header is cut short.
#[inline]
pub fn classify(bytes: &[u8]) -> Result<(Kind, u16), WireError> {
    let [kind, _, _, _, i0, i1, _, _] = *bytes
        .first_chunk::<HEADER_LEN>()
        .ok_or(WireError::Truncated(Layer::Transport))?;
    let id = u16::from_be_bytes([i0, i1]);
    Ok(match kind {
        ECHO | TIMESTAMP => (Kind::Query, id),
        ECHO_REPLY | TIMESTAMP_REPLY => (Kind::Reply, id),
        UNREACHABLE | TIME_EXCEEDED | PARAMETER_PROBLEM => (Kind::Error, 0),
        _ => (Kind::Other, 0),
    })
}

/// Length of the quoted packet in the payload of an error message: up to the
/// RFC 4884 extensions if the length attribute says so, else all of it.
#[must_use]
pub fn quote_len(message: &[u8]) -> usize {
    let rest = message.len().saturating_sub(HEADER_LEN);
    match be16(message, 4).map(|word| usize::from(word & 0xff) * 4) {
        Some(attribute) if attribute != 0 => attribute.min(rest),
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let message = |kind| [kind, 0, 0, 0, 0x12, 0x34, 0, 1];
        assert_eq!(classify(&message(ECHO)), Ok((Kind::Query, 0x1234)));
        assert_eq!(
            classify(&message(TIMESTAMP_REPLY)),
            Ok((Kind::Reply, 0x1234))
        );
        assert_eq!(classify(&message(UNREACHABLE)), Ok((Kind::Error, 0)));
        for other in [4, 5, 9, 10, 15, 16, 17, 18, 30, 41, 253] {
            assert_eq!(classify(&message(other)), Ok((Kind::Other, 0)));
        }
        assert!(classify(&[8, 0, 0, 0, 0, 0, 0]).is_err());
    }

    #[test]
    fn quotes_end_at_the_length_attribute() {
        let mut message = [0; 8 + 136];
        assert_eq!(quote_len(&message), 136);
        message[5] = 32;
        assert_eq!(quote_len(&message), 128);
        message[5] = 255;
        assert_eq!(quote_len(&message), 136);
        assert_eq!(quote_len(&message[..6]), 0);
    }
}
