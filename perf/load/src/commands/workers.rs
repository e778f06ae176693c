//! Two workers on two cores, each with a source and a shard of its own, compared
//! with one of them alone: in turns, first the one, then the other, then both.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use clap::Args;
use nat::Layout;
use serde::Serialize;

use super::{UdpAppliance, count, lines, open, report, wrong};
use crate::LoadError;
use crate::appliance::{Appliance, Run, layout};
use crate::figures::Spread;
use crate::file::{File, Shape};
use crate::flows::{FIRST_PORT, Group};
use crate::machine::Machine;
use crate::own::Own;
use crate::udp::Udp;

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Sessions of each worker.
    #[arg(long, value_parser = count, default_value = "1k")]
    sessions: u32,
    /// Rounds of three slices.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..100))]
    pairs: u32,
    /// Milliseconds of a slice.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..10_000))]
    slice: u64,
    /// Cores of the workers.
    #[arg(long, value_delimiter = ',', num_args = 2, default_value = "0,1")]
    cores: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct Workers {
    sessions_each: u32,
    pairs: u32,
    alone_mpps: Spread,
    together_mpps: Spread,
    /// Both at once to the mean of each alone (G15).
    together_to_alone: Spread,
    handed_off: u64,
    dropped: u64,
    lowest_share: f64,
    configuration: Vec<String>,
}

const COUNT: u32 = 2;
const UDP: u8 = 17;

/// Share of the core below which a slice is measured again, and how often.
const FULL_SHARE: f64 = 0.97;
const ATTEMPTS: usize = 4;

/// A worker's thread, as seen from outside.
struct Line {
    slices: Sender<Duration>,
    runs: Receiver<Result<(Run, u64), LoadError>>,
}

/// Measures.
pub(crate) fn run(machine: &Machine, options: &Options) -> Result<String, LoadError> {
    let group = Group::new(0, options.sessions, 1);
    let whole = group.times(COUNT);
    let mut shape = Shape::filled(&[whole], 90);
    shape.workers = 2;
    // Hosts are dealt out by chance, so there is room for more of them in each shard.
    shape.subscribers *= 2;
    let file = File::new(&[whole], &shape)?;
    let layout = layout(&file)?;
    let slice = Duration::from_millis(options.slice);
    let rounds = std::thread::scope(|scope| {
        let mut lines = Vec::new();
        for (number, core) in (0..COUNT).zip(&options.cores) {
            let (slices, wanted) = channel();
            let (done, runs) = channel();
            let (file, layout) = (&file, Arc::clone(&layout));
            scope.spawn(move || {
                let worker = Worker {
                    machine,
                    file,
                    layout,
                    number,
                    group,
                    core: *core,
                };
                if let Err(why) = worker.work(&wanted, &done) {
                    // Nobody listens only if another has failed.
                    let _ = done.send(Err(why));
                }
            });
            lines.push(Line { slices, runs });
        }
        let both: Vec<usize> = (0..lines.len()).collect();
        // Open, and warm.
        undisturbed(&lines, &both, slice)?;
        let mut rounds = Vec::new();
        for _ in 0..options.pairs {
            let first = undisturbed(&lines, &[0], slice)?;
            let second = undisturbed(&lines, &[1], slice)?;
            let together = undisturbed(&lines, &both, slice)?;
            rounds.push((first, second, together));
        }
        Ok::<_, LoadError>(rounds)
    })?;
    let mpps = |runs: &[(Run, u64)]| runs.iter().map(|(run, _)| run.rate() / 1e6).sum::<f64>();
    let alone = |round: &Round| f64::midpoint(mpps(&round.0), mpps(&round.1));
    let all = || {
        rounds
            .iter()
            .flat_map(|(first, second, both)| first.iter().chain(second).chain(both))
    };
    let result = Workers {
        sessions_each: group.sessions(),
        pairs: options.pairs,
        alone_mpps: Spread::of(rounds.iter().map(alone)),
        together_mpps: Spread::of(rounds.iter().map(|round| mpps(&round.2))),
        together_to_alone: Spread::of(rounds.iter().map(|round| mpps(&round.2) / alone(round))),
        handed_off: all().map(|(_, handed)| handed).max().copied().unwrap_or(0),
        dropped: all().map(|(run, _)| run.dropped).sum(),
        lowest_share: all().map(|(run, _)| run.share).fold(1.0, f64::min),
        configuration: lines(&file),
    };
    eprintln!(
        "one worker {:.1} Mpps, two {:.1} Mpps: {:.3}; {} dropped, {} handed off, CPU {:.2}",
        result.alone_mpps,
        result.together_mpps,
        result.together_to_alone,
        result.dropped,
        result.handed_off,
        result.lowest_share
    );
    report(machine, "workers", result)
}

/// What each alone and both together did, with the packets handed off until then.
type Round = (Vec<(Run, u64)>, Vec<(Run, u64)>, Vec<(Run, u64)>);

/// A slice of some workers at once.
fn slice_of(lines: &[Line], who: &[usize], slice: Duration) -> Result<Vec<(Run, u64)>, LoadError> {
    let who = || {
        who.iter()
            .filter_map(|number| Some((*number, lines.get(*number)?)))
    };
    for (number, line) in who() {
        line.slices
            .send(slice)
            .map_err(|_| LoadError::Gone(number))?;
    }
    who()
        .map(|(number, line)| line.runs.recv().map_err(|_| LoadError::Gone(number))?)
        .collect()
}

fn undisturbed(
    lines: &[Line],
    who: &[usize],
    slice: Duration,
) -> Result<Vec<(Run, u64)>, LoadError> {
    let mut runs = slice_of(lines, who, slice)?;
    for _ in 1..ATTEMPTS {
        if runs.iter().all(|(run, _)| run.share >= FULL_SHARE) {
            break;
        }
        runs = slice_of(lines, who, slice)?;
    }
    Ok(runs)
}

/// What a thread is made from.
struct Worker<'a> {
    machine: &'a Machine,
    file: &'a File,
    layout: Arc<Layout>,
    number: u32,
    group: Group,
    core: usize,
}

impl Worker<'_> {
    /// Opens its sessions, then does what is wanted until nobody wants anything.
    fn work(
        self,
        wanted: &Receiver<Duration>,
        done: &Sender<Result<(Run, u64), LoadError>>,
    ) -> Result<(), LoadError> {
        core_affinity::set_for_current(core_affinity::CoreId { id: self.core });
        let _known = self.machine.eal.register_thread()?;
        let layout = &self.layout;
        let group = self
            .group
            .owned(
                |host| layout.inside_owner(0, host) == self.number,
                |outside| layout.outside_owner(0, outside, UDP, FIRST_PORT) == Some(self.number),
                COUNT,
            )
            .ok_or(LoadError::Share(self.number))?;
        let mut one: UdpAppliance = Appliance::of_several(
            self.machine,
            &format!("worker-{}", self.number),
            self.file,
            Arc::clone(layout),
            self.number,
            Own::new(self.machine.pool.clone(), Udp::new()),
        )?;
        open(&mut one, group)?;
        one.worker.io_mut().script.both_ways(group);
        while let Ok(slice) = wanted.recv() {
            let run = one.run_for(slice);
            let handed = one.worker.counters().value(base::Counter::HandoffOut);
            if run.dropped > 0 || handed > 0 {
                return Err(wrong(&one, "packets were dropped or handed off".into()));
            }
            if done.send(Ok((run, handed))).is_err() {
                break;
            }
        }
        Ok(())
    }
}
