//! BER in definite form (X.690 section 8.1).

use crate::Span;
use crate::frames::LONGEST;

/// Bytes behind the first of a length, as [`Form::BerLength`](crate::Form::BerLength) can write them.
const LENGTH: usize = 48;
/// A tag that goes on in the bytes behind it, which LDAP has none of.
const LONG_TAG: u8 = 0x1f;
/// In the first byte of a length: the number is in so many behind it.
const LONG: u8 = 0x80;

/// Why something cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peek {
    /// More is needed.
    Open,
    /// It is something else.
    Bad,
}

/// An element; what is in it may end beyond the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) tag: u8,
    /// Where its length is written.
    pub(super) length: Span,
    pub(super) content: Span,
}

/// Reads what an element begins with.
///
/// # Errors
///
/// [`Peek`].
pub(super) fn header(bytes: &[u8], at: usize) -> Result<Element, Peek> {
    let tag = *bytes.get(at).ok_or(Peek::Open)?;
    if tag & LONG_TAG == LONG_TAG {
        return Err(Peek::Bad);
    }
    let first = *bytes.get(at + 1).ok_or(Peek::Open)?;
    let (behind, mut len) = match first {
        0..LONG => (0, usize::from(first)),
        _ => (usize::from(first & !LONG), 0),
    };
    // None at all is the indefinite form.
    if first >= LONG && !(1..=LENGTH).contains(&behind) {
        return Err(Peek::Bad);
    }
    for nth in 0..behind {
        let byte = *bytes.get(at + 2 + nth).ok_or(Peek::Open)?;
        len = len << 8 | usize::from(byte);
        if len > LONGEST {
            return Err(Peek::Bad);
        }
    }
    let length = Span::new(at + 1, 1 + behind);
    let content = Span::new(length.end, len);
    if content.end > at.saturating_add(LONGEST) {
        return Err(Peek::Bad);
    }
    Ok(Element {
        tag,
        length,
        content,
    })
}
