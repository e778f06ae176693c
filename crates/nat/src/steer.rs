//! Which shard owns what (DESIGN section 3).
//!
//! A subscriber belongs to the shard its inside address hashes to. An outside
//! address belongs whole to one shard; where a pool has fewer addresses than
//! there are shards, its blocks are dealt out instead. What is bound to an inside
//! host (static, deterministic) follows that host. All workers compute the same
//! from the same settings, so nothing is shared.

use alloc::vec::Vec;

use hashbrown::HashMap;

use crate::key::{FlowKey, Realm};
use crate::pool::{count, division};
use crate::settings::{Division, Pool, Settings};

/// The division of state among shards.
#[derive(Clone, Debug)]
pub struct Steering {
    shards: u32,
    pools: Vec<Pool>,
    addresses: HashMap<(Realm, u32), (u16, u32)>,
    whole: HashMap<(Realm, u32), u32>,
    forwards: HashMap<(Realm, u32, u8, u16), u32>,
}

impl Steering {
    /// Plans for so many shards, at least one.
    #[must_use]
    pub fn new(settings: &Settings, shards: u32) -> Self {
        let mut plan = Self {
            shards: shards.max(1),
            pools: settings.pools.clone(),
            addresses: HashMap::new(),
            whole: HashMap::new(),
            forwards: HashMap::new(),
        };
        for (number, pool) in settings.pools.iter().enumerate() {
            for (place, address) in pool.addresses.iter().enumerate() {
                let number = u16::try_from(number).unwrap_or(u16::MAX);
                plan.addresses
                    .insert((pool.realm, address.to_bits()), (number, count(place)));
            }
        }
        for one in &settings.statics {
            let (inside, outside) = (one.inside.to_bits(), one.outside.to_bits());
            match (one.ports, one.protocol) {
                (Some((_, first, ports)), Some(protocol)) => {
                    for nth in 0..ports {
                        let key = (
                            one.outside_realm,
                            outside,
                            protocol,
                            first.wrapping_add(nth),
                        );
                        plan.forwards.insert(key, inside);
                    }
                }
                _ => {
                    for nth in 0..one.count {
                        plan.whole.insert(
                            (one.outside_realm, outside.wrapping_add(nth)),
                            inside.wrapping_add(nth),
                        );
                    }
                }
            }
        }
        plan
    }

    /// How many shards there are.
    #[must_use]
    pub const fn shards(&self) -> u32 {
        self.shards
    }

    /// The shard of an inside address.
    #[must_use]
    #[inline]
    pub fn inside_owner(&self, address: u32) -> u32 {
        if self.shards == 1 {
            return 0;
        }
        scale(FlowKey::new(address, 0, 0, 0, 0, 0).hash(0), self.shards)
    }

    /// The shard of an outside endpoint; `None` if the address is not translated.
    #[must_use]
    pub fn outside_owner(
        &self,
        realm: Realm,
        address: u32,
        protocol: u8,
        port: u16,
    ) -> Option<u32> {
        let pool = self.addresses.get(&(realm, address));
        let inside = self
            .forwards
            .get(&(realm, address, protocol, port))
            .or_else(|| self.whole.get(&(realm, address)));
        match (inside, pool) {
            (Some(inside), _) => Some(self.inside_owner(*inside)),
            (None, Some((number, place))) => {
                let pool = self.pools.get(usize::from(*number))?;
                let (size, _) = division(pool, self.shards);
                let block = port.saturating_sub(pool.first_port) / size.max(1);
                Some(self.block_owner(pool, *place, u32::from(block)))
            }
            (None, None) => None,
        }
    }

    /// The shard of a block of a pool.
    pub(crate) fn owner_of_block(&self, pool: usize, place: u32, block: u32) -> u32 {
        self.pools
            .get(pool)
            .map_or(0, |pool| self.block_owner(pool, place, block))
    }

    fn block_owner(&self, pool: &Pool, place: u32, block: u32) -> u32 {
        if let Division::Deterministic { source, .. } = pool.division {
            let (_, per_address) = division(pool, self.shards);
            let nth = place * per_address + block;
            return self.inside_owner(source.network().to_bits().wrapping_add(nth));
        }
        if count(pool.addresses.len()) >= self.shards {
            place % self.shards
        } else {
            block % self.shards
        }
    }
}

#[allow(clippy::cast_possible_truncation)]
fn scale(hash: u64, shards: u32) -> u32 {
    (((hash >> 32) * u64::from(shards)) >> 32) as u32
}
