//! A flood from strangers outside, to ports of the pools that nobody has, against
//! packets of known sessions.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::{appliance, count, lines, open, report, undisturbed, wrong};
use crate::LoadError;
use crate::figures::Spread;
use crate::file::{File, Shape};
use crate::flows::Group;
use crate::machine::Machine;
use crate::udp::{Feed, Kind};

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Known sessions; as many ports are nobody's.
    #[arg(long, value_parser = count, default_value = "64k")]
    sessions: u32,
    /// Pairs of slices.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..100))]
    pairs: u32,
    /// Milliseconds of a slice.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..10_000))]
    slice: u64,
}

#[derive(Debug, Serialize)]
struct Misses {
    sessions: u32,
    pairs: u32,
    hits_mpps: Spread,
    flood_mpps: Spread,
    /// G18.
    to_hits: Spread,
    lowest_share: f64,
    tables: String,
    configuration: Vec<String>,
}

/// Measures.
pub(crate) fn run(machine: &Machine, options: &Options) -> Result<String, LoadError> {
    let known = Group::new(0, options.sessions, 1);
    // Its hosts never say a word.
    let silent = Group::new(1, options.sessions, 1);
    let file = File::new(&[known, silent], &Shape::filled(&[known], 90))?;
    let mut one = appliance(machine, "misses", &file)?;
    open(&mut one, known)?;
    let slice = Duration::from_millis(options.slice);
    let mut pairs = Vec::new();
    for _ in 0..=options.pairs {
        one.worker.io_mut().script.both_ways(known);
        let hits = undisturbed(|| one.run_for(slice));
        let strangers = Feed::endless(Kind::Stranger, silent, 0x2c1b_3c6d);
        one.worker.io_mut().script.feeds = [None, Some(strangers)];
        let misses = undisturbed(|| one.run_for(slice));
        if hits.dropped > 0 || misses.forwarded > 0 {
            return Err(wrong(&one, "hits dropped, or misses forwarded".into()));
        }
        pairs.push((hits, misses));
    }
    // The first warms up.
    let measured = pairs.get(1..).unwrap_or_default();
    let result = Misses {
        sessions: known.sessions(),
        pairs: options.pairs,
        hits_mpps: Spread::of(measured.iter().map(|(hits, _)| hits.rate() / 1e6)),
        flood_mpps: Spread::of(measured.iter().map(|(_, misses)| misses.rate() / 1e6)),
        to_hits: Spread::of(
            measured
                .iter()
                .map(|(hits, misses)| misses.rate() / hits.rate()),
        ),
        lowest_share: measured
            .iter()
            .map(|(hits, misses)| hits.share.min(misses.share))
            .fold(1.0, f64::min),
        tables: one.memory.clone(),
        configuration: lines(&file),
    };
    eprintln!(
        "hits {:.1} Mpps, misses {:.1} Mpps: {:.2}; CPU {:.2}",
        result.hits_mpps, result.flood_mpps, result.to_hits, result.lowest_share
    );
    report(machine, "misses", result)
}
