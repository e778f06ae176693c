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
    use core::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    /// The key of the verification suite, which most drivers have as their default.
    const USUAL_KEY: [u8; 40] = [
        0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f,
        0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
        0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
    ];

    /// Source, destination, ports, hash of the addresses, hash with the ports.
    type Known = ([u8; 4], [u8; 4], u16, u16, u32, u32);

    const SUITE: [Known; 5] = [
        (
            [66, 9, 149, 187],
            [161, 142, 100, 80],
            2794,
            1766,
            0x323e_8fc2,
            0x51cc_c178,
        ),
        (
            [199, 92, 111, 2],
            [65, 69, 140, 83],
            14230,
            4739,
            0xd718_262a,
            0xc626_b0ea,
        ),
        (
            [24, 19, 198, 95],
            [12, 22, 207, 184],
            12898,
            38024,
            0xd2d0_a5de,
            0x5c2b_394a,
        ),
        (
            [38, 27, 205, 30],
            [209, 142, 163, 6],
            48228,
            2217,
            0x8298_9176,
            0xafc7_327f,
        ),
        (
            [153, 39, 163, 191],
            [202, 188, 127, 2],
            44251,
            1303,
            0x5d18_09c5,
            0x10e8_28a2,
        ),
    ];

    /// Microsoft, "Verifying the RSS hash calculation", IPv4.
    #[test]
    fn the_verification_suite_of_the_rss_specification_holds() {
        for (src, dst, src_port, dst_port, addresses, all) in SUITE {
            let mut input: Vec<u8> = src.into_iter().chain(dst).collect();
            assert_eq!(toeplitz(&USUAL_KEY, &input), addresses, "{src:?}");
            input.extend(src_port.to_be_bytes());
            input.extend(dst_port.to_be_bytes());
            assert_eq!(toeplitz(&USUAL_KEY, &input), all, "{src:?}");
        }
    }

    /// The same suite by the table: both addresses apart, the second by the key from
    /// its fifth byte on.
    #[test]
    fn the_table_adds_up_to_the_verification_suite() {
        let source = Table::new(&USUAL_KEY);
        let destination = Table::new(&USUAL_KEY[4..]);
        for (src, dst, _, _, addresses, _) in SUITE {
            let of = |address: [u8; 4]| Ipv4Addr::from(address).to_bits();
            let hash = source.of_address(of(src)) ^ destination.of_address(of(dst));
            assert_eq!(hash, addresses, "{src:?}");
        }
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
