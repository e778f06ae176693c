//! SHA-1 (RFC 3174) of short inputs: what NAT detection hashes endpoints with, and some IPsec
//! implementations their SPIs. Nothing here is secret, and no trust rests on it.

/// The digest of at most 55 bytes, which fit one block; of more the first 55 count.
#[must_use]
#[allow(clippy::many_single_char_names)]
pub fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut block = [0u8; 64];
    let len = bytes.len().min(55);
    for (place, byte) in block.iter_mut().zip(bytes.iter().take(len).chain(&[0x80])) {
        *place = *byte;
    }
    let bits = (len as u64 * 8).to_be_bytes();
    for (place, byte) in block.iter_mut().skip(56).zip(bits) {
        *place = byte;
    }
    let mut schedule = [0u32; 80];
    for (word, four) in schedule.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*four);
    }
    for at in 16..80 {
        let of = |back: usize| schedule.get(at - back).copied().unwrap_or(0);
        let word = (of(3) ^ of(8) ^ of(14) ^ of(16)).rotate_left(1);
        if let Some(place) = schedule.get_mut(at) {
            *place = word;
        }
    }
    let start = [
        0x6745_2301u32,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    let [mut a, mut b, mut c, mut d, mut e] = start;
    for (at, word) in schedule.into_iter().enumerate() {
        let (mixed, constant) = match at / 20 {
            0 => (b & c | !b & d, 0x5a82_7999u32),
            1 => (b ^ c ^ d, 0x6ed9_eba1),
            2 => (b & c | b & d | c & d, 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6),
        };
        let next = a
            .rotate_left(5)
            .wrapping_add(mixed)
            .wrapping_add(e)
            .wrapping_add(constant)
            .wrapping_add(word);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    let mut digest = [0; 20];
    let words = start.into_iter().zip([a, b, c, d, e]);
    let bytes = words.flat_map(|(before, added)| before.wrapping_add(added).to_be_bytes());
    for (place, byte) in digest.iter_mut().zip(bytes) {
        *place = byte;
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3174 section 7.3, test 1, and the digest of nothing.
    #[test]
    fn known_digests_come_out() {
        let abc = 0xa999_3e36_4706_816a_ba3e_2571_7850_c26c_u128.to_be_bytes();
        let nothing = 0xda39_a3ee_5e6b_4b0d_3255_bfef_9560_1890_u128.to_be_bytes();
        for (input, first, last) in [
            (&b"abc"[..], abc, 0x9cd0_d89d_u32),
            (b"", nothing, 0xafd8_0709),
        ] {
            let digest = sha1(input);
            assert_eq!(digest[..16], first);
            assert_eq!(digest[16..], last.to_be_bytes());
        }
    }
}
