//! DCCP (RFC 4340): what a translator needs of the generic header.
//!
//! ```text
//!  0               2               4       5       6
//! |  source port  |   dest port   | offset| CsCov |   checksum    |
//! | res, type, X  |  sequence number ...
//! ```

use crate::{Layer, WireError};

/// Length of the generic header with short sequence numbers, in bytes.
const HEADER_LEN: usize = 12;

/// What a packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// What it does to a connection.
    pub kind: Kind,
}

/// What a packet does to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Request, Listen (RFC 5596) or Sync: may be the first of a connection.
    Open,
    /// Response.
    Answer,
    /// Close, or the server's wish for one.
    Close,
    /// Reset.
    Reset,
    /// Anything else.
    Data,
}

impl Header {
    /// Reads the header of a packet or first fragment.
    ///
    /// # Errors
    ///
    /// [`WireError`] if it is cut short or its data offset cannot be.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let [s0, s1, d0, d1, offset, _, _, _, kind, ..] = *bytes
            .first_chunk::<HEADER_LEN>()
            .ok_or(WireError::Truncated(Layer::Transport))?;
        let long = if kind & 1 == 1 { 4 } else { 0 };
        let offset = usize::from(offset) * 4;
        if offset < HEADER_LEN + long || offset > bytes.len() {
            return Err(WireError::BadHeader(Layer::Transport));
        }
        Ok(Self {
            src_port: u16::from_be_bytes([s0, s1]),
            dst_port: u16::from_be_bytes([d0, d1]),
            kind: match kind >> 1 & 0xf {
                0 | 8 | 10 => Kind::Open,
                1 => Kind::Answer,
                5 | 6 => Kind::Close,
                7 => Kind::Reset,
                _ => Kind::Data,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_ports_are_read() {
        let mut packet = [0x13, 0x88, 0, 80, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1];
        let header = Header::parse(&packet).unwrap();
        assert_eq!((header.src_port, header.dst_port), (5000, 80));
        assert_eq!(header.kind, Kind::Open);
        for (kind, meaning) in [
            (1, Kind::Answer),
            (6, Kind::Close),
            (7, Kind::Reset),
            (2, Kind::Data),
        ] {
            packet[8] = kind << 1 | 1;
            assert_eq!(Header::parse(&packet).unwrap().kind, meaning);
        }
    }

    #[test]
    fn offsets_must_fit() {
        let packet = [0, 1, 0, 2, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1];
        assert!(Header::parse(&packet[..15]).is_err());
        assert!(Header::parse(&packet[..11]).is_err());
        let mut short = packet;
        short[4] = 3;
        assert!(Header::parse(&short).is_err());
    }
}
