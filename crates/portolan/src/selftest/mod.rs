//! `portolan selftest`: the compliance table, tried on the engine of this very program.
//!
//! ```text
//!  docs/rfc-compliance.md ─page─> rows ──┐
//!  cases.txt ─case─> steps for each row ─┴─> engine in virtual time ─> held, failed, or why not tried
//! ```
//!
//! Page and cases are part of the program. Every row of the page has a case or departs (a test);
//! what packets in and out of one engine cannot show says so and is shown by the page's tests.

mod case;
mod packet;
mod page;
mod script;

use std::fmt::Write as _;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde::Serialize;

use crate::whois;
use case::Case;
use page::Entry;
use script::Run;

/// What is tried, and how it is printed.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Only rows of this standard, such as 4787; may be given several times.
    #[arg(long, value_name = "NUMBER")]
    rfc: Vec<String>,
    /// Print JSON instead of text: also what was tried, step by step.
    #[arg(long)]
    json: bool,
}

/// How each row is tried.
const CASES: &str = include_str!("cases.txt");

/// The whole outcome.
#[derive(Debug, Serialize)]
struct Report {
    program: &'static str,
    version: &'static str,
    date: String,
    held: usize,
    failed: usize,
    rows: Vec<Row>,
}

/// What came of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Held,
    Failed,
    /// By choice, see `why`.
    Departs,
    /// Not by this means, see `why`.
    Untried,
}

/// One row of the table.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(rename = "row")]
    id: &'static str,
    /// What must hold.
    clause: &'static str,
    /// How strongly, in the page's letters.
    level: &'static str,
    state: State,
    tried: Vec<&'static str>,
    /// The step that went otherwise, and how; or why it was not tried.
    why: Option<String>,
}

/// Tries the rows; answers how many did not hold.
///
/// # Errors
///
/// No such rows, or standard output.
pub(crate) fn selftest(options: &Options) -> Result<usize, io::Error> {
    let entries = page::entries().into_iter();
    let wanted = entries.filter(|entry| {
        options.rfc.is_empty() || options.rfc.iter().any(|rfc| is_of(entry.id, rfc))
    });
    let report = report(wanted, CASES).map_err(io::Error::other)?;
    if report.rows.is_empty() {
        return Err(io::Error::other("the table has no rows of this standard"));
    }
    let text = if options.json {
        let mut json = serde_json::to_string(&report).unwrap_or_default();
        json.push('\n');
        json
    } else {
        text(&report)
    };
    whois::print(&text)?;
    Ok(report.failed)
}

/// Whether a row is one of a standard, named as `4787`, `RFC4787` or `rfc 4787`.
fn is_of(id: &str, rfc: &str) -> bool {
    let number = rfc.trim_start_matches(|c: char| !c.is_ascii_digit());
    // The rows of PCP have numbers of their own.
    let of = id.strip_prefix("RFC").unwrap_or("6887");
    of.split(|c: char| !c.is_ascii_digit()).next() == Some(number)
}

fn report(entries: impl Iterator<Item = Entry>, cases: &'static str) -> Result<Report, String> {
    let cases = Case::all(cases)?;
    let mut rows = Vec::new();
    for entry in entries {
        let case = cases.iter().find(|case| case.is_for(entry.id));
        let (state, why) = outcome(&entry, case)?;
        rows.push(Row {
            id: entry.id,
            clause: entry.clause,
            level: entry.level,
            state,
            tried: case.map_or(Vec::new(), |case| case.lines.clone()),
            why,
        });
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = now.map_or(0, |since| since.as_secs());
    let count = |state| rows.iter().filter(|row| row.state == state).count();
    Ok(Report {
        program: "portolan",
        version: env!("CARGO_PKG_VERSION"),
        date: whois::rfc3339(i64::try_from(seconds).unwrap_or_default()),
        held: count(State::Held),
        failed: count(State::Failed),
        rows,
    })
}

fn outcome(entry: &Entry, case: Option<&Case>) -> Result<(State, Option<String>), String> {
    if let Some(why) = entry.departs {
        return Ok((State::Departs, Some(why.into())));
    }
    let case = case.ok_or_else(|| format!("{}: no case", entry.id))?;
    if let Some(why) = case.untried() {
        return Ok((State::Untried, Some(why.into())));
    }
    let run = Run::new(&case.given).map_err(|why| format!("{}: {why}", entry.id));
    Ok(match run?.play(case)? {
        None => (State::Held, None),
        otherwise => (State::Failed, otherwise),
    })
}

fn text(report: &Report) -> String {
    let count = |state| report.rows.iter().filter(|row| row.state == state).count();
    let mut text = format!(
        "{} {}, {}: of {} rows {} held, {} failed, {} depart, {} not tried\n\n",
        report.program,
        report.version,
        report.date,
        report.rows.len(),
        report.held,
        report.failed,
        count(State::Departs),
        count(State::Untried)
    );
    for row in &report.rows {
        let mark = match row.state {
            State::Held => "held",
            State::Failed => "FAILED",
            State::Departs => "departs",
            State::Untried => "-",
        };
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "{mark:<8} {:<25} {:<6} {}",
            row.id, row.level, row.clause
        );
        if row.state == State::Failed {
            for step in &row.tried {
                let _ = writeln!(text, "{:35}{step}", "");
            }
        }
        if let Some(why) = &row.why {
            let but = if row.state == State::Failed {
                "but: "
            } else {
                ""
            };
            let _ = writeln!(text, "{:35}{but}{why}", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(cases: &'static str) -> Report {
        report(page::entries().into_iter(), cases).expect("cases that can be read")
    }

    fn failed(report: &Report) -> Vec<&'static str> {
        let rows = report.rows.iter().filter(|row| row.state == State::Failed);
        rows.map(|row| row.id).collect()
    }

    #[test]
    fn every_row_that_is_tried_holds() {
        let report = all(CASES);
        assert_eq!(report.failed, 0, "{}", text(&report));
        assert!(report.held >= HELD, "{}", text(&report));
    }

    /// No fewer are tried from now on.
    const HELD: usize = 103;

    #[test]
    fn cases_are_for_rows_that_are_met() {
        let rows = page::entries();
        let mut seen = std::collections::BTreeSet::new();
        for case in Case::all(CASES).expect("cases that can be read") {
            let mut rows = rows.iter().filter(|row| case.is_for(row.id));
            assert!(
                rows.any(|row| row.departs.is_none()),
                "{} is no row",
                case.row
            );
            assert!(seen.insert(case.row), "{} is there twice", case.row);
            assert_ne!(
                case.untried().is_none(),
                case.steps().next().is_none(),
                "{}",
                case.row
            );
        }
    }

    /// Rows fail on an engine that does something else.
    #[test]
    fn cases_notice_another_behaviour() {
        for (place, rows) in [
            (
                "rule mapping: address-and-port-dependent",
                "RFC4787 REQ-1|RFC5382 REQ-1",
            ),
            (
                "rule filtering: address-and-port-dependent",
                "RFC4787 REQ-8|RFC5382 REQ-3",
            ),
            (
                "rule hairpin: { enabled: false }",
                "RFC4787 REQ-9|RFC5382 REQ-8, 8a",
            ),
            ("rule paired: false", "RFC4787 REQ-2|RFC6888 REQ-2"),
            ("timeouts tcp_established: 60s", "RFC5382 REQ-5|RFC7857 §2"),
            ("timeouts udp: 120s", "RFC4787 REQ-5c|RFC4787 REQ-6"),
            ("timeouts icmp: 30s", "RFC5508 REQ-2"),
            ("inside icmp_errors: false", "RFC5508 REQ-8|RFC5508 REQ-10a"),
        ] {
            let cases = CASES.replacen("\n\n", &format!("\ngiven {place}\n\n"), 1);
            let failed = failed(&all(cases.leak()));
            for row in rows.split('|') {
                assert!(
                    failed.contains(&row),
                    "{place}: {row} held; {failed:?} failed"
                );
            }
        }
    }

    #[test]
    fn a_report_says_what_was_tried_where_it_failed() {
        let only = page::entries().into_iter().take(1);
        let (head, _) = CASES.split_once("\n\n").expect("what is given to all");
        let case = "RFC4787 REQ-1\nudp A:5000 > X:7000 dropped\n";
        let cases = format!("{head}\n\n{case}").leak();
        let text = text(&report(only, cases).expect("a case that can be read"));
        assert!(text.contains("of 1 rows 0 held, 1 failed"), "{text}");
        assert!(text.contains("udp A:5000 > X:7000 dropped\n"), "{text}");
        assert!(text.contains("but: "), "{text}");
    }

    #[test]
    fn rows_are_found_by_their_standard() {
        for rfc in ["4787", "RFC4787", "rfc 4787"] {
            assert!(is_of("RFC4787 REQ-3a", rfc) && !is_of("RFC5382 REQ-1", rfc));
        }
        assert!(
            is_of("PCP-7", "6887") && is_of("RFC7422-1", "7422") && is_of("RFC7857 §2", "7857")
        );
    }
}
