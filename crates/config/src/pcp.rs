//! `pcp` of a rule or a deterministic range: what its subscribers may ask for (RFC 6887).

use core::time::Duration;

use crate::error::Report;
use crate::keys::keys;
use crate::machine::section;
use crate::model::Pcp;
use crate::section::Section;

keys! {
    /// Keys of `pcp`.
    pub(crate) KEYS:
        "enabled" Boolean,
        "max_mappings" Number(1, 4096),
        "min_lifetime" Duration,
        "max_lifetime" Duration,
        "third_party" Many(&Prefix),
        "nat_pmp" Boolean;
}

/// Prefixes in `third_party`: they are searched in turn.
const MOST_MANAGERS: usize = 16;

/// The longest lifetime: timers reach that far.
const LONGEST: Duration = Duration::from_hours(72);

pub(crate) fn read(parent: &Section<'_>, report: &mut Report) -> Option<Pcp> {
    parent.child("pcp")?;
    let own = section(parent, "pcp", KEYS, report);
    let usual = Pcp::default();
    let second = Duration::from_secs(1);
    let min_lifetime = own.duration("min_lifetime", second, report);
    let max_lifetime = own.duration("max_lifetime", second, report);
    let third_party = own.prefixes("third_party", report).unwrap_or_default();
    if let Some(extra) = third_party.get(MOST_MANAGERS) {
        let what = format!("`third_party` has {} prefixes", third_party.len());
        report.error(extra.at, what, format!("keep at most {MOST_MANAGERS}"));
    }
    let read = Pcp {
        max_mappings: own
            .number("max_mappings", report)
            .unwrap_or(usual.max_mappings),
        min_lifetime: min_lifetime.unwrap_or(usual.min_lifetime),
        max_lifetime: max_lifetime.unwrap_or(usual.max_lifetime),
        third_party: third_party.into_iter().map(|found| found.value).collect(),
        nat_pmp: own.boolean("nat_pmp", usual.nat_pmp, report),
    };
    if read.max_lifetime > LONGEST {
        let what = "`max_lifetime` is too long";
        report.error(own.at("max_lifetime"), what, "write 72h or less");
    }
    if read.min_lifetime > read.max_lifetime {
        let what = "`min_lifetime` is longer than `max_lifetime`";
        let key = if min_lifetime.is_some() {
            "min_lifetime"
        } else {
            "max_lifetime"
        };
        report.error(own.at(key), what, "write a shorter one, or raise the other");
    }
    own.boolean("enabled", true, report).then_some(read)
}
