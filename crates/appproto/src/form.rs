//! How endpoints are written in messages.

use core::fmt::{self, Write as _};

use arrayvec::ArrayVec;

use crate::Endpoint;

/// Bytes that stand in place of a span.
pub type Replacement = ArrayVec<u8, 64>;

/// How a span writes an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// `192.0.2.1`
    Address,
    /// `49170`
    Port,
    /// `49170-49171`: a port and the one behind it.
    PortPair,
    /// `192.0.2.1:5060`
    AddressPort,
    /// `192.0.2.1`, meaning this port: another one is written behind a colon.
    AddressOrPort(u16),
    /// `192,0,2,1,19,137` (RFC 959 section 4.1.2)
    Commas,
    /// `|1|192.0.2.1|5001|`, whatever the bar is (RFC 2428 section 2)
    Extended(u8),
    /// Four bytes, the highest first.
    Binary,
    /// `1.2.0.192`: the octets in reverse, as names under `in-addr.arpa` have them (RFC 1035 section 3.5)
    Reverse,
    /// A decimal number of bytes; has no endpoint.
    Length,
    /// Nowhere, the span is empty: the endpoint is where the message came from.
    Implied,
}

impl Form {
    /// Writes `to` in this form; [`Form::Length`] writes nothing, see [`length`](Self::length),
    /// nor does [`Form::Implied`].
    #[must_use]
    pub fn write(self, to: Endpoint) -> Replacement {
        let [a, b, c, d] = to.address.to_be_bytes();
        let port = to.port;
        let mut out = Writer(Replacement::new());
        // The longest of these is 25 bytes: nothing fails.
        let _ = match self {
            Self::Address => write!(out, "{a}.{b}.{c}.{d}"),
            Self::Port => write!(out, "{port}"),
            Self::PortPair => write!(out, "{port}-{}", port.saturating_add(1)),
            Self::AddressOrPort(usual) if port == usual => write!(out, "{a}.{b}.{c}.{d}"),
            Self::AddressPort | Self::AddressOrPort(_) => write!(out, "{a}.{b}.{c}.{d}:{port}"),
            Self::Commas => {
                let [high, low] = port.to_be_bytes();
                write!(out, "{a},{b},{c},{d},{high},{low}")
            }
            Self::Extended(bar) => {
                let bar = char::from(bar);
                write!(out, "{bar}1{bar}{a}.{b}.{c}.{d}{bar}{port}{bar}")
            }
            Self::Binary => out.put(&[a, b, c, d]),
            Self::Reverse => write!(out, "{d}.{c}.{b}.{a}"),
            Self::Length | Self::Implied => Ok(()),
        };
        out.0
    }

    /// Writes a number of bytes in decimal.
    #[must_use]
    pub fn length(bytes: usize) -> Replacement {
        let mut out = Writer(Replacement::new());
        // Twenty digits at most.
        let _ = write!(out, "{bytes}");
        out.0
    }
}

struct Writer(Replacement);

impl Writer {
    fn put(&mut self, bytes: &[u8]) -> fmt::Result {
        self.0.try_extend_from_slice(bytes).map_err(|_| fmt::Error)
    }
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_as_its_standard_shows_it() {
        let to = Endpoint {
            address: 0xc000_0201,
            port: 5001,
        };
        for (form, text) in [
            (Form::Address, &b"192.0.2.1"[..]),
            (Form::Port, b"5001"),
            (Form::PortPair, b"5001-5002"),
            (Form::AddressPort, b"192.0.2.1:5001"),
            (Form::AddressOrPort(5060), b"192.0.2.1:5001"),
            (Form::AddressOrPort(5001), b"192.0.2.1"),
            (Form::Commas, b"192,0,2,1,19,137"),
            (Form::Extended(b'|'), b"|1|192.0.2.1|5001|"),
            (Form::Extended(b'!'), b"!1!192.0.2.1!5001!"),
            (Form::Binary, &[192, 0, 2, 1]),
            (Form::Reverse, b"1.2.0.192"),
            (Form::Length, b""),
            (Form::Implied, b""),
        ] {
            assert_eq!(form.write(to).as_slice(), text, "{form:?}");
        }
        assert_eq!(Form::length(1024).as_slice(), b"1024");
    }
}
