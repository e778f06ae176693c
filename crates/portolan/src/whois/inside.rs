//! Which outside endpoints an inside host has.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use base::Prefix;
use config::Config;
use config::model::{Action, Deterministic, PoolId, Rule, Static, VrfId};

use super::Question;
use super::answer::{Answer, Findings, Protocols};
use super::outside::{dynamic, is_meant, mapped, number_in, overflow_of, set_ports};
use super::ranges::{address_words, runs, without};

/// Adds the answers to `question` as one about the inside in `realm`, in the order in
/// which the engine asks: static mappings, rules, deterministic ranges.
pub(super) fn look(
    config: &Config,
    realm: VrfId,
    question: &Question,
    findings: &mut Findings<'_>,
) {
    let mut left = Protocols::of(question.protocol);
    for one in &config.nat.statics {
        if one.vrf == realm {
            fixed(one, question, &mut left, findings);
        }
    }
    if left.is_empty() {
        return;
    }
    let mut drawn: BTreeMap<PoolId, Vec<(String, VrfId)>> = BTreeMap::new();
    let mut decided = false;
    for rule in config
        .nat
        .rules
        .iter()
        .filter(|rule| rule.vrf == realm && may_match(rule, question))
    {
        let does = match &rule.action {
            Action::Translate(translate) => {
                if question.in_realm(realm, rule.outside_vrf) {
                    for pool in &translate.pools {
                        let users = drawn.entry(*pool).or_default();
                        users.push((rule.name.clone(), realm));
                    }
                }
                None
            }
            Action::Pass => Some("passes it untranslated"),
            Action::Drop => Some("drops what it sends"),
        };
        if always_matches(rule) {
            if let Some(does) = does {
                findings.why_not(format!("rule {} {does}", rule.name));
            }
            decided = true;
            break;
        }
    }
    if !decided {
        for range in &config.nat.deterministic {
            if range.vrf == realm
                && question.in_realm(realm, range.outside_vrf)
                && let Some(host) = range.host_number(question.address)
            {
                if left.have_ports() {
                    computed(range, host, question, &left, findings);
                }
                if let Some(pool) = range.overflow_pool {
                    let users = drawn.entry(pool).or_default();
                    users.push((overflow_of(range), realm));
                }
            }
        }
    }
    for (id, users) in drawn {
        let Some(pool) = config.nat.pools.get(id) else {
            continue;
        };
        let inside = Some(asked(question));
        let outside = address_words(&pool.addresses);
        let mut answer = dynamic(pool, outside, inside, &users, &left, findings);
        if left.have_ports() {
            set_ports(&mut answer, without(pool.ports, &pool.exclude_ports));
        }
        findings.add(answer);
    }
}

fn asked(question: &Question) -> String {
    match question.port {
        Some(port) => format!("{}:{port}", question.address),
        None => question.address.to_string(),
    }
}

fn fixed(one: &Static, question: &Question, left: &mut Protocols, findings: &mut Findings<'_>) {
    let mut insides = one.inside.iter();
    let Some(nth) = insides.find_map(|&inside| number_in(question.address, inside, one.count))
    else {
        return;
    };
    // The inside ports are as many as the outside ones.
    let inside_ports = one.outside_ports.map(|(low, high)| {
        let first = one.inside_port.unwrap_or(low);
        (first, first.saturating_add(high.saturating_sub(low)))
    });
    if !is_meant(one, inside_ports, question) {
        return;
    }
    let outside_port = match (question.port, inside_ports, one.outside_ports) {
        (Some(port), Some((inside, _)), Some((outside, _))) => {
            Some(outside.saturating_add(port.saturating_sub(inside)))
        }
        (port, _, _) => port,
    };
    if question.in_realm(one.vrf, one.outside_vrf) {
        findings.add(mapped(one, nth, outside_port, findings));
    }
    if inside_ports.is_none() || question.port.is_some() {
        left.take(one.protocol);
    }
}

/// Whether some traffic of the host can fall under the rule.
fn may_match(rule: &Rule, question: &Question) -> bool {
    rule.source
        .iter()
        .any(|prefix| prefix.contains(question.address))
        && question
            .protocol
            .is_none_or(|asked| rule.protocols.is_empty() || rule.protocols.contains(&asked))
}

/// Whether all traffic does, wherever it comes in and goes to.
fn always_matches(rule: &Rule) -> bool {
    rule.inside.is_none()
        && rule.destination.contains(&Prefix::ALL)
        && rule.destination_ports.is_empty()
        && rule.protocols.is_empty()
}

fn computed(
    range: &Deterministic,
    host: u32,
    question: &Question,
    left: &Protocols,
    findings: &mut Findings<'_>,
) {
    let computed = &range.computed;
    let mut ports: BTreeMap<u32, Vec<u16>> = BTreeMap::new();
    for nth in 0..computed.ports_per_host() {
        if let Some((address, port)) = computed.endpoint(host, nth) {
            ports.entry(address).or_default().push(port);
        }
    }
    let all = ports.len();
    for (number, (place, ports)) in ports.into_iter().take(MOST_ADDRESSES).enumerate() {
        let outside = usize::try_from(place).ok();
        let outside = outside.and_then(|place| range.addresses.get(place));
        let mut answer = Answer::of_range(range, left, findings);
        answer.outside = outside.map(Ipv4Addr::to_string).unwrap_or_default();
        answer.inside = Some(question.address.to_string());
        set_ports(&mut answer, runs(ports));
        if question.port.is_some() {
            answer.add_note("which of its ports an inside port has is chosen by chance");
        }
        if number + 1 == MOST_ADDRESSES && all > MOST_ADDRESSES {
            let more = all - MOST_ADDRESSES;
            answer.add_note(&format!("and so at {more} outside addresses more"));
        }
        findings.add(answer);
    }
}

/// Outside addresses of one host that are answered.
const MOST_ADDRESSES: usize = 256;
