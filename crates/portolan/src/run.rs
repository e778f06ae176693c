//! `portolan run`: DPDK ports, one pinned thread per worker, the slow path on
//! this one.
//!
//! ```text
//!  thread          core              owns
//!  worker N        workers.cores[N]  its queue on every port, its shard
//!  this one        slow_path_core    slow path, console
//!  control, HTTP   slow_path_core    connections; ask the console by message
//!  log             slow_path_core    collectors; fed by a ring from each worker
//! ```
//!
//! The control socket appears when packets are forwarded and not before, and the service
//! manager is told then, if there is one. On SIGTERM or SIGINT workers stop first, then ports close, then DPDK ends.

mod export;
mod machine;
mod notify;
mod wiring;

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use base::Nanos;
use config::Config;
use control::exchange::{Desk, Piece, Question, Reply, exchange};
use control::protocol::Request;
use control::{metrics, socket};
use dataplane::{SlowPath, Worker};
use dpdk::{DpdkError, DpdkIo, Mbuf};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tracing::{error, info, warn};

use crate::console::{Console, Sink};
use machine::Machine;
use wiring::Wiring;

/// How long the slow path sleeps when it has nothing to do: what it adds to an
/// ARP answer, and what it leaves of its core to others.
const IDLE: Duration = Duration::from_micros(100);

type DpdkWorker = Worker<DpdkIo, dpdk::Sender, dpdk::Receiver>;
type DpdkSlowPath = SlowPath<Mbuf, dpdk::Sender, dpdk::Receiver>;

/// Why the appliance did not start, or ended otherwise than asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// DPDK, a device or its memory.
    #[error(transparent)]
    Dpdk(#[from] DpdkError),
    /// The control socket.
    #[error(transparent)]
    Control(#[from] socket::BindError),
    /// The metrics endpoint.
    #[error(transparent)]
    Metrics(#[from] metrics::MetricsError),
    /// The operating system.
    #[error("{what}: {why}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What it said.
        why: std::io::Error,
    },
    /// A core that cannot be had.
    #[error("core {0} of `workers` does not exist or may not be used here; name one of: {1}")]
    Core(u16, String),
    /// The configuration is too large.
    #[error(transparent)]
    Layout(#[from] nat::ReviseError),
    /// A worker could not start.
    #[error("a worker could not start: {0}")]
    Worker(String),
}

/// Who asked the console, and hears the answer.
pub(crate) enum Asked {
    /// Somebody at the control socket.
    By(Reply),
    /// SIGHUP: the log.
    BySignal,
}

impl Sink for Asked {
    fn put(&mut self, piece: Piece) -> Result<(), Option<Piece>> {
        match (self, piece) {
            (Self::By(reply), piece) => reply.put(piece),
            (Self::BySignal, Piece::Refused(why)) => {
                for line in why.lines() {
                    error!("reload refused: {line}");
                }
                Ok(())
            }
            (Self::BySignal, Piece::Reloaded(reloaded)) => {
                for line in reloaded.text().lines() {
                    info!("{line}");
                }
                Ok(())
            }
            (Self::BySignal, _) => Ok(()),
        }
    }
}

/// Requests from signals.
#[derive(Clone, Debug, Default)]
struct Signals {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    fn register() -> Result<Self, RunError> {
        let signals = Self::default();
        let wrong = |why| RunError::System {
            what: "cannot listen for signals",
            why,
        };
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&signals.stop)).map_err(wrong)?;
        }
        signal_hook::flag::register(SIGHUP, Arc::clone(&signals.reload)).map_err(wrong)?;
        Ok(signals)
    }
}

/// Runs the appliance until it is told to stop.
pub(crate) fn run(config: &Config, file: &Path) -> Result<(), RunError> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    for warning in config::warnings(config) {
        warn!("{warning}");
    }
    machine::check_cores(config)?;
    let signals = Signals::register()?;
    let machine = Machine::start(config)?;
    let wiring = Wiring::new(config, file, &machine)?;
    let result = serve(config, &machine, wiring, &signals);
    // Queues and rings have gone with the threads; ports and pool go here.
    match machine.stop() {
        Err(error) if result.is_ok() => Err(error.into()),
        _ => result,
    }
}

fn serve(
    config: &Config,
    machine: &Machine,
    wiring: Wiring,
    signals: &Signals,
) -> Result<(), RunError> {
    let start = wiring.start;
    let (asker, desk) = exchange(16);
    let logged = AtomicBool::new(false);
    thread::scope(|scope| {
        let (exporter, records, logged) = (wiring.exporter, wiring.records, &logged);
        let exporting = thread::Builder::new()
            .name("log".into())
            .spawn_scoped(scope, move || export::run(exporter, records, start, logged))
            .map_err(|why| RunError::System {
                what: "cannot start a thread",
                why,
            })?;
        let mut threads = Vec::new();
        let (ready, started) = std::sync::mpsc::channel();
        for (number, (worker, core)) in wiring
            .workers
            .into_iter()
            .zip(&config.workers.cores)
            .enumerate()
        {
            let (ready, core) = (ready.clone(), *core);
            let stop = Arc::clone(&signals.stop);
            let body = move || work(machine, worker, core, start, &ready, &stop);
            let thread = thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn_scoped(scope, body)
                .map_err(|why| RunError::System {
                    what: "cannot start a thread",
                    why,
                })?;
            threads.push(thread);
        }
        drop(ready);
        let result = started
            .iter()
            .take(threads.len())
            .try_for_each(|outcome: Result<(), String>| outcome.map_err(RunError::Worker))
            .and_then(|()| {
                let handler = asker.clone();
                let server = socket::Server::bind(&config.control.socket)?;
                let metrics = match config.control.metrics {
                    Some(address) => {
                        let serving = metrics::serve(address, move || asker.snapshot())?;
                        info!("metrics on http://{}/metrics", serving.address());
                        Some(serving)
                    }
                    None => None,
                };
                let serving = server
                    .serve(move |request| handler.ask(request))
                    .map_err(|why| RunError::System {
                        what: "cannot serve the control socket",
                        why,
                    })?;
                info!(
                    "forwarding; control socket {}",
                    config.control.socket.display()
                );
                // Whoever waits for readiness may go on; that he cannot be told stops nothing.
                if let Err(why) = notify::tell(notify::READY) {
                    warn!("the service manager was not told: {why}");
                }
                look_after(wiring.slow, wiring.console, &desk, start, signals);
                let _ = notify::tell(notify::STOPPING);
                drop((serving, metrics));
                Ok(())
            });
        signals.stop.store(true, Relaxed);
        for thread in threads {
            // A worker that panicked has already said so.
            let _ = thread.join();
        }
        // Now there is no more to log.
        logged.store(true, Relaxed);
        let _ = exporting.join();
        info!("stopped");
        result
    })
}

/// A worker's thread.
fn work(
    machine: &Machine,
    mut worker: DpdkWorker,
    core: u16,
    start: Instant,
    ready: &std::sync::mpsc::Sender<Result<(), String>>,
    stop: &AtomicBool,
) {
    let pinned = core_affinity::set_for_current(core_affinity::CoreId {
        id: usize::from(core),
    });
    let registered = machine.register_thread();
    let outcome = match (&registered, pinned) {
        (Err(error), _) => Err(error.to_string()),
        (Ok(_), false) => Err(format!("cannot be pinned to core {core}")),
        (Ok(_), true) => Ok(()),
    };
    let well = outcome.is_ok();
    // Nobody listens any more if another worker has failed already.
    let _ = ready.send(outcome);
    while well && !stop.load(Relaxed) {
        // A few turns per look at the flag.
        for _ in 0..64 {
            worker.turn(now(start));
        }
    }
    // Its queues and buffers go before DPDK forgets the thread.
    drop(worker);
    drop(registered);
}

/// The slow path, until somebody says stop.
fn look_after(
    mut slow: DpdkSlowPath,
    mut console: Console<Asked>,
    desk: &Desk,
    start: Instant,
    signals: &Signals,
) {
    while !signals.stop.load(Relaxed) {
        let now = now(start);
        let moved = slow.turn(now);
        if console.is_idle() {
            if signals.reload.swap(false, Relaxed) {
                let request = Request::Reload {
                    file: None,
                    dry_run: false,
                };
                let question = Question::Request(request);
                console.start(&question, Asked::BySignal, &mut slow, now);
            } else if let Some((question, reply)) = desk.next() {
                console.start(&question, Asked::By(reply), &mut slow, now);
            }
        }
        console.step(&mut slow, now);
        if moved == 0 {
            thread::sleep(IDLE);
        }
    }
}

fn now(start: Instant) -> Nanos {
    Nanos(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}
