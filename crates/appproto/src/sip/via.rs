//! `Via`: `SIP/2.0/UDP host[:port];branch=...;received=...;rport=...` (RFC 3261 section 20.42,
//! RFC 3581).

use super::cursor::{Cursor, Params, is_token};
use super::host::{self, HostPort};
use super::uri;
use crate::{Span, Transport};

/// One hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Via {
    /// Where the sender says it is.
    pub(super) sent_by: HostPort,
    /// Nothing where that is neither TCP nor UDP.
    pub(super) transport: Option<Transport>,
    /// The port that is meant where none is written.
    pub(super) usual: u16,
    /// The address a message was seen to come from.
    pub(super) received: Option<(u32, Span)>,
    /// The port it was seen to come from.
    pub(super) rport: Option<(u16, Span)>,
    pub(super) maddr: Option<(u32, Span)>,
    pub(super) branch: Span,
}

impl Via {
    pub(super) fn read(mut cursor: Cursor<'_>) -> Option<Self> {
        cursor.blanks();
        let named = cursor.word(b"SIP") && cursor.eat_spaced(b'/');
        let version = cursor.until(|byte| !is_token(byte));
        if !named || cursor.bytes(version) != b"2.0" || !cursor.eat_spaced(b'/') {
            return None;
        }
        let name = cursor.until(|byte| !is_token(byte));
        let name = cursor.bytes(name);
        cursor.blanks();
        let mut via = Self {
            sent_by: HostPort::read(&mut cursor, true),
            transport: uri::transport(name),
            usual: if name.eq_ignore_ascii_case(b"tls") {
                uri::TLS_PORT
            } else {
                uri::PORT
            },
            received: None,
            rport: None,
            maddr: None,
            branch: Span::default(),
        };
        for param in Params(cursor) {
            let value = cursor.bytes(param.value);
            let address = host::address(value).map(|address| (address, param.value));
            if param.is("branch") {
                via.branch = param.value;
            } else if param.is("received") {
                via.received = via.received.or(address);
            } else if param.is("maddr") {
                via.maddr = via.maddr.or(address);
            } else if param.is("rport") {
                let port = host::port(value).map(|port| (port, param.value));
                via.rport = via.rport.or(port);
            }
        }
        Some(via)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(text: &[u8]) -> Option<Via> {
        Via::read(Cursor::new(text, Span::new(0, text.len())))
    }

    /// RFC 3261 section 20.42, and the one of RFC 4475 section 3.1.1.1 with blanks wherever they may be.
    #[test]
    fn every_part_is_found_with_and_without_blanks() {
        let tight = b"SIP/2.0/UDP 10.0.0.1:4000;rport=9;received=192.0.2.1;branch=z9hG4bK1";
        let wide =
            b"SIP  / 2.0\r\n / UdP\r\n 10.0.0.1 : 4000 ; RPORT = 9\r\n ;received= 192.0.2.1 \
            ; branch=z9hG4bK1;x=\";branch=y\"";
        for text in [&tight[..], wide] {
            let via = via(text).unwrap();
            assert_eq!(via.sent_by.address, Some(0x0a00_0001));
            assert_eq!(via.sent_by.port.unwrap().0, 4000);
            assert_eq!(via.transport, Some(Transport::Udp));
            assert_eq!(via.rport.unwrap().0, 9);
            assert_eq!(via.received.unwrap().0, 0xc000_0201);
            assert_eq!(via.branch.of(text), b"z9hG4bK1");
        }
    }

    #[test]
    fn transports_have_their_usual_ports() {
        for (text, transport, usual) in [
            (&b"SIP/2.0/TCP 10.0.0.1"[..], Some(Transport::Tcp), 5060),
            (b"SIP/2.0/TLS 10.0.0.1;rport", Some(Transport::Tcp), 5061),
            (b"SIP/2.0/SCTP 10.0.0.1", None, 5060),
        ] {
            let via = via(text).unwrap();
            assert_eq!((via.transport, via.usual), (transport, usual));
            assert_eq!(via.rport, None);
        }
        assert_eq!(via(b"SIP/3.0/UDP 10.0.0.1"), None);
        assert_eq!(via(b"HTTP/2.0/UDP 10.0.0.1"), None);
        assert_eq!(via(b""), None);
    }
}
