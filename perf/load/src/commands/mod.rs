//! The measurements, a file each, and what they share.

pub(crate) mod calls;
pub(crate) mod expiry;
pub(crate) mod gateways;
pub(crate) mod latency;
pub(crate) mod memory;
pub(crate) mod misses;
pub(crate) mod ratio;
pub(crate) mod rfc9693;
pub(crate) mod setup;
pub(crate) mod sweep;
pub(crate) mod tcp;
mod two_cores;
pub(crate) mod workers;

use std::time::Duration;

use base::{Counter, Nanos};
use pktio::Io;
use serde::Serialize;

use crate::LoadError;
use crate::appliance::{Appliance, Run};
use crate::clock::Watch;
use crate::figures::float;
use crate::file::{File, Shape};
use crate::flows::Group;
use crate::machine::{Circumstances, Machine};
use crate::own::Own;
use crate::swap::Swap;
use crate::udp::{Feed, Kind, Udp};

/// A worker whose source is UDP on its own core.
pub(crate) type UdpAppliance = Appliance<Own<Udp>>;

/// Share of the core below which a slice is measured again.
const FULL_SHARE: f64 = 0.97;

/// How often.
const ATTEMPTS: usize = 4;

/// A result with what it is for.
#[derive(Debug, Serialize)]
pub(crate) struct Report<T> {
    bench: &'static str,
    circumstances: Circumstances,
    #[serde(flatten)]
    result: T,
}

/// Lets time pass until nothing is left, and no port or block rests any more.
pub(crate) fn forget<I: Io<Buf = dpdk::Mbuf>>(one: &mut Appliance<I>) -> Result<(), LoadError> {
    let kept = |one: &Appliance<I>| {
        let counters = one.worker.counters();
        counters.value(Counter::NatBlocksAllocated) - counters.value(Counter::NatBlocksReleased)
    };
    // Timers, rests of ports and of blocks follow one another, at the pace that the
    // worker ends things.
    for _ in 0..64 {
        if one.worker.shard().session_count() == 0 && kept(one) == 0 {
            return Ok(());
        }
        one.clock.jump(Nanos::from_secs(151));
        for _ in 0..one.worker.shard().session_slots() / 64 + 1024 {
            one.turn();
        }
    }
    let sessions = one.worker.shard().session_count();
    let what = format!("{sessions} sessions and {} blocks are left", kept(one));
    Err(wrong(one, what))
}

/// The JSON of a result.
pub(crate) fn report<T: Serialize>(
    machine: &Machine,
    bench: &'static str,
    result: T,
) -> Result<String, LoadError> {
    Ok(serde_json::to_string(&Report {
        bench,
        circumstances: machine.circumstances(),
        result,
    })?)
}

/// A configuration as lines, to be read in a result.
pub(crate) fn lines(file: &File) -> Vec<String> {
    file.text.lines().map(str::to_owned).collect()
}

/// A count with `k` or `M`, which are powers of 1024.
pub(crate) fn count(text: &str) -> Result<u32, String> {
    let (digits, scale) = match text.as_bytes().last() {
        Some(b'k') => (text.trim_end_matches('k'), 1 << 10),
        Some(b'M') => (text.trim_end_matches('M'), 1 << 20),
        _ => (text, 1),
    };
    digits
        .parse::<u32>()
        .ok()
        .and_then(|count| count.checked_mul(scale))
        .filter(|count| (1..=1 << 27).contains(count))
        .ok_or_else(|| format!("{text}: not a number from 1 to 128M"))
}

/// A worker with tables for these groups and no session yet.
pub(crate) fn appliance(
    machine: &Machine,
    name: &str,
    file: &File,
) -> Result<UdpAppliance, LoadError> {
    let one = Appliance::new(
        machine,
        name,
        file,
        Own::new(machine.pool.clone(), Udp::new()),
    )?;
    eprintln!("  {}", one.memory);
    Ok(one)
}

/// A worker that has all sessions of a group, and both directions coming in.
pub(crate) fn busy(
    machine: &Machine,
    name: &str,
    group: Group,
) -> Result<(UdpAppliance, File), LoadError> {
    let file = File::new(&[group], &Shape::filled(&[group], 90))?;
    let mut one = appliance(machine, name, &file)?;
    open(&mut one, group)?;
    one.worker.io_mut().script.both_ways(group);
    Ok((one, file))
}

/// Opens all sessions of a group.
pub(crate) fn open(one: &mut UdpAppliance, group: Group) -> Result<Run, LoadError> {
    let before = one.worker.shard().session_count();
    let feed = Feed::once(Kind::Outbound, group, 0x2545_f491);
    one.worker.io_mut().script.feeds = [Some(feed), None];
    let run = one.run_dry();
    let opened = one.worker.shard().session_count() - before;
    if opened == group.sessions() {
        return Ok(run);
    }
    Err(wrong(
        one,
        format!("{opened} of {} sessions opened", group.sessions()),
    ))
}

/// Something that should not be, with the counters.
pub(crate) fn wrong<I: Io<Buf = dpdk::Mbuf>>(one: &Appliance<I>, what: String) -> LoadError {
    LoadError::Wrong {
        what,
        counters: one.counters(),
    }
}

/// Repeats a slice in which the thread was off its core; the last counts.
pub(crate) fn undisturbed(mut slice: impl FnMut() -> Run) -> Run {
    let mut run = slice();
    for _ in 1..ATTEMPTS {
        if run.share >= FULL_SHARE {
            break;
        }
        run = slice();
    }
    run
}

/// The baseline over the same source.
pub(crate) fn swap(machine: &Machine, group: Group) -> Swap<Own<Udp>> {
    let mut script = Udp::new();
    script.both_ways(group);
    Swap {
        io: Own::new(machine.pool.clone(), script),
    }
}

/// The baseline for so long.
pub(crate) fn swap_for(swap: &mut Swap<Own<Udp>>, time: Duration) -> Run {
    let watch = Watch::start();
    let end = std::time::Instant::now() + time;
    let mut packets = 0;
    while std::time::Instant::now() < end {
        for _ in 0..64 {
            packets += swap.turn() as u64;
        }
    }
    let (seconds, share) = watch.read();
    Run {
        packets,
        forwarded: packets,
        seconds,
        share,
        ..Run::default()
    }
}

/// Nanoseconds a packet.
pub(crate) fn nanoseconds(run: &Run) -> f64 {
    run.seconds * 1e9 / float(run.packets.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_with_their_letters() {
        assert_eq!(count("64k"), Ok(65_536));
        assert_eq!(count("16M"), Ok(1 << 24));
        assert_eq!(count("1000"), Ok(1000));
        for bad in ["", "0", "k", "5000M", "1G"] {
            assert!(count(bad).is_err(), "{bad}");
        }
    }
}
