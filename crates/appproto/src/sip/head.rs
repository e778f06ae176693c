//! The start line and the headers, but for those that say where messages are answered.

use base::Direction;

use super::cursor::{Cursor, Params, is_blank};
use super::header::{Header, Name, Values};
use super::host::{self, HostPort};
use super::list::Sense;
use super::scan::Reader;
use super::uri::{Uri, name_addr};
use super::{Method, SipError};
use crate::{Role, Span, Transport};

impl<W: Fn(u32) -> bool> Reader<'_, W> {
    /// Outbound it is somebody else's, and part of what a digest covers.
    pub(super) fn request_uri(&mut self, span: Span) -> Result<(), SipError> {
        match Uri::read(span.of(self.message), span) {
            Some(uri) if self.list.direction == Direction::Inbound => {
                self.list.uri(&uri, Sense::Target)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn header(&mut self, header: Header) -> Result<(), SipError> {
        let mut cursor = Cursor::new(self.message, header.value);
        match header.name {
            Name::Via => self.vias(header.value)?,
            Name::Contact => self.contacts(header.value)?,
            Name::RecordRoute | Name::Path => self.uris(header.value, Sense::Answers)?,
            Name::Route | Name::ServiceRoute | Name::ReferTo => {
                self.uris(header.value, Sense::Target)?;
            }
            Name::Identity => self.uris(header.value, Sense::Mention)?,
            Name::From | Name::To => self.party(header)?,
            Name::Warning => self.warnings(header.value)?,
            Name::CallId => {
                self.summary.call_id = header.value;
                self.call_id(header.value)?;
            }
            Name::InReplyTo => {
                for value in Values::new(self.message, header.value) {
                    self.call_id(value)?;
                }
            }
            Name::Dialog => {
                let id = cursor.until(|byte| byte == b';' || is_blank(byte));
                self.call_id(id)?;
            }
            Name::CSeq => {
                let number = cursor.number();
                cursor.blanks();
                let method = Method::of(cursor.rest());
                self.summary.cseq = number.map(|number| (number, method));
            }
            Name::Expires => self.summary.expires = cursor.number(),
            Name::SessionExpires => self.summary.session_expires = cursor.number(),
            Name::ContentType | Name::ContentEncoding | Name::ContentTransferEncoding => {
                self.content.read(header.name, cursor);
            }
            Name::ContentLength | Name::Other => {}
        }
        Ok(())
    }

    fn uris(&mut self, value: Span, sense: Sense) -> Result<(), SipError> {
        for span in Values::new(self.message, value) {
            if let Some((uri, _)) = name_addr(Cursor::new(self.message, span)) {
                self.list.uri(&uri, sense)?;
            }
        }
        Ok(())
    }

    fn party(&mut self, header: Header) -> Result<(), SipError> {
        let Some((uri, params)) = name_addr(Cursor::new(self.message, header.value)) else {
            return Ok(());
        };
        let tag = Params(params)
            .find(|param| param.is("tag"))
            .map(|param| param.value)
            .unwrap_or_default();
        match header.name {
            Name::From => self.summary.from_tag = tag,
            _ => self.summary.to_tag = tag,
        }
        self.list.uri(&uri, Sense::Mention)
    }

    /// `399 host[:port] "text"`
    fn warnings(&mut self, value: Span) -> Result<(), SipError> {
        for span in Values::new(self.message, value) {
            let mut cursor = Cursor::new(self.message, span);
            if cursor.number().is_some() {
                cursor.blanks();
                let agent = HostPort::read(&mut cursor, false);
                self.list.place(agent, None, Role::Names(Transport::Udp))?;
            }
        }
        Ok(())
    }

    /// `word@address`: the same in every message of the dialog, so it can be written back.
    fn call_id(&mut self, span: Span) -> Result<(), SipError> {
        let id = span.of(self.message);
        let Some(at) = id.iter().rposition(|byte| *byte == b'@') else {
            return Ok(());
        };
        let host = Span {
            start: span.start + at + 1,
            end: span.end,
        };
        match host::address(host.of(self.message)) {
            Some(address) => self.list.mention(host, address),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use base::Direction::{Inbound, Outbound};

    use super::super::testing::{crlf, listed, summary};

    fn request(header: &str) -> Vec<u8> {
        crlf(&format!("INVITE sip:b@example.com SIP/2.0\n{header}\n\n"))
    }

    #[track_caller]
    fn outbound(header: &str, expected: &[&str]) {
        assert_eq!(listed(&request(header), Outbound), expected, "{header}");
        // The same places on the way in, where nothing is answered.
        let inbound = request(&header.replace("10.0.0.1", "203.0.113.7"));
        let expected: Vec<String> = expected
            .iter()
            .map(|text| {
                text.replace("10.0.0.1", "203.0.113.7")
                    .replace("answers", "names")
            })
            .collect();
        assert_eq!(listed(&inbound, Inbound), expected, "{header}");
    }

    /// PROTOCOLS B4.2: the Request-URI stays outbound, where a digest covers it.
    #[test]
    fn the_request_uri_is_ours_inbound_only() {
        let ours = crlf("BYE sip:a@203.0.113.7:40000;ob SIP/2.0\nTo: <sip:a@203.0.113.7>\n\n");
        assert_eq!(
            listed(&ours, Inbound),
            ["203.0.113.7:40000 = 40000 names udp", "203.0.113.7 = host"]
        );
        let spiral = crlf("BYE sip:a@10.0.0.1:5060 SIP/2.0\n\n");
        assert!(listed(&spiral, Outbound).is_empty());
    }

    /// PROTOCOLS B4.2: `Authorization` stays.
    #[test]
    fn digests_are_left_alone() {
        outbound(
            "Authorization: Digest username=\"a\", uri=\"sip:10.0.0.1\", response=\"x\"\n\
             Proxy-Authorization: Digest realm=\"10.0.0.1\", uri=\"sip:10.0.0.1\"\n\
             WWW-Authenticate: Digest realm=\"10.0.0.1\"",
            &[],
        );
    }

    /// PROTOCOLS B4.2, From and To: the host alone, or as much of it as is written.
    #[test]
    fn parties_are_named_by_their_host() {
        outbound(
            "From: \"10.0.0.1\" <sip:10.0.0.1@10.0.0.1>;tag=10.0.0.1\nf: sip:a@10.0.0.1:5062;tag=x",
            &["10.0.0.1 = host", "10.0.0.1:5062 = 5062 names udp"],
        );
        outbound("t: <sips:10.0.0.1>", &["10.0.0.1 = host"]);
        outbound("To: <sip:a@10.0.0.12>, <sip:a@10.0.0.1.example.com>", &[]);
    }

    /// PROTOCOLS B4.2 and REQUIREMENTS P4: Route, Record-Route, Path, Service-Route.
    #[test]
    fn routes_name_our_proxies() {
        outbound(
            "Record-Route: <sip:10.0.0.1;lr>, <sip:192.0.2.1;lr>,\n \
             <sip:p@10.0.0.1:5080;transport=tcp;lr>",
            &[
                "10.0.0.1 = 5060 answers udp",
                "10.0.0.1:5080 = 5080 answers tcp",
            ],
        );
        outbound("Path: <sips:10.0.0.1>", &["10.0.0.1 = 5061 answers tcp"]);
        outbound("Route: <sip:10.0.0.1;lr>", &["10.0.0.1 = 5060 names udp"]);
        outbound(
            "Service-Route: <sip:10.0.0.1:5070;transport=tls;lr>",
            &["10.0.0.1:5070 = 5070 names tcp"],
        );
        outbound("Route: <sip:10.0.0.1;transport=sctp;lr>", &[]);
    }

    /// PROTOCOLS B4.2: `maddr` counts as the host.
    #[test]
    fn maddr_is_where_messages_go() {
        outbound(
            "Route: <sip:example.com:5070;maddr=10.0.0.1;lr>",
            &["5070 = 5070 names udp", "10.0.0.1 = 5070 names udp"],
        );
        outbound("To: <sip:example.com;maddr=10.0.0.1>", &["10.0.0.1 = host"]);
        outbound(
            "Route: <sip:10.0.0.1;maddr=10.0.0.1>",
            &["10.0.0.1 = 5060 names udp", "10.0.0.1 = 5060 names udp"],
        );
    }

    /// PROTOCOLS B4.2: P-Asserted-Identity and friends; REQUIREMENTS P1.
    #[test]
    fn identities_are_named_in_every_header_that_has_them() {
        for name in [
            "P-Asserted-Identity",
            "P-Preferred-Identity",
            "Remote-Party-ID",
            "Reply-To",
            "Diversion",
            "History-Info",
            "Alert-Info",
            "Call-Info",
            "Error-Info",
            "Referred-By",
            "b",
        ] {
            outbound(
                &format!("{name}: <tel:+1>, \"x, y\" <sip:a@10.0.0.1>;reason=unknown"),
                &["10.0.0.1 = host"],
            );
        }
        outbound(
            "Call-Info: <http://10.0.0.1:8080/x.png>;purpose=icon",
            &["10.0.0.1:8080 = 8080 names tcp"],
        );
    }

    /// PROTOCOLS B4.2, Call-ID: reversible, and the same wherever the dialog is named.
    #[test]
    fn a_call_id_is_the_same_in_every_place() {
        let host = "10.0.0.1 = host";
        outbound("Call-ID: 10.0.0.1-a@10.0.0.1", &[host]);
        outbound("i: a@10.0.0.1", &[host]);
        outbound(
            "Replaces: a@10.0.0.1;to-tag=x;from-tag=y;early-only",
            &[host],
        );
        outbound("Join: a@10.0.0.1 ;to-tag=x;from-tag=y", &[host]);
        outbound("In-Reply-To: a@10.0.0.1, b@x, c@10.0.0.1", &[host, host]);
        outbound(
            "Refer-To: <sip:c@192.0.2.9?Replaces=a%4010.0.0.1%3Bto-tag%3Dx>",
            &[host],
        );
        outbound("Call-ID: a@10.0.0.1:5060\nCall-ID: 10.0.0.1", &[]);
    }

    /// RFC 3515; REQUIREMENTS P5: who is referred to may be us.
    #[test]
    fn a_referral_names_where_messages_go() {
        outbound("Refer-To: <sip:a@10.0.0.1>", &["10.0.0.1 = 5060 names udp"]);
        outbound(
            "r: sip:a@10.0.0.1:5070",
            &["10.0.0.1:5070 = 5070 names udp"],
        );
    }

    /// RFC 3261 section 20.43.
    #[test]
    fn a_warning_names_its_agent() {
        outbound(
            "Warning: 399 10.0.0.1:5060 \"10.0.0.1, 399 10.0.0.1\", 370 10.0.0.1 \"b\"",
            &["10.0.0.1:5060 = 5060 names udp", "10.0.0.1 = host"],
        );
    }

    /// RFC 4475 section 3.1.1.1: a message whose writing is as strange as it may be.
    #[test]
    fn strange_but_sound_writing_is_read() {
        outbound(
            "TO :\n sip:v@example.com ;   tag    = 1918181833n\n\
             from   : \"J \\\\\\\" <10.0.0.1>\"       <sip:10.0.0.1>\n  ;\n  tag = 98asjd8\n\
             CaLl-Id\n\t : a@10.0.0.1\n\
             NewFangled:   10.0.0.1;;,,;,;\n\
             m:\"Q \\\"x\\\\\" <sip:a@10.0.0.1;newparam>\n ;x=\"y\"",
            &[
                "10.0.0.1 = host",
                "10.0.0.1 = host",
                "10.0.0.1 = 5060 answers udp",
            ],
        );
    }

    #[test]
    fn the_summary_tells_what_the_dialog_is() {
        let message = request(
            "i: a@b\nf: <sip:a@b>;x=\";tag=no\";tag=f1\nTo: sip:b@c;tag=\"t 1\"\n\
             CSeq: 42\n  PRACK\nExpires: 99999999999\nx: 1800;refresher=uas",
        );
        let summary = summary(&message, Outbound).unwrap();
        assert_eq!(summary.call_id.of(&message), b"a@b");
        assert_eq!(summary.from_tag.of(&message), b"f1");
        assert_eq!(summary.to_tag.of(&message), b"t 1");
        assert_eq!(summary.cseq, Some((42, super::Method::Prack)));
        assert_eq!(summary.expires, Some(u32::MAX));
        assert_eq!(summary.session_expires, Some(1800));
        assert_eq!(summary.kind.name(), "INVITE");
        assert!(!summary.has_sdp && summary.media.is_empty());
    }
}
