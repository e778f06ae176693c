//! The life of a session after its first packet: who keeps the mapping, TCP
//! state, and the end of everything, by timer or command.

use arrayvec::ArrayVec;
use base::{Counter, Direction, Ticks};

use super::{Refusal, Shard};
use crate::holddown::Resting;
use crate::mapping::{MappingId, MappingKind};
use crate::session::{Flags, Hit, Session, SessionId};
use crate::settings::PortProtocol;
use crate::tcp_state::Segment;

impl Shard {
    /// Follows one packet of a session: who keeps the mapping, timer, TCP state.
    ///
    /// # Errors
    ///
    /// [`Counter::DropNoMapping`] if the packet came through a mapping that
    /// nobody inside keeps any more.
    pub fn on_packet(
        &mut self,
        hit: Hit,
        tcp: Option<&Segment>,
        len: u32,
        now: Ticks,
    ) -> Result<(), Refusal> {
        let flags = self
            .sessions
            .get(hit.id)
            .map(Session::flags)
            .unwrap_or_default();
        if flags.has(Flags::WEAK.with(Flags::UNANSWERED)) {
            let reset = tcp.is_some_and(|segment| segment.event() == crate::TcpEvent::Rst);
            match hit.direction {
                Direction::Outbound if !reset && flags.has(Flags::WEAK) => self.strengthen(hit.id),
                Direction::Outbound if !reset => self.admit_remote(hit.id, Flags::UNANSWERED),
                Direction::Outbound => {}
                Direction::Inbound => {
                    let open = self
                        .sessions
                        .mapping(hit.id)
                        .and_then(|id| self.mappings.get(id))
                        .is_some_and(|mapping| mapping.is_open());
                    if !open {
                        return Err(Counter::DropNoMapping);
                    }
                }
            }
        }
        match tcp {
            Some(segment) => {
                if self.sessions.track(hit.id, hit.direction, segment, now) {
                    self.counters.bump(Counter::TcpResetIgnored);
                }
            }
            None => self.sessions.refresh(hit.id, hit.direction, now),
        }
        self.sessions.count(hit.id, hit.direction, len);
        Ok(())
    }

    /// A host has joined the group it sends to by this session: it lasts an hour without
    /// packets (RFC 5135 REQ-14).
    pub fn let_group_session_last(&mut self, id: SessionId) {
        self.sessions.set_udp_member(id);
    }

    /// A session from outside was answered: from now on it keeps its mapping.
    pub(super) fn strengthen(&mut self, id: SessionId) {
        let Some(view) = self.sessions.view(id) else {
            return;
        };
        if let Some(mapping_id) = view.mapping {
            self.unchain_weak(mapping_id, id, self.sessions.next_weak(id));
            // The chain's place is one of acknowledgements from now on.
            self.sessions.set_next_weak(id, None);
            self.mappings.strengthen(mapping_id);
        }
        self.admit_remote(id, Flags::WEAK);
    }

    /// The inside has answered: the remote is one that it has written to.
    fn admit_remote(&mut self, id: SessionId, clear: Flags) {
        let Some(view) = self.sessions.view(id) else {
            return;
        };
        let mut set = Flags::default();
        if let Some(mapping_id) = view.mapping
            && let Some(mapping) = self.mappings.get(mapping_id)
            && self.filters_by_address(&mapping)
            && self.speak(mapping_id, view.out_key.dst()).is_ok()
        {
            set = Flags::FILTER;
        }
        self.sessions.change_flags(id, clear, set);
    }

    /// Ends a session and whatever nobody else needs; false if it was not there.
    pub fn end_session(&mut self, id: SessionId, now: Ticks) -> bool {
        let next = self.sessions.next_weak(id);
        let Some(view) = self.sessions.remove(id) else {
            return false;
        };
        let mapping = view.mapping.and_then(|id| self.mappings.get(id));
        let subscriber = self.charged(
            mapping.as_ref(),
            view.flags,
            view.out_key,
            view.outside_realm,
        );
        self.counters.bump(Counter::NatSessionsEnded);
        self.count_session(view.rule, view.out_key.realm(), -1);
        if let Some(mapping_id) = view.mapping {
            if view.flags.has(Flags::FROM_OUTSIDE) {
                self.mappings.change(mapping_id, |mapping| {
                    mapping.visitors = mapping.visitors.saturating_sub(1);
                });
            }
            if view.flags.has(Flags::FILTER) {
                self.unspeak(mapping_id, view.out_key.dst());
            }
            if view.flags.has(Flags::WEAK) {
                self.unchain_weak(mapping_id, id, next);
            } else {
                self.mappings.change(mapping_id, |mapping| {
                    mapping.strong = mapping.strong.saturating_sub(1);
                });
                self.end_visitors(mapping_id, now);
            }
            self.end_mapping_if_unused(mapping_id, now);
        }
        if let Some(id) = subscriber {
            if let Some(subscriber) = self.subscribers.get_mut(id) {
                subscriber.sessions = subscriber.sessions.saturating_sub(1);
            }
            self.forget_if_idle(id);
        }
        true
    }

    /// Takes a session that was never answered out of its mapping's chain of at
    /// most [`MAX_WEAK`](super::MAX_WEAK); `next` is what was behind it.
    fn unchain_weak(&mut self, mapping: MappingId, id: SessionId, next: Option<SessionId>) {
        let first = self.mappings.change(mapping, |mapping| {
            mapping.weak = mapping.weak.saturating_sub(1);
            let first = mapping.first_weak();
            if first == Some(id) {
                mapping.set_first_weak(next);
            }
            first
        });
        let mut at = first.flatten().filter(|first| *first != id);
        while let Some(before) = at {
            let behind = self.sessions.next_weak(before);
            if behind == Some(id) {
                self.sessions.set_next_weak(before, next);
                return;
            }
            at = behind;
        }
    }

    /// Ends what came in through a mapping that nobody inside keeps any more.
    fn end_visitors(&mut self, id: MappingId, now: Ticks) {
        while let Some(mapping) = self.mappings.get(id)
            && !mapping.is_open()
            && let Some(visitor) = mapping.first_weak()
        {
            if !self.end_session(visitor, now) {
                return;
            }
        }
    }

    pub(super) fn end_mapping_if_unused(&mut self, id: MappingId, now: Ticks) {
        let unused = self.mappings.get(id).is_some_and(|mapping| {
            mapping.strong == 0 && mapping.weak == 0 && mapping.kind != MappingKind::Static
        });
        if !unused {
            return;
        }
        let Some(mapping) = self.mappings.remove(id) else {
            return;
        };
        self.counters.bump(Counter::NatMappingsEnded);
        self.release(&mapping, now);
        if let Some(owner) = self.subscriber_of(&mapping) {
            self.forget_if_idle(owner);
        }
    }

    /// Hold-down (RFC 6888 REQ-8); TCP needs none, its states have seen the end (exception a).
    pub(super) fn rest_port(&mut self, block: u32, offset: u16, side: PortProtocol, now: Ticks) {
        if side != PortProtocol::Tcp && self.layout.hold_down().0 > 0 {
            let percent = self.layout.hold_down_percent();
            if self.pools.hold(block, side, percent) {
                if self.held_ports.push((block, offset, side), now).is_ok() {
                    return;
                }
                self.counters.bump(Counter::NatHoldDownCut);
                return self.release_port(block, offset, side, true, now);
            }
            self.counters.bump(Counter::NatHoldDownCut);
        }
        self.release_port(block, offset, side, false, now);
    }

    /// The next tick at which [`Shard::expire`] may find something to do; for
    /// virtual time, which may then jump to it.
    #[must_use]
    pub fn next_due(&self, now: Ticks) -> Option<Ticks> {
        self.idle_blocks
            .iter()
            .filter_map(Resting::next_due)
            .chain(self.sessions.next_due())
            .chain(self.held_ports.next_due())
            .min_by_key(|tick| {
                if now.reached(*tick) {
                    0
                } else {
                    tick.since(now)
                }
            })
    }

    /// Ends what is due, looking at no more than `budget` sessions, ports and
    /// blocks; returns what is left of the budget. Never scans a table.
    pub fn expire(&mut self, now: Ticks, budget: u32) -> u32 {
        let mut left = budget;
        // Several at a time, so that none waits for memory that could be on its way.
        let mut over: ArrayVec<SessionId, 16> = ArrayVec::new();
        loop {
            while !over.is_full()
                && let Some(id) = self.sessions.pop_expired(now, &mut left)
            {
                if let Some(mapping) = self.sessions.look_ahead_to_end(id) {
                    self.mappings.prefetch(mapping);
                }
                over.push(id);
            }
            for id in &over {
                if let Some(mapping) = self.sessions.mapping(*id) {
                    self.mappings.look_ahead_to_end(mapping);
                }
            }
            let more = over.is_full();
            for id in over.drain(..) {
                self.end_session(id, now);
            }
            if !more {
                break;
            }
        }
        while left > 0
            && let Some((_, (block, offset, side))) = self.held_ports.pop(now)
        {
            left -= 1;
            self.release_port(block, offset, side, true, now);
        }
        for pool in 0..self.idle_blocks.len() {
            while left > 0
                && let Some((since, block)) = self
                    .idle_blocks
                    .get_mut(pool)
                    .and_then(|resting| resting.pop(now))
            {
                left -= 1;
                let still = self
                    .pools
                    .block(block)
                    .is_some_and(|found| found.idle_since == since && found.is_unused());
                if still {
                    self.return_block(block);
                }
            }
        }
        left
    }
}
