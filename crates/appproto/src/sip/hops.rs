//! The headers that say where messages are answered: `Via` and `Contact`.

use base::Direction;

use super::cursor::{Cursor, Params};
use super::dialog::{Contact, Hop, Kind};
use super::header::Values;
use super::list::Sense;
use super::scan::Reader;
use super::uri::name_addr;
use super::via::Via;
use super::{Method, SipError};
use crate::{Endpoint, Form, Remote, Role, Span, Transport};

impl<W: Fn(u32) -> bool> Reader<'_, W> {
    /// A request's are its own side's when it goes out, a response's when it comes in: the
    /// others belong to elements that get back what they wrote.
    pub(super) fn vias(&mut self, value: Span) -> Result<(), SipError> {
        let request = matches!(self.summary.kind, Kind::Request(_));
        let own = match self.list.direction {
            Direction::Outbound => request,
            Direction::Inbound => !request,
        };
        for value in Values::new(self.message, value) {
            let Some(via) = Via::read(Cursor::new(self.message, value)) else {
                continue;
            };
            let top = self.summary.via.is_none();
            if top {
                self.summary.via = Some(hop(&via));
            }
            if let (true, Some(transport)) = (own, via.transport) {
                self.via(&via, transport, top)?;
            }
        }
        Ok(())
    }

    fn via(&mut self, via: &Via, transport: Transport, top: bool) -> Result<(), SipError> {
        // REQUIREMENTS P4: the answers to an ACK are none.
        let answered = self.summary.kind != Kind::Request(Method::Ack);
        let names = Role::Names(transport);
        let role = if top && answered {
            self.list.answers(transport, Remote::Peer)
        } else {
            names
        };
        self.list.place(via.sent_by, Some(via.usual), role)?;
        let (port, seen) = (via.sent_by.port, via.rport);
        let sent_by = Endpoint {
            address: via.sent_by.address.unwrap_or_default(),
            port: port.map_or(via.usual, |(port, _)| port),
        };
        let endpoint = Endpoint {
            address: via.received.map_or(sent_by.address, |(address, _)| address),
            port: seen.map_or(sent_by.port, |(port, _)| port),
        };
        if let Some((_, span)) = via.received {
            self.list.span(span, endpoint, Form::Address, names)?;
        }
        if let Some((_, span)) = seen {
            self.list.span(span, endpoint, Form::Port, names)?;
        }
        if let Some((address, span)) = via.maddr {
            let port = sent_by.port;
            self.list
                .span(span, Endpoint { address, port }, Form::Address, names)?;
        }
        // Who writes another address gets back what it wrote.
        let ours = via
            .sent_by
            .address
            .is_some_and(|host| self.list.is_ours(host));
        let branch = if ours { via.branch } else { Span::default() };
        self.list.token(self.message, branch)
    }

    pub(super) fn contacts(&mut self, value: Span) -> Result<(), SipError> {
        for span in Values::new(self.message, value) {
            if span.of(self.message) == b"*" {
                self.summary.all_contacts = true;
            }
            let Some((uri, params)) = name_addr(Cursor::new(self.message, span)) else {
                continue;
            };
            let sense = if self.summary.kind == Kind::Request(Method::Ack) {
                Sense::Target
            } else {
                Sense::Answers
            };
            self.list.uri(&uri, sense)?;
            let address = uri.maddr.map(|(address, _)| address).or(uri.place.address);
            let (Some(address), Some(transport)) = (address, uri.transport) else {
                continue;
            };
            let port = uri.place.port.map(|(port, _)| port).or(uri.usual);
            let expires = Params(params)
                .find(|param| param.is("expires"))
                .and_then(|param| Cursor::new(self.message, param.value).number());
            let contact = Contact {
                span,
                endpoint: Endpoint {
                    address,
                    port: port.unwrap_or_default(),
                },
                transport,
                expires,
            };
            self.summary.contact.get_or_insert(contact.endpoint);
            if self.list.is_ours(address) {
                self.summary
                    .contacts
                    .try_push(contact)
                    .map_err(|_| SipError::TooMany)?;
            }
        }
        Ok(())
    }

    /// A registration that is given up opens no doors (PROTOCOLS B4.4).
    pub(super) fn release_contacts(&mut self) {
        if self.summary.kind != Kind::Request(Method::Register) {
            return;
        }
        for contact in &self.summary.contacts {
            if self.summary.lifetime(contact) > 0 {
                continue;
            }
            for finding in self.list.found.iter_mut() {
                let within = (contact.span.start..contact.span.end).contains(&finding.span.start);
                if let (true, Role::Answers(transport, _)) = (within, finding.role) {
                    finding.role = Role::Names(transport);
                }
            }
        }
    }
}

fn hop(via: &Via) -> Hop {
    Hop {
        transport: via.transport,
        host: via.sent_by.host,
        sent_by: via.sent_by.address.map(|address| Endpoint {
            address,
            port: via.sent_by.port.map_or(via.usual, |(port, _)| port),
        }),
        explicit_port: via.sent_by.port.is_some(),
        received: via.received,
        rport: via.rport,
        branch: via.branch,
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use base::Direction::{Inbound, Outbound};

    use super::super::testing::{INSIDE, OUTSIDE, crlf, listed, rewritten, summary};
    use super::*;

    fn message(start: &str, headers: &str) -> Vec<u8> {
        crlf(&format!("{start}\n{headers}\n\n"))
    }

    /// REQUIREMENTS P4: a door from the first Via of every request except ACK, port 5060 when absent.
    #[test]
    fn the_first_via_of_every_request_but_ack_is_answered() {
        let vias = "Via: SIP/2.0/UDP 10.0.0.1;branch=a, SIP/2.0/UDP 10.0.0.1:5070\nv: SIP/2.0/TCP 10.0.0.1";
        for method in Method::ALL {
            let start = format!("{} sip:b@example.com SIP/2.0", method.token());
            let first = if method == Method::Ack {
                "names"
            } else {
                "answers"
            };
            assert_eq!(
                listed(&message(&start, vias), Outbound),
                [
                    &format!("10.0.0.1 = 5060 {first} udp"),
                    "10.0.0.1:5070 = 5070 names udp",
                    "10.0.0.1 = 5060 names tcp"
                ],
                "{start}"
            );
        }
    }

    /// PROTOCOLS B4.2, Via: what an inside element has put there comes back in the response.
    #[test]
    fn via_is_changed_in_requests_out_and_responses_in() {
        let via = "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=a;received=203.0.113.7;rport=40000, \
                   SIP/2.0/UDP 203.0.113.7:40000;rport=40001;received=203.0.113.7";
        let response = message("SIP/2.0 200 OK", via);
        let request = message("BYE sip:example.com SIP/2.0", via);
        assert_eq!(
            listed(&response, Inbound),
            [
                "203.0.113.7 = 40000 names udp",
                "40000 = 40000 names udp",
                "203.0.113.7:40000 = 40000 names udp",
                "40001 = 40001 names udp",
                "203.0.113.7 = 40001 names udp",
            ]
        );
        assert_eq!(
            listed(&request, Outbound),
            ["10.0.0.1:5060 = 5060 answers udp"]
        );
        assert!(listed(&response, Outbound).is_empty());
        assert!(listed(&request, Inbound).is_empty());
    }

    /// RFC 3261 section 8.1.1.7: a branch is a token that comes back as it was; what was changed
    /// in it is found again.
    #[test]
    fn addresses_in_a_branch_are_changed_there_and_back() {
        let request = |host: &str, branch: &str| {
            let via = format!("Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{branch};rport");
            message("BYE sip:example.com SIP/2.0", &via)
        };
        let response = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let text = text.replace("BYE sip:example.com SIP/2.0", "SIP/2.0 200 OK");
            text.into_bytes()
        };
        let to = |address| move |place: Endpoint| Endpoint { address, ..place };
        for (inside, outside) in [
            ("10.0.0.1", "203.0.113.7"),
            ("np1-4725f98010.0.0.1", "np1-4725f980203.0.113.7"),
            ("1.2.10.0.0.1-10.0.0.1", "1.2.203.0.113.7-203.0.113.7"),
            ("10.0.0.1.2", "10.0.0.1.2"),
            ("10.0.0.12", "10.0.0.12"),
            ("010.0.0.1.", "0203.0.113.7."),
            ("10.0.0.", "10.0.0."),
        ] {
            let said = request("10.0.0.1", inside);
            let out = rewritten(&said, Outbound, to(OUTSIDE));
            let expected = request("203.0.113.7", outside);
            assert_eq!(out, expected, "{inside}");
            let back = rewritten(&response(&out), Inbound, to(INSIDE));
            assert_eq!(back, response(&said), "{inside}");
        }
        // A client that knows where it is outside gets back what it wrote.
        assert!(listed(&request("203.0.113.7", "10.0.0.1"), Outbound).is_empty());
        assert!(listed(&response(&request("203.0.113.7", "10.0.0.1")), Outbound).is_empty());
    }

    /// RFC 3581 section 4: without `received` the port was seen at the address that is written.
    #[test]
    fn rport_alone_is_a_port_of_the_sender() {
        let response = message(
            "SIP/2.0 200 OK",
            "Via: SIP/2.0/TLS 203.0.113.7;rport=4000;rport",
        );
        assert_eq!(
            listed(&response, Inbound),
            ["203.0.113.7 = 5061 names tcp", "4000 = 4000 names tcp"]
        );
        let named = message("SIP/2.0 200 OK", "Via: SIP/2.0/UDP a.example;rport=4000");
        assert!(listed(&named, Inbound).is_empty());
    }

    #[test]
    fn blanks_between_host_and_port_stay() {
        let request = message("BYE sip:x SIP/2.0", "Via: SIP/2.0/UDP 10.0.0.1 : 4000");
        assert_eq!(
            listed(&request, Outbound),
            ["10.0.0.1 = 4000 answers udp", "4000 = 4000 names udp"]
                .map(|text| text.replace("4000 = 4000 names", "4000 = 4000 answers"))
        );
    }

    /// REQUIREMENTS P4: from Contact.
    #[test]
    fn contacts_are_answered_in_requests_and_responses() {
        let contact = "m: \"a\" <sip:a@10.0.0.1>;q=1, <sip:b@192.0.2.1>, sip:10.0.0.1:5070;q=0";
        for start in ["SUBSCRIBE sip:x SIP/2.0", "SIP/2.0 302 Moved"] {
            assert_eq!(
                listed(&message(start, contact), Outbound),
                [
                    "10.0.0.1 = 5060 answers udp",
                    "10.0.0.1:5070 = 5070 answers udp"
                ]
            );
        }
        assert_eq!(
            listed(&message("ACK sip:x SIP/2.0", "m: <sip:10.0.0.1>"), Outbound),
            ["10.0.0.1 = 5060 names udp"]
        );
        assert!(listed(&message("SIP/2.0 200 OK", "Contact: *"), Outbound).is_empty());
    }

    /// PROTOCOLS B4.4: the contact's own time, else the message's, else an hour; nothing is opened
    /// for one that is given up.
    #[test]
    fn registrations_tell_how_long_they_stay() {
        let register = "REGISTER sip:x SIP/2.0";
        for (headers, lifetime, role) in [
            ("m: <sip:10.0.0.1>", 3600, "answers"),
            ("Expires: 60\nm: <sip:10.0.0.1>", 60, "answers"),
            ("m: <sip:10.0.0.1>;expires=7\nExpires: 0", 7, "answers"),
            ("m: <sip:10.0.0.1>;expires=0\nExpires: 60", 0, "names"),
            ("m: <sip:10.0.0.1>\nExpires: 0", 0, "names"),
        ] {
            let message = message(register, headers);
            let summary = summary(&message, Outbound).unwrap();
            let [contact] = summary.contacts[..] else {
                panic!("one contact in {headers}");
            };
            assert_eq!(summary.lifetime(&contact), lifetime, "{headers}");
            assert_eq!(
                contact.endpoint,
                Endpoint {
                    address: INSIDE,
                    port: 5060
                }
            );
            assert_eq!(
                listed(&message, Outbound),
                [format!("10.0.0.1 = 5060 {role} udp")]
            );
        }
        let all = message(register, "Contact: *\nExpires: 0");
        assert!(summary(&all, Outbound).unwrap().all_contacts);
    }

    #[test]
    fn the_summary_has_the_first_hop_and_only_contacts_of_ours() {
        let response = message(
            "SIP/2.0 200 OK",
            "v: SIP/2.0/UDP a.example:5062;branch=b1;received=203.0.113.7, SIP/2.0/UDP b\n\
             m: <sip:a@192.0.2.1>, <sip:a@203.0.113.7:40000>;expires=60",
        );
        let summary = summary(&response, Inbound).unwrap();
        let hop = summary.via.unwrap();
        assert_eq!(hop.host.of(&response), b"a.example");
        assert_eq!(hop.branch.of(&response), b"b1");
        assert_eq!((hop.sent_by, hop.explicit_port), (None, true));
        assert_eq!(summary.contacts.len(), 1);
        assert_eq!(summary.contacts[0].endpoint.port, 40000);
        assert_eq!(summary.contacts[0].expires, Some(60));
    }

    #[test]
    fn too_many_contacts_are_not_followed() {
        let contacts = "m: <sip:10.0.0.1>\n".repeat(9);
        let message = message("REGISTER sip:x SIP/2.0", contacts.trim_end());
        assert_eq!(summary(&message, Outbound).err(), Some(SipError::TooMany));
    }
}
