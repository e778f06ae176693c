//! `Transport` headers (RFC 2326 section 12.39, RFC 7826 section 18.54).
//!
//! ```text
//!  RTP/AVP;unicast;client_port=4588-4589;server_port=6256-6257;source=192.0.2.1 , RTP/AVP/TCP;...
//!  RTP/AVP/UDP;unicast;dest_addr=":4588"/":4589";src_addr="192.0.2.1:6256"/...       (2.0)
//! ```
//!
//! What goes over the session itself or to a multicast group is left alone.

use super::message::{parameter, split, trimmed};
use super::{NoRoom, put};
use crate::text::{address, port};
use crate::{
    Channel, Endpoint, Findings, Form, Ports, Remote, Role, Sender, Span, Transport, Uses,
};

/// Below it nobody listens for media.
const FIRST_PORT: u16 = 1024;

/// Lists the endpoints of all alternatives of a header.
pub(super) fn read(
    bytes: &[u8],
    value: Span,
    sender: Sender,
    found: &mut Findings,
) -> Result<(), NoRoom> {
    for alternative in split(bytes, value, b',') {
        let Some(terms) = Terms::of(bytes, alternative) else {
            continue;
        };
        for part in parts(bytes, alternative) {
            terms.list(bytes, part, sender, found)?;
        }
    }
    Ok(())
}

fn parts(bytes: &[u8], alternative: Span) -> impl Iterator<Item = Span> {
    split(bytes, alternative, b';').map(|part| trimmed(bytes, part))
}

/// What the parameters of one alternative say about each other.
#[derive(Default)]
struct Terms {
    client_ports: Option<Written>,
    server_ports: Option<Written>,
    destination: Option<u32>,
    source: Option<u32>,
    /// The value of `src_addr`.
    sources: Option<Span>,
}

impl Terms {
    /// Nothing where no media goes from host to host.
    fn of(bytes: &[u8], alternative: Span) -> Option<Self> {
        let mut terms = Self::default();
        for (place, part) in parts(bytes, alternative).enumerate() {
            let text = part.of(bytes);
            let lower = text.len().checked_sub(4).and_then(|at| text.get(at..));
            let on_tcp = place == 0 && lower.is_some_and(|end| end.eq_ignore_ascii_case(b"/TCP"));
            if on_tcp
                || text.eq_ignore_ascii_case(b"multicast")
                || parameter(bytes, part, b"interleaved").is_some()
            {
                return None;
            }
            let value = |name| parameter(bytes, part, name);
            if let Some(value) = value(b"client_port") {
                terms.client_ports = Written::of(value.of(bytes));
            } else if let Some(value) = value(b"server_port") {
                terms.server_ports = Written::of(value.of(bytes));
            } else if let Some(value) = value(b"destination") {
                terms.destination = whole_address(value.of(bytes));
            } else if let Some(value) = value(b"source") {
                terms.source = whole_address(value.of(bytes));
            } else if let Some(value) = value(b"src_addr") {
                terms.sources = Some(value);
            }
        }
        Some(terms)
    }

    /// Lists what one parameter names.
    fn list(
        &self,
        bytes: &[u8],
        part: Span,
        sender: Sender,
        found: &mut Findings,
    ) -> Result<(), NoRoom> {
        let value = |name| parameter(bytes, part, name);
        if let Some(span) = value(b"client_port")
            && let Some(written) = Written::of(span.of(bytes))
        {
            let endpoint = Endpoint {
                address: self.destination.unwrap_or(0),
                port: written.port,
            };
            let role = self.of_client(sender, written.ports);
            return put(found, span, endpoint, written.form, role);
        }
        if let Some(span) = value(b"destination")
            && let Some(address) = whole_address(span.of(bytes))
        {
            let port = self.client_ports.map_or(0, |written| written.port);
            let role = match (sender, self.client_ports) {
                (Sender::Server, Some(written)) => self.of_client(sender, written.ports),
                _ => Role::Names(Transport::Udp),
            };
            return put(found, span, Endpoint { address, port }, Form::Address, role);
        }
        if let Some(span) = value(b"dest_addr") {
            for (nth, (span, endpoint, form)) in places(bytes, span).enumerate() {
                let role = match sender {
                    Sender::Client => Role::Listens(channel(Ports::One, Remote::Peer)),
                    Sender::Server => Role::Echoes(channel(Ports::One, self.source_of(bytes, nth))),
                };
                put(found, span, endpoint, form, role)?;
            }
            return Ok(());
        }
        if sender == Sender::Client {
            return Ok(());
        }
        if let Some(span) = value(b"server_port")
            && let Some(written) = Written::of(span.of(bytes))
        {
            let endpoint = Endpoint {
                address: self.source.unwrap_or(0),
                port: written.port,
            };
            let role = Role::Listens(channel(written.ports, Remote::Peer));
            return put(found, span, endpoint, written.form, role);
        }
        if let Some(span) = value(b"source")
            && let Some(address) = whole_address(span.of(bytes))
        {
            let port = self.server_ports.map_or(0, |written| written.port);
            let role = Role::Names(Transport::Udp);
            return put(found, span, Endpoint { address, port }, Form::Address, role);
        }
        if let Some(span) = value(b"src_addr") {
            let role = Role::Listens(channel(Ports::One, Remote::Peer));
            for (span, endpoint, form) in places(bytes, span) {
                put(found, span, endpoint, form, role)?;
            }
        }
        Ok(())
    }

    /// The client announces its ports; the server repeats them, and says where media comes from.
    fn of_client(&self, sender: Sender, ports: Ports) -> Role {
        match sender {
            Sender::Client => Role::Listens(channel(ports, Remote::Peer)),
            Sender::Server => {
                let remote = match (self.source, self.server_ports) {
                    (source, Some(written)) => Remote::Endpoint(Endpoint {
                        address: source.unwrap_or(0),
                        port: written.port,
                    }),
                    (Some(source), None) => Remote::Address(source),
                    (None, None) => Remote::Peer,
                };
                Role::Echoes(channel(ports, remote))
            }
        }
    }

    /// Where the media for one of the places in `dest_addr` comes from: that in `src_addr`.
    fn source_of(&self, bytes: &[u8], nth: usize) -> Remote {
        self.sources
            .and_then(|span| places(bytes, span).nth(nth))
            .map_or(Remote::Peer, |(_, endpoint, _)| Remote::Endpoint(endpoint))
    }
}

/// `4588-4589` or `4588`.
#[derive(Clone, Copy)]
struct Written {
    port: u16,
    ports: Ports,
    form: Form,
}

impl Written {
    /// Nothing for what is more than a port and the next, which no form writes.
    fn of(text: &[u8]) -> Option<Self> {
        let (first, len) = port(text)?;
        let rest = text.get(len..)?;
        let (ports, form) = if let Some(rest) = rest.strip_prefix(b"-") {
            let (next, len) = port(rest)?;
            let adjacent = first.checked_add(1) == Some(next) && len == rest.len();
            adjacent.then_some((Ports::Pair, Form::PortPair))?
        } else if rest.is_empty() {
            // The next one is that of RTCP, unsaid.
            let ports = if first % 2 == 0 {
                Ports::Pair
            } else {
                Ports::One
            };
            (ports, Form::Port)
        } else {
            return None;
        };
        (first >= FIRST_PORT).then_some(Self {
            port: first,
            ports,
            form,
        })
    }
}

const fn channel(ports: Ports, remote: Remote) -> Channel {
    Channel {
        transport: Transport::Udp,
        ports,
        uses: Uses::Many,
        remote,
    }
}

fn whole_address(text: &[u8]) -> Option<u32> {
    let (address, len) = address(text)?;
    (len == text.len() && address != 0).then_some(address)
}

/// `"192.0.2.1:4588"/":4589"`: quoted, a slash between; no host is whoever speaks.
fn places(bytes: &[u8], value: Span) -> impl Iterator<Item = (Span, Endpoint, Form)> {
    split(bytes, value, b'/').filter_map(|part| {
        let part = trimmed(bytes, part);
        let text = part.of(bytes).strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let (address, address_len) = match text.first()? {
            b':' => (0, 0),
            _ => address(text).filter(|(address, _)| *address != 0)?,
        };
        let digits = text.get(address_len..)?.strip_prefix(b":")?;
        let (port, port_len) = port(digits)?;
        if port_len != digits.len() || port < FIRST_PORT {
            return None;
        }
        let start = part.start + 1;
        let (span, form) = match address_len {
            0 => (Span::new(start + 1, port_len), Form::Port),
            _ => (Span::new(start, text.len()), Form::AddressPort),
        };
        Some((span, Endpoint { address, port }, form))
    })
}
