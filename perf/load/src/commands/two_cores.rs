//! What measurements with a tester on a core of its own share.

use std::time::Duration;

use crate::LoadError;
use crate::clock::Watch;
use crate::machine::Machine;
use crate::tester::{Outcome, Tester, Trial};

/// One trial: the tester on its core, and `forward` on the calling thread until it
/// is through.
pub(crate) fn trial(
    machine: &Machine,
    tester: &mut Tester,
    core: usize,
    trial: &Trial,
    mut forward: impl FnMut(),
) -> Result<Outcome, LoadError> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            core_affinity::set_for_current(core_affinity::CoreId { id: core });
            let _known = machine.eal.register_thread()?;
            Ok::<_, LoadError>(tester.run(trial))
        });
        let watch = Watch::start();
        while !thread.is_finished() {
            for _ in 0..64 {
                forward();
            }
        }
        let (_, share) = watch.read();
        let mut outcome = thread.join().map_err(|_| LoadError::Gone(core))??;
        outcome.share = outcome.share.min(share);
        Ok(outcome)
    })
}

/// Share of both cores below which a trial says nothing about loss or latency.
const FULL_SHARE: f64 = 0.995;

/// How often a trial is repeated for want of it; the last counts.
const ATTEMPTS: usize = 5;

/// Repeats a trial in which a thread was off its core.
pub(crate) fn undisturbed(
    mut trial: impl FnMut() -> Result<Outcome, LoadError>,
) -> Result<Outcome, LoadError> {
    let mut outcome = trial()?;
    for _ in 1..ATTEMPTS {
        if outcome.share >= FULL_SHARE {
            break;
        }
        outcome = trial()?;
    }
    Ok(outcome)
}

/// Packets a second with as many offered as go: the best of some trials, since a
/// disturbed one would keep the search below what the worker can do.
pub(crate) fn flat_out(
    mut trial: impl FnMut() -> Result<Outcome, LoadError>,
) -> Result<f64, LoadError> {
    let mut best: f64 = 0.0;
    for _ in 0..3 {
        best = best.max(undisturbed(&mut trial)?.rate());
    }
    Ok(best)
}

/// Trials of the search below.
const STEPS: u32 = 8;

/// The highest rate below `most` at which no more than `allowed` of the packets is
/// lost, by halving; zero if there is none. A trial that loses more is done once
/// again: the machine may have been elsewhere.
pub(crate) fn search(
    most: f64,
    allowed: f64,
    mut at: impl FnMut(f64) -> Result<Outcome, LoadError>,
) -> Result<f64, LoadError> {
    let (mut low, mut high) = (0.0, most);
    for _ in 0..STEPS {
        let rate = f64::midpoint(low, high);
        let mut good = || Ok::<_, LoadError>(undisturbed(|| at(rate))?.loss() <= allowed);
        let good = good()? || good()?;
        if good {
            low = rate;
        } else {
            high = rate;
        }
    }
    Ok(low)
}

/// How long a trial lasts.
pub(crate) const fn length(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Histogram;

    #[test]
    fn the_search_ends_near_the_limit_from_below() {
        let found = search(100.0, 0.0, |rate| {
            Ok(Outcome {
                offered: 100,
                received: if rate > 42.0 { 99 } else { 100 },
                seconds: 1.0,
                share: 1.0,
                latency: Histogram::new(),
            })
        });
        let found = found.unwrap();
        assert!(found <= 42.0 && found > 41.0, "{found}");
    }
}
