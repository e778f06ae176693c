//! `host[:port]`, where the host may be an IPv4 literal.

use super::cursor::{Cursor, is_blank};
use crate::{Span, text};

/// A host and the port behind it, as they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HostPort {
    /// The host alone.
    pub(super) host: Span,
    /// What it is, if it is an IPv4 literal and a port behind it can be read.
    pub(super) address: Option<u32>,
    /// The port and its digits.
    pub(super) port: Option<(u16, Span)>,
}

impl HostPort {
    /// Reads it from here on; blanks around the colon belong to it where `spaced` (`Via`).
    pub(super) fn read(cursor: &mut Cursor<'_>, spaced: bool) -> Self {
        let host = host(cursor);
        let mut found = Self {
            host,
            address: address(cursor.bytes(host)),
            port: None,
        };
        let colon = if spaced {
            cursor.eat_spaced(b':')
        } else {
            cursor.eat(b':')
        };
        if colon {
            let digits = cursor.until(ends_host);
            match port(cursor.bytes(digits)) {
                Some(number) => found.port = Some((number, digits)),
                None => found.address = None,
            }
        }
        found
    }
}

/// An IPv4 address and nothing else, no octet longer than it has to be: one way to write it, so
/// that what is translated back is what was there.
pub(super) fn address(bytes: &[u8]) -> Option<u32> {
    let padded = |octet: &[u8]| octet.len() > 1 && octet.first() == Some(&b'0');
    let (address, len) = text::quad(bytes, b'.')?;
    (len == bytes.len() && !bytes.split(|byte| *byte == b'.').any(padded)).then_some(address)
}

/// A port and nothing else, in its shortest writing, not zero.
pub(super) fn port(bytes: &[u8]) -> Option<u16> {
    let (port, len) = text::port(bytes)?;
    (len == bytes.len() && bytes.first() != Some(&b'0')).then_some(port)
}

fn host(cursor: &mut Cursor<'_>) -> Span {
    let start = cursor.at();
    if cursor.peek() == Some(b'[') {
        cursor.until(|byte| byte == b']' || is_blank(byte));
        cursor.eat(b']');
    } else {
        cursor.until(ends_host);
    }
    Span {
        start,
        end: cursor.at(),
    }
}

/// What cannot be part of a host or a port.
const fn ends_host(byte: u8) -> bool {
    is_blank(byte)
        || matches!(
            byte,
            b':' | b';' | b'>' | b'<' | b'?' | b',' | b'/' | b'"' | b'(' | b')'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], spaced: bool) -> HostPort {
        HostPort::read(&mut Cursor::new(text, Span::new(0, text.len())), spaced)
    }

    #[test]
    fn a_literal_is_the_whole_host_or_none() {
        let ours = Some(0x0a00_0001);
        for (text, expected) in [
            (&b"10.0.0.1"[..], ours),
            (b"10.0.0.1:5060;x", ours),
            (b"10.0.0.1>", ours),
            (b"10.0.0.12", Some(0x0a00_000c)),
            (b"110.0.0.1", Some(0x6e00_0001)),
            (b"10.0.0.1.example.com", None),
            (b"10.0.0.1.", None),
            (b"x10.0.0.1", None),
            (b"10.0.0.1%31", None),
            (b"10.0.0.01", None),
            (b"010.0.0.1", None),
            (b"10.0.0.256", None),
            (b"10.0.0.1:", None),
            (b"10.0.0.1:65536", None),
            (b"10.0.0.1:05060", None),
            (b"10.0.0.1:0", None),
            (b"10.0.0.1:50x", None),
            (b"[::ffff:10.0.0.1]:5060", None),
            (b"proxy.example.com:5060", None),
            (b"", None),
        ] {
            assert_eq!(read(text, false).address, expected, "{text:?}");
        }
    }

    /// RFC 3261 section 25.1: `COLON` of a `Via` may have blanks around it.
    #[test]
    fn blanks_around_the_colon_are_for_via_alone() {
        let text = b"10.0.0.1 : 4000 ;ttl=16";
        assert_eq!(read(text, true).port, Some((4000, Span::new(11, 4))));
        assert_eq!(read(text, false).port, None);
    }
}
