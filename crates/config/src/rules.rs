//! `nat.rules`.

use std::collections::BTreeSet;

use base::Prefix;

use crate::alg;
use crate::error::{Report, Wrong};
use crate::interfaces::Interfaces;
use crate::machine::section;
use crate::model::{Action, InterfaceId, Limits, Rule, RuleLimits, Translate, VrfId};
use crate::nat::hairpin;
use crate::node::Node;
use crate::pools::Pools;
use crate::prefix_sets::PrefixSets;
use crate::section::{Found, Names, Section, list, suggestion};
use crate::text::{self, shown};

pub(crate) fn read(
    nat: &Section<'_>,
    net: &Interfaces,
    pools: &Pools,
    limits: &Limits,
    sets: &mut PrefixSets,
    report: &mut Report,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut names = Names::default();
    for (index, node) in list(nat, "rules", MOST_RULES, report).iter().enumerate() {
        rules.extend(rule(
            node,
            index,
            net,
            pools,
            limits,
            (&mut names, sets),
            report,
        ));
    }
    rules
}

fn rule(
    node: &Node,
    index: usize,
    net: &Interfaces,
    pools: &Pools,
    limits: &Limits,
    (names, sets): (&mut Names, &mut PrefixSets),
    report: &mut Report,
) -> Option<Rule> {
    let section = Section::open(node, "a rule", &KEYS, report);
    let name = section
        .value("name", report, text::name)
        .unwrap_or_else(|| Found {
            at: section.at,
            value: format!("rule-{}", index + 1),
        });
    names.add("rules", &name, report);
    let action = section.value("action", report, |text| match text {
        "translate" => Ok(Does::Translate),
        "pass" => Ok(Does::Pass),
        "drop" => Ok(Does::Drop),
        _ => Err(Wrong::new(
            format!("{} is not an action", shown(text)),
            "write translate, pass or drop",
        )),
    });
    let action = action.map_or(Does::Translate, |found| found.value);
    let inside = inside(&section, net, report);
    let written = net.vrf(&section, "vrf", report);
    let outside_vrf = net.vrf(&section, "outside_vrf", report);
    let source = sets.prefixes(&section, "source", report);
    let destination = sets.prefixes(&section, "destination", report);
    let (protocols, destination_ports) = destination_ports(&section, report);
    if section.child("alg").is_some() {
        alg::in_rule(&section, report);
    }
    let translate = match action {
        Does::Translate => translate(&section, pools, limits, report),
        Does::Pass | Does::Drop => {
            for key in ONLY_TRANSLATE {
                if section.child(key).is_some() {
                    let what = format!("`{key}` has no effect in a rule that does not translate");
                    report.error(
                        section.key_at(key),
                        what,
                        "leave it out or use `action: translate`",
                    );
                }
            }
            None
        }
    };
    let pool = translate.as_ref().map(|translate| translate.pool);
    let served = pool.and_then(|pool| pools.inside_vrf(pool));
    if let (Some(written), Some(served)) = (written, served)
        && written != served
    {
        let what = format!("the pool serves VRF {}", net.vrf_name(served));
        report.error(section.at("vrf"), what, "name that VRF or use another pool");
    }
    let (inside, vrf) = realm(&section, inside, written.or(served), net, report);
    let action = match (action, translate) {
        (Does::Pass, _) => Action::Pass,
        (Does::Drop, _) => Action::Drop,
        (Does::Translate, translate) => Action::Translate(translate?),
    };
    let pool_vrf = pool.and_then(|id| pools.list.get(id)).map(|pool| pool.vrf);
    Some(Rule {
        name: name.value,
        inside,
        vrf,
        outside_vrf: outside_vrf.or(pool_vrf).unwrap_or(vrf),
        source: source.unwrap_or_else(|| vec![Prefix::ALL]),
        destination: destination.unwrap_or_else(|| vec![Prefix::ALL]),
        destination_ports,
        protocols,
        action,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Translate,
    Pass,
    Drop,
}

const KEYS: [&str; 17] = [
    "name",
    "inside",
    "source",
    "destination",
    "destination_ports",
    "protocols",
    "action",
    "pool",
    "mapping",
    "filtering",
    "paired",
    "parity",
    "hairpin",
    "limits",
    "vrf",
    "outside_vrf",
    "alg",
];

const ONLY_TRANSLATE: [&str; 8] = [
    "pool",
    "mapping",
    "filtering",
    "paired",
    "parity",
    "hairpin",
    "limits",
    "alg",
];

fn values<T>(found: Vec<Found<T>>) -> Vec<T> {
    found.into_iter().map(|found| found.value).collect()
}

/// The interfaces that `inside` names, one by one or as a zone.
fn inside(
    section: &Section<'_>,
    net: &Interfaces,
    report: &mut Report,
) -> Option<Vec<InterfaceId>> {
    let names = section.values("inside", report, text::name)?;
    if let Some(extra) = names.get(MOST_INSIDE) {
        let what = format!("`inside` has {} names", names.len());
        report.error(
            extra.at,
            what,
            format!("keep at most {MOST_INSIDE}, or use zones"),
        );
        return None;
    }
    let mut ids = BTreeSet::new();
    for name in &names {
        if let Some(id) = net.find(&name.value) {
            ids.insert(id);
        } else if let Some(zone) = net.zones.iter().position(|zone| *zone == name.value) {
            let members = net.list.iter().enumerate();
            ids.extend(
                members
                    .filter(|(_, each)| each.zone == Some(zone))
                    .map(|(id, _)| id),
            );
        } else if net.labelled {
            let mut known = net.known_names();
            known.extend(net.zones.iter().map(String::as_str));
            let what = format!("there is no interface or zone {}", shown(&name.value));
            report.error(name.at, what, suggestion(&name.value, &known));
        }
    }
    if names.is_empty() && section.items("inside").is_some_and(<[Node]>::is_empty) {
        let what = "`inside` is an empty list, so the rule matches nothing";
        report.error(
            section.at("inside"),
            what,
            "name an interface or a zone, or leave it out",
        );
    }
    Some(ids.into_iter().collect())
}

/// The inside realm: as written or as the pool says, else that of the inside
/// interfaces, else `default`; and the interfaces that are in it.
fn realm(
    section: &Section<'_>,
    inside: Option<Vec<InterfaceId>>,
    written: Option<VrfId>,
    net: &Interfaces,
    report: &mut Report,
) -> (Option<Vec<InterfaceId>>, VrfId) {
    let Some(ids) = inside else {
        return (None, written.unwrap_or(0));
    };
    let vrf_of = |id: InterfaceId| net.list.get(id).map(|each| each.vrf);
    let first = ids.first().and_then(|&id| vrf_of(id));
    if written.is_none() && ids.iter().any(|&id| vrf_of(id) != first) && net.labelled {
        let what = "the `inside` interfaces are in several VRFs";
        report.error(section.at("inside"), what, "say which with `vrf`");
    }
    let vrf = written.or(first).unwrap_or(0);
    let named = !ids.is_empty();
    let ids: Vec<InterfaceId> = ids
        .into_iter()
        .filter(|&id| vrf_of(id) == Some(vrf))
        .collect();
    if named && ids.is_empty() && net.labelled {
        let what = format!("no `inside` interface is in VRF {}", net.vrf_name(vrf));
        let remedy = match first {
            Some(first) => format!("write `vrf: {}`", net.vrf_name(first).trim_matches('`')),
            None => "name another interface".to_owned(),
        };
        report.error(section.at("inside"), what, remedy);
    }
    (Some(ids), vrf)
}

fn destination_ports(section: &Section<'_>, report: &mut Report) -> (Vec<u8>, Vec<text::Ports>) {
    let protocols = section.values("protocols", report, text::protocol);
    let protocols = protocols.map(values).unwrap_or_default();
    let ports = section.values("destination_ports", report, text::ports);
    let ports = ports.map(values).unwrap_or_default();
    if !ports.is_empty()
        && !protocols.is_empty()
        && !protocols.iter().any(|&protocol| text::has_ports(protocol))
    {
        let what = "none of `protocols` has ports";
        let remedy = "add tcp or udp, or leave `destination_ports` out";
        report.error(section.at("destination_ports"), what, remedy);
    }
    (protocols, ports)
}

fn translate(
    section: &Section<'_>,
    pools: &Pools,
    limits: &Limits,
    report: &mut Report,
) -> Option<Translate> {
    let name = section.value("pool", report, text::name);
    if section.lacks("pool") {
        let what = "the rule translates but has no pool";
        report.error(
            section.at,
            what,
            "add `pool: NAME`, or `action: pass` or `drop`",
        );
    }
    let pool = name.and_then(|name| pools.named(&name, report));
    let translate = |pool, report: &mut Report| Translate {
        pool,
        mapping: section.dependence("mapping", report),
        filtering: section.dependence("filtering", report),
        paired: section.boolean("paired", true, report),
        parity: section.boolean("parity", true, report),
        hairpin: hairpin(section, report),
        limits: rule_limits(section, limits, report),
    };
    // Read in any case: what is wrong with the rest is reported with a bad pool too.
    let read = translate(pool.unwrap_or(0), report);
    pool.map(|_| read)
}

fn rule_limits(parent: &Section<'_>, limits: &Limits, report: &mut Report) -> RuleLimits {
    let keys = ["sessions", "new_sessions_per_second", "ports"];
    let limit = section(parent, "limits", &keys, report);
    let ports = section(&limit, "ports", &["tcp", "udp", "icmp"], report);
    let any = 1..=u64::from(u32::MAX);
    let each = 1..=65_535;
    let sessions = limit.number("sessions", any.clone(), report);
    if sessions.is_some_and(|sessions: u32| sessions > limits.sessions) {
        let what = format!(
            "a subscriber may have more sessions than the appliance ({})",
            limits.sessions
        );
        report.warn(
            limit.at("sessions"),
            what,
            "write less, or raise `limits.sessions`",
        );
    }
    RuleLimits {
        sessions,
        new_sessions_per_second: limit.number("new_sessions_per_second", any, report),
        tcp_ports: ports.number("tcp", each.clone(), report),
        udp_ports: ports.number("udp", each.clone(), report),
        icmp_ids: ports.number("icmp", each, report),
    }
}

const MOST_RULES: usize = 4_096;
/// Names in `inside` of one rule.
const MOST_INSIDE: usize = 256;
