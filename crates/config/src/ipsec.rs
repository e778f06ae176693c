//! `alg.ike` and `alg.esp`: what is done for IPsec besides letting it through.

use std::time::Duration;

use base::Prefix;

use crate::error::{Report, Wrong};
use crate::keys::keys;
use crate::model::Ipsec;
use crate::section::{Section, list};
use crate::text::{self, shown};

keys! {
    /// Keys of `ike`.
    pub(crate) IKE:
        "preserve_port" Many(&Prefix),
        "keepalive" Duration,
        "keepalive_for" Many(&Prefix);
    /// Keys of `esp`.
    pub(crate) ESP:
        "spi_match" Many(&Prefix),
        "spi_prediction" Word(&["same", "hashed"]),
        "encapsulate" Maps(PAIR);
    PAIR:
        "inside" Address,
        "gateway" Address;
}

/// Pairs that `encapsulate` may list.
const MAX_PAIRS: usize = 1024;

/// Reads what either of them says.
pub(crate) fn read(gateway: &str, section: &Section<'_>, report: &mut Report) -> Ipsec {
    match gateway {
        "ike" => ike(section, report),
        "esp" => esp(section, report),
        _ => Ipsec::default(),
    }
}

fn ike(section: &Section<'_>, report: &mut Report) -> Ipsec {
    let keepalive_for = prefixes(section, "keepalive_for", report);
    let keepalive = section.value("keepalive", report, |text| {
        let time = text::duration(text)?;
        let range = Duration::from_secs(5)..=Duration::from_hours(1);
        if range.contains(&time) {
            return Ok(time);
        }
        let what = format!("{} is out of range", shown(text));
        Err(Wrong::new(what, "write 5s to 3600s"))
    });
    if keepalive.is_some() && keepalive_for.is_empty() {
        report.warn(
            section.key_at("keepalive"),
            "`keepalive` without `keepalive_for` keeps nobody alive",
            "list the source prefixes of inside hosts in `keepalive_for`",
        );
    }
    Ipsec {
        preserve_port: prefixes(section, "preserve_port", report),
        keepalive: match keepalive {
            Some(found) => Some(found.value),
            None if keepalive_for.is_empty() => None,
            None => Some(Duration::from_secs(20)),
        },
        keepalive_for,
        ..Ipsec::default()
    }
}

fn esp(section: &Section<'_>, report: &mut Report) -> Ipsec {
    let hashed = section.value("spi_prediction", report, |text| match text {
        "same" => Ok(false),
        "hashed" => Ok(true),
        _ => Err(Wrong::new(
            format!("{} is no way to foresee an SPI", shown(text)),
            "write `same` or `hashed`",
        )),
    });
    let mut encapsulate = Vec::new();
    for item in list(section, "encapsulate", MAX_PAIRS, report) {
        let pair = Section::open(item, "`encapsulate`", PAIR, report);
        let inside = pair.address("inside", report);
        let gateway = pair.address("gateway", report);
        match (inside, gateway) {
            (Some(inside), Some(gateway)) => encapsulate.push((inside.value, gateway.value)),
            _ => report.error(
                item.at,
                "a peer of `encapsulate` needs `inside` and `gateway`",
                "write `{ inside: 10.64.0.10, gateway: 192.0.2.1 }`",
            ),
        }
    }
    Ipsec {
        spi_match: prefixes(section, "spi_match", report),
        hashed: hashed.is_some_and(|found| found.value),
        encapsulate,
        ..Ipsec::default()
    }
}

fn prefixes(section: &Section<'_>, key: &str, report: &mut Report) -> Vec<Prefix> {
    let found = section.prefixes(key, report).unwrap_or_default();
    found.into_iter().map(|found| found.value).collect()
}
