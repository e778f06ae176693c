//! What is logged, to whoever keeps it.
//!
//! ```text
//!  worker ~~ ring of nat::Logged ~~> Exporter ──> Sink::Ipfix ──> Line: UDP, TCP or a file
//!  worker ~~ ring                ~~>          ├─> Sink::Syslog ─> Line
//!                                             └─> Sink::Store ──> store::Writer
//!  console ── Order ───────────────>
//! ```
//!
//! The exporter has a thread of its own; workers and the slow path only fill rings and never
//! wait for it. It waits for nobody either: sockets do not block, what a collector does not
//! take in time is lost and counted. Every record is counted once for each sink, as sent or
//! as lost ([`Figures`]).

mod line;
mod sinks;
mod stored;
mod tcp;
mod udp;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;

use base::{Counter, Counters, Nanos};
use config::model::{Collector, Log, LogServer};
use nat::Logged;
use natlog::Entry;
use natlog::syslog::{Deterministic, Names};

use line::Line;
use sinks::{Ipfix, Sink, Syslog};
use stored::Stored;

/// What the exporter is told besides records.
#[derive(Debug)]
pub enum Order {
    /// Other collectors from now on, and other names; and the text of the whole configuration.
    Configure(Box<Log>, Names, String),
    /// The parameters of deterministic ranges.
    Ranges(Vec<Deterministic>),
}

/// What the console has of the exporter.
#[derive(Clone, Debug)]
pub struct Handle {
    orders: mpsc::Sender<Order>,
    figures: Arc<Figures>,
}

impl Handle {
    /// Tells it something.
    pub fn order(&self, order: Order) {
        // It lives as long as the appliance; at the end nobody needs to hear.
        let _ = self.orders.send(order);
    }

    /// What became of the records.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.figures.counters()
    }
}

/// What became of the records, for others to read.
#[derive(Debug, Default)]
struct Figures([AtomicU64; FIGURES.len()]);

const FIGURES: [Counter; 7] = [
    Counter::LogRecords,
    Counter::LogIpfixSent,
    Counter::LogIpfixLost,
    Counter::LogSyslogSent,
    Counter::LogSyslogLost,
    Counter::LogStoreWritten,
    Counter::LogStoreLost,
];

impl Figures {
    fn add(&self, counter: Counter, amount: u64) {
        let place = FIGURES.iter().position(|known| *known == counter);
        if let Some(figure) = place.and_then(|place| self.0.get(place)) {
            figure.fetch_add(amount, Relaxed);
        }
    }

    fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        for (counter, figure) in FIGURES.iter().zip(&self.0) {
            counters.add(*counter, figure.load(Relaxed));
        }
        counters
    }
}

/// Now, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Since the start, as records have it.
    pub now: Nanos,
    /// Milliseconds from 1970 to the start.
    pub start: u64,
}

impl Clock {
    /// Milliseconds since 1970 of a moment.
    fn wall(self, at: Nanos) -> u64 {
        self.start.saturating_add(at.0 / 1_000_000)
    }

    /// Seconds since 1970, as IPFIX counts them.
    fn seconds(self) -> u32 {
        let seconds = self.wall(self.now) / 1000;
        u32::try_from(seconds & u64::from(u32::MAX)).unwrap_or(0)
    }
}

/// Who the exporter is to those it sends to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the host, or `-`.
    pub host: String,
    /// Number of the process, if that is to be told.
    pub process: Option<u32>,
}

/// Takes records and sends them.
#[derive(Debug)]
pub struct Exporter {
    orders: mpsc::Receiver<Order>,
    figures: Arc<Figures>,
    identity: Identity,
    names: Names,
    sinks: Vec<Sink>,
    /// Only files: nothing is sent.
    offline: bool,
    taken: u64,
}

impl Exporter {
    /// One without collectors yet: they come by order.
    #[must_use]
    pub fn new(identity: Identity) -> (Self, Handle) {
        Self::make(identity, false)
    }

    /// One that writes files and sends nothing, whatever it is ordered.
    #[must_use]
    pub fn offline(identity: Identity) -> (Self, Handle) {
        Self::make(identity, true)
    }

    fn make(identity: Identity, offline: bool) -> (Self, Handle) {
        let (sender, orders) = mpsc::channel();
        let figures = Arc::new(Figures::default());
        let handle = Handle {
            orders: sender,
            figures: Arc::clone(&figures),
        };
        let exporter = Self {
            orders,
            figures,
            identity,
            names: Names::default(),
            sinks: Vec::new(),
            offline,
            taken: 0,
        };
        (exporter, handle)
    }

    /// Writes what a collector would get to a file besides (RFC 5655), whatever is configured.
    pub fn add_ipfix_file(&mut self, file: File, settings: Option<&Collector>) {
        let domain = settings.map_or(0, |collector| collector.domain);
        let sink = Ipfix::new(domain, None, Line::File(line::Written::new(file)));
        self.sinks.push(Sink::Ipfix(None, Box::new(sink)));
    }

    /// The same of a syslog server, a line each.
    pub fn add_syslog_file(&mut self, file: File, settings: Option<&LogServer>) {
        let line = Line::File(line::Written::new(file));
        let sink = Syslog::new(settings, &self.identity, line);
        self.sinks.push(Sink::Syslog(None, Box::new(sink)));
    }

    /// Whether there is anybody to send to.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.sinks.is_empty()
    }

    /// Takes a record of a worker.
    pub fn record(&mut self, worker: u32, logged: &Logged, clock: Clock) {
        self.taken += 1;
        let entry = Entry {
            at: clock.wall(logged.at),
            instance: worker,
            record: &logged.record,
        };
        for sink in &mut self.sinks {
            sink.record(&self.names, &entry, clock);
        }
    }

    /// Takes orders, sends what waits, and connects where that is due.
    pub fn turn(&mut self, clock: Clock) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Configure(log, names, source) => {
                    self.configure(&log, names, &source, clock);
                }
                Order::Ranges(ranges) => {
                    for sink in &mut self.sinks {
                        sink.ranges(&ranges, clock);
                    }
                }
            }
        }
        for sink in &mut self.sinks {
            sink.turn(&self.names, clock);
        }
        self.count();
    }

    /// Whether something still waits to be sent.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.sinks.iter().any(Sink::is_busy)
    }

    /// Gives up what still waits: it is counted as lost.
    pub fn close(&mut self) {
        for sink in &mut self.sinks {
            sink.give_up();
        }
        self.count();
    }

    /// Goes on with the sinks that stay as they are.
    fn configure(&mut self, log: &Log, names: Names, source: &str, clock: Clock) {
        self.names = names;
        let mut before = core::mem::take(&mut self.sinks);
        let mut take = |same: &dyn Fn(&Sink) -> bool| {
            let place = before.iter().position(same)?;
            Some(before.remove(place))
        };
        let mut sinks = Vec::new();
        while let Some(file) = take(&Sink::is_file) {
            sinks.push(file);
        }
        if self.offline {
            self.sinks = sinks;
            return;
        }
        for collector in &log.ipfix {
            let known =
                take(&|sink| matches!(sink, Sink::Ipfix(Some(known), _) if known == collector));
            sinks.push(known.unwrap_or_else(|| Sink::collector(collector)));
        }
        for server in &log.syslog {
            let known =
                take(&|sink| matches!(sink, Sink::Syslog(Some(known), _) if known == server));
            sinks.push(known.unwrap_or_else(|| Sink::server(server, &self.identity)));
        }
        if let Some(settings) = &log.store {
            let known = take(&|sink| sink.is_store(settings));
            let mut sink = known.unwrap_or_else(|| {
                Sink::Store(Box::new(Stored::new(settings, &self.identity.host)))
            });
            if let Sink::Store(store) = &mut sink {
                store.configure(settings, source, &self.names, clock);
            }
            sinks.push(sink);
        }
        for mut gone in before {
            gone.turn(&self.names, clock);
            gone.give_up();
            self.count_of(&mut gone);
        }
        self.sinks = sinks;
    }

    fn count(&mut self) {
        let taken = core::mem::take(&mut self.taken);
        self.figures.add(Counter::LogRecords, taken);
        let mut sinks = core::mem::take(&mut self.sinks);
        for sink in &mut sinks {
            self.count_of(sink);
        }
        self.sinks = sinks;
    }

    fn count_of(&self, sink: &mut Sink) {
        let (sent, lost) = match sink {
            Sink::Ipfix(..) => (Counter::LogIpfixSent, Counter::LogIpfixLost),
            Sink::Syslog(..) => (Counter::LogSyslogSent, Counter::LogSyslogLost),
            Sink::Store(..) => (Counter::LogStoreWritten, Counter::LogStoreLost),
        };
        let outcome = sink.take_outcome();
        self.figures.add(sent, outcome.sent);
        self.figures.add(lost, outcome.lost);
    }
}

#[cfg(test)]
mod tests;
