//! Zone policy, packet by packet: who may go where, what answers, what gateways announce.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod announced;
mod asked;
mod pairs;
mod passed;
mod reload;
mod routed;
mod translated;

use std::fmt::Write as _;

use serde_json::Value;
use testkit::Seen;
use tests::{Config, Outcome, Pipe};

/// Zones `inside` and `outside` with a pair each, from classes to what is done with them.
///
/// `classes` are `name: keys`, `out` and `back` are policies as `class action`, `None` for no pair.
pub(crate) fn zoned(
    config: Config,
    classes: &[(&str, &str)],
    out: Option<&[(&str, &str)]>,
    back: Option<&[(&str, &str)]>,
) -> Config {
    let mut text = String::from("zones:\n  classes:\n");
    for (name, keys) in classes {
        writeln!(text, "    - {{ name: {name}, {keys} }}").unwrap();
    }
    text += "  policies:\n";
    for (name, policy) in [("out", out), ("back", back)] {
        let entries: Vec<String> = policy
            .unwrap_or_default()
            .iter()
            .map(|(class, action)| format!("{{ class: {class}, action: {action} }}"))
            .collect();
        let entries = entries.join(", ");
        writeln!(text, "    - {{ name: {name}, classes: [{entries}] }}").unwrap();
    }
    text += "  pairs:\n";
    if out.is_some() {
        text += "    - { name: in-out, from: inside, to: outside, policy: out }\n";
    }
    if back.is_some() {
        text += "    - { name: out-in, from: outside, to: inside, policy: back }\n";
    }
    config.top(text.trim_end())
}

/// Nothing is translated: one rule that passes what comes from inside.
pub(crate) fn routed() -> Config {
    Config::new().rule_before("name: routed, inside: inside, action: pass")
}

/// It left as one packet, whatever became of its payload.
#[track_caller]
pub(crate) fn through(outcome: &Outcome) -> Seen {
    assert_eq!(outcome.verdict, "forward", "{outcome:?}");
    assert_eq!(outcome.left.len(), 1, "expected one packet: {outcome:?}");
    outcome.left[0].seen.clone()
}

/// The row of a class.
#[track_caller]
pub(crate) fn row(nat: &mut Pipe, pair: &str, class: &str) -> Value {
    let rows = nat.show("zones");
    let found = rows
        .iter()
        .find(|row| row["name"] == pair && row["class"] == class);
    found.unwrap_or_else(|| panic!("no row: {rows:?}")).clone()
}

/// Packets and sessions of a class.
#[track_caller]
pub(crate) fn uses(nat: &mut Pipe, pair: &str, class: &str) -> (u64, u64) {
    let row = row(nat, pair, class);
    (
        row["packets"].as_u64().unwrap(),
        row["sessions"].as_u64().unwrap(),
    )
}
