//! `portolan sim`: the appliance's own worker and slow path over ports in
//! memory, in virtual time.
//!
//! Always one worker, whatever the file says, so that the same input gives the
//! same output byte for byte.

pub(crate) mod engine;
mod pcap;
mod pipe;
mod replay;

use std::fs::File;
use std::path::PathBuf;

use clap::Args;
use config::Config;
use control::export::{Exporter, Handle, Identity};
use dataplane::Expression;

/// Where packets come from and go to.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Configuration file; its devices are not opened.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Packets as JSON lines on standard input, answered on standard output.
    #[arg(long, conflicts_with_all = ["input", "output"])]
    pipe: bool,
    /// Packets received on an interface, from a pcap or pcapng file; or a file by `portolan
    /// trace` alone, which is played and its verdicts compared.
    #[arg(
        long = "in",
        value_name = "[INTERFACE=]FILE",
        required_unless_present = "pipe"
    )]
    input: Vec<String>,
    /// Where to write the packets that leave by an interface.
    #[arg(long = "out", value_name = "INTERFACE=FILE")]
    output: Vec<String>,
    /// Where to write what IPFIX collectors would be sent, all messages one after the other.
    #[arg(long, value_name = "FILE")]
    log_ipfix: Option<PathBuf>,
    /// Where to write what syslog servers would be sent, a line each.
    #[arg(long, value_name = "FILE")]
    log_syslog: Option<PathBuf>,
    /// Say why to every frame that this expression means (see `portolan why --help`).
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "pipe")]
    why: Option<Expression>,
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
    /// A file for the log.
    #[error("{}: {why}", .file.display())]
    Log {
        /// The file.
        file: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// A trace played otherwise than it was recorded.
    #[error("{different} of {all} packets have another verdict than in the trace")]
    Different {
        /// So many.
        different: usize,
        /// Of so many.
        all: usize,
    },
    /// The configuration is too large.
    #[error(transparent)]
    Layout(#[from] nat::ReviseError),
}

/// Runs a simulation to the end of its input.
pub(crate) fn sim(config: &Config, options: &Options) -> Result<(), SimError> {
    let mut config = config.clone();
    config.log.besides = options.log_ipfix.is_some() || options.log_syslog.is_some();
    let log = log(&config, options)?;
    if options.pipe {
        pipe::run(&config, log, options.seed)
    } else {
        match options.input.as_slice() {
            [file] if !file.contains('=') => replay::run(&config, log, file, options.seed),
            inputs => pcap::run(
                &config,
                log,
                inputs,
                &options.output,
                options.seed,
                options.why.as_ref(),
            ),
        }
    }
}

/// An exporter for the files that were asked for; collectors are sent nothing.
fn log(config: &Config, options: &Options) -> Result<(Exporter, Handle), SimError> {
    let create = |file: &PathBuf| {
        File::create(file).map_err(|why| SimError::Log {
            file: file.clone(),
            why,
        })
    };
    let (mut exporter, handle) = Exporter::offline(Identity {
        host: "-".into(),
        process: None,
    });
    if let Some(file) = &options.log_ipfix {
        exporter.add_ipfix_file(create(file)?, config.log.ipfix.first());
    }
    if let Some(file) = &options.log_syslog {
        exporter.add_syslog_file(create(file)?, config.log.syslog.first());
    }
    Ok((exporter, handle))
}
