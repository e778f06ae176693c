//! What a body is, and the parts of one that has several (RFC 2046 section 5.1).

use super::cursor::{Cursor, Params, is_token};
use super::dialog::Body;
use super::header::{Headers, Name};
use crate::{Form, Span};

/// What the head says about the body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Content {
    pub(super) body: Body,
    /// Between the parts of a multipart body.
    pub(super) boundary: Span,
    /// Compressed or otherwise written: not to be read.
    pub(super) encoded: bool,
}

impl Content {
    /// Takes down one header.
    pub(super) fn read(&mut self, name: Name, cursor: Cursor<'_>) {
        match name {
            Name::ContentType => self.read_type(cursor),
            Name::ContentEncoding => self.encoded |= !is(cursor, &[b"identity", b""]),
            Name::ContentTransferEncoding => {
                self.encoded |= !is(cursor, &[b"7bit", b"8bit", b"binary"]);
            }
            _ => {}
        }
    }

    fn read_type(&mut self, mut cursor: Cursor<'_>) {
        cursor.blanks();
        let kind = cursor.until(|byte| !is_token(byte));
        let kind = cursor.bytes(kind);
        let part = cursor.eat_spaced(b'/');
        let subtype = cursor.until(|byte| !is_token(byte));
        let subtype = cursor.bytes(subtype);
        let is = |known: &str, as_known: &str| {
            part && kind.eq_ignore_ascii_case(known.as_bytes())
                && subtype.eq_ignore_ascii_case(as_known.as_bytes())
        };
        self.body = if is("application", "sdp") {
            Body::Sdp
        } else if is("message", "sipfrag") {
            Body::SipFragment
        } else if part && kind.eq_ignore_ascii_case(b"multipart") {
            Body::Multipart
        } else {
            Body::Other
        };
        self.boundary = Params(cursor)
            .find(|param| param.is("boundary"))
            .map(|param| param.value)
            .unwrap_or_default();
    }
}

fn is(mut cursor: Cursor<'_>, words: &[&[u8]]) -> bool {
    cursor.blanks();
    let word = cursor.until(|byte| !is_token(byte));
    cursor.blanks();
    let word = cursor.bytes(word);
    cursor.rest().is_empty() && words.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// One part of a multipart body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) content: Content,
    pub(super) body: Span,
    /// The number of its own `Content-Length`.
    pub(super) length: Option<Span>,
}

impl Part {
    /// Whether its own length is the one it has.
    pub(super) fn length_is_right(&self, message: &[u8]) -> bool {
        let said = self.length.map(|length| length.of(message));
        said == Some(Form::length(self.body.len()).as_slice())
    }
}

/// The parts of the body at `rest`, each from behind the line with the boundary to the line end
/// before the next.
#[derive(Clone, Debug)]
pub(super) struct Parts<'a> {
    message: &'a [u8],
    boundary: &'a [u8],
    rest: Span,
    inside: bool,
}

impl<'a> Parts<'a> {
    pub(super) fn new(message: &'a [u8], body: Span, boundary: &'a [u8]) -> Self {
        Self {
            message,
            boundary,
            rest: body,
            // Without a boundary there are no parts, not one of everything.
            inside: false,
        }
    }

    /// The next line with its end.
    fn line(&mut self) -> Option<Span> {
        let rest = self.rest.of(self.message);
        let len = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(rest.len(), |at| at + 1);
        let line = Span::new(self.rest.start, len);
        self.rest.start += len;
        (len > 0).then_some(line)
    }

    /// Whether a line is a boundary, and if so, whether the last.
    fn boundary(&self, line: Span) -> Option<bool> {
        let line = line.of(self.message).strip_prefix(b"--")?;
        let behind = line.strip_prefix(self.boundary)?.trim_ascii_end();
        match behind {
            b"" => Some(false),
            b"--" => Some(true),
            _ => None,
        }
    }

    fn part(&self, mut span: Span) -> Part {
        let bytes = span.of(self.message);
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        span.end = span.start + bytes.strip_suffix(b"\r").unwrap_or(bytes).len();
        let mut content = Content::default();
        let mut length = None;
        let mut headers = Headers::new(self.message, span);
        for header in headers.by_ref() {
            content.read(header.name, Cursor::new(self.message, header.value));
            if header.name == Name::ContentLength {
                length = Some(header.value);
            }
        }
        let body = Span {
            start: headers.at(),
            end: span.end,
        };
        Part {
            content,
            body,
            length,
        }
    }
}

impl Iterator for Parts<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        if self.boundary.is_empty() {
            return None;
        }
        let mut start = self.rest.start;
        while let Some(line) = self.line() {
            let Some(last) = self.boundary(line) else {
                continue;
            };
            let inside = self.inside;
            self.inside = !last;
            if last {
                self.rest.start = self.rest.end;
            }
            if inside {
                return Some(self.part(Span {
                    start,
                    end: line.start,
                }));
            }
            start = line.end;
            if last {
                return None;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn content(text: &[u8]) -> Content {
        let mut content = Content::default();
        content.read(
            Name::ContentType,
            Cursor::new(text, Span::new(0, text.len())),
        );
        content
    }

    #[test]
    fn types_have_no_case_and_blanks_where_they_like() {
        assert_eq!(content(b"application/sdp").body, Body::Sdp);
        assert_eq!(content(b" Application / SDP ;charset=x").body, Body::Sdp);
        assert_eq!(content(b"application/sdpx").body, Body::Other);
        assert_eq!(content(b"application").body, Body::Other);
        assert_eq!(
            content(b"message/sipfrag;version=2.0").body,
            Body::SipFragment
        );
        let text = b"multipart/mixed; a=b; Boundary=\"x y\"";
        assert_eq!(content(text).body, Body::Multipart);
        assert_eq!(content(text).boundary.of(text), b"x y");
    }

    #[test]
    fn encodings_other_than_none_are_not_read() {
        for (name, text, encoded) in [
            (Name::ContentEncoding, &b"gzip"[..], true),
            (Name::ContentEncoding, b"identity", false),
            (Name::ContentEncoding, b"identity, gzip", true),
            (Name::ContentTransferEncoding, b"binary", false),
            (Name::ContentTransferEncoding, b"BASE64", true),
        ] {
            let mut content = Content::default();
            content.read(name, Cursor::new(text, Span::new(0, text.len())));
            assert_eq!(content.encoded, encoded, "{text:?}");
        }
    }

    /// RFC 2046 section 5.1.1: what is before the first boundary and behind the last is no part.
    #[test]
    fn parts_stand_between_boundaries() {
        let text =
            b"preamble\r\n--xy\r\nContent-Type: application/sdp\r\nl: 3\r\n\r\na\r\n\r\n--xyz\r\n\
            --xy \r\n\r\nplain\r\n--xy\r\n--xy--\r\n--xy\r\n\r\nbehind";
        let parts: Vec<_> = Parts::new(text, Span::new(0, text.len()), b"xy")
            .map(|part| (part.content.body, part.body.of(text)))
            .collect();
        assert_eq!(
            parts,
            [
                (Body::Sdp, &b"a\r\n\r\n--xyz"[..]),
                (Body::None, b"plain"),
                (Body::None, b""),
            ]
        );
        assert_eq!(Parts::new(text, Span::new(0, text.len()), b"").count(), 0);
        assert_eq!(
            Parts::new(b"--xy\r\n\r\nno end", Span::new(0, 14), b"xy").count(),
            0
        );
    }
}
