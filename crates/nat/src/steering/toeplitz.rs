//! The Toeplitz hash of receive-side scaling, as in Microsoft's RSS specification.
//!
//! For each set bit of the input, the 32 bits of the key that begin at that bit's
//! place are xored into the result. So the hash of an address is the xor of what
//! its four bytes contribute, each read from a table.

use alloc::boxed::Box;

/// The key that devices are given.
///
/// Its first 63 bits, read backwards, are a sequence of perfect linear complexity (`h[0] =
/// 1`, `h[2i] = h[2i-1] + h[i-1]`). That makes the low bits of the hash a one-to-one image
/// of the low bits of the address, however many of them: 16 addresses from a
/// multiple of 16 on go one each to 16 workers, 256 to 256 entries. By the usual key, whose
/// 59th to 62nd bits are zero, they would go to four of 16. The odd `h` and the rest are
/// those of the usual key; the rest counts only where a device hashes more than an address.
pub const DEFAULT_KEY: [u8; 52] = [
    0xcf, 0xda, 0xde, 0xfa, 0x07, 0x53, 0x2c, 0x4a, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d,
    0x43, 0xa3, 0x8f, 0xb0,
];

/// The hash of any input, bit by bit; a key that is too short goes on with zeros.
#[must_use]
pub fn toeplitz(key: &[u8], input: &[u8]) -> u32 {
    let mut bits = key.iter().copied().chain(core::iter::repeat(0));
    let mut window = 0_u64;
    for _ in 0..4 {
        window = window << 8 | u64::from(bits.next().unwrap_or(0));
    }
    let mut hash = 0;
    for byte in input {
        // 40 bits of the key: a window for each bit of the byte.
        window = (window & 0xffff_ffff) << 8 | u64::from(bits.next().unwrap_or(0));
        for bit in 0..8 {
            if byte >> (7 - bit) & 1 == 1 {
                hash ^= window >> (8 - bit);
            }
        }
    }
    low32(hash)
}

#[allow(clippy::cast_possible_truncation)]
const fn low32(word: u64) -> u32 {
    word as u32
}

/// What each byte of an IPv4 address contributes: 4 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table(Box<[[u32; 256]; 4]>);

impl Table {
    pub(super) fn new(key: &[u8]) -> Self {
        let mut table = Box::new([[0; 256]; 4]);
        for (place, column) in table.iter_mut().enumerate() {
            for (byte, entry) in (0..=u8::MAX).zip(column) {
                let mut address = [0; 4];
                if let Some(there) = address.get_mut(place) {
                    *there = byte;
                }
                *entry = toeplitz(key, &address);
            }
        }
        Self(table)
    }

    /// The hash of an address alone.
    #[inline]
    pub(super) fn of_address(&self, address: u32) -> u32 {
        let [one, two, three, four] = &*self.0;
        let [a, b, c, d] = address.to_be_bytes();
        let of =
            |column: &[u32; 256], byte: u8| column.get(usize::from(byte)).copied().unwrap_or(0);
        of(one, a) ^ of(two, b) ^ of(three, c) ^ of(four, d)
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;
    use core::net::{Ipv4Addr, SocketAddrV4};

    use proptest::prelude::*;

    use super::*;

    /// The key of the verification suite, which most drivers have as their default.
    const USUAL_KEY: [u8; 40] = [
        0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f,
        0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
        0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
    ];

    /// Source, destination, hash of the addresses, hash with the ports.
    const SUITE: &str = "\
        66.9.149.187:2794     161.142.100.80:1766  323e8fc2 51ccc178
        199.92.111.2:14230    65.69.140.83:4739    d718262a c626b0ea
        24.19.198.95:12898    12.22.207.184:38024  d2d0a5de 5c2b394a
        38.27.205.30:48228    209.142.163.6:2217   82989176 afc7327f
        153.39.163.191:44251  202.188.127.2:1303   5d1809c5 10e828a2";

    /// Calls `check` with each line of the suite, and answers how many there are.
    fn each_known(check: impl Fn(SocketAddrV4, SocketAddrV4, [u32; 2])) -> usize {
        let endpoint = |word: &str| word.parse().unwrap();
        let hash = |word| u32::from_str_radix(word, 16).unwrap();
        let lines = SUITE.lines().map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [src, dst, addresses, all] = words[..] else {
                panic!("{line}");
            };
            check(endpoint(src), endpoint(dst), [addresses, all].map(hash));
        });
        lines.count()
    }

    /// Microsoft, "Verifying the RSS hash calculation", IPv4.
    #[test]
    fn the_verification_suite_of_the_rss_specification_holds() {
        let checked = each_known(|src, dst, known| {
            let addresses = [src, dst].map(|end| end.ip().octets()).concat();
            let ports = [src, dst].map(|end| end.port().to_be_bytes()).concat();
            let hashes = [addresses.clone(), [addresses, ports].concat()];
            assert_eq!(
                hashes.map(|input| toeplitz(&USUAL_KEY, &input)),
                known,
                "{src}"
            );
        });
        assert_eq!(checked, 5);
    }

    /// The same suite by the table: both addresses apart, the second by the key from
    /// its fifth byte on.
    #[test]
    fn the_table_adds_up_to_the_verification_suite() {
        let source = Table::new(&USUAL_KEY);
        let destination = Table::new(&USUAL_KEY[4..]);
        let checked = each_known(|src, dst, [addresses, _]| {
            let hash =
                source.of_address(src.ip().to_bits()) ^ destination.of_address(dst.ip().to_bits());
            assert_eq!(hash, addresses, "{src}");
        });
        assert_eq!(checked, 5);
    }

    #[test]
    fn neighbouring_addresses_never_share_a_queue_while_there_are_others() {
        let table = Table::new(&DEFAULT_KEY);
        for network in [[203, 0, 0, 0], [10, 64, 0, 0], [100, 127, 0, 0]].map(Ipv4Addr::from) {
            for bits in 1..=16 {
                let low = |nth: u32| table.of_address(network.to_bits() + nth) % (1 << bits);
                let queues: BTreeSet<u32> = (0..1 << bits).map(low).collect();
                assert_eq!(queues.len(), 1 << bits, "{bits} bits");
            }
        }
    }

    #[test]
    fn a_short_key_goes_on_with_zeros() {
        assert_eq!(toeplitz(&[], &[255; 4]), 0);
        assert_eq!(toeplitz(&[0x80], &[0x80, 0, 0, 0]), 0x8000_0000);
    }

    proptest! {
        #[test]
        fn the_table_is_the_hash(key: [u8; 40], address: u32) {
            let slow = toeplitz(&key, &address.to_be_bytes());
            prop_assert_eq!(Table::new(&key).of_address(address), slow);
        }
    }
}
