//! RTSP 1.0 (RFC 2326) and 2.0 (RFC 7826).
//!
//! ```text
//!  stream:  message | empty line | '$' channel length data (interleaved, skipped)
//!  message: start line, headers, empty line, body of Content-Length
//!
//!  SETUP          client_port, dest_addr    the client listens for media
//!  its response   the same                  given back as announced, with where media comes from
//!                 server_port, src_addr     the server listens (inside servers)
//!  DESCRIBE's     c=, o=, a=control, Content-Base; Location, RTP-Info elsewhere: names
//! ```
//!
//! Both directions are read from their first byte on, message by message; what does not
//! follow on is released, never searched for a next message. A message that holds more than
//! fits into [`Findings`] is left alone as a whole. Bodies are waited for only if they are SDP.

mod message;
mod sdp;
mod transport;
mod url;

pub use message::{Kind, METHODS, Message, Method};

use crate::text::number;
use crate::{Endpoint, Finding, Findings, Form, Role, Scan, Sender, Span};
use message::{Framed, Head, Headers, frame, parameter, split, trimmed};

/// Longest SDP body that is waited for; longer ones pass.
const LONGEST_SDP: usize = 8192;

/// What has to be known between two looks at a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    client: Way,
    server: Way,
    /// Who describes nothing of ours: bodies are not waited for.
    passes: Option<Sender>,
}

/// One direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Way {
    /// Bytes of a frame or a body that are still to come.
    skip: u16,
    known: Known,
}

impl Way {
    const fn to_half(self) -> u32 {
        (self.known as u32) << 16 | self.skip as u32
    }

    const fn from_half([_, known, high, low]: [u8; 4]) -> Self {
        Self {
            skip: u16::from_be_bytes([high, low]),
            known: match known {
                0 => Known::Nothing,
                1 => Known::Followed,
                _ => Known::Released,
            },
        }
    }
}

/// What is known of a direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Known {
    #[default]
    Nothing,
    /// It began as it should.
    Followed,
    /// Neither direction is read any more.
    Released,
}

impl State {
    /// As one word, to be kept.
    #[must_use]
    pub const fn to_word(self) -> u64 {
        (self.client.to_half() as u64) << 32 | self.server.to_half() as u64
    }

    /// From that word.
    #[must_use]
    pub const fn from_word(word: u64) -> Self {
        let [c0, c1, c2, c3, s0, s1, s2, s3] = word.to_be_bytes();
        Self {
            client: Way::from_half([c0, c1, c2, c3]),
            server: Way::from_half([s0, s1, s2, s3]),
            passes: None,
        }
    }

    /// The same where nothing that this side describes is ours: its bodies pass. Not part of the word.
    #[must_use]
    pub const fn passing(self, sender: Sender) -> Self {
        Self {
            passes: Some(sender),
            ..self
        }
    }

    const fn way(&mut self, sender: Sender) -> &mut Way {
        match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
        }
    }

    const fn release(&mut self) -> Scan {
        self.client.known = Known::Released;
        self.server.known = Known::Released;
        Scan::Release
    }
}

/// There is no room for all that a message holds.
struct NoRoom;

/// Lists the endpoints in whole messages of one direction and calls `seen` for each message.
pub fn scan(
    state: &mut State,
    sender: Sender,
    bytes: &[u8],
    found: &mut Findings,
    mut seen: impl FnMut(Message),
) -> Scan {
    let passes = state.passes == Some(sender);
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let way = state.way(sender);
        if way.known == Known::Released {
            return Scan::Release;
        }
        let follows = way.known == Known::Followed;
        if way.skip > 0 {
            let skipped = rest.len().min(usize::from(way.skip));
            way.skip -= u16::try_from(skipped).unwrap_or(way.skip);
            at += skipped;
            continue;
        }
        match rest {
            [b'\r' | b'\n', ..] if follows => {
                at += 1;
                continue;
            }
            [b'$', _, high, low, ..] if follows => {
                way.skip = u16::from_be_bytes([*high, *low]);
                at += 4;
                continue;
            }
            [b'$', ..] if follows => return Scan::NeedMore { from: at },
            _ => {}
        }
        let head = match frame(rest, !follows) {
            Framed::Whole(head) => head,
            Framed::NeedMore => return Scan::NeedMore { from: at },
            Framed::Wrong => return state.release(),
        };
        let is_read = head.is_sdp && !passes;
        let body = if is_read && head.body_len <= LONGEST_SDP {
            Span::new(head.len, head.body_len)
        } else {
            Span::new(head.len, 0)
        };
        if body.end > rest.len() {
            return Scan::NeedMore { from: at };
        }
        let before = found.len();
        if read(rest, &head, body, sender, found).is_err() {
            found.truncate(before);
            if at > 0 {
                return Scan::Full { from: at };
            }
        }
        for finding in found.iter_mut().skip(before) {
            finding.span = along(finding.span, at);
            if let Role::LengthOf(of) = finding.role {
                finding.role = Role::LengthOf(along(of, at));
            }
        }
        let message = note(rest, &head);
        seen(Message {
            session: message.session.map(|session| along(session, at)),
            ..message
        });
        way.known = Known::Followed;
        // Not longer than 65535, or there would be no head.
        way.skip = u16::try_from(head.body_len - body.len()).unwrap_or(0);
        at += body.end;
    }
    Scan::Complete
}

/// Lists what a whole message holds.
fn read(
    bytes: &[u8],
    head: &Head,
    body: Span,
    sender: Sender,
    found: &mut Findings,
) -> Result<(), NoRoom> {
    if let Kind::Request(_) = head.kind {
        let uri = split(bytes, head.start_line, b' ').nth(1);
        add(found, uri.and_then(|uri| url::host(bytes, uri)))?;
    }
    let negotiates = match (sender, head.kind) {
        (Sender::Client, Kind::Request(method)) => method.name() == "SETUP",
        (Sender::Server, Kind::Response(code)) => code / 100 == 2,
        _ => false,
    };
    let mut length_at = None;
    for (name, value) in Headers::of(bytes, head.headers) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        if negotiates && is(b"Transport") {
            transport::read(bytes, value, sender, found)?;
        } else if [
            &b"Location"[..],
            b"Content-Base",
            b"ContentBase",
            b"Content-Location",
        ]
        .into_iter()
        .any(is)
        {
            add(found, url::host(bytes, value))?;
        } else if is(b"RTP-Info") {
            for finding in url::hosts_of_rtp_info(bytes, value) {
                add(found, Some(finding))?;
            }
        } else if is(b"Content-Length") && !body.is_empty() && length_at.is_none() {
            length_at = Some(found.len());
            let role = Role::LengthOf(body);
            put(found, value, Endpoint::default(), Form::Length, role)?;
        }
    }
    let before_body = found.len();
    sdp::read(bytes, body, found)?;
    if found.len() == before_body
        && let Some(index) = length_at
    {
        found.remove(index);
    }
    Ok(())
}

/// What the engine keeps of a message.
fn note(bytes: &[u8], head: &Head) -> Message {
    let mut message = Message {
        kind: head.kind,
        cseq: None,
        session: None,
        timeout: None,
    };
    for (name, value) in Headers::of(bytes, head.headers) {
        if name.eq_ignore_ascii_case(b"CSeq") {
            message.cseq = number(value.of(bytes), 9).map(|(number, _)| number);
        } else if name.eq_ignore_ascii_case(b"Session") {
            let mut parts = split(bytes, value, b';').map(|part| trimmed(bytes, part));
            message.session = parts.next().filter(|id| !id.is_empty());
            message.timeout = parts
                .find_map(|part| parameter(bytes, part, b"timeout"))
                .and_then(|value| number(value.of(bytes), 9))
                .map(|(seconds, _)| seconds);
        }
    }
    message
}

fn put(
    found: &mut Findings,
    span: Span,
    endpoint: Endpoint,
    form: Form,
    role: Role,
) -> Result<(), NoRoom> {
    let finding = Finding {
        span,
        endpoint,
        form,
        role,
    };
    add(found, Some(finding))
}

fn add(found: &mut Findings, finding: Option<Finding>) -> Result<(), NoRoom> {
    match finding {
        Some(finding) => found.try_push(finding).map_err(|_| NoRoom),
        None => Ok(()),
    }
}

const fn along(span: Span, by: usize) -> Span {
    Span::new(span.start + by, span.len())
}

#[cfg(test)]
mod tests;
