//! Multicast through the NAT: RFC 5135, with IGMP after RFC 2236, 3376, 4605 and 5790.

mod inward;
mod outward;
mod proxy;
mod querier;

use std::net::Ipv4Addr;

use testkit::{Packet, Seen, internet_checksum, raw, udp};
use tests::{Config, Left, Outcome, Pipe, group_mac};

const GROUP: &str = "233.1.2.3";
const SSM: &str = "232.1.2.3";
const IGMP: u8 = 2;

const IS_INCLUDE: u8 = 1;
const IS_EXCLUDE: u8 = 2;
const TO_INCLUDE: u8 = 3;
const TO_EXCLUDE: u8 = 4;
const ALLOW: u8 = 5;
const BLOCK: u8 = 6;

/// Members on two interfaces, `inside` and `lab`.
fn config(more: &str) -> Config {
    Config::new()
        .add_interface(
            "name: lab, device: \"net_af_packet2,iface=ptl-lab\", addresses: [10.65.0.1/16]",
        )
        .top(&format!(
            "multicast: {{ upstream: outside, downstream: [inside, lab]{more} }}"
        ))
}

#[track_caller]
fn start(config: &Config) -> Pipe {
    let mut pipe = Pipe::new(config);
    pipe.learn("lab", "10.65.0.2", "10.65.0.1", &[]);
    pipe.forget_counters();
    pipe
}

/// An IGMP message with router alert, TTL 1 and the checksum filled in.
fn igmp(from: &str, to: &str, bytes: &[u8]) -> Packet {
    let mut message = bytes.to_vec();
    let sum = internet_checksum(&message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    raw(&format!("{from} > {to}"), IGMP)
        .ttl(1)
        .ip_options(&[0x94, 4, 0, 0])
        .payload(&message)
}

fn short(kind: u8, code: u8, group: &str) -> Vec<u8> {
    let group: Ipv4Addr = group.parse().unwrap();
    [&[kind, code, 0, 0][..], &group.octets()].concat()
}

fn report_v1(from: &str, group: &str) -> Packet {
    igmp(from, group, &short(0x12, 0, group))
}

fn report(from: &str, group: &str) -> Packet {
    igmp(from, group, &short(0x16, 0, group))
}

fn leave(from: &str, group: &str) -> Packet {
    igmp(from, "224.0.0.2", &short(0x17, 0, group))
}

/// A query of version 1 or 2; about all groups if `group` is zero.
fn query(from: &str, code: u8, group: &str) -> Packet {
    let to = if group == "0.0.0.0" {
        "224.0.0.1"
    } else {
        group
    };
    igmp(from, to, &short(0x11, code, group))
}

fn query_v3(from: &str, group: &str) -> Packet {
    let mut query = query(from, 10, group);
    let mut bytes = short(0x11, 10, group);
    bytes.extend([2, 125, 0, 0]);
    let sum = internet_checksum(&bytes).to_be_bytes();
    bytes[2..4].copy_from_slice(&sum);
    query.payload = bytes;
    query
}

/// A version 3 report of one record.
fn record(from: &str, kind: u8, group: &str, sources: &[&str]) -> Packet {
    let mut bytes = vec![0x22, 0, 0, 0, 0, 0, 0, 1, kind, 0, 0, sources.len() as u8];
    for address in [&[group], sources].concat() {
        bytes.extend(address.parse::<Ipv4Addr>().unwrap().octets());
    }
    igmp(from, "224.0.0.22", &bytes)
}

/// What the appliance said in IGMP: interface, destination, message.
#[track_caller]
fn said(left: &[Left]) -> Vec<(String, String, Vec<u8>)> {
    left.iter()
        .map(|left| {
            let seen = &left.seen;
            assert_eq!((seen.protocol, seen.ttl, seen.tos), (IGMP, 1, 0xc0));
            assert_eq!(seen.options, [0x94, 4, 0, 0], "router alert");
            assert_eq!(internet_checksum(&seen.transport), 0, "IGMP checksum");
            let own = match &*left.interface {
                "inside" => "10.64.0.1",
                "lab" => "10.65.0.1",
                _ => "198.51.100.1",
            };
            assert_eq!(seen.src.ip().to_string(), own);
            let mut message = seen.transport.clone();
            message[2..4].fill(0);
            (left.interface.clone(), seen.dst.ip().to_string(), message)
        })
        .collect()
}

/// The messages said by one interface.
#[track_caller]
fn said_by(left: &[Left], interface: &str) -> Vec<(String, Vec<u8>)> {
    let all = said(left).into_iter();
    all.filter(|(by, ..)| by == interface)
        .map(|(_, to, message)| (to, message))
        .collect()
}

/// The records of all version 3 reports said upstream: kind, group, sources.
#[track_caller]
fn records(left: &[Left]) -> Vec<(u8, String, Vec<String>)> {
    let address = |bytes: &[u8]| {
        let octets: [u8; 4] = bytes.try_into().unwrap();
        Ipv4Addr::from(octets).to_string()
    };
    let mut records = Vec::new();
    for (to, message) in said_by(left, "outside") {
        assert_eq!((&*to, message[0]), ("224.0.0.22", 0x22));
        let mut rest = &message[8..];
        for _ in 0..u16::from_be_bytes([message[6], message[7]]) {
            let count = usize::from(rest[3]);
            let sources = rest[8..8 + 4 * count].chunks(4).map(address).collect();
            records.push((rest[0], address(&rest[4..8]), sources));
            rest = &rest[8 + 4 * count..];
        }
        assert!(rest.is_empty());
    }
    records
}

#[track_caller]
fn join(pipe: &mut Pipe, interface: &str, packet: &Packet) -> Vec<Left> {
    let outcome = pipe.send(interface, packet);
    assert_eq!(outcome.reason, "consume.igmp", "{outcome:?}");
    outcome.left
}

/// A datagram to the usual group from the usual remote.
fn stream() -> Packet {
    udp("192.0.2.1:5000 > 233.1.2.3:6000").payload(b"frame")
}

/// Where copies of a packet went, each unchanged but for its TTL.
#[track_caller]
fn copies(outcome: Outcome) -> Vec<String> {
    assert_eq!(outcome.reason, "forward.multicast", "{outcome:?}");
    let sent = outcome.sent.unwrap();
    outcome
        .left
        .iter()
        .map(|left| {
            unchanged(&sent, &left.seen);
            left.interface.clone()
        })
        .collect()
}

#[track_caller]
fn unchanged(sent: &Seen, seen: &Seen) {
    let mut before = sent.ip.clone();
    let mut after = seen.ip.clone();
    assert_eq!(after[8], before[8] - 1, "TTL");
    for packet in [&mut before, &mut after] {
        packet[8] = 0;
        packet[10..12].fill(0);
    }
    assert_eq!(before, after);
    assert_eq!(seen.dst_mac, group_mac(sent.dst.ip()));
}
