//! What hosts have asked for by PCP (RFC 6887): records beside the table of mappings.
//!
//! ```text
//!  inside endpoint (PEER: and remote) ──Index──> record: nonce, end, filters
//!  mapping ──Index──> its records: one MAP, any number of PEER
//!  lifetime ──Wheel──> what is over
//! ```
//!
//! A record keeps its mapping as a session does; a mapping with records is marked, so that
//! nobody else's packets ask here.
//!
//! Those of a subscriber are in a list, the latest first.
//!
//! Invariants: one record of an inside endpoint, and one of it with each remote; a subscriber has
//! no more than its rule says. All memory is allocated when the table is made, which a shard owns.

use alloc::vec;
use alloc::vec::Vec;

use arrayvec::ArrayVec;
use base::{Prefix, Ticks};

use crate::index::Index;
use crate::key::FlowKey;
use crate::mapping::MappingId;
use crate::session::TableFull;
use crate::subscriber::SubscriberId;
use crate::wheel::{Link, NIL, Wheel};

/// Filters of one mapping.
pub const MAX_FILTERS: usize = 8;

/// Ports mapped by one request at most.
pub const MAX_SET: u16 = 64;

/// A client's identification of what it has asked for.
pub type Nonce = [u8; 12];

/// That of clients of NAT-PMP, whose requests have nothing like it.
pub const NO_NONCE: Nonce = [0; 12];

/// What a rule lets its subscribers ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Records of one subscriber at most.
    pub max_mappings: u16,
    /// Seconds that are granted at least.
    pub min_lifetime: u32,
    /// Seconds that are granted at most.
    pub max_lifetime: u32,
    /// Who may ask in the name of its subscribers.
    pub third_party: Vec<Prefix>,
    /// They may ask by NAT-PMP as well.
    pub nat_pmp: bool,
}

/// Who may come in by a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// From one of these addresses.
    pub prefix: Prefix,
    /// From this port; zero is any.
    pub port: u16,
}

impl Filter {
    pub(crate) fn admits(&self, remote: u32, port: u16) -> bool {
        self.prefix.contains(core::net::Ipv4Addr::from_bits(remote))
            && (self.port == 0 || self.port == port)
    }
}

/// The filters of a mapping; none admit everybody.
pub type Filters = ArrayVec<Filter, MAX_FILTERS>;

/// Names a record while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordId(u32);

/// What one request has come to.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The inside endpoint; of PEER with the remote as destination.
    pub(crate) key: FlowKey,
    pub(crate) mapping: MappingId,
    /// Whose share it counts in.
    pub(crate) subscriber: SubscriberId,
    pub(crate) nonce: Nonce,
    pub(crate) expires: Ticks,
    pub(crate) filters: Filters,
    /// First inside port of the set that it was asked for with, and how many there are.
    pub(crate) set: (u16, u16),
}

impl Record {
    pub(crate) const fn is_peer(&self) -> bool {
        self.key.dst() != 0
    }
}

#[derive(Debug)]
enum Slot {
    Taken(Record, Beside),
    /// With the next free one.
    Free(u32),
}

/// The subscriber's records before and after one in its list.
#[derive(Clone, Copy, Debug)]
struct Beside {
    before: u32,
    after: u32,
}

/// What a subscriber has.
#[derive(Clone, Copy, Debug)]
struct Share {
    count: u16,
    first: u32,
}

impl Share {
    const NONE: Self = Self {
        count: 0,
        first: NIL,
    };
}

/// All records of one shard.
#[derive(Debug)]
pub(crate) struct Records {
    slots: Vec<Slot>,
    links: Vec<Link>,
    free: u32,
    live: u32,
    peers: u32,
    capacity: usize,
    by_key: Index,
    by_mapping: Index,
    seed: u64,
    wheel: Wheel,
    /// By number of the subscriber.
    shares: Vec<Share>,
}

impl Records {
    /// For so many records of so many subscribers.
    pub(crate) fn with_capacity(records: u32, subscribers: u32, seed: u64, now: Ticks) -> Self {
        let capacity = records as usize;
        Self {
            slots: Vec::with_capacity(capacity),
            links: Vec::with_capacity(capacity),
            free: NIL,
            live: 0,
            peers: 0,
            capacity,
            by_key: Index::with_capacity(capacity),
            by_mapping: Index::with_capacity(capacity),
            seed,
            wheel: Wheel::new(now),
            shares: vec![Share::NONE; subscribers as usize],
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.capacity * (size_of::<Slot>() + size_of::<Link>())
            + self.by_key.bytes()
            + self.by_mapping.bytes()
            + self.shares.len() * size_of::<Share>()
    }

    /// Slots that have been in use.
    pub(crate) fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    pub(crate) const fn live(&self) -> u32 {
        self.live
    }

    /// Records of PEER.
    pub(crate) const fn peers(&self) -> u32 {
        self.peers
    }

    pub(crate) fn has_room(&self) -> bool {
        self.free != NIL || self.slots.len() < self.capacity
    }

    /// The record in a slot, if there is one.
    pub(crate) fn at(&self, slot: u32) -> Option<(RecordId, &Record)> {
        let id = RecordId(slot);
        Some((id, self.get(id)?))
    }

    pub(crate) fn get(&self, RecordId(at): RecordId) -> Option<&Record> {
        match self.slots.get(at as usize) {
            Some(Slot::Taken(record, _)) => Some(record),
            _ => None,
        }
    }

    fn get_mut(&mut self, RecordId(at): RecordId) -> Option<&mut Record> {
        match self.slots.get_mut(at as usize) {
            Some(Slot::Taken(record, _)) => Some(record),
            _ => None,
        }
    }

    /// By inside endpoint, and remote.
    pub(crate) fn find(&self, key: FlowKey) -> Option<RecordId> {
        let found = self.by_key.find(key.hash(self.seed), |at| {
            self.get(RecordId(at))
                .is_some_and(|record| record.key == key)
        });
        found.map(RecordId)
    }

    /// The first of a mapping's records that `is_it` says yes to.
    pub(crate) fn of_mapping(
        &self,
        mapping: MappingId,
        mut is_it: impl FnMut(&Record) -> bool,
    ) -> Option<RecordId> {
        let found = self.by_mapping.find(self.mapping_hash(mapping), |at| {
            self.get(RecordId(at))
                .is_some_and(|record| record.mapping == mapping && is_it(record))
        });
        found.map(RecordId)
    }

    /// How many a subscriber has.
    pub(crate) fn share_of(&self, id: SubscriberId) -> u16 {
        self.share(id).count
    }

    /// The latest of a subscriber's.
    pub(crate) fn first_of(&self, id: SubscriberId) -> Option<RecordId> {
        let first = self.share(id).first;
        (first != NIL).then_some(RecordId(first))
    }

    /// The one that its subscriber has had before this one.
    pub(crate) fn next_of(&self, RecordId(at): RecordId) -> Option<RecordId> {
        let Some(Slot::Taken(_, beside)) = self.slots.get(at as usize) else {
            return None;
        };
        (beside.after != NIL).then_some(RecordId(beside.after))
    }

    fn share(&self, SubscriberId(subscriber): SubscriberId) -> Share {
        let share = self.shares.get(subscriber as usize);
        share.copied().unwrap_or(Share::NONE)
    }

    /// Takes a record up; there is none with its key.
    pub(crate) fn insert(&mut self, record: Record) -> Result<RecordId, TableFull> {
        let at = match self.free {
            NIL if self.slots.len() < self.capacity => self.slots(),
            NIL => return Err(TableFull),
            at => at,
        };
        let [key, mapping] = self.hashes(&record);
        self.by_key.insert(key, at).map_err(|_| TableFull)?;
        if self.by_mapping.insert(mapping, at).is_err() {
            self.by_key.remove(key, at);
            return Err(TableFull);
        }
        let beside = Beside {
            before: NIL,
            after: self.share(record.subscriber).first,
        };
        if let Some(share) = self.share_mut(&record) {
            share.count += 1;
            share.first = at;
        }
        if let Some(after) = self.beside_mut(beside.after) {
            after.before = at;
        }
        self.peers += u32::from(record.is_peer());
        self.live += 1;
        let expires = record.expires;
        if let Some(place) = self.slots.get_mut(at as usize) {
            if let Slot::Free(next) = core::mem::replace(place, Slot::Taken(record, beside)) {
                self.free = next;
            }
        } else {
            self.slots.push(Slot::Taken(record, beside));
            self.links.push(Link::NONE);
        }
        self.wheel.insert(&mut self.links, at, expires);
        Ok(RecordId(at))
    }

    /// Gives a record another end, other filters and another set.
    pub(crate) fn renew(
        &mut self,
        id: RecordId,
        expires: Ticks,
        filters: Option<&Filters>,
        set: (u16, u16),
    ) {
        let Some(record) = self.get_mut(id) else {
            return;
        };
        record.expires = expires;
        record.set = set;
        if let Some(filters) = filters {
            record.filters.clone_from(filters);
        }
        self.wheel.remove(&mut self.links, id.0);
        self.wheel.insert(&mut self.links, id.0, expires);
    }

    pub(crate) fn remove(&mut self, id: RecordId) -> Option<Record> {
        let place = self.slots.get_mut(id.0 as usize)?;
        if matches!(place, Slot::Free(_)) {
            return None;
        }
        let Slot::Taken(record, beside) = core::mem::replace(place, Slot::Free(self.free)) else {
            return None;
        };
        self.free = id.0;
        let [key, mapping] = self.hashes(&record);
        self.by_key.remove(key, id.0);
        self.by_mapping.remove(mapping, id.0);
        self.wheel.remove(&mut self.links, id.0);
        if let Some(share) = self.share_mut(&record) {
            share.count -= 1;
            if beside.before == NIL {
                share.first = beside.after;
            }
        }
        if let Some(before) = self.beside_mut(beside.before) {
            before.after = beside.after;
        }
        if let Some(after) = self.beside_mut(beside.after) {
            after.before = beside.before;
        }
        self.peers -= u32::from(record.is_peer());
        self.live -= 1;
        Some(record)
    }

    /// One whose time is over; looks at no more than `budget`.
    pub(crate) fn next_expired(&mut self, now: Ticks, budget: &mut u32) -> Option<RecordId> {
        let mut ticks = u32::MAX;
        while *budget > 0
            && let Some(at) = self.wheel.pop_due(&mut self.links, now, &mut ticks)
        {
            *budget -= 1;
            match self.get(RecordId(at)).map(|record| record.expires) {
                Some(deadline) if !now.reached(deadline) => {
                    self.wheel.insert(&mut self.links, at, deadline);
                }
                Some(_) => return Some(RecordId(at)),
                None => {}
            }
        }
        None
    }

    pub(crate) fn next_due(&self) -> Option<Ticks> {
        self.wheel.next_due()
    }

    fn beside_mut(&mut self, at: u32) -> Option<&mut Beside> {
        match self.slots.get_mut(at as usize) {
            Some(Slot::Taken(_, beside)) => Some(beside),
            _ => None,
        }
    }

    fn share_mut(&mut self, record: &Record) -> Option<&mut Share> {
        self.shares.get_mut(record.subscriber.0 as usize)
    }

    fn hashes(&self, record: &Record) -> [u64; 2] {
        [
            record.key.hash(self.seed),
            self.mapping_hash(record.mapping),
        ]
    }

    fn mapping_hash(&self, MappingId(mapping): MappingId) -> u64 {
        FlowKey::new(mapping, 0, 0, 0, 0, 0).hash(self.seed)
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;

    fn record(port: u16, remote: u32, mapping: u32, expires: u32) -> Record {
        Record {
            key: FlowKey::new(0x0a40_0007, remote, port, 0, 17, 0),
            mapping: MappingId(mapping),
            subscriber: SubscriberId(1),
            nonce: [7; 12],
            expires: Ticks(expires),
            filters: Filters::new(),
            set: (port, 1),
        }
    }

    #[test]
    fn a_record_is_found_by_its_endpoint_and_its_mapping() {
        let mut records = Records::with_capacity(3, 4, 9, Ticks(0));
        let map = records.insert(record(80, 0, 5, 100)).unwrap();
        let peer = records.insert(record(80, 77, 5, 100)).unwrap();
        let other = records.insert(record(81, 0, 6, 100)).unwrap();
        assert!(records.insert(record(82, 0, 7, 100)).is_err());
        assert_eq!((records.live(), records.peers()), (3, 1));
        assert_eq!(records.share_of(SubscriberId(1)), 3);
        let key = record(80, 0, 0, 0).key;
        assert_eq!(records.find(key), Some(map));
        assert_eq!(records.find(key.with_dst(77, 0)), Some(peer));
        assert_eq!(records.find(key.with_dst(78, 0)), None);
        let mapping = MappingId(5);
        assert_eq!(records.of_mapping(mapping, Record::is_peer), Some(peer));
        records.remove(peer);
        assert_eq!(records.of_mapping(mapping, Record::is_peer), None);
        assert_eq!(records.of_mapping(mapping, |_| true), Some(map));
        assert!(records.remove(peer).is_none(), "it is gone");
        assert_eq!((records.live(), records.peers()), (2, 0));
        assert_eq!(records.insert(record(82, 0, 7, 100)).unwrap(), peer);
        assert_eq!(records.get(other).unwrap().mapping, MappingId(6));
        assert_eq!(records.share_of(SubscriberId(1)), 3);
    }

    #[test]
    fn a_subscriber_knows_its_records_the_latest_first() {
        let mut records = Records::with_capacity(5, 4, 9, Ticks(0));
        let ids: Vec<_> = (80..84)
            .map(|port| {
                records
                    .insert(record(port, 0, u32::from(port), 100))
                    .unwrap()
            })
            .collect();
        let others = Record {
            subscriber: SubscriberId(2),
            ..record(99, 0, 99, 100)
        };
        records.insert(others).unwrap();
        let all = |records: &Records| {
            let first = records.first_of(SubscriberId(1));
            core::iter::successors(first, |id| records.next_of(*id)).collect::<Vec<_>>()
        };
        assert_eq!(all(&records), [ids[3], ids[2], ids[1], ids[0]]);
        // One between others, the first, the last.
        for (gone, left) in [
            (1, &[ids[3], ids[2], ids[0]][..]),
            (3, &[ids[2], ids[0]]),
            (0, &[ids[2]]),
            (2, &[]),
        ] {
            records.remove(ids[gone]).unwrap();
            assert_eq!(all(&records), left);
            assert_eq!(usize::from(records.share_of(SubscriberId(1))), left.len());
        }
    }

    #[test]
    fn a_record_lasts_until_its_end_and_is_renewed() {
        let mut records = Records::with_capacity(2, 4, 9, Ticks(0));
        let one = records.insert(record(80, 0, 5, 100)).unwrap();
        let two = records.insert(record(81, 0, 6, 100)).unwrap();
        assert_eq!(records.next_expired(Ticks(99), &mut 8), None);
        records.renew(one, Ticks(70_000), None, (80, 1));
        assert_eq!(records.next_expired(Ticks(100), &mut 8), Some(two));
        records.remove(two);
        assert_eq!(records.next_expired(Ticks(69_999), &mut 8), None);
        assert_eq!(records.next_expired(Ticks(70_000), &mut 8), Some(one));
    }

    #[test]
    fn a_filter_admits_by_prefix_and_port() {
        let prefix = Prefix::new(Ipv4Addr::new(192, 0, 2, 0), 24);
        let any = Filter { prefix, port: 0 };
        let one = Filter { prefix, port: 53 };
        assert!(any.admits(0xc000_0201, 9) && one.admits(0xc000_0201, 53));
        assert!(!any.admits(0xc000_0301, 9) && !one.admits(0xc000_0201, 54));
    }
}
