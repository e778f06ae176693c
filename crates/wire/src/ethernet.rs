//! Ethernet II with 802.1Q and QinQ tags.
//!
//! ```text
//!  0            6            12         14
//! +------------+------------+----------+---------
//! | dst        | src        | type     | payload     untagged
//! +------------+------------+----------+---------
//! | dst        | src        | 8100 tag | type | payload
//! | dst        | src        | 88a8 tag | 8100 tag | type | payload
//! ```

use crate::{Layer, WireError, be16};

/// Length of an untagged header, in bytes.
pub const HEADER_LEN: usize = 14;
/// Length of one tag, in bytes.
pub const TAG_LEN: usize = 4;
/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ARP: u16 = 0x0806;
/// Tag of 802.1Q, and the inner one of QinQ.
pub const DOT1Q: u16 = 0x8100;
/// Outer tag of 802.1ad.
pub const DOT1AD: u16 = 0x88a8;

/// A MAC address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// All stations.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Where packets to an IP group go (RFC 1112 section 6.4).
    #[must_use]
    pub const fn of_group(group: u32) -> Self {
        let [_, b, c, d] = group.to_be_bytes();
        Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// One station, not a group.
    #[must_use]
    #[inline]
    pub const fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0
    }
}

impl core::fmt::Display for Mac {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [a0, a1, a2, a3, a4, a5] = self.0;
        write!(f, "{a0:02x}:{a1:02x}:{a2:02x}:{a3:02x}:{a4:02x}:{a5:02x}")
    }
}

/// VLAN identifiers of a frame: outer in the high half, inner in the low;
/// zero for no tag. One tag counts as inner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tags(u32);

impl Tags {
    /// Untagged.
    pub const NONE: Self = Self(0);

    /// One tag.
    #[must_use]
    pub const fn single(vlan: u16) -> Self {
        Self(vlan as u32 & 0xfff)
    }

    /// Outer and inner tag.
    #[must_use]
    pub const fn double(outer: u16, inner: u16) -> Self {
        Self((outer as u32 & 0xfff) << 16 | inner as u32 & 0xfff)
    }

    /// Bytes the tags take in a frame.
    #[must_use]
    #[inline]
    pub const fn len(self) -> usize {
        match (self.0 >> 16, self.0) {
            (_, 0) => 0,
            (0, _) => TAG_LEN,
            _ => 2 * TAG_LEN,
        }
    }

    /// No tags.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What an Ethernet header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Destination.
    pub dst: Mac,
    /// Source.
    pub src: Mac,
    /// VLAN tags.
    pub tags: Tags,
    /// Type of the payload.
    pub ether_type: u16,
    /// Where the payload starts.
    pub len: usize,
}

/// Reads the header with up to two tags. A priority tag (VLAN 0) is read as no tag.
///
/// # Errors
///
/// [`WireError::Truncated`] if the frame ends inside it.
#[inline]
pub fn parse(frame: &[u8]) -> Result<Header, WireError> {
    let truncated = WireError::Truncated(Layer::Ethernet);
    let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] =
        *frame.first_chunk::<HEADER_LEN>().ok_or(truncated)?;
    let mut header = Header {
        dst: Mac([d0, d1, d2, d3, d4, d5]),
        src: Mac([s0, s1, s2, s3, s4, s5]),
        tags: Tags::NONE,
        ether_type: u16::from_be_bytes([t0, t1]),
        len: HEADER_LEN,
    };
    if matches!(header.ether_type, DOT1Q | DOT1AD) {
        parse_tags(frame, &mut header).ok_or(truncated)?;
    }
    Ok(header)
}

#[cold]
fn parse_tags(frame: &[u8], header: &mut Header) -> Option<()> {
    let first = be16(frame, header.len)? & 0xfff;
    header.ether_type = be16(frame, header.len + 2)?;
    header.len += TAG_LEN;
    header.tags = Tags::single(first);
    if matches!(header.ether_type, DOT1Q | DOT1AD) {
        let second = be16(frame, header.len)? & 0xfff;
        header.ether_type = be16(frame, header.len + 2)?;
        header.len += TAG_LEN;
        header.tags = Tags::double(first, second);
    }
    Some(())
}

/// Writes a header at the front of `frame`, which must have
/// `HEADER_LEN + tags.len()` bytes for it; false, and the frame unspecified, if not.
pub fn write(frame: &mut [u8], dst: Mac, src: Mac, tags: Tags, ether_type: u16) -> bool {
    let Some(front) = frame.first_chunk_mut::<12>() else {
        return false;
    };
    let (to, from) = front.split_at_mut(6);
    to.copy_from_slice(&dst.0);
    from.copy_from_slice(&src.0);
    #[allow(clippy::cast_possible_truncation)]
    let (outer, inner) = ((tags.0 >> 16) as u16, tags.0 as u16);
    match tags.len() {
        0 => crate::put16(frame, 12, ether_type),
        TAG_LEN => {
            crate::put16(frame, 12, DOT1Q)
                && crate::put16(frame, 14, inner)
                && crate::put16(frame, 16, ether_type)
        }
        _ => {
            crate::put16(frame, 12, DOT1AD)
                && crate::put16(frame, 14, outer)
                && crate::put16(frame, 16, DOT1Q)
                && crate::put16(frame, 18, inner)
                && crate::put16(frame, 20, ether_type)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1112 section 6.4: the low 23 bits of the group.
    #[test]
    fn groups_have_their_own_address() {
        assert_eq!(Mac::of_group(0xe901_0203), Mac([1, 0, 0x5e, 1, 2, 3]));
        assert_eq!(Mac::of_group(0xef81_0203), Mac([1, 0, 0x5e, 1, 2, 3]));
        assert!(!Mac::of_group(0xe000_0001).is_unicast());
    }

    #[test]
    fn written_headers_read_back_with_any_tags() {
        let (dst, src) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
        for tags in [Tags::NONE, Tags::single(100), Tags::double(200, 100)] {
            let mut frame = [0xa5; 30];
            assert!(write(&mut frame, dst, src, tags, IPV4));
            let header = parse(&frame).unwrap();
            assert_eq!((header.dst, header.src), (dst, src));
            assert_eq!((header.tags, header.ether_type), (tags, IPV4));
            assert_eq!(header.len, HEADER_LEN + tags.len());
            for cut in 0..header.len {
                assert!(parse(&frame[..cut]).is_err());
            }
        }
    }
}
