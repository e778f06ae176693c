//! The host's part of the proxy: membership upstream, in the appliance's own name.
//!
//! Wants of every group what all downstream interfaces together want, says so when that
//! changes and, a moment later, once more, and answers queries after a random while (RFC 3376
//! section 5, RFC 2236 section 3). While a querier of an older version is heard of, it
//! speaks that version.

use std::collections::BTreeMap;

use base::Nanos;
use wire::igmp::{ALL_ROUTERS, Query, RecordKind, V3_ROUTERS, Version, Written};

use super::alarms::Alarms;
use super::membership::Presence;
use super::{Action, MEMBERSHIP, Timer};

/// Time in which a change is said once more (RFC 3376 section 8.11).
const REPEAT_WITHIN: u64 = 1_000_000_000;

/// Sources in one record; more are in further records.
const MAX_SOURCES: usize = 64;

#[derive(Debug)]
pub(super) struct Upstream {
    interface: u16,
    version: Version,
    v1_until: Nanos,
    v2_until: Nanos,
    wanted: BTreeMap<u32, Presence>,
    /// State of a random sequence; nobody gains by guessing it.
    noise: u64,
}

impl Upstream {
    pub(super) fn new(interface: u16, version: Version, seed: u32) -> Self {
        Self {
            interface,
            version,
            v1_until: Nanos(0),
            v2_until: Nanos(0),
            wanted: BTreeMap::new(),
            noise: u64::from(seed),
        }
    }

    /// What is wanted of a group has perhaps changed.
    pub(super) fn want(
        &mut self,
        group: u32,
        new: Presence,
        now: Nanos,
        alarms: &mut Alarms<Timer>,
        actions: &mut Vec<Action>,
    ) {
        let before = self.wanted.get(&group);
        let unchanged = match before {
            // Who gets all need not say whose he wants too.
            Some(before) => *before == new || before.any && new.any,
            None => new.is_empty(),
        };
        let fresh = before.is_none();
        if new.is_empty() {
            self.wanted.remove(&group);
        } else {
            self.wanted.insert(group, new);
        }
        if unchanged {
            return;
        }
        let gone = !self.wanted.contains_key(&group);
        if gone {
            alarms.set(Timer::Answer(group), None);
        }
        if self.speaks(now) == Version::V3 || fresh || gone {
            self.say_change(group, now, actions);
            alarms.set(
                Timer::Repeat(group),
                Some(now.plus(self.random(REPEAT_WITHIN))),
            );
        }
    }

    /// A router asks.
    pub(super) fn asked(&mut self, query: &Query<'_>, now: Nanos, alarms: &mut Alarms<Timer>) {
        match query.version {
            Version::V1 => self.v1_until = now.plus(MEMBERSHIP),
            Version::V2 => self.v2_until = now.plus(MEMBERSHIP),
            Version::V3 => {}
        }
        let within = u64::from(query.max_response) * 100_000_000;
        let mut answer = |timer: Timer, due: Nanos| {
            // Who is about to answer already answers then.
            let earlier = alarms.of(timer).map_or(due, |known| known.min(due));
            alarms.set(timer, Some(earlier));
        };
        if query.group != 0 {
            if self.wanted.contains_key(&query.group) {
                let due = now.plus(self.random(within));
                answer(Timer::Answer(query.group), due);
            }
        } else if self.speaks(now) == Version::V3 {
            let due = now.plus(self.random(within));
            answer(Timer::AnswerAll, due);
        } else {
            let groups: Vec<u32> = self.wanted.keys().copied().collect();
            for group in groups {
                let due = now.plus(self.random(within));
                answer(Timer::Answer(group), due);
            }
        }
    }

    /// Another host has said that there are members: nobody else need do so (RFC 2236
    /// section 3).
    pub(super) fn heard(&self, group: u32, now: Nanos, alarms: &mut Alarms<Timer>) {
        if self.speaks(now) != Version::V3 {
            alarms.set(Timer::Answer(group), None);
        }
    }

    /// Says once more how a group has changed.
    pub(super) fn repeat(&self, group: u32, now: Nanos, actions: &mut Vec<Action>) {
        // A leave is said once before version 3.
        if self.speaks(now) == Version::V3 || self.wanted.contains_key(&group) {
            self.say_change(group, now, actions);
        }
    }

    /// Answers a query about a group.
    pub(super) fn answer(&self, group: u32, now: Nanos, actions: &mut Vec<Action>) {
        let Some(wanted) = self.wanted.get(&group) else {
            return;
        };
        let version = self.speaks(now);
        if version == Version::V3 {
            let mut report = Report::new(self.interface, actions);
            report.state(group, wanted);
            report.send();
        } else {
            self.say(group, Written::report(version, group), actions);
        }
    }

    /// Answers a query about all groups.
    pub(super) fn answer_all(&self, now: Nanos, actions: &mut Vec<Action>) {
        if self.speaks(now) != Version::V3 {
            for group in self.wanted.keys() {
                self.answer(*group, now, actions);
            }
            return;
        }
        let mut report = Report::new(self.interface, actions);
        for (group, wanted) in &self.wanted {
            report.state(*group, wanted);
        }
        report.send();
    }

    fn say_change(&self, group: u32, now: Nanos, actions: &mut Vec<Action>) {
        let wanted = self.wanted.get(&group);
        match (self.speaks(now), wanted) {
            (Version::V3, wanted) => {
                let mut report = Report::new(self.interface, actions);
                report.change(group, wanted.unwrap_or(&Presence::default()));
                report.send();
            }
            (version, Some(_)) => self.say(group, Written::report(version, group), actions),
            (Version::V2, None) => {
                self.say(ALL_ROUTERS.to_bits(), Written::leave(group), actions);
            }
            (Version::V1, None) => {}
        }
    }

    fn say(&self, to: u32, message: Written, actions: &mut Vec<Action>) {
        actions.push(Action::Report(self.interface, to, Box::new(message)));
    }

    /// The version of the oldest querier heard of.
    fn speaks(&self, now: Nanos) -> Version {
        if now < self.v1_until {
            Version::V1
        } else if now < self.v2_until {
            Version::V2
        } else {
            self.version
        }
    }

    fn random(&mut self, below: u64) -> Nanos {
        self.noise = self
            .noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Nanos((self.noise >> 16) % below.max(1))
    }
}

/// Version 3 reports that are sent as they fill up.
struct Report<'a> {
    interface: u16,
    message: Written,
    empty: bool,
    actions: &'a mut Vec<Action>,
}

impl<'a> Report<'a> {
    fn new(interface: u16, actions: &'a mut Vec<Action>) -> Self {
        Self {
            interface,
            message: Written::records(),
            empty: true,
            actions,
        }
    }

    /// What is wanted, to somebody who asked.
    fn state(&mut self, group: u32, wanted: &Presence) {
        if wanted.any {
            self.push(RecordKind::IsExclude, group, &[]);
        } else {
            for sources in wanted.sources.chunks(MAX_SOURCES) {
                self.push(RecordKind::IsInclude, group, sources);
            }
        }
    }

    /// What is wanted from now on, whatever it was.
    fn change(&mut self, group: u32, wanted: &Presence) {
        if wanted.any {
            self.push(RecordKind::ToExclude, group, &[]);
            return;
        }
        let mut chunks = wanted.sources.chunks(MAX_SOURCES);
        self.push(
            RecordKind::ToInclude,
            group,
            chunks.next().unwrap_or_default(),
        );
        for sources in chunks {
            self.push(RecordKind::Allow, group, sources);
        }
    }

    fn push(&mut self, kind: RecordKind, group: u32, sources: &[u32]) {
        if !self.message.push(kind, group, sources) {
            self.flush();
            self.message.push(kind, group, sources);
        }
        self.empty = false;
    }

    fn flush(&mut self) {
        let full = core::mem::replace(&mut self.message, Written::records());
        if !core::mem::replace(&mut self.empty, true) {
            let to = V3_ROUTERS.to_bits();
            self.actions
                .push(Action::Report(self.interface, to, Box::new(full)));
        }
    }

    fn send(mut self) {
        self.flush();
    }
}
