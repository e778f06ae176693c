//! SIP: one message at a time, what it says about the doors of its call, and which inside hosts
//! know their outside address.
//!
//! ```text
//!  REGISTER ─> contact: asked time ──200──> granted time ──200 without it──> shut
//!  INVITE ──> media: offered ──2xx──> agreed ──BYE, session timer──> shut
//!                       └──CANCEL, 3xx..6xx──> shut
//! ```
//!
//! What an offer has opened and nobody has agreed to closes with its refusal; so a re-INVITE that
//! is refused leaves the call as it was. Where a request may come again in another form, after a
//! challenge or a redirection, its doors wait for it. They close by themselves in the end,
//! whatever messages are lost.

use appproto::sip::{Class, Contact, Frame, Kind, Method, SipError, Summary, frame, scan};
use appproto::{Finding, Findings, Remote, Role, Scan, Span, Transport};
use base::{Direction, Nanos};

use crate::engine::{Agreed, Host, Keeper, Terms};
use crate::gateway::Scanned;

/// As long as a transaction takes at most: 64 times T1 (RFC 3261 section 17).
pub const TRANSACTION: Nanos = Nanos::from_secs(32);

/// As long as an INVITE may ring: more than Timer C (RFC 3261 section 16.6).
const RINGING: Nanos = Nanos::from_secs(300);

/// As long as anything is asked for, whatever is said.
const LONGEST: u32 = 24 * 3600;

const _: () = assert!(Method::ALL.len() == nat::SipKinds::METHODS);
const _: () = assert!(Class::ALL.len() == nat::SipKinds::CLASSES);

/// What statistics call requests, in the order of their count.
#[must_use]
pub fn method_names() -> [&'static str; nat::SipKinds::METHODS] {
    Method::ALL.map(Method::token)
}

/// The same for responses.
#[must_use]
pub fn class_names() -> [&'static str; nat::SipKinds::CLASSES] {
    Class::ALL.map(Class::name)
}

/// What a session's notes say.
mod note {
    /// Its datagrams have been messages.
    pub(super) const SPOKEN: u64 = 1;
    /// The inside host writes an outside address of ours in `Via`: it knows where it is.
    pub(super) const PUBLIC: u64 = 2;
    /// The same in `Contact`.
    pub(super) const PUBLIC_CONTACT: u64 = 4;
}

/// What a gateway keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message of a stream.
    pub message: usize,
    /// Media lines.
    pub media: usize,
}

/// A message and where it stands; the spans of its summary begin there.
#[derive(Clone, Debug)]
pub struct Message {
    /// Offset of its first byte, and of the one behind it.
    pub span: Span,
    /// What it says.
    pub summary: Summary,
}

impl Message {
    /// Its place in the tables of [`nat::SipKinds`]: by method or by class of response.
    #[must_use]
    pub fn kind(&self) -> (bool, usize) {
        match self.summary.kind {
            Kind::Request(method) => (true, method as usize),
            Kind::Response(code) => (false, Class::of(code) as usize),
        }
    }

    /// How the door at a place of it is kept.
    #[must_use]
    pub fn terms(&self, finding: &Finding, call_timeout: Nanos) -> Terms {
        let summary = &self.summary;
        let method = method(summary);
        let is_request = matches!(summary.kind, Kind::Request(_));
        let registers = is_request && method == Method::Register;
        match finding.role {
            Role::Answers(_, Remote::Peer) => Terms {
                lifetime: (method == Method::Invite).then_some(RINGING),
                keeper: Keeper::Time,
                ..Terms::default()
            },
            Role::Answers(..) if registers => {
                let at = finding.span.start - self.span.start.min(finding.span.start);
                let contact = summary
                    .contacts
                    .iter()
                    .find(|contact| (contact.span.start..contact.span.end).contains(&at));
                Terms {
                    lifetime: Some(registered(asked(summary, contact))),
                    keeper: match contact {
                        Some(_) => Keeper::Call(Agreed::Yes),
                        None => Keeper::Time,
                    },
                    ..Terms::default()
                }
            }
            Role::Answers(..) => Terms {
                lifetime: begins_dialog(method).then_some(call_timeout),
                keeper: Keeper::Time,
                ..Terms::default()
            },
            _ => Terms {
                lifetime: Some(if is_request && method == Method::Invite {
                    // Somebody has to answer within Timer B (RFC 3261 section 17.1.1.2).
                    of_call(summary, call_timeout).min(TRANSACTION)
                } else {
                    of_call(summary, call_timeout)
                }),
                keeper: Keeper::Call(match method {
                    Method::Ack => Agreed::Yes,
                    Method::Invite => Agreed::No,
                    _ => Agreed::AsTheCall,
                }),
                ..Terms::default()
            },
        }
    }

    /// What becomes of the doors of its call once those of the message itself are open.
    #[must_use]
    pub fn turn(&self, direction: Direction, call_timeout: Nanos) -> Option<Turn> {
        let summary = &self.summary;
        let method = method(summary);
        match (summary.kind, method) {
            (Kind::Request(Method::Bye), _) => Some(Turn::Over {
                within: TRANSACTION,
            }),
            (Kind::Request(Method::Register), _) => {
                let mut contacts = summary.contacts.iter();
                let gives_up = summary.all_contacts
                    || !summary.contacts.is_empty()
                        && contacts.all(|contact| summary.lifetime(contact) == 0);
                gives_up.then_some(Turn::Over {
                    within: TRANSACTION,
                })
            }
            (Kind::Response(100..200), Method::Invite) => {
                Some(Turn::Rings(of_call(summary, call_timeout).min(RINGING)))
            }
            (Kind::Response(200..300), Method::Invite) => {
                Some(Turn::Agreed(of_call(summary, call_timeout)))
            }
            (Kind::Response(200..300), Method::Update) => summary
                .session_expires
                .map(|_| Turn::Renewed(of_call(summary, call_timeout))),
            (Kind::Response(200..300), Method::Register) => {
                (direction == Direction::Inbound).then_some(Turn::Granted)
            }
            // It comes again with credentials.
            (Kind::Response(401 | 407), Method::Bye) => None,
            // It may cross an answer, or comes again, to somebody else or in another form.
            (Kind::Request(Method::Cancel), _)
            | (Kind::Response(300..400 | 401 | 407 | 422), Method::Invite) => Some(Turn::Refused {
                within: TRANSACTION,
            }),
            (Kind::Response(400..), Method::Invite) => Some(Turn::Refused { within: Nanos(0) }),
            (Kind::Response(200..), Method::Bye) => Some(Turn::Over { within: Nanos(0) }),
            _ => None,
        }
    }

    /// How long a contact of ours stays registered, by a response; nothing if it does not.
    #[must_use]
    pub fn granted(&self, outside: (u32, u16)) -> Option<Nanos> {
        let summary = &self.summary;
        let contact = summary
            .contacts
            .iter()
            .find(|contact| (contact.endpoint.address, contact.endpoint.port) == outside)?;
        Some(summary.lifetime(contact))
            .filter(|seconds| *seconds > 0)
            .map(registered)
    }
}

/// What a message does to the doors of its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Somebody works on it: what has been offered stays so long.
    Rings(Nanos),
    /// What has been offered is agreed upon, and stays so long.
    Agreed(Nanos),
    /// All of it stays so long from now on.
    Renewed(Nanos),
    /// What nobody has agreed to closes.
    Refused {
        /// After this time.
        within: Nanos,
    },
    /// All of it closes.
    Over {
        /// After this time.
        within: Nanos,
    },
    /// A registration: what [`Message::granted`] says of each contact.
    Granted,
}

/// The method of a request, or of what a response answers.
fn method(summary: &Summary) -> Method {
    match (summary.kind, summary.cseq) {
        (Kind::Request(method), _) | (Kind::Response(_), Some((_, method))) => method,
        (Kind::Response(_), None) => Method::Other,
    }
}

/// Whether a `Contact` is where the other side goes on to write to (RFC 3261 section 12).
const fn begins_dialog(method: Method) -> bool {
    !matches!(
        method,
        Method::Options | Method::Message | Method::Cancel | Method::Bye | Method::Info
    )
}

fn asked(summary: &Summary, contact: Option<&Contact>) -> u32 {
    let of = |contact| summary.lifetime(contact);
    contact
        .map(of)
        .or_else(|| summary.contacts.iter().map(of).max())
        .or(summary.expires)
        .unwrap_or(3600)
}

/// The time of a registration, and for its renewal to come.
fn registered(seconds: u32) -> Nanos {
    Nanos::from_secs(u64::from(seconds.min(LONGEST))).plus(TRANSACTION)
}

/// How long media are waited for: as long as the call lasts without a word (RFC 4028).
fn of_call(summary: &Summary, call_timeout: Nanos) -> Nanos {
    summary.session_expires.map_or(call_timeout, |seconds| {
        Nanos::from_secs(u64::from(seconds.min(LONGEST))).plus(TRANSACTION)
    })
}

/// Reads one message that a session of this transport carries; [`Scan::Full`] if there is more
/// behind it.
pub(crate) fn read(
    notes: &mut u64,
    (direction, transport): (Direction, Transport),
    bytes: &[u8],
    limits: Limits,
    host: &impl Host,
    found: &mut Findings,
) -> Scanned {
    let datagram = transport == Transport::Udp;
    let maximum = if datagram {
        bytes.len()
    } else {
        limits.message
    };
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return Scanned::of(Scan::Complete);
        }
        match frame(rest, transport, maximum) {
            Frame::KeepAlive(len) => at += len,
            Frame::NeedMore if datagram => return Scanned::of(Scan::Complete),
            Frame::NeedMore => return Scanned::of(Scan::NeedMore { from: at }),
            // A datagram that is none says little about the others.
            Frame::Release(error) if datagram => {
                let is_sip = error != SipError::NotSip || *notes & note::SPOKEN != 0;
                return Scanned {
                    errors: u64::from(is_sip),
                    ..Scanned::of(if is_sip {
                        Scan::Complete
                    } else {
                        Scan::Release
                    })
                };
            }
            Frame::Release(error) => {
                return Scanned {
                    errors: u64::from(error != SipError::NotSip),
                    ..Scanned::of(Scan::Release)
                };
            }
            Frame::Message(len) => {
                *notes |= note::SPOKEN;
                let span = Span::new(at, len);
                let more = !datagram && span.end < bytes.len();
                let scan = if more {
                    Scan::Full { from: span.end }
                } else {
                    Scan::Complete
                };
                let message = message(notes, direction, (bytes, span), limits, host, found);
                return Scanned {
                    messages: 1,
                    errors: u64::from(message.is_none()),
                    message,
                    ..Scanned::of(scan)
                };
            }
        }
    }
}

fn message(
    notes: &mut u64,
    direction: Direction,
    (bytes, span): (&[u8], Span),
    limits: Limits,
    host: &impl Host,
    found: &mut Findings,
) -> Option<Message> {
    let who = |address| match direction {
        Direction::Outbound => host.is_own(address),
        Direction::Inbound => host.is_outside(address),
    };
    let summary = scan(span.of(bytes), direction, who, found).ok();
    let summary = summary.filter(|summary| summary.media.len() <= limits.media);
    let Some(summary) = summary else {
        found.clear();
        return None;
    };
    match direction {
        Direction::Outbound => learn(notes, &summary, host),
        Direction::Inbound => leave_known(*notes, &summary, found),
    }
    for finding in found.iter_mut() {
        finding.span = moved(finding.span, span.start);
        if let Role::LengthOf(of) = &mut finding.role {
            *of = moved(*of, span.start);
        }
    }
    Some(Message { span, summary })
}

const fn moved(span: Span, by: usize) -> Span {
    Span {
        start: span.start + by,
        end: span.end + by,
    }
}

/// Takes down whether a host says where it is outside by itself (STUN, `rport`).
fn learn(notes: &mut u64, summary: &Summary, host: &impl Host) {
    if let (Kind::Request(_), Some(hop)) = (summary.kind, summary.via)
        && let Some(sent_by) = hop.sent_by
    {
        set(notes, note::PUBLIC, host.is_outside(sent_by.address));
    }
    if let Some(contact) = summary.contact {
        set(
            notes,
            note::PUBLIC_CONTACT,
            host.is_outside(contact.address),
        );
    }
}

const fn set(notes: &mut u64, bit: u64, yes: bool) {
    if yes {
        *notes |= bit;
    } else {
        *notes &= !bit;
    }
}

/// Who writes its outside address gets that back: nothing is changed of a host's that does so in
/// all places, and of one that does so in `Contact` what has been changed on the way out.
fn leave_known(notes: u64, summary: &Summary, found: &mut Findings) {
    if notes & note::PUBLIC != 0 {
        found.clear();
    } else if notes & note::PUBLIC_CONTACT != 0 {
        let via = summary.via.unwrap_or_default();
        let of_via = |span: Span| {
            let starts = [
                Some(via.host),
                via.received.map(|(_, span)| span),
                via.rport.map(|(_, span)| span),
            ];
            starts
                .into_iter()
                .flatten()
                .any(|part| part.start == span.start)
        };
        found.retain(|finding| finding.role == Role::Host || of_via(finding.span));
    }
}

#[cfg(test)]
mod tests {
    use appproto::{Channel, Endpoint, Ports, Uses};
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use super::*;
    use crate::engine::Refused;

    const INSIDE: u32 = 0x0a40_0007;
    const OUTSIDE: u32 = 0xcb00_7105;
    const HOUR: Nanos = Nanos::from_secs(3600);
    const LIMITS: Limits = Limits {
        message: 4096,
        media: 2,
    };

    /// Who is whose, and nothing else.
    struct Known;

    impl Host for Known {
        fn is_own(&self, address: u32) -> bool {
            address == INSIDE
        }

        fn is_outside(&self, address: u32) -> bool {
            address == OUTSIDE
        }

        fn open(
            &mut self,
            _: Endpoint,
            _: Channel,
            _: Option<u8>,
            _: Terms,
        ) -> Result<Endpoint, Refused> {
            Err(Refused)
        }

        fn lead(&mut self, _: Endpoint, _: Transport, _: Option<u8>, _: Terms) {}

        fn expect(&mut self, _: Endpoint, _: Channel, _: Terms) {}

        fn outside_of(&self, _: Endpoint, _: Transport) -> Option<Endpoint> {
            None
        }

        fn inside_of(&self, _: Endpoint, _: Transport) -> Option<Endpoint> {
            None
        }

        fn narrow(&mut self, _: Endpoint, _: Channel) {}

        fn outside_host(&self, _: u32) -> Option<u32> {
            None
        }

        fn inside_host(&self, _: u32) -> Option<u32> {
            None
        }
    }

    fn crlf(text: &str) -> Vec<u8> {
        text.replace('\n', "\r\n").into_bytes()
    }

    fn look(
        notes: &mut u64,
        direction: Direction,
        transport: Transport,
        bytes: &[u8],
    ) -> (Scanned, Findings) {
        let mut found = Findings::new();
        let scanned = read(
            notes,
            (direction, transport),
            bytes,
            LIMITS,
            &Known,
            &mut found,
        );
        (scanned, found)
    }

    fn message(text: &str) -> Message {
        let (scanned, _) = look(&mut 0, Direction::Outbound, Transport::Udp, &crlf(text));
        scanned.message.expect("a message")
    }

    fn turn(text: &str) -> Option<Turn> {
        message(text).turn(Direction::Inbound, HOUR)
    }

    /// PROTOCOLS B4.3: media doors live from the offer to the end of the call.
    #[test]
    fn a_call_turns_with_its_messages() {
        let response = |code: u16, method: &str, more: &str| {
            turn(&format!("SIP/2.0 {code} x\nCSeq: 1 {method}\n{more}\n"))
        };
        let request =
            |method: &str| turn(&format!("{method} sip:b@x SIP/2.0\nCSeq: 1 {method}\n\n"));
        let now = Nanos(0);
        for (turn, expected) in [
            (request("INVITE"), None),
            (request("ACK"), None),
            (
                request("BYE"),
                Some(Turn::Over {
                    within: TRANSACTION,
                }),
            ),
            (
                request("CANCEL"),
                Some(Turn::Refused {
                    within: TRANSACTION,
                }),
            ),
            (response(183, "INVITE", ""), Some(Turn::Rings(RINGING))),
            (response(180, "PRACK", ""), None),
            (response(200, "INVITE", ""), Some(Turn::Agreed(HOUR))),
            (
                response(202, "INVITE", "Session-Expires: 90\n"),
                Some(Turn::Agreed(Nanos::from_secs(122))),
            ),
            (response(200, "UPDATE", ""), None),
            (
                response(200, "UPDATE", "x: 90\n"),
                Some(Turn::Renewed(Nanos::from_secs(122))),
            ),
            (response(200, "BYE", ""), Some(Turn::Over { within: now })),
            (response(481, "BYE", ""), Some(Turn::Over { within: now })),
            (response(407, "BYE", ""), None),
            (
                response(486, "INVITE", ""),
                Some(Turn::Refused { within: now }),
            ),
            (
                response(699, "INVITE", ""),
                Some(Turn::Refused { within: now }),
            ),
            (
                response(302, "INVITE", ""),
                Some(Turn::Refused {
                    within: TRANSACTION,
                }),
            ),
            (
                response(401, "INVITE", ""),
                Some(Turn::Refused {
                    within: TRANSACTION,
                }),
            ),
            (response(486, "OPTIONS", ""), None),
            (response(200, "REGISTER", ""), Some(Turn::Granted)),
            (response(403, "REGISTER", ""), None),
        ] {
            assert_eq!(turn, expected);
        }
    }

    /// PROTOCOLS B4.4.
    #[test]
    fn a_registration_is_given_up_by_all_of_its_contacts() {
        for (contacts, gives_up) in [
            ("Contact: *\nExpires: 0\n", true),
            ("Contact: <sip:10.64.0.7>;expires=0\n", true),
            ("Contact: <sip:10.64.0.7>\nExpires: 0\n", true),
            (
                "Contact: <sip:10.64.0.7>;expires=0, <sip:10.64.0.7:5070>\n",
                false,
            ),
            ("Contact: <sip:10.64.0.7>\n", false),
            ("", false),
        ] {
            let turn = turn(&format!("REGISTER sip:x SIP/2.0\n{contacts}\n"));
            let over = Some(Turn::Over {
                within: TRANSACTION,
            });
            assert_eq!(turn, over.filter(|_| gives_up), "{contacts}");
        }
        let text = "SIP/2.0 200 OK\nCSeq: 1 REGISTER\n\
                    Contact: <sip:203.0.113.5:4000>;expires=60, <sip:203.0.113.5:4001>;expires=0\n\n";
        let (scanned, _) = look(&mut 0, Direction::Inbound, Transport::Udp, &crlf(text));
        let message = scanned.message.expect("a message");
        let granted = Some(Nanos::from_secs(60).plus(TRANSACTION));
        assert_eq!(message.granted((OUTSIDE, 4000)), granted);
        assert_eq!(message.granted((OUTSIDE, 4001)), None);
        assert_eq!(message.granted((OUTSIDE, 4002)), None);
        assert_eq!(message.turn(Direction::Outbound, HOUR), None);
    }

    /// REQUIREMENTS P4: what each door is kept by.
    #[test]
    fn doors_are_kept_by_what_they_are_for() {
        let text = "REGISTER sip:x SIP/2.0\nVia: SIP/2.0/UDP 10.64.0.7\n\
                    Path: <sip:10.64.0.7:5090>\nExpires: 900\nContact: <sip:10.64.0.7:5070>\n\n";
        let (scanned, found) = look(&mut 0, Direction::Outbound, Transport::Udp, &crlf(text));
        let message = scanned.message.expect("a message");
        let terms: Vec<Terms> = found
            .iter()
            .map(|place| message.terms(place, HOUR))
            .collect();
        let lifetime = Some(Nanos::from_secs(932));
        assert_eq!(
            terms,
            [
                Terms {
                    lifetime: None,
                    keeper: Keeper::Time,
                    ..Terms::default()
                },
                Terms {
                    lifetime,
                    keeper: Keeper::Time,
                    ..Terms::default()
                },
                Terms {
                    lifetime,
                    keeper: Keeper::Call(Agreed::Yes),
                    ..Terms::default()
                },
            ]
        );
        let media = Finding {
            role: Role::Listens(Channel {
                transport: Transport::Udp,
                ports: Ports::Pair,
                uses: Uses::Many,
                remote: Remote::Anyone,
            }),
            ..found[0]
        };
        for (start, agreed, lifetime) in [
            ("INVITE sip:x SIP/2.0\n", Agreed::No, TRANSACTION),
            ("ACK sip:x SIP/2.0\n", Agreed::Yes, HOUR),
            ("PRACK sip:x SIP/2.0\n", Agreed::AsTheCall, HOUR),
            ("SIP/2.0 200 OK\nCSeq: 1 INVITE\n", Agreed::No, HOUR),
            ("SIP/2.0 200 OK\nCSeq: 1 UPDATE\n", Agreed::AsTheCall, HOUR),
        ] {
            let terms = self::message(&format!("{start}\n")).terms(&media, HOUR);
            assert_eq!(terms.keeper, Keeper::Call(agreed), "{start}");
            assert_eq!(terms.lifetime, Some(lifetime), "{start}");
        }
    }

    /// PROTOCOLS B4.1: one after the other, whatever keeps the connection alive between them.
    #[test]
    fn a_stream_is_read_message_by_message() {
        let one = "OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/TCP 10.64.0.7\nl: 0\n\n";
        let bytes = crlf(&format!("\n\n{one}\n\n{one}OPTIONS sip:x"));
        let (mut from, mut starts) = (0, Vec::new());
        let last = loop {
            let rest = &bytes[from..];
            let (scanned, found) = look(&mut 0, Direction::Outbound, Transport::Tcp, rest);
            for place in &found {
                assert_eq!(place.span.of(rest), b"10.64.0.7");
                starts.push(from + place.span.start);
            }
            match scanned.scan {
                Scan::Full { from: more } => from += more,
                other => break other,
            }
        };
        assert_eq!(last, Scan::NeedMore { from: 0 });
        assert_eq!(&bytes[from..], b"OPTIONS sip:x");
        assert_eq!(starts.len(), 2);
    }

    #[test]
    fn datagrams_that_are_no_messages_end_nothing_once_some_were() {
        let mut notes = 0;
        let mut seen = |bytes: &[u8]| {
            let (scanned, _) = look(&mut notes, Direction::Outbound, Transport::Udp, bytes);
            (scanned.scan, scanned.messages, scanned.errors)
        };
        assert_eq!(seen(b"\r\n\r\n"), (Scan::Complete, 0, 0));
        assert_eq!(seen(b"random bytes"), (Scan::Release, 0, 0));
        assert_eq!(
            seen(b"BYE sip:x SIP/2.0\r\n\r\nrest"),
            (Scan::Complete, 1, 0)
        );
        assert_eq!(seen(b"random bytes"), (Scan::Complete, 0, 1));
        assert_eq!(seen(b"BYE sip:x SIP/2.0\n\n"), (Scan::Complete, 0, 1));
    }

    #[test]
    fn a_message_with_too_many_media_lines_is_counted_and_left_alone() {
        let media = "m=audio 40000 RTP/AVP 0\n".repeat(3);
        let text =
            format!("INVITE sip:x SIP/2.0\nc: application/sdp\n\nv=0\nc=IN IP4 10.64.0.7\n{media}");
        let (scanned, found) = look(&mut 0, Direction::Outbound, Transport::Udp, &crlf(&text));
        assert_eq!((scanned.messages, scanned.errors, found.len()), (1, 1, 0));
        assert!(scanned.message.is_none());
    }

    /// REQUIREMENTS P1: clients that know their outside address are left alone.
    #[test]
    fn who_writes_its_outside_address_gets_it_back() {
        let request = |via: &str, contact: &str| {
            crlf(&format!(
                "REGISTER sip:x SIP/2.0\nVia: SIP/2.0/UDP {via}\nContact: <sip:{contact}>\n\n"
            ))
        };
        let response = crlf(
            "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 203.0.113.5:4000;received=203.0.113.5;rport=4000\n\
             Call-ID: a@203.0.113.5\nContact: <sip:203.0.113.5:4000>\n\n",
        );
        let (inside, outside) = ("10.64.0.7:5060", "203.0.113.5:4000");
        for (via, contact, expected) in [
            (
                inside,
                inside,
                "203.0.113.5:4000 203.0.113.5 4000 203.0.113.5 203.0.113.5:4000",
            ),
            (
                inside,
                outside,
                "203.0.113.5:4000 203.0.113.5 4000 203.0.113.5",
            ),
            (outside, outside, ""),
        ] {
            let mut notes = 0;
            let said = request(via, contact);
            look(&mut notes, Direction::Outbound, Transport::Udp, &said);
            let (_, found) = look(&mut notes, Direction::Inbound, Transport::Udp, &response);
            let places: Vec<_> = found
                .iter()
                .map(|place| String::from_utf8_lossy(place.span.of(&response)))
                .collect();
            assert_eq!(places.join(" "), expected, "{via} {contact}");
            // Until it says otherwise.
            look(
                &mut notes,
                Direction::Outbound,
                Transport::Udp,
                &request(inside, inside),
            );
            let (_, found) = look(&mut notes, Direction::Inbound, Transport::Udp, &response);
            assert_eq!(found.len(), 5);
        }
    }
}
