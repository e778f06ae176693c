//! `micro store [ENTRIES] [DIRECTORY]`: a store of log records of so many blocks lent and returned, a
//! hundred million unless said otherwise, and how long questions about it take.
//!
//! Who had a port when is remembered of some while the store is written; each question opens it anew, as
//! `portolan whois` does, and must answer that. Prints one line of JSON.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use control::store::{Class, Entry, Keep, Life, Reader, Writer};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

const ADDRESSES: u32 = 4096;
const BLOCKS: u32 = 126;
const PORTS: u16 = 512;
const QUESTIONS: usize = 500;

/// Entries appended at a time.
const BATCH: usize = 4096;

/// What is asked, and what is right.
struct Asked {
    outside: u32,
    port: u16,
    at: u64,
    holder: Option<u32>,
}

pub(crate) fn run(entries: Option<&str>, directory: Option<&str>) -> ExitCode {
    let Ok(entries) = entries.unwrap_or("100000000").parse() else {
        eprintln!("usage: micro store [ENTRIES] [DIRECTORY]");
        return ExitCode::from(2);
    };
    let directory = directory.map_or_else(
        || std::env::temp_dir().join("portolan-store"),
        PathBuf::from,
    );
    let done = write(&directory, entries).and_then(|(asked, took)| {
        let line = ask(&directory, &asked)?;
        println!(
            r#"{{"scenario": "store", "entries": {entries}, "written_seconds": {:.1}, {line}}}"#,
            took.as_secs_f64()
        );
        Ok(())
    });
    let removed = std::fs::remove_dir_all(&directory);
    match done.and(removed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("micro store: {}: {error}", directory.display());
            ExitCode::FAILURE
        }
    }
}

fn write(directory: &Path, entries: u64) -> std::io::Result<(Vec<Asked>, Duration)> {
    let began = Instant::now();
    let keep = Keep {
        age: u64::MAX,
        bytes: u64::MAX,
    };
    let mut writer = Writer::open(directory, keep, 0)?;
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    let mut holders: Vec<Option<u32>> = vec![None; (ADDRESSES * BLOCKS) as usize];
    let mut asked = Vec::new();
    let mut batch = Vec::with_capacity(BATCH);
    let every = (entries / QUESTIONS as u64).max(1);
    for at in 0..entries {
        let number = chance.next_u32() % (ADDRESSES * BLOCKS);
        let Some(holder) = holders.get_mut(number as usize) else {
            continue;
        };
        let outside = 0xcb00_0000 + number / BLOCKS;
        let first = 1024 + PORTS * u16::try_from(number % BLOCKS).unwrap_or(0);
        let (life, inside) = match holder.take() {
            Some(inside) => (Life::Ended, inside),
            None => (Life::Begun, 0x0a40_0000 + chance.next_u32() % 1_000_000),
        };
        if life == Life::Begun {
            *holder = Some(inside);
        }
        batch.push(Entry {
            class: Class::Block,
            outside: outside.into(),
            first,
            at,
            life,
            protocol: 0,
            last: first + PORTS - 1,
            appliance: 0,
            inside: inside.into(),
            inside_port: 0,
            vrf: 0,
            remote: 0.into(),
            remote_port: 0,
        });
        if at % every == 0 {
            asked.push(Asked {
                outside,
                port: first + u16::try_from(at % u64::from(PORTS)).unwrap_or(0),
                at,
                holder: *holder,
            });
        }
        if batch.len() == BATCH {
            writer.append(&batch, at)?;
            batch.clear();
        }
    }
    writer.append(&batch, entries)?;
    Ok((asked, began.elapsed()))
}

/// Asks, and says how long the answers took.
fn ask(directory: &Path, asked: &[Asked]) -> std::io::Result<String> {
    let mut took = Vec::with_capacity(asked.len());
    for one in asked {
        let began = Instant::now();
        let reader = Reader::open(directory)?;
        let found = reader.outside(one.outside.into(), (one.port, one.port))?;
        let then = found.iter().find(|holding| holding.was_at(one.at));
        let holder = then.map(|holding| holding.entry.inside.to_bits());
        took.push(began.elapsed());
        if holder != one.holder {
            let wrong = format!("{holder:?} instead of {:?} at {}", one.holder, one.at);
            return Err(std::io::Error::other(wrong));
        }
    }
    took.sort_unstable();
    let middle = took.get(took.len() / 2).copied().unwrap_or_default();
    let longest = took.last().copied().unwrap_or_default();
    Ok(format!(
        r#""questions": {}, "median_seconds": {:.4}, "longest_seconds": {:.4}"#,
        asked.len(),
        middle.as_secs_f64(),
        longest.as_secs_f64()
    ))
}
