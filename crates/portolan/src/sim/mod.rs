//! `portolan sim`: the appliance's own worker and slow path over ports in
//! memory, in virtual time.
//!
//! Always one worker, whatever the file says, so that the same input gives the
//! same output byte for byte.

mod engine;
mod pcap;
mod pipe;

use std::path::PathBuf;

use clap::Args;
use config::Config;

/// Where packets come from and go to.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Configuration file; its devices are not opened.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Packets as JSON lines on standard input, answered on standard output.
    #[arg(long, conflicts_with_all = ["input", "output"])]
    pipe: bool,
    /// Packets received on an interface, from a pcap or pcapng file.
    #[arg(
        long = "in",
        value_name = "INTERFACE=FILE",
        required_unless_present = "pipe"
    )]
    input: Vec<String>,
    /// Where to write the packets that leave by an interface.
    #[arg(long = "out", value_name = "INTERFACE=FILE")]
    output: Vec<String>,
    /// Seed of all chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Why a simulation ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SimError {
    /// Standard input or output.
    #[error("the pipe: {0}")]
    Pipe(std::io::Error),
    /// A capture file.
    #[error("{file}: {why}")]
    Capture {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// An option.
    #[error("{0}")]
    Option(String),
    /// The configuration is too large.
    #[error(transparent)]
    Layout(#[from] nat::ReviseError),
}

/// Runs a simulation to the end of its input.
pub(crate) fn sim(config: &Config, options: &Options) -> Result<(), SimError> {
    if options.pipe {
        pipe::run(config, options.seed)
    } else {
        pcap::run(config, &options.input, &options.output, options.seed)
    }
}
