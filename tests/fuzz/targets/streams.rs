//! What holds for every parser of streams: findings lie in the bytes, in order, and are the
//! same however the stream is cut.
//!
//! Input: a byte for who speaks, a byte for how long the pieces are, the stream. A zero byte after
//! a line feed lets the other side speak.

use appproto::{Finding, Findings, Role, Scan, Sender, Span};

/// Runs `scan` over the stream at once and in pieces.
pub fn any_segmentation_finds_the_same<State: Copy + PartialEq + std::fmt::Debug>(
    data: &[u8],
    state: State,
    mut scan: impl FnMut(&mut State, Sender, &[u8], &mut Findings) -> Scan,
) {
    let [first, cut, stream @ ..] = data else {
        return;
    };
    let mut run = |pieces: usize| {
        let mut state = state;
        let mut sender = if first & 1 == 0 {
            Sender::Client
        } else {
            Sender::Server
        };
        let mut all = Vec::new();
        for turn in turns(stream) {
            let released = feed(turn, pieces, &mut all, |bytes, found| {
                scan(&mut state, sender, bytes, found)
            });
            if released {
                assert_eq!(
                    scan(&mut state, sender, b"x", &mut Findings::new()),
                    Scan::Release
                );
                break;
            }
            sender = match sender {
                Sender::Client => Sender::Server,
                Sender::Server => Sender::Client,
            };
        }
        (all, state)
    };
    let whole = run(usize::MAX);
    assert_eq!(whole, run(usize::from(*cut) % 61 + 1));
    assert_eq!(whole, run(1));
}

fn turns(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.windows(2).position(|pair| pair == b"\n\0");
        let (turn, more) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
        rest = more.get(1..).unwrap_or_default();
        Some(turn)
    })
}

/// As an engine does: what is not whole comes again with the next piece.
fn feed(
    stream: &[u8],
    piece: usize,
    all: &mut Vec<Finding>,
    mut scan: impl FnMut(&[u8], &mut Findings) -> Scan,
) -> bool {
    let mut start = 0;
    let mut end = 0;
    while end < stream.len() {
        end = end.saturating_add(piece).min(stream.len());
        loop {
            let bytes = &stream[start..end];
            let mut found = Findings::new();
            let scanned = scan(bytes, &mut found);
            let mut at = 0;
            for mut finding in found {
                assert!(at <= finding.span.start && finding.span.start <= finding.span.end);
                assert!(finding.span.end <= bytes.len());
                at = finding.span.end;
                finding.span = along(finding.span, start);
                if let Role::LengthOf(of) = finding.role {
                    assert!(at <= of.start && of.end <= bytes.len());
                    finding.role = Role::LengthOf(along(of, start));
                }
                all.push(finding);
            }
            match scanned {
                Scan::Complete => start = end,
                Scan::NeedMore { from } => {
                    assert!(from < bytes.len());
                    start += from;
                }
                Scan::Full { from } => {
                    assert!(from > 0);
                    start += from;
                    continue;
                }
                Scan::Release => return true,
            }
            break;
        }
    }
    false
}

fn along(span: Span, by: usize) -> Span {
    Span::new(span.start + by, span.len())
}
