//! DCCP (RFC 5597): ports like those of UDP, connections like those of TCP, and a
//! checksum that covers as much as each packet says.

use std::collections::BTreeSet;

use testkit::{Packet, icmp_error, internet_checksum, raw, udp};
use tests::{Config, Outcome, Pipe};

use crate::{GRAIN, kept_out, lost};

const DCCP: u8 = 33;

/// Packet types (RFC 4340 section 5.1, RFC 5596).
const REQUEST: u8 = 0;
const RESPONSE: u8 = 1;
const DATA: u8 = 2;
const ACK: u8 = 3;
const DATA_ACK: u8 = 4;
const CLOSE_REQ: u8 = 5;
const CLOSE: u8 = 6;
const RESET: u8 = 7;
const SYNC: u8 = 8;
const SYNC_ACK: u8 = 9;
const LISTEN: u8 = 10;

const SERVICE: [u8; 4] = *b"PTLN";
const A: &str = "10.64.0.7:5000";
const B: &str = "10.64.0.8:6000";
const X: &str = "192.0.2.1:7000";
const ROUTER: &str = "192.0.2.77";

/// A rule translates DCCP where it names it.
fn config() -> Config {
    Config::new().rule("protocols", "[tcp, udp, icmp, dccp]")
}

/// A packet with the fields its type has, all of it under the checksum.
fn dccp(flow: &str, kind: u8) -> Packet {
    covering(flow, kind, 0, b"")
}

/// A packet with data, and a checksum over the header and what `coverage` says.
fn covering(flow: &str, kind: u8, coverage: u8, data: &[u8]) -> Packet {
    let ends = udp(flow);
    let mut bytes = Vec::new();
    bytes.extend(ends.src.port().to_be_bytes());
    bytes.extend(ends.dst.port().to_be_bytes());
    bytes.extend([0, coverage, 0, 0]);
    // Sequence numbers of 48 bits.
    bytes.extend([kind << 1 | 1, 0, 0, 0, 0, 0, 1, kind]);
    if !matches!(kind, REQUEST | DATA | LISTEN) {
        bytes.extend([0, 0, 0, 0, 0, 0, 1, 0]);
    }
    if matches!(kind, REQUEST | RESPONSE | LISTEN) {
        bytes.extend(SERVICE);
    }
    if kind == RESET {
        bytes.extend([1, 0, 0, 0]);
    }
    bytes[4] = (bytes.len() / 4) as u8;
    bytes.extend(data);
    let sum = checksum(ends.src.ip().octets(), ends.dst.ip().octets(), &bytes);
    bytes[6..8].copy_from_slice(&sum.to_be_bytes());
    raw(flow, DCCP).payload(&bytes)
}

/// RFC 4340 section 9.1; zero over bytes that have the right one in place.
fn checksum(src: [u8; 4], dst: [u8; 4], bytes: &[u8]) -> u16 {
    let header = usize::from(bytes[4]) * 4;
    let covered = match bytes[5] & 15 {
        0 => bytes.len(),
        words => (header + (usize::from(words) - 1) * 4).min(bytes.len()),
    };
    let mut all = Vec::from(src);
    all.extend(dst);
    all.extend([0, DCCP]);
    all.extend((bytes.len() as u16).to_be_bytes());
    all.extend(&bytes[..covered]);
    internet_checksum(&all)
}

/// A packet that went through: `address:port` of both ends, and its bytes.
struct Through {
    src: String,
    dst: String,
    ip: Vec<u8>,
}

impl Through {
    /// One packet left, by this interface, with nothing changed but addresses,
    /// ports and a checksum that is right as it was (REQ-11, REQ-12, REQ-13).
    #[track_caller]
    fn of(outcome: &Outcome, interface: &str) -> Self {
        assert_eq!(outcome.verdict, "forward", "{outcome:?}");
        assert_eq!(outcome.left.len(), 1, "{outcome:?}");
        let left = &outcome.left[0];
        assert_eq!(left.interface, interface);
        let (sent, seen) = (outcome.sent.as_ref().unwrap(), &left.seen);
        assert_eq!((seen.protocol, seen.ttl), (DCCP, sent.ttl - 1));
        let bytes = &seen.transport;
        assert_eq!(bytes[4..6], sent.transport[4..6], "offset and coverage");
        assert_eq!(bytes[8..], sent.transport[8..], "the rest of the packet");
        let (src, dst) = (seen.src.ip().octets(), seen.dst.ip().octets());
        assert_eq!(checksum(src, dst, bytes), 0, "checksum of {bytes:x?}");
        let end = |ip: std::net::Ipv4Addr, at: usize| {
            format!("{ip}:{}", u16::from_be_bytes([bytes[at], bytes[at + 1]]))
        };
        Self {
            src: end(seen.src.ip(), 0),
            dst: end(seen.dst.ip(), 2),
            ip: seen.ip.clone(),
        }
    }

    /// The flow of an answer.
    fn back(&self) -> String {
        format!("{} > {}", self.dst, self.src)
    }
}

/// Sends a packet out; it must leave.
#[track_caller]
fn out(nat: &mut Pipe, inside: &str, remote: &str, kind: u8) -> Through {
    let packet = dccp(&format!("{inside} > {remote}"), kind);
    Through::of(&nat.inside(packet), "outside")
}

/// Sends a packet in; it must reach `inside`.
#[track_caller]
fn back(nat: &mut Pipe, flow: &str, kind: u8, inside: &str) {
    let got = Through::of(&nat.outside(dccp(flow, kind)), "inside");
    assert_eq!(got.dst, inside);
}

/// A connection with its handshake behind it.
#[track_caller]
fn connect(nat: &mut Pipe, inside: &str, remote: &str) -> Through {
    let request = out(nat, inside, remote, REQUEST);
    back(nat, &request.back(), RESPONSE, inside);
    assert_eq!(out(nat, inside, remote, ACK).src, request.src);
    request
}

/// RFC 5597 REQ-1.
#[test]
fn an_endpoint_is_the_same_for_every_destination() {
    let mut nat = Pipe::new(&config());
    let seen: BTreeSet<String> = [X, "192.0.2.1:7001", "192.0.2.9:7000", "192.0.2.9:5060"]
        .map(|remote| out(&mut nat, A, remote, REQUEST).src)
        .into();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(seen.first().unwrap().starts_with("203.0.113."));
}

/// RFC 5597 REQ-2: from the Request to the Reset, with every type in between.
#[test]
fn a_connection_lives_from_request_to_reset() {
    let mut nat = Pipe::new(&config());
    let request = connect(&mut nat, A, X);
    for kind in [DATA, ACK, DATA_ACK, SYNC, SYNC_ACK] {
        assert_eq!(out(&mut nat, A, X, kind).src, request.src);
        back(&mut nat, &request.back(), kind, A);
    }
    back(&mut nat, &request.back(), CLOSE_REQ, A);
    out(&mut nat, A, X, CLOSE);
    back(&mut nat, &request.back(), RESET, A);
    assert_eq!(nat.show("translations").len(), 1);
}

/// RFC 5597 REQ-2, RFC 5596: an inside server opens the way for its client by a Listen.
#[test]
fn a_listen_lets_the_request_in() {
    let mut nat = Pipe::new(&config().rule("filtering", "address-and-port-dependent"));
    let listen = out(&mut nat, A, X, LISTEN);
    back(&mut nat, &listen.back(), REQUEST, A);
    assert_eq!(out(&mut nat, A, X, RESPONSE).src, listen.src);
    back(&mut nat, &listen.back(), ACK, A);
    nat.later(7000.0);
    back(&mut nat, &listen.back(), DATA, A);
}

/// RFC 5597 REQ-3: as the rule says, and by itself.
#[test]
fn each_filter_admits_whom_it_should() {
    let filters = [
        "endpoint-independent",
        "address-dependent",
        "address-and-port-dependent",
    ];
    for (strictness, filtering) in filters.iter().enumerate() {
        let config = Config::new().rule_before(&format!(
            "name: dccp, inside: inside, source: 10.64.0.0/16, protocols: [dccp], \
             pool: public, filtering: {filtering}"
        ));
        let mut nat = Pipe::new(&config);
        let request = out(&mut nat, A, X, REQUEST);
        for (distance, visitor) in [X, "192.0.2.1:7001", "192.0.2.9:7000"].iter().enumerate() {
            let flow = format!("{visitor} > {}", request.src);
            let outcome = nat.outside(dccp(&flow, REQUEST));
            if distance + strictness < 3 {
                assert_eq!(Through::of(&outcome, "inside").dst, A);
            } else {
                kept_out(&outcome);
            }
        }
        // UDP is filtered as its own rule says.
        let by_udp = crate::udp_endpoint(&mut nat, A, X);
        nat.outside(udp(&format!("192.0.2.9:1 > {by_udp}")))
            .forwarded();
    }
}

/// One port only, so that the next mapping is known before it is made.
fn one_port() -> Config {
    config()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "60000-60000")
        .pool_without("blocks")
        .rule("parity", "false")
}

/// RFC 5597 REQ-4: no answer for six seconds.
#[test]
fn an_unsolicited_packet_is_not_answered_for_six_seconds() {
    for kind in [LISTEN, SYNC, REQUEST] {
        let mut nat = Pipe::new(&one_port());
        let flow = format!("{X} > 203.0.113.1:60000");
        kept_out(&nat.outside(dccp(&flow, kind)));
        assert!(nat.wait(5.9).is_empty(), "type {kind}");
        for left in nat.wait(60.0) {
            assert_eq!(left.seen.icmp_kind(), Some((3, 3)), "if anything");
            assert_eq!(left.seen.quote().transport[..4], [0x1b, 0x58, 0xea, 0x60]);
        }
    }
}

/// RFC 5597 REQ-4: never, if the inside opens that very connection meanwhile.
#[test]
fn a_request_from_inside_cancels_the_answer() {
    for kind in [LISTEN, SYNC] {
        let mut nat = Pipe::new(&one_port());
        let flow = format!("{X} > 203.0.113.1:60000");
        kept_out(&nat.outside(dccp(&flow, kind)));
        assert!(nat.wait(3.0).is_empty());
        assert_eq!(out(&mut nat, A, X, REQUEST).src, "203.0.113.1:60000");
        assert!(nat.wait(60.0).is_empty(), "type {kind}");
        back(&mut nat, &flow, RESPONSE, A);
    }
}

/// RFC 5597 REQ-5: 7440 s once established.
#[test]
fn an_established_connection_lasts_7440_seconds() {
    let mut nat = Pipe::new(&config());
    let request = connect(&mut nat, A, X);
    nat.later(7439.0);
    back(&mut nat, &request.back(), DATA, A);
    nat.later(7439.0);
    assert_eq!(out(&mut nat, A, X, DATA).src, request.src);
    nat.later(7440.0 + GRAIN);
    lost(&nat.outside(dccp(&request.back(), DATA)));
}

/// RFC 5597 REQ-5: 240 s before that and after the end.
#[test]
fn an_opening_or_closing_connection_lasts_240_seconds() {
    let mut nat = Pipe::new(&config());
    let first = out(&mut nat, A, X, REQUEST);
    let second = out(&mut nat, B, X, REQUEST);
    nat.later(239.0);
    back(&mut nat, &first.back(), RESPONSE, A);
    nat.later(1.0 + GRAIN);
    lost(&nat.outside(dccp(&second.back(), RESPONSE)));

    let mut nat = Pipe::new(&config());
    let [first, second] = [A, B].map(|inside| {
        let request = connect(&mut nat, inside, X);
        out(&mut nat, inside, X, CLOSE);
        back(&mut nat, &request.back(), RESET, inside);
        request
    });
    nat.later(239.0);
    back(&mut nat, &first.back(), RESET, A);
    nat.later(1.0 + GRAIN);
    lost(&nat.outside(dccp(&second.back(), RESET)));
}

/// RFC 5597 REQ-6: whatever the port and the data look like.
#[test]
fn no_gateway_touches_the_data() {
    let mut nat = Pipe::new(&config());
    for (port, data) in [
        (21, &b"PORT 10,64,0,7,19,137\r\n"[..]),
        (
            5060,
            b"INVITE sip:y@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.64.0.7\r\n\r\n",
        ),
        (69, b"\0\x01file\0octet\0"),
    ] {
        let remote = format!("192.0.2.1:{port}");
        let request = connect(&mut nat, A, &remote);
        let packet = covering(&format!("{A} > {remote}"), DATA, 0, data);
        Through::of(&nat.inside(packet), "outside");
        let packet = covering(&request.back(), DATA, 0, data);
        Through::of(&nat.outside(packet), "inside");
    }
    assert!(nat.show("doors").is_empty());
}

/// RFC 5597 REQ-7, with ports so few that collisions would be certain.
#[test]
fn two_inside_endpoints_never_have_one_outside_endpoint() {
    let config = config()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2063")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    let mut owners = Vec::new();
    for port in 5000..5032 {
        for host in ["10.64.0.7", "10.64.0.8"] {
            let inside = format!("{host}:{port}");
            owners.push((out(&mut nat, &inside, X, REQUEST).src, inside));
        }
    }
    let distinct: BTreeSet<&String> = owners.iter().map(|(outside, _)| outside).collect();
    assert_eq!(distinct.len(), owners.len());
    for (outside, inside) in &owners {
        back(&mut nat, &format!("{X} > {outside}"), RESPONSE, inside);
    }
    // One more has no port, and is told so.
    crate::lost_but_told(&nat.inside(dccp(&format!("10.64.0.9:1 > {X}"), REQUEST)));
}

/// RFC 5597 REQ-8: between inside hosts, each seen by its outside endpoint.
#[test]
fn a_connection_goes_through_a_hairpin() {
    let mut nat = Pipe::new(&config());
    let of_a = out(&mut nat, A, X, REQUEST).src;
    let of_b = out(&mut nat, B, X, LISTEN).src;
    let at_b = Through::of(
        &nat.inside(dccp(&format!("{A} > {of_b}"), REQUEST)),
        "inside",
    );
    assert_eq!((at_b.src.as_str(), at_b.dst.as_str()), (of_a.as_str(), B));
    let at_a = Through::of(&nat.inside(dccp(&at_b.back(), RESPONSE)), "inside");
    assert_eq!((at_a.src.as_str(), at_a.dst.as_str()), (of_b.as_str(), A));
}

/// RFC 5597 REQ-9: errors are translated, with as little quoted as there may be.
#[test]
fn an_error_reaches_the_host_with_its_own_packet_quoted() {
    let mut nat = Pipe::new(&config());
    let request = out(&mut nat, A, X, REQUEST);
    for (kind, code) in [(3, 1), (3, 2), (3, 3), (3, 4), (11, 0)] {
        for quoted in [28, 60] {
            let error = icmp_error(kind, code, ROUTER, &request.ip).quote_len(quoted);
            let seen = nat.outside(error).forwarded();
            assert!(seen.src == ROUTER && seen.dst == "10.64.0.7");
            let quote = seen.quote();
            assert_eq!(quote.src.ip().octets(), [10, 64, 0, 7]);
            assert_eq!(quote.transport[..2], 5000_u16.to_be_bytes());
            assert_eq!(quote.transport[2..4], 7000_u16.to_be_bytes());
            if quoted == 60 {
                let (src, dst) = (quote.src.ip().octets(), quote.dst.ip().octets());
                assert_eq!(checksum(src, dst, &quote.transport), 0);
            }
        }
    }
}

/// RFC 5597 REQ-10: and end nothing.
#[test]
fn errors_never_end_a_connection() {
    let mut nat = Pipe::new(&config());
    nat.allow_wrong_checksums();
    let request = connect(&mut nat, A, X);
    for kind in 0..=18 {
        for code in 0..16 {
            let _ = nat.outside(icmp_error(kind, code, ROUTER, &request.ip));
            let _ = nat.outside(icmp_error(kind, code, "192.0.2.1", &request.ip).quote_len(28));
        }
    }
    nat.later(7000.0);
    back(&mut nat, &request.back(), DATA, A);
}

/// RFC 5597 REQ-11 to REQ-13: checksums of any coverage stay right, and
/// [`Through::of`] looks at all that must stay.
#[test]
fn checksums_of_every_coverage_stay_right_both_ways() {
    let mut nat = Pipe::new(&config());
    let request = connect(&mut nat, A, X);
    for coverage in 0..16 {
        for len in [0, 1, 2, 3, 20, 99, 1000] {
            let data: Vec<u8> = (0_u32..len).map(|byte| byte as u8 | 1).collect();
            let packet = covering(&format!("{A} > {X}"), DATA, coverage, &data);
            Through::of(&nat.inside(packet), "outside");
            let packet = covering(&request.back(), DATA, coverage, &data);
            Through::of(&nat.outside(packet), "inside");
        }
    }
}

/// RFC 5597 REQ-11: a wrong checksum is left for the receiver to find.
#[test]
fn a_wrong_checksum_is_not_repaired() {
    let mut nat = Pipe::new(&config());
    let mut packet = dccp(&format!("{A} > {X}"), REQUEST);
    packet.payload[6] ^= 1;
    let outcome = nat.inside(packet);
    assert_eq!(outcome.verdict, "forward", "{outcome:?}");
    let seen = &outcome.left[0].seen;
    let sum = checksum(
        seen.src.ip().octets(),
        seen.dst.ip().octets(),
        &seen.transport,
    );
    assert_ne!(sum, 0);
}

/// RFC 6888 REQ-1: a header that ends before its checksum does goes nowhere.
#[test]
fn headers_cut_short_are_dropped() {
    let mut nat = Pipe::new(&config());
    let whole = dccp(&format!("{A} > {X}"), REQUEST);
    for len in 0..8 {
        let mut packet = whole.clone();
        packet.payload.truncate(len);
        lost(&nat.inside(packet));
    }
    assert!(nat.show("mappings").is_empty());
}
