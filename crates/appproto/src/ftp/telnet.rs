//! Lines with Telnet commands among their bytes (RFC 854): left out for reading, kept on the wire.

use arrayvec::ArrayVec;

use crate::Span;

/// Longest line that is looked at, with its end.
pub(super) const LONGEST: usize = 512;

const IAC: u8 = 255;
const SUBNEGOTIATION: u8 = 250;
const SUBNEGOTIATION_END: u8 = 240;
const WILL: u8 = 251;
const DONT: u8 = 254;

/// One line, as far as it has come: at most [`LONGEST`] bytes, not yet ended by a line feed that is text.
pub(super) struct Line<'a> {
    raw: &'a [u8],
    text: ArrayVec<u8, LONGEST>,
    /// Bytes it takes, with its line feed; nothing where that has not come.
    pub(super) len: Option<usize>,
}

impl<'a> Line<'a> {
    /// The line that `bytes` begin with.
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let raw = bytes.get(..LONGEST).unwrap_or(bytes);
        let mut text = ArrayVec::new();
        let mut len = None;
        for (at, byte) in Text::of(raw) {
            if byte == b'\n' {
                len = Some(at + 1);
                break;
            }
            // As long as `raw` at most.
            let _ = text.try_push(byte);
        }
        if len.is_some() && text.last() == Some(&b'\r') {
            text.pop();
        }
        Self { raw, text, len }
    }

    /// What it says, without Telnet commands and without its end.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where a part of the text stands on the wire; nothing where Telnet commands are in it.
    pub(super) fn on_the_wire(&self, part: Span) -> Option<Span> {
        let mut places = Text::of(self.raw).skip(part.start);
        let (first, _) = places.next()?;
        let last = match part.len() {
            0 | 1 => first,
            more => places.nth(more - 2)?.0,
        };
        let whole = last.checked_sub(first)? + 1;
        (whole == part.len()).then_some(Span::new(first, whole))
    }
}

/// The bytes that are text, each with its offset. Ends at a command that is not whole.
struct Text<'a> {
    raw: &'a [u8],
    at: usize,
}

impl<'a> Text<'a> {
    const fn of(raw: &'a [u8]) -> Self {
        Self { raw, at: 0 }
    }
}

impl Iterator for Text<'_> {
    type Item = (usize, u8);

    fn next(&mut self) -> Option<(usize, u8)> {
        loop {
            let at = self.at;
            let byte = *self.raw.get(at)?;
            if byte != IAC {
                self.at += 1;
                return Some((at, byte));
            }
            match *self.raw.get(at + 1)? {
                IAC => {
                    self.at += 2;
                    return Some((at + 1, IAC));
                }
                WILL..=DONT => self.at += 3,
                SUBNEGOTIATION => {
                    let end = self
                        .raw
                        .get(at + 2..)?
                        .windows(2)
                        .position(|pair| pair == [IAC, SUBNEGOTIATION_END])?;
                    self.at += 2 + end + 2;
                }
                _ => self.at += 2,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PROTOCOLS B1: IAC IAC is a data byte, 251 to 254 take an option, 250 lasts until 240.
    #[test]
    fn telnet_commands_are_left_out_and_line_feeds_in_them_end_nothing() {
        for (raw, text, len) in [
            (&b"PASV\r\nx"[..], &b"PASV"[..], Some(6)),
            (b"\xff\xf4\xff\xf2ABOR\r\n", b"ABOR", Some(10)),
            (b"\xff\xfb\nNOOP\n", b"NOOP", Some(8)),
            (b"A\xff\xfa\n\xff\xff\xff\xf0B\n", b"AB", Some(10)),
            (b"\xff\xff\r\n", b"\xff", Some(4)),
            (b"PA\xff", b"PA", None),
            (b"PA\xff\xfa\r\n", b"PA", None),
            (b"PA\r", b"PA\r", None),
        ] {
            let line = Line::read(raw);
            assert_eq!((line.text(), line.len), (text, len), "{raw:?}");
        }
    }

    #[test]
    fn a_part_with_a_command_inside_has_no_place() {
        let line = Line::read(b"\xff\xf1PORT 1,\xff\xf12\r\n");
        assert_eq!(line.text(), b"PORT 1,2");
        assert_eq!(line.on_the_wire(Span::new(5, 2)), Some(Span::new(7, 2)));
        assert_eq!(line.on_the_wire(Span::new(7, 1)), Some(Span::new(11, 1)));
        assert_eq!(line.on_the_wire(Span::new(5, 3)), None);
    }
}
