//! One appliance with phones inside and proxies outside, and a naive reader of messages.

use serde_json::Value;
use testkit::{Endpoint, Seen, udp};
use tests::{Config, Outcome, Pipe};

/// The proxy.
pub(crate) const PROXY: &str = "192.0.2.1:5060";
/// The signalling of the usual phone.
pub(crate) const PHONE: &str = "10.64.0.7:5060";
/// Where the other side's media come from.
pub(crate) const PEER: &str = "192.0.2.9:30000";

/// Lines with the ends they have in messages; `{length}` becomes that of the body.
pub(crate) fn text(lines: &str) -> Vec<u8> {
    let lines = lines.replace('\n', "\r\n");
    let length = lines
        .split_once("\r\n\r\n")
        .map_or(0, |(_, body)| body.len());
    lines.replace("{length}", &length.to_string()).into_bytes()
}

/// A message that has come out.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) seen: Seen,
    pub(crate) text: String,
}

impl Heard {
    #[track_caller]
    pub(crate) fn new(seen: Seen) -> Self {
        let text = String::from_utf8(seen.payload.clone()).expect("text");
        let heard = Self { seen, text };
        if let Some(length) = heard.header("Content-Length") {
            assert_eq!(length, heard.body().len().to_string(), "{}", heard.text);
        }
        heard
    }

    /// The value of the first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next()?;
        let of = |line: &'_ str| {
            let (found, _) = line.split_once(':')?;
            found.trim().eq_ignore_ascii_case(name).then_some(())
        };
        let line = head.split("\r\n").skip(1).find(|line| of(line).is_some())?;
        Some(line.split_once(':')?.1.trim())
    }

    pub(crate) fn body(&self) -> &str {
        self.text
            .split_once("\r\n\r\n")
            .map_or("", |(_, body)| body)
    }

    /// Where the `nth` media line says that its sender listens.
    #[track_caller]
    pub(crate) fn media(&self, nth: usize) -> String {
        let address = |line: &str| line.strip_prefix("c=IN IP4 ").map(str::to_owned);
        let mut of_session = None;
        let mut media: Vec<(String, Option<String>)> = Vec::new();
        for line in self.body().split("\r\n") {
            if let Some(rest) = line.strip_prefix("m=") {
                media.push((rest.split(' ').nth(1).unwrap().to_owned(), None));
            } else if let Some(found) = address(line) {
                match media.last_mut() {
                    Some((_, place)) => *place = Some(found),
                    None => of_session = Some(found),
                }
            }
        }
        let (port, own) = &media[nth];
        let address = own.clone().or(of_session).expect("a connection");
        format!("{address}:{port}")
    }
}

/// The appliance with what has been said through it.
pub(crate) struct Line {
    pub(crate) nat: Pipe,
}

impl Line {
    /// Nobody comes in who was not written to, or announced.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// The same with settings for SIP.
    pub(crate) fn with(sip: &str) -> Self {
        let mut config = Config::new().rule("filtering", "address-and-port-dependent");
        if !sip.is_empty() {
            config = config.top(&format!("alg: {{ sip: {sip} }}"));
        }
        Self {
            nat: Pipe::new(&config),
        }
    }

    #[track_caller]
    fn through(outcome: Outcome) -> Seen {
        assert_eq!(outcome.verdict, "forward", "{outcome:?}");
        assert_eq!(outcome.left.len(), 1, "expected one packet: {outcome:?}");
        outcome.left[0].seen.clone()
    }

    /// A host inside says something to one outside.
    #[track_caller]
    pub(crate) fn out(&mut self, from: &str, to: &str, lines: &str) -> Heard {
        let heard = self.out_telling(from, to, lines);
        assert!(
            !heard.text.contains("10.64."),
            "inside told: {}",
            heard.text
        );
        heard
    }

    /// The same where an inside address may be told.
    #[track_caller]
    pub(crate) fn out_telling(&mut self, from: &str, to: &str, lines: &str) -> Heard {
        let packet = udp(&format!("{from} > {to}")).payload(&text(lines));
        Heard::new(Self::through(self.nat.inside(packet)))
    }

    /// A host inside says something that arrives as it was said.
    #[track_caller]
    pub(crate) fn out_untouched(&mut self, from: &str, to: &str, lines: &str) -> Heard {
        let heard = self.out_telling(from, to, lines);
        assert_eq!(heard.text.as_bytes(), text(lines));
        heard
    }

    /// A host outside says something to an outside endpoint.
    #[track_caller]
    pub(crate) fn back(&mut self, from: &str, to: impl ToString, lines: &str) -> Heard {
        let packet = udp(&format!("{from} > {}", to.to_string())).payload(&text(lines));
        Heard::new(Self::through(self.nat.outside(packet)))
    }

    /// Media from outside: where they arrive inside, or nothing.
    #[track_caller]
    pub(crate) fn media(&mut self, from: &str, to: impl ToString) -> Option<Endpoint> {
        let packet = udp(&format!("{from} > {}", to.to_string())).payload(b"\x80rtp");
        let outcome = self.nat.outside(packet);
        (outcome.verdict == "forward").then(|| Self::through(outcome).dst)
    }

    /// The outside endpoints of open doors, of media alone or of all.
    #[track_caller]
    pub(crate) fn doors(&mut self) -> Vec<(String, String, String)> {
        let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
        let mut doors: Vec<_> = self
            .nat
            .show("doors")
            .iter()
            .map(|row| {
                (
                    text(row, "inside"),
                    text(row, "outside"),
                    text(row, "remote"),
                )
            })
            .collect();
        doors.sort();
        doors
    }

    /// How many doors there are to an inside endpoint.
    #[track_caller]
    pub(crate) fn doors_to(&mut self, inside: &str) -> usize {
        self.doors().iter().filter(|(to, ..)| to == inside).count()
    }

    /// The row of `show alg`.
    #[track_caller]
    pub(crate) fn row(&mut self) -> Value {
        let rows = self.nat.show("alg");
        rows.iter().find(|row| row["alg"] == "sip").unwrap().clone()
    }

    #[track_caller]
    pub(crate) fn count(&mut self, key: &str) -> u64 {
        self.row()[key].as_u64().unwrap()
    }
}

/// The head of a request of the usual phone; a call of its own by `id`.
pub(crate) fn request(method: &str, id: &str, cseq: u32) -> String {
    from(PHONE, method, id, cseq)
}

/// The same of any phone.
pub(crate) fn from(phone: &str, method: &str, id: &str, cseq: u32) -> String {
    let host = phone.split(':').next().unwrap();
    format!(
        "{method} sip:bob@example.com SIP/2.0\n\
         Via: SIP/2.0/UDP {phone};branch=z9hG4bK{id}{cseq};rport\n\
         Max-Forwards: 70\n\
         From: <sip:ann@{host}>;tag=a1\n\
         To: <sip:bob@example.com>\n\
         Call-ID: {id}@{host}\n\
         CSeq: {cseq} {method}\n\
         Contact: <sip:ann@{phone}>\n"
    )
}

/// The answer of the other side to a request that it has heard.
#[track_caller]
pub(crate) fn answer(status: &str, to: &Heard, more: &str) -> String {
    let echo = |name: &str| format!("{name}: {}\n", to.header(name).expect("a header to echo"));
    let outside = to.seen.src;
    let via = to.header("Via").unwrap();
    let via = via.replace(
        ";rport",
        &format!(";received={};rport={}", outside.ip(), outside.port()),
    );
    let tag = if to.header("To").unwrap().contains(";tag=") {
        ""
    } else {
        ";tag=b1"
    };
    format!(
        "SIP/2.0 {status}\nVia: {via}\n{}{}{}{}{more}",
        echo("From"),
        echo("To").replace('\n', &format!("{tag}\n")),
        echo("Call-ID"),
        echo("CSeq"),
    )
}

/// A body of SDP with its headers.
pub(crate) fn sdp(address: &str, media: &str) -> String {
    format!(
        "Content-Type: application/sdp\nContent-Length: {{length}}\n\nv=0\n\
         o=- 1 1 IN IP4 {address}\ns=-\nc=IN IP4 {address}\nt=0 0\n{media}\n"
    )
}

/// What the phone offers.
pub(crate) const OFFER: &str = "m=audio 40000 RTP/AVP 0";
/// What the other side answers.
pub(crate) const ANSWER: &str = "m=audio 30000 RTP/AVP 0";
