//! Whole messages: where they end, their headers, what they are called in statistics.

use crate::Span;
use crate::text::{begins, blanks, line, number};

/// Longest start line with headers that is followed.
const LONGEST_HEAD: usize = 8192;
/// Longest body that can be told from what is behind it.
const LONGEST_BODY: u32 = 65_535;

/// Methods of RFC 2326 and RFC 7826.
pub const METHODS: [&str; 12] = [
    "OPTIONS",
    "DESCRIBE",
    "ANNOUNCE",
    "SETUP",
    "PLAY",
    "PLAY_NOTIFY",
    "PAUSE",
    "TEARDOWN",
    "GET_PARAMETER",
    "SET_PARAMETER",
    "REDIRECT",
    "RECORD",
];

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method(u8);

impl Method {
    /// One that is not in [`METHODS`].
    pub const OTHER: Self = Self(u8::MAX);

    /// The method with this name; it is in capitals.
    #[must_use]
    pub fn of(word: &[u8]) -> Self {
        METHODS
            .iter()
            .position(|name| name.as_bytes() == word)
            .and_then(|index| u8::try_from(index).ok())
            .map_or(Self::OTHER, Self)
    }

    /// Its name; `other` for those that are not in [`METHODS`].
    #[must_use]
    pub fn name(self) -> &'static str {
        METHODS.get(usize::from(self.0)).copied().unwrap_or("other")
    }
}

/// A request or a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With its method.
    Request(Method),
    /// With its code.
    Response(u16),
}

/// What the engine keeps of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Request or response.
    pub kind: Kind,
    /// Number of the request, and of the response to it.
    pub cseq: Option<u32>,
    /// Where the session's identifier stands in the bytes.
    pub session: Option<Span>,
    /// After how many seconds of silence the server ends the session.
    pub timeout: Option<u32>,
}

impl Message {
    /// Names it in statistics: the method, or the code's class.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Request(method) => method.name(),
            Kind::Response(200) => "200",
            Kind::Response(code) => match code / 100 {
                1 => "1xx",
                2 => "2xx",
                3 => "3xx",
                4 => "4xx",
                5 => "5xx",
                _ => "other",
            },
        }
    }

    /// Whether it ends its session, and with that the doors it opened.
    #[must_use]
    pub fn is_teardown(&self) -> bool {
        self.name() == "TEARDOWN"
    }
}

/// Start line and headers of a message that has come up to its empty line.
pub(super) struct Head {
    pub(super) kind: Kind,
    /// The start line without its end.
    pub(super) start_line: Span,
    /// The headers, from the line behind the start line up to the empty one.
    pub(super) headers: Span,
    /// Bytes up to behind the empty line.
    pub(super) len: usize,
    /// Bytes of the body.
    pub(super) body_len: usize,
    /// Whether the body is SDP that can be read.
    pub(super) is_sdp: bool,
}

/// How a message looks so far.
pub(super) enum Framed {
    Whole(Head),
    NeedMore,
    Wrong,
}

/// The message that `bytes` begin with. The `first` one of a direction has a known method.
pub(super) fn frame(bytes: &[u8], first: bool) -> Framed {
    if !may_begin(bytes, first) {
        return Framed::Wrong;
    }
    let head = bytes.get(..LONGEST_HEAD).unwrap_or(bytes);
    let more = if head.len() < LONGEST_HEAD {
        Framed::NeedMore
    } else {
        Framed::Wrong
    };
    let Some((text, start_len)) = line(head) else {
        return more;
    };
    let Some(kind) = start_line(text) else {
        return Framed::Wrong;
    };
    let mut at = start_len;
    let empty_len = loop {
        match line(head.get(at..).unwrap_or_default()) {
            None => return more,
            Some((b"", len)) => break len,
            Some((_, len)) => at += len,
        }
    };
    let headers = Span::new(start_len, at - start_len);
    let Some((body_len, is_sdp)) = body(bytes, headers) else {
        return Framed::Wrong;
    };
    Framed::Whole(Head {
        kind,
        start_line: Span::new(0, text.len()),
        headers,
        len: at + empty_len,
        body_len,
        is_sdp,
    })
}

/// Length and kind of the body; nothing where its length cannot be believed.
fn body(bytes: &[u8], headers: Span) -> Option<(usize, bool)> {
    let mut length = None;
    let mut is_sdp = false;
    let mut is_encoded = false;
    for (name, value) in Headers::of(bytes, headers) {
        let text = value.of(bytes);
        if name.eq_ignore_ascii_case(b"Content-Length") {
            let (value, len) = number(text, 9)?;
            if len != text.len() || value > LONGEST_BODY || length.replace(value).is_some() {
                return None;
            }
        } else if name.eq_ignore_ascii_case(b"Content-Type") {
            let media = text.split(|byte| *byte == b';').next().unwrap_or_default();
            is_sdp = media.trim_ascii().eq_ignore_ascii_case(b"application/sdp");
        } else if name.eq_ignore_ascii_case(b"Content-Encoding") {
            is_encoded = !text.eq_ignore_ascii_case(b"identity");
        }
    }
    let length = usize::try_from(length.unwrap_or(0)).ok()?;
    Some((length, is_sdp && !is_encoded))
}

/// Whether the first word can be one that a message begins with, and the stream if it is the `first`.
fn may_begin(bytes: &[u8], first: bool) -> bool {
    let longest = bytes.get(..16).unwrap_or(bytes);
    let len = longest.iter().take_while(|byte| **byte > b' ').count();
    let word = longest.get(..len).unwrap_or_default();
    let ended = len < longest.len();
    let mut known = METHODS.iter().map(|name| name.as_bytes());
    if word.get(..5) == Some(b"RTSP/") {
        return true;
    }
    match (first, ended) {
        (false, true) => !word.is_empty() && word.iter().copied().all(is_of_method),
        (true, true) => known.any(|name| name == word),
        (false, false) => b"RTSP/".starts_with(word) || word.iter().copied().all(is_of_method),
        (true, false) => b"RTSP/".starts_with(word) || known.any(|name| name.starts_with(word)),
    }
}

const fn is_of_method(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b'_'
}

fn start_line(text: &[u8]) -> Option<Kind> {
    if let Some(rest) = behind_version(text) {
        let (code, 3) = number(rest.strip_prefix(b" ")?, 3)? else {
            return None;
        };
        let end = matches!(rest.get(4), None | Some(b' '));
        return u16::try_from(code).ok().filter(|_| end).map(Kind::Response);
    }
    let mut words = text.split(|byte| *byte == b' ');
    let (method, uri, version) = (words.next()?, words.next()?, words.next()?);
    let right = !method.is_empty()
        && method.iter().copied().all(is_of_method)
        && !uri.is_empty()
        && behind_version(version).is_some_and(<[u8]>::is_empty)
        && words.next().is_none();
    right.then(|| Kind::Request(Method::of(method)))
}

fn behind_version(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(b"RTSP/")?;
    rest.strip_prefix(b"1.0").or(rest.strip_prefix(b"2.0"))
}

/// Name and value of each header; a value goes on in lines that begin with a blank.
pub(super) struct Headers<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Headers<'a> {
    pub(super) const fn of(bytes: &'a [u8], headers: Span) -> Self {
        Self {
            bytes,
            at: headers.start,
            end: headers.end,
        }
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Span);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.bytes.get(self.at..self.end)?;
            let (_, mut len) = line(rest)?;
            while let Some(more) = rest.get(len..).filter(|more| blanks(more) > 0) {
                len += line(more)?.1;
            }
            let start = self.at;
            self.at += len;
            let text = rest.get(..len)?;
            let Some(colon) = text.iter().position(|byte| *byte == b':') else {
                continue;
            };
            let name = text.get(..colon)?.trim_ascii_end();
            let value = Span::new(start + colon + 1, len - colon - 1);
            return Some((name, trimmed(self.bytes, value)));
        }
    }
}

/// Without blanks and line ends around it.
pub(super) fn trimmed(bytes: &[u8], span: Span) -> Span {
    let text = span.of(bytes);
    let from_start = text.trim_ascii_start();
    let start = span.start + (text.len() - from_start.len());
    Span::new(start, from_start.trim_ascii_end().len())
}

/// What stands between the separators, quoted ones not counted.
pub(super) fn split(bytes: &[u8], span: Span, separator: u8) -> impl Iterator<Item = Span> {
    let mut rest = Some(span);
    core::iter::from_fn(move || {
        let part = rest?;
        let mut quoted = false;
        let len = part.of(bytes).iter().position(|byte| {
            quoted ^= *byte == b'"';
            *byte == separator && !quoted
        });
        rest = len.map(|len| Span {
            start: part.start + len + 1,
            end: part.end,
        });
        Some(len.map_or(part, |len| Span::new(part.start, len)))
    })
}

/// The value of `name=value`, and nothing of another parameter.
pub(super) fn parameter(bytes: &[u8], part: Span, name: &[u8]) -> Option<Span> {
    let text = part.of(bytes);
    if !begins(text, name) || text.get(name.len()) != Some(&b'=') {
        return None;
    }
    let value = Span {
        start: part.start + name.len() + 1,
        end: part.end,
    };
    Some(trimmed(bytes, value))
}
