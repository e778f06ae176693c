//! Listing places that are ours.

use base::Direction;

use super::SipError;
use super::host::{self, HostPort};
use super::uri::Uri;
use crate::{Channel, Endpoint, Finding, Findings, Form, Remote, Role, Span, Transport, text};

/// Takes places down as findings, those alone that are ours.
pub(super) struct List<'a, W> {
    pub(super) direction: Direction,
    pub(super) who: W,
    pub(super) found: &'a mut Findings,
    /// What is read only tells of something: nobody waits for anything.
    pub(super) tells: bool,
}

/// What the port of a URI is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sense {
    /// Whoever is named answers there.
    Answers,
    /// Messages go there.
    Target,
    /// Names somebody: without a port, the address alone is meant.
    Mention,
}

impl<W: Fn(u32) -> bool> List<'_, W> {
    /// Whether an address may be translated. The one of old calls on hold never is.
    pub(super) fn is_ours(&self, address: u32) -> bool {
        address != 0 && (self.who)(address)
    }

    /// Something is waited for at a place: that opens doors only if it is said from the inside.
    pub(super) fn answers(&self, transport: Transport, remote: Remote) -> Role {
        match self.direction {
            Direction::Outbound if !self.tells => Role::Answers(transport, remote),
            _ => Role::Names(transport),
        }
    }

    /// The same for media.
    pub(super) fn listens(&self, channel: Channel) -> Role {
        match self.direction {
            Direction::Outbound => Role::Listens(channel),
            Direction::Inbound => Role::Names(channel.transport),
        }
    }

    /// One place, if it is ours.
    pub(super) fn span(
        &mut self,
        span: Span,
        endpoint: Endpoint,
        form: Form,
        role: Role,
    ) -> Result<(), SipError> {
        if !self.is_ours(endpoint.address) {
            return Ok(());
        }
        self.push(Finding {
            span,
            endpoint,
            form,
            role,
        })
    }

    /// One place, whoever's.
    pub(super) fn push(&mut self, finding: Finding) -> Result<(), SipError> {
        self.found.try_push(finding).map_err(|_| SipError::TooMany)
    }

    /// A host with its port. Without one, `usual` is meant, or the address alone.
    pub(super) fn place(
        &mut self,
        place: HostPort,
        usual: Option<u16>,
        role: Role,
    ) -> Result<(), SipError> {
        let Some(address) = place.address else {
            return Ok(());
        };
        let at = |port| Endpoint { address, port };
        match (place.port, usual) {
            (Some((port, digits)), _) if digits.start == place.host.end + 1 => {
                let span = Span {
                    start: place.host.start,
                    end: digits.end,
                };
                self.span(span, at(port), Form::AddressPort, role)
            }
            // Blanks between them stay.
            (Some((port, digits)), _) => {
                self.span(place.host, at(port), Form::Address, role)?;
                self.span(digits, at(port), Form::Port, role)
            }
            (None, Some(usual)) => {
                self.span(place.host, at(usual), Form::AddressOrPort(usual), role)
            }
            (None, None) => self.mention(place.host, address),
        }
    }

    /// Everything of a URI.
    pub(super) fn uri(&mut self, uri: &Uri, sense: Sense) -> Result<(), SipError> {
        if let Some((address, span)) = uri.replaces {
            self.mention(span, address)?;
        }
        let transport = match (uri.transport, sense) {
            (Some(transport), _) => transport,
            (None, Sense::Mention) => Transport::Udp,
            (None, _) => return Ok(()),
        };
        let (role, usual) = match sense {
            Sense::Answers => (self.answers(transport, Remote::Anyone), uri.usual),
            Sense::Target => (Role::Names(transport), uri.usual),
            Sense::Mention => (Role::Names(transport), None),
        };
        if let Some((address, span)) = uri.maddr {
            let port = uri.place.port.map(|(port, _)| port).or(usual);
            let endpoint = Endpoint {
                address,
                port: port.unwrap_or_default(),
            };
            let named = port.map_or(Role::Host, |_| role);
            self.span(span, endpoint, Form::Address, named)?;
            let elsewhere = uri.place.address.is_none_or(|host| !self.is_ours(host));
            if let (true, Some((_, digits))) = (elsewhere, uri.place.port) {
                return self.span(digits, endpoint, Form::Port, role);
            }
        }
        self.place(uri.place, usual, role)
    }

    /// Addresses of ours wherever they stand in a token that the other side gives back as it is.
    /// The same rule finds them again on the way back: leftmost first, none of which is but the
    /// end or the beginning of a longer one.
    pub(super) fn token(&mut self, message: &[u8], token: Span) -> Result<(), SipError> {
        let mut at = token.start;
        while at < token.end {
            let rest = Span {
                start: at,
                end: token.end,
            };
            let found = address_at(rest.of(message)).filter(|(address, _)| self.is_ours(*address));
            at += match found {
                Some((address, len)) => {
                    self.mention(Span::new(at, len), address)?;
                    len
                }
                None => 1,
            };
        }
        Ok(())
    }

    /// An address alone.
    pub(super) fn mention(&mut self, span: Span, address: u32) -> Result<(), SipError> {
        let endpoint = Endpoint { address, port: 0 };
        self.span(span, endpoint, Form::Address, Role::Host)
    }
}

/// The address that `bytes` begin with, and its length.
fn address_at(bytes: &[u8]) -> Option<(u32, usize)> {
    let (_, len) = text::quad(bytes, b'.')?;
    let goes_on = match bytes.get(len..)? {
        [b'.', next, ..] => next.is_ascii_digit(),
        _ => false,
    };
    let address = host::address(bytes.get(..len)?).filter(|_| !goes_on)?;
    Some((address, len))
}
