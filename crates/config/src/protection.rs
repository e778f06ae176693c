//! `protection`: what does not come in from outside, whatever sessions there are.

use core::time::Duration;

use crate::error::Report;
use crate::keys::keys;
use crate::machine::section;
use crate::model::{Protection, Scan};
use crate::section::Section;

keys! {
    /// Keys of `protection`.
    pub(crate) KEYS:
        "per_address" Map(PER_ADDRESS),
        "black_hole" Many(&Prefix),
        "scan" Map(SCAN);
}

keys! {
    /// Keys of `protection.per_address`.
    PER_ADDRESS:
        "packets_per_second" Number(1, 100_000_000),
        "burst" Number(1, 100_000_000),
        "icmp_per_second" Number(1, 100_000_000),
        "unsolicited_per_second" Number(1, 100_000_000),
        "black_hole_for" Duration;
}

keys! {
    /// Keys of `protection.scan`.
    SCAN:
        "ports" Number(2, 10_000),
        "window" Duration,
        "block" Duration;
}

/// Prefixes in `black_hole`: each packet from outside is compared with all of them.
const MOST_HOLES: usize = 64;

/// Shorter prefixes are a mistake.
const SHORTEST: u8 = 8;

pub(crate) fn read(top: &Section<'_>, report: &mut Report) -> Option<Protection> {
    top.child("protection")?;
    let own = section(top, "protection", KEYS, report);
    let limits = section(&own, "per_address", PER_ADDRESS, report);
    let packets = limits.number::<u32>("packets_per_second", report);
    let burst = limits.number::<u32>("burst", report);
    let second = Duration::from_secs(1);
    let shut_for = limits.duration("black_hole_for", second, report);
    for (key, given) in [
        ("burst", burst.is_some()),
        ("black_hole_for", shut_for.is_some()),
    ] {
        if given && packets.is_none() && limits.child("packets_per_second").is_none() {
            let what = format!("`{key}` has no effect without a rate");
            report.error(limits.key_at(key), what, "write `packets_per_second` too");
        }
    }
    let holes = own.prefixes("black_hole", report).unwrap_or_default();
    if let Some(extra) = holes.get(MOST_HOLES) {
        let what = format!("`black_hole` has {} prefixes", holes.len());
        report.error(extra.at, what, format!("keep at most {MOST_HOLES}"));
    }
    for hole in &holes {
        if hole.value.length() < SHORTEST {
            let what = format!("{} would keep out much of the Internet", hole.value);
            report.error(
                hole.at,
                what,
                format!("write a prefix of /{SHORTEST} or longer"),
            );
        }
    }
    Some(Protection {
        packets: packets.map(|rate| (rate, burst.unwrap_or((rate / 10).max(64)))),
        icmp: limits.number("icmp_per_second", report),
        unsolicited: limits.number("unsolicited_per_second", report),
        shut_for: shut_for.unwrap_or_default(),
        black_hole: holes.into_iter().map(|found| found.value).collect(),
        scan: scan(&own, report),
    })
}

fn scan(own: &Section<'_>, report: &mut Report) -> Option<Scan> {
    own.child("scan")?;
    let section = section(own, "scan", SCAN, report);
    let second = Duration::from_secs(1);
    Some(Scan {
        ports: section.number("ports", report).unwrap_or(100),
        window: section
            .duration("window", second, report)
            .unwrap_or(second * 10),
        block: section
            .duration("block", second, report)
            .unwrap_or(second * 600),
    })
}
