//! Endpoints as commands and replies write them.

use super::telnet::Line;
use crate::text::{address, blanks, octet, port, quad};
use crate::{Channel, Endpoint, Finding, Form, Ports, Remote, Role, Span, Transport, Uses};

/// Below it nobody listens for data, and a host that is told to connect there is being abused
/// (the bounce attack, RFC 2577 section 3).
const FIRST_PORT: u16 = 1024;

/// `h1,h2,h3,h4,p1,p2` and nothing behind but blanks, from this place of a `PORT` command on.
pub(super) fn port_argument(line: &Line<'_>, at: usize) -> Option<Finding> {
    let argument = line.text().get(at..)?;
    let (endpoint, len) = six(argument)?;
    ends(argument, len).then(|| finding(line, Span::new(at, len), endpoint, Form::Commas))?
}

/// `|1|address|port|` and nothing behind but blanks (RFC 2428 section 2).
pub(super) fn eprt_argument(line: &Line<'_>, at: usize) -> Option<Finding> {
    let argument = line.text().get(at..)?;
    let bar = delimiter(*argument.first()?)?;
    let rest = argument.strip_prefix(&[bar, b'1', bar])?;
    let (address, address_len) = address(rest)?;
    let rest = rest.get(address_len..)?.strip_prefix(&[bar])?;
    let (port, port_len) = port(rest)?;
    if rest.get(port_len) != Some(&bar) {
        return None;
    }
    let len = 3 + address_len + 1 + port_len + 1;
    let endpoint = Endpoint { address, port };
    ends(argument, len).then(|| finding(line, Span::new(at, len), endpoint, Form::Extended(bar)))?
}

/// The first six numbers with commas between them in the text of a 227 reply: parentheses are
/// usual, not prescribed (RFC 1123 section 4.1.2.6).
pub(super) fn passive(line: &Line<'_>) -> Option<Finding> {
    let text = line.text();
    let mut before = b' ';
    for (at, byte) in text.iter().enumerate().skip(3) {
        if byte.is_ascii_digit()
            && !before.is_ascii_digit()
            && let Some((endpoint, len)) = six(text.get(at..)?)
        {
            return finding(line, Span::new(at, len), endpoint, Form::Commas);
        }
        before = *byte;
    }
    None
}

/// `(|||port|)` in the text of a 229 reply (RFC 2428 section 3): the port alone.
pub(super) fn extended_passive(line: &Line<'_>) -> Option<Finding> {
    let text = line.text();
    let open = text.iter().position(|byte| *byte == b'(')?;
    let rest = text.get(open + 1..)?;
    let bar = delimiter(*rest.first()?)?;
    let rest = rest.strip_prefix(&[bar, bar, bar])?;
    let (port, len) = port(rest)?;
    if rest.get(len..len + 2)? != [bar, b')'] {
        return None;
    }
    let endpoint = Endpoint { address: 0, port };
    finding(line, Span::new(open + 4, len), endpoint, Form::Port)
}

fn six(text: &[u8]) -> Option<(Endpoint, usize)> {
    let (address, mut at) = quad(text, b',')?;
    let mut ports = [0; 2];
    for half in &mut ports {
        let rest = text.get(at..)?.strip_prefix(b",")?;
        let (value, len) = octet(rest)?;
        *half = value;
        at += 1 + len;
    }
    let port = u16::from_be_bytes(ports);
    Some((Endpoint { address, port }, at))
}

/// RFC 2428: any of ASCII 33 to 126; a digit could not be told from the numbers.
fn delimiter(byte: u8) -> Option<u8> {
    (byte.is_ascii_graphic() && !byte.is_ascii_digit()).then_some(byte)
}

fn ends(argument: &[u8], len: usize) -> bool {
    let rest = argument.get(len..).unwrap_or_default();
    blanks(rest) == rest.len()
}

fn finding(line: &Line<'_>, part: Span, endpoint: Endpoint, form: Form) -> Option<Finding> {
    (endpoint.port >= FIRST_PORT).then_some(())?;
    Some(Finding {
        span: line.on_the_wire(part)?,
        endpoint,
        form,
        role: Role::Listens(Channel {
            transport: Transport::Tcp,
            ports: Ports::One,
            uses: Uses::Once,
            remote: Remote::Peer,
        }),
    })
}
