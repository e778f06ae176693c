//! Packets of known UDP sessions in both directions, uniformly at random, against
//! `macswap` over the same source: pairs in turns, one size after the other.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::{
    UdpAppliance, busy, count, lines, nanoseconds, report, swap, swap_for, undisturbed, wrong,
};
use crate::LoadError;
use crate::figures::Spread;
use crate::flows::Group;
use crate::machine::Machine;
use crate::own::Own;
use crate::swap::Swap;
use crate::udp::Udp;

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Numbers of sessions; all tables exist at once.
    #[arg(long, value_delimiter = ',', value_parser = count, default_value = "1k,64k")]
    sessions: Vec<u32>,
    /// Sessions under each mapping.
    #[arg(long, default_value_t = 1)]
    per_mapping: u32,
    /// Pairs of slices for each size.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..100))]
    pairs: u32,
    /// Milliseconds of a slice.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..10_000))]
    slice: u64,
}

#[derive(Debug, Serialize)]
struct Ratio {
    pairs: u32,
    sizes: Vec<Size>,
}

#[derive(Debug, Serialize)]
struct Size {
    sessions: u32,
    per_mapping: u32,
    macswap_mpps: Spread,
    nat_mpps: Spread,
    ratio: Spread,
    ns_added: Spread,
    /// Packets a second, compared with the first size in the same round.
    to_first: Spread,
    dropped: u64,
    lowest_share: f64,
    tables: String,
    configuration: Vec<String>,
}

/// A slice of each: million packets a second, and what else is told.
pub(crate) struct Pair {
    pub(crate) swap: f64,
    pub(crate) nat: f64,
    added: f64,
    share: f64,
    dropped: u64,
}

/// A slice of `macswap`, then one of the worker.
pub(crate) fn pair(one: &mut UdpAppliance, swap: &mut Swap<Own<Udp>>, slice: Duration) -> Pair {
    let base = undisturbed(|| swap_for(swap, slice));
    let nat = undisturbed(|| one.run_for(slice));
    Pair {
        swap: base.rate() / 1e6,
        nat: nat.rate() / 1e6,
        added: nanoseconds(&nat) - nanoseconds(&base),
        share: base.share.min(nat.share),
        dropped: nat.dropped,
    }
}

/// Measures.
pub(crate) fn run(machine: &Machine, options: &Options) -> Result<String, LoadError> {
    let slice = Duration::from_millis(options.slice);
    let mut all = Vec::new();
    for (number, sessions) in options.sessions.iter().enumerate() {
        let group = Group::new(0, *sessions, options.per_mapping);
        eprintln!("{} sessions", group.sessions());
        let (one, file) = busy(machine, &format!("ratio-{number}"), group)?;
        all.push((group, one, file, swap(machine, group), Vec::new()));
    }
    for (_, one, _, swap, _) in &mut all {
        swap_for(swap, slice);
        let run = one.run_for(slice);
        if run.dropped > 0 {
            return Err(wrong(one, format!("{} packets dropped", run.dropped)));
        }
    }
    for _ in 0..options.pairs {
        for (_, one, _, swap, pairs) in &mut all {
            pairs.push(pair(one, swap, slice));
        }
    }
    let first: Vec<f64> = all
        .first()
        .map(|(.., pairs)| pairs.iter().map(|pair| pair.nat).collect())
        .unwrap_or_default();
    let sizes = all
        .iter()
        .map(|(group, one, file, _, pairs)| Size {
            sessions: group.sessions(),
            per_mapping: group.per_mapping(),
            macswap_mpps: Spread::of(pairs.iter().map(|pair| pair.swap)),
            nat_mpps: Spread::of(pairs.iter().map(|pair| pair.nat)),
            ratio: Spread::of(pairs.iter().map(|pair| pair.nat / pair.swap)),
            ns_added: Spread::of(pairs.iter().map(|pair| pair.added)),
            to_first: Spread::of(
                pairs
                    .iter()
                    .zip(&first)
                    .map(|(pair, first)| pair.nat / first),
            ),
            dropped: pairs.iter().map(|pair| pair.dropped).sum(),
            lowest_share: pairs.iter().map(|pair| pair.share).fold(1.0, f64::min),
            tables: one.memory.clone(),
            configuration: lines(file),
        })
        .collect();
    let result = Ratio {
        pairs: options.pairs,
        sizes,
    };
    for size in &result.sizes {
        eprintln!(
            "{:>9} sessions: macswap {:.1} Mpps, NAT {:.1} Mpps, ratio {:.3}, {:.1} ns added, {:.3} of the first; {} dropped, CPU {:.2}",
            size.sessions,
            size.macswap_mpps,
            size.nat_mpps,
            size.ratio,
            size.ns_added,
            size.to_first,
            size.dropped,
            size.lowest_share
        );
    }
    report(machine, "ratio", result)
}
