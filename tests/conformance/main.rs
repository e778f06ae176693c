//! `docs/rfc-compliance.md` says of every row of the standards whether it is
//! met, and names the tests that show it. Here the page is held to its word.
//!
//! ```text
//!  docs/rfc-compliance.md --page--> entries --+
//!                       rows that must be --->+--> problems, none of which may be
//!     tests/, crates/ --sources--> tests ---->+
//! ```
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod page;
mod rows;
mod selftest;
mod sources;

use std::path::Path;

use page::{Entry, Page};
use rows::{IN_WORK, MAY_DEPART, ROWS};

/// Where the repository begins.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The page as it is.
fn page() -> Page {
    let path = Path::new(ROOT).join("docs/rfc-compliance.md");
    Page::parse(&std::fs::read_to_string(path).expect("docs/rfc-compliance.md"))
}

/// Whether a row says MUST or MUST NOT, alone or besides others.
fn is_must(level: &str) -> bool {
    level
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| matches!(word, "M" | "MN"))
}

/// What is wrong with one row.
fn faults(entry: &Entry, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    if entry.words.is_empty() {
        faults.push("does not say what must hold".into());
    }
    if entry.level.is_empty() {
        faults.push("has no level".into());
    }
    match entry.state.as_str() {
        "met" => {
            if entry.tests.is_empty() {
                faults.push("is met, and names no test".into());
            }
            faults.extend(
                entry
                    .tests
                    .iter()
                    .filter(|test| !exists(test))
                    .map(|test| format!("names `{test}`, which does not exist")),
            );
        }
        "departs" => {
            if entry.shown_by.chars().filter(|c| c.is_alphabetic()).count() < 20 {
                faults.push("departs without a reason".into());
            }
            if is_must(&entry.level) && !MAY_DEPART.contains(&entry.id.as_str()) {
                faults.push("is a MUST and departs, which no requirement allows".into());
            }
        }
        other => faults.push(format!("is `{other}`, neither met nor departs")),
    }
    faults
        .into_iter()
        .map(|fault| format!("{} {fault}", entry.id))
        .collect()
}

/// Rows of the standards that the page leaves out, has twice, has made up or plays down.
fn miscounted(page: &Page, rows: &[(&str, &str)], in_work: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for (row, level) in rows {
        let place = if in_work.contains(row) {
            &page.in_work
        } else {
            &page.ids
        };
        let times = page.ids.iter().chain(&page.in_work);
        match times.filter(|id| id == row).count() {
            0 => faults.push(format!("{row} is missing")),
            1 if !place.iter().any(|id| id == row) => {
                faults.push(format!("{row} is in the wrong part of the page"));
            }
            1 => {}
            times => faults.push(format!("{row} is there {times} times")),
        }
        let played_down = |entry: &&Entry| entry.id == *row && entry.level != *level;
        if let Some(entry) = page.entries.iter().find(played_down) {
            faults.push(format!("{row} is {level}, not {}", entry.level));
        }
    }
    for id in page.ids.iter().chain(&page.in_work) {
        if !rows.iter().any(|(row, _)| row == id) {
            faults.push(format!("{id} is no row of the standards"));
        }
    }
    faults
}

/// Every row of the standards has its place on the page.
#[test]
fn every_row_of_the_standards_is_on_the_page() {
    let faults = miscounted(&page(), ROWS, IN_WORK);
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Every row is met and its tests are there, or it departs for a reason.
#[test]
fn every_row_is_met_by_tests_or_departs_for_a_reason() {
    let faults: Vec<String> = page()
        .entries
        .iter()
        .flat_map(|entry| faults(entry, |test| sources::exists(Path::new(ROOT), test)))
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Only rows that are MUSTs need leave to depart, and those that have it use it.
#[test]
fn leave_to_depart_is_given_to_musts_that_depart() {
    let page = page();
    for id in MAY_DEPART {
        let entry = page.entries.iter().find(|entry| entry.id == *id);
        let entry = entry.unwrap_or_else(|| panic!("{id} is not on the page"));
        assert!(is_must(&entry.level) && entry.state == "departs", "{id}");
    }
}

/// Each fault is found where there is one.
#[test]
fn a_page_with_faults_is_found_out() {
    let exists = |test: &str| test == "wire::ttl::one";
    for (line, fault) in [
        ("| A 1 | w | S | met | `wire::ttl::one` |", None),
        (
            "| A 1 | w | S | met | `wire::ttl::two` |",
            Some("does not exist"),
        ),
        ("| A 1 | w | S | met | by nature |", Some("names no test")),
        (
            "| A 1 | w | M | maybe | `wire::ttl::one` |",
            Some("neither met nor departs"),
        ),
        ("| A 1 | w | S | departs | |", Some("without a reason")),
        (
            "| A 1 | w | M / S | departs | others do so as well, it is said |",
            Some("no requirement allows"),
        ),
        (
            "| A 1 | w | MN | departs | others do so as well, it is said |",
            Some("no requirement allows"),
        ),
        (
            "| A 1 | w | S, SN | departs | others do so as well, it is said |",
            None,
        ),
        ("| A 1 | | S | met | `wire::ttl::one` |", Some("must hold")),
        ("| A 1 | w | | met | `wire::ttl::one` |", Some("no level")),
    ] {
        let page = Page::parse(line);
        assert_eq!(page.entries.len(), 1, "{line}");
        let found = faults(&page.entries[0], exists);
        match fault {
            None => assert!(found.is_empty(), "{line}: {found:?}"),
            Some(fault) => {
                assert_eq!(found.len(), 1, "{line}: {found:?}");
                assert!(found[0].contains(fault), "{line}: {found:?}");
            }
        }
    }
}

/// A row that is missing, made up, repeated, played down or in the wrong part is found.
#[test]
fn a_page_with_wrong_rows_is_found_out() {
    let text = "| A 1 | w | S | met | x |\n| A 2 | w | S | met | x |\n| A 2 | w | S | met | x |\n\
                | A 9 | w | S | met | x |\n## Rows in work\n| A 3 | w | S | x |\n| A 4 | w | S | x |\n";
    let faults = miscounted(
        &Page::parse(text),
        &[
            ("A 1", "M"),
            ("A 2", "S"),
            ("A 3", "S"),
            ("A 4", "S"),
            ("A 5", "S"),
        ],
        &["A 4"],
    );
    assert_eq!(
        faults,
        [
            "A 1 is M, not S",
            "A 2 is there 2 times",
            "A 3 is in the wrong part of the page",
            "A 5 is missing",
            "A 9 is no row of the standards",
        ]
    );
}
