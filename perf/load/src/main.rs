//! The worker under load: the real `dataplane::Worker` with a real configuration,
//! fed by a source that costs as little as a simple virtual device, and compared
//! with forwarding the same packets untouched.
//!
//! ```text
//!   flows ──> udp, tcp: scripts ──> own: ports on the worker's own core ──> appliance: the worker
//!   (tuples by number)                                                └──> swap: macswap
//!         └──> tester: another core <── rings ──> the same two
//! ```
//!
//! Each command prints one JSON object on standard output and lines for people on
//! standard error. Nothing here takes longer than its arguments say.
#![forbid(unsafe_code)]

mod appliance;
mod clock;
mod commands;
mod figures;
mod file;
mod flows;
mod frame;
mod histogram;
mod machine;
mod own;
mod permutation;
mod plot;
mod rings;
mod sip;
mod swap;
mod tcp;
mod tester;
mod udp;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::machine::Machine;

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the worker; see perf/README.md.
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
struct Cli {
    /// Core of the worker.
    #[arg(long, default_value_t = 1, global = true)]
    core: usize,
    /// Do without huge pages: figures are then for nobody's machine.
    #[arg(long, global = true)]
    no_huge: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Packets of known UDP sessions, both directions: rate to macswap (G1 to G4).
    Ratio(commands::ratio::Options),
    /// Every packet a new session, from empty tables to full ones (G6, G8).
    Setup(commands::setup::Options),
    /// Complete TCP connections of ten packets (G9).
    Tcp(commands::tcp::Options),
    /// Traffic that is no gateway's, with gateways on compared with off.
    Gateways(commands::gateways::Options),
    /// SIP calls, and media while they are set up.
    Calls(commands::calls::Options),
    /// Packets from outside to ports nobody has, compared with known sessions (G18).
    Misses(commands::misses::Options),
    /// Bytes of memory for each session, everything counted (G10).
    Memory(commands::memory::Options),
    /// All sessions but some expire at once while the others' packets come in (G13).
    Expiry(commands::expiry::Options),
    /// Two workers on two cores, compared with one (G15).
    Workers(commands::workers::Options),
    /// Latency added at 80 % load, with a tester on another core (G17).
    Latency(commands::latency::Options),
    /// All phases of RFC 9693, with a tester on another core.
    Rfc9693(commands::rfc9693::Options),
    /// Nanoseconds a packet by the number of sessions, for perf/model.
    Sweep(commands::sweep::Options),
}

/// Why a measurement cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The configuration was refused.
    #[error("the configuration is bad:\n{0}")]
    File(String),
    /// Packet buffers on small pages would be what is measured.
    #[error(
        "{0} free huge pages of 2 MiB are needed: `echo {0} > /proc/sys/vm/nr_hugepages`, or --no-huge"
    )]
    HugePages(u64),
    /// DPDK would not.
    #[error(transparent)]
    Dpdk(#[from] dpdk::DpdkError),
    /// Too much of something.
    #[error(transparent)]
    Layout(#[from] nat::ReviseError),
    /// What happened is not what should have.
    #[error("{what}; {counters}")]
    Wrong {
        /// What was wrong.
        what: String,
        /// The worker's counters.
        counters: String,
    },
    /// A worker does not own what it needs.
    #[error("worker {0} does not own enough hosts or addresses")]
    Share(u32),
    /// A thread ended.
    #[error("worker {0} is gone")]
    Gone(usize),
    /// The plot cannot be written.
    #[error("cannot write the plot: {0}")]
    Plot(#[from] std::io::Error),
    /// The result cannot be written.
    #[error("cannot write the result: {0}")]
    Output(#[from] serde_json::Error),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = Machine::start(cli.core, !cli.no_huge).and_then(|machine| match &cli.command {
        Command::Ratio(options) => commands::ratio::run(&machine, options),
        Command::Setup(options) => commands::setup::run(&machine, options),
        Command::Tcp(options) => commands::tcp::run(&machine, options),
        Command::Gateways(options) => commands::gateways::run(&machine, options),
        Command::Calls(options) => commands::calls::run(&machine, options),
        Command::Misses(options) => commands::misses::run(&machine, options),
        Command::Memory(options) => commands::memory::run(&machine, options),
        Command::Expiry(options) => commands::expiry::run(&machine, options),
        Command::Workers(options) => commands::workers::run(&machine, options),
        Command::Latency(options) => commands::latency::run(&machine, options),
        Command::Rfc9693(options) => commands::rfc9693::run(&machine, options),
        Command::Sweep(options) => commands::sweep::run(&machine, options),
    });
    match result {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("load: {why}");
            ExitCode::FAILURE
        }
    }
}
