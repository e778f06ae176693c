//! `nat.deterministic` (RFC 7422): ports computed from the inside address.

use core::net::Ipv4Addr;
use std::collections::BTreeMap;

use nat::{Algorithm, Computed, Key};

use crate::error::{At, Report, Wrong};
use crate::interfaces::Interfaces;
use crate::keys::keys;
use crate::model::{Deterministic, PoolId, VrfId};
use crate::node::Node;
use crate::outside::{Outside, Owner, Ranges};
use crate::pcp;
use crate::pools::{ALL_PORTS, Pools};
use crate::section::{Found, Names, Section, list, suggestion};
use crate::text::{self, shown, width};

pub(crate) fn read(
    nat: &Section<'_>,
    net: &Interfaces,
    pools: &mut Pools,
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
    pools: &mut Pools,
    outside: &mut Outside,
    (names, sources): Seen<'_>,
    report: &mut Report,
) -> Option<Deterministic> {
    let before = report.count();
    let section = Section::open(node, "a deterministic range", KEYS, report);
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
    let source = source(&section, vrf, sources, report);
    let ports = section
        .value("ports", report, text::ports)
        .map_or(ALL_PORTS, |found| found.value);
    let overflow_pool = overflow_pool(&section, outside_vrf, net, pools, report);
    let prefixes = section.prefixes("prefixes", report).unwrap_or_default();
    let owner = (Owner::Deterministic(index), ports);
    let all = Ranges::default();
    let addresses = outside.claim_prefixes(owner, outside_vrf, &prefixes, &all, net, report);
    let algorithm = algorithm(&section, addresses.len(), report);
    let max_ports = section.number("max_ports", report);
    let pcp = pcp::read(&section, report);
    let (first, hosts) = source?;
    if addresses.is_empty() {
        if report.count() == before {
            let what = "the deterministic range has no outside address";
            report.error(section.at("prefixes"), what, "list at least one prefix");
        }
        return None;
    }
    let shares = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let computed = u32::try_from(hosts)
        .ok()
        .and_then(|hosts| Computed::new(hosts, shares, ports, algorithm));
    let Some(computed) = computed else {
        if report.count() == before {
            let what = format!(
                "{} inside hosts share the {} ports of an outside address, so none gets any",
                hosts.div_ceil(u64::from(shares)),
                width(ports)
            );
            report.error(
                section.at("source"),
                what,
                "use fewer `source` addresses, more `prefixes` or more `ports`",
            );
        }
        return None;
    };
    hard_limit(&section, max_ports, &computed, overflow_pool, report);
    Some(Deterministic {
        name: name.value,
        first,
        vrf,
        outside_vrf,
        addresses,
        computed,
        max_ports,
        overflow_pool,
        pcp,
    })
}

keys! {
    pub(crate) KEYS:
        "name" Text,
        "source" Addresses,
        "prefixes" Many(&Prefix),
        "ports" Ports,
        "algorithm" Word(&["sequential", "staggered", "round-robin", "interlaced", "random"]),
        "key" Text,
        "max_ports" Number(1, 65_535),
        "overflow_pool" Text,
        "pcp" Map(pcp::KEYS),
        "vrf" Text,
        "outside_vrf" Text;
}

/// The first inside address and how many there are; no two ranges may share one.
fn source(
    section: &Section<'_>,
    vrf: VrfId,
    sources: &mut BTreeMap<(VrfId, u32), (u32, At)>,
    report: &mut Report,
) -> Option<(Ipv4Addr, u64)> {
    let source = section.value("source", report, |text| {
        text::address_range(text).map(|range| (range, text.to_owned()))
    })?;
    let ((first, last), text) = source.value;
    let (low, high) = (first.to_bits(), last.to_bits());
    let before = sources.range(..=(vrf, high)).next_back();
    if let Some((&(other, _), &(end, at))) = before
        && other == vrf
        && end >= low
    {
        let what = format!("{} overlaps the deterministic range at {at}", shown(&text));
        report.error(source.at, what, "use disjoint `source` addresses");
    } else {
        sources.insert((vrf, low), (high, source.at));
    }
    Some((first, u64::from(high.saturating_sub(low)) + 1))
}

fn overflow_pool(
    section: &Section<'_>,
    outside_vrf: VrfId,
    net: &Interfaces,
    pools: &mut Pools,
    report: &mut Report,
) -> Option<PoolId> {
    let name = section.value("overflow_pool", report, text::name)?;
    let id = pools.named(&name, report)?;
    if let Some(pool) = pools.list.get(id)
        && pool.vrf != outside_vrf
    {
        let what = format!("the overflow pool is in VRF {}", net.vrf_name(pool.vrf));
        report.error(name.at, what, "use a pool of the same `outside_vrf`");
    }
    if pools.list.get(id).is_some_and(|pool| pool.one_to_one) {
        let what = format!(
            "pool {} is one-to-one, so it has no ports to go on with",
            shown(&name.value)
        );
        report.error(name.at, what, "use a pool that lends ports");
    }
    pools.make_overflow(id);
    Some(id)
}

/// `algorithm`, and the `key` that one of them takes.
fn algorithm(section: &Section<'_>, addresses: usize, report: &mut Report) -> Algorithm {
    let key = section.value("key", report, key);
    let random = Algorithm::Random(
        key.as_ref()
            .map_or(Key::from_text(""), |key| Key::from_text(&key.value)),
    );
    let algorithms = [
        Algorithm::Sequential,
        Algorithm::Staggered,
        Algorithm::RoundRobin,
        Algorithm::Interlaced,
        random,
    ];
    let written = section.value("algorithm", report, |text| {
        let found = algorithms.iter().find(|each| each.name() == text);
        found.copied().ok_or_else(|| {
            Wrong::new(
                format!("{} is not an algorithm", shown(text)),
                suggestion(text, &algorithms.map(Algorithm::name)),
            )
        })
    });
    if written.is_none() && (section.child("algorithm").is_some() || section.obscured("algorithm"))
    {
        return Algorithm::Sequential;
    }
    let algorithm = written.map_or(Algorithm::Sequential, |found| found.value);
    let keyed = algorithm == random;
    if keyed && section.lacks("key") {
        let what = "the random algorithm has no `key`";
        let remedy = "add `key: TEXT` and keep it, since old assignments are told by it alone";
        report.error(section.at("algorithm"), what, remedy);
    } else if !keyed && section.child("key").is_some() {
        let what = format!(
            "`key` has no effect with the {} algorithm",
            algorithm.name()
        );
        let remedy = "leave it out or use `algorithm: random`";
        report.error(section.key_at("key"), what, remedy);
    }
    if let Some(key) = key
        && key.value.chars().count() < GOOD_KEY
    {
        let what = format!("a `key` of less than {GOOD_KEY} characters can be guessed");
        report.warn(key.at, what, "write a longer text, made by chance");
    }
    if !algorithm.is_paired() && addresses > 1 {
        let what = format!(
            "{} gives a host ports at several outside addresses, against RFC 4787 REQ-2",
            algorithm.name()
        );
        let remedy = "use sequential, staggered or random where applications mind";
        report.warn(section.at("algorithm"), what, remedy);
    }
    algorithm
}

fn key(text: &str) -> Result<String, Wrong> {
    if text.is_empty() || text.chars().count() > LONGEST_KEY {
        // What was written is not repeated: it is a secret.
        let what = format!("the key has {} characters", text.chars().count());
        let remedy = format!("write 1 to {LONGEST_KEY} characters");
        return Err(Wrong::new(what, remedy));
    }
    Ok(text.to_owned())
}

/// `max_ports` is for computed ports and those of the overflow together.
fn hard_limit(
    section: &Section<'_>,
    max_ports: Option<u16>,
    computed: &Computed,
    overflow_pool: Option<PoolId>,
    report: &mut Report,
) {
    let Some(max) = max_ports else { return };
    let least = computed.ports_per_host();
    if max < least {
        let what = format!("`max_ports` is less than the {least} computed ports of a host");
        report.error(
            section.at("max_ports"),
            what,
            format!("write {least} or more, or give hosts fewer `ports`"),
        );
    } else if max > least && overflow_pool.is_none() && section.lacks("overflow_pool") {
        let what = format!("a host has {least} ports and never more, without `overflow_pool`");
        report.warn(
            section.at("max_ports"),
            what,
            "leave `max_ports` out, or add a pool",
        );
    }
}

const GOOD_KEY: usize = 16;
const LONGEST_KEY: usize = 256;
const MOST_RANGES: usize = 4_096;
