//! Zone policy: what may go from which part of the network to which.
//!
//! ```text
//!  interface ─────────> zone ─┐
//!  destination ─route─> zone ─┴─> pair ─> first class that fits ─> inspect | pass | drop
//!                      same zone: free         no pair: refused
//! ```
//!
//! A table that follows from the configuration and is asked for first packets only: what has
//! been let in once has a session and comes here no more. Interfaces without a zone are
//! together in one of their own ([`NO_ZONE`]). The appliance itself is a zone too ([`ITSELF`]),
//! which anybody may go to unless a pair says otherwise.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use base::Prefix;
use hashbrown::HashMap;
use wire::ipv4::protocol;

use crate::key::{FlowKey, Realm};

/// Number of a zone.
pub type Zone = u16;

/// That of interfaces in none.
pub const NO_ZONE: Zone = 0;

/// That of the appliance.
pub const ITSELF: Zone = u16::MAX;

/// Most classes of all pairs together, the last one of each included.
pub const MAX_CLASSES: usize = 4096;

/// The policy as it is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneSettings {
    /// Zone of each interface, by number.
    pub interfaces: Vec<Zone>,
    /// Where addresses are, the longest prefix first.
    pub routes: Vec<ZoneRoute>,
    /// Pairs; no two from one zone to the same other.
    pub pairs: Vec<ZonePair>,
}

/// The interface behind which a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneRoute {
    /// Realm of the network.
    pub realm: Realm,
    /// The network.
    pub prefix: Prefix,
    /// Number of the interface.
    pub interface: u16,
}

/// What may go from one zone to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZonePair {
    /// Its name.
    pub name: String,
    /// Where flows begin.
    pub from: Zone,
    /// Where they go to.
    pub to: Zone,
    /// First match first; the last one takes everything.
    pub classes: Vec<ZoneClass>,
}

/// Flows that a pair treats alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneClass {
    /// Its name.
    pub name: String,
    /// What is done with them.
    pub action: ZoneAction,
    /// Protocols with destination ports, no ports for all; empty: any protocol.
    pub services: Vec<(u8, Option<(u16, u16)>)>,
    /// Who begins them; empty: anybody.
    pub source: Vec<Prefix>,
    /// Who they are for; empty: anybody.
    pub destination: Vec<Prefix>,
}

/// What is done with a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneAction {
    /// Let through, and what answers it, and what gateways read in it.
    Inspect,
    /// Let through, this way alone.
    Pass,
    /// Dropped.
    Drop,
}

/// What the policy says of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It does not leave its zone, or nobody has said anything about the appliance.
    Free,
    /// It leaves its zone, and there is no pair.
    NoPair,
    /// A class has it.
    Class(u16, ZoneAction),
}

impl Ruling {
    /// Whether it may go.
    #[must_use]
    pub const fn admits(self) -> bool {
        matches!(
            self,
            Self::Free | Self::Class(_, ZoneAction::Inspect | ZoneAction::Pass)
        )
    }
}

/// What a class has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneUse {
    /// Packets it was asked about: the first ones of flows, or all where there is no session.
    pub packets: u64,
    /// Sessions it has let in.
    pub sessions: u64,
}

/// The policy, ready to be asked.
#[derive(Debug)]
pub struct Zones {
    settings: ZoneSettings,
    /// Place of a pair and number of its first class.
    pairs: HashMap<(Zone, Zone), (usize, u16)>,
    /// Number that each class had in the policy before, if it was there by its names.
    known: Vec<Option<u16>>,
}

impl Zones {
    /// The policy that comes after another one.
    pub(crate) fn new(settings: &ZoneSettings, before: Option<&Self>) -> Self {
        let names = before.into_iter().flat_map(Self::classes);
        let names = names.map(|(pair, class)| (&*pair.name, &*class.name));
        let old: HashMap<(&str, &str), u16> = names.zip(0..).collect();
        let mut pairs = HashMap::with_capacity(settings.pairs.len());
        let mut first: u16 = 0;
        for (place, pair) in settings.pairs.iter().enumerate() {
            pairs.insert((pair.from, pair.to), (place, first));
            let classes = u16::try_from(pair.classes.len()).unwrap_or(u16::MAX);
            first = first.saturating_add(classes);
        }
        let mut zones = Self {
            settings: settings.clone(),
            pairs,
            known: Vec::new(),
        };
        let names = zones
            .classes()
            .map(|(pair, class)| (&*pair.name, &*class.name));
        zones.known = names.map(|name| old.get(&name).copied()).collect();
        zones
    }

    /// The number that each class had in the policy before, in the order of their numbers.
    pub(crate) fn known(&self) -> impl Iterator<Item = Option<u16>> {
        self.known.iter().copied()
    }

    /// The same policy.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.settings == other.settings
    }

    /// All classes in the order of their numbers, each with its pair.
    pub fn classes(&self) -> impl Iterator<Item = (&ZonePair, &ZoneClass)> {
        let pairs = self.settings.pairs.iter();
        pairs.flat_map(|pair| pair.classes.iter().map(move |class| (pair, class)))
    }

    /// Zone of an interface.
    #[must_use]
    pub fn of_interface(&self, interface: u16) -> Zone {
        let zones = &self.settings.interfaces;
        zones
            .get(usize::from(interface))
            .copied()
            .unwrap_or(NO_ZONE)
    }

    /// Zone in which an address is; `None` if there is no way to it.
    #[must_use]
    pub fn of_address(&self, realm: Realm, address: u32) -> Option<Zone> {
        let address = Ipv4Addr::from_bits(address);
        let mut routes = self.settings.routes.iter();
        let route = routes.find(|route| route.realm == realm && route.prefix.contains(address))?;
        Some(self.of_interface(route.interface))
    }

    /// What is said of a flow from one zone to another: `key` as its sender addresses it from
    /// where it is, to where it is delivered.
    #[must_use]
    pub fn ruling(&self, from: Zone, to: Zone, key: FlowKey) -> Ruling {
        if from == to {
            return Ruling::Free;
        }
        let pair = self.pairs.get(&(from, to)).and_then(|(place, first)| {
            let pair = self.settings.pairs.get(*place)?;
            Some((pair, *first))
        });
        let Some((pair, first)) = pair else {
            return if to == ITSELF {
                Ruling::Free
            } else {
                Ruling::NoPair
            };
        };
        let numbers = first..=u16::MAX;
        let mut classes = numbers.zip(&pair.classes);
        match classes.find(|(_, class)| class.has(key)) {
            Some((number, class)) => Ruling::Class(number, class.action),
            None => Ruling::NoPair,
        }
    }
}

impl ZoneClass {
    fn has(&self, key: FlowKey) -> bool {
        let is_in = |prefixes: &[Prefix], address: u32| {
            let address = Ipv4Addr::from_bits(address);
            prefixes.is_empty() || prefixes.iter().any(|prefix| prefix.contains(address))
        };
        let serves = |(wanted, ports): &(u8, Option<(u16, u16)>)| {
            *wanted == key.protocol()
                && ports.is_none_or(|(low, high)| {
                    has_ports(*wanted) && (low..=high).contains(&key.dst_port())
                })
        };
        (self.services.is_empty() || self.services.iter().any(serves))
            && is_in(&self.source, key.src())
            && is_in(&self.destination, key.dst())
    }
}

const fn has_ports(number: u8) -> bool {
    matches!(
        number,
        protocol::TCP | protocol::UDP | protocol::DCCP | protocol::SCTP | protocol::UDP_LITE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSIDE: Zone = 1;
    const OUTSIDE: Zone = 2;
    const TCP: u8 = protocol::TCP;
    const UDP: u8 = protocol::UDP;

    fn prefix(text: &str) -> Prefix {
        let (address, length) = text.split_once('/').unwrap();
        Prefix::new(address.parse().unwrap(), length.parse().unwrap())
    }

    fn class(name: &str, action: ZoneAction) -> ZoneClass {
        ZoneClass {
            name: name.into(),
            action,
            services: Vec::new(),
            source: Vec::new(),
            destination: Vec::new(),
        }
    }

    fn pair(from: Zone, to: Zone, classes: Vec<ZoneClass>) -> ZonePair {
        ZonePair {
            name: "pair".into(),
            from,
            to,
            classes,
        }
    }

    /// Interfaces 0 inside, 1 outside, 2 and 3 in no zone.
    fn zones(pairs: Vec<ZonePair>) -> Zones {
        let route = |text, interface| ZoneRoute {
            realm: 0,
            prefix: prefix(text),
            interface,
        };
        Zones::new(
            &ZoneSettings {
                interfaces: vec![INSIDE, OUTSIDE, NO_ZONE, NO_ZONE],
                routes: vec![
                    route("10.64.0.0/16", 0),
                    route("10.0.0.0/8", 2),
                    route("0.0.0.0/0", 1),
                ],
                pairs,
            },
            None,
        )
    }

    fn key(src: &str, dst: &str, protocol: u8, port: u16) -> FlowKey {
        let address = |text: &str| text.parse::<Ipv4Addr>().unwrap().to_bits();
        FlowKey::new(address(src), address(dst), 4000, port, protocol, 0)
    }

    #[test]
    fn an_address_is_where_its_longest_route_leads() {
        let zones = zones(Vec::new());
        let at = |text: &str| text.parse::<Ipv4Addr>().unwrap().to_bits();
        assert_eq!(zones.of_address(0, at("10.64.9.9")), Some(INSIDE));
        assert_eq!(zones.of_address(0, at("10.65.0.1")), Some(NO_ZONE));
        assert_eq!(zones.of_address(0, at("192.0.2.1")), Some(OUTSIDE));
        assert_eq!(zones.of_address(1, at("192.0.2.1")), None);
        assert_eq!(zones.of_interface(9), NO_ZONE);
    }

    #[test]
    fn what_stays_in_its_zone_is_free_and_what_leaves_it_needs_a_pair() {
        let all = vec![class("default", ZoneAction::Inspect)];
        let zones = zones(vec![pair(INSIDE, OUTSIDE, all)]);
        let key = key("10.64.0.7", "192.0.2.1", TCP, 80);
        for (from, to, ruling) in [
            (INSIDE, INSIDE, Ruling::Free),
            (NO_ZONE, NO_ZONE, Ruling::Free),
            (INSIDE, OUTSIDE, Ruling::Class(0, ZoneAction::Inspect)),
            (OUTSIDE, INSIDE, Ruling::NoPair),
            (INSIDE, NO_ZONE, Ruling::NoPair),
            (NO_ZONE, OUTSIDE, Ruling::NoPair),
            (INSIDE, ITSELF, Ruling::Free),
        ] {
            assert_eq!(zones.ruling(from, to, key), ruling, "{from} to {to}");
        }
    }

    #[test]
    fn the_first_class_that_fits_decides() {
        let web = ZoneClass {
            services: vec![(TCP, Some((80, 80))), (TCP, Some((8000, 8009)))],
            destination: vec![prefix("192.0.2.0/28")],
            ..class("web", ZoneAction::Inspect)
        };
        let guest = ZoneClass {
            source: vec![prefix("10.64.7.0/24")],
            ..class("guest", ZoneAction::Drop)
        };
        let udp = ZoneClass {
            services: vec![(UDP, None)],
            ..class("udp", ZoneAction::Pass)
        };
        let other = vec![class("default", ZoneAction::Inspect)];
        let zones = zones(vec![
            pair(OUTSIDE, INSIDE, other),
            pair(
                INSIDE,
                OUTSIDE,
                vec![web, guest, udp, class("default", ZoneAction::Drop)],
            ),
        ]);
        let names: Vec<&str> = zones.classes().map(|(_, class)| &*class.name).collect();
        assert_eq!(names, ["default", "web", "guest", "udp", "default"]);
        for (src, dst, protocol, port, number) in [
            ("10.64.0.7", "192.0.2.1", TCP, 80, 1),
            ("10.64.7.7", "192.0.2.1", TCP, 8009, 1),
            ("10.64.7.7", "192.0.2.1", TCP, 8010, 2),
            ("10.64.7.7", "192.0.2.1", UDP, 80, 2),
            ("10.64.0.7", "192.0.2.1", UDP, 80, 3),
            ("10.64.0.7", "192.0.2.16", TCP, 80, 4),
            ("10.64.0.7", "192.0.2.1", protocol::ICMP, 80, 4),
        ] {
            let ruling = zones.ruling(INSIDE, OUTSIDE, key(src, dst, protocol, port));
            assert!(
                matches!(ruling, Ruling::Class(found, _) if found == number),
                "{src} {dst} {protocol} {port}: {ruling:?}"
            );
        }
    }

    /// Identifiers of ICMP and SPIs are in the place of ports and are none.
    #[test]
    fn a_class_with_ports_has_no_protocol_without() {
        let ping = ZoneClass {
            services: vec![(protocol::ICMP, Some((0, u16::MAX)))],
            ..class("ping", ZoneAction::Inspect)
        };
        let zones = zones(vec![pair(INSIDE, OUTSIDE, vec![ping])]);
        let key = key("10.64.0.7", "192.0.2.1", protocol::ICMP, 7);
        assert_eq!(zones.ruling(INSIDE, OUTSIDE, key), Ruling::NoPair);
    }
}
