//! Complete TCP connections, ten packets each, with sessions that come and go.
//!
//! The engine's time passes by connections, not by the clock: as much for each that
//! as many sessions exist at once as the tables should hold when every session lasts
//! as long as the longest timer says. So the tables are in their steady state, every
//! session that is opened stands against one that ends, and nothing depends on how
//! fast this machine is.

use clap::Args;
use serde::Serialize;

use base::{Counter, Nanos};

use super::{count, lines, report, undisturbed, wrong};
use crate::LoadError;
use crate::appliance::{Appliance, Run};
use crate::figures::{Spread, float, rounded};
use crate::file::{File, Shape};
use crate::flows::{BLOCK, Group};
use crate::machine::Machine;
use crate::own::Own;
use crate::tcp::{PACKETS, Tcp};

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Sessions that the tables hold; three quarters are there at once.
    #[arg(long, value_parser = count, default_value = "1M")]
    sessions: u32,
    /// Slices.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..100))]
    rounds: u32,
}

#[derive(Debug, Serialize)]
struct Connections {
    rounds: u32,
    packets_each: usize,
    per_second: Spread,
    mpps: Spread,
    /// Sessions there at the end, and ended meanwhile.
    live: u32,
    ended: u64,
    dropped: u64,
    block_events: u64,
    block_events_lost: u64,
    lowest_share: f64,
    tables: String,
    configuration: Vec<String>,
}

/// How long a session stays after its last packet: `tcp_time_wait`.
const STAYS: Nanos = Nanos::from_secs(120);

/// Measures.
pub(crate) fn run(machine: &Machine, options: &Options) -> Result<String, LoadError> {
    let group = Group::new(0, options.sessions, 1);
    let mut shape = Shape::filled(&[group], 100);
    // Ports at rest count too, so a host needs a second block.
    shape.blocks = 4;
    let pool = Group::new(0, options.sessions.saturating_mul(2), 1);
    let file = File::new(&[pool], &shape)?;
    let hosts = group.sessions() / BLOCK;
    let io = Own::new(machine.pool.clone(), Tcp::new(hosts));
    let mut one = Appliance::new(machine, "tcp", &file, io)?;
    eprintln!("  {}", one.memory);
    one.clock.stop();
    // By then a session opened now has gone.
    let lifetime = u64::from(group.sessions()) / 4 * 3;
    let each = Nanos(STAYS.0 / lifetime);
    let mut rounds = Vec::new();
    for round in 0..=options.rounds {
        // A round in which all sessions are replaced, and one before to fill.
        let run = undisturbed(|| connections(&mut one, lifetime, each));
        if round > 0 {
            rounds.push(run);
        }
    }
    let counters = one.worker.counters();
    let result = Connections {
        rounds: options.rounds,
        packets_each: PACKETS,
        per_second: Spread::of(rounds.iter().map(|run| float(lifetime) / run.seconds)),
        mpps: Spread::of(rounds.iter().map(|run| run.rate() / 1e6)),
        live: one.worker.shard().session_count(),
        ended: counters.value(Counter::NatSessionsEnded),
        dropped: rounds.iter().map(|run| run.dropped).sum(),
        block_events: one.block_events,
        block_events_lost: one.events_lost(),
        lowest_share: rounds
            .iter()
            .map(|run| rounded(run.share))
            .fold(1.0, f64::min),
        tables: one.memory.clone(),
        configuration: lines(&file),
    };
    eprintln!(
        "TCP connections: {:.0} a second, {:.1} Mpps; {} sessions live, {} ended, {} dropped, CPU {:.2}",
        result.per_second,
        result.mpps,
        result.live,
        result.ended,
        result.dropped,
        result.lowest_share
    );
    if result.dropped > 0 {
        return Err(wrong(&one, format!("{} packets dropped", result.dropped)));
    }
    report(machine, "tcp", result)
}

/// So many connections.
pub(crate) fn connections(one: &mut Appliance<Own<Tcp>>, count: u64, each: Nanos) -> Run {
    one.measure(|one| {
        let mut complete = one.worker.io_mut().script.complete;
        let until = complete + count;
        while complete < until {
            if one.turn() == 0 {
                // Stuck: a packet was dropped, and the counters say which.
                return;
            }
            let now = one.worker.io_mut().script.complete;
            one.clock.jump(Nanos((now - complete) * each.0));
            complete = now;
        }
    })
}
