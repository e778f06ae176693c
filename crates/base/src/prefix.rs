//! IPv4 prefixes.

use core::fmt;
use core::net::Ipv4Addr;
use core::str::FromStr;

/// An IPv4 prefix; host bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    address: u32,
    length: u8,
}

impl Prefix {
    /// Every address.
    pub const ALL: Self = Self {
        address: 0,
        length: 0,
    };

    /// The prefix of `length` bits around `address`; host bits are cleared and a
    /// length beyond 32 counts as 32.
    #[must_use]
    pub const fn new(address: Ipv4Addr, length: u8) -> Self {
        let length = if length > 32 { 32 } else { length };
        Self {
            address: address.to_bits() & mask(length),
            length,
        }
    }

    /// A single address.
    #[must_use]
    pub const fn host(address: Ipv4Addr) -> Self {
        Self::new(address, 32)
    }

    /// First address.
    #[must_use]
    pub const fn network(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address)
    }

    /// Last address.
    #[must_use]
    pub const fn last(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address | !mask(self.length))
    }

    /// Number of leading bits, 0 to 32.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Number of addresses.
    #[must_use]
    pub const fn size(self) -> u64 {
        1 << (32 - self.length)
    }

    /// Whether `address` lies inside.
    #[must_use]
    #[inline]
    pub const fn contains(self, address: Ipv4Addr) -> bool {
        (address.to_bits() ^ self.address) & mask(self.length) == 0
    }

    /// Whether the two share an address.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.contains(other.network()) || other.contains(self.network())
    }
}

const fn mask(length: u8) -> u32 {
    if length == 0 {
        0
    } else {
        u32::MAX << (32 - length)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network(), self.length)
    }
}

/// Why a text is not an IPv4 prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrefixError {
    /// The part before the slash is not an IPv4 address.
    Address,
    /// The part after the slash is not a number from 0 to 32.
    Length,
    /// There are host bits beyond the length.
    HostBits,
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "not an IPv4 address",
            Self::Length => "the prefix length must be 0 to 32",
            Self::HostBits => "host bits are set beyond the prefix length",
        })
    }
}

impl core::error::Error for PrefixError {}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// Reads `a.b.c.d/len`, or `a.b.c.d` as a single address.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, parse_length(length)?),
            None => (text, 32),
        };
        let address: Ipv4Addr = address.parse().map_err(|_| PrefixError::Address)?;
        let prefix = Self::new(address, length);
        if prefix.network() == address {
            Ok(prefix)
        } else {
            Err(PrefixError::HostBits)
        }
    }
}

fn parse_length(text: &str) -> Result<u8, PrefixError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PrefixError::Length);
    }
    match text.parse() {
        Ok(length) if length <= 32 => Ok(length),
        _ => Err(PrefixError::Length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_of_a_prefix() {
        let prefix: Prefix = "203.0.113.0/28".parse().unwrap();
        assert_eq!(prefix.size(), 16);
        assert_eq!(prefix.last(), Ipv4Addr::new(203, 0, 113, 15));
        assert!(prefix.contains(Ipv4Addr::new(203, 0, 113, 15)));
        assert!(!prefix.contains(Ipv4Addr::new(203, 0, 113, 16)));
        assert!(Prefix::ALL.contains(Ipv4Addr::BROADCAST));
        assert_eq!(Prefix::ALL.size(), 1 << 32);
    }

    #[test]
    fn bad_texts_say_why() {
        assert_eq!("1.2.3/8".parse::<Prefix>(), Err(PrefixError::Address));
        assert_eq!("1.2.3.4/33".parse::<Prefix>(), Err(PrefixError::Length));
        assert_eq!("1.2.3.4/+8".parse::<Prefix>(), Err(PrefixError::Length));
        assert_eq!("10.0.0.1/8".parse::<Prefix>(), Err(PrefixError::HostBits));
    }
}
