//! Zone policy at first packets, and of sessions that go on under another one.
//!
//! ```text
//!  first packet ─> ruling ─┬─ inspect ─> a session, both ways
//!                          ├─ pass ───> a session that is watched: its way back is asked about
//!                          │            until it is free too; no session where nothing is translated
//!                          └─ refused ─> announced by a gateway? let in all the same : dropped
//! ```
//!
//! A session that is watched is marked as one with a gateway, and has none: it never takes the
//! fast path. What is not translated has a session with the same endpoint on both sides and no
//! mapping; endpoints that messages announce in it are mapped to themselves, for doors.

use alloc::sync::Arc;

use base::{Counter, Direction, Ticks};
use wire::ipv4::protocol;

use super::{First, Opened, Refusal, Shard, first_state, opens, rule_number};
use crate::door::{DoorId, Origin, Place};
use crate::key::{FlowKey, Realm};
use crate::layout::Layout;
use crate::mapping::{Mapping, MappingId, MappingKind, NewMapping, Reach, UNTOUCHED_SCOPE};
use crate::session::{Flags, Hit, NewSession, Session, SessionView};
use crate::settings::Action;
use crate::zones::{ITSELF, Ruling, ZoneAction, ZoneUse, Zones};

/// How a first packet was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// There is nothing to say about it.
    Free,
    /// No class has it, but a gateway has heard of it.
    Expected,
    /// By a class that keeps its session.
    Inspected(u16),
    /// By a class that knows this way alone.
    Passed(u16),
}

impl Shard {
    /// What a class has come to.
    #[must_use]
    pub fn zone_use(&self, class: usize) -> ZoneUse {
        self.zone_uses.get(class).copied().unwrap_or_default()
    }

    /// Whether the policy lets a packet from an interface go to the appliance itself.
    ///
    /// # Errors
    ///
    /// The drop reason.
    pub fn admit_to_itself(&mut self, interface: u16, key: FlowKey) -> Result<(), Refusal> {
        let Some(zones) = self.layout.zones() else {
            return Ok(());
        };
        let ruling = zones.ruling(zones.of_interface(interface), ITSELF, key);
        self.enter(ruling, false).map(|_| ())
    }

    /// Whether the policy lets a packet go that is neither translated nor followed: an error
    /// about a packet without a session.
    ///
    /// # Errors
    ///
    /// The drop reason.
    pub fn admit_alone(&mut self, interface: u16, key: FlowKey) -> Result<(), Refusal> {
        match self.enter(self.ruling_on_way(interface, key), false)? {
            Entry::Free | Entry::Passed(_) => Ok(()),
            Entry::Expected | Entry::Inspected(_) => Err(Counter::DropIcmpNoSession),
        }
    }

    /// Asks about a session that an inside host wants to open by a rule or without one.
    pub(super) fn admit_outbound(
        &mut self,
        first: &First<'_>,
        rule: Option<usize>,
    ) -> Result<Entry, Refusal> {
        let Some(zones) = self.layout.zones().filter(|_| !first.hairpin) else {
            // Where a hairpin goes to, its second half knows.
            return Ok(Entry::Free);
        };
        let key = first.key;
        let of_rule = rule.and_then(|rule| self.layout.rule(rule));
        let realm = of_rule.map(|rule| rule.outside_realm);
        let realm = realm.or_else(|| self.static_outside(key));
        let to = zones.of_address(realm.unwrap_or(key.realm()), key.dst());
        let from = zones.of_interface(first.interface);
        let ruling = to.map_or(Ruling::Free, |to| zones.ruling(from, to, key));
        let is_expected = !ruling.admits() && self.is_expected(key, rule, first.now.ticks());
        self.enter(ruling, is_expected)
    }

    /// Asks about a session through a mapping, of `inside` at the port that the packet is for.
    pub(super) fn admit_inbound(
        &mut self,
        first: &First<'_>,
        (id, mapping): (MappingId, &Mapping),
        is_expected: impl Fn(&Self) -> bool,
    ) -> Result<Entry, Refusal> {
        let Some(zones) = self.layout.zones() else {
            return Ok(Entry::Free);
        };
        let (key, inside) = (first.key, mapping.out_key);
        let delivered = key.with_dst(inside.src(), mapping.inside_port_for(key.dst_port()));
        let from = zones.of_interface(first.interface);
        let to = zones.of_address(inside.realm(), inside.src());
        let ruling = to.map_or(Ruling::Free, |to| zones.ruling(from, to, delivered));
        let is_answer_to_be = |to| {
            let out = zones.ruling(to, from, delivered.reversed());
            matches!(out, Ruling::Class(_, ZoneAction::Inspect))
        };
        // Who was asked for by PCP is as one whom the host has written to, unless a pair says
        // what comes in there.
        let is_asked_for = ruling == Ruling::NoPair
            && self.recorded(id, key.src(), key.src_port()) == Some(true)
            && to.is_some_and(is_answer_to_be);
        let is_expected = is_asked_for || !ruling.admits() && is_expected(self);
        self.enter(ruling, is_expected)
    }

    /// Whether the gateway of another session has announced who comes in by this door.
    pub(super) fn is_announced(&self, door: Option<DoorId>) -> bool {
        let door = door.and_then(|id| self.doors.get(id));
        door.is_some_and(|door| matches!(door.origin, Origin::Gateway(_)))
    }

    /// A session that was let through has been opened.
    pub(super) fn entered(&mut self, id: Opened, entry: Entry, now: Ticks) {
        let (Entry::Inspected(class) | Entry::Passed(class)) = entry else {
            return;
        };
        if let Some(place) = self.zone_uses.get_mut(usize::from(class)) {
            place.sessions += 1;
        }
        if matches!(entry, Entry::Passed(_)) {
            self.detach(id, now);
            self.sessions.set_gateway(id, true);
        }
    }

    /// Opens a session for a flow that is not translated, where the policy wants one: `None` if
    /// its packets go on without. Who sends it is foreign to the rule if it came from outside.
    ///
    /// # Errors
    ///
    /// The drop reason, with nothing changed.
    pub fn open_untouched(
        &mut self,
        first: &First<'_>,
        rule: usize,
        from_outside: bool,
    ) -> Result<Option<Opened>, Refusal> {
        let (key, now) = (first.key, first.now.ticks());
        let ruling = self.ruling_on_way(first.interface, key);
        let door = if ruling.admits() {
            None
        } else {
            self.door_to_untouched(key)
        };
        let is_expected = self.is_announced(door)
            || !ruling.admits() && self.is_expected_untouched(key, from_outside, now);
        let entry = self.enter(ruling, is_expected)?;
        if matches!(entry, Entry::Free | Entry::Passed(_)) {
            return Ok(None);
        }
        opens(first)?;
        if key.protocol() == protocol::ICMP && key.src_port() == 0 && key.dst_port() != 0 {
            // An answer nobody has asked for opens nothing (RFC 5508 REQ-1).
            return Err(Counter::DropIcmpNoSession);
        }
        let (home, direction, flags) = if from_outside {
            let flags = Flags::INBOUND_REFRESH.with(Flags::FROM_OUTSIDE);
            (key.reversed(), Direction::Inbound, flags)
        } else {
            (key, Direction::Outbound, Flags::INBOUND_REFRESH)
        };
        let new = NewSession {
            out_key: home,
            outside: home.src(),
            outside_port: home.src_port(),
            outside_realm: home.realm(),
            state: first_state(key, direction),
            flags,
            rule: rule_number(rule),
            mapping: None,
        };
        let opened = self
            .sessions
            .insert(&new, now)
            .map_err(|_| Counter::DropSessionTable)?;
        self.counters.bump(Counter::NatSessionsCreated);
        self.count_session(new.rule, home.realm(), 1);
        self.attach_by_port(opened);
        if !from_outside {
            self.attach_by_door(opened);
            self.attach_by_lead(opened, now);
        }
        if let Some(door) = door {
            self.promote(door, opened, now);
        }
        self.entered(opened, entry, now);
        Ok(Some(opened))
    }

    /// Whether a packet of a session may take its way: the way back of what is passed has to be
    /// free as well. Asked about it no more once that is so.
    ///
    /// # Errors
    ///
    /// The drop reason.
    pub fn admit_way(&mut self, hit: Hit) -> Result<(), Refusal> {
        if self.layout.zones().is_none() || self.attachments.get(hit.id).is_some() {
            return Ok(());
        }
        let Some(view) = self.sessions.view(hit.id) else {
            return Ok(());
        };
        let forth = if view.flags.has(Flags::FROM_OUTSIDE) {
            Direction::Inbound
        } else {
            Direction::Outbound
        };
        let watched = self.sessions.get(hit.id).is_some_and(Session::has_gateway);
        if hit.direction == forth || !watched {
            return Ok(());
        }
        let ruling = self
            .layout
            .zones()
            .and_then(|zones| self.ruling_of(zones, &view, true));
        if matches!(ruling, Some(Ruling::Class(_, ZoneAction::Pass))) {
            let back = self
                .layout
                .zones()
                .and_then(|zones| self.ruling_of(zones, &view, false));
            self.enter(back.unwrap_or(Ruling::Free), false)?;
        }
        if self.gateway_of(hit.id).is_none() {
            self.sessions.set_gateway(hit.id, false);
        }
        Ok(())
    }

    /// Whether a session goes on under another layout's policy. What was not allowed before
    /// came as a gateway had announced, and still does.
    pub(super) fn zones_keep(&self, before: &Layout, after: &Layout, view: &SessionView) -> bool {
        let Some(zones) = after.zones() else {
            return true;
        };
        let refused = |zones: &Zones| {
            let forth = self.ruling_of(zones, view, true);
            forth.is_some_and(|ruling| !ruling.admits())
        };
        !refused(zones) || before.zones().is_some_and(refused)
    }

    /// Has the way back of a session asked about if the new policy says that it is passed.
    pub(super) fn watch_again(&mut self, view: &SessionView) {
        if !self.change.zones || self.attachments.get(view.id).is_some() {
            return;
        }
        let zones = self.layout.zones();
        let ruling = zones.and_then(|zones| self.ruling_of(zones, view, true));
        if matches!(ruling, Some(Ruling::Class(_, ZoneAction::Pass))) {
            self.sessions.set_gateway(view.id, true);
        }
    }

    /// Takes over the counts of the classes that the layout before had, too.
    pub(super) fn adopt_zones(&mut self) {
        let layout = Arc::clone(&self.layout);
        let known = layout.zones().into_iter().flat_map(Zones::known);
        let uses = known.map(|before| {
            let use_of = |class| self.zone_use(usize::from(class));
            before.map_or_else(ZoneUse::default, use_of)
        });
        self.zone_uses = uses.collect();
    }

    // --- what is announced where nothing is translated ----------------------

    /// The mapping of an announced endpoint to itself.
    pub(super) fn untouched_mapping(&self, key: FlowKey) -> Option<MappingId> {
        self.mappings.find_outbound(untouched_key(key))
    }

    /// Makes that mapping.
    pub(super) fn map_untouched(&mut self, key: FlowKey, rule: u16) -> Result<(), Refusal> {
        if self.untouched_mapping(key).is_some() {
            return Ok(());
        }
        let new = NewMapping {
            out_key: untouched_key(key),
            outside: key.src(),
            outside_port: key.src_port(),
            outside_realm: key.realm(),
            rule,
            kind: MappingKind::Dynamic,
            reach: Reach::Endpoint,
        };
        self.mappings
            .insert(&new)
            .map_err(|_| Counter::DropMappingTable)?;
        self.counters.bump(Counter::NatMappingsCreated);
        Ok(())
    }

    /// The door by which a packet that is not translated may come.
    fn door_to_untouched(&self, key: FlowKey) -> Option<DoorId> {
        if !self.has_doors() {
            return None;
        }
        let mapping = self.mappings.get(self.mapping_to(key, key.realm())?)?;
        mapping
            .is_untouched()
            .then(|| self.door_for(&mapping, key))
            .flatten()
    }

    // --- rulings -----------------------------------------------------------

    /// About a flow that goes to where it is addressed.
    fn ruling_on_way(&self, interface: u16, key: FlowKey) -> Ruling {
        let Some(zones) = self.layout.zones() else {
            return Ruling::Free;
        };
        let to = zones.of_address(key.realm(), key.dst());
        let from = zones.of_interface(interface);
        to.map_or(Ruling::Free, |to| zones.ruling(from, to, key))
    }

    /// About a session, the way it was opened or the way back; `None` if it cannot be known where
    /// one of its ends is.
    fn ruling_of(&self, zones: &Zones, view: &SessionView, forth: bool) -> Option<Ruling> {
        let key = view.out_key;
        let inside = zones.of_address(key.realm(), key.src())?;
        let (realm, remote) = self.behind(view.outside_realm, key)?;
        let outside = zones.of_address(realm, remote)?;
        let outward = view.flags.has(Flags::FROM_OUTSIDE) != forth;
        Some(if outward {
            zones.ruling(inside, outside, key)
        } else {
            zones.ruling(outside, inside, key.reversed())
        })
    }

    /// Who is behind the remote end of a session: of a hairpin an inside host, if it is this
    /// shard's.
    fn behind(&self, realm: Realm, key: FlowKey) -> Option<(Realm, u32)> {
        if self.layout.outside_address(realm, key.dst()).is_none() {
            return Some((realm, key.dst()));
        }
        let own = key.reversed().with_dst(key.dst(), key.dst_port());
        let inside = self.mappings.get(self.mapping_to(own, realm)?)?.out_key;
        Some((inside.realm(), inside.src()))
    }

    /// Counts a packet by what was ruled.
    fn enter(&mut self, ruling: Ruling, is_expected: bool) -> Result<Entry, Refusal> {
        let Ruling::Class(class, action) = ruling else {
            return match ruling {
                Ruling::NoPair if !is_expected => Err(Counter::DropZoneNoPair),
                Ruling::NoPair => Ok(Entry::Expected),
                _ => Ok(Entry::Free),
            };
        };
        if action == ZoneAction::Drop && is_expected {
            return Ok(Entry::Expected);
        }
        if let Some(place) = self.zone_uses.get_mut(usize::from(class)) {
            place.packets += 1;
        }
        match action {
            ZoneAction::Inspect => Ok(Entry::Inspected(class)),
            ZoneAction::Pass => Ok(Entry::Passed(class)),
            ZoneAction::Drop => Err(Counter::DropZonePolicy),
        }
    }

    /// Whether a gateway has heard of a flow that an inside host opens: the other side has
    /// announced where it goes to, or the host where it comes from.
    fn is_expected(&self, key: FlowKey, rule: Option<usize>, now: Ticks) -> bool {
        if self.leads.has(key, now) {
            return true;
        }
        if !self.has_doors() {
            return false;
        }
        let own = self.static_mapping(key).or_else(|| {
            let plan = self.layout.plan(rule?)?;
            self.door_mapping(key, plan)
        });
        let own = own.and_then(|id| self.mappings.get(id));
        own.is_some_and(|mapping| {
            let place = Place {
                address: mapping.outside,
                port: mapping.port_for(key.src_port()),
                realm: mapping.outside_realm,
            };
            self.may_come_to(place, key)
        })
    }

    /// The same where nothing is translated.
    fn is_expected_untouched(&self, key: FlowKey, from_outside: bool, now: Ticks) -> bool {
        let place = Place {
            address: key.src(),
            port: key.src_port(),
            realm: key.realm(),
        };
        !from_outside && self.leads.has(key, now)
            || self.has_doors() && self.may_come_to(place, key)
    }

    /// Whether whoever a flow goes to may come in where it comes from.
    fn may_come_to(&self, place: Place, key: FlowKey) -> bool {
        let door = self
            .doors
            .find(place, key.protocol(), key.dst(), key.dst_port());
        self.is_announced(door)
    }

    /// Whether the rule of a session without a mapping still lets it go.
    pub(super) fn is_left_alone(layout: &Layout, view: &SessionView) -> bool {
        let by_rule = layout.rule(usize::from(view.rule));
        by_rule.is_some_and(|rule| !matches!(rule.action, Action::Drop))
    }
}

/// The inside endpoint of an announced flow that is not translated.
fn untouched_key(key: FlowKey) -> FlowKey {
    key.with_dst(0, 0).scoped(UNTOUCHED_SCOPE)
}
