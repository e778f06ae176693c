//! `nat.deterministic` (RFC 7422): ports computed from the inside address.

use std::collections::BTreeMap;

use crate::error::{At, Report};
use crate::interfaces::Interfaces;
use crate::model::{Deterministic, VrfId};
use crate::node::Node;
use crate::outside::{Outside, Owner, Ranges};
use crate::pools::{ALL_PORTS, Pools};
use crate::section::{Found, Names, Section, list};
use crate::text::{self, width};

pub(crate) fn read(
    nat: &Section<'_>,
    net: &Interfaces,
    pools: &Pools,
    outside: &mut Outside,
    report: &mut Report,
) -> Vec<Deterministic> {
    let mut ranges = Vec::new();
    let mut names = Names::default();
    let mut sources: BTreeMap<(VrfId, u32), (u32, At)> = BTreeMap::new();
    for (index, node) in list(nat, "deterministic", MOST_RANGES, report)
        .iter()
        .enumerate()
    {
        ranges.extend(one(
            node,
            index,
            net,
            pools,
            outside,
            (&mut names, &mut sources),
            report,
        ));
    }
    ranges
}

/// What all ranges together must not repeat: names, and inside addresses by their
/// first one.
type Seen<'a> = (&'a mut Names, &'a mut BTreeMap<(VrfId, u32), (u32, At)>);

fn one(
    node: &Node,
    index: usize,
    net: &Interfaces,
    pools: &Pools,
    outside: &mut Outside,
    (names, sources): Seen<'_>,
    report: &mut Report,
) -> Option<Deterministic> {
    let before = report.count();
    let section = Section::open(node, "a deterministic range", &KEYS, report);
    let name = section
        .value("name", report, text::name)
        .unwrap_or_else(|| Found {
            at: section.at,
            value: format!("deterministic-{}", index + 1),
        });
    names.add("deterministic ranges", &name, report);
    for (key, example) in [
        ("source", "10.80.0.0/20"),
        ("prefixes", "[203.0.113.128/27]"),
    ] {
        if section.lacks(key) {
            section.missing("the deterministic range", key, example, report);
        }
    }
    let vrf = net.vrf(&section, "vrf", report).unwrap_or(0);
    let outside_vrf = net.vrf(&section, "outside_vrf", report).unwrap_or(0);
    let source = section.value("source", report, text::prefix);
    if let Some(source) = source {
        let (first, last) = (
            source.value.network().to_bits(),
            source.value.last().to_bits(),
        );
        let before = sources.range(..=(vrf, last)).next_back();
        if let Some((&(other, _), &(end, at))) = before
            && other == vrf
            && end >= first
        {
            let what = format!("{} overlaps the deterministic range at {at}", source.value);
            report.error(source.at, what, "use disjoint `source` prefixes");
        } else {
            sources.insert((vrf, first), (last, source.at));
        }
    }
    let ports = section
        .value("ports", report, text::ports)
        .map_or(ALL_PORTS, |found| found.value);
    let overflow = section.value("overflow_pool", report, text::name);
    let overflow_pool = overflow.as_ref().and_then(|name| pools.named(name, report));
    if let (Some(pool), Some(overflow)) =
        (overflow_pool.and_then(|id| pools.list.get(id)), overflow)
        && pool.vrf != outside_vrf
    {
        let what = format!("the overflow pool is in VRF {}", net.vrf_name(pool.vrf));
        report.error(overflow.at, what, "use a pool of the same `outside_vrf`");
    }
    let prefixes = section.prefixes("prefixes", report).unwrap_or_default();
    let owner = (Owner::Deterministic(index), ports);
    let all = Ranges::default();
    let addresses = outside.claim_prefixes(owner, outside_vrf, &prefixes, &all, net, report);
    let source = source?;
    if addresses.is_empty() {
        if report.count() == before {
            let what = "the deterministic range has no outside address";
            report.error(section.at("prefixes"), what, "list at least one prefix");
        }
        return None;
    }
    let hosts = source.value.size().div_ceil(addresses.len() as u64);
    let ports_per_host = u16::try_from(u64::from(width(ports)) / hosts).unwrap_or(u16::MAX);
    if ports_per_host == 0 && report.count() == before {
        let what = format!(
            "{hosts} inside hosts share the {} ports of an outside address, so none gets any",
            width(ports)
        );
        report.error(
            source.at,
            what,
            "use a longer `source` prefix, more `prefixes` or more `ports`",
        );
    }
    Some(Deterministic {
        name: name.value,
        source: source.value,
        vrf,
        outside_vrf,
        addresses,
        ports,
        ports_per_host,
        overflow_pool,
    })
}

const KEYS: [&str; 7] = [
    "name",
    "source",
    "prefixes",
    "ports",
    "overflow_pool",
    "vrf",
    "outside_vrf",
];
const MOST_RANGES: usize = 4_096;
