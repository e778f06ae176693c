//! Changes of a payload, and a payload with its changes.

use appproto::{Form, Replacement, Role, Span};
use arrayvec::ArrayVec;

/// New bytes for a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What they stand for.
    pub span: Span,
    /// The new bytes.
    pub text: Replacement,
}

impl Edit {
    /// By how much the payload grows.
    #[must_use]
    pub fn growth(&self) -> isize {
        self.text.len().cast_signed() - self.span.len().cast_signed()
    }
}

/// Changes in the order of their spans, none overlapping.
pub type Edits = ArrayVec<Edit, { appproto::finding::MOST }>;

/// Longest new text of an edit.
const LONGEST: usize = 64;

/// The result is longer than the room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// Adds the new lengths of spans in which something has changed, in their place.
pub(crate) fn add_lengths(edits: &mut Edits, findings: &[appproto::Finding]) {
    let measured = |finding: &appproto::Finding| match finding.role {
        Role::LengthOf(of) => Some((finding.span, of, finding.form)),
        _ => None,
    };
    let mut lengths: ArrayVec<(Span, Span, Form), { appproto::finding::MOST }> =
        findings.iter().filter_map(measured).collect();
    // What lies in another is shorter, and changes the length of that.
    lengths.sort_unstable_by_key(|(_, of, _)| of.len());
    for (span, of, form) in lengths {
        let growth: isize = edits
            .iter()
            .filter(|edit| edit.span.start >= of.start && edit.span.end <= of.end)
            .map(Edit::growth)
            .sum();
        if growth == 0 {
            continue;
        }
        let place = edits.partition_point(|edit| edit.span.start < span.start);
        let edit = Edit {
            span,
            text: form.measure(of.len().saturating_add_signed(growth)),
        };
        // There was room for the finding, and each finding makes one edit at most.
        let _ = edits.try_insert(place, edit);
    }
}

/// Adds what makes `new` of `old`, which begins at `from`: few changes, none of them long.
///
/// # Errors
///
/// [`NoRoom`]: they are too different. What has been added then is of no use.
pub fn add_difference(
    edits: &mut Edits,
    from: usize,
    old: &[u8],
    new: &[u8],
) -> Result<(), NoRoom> {
    /// Bytes that may stay the same within one change.
    const SAME: usize = 16;
    let mut push = |start: usize, len: usize, text: &[u8]| {
        let mut copy = Replacement::new();
        copy.try_extend_from_slice(text).map_err(|_| NoRoom)?;
        let span = Span::new(from + start, len);
        edits
            .try_push(Edit { span, text: copy })
            .map_err(|_| NoRoom)
    };
    if old.len() == new.len() {
        let differs = |at: usize| old.get(at) != new.get(at);
        let mut at = 0;
        while at < old.len() {
            if !differs(at) {
                at += 1;
                continue;
            }
            let (start, mut end) = (at, at + 1);
            while at < old.len() && at < end + SAME && at < start + LONGEST {
                if differs(at) {
                    end = at + 1;
                }
                at += 1;
            }
            push(start, end - start, new.get(start..end).unwrap_or_default())?;
            at = end;
        }
        return Ok(());
    }
    let same = |(one, other): &(&u8, &u8)| one == other;
    let shorter = old.len().min(new.len());
    let front = old.iter().zip(new).take_while(same).count();
    let back = old.iter().rev().zip(new.iter().rev()).take_while(same);
    let back = back.count().min(shorter - front);
    // A change has some bytes, old and new.
    let front = front.min(shorter.saturating_sub(back + 1));
    let changed = |bytes: &'_ [u8]| (front, bytes.len() - back);
    let ((_, old_end), (_, new_end)) = (changed(old), changed(new));
    let (old_len, new_len) = (old_end - front, new_end - front);
    let parts = old_len.div_ceil(LONGEST).max(new_len.div_ceil(LONGEST));
    if old_len < parts || new_len < parts {
        return Err(NoRoom);
    }
    for nth in 0..parts {
        let cut = |len: usize| (front + len * nth / parts, front + len * (nth + 1) / parts);
        let ((start, end), (new_start, new_end)) = (cut(old_len), cut(new_len));
        let text = new.get(new_start..new_end).unwrap_or_default();
        push(start, end - start, text)?;
    }
    Ok(())
}

/// Writes `payload` with its changes to `out`; answers how many bytes that are.
///
/// # Errors
///
/// [`NoRoom`]; what `out` holds then is of no use.
pub fn splice(payload: &[u8], edits: &[Edit], out: &mut [u8]) -> Result<usize, NoRoom> {
    let (mut from, mut to) = (0, 0);
    let mut put = |bytes: &[u8]| {
        let place = out.get_mut(to..to + bytes.len()).ok_or(NoRoom)?;
        place.copy_from_slice(bytes);
        to += bytes.len();
        Ok(())
    };
    for edit in edits {
        put(payload.get(from..edit.span.start).unwrap_or_default())?;
        put(&edit.text)?;
        from = edit.span.end;
    }
    put(payload.get(from..).unwrap_or_default())?;
    Ok(to)
}

#[cfg(test)]
mod tests {
    use appproto::{Endpoint, Finding};
    use proptest::prelude::*;
    use std::vec::Vec;

    use super::*;

    fn edit(start: usize, end: usize, text: &[u8]) -> Edit {
        let mut out = Replacement::new();
        out.try_extend_from_slice(text).expect("short");
        Edit {
            span: Span { start, end },
            text: out,
        }
    }

    fn length(span: Span, of: Span) -> Finding {
        Finding {
            span,
            endpoint: Endpoint::default(),
            form: Form::Length,
            role: Role::LengthOf(of),
        }
    }

    #[test]
    fn lengths_follow_what_changes_in_their_span() {
        let mut edits = Edits::new();
        edits.push(edit(20, 28, b"203.0.113.5"));
        let findings = [
            length(Span::new(4, 2), Span::new(10, 30)),
            length(Span::new(7, 1), Span::new(40, 9)),
        ];
        add_lengths(&mut edits, &findings);
        assert_eq!(
            edits.as_slice(),
            [edit(4, 6, b"33"), edit(20, 28, b"203.0.113.5")]
        );
    }

    /// Parts of a message have lengths of their own, which are part of what the whole measures.
    #[test]
    fn the_length_of_a_part_is_written_before_that_of_the_whole() {
        let mut edits = Edits::new();
        edits.push(edit(130, 138, b"203.0.113.5"));
        let findings = [
            length(Span::new(4, 3), Span::new(20, 130)),
            length(Span::new(30, 2), Span::new(52, 97)),
        ];
        add_lengths(&mut edits, &findings);
        assert_eq!(
            edits.as_slice(),
            [
                edit(4, 7, b"134"),
                edit(30, 32, b"100"),
                edit(130, 138, b"203.0.113.5")
            ]
        );
    }

    #[test]
    fn no_room_is_said() {
        let mut out = [0; 3];
        assert_eq!(splice(b"abc", &[edit(1, 2, b"xy")], &mut out), Err(NoRoom));
        assert_eq!(splice(b"abc", &[edit(1, 2, b"y")], &mut out), Ok(3));
        assert_eq!(&out, b"ayc");
    }

    #[test]
    fn a_difference_that_no_changes_make_is_refused() {
        for (old, new) in [(&b"x"[..], &[b'y'; 200][..]), (b"", b"x"), (b"x", b"")] {
            let mut edits = Edits::new();
            let made = add_difference(&mut edits, 0, old, new);
            assert_eq!(made, Err(NoRoom), "{old:?} {new:?}");
        }
    }

    proptest! {
        #[test]
        fn a_difference_makes_the_one_of_the_other(
            old in prop::collection::vec(0_u8..4, 1..300),
            same_length: bool,
            new in prop::collection::vec(0_u8..4, 1..300),
            before in 0_usize..5,
        ) {
            let mut new = new;
            if same_length {
                new.resize(old.len(), 2);
            }
            let mut payload = std::vec![9; before];
            payload.extend_from_slice(&old);
            let mut edits = Edits::new();
            if add_difference(&mut edits, before, &old, &new).is_ok() {
                let mut out = [0; 512];
                let len = splice(&payload, &edits, &mut out).expect("room");
                prop_assert_eq!(&out[before..len], new.as_slice());
                for edit in &edits {
                    prop_assert!(!edit.span.is_empty() && !edit.text.is_empty());
                }
            } else {
                // Every edit takes bytes of both: what differs may have too few for as many as it needs.
                let front = old.iter().zip(&new).take_while(|(old, new)| old == new);
                let front = front.count();
                let back = old[front..].iter().rev().zip(new[front..].iter().rev());
                let same = front + back.take_while(|(old, new)| old == new).count();
                prop_assert!(old.len() < same + 6 || new.len() < same + 6 || same_length);
            }
        }

        /// Against the obvious way, from the last change to the first.
        #[test]
        fn splicing_is_replacing_from_the_end(
            payload in prop::collection::vec(any::<u8>(), 0..200),
            cuts in prop::collection::btree_set(0_usize..200, 0..12),
            text in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut <= payload.len()).collect();
            let edits: Vec<Edit> = cuts
                .chunks_exact(2)
                .map(|pair| edit(pair[0], pair[1], &text))
                .collect();
            let mut naive = payload.clone();
            for edit in edits.iter().rev() {
                naive.splice(core::ops::Range::from(edit.span), edit.text.iter().copied());
            }
            let mut out = [0; 512];
            let len = splice(&payload, &edits, &mut out).expect("room");
            prop_assert_eq!(&out[..len], naive.as_slice());
        }
    }
}
