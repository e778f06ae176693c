//! Messages of both layouts, recorded and made.

use std::string::String;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::testing::{feed, splice};

/// What has been found, whether released, and what has been seen.
fn read(sender: Sender, stream: &[u8], cuts: &[usize]) -> (Vec<Finding>, bool, Vec<&'static str>) {
    let mut state = State::default();
    let mut seen = Vec::new();
    let (found, released) = feed(stream, cuts, |bytes, found| {
        let mut kept = State::from_word(state.to_word());
        let scanned = scan(&mut kept, sender, bytes, found, |message| {
            seen.push(message.name());
        });
        state = kept;
        scanned
    });
    (found, released, seen)
}

/// Bytes as captures print them.
fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

/// A message of zeros but for these numbers, and addresses in the order of IP.
fn message(version: u8, id: u32, len: usize, numbers: &[(usize, u32)], at: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    let mut put = |at: usize, bytes: [u8; 4]| out[at..at + 4].copy_from_slice(&bytes);
    put(0, u32::try_from(len - 8).unwrap().to_le_bytes());
    put(4, [version, 0, 0, 0]);
    put(8, id.to_le_bytes());
    for (at, number) in numbers {
        put(*at, number.to_le_bytes());
    }
    if at > 0 {
        put(at, HOST.to_be_bytes());
    }
    out
}

const HOST: u32 = 0x0a37_0002;
const PORT: u32 = 17718;

/// `captures/sccp/selfmade_sccp_call1.pcap`, frames 4, 6 and 78; header version 0.
#[test]
fn an_old_phone_registers_and_receives() {
    let register = hex(
        "2800000000000000010000005345503030303030303030303130300000000000
         010000000a3700020700000000000000",
    );
    let port = hex("080000000000000002000000b0e40000");
    let ack = hex("140000000000000022000000000000000a370002b0e4000001000000");
    let stream = [register, port, ack].concat();
    let (found, released, seen) = read(Sender::Client, &stream, &[]);
    assert_eq!(seen, ["Register", "IpPort", "OpenReceiveChannelAck"]);
    assert!(!released);
    let told: Vec<_> = found
        .iter()
        .map(|finding| {
            (
                finding.span.start,
                finding.endpoint,
                finding.form,
                finding.role,
            )
        })
        .collect();
    let whole = |address, port| Endpoint { address, port };
    assert_eq!(
        told,
        [
            (36, whole(HOST, 0), Form::Binary, Role::Host),
            (60, whole(0, 58544), Form::LittlePort, RECEIVES),
            (80, whole(HOST, 58544), Form::Binary, SENDS),
            (84, whole(HOST, 58544), Form::LittlePort, RECEIVES),
        ]
    );
    let there = splice(&stream, &found, |to| Endpoint {
        address: 0xcb00_7105,
        port: to.port.wrapping_add(2),
    });
    assert_eq!(&there[80..86], hex("cb007105b2e4"));
}

/// `captures/sccp/ndpi_skinny_leg_195.50.pcap`, frames 21, 24 and 16; header version 20.
#[test]
fn addresses_of_two_kinds_are_behind_their_kind() {
    let ack = hex(
        "2800000014000000220000000000000000000000c0a8c332000000000000000000000000
         36450000500000014b362e01",
    );
    let started = hex(
        "2c00000014000000540100004b362e01510000014f362e0100000000c0a8c332
         0000000000000000000000003e45000000000000",
    );
    for (message, places, port) in [(&ack, [20, 36], 17718), (&started, [28, 44], 17726)] {
        let (found, released, _) = read(Sender::Client, message, &[]);
        let starts: Vec<_> = found.iter().map(|finding| finding.span.start).collect();
        assert_eq!((&starts[..], released), (&places[..], false));
        let address = 0xc0a8_c332;
        assert_eq!(found[1].endpoint, Endpoint { address, port });
        assert_eq!((found[0].role, found[1].role), (SENDS, RECEIVES));
    }
    let mut start = hex("88000000140000008a0000004b362e015100000100000000c0a8c118
         000000000000000000000000b7240000");
    start.resize(0x90, 0);
    let (found, ..) = read(Sender::Server, &start, &[]);
    assert_eq!(
        (found.len(), found[1].role, found[1].endpoint.port),
        (2, SENDS, 9399)
    );
}

/// PROTOCOLS B6: where the address is in each message, in versions 11, 17 and one that is to come.
#[test]
fn every_message_has_its_places() {
    let (phone, manager) = (Sender::Client, Sender::Server);
    for (sender, id, old, new, role) in [
        (phone, 0x22, 16, 20, RECEIVES),
        (phone, 0x31, 16, 20, RECEIVES),
        (phone, 0x2a, 20, 24, SENDS),
        (phone, 0x154, 24, 28, RECEIVES),
        (phone, 0x155, 24, 28, RECEIVES),
        (manager, 0x8a, 20, 24, SENDS),
        (manager, 0x132, 24, 28, SENDS),
    ] {
        for (version, at, port) in [(11, old, old + 4), (17, new, new + 16), (40, new, new + 16)] {
            let message = message(version, id, 60, &[(port, PORT)], at);
            let (found, released, _) = read(sender, &message, &[]);
            let places: Vec<_> = found.iter().map(|finding| finding.span.start).collect();
            assert_eq!(
                (places, released),
                (vec![at, port], false),
                "{id:x} {version}"
            );
            assert_eq!(found[1].role, role, "{id:x}");
            let other = if sender == phone { manager } else { phone };
            assert_eq!(read(other, &message, &[]).0, [], "{id:x}");
        }
    }
}

/// IPv6 stays as it is, and so does what refuses a channel.
#[test]
fn what_names_no_ipv4_endpoint_lists_nothing() {
    for numbers in [
        &[(36, PORT), (16, 1)][..],
        &[(36, PORT), (12, 1)],
        &[(36, 0)],
        &[(36, 0x1_0000)],
    ] {
        let ack = message(17, 0x22, 48, numbers, 20);
        assert_eq!(
            read(Sender::Client, &ack, &[]),
            (vec![], false, vec!["OpenReceiveChannelAck"])
        );
    }
    let short = message(17, 0x22, 36, &[], 20);
    assert_eq!(read(Sender::Client, &short, &[]).0, []);
}

#[test]
fn ports_that_are_no_pair_are_two_channels() {
    let response = |second| message(19, 0x45, 56, &[(44, PORT), (48, second)], 28);
    let ports = |second| {
        let (found, ..) = read(Sender::Client, &response(second), &[]);
        let ports = found.iter().map(|finding| match finding.role {
            Role::Listens(channel) => Some(channel.ports),
            _ => None,
        });
        ports.collect::<Vec<_>>()
    };
    assert_eq!(ports(PORT + 1), [None, Some(Ports::Pair), None]);
    assert_eq!(ports(PORT + 9), [None, Some(Ports::One), Some(Ports::One)]);
}

#[test]
fn servers_are_named_with_their_ports() {
    let old = message(0, 0x9e, 292, &[(252, 2000)], 272);
    let new = message(17, 0x9e, 372, &[(252, 2000)], 276);
    for (message, at) in [(old, 272), (new, 276)] {
        let (found, ..) = read(Sender::Server, &message, &[]);
        let places: Vec<_> = found.iter().map(|finding| finding.span.start).collect();
        assert_eq!(places, [252, at]);
        assert_eq!(
            found[1].endpoint,
            Endpoint {
                address: HOST,
                port: 2000
            }
        );
    }
}

/// REQUIREMENTS G2, `seeds/` 0: whatever else is on TCP 2000.
#[test]
fn other_protocols_are_released_at_once() {
    for stream in [
        &b"GE"[..],
        b"HTTP/1.1 200 OK\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02",
        b"\0\0",
        b"\x08\0\0\0\x40\0\0\0",
        b"\x08\0\0\0\0\0\0\0\0\0\x01",
    ] {
        for sender in [Sender::Client, Sender::Server] {
            assert_eq!(
                read(sender, stream, &[]),
                (vec![], true, vec![]),
                "{stream:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn any_segmentation_finds_the_same(
        messages in prop::collection::vec(
            (0..20_u8, prop::sample::select(vec![0, 1, 2, 0x11, 0x22, 0x45, 0x8a, 0x9e, 0x105, 0x132, 0x154]), 12..400_usize, any::<u8>()),
            0..5,
        ),
        tail in prop::collection::vec(any::<u8>(), 0..20),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        phone in any::<bool>(),
    ) {
        let sender = if phone { Sender::Client } else { Sender::Server };
        let mut stream = Vec::new();
        for (version, id, len, fill) in messages {
            let mut message = message(version, id, len, &[], 0);
            message[12..].fill(fill & 0x0f);
            stream.extend_from_slice(&message);
        }
        stream.extend_from_slice(&tail);
        prop_assert_eq!(read(sender, &stream, &[]), read(sender, &stream, &cuts));
    }
}
