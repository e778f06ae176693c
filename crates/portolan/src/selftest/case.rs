//! Cases as they are written, and the configuration each is tried on.
//!
//! ```text
//! # a remark
//! ROW                                of docs/rfc-compliance.md
//! given PLACE KEY: VALUE             what differs from selftest.yaml, before the steps
//! STEP                               see `script`
//!
//! ROW, or ROWS-THAT-BEGIN-SO*
//! untried: why these steps cannot show it
//! ```
//!
//! The first case has no row: it is given to all others.

use std::collections::BTreeMap;

use config::Config;

/// The configuration, with places for what is given.
const TEMPLATE: &str = include_str!("selftest.yaml");

/// Keys and values for places of the template.
#[derive(Clone, Debug, Default)]
pub(super) struct Given(BTreeMap<(String, String), String>);

impl Given {
    /// Takes `PLACE KEY: VALUE` in.
    pub(super) fn take(&mut self, text: &str) -> Option<()> {
        let (place, pair) = text.split_once(' ')?;
        let (key, value) = pair.split_once(": ")?;
        let value = if value == "none" { "" } else { value };
        self.0.insert((place.into(), key.into()), value.into());
        Some(())
    }

    /// The file.
    pub(super) fn text(&self) -> String {
        let places = TEMPLATE.split('$').enumerate();
        let filled = places.map(|(number, part)| {
            if number == 0 {
                return part.to_owned();
            }
            let end = part.find(|c: char| !c.is_ascii_alphabetic());
            let (place, rest) = part.split_at(end.unwrap_or(part.len()));
            self.pairs(place) + rest
        });
        filled.collect()
    }

    /// What it says.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn config(&self) -> Result<Config, String> {
        parse(&self.text())
    }

    fn pairs(&self, place: &str) -> String {
        let pairs = self
            .0
            .iter()
            .filter(|((of, _), value)| of == place && !value.is_empty());
        let pairs = pairs.map(|((_, key), value)| format!("{key}: {value}"));
        let between = if place == "top" { "\n" } else { ", " };
        pairs.collect::<Vec<_>>().join(between)
    }
}

/// Reads a configuration's text.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn parse(text: &str) -> Result<Config, String> {
    config::parse("selftest.yaml", text).map_err(|errors| {
        let errors = errors.iter().map(|error| format!("{error}\n"));
        errors.collect()
    })
}

/// How a row is tried.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) row: &'static str,
    pub(super) given: Given,
    /// Everything that is written under the row.
    pub(super) lines: Vec<&'static str>,
}

impl Case {
    /// All cases; parted by empty lines.
    ///
    /// # Errors
    ///
    /// One that cannot be read.
    pub(super) fn all(text: &'static str) -> Result<Vec<Self>, String> {
        let mut common = Given::default();
        let mut cases = Vec::new();
        for paragraph in text.split("\n\n") {
            let mut lines = paragraph
                .lines()
                .filter(|line| !line.starts_with('#') && !line.is_empty());
            let Some(row) = lines.next() else { continue };
            let lines: Vec<&str> = lines.collect();
            let mut given = common.clone();
            for pair in lines.iter().filter_map(|line| line.strip_prefix("given ")) {
                given
                    .take(pair)
                    .ok_or_else(|| format!("{row}: not understood: given {pair}"))?;
            }
            if row == "all" {
                common = given;
            } else {
                cases.push(Self { row, given, lines });
            }
        }
        Ok(cases)
    }

    /// Whether it is for this row.
    pub(super) fn is_for(&self, row: &str) -> bool {
        match self.row.strip_suffix('*') {
            Some(begin) => row.starts_with(begin),
            None => row == self.row,
        }
    }

    /// Why it is not tried, if it is not.
    pub(super) fn untried(&self) -> Option<&'static str> {
        self.lines.first()?.strip_prefix("untried: ")
    }

    /// What is done, in order.
    pub(super) fn steps(&self) -> impl Iterator<Item = &'static str> {
        let lines = self.lines.iter().copied();
        lines.filter(|line| !line.starts_with("given ") && !line.starts_with("untried: "))
    }
}
