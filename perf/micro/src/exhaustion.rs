//! A pool for fifty, a hundred subscribers, ten million packets.
//!
//! ```text
//!  era:  90 newcomers want 600 ports each ─> 40 blocks ─> 512 each, no more
//!        10 residents go on talking, both ways, with the same endpoints
//!        time passes, newcomers' sessions end, ports rest, blocks go back
//! ```
//!
//! Who is served is decided by who comes first, which is another order in every
//! era. What must come of each packet is known beforehand: to the fiftieth
//! subscriber a block, to nobody else anything; to the 512th flow a port. Ports
//! are the worker's choice, so it is only checked that nobody else has them.
//!
//! `cost` then compares what a new flow costs in pools more and less full.

mod cost;
mod crowd;

use std::process::ExitCode;

use crowd::Crowd;

/// Packets sent in all, at least.
const PACKETS: u64 = 10_000_000;

/// Growth of the resident memory that is none: the allocator's own pages.
const SLACK_KIB: u64 = 512;

/// Most that a new flow may cost in a full pool, compared with one that is a
/// tenth full. Tables that are full do not stay in the cache.
const MOST_TIMES: f64 = 5.0;

/// Runs all, prints the figures, and says what was wrong.
pub(crate) fn run() -> ExitCode {
    match all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("micro exhaustion: {wrong}");
            ExitCode::FAILURE
        }
    }
}

fn all() -> Result<(), String> {
    let mut crowd = Crowd::new()?;
    // By then every page of the tables has been used.
    crowd.era()?;
    crowd.era()?;
    let before = resident_kib();
    while crowd.packets() < PACKETS {
        crowd.era()?;
    }
    let grown = resident_kib().saturating_sub(before);
    crowd.print(grown);
    crowd.check_counters()?;
    if crowd.allocations() > 0 {
        return Err(format!("{} allocations", crowd.allocations()));
    }
    if grown > SLACK_KIB {
        return Err(format!("memory has grown by {grown} KiB"));
    }
    for kind in cost::Kind::ALL {
        let [tenth, nearly, full] = kind.measure()?;
        println!(
            r#"{{"new flow": "{}", "ns at 10 %": {tenth:.0}, "ns at 99 %": {nearly:.0}, "ns refused": {full:.0}}}"#,
            kind.name()
        );
        if nearly.max(full) > tenth * MOST_TIMES {
            return Err(format!(
                "a new flow costs more the fuller {} is",
                kind.name()
            ));
        }
    }
    Ok(())
}

/// Resident memory of this process.
fn resident_kib() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4
}
