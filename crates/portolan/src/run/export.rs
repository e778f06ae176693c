//! The thread of the log: takes records from the workers' rings and has them sent.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base::Nanos;
use control::export::{Clock, Exporter, Identity};
use nat::Logged;

use super::now;

/// Records taken from a ring before others have their turn.
const BATCH: usize = 4096;

/// How long it sleeps when there is nothing to do: a ring takes far longer to fill.
const IDLE: Duration = Duration::from_millis(5);

/// The same if nobody is told anything.
const OFF: Duration = Duration::from_millis(100);

/// How long collectors have at the end to take what waits.
const LINGER: Nanos = Nanos::from_secs(1);

/// Who the appliance is to collectors.
pub(super) fn identity() -> Identity {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let printable = host.bytes().all(|byte| byte.is_ascii_graphic());
    Identity {
        host: if host.is_empty() || !printable {
            "-".into()
        } else {
            host.into()
        },
        process: Some(std::process::id()),
    }
}

/// Exports until it is told that no more will come, and everything has been taken.
pub(super) fn run(
    mut exporter: Exporter,
    mut rings: Vec<rtrb::Consumer<Logged>>,
    start: Instant,
    stop: &AtomicBool,
) {
    let mut until: Option<Nanos> = None;
    loop {
        let stopped = stop.load(Relaxed);
        let clock = clock(start);
        let mut moved = 0;
        for (worker, ring) in (0..).zip(&mut rings) {
            let waiting = ring.slots().min(BATCH);
            if let Ok(chunk) = ring.read_chunk(waiting) {
                for logged in chunk {
                    exporter.record(worker, &logged, clock);
                }
                moved += waiting;
            }
        }
        exporter.turn(clock);
        if moved > 0 {
            continue;
        }
        if stopped {
            let end = *until.get_or_insert(clock.now.plus(LINGER));
            if !exporter.is_busy() || clock.now >= end {
                exporter.close();
                return;
            }
        }
        let idle = exporter.is_idle() && !stopped;
        thread::sleep(if idle { OFF } else { IDLE });
    }
}

/// The system's clock may be set at any time.
fn clock(start: Instant) -> Clock {
    let now = now(start);
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    let wall = wall.map_or(0, |wall| u64::try_from(wall.as_millis()).unwrap_or(0));
    Clock {
        now,
        start: wall.saturating_sub(now.0 / 1_000_000),
    }
}
