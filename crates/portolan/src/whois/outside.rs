//! Who is behind an outside endpoint.

use std::net::Ipv4Addr;

use config::Config;
use config::model::{Action, Deterministic, Pool, PoolId, Static, VrfId};

use super::Question;
use super::answer::{Answer, Findings, Kind, Protocols, has_pool_ports};
use super::ranges::{PortRange, port_words, runs, without};
use crate::book::protocol_name;

/// Adds the answers to `question` as one about the outside in `realm`.
pub(super) fn look(
    config: &Config,
    realm: VrfId,
    question: &Question,
    findings: &mut Findings<'_>,
) {
    let mut left = Protocols::of(question.protocol);
    for one in &config.nat.statics {
        if one.outside_vrf == realm
            && let Some(nth) = number_in(question.address, one.outside, one.count)
            && is_meant(one, one.outside_ports, question)
        {
            if question.in_realm(one.vrf, realm) {
                findings.add(mapped(one, nth, question.port, findings));
            }
            if one.outside_ports.is_none() || question.port.is_some() {
                left.take(one.protocol);
            }
        }
    }
    if left.is_empty() {
        return;
    }
    for range in &config.nat.deterministic {
        if range.outside_vrf == realm && question.in_realm(range.vrf, realm) {
            computed(range, question, &left, findings);
        }
    }
    for (id, pool) in config.nat.pools.iter().enumerate() {
        if pool.vrf == realm && pool.addresses.contains(&question.address) {
            lent(config, id, pool, question, &left, findings);
        }
    }
    let own = config.interfaces.iter().find(|interface| {
        let mut addresses = interface.addresses.iter();
        interface.vrf == realm && addresses.any(|own| own.address == question.address)
    });
    if let Some(own) = own {
        let why = format!(
            "it is the appliance's own address on interface {}",
            own.name
        );
        findings.why_not(why);
    }
}

/// Which of `count` consecutive addresses this is.
pub(super) fn number_in(address: Ipv4Addr, first: Ipv4Addr, count: u32) -> Option<u32> {
    let number = address.to_bits().checked_sub(first.to_bits())?;
    (number < count).then_some(number)
}

/// Whether a static mapping with such ports on the side asked about is meant.
pub(super) fn is_meant(one: &Static, ports: Option<PortRange>, question: &Question) -> bool {
    let protocol = match (one.protocol, question.protocol) {
        (Some(of), Some(asked)) => of == asked,
        // A port is not asked for of a protocol that has none.
        (Some(of), None) => question.port.is_none() || ports.is_some() || has_pool_ports(of),
        (None, _) => true,
    };
    let port = match (ports, question.port) {
        (Some((low, high)), Some(asked)) => (low..=high).contains(&asked),
        _ => true,
    };
    protocol && port
}

/// A static mapping whose `nth` address was asked for, by an outside port if any.
pub(super) fn mapped(one: &Static, nth: u32, port: Option<u16>, findings: &Findings<'_>) -> Answer {
    let shifted = |first: Ipv4Addr| Ipv4Addr::from_bits(first.to_bits().saturating_add(nth));
    let (outside_ports, inside_ports) = match (one.outside_ports, port) {
        (Some((low, _)), Some(port)) => {
            let first = one.inside_port.unwrap_or(low);
            let inside = first.saturating_add(port.saturating_sub(low));
            (Some((port, port)), Some((inside, inside)))
        }
        (Some((low, high)), None) => {
            let first = one.inside_port.unwrap_or(low);
            let last = first.saturating_add(high.saturating_sub(low));
            (Some((low, high)), Some((first, last)))
        }
        (None, port) => {
            let ports = port.map(|port| (port, port));
            (ports, ports)
        }
    };
    let insides = one.inside.iter();
    let insides: Vec<String> = insides
        .map(|&inside| with_ports(shifted(inside), inside_ports))
        .collect();
    let shared = insides.len() > 1;
    Answer {
        outside: with_ports(shifted(one.outside), outside_ports),
        inside: Some(insides.join(", ")),
        vrf: findings.vrf(one.vrf),
        outside_vrf: findings.vrf(one.outside_vrf),
        protocol: one.protocol.map_or_else(|| "any".into(), protocol_name),
        kind: Kind::Static,
        form: Some(match (one.outside_ports, one.protocol) {
            (Some(_), _) => "port forward",
            (None, Some(_)) => "protocol",
            (None, None) if one.count > 1 => "network",
            (None, None) => "one-to-one",
        }),
        name: None,
        rules: Vec::new(),
        ports: one.outside_ports.into_iter().collect(),
        ports_left_out: 0,
        log_needed: shared,
        from: None,
        until: None,
        remote: None,
        appliance: None,
        note: shared.then(|| "load is shared among these inside hosts".into()),
    }
}

fn with_ports(address: Ipv4Addr, ports: Option<PortRange>) -> String {
    match ports {
        Some(ports) => format!("{address}:{}", port_words(&[ports])),
        None => address.to_string(),
    }
}

fn computed(
    range: &Deterministic,
    question: &Question,
    left: &Protocols,
    findings: &mut Findings<'_>,
) {
    let addresses = &range.addresses;
    let place = addresses.iter().position(|each| *each == question.address);
    let Some(place) = place.and_then(|place| u32::try_from(place).ok()) else {
        return;
    };
    let mut answer = Answer::of_range(range, left, findings);
    answer.outside = with_ports(question.address, question.port.map(|port| (port, port)));
    if !left.have_ports() {
        answer.kind = Kind::Dynamic;
        answer.log_needed = true;
        answer.add_note("no ports of this protocol are computed");
        findings.add(answer);
        return;
    }
    let computed = &range.computed;
    let Some(port) = question.port else {
        let per_address = computed.hosts_per_address();
        let (first, last) = if computed.algorithm().is_paired() {
            let first = place.saturating_mul(per_address);
            (first, first.saturating_add(per_address - 1))
        } else {
            (0, u32::MAX)
        };
        let last = last.min(computed.hosts().saturating_sub(1));
        if let (Some(first), Some(last)) = (range.host(first), range.host(last)) {
            answer.inside = Some(format!("{first}-{last}"));
            answer.ports = vec![computed.ports()];
            answer.add_note("with a port there is one host");
            findings.add(answer);
        } else {
            let why = format!("range {} has more addresses than hosts need", range.name);
            findings.why_not(why);
        }
        return;
    };
    let (low, high) = computed.ports();
    if let Some((host, _)) = computed.holder(place, port)
        && let Some(inside) = range.host(host)
    {
        answer.inside = Some(inside.to_string());
        let endpoints =
            (0..computed.ports_per_host()).filter_map(|nth| computed.endpoint(host, nth));
        let here = endpoints.filter(|(address, _)| *address == place);
        set_ports(&mut answer, runs(here.map(|(_, port)| port).collect()));
        findings.add(answer);
    } else if (low..=high).contains(&port) {
        let why = format!("range {} gives the port to no host", range.name);
        findings.why_not(why);
    } else {
        let why = format!("range {} has the ports {low}-{high}", range.name);
        findings.why_not(why);
    }
}

/// As many ports as an answer may have.
pub(super) fn set_ports(answer: &mut Answer, mut ports: Vec<PortRange>) {
    answer.ports_left_out = ports.len().saturating_sub(MOST_RUNS);
    ports.truncate(MOST_RUNS);
    answer.ports = ports;
}

/// Runs of ports in one answer.
const MOST_RUNS: usize = 4_096;

fn lent(
    config: &Config,
    id: PoolId,
    pool: &Pool,
    question: &Question,
    left: &Protocols,
    findings: &mut Findings<'_>,
) {
    let users: Vec<(String, VrfId)> = users(config, id)
        .into_iter()
        .filter(|&(_, vrf)| question.in_realm(vrf, pool.vrf))
        .collect();
    if users.is_empty() {
        if question.in_realm(pool.vrf, pool.vrf) {
            findings.why_not(format!("no rule uses pool {}", pool.name));
        }
        return;
    }
    let free = without(pool.ports, &pool.exclude_ports);
    let lends = |port| free.iter().any(|(low, high)| (low..=high).contains(&&port));
    if left.have_ports()
        && let Some(port) = question.port
        && !lends(port)
    {
        let why = format!("pool {} has the ports {}", pool.name, port_words(&free));
        findings.why_not(why);
        return;
    }
    let outside = with_ports(question.address, question.port.map(|port| (port, port)));
    let mut answer = dynamic(pool, outside, None, &users, left, findings);
    if left.have_ports() {
        set_ports(&mut answer, free);
    }
    findings.add(answer);
}

/// Rules, deterministic ranges by their overflow, and outside sources that draw on a
/// pool, with the realm of those who get its addresses.
fn users(config: &Config, id: PoolId) -> Vec<(String, VrfId)> {
    let draws = |action: &Action| matches!(action, Action::Translate(translate) if translate.pools.contains(&id));
    let rules = config.nat.rules.iter().filter(|rule| draws(&rule.action));
    let rules = rules.map(|rule| (rule.name.clone(), rule.vrf));
    let ranges = config.nat.deterministic.iter();
    let ranges = ranges.filter(|range| range.overflow_pool == Some(id));
    let ranges = ranges.map(|range| (overflow_of(range), range.vrf));
    let sources = config.nat.outside_sources.iter();
    let sources = sources.filter(|source| source.pool == id);
    let sources = sources.map(|source| (source.name.clone(), source.vrf));
    rules.chain(ranges).chain(sources).collect()
}

pub(super) fn overflow_of(range: &Deterministic) -> String {
    format!("overflow of {}", range.name)
}

/// What a pool lends is known to the log alone.
pub(super) fn dynamic(
    pool: &Pool,
    outside: String,
    inside: Option<String>,
    users: &[(String, VrfId)],
    left: &Protocols,
    findings: &Findings<'_>,
) -> Answer {
    let mut vrfs: Vec<VrfId> = users.iter().map(|(_, vrf)| *vrf).collect();
    vrfs.sort_unstable();
    vrfs.dedup();
    let vrfs: Vec<String> = vrfs.into_iter().map(|vrf| findings.vrf(vrf)).collect();
    Answer {
        outside,
        inside,
        vrf: vrfs.join(", "),
        outside_vrf: findings.vrf(pool.vrf),
        protocol: left.words(),
        kind: Kind::Dynamic,
        form: None,
        name: Some(pool.name.clone()),
        rules: users.iter().map(|(name, _)| name.clone()).collect(),
        ports: Vec::new(),
        ports_left_out: 0,
        log_needed: true,
        from: None,
        until: None,
        remote: None,
        appliance: None,
        note: None,
    }
}
