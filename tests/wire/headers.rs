//! Checksums, lengths and fields that are none of translation's business:
//! RFC 768, RFC 1624, RFC 2474, RFC 6864.

use base::Counter;
use testkit::{Sum, echo, tcp, udp};
use tests::{Config, Pipe};

use super::open;

/// RFC 768: a checksum of zero is none, and stays none.
#[test]
fn a_udp_checksum_of_zero_stays_zero_both_ways() {
    let mut pipe = Pipe::new(&Config::new());
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(b"odd");
    let out = pipe.inside(packet.transport_sum(Sum::Zero)).forwarded();
    assert_eq!(out.transport_sum, 0);
    let back = pipe
        .outside(out.reply().transport_sum(Sum::Zero))
        .forwarded();
    assert_eq!(back.transport_sum, 0);
}

/// RFC 768: a computed checksum never becomes zero.
#[test]
fn a_computed_udp_checksum_is_never_sent_as_zero() {
    let mut pipe = Pipe::new(&Config::new());
    let first = pipe
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[0, 0]))
        .forwarded();
    // With these two bytes the sum outside comes out as zero, to be sent as all ones.
    let filler = first.transport_sum.to_be_bytes();
    let out = pipe
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&filler))
        .forwarded();
    assert_eq!(out.transport_sum, 0xffff);
}

/// RFC 1624: every sum that can go in comes out right.
#[test]
fn checksums_are_right_for_a_thousand_payloads() {
    let mut pipe = Pipe::new(&Config::new());
    for number in 0..1000_u16 {
        let data = number.wrapping_mul(6553).to_be_bytes();
        let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&data);
        let out = pipe.inside(packet).forwarded();
        assert_ne!(out.transport_sum, 0);
        assert_ne!(
            pipe.outside(out.reply().payload(&data))
                .forwarded()
                .transport_sum,
            0
        );
    }
}

/// RFC 768, 793, 792: odd lengths, empty ones, and padding on the link.
#[test]
fn payloads_of_any_length_pass_with_and_without_link_padding() {
    let mut pipe = Pipe::new(&Config::new());
    let syn = pipe
        .inside(tcp("10.64.0.7:5001 > 192.0.2.1:80").syn())
        .forwarded();
    let answer = pipe.outside(syn.reply().syn_ack()).forwarded();
    let ack = pipe.inside(answer.reply()).forwarded();
    for len in (0..=20).chain([999, 1471]) {
        let data: Vec<u8> = (0_u32..len).map(|byte| byte as u8 | 1).collect();
        for packet in [
            udp("10.64.0.7:5000 > 192.0.2.1:7000"),
            echo("10.64.0.7:5 > 192.0.2.1"),
        ] {
            let out = pipe
                .inside(packet.payload(&data).link_padding())
                .forwarded();
            let back = out.reply().payload(&data).link_padding();
            assert_eq!(pipe.outside(back).forwarded().payload, data);
        }
        let data = &data[..data.len().min(1460)];
        let segment = answer.reply().payload(data).link_padding();
        pipe.inside(segment).forwarded();
        let segment = ack.reply().payload(data).link_padding();
        pipe.outside(segment).forwarded();
    }
}

/// RFC 1812 section 5.2.2: a wrong IP header checksum ends it.
#[test]
fn a_wrong_ip_checksum_is_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").ip_sum(Sum::Wrong);
    pipe.inside(packet).dropped(Counter::DropIpChecksum);
    pipe.outside(out.reply().ip_sum(Sum::Wrong))
        .dropped(Counter::DropIpChecksum);
}

/// RFC 1624: a wrong transport checksum stays wrong, for the receiver to find.
#[test]
fn a_wrong_transport_checksum_is_not_repaired() {
    let mut pipe = Pipe::new(&Config::new());
    pipe.allow_wrong_checksums();
    for packet in [
        udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(b"abcd"),
        tcp("10.64.0.7:5000 > 192.0.2.1:80").syn(),
    ] {
        let out = pipe.inside(packet.transport_sum(Sum::Wrong)).forwarded();
        assert_eq!(out.problems.len(), 1, "{:?}", out.problems);
    }
}

/// RFC 2474, 3168: differentiated services and ECN pass, both ways.
#[test]
fn dscp_and_ecn_are_kept() {
    let mut pipe = Pipe::new(&Config::new());
    for tos in [0x00, 0xb8, 0x03, 0xff] {
        let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").tos(tos);
        let out = pipe.inside(packet).forwarded();
        assert_eq!(out.tos, tos);
        assert_eq!(pipe.outside(out.reply().tos(tos)).forwarded().tos, tos);
    }
}

/// RFC 791: packets whose lengths contradict each other.
#[test]
fn impossible_ip_lengths_are_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    let whole = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[7; 30]);
    let frame = whole.frame(
        tests::mac_of("10.64.0.7".parse().unwrap()),
        pipe.mac("inside"),
    );
    for len in 0..14 {
        pipe.feed("inside", &frame[..len])
            .dropped(Counter::DropEthernetTruncated);
    }
    for len in 14..34 {
        pipe.feed("inside", &frame[..len])
            .dropped_for(&[Counter::DropIpTruncated, Counter::DropIpHeader]);
    }
    for len in 34..frame.len() {
        let outcome = pipe.feed("inside", &frame[..len]);
        assert_eq!(outcome.verdict, "drop", "{len}: {outcome:?}");
        assert!(outcome.left.is_empty());
    }
    for (at, byte) in [(14, 0x65), (14, 0x44), (14, 0x4f), (17, 19), (16, 0xff)] {
        let mut frame = frame.clone();
        frame[at] = byte;
        let sum = {
            frame[24..26].fill(0);
            testkit::internet_checksum(&frame[14..34])
        };
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
        let outcome = pipe.feed("inside", &frame);
        assert_eq!(outcome.verdict, "drop", "{at}: {outcome:?}");
        assert!(outcome.left.is_empty());
    }
    assert!(pipe.show("translations").is_empty());
}

/// RFC 768, 793: transport headers that are cut short or lie about their length.
#[test]
fn impossible_transport_lengths_are_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    for (protocol, len) in [(17, 0), (17, 7), (6, 0), (6, 19), (1, 0), (1, 3)] {
        let packet = testkit::raw("10.64.0.7 > 192.0.2.1", protocol).payload(&vec![8; len]);
        pipe.inside(packet).dropped(Counter::DropTransportHeader);
    }
    let udp_of_length = |length: u16| {
        let mut bytes = vec![0x13, 0x88, 0x1b, 0x58];
        bytes.extend(length.to_be_bytes());
        bytes.extend([0, 0, 1, 2, 3, 4]);
        testkit::raw("10.64.0.7 > 192.0.2.1", 17).payload(&bytes)
    };
    for length in [0, 7, 13, 0xffff] {
        pipe.inside(udp_of_length(length))
            .dropped(Counter::DropTransportHeader);
    }
    let mut segment = tcp("10.64.0.7:5000 > 192.0.2.1:80").syn().transport();
    for offset in [0x40, 0xf0] {
        segment[12] = offset;
        let packet = testkit::raw("10.64.0.7 > 192.0.2.1", 6).payload(&segment);
        pipe.inside(packet).dropped(Counter::DropTransportHeader);
    }
}
