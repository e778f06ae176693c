//! One worker's flows.
//!
//! ```text
//!  Index                 hot (64 bytes, one line)          cold (24 bytes)
//!  two entries     ---->  key, outside endpoint,     ---    timer link, mapping,
//!  per session            deltas, state, last seen,         FINs, created,
//!  slot << 1 | direction  egress, counters, marks           counters' carries
//! ```
//!
//! A packet touches one line of the index and one hot line. The outbound key is
//! stored whole; the inbound one follows from it and the outside endpoint. The
//! checksum deltas are those of the outbound direction, the inbound ones their
//! inverse. 64 + 24 + 2 × 64 / (12 × 0.8) = 101.3 bytes a session; free slots
//! are chained through their cold halves.
//!
//! Owned by the worker of the shard. Never grows beyond its capacity, never
//! evicts.

mod flags;
mod glance;
mod hot;
mod marks;
mod view;

use alloc::vec::Vec;

use base::{Direction, Ticks};
use wire::ChecksumDelta;

use crate::index::Index;
use crate::key::{FlowKey, Realm};
use crate::mapping::MappingId;
use crate::region::Region;
use crate::tcp_state::{Segment, State, TcpEvent};
use crate::wheel::{Link, Links, NIL, Wheel};
use marks::{Fins, in_window};

pub use flags::Flags;
pub use glance::{Glance, Guess};
pub use view::SessionView;

/// Names a session until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId(pub(crate) u32);

impl SessionId {
    /// Its place in the table: that of another session once it has ended.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl SessionId {
    /// Of no session.
    pub const NONE: Self = Self(NIL);
}

/// No adjacency known yet.
pub const NO_ADJACENCY: u16 = u16::MAX;

/// The hot line of a session.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Session {
    out_key: FlowKey,
    outside: u32,
    last_seen: Ticks,
    /// Packets in the high half, bytes in the low, by direction.
    traffic: [u64; 2],
    /// By the side that acknowledges: see [`marks`].
    marks: [u32; 2],
    outside_port: u16,
    ip_delta: ChecksumDelta,
    transport_delta: ChecksumDelta,
    adjacency: [u16; 2],
    epoch: u16,
    outside_realm: Realm,
    state: State,
    flags: Flags,
    /// Window scale of the inside in the low half, of the outside in the high; 15 for none.
    scales: u8,
}

const _: () = assert!(size_of::<Session>() == 64);

/// One packet in a count of traffic.
const ONE_PACKET: u64 = 1 << 32;

/// The top bits of both halves of it.
const FULL: u64 = 1 << 63 | 1 << 31;

/// The epoch in which nothing is cached: that of sessions with a gateway.
const GATEWAY: u16 = u16::MAX;

/// No epoch: nothing is cached yet.
const NO_EPOCH: u16 = 0;

/// Neither side has offered to scale its window.
const NO_SCALES: u8 = 0xff;

/// What a session needs rarely.
#[derive(Clone, Copy, Debug)]
struct Cold {
    link: Link,
    /// Its mapping in the low [`MAPPING_BITS`], all set for none; above them its [`Fins`].
    mapping_and_fins: u32,
    created: Ticks,
    /// How often each counter of the hot line passed 2^31.
    byte_carries: [u16; 2],
    packet_carries: [u8; 2],
    /// [`DEAD`] in a free slot.
    rule: u16,
}

/// Rule number of no session.
const DEAD: u16 = u16::MAX - 1;

const _: () = assert!(size_of::<Cold>() == 24);

/// Bits of a mapping's number.
const MAPPING_BITS: u32 = 28;

/// Number of no mapping; all others are lower.
pub(crate) const NO_MAPPING: u32 = (1 << MAPPING_BITS) - 1;

impl Cold {
    fn mapping(&self) -> Option<MappingId> {
        let number = self.mapping_and_fins & NO_MAPPING;
        (number != NO_MAPPING).then_some(MappingId(number))
    }

    const fn fins(&self) -> Fins {
        Fins(self.mapping_and_fins >> MAPPING_BITS)
    }

    const fn set_fins(&mut self, fins: Fins) {
        self.mapping_and_fins = self.mapping_and_fins & NO_MAPPING | fins.0 << MAPPING_BITS;
    }
}

/// Field values for one direction of a session, ready to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// Which side of the packet they are for: the source outbound, the destination inbound.
    pub direction: Direction,
    /// The new address.
    pub address: u32,
    /// The new port or identifier.
    pub port: u16,
    /// Whether it differs from the old one.
    pub new_port: bool,
    /// Change of the IP header checksum by the address.
    pub ip_delta: ChecksumDelta,
    /// Change of a checksum that covers address and port.
    pub transport_delta: ChecksumDelta,
}

/// A key found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The session.
    pub id: SessionId,
    /// Which of its keys it was.
    pub direction: Direction,
}

#[inline]
const fn hit(entry: u32) -> Hit {
    Hit {
        id: SessionId(entry >> 1),
        direction: if entry & 1 == 0 {
            Direction::Outbound
        } else {
            Direction::Inbound
        },
    }
}

/// What was left to say about a session when it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub out_key: FlowKey,
    pub outside_realm: Realm,
    pub flags: Flags,
    pub rule: u16,
    pub mapping: Option<MappingId>,
    pub next_weak: Option<SessionId>,
}

/// What a new session is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewSession {
    pub out_key: FlowKey,
    pub outside: u32,
    pub outside_port: u16,
    pub outside_realm: Realm,
    pub state: State,
    pub flags: Flags,
    pub rule: u16,
    pub mapping: Option<MappingId>,
}

/// How a full table says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableFull;

#[derive(Debug)]
pub(crate) struct SessionTable {
    hot: Vec<Session>,
    cold: Vec<Cold>,
    /// First of the free slots, chained through their links.
    free: u32,
    capacity: usize,
    live: u32,
    index: Index,
    wheel: Wheel,
    seed: u64,
    timeouts: [u32; State::COUNT],
}

impl Links for Vec<Cold> {
    #[inline]
    fn link(&mut self, at: u32) -> Option<&mut Link> {
        self.get_mut(at as usize).map(|cold| &mut cold.link)
    }

    #[inline]
    fn prefetch(&self, at: u32) {
        if let Some(cold) = self.get(at as usize) {
            base::prefetch(cold);
        }
    }
}

impl SessionTable {
    pub(crate) fn with_capacity(
        capacity: u32,
        seed: u64,
        timeouts: [u32; State::COUNT],
        now: Ticks,
    ) -> Self {
        let capacity = (capacity as usize).min(1 << 30);
        Self {
            hot: Vec::with_capacity(capacity),
            cold: Vec::with_capacity(capacity),
            free: NIL,
            capacity,
            live: 0,
            index: Index::with_capacity(capacity * 2),
            wheel: Wheel::new(now),
            seed,
            timeouts,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.capacity * (size_of::<Session>() + size_of::<Cold>()) + self.index.bytes()
    }

    pub(crate) fn regions(&self) -> [Region; 3] {
        [
            Region::of(&self.hot),
            Region::of(&self.cold),
            self.index.region(),
        ]
    }

    pub(crate) const fn live(&self) -> u32 {
        self.live
    }

    /// One more than the highest slot ever used.
    pub(crate) fn slots(&self) -> u32 {
        u32::try_from(self.hot.len()).unwrap_or(u32::MAX)
    }

    #[inline]
    pub(crate) fn hash(&self, key: FlowKey) -> u64 {
        key.hash(self.seed)
    }

    /// For the first steps of many lookups.
    #[inline]
    pub(crate) fn glance(&self) -> Glance<'_> {
        Glance {
            index: self.index.glance(),
            hot: &self.hot,
            seed: self.seed,
        }
    }

    /// Whether the guess was right.
    #[inline]
    pub(crate) fn confirm(&self, key: FlowKey, Guess(entry): Guess) -> Option<Hit> {
        self.has_key(entry, key).then_some(hit(entry))
    }

    #[inline]
    pub(crate) fn find(&self, key: FlowKey, hash: u64) -> Option<Hit> {
        self.index
            .find(hash, |entry| self.has_key(entry, key))
            .map(hit)
    }

    #[inline]
    fn has_key(&self, entry: u32, key: FlowKey) -> bool {
        self.hot.get((entry >> 1) as usize).is_some_and(|session| {
            if entry & 1 == 0 {
                session.out_key == key
            } else {
                session.in_key() == key
            }
        })
    }

    #[inline]
    pub(crate) fn get(&self, id: SessionId) -> Option<&Session> {
        self.hot.get(id.0 as usize)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.hot.get_mut(id.0 as usize)
    }

    /// Notes a sequence number of ESP from outside; answers the highest before it.
    pub(crate) fn mark_esp(&mut self, id: SessionId, seq: u32) -> u32 {
        let Some(session) = self.hot.get_mut(id.0 as usize) else {
            return 0;
        };
        let [_, highest] = &mut session.marks;
        let before = *highest;
        *highest = before.max(seq);
        before
    }

    /// Counts a packet.
    pub(crate) fn count(&mut self, id: SessionId, direction: Direction, len: u32) {
        if let Some(session) = self.hot.get_mut(id.0 as usize)
            && session.count(direction, len)
        {
            self.carry(id);
        }
    }

    /// Moves the top bit of the hot counters to the cold carries.
    #[cold]
    pub(crate) fn carry(&mut self, id: SessionId) {
        if let (Some(session), Some(cold)) = (
            self.hot.get_mut(id.0 as usize),
            self.cold.get_mut(id.0 as usize),
        ) {
            let carries = cold.packet_carries.iter_mut().zip(&mut cold.byte_carries);
            for (traffic, (packets, bytes)) in session.traffic.iter_mut().zip(carries) {
                *packets = packets.wrapping_add(u8::from(*traffic >> 63 != 0));
                *bytes = bytes.wrapping_add(u16::from(*traffic >> 31 & 1 != 0));
                *traffic &= !FULL;
            }
        }
    }

    /// Restarts the timer if a packet of `direction` does so.
    pub(crate) fn refresh(&mut self, id: SessionId, direction: Direction, now: Ticks) {
        if let Some(session) = self.hot.get_mut(id.0 as usize)
            && session.refreshed_by(direction)
        {
            session.last_seen = now;
        }
    }

    /// Follows a TCP segment; true if it is a reset that lies outside the window
    /// and so has no effect.
    pub(crate) fn track(
        &mut self,
        id: SessionId,
        direction: Direction,
        segment: &Segment,
        now: Ticks,
    ) -> bool {
        let Some(session) = self.hot.get_mut(id.0 as usize) else {
            return false;
        };
        let Some(cold) = self.cold.get_mut(id.0 as usize) else {
            return false;
        };
        let mut event = segment.event();
        if event == TcpEvent::Rst && !in_window(session, direction, segment.seq) {
            return true;
        }
        if event == TcpEvent::Syn {
            let scale = segment.window_scale.unwrap_or(0xf);
            session.scales = match direction {
                Direction::Outbound => session.scales & 0xf0 | scale & 0xf,
                Direction::Inbound => session.scales & 0x0f | scale << 4,
            };
        }
        let (before, known) = (session.state, cold.fins());
        let mut fins = known.after(session, direction, segment, event);
        if event == TcpEvent::Data && before == State::BothFin && fins.are_over() {
            event = TcpEvent::LastAck;
        }
        let state = before.after(direction, event);
        if state != before {
            session.state = state;
            let opens = matches!(
                state,
                State::Established | State::OutboundSyn | State::InboundSyn
            );
            if opens && fins != Fins::NONE {
                fins = fins.forgotten(session);
            }
        }
        if fins != known || state != before {
            cold.set_fins(fins);
            session.flags = session.flags.in_state(state, fins);
        }
        if state != before {
            session.last_seen = now;
            let shorter =
                self.timeout(id) < self.timeouts.get(before as usize).copied().unwrap_or(0);
            if shorter {
                self.rearm(id);
            }
        } else if event != TcpEvent::Rst {
            self.refresh(id, direction, now);
        }
        false
    }

    /// Puts the timer where the present state and time stamp say.
    fn rearm(&mut self, id: SessionId) {
        if let Some(session) = self.hot.get(id.0 as usize) {
            let deadline = session.last_seen.plus(self.timeout(id));
            self.wheel.remove(&mut self.cold, id.0);
            self.wheel.insert(&mut self.cold, id.0, deadline);
        }
    }

    /// Changes how long sessions last; each finds out when it is looked at next.
    pub(crate) const fn set_timeouts(&mut self, timeouts: [u32; State::COUNT]) {
        self.timeouts = timeouts;
    }

    pub(crate) fn timeout(&self, id: SessionId) -> u32 {
        self.hot
            .get(id.0 as usize)
            .and_then(|session| self.timeouts.get(session.state as usize))
            .copied()
            .unwrap_or(0)
    }

    /// A UDP session becomes one of a member to its group.
    pub(crate) fn set_udp_member(&mut self, id: SessionId) {
        if let Some(session) = self.hot.get_mut(id.0 as usize)
            && session.state == State::Udp
        {
            session.state = State::UdpMember;
        }
    }

    /// Clears and sets flags.
    pub(crate) fn change_flags(&mut self, id: SessionId, clear: Flags, set: Flags) {
        if let Some(session) = self.hot.get_mut(id.0 as usize) {
            session.flags = session.flags.without(clear).with(set);
        }
    }

    /// Notes where a direction leaves; a new epoch forgets the other direction's.
    pub(crate) fn cache_egress(
        &mut self,
        id: SessionId,
        direction: Direction,
        adjacency: u16,
        epoch: u16,
    ) {
        if let Some(session) = self.hot.get_mut(id.0 as usize) {
            if session.has_gateway() {
                return;
            }
            if session.epoch != epoch {
                session.epoch = epoch;
                session.adjacency = [NO_ADJACENCY; 2];
            }
            if let Some(place) = session.adjacency.get_mut(direction as usize) {
                *place = adjacency;
            }
        }
    }

    /// Lets a gateway look at a session's packets, or no longer.
    pub(crate) fn set_gateway(&mut self, id: SessionId, looks: bool) {
        if let Some(session) = self.hot.get_mut(id.0 as usize) {
            session.epoch = if looks { GATEWAY } else { NO_EPOCH };
            session.adjacency = [NO_ADJACENCY; 2];
        }
    }

    /// Puts a session whose time was over back on its way.
    pub(crate) fn keep(&mut self, id: SessionId, now: Ticks) {
        let deadline = now.plus(self.timeout(id));
        if let Some(session) = self.hot.get_mut(id.0 as usize) {
            session.last_seen = now;
            self.wheel.insert(&mut self.cold, id.0, deadline);
        }
    }

    pub(crate) fn rewrite(&self, id: SessionId, direction: Direction) -> Option<Rewrite> {
        self.get(id).map(|session| session.rewrite(direction))
    }

    /// Creates a session under both its keys, or changes nothing.
    pub(crate) fn insert(&mut self, new: &NewSession, now: Ticks) -> Result<SessionId, TableFull> {
        self.insert_with(new, None, now)
    }

    /// The same; the hash of the key from outside may be known.
    #[inline]
    pub(crate) fn insert_with(
        &mut self,
        new: &NewSession,
        in_hash: Option<u64>,
        now: Ticks,
    ) -> Result<SessionId, TableFull> {
        let key = new.out_key;
        let ip_delta = ChecksumDelta::NONE.replace32(key.src(), new.outside);
        // An ICMP query's checksum covers the identifier but no addresses.
        let transport_delta = if key.protocol() == wire::ipv4::protocol::ICMP {
            ChecksumDelta::NONE
        } else {
            ip_delta
        }
        .replace(key.src_port(), new.outside_port);
        let session = Session {
            out_key: key,
            outside: new.outside,
            last_seen: now,
            traffic: [0; 2],
            marks: [0; 2],
            outside_port: new.outside_port,
            ip_delta,
            transport_delta,
            adjacency: [NO_ADJACENCY; 2],
            epoch: NO_EPOCH,
            outside_realm: new.outside_realm,
            state: new.state,
            flags: new.flags.in_state(new.state, Fins::NONE),
            scales: NO_SCALES,
        };
        let cold = Cold {
            link: Link::NONE,
            mapping_and_fins: new.mapping.map_or(NO_MAPPING, |id| id.0),
            created: now,
            byte_carries: [0; 2],
            packet_carries: [0; 2],
            rule: new.rule,
        };
        let slot = match self.free {
            NIL if self.hot.len() < self.capacity => self.slots(),
            NIL => return Err(TableFull),
            slot => slot,
        };
        let out_hash = self.hash(key);
        let in_hash = in_hash.unwrap_or_else(|| self.hash(session.in_key()));
        self.index
            .insert(out_hash, slot << 1)
            .map_err(|_| TableFull)?;
        if self.index.insert(in_hash, slot << 1 | 1).is_err() {
            self.index.remove(out_hash, slot << 1);
            return Err(TableFull);
        }
        if slot == self.free {
            if let (Some(hot_place), Some(cold_place)) = (
                self.hot.get_mut(slot as usize),
                self.cold.get_mut(slot as usize),
            ) {
                self.free = cold_place.link.next();
                *hot_place = session;
                *cold_place = cold;
            }
            // For the next one.
            let next = self.free as usize;
            if let (Some(hot), Some(cold)) = (self.hot.get(next), self.cold.get(next)) {
                base::prefetch(hot);
                base::prefetch(cold);
            }
        } else {
            self.hot.push(session);
            self.cold.push(cold);
        }
        self.live += 1;
        let timeout = self.timeouts.get(new.state as usize).copied().unwrap_or(0);
        self.wheel.insert(&mut self.cold, slot, now.plus(timeout));
        Ok(SessionId(slot))
    }

    /// So many that entries often lie beyond the line where a lookup begins.
    #[inline]
    pub(crate) fn is_crowded(&self) -> bool {
        self.live as usize > self.capacity / 8 * 5
    }

    /// Loads the next line of the index as well where that may be needed, after
    /// [`Glance::begin`].
    #[inline]
    pub(crate) fn look_further(&self, hash: u64) {
        self.index.prefetch_further(hash);
    }

    /// Loads what ending a session will touch here; answers the hashes of its keys.
    #[inline]
    pub(crate) fn look_ahead_to_end(&self, session: &Session) -> [u64; 2] {
        let hashes = [self.hash(session.out_key), self.hash(session.in_key())];
        for hash in hashes {
            self.index.prefetch(hash);
        }
        hashes
    }

    /// Ends a session, given the hashes of its keys; its last words, or `None` if it was
    /// not there.
    #[inline]
    pub(crate) fn remove(&mut self, id: SessionId, hashes: [u64; 2]) -> Option<Ended> {
        let next_weak = self.next_weak(id);
        let session = self.hot.get_mut(id.0 as usize)?;
        let cold = self.cold.get(id.0 as usize)?;
        if cold.rule == DEAD {
            return None;
        }
        let ended = Ended {
            // Guesses that are under way must not find it.
            out_key: core::mem::take(&mut session.out_key),
            outside_realm: session.outside_realm,
            flags: session.flags,
            rule: cold.rule,
            mapping: cold.mapping(),
            next_weak,
        };
        let [out_hash, in_hash] = hashes;
        self.index.remove(out_hash, id.0 << 1);
        self.index.remove(in_hash, id.0 << 1 | 1);
        self.wheel.remove(&mut self.cold, id.0);
        let cold = self.cold.get_mut(id.0 as usize)?;
        cold.rule = DEAD;
        cold.link = Link::chained(core::mem::replace(&mut self.free, id.0));
        self.live -= 1;
        Some(ended)
    }

    /// The session behind this one in its mapping's chain of unanswered ones, if it is
    /// in one.
    pub(crate) fn next_weak(&self, id: SessionId) -> Option<SessionId> {
        let session = self.hot.get(id.0 as usize)?;
        let [link, _] = session.marks;
        let number = link.checked_sub(1)?;
        session.flags.has(Flags::WEAK).then_some(SessionId(number))
    }

    /// Changes what is behind a session in that chain.
    pub(crate) fn set_next_weak(&mut self, id: SessionId, next: Option<SessionId>) {
        if let Some(session) = self.hot.get_mut(id.0 as usize)
            && session.flags.has(Flags::WEAK)
        {
            let [link, _] = &mut session.marks;
            *link = next.map_or(0, |next| next.0 + 1);
        }
    }

    pub(crate) fn mapping(&self, id: SessionId) -> Option<MappingId> {
        self.cold.get(id.0 as usize).and_then(Cold::mapping)
    }

    /// The next tick at which a timer may fire.
    pub(crate) fn next_due(&self) -> Option<Ticks> {
        self.wheel.next_due()
    }

    /// The next session whose time is up, still in the table; those that live
    /// on are put back on the way. Looks at no more than `budget` entries.
    pub(crate) fn pop_expired(&mut self, now: Ticks, budget: &mut u32) -> Option<SessionId> {
        let mut ticks = u32::MAX;
        while *budget > 0
            && let Some(at) = self.wheel.pop_due(&mut self.cold, now, &mut ticks)
        {
            *budget -= 1;
            if let Some(next) = self.hot.get(self.wheel.upcoming() as usize) {
                base::prefetch(next);
            }
            let id = SessionId(at);
            let deadline = self.hot.get(at as usize)?.last_seen.plus(self.timeout(id));
            if now.reached(deadline) {
                return Some(id);
            }
            self.wheel.insert(&mut self.cold, at, deadline);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn table(capacity: u32) -> SessionTable {
        SessionTable::with_capacity(capacity, 1, [10; State::COUNT], Ticks(0))
    }

    pub(super) fn new(port: u16) -> NewSession {
        NewSession {
            out_key: FlowKey::new(0x0a40_0007, 0xc000_0201, port, 53, 17, 0),
            outside: 0xcb00_7101,
            outside_port: port ^ 0x4000,
            outside_realm: 0,
            state: State::Udp,
            flags: Flags::default(),
            rule: 0,
            mapping: None,
        }
    }

    fn end(table: &mut SessionTable, id: SessionId) -> Option<Ended> {
        let hashes = table.look_ahead_to_end(table.get(id)?);
        table.remove(id, hashes)
    }

    #[test]
    fn a_session_is_found_by_both_keys_until_it_ends() {
        let mut table = table(10);
        let id = table.insert(&new(4000), Ticks(0)).unwrap();
        let out = new(4000).out_key;
        let inward = out.reversed().with_dst(0xcb00_7101, 0x0fa0 ^ 0x4000);
        let found = |table: &SessionTable, key| table.find(key, table.hash(key));
        assert_eq!(
            found(&table, out),
            Some(Hit {
                id,
                direction: Direction::Outbound
            })
        );
        assert_eq!(
            found(&table, inward),
            Some(Hit {
                id,
                direction: Direction::Inbound
            })
        );
        assert!(end(&mut table, id).is_some());
        assert!(end(&mut table, id).is_none());
        assert_eq!(found(&table, out), None);
        assert_eq!(found(&table, inward), None);
    }

    #[test]
    fn a_full_table_refuses_and_keeps_what_it_has() {
        let mut table = table(2);
        let first = table.insert(&new(1), Ticks(0)).unwrap();
        table.insert(&new(2), Ticks(0)).unwrap();
        assert_eq!(table.insert(&new(3), Ticks(0)), Err(TableFull));
        assert_eq!(table.live(), 2);
        end(&mut table, first).unwrap();
        assert!(table.insert(&new(3), Ticks(0)).is_ok());
    }

    /// G8: no refusal before the table is full, whatever the keys look like.
    #[test]
    fn every_slot_can_be_used_whatever_the_seed() {
        for seed in 0..64_u64 {
            let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut table = SessionTable::with_capacity(20_000, seed, [10; State::COUNT], Ticks(0));
            for nth in 0..20_000_u32 {
                let port = u16::try_from(1024 + nth % 40).unwrap();
                let outside_port = u16::try_from(1024 + nth % 20_000).unwrap();
                let new = NewSession {
                    out_key: FlowKey::new(0x0a40_0000 + nth / 40, 0xc000_0201, port, 443, 17, 0),
                    outside: 0xcb00_7101,
                    outside_port,
                    ..new(0)
                };
                assert!(
                    table.insert(&new, Ticks(0)).is_ok(),
                    "seed {seed:#x}, session {nth}"
                );
            }
        }
    }

    #[test]
    fn counters_carry_beyond_the_hot_line() {
        let mut table = table(1);
        let id = table.insert(&new(1), Ticks(0)).unwrap();
        for _ in 0..5 {
            table.count(id, Direction::Inbound, 1 << 30);
        }
        assert_eq!(table.view(id).unwrap().bytes, [0, 5 << 30]);
        assert_eq!(table.view(id).unwrap().packets, [0, 5]);
    }

    #[test]
    fn sessions_expire_at_their_time_unless_refreshed() {
        let mut table = table(4);
        let quiet = table.insert(&new(1), Ticks(0)).unwrap();
        let busy = table.insert(&new(2), Ticks(0)).unwrap();
        table.refresh(busy, Direction::Outbound, Ticks(5));
        let mut budget = 100;
        assert_eq!(table.pop_expired(Ticks(9), &mut budget), None);
        assert_eq!(table.pop_expired(Ticks(10), &mut budget), Some(quiet));
        assert_eq!(table.pop_expired(Ticks(14), &mut budget), None);
        assert_eq!(table.pop_expired(Ticks(15), &mut budget), Some(busy));
    }
}
