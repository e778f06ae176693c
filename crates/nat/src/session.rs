//! One worker's flows.
//!
//! ```text
//!  Index                 hot (64 bytes, one line)          cold (32 bytes)
//!  two entries     ---->  key, outside endpoint,     ---    timer link, mapping,
//!  per session            deltas, state, last seen,         subscriber, created,
//!  slot << 1 | direction  egress, counters, TCP acks        counters' carries
//! ```
//!
//! A packet touches one line of the index and one hot line. The outbound key is
//! stored whole; the inbound one follows from it and the outside endpoint. The
//! checksum deltas are those of the outbound direction, the inbound ones their
//! inverse. 64 + 32 + 2 × 64 / (12 × 0.8) = 109.3 bytes a session.
//!
//! Owned by the worker of the shard. Never grows beyond its capacity, never
//! evicts.

use alloc::vec::Vec;

use base::{Direction, Ticks};
use wire::ChecksumDelta;

use crate::index::Index;
use crate::key::{FlowKey, Realm};
use crate::mapping::MappingId;
use crate::subscriber::SubscriberId;
use crate::tcp_state::{Segment, State, TcpEvent};
use crate::wheel::{Link, Links, NIL, Wheel};

/// Names a session until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId(pub(crate) u32);

/// No adjacency known yet.
pub const NO_ADJACENCY: u16 = u16::MAX;

/// What is special about a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// Opened from outside and not answered from inside yet: holds no mapping.
    pub const WEAK: Self = Self(1);
    /// Its destination is an outside address: translated a second time.
    pub const HAIRPIN: Self = Self(2);
    /// Inbound packets restart its timer too.
    pub const INBOUND_REFRESH: Self = Self(4);
    /// Opened from outside.
    pub const FROM_OUTSIDE: Self = Self(8);
    /// Counts in the address filter of its mapping.
    pub const FILTER: Self = Self(16);

    /// Any of `others` is set.
    #[must_use]
    #[inline]
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Without `others`.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
}

/// The hot line of a session.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Session {
    out_key: FlowKey,
    outside: u32,
    last_seen: Ticks,
    packets: [u32; 2],
    bytes: [u32; 2],
    acks: [u32; 2],
    outside_port: u16,
    ip_delta: ChecksumDelta,
    transport_delta: ChecksumDelta,
    adjacency: [u16; 2],
    epoch: u16,
    outside_realm: Realm,
    state: State,
    flags: Flags,
    /// Window scale of the inside in the low half, of the outside in the high.
    scales: u8,
}

const _: () = assert!(size_of::<Session>() == 64);

/// What a session needs rarely.
#[derive(Clone, Copy, Debug)]
struct Cold {
    link: Link,
    mapping: u32,
    subscriber: u32,
    created: Ticks,
    /// How often each counter of the hot line passed 2^31.
    carries: [u16; 4],
    rule: u16,
    live: bool,
}

const _: () = assert!(size_of::<Cold>() <= 32);

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

/// Where a direction of a session leaves, as cached by the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Egress {
    /// Number of an adjacency, or [`NO_ADJACENCY`].
    pub adjacency: u16,
}

/// What the fast path needs of a hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cached {
    /// The rewrite.
    pub rewrite: Rewrite,
    /// The adjacency, valid in the epoch asked for.
    pub adjacency: u16,
}

/// A key found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The session.
    pub id: SessionId,
    /// Which of its keys it was.
    pub direction: Direction,
}

/// All there is to say about a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionView {
    /// The session.
    pub id: SessionId,
    /// Inside endpoint, remote endpoint as the inside addresses it, protocol, inside realm.
    pub out_key: FlowKey,
    /// Outside address.
    pub outside: u32,
    /// Outside port or identifier.
    pub outside_port: u16,
    /// Realm of the outside.
    pub outside_realm: Realm,
    /// State.
    pub state: State,
    /// Flags.
    pub flags: Flags,
    /// When it was made.
    pub created: Ticks,
    /// When its timer was last restarted.
    pub last_seen: Ticks,
    /// Rule that made it; `u16::MAX` for a static mapping.
    pub rule: u16,
    /// Its mapping, if it has one.
    pub mapping: Option<MappingId>,
    /// Packets out and in.
    pub packets: [u64; 2],
    /// Bytes out and in, as received, without the Ethernet header.
    pub bytes: [u64; 2],
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
    pub subscriber: Option<SubscriberId>,
}

impl Session {
    #[inline]
    fn in_key(&self) -> FlowKey {
        self.out_key
            .reversed()
            .with_dst(self.outside, self.outside_port)
            .in_realm(self.outside_realm)
    }

    #[inline]
    fn rewrite(&self, direction: Direction) -> Rewrite {
        let new_port = self.out_key.src_port() != self.outside_port;
        match direction {
            Direction::Outbound => Rewrite {
                direction,
                address: self.outside,
                port: self.outside_port,
                new_port,
                ip_delta: self.ip_delta,
                transport_delta: self.transport_delta,
            },
            Direction::Inbound => Rewrite {
                direction,
                address: self.out_key.src(),
                port: self.out_key.src_port(),
                new_port,
                ip_delta: self.ip_delta.inverse(),
                transport_delta: self.transport_delta.inverse(),
            },
        }
    }

    /// Whether a packet of this direction restarts the timer.
    #[inline]
    fn refreshed_by(&self, direction: Direction) -> bool {
        match direction {
            Direction::Outbound => true,
            Direction::Inbound => {
                !self.flags.has(Flags::WEAK)
                    && (self.flags.has(Flags::INBOUND_REFRESH)
                        || self.state as u8 >= State::OutboundSyn as u8)
            }
        }
    }

    /// State.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Adjacency cached for a direction; right only in the epoch it was cached in.
    #[must_use]
    #[inline]
    pub const fn adjacency(&self, direction: Direction) -> u16 {
        match direction {
            Direction::Outbound => self.adjacency[0],
            Direction::Inbound => self.adjacency[1],
        }
    }

    /// Flags.
    #[must_use]
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// Realm in which packets of `direction` leave.
    #[must_use]
    pub const fn egress_realm(&self, direction: Direction) -> Realm {
        match direction {
            Direction::Outbound => self.outside_realm,
            Direction::Inbound => self.out_key.realm(),
        }
    }
}

/// How a full table says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableFull;

#[derive(Debug)]
pub(crate) struct SessionTable {
    hot: Vec<Session>,
    cold: Vec<Cold>,
    /// First of the free slots, chained by `Link::next`.
    free: Vec<u32>,
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
            free: Vec::with_capacity(capacity),
            capacity,
            live: 0,
            index: Index::with_capacity(capacity * 2),
            wheel: Wheel::new(now),
            seed,
            timeouts,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.capacity * (size_of::<Session>() + size_of::<Cold>() + size_of::<u32>())
            + self.index.bytes()
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

    #[inline]
    pub(crate) fn prefetch_index(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    #[inline]
    pub(crate) fn prefetch_session(&self, hash: u64) {
        if let Some(entry) = self.index.guess(hash)
            && let Some(session) = self.hot.get((entry >> 1) as usize)
        {
            base::prefetch(session);
        }
    }

    #[inline]
    pub(crate) fn find(&self, key: FlowKey, hash: u64) -> Option<Hit> {
        let entry = self.index.find(hash, |entry| {
            self.hot.get((entry >> 1) as usize).is_some_and(|session| {
                if entry & 1 == 0 {
                    session.out_key == key
                } else {
                    session.in_key() == key
                }
            })
        })?;
        Some(Hit {
            id: SessionId(entry >> 1),
            direction: if entry & 1 == 0 {
                Direction::Outbound
            } else {
                Direction::Inbound
            },
        })
    }

    #[inline]
    pub(crate) fn get(&self, id: SessionId) -> Option<&Session> {
        self.hot.get(id.0 as usize)
    }

    /// The whole of what a plain packet needs: counts it, restarts the timer,
    /// and answers with rewrite and adjacency. `None` if the packet must take
    /// the general path: special session, stale adjacency, or a TCP state that
    /// any segment could change.
    #[inline]
    pub(crate) fn touch_plain(
        &mut self,
        hit: Hit,
        len: u32,
        ack: u32,
        now: Ticks,
        epoch: u16,
    ) -> Option<Cached> {
        const FAST_TCP: [bool; State::COUNT] = [
            true, true, true, true, true, false, false, true, true, true, false, true, false,
        ];
        let session = self.hot.get_mut(hit.id.0 as usize)?;
        let side = hit.direction as usize;
        let adjacency = *session.adjacency.get(side)?;
        if session.flags.has(Flags::WEAK.with(Flags::HAIRPIN))
            || session.epoch != epoch
            || adjacency == NO_ADJACENCY
            || !*FAST_TCP.get(session.state as usize)?
        {
            return None;
        }
        *session.acks.get_mut(side)? = ack;
        let packets = session.packets.get_mut(side)?;
        let bytes = session.bytes.get_mut(side)?;
        *packets += 1;
        *bytes += len;
        if (*packets | *bytes) >> 31 != 0 {
            self.carry(hit.id);
        }
        let session = self.hot.get_mut(hit.id.0 as usize)?;
        if session.last_seen != now && session.refreshed_by(hit.direction) {
            session.last_seen = now;
        }
        Some(Cached {
            rewrite: session.rewrite(hit.direction),
            adjacency,
        })
    }

    /// Counts a packet.
    pub(crate) fn count(&mut self, id: SessionId, direction: Direction, len: u32) {
        if let Some(session) = self.hot.get_mut(id.0 as usize)
            && let (Some(packets), Some(bytes)) = (
                session.packets.get_mut(direction as usize),
                session.bytes.get_mut(direction as usize),
            )
        {
            *packets += 1;
            *bytes += len;
            if (*packets | *bytes) >> 31 != 0 {
                self.carry(id);
            }
        }
    }

    /// Moves the top bit of the hot counters to the cold carries.
    #[cold]
    fn carry(&mut self, id: SessionId) {
        if let (Some(session), Some(cold)) = (
            self.hot.get_mut(id.0 as usize),
            self.cold.get_mut(id.0 as usize),
        ) {
            let low = session.packets.iter_mut().chain(&mut session.bytes);
            for (low, carry) in low.zip(&mut cold.carries) {
                *carry = carry.wrapping_add(u16::from(*low >> 31 != 0));
                *low &= !(1 << 31);
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
        let event = segment.event();
        if event == TcpEvent::Rst && !in_window(session, direction, segment) {
            return true;
        }
        let before = session.state;
        session.state = before.after(direction, event);
        if segment.has_ack()
            && event != TcpEvent::Rst
            && let Some(ack) = session.acks.get_mut(direction as usize)
        {
            *ack = segment.ack;
        }
        if event == TcpEvent::Syn {
            session.scales = match direction {
                Direction::Outbound => session.scales & 0xf0 | segment.window_scale & 0xf,
                Direction::Inbound => session.scales & 0x0f | segment.window_scale << 4,
            };
        }
        if session.state != before {
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

    pub(crate) fn timeout(&self, id: SessionId) -> u32 {
        self.hot
            .get(id.0 as usize)
            .and_then(|session| self.timeouts.get(session.state as usize))
            .copied()
            .unwrap_or(0)
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
            if session.epoch != epoch {
                session.epoch = epoch;
                session.adjacency = [NO_ADJACENCY; 2];
            }
            if let Some(place) = session.adjacency.get_mut(direction as usize) {
                *place = adjacency;
            }
        }
    }

    pub(crate) fn rewrite(&self, id: SessionId, direction: Direction) -> Option<Rewrite> {
        self.get(id).map(|session| session.rewrite(direction))
    }

    /// Creates a session under both its keys, or changes nothing.
    pub(crate) fn insert(&mut self, new: &NewSession, now: Ticks) -> Result<SessionId, TableFull> {
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
            packets: [0; 2],
            bytes: [0; 2],
            acks: [0; 2],
            outside_port: new.outside_port,
            ip_delta,
            transport_delta,
            adjacency: [NO_ADJACENCY; 2],
            epoch: 0,
            outside_realm: new.outside_realm,
            state: new.state,
            flags: new.flags,
            scales: 0,
        };
        let cold = Cold {
            link: Link::NONE,
            mapping: new.mapping.map_or(NIL, |id| id.0),
            subscriber: new.subscriber.map_or(NIL, |id| id.0),
            created: now,
            carries: [0; 4],
            rule: new.rule,
            live: true,
        };
        let slot = match self.free.last() {
            Some(slot) => *slot,
            None if self.hot.len() < self.capacity => self.slots(),
            None => return Err(TableFull),
        };
        let (out_hash, in_hash) = (self.hash(key), self.hash(session.in_key()));
        self.index
            .insert(out_hash, slot << 1)
            .map_err(|_| TableFull)?;
        if self.index.insert(in_hash, slot << 1 | 1).is_err() {
            self.index.remove(out_hash, slot << 1);
            return Err(TableFull);
        }
        if self.free.pop().is_some() {
            if let (Some(hot_place), Some(cold_place)) = (
                self.hot.get_mut(slot as usize),
                self.cold.get_mut(slot as usize),
            ) {
                *hot_place = session;
                *cold_place = cold;
            }
        } else {
            self.hot.push(session);
            self.cold.push(cold);
        }
        self.live += 1;
        let id = SessionId(slot);
        self.rearm(id);
        Ok(id)
    }

    /// Ends a session; its last words, or `None` if it was not there.
    pub(crate) fn remove(&mut self, id: SessionId) -> Option<SessionView> {
        let view = self.view(id)?;
        let session = *self.hot.get(id.0 as usize)?;
        self.index.remove(self.hash(session.out_key), id.0 << 1);
        self.index
            .remove(self.hash(session.in_key()), id.0 << 1 | 1);
        self.wheel.remove(&mut self.cold, id.0);
        self.cold.get_mut(id.0 as usize)?.live = false;
        self.free.push(id.0);
        self.live -= 1;
        Some(view)
    }

    pub(crate) fn subscriber(&self, id: SessionId) -> Option<SubscriberId> {
        self.cold
            .get(id.0 as usize)
            .filter(|cold| cold.subscriber != NIL)
            .map(|cold| SubscriberId(cold.subscriber))
    }

    pub(crate) fn mapping(&self, id: SessionId) -> Option<MappingId> {
        self.cold
            .get(id.0 as usize)
            .filter(|cold| cold.mapping != NIL)
            .map(|cold| MappingId(cold.mapping))
    }

    pub(crate) fn view(&self, id: SessionId) -> Option<SessionView> {
        let session = self.hot.get(id.0 as usize)?;
        let cold = self.cold.get(id.0 as usize)?;
        if !cold.live {
            return None;
        }
        let total = |low: u32, carry: u16| u64::from(low) + (u64::from(carry) << 31);
        let [out_packets, in_packets, out_bytes, in_bytes] = cold.carries;
        Some(SessionView {
            id,
            out_key: session.out_key,
            outside: session.outside,
            outside_port: session.outside_port,
            outside_realm: session.outside_realm,
            state: session.state,
            flags: session.flags,
            created: cold.created,
            last_seen: session.last_seen,
            rule: cold.rule,
            mapping: self.mapping(id),
            packets: [
                total(session.packets[0], out_packets),
                total(session.packets[1], in_packets),
            ],
            bytes: [
                total(session.bytes[0], out_bytes),
                total(session.bytes[1], in_bytes),
            ],
        })
    }

    /// The next session whose time is up, still in the table; those that live
    /// on are put back on the way. Looks at no more than `budget` entries.
    pub(crate) fn pop_expired(&mut self, now: Ticks, budget: &mut u32) -> Option<SessionId> {
        let mut ticks = u32::MAX;
        while *budget > 0
            && let Some(at) = self.wheel.pop_due(&mut self.cold, now, &mut ticks)
        {
            *budget -= 1;
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

/// Whether a reset's sequence number lies in the window its receiver has last
/// acknowledged, with the largest window the scale allows (RFC 7857 section 2.2).
/// Before anything was acknowledged there is nothing to compare with.
fn in_window(session: &Session, direction: Direction, segment: &Segment) -> bool {
    let [inside_ack, outside_ack] = session.acks;
    let (acked, shift) = match direction {
        Direction::Outbound => (outside_ack, session.scales >> 4),
        Direction::Inbound => (inside_ack, session.scales & 0xf),
    };
    let window = 0xffff_u32 << shift;
    // One window back as well: a reset that crosses an acknowledgement.
    acked == 0 || segment.seq.wrapping_sub(acked).wrapping_add(window) <= window.wrapping_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(capacity: u32) -> SessionTable {
        SessionTable::with_capacity(capacity, 1, [10; State::COUNT], Ticks(0))
    }

    fn new(port: u16) -> NewSession {
        NewSession {
            out_key: FlowKey::new(0x0a40_0007, 0xc000_0201, port, 53, 17, 0),
            outside: 0xcb00_7101,
            outside_port: port ^ 0x4000,
            outside_realm: 0,
            state: State::Udp,
            flags: Flags::default(),
            rule: 0,
            mapping: None,
            subscriber: None,
        }
    }

    #[test]
    fn a_session_is_found_by_both_keys_until_it_ends() {
        let mut table = table(10);
        let id = table.insert(&new(4000), Ticks(0)).unwrap();
        let out = new(4000).out_key;
        let inward = out.reversed().with_dst(0xcb00_7101, 4000 ^ 0x4000);
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
        assert!(table.remove(id).is_some());
        assert!(table.remove(id).is_none());
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
        table.remove(first).unwrap();
        assert!(table.insert(&new(3), Ticks(0)).is_ok());
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
