//! Hosts of URLs.

use super::message::{parameter, split, trimmed};
use crate::text::{address, begins, port};
use crate::{Endpoint, Finding, Form, Role, Span, Transport};

/// Schemes, and the port that each means without saying so (RFC 2326 section 3.2, RFC 7826 section 4.2).
const SCHEMES: [(&[u8], u16); 3] = [(b"rtsp://", 554), (b"rtspu://", 554), (b"rtsps://", 322)];

/// The host of the URL that begins here, if it is an IPv4 address.
pub(super) fn host(bytes: &[u8], url: Span) -> Option<Finding> {
    let text = url.of(bytes);
    let (scheme, usual) = SCHEMES.iter().find(|(scheme, _)| begins(text, scheme))?;
    let authority = text.get(scheme.len()..)?;
    let len = authority
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || b"/?#\",;".contains(byte))
        .unwrap_or(authority.len());
    let authority = authority.get(..len)?;
    let user = authority.iter().rposition(|byte| *byte == b'@');
    let at = user.map_or(0, |at| at + 1);
    let host = authority.get(at..)?;
    let (address, address_len) = address(host)?;
    let (port, form, len) = match host.get(address_len..)?.strip_prefix(b":") {
        Some(rest) => {
            let (port, len) = port(rest)?;
            (port, Form::AddressPort, address_len + 1 + len)
        }
        None => (*usual, Form::AddressOrPort(*usual), address_len),
    };
    (len == host.len()).then_some(Finding {
        span: Span::new(url.start + scheme.len() + at, len),
        endpoint: Endpoint { address, port },
        form,
        role: Role::Names(Transport::Tcp),
    })
}

/// Those of an `RTP-Info` header: `url=` begins each of its parts.
pub(super) fn hosts_of_rtp_info(bytes: &[u8], value: Span) -> impl Iterator<Item = Finding> {
    split(bytes, value, b',').filter_map(|part| {
        let mut url = parameter(bytes, trimmed(bytes, part), b"url")?;
        url.start += usize::from(url.of(bytes).first() == Some(&b'"'));
        host(bytes, url)
    })
}
