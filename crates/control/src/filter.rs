//! Which rows `show` and `clear` are about.
//!
//! A filter is a conjunction: a row is meant if it satisfies every part that is
//! set.  Not every part makes sense for every kind of row; [`Filter::check_show`]
//! and [`Filter::check_clear`] say so before anything is asked.

mod matches;
mod pattern;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::what::{Clearable, What};
pub use pattern::{EndpointPattern, EndpointPatternError, NamePattern};

/// The filters of one request; all parts that are set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Inside endpoint or subscriber.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inside: Option<EndpointPattern>,
    /// Outside endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside: Option<EndpointPattern>,
    /// The other side; for neighbours their own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<EndpointPattern>,
    /// Protocol, as the rows name it; case does not matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Realm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vrf: Option<String>,
    /// Rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<u16>,
    /// Name of the thing: its beginning, or a pattern with `*` and `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<NamePattern>,
    /// At most so many rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// So many rows, those with most sessions, most first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busiest: Option<usize>,
}

impl Filter {
    /// Whether every part that is set means something for `show what`.
    ///
    /// # Errors
    ///
    /// [`FilterError`] naming the first part that does not, and those that would.
    pub fn check_show(&self, what: What) -> Result<(), FilterError> {
        self.check("show", what, shown_by(what))
    }

    /// Whether every part that is set means something for `clear what`.
    ///
    /// # Errors
    ///
    /// [`FilterError`] naming the first part that does not, and those that would.
    pub fn check_clear(&self, what: Clearable) -> Result<(), FilterError> {
        self.check("clear", what.what(), cleared_by(what))
    }

    fn check(
        &self,
        verb: &'static str,
        what: What,
        possible: &'static [Part],
    ) -> Result<(), FilterError> {
        match self.parts().find(|part| !possible.contains(part)) {
            Some(part) => Err(FilterError {
                verb,
                what,
                part,
                possible,
            }),
            None => Ok(()),
        }
    }

    /// The parts that are set.
    fn parts(&self) -> impl Iterator<Item = Part> {
        [
            (Part::Inside, self.inside.is_some()),
            (Part::Outside, self.outside.is_some()),
            (Part::Remote, self.remote.is_some()),
            (Part::Protocol, self.protocol.is_some()),
            (Part::Vrf, self.vrf.is_some()),
            (Part::Rule, self.rule.is_some()),
            (Part::Worker, self.worker.is_some()),
            (Part::Name, self.name.is_some()),
            (Part::Limit, self.limit.is_some()),
            (Part::Busiest, self.busiest.is_some()),
        ]
        .into_iter()
        .filter_map(|(part, set)| set.then_some(part))
    }
}

/// A filter that says nothing about the rows asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    verb: &'static str,
    what: What,
    part: Part,
    possible: &'static [Part],
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            verb,
            what,
            part,
            possible,
        } = self;
        write!(
            f,
            "`{verb} {what}` cannot be filtered by `{}`; possible: ",
            part.name()
        )?;
        if possible.is_empty() {
            return f.write_str("no filter");
        }
        let names: Vec<&str> = possible.iter().map(|part| part.name()).collect();
        f.write_str(&names.join(", "))
    }
}

impl std::error::Error for FilterError {}

/// One field of [`Filter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Inside,
    Outside,
    Remote,
    Protocol,
    Vrf,
    Rule,
    Worker,
    Name,
    Limit,
    Busiest,
}

impl Part {
    /// The key on the socket and the option on the command line.
    const fn name(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Outside => "outside",
            Self::Remote => "remote",
            Self::Protocol => "protocol",
            Self::Vrf => "vrf",
            Self::Rule => "rule",
            Self::Worker => "worker",
            Self::Name => "name",
            Self::Limit => "limit",
            Self::Busiest => "busiest",
        }
    }
}

const fn shown_by(what: What) -> &'static [Part] {
    use Part::{Busiest, Inside, Limit, Name, Outside, Protocol, Remote, Rule, Vrf, Worker};
    match what {
        What::Translations => &[Inside, Outside, Remote, Protocol, Vrf, Rule, Worker, Limit],
        What::Mappings => &[Inside, Outside, Protocol, Vrf, Worker, Limit],
        What::Doors => &[Inside, Outside, Remote, Protocol, Vrf, Limit],
        What::Calls => &[Inside, Outside, Vrf, Name, Limit],
        What::Subscribers => &[Inside, Outside, Vrf, Worker, Limit, Busiest],
        What::Events => &[Inside, Outside, Vrf, Worker, Name, Limit],
        What::Interfaces => &[Vrf, Name, Limit],
        What::Workers => &[Worker, Limit],
        What::Neighbors => &[Remote, Name, Limit],
        What::Pools | What::Counters | What::Alg | What::Zones => &[Name, Limit],
        What::Ipsec => &[Inside, Outside, Remote, Vrf, Worker, Limit],
    }
}

const fn cleared_by(what: Clearable) -> &'static [Part] {
    use Part::{Inside, Name, Outside, Protocol, Remote, Rule, Vrf, Worker};
    match what {
        Clearable::Translations => &[Inside, Outside, Remote, Protocol, Vrf, Rule, Worker],
        Clearable::Counters => &[Name],
        Clearable::Neighbors => &[Remote, Name],
        Clearable::Calls => &[Inside, Outside, Vrf, Name],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_without_meaning_is_refused_with_the_possible_ones() {
        let filter = Filter {
            rule: Some("subscribers".into()),
            ..Filter::default()
        };
        assert_eq!(filter.check_show(What::Translations), Ok(()));
        assert_eq!(
            filter.check_show(What::Neighbors).unwrap_err().to_string(),
            "`show neighbors` cannot be filtered by `rule`; possible: remote, name, limit"
        );
    }

    #[test]
    fn a_limit_is_no_filter_for_clear() {
        let filter = Filter {
            limit: Some(1),
            ..Filter::default()
        };
        assert_eq!(filter.check_show(What::Translations), Ok(()));
        assert!(filter.check_clear(Clearable::Translations).is_err());
    }

    #[test]
    fn what_can_filter_clear_can_filter_show() {
        for what in Clearable::ALL {
            for part in cleared_by(*what) {
                assert!(shown_by(what.what()).contains(part), "{what} {part:?}");
            }
        }
    }

    #[test]
    fn json_keys_are_the_part_names_and_nothing_else() {
        let text = r#"{"inside":"10.0.0.0/8","outside":"203.0.113.1:80","remote":":443",
            "protocol":"tcp","vrf":"blue","rule":"r","worker":1,"name":"drop.*","limit":5,"busiest":3}"#;
        let filter: Filter = serde_json::from_str(text).unwrap();
        let json = serde_json::to_value(&filter).unwrap();
        assert_eq!(filter.parts().count(), 10);
        for part in filter.parts() {
            assert!(json.get(part.name()).is_some(), "{part:?}");
        }
        assert_eq!(serde_json::from_value::<Filter>(json).unwrap(), filter);
        let error = serde_json::from_str::<Filter>(r#"{"insid":"10.0.0.1"}"#).unwrap_err();
        assert!(
            error.to_string().contains("unknown field `insid`"),
            "{error}"
        );
    }
}
