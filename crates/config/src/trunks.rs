//! `trunks` of `alg.sip` and `alg.h323`: hosts that carry calls for others.

use crate::error::Report;
use crate::keys::{self, Key, keys};
use crate::model::Trunk;
use crate::node::{Kind, Node};
use crate::section::{Section, scalar};
use crate::text;

/// The key that is read here.
const KEY: &str = "trunks";

/// What it takes.
pub(crate) const KIND: keys::Kind = keys::Kind::Many(&keys::Kind::Either(&[
    keys::Kind::Prefix,
    keys::Kind::Map(TRUNK),
]));

/// The same as the one key of a gateway that has no others of its own.
pub(crate) const KEYS: &[Key] = &[Key::new(KEY, KIND)];

keys! {
    TRUNK:
        "address" Prefix,
        "media" Many(&Prefix);
}

/// Most trunks, and most media prefixes of one: they are searched in turn.
const MOST: usize = 64;

pub(crate) fn read(section: &Section<'_>, report: &mut Report) -> Vec<Trunk> {
    let items = section.items(KEY).unwrap_or_default();
    if let Some(extra) = items.get(MOST) {
        let what = format!("`{KEY}` has {} items", items.len());
        report.error(extra.at, what, format!("keep at most {MOST}"));
    }
    let trunks = items.iter().take(MOST);
    trunks.filter_map(|item| trunk(item, report)).collect()
}

/// `10.0.0.5`, or `{ address: 10.0.0.5, media: [10.0.1.0/24] }`.
fn trunk(node: &Node, report: &mut Report) -> Option<Trunk> {
    if let Kind::Scalar(_) = node.kind {
        let address = scalar(node, KEY, report, text::prefix)?.value;
        return Some(Trunk {
            address,
            media: Vec::new(),
        });
    }
    let section = Section::open(node, "a trunk", TRUNK, report);
    if section.lacks("address") {
        section.missing("a trunk", "address", "10.64.0.5", report);
    }
    let media = section.prefixes("media", report).unwrap_or_default();
    if let Some(extra) = media.get(MOST) {
        let what = format!("`media` has {} items", media.len());
        report.error(extra.at, what, format!("keep at most {MOST}"));
    }
    let address = section.value("address", report, text::prefix)?.value;
    Some(Trunk {
        address,
        media: media.iter().map(|found| found.value).collect(),
    })
}
