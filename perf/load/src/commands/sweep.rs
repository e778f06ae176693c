//! Nanoseconds a packet from a thousand sessions to forty million: what the cost
//! model is fitted to. Prints a list of points, as `perf/model` reads it.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::ratio::pair;
use super::{busy, count, swap};
use crate::LoadError;
use crate::figures::Spread;
use crate::flows::Group;
use crate::machine::Machine;

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Numbers of sessions, one after the other.
    #[arg(long, value_delimiter = ',', value_parser = count,
          default_value = "1k,4k,16k,64k,256k,1M,4M,16M")]
    sessions: Vec<u32>,
    /// Sessions under each mapping.
    #[arg(long, default_value_t = 1)]
    per_mapping: u32,
    /// Pairs of slices for each.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..100))]
    pairs: u32,
    /// Milliseconds of a slice.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..10_000))]
    slice: u64,
}

#[derive(Debug, Serialize)]
struct Point {
    sessions: u32,
    per_mapping: u32,
    ns: f64,
    macswap_ns: f64,
    spread: [f64; 2],
}

/// Measures.
pub(crate) fn run(machine: &Machine, options: &Options) -> Result<String, LoadError> {
    let slice = Duration::from_millis(options.slice);
    let mut points = Vec::new();
    for (number, sessions) in options.sessions.iter().enumerate() {
        let group = Group::new(0, *sessions, options.per_mapping);
        let (mut one, _) = busy(machine, &format!("sweep-{number}"), group)?;
        let mut swap = swap(machine, group);
        one.run_for(slice);
        let pairs: Vec<_> = (0..options.pairs)
            .map(|_| pair(&mut one, &mut swap, slice))
            .collect();
        let nat = Spread::of(pairs.iter().map(|pair| 1e3 / pair.nat));
        let base = Spread::of(pairs.iter().map(|pair| 1e3 / pair.swap));
        eprintln!(
            "{:>9} sessions: {nat:.1} ns, macswap {base:.1} ns",
            group.sessions()
        );
        points.push(Point {
            sessions: group.sessions(),
            per_mapping: group.per_mapping(),
            ns: nat.median,
            macswap_ns: base.median,
            spread: [nat.lowest, nat.highest],
        });
    }
    Ok(serde_json::to_string(&points)?)
}
