//! A collector or server and what it is sent.

use std::fmt::Write;

use base::Nanos;
use config::model::{Collector, LogServer, LogStore};
use natlog::syslog::{self, Deterministic, Names};
use natlog::{Entry, ipfix};

use super::line::{Line, Outcome};
use super::stored::Stored;
use super::{Clock, Identity};

/// One of them, with the settings it was made from; files have none.
#[derive(Debug)]
pub(super) enum Sink {
    Ipfix(Option<Collector>, Box<Ipfix>),
    Syslog(Option<LogServer>, Box<Syslog>),
    Store(Box<Stored>),
}

impl Sink {
    pub(super) fn collector(settings: &Collector) -> Self {
        let line = Line::to(settings.address, settings.transport);
        let refresh =
            Nanos(u64::try_from(settings.template_refresh.as_nanos()).unwrap_or(u64::MAX));
        // A connection keeps what it was told (RFC 7011 section 8.4).
        let refresh = (!line.is_stream()).then_some(refresh);
        let sink = Ipfix::new(settings.domain, refresh, line);
        Self::Ipfix(Some(settings.clone()), Box::new(sink))
    }

    pub(super) fn server(settings: &LogServer, identity: &Identity) -> Self {
        let line = Line::to(settings.address, settings.transport);
        let sink = Syslog::new(Some(settings), identity, line);
        Self::Syslog(Some(settings.clone()), Box::new(sink))
    }

    pub(super) fn record(&mut self, names: &Names, entry: &Entry<'_>, clock: Clock) {
        match self {
            Self::Ipfix(_, sink) => sink.record(entry, clock),
            Self::Syslog(_, sink) => sink.record(names, entry, clock),
            Self::Store(sink) => sink.record(names, entry, clock),
        }
    }

    /// Deterministic ranges: RFC 8158 has no event for them.
    pub(super) fn ranges(&mut self, ranges: &[Deterministic], clock: Clock) {
        if let Self::Syslog(_, sink) = self {
            for range in ranges {
                sink.range(range, clock);
            }
        }
    }

    pub(super) fn turn(&mut self, names: &Names, clock: Clock) {
        match self {
            Self::Ipfix(_, sink) => {
                sink.flush(clock);
                sink.line.turn(clock.now);
            }
            Self::Syslog(_, sink) => sink.line.turn(clock.now),
            Self::Store(sink) => sink.turn(names, clock),
        }
    }

    /// Whether it is the store with these settings.
    pub(super) fn is_store(&self, settings: &LogStore) -> bool {
        matches!(self, Self::Store(sink) if sink.is_of(settings))
    }

    pub(super) fn is_file(&self) -> bool {
        match self {
            Self::Ipfix(_, sink) => sink.line.is_file(),
            Self::Syslog(_, sink) => sink.line.is_file(),
            Self::Store(_) => false,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::Ipfix(_, sink) => sink.line.is_busy(),
            Self::Syslog(_, sink) => sink.line.is_busy(),
            Self::Store(_) => false,
        }
    }

    pub(super) fn give_up(&mut self) {
        match self {
            Self::Ipfix(_, sink) => sink.line.give_up(),
            Self::Syslog(_, sink) => sink.line.give_up(),
            Self::Store(_) => {}
        }
    }

    pub(super) fn take_outcome(&mut self) -> Outcome {
        match self {
            Self::Ipfix(_, sink) => sink.line.take_outcome(),
            Self::Syslog(_, sink) => sink.line.take_outcome(),
            Self::Store(sink) => sink.take_outcome(),
        }
    }
}

/// An IPFIX collector.
#[derive(Debug)]
pub(super) struct Ipfix {
    writer: ipfix::Writer,
    line: Line,
    /// How often templates are repeated, and when next.
    refresh: Option<Nanos>,
    due: Nanos,
}

impl Ipfix {
    pub(super) fn new(domain: u32, refresh: Option<Nanos>, line: Line) -> Self {
        Self {
            writer: ipfix::Writer::new(domain),
            line,
            refresh,
            due: Nanos(0),
        }
    }

    #[cfg(test)]
    pub(super) fn is_connected(&self) -> bool {
        matches!(&self.line, Line::Tcp(tcp) if tcp.is_connected())
    }

    #[cfg(test)]
    pub(super) fn is_waiting(&self) -> bool {
        matches!(&self.line, Line::Tcp(tcp) if tcp.is_waiting())
    }

    fn record(&mut self, entry: &Entry<'_>, clock: Clock) {
        if !self.writer.push(entry) {
            self.flush(clock);
            // An empty message has room for any record.
            let _ = self.writer.push(entry);
        }
    }

    /// Sends what waits, behind the templates if those are due.
    fn flush(&mut self, clock: Clock) {
        if self.writer.waiting() == 0 {
            return;
        }
        let takes_up = self.line.takes_up();
        let due = self.refresh.is_some() && clock.now >= self.due;
        if takes_up && self.line.is_stream() {
            self.writer.restart();
        }
        if takes_up || due {
            self.due = clock.now.plus(self.refresh.unwrap_or_default());
            let templates = self.writer.templates(clock.seconds());
            self.line.send(&templates, 0, clock.now);
        }
        let line = &mut self.line;
        self.writer.finish(clock.seconds(), |message, records| {
            line.send(message, records, clock.now);
        });
    }
}

/// A syslog server.
#[derive(Debug)]
pub(super) struct Syslog {
    writer: syslog::Writer,
    line: Line,
    text: String,
    framed: String,
}

impl Syslog {
    pub(super) fn new(settings: Option<&LogServer>, identity: &Identity, line: Line) -> Self {
        let writer = syslog::Writer {
            facility: settings.map_or(LogServer::FACILITY, |server| server.facility),
            enterprise: settings.map_or(syslog::ENTERPRISE, |server| server.enterprise),
            host: identity.host.clone(),
            process: identity.process,
        };
        Self {
            writer,
            line,
            text: String::new(),
            framed: String::new(),
        }
    }

    fn record(&mut self, names: &Names, entry: &Entry<'_>, clock: Clock) {
        self.text.clear();
        self.writer.record(&mut self.text, names, entry);
        self.send(1, clock);
    }

    fn range(&mut self, range: &Deterministic, clock: Clock) {
        self.text.clear();
        let at = clock.wall(clock.now);
        self.writer.deterministic(&mut self.text, at, range);
        self.send(0, clock);
    }

    /// A datagram each (RFC 5426), counted octets in a stream (RFC 6587 section 3.4.1), or a
    /// line of a file.
    fn send(&mut self, records: u32, clock: Clock) {
        let message = if self.line.is_file() {
            self.text.push('\n');
            &self.text
        } else if self.line.is_stream() {
            self.framed.clear();
            // Writing to a string does not fail.
            let _ = write!(self.framed, "{} {}", self.text.len(), self.text);
            &self.framed
        } else {
            &self.text
        };
        self.line.send(message.as_bytes(), records, clock.now);
    }
}
