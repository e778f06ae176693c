//! Calls of PPTP: GRE packets (RFC 2637 section 4), known by the number that their receiver
//! gave the call.
//!
//! ```text
//!  inside c ── peer's p ──> remote   one session: what goes out has the peer's number alone
//!  inside c <── ours  e ─── remote   another, by a door: e is mapped to c as a port would be
//! ```
//!
//! Both are under the mapping of the inside's number, on the outside address of the control
//! connection. The door is the call: it closes when that is over, or with the control connection,
//! and nothing passes any more. While it is open they live by what they carry and by the echoes of
//! the control connection, and keep that.

use base::{Counter, Direction, Nanos, Ticks};
use wire::ipv4::protocol;

use super::announce::Announcement;
use super::{NO_RULE, Refusal, Shard, dynamic_key, rule_number};
use crate::door::{Door, Parent, Place};
use crate::gateway::{Gateway, Service};
use crate::key::{FlowKey, Realm};
use crate::layout::Plan;
use crate::mapping::{Mapping, MappingId, MappingKind, NewMapping, Reach, inbound_key};
use crate::pool::low16;
use crate::session::{Flags, NewSession, SessionId, SessionView};
use crate::settings::Dependence;
use crate::subscriber::SubscriberId;
use crate::tcp_state::State;

/// How often a number is looked for that nobody has.
const TRIES: u32 = 16;

impl Shard {
    /// Whether a GRE packet is one of a call that is known here, by its key with the number of
    /// the call for a port.
    #[must_use]
    pub fn is_of_call(&self, key: FlowKey, realm: Realm) -> bool {
        self.sessions.find(key, self.sessions.hash(key)).is_some()
            || self.has_doors() && self.mapping_to(key, realm).is_some()
    }

    /// Maps the number that an inside host has given a call: on the outside address of the
    /// control connection, to itself if nobody there has it.
    pub(super) fn map_call(
        &mut self,
        view: &SessionView,
        key: FlowKey,
        (rule, plan): (usize, &Plan),
        subscriber: SubscriberId,
    ) -> Result<MappingId, Refusal> {
        if let Some(known) = self.door_mapping(key, plan) {
            return Ok(known);
        }
        let pools = &plan.translate.pools;
        let slot = |pool: &usize| self.layout.slot_with(*pool, view.outside);
        let pool = pools
            .iter()
            .find(|pool| slot(pool).is_some())
            .or_else(|| pools.iter().next())
            .ok_or(Counter::DropNoPort)?;
        let slot = slot(&pool);
        let mut number = key.src_port();
        for _ in 0..TRIES {
            let taken = number == 0
                || self
                    .mappings
                    .find_inbound(inbound_key(
                        view.outside,
                        number,
                        protocol::GRE,
                        view.outside_realm,
                    ))
                    .is_some();
            if !taken {
                let id = self
                    .mappings
                    .insert(&NewMapping {
                        out_key: dynamic_key(key, Dependence::Endpoint, pool),
                        outside: view.outside,
                        outside_port: number,
                        rule: rule_number(rule),
                        outside_realm: view.outside_realm,
                        kind: MappingKind::Dynamic,
                        reach: Reach::Endpoint,
                    })
                    .map_err(|_| Counter::DropMappingTable)?;
                if let Some(slot) = slot {
                    self.pair(subscriber, slot);
                }
                self.mapping_began(id);
                return Ok(id);
            }
            number = low16(self.rng.below(1 << 16));
        }
        Err(Counter::DropNoPort)
    }

    /// Both numbers of a call are known: `own` is the inside's, which is mapped, `peer` that by
    /// which the other side wants its packets.
    ///
    /// # Errors
    ///
    /// Why its packets will not go out; nothing has been opened then.
    pub fn begin_call(
        &mut self,
        control: SessionId,
        own: u16,
        peer: u16,
        now: Nanos,
    ) -> Result<(), Refusal> {
        let view = self.sessions.view(control).ok_or(Counter::DropNoMapping)?;
        let (id, mapping) = self
            .call_mapping(&view, own)
            .ok_or(Counter::DropNoMapping)?;
        let out_key = Self::outbound_call(&view, peer);
        if let Some(known) = self.sessions.find(out_key, self.sessions.hash(out_key)) {
            if self.sessions.mapping(known.id) == Some(id) {
                return Ok(());
            }
            // The peer gives a number anew whose call is over.
            self.end_session(known.id, now.ticks());
        }
        let new = NewSession {
            out_key,
            outside: mapping.outside,
            outside_port: 0,
            outside_realm: mapping.outside_realm,
            state: State::Other,
            flags: Flags::INBOUND_REFRESH,
            rule: if view.rule == NO_RULE {
                NO_RULE
            } else {
                mapping.rule
            },
            mapping: Some(id),
        };
        if self.find_way_back(&new) {
            return Err(Counter::DropAddressPair);
        }
        let subscriber = self.subscriber_of(&mapping);
        if let Some(subscriber) = subscriber
            && let Some((translate, _)) = self.translate_of(usize::from(mapping.rule))
        {
            self.admit_session(subscriber, &translate, None)?;
        }
        let opened = self.insert_session(&new, &mapping, subscriber, now)?;
        self.mappings.strengthen(id);
        let service = Service {
            protocol: protocol::GRE,
            port: 0,
            gateway: Gateway::Pptp,
            shadow: false,
            in_parts: false,
            reset_ttl: false,
            kind: 0,
        };
        self.attach(opened, service, Direction::Outbound);
        Ok(())
    }

    /// A call is over, by the number that the inside gave it or by that of the other side.
    pub fn end_call(
        &mut self,
        control: SessionId,
        own: Option<u16>,
        peer: Option<u16>,
        now: Ticks,
    ) {
        let Some(view) = self.sessions.view(control) else {
            return;
        };
        let mapping = match (own, peer) {
            (Some(own), _) => self.call_mapping(&view, own).map(|(_, mapping)| mapping),
            (None, Some(peer)) => {
                let key = Self::outbound_call(&view, peer);
                let known = self.sessions.find(key, self.sessions.hash(key));
                known
                    .and_then(|known| self.sessions.mapping(known.id))
                    .and_then(|id| self.mappings.get(id))
            }
            (None, None) => None,
        };
        let Some(mapping) = mapping else {
            return;
        };
        let outside = Place {
            address: mapping.outside,
            port: mapping.outside_port,
            realm: mapping.outside_realm,
        };
        let door = self
            .doors
            .find(outside, protocol::GRE, view.out_key.dst(), 0)
            .filter(|id| {
                let door = self.doors.get(*id);
                door.is_some_and(|door| door.parent == Some(Parent::Session(control.0)))
            });
        if let Some(closed) = door.and_then(|id| self.doors.close(id)) {
            self.unpin(&closed, now);
        }
    }

    /// Whether the call of a session of GRE is over.
    #[must_use]
    pub fn is_over(&self, call: SessionId) -> bool {
        self.door_of_call(call).is_none()
    }

    /// Whether a session of GRE lives on though nothing has passed: its control connection has
    /// been heard of meanwhile.
    pub(super) fn is_kept_by_control(&self, call: SessionId, now: Ticks) -> bool {
        let Some(Parent::Session(control)) = self.door_of_call(call).and_then(|door| door.parent)
        else {
            return false;
        };
        let view = self.sessions.view(SessionId(control));
        view.is_some_and(|view| now.since(view.last_seen) < self.sessions.timeout(call))
    }

    fn door_of_call(&self, call: SessionId) -> Option<&Door> {
        let view = self.sessions.view(call)?;
        let mapping = self.mappings.get(view.mapping?)?;
        let outside = Place {
            address: mapping.outside,
            port: mapping.outside_port,
            realm: mapping.outside_realm,
        };
        let id = self
            .doors
            .find(outside, protocol::GRE, view.out_key.dst(), 0)?;
        self.doors.get(id)
    }

    fn outbound_call(view: &SessionView, peer: u16) -> FlowKey {
        let key = view.out_key;
        FlowKey::new(key.src(), key.dst(), 0, peer, protocol::GRE, key.realm())
    }

    fn call_mapping(&self, view: &SessionView, own: u16) -> Option<(MappingId, Mapping)> {
        let want = Announcement::of(protocol::GRE, view.out_key.src(), own);
        self.mapping_of(view, &want, own)
    }
}
