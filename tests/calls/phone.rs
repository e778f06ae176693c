//! Phones on both sides: SIP over UDP as they would say it, each from what has reached it.

use testkit::{Endpoint, Seen, udp};
use tests::{Outcome, Pipe, X};

/// Where a phone on the inside answers, and its audio.
pub(crate) const SIP: u16 = 5060;
pub(crate) const AUDIO: u16 = 4000;

/// Where the other side has its audio.
pub(crate) const REMOTE_AUDIO: u16 = 7000;

/// One call of an inside phone with the server outside.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    interface: String,
    host: String,
    port: u16,
    /// The `Call-ID` as the inside has it, and as the outside has it.
    id: [String; 2],
    /// Where the server answers to, once it has heard of the phone.
    pub(crate) outside: Option<Endpoint>,
    cseq: u32,
}

/// What a body says.
pub(crate) fn sdp(address: &str, lines: &[(&str, u16)]) -> String {
    use std::fmt::Write;
    let mut body =
        format!("v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n");
    for (kind, port) in lines {
        let _ = write!(body, "m={kind} {port} RTP/AVP 0\r\n");
    }
    body
}

fn with_body(head: &str, body: Option<&str>) -> String {
    match body {
        Some(body) => format!(
            "{head}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
        None => format!("{head}Content-Length: 0\r\n\r\n"),
    }
}

/// The line of a message that begins so.
#[track_caller]
pub(crate) fn line<'a>(message: &'a str, name: &str) -> &'a str {
    message
        .lines()
        .find(|line| line.starts_with(name))
        .unwrap_or_else(|| panic!("no {name} in {message}"))
}

/// It went through as one packet; its payload, as text.
#[track_caller]
fn through(outcome: Outcome) -> (Seen, String) {
    assert_eq!(outcome.verdict, "forward", "{outcome:?}");
    assert_eq!(outcome.left.len(), 1, "expected one packet: {outcome:?}");
    let seen = outcome.left.into_iter().next().unwrap().seen;
    let text = String::from_utf8(seen.payload.clone()).expect("text");
    (seen, text)
}

impl Call {
    /// A call that nobody has made yet.
    pub(crate) fn new(host: &str, call_id: &str) -> Self {
        Self::at("inside", host, call_id)
    }

    /// The same behind another interface.
    pub(crate) fn at(interface: &str, host: &str, call_id: &str) -> Self {
        Self {
            interface: interface.into(),
            host: host.into(),
            port: AUDIO,
            id: [call_id.into(), call_id.into()],
            outside: None,
            cseq: 1,
        }
    }

    /// With its audio at another port.
    pub(crate) fn with_audio(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The next request has the next number.
    pub(crate) fn next(&mut self) -> &mut Self {
        self.cseq += 1;
        self
    }

    pub(crate) fn audio(&self) -> String {
        sdp(&self.host, &[("audio", self.port)])
    }

    /// A request of the inside phone; `tagged` if within a dialog.
    fn request(&self, method: &str, tagged: bool, body: Option<&str>) -> String {
        let Self { host, cseq, .. } = self;
        let tag = if tagged { ";tag=b" } else { "" };
        let head = format!(
            "{method} sip:bob@{X} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {host}:{SIP};branch=z9hG4bK{method}{cseq}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:alice@{X}>;tag=a\r\n\
             To: <sip:bob@{X}>{tag}\r\n\
             Call-ID: {}\r\n\
             CSeq: {cseq} {method}\r\n\
             Contact: <sip:alice@{host}:{SIP}>\r\n",
            self.id[0]
        );
        with_body(&head, body)
    }

    /// The inside phone sends it; as it arrives outside.
    #[track_caller]
    pub(crate) fn out(&mut self, nat: &mut Pipe, text: &str) -> String {
        let flow = format!("{}:{SIP} > {X}:{SIP}", self.host);
        let packet = udp(&flow).payload(text.as_bytes());
        let (seen, arrived) = through(nat.send(&self.interface, &packet));
        self.outside = Some(seen.src);
        self.id[1] = line(&arrived, "Call-ID: ")[9..].into();
        assert!(!arrived.contains(&self.host), "{arrived}");
        arrived
    }

    /// The server sends it; as it arrives at the phone.
    #[track_caller]
    pub(crate) fn back(&mut self, nat: &mut Pipe, text: &str) -> String {
        let to = self.outside.expect("the phone has been heard of");
        let packet = udp(&format!("{X}:{SIP} > {to}")).payload(text.as_bytes());
        let (seen, arrived) = through(nat.outside(packet));
        assert!(
            seen.dst == format!("{}:{SIP}", self.host).as_str(),
            "{seen:?}"
        );
        let call_id = format!("Call-ID: {}", self.id[0]);
        assert_eq!(line(&arrived, "Call-ID: "), call_id);
        arrived
    }

    /// INVITE with audio, from inside; as it arrives.
    #[track_caller]
    pub(crate) fn invite(&mut self, nat: &mut Pipe) -> String {
        let text = self.request("INVITE", false, Some(&self.audio()));
        self.out(nat, &text)
    }

    /// INVITE without a word about media.
    #[track_caller]
    pub(crate) fn ring(&mut self, nat: &mut Pipe) {
        let text = self.request("INVITE", false, None);
        self.out(nat, &text);
    }

    /// A request within the dialog, from inside; as it arrives.
    #[track_caller]
    pub(crate) fn ask(&mut self, nat: &mut Pipe, method: &str, body: Option<&str>) -> String {
        let text = self.request(method, true, body);
        self.out(nat, &text)
    }

    /// CANCEL of the INVITE.
    #[track_caller]
    pub(crate) fn cancel(&mut self, nat: &mut Pipe) -> String {
        let text = self.request("CANCEL", false, None);
        self.out(nat, &text)
    }

    /// The server's answer to what has arrived there.
    #[track_caller]
    pub(crate) fn answer(
        &mut self,
        nat: &mut Pipe,
        request: &str,
        code: u16,
        more: &str,
        body: Option<&str>,
    ) -> String {
        let text = answer(request, code, more, body);
        self.back(nat, &text)
    }

    /// A call that is made and answered, both with audio.
    #[track_caller]
    pub(crate) fn establish(&mut self, nat: &mut Pipe) {
        let invite = self.invite(nat);
        let body = sdp(X, &[("audio", REMOTE_AUDIO)]);
        self.answer(nat, &invite, 200, "", Some(&body));
        self.ask(nat, "ACK", None);
    }

    /// It is hung up from inside.
    #[track_caller]
    pub(crate) fn hang_up(&mut self, nat: &mut Pipe) {
        self.next();
        let bye = self.ask(nat, "BYE", None);
        self.answer(nat, &bye, 200, "", None);
    }

    /// A request of the server within the dialog; as it arrives inside.
    #[track_caller]
    pub(crate) fn asked(&mut self, nat: &mut Pipe, method: &str) -> String {
        let text = format!(
            "{method} sip:alice@{} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {X}:{SIP};branch=z9hG4bK-back\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:bob@{X}>;tag=b\r\n\
             To: <sip:alice@{X}>;tag=a\r\n\
             Call-ID: {}\r\n\
             CSeq: 1 {method}\r\n\
             Content-Length: 0\r\n\r\n",
            self.outside.expect("the phone has been heard of"),
            self.id[1]
        );
        self.back(nat, &text)
    }
}

/// The answer to a request, from what of it has arrived.
pub(crate) fn answer(request: &str, code: u16, more: &str, body: Option<&str>) -> String {
    let copied = |name| line(request, name);
    let to = copied("To: ");
    let tag = if to.contains("tag=") || code == 100 {
        ""
    } else {
        ";tag=b"
    };
    let head = format!(
        "SIP/2.0 {code} Reason\r\n{}\r\n{}\r\n{to}{tag}\r\n{}\r\n{}\r\n{more}",
        copied("Via: "),
        copied("From: "),
        copied("Call-ID: "),
        copied("CSeq: "),
    );
    with_body(&head, body)
}
