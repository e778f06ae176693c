//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).

/// What a set of field replacements does to an Internet checksum
/// (RFC 1624, equation 3).
///
/// Computed once when a session is created; applying it costs one addition
/// however many fields the rewrite touches. [`ChecksumDelta::inverse`] is what
/// the replacements in the other direction do. Kept in the byte order of packets: sums
/// come out the same in either (RFC 1071 section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChecksumDelta(u16);

impl ChecksumDelta {
    /// Nothing changes.
    pub const NONE: Self = Self(0);

    /// A TTL lower by one, in the word it shares with the protocol.
    pub const TTL_DECREMENT: Self = Self((!0x0100_u16).to_be());

    /// Adds the replacement of one 16-bit word.
    #[must_use]
    #[inline]
    pub const fn replace(self, old: u16, new: u16) -> Self {
        Self(ones_add(ones_add(self.0, !old.to_be()), new.to_be()))
    }

    /// Adds the replacement of a 32-bit word.
    #[must_use]
    #[inline]
    pub const fn replace32(self, old: u32, new: u32) -> Self {
        self.replace(high(old), high(new))
            .replace(low(old), low(new))
    }

    /// The change back.
    #[must_use]
    #[inline]
    pub const fn inverse(self) -> Self {
        Self(!self.0)
    }

    /// The checksum after the replacements.
    #[must_use]
    #[inline]
    pub const fn apply(self, checksum: u16) -> u16 {
        u16::from_be(!ones_add(!checksum.to_be(), self.0))
    }

    /// The same for a word as it lies in a packet, read in the order of this machine.
    #[must_use]
    #[inline]
    pub const fn apply_raw(self, checksum: u16) -> u16 {
        !ones_add(!checksum, self.0)
    }
}

/// Changes added up and not folded yet: cheaper for more than one. At most some
/// thousand of them.
#[derive(Clone, Copy, Debug)]
pub struct WideDelta(u32);

impl ChecksumDelta {
    /// The same change, for more to be added.
    #[must_use]
    #[inline]
    pub const fn wide(self) -> WideDelta {
        WideDelta(self.0 as u32)
    }
}

impl WideDelta {
    /// Both changes together.
    #[must_use]
    #[inline]
    pub const fn and(self, other: ChecksumDelta) -> Self {
        Self(self.0 + other.0 as u32)
    }

    /// Adds the replacement of one word, both as they lie in a packet.
    #[must_use]
    #[inline]
    pub const fn replace_raw(self, old: u16, new: u16) -> Self {
        Self(self.0 + !old as u32 + new as u32)
    }

    /// A checksum, as it lies in a packet, after all of them.
    #[must_use]
    #[inline]
    pub const fn apply_raw(self, checksum: u16) -> u16 {
        let sum = self.0 + !checksum as u32;
        !ones_add(low(sum), high(sum))
    }
}

#[inline]
const fn ones_add(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    // No overflow: a carry leaves at most 0xfffe.
    sum.wrapping_add(carry as u16)
}

#[allow(clippy::cast_possible_truncation)]
const fn high(word: u32) -> u16 {
    (word >> 16) as u16
}

#[allow(clippy::cast_possible_truncation)]
const fn low(word: u32) -> u16 {
    word as u16
}

/// A running sum over bytes, folded at the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// Adds bytes that begin at an even place; an odd last byte counts as if a
    /// zero followed.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        let mut quads = bytes.chunks_exact(4);
        for quad in &mut quads {
            if let Some(quad) = quad.first_chunk::<4>() {
                self.0 += u64::from(u32::from_be_bytes(*quad));
            }
        }
        match *quads.remainder() {
            [a, b, c] => {
                self = self.word(u16::from_be_bytes([a, b]));
                self.word(u16::from_be_bytes([c, 0]))
            }
            [a, b] => self.word(u16::from_be_bytes([a, b])),
            [a] => self.word(u16::from_be_bytes([a, 0])),
            _ => self,
        }
    }

    /// A sum of 32-bit words, all of the same byte order.
    #[must_use]
    pub const fn from_words(sum: u64) -> Self {
        Self(sum)
    }

    /// Adds one word.
    #[must_use]
    pub const fn word(self, word: u16) -> Self {
        Self(self.0 + word as u64)
    }

    /// Adds the pseudo-header of TCP and UDP (RFC 793 section 3.1).
    #[must_use]
    pub const fn pseudo_header(self, src: u32, dst: u32, protocol: u8, len: u16) -> Self {
        Self(self.0 + src as u64 + dst as u64 + protocol as u64 + len as u64)
    }

    /// The folded sum; all ones for bytes that carry a right checksum.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)]
    pub const fn fold(self) -> u16 {
        // 64 bits to 34, to 19, to 17, to 16.
        let sum = (self.0 & 0xffff_ffff) + (self.0 >> 32);
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = (sum & 0xffff) + (sum >> 16);
        sum as u16
    }

    /// The value for the checksum field.
    #[must_use]
    pub const fn checksum(self) -> u16 {
        !self.fold()
    }
}

/// Whether these bytes, a checksum field included, sum up right.
#[must_use]
pub fn is_valid(bytes: &[u8]) -> bool {
    Sum::default().bytes(bytes).fold() == 0xffff
}

/// Applies `delta` to the checksum field at `at`; nothing happens outside the bytes.
#[inline]
pub fn patch(bytes: &mut [u8], at: usize, delta: ChecksumDelta) {
    if let Some(place) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<2>) {
        *place = delta.apply_raw(u16::from_ne_bytes(*place)).to_ne_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::be16;

    #[test]
    fn the_example_of_rfc_1624() {
        let delta = ChecksumDelta::NONE.replace(0x5555, 0x3285);
        assert_eq!(delta.apply(0xdd2f), 0x0000);
    }

    #[test]
    fn inverse_restores_any_checksum_but_the_two_zeros() {
        let delta = ChecksumDelta::NONE
            .replace32(0x0a40_0007, 0xcb00_7105)
            .replace(4000, 1025);
        for checksum in 1..u16::MAX {
            let there = delta.apply(checksum);
            assert_eq!(delta.inverse().apply(there), checksum);
        }
    }

    #[test]
    fn incremental_equals_full_for_every_length() {
        let mut bytes = [0u8; 41];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(place * 37 % 251).unwrap();
        }
        for len in 8..bytes.len() {
            let mut packet = bytes[..len].to_vec();
            packet[2..4].fill(0);
            let sum = Sum::default().bytes(&packet).checksum();
            packet[2..4].copy_from_slice(&sum.to_be_bytes());
            assert!(is_valid(&packet));
            let old = be16(&packet, 6).unwrap();
            packet[6..8].copy_from_slice(&0xbeef_u16.to_be_bytes());
            patch(&mut packet, 2, ChecksumDelta::NONE.replace(old, 0xbeef));
            assert!(is_valid(&packet), "length {len}");
        }
    }

    #[test]
    fn a_ttl_less_by_one() {
        for ttl in 1..=u8::MAX {
            let old = u16::from_be_bytes([ttl, 17]);
            let new = u16::from_be_bytes([ttl - 1, 17]);
            for checksum in [1, 0x00ff, 0x0100, 0xfeff, 0xfffe] {
                assert_eq!(
                    ChecksumDelta::TTL_DECREMENT.apply(checksum),
                    ChecksumDelta::NONE.replace(old, new).apply(checksum)
                );
            }
        }
    }
}
