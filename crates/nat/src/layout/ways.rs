//! Rules for traffic from inside, sorted by the interface it comes from, with the gist of
//! each in front: most packets pass or fail by realm and source.

use alloc::vec::Vec;

use wire::ipv4::protocol;

use crate::key::{FlowKey, Realm};
use crate::settings::Rule;

/// What can be said of a packet by the gist of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sure {
    /// This rule is the first that matches.
    Rule(usize),
    /// None does.
    None,
    /// The rules have to be asked.
    Unsure,
}

/// What a packet must be like for a rule to match.
#[derive(Clone, Copy, Debug)]
struct Gist {
    network: u32,
    mask: u32,
    number: u16,
    realm: Realm,
    /// And it does match, whatever else the packet is, in a usual protocol.
    is_all: bool,
}

impl Gist {
    fn new(number: u16, rule: &Rule) -> Self {
        let (network, mask) = match rule.source.as_slice() {
            [one] => {
                let (first, last) = (one.network().to_bits(), one.last().to_bits());
                (first, !(first ^ last))
            }
            _ => (0, 0),
        };
        Self {
            network,
            mask,
            number,
            realm: rule.realm,
            is_all: rule.source.len() == 1
                && rule.destination.is_empty()
                && rule.destination_ports.is_empty()
                && rule.protocols.is_empty(),
        }
    }
}

/// Rules by interface.
#[derive(Debug, Default)]
pub(super) struct Ways {
    /// In the end those for all other interfaces.
    gists: Vec<Vec<Gist>>,
    /// Interfaces that are inside for some rule.
    inside: Vec<bool>,
}

impl Ways {
    /// Of rules in order, with their numbers.
    pub(super) fn new(rules: &[(u16, &Rule)]) -> Self {
        let has = |named: &[bool], interface: usize| named.get(interface) == Some(&true);
        let all = rules
            .iter()
            .filter_map(|(_, rule)| rule.interfaces.as_deref());
        let interfaces = all.clone().map(<[bool]>::len).max().unwrap_or(0);
        let gists = |interface| {
            let here = rules.iter().filter(|(_, rule)| {
                let named = rule.interfaces.as_deref();
                named.is_none_or(|named| has(named, interface))
            });
            here.map(|(number, rule)| Gist::new(*number, rule))
                .collect()
        };
        Self {
            gists: (0..=interfaces).map(gists).collect(),
            inside: (0..interfaces)
                .map(|interface| all.clone().any(|named| has(named, interface)))
                .collect(),
        }
    }

    pub(super) fn is_inside(&self, interface: usize) -> bool {
        self.inside.get(interface) == Some(&true)
    }

    /// Whether no rule is for an interface.
    #[inline]
    pub(super) fn is_outside(&self, interface: usize) -> bool {
        self.gists(interface).is_empty()
    }

    #[inline]
    fn gists(&self, interface: usize) -> &[Gist] {
        let here = self.gists.get(interface).or_else(|| self.gists.last());
        here.map_or(&[], Vec::as_slice)
    }

    /// Numbers of the rules for traffic from an interface.
    pub(super) fn numbers(&self, interface: usize) -> impl Iterator<Item = u16> {
        self.gists(interface).iter().map(|gist| gist.number)
    }

    /// What the gist of the rules says.
    #[inline]
    pub(super) fn sure(&self, interface: usize, key: FlowKey) -> Sure {
        let first = self
            .gists(interface)
            .iter()
            .find(|gist| gist.realm == key.realm() && key.src() & gist.mask == gist.network);
        match first {
            None => Sure::None,
            Some(gist) if gist.is_all && is_usual(key.protocol()) => {
                Sure::Rule(usize::from(gist.number))
            }
            Some(_) => Sure::Unsure,
        }
    }
}

/// What a translating rule takes that names no protocol.
pub(crate) const fn is_usual(protocol: u8) -> bool {
    matches!(protocol, protocol::TCP | protocol::UDP | protocol::ICMP)
}
