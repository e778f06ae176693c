//! A set of addresses that says no at once.

/// Places for neighbourhoods, in bits.
const PLACES: u64 = 4096;

/// Which neighbourhoods, of 256 addresses in one realm each, some set of addresses has
/// members in. Answers no for certain and yes by chance, from 512 bytes: for sets that
/// few of the addresses asked about are near.
#[derive(Clone, Debug)]
pub struct Nearby {
    bits: [u64; 64],
}

impl Nearby {
    /// Of no addresses.
    pub const NONE: Self = Self { bits: [0; 64] };

    /// Adds an address, and for the answers all of its neighbourhood.
    pub fn add(&mut self, realm: u8, address: u32) {
        let place = place(realm, address);
        if let Some(word) = self.bits.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    /// False if no member is near: the address is none.
    #[must_use]
    #[inline]
    pub fn may_have(&self, realm: u8, address: u32) -> bool {
        let place = place(realm, address);
        let word = self.bits.get(place / 64);
        word.is_none_or(|word| word >> (place % 64) & 1 == 1)
    }
}

#[inline]
#[allow(clippy::cast_possible_truncation)]
const fn place(realm: u8, address: u32) -> usize {
    let neighbourhood = (realm as u64) << 24 | address as u64 >> 8;
    (neighbourhood.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PLACES.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_their_neighbours_may_be_there_and_few_others() {
        let mut nearby = Nearby::NONE;
        for third in 0..16 {
            nearby.add(1, 0xcb00_0000 | third << 8 | 7);
        }
        assert!((0..16).all(|third| nearby.may_have(1, 0xcb00_0000 | third << 8 | 0xc8)));
        let others = (0..100_000_u32).map(|n| n.wrapping_mul(0x9e37_79b1));
        let wrong = others.filter(|address| nearby.may_have(1, *address));
        assert!(wrong.count() < 1000);
        assert!((0..16).any(|third| !nearby.may_have(2, 0xcb00_0000 | third << 8 | 7)));
    }
}
