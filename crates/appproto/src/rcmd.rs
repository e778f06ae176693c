//! rsh, rexec and rlogin: the first bytes of their clients (BSD manual pages, RFC 1282).
//!
//! ```text
//!  rsh, rexec:  "1022" 0  user 0 ...     the port of the second channel, or "0" or nothing
//!  rlogin:      0  user 0 user 0 ...     no second channel
//! ```
//!
//! The server says nothing before it knows the port, and connects there before it reads on, so
//! the port mostly comes alone. Behind it there is nothing to be read.

use crate::text::port;
use crate::{
    Channel, Endpoint, Finding, Findings, Form, Ports, Remote, Role, Scan, Sender, Span, Transport,
    Uses,
};

/// Longest port, without the zero behind it.
const DIGITS: usize = 5;
/// Where the reserved ports begin that servers of rsh connect to.
const FIRST_PORT: u16 = 512;

/// Which of them a session is, by the server's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// rexec, port 512.
    Exec,
    /// rlogin, port 513.
    Login,
    /// rsh, port 514.
    Shell,
}

impl Service {
    /// Names it in statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exec => "rexec",
            Self::Login => "rlogin",
            Self::Shell => "rsh",
        }
    }
}

/// What has to be known between two looks at a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    released: bool,
}

const _: () = assert!(size_of::<State>() <= 8);

impl State {
    /// As one word, to be kept.
    #[must_use]
    pub const fn to_word(self) -> u64 {
        self.released as u64
    }

    /// From that word.
    #[must_use]
    pub const fn from_word(word: u64) -> Self {
        Self {
            released: word != 0,
        }
    }
}

/// Lists the port in the first bytes of a client and calls `seen` for a client that begins
/// as this service does. Releases the session behind them, and where the server speaks first.
pub fn scan(
    service: Service,
    state: &mut State,
    sender: Sender,
    bytes: &[u8],
    found: &mut Findings,
    seen: impl FnOnce(Service),
) -> Scan {
    if state.released {
        return Scan::Release;
    }
    if bytes.is_empty() {
        return Scan::Complete;
    }
    if sender == Sender::Server {
        state.released = true;
        return Scan::Release;
    }
    let Some(end) = bytes.iter().take(DIGITS + 1).position(|byte| *byte == 0) else {
        let so_far = bytes.len() <= DIGITS && bytes.iter().all(u8::is_ascii_digit);
        if so_far && service != Service::Login {
            return Scan::NeedMore { from: 0 };
        }
        state.released = true;
        return Scan::Release;
    };
    state.released = true;
    let text = bytes.get(..end).unwrap_or_default();
    match (service, port(text)) {
        (_, None) if end == 0 => seen(service),
        (Service::Shell | Service::Exec, Some((port, len))) if len == end => {
            if port >= FIRST_PORT {
                // One finding: the caller has room for it.
                let _ = found.try_push(second_channel(port, end));
            }
            seen(service);
        }
        _ => {}
    }
    Scan::Release
}

fn second_channel(port: u16, digits: usize) -> Finding {
    Finding {
        span: Span::new(0, digits),
        endpoint: Endpoint { address: 0, port },
        form: Form::Port,
        role: Role::Listens(Channel {
            transport: Transport::Tcp,
            ports: Ports::One,
            uses: Uses::Once,
            remote: Remote::Peer,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::{feed, splice};

    /// Ports found, whether released, and whether the service was recognised.
    fn read(service: Service, stream: &[u8], cuts: &[usize]) -> (Vec<u16>, bool, bool) {
        let mut state = State::default();
        let mut seen = false;
        let (found, released) = feed(stream, cuts, |bytes, found| {
            scan(service, &mut state, Sender::Client, bytes, found, |_| {
                seen = true;
            })
        });
        let ports = found.iter().map(|finding| finding.endpoint.port).collect();
        (ports, released, seen)
    }

    /// PROTOCOLS B9, rows rsh and rexec.
    #[test]
    fn the_second_channel_is_where_the_digits_say() {
        for (stream, ports) in [
            (&b"1022\0"[..], &[1022][..]),
            (b"1022\0me\0you\0ls\0", &[1022]),
            (b"65535\0", &[65535]),
            (b"512\0", &[512]),
            (b"511\0", &[]),
            (b"0\0me\0", &[]),
            (b"\0me\0", &[]),
        ] {
            for service in [Service::Shell, Service::Exec] {
                let expected = (ports.to_vec(), true, true);
                assert_eq!(
                    read(service, stream, &[]),
                    expected,
                    "{}",
                    stream.escape_ascii()
                );
            }
        }
    }

    /// PROTOCOLS B9: "at most 5 digits before the NUL, otherwise stop inspecting".
    #[test]
    fn other_first_bytes_are_released() {
        for stream in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"102200\0",
            b"65536\0",
            b"102x\0",
            b"x",
            b"12\n",
        ] {
            for service in [Service::Shell, Service::Exec, Service::Login] {
                let expected = (Vec::new(), true, false);
                assert_eq!(
                    read(service, stream, &[]),
                    expected,
                    "{}",
                    stream.escape_ascii()
                );
            }
        }
    }

    /// RFC 1282: the client's first byte is zero; nothing in it is a port.
    #[test]
    fn rlogin_is_recognised_and_left_alone() {
        assert_eq!(
            read(Service::Login, b"\0me\0you\0vt100/9600\0", &[]),
            (Vec::new(), true, true)
        );
        assert_eq!(
            read(Service::Login, b"1022\0", &[]),
            (Vec::new(), true, false)
        );
        assert_eq!(read(Service::Login, b"1", &[]), (Vec::new(), true, false));
    }

    /// BSD manual pages: a server waits for the port before it says anything.
    #[test]
    fn a_server_that_speaks_first_is_another() {
        for service in [Service::Shell, Service::Exec, Service::Login] {
            let mut state = State::default();
            let mut found = Findings::new();
            let mut hear = |sender, bytes| {
                scan(service, &mut state, sender, bytes, &mut found, |_| {
                    panic!("no such client");
                })
            };
            assert_eq!(hear(Sender::Server, &b""[..]), Scan::Complete);
            if service != Service::Login {
                assert_eq!(hear(Sender::Client, b"102"), Scan::NeedMore { from: 0 });
            }
            assert_eq!(hear(Sender::Server, b"\x01No\n"), Scan::Release);
            assert_eq!(hear(Sender::Client, b"1022\0"), Scan::Release);
            assert_eq!(found.len(), 0);
        }
    }

    /// PROTOCOLS B9, tests: digits split.
    #[test]
    fn digits_may_come_one_by_one() {
        for cut in 0..=6 {
            let read = read(Service::Shell, b"65535\0", &[cut]);
            assert_eq!(read, (std::vec![65535], true, true), "{cut}");
        }
    }

    /// PROTOCOLS B9, tests: five digits replaced by three and the reverse.
    #[test]
    fn digits_may_become_more_or_fewer() {
        let mut found = Findings::new();
        let stream = b"60000\0me\0";
        scan(
            Service::Shell,
            &mut State::default(),
            Sender::Client,
            stream,
            &mut found,
            |_| (),
        );
        let there = splice(stream, &found, |to| Endpoint { port: 700, ..to });
        assert_eq!(there, b"700\0me\0");
        found.clear();
        scan(
            Service::Shell,
            &mut State::default(),
            Sender::Client,
            &there,
            &mut found,
            |_| (),
        );
        assert_eq!(
            splice(&there, &found, |to| Endpoint { port: 60000, ..to }),
            stream
        );
    }

    proptest! {
        #[test]
        fn any_segmentation_finds_the_same(
            head in prop::sample::select(std::vec![&b""[..], b"1", b"1022", b"1022\0", b"99999", b"\0"]),
            tail in prop::collection::vec(prop_oneof![Just(0), b'0'..=b'9', any::<u8>()], 0..20),
            cuts in prop::collection::vec(any::<usize>(), 0..8),
            service in prop::sample::select(std::vec![Service::Exec, Service::Login, Service::Shell]),
        ) {
            let stream = [head, &tail].concat();
            prop_assert_eq!(read(service, &stream, &[]), read(service, &stream, &cuts));
        }
    }
}
