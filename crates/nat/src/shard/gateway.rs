//! Gateways of sessions: who has one, the endpoints their messages announce, and the doors
//! through which what was announced comes in.
//!
//! A door keeps its mapping as a session does, so the outside endpoint that was announced stays
//! the host's while the door is open. It closes with its parent, by its lifetime or its last use.

use alloc::vec::Vec;
use core::hash::Hasher as _;

use base::{Counter, Direction, Nanos, Ticks};
use siphasher::sip::SipHasher13;

use super::{ANY_PROTOCOL, First, Match, NO_RULE, Refusal, Shard, first_match, inbound_key};
use crate::door::{Door, DoorId, DoorRefusal, OpenedDoor, Origin, Parent, Place, Remote, Uses};
use crate::gateway::{Attached, Gateway, Service, SipSettings, Spoken, Tally};
use crate::key::{FlowKey, Realm};
use crate::layout::Plan;
use crate::mapping::{Mapping, MappingId};
use crate::pool::Wish;
use crate::sequence::{Adjust, Handed};
use crate::session::{Flags, Hit, Session, SessionId, SessionView};
use crate::subscriber::SubscriberId;
use crate::tcp_state::{Segment, State};

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
    /// Who may come in: from this address, or from any.
    pub remote: Option<u32>,
    /// Flows at each port.
    pub uses: Uses,
    /// How long nobody need come.
    pub lifetime: Nanos,
    /// What its doors close with.
    pub keeper: Keeper,
    /// Whoever comes in speaks the gateway's protocol.
    pub answers: bool,
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
    // --- who has one -------------------------------------------------------

    /// Gives a session that begins the gateway of the server it goes to, or comes from, if there
    /// is one.
    pub(super) fn attach_by_port(&mut self, id: SessionId) {
        if let Some((service, client)) = self.service_of(id) {
            self.attach(id, service, client);
        }
    }

    /// The service that a session goes to, and the direction that its client sends in.
    fn service_of(&self, id: SessionId) -> Option<(Service, Direction)> {
        let view = self.sessions.view(id)?;
        let services = self.layout.services(usize::from(view.rule));
        if services.is_empty() {
            return None;
        }
        let key = view.out_key;
        let at = |port| services.at(key.protocol(), port);
        let from = |port| services.from(key.protocol(), port);
        if view.flags.has(Flags::FROM_OUTSIDE) {
            // By a static mapping it may be known by another port than it listens to.
            let fixed = view.rule == NO_RULE;
            let known_by = || fixed.then(|| at(view.outside_port)).flatten();
            let service = at(key.src_port())
                .or_else(known_by)
                .or_else(|| from(key.dst_port()))?;
            Some((service, Direction::Inbound))
        } else {
            let service = at(key.dst_port()).or_else(|| from(key.src_port()))?;
            Some((service, Direction::Outbound))
        }
    }

    /// Gives a session from an inside endpoint where a protocol is answered that protocol's
    /// gateway, whatever port it goes to: a dialog goes on from there.
    pub(super) fn attach_by_door(&mut self, id: SessionId) {
        if !self.has_doors() {
            return;
        }
        let Some(view) = self.sessions.view(id) else {
            return;
        };
        let outside = Place {
            address: view.outside,
            port: view.outside_port,
            realm: view.outside_realm,
        };
        let protocol = view.out_key.protocol();
        if let Some(door) = self.doors.answering(outside, protocol) {
            let door = *door;
            self.attach_to(id, &door, Direction::Outbound);
        }
    }

    fn attach_to(&mut self, id: SessionId, door: &Door, client: Direction) {
        let Origin::Gateway(gateway) = door.origin else {
            return;
        };
        if self.attachments.get(id).is_some() {
            return;
        }
        let service = Service {
            protocol: door.protocol,
            port: door.inside.port,
            gateway,
            shadow: false,
            in_parts: self.sessions.view(id).is_some_and(|view| {
                let services = self.layout.services(usize::from(view.rule));
                services.in_parts(gateway)
            }),
            reset_ttl: false,
        };
        self.attach(id, service, client);
    }

    fn attach(&mut self, id: SessionId, service: Service, client: Direction) {
        if service.is_stateless() || self.attachments.insert(Attached::new(id, service, client)) {
            self.sessions.set_gateway(id, true);
        } else {
            self.counters.bump(Counter::AlgTableFull);
        }
    }

    /// What the gateway of a session remembers, if it has one.
    #[must_use]
    pub fn attached(&self, id: SessionId) -> Option<&Attached> {
        self.attachments.get(id)
    }

    /// The same of a session that a gateway looks at, also where nothing is remembered of it.
    #[must_use]
    pub fn gateway_of(&self, id: SessionId) -> Option<Attached> {
        if let Some(attached) = self.attachments.get(id) {
            return Some(*attached);
        }
        let (service, client) = self.service_of(id)?;
        let looks = self.sessions.get(id).is_some_and(Session::has_gateway);
        (looks && service.is_stateless()).then(|| Attached::new(id, service, client))
    }

    /// Remembers what has come up in a session of which nothing was; false if there is no room.
    pub fn remember(&mut self, attached: Attached) -> bool {
        if let Some(known) = self.attachments.get_mut(attached.session) {
            known.notes = attached.notes;
            return true;
        }
        let has_room = self.attachments.insert(attached);
        if !has_room {
            self.counters.bump(Counter::AlgTableFull);
        }
        has_room
    }

    /// The same to be changed.
    pub fn attached_mut(&mut self, id: SessionId) -> Option<&mut Attached> {
        self.attachments.get_mut(id)
    }

    /// The gateway of a session is done with it. It goes on at full speed, unless numbers have
    /// to be changed in it for ever, or doors stand open or flows came in by them, whose
    /// parent it is.
    pub fn release_gateway(&mut self, id: SessionId) {
        let goes_on =
            self.doors.has_of(Parent::Session(id.0)) || self.adjusters.find(id.0).is_some();
        match self.attachments.get_mut(id) {
            Some(attached) if goes_on || attached.child.is_some() => attached.released = true,
            // Of some nothing has been remembered.
            _ => {
                self.attachments.remove(id);
                self.sessions.set_gateway(id, false);
            }
        }
    }

    // --- on the slow path --------------------------------------------------

    /// Gives a session whose next bytes are known to a stream on the slow path, whose number
    /// this answers: nothing was done if that cannot be. There is a record of the
    /// session's numbers from then on, so that they can be handed back.
    pub fn divert(&mut self, id: SessionId) -> Option<u32> {
        let attached = self.attachments.get(id)?;
        let [Some(outbound), Some(inbound)] = attached.next else {
            return None;
        };
        if !self.streams.has_room() {
            return None;
        }
        if self.adjusters.find(id.0).is_none() {
            self.adjusters
                .open(id.0, Direction::Outbound, outbound, inbound)
                .ok()?;
        }
        let number = self.streams.begin();
        self.attachments.get_mut(id)?.diverted = Some(number);
        Some(number)
    }

    /// The slow path has let go of a session: its gateway reads on behind `handed` (outbound
    /// first), or is done with it.
    pub fn take_back(&mut self, id: SessionId, number: u32, handed: [Handed; 2], released: bool) {
        let Some(attached) = self.attachments.get_mut(id) else {
            return;
        };
        if attached.diverted != Some(number) {
            return;
        }
        attached.diverted = None;
        attached.next = handed.map(|handed| Some(handed.next));
        self.streams.end();
        // It has a record, which this one takes the place of.
        let _ = self.adjusters.take_over(id.0, handed);
        if handed.iter().all(|handed| handed.offset == 0)
            && let Some(record) = self.adjusters.find(id.0)
        {
            self.adjusters.close(record);
        }
        if released {
            self.release_gateway(id);
        }
    }

    /// A session that has ended and the number of its stream, for the slow path to forget.
    pub fn next_ended_stream(&mut self) -> Option<(SessionId, u32)> {
        self.streams.ended.pop()
    }

    /// What a gateway has seen and done.
    pub fn tally_mut(&mut self, gateway: Gateway) -> &mut Tally {
        self.tallies.of_mut(gateway)
    }

    /// The sequence numbers of a session whose payload has changed.
    pub fn adjust(&mut self, id: SessionId) -> Option<Adjust<'_>> {
        let record = self.adjusters.find(id.0)?;
        self.adjusters.connection(record)
    }

    /// The same for one that is about to be changed for the first time, by a segment of this
    /// direction with these numbers; `None` if there is no room.
    pub fn adjust_from(
        &mut self,
        id: SessionId,
        direction: Direction,
        seq: u32,
        ack: u32,
    ) -> Option<Adjust<'_>> {
        let record = match self.adjusters.find(id.0) {
            Some(record) => record,
            None => self.adjusters.open(id.0, direction, seq, ack).ok()?,
        };
        self.adjusters.connection(record)
    }

    /// A segment as tracking has to see it: what it acknowledges in the numbers of who sent it,
    /// not in those that changes of the payload have made of them.
    pub(super) fn as_sent(&mut self, hit: Hit, segment: Segment, now: Ticks) -> Segment {
        if segment.opens() {
            self.begin_anew(hit, segment.seq, now);
        }
        let session = self.sessions.get(hit.id);
        let looks = session.is_some_and(Session::has_gateway) && segment.has_ack();
        let Some(mut adjust) = looks.then(|| self.adjust(hit.id)).flatten() else {
            return segment;
        };
        Segment {
            ack: adjust.ack(hit.direction, segment.ack),
            ..segment
        }
    }

    /// The client of a session begins another connection: what was noted and changed in the one
    /// before means nothing there. Nobody else can make a gateway forget, or a stream could be
    /// read from its middle; and who comes from outside only where that one is over.
    fn begin_anew(&mut self, hit: Hit, seq: u32, now: Ticks) {
        let Some(view) = self.sessions.view(hit.id) else {
            return;
        };
        let over = matches!(view.state, State::BothFin | State::TimeWait | State::Reset);
        let Some(attached) = self.attachments.get(hit.id).copied() else {
            let client = if view.flags.has(Flags::FROM_OUTSIDE) {
                Direction::Inbound
            } else {
                Direction::Outbound
            };
            if over && hit.direction == client {
                self.attach_by_port(hit.id);
            }
            return;
        };
        // The network may bring its SYN again, long after.
        let [first, _] = attached.first;
        let other = first.is_some_and(|first| first != seq.wrapping_add(1));
        let begins = over || other && attached.client == Direction::Outbound;
        if !begins || hit.direction != attached.client {
            return;
        }
        self.detach(hit.id, now);
        let again = Attached {
            notes: [0; 2],
            next: [None; 2],
            first: [None; 2],
            released: false,
            diverted: None,
            spoken: [Spoken::default(); 2],
            child: None,
            ..attached
        };
        // Its place is free.
        if self.attachments.insert(again) {
            self.sessions.set_gateway(hit.id, true);
        }
    }

    /// Forgets what the gateway of a session that has ended knew, and closes its doors.
    pub(super) fn detach(&mut self, id: SessionId, now: Ticks) {
        let Some(attached) = self.attachments.remove(id) else {
            return;
        };
        if let Some(number) = attached.diverted {
            self.streams.lose(id, number);
        }
        if let Some(record) = self.adjusters.find(id.0) {
            self.adjusters.close(record);
        }
        self.close_doors_of(id, now);
    }

    /// Whether a session whose time is over lives on for what came in by its doors.
    pub(super) fn is_kept_by_child(&self, id: SessionId) -> bool {
        if self.attachments.live() == 0 {
            return false;
        }
        self.attachments
            .get(id)
            .and_then(|attached| attached.child)
            .is_some_and(|(child, began)| {
                let view = self.sessions.view(child);
                view.is_some_and(|view| view.created == began)
            })
    }

    // --- endpoints ---------------------------------------------------------

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
                expires: Some(now.ticks().plus(Ticks::in_duration(want.lifetime))),
                answers: want.answers,
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
    fn mapping_of(
        &self,
        view: &SessionView,
        want: &Announcement,
        port: u16,
    ) -> Option<(MappingId, Mapping)> {
        let realm = view.out_key.realm();
        let key = FlowKey::new(want.address, 0, port, 0, want.protocol, realm);
        let id = self.static_mapping(key).or_else(|| {
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
            let rule = self.rule_for(view, key).ok_or(Counter::DropNoRule)?;
            let plan = *self.layout.plan(rule).ok_or(Counter::DropNoRule)?;
            let subscriber = self.subscriber_for(key, plan.is_outside)?;
            if view.rule == NO_RULE {
                let beside = (view.outside_realm, view.outside);
                self.lend_beside(subscriber, &plan.translate, beside, now.ticks());
            }
            let mapped = self.map_in_a_row(key, rule, &plan, subscriber, want, now);
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

    // --- doors -------------------------------------------------------------

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
        let began = self.sessions.view(opened).map(|view| view.created);
        if let (Some(Parent::Session(parent)), Some(began)) = (door.parent, began)
            && let Some(attached) = self.attachments.get_mut(SessionId(parent))
        {
            attached.child = Some((opened, began));
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
    fn is_agreed(&self, call: u32) -> bool {
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

    /// Whether an address is one of ours in a realm of the outside.
    #[must_use]
    pub fn is_outside_address(&self, realm: Realm, address: u32) -> bool {
        self.layout.outside_address(realm, address).is_some()
    }

    /// Closes doors whose time is over.
    pub(super) fn close_doors(&mut self, now: Ticks, budget: &mut u32) {
        while let Some(door) = self.doors.close_expired(now, budget) {
            self.unpin(&door, now);
        }
    }

    /// A door that is closed keeps its mapping no longer.
    fn unpin(&mut self, door: &Door, now: Ticks) {
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

/// Streams on the slow path.
///
/// Invariant: those that run and those whose end is to be told are together no more than
/// `capacity`, so that there is always room for one more end.
#[derive(Debug)]
pub(super) struct Streams {
    live: usize,
    ended: Vec<(SessionId, u32)>,
    capacity: usize,
    next: u32,
}

impl Streams {
    /// For so many at a time.
    pub(super) fn with_capacity(capacity: u32) -> Self {
        Self {
            live: 0,
            ended: Vec::with_capacity(capacity as usize),
            capacity: capacity as usize,
            next: 0,
        }
    }

    /// Bytes it takes.
    pub(super) const fn bytes(&self) -> usize {
        self.capacity * size_of::<(SessionId, u32)>()
    }

    fn has_room(&self) -> bool {
        self.live + self.ended.len() < self.capacity
    }

    const fn begin(&mut self) -> u32 {
        self.live += 1;
        self.next = self.next.wrapping_add(1);
        self.next
    }

    const fn end(&mut self) {
        self.live = self.live.saturating_sub(1);
    }

    fn lose(&mut self, session: SessionId, number: u32) {
        self.end();
        self.ended.push((session, number));
    }
}

impl Announcement {
    /// One port, to look up.
    const fn of(protocol: u8, address: u32, port: u16) -> Self {
        Self {
            protocol,
            address,
            port,
            ports: 1,
            pairs: false,
            remote: None,
            uses: Uses::Many,
            lifetime: Nanos(0),
            keeper: Keeper::Session,
            answers: false,
            shared: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends are told before their places are taken again.
    #[test]
    fn streams_and_their_ends_are_never_more_than_there_is_room_for() {
        let mut streams = Streams::with_capacity(2);
        let (first, second) = (streams.begin(), streams.begin());
        assert!(first != second && !streams.has_room());
        streams.lose(SessionId(7), first);
        assert!(!streams.has_room());
        assert_eq!(streams.ended.pop(), Some((SessionId(7), first)));
        assert!(streams.has_room());
        let third = streams.begin();
        assert!(third != second && !streams.has_room());
        streams.end();
        assert!(streams.has_room());
    }
}
