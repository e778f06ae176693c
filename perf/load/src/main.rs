//! The worker under load: the real `dataplane::Worker` with a real configuration,
//! fed by a source that costs as little as a simple virtual device, and compared
//! with forwarding the same packets untouched.
//!
//! ```text
//!   flows ──> udp, tcp: scripts ──> own: ports on the worker's own core ──> appliance: the worker
//!   (tuples by number)                                                └──> swap: macswap
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
mod machine;
mod own;
mod permutation;
mod swap;
mod tcp;
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
    /// Packets from outside to ports nobody has, compared with known sessions (G18).
    Misses(commands::misses::Options),
}

/// Why a measurement cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The configuration was refused.
    #[error("the configuration is bad:\n{0}")]
    File(String),
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
    /// The result cannot be written.
    #[error("cannot write the result: {0}")]
    Output(#[from] serde_json::Error),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = Machine::start(cli.core)
        .map_err(LoadError::from)
        .and_then(|machine| match &cli.command {
            Command::Ratio(options) => commands::ratio::run(&machine, options),
            Command::Setup(options) => commands::setup::run(&machine, options),
            Command::Tcp(options) => commands::tcp::run(&machine, options),
            Command::Misses(options) => commands::misses::run(&machine, options),
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
