//! What is not the protocol on each port of each gateway (G2): it passes byte for byte from the
//! first byte on, and is counted once.

use testkit::{Rng, udp};
use tests::{Config, Pipe};

use crate::talk::{Side, Talk};
use crate::{strict, tally, through};
use Side::{Inside, Outside};

const X: &str = "192.0.2.1";

/// Gateways and their ports.
const STREAMS: [(&str, u16); 7] = [
    ("ftp", 21),
    ("dns", 53),
    ("rcmd", 512),
    ("rcmd", 513),
    ("rcmd", 514),
    ("rtsp", 554),
    ("sip", 5060),
];
const DATAGRAMS: [(&str, u16); 3] = [("dns", 53), ("tftp", 69), ("sip", 5060)];

/// Names are looked at where some host has a whole address.
fn config() -> Config {
    strict().fixed("inside: 10.64.0.10, outside: 203.0.113.14")
}

fn http() -> Said {
    let request =
        b"GET /10.64.0.7 HTTP/1.1\r\nHost: 10.64.0.7:5060\r\nContact: <sip:a@10.64.0.7>\r\n\r\n";
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 31\r\n\r\nPORT 10,64,0,7,19,137 10.64.0.7";
    // The connection is kept for a second one.
    [(Inside, &request[..]), (Outside, answer)]
        .repeat(2)
        .into_iter()
        .map(|(side, bytes)| (side, bytes.to_vec()))
        .collect()
}

/// What is said, and by whom.
type Said = Vec<(Side, Vec<u8>)>;

/// As HTTP, SSH, a database and TLS begin, and as nothing does.
fn said(chance: &mut Rng) -> Vec<(&'static str, Said)> {
    let mut any = |len| chance.bytes(len);
    let tls =
        |bytes: Vec<u8>| [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &bytes[..]].concat();
    vec![
        ("HTTP", http()),
        (
            "HTTP/2",
            vec![
                (Inside, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
                (Outside, any(60)),
            ],
        ),
        (
            "SSH, whose server may be the first",
            vec![
                (Outside, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_vec()),
                (Inside, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_vec()),
            ],
        ),
        (
            "a database, whose server is the first",
            vec![
                (
                    Outside,
                    b"\x4a\x00\x00\x00\x0a8.0.36\x00\x0b\x00\x00\x00".to_vec(),
                ),
                (Inside, b"\x20\x00\x00\x01\x05\xa6\xff\x19".to_vec()),
            ],
        ),
        (
            "TLS",
            vec![(Inside, tls(any(500))), (Outside, tls(any(1200)))],
        ),
        (
            "high bytes",
            vec![(Inside, vec![0xff; 900]), (Outside, vec![0xff; 900])],
        ),
    ]
}

/// Behind its beginning, 100 KB of anything each way, and what each gateway would like.
fn goes_on(nat: &mut Pipe, talk: &mut Talk, chance: &mut Rng) {
    for round in 0..140 {
        let len = 1 + chance.below(1400);
        let bytes = chance.bytes(len);
        talk.says(nat, Side::BOTH[round % 2], &bytes);
    }
    for bait in [
        "PORT 10,64,0,7,19,137\r\n",
        "SETUP rtsp://192.0.2.1/a RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n",
        "REGISTER sip:192.0.2.1 SIP/2.0\r\nContact: <sip:a@10.64.0.7:40000>\r\nContent-Length: 0\r\n\r\n",
        "1022\0",
    ] {
        talk.says(nat, Inside, bait.as_bytes());
    }
}

#[test]
fn other_streams_pass_byte_for_byte_on_every_port() {
    let mut chance = Rng::new(5);
    for (gateway, port) in STREAMS {
        for (name, said) in said(&mut chance) {
            let mut nat = Pipe::new(&config());
            // rsh demands a port below 1024 of its client.
            let mut talk = Talk::open(&mut nat, "10.64.0.7:1023", &format!("{X}:{port}"));
            for (side, bytes) in &said {
                talk.says(&mut nat, *side, bytes);
            }
            goes_on(&mut nat, &mut talk, &mut chance);
            talk.finishes(&mut nat, Inside);
            assert_eq!(nat.show("doors").len(), 0, "{name} on {port}");
            let counted = tally(&mut nat, gateway);
            assert_eq!(counted, [0, 0, 0, 0, 1, 0], "{name} on {port}");
        }
    }
}

#[test]
fn random_datagrams_pass_byte_for_byte_on_every_port() {
    let mut chance = Rng::new(6);
    for (gateway, port) in DATAGRAMS {
        let mut nat = Pipe::new(&config());
        for nth in 0..200_u16 {
            let inside = format!("10.64.0.7:{}", 40_000 + nth);
            let len = 1 + chance.below(1400);
            let mut bytes = chance.bytes(len);
            // So many begin as no protocol does.
            if nth % 2 == 0 {
                bytes[0] = 0xff;
            }
            let out = through(nat.inside(udp(&format!("{inside} > {X}:{port}")).payload(&bytes)));
            assert_eq!(out.payload, bytes);
            let back = udp(&format!("{} > {}", out.dst.0, out.src.0)).payload(&bytes);
            assert_eq!(through(nat.outside(back)).payload, bytes);
        }
        assert_eq!(nat.show("doors").len(), 0, "{port}");
        let [_, rewritten, opened, promoted, bypassed, errors] = tally(&mut nat, gateway);
        assert_eq!([rewritten, opened, promoted, errors], [0; 4], "{port}");
        assert!(bypassed >= 100, "{bypassed} on {port}");
    }
}
