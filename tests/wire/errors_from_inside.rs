//! ICMP errors that go out, hairpinned ones, and types that pass nowhere:
//! RFC 5508 REQ-5, 7, 10, 11; RFC 7857 section 7.1.

use base::Counter;
use testkit::{Packet, Sum, echo, icmp_error, icmp_query, tcp, udp};
use tests::{Config, Pipe};

use super::{open, open_both_ways};

/// RFC 5508 REQ-5: the quote becomes the outside view, the source the outside address.
#[test]
fn an_error_by_the_host_itself_shows_only_its_outside_address() {
    let mut pipe = Pipe::new(&Config::new());
    let (out, back) = open_both_ways(&mut pipe);
    for (kind, code) in [(3, 3), (3, 13), (11, 1), (12, 0)] {
        let error = icmp_error(kind, code, "10.64.0.7", &back.ip);
        let seen = pipe.inside(error).forwarded();
        assert_eq!(seen.icmp_kind(), Some((kind, code)));
        assert_eq!(seen.src.ip(), out.src.ip());
        assert!(seen.dst == "192.0.2.1");
        assert!(seen.quote().src == "192.0.2.1:7000");
        assert_eq!(seen.quote().dst, out.src);
        let quoted = &seen.quote().transport;
        assert_eq!(quoted[8..], *b"world");
    }
}

/// RFC 5508 REQ-5: a router inside is hidden behind the flow's outside address.
#[test]
fn an_error_by_a_router_inside_leaves_from_the_address_of_the_flow() {
    let mut pipe = Pipe::new(&Config::new());
    let (out, back) = open_both_ways(&mut pipe);
    let error = icmp_error(3, 1, "10.64.0.20", &back.ip);
    let seen = pipe.inside(error).forwarded();
    assert_eq!(seen.src.ip(), out.src.ip());
    assert_eq!(seen.quote().dst, out.src);
}

/// RFC 5508 REQ-5b: a router inside that has an address of its own outside uses it.
#[test]
fn an_error_by_a_router_with_an_address_of_its_own_leaves_from_that() {
    let config = Config::new().fixed("inside: 10.64.0.20, outside: 203.0.113.14");
    let mut pipe = Pipe::new(&config);
    let (out, back) = open_both_ways(&mut pipe);
    let error = icmp_error(3, 1, "10.64.0.20", &back.ip);
    let seen = pipe.inside(error).forwarded();
    assert!(seen.src == "203.0.113.14", "{seen:?}");
    assert!(seen.dst == "192.0.2.1");
    assert_eq!(seen.quote().dst, out.src);
}

/// RFC 5508 REQ-5: eight bytes of transport are enough this way as well.
#[test]
fn a_short_quote_from_inside_is_translated() {
    let mut pipe = Pipe::new(&Config::new());
    let syn = pipe
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .forwarded();
    let back = pipe.outside(syn.reply().syn_ack()).forwarded();
    let error = icmp_error(11, 0, "10.64.0.20", &back.ip).quote_len(28);
    let seen = pipe.inside(error).forwarded();
    assert_eq!(seen.quote().dst, syn.src);
    assert_eq!(seen.quote().transport.len(), 8);
}

/// RFC 4884: extensions leave unchanged.
#[test]
fn extensions_from_inside_stay_as_they_are() {
    let mut pipe = Pipe::new(&Config::new());
    let (_, back) = open_both_ways(&mut pipe);
    let objects = [0, 8, 1, 1, 0, 1, 0x41, 1];
    let error = icmp_error(11, 0, "10.64.0.20", &back.ip).extensions(&objects);
    let seen = pipe.inside(error).forwarded();
    assert_eq!(seen.icmp.unwrap().extensions[4..], objects);
}

/// RFC 5508 REQ-3, 3a: the same checks as from outside.
#[test]
fn wrong_checksums_from_inside_are_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    let (_, back) = open_both_ways(&mut pipe);
    let error = icmp_error(3, 3, "10.64.0.7", &back.ip).transport_sum(Sum::Wrong);
    pipe.inside(error).dropped(Counter::DropIcmpChecksum);
    let mut quoted = back.ip;
    quoted[11] ^= 4;
    pipe.inside(icmp_error(3, 3, "10.64.0.7", &quoted))
        .dropped(Counter::DropIcmpQuote);
}

/// RFC 5508 REQ-5: an error about a packet that never came in.
#[test]
fn an_error_from_inside_about_an_unknown_flow_is_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    open(&mut pipe);
    let quoted = udp("192.0.2.1:7000 > 10.64.0.7:5002").ip();
    pipe.inside(icmp_error(3, 3, "10.64.0.7", &quoted))
        .dropped(Counter::DropIcmpNoSession);
}

/// RFC 7857 section 7.1: what answers an inbound packet does not refresh.
#[test]
fn an_error_from_inside_does_not_refresh() {
    let mut pipe = Pipe::new(&Config::new().timeout("udp", "120s"));
    let out = open(&mut pipe);
    pipe.wait(100.0);
    let back = pipe.outside(out.reply()).forwarded();
    pipe.inside(icmp_error(3, 3, "10.64.0.7", &back.ip))
        .forwarded();
    pipe.wait(25.0);
    pipe.outside(out.reply()).dropped(Counter::DropNoMapping);
}

/// RFC 5508 REQ-7: an error about a hairpinned packet takes the same way back.
#[test]
fn an_error_about_a_hairpinned_packet_is_hairpinned() {
    let mut pipe = Pipe::new(&Config::new());
    let to_b = pipe
        .inside(udp("10.64.0.8:9 > 192.0.2.1:7000"))
        .forwarded()
        .src;
    let there = pipe
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:1").to(to_b))
        .hairpinned();
    assert!(there.dst == "10.64.0.8:9");
    let seen = pipe
        .inside(icmp_error(3, 3, "10.64.0.8", &there.ip))
        .hairpinned();
    assert!(seen.dst == "10.64.0.7");
    assert_eq!(seen.src.ip(), to_b.ip());
    assert!(seen.quote().src == "10.64.0.7:5000");
    assert_eq!(seen.quote().dst, to_b);
}

/// RFC 5508 REQ-10b, c: source quench, redirect and router discovery from outside.
#[test]
fn types_that_serve_one_link_only_do_not_come_in() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    for (kind, code) in [(4, 0), (5, 0), (5, 1)] {
        pipe.outside(icmp_error(kind, code, "192.0.2.77", &out.ip))
            .dropped(Counter::DropIcmpType);
    }
    for packet in others("192.0.2.77", out.src.ip()) {
        pipe.outside(packet).dropped(Counter::DropIcmpType);
    }
}

/// RFC 5508 REQ-10b, c: nor do they go out.
#[test]
fn types_that_serve_one_link_only_do_not_go_out() {
    let mut pipe = Pipe::new(&Config::new());
    let (_, back) = open_both_ways(&mut pipe);
    for (kind, code) in [(4, 0), (5, 0), (5, 1)] {
        pipe.inside(icmp_error(kind, code, "10.64.0.7", &back.ip))
            .dropped(Counter::DropIcmpType);
    }
    for packet in others("10.64.0.7", "192.0.2.1".parse().unwrap()) {
        pipe.inside(packet).dropped(Counter::DropIcmpType);
    }
}

/// RFC 5508 REQ-1: an echo reply from inside needs its request.
#[test]
fn a_reply_from_inside_that_nobody_asked_for_does_not_go_out() {
    let mut pipe = Pipe::new(&Config::new());
    let outcome = pipe.inside(icmp_query(0, "10.64.0.7:77 > 192.0.2.1"));
    assert_eq!(outcome.verdict, "drop", "{outcome:?}");
    assert!(outcome.left.is_empty());
    assert!(pipe.show("translations").is_empty());
}

/// RFC 1812 section 4.3.2.7, B13: no flow is opened by an error.
#[test]
fn an_error_opens_nothing() {
    let mut pipe = Pipe::new(&Config::new());
    let quoted = echo("192.0.2.1:7 > 10.64.0.7").ip();
    let outcome = pipe.inside(icmp_error(3, 1, "10.64.0.7", &quoted));
    assert_eq!(outcome.verdict, "drop", "{outcome:?}");
    assert!(outcome.left.is_empty());
    assert!(pipe.show("mappings").is_empty());
}

/// Types that are neither queries we translate nor errors.
fn others(from: &str, to: std::net::Ipv4Addr) -> Vec<Packet> {
    [9, 10, 15, 16, 17, 18, 30, 41, 253]
        .map(|kind| icmp_query(kind, &format!("{from}:9 > {to}")))
        .to_vec()
}
