//! Which outside address belongs to whom, and sets of addresses and ports.

use core::net::Ipv4Addr;
use std::collections::{HashMap, HashSet};

use base::Prefix;

use crate::error::{At, Report};
use crate::interfaces::Interfaces;
use crate::model::{PoolId, Route, VrfId};
use crate::section::Found;
use crate::text::{self, Ports, shown};

/// Who draws on an outside address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Pool(PoolId),
    /// Index in `deterministic`.
    Deterministic(usize),
}

/// The outside addresses given out so far.
#[derive(Debug)]
pub(crate) struct Outside {
    claims: HashMap<(VrfId, Ipv4Addr), Vec<Claim>>,
    next_hops: HashSet<(VrfId, Ipv4Addr)>,
    listed: u64,
}

/// Ports of an outside address that are somebody's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) owner: Owner,
    ports: Ports,
    pub(crate) at: At,
}

/// Pools and deterministic ranges that can share an outside address.
const MOST_SHARING: usize = 4;

impl Outside {
    pub(crate) fn new(routes: &[Route]) -> Self {
        Self {
            claims: HashMap::new(),
            next_hops: routes
                .iter()
                .map(|route| (route.vrf, route.next_hop))
                .collect(),
            listed: 0,
        }
    }

    /// Who has ports of an address.
    pub(crate) fn claims_of(&self, vrf: VrfId, address: Ipv4Addr) -> &[Claim] {
        self.claims.get(&(vrf, address)).map_or(&[], Vec::as_slice)
    }

    /// Gives ports of an address to an owner, or says who has some of them.
    fn claim(&mut self, vrf: VrfId, address: Ipv4Addr, claim: Claim) -> Result<(), Claim> {
        let claims = self.claims.entry((vrf, address)).or_default();
        let (first, last) = claim.ports;
        let meets = |other: &&Claim| other.ports.0 <= last && first <= other.ports.1;
        match claims.iter().find(meets) {
            Some(other) => Err(*other),
            None if claims.len() == MOST_SHARING => Err(claim),
            None => {
                claims.push(claim);
                Ok(())
            }
        }
    }

    /// What speaks against translating to `address`.
    pub(crate) fn contradiction(
        &self,
        net: &Interfaces,
        vrf: VrfId,
        address: Ipv4Addr,
    ) -> Option<String> {
        if self.next_hops.contains(&(vrf, address)) {
            return Some(format!("{address} is the next hop of a route"));
        }
        if !text::is_host(address) {
            return Some(format!("{address} cannot be a host's address"));
        }
        net.contradiction(vrf, address)
    }

    /// The addresses of `prefixes` without `excluded`, each of which becomes `owner`'s
    /// with these ports.
    pub(crate) fn claim_prefixes(
        &mut self,
        (owner, ports): (Owner, Ports),
        vrf: VrfId,
        prefixes: &[Found<Prefix>],
        excluded: &Ranges,
        net: &Interfaces,
        report: &mut Report,
    ) -> Vec<Ipv4Addr> {
        let mut addresses = Vec::new();
        for &Found { at, value: prefix } in prefixes {
            self.listed = self.listed.saturating_add(prefix.size());
            if self.listed > MOST_ADDRESSES {
                let what =
                    format!("with {prefix} there are more than {MOST_ADDRESSES} outside addresses");
                report.error(at, what, "use smaller prefixes");
                // Not counted, so that one wide prefix does not condemn the rest.
                self.listed = self.listed.saturating_sub(prefix.size());
                continue;
            }
            let (mut contradicted, mut overlapping) = (false, false);
            for bits in prefix.network().to_bits()..=prefix.last().to_bits() {
                let address = Ipv4Addr::from_bits(bits);
                if excluded.contains(bits) {
                    continue;
                }
                if !contradicted && let Some(what) = self.contradiction(net, vrf, address) {
                    contradicted = true;
                    let remedy = "leave it out with `exclude_addresses` or use another prefix";
                    report.error(at, what, remedy);
                }
                match self.claim(vrf, address, Claim { owner, ports, at }) {
                    Ok(()) => addresses.push(address),
                    Err(first) if !overlapping => {
                        overlapping = true;
                        let what = overlap(prefix, address, owner, first);
                        report.error(at, what, APART);
                    }
                    Err(_) => {}
                }
            }
        }
        addresses
    }

    /// Ports of an interface's own address become `owner`'s.
    pub(crate) fn claim_own(
        &mut self,
        (owner, ports): (Owner, Ports),
        vrf: VrfId,
        found: Found<Ipv4Addr>,
        report: &mut Report,
    ) {
        let Found { at, value: address } = found;
        if let Err(first) = self.claim(vrf, address, Claim { owner, ports, at }) {
            let what = overlap(Prefix::host(address), address, owner, first);
            report.error(at, what, APART);
        }
    }
}

/// What would be right where two want the same outside address.
const APART: &str = "give each outside address to one pool, or give them `ports` that do not meet";

fn overlap(prefix: Prefix, address: Ipv4Addr, owner: Owner, first: Claim) -> String {
    let whose = match first.owner {
        same if same == owner => "the same pool",
        Owner::Pool(_) => "a pool",
        Owner::Deterministic(_) => "a deterministic range",
    };
    format!(
        "{prefix} overlaps {whose} at {}: {address} is in both",
        first.at
    )
}

/// Outside addresses of all pools and deterministic ranges together.
const MOST_ADDRESSES: u64 = 65_536;

/// A set of numbers as disjoint ascending ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    pub(crate) fn new(mut ranges: Vec<(u32, u32)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last);
                }
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    pub(crate) fn of_ports(ports: &[Found<Ports>]) -> Self {
        let wide = |found: &Found<Ports>| (u32::from(found.value.0), u32::from(found.value.1));
        Self::new(ports.iter().map(wide).collect())
    }

    pub(crate) fn contains(&self, number: u32) -> bool {
        let after = self.0.partition_point(|&(first, _)| first <= number);
        after
            .checked_sub(1)
            .and_then(|index| self.0.get(index))
            .is_some_and(|&(_, last)| number <= last)
    }

    /// How many numbers of `first..=last` are in the set.
    pub(crate) fn within(&self, first: u32, last: u32) -> u64 {
        let mut count = 0;
        for &(from, to) in &self.0 {
            let (from, to) = (from.max(first), to.min(last));
            if from <= to {
                count += u64::from(to - from) + 1;
            }
        }
        count
    }

    pub(crate) fn to_ports(&self) -> Vec<Ports> {
        let narrow = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        let ranges = self.0.iter();
        ranges
            .map(|&(first, last)| (narrow(first), narrow(last)))
            .collect()
    }
}

/// A range of ports in a message.
pub(crate) fn range(ports: Ports) -> String {
    shown(&format!("{}-{}", ports.0, ports.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_merge_and_answer_by_search() {
        let ranges = Ranges::new(vec![(10, 20), (1, 3), (4, 5), (15, 30)]);
        assert_eq!(ranges.0, [(1, 5), (10, 30)]);
        assert!(ranges.contains(5) && ranges.contains(30) && ranges.contains(1));
        assert!(!ranges.contains(0) && !ranges.contains(6) && !ranges.contains(31));
        assert_eq!(ranges.within(4, 11), 4);
    }
}
