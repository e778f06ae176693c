//! `portolan doctor`: whether this machine is ready for the appliance, and what to do where
//! it is not.
//!
//! ```text
//!  file ─> Wants ──────────┐
//!                          ├─> checks ─> findings ─> text, JSON
//!  /proc, /sys ─> Snapshot ┘
//! ```
//!
//! Checks are functions of these two and change nothing. A *problem* keeps Portolan from
//! starting or from working, a *warning* costs speed, safety or evidence. Without a file,
//! what only a file can tell is left out.

mod clock;
mod cores;
mod devices;
mod memory;
mod snapshot;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use clap::Args;
use config::Config;
use serde::Serialize;

use crate::whois;
use portolan::plan;
use snapshot::Snapshot;

/// What is asked, of which file.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Configuration file; without it, what needs one is not checked.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    Warning,
    Problem,
}

/// The result of one check.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    check: &'static str,
    status: Status,
    /// What the machine has.
    found: String,
    /// What to do about it, with the command; nothing if all is well.
    remedy: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            status: Status::Ok,
            found: found.into(),
            remedy: None,
        }
    }

    fn warning(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            status: Status::Warning,
            remedy: Some(remedy.into()),
            ..Self::ok(check, found)
        }
    }

    fn problem(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            status: Status::Problem,
            ..Self::warning(check, found, remedy)
        }
    }
}

/// What a file asks of the machine.
#[derive(Debug)]
struct Wants {
    eal_args: Vec<String>,
    /// Packet buffers, in MiB of huge pages.
    memory_mb: u64,
    /// All tables, in bytes of plain memory.
    tables: u64,
    devices: Vec<String>,
    cores: Vec<u16>,
    slow_path_core: u16,
    socket: String,
}

impl Wants {
    fn new(config: &Config) -> Self {
        let mut devices: Vec<String> = Vec::new();
        for interface in &config.interfaces {
            if !devices.contains(&interface.device) {
                devices.push(interface.device.clone());
            }
        }
        let workers = u32::try_from(config.workers.cores.len()).unwrap_or(u32::MAX);
        Self {
            eal_args: config.dpdk.eal_args.clone(),
            memory_mb: u64::from(config.dpdk.memory_mb),
            tables: plan::bytes_of_tables(config, workers).unwrap_or(0),
            devices,
            cores: config.workers.cores.clone(),
            slow_path_core: config.workers.slow_path_core,
            socket: config.control.socket.display().to_string(),
        }
    }

    fn has_arg(&self, name: &str) -> bool {
        self.eal_args.iter().any(|arg| arg == name)
    }

    /// Linux interfaces that virtual devices take over.
    fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.devices
            .iter()
            .filter_map(|device| devices::interface_of(device))
    }
}

/// Examines this machine; answers how many problems it has.
pub(crate) fn doctor(config: Option<&Config>, options: &Options) -> Result<usize, io::Error> {
    let wants = config.map(Wants::new);
    let interfaces = wants.iter().flat_map(Wants::interfaces);
    let snapshot = Snapshot::of_this_machine(interfaces);
    let findings = examine(&snapshot, wants.as_ref());
    let text = if options.json {
        let mut json = serde_json::to_string(&findings).unwrap_or_default();
        json.push('\n');
        json
    } else {
        text(&findings)
    };
    whois::print(&text)?;
    let problems = findings.iter();
    Ok(problems
        .filter(|finding| finding.status == Status::Problem)
        .count())
}

fn examine(snapshot: &Snapshot, wants: Option<&Wants>) -> Vec<Finding> {
    let mut findings = memory::examine(snapshot, wants);
    findings.extend(devices::examine(snapshot, wants));
    findings.extend(cores::examine(snapshot, wants));
    findings.extend(clock::examine(snapshot));
    findings.extend(wants.map(|wants| control_socket(snapshot, &wants.socket)));
    findings
}

fn control_socket(snapshot: &Snapshot, socket: &str) -> Finding {
    const CHECK: &str = "control socket";
    let directory = match socket.rsplit_once('/') {
        Some(("", _)) | None => "/",
        Some((directory, _)) => directory,
    };
    if snapshot.has_directory(directory) {
        Finding::ok(CHECK, format!("{directory} is there for {socket}"))
    } else {
        let remedy = format!("mkdir -p {directory}, or another `control.socket`");
        Finding::problem(CHECK, format!("{directory} is no directory"), remedy)
    }
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let status = match finding.status {
            Status::Ok => "ok",
            Status::Warning => "warning",
            Status::Problem => "problem",
        };
        let _ = writeln!(text, "{status:<8} {:<15} {}", finding.check, finding.found);
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "{:24} do: {remedy}", "");
        }
    }
    text
}
