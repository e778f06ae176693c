//! Traffic that is no gateway's, with every gateway on and with all off: two workers, whose slices
//! take turns, and which goes first alternates. Names are looked at, and are a line of their own.

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use base::Nanos;

use super::tcp::connections;
use super::{UdpAppliance, count, forget, lines, open, report, undisturbed, wrong};
use crate::LoadError;
use crate::appliance::{Appliance, Run};
use crate::figures::Spread;
use crate::file::{File, Shape};
use crate::flows::{BLOCK, Group};
use crate::machine::Machine;
use crate::own::Own;
use crate::tcp::Tcp;
use crate::udp::Udp;

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Numbers of known sessions.
    #[arg(long, value_delimiter = ',', value_parser = count, default_value = "1k,64k")]
    sessions: Vec<u32>,
    /// Pairs of slices for each line.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..100))]
    pairs: u32,
    /// Milliseconds of a slice.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..10_000))]
    slice: u64,
}

#[derive(Debug, Serialize)]
struct Gateways {
    pairs: u32,
    lines: Vec<Line>,
    configuration: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    what: String,
    on_mpps: Spread,
    off_mpps: Spread,
    /// Packets a second with gateways on to those with gateways off.
    on_to_off: Spread,
    lowest_share: f64,
}

/// A host with a whole address, or names would mean nothing.
const ON: &str = "  static: [ { inside: 100.127.0.10, outside: 198.19.255.1 } ]\n";
const OFF: &str = "  static: [ { inside: 100.127.0.10, outside: 198.19.255.1 } ]
alg: { ftp: off, tftp: off, dns: off, sip: off, rtsp: off, rcmd: off, vtcp: off }
";

/// A worker with gateways, and one without.
type Pair<S> = [Box<Appliance<Own<S>>>; 2];

/// New sessions of a slice.
const NEW: u32 = 1 << 17;

/// Connections of a slice, and how long each is kept.
const CONNECTIONS: u64 = 1 << 16;
const EACH: Nanos = Nanos(2_000_000);

const DNS: u16 = 53;

/// Measures.
pub(crate) fn run(machine: &Machine, options: &Options) -> Result<String, LoadError> {
    let slice = Duration::from_millis(options.slice);
    let mut all = Vec::new();
    let mut configuration = Vec::new();
    for sessions in &options.sessions {
        let group = Group::new(0, *sessions, 1);
        let name = format!("known-{sessions}");
        let (mut pair, file) = two(machine, &name, group, Udp::new)?;
        let turn = |one: &mut UdpAppliance| Ok(undisturbed(|| one.run_for(slice)));
        known(&mut pair, group)?;
        all.push(line(
            &format!("known UDP, {} sessions", group.sessions()),
            options,
            &mut pair,
            turn,
        )?);
        configuration = lines(&file);
    }
    let group = Group::new(0, 1 << 16, 1).to_port(DNS);
    let (mut pair, _) = two(machine, "names", group, Udp::dns)?;
    known(&mut pair, group)?;
    all.push(line(
        "DNS, known sessions: theirs",
        options,
        &mut pair,
        |one| Ok(undisturbed(|| one.run_for(slice))),
    )?);
    let group = Group::new(0, NEW, 1);
    let (mut pair, _) = two(machine, "new", group, Udp::new)?;
    all.push(line("new UDP sessions", options, &mut pair, |one| {
        let run = open(one, group)?;
        forget(one)?;
        Ok(run)
    })?);
    let hosts = Group::new(0, 1 << 17, 1);
    let mut shape = Shape::filled(&[hosts], 100);
    shape.blocks = 4;
    let pool = Group::new(0, 1 << 18, 1);
    let made = [ON, OFF].map(|more| {
        let file = File::new(&[pool], &Shape { more, ..shape })?;
        let io = Own::new(machine.pool.clone(), Tcp::new(hosts.sessions() / BLOCK));
        let mut one = Appliance::new(machine, &format!("tcp-{}", more.len()), &file, io)?;
        one.clock.stop();
        Ok::<_, LoadError>(one)
    });
    let [on, off] = made;
    let mut pair = [Box::new(on?), Box::new(off?)];
    all.push(line("whole TCP connections", options, &mut pair, |one| {
        Ok(undisturbed(|| connections(one, CONNECTIONS, EACH)))
    })?);
    for line in &all {
        eprintln!(
            "{:28} gateways on {:.2} Mpps, off {:.2} Mpps: {:.3}; CPU {:.2}",
            line.what, line.on_mpps, line.off_mpps, line.on_to_off, line.lowest_share
        );
    }
    let result = Gateways {
        pairs: options.pairs,
        lines: all,
        configuration,
    };
    report(machine, "gateways", result)
}

/// Both, with tables for a group.
fn two(
    machine: &Machine,
    name: &str,
    group: Group,
    script: fn() -> Udp,
) -> Result<(Pair<Udp>, File), LoadError> {
    let make = |more: &'static str| {
        let shape = Shape::filled(&[group], 90);
        let file = File::new(&[group], &Shape { more, ..shape })?;
        let io = Own::new(machine.pool.clone(), script());
        let name = format!("{name}-{}", more.len());
        Ok::<_, LoadError>((Appliance::new(machine, &name, &file, io)?, file))
    };
    let ((on, file), (off, _)) = (make(ON)?, make(OFF)?);
    Ok(([Box::new(on), Box::new(off)], file))
}

/// Opens all sessions, and has both directions come in.
fn known(pair: &mut Pair<Udp>, group: Group) -> Result<(), LoadError> {
    for one in pair {
        open(one, group)?;
        one.worker.io_mut().script.both_ways(group);
    }
    Ok(())
}

fn line<S: crate::own::Script>(
    what: &str,
    options: &Options,
    pair: &mut Pair<S>,
    mut slice: impl FnMut(&mut Appliance<Own<S>>) -> Result<Run, LoadError>,
) -> Result<Line, LoadError> {
    let mut runs = Vec::new();
    for number in 0..=options.pairs {
        let [on, off] = pair;
        let both = if number.is_multiple_of(2) {
            let on = slice(on)?;
            (on, slice(off)?)
        } else {
            let off = slice(off)?;
            (slice(on)?, off)
        };
        if both.0.dropped + both.1.dropped > 0 {
            return Err(wrong(on, format!("{what}: packets were dropped")));
        }
        // The first warms up.
        if number > 0 {
            runs.push(both);
        }
    }
    Ok(Line {
        what: what.to_owned(),
        on_mpps: Spread::of(runs.iter().map(|(on, _)| on.rate() / 1e6)),
        off_mpps: Spread::of(runs.iter().map(|(_, off)| off.rate() / 1e6)),
        on_to_off: Spread::of(runs.iter().map(|(on, off)| on.rate() / off.rate())),
        lowest_share: runs
            .iter()
            .map(|(on, off)| on.share.min(off.share))
            .fold(1.0, f64::min),
    })
}
