//! TFTP requests (RFC 1350, options of RFC 2347).
//!
//! ```text
//!  0      2
//! +------+----------+---+------+---+--------+---+-------+---+
//! | 1, 2 | filename | 0 | mode | 0 | option | 0 | value | 0 | ...
//! +------+----------+---+------+---+--------+---+-------+---+
//! ```
//!
//! The server answers a request from a port that nobody knows before, to where the request
//! came from. So a request opens a door there for any port of that server; nothing in it is
//! written anew, and its options change nothing.

use crate::{
    Channel, Endpoint, Finding, Findings, Form, Ports, Remote, Role, Scan, Sender, Span, Transport,
    Uses,
};

/// Longest request: nothing says so but its place in one datagram (RFC 2347).
const LONGEST: usize = 512;
const MODES: [&[u8]; 3] = [b"netascii", b"octet", b"mail"];

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// To read a file.
    Read,
    /// To write one.
    Write,
}

impl Message {
    /// Names it in statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "RRQ",
            Self::Write => "WRQ",
        }
    }
}

/// Lists the door that a datagram to the server's well-known port opens. Anything but a
/// request of the client is of another protocol.
pub fn scan(
    sender: Sender,
    datagram: &[u8],
    found: &mut Findings,
    seen: impl FnOnce(Message),
) -> Scan {
    let Some(message) = request(datagram).filter(|_| sender == Sender::Client) else {
        return Scan::Release;
    };
    // One finding: the caller has room for it.
    let _ = found.try_push(Finding {
        span: Span::new(datagram.len(), 0),
        endpoint: Endpoint::default(),
        form: Form::Implied,
        role: Role::Listens(Channel {
            transport: Transport::Udp,
            ports: Ports::One,
            uses: Uses::Once,
            remote: Remote::Peer,
        }),
    });
    seen(message);
    Scan::Complete
}

fn request(datagram: &[u8]) -> Option<Message> {
    if datagram.len() > LONGEST {
        return None;
    }
    let (message, rest) = match datagram {
        [0, 1, rest @ ..] => (Message::Read, rest),
        [0, 2, rest @ ..] => (Message::Write, rest),
        _ => return None,
    };
    let (filename, rest) = string(rest)?;
    let (mode, mut rest) = string(rest)?;
    let known = MODES.iter().any(|known| known.eq_ignore_ascii_case(mode));
    if filename.is_empty() || !known {
        return None;
    }
    // Some boot loaders fill the datagram up with zeros.
    while rest.iter().any(|byte| *byte != 0) {
        let (_, behind_option) = string(rest).filter(|(option, _)| !option.is_empty())?;
        let (_, behind_value) = string(behind_option)?;
        rest = behind_value;
    }
    Some(message)
}

/// Up to a zero, and what is behind it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::check;

    fn read(sender: Sender, datagram: &[u8]) -> (Scan, usize, Option<&'static str>) {
        let mut found = Findings::new();
        let mut name = None;
        let scanned = scan(sender, datagram, &mut found, |message| {
            name = Some(message.name());
        });
        check(datagram, &found);
        (scanned, found.len(), name)
    }

    /// PROTOCOLS B2; RFC 1350 section 5, RFC 2347.
    #[test]
    fn requests_open_a_door() {
        for (datagram, name) in [
            (&b"\0\x01file\0octet\0"[..], "RRQ"),
            (b"\0\x02a/b\0NETASCII\0", "WRQ"),
            (b"\0\x01f\0mail\0", "RRQ"),
            (b"\0\x01f\0octet\0blksize\x001428\0tsize\x000\0", "RRQ"),
            (b"\0\x01f\0octet\0multicast\0\0", "RRQ"),
            (b"\0\x01f\0octet\0\0\0\0", "RRQ"),
        ] {
            let expected = (Scan::Complete, 1, Some(name));
            assert_eq!(
                read(Sender::Client, datagram),
                expected,
                "{}",
                datagram.escape_ascii()
            );
        }
    }

    /// PROTOCOLS B2: "restrict to payloads that parse"; REQUIREMENTS G2.
    #[test]
    fn what_is_no_request_opens_nothing() {
        for datagram in [
            &b""[..],
            b"\0\x01",
            b"\0\x01f\0octet",
            b"\0\x01f\0octets\0",
            b"\0\x01\0octet\0",
            b"\0\x03\0\x01data",
            b"\0\x04\0\x01",
            b"\x01\x01f\0octet\0",
            b"\0\x01f\0octet\0blksize\0",
            b"\0\x01f\0octet\0blksize\x001428",
            b"\0\x01f\0octet\0\0x\0",
            &[b"\0\x01".repeat(300), b"f\0octet\0".to_vec()].concat(),
        ] {
            let expected = (Scan::Release, 0, None);
            assert_eq!(
                read(Sender::Client, datagram),
                expected,
                "{}",
                datagram.escape_ascii()
            );
        }
        assert_eq!(
            read(Sender::Server, b"\0\x01f\0octet\0"),
            (Scan::Release, 0, None)
        );
    }

    /// The first packet from the server fixes its port: one flow, from the peer alone.
    #[test]
    fn the_door_is_where_the_request_came_from() {
        let mut found = Findings::new();
        scan(Sender::Client, b"\0\x01f\0octet\0", &mut found, |_| ());
        let Role::Listens(channel) = found[0].role else {
            panic!("{found:?}");
        };
        assert_eq!((channel.uses, channel.remote), (Uses::Once, Remote::Peer));
        assert_eq!((found[0].form, found[0].span.len()), (Form::Implied, 0));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            head in prop::sample::select(std::vec![&b""[..], b"\0\x01", b"\0\x01f\0octet\0", b"\0\x02f\0mail\0a\0"]),
            tail in prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..600),
        ) {
            let datagram: Vec<u8> = [head, &tail].concat();
            let (scanned, found, name) = read(Sender::Client, &datagram);
            prop_assert_eq!(scanned == Scan::Complete, name.is_some());
            prop_assert_eq!(found, usize::from(name.is_some()));
        }
    }
}
