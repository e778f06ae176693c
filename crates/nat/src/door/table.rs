//! The table of doors.

use alloc::vec;
use alloc::vec::Vec;

use base::Ticks;

use super::{Door, DoorId, DoorRefusal, OpenedDoor, Parent, Place, Remote, Uses, key};
use crate::index::Index;
use crate::key::FlowKey;
use crate::subscriber::SubscriberId;
use crate::wheel::{Link, NIL, Wheel};

/// Scopes of the keys by which doors are found from their parents.
const SESSIONS: u16 = 1;
const CALLS: u16 = 2;

/// Doors of one outside endpoint.
const MAX_AT_ENDPOINT: usize = 32;

#[derive(Clone, Copy, Debug)]
struct Slot {
    door: Option<Door>,
    /// The other doors of its parent; in a free slot `next` is the next free one.
    next: u32,
    previous: u32,
}

/// All doors of one shard.
#[derive(Debug)]
pub struct Doors {
    slots: Vec<Slot>,
    links: Vec<Link>,
    free: u32,
    live: u32,
    capacity: usize,
    index: Index,
    parents: Index,
    seed: u64,
    wheel: Wheel,
    /// By number of the subscriber.
    shares: Vec<u16>,
    share: u16,
}

impl Doors {
    /// For so many doors, `share` of them at most for each of so many subscribers.
    #[must_use]
    pub fn with_capacity(doors: u32, subscribers: u32, share: u16, seed: u64, now: Ticks) -> Self {
        let capacity = doors as usize;
        Self {
            slots: Vec::with_capacity(capacity),
            links: Vec::with_capacity(capacity),
            free: NIL,
            live: 0,
            capacity,
            index: Index::with_capacity(capacity),
            parents: Index::with_capacity(capacity),
            seed,
            wheel: Wheel::new(now),
            shares: vec![0; subscribers as usize],
            share,
        }
    }

    /// Bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.capacity * (size_of::<Slot>() + size_of::<Link>())
            + self.index.bytes()
            + self.parents.bytes()
            + self.shares.len() * size_of::<u16>()
    }

    /// How many are open.
    #[must_use]
    pub const fn live(&self) -> u32 {
        self.live
    }

    /// How many slots have been in use: the doors are among the ids below.
    #[must_use]
    pub fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// The door in a slot.
    #[must_use]
    pub fn at(&self, slot: u32) -> Option<&Door> {
        self.get(DoorId(slot))
    }

    /// An open door.
    #[must_use]
    pub fn get(&self, DoorId(at): DoorId) -> Option<&Door> {
        self.slots.get(at as usize)?.door.as_ref()
    }

    /// How many a subscriber has.
    #[must_use]
    pub fn share_of(&self, SubscriberId(subscriber): SubscriberId) -> u16 {
        self.shares
            .get(subscriber as usize)
            .map_or(0, |share| *share)
    }

    /// The door that a packet from a remote endpoint may come in by: of several the one that
    /// says most about who may.
    #[must_use]
    pub fn find(&self, outside: Place, protocol: u8, remote: u32, port: u16) -> Option<DoorId> {
        let mut best: Option<(u8, u32)> = None;
        self.at_endpoint(key(outside, protocol), |at, door| {
            let strictness = door.remote.strictness();
            if door.remote.admits(remote, port) && best.is_none_or(|(most, _)| most < strictness) {
                best = Some((strictness, at));
            }
            false
        });
        best.map(|(_, at)| DoorId(at))
    }

    /// Calls `is_it` for the doors of an endpoint until it says yes.
    fn at_endpoint(&self, key: FlowKey, mut is_it: impl FnMut(u32, &Door) -> bool) -> Option<u32> {
        self.index.find(key.hash(self.seed), |at| {
            self.get(DoorId(at))
                .is_some_and(|door| door.key() == key && is_it(at, door))
        })
    }

    /// Opens a door, or renews it if it is open already.
    ///
    /// # Errors
    ///
    /// [`DoorRefusal`]; nothing is changed then.
    pub fn open(&mut self, door: Door) -> Result<OpenedDoor, DoorRefusal> {
        if door.uses == Uses::Left(0) {
            return Err(DoorRefusal::NoUses);
        }
        let (mut same, mut is_taken, mut count) = (None, false, 0);
        self.at_endpoint(door.key(), |at, found| {
            count += 1;
            is_taken |= found.inside != door.inside;
            if found.is_same(&door) {
                same = Some(at);
            }
            false
        });
        if is_taken {
            return Err(DoorRefusal::Taken);
        }
        if let Some(at) = same {
            self.renew(at, &door);
            return Ok(OpenedDoor::Renewed(DoorId(at)));
        }
        if count >= MAX_AT_ENDPOINT {
            return Err(DoorRefusal::Full);
        }
        if door
            .subscriber
            .is_some_and(|id| self.share_of(id) >= self.share)
        {
            return Err(DoorRefusal::Share);
        }
        self.insert(door)
            .map(|at| OpenedDoor::New(DoorId(at)))
            .ok_or(DoorRefusal::Full)
    }

    /// Of as many calls as an endpoint has doors for, the door of the one that ends first, for
    /// whoever comes by this one as well: what many calls share stays open for the last of them.
    #[must_use]
    pub fn to_be_replaced(&self, door: &Door) -> Option<DoorId> {
        let (mut soonest, mut count): (Option<(Ticks, u32)>, usize) = (None, 0);
        self.at_endpoint(door.key(), |at, found| {
            count += 1;
            let is_like = found.remote == door.remote && found.inside == door.inside;
            if let (true, Some(Parent::Call(_)), Some(expires)) =
                (is_like, found.parent, found.expires)
                && soonest.is_none_or(|(before, _)| !expires.reached(before))
            {
                soonest = Some((expires, at));
            }
            false
        });
        let (_, at) = soonest.filter(|_| count >= MAX_AT_ENDPOINT)?;
        Some(DoorId(at))
    }

    fn renew(&mut self, at: u32, door: &Door) {
        let Some(slot) = self.slots.get_mut(at as usize) else {
            return;
        };
        let Some(open) = &mut slot.door else { return };
        open.uses = door.uses;
        // Several ask for it, each for itself; and what is agreed upon outlasts an offer.
        let only_grows = open.answers && open.parent.is_none() || open.agreed && !door.agreed;
        open.agreed |= door.agreed;
        let expires = match (open.expires, door.expires) {
            (Some(before), Some(after)) if only_grows => {
                Some(if after.reached(before) { after } else { before })
            }
            (_, expires) => expires,
        };
        self.set_expiry(DoorId(at), expires);
    }

    /// Gives a door another lifetime.
    pub fn set_expiry(&mut self, DoorId(at): DoorId, expires: Option<Ticks>) {
        let slot = self.slots.get_mut(at as usize);
        let Some(open) = slot.and_then(|slot| slot.door.as_mut()) else {
            return;
        };
        open.expires = expires;
        self.wheel.remove(&mut self.links, at);
        if let Some(deadline) = expires {
            self.wheel.insert(&mut self.links, at, deadline);
        }
    }

    /// Both sides of its call want a door.
    pub fn agree(&mut self, DoorId(at): DoorId) {
        let slot = self.slots.get_mut(at as usize);
        if let Some(open) = slot.and_then(|slot| slot.door.as_mut()) {
            open.agreed = true;
        }
    }

    /// The first door of a parent.
    #[must_use]
    pub fn first_of(&self, parent: Parent) -> Option<DoorId> {
        self.child_of(parent).map(DoorId)
    }

    /// The next one of the same parent.
    #[must_use]
    pub fn next_of(&self, DoorId(at): DoorId) -> Option<DoorId> {
        let slot = self.slots.get(at as usize)?;
        let next = slot.next;
        (slot.door.is_some() && next != NIL).then_some(DoorId(next))
    }

    /// A door of an outside endpoint whose visitors speak its gateway's protocol.
    #[must_use]
    pub fn answering(&self, outside: Place, protocol: u8) -> Option<&Door> {
        let at = self.at_endpoint(key(outside, protocol), |_, door| door.answers)?;
        self.get(DoorId(at))
    }

    fn insert(&mut self, door: Door) -> Option<u32> {
        let at = match self.free {
            NIL if self.slots.len() < self.capacity => self.slots(),
            NIL => return None,
            at => at,
        };
        let hash = door.key().hash(self.seed);
        self.index.insert(hash, at).ok()?;
        let mut slot = Slot {
            door: Some(door),
            next: NIL,
            previous: NIL,
        };
        if let Some(parent) = door.parent {
            let hash = self.parent_hash(parent);
            let head = self.child_of(parent);
            if let Some(head) = head {
                self.parents.remove(hash, head);
                slot.next = head;
            }
            // There is room where one was taken away.
            if self.parents.insert(hash, at).is_err() {
                self.index.remove(door.key().hash(self.seed), at);
                return None;
            }
            if let Some(head) = head.and_then(|head| self.slots.get_mut(head as usize)) {
                head.previous = at;
            }
        }
        if at == self.free {
            if let Some(place) = self.slots.get_mut(at as usize) {
                self.free = place.next;
                *place = slot;
            }
        } else {
            self.slots.push(slot);
            self.links.push(Link::NONE);
        }
        if let Some(deadline) = door.expires {
            self.wheel.insert(&mut self.links, at, deadline);
        }
        if let Some(share) = self.share_mut(&door) {
            *share += 1;
        }
        self.live += 1;
        Some(at)
    }

    fn share_mut(&mut self, door: &Door) -> Option<&mut u16> {
        self.shares.get_mut(door.subscriber?.0 as usize)
    }

    fn parent_hash(&self, parent: Parent) -> u64 {
        let (number, scope) = match parent {
            Parent::Session(number) => (number, SESSIONS),
            Parent::Call(number) => (number, CALLS),
        };
        FlowKey::new(number, 0, 0, 0, 0, 0)
            .scoped(scope)
            .hash(self.seed)
    }

    /// The first door of a parent.
    fn child_of(&self, parent: Parent) -> Option<u32> {
        self.parents.find(self.parent_hash(parent), |at| {
            self.get(DoorId(at))
                .is_some_and(|door| door.parent == Some(parent))
        })
    }

    /// Of the doors of a parent at an outside endpoint, lets in only `remote`. One that has become
    /// the same as another is closed: answers it, or `None` if there is no more.
    pub fn narrow(
        &mut self,
        outside: Place,
        protocol: u8,
        parent: Parent,
        remote: Remote,
    ) -> Option<Door> {
        let mut is_open = false;
        let again = self.at_endpoint(key(outside, protocol), |_, door| {
            let again = is_open && door.parent == Some(parent);
            is_open |= door.parent == Some(parent);
            again
        });
        if let Some(at) = again {
            return self.close(DoorId(at));
        }
        let only = self.at_endpoint(key(outside, protocol), |_, door| {
            door.parent == Some(parent)
        })?;
        self.slots.get_mut(only as usize)?.door.as_mut()?.remote = remote;
        None
    }

    /// Has all doors of a parent close then.
    pub fn renew_of(&mut self, parent: Parent, expires: Ticks) {
        let mut next = self.child_of(parent);
        while let Some(at) = next {
            let Some(slot) = self.slots.get_mut(at as usize) else {
                return;
            };
            next = Some(slot.next).filter(|next| *next != NIL);
            if let Some(door) = &mut slot.door {
                door.expires = Some(expires);
            }
            self.wheel.remove(&mut self.links, at);
            self.wheel.insert(&mut self.links, at, expires);
        }
    }

    /// A flow comes in: the door as it was, with one use less from now on; the last use
    /// closes it.
    pub fn enter(&mut self, id: DoorId) -> Option<Door> {
        let slot = self.slots.get_mut(id.0 as usize)?;
        let open = slot.door.as_mut()?;
        let door = *open;
        match &mut open.uses {
            Uses::Many => {}
            Uses::Left(left) if *left > 1 => *left -= 1,
            Uses::Left(_) => {
                self.close(id);
            }
        }
        Some(door)
    }

    /// Closes a door; answers it.
    pub fn close(&mut self, DoorId(at): DoorId) -> Option<Door> {
        let slot = self.slots.get_mut(at as usize)?;
        let door = slot.door.take()?;
        let Slot { next, previous, .. } = *slot;
        slot.next = core::mem::replace(&mut self.free, at);
        slot.previous = NIL;
        self.index.remove(door.key().hash(self.seed), at);
        self.wheel.remove(&mut self.links, at);
        if let Some(parent) = door.parent {
            if let Some(other) = self.slots.get_mut(next as usize) {
                other.previous = previous;
            }
            if let Some(other) = self.slots.get_mut(previous as usize) {
                other.next = next;
            } else {
                let hash = self.parent_hash(parent);
                self.parents.remove(hash, at);
                if next != NIL {
                    // In the place that has just become free.
                    let _ = self.parents.insert(hash, next);
                }
            }
        }
        if let Some(share) = self.share_mut(&door) {
            *share -= 1;
        }
        self.live -= 1;
        Some(door)
    }

    /// Whether a parent has an open door.
    #[must_use]
    pub fn has_of(&self, parent: Parent) -> bool {
        self.child_of(parent).is_some()
    }

    /// Closes one door of a parent that has ended; answers it, or `None` if there is no more.
    pub fn close_of(&mut self, parent: Parent) -> Option<Door> {
        self.close(DoorId(self.child_of(parent)?))
    }

    /// Closes one door whose time has come; answers it. Looks at no more than `budget` doors.
    pub fn close_expired(&mut self, now: Ticks, budget: &mut u32) -> Option<Door> {
        let mut ticks = u32::MAX;
        while *budget > 0
            && let Some(at) = self.wheel.pop_due(&mut self.links, now, &mut ticks)
        {
            *budget -= 1;
            match self.get(DoorId(at)).and_then(|door| door.expires) {
                Some(deadline) if !now.reached(deadline) => {
                    self.wheel.insert(&mut self.links, at, deadline);
                }
                _ => return self.close(DoorId(at)),
            }
        }
        None
    }

    /// When there may be something to close.
    #[must_use]
    pub fn next_due(&self) -> Option<Ticks> {
        self.wheel.next_due()
    }
}
