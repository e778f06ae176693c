//! `portolan selftest` tries the rows of the page, all of them, in the program itself.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::page;

#[track_caller]
fn selftest(arguments: &[&str]) -> String {
    let mut program = Command::new(tests::portolan());
    let output = program.arg("selftest").args(arguments).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

/// Each row of the page is held, departs as the page says, or is not tried for a reason.
#[test]
fn every_row_of_the_page_is_in_the_report() {
    let report: Value = serde_json::from_str(&selftest(&["--json"])).unwrap();
    let rows = report["rows"].as_array().unwrap();
    let page = page();
    let ids: Vec<&str> = rows
        .iter()
        .map(|row| row["row"].as_str().unwrap())
        .collect();
    assert_eq!(ids, page.ids);
    for (row, entry) in rows.iter().zip(&page.entries) {
        let state = row["state"].as_str().unwrap();
        assert_eq!(state == "departs", entry.state == "departs", "{row}");
        assert_eq!(
            (&row["clause"], &row["level"]),
            (&entry.words.as_str().into(), &entry.level.as_str().into())
        );
        match state {
            "held" => assert!(!row["tried"].as_array().unwrap().is_empty(), "{row}"),
            "departs" | "untried" => assert!(row["why"].as_str().unwrap().len() > 10, "{row}"),
            _ => panic!("{row}"),
        }
    }
    assert_eq!(report["failed"], 0);
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert!(report["date"].as_str().unwrap().ends_with('Z'));
}

/// A standard is chosen by its number; the text says the same as the JSON.
#[test]
fn rows_of_one_standard_can_be_tried_alone() {
    let text = selftest(&["--rfc", "5508"]);
    let ids = page().ids;
    let rows: BTreeSet<&String> = ids.iter().filter(|id| id.starts_with("RFC5508")).collect();
    for id in &ids {
        let is_there = text
            .lines()
            .any(|line| line.starts_with(&format!("held     {id} ")));
        assert_eq!(is_there, rows.contains(id), "{id}: {text}");
    }
    let none = Command::new(tests::portolan())
        .args(["selftest", "--rfc", "1"])
        .output()
        .unwrap();
    assert_eq!(none.status.code(), Some(1));
}
