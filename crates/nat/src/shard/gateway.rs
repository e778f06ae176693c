//! Gateways of sessions: who has one, and what is remembered for it.

use base::{Counter, Direction, Nanos, Ticks};
use wire::ipv4::protocol;

use super::{NO_RULE, Shard};
use crate::door::{Door, Origin, Parent, Place};
use crate::gateway::{Attached, Gateway, Service, Spoken, Tally};
use crate::key::FlowKey;
use crate::leads::Led;
use crate::sequence::{Adjust, Handed};
use crate::session::{Flags, Hit, Session, SessionId};
use crate::tcp_state::{Segment, State};

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

    pub(super) fn attach_to(&mut self, id: SessionId, door: &Door, client: Direction) {
        if let Origin::Gateway(gateway) = door.origin {
            self.attach_as(id, gateway, door.kind, door.inside.port, client);
        }
    }

    /// Where a message has led its host, that message's gateway goes, too, or its session has a
    /// child.
    pub(super) fn attach_by_lead(&mut self, id: SessionId, now: Ticks) {
        let Some(view) = self.sessions.view(id) else {
            return;
        };
        match self.leads.find(view.out_key, now) {
            Some(Led::Gateway(gateway, kind)) => {
                let port = view.out_key.dst_port();
                self.attach_as(id, gateway, kind, port, Direction::Outbound);
            }
            Some(Led::Child(parent, began)) => {
                self.leads.forget(view.out_key);
                let lives = self.sessions.view(parent);
                if lives.is_some_and(|parent| parent.created == began) {
                    self.note_child(parent, id);
                }
            }
            None => {}
        }
    }

    /// A session lives from now on as long as another that it has led to.
    pub(super) fn note_child(&mut self, parent: SessionId, child: SessionId) {
        if let Some(view) = self.sessions.view(child)
            && let Some(attached) = self.attachments.get_mut(parent)
        {
            attached.child = Some((child, view.created));
        }
    }

    /// A message has told the host of a session to go to an outside endpoint: for a session of a
    /// kind of the same gateway, or one that keeps this session.
    pub fn lead(
        &mut self,
        session: SessionId,
        protocol: u8,
        (address, port): (u32, u16),
        kind: Option<u8>,
        lifetime: Nanos,
        now: Ticks,
    ) {
        let gateway = self.attachments.get(session).map(|known| known.gateway);
        if let (Some(view), Some(gateway)) = (self.sessions.view(session), gateway) {
            let own = view.out_key;
            let key = FlowKey::new(own.src(), address, 0, port, protocol, own.realm());
            let to = kind.map_or(Led::Child(session, view.created), |kind| {
                Led::Gateway(gateway, kind)
            });
            self.leads.add(key, Some(to), lifetime, now);
        }
    }

    /// A message has told the host of a session where the other side listens: the zone policy
    /// lets it go there.
    pub fn expect(
        &mut self,
        session: SessionId,
        protocol: u8,
        (address, port): (u32, u16),
        lifetime: Nanos,
        now: Ticks,
    ) {
        if self.layout.zones().is_none() {
            return;
        }
        if let Some(view) = self.sessions.view(session) {
            let own = view.out_key;
            let key = FlowKey::new(own.src(), address, 0, port, protocol, own.realm());
            self.leads.add(key, None, lifetime, now);
        }
    }

    fn attach_as(
        &mut self,
        id: SessionId,
        gateway: Gateway,
        kind: u8,
        port: u16,
        client: Direction,
    ) {
        let Some(view) = self.sessions.view(id) else {
            return;
        };
        if self.attachments.get(id).is_some() {
            return;
        }
        let service = Service {
            protocol: view.out_key.protocol(),
            port,
            gateway,
            shadow: false,
            in_parts: self
                .layout
                .services(usize::from(view.rule))
                .in_parts(gateway),
            reset_ttl: false,
            kind,
        };
        self.attach(id, service, client);
    }

    pub(super) fn attach(&mut self, id: SessionId, service: Service, client: Direction) {
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
            // One that is watched by the zone policy has none.
            let watched = self.sessions.get(hit.id).is_some_and(Session::has_gateway);
            if over && hit.direction == client && !watched {
                self.attach_by_port(hit.id);
                if client == Direction::Outbound {
                    self.attach_by_lead(hit.id, now);
                }
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

    /// Whether a session whose time is over lives on: for what came in by its doors, or for its
    /// control connection.
    pub(super) fn is_kept(&self, id: SessionId, now: Ticks) -> bool {
        if self.is_kept_by_peer(id) {
            return true;
        }
        if self.attachments.live() == 0 {
            return false;
        }
        let Some(attached) = self.attachments.get(id) else {
            return false;
        };
        if attached.protocol == protocol::GRE {
            return self.is_kept_by_control(id, now);
        }
        attached.child.is_some_and(|(child, began)| {
            let view = self.sessions.view(child);
            view.is_some_and(|view| view.created == began)
        })
    }
}
