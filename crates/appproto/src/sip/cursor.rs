//! A place in a message that moves on while it is read.

use crate::Span;

/// Reads the bytes of one span. Offsets are those of the whole message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    message: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// At the first byte of `span`; does not go beyond it.
    pub(super) fn new(message: &'a [u8], span: Span) -> Self {
        let end = span.end.min(message.len());
        Self {
            message,
            at: span.start.min(end),
            end,
        }
    }

    /// Offset of the next byte.
    pub(super) const fn at(self) -> usize {
        self.at
    }

    /// What has not been read.
    pub(super) fn rest(self) -> &'a [u8] {
        self.message.get(self.at..self.end).unwrap_or_default()
    }

    /// The next byte.
    pub(super) fn peek(self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// What `span` has.
    pub(super) fn bytes(self, span: Span) -> &'a [u8] {
        span.of(self.message)
    }

    /// Goes on by `len` bytes.
    pub(super) fn skip(&mut self, len: usize) {
        self.at = self.at.saturating_add(len).min(self.end);
    }

    /// Past blanks, tabs and the line ends of folded values.
    pub(super) fn blanks(&mut self) {
        self.until(|byte| !is_blank(byte));
    }

    /// Past `byte`, if that is next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        if next {
            self.skip(1);
        }
        next
    }

    /// Past `byte` and the blanks around it, if that is next.
    pub(super) fn eat_spaced(&mut self, byte: u8) -> bool {
        let mut ahead = *self;
        ahead.blanks();
        let next = ahead.eat(byte);
        if next {
            ahead.blanks();
            *self = ahead;
        }
        next
    }

    /// Past `word` in any case, if that is next.
    pub(super) fn word(&mut self, word: &[u8]) -> bool {
        let next = crate::text::begins(self.rest(), word);
        if next {
            self.skip(word.len());
        }
        next
    }

    /// Up to the first byte that `stop` says yes to.
    pub(super) fn until(&mut self, stop: impl Fn(u8) -> bool) -> Span {
        let rest = self.rest();
        let len = rest
            .iter()
            .position(|byte| stop(*byte))
            .unwrap_or(rest.len());
        let span = Span::new(self.at, len);
        self.skip(len);
        span
    }

    /// Decimal digits, as a number that stops growing at the largest there is.
    pub(super) fn number(&mut self) -> Option<u32> {
        let digits = self.until(|byte| !byte.is_ascii_digit());
        (!digits.is_empty()).then(|| {
            self.bytes(digits).iter().fold(0_u32, |value, byte| {
                value
                    .saturating_mul(10)
                    .saturating_add(u32::from(byte - b'0'))
            })
        })
    }

    /// Past a quoted string, if one is next: the span between its quotes. One without an end
    /// takes the rest.
    pub(super) fn quoted(&mut self) -> Option<Span> {
        if !self.eat(b'"') {
            return None;
        }
        let start = self.at;
        loop {
            self.until(|byte| matches!(byte, b'"' | b'\\'));
            let end = self.at;
            match self.peek() {
                Some(b'\\') => self.skip(2),
                Some(_) => {
                    self.skip(1);
                    return Some(Span { start, end });
                }
                None => return Some(Span { start, end }),
            }
        }
    }

    /// Up to the first of these bytes that is not in quotes.
    pub(super) fn until_unquoted(&mut self, stop: impl Fn(u8) -> bool) {
        loop {
            self.until(|byte| byte == b'"' || stop(byte));
            if self.quoted().is_none() {
                return;
            }
        }
    }
}

/// Blank, tab, or part of the line end of a folded value.
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// What a token is made of (RFC 3261 section 25.1).
pub(super) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        )
}

/// One `;name=value`, the value without its quotes; empty where there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Param<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: Span,
}

impl Param<'_> {
    /// Names have no case.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The parameters from here on, each behind a semicolon.
#[derive(Clone, Debug)]
pub(super) struct Params<'a>(pub(super) Cursor<'a>);

impl<'a> Iterator for Params<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let cursor = &mut self.0;
        cursor.until_unquoted(|byte| byte == b';');
        if !cursor.eat(b';') {
            return None;
        }
        cursor.blanks();
        let name = cursor.until(|byte| matches!(byte, b';' | b'=' | b'"') || is_blank(byte));
        let name = cursor.bytes(name);
        let value = if cursor.eat_spaced(b'=') {
            cursor
                .quoted()
                .unwrap_or_else(|| cursor.until(|byte| byte == b';' || is_blank(byte)))
        } else {
            Span::new(cursor.at(), 0)
        };
        Some(Param { name, value })
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// RFC 3261 section 25.1: a backslash takes the meaning of the byte behind it.
    #[test]
    fn quoted_strings_end_at_a_quote_that_is_not_escaped() {
        let text = br#""a\"b;c" ; x = "1;2" ;y; z=3"#;
        let mut cursor = Cursor::new(text, Span::new(0, text.len()));
        let inside = cursor.quoted().unwrap();
        assert_eq!(inside.of(text), br#"a\"b;c"#);
        let params: Vec<_> = Params(cursor)
            .map(|param| (param.name, param.value.of(text)))
            .collect();
        assert_eq!(
            params,
            [
                (&b"x"[..], &b"1;2"[..]),
                (&b"y"[..], &b""[..]),
                (&b"z"[..], &b"3"[..])
            ]
        );
    }

    #[test]
    fn a_quote_without_an_end_takes_the_rest() {
        for text in [&b"\"abc"[..], b"\"abc\\", b"\""] {
            let mut cursor = Cursor::new(text, Span::new(0, text.len()));
            assert!(cursor.quoted().is_some());
            assert!(cursor.rest().is_empty());
        }
    }

    #[test]
    fn numbers_stop_growing() {
        let text = b"99999999999999999999x";
        let mut cursor = Cursor::new(text, Span::new(0, text.len()));
        assert_eq!(cursor.number(), Some(u32::MAX));
        assert_eq!(cursor.peek(), Some(b'x'));
        assert_eq!(cursor.number(), None);
    }
}
