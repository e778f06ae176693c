//! A redirection table by load: each worker gets as much of everything as the others.
//!
//! Greedy: of the load with the fewest entries first (a small pool has the least
//! choice), its heaviest entry goes to the worker that has the least of that load.

use alloc::vec::Vec;
use core::cmp::Reverse;

/// Deals out the entries of a redirection table.
///
/// Each of `loads` has a weight for every entry: the subscribers of a side, or the
/// addresses of one pool. Entries without weight are dealt out evenly at the end.
#[must_use]
pub fn balance(loads: &[Vec<u64>], entries: usize, workers: u32) -> Vec<u16> {
    let workers = u16::try_from(workers.max(1)).unwrap_or(u16::MAX);
    let mut reta: Vec<Option<u16>> = alloc::vec![None; entries];
    let mut dealt = alloc::vec![0_usize; usize::from(workers)];
    let mut by_choice: Vec<&Vec<u64>> = loads.iter().collect();
    by_choice.sort_by_key(|load| load.iter().filter(|weight| **weight > 0).count());
    for load in by_choice {
        let mut has = alloc::vec![0_u64; usize::from(workers)];
        let mut open: Vec<(u64, usize)> = Vec::new();
        for (bucket, (owner, weight)) in reta.iter().zip(load).enumerate() {
            match owner {
                Some(owner) => {
                    if let Some(has) = has.get_mut(usize::from(*owner)) {
                        *has += weight;
                    }
                }
                None if *weight > 0 => open.push((*weight, bucket)),
                None => {}
            }
        }
        open.sort_by_key(|(weight, bucket)| (Reverse(*weight), *bucket));
        for (weight, bucket) in open {
            let least = (0..workers).zip(has.iter_mut().zip(&mut dealt));
            let Some((worker, (has, dealt))) =
                least.min_by_key(|(worker, (has, dealt))| (**has, **dealt, *worker))
            else {
                continue;
            };
            *has += weight;
            *dealt += 1;
            if let Some(owner) = reta.get_mut(bucket) {
                *owner = Some(worker);
            }
        }
    }
    reta.into_iter()
        .map(|owner| {
            owner.unwrap_or_else(|| {
                let least = (0..workers).zip(&mut dealt);
                let found = least.min_by_key(|(worker, dealt)| (**dealt, *worker));
                found.map_or(0, |(worker, dealt)| {
                    *dealt += 1;
                    worker
                })
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much of a load each worker has.
    fn shares(reta: &[u16], load: &[u64], workers: u32) -> Vec<u64> {
        let mut shares = alloc::vec![0; workers as usize];
        for (worker, weight) in reta.iter().zip(load) {
            shares[usize::from(*worker)] += weight;
        }
        shares
    }

    fn load(entries: usize, set: &[(usize, u64)]) -> Vec<u64> {
        let mut load = alloc::vec![0; entries];
        for (bucket, weight) in set {
            load[*bucket] = *weight;
        }
        load
    }

    #[test]
    fn without_load_entries_are_dealt_out_evenly() {
        let reta = balance(&[], 128, 3);
        assert_eq!(shares(&reta, &[1; 128], 3), [43, 43, 42]);
    }

    #[test]
    fn heavy_entries_are_kept_apart() {
        let load = load(8, &[(0, 5), (2, 5), (4, 5), (6, 1)]);
        let reta = balance(core::slice::from_ref(&load), 8, 4);
        let mut shares = shares(&reta, &load, 4);
        shares.sort_unstable();
        assert_eq!(shares, [1, 5, 5, 5]);
    }

    /// The small pool has four entries for four workers, all of which the large one has too.
    #[test]
    fn each_worker_gets_an_address_of_the_small_pool_and_its_share_of_the_large() {
        let small = load(32, &[(0, 1), (4, 1), (8, 1), (12, 1)]);
        let large = alloc::vec![2; 32];
        for loads in [
            [small.clone(), large.clone()],
            [large.clone(), small.clone()],
        ] {
            let reta = balance(&loads, 32, 4);
            assert_eq!(shares(&reta, &small, 4), [1, 1, 1, 1]);
            assert_eq!(shares(&reta, &large, 4), [16, 16, 16, 16]);
        }
    }
}
