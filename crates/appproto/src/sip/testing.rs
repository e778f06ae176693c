//! Helpers of the tests: messages as text, findings as text, and a naive splicer.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use base::Direction;

use super::{SipError, Summary, scan};
use crate::{Endpoint, Finding, Findings, Form, Ports, Role, Transport};

/// The inside host, as outbound messages name it.
pub(super) const INSIDE: u32 = 0x0a00_0001;
/// What it is outside.
pub(super) const OUTSIDE: u32 = 0xcb00_7107;

/// Whose addresses messages of a direction name.
pub(super) const fn named(direction: Direction) -> u32 {
    match direction {
        Direction::Outbound => INSIDE,
        Direction::Inbound => OUTSIDE,
    }
}

/// Lines with the ends they have in messages.
pub(super) fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// A whole message with a body of SDP.
pub(super) fn with_sdp(head: &str, sdp: &str) -> Vec<u8> {
    let sdp = crlf(sdp);
    let mut message = crlf(&format!(
        "{head}Content-Type: application/sdp\nContent-Length: {}\n\n",
        sdp.len()
    ));
    message.extend_from_slice(&sdp);
    message
}

pub(super) fn summary(message: &[u8], direction: Direction) -> Result<Summary, SipError> {
    let mut found = Findings::new();
    scan(
        message,
        direction,
        |who| who == named(direction),
        &mut found,
    )
}

/// Each finding as `text = endpoint role`.
pub(super) fn listed(message: &[u8], direction: Direction) -> Vec<String> {
    let mut found = Findings::new();
    scan(
        message,
        direction,
        |who| who == named(direction),
        &mut found,
    )
    .unwrap();
    found
        .iter()
        .map(|finding| described(message, finding))
        .collect()
}

fn described(message: &[u8], finding: &Finding) -> String {
    let text = String::from_utf8_lossy(finding.span.of(message));
    let transport = |transport| match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
        Transport::Gre => "gre",
    };
    let role = match finding.role {
        Role::Listens(channel) => {
            let ports = match channel.ports {
                Ports::One => "one".to_string(),
                Ports::Pair => "pair".to_string(),
                Ports::Pairs(count) => format!("{count} pairs"),
                Ports::Behind => "behind".into(),
            };
            format!("listens {} {ports}", transport(channel.transport))
        }
        Role::Host => return format!("{text} = host"),
        Role::Echoes(_) => return format!("{text} echoes"),
        Role::Answers(over, _) => format!("answers {}", transport(over)),
        Role::Names(over) => format!("names {}", transport(over)),
        Role::Repeats(over) => format!("repeats {}", transport(over)),
        Role::LengthOf(span) => return format!("{text} length of {}", span.len()),
        Role::Leads(..) => "leads".into(),
    };
    format!("{text} = {} {role}", finding.endpoint.port)
}

/// Writes every finding anew, the endpoint as `map` says; lengths as they come out.
pub(super) fn rewritten(
    message: &[u8],
    direction: Direction,
    map: impl Fn(Endpoint) -> Endpoint,
) -> Vec<u8> {
    let mut found = Findings::new();
    scan(
        message,
        direction,
        |who| who == named(direction),
        &mut found,
    )
    .unwrap();
    let written: Vec<(Finding, Vec<u8>)> = found
        .iter()
        .map(|finding| {
            let bytes = finding.form.write(map(finding.endpoint));
            (*finding, bytes.to_vec())
        })
        .collect();
    let grown = |from: usize, to: usize, written: &[(Finding, Vec<u8>)]| {
        written
            .iter()
            .filter(|(finding, _)| finding.span.start >= from && finding.span.end <= to)
            .fold(to - from, |len, (finding, bytes)| {
                len + bytes.len() - finding.span.len()
            })
    };
    // The shortest measured span first: it lies in the others or beside them.
    let mut finished = written.clone();
    let mut lengths: Vec<usize> = (0..written.len())
        .filter(|at| written[*at].0.form == Form::Length)
        .collect();
    lengths.sort_by_key(|at| match written[*at].0.role {
        Role::LengthOf(span) => span.len(),
        _ => 0,
    });
    for at in lengths {
        if let Role::LengthOf(span) = finished[at].0.role {
            let len = grown(span.start, span.end, &finished);
            finished[at].1 = Form::length(len).to_vec();
        }
    }
    let mut out = Vec::new();
    let mut from = 0;
    for (finding, bytes) in &finished {
        out.extend_from_slice(&message[from..finding.span.start]);
        out.extend_from_slice(bytes);
        from = finding.span.end;
    }
    out.extend_from_slice(&message[from..]);
    out
}
