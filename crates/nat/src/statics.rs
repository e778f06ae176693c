//! Static mappings of whole addresses: one-to-one, network to network, one protocol.
//!
//! Those of single ports are ordinary pinned mappings in the mapping table.
//! Built once, never changed.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use hashbrown::HashMap;

use crate::key::Realm;
use crate::settings::{Dependence, Static};

/// Stands for every protocol; no packet has it (RFC 3692 reserves 255).
const ANY: u8 = 255;

/// One way through a static mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counterpart {
    /// The address on the other side.
    pub(crate) address: u32,
    /// Its realm.
    pub(crate) realm: Realm,
    /// Who may come in.
    pub(crate) filtering: Dependence,
}

/// A whole-address static mapping, for `show mappings`.
#[derive(Clone, Copy, Debug)]
pub struct StaticRow {
    /// IP protocol; `None`: all.
    pub protocol: Option<u8>,
    /// First inside address.
    pub inside: Ipv4Addr,
    /// First outside address.
    pub outside: Ipv4Addr,
    /// Realm of the inside.
    pub realm: Realm,
}

#[derive(Debug, Default)]
pub(crate) struct Statics {
    by_inside: HashMap<(Realm, u32, u8), Counterpart>,
    by_outside: HashMap<(Realm, u32, u8), Counterpart>,
    rows: Vec<StaticRow>,
}

impl Statics {
    pub(crate) fn new(settings: &[Static]) -> Self {
        let mut all = Self::default();
        for one in settings.iter().filter(|one| one.ports.is_none()) {
            let protocol = one.protocol.unwrap_or(ANY);
            for nth in 0..one.count {
                let inside = one.inside.to_bits().wrapping_add(nth);
                let outside = one.outside.to_bits().wrapping_add(nth);
                let to = |address, realm| Counterpart {
                    address,
                    realm,
                    filtering: one.filtering,
                };
                all.by_inside.insert(
                    (one.realm, inside, protocol),
                    to(outside, one.outside_realm),
                );
                all.by_outside.insert(
                    (one.outside_realm, outside, protocol),
                    to(inside, one.realm),
                );
                all.rows.push(StaticRow {
                    protocol: one.protocol,
                    inside: Ipv4Addr::from_bits(inside),
                    outside: Ipv4Addr::from_bits(outside),
                    realm: one.realm,
                });
            }
        }
        all
    }

    pub(crate) fn outside_of(
        &self,
        realm: Realm,
        inside: u32,
        protocol: u8,
    ) -> Option<Counterpart> {
        find(&self.by_inside, realm, inside, protocol)
    }

    pub(crate) fn inside_of(
        &self,
        realm: Realm,
        outside: u32,
        protocol: u8,
    ) -> Option<Counterpart> {
        find(&self.by_outside, realm, outside, protocol)
    }

    pub(crate) fn rows(&self) -> &[StaticRow] {
        &self.rows
    }
}

fn find(
    map: &HashMap<(Realm, u32, u8), Counterpart>,
    realm: Realm,
    address: u32,
    protocol: u8,
) -> Option<Counterpart> {
    if map.is_empty() {
        return None;
    }
    map.get(&(realm, address, protocol))
        .or_else(|| map.get(&(realm, address, ANY)))
        .copied()
}
