//! All sessions but some expire in the same moment, while packets of the others
//! come in as fast as they can.
//!
//! ```text
//!  T      clock stands; residents and the many are opened
//!  T      residents' packets: the rate before
//!  T+290  (a jump) residents' timers begin anew
//!  T+301  (a jump) the many are due at once ─> until they are gone, or for so long
//!         as long again without anything to expire
//!  +130   (a jump) their ports have rested ─> as long again
//!  +130   (a jump) their blocks have, until all are back
//! ```
//!
//! What is not over by then ends without packets, which takes little.

use std::time::Duration;

use base::Nanos;
use clap::Args;
use serde::Serialize;

use super::{UdpAppliance, appliance, count, lines, open, report, wrong};
use crate::LoadError;
use crate::appliance::Run;
use crate::figures::{Spread, rounded};
use crate::file::{File, Shape};
use crate::flows::Group;
use crate::machine::Machine;

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Sessions that expire.
    #[arg(long, value_parser = count, default_value = "1M")]
    sessions: u32,
    /// Sessions that stay.
    #[arg(long, value_parser = count, default_value = "64k")]
    residents: u32,
    /// How often.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..20))]
    rounds: u32,
    /// Seconds for which each is looked at, at most.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..121))]
    seconds: u32,
}

#[derive(Debug, Serialize)]
struct Expiry {
    sessions: u32,
    residents: u32,
    rounds: u32,
    /// How many ended while that was looked at, in the round with the fewest.
    ended: u32,
    mpps_before: Spread,
    mpps_during: Spread,
    /// Share of the rate that is lost meanwhile, in percent.
    loss_percent: Spread,
    seconds: Spread,
    gap_during: Gap,
    /// In an equal time in which nothing expires.
    gap_without: Gap,
    mpps_ports_return: Spread,
    gap_ports_return: Gap,
    dropped: u64,
    lowest_share: f64,
    tables: String,
    configuration: Vec<String>,
}

/// Times between turns, of all rounds.
#[derive(Debug, Serialize)]
struct Gap {
    longest_us: Spread,
    turns: u64,
    over_20_us: u64,
}

impl Gap {
    fn of<'a>(runs: impl Iterator<Item = &'a Run> + Clone) -> Self {
        let micros = |run: &Run| run.gaps.longest.as_secs_f64() * 1e6;
        Self {
            longest_us: Spread::of(runs.clone().map(micros)),
            turns: runs.clone().map(|run| run.gaps.turns).sum(),
            over_20_us: runs.map(|run| run.gaps.long).sum(),
        }
    }
}

/// How long the rate before is looked at.
const BEFORE: Duration = Duration::from_millis(500);

/// The runs of a round.
struct Round {
    before: Run,
    during: Run,
    without: Run,
    returned: Run,
    ended: u32,
}

/// Measures.
pub(crate) fn run(machine: &Machine, options: &Options) -> Result<String, LoadError> {
    let residents = Group::new(0, options.residents, 1);
    let many = Group::new(1, options.sessions, 1);
    let groups = [residents, many];
    let file = File::new(&groups, &Shape::filled(&groups, 90))?;
    let mut one = appliance(machine, "expiry", &file)?;
    open(&mut one, residents)?;
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        let most = Duration::from_secs(options.seconds.into());
        rounds.push(round(&mut one, residents, many, most)?);
    }
    let mpps = |run: &Run| run.rate() / 1e6;
    let all = |rounds: &[Round]| -> Vec<Run> {
        rounds
            .iter()
            .flat_map(|round| [round.before, round.during, round.without, round.returned])
            .collect()
    };
    let result = Expiry {
        sessions: many.sessions(),
        residents: residents.sessions(),
        rounds: options.rounds,
        ended: rounds.iter().map(|round| round.ended).min().unwrap_or(0),
        mpps_before: Spread::of(rounds.iter().map(|round| mpps(&round.before))),
        mpps_during: Spread::of(rounds.iter().map(|round| mpps(&round.during))),
        loss_percent: Spread::of(
            rounds
                .iter()
                .map(|round| 100.0 * (1.0 - mpps(&round.during) / mpps(&round.before))),
        ),
        seconds: Spread::of(rounds.iter().map(|round| round.during.seconds)),
        gap_during: Gap::of(rounds.iter().map(|round| &round.during)),
        gap_without: Gap::of(rounds.iter().map(|round| &round.without)),
        mpps_ports_return: Spread::of(rounds.iter().map(|round| mpps(&round.returned))),
        gap_ports_return: Gap::of(rounds.iter().map(|round| &round.returned)),
        dropped: all(&rounds).iter().map(|run| run.dropped).sum(),
        lowest_share: all(&rounds)
            .iter()
            .map(|run| rounded(run.share))
            .fold(1.0, f64::min),
        tables: one.memory.clone(),
        configuration: lines(&file),
    };
    eprintln!(
        "{} of {} sessions expire in {:.2} s: {:.1} Mpps before, {:.1} meanwhile, {:.1} % lost",
        result.ended,
        result.sessions,
        result.seconds,
        result.mpps_before,
        result.mpps_during,
        result.loss_percent
    );
    for (name, gap) in [
        ("while they expire", &result.gap_during),
        ("without", &result.gap_without),
        ("while ports return", &result.gap_ports_return),
    ] {
        eprintln!(
            "  longest time between turns {name}: {:.0} us, over 20 us {} of {} turns",
            gap.longest_us, gap.over_20_us, gap.turns
        );
    }
    eprintln!(
        "  ports return at {:.1} Mpps; {} dropped, CPU {:.2}",
        result.mpps_ports_return, result.dropped, result.lowest_share
    );
    report(machine, "expiry", result)
}

fn round(
    one: &mut UdpAppliance,
    residents: Group,
    many: Group,
    most: Duration,
) -> Result<Round, LoadError> {
    // All timers begin in one moment.
    one.clock.stop();
    open(one, many)?;
    one.worker.io_mut().script.both_ways(residents);
    one.run_for(BEFORE / 5);
    one.clock.go();
    let before = one.watch(BEFORE, |_| false);
    one.clock.jump(Nanos::from_secs(290));
    // Residents are heard of again, all of them many times.
    one.run_for(BEFORE / 5);
    if one.worker.shard().session_count() != residents.sessions() + many.sessions() {
        return Err(wrong(one, "sessions ended early".into()));
    }
    one.clock.jump(Nanos::from_secs(11));
    let stay = residents.sessions();
    let over = |one: &UdpAppliance| one.worker.shard().session_count() == stay;
    let during = one.watch(most, over);
    let left = one.worker.shard().session_count() - stay;
    idle(one, residents, over);
    if !over(one) {
        return Err(wrong(one, format!("{left} sessions are left, not {stay}")));
    }
    let equal = Duration::from_secs_f64((during.seconds / during.share).clamp(0.01, 120.0));
    let without = one.watch(equal, |_| false);
    // As many ports as there were sessions.
    one.clock.jump(Nanos::from_secs(130));
    let returned = one.watch(equal, |_| false);
    let lent = u64::from(residents.hosts());
    // Blocks rest when their ports have.
    for _ in 0..4 {
        one.clock.jump(Nanos::from_secs(130));
        idle(one, residents, |one| blocks_out(one) == lent);
    }
    if blocks_out(one) != lent {
        return Err(wrong(one, format!("{} blocks are left", blocks_out(one))));
    }
    Ok(Round {
        before,
        during,
        without,
        returned,
        ended: many.sessions() - left,
    })
}

/// Turns without packets until it is over, or for as many as end everything; then
/// residents are heard of again.
fn idle(one: &mut UdpAppliance, residents: Group, over: impl Fn(&UdpAppliance) -> bool) {
    one.worker.io_mut().script.feeds = [None, None];
    for _ in 0..one.worker.shard().session_slots() / 8 + 1024 {
        if over(one) {
            break;
        }
        one.turn();
    }
    one.worker.io_mut().script.both_ways(residents);
    one.run_for(BEFORE / 5);
}

/// Blocks that subscribers have.
fn blocks_out(one: &UdpAppliance) -> u64 {
    let shard = one.worker.shard();
    (0..shard.layout().pool_count())
        .map(|pool| shard.pool_use(pool).blocks_used)
        .sum()
}
