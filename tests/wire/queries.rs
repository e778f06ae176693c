//! ICMP queries: RFC 5508 section 3, RFC 7857 section 11.

use base::Counter;
use testkit::{echo, icmp_query, udp};
use tests::{Config, Pipe};

/// RFC 5508 REQ-1: echo passes out and its reply back, identifier restored.
#[test]
fn an_echo_leaves_with_another_identifier_and_its_reply_comes_home() {
    let mut pipe = Pipe::new(&Config::new());
    let out = pipe
        .inside(echo("10.64.0.7:4660 > 192.0.2.1").seq(77))
        .forwarded();
    assert_eq!(out.icmp_kind(), Some((8, 0)));
    assert_eq!(out.src.ip().octets()[..3], [203, 0, 113]);
    assert_eq!(out.icmp.as_ref().unwrap().rest & 0xffff, 77);
    let back = pipe.outside(out.reply()).forwarded();
    assert_eq!(back.icmp_kind(), Some((0, 0)));
    assert!(back.src == "192.0.2.1" && back.dst == "10.64.0.7:4660");
    assert_eq!(back.icmp.as_ref().unwrap().rest, 4660 * 0x1_0000 + 77);
}

/// RFC 5508 REQ-1: timestamp is a query like echo.
#[test]
fn a_timestamp_and_its_reply_pass() {
    let mut pipe = Pipe::new(&Config::new());
    let query = icmp_query(13, "10.64.0.7:500 > 192.0.2.1").payload(&[9; 12]);
    let out = pipe.inside(query).forwarded();
    assert_eq!(out.icmp_kind(), Some((13, 0)));
    let back = pipe.outside(out.reply()).forwarded();
    assert_eq!(back.icmp_kind(), Some((14, 0)));
    assert!(back.dst == "10.64.0.7:500");
}

/// RFC 5508 REQ-1a: the identifier does not depend on the target.
#[test]
fn the_same_identifier_to_two_targets_leaves_as_one() {
    let mut pipe = Pipe::new(&Config::new());
    let x = pipe.inside(echo("10.64.0.7:77 > 192.0.2.1")).forwarded();
    let y = pipe.inside(echo("10.64.0.7:77 > 192.0.2.9")).forwarded();
    assert_eq!(x.src, y.src);
    for out in [x, y] {
        let back = pipe.outside(out.reply()).forwarded();
        assert!(back.dst == "10.64.0.7:77" && back.src.ip() == out.dst.ip());
    }
}

/// RFC 4787 REQ-3, RFC 5508 REQ-1: two hosts with one identifier stay apart.
#[test]
fn two_hosts_with_the_same_identifier_get_their_own_replies() {
    let config = Config::new().pool("prefixes", "[203.0.113.1/32]");
    let mut pipe = Pipe::new(&config);
    let a = pipe.inside(echo("10.64.0.7:77 > 192.0.2.1")).forwarded();
    let b = pipe.inside(echo("10.64.0.8:77 > 192.0.2.1")).forwarded();
    assert_ne!(a.src, b.src);
    assert!(pipe.outside(b.reply()).forwarded().dst == "10.64.0.8:77");
    assert!(pipe.outside(a.reply()).forwarded().dst == "10.64.0.7:77");
}

/// RFC 4787 REQ-2: pooling is paired over protocols, ICMP among them.
#[test]
fn queries_share_the_address_of_other_protocols() {
    let mut pipe = Pipe::new(&Config::new());
    let datagram = super::open(&mut pipe);
    let ping = pipe.inside(echo("10.64.0.7:77 > 192.0.2.9")).forwarded();
    assert_eq!(ping.src.ip(), datagram.src.ip());
}

/// RFC 5508 REQ-2: a query session lives for 60 s.
#[test]
fn a_reply_after_59_seconds_is_delivered_and_one_after_62_is_not() {
    let mut pipe = Pipe::new(&Config::new());
    let out = pipe.inside(echo("10.64.0.7:77 > 192.0.2.1")).forwarded();
    pipe.wait(59.0);
    pipe.outside(out.reply()).forwarded();
    let late = pipe.inside(echo("10.64.0.7:78 > 192.0.2.1")).forwarded();
    pipe.wait(62.0);
    pipe.outside(late.reply()).dropped(Counter::DropNoMapping);
}

/// RFC 5508 REQ-2a: the timer can be set.
#[test]
fn the_query_timer_follows_the_configuration() {
    let mut pipe = Pipe::new(&Config::new().timeout("icmp", "90s"));
    let out = pipe.inside(echo("10.64.0.7:77 > 192.0.2.1")).forwarded();
    pipe.wait(89.0);
    pipe.outside(out.reply()).forwarded();
    let late = pipe.inside(echo("10.64.0.7:78 > 192.0.2.1")).forwarded();
    pipe.wait(92.0);
    pipe.outside(late.reply()).dropped(Counter::DropNoMapping);
}

/// RFC 4787 REQ-6: what goes out restarts the timer.
#[test]
fn another_query_keeps_the_session() {
    let mut pipe = Pipe::new(&Config::new());
    let out = pipe.inside(echo("10.64.0.7:77 > 192.0.2.1")).forwarded();
    for _ in 0..3 {
        pipe.wait(50.0);
        let again = pipe.inside(echo("10.64.0.7:77 > 192.0.2.1")).forwarded();
        assert_eq!(again.src, out.src);
    }
    pipe.outside(out.reply()).forwarded();
}

/// RFC 4787 REQ-8: a reply nobody asked for has nowhere to go.
#[test]
fn a_reply_without_a_query_is_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    let out = pipe.inside(echo("10.64.0.7:77 > 192.0.2.1")).forwarded();
    let flow = format!("192.0.2.1 > {}:{}", out.src.ip(), out.src.port() ^ 1);
    pipe.outside(icmp_query(0, &flow))
        .dropped(Counter::DropNoMapping);
}

/// RFC 4787 REQ-8: filtering looks at the remote address of a reply.
#[test]
fn a_reply_from_another_host_is_filtered_where_the_rule_says_so() {
    let config = Config::new().rule("filtering", "address-dependent");
    let mut pipe = Pipe::new(&config);
    let out = pipe.inside(echo("10.64.0.7:77 > 192.0.2.1")).forwarded();
    pipe.outside(out.reply().from("192.0.2.9"))
        .dropped(Counter::DropFiltered);
    pipe.outside(out.reply()).forwarded();
}

/// Section 7.4: the identifier stands where a port would.
#[test]
fn translations_show_the_identifier_as_port() {
    let mut pipe = Pipe::new(&Config::new());
    let out = pipe.inside(echo("10.64.0.7:77 > 192.0.2.1")).forwarded();
    let rows = pipe.show("translations");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["protocol"], "icmp");
    assert_eq!(rows[0]["inside"], "10.64.0.7:77");
    assert_eq!(rows[0]["outside"], out.src.to_string());
}

/// RFC 7857 section 5: mappings are per protocol.
#[test]
fn an_identifier_and_a_port_of_the_same_number_are_strangers() {
    let mut pipe = Pipe::new(&Config::new());
    let ping = pipe.inside(echo("10.64.0.7:5000 > 192.0.2.1")).forwarded();
    let flow = format!("192.0.2.1:7000 > {}", ping.src);
    pipe.outside(udp(&flow)).dropped(Counter::DropNoMapping);
}

/// RFC 5508 REQ-1: sequence numbers, sizes and data are the hosts' own.
#[test]
fn data_of_every_length_arrives_unchanged() {
    let mut pipe = Pipe::new(&Config::new());
    for len in [0_u32, 1, 2, 3, 55, 56, 1001, 1472] {
        let data: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
        let query = echo("10.64.0.7:77 > 192.0.2.1").payload(&data);
        let out = pipe.inside(query).forwarded();
        let back = pipe.outside(out.reply()).forwarded();
        assert_eq!(back.payload, data);
    }
}

/// RFC 7857 section 12: an address mapped one to one admits queries from outside.
#[test]
fn a_host_with_an_address_of_its_own_can_be_pinged() {
    let config = Config::new().fixed("inside: 10.64.0.10, outside: 203.0.113.14");
    let mut pipe = Pipe::new(&config);
    let ping = pipe.outside(echo("192.0.2.1:5 > 203.0.113.14")).forwarded();
    assert!(ping.dst == "10.64.0.10");
    let pong = pipe.inside(ping.reply()).forwarded();
    assert!(pong.src == "203.0.113.14" && pong.dst == "192.0.2.1:5");
    // RFC 7857 section 12: and from another host inside.
    let ping = pipe.inside(echo("10.64.0.7:6 > 203.0.113.14")).hairpinned();
    assert!(ping.dst == "10.64.0.10" && ping.src.ip().octets()[..3] == [203, 0, 113]);
    let pong = pipe.inside(ping.reply()).hairpinned();
    assert!(pong.dst == "10.64.0.7:6" && pong.src == "203.0.113.14");
}

/// RFC 5508 REQ-1: queries of unknown codes and types make no state.
#[test]
fn only_echo_and_timestamp_are_queries() {
    let mut pipe = Pipe::new(&Config::new());
    for kind in [1, 2, 7, 15, 17, 19, 37, 42, 255] {
        pipe.inside(icmp_query(kind, "10.64.0.7:9 > 192.0.2.1"))
            .dropped(Counter::DropIcmpType);
    }
    assert!(pipe.show("mappings").is_empty());
}
