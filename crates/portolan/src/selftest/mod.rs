//! `portolan selftest`: what the standards ask for, tried on the engine of this very program.
//!
//! ```text
//!  cases.txt ─> Case: row, what must hold, steps ─> engine in virtual time ─> held or not
//! ```
//!
//! A case is a few lines of packets and what becomes of them ([`script`]); the report prints
//! them with the result, so that it says itself what was tried. It takes rows that a few packets
//! can show; the whole table, with all its tests, is `docs/rfc-compliance.md`.

mod packet;
mod script;

use std::fmt::Write as _;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Serialize;

use crate::whois;
use script::{Case, Run};

/// How it is printed.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// All cases.
const CASES: &str = include_str!("cases.txt");

/// The configuration they are tried on.
const CONFIG: &str = include_str!("selftest.yaml");

/// The whole outcome.
#[derive(Debug, Serialize)]
struct Report {
    program: &'static str,
    version: &'static str,
    date: String,
    held: usize,
    rows: Vec<Row>,
}

/// One row of a standard.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(rename = "row")]
    id: &'static str,
    /// What must hold.
    clause: &'static str,
    tried: Vec<&'static str>,
    held: bool,
    /// The step that went otherwise, and how.
    otherwise: Option<String>,
}

/// Tries all rows; answers how many did not hold.
pub(crate) fn selftest(options: &Options) -> Result<usize, io::Error> {
    let report = report(CASES, CONFIG).map_err(io::Error::other)?;
    let text = if options.json {
        let mut json = serde_json::to_string(&report).unwrap_or_default();
        json.push('\n');
        json
    } else {
        text(&report)
    };
    whois::print(&text)?;
    Ok(report.rows.len() - report.held)
}

fn report(cases: &'static str, config: &str) -> Result<Report, String> {
    let config = config::parse("selftest.yaml", config)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<String>())?;
    let mut rows = Vec::new();
    for case in Case::all(cases)? {
        let otherwise = Run::new(&config)?.play(&case)?;
        rows.push(Row {
            id: case.row,
            clause: case.clause,
            tried: case.steps,
            held: otherwise.is_none(),
            otherwise,
        });
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.map_or(0, |since| since.as_secs());
    Ok(Report {
        program: "portolan",
        version: env!("CARGO_PKG_VERSION"),
        date: whois::rfc3339(i64::try_from(seconds).unwrap_or_default()),
        held: rows.iter().filter(|row| row.held).count(),
        rows,
    })
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} {}, {}: {} of {} rows held\n",
        report.program,
        report.version,
        report.date,
        report.held,
        report.rows.len()
    );
    for row in &report.rows {
        let mark = if row.held { "held" } else { "FAILED" };
        let _ = writeln!(text, "{mark:<7} {:<17} {}", row.id, row.clause);
        if let Some(otherwise) = &row.otherwise {
            for step in &row.tried {
                let _ = writeln!(text, "{:26}{step}", "");
            }
            let _ = writeln!(text, "{:26}but: {otherwise}", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_holds() {
        let report = report(CASES, CONFIG).expect("cases that can be read");
        for row in &report.rows {
            assert_eq!(row.otherwise, None, "{}", row.id);
        }
        assert!(report.rows.len() >= 20);
    }

    #[test]
    fn rows_are_those_of_the_page() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rfc-compliance.md");
        let page = std::fs::read_to_string(page).expect("docs/rfc-compliance.md");
        for case in Case::all(CASES).expect("cases that can be read") {
            let starts = |end| format!("\n| {}{end}", case.row);
            assert!(
                page.contains(&starts(" ")) || page.contains(&starts(",")),
                "{}",
                case.row
            );
        }
    }

    /// Each case fails on an engine that does something else, or shows nothing.
    #[test]
    fn cases_notice_another_behaviour() {
        let fails = |from: &str, to: &str| -> Vec<&'static str> {
            let config = CONFIG.replace(from, to);
            assert_ne!(config, CONFIG, "{from} is in the file");
            let report = report(CASES, &config).expect("a file that is good");
            let rows = report.rows.into_iter();
            rows.filter(|row| !row.held).map(|row| row.id).collect()
        };
        let endpoint = "mapping: endpoint-independent";
        let broken = fails(endpoint, "mapping: address-and-port-dependent");
        assert!(
            broken.contains(&"RFC4787 REQ-1") && broken.contains(&"RFC5382 REQ-1"),
            "{broken:?}"
        );
        let broken = fails(
            "filtering: address-dependent",
            "filtering: endpoint-independent",
        );
        assert!(
            broken.contains(&"RFC4787 REQ-8") && broken.contains(&"RFC5382 REQ-4"),
            "{broken:?}"
        );
        let broken = fails("hairpin: { enabled: true", "hairpin: { enabled: false");
        assert!(
            broken.contains(&"RFC4787 REQ-9") && broken.contains(&"RFC5382 REQ-8"),
            "{broken:?}"
        );
        let broken = fails("tcp_established: 7440s", "tcp_established: 60s");
        assert!(broken.contains(&"RFC5382 REQ-5"), "{broken:?}");
        let broken = fails("icmp: 60s", "icmp: 30s");
        assert!(broken.contains(&"RFC5508 REQ-2"), "{broken:?}");
        let broken = fails("ports: { udp: 64 }", "ports: { udp: 640 }");
        assert!(broken.contains(&"RFC6888 REQ-4"), "{broken:?}");
    }

    #[test]
    fn a_report_says_what_was_tried_where_it_failed() {
        let cases = "RFC0 REQ-0: pigs fly\nudp 10.64.0.7:5000 > 192.0.2.1:7000 dropped\n";
        let report = report(cases, CONFIG).expect("a case that can be read");
        let text = text(&report);
        assert!(text.contains("0 of 1 rows held"), "{text}");
        assert!(
            text.contains("udp 10.64.0.7:5000 > 192.0.2.1:7000 dropped"),
            "{text}"
        );
        assert!(text.contains("but: "), "{text}");
    }
}
