//! Ports for subscribers, and the blocks they come from (RFC 6888 REQ-2, REQ-8).

use base::{Counter, Ticks};

use super::{Refusal, Shard};
use crate::key::Realm;
use crate::layout::{Lender, Plan};
use crate::notice::{BlockNotice, Notice};
use crate::pool::{Crossed, NO_BLOCK, Owner, Wish, block_id, count, low16, slot_of};
use crate::record::Life;
use crate::settings::{Division, Pairing, PortProtocol, Translate};
use crate::subscriber::{Subscriber, SubscriberId};

/// Outside addresses looked at for one that is free towards a remote.
pub(super) const ADDRESS_PROBES: u32 = 8;

/// A port that is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) side: PortProtocol,
    /// The inside one is a system port (RFC 4787 REQ-3a).
    pub(super) low: bool,
    pub(super) wish: Wish,
}

/// A port that was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) pool: usize,
    pub(super) block: u32,
    /// Place in the block.
    pub(super) offset: u16,
    pub(super) outside: u32,
    pub(super) port: u16,
    /// Others use it too.
    pub(super) shared: bool,
    /// Of a computed range.
    pub(super) computed: bool,
}

impl Shard {
    /// A port for a subscriber out of a rule's pools: where it is paired first,
    /// then as they are written (RFC 7857 section 4).
    pub(super) fn take_port(
        &mut self,
        id: SubscriberId,
        plan: &Plan,
        wanted: Wanted,
        now: Ticks,
    ) -> Result<Taken, Refusal> {
        let translate = &plan.translate;
        if let Some(lender) = plan.lender
            && let Some(taken) = self.take_from_active(id, lender, translate.pairing, wanted, now)
        {
            return Ok(taken);
        }
        let mut refusal = Counter::DropNoPort;
        let paired = match translate.pairing {
            Pairing::Off => None,
            _ => translate
                .pools
                .iter()
                .find(|pool| self.paired_slot(id, *pool).is_some()),
        };
        if let Some(pool) = paired {
            match self.take_in_pool(id, pool, translate, wanted, now) {
                Err(reason) if translate.pairing == Pairing::Soft => refusal = reason,
                other => return other,
            }
        }
        for pool in translate.pools.iter().filter(|pool| Some(*pool) != paired) {
            match self.take_in_pool(id, pool, translate, wanted, now) {
                Err(reason) => refusal = reason,
                taken => return taken,
            }
        }
        Err(refusal)
    }

    /// From the subscriber's active block, where nothing else comes into question.
    fn take_from_active(
        &mut self,
        id: SubscriberId,
        lender: Lender,
        pairing: Pairing,
        wanted: Wanted,
        now: Ticks,
    ) -> Option<Taken> {
        let subscriber = self.subscribers.get(id)?;
        let block = subscriber.block;
        if pairing == Pairing::Soft && subscriber.slots().next() != Some(slot_of(block)) {
            return None;
        }
        let pool = usize::from(lender.pool);
        let (offset, outside, port) = self.pools.take_lent_port(
            block,
            pool,
            |since| lender.lends_from(since, now),
            (wanted.side, wanted.wish),
            &mut self.rng,
        )?;
        self.watch_pool(pool);
        Some(Taken {
            pool,
            block,
            offset,
            outside: outside.to_bits(),
            port,
            shared: false,
            computed: false,
        })
    }

    fn take_in_pool(
        &mut self,
        id: SubscriberId,
        pool: usize,
        translate: &Translate,
        wanted: Wanted,
        now: Ticks,
    ) -> Result<Taken, Refusal> {
        let taken = match self.pools.division(pool).ok_or(Counter::DropNoPort)? {
            Division::Shared => self.take_shared_port(id, pool, translate.pairing, wanted),
            Division::Deterministic { overflow, .. } => {
                let computed = self.take_computed_port(id, pool, wanted, now);
                match (computed, overflow) {
                    (Err(_), Some(overflow)) => {
                        return self.take_in_pool(id, overflow, translate, wanted, now);
                    }
                    (computed, _) => computed,
                }
            }
            Division::Blocks {
                max_per_subscriber,
                active,
                ..
            } => {
                let limits = (max_per_subscriber, active.map(Ticks::in_duration));
                self.take_from_blocks(id, pool, translate.pairing, wanted, limits, now)
            }
            Division::Whole => Err(Counter::DropNoPort),
        };
        if matches!(taken, Err(Counter::DropNoPort)) {
            self.exhausted(pool, Some((id, translate.pairing, wanted.side)), now);
        }
        let (block, offset) = taken?;
        self.watch_pool(pool);
        let (outside, port) = self
            .layout
            .endpoint_of(block, offset)
            .ok_or(Counter::DropNoPort)?;
        Ok(Taken {
            pool,
            block,
            offset,
            outside,
            port,
            shared: false,
            computed: self.pools.is_computed(pool),
        })
    }

    fn take_shared_port(
        &mut self,
        id: SubscriberId,
        pool: usize,
        pairing: Pairing,
        wanted: Wanted,
    ) -> Result<(u32, u16), Refusal> {
        let paired = self
            .paired_slot(id, pool)
            .filter(|_| pairing != Pairing::Off);
        if let Some(slot) = paired {
            let taken = self.take_shared_at(slot, wanted);
            if taken.is_some() || pairing == Pairing::Strict {
                return taken.ok_or(Counter::DropNoPort);
            }
        }
        let slot = self
            .pools
            .pick(pool, wanted.side, &mut self.rng)
            .ok_or(Counter::DropNoPort)?;
        self.take_shared_at(slot, wanted).ok_or(Counter::DropNoPort)
    }

    /// From the range of an address, system ports for system ports if it has them.
    fn take_shared_at(&mut self, slot: u32, wanted: Wanted) -> Option<(u32, u16)> {
        let pool = self.pools.pool_of(slot)?;
        let main = self.pools.shared_block(slot)?;
        let low = self
            .layout
            .geometry(pool)
            .low_block()
            .filter(|_| wanted.low)
            .map(|nth| block_id(slot, low16(nth)));
        [low, Some(main)].into_iter().flatten().find_map(|block| {
            let offset = self
                .pools
                .take_port(block, wanted.side, wanted.wish, &mut self.rng)?;
            Some((block, offset))
        })
    }

    fn take_from_blocks(
        &mut self,
        id: SubscriberId,
        pool: usize,
        pairing: Pairing,
        wanted: Wanted,
        (most, active): (u16, Option<u32>),
        now: Ticks,
    ) -> Result<(u32, u16), Refusal> {
        let (mut newest, mut blocks) = (None, 0);
        for block in self.blocks_in(id, pool) {
            newest = newest.or(Some(block));
            blocks += 1;
        }
        let worn_out = newest
            .and_then(|block| self.pools.block(block))
            .zip(active)
            .is_some_and(|(block, active)| now.since(block.since) >= active);
        if worn_out && blocks < most && self.lend_block(id, pool, pairing, now).is_ok() {
            // Best effort: without a fresh one the old ones go on.
            blocks += 1;
        }
        if let Some(taken) = self.take_from_chain(id, pool, pairing, wanted) {
            return Ok(taken);
        }
        if blocks >= most {
            return Err(self.pools.refusal(pool));
        }
        self.lend_block(id, pool, pairing, now)?;
        self.take_from_chain(id, pool, pairing, wanted)
            .ok_or(Counter::DropNoPort)
    }

    /// A subscriber's blocks of a pool from which ports may be taken, the active
    /// one first.
    pub(super) fn blocks_in(&self, id: SubscriberId, pool: usize) -> impl Iterator<Item = u32> {
        let subscriber = self.subscribers.get(id);
        let first = subscriber.map_or(NO_BLOCK, |subscriber| subscriber.block);
        let most = subscriber.map_or(0, |subscriber| subscriber.blocks);
        let next = |block: &u32| self.pools.block(*block).map(|block| block.next);
        core::iter::successors(Some(first), next)
            .take(usize::from(most))
            .take_while(|block| *block != NO_BLOCK)
            .filter(move |block| {
                let slot = slot_of(*block);
                self.pools.pool_of(slot) == Some(pool) && !self.pools.is_draining(slot)
            })
    }

    /// Blocks whose ports a subscriber may use together with other mappings: its own,
    /// and ranges that are everybody's, from a chosen address on if it is not bound to one.
    pub(super) fn blocks_to_share(
        &self,
        id: SubscriberId,
        pool: usize,
        pairing: Pairing,
        chance: u64,
    ) -> impl Iterator<Item = u32> {
        let paired = self.paired_slot(id, pool);
        let slots = self.layout.slots_of(pool);
        let most = if paired.is_some() && pairing == Pairing::Strict {
            0
        } else {
            slots.len().min(ADDRESS_PROBES as usize)
        };
        let start = usize::try_from(chance % slots.len().max(1) as u64).unwrap_or(0);
        let others = slots.iter().cycle().skip(start).take(most).copied();
        let ranges = paired
            .into_iter()
            .chain(others.filter(|slot| !self.pools.is_draining(*slot)))
            .filter_map(|slot| self.pools.shared_block(slot));
        self.blocks_in(id, pool).chain(ranges)
    }

    /// From the active block, then the older ones; of a softly paired subscriber
    /// those of its first address before the others.
    fn take_from_chain(
        &mut self,
        id: SubscriberId,
        pool: usize,
        pairing: Pairing,
        wanted: Wanted,
    ) -> Option<(u32, u16)> {
        let has_room = |block: &u32| {
            self.pools
                .block(*block)
                .is_some_and(|block| block.left(wanted.side) > 0)
        };
        let first = self.paired_slot(id, pool);
        let at_first = match pairing {
            Pairing::Soft => self
                .blocks_in(id, pool)
                .filter(|block| Some(slot_of(*block)) == first)
                .find(has_room),
            Pairing::Off | Pairing::Strict => None,
        };
        let block = at_first.or_else(|| self.blocks_in(id, pool).find(has_room))?;
        let offset = self
            .pools
            .take_port(block, wanted.side, wanted.wish, &mut self.rng)?;
        Some((block, offset))
    }

    /// One more block for a subscriber, from its own address if it is paired
    /// and has one (RFC 7857 section 4: no other address when that is full).
    fn lend_block(
        &mut self,
        id: SubscriberId,
        pool: usize,
        pairing: Pairing,
        now: Ticks,
    ) -> Result<u32, Refusal> {
        let known = self
            .paired_slot(id, pool)
            .filter(|_| pairing != Pairing::Off);
        let mut lent = known.and_then(|slot| self.pools.lend(slot, id.0, now, &mut self.rng));
        if lent.is_none() && (known.is_none() || pairing == Pairing::Soft) {
            lent = self
                .pools
                .pick(pool, PortProtocol::Tcp, &mut self.rng)
                .and_then(|slot| self.pools.lend(slot, id.0, now, &mut self.rng));
        }
        let block = lent.ok_or(Counter::DropNoPort)?;
        self.chain(id, block);
        Ok(block)
    }

    /// Lends a subscriber that has no outside address yet its first block at one that it is
    /// known by already, that of a port forward: what is announced there may name a port alone.
    pub(super) fn lend_beside(
        &mut self,
        id: SubscriberId,
        translate: &Translate,
        (realm, outside): (Realm, u32),
        now: Ticks,
    ) {
        let mut pools = translate.pools.iter();
        if translate.pairing == Pairing::Off
            || pools.any(|pool| self.paired_slot(id, pool).is_some())
        {
            return;
        }
        let Some(address) = self.layout.outside_address(realm, outside) else {
            return;
        };
        for slot in address.slots() {
            let lends = self.pools.pool_of(slot).is_some_and(|pool| {
                translate.pools.iter().any(|own| own == pool)
                    && matches!(self.pools.division(pool), Some(Division::Blocks { .. }))
            });
            if lends && let Some(block) = self.pools.lend(slot, id.0, now, &mut self.rng) {
                return self.chain(id, block);
            }
        }
    }

    fn take_computed_port(
        &mut self,
        id: SubscriberId,
        pool: usize,
        wanted: Wanted,
        now: Ticks,
    ) -> Result<(u32, u16), Refusal> {
        if self.blocks_in(id, pool).next().is_none() {
            self.lend_computed_block(id, pool, now)?;
        }
        self.take_from_chain(id, pool, Pairing::Strict, wanted)
            .ok_or(Counter::DropNoPort)
    }

    fn lend_computed_block(
        &mut self,
        id: SubscriberId,
        pool: usize,
        now: Ticks,
    ) -> Result<(), Refusal> {
        let inside = self
            .subscribers
            .get(id)
            .map(|subscriber| subscriber.inside.to_bits())
            .ok_or(Counter::DropNoPort)?;
        let Some(Division::Deterministic {
            first, computed, ..
        }) = self.pools.division(pool)
        else {
            return Err(Counter::DropNoPort);
        };
        let host = inside
            .checked_sub(first.to_bits())
            .filter(|host| *host < computed.hosts())
            .ok_or(Counter::DropNoPort)?;
        let per_address = computed.hosts_per_address();
        let block = self
            .layout
            .slot_at(pool, host / per_address)
            .map(|slot| block_id(slot, low16(host % per_address)))
            .filter(|block| self.pools.lend_block(*block, id.0, now))
            .ok_or(Counter::DropNoPort)?;
        self.chain(id, block);
        Ok(())
    }

    /// A whole address for a subscriber, as a block of which there is one.
    pub(super) fn whole_address(
        &mut self,
        id: SubscriberId,
        translate: &Translate,
        now: Ticks,
    ) -> Result<(usize, u32), Refusal> {
        for pool in translate.pools.iter() {
            if let Some(block) = self.blocks_in(id, pool).next() {
                return Ok((pool, block));
            }
        }
        for pool in translate.pools.iter() {
            if let Ok(block) = self.lend_block(id, pool, Pairing::Soft, now) {
                self.watch_pool(pool);
                return Ok((pool, block));
            }
            self.exhausted(pool, None, now);
        }
        Err(Counter::DropNoPort)
    }

    // --- pairing -------------------------------------------------------------

    /// The address of a pool that a subscriber is paired with and may have more of.
    pub(super) fn paired_slot(&self, id: SubscriberId, pool: usize) -> Option<u32> {
        self.subscribers
            .get(id)?
            .slots()
            .find(|slot| self.pools.pool_of(*slot) == Some(pool) && !self.pools.is_draining(*slot))
    }

    pub(super) fn pair(&mut self, id: SubscriberId, slot: u32) {
        let Some(outside) = self.pools.ip(slot) else {
            return;
        };
        if let Some(subscriber) = self.subscribers.get_mut(id)
            && subscriber.pair(slot, outside)
        {
            if self.logs() {
                self.note_address(Life::Begun, id, slot);
            }
            let first = !self.is_paired_besides(id, slot);
            self.pools.count_subscriber(slot, true, first);
        }
    }

    pub(super) fn unpair(&mut self, id: SubscriberId, slot: u32) {
        if let Some(subscriber) = self.subscribers.get_mut(id)
            && subscriber.unpair(slot)
        {
            if self.logs() {
                self.note_address(Life::Ended, id, slot);
            }
            let last = !self.is_paired_besides(id, slot);
            self.pools.count_subscriber(slot, false, last);
        }
    }

    /// Whether a subscriber has another address of the same pool.
    fn is_paired_besides(&self, id: SubscriberId, slot: u32) -> bool {
        let pool = self.pools.pool_of(slot);
        self.subscribers.get(id).is_some_and(|subscriber| {
            let mut slots = subscriber.slots();
            slots.any(|other| other != slot && self.pools.pool_of(other) == pool)
        })
    }

    /// Counts a port of a block that nobody owns.
    pub(super) fn pair_by_port(&mut self, id: SubscriberId, block: u32) {
        if self.pools.is_shared(block) {
            self.pair(id, slot_of(block));
        }
    }

    /// The same when the port's mapping ends.
    pub(super) fn unpair_by_port(&mut self, id: SubscriberId, block: u32) {
        if self.pools.is_shared(block) {
            self.unpair(id, slot_of(block));
        }
    }

    // --- the chain of a subscriber's blocks ----------------------------------

    /// Puts a lent block in front of a subscriber's others.
    fn chain(&mut self, id: SubscriberId, block: u32) {
        self.pair(id, slot_of(block));
        if let Some(subscriber) = self.subscribers.get_mut(id) {
            let next = core::mem::replace(&mut subscriber.block, block);
            subscriber.blocks += 1;
            if let Some(block) = self.pools.block_mut(block) {
                block.next = next;
            }
        }
        self.counters.bump(Counter::NatBlocksAllocated);
        if self.journal.log.blocks {
            self.note_block(Life::Begun, id, block);
        }
        if let Some(notice) = self.block_notice(id, block) {
            self.notices.push(Notice::BlockLent(notice));
        }
    }

    pub(super) fn unchain(&mut self, id: SubscriberId, gone: u32) {
        if self.journal.log.blocks {
            self.note_block(Life::Ended, id, gone);
        }
        if let Some(notice) = self.block_notice(id, gone) {
            self.notices.push(Notice::BlockReturned(notice));
        }
        let next = self.pools.block(gone).map_or(NO_BLOCK, |block| block.next);
        let Some(subscriber) = self.subscribers.get_mut(id) else {
            return;
        };
        subscriber.blocks = subscriber.blocks.saturating_sub(1);
        if subscriber.block == gone {
            subscriber.block = next;
        } else {
            let mut at = subscriber.block;
            while let Some(block) = self.pools.block_mut(at) {
                if block.next == gone {
                    block.next = next;
                    break;
                }
                at = block.next;
            }
        }
        self.unpair(id, slot_of(gone));
    }

    /// What is to be said of a block; nothing of computed ones (RFC 7422 section 2).
    pub(super) fn block_notice(&self, id: SubscriberId, block: u32) -> Option<BlockNotice> {
        let pool = self.pools.pool_of(slot_of(block))?;
        let ports = match self.pools.division(pool)? {
            Division::Blocks { .. } => {
                let block = self.pools.block(block)?;
                (block.first_port, block.first_port + (block.len - 1))
            }
            Division::Whole => (0, u16::MAX),
            Division::Shared | Division::Deterministic { .. } => return None,
        };
        let subscriber = self.subscribers.get(id)?;
        Some(BlockNotice {
            inside: subscriber.inside,
            realm: subscriber.realm,
            outside: self.pools.ip(slot_of(block))?,
            ports,
        })
    }

    pub(super) fn release_port(
        &mut self,
        block: u32,
        offset: u16,
        side: PortProtocol,
        was_held: bool,
        now: Ticks,
    ) {
        let unused = self.pools.free_port(block, offset, side, was_held);
        if self.layout.has_forwards()
            && let Some((outside, port)) = self.layout.endpoint_of(block, offset)
            && self
                .layout
                .is_forwarded(slot_of(block), outside, side, port)
        {
            // A static mapping has come to have it.
            self.pools.reserve(block, offset, side);
        }
        if let Some(pool) = self.pools.pool_of(slot_of(block)) {
            self.watch_pool(pool);
        }
        if unused {
            self.rest_block(block, now);
        }
    }

    /// An unused block goes back after a while.
    pub(super) fn rest_block(&mut self, block: u32, now: Ticks) {
        let pool = self.pools.pool_of(slot_of(block));
        let draining = self.pools.is_draining(slot_of(block));
        let Some(unused) = self.pools.block_mut(block) else {
            return;
        };
        unused.idle_since = now;
        if !matches!(unused.owner, Owner::Subscriber(_)) {
            return;
        }
        // Nobody will use it again if its address is on the way out.
        let rests = !draining
            && pool
                .and_then(|pool| self.idle_blocks.get_mut(pool))
                .is_some_and(|resting| resting.push(block, now).is_ok());
        if !rests {
            self.return_block(block);
        }
    }

    pub(super) fn return_block(&mut self, number: u32) {
        let Some(block) = self.pools.block(number) else {
            return;
        };
        if let Owner::Subscriber(owner) = block.owner
            && block.is_unused()
        {
            self.unchain(SubscriberId(owner), number);
            self.pools.give_back(number);
            self.counters.bump(Counter::NatBlocksReleased);
            if let Some(pool) = self.pools.pool_of(slot_of(number)) {
                self.watch_pool(pool);
            }
            self.forget_if_idle(SubscriberId(owner));
        }
    }

    #[inline]
    pub(super) fn forget_if_idle(&mut self, id: SubscriberId) {
        let quiet = self.subscribers.get(id).is_some_and(Subscriber::is_quiet);
        if quiet {
            self.forget_quiet(id);
        }
    }

    /// The same for one that uses nothing.
    #[inline(never)]
    fn forget_quiet(&mut self, id: SubscriberId) {
        let computed = self.subscribers.get(id).and_then(|subscriber| {
            let block = subscriber.block;
            let pool = self.pools.pool_of(slot_of(block))?;
            let computed = matches!(
                self.pools.division(pool),
                Some(Division::Deterministic { .. })
            );
            let unused = self.pools.block(block)?.is_unused();
            (computed && unused && subscriber.blocks == 1).then_some(block)
        });
        if let Some(block) = computed {
            // A computed block costs nothing to give back: it is nobody else's.
            self.unchain(id, block);
            self.pools.give_back(block);
            self.counters.bump(Counter::NatBlocksReleased);
        }
        if self.subscribers.remove_idle(id) {
            self.counters.bump(Counter::NatSubscribersEnded);
        }
    }

    // --- what is to be told --------------------------------------------------

    #[inline]
    pub(super) fn watch_pool(&mut self, pool: usize) {
        let number = low16(count(pool));
        let Some(crossed) = self.pools.crossed(pool) else {
            return;
        };
        if self.logs() {
            self.note_pool(pool, matches!(crossed, Crossed::High));
        }
        match crossed {
            Crossed::High => {
                self.counters.bump(Counter::EventPoolHigh);
                self.notices.push(Notice::PoolHigh { pool: number });
            }
            Crossed::Low => {
                self.counters.bump(Counter::EventPoolLow);
                self.notices.push(Notice::PoolLow { pool: number });
            }
        }
    }

    fn exhausted(
        &mut self,
        pool: usize,
        of: Option<(SubscriberId, Pairing, PortProtocol)>,
        now: Ticks,
    ) {
        if self.logs() {
            self.note_exhausted(pool, of, now);
        }
        if self.pools.says_exhausted(pool, now) {
            self.counters.bump(Counter::EventPoolExhausted);
            let pool = low16(count(pool));
            self.notices.push(Notice::PoolExhausted { pool });
        }
    }
}
