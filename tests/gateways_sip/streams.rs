//! SIP over TCP where messages are whole in their segments, and over TLS.

use testkit::{Endpoint, Seen, tcp};
use tests::Pipe;

use crate::line::{OFFER, PROXY, from, sdp};
use crate::{Heard, Line, text};

const INSIDE: &str = "10.64.0.7:50000";

/// A connection from inside, with the numbers that each side has.
pub(crate) struct Stream {
    inside: String,
    remote: String,
    outside: Endpoint,
    /// Next byte of the inside host, as it numbers them; and as the remote host sees it.
    sent: u32,
    heard: u32,
    /// The same of the remote host.
    answered: u32,
    got: u32,
}

impl Stream {
    #[track_caller]
    pub(crate) fn open(nat: &mut Pipe, inside: &str, remote: &str) -> Self {
        let flow = format!("{inside} > {remote}");
        let syn = nat.inside(tcp(&flow).syn().seq(1000)).forwarded();
        let back = tcp(&format!("{remote} > {}", syn.src));
        nat.outside(back.syn_ack().seq(9000).ack(1001)).forwarded();
        Self {
            inside: inside.into(),
            remote: remote.into(),
            outside: syn.src,
            sent: 1001,
            heard: 1001,
            answered: 9001,
            got: 9001,
        }
    }

    /// The inside host sends; the remote one sees it, and acknowledges it.
    #[track_caller]
    pub(crate) fn out(&mut self, nat: &mut Pipe, bytes: &[u8]) -> Seen {
        let seen = self.send(nat, bytes);
        let ack = tcp(&format!("{} > {}", self.remote, self.outside));
        let outcome = nat.outside(ack.seq(self.answered).ack(self.heard));
        assert_eq!(outcome.left[0].seen.tcp.as_ref().unwrap().ack, self.sent);
        seen
    }

    /// The inside host sends, and the remote one sees it.
    #[track_caller]
    fn send(&mut self, nat: &mut Pipe, bytes: &[u8]) -> Seen {
        let packet = tcp(&format!("{} > {}", self.inside, self.remote));
        let packet = packet.seq(self.sent).ack(self.got).payload(bytes);
        let outcome = nat.inside(packet);
        assert_eq!(outcome.left.len(), 1, "{outcome:?}");
        let seen = outcome.left[0].seen.clone();
        let header = seen.tcp.as_ref().unwrap();
        assert_eq!(
            (header.seq, header.ack),
            (self.heard, self.answered),
            "{seen:?}"
        );
        self.sent += bytes.len() as u32;
        self.heard += seen.payload.len() as u32;
        seen
    }

    /// The remote host sends.
    #[track_caller]
    pub(crate) fn back(&mut self, nat: &mut Pipe, bytes: &[u8]) -> Seen {
        let packet = tcp(&format!("{} > {}", self.remote, self.outside));
        let outcome = nat.outside(packet.seq(self.answered).ack(self.heard).payload(bytes));
        assert_eq!(outcome.left.len(), 1, "{outcome:?}");
        let seen = outcome.left[0].seen.clone();
        let header = seen.tcp.as_ref().unwrap();
        assert_eq!((header.seq, header.ack), (self.got, self.sent), "{seen:?}");
        self.answered += bytes.len() as u32;
        self.got += seen.payload.len() as u32;
        seen
    }
}

fn over_tcp(method: &str, id: &str, cseq: u32) -> String {
    from("10.64.0.7:5060", method, id, cseq)
        .replace("SIP/2.0/UDP", "SIP/2.0/TCP")
        .replace(
            "<sip:ann@10.64.0.7:5060>",
            "<sip:ann@10.64.0.7:5060;transport=tcp>",
        )
}

#[track_caller]
fn told(seen: Seen) -> Heard {
    let heard = Heard::new(seen);
    assert!(!heard.text.contains("10.64."), "{}", heard.text);
    heard
}

/// REQUIREMENTS P2 and G4: the length changes, and the numbers stay right.
#[test]
fn a_call_over_tcp_opens_its_media() {
    let mut line = Line::new();
    let mut stream = Stream::open(&mut line.nat, INSIDE, PROXY);
    let invite = text(&(over_tcp("INVITE", "c", 1) + &sdp("10.64.0.7", OFFER)));
    let heard = told(stream.out(&mut line.nat, &invite));
    assert_eq!(
        line.media("192.0.2.9:30000", heard.media(0)).unwrap(),
        "10.64.0.7:40000"
    );
    let contact = heard.header("Contact").unwrap().to_owned();
    let answer = text(&crate::line::answer(
        "486 Busy Here",
        &heard,
        "Content-Length: 0\n\n",
    ));
    let back = Heard::new(stream.back(&mut line.nat, &answer));
    assert!(
        back.header("Via").unwrap().contains("TCP 10.64.0.7:5060;"),
        "{}",
        back.text
    );
    assert_eq!(line.doors_to("10.64.0.7:40000"), 0);
    // Whoever calls back does so over TCP.
    let place = contact
        .split('@')
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let syn = tcp(&format!("192.0.2.77:6000 > {place}")).syn().seq(5);
    assert_eq!(line.nat.outside(syn).forwarded().dst, "10.64.0.7:5060");
}

/// PROTOCOLS B4.1: several messages and pings in one segment.
#[test]
fn several_messages_in_a_segment_are_read_one_after_the_other() {
    let mut line = Line::new();
    let mut stream = Stream::open(&mut line.nat, INSIDE, PROXY);
    let mut bytes = b"\r\n\r\n".to_vec();
    let offers = ["m=audio 40000 RTP/AVP 0", "m=audio 40002 RTP/AVP 0"];
    for (id, media) in ["c", "d"].into_iter().zip(offers) {
        let body = sdp("10.64.0.7", media);
        bytes.extend(text(&(over_tcp("INVITE", id, 1) + &body)));
    }
    bytes.extend(text(&format!(
        "{}Content-Length: 0\n\n",
        over_tcp("OPTIONS", "o", 1)
    )));
    assert!(bytes.len() < 1400, "{}", bytes.len());
    let seen = stream.out(&mut line.nat, &bytes);
    let all = String::from_utf8(seen.payload).unwrap();
    assert!(!all.contains("10.64."), "{all}");
    assert_eq!(line.row()["methods"]["INVITE"], 2);
    assert_eq!(line.row()["methods"]["OPTIONS"], 1);
    assert_eq!(
        (
            line.doors_to("10.64.0.7:40000"),
            line.doors_to("10.64.0.7:40002")
        ),
        (1, 1)
    );
    assert_eq!(line.count("errors"), 0);
}

/// A segment that comes twice is written the same again, and is no second message.
#[test]
fn a_retransmitted_message_leaves_as_it_left_before() {
    let mut line = Line::new();
    let mut stream = Stream::open(&mut line.nat, INSIDE, PROXY);
    let invite = text(&(over_tcp("INVITE", "c", 1) + &sdp("10.64.0.7", OFFER)));
    let first = stream.send(&mut line.nat, &invite);
    let packet = tcp(&format!("{INSIDE} > {PROXY}"))
        .seq(1001)
        .ack(9001)
        .payload(&invite);
    let again = line.nat.inside(packet);
    assert_eq!(again.left[0].seen.payload, first.payload);
    assert_eq!(line.count("messages"), 1);
}

/// SIP over TLS passes as it is and is counted.
#[test]
fn tls_passes_untouched_and_is_counted() {
    let mut line = Line::new();
    let mut stream = Stream::open(&mut line.nat, INSIDE, "192.0.2.1:5061");
    let hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 10.64.0.7";
    assert_eq!(stream.out(&mut line.nat, hello).payload, hello);
    assert_eq!(line.count("bypassed"), 1);
    let row = line.row();
    assert_eq!((&row["errors"], &row["messages"]), (&0.into(), &0.into()));
}

/// CVE-2026-21905: a message that is said to be endless is not waited for.
#[test]
fn an_endless_message_is_let_go() {
    let mut line = Line::new();
    let mut stream = Stream::open(&mut line.nat, INSIDE, PROXY);
    let endless = text(&format!(
        "{}Content-Length: 999999\n\nxx",
        over_tcp("MESSAGE", "m", 1)
    ));
    assert_eq!(stream.out(&mut line.nat, &endless).payload, endless);
    assert_eq!((line.count("bypassed"), line.count("errors")), (1, 1));
}
