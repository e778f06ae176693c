//! Doors: who comes in by them, and when they close: with their parent, by their lifetime, their
//! last use or the end of their call.

use core::hash::Hasher as _;

use base::{Direction, Nanos, Ticks};
use siphasher::sip::SipHasher13;

use super::{ANY_PROTOCOL, Shard, inbound_key};
use crate::door::{Door, DoorId, Origin, Parent, Place};
use crate::gateway::{Gateway, SipSettings, Trunk};
use crate::key::{FlowKey, Realm};
use crate::mapping::Mapping;
use crate::session::SessionId;

/// What becomes of a door of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Same,
    /// Both sides want it, and nobody need come so long.
    Agreed(Nanos),
    /// Nobody need come so long; not at all, and it closes.
    Within(Nanos),
}

impl Shard {
    /// Whether any door is open.
    pub(super) const fn has_doors(&self) -> bool {
        self.doors.live() > 0
    }

    /// The door by which a packet for a mapping may come in.
    pub(super) fn door_for(&self, mapping: &Mapping, key: FlowKey) -> Option<DoorId> {
        if !self.has_doors() {
            return None;
        }
        let outside = Place {
            address: key.dst(),
            port: key.dst_port(),
            realm: mapping.outside_realm,
        };
        self.doors
            .find(outside, key.protocol(), key.src(), key.src_port())
    }

    /// A flow has come in by a door: its parent lives as long as it does.
    pub(super) fn promote(&mut self, id: DoorId, opened: SessionId, now: Ticks) {
        let Some(door) = self.doors.enter(id) else {
            return;
        };
        if self.doors.get(id).is_none() {
            self.unpin(&door, now);
        }
        if let Origin::Gateway(gateway) = door.origin {
            self.tallies.of_mut(gateway).doors_promoted += 1;
        }
        if door.answers {
            self.attach_to(opened, &door, Direction::Inbound);
        }
        if let Some(Parent::Session(parent)) = door.parent {
            self.note_child(SessionId(parent), opened);
        }
    }

    // --- calls -------------------------------------------------------------

    /// The number of a call of a session's host: never zero, another one for every host.
    #[must_use]
    pub fn call_of(&self, session: SessionId, call_id: &[u8]) -> u32 {
        let key = self
            .sessions
            .view(session)
            .map_or(FlowKey::new(0, 0, 0, 0, 0, 0), |view| view.out_key);
        let mut hasher = SipHasher13::new_with_keys(self.call_seed, 0);
        hasher.write_u32(key.src());
        hasher.write_u8(key.realm());
        hasher.write(call_id);
        let [.., a, b, c, d] = hasher.finish().to_be_bytes();
        u32::from_be_bytes([a, b, c, d]).max(1)
    }

    /// Decides about each door of a call.
    pub fn revise_call(&mut self, call: u32, now: Nanos, fate: impl Fn(&Door) -> Fate) {
        let now = now.ticks();
        let mut next = self.doors.first_of(Parent::Call(call));
        while let Some(id) = next {
            next = self.doors.next_of(id);
            let Some(door) = self.doors.get(id) else {
                return;
            };
            match fate(door) {
                Fate::Same => {}
                Fate::Within(Nanos(0)) => {
                    if let Some(door) = self.doors.close(id) {
                        self.unpin(&door, now);
                    }
                }
                Fate::Within(time) => self.set_lifetime(id, time, now),
                Fate::Agreed(time) => {
                    self.doors.agree(id);
                    self.set_lifetime(id, time, now);
                }
            }
        }
    }

    fn set_lifetime(&mut self, id: DoorId, time: Nanos, now: Ticks) {
        let expires = now.plus(Ticks::in_duration(time));
        self.doors.set_expiry(id, Some(expires));
    }

    /// Whether both sides of a call have agreed on some door of it.
    pub(super) fn is_agreed(&self, call: u32) -> bool {
        let mut next = self.doors.first_of(Parent::Call(call));
        while let Some(id) = next {
            if self.doors.get(id).is_some_and(|door| door.agreed) {
                return true;
            }
            next = self.doors.next_of(id);
        }
        false
    }

    /// Closes up to `budget` doors from number `from` on whose mappings `stays` says no to;
    /// answers the next number.
    pub(super) fn close_doors_unless(
        &mut self,
        from: u32,
        budget: u32,
        now: Ticks,
        stays: impl Fn(&Self, &Mapping, FlowKey) -> bool,
    ) -> u32 {
        let last = self.doors.slots().min(from.saturating_add(budget));
        for slot in from..last {
            let Some(door) = self.doors.at(slot).copied() else {
                continue;
            };
            let Place {
                address,
                port,
                realm,
            } = door.outside;
            let key = inbound_key(address, port, door.protocol, realm);
            let mapping = self
                .mapping_to(key, realm)
                .and_then(|id| self.mappings.get(id));
            let inside = FlowKey::new(
                door.inside.address,
                0,
                door.inside.port,
                0,
                door.protocol,
                door.inside.realm,
            );
            if mapping.is_none_or(|mapping| !stays(self, &mapping, inside))
                && let Some(door) = self.doors.close(DoorId(slot))
            {
                self.unpin(&door, now);
            }
        }
        last
    }

    /// The settings of SIP's gateway that a session is under.
    #[must_use]
    pub fn sip_settings(&self, rule: u16) -> &SipSettings {
        &self.layout.services(usize::from(rule)).sip
    }

    /// The trunk that a session of a gateway belongs to, by its rule and inside address.
    #[must_use]
    pub fn trunk(&self, rule: u16, gateway: Gateway, address: u32) -> Option<&Trunk> {
        self.layout
            .services(usize::from(rule))
            .trunk(gateway, address)
    }

    /// Whether an address is one of ours in a realm of the outside.
    #[must_use]
    pub fn is_outside_address(&self, realm: Realm, address: u32) -> bool {
        self.layout.outside_address(realm, address).is_some()
    }

    /// Closes doors whose time is over.
    pub(super) fn close_doors(&mut self, now: Ticks, budget: &mut u32) {
        self.leads.tidy(now);
        while let Some(door) = self.doors.close_expired(now, budget) {
            self.unpin(&door, now);
        }
    }

    /// A door that is closed keeps its mapping no longer.
    pub(super) fn unpin(&mut self, door: &Door, now: Ticks) {
        if door.protocol == ANY_PROTOCOL {
            self.loans = self.loans.saturating_sub(1);
        }
        let Place {
            address,
            port,
            realm,
        } = door.outside;
        let key = inbound_key(address, port, door.protocol, realm);
        let Some(id) = self.mapping_to(key, realm) else {
            return;
        };
        self.mappings.change(id, |mapping| {
            mapping.strong = mapping.strong.saturating_sub(1);
        });
        self.end_visitors(id, now);
        self.end_mapping_if_unused(id, now);
    }

    /// One more than the highest number of a door ever used.
    #[must_use]
    pub fn door_slots(&self) -> u32 {
        self.doors.slots()
    }

    /// The door with number `slot`, if it is open.
    #[must_use]
    pub fn door_at(&self, slot: u32) -> Option<&Door> {
        self.doors.at(slot)
    }
}
