//! Numbers for what is new, the old ones for what stays.

use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};

use super::{Layout, MAX_ADDRESSES, PoolAddress, ReviseError};
use crate::pool::{count, low16};
use crate::settings::{Action, Division, Pool, PoolList, Rule, Static};

/// Rules and static mappings have numbers below this; those above have a meaning.
const MAX_NUMBERS: usize = 0xfff0;

type Numbered<T> = (Vec<Option<T>>, Vec<u16>);

/// Gives each of `new` the number of its like among `old`, else one that nobody
/// had. Numbers that go are empty for one layout at least.
fn merge<T>(
    what: &'static str,
    old: &[Option<T>],
    new: Vec<T>,
    number_of: impl Fn(&T) -> Option<usize>,
) -> Result<Numbered<T>, ReviseError> {
    let mut all: Vec<Option<T>> = old.iter().map(|_| None).collect();
    let mut numbers: Vec<u16> = Vec::with_capacity(new.len());
    let wanted: Vec<Option<usize>> = new.iter().map(number_of).collect();
    let taken: HashSet<usize> = wanted.iter().flatten().copied().collect();
    let mut spare = (0..)
        .filter(|number| !taken.contains(number) && old.get(*number).is_none_or(Option::is_none));
    for (one, wanted) in new.into_iter().zip(wanted) {
        let number = match wanted {
            Some(number) => number,
            None => spare.next().unwrap_or(MAX_NUMBERS),
        };
        if number >= MAX_NUMBERS {
            return Err(ReviseError::Full(what, MAX_NUMBERS));
        }
        if all.len() <= number {
            all.resize_with(number + 1, || None);
        }
        if let Some(place) = all.get_mut(number) {
            *place = Some(one);
        }
        numbers.push(low16(count(number)));
    }
    Ok((all, numbers))
}

/// Whether a pool can go on as another: the same name, ports divided alike.
pub(super) fn same_pool(old: Option<&Pool>, new: &Pool) -> bool {
    let Some(old) = old else { return false };
    let division = match (old.division, new.division) {
        (Division::Blocks { size: old, .. }, Division::Blocks { size: new, .. }) => old == new,
        (
            Division::Deterministic {
                first: old_first,
                realm: old_realm,
                computed: old_computed,
                ..
            },
            Division::Deterministic {
                first,
                realm,
                computed,
                ..
            },
        ) => {
            (old_first, old_realm, old_computed) == (first, realm, computed)
                && old.addresses == new.addresses
        }
        (Division::Shared, Division::Shared) | (Division::Whole, Division::Whole) => true,
        _ => false,
    };
    division
        && old.name == new.name
        && old.realm == new.realm
        && old.first_port == new.first_port
        && old.last_port == new.last_port
        && old.exclude_ports == new.exclude_ports
}

/// Pools, their numbers in the order of the settings, and overflows by number.
pub(super) fn pools(before: &Layout, new: &[Pool]) -> Result<Numbered<Pool>, ReviseError> {
    let old = &before.pools;
    let by_name: HashMap<&str, usize> = old
        .iter()
        .enumerate()
        .filter_map(|(number, pool)| Some((pool.as_ref()?.name.as_str(), number)))
        .collect();
    let (mut all, numbers) = merge("pools", old, new.to_vec(), |pool| {
        let number = *by_name.get(pool.name.as_str())?;
        // One whose addresses some shard would have none of has to be divided.
        let serves_all = before.geometry(number).divided || before.reaches_all(pool);
        (same_pool(old.get(number)?.as_ref(), pool) && serves_all).then_some(number)
    })?;
    for pool in all.iter_mut().flatten() {
        if let Division::Deterministic { overflow, .. } = &mut pool.division {
            *overflow = overflow.and_then(|place| numbers.get(place).copied().map(usize::from));
        }
    }
    Ok((all, numbers))
}

/// A rule with its pools by number.
pub(super) fn with_pools(rule: &Rule, numbers: &[u16]) -> Rule {
    let mut rule = rule.clone();
    if let Action::Translate(translate) = &mut rule.action {
        let pools = translate.pools.iter();
        translate.pools =
            PoolList::new(pools.filter_map(|place| numbers.get(place).copied().map(usize::from)));
    }
    rule
}

/// Rules and their numbers in order.
pub(super) fn rules(old: &[Option<Rule>], new: Vec<Rule>) -> Result<Numbered<Rule>, ReviseError> {
    let by_name: HashMap<&str, usize> = old
        .iter()
        .enumerate()
        .filter_map(|(number, rule)| Some((rule.as_ref()?.name.as_str(), number)))
        .collect();
    merge("rules", old, new, |rule| {
        by_name.get(rule.name.as_str()).copied()
    })
}

/// Static mappings and their numbers.
pub(super) fn statics(
    old: &[Option<Static>],
    new: &[Static],
) -> Result<Numbered<Static>, ReviseError> {
    let mut by_outside: HashMap<_, Vec<usize>> = HashMap::new();
    for (number, one) in old.iter().enumerate() {
        if let Some(one) = one {
            by_outside
                .entry((one.outside_realm, one.outside))
                .or_default()
                .push(number);
        }
    }
    merge("static mappings", old, new.to_vec(), |one| {
        by_outside
            .get(&(one.outside_realm, one.outside))?
            .iter()
            .copied()
            .find(|number| old.get(*number).and_then(Option::as_ref) == Some(one))
    })
}

/// Addresses by number, and the numbers of each pool's.
type Addresses = (Vec<Option<PoolAddress>>, Vec<Vec<u32>>);

/// Numbers for the addresses of all pools.
pub(super) fn addresses(before: &Layout, pools: &[Option<Pool>]) -> Result<Addresses, ReviseError> {
    let mut all: Vec<Option<PoolAddress>> = before.addresses.iter().map(|_| None).collect();
    let mut of_pool: Vec<Vec<u32>> = Vec::with_capacity(pools.len());
    let mut next = 0;
    for (number, pool) in pools.iter().enumerate() {
        let mut slots = Vec::new();
        let Some(pool) = pool else {
            of_pool.push(slots);
            continue;
        };
        let kept = same_pool(before.pool(number), pool);
        let old: &[u32] = before
            .of_pool
            .get(number)
            .filter(|_| kept)
            .map_or(&[], Vec::as_slice);
        let known: HashMap<_, u32> = old
            .iter()
            .filter_map(|slot| Some((before.address(*slot)?.address, *slot)))
            .collect();
        let draining: HashSet<_> = pool.draining.iter().collect();
        let stay: HashSet<u32> = pool
            .addresses
            .iter()
            .filter_map(|address| Some(before.address(*known.get(address)?)?.place))
            .collect();
        let mut places = (0..).filter(|place| !stay.contains(place));
        for address in &pool.addresses {
            let (slot, place) = if let Some(slot) = known.get(address) {
                let place = before.address(*slot).map_or(0, |found| found.place);
                (*slot as usize, place)
            } else {
                while all.get(next).is_some_and(Option::is_some)
                    || before.addresses.get(next).is_some_and(Option::is_some)
                {
                    next += 1;
                }
                (next, places.next().unwrap_or(0))
            };
            if slot >= MAX_ADDRESSES {
                return Err(ReviseError::Full("outside addresses", MAX_ADDRESSES));
            }
            if all.len() <= slot {
                all.resize(slot + 1, None);
            }
            if let Some(entry) = all.get_mut(slot) {
                *entry = Some(PoolAddress {
                    address: *address,
                    pool: low16(count(number)),
                    place,
                    draining: draining.contains(address),
                });
            }
            slots.push(count(slot));
        }
        of_pool.push(slots);
    }
    Ok((all, of_pool))
}
