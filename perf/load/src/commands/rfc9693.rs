//! RFC 9693 with a tester of its own on another core.
//!
//! ```text
//!  1  empty tables, first packets only   highest rate at which every session opens
//!  2  all sessions exist, both ways      throughput by frame size: flat out, 0.001 %, none lost
//!  3  all sessions ended by command      sessions a second
//!  4  more sessions than there is room   how many the tables hold
//! ```
//!
//! Trials are much shorter than the RFC's 60 seconds; the result says how long.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use base::Counter;
use clap::Args;
use serde::Serialize;

use super::latency::{ALMOST_NONE, OPENING};
use super::two_cores::{flat_out, length, search, trial};
use super::{count, forget, lines, report, wrong};
use crate::LoadError;
use crate::appliance::Appliance;
use crate::figures::{float, rounded};
use crate::file::{File, Shape};
use crate::flows::Group;
use crate::machine::Machine;
use crate::plot::{Bars, bars};
use crate::rings::{RingIo, ports};
use crate::tester::{Tester, Traffic, Trial};

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Sessions.
    #[arg(long, value_parser = count, default_value = "64k")]
    sessions: u32,
    /// Milliseconds of a trial with packets of known sessions.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(10..60_001))]
    slice: u64,
    /// Core of the tester.
    #[arg(long, default_value_t = 0)]
    tester_core: usize,
    /// Packets that a port's queue holds.
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(64..8193))]
    queue: u32,
    /// Where to draw throughput by frame size, as SVG.
    #[arg(long)]
    plot: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Rfc9693 {
    sessions: u32,
    trial_seconds: f64,
    queue: u32,
    /// Phase 1: sessions a second, all of them opened.
    establishment_per_second: f64,
    sizes: Vec<Size>,
    teardown_per_second: f64,
    /// Sessions that were asked for, that the tables were made for, and that there were.
    capacity_offered: u32,
    capacity_configured: u32,
    capacity: u32,
    tables: String,
    configuration: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Size {
    /// Bytes with FCS, or `IMIX`.
    frame: String,
    flat_out_mpps: f64,
    almost_no_loss_mpps: f64,
    no_loss_mpps: f64,
    /// At the rate without loss, with preamble and gap.
    no_loss_gbit: f64,
}

const SIZES: [usize; 7] = [64, 128, 256, 512, 1024, 1280, 1518];

/// Seven small, four middling, one large.
const IMIX: [usize; 12] = [64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 594, 64];

/// Nothing is opened faster.
const MOST_PER_SECOND: f64 = 16e6;

/// A bench with its tester.
struct Bench<'a> {
    machine: &'a Machine,
    one: Appliance<RingIo>,
    tester: Tester,
    core: usize,
}

impl Bench<'_> {
    fn trial(&mut self, what: &Trial) -> Result<crate::tester::Outcome, LoadError> {
        let one = &mut self.one;
        trial(self.machine, &mut self.tester, self.core, what, || {
            one.turn();
        })
    }

    /// Opens all sessions at a rate.
    fn open(&mut self, rate: f64, key: u32) -> Result<crate::tester::Outcome, LoadError> {
        self.trial(&Trial {
            traffic: Traffic::Open(key),
            rate: Some(rate),
            time: length(60_000),
        })
    }
}

/// Measures.
pub(crate) fn run(machine: &Machine, options: &Options) -> Result<String, LoadError> {
    let group = Group::new(0, options.sessions, 1);
    let file = File::new(&[group], &Shape::filled(&[group], 90))?;
    let mut bench = bench(machine, options, "rfc", group, &file)?;
    bench.tester.set_sizes(&[64]);

    let mut key = 0;
    let establishment = search(MOST_PER_SECOND, 0.0, |rate| {
        forget(&mut bench.one)?;
        key += 1;
        bench.open(rate, key)
    })?;
    eprintln!("{establishment:.0} sessions a second opened without loss");
    forget(&mut bench.one)?;
    bench.open(OPENING, 0)?;
    if bench.one.worker.shard().session_count() != group.sessions() {
        return Err(wrong(&bench.one, "not all sessions opened".into()));
    }

    let mut sizes = Vec::new();
    for size in SIZES {
        sizes.push(throughput(&mut bench, options, &size.to_string(), &[size])?);
    }
    sizes.push(throughput(&mut bench, options, "IMIX", &IMIX)?);

    let teardown = teardown(&mut bench.one, group)?;
    eprintln!("{teardown:.0} sessions a second ended by command");
    let capacity = capacity(machine, options, group)?;
    let result = Rfc9693 {
        sessions: group.sessions(),
        trial_seconds: length(options.slice).as_secs_f64(),
        queue: options.queue,
        establishment_per_second: rounded(establishment),
        sizes,
        teardown_per_second: rounded(teardown),
        capacity_offered: group.sessions(),
        capacity_configured: capacity.0,
        capacity: capacity.1,
        tables: bench.one.memory.clone(),
        configuration: lines(&file),
    };
    eprintln!(
        "tables for {} sessions hold {}",
        result.capacity_configured, result.capacity
    );
    if let Some(path) = &options.plot {
        let groups: Vec<Bars> = result
            .sizes
            .iter()
            .map(|size| Bars {
                name: size.frame.clone(),
                values: vec![
                    size.flat_out_mpps,
                    size.almost_no_loss_mpps,
                    size.no_loss_mpps,
                ],
            })
            .collect();
        let title = format!(
            "Throughput by frame size, {} sessions, both directions, one worker",
            result.sessions
        );
        let series = ["flat out", "0.001 % lost", "none lost"];
        std::fs::write(path, bars(&title, "Mpps", &series, &groups))?;
    }
    report(machine, "rfc9693", result)
}

fn bench<'a>(
    machine: &'a Machine,
    options: &Options,
    name: &str,
    group: Group,
    file: &File,
) -> Result<Bench<'a>, LoadError> {
    let (io, ends) = ports(machine, name, options.queue)?;
    let one = Appliance::new(machine, &format!("{name}-nat"), file, io)?;
    Ok(Bench {
        machine,
        one,
        tester: Tester::new(machine.pool.clone(), ends, group),
        core: options.tester_core,
    })
}

/// Phase 2 for one size or mix.
fn throughput(
    bench: &mut Bench<'_>,
    options: &Options,
    name: &str,
    sizes: &[usize],
) -> Result<Size, LoadError> {
    bench.tester.set_sizes(sizes);
    let mut at = |rate| {
        bench.trial(&Trial {
            traffic: Traffic::Both,
            rate,
            time: length(options.slice),
        })
    };
    let most = flat_out(|| at(None))?;
    let almost = search(most * 1.1, ALMOST_NONE, |rate| at(Some(rate)))?;
    let none = search(almost, 0.0, |rate| at(Some(rate)))?;
    let bytes: usize = sizes.iter().sum();
    // Preamble and gap: 20 bytes a frame.
    let bits = 8.0 * (float(bytes as u64) / float(sizes.len().max(1) as u64) + 20.0);
    let size = Size {
        frame: name.to_owned(),
        flat_out_mpps: rounded(most / 1e6),
        almost_no_loss_mpps: rounded(almost / 1e6),
        no_loss_mpps: rounded(none / 1e6),
        no_loss_gbit: rounded(none * bits / 1e9),
    };
    eprintln!(
        "{name:>5}: {:.2} Mpps flat out, {:.2} with 0.001 % loss, {:.2} without",
        size.flat_out_mpps, size.almost_no_loss_mpps, size.no_loss_mpps
    );
    Ok(size)
}

/// Phase 3.
fn teardown(one: &mut Appliance<RingIo>, group: Group) -> Result<f64, LoadError> {
    let before = one.worker.counters().value(Counter::NatSessionsEnded);
    one.clear();
    let start = Instant::now();
    while one.worker.shard().session_count() > 0 && start.elapsed() < Duration::from_secs(20) {
        one.turn();
    }
    let took = start.elapsed().as_secs_f64();
    let ended = one.worker.counters().value(Counter::NatSessionsEnded) - before;
    if ended != u64::from(group.sessions()) {
        return Err(wrong(one, format!("{ended} sessions ended by command")));
    }
    Ok(float(ended) / took)
}

/// Phase 4: sessions that tables for three quarters of them are made for, and hold.
fn capacity(machine: &Machine, options: &Options, group: Group) -> Result<(u32, u32), LoadError> {
    let room = group.sessions() / 4 * 3;
    let mut shape = Shape::filled(&[group], 100);
    shape.sessions = room;
    shape.mappings = room;
    let file = File::new(&[group], &shape)?;
    let mut bench = bench(machine, options, "room", group, &file)?;
    bench.tester.set_sizes(&[64]);
    bench.open(OPENING, 0)?;
    Ok((room, bench.one.worker.shard().session_count()))
}
