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
    /// The address as one decimal number: `3221225985`
    Number,
    /// The same with the octets in reverse, as x86 prints what `inet_addr()` gives: `16908480`
    ReverseNumber,
    /// A port in two bytes, the higher first; of GRE the call ID.
    BinaryPort,
    /// A port in two bytes, the lower first.
    LittlePort,
    /// Four bytes of an address and two of a port, the highest first.
    BinaryAddressPort,
    /// A decimal number of bytes; has no endpoint.
    Length,
    /// A number of bytes as BER has it (X.690 section 8.1.3), in so many bytes now, and never in
    /// fewer; has no endpoint.
    BerLength(u8),
    /// Nowhere, the span is empty: the endpoint is where the message came from, or a port of that
    /// host.
    Implied,
}

impl Form {
    /// Writes `to` in this form; lengths write nothing, see [`measure`](Self::measure), nor does
    /// [`Form::Implied`].
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
            Self::Number => write!(out, "{}", to.address),
            Self::ReverseNumber => write!(out, "{}", to.address.swap_bytes()),
            Self::BinaryPort => out.put(&port.to_be_bytes()),
            Self::LittlePort => out.put(&port.to_le_bytes()),
            Self::BinaryAddressPort => {
                let [high, low] = port.to_be_bytes();
                out.put(&[a, b, c, d, high, low])
            }
            Self::Length | Self::BerLength(_) | Self::Implied => Ok(()),
        };
        out.0
    }

    /// Writes a number of bytes in this form; what is no length writes nothing.
    #[must_use]
    pub fn measure(self, bytes: usize) -> Replacement {
        match self {
            Self::Length => Self::length(bytes),
            Self::BerLength(at_least) => ber_length(bytes, at_least),
            _ => Replacement::new(),
        }
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

fn ber_length(bytes: usize, at_least: u8) -> Replacement {
    /// First byte of the long form, with the number of those behind it.
    const LONG: u8 = 0x80;
    const MOST: usize = 8;
    let mut out = Writer(Replacement::new());
    let number = (bytes as u64).to_be_bytes();
    let needed = number.iter().skip_while(|byte| **byte == 0).count();
    let behind = usize::from(at_least).saturating_sub(1).max(needed);
    // Fifty bytes at most.
    let _ = match (u8::try_from(bytes), u8::try_from(behind)) {
        (Ok(short @ ..LONG), _) if at_least <= 1 => out.put(&[short]),
        (_, Ok(count @ ..=48)) => out.put(&[LONG | count]).and_then(|()| {
            for _ in MOST..behind {
                out.put(&[0])?;
            }
            out.put(
                number
                    .get(MOST.saturating_sub(behind)..)
                    .unwrap_or_default(),
            )
        }),
        _ => Ok(()),
    };
    out.0
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
            (Form::Number, b"3221225985"),
            (Form::ReverseNumber, b"16908480"),
            (Form::BinaryPort, &[19, 137]),
            (Form::LittlePort, &[137, 19]),
            (Form::BinaryAddressPort, &[192, 0, 2, 1, 19, 137]),
            (Form::Length, b""),
            (Form::BerLength(5), b""),
            (Form::Implied, b""),
        ] {
            assert_eq!(form.write(to).as_slice(), text, "{form:?}");
        }
        assert_eq!(Form::length(1024).as_slice(), b"1024");
        assert_eq!(Form::Length.measure(1024).as_slice(), b"1024");
        assert!(Form::Implied.measure(1024).is_empty());
    }

    /// X.690 section 8.1.3: short, long, and long with more bytes than it takes.
    #[test]
    fn lengths_in_ber_keep_their_bytes_unless_they_need_more() {
        for (bytes, is_now, written) in [
            (127, 1, &[127][..]),
            (128, 1, &[0x81, 128]),
            (256, 1, &[0x82, 1, 0]),
            (127, 2, &[0x81, 127]),
            (255, 3, &[0x82, 0, 255]),
            (300, 2, &[0x82, 1, 44]),
            (66, 5, &[0x84, 0, 0, 0, 66]),
            (66, 10, &[0x89, 0, 0, 0, 0, 0, 0, 0, 0, 66]),
        ] {
            let form = Form::BerLength(is_now);
            assert_eq!(form.measure(bytes).as_slice(), written, "{bytes}");
        }
    }
}
