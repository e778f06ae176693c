//! SDP (RFC 8866) as offers and answers have it (RFC 3264).
//!
//! ```text
//!  o=... IN IP4 address            the address alone
//!  c=IN IP4 address                for every media line without its own
//!  m=audio port[/pairs] RTP/AVP    a section begins
//!  c=IN IP4 address
//!  a=rtcp:port [IN IP4 address]
//!  a=rtcp-mux, a=setup:..., a=sendonly, a=path:msrp://...
//! ```
//!
//! A section is listed when the next one begins, because its lines may stand in any order. Media
//! on ports below 1024 are not ours to let in (PROTOCOLS B0.1); candidates of ICE stay as they are.

use super::SipError;
use super::cursor::{Cursor, is_blank};
use super::dialog::{Flow, Summary};
use super::host;
use super::list::List;
use super::section::{Section, flow};
use crate::{Endpoint, Form, Role, Span, Transport};

/// Lists what the SDP at `body` has, if that is SDP.
pub(super) fn scan<W: Fn(u32) -> bool>(
    message: &[u8],
    body: Span,
    list: &mut List<'_, W>,
    summary: &mut Summary,
) -> Result<(), SipError> {
    if !body.of(message).starts_with(b"v=0") {
        return Ok(());
    }
    summary.has_sdp = true;
    let mut session = Session::default();
    let mut section: Option<Section> = None;
    let mut lines = Cursor::new(message, body);
    while lines.peek().is_some() {
        let span = lines.until(|byte| byte == b'\n');
        lines.skip(1);
        let mut line = Cursor::new(message, span);
        let kind = line.peek();
        line.skip(1);
        if !line.eat(b'=') {
            continue;
        }
        match kind {
            Some(b'm') => {
                if let Some(section) = section.take() {
                    section.list(&mut session, list, summary)?;
                }
                section = Some(Section::read(line));
            }
            Some(b'o') => origin(line, list)?,
            Some(b'c') => {
                let place = section
                    .as_mut()
                    .map_or(&mut session.connection, |section| &mut section.connection);
                let connection = Connection::read(line);
                match (&place, connection.address) {
                    (None, _) => *place = Some(connection),
                    // Layers on several addresses: none has a port of its own.
                    (Some(_), Some(address)) => list.mention(connection.span, address)?,
                    (Some(_), None) => {}
                }
            }
            Some(b'a') => {
                summary.ice |= line.word(b"candidate:") || line.word(b"ice-");
                match &mut section {
                    Some(section) => section.attribute(line),
                    None => session.flow = flow(line).unwrap_or(session.flow),
                }
            }
            _ => {}
        }
    }
    if let Some(section) = section {
        section.list(&mut session, list, summary)?;
    }
    match session.connection {
        Some(connection) => connection.list(session.first, list),
        None => Ok(()),
    }
}

/// `o=user id version IN IP4 address`
fn origin<W: Fn(u32) -> bool>(
    mut line: Cursor<'_>,
    list: &mut List<'_, W>,
) -> Result<(), SipError> {
    for _ in 0..3 {
        line.until(is_blank);
        line.blanks();
    }
    let connection = Connection::read(line);
    connection
        .address
        .map_or(Ok(()), |address| list.mention(connection.span, address))
}

/// The session's own lines, and what the sections have come to so far.
#[derive(Default)]
pub(super) struct Session {
    pub(super) connection: Option<Connection>,
    pub(super) flow: Flow,
    /// Of the first media listened to that the session's `c=` speaks for.
    pub(super) first: Option<(Transport, u16)>,
}

/// `IN IP4 address[/ttl[/number]]`
#[derive(Clone, Copy)]
pub(super) struct Connection {
    /// Nothing where it is IPv6 or a name.
    pub(super) address: Option<u32>,
    pub(super) span: Span,
}

impl Connection {
    pub(super) fn read(mut line: Cursor<'_>) -> Self {
        let mut known = true;
        for word in [&b"IN"[..], b"IP4"] {
            known &= line.word(word);
            line.until(is_blank);
            line.blanks();
        }
        let span = line.until(|byte| is_blank(byte) || byte == b'/');
        Self {
            address: known.then(|| host::address(line.bytes(span))).flatten(),
            span,
        }
    }

    /// Together with the port of what it speaks for.
    pub(super) fn list<W: Fn(u32) -> bool>(
        self,
        media: Option<(Transport, u16)>,
        list: &mut List<'_, W>,
    ) -> Result<(), SipError> {
        let Some(address) = self.address else {
            return Ok(());
        };
        let Some((transport, port)) = media else {
            return list.mention(self.span, address);
        };
        let endpoint = Endpoint { address, port };
        list.span(self.span, endpoint, Form::Address, Role::Names(transport))
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::vec::Vec;

    use base::Direction::{Inbound, Outbound};

    use super::super::dialog::{Flow, MediaKind};
    use super::super::testing::{listed, summary, with_sdp};
    use super::super::{SipError, Summary};

    const START: &str = "INVITE sip:b@example.com SIP/2.0\n";

    /// What is listed in SDP that begins with these lines, but for the length.
    fn sdp(lines: &str) -> Vec<String> {
        let mut listed = listed(&with_sdp(START, &["v=0\n", lines].concat()), Outbound);
        if !listed.is_empty() {
            assert!(listed.remove(0).contains("length of"));
        }
        listed
    }

    fn summed(lines: &str) -> Result<Summary, SipError> {
        summary(&with_sdp(START, &["v=0\n", lines].concat()), Outbound)
    }

    /// PROTOCOLS B4.3: `c=` of the session speaks for media without their own.
    #[test]
    fn a_session_connection_has_the_port_of_its_first_media() {
        assert_eq!(
            sdp("o=- 1 2 IN IP4 10.0.0.1\ns=-\nc=IN IP4 10.0.0.1\nt=0 0\n\
                 m=audio 49168 RTP/AVP 0\nc=IN IP4 192.0.2.7\n\
                 m=audio 49170 RTP/AVP 0\nm=video 49180 RTP/AVP 31\n"),
            [
                "10.0.0.1 = host",
                "10.0.0.1 = 49170 names udp",
                "49170 = 49170 listens udp pair",
                "49180 = 49180 listens udp pair"
            ]
        );
    }

    #[test]
    fn media_lines_have_their_own_connection_wherever_it_stands() {
        assert_eq!(
            sdp(
                "c=IN IP6 2001:db8::1\nm=audio 49170 RTP/AVP 0\na=sendrecv\nc=IN IP4 10.0.0.1/127\n\
                 m=video 49180 RTP/AVP 31\n"
            ),
            [
                "49170 = 49170 listens udp pair",
                "10.0.0.1 = 49170 names udp"
            ]
        );
        assert_eq!(
            sdp("c=IN IP4 10.0.0.1\nm=audio 49170 RTP/AVP 0\nc=IN IP6 ::1\n"),
            ["10.0.0.1 = host"]
        );
    }

    /// RFC 3264 sections 5.1 and 8.4: port zero, and the address of old that puts on hold.
    #[test]
    fn rejected_media_and_calls_on_hold_open_nothing() {
        assert_eq!(
            sdp("c=IN IP4 10.0.0.1\nm=audio 0 RTP/AVP 0\nm=video 0 RTP/AVP 31\n"),
            ["10.0.0.1 = host"]
        );
        assert!(sdp("c=IN IP4 0.0.0.0\nm=audio 49170 RTP/AVP 0\n").is_empty());
    }

    /// REQUIREMENTS G7: somebody else's address is theirs.
    #[test]
    fn addresses_of_others_are_not_listed() {
        assert!(
            sdp("o=- 1 2 IN IP4 10.0.0.11\nc=IN IP4 10.0.0.2\nm=audio 49170 RTP/AVP 0\n")
                .is_empty()
        );
    }

    #[test]
    fn inbound_media_are_named_and_open_nothing() {
        let message = with_sdp(
            START,
            "v=0\nc=IN IP4 203.0.113.7\nm=audio 40000 RTP/AVP 0\na=rtcp:40003\n",
        );
        assert_eq!(
            listed(&message, Inbound)[1..],
            [
                "203.0.113.7 = 40000 names udp",
                "40000 = 40000 names udp",
                "40003 = 40003 names udp"
            ]
        );
    }

    #[test]
    fn what_does_not_begin_like_sdp_is_none() {
        for body in [
            "",
            "c=IN IP4 10.0.0.1\nm=audio 49170 RTP/AVP 0\n",
            "\nv=0\n",
        ] {
            let message = with_sdp(START, body);
            assert!(listed(&message, Outbound).is_empty());
            assert!(!summary(&message, Outbound).unwrap().has_sdp);
        }
    }

    /// Some write SDP with LF alone.
    #[test]
    fn lines_may_end_with_lf_alone() {
        let body = "v=0\nc=IN IP4 10.0.0.1\nm=audio 49170 RTP/AVP 0";
        let mut message = with_sdp(START, "");
        let at = message.len() - 5;
        message.splice(at..=at, b"45".iter().copied());
        message.extend_from_slice(body.as_bytes());
        assert_eq!(body.len(), 45);
        assert_eq!(listed(&message, Outbound).len(), 3);
    }

    /// REQUIREMENTS P6; at least sixteen media lines.
    #[test]
    fn sixteen_media_lines_are_followed_and_no_more() {
        let mut lines = String::from("c=IN IP4 10.0.0.1\n");
        for _ in 0..16 {
            lines.push_str(
                "m=audio 49170 RTP/AVP 0\nc=IN IP4 10.0.0.1\na=rtcp:5001 IN IP4 10.0.0.1\n",
            );
        }
        assert_eq!(summed(&lines).unwrap().media.len(), 16);
        assert_eq!(sdp(&lines).len(), 1 + 16 * 4);
        lines.push_str("m=audio 49170 RTP/AVP 0\n");
        assert_eq!(summed(&lines).err(), Some(SipError::TooMany));
    }

    #[test]
    fn the_summary_has_every_media_line_in_order() {
        let summary = summed(
            "c=IN IP4 10.0.0.1\na=sendonly\nm=audio 49170 RTP/AVP 0\na=candidate:1 1 UDP 1 10.0.0.1 49170 typ host\n\
             m=video 0 RTP/AVP 31\na=inactive\nm=image 4000 udptl t38\nc=IN IP4 192.0.2.1\na=recvonly\n",
        )
        .unwrap();
        let media: Vec<_> = summary
            .media
            .iter()
            .map(|media| {
                (
                    media.kind,
                    media.endpoint.port,
                    media.flow,
                    media.rejected,
                    media.ours,
                )
            })
            .collect();
        assert_eq!(
            media,
            [
                (MediaKind::Audio, 49170, Flow::SendOnly, false, true),
                (MediaKind::Video, 0, Flow::Inactive, true, false),
                (MediaKind::Image, 4000, Flow::RecvOnly, false, false),
            ]
        );
        assert_eq!(summary.media[2].endpoint.address, 0xc000_0201);
        assert!(summary.ice && summary.has_sdp);
    }
}
