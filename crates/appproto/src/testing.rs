//! What the tests of all parsers need: streams cut anywhere, and a naive splicer.

use std::vec::Vec;

use crate::{Endpoint, Finding, Findings, Form, Replacement, Role, Scan, Span};

/// Feeds `stream` to `scan` in the pieces that `cuts` makes of it, as an engine does: bytes of a
/// message that is not whole come again together with the next piece. Gives what was found, by
/// offsets in the stream, and whether the stream was released.
pub(crate) fn feed(
    stream: &[u8],
    cuts: &[usize],
    mut scan: impl FnMut(&[u8], &mut Findings) -> Scan,
) -> (Vec<Finding>, bool) {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    ends.push(stream.len());
    ends.sort_unstable();
    let mut all = Vec::new();
    let mut start = 0;
    for end in ends {
        while start <= end {
            let piece = &stream[start..end];
            let mut found = Findings::new();
            let scanned = scan(piece, &mut found);
            check(piece, &found);
            all.extend(found.iter().map(|finding| moved(*finding, start)));
            match scanned {
                Scan::Complete => start = end,
                Scan::NeedMore { from } => {
                    assert!(from < piece.len(), "more is needed of nothing");
                    start += from;
                }
                Scan::Full { from } => {
                    assert!(from > 0, "one message alone always fits");
                    start += from;
                    continue;
                }
                Scan::Release => return (all, true),
            }
            break;
        }
    }
    (all, false)
}

/// Spans lie in the bytes, one behind the other.
#[track_caller]
pub(crate) fn check(bytes: &[u8], found: &[Finding]) {
    let mut at = 0;
    for finding in found {
        let Span { start, end } = finding.span;
        assert!(
            at <= start && start <= end && end <= bytes.len(),
            "{finding:?}"
        );
        if let Role::LengthOf(of) = finding.role {
            assert!(end <= of.start && of.start <= of.end && of.end <= bytes.len());
        }
        at = end;
    }
}

fn moved(mut finding: Finding, by: usize) -> Finding {
    finding.span = along(finding.span, by);
    if let Role::LengthOf(of) = finding.role {
        finding.role = Role::LengthOf(along(of, by));
    }
    finding
}

fn along(span: Span, by: usize) -> Span {
    Span::new(span.start + by, span.len())
}

/// Replaces every span by what `map` makes of its endpoint, then writes the lengths.
pub(crate) fn splice(
    bytes: &[u8],
    found: &[Finding],
    map: impl Fn(Endpoint) -> Endpoint,
) -> Vec<u8> {
    let mut endpoints: Vec<Replacement> = found
        .iter()
        .map(|finding| finding.form.write(map(finding.endpoint)))
        .collect();
    let mut out = Vec::new();
    let mut at = 0;
    measure(found, &mut endpoints);
    for (finding, replacement) in found.iter().zip(&endpoints) {
        out.extend_from_slice(&bytes[at..finding.span.start]);
        out.extend_from_slice(replacement);
        at = finding.span.end;
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

/// Writes the lengths, those within others first.
fn measure(found: &[Finding], texts: &mut [Replacement]) {
    let mut lengths: Vec<(usize, Span)> = (0..)
        .zip(found)
        .filter_map(|(at, finding)| match finding.role {
            Role::LengthOf(of) => Some((at, of)),
            _ => None,
        })
        .collect();
    lengths.sort_by_key(|(_, of)| of.len());
    for (at, of) in lengths {
        assert!(matches!(found[at].form, Form::Length | Form::BerLength(_)));
        let inside = found
            .iter()
            .zip(&*texts)
            .filter(|(other, _)| of.start <= other.span.start && other.span.end <= of.end);
        let (was, is) = inside.fold((0, 0), |(was, is), (other, new)| {
            (was + other.span.len(), is + new.len())
        });
        texts[at] = found[at].form.measure(of.len() - was + is);
    }
}

/// Another endpoint of another length, and back again if applied twice; ports stay above 1023.
pub(crate) fn swap(endpoint: Endpoint) -> Endpoint {
    Endpoint {
        address: match endpoint.address {
            0 => 0,
            address => address ^ 0xc0de_a55a,
        },
        port: match endpoint.port {
            port @ 1024..=9999 => port + 50_000,
            port @ 51_024..=59_999 => port - 50_000,
            port => port,
        },
    }
}
