//! One outside address: its blocks, and which of their ports are taken.
//!
//! A set bit is a port in use, held down, excluded or reserved for a static
//! mapping. A block counts the ports that are free by parity, so that a search
//! is made only where it will find something. Free blocks are the front of a
//! shuffled list, so that one by chance costs one step.

use alloc::boxed::Box;
use alloc::vec;
use core::net::Ipv4Addr;

use base::Ticks;

use super::{Geometry, NO_BLOCK, count, low16};
use crate::rng::{Rng, scaled};
use crate::settings::PortProtocol;

/// Shared ports looked at for one that is free towards a remote.
const SHARED_PROBES: u16 = 128;

const SIDES: usize = PortProtocol::COUNT;

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
    /// Next block of the same subscriber.
    pub(crate) next: u32,
    pub(crate) owner: Owner,
    /// Meaningless where ports are computed.
    pub(crate) first_port: u16,
    pub(crate) len: u16,
    /// Ports in use or held down, by protocol.
    used: [u16; SIDES],
    /// Those of them held down.
    held: [u16; SIDES],
    /// Free ports, by protocol and parity of their place in the block.
    left: [[u16; 2]; SIDES],
    /// When it was lent.
    pub(crate) since: Ticks,
    /// When it was last found unused; a stale notice of idleness is told by this.
    pub(crate) idle_since: Ticks,
}

impl Block {
    pub(crate) fn is_unused(&self) -> bool {
        self.used == [0; SIDES]
    }

    /// Ports still free for a protocol.
    pub(crate) fn left(&self, side: PortProtocol) -> u32 {
        self.left
            .get(side as usize)
            .map_or(0, |[even, odd]| u32::from(*even) + u32::from(*odd))
    }

    #[inline]
    fn count_left(&mut self, side: PortProtocol, offset: u16, change: i16) {
        if let Some(left) = self
            .left
            .get_mut(side as usize)
            .and_then(|by_parity| by_parity.get_mut(usize::from(offset & 1)))
        {
            *left = left.saturating_add_signed(change);
        }
    }
}

/// What kind of port is wanted; each wish gives way if it cannot be met.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish {
    /// An odd or an even one.
    pub(crate) odd: Option<bool>,
    /// This very one.
    pub(crate) exact: Option<u16>,
    /// By this draw; another is made if there is none.
    pub(crate) chance: Option<u32>,
    /// The place in the block that this draw came to before, if that is still free.
    pub(crate) foreseen: Option<u16>,
}

/// One outside address of this shard.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) ip: Ipv4Addr,
    pub(crate) pool: u16,
    /// Nothing new is lent.
    pub(crate) draining: bool,
    /// What newcomers are spread by: blocks lent, or subscribers paired.
    pub(crate) load: u32,
    pub(crate) blocks: Box<[Block]>,
    /// Where its ports are, unless they are computed.
    pub(crate) geometry: Geometry,
    shared: Option<u16>,
    /// Blocks that can be lent in front, and where each block is in this list.
    order: Box<[u16]>,
    places: Box<[u16]>,
    free: u16,
    /// Words of bitmap per block and protocol.
    words: usize,
    bits: Box<[u64]>,
    /// How many mappings use each port besides one another; empty if none may.
    shares: Box<[u16]>,
}

impl Address {
    /// An address with blocks of these ports and owners, all free.
    pub(crate) fn new(
        ip: Ipv4Addr,
        pool: u16,
        blocks: impl Iterator<Item = (u16, u16, Owner)>,
    ) -> Self {
        let blocks: Box<[Block]> = blocks
            .map(|(first_port, len, owner)| Block {
                next: NO_BLOCK,
                owner,
                first_port,
                len,
                used: [0; SIDES],
                held: [0; SIDES],
                left: [[len.div_ceil(2), len / 2]; SIDES],
                since: Ticks(0),
                idle_since: Ticks(0),
            })
            .collect();
        let longest = blocks.iter().map(|block| block.len).max().unwrap_or(0);
        let words = usize::from(longest).div_ceil(64);
        let mut new = Self {
            ip,
            pool,
            draining: false,
            load: 0,
            geometry: Geometry::default(),
            shared: blocks
                .iter()
                .position(|block| block.owner == Owner::Shared)
                .map(|block| low16(count(block))),
            order: (0..count(blocks.len())).map(low16).collect(),
            places: (0..count(blocks.len())).map(low16).collect(),
            free: 0,
            words,
            bits: vec![0; blocks.len() * SIDES * words].into(),
            shares: Box::default(),
            blocks,
        };
        for block in 0..count(new.blocks.len()) {
            let lendable = new
                .blocks
                .get(block as usize)
                .is_some_and(|block| block.owner == Owner::Free);
            if lendable {
                new.put_in_front(low16(block));
            }
        }
        new
    }

    pub(crate) fn bytes(&self) -> usize {
        self.blocks.len() * size_of::<Block>()
            + size_of_val(&*self.bits)
            + size_of_val(&*self.shares)
            + size_of_val(&*self.order)
            + size_of_val(&*self.places)
    }

    /// Makes it possible that several mappings use one port.
    pub(crate) fn allow_sharing(&mut self) {
        if self.shares.is_empty() {
            let ports = self.blocks.len() * SIDES * self.words * 64;
            self.shares = vec![0; ports].into();
        }
    }

    /// Blocks that can be lent.
    pub(crate) const fn free_blocks(&self) -> u16 {
        self.free
    }

    /// The block that subscribers share, if it is this shard's.
    pub(crate) const fn shared_block(&self) -> Option<u16> {
        self.shared
    }

    /// Whether anything can be lent for a protocol.
    pub(crate) fn has_room(&self, side: PortProtocol) -> bool {
        let shared = self
            .shared
            .and_then(|block| self.blocks.get(usize::from(block)));
        !self.draining && (self.free > 0 || shared.is_some_and(|block| block.left(side) > 0))
    }

    // --- blocks --------------------------------------------------------------

    /// A block that can be lent, by chance.
    pub(crate) fn any_free(&self, rng: &mut Rng) -> Option<u16> {
        let nth = rng.below(u32::from(self.free)) as usize;
        self.order.get(..usize::from(self.free))?.get(nth).copied()
    }

    /// Lends this very block; false if it is not free.
    pub(crate) fn lend(&mut self, block: u16, owner: u32, now: Ticks) -> bool {
        let Some(found) = self
            .blocks
            .get_mut(usize::from(block))
            .filter(|block| block.owner == Owner::Free)
        else {
            return false;
        };
        found.owner = Owner::Subscriber(owner);
        found.next = NO_BLOCK;
        found.since = now;
        found.idle_since = now;
        self.free -= 1;
        let last = self.free;
        self.swap(block, last);
        true
    }

    /// Takes a lent block back.
    pub(crate) fn give_back(&mut self, block: u16) {
        if let Some(found) = self.blocks.get_mut(usize::from(block)) {
            found.owner = Owner::Free;
            found.next = NO_BLOCK;
            self.put_in_front(block);
        }
    }

    fn put_in_front(&mut self, block: u16) {
        let first_taken = self.free;
        self.swap(block, first_taken);
        self.free += 1;
    }

    /// Moves a block to a place of the list, and what was there to where it was.
    fn swap(&mut self, block: u16, to: u16) {
        let Some(from) = self.places.get(usize::from(block)).copied() else {
            return;
        };
        let Some(other) = self.order.get(usize::from(to)).copied() else {
            return;
        };
        self.order.swap(usize::from(from), usize::from(to));
        if let Some(place) = self.places.get_mut(usize::from(block)) {
            *place = to;
        }
        if let Some(place) = self.places.get_mut(usize::from(other)) {
            *place = from;
        }
    }

    // --- ports, by their place in a block ------------------------------------

    /// Loads a block and the words of a protocol.
    pub(crate) fn look_ahead(&self, block: u16, side: PortProtocol) {
        if let Some(found) = self.blocks.get(usize::from(block)) {
            base::prefetch(found);
        }
        let first = self.first_word(block, side);
        for at in [first, (first + self.words).saturating_sub(1)] {
            if let Some(word) = self.bits.get(at) {
                base::prefetch(word);
            }
        }
    }

    /// Loads a block and the word of a port.
    #[inline]
    pub(crate) fn look_ahead_at(&self, block: u16, side: PortProtocol, offset: u16) {
        if let Some(found) = self.blocks.get(usize::from(block)) {
            base::prefetch(found);
        }
        let at = self.first_word(block, side) + usize::from(offset) / 64;
        if let Some(word) = self.bits.get(at) {
            base::prefetch(word);
        }
    }

    /// Takes a port of a block.
    #[inline]
    pub(crate) fn take(
        &mut self,
        block: u16,
        side: PortProtocol,
        wish: Wish,
        rng: &mut Rng,
    ) -> Option<u16> {
        let foreseen = wish
            .foreseen
            .filter(|offset| !self.bit(block, side, *offset));
        let offset = if let Some(offset) = foreseen {
            offset
        } else {
            let chance = wish.chance.unwrap_or_else(|| rng.half());
            self.choose(block, side, wish, chance)?
        };
        let at = self.first_word(block, side) + usize::from(offset) / 64;
        *self.bits.get_mut(at)? |= 1 << (offset % 64);
        let found = self.blocks.get_mut(usize::from(block))?;
        *found.used.get_mut(side as usize)? += 1;
        found.count_left(side, offset, -1);
        Some(offset)
    }

    /// A port of a block: the one wished for, or the first free one from a place by chance
    /// on.
    pub(crate) fn choose(
        &self,
        block: u16,
        side: PortProtocol,
        wish: Wish,
        chance: u32,
    ) -> Option<u16> {
        let first = self.first_word(block, side);
        let found = self.blocks.get(usize::from(block))?;
        let len = found.len;
        let bits = self
            .bits
            .get(first..first + usize::from(len).div_ceil(64))?;
        let is_free = |offset: u16| {
            let word = bits.get(usize::from(offset) / 64);
            offset < len && word.is_some_and(|word| word >> (offset % 64) & 1 == 0)
        };
        let exact = wish
            .exact
            .and_then(|port| port.checked_sub(found.first_port))
            .filter(|offset| is_free(*offset));
        if exact.is_some() {
            return exact;
        }
        let odd = wish.odd.map(|odd| u16::from(odd) ^ found.first_port & 1);
        let wanted = match (odd, *found.left.get(side as usize)?) {
            (_, [0, 0]) => return None,
            (Some(0), [even, _]) if even > 0 => EVEN,
            (Some(1), [_, odd]) if odd > 0 => !EVEN,
            _ => u64::MAX,
        };
        first_free(bits, len, wanted, scaled(chance, u32::from(len)))
    }

    /// Marks a port as never to be given out; false if it was taken already.
    pub(crate) fn reserve(&mut self, block: u16, side: PortProtocol, offset: u16) -> bool {
        let within = self
            .blocks
            .get(usize::from(block))
            .is_some_and(|block| offset < block.len);
        if !within || self.bit(block, side, offset) {
            return false;
        }
        self.set(block, side, offset);
        true
    }

    /// Makes a reserved port one like the others again.
    pub(crate) fn unreserve(&mut self, block: u16, side: PortProtocol, offset: u16) {
        self.clear(block, side, offset);
    }

    /// Counts a used port as held down; false if that would hold more than
    /// `percent` of the block.
    pub(crate) fn hold(&mut self, block: u16, side: PortProtocol, percent: u8) -> bool {
        let Some(block) = self.blocks.get_mut(usize::from(block)) else {
            return false;
        };
        let most = u32::from(block.len) * u32::from(percent) / 100;
        match block.held.get_mut(side as usize) {
            Some(held) if u32::from(*held) < most => {
                *held += 1;
                true
            }
            _ => false,
        }
    }

    /// Frees a port; `was_held` if it had been held down. True if the block is now unused.
    pub(crate) fn free(
        &mut self,
        block: u16,
        side: PortProtocol,
        offset: u16,
        was_held: bool,
    ) -> bool {
        self.clear(block, side, offset);
        let Some(block) = self.blocks.get_mut(usize::from(block)) else {
            return false;
        };
        if let Some(used) = block.used.get_mut(side as usize) {
            *used = used.saturating_sub(1);
        }
        if was_held && let Some(held) = block.held.get_mut(side as usize) {
            *held = held.saturating_sub(1);
        }
        block.is_unused()
    }

    // --- ports that several mappings use -------------------------------------

    /// Counts one more mapping that uses a taken port together with others.
    pub(crate) fn share(&mut self, block: u16, side: PortProtocol, offset: u16) {
        let at = self.share_place(block, side, offset);
        if let Some(shares) = self.shares.get_mut(at) {
            *shares = shares.saturating_add(1);
        }
    }

    /// One mapping less; true if others still use the port.
    pub(crate) fn unshare(&mut self, block: u16, side: PortProtocol, offset: u16) -> bool {
        let at = self.share_place(block, side, offset);
        match self.shares.get_mut(at) {
            Some(shares) => {
                *shares = shares.saturating_sub(1);
                *shares > 0
            }
            None => false,
        }
    }

    /// A port that other mappings use and that `suits`, after a bounded search.
    pub(crate) fn shared(
        &self,
        block: u16,
        side: PortProtocol,
        chance: u64,
        suits: impl Fn(u16) -> bool,
    ) -> Option<u16> {
        let len = self.blocks.get(usize::from(block))?.len;
        let all = u64::from(len.max(1));
        let start = chance % all;
        (0..len.min(SHARED_PROBES))
            .filter_map(|step| u16::try_from((start + u64::from(step)) % all).ok())
            .find(|offset| {
                let uses = self.shares.get(self.share_place(block, side, *offset));
                uses.is_some_and(|uses| (1..u16::MAX).contains(uses)) && suits(*offset)
            })
    }

    fn share_place(&self, block: u16, side: PortProtocol, offset: u16) -> usize {
        (usize::from(block) * SIDES + side as usize) * self.words * 64 + usize::from(offset)
    }

    /// Whether a port is one that could be given out; `None` where one look cannot tell.
    pub(crate) fn is_free(&self, port: u16, side: PortProtocol) -> Option<bool> {
        // Of an address that shards have together, the port may be another's.
        if self.geometry.divided {
            return None;
        }
        let (block, offset) = self.place_of(port)?;
        Some(!self.bit(block, side, offset))
    }

    /// The block of a port, and its place there; `None` if that is computed.
    pub(crate) fn place_of(&self, port: u16) -> Option<(u16, u16)> {
        let block = self.geometry.block_at(port)?;
        let offset = port.checked_sub(self.geometry.ports_of(block).0)?;
        Some((low16(block), offset))
    }

    // --- bits ----------------------------------------------------------------

    #[inline]
    fn first_word(&self, block: u16, side: PortProtocol) -> usize {
        (usize::from(block) * SIDES + side as usize) * self.words
    }

    #[inline]
    fn bit(&self, block: u16, side: PortProtocol, offset: u16) -> bool {
        self.bits
            .get(self.first_word(block, side) + usize::from(offset) / 64)
            .is_none_or(|word| word >> (offset % 64) & 1 == 1)
    }

    fn set(&mut self, block: u16, side: PortProtocol, offset: u16) {
        let at = self.first_word(block, side) + usize::from(offset) / 64;
        if let Some(word) = self.bits.get_mut(at) {
            *word |= 1 << (offset % 64);
        }
        if let Some(block) = self.blocks.get_mut(usize::from(block)) {
            block.count_left(side, offset, -1);
        }
    }

    fn clear(&mut self, block: u16, side: PortProtocol, offset: u16) {
        let at = self.first_word(block, side) + usize::from(offset) / 64;
        if let Some(word) = self.bits.get_mut(at) {
            *word &= !(1 << (offset % 64));
        }
        if let Some(block) = self.blocks.get_mut(usize::from(block)) {
            block.count_left(side, offset, 1);
        }
    }
}

/// The places in a word that are even.
const EVEN: u64 = 0x5555_5555_5555_5555;

/// The first place from `start` on, around `len` bits, that is free and wanted.
#[inline]
fn first_free(bits: &[u64], len: u16, wanted: u64, start: u32) -> Option<u16> {
    let (len, start) = (usize::from(len), start as usize);
    // The word of the start comes last once more, for what is before it.
    let mut from = wanted & u64::MAX << (start % 64);
    let mut at = start / 64;
    for _ in 0..=bits.len() {
        let in_block = match len - at * 64 {
            left @ 1..64 => u64::MAX >> (64 - left),
            _ => u64::MAX,
        };
        let free = !*bits.get(at)? & in_block & from;
        if free != 0 {
            return u16::try_from(at * 64 + free.trailing_zeros() as usize).ok();
        }
        from = wanted;
        at = if at + 1 == bits.len() { 0 } else { at + 1 };
    }
    None
}
