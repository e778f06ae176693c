//! Start lines: what a message has to begin with, methods and classes of responses.

use super::cursor::is_token;
use crate::{Span, text};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names of the standards")]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Info,
    Message,
    Notify,
    Options,
    Prack,
    Publish,
    Refer,
    Register,
    Subscribe,
    Update,
    Service,
    /// Any other token.
    Other,
}

impl Method {
    /// All of them, for tables of counters.
    pub const ALL: [Self; 16] = [
        Self::Invite,
        Self::Ack,
        Self::Bye,
        Self::Cancel,
        Self::Info,
        Self::Message,
        Self::Notify,
        Self::Options,
        Self::Prack,
        Self::Publish,
        Self::Refer,
        Self::Register,
        Self::Subscribe,
        Self::Update,
        Self::Service,
        Self::Other,
    ];

    /// Methods have case (RFC 3261 section 7.1).
    #[must_use]
    pub fn of(token: &[u8]) -> Self {
        Self::ALL
            .into_iter()
            .find(|method| method.token().as_bytes() == token)
            .unwrap_or(Self::Other)
    }

    /// As a message has it; `other` for any other.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Info => "INFO",
            Self::Message => "MESSAGE",
            Self::Notify => "NOTIFY",
            Self::Options => "OPTIONS",
            Self::Prack => "PRACK",
            Self::Publish => "PUBLISH",
            Self::Refer => "REFER",
            Self::Register => "REGISTER",
            Self::Subscribe => "SUBSCRIBE",
            Self::Update => "UPDATE",
            Self::Service => "SERVICE",
            Self::Other => "other",
        }
    }
}

/// Responses, as statistics count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the codes")]
pub enum Class {
    Trying100,
    Ringing180,
    Progress183,
    Other1xx,
    Ok200,
    Other2xx,
    Redirection3xx,
    ClientError4xx,
    ServerError5xx,
    GlobalFailure6xx,
}

impl Class {
    /// All of them, for tables of counters.
    pub const ALL: [Self; 10] = [
        Self::Trying100,
        Self::Ringing180,
        Self::Progress183,
        Self::Other1xx,
        Self::Ok200,
        Self::Other2xx,
        Self::Redirection3xx,
        Self::ClientError4xx,
        Self::ServerError5xx,
        Self::GlobalFailure6xx,
    ];

    /// The class of a response code, 100 to 699.
    #[must_use]
    pub const fn of(code: u16) -> Self {
        match code {
            100 => Self::Trying100,
            180 => Self::Ringing180,
            183 => Self::Progress183,
            ..200 => Self::Other1xx,
            200 => Self::Ok200,
            201..300 => Self::Other2xx,
            300..400 => Self::Redirection3xx,
            400..500 => Self::ClientError4xx,
            500..600 => Self::ServerError5xx,
            600.. => Self::GlobalFailure6xx,
        }
    }

    /// Its name in counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trying100 => "100",
            Self::Ringing180 => "180",
            Self::Progress183 => "183",
            Self::Other1xx => "other_1xx",
            Self::Ok200 => "200",
            Self::Other2xx => "other_2xx",
            Self::Redirection3xx => "3xx",
            Self::ClientError4xx => "4xx",
            Self::ServerError5xx => "5xx",
            Self::GlobalFailure6xx => "6xx",
        }
    }
}

/// The first line of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// `INVITE sip:bob@example.com SIP/2.0`
    Request {
        /// What is asked for.
        method: Method,
        /// Of whom.
        uri: Span,
    },
    /// `SIP/2.0 200 OK`
    Response {
        /// 100 to 699.
        code: u16,
    },
}

impl Start {
    /// Of a line without its end.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        if text::begins(line, RESPONSE) {
            let digits = line.get(RESPONSE.len()..)?;
            let (code, len) = text::number(digits, 3)?;
            let code = u16::try_from(code).ok()?;
            let ends = matches!(digits.get(len), None | Some(b' '));
            return (len == 3 && ends && (100..700).contains(&code))
                .then_some(Self::Response { code });
        }
        let method = method_len(line);
        let token = line.get(..method)?;
        let rest = line.get(method..)?.strip_prefix(b" ")?;
        let uri = rest.strip_suffix(VERSION)?;
        let named = SCHEMES.iter().any(|scheme| text::begins(uri, scheme));
        let blank = uri.iter().any(u8::is_ascii_whitespace);
        (method > 0 && named && !blank).then_some(Self::Request {
            method: Method::of(token),
            uri: Span::new(method + 1, uri.len()),
        })
    }
}

/// Whether a message may begin like this, however much of it has come: no for most of what is not
/// SIP after the first few bytes, and for everything else at the end of its first line.
#[must_use]
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    if agrees(bytes, RESPONSE) {
        return bytes
            .iter()
            .skip(RESPONSE.len())
            .take(3)
            .all(u8::is_ascii_digit);
    }
    let method = method_len(bytes);
    match bytes.get(method) {
        None => true,
        Some(b' ') if method > 0 => bytes
            .get(method + 1..)
            .is_some_and(|uri| SCHEMES.iter().any(|scheme| agrees(uri, scheme))),
        Some(_) => false,
    }
}

/// How many bytes a method may have; no known one has more than nine.
const LONGEST_METHOD: usize = 32;

const RESPONSE: &[u8] = b"SIP/2.0 ";
const VERSION: &[u8] = b" SIP/2.0";
const SCHEMES: [&[u8]; 6] = [b"sip:", b"sips:", b"tel:", b"urn:", b"im:", b"pres:"];

fn method_len(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take(LONGEST_METHOD)
        .take_while(|byte| is_token(**byte))
        .count()
}

/// Whether one is the beginning of the other.
fn agrees(bytes: &[u8], word: &[u8]) -> bool {
    bytes
        .iter()
        .zip(word)
        .all(|(a, b)| a.eq_ignore_ascii_case(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3261 sections 7.1 and 7.2.
    #[test]
    fn start_lines_are_requests_or_responses() {
        assert_eq!(
            Start::read(b"INVITE sip:bob@example.com SIP/2.0"),
            Some(Start::Request {
                method: Method::Invite,
                uri: Span::new(7, 19)
            })
        );
        assert_eq!(
            Start::read(b"!x%'~. sips:x SIP/2.0"),
            Some(Start::Request {
                method: Method::Other,
                uri: Span::new(7, 6)
            })
        );
        for line in [
            &b"SIP/2.0 183 Session Progress"[..],
            b"SIP/2.0 183",
            b"SIP/2.0 183 ",
        ] {
            assert_eq!(Start::read(line), Some(Start::Response { code: 183 }));
        }
        for wrong in [
            &b"INVITE sip:a  SIP/2.0"[..],
            b"INVITE  sip:a SIP/2.0",
            b"INVITE sip:a SIP/3.0",
            b"INVITE sip:a SIP/2.0 ",
            b"INVITE sip:a b SIP/2.0",
            b"INVITE http://a SIP/2.0",
            b" INVITE sip:a SIP/2.0",
            b"INV(TE sip:a SIP/2.0",
            b"GET / HTTP/1.1",
            b"SIP/2.0 20 OK",
            b"SIP/2.0 2000 OK",
            b"SIP/2.0 099 OK",
            b"SIP/2.0 700 OK",
            b"SIP/2.0  200 OK",
            b"",
        ] {
            assert_eq!(Start::read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_is_not_sip_is_known_by_its_first_bytes() {
        for (bytes, after) in [
            (&b"GET / HTTP/1.1\r\n"[..], 5),
            (b"HTTP/1.1 200 OK\r\n", 5),
            (b"\x16\x03\x01\x02\x00\x01", 1),
            (b"\x00\x01\x00\x00\x21\x12\xa4\x42", 1),
            (b"\xf8\x01\x02", 1),
            (b"SSH-2.0-OpenSSH_9\r\n", 18),
            (b"220 mail ready\r\n", 5),
            (b"SIP/2.0 OK\r\n", 9),
            (b"OPTIONS rtsp://x RTSP/1.0\r\n", 9),
            (b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 33),
        ] {
            let seen = (1..=bytes.len()).find(|len| !may_begin(&bytes[..*len]));
            assert_eq!(seen, Some(after), "{bytes:?}");
        }
    }

    #[test]
    fn a_good_beginning_is_good_at_any_length() {
        for line in [
            &b"SERVICE sips:x SIP/2.0"[..],
            b"SIPPY tel:+1 SIP/2.0",
            b"as-long-as-a-method-may-ever-be. sip:x SIP/2.0",
            b"SIP/2.0 200 OK",
        ] {
            assert!(Start::read(line).is_some());
            for len in 0..=line.len() {
                assert!(may_begin(&line[..len]), "{line:?} {len}");
            }
        }
    }

    /// REQUIREMENTS P5.
    #[test]
    fn every_method_and_class_has_its_own_name() {
        for method in Method::ALL {
            assert_eq!(Method::of(method.token().as_bytes()), method);
        }
        assert_eq!(Method::of(b"invite"), Method::Other);
        for (code, name) in [
            (100, "100"),
            (180, "180"),
            (181, "other_1xx"),
            (183, "183"),
            (199, "other_1xx"),
            (200, "200"),
            (202, "other_2xx"),
            (302, "3xx"),
            (487, "4xx"),
            (503, "5xx"),
            (603, "6xx"),
        ] {
            assert_eq!(Class::of(code).name(), name);
        }
    }
}
