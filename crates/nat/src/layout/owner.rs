//! Who owns what (DESIGN section 3), and where in it: the way from an outside
//! endpoint to a block and back.
//!
//! A subscriber belongs to the shard to which the NIC brings its inside address, an
//! outside address whole to the one to which it brings that ([`crate::steering`]). Where
//! that leaves some shard none of a pool, its blocks are dealt out in turn instead, and
//! what has no ports to tell them by belongs to the first shard. What is bound to an
//! inside host (static, deterministic) follows that host. All threads compute the same.

use core::net::Ipv4Addr;

use super::Layout;
use crate::key::{FlowKey, Realm};
use crate::pool::{block_id, low16, nth_of, slot_of};
use crate::settings::{Action, Division, PortProtocol};

impl Layout {
    /// The shard of an inside address.
    #[must_use]
    #[inline]
    pub fn inside_owner(&self, realm: Realm, address: u32) -> u32 {
        if self.shards == 1 {
            return 0;
        }
        let address = if self.gathered.is_empty() {
            address
        } else {
            *self.gathered.get(&(realm, address)).unwrap_or(&address)
        };
        let trunk = self
            .trunks
            .iter()
            .find(|(of, trunk)| *of == realm && trunk.has(address));
        let address = trunk.map_or(address, |(_, trunk)| trunk.address.network().to_bits());
        self.steering.inside.worker_of(address)
    }

    /// The shard of a flow that is not translated, the same in both directions: that of the
    /// one end that rules are about, or if they are about both or neither, of the lower address.
    #[must_use]
    pub fn untouched_owner(&self, key: FlowKey) -> u32 {
        let is_source = |address: u32| {
            let address = Ipv4Addr::from_bits(address);
            self.rules().any(|(_, rule)| {
                rule.realm == key.realm() && rule.source.iter().any(|one| one.contains(address))
            })
        };
        let (src, dst) = (key.src(), key.dst());
        let home = match (is_source(src), is_source(dst)) {
            (true, false) => src,
            (false, true) => dst,
            _ => src.min(dst),
        };
        self.inside_owner(key.realm(), home)
    }

    /// The shard of all that hosts send in a protocol without ports by a rule, if it
    /// is one for all of them.
    #[must_use]
    pub fn pairs_owner(&self, protocol: u8, rule: usize) -> Option<u32> {
        if PortProtocol::of(protocol).is_some() {
            return None;
        }
        let Action::Translate(translate) = &self.rule(rule)?.action else {
            return None;
        };
        let mut pools = translate.pools.iter();
        let by_ports = |pool| {
            let geometry = self.geometry(pool);
            geometry.divided && !geometry.whole
        };
        pools.any(by_ports).then_some(0)
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
        let known = self.outside_address(realm, address)?;
        // Halves of an SPI are no ports.
        let port = if protocol == wire::ipv4::protocol::ESP {
            0
        } else {
            port
        };
        let inside = self
            .forwards
            .get(&(realm, address, protocol, port))
            .copied()
            .or_else(|| self.whole_inside(realm, address, protocol));
        if let Some((realm, inside)) = inside {
            return Some(self.inside_owner(realm, inside));
        }
        let owner = |slot| {
            let found = self.address(slot)?;
            let geometry = self.geometry(usize::from(found.pool));
            Some((geometry, slot, found))
        };
        let mut slots = known.slots().filter_map(owner);
        let first = slots.next()?;
        let (geometry, slot, found) = if first.0.has(port) {
            first
        } else {
            slots
                .find(|(geometry, ..)| geometry.has(port))
                .unwrap_or(first)
        };
        let pool = self.pool(usize::from(found.pool))?;
        if let Division::Deterministic {
            first,
            realm,
            computed,
            ..
        } = pool.division
        {
            let host = computed
                .holder(found.place, port)
                .map_or(0, |(host, _)| host);
            return Some(self.inside_owner(realm, first.to_bits().wrapping_add(host)));
        }
        let block = PortProtocol::of(protocol).and_then(|_| geometry.block_at(port));
        if block.is_none() && geometry.divided && !geometry.whole {
            return Some(0);
        }
        Some(self.owner_of_block(slot, block.unwrap_or(0)))
    }

    /// The shard of a block of an address.
    pub(crate) fn owner_of_block(&self, slot: u32, block: u32) -> u32 {
        let Some(address) = self.address(slot) else {
            return 0;
        };
        let geometry = self.geometry(usize::from(address.pool));
        let division = self
            .pool(usize::from(address.pool))
            .map(|pool| pool.division);
        match division {
            Some(Division::Deterministic { first, realm, .. }) => {
                let host = address.place * geometry.blocks + block;
                self.inside_owner(realm, first.to_bits().wrapping_add(host))
            }
            _ if self.shards == 1 => 0,
            _ if geometry.divided => (address.place * geometry.blocks + block) % self.shards,
            _ => self.steering.outside.worker_of(address.address.to_bits()),
        }
    }

    /// The block, and the place in it, of an outside port of a pool address.
    pub(crate) fn place_of(&self, slot: u32, port: u16) -> Option<(u32, u16)> {
        let address = self.address(slot)?;
        let pool = usize::from(address.pool);
        if let Division::Deterministic { computed, .. } = self.pool(pool)?.division {
            let (host, nth) = computed.holder(address.place, port)?;
            let group = host / computed.hosts_per_address();
            let block = low16(host % computed.hosts_per_address());
            return Some((block_id(self.slot_at(pool, group)?, block), nth));
        }
        let geometry = self.geometry(pool);
        let block = geometry.block_at(port)?;
        let offset = port.checked_sub(geometry.ports_of(block).0)?;
        Some((block_id(slot, low16(block)), offset))
    }

    /// The outside endpoint at a place in a block.
    pub(crate) fn endpoint_of(&self, block: u32, offset: u16) -> Option<(u32, u16)> {
        let (slot, nth) = (slot_of(block), u32::from(nth_of(block)));
        let address = self.address(slot)?;
        let pool = usize::from(address.pool);
        let settings = self.pool(pool)?;
        if let Division::Deterministic { computed, .. } = settings.division {
            let host = address.place * computed.hosts_per_address() + nth;
            let (number, port) = computed.endpoint(host, offset)?;
            let outside = settings.addresses.get(number as usize)?;
            return Some((outside.to_bits(), port));
        }
        let first = self.geometry(pool).ports_of(nth).0;
        Some((address.address.to_bits(), first.checked_add(offset)?))
    }

    /// The number of a pool's address that has this outside address.
    pub(crate) fn slot_with(&self, pool: usize, outside: u32) -> Option<u32> {
        let known = self.outside_address(self.pool(pool)?.realm, outside)?;
        known.slots().find(|slot| {
            self.address(*slot)
                .is_some_and(|found| usize::from(found.pool) == pool)
        })
    }
}
