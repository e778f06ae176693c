//! `nat.rules`.

use std::collections::BTreeSet;

use base::Prefix;

use crate::alg;
use crate::error::{Report, Wrong};
use crate::interfaces::Interfaces;
use crate::keys::{DEPENDENCE, keys};
use crate::log;
use crate::machine::section;
use crate::model::{
    Action, Dependence, InterfaceId, Limits, Pairing, Pool, PoolId, Reserve, Rule, RuleLimits,
    Translate, VrfId,
};
use crate::nat::{HAIRPIN, hairpin};
use crate::node::Node;
use crate::pcp;
use crate::pools::Pools;
use crate::prefix_sets::PrefixSets;
use crate::section::{Found, Names, Section, list, suggestion};
use crate::text::{self, shown};

pub(crate) fn read(
    nat: &Section<'_>,
    net: &Interfaces,
    pools: &mut Pools,
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
    pools: &mut Pools,
    limits: &Limits,
    (names, sets): (&mut Names, &mut PrefixSets),
    report: &mut Report,
) -> Option<Rule> {
    let section = Section::open(node, "a rule", KEYS, report);
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
    let alg = alg::in_rule(&section, report);
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
    let chosen = translate.as_ref().map(|translate| translate.pools.clone());
    let pool = chosen.as_ref().and_then(|pools| pools.first().copied());
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
    let outside_vrf = outside_vrf.or(pool_vrf).unwrap_or(vrf);
    agree(
        &section,
        &chosen.unwrap_or_default(),
        pools,
        (vrf, outside_vrf),
        net,
        report,
    );
    let rule = Rule {
        name: name.value,
        inside,
        vrf,
        outside_vrf,
        source: source.unwrap_or_else(|| vec![Prefix::ALL]),
        destination: destination.unwrap_or_else(|| vec![Prefix::ALL]),
        destination_ports,
        protocols,
        alg,
        action,
    };
    if alg::pptp_is_off(&rule.alg) == Some(true) {
        let whole = has_whole(&rule, &pools.list);
        alg::warn_of_gre(section.at("alg"), &rule, whole, report);
    }
    Some(rule)
}

/// Whether hosts of a rule get addresses of their own.
pub(crate) fn has_whole(rule: &Rule, pools: &[Pool]) -> bool {
    let Action::Translate(translate) = &rule.action else {
        return false;
    };
    let mut pools = translate.pools.iter().filter_map(|id| pools.get(*id));
    pools.any(|pool| pool.one_to_one)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Translate,
    Pass,
    Drop,
}

keys! {
    pub(crate) KEYS:
        "name" Text,
        "inside" Many(&Text),
        "source" Many(&Text),
        "destination" Many(&Text),
        "destination_ports" Many(&Ports),
        "protocols" Many(&Protocol),
        "action" Word(&["translate", "pass", "drop"]),
        "pool" Many(&Text),
        "mapping" DEPENDENCE,
        "filtering" DEPENDENCE,
        "paired" Either(&[Boolean, Word(&["soft"])]),
        "parity" Boolean,
        "preserve_port" Boolean,
        "port_overloading" Boolean,
        "hairpin" Either(&[Boolean, Map(HAIRPIN)]),
        "limits" Map(LIMITS),
        "pcp" Map(pcp::KEYS),
        "vrf" Text,
        "outside_vrf" Text,
        "alg" Gateways,
        "log" Word(&["sessions", "blocks", "both", "none"]),
        "destinations" Boolean;
    LIMITS:
        "sessions" Number(1, MOST_SESSIONS),
        "new_sessions_per_second" Number(1, MOST_SESSIONS),
        "ports" Map(PORT_LIMITS),
        "rule_sessions" Number(1, MOST_SESSIONS),
        "inbound_sessions" Number(1, 65_535),
        "reserve" Map(RESERVE),
        "watermark" Number(1, 100);
    PORT_LIMITS:
        "tcp" Number(1, 65_535),
        "udp" Number(1, 65_535),
        "icmp" Number(1, 65_535),
        "other" Number(1, 65_535);
    RESERVE:
        "ports" Many(&Ports),
        "sessions" Number(1, MOST_SESSIONS);
}

const MOST_SESSIONS: u64 = u32::MAX as u64;

const ONLY_TRANSLATE: [&str; 13] = [
    "pool",
    "mapping",
    "filtering",
    "paired",
    "parity",
    "preserve_port",
    "port_overloading",
    "hairpin",
    "limits",
    "pcp",
    "alg",
    "log",
    "destinations",
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

/// Every pool of a rule serves its inside realm and leads to its outside one, and all
/// rules of a pool lead to one.
fn agree(
    section: &Section<'_>,
    chosen: &[PoolId],
    pools: &mut Pools,
    (vrf, outside_vrf): (VrfId, VrfId),
    net: &Interfaces,
    report: &mut Report,
) {
    for (nth, &id) in chosen.iter().enumerate() {
        let Some(name) = pools.list.get(id).map(|pool| shown(&pool.name)) else {
            continue;
        };
        // Of the first pool it has been said.
        if nth > 0
            && let Some(served) = pools.inside_vrf(id)
            && served != vrf
        {
            let what = format!(
                "pool {name} serves VRF {}, the rule is for VRF {}",
                net.vrf_name(served),
                net.vrf_name(vrf)
            );
            let at = section.items("pool").and_then(|pools| pools.get(nth));
            let at = at.map_or_else(|| section.at("pool"), |node| node.at);
            report.error(at, what, "use pools of one VRF");
        }
        if let Err((other, of_rule)) = pools.lead_to(id, outside_vrf) {
            let whose = if of_rule { " in another rule" } else { "" };
            let what = format!("pool {name} leads to VRF {}{whose}", net.vrf_name(other));
            let at = match section.child("outside_vrf") {
                Some(node) => node.at,
                None => section.at("pool"),
            };
            report.error(at, what, "use that VRF or another pool");
        }
    }
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
    let chosen = chosen_pools(section, pools, report);
    let mapping = section.dependence("mapping", report);
    let filtering = section.dependence("filtering", report);
    let read = Translate {
        pools: chosen.clone().unwrap_or_default(),
        mapping,
        filtering,
        paired: paired(section, report),
        parity: section.boolean("parity", true, report),
        preserve_port: section.boolean("preserve_port", false, report),
        port_overloading: section.boolean("port_overloading", false, report),
        hairpin: hairpin(section, report),
        limits: rule_limits(section, limits, report),
        log: log::of_rule(section, report),
        pcp: pcp::read(section, report),
    };
    if read.port_overloading {
        overloading(section, mapping, filtering, report);
    }
    let whole = |id: &PoolId| pools.list.get(*id).is_some_and(|pool| pool.one_to_one);
    if read.pools.iter().any(whole) {
        for key in [
            "mapping",
            "paired",
            "parity",
            "preserve_port",
            "port_overloading",
            "pcp",
        ] {
            if section.child(key).is_some() {
                let what = format!("`{key}` has no effect with a one-to-one pool");
                report.error(
                    section.key_at(key),
                    what,
                    "leave it out, or use another pool",
                );
            }
        }
        if !read.pools.iter().all(whole) {
            let what = "some of the pools are one-to-one and some are not";
            report.error(section.at("pool"), what, "make it two rules");
        }
    }
    chosen.map(|_| read)
}

/// `pool`, a name or a list of names.
fn chosen_pools(section: &Section<'_>, pools: &Pools, report: &mut Report) -> Option<Vec<PoolId>> {
    let names = section.values("pool", report, text::name);
    if section.lacks("pool") {
        let what = "the rule translates but has no pool";
        report.error(
            section.at,
            what,
            "add `pool: NAME`, or `action: pass` or `drop`",
        );
    }
    let names = names?;
    if names.is_empty() && section.items("pool").is_some_and(<[Node]>::is_empty) {
        let what = "`pool` is an empty list";
        report.error(section.at("pool"), what, "name at least one pool");
        return None;
    }
    if let Some(extra) = names.get(MOST_POOLS) {
        let what = format!("the rule has {} pools", names.len());
        let remedy = format!("keep at most {MOST_POOLS}, or put prefixes into one pool");
        report.error(extra.at, what, remedy);
        return None;
    }
    let mut chosen: Vec<PoolId> = Vec::new();
    for name in &names {
        let Some(id) = pools.named(name, report) else {
            continue;
        };
        let realm = |id: PoolId| pools.list.get(id).map(|pool| pool.vrf);
        if chosen.contains(&id) {
            let what = format!("pool {} is named twice", shown(&name.value));
            report.error(name.at, what, "name each pool once");
        } else if chosen
            .first()
            .is_some_and(|&first| realm(first) != realm(id))
        {
            let what = "the pools of a rule are in different VRFs";
            report.error(name.at, what, "use pools of one `outside_vrf`");
        } else {
            chosen.push(id);
        }
    }
    (!chosen.is_empty()).then_some(chosen)
}

fn paired(section: &Section<'_>, report: &mut Report) -> Pairing {
    section
        .value("paired", report, |text| {
            if text == "soft" {
                return Ok(Pairing::Soft);
            }
            text::boolean(text)
                .map(|paired| {
                    if paired {
                        Pairing::Strict
                    } else {
                        Pairing::Off
                    }
                })
                .map_err(|wrong| Wrong::new(wrong.what, "write true, false or soft"))
        })
        .map_or(Pairing::Strict, |found| found.value)
}

/// One port for several mappings needs remotes to tell them apart (RFC 7857 section 3).
fn overloading(
    section: &Section<'_>,
    mapping: Dependence,
    filtering: Dependence,
    report: &mut Report,
) {
    let at = section.key_at("port_overloading");
    if mapping == Dependence::EndpointIndependent {
        let what = "`port_overloading` contradicts endpoint-independent mapping (RFC 4787 REQ-3)";
        let remedy = "use `mapping: address-and-port-dependent`, or leave it out";
        report.error(at, what, remedy);
    } else if strictness(filtering) < strictness(mapping) {
        let what = "with `port_overloading` only remotes that a mapping is for can come in";
        let remedy = format!("write `filtering: {}`", name_of(mapping));
        report.error(at, what, remedy);
    }
}

const fn strictness(dependence: Dependence) -> u8 {
    match dependence {
        Dependence::EndpointIndependent => 0,
        Dependence::AddressDependent => 1,
        Dependence::AddressAndPortDependent => 2,
    }
}

const fn name_of(dependence: Dependence) -> &'static str {
    match dependence {
        Dependence::EndpointIndependent => "endpoint-independent",
        Dependence::AddressDependent => "address-dependent",
        Dependence::AddressAndPortDependent => "address-and-port-dependent",
    }
}

fn rule_limits(parent: &Section<'_>, limits: &Limits, report: &mut Report) -> RuleLimits {
    let limit = section(parent, "limits", LIMITS, report);
    let ports = section(&limit, "ports", PORT_LIMITS, report);
    let sessions = limit.number("sessions", report);
    let rule_sessions = limit.number("rule_sessions", report);
    for (key, limit_of, whose) in [
        ("sessions", sessions, "a subscriber"),
        ("rule_sessions", rule_sessions, "a rule"),
    ] {
        if limit_of.is_some_and(|sessions: u32| sessions > limits.sessions) {
            let what = format!(
                "{whose} may have more sessions than the appliance ({})",
                limits.sessions
            );
            let remedy = "write less, or raise `limits.sessions`";
            report.warn(limit.at(key), what, remedy);
        }
    }
    let mut read = RuleLimits {
        sessions,
        new_sessions_per_second: limit.number("new_sessions_per_second", report),
        tcp_ports: ports.number("tcp", report),
        udp_ports: ports.number("udp", report),
        icmp_ids: ports.number("icmp", report),
        other_ports: ports.number("other", report),
        rule_sessions,
        inbound_sessions: limit.number("inbound_sessions", report),
        reserve: None,
        watermark: limit.number("watermark", report),
    };
    read.reserve = reserve(&limit, &read, report);
    read
}

/// `reserve: { ports: [53], sessions: 8 }`.
fn reserve(limit: &Section<'_>, of: &RuleLimits, report: &mut Report) -> Option<Reserve> {
    limit.child("reserve")?;
    let own = section(limit, "reserve", RESERVE, report);
    for (key, example) in [("ports", "[53]"), ("sessions", "16")] {
        if own.lacks(key) {
            own.missing("`reserve`", key, example, report);
        }
    }
    let ports = own.values("ports", report, text::ports).map(values)?;
    if ports.is_empty() && own.items("ports").is_some_and(<[Node]>::is_empty) {
        let what = "`ports` is an empty list, so nobody could use what is reserved";
        report.error(own.at("ports"), what, "list destination ports");
        return None;
    }
    if ports.len() > MOST_RESERVED {
        let what = format!("`reserve` has {} port ranges", ports.len());
        report.error(
            own.at("ports"),
            what,
            format!("keep at most {MOST_RESERVED}"),
        );
        return None;
    }
    let count: u32 = own.number("sessions", report)?;
    if limit.child("sessions").is_none() && limit.child("ports").is_none() {
        let what = "`reserve` has no effect without a limit";
        report.error(limit.key_at("reserve"), what, "add `sessions` or `ports`");
    }
    if of.sessions.is_some_and(|sessions| count >= sessions) {
        let what = format!("all of a subscriber's sessions would be reserved ({count})");
        let remedy = "write less than `limits.sessions` of the rule";
        report.error(own.at("sessions"), what, remedy);
    }
    let limits = [of.tcp_ports, of.udp_ports, of.icmp_ids, of.other_ports];
    for (key, most) in PORT_LIMITS.iter().zip(limits) {
        if most.is_some_and(|most| count >= most) {
            let key = key.name;
            let what = format!("all of a subscriber's `{key}` ports would be reserved ({count})");
            report.error(own.at("sessions"), what, "write less, or raise that limit");
        }
    }
    Some(Reserve {
        sessions: count,
        ports,
    })
}

/// Pools of one rule.
const MOST_POOLS: usize = 4;
/// Port ranges of one reserve.
const MOST_RESERVED: usize = 8;
const MOST_RULES: usize = 4_096;
/// Names in `inside` of one rule.
const MOST_INSIDE: usize = 256;
