//! The engine in one thread: a worker, the slow path, and rings between them.

use std::path::Path;
use std::sync::Arc;

use base::{Counter, Counters, Nanos};
use config::Config;
use control::exchange::{Piece, Question};
use control::export::{Clock, Exporter, Handle};
use control::protocol::{Request, Response};
use control::rows::Rows;
use control::traced::Packet;
use dataplane::{
    Command, Expression, Interface, Order, Ports, Published, SlowPath, SlowPorts, Ticket, Worker,
};
use nat::{Layout, Logged, ReviseError, Shard};
use pktio::mem::{MemBuf, MemIo, MemReceiver, MemSender, ring};
use pktio::{PacketBuf, PortId};
use wire::ethernet::{Mac, Tags};

use crate::book::{Book, PortFigures};
use crate::console::{Console, Reread, Sink};
use crate::reload;
use crate::steering::Arrivals;
use crate::words;
use portolan::plan::{Plan, sizes};

/// Buffers in a ring between worker and slow path.
const RING: usize = 4096;

/// Records in the ring to the exporter: more than a turn makes.
const RECORDS: usize = 1 << 14;

/// The grain of timers.
const TICK: Nanos = Nanos(1 << base::TICK_SHIFT);

/// The farthest that time moves at once: half of what [`base::Ticks`] can tell from the past.
const STEP: Nanos = Nanos(TICK.0 << 30);

/// A frame that left.
#[derive(Debug)]
pub(crate) struct Sent {
    /// When.
    pub(crate) at: Nanos,
    /// Name of the interface.
    pub(crate) interface: String,
    /// The frame.
    pub(crate) frame: MemBuf,
}

/// What became of a frame put in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    /// `forward`, `drop`, `consume` or `hold`.
    pub(crate) verdict: &'static str,
    /// Name of the counter that explains it.
    pub(crate) reason: &'static str,
}

/// Pieces of an answer, all kept.
#[derive(Debug, Default)]
struct Kept(Arc<std::sync::Mutex<Vec<Piece>>>);

impl Sink for Kept {
    fn put(&mut self, piece: Piece) -> Result<(), Option<Piece>> {
        if let Ok(mut pieces) = self.0.lock() {
            pieces.push(piece);
        }
        Ok(())
    }
}

/// The appliance in memory.
pub(crate) struct Engine {
    worker: Worker<MemIo, MemSender, MemReceiver>,
    slow: SlowPath<MemBuf, MemSender, MemReceiver>,
    console: Console<Kept>,
    exporter: Exporter,
    records: rtrb::Consumer<Logged>,
    figures: Arc<std::sync::Mutex<Vec<PortFigures>>>,
    /// Port, tags and name of each interface.
    interfaces: Vec<(PortId, Tags, String)>,
    now: Nanos,
}

impl Engine {
    /// Makes it at time `now`; with `any_mac` every frame counts as addressed to us.
    ///
    /// # Errors
    ///
    /// More addresses, rules or mappings than can be numbered.
    pub(crate) fn new(
        config: &Config,
        log: (Exporter, Handle),
        seed: u64,
        any_mac: bool,
        now: Nanos,
    ) -> Result<Self, ReviseError> {
        Self::assemble(config, log, seed, now, |_, interface| {
            interface.any_mac = any_mac;
        })
    }

    /// Puts it together; `change` may change what the plan says of each named interface.
    fn assemble(
        config: &Config,
        (exporter, log): (Exporter, Handle),
        seed: u64,
        now: Nanos,
        change: impl Fn(&str, &mut Interface),
    ) -> Result<Self, ReviseError> {
        let mut plan = Plan::new(config);
        plan.set_macs(|port| {
            let [high, low] = port.0.wrapping_add(1).to_be_bytes();
            Mac([0x02, 0, 0, 0, high, low])
        });
        for (interface, named) in plan.topology.interfaces.iter_mut().zip(&config.interfaces) {
            change(&named.name, interface);
        }
        let ports = u16::try_from(plan.devices.len()).unwrap_or(u16::MAX);
        let layout = Arc::new(Layout::new(&plan.settings, 1)?);
        let shard = Shard::new(Arc::clone(&layout), sizes(config, 1), 0, seed, now);
        let published = Arc::new(Published::default());
        let (punt_in, punt_out) = ring(RING);
        let (reply_in, reply_out) = ring(RING);
        let (command_in, command_out) = rtrb::RingBuffer::new(RING);
        let (event_in, event_out) = rtrb::RingBuffer::new(RING);
        let (told_in, told_out) = rtrb::RingBuffer::new(RING);
        let (notice_in, notice_out) = rtrb::RingBuffer::new(RING);
        let (call_in, call_out) = rtrb::RingBuffer::new(RING);
        let (record_in, record_out) = rtrb::RingBuffer::new(RECORDS);
        let (trace_in, trace_out) = rtrb::RingBuffer::new(RING);
        let ends = Ports {
            punt: punt_in,
            reply: reply_out,
            handoff_out: vec![None],
            handoff_in: Vec::new(),
            commands: command_out,
            events: event_in,
            told: told_in,
            notices: notice_in,
            calls: call_in,
            records: record_in,
            traced: trace_in,
        };
        let worker = Worker::new(
            MemIo::new(ports),
            &plan.topology,
            shard,
            0,
            ends,
            Arc::clone(&published),
        );
        let slow_ends = SlowPorts {
            punt: punt_out,
            reply: reply_in,
            commands: command_in,
            events: event_out,
            told: told_out,
            notices: notice_out,
            calls: call_out,
            traced: trace_out,
        };
        let allocate = Box::new(|| Some(MemBuf::new()));
        let mut slow = SlowPath::new(&plan.topology, vec![slow_ends], allocate, now);
        slow.announce_pcp(&layout, now);
        let up = PortFigures {
            up: true,
            ..PortFigures::default()
        };
        let figures = Arc::new(std::sync::Mutex::new(vec![up; usize::from(ports)]));
        let read = Arc::clone(&figures);
        let besides = config.log.besides;
        let console = Console::new(
            config,
            Book::new(config, &plan, layout, Arrivals::ALL),
            vec![published],
            Box::new(move || {
                read.lock()
                    .map(|figures| figures.clone())
                    .unwrap_or_default()
            }),
            log,
            Box::new(move |file, _| match file {
                Some(file) => reload::read(Path::new(file)).map(|mut config| {
                    config.log.besides = besides;
                    config
                }),
                None => Err("name the file to reload from".into()),
            }),
        );
        let interfaces = plan
            .topology
            .interfaces
            .iter()
            .enumerate()
            .map(|(number, interface)| {
                let name = console
                    .book()
                    .interface_name(u16::try_from(number).unwrap_or(0));
                (interface.port, interface.tags, name)
            })
            .collect();
        let mut engine = Self {
            worker,
            slow,
            console,
            exporter,
            records: record_out,
            figures,
            interfaces,
            now,
        };
        // Static neighbours reach the worker before the first packet.
        engine.settle();
        Ok(engine)
    }

    /// The same for the frames of a trace, addressed to these MAC addresses.
    ///
    /// # Errors
    ///
    /// Likewise.
    pub(crate) fn with_macs(
        config: &Config,
        log: (Exporter, Handle),
        seed: u64,
        macs: &[(String, Mac)],
        now: Nanos,
    ) -> Result<Self, ReviseError> {
        let mac_of = |name: &str| macs.iter().find(|(of, _)| of == name).map(|(_, mac)| *mac);
        Self::assemble(config, log, seed, now, |name, interface| {
            interface.mac = mac_of(name).unwrap_or(interface.mac);
        })
    }

    /// Has a reload read what `reread` makes of a file's name, instead of the file.
    pub(crate) fn rereading(mut self, reread: Reread) -> Self {
        self.console.rereading(reread);
        self
    }

    /// Has frames explained from now on, those that are meant; or no longer.
    pub(crate) fn explain(&mut self, expression: Option<Expression>) {
        let command = match expression {
            Some(expression) => Command::Trace(Box::new(Order {
                ticket: Ticket::default(),
                expression,
                past: false,
                until: Nanos(u64::MAX),
                // One frame, and those that what it brings may bring.
                records: (0..64).map(|_| Box::default()).collect(),
            })),
            None => Command::Untrace,
        };
        self.slow.command(0, command);
        self.settle();
    }

    /// What became of the frames received since the last call, as far as that is wanted.
    pub(crate) fn explained(&mut self) -> Vec<Packet> {
        let records = self.slow.take_traced();
        let book = self.console.book();
        let mut packets = Vec::new();
        for (worker, record) in records {
            packets.push(words::packet(book, worker, &record, self.console.epoch()));
            self.slow.command(worker, Command::Reuse(record));
        }
        packets
    }

    /// The time it has got to.
    pub(crate) const fn now(&self) -> Nanos {
        self.now
    }

    /// The port of a named interface.
    pub(crate) fn port(&self, interface: &str) -> Option<PortId> {
        self.interfaces
            .iter()
            .find(|(_, _, name)| name == interface)
            .map(|(port, ..)| *port)
    }

    /// Names of all interfaces, for error messages.
    pub(crate) fn interface_names(&self) -> String {
        let names: Vec<&str> = self
            .interfaces
            .iter()
            .map(|(_, _, name)| name.as_str())
            .collect();
        names.join(", ")
    }

    /// Moves time on, from one moment that matters to the next, and lets happen
    /// what that brings; never backwards.
    pub(crate) fn advance(&mut self, until: Nanos) -> Vec<Sent> {
        let mut sent = Vec::new();
        loop {
            let due = self.worker.next_due(self.now);
            let due = due
                .into_iter()
                .chain(self.slow.next_due())
                .chain(self.console.next_due())
                .min();
            // Never so far that the coarse time of timers would take it for the past.
            let until_here = until.min(self.now.plus(STEP));
            // At least a tick, so that what is due but has to wait cannot stop time.
            let next = match due {
                Some(due) if due > self.now => due,
                Some(_) => self.now.plus(TICK),
                None => until,
            };
            let next = next.min(until_here);
            self.now = self.now.max(next);
            loop {
                let all = self.worker.catch_up(self.now);
                sent.extend(self.settle());
                if all {
                    break;
                }
            }
            if next >= until {
                return sent;
            }
        }
    }

    /// Receives a frame, and answers what left and what became of it.
    pub(crate) fn receive(&mut self, frame: MemBuf) -> (Vec<Sent>, Verdict) {
        let before = self.worker.counters();
        self.count(frame.port(), |figures| {
            figures.rx_packets += 1;
            figures.rx_bytes += frame.bytes().len() as u64;
        });
        self.worker.io_mut().deliver(frame);
        let sent = self.settle();
        (sent, verdict(&before, &self.worker.counters()))
    }

    /// Answers a request.
    pub(crate) fn ask(&mut self, request: Request) -> Response {
        let what = match &request {
            Request::Show { what, .. } => Some(*what),
            Request::Clear { .. } | Request::Reload { .. } | Request::Trace(_) => None,
        };
        self.worker.publish_now();
        let kept = Kept::default();
        let pieces = Arc::clone(&kept.0);
        self.console
            .start(&Question::Request(request), kept, &mut self.slow, self.now);
        while !self.console.is_idle() {
            self.worker.turn(self.now);
            self.slow.turn(self.now);
            self.console.step(&mut self.slow, self.now);
            self.log();
        }
        let pieces = pieces
            .lock()
            .map(|mut pieces| core::mem::take(&mut *pieces))
            .unwrap_or_default();
        let mut chunks: Vec<Rows> = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Rows(rows) => chunks.push(rows),
                Piece::Cleared(count) => return Response::Cleared(count),
                Piece::Reloaded(reloaded) => return Response::Reloaded(reloaded),
                Piece::Refused(why) => return Response::refused(why),
                Piece::Traced(_) | Piece::Snapshot(_) | Piece::End => {}
            }
        }
        match what {
            Some(what) => Response::Rows(what, Box::new(chunks.into_iter().map(Ok))),
            None => Response::refused("nothing was cleared"),
        }
    }

    /// Turns until nothing moves any more.
    fn settle(&mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        loop {
            let mut moved = self.worker.turn(self.now);
            moved += self.slow.turn(self.now);
            moved += self.collect(&mut sent);
            self.console.step(&mut self.slow, self.now);
            self.log();
            if moved == 0 {
                return sent;
            }
        }
    }

    /// Writes what there is to log; virtual time counts from 1970.
    fn log(&mut self) {
        let clock = Clock {
            now: self.now,
            start: 0,
        };
        while let Ok(logged) = self.records.pop() {
            self.exporter.record(0, &logged, clock);
        }
        self.exporter.turn(clock);
    }

    fn collect(&mut self, sent: &mut Vec<Sent>) -> usize {
        let frames = self.worker.io_mut().take_sent();
        let count = frames.len();
        for (port, frame) in frames {
            self.count(port, |figures| {
                figures.tx_packets += 1;
                figures.tx_bytes += frame.bytes().len() as u64;
            });
            let tags = wire::ethernet::parse(frame.bytes())
                .map(|header| header.tags)
                .unwrap_or_default();
            let interface = self
                .interfaces
                .iter()
                .find(|(of, with, _)| *of == port && *with == tags)
                .map(|(_, _, name)| name.clone())
                .unwrap_or_default();
            let at = self.now;
            sent.push(Sent {
                at,
                interface,
                frame,
            });
        }
        count
    }

    fn count(&self, port: PortId, change: impl FnOnce(&mut PortFigures)) {
        if let Ok(mut figures) = self.figures.lock()
            && let Some(figures) = figures.get_mut(usize::from(port.0))
        {
            change(figures);
        }
    }
}

/// The one verdict and the one reason that moved.
fn verdict(before: &Counters, after: &Counters) -> Verdict {
    let moved = |counter: &Counter| after.value(*counter) != before.value(*counter);
    let reason = Counter::ALL
        .iter()
        .copied()
        .find(|counter| counter.is_reason().is_some() && moved(counter));
    let verdict = reason.and_then(Counter::is_reason);
    Verdict {
        verdict: verdict
            .and_then(|counter| counter.name().strip_prefix("verdict."))
            .unwrap_or("drop"),
        reason: reason.map_or("", Counter::name),
    }
}
