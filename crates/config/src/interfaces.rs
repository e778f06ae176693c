//! `interfaces`, and with them the VRFs, the zones and whose every address is.

use core::net::Ipv4Addr;
use std::collections::HashMap;

use base::Prefix;

use crate::error::{At, Report, Wrong};
use crate::keys::keys;
use crate::model::{Interface, InterfaceAddress, InterfaceId, Vlan, VrfId};
use crate::node::{Kind, Node};
use crate::section::{Found, Names, Section, list, suggestion};
use crate::text::{self, shown};

/// The interfaces as the other sections see them.
#[derive(Debug)]
pub(crate) struct Interfaces {
    pub(crate) list: Vec<Interface>,
    pub(crate) vrfs: Vec<String>,
    pub(crate) zones: Vec<String>,
    /// Every interface could be read; otherwise nothing can be said about addresses that
    /// are missing.
    pub(crate) complete: bool,
    /// The same for names, zones and VRFs.
    pub(crate) labelled: bool,
    names: HashMap<String, InterfaceId>,
    special: HashMap<(VrfId, Ipv4Addr), Special>,
}

/// What an address is to the appliance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    Own(InterfaceId),
    Network(Prefix),
    Broadcast(Prefix),
}

impl Interfaces {
    /// The interface called `name`, or a report.
    pub(crate) fn named(&self, name: &Found<String>, report: &mut Report) -> Option<InterfaceId> {
        let found = self.names.get(&name.value).copied();
        if found.is_none() && self.labelled {
            let what = format!("there is no interface {}", shown(&name.value));
            report.error(name.at, what, suggestion(&name.value, &self.known_names()));
        }
        found
    }

    /// The interface called `name`.
    pub(crate) fn find(&self, name: &str) -> Option<InterfaceId> {
        self.names.get(name).copied()
    }

    pub(crate) fn known_names(&self) -> Vec<&str> {
        self.list.iter().map(|each| each.name.as_str()).collect()
    }

    /// The VRF that `key` names; `None` if it names none.
    pub(crate) fn vrf(
        &self,
        section: &Section<'_>,
        key: &str,
        report: &mut Report,
    ) -> Option<VrfId> {
        let name = section.value(key, report, text::name)?;
        self.vrf_named(&name, report)
    }

    /// The VRF of this name.
    pub(crate) fn vrf_named(&self, name: &Found<String>, report: &mut Report) -> Option<VrfId> {
        let found = self.vrfs.iter().position(|vrf| *vrf == name.value);
        if found.is_none() && self.labelled {
            let what = format!("no interface is in VRF {}", shown(&name.value));
            let known: Vec<&str> = self.vrfs.iter().map(String::as_str).collect();
            report.error(name.at, what, suggestion(&name.value, &known));
        }
        found.and_then(|index| VrfId::try_from(index).ok())
    }

    pub(crate) fn vrf_name(&self, vrf: VrfId) -> String {
        shown(
            self.vrfs
                .get(usize::from(vrf))
                .map_or("default", |name| name),
        )
    }

    /// Whether `address` is the appliance's own, or no host's at all.
    pub(crate) fn special(&self, vrf: VrfId, address: Ipv4Addr) -> Option<Special> {
        self.special.get(&(vrf, address)).copied()
    }

    /// The interface of `vrf` on whose network `address` is.
    pub(crate) fn connected(&self, vrf: VrfId, address: Ipv4Addr) -> Option<InterfaceId> {
        self.list
            .iter()
            .position(|each| each.vrf == vrf && on_network(each, address))
    }

    /// What speaks against a host other than the appliance having `address`.
    pub(crate) fn contradiction(&self, vrf: VrfId, address: Ipv4Addr) -> Option<String> {
        Some(match self.special(vrf, address)? {
            Special::Own(id) => {
                let name = self.list.get(id).map_or("", |each| &each.name);
                format!("{address} is the own address of interface {}", shown(name))
            }
            Special::Network(network) => format!("{address} is the network address of {network}"),
            Special::Broadcast(network) => {
                format!("{address} is the broadcast address of {network}")
            }
        })
    }
}

/// Whether `address` is on a network of `interface`.
pub(crate) fn on_network(interface: &Interface, address: Ipv4Addr) -> bool {
    let mut addresses = interface.addresses.iter();
    addresses.any(|own| own.network.contains(address))
}

pub(crate) fn read(top: &Section<'_>, report: &mut Report) -> Interfaces {
    let before = report.count();
    let nodes = list(top, "interfaces", MOST_INTERFACES, report);
    if nodes.is_empty() && report.count() == before && !top.obscured("interfaces") {
        report.error(
            top.at("interfaces"),
            "there is no interface",
            "add `interfaces:` with at least one `{ name: …, device: …, addresses: […] }`",
        );
    }
    let mut net = Interfaces {
        list: Vec::with_capacity(nodes.len()),
        vrfs: vec!["default".to_owned()],
        zones: Vec::new(),
        complete: true,
        labelled: true,
        names: HashMap::new(),
        special: HashMap::new(),
    };
    net.labelled = report.count() == before && !top.obscured("interfaces");
    let mut names = Names::default();
    let mut ports: HashMap<(String, Vlan), At> = HashMap::new();
    let mut networks: Vec<Network> = Vec::new();
    for node in nodes {
        interface(
            node,
            &mut net,
            &mut names,
            &mut ports,
            &mut networks,
            report,
        );
    }
    overlaps(networks, &net, report);
    net.complete = report.count() == before && !top.obscured("interfaces");
    net
}

/// A connected network, to be compared with the others.
struct Network {
    vrf: VrfId,
    prefix: Prefix,
    interface: InterfaceId,
    at: At,
}

fn interface(
    node: &Node,
    net: &mut Interfaces,
    names: &mut Names,
    ports: &mut HashMap<(String, Vlan), At>,
    networks: &mut Vec<Network>,
    report: &mut Report,
) {
    let section = Section::open(node, "an interface", KEYS, report);
    let id = net.list.len();
    let name = section.value("name", report, text::word);
    match &name {
        Some(name) => {
            names.add("interfaces", name, report);
            net.names.entry(name.value.clone()).or_insert(id);
        }
        None if section.lacks("name") => {
            section.missing("the interface", "name", "inside", report);
        }
        None => {}
    }
    let vlan = vlan(&section, report);
    let device = section.value("device", report, text::non_empty);
    match &device {
        Some(device) => {
            let port = (device.value.clone(), vlan.unwrap_or(Vlan::None));
            if let Some(first) = ports.insert(port, device.at) {
                let what = format!(
                    "device {} has this VLAN already, at {first}",
                    shown(&device.value)
                );
                report.error(
                    device.at,
                    what,
                    "give one of the two another `device` or `vlan`",
                );
            }
        }
        None if section.lacks("device") => {
            section.missing("the interface", "device", "\"0000:01:00.0\"", report);
        }
        None => {}
    }
    let vrf = section.value("vrf", report, text::name);
    let read =
        |key: &str, found: bool| found || (section.child(key).is_none() && !section.obscured(key));
    net.labelled &= name.is_some() && read("vrf", vrf.is_some());
    let vrf = vrf.map_or(0, |vrf| intern_vrf(&mut net.vrfs, vrf, report));
    let zone = section.value("zone", report, text::name);
    net.labelled &= read("zone", zone.is_some());
    let zone = zone.map(|zone| intern(&mut net.zones, zone.value));
    let mtu = section.number("mtu", report).unwrap_or(1_500);
    let addresses = addresses(&section, vrf, id, net, networks, report);
    net.list.push(Interface {
        name: name.map(|name| name.value).unwrap_or_default(),
        device: device.map(|device| device.value).unwrap_or_default(),
        addresses,
        zone,
        vlan: vlan.unwrap_or(Vlan::None),
        vrf,
        mtu,
        mac: section.value("mac", report, text::mac).map(|mac| mac.value),
        mss_clamp: mss_clamp(&section, mtu, report),
        icmp_errors: section.boolean("icmp_errors", true, report),
    });
}

keys! {
    pub(crate) KEYS:
        "name" Text,
        "device" Text,
        "addresses" Many(&OwnAddress),
        "zone" Text,
        "vlan" Many(&Text),
        "vrf" Text,
        "mtu" Number(576, 9_180),
        "mac" Mac,
        "mss_clamp" Either(&[Number(88, 9_140), Word(&["auto"])]),
        "icmp_errors" Boolean;
}

fn addresses(
    section: &Section<'_>,
    vrf: VrfId,
    id: InterfaceId,
    net: &mut Interfaces,
    networks: &mut Vec<Network>,
    report: &mut Report,
) -> Vec<InterfaceAddress> {
    let found = section.values("addresses", report, text::interface_address);
    let mut list = Vec::new();
    for Found {
        at,
        value: (address, length),
    } in found.unwrap_or_default()
    {
        let network = Prefix::new(address, length);
        let edge = if length > 30 {
            None
        } else if address == network.network() {
            Some("network")
        } else if address == network.last() {
            Some("broadcast")
        } else {
            None
        };
        if let Some(edge) = edge {
            let what = format!("{address} is the {edge} address of {network}");
            report.error(at, what, "write the address of a host on it");
            continue;
        }
        if !text::is_host(address) {
            let what = format!("{address} cannot be a host's address");
            report.error(at, what, "write a unicast address that is not loopback");
            continue;
        }
        if let Some(Special::Own(other)) = net.special(vrf, address) {
            let other = net
                .list
                .get(other)
                .map_or("the same interface", |each| &each.name);
            let what = format!("{address} is already an own address, of {}", shown(other));
            report.error(at, what, "give each interface its own address");
            continue;
        }
        if length <= 30 {
            let special = [
                (network.network(), Special::Network(network)),
                (network.last(), Special::Broadcast(network)),
            ];
            for (address, what) in special {
                net.special.entry((vrf, address)).or_insert(what);
            }
        }
        net.special.insert((vrf, address), Special::Own(id));
        networks.push(Network {
            vrf,
            prefix: network,
            interface: id,
            at,
        });
        list.push(InterfaceAddress { address, network });
    }
    list
}

/// Networks of different interfaces in one VRF must not share an address. Prefixes
/// nest or are disjoint, so in order of their first address those around the current
/// one form a stack.
fn overlaps(mut networks: Vec<Network>, net: &Interfaces, report: &mut Report) {
    networks.sort_by_key(|each| (each.vrf, each.prefix.network(), each.prefix.length()));
    let mut around: Vec<&Network> = Vec::new();
    for network in &networks {
        while around
            .last()
            .is_some_and(|top| top.vrf != network.vrf || !top.prefix.overlaps(network.prefix))
        {
            around.pop();
        }
        if let Some(other) = around
            .iter()
            .find(|each| each.interface != network.interface)
        {
            let (first, second) = if (other.at) < network.at {
                (*other, network)
            } else {
                (network, *other)
            };
            let name = net.list.get(first.interface).map_or("", |each| &each.name);
            let what = format!(
                "{} overlaps {} of interface {} in the same VRF",
                second.prefix,
                first.prefix,
                shown(name)
            );
            report.error(second.at, what, "use disjoint networks or another `vrf`");
        } else if around.last().is_none_or(|top| top.prefix != network.prefix) {
            around.push(network);
        }
    }
}

fn vlan(section: &Section<'_>, report: &mut Report) -> Option<Vlan> {
    let node = section.child("vlan")?;
    let tag = |text: &str| {
        let tag = text::integer(text.trim(), &(1..=4_094))?;
        Ok(u16::try_from(tag).unwrap_or_default())
    };
    let tags: Vec<u16> = if let Kind::Scalar(_) = &node.kind {
        let pair = |text: &str| text.split('.').map(tag).collect::<Result<Vec<_>, _>>();
        section.value("vlan", report, pair)?.value
    } else {
        let before = report.count();
        let tags = section.values("vlan", report, tag)?;
        if report.count() != before {
            return None;
        }
        tags.into_iter().map(|found| found.value).collect()
    };
    match *tags.as_slice() {
        [tag] => Some(Vlan::Single(tag)),
        [outer, inner] => Some(Vlan::Double(outer, inner)),
        _ => {
            let what = format!("`vlan` has {} tags", tags.len());
            report.error(
                node.at,
                what,
                "write one tag, or outer and inner as [200, 100]",
            );
            None
        }
    }
}

fn mss_clamp(section: &Section<'_>, mtu: u16, report: &mut Report) -> Option<u16> {
    let found = section.value("mss_clamp", report, |text| {
        if text == "auto" {
            return Ok(mtu.saturating_sub(40));
        }
        text::integer(text, &(88..=9_140))
            .map(|bytes| u16::try_from(bytes).unwrap_or_default())
            .map_err(|Wrong { what, remedy }| Wrong::new(what, format!("{remedy}, or `auto`")))
    })?;
    Some(found.value)
}

fn intern(names: &mut Vec<String>, name: String) -> usize {
    names
        .iter()
        .position(|each| *each == name)
        .unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        })
}

fn intern_vrf(vrfs: &mut Vec<String>, name: Found<String>, report: &mut Report) -> VrfId {
    let at = name.at;
    let index = intern(vrfs, name.value);
    if index >= MOST_VRFS {
        vrfs.truncate(MOST_VRFS);
        let what = format!("there are more than {MOST_VRFS} VRFs");
        report.error(at, what, "put this interface into one of the others");
        return 0;
    }
    VrfId::try_from(index).unwrap_or(0)
}

const MOST_INTERFACES: usize = 4_096;
const MOST_VRFS: usize = 255;
