//! Mappings `X:x` <-> `X1':x1'` (RFC 4787 section 4).
//!
//! A mapping lives while a session needs it: `strong` ones were opened or
//! answered from inside, `weak` ones came from outside and were never answered.
//! When the last strong one ends, the weak ones end with it, and the mapping: a
//! visitor cannot pin a port (RFC 4787 REQ-6a). Pinned ones (static) stay for ever.

use alloc::vec::Vec;

use crate::index::Index;
use crate::key::{FlowKey, Realm};
use crate::region::Region;
use crate::session::{NO_MAPPING, SessionId, TableFull};
use crate::wheel::NIL;

/// Names a mapping until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappingId(pub(crate) u32);

/// Where a mapping comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingKind {
    /// Made by a packet.
    Dynamic,
    /// Configured.
    Static,
    /// Made by a packet in a computed port range (RFC 7422).
    Deterministic,
    /// None: the slot is free.
    Free,
}

impl MappingKind {
    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dynamic => "dynamic",
            Self::Static => "static",
            Self::Deterministic => "deterministic",
            Self::Free => "free",
        }
    }
}

/// One mapping, as it is worked with; tables keep it in less.
#[derive(Clone, Copy, Debug)]
pub struct Mapping {
    /// Inside endpoint as source; as destination the remote it depends on, or zero.
    pub out_key: FlowKey,
    /// Outside address.
    pub outside: u32,
    /// Sessions that keep it.
    pub strong: u32,
    /// Sessions that do not.
    pub weak: u16,
    /// Sessions from outside, of either kind.
    pub visitors: u16,
    /// First of the weak ones, or [`NIL`]; they are chained.
    first_weak: u32,
    /// Outside port or identifier; zero if all of the address is mapped.
    pub outside_port: u16,
    /// Rule that made it; for static ones the number of the static mapping.
    pub rule: u16,
    /// Realm of the outside.
    pub outside_realm: Realm,
    /// Where it comes from.
    pub kind: MappingKind,
    /// How it is found from outside.
    pub(crate) reach: Reach,
    /// Somebody has asked for it (PCP): there are records of that.
    pub(crate) explicit: bool,
    /// A remote address that it has written to, one of possibly many, and in how many
    /// sessions.
    spoken: Option<(u32, u16)>,
}

/// How a mapping is found from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// By its outside endpoint.
    Endpoint,
    /// Only together with the remote it depends on, since others may have its
    /// outside endpoint towards other remotes.
    Remote,
    /// Not at all: another static mapping speaks for the outside endpoint.
    Hidden,
}

/// What a new mapping is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewMapping {
    pub(crate) out_key: FlowKey,
    pub(crate) outside: u32,
    pub(crate) outside_port: u16,
    pub(crate) outside_realm: Realm,
    pub(crate) rule: u16,
    pub(crate) kind: MappingKind,
    pub(crate) reach: Reach,
}

impl NewMapping {
    /// The key under which it will be found from outside.
    pub(crate) fn in_key(&self) -> FlowKey {
        Mapping::new(self).in_key()
    }
}

impl Mapping {
    fn new(new: &NewMapping) -> Self {
        Self {
            out_key: new.out_key,
            outside: new.outside,
            strong: 0,
            weak: 0,
            visitors: 0,
            first_weak: NIL,
            outside_port: new.outside_port,
            rule: new.rule,
            outside_realm: new.outside_realm,
            kind: new.kind,
            reach: new.reach,
            explicit: false,
            spoken: None,
        }
    }

    /// Number of the pool its outside address is of; `None` for static ones. Not asked of those
    /// that are [untouched](Self::is_untouched): nobody owns them.
    pub(crate) fn pool(&self) -> Option<usize> {
        let scope = self.out_key.scope().checked_sub(1)?;
        (self.kind != MappingKind::Static).then_some(usize::from(scope))
    }

    /// Whether it leaves its endpoint as it is, and is there for doors alone.
    #[inline]
    pub(crate) const fn is_untouched(&self) -> bool {
        self.out_key.scope() == UNTOUCHED_SCOPE
    }

    /// Whether it remembers to have written to a remote address.
    pub(crate) fn has_spoken_to(&self, remote: u32) -> bool {
        self.spoken.is_some_and(|(known, _)| known == remote)
    }

    /// First of the sessions that nobody inside has answered.
    pub(crate) fn first_weak(&self) -> Option<SessionId> {
        (self.first_weak != NIL).then_some(SessionId(self.first_weak))
    }

    /// Changes that; answers what it was.
    pub(crate) fn set_first_weak(&mut self, first: Option<SessionId>) -> Option<SessionId> {
        let before = self.first_weak();
        self.first_weak = first.map_or(NIL, |id| id.0);
        before
    }

    /// Where it comes from, as `show mappings` prints it.
    #[must_use]
    pub const fn origin(&self) -> &'static str {
        if self.explicit {
            "pcp"
        } else {
            self.kind.name()
        }
    }

    /// Whether it lets anything in.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.strong > 0 || self.kind == MappingKind::Static
    }

    /// Whether all of the inside address is mapped, for one protocol or every.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.outside_port == 0 && self.out_key.dst() == 0
    }

    /// The outside port of a flow with this inside port: a mapping of a whole
    /// address leaves it alone.
    pub(crate) const fn port_for(&self, inside: u16) -> u16 {
        if self.outside_port == 0 {
            inside
        } else {
            self.outside_port
        }
    }

    /// The inside port of a flow to this outside port.
    pub(crate) const fn inside_port_for(&self, outside: u16) -> u16 {
        if self.outside_port == 0 {
            outside
        } else {
            self.out_key.src_port()
        }
    }

    fn in_key(&self) -> FlowKey {
        let key = inbound_key(
            self.outside,
            self.outside_port,
            self.out_key.protocol(),
            self.outside_realm,
        );
        match self.reach {
            Reach::Remote => key.with_src(self.out_key.dst(), self.out_key.dst_port()),
            Reach::Endpoint | Reach::Hidden => key,
        }
    }
}

/// Scope of endpoints that are mapped to themselves.
pub(crate) const UNTOUCHED_SCOPE: u16 = u16::MAX - 1;

/// The key under which a mapping is found from outside.
pub(crate) fn inbound_key(outside: u32, port: u16, protocol: u8, realm: Realm) -> FlowKey {
    FlowKey::new(0, outside, 0, port, protocol, realm)
}

/// A mapping in 36 bytes.
///
/// The remote of a mapping that depends on none is that which it has spoken to, with the
/// number of sessions in place of the port.
#[derive(Clone, Copy, Debug)]
struct Packed {
    inside: u32,
    remote: u32,
    inside_port: u16,
    remote_port: u16,
    scope: u16,
    protocol: u8,
    realm: Realm,
    /// In a free slot the number of the next free one.
    outside: u32,
    outside_port: u16,
    rule: u16,
    /// Strong sessions above [`WEAK_BITS`], weak ones below.
    sessions: u32,
    first_weak: u32,
    visitors: u16,
    outside_realm: Realm,
    marks: u8,
}

const _: () = assert!(size_of::<Packed>() == 36);

const WEAK_BITS: u32 = 9;

/// Most sessions that keep a mapping; those that may yet come to keep it not counted.
pub(crate) const MAX_STRONG: u32 = (1 << (32 - WEAK_BITS)) - 1 - (1 << WEAK_BITS);

const KINDS: [MappingKind; 4] = [
    MappingKind::Dynamic,
    MappingKind::Static,
    MappingKind::Deterministic,
    MappingKind::Free,
];
const REACHES: [Reach; 4] = [Reach::Endpoint, Reach::Remote, Reach::Hidden, Reach::Hidden];
const SPOKEN: u8 = 16;
const EXPLICIT: u8 = 32;

impl Packed {
    #[inline]
    fn new(mapping: &Mapping) -> Self {
        let key = mapping.out_key;
        let (remote, remote_port, spoken) = match mapping.spoken {
            Some((remote, sessions)) => (remote, sessions, SPOKEN),
            None => (key.dst(), key.dst_port(), 0),
        };
        Self {
            inside: key.src(),
            remote,
            inside_port: key.src_port(),
            remote_port,
            scope: key.scope(),
            protocol: key.protocol(),
            realm: key.realm(),
            outside: mapping.outside,
            outside_port: mapping.outside_port,
            rule: mapping.rule,
            sessions: mapping.strong << WEAK_BITS | u32::from(mapping.weak),
            first_weak: mapping.first_weak,
            visitors: mapping.visitors,
            outside_realm: mapping.outside_realm,
            marks: mapping.kind as u8
                | (mapping.reach as u8) << 2
                | spoken
                | if mapping.explicit { EXPLICIT } else { 0 },
        }
    }

    #[inline]
    fn kind(&self) -> MappingKind {
        let number = usize::from(self.marks & 3);
        KINDS.get(number).copied().unwrap_or(MappingKind::Free)
    }

    #[inline]
    fn reach(&self) -> Reach {
        let number = usize::from(self.marks >> 2 & 3);
        REACHES.get(number).copied().unwrap_or(Reach::Hidden)
    }

    #[inline]
    fn out_key(&self) -> FlowKey {
        let (remote, port) = if self.marks & SPOKEN == 0 {
            (self.remote, self.remote_port)
        } else {
            (0, 0)
        };
        let (from, protocol) = (self.inside, self.protocol);
        FlowKey::new(from, remote, self.inside_port, port, protocol, self.realm).scoped(self.scope)
    }

    #[inline]
    fn in_key(&self) -> FlowKey {
        let (port, realm) = (self.outside_port, self.outside_realm);
        let key = inbound_key(self.outside, port, self.protocol, realm);
        match self.reach() {
            Reach::Remote => {
                let out_key = self.out_key();
                key.with_src(out_key.dst(), out_key.dst_port())
            }
            Reach::Endpoint | Reach::Hidden => key,
        }
    }

    /// Remembers one more session to a remote address, if that is the one it remembers or
    /// there is none yet.
    #[inline]
    fn speak(&mut self, remote: u32) -> bool {
        if self.marks & SPOKEN == 0 {
            // That of its key, if it has one.
            if self.remote != 0 {
                return false;
            }
            self.marks |= SPOKEN;
            (self.remote, self.remote_port) = (remote, 1);
        } else if self.remote == remote && self.remote_port < u16::MAX {
            self.remote_port += 1;
        } else {
            return false;
        }
        true
    }

    /// Forgets one of them; false if that is not the remote it remembers.
    fn unspeak(&mut self, remote: u32) -> bool {
        if self.marks & SPOKEN == 0 || self.remote != remote {
            return false;
        }
        self.remote_port -= 1;
        if self.remote_port == 0 {
            self.marks &= !SPOKEN;
            self.remote = 0;
        }
        true
    }

    #[inline]
    fn unpack(&self) -> Mapping {
        #[allow(clippy::cast_possible_truncation)]
        let weak = self.sessions as u16 & ((1 << WEAK_BITS) - 1);
        Mapping {
            out_key: self.out_key(),
            outside: self.outside,
            strong: self.sessions >> WEAK_BITS,
            weak,
            visitors: self.visitors,
            first_weak: self.first_weak,
            outside_port: self.outside_port,
            rule: self.rule,
            outside_realm: self.outside_realm,
            kind: self.kind(),
            reach: self.reach(),
            explicit: self.marks & EXPLICIT != 0,
            spoken: (self.marks & SPOKEN != 0).then_some((self.remote, self.remote_port)),
        }
    }
}

#[derive(Debug)]
pub(crate) struct MappingTable {
    slots: Vec<Packed>,
    /// First of the free slots.
    free: u32,
    live: u32,
    /// Those that are special; most appliances have none, and are not asked to look.
    special: Special,
    capacity: usize,
    index: Index,
    seed: u64,
}

/// How many mappings are found in another way than by an inside or outside endpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Special {
    /// Static ones.
    pub(crate) pinned: u32,
    /// Of whole addresses.
    pub(crate) whole: u32,
    /// Found from outside only together with the remote.
    pub(crate) remote: u32,
}

impl Special {
    #[inline]
    fn count(&mut self, mapping: &Mapping, change: i32) {
        for (counts, number) in [
            (mapping.kind == MappingKind::Static, &mut self.pinned),
            (mapping.is_whole(), &mut self.whole),
            (mapping.reach == Reach::Remote, &mut self.remote),
        ] {
            if counts {
                *number = number.saturating_add_signed(change);
            }
        }
    }
}

impl MappingTable {
    pub(crate) fn with_capacity(capacity: u32, seed: u64) -> Self {
        let capacity = (capacity as usize).min(NO_MAPPING as usize);
        Self {
            slots: Vec::with_capacity(capacity),
            free: NIL,
            live: 0,
            special: Special::default(),
            capacity,
            index: Index::with_capacity(capacity * 2),
            seed,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.capacity * size_of::<Packed>() + self.index.bytes()
    }

    pub(crate) fn regions(&self) -> [Region; 2] {
        [Region::of(&self.slots), self.index.region()]
    }

    pub(crate) const fn live(&self) -> u32 {
        self.live
    }

    /// How many are special.
    pub(crate) const fn special(&self) -> Special {
        self.special
    }

    pub(crate) fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    #[inline]
    pub(crate) fn get(&self, id: MappingId) -> Option<Mapping> {
        let packed = self.slots.get(id.0 as usize)?;
        (packed.kind() != MappingKind::Free).then(|| packed.unpack())
    }

    /// Changes a mapping, but not its keys.
    #[inline]
    pub(crate) fn change<T>(
        &mut self,
        id: MappingId,
        change: impl FnOnce(&mut Mapping) -> T,
    ) -> Option<T> {
        let mut mapping = self.get(id)?;
        let result = change(&mut mapping);
        *self.slots.get_mut(id.0 as usize)? = Packed::new(&mapping);
        Some(result)
    }

    /// One more session that keeps it.
    #[inline]
    pub(crate) fn strengthen(&mut self, id: MappingId) {
        if let Some(packed) = self.slots.get_mut(id.0 as usize) {
            packed.sessions += 1 << WEAK_BITS;
        }
    }

    /// Remembers a session to a remote address; false where a filter has to.
    #[inline]
    pub(crate) fn speak(&mut self, id: MappingId, remote: u32) -> bool {
        let packed = self.slots.get_mut(id.0 as usize);
        packed.is_some_and(|packed| packed.speak(remote))
    }

    /// Forgets it again; false where a filter has to.
    pub(crate) fn unspeak(&mut self, id: MappingId, remote: u32) -> bool {
        let packed = self.slots.get_mut(id.0 as usize);
        packed.is_some_and(|packed| packed.unspeak(remote))
    }

    /// Loads the line of the index that a look-up begins with; answers the hash.
    pub(crate) fn look_ahead(&self, key: FlowKey) -> u64 {
        let hash = self.hash(key);
        self.index.prefetch(hash);
        hash
    }

    /// The mapping that the hash of a key from inside probably means, on the way, after
    /// that line.
    #[inline]
    pub(crate) fn guess(&self, hash: u64) -> Option<MappingId> {
        let entry = self.index.guess(hash).filter(|entry| entry & 1 == 0)?;
        base::prefetch(self.slots.get((entry >> 1) as usize)?);
        Some(MappingId(entry >> 1))
    }

    /// Loads a mapping.
    pub(crate) fn prefetch(&self, id: MappingId) {
        if let Some(packed) = self.slots.get(id.0 as usize) {
            base::prefetch(packed);
        }
    }

    /// Loads the next line of the index as well where that may be needed, after
    /// [`MappingTable::look_ahead`].
    #[inline]
    pub(crate) fn look_further(&self, hash: u64) {
        self.index.prefetch_further(hash);
    }

    /// Loads what ending it, if this is its last session, will touch here; answers the
    /// hashes of its keys.
    #[inline]
    pub(crate) fn look_ahead_to_end(&self, id: MappingId) -> Option<[u64; 2]> {
        let packed = self.slots.get(id.0 as usize)?;
        let hashes = [self.hash(packed.out_key()), self.hash(packed.in_key())];
        for hash in hashes {
            self.index.prefetch(hash);
        }
        Some(hashes)
    }

    /// By inside endpoint (and what it depends on), in the scope of its pool.
    pub(crate) fn find_outbound(&self, out_key: FlowKey) -> Option<MappingId> {
        self.find_outbound_by(self.hash(out_key), out_key)
    }

    /// The same with the hash known.
    #[inline]
    pub(crate) fn find_outbound_by(&self, hash: u64, out_key: FlowKey) -> Option<MappingId> {
        self.find(hash, |mapping| mapping.out_key() == out_key, 0)
    }

    #[inline]
    pub(crate) fn hash(&self, key: FlowKey) -> u64 {
        key.hash(self.seed)
    }

    /// The mapping that a static one has pinned under this key; several may have the key.
    pub(crate) fn find_pinned(&self, out_key: FlowKey, number: u16) -> Option<MappingId> {
        let same = |mapping: &Packed| {
            mapping.out_key() == out_key
                && mapping.kind() == MappingKind::Static
                && mapping.rule == number
        };
        self.find(self.hash(out_key), same, 0)
    }

    /// By outside endpoint.
    pub(crate) fn find_inbound(&self, in_key: FlowKey) -> Option<MappingId> {
        self.find(self.hash(in_key), |mapping| mapping.in_key() == in_key, 1)
    }

    #[inline]
    fn find(&self, hash: u64, same: impl Fn(&Packed) -> bool, side: u32) -> Option<MappingId> {
        self.index
            .find(hash, |entry| {
                entry & 1 == side && self.slots.get((entry >> 1) as usize).is_some_and(&same)
            })
            .map(|entry| MappingId(entry >> 1))
    }

    pub(crate) fn has_room(&self) -> bool {
        self.free != NIL || self.slots.len() < self.capacity
    }

    pub(crate) fn insert(&mut self, new: &NewMapping) -> Result<MappingId, TableFull> {
        let hashes = [self.hash(new.out_key), self.hash(new.in_key())];
        self.insert_with(new, hashes, 0, None)
    }

    /// The same with the hashes of its keys known, and with sessions that keep it, the
    /// first of them to a remote address that it is to remember.
    #[inline]
    pub(crate) fn insert_with(
        &mut self,
        new: &NewMapping,
        [out_hash, in_hash]: [u64; 2],
        strong: u32,
        remote: Option<u32>,
    ) -> Result<MappingId, TableFull> {
        let mapping = Mapping {
            strong,
            spoken: remote.map(|remote| (remote, 1)),
            ..Mapping::new(new)
        };
        let packed = Packed::new(&mapping);
        let slot = match self.free {
            NIL if self.slots.len() < self.capacity => self.slots(),
            NIL => return Err(TableFull),
            slot => slot,
        };
        self.index
            .insert(out_hash, slot << 1)
            .map_err(|_| TableFull)?;
        let hidden = mapping.reach == Reach::Hidden;
        if !hidden && self.index.insert(in_hash, slot << 1 | 1).is_err() {
            self.index.remove(out_hash, slot << 1);
            return Err(TableFull);
        }
        if slot == self.free {
            if let Some(place) = self.slots.get_mut(slot as usize) {
                self.free = place.outside;
                *place = packed;
            }
            // For the next one.
            if let Some(next) = self.slots.get(self.free as usize) {
                base::prefetch(next);
            }
        } else {
            self.slots.push(packed);
        }
        self.live += 1;
        self.special.count(&mapping, 1);
        Ok(MappingId(slot))
    }

    pub(crate) fn remove(&mut self, id: MappingId) -> Option<Mapping> {
        let mapping = self.get(id)?;
        let hashes = [self.hash(mapping.out_key), self.hash(mapping.in_key())];
        self.remove_known(id, &mapping, hashes);
        Some(mapping)
    }

    /// Removes a mapping that there is, given the hashes of its keys.
    #[inline]
    pub(crate) fn remove_known(&mut self, id: MappingId, mapping: &Mapping, hashes: [u64; 2]) {
        let Some(place) = self.slots.get_mut(id.0 as usize) else {
            return;
        };
        let [out_hash, in_hash] = hashes;
        self.index.remove(out_hash, id.0 << 1);
        self.index.remove(in_hash, id.0 << 1 | 1);
        place.marks = MappingKind::Free as u8;
        place.outside = core::mem::replace(&mut self.free, id.0);
        self.live -= 1;
        self.special.count(mapping, -1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(reach: Reach) -> NewMapping {
        let remote = if reach == Reach::Remote {
            (0xc633_6401, 53)
        } else {
            (0, 0)
        };
        NewMapping {
            out_key: FlowKey::new(0x6440_0007, remote.0, 4000, remote.1, 17, 3).scoped(5),
            outside: 0xcb00_7101,
            outside_port: 40_000,
            outside_realm: 9,
            rule: 7,
            kind: MappingKind::Deterministic,
            reach,
        }
    }

    #[test]
    fn what_is_packed_comes_back() {
        for reach in [Reach::Endpoint, Reach::Remote, Reach::Hidden] {
            for kind in KINDS {
                let mut mapping = Mapping::new(&new(reach));
                mapping.kind = kind;
                (mapping.strong, mapping.weak) = (MAX_STRONG, 256);
                mapping.visitors = 1000;
                mapping.explicit = kind == MappingKind::Dynamic;
                mapping.set_first_weak(Some(SessionId(12)));
                let back = Packed::new(&mapping).unpack();
                assert_eq!(format!("{back:?}"), format!("{mapping:?}"));
                assert_eq!(Packed::new(&mapping).in_key(), mapping.in_key());
                assert_eq!(mapping.pool().is_none(), kind == MappingKind::Static);
            }
        }
    }

    #[test]
    fn whom_it_has_spoken_to_is_no_part_of_its_keys() {
        let mut table = MappingTable::with_capacity(4, 1);
        let id = table.insert(&new(Reach::Endpoint)).unwrap();
        assert!(table.speak(id, 77));
        assert!(table.speak(id, 77));
        assert!(!table.speak(id, 78), "one remote only");
        let known = table.get(id).unwrap();
        assert!(known.has_spoken_to(77) && !known.has_spoken_to(78));
        assert_eq!(table.find_outbound(new(Reach::Endpoint).out_key), Some(id));
        assert_eq!(table.find_inbound(known.in_key()), Some(id));
        assert!(!table.unspeak(id, 78));
        assert!(table.unspeak(id, 77));
        assert!(table.get(id).unwrap().has_spoken_to(77));
        assert!(table.unspeak(id, 77));
        assert!(!table.unspeak(id, 77));
        assert!(table.speak(id, 78));
        assert!(table.remove(id).is_some());
        assert_eq!(table.find_outbound(new(Reach::Endpoint).out_key), None);
    }

    #[test]
    fn one_that_depends_on_its_remote_remembers_no_other() {
        let mut table = MappingTable::with_capacity(4, 1);
        let id = table.insert(&new(Reach::Remote)).unwrap();
        assert!(!table.speak(id, 77));
        assert_eq!(table.find_outbound(new(Reach::Remote).out_key), Some(id));
    }
}
