//! What hosts ask for by PCP (RFC 6887): explicit mappings, and who may come in by them.
//!
//! A record ([`crate::pcp`]) keeps its mapping as a session does. When it is gone, by its
//! lifetime or by request, the sessions keep the mapping as long as they would have without it,
//! and its port rests afterwards as any other.

use base::{Counter, Nanos, Ticks};

use super::{First, Match, Refusal, Shard, first_match};
use crate::key::{FlowKey, Realm};
use crate::layout::Plan;
use crate::mapping::{Mapping, MappingId};
use crate::pcp::{Filter, Filters, MAX_SET, Nonce, Policy, Record, RecordId, Records};
use crate::pool::Wish;
use crate::session::SessionId;
use crate::settings::{Action, PortProtocol, Rule};
use crate::subscriber::SubscriberId;

/// One mapping of so many may have a record.
const MAPPINGS_PER_RECORD: u32 = 4;

/// At least, and at most.
const MIN_RECORDS: u32 = 256;
const MAX_RECORDS: u32 = 1 << 16;

/// Outside ports of UDP that are the protocol's own (RFC 6887 section 11.3).
const OWN_PORTS: [u16; 2] = [5350, 5351];

/// How often another port than those is tried for.
const TRIES: u32 = 8;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Number of the interface the request came by; the zone policy asks.
    pub interface: u16,
    /// Inside address.
    pub inside: u32,
    /// Its realm.
    pub realm: Realm,
    /// IP protocol, one that [has ports](Ask::has_ports).
    pub protocol: u8,
    /// Inside port, not zero.
    pub port: u16,
    /// Whose it is.
    pub nonce: Nonce,
    /// Outside address that is suggested.
    pub address: Option<u32>,
    /// Outside port that is suggested; zero if none is.
    pub outside_port: u16,
    /// Seconds; zero deletes.
    pub lifetime: u32,
    /// What is suggested or nothing.
    pub prefer_failure: bool,
    /// What becomes of the filters, in order; `None` lets everybody in again.
    pub filters: &'a [Option<Filter>],
    /// Ports from there on.
    pub ports: u16,
    /// The first outside port is to be as even or odd as the inside one.
    pub parity: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The first outside endpoint; `None` if it is not to be told (RFC 6887 section 15.1).
    pub outside: Option<(u32, u16)>,
    /// Seconds.
    pub lifetime: u32,
    /// Ports from there on.
    pub ports: u16,
}

/// Why nothing did; nothing is changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It is another's, for so many seconds if that is known.
    NotAuthorized(Option<u32>),
    /// No room.
    NoResources,
    /// A protocol without ports to share.
    Protocol,
    /// The subscriber has its share.
    Quota,
    /// What was suggested cannot be had.
    External,
    /// Too many filters.
    Filters,
}

impl Shard {
    // --- who is served -----------------------------------------------------

    /// Whether any rule lets hosts ask, or has.
    #[must_use]
    pub const fn serves_pcp(&self) -> bool {
        self.records.is_some()
    }

    /// What a host on an interface, or one that asks for others, may ask; `None` if nothing.
    #[must_use]
    pub fn pcp_policy(&self, interface: usize, realm: Realm, host: u32) -> Option<&Policy> {
        let host = core::net::Ipv4Addr::from_bits(host);
        self.layout.rules_from(interface).find_map(|(_, rule)| {
            let policy = rule.pcp.as_ref().filter(|_| rule.realm == realm)?;
            let mut hosts = rule.source.iter().chain(&policy.third_party);
            hosts.any(|prefix| prefix.contains(host)).then_some(policy)
        })
    }

    /// Whether a host may ask in the name of others.
    #[must_use]
    pub fn pcp_manages(&self, realm: Realm, host: u32) -> bool {
        let mut rules = self.layout.rules();
        rules.any(|(_, rule)| rule.realm == realm && manages(rule, host))
    }

    /// The rule by which an inside endpoint is mapped, whatever remote it speaks to, if it may
    /// ask for that; `manager` asks for it.
    #[must_use]
    pub fn pcp_rule(
        &self,
        interface: usize,
        inside: FlowKey,
        manager: Option<u32>,
    ) -> Option<usize> {
        let found = if manager.is_some() {
            first_match(self.layout.rules().filter(is_everywhere), inside)
        } else {
            let rules = self.layout.rules_from(interface);
            first_match(rules.filter(is_everywhere), inside)
        };
        self.serving(found, manager)
    }

    /// The same towards one remote.
    #[must_use]
    pub fn pcp_peer_rule(
        &self,
        interface: usize,
        flow: FlowKey,
        manager: Option<u32>,
    ) -> Option<usize> {
        let found = match manager {
            Some(_) => first_match(self.layout.rules(), flow),
            None => self.match_rule(interface, flow),
        };
        self.serving(found, manager)
    }

    fn serving(&self, found: Match<'_>, manager: Option<u32>) -> Option<usize> {
        let Match::Rule(number, Action::Translate(_)) = found else {
            return None;
        };
        let rule = self.layout.rule(number)?;
        let serves = match manager {
            Some(host) => manages(rule, host),
            None => rule.pcp.is_some(),
        };
        serves.then_some(number)
    }

    /// Seconds since state was lost last.
    #[must_use]
    pub fn pcp_epoch(&self, now: Nanos) -> u32 {
        u32::try_from(now.since(self.epoch).0 / Nanos::from_secs(1).0).unwrap_or(u32::MAX)
    }

    /// Whether anything is there that hosts have asked for.
    pub(super) fn has_records(&self) -> bool {
        self.records
            .as_ref()
            .is_some_and(|records| records.live() > 0)
    }

    /// Makes room for records if the layout asks for it.
    pub(super) fn adopt_records(&mut self, now: Ticks) {
        if self.records.is_none() && self.layout.rules().any(|(_, rule)| rule.pcp.is_some()) {
            let most = self.sizes.mappings / MAPPINGS_PER_RECORD;
            self.records = Some(Records::with_capacity(
                most.clamp(MIN_RECORDS, MAX_RECORDS),
                self.sizes.subscribers,
                self.rng.word(),
                now,
            ));
        }
    }

    // --- what is asked -----------------------------------------------------

    /// An outside endpoint for an inside one (RFC 6887 section 11.3), or several (RFC 7753).
    ///
    /// # Errors
    ///
    /// [`Denied`], with nothing changed.
    pub fn pcp_map(&mut self, rule: usize, ask: &Ask<'_>, now: Nanos) -> Result<Granted, Denied> {
        let key = ask.key(0);
        if let Some(granted) = self.by_static(key, ask)? {
            return Ok(granted);
        }
        let known = self.known(key, &ask.nonce, now.ticks())?;
        if ask.lifetime == 0 {
            return match known {
                Some(id) => Ok(self.end_set(id, now.ticks())),
                None if self.is_implicit(rule, key) => Err(Denied::NotAuthorized(None)),
                None => Ok(Granted::NOTHING),
            };
        }
        let filters = self.filters_after(known, ask)?;
        let terms = self.terms(rule, ask, known, now)?;
        let granted = if let Some(id) = known {
            self.renew_set(id, ask, terms.expires, &filters, now.ticks())?
        } else {
            let asked = self.asked(rule, ask, terms.expires, &filters, now)?;
            self.map_set(&asked, terms.most)?
        };
        self.counters.bump(Counter::PcpGranted);
        Ok(Granted {
            lifetime: terms.lifetime,
            ..granted
        })
    }

    /// The same towards one remote endpoint, with a session of it (RFC 6887 section 12.3).
    ///
    /// # Errors
    ///
    /// As [`Shard::pcp_map`].
    pub fn pcp_peer(
        &mut self,
        rule: usize,
        ask: &Ask<'_>,
        (remote, port): (u32, u16),
        now: Nanos,
    ) -> Result<Granted, Denied> {
        let key = ask.key(0).with_dst(remote, port);
        if let Some(granted) = self.by_static(key, ask)? {
            return Ok(granted);
        }
        let known = self.known(key, &ask.nonce, now.ticks())?;
        if ask.lifetime == 0 && known.is_none() {
            return Ok(Granted::NOTHING);
        }
        let terms = self.terms(rule, ask, known, now)?;
        let mapping = if let Some(id) = known {
            let records = self.records.as_mut().ok_or(Denied::NoResources)?;
            records.renew(id, terms.expires, None, (ask.port, 1));
            let record = records.get(id).ok_or(Denied::NoResources)?;
            record.mapping
        } else {
            let none = Filters::new();
            let asked = self.asked(rule, ask, terms.expires, &none, now)?;
            self.begin_peer(&asked, key, terms.most)?
        };
        self.counters.bump(Counter::PcpGranted);
        Ok(Granted {
            outside: Some(self.endpoint_of(mapping, ask.port)?),
            lifetime: terms.lifetime,
            ports: 1,
        })
    }

    /// The record of a key, if it is this client's.
    fn known(&self, key: FlowKey, nonce: &Nonce, now: Ticks) -> Result<Option<RecordId>, Denied> {
        let Some(records) = &self.records else {
            return Err(Denied::NoResources);
        };
        let Some(id) = records.find(key) else {
            return Ok(None);
        };
        match records.get(id) {
            Some(record) if record.nonce != *nonce => {
                Err(Denied::NotAuthorized(Some(seconds_to(record.expires, now))))
            }
            _ => Ok(Some(id)),
        }
    }

    /// What is configured for an endpoint stays as it is (RFC 6887 section 11.3).
    fn by_static(&self, key: FlowKey, ask: &Ask<'_>) -> Result<Option<Granted>, Denied> {
        let mapping = self
            .static_mapping(key)
            .and_then(|id| self.mappings.get(id));
        let Some(mapping) = mapping else {
            return Ok(None);
        };
        let outside = (mapping.outside, mapping.port_for(ask.port));
        if ask.lifetime == 0 {
            return Err(Denied::NotAuthorized(None));
        }
        if !ask.is_met_by(outside) {
            return Err(Denied::External);
        }
        Ok(Some(Granted {
            outside: Some(outside),
            lifetime: u32::MAX,
            ports: 1,
        }))
    }

    /// What there is not yet, for a subscriber that may be new.
    fn asked<'a>(
        &mut self,
        rule: usize,
        ask: &'a Ask<'a>,
        expires: Ticks,
        filters: &'a Filters,
        now: Nanos,
    ) -> Result<Asked<'a>, Denied> {
        let plan = *self.layout.plan(rule).ok_or(Denied::NoResources)?;
        Ok(Asked {
            rule,
            plan,
            subscriber: self.subscriber_for(ask.key(0), plan.is_outside)?,
            ask,
            expires,
            filters,
            now,
        })
    }

    /// Whether packets have mapped an inside endpoint, or PEER has.
    fn is_implicit(&self, rule: usize, key: FlowKey) -> bool {
        let plan = self.layout.plan(rule);
        plan.is_some_and(|plan| self.door_mapping(key, plan).is_some())
    }

    /// How many records a subscriber may have, and how long the one that is asked for is to last.
    fn terms(
        &self,
        rule: usize,
        ask: &Ask<'_>,
        known: Option<RecordId>,
        now: Nanos,
    ) -> Result<Terms, Denied> {
        let policy = self.layout.rule(rule).and_then(|rule| rule.pcp.as_ref());
        let policy = policy.ok_or(Denied::NotAuthorized(None))?;
        let most = policy.max_mappings;
        let lifetime = ask
            .lifetime
            .max(policy.min_lifetime)
            .min(policy.max_lifetime);
        let expires = expires(now, lifetime);
        let records = self.records.as_ref();
        let known = known.and_then(|id| records?.get(id));
        let kept = known.filter(|record| self.keeps_its_end(record, expires));
        Ok(match kept.map(|record| record.expires) {
            Some(expires) => Terms {
                most,
                lifetime: seconds_to(expires, now.ticks()),
                expires,
            },
            None => Terms {
                most,
                lifetime,
                expires,
            },
        })
    }

    /// Whether a record is not to get another end: PEER shortens nothing (RFC 6887 section 12.1), and
    /// what is at an address that drains is not prolonged.
    fn keeps_its_end(&self, record: &Record, expires: Ticks) -> bool {
        if !expires.reached(record.expires) {
            return record.is_peer();
        }
        let mapping = self.mappings.get(record.mapping);
        let slot = mapping.and_then(|mapping| self.slot_for(record.subscriber, &mapping));
        slot.is_some_and(|slot| self.pools.is_draining(slot))
    }

    fn filters_after(&self, known: Option<RecordId>, ask: &Ask<'_>) -> Result<Filters, Denied> {
        let records = self.records.as_ref();
        let record = known.and_then(|id| records?.get(id));
        let mut filters = record.map_or_else(Filters::new, |record| record.filters.clone());
        for step in ask.filters {
            match step {
                None => filters.clear(),
                Some(filter) if filters.contains(filter) => {}
                Some(filter) => filters.try_push(*filter).map_err(|_| Denied::Filters)?,
            }
        }
        Ok(filters)
    }

    // --- MAP ---------------------------------------------------------------

    fn map_set(&mut self, asked: &Asked<'_>, most: u16) -> Result<Granted, Denied> {
        let (ask, now) = (asked.ask, asked.now);
        let left = most.saturating_sub(self.share_of(asked.subscriber));
        let mapped = self
            .admit_request(asked, left)
            .and_then(|()| self.map_endpoint(asked));
        let (first, outside) = match mapped {
            Ok(mapped) => mapped,
            Err(denied) => {
                self.refused(asked.subscriber, now.ticks());
                return Err(denied);
            }
        };
        if !self.record(asked, ask.key(0), first) {
            self.end_mapping_if_unused(first, now.ticks());
            return Err(Denied::NoResources);
        }
        let mut ports = 1;
        while ports < ask.ports.min(left).min(MAX_SET) && self.map_next(asked, outside, ports) {
            ports += 1;
        }
        for nth in 0..ports {
            if let Some(records) = &mut self.records
                && let Some(id) = records.find(ask.key(nth))
            {
                records.renew(id, asked.expires, None, (ask.port, ports));
            }
        }
        Ok(Granted {
            outside: Some(outside),
            lifetime: 0,
            ports,
        })
    }

    /// Whether there is room for one record more, of so many that are left.
    fn admit_request(&mut self, asked: &Asked<'_>, left: u16) -> Result<(), Denied> {
        if left == 0 {
            return Err(Denied::Quota);
        }
        if self
            .records
            .as_ref()
            .is_none_or(|records| !records.has_room())
        {
            return Err(Denied::NoResources);
        }
        let rate = asked.plan.translate.limits.rate;
        self.admit_rate(asked.subscriber, rate, asked.now)?;
        Ok(())
    }

    /// The mapping of the first port, there already or new.
    fn map_endpoint(&mut self, asked: &Asked<'_>) -> Result<(MappingId, (u32, u16)), Denied> {
        let (ask, plan) = (asked.ask, &asked.plan);
        let key = ask.key(0);
        let is_own = |port| is_own_port(ask.protocol, port);
        if let Some(id) = self.door_mapping(key, plan) {
            let outside = self.endpoint_of(id, ask.port)?;
            return match outside {
                _ if !ask.is_met_by(outside) => Err(Denied::External),
                (_, port) if is_own(port) => Err(Denied::NoResources),
                _ => Ok((id, outside)),
            };
        }
        let suggested = Some(ask.outside_port).filter(|port| *port != 0 && !is_own(*port));
        if ask.prefer_failure && suggested.is_none() {
            return Err(Denied::External);
        }
        let parity = plan.translate.parity && ask.protocol == wire::ipv4::protocol::UDP;
        let wish = Wish {
            odd: (ask.parity || parity).then_some(ask.port & 1 == 1),
            exact: suggested.or(plan.translate.preserve.then_some(ask.port)),
            chance: None,
            foreseen: None,
        };
        let first = first_of(key, plan, asked);
        for _ in 0..TRIES {
            let id = self.map_for_door(&first, asked.rule, plan, asked.subscriber, wish)?;
            let outside = self.endpoint_of(id, ask.port)?;
            if !is_own(outside.1) && ask.is_met_by(outside) {
                return Ok((id, outside));
            }
            self.unmap(id, asked);
            if !is_own(outside.1) {
                return Err(Denied::External);
            }
        }
        Err(Denied::NoResources)
    }

    /// One port more, side by side with the others; false if that cannot be had.
    fn map_next(&mut self, asked: &Asked<'_>, (address, port): (u32, u16), nth: u16) -> bool {
        let (ask, plan) = (asked.ask, &asked.plan);
        let (Some(_), Some(outside)) = (ask.port.checked_add(nth), port.checked_add(nth)) else {
            return false;
        };
        let key = ask.key(nth);
        if self.static_mapping(key).is_some()
            || self.door_mapping(key, plan).is_some()
            || is_own_port(ask.protocol, outside)
        {
            return false;
        }
        let wish = Wish {
            exact: Some(outside),
            ..Wish::default()
        };
        let first = first_of(key, plan, asked);
        let mapped = self.map_for_door(&first, asked.rule, plan, asked.subscriber, wish);
        let Ok(id) = mapped else {
            return false;
        };
        if self.endpoint_of(id, ask.port) != Ok((address, outside)) || !self.record(asked, key, id)
        {
            self.unmap(id, asked);
            return false;
        }
        true
    }

    fn endpoint_of(&self, id: MappingId, port: u16) -> Result<(u32, u16), Denied> {
        let mapping = self.mappings.get(id).ok_or(Denied::NoResources)?;
        Ok((mapping.outside, mapping.port_for(port)))
    }

    /// Takes up that a mapping was asked for; false without room.
    fn record(&mut self, asked: &Asked<'_>, key: FlowKey, mapping: MappingId) -> bool {
        let Some(records) = &mut self.records else {
            return false;
        };
        let taken = records.insert(Record {
            key,
            mapping,
            subscriber: asked.subscriber,
            nonce: asked.ask.nonce,
            expires: asked.expires,
            filters: asked.filters.clone(),
            set: (key.src_port(), 1),
        });
        if taken.is_err() {
            return false;
        }
        self.mappings.change(mapping, |mapping| {
            mapping.strong += 1;
            mapping.explicit = true;
        });
        self.end_unadmitted(mapping, asked.now.ticks());
        true
    }

    /// Prolongs what was asked for together (RFC 7753 section 5).
    fn renew_set(
        &mut self,
        id: RecordId,
        ask: &Ask<'_>,
        expires: Ticks,
        filters: &Filters,
        now: Ticks,
    ) -> Result<Granted, Denied> {
        let records = self.records.as_ref().ok_or(Denied::NoResources)?;
        let (mapping, set) = records
            .get(id)
            .map(|record| (record.mapping, record.set))
            .ok_or(Denied::NoResources)?;
        let outside = self.endpoint_of(mapping, ask.port)?;
        if !ask.is_met_by(outside) {
            return Err(Denied::External);
        }
        for nth in 0..set.1 {
            let key = ask.key(0).with_src(ask.inside, set.0.wrapping_add(nth));
            if let Some(records) = &mut self.records
                && let Some(id) = records.find(key)
            {
                records.renew(id, expires, Some(filters), set);
                let mapping = records.get(id).map(|record| record.mapping);
                if let Some(mapping) = mapping.filter(|_| !ask.filters.is_empty()) {
                    self.end_unadmitted(mapping, now);
                }
            }
        }
        Ok(Granted {
            outside: Some(outside),
            lifetime: 0,
            ports: if ask.port == set.0 { set.1 } else { 1 },
        })
    }

    /// Ends a mapping that was made just now and nobody has heard of: its port need not rest.
    fn unmap(&mut self, id: MappingId, asked: &Asked<'_>) {
        if let Some(mapping) = self.mappings.remove(id) {
            self.counters.bump(Counter::NatMappingsEnded);
            self.release_at_once(&mapping, asked.subscriber, asked.now.ticks());
        }
    }

    // --- PEER --------------------------------------------------------------

    /// The mapping of a session towards the remote, there already or opened for it.
    fn begin_peer(
        &mut self,
        asked: &Asked<'_>,
        key: FlowKey,
        most: u16,
    ) -> Result<MappingId, Denied> {
        let left = most.saturating_sub(self.share_of(asked.subscriber));
        let begun = self
            .admit_request(asked, left)
            .and_then(|()| self.peer_mapping(asked, key));
        let mapping = begun.inspect_err(|_| self.refused(asked.subscriber, asked.now.ticks()))?;
        if self.record(asked, key, mapping) {
            Ok(mapping)
        } else {
            Err(Denied::NoResources)
        }
    }

    fn peer_mapping(&mut self, asked: &Asked<'_>, key: FlowKey) -> Result<MappingId, Denied> {
        let (ask, plan) = (asked.ask, &asked.plan);
        if let Some(hit) = self.find(key, self.hash(key)) {
            return self.sessions.mapping(hit.id).ok_or(Denied::NoResources);
        }
        let translate = &plan.translate;
        let hairpin = self.layout.outside_address(plan.outside_realm, key.dst());
        if hairpin.is_some() && (!translate.hairpin || translate.hairpin_preserve) {
            return Err(Denied::NotAuthorized(None));
        }
        let first = First {
            hairpin: hairpin.is_some(),
            ..first_of(key, plan, asked)
        };
        let mut made = None;
        if ask.outside_port != 0 {
            let id = if let Some(known) = self.existing_mapping(key, plan) {
                known
            } else {
                let wish = Wish {
                    exact: Some(ask.outside_port),
                    ..Wish::default()
                };
                let id = self.map_wished(&first, asked.rule, plan, asked.subscriber, wish)?;
                *made.insert(id)
            };
            let outside = self.endpoint_of(id, ask.port)?;
            if !ask.suggests(outside) || is_own_port(ask.protocol, outside.1) {
                if let Some(made) = made {
                    self.unmap(made, asked);
                }
                return Err(Denied::External);
            }
        }
        let opened = self.open_outbound(&first, Some(asked.rule));
        if let (Err(_), Some(made)) = (opened, made) {
            self.end_mapping_if_unused(made, asked.now.ticks());
        }
        self.sessions.mapping(opened?).ok_or(Denied::NoResources)
    }

    /// Whether a session is one that PEER keeps, however quiet it is.
    pub(super) fn is_kept_by_peer(&self, id: SessionId) -> bool {
        let Some(records) = self.records.as_ref().filter(|records| records.peers() > 0) else {
            return false;
        };
        let view = self.sessions.view(id);
        view.is_some_and(|view| records.find(view.out_key).is_some())
    }

    // --- who may come in ---------------------------------------------------

    /// Whether the records of a mapping let a remote endpoint in; `None` if they say nothing.
    pub(super) fn recorded(&self, id: MappingId, remote: u32, port: u16) -> Option<bool> {
        let records = self.records.as_ref()?;
        let mut said = None;
        let admits = records.of_mapping(id, |record| {
            if record.is_peer() {
                return (record.key.dst(), record.key.dst_port()) == (remote, port);
            }
            let mut filters = record.filters.iter();
            let admits =
                record.filters.is_empty() || filters.any(|filter| filter.admits(remote, port));
            said = Some(false);
            admits
        });
        admits.map(|_| true).or(said)
    }

    /// Ends the sessions from outside that were never answered and may not come in any more.
    fn end_unadmitted(&mut self, id: MappingId, now: Ticks) {
        let mut next = self
            .mappings
            .get(id)
            .and_then(|mapping| mapping.first_weak());
        while let Some(session) = next {
            next = self.sessions.next_weak(session);
            let remote = self.sessions.view(session).map(|view| view.out_key);
            let refused = remote
                .is_some_and(|key| self.recorded(id, key.dst(), key.dst_port()) == Some(false));
            if refused {
                self.end_session(session, now);
            }
        }
    }

    // --- the end -----------------------------------------------------------

    /// Ends records whose time is over.
    pub(super) fn end_records(&mut self, now: Ticks, budget: &mut u32) {
        while let Some(records) = &mut self.records
            && let Some(id) = records.next_expired(now, budget)
        {
            self.counters.bump(Counter::PcpExpired);
            self.end_record(id, now);
        }
    }

    /// Ends what was asked for together, by request.
    fn end_set(&mut self, id: RecordId, now: Ticks) -> Granted {
        let record = self.records.as_ref().and_then(|records| records.get(id));
        let Some((key, (first, ports), mapping)) =
            record.map(|record| (record.key, record.set, record.mapping))
        else {
            return Granted::NOTHING;
        };
        let known = self.mappings.get(mapping);
        for nth in 0..ports {
            let key = key.with_src(key.src(), first.wrapping_add(nth));
            let records = self.records.as_ref();
            if let Some(id) = records.and_then(|records| records.find(key)) {
                self.end_record(id, now);
            }
        }
        self.counters.bump(Counter::PcpDeleted);
        // Sessions may keep it: no longer than they may be quiet from now on.
        let known = known.filter(|_| self.mappings.get(mapping).is_some());
        Granted {
            lifetime: known.map_or(0, |known| self.most_quiet(&known)),
            ports,
            ..Granted::NOTHING
        }
    }

    /// Seconds after its last packet that a mapping ends at the latest.
    fn most_quiet(&self, mapping: &Mapping) -> u32 {
        let timeouts = self.layout.timeouts();
        let quiet = match PortProtocol::of(mapping.out_key.protocol()) {
            Some(PortProtocol::Tcp) => timeouts.tcp_established,
            _ => timeouts.udp,
        };
        u32::try_from(quiet.0 / Nanos::from_secs(1).0).unwrap_or(u32::MAX)
    }

    /// A record that is gone keeps its mapping no longer.
    pub(super) fn end_record(&mut self, id: RecordId, now: Ticks) {
        let Some(records) = &mut self.records else {
            return;
        };
        let Some(record) = records.remove(id) else {
            return;
        };
        let explicit = records.of_mapping(record.mapping, |_| true).is_some();
        self.mappings.change(record.mapping, |mapping| {
            mapping.strong = mapping.strong.saturating_sub(1);
            mapping.explicit = explicit;
        });
        self.end_visitors(record.mapping, now);
        self.end_mapping_if_unused(record.mapping, now);
    }

    /// Ends up to `budget` records from number `from` on that `stays` says no to; answers the
    /// next number, and `None` if there is none.
    pub(super) fn end_records_unless(
        &mut self,
        from: u32,
        budget: u32,
        now: Ticks,
        stays: impl Fn(&Self, &Mapping, FlowKey) -> bool,
    ) -> Option<u32> {
        let slots = self.records.as_ref().map_or(0, Records::slots);
        let last = slots.min(from.saturating_add(budget));
        for slot in from..last {
            let records = self.records.as_ref();
            let Some((id, record)) = records.and_then(|records| records.at(slot)) else {
                continue;
            };
            let mapping = self.mappings.get(record.mapping);
            if mapping.is_none_or(|mapping| !stays(self, &mapping, record.key)) {
                self.end_record(id, now);
            }
        }
        (last < slots).then_some(last)
    }

    fn share_of(&self, subscriber: SubscriberId) -> u16 {
        let records = self.records.as_ref();
        records.map_or(0, |records| records.share_of(subscriber))
    }
}

/// What is asked for that there is not yet, and all that decides about it.
struct Asked<'a> {
    rule: usize,
    plan: Plan,
    subscriber: SubscriberId,
    ask: &'a Ask<'a>,
    expires: Ticks,
    filters: &'a Filters,
    now: Nanos,
}

/// What is granted to whom.
struct Terms {
    /// Records of the subscriber.
    most: u16,
    /// Seconds.
    lifetime: u32,
    expires: Ticks,
}

impl Granted {
    /// Nothing, as was wanted.
    pub const NOTHING: Self = Self {
        outside: None,
        lifetime: 0,
        ports: 1,
    };
}

impl Ask<'_> {
    /// Whether a protocol has ports that hosts can ask for.
    #[must_use]
    pub const fn has_ports(protocol: u8) -> bool {
        matches!(
            PortProtocol::of(protocol),
            Some(PortProtocol::Tcp | PortProtocol::Udp | PortProtocol::Other)
        )
    }

    /// The inside endpoint of the `nth` port.
    fn key(&self, nth: u16) -> FlowKey {
        let port = self.port.wrapping_add(nth);
        FlowKey::new(self.inside, 0, port, 0, self.protocol, self.realm)
    }

    fn suggests(&self, (address, port): (u32, u16)) -> bool {
        self.outside_port == port && self.address.is_none_or(|wanted| wanted == address)
    }

    /// Whether an endpoint will do.
    fn is_met_by(&self, outside: (u32, u16)) -> bool {
        !self.prefer_failure || self.suggests(outside)
    }
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Counter::DropPortLimit
            | Counter::DropBlockLimit
            | Counter::DropSessionLimit
            | Counter::DropSessionRate => Self::Quota,
            _ => Self::NoResources,
        }
    }
}

/// Whether a rule is for all remote hosts.
fn is_everywhere((_, rule): &(usize, &Rule)) -> bool {
    rule.destination.is_empty() && rule.destination_ports.is_empty()
}

fn manages(rule: &Rule, host: u32) -> bool {
    let host = core::net::Ipv4Addr::from_bits(host);
    let policy = rule.pcp.as_ref();
    policy.is_some_and(|policy| policy.third_party.iter().any(|one| one.contains(host)))
}

fn is_own_port(protocol: u8, port: u16) -> bool {
    protocol == wire::ipv4::protocol::UDP && OWN_PORTS.contains(&port)
}

fn first_of(key: FlowKey, plan: &Plan, asked: &Asked<'_>) -> First<'static> {
    First {
        key,
        tcp: None,
        hairpin: false,
        outside_realm: plan.outside_realm,
        sender_rule: None,
        ahead: None,
        interface: asked.ask.interface,
        now: asked.now,
    }
}

fn expires(now: Nanos, lifetime: u32) -> Ticks {
    let lifetime = Nanos::from_secs(u64::from(lifetime));
    now.ticks().plus(Ticks::in_duration(lifetime))
}

fn seconds_to(expires: Ticks, now: Ticks) -> u32 {
    if now.reached(expires) {
        return 0;
    }
    let left = u64::from(expires.since(now)) << base::TICK_SHIFT;
    u32::try_from(left.div_ceil(Nanos::from_secs(1).0)).unwrap_or(u32::MAX)
}
