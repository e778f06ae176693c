//! The `portolan` command: wiring only.
//!
//! ```text
//!  file ─> config ─> plan (engine's terms) ─┬─> run: DPDK ports, threads, control socket
//!                                           └─> sim: ports in memory, virtual time
//!  show, clear, why, trace ─> control socket of a running appliance
//!  whois, plan ─> the file, and the store of log records
//!  import ─> the store, from IPFIX of several boxes
//!  doctor ─> the machine, and what the file asks of it
//! ```
//!
//! Exit codes: 0 done, 2 a bad file (or bad arguments), 1 anything else, each
//! with one line on standard error that says why.
#![forbid(unsafe_code)]

mod book;
mod capture;
mod client;
mod console;
mod doctor;
mod events;
mod import;
mod paper;
mod reload;
mod run;
mod selftest;
mod sim;
mod steering;
mod top;
mod watch;
mod whois;
mod why;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use config::Config;

use crate::client::Ask;

/// Tables of tens of gigabytes want an allocator that asks for large pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Carrier-grade NAT on DPDK.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the appliance until SIGTERM or SIGINT.
    Run(File),
    /// Validate a configuration: exit 0, or 2 with <FILE:LINE:COLUMN>, what is wrong and what would be right.
    Check(File),
    /// The same engine in virtual time, on pcap files or a pipe of JSON lines.
    Sim(sim::Options),
    /// Show what a running appliance knows.
    Show(Ask),
    /// Make a running appliance forget something.
    Clear(Ask),
    /// Make a running appliance read its file again and change what may change at run time.
    Reload(client::Reload),
    /// Tell in words what becomes of the next packets, and what was dropped lately.
    Why(why::Options),
    /// Write packets as they come to a pcapng file, with what becomes of them.
    Trace(capture::Options),
    /// Show live what a running appliance is doing: workers, drops, pools, subscribers, gateways.
    Top(top::Options),
    /// Tell who has or had an outside endpoint, or which ones a host has, without a running appliance.
    Whois(whois::Options),
    /// Take IPFIX message files of one or several boxes into a store, for whois: exit 0, or 1 where one is damaged.
    Import(import::Options),
    /// Tell from the configuration alone how subscribers and outside addresses would spread over workers.
    Plan(paper::Options),
    /// Examine this machine: huge pages, devices, cores, clock; exit 0, or 1 where something keeps Portolan from working.
    Doctor(doctor::Options),
    /// Try what the standards ask for on the engine of this program: exit 0, or 1 where a row does not hold.
    Selftest(selftest::Options),
    /// Print the JSON schema of the configuration, for editors.
    Schema,
}

/// Made from the parser's own tables by a test of `config`.
const SCHEMA: &str = include_str!("../../../configs/portolan.schema.json");

/// A configuration file.
#[derive(Args, Debug)]
struct File {
    /// Configuration file.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Run(file) => load(&file.config).and_then(|config| {
            run::run(&config, &file.config).map_err(|error| Failure::Other(error.to_string()))
        }),
        Command::Check(file) => load(&file.config).map(|config| {
            for warning in config::warnings(&config) {
                eprintln!("warning: {warning}");
            }
            println!("{}: the configuration is good", file.config.display());
        }),
        Command::Sim(options) => load(&options.config).and_then(|config| {
            sim::sim(&config, &options).map_err(|error| Failure::Other(error.to_string()))
        }),
        Command::Show(ask) => client::show(&ask).map_err(Failure::from),
        Command::Clear(ask) => client::clear(&ask).map_err(Failure::from),
        Command::Reload(reload) => client::reload(&reload).map_err(Failure::from),
        Command::Why(options) => why::why(&options).map_err(Failure::from),
        Command::Trace(options) => capture::trace(&options).map_err(Failure::from),
        Command::Top(options) => top::top(&options).map_err(Failure::from),
        Command::Whois(options) => whois::whois(&options).map_err(Failure::from),
        Command::Import(options) => {
            import::import(&options).map_err(|error| Failure::Other(error.to_string()))
        }
        Command::Plan(options) => plan(&options),
        Command::Doctor(options) => examine(&options),
        Command::Selftest(options) => match selftest::selftest(&options) {
            Ok(0) => Ok(()),
            Ok(count) => Err(Failure::Other(format!("{count} rows did not hold"))),
            Err(error) => Err(Failure::Other(error.to_string())),
        },
        Command::Schema => whois::print(SCHEMA)
            .map_err(|error| Failure::Other(format!("standard output: {error}"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::File(errors)) => {
            eprintln!("{errors}");
            ExitCode::from(2)
        }
        Err(Failure::Usage(why)) => {
            eprintln!("portolan: {why}");
            ExitCode::from(2)
        }
        Err(Failure::Other(why)) => {
            eprintln!("portolan: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Why a command did not succeed.
#[derive(Debug)]
enum Failure {
    /// The file is bad; all that is wrong, a line each.
    File(String),
    /// The question makes no sense.
    Usage(String),
    /// Anything else.
    Other(String),
}

impl Failure {
    fn of_file(errors: impl IntoIterator<Item = impl ToString>) -> Self {
        let lines = errors.into_iter().map(|error| error.to_string());
        Self::File(lines.collect::<Vec<_>>().join("\n"))
    }
}

impl From<client::AskError> for Failure {
    fn from(error: client::AskError) -> Self {
        match error {
            client::AskError::Usage(why) => Self::Usage(why),
            client::AskError::File(errors) => Self::File(errors),
            client::AskError::Failed(why) => Self::Other(why),
        }
    }
}

impl From<whois::WhoisError> for Failure {
    fn from(error: whois::WhoisError) -> Self {
        match error {
            whois::WhoisError::Usage(why) => Self::Usage(why),
            whois::WhoisError::File(errors) => Self::File(errors),
            other => Self::Other(other.to_string()),
        }
    }
}

fn examine(options: &doctor::Options) -> Result<(), Failure> {
    let config = options.config.as_deref().map(load).transpose()?;
    match doctor::doctor(config.as_ref(), options) {
        Ok(0) => Ok(()),
        Ok(1) => Err(Failure::Other("one problem, see above".into())),
        Ok(count) => Err(Failure::Other(format!("{count} problems, see above"))),
        Err(error) => Err(Failure::Other(format!("standard output: {error}"))),
    }
}

fn load(path: &Path) -> Result<Config, Failure> {
    config::load(path).map_err(Failure::of_file)
}

fn plan(options: &paper::Options) -> Result<(), Failure> {
    let config = match &options.config {
        Some(path) => load(path)?,
        None => config::parse("numbers", paper::BARE).map_err(Failure::of_file)?,
    };
    paper::plan(&config, options).map_err(|error| Failure::Other(error.to_string()))
}
