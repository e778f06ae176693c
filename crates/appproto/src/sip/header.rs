//! The lines of a head: names, values, and the several values of one line.

use super::cursor::{Cursor, is_blank};
use crate::Span;

/// What a header is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name {
    /// `Call-ID`, `i`
    CallId,
    /// `Contact`, `m`
    Contact,
    /// `Content-Encoding`, `e`
    ContentEncoding,
    /// `Content-Length`, `l`
    ContentLength,
    /// `Content-Transfer-Encoding` (a part of a body, RFC 2045)
    ContentTransferEncoding,
    /// `Content-Type`, `c`
    ContentType,
    /// `CSeq`
    CSeq,
    /// `Expires`
    Expires,
    /// `From`, `f`
    From,
    /// `Join` (RFC 3911), `Replaces` (RFC 3891): a dialog, its Call-ID first
    Dialog,
    /// A URI that names somebody: `P-Asserted-Identity` and the like
    Identity,
    /// `In-Reply-To`
    InReplyTo,
    /// `Path` (RFC 3327)
    Path,
    /// `Record-Route`
    RecordRoute,
    /// `Refer-To`, `r` (RFC 3515)
    ReferTo,
    /// `Route`
    Route,
    /// `Service-Route` (RFC 3608)
    ServiceRoute,
    /// `Session-Expires`, `x` (RFC 4028)
    SessionExpires,
    /// `To`, `t`
    To,
    /// `Via`, `v`
    Via,
    /// `Warning`
    Warning,
    /// Nothing in it is ever changed.
    Other,
}

const NAMES: [(&[u8], Name); 44] = [
    (b"Alert-Info", Name::Identity),
    (b"b", Name::Identity),
    (b"c", Name::ContentType),
    (b"Call-ID", Name::CallId),
    (b"Call-Info", Name::Identity),
    (b"Contact", Name::Contact),
    (b"Content-Encoding", Name::ContentEncoding),
    (b"Content-Length", Name::ContentLength),
    (b"Content-Transfer-Encoding", Name::ContentTransferEncoding),
    (b"Content-Type", Name::ContentType),
    (b"CSeq", Name::CSeq),
    (b"Diversion", Name::Identity),
    (b"e", Name::ContentEncoding),
    (b"Error-Info", Name::Identity),
    (b"Expires", Name::Expires),
    (b"f", Name::From),
    (b"From", Name::From),
    (b"History-Info", Name::Identity),
    (b"i", Name::CallId),
    (b"In-Reply-To", Name::InReplyTo),
    (b"Join", Name::Dialog),
    (b"l", Name::ContentLength),
    (b"m", Name::Contact),
    (b"P-Asserted-Identity", Name::Identity),
    (b"P-Associated-URI", Name::Identity),
    (b"P-Called-Party-ID", Name::Identity),
    (b"P-Preferred-Identity", Name::Identity),
    (b"Path", Name::Path),
    (b"r", Name::ReferTo),
    (b"Record-Route", Name::RecordRoute),
    (b"Refer-To", Name::ReferTo),
    (b"Referred-By", Name::Identity),
    (b"Remote-Party-ID", Name::Identity),
    (b"Replaces", Name::Dialog),
    (b"Reply-To", Name::Identity),
    (b"Route", Name::Route),
    (b"Service-Route", Name::ServiceRoute),
    (b"Session-Expires", Name::SessionExpires),
    (b"t", Name::To),
    (b"To", Name::To),
    (b"v", Name::Via),
    (b"Via", Name::Via),
    (b"Warning", Name::Warning),
    (b"x", Name::SessionExpires),
];

impl Name {
    /// Long and compact forms, in any case.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        NAMES
            .iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known))
            .map_or(Self::Other, |(_, name)| *name)
    }
}

/// One header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which.
    pub name: Name,
    /// Its value without the blanks around it; what is folded has the line ends in it.
    pub value: Span,
}

/// The headers from some place on, up to the first empty line. Lines without a colon are passed
/// over.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    message: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Headers<'a> {
    /// Of `message` within `span`, which begins with a line.
    #[must_use]
    pub fn new(message: &'a [u8], span: Span) -> Self {
        let end = span.end.min(message.len());
        Self {
            message,
            at: span.start.min(end),
            end,
        }
    }

    /// Behind what has been read: once there are no more headers, behind the empty line.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// The line that begins at `at`, with its end.
    fn line(&self, at: usize) -> Span {
        let rest = self.message.get(at..self.end).unwrap_or_default();
        let len = rest.iter().position(|byte| *byte == b'\n');
        Span::new(at, len.map_or(rest.len(), |len| len + 1))
    }

    /// A line and those that continue it.
    fn unfolded(&self) -> Span {
        let mut whole = self.line(self.at);
        while whole.end < self.end && matches!(self.message.get(whole.end), Some(b' ' | b'\t')) {
            whole.end = self.line(whole.end).end;
        }
        whole
    }
}

impl Iterator for Headers<'_> {
    type Item = Header;

    fn next(&mut self) -> Option<Header> {
        while self.at < self.end {
            if matches!(self.line(self.at).of(self.message), b"\r\n" | b"\n") {
                self.at = self.line(self.at).end;
                self.end = self.at;
                return None;
            }
            let line = self.unfolded();
            self.at = line.end;
            let mut cursor = Cursor::new(self.message, line);
            let name = cursor.until(|byte| byte == b':' || is_blank(byte));
            if cursor.eat_spaced(b':') {
                return Some(Header {
                    name: Name::of(name.of(self.message)),
                    value: trimmed(
                        self.message,
                        Span {
                            start: cursor.at(),
                            end: line.end,
                        },
                    ),
                });
            }
        }
        None
    }
}

/// `span` without the blanks around what it has.
pub(super) fn trimmed(message: &[u8], span: Span) -> Span {
    let bytes = span.of(message);
    let front = bytes.iter().take_while(|byte| is_blank(**byte)).count();
    let back = bytes
        .iter()
        .skip(front)
        .rev()
        .take_while(|byte| is_blank(**byte))
        .count();
    Span {
        start: span.start + front,
        end: (span.start + bytes.len()).saturating_sub(back),
    }
}

/// The values that commas keep apart, without the blanks around them; commas in quotes and in
/// `<>` do not.
#[derive(Clone, Debug)]
pub struct Values<'a>(Option<Cursor<'a>>, &'a [u8]);

impl<'a> Values<'a> {
    /// Of the header value at `span`.
    #[must_use]
    pub fn new(message: &'a [u8], span: Span) -> Self {
        Self(Some(Cursor::new(message, span)), message)
    }
}

impl Iterator for Values<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        let mut cursor = self.0.take()?;
        let start = cursor.at();
        loop {
            cursor.until_unquoted(|byte| matches!(byte, b',' | b'<'));
            if !cursor.eat(b'<') {
                break;
            }
            cursor.until(|byte| byte == b'>');
        }
        let span = Span {
            start,
            end: cursor.at(),
        };
        if cursor.eat(b',') {
            self.0 = Some(cursor);
        }
        Some(trimmed(self.1, span))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn headers(text: &[u8]) -> Vec<(Name, &[u8])> {
        Headers::new(text, Span::new(0, text.len()))
            .map(|header| (header.name, header.value.of(text)))
            .collect()
    }

    /// RFC 3261 sections 7.3.1 and 7.3.3: no case, compact forms, blanks before the colon, folding.
    #[test]
    fn names_are_known_however_they_are_written() {
        let text =
            b"vIA : a\r\nV:b\r\ni  :\tx@y \r\nCONTACT:\r\n <sip:a>\r\n\t;q=1\r\nno colon\r\n\
            Subject:\r\nm:*\r\n\r\nVia: body\r\n";
        assert_eq!(
            headers(text),
            [
                (Name::Via, &b"a"[..]),
                (Name::Via, b"b"),
                (Name::CallId, b"x@y"),
                (Name::Contact, b"<sip:a>\r\n\t;q=1"),
                (Name::Other, b""),
                (Name::Contact, b"*"),
            ]
        );
    }

    #[test]
    fn reading_stops_behind_the_empty_line() {
        let text = b"a: 1\r\n\r\nb: 2\r\n";
        let mut headers = Headers::new(text, Span::new(0, text.len()));
        assert_eq!(headers.by_ref().count(), 1);
        assert_eq!(headers.at(), 8);
        assert_eq!(headers.next(), None);
    }

    /// RFC 3261 section 7.3.1: several values of one header in one line.
    #[test]
    fn commas_in_quotes_and_brackets_part_nothing() {
        let text = br#""Doe, \"J\", x" <sip:a,b@c> ;q=1 , <sip:d>,,e"#;
        let values: Vec<_> = Values::new(text, Span::new(0, text.len()))
            .map(|span| span.of(text))
            .collect();
        assert_eq!(
            values,
            [
                &br#""Doe, \"J\", x" <sip:a,b@c> ;q=1"#[..],
                b"<sip:d>",
                b"",
                b"e"
            ]
        );
    }

    #[test]
    fn every_name_of_the_table_is_found() {
        for (text, name) in &NAMES {
            assert_eq!(Name::of(text), *name);
            assert_eq!(Name::of(&text.to_ascii_uppercase()), *name);
        }
        assert_eq!(Name::of(b"Authorization"), Name::Other);
        assert_eq!(Name::of(b"y"), Name::Other);
    }
}
