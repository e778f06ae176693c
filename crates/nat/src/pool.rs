//! Outside addresses and their ports, lent in blocks.
//!
//! ```text
//!  Pool ── addresses A0 A1 A2 …          each address:  | block 0 | block 1 | … |
//!            open: those with a free block               TCP, UDP, ICMP: one bit a port
//!  subscriber ──> its active block ──next──> older blocks
//! ```
//!
//! A set bit is a port in use, held down, excluded or reserved for a static
//! mapping. A shared pool has one block per address that nobody owns. A block
//! is one shard's for ever; other shards' blocks are never touched.
//!
//! Costs are bounded: a port is found after a few random probes or one walk over
//! the block's words; a block after one walk over an address's blocks.

use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use base::{Counter, Ticks};

use crate::rng::Rng;
use crate::settings::{Division, Pool as PoolSettings, PortProtocol};

/// No block.
pub(crate) const NO_BLOCK: u32 = u32::MAX;

/// Random probes before a block's words are walked.
const PROBES: u32 = 6;

/// Who has a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nobody; it can be lent.
    Free,
    /// All subscribers of the address.
    Shared,
    /// A subscriber.
    Subscriber(u32),
    /// Another shard; never touched here.
    Elsewhere,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// Place of the address in its pool.
    pub(crate) address: u32,
    /// Next block of the same subscriber.
    pub(crate) next: u32,
    pub(crate) owner: Owner,
    pub(crate) first_port: u16,
    pub(crate) len: u16,
    pub(crate) pool: u16,
    /// Ports in use or held down, by protocol.
    used: [u16; 3],
    /// Those of them held down.
    held: [u16; 3],
    /// When it was lent.
    pub(crate) since: Ticks,
    /// When it was last found unused; a stale notice of idleness is told by this.
    pub(crate) idle_since: Ticks,
}

impl Block {
    pub(crate) fn is_unused(&self) -> bool {
        self.used == [0; 3]
    }
}

/// How full a pool is, in the part of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolUse {
    /// Blocks there are.
    pub blocks_total: u64,
    /// Blocks lent.
    pub blocks_used: u64,
}

#[derive(Debug)]
struct Pool {
    settings: PoolSettings,
    /// Number of its first block.
    first_block: u32,
    blocks_per_address: u32,
    /// Free blocks of each address.
    free: Vec<u32>,
    /// Places of the addresses with a free block, and where each is in this list.
    open: Vec<u32>,
    place_in_open: Vec<u32>,
    /// Words of bitmap per block and protocol.
    words: usize,
    /// Where its bitmaps begin.
    first_word: usize,
    used: PoolUse,
}

/// All pools, as far as they are this shard's.
#[derive(Debug)]
pub(crate) struct Pools {
    list: Vec<Pool>,
    blocks: Vec<Block>,
    bits: Vec<u64>,
}

impl Pools {
    /// Lays out all blocks; `mine(pool, address place, block of the address)` says
    /// which are this shard's.
    pub(crate) fn new(
        settings: &[PoolSettings],
        shards: u32,
        mine: impl Fn(usize, u32, u32) -> bool,
    ) -> Self {
        let mut all = Self {
            list: Vec::new(),
            blocks: Vec::new(),
            bits: Vec::new(),
        };
        for (number, pool) in settings.iter().enumerate() {
            all.add_pool(number, pool, shards, &mine);
        }
        for number in 0..all.list.len() {
            all.exclude_ports(number);
        }
        all
    }

    fn add_pool(
        &mut self,
        number: usize,
        settings: &PoolSettings,
        shards: u32,
        mine: &impl Fn(usize, u32, u32) -> bool,
    ) {
        let addresses = count(settings.addresses.len());
        let (size, per_address) = division(settings, shards);
        let words = usize::from(size).div_ceil(64);
        let mut pool = Pool {
            settings: settings.clone(),
            first_block: count(self.blocks.len()),
            blocks_per_address: per_address,
            free: vec![0; addresses as usize],
            open: Vec::with_capacity(addresses as usize),
            place_in_open: vec![NO_BLOCK; addresses as usize],
            words,
            first_word: self.bits.len(),
            used: PoolUse::default(),
        };
        let shared = settings.division == Division::Shared;
        for address in 0..addresses {
            for block in 0..per_address {
                let owner = match (mine(number, address, block), shared) {
                    (false, _) => Owner::Elsewhere,
                    (true, true) => Owner::Shared,
                    (true, false) => Owner::Free,
                };
                if owner != Owner::Elsewhere {
                    pool.used.blocks_total += 1;
                    if let Some(free) = pool.free.get_mut(address as usize) {
                        *free += 1;
                    }
                }
                self.blocks.push(Block {
                    address,
                    next: NO_BLOCK,
                    owner,
                    first_port: settings.first_port + size.saturating_mul(low16(block)),
                    len: size,
                    pool: low16(count(number)),
                    used: [0; 3],
                    held: [0; 3],
                    since: Ticks(0),
                    idle_since: Ticks(0),
                });
            }
            if pool.free.get(address as usize) > Some(&0) {
                pool.open_address(address);
            }
        }
        let blocks = (addresses * per_address) as usize;
        self.bits.resize(self.bits.len() + blocks * 3 * words, 0);
        self.list.push(pool);
    }

    fn exclude_ports(&mut self, number: usize) {
        let Some(pool) = self.list.get(number) else {
            return;
        };
        let excluded = pool.settings.exclude_ports.clone();
        let first = pool.first_block;
        let blocks = count(pool.free.len()) * pool.blocks_per_address;
        for block in first..first + blocks {
            for &(low, high) in &excluded {
                for port in low..=high {
                    for protocol in [PortProtocol::Tcp, PortProtocol::Udp, PortProtocol::Icmp] {
                        self.reserve(block, port, protocol);
                    }
                }
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.blocks.len() * size_of::<Block>() + self.bits.len() * 8
    }

    pub(crate) fn used(&self, pool: usize) -> PoolUse {
        self.list
            .get(pool)
            .map(|pool| pool.used)
            .unwrap_or_default()
    }

    pub(crate) fn settings(&self, pool: usize) -> Option<&PoolSettings> {
        self.list.get(pool).map(|pool| &pool.settings)
    }

    pub(crate) fn block(&self, block: u32) -> Option<&Block> {
        self.blocks.get(block as usize)
    }

    pub(crate) fn block_mut(&mut self, block: u32) -> Option<&mut Block> {
        self.blocks.get_mut(block as usize)
    }

    pub(crate) fn address(&self, block: u32) -> Option<Ipv4Addr> {
        let block = self.block(block)?;
        self.settings(usize::from(block.pool))?
            .addresses
            .get(block.address as usize)
            .copied()
    }

    /// The block that `port` of an address belongs to.
    pub(crate) fn block_of(&self, pool: usize, address: u32, port: u16) -> Option<u32> {
        let pool = self.list.get(pool)?;
        let first = pool.first_block + address * pool.blocks_per_address;
        let size = self.block(first)?.len;
        let nth = port.checked_sub(pool.settings.first_port)? / size.max(1);
        (u32::from(nth) < pool.blocks_per_address).then_some(first + u32::from(nth))
    }

    /// An address with a free (or shared) block, by chance.
    pub(crate) fn pick_address(&self, pool: usize, rng: &mut Rng) -> Option<u32> {
        let open = &self.list.get(pool)?.open;
        open.get(rng.below(count(open.len())) as usize).copied()
    }

    /// A shared block of this shard at `address`.
    pub(crate) fn shared_block(&self, pool: usize, address: u32) -> Option<u32> {
        let pool = self.list.get(pool)?;
        let first = pool.first_block + address * pool.blocks_per_address;
        (first..first + pool.blocks_per_address).find(|block| {
            self.block(*block)
                .is_some_and(|block| block.owner == Owner::Shared)
        })
    }

    /// Lends a free block of `address`, chosen by chance.
    pub(crate) fn lend(
        &mut self,
        pool: usize,
        address: u32,
        owner: u32,
        now: Ticks,
        rng: &mut Rng,
    ) -> Option<u32> {
        let of_pool = self.list.get(pool)?;
        if *of_pool.free.get(address as usize)? == 0 {
            return None;
        }
        let per_address = of_pool.blocks_per_address;
        let first = of_pool.first_block + address * per_address;
        let start = rng.below(per_address);
        let block = (0..per_address)
            .map(|step| first + (start + step) % per_address)
            .find(|block| {
                self.block(*block)
                    .is_some_and(|block| block.owner == Owner::Free)
            })?;
        self.lend_block(block, owner, now).then_some(block)
    }

    /// Lends this very block; false if it is not free.
    pub(crate) fn lend_block(&mut self, number: u32, owner: u32, now: Ticks) -> bool {
        let Some(block) = self.blocks.get_mut(number as usize) else {
            return false;
        };
        if block.owner != Owner::Free {
            return false;
        }
        block.owner = Owner::Subscriber(owner);
        block.next = NO_BLOCK;
        block.since = now;
        block.idle_since = now;
        let (address, pool) = (block.address, usize::from(block.pool));
        if let Some(pool) = self.list.get_mut(pool) {
            pool.used.blocks_used += 1;
            if let Some(free) = pool.free.get_mut(address as usize) {
                *free -= 1;
                if *free == 0 {
                    pool.close_address(address);
                }
            }
        }
        true
    }

    /// Takes an unused block back.
    pub(crate) fn give_back(&mut self, number: u32) {
        let Some(block) = self.blocks.get_mut(number as usize) else {
            return;
        };
        block.owner = Owner::Free;
        block.next = NO_BLOCK;
        let (address, pool) = (block.address, usize::from(block.pool));
        if let Some(pool) = self.list.get_mut(pool) {
            pool.used.blocks_used -= 1;
            if let Some(free) = pool.free.get_mut(address as usize) {
                *free += 1;
                if *free == 1 {
                    pool.open_address(address);
                }
            }
        }
    }

    /// Takes a port of `block`, of the parity asked for while there is one.
    pub(crate) fn take_port(
        &mut self,
        number: u32,
        protocol: PortProtocol,
        odd: Option<bool>,
        rng: &mut Rng,
    ) -> Option<u16> {
        let block = *self.block(number)?;
        if block.used.get(protocol as usize)? >= &block.len {
            return None;
        }
        let offset = match odd {
            Some(odd) => {
                let parity = u16::from(odd) ^ (block.first_port & 1);
                self.free_bit(number, protocol, Some(parity), rng)
                    .or_else(|| self.free_bit(number, protocol, None, rng))?
            }
            None => self.free_bit(number, protocol, None, rng)?,
        };
        self.set_bit(number, protocol, offset, true);
        if let Some(used) = self
            .block_mut(number)
            .and_then(|block| block.used.get_mut(protocol as usize))
        {
            *used += 1;
        }
        Some(block.first_port + offset)
    }

    /// Marks a port as never to be given out; false if the block does not have it.
    pub(crate) fn reserve(&mut self, number: u32, port: u16, protocol: PortProtocol) -> bool {
        let Some(offset) = self.block(number).and_then(|block| {
            port.checked_sub(block.first_port)
                .filter(|o| *o < block.len)
        }) else {
            return false;
        };
        self.set_bit(number, protocol, offset, true);
        true
    }

    /// Counts a used port as held down; false if that would hold more than
    /// `percent` of the block.
    pub(crate) fn hold(&mut self, number: u32, protocol: PortProtocol, percent: u8) -> bool {
        let Some(block) = self.block_mut(number) else {
            return false;
        };
        let most = u32::from(block.len) * u32::from(percent) / 100;
        match block.held.get_mut(protocol as usize) {
            Some(held) if u32::from(*held) < most => {
                *held += 1;
                true
            }
            _ => false,
        }
    }

    /// Frees a port; `was_held` if it had been held down. True if the block is now unused.
    pub(crate) fn free_port(
        &mut self,
        number: u32,
        port: u16,
        protocol: PortProtocol,
        was_held: bool,
    ) -> bool {
        let Some(offset) = self
            .block(number)
            .and_then(|block| port.checked_sub(block.first_port))
        else {
            return false;
        };
        self.set_bit(number, protocol, offset, false);
        let Some(block) = self.block_mut(number) else {
            return false;
        };
        let side = protocol as usize;
        if let Some(used) = block.used.get_mut(side) {
            *used = used.saturating_sub(1);
        }
        if was_held && let Some(held) = block.held.get_mut(side) {
            *held = held.saturating_sub(1);
        }
        block.is_unused()
    }

    /// Why `take_port` finds nothing at an address.
    pub(crate) fn refusal(&self, pool: usize) -> Counter {
        match self.settings(pool).map(|settings| settings.division) {
            Some(Division::Blocks { .. }) => Counter::DropBlockLimit,
            _ => Counter::DropNoPort,
        }
    }

    fn word_range(&self, number: u32, protocol: PortProtocol) -> Option<(usize, usize)> {
        let block = self.block(number)?;
        let pool = self.list.get(usize::from(block.pool))?;
        let nth = (number - pool.first_block) as usize;
        let first = pool.first_word + (nth * 3 + protocol as usize) * pool.words;
        Some((first, pool.words))
    }

    fn set_bit(&mut self, number: u32, protocol: PortProtocol, offset: u16, value: bool) {
        if let Some((first, _)) = self.word_range(number, protocol)
            && let Some(word) = self.bits.get_mut(first + usize::from(offset) / 64)
        {
            let bit = 1 << (offset % 64);
            if value {
                *word |= bit;
            } else {
                *word &= !bit;
            }
        }
    }

    fn free_bit(
        &self,
        number: u32,
        protocol: PortProtocol,
        parity: Option<u16>,
        rng: &mut Rng,
    ) -> Option<u16> {
        let len = self.block(number)?.len;
        let (first, words) = self.word_range(number, protocol)?;
        let bits = self.bits.get(first..first + words)?;
        let wanted: u64 = match parity {
            None => u64::MAX,
            Some(0) => 0x5555_5555_5555_5555,
            Some(_) => 0xaaaa_aaaa_aaaa_aaaa,
        };
        let mut start = 0;
        for _ in 0..PROBES {
            start = rng.below(u32::from(len));
            let offset = match parity {
                Some(parity) => low16(start) & !1 | parity,
                None => low16(start),
            };
            let word = bits.get(usize::from(offset) / 64)?;
            if offset < len && word >> (offset % 64) & 1 == 0 {
                return Some(offset);
            }
        }
        // From the last probe on, around to it.
        let start = start as usize / 64;
        for step in 0..words {
            let at = (start + step) % words;
            let in_block = match usize::from(len) - at * 64 {
                left @ 1..64 => u64::MAX >> (64 - left),
                _ => u64::MAX,
            };
            let free = !*bits.get(at)? & wanted & in_block;
            if free != 0 {
                return u16::try_from(at * 64 + free.trailing_zeros() as usize).ok();
            }
        }
        None
    }
}

impl Pool {
    fn open_address(&mut self, address: u32) {
        if let Some(place) = self.place_in_open.get_mut(address as usize) {
            *place = count(self.open.len());
            self.open.push(address);
        }
    }

    fn close_address(&mut self, address: u32) {
        let Some(place) = self.place_in_open.get_mut(address as usize) else {
            return;
        };
        let at = core::mem::replace(place, NO_BLOCK);
        if (at as usize) < self.open.len() {
            self.open.swap_remove(at as usize);
            if let Some(moved) = self.open.get(at as usize)
                && let Some(place) = self.place_in_open.get_mut(*moved as usize)
            {
                *place = at;
            }
        }
    }
}

/// Size of a block and blocks per address of a pool, for so many shards.
pub(crate) fn division(settings: &PoolSettings, shards: u32) -> (u16, u32) {
    let range = u32::from(settings.last_port) + 1 - u32::from(settings.first_port);
    match settings.division {
        Division::Shared => {
            // Whole addresses per shard where there are enough, else a part of each.
            let parts = if count(settings.addresses.len()) >= shards {
                1
            } else {
                shards
            };
            (low16((range / parts).min(0xffff)), parts)
        }
        Division::Blocks { size, .. } => (size, range / u32::from(size).max(1)),
        Division::Deterministic { ports_per_host, .. } => {
            (ports_per_host, range / u32::from(ports_per_host).max(1))
        }
    }
}

pub(crate) fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[allow(clippy::cast_possible_truncation)]
pub(crate) const fn low16(value: u32) -> u16 {
    value as u16
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use base::Nanos;

    use super::*;

    fn pools(first_port: u16, last_port: u16, size: u16, exclude: &[(u16, u16)]) -> Pools {
        let settings = PoolSettings {
            addresses: vec![Ipv4Addr::new(203, 0, 113, 1), Ipv4Addr::new(203, 0, 113, 2)],
            realm: 0,
            first_port,
            last_port,
            exclude_ports: exclude.to_vec(),
            division: Division::Blocks {
                size,
                max_per_subscriber: 8,
                idle: Nanos::from_secs(120),
                active: None,
            },
        };
        Pools::new(&[settings], 1, |_, _, _| true)
    }

    #[test]
    fn a_block_gives_each_port_once_and_no_excluded_one() {
        let mut rng = Rng::new(3);
        let mut pools = pools(1000, 1199, 100, &[(1050, 1053)]);
        assert!(pools.lend_block(0, 7, Ticks(0)));
        let mut seen = HashSet::new();
        while let Some(port) = pools.take_port(0, PortProtocol::Udp, None, &mut rng) {
            assert!((1000..1100).contains(&port) && !(1050..=1053).contains(&port));
            assert!(seen.insert(port));
        }
        assert_eq!(seen.len(), 96);
        for port in seen {
            pools.free_port(0, port, PortProtocol::Udp, false);
        }
        assert!(pools.block(0).unwrap().is_unused());
    }

    #[test]
    fn parity_is_kept_while_there_is_one_left() {
        let mut rng = Rng::new(4);
        let mut pools = pools(1001, 1128, 64, &[]);
        assert!(pools.lend_block(0, 7, Ticks(0)));
        for _ in 0..32 {
            assert_eq!(
                pools
                    .take_port(0, PortProtocol::Udp, Some(true), &mut rng)
                    .unwrap()
                    % 2,
                1
            );
        }
        assert_eq!(
            pools
                .take_port(0, PortProtocol::Udp, Some(true), &mut rng)
                .unwrap()
                % 2,
            0
        );
        assert_eq!(
            pools
                .take_port(0, PortProtocol::Tcp, Some(false), &mut rng)
                .unwrap()
                % 2,
            0
        );
    }

    #[test]
    fn addresses_close_when_lent_out_and_open_again() {
        let mut rng = Rng::new(5);
        let mut pools = pools(1024, 1087, 32, &[]);
        let first = pools.lend(0, 0, 1, Ticks(0), &mut rng).unwrap();
        pools.lend(0, 0, 1, Ticks(0), &mut rng).unwrap();
        assert_eq!(pools.lend(0, 0, 1, Ticks(0), &mut rng), None);
        for _ in 0..20 {
            assert_eq!(pools.pick_address(0, &mut rng), Some(1));
        }
        assert_eq!(
            pools.used(0),
            PoolUse {
                blocks_total: 4,
                blocks_used: 2
            }
        );
        pools.give_back(first);
        assert!((0..50).any(|_| pools.pick_address(0, &mut rng) == Some(0)));
    }

    #[test]
    fn blocks_are_found_by_port() {
        let pools = pools(1024, 1123, 32, &[]);
        assert_eq!(pools.block_of(0, 1, 1024), Some(3));
        assert_eq!(pools.block_of(0, 0, 1087), Some(1));
        assert_eq!(pools.block_of(0, 0, 1120), None);
        assert_eq!(pools.block_of(0, 0, 80), None);
    }
}
