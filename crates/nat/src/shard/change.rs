//! From one layout to the next, in slices between packets.
//!
//! ```text
//!  new rules, limits and timeouts hold at once; then, a slice per turn:
//!    sessions:  end what the new layout has no place for
//!    doors:     close those that open to it
//!    records:   end what was asked for by PCP, likewise
//!    addresses: take out what is gone, lay out what is new
//!    statics:   unpin what is gone, pin what is new
//! ```
//!
//! A trial counts what would end and changes nothing. Whatever the new layout
//! keeps is not touched: its numbers are the same.

use alloc::sync::Arc;
use core::net::Ipv4Addr;

use base::{Counter, Nanos, Ticks};

use super::{ANY_PROTOCOL, STATIC_SCOPE, Shard, Sizes, static_whole_key, timeouts};
use crate::affinity::Affinity;
use crate::filter::AddressFilter;
use crate::holddown::Resting;
use crate::key::{FlowKey, Realm};
use crate::layout::Layout;
use crate::mapping::{MappingKind, NewMapping, Reach};
use crate::pool::{count, low16, slot_of};
use crate::session::{Flags, SessionView};
use crate::settings::{Action, Dependence, Division, PortProtocol, Rule, Static};
use crate::subscriber::SubscriberId;

/// Sessions looked at in a turn.
const SESSIONS: u32 = 32;

/// Addresses, and static mappings of single ports, in a turn.
const PIECES: u32 = 8;

/// Blocks returned in a turn, of addresses that go.
const BLOCKS: u32 = 32;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    Sessions,
    Doors,
    Records,
    Unpin,
    Leave,
    Enter,
    Pin,
    Done,
}

/// Where a change has got to.
#[derive(Debug, Default)]
pub(super) struct Change {
    stage: Stage,
    /// The layout that was in force; in a trial, the one that is tried.
    other: Option<Arc<Layout>>,
    trial: bool,
    /// The zone policy is another one.
    pub(super) zones: bool,
    at: u32,
    within: u32,
    sessions: u64,
    /// Marks the subscribers that this change has touched.
    mark: u32,
}

/// An inside host that a change ends sessions of, or would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Touched {
    /// Inside address.
    pub inside: Ipv4Addr,
    /// Realm of the inside.
    pub realm: Realm,
}

/// A change that is complete.
#[derive(Debug)]
pub struct Changed {
    /// Sessions it ended, or would.
    pub sessions: u64,
    /// The layout that is not needed any more, to be dropped elsewhere.
    pub retired: Option<Arc<Layout>>,
}

impl Shard {
    /// Begins to move to another layout, or to count what that would end.
    /// One change at a time: false if there is one.
    pub fn begin_change(&mut self, layout: Arc<Layout>, trial: bool, now: Nanos) -> bool {
        if self.change.stage != Stage::Idle {
            return false;
        }
        let mark = self.change.mark + 1;
        let zones = match (self.layout.zones(), layout.zones()) {
            (Some(now), Some(next)) => !now.is_like(next),
            (_, next) => next.is_some(),
        };
        let other = if trial {
            layout
        } else {
            let before = core::mem::replace(&mut self.layout, layout);
            self.adopt(now.ticks());
            self.adopt_zones();
            self.adopt_protection(Some(&before));
            if self.layout.loses_mappings_of(&before) {
                // Hosts have to ask again (RFC 6887 section 8.5).
                self.epoch = now;
            }
            before
        };
        self.change = Change {
            stage: Stage::Sessions,
            other: Some(other),
            trial,
            zones,
            mark,
            ..Change::default()
        };
        true
    }

    /// Goes on with a change. Tells `put` of each inside host it touches, some
    /// more than once; `put` answers false when it has no room now. `Some` when
    /// all is done.
    pub fn step_change(
        &mut self,
        now: Nanos,
        put: &mut impl FnMut(Touched) -> bool,
    ) -> Option<Changed> {
        match self.change.stage {
            Stage::Idle => return None,
            Stage::Sessions => self.step_sessions(now.ticks(), put),
            Stage::Doors => self.step_doors(now.ticks()),
            Stage::Records => self.step_records(now.ticks()),
            Stage::Unpin => self.step_unpin(),
            Stage::Leave => self.step_leave(),
            Stage::Enter => self.step_enter(),
            Stage::Pin => self.step_pin(),
            Stage::Done => {
                self.change.stage = Stage::Idle;
                return Some(Changed {
                    sessions: self.change.sessions,
                    retired: self.change.other.take(),
                });
            }
        }
        None
    }

    /// Takes over all of the layout before the first packet.
    pub(super) fn settle_at_once(&mut self, now: Ticks) {
        self.adopt(now);
        self.change.stage = Stage::Enter;
        while self.change.stage != Stage::Done {
            match self.change.stage {
                Stage::Enter => self.step_enter(),
                _ => self.step_pin(),
            }
        }
        self.change.stage = Stage::Idle;
    }

    fn next_stage(&mut self, stage: Stage) {
        self.change.stage = stage;
        self.change.at = 0;
        self.change.within = 0;
    }

    /// What holds at once.
    fn adopt(&mut self, now: Ticks) {
        let layout = Arc::clone(&self.layout);
        self.pools.adopt(&layout);
        self.sessions.set_timeouts(timeouts(&layout));
        self.tunnels.set_timeout(layout.timeouts().esp);
        self.adopt_cookies();
        let Sizes {
            mappings,
            subscribers,
            ..
        } = self.sizes;
        self.journal.listen(layout.log(), mappings, subscribers);
        self.adopt_records(now);
        self.held_ports
            .set_time(Ticks::in_duration(layout.hold_down()));
        if self.rule_sessions.len() < layout.rule_count() {
            self.rule_sessions.resize(layout.rule_count(), 0);
        }
        for number in 0..layout.pool_count() {
            let time = match layout.pool(number).map(|pool| pool.division) {
                Some(Division::Blocks { idle, .. }) => idle,
                Some(Division::Whole) => layout.hold_down(),
                _ => Nanos(0),
            };
            let time = Ticks::in_duration(time);
            if let Some(resting) = self.idle_blocks.get_mut(number) {
                resting.set_time(time);
                continue;
            }
            let geometry = layout.geometry(number);
            let addresses = layout.pool(number).map_or(0, |pool| pool.addresses.len());
            let room = if time == 0 {
                0
            } else {
                addresses * geometry.blocks as usize * 2 + 64
            };
            self.idle_blocks.push(Resting::new(room, time));
        }
        if self.filter.is_none() && filters_by_address(&layout) {
            let seed = self.rng.word();
            self.filter = Some(AddressFilter::with_capacity(self.sizes.sessions, seed));
        }
        let remembers = layout.static_mappings().any(|one| one.affinity.is_some());
        if self.affinity.is_none() && remembers {
            let seed = self.rng.word();
            self.affinity = Some(Affinity::with_capacity(super::MAX_AFFINITIES, seed));
        }
    }

    // --- sessions ------------------------------------------------------------

    fn step_sessions(&mut self, now: Ticks, put: &mut impl FnMut(Touched) -> bool) {
        if self.room_for_ends() < SESSIONS {
            return;
        }
        let last = self.sessions.slots().min(self.change.at + SESSIONS);
        while self.change.at < last {
            if let Some(view) = self.session_at(self.change.at) {
                if self.stays(&view) {
                    if !self.change.trial {
                        self.filter_again(&view);
                        self.watch_again(&view);
                    }
                } else {
                    if !self.tell(&view, put) {
                        return;
                    }
                    self.change.sessions += 1;
                    if !self.change.trial {
                        self.end_session(view.id, now);
                    }
                }
            }
            self.change.at += 1;
        }
        if last == self.sessions.slots() {
            self.next_stage(if self.change.trial {
                Stage::Done
            } else {
                Stage::Doors
            });
        }
    }

    fn step_doors(&mut self, now: Ticks) {
        if self.room_for_ends() < SESSIONS {
            return;
        }
        let Some(before) = self.change.other.clone() else {
            return self.next_stage(Stage::Records);
        };
        let at = self.change.at;
        self.change.at = self.close_doors_unless(at, SESSIONS, now, |shard, mapping, inside| {
            shard.layout.keeps(&before, inside, Some(mapping))
        });
        if self.change.at == self.door_slots() {
            self.next_stage(Stage::Records);
        }
    }

    fn step_records(&mut self, now: Ticks) {
        if self.room_for_ends() < SESSIONS {
            return;
        }
        let before = self.change.other.clone();
        let at = self.change.at;
        let next = self.end_records_unless(at, SESSIONS, now, |shard, mapping, inside| {
            let rule = shard.layout.rule(usize::from(mapping.rule));
            rule.is_some_and(|rule| rule.pcp.is_some())
                && before
                    .as_ref()
                    .is_some_and(|before| shard.layout.keeps(before, inside, Some(mapping)))
        });
        match next {
            Some(next) => self.change.at = next,
            None => self.next_stage(Stage::Unpin),
        }
    }

    fn stays(&self, view: &SessionView) -> bool {
        let mapping = view.mapping.and_then(|id| self.mappings.get(id));
        let Some(other) = &self.change.other else {
            return true;
        };
        let (before, after) = if self.change.trial {
            (&self.layout, other)
        } else {
            (other, &self.layout)
        };
        let kept = if view.mapping.is_none() {
            Self::is_left_alone(after, view)
        } else {
            after.keeps(before, view.out_key, mapping.as_ref())
        };
        kept && (!self.change.zones || self.zones_keep(before, after, view))
    }

    /// Tells of a session's subscriber, once where there is a record to mark.
    fn tell(&mut self, view: &SessionView, put: &mut impl FnMut(Touched) -> bool) -> bool {
        let subscriber = view
            .mapping
            .and_then(|id| self.subscriber_of(&self.mappings.get(id)?))
            .and_then(|id| self.subscribers.get_mut(id));
        let mark = self.change.mark;
        if subscriber
            .as_ref()
            .is_some_and(|found| found.touched == mark)
        {
            return true;
        }
        let told = put(Touched {
            inside: Ipv4Addr::from_bits(view.out_key.src()),
            realm: view.out_key.realm(),
        });
        if told && let Some(subscriber) = subscriber {
            subscriber.touched = mark;
        }
        told
    }

    /// Enters what a session has spoken to, if its rule has come to ask for that.
    fn filter_again(&mut self, view: &SessionView) {
        let closed = Flags::WEAK.with(Flags::UNANSWERED);
        if view.flags.has(Flags::FILTER.with(closed)) {
            return;
        }
        if let Some(id) = view.mapping
            && let Some(mapping) = self.mappings.get(id)
            && self.filters_by_address(&mapping)
            && self.speak(id, view.out_key.dst()).is_ok()
        {
            self.sessions
                .change_flags(view.id, Flags::default(), Flags::FILTER);
        }
    }

    // --- addresses -----------------------------------------------------------

    fn step_leave(&mut self) {
        let layout = Arc::clone(&self.layout);
        let gone = |shard: &Self, slot| shard.pools.is_gone(&layout, slot);
        let begins = self.change.at == 0 && self.change.within == 0;
        if begins && (0..self.pools.slots()).any(|slot| gone(self, slot)) {
            let pools = &self.pools;
            let stays = |block: u32| !pools.is_gone(&layout, slot_of(block));
            self.held_ports.retain(|(block, ..)| stays(*block));
            for resting in &mut self.idle_blocks {
                resting.retain(|block| stays(*block));
            }
        }
        self.change.within = 1;
        let mut budget = BLOCKS.min(self.room_for_ends());
        let last = self.pools.slots().min(self.change.at + PIECES);
        while self.change.at < last {
            let slot = self.change.at;
            if gone(self, slot) {
                while let Some((block, owner)) = self.pools.lent_block(slot) {
                    if budget == 0 {
                        return;
                    }
                    budget -= 1;
                    let owner = SubscriberId(owner);
                    self.unchain(owner, block);
                    self.pools.give_back(block);
                    self.counters.bump(Counter::NatBlocksReleased);
                    self.forget_if_idle(owner);
                }
                self.pools.leave(slot);
            }
            self.change.at += 1;
        }
        if last == self.pools.slots() {
            self.pools.forget(&layout);
            self.next_stage(Stage::Enter);
        }
    }

    fn step_enter(&mut self) {
        let layout = Arc::clone(&self.layout);
        let all = count(layout.addresses().len());
        let last = all.min(self.change.at + PIECES);
        while self.change.at < last {
            self.pools.enter(&layout, self.change.at, self.number);
            self.change.at += 1;
        }
        if last == all {
            self.next_stage(Stage::Pin);
        }
    }

    // --- static mappings -----------------------------------------------------

    fn step_unpin(&mut self) {
        let Some(before) = self.change.other.as_ref().map(Arc::clone) else {
            return self.next_stage(Stage::Leave);
        };
        self.each_pinned(&before, Stage::Leave, |shard, number, one, key, port| {
            if shard.layout.static_at(number) == Some(one) {
                return;
            }
            if let Some(id) = shard.mappings.find_pinned(key, number) {
                shard.mappings.remove(id);
                if let Some(port) = port {
                    shard.for_each_place(&before, one, port, |shard, block, offset, side| {
                        shard.pools.unreserve(block, offset, side);
                    });
                }
            }
        });
    }

    fn step_pin(&mut self) {
        let layout = Arc::clone(&self.layout);
        self.each_pinned(&layout, Stage::Done, |shard, number, one, key, port| {
            if shard.mappings.find_pinned(key, number).is_some() {
                return;
            }
            let inside = key.src();
            let nth = inside.wrapping_sub(one.inside.to_bits());
            let first = one.others.is_empty() || inside == one.inside.to_bits();
            let outside = if one.others.is_empty() {
                one.outside.to_bits().wrapping_add(nth)
            } else {
                one.outside.to_bits()
            };
            // Refused only beyond `limits.mappings`, which the configuration has checked.
            let _ = shard.mappings.insert(&NewMapping {
                out_key: key,
                outside,
                outside_port: port.unwrap_or(0),
                rule: number,
                outside_realm: one.outside_realm,
                kind: MappingKind::Static,
                reach: if first {
                    Reach::Endpoint
                } else {
                    Reach::Hidden
                },
            });
            if let Some(port) = port {
                let layout = Arc::clone(&shard.layout);
                shard.for_each_place(&layout, one, port, |shard, block, offset, side| {
                    shard.pools.reserve(block, offset, side);
                });
            }
        });
    }

    /// Calls `each` with every pinned mapping of a layout's next static mappings:
    /// its key from inside and its outside port, if it is of a single port.
    fn each_pinned(
        &mut self,
        layout: &Layout,
        then: Stage,
        each: impl Fn(&mut Self, u16, &Static, FlowKey, Option<u16>),
    ) {
        let mut budget = PIECES * 4;
        while budget > 0 {
            let Some(place) = layout.statics().get(self.change.at as usize) else {
                return self.next_stage(then);
            };
            let number = low16(self.change.at);
            let total = place.as_ref().map_or(0, pinned_count);
            while budget > 0 && self.change.within < total {
                if let Some(one) = place {
                    let (key, port) = pinned(one, self.change.within);
                    each(self, number, one, key, port);
                }
                self.change.within += 1;
                budget -= 1;
            }
            if self.change.within >= total {
                self.change.at += 1;
                self.change.within = 0;
                budget = budget.saturating_sub(1);
            }
        }
    }

    /// Calls `each` with every place in a pool that an outside port of a static
    /// mapping is.
    fn for_each_place(
        &mut self,
        layout: &Layout,
        one: &Static,
        port: u16,
        each: impl Fn(&mut Self, u32, u16, PortProtocol),
    ) {
        let Some(side) = one.protocol.and_then(PortProtocol::of) else {
            return;
        };
        let Some(known) = layout.outside_address(one.outside_realm, one.outside.to_bits()) else {
            return;
        };
        for slot in known.slots() {
            let excluded = layout
                .address(slot)
                .and_then(|address| layout.pool(usize::from(address.pool)))
                .is_some_and(|pool| {
                    let mut ranges = pool.exclude_ports.iter();
                    ranges.any(|(low, high)| (*low..=*high).contains(&port))
                });
            if excluded {
                continue;
            }
            if let Some((block, offset)) = layout.place_of(slot, port) {
                each(self, block, offset, side);
            }
        }
    }
}

/// How many pinned mappings a static mapping is.
fn pinned_count(one: &Static) -> u32 {
    let each = one.ports.map_or(one.count, |(.., ports)| u32::from(ports));
    each * (count(one.others.len()) + 1)
}

/// The `nth` of them: its key from inside, and its outside port.
fn pinned(one: &Static, nth: u32) -> (FlowKey, Option<u16>) {
    let hosts = count(one.others.len()) + 1;
    let (within, host) = (nth / hosts, (nth % hosts) as usize);
    let inside = host
        .checked_sub(1)
        .and_then(|other| one.others.get(other))
        .unwrap_or(&one.inside)
        .to_bits();
    match (one.ports, one.protocol) {
        (Some((inside_port, outside_port, _)), Some(protocol)) => {
            let nth = low16(within);
            let port = inside_port.wrapping_add(nth);
            let key = FlowKey::new(inside, 0, port, 0, protocol, one.realm).scoped(STATIC_SCOPE);
            (key, Some(outside_port.wrapping_add(nth)))
        }
        (_, protocol) => {
            let protocol = protocol.unwrap_or(ANY_PROTOCOL);
            let address = inside.wrapping_add(within);
            (static_whole_key(address, protocol, one.realm), None)
        }
    }
}

/// Whether some rule or static mapping asks whom a mapping has spoken to.
fn filters_by_address(layout: &Layout) -> bool {
    let rules = layout.rules().chain(layout.outside_rules());
    let by_rule = rules.into_iter().any(|(_, rule)| {
        matches!(rule, Rule { action: Action::Translate(translate), .. }
            if translate.filtering == Dependence::Address && translate.mapping == Dependence::Endpoint)
    });
    by_rule
        || layout
            .static_mappings()
            .any(|one| one.filtering == Dependence::Address)
}
