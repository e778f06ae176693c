//! Where a message begins and ends.

use arrayvec::ArrayVec;

use super::cursor::{Cursor, is_blank};
use super::header::{Headers, Name};
use super::{SipError, Start, start};
use crate::{Span, Transport};

/// What bytes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// So many bytes that are no message and mean nothing: line ends between messages (RFC 5626
    /// sections 3.5.1 and 4.4.1), and datagrams that only keep a mapping alive.
    KeepAlive(usize),
    /// A whole message of so many bytes. What is behind it in a datagram belongs to nothing.
    Message(usize),
    /// The beginning of a message, or nothing. Datagrams never say so.
    NeedMore,
    /// Nothing to be followed: a stream does without a gateway from here on, a datagram passes.
    Release(SipError),
}

/// Finds the end of the message that `bytes` begin with. `bytes` are a datagram, or a stream from
/// the end of the last message on; a message has at most `maximum` bytes.
#[must_use]
pub fn frame(bytes: &[u8], transport: Transport, maximum: usize) -> Frame {
    let ends = line_ends(bytes);
    if ends > 0 {
        return Frame::KeepAlive(ends);
    }
    let datagram = transport == Transport::Udp;
    if datagram && (is_dummy(bytes) || is_stun(bytes)) {
        return Frame::KeepAlive(bytes.len());
    }
    if bytes.is_empty() || bytes == b"\r" {
        return Frame::NeedMore;
    }
    match whole(bytes, datagram, maximum) {
        Ok(Some(len)) => Frame::Message(len),
        Ok(None) if datagram && bytes.contains(&b'\n') => Frame::Release(SipError::Head),
        Ok(None) if datagram => Frame::Release(SipError::NotSip),
        Ok(None) => Frame::NeedMore,
        Err(error) => Frame::Release(error),
    }
}

/// The parts of one message.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) start: Start,
    /// The headers and the empty line.
    pub(super) head: Span,
    /// What `Content-Length` says, as far as it is there.
    pub(super) body: Span,
    /// The numbers of `Content-Length`: one place as a rule.
    pub(super) lengths: Lengths,
}

/// Where `Content-Length` stands.
pub(super) type Lengths = ArrayVec<Span, 2>;

/// The parts of `message`, which [`frame`] has found.
pub(super) fn parts(message: &[u8]) -> Result<Parts, SipError> {
    let head = head(message)?.ok_or(SipError::Head)?;
    let rest = message.len().saturating_sub(head.lines.end);
    let body = head.length.unwrap_or(rest).min(rest);
    Ok(Parts {
        start: head.start,
        head: head.lines,
        body: Span::new(head.lines.end, body),
        lengths: head.lengths,
    })
}

fn whole(bytes: &[u8], datagram: bool, maximum: usize) -> Result<Option<usize>, SipError> {
    let within = bytes.get(..maximum).unwrap_or(bytes);
    let Some(head) = head(within)? else {
        let full = bytes.len() >= maximum;
        return if full {
            Err(SipError::TooLong)
        } else {
            Ok(None)
        };
    };
    let rest = bytes.len().saturating_sub(head.lines.end);
    let body = match head.length {
        // RFC 3261 section 18.3: the end of the datagram ends the body, whatever is said.
        Some(length) if datagram => length.min(rest),
        None if datagram => rest,
        Some(length) => length,
        // RFC 3261 section 20.14: MUST be there on a stream.
        None => return Err(SipError::ContentLength),
    };
    let len = head.lines.end.saturating_add(body);
    if len > maximum {
        return Err(SipError::TooLong);
    }
    Ok((len <= bytes.len()).then_some(len))
}

struct Head {
    start: Start,
    lines: Span,
    length: Option<usize>,
    lengths: Lengths,
}

/// The head, if all of it is there.
fn head(bytes: &[u8]) -> Result<Option<Head>, SipError> {
    if !start::may_begin(bytes) {
        return Err(SipError::NotSip);
    }
    let Some(line) = line_len(bytes)? else {
        return Ok(None);
    };
    let start = bytes
        .get(..line - 2)
        .and_then(Start::read)
        .ok_or(SipError::NotSip)?;
    let mut end = line;
    loop {
        let rest = bytes.get(end..).unwrap_or_default();
        let Some(len) = line_len(rest)? else {
            return Ok(None);
        };
        end += len;
        if len == 2 {
            break;
        }
    }
    let head = Span { start: line, end };
    let (length, lengths) = content_length(bytes, head)?;
    Ok(Some(Head {
        start,
        lines: head,
        length,
        lengths,
    }))
}

/// The length of the first line with its CR LF, if its end is there; no line has one of the two
/// alone.
fn line_len(bytes: &[u8]) -> Result<Option<usize>, SipError> {
    let Some(at) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
        return Ok(None);
    };
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => Ok(Some(at + 2)),
        (Some(b'\r'), None) => Ok(None),
        _ => Err(SipError::Head),
    }
}

/// What all the `Content-Length` of a head agree upon, and where they say it.
fn content_length(bytes: &[u8], head: Span) -> Result<(Option<usize>, Lengths), SipError> {
    let mut length = None;
    let mut places = Lengths::new();
    for header in Headers::new(bytes, head) {
        if header.name != Name::ContentLength {
            continue;
        }
        let said = decimal(Cursor::new(bytes, header.value).rest());
        let said = said.ok_or(SipError::ContentLength)?;
        let same = length.is_none_or(|length| length == said);
        if !same || places.try_push(header.value).is_err() {
            return Err(SipError::ContentLength);
        }
        length = Some(said);
    }
    Ok((length, places))
}

/// Digits and nothing else, of a number that a body may have: not what is left of a larger one
/// (CVE-2026-23457).
fn decimal(digits: &[u8]) -> Option<usize> {
    let value = digits.iter().try_fold(0_u32, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })?;
    let value = i32::try_from(value).ok()?;
    (!digits.is_empty())
        .then(|| usize::try_from(value).ok())
        .flatten()
}

/// How many bytes of CR LF there are.
fn line_ends(bytes: &[u8]) -> usize {
    bytes
        .chunks_exact(2)
        .take_while(|pair| pair == b"\r\n")
        .count()
        * 2
}

/// Some clients keep their mapping alive with one to four bytes of anything, or with more that are
/// all blank.
fn is_dummy(bytes: &[u8]) -> bool {
    bytes.len() <= 4 || bytes.iter().all(|byte| *byte == 0 || is_blank(*byte))
}

/// RFC 8489 section 5: two zero bits, and the magic cookie.
fn is_stun(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first < 4)
        && bytes.get(4..8) == Some(&[0x21, 0x12, 0xa4, 0x42])
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::vec::Vec;

    use super::*;

    const MAXIMUM: usize = 8192;

    fn stream(bytes: &[u8]) -> Frame {
        frame(bytes, Transport::Tcp, MAXIMUM)
    }

    fn datagram(bytes: &[u8]) -> Frame {
        frame(bytes, Transport::Udp, MAXIMUM)
    }

    fn with_length(headers: &str, body: &str) -> Vec<u8> {
        format!("OPTIONS sip:a SIP/2.0\r\n{headers}\r\n{body}").into_bytes()
    }

    /// RFC 3261 section 18.3.
    #[test]
    fn a_stream_is_cut_by_content_length_however_it_is_written() {
        for header in [
            "Content-Length: 4\r\n",
            "l:4\r\n",
            "CONTENT-LENGTH \t:\r\n 0004 \r\n",
        ] {
            let message = with_length(header, "bodySIP/2.0 200 OK\r\n");
            let len = message.len() - 16;
            assert_eq!(stream(&message), Frame::Message(len), "{header:?}");
            for cut in 0..len {
                assert_eq!(stream(&message[..cut]), Frame::NeedMore, "{header:?} {cut}");
            }
        }
    }

    /// RFC 3261 section 20.14: a stream needs it; section 18.3: a datagram does not.
    #[test]
    fn without_content_length_a_datagram_is_all_body_and_a_stream_is_lost() {
        let message = with_length("a: b\r\n", "body");
        assert_eq!(datagram(&message), Frame::Message(message.len()));
        assert_eq!(stream(&message), Frame::Release(SipError::ContentLength));
    }

    /// CVE-2026-23457: a length is never cut to fewer bits, nor read beyond what is there.
    #[test]
    fn lengths_that_cannot_be_are_not_followed() {
        for value in [
            "4294967300",
            "18446744073709551620",
            "2147483648",
            "99999999999999999999999999",
            "-1",
            "+4",
            "0x4",
            "4,4",
            "4 4",
            "4;a",
            "",
        ] {
            let message = with_length(&format!("Content-Length: {value}\r\n"), "body");
            let lost = Frame::Release(SipError::ContentLength);
            assert_eq!(stream(&message), lost, "{value}");
            assert_eq!(datagram(&message), lost, "{value}");
        }
        let twice = with_length("l: 4\r\nContent-Length: 3\r\n", "body");
        assert_eq!(datagram(&twice), Frame::Release(SipError::ContentLength));
        let same = with_length("l: 4\r\nContent-Length: 4\r\n", "body");
        assert_eq!(stream(&same), Frame::Message(same.len()));
    }

    /// RFC 3261 section 18.3: bytes behind the body are dropped by the receiver, and a second
    /// message among them is none.
    #[test]
    fn a_datagram_ends_where_its_length_says_or_where_it_ends() {
        let short = with_length("l: 2\r\n", "boINVITE sip:a SIP/2.0\r\n\r\n");
        let head = with_length("l: 2\r\n", "").len();
        assert_eq!(datagram(&short), Frame::Message(head + 2));
        let long = with_length("l: 2000\r\n", "body");
        assert_eq!(datagram(&long), Frame::Message(long.len()));
    }

    /// CVE-2026-21905: a message without an end is given up at the limit, in its head and before
    /// its body.
    #[test]
    fn an_endless_message_is_given_up_at_the_limit() {
        let mut endless = b"INVITE sip:a SIP/2.0\r\n".to_vec();
        while endless.len() < MAXIMUM {
            assert_eq!(stream(&endless), Frame::NeedMore);
            endless.extend_from_slice(b"X: y\r\n");
        }
        assert_eq!(stream(&endless), Frame::Release(SipError::TooLong));
        let promised = with_length(&format!("l: {MAXIMUM}\r\n"), "");
        assert_eq!(stream(&promised), Frame::Release(SipError::TooLong));
        let head = with_length("l: 8100\r\n", "").len();
        let body = "b".repeat(8100);
        let message = with_length("l: 8100\r\n", &body);
        assert_eq!(
            frame(&message, Transport::Tcp, head + 8100),
            Frame::Message(head + 8100)
        );
        assert_eq!(
            frame(&message, Transport::Tcp, head + 8099),
            Frame::Release(SipError::TooLong)
        );
    }

    /// RFC 5626 section 4.4.1: ping and pong between messages.
    #[test]
    fn line_ends_between_messages_are_passed_over() {
        assert_eq!(stream(b"\r\n\r\nINVITE"), Frame::KeepAlive(4));
        assert_eq!(stream(b"\r\n\r"), Frame::KeepAlive(2));
        assert_eq!(stream(b"\r"), Frame::NeedMore);
        assert_eq!(stream(b""), Frame::NeedMore);
        assert_eq!(stream(b"\rI"), Frame::Release(SipError::NotSip));
        assert_eq!(datagram(b"\r\n\r\n"), Frame::KeepAlive(4));
        for dummy in [&b""[..], b"\0", b"\0\0\0\0", b"ping", b"      "] {
            assert_eq!(datagram(dummy), Frame::KeepAlive(dummy.len()));
        }
        let stun = b"\0\x01\0\0\x21\x12\xa4\x42abcdefghijkl";
        assert_eq!(datagram(stun), Frame::KeepAlive(stun.len()));
        assert_eq!(stream(stun), Frame::Release(SipError::NotSip));
    }

    /// PROTOCOLS B4.1, `SigComp`; REQUIREMENTS G2.
    #[test]
    fn what_is_not_sip_is_released_at_once() {
        for other in [
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"\x16\x03\x01\x00\xa5\x01\x00",
            b"\xf8\x00\x00\x00\x00",
            b"INVITE sip:a HTTP/1.1\r\n\r\n",
            b"hello world",
        ] {
            for transport in [Transport::Tcp, Transport::Udp] {
                assert_eq!(
                    frame(other, transport, MAXIMUM),
                    Frame::Release(SipError::NotSip),
                    "{other:?}"
                );
            }
        }
        assert_eq!(stream(b"\xf8"), Frame::Release(SipError::NotSip));
        assert_eq!(datagram(b"hello"), Frame::Release(SipError::NotSip));
        assert_eq!(stream(b"hello"), Frame::NeedMore);
    }

    #[test]
    fn heads_with_odd_line_ends_are_not_followed() {
        for odd in [
            &b"OPTIONS sip:a SIP/2.0\nl: 0\n\n"[..],
            b"OPTIONS sip:a SIP/2.0\r\nl: 0\n\r\n",
            b"OPTIONS sip:a SIP/2.0\r\na: \rb\r\nl: 0\r\n\r\n",
        ] {
            assert_eq!(stream(odd), Frame::Release(SipError::Head), "{odd:?}");
        }
        let endless = b"OPTIONS sip:a SIP/2.0\r\nl: 0\r\n";
        assert_eq!(datagram(endless), Frame::Release(SipError::Head));
    }
}
