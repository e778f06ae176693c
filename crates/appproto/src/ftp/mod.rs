//! FTP control channels (RFC 959, 1123, 2228, 2428, 4217).
//!
//! ```text
//!  client: PORT, EPRT            it listens; the server comes, once
//!          PASV, EPSV            asks: one 227 or 229 counts from here on
//!          EPSV ALL              none of PORT, EPRT and PASV counts any more
//!          AUTH                  234 or 235 makes the rest unreadable: released
//!  server: 227, 229 if asked     it listens; the client comes, once
//! ```
//!
//! Both directions are read from their first byte on: the client's first word is a verb, the
//! server's first three bytes a code, or this is another protocol; so is one whose client ever
//! begins a line with what cannot be a verb. A line that is longer than
//! 512 bytes passes without being looked at. Whose address a message names, and whether it
//! may, is for the engine to judge.

mod endpoint;
mod message;
mod telnet;

pub use message::{Message, VERBS, Verb};

use crate::text::{blanks, number};
use crate::{Finding, Findings, Scan, Sender};
use telnet::{LONGEST, Line};

/// What has to be known between two looks at a control channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    flags: u16,
    /// Code of the reply whose last line has not come; zero if there is none.
    reply: u16,
}

const _: () = assert!(size_of::<State>() <= 8);

/// The direction began as it should.
const CLIENT_KNOWN: u16 = 1;
const SERVER_KNOWN: u16 = 1 << 1;
/// In a line that is too long, up to its end.
const CLIENT_SKIPS: u16 = 1 << 2;
const SERVER_SKIPS: u16 = 1 << 3;
/// Asked for and not answered.
const PASV: u16 = 1 << 4;
const EPSV: u16 = 1 << 5;
const AUTH: u16 = 1 << 6;
/// `EPSV ALL` has been said.
const EPSV_ONLY: u16 = 1 << 7;
const RELEASED: u16 = 1 << 8;

impl State {
    /// As one word, to be kept.
    #[must_use]
    pub const fn to_word(self) -> u64 {
        (self.flags as u64) << 16 | self.reply as u64
    }

    /// From that word.
    #[must_use]
    pub const fn from_word(word: u64) -> Self {
        let [.., f0, f1, r0, r1] = word.to_be_bytes();
        Self {
            flags: u16::from_be_bytes([f0, f1]),
            reply: u16::from_be_bytes([r0, r1]),
        }
    }

    const fn has(self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    const fn set(&mut self, flag: u16) {
        self.flags |= flag;
    }

    const fn clear(&mut self, flag: u16) {
        self.flags &= !flag;
    }

    const fn release(&mut self) -> Scan {
        self.set(RELEASED);
        Scan::Release
    }
}

/// Lists the endpoints in whole lines of one direction and calls `seen` for each message.
pub fn scan(
    state: &mut State,
    sender: Sender,
    bytes: &[u8],
    found: &mut Findings,
    mut seen: impl FnMut(Message),
) -> Scan {
    let (known, skips) = match sender {
        Sender::Client => (CLIENT_KNOWN, CLIENT_SKIPS),
        Sender::Server => (SERVER_KNOWN, SERVER_SKIPS),
    };
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if state.has(RELEASED) {
            return Scan::Release;
        }
        if state.has(skips) {
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                return Scan::Complete;
            };
            state.clear(skips);
            at += end + 1;
            continue;
        }
        let line = Line::read(rest);
        let too_long = line.len.is_none() && rest.len() >= LONGEST;
        if !state.has(known) {
            match Beginning::of(sender, line.text(), line.len.is_some()) {
                Beginning::Right => state.set(known),
                Beginning::Open if !too_long => return Scan::NeedMore { from: at },
                Beginning::Open | Beginning::Wrong => return state.release(),
            }
        }
        let Some(len) = line.len else {
            if !too_long {
                return Scan::NeedMore { from: at };
            }
            if sender == Sender::Server {
                // Its beginning still tells where a reply of many lines ends.
                read_reply(state, &line);
            }
            state.set(skips);
            at += LONGEST;
            continue;
        };
        let before = *state;
        let (message, finding) = match sender {
            Sender::Client => read_command(state, &line),
            Sender::Server => read_reply(state, &line),
        };
        if let Some(mut finding) = finding {
            finding.span.start += at;
            finding.span.end += at;
            if found.try_push(finding).is_err() && at > 0 {
                *state = before;
                return Scan::Full { from: at };
            }
        }
        if let Some(message) = message {
            seen(message);
        }
        at += len;
    }
    if state.has(RELEASED) {
        return Scan::Release;
    }
    Scan::Complete
}

/// How the first line of a direction looks so far.
enum Beginning {
    Right,
    Open,
    Wrong,
}

impl Beginning {
    fn of(sender: Sender, text: &[u8], whole: bool) -> Self {
        let right = match sender {
            Sender::Client => {
                let so_far = if whole {
                    None
                } else {
                    text.strip_suffix(b"\r")
                };
                let text = so_far.unwrap_or(text);
                let word = first_word(text);
                match word.len() < text.len() || whole {
                    true => Verb::of(word) != Verb::OTHER,
                    false if message::may_become_a_verb(word) => return Self::Open,
                    false => false,
                }
            }
            Sender::Server => {
                let last = [(b'1', b'5'), (b'0', b'5'), (b'0', b'9')];
                let digits = text
                    .iter()
                    .zip(last)
                    .all(|(byte, (low, high))| (low..=high).contains(byte));
                match text.get(3) {
                    Some(next) => digits && matches!(next, b' ' | b'-'),
                    None if digits && !whole => return Self::Open,
                    None => false,
                }
            }
        };
        if right { Self::Right } else { Self::Wrong }
    }
}

fn read_command(state: &mut State, line: &Line<'_>) -> (Option<Message>, Option<Finding>) {
    let text = line.text();
    let word = first_word(text);
    if !may_be_a_verb(word) {
        state.set(RELEASED);
        return (None, None);
    }
    let rest = text.get(word.len()..).unwrap_or_default();
    let at = word.len() + blanks(rest);
    let argument = text.get(at..).unwrap_or_default();
    let verb = Verb::of(word);
    let finding = match verb.name() {
        "PORT" if !state.has(EPSV_ONLY) => endpoint::port_argument(line, at),
        "EPRT" if !state.has(EPSV_ONLY) => endpoint::eprt_argument(line, at),
        name => {
            match name {
                "PASV" if !state.has(EPSV_ONLY) => state.set(PASV),
                "EPSV" if argument.trim_ascii().eq_ignore_ascii_case(b"ALL") => {
                    state.set(EPSV_ONLY);
                }
                "EPSV" => state.set(EPSV),
                "AUTH" => state.set(AUTH),
                _ => {}
            }
            None
        }
    };
    (Some(Message::Command(verb)), finding)
}

fn read_reply(state: &mut State, line: &Line<'_>) -> (Option<Message>, Option<Finding>) {
    let text = line.text();
    let Some(code) = code(text) else {
        return (None, None);
    };
    let last = text.get(3) != Some(&b'-');
    if state.reply != 0 && !(last && code == state.reply) {
        return (None, None);
    }
    state.reply = if last { 0 } else { code };
    let (finding, asked) = match code {
        227 if state.has(PASV) => (endpoint::passive(line), PASV),
        229 if state.has(EPSV) => (endpoint::extended_passive(line), EPSV),
        _ => (None, 0),
    };
    if last || finding.is_some() {
        state.clear(asked);
    }
    if last && matches!(code, 234 | 235) && state.has(AUTH) {
        state.set(RELEASED);
    }
    (last.then_some(Message::Reply(code)), finding)
}

/// Three digits, then a blank, a hyphen or nothing.
fn code(text: &[u8]) -> Option<u16> {
    let (code, 3) = number(text, 3)? else {
        return None;
    };
    let end = matches!(text.get(3), None | Some(b' ' | b'-'));
    u16::try_from(code).ok().filter(|_| end)
}

/// RFC 959 section 5.3.1: letters; those of later standards and of servers have digits behind
/// them. A header of HTTP is none, whatever method it belongs to.
fn may_be_a_verb(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_alphanumeric)
}

fn first_word(text: &[u8]) -> &[u8] {
    text.split(|byte| matches!(byte, b' ' | b'\t'))
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
