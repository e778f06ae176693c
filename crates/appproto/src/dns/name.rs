//! Names: labels, compression (RFC 1035 section 4.1.4), and addresses in reverse (section 3.5).

use super::{HEADER_LEN, Left};
use crate::Span;
use crate::text::octet;

/// Longest name, with the lengths of its labels (RFC 1035 section 2.3.4).
const LONGEST: usize = 255;
/// Two bits that make the other fourteen a place in the message.
const POINTER: u8 = 0xc0;

/// A label of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label {
    /// Where its length stands.
    pub(super) at: usize,
    /// Behind its last byte.
    pub(super) end: usize,
    /// It stands where the name does, not elsewhere behind a pointer.
    pub(super) in_place: bool,
}

impl Label {
    pub(super) fn text(self, message: &[u8]) -> &[u8] {
        message.get(self.at + 1..self.end).unwrap_or_default()
    }
}

/// The labels of a name. Pointers lead backwards only, each before the labels it was found
/// behind, so they end.
pub(super) struct Labels<'a> {
    message: &'a [u8],
    at: usize,
    /// Where the labels at hand begin: the next pointer leads before it.
    before: usize,
    in_place: bool,
    len: usize,
}

impl<'a> Labels<'a> {
    pub(super) const fn of(message: &'a [u8], start: usize) -> Self {
        Self {
            message,
            at: start,
            before: start,
            in_place: true,
            len: 1,
        }
    }

    /// The next label; nothing at the end.
    fn step(&mut self) -> Result<Option<Label>, Left> {
        loop {
            let byte = *self.message.get(self.at).ok_or(Left::Truncated)?;
            match byte & POINTER {
                0 if byte == 0 => return Ok(None),
                0 => break,
                POINTER => {
                    let low = *self.message.get(self.at + 1).ok_or(Left::Truncated)?;
                    let to = usize::from(u16::from_be_bytes([byte & !POINTER, low]));
                    if to < HEADER_LEN || to >= self.before {
                        return Err(Left::BadName);
                    }
                    self.at = to;
                    self.before = to;
                    self.in_place = false;
                }
                _ => return Err(Left::BadName),
            }
        }
        let label = Label {
            at: self.at,
            end: self.at + 1 + usize::from(*self.message.get(self.at).ok_or(Left::Truncated)?),
            in_place: self.in_place,
        };
        self.len += label.end - label.at;
        self.at = label.end;
        if label.end > self.message.len() {
            return Err(Left::Truncated);
        }
        if self.len > LONGEST {
            return Err(Left::BadName);
        }
        Ok(Some(label))
    }
}

/// Of names that have been walked over before.
impl Iterator for Labels<'_> {
    type Item = Label;

    fn next(&mut self) -> Option<Label> {
        self.step().ok().flatten()
    }
}

/// Walks over a name: where it ends in its place.
pub(super) fn end(message: &[u8], start: usize) -> Result<usize, Left> {
    let mut labels = Labels::of(message, start);
    let mut end = start;
    while let Some(label) = labels.step()? {
        if label.in_place {
            end = label.end;
        }
    }
    // A zero where the name stands, or a pointer.
    Ok(end + if labels.in_place { 1 } else { 2 })
}

/// The address that a name of six labels under `in-addr.arpa` means, as it would be written.
pub(super) fn reverse(message: &[u8], start: usize) -> Option<u32> {
    let mut labels = Labels::of(message, start);
    let mut address = 0;
    for place in 0..4 {
        let text = labels.next()?.text(message);
        let (octet, len) = octet(text)?;
        let plain = len == text.len() && (len == 1 || text.first() != Some(&b'0'));
        address |= u32::from(octet) << (8 * place);
        plain.then_some(())?;
    }
    for tail in [&b"in-addr"[..], b"arpa"] {
        let text = labels.next()?.text(message);
        text.eq_ignore_ascii_case(tail).then_some(())?;
    }
    labels.next().is_none().then_some(address)
}

/// A name in the data of a record, and where it ends; it may not go beyond.
pub(super) fn within(message: &[u8], start: usize, data: Span) -> Result<usize, Left> {
    let end = end(message, start)?;
    if end > data.end {
        return Err(Left::BadName);
    }
    Ok(end)
}
