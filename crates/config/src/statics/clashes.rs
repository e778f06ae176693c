//! Static mappings that want the same thing.

use core::net::Ipv4Addr;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use crate::error::{At, Report};
use crate::model::{Static, VrfId};
use crate::text::Ports;

/// What has been mapped so far. The number of addresses is bounded by the caller, and
/// the comparison sorts, so that a long list costs no square.
#[derive(Debug, Default)]
pub(super) struct Clashes {
    outside: HashMap<(VrfId, Ipv4Addr), Vec<Claim>>,
    /// Inside addresses mapped as a whole.
    inside: HashMap<(VrfId, Ipv4Addr), At>,
    repeated: Vec<(Ipv4Addr, At, At)>,
}

#[derive(Clone, Copy, Debug)]
struct Claim {
    protocol: Option<u8>,
    ports: Ports,
    at: At,
}

impl Clashes {
    pub(super) fn add(&mut self, each: &Static, at: At) {
        let claim = Claim {
            protocol: each.protocol,
            ports: each.outside_ports.unwrap_or((0, u16::MAX)),
            at,
        };
        for address in consecutive(each.outside, each.count) {
            let claims = self.outside.entry((each.outside_vrf, address)).or_default();
            claims.push(claim);
        }
        if each.protocol.is_some() || each.outside_ports.is_some() {
            return;
        }
        for &inside in &each.inside {
            for address in consecutive(inside, each.count) {
                match self.inside.entry((each.vrf, address)) {
                    Entry::Occupied(first) => self.repeated.push((address, *first.get(), at)),
                    Entry::Vacant(free) => {
                        free.insert(at);
                    }
                }
            }
        }
    }

    pub(super) fn report(self, report: &mut Report) {
        // One report for each pair of mappings, however many addresses they share.
        let mut found: BTreeMap<(At, At), String> = BTreeMap::new();
        for (address, first, second) in self.repeated {
            found.entry((first, second)).or_insert_with(|| {
                format!("inside {address} is mapped to another outside address at {first}")
            });
        }
        for ((_, address), mut claims) in self.outside {
            // Those of all protocols first, then by protocol and port.
            claims.sort_by_key(|claim| (claim.protocol, claim.ports, claim.at));
            let mut whole: Option<Claim> = None;
            let mut before: Option<Claim> = None;
            for claim in claims {
                let same = |other: &Claim| {
                    other.protocol == claim.protocol && claim.ports.0 <= other.ports.1
                };
                if let Some(other) = whole.or(before.filter(same)) {
                    let (first, second) = (other.at.min(claim.at), other.at.max(claim.at));
                    found.entry((first, second)).or_insert_with(|| {
                        format!("outside {address} is mapped already at {first}")
                    });
                }
                if claim.protocol.is_none() {
                    whole = whole.or(Some(claim));
                }
                let further = |other: &Claim| {
                    other.protocol == claim.protocol && other.ports.1 > claim.ports.1
                };
                before = before.filter(further).or(Some(claim));
            }
        }
        for ((_, second), what) in found {
            report.error(second, what, "use another address, protocol or port");
        }
    }
}

fn consecutive(first: Ipv4Addr, count: u32) -> impl Iterator<Item = Ipv4Addr> {
    (0..count).map(move |i| Ipv4Addr::from_bits(first.to_bits().saturating_add(i)))
}
