//! `nat.pools`.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::collections::{HashMap, HashSet};

use base::Prefix;

use crate::error::{At, Report, Wrong};
use crate::interfaces::Interfaces;
use crate::keys::keys;
use crate::machine::section;
use crate::model::{Allocation, Blocks, InterfaceId, Pool, PoolId, Static, VrfId};
use crate::node::Node;
use crate::outside::{Outside, Owner, Ranges, range};
use crate::section::{Found, Names, Section, list, suggestion};
use crate::statics::takes_address;
use crate::text::{self, Ports, shown, width};

/// The pools as rules see them.
#[derive(Debug)]
pub(crate) struct Pools {
    pub(crate) list: Vec<Pool>,
    /// The name of every pool could be read.
    pub(crate) complete: bool,
    names: HashMap<String, PoolId>,
    /// Per pool, what only the reading needs.
    more: Vec<More>,
}

#[derive(Clone, Copy, Debug)]
struct More {
    /// The realm it serves, if it says.
    serves: Option<VrfId>,
    /// Where its addresses are written.
    at: At,
    /// `ports` or `blocks` is written.
    has_ports: bool,
    /// The outside realm: as written, or as a rule says; and whether a rule did.
    leads: Option<(VrfId, bool)>,
    /// A deterministic range goes on with its ports.
    is_overflow: bool,
}

impl Pools {
    pub(crate) fn named(&self, name: &Found<String>, report: &mut Report) -> Option<PoolId> {
        let found = self.names.get(&name.value).copied();
        if found.is_none() && self.complete {
            let known: Vec<&str> = self.list.iter().map(|pool| pool.name.as_str()).collect();
            let what = format!("there is no pool {}", shown(&name.value));
            let remedy = if known.is_empty() {
                "add it under `pools`".to_owned()
            } else {
                suggestion(&name.value, &known)
            };
            report.error(name.at, what, remedy);
        }
        found
    }

    /// Whether a deterministic range takes ports of it.
    pub(crate) fn is_overflow(&self, pool: PoolId) -> bool {
        self.more.get(pool).is_some_and(|more| more.is_overflow)
    }

    /// Realm of the inside that the pool is reserved for.
    pub(crate) fn inside_vrf(&self, pool: PoolId) -> Option<VrfId> {
        self.more.get(pool).and_then(|more| more.serves)
    }

    /// A rule's flows by this pool leave in a realm; another one's, or the pool itself,
    /// may have said otherwise before. Then which, and whether it was a rule.
    pub(crate) fn lead_to(&mut self, pool: PoolId, vrf: VrfId) -> Result<(), (VrfId, bool)> {
        let Some(more) = self.more.get_mut(pool) else {
            return Ok(());
        };
        match more.leads {
            Some(said) if said.0 != vrf => Err(said),
            Some(_) => Ok(()),
            None => {
                more.leads = Some((vrf, true));
                Ok(())
            }
        }
    }

    /// A deterministic range takes ports of a pool when its own are used up.
    pub(crate) fn make_overflow(&mut self, pool: PoolId) {
        if let Some(more) = self.more.get_mut(pool) {
            more.is_overflow = true;
        }
    }

    /// Makes a pool one-to-one, or says why it cannot be.
    pub(crate) fn make_whole(&mut self, pool: PoolId) -> Option<String> {
        let found = self.list.get_mut(pool)?;
        if self.more.get(pool).is_some_and(|more| more.has_ports) {
            return Some(format!(
                "pool {} has `ports` or `blocks`",
                shown(&found.name)
            ));
        }
        found.one_to_one = true;
        found.ports = EVERY_PORT;
        None
    }

    /// Removes the addresses that static mappings have for themselves.
    pub(crate) fn take_out(&mut self, statics: &[Static], report: &mut Report) {
        let mut taken: HashSet<(VrfId, u32)> = HashSet::new();
        for each in statics.iter().filter(|each| takes_address(each)) {
            let first = each.outside.to_bits();
            taken.extend((0..each.count).map(|i| (each.outside_vrf, first.saturating_add(i))));
        }
        for (pool, &More { at, .. }) in self.list.iter_mut().zip(&self.more) {
            let before = pool.addresses.len();
            pool.addresses
                .retain(|address| !taken.contains(&(pool.vrf, address.to_bits())));
            if before > 0 && pool.addresses.is_empty() {
                let what = format!(
                    "static mappings take every address of pool {}",
                    shown(&pool.name)
                );
                report.error(at, what, "add addresses, or map single ports");
            }
        }
    }
}

pub(crate) fn read(
    nat: &Section<'_>,
    net: &Interfaces,
    outside: &mut Outside,
    report: &mut Report,
) -> Pools {
    let before = report.count();
    let mut pools = Pools {
        list: Vec::new(),
        complete: true,
        names: HashMap::new(),
        more: Vec::new(),
    };
    let mut names = Names::default();
    let nodes = list(nat, "pools", MOST_POOLS, report);
    pools.complete = report.count() == before && !nat.obscured("pools");
    for node in nodes {
        let id = pools.list.len();
        let (pool, more) = pool(node, id, net, outside, &mut names, report);
        pools.complete &= !pool.name.is_empty();
        pools.names.entry(pool.name.clone()).or_insert(id);
        pools.more.push(more);
        pools.list.push(pool);
    }
    pools
}

fn pool(
    node: &Node,
    id: PoolId,
    net: &Interfaces,
    outside: &mut Outside,
    names: &mut Names,
    report: &mut Report,
) -> (Pool, More) {
    let section = Section::open(node, "a pool", KEYS, report);
    let name = section.value("name", report, text::name);
    match &name {
        Some(name) => names.add("pools", name, report),
        None if section.lacks("name") => {
            section.missing("the pool", "name", "public", report);
        }
        None => {}
    }
    let serves = net.vrf(&section, "vrf", report);
    let mut vrf = net.vrf(&section, "outside_vrf", report);
    let named = section.value("interface", report, text::name);
    let interface = named.as_ref().and_then(|name| net.named(name, report));
    if let Some(own) = interface
        .and_then(|id| net.list.get(id))
        .map(|each| each.vrf)
    {
        if vrf.is_some_and(|vrf| vrf != own) && net.labelled {
            let what = format!("the interface is in VRF {}", net.vrf_name(own));
            report.error(
                section.at("outside_vrf"),
                what,
                "name that VRF or leave `outside_vrf` out",
            );
        }
        vrf = Some(own);
    }
    let leads = vrf.map(|vrf| (vrf, false));
    let vrf = vrf.unwrap_or(0);
    let at = match (section.child("prefixes"), section.child("interface")) {
        (Some(_), Some(_)) => {
            let what = "the pool has both `prefixes` and `interface`";
            report.error(section.key_at("interface"), what, "keep one of the two");
            section.at
        }
        (None, None) if section.obscured("prefixes") || section.obscured("interface") => section.at,
        (None, None) => {
            let what = "the pool has neither `prefixes` nor `interface`";
            report.error(
                section.at,
                what,
                "add `prefixes: [203.0.113.0/28]` or `interface: NAME`",
            );
            section.at
        }
        (Some(prefixes), None) => prefixes.at,
        (None, Some(interface)) => interface.at,
    };
    let one_to_one = section.boolean("one_to_one", false, report);
    let has_ports = ["ports", "blocks", "exclude_ports"]
        .iter()
        .any(|key| section.child(key).is_some());
    if one_to_one {
        for key in ["ports", "blocks", "exclude_ports"] {
            if section.child(key).is_some() {
                let what = format!("`{key}` has no effect in a one-to-one pool");
                report.error(section.key_at(key), what, "leave it out");
            }
        }
        if interface.is_some() {
            let what = "an interface's own address cannot be given to one subscriber";
            report.error(section.key_at("interface"), what, "list `prefixes`");
        }
    }
    let ports = ports(&section, report);
    // As a whole, or for a remote host: then no other pool can have any port of it.
    let taken = if has_ports { ports } else { EVERY_PORT };
    let ports = if one_to_one { EVERY_PORT } else { ports };
    let owner = (Owner::Pool(id), taken);
    let addresses = addresses(&section, owner, vrf, interface, net, outside, report);
    let exclude_ports = exclude_ports(&section, ports, report);
    let blocks = blocks(&section, ports, addresses.len(), report);
    let draining = draining(&section, &addresses, report);
    let pool = Pool {
        name: name.map(|name| name.value).unwrap_or_default(),
        vrf,
        addresses,
        interface,
        ports,
        exclude_ports,
        blocks,
        one_to_one,
        allocation: allocation(&section, report),
        watermarks: watermarks(&section, report),
        draining,
    };
    let more = More {
        serves,
        at,
        has_ports,
        leads,
        is_overflow: false,
    };
    (pool, more)
}

/// Which address a newcomer gets.
fn allocation(section: &Section<'_>, report: &mut Report) -> Allocation {
    section
        .value("allocation", report, |text| match text {
            "random" => Ok(Allocation::Random),
            "least-used" => Ok(Allocation::LeastUsed),
            _ => Err(Wrong::new(
                format!("{} is not a way to choose addresses", shown(text)),
                "write random or least-used",
            )),
        })
        .map_or(Allocation::Random, |found| found.value)
}

/// `watermarks: { high: 90, low: 80 }`, in percent.
fn watermarks(parent: &Section<'_>, report: &mut Report) -> (u8, u8) {
    let section = section(parent, "watermarks", WATERMARKS, report);
    let high: u8 = section.number("high", report).unwrap_or(90);
    let low = section
        .number("low", report)
        .unwrap_or_else(|| high.saturating_sub(10));
    if low >= high {
        let what = format!("the low watermark ({low}) is not below the high one ({high})");
        report.error(
            section.at("low"),
            what,
            "write a lower `low` or a higher `high`",
        );
    }
    (high, low)
}

/// The addresses from which nothing new is lent.
fn draining(section: &Section<'_>, addresses: &[Ipv4Addr], report: &mut Report) -> Vec<Ipv4Addr> {
    if section.boolean("drain", false, report) {
        if section.child("drain_addresses").is_some() {
            let what = "`drain_addresses` has no effect when all of the pool is drained";
            report.error(
                section.key_at("drain_addresses"),
                what,
                "keep one of the two",
            );
        }
        return addresses.to_vec();
    }
    let ranges = section.values("drain_addresses", report, text::address_range);
    let mut draining = Vec::new();
    for Found { at, value } in ranges.unwrap_or_default() {
        let meant = value.0..=value.1;
        let before = draining.len();
        let chosen = addresses.iter().copied();
        draining.extend(chosen.filter(|address| meant.contains(address)));
        if draining.len() == before && !addresses.is_empty() {
            let what = "none of the addresses to drain is in the pool";
            report.error(at, what, "write addresses of the pool");
        }
    }
    draining.sort_unstable();
    draining.dedup();
    draining
}

keys! {
    pub(crate) KEYS:
        "name" Text,
        "prefixes" Many(&Prefix),
        "interface" Text,
        "ports" Ports,
        "exclude_addresses" Many(&Addresses),
        "exclude_ports" Many(&Ports),
        "blocks" Map(BLOCKS),
        "one_to_one" Boolean,
        "allocation" Word(&["random", "least-used"]),
        "watermarks" Map(WATERMARKS),
        "drain" Boolean,
        "drain_addresses" Many(&Addresses),
        "vrf" Text,
        "outside_vrf" Text;
    BLOCKS:
        "size" Number(1, 64_512),
        "max_per_subscriber" Number(1, 65_535),
        "idle_timeout" Duration,
        "active_timeout" Duration;
    WATERMARKS:
        "high" Number(1, 100),
        "low" Number(0, 99);
}

fn addresses(
    section: &Section<'_>,
    owner: (Owner, Ports),
    vrf: VrfId,
    interface: Option<InterfaceId>,
    net: &Interfaces,
    outside: &mut Outside,
    report: &mut Report,
) -> Vec<Ipv4Addr> {
    let before = report.count();
    let excluded = section.values("exclude_addresses", report, text::address_range);
    let excluded = excluded.unwrap_or_default();
    let bits =
        |found: &Found<(Ipv4Addr, Ipv4Addr)>| (found.value.0.to_bits(), found.value.1.to_bits());
    let ranges = Ranges::new(excluded.iter().map(bits).collect());
    if section.child("interface").is_some() {
        let own = interface.and_then(|id| net.list.get(id));
        let at = section.at("interface");
        let first = own.and_then(|own| own.addresses.first());
        match first {
            Some(own) => {
                let found = Found {
                    at,
                    value: own.address,
                };
                outside.claim_own(owner, vrf, found, report);
            }
            None if own.is_some() && net.complete => {
                report.error(
                    at,
                    "the interface has no address",
                    "give it one under `addresses`",
                );
            }
            None => {}
        }
        if let Some(first) = excluded.first() {
            let what = "a pool of one own address cannot exclude addresses";
            report.error(first.at, what, "leave `exclude_addresses` out");
        }
        return first.map(|own| own.address).into_iter().collect();
    }
    let prefixes = section.prefixes("prefixes", report).unwrap_or_default();
    // Only a help: not worth a square of very long lists.
    let few = excluded.len().saturating_mul(prefixes.len()) < 1 << 20;
    for found in excluded.iter().filter(|_| few) {
        let (first, last) = bits(found);
        let meets = |prefix: &Found<Prefix>| {
            prefix.value.network().to_bits() <= last && first <= prefix.value.last().to_bits()
        };
        if !prefixes.iter().any(meets) {
            let what = "an excluded address is in no prefix of the pool";
            report.warn(
                found.at,
                what,
                "leave it out, or write the address that was meant",
            );
        }
    }
    let addresses = outside.claim_prefixes(owner, vrf, &prefixes, &ranges, net, report);
    if addresses.is_empty() && section.child("prefixes").is_some() && report.count() == before {
        let what = "the pool has no address left";
        report.error(
            section.at("prefixes"),
            what,
            "add prefixes or exclude fewer addresses",
        );
    }
    addresses
}

fn ports(section: &Section<'_>, report: &mut Report) -> Ports {
    section
        .value("ports", report, text::ports)
        .map_or(ALL_PORTS, |found| found.value)
}

pub(crate) const ALL_PORTS: Ports = (1_024, 65_535);

/// Those of an address that is given as a whole.
const EVERY_PORT: Ports = (0, u16::MAX);

fn exclude_ports(section: &Section<'_>, ports: Ports, report: &mut Report) -> Vec<Ports> {
    let excluded = section.values("exclude_ports", report, text::ports);
    let ranges = Ranges::of_ports(&excluded.unwrap_or_default());
    let left = u64::from(width(ports)) - ranges.within(ports.0.into(), ports.1.into());
    if left == 0 {
        let what = format!("no port of {} is left", range(ports));
        report.error(section.at("exclude_ports"), what, "exclude fewer ports");
    }
    ranges.to_ports()
}

fn blocks(
    parent: &Section<'_>,
    ports: Ports,
    addresses: usize,
    report: &mut Report,
) -> Option<Blocks> {
    parent.child("blocks")?;
    let section = section(parent, "blocks", BLOCKS, report);
    let in_range = width(ports);
    let size = section.value("size", report, |text| {
        text::integer(text, &(1..=64_512)).map(|size| u16::try_from(size).unwrap_or(u16::MAX))
    });
    let fits = |size: u16| u32::from(size) <= in_range;
    let written = size.map(|size| size.value);
    let default = u16::try_from(in_range.min(512)).unwrap_or(512);
    if let Some(size) = size
        && !fits(size.value)
    {
        let what = format!(
            "a block of {} ports does not fit the {in_range} ports of {}",
            size.value,
            range(ports)
        );
        report.error(
            size.at,
            what,
            format!("write {in_range} or less, or widen `ports`"),
        );
    }
    let size = written.filter(|&size| fits(size)).unwrap_or(default);
    let per_address = in_range / u32::from(size.max(1));
    let max = section.value("max_per_subscriber", report, |text| {
        text::integer(text, &(1..=65_535)).map(|max| u16::try_from(max).unwrap_or(u16::MAX))
    });
    if let Some(max) = max {
        let total = u64::from(per_address) * addresses as u64;
        if u64::from(max.value) > total && addresses > 0 {
            let what = format!(
                "a subscriber may have {} blocks of {size} ports, the pool has {total}",
                max.value
            );
            report.error(
                max.at,
                what,
                format!("write {total} or less, or smaller blocks"),
            );
        } else if u32::from(max.value) > per_address {
            let what = format!(
                "{} blocks of {size} ports are more than one address has ({per_address})",
                max.value
            );
            report.warn(
                max.at,
                what,
                "with `paired: true` a subscriber gets no more than that",
            );
        }
    }
    let max = max.map_or_else(
        || u16::try_from(per_address.clamp(1, 8)).unwrap_or(8),
        |max| max.value,
    );
    Some(Blocks {
        size,
        max_per_subscriber: max,
        idle_timeout: section
            .duration("idle_timeout", Duration::from_millis(1), report)
            .unwrap_or(Duration::from_mins(2)),
        active_timeout: section.duration("active_timeout", Duration::from_secs(1), report),
    })
}
const MOST_POOLS: usize = 4_096;
