//! Endpoints that messages announce: mapped, with doors for who may come, and found again.
//!
//! A door keeps its mapping as a session does, so the outside endpoint that was announced stays
//! the host's while the door is open.

use base::{Counter, Nanos, Ticks};
use wire::ipv4::protocol;

use super::{ANY_PROTOCOL, First, Match, NO_RULE, Refusal, Shard, first_match, inbound_key};
use crate::door::{Door, DoorRefusal, OpenedDoor, Origin, Parent, Place, Remote, Uses};
use crate::key::FlowKey;
use crate::layout::Plan;
use crate::mapping::{Mapping, MappingId};
use crate::pool::Wish;
use crate::session::{SessionId, SessionView};
use crate::subscriber::SubscriberId;

/// How often two ports side by side are looked for.
const PAIR_TRIES: u32 = 16;

/// What a message announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// IP protocol of the channel.
    pub protocol: u8,
    /// Inside address.
    pub address: u32,
    /// First port.
    pub port: u16,
    /// Ports from there on.
    pub ports: u16,
    /// They come in pairs, an even one first, if it was even inside.
    pub pairs: bool,
    /// They have to be at the outside address of the session.
    pub beside: bool,
    /// Who may come in: from this address, or from any.
    pub remote: Option<u32>,
    /// Flows at each port.
    pub uses: Uses,
    /// How long nobody need come; as long as its keeper lasts if nothing is said.
    pub lifetime: Option<Nanos>,
    /// What its doors close with.
    pub keeper: Keeper,
    /// Whoever comes in speaks the gateway's protocol.
    pub answers: bool,
    /// As which of the gateway's kinds of sessions.
    pub kind: u8,
    /// It is for many: its doors are in nobody's share.
    pub shared: bool,
}

/// What the doors of an announcement close with, besides their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// The session that it was in.
    Session,
    /// A call.
    Call {
        /// Its number ([`Shard::call_of`]).
        call: u32,
        /// Whether both sides want them already; `None` if they do with the doors that the call
        /// has.
        agreed: Option<bool>,
    },
    /// Nothing else.
    Time,
}

impl Shard {
    /// The session that a message came in, as its gateway needs to know it.
    #[must_use]
    pub fn session_view(&self, id: SessionId) -> Option<SessionView> {
        self.sessions.view(id)
    }

    /// Maps what a message of a session announces, and opens its doors: the first outside
    /// endpoint.
    ///
    /// # Errors
    ///
    /// Why there is none; nothing has been opened then that was not open.
    pub fn announce(
        &mut self,
        parent: SessionId,
        want: &Announcement,
        now: Nanos,
    ) -> Result<(u32, u16), Refusal> {
        let view = self.sessions.view(parent).ok_or(Counter::DropNoMapping)?;
        let gateway = self
            .attachments
            .get(parent)
            .map(|attached| attached.gateway)
            .ok_or(Counter::DropNoMapping)?;
        let first = self.map_ports(&view, want, now)?;
        if want.beside && first.0 != view.outside {
            self.end_unused(&view, want, 0, now.ticks());
            return Err(Counter::DropNoPort);
        }
        let (parent, agreed) = match want.keeper {
            Keeper::Session => (Some(Parent::Session(parent.0)), false),
            Keeper::Call { call, agreed } => (
                Some(Parent::Call(call)),
                agreed.unwrap_or_else(|| self.is_agreed(call)),
            ),
            Keeper::Time => (None, false),
        };
        for nth in 0..want.ports {
            let port = want.port.wrapping_add(nth);
            let Some((id, mapping)) = self.mapping_of(&view, want, port) else {
                return Err(Counter::DropNoMapping);
            };
            let door = Door {
                outside: Place {
                    address: mapping.outside,
                    port: mapping.port_for(port),
                    realm: mapping.outside_realm,
                },
                protocol: want.protocol,
                remote: Remote {
                    address: want.remote,
                    port: None,
                },
                inside: Place {
                    address: want.address,
                    port,
                    realm: view.out_key.realm(),
                },
                uses: want.uses,
                origin: Origin::Gateway(gateway),
                parent,
                subscriber: self.subscriber_of(&mapping).filter(|_| !want.shared),
                expires: want
                    .lifetime
                    .map(|time| now.ticks().plus(Ticks::in_duration(time))),
                answers: want.answers,
                kind: want.kind,
                agreed,
            };
            let mut opened = self.doors.open(door);
            let mut replaced = None;
            if opened == Err(DoorRefusal::Full) {
                replaced = self
                    .doors
                    .to_be_replaced(&door)
                    .and_then(|other| self.doors.close(other));
                opened = self.doors.open(door);
            }
            match opened {
                Ok(OpenedDoor::New(_)) => {
                    self.mappings.strengthen(id);
                    self.tallies.of_mut(gateway).doors_opened += 1;
                    if let Some(replaced) = replaced {
                        self.unpin(&replaced, now.ticks());
                    }
                }
                Ok(OpenedDoor::Renewed(_)) => {}
                Err(_) => {
                    // What was mapped for the ports behind this one is nobody's.
                    self.end_unused(&view, want, nth, now.ticks());
                    return Err(Counter::AlgTableFull);
                }
            }
        }
        Ok(first)
    }

    /// Of the doors that a session has opened at an outside endpoint, lets in only this remote.
    pub fn narrow_doors(
        &mut self,
        parent: SessionId,
        protocol: u8,
        (address, port): (u32, u16),
        remote: Remote,
        now: Ticks,
    ) {
        let Some(view) = self.sessions.view(parent) else {
            return;
        };
        let outside = Place {
            address,
            port,
            realm: view.outside_realm,
        };
        while let Some(again) =
            self.doors
                .narrow(outside, protocol, Parent::Session(parent.0), remote)
        {
            self.unpin(&again, now);
        }
    }

    /// Has all doors of a session wait so long from now on.
    pub fn renew_doors(&mut self, parent: SessionId, lifetime: Nanos, now: Ticks) {
        let expires = now.plus(Ticks::in_duration(lifetime));
        self.doors.renew_of(Parent::Session(parent.0), expires);
    }

    /// Closes all doors of a session.
    pub fn close_doors_of(&mut self, parent: SessionId, now: Ticks) {
        while let Some(door) = self.doors.close_of(Parent::Session(parent.0)) {
            self.unpin(&door, now);
        }
    }

    /// The outside endpoint of an inside one of the session's realm, if it is mapped; without a
    /// port only the address of the session's host is known.
    #[must_use]
    pub fn outside_of(
        &self,
        session: SessionId,
        protocol: u8,
        address: u32,
        port: u16,
    ) -> Option<(u32, u16)> {
        let view = self.sessions.view(session)?;
        let key = view.out_key;
        if (key.src(), key.src_port(), key.protocol()) == (address, port, protocol) {
            return Some((view.outside, view.outside_port));
        }
        if (key.src(), 0) == (address, port) {
            return Some((view.outside, 0));
        }
        let want = Announcement::of(protocol, address, port);
        let (_, mapping) = self.mapping_of(&view, &want, port)?;
        Some((mapping.outside, mapping.port_for(port)))
    }

    /// The inside endpoint behind an outside one in the session's outside realm, likewise.
    #[must_use]
    pub fn inside_of(
        &self,
        session: SessionId,
        protocol: u8,
        address: u32,
        port: u16,
    ) -> Option<(u32, u16)> {
        let view = self.sessions.view(session)?;
        if (view.outside, view.outside_port, view.out_key.protocol()) == (address, port, protocol) {
            return Some((view.out_key.src(), view.out_key.src_port()));
        }
        if (view.outside, 0) == (address, port) {
            return Some((view.out_key.src(), 0));
        }
        let key = inbound_key(address, port, protocol, view.outside_realm);
        let mapping = self
            .mappings
            .get(self.mapping_to(key, view.outside_realm)?)?;
        let inside = mapping.out_key;
        (inside.realm() == view.out_key.realm())
            .then(|| (inside.src(), mapping.inside_port_for(port)))
    }

    /// The inside endpoint that has the destination of a packet from outside, whoever may
    /// send to it.
    #[must_use]
    pub fn holder_of(&self, key: FlowKey) -> Option<(u32, u16)> {
        let mapping = self.mappings.get(self.mapping_to(key, key.realm())?)?;
        let port = mapping.inside_port_for(key.dst_port());
        Some((mapping.out_key.src(), port))
    }

    /// The outside address that stands for a whole inside host, in the session's realms.
    #[must_use]
    pub fn outside_host(&self, session: SessionId, address: u32) -> Option<u32> {
        let view = self.sessions.view(session)?;
        self.own_outside(view.out_key.realm(), address, ANY_PROTOCOL)
    }

    /// The inside host that a whole outside address stands for.
    #[must_use]
    pub fn inside_host(&self, session: SessionId, address: u32) -> Option<u32> {
        let view = self.sessions.view(session)?;
        let key = inbound_key(address, 0, ANY_PROTOCOL, view.outside_realm);
        let mapping = self.mappings.get(self.mappings.find_inbound(key)?)?;
        (mapping.out_key.realm() == view.out_key.realm()).then(|| mapping.out_key.src())
    }

    /// The mapping of an inside endpoint that doors or sessions have made: one that depends on
    /// no remote, or the host's whole address.
    pub(super) fn mapping_of(
        &self,
        view: &SessionView,
        want: &Announcement,
        port: u16,
    ) -> Option<(MappingId, Mapping)> {
        let realm = view.out_key.realm();
        let key = FlowKey::new(want.address, 0, port, 0, want.protocol, realm);
        if view.mapping.is_none() {
            let id = self.untouched_mapping(key)?;
            return Some((id, self.mappings.get(id)?));
        }
        // A call is known by the mapping of its number, whatever stands for the whole host.
        let fixed = (want.protocol != protocol::GRE).then(|| self.static_mapping(key));
        let id = fixed.flatten().or_else(|| {
            let plan = self.layout.plan(self.rule_for(view, key)?)?;
            self.door_mapping(key, plan)
        })?;
        Some((id, self.mappings.get(id)?))
    }

    /// The rule by which what a session announces is mapped: the session's, or for a static
    /// mapping the first that would translate its host.
    fn rule_for(&self, view: &SessionView, key: FlowKey) -> Option<usize> {
        if view.rule != NO_RULE {
            return Some(usize::from(view.rule));
        }
        // What a rule says of GRE is not about calls.
        let key = if key.protocol() == protocol::GRE {
            view.out_key
        } else {
            key
        };
        match first_match(self.layout.rules(), key) {
            Match::Rule(number, _) => Some(number),
            Match::Protocol | Match::None => None,
        }
    }

    fn map_ports(
        &mut self,
        view: &SessionView,
        want: &Announcement,
        now: Nanos,
    ) -> Result<(u32, u16), Refusal> {
        let known = (0..want.ports).all(|nth| {
            self.mapping_of(view, want, want.port.wrapping_add(nth))
                .is_some()
        });
        if !known {
            let key = FlowKey::new(
                want.address,
                0,
                want.port,
                0,
                want.protocol,
                view.out_key.realm(),
            );
            if view.mapping.is_none() {
                return self.map_to_themselves(view, key, want, now);
            }
            let rule = self.rule_for(view, key).ok_or(Counter::DropNoRule)?;
            let plan = *self.layout.plan(rule).ok_or(Counter::DropNoRule)?;
            let subscriber = self.subscriber_for(key, plan.is_outside)?;
            if view.rule == NO_RULE {
                let beside = (view.outside_realm, view.outside);
                self.lend_beside(subscriber, &plan.translate, beside, now.ticks());
            }
            let mapped = if want.protocol == protocol::GRE {
                self.map_call(view, key, (rule, &plan), subscriber)
                    .map(|_| ())
            } else {
                self.map_in_a_row(key, rule, &plan, subscriber, want, now)
            };
            if let Err(reason) = mapped {
                self.end_unused(view, want, 0, now.ticks());
                self.refused(subscriber, now.ticks());
                return Err(reason);
            }
        }
        let (_, mapping) = self
            .mapping_of(view, want, want.port)
            .ok_or(Counter::DropNoMapping)?;
        Ok((mapping.outside, mapping.port_for(want.port)))
    }

    /// The same where nothing is translated.
    fn map_to_themselves(
        &mut self,
        view: &SessionView,
        key: FlowKey,
        want: &Announcement,
        now: Nanos,
    ) -> Result<(u32, u16), Refusal> {
        for nth in 0..want.ports {
            let port = want.port.wrapping_add(nth);
            let mapped = self.map_untouched(key.with_src(want.address, port), view.rule);
            if let Err(reason) = mapped {
                self.end_unused(view, want, 0, now.ticks());
                return Err(reason);
            }
        }
        Ok((want.address, want.port))
    }

    /// Maps the ports that have no mapping yet, side by side with the first one where that can
    /// be had.
    fn map_in_a_row(
        &mut self,
        key: FlowKey,
        rule: usize,
        plan: &Plan,
        subscriber: SubscriberId,
        want: &Announcement,
        now: Nanos,
    ) -> Result<(), Refusal> {
        let tries = if want.ports > 1 { PAIR_TRIES } else { 1 };
        for attempt in 1..=tries {
            let (mut base, mut apart) = (None, false);
            for nth in 0..want.ports {
                let port = want.port.wrapping_add(nth);
                let key = key.with_src(want.address, port);
                let id = if let Some(known) = self.door_mapping(key, plan) {
                    known
                } else {
                    let wish = Wish {
                        odd: want.pairs.then_some(port & 1 == 1),
                        exact: base
                            .map(|base: u16| base.wrapping_add(nth))
                            .or(plan.translate.preserve.then_some(port)),
                        chance: None,
                        foreseen: None,
                    };
                    let first = First {
                        key,
                        tcp: None,
                        hairpin: false,
                        outside_realm: plan.outside_realm,
                        sender_rule: None,
                        ahead: None,
                        interface: 0,
                        now,
                    };
                    self.map_for_door(&first, rule, plan, subscriber, wish)?
                };
                let outside = self
                    .mappings
                    .get(id)
                    .map_or(0, |mapping| mapping.port_for(port));
                let first = *base.get_or_insert(outside);
                apart |= outside != first.wrapping_add(nth);
                if apart && attempt < tries {
                    break;
                }
            }
            if !apart {
                break;
            }
            if attempt < tries {
                self.end_unused_under(key, plan, want, now.ticks());
            }
        }
        Ok(())
    }

    /// Ends mappings of an announcement from the `from`th port on that nothing needs.
    fn end_unused(&mut self, view: &SessionView, want: &Announcement, from: u16, now: Ticks) {
        for nth in from..want.ports {
            if let Some((id, _)) = self.mapping_of(view, want, want.port.wrapping_add(nth)) {
                self.end_mapping_if_unused(id, now);
            }
        }
    }

    fn end_unused_under(&mut self, key: FlowKey, plan: &Plan, want: &Announcement, now: Ticks) {
        for nth in 0..want.ports {
            let key = key.with_src(want.address, want.port.wrapping_add(nth));
            if let Some(id) = self.door_mapping(key, plan) {
                self.end_mapping_if_unused(id, now);
            }
        }
    }
}

impl Announcement {
    /// One port, to look up.
    pub(super) const fn of(protocol: u8, address: u32, port: u16) -> Self {
        Self {
            protocol,
            address,
            port,
            ports: 1,
            pairs: false,
            beside: false,
            remote: None,
            uses: Uses::Many,
            lifetime: None,
            keeper: Keeper::Session,
            answers: false,
            kind: 0,
            shared: false,
        }
    }
}
