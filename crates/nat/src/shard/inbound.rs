//! First packets from outside: mapping, filtering, session (RFC 4787 section 5).

use base::{Counter, Direction, Ticks};
use wire::ipv4::is_multicast;

use super::tunnels::is_of_pair;
use super::zones::Entry;
use super::{First, MAX_WEAK, NO_RULE, Opened, Refusal, Shard, first_state, opens, static_key};
use crate::door::DoorId;
use crate::key::{FlowKey, Realm};
use crate::layout::OutsideAddress;
use crate::mapping::{Mapping, MappingId, MappingKind};
use crate::session::{Flags, NewSession, TableFull};
use crate::settings::{Dependence, PortProtocol};
use crate::subscriber::SubscriberId;

impl Shard {
    /// Opens a session for a packet to an outside address, if a mapping and its
    /// filtering admit it.
    ///
    /// # Errors
    ///
    /// The drop reason, with nothing changed.
    pub fn open_inbound(&mut self, first: &First<'_>) -> Result<Opened, Refusal> {
        let prepared = self.prepare_tunnel(first)?;
        let opened = self.open_inbound_at(first);
        if let (Err(_), Some(mapping)) = (opened, prepared) {
            self.end_mapping_if_unused(mapping, first.now.ticks());
        }
        opened
    }

    fn open_inbound_at(&mut self, first: &First<'_>) -> Result<Opened, Refusal> {
        let key = first.key;
        let (id, mapping, door) = self.admitted(first)?;
        opens(first)?;
        let id = self.share_load(id, &mapping, key, first.now.ticks());
        let mapping = self.mappings.get(id).ok_or(Counter::DropNoMapping)?;
        let pinned = mapping.kind == MappingKind::Static;
        let entry = self.admit_inbound(first, (id, &mapping), |shard| {
            shard.is_announced(door) || is_of_pair(&mapping, key)
        })?;
        // Whoever comes by a door is expected: what it sends is wanted, answered or not.
        let refresh = if pinned || door.is_some() || is_of_pair(&mapping, key) {
            Flags::INBOUND_REFRESH
        } else {
            self.udp_refresh(key.protocol())
        };
        let weak = refresh != Flags::INBOUND_REFRESH;
        if weak && mapping.weak >= MAX_WEAK {
            return Err(Counter::DropInboundLimit);
        }
        let subscriber = self.subscriber_of(&mapping);
        if let Some(subscriber) = subscriber
            && let Err(reason) = self.admit_visitor(subscriber, &mapping)
        {
            self.note_visitor(&mapping, reason, first.now.ticks());
            self.refused(subscriber, first.now.ticks());
            return Err(reason);
        }
        let sender = match first.sender_rule {
            Some(rule) => Some(self.admit_sender(first, rule)?),
            None => None,
        };
        // What answers a hairpin is one itself: its remote is an outside address.
        let mut flags = Flags::FROM_OUTSIDE.with(refresh);
        if sender.is_some() {
            flags = flags.with(Flags::PRESERVED);
        }
        if first.hairpin {
            flags = flags.with(Flags::HAIRPIN);
        }
        if weak {
            flags = flags.with(Flags::WEAK);
        } else if self.filters_by_address(&mapping) {
            flags = flags.with(Flags::UNANSWERED);
        }
        let inside = mapping.out_key;
        let inserted = self.insert_session(
            &NewSession {
                out_key: FlowKey::new(
                    inside.src(),
                    key.src(),
                    mapping.inside_port_for(key.dst_port()),
                    key.src_port(),
                    key.protocol(),
                    inside.realm(),
                ),
                outside: mapping.outside,
                outside_port: mapping.port_for(key.dst_port()),
                // Where the remote is: for a hairpin that keeps its source, inside.
                outside_realm: key.realm(),
                state: first_state(key, Direction::Inbound),
                flags,
                rule: if pinned { NO_RULE } else { mapping.rule },
                mapping: Some(id),
            },
            &mapping,
            sender.or(subscriber),
            first.now,
        );
        if let (Err(_), Some(sender)) = (inserted, sender) {
            self.refused(sender, first.now.ticks());
        }
        if let Err(reason) = inserted {
            self.note_visitor(&mapping, reason, first.now.ticks());
        }
        let opened = inserted?;
        self.tunnel_paired(&mapping, key, first.now.ticks());
        self.attach_by_port(opened);
        if weak {
            let next = self.mappings.change(id, |mapping| {
                mapping.weak += 1;
                mapping.set_first_weak(Some(opened))
            });
            self.sessions.set_next_weak(opened, next.flatten());
        } else {
            self.mappings.strengthen(id);
        }
        // The session keeps the mapping by now: the door need not.
        if let Some(door) = door {
            self.promote(door, opened, first.now.ticks());
        }
        if entry != Entry::Free {
            self.entered(opened, entry, first.now.ticks());
        }
        Ok(opened)
    }

    /// The limits of a sender inside that keeps its source.
    fn admit_sender(&mut self, first: &First<'_>, rule: usize) -> Result<SubscriberId, Refusal> {
        let key = first.key;
        let (translate, _) = self.translate_of(rule).ok_or(Counter::DropNoRule)?;
        if let Err(reason) = self.admit_rule(rule, &translate, key) {
            self.refused_known(key, first.now.ticks());
            return Err(reason);
        }
        let subscriber = self.subscriber_for(key, false)?;
        let admitted = self
            .admit_session(subscriber, &translate, Some(key.dst_port()))
            .and_then(|()| self.admit_rate(subscriber, translate.limits.rate, first.now));
        if admitted.is_err() {
            self.refused(subscriber, first.now.ticks());
        }
        admitted.map(|()| subscriber)
    }

    /// Whether one look at a bit says that nobody has an outside endpoint. False where
    /// somebody has it, and where that is not so simple.
    #[must_use]
    #[inline]
    pub fn nobody_has(&self, realm: Realm, address: u32, protocol: u8, port: u16) -> bool {
        let Some(side) = PortProtocol::of(protocol) else {
            return false;
        };
        let slot = self
            .layout
            .outside_address(realm, address)
            .and_then(OutsideAddress::only_slot);
        self.mappings.special().whole == 0
            && slot.is_some_and(|slot| self.pools.is_free(slot, port, side) == Some(true))
    }

    /// Whether ports alone decide who has an outside endpoint: no static mappings, no
    /// whole addresses, no other worker.
    #[must_use]
    pub fn ports_decide(&self) -> bool {
        let special = self.mappings.special();
        special.pinned == 0
            && special.whole == 0
            && self.layout.shards() == 1
            && !self.keeps_ike_port()
    }

    /// Why a packet from a remote host to an outside address opens nothing, if it does not;
    /// `None` as well for any other address.
    #[must_use]
    pub fn turned_away(&self, first: &First<'_>) -> Option<Refusal> {
        self.layout
            .outside_address(first.outside_realm, first.key.dst())?;
        self.admitted(first).err()
    }

    /// Whether anybody inside could be reached by this packet from a remote that
    /// nobody has written to.
    #[must_use]
    pub fn lets_strangers_in(&self, first: &First<'_>) -> bool {
        self.admitted(first)
            .is_ok_and(|(_, mapping, _)| self.filtering(&mapping) == Dependence::Endpoint)
    }

    fn admitted(&self, first: &First<'_>) -> Result<(MappingId, Mapping, Option<DoorId>), Refusal> {
        let key = first.key;
        let id = self
            .mapping_to(key, first.outside_realm)
            .or_else(|| self.tunnel_to(first))
            .ok_or(Counter::DropNoMapping)?;
        let mapping = self.mappings.get(id).ok_or(Counter::DropNoMapping)?;
        if !mapping.is_open() && !is_of_pair(&mapping, key) {
            return Err(Counter::DropNoMapping);
        }
        let door = self.door_for(&mapping, key);
        if door.is_none() && !is_of_pair(&mapping, key) && !self.admits(id, &mapping, key) {
            return Err(Counter::DropFiltered);
        }
        Ok((id, mapping, door))
    }

    /// The limits that a session from outside counts against.
    fn admit_visitor(&self, subscriber: SubscriberId, mapping: &Mapping) -> Result<(), Refusal> {
        let rule = usize::from(mapping.rule);
        let Some((translate, _)) = self.translate_of(rule) else {
            return Err(Counter::DropNoMapping);
        };
        if mapping.visitors >= translate.limits.inbound {
            return Err(Counter::DropInboundLimit);
        }
        self.admit_rule(rule, &translate, mapping.out_key)?;
        self.admit_session(subscriber, &translate, None)
    }

    /// One of the inside hosts that share what comes in for an outside endpoint.
    fn share_load(
        &mut self,
        id: MappingId,
        mapping: &Mapping,
        key: FlowKey,
        now: Ticks,
    ) -> MappingId {
        if mapping.kind != MappingKind::Static {
            return id;
        }
        let layout = alloc::sync::Arc::clone(&self.layout);
        let Some(one) = layout
            .static_at(mapping.rule)
            .filter(|one| !one.others.is_empty())
        else {
            return id;
        };
        let number = mapping.rule;
        let known = self
            .affinity
            .as_ref()
            .filter(|_| one.affinity.is_some())
            .and_then(|affinity| affinity.get(number, key.src(), now));
        let inside = known.unwrap_or_else(|| {
            let nth = self.rng.below(crate::pool::count(one.others.len()) + 1);
            let other = (nth as usize).checked_sub(1);
            other
                .and_then(|nth| one.others.get(nth))
                .unwrap_or(&one.inside)
                .to_bits()
        });
        if let (Some(affinity), Some(time)) = (&mut self.affinity, one.affinity) {
            affinity.set(number, key.src(), inside, now, Ticks::in_duration(time));
        }
        let out_key = mapping.out_key.with_src(inside, mapping.out_key.src_port());
        self.mappings.find_outbound(out_key).unwrap_or(id)
    }

    /// Filtering (RFC 4787 section 5) of a remote address without a session.
    fn admits(&self, id: MappingId, mapping: &Mapping, key: FlowKey) -> bool {
        let remote = key.src();
        if mapping.explicit
            && let Some(said) = self.recorded(id, remote, key.src_port())
        {
            return said;
        }
        match self.filtering(mapping) {
            Dependence::Endpoint => true,
            Dependence::Address if mapping.out_key.dst() != 0 => mapping.out_key.dst() == remote,
            Dependence::Address => {
                mapping.has_spoken_to(remote)
                    || self
                        .filter
                        .as_ref()
                        .is_some_and(|filter| filter.admits(id, remote))
            }
            Dependence::AddressAndPort => false,
        }
    }

    fn filtering(&self, mapping: &Mapping) -> Dependence {
        if mapping.kind == MappingKind::Static {
            return self
                .layout
                .static_at(mapping.rule)
                .map_or(Dependence::Endpoint, |one| one.filtering);
        }
        self.layout
            .plan(usize::from(mapping.rule))
            .map_or(Dependence::AddressAndPort, |plan| plan.translate.filtering)
    }

    /// Remembers that a mapping has written to a remote address: in the mapping if that
    /// has room, for it is one that most only have, else in the filter.
    pub(super) fn speak(&mut self, id: MappingId, remote: u32) -> Result<(), TableFull> {
        if !is_multicast(remote) && self.mappings.speak(id, remote) {
            return Ok(());
        }
        match &mut self.filter {
            Some(filter) => filter.add(id, remote),
            None => Ok(()),
        }
    }

    /// Forgets it, once for each time it was remembered.
    pub(super) fn unspeak(&mut self, id: MappingId, remote: u32) {
        if !self.mappings.unspeak(id, remote)
            && let Some(filter) = &mut self.filter
        {
            filter.remove(id, remote);
        }
    }

    pub(super) fn filters_by_address(&self, mapping: &Mapping) -> bool {
        self.filter.is_some()
            && mapping.out_key.dst() == 0
            && self.filtering(mapping) == Dependence::Address
    }

    /// The static mapping of an inside host for a flow.
    #[inline]
    pub(super) fn static_mapping(&self, key: FlowKey) -> Option<MappingId> {
        if self.mappings.special().pinned == 0 {
            return None;
        }
        self.mappings.find_outbound(static_key(key)).or_else(|| {
            if !self.layout.has_whole_statics() {
                return None;
            }
            let whole = |protocol| {
                self.mappings.find_outbound(super::static_whole_key(
                    key.src(),
                    protocol,
                    key.realm(),
                ))
            };
            whole(key.protocol()).or_else(|| whole(super::ANY_PROTOCOL))
        })
    }
}
