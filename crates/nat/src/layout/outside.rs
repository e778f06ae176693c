//! Outside addresses, found in one step or told apart from others in none.

use alloc::boxed::Box;
use alloc::vec;

use base::Nearby;
use hashbrown::HashMap;

use super::OutsideAddress;
use crate::key::Realm;

/// No address of any realm.
const FREE: u64 = u64::MAX;

#[derive(Clone, Copy, Debug)]
struct Place {
    key: u64,
    found: OutsideAddress,
}

/// What every outside address is: a table with linear probing, at most half full, that
/// never changes.
#[derive(Debug)]
pub(super) struct OutsideTable {
    places: Box<[Place]>,
    nearby: Nearby,
}

impl OutsideTable {
    pub(super) fn new(known: &HashMap<(Realm, u32), OutsideAddress>) -> Self {
        let free = Place {
            key: FREE,
            found: OutsideAddress::NEW,
        };
        let mut table = Self {
            places: vec![free; (known.len() * 2).next_power_of_two()].into(),
            nearby: Nearby::NONE,
        };
        for ((realm, address), found) in known {
            table.nearby.add(*realm, *address);
            let key = key(*realm, *address);
            let mut at = table.home(key);
            while let Some(place) = table.places.get_mut(at) {
                if place.key == FREE {
                    *place = Place { key, found: *found };
                    break;
                }
                at = (at + 1) & (table.places.len() - 1);
            }
        }
        table
    }

    #[inline]
    pub(super) fn get(&self, realm: Realm, address: u32) -> Option<&OutsideAddress> {
        let at = self.place(realm, address)?;
        self.places.get(at).map(|place| &place.found)
    }

    /// The address at a place.
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn at(&self, place: usize) -> Option<(Realm, u32)> {
        let key = self.places.get(place)?.key;
        (key != FREE).then_some(((key >> 32) as Realm, key as u32))
    }

    /// How many places there are.
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// The place of an address.
    #[inline]
    pub(super) fn place(&self, realm: Realm, address: u32) -> Option<usize> {
        if !self.nearby.may_have(realm, address) {
            return None;
        }
        let key = key(realm, address);
        let mut at = self.home(key);
        loop {
            let place = self.places.get(at)?;
            if place.key == key {
                return Some(at);
            }
            if place.key == FREE {
                return None;
            }
            at = (at + 1) & (self.places.len() - 1);
        }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn home(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (self.places.len() - 1)
    }
}

#[inline]
const fn key(realm: Realm, address: u32) -> u64 {
    (realm as u64) << 32 | address as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_found_and_no_other() {
        for many in [0, 1, 3, 1000] {
            let known: HashMap<_, _> = (0..many)
                .map(|n| {
                    let mut found = OutsideAddress::NEW;
                    found.add(n);
                    ((u8::from(n % 3 == 0), 0xcb00_7100 + n), found)
                })
                .collect();
            let table = OutsideTable::new(&known);
            for realm in 0..3 {
                for address in 0xcb00_7000..0xcb00_8000 {
                    let expected = known.get(&(realm, address));
                    assert_eq!(table.get(realm, address), expected);
                }
            }
        }
    }
}
