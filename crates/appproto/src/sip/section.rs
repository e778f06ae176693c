//! A media line of SDP and the lines that follow it.

use super::SipError;
use super::cursor::{Cursor, is_blank};
use super::dialog::{Flow, Media, MediaKind, Summary};
use super::host::{self, HostPort};
use super::list::List;
use super::sdp::{Connection, Session};
use crate::{Channel, Endpoint, Form, Ports, Remote, Role, Span, Transport, Uses};

/// `a=rtcp:port [IN IP4 address]` (RFC 3605)
#[derive(Clone, Copy)]
struct Rtcp {
    port: u16,
    digits: Span,
    connection: Option<Connection>,
}

/// A media line and what follows it.
pub(super) struct Section {
    kind: MediaKind,
    /// Zero where it cannot be read.
    port: u16,
    digits: Span,
    /// Pairs side by side.
    count: u8,
    transport: Transport,
    /// Has RTCP beside it.
    rtp: bool,
    pub(super) connection: Option<Connection>,
    rtcp: Option<Rtcp>,
    mux: bool,
    /// Connects itself and is not listened to (RFC 4145).
    active: bool,
    flow: Option<Flow>,
    /// Relays first, whoever it is last (RFC 4975 section 8.1, RFC 4976).
    path: [Option<HostPort>; PATHS],
}

impl Section {
    /// `audio 49170/2 RTP/AVP 0`
    pub(super) fn read(mut line: Cursor<'_>) -> Self {
        let kind = line.until(is_blank);
        line.blanks();
        let digits = line.until(|byte| is_blank(byte) || byte == b'/');
        let count = if line.eat(b'/') {
            let count = line.until(is_blank);
            host::port(line.bytes(count)).and_then(|count| u8::try_from(count).ok())
        } else {
            Some(1)
        };
        line.blanks();
        let protocol = line.until(is_blank);
        let protocol = line.bytes(protocol);
        let mut words = protocol.split(|byte| *byte == b'/');
        let has = |word: &[u8]| {
            protocol
                .split(|byte| *byte == b'/')
                .any(|part| part.eq_ignore_ascii_case(word))
        };
        let tcp = words
            .next()
            .is_some_and(|first| first.eq_ignore_ascii_case(b"tcp"));
        Self {
            kind: MediaKind::of(line.bytes(kind)),
            port: count
                .and(host::port(line.bytes(digits)))
                .unwrap_or_default(),
            digits,
            count: count.unwrap_or(1),
            transport: if tcp { Transport::Tcp } else { Transport::Udp },
            rtp: has(b"RTP") && !tcp,
            connection: None,
            rtcp: None,
            mux: false,
            active: false,
            flow: None,
            path: [None; PATHS],
        }
    }

    pub(super) fn attribute(&mut self, mut line: Cursor<'_>) {
        if let Some(flow) = flow(line) {
            self.flow = Some(flow);
        } else if line.word(b"rtcp-mux") {
            self.mux |= line.peek().is_none_or(is_blank);
        } else if line.word(b"rtcp:") {
            let digits = line.until(is_blank);
            line.blanks();
            self.rtcp = host::port(line.bytes(digits)).map(|port| Rtcp {
                port,
                digits,
                connection: line.peek().map(|_| Connection::read(line)),
            });
        } else if line.word(b"setup:") {
            self.active = line.word(b"active") || line.word(b"holdconn");
        } else if line.word(b"path:") {
            for place in &mut self.path {
                line.blanks();
                if line.word(b"msrp://") || line.word(b"msrps://") {
                    *place = Some(HostPort::read(&mut line, false));
                }
                line.until(is_blank);
            }
        }
    }

    /// Lists the section, now that all its lines have been read.
    pub(super) fn list<W: Fn(u32) -> bool>(
        self,
        session: &mut Session,
        list: &mut List<'_, W>,
        summary: &mut Summary,
    ) -> Result<(), SipError> {
        let connection = self.connection.or(session.connection);
        let address = connection.and_then(|connection| connection.address);
        let endpoint = Endpoint {
            address: address.unwrap_or_default(),
            port: self.port,
        };
        let ports = self.ports(endpoint.address);
        let connects = self.transport == Transport::Tcp && (self.active || self.port == DISCARD);
        let ours = list.is_ours(endpoint.address) && self.port >= FIRST_UNPRIVILEGED && !connects;
        if ours {
            let role = list.listens(self.channel(ports));
            list.span(self.digits, endpoint, Form::Port, role)?;
        }
        let media = ours.then_some((self.transport, self.port));
        match self.connection {
            Some(connection) => connection.list(media, list)?,
            None => session.first = session.first.or(media),
        }
        if let Some(rtcp) = self.rtcp {
            self.list_rtcp(rtcp, endpoint, ports, list)?;
        }
        for path in self.path.into_iter().flatten() {
            list.place(path, None, Role::Names(Transport::Tcp))?;
        }
        summary
            .media
            .try_push(Media {
                kind: self.kind,
                endpoint,
                transport: self.transport,
                ports,
                flow: self.flow.unwrap_or(session.flow),
                rejected: self.port == 0,
                ours,
            })
            .map_err(|_| SipError::TooMany)
    }

    /// RTCP goes to the next port unless something else is said.
    fn ports(&self, address: u32) -> Ports {
        let beside = self.rtcp.is_none_or(|rtcp| {
            let elsewhere = rtcp
                .connection
                .is_some_and(|connection| connection.address != Some(address));
            Some(rtcp.port) == self.port.checked_add(1) && !elsewhere
        });
        if !self.rtp || !self.port.is_multiple_of(2) {
            Ports::One
        } else if self.count > 1 {
            Ports::Pairs(self.count)
        } else if beside && !self.mux {
            Ports::Pair
        } else {
            Ports::One
        }
    }

    const fn channel(&self, ports: Ports) -> Channel {
        Channel {
            transport: self.transport,
            ports,
            uses: Uses::Many,
            remote: Remote::Anyone,
        }
    }

    fn list_rtcp<W: Fn(u32) -> bool>(
        &self,
        rtcp: Rtcp,
        media: Endpoint,
        ports: Ports,
        list: &mut List<'_, W>,
    ) -> Result<(), SipError> {
        let address = rtcp
            .connection
            .map_or(Some(media.address), |connection| connection.address);
        let Some(address) = address.filter(|_| rtcp.port >= FIRST_UNPRIVILEGED) else {
            return Ok(());
        };
        let endpoint = Endpoint {
            address,
            port: rtcp.port,
        };
        // The media's own port, or the other one of its pair.
        let with_media = address == media.address
            && (rtcp.port == media.port
                || ports == Ports::Pair && Some(rtcp.port) == media.port.checked_add(1));
        let role = if with_media {
            Role::Names(self.transport)
        } else {
            list.listens(self.channel(Ports::One))
        };
        list.span(rtcp.digits, endpoint, Form::Port, role)?;
        match rtcp.connection {
            Some(connection) => connection.list(Some((self.transport, rtcp.port)), list),
            None => Ok(()),
        }
    }
}

/// `sendrecv`, `sendonly`, `recvonly`, `inactive`, and nothing behind it.
pub(super) fn flow(mut line: Cursor<'_>) -> Option<Flow> {
    let word = line.until(is_blank);
    match line.bytes(word) {
        b"sendrecv" => Some(Flow::SendRecv),
        b"sendonly" => Some(Flow::SendOnly),
        b"recvonly" => Some(Flow::RecvOnly),
        b"inactive" => Some(Flow::Inactive),
        _ => None,
    }
}

/// What who connects writes in place of a port (RFC 4145 section 4.1).
const DISCARD: u16 = 9;
const FIRST_UNPRIVILEGED: u16 = 1024;
/// Places of a path that are looked at.
const PATHS: usize = 4;

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use base::Direction::Outbound;

    use super::super::testing::{listed, with_sdp};

    /// What is listed for media of the inside host, from its port on.
    fn media(lines: &str) -> Vec<String> {
        let sdp = format!("v=0\nc=IN IP4 10.0.0.1\n{lines}\n");
        let mut listed = listed(&with_sdp("INVITE sip:b@x SIP/2.0\n", &sdp), Outbound);
        // Content-Length and the session's connection.
        listed.drain(..2);
        listed
    }

    /// RFC 3550 section 11 and RFC 8866 section 5.14: pairs begin with an even port.
    #[test]
    fn media_take_the_ports_that_their_protocol_has() {
        for (line, expected) in [
            (
                "audio 49170 RTP/AVP 0 8 101",
                "49170 = 49170 listens udp pair",
            ),
            (
                "video 49170 UDP/TLS/RTP/SAVPF 96",
                "49170 = 49170 listens udp pair",
            ),
            (
                "audio 49170/3 RTP/SAVP 0",
                "49170 = 49170 listens udp 3 pairs",
            ),
            ("audio 49170/1 RTP/AVP 0", "49170 = 49170 listens udp pair"),
            ("audio 49171 RTP/AVP 0", "49171 = 49171 listens udp one"),
            ("image 4000 udptl t38", "4000 = 4000 listens udp one"),
            ("image 4000 UDPTL t38", "4000 = 4000 listens udp one"),
            ("application 5000 UDP/BFCP *", "5000 = 5000 listens udp one"),
            (
                "application 5000 UDP/DTLS/SCTP webrtc-datachannel",
                "5000 = 5000 listens udp one",
            ),
            ("image 4000 tcp t38", "4000 = 4000 listens tcp one"),
            ("message 2855 TCP/TLS/MSRP *", "2855 = 2855 listens tcp one"),
            ("audio 6000 TCP/RTP/AVP 0", "6000 = 6000 listens tcp one"),
        ] {
            assert_eq!(media(&format!("m={line}")), [expected], "{line}");
        }
    }

    #[test]
    fn strange_media_lines_are_left_alone() {
        for line in [
            "m=audio 70000 RTP/AVP 0",
            "m=audio 49170/0 RTP/AVP 0",
            "m=audio 49170/256 RTP/AVP 0",
            "m=audio 49170/x RTP/AVP 0",
            "m=audio 049170 RTP/AVP 0",
            "m=audio",
            "m=",
            // G7: unprivileged ports.
            "m=audio 1023 RTP/AVP 0",
            "m=audio 53 RTP/AVP 0\na=rtcp:53",
        ] {
            assert!(media(line).is_empty(), "{line}");
        }
    }

    /// RFC 3605: RTCP that is not beside its media has a port of its own.
    #[test]
    fn rtcp_is_beside_its_media_or_on_its_own() {
        let audio = "m=audio 49170 RTP/AVP 0\n";
        for (attribute, expected) in [
            (
                "a=rtcp:49171",
                &["49170 = 49170 listens udp pair", "49171 = 49171 names udp"][..],
            ),
            (
                "a=rtcp:49171 IN IP4 10.0.0.1",
                &[
                    "49170 = 49170 listens udp pair",
                    "49171 = 49171 names udp",
                    "10.0.0.1 = 49171 names udp",
                ],
            ),
            (
                "a=rtcp:53020",
                &[
                    "49170 = 49170 listens udp one",
                    "53020 = 53020 listens udp one",
                ],
            ),
            (
                "a=rtcp:49171 IN IP4 192.0.2.1",
                &["49170 = 49170 listens udp one"],
            ),
            ("a=rtcp-mux", &["49170 = 49170 listens udp one"]),
            ("a=rtcp-muxed", &["49170 = 49170 listens udp pair"]),
            (
                "a=rtcp-mux\na=rtcp:49170",
                &["49170 = 49170 listens udp one", "49170 = 49170 names udp"],
            ),
        ] {
            assert_eq!(
                media(&format!("{audio}{attribute}")),
                expected,
                "{attribute}"
            );
        }
    }

    /// RFC 4145 section 4: who connects is not listened to.
    #[test]
    fn tcp_media_are_listened_to_by_who_waits() {
        for (setup, opens) in [
            ("a=setup:passive", true),
            ("a=setup:actpass", true),
            ("a=connection:new", true),
            ("a=setup:active", false),
            ("a=setup:holdconn", false),
        ] {
            let listed = media(&format!("m=image 4000 TCP t38\n{setup}"));
            assert_eq!(!listed.is_empty(), opens, "{setup}");
        }
        assert!(media("m=image 9 TCP t38\na=setup:active").is_empty());
        // DTLS has the same attribute, and its media are listened to all the same.
        let dtls = media("m=audio 49170 UDP/TLS/RTP/SAVPF 0\na=setup:active");
        assert_eq!(dtls.len(), 1);
    }

    /// RFC 4975 section 8.1; PROTOCOLS B4.3.
    #[test]
    fn msrp_names_its_place_in_the_path() {
        assert_eq!(
            media("m=message 2855 TCP/MSRP *\na=path:msrp://10.0.0.1:2855/x;tcp"),
            [
                "2855 = 2855 listens tcp one",
                "10.0.0.1:2855 = 2855 names tcp"
            ]
        );
    }

    /// RFC 4976: behind a relay the own place is the last.
    #[test]
    fn msrp_behind_a_relay_names_its_place_last() {
        assert_eq!(
            media(
                "m=message 2855 TCP/MSRP *\na=path:msrps://relay.example.com:2855/r;tcp  \
                 msrp://192.0.2.1:2855/s;tcp msrp://10.0.0.1:2855/x;tcp"
            ),
            [
                "2855 = 2855 listens tcp one",
                "10.0.0.1:2855 = 2855 names tcp"
            ]
        );
    }

    /// PROTOCOLS B4.3: ICE copes with candidates that are left alone.
    #[test]
    fn candidates_and_keys_are_left_alone() {
        assert_eq!(
            media(
                "m=audio 49170 RTP/AVP 0\na=candidate:1 1 UDP 2130706431 10.0.0.1 49170 typ host\n\
                 a=remote-candidates:1 10.0.0.1 49170\na=crypto:1 X inline:10.0.0.1\na=x:10.0.0.1"
            )
            .len(),
            1
        );
    }
}
