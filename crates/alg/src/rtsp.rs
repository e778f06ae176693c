//! RTSP connections: how long their doors stay open.
//!
//! A server ends a session after so many seconds without a word from the client, and says so in
//! its answer to SETUP (RFC 2326 section 12.37). The doors of a connection last as long, with
//! some grace, from each request of the client on; the end of its session closes them. Where
//! several sessions share a connection nothing tells whose a door is: they close by their time.

use appproto::rtsp::{Kind, Message};
use appproto::{Sender, Span};
use base::Nanos;

/// What a server means that says nothing.
const USUAL: u16 = 60;

/// The longest that doors wait for somebody.
const LONGEST: u32 = 3600;

/// How much longer doors last than the server would wait.
const GRACE: Nanos = Nanos::from_secs(30);

/// What becomes of the doors that a session has opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doors {
    /// They stay as they are.
    #[default]
    Stay,
    /// They wait so long from now on.
    Last(Nanos),
    /// They close.
    Close,
}

/// What is known of a connection's sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sessions {
    /// Seconds; zero if nothing was said.
    timeout: u16,
    /// Of the identifier of one of them; zero before there is one.
    hash: u32,
    several: bool,
    /// That one has ended: its answers may still come.
    over: bool,
}

impl Sessions {
    pub(crate) const fn to_word(self) -> u64 {
        (self.over as u64) << 56
            | (self.several as u64) << 48
            | (self.timeout as u64) << 32
            | self.hash as u64
    }

    pub(crate) const fn from_word(word: u64) -> Self {
        let [over, several, t0, t1, h0, h1, h2, h3] = word.to_be_bytes();
        Self {
            timeout: u16::from_be_bytes([t0, t1]),
            hash: u32::from_be_bytes([h0, h1, h2, h3]),
            several: several != 0,
            over: over != 0,
        }
    }

    /// How long a door waits from now on.
    pub(crate) fn lifetime(self) -> Nanos {
        let seconds = if self.timeout == 0 {
            USUAL
        } else {
            self.timeout
        };
        Nanos::from_secs(u64::from(seconds)).plus(GRACE)
    }

    /// Takes note of a message; what it means for the doors.
    pub(crate) fn note(&mut self, sender: Sender, bytes: &[u8], message: &Message) -> Doors {
        match (sender, message.kind) {
            (Sender::Client, Kind::Request(_)) if message.is_teardown() && !self.several => {
                self.over = true;
                Doors::Close
            }
            (Sender::Client, Kind::Request(_)) => Doors::Last(self.lifetime()),
            (Sender::Server, Kind::Response(200..300)) => {
                let Some(id) = message.session else {
                    return Doors::Stay;
                };
                let hash = hash(bytes, id);
                if self.hash != hash {
                    self.several |= self.hash != 0 && !self.over;
                    self.hash = hash;
                    self.over = false;
                }
                if let Some(timeout) = message.timeout {
                    self.timeout = u16::try_from(timeout.clamp(1, LONGEST)).unwrap_or(USUAL);
                }
                Doors::Last(self.lifetime())
            }
            _ => Doors::Stay,
        }
    }
}

/// FNV-1a, never zero.
fn hash(bytes: &[u8], id: Span) -> u32 {
    let hash = id.of(bytes).iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    hash.max(1)
}

#[cfg(test)]
mod tests {
    use appproto::rtsp::Method;

    use super::*;

    const IDS: &[u8] = b"12345678abcdefgh";

    fn message(kind: Kind, session: Option<Span>, timeout: Option<u32>) -> Message {
        Message {
            kind,
            cseq: None,
            session,
            timeout,
        }
    }

    fn request(method: &[u8]) -> Message {
        message(Kind::Request(Method::of(method)), None, None)
    }

    fn set_up(id: usize, timeout: Option<u32>) -> Message {
        message(Kind::Response(200), Some(Span::new(id, 8)), timeout)
    }

    /// RFC 2326 section 12.37: a minute where nothing is said.
    #[test]
    fn doors_last_as_long_as_the_server_waits() {
        let mut sessions = Sessions::default();
        let mut note = |sender, message: &Message| sessions.note(sender, IDS, message);
        let last = |seconds| Doors::Last(Nanos::from_secs(seconds));
        assert_eq!(note(Sender::Client, &request(b"SETUP")), last(90));
        assert_eq!(note(Sender::Server, &set_up(0, Some(10))), last(40));
        assert_eq!(note(Sender::Client, &request(b"GET_PARAMETER")), last(40));
        assert_eq!(note(Sender::Server, &set_up(0, None)), last(40));
        let longest = set_up(0, Some(999_999_999));
        assert_eq!(note(Sender::Server, &longest), last(3630));
        // Neither what the server asks nor what it refuses keeps anything open.
        assert_eq!(note(Sender::Server, &request(b"OPTIONS")), Doors::Stay);
        let refused = message(Kind::Response(454), Some(Span::new(0, 8)), Some(1));
        assert_eq!(note(Sender::Server, &refused), Doors::Stay);
        assert_eq!(note(Sender::Client, &request(b"TEARDOWN")), Doors::Close);
    }

    #[test]
    fn the_end_of_one_of_several_sessions_closes_nothing() {
        let mut sessions = Sessions::default();
        sessions.note(Sender::Server, IDS, &set_up(0, None));
        sessions.note(Sender::Server, IDS, &set_up(8, None));
        let doors = sessions.note(Sender::Client, IDS, &request(b"TEARDOWN"));
        assert_eq!(doors, Doors::Last(Nanos::from_secs(90)));
        // One after the other is one at a time.
        let mut sessions = Sessions::default();
        for id in [0, 8] {
            sessions.note(Sender::Server, IDS, &set_up(id, None));
            let doors = sessions.note(Sender::Client, IDS, &request(b"TEARDOWN"));
            assert_eq!(doors, Doors::Close);
            // The answer names the session, too.
            sessions.note(Sender::Server, IDS, &set_up(id, None));
        }
    }

    #[test]
    fn what_is_known_is_one_word() {
        for (timeout, hash, several, over) in [
            (0, 0, false, false),
            (60, 0xdead_beef, true, false),
            (65_535, 1, false, true),
        ] {
            let sessions = Sessions {
                timeout,
                hash,
                several,
                over,
            };
            assert_eq!(Sessions::from_word(sessions.to_word()), sessions);
        }
        assert_eq!(Sessions::default().to_word(), 0);
    }
}
