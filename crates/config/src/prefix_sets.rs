//! `prefix_sets`: lists of prefixes with a name, for the sources and destinations of rules.

use std::collections::BTreeMap;

use base::Prefix;

use crate::error::{At, Report, Wrong};
use crate::node::{Entry, Kind, Node};
use crate::section::{Found, Section, scalar, suggestion};
use crate::text::{self, shown};

/// The sets as rules see them.
#[derive(Debug)]
pub(crate) struct PrefixSets {
    sets: BTreeMap<String, Set>,
    /// The name of every set could be read.
    complete: bool,
    /// Prefixes that rules have taken out of sets so far.
    spent: usize,
}

#[derive(Debug)]
struct Set {
    at: At,
    prefixes: Vec<Prefix>,
    used: bool,
}

impl PrefixSets {
    pub(crate) fn read(top: &Section<'_>, report: &mut Report) -> Self {
        let mut all = Self {
            sets: BTreeMap::new(),
            complete: !top.obscured("prefix_sets"),
            spent: 0,
        };
        let Some(node) = top.child("prefix_sets") else {
            return all;
        };
        let Kind::Map(entries) = &node.kind else {
            let what = format!("`prefix_sets` is {}, not a map", node.noun());
            report.error(node.at, what, "write `NAME: [10.64.0.0/16]` for each set");
            all.complete = false;
            return all;
        };
        for entry in entries {
            all.add(entry, report);
        }
        all
    }

    fn add(&mut self, entry: &Entry, report: &mut Report) {
        if let Err(wrong) = set_name(&entry.key) {
            self.complete = false;
            report.wrong(entry.at, wrong);
        }
        if let Some(first) = self.sets.get(&entry.key) {
            let what = format!(
                "two prefix sets are called {}, the first at {}",
                shown(&entry.key),
                first.at
            );
            report.error(entry.at, what, "give each its own name");
            return;
        }
        let set = Set {
            at: entry.at,
            prefixes: prefixes(entry, report),
            used: false,
        };
        self.sets.insert(entry.key.clone(), set);
    }

    /// The prefixes under `key`, those of sets in the place of their names; `None` if absent.
    pub(crate) fn prefixes(
        &mut self,
        section: &Section<'_>,
        key: &str,
        report: &mut Report,
    ) -> Option<Vec<Prefix>> {
        let found = section.values(key, report, prefix_or_name)?;
        let mut prefixes = Vec::with_capacity(found.len());
        for Found { at, value } in found {
            match value {
                PrefixOrName::Prefix(prefix) => prefixes.push(prefix),
                PrefixOrName::Name(name) => prefixes.extend(self.named(&name, at, report)),
            }
        }
        Some(prefixes)
    }

    fn named(&mut self, name: &str, at: At, report: &mut Report) -> Vec<Prefix> {
        if let Some(set) = self.sets.get_mut(name) {
            set.used = true;
            self.spent = self.spent.saturating_add(set.prefixes.len());
            if self.spent <= MOST_SPENT {
                return set.prefixes.clone();
            }
            let what = format!(
                "with set {} rules have more than {MOST_SPENT} prefixes",
                shown(name)
            );
            report.error(
                at,
                what,
                "use wider prefixes, or fewer rules with large sets",
            );
            // Not counted, so that one large set does not condemn the rest.
            self.spent = self.spent.saturating_sub(set.prefixes.len());
        } else if self.complete {
            let known: Vec<&str> = self.sets.keys().map(String::as_str).collect();
            let remedy = if known.is_empty() {
                "add it under `prefix_sets`, or write a prefix such as `10.64.0.0/16`".to_owned()
            } else {
                suggestion(name, &known)
            };
            report.error(
                at,
                format!("there is no prefix set {}", shown(name)),
                remedy,
            );
        }
        Vec::new()
    }

    /// What nobody uses was probably meant to be.
    pub(crate) fn warn_unused(&self, report: &mut Report) {
        for (name, set) in self.sets.iter().filter(|(_, set)| !set.used) {
            let what = format!("no rule or class uses prefix set {}", shown(name));
            let remedy = "name it in `source` or `destination` of one, or leave it out";
            report.warn(set.at, what, remedy);
        }
    }
}

fn prefixes(entry: &Entry, report: &mut Report) -> Vec<Prefix> {
    let items = match &entry.value.kind {
        Kind::Null => &[],
        Kind::List(items) => items.as_slice(),
        Kind::Scalar(_) | Kind::Map(_) => core::slice::from_ref(&entry.value),
    };
    if items.is_empty() {
        let at = match entry.value.kind {
            Kind::Null => entry.at,
            _ => entry.value.at,
        };
        let what = format!("prefix set {} is empty", shown(&entry.key));
        report.error(
            at,
            what,
            "list at least one prefix, such as `[10.64.0.0/16]`",
        );
    }
    let mut read = |item: &Node| scalar(item, &entry.key, report, text::prefix);
    let prefixes = items.iter().filter_map(&mut read);
    prefixes.map(|found| found.value).collect()
}

/// A word that nobody can take for an address or a range of them.
fn set_name(text: &str) -> Result<(), Wrong> {
    text::word(text)?;
    if looks_like_name(text) {
        return Ok(());
    }
    Err(Wrong::new(
        format!("prefix set {} looks like an address", shown(text)),
        "begin the name with a letter, and use neither `/` nor `:` in it",
    ))
}

fn looks_like_name(text: &str) -> bool {
    text.starts_with(char::is_alphabetic) && !text.contains(['/', ':'])
}

enum PrefixOrName {
    Prefix(Prefix),
    Name(String),
}

fn prefix_or_name(text: &str) -> Result<PrefixOrName, Wrong> {
    if looks_like_name(text) {
        return Ok(PrefixOrName::Name(text.to_owned()));
    }
    text::prefix(text).map(PrefixOrName::Prefix)
}

/// Prefixes of sets in all rules together, each use counted.
const MOST_SPENT: usize = 1_000_000;
