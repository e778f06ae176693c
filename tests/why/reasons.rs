//! Every drop reason, with a packet that is dropped for it.
//!
//! A reason that is not in one of the two tables is either new, and wants a packet here, or
//! cannot be reached, and wants to be deleted.

use base::Counter::{self, *};
use testkit::{
    Packet, Rng, Sum, echo, flags, icmp_error, icmp_query, internet_checksum, protocol, raw, tcp,
    udp,
};
use tests::{Config, Outcome, Pipe, udp_endpoint};

type Scenario = fn() -> Outcome;

/// A pair of zones whose policy drops everything, and a packet from inside.
fn zoned(from: &str, to: &str) -> Outcome {
    let config = Config::new().top(&format!(
        "zones:\n  policies: [{{ name: nothing }}]\n  pairs: [{{ from: {from}, to: {to}, policy: nothing }}]"
    ));
    asked(&config).inside(udp(OUT))
}

/// Reasons, and how a packet comes to them in `portolan sim`.
const REACHED: &[(Counter, Scenario)] = &[
    (DropEthernetTruncated, || frame(|frame| frame.truncate(9))),
    (DropNotForUs, || frame(|frame| frame[5] ^= 1)),
    (DropEtherType, || frame(|frame| frame[13] = 0xdd)),
    (DropVlan, || usual().inside(udp(OUT).vlan(&[7]))),
    (DropArp, || {
        let mut nat = usual();
        let arp = testkit::Arp::request(
            tests::mac_of(host(2)),
            host(2),
            "10.64.7.7".parse().unwrap(),
        );
        nat.feed("inside", &arp.frame(&[]))
    }),
    (DropIpTruncated, || frame(|frame| frame.truncate(20))),
    (DropIpHeader, || frame(|frame| frame[14] = 0x44)),
    (DropIpChecksum, || {
        usual().inside(udp(OUT).ip_sum(Sum::Wrong))
    }),
    (DropIpOption, || {
        usual().inside(udp(OUT).ip_options(&[0x83, 7, 4, 192, 0, 2, 7, 0]))
    }),
    (DropIpSource, || {
        usual().inside(udp("127.0.0.1:5000 > 192.0.2.1:53"))
    }),
    (DropIpDestination, || {
        usual().inside(udp("10.64.0.7:5000 > 127.0.0.1:53"))
    }),
    (DropTransportHeader, || {
        usual().inside(raw("10.64.0.7 > 192.0.2.1", protocol::UDP).payload(&[1; 4]))
    }),
    (DropTtl, || usual().inside(udp(OUT).ttl(1))),
    (DropNoRoute, || {
        asked(&Config::new().no_routes()).inside(udp(OUT))
    }),
    (DropNoRule, || {
        usual().inside(udp("10.70.0.7:5000 > 192.0.2.1:53"))
    }),
    (DropRule, || {
        let config = Config::new()
            .rule_before("name: no, inside: inside, source: 10.64.0.0/16, action: drop");
        asked(&config).inside(udp(OUT))
    }),
    (DropNotInside, || {
        usual().outside(udp("192.0.2.1:53 > 192.0.2.200:5000"))
    }),
    (DropNoMapping, || {
        usual().outside(udp("192.0.2.1:53 > 203.0.113.5:5000"))
    }),
    (DropFiltered, || {
        let config = Config::new().rule("filtering", "address-dependent");
        let mut nat = asked(&config);
        let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:53");
        nat.outside(udp(&format!("192.0.2.99:53 > {outside}")))
    }),
    (DropTcpNotSyn, || {
        usual().inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").flags(flags::ACK))
    }),
    (DropZoneNoPair, || zoned("outside", "inside")),
    (DropZonePolicy, || zoned("inside", "outside")),
    (DropBlackHole, || {
        let config = Config::new().top("protection: { black_hole: [192.0.2.0/24] }");
        asked(&config).outside(udp("192.0.2.1:53 > 203.0.113.5:5000"))
    }),
    (DropAddressRate, || {
        protected("packets_per_second: 1, burst: 1").outside(udp("192.0.2.1:53 > 203.0.113.5:5000"))
    }),
    (DropIcmpRate, || {
        protected("icmp_per_second: 1").outside(echo("192.0.2.1:7 > 203.0.113.5"))
    }),
    (DropUnsolicitedRate, || {
        protected("unsolicited_per_second: 1").outside(tcp("192.0.2.1:53 > 203.0.113.5:5001").syn())
    }),
    (DropScanner, || {
        let config = Config::new().top("protection: { scan: { ports: 2 } }");
        let mut nat = asked(&config);
        for port in [80, 81] {
            nat.outside(udp(&format!("192.0.2.1:53 > 203.0.113.5:{port}")))
                .dropped(DropNoMapping);
        }
        nat.outside(tcp("192.0.2.1:53 > 203.0.113.5:80").syn())
    }),
    (DropPcp, || {
        let config = Config::new().rule("pcp", "{}");
        asked(&config).inside(udp("10.64.0.7:5351 > 10.64.0.1:5351").payload(&[1]))
    }),
    (DropProtocol, || {
        usual().inside(raw("10.64.0.7 > 192.0.2.1", 103).payload(&[1; 20]))
    }),
    (DropHairpin, || {
        let mut nat = asked(&Config::new().rule("hairpin", "{ enabled: false }"));
        let outside = udp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000");
        nat.inside(udp("10.64.0.7:5000 > 0.0.0.0").to(outside))
    }),
    (DropHairpinLoop, hairpin_loop),
    (DropIcmpType, || {
        usual().inside(icmp_query(9, "10.64.0.7:5 > 192.0.2.1").payload(&[0; 12]))
    }),
    (DropIcmpChecksum, || icmp_about(|quote| quote, Sum::Wrong)),
    (DropIcmpQuote, || {
        icmp_about(
            |mut quote| {
                quote[11] ^= 4;
                quote
            },
            Sum::Right,
        )
    }),
    (DropIcmpNoSession, || {
        let quote = udp("203.0.113.3:999 > 192.0.2.1:53").ip();
        usual().outside(icmp_error(3, 3, "192.0.2.1", &quote))
    }),
    (DropNoPort, || {
        let config = Config::new()
            .pool("prefixes", "[203.0.113.1/32]")
            .pool("ports", "1024-1025")
            .pool("blocks", "{ size: 2, max_per_subscriber: 1 }");
        let mut nat = asked(&config);
        nat.inside(udp(OUT)).forwarded();
        nat.inside(udp("10.64.0.8:5000 > 192.0.2.1:53"))
    }),
    (DropBlockLimit, || {
        let blocks = "{ size: 2, max_per_subscriber: 1 }";
        exhausted(&Config::new().pool("blocks", blocks))
    }),
    (DropPortLimit, || limited("{ ports: { udp: 2 } }")),
    (DropSessionLimit, || limited("{ sessions: 2 }")),
    (DropSessionRate, || {
        limited("{ new_sessions_per_second: 1 }")
    }),
    (DropRuleLimit, || limited("{ rule_sessions: 2 }")),
    (DropVrfLimit, || {
        let config = Config::new().limit("vrfs", "{ default: { sessions: 2 } }");
        exhausted(&config)
    }),
    (DropAddressPair, || {
        let config = Config::new()
            .pool("prefixes", "[203.0.113.1/32]")
            .rule("protocols", "[sctp]");
        let mut nat = asked(&config);
        let init = [1, 0, 0, 20, 0, 0, 0, 9, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1];
        let sctp = |from: &str| {
            let ports = [0x13, 0x88, 0x0b, 0x59, 0, 0, 0, 0, 0, 0, 0, 0];
            raw(&format!("{from} > 192.0.2.1"), protocol::SCTP)
                .payload(&[&ports[..], &init].concat())
        };
        nat.allow_wrong_checksums();
        nat.inside(sctp("10.64.0.7")).forwarded();
        nat.inside(sctp("10.64.0.8"))
    }),
    (DropEspWaiting, || {
        let mut nat = one_address();
        nat.inside(esp("10.64.0.7 > 192.0.2.1", 0x101, 1))
            .forwarded();
        for seq in 1..=32 {
            nat.inside(esp("10.64.0.8 > 192.0.2.1", 0x102, seq))
                .held(HoldEsp);
        }
        nat.inside(esp("10.64.0.8 > 192.0.2.1", 0x102, 33))
    }),
    (DropEspUnmatched, || {
        let mut nat = one_address();
        for (host, spi) in [(7, 0x101), (8, 0x102)] {
            let flow = format!("10.64.0.{host} > 192.0.2.1");
            nat.inside(esp(&flow, spi, 1)).forwarded();
            nat.outside(esp("192.0.2.1 > 203.0.113.1", spi + 0x100, 1))
                .forwarded();
        }
        nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x203, 1))
    }),
    (DropEspCollision, || {
        let mut nat = one_address();
        nat.inside(esp("10.64.0.7 > 192.0.2.1", 0x101, 1))
            .forwarded();
        for seq in 1..=9 {
            nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x200, seq))
                .forwarded();
        }
        nat.inside(esp("10.64.0.8 > 192.0.2.1", 0x102, 1))
            .forwarded();
        nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x200, 1))
    }),
    (DropIkeCookie, || {
        let config = Config::new()
            .pool("prefixes", "[203.0.113.1/32]")
            .top("alg: { ike: { preserve_port: [10.64.0.8/29] } }");
        let mut nat = asked(&config);
        for host in [8, 9] {
            let flow = format!("10.64.0.{host}:500 > 192.0.2.1:500");
            nat.inside(udp(&flow).payload(&ike(host))).forwarded();
        }
        nat.outside(udp("192.0.2.1:500 > 203.0.113.1:500").payload(&ike(99)))
    }),
    (DropInboundLimit, || {
        let mut nat = asked(&Config::new().rule("limits", "{ inbound_sessions: 1 }"));
        let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:53");
        nat.outside(udp(&format!("198.18.0.1:1 > {outside}")))
            .forwarded();
        nat.outside(udp(&format!("198.18.0.2:1 > {outside}")))
    }),
    (DropSessionTable, || {
        let mut nat = asked(&Config::new().limit("sessions", "64"));
        overflow(|nth| {
            nat.inside(udp(&format!(
                "10.64.0.7:5000 > 192.0.2.{}:53",
                nth % 250 + 1
            )))
        })
    }),
    (DropMappingTable, || {
        let mut nat = asked(&Config::new().limit("mappings", "64"));
        overflow(|nth| nat.inside(udp(&format!("10.64.0.7:{} > 192.0.2.1:53", 5000 + nth))))
    }),
    (DropSubscriberTable, || {
        let mut nat = asked(&Config::new().limit("subscribers", "4"));
        overflow(|nth| nat.inside(udp(&format!("10.64.1.{}:5000 > 192.0.2.1:53", nth + 1))))
    }),
    (DropFragmentationNeeded, || {
        let config = Config::new().interface("outside", "mtu", "1000");
        asked(&config).inside(udp(OUT).df(true).payload(&[0; 1200]))
    }),
    (DropFragmentTiny, || {
        let segment = tcp("10.64.0.7:5000 > 192.0.2.1:80").syn().payload(&[1; 64]);
        usual().inside(segment.fragments(&[8])[0].clone())
    }),
    (DropFragmentOverlap, || {
        let mut nat = usual();
        let pieces = udp(OUT).id(7).payload(&[1; 400]).fragments(&[104, 104]);
        nat.inside(pieces[0].clone()).forwarded_pieces();
        let over = raw("10.64.0.7 > 192.0.2.1", protocol::UDP).id(7);
        nat.inside(over.fragment_at(96, true).payload(&[9; 112]))
    }),
    (DropFragmentTable, || {
        let mut nat = asked(&Config::new().limit("fragments", "4"));
        let mut rng = Rng::new(3);
        overflow(|nth| {
            let source = format!("10.64.0.{} > 192.0.2.1", rng.below(200) + 1);
            let piece = raw(&source, protocol::UDP).id(nth).fragment_at(800, false);
            nat.inside(piece.payload(&[0; 64]))
        })
    }),
    (DropMulticastNoMember, || {
        multicast("").outside(udp("192.0.2.1:5000 > 233.1.2.3:6000"))
    }),
    (DropMulticastScope, || {
        multicast(", outward: false").inside(udp("10.64.0.7:4000 > 233.1.2.3:6000"))
    }),
    (DropIgmp, || {
        let mut report = vec![0x99, 0, 0, 0, 233, 1, 2, 3];
        let sum = internet_checksum(&report).to_be_bytes();
        report[2..4].copy_from_slice(&sum);
        let packet = raw("10.64.0.7 > 233.1.2.3", 2).ttl(1);
        multicast("").inside(packet.ip_options(&[0x94, 4, 0, 0]).payload(&report))
    }),
    (DropNoService, || {
        usual().inside(udp("10.64.0.7:5000 > 10.64.0.1:22"))
    }),
    (DropStream, || {
        const PORT: &[u8] = b"PORT 10,64,0,7,19,136\r\n";
        let mut nat = usual();
        let connection = tests::Connection::open(&mut nat, "10.64.0.7:40000", "192.0.2.1:21");
        let said = |seq, bytes: &[u8]| {
            let segment = connection.outbound().seq(seq).payload(bytes);
            segment.flags(flags::ACK)
        };
        assert_eq!(nat.inside(said(1001, PORT)).verdict, "forward");
        nat.inside(said(1001 + PORT.len() as u32, b"LI"))
    }),
];

/// Reasons that one worker in virtual time, with as many buffers as it wants, never comes to;
/// where they are reached, and by what.
const REACHED_ELSEWHERE: &[(Counter, &str, &str)] = &[
    (
        DropDnsUnbound,
        include_str!("../dns/lent.rs"),
        "an_answer_with_the_name_of_an_address_that_has_gone_back_is_withheld",
    ),
    (
        DropHandoff,
        include_str!("../../crates/dataplane/tests/workers/owners.rs"),
        "a_worker_that_does_not_keep_up_costs_counted_packets",
    ),
    (
        DropNoBuffer,
        include_str!("../../crates/dataplane/tests/workers/streams.rs"),
        "DropNoBuffer",
    ),
];

#[test]
fn every_drop_reason_has_a_packet_and_a_sentence() {
    let drops = Counter::ALL
        .iter()
        .filter(|counter| counter.is_reason() == Some(VerdictDrop));
    let mut wrong = Vec::new();
    for reason in drops {
        let name = reason.name();
        if let Some((_, scenario)) = REACHED.iter().find(|(of, _)| of == reason) {
            let why = scenario().why;
            let end = format!("=> drop ({name}): {}", reason.sentence().unwrap());
            let begins = why
                .first()
                .is_some_and(|first| first.starts_with("it came in"));
            if !begins || why.last() != Some(&end) {
                wrong.push((name, why));
            }
        } else {
            let elsewhere = REACHED_ELSEWHERE.iter().find(|(of, ..)| of == reason);
            let Some((_, text, part)) = elsewhere else {
                panic!("nothing here is dropped for {name}");
            };
            assert!(text.contains(part), "{name}: {part}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A packet from inside.
const OUT: &str = "10.64.0.7:5000 > 192.0.2.1:53";

/// The configuration, with everything explained.
fn asked(config: &Config) -> Pipe {
    let mut nat = Pipe::new(config);
    assert_eq!(nat.line(r#"{"why": ""}"#)["why"], "");
    nat
}

/// A pool address that has had its share of everything.
fn protected(keys: &str) -> Pipe {
    let config = Config::new().top(&format!("protection: {{ per_address: {{ {keys} }} }}"));
    let mut nat = asked(&config);
    for packet in [
        echo("192.0.2.1:7 > 203.0.113.5"),
        tcp("192.0.2.1:53 > 203.0.113.5:5000").syn(),
    ] {
        let _ = nat.outside(packet);
    }
    nat
}

fn usual() -> Pipe {
    asked(&Config::new())
}

fn host(last: u8) -> std::net::Ipv4Addr {
    std::net::Ipv4Addr::new(10, 64, 0, last)
}

/// A packet from inside, damaged on the wire.
fn frame(damage: impl FnOnce(&mut Vec<u8>)) -> Outcome {
    let mut nat = usual();
    let mut frame = udp(OUT).frame(tests::mac_of(host(7)), nat.mac("inside"));
    damage(&mut frame);
    nat.feed("inside", &frame)
}

/// The third flow of a host whose limits allow two.
fn limited(limits: &str) -> Outcome {
    exhausted(&Config::new().rule("limits", limits))
}

/// Flows of one host, each from a port of its own, until one is dropped.
fn exhausted(config: &Config) -> Outcome {
    let mut nat = asked(config);
    overflow(|nth| nat.inside(udp(&format!("10.64.0.7:{} > 192.0.2.1:53", 5000 + nth))))
}

/// One after the other until one is dropped.
fn overflow(mut next: impl FnMut(u16) -> Outcome) -> Outcome {
    for nth in 0..600 {
        let outcome = next(nth);
        if outcome.verdict == "drop" {
            return outcome;
        }
    }
    panic!("six hundred were taken");
}

/// An ICMP error from inside about what came in.
fn icmp_about(change: impl FnOnce(Vec<u8>) -> Vec<u8>, sum: Sum) -> Outcome {
    let mut nat = usual();
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:53");
    let back = nat
        .outside(udp(&format!("192.0.2.1:53 > {outside}")))
        .forwarded();
    let quote = change(back.ip);
    nat.inside(icmp_error(3, 3, "10.64.0.7", &quote).transport_sum(sum))
}

/// A host inside sends in the name of another's outside endpoint; then that other goes the same
/// way, and would come in as what has just gone out.
fn hairpin_loop() -> Outcome {
    let config = Config::new().rule("source", "0.0.0.0/0");
    let mut nat = asked(&config);
    let of_a = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:53");
    let of_b = udp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:53");
    let _ = nat.inside(udp("0.0.0.0:1 > 0.0.0.0:1").from(of_a).to(of_b));
    nat.inside(udp("10.64.0.7:5000 > 0.0.0.0").to(of_b))
}

fn one_address() -> Pipe {
    asked(&Config::new().pool("prefixes", "[203.0.113.1/32]"))
}

/// ESP with this SPI and sequence number.
fn esp(flow: &str, spi: u32, seq: u32) -> Packet {
    let mut payload = spi.to_be_bytes().to_vec();
    payload.extend(seq.to_be_bytes());
    payload.extend([0x5a; 24]);
    raw(flow, protocol::ESP).payload(&payload)
}

/// The first message of IKE version 2 with this initiator's cookie.
fn ike(cookie: u64) -> Vec<u8> {
    let mut bytes = cookie.to_be_bytes().to_vec();
    bytes.extend([0; 8]);
    bytes.extend([46, 0x20, 34, 8]);
    bytes.extend(0_u32.to_be_bytes());
    bytes.extend(36_u32.to_be_bytes());
    bytes.extend([0; 8]);
    bytes
}

fn multicast(more: &str) -> Pipe {
    let keys = format!("multicast: {{ upstream: outside, downstream: [inside]{more} }}");
    asked(&Config::new().top(&keys))
}

/// What is not dropped has sentences as well.
#[test]
fn other_verdicts_are_explained_too() {
    let mut nat = usual();
    let said = |outcome: Outcome, reason: Counter| {
        assert_eq!(outcome.reason, reason.name(), "{outcome:?}");
        let sentence = reason.sentence().unwrap();
        assert!(
            outcome.why.last().unwrap().ends_with(sentence),
            "{outcome:?}"
        );
    };
    let out = nat.inside(udp(OUT));
    let back = out.left[0].seen.reply();
    said(out, ForwardOutbound);
    said(nat.outside(back), ForwardInbound);
    said(nat.inside(echo("10.64.0.7:1 > 10.64.0.1")), ConsumeEcho);
    let piece = raw("10.64.0.7 > 192.0.2.1", protocol::UDP).id(1);
    said(
        nat.inside(piece.fragment_at(8, false).payload(&[1; 8])),
        HoldFragment,
    );
    let syn = tcp("192.0.2.1:80 > 203.0.113.5:5000").syn();
    said(nat.outside(syn), HoldSyn);
}
