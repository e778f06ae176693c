//! `alg`: settings of the application gateways.
//!
//! They are read and checked in full, though no gateway is part of this version; a
//! warning says so wherever a file sets one.

use core::time::Duration;

use crate::error::{Report, Wrong};
use crate::machine::section;
use crate::model::Alg;
use crate::node::{Kind, Node};
use crate::section::Section;
use crate::text::{self, shown};

/// All gateways, with what `alg` at the top says.
pub(crate) fn read(top: &Section<'_>, report: &mut Report) -> Vec<Alg> {
    if top.child("alg").is_some() {
        without_effect(top, report);
    }
    gateways(top, report)
}

/// `alg` in a rule overrides the one at the top.
pub(crate) fn in_rule(rule: &Section<'_>, report: &mut Report) {
    without_effect(rule, report);
    gateways(rule, report);
}

fn without_effect(parent: &Section<'_>, report: &mut Report) {
    let what = "application gateways are not in this version, `alg` has no effect";
    report.warn(parent.key_at("alg"), what, "leave it out until they are");
}

fn gateways(parent: &Section<'_>, report: &mut Report) -> Vec<Alg> {
    let names = GATEWAYS.map(|gateway| gateway.name);
    let section = section(parent, "alg", &names, report);
    let read = |gateway: &Gateway| one(gateway, section.child(gateway.name), report);
    GATEWAYS.iter().map(read).collect()
}

/// A gateway's keys beside `enabled` and `mode`.
struct Gateway {
    name: &'static str,
    /// Keys that list ports, with their defaults.
    ports: &'static [(&'static str, &'static [u16])],
    /// Ports that cannot be changed.
    fixed: &'static [u16],
    others: &'static [(&'static str, Type)],
}

#[derive(Clone, Copy)]
enum Type {
    Boolean,
    Number(u64, u64),
    Duration,
    Size(u64, u64),
    Prefixes,
}

fn one(gateway: &Gateway, node: Option<&Node>, report: &mut Report) -> Alg {
    let mut alg = Alg {
        name: gateway.name.to_owned(),
        enabled: true,
        ports: Vec::new(),
    };
    let nothing = Node {
        at: crate::error::At::START,
        kind: Kind::Null,
    };
    let mut node = node.unwrap_or(&nothing);
    if let Kind::Scalar(text) = &node.kind {
        match text::boolean(text) {
            Ok(enabled) => alg.enabled = enabled,
            Err(_) => report.error(
                node.at,
                format!(
                    "`{}`: {} is not a gateway's setting",
                    gateway.name,
                    shown(text)
                ),
                "write `off`, or a map of settings",
            ),
        }
        node = &nothing;
    }
    let mut keys = vec!["enabled", "mode"];
    keys.extend(gateway.ports.iter().map(|(key, _)| key));
    keys.extend(gateway.others.iter().map(|(key, _)| key));
    let section = Section::open(node, &format!("`{}`", gateway.name), &keys, report);
    alg.enabled = section.boolean("enabled", alg.enabled, report);
    section.value("mode", report, |text| match text {
        "shadow" | "active" => Ok(()),
        _ => Err(Wrong::new(
            format!("{} is not a mode", shown(text)),
            "write `shadow` or `active`",
        )),
    });
    for (key, default) in gateway.ports {
        match section.values(key, report, port) {
            Some(found) => alg.ports.extend(found.iter().map(|found| found.value)),
            None => alg.ports.extend_from_slice(default),
        }
    }
    alg.ports.extend_from_slice(gateway.fixed);
    alg.ports.sort_unstable();
    alg.ports.dedup();
    for (key, kind) in gateway.others {
        other(&section, key, *kind, report);
    }
    alg
}

fn port(text: &str) -> Result<u16, Wrong> {
    let port = text::integer(text, &(1..=65_535))?;
    Ok(u16::try_from(port).unwrap_or(u16::MAX))
}

fn other(section: &Section<'_>, key: &str, kind: Type, report: &mut Report) {
    match kind {
        Type::Boolean => {
            section.boolean(key, false, report);
        }
        Type::Number(least, most) => {
            section.number::<u64>(key, least..=most, report);
        }
        Type::Duration => {
            section.duration(key, Duration::from_secs(1), report);
        }
        Type::Size(least, most) => {
            section.value(key, report, |text| {
                let size = text::size(text)?;
                if (least..=most).contains(&size) {
                    return Ok(());
                }
                let what = format!("{} is out of range", shown(text));
                Err(Wrong::new(what, format!("write {least} to {most} bytes")))
            });
        }
        Type::Prefixes => {
            section.prefixes(key, report);
        }
    }
}

const GATEWAYS: [Gateway; 14] = [
    ports("ftp", &[("ports", &[21])], &[]),
    ports("tftp", &[("ports", &[69])], &[]),
    ports("dns", &[("ports", &[53])], &[("reset_ttl", Type::Boolean)]),
    ports(
        "sip",
        &[("udp", &[5060]), ("tcp", &[5060])],
        &[
            ("max_media_lines", Type::Number(1, 255)),
            ("call_timeout", Type::Duration),
            ("trunks", Type::Prefixes),
        ],
    ),
    ports("rtsp", &[("ports", &[554])], &[]),
    ports("skinny", &[("ports", &[2000])], &[]),
    ports("h323", &[("ras", &[1719]), ("q931", &[1720])], &[]),
    fixed("netbios", &[137, 138, 139], &[]),
    fixed("rcmd", &[512, 513, 514], &[]),
    ports("ldap", &[("ports", &[389, 1002])], &[]),
    fixed("pptp", &[1723], &[]),
    fixed("ike", &[500, 4500], &[("preserve_port", Type::Prefixes)]),
    fixed("esp", &[], &[("spi_match", Type::Prefixes)]),
    fixed("vtcp", &[], &[("max_message", Type::Size(256, 1 << 20))]),
];

const fn ports(
    name: &'static str,
    ports: &'static [(&'static str, &'static [u16])],
    others: &'static [(&'static str, Type)],
) -> Gateway {
    Gateway {
        name,
        ports,
        fixed: &[],
        others,
    }
}

const fn fixed(
    name: &'static str,
    fixed: &'static [u16],
    others: &'static [(&'static str, Type)],
) -> Gateway {
    Gateway {
        name,
        ports: &[],
        fixed,
        others,
    }
}
