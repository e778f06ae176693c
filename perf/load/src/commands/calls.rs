//! SIP call setups a second: INVITE with SDP, 100, 180, 200 with SDP, ACK, BYE, 200, with doors for
//! all that is announced and a database of calls on the slow path's core. Over UDP the worker reads
//! messages itself; over TCP each comes in two segments, and is put together on the slow path.
//! Then media of calls that stay, while others are set up as fast as they can, and half as fast.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use base::{Counter, Counters};
use clap::Args;
use serde::Serialize;

use super::{lines, report, wrong};
use crate::LoadError;
use crate::appliance::{Appliance, Slow};
use crate::clock::{Clock, Watch};
use crate::figures::{Spread, float, rounded};
use crate::file::{File, Shape};
use crate::flows::Group;
use crate::machine::Machine;
use crate::own::Own;
use crate::sip::{Sip, Way};

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Slices for each line.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..100))]
    rounds: u32,
    /// Milliseconds of a slice.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..10_000))]
    slice: u64,
    /// Core of the slow path.
    #[arg(long, default_value_t = 0)]
    slow_core: usize,
    /// Numbers of media flows.
    #[arg(long, value_delimiter = ',', default_value = "1,1000")]
    flows: Vec<u32>,
}

#[derive(Debug, Serialize)]
struct Calls {
    rounds: u32,
    lines: Vec<Line>,
    configuration: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    signalling: Way,
    media_flows: u32,
    /// What was asked for: calls as many as go, half of that, or none.
    load: &'static str,
    calls_per_second: Spread,
    messages_per_second: Spread,
    media_mpps: Spread,
    lowest_share: f64,
    slow_path_busy: Spread,
}

impl Serialize for Way {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Udp => "UDP, inline",
            Self::Tcp => "TCP in parts, slow path",
        })
    }
}

/// Phones that call, over each way: over TCP all are one trunk's.
const PHONES: [(Way, u32, &str); 2] = [(Way::Udp, 1024, ""), (Way::Tcp, 256, TRUNK)];
const TRUNK: &str = "alg: { sip: { trunks: [100.64.0.0/20] } }\n";

/// Messages of a call.
const MESSAGES: f64 = 7.0;

/// Tables for so many.
const SESSIONS: u32 = 1 << 19;

/// Share of the core below which a slice is measured again, and how often.
const FULL_SHARE: f64 = 0.97;
const ATTEMPTS: usize = 4;

/// Slices within which everybody has had a call.
const WARM: usize = 20;

type One = Appliance<Own<Sip>>;

/// What came of a slice.
#[derive(Clone, Copy, Debug)]
struct Slice {
    calls: f64,
    media: f64,
    share: f64,
    busy: f64,
}

/// The slow path on its core.
struct Beside<'a> {
    stop: &'a AtomicBool,
    /// Nanoseconds of turns that moved something.
    busy: &'a core::sync::atomic::AtomicU64,
}

/// Measures.
pub(crate) fn run(machine: &Machine, options: &Options) -> Result<String, LoadError> {
    let mut all = Vec::new();
    let mut configuration = Vec::new();
    for (way, phones, more) in PHONES {
        for flows in core::iter::once(&0).chain(&options.flows) {
            let (lines, file) = measured(machine, options, (way, phones, more), *flows)?;
            all.extend(lines);
            configuration = file;
        }
    }
    report(
        machine,
        "calls",
        Calls {
            rounds: options.rounds,
            lines: all,
            configuration,
        },
    )
}

/// The lines of one way and number of flows.
fn measured(
    machine: &Machine,
    options: &Options,
    (way, phones, more): (Way, u32, &'static str),
    flows: u32,
) -> Result<(Vec<Line>, Vec<String>), LoadError> {
    let group = Group::new(0, SESSIONS, 1);
    let shape = Shape {
        blocks: 64,
        more,
        subscribers: 8192,
        ..Shape::filled(&[group], 50)
    };
    // A block for each phone, and more for what rests.
    let pool = Group::new(0, 4 * SESSIONS, 1);
    let file = File::new(&[pool], &shape)?;
    let io = Own::new(machine.pool.clone(), Sip::new(way, phones, flows));
    let name = format!("calls-{}-{flows}", more.len());
    let mut one = Appliance::new(machine, &name, &file, io)?;
    let clock = one.clock;
    let Some(slow) = one.take_slow() else {
        return Ok((Vec::new(), Vec::new()));
    };
    let (stop, busy) = (
        AtomicBool::new(false),
        core::sync::atomic::AtomicU64::new(0),
    );
    let beside = Beside {
        stop: &stop,
        busy: &busy,
    };
    let core = options.slow_core;
    let (found, counters) = std::thread::scope(|scope| {
        let thread = scope.spawn(|| turns(machine, slow, clock, core, &beside));
        let found = slices(&mut one, options, (way, flows), &beside);
        stop.store(true, Relaxed);
        (found, thread.join())
    });
    let found = found?;
    let counters = counters.map_err(|_| LoadError::Gone(0))??;
    let value = |counter| counters.value(counter);
    let script = &one.worker.io_mut().script;
    let (complete, established) = (script.complete, script.established);
    let unheard = one.worker.counters().value(Counter::CallUnheard);
    eprintln!(
        "  {established} calls set up, {complete} over; database: {} begun, {} ended, {unheard} reports lost; {} streams",
        value(Counter::CallBegun),
        value(Counter::CallEnded),
        value(Counter::AlgVtcpStreams),
    );
    if complete == 0 || value(Counter::CallBegun) == 0 {
        return Err(wrong(&one, "no calls".into()));
    }
    Ok((found, lines(&file)))
}

fn slices(
    one: &mut One,
    options: &Options,
    (way, flows): (Way, u32),
    beside: &Beside<'_>,
) -> Result<Vec<Line>, LoadError> {
    let slice = Duration::from_millis(options.slice);
    // All calls once: those that stay are there, and everybody is known.
    let script = &mut one.worker.io_mut().script;
    script.allowed = u64::MAX;
    let warm = (0..WARM).any(|_| {
        calls_for(one, slice, None, beside);
        one.worker.io_mut().script.is_warm()
    });
    if !warm {
        return Err(wrong(one, format!("{way:?}: calls hang")));
    }
    one.worker.io_mut().script.stream(flows > 0);
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        let full = undisturbed(|| calls_for(one, slice, None, beside));
        let half = undisturbed(|| calls_for(one, slice, Some(full.calls / 2.0), beside));
        let none = undisturbed(|| calls_for(one, slice, Some(0.0), beside));
        rounds.push([full, half, none]);
    }
    let loads = ["as many calls as go", "half of that", "no calls"];
    let mut lines = Vec::new();
    for (place, load) in loads.into_iter().enumerate() {
        let of = || rounds.iter().filter_map(|round| round.get(place));
        let line = Line {
            signalling: way,
            media_flows: flows,
            load,
            calls_per_second: Spread::of(of().map(|one| one.calls)),
            messages_per_second: Spread::of(of().map(|one| one.calls * MESSAGES)),
            media_mpps: Spread::of(of().map(|one| one.media / 1e6)),
            lowest_share: of().map(|one| rounded(one.share)).fold(1.0, f64::min),
            slow_path_busy: Spread::of(of().map(|one| one.busy)),
        };
        if flows > 0 || place == 0 {
            eprintln!(
                "{way:?}, {flows:>4} media flows, {load:20}: {:.0} calls a second, media {:.2} Mpps; slow path {:.2} busy, CPU {:.2}",
                line.calls_per_second, line.media_mpps, line.slow_path_busy, line.lowest_share
            );
            lines.push(line);
        }
    }
    Ok(lines)
}

fn undisturbed(mut slice: impl FnMut() -> Slice) -> Slice {
    let mut found = slice();
    for _ in 1..ATTEMPTS {
        if found.share >= FULL_SHARE {
            break;
        }
        found = slice();
    }
    found
}

/// Calls for so long, at this rate or as many as go.
fn calls_for(one: &mut One, time: Duration, rate: Option<f64>, beside: &Beside<'_>) -> Slice {
    let figures = |one: &mut One| {
        let script = &one.worker.io_mut().script;
        (script.complete, script.media)
    };
    one.worker.io_mut().script.allowed = if rate.is_some() { 0 } else { u64::MAX };
    let (calls, media) = figures(one);
    let busy = beside.busy.load(Relaxed);
    let watch = Watch::start();
    let start = Instant::now();
    let mut begun = 0;
    while start.elapsed() < time {
        if let Some(rate) = rate {
            let due = whole(rate * start.elapsed().as_secs_f64());
            one.worker.io_mut().script.allowed += due - begun;
            begun = due;
        }
        for _ in 0..16 {
            one.worker.io_mut().script.begin();
            one.turn();
        }
    }
    let (seconds, share) = watch.read();
    let all = start.elapsed();
    let busy = beside.busy.load(Relaxed) - busy;
    let (calls_after, media_after) = figures(one);
    Slice {
        calls: float(calls_after - calls) / seconds,
        media: float(media_after - media) / seconds,
        share,
        busy: float(busy) / 1e9 / all.as_secs_f64(),
    }
}

/// The part before the point; never negative.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(value: f64) -> u64 {
    value.max(0.0) as u64
}

/// Turns of the slow path until it is enough.
fn turns(
    machine: &Machine,
    mut slow: Slow,
    clock: Clock,
    core: usize,
    beside: &Beside<'_>,
) -> Result<Counters, LoadError> {
    core_affinity::set_for_current(core_affinity::CoreId { id: core });
    let _known = machine.eal.register_thread()?;
    let mut busy = 0;
    while !beside.stop.load(Relaxed) {
        let now = clock.now();
        if slow.turn(now) > 0 {
            drop(slow.take_notices());
            busy += clock.now().since(now).0;
            beside.busy.store(busy, Relaxed);
        } else {
            core::hint::spin_loop();
        }
    }
    Ok(*slow.counters())
}
