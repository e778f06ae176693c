//! YAML as a tree of texts, each with its place.
//!
//! The tree is deserialised by serde; what a scalar means (a number, an address, a
//! duration) is decided by whoever reads the key, from the text as written. So
//! `200.100` stays a pair of VLAN tags and `02:00:00:00:00:fe` a MAC address.
//!
//! Everything is bounded: nesting, nodes, what aliases may expand to.

use core::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Spanned};

use crate::error::{At, Wrong};

/// A value and where it is.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) kind: Kind,
}

/// What a value is, before anybody asks for a type.
#[derive(Debug)]
pub(crate) enum Kind {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value; keys may repeat here, whoever reads the map objects.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: At,
    pub(crate) value: Node,
}

impl Node {
    /// Reads one YAML document.
    pub(crate) fn parse(text: &str) -> Result<Self, (At, Wrong)> {
        let options = serde_saphyr::options! {
            duplicate_keys: DuplicateKeyPolicy::LastWins,
            merge_keys: MergeKeyPolicy::AsOrdinary,
            non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
            with_snippet: false,
            alias_limits: serde_saphyr::alias_limits! {
                max_total_replayed_events: MOST_ALIASED,
                max_replay_stack_depth: DEEPEST,
            },
            budget: serde_saphyr::budget! {
                max_depth: DEEPEST,
                flow_nesting_limit: DEEPEST,
                max_nodes: MOST_NODES,
                max_events: 2 * MOST_NODES,
            },
        };
        let tree: Spanned<Value> =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| syntax(&error))?;
        Self::build(tree, text)
    }

    /// What an error message calls this value.
    pub(crate) fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The value of a key, if this is a map that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Self> {
        let Kind::Map(entries) = &self.kind else {
            return None;
        };
        let found = entries.iter().find(|entry| entry.key == key)?;
        (!found.value.is_null()).then_some(&found.value)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    fn build(value: Spanned<Value>, text: &str) -> Result<Self, (At, Wrong)> {
        let at = place(value.referenced);
        let kind = match value.value {
            Value::Null => Kind::Null,
            Value::Text(text) => Kind::Scalar(text),
            Value::Plain => Kind::Scalar(source(value.defined, text).to_owned()),
            Value::List(items) => Kind::List(
                items
                    .into_iter()
                    .map(|item| Self::build(item, text))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Map(pairs) => Kind::Map(
                pairs
                    .into_iter()
                    .map(|(key, value)| Entry::build(key, value, text))
                    .collect::<Result<_, _>>()?,
            ),
        };
        Ok(Self { at, kind })
    }
}

impl Entry {
    fn build(key: Spanned<Value>, value: Spanned<Value>, text: &str) -> Result<Self, (At, Wrong)> {
        let key = Node::build(key, text)?;
        let Kind::Scalar(name) = key.kind else {
            let what = format!("a key is {}", key.noun());
            return Err((key.at, Wrong::new(what, "write keys as plain words")));
        };
        Ok(Self {
            key: name,
            at: key.at,
            value: Node::build(value, text)?,
        })
    }
}

/// As serde hands it over; `Plain` is something YAML takes for a number or a
/// boolean, whose text is then read from the file.
enum Value {
    Null,
    Plain,
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<Self>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Plain)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Plain)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Value, E> {
        Ok(Value::Plain)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Plain)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Value, E> {
        Ok(Value::Plain)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Plain)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(pair) = pairs.next_entry()? {
            map.push(pair);
        }
        Ok(Value::Map(map))
    }
}

fn place(location: Location) -> At {
    let bounded = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).max(1);
    At {
        line: bounded(location.line()),
        column: bounded(location.column()),
    }
}

/// The text of a plain scalar as it stands in the file.
fn source(location: Location, text: &str) -> &str {
    let span = location.span();
    let range = || {
        let start = usize::try_from(span.byte_offset()?).ok()?;
        let length = usize::try_from(span.byte_len()?).ok()?;
        text.get(start..start.checked_add(length)?)
    };
    range().unwrap_or_default().trim()
}

fn syntax(error: &serde_saphyr::Error) -> (At, Wrong) {
    let at = error.location().map_or(At::START, place);
    let text = error.without_snippet().to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(what, _)| what);
    let what = format!("not valid YAML: {}", text.replace(['\n', ';'], ","));
    let remedy = if text.contains("tab") {
        "indent with spaces"
    } else if text.contains("document") {
        "keep one document in the file"
    } else if text.contains("budget") || text.contains("limit") || text.contains("exceed") {
        "keep nesting, size and aliases of the file small"
    } else {
        "check indentation, brackets and quotes here and just before"
    };
    (at, Wrong::new(what, remedy))
}

/// The contract needs six levels.
const DEEPEST: usize = 16;
/// As many static mappings as are allowed have half as many.
const MOST_NODES: usize = 1_000_000;
/// Nodes that aliases may add.
const MOST_ALIASED: usize = 10_000;
