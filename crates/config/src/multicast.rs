//! `multicast`: which interfaces take part, and what may leave (RFC 5135).

use core::net::Ipv4Addr;

use base::Prefix;

use crate::error::{At, Report, Wrong};
use crate::interfaces::Interfaces;
use crate::keys::keys;
use crate::machine::section;
use crate::model::{InterfaceId, Multicast};
use crate::section::{Found, Section};
use crate::text::{self, shown};

pub(crate) fn read(top: &Section<'_>, net: &Interfaces, report: &mut Report) -> Option<Multicast> {
    top.child("multicast")?;
    let section = section(top, "multicast", KEYS, report);
    let enabled = section.boolean("enabled", true, report);
    for (key, example) in [("upstream", "outside"), ("downstream", "[inside]")] {
        if enabled && section.lacks(key) {
            section.missing("`multicast`", key, example, report);
        }
    }
    let upstream = section
        .value("upstream", report, text::name)
        .and_then(|name| taking_part(&name, net, report));
    let downstream = downstream(&section, upstream, net, report);
    let scopes = section.values("scopes", report, scope);
    let outward = section.boolean("outward", true, report);
    let groups_max = section.number("groups_max", report);
    let igmp_version = section.number("igmp_version", report);
    let upstream = upstream.filter(|_| enabled)?;
    Some(Multicast {
        upstream,
        downstream,
        outward,
        scopes: scopes.map_or_else(
            || DEFAULT_SCOPES.to_vec(),
            |listed| listed.into_iter().map(|found| found.value).collect(),
        ),
        groups_max: groups_max.unwrap_or(1_024),
        igmp_version: igmp_version.unwrap_or(3),
    })
}

keys! {
    pub(crate) KEYS:
        "enabled" Boolean,
        "upstream" Text,
        "downstream" Many(&Text),
        "outward" Boolean,
        "scopes" Many(&Prefix),
        "groups_max" Number(1, 65_536),
        "igmp_version" Number(2, 3);
}

fn downstream(
    section: &Section<'_>,
    upstream: Option<InterfaceId>,
    net: &Interfaces,
    report: &mut Report,
) -> Vec<InterfaceId> {
    let Some(names) = section.values("downstream", report, text::name) else {
        return Vec::new();
    };
    if section.items("downstream").is_some_and(<[_]>::is_empty) {
        let at = section.at("downstream");
        report.error(
            at,
            "`downstream` is empty",
            "list the interfaces with members",
        );
    }
    let mut list: Vec<(InterfaceId, At)> = Vec::new();
    for name in &names {
        let Some(id) = taking_part(name, net, report) else {
            continue;
        };
        if upstream == Some(id) {
            let what = format!("{} is the upstream interface", shown(&name.value));
            report.error(name.at, what, "list only interfaces with members");
        } else if let Some((_, first)) = list.iter().find(|(listed, _)| *listed == id) {
            let what = format!("{} is listed twice, first at {first}", shown(&name.value));
            report.error(name.at, what, "keep one of the two");
        } else if list.len() == MOST_DOWNSTREAM {
            let what = format!("there are more than {MOST_DOWNSTREAM} downstream interfaces");
            report.error(name.at, what, "leave this one out");
            break;
        } else {
            list.push((id, name.at));
        }
    }
    list.into_iter().map(|(id, _)| id).collect()
}

/// The interface called `name`, if it has the address that IGMP is sent from.
fn taking_part(name: &Found<String>, net: &Interfaces, report: &mut Report) -> Option<InterfaceId> {
    let id = net.named(name, report)?;
    let addressed = net
        .list
        .get(id)
        .is_some_and(|each| !each.addresses.is_empty());
    if !addressed && net.complete {
        let what = format!(
            "interface {} has no address to send IGMP from",
            shown(&name.value)
        );
        report.error(
            name.at,
            what,
            "give it `addresses`, or name another interface",
        );
        return None;
    }
    Some(id)
}

fn scope(text: &str) -> Result<Prefix, Wrong> {
    let prefix = text::prefix(text)?;
    let within = |all: Prefix| prefix.length() >= all.length() && all.contains(prefix.network());
    if !within(Prefix::new(Ipv4Addr::new(224, 0, 0, 0), 4)) {
        return Err(Wrong::new(
            format!("{} has addresses that are no groups", shown(text)),
            "write prefixes within 224.0.0.0/4",
        ));
    }
    if within(Prefix::new(Ipv4Addr::new(224, 0, 0, 0), 24)) {
        return Err(Wrong::new(
            format!("{} is local to its link and never forwarded", shown(text)),
            "leave groups of 224.0.0.0/24 out",
        ));
    }
    Ok(prefix)
}

/// 224.0.0.0/4 without 239.0.0.0/8.
const DEFAULT_SCOPES: [Prefix; 4] = [
    Prefix::new(Ipv4Addr::new(224, 0, 0, 0), 5),
    Prefix::new(Ipv4Addr::new(232, 0, 0, 0), 6),
    Prefix::new(Ipv4Addr::new(236, 0, 0, 0), 7),
    Prefix::new(Ipv4Addr::new(238, 0, 0, 0), 8),
];

/// A packet is copied to each, so there is an end to them.
const MOST_DOWNSTREAM: usize = 256;
