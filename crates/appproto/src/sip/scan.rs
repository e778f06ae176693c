//! From a whole message to its findings.

use base::Direction;

use super::content::{Content, Parts};
use super::dialog::{Body, Kind, Summary};
use super::header::Headers;
use super::list::List;
use super::message::{self, Lengths};
use super::{Method, SipError, Start, sdp};
use crate::{Endpoint, Finding, Findings, Form, Role, Span};

/// Lists in `found` every place of `message` that means an endpoint of `who`, and tells what the
/// message is about. `message` is one that [`frame`](super::frame) has found, without what is
/// behind it.
///
/// `who` says which addresses may be translated. Outbound that is the inside host's, or the
/// addresses that a trunk may announce; inbound an outside address of ours, and a finding is to be
/// written anew only if it is mapped to the host that the message goes to.
///
/// # Errors
///
/// [`SipError`] if the message cannot be followed; then nothing is listed.
pub fn scan(
    message: &[u8],
    direction: Direction,
    who: impl Fn(u32) -> bool,
    found: &mut Findings,
) -> Result<Summary, SipError> {
    found.clear();
    let list = List {
        direction,
        who,
        found,
        tells: false,
    };
    let result = whole(message, list);
    if result.is_err() {
        found.clear();
    }
    found.sort_unstable_by_key(|finding| finding.span.start);
    result
}

fn whole<W: Fn(u32) -> bool>(message: &[u8], list: List<'_, W>) -> Result<Summary, SipError> {
    let parts = message::parts(message)?;
    let (kind, uri) = match parts.start {
        Start::Request { method, uri } => (Kind::Request(method), Some(uri)),
        Start::Response { code } => (Kind::Response(code), None),
    };
    let mut reader = Reader {
        message,
        list,
        summary: Summary::new(kind),
        content: Content::default(),
    };
    if let Some(uri) = uri {
        reader.request_uri(uri)?;
    }
    for header in Headers::new(message, parts.head) {
        reader.header(header)?;
    }
    reader.release_contacts();
    reader.body(parts.body, &parts.lengths)?;
    Ok(reader.summary)
}

/// A message while it is read.
pub(super) struct Reader<'a, W> {
    pub(super) message: &'a [u8],
    pub(super) list: List<'a, W>,
    pub(super) summary: Summary,
    pub(super) content: Content,
}

impl<W: Fn(u32) -> bool> Reader<'_, W> {
    fn body(&mut self, body: Span, lengths: &Lengths) -> Result<(), SipError> {
        if body.is_empty() {
            return Ok(());
        }
        let before = self.list.found.len();
        self.summary.body = self.content.body;
        match self.content {
            Content { encoded: true, .. }
            | Content {
                body: Body::None, ..
            } => {
                self.summary.body = Body::Other;
            }
            Content {
                body: Body::Multipart,
                boundary,
                ..
            } => {
                for part in Parts::new(self.message, body, boundary.of(self.message)) {
                    if !part.content.encoded {
                        let before = self.list.found.len();
                        self.part(part.content.body, part.body)?;
                        if let Some(length) =
                            part.length.filter(|_| part.length_is_right(self.message))
                        {
                            self.length_of(part.body, before, length)?;
                        }
                    }
                }
            }
            Content { body: kind, .. } => self.part(kind, body)?,
        }
        for length in lengths {
            self.length_of(body, before, *length)?;
        }
        Ok(())
    }

    /// A body, or a part of one.
    fn part(&mut self, kind: Body, body: Span) -> Result<(), SipError> {
        match kind {
            Body::Sdp => sdp::scan(self.message, body, &mut self.list, &mut self.summary),
            Body::SipFragment => self.fragment(body),
            Body::None | Body::Multipart | Body::Other => Ok(()),
        }
    }

    /// The head of another message, or some of it (RFC 3420). It tells of what has been: nobody
    /// waits for anything there, and nothing in it is about this dialog.
    fn fragment(&mut self, body: Span) -> Result<(), SipError> {
        // Hops of the other message are those of whoever passes it on.
        let kind = match self.list.direction {
            Direction::Outbound => Kind::Request(Method::Other),
            Direction::Inbound => Kind::Response(200),
        };
        let of_message = core::mem::replace(&mut self.summary, Summary::new(kind));
        let content = self.content;
        self.list.tells = true;
        let mut headers = Headers::new(self.message, body);
        let result = headers.try_for_each(|header| self.header(header));
        self.list.tells = false;
        self.content = content;
        self.summary = of_message;
        result
    }

    /// A length is written anew if something in what it measures is: after the first `before`.
    fn length_of(&mut self, body: Span, before: usize, length: Span) -> Result<(), SipError> {
        if self.list.found.len() == before {
            return Ok(());
        }
        self.list.push(Finding {
            span: length,
            endpoint: Endpoint::default(),
            form: Form::Length,
            role: Role::LengthOf(body),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use base::Direction::{Inbound, Outbound};

    use super::super::testing::{OUTSIDE, crlf, listed, rewritten, summary, with_sdp};
    use super::*;

    const INVITE: &str = "INVITE sip:bob@example.com SIP/2.0\n\
        Via: SIP/2.0/UDP 10.0.0.1:5070;rport;branch=z9hG4bK776\n\
        Max-Forwards: 70\n\
        From: \"Ann\" <sip:ann@example.com>;tag=17\n\
        To: <sip:bob@example.com>\n\
        Call-ID: f81d4@10.0.0.1\n\
        CSeq: 1 INVITE\n\
        Contact: <sip:ann@10.0.0.1:5070>\n";
    const OFFER: &str = "v=0\no=ann 53 2 IN IP4 10.0.0.1\ns=call\nc=IN IP4 10.0.0.1\nt=0 0\n\
        m=audio 49170 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n";

    fn out(endpoint: Endpoint) -> Endpoint {
        Endpoint {
            address: OUTSIDE,
            port: if endpoint.port == 0 { 0 } else { 1024 },
        }
    }

    /// PROTOCOLS B4.2, the whole of an ordinary call's first message.
    #[test]
    fn a_call_going_out_has_nothing_of_the_inside_left() {
        let message = with_sdp(INVITE, OFFER);
        assert_eq!(
            listed(&message, Outbound),
            [
                "10.0.0.1:5070 = 5070 answers udp",
                "10.0.0.1 = host",
                "10.0.0.1:5070 = 5070 answers udp",
                "114 length of 114",
                "10.0.0.1 = host",
                "10.0.0.1 = 49170 names udp",
                "49170 = 49170 listens udp pair",
            ]
        );
        let outside = String::from_utf8(rewritten(&message, Outbound, out)).unwrap();
        let body = OFFER
            .replace("10.0.0.1", "203.0.113.7")
            .replace("49170", "1024");
        let head = INVITE
            .replace("10.0.0.1:5070", "203.0.113.7:1024")
            .replace("10.0.0.1", "203.0.113.7");
        assert_eq!(outside.into_bytes(), with_sdp(&head, &body));
    }

    #[test]
    fn a_length_is_listed_only_where_the_body_changes() {
        let message = with_sdp(INVITE, &OFFER.replace("10.0.0.1", "192.0.2.1"));
        assert!(
            listed(&message, Outbound)
                .iter()
                .all(|text| !text.contains("length"))
        );
        let none = crlf(&format!("{INVITE}Content-Type: application/sdp\n\n{OFFER}"));
        assert_eq!(listed(&none, Outbound).len(), 6);
    }

    /// CVE-2026-23457 and RFC 3261 section 18.3: what is said and what is there.
    #[test]
    fn a_body_is_as_long_as_is_said_and_as_is_there() {
        let head = "INVITE sip:b@x SIP/2.0\nc: application/sdp\n";
        let sdp = "v=0\nc=IN IP4 10.0.0.1\nm=audio 49170 RTP/AVP 0\n";
        // As said: the media line is behind the end.
        let short = crlf(&format!("{head}l: 24\n\n{sdp}"));
        assert_eq!(
            listed(&short, Outbound),
            ["24 length of 24", "10.0.0.1 = host"]
        );
        // As is there.
        let long = crlf(&format!("{head}l: 2000\n\n{sdp}"));
        assert_eq!(listed(&long, Outbound)[0], "2000 length of 49");
        let overflow = crlf(&format!("{head}l: 4294967320\n\n{sdp}"));
        assert_eq!(
            summary(&overflow, Outbound).err(),
            Some(SipError::ContentLength)
        );
    }

    /// PROTOCOLS B4.3: gzip stays; so does what is no SDP.
    #[test]
    fn encoded_and_other_bodies_are_left_alone() {
        for (kind, headers) in [
            (Body::Other, "Content-Type: application/sdp\ne: gzip"),
            (Body::Other, "Content-Type: application/pidf+xml"),
            (Body::SipFragment, "Content-Type: message/sipfrag"),
            (Body::Multipart, "Content-Type: multipart/mixed"),
            (Body::Other, "Subject: none"),
        ] {
            let message = crlf(&format!("INVITE sip:b@x SIP/2.0\n{headers}\n\n{OFFER}"));
            assert!(listed(&message, Outbound).is_empty(), "{headers}");
            assert_eq!(summary(&message, Outbound).unwrap().body, kind, "{headers}");
        }
        let empty = crlf("BYE sip:b@x SIP/2.0\nContent-Type: application/sdp\nl: 0\n\n");
        assert_eq!(summary(&empty, Outbound).unwrap().body, Body::None);
    }

    /// PROTOCOLS B4.3: only SDP parts change, with their own length and that of the whole.
    #[test]
    fn parts_that_are_sdp_are_read_and_measured() {
        let part = "v=0\nc=IN IP4 10.0.0.1\nm=audio 49170 RTP/AVP 0\n";
        let multipart = |address: &str, port: &str| {
            let part = crlf(&part.replace("10.0.0.1", address).replace("49170", port));
            let body = format!(
                "--\"x\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{}\r\n\
                 --\"x\r\nContent-Type: text/plain\r\n\r\nv=0\r\nc=IN IP4 10.0.0.1\r\n--\"x--\r\n",
                part.len(),
                String::from_utf8(part).unwrap(),
            );
            let head = "INVITE sip:b@x SIP/2.0\r\nc: multipart/mixed;boundary=\"\\\"x\"\r\n";
            // A boundary is taken as it stands between its quotes.
            let body = body.replace("--\"x", "--\\\"x");
            format!("{head}l: {}\r\n\r\n{body}", body.len()).into_bytes()
        };
        let message = multipart("10.0.0.1", "49170");
        let listed = listed(&message, Outbound);
        assert_eq!(listed.len(), 4, "{listed:?}");
        assert!(summary(&message, Outbound).unwrap().has_sdp);
        let outside = rewritten(&message, Outbound, out);
        assert_eq!(outside, multipart("203.0.113.7", "1024"));
    }

    /// RFC 3420 and RFC 3515 section 2.4.5: what became of a referral. Nothing is opened by it, and the
    /// dialog is that of the message.
    #[test]
    fn fragments_of_messages_name_endpoints_and_open_nothing() {
        let fragment = "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bK2\n\
            Contact: <sip:ann@10.0.0.1:5070>\nCall-ID: other@10.0.0.1\nCSeq: 7 INVITE\n\
            Record-Route: <sip:10.0.0.1;lr>\n\nContact: <sip:10.0.0.1>";
        let fragment = String::from_utf8(crlf(fragment)).unwrap();
        let len = fragment.len();
        let head = |more: &str| {
            crlf(&format!(
                "NOTIFY sip:b@x SIP/2.0\nCall-ID: this\nCSeq: 2 NOTIFY\n{more}\n\n"
            ))
        };
        let mut whole = head(&format!("c: message/sipfrag;version=2.0\nl: {len}"));
        whole.extend(fragment.bytes());
        let mut parts = head("c: multipart/mixed;boundary=b");
        parts.extend(format!("--b\r\nc: message/sipfrag\r\n\r\n{fragment}\r\n--b--\r\n").bytes());
        let names = [
            "10.0.0.1:5070 = 5070 names udp",
            "10.0.0.1:5070 = 5070 names udp",
            "10.0.0.1 = host",
            "10.0.0.1 = 5060 names udp",
        ];
        assert_eq!(listed(&whole, Outbound)[1..], names);
        assert_eq!(
            listed(&whole, Outbound)[0],
            format!("{len} length of {len}")
        );
        assert_eq!(listed(&parts, Outbound), names);
        for message in [whole, parts] {
            let summary = summary(&message, Outbound).unwrap();
            assert_eq!(summary.call_id.of(&message), b"this");
            assert_eq!(summary.cseq, Some((2, Method::Notify)));
            assert!(summary.via.is_none() && summary.contacts.is_empty());
        }
    }

    /// REQUIREMENTS G7, NAT slipstreaming: nothing is found but at the first byte.
    #[test]
    fn a_message_inside_another_protocol_is_none() {
        let inner = String::from_utf8(with_sdp(INVITE, OFFER)).unwrap();
        for outer in [
            format!("POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\n{inner}"),
            format!("\0\x01\0\x50\x21\x12{inner}"),
            format!(" {inner}"),
            format!("\n{inner}"),
        ] {
            assert_eq!(
                summary(outer.as_bytes(), Outbound).err(),
                Some(SipError::NotSip)
            );
        }
    }

    #[test]
    fn with_too_many_places_none_is_listed() {
        let routes = "Record-Route: <sip:10.0.0.1>\n".repeat(97);
        let message = crlf(&format!("BYE sip:x SIP/2.0\n{routes}\n"));
        let mut found = Findings::new();
        let ours = |address| address == 0x0a00_0001;
        let result = scan(&message, Outbound, ours, &mut found);
        assert_eq!(result.err(), Some(SipError::TooMany));
        assert!(found.is_empty());
    }

    /// REQUIREMENTS P4: the proxy is inside, and its client, too; or both are outside.
    #[test]
    fn record_routes_open_doors_wherever_the_proxy_is() {
        let request = |vias: &str, proxies: &str| {
            crlf(&format!(
                "INVITE sip:b@x SIP/2.0\n{vias}Record-Route: {proxies}\n\n"
            ))
        };
        let answered = |message: Vec<u8>| {
            let listed = listed(&message, Outbound);
            listed
                .iter()
                .filter(|text| text.contains("answers"))
                .count()
        };
        let client = "Via: SIP/2.0/UDP 10.0.0.1\n";
        let proxied = "Via: SIP/2.0/UDP 10.0.0.1:5080\nVia: SIP/2.0/UDP 10.0.0.9\n";
        let far = "Via: SIP/2.0/UDP 192.0.2.1\n";
        assert_eq!(answered(request(proxied, "<sip:10.0.0.1:5080;lr>")), 2);
        assert_eq!(answered(request(client, "<sip:192.0.2.1;lr>")), 1);
        assert_eq!(
            answered(request(far, "<sip:192.0.2.1;lr>,<sip:10.0.0.1;lr>")),
            1
        );
        assert_eq!(answered(request(far, "<sip:192.0.2.1;lr>")), 0);
        let echoed = crlf("SIP/2.0 200 OK\nRecord-Route: <sip:203.0.113.7:1024;lr>\n\n");
        assert_eq!(
            listed(&echoed, Inbound),
            ["203.0.113.7:1024 = 1024 names udp"]
        );
    }
}
