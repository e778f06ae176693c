//! The real worker over some ports, with its tables from a configuration and the
//! slow path at the other ends of its rings.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base::{Counter, Nanos};
use dataplane::{Command, Ports, Published, SessionFilter, SlowPath, SlowPorts, Ticket, Worker};
use dpdk::{Mbuf, Receiver, Sender};
use nat::{Layout, Notice, Shard};
use pktio::{Burst, Io};
use portolan::plan::{Plan, describe_memory, sizes};

use crate::LoadError;
use crate::clock::{Clock, Watch};
use crate::figures::float;
use crate::file::File;
use crate::machine::Machine;

/// Packets in a ring to or from the slow path.
const RING: u32 = 2048;

/// Messages in one.
const MESSAGES: usize = 4096;

/// Turns of the worker to one of the slow path: so it hears of everything even
/// when each packet is lent a block.
const TURNS: u32 = 16;

/// The slow path.
pub(crate) type Slow = SlowPath<Mbuf, Sender, Receiver>;

/// One worker.
pub(crate) struct Appliance<I: Io<Buf = Mbuf>> {
    pub(crate) worker: Worker<I, Sender, Receiver>,
    pub(crate) clock: Clock,
    /// Until somebody else has it.
    slow: Option<Slow>,
    turns: u32,
    /// Blocks lent and returned that were told of.
    pub(crate) block_events: u64,
    /// The tables in words.
    pub(crate) memory: String,
}

/// What came of some turns.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Run {
    /// Packets received.
    pub(crate) packets: u64,
    pub(crate) forwarded: u64,
    pub(crate) dropped: u64,
    /// Seconds on a core, so that rates do not depend on who else had it.
    pub(crate) seconds: f64,
    /// Share of the core.
    pub(crate) share: f64,
    /// Time from one turn's beginning to the next's, where it was looked at.
    pub(crate) gaps: Gaps,
}

/// Times between turns.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gaps {
    pub(crate) turns: u64,
    pub(crate) longest: Duration,
    /// How many were longer than [`LONG`].
    pub(crate) long: u64,
}

/// What the goals call a long time between two turns.
pub(crate) const LONG: Duration = Duration::from_micros(20);

impl Gaps {
    fn add(&mut self, gap: Duration) {
        self.turns += 1;
        self.longest = self.longest.max(gap);
        self.long += u64::from(gap > LONG);
    }
}

impl Run {
    pub(crate) fn rate(&self) -> f64 {
        float(self.packets) / self.seconds.max(1e-9)
    }
}

/// One layout for all workers of a file.
///
/// # Errors
///
/// More than can be numbered.
pub(crate) fn layout(file: &File) -> Result<Arc<Layout>, LoadError> {
    let plan = Plan::new(&file.config);
    let workers = u32::try_from(file.config.workers.cores.len()).unwrap_or(u32::MAX);
    Ok(Arc::new(Layout::new(&plan.settings, workers)?))
}

impl<I: Io<Buf = Mbuf>> Appliance<I> {
    /// A worker alone.
    ///
    /// # Errors
    ///
    /// No memory for rings, or more than can be numbered.
    pub(crate) fn new(
        machine: &Machine,
        name: &str,
        file: &File,
        io: I,
    ) -> Result<Self, LoadError> {
        Self::of_several(machine, name, file, layout(file)?, 0, io)
    }

    /// Worker `number` of those of a layout.
    ///
    /// # Errors
    ///
    /// As for one.
    pub(crate) fn of_several(
        machine: &Machine,
        name: &str,
        file: &File,
        layout: Arc<Layout>,
        number: u32,
        io: I,
    ) -> Result<Self, LoadError> {
        let clock = Clock::new();
        let now = clock.now();
        let plan = Plan::new(&file.config);
        let sizes = sizes(&file.config, layout.shards());
        let (punt, punted) = machine.eal.ring(&format!("{name}-punt"), RING)?;
        let (reply, replied) = machine.eal.ring(&format!("{name}-reply"), RING)?;
        let (command, commands) = rtrb::RingBuffer::new(MESSAGES);
        let (events, event) = rtrb::RingBuffer::new(MESSAGES);
        let (told, hears) = rtrb::RingBuffer::new(MESSAGES);
        let (notices, notice) = rtrb::RingBuffer::new(MESSAGES);
        let (calls, call) = rtrb::RingBuffer::new(MESSAGES);
        let (records, _) = rtrb::RingBuffer::new(64);
        let (traced, trace) = rtrb::RingBuffer::new(64);
        let shards = layout.shards();
        let shard = Shard::new(layout, sizes, number, SEED, now);
        let regions = shard.regions();
        let huge = regions
            .iter()
            .filter(|region| dpdk::advise_huge(region.start, region.len))
            .count();
        let memory = format!(
            "{}; {huge} of {} large tables on huge pages",
            describe_memory(&shard, sizes),
            regions.len()
        );
        let ends = Ports {
            punt,
            reply: replied,
            // Sources send everything to its owner.
            handoff_out: (0..shards).map(|_| None).collect(),
            handoff_in: Vec::new(),
            commands,
            events,
            told,
            notices,
            calls,
            records,
            traced,
        };
        let published = Arc::new(Published::default());
        let mut worker = Worker::new(io, &plan.topology, shard, number, ends, published);
        let slow_ports = SlowPorts {
            punt: punted,
            reply,
            commands: command,
            events: event,
            told: hears,
            notices: notice,
            calls: call,
            traced: trace,
        };
        let pool = machine.pool.clone();
        let allocate = Box::new(move || {
            let mut burst = Burst::new();
            pool.allocate_burst(&mut burst, 1);
            burst.pop()
        });
        let slow = SlowPath::new(&plan.topology, vec![slow_ports], allocate, now);
        // The neighbours reach the worker.
        worker.turn(now);
        Ok(Self {
            worker,
            clock,
            slow: Some(slow),
            turns: 0,
            block_events: 0,
            memory,
        })
    }

    /// One turn; answers how many packets it moved.
    #[inline]
    pub(crate) fn turn(&mut self) -> usize {
        self.turn_at(self.clock.now())
    }

    /// The same at a time of its own.
    #[inline]
    pub(crate) fn turn_at(&mut self, now: Nanos) -> usize {
        let moved = self.worker.turn(now);
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(TURNS) {
            self.look_after(now);
        }
        moved
    }

    /// Begins to end all sessions.
    pub(crate) fn clear(&mut self) {
        if let Some(slow) = &mut self.slow {
            let all = SessionFilter::default();
            slow.command(0, Command::Clear(Ticket::default(), all));
        }
    }

    /// Gives the slow path away, to be run on another core.
    pub(crate) const fn take_slow(&mut self) -> Option<Slow> {
        self.slow.take()
    }

    fn look_after(&mut self, now: Nanos) {
        if let Some(slow) = &mut self.slow
            && slow.turn(now) > 0
        {
            drop(slow.take_rows());
            let notices = slow.take_notices();
            let blocks = notices.iter().filter(|(.., notice)| {
                matches!(notice, Notice::BlockLent(_) | Notice::BlockReturned(_))
            });
            self.block_events += blocks.count() as u64;
        }
    }

    /// Turns for so long.
    pub(crate) fn run_for(&mut self, time: Duration) -> Run {
        let end = Instant::now() + time;
        self.measure(|one| {
            while Instant::now() < end {
                for _ in 0..64 {
                    one.turn();
                }
            }
        })
    }

    /// Turns until nothing is left to be received.
    pub(crate) fn run_dry(&mut self) -> Run {
        self.measure(|one| while one.turn() > 0 {})
    }

    /// Turns for so long or until `done`, noting the time between two.
    pub(crate) fn watch(&mut self, time: Duration, done: impl Fn(&Self) -> bool) -> Run {
        let mut gaps = Gaps::default();
        let mut run = self.measure(|one| {
            let end = Instant::now() + time;
            let mut last = Instant::now();
            while last < end && !done(one) {
                one.turn();
                let now = Instant::now();
                gaps.add(now - last);
                last = now;
            }
        });
        run.gaps = gaps;
        run
    }

    /// What `work` does.
    pub(crate) fn measure(&mut self, work: impl FnOnce(&mut Self)) -> Run {
        let value = |one: &Self| {
            let counters = one.worker.counters();
            [
                Counter::RxPackets,
                Counter::VerdictForward,
                Counter::VerdictDrop,
            ]
            .map(|counter| counters.value(counter))
        };
        let before = value(self);
        let watch = Watch::start();
        work(self);
        let (seconds, share) = watch.read();
        let after = value(self);
        let ([packets, forwarded, dropped], [packets_before, forwarded_before, dropped_before]) =
            (after, before);
        Run {
            packets: packets - packets_before,
            forwarded: forwarded - forwarded_before,
            dropped: dropped - dropped_before,
            seconds,
            share,
            gaps: Gaps::default(),
        }
    }

    /// Counters that are not zero, in words: what to say when something is wrong.
    pub(crate) fn counters(&self) -> String {
        let counters = self.worker.counters();
        let all: Vec<String> = Counter::ALL
            .iter()
            .filter(|counter| counters.value(**counter) > 0)
            .map(|counter| format!("{} {}", counter.name(), counters.value(*counter)))
            .collect();
        all.join(", ")
    }

    /// Events that there was no room for.
    pub(crate) fn events_lost(&self) -> u64 {
        self.worker.counters().value(Counter::EventLost)
            + self
                .slow
                .as_ref()
                .map_or(0, |slow| slow.counters().value(Counter::EventLost))
    }
}

/// Chance that is the same in every run.
const SEED: u64 = 0x0070_6f72_746f_6c61;
