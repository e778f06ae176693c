//! ICMP errors that come in: RFC 5508 REQ-3, 4, 6; RFC 4787 REQ-12; RFC 4884.

use base::Counter;
use testkit::{Sum, echo, icmp_error, tcp, udp};
use tests::{Config, Pipe};

use super::{open, open_both_ways};

const ROUTER: &str = "192.0.2.77";
const MPLS: [u8; 8] = [0, 8, 1, 1, 0x12, 0x34, 0x51, 0xff];

/// RFC 5508 REQ-4, RFC 4787 REQ-12a: translated whoever sent it, type and code kept.
#[test]
fn an_error_by_a_stranger_reaches_the_host_with_its_own_packet_quoted() {
    let mut pipe = Pipe::new(&Config::new().rule("filtering", "address-and-port-dependent"));
    let out = open(&mut pipe);
    for (kind, code) in [(11, 0), (11, 1), (3, 0), (3, 1), (3, 3), (3, 13), (12, 0)] {
        let seen = pipe
            .outside(icmp_error(kind, code, ROUTER, &out.ip))
            .forwarded();
        assert_eq!(seen.icmp_kind(), Some((kind, code)));
        assert!(seen.src == ROUTER && seen.dst == "10.64.0.7");
        let quote = seen.quote();
        assert!(quote.src == "10.64.0.7:5000" && quote.dst == "192.0.2.1:7000");
        assert!(quote.complete && quote.transport[8..] == *b"hello");
    }
}

/// RFC 5508 REQ-4: TCP and echo are quoted as well as UDP.
#[test]
fn errors_about_every_protocol_are_translated() {
    let mut pipe = Pipe::new(&Config::new());
    for packet in [
        udp("10.64.0.7:5001 > 192.0.2.1:7000").payload(b"odd"),
        tcp("10.64.0.7:5001 > 192.0.2.1:80").syn(),
        echo("10.64.0.7:5001 > 192.0.2.1"),
    ] {
        let out = pipe.inside(packet).forwarded();
        let seen = pipe.outside(icmp_error(3, 1, ROUTER, &out.ip)).forwarded();
        let quote = seen.quote();
        assert!(quote.src == "10.64.0.7:5001", "{quote:?}");
        assert_eq!(quote.dst, out.dst);
    }
}

/// RFC 5508 REQ-4: the eight bytes that RFC 792 asks for are enough.
#[test]
fn a_quote_of_eight_transport_bytes_is_enough() {
    let mut pipe = Pipe::new(&Config::new());
    for packet in [
        udp("10.64.0.7:5001 > 192.0.2.1:7000").payload(&[1; 333]),
        tcp("10.64.0.7:5001 > 192.0.2.1:80").syn(),
        echo("10.64.0.7:5001 > 192.0.2.1"),
    ] {
        let out = pipe.inside(packet).forwarded();
        let error = icmp_error(11, 0, ROUTER, &out.ip).quote_len(28);
        let seen = pipe.outside(error).forwarded();
        let quote = seen.quote();
        assert_eq!(quote.transport.len(), 8);
        assert!(quote.src == "10.64.0.7:5001", "{quote:?}");
    }
}

/// RFC 792: fewer than eight bytes do not name a flow.
#[test]
fn a_quote_of_less_than_eight_transport_bytes_is_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    for len in [20, 21, 24, 27] {
        let error = icmp_error(11, 0, ROUTER, &out.ip).quote_len(len);
        pipe.outside(error)
            .dropped_for(&[Counter::DropIcmpQuote, Counter::DropIcmpNoSession]);
    }
}

/// RFC 5508 REQ-3b: the quoted header may have options.
#[test]
fn ports_are_found_behind_quoted_ip_options() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    for words in 1..=10 {
        let mut options = vec![0x94, 4, 0, 0];
        options.resize(words * 4, 1);
        let quoted = udp(&format!("{} > {}", out.src, out.dst))
            .payload(b"hello")
            .ip_options(&options);
        let error = icmp_error(3, 3, ROUTER, &quoted.ip());
        let quote = pipe.outside(error).forwarded().quote().clone();
        assert_eq!(quote.options, options);
        assert!(quote.src == "10.64.0.7:5000" && quote.dst == "192.0.2.1:7000");
    }
}

/// RFC 5508 REQ-3d, RFC 4884: what follows the quote is kept as it is.
#[test]
fn extensions_behind_the_quote_stay_as_they_are() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    for kind in [3, 11, 12] {
        let error = icmp_error(kind, 0, ROUTER, &out.ip).extensions(&MPLS);
        let sent = error.transport();
        let seen = pipe.outside(error).forwarded();
        let icmp = seen.icmp.as_ref().unwrap();
        assert_eq!(icmp.extensions, sent[8 + 128..]);
        assert_eq!(icmp.extensions[4..], MPLS);
        assert_eq!(icmp.rest >> 16, 32, "length attribute");
        assert!(seen.quote().src == "10.64.0.7:5000");
        assert_eq!(seen.transport.len(), sent.len());
    }
}

/// RFC 4884 section 5.3: old senders append extensions at 128 bytes without a length.
#[test]
fn extensions_without_a_length_attribute_are_kept_too() {
    let mut pipe = Pipe::new(&Config::new());
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[3; 300]);
    let out = pipe.inside(packet).forwarded();
    let behind = [0x20, 0, 0xde, 0xad, 0, 8, 1, 1, 1, 2, 3, 4];
    let error = icmp_error(11, 0, ROUTER, &out.ip)
        .quote_len(128)
        .payload(&behind);
    let seen = pipe.outside(error).forwarded();
    assert_eq!(seen.payload[128..], behind);
    assert!(seen.quote().src == "10.64.0.7:5000");
}

/// RFC 5508 REQ-10, section 7.1.2: the next-hop MTU is passed on.
#[test]
fn fragmentation_needed_keeps_its_mtu() {
    let mut pipe = Pipe::new(&Config::new());
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[0; 1472]);
    let out = pipe.inside(packet.df(true)).forwarded();
    let error = icmp_error(3, 4, ROUTER, &out.ip).rest(1400).quote_len(28);
    let seen = pipe.outside(error).forwarded();
    assert_eq!(seen.icmp.as_ref().unwrap().rest, 1400);
    assert!(seen.quote().src == "10.64.0.7:5000");
}

/// RFC 5508 REQ-3: a wrong ICMP checksum ends it.
#[test]
fn a_wrong_icmp_checksum_is_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    let error = icmp_error(3, 3, ROUTER, &out.ip).transport_sum(Sum::Wrong);
    pipe.outside(error).dropped(Counter::DropIcmpChecksum);
}

/// RFC 5508 REQ-3a: so does a wrong checksum of the quoted IP header.
#[test]
fn a_wrong_quoted_ip_checksum_is_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    let mut quoted = open(&mut pipe).ip;
    quoted[10] ^= 1;
    pipe.outside(icmp_error(3, 3, ROUTER, &quoted))
        .dropped(Counter::DropIcmpQuote);
}

/// RFC 5508 REQ-3c: the quoted transport checksum is not looked at.
#[test]
fn a_wrong_quoted_transport_checksum_passes() {
    let mut pipe = Pipe::new(&Config::new());
    pipe.allow_wrong_checksums();
    let out = pipe
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .forwarded();
    let mut quoted = out.ip.clone();
    quoted[20 + 16] ^= 0x55;
    let seen = pipe.outside(icmp_error(3, 3, ROUTER, &quoted)).forwarded();
    assert!(seen.quote().src == "10.64.0.7:5000");
    let icmp_alone: Vec<_> = seen
        .problems
        .iter()
        .filter(|problem| !problem.starts_with("quoted 6"))
        .collect();
    assert!(icmp_alone.is_empty(), "{icmp_alone:?}");
}

/// RFC 4787 section 4: a quoted UDP checksum of zero is none, and stays so.
#[test]
fn a_quoted_udp_checksum_of_zero_stays_zero() {
    let mut pipe = Pipe::new(&Config::new());
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").transport_sum(Sum::Zero);
    let out = pipe.inside(packet).forwarded();
    let seen = pipe.outside(icmp_error(3, 3, ROUTER, &out.ip)).forwarded();
    assert_eq!(seen.quote().transport[6..8], [0, 0]);
}

/// RFC 5508 REQ-4: no mapping for the quoted packet.
#[test]
fn an_error_about_an_unknown_flow_is_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    let stranger = (out.src.ip(), out.src.port() ^ 2);
    let quoted = udp("192.0.2.1:1 > 192.0.2.1:7000").from(stranger);
    pipe.outside(icmp_error(3, 3, ROUTER, &quoted.ip()))
        .dropped(Counter::DropIcmpNoSession);
    let flow = format!("{} > {}", out.src, out.dst);
    pipe.outside(icmp_error(3, 3, ROUTER, &tcp(&flow).ip()))
        .dropped(Counter::DropIcmpNoSession);
}

/// RFC 5508 REQ-4c: it goes where the quoted packet came from, or nowhere.
#[test]
fn an_error_addressed_to_another_than_the_quoted_source_misleads_nobody() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    let error = icmp_error(3, 3, ROUTER, &out.ip).to("203.0.113.14");
    for left in pipe.outside(error).left {
        assert!(left.seen.dst == "10.64.0.7" && left.interface == "inside");
        assert!(left.seen.quote().src == "10.64.0.7:5000");
    }
}

/// RFC 4787 REQ-12, RFC 5382 REQ-10: no message of any type, well-formed or not, ends anything.
#[test]
fn errors_never_end_a_session() {
    let mut pipe = Pipe::new(&Config::new());
    pipe.allow_wrong_checksums();
    let (udp_out, _) = open_both_ways(&mut pipe);
    let syn = pipe
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .forwarded();
    let answer = pipe.outside(syn.reply().syn_ack()).forwarded();
    let ack = pipe.inside(answer.reply()).forwarded();
    let ping = pipe.inside(echo("10.64.0.7:9 > 192.0.2.1")).forwarded();
    for out in [&udp_out, &ack, &ping] {
        for kind in 0..=18 {
            for code in 0..16 {
                let _ = pipe.outside(icmp_error(kind, code, ROUTER, &out.ip));
                let short = icmp_error(kind, code, "192.0.2.1", &out.ip).quote_len(28);
                let _ = pipe.outside(short);
                let broken = icmp_error(kind, code, ROUTER, &out.ip).transport_sum(Sum::Wrong);
                let _ = pipe.outside(broken);
            }
        }
    }
    pipe.outside(udp_out.reply()).forwarded();
    pipe.outside(ack.reply().payload(b"data")).forwarded();
    pipe.outside(ping.reply()).forwarded();
}

/// RFC 5508 REQ-6: an error about a query does not keep it alive.
#[test]
fn errors_never_refresh_a_session() {
    let mut pipe = Pipe::new(&Config::new());
    let out = pipe.inside(echo("10.64.0.7:9 > 192.0.2.1")).forwarded();
    pipe.wait(50.0);
    pipe.outside(icmp_error(3, 1, ROUTER, &out.ip)).forwarded();
    pipe.wait(12.0);
    pipe.outside(out.reply()).dropped(Counter::DropNoMapping);
    let out = pipe.inside(echo("10.64.0.7:10 > 192.0.2.1")).forwarded();
    pipe.wait(5.0);
    pipe.outside(icmp_error(3, 1, ROUTER, &out.ip)).forwarded();
    pipe.wait(15.0);
    pipe.outside(out.reply()).forwarded();
}

/// RFC 5508 REQ-6 for UDP, with inbound refresh on: an error is no inbound packet of the flow.
#[test]
fn errors_never_refresh_a_udp_mapping_either() {
    let config = Config::new()
        .timeout("udp", "120s")
        .nat("udp_inbound_refresh: true");
    let mut pipe = Pipe::new(&config);
    let out = open(&mut pipe);
    pipe.wait(100.0);
    pipe.outside(icmp_error(3, 1, ROUTER, &out.ip)).forwarded();
    pipe.wait(22.0);
    pipe.outside(out.reply()).dropped(Counter::DropNoMapping);
}

/// RFC 5508 REQ-4: errors are counted as translated, and make no state.
#[test]
fn an_error_moves_only_its_own_counters() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    pipe.forget_counters();
    pipe.outside(icmp_error(3, 3, ROUTER, &out.ip)).forwarded();
    pipe.expect_counters(&[(Counter::ForwardInbound, 1), (Counter::IcmpTranslated, 1)]);
}

/// RFC 792: the pointer of a parameter problem is kept.
#[test]
fn a_parameter_problem_keeps_its_pointer() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    let error = icmp_error(12, 0, ROUTER, &out.ip).rest(0x1400_0000);
    let seen = pipe.outside(error).forwarded();
    assert_eq!(seen.icmp.as_ref().unwrap().rest, 0x1400_0000);
}

/// B13: a quoted later fragment has no ports; it is dropped or comes to its own host.
#[test]
fn a_quoted_later_fragment_misleads_nobody() {
    let mut pipe = Pipe::new(&Config::new());
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[3; 600]);
    let mut pieces = Vec::new();
    for piece in packet.fragments(&[208, 208]) {
        pieces.extend(pipe.inside(piece).forwarded_pieces());
    }
    let outcome = pipe.outside(icmp_error(11, 1, ROUTER, &pieces[1].ip));
    for left in outcome.left {
        assert!(left.seen.dst == "10.64.0.7");
    }
    let seen = pipe
        .outside(icmp_error(11, 1, ROUTER, &pieces[0].ip))
        .forwarded();
    assert!(seen.dst == "10.64.0.7", "the first piece names its ports");
    assert_eq!(seen.quote().transport[..2], 5000_u16.to_be_bytes());
}

/// RFC 5508 REQ-4 for an address mapped one to one.
#[test]
fn errors_reach_a_host_with_an_address_of_its_own() {
    let config = Config::new().fixed("inside: 10.64.0.10, outside: 203.0.113.14");
    let mut pipe = Pipe::new(&config);
    let out = pipe
        .inside(udp("10.64.0.10:5000 > 192.0.2.1:7000"))
        .forwarded();
    assert!(out.src == "203.0.113.14:5000");
    let seen = pipe.outside(icmp_error(3, 3, ROUTER, &out.ip)).forwarded();
    assert!(seen.dst == "10.64.0.10" && seen.quote().src == "10.64.0.10:5000");
}

/// RFC 4884, RFC 5508 REQ-3d: a length attribute beyond the message is not followed.
#[test]
fn a_length_attribute_beyond_the_message_does_no_harm() {
    let mut pipe = Pipe::new(&Config::new());
    pipe.allow_wrong_checksums();
    let out = open(&mut pipe);
    for words in [1, 4, 200, 255] {
        let error = icmp_error(11, 0, ROUTER, &out.ip).rest(words << 16);
        let outcome = pipe.outside(error);
        for left in &outcome.left {
            assert!(left.seen.dst == "10.64.0.7");
        }
    }
    pipe.outside(out.reply()).forwarded();
}

/// RFC 5508 REQ-3d, 4a: a quote that ends inside its ports is translated as a whole or dropped.
#[test]
fn a_quote_that_ends_inside_its_ports_is_not_half_translated() {
    let mut pipe = Pipe::new(&Config::new());
    pipe.allow_wrong_checksums();
    let out = open(&mut pipe);
    for total in 20..28 {
        let mut quoted = out.ip.clone();
        quoted[2..4].copy_from_slice(&u16::to_be_bytes(total));
        quoted[10..12].fill(0);
        let sum = testkit::internet_checksum(&quoted[..20]);
        quoted[10..12].copy_from_slice(&sum.to_be_bytes());
        for left in pipe.outside(icmp_error(3, 3, ROUTER, &quoted)).left {
            let transport = &left.seen.payload[20..];
            assert_eq!(transport[..2], 5000_u16.to_be_bytes(), "length {total}");
            assert_eq!(transport[2..4], 7000_u16.to_be_bytes());
        }
    }
}
