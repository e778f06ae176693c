//! Routing as one thread sees it: interfaces, routes, and the adjacencies the
//! slow path has told it of.
//!
//! Each worker and the slow path own a copy. An adjacency's number is the slow
//! path's and the same everywhere. Sessions cache numbers together with the
//! [`Router::epoch`], which moves whenever a number may have changed its meaning.

use core::net::Ipv4Addr;

use base::{Nearby, Prefix};
use hashbrown::HashMap;
use nat::Realm;
use pktio::PortId;
use wire::ethernet::{Mac, Tags};
use wire::ipv4;

use crate::emit::Egress;
use crate::topology::{Interface, Topology};

/// Where a packet goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    /// Interface it leaves by.
    pub(crate) interface: u16,
    /// Neighbour it goes to.
    pub(crate) ip: u32,
}

/// A neighbour with a known MAC address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adjacency {
    pub(crate) hop: Hop,
    pub(crate) mac: Mac,
    /// Long not heard of: the slow path wants to know when it is used.
    pub(crate) stale: bool,
}

/// The way to some network: where and to whom, or to the destination itself.
#[derive(Clone, Copy, Debug)]
struct Way {
    network: u32,
    mask: u32,
    next_hop: Option<u32>,
    interface: u16,
    realm: Realm,
    /// Of the next hop, if that is one and its MAC address is known.
    adjacency: Option<u16>,
}

impl Way {
    fn new(realm: Realm, prefix: Prefix, interface: u16, next_hop: Option<Ipv4Addr>) -> Self {
        let (network, last) = (prefix.network().to_bits(), prefix.last().to_bits());
        Self {
            network,
            mask: !(network ^ last),
            next_hop: next_hop.map(Ipv4Addr::to_bits),
            interface,
            realm,
            adjacency: None,
        }
    }

    fn hop_to(&self, destination: u32) -> Hop {
        Hop {
            interface: self.interface,
            ip: self.next_hop.unwrap_or(destination),
        }
    }

    fn goes_by(&self, hop: Hop) -> bool {
        self.interface == hop.interface && self.next_hop == Some(hop.ip)
    }
}

/// What an address is on this side of the appliance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Somebody else's.
    Ordinary,
    /// An interface's.
    Own,
    /// None that a host may have: of a reserved range, or a broadcast address.
    Improper,
}

/// Routing of one thread.
#[derive(Clone, Debug)]
pub struct Router {
    interfaces: Vec<Interface>,
    /// Interfaces of each port with their tags.
    by_port: Vec<Vec<(Tags, u16)>>,
    /// By realm and descending prefix length.
    routes: Vec<Way>,
    own: HashMap<(Realm, u32), u16>,
    /// Of the addresses that are own or broadcast ones.
    nearby: Nearby,
    adjacencies: Vec<Option<Adjacency>>,
    /// The way out of each, as long as there is nothing special about it.
    egresses: Vec<Egress>,
    by_hop: HashMap<(u16, u32), u16>,
    /// Where what is sent to groups leaves.
    groups: Option<(Realm, u16)>,
    epoch: u16,
}

impl Router {
    /// Routing for a topology, without neighbours.
    #[must_use]
    pub fn new(topology: &Topology) -> Self {
        let mut by_port: Vec<Vec<(Tags, u16)>> = Vec::new();
        let mut routes = Vec::new();
        let mut own = HashMap::new();
        let mut nearby = Nearby::NONE;
        for (number, interface) in topology.interfaces.iter().enumerate() {
            let number = u16::try_from(number).unwrap_or(u16::MAX);
            let port = usize::from(interface.port.0);
            if by_port.len() <= port {
                by_port.resize(port + 1, Vec::new());
            }
            if let Some(interfaces) = by_port.get_mut(port) {
                interfaces.push((interface.tags, number));
            }
            for (address, network) in &interface.addresses {
                own.insert((interface.realm, address.to_bits()), number);
                for known in [*address, network.network(), network.last()] {
                    nearby.add(interface.realm, known.to_bits());
                }
                routes.push(Way::new(interface.realm, *network, number, None));
            }
        }
        for route in &topology.routes {
            let next_hop = Some(route.next_hop);
            routes.push(Way::new(
                route.realm,
                route.prefix,
                route.interface,
                next_hop,
            ));
        }
        // Stable: connected networks stay in front of routes of the same length.
        routes.sort_by_key(|way| (way.realm, !way.mask));
        let neighbors = usize::from(topology.max_neighbors);
        let groups = topology.multicast.as_ref().and_then(|multicast| {
            let upstream = topology.interfaces.get(usize::from(multicast.upstream))?;
            Some((upstream.realm, multicast.upstream))
        });
        Self {
            interfaces: topology.interfaces.clone(),
            by_port,
            routes,
            own,
            nearby,
            adjacencies: vec![None; neighbors],
            egresses: vec![Egress::CLOSED; neighbors],
            by_hop: HashMap::with_capacity(neighbors),
            groups,
            epoch: 1,
        }
    }

    /// How many interfaces there are.
    pub(crate) fn interfaces(&self) -> u16 {
        u16::try_from(self.interfaces.len()).unwrap_or(u16::MAX)
    }

    pub(crate) fn interface(&self, number: u16) -> Option<&Interface> {
        self.interfaces.get(usize::from(number))
    }

    /// The interface of a frame.
    #[inline]
    pub(crate) fn interface_of(&self, port: PortId, tags: Tags) -> Option<u16> {
        self.by_port
            .get(usize::from(port.0))?
            .iter()
            .find(|(of, _)| *of == tags)
            .map(|(_, number)| *number)
    }

    /// The interface that has this very address.
    pub(crate) fn owner(&self, realm: Realm, address: u32) -> Option<u16> {
        self.own.get(&(realm, address)).copied()
    }

    /// Whether an interface is connected to the network of `address`.
    pub(crate) fn is_connected(&self, interface: u16, address: Ipv4Addr) -> bool {
        self.interface(interface).is_some_and(|interface| {
            interface
                .addresses
                .iter()
                .any(|(_, network)| network.contains(address))
        })
    }

    /// Whether `address` is the broadcast or network address of a connected network.
    pub(crate) fn is_broadcast(&self, realm: Realm, address: u32) -> bool {
        let address = Ipv4Addr::from_bits(address);
        self.interfaces
            .iter()
            .filter(|interface| interface.realm == realm)
            .flat_map(|interface| &interface.addresses)
            .any(|(_, network)| {
                network.length() < 31 && (network.last() == address || network.network() == address)
            })
    }

    /// What an address is in a realm.
    #[inline]
    pub(crate) fn standing(&self, realm: Realm, address: u32) -> Standing {
        let first = address >> 24;
        if first.wrapping_sub(1) >= 223 || first == 127 {
            return Standing::Improper;
        }
        if !self.nearby.may_have(realm, address) {
            return Standing::Ordinary;
        }
        if self.is_broadcast(realm, address) {
            Standing::Improper
        } else if self.owner(realm, address).is_some() {
            Standing::Own
        } else {
            Standing::Ordinary
        }
    }

    /// Longest match; groups are reached through the upstream interface alone.
    pub(crate) fn route(&self, realm: Realm, destination: u32) -> Option<Hop> {
        if ipv4::is_multicast(destination) {
            return self
                .groups
                .filter(|(of, _)| *of == realm)
                .map(|groups| Hop {
                    interface: groups.1,
                    ip: destination,
                });
        }
        self.way_to(realm, destination)
            .map(|way| way.hop_to(destination))
    }

    #[inline]
    fn way_to(&self, realm: Realm, destination: u32) -> Option<&Way> {
        let mut ways = self.routes.iter();
        ways.find(|way| way.realm == realm && (way.network ^ destination) & way.mask == 0)
    }

    /// The same as [`Router::route`] and [`Router::adjacency_of`] together, for one host.
    #[inline]
    pub(crate) fn hop_to(&self, realm: Realm, destination: u32) -> Option<(Hop, u16)> {
        if ipv4::is_multicast(destination) {
            let hop = self.route(realm, destination)?;
            return Some((hop, self.adjacency_of(hop)?));
        }
        let way = self.way_to(realm, destination)?;
        let hop = way.hop_to(destination);
        let adjacency = way.adjacency.or_else(|| self.adjacency_of(hop))?;
        Some((hop, adjacency))
    }

    /// The address to answer with on an interface, to a host at `to`: in the
    /// host's network if there is one.
    pub(crate) fn address_towards(&self, interface: u16, to: u32) -> Option<Ipv4Addr> {
        let addresses = &self.interface(interface)?.addresses;
        let to = Ipv4Addr::from_bits(to);
        addresses
            .iter()
            .find(|(_, network)| network.contains(to))
            .or_else(|| addresses.first())
            .map(|(address, _)| *address)
    }

    /// Number of the adjacency of a hop, if its MAC address is known.
    pub(crate) fn adjacency_of(&self, hop: Hop) -> Option<u16> {
        self.by_hop.get(&(hop.interface, hop.ip)).copied()
    }

    pub(crate) fn adjacency(&self, number: u16) -> Option<&Adjacency> {
        self.adjacencies.get(usize::from(number))?.as_ref()
    }

    /// Whether a packet of this length, behind an Ethernet header of that, can leave by
    /// an adjacency as it is, and nobody has to hear of it.
    #[inline]
    pub(crate) fn lets(&self, number: u16, l2_len: u8, len: u16) -> bool {
        self.egress(number)
            .is_some_and(|egress| len <= egress.mtu && egress.l2_len == l2_len)
    }

    /// The way out of an adjacency; closed if there is something special about it.
    #[inline]
    pub(crate) fn egress(&self, number: u16) -> Option<&Egress> {
        self.egresses.get(usize::from(number))
    }

    /// The MSS that connections between two interfaces are lowered to.
    pub(crate) fn mss_limit(&self, one: u16, other: u16) -> Option<u16> {
        let of = |number| self.interface(number).and_then(|found| found.mss_clamp);
        match (of(one), of(other)) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Some interface lowers the MSS of connections through it.
    pub(crate) fn clamps(&self) -> bool {
        self.interfaces
            .iter()
            .any(|interface| interface.mss_clamp.is_some())
    }

    /// Moves when numbers of adjacencies may have changed their meaning.
    #[inline]
    pub(crate) const fn epoch(&self) -> u16 {
        self.epoch
    }

    /// Notes the MAC address behind a hop.
    pub(crate) fn set_adjacency(&mut self, number: u16, hop: Hop, mac: Mac) {
        if let Some(place) = self.adjacencies.get_mut(usize::from(number)) {
            *place = Some(Adjacency {
                hop,
                mac,
                stale: false,
            });
            self.by_hop.insert((hop.interface, hop.ip), number);
            self.tell_routes(hop, Some(number));
            self.set_egress(number);
        }
    }

    fn tell_routes(&mut self, hop: Hop, adjacency: Option<u16>) {
        for way in self.routes.iter_mut().filter(|way| way.goes_by(hop)) {
            way.adjacency = adjacency;
        }
    }

    /// Sets or clears the wish to know when an adjacency is used.
    pub(crate) fn set_stale(&mut self, number: u16, stale: bool) {
        if let Some(Some(adjacency)) = self.adjacencies.get_mut(usize::from(number)) {
            adjacency.stale = stale;
        }
        self.set_egress(number);
    }

    fn set_egress(&mut self, number: u16) {
        let adjacency = self.adjacency(number).filter(|adjacency| !adjacency.stale);
        let egress = adjacency
            .and_then(|to| Some(Egress::new(self.interface(to.hop.interface)?, to.mac)))
            .unwrap_or(Egress::CLOSED);
        if let Some(place) = self.egresses.get_mut(usize::from(number)) {
            *place = egress;
        }
    }

    /// Forgets an adjacency.
    pub(crate) fn remove_adjacency(&mut self, number: u16) {
        if let Some(place) = self.adjacencies.get_mut(usize::from(number))
            && let Some(gone) = place.take()
        {
            self.by_hop.remove(&(gone.hop.interface, gone.hop.ip));
            self.tell_routes(gone.hop, None);
            self.set_egress(number);
            // Neither that of new sessions nor that of those with a gateway.
            self.epoch = self.epoch % (u16::MAX - 1) + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Route;
    use base::Nanos;

    const NEXT_HOP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

    fn router() -> Router {
        let own = Ipv4Addr::new(192, 0, 2, 1);
        Router::new(&Topology {
            interfaces: vec![Interface {
                port: PortId(0),
                tags: Tags::NONE,
                realm: 0,
                mac: Mac([2, 0, 0, 0, 1, 0]),
                any_mac: false,
                mtu: 1500,
                mss_clamp: None,
                icmp_errors: true,
                addresses: vec![(own, Prefix::new(own, 30))],
            }],
            routes: vec![Route {
                prefix: Prefix::ALL,
                next_hop: NEXT_HOP,
                interface: 0,
                realm: 0,
            }],
            neighbors: Vec::new(),
            max_neighbors: 4,
            max_fragments: 1,
            fragment_timeout: Nanos::from_secs(1),
            refusal_code: 13,
            max_calls: 64,
            multicast: None,
            streams: None,
        })
    }

    /// Beyond a route and on the connected network, which is the longer match.
    #[test]
    fn a_destination_has_an_adjacency_as_long_as_its_next_hop() {
        let mut router = router();
        let (far, near) = (0xcb00_7101, NEXT_HOP.to_bits());
        let hop = Hop {
            interface: 0,
            ip: near,
        };
        assert_eq!(router.route(0, far), Some(hop));
        assert_eq!(router.route(1, far), None);
        assert_eq!(router.hop_to(0, far), None);
        router.set_adjacency(3, hop, Mac([2, 0, 0, 0, 2, 0]));
        assert_eq!(router.hop_to(0, far), Some((hop, 3)));
        assert_eq!(router.hop_to(0, near), Some((hop, 3)));
        assert_eq!(router.hop_to(0, near + 1), None);
        router.remove_adjacency(3);
        assert_eq!(router.hop_to(0, far), None);
        assert_eq!(router.hop_to(0, near), None);
    }
}
