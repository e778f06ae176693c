//! Every packet a new inside endpoint: a mapping, a port and a session each, block
//! events on, from empty tables to 95 % full; then time passes until all is gone,
//! and again.

use clap::Args;
use serde::Serialize;

use super::{appliance, count, forget, lines, report};
use crate::LoadError;
use crate::appliance::Run;
use crate::figures::{Spread, float, rounded};
use crate::file::{File, Shape};
use crate::flows::Group;
use crate::machine::Machine;
use crate::udp::{Feed, Kind};

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Sessions that the tables hold.
    #[arg(long, value_parser = count, default_value = "4M")]
    sessions: u32,
    /// How often the tables are filled, the first time not counted.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..100))]
    rounds: u32,
}

#[derive(Debug, Serialize)]
struct Setup {
    /// Sessions that the tables hold.
    capacity: u32,
    rounds: u32,
    /// New sessions a second, from empty to 95 % full.
    per_second: Spread,
    /// While the tables were less than 10 % full.
    per_second_empty: Spread,
    /// While they were 85 to 95 % full.
    per_second_full: Spread,
    /// The latter to the former (G8).
    full_to_empty: Spread,
    refused_below_95_percent: u64,
    /// Blocks lent and returned, and told of.
    block_events: u64,
    block_events_lost: u64,
    lowest_share: f64,
    tables: String,
    configuration: Vec<String>,
}

/// Where the tables' filling is looked at, in hundredths.
const STAGES: [u32; 3] = [10, 85, 95];

/// Measures.
pub(crate) fn run(machine: &Machine, options: &Options) -> Result<String, LoadError> {
    let group = Group::new(0, options.sessions, 1);
    let capacity = group.sessions();
    let file = File::new(&[group], &Shape::filled(&[group], 100))?;
    let mut one = appliance(machine, "setup", &file)?;
    let mut rounds = Vec::new();
    for round in 0..=options.rounds {
        // Another order every time.
        let feed = Feed::some(Kind::Outbound, group, round.wrapping_mul(0x9e37_79b1), 0);
        one.worker.io_mut().script.feeds = [Some(feed), None];
        let mut runs = [Run::default(); 3];
        let mut opened = 0;
        for (run, percent) in runs.iter_mut().zip(STAGES) {
            let until = u64::from(capacity) * u64::from(percent) / 100;
            let feeds = &mut one.worker.io_mut().script.feeds;
            *feeds = [feeds[0].map(|feed| feed.more(until - opened)), None];
            opened = until;
            *run = one.run_dry();
        }
        // Of the first time much is the kernel's: pages never used before.
        if round > 0 {
            rounds.push(runs);
        }
        forget(&mut one)?;
    }
    let rate = |run: &Run| float(run.forwarded) / run.seconds;
    let whole = rounds.iter().map(|runs| {
        let forwarded: u64 = runs.iter().map(|run| run.forwarded).sum();
        float(forwarded) / runs.iter().map(|run| run.seconds).sum::<f64>()
    });
    let result = Setup {
        capacity,
        rounds: options.rounds,
        per_second: Spread::of(whole),
        per_second_empty: Spread::of(rounds.iter().map(|[empty, ..]| rate(empty))),
        per_second_full: Spread::of(rounds.iter().map(|[.., full]| rate(full))),
        full_to_empty: Spread::of(
            rounds
                .iter()
                .map(|[empty, _, full]| rate(full) / rate(empty)),
        ),
        refused_below_95_percent: rounds.iter().flatten().map(|run| run.dropped).sum(),
        block_events: one.block_events,
        block_events_lost: one.events_lost(),
        lowest_share: rounds
            .iter()
            .flatten()
            .map(|run| rounded(run.share))
            .fold(1.0, f64::min),
        tables: one.memory.clone(),
        configuration: lines(&file),
    };
    eprintln!(
        "new sessions: {:.0} a second, {:.0} below 10 %, {:.0} at 85 to 95 %: {:.2}; {} refused, {} block events, {} lost, CPU {:.2}",
        result.per_second,
        result.per_second_empty,
        result.per_second_full,
        result.full_to_empty,
        result.refused_below_95_percent,
        result.block_events,
        result.block_events_lost,
        result.lowest_share
    );
    if result.refused_below_95_percent > 0 {
        eprintln!("{}", one.counters());
    }
    report(machine, "setup", result)
}
