//! Records to the store of this machine.

use std::io;
use std::net::Ipv4Addr;

use config::model::LogStore;
use nat::{ANY_PROTOCOL, Flow, Record};
use natlog::Entry;
use natlog::syslog::Names;

use super::Clock;
use super::line::Outcome;
use crate::store::{self, Class, Keep, Lent, Writer};

/// How long after a failure it is tried again, in milliseconds.
const PATIENCE: u64 = 10_000;

/// Entries written at a time.
const BATCH: usize = 4096;

/// The store and what waits for it.
#[derive(Debug)]
pub(super) struct Stored {
    settings: LogStore,
    host: String,
    /// The configuration in force, and since when; none once it is noted.
    epoch: Option<(u64, String)>,
    /// `None` while it cannot be opened.
    open: Option<Open>,
    /// It is known there that an earlier life of this appliance is over.
    began: bool,
    /// What was lent when a file failed, for when it is open again.
    lent: Lent,
    retry: u64,
    batch: Vec<store::Entry>,
    outcome: Outcome,
}

#[derive(Debug)]
struct Open {
    writer: Writer,
    appliance: u16,
    /// The store's numbers of VRFs, by those of the configuration.
    vrfs: Vec<u16>,
}

impl Open {
    fn name(&mut self, names: &Names) {
        let numbers = names.vrfs.iter().map(|name| self.writer.vrf(name));
        self.vrfs = numbers.map(|number| number.unwrap_or(0)).collect();
    }
}

impl Stored {
    pub(super) fn new(settings: &LogStore, host: &str) -> Self {
        Self {
            settings: settings.clone(),
            host: host.to_owned(),
            epoch: None,
            open: None,
            began: false,
            lent: Lent::default(),
            retry: 0,
            batch: Vec::with_capacity(BATCH),
            outcome: Outcome::default(),
        }
    }

    /// Whether it is in the same directory: what is kept of it may change.
    pub(super) fn is_of(&self, settings: &LogStore) -> bool {
        self.settings.path == settings.path
    }

    /// Another configuration is in force, with these names.
    pub(super) fn configure(
        &mut self,
        settings: &LogStore,
        source: &str,
        names: &Names,
        clock: Clock,
    ) {
        self.settings = settings.clone();
        self.epoch = Some((clock.wall(clock.now), source.to_owned()));
        let keep = self.keep();
        if let Some(open) = &mut self.open {
            open.writer.set_keep(keep);
            open.name(names);
        }
        self.turn(names, clock);
    }

    pub(super) fn record(&mut self, names: &Names, entry: &Entry<'_>, clock: Clock) {
        if let Some(kept) = self.kept(entry) {
            self.batch.push(kept);
            if self.batch.len() >= BATCH {
                self.turn(names, clock);
            }
        }
    }

    /// Writes what waits; without a store it is lost.
    pub(super) fn turn(&mut self, names: &Names, clock: Clock) {
        let now = clock.wall(clock.now);
        if self.open.is_none() && now >= self.retry {
            self.retry = now + PATIENCE;
            self.open = self.try_to_open(names, now).ok();
        }
        let count = self.batch.len() as u64;
        let written = self.open.as_mut().is_some_and(|open| {
            let noted = self
                .epoch
                .as_ref()
                .map_or(Ok(()), |(at, source)| open.writer.note_epoch(*at, source));
            let done = noted
                .and_then(|()| open.writer.append(&self.batch, now))
                .and_then(|()| open.writer.tick(now));
            done.is_ok()
        });
        if written {
            self.epoch = None;
            self.outcome.sent += count;
        } else {
            // What a file did not take is opened anew, which seals what it has.
            if let Some(open) = self.open.take() {
                self.lent = open.writer.into_lent();
            }
            self.outcome.lost += count;
        }
        self.batch.clear();
    }

    fn keep(&self) -> Keep {
        Keep {
            age: u64::try_from(self.settings.keep.as_millis()).unwrap_or(u64::MAX),
            bytes: self.settings.max_size,
        }
    }

    fn try_to_open(&mut self, names: &Names, now: u64) -> io::Result<Open> {
        let mut writer = Writer::open(&self.settings.path, self.keep(), now)?;
        writer.set_lent(core::mem::take(&mut self.lent));
        let appliance = writer.appliance(&self.host)?;
        if !self.began {
            writer.append(&[store::Entry::start(appliance, now)], now)?;
            self.began = true;
        }
        let mut open = Open {
            writer,
            appliance,
            vrfs: Vec::new(),
        };
        open.name(names);
        Ok(open)
    }

    pub(super) fn take_outcome(&mut self) -> Outcome {
        self.outcome.take()
    }

    /// What is kept of a record: who had which ports.
    fn kept(&self, entry: &Entry<'_>) -> Option<store::Entry> {
        let open = self.open.as_ref();
        let appliance = open.map_or(0, |open| open.appliance);
        let vrf = |realm: nat::Realm| {
            let number = open.and_then(|open| open.vrfs.get(usize::from(realm)));
            number.copied().unwrap_or(0)
        };
        let of_flow = |life, flow: &Flow, remote: (Ipv4Addr, u16)| {
            let whole = flow.protocol == ANY_PROTOCOL;
            store::Entry {
                class: if whole { Class::Block } else { Class::Flow },
                outside: flow.outside,
                first: if whole { 0 } else { flow.outside_port },
                at: entry.at,
                life: life_of(life),
                protocol: if whole { 0 } else { flow.protocol },
                last: if whole { u16::MAX } else { flow.outside_port },
                appliance,
                inside: flow.inside,
                inside_port: flow.inside_port,
                vrf: vrf(flow.realm),
                remote: remote.0,
                remote_port: remote.1,
            }
        };
        match entry.record {
            Record::Session(life, flow, remote) => {
                Some(of_flow(*life, flow, (remote.address, remote.port)))
            }
            Record::Mapping(life, flow) => Some(of_flow(*life, flow, (Ipv4Addr::UNSPECIFIED, 0))),
            Record::Block(life, block) => Some(store::Entry {
                class: Class::Block,
                outside: block.outside,
                first: block.ports.0,
                at: entry.at,
                life: life_of(*life),
                protocol: 0,
                last: block.ports.1,
                appliance,
                inside: block.inside,
                inside_port: 0,
                vrf: vrf(block.realm),
                remote: Ipv4Addr::UNSPECIFIED,
                remote_port: 0,
            }),
            _ => None,
        }
    }
}

const fn life_of(life: nat::Life) -> store::Life {
    match life {
        nat::Life::Begun => store::Life::Begun,
        nat::Life::Ended => store::Life::Ended,
    }
}
