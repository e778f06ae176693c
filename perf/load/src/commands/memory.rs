//! Bytes of memory for each session: growth of everything the process has, from
//! before there are tables until all sessions exist, divided by them.

use clap::Args;
use serde::Serialize;

use super::{appliance, count, lines, open, report};
use crate::LoadError;
use crate::figures::{float, rounded};
use crate::file::{File, Shape};
use crate::flows::Group;
use crate::machine::Machine;

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Sessions; tables are 98 % full with them.
    #[arg(long, value_parser = count, default_value = "1M")]
    sessions: u32,
    /// Sessions under each mapping.
    #[arg(long, default_value_t = 8)]
    per_mapping: u32,
}

#[derive(Debug, Serialize)]
struct Memory {
    sessions: u32,
    per_mapping: u32,
    /// Growth of resident set and huge pages.
    bytes: u64,
    bytes_per_session: f64,
    /// What the tables say of themselves.
    bytes_per_session_of_tables: f64,
    tables: String,
    configuration: Vec<String>,
}

/// Measures.
pub(crate) fn run(machine: &Machine, options: &Options) -> Result<String, LoadError> {
    let group = Group::new(0, options.sessions, options.per_mapping);
    let file = File::new(&[group], &Shape::filled(&[group], 98))?;
    let before = resident();
    let mut one = appliance(machine, "memory", &file)?;
    open(&mut one, group)?;
    let bytes = resident().saturating_sub(before);
    let each = |bytes: u64| rounded(float(bytes) / f64::from(group.sessions()));
    let result = Memory {
        sessions: group.sessions(),
        per_mapping: group.per_mapping(),
        bytes,
        bytes_per_session: each(bytes),
        bytes_per_session_of_tables: each(one.worker.shard().bytes() as u64),
        tables: one.memory.clone(),
        configuration: lines(&file),
    };
    eprintln!(
        "{} sessions, {} a mapping: {:.1} bytes a session, {:.1} by the tables' own account",
        result.sessions,
        result.per_mapping,
        result.bytes_per_session,
        result.bytes_per_session_of_tables
    );
    report(machine, "memory", result)
}

/// Bytes of this process in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            let counts = matches!(name, "VmRSS" | "HugetlbPages");
            counts
                .then(|| value.trim().trim_end_matches(" kB").parse::<u64>().ok())
                .flatten()
        })
        .sum::<u64>();
    kib * 1024
}
