//! The store of log records: who had which outside ports, and when (REQUIREMENTS O3).
//!
//! ```text
//!  exporter ──> Writer ──> 00000007.journal ──> 00000007.segment   sealed at 1 Mi entries or an hour
//!                          appended, synced     sorted, indexed; removed by age and size
//!                               │                    │
//!  whois <── Reader <───────────┴────────────────────┘
//! ```
//!
//! Invariants:
//!
//! - What was appended and synced is found after a crash at any moment: a journal is read up to its
//!   last whole batch, and a segment takes its name when it is whole. With a segment of the same
//!   number the journal is what is left to be removed.
//! - Of blocks that are still lent there is an entry however old they are: when a segment with the
//!   first one goes, it is said again.
//! - One writer at a time; readers need nobody's leave, and no appliance has to run.
//!
//! The exporter's thread owns the writer.

mod entry;
mod holding;
mod journal;
mod names;
mod reader;
mod segment;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use entry::{Class, Entry, Life};
pub use holding::Holding;
pub use reader::Reader;
pub use writer::{Keep, Lent, Writer};

/// Name of the table of appliances, and of that of VRFs.
const APPLIANCES: &str = "appliances";
const VRFS: &str = "vrfs";

/// Directory of the configurations that were in force, by when that began.
const EPOCHS: &str = "epochs";

const SEGMENT: &str = "segment";
const JOURNAL: &str = "journal";

fn file(directory: &Path, number: u64, kind: &str) -> PathBuf {
    directory.join(format!("{number:08}.{kind}"))
}

/// Numbers of the files of a kind, in order.
fn numbers(directory: &Path, kind: &str) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for one in fs::read_dir(directory)? {
        let path = one?.path();
        let is_one = path.extension().is_some_and(|extension| extension == kind);
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if is_one && let Some(number) = stem.and_then(|stem| stem.parse().ok()) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Puts a file in its place, whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    rename(&beside, path)
}

/// Gives a whole file its name for good.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    File::open(to.parent().unwrap_or(Path::new(".")))?.sync_all()
}
