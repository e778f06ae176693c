//! Ports and blocks: where a port may come from, and what is left of it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::{Naive, Refusal};
use crate::packet::{Protocol, Sent};
use crate::setup::{Millis, Pairing, Setup};

/// A block that is lent.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) owner: Ipv4Addr,
    pub(super) place: Place,
    /// Since when none of its ports is in use or at rest.
    pub(super) idle: Option<Millis>,
}

/// A port before it is given out again (RFC 6888 REQ-8).
#[derive(Clone, Debug)]
pub(super) struct Resting {
    pub(super) protocol: Protocol,
    pub(super) outside: SocketAddrV4,
    pub(super) until: Millis,
}

/// Consecutive ports of an outside address: a block, or a range that is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pool: usize,
    address: Ipv4Addr,
    first: u16,
    len: u16,
}

impl Place {
    fn has(&self, endpoint: SocketAddrV4) -> bool {
        let port = endpoint.port();
        *endpoint.ip() == self.address && (self.first..self.first + self.len).contains(&port)
    }

    fn endpoints(self) -> impl Iterator<Item = SocketAddrV4> {
        let ports = self.first..self.first + self.len;
        ports.map(move |port| SocketAddrV4::new(self.address, port))
    }
}

impl Naive {
    /// Where a port for a host may come from.
    pub(super) fn offer(&self, host: Ipv4Addr, protocol: Protocol) -> Result<Vec<Place>, Refusal> {
        let mut refusal = "drop.no_port";
        let pools = 0..self.setup.pools.len();
        let paired = pools
            .clone()
            .find(|pool| !self.addresses_of(host, *pool).is_empty())
            .filter(|_| self.setup.pairing != Pairing::Off);
        if let Some(pool) = paired {
            match self.offer_of(host, protocol, pool) {
                Err(reason) if self.setup.pairing == Pairing::Soft => refusal = reason,
                other => return other,
            }
        }
        for pool in pools.filter(|pool| Some(*pool) != paired) {
            match self.offer_of(host, protocol, pool) {
                Err(reason) => refusal = reason,
                offer => return offer,
            }
        }
        Err(refusal)
    }

    fn offer_of(
        &self,
        host: Ipv4Addr,
        protocol: Protocol,
        pool: usize,
    ) -> Result<Vec<Place>, Refusal> {
        let settings = self.setup.pools[pool];
        if let Some((_, most)) = settings.blocks {
            let own: Vec<Place> = (self.blocks.iter().rev())
                .filter(|block| block.owner == host && block.place.pool == pool)
                .map(|block| block.place)
                .collect();
            // The newest that has one; of a softly paired host that of either address, for
            // which of them was its first nothing shows.
            let mut newest: Vec<Place> = Vec::new();
            for place in own.iter().filter(|place| self.has_free(**place, protocol)) {
                let is_other = |known: &Place| {
                    self.setup.pairing == Pairing::Soft && known.address != place.address
                };
                if newest.iter().all(is_other) {
                    newest.push(*place);
                }
            }
            if !newest.is_empty() {
                return Ok(newest);
            }
            if own.len() >= usize::from(most) {
                return Err("drop.block_limit");
            }
        }
        let lendable = |address: Ipv4Addr| {
            let places = self.places(pool, address).into_iter();
            places.filter(|place| match settings.blocks {
                Some(_) => !self.blocks.iter().any(|block| block.place == *place),
                None => self.has_free(*place, protocol),
            })
        };
        let own = self.addresses_of(host, pool);
        let mut addresses: Vec<Ipv4Addr> = settings.addresses().collect();
        let own_are_full = own
            .iter()
            .any(|address| lendable(*address).next().is_none());
        let keeps = match self.setup.pairing {
            Pairing::Off => false,
            Pairing::Strict => true,
            Pairing::Soft => !own_are_full,
        };
        if keeps && !own.is_empty() {
            addresses.retain(|address| own.contains(address));
        }
        let places: Vec<Place> = addresses.into_iter().flat_map(lendable).collect();
        if places.is_empty() {
            Err("drop.no_port")
        } else {
            Ok(places)
        }
    }

    /// A port was chosen: is it one of those offered? If it has been given back
    /// already and left no trace, any of them does.
    pub(super) fn accept(
        &mut self,
        host: Ipv4Addr,
        sent: &Sent,
        outside: Option<SocketAddrV4>,
        offer: &[Place],
    ) -> SocketAddrV4 {
        let protocol = sent.protocol();
        let Some(outside) = outside else {
            assert!(!self.setup.leaves_traces(), "{host} has no new mapping");
            let mut all = offer.iter().flat_map(|place| place.endpoints());
            return all.find(|one| self.is_free(protocol, *one)).unwrap();
        };
        let place = *offer
            .iter()
            .find(|place| place.has(outside))
            .unwrap_or_else(|| panic!("{host} has {outside}, which is in none of {offer:?}"));
        assert!(
            self.is_free(protocol, outside),
            "{host} has {outside} of {protocol:?}, which is in use or at rest"
        );
        let same_parity = |endpoint: &SocketAddrV4| endpoint.port() & 1 == sent.src.port() & 1;
        let free = || place.endpoints().filter(|one| self.is_free(protocol, *one));
        let exact = SocketAddrV4::new(place.address, sent.src.port());
        if self.setup.preserve && place.has(exact) && self.is_free(protocol, exact) {
            assert_eq!(outside, exact, "the inside port is free");
        } else if self.setup.parity
            && protocol == Protocol::Udp
            && free().any(|one| same_parity(&one))
        {
            assert!(
                same_parity(&outside),
                "parity of {outside} for {}",
                sent.src
            );
        }
        if self.setup.pools[place.pool].blocks.is_none() {
            return outside;
        }
        if let Some(block) = self.blocks.iter_mut().find(|block| block.place == place) {
            assert_eq!(block.owner, host, "a block of somebody else: {block:?}");
            block.idle = None;
        } else {
            self.blocks.push(Block {
                owner: host,
                place,
                idle: None,
            });
            self.count("nat.blocks_allocated");
        }
        outside
    }

    /// A mapping's port goes to rest, or is free at once: TCP has seen the end of
    /// its connections.
    pub(super) fn release(&mut self, protocol: Protocol, outside: SocketAddrV4) {
        if protocol == Protocol::Tcp || self.setup.hold_down == 0 {
            self.freed(outside);
            return;
        }
        self.resting.push(Resting {
            protocol,
            outside,
            until: self.now + self.setup.hold_down,
        });
    }

    /// Notes a block of which this was the last port.
    pub(super) fn freed(&mut self, outside: SocketAddrV4) {
        let now = self.now;
        let taken = |place: Place| {
            self.mappings.iter().any(|one| place.has(one.outside))
                || self.resting.iter().any(|one| place.has(one.outside))
        };
        let block = self.blocks.iter().position(|one| one.place.has(outside));
        if let Some(block) = block
            && !taken(self.blocks[block].place)
        {
            self.blocks[block].idle = Some(now);
        }
    }

    pub(super) fn return_block(&mut self, block: usize) {
        let gone = self.blocks.remove(block);
        self.count("nat.blocks_released");
        self.forget_if_idle(gone.owner);
    }

    /// When a block goes back, if nothing comes between.
    pub(super) fn returns_at(block: &Block) -> Option<Millis> {
        block.idle.map(|since| since + Setup::IDLE)
    }

    /// Blocks there are, and blocks lent.
    pub(crate) fn blocks_in(&self, pool: usize) -> (usize, usize) {
        let settings = self.setup.pools[pool];
        let total = settings.addresses().count() * usize::from(settings.blocks_per_address());
        let of = |block: &&Block| block.place.pool == pool;
        (total, self.blocks.iter().filter(of).count())
    }

    pub(crate) fn blocks_of(&self, host: Ipv4Addr) -> usize {
        self.blocks
            .iter()
            .filter(|block| block.owner == host)
            .count()
    }

    /// The addresses of a pool that a host has blocks or ports of.
    pub(crate) fn addresses_of(&self, host: Ipv4Addr, pool: usize) -> BTreeSet<Ipv4Addr> {
        let blocks = self.blocks.iter().filter(|block| block.owner == host);
        let mappings = self.mappings.iter().filter(|one| *one.inside.ip() == host);
        let used = mappings.map(|one| *one.outside.ip());
        (blocks.map(|block| block.place.address).chain(used))
            .filter(|address| self.setup.pool_of(*address) == Some(pool))
            .collect()
    }

    /// The blocks of an address, or its range.
    fn places(&self, pool: usize, address: Ipv4Addr) -> Vec<Place> {
        let settings = self.setup.pools[pool];
        let len = settings.blocks.map_or(settings.ports, |(size, _)| size);
        let place = |number: u16| Place {
            pool,
            address,
            first: settings.first_port + number * len,
            len,
        };
        (0..settings.blocks_per_address()).map(place).collect()
    }

    fn has_free(&self, place: Place, protocol: Protocol) -> bool {
        place.endpoints().any(|one| self.is_free(protocol, one))
    }

    fn is_free(&self, protocol: Protocol, outside: SocketAddrV4) -> bool {
        let is = (protocol, outside);
        !self
            .mappings
            .iter()
            .any(|one| (one.protocol, one.outside) == is)
            && !self
                .resting
                .iter()
                .any(|one| (one.protocol, one.outside) == is)
    }
}
