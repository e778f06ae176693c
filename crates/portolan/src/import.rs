//! `portolan import`: IPFIX message files of one or several boxes into a store, for `whois`.
//!
//! A box is told by the name of its exporter and its observation domain. What the store has already
//! is left out, so that a file may be imported again; what is damaged or missing is said.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use control::intake::{Account, Intake};
use control::store::{Keep, Writer};

use crate::whois::print;

/// Nothing that was imported goes by itself.
const KEEP: Keep = Keep {
    age: u64::MAX,
    bytes: u64::MAX,
};

/// What is imported, and where to.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Directory of the store; it is made if it is not there.
    #[arg(long, value_name = "DIRECTORY")]
    store: PathBuf,
    /// Name of the exporter; without it, that of each file up to its first dot.
    #[arg(long, value_name = "NAME")]
    exporter: Option<String>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    /// IPFIX message files (RFC 5655).
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Why not everything was imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// A file of messages.
    #[error("{}: {error}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// The store.
    #[error("{}: {error}", directory.display())]
    Store {
        /// Where it is.
        directory: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// Some of it made no sense; the rest is in the store.
    #[error("{0}; everything else was imported")]
    Damaged(String),
    /// Standard output.
    #[error("standard output: {0}")]
    Output(io::Error),
}

/// Imports the files, and prints what became of their records.
pub(crate) fn import(options: &Options) -> Result<(), ImportError> {
    let store_error = |error| ImportError::Store {
        directory: options.store.clone(),
        error,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    let writer = Writer::open(&options.store, KEEP, now).map_err(store_error)?;
    let mut intake = Intake::new(writer, now);
    let mut wrong = Vec::new();
    for file in &options.files {
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) => {
                let file = file.clone();
                wrong.push(ImportError::File { file, error }.to_string());
                continue;
            }
        };
        let exporter = options.exporter.clone().unwrap_or_else(|| stem(file));
        let damaged = intake.file(&exporter, &bytes).map_err(store_error)?;
        if damaged > 0 {
            let file = file.display();
            wrong.push(format!("{file}: {damaged} bytes are no IPFIX message"));
        }
    }
    let accounts = intake.finish().map_err(store_error)?;
    let text = if options.json {
        // Maps with other keys than texts are what cannot be written, and there are none.
        serde_json::to_string(&accounts).unwrap_or_default() + "\n"
    } else {
        let texts: Vec<String> = accounts.iter().map(text).collect();
        texts.join("\n")
    };
    print(&text).map_err(ImportError::Output)?;
    let damaged = accounts.iter().filter(|account| account.damaged > 0);
    wrong.extend(damaged.map(|account| {
        let (name, count) = (&account.appliance, account.damaged);
        format!("{name}: {count} messages stop making sense within")
    }));
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(ImportError::Damaged(wrong.join("; ")))
    }
}

/// A file's name up to its first dot: `edge-1` of `edge-1.2026-01-31.ipfix`.
fn stem(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

fn text(account: &Account) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &dyn std::fmt::Display| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{key:<18}{value}");
    };
    line("box:", &account.appliance);
    line("messages:", &account.messages);
    line("records:", &account.records);
    line("kept:", &account.kept);
    line("known:", &account.known);
    line("missing:", &account.missing);
    let rare = [
        ("before:", u64::from(account.before)),
        ("other:", account.other),
        ("incomplete:", account.incomplete),
        ("without template:", account.without_template),
        ("damaged:", account.damaged),
        ("late:", account.late),
        ("restarts:", account.restarts),
    ];
    for (key, count) in rare.iter().filter(|(_, count)| *count > 0) {
        line(key, count);
    }
    text
}
