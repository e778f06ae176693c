//! Skinny (PROTOCOLS B6): phones inside, their call manager outside.

use testkit::udp;
use tests::{A, B, Pipe, X};

use crate::talk::Side::{Inside, Outside};
use crate::talk::Talk;
use crate::{not_admitted, row, strict, tally, through};

const MANAGER: &str = "192.0.2.1:2000";
const PEER: [u8; 4] = [192, 0, 2, 9];

/// A message: words and raw bytes behind its header.
fn message(version: u32, id: u32, data: &[u8]) -> Vec<u8> {
    let len = 4 + data.len() as u32;
    let mut bytes = Vec::new();
    for word in [len, version, id] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(data);
    bytes
}

/// An endpoint in the layout of a version.
fn endpoint(version: u32, address: [u8; 4], port: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    if version >= 17 {
        bytes.extend(0_u32.to_le_bytes());
    }
    bytes.extend(address);
    if version >= 17 {
        bytes.extend([0; 12]);
    }
    bytes.extend(u32::from(port).to_le_bytes());
    bytes
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn register(version: u32, address: [u8; 4]) -> Vec<u8> {
    let mut data = b"SEP001122334455\0".to_vec();
    data.extend(words(&[0, 1]));
    data.extend(address);
    data.extend(words(&[7, 5, 0, 11]));
    data.resize(if version >= 17 { 124 } else { 44 }, 0);
    message(version, 1, &data)
}

/// The phone says where it receives: audio or video.
fn receives(version: u32, id: u32, address: [u8; 4], port: u16) -> Vec<u8> {
    let data = [
        words(&[0]),
        endpoint(version, address, port),
        words(&[77, 88]),
    ]
    .concat();
    message(version, id, &data)
}

/// The manager says where the phone is to send.
fn send_to(version: u32, address: [u8; 4], port: u16) -> Vec<u8> {
    let data = [
        words(&[1, 77]),
        endpoint(version, address, port),
        words(&[20, 4, 0, 0]),
    ]
    .concat();
    message(version, 0x8a, &data)
}

/// Address and port in what an acknowledgement became.
fn announced(version: u32, seen: &[u8]) -> (String, u16) {
    let at = if version >= 17 { 20 } else { 16 };
    let port = if version >= 17 { 36 } else { 20 };
    let address = std::net::Ipv4Addr::new(seen[at], seen[at + 1], seen[at + 2], seen[at + 3]);
    (
        address.to_string(),
        u16::from_le_bytes([seen[port], seen[port + 1]]),
    )
}

const OWN: [u8; 4] = [10, 64, 0, 7];

/// P7: both layouts, audio and video: doors for RTP and RTCP, and no inside address told.
#[test]
fn media_come_in_where_the_phone_said_that_it_receives() {
    for version in [0, 11, 16, 17, 20, 22] {
        for id in [0x22, 0x31] {
            let mut nat = Pipe::new(&strict());
            let mut talk = Talk::open(&mut nat, "10.64.0.7:49000", MANAGER);
            let seen = talk.sends(&mut nat, Inside, &register(version, OWN));
            assert_eq!(seen.payload.len(), register(version, OWN).len());
            assert!(!seen.payload.windows(4).any(|bytes| bytes == OWN));
            talk.says(&mut nat, Outside, &message(0, 0x81, &words(&[30, 0])));
            let seen = talk.sends(&mut nat, Inside, &receives(version, id, OWN, 24_576));
            assert!(!seen.payload.windows(4).any(|bytes| bytes == OWN));
            let (address, port) = announced(version, &seen.payload);
            assert_eq!(address, talk.outside().split(':').next().unwrap());
            assert!(port.is_multiple_of(2));
            talk.says(&mut nat, Outside, &send_to(version, PEER, 30_000));
            for (nth, from) in [(0, 30_000), (1, 30_001)] {
                let rtp = udp(&format!("192.0.2.9:{from} > {address}:{}", port + nth));
                let seen = nat.outside(rtp).forwarded();
                assert!(seen.dst == &*format!("10.64.0.7:{}", 24_576 + nth));
            }
            let own = nat
                .inside(udp("10.64.0.7:24576 > 192.0.2.9:30000"))
                .forwarded();
            assert!(own.src == &*format!("{address}:{port}"));
            let [messages, rewritten, opened, promoted, bypassed, errors] =
                tally(&mut nat, "skinny");
            assert_eq!([rewritten, opened, bypassed, errors], [2, 2, 0, 0]);
            assert!(messages >= 4 && promoted == 2);
        }
    }
}

/// IPv6 inside version-17 fields is left alone.
#[test]
fn version_6_addresses_stay() {
    let mut nat = Pipe::new(&strict());
    let mut talk = Talk::open(&mut nat, "10.64.0.7:49000", MANAGER);
    let mut ack = receives(17, 0x22, OWN, 24_576);
    ack[16] = 1;
    talk.says(&mut nat, Inside, &ack);
    assert!(nat.show("doors").is_empty());
}

/// Slipstream: another host's address, or a system port, opens nothing.
#[test]
fn only_the_phones_own_ports_are_opened() {
    for (address, port) in [
        ([10, 64, 0, 8], 24_576),
        (OWN, 22),
        ([198, 51, 100, 9], 5000),
    ] {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, "10.64.0.7:49000", MANAGER);
        talk.sends(&mut nat, Inside, &receives(17, 0x22, address, port));
        assert!(nat.show("doors").is_empty(), "{address:?}:{port}");
        assert!(tally(&mut nat, "skinny")[5] > 0);
    }
}

/// Segments with several messages, and messages in several segments.
#[test]
fn messages_come_through_however_they_are_cut() {
    let all = [
        message(0, 0, &[]),
        register(17, OWN),
        receives(17, 0x22, OWN, 24_576),
        message(0, 0, &[]),
        receives(0, 0x22, OWN, 24_600),
    ]
    .concat();
    for size in [1, 7, 40, 61, 100, 500] {
        let mut nat = Pipe::new(&strict());
        let talk = Talk::open(&mut nat, "10.64.0.7:49000", MANAGER);
        let mut heard = Vec::new();
        for (nth, piece) in all.chunks(size).enumerate() {
            let next = talk.end(Inside).next + (nth * size) as u32;
            let segment = talk.segment(Inside).seq(next).payload(piece);
            let left = nat.inside(segment).left.into_iter().chain(nat.wait(0.01));
            for left in left.filter(|left| left.interface == "outside") {
                heard.extend(left.seen.payload);
            }
            if size < 100 {
                // Who receives acknowledges.
                let ack = talk.end(Outside).expects + heard.len() as u32;
                let outcome = nat.outside(talk.segment(Outside).ack(ack));
                assert_ne!(outcome.verdict, "drop");
            }
        }
        assert_eq!(heard.len(), all.len(), "pieces of {size}");
        assert!(!heard.windows(4).any(|bytes| bytes == OWN));
        assert_eq!(nat.show("doors").len(), 4, "pieces of {size}");
    }
}

/// HTTP, a banner protocol whose server speaks first, and anything else on TCP 2000.
#[test]
fn another_protocol_on_the_port_is_let_go() {
    for (first, bytes) in [
        (Inside, &b"GET / HTTP/1.1\r\n\r\n"[..]),
        (Outside, b"SSH-2.0-OpenSSH_9.2\r\n"),
        (Inside, &[0xff; 64]),
        (Outside, b"+OK POP3\r\n"),
    ] {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, "10.64.0.7:49000", MANAGER);
        talk.says(&mut nat, first, bytes);
        talk.says(&mut nat, first.other(), b"anything\n");
        let mut bait = receives(17, 0x22, OWN, 24_576);
        bait.extend(b"more");
        talk.says(&mut nat, Inside, &bait);
        assert!(nat.show("doors").is_empty());
        assert_eq!(tally(&mut nat, "skinny")[4], 1);
    }
}

/// The manager inside, by a port forward; the phone outside.
#[test]
fn a_manager_inside_tells_its_phones_where_to_send() {
    let config =
        strict().fixed("protocol: tcp, inside: \"10.64.0.7:2000\", outside: \"203.0.113.20:2000\"");
    let mut nat = Pipe::new(&config);
    let mut talk = Talk::come(&mut nat, "192.0.2.9:49000", "203.0.113.20:2000");
    talk.says(&mut nat, Outside, &register(17, PEER));
    talk.says(&mut nat, Outside, &receives(17, 0x22, PEER, 24_576));
    assert!(nat.show("doors").is_empty());
    // Media of another phone inside, known by nothing yet.
    let seen = talk.sends(&mut nat, Inside, &send_to(17, OWN, 30_000));
    assert!(!seen.payload.windows(4).any(|bytes| bytes == OWN));
}

/// Off: nothing is read and nothing comes in.
#[test]
fn without_the_gateway_no_media_come_in() {
    let mut nat = Pipe::new(&strict().top("alg: { skinny: off }"));
    assert_eq!(row(&mut nat, "skinny")["enabled"], false);
    let mut talk = Talk::open(&mut nat, &format!("{B}:49000"), MANAGER);
    talk.says(
        &mut nat,
        Inside,
        &receives(17, 0x22, [10, 64, 0, 8], 24_576),
    );
    let address = talk.outside().split(':').next().unwrap().to_owned();
    not_admitted(nat.outside(udp(&format!("{X}:30000 > {address}:24576"))));
}

/// Another port by configuration, and not the usual one then.
#[test]
fn the_port_is_the_configurations() {
    let mut nat = Pipe::new(&strict().top("alg: { skinny: { ports: [2002] } }"));
    let mut talk = Talk::open(&mut nat, &format!("{A}:49000"), "192.0.2.1:2002");
    talk.sends(&mut nat, Inside, &receives(17, 0x22, OWN, 24_576));
    assert_eq!(nat.show("doors").len(), 2);
    let mut talk = Talk::open(&mut nat, &format!("{A}:49001"), MANAGER);
    through(nat.inside(talk.segment(Inside)));
    talk.says(&mut nat, Inside, &receives(17, 0x22, OWN, 24_900));
    assert_eq!(nat.show("doors").len(), 2);
}
