//! Looks an endpoint up in the store of log records.

use std::io;

use control::store::{Class, Entry, Holding, Reader};

use super::answer::{Answer, Findings, Kind};
use super::time::Time;
use super::{Options, Span};
use crate::book::protocol_name;

/// Adds who had it, in place of the answers that leave it to the log.
pub(super) fn look(
    store: &Reader,
    options: &Options,
    span: Span,
    protocol: Option<u8>,
    findings: &mut Findings<'_>,
) -> io::Result<()> {
    findings.leave_out_the_log();
    let address = options.query.address;
    let ports = options.query.ports.unwrap_or((0, u16::MAX));
    let mut known = store.outside(address, ports)?;
    known.extend(store.inside(address)?.into_iter().filter(|one| {
        let port = one.entry.inside_port;
        one.entry.class == Class::Block || (ports.0..=ports.1).contains(&port)
    }));
    known.retain(|one| {
        let entry = &one.entry;
        let vrf = options.vrf.as_deref();
        vrf.is_none_or(|vrf| vrf == store.vrf(entry.vrf))
            && protocol.is_none_or(|protocol| [0, protocol].contains(&entry.protocol))
    });
    let (from, to) = span;
    let found = known.iter().filter(|one| one.was_between(from, to));
    for one in found {
        findings.add(answer(store, one));
    }
    findings.why_not(
        match (known.iter().rev().find(|one| one.from <= to), store.since()) {
            (Some(last), _) => format!(
                "the last who had it was {} until {}",
                last.entry.inside,
                last.until.map_or_else(String::new, written)
            ),
            (None, Some(since)) if since > to => {
                format!("the store begins at {}", written(since))
            }
            (None, _) => "nobody had it before".to_owned(),
        },
    );
    Ok(())
}

fn written(millis: u64) -> String {
    Time::from_millis(millis).to_string()
}

fn answer(store: &Reader, holding: &Holding) -> Answer {
    let entry = &holding.entry;
    let vrf = store.vrf(entry.vrf).to_owned();
    let is_block = entry.class == Class::Block;
    let endpoint = |address, port| {
        if is_block {
            format!("{address}")
        } else {
            format!("{address}:{port}")
        }
    };
    Answer {
        outside: endpoint(entry.outside, entry.first),
        inside: Some(endpoint(entry.inside, entry.inside_port)),
        outside_vrf: vrf.clone(),
        vrf,
        protocol: match entry.protocol {
            0 => "any".to_owned(),
            protocol => protocol_name(protocol),
        },
        kind: Kind::Dynamic,
        form: None,
        name: None,
        rules: Vec::new(),
        ports: vec![(entry.first, entry.last)],
        ports_left_out: 0,
        log_needed: false,
        from: (holding.from > 0).then(|| written(holding.from)),
        until: holding.until.map(written),
        remote: remote(entry),
        appliance: Some(store.appliance(entry.appliance).to_owned()),
        note: None,
    }
}

fn remote(entry: &Entry) -> Option<String> {
    (!entry.remote.is_unspecified()).then(|| format!("{}:{}", entry.remote, entry.remote_port))
}
