//! Reading a map key by key: types, defaults, unknown and repeated keys.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::collections::HashMap;

use base::Prefix;

use crate::error::{At, Report, Wrong};
use crate::keys::{self, Key};
use crate::model::Dependence;
use crate::node::{Entry, Kind, Node};
use crate::text::{self, shown};

/// A value with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found<T> {
    pub(crate) at: At,
    pub(crate) value: T,
}

/// One map of the file, whose keys have been checked against the known ones.
#[derive(Debug)]
pub(crate) struct Section<'n> {
    pub(crate) at: At,
    entries: HashMap<&'n str, &'n Entry>,
    is_map: bool,
    keys: &'n [Key],
    /// Known keys that unknown ones probably meant.
    misspelt: Vec<&'static str>,
}

impl<'n> Section<'n> {
    /// Takes `node` as a map with keys out of `keys`; reports everything else.
    pub(crate) fn open(node: &'n Node, label: &str, keys: &'n [Key], report: &mut Report) -> Self {
        let mut entries: HashMap<&str, &Entry> = HashMap::new();
        let mut misspelt = Vec::new();
        let is_map = matches!(node.kind, Kind::Null | Kind::Map(_));
        match &node.kind {
            Kind::Null => {}
            Kind::Map(map) => {
                for entry in map {
                    if !keys.iter().any(|key| key.name == entry.key) {
                        let what = format!("unknown key {} in {label}", shown(&entry.key));
                        let known: Vec<&'static str> = names(keys).collect();
                        report.error(entry.at, what, suggestion(&entry.key, &known));
                        misspelt.extend(nearest(&entry.key, &known));
                    } else if let Some(first) = entries.get(entry.key.as_str()) {
                        let what = format!(
                            "{} is given twice, first at {}",
                            shown(&entry.key),
                            first.at
                        );
                        report.error(entry.at, what, "keep one of the two");
                    } else {
                        entries.insert(&entry.key, entry);
                    }
                }
            }
            Kind::Scalar(_) | Kind::List(_) => {
                let what = format!("{label} is {}, not a map", node.noun());
                let known: Vec<&'static str> = names(keys).collect();
                report.error(node.at, what, expected_keys(&known));
            }
        }
        Self {
            at: node.at,
            entries,
            is_map,
            keys,
            misspelt,
        }
    }

    /// Whether `key` is absent and nothing reported so far explains why.
    pub(crate) fn lacks(&self, key: &str) -> bool {
        self.child(key).is_none() && !self.obscured(key)
    }

    /// Whether the map is none, or `key` is probably there with a slip of the pen.
    pub(crate) fn obscured(&self, key: &str) -> bool {
        !self.is_map || self.misspelt.contains(&key)
    }

    /// The value of `key`; `null` counts as absent.
    pub(crate) fn child(&self, key: &str) -> Option<&'n Node> {
        let entry = self.entries.get(key)?;
        (!entry.value.is_null()).then_some(&entry.value)
    }

    /// Where the value of `key` is, or the map if there is none.
    pub(crate) fn at(&self, key: &str) -> At {
        self.child(key).map_or(self.at, |node| node.at)
    }

    /// Where `key` itself is, or the map if there is none.
    pub(crate) fn key_at(&self, key: &str) -> At {
        self.entries.get(key).map_or(self.at, |entry| entry.at)
    }

    /// Reports that a key without which nothing works is missing.
    pub(crate) fn missing(&self, label: &str, key: &str, example: &str, report: &mut Report) {
        let what = format!("{label} has no `{key}`");
        report.error(self.at, what, format!("add `{key}: {example}`"));
    }

    /// A single value, read by `parse`.
    pub(crate) fn value<T>(
        &self,
        key: &str,
        report: &mut Report,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<Found<T>> {
        let node = self.child(key)?;
        scalar(node, key, report, parse)
    }

    /// A number in the range declared for the key.
    pub(crate) fn number<T: TryFrom<u64>>(&self, key: &str, report: &mut Report) -> Option<T> {
        let declared = self.keys.iter().find(|declared| declared.name == key);
        let Some(keys::Kind::Number(least, most)) = declared.map(|declared| declared.kind) else {
            return None;
        };
        let range = least..=most;
        let found = self.value(key, report, |text| text::integer(text, &range))?;
        T::try_from(found.value).ok()
    }

    pub(crate) fn boolean(&self, key: &str, default: bool, report: &mut Report) -> bool {
        self.value(key, report, text::boolean)
            .map_or(default, |found| found.value)
    }

    /// A duration of at least `least`.
    pub(crate) fn duration(
        &self,
        key: &str,
        least: Duration,
        report: &mut Report,
    ) -> Option<Duration> {
        let found = self.value(key, report, |text| {
            let time = text::duration(text)?;
            if time < least {
                let what = format!("{} is too short", shown(text));
                let least = if least.subsec_millis() == 0 {
                    format!("{}s", least.as_secs())
                } else {
                    format!("{}ms", least.as_millis())
                };
                return Err(Wrong::new(what, format!("write {least} or more")));
            }
            Ok(time)
        })?;
        Some(found.value)
    }

    /// The items of a list, or a single value as a list of one; `None` if absent.
    pub(crate) fn items(&self, key: &str) -> Option<&'n [Node]> {
        let node = self.child(key)?;
        match &node.kind {
            Kind::List(items) => Some(items),
            _ => Some(core::slice::from_ref(node)),
        }
    }

    /// Each item of a list, read by `parse`; items that cannot be read are reported and left out.
    pub(crate) fn values<T>(
        &self,
        key: &str,
        report: &mut Report,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<Vec<Found<T>>> {
        let items = self.items(key)?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.extend(scalar(item, key, report, &parse));
        }
        Some(values)
    }

    /// One of RFC 4787's three words.
    pub(crate) fn dependence(&self, key: &str, report: &mut Report) -> Dependence {
        self.value(key, report, |text| match text {
            "endpoint-independent" => Ok(Dependence::EndpointIndependent),
            "address-dependent" => Ok(Dependence::AddressDependent),
            "address-and-port-dependent" => Ok(Dependence::AddressAndPortDependent),
            _ => Err(Wrong::new(
                format!("{} is not a behaviour", shown(text)),
                "write endpoint-independent, address-dependent or address-and-port-dependent",
            )),
        })
        .map_or(Dependence::EndpointIndependent, |found| found.value)
    }

    /// Source or destination prefixes.
    pub(crate) fn prefixes(&self, key: &str, report: &mut Report) -> Option<Vec<Found<Prefix>>> {
        self.values(key, report, text::prefix)
    }

    pub(crate) fn address(&self, key: &str, report: &mut Report) -> Option<Found<Ipv4Addr>> {
        self.value(key, report, text::address)
    }
}

/// The maps of the list under `key`.
pub(crate) fn list<'n>(
    section: &Section<'n>,
    key: &str,
    most: usize,
    report: &mut Report,
) -> &'n [Node] {
    let Some(node) = section.child(key) else {
        return &[];
    };
    let Kind::List(items) = &node.kind else {
        let what = format!("`{key}` is {}, not a list", node.noun());
        report.error(node.at, what, "start each item with `- `, or write `[ … ]`");
        return &[];
    };
    if let Some(extra) = items.get(most) {
        let what = format!("`{key}` has {} items", items.len());
        report.error(extra.at, what, format!("keep at most {most}"));
        return &[];
    }
    items
}

/// A single value, read by `parse`.
pub(crate) fn scalar<T>(
    node: &Node,
    key: &str,
    report: &mut Report,
    parse: impl FnOnce(&str) -> Result<T, Wrong>,
) -> Option<Found<T>> {
    let Kind::Scalar(text) = &node.kind else {
        let what = format!("`{key}` has {} where a single value belongs", node.noun());
        report.error(node.at, what, "write one value");
        return None;
    };
    match parse(text) {
        Ok(value) => Some(Found { at: node.at, value }),
        Err(wrong) => {
            report.error(node.at, format!("`{key}`: {}", wrong.what), wrong.remedy);
            None
        }
    }
}

/// Names given so far, to find the second of two.
#[derive(Debug, Default)]
pub(crate) struct Names(HashMap<String, At>);

impl Names {
    pub(crate) fn add(&mut self, kind: &str, name: &Found<String>, report: &mut Report) {
        if let Some(first) = self.0.get(&name.value) {
            let what = format!(
                "two {kind} are called {}, the first at {first}",
                shown(&name.value)
            );
            report.error(name.at, what, "give each its own name");
        } else {
            self.0.insert(name.value.clone(), name.at);
        }
    }
}

fn names(keys: &[Key]) -> impl Iterator<Item = &'static str> {
    keys.iter().map(|key| key.name)
}

/// A remedy for a word that is not among `known`.
pub(crate) fn suggestion(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => expected_keys(known),
    }
}

/// The known word that `word` differs from by little.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .take(MOST_COMPARED)
        .map(|&candidate| (distance(word, candidate), candidate))
        .min_by_key(|&(distance, _)| distance)
        .filter(|&(distance, candidate)| distance <= 1 + candidate.len() / 3)
        .map(|(_, candidate)| candidate)
}

fn expected_keys(keys: &[&str]) -> String {
    if keys.is_empty() {
        "leave it out".to_owned()
    } else if let Some(some) = keys.get(..MOST_LISTED).filter(|_| keys.len() > MOST_LISTED) {
        format!("known here: {} and others", some.join(", "))
    } else {
        format!("known here: {}", keys.join(", "))
    }
}

/// Names of a file can be thousands, keys are not.
const MOST_COMPARED: usize = 64;
const MOST_LISTED: usize = 20;

/// Edit distance; long words are far from everything.
fn distance(a: &str, b: &str) -> usize {
    if a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().flat_map(char::to_lowercase).enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for ((&y, &diagonal), &above) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or(0);
            next.push(
                (diagonal + usize::from(x != y))
                    .min(above + 1)
                    .min(left + 1),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_its_key() {
        assert_eq!(
            suggestion("adresses", &["addresses", "name"]),
            "did you mean `addresses`?"
        );
        assert_eq!(
            suggestion("Zone", &["addresses", "zone"]),
            "did you mean `zone`?"
        );
        assert_eq!(suggestion("xyzzy", &["zone"]), "known here: zone");
    }
}
