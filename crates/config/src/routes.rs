//! `routes` and `neighbors`: both must agree with the connected networks.

use core::net::Ipv4Addr;
use std::collections::HashMap;

use base::Prefix;

use crate::error::{At, Report};
use crate::interfaces::{Interfaces, on_network};
use crate::keys::keys;
use crate::model::{InterfaceId, Neighbor, Route, VrfId};
use crate::node::Node;
use crate::section::{Found, Section, list};
use crate::text::{self, shown};

keys! {
    pub(crate) ROUTES:
        "prefix" Prefix,
        "next_hop" Address,
        "interface" Text,
        "vrf" Text;
    pub(crate) NEIGHBORS:
        "interface" Text,
        "ip" Address,
        "mac" Mac;
}

pub(crate) fn routes(top: &Section<'_>, net: &Interfaces, report: &mut Report) -> Vec<Route> {
    let mut routes = Vec::new();
    let mut seen: HashMap<(VrfId, Prefix), At> = HashMap::new();
    for node in list(top, "routes", MOST_ROUTES, report) {
        let section = Section::open(node, "a route", ROUTES, report);
        for (key, example) in [("prefix", "0.0.0.0/0"), ("next_hop", "198.51.100.254")] {
            if section.lacks(key) {
                section.missing("the route", key, example, report);
            }
        }
        let prefix = section.value("prefix", report, text::prefix);
        let next_hop = section.address("next_hop", report);
        let (named, vrf) = interface_and_vrf(&section, net, report);
        let (Some(prefix), Some(next_hop)) = (prefix, next_hop) else {
            continue;
        };
        if let Some(first) = seen.insert((vrf, prefix.value), prefix.at) {
            let what = format!("{} has a route already, at {first}", prefix.value);
            report.error(prefix.at, what, "keep one route to each prefix");
        }
        if !net.complete {
            continue;
        }
        let Some(interface) = reached(next_hop, named, vrf, net, "next hop", report) else {
            continue;
        };
        routes.push(Route {
            prefix: prefix.value,
            next_hop: next_hop.value,
            interface,
            vrf,
        });
    }
    routes
}

pub(crate) fn neighbors(
    top: &Section<'_>,
    net: &Interfaces,
    limit: u32,
    report: &mut Report,
) -> Vec<Neighbor> {
    let mut neighbors = Vec::new();
    let mut seen: HashMap<(InterfaceId, Ipv4Addr), At> = HashMap::new();
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    for node in list(top, "neighbors", most, report) {
        neighbors.extend(neighbor(node, net, &mut seen, report));
    }
    neighbors
}

fn neighbor(
    node: &Node,
    net: &Interfaces,
    seen: &mut HashMap<(InterfaceId, Ipv4Addr), At>,
    report: &mut Report,
) -> Option<Neighbor> {
    let section = Section::open(node, "a neighbour", NEIGHBORS, report);
    let examples = [
        ("interface", "outside"),
        ("ip", "198.51.100.254"),
        ("mac", "\"02:00:00:00:00:fe\""),
    ];
    for (key, example) in examples {
        if section.lacks(key) {
            section.missing("the neighbour", key, example, report);
        }
    }
    let name = section.value("interface", report, text::name);
    let ip = section.address("ip", report);
    let mac = section.value("mac", report, text::mac);
    let interface = net.named(&name?, report)?;
    let ip = ip?;
    if let Some(first) = seen.insert((interface, ip.value), ip.at) {
        let what = format!("{} is a neighbour already, at {first}", ip.value);
        report.error(ip.at, what, "keep one MAC address for each neighbour");
    }
    if net.complete {
        let vrf = net.list.get(interface)?.vrf;
        reached(ip, Some(interface), vrf, net, "neighbour", report)?;
    }
    Some(Neighbor {
        interface,
        ip: ip.value,
        mac: mac?.value,
    })
}

/// The named interface, and the VRF: as written, else the interface's, else `default`.
fn interface_and_vrf(
    section: &Section<'_>,
    net: &Interfaces,
    report: &mut Report,
) -> (Option<InterfaceId>, VrfId) {
    let name = section.value("interface", report, text::name);
    let named = name.and_then(|name| net.named(&name, report));
    let own = named.and_then(|id| net.list.get(id)).map(|each| each.vrf);
    let vrf = net.vrf(section, "vrf", report);
    if let (Some(own), Some(vrf)) = (own, vrf)
        && own != vrf
        && net.labelled
    {
        let what = format!("the interface is in VRF {}", net.vrf_name(own));
        report.error(section.at("vrf"), what, "name that VRF or leave `vrf` out");
    }
    (named, vrf.or(own).unwrap_or(0))
}

/// The interface on whose network `host` is, if it can be another host there.
fn reached(
    host: Found<Ipv4Addr>,
    named: Option<InterfaceId>,
    vrf: VrfId,
    net: &Interfaces,
    role: &str,
    report: &mut Report,
) -> Option<InterfaceId> {
    let Found { at, value: address } = host;
    if let Some(what) = net.contradiction(vrf, address) {
        let remedy = format!("write the address of another host as {role}");
        report.error(at, what, remedy);
        return None;
    }
    let found = match named {
        Some(id) => net
            .list
            .get(id)
            .filter(|each| on_network(each, address))
            .map(|_| id),
        None => net.connected(vrf, address),
    };
    if found.is_none() {
        let place = match named.and_then(|id| net.list.get(id)) {
            Some(interface) => format!("interface {}", shown(&interface.name)),
            None => format!("any interface in VRF {}", net.vrf_name(vrf)),
        };
        let what = format!("{role} {address} is not on a network of {place}");
        report.error(at, what, "write an address of a connected network");
    }
    found
}

const MOST_ROUTES: usize = 65_536;
