//! Any changes of any payload, against replacing from the last to the first; and any difference
//! of two payloads as changes.
//!
//! Input: a byte for how many changes, two for each (what is kept before it, what goes; the
//! lengths of the new bytes follow from them), the payload.
#![no_main]

use alg::{Edit, Edits, NoRoom, add_difference, splice};
use appproto::{Replacement, Span};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [count, rest @ ..] = data else { return };
    let count = usize::from(*count) % 24;
    let Some((steps, payload)) = rest.split_at_checked(count * 2) else {
        return;
    };
    let mut edits = Edits::new();
    let mut at = 0;
    for step in steps.chunks_exact(2) {
        let (start, len) = (at + usize::from(step[0]), usize::from(step[1] >> 3));
        at = start + len;
        if at > payload.len() {
            break;
        }
        let mut text = Replacement::new();
        let new = usize::from(step[1] & 7) * 9;
        text.extend((0..new).map(|nth| step[0].wrapping_add(nth as u8)));
        edits.push(Edit {
            span: Span::new(start, len),
            text,
        });
    }
    let mut naive = payload.to_vec();
    for edit in edits.iter().rev() {
        naive.splice(edit.span.start..edit.span.end, edit.text.iter().copied());
    }
    let growth: isize = edits.iter().map(Edit::growth).sum();
    assert_eq!(payload.len().checked_add_signed(growth), Some(naive.len()));
    let mut out = vec![0; naive.len()];
    assert_eq!(splice(payload, &edits, &mut out), Ok(naive.len()));
    assert_eq!(out, naive);
    if let Some(less) = out.len().checked_sub(1) {
        assert_eq!(splice(payload, &edits, &mut out[..less]), Err(NoRoom));
    }
    difference(payload, &naive);
    // What is as long is compared byte by byte.
    naive.resize(payload.len(), 0);
    difference(payload, &naive);
});

fn difference(old: &[u8], new: &[u8]) {
    const BEFORE: usize = 3;
    let mut edits = Edits::new();
    if add_difference(&mut edits, BEFORE, old, new).is_err() {
        return;
    }
    let mut end = BEFORE;
    for edit in &edits {
        assert!(edit.span.start >= end && !edit.span.is_empty() && !edit.text.is_empty());
        end = edit.span.end;
    }
    let payload = [&[9; BEFORE], old].concat();
    let mut out = vec![0; BEFORE + new.len()];
    assert_eq!(splice(&payload, &edits, &mut out), Ok(out.len()));
    assert_eq!(&out[BEFORE..], new);
}
