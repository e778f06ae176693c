//! Workers, slow path and console, with the rings between them.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use config::Config;
use control::export::Exporter;
use dataplane::{Ports, Published, SlowPath, SlowPorts};
use dpdk::DpdkIo;
use nat::{Layout, Logged, Shard};
use pktio::Io;
use tracing::{debug, info, warn};

use super::machine::Machine;
use super::{Asked, DpdkSlowPath, DpdkWorker, RunError, export, now};
use crate::book::Book;
use crate::console::Console;
use crate::reload;
use crate::steering::{self, Forecast};
use portolan::plan::{describe_memory, sizes};

/// Packets in a ring between two threads.
const RING: u32 = 2048;

/// Packets in a ring between two workers: what arrives while the other is off its
/// core for some milliseconds, where cores are shared.
const HANDOFF_RING: u32 = 8192;

/// Messages in a ring between two threads.
const MESSAGES: usize = 4096;

/// Records in a ring to the exporter: some dozen milliseconds of the most a worker makes.
const RECORDS: usize = 1 << 16;
/// Traced packets between them.
const TRACED: usize = 1024;

/// Everything that runs.
pub(super) struct Wiring {
    pub(super) workers: Vec<DpdkWorker>,
    pub(super) slow: DpdkSlowPath,
    pub(super) console: Console<Asked>,
    pub(super) exporter: Exporter,
    /// What each worker has to log.
    pub(super) records: Vec<rtrb::Consumer<Logged>>,
    pub(super) start: Instant,
}

impl Wiring {
    /// Allocates all tables and rings.
    pub(super) fn new(config: &Config, file: &Path, machine: &Machine) -> Result<Self, RunError> {
        let start = Instant::now();
        let plan = &machine.plan;
        let count = config.workers.cores.len();
        let shards = u32::try_from(count).unwrap_or(u32::MAX);
        let steered = &machine.steered;
        let steering = Arc::clone(&steered.steering);
        let layout = Arc::new(Layout::steered(&plan.settings, shards, steering)?);
        if shards > 1 {
            report(&layout, machine, config.workers.steering.rebalance);
        }
        let sizes = sizes(config, shards);
        let mut handoffs = Handoffs::new(machine, count)?;
        let mut workers = Vec::new();
        let mut slow_ports = Vec::new();
        let mut published = Vec::new();
        let mut records = Vec::new();
        let queues = machine
            .queues
            .lock()
            .map(|mut queues| core::mem::take(&mut *queues))
            .unwrap_or_default();
        for (number, queues) in queues.into_iter().enumerate() {
            let figures = Arc::new(Published::default());
            published.push(Arc::clone(&figures));
            let (punt, punted) = machine.eal.ring(&format!("ptl-punt-{number}"), RING)?;
            let (reply, replied) = machine.eal.ring(&format!("ptl-reply-{number}"), RING)?;
            let (command, commands) = rtrb::RingBuffer::new(MESSAGES);
            let (events, event) = rtrb::RingBuffer::new(MESSAGES);
            let (told, hears) = rtrb::RingBuffer::new(MESSAGES);
            let (notices, notice) = rtrb::RingBuffer::new(MESSAGES);
            let (calls, call) = rtrb::RingBuffer::new(MESSAGES);
            let (noted, recorded) = rtrb::RingBuffer::new(RECORDS);
            records.push(recorded);
            let (traced, trace) = rtrb::RingBuffer::new(TRACED);
            let place = u32::try_from(number).unwrap_or(u32::MAX);
            let shard = Shard::new(Arc::clone(&layout), sizes, place, seed()?, now(start));
            let huge = shard
                .regions()
                .into_iter()
                .filter(|region| dpdk::advise_huge(region.start, region.len))
                .count();
            info!(
                "worker {number}: {}; {huge} of {} large tables on huge pages",
                describe_memory(&shard, sizes),
                shard.regions().len()
            );
            let (handoff_out, handoff_in) = handoffs.take(number);
            let ends = Ports {
                punt,
                reply: replied,
                handoff_out,
                handoff_in,
                commands,
                events,
                told,
                notices,
                calls,
                records: noted,
                traced,
            };
            workers.push(DpdkWorker::new(
                DpdkIo::new(queues, machine.pool.clone()),
                &plan.topology,
                shard,
                place,
                ends,
                figures,
            ));
            slow_ports.push(SlowPorts {
                punt: punted,
                reply,
                commands: command,
                events: event,
                told: hears,
                notices: notice,
                calls: call,
                traced: trace,
            });
        }
        let mut maker = DpdkIo::new(Vec::new(), machine.pool.clone());
        let allocate = Box::new(move || maker.allocate());
        let mut slow = SlowPath::new(&plan.topology, slow_ports, allocate, now(start));
        slow.announce_pcp(&layout, now(start));
        let ports = Arc::clone(&machine.ports);
        // The working directory may be another by then.
        let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let (exporter, log) = Exporter::new(export::identity());
        let console = Console::new(
            config,
            Book::new(config, plan, layout, steered.arrivals.clone()),
            published,
            Box::new(move || Machine::figures(&ports)),
            log,
            Box::new(move |other, dry_run| match other.map(Path::new) {
                // Else a restart would bring the old one back.
                Some(other) if !dry_run && !is_same(other, &file) => Err(format!(
                    "{} is what it was started with; put the new file there",
                    file.display()
                )),
                Some(other) => reload::read(other),
                None => reload::read(&file),
            }),
        );
        Ok(Self {
            workers,
            slow,
            console,
            exporter,
            records,
            start,
        })
    }
}

/// The self-test of steering: what the model says of every pool address and all
/// subscribers, and what the devices lack.
fn report(layout: &Layout, machine: &Machine, by_load: bool) {
    let spread = layout.spread();
    let settings = &machine.plan.settings;
    let (least, most) = steering::range(&spread.subscribers);
    info!("subscribers: {least} to {most} for each worker");
    for line in steering::describe_pools(layout, &spread) {
        info!("{line}");
    }
    for line in steering::starved(layout, &spread) {
        warn!("{line}");
    }
    if !by_load {
        for pool in steering::would_be_whole(layout, &spread, settings) {
            info!("pool {pool} would not be divided with `workers: {{ reta: rebalance }}`");
        }
    }
    let rules = settings.rules.iter().flat_map(|rule| &rule.source);
    for prefix in rules.take(MOST_SAMPLES) {
        for host in [prefix.network(), prefix.last()] {
            let worker = layout.steering().inside.worker_of(host.to_bits());
            debug!("packets of {host} belong to worker {worker}");
        }
    }
    let forecast = Forecast::new(layout, &spread, &machine.steered.arrivals);
    info!("hand-off expected: {}", forecast.text());
}

/// Prefixes whose first and last host are told.
const MOST_SAMPLES: usize = 16;

/// A ring from each worker to each other.
struct Handoffs {
    out: Vec<Vec<Option<dpdk::Sender>>>,
    into: Vec<Vec<dpdk::Receiver>>,
}

impl Handoffs {
    fn new(machine: &Machine, count: usize) -> Result<Self, RunError> {
        let mut all = Self {
            out: (0..count).map(|_| Vec::new()).collect(),
            into: (0..count).map(|_| Vec::new()).collect(),
        };
        for (from, out) in all.out.iter_mut().enumerate() {
            for (to, into) in all.into.iter_mut().enumerate() {
                if from == to {
                    out.push(None);
                    continue;
                }
                let name = format!("ptl-pass-{from}-{to}");
                let (sender, receiver) = machine.eal.ring(&name, HANDOFF_RING)?;
                out.push(Some(sender));
                into.push(receiver);
            }
        }
        Ok(all)
    }

    fn take(&mut self, number: usize) -> (Vec<Option<dpdk::Sender>>, Vec<dpdk::Receiver>) {
        (
            self.out
                .get_mut(number)
                .map(core::mem::take)
                .unwrap_or_default(),
            self.into
                .get_mut(number)
                .map(core::mem::take)
                .unwrap_or_default(),
        )
    }
}

/// Chance nobody outside can know: ports must not be guessed (RFC 6056).
fn seed() -> Result<u64, RunError> {
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut bytes))
        .map_err(|why| RunError::System {
            what: "cannot read /dev/urandom",
            why,
        })?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Whether two paths lead to one file.
fn is_same(one: &Path, other: &Path) -> bool {
    one == other
        || one
            .canonicalize()
            .is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}
