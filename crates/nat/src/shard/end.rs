//! The end of everything, by timer or command.
//!
//! ```text
//!  due ─> index lines of the session; its mapping; index line of the subscriber
//!      ─> index lines of the mapping; the subscriber's record
//!      ─> the block of its port
//!      ─> ended: session, mapping with its last session, port to its rest
//! ```
//!
//! Each takes a step when others that came later have taken the one before, so that none
//! waits for memory that could be on its way. What was looked up ahead stays right: a session that is still
//! there keeps its mapping, its subscriber and its port where they are.

use base::{Counter, Ticks};

use super::Shard;
use crate::holddown::Resting;
use crate::mapping::{Mapping, MappingId, MappingKind};
use crate::pcp::Records;
use crate::record::Life;
use crate::session::{Ended, Flags, Session, SessionId};
use crate::settings::PortProtocol;
use crate::subscriber::SubscriberId;

/// Sessions that begin to end between two steps of one of them.
const APART: usize = 4;

/// Those on their way, at least.
const LINE: usize = 4 * APART;

/// Ports that have rested are loaded so many ahead.
const PORTS_AHEAD: usize = 8;

/// A session that is to end, and what was looked up for that.
#[derive(Clone, Copy, Debug)]
struct Ending {
    id: SessionId,
    hashes: [u64; 2],
    mapping: Option<MappingId>,
    mapping_hashes: [u64; 2],
    subscriber_hash: u64,
    subscriber: Option<SubscriberId>,
    /// Block of the mapping's port, and the place there.
    place: Option<(u32, u16)>,
}

impl Ending {
    const NONE: Self = Self {
        id: SessionId::NONE,
        hashes: [0; 2],
        mapping: None,
        mapping_hashes: [0; 2],
        subscriber_hash: 0,
        subscriber: None,
        place: None,
    };
}

/// Hosts and gateways looked at in a slice, for those that have been silent too long.
const SWEEP: u32 = 4;

impl Shard {
    /// Ends a session and whatever nobody else needs; false if it was not there.
    pub fn end_session(&mut self, id: SessionId, now: Ticks) -> bool {
        let mut ending = Ending::NONE;
        self.begin_to_end(id, &mut ending);
        self.look_up_mapping(&mut ending);
        self.end(&ending, now)
    }

    /// The first look at a session that is to end.
    #[inline]
    fn begin_to_end(&self, id: SessionId, ending: &mut Ending) {
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        let key = session.out_key();
        ending.id = id;
        ending.hashes = self.sessions.look_ahead_to_end(session);
        ending.mapping = self.sessions.mapping(id);
        if let Some(mapping) = ending.mapping {
            self.mappings.prefetch(mapping);
        }
        ending.subscriber_hash = self.subscribers.look_ahead(key.src(), key.realm());
        ending.place = None;
    }

    /// The second.
    #[inline]
    fn look_up_mapping(&self, ending: &mut Ending) {
        ending.subscriber = self.subscribers.guess(ending.subscriber_hash);
        let hashes = ending
            .mapping
            .and_then(|id| self.mappings.look_ahead_to_end(id));
        if let Some(hashes) = hashes {
            ending.mapping_hashes = hashes;
        }
    }

    /// The third.
    #[inline]
    fn look_up_port(&self, ending: &mut Ending) {
        if let Some(mapping) = ending.mapping.and_then(|id| self.mappings.get(id))
            && let Some(side) = PortProtocol::of(mapping.out_key.protocol())
            && let Some(owner) = self.owner_of(&mapping, ending.subscriber)
            && let Some((block, offset)) = self.place_for(owner, &mapping)
        {
            ending.place = Some((block, offset));
            self.pools.look_ahead_at(block, side, offset);
        }
    }

    /// Who a mapping counts for, who is mostly known; nobody for static ones and those of what
    /// is not translated.
    #[inline]
    pub(super) fn owner_of(
        &self,
        mapping: &Mapping,
        guess: Option<SubscriberId>,
    ) -> Option<SubscriberId> {
        if mapping.kind == MappingKind::Static || mapping.is_untouched() {
            return None;
        }
        let key = mapping.out_key;
        self.subscribers.find_near(guess, key.src(), key.realm())
    }

    fn end(&mut self, ending: &Ending, now: Ticks) -> bool {
        if self
            .sessions
            .get(ending.id)
            .is_some_and(Session::has_gateway)
        {
            self.detach(ending.id, now);
        }
        if self.journal.log.sessions {
            self.note_session(Life::Ended, ending.id);
        }
        let Some(ended) = self.sessions.remove(ending.id, ending.hashes) else {
            return false;
        };
        self.counters.bump(Counter::NatSessionsEnded);
        self.count_session(ended.rule, ended.out_key.realm(), -1);
        let mapping = ended.mapping.and_then(|id| self.mappings.get(id));
        let owner = mapping
            .as_ref()
            .and_then(|mapping| self.owner_of(mapping, ending.subscriber));
        let charged = if ended.flags.has(Flags::PRESERVED) {
            let (host, realm) = (ended.out_key.dst(), ended.outside_realm);
            self.subscribers.find(host, realm)
        } else {
            owner
        };
        if let (Some(id), Some(mapping)) = (ended.mapping, &mapping) {
            let is_last = mapping.strong == 1
                && mapping.weak == 0
                && mapping.kind != MappingKind::Static
                && !ended.flags.has(Flags::WEAK);
            if is_last {
                // What it remembers goes with it.
                let remote = ended.out_key.dst();
                if ended.flags.has(Flags::FILTER) && !mapping.has_spoken_to(remote) {
                    self.unspeak(id, remote);
                }
                self.mappings
                    .remove_known(id, mapping, ending.mapping_hashes);
                self.mapping_ended(mapping);
                if let Some(owner) = owner {
                    self.release(mapping, owner, ending.place, now);
                    if charged != Some(owner) {
                        self.forget_if_idle(owner);
                    }
                }
            } else {
                self.leave_mapping(id, ending.id, &ended, now);
            }
        }
        if let Some(id) = charged {
            if let Some(subscriber) = self.subscribers.get_mut(id) {
                subscriber.sessions = subscriber.sessions.saturating_sub(1);
            }
            self.forget_if_idle(id);
        }
        true
    }

    /// Takes a session that has ended out of its mapping, which others keep or may keep.
    fn leave_mapping(&mut self, mapping: MappingId, id: SessionId, ended: &Ended, now: Ticks) {
        if ended.flags.has(Flags::FROM_OUTSIDE) {
            self.mappings.change(mapping, |mapping| {
                mapping.visitors = mapping.visitors.saturating_sub(1);
            });
        }
        if ended.flags.has(Flags::FILTER) {
            self.unspeak(mapping, ended.out_key.dst());
        }
        if ended.flags.has(Flags::WEAK) {
            self.unchain_weak(mapping, id, ended.next_weak);
        } else {
            self.mappings.change(mapping, |mapping| {
                mapping.strong = mapping.strong.saturating_sub(1);
            });
            self.end_visitors(mapping, now);
        }
        self.end_mapping_if_unused(mapping, now);
    }

    /// Ends what came in through a mapping that nobody inside keeps any more.
    pub(super) fn end_visitors(&mut self, id: MappingId, now: Ticks) {
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
        self.mapping_ended(&mapping);
        if let Some(owner) = self.subscriber_of(&mapping) {
            self.release(&mapping, owner, None, now);
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
            .chain(self.doors.next_due())
            .chain(self.records.as_ref().and_then(Records::next_due))
            .min_by_key(|tick| {
                if now.reached(*tick) {
                    0
                } else {
                    tick.since(now)
                }
            })
    }

    /// Ends what is due, looking at no more than `budget` sessions, ports and
    /// blocks, or [`Shard::room_for_ends`]; returns what is left of that. Never scans a table.
    pub fn expire(&mut self, now: Ticks, budget: u32) -> u32 {
        self.tunnels.sweep(now, budget.min(SWEEP));
        self.look_at_marks();
        let mut left = budget.min(self.room_for_ends());
        // Where the last of them is; those before it are at later steps.
        let (mut at, mut end) = (0, usize::MAX / 2);
        let mut line = [Ending::NONE; LINE];
        while at < end + 3 * APART {
            if at < end {
                match self.sessions.pop_expired(now, &mut left) {
                    Some(id) => {
                        if let Some(place) = line.get_mut(at % LINE) {
                            self.begin_to_end(id, place);
                        }
                    }
                    None => end = at,
                }
            }
            // Before the first of them this is beyond the end.
            let [second, third, last] = [1, 2, 3].map(|steps| at.wrapping_sub(steps * APART));
            if second < end
                && let Some(ending) = line.get_mut(second % LINE)
            {
                self.look_up_mapping(ending);
            }
            if third < end
                && let Some(ending) = line.get_mut(third % LINE)
            {
                self.look_up_port(ending);
            }
            if last < end
                && let Some(ending) = line.get(last % LINE)
            {
                if self.is_kept(ending.id, now) {
                    self.sessions.keep(ending.id, now);
                } else {
                    self.end(ending, now);
                }
            }
            at += 1;
        }
        self.close_doors(now, &mut left);
        self.end_records(now, &mut left);
        while left > 0
            && let Some((_, (block, offset, side))) = self.held_ports.pop(now)
        {
            left -= 1;
            if let Some((block, offset, side)) = self.held_ports.behind(PORTS_AHEAD) {
                self.pools.look_ahead_at(block, side, offset);
            }
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
