//! Outside addresses and their ports, lent in blocks.
//!
//! ```text
//!  Pools ── Pool ── Ready: which address is next
//!    │        └──── watermarks
//!    └───── Address, by number ── Block ── Block ── ...   TCP, UDP, ICMP, others: one bit a port
//!  subscriber ──> its active block ──next──> older blocks
//! ```
//!
//! A block is `address number << 16 | block of the address`. A pool that
//! subscribers share has one block per address that nobody owns. A block is one
//! shard's for ever; other shards' blocks are never touched. Addresses come and
//! go with the [`Layout`]; everything else is allocated when they come.
//!
//! Costs are bounded and do not grow as a pool fills: an address and a block are
//! found in one step, a port after a few random probes or one walk over the
//! block's words.

mod address;
mod geometry;
mod ready;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use base::{Counter, Ticks};

pub(crate) use address::{Block, Owner, Wish};
pub(crate) use geometry::Geometry;

use crate::layout::Layout;
use crate::rng::Rng;
use crate::settings::{Division, PortProtocol};
use address::Address;
use ready::Ready;

/// No block.
pub(crate) const NO_BLOCK: u32 = u32::MAX;

/// Subscribers of one address that "least used" tells apart.
const MAX_LOAD: u32 = 4095;

/// How full a pool is, in the part of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolUse {
    /// Blocks there are.
    pub blocks_total: u64,
    /// Blocks lent.
    pub blocks_used: u64,
    /// Subscribers with a block or a port.
    pub subscribers: u64,
    /// Some address has nothing new to lend.
    pub draining: bool,
}

/// What a watermark has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crossed {
    High,
    Low,
}

#[derive(Debug)]
struct Pool {
    division: Division,
    ready: Ready,
    used: PoolUse,
    /// Ports there are and ports in use, by protocol, where a range is shared.
    ports: [[u64; 2]; PortProtocol::COUNT],
    watermarks: Option<(u8, u8)>,
    is_high: bool,
    /// What the watermarks are compared with has changed since they were.
    has_changed: bool,
    /// When it last had nothing left and that was said.
    exhausted: Option<Ticks>,
}

impl Pool {
    /// Whether at least this many percent are in use, of what is scarcest.
    fn reaches(&self, percent: u8) -> bool {
        let reaches = |used: u64, all: u64| used * 100 >= all * u64::from(percent) && all > 0;
        if matches!(self.division, Division::Shared) {
            let mut ports = self.ports.iter();
            ports.any(|[all, used]| reaches(*used, *all))
        } else {
            reaches(self.used.blocks_used, self.used.blocks_total)
        }
    }

    #[inline(never)]
    fn crossed(&mut self) -> Option<Crossed> {
        self.has_changed = false;
        let (high, low) = self.watermarks?;
        if !self.is_high && self.reaches(high) {
            self.is_high = true;
            return Some(Crossed::High);
        }
        if self.is_high && !self.reaches(low.saturating_add(1)) {
            self.is_high = false;
            return Some(Crossed::Low);
        }
        None
    }
}

/// All pools, as far as they are this shard's.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    list: Vec<Option<Pool>>,
    addresses: Vec<Option<(Box<Address>, u32)>>,
}

impl Pools {
    /// Makes the pools of a layout known, without addresses, which follow by
    /// [`Pools::enter`]; those that are gone stay until [`Pools::forget`].
    pub(crate) fn adopt(&mut self, layout: &Layout) {
        let numbers = layout.pool_count().max(self.list.len());
        self.list.resize_with(numbers, || None);
        for (number, place) in self.list.iter_mut().enumerate() {
            let Some(settings) = layout.pool(number) else {
                continue;
            };
            let geometry = layout.geometry(number);
            let top = if settings.division == Division::Shared {
                MAX_LOAD
            } else {
                geometry.blocks
            };
            let pool = place.get_or_insert_with(|| Pool {
                division: settings.division,
                ready: Ready::new(settings.allocation, top),
                used: PoolUse::default(),
                ports: [[0; 2]; PortProtocol::COUNT],
                watermarks: None,
                is_high: false,
                has_changed: true,
                exhausted: None,
            });
            pool.division = settings.division;
            pool.ready.set_policy(settings.allocation);
            pool.watermarks = settings.watermarks;
            pool.has_changed = true;
            pool.used.draining = !settings.draining.is_empty();
        }
        for slot in 0..count(self.addresses.len()) {
            // What is gone lends nothing more until it has left.
            let draining = layout.address(slot).is_none_or(|address| address.draining);
            let overloads = self
                .address(slot)
                .and_then(|address| layout.pool(usize::from(address.pool)))
                .is_some_and(|pool| pool.overloads);
            if let Some(address) = self.address_mut(slot) {
                if overloads {
                    address.allow_sharing();
                }
                address.draining = draining;
                self.refresh(slot);
            }
        }
    }

    /// Lays out the blocks of an address, if any of them is this shard's.
    pub(crate) fn enter(&mut self, layout: &Layout, slot: u32, shard: u32) {
        let Some(known) = layout.address(slot) else {
            return;
        };
        if self.address(slot).is_some() {
            return;
        }
        let number = usize::from(known.pool);
        let (Some(settings), geometry) = (layout.pool(number), layout.geometry(number)) else {
            return;
        };
        let shared = settings.division == Division::Shared;
        let owner = |block| match (layout.owner_of_block(slot, block) == shard, shared) {
            (false, _) => Owner::Elsewhere,
            (true, true) => Owner::Shared,
            (true, false) => Owner::Free,
        };
        if (0..geometry.blocks).all(|block| owner(block) == Owner::Elsewhere) {
            return;
        }
        let blocks = (0..geometry.blocks).map(|block| {
            let (first, len) = geometry.ports_of(block);
            (first, len, owner(block))
        });
        let mut address = Address::new(known.address, known.pool, blocks);
        address.draining = known.draining;
        let computed = matches!(
            settings.division,
            Division::Whole | Division::Deterministic { .. }
        );
        if !computed {
            address.geometry = geometry;
        }
        if settings.overloads {
            address.allow_sharing();
        }
        let excluded = match settings.division {
            Division::Whole | Division::Deterministic { .. } => &[][..],
            _ => &settings.exclude_ports,
        };
        for (low, high) in excluded {
            for port in *low..=*high {
                if let Some(block) = geometry.block_at(port)
                    && let Some(offset) = port.checked_sub(geometry.ports_of(block).0)
                {
                    for side in PortProtocol::ALL {
                        address.reserve(low16(block), side, offset);
                    }
                }
            }
        }
        let Some(Some(pool)) = self.list.get_mut(number) else {
            return;
        };
        pool.has_changed = true;
        for block in &address.blocks {
            if block.owner == Owner::Elsewhere {
                continue;
            }
            pool.used.blocks_total += 1;
            for (ports, side) in pool.ports.iter_mut().zip(PortProtocol::ALL) {
                ports[0] += u64::from(block.left(side));
            }
        }
        let entry = pool.ready.enter(slot);
        if self.addresses.len() <= slot as usize {
            self.addresses.resize_with(slot as usize + 1, || None);
        }
        if let Some(place) = self.addresses.get_mut(slot as usize) {
            *place = Some((Box::new(address), entry));
        }
        self.refresh(slot);
    }

    /// Forgets the pools that a layout has not.
    pub(crate) fn forget(&mut self, layout: &Layout) {
        for (number, place) in self.list.iter_mut().enumerate() {
            if layout.pool(number).is_none() {
                *place = None;
            }
        }
    }

    /// Whether an address is here that a layout has not, or has as another one.
    pub(crate) fn is_gone(&self, layout: &Layout, slot: u32) -> bool {
        self.address(slot).is_some_and(|here| {
            layout
                .address(slot)
                .is_none_or(|there| there.address != here.ip || there.pool != here.pool)
        })
    }

    /// Forgets an address, with whatever is lent from it.
    pub(crate) fn leave(&mut self, slot: u32) {
        let Some(Some((address, entry))) = self.addresses.get(slot as usize) else {
            return;
        };
        if let Some(Some(pool)) = self.list.get_mut(usize::from(address.pool)) {
            pool.has_changed = true;
            for side in PortProtocol::ALL {
                pool.ready.set(*entry, side, false);
            }
            pool.ready.set_level(*entry, None);
            for block in &address.blocks {
                if block.owner != Owner::Elsewhere {
                    pool.used.blocks_total -= 1;
                    pool.used.blocks_used -= u64::from(matches!(block.owner, Owner::Subscriber(_)));
                    for (ports, side) in pool.ports.iter_mut().zip(PortProtocol::ALL) {
                        ports[0] = ports[0].saturating_sub(u64::from(block.left(side)));
                    }
                }
            }
        }
        if let Some(place) = self.addresses.get_mut(slot as usize) {
            *place = None;
        }
    }

    /// A block of an address that is lent, with its subscriber.
    pub(crate) fn lent_block(&self, slot: u32) -> Option<(u32, u32)> {
        let mut blocks = (0..).zip(&self.address(slot)?.blocks);
        blocks.find_map(|(nth, block)| match block.owner {
            Owner::Subscriber(owner) => Some((block_id(slot, nth), owner)),
            _ => None,
        })
    }

    /// One more than the highest number of an address.
    pub(crate) fn slots(&self) -> u32 {
        count(self.addresses.len())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.addresses
            .iter()
            .flatten()
            .map(|(address, _)| address.bytes() + size_of::<Address>())
            .sum()
    }

    pub(crate) fn used(&self, pool: usize) -> PoolUse {
        match self.list.get(pool) {
            Some(Some(pool)) => pool.used,
            _ => PoolUse::default(),
        }
    }

    pub(crate) fn division(&self, pool: usize) -> Option<Division> {
        match self.list.get(pool) {
            Some(Some(pool)) => Some(pool.division),
            _ => None,
        }
    }

    /// Whether the ports of a pool are computed.
    pub(crate) fn is_computed(&self, pool: usize) -> bool {
        matches!(self.division(pool), Some(Division::Deterministic { .. }))
    }

    #[inline]
    fn address(&self, slot: u32) -> Option<&Address> {
        match self.addresses.get(slot as usize) {
            Some(Some((address, _))) => Some(address),
            _ => None,
        }
    }

    #[inline]
    fn address_mut(&mut self, slot: u32) -> Option<&mut Address> {
        match self.addresses.get_mut(slot as usize) {
            Some(Some((address, _))) => Some(address),
            _ => None,
        }
    }

    /// Number of the pool an address belongs to.
    pub(crate) fn pool_of(&self, slot: u32) -> Option<usize> {
        self.address(slot).map(|address| usize::from(address.pool))
    }

    pub(crate) fn is_draining(&self, slot: u32) -> bool {
        self.address(slot).is_none_or(|address| address.draining)
    }

    pub(crate) fn ip(&self, slot: u32) -> Option<Ipv4Addr> {
        self.address(slot).map(|address| address.ip)
    }

    pub(crate) fn block(&self, block: u32) -> Option<&Block> {
        self.address(slot_of(block))?
            .blocks
            .get(usize::from(nth_of(block)))
    }

    pub(crate) fn block_mut(&mut self, block: u32) -> Option<&mut Block> {
        self.address_mut(slot_of(block))?
            .blocks
            .get_mut(usize::from(nth_of(block)))
    }

    /// The block of a port of an address, and its place there; `None` if that is computed.
    pub(crate) fn place_of(&self, slot: u32, port: u16) -> Option<(u32, u16)> {
        let (block, offset) = self.address(slot)?.place_of(port)?;
        Some((block_id(slot, block), offset))
    }

    /// Whether a port of an address could be given out; `None` where one look cannot tell.
    pub(crate) fn is_free(&self, slot: u32, port: u16, side: PortProtocol) -> Option<bool> {
        self.address(slot)?.is_free(port, side)
    }

    // --- addresses and blocks ------------------------------------------------

    /// An address with room for a protocol, as the pool's policy says.
    pub(crate) fn pick(&self, pool: usize, side: PortProtocol, rng: &mut Rng) -> Option<u32> {
        match self.list.get(pool) {
            Some(Some(pool)) => pool.ready.pick(side, rng),
            _ => None,
        }
    }

    /// Whether a block is part of a range that subscribers share.
    #[inline]
    pub(crate) fn is_shared(&self, block: u32) -> bool {
        let address = self.address(slot_of(block));
        address.is_some_and(|address| address.shared_block().is_some())
    }

    /// This shard's part of a range that the subscribers of an address share.
    pub(crate) fn shared_block(&self, slot: u32) -> Option<u32> {
        Some(block_id(slot, self.address(slot)?.shared_block()?))
    }

    /// Lends a block of an address, by chance.
    pub(crate) fn lend(&mut self, slot: u32, owner: u32, now: Ticks, rng: &mut Rng) -> Option<u32> {
        let address = self.address(slot).filter(|address| !address.draining)?;
        let block = block_id(slot, address.any_free(rng)?);
        self.lend_block(block, owner, now).then_some(block)
    }

    /// Lends this very block; false if it is not free.
    pub(crate) fn lend_block(&mut self, block: u32, owner: u32, now: Ticks) -> bool {
        let slot = slot_of(block);
        let Some(address) = self.address_mut(slot) else {
            return false;
        };
        if !address.lend(nth_of(block), owner, now) {
            return false;
        }
        address.load += 1;
        self.count_blocks(slot, 1);
        self.refresh(slot);
        true
    }

    /// Takes an unused block back.
    pub(crate) fn give_back(&mut self, block: u32) {
        let slot = slot_of(block);
        if let Some(address) = self.address_mut(slot) {
            address.give_back(nth_of(block));
            address.load = address.load.saturating_sub(1);
            self.count_blocks(slot, -1);
            self.refresh(slot);
        }
    }

    fn count_blocks(&mut self, slot: u32, change: i64) {
        if let Some(number) = self.pool_of(slot)
            && let Some(Some(pool)) = self.list.get_mut(number)
        {
            pool.used.blocks_used = pool.used.blocks_used.saturating_add_signed(change);
            pool.has_changed = true;
        }
    }

    /// Counts a subscriber that has come to an address, or left it; `alone` if it
    /// has no other address of the pool.
    pub(crate) fn count_subscriber(&mut self, slot: u32, comes: bool, alone: bool) {
        let Some(number) = self.pool_of(slot) else {
            return;
        };
        if let Some(Some(pool)) = self.list.get_mut(number) {
            let change = match (alone, comes) {
                (false, _) => 0,
                (true, true) => 1,
                (true, false) => -1,
            };
            pool.used.subscribers = pool.used.subscribers.saturating_add_signed(change);
            if pool.division == Division::Shared
                && let Some(address) = self.address_mut(slot)
            {
                address.load = if comes {
                    address.load.saturating_add(1)
                } else {
                    address.load.saturating_sub(1)
                };
                self.refresh(slot);
            }
        }
    }

    /// Tells the choice of addresses what one has left.
    fn refresh(&mut self, slot: u32) {
        let Some(Some((address, entry))) = self.addresses.get(slot as usize) else {
            return;
        };
        let Some(Some(pool)) = self.list.get_mut(usize::from(address.pool)) else {
            return;
        };
        for side in PortProtocol::ALL {
            pool.ready.set(*entry, side, address.has_room(side));
        }
        let level = if pool.division == Division::Shared {
            MAX_LOAD.saturating_sub(address.load)
        } else {
            u32::from(address.free_blocks())
        };
        pool.ready
            .set_level(*entry, (!address.draining).then_some(level));
    }

    /// Whether it should be said that a pool had nothing left: once a second.
    pub(crate) fn says_exhausted(&mut self, pool: usize, now: Ticks) -> bool {
        let second = Ticks::in_duration(base::Nanos::from_secs(1));
        let Some(Some(pool)) = self.list.get_mut(pool) else {
            return false;
        };
        let says = pool
            .exhausted
            .is_none_or(|since| now.since(since) >= second);
        if says {
            pool.exhausted = Some(now);
        }
        says
    }

    /// Whether a pool has crossed a watermark since it was asked last.
    #[inline]
    pub(crate) fn crossed(&mut self, pool: usize) -> Option<Crossed> {
        match self.list.get_mut(pool) {
            Some(Some(pool)) if pool.has_changed => pool.crossed(),
            _ => None,
        }
    }

    /// How much of a pool, in what its watermarks are compared with, is its high or low one.
    pub(crate) fn watermark(&self, pool: usize, high: bool) -> u32 {
        let Some(Some(pool)) = self.list.get(pool) else {
            return 0;
        };
        let percent = pool
            .watermarks
            .map_or(0, |marks| if high { marks.0 } else { marks.1 });
        let all = match pool.division {
            Division::Shared => pool.ports.iter().map(|[all, _]| *all).max().unwrap_or(0),
            _ => pool.used.blocks_total,
        };
        u32::try_from(all * u64::from(percent) / 100).unwrap_or(u32::MAX)
    }

    // --- ports ---------------------------------------------------------------

    /// Takes a port of a block; answers its place in the block.
    pub(crate) fn take_port(
        &mut self,
        block: u32,
        side: PortProtocol,
        wish: Wish,
        rng: &mut Rng,
    ) -> Option<u16> {
        let offset = self
            .address_mut(slot_of(block))?
            .take(nth_of(block), side, wish, rng)?;
        self.count_port(block, side, 1);
        Some(offset)
    }

    /// Loads a block and what of its ports is taken.
    pub(crate) fn look_ahead(&self, block: u32, side: PortProtocol) {
        if let Some(address) = self.address(slot_of(block)) {
            address.look_ahead(nth_of(block), side);
        }
    }

    /// The same with the word of one port only.
    #[inline]
    pub(crate) fn look_ahead_at(&self, block: u32, side: PortProtocol, offset: u16) {
        if let Some(address) = self.address(slot_of(block)) {
            address.look_ahead_at(nth_of(block), side, offset);
        }
    }

    /// What [`Pools::take_lent_port`] will answer, as things are.
    pub(crate) fn foresee(
        &self,
        block: u32,
        side: PortProtocol,
        wish: Wish,
    ) -> Option<(u16, u32, u16)> {
        let address = self.address(slot_of(block))?;
        let nth = nth_of(block);
        let offset = address.choose(nth, side, wish, wish.chance?)?;
        let first = address.blocks.get(usize::from(nth))?.first_port;
        Some((offset, address.ip.to_bits(), first.wrapping_add(offset)))
    }

    /// Takes a port of a lent block, if that is of this pool, not on its way out, and
    /// young enough; answers the place in the block and the outside endpoint.
    #[inline]
    pub(crate) fn take_lent_port(
        &mut self,
        block: u32,
        pool: usize,
        is_young: impl Fn(Ticks) -> bool,
        (side, wish): (PortProtocol, Wish),
        rng: &mut Rng,
    ) -> Option<(u16, Ipv4Addr, u16)> {
        let address = self.address_mut(slot_of(block))?;
        if usize::from(address.pool) != pool || address.draining {
            return None;
        }
        let found = address.blocks.get(usize::from(nth_of(block)))?;
        let first = found.first_port;
        if !is_young(found.since) {
            return None;
        }
        let offset = address.take(nth_of(block), side, wish, rng)?;
        Some((offset, address.ip, first.wrapping_add(offset)))
    }

    /// Frees a port; `was_held` if it had been held down. True if the block is now unused.
    pub(crate) fn free_port(
        &mut self,
        block: u32,
        offset: u16,
        side: PortProtocol,
        was_held: bool,
    ) -> bool {
        let Some(address) = self.address_mut(slot_of(block)) else {
            return false;
        };
        let unused = address.free(nth_of(block), side, offset, was_held);
        self.count_port(block, side, -1);
        unused
    }

    /// Counts a port taken or given back where a range is shared: only such a one becomes
    /// full or free by single ports.
    #[inline]
    fn count_port(&mut self, block: u32, side: PortProtocol, change: i64) {
        if self.is_shared(block) {
            self.count_shared_port(block, side, change);
        }
    }

    fn count_shared_port(&mut self, block: u32, side: PortProtocol, change: i64) {
        let slot = slot_of(block);
        let Some(number) = self.pool_of(slot) else {
            return;
        };
        let Some(Some(pool)) = self.list.get_mut(number) else {
            return;
        };
        if let Some([_, used]) = pool.ports.get_mut(side as usize) {
            *used = used.saturating_add_signed(change);
            pool.has_changed = true;
        }
        let turns = self.block(block).is_some_and(|block| {
            block.owner == Owner::Shared && block.left(side) == u32::from(change < 0)
        });
        if turns {
            self.refresh(slot);
        }
    }

    /// Makes a port one that is never given out, or that is again. False if it
    /// is in use.
    pub(crate) fn reserve(&mut self, block: u32, offset: u16, side: PortProtocol) -> bool {
        let done = self
            .address_mut(slot_of(block))
            .is_some_and(|address| address.reserve(nth_of(block), side, offset));
        self.refresh(slot_of(block));
        done
    }

    pub(crate) fn unreserve(&mut self, block: u32, offset: u16, side: PortProtocol) {
        if let Some(address) = self.address_mut(slot_of(block)) {
            address.unreserve(nth_of(block), side, offset);
            self.refresh(slot_of(block));
        }
    }

    /// Counts a used port as held down; false if that would hold more than
    /// `percent` of the block.
    pub(crate) fn hold(&mut self, block: u32, side: PortProtocol, percent: u8) -> bool {
        self.address_mut(slot_of(block))
            .is_some_and(|address| address.hold(nth_of(block), side, percent))
    }

    /// Counts a mapping that uses a port together with others.
    pub(crate) fn share(&mut self, block: u32, offset: u16, side: PortProtocol) {
        if let Some(address) = self.address_mut(slot_of(block)) {
            address.share(nth_of(block), side, offset);
        }
    }

    /// One such mapping less; true if others still use the port.
    pub(crate) fn unshare(&mut self, block: u32, offset: u16, side: PortProtocol) -> bool {
        self.address_mut(slot_of(block))
            .is_some_and(|address| address.unshare(nth_of(block), side, offset))
    }

    /// A shared port of a block that suits.
    pub(crate) fn shared_port(
        &self,
        block: u32,
        side: PortProtocol,
        chance: u64,
        suits: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        self.address(slot_of(block))?
            .shared(nth_of(block), side, chance, suits)
    }

    /// Why nothing is found in a pool.
    pub(crate) fn refusal(&self, pool: usize) -> Counter {
        match self.division(pool) {
            Some(Division::Blocks { .. }) => Counter::DropBlockLimit,
            _ => Counter::DropNoPort,
        }
    }
}

/// Number of a block's address.
pub(crate) const fn slot_of(block: u32) -> u32 {
    block >> 16
}

/// Place of a block in its address.
pub(crate) const fn nth_of(block: u32) -> u16 {
    low16(block)
}

pub(crate) const fn block_id(slot: u32, nth: u16) -> u32 {
    slot << 16 | nth as u32
}

pub(crate) fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[allow(clippy::cast_possible_truncation)]
pub(crate) const fn low16(value: u32) -> u16 {
    value as u16
}

#[cfg(test)]
mod tests;
