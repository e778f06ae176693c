//! Enhanced GRE (RFC 2637 section 4.1): version 1, whose key is a length and the number that the
//! receiver has given a call.
//!
//! ```text
//!  C R K S s recur A flags ver | 0x880b | payload length | call ID | ...
//!  0 0 1         0         001
//! ```

/// Where the call ID is.
pub const CALL_ID: usize = 6;

/// PPP, the only protocol carried so.
const PPP: u16 = 0x880b;

/// Bits of the first word that are the same in all packets: no checksum, no routing, a key, no
/// strict source route, no recursion, and the version.
const SAME: u16 = 0xef07;

/// What these bits are.
const KEY_AND_VERSION_1: u16 = 0x2001;

/// The call ID; `None` of any other GRE.
#[must_use]
pub fn call_id(bytes: &[u8]) -> Option<u16> {
    let fits = crate::be16(bytes, 0)? & SAME == KEY_AND_VERSION_1 && crate::be16(bytes, 2)? == PPP;
    crate::be16(bytes, CALL_ID).filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_by_its_number_and_other_gre_has_none() {
        // With a sequence number; with an acknowledgement as well.
        for first in [0x30, 0x20] {
            for second in [0x01, 0x81] {
                let packet = [first, second, 0x88, 0x0b, 0, 4, 0x12, 0x34, 0, 0, 0, 1];
                assert_eq!(call_id(&packet), Some(0x1234));
                assert_eq!(call_id(&packet[..7]), None);
            }
        }
        for other in [
            [0x20, 0, 0x88, 0x0b, 0, 4, 0x12, 0x34],
            [0x00, 1, 0x88, 0x0b, 0, 4, 0x12, 0x34],
            [0xa0, 1, 0x88, 0x0b, 0, 4, 0x12, 0x34],
            [0x20, 1, 0x08, 0x00, 0, 4, 0x12, 0x34],
        ] {
            assert_eq!(call_id(&other), None);
        }
    }
}
