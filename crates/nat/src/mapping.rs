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
use crate::session::{SessionId, TableFull};
use crate::subscriber::SubscriberId;
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
    /// None: the slot is free, and `block` names the next free one.
    Free,
}

impl MappingKind {
    /// As `show mappings` prints it.
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

/// One mapping.
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
    /// Who it counts for; [`NIL`] for static ones.
    subscriber: u32,
    /// Block its port belongs to; [`NO_BLOCK`](crate::pool::NO_BLOCK) for static
    /// ones and those of protocols that get no port.
    pub(crate) block: u32,
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

const _: () = assert!(size_of::<Mapping>() == 48);

/// What a new mapping is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewMapping {
    pub(crate) out_key: FlowKey,
    pub(crate) outside: u32,
    pub(crate) outside_port: u16,
    pub(crate) outside_realm: Realm,
    pub(crate) subscriber: Option<SubscriberId>,
    pub(crate) block: u32,
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
            subscriber: new.subscriber.map_or(NIL, |id| id.0),
            block: new.block,
            outside_port: new.outside_port,
            rule: new.rule,
            outside_realm: new.outside_realm,
            kind: new.kind,
            reach: new.reach,
        }
    }

    /// Who it counts for; `None` for static ones.
    #[must_use]
    pub fn subscriber(&self) -> Option<SubscriberId> {
        (self.subscriber != NIL).then_some(SubscriberId(self.subscriber))
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

/// The key under which a mapping is found from outside.
pub(crate) fn inbound_key(outside: u32, port: u16, protocol: u8, realm: Realm) -> FlowKey {
    FlowKey::new(0, outside, 0, port, protocol, realm)
}

#[derive(Debug)]
pub(crate) struct MappingTable {
    slots: Vec<Mapping>,
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
        let capacity = (capacity as usize).min(1 << 30);
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
        self.capacity * size_of::<Mapping>() + self.index.bytes()
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

    pub(crate) fn get(&self, id: MappingId) -> Option<&Mapping> {
        self.slots
            .get(id.0 as usize)
            .filter(|mapping| mapping.kind != MappingKind::Free)
    }

    pub(crate) fn get_mut(&mut self, id: MappingId) -> Option<&mut Mapping> {
        self.slots
            .get_mut(id.0 as usize)
            .filter(|mapping| mapping.kind != MappingKind::Free)
    }

    /// By inside endpoint (and what it depends on), in the scope of its pool.
    pub(crate) fn find_outbound(&self, out_key: FlowKey) -> Option<MappingId> {
        self.find(out_key, |mapping| mapping.out_key == out_key, 0)
    }

    /// The mapping that a static one has pinned under this key; several may have the key.
    pub(crate) fn find_pinned(&self, out_key: FlowKey, number: u16) -> Option<MappingId> {
        let same = |mapping: &Mapping| {
            mapping.out_key == out_key
                && mapping.kind == MappingKind::Static
                && mapping.rule == number
        };
        self.find(out_key, same, 0)
    }

    /// By outside endpoint.
    pub(crate) fn find_inbound(&self, in_key: FlowKey) -> Option<MappingId> {
        self.find(in_key, |mapping| mapping.in_key() == in_key, 1)
    }

    fn find(&self, key: FlowKey, same: impl Fn(&Mapping) -> bool, side: u32) -> Option<MappingId> {
        self.index
            .find(key.hash(self.seed), |entry| {
                entry & 1 == side && self.slots.get((entry >> 1) as usize).is_some_and(&same)
            })
            .map(|entry| MappingId(entry >> 1))
    }

    pub(crate) fn has_room(&self) -> bool {
        self.free != NIL || self.slots.len() < self.capacity
    }

    pub(crate) fn insert(&mut self, new: &NewMapping) -> Result<MappingId, TableFull> {
        let mapping = Mapping::new(new);
        let slot = match self.free {
            NIL if self.slots.len() < self.capacity => self.slots(),
            NIL => return Err(TableFull),
            slot => slot,
        };
        let out_hash = mapping.out_key.hash(self.seed);
        let in_hash = mapping.in_key().hash(self.seed);
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
                self.free = place.block;
                *place = mapping;
            }
        } else {
            self.slots.push(mapping);
        }
        self.live += 1;
        self.special.count(&mapping, 1);
        Ok(MappingId(slot))
    }

    pub(crate) fn remove(&mut self, id: MappingId) -> Option<Mapping> {
        let mapping = *self.get(id)?;
        self.index
            .remove(mapping.out_key.hash(self.seed), id.0 << 1);
        self.index
            .remove(mapping.in_key().hash(self.seed), id.0 << 1 | 1);
        let place = self.get_mut(id)?;
        place.kind = MappingKind::Free;
        let next = core::mem::replace(&mut self.free, id.0);
        self.slots.get_mut(id.0 as usize)?.block = next;
        self.live -= 1;
        self.special.count(&mapping, -1);
        Some(mapping)
    }
}
