//! `nat.static`: one-to-one addresses, networks and forwarded ports.

use core::net::Ipv4Addr;
use core::time::Duration;

use crate::error::{At, Report, Wrong};
use crate::interfaces::{Interfaces, Special};
use crate::keys::{DEPENDENCE, keys};
use crate::model::{Deterministic, Limits, Static, VrfId};
use crate::node::{Kind, Node};
use crate::outside::{Outside, Owner, range};
use crate::section::{Found, Section, list};
use crate::text::{self, Ports, has_ports, shown, width};
use clashes::Clashes;

mod clashes;

/// Whether the mapping leaves nothing of its outside address for a pool: all
/// protocols, or all ports of a protocol that pools hand out.
pub(crate) fn takes_address(each: &Static) -> bool {
    let pooled = |protocol| has_ports(protocol) || protocol == 1;
    each.outside_ports.is_none() && each.protocol.is_none_or(pooled)
}

pub(crate) fn read(
    nat: &Section<'_>,
    net: &Interfaces,
    limits: &Limits,
    outside: &Outside,
    deterministic: &[Deterministic],
    report: &mut Report,
) -> Vec<Static> {
    let mut statics: Vec<Static> = Vec::new();
    let mut clashes = Clashes::default();
    let mut total: u64 = 0;
    let most = MOST_STATICS.min(u64::from(limits.mappings));
    for node in list(nat, "static", usize::MAX, report) {
        let Some((each, at)) = one(node, net, report) else {
            continue;
        };
        total = total.saturating_add(u64::from(each.count));
        if total > most {
            let what = format!("there are more than {most} static mappings");
            let remedy = if most < MOST_STATICS {
                "raise `limits.mappings` or map fewer addresses"
            } else {
                "map fewer addresses"
            };
            report.error(at, what, remedy);
            break;
        }
        against_others(&each, at, net, outside, deterministic, report);
        clashes.add(&each, at);
        statics.push(each);
    }
    clashes.report(report);
    statics
}

/// Addresses mapped statically, each of a network counted.
const MOST_STATICS: u64 = 65_536;

/// One side of a mapping as written.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: At,
    first: Ipv4Addr,
    count: u64,
    ports: Option<Ports>,
}

fn one(node: &Node, net: &Interfaces, report: &mut Report) -> Option<(Static, At)> {
    let before = report.count();
    let section = Section::open(node, "a static mapping", KEYS, report);
    for (key, example) in [("inside", "10.64.0.10"), ("outside", "203.0.113.14")] {
        if section.lacks(key) {
            section.missing("the static mapping", key, example, report);
        }
    }
    let protocol = section.value("protocol", report, text::protocol);
    let insides = insides(&section, report);
    let vrf = net.vrf(&section, "vrf", report);
    let written = net.vrf(&section, "outside_vrf", report);
    let outside = outside(&section, net, report);
    let affinity = section.duration("affinity", Duration::from_secs(1), report);
    let filtering = section.dependence("filtering", report);
    let ((mut outside, own_vrf), inside) = (outside?, insides.first().copied()?);
    if let (Some(own), Some(written)) = (own_vrf, written)
        && own != written
        && net.labelled
    {
        let what = format!("the interface is in VRF {}", net.vrf_name(own));
        report.error(
            section.at("outside_vrf"),
            what,
            "name that VRF or leave `outside_vrf` out",
        );
    }
    // By interface, the outside port may be left to be the inside one.
    if own_vrf.is_some() && outside.ports.is_none() {
        outside.ports = inside.ports;
    }
    let protocol = protocol.map(|found| found.value);
    shapes(inside, outside, protocol, &section, report);
    load_sharing(&insides, affinity.is_some(), &section, report);
    let outside_vrf = written.or(own_vrf).unwrap_or(0);
    if own_vrf.is_some() && outside.ports.is_none() && protocol.is_none() {
        let what = "the whole own address of an interface cannot be mapped";
        report.error(
            outside.at,
            what,
            "add `protocol` and ports, or use another address",
        );
    }
    if report.count() != before {
        return None;
    }
    let each = Static {
        protocol,
        inside: insides.iter().map(|place| place.first).collect(),
        inside_port: inside.ports.map(|ports| ports.0),
        outside: outside.first,
        count: u32::try_from(outside.count).unwrap_or(u32::MAX),
        outside_ports: outside.ports,
        affinity,
        vrf: vrf.unwrap_or(0),
        outside_vrf,
        filtering,
    };
    Some((each, outside.at))
}

keys! {
    pub(crate) KEYS:
        "protocol" Protocol,
        "inside" Many(&Text),
        "outside" Either(&[Text, Map(OUTSIDE)]),
        "affinity" Duration,
        "vrf" Text,
        "outside_vrf" Text,
        "filtering" DEPENDENCE;
    OUTSIDE:
        "interface" Text,
        "port" Ports;
}

/// An address, an address with ports, or a prefix.
fn place(text: &str) -> Result<(Ipv4Addr, u64, Option<Ports>), Wrong> {
    if text.contains('/') {
        let prefix = text::prefix(text)?;
        return Ok((prefix.network(), prefix.size(), None));
    }
    let (address, ports) = text::endpoint(text)?;
    Ok((address, 1, ports))
}

fn insides(section: &Section<'_>, report: &mut Report) -> Vec<Place> {
    let Some(found) = section.values("inside", report, place) else {
        return Vec::new();
    };
    if section.items("inside").is_some_and(<[Node]>::is_empty) {
        let what = "`inside` is an empty list";
        report.error(section.at("inside"), what, "list at least one address");
    }
    let places = found.into_iter().map(|Found { at, value }| Place {
        at,
        first: value.0,
        count: value.1,
        ports: value.2,
    });
    places.collect()
}

/// The outside, and the VRF of the interface if it is given by one.
fn outside(
    section: &Section<'_>,
    net: &Interfaces,
    report: &mut Report,
) -> Option<(Place, Option<VrfId>)> {
    let node = section.child("outside")?;
    let at = node.at;
    let (name, ports) = if let Kind::Map(_) = &node.kind {
        let map = Section::open(node, "`outside`", OUTSIDE, report);
        let Some(name) = map.value("interface", report, text::name) else {
            if map.lacks("interface") {
                map.missing("`outside`", "interface", "outside", report);
            }
            return None;
        };
        let ports = map.value("port", report, text::ports);
        (name, ports.map(|found| found.value))
    } else {
        let found = section.value("outside", report, outside_text)?;
        match found.value {
            Text::Place((first, count, ports)) => {
                let place = Place {
                    at,
                    first,
                    count,
                    ports,
                };
                return Some((place, None));
            }
            Text::Interface(value, ports) => (Found { at, value }, ports),
        }
    };
    let own = net.list.get(net.named(&name, report)?)?;
    let Some(address) = own.addresses.first() else {
        if net.complete {
            let what = format!("interface {} has no address", shown(&name.value));
            report.error(name.at, what, "give it one under `addresses`");
        }
        return None;
    };
    let place = Place {
        at,
        first: address.address,
        count: 1,
        ports,
    };
    Some((place, Some(own.vrf)))
}

/// What `outside` can be as a single value.
enum Text {
    Place((Ipv4Addr, u64, Option<Ports>)),
    Interface(String, Option<Ports>),
}

fn outside_text(text: &str) -> Result<Text, Wrong> {
    let Some(rest) = text
        .strip_prefix("interface:")
        .or_else(|| text.strip_prefix("interface "))
    else {
        return place(text).map(Text::Place);
    };
    let rest = rest.trim();
    // Ports follow the last colon, if what follows it is a number.
    match rest.rsplit_once(':') {
        Some((name, ports)) if ports.starts_with(|c: char| c.is_ascii_digit()) => Ok(
            Text::Interface(text::name(name.trim())?, Some(text::ports(ports)?)),
        ),
        _ => Ok(Text::Interface(text::name(rest)?, None)),
    }
}

/// Both sides must be of the same kind and size.
fn shapes(
    inside: Place,
    outside: Place,
    protocol: Option<u8>,
    section: &Section<'_>,
    report: &mut Report,
) {
    if inside.count != outside.count {
        let what = format!(
            "{} inside addresses cannot map to {} outside ones",
            inside.count, outside.count
        );
        report.error(outside.at, what, "use prefixes of equal length");
    }
    match (inside.ports, outside.ports) {
        (Some(inner), Some(outer)) if width(inner) != width(outer) => {
            let what = format!(
                "{} inside ports cannot map to {} outside ones",
                width(inner),
                width(outer)
            );
            report.error(outside.at, what, "use port ranges of equal length");
        }
        (Some(ports), None) => {
            let what = "the inside has ports and the outside has none";
            let remedy = format!(
                "add ports to the outside too, such as `{}:{}`",
                outside.first, ports.0
            );
            report.error(outside.at, what, remedy);
        }
        (None, Some(ports)) => {
            let what = "the outside has ports and the inside has none";
            let remedy = format!(
                "add ports to the inside too, such as `{}:{}`",
                inside.first, ports.0
            );
            report.error(inside.at, what, remedy);
        }
        _ => {}
    }
    if inside.ports.is_none() && outside.ports.is_none() {
        return;
    }
    match protocol {
        Some(protocol) if !has_ports(protocol) => {
            let what = format!("protocol {protocol} has no ports");
            report.error(
                section.at("protocol"),
                what,
                "leave the ports out, or use tcp or udp",
            );
        }
        None if section.lacks("protocol") => {
            let what = "ports are given without a protocol";
            report.error(outside.at, what, "add `protocol: tcp` or `protocol: udp`");
        }
        _ => {}
    }
}

/// Several inside hosts share what comes in for one outside endpoint.
fn load_sharing(insides: &[Place], affinity: bool, section: &Section<'_>, report: &mut Report) {
    let [first, others @ ..] = insides else {
        return;
    };
    if others.is_empty() && affinity {
        let what = "`affinity` has no effect with one inside address";
        report.error(section.key_at("affinity"), what, "leave it out");
    }
    if let Some(extra) = insides.get(MOST_SHARING) {
        let what = format!("{} inside hosts share the outside", insides.len());
        report.error(extra.at, what, format!("keep at most {MOST_SHARING}"));
    }
    for (nth, other) in others.iter().enumerate() {
        if other.count != 1 || first.count != 1 {
            let what = "a network cannot share load";
            report.error(other.at, what, "list single addresses");
        } else if other.ports != first.ports {
            let what = "inside hosts that share load have different ports";
            report.error(other.at, what, "give all of them the same ports");
        } else if insides
            .iter()
            .take(nth + 1)
            .any(|one| one.first == other.first)
        {
            let what = format!("inside {} is listed twice", other.first);
            report.error(other.at, what, "list each address once");
        }
    }
}

/// Inside hosts behind one outside endpoint.
const MOST_SHARING: usize = 255;

/// Contradictions with interfaces, next hops and computed ports.
fn against_others(
    each: &Static,
    at: At,
    net: &Interfaces,
    outside: &Outside,
    deterministic: &[Deterministic],
    report: &mut Report,
) {
    let addresses =
        (0..each.count).map(|i| Ipv4Addr::from_bits(each.outside.to_bits().saturating_add(i)));
    let whole = takes_address(each);
    for address in addresses {
        let vrf = each.outside_vrf;
        let own = matches!(net.special(vrf, address), Some(Special::Own(_)));
        if let Some(what) = outside.contradiction(net, vrf, address)
            && (whole || !own)
        {
            report.error(at, what, "use an outside address that is no one else's");
            return;
        }
        let computed = outside
            .claims_of(vrf, address)
            .iter()
            .find_map(|claim| match claim.owner {
                Owner::Deterministic(index) => Some(index),
                Owner::Pool(_) => None,
            });
        let Some(index) = computed else {
            continue;
        };
        let computed = deterministic
            .get(index)
            .map_or((1, u16::MAX), |each| each.computed.ports());
        let meets = match each.outside_ports {
            Some((first, last)) => first <= computed.1 && computed.0 <= last,
            None => whole,
        };
        if meets {
            let what = format!(
                "{address} is in a deterministic range, whose hosts have its ports {}",
                range(computed)
            );
            report.error(at, what, "use another address, or ports outside that range");
            return;
        }
    }
    for &address in &each.inside {
        if let Some(Special::Own(_)) = net.special(each.vrf, address) {
            let what = format!("inside {address} is the appliance's own address");
            report.error(at, what, "map to the address of a host");
            return;
        }
    }
}
