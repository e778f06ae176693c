//! Who is a member of which group: IGMP querier downstream, IGMP host upstream, and the
//! table between them (RFC 4605).
//!
//! ```text
//!  reports, leaves ──> memberships of each interface ──> workers: where packets go
//!  queries ──────────> elections          │ union
//!                                         v
//!  upstream queries ─> upstream: what all of them want, said in our own name
//! ```
//!
//! Invariants: `size` is the sum of the memberships' sizes and never above the
//! configured limit, nor are there more hosts than [`HOSTS_PER_GROUP`] times that; every
//! membership has an alarm. An interface where another router is the querier counts as
//! one without members, so that packets are not forwarded twice.
//!
//! Owned by the slow path. Messages have been found proper by the worker.

mod alarms;
mod membership;
mod upstream;

use std::collections::BTreeMap;

use base::Nanos;
use nat::Realm;
use wire::igmp::{Message, Query, Record, RecordKind, Version, Written};
use wire::{igmp, ipv4};

use crate::command::{Command, Member};
use crate::topology::Topology;
use alarms::Alarms;
use membership::{Membership, Presence, Question};
use upstream::Upstream;

/// RFC 3376 section 8; those of RFC 2236 are the same.
const ROBUSTNESS: u8 = 2;
const QUERY_INTERVAL_SECS: u8 = 125;
const QUERY_INTERVAL: Nanos = Nanos::from_secs(QUERY_INTERVAL_SECS as u64);
const RESPONSE_TENTHS: u8 = 100;
const STARTUP_INTERVAL: Nanos = Nanos(QUERY_INTERVAL.0 / 4);
/// Robustness times interval, and a response.
const MEMBERSHIP: Nanos = Nanos::from_secs(260);
const OTHER_QUERIER: Nanos = Nanos::from_secs(255);
const LAST_MEMBER_INTERVAL: Nanos = Nanos::from_secs(1);
const LAST_MEMBER_TENTHS: u8 = 10;

/// The first query comes a moment after the start.
const STARTUP_DELAY: Nanos = Nanos::from_secs(1);

/// Source-specific groups (RFC 4607), of which nobody can be a member for any source.
const SSM: u8 = 232;

/// Hosts remembered, for each membership there is room for.
const HOSTS_PER_GROUP: usize = 4;

/// Timers that go off in one turn.
const BUDGET: usize = 64;

/// What has to be done.
#[derive(Debug)]
pub(super) enum Action {
    /// Send this query to a group by an interface.
    Query(u16, u32, Box<Written>),
    /// Send this report or leave.
    Report(u16, u32, Box<Written>),
    /// Tell all workers.
    Tell(Command),
    /// So many memberships were not taken up.
    Refused(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The next general query on an interface.
    General(u16),
    /// No other querier has been heard of on an interface.
    Alone(u16),
    /// A membership: group, interface.
    Membership(u32, u16),
    /// A host has not been heard of: group, interface, host. While this is set it is a member.
    Host(u32, u16, u32),
    /// Answer an upstream query about a group.
    Answer(u32),
    /// Answer one about all.
    AnswerAll,
    /// Say upstream once more how a group has changed.
    Repeat(u32),
}

/// A downstream interface.
#[derive(Debug)]
struct Downstream {
    interface: u16,
    realm: Realm,
    /// Where queries come from; the lowest address is the querier.
    address: u32,
    querier: bool,
    /// General queries left that come faster.
    startup: u8,
}

#[derive(Debug)]
pub(super) struct Igmp {
    upstream_interface: u16,
    version: Version,
    downstream: Vec<Downstream>,
    memberships: BTreeMap<(u32, u16), Membership>,
    size: usize,
    max_size: usize,
    hosts: usize,
    upstream: Upstream,
    alarms: Alarms<Timer>,
}

impl Igmp {
    /// `None` if there is no multicast.
    pub(super) fn new(topology: &Topology, now: Nanos) -> Option<Self> {
        let settings = topology.multicast.as_ref()?;
        let address_of = |number: u16| {
            let interface = topology.interfaces.get(usize::from(number))?;
            let (address, _) = interface.addresses.first()?;
            Some((interface.realm, address.to_bits()))
        };
        let downstream: Vec<Downstream> = settings
            .downstream
            .iter()
            .filter_map(|interface| {
                let (realm, address) = address_of(*interface)?;
                Some(Downstream {
                    interface: *interface,
                    realm,
                    address,
                    querier: true,
                    startup: ROBUSTNESS,
                })
            })
            .collect();
        let mut alarms = Alarms::new();
        for each in &downstream {
            alarms.set(
                Timer::General(each.interface),
                Some(now.plus(STARTUP_DELAY)),
            );
        }
        let seed = address_of(settings.upstream).map_or(0, |(_, address)| address);
        Some(Self {
            upstream_interface: settings.upstream,
            version: settings.igmp_version,
            downstream,
            memberships: BTreeMap::new(),
            size: 0,
            max_size: settings.groups_max as usize,
            hosts: 0,
            upstream: Upstream::new(settings.upstream, settings.igmp_version, seed),
            alarms,
        })
    }

    /// Takes note of a message.
    pub(super) fn received(
        &mut self,
        interface: u16,
        from: u32,
        message: &Message<'_>,
        now: Nanos,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        if interface == self.upstream_interface {
            match message {
                Message::Query(query) => self.upstream.asked(query, now, &mut self.alarms),
                Message::Report(_, group) => self.upstream.heard(*group, now, &mut self.alarms),
                Message::Leave(_) | Message::Records(_) => {}
            }
            return actions;
        }
        let host = (interface, from);
        match message {
            Message::Query(query) => self.queried(interface, from, query, now, &mut actions),
            Message::Report(version, group) => {
                self.join(host, *group, *version, now, &mut actions);
            }
            Message::Leave(group) => self.leave(host, *group, now, &mut actions),
            Message::Records(records) => {
                for record in records.iter() {
                    self.record(host, &record, now, &mut actions);
                }
            }
        }
        actions
    }

    /// Does what is due, within a budget.
    pub(super) fn expire(&mut self, now: Nanos) -> Vec<Action> {
        let mut actions = Vec::new();
        for _ in 0..BUDGET {
            let Some(timer) = self.alarms.pop(now) else {
                break;
            };
            match timer {
                Timer::General(interface) => self.query_all(interface, now, &mut actions),
                Timer::Alone(interface) => self.set_querier(interface, true, now, &mut actions),
                Timer::Membership(group, interface) => {
                    self.settle((group, interface), now, &mut actions);
                }
                Timer::Host(group, interface, host) => {
                    self.hosts = self.hosts.saturating_sub(1);
                    self.tell_host((interface, host), group, Member::Expired, &mut actions);
                }
                Timer::Answer(group) => self.upstream.answer(group, now, &mut actions),
                Timer::AnswerAll => self.upstream.answer_all(now, &mut actions),
                Timer::Repeat(group) => self.upstream.repeat(group, now, &mut actions),
            }
        }
        actions
    }

    /// When time next matters here.
    pub(super) fn next_due(&self) -> Option<Nanos> {
        self.alarms.next_due()
    }

    // --- queries -----------------------------------------------------------

    fn query_all(&mut self, interface: u16, now: Nanos, actions: &mut Vec<Action>) {
        let version = self.version;
        let Some(downstream) = self.on(interface).filter(|found| found.querier) else {
            return;
        };
        downstream.startup = downstream.startup.saturating_sub(1);
        let next = match downstream.startup {
            0 => QUERY_INTERVAL,
            _ => STARTUP_INTERVAL,
        };
        self.alarms
            .set(Timer::General(interface), Some(now.plus(next)));
        let message = query(version, 0, RESPONSE_TENTHS, &[]);
        actions.push(Action::Query(
            interface,
            igmp::ALL_SYSTEMS.to_bits(),
            Box::new(message),
        ));
    }

    /// Another router asks: the one with the lowest address is the querier (RFC 2236
    /// section 3). Without an address it takes no part in the election.
    fn queried(
        &mut self,
        interface: u16,
        from: u32,
        query: &Query<'_>,
        now: Nanos,
        actions: &mut Vec<Action>,
    ) {
        let lower = self.on(interface).is_some_and(|own| from < own.address);
        if from == 0 || !lower {
            return;
        }
        self.alarms
            .set(Timer::Alone(interface), Some(now.plus(OTHER_QUERIER)));
        self.set_querier(interface, false, now, actions);
        let key = (query.group, interface);
        if !query.suppress
            && let Some(membership) = self.memberships.get_mut(&key)
        {
            membership.asked_elsewhere(query.sources, now);
            self.settle(key, now, actions);
        }
    }

    fn set_querier(
        &mut self,
        interface: u16,
        querier: bool,
        now: Nanos,
        actions: &mut Vec<Action>,
    ) {
        let Some(downstream) = self.on(interface).filter(|found| found.querier != querier) else {
            return;
        };
        downstream.querier = querier;
        let query = querier.then_some(now);
        self.alarms.set(Timer::General(interface), query);
        let here: Vec<(u32, u16)> = self
            .memberships
            .keys()
            .filter(|(_, of)| *of == interface)
            .copied()
            .collect();
        for key in here {
            self.settle(key, now, actions);
        }
    }

    // --- memberships -------------------------------------------------------

    fn record(
        &mut self,
        host: (u16, u32),
        record: &Record<'_>,
        now: Nanos,
        actions: &mut Vec<Action>,
    ) {
        let group = record.group;
        match record.kind {
            RecordKind::IsExclude | RecordKind::ToExclude => {
                self.join(host, group, Version::V3, now, actions);
            }
            RecordKind::IsInclude | RecordKind::Allow => {
                self.allow(host.0, record, now, actions);
            }
            RecordKind::ToInclude => {
                self.allow(host.0, record, now, actions);
                if let Some(membership) = self.memberships.get_mut(&(group, host.0)) {
                    membership.block(|source| !record.sources.contains(source), now);
                }
                self.leave(host, group, now, actions);
            }
            RecordKind::Block => {
                if let Some(membership) = self.memberships.get_mut(&(group, host.0)) {
                    membership.block(|source| record.sources.contains(source), now);
                    self.settle((group, host.0), now, actions);
                }
            }
        }
    }

    fn join(
        &mut self,
        (interface, host): (u16, u32),
        group: u32,
        version: Version,
        now: Nanos,
        actions: &mut Vec<Action>,
    ) {
        let [first, ..] = group.to_be_bytes();
        // RFC 4604 section 2.2.1: such a report says nothing about a source-specific group.
        if first == SSM || ipv4::is_link_local_group(group) {
            return;
        }
        let Some(membership) = self.membership(group, interface, actions) else {
            return;
        };
        membership.join(version, now);
        self.settle((group, interface), now, actions);
        let timer = Timer::Host(group, interface, host);
        let known = self.alarms.of(timer).is_some();
        if host != 0 && (known || self.hosts < self.max_size * HOSTS_PER_GROUP) {
            self.alarms.set(timer, Some(now.plus(MEMBERSHIP)));
            if !known {
                self.hosts += 1;
                self.tell_host((interface, host), group, Member::Joined, actions);
            }
        }
    }

    fn allow(
        &mut self,
        interface: u16,
        record: &Record<'_>,
        now: Nanos,
        actions: &mut Vec<Action>,
    ) {
        let group = record.group;
        if record.sources.is_empty() || ipv4::is_link_local_group(group) {
            return;
        }
        // Room for the sources, after that for the group itself.
        let fresh = !self.memberships.contains_key(&(group, interface));
        let room = self.max_size.saturating_sub(self.size + usize::from(fresh));
        let Some(membership) = self.membership(group, interface, actions) else {
            return;
        };
        let before = membership.size();
        let refused = membership.allow(record.sources, room, now);
        let added = membership.size() - before;
        self.size += added;
        if refused > 0 {
            actions.push(Action::Refused(refused));
        }
        self.settle((group, interface), now, actions);
    }

    fn leave(
        &mut self,
        (interface, host): (u16, u32),
        group: u32,
        now: Nanos,
        actions: &mut Vec<Action>,
    ) {
        let timer = Timer::Host(group, interface, host);
        if self.alarms.of(timer).is_some() {
            self.alarms.set(timer, None);
            self.hosts = self.hosts.saturating_sub(1);
            self.tell_host((interface, host), group, Member::Left, actions);
        }
        if let Some(membership) = self.memberships.get_mut(&(group, interface)) {
            membership.leave(now);
            self.settle((group, interface), now, actions);
        }
    }

    /// The membership of an interface in a group, made if there is room.
    fn membership(
        &mut self,
        group: u32,
        interface: u16,
        actions: &mut Vec<Action>,
    ) -> Option<&mut Membership> {
        let key = (group, interface);
        if !self.memberships.contains_key(&key) {
            if self.size >= self.max_size {
                actions.push(Action::Refused(1));
                return None;
            }
            self.size += 1;
        }
        Some(self.memberships.entry(key).or_default())
    }

    /// Brings everybody up to date about a membership that may have changed, asks what is
    /// to be asked, and forgets it once nobody is left.
    fn settle(&mut self, key: (u32, u16), now: Nanos, actions: &mut Vec<Action>) {
        let (group, interface) = key;
        let querier = self.on(interface).is_some_and(|found| found.querier);
        let Some(membership) = self.memberships.get_mut(&key) else {
            return;
        };
        let size = membership.size();
        membership.expire(now);
        self.size -= size - membership.size();
        let questions = membership.questions(now);
        let presence = if querier {
            membership.presence()
        } else {
            Presence::default()
        };
        let due = membership.next_due();
        let told = core::mem::replace(&mut membership.told, presence.clone());
        self.alarms.set(Timer::Membership(group, interface), due);
        if due.is_none() {
            self.memberships.remove(&key);
            self.size -= 1;
        }
        if querier {
            for question in questions {
                let sources = match question {
                    Question::Group => Vec::new(),
                    Question::Sources(sources) => sources,
                };
                let message = query(self.version, group, LAST_MEMBER_TENTHS, &sources);
                actions.push(Action::Query(interface, group, Box::new(message)));
            }
        }
        if told != presence {
            tell_interface(key, &told, &presence, actions);
            let all = self.wanted_by_all(group);
            self.upstream
                .want(group, all, now, &mut self.alarms, actions);
        }
    }

    /// What all interfaces together want of a group.
    fn wanted_by_all(&self, group: u32) -> Presence {
        let mut all = Presence::default();
        for (_, membership) in self.memberships.range((group, 0)..=(group, u16::MAX)) {
            all.any |= membership.told.any;
            all.sources.extend(&membership.told.sources);
        }
        all.sources.sort_unstable();
        all.sources.dedup();
        all
    }

    fn tell_host(
        &mut self,
        (interface, host): (u16, u32),
        group: u32,
        member: Member,
        actions: &mut Vec<Action>,
    ) {
        if let Some(realm) = self.on(interface).map(|found| found.realm) {
            actions.push(Action::Tell(Command::SetMember {
                realm,
                host,
                group,
                member,
            }));
        }
    }

    fn on(&mut self, interface: u16) -> Option<&mut Downstream> {
        self.downstream
            .iter_mut()
            .find(|each| each.interface == interface)
    }
}

fn query(version: Version, group: u32, tenths: u8, sources: &[u32]) -> Written {
    Written::query(
        version,
        group,
        tenths,
        (ROBUSTNESS, QUERY_INTERVAL_SECS),
        sources,
    )
}

/// Tells the workers what has changed for an interface.
fn tell_interface(
    (group, interface): (u32, u16),
    before: &Presence,
    after: &Presence,
    actions: &mut Vec<Action>,
) {
    let mut tell = |source: u32, member: bool| {
        actions.push(Action::Tell(Command::SetGroup {
            group,
            source,
            interface,
            member,
        }));
    };
    if before.any != after.any {
        tell(0, after.any);
    }
    for gone in before
        .sources
        .iter()
        .filter(|of| !after.sources.contains(of))
    {
        tell(*gone, false);
    }
    for new in after
        .sources
        .iter()
        .filter(|of| !before.sources.contains(of))
    {
        tell(*new, true);
    }
}
