//! URIs, alone and in `"name" <uri>` (RFC 3261 sections 19.1 and 20.10).

use super::cursor::{Cursor, Params, is_blank};
use super::host::{self, HostPort};
use crate::{Span, Transport, text};

/// A `sip:` or `sips:` URI; or of another kind with `//`, for its host alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Uri {
    pub(super) place: HostPort,
    /// What messages to it go over: nothing where that is neither TCP nor UDP.
    pub(super) transport: Option<Transport>,
    /// The port that is meant where none is written; nothing where messages of ours do not go
    /// there.
    pub(super) usual: Option<u16>,
    /// `maddr=`: where messages go instead of to the host.
    pub(super) maddr: Option<(u32, Span)>,
    /// The Call-ID's host in `?Replaces=`.
    pub(super) replaces: Option<(u32, Span)>,
}

/// The URI of `"name" <uri>;params` or `uri;params`, and the cursor at the parameters.
pub(super) fn name_addr(mut cursor: Cursor<'_>) -> Option<(Uri, Cursor<'_>)> {
    let mut inside = cursor;
    inside.until_unquoted(|byte| byte == b'<');
    if inside.eat(b'<') {
        let span = inside.until(|byte| byte == b'>');
        inside.eat(b'>');
        return Some((Uri::read(inside.bytes(span), span)?, inside));
    }
    cursor.blanks();
    // RFC 3261 section 20: in this form the parameters are the header's.
    let span = cursor.until(|byte| is_blank(byte) || matches!(byte, b';' | b'?' | b','));
    Some((Uri::read(cursor.bytes(span), span)?, cursor))
}

impl Uri {
    /// Reads `bytes`, which stand at `span` of the message.
    pub(super) fn read(bytes: &[u8], span: Span) -> Option<Self> {
        Self::within(bytes).map(|uri| uri.moved(span.start))
    }

    fn within(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes, Span::new(0, bytes.len()));
        cursor.blanks();
        let (tls, sip) = match () {
            () if cursor.word(b"sip:") => (false, true),
            () if cursor.word(b"sips:") => (true, true),
            () => {
                cursor.until(|byte| byte == b':');
                if !cursor.word(b"://") {
                    return None;
                }
                (false, false)
            }
        };
        // RFC 3261 section 25.1: an `@` is nothing else than the end of the user.
        let mut ahead = cursor;
        ahead.until(|byte| byte == b'@' || (!sip && byte == b'/'));
        if ahead.eat(b'@') {
            cursor = ahead;
        }
        let mut uri = Self {
            place: HostPort::read(&mut cursor, false),
            transport: Some(if tls || !sip {
                Transport::Tcp
            } else {
                Transport::Udp
            }),
            usual: sip.then_some(if tls { TLS_PORT } else { PORT }),
            maddr: None,
            replaces: None,
        };
        if sip {
            uri.read_params(cursor);
        }
        Some(uri)
    }

    fn read_params(&mut self, mut cursor: Cursor<'_>) {
        let params = cursor.until(|byte| byte == b'?');
        let whole = cursor.bytes(Span {
            start: 0,
            end: params.end,
        });
        for param in Params(Cursor::new(whole, params)) {
            if param.is("maddr") {
                self.maddr =
                    host::address(cursor.bytes(param.value)).map(|address| (address, param.value));
            } else if param.is("transport") {
                self.transport = transport(cursor.bytes(param.value));
                if cursor.bytes(param.value).eq_ignore_ascii_case(b"tls") {
                    self.usual = Some(TLS_PORT);
                }
            }
        }
        while cursor.eat(b'?') || cursor.eat(b'&') {
            let mut header = cursor;
            cursor.until(|byte| byte == b'&');
            if header.word(b"Replaces=") || header.word(b"Join=") {
                self.replaces = self.replaces.or_else(|| escaped_call_id(header));
            }
        }
    }

    /// The same, `by` bytes further on.
    fn moved(mut self, by: usize) -> Self {
        let moved = |span: Span| Span::new(span.start + by, span.len());
        self.place.host = moved(self.place.host);
        self.place.port = self.place.port.map(|(port, span)| (port, moved(span)));
        self.maddr = self.maddr.map(|(address, span)| (address, moved(span)));
        self.replaces = self.replaces.map(|(address, span)| (address, moved(span)));
        self
    }
}

/// UDP and TCP (RFC 3261 section 19.1.2).
pub(super) const PORT: u16 = 5060;
/// TLS.
pub(super) const TLS_PORT: u16 = 5061;

/// What a transport's name means for addresses and ports.
pub(super) fn transport(name: &[u8]) -> Option<Transport> {
    let is = |names: &[&[u8]]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
    if is(&[b"udp"]) {
        Some(Transport::Udp)
    } else if is(&[b"tcp", b"tls", b"ws", b"wss"]) {
        Some(Transport::Tcp)
    } else {
        None
    }
}

/// The host of `id%40host%3Bto-tag%3D...`; what is escaped may as well not be.
fn escaped_call_id(mut cursor: Cursor<'_>) -> Option<(u32, Span)> {
    loop {
        cursor.until(|byte| matches!(byte, b'@' | b'%' | b'&'));
        if cursor.eat(b'@') || cursor.word(b"%40") {
            break;
        }
        if cursor.peek()? != b'%' || text::begins(cursor.rest(), b"%3B") {
            return None;
        }
        cursor.skip(1);
    }
    let host = cursor.until(|byte| matches!(byte, b'%' | b';' | b'&'));
    let ends = cursor.rest().first() != Some(&b'%') || text::begins(cursor.rest(), b"%3B");
    let address = host::address(cursor.bytes(host)).filter(|_| ends)?;
    Some((address, host))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: u32 = 0x0a00_0001;

    fn uri(text: &[u8]) -> Uri {
        Uri::read(text, Span::new(0, text.len())).unwrap()
    }

    /// RFC 3261 section 19.1.2: what is left out means 5060 over UDP, or 5061 over TLS.
    #[test]
    fn transports_and_ports_follow_from_scheme_and_parameters() {
        for (text, transport, usual) in [
            (&b"sip:10.0.0.1"[..], Some(Transport::Udp), 5060),
            (b"SIP:a@10.0.0.1;lr", Some(Transport::Udp), 5060),
            (
                b"sip:a@10.0.0.1;lr;transport=TCP",
                Some(Transport::Tcp),
                5060,
            ),
            (b"sip:a@10.0.0.1;transport=tls", Some(Transport::Tcp), 5061),
            (b"sips:a@10.0.0.1", Some(Transport::Tcp), 5061),
            (b"sip:a@10.0.0.1;transport=sctp", None, 5060),
        ] {
            let uri = uri(text);
            assert_eq!(uri.place.address, Some(OURS), "{text:?}");
            assert_eq!(
                (uri.transport, uri.usual),
                (transport, Some(usual)),
                "{text:?}"
            );
        }
    }

    /// RFC 4475 section 3.1.1.1 and RFC 3261 section 25.1: users with semicolons, question marks and slashes.
    #[test]
    fn the_host_is_behind_the_user_whatever_that_is_made_of() {
        let text = b"sip:a;p=10.0.0.2?x/y:secret@10.0.0.1:5070;maddr=10.0.0.3?Subject=10.0.0.4";
        let uri = uri(text);
        assert_eq!(uri.place.address, Some(OURS));
        assert_eq!(uri.place.port, Some((5070, Span::new(37, 4))));
        assert_eq!(uri.maddr.unwrap().1.of(text), b"10.0.0.3");
    }

    #[test]
    fn other_kinds_are_read_for_their_host() {
        let text = b"http://10.0.0.1:8080/a@b";
        assert_eq!(uri(text).place.address, Some(OURS));
        assert_eq!(uri(text).usual, None);
        for text in [&b"tel:+1-201"[..], b"10.0.0.1", b"urn:service:sos", b""] {
            assert_eq!(Uri::read(text, Span::default()), None);
        }
    }

    /// RFC 3891 section 3 in a `Refer-To` (RFC 3515): the dialog to be replaced.
    #[test]
    fn the_call_id_to_be_replaced_is_found_in_its_escapes() {
        for text in [
            &b"sip:b@x?Replaces=1%2b2%4010.0.0.1%3Bto-tag%3Da"[..],
            b"sip:b@x?a=b&replaces=12@10.0.0.1;to-tag=a&c=d",
            b"sip:x?Replaces=12%4010.0.0.1",
        ] {
            assert_eq!(uri(text).replaces.map(|(address, _)| address), Some(OURS));
        }
        for text in [
            &b"sip:b@x?Replaces=12%4010.0.0.1%2e5%3B"[..],
            b"sip:b@x?Replaces=12%3Bto-tag%3Da%4010.0.0.1",
            b"sip:b@x?Replaces=12&b=%4010.0.0.1",
            b"sip:b@x?Replaces=10.0.0.1",
            b"sip:b@x?Subject=a%4010.0.0.1",
        ] {
            assert_eq!(uri(text).replaces, None, "{text:?}");
        }
    }

    /// RFC 3261 section 20.10.
    #[test]
    fn names_and_parameters_stand_around_the_uri() {
        for text in [
            &br#""A <sip:x@10.9.9.9> \" " <sip:a@10.0.0.1;b>;tag=1"#[..],
            b"A  B <sip:a@10.0.0.1>;tag=1",
            b"<sip:10.0.0.1> ; tag=1",
            b"sip:a@10.0.0.1;tag=1",
            b"sip:10.0.0.1 ;tag=1",
        ] {
            let cursor = Cursor::new(text, Span::new(0, text.len()));
            let (uri, rest) = name_addr(cursor).unwrap();
            assert_eq!(uri.place.address, Some(OURS), "{text:?}");
            let param = Params(rest).next().unwrap();
            assert_eq!((param.name, param.value.of(text)), (&b"tag"[..], &b"1"[..]));
        }
    }
}
