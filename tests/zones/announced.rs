//! What gateways hear of comes through without a class or a pair of its own.

use base::Counter;
use testkit::{Packet, Seen, tcp, udp};
use tests::{Config, Pipe};

use crate::{routed, through, uses, zoned};

const SIP: (&str, &str) = ("sip-class1", "protocols: [sip]");
const FTP: (&str, &str) = ("ftp", "protocols: [ftp]");

/// The configuration of seed 2: a class `sip`, a policy that inspects it, a pair.
fn seed(config: Config) -> Config {
    zoned(config, &[SIP], Some(&[("sip-class1", "inspect")]), None)
}

fn sdp(head: &str, address: &str, port: u16) -> Vec<u8> {
    let body = format!(
        "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0\r\n"
    );
    format!(
        "{head}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The media endpoint that SDP names.
#[track_caller]
fn media(seen: &Seen) -> String {
    let text = String::from_utf8(seen.payload.clone()).unwrap();
    let line = |start: &str| {
        let found = text.split("\r\n").find_map(|line| line.strip_prefix(start));
        found.unwrap().to_owned()
    };
    let port = line("m=audio ");
    format!("{}:{}", line("c=IN IP4 "), port.split(' ').next().unwrap())
}

const PROXY: &str = "192.0.2.1:5060";

/// A phone inside calls, and the other side takes the call: where the phone's media are
/// awaited outside.
#[track_caller]
fn call(nat: &mut Pipe) -> String {
    let head = "INVITE sip:bob@example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP 10.64.0.7:5060;branch=z9hG4bKa1;rport\r\nMax-Forwards: 70\r\n\
         From: <sip:ann@10.64.0.7>;tag=a1\r\nTo: <sip:bob@example.com>\r\nCall-ID: c1\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:ann@10.64.0.7:5060>\r\n";
    let invite = udp(&format!("10.64.0.7:5060 > {PROXY}"));
    let heard = through(&nat.inside(invite.payload(&sdp(head, "10.64.0.7", 40000))));
    let awaited = media(&heard);
    let head = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKa1;received={};rport={}\r\n\
         From: <sip:ann@10.64.0.7>;tag=a1\r\nTo: <sip:bob@example.com>;tag=b1\r\nCall-ID: c1\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:bob@192.0.2.1:5060>\r\n",
        heard.src,
        heard.src.ip(),
        heard.src.port()
    );
    let ok = heard.reply().payload(&sdp(&head, "192.0.2.9", 30000));
    through(&nat.outside(ok));
    awaited
}

/// Seed 2, with NAT and without: SIP passes with its media, and nothing else does.
#[test]
fn sip_passes_with_its_media_and_the_rest_is_dropped() {
    for (base, is_translated) in [(Config::new(), true), (routed(), false)] {
        let mut nat = Pipe::new(&seed(base));
        nat.inside(udp("10.64.0.7:40000 > 192.0.2.9:30000"))
            .dropped(Counter::DropZonePolicy);
        let awaited = call(&mut nat);
        assert_eq!(awaited != "10.64.0.7:40000", is_translated, "{awaited}");
        // Early media from elsewhere, then the two sides to each other.
        let early = nat
            .outside(udp(&format!("192.0.2.50:9 > {awaited}")).payload(b"rtp"))
            .forwarded();
        assert!(early.dst == "10.64.0.7:40000");
        let own = nat
            .inside(udp("10.64.0.7:40000 > 192.0.2.9:30000").payload(b"rtp"))
            .forwarded();
        assert_eq!(own.src.to_string(), awaited);
        nat.outside(own.reply().payload(b"rtp")).forwarded();
        nat.inside(udp("10.64.0.7:40001 > 192.0.2.9:30001").payload(b"rtcp"))
            .forwarded();
        // Others of the same host, and other hosts.
        nat.inside(udp("10.64.0.7:40002 > 192.0.2.9:30000"))
            .dropped(Counter::DropZonePolicy);
        nat.inside(udp("10.64.0.8:40000 > 192.0.2.9:30000"))
            .dropped(Counter::DropZonePolicy);
        nat.inside(tcp("10.64.0.7:40000 > 192.0.2.9:30000").syn())
            .dropped(Counter::DropZonePolicy);
        nat.outside(tcp("192.0.2.9:30000 > 10.64.0.7:22").syn())
            .dropped_for(&[Counter::DropZoneNoPair, Counter::DropNotInside]);
        assert_eq!(uses(&mut nat, "in-out", "sip-class1"), (1, 1));
    }
}

/// Seed 2: without a pair between the zones there is nothing.
#[test]
fn sip_in_the_other_direction_has_no_pair() {
    let mut nat = Pipe::new(&seed(routed()));
    nat.outside(udp("192.0.2.1:5060 > 10.64.0.7:5060").payload(b"OPTIONS sip:a SIP/2.0\r\n"))
        .dropped(Counter::DropZoneNoPair);
}

/// One side of a TCP connection through the appliance.
struct Ftp {
    nat: Pipe,
    /// The outside endpoint of the client, as the server sees it.
    client: String,
    /// Bytes said by client and server.
    said: [u32; 2],
}

impl Ftp {
    /// A client inside has connected to a server outside.
    #[track_caller]
    fn open(config: &Config) -> Self {
        let mut nat = Pipe::new(config);
        let syn = tcp("10.64.0.7:5000 > 192.0.2.1:21").syn().seq(1000);
        let out = nat.inside(syn).forwarded();
        nat.outside(out.reply().syn_ack().seq(9000).ack(1001))
            .forwarded();
        let mut ftp = Self {
            nat,
            client: out.src.to_string(),
            said: [1001, 9001],
        };
        ftp.server(b"220 ready\r\n");
        ftp
    }

    #[track_caller]
    fn client(&mut self, text: &[u8]) -> Seen {
        let [client, server] = self.said;
        let packet = segment(tcp("10.64.0.7:5000 > 192.0.2.1:21"), [client, server], text);
        self.said[0] += text.len() as u32;
        through(&self.nat.inside(packet))
    }

    #[track_caller]
    fn server(&mut self, text: &[u8]) -> Seen {
        let [client, server] = self.said;
        let flow = format!("192.0.2.1:21 > {}", self.client);
        let packet = segment(tcp(&flow), [server, client], text);
        self.said[1] += text.len() as u32;
        self.nat.outside(packet).forwarded()
    }
}

fn segment(packet: Packet, [seq, ack]: [u32; 2], text: &[u8]) -> Packet {
    packet.flags(0x18).seq(seq).ack(ack).payload(text)
}

/// The client goes where the server says that it listens, there alone, and not for ever.
#[test]
fn passive_ftp_goes_where_the_server_has_said() {
    for base in [Config::new(), routed()] {
        let config = zoned(base, &[FTP], Some(&[("ftp", "inspect")]), None);
        let mut ftp = Ftp::open(&config);
        let data = |to: &str| tcp(&format!("10.64.0.7:6000 > {to}")).syn();
        ftp.nat
            .inside(data("192.0.2.1:50000"))
            .dropped(Counter::DropZonePolicy);
        ftp.client(b"PASV\r\n");
        ftp.server(b"227 Entering Passive Mode (192,0,2,1,195,80).\r\n");
        ftp.nat
            .inside(data("192.0.2.1:50001"))
            .dropped(Counter::DropZonePolicy);
        let out = ftp.nat.inside(data("192.0.2.1:50000")).forwarded();
        ftp.nat.outside(out.reply().syn_ack()).forwarded();
        ftp.client(b"EPSV\r\n");
        ftp.server(b"229 Entering Extended Passive Mode (|||50002|)\r\n");
        ftp.nat.wait(61.0);
        ftp.nat
            .inside(data("192.0.2.1:50002"))
            .dropped(Counter::DropZonePolicy);
    }
}

/// A server speaks for itself alone (FTP bounce).
#[test]
fn a_server_that_names_another_opens_nothing() {
    let config = zoned(Config::new(), &[FTP], Some(&[("ftp", "inspect")]), None);
    let mut ftp = Ftp::open(&config);
    ftp.client(b"PASV\r\n");
    ftp.server(b"227 Entering Passive Mode (192,0,2,9,195,80).\r\n");
    ftp.nat
        .inside(tcp("10.64.0.7:6000 > 192.0.2.9:50000").syn())
        .dropped(Counter::DropZonePolicy);
}

#[test]
fn active_ftp_lets_the_server_in() {
    for base in [Config::new(), routed()] {
        let config = zoned(base, &[FTP], Some(&[("ftp", "inspect")]), None);
        let mut ftp = Ftp::open(&config);
        let heard = ftp.client(b"PORT 10,64,0,7,195,80\r\n");
        let text = String::from_utf8(heard.payload).unwrap();
        let numbers: Vec<u16> = text
            .trim()
            .trim_start_matches("PORT ")
            .split(',')
            .map(|number| number.parse().unwrap())
            .collect();
        let to = format!(
            "{}.{}.{}.{}:{}",
            numbers[0],
            numbers[1],
            numbers[2],
            numbers[3],
            numbers[4] * 256 + numbers[5]
        );
        let syn = |from: &str| tcp(&format!("{from} > {to}")).syn();
        assert_ne!(ftp.nat.outside(syn("192.0.2.9:20")).verdict, "forward");
        let came = ftp.nat.outside(syn("192.0.2.1:20")).forwarded();
        assert!(came.dst == "10.64.0.7:50000");
        ftp.nat.inside(came.reply().syn_ack()).forwarded();
        assert_ne!(ftp.nat.outside(syn("192.0.2.1:21")).verdict, "forward");
    }
}

/// The server is inside and not translated: what it announces is let in.
#[test]
fn a_routed_server_announces_its_data_ports() {
    let mut nat = Pipe::new(&zoned(routed(), &[FTP], None, Some(&[("ftp", "inspect")])));
    let flow = (
        "192.0.2.1:4000 > 10.64.0.7:21",
        "10.64.0.7:21 > 192.0.2.1:4000",
    );
    nat.outside(tcp(flow.0).syn().seq(1000)).forwarded();
    nat.inside(tcp(flow.1).syn_ack().seq(9000).ack(1001))
        .forwarded();
    let data = || tcp("192.0.2.1:4001 > 10.64.0.7:50000").syn();
    nat.outside(data()).dropped(Counter::DropZonePolicy);
    let said = |flow, seq, ack, text: &[u8]| segment(tcp(flow), [seq, ack], text);
    nat.inside(said(flow.1, 9001, 1001, b"220 ready\r\n"))
        .forwarded();
    nat.outside(said(flow.0, 1001, 9012, b"PASV\r\n"))
        .forwarded();
    let reply = b"227 Entering Passive Mode (10,64,0,7,195,80).\r\n";
    let heard = nat.inside(said(flow.1, 9012, 1007, reply)).forwarded();
    assert_eq!(heard.payload, reply);
    let came = nat.outside(data()).forwarded();
    nat.inside(came.reply().syn_ack()).forwarded();
    assert_eq!(nat.show("doors").len(), 0, "it was for one flow");
    // Mapped to itself as long as that.
    assert!(nat.show("mappings").is_empty());
}

/// The answer comes from a port that nobody knew before.
#[test]
fn tftp_is_answered_from_another_port() {
    for base in [Config::new(), routed()] {
        let classes = [("tftp", "protocols: [tftp]")];
        let mut nat = Pipe::new(&zoned(base, &classes, Some(&[("tftp", "inspect")]), None));
        let ask = udp("10.64.0.7:5000 > 192.0.2.1:69").payload(b"\0\x01file\0octet\0");
        let asked = nat.inside(ask).forwarded();
        nat.outside(asked.reply().from("192.0.2.9:3000"))
            .dropped(Counter::DropZoneNoPair);
        let data = nat
            .outside(
                asked
                    .reply()
                    .from("192.0.2.1:3000")
                    .payload(b"\0\x03\0\x01"),
            )
            .forwarded();
        assert!(data.dst == "10.64.0.7:5000");
        nat.inside(data.reply().payload(b"\0\x04\0\x01"))
            .forwarded();
    }
}

/// A reload that changes another class leaves media alone that no class allows.
#[test]
fn media_stay_through_a_reload() {
    let mut nat = Pipe::new(&seed(Config::new()));
    call(&mut nat);
    let own = nat
        .inside(udp("10.64.0.7:40000 > 192.0.2.9:30000").payload(b"rtp"))
        .forwarded();
    let more = ("web", "protocols: [tcp], destination_ports: [80]");
    nat.reload(&zoned(
        Config::new(),
        &[SIP, more],
        Some(&[("sip-class1", "inspect"), ("web", "inspect")]),
        None,
    ));
    nat.outside(own.reply().payload(b"rtp")).forwarded();
    nat.inside(udp("10.64.0.7:40000 > 192.0.2.9:30000").payload(b"rtp"))
        .forwarded();
    assert_eq!(nat.show("translations").len(), 2);
}
