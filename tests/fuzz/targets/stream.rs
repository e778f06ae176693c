//! Two hosts and a stream between them: whatever they say, however it is cut, lost, doubled and
//! reordered, each hears exactly the rewritten lines of the other, and nothing is held in the end.
//!
//! Input: eight bytes from which chance comes, three for the habits of the line, one for limits,
//! what the client says, a zero byte, what the server says.
#![no_main]

mod middle;

use libfuzzer_sys::fuzz_target;
use middle::{Limits, Nanos};

/// Longest line that is waited for.
const LONGEST: usize = 2048;

fuzz_target!(|data: &[u8]| {
    let Some((head, text)) = data.split_first_chunk::<12>() else {
        return;
    };
    let [seed @ .., loss, double, jitter, little] = *head;
    let habits = [loss % 15, double % 10, jitter % 40].map(u64::from);
    let mut sides = text.splitn(2, |byte| *byte == 0);
    let [out, back] = [sides.next(), sides.next()].map(Option::unwrap_or_default);
    let limits = Limits {
        max_message: LONGEST,
        capacity: LONGEST + 1000 + usize::from(little) * 16,
        patience: Nanos::from_secs(600),
        mss: 700,
    };
    // When a direction is let go of, the other is wherever that may be: it has no marks then.
    if is_long(out) || is_long(back) {
        if has_marks(out) || has_marks(back) {
            return;
        }
    } else if has_end(out) && has_marks(back) || has_end(back) && has_marks(out) {
        return;
    }
    let seed = u64::from_be_bytes(seed) | 1;
    let (heard, held) = middle::run(habits, seed, limits, [out, back]);
    assert_eq!(heard, [rewritten(out), rewritten(back)]);
    assert_eq!(held, 0);
});

fn has_marks(text: &[u8]) -> bool {
    text.iter().any(|byte| b"xy".contains(byte))
}

/// Whether something else begins in it.
fn has_end(text: &[u8]) -> bool {
    text.starts_with(b"!") || text.windows(2).any(|pair| pair == b"\n!")
}

fn is_long(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n')
        .any(|line| line.len() >= LONGEST)
}

/// What a receiver ought to hear.
fn rewritten(text: &[u8]) -> Vec<u8> {
    let mut new = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        if rest.starts_with(b"!") {
            break;
        }
        rewrite(&rest[..=end], &mut new);
        rest = &rest[end + 1..];
    }
    new.extend(rest);
    new
}

fn rewrite(line: &[u8], new: &mut Vec<u8>) {
    for byte in line {
        match byte {
            b'x' => new.extend(b"<longer>"),
            b'y' => {}
            byte => new.push(*byte),
        }
    }
}
