//! Ports for subscribers, and the blocks they come from (RFC 6888 REQ-2, REQ-8).

use base::{Counter, Ticks};

use super::{Refusal, Shard};
use crate::pool::{NO_BLOCK, Owner, low16};
use crate::settings::{Division, PortProtocol};
use crate::subscriber::{Subscriber, SubscriberId};

impl Shard {
    /// A port for a subscriber: from the active block, then its others, then a
    /// block more.
    pub(super) fn take_port(
        &mut self,
        id: SubscriberId,
        pool: usize,
        paired: bool,
        ports: PortProtocol,
        odd: Option<bool>,
        now: Ticks,
    ) -> Result<(u32, u16), Refusal> {
        let subscriber = *self
            .subscribers
            .get(id)
            .ok_or(Counter::DropSubscriberTable)?;
        let division = self
            .pools
            .settings(pool)
            .map(|settings| settings.division)
            .ok_or(Counter::DropNoPort)?;
        match division {
            Division::Shared => self.take_shared_port(&subscriber, id, pool, paired, ports, odd),
            Division::Deterministic { source, .. } => {
                if subscriber.block == NO_BLOCK {
                    self.lend_computed_block(id, pool, source.network().to_bits(), now)?;
                }
                self.take_from_chain(id, ports, odd)
                    .ok_or(Counter::DropNoPort)
            }
            Division::Blocks {
                max_per_subscriber,
                active,
                ..
            } => {
                let worn_out = active.is_some_and(|active| {
                    self.pools
                        .block(subscriber.block)
                        .is_some_and(|block| now.since(block.since) >= Ticks::in_duration(active))
                });
                if worn_out && subscriber.blocks < max_per_subscriber {
                    // Best effort: without a fresh one the old ones go on.
                    let _ = self.lend_block(id, pool, paired, now);
                }
                if let Some(taken) = self.take_from_chain(id, ports, odd) {
                    return Ok(taken);
                }
                let blocks = self
                    .subscribers
                    .get(id)
                    .map_or(0, |subscriber| subscriber.blocks);
                if blocks >= max_per_subscriber {
                    return Err(self.pools.refusal(pool));
                }
                self.lend_block(id, pool, paired, now)?;
                self.take_from_chain(id, ports, odd)
                    .ok_or(Counter::DropNoPort)
            }
        }
    }

    pub(super) fn take_shared_port(
        &mut self,
        subscriber: &Subscriber,
        id: SubscriberId,
        pool: usize,
        paired: bool,
        ports: PortProtocol,
        odd: Option<bool>,
    ) -> Result<(u32, u16), Refusal> {
        let address = match subscriber.address {
            Some(address) if paired => address,
            _ => self
                .pools
                .pick_address(pool, &mut self.rng)
                .ok_or(Counter::DropNoPort)?,
        };
        let block = self
            .pools
            .shared_block(pool, address)
            .ok_or(Counter::DropNoPort)?;
        let port = self
            .pools
            .take_port(block, ports, odd, &mut self.rng)
            .ok_or(Counter::DropNoPort)?;
        self.pair(id, address, block);
        Ok((block, port))
    }

    pub(super) fn pair(&mut self, id: SubscriberId, address: u32, block: u32) {
        let outside = self.pools.address(block);
        if let Some(subscriber) = self.subscribers.get_mut(id)
            && subscriber.address.is_none()
        {
            subscriber.address = Some(address);
            subscriber.outside = outside;
        }
    }

    pub(super) fn take_from_chain(
        &mut self,
        id: SubscriberId,
        ports: PortProtocol,
        odd: Option<bool>,
    ) -> Option<(u32, u16)> {
        let subscriber = self.subscribers.get(id)?;
        let (mut block, blocks) = (subscriber.block, subscriber.blocks);
        for _ in 0..blocks {
            if let Some(port) = self.pools.take_port(block, ports, odd, &mut self.rng) {
                return Some((block, port));
            }
            block = self.pools.block(block)?.next;
        }
        None
    }

    /// One more block for a subscriber, from its own address if it is paired
    /// and has one (RFC 7857 section 4: no other address when that is full).
    pub(super) fn lend_block(
        &mut self,
        id: SubscriberId,
        pool: usize,
        paired: bool,
        now: Ticks,
    ) -> Result<(), Refusal> {
        let known = self
            .subscribers
            .get(id)
            .and_then(|subscriber| subscriber.address)
            .filter(|_| paired);
        let address = known
            .or_else(|| self.pools.pick_address(pool, &mut self.rng))
            .ok_or(Counter::DropNoPort)?;
        let block = self
            .pools
            .lend(pool, address, id.0, now, &mut self.rng)
            .ok_or(Counter::DropNoPort)?;
        self.chain(id, address, block);
        Ok(())
    }

    pub(super) fn lend_computed_block(
        &mut self,
        id: SubscriberId,
        pool: usize,
        first: u32,
        now: Ticks,
    ) -> Result<(), Refusal> {
        let inside = self
            .subscribers
            .get(id)
            .map_or(first, |subscriber| subscriber.inside.to_bits());
        let nth = inside.wrapping_sub(first);
        let settings = self.pools.settings(pool).ok_or(Counter::DropNoPort)?;
        let (_, per_address) = crate::pool::division(settings, 1);
        let address = nth / per_address.max(1);
        let first_port = settings.first_port;
        let Division::Deterministic {
            ports_per_host: size,
            ..
        } = settings.division
        else {
            return Err(Counter::DropNoPort);
        };
        let port = first_port.saturating_add(size.saturating_mul(low16(nth % per_address.max(1))));
        let block = self
            .pools
            .block_of(pool, address, port)
            .filter(|block| self.pools.lend_block(*block, id.0, now))
            .ok_or(Counter::DropNoPort)?;
        self.chain(id, address, block);
        Ok(())
    }

    /// Puts a lent block in front of a subscriber's others.
    pub(super) fn chain(&mut self, id: SubscriberId, address: u32, block: u32) {
        self.pair(id, address, block);
        if let Some(subscriber) = self.subscribers.get_mut(id) {
            let next = core::mem::replace(&mut subscriber.block, block);
            subscriber.blocks += 1;
            if let Some(block) = self.pools.block_mut(block) {
                block.next = next;
            }
        }
        self.counters.bump(Counter::NatBlocksAllocated);
    }

    pub(super) fn unchain(&mut self, id: SubscriberId, gone: u32) {
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
        if let Some(subscriber) = self.subscribers.get_mut(id)
            && subscriber.blocks == 0
            && subscriber.ports == [0; 3]
        {
            // Nothing left at the address: the next block may come from another.
            subscriber.address = None;
            subscriber.outside = None;
        }
    }

    pub(super) fn release_port(
        &mut self,
        block: u32,
        port: u16,
        ports: PortProtocol,
        was_held: bool,
        now: Ticks,
    ) {
        if !self.pools.free_port(block, port, ports, was_held) {
            return;
        }
        let Some(unused) = self.pools.block_mut(block) else {
            return;
        };
        unused.idle_since = now;
        let pool = usize::from(unused.pool);
        if matches!(unused.owner, Owner::Subscriber(_))
            && let Some(resting) = self.idle_blocks.get_mut(pool)
            && resting.push(block, now).is_err()
        {
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
            self.forget_if_idle(SubscriberId(owner));
        }
    }

    pub(super) fn forget_if_idle(&mut self, id: SubscriberId) {
        let deterministic = self.subscribers.get(id).is_some_and(|subscriber| {
            matches!(
                self.pools
                    .settings(usize::from(subscriber.pool))
                    .map(|pool| pool.division),
                Some(Division::Deterministic { .. })
            ) && subscriber.sessions == 0
                && subscriber.ports == [0; 3]
                && subscriber.blocks > 0
        });
        if deterministic {
            // The computed block costs nothing to give back: it is nobody else's.
            if let Some(block) = self.subscribers.get(id).map(|subscriber| subscriber.block)
                && self
                    .pools
                    .block(block)
                    .is_some_and(crate::pool::Block::is_unused)
            {
                self.unchain(id, block);
                self.pools.give_back(block);
                self.counters.bump(Counter::NatBlocksReleased);
            }
        }
        if self.subscribers.remove_idle(id) {
            self.counters.bump(Counter::NatSubscribersEnded);
        }
    }
}
