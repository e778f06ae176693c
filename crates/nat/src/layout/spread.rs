//! How subscribers and outside addresses spread over the shards: what is known
//! before the first packet.
//!
//! Ports lie elsewhere if their packets arrive at another shard than the one that
//! owns them, even where devices steer by address.

use alloc::vec::Vec;

use base::Prefix;
use hashbrown::HashSet;

use super::Layout;
use crate::key::Realm;
use crate::settings::{Action, Division, Pool};
use crate::steering;

/// Who owns the outside addresses of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dealt {
    /// Each address whole the shard to which its packets come.
    Whole,
    /// Ports, or where addresses are lent whole those, all shards in turn.
    Divided,
    /// Ports the shard of the inside host they are computed for.
    Computed,
}

/// That of one pool.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolSpread {
    /// Its number.
    pub pool: usize,
    /// Who owns its addresses.
    pub dealt: Dealt,
    /// Addresses whose packets come to each shard.
    pub addresses: Vec<u64>,
    /// Blocks that each shard owns and may lend; where a range is shared, ranges.
    pub blocks: Vec<u64>,
    /// Blocks whose packets come to another shard than their owner.
    pub elsewhere: u64,
}

impl PoolSpread {
    /// Share of the packets to the pool that come to another shard, 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn share_elsewhere(&self) -> f64 {
        let all: u64 = self.blocks.iter().sum();
        self.elsewhere as f64 / all.max(1) as f64
    }
}

/// How everything spreads over the shards.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// Addresses of the sources of all rules that translate, by shard.
    pub subscribers: Vec<u64>,
    /// Each pool that rules draw on.
    pub pools: Vec<PoolSpread>,
    /// Static mappings whose packets from outside come to another shard than their
    /// inside host's, and all of them; by address, where they map many.
    pub statics: (u64, u64),
}

impl Layout {
    /// How subscribers and outside addresses spread over the shards.
    #[must_use]
    pub fn spread(&self) -> Spread {
        let side = &self.steering.inside;
        let mut buckets = alloc::vec![0; side.reta().len()];
        for prefix in self.sources() {
            side.add_prefix(prefix, &mut buckets);
        }
        let mut subscribers = self.none();
        for (worker, count) in side.reta().iter().zip(buckets) {
            add(&mut subscribers, u32::from(*worker), count);
        }
        Spread {
            subscribers,
            pools: (0..self.pool_count())
                .filter(|number| self.is_for_subscribers(*number))
                .filter_map(|number| self.spread_of(number))
                .collect(),
            statics: self.statics_elsewhere(),
        }
    }

    /// A redirection table of the inside by load: as many subscribers for each shard.
    #[must_use]
    pub fn balanced_inside(&self, key: &[u8], entries: usize) -> Vec<u16> {
        let sources: Vec<Prefix> = self.sources().collect();
        let subscribers = steering::load_of_prefixes(key, entries, &sources);
        steering::balance(&[subscribers], entries, self.shards)
    }

    /// One of the outside by load: as many addresses of each pool for each shard.
    #[must_use]
    pub fn balanced_outside(&self, key: &[u8], entries: usize) -> Vec<u16> {
        let addresses: Vec<Vec<u64>> = (0..self.pool_count())
            .filter(|number| self.is_for_subscribers(*number))
            .filter_map(|number| self.pool(number))
            .filter(|pool| !matches!(pool.division, Division::Deterministic { .. }))
            .map(|pool| steering::load_of_addresses(key, entries, &pool.addresses))
            .collect();
        steering::balance(&addresses, entries, self.shards)
    }

    /// Whether each shard would own an address of a pool, if they are owned whole.
    pub(super) fn reaches_all(&self, pool: &Pool) -> bool {
        if self.shards == 1 {
            return true;
        }
        if pool.addresses.len() < self.shards as usize {
            return false;
        }
        let side = &self.steering.outside;
        let mut owners = HashSet::new();
        pool.addresses.iter().any(|address| {
            owners.insert(side.worker_of(address.to_bits()));
            owners.len() == self.shards as usize
        })
    }

    /// Sources of the rules that translate; what another one covers is left out.
    fn sources(&self) -> impl Iterator<Item = Prefix> {
        let translating = self
            .rules()
            .filter(|(_, rule)| matches!(rule.action, Action::Translate(_)));
        let mut all: Vec<_> = translating
            .flat_map(|(_, rule)| rule.source.iter().map(|prefix| (rule.realm, *prefix)))
            .collect();
        all.sort_by_key(|(realm, prefix)| (*realm, prefix.network(), prefix.length()));
        let mut last: Option<(Realm, Prefix)> = None;
        all.retain(|(realm, prefix)| {
            let covered = last.is_some_and(|(of, wide)| of == *realm && wide.overlaps(*prefix));
            if !covered {
                last = Some((*realm, *prefix));
            }
            !covered
        });
        all.into_iter().map(|(_, prefix)| prefix)
    }

    /// Whether a rule for traffic from inside draws on a pool, or another pool flows over into it.
    fn is_for_subscribers(&self, pool: usize) -> bool {
        self.order.iter().any(|rule| self.draws_on(*rule, pool))
            || (0..self.pool_count()).any(|other| self.overflow_of(other) == Some(pool))
    }

    fn spread_of(&self, number: usize) -> Option<PoolSpread> {
        let pool = self.pool(number)?;
        let geometry = self.geometry(number);
        let mut spread = PoolSpread {
            pool: number,
            dealt: match pool.division {
                Division::Deterministic { .. } => Dealt::Computed,
                _ if geometry.divided => Dealt::Divided,
                _ => Dealt::Whole,
            },
            addresses: self.none(),
            blocks: self.none(),
            elsewhere: 0,
        };
        for slot in self.slots_of(number) {
            let Some(found) = self.address(*slot) else {
                continue;
            };
            let arrives = self.steering.outside.worker_of(found.address.to_bits());
            add(&mut spread.addresses, arrives, 1);
            if found.draining {
                continue;
            }
            if spread.dealt == Dealt::Whole {
                add(&mut spread.blocks, arrives, u64::from(geometry.blocks));
                continue;
            }
            for block in 0..geometry.blocks {
                let owner = self.owner_of_block(*slot, block);
                add(&mut spread.blocks, owner, 1);
                spread.elsewhere += u64::from(owner != arrives);
            }
        }
        Some(spread)
    }

    fn statics_elsewhere(&self) -> (u64, u64) {
        let (mut elsewhere, mut all) = (0, 0);
        for one in self.static_mappings() {
            for nth in 0..one.count.min(MOST_STATICS) {
                let inside = one.inside.to_bits().wrapping_add(nth);
                let outside = one.outside.to_bits().wrapping_add(nth);
                let owner = self.inside_owner(one.realm, inside);
                all += 1;
                elsewhere += u64::from(self.steering.outside.worker_of(outside) != owner);
            }
        }
        (elsewhere, all)
    }

    fn none(&self) -> Vec<u64> {
        alloc::vec![0; self.shards as usize]
    }
}

/// Addresses of one static mapping that are looked at.
const MOST_STATICS: u32 = 1 << 16;

fn add(counts: &mut [u64], worker: u32, more: u64) {
    if let Some(count) = counts.get_mut(worker as usize) {
        *count += more;
    }
}
