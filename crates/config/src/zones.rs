//! `zones`: what may go from which zone to which.
//!
//! ```text
//! classes:  which flows are meant          policies: classes in order, with what is done
//! pairs:    from one zone to another by a policy
//! ```
//!
//! Names are resolved and policies written out, so that a pair says all by itself.

use std::collections::HashMap;

use base::Prefix;

use crate::error::{At, Report, Wrong};
use crate::interfaces::Interfaces;
use crate::keys::{Kind, keys};
use crate::machine::section;
use crate::model::{Alg, ZoneAction, ZoneClass, ZoneEnd, ZonePair};
use crate::node::Node;
use crate::prefix_sets::PrefixSets;
use crate::section::{Found, Names, Section, list, suggestion};
use crate::text::{self, shown};

/// Reads the policy: its pairs.
pub(crate) fn read(
    top: &Section<'_>,
    net: &Interfaces,
    alg: &[Alg],
    sets: &mut PrefixSets,
    report: &mut Report,
) -> Vec<ZonePair> {
    let zones = section(top, "zones", KEYS, report);
    let before = report.count();
    let classes = classes(&zones, alg, sets, report);
    // What is wrong with one is not said again of those that use it.
    let whole = report.count() == before && !zones.obscured("classes");
    let policies = policies(&zones, &classes, whole, report);
    let whole = report.count() == before && !zones.obscured("policies");
    let pairs = pairs(&zones, net, (&policies, &classes), whole, report);
    reserved(&zones, net, &pairs, report);
    pairs
}

// --- classes -------------------------------------------------------------------

/// A class, and whether some policy has it.
struct Known {
    class: ZoneClass,
    at: At,
}

fn classes(
    zones: &Section<'_>,
    alg: &[Alg],
    sets: &mut PrefixSets,
    report: &mut Report,
) -> Vec<Known> {
    let mut names = Names::default();
    let mut classes = Vec::new();
    for node in list(zones, "classes", MOST, report) {
        let section = Section::open(node, "a class", CLASS, report);
        let name = section.value("name", report, text::name);
        if section.lacks("name") {
            section.missing("the class", "name", "sip", report);
        }
        if let Some(name) = &name {
            names.add("classes", name, report);
            if name.value == LAST {
                let what = format!("`{LAST}` is what no class of a policy takes");
                report.error(name.at, what, "give the class another name");
            }
        }
        let services = services(&section, alg, report);
        let source = sets.prefixes(&section, "source", report);
        let destination = sets.prefixes(&section, "destination", report);
        let Some(name) = name else { continue };
        classes.push(Known {
            class: ZoneClass {
                name: name.value,
                services,
                source: some(source.unwrap_or_default()),
                destination: some(destination.unwrap_or_default()),
            },
            at: name.at,
        });
    }
    classes
}

const ACTION: Kind = Kind::Word(&["inspect", "pass", "drop"]);

keys! {
    pub(crate) KEYS:
        "classes" Maps(CLASS),
        "policies" Maps(POLICY),
        "pairs" Maps(PAIR);
    CLASS:
        "name" Text,
        "protocols" Many(&Either(&[Protocol, Text])),
        "destination_ports" Many(&Ports),
        "source" Many(&Text),
        "destination" Many(&Text);
    POLICY:
        "name" Text,
        "classes" Maps(ENTRY),
        "default" ACTION;
    ENTRY:
        "class" Text,
        "action" ACTION;
    PAIR:
        "name" Text,
        "from" Text,
        "to" Text,
        "policy" Text;
}

/// All addresses are as good as none named.
fn some(prefixes: Vec<Prefix>) -> Vec<Prefix> {
    if prefixes.iter().any(|prefix| prefix.length() == 0) {
        Vec::new()
    } else {
        prefixes
    }
}

/// What stands under `protocols`: a protocol, or a gateway for those of its ports.
#[derive(Clone)]
enum Wanted {
    Protocol(u8),
    Gateway(String, Vec<(u8, u16)>, bool),
}

/// Protocols with their destination ports.
fn services(
    section: &Section<'_>,
    alg: &[Alg],
    report: &mut Report,
) -> Vec<(u8, Option<text::Ports>)> {
    let gateway = |text: &str| {
        let mut all = alg.iter().filter(|one| !one.services.is_empty());
        all.find(|one| one.name == text)
    };
    let wanted = section.values("protocols", report, |text| match text::protocol(text) {
        Ok(number) => Ok(Wanted::Protocol(number)),
        Err(_) => match gateway(text) {
            Some(one) => Ok(Wanted::Gateway(
                one.name.clone(),
                one.services.clone(),
                one.enabled,
            )),
            None => Err(Wrong::new(
                format!(
                    "{} is neither a protocol nor a gateway with ports",
                    shown(text)
                ),
                "write tcp, udp, icmp, a number, or a key of `alg` such as sip or ftp",
            )),
        },
    });
    let ports = section.values("destination_ports", report, text::ports);
    let ports: Vec<text::Ports> = ports
        .unwrap_or_default()
        .into_iter()
        .map(|found| found.value)
        .collect();
    let named = wanted.is_some();
    let mut services = Vec::new();
    let mut with_ports = false;
    for Found { at, value } in wanted.unwrap_or_default() {
        match value {
            Wanted::Protocol(number) if ports.is_empty() => services.push((number, None)),
            Wanted::Protocol(number) if text::has_ports(number) => {
                with_ports = true;
                services.extend(ports.iter().map(|range| (number, Some(*range))));
            }
            Wanted::Protocol(number) => services.push((number, None)),
            Wanted::Gateway(name, own, enabled) => {
                if !ports.is_empty() {
                    let what = format!("`{name}` has its ports from `alg`");
                    report.error(at, what, "make it a class of its own, or write tcp or udp");
                }
                if !enabled {
                    let what = format!("the gateway `{name}` is off");
                    let remedy = "switch it on, or what it would announce is not let in";
                    report.warn(at, what, remedy);
                }
                services.extend(
                    own.iter()
                        .map(|(number, port)| (*number, Some((*port, *port)))),
                );
                with_ports = true;
            }
        }
    }
    if !ports.is_empty() && !named {
        for number in [TCP, UDP] {
            services.extend(ports.iter().map(|range| (number, Some(*range))));
        }
    } else if !ports.is_empty() && !with_ports {
        let what = "none of `protocols` has ports";
        let remedy = "add tcp or udp, or leave `destination_ports` out";
        report.error(section.at("destination_ports"), what, remedy);
    }
    services
}

const TCP: u8 = 6;
const UDP: u8 = 17;

/// How much comparing two classes takes.
fn effort(one: &ZoneClass, other: &ZoneClass) -> usize {
    let product = |a: usize, b: usize| (a + 1).saturating_mul(b + 1);
    product(one.services.len(), other.services.len())
        .saturating_add(product(one.source.len(), other.source.len()))
        .saturating_add(product(one.destination.len(), other.destination.len()))
}

/// Whether all that the other class takes this one takes, too.
fn takes_all_of(one: &ZoneClass, other: &ZoneClass) -> bool {
    let within = |wide: &[Prefix], narrow: &[Prefix]| {
        let has = |prefix: &Prefix| {
            wide.iter()
                .any(|wide| wide.contains(prefix.network()) && wide.contains(prefix.last()))
        };
        wide.is_empty() || !narrow.is_empty() && narrow.iter().all(has)
    };
    let served = |(number, ports): &(u8, Option<text::Ports>)| {
        one.services.iter().any(|(known, range)| {
            known == number
                && match (range, ports) {
                    (None, _) => true,
                    (Some(_), None) => false,
                    (Some((low, high)), Some((first, last))) => low <= first && last <= high,
                }
        })
    };
    (one.services.is_empty() || !other.services.is_empty() && other.services.iter().all(served))
        && within(&one.source, &other.source)
        && within(&one.destination, &other.destination)
}

// --- policies ------------------------------------------------------------------

/// Classes in order, and what becomes of the rest.
#[derive(Clone, Default)]
struct Policy {
    classes: Vec<(usize, ZoneAction)>,
    last: Option<ZoneAction>,
}

fn policies(
    zones: &Section<'_>,
    classes: &[Known],
    whole: bool,
    report: &mut Report,
) -> HashMap<String, Policy> {
    let mut names = Names::default();
    let mut policies = HashMap::new();
    let mut used = vec![false; classes.len()];
    let mut patience = MOST_EFFORT;
    for node in list(zones, "policies", MOST, report) {
        let section = Section::open(node, "a policy", POLICY, report);
        let name = section.value("name", report, text::name);
        if section.lacks("name") {
            section.missing("the policy", "name", "out", report);
        }
        if let Some(name) = &name {
            names.add("policies", name, report);
        }
        let mut policy = Policy {
            last: section.value(LAST, report, action).map(|found| found.value),
            ..Policy::default()
        };
        for item in list(&section, "classes", MOST, report) {
            let so_far = (&mut *used, &mut policy, &mut patience);
            entry(item, classes, whole, so_far, report);
        }
        if let Some(name) = name {
            policies.insert(name.value, policy);
        }
    }
    for (known, used) in classes.iter().zip(used) {
        if !used && whole {
            let what = format!("no policy has the class {}", shown(&known.class.name));
            report.warn(known.at, what, "name it in a policy, or leave it out");
        }
    }
    policies
}

/// One class of a policy.
fn entry(
    item: &Node,
    classes: &[Known],
    whole: bool,
    (used, policy, patience): (&mut [bool], &mut Policy, &mut usize),
    report: &mut Report,
) {
    let section = Section::open(item, "a class of a policy", ENTRY, report);
    let name = section.value("class", report, text::name);
    if section.lacks("class") {
        section.missing("the entry", "class", "sip", report);
    }
    let does = section.value("action", report, action);
    if section.lacks("action") {
        section.missing("the entry", "action", "inspect", report);
    }
    let Some(name) = name else { return };
    let place = classes
        .iter()
        .position(|known| known.class.name == name.value);
    let Some((place, known)) = place.and_then(|place| Some((place, classes.get(place)?))) else {
        if whole {
            let names: Vec<&str> = classes.iter().map(|known| &*known.class.name).collect();
            let what = format!("there is no class {}", shown(&name.value));
            report.error(name.at, what, suggestion(&name.value, &names));
        }
        return;
    };
    if let Some(used) = used.get_mut(place) {
        *used = true;
    }
    let earlier = policy.classes.iter();
    let covers = |before: &&Known| {
        *patience = patience.saturating_sub(effort(&before.class, &known.class));
        *patience > 0 && takes_all_of(&before.class, &known.class)
    };
    let before = earlier
        .filter_map(|(place, _)| classes.get(*place))
        .find(covers);
    if let Some(Known { class: before, .. }) = before {
        let what = format!(
            "nothing reaches the class {}: {} before it takes all of it",
            shown(&name.value),
            shown(&before.name)
        );
        report.error(name.at, what, "move it up, or leave it out");
        return;
    }
    if let Some(does) = does {
        policy.classes.push((place, does.value));
    }
}

fn action(text: &str) -> Result<ZoneAction, Wrong> {
    match text {
        "inspect" => Ok(ZoneAction::Inspect),
        "pass" => Ok(ZoneAction::Pass),
        "drop" => Ok(ZoneAction::Drop),
        _ => Err(Wrong::new(
            format!("{} is not an action", shown(text)),
            "write inspect, pass or drop",
        )),
    }
}

// --- pairs ---------------------------------------------------------------------

fn pairs(
    zones: &Section<'_>,
    net: &Interfaces,
    (policies, classes): (&HashMap<String, Policy>, &[Known]),
    whole: bool,
    report: &mut Report,
) -> Vec<ZonePair> {
    let mut names = Names::default();
    let mut known: HashMap<(ZoneEnd, ZoneEnd), At> = HashMap::new();
    let mut pairs = Vec::new();
    let (mut rows, mut terms) = (0, 0);
    for node in list(zones, "pairs", MOST, report) {
        let section = Section::open(node, "a pair", PAIR, report);
        let given = section.value("name", report, text::name);
        let from = end(&section, "from", net, report);
        let to = end(&section, "to", net, report);
        let policy = policy(&section, policies, whole, report);
        if let Some((at, ZoneEnd::Itself)) = from {
            let what = "the appliance opens no flows of its own, it only answers";
            report.error(at, what, "name a zone: `self` can be `to` alone");
            continue;
        }
        let (Some((_, from)), Some((to_at, to))) = (from, to) else {
            continue;
        };
        if from == to {
            let what = "what stays in its zone is not asked about";
            report.error(to_at, what, "name another zone, or leave the pair out");
            continue;
        }
        if let Some(first) = known.get(&(from, to)) {
            let what = format!(
                "a second pair from {} to {}, the first at {first}",
                label(from, net),
                label(to, net)
            );
            report.error(section.at, what, "put all classes into one policy");
            continue;
        }
        known.insert((from, to), section.at);
        let name = given.unwrap_or_else(|| Found {
            at: section.at,
            value: format!("{}-{}", label(from, net), label(to, net)),
        });
        names.add("pairs", &name, report);
        let Some(policy) = policy else { continue };
        let known = policy.classes.iter();
        let known = known.filter_map(|(place, action)| Some((&classes.get(*place)?.class, action)));
        rows += policy.classes.len() + 1;
        terms += known
            .clone()
            .map(|(class, _)| class.services.len() + class.source.len() + class.destination.len())
            .sum::<usize>();
        if rows > nat::zones::MAX_CLASSES || terms > MOST_TERMS {
            let what = format!(
                "the pairs up to this one have {rows} classes with {terms} prefixes and services"
            );
            let remedy = format!(
                "keep to {} classes and {MOST_TERMS} prefixes and services of all pairs together",
                nat::zones::MAX_CLASSES
            );
            report.error(section.at, what, remedy);
            break;
        }
        pairs.push(ZonePair {
            name: name.value,
            from,
            to,
            classes: known
                .map(|(class, action)| (class.clone(), *action))
                .collect(),
            last: policy.last.unwrap_or(ZoneAction::Drop),
        });
    }
    pairs
}

/// A zone as a pair names it.
fn end(
    section: &Section<'_>,
    key: &'static str,
    net: &Interfaces,
    report: &mut Report,
) -> Option<(At, ZoneEnd)> {
    let name = section.value(key, report, text::name);
    if section.lacks(key) {
        section.missing("the pair", key, "inside", report);
    }
    let name = name?;
    let zone = || net.zones.iter().position(|zone| *zone == name.value);
    let end = match &*name.value {
        ITSELF => Some(ZoneEnd::Itself),
        LAST => Some(ZoneEnd::Unzoned),
        _ => zone().map(ZoneEnd::Zone),
    };
    if end.is_none() && net.labelled {
        let mut known: Vec<&str> = net.zones.iter().map(String::as_str).collect();
        known.extend([ITSELF, LAST]);
        let what = format!("no interface is in zone {}", shown(&name.value));
        report.error(name.at, what, suggestion(&name.value, &known));
    }
    Some((name.at, end?))
}

fn policy<'p>(
    section: &Section<'_>,
    policies: &'p HashMap<String, Policy>,
    whole: bool,
    report: &mut Report,
) -> Option<&'p Policy> {
    let name = section.value("policy", report, text::name);
    if section.lacks("policy") {
        section.missing("the pair", "policy", "out", report);
    }
    let name = name?;
    let found = policies.get(&name.value);
    if found.is_none() && whole {
        let mut known: Vec<&str> = policies.keys().map(String::as_str).collect();
        known.sort_unstable();
        let what = format!("there is no policy {}", shown(&name.value));
        report.error(name.at, what, suggestion(&name.value, &known));
    }
    found
}

fn label(end: ZoneEnd, net: &Interfaces) -> &str {
    match end {
        ZoneEnd::Zone(zone) => net.zones.get(zone).map_or("", String::as_str),
        ZoneEnd::Unzoned => LAST,
        ZoneEnd::Itself => ITSELF,
    }
}

/// Zones whose names mean something else in a pair.
fn reserved(zones: &Section<'_>, net: &Interfaces, pairs: &[ZonePair], report: &mut Report) {
    for name in [ITSELF, LAST] {
        if !pairs.is_empty() && net.zones.iter().any(|zone| zone == name) {
            let what = format!(
                "an interface is in a zone called `{name}`, which pairs have a meaning for"
            );
            report.error(zones.at("pairs"), what, "give that zone another name");
        }
    }
}

/// The appliance.
const ITSELF: &str = "self";
/// Interfaces without a zone; flows without a class.
const LAST: &str = "default";

const MOST: usize = 1_024;
/// Prefixes and services of all pairs.
const MOST_TERMS: usize = 1 << 18;
/// Comparisons of classes; what is beyond is not looked at.
const MOST_EFFORT: usize = 1 << 24;
