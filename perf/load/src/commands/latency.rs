//! Latency that translating adds at 80 % of the highest rate almost without loss:
//! percentiles, less those of `macswap` at the same rate.

use clap::Args;
use serde::Serialize;

use super::two_cores::{flat_out, length, search, trial, undisturbed};
use super::{count, lines, report, wrong};
use crate::LoadError;
use crate::appliance::Appliance;
use crate::figures::{Spread, rounded};
use crate::file::{File, Shape};
use crate::flows::Group;
use crate::histogram::Histogram;
use crate::machine::Machine;
use crate::rings::ports;
use crate::swap::Swap;
use crate::tester::{Outcome, Tester, Traffic, Trial};

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Sessions.
    #[arg(long, value_parser = count, default_value = "64k")]
    sessions: u32,
    /// Pairs.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..100))]
    pairs: u32,
    /// Milliseconds of a trial.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(10..10_000))]
    slice: u64,
    /// Core of the tester.
    #[arg(long, default_value_t = 0)]
    tester_core: usize,
    /// Packets that a port's queue holds.
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(64..8193))]
    queue: u32,
}

/// Share of the packets that may be lost: 0.001 %.
pub(crate) const ALMOST_NONE: f64 = 1e-5;

#[derive(Debug, Serialize)]
struct Latency {
    sessions: u32,
    pairs: u32,
    queue: u32,
    /// Highest rate with no more than 0.001 % loss, and the rate measured at.
    limit_mpps: f64,
    at_mpps: f64,
    nat_us: Percentiles,
    macswap_us: Percentiles,
    /// G17.
    added_us: Percentiles,
    lost_percent: Spread,
    lowest_share: f64,
    tables: String,
    configuration: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Percentiles {
    p50: Spread,
    p90: Spread,
    p99: Spread,
    p99_9: Spread,
}

impl Percentiles {
    fn of(pairs: &[(Outcome, Outcome)], value: impl Fn(&(Outcome, Outcome), u64) -> f64) -> Self {
        let at = |per_mille| Spread::of(pairs.iter().map(|pair| value(pair, per_mille)));
        Self {
            p50: at(500),
            p90: at(900),
            p99: at(990),
            p99_9: at(999),
        }
    }
}

/// Measures.
pub(crate) fn run(machine: &Machine, options: &Options) -> Result<String, LoadError> {
    let group = Group::new(0, options.sessions, 1);
    let file = File::new(&[group], &Shape::filled(&[group], 90))?;
    let (io, ends) = ports(machine, "nat", options.queue)?;
    let mut one = Appliance::new(machine, "latency", &file, io)?;
    let mut tester = Tester::new(machine.pool.clone(), ends, group);
    tester.set_sizes(&[64]);
    let (io, ends) = ports(machine, "swap", options.queue)?;
    let mut swap = Swap { io };
    let mut swap_tester = Tester::new(machine.pool.clone(), ends, group);
    swap_tester.set_sizes(&[64]);
    let core = options.tester_core;
    let open = Trial {
        traffic: Traffic::Open(1),
        rate: Some(OPENING),
        time: length(60_000),
    };
    trial(machine, &mut tester, core, &open, || {
        one.turn();
    })?;
    if one.worker.shard().session_count() != group.sessions() {
        return Err(wrong(&one, "not all sessions opened".into()));
    }
    let both = |rate| Trial {
        traffic: Traffic::Both,
        rate,
        time: length(options.slice),
    };
    let mut nat = |rate| {
        trial(machine, &mut tester, core, &both(rate), || {
            one.turn();
        })
    };
    let most = flat_out(|| nat(None))?;
    let limit = search(most * 1.1, ALMOST_NONE, |rate| nat(Some(rate)))?;
    let rate = Some(limit * 0.8);
    let mut pairs = Vec::new();
    for _ in 0..options.pairs {
        let base = undisturbed(|| {
            trial(machine, &mut swap_tester, core, &both(rate), || {
                swap.turn();
            })
        })?;
        pairs.push((base, undisturbed(|| nat(rate))?));
    }
    let micros = |latency: &Histogram, per_mille| latency.at(per_mille);
    let result = Latency {
        sessions: group.sessions(),
        pairs: options.pairs,
        queue: options.queue,
        limit_mpps: rounded(limit / 1e6),
        at_mpps: rounded(limit * 0.8 / 1e6),
        nat_us: Percentiles::of(&pairs, |(_, nat), at| micros(&nat.latency, at)),
        macswap_us: Percentiles::of(&pairs, |(base, _), at| micros(&base.latency, at)),
        added_us: Percentiles::of(&pairs, |(base, nat), at| {
            micros(&nat.latency, at) - micros(&base.latency, at)
        }),
        lost_percent: Spread::of(pairs.iter().map(|(_, nat)| nat.loss() * 100.0)),
        lowest_share: pairs
            .iter()
            .map(|(base, nat)| base.share.min(nat.share))
            .fold(1.0, f64::min),
        tables: one.memory.clone(),
        configuration: lines(&file),
    };
    eprintln!(
        "limit {:.2} Mpps; at {:.2}: p50 {:.1} us, p99.9 {:.1}; macswap {:.1}, {:.1}; added {:.1}, {:.1}; {:.4} % lost, CPU {:.3}",
        result.limit_mpps,
        result.at_mpps,
        result.nat_us.p50,
        result.nat_us.p99_9,
        result.macswap_us.p50,
        result.macswap_us.p99_9,
        result.added_us.p50,
        result.added_us.p99_9,
        result.lost_percent,
        result.lowest_share
    );
    report(machine, "latency", result)
}

/// New sessions a second that any worker keeps up with.
pub(crate) const OPENING: f64 = 300_000.0;
