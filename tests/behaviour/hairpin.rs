//! From inside to inside through outside addresses (RFC 4787 REQ-9, RFC 5382
//! REQ-8, RFC 5508 REQ-7).

use base::Counter;
use testkit::{flags, icmp_error, tcp, udp};
use tests::{Config, Pipe};

use crate::{tcp_endpoint, udp_endpoint};

/// Both subscribers behind one address, or each behind one of its own.
fn configs() -> [(bool, Config); 2] {
    let blocks = "{ size: 512, max_per_subscriber: 1 }";
    let base = || Config::new().pool("blocks", blocks);
    [
        (true, base().pool("prefixes", "[203.0.113.1/32]")),
        (
            false,
            base()
                .pool("prefixes", "[203.0.113.2/31]")
                .pool("ports", "1024-1535"),
        ),
    ]
}

/// RFC 4787 REQ-9 and REQ-9a, with one outside address and with two.
#[test]
fn two_subscribers_talk_through_their_outside_endpoints() {
    for (same_address, config) in configs() {
        let mut nat = Pipe::new(&config);
        let of_a = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
        let of_b = udp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000");
        assert_eq!(of_a.ip() == of_b.ip(), same_address);
        let to_b = udp("10.64.0.7:5000 > 0.0.0.0").to(of_b).payload(b"hello");
        let at_b = nat.inside(to_b).hairpinned();
        assert_eq!(at_b.src, of_a, "B sees A's outside endpoint");
        assert!(at_b.dst == "10.64.0.8:6000");
        let at_a = nat.inside(at_b.reply()).hairpinned();
        assert_eq!(at_a.src, of_b, "A sees B's outside endpoint");
        assert!(at_a.dst == "10.64.0.7:5000");
    }
}

/// RFC 4787 REQ-9a: without a mapping of its own yet, the sender gets one first.
#[test]
fn a_hairpin_makes_the_mapping_it_needs() {
    for (_, config) in configs() {
        let mut nat = Pipe::new(&config);
        let of_b = udp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000");
        let at_b = nat
            .inside(udp("10.64.0.7:5000 > 0.0.0.0").to(of_b))
            .hairpinned();
        let of_a = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
        assert_eq!(at_b.src, of_a);
    }
}

/// RFC 4787 REQ-9: a host may be its own peer.
#[test]
fn a_host_reaches_itself_through_its_outside_endpoint() {
    let mut nat = Pipe::new(&Config::new());
    let first = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    let second = udp_endpoint(&mut nat, "10.64.0.7:6000", "192.0.2.1:7000");
    let got = nat
        .inside(udp("10.64.0.7:5000 > 0.0.0.0").to(second))
        .hairpinned();
    assert_eq!(got.src, first);
    assert!(got.dst == "10.64.0.7:6000");
    let back = nat.inside(got.reply()).hairpinned();
    assert_eq!(back.src, second);
    assert!(back.dst == "10.64.0.7:5000");
}

/// RFC 5382 REQ-8, REQ-8a.
#[test]
fn a_connection_goes_through_a_hairpin() {
    for (_, config) in configs() {
        let mut nat = Pipe::new(&config);
        let of_b = tcp_endpoint(&mut nat, "10.64.0.8:8080", "192.0.2.1:80");
        let syn = tcp("10.64.0.7:5000 > 0.0.0.0").to(of_b).syn().seq(1000);
        let at_b = nat.inside(syn).hairpinned();
        assert!(at_b.dst == "10.64.0.8:8080" && at_b.has_flags(flags::SYN));
        assert_ne!(at_b.src.ip().octets()[0], 10, "an outside endpoint");
        let at_a = nat.inside(at_b.reply().syn_ack().seq(9000)).hairpinned();
        assert_eq!(at_a.src, of_b);
        assert!(at_a.dst == "10.64.0.7:5000");
        let data = |flow: &str| tcp(flow).payload(b"data");
        let to_b = data("10.64.0.7:5000 > 0.0.0.0")
            .to(of_b)
            .seq(1001)
            .ack(9001);
        assert_eq!(nat.inside(to_b).hairpinned().src, at_b.src);
        let to_a = data("10.64.0.8:8080 > 0.0.0.0")
            .to(at_b.src)
            .seq(9001)
            .ack(1005);
        assert_eq!(nat.inside(to_a).hairpinned().src, of_b);
        // Established on both sides: a long silence is no end.
        nat.later(7000.0);
        let again = data("10.64.0.7:5000 > 0.0.0.0")
            .to(of_b)
            .seq(1005)
            .ack(9005);
        nat.inside(again).hairpinned();
    }
}

/// RFC 5508 REQ-7a: errors take the way back, and quote what the sender sent.
#[test]
fn an_error_goes_back_through_the_hairpin() {
    for (_, config) in configs() {
        for quoted in [28, 1500] {
            let mut nat = Pipe::new(&config);
            let of_b = udp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000");
            let at_b = nat
                .inside(udp("10.64.0.7:5000 > 0.0.0.0").to(of_b).payload(b"hello"))
                .hairpinned();
            let error = icmp_error(3, 3, "10.64.0.8", &at_b.ip).quote_len(quoted);
            let at_a = nat.inside(error).hairpinned();
            assert_eq!(at_a.icmp_kind(), Some((3, 3)));
            assert!(at_a.dst == "10.64.0.7");
            assert_eq!(
                at_a.src.ip(),
                of_b.ip(),
                "B is known by its outside address"
            );
            let quote = at_a.quote();
            assert!(quote.src == "10.64.0.7:5000");
            assert_eq!(quote.dst, of_b);
        }
    }
}

/// RFC 4787 REQ-8 goes for hairpins as for anybody else.
#[test]
fn a_filter_keeps_inside_strangers_out_too() {
    let config = Config::new().rule("filtering", "address-dependent");
    let mut nat = Pipe::new(&config);
    let of_b = udp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000");
    let outcome = nat.inside(udp("10.64.0.7:5000 > 0.0.0.0").to(of_b));
    outcome.dropped(Counter::DropFiltered);
}

/// RFC 4787 REQ-8, and hole punching (RFC 5128 section 3.3.3): a first packet that the
/// other's filter drops has opened the sender's own filter to the other all the same.
#[test]
fn two_subscribers_punch_holes_to_each_other() {
    for filtering in ["address-dependent", "address-and-port-dependent"] {
        for (_, config) in configs() {
            let mut nat = Pipe::new(&config.rule("filtering", filtering));
            let of_a = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
            let of_b = udp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000");
            let to_b = udp("10.64.0.7:5000 > 0.0.0.0").to(of_b);
            nat.inside(to_b.clone()).dropped(Counter::DropFiltered);
            let at_a = nat
                .inside(udp("10.64.0.8:6000 > 0.0.0.0").to(of_a))
                .hairpinned();
            assert!(at_a.src == of_b && at_a.dst == "10.64.0.7:5000");
            let at_b = nat.inside(to_b).hairpinned();
            assert!(at_b.src == of_a && at_b.dst == "10.64.0.8:6000");
        }
    }
}

/// The same for TCP, as a simultaneous open (RFC 5382 REQ-2, REQ-8).
#[test]
fn two_subscribers_open_a_connection_simultaneously() {
    for filtering in ["address-dependent", "address-and-port-dependent"] {
        let mut nat = Pipe::new(&Config::new().rule("filtering", filtering));
        let of_a = tcp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
        let of_b = tcp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:80");
        let a = || tcp("10.64.0.7:5000 > 0.0.0.0").to(of_b);
        let b = || tcp("10.64.0.8:6000 > 0.0.0.0").to(of_a);
        nat.inside(a().syn().seq(1000)).held(Counter::HoldSyn);
        nat.inside(b().syn().seq(9000)).hairpinned();
        let at_b = nat.inside(a().syn_ack().seq(1000).ack(9001)).hairpinned();
        assert!(at_b.src == of_a && at_b.dst == "10.64.0.8:6000");
        let at_a = nat.inside(b().syn_ack().seq(9000).ack(1001)).hairpinned();
        assert!(at_a.src == of_b && at_a.dst == "10.64.0.7:5000");
        // Established on both sides: a long silence is no end.
        nat.later(7000.0);
        nat.inside(a().seq(1001).ack(9001).payload(b"data"))
            .hairpinned();
    }
}

/// Contract 7.2, `hairpin: { source: preserve }`: the destination is translated,
/// the source stays, and answers find their way.
#[test]
fn a_preserving_hairpin_shows_the_inside_source() {
    for (_, config) in configs() {
        let config = config.rule("hairpin", "{ enabled: true, source: preserve }");
        let mut nat = Pipe::new(&config);
        let of_b = udp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000");
        let at_b = nat
            .inside(udp("10.64.0.7:5000 > 0.0.0.0").to(of_b))
            .hairpinned();
        assert!(at_b.src == "10.64.0.7:5000" && at_b.dst == "10.64.0.8:6000");
        // The later packets too, which need no second look.
        for _ in 0..2 {
            let at_a = nat.inside(at_b.reply()).hairpinned();
            assert_eq!(at_a.src, of_b);
            assert!(at_a.dst == "10.64.0.7:5000");
            nat.inside(udp("10.64.0.7:5000 > 0.0.0.0").to(of_b))
                .hairpinned();
        }
    }
}

/// The same for TCP.
#[test]
fn a_preserving_hairpin_carries_connections() {
    let config = Config::new().rule("hairpin", "{ enabled: true, source: preserve }");
    let mut nat = Pipe::new(&config);
    let of_b = tcp_endpoint(&mut nat, "10.64.0.8:8080", "192.0.2.1:80");
    let syn = tcp("10.64.0.7:5000 > 0.0.0.0").to(of_b).syn().seq(1000);
    let at_b = nat.inside(syn).hairpinned();
    assert!(at_b.src == "10.64.0.7:5000" && at_b.dst == "10.64.0.8:8080");
    let at_a = nat.inside(at_b.reply().syn_ack().seq(9000)).hairpinned();
    assert_eq!(at_a.src, of_b);
    let ack = tcp("10.64.0.7:5000 > 0.0.0.0").to(of_b).seq(1001).ack(9001);
    assert!(nat.inside(ack).hairpinned().src == "10.64.0.7:5000");
}

/// Contract 7.2, `hairpin: { enabled: false }`.
#[test]
fn hairpins_can_be_switched_off() {
    let mut nat = Pipe::new(&Config::new().rule("hairpin", "{ enabled: false }"));
    let of_b = udp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000");
    nat.inside(udp("10.64.0.7:5000 > 0.0.0.0").to(of_b))
        .dropped(Counter::DropHairpin);
    let of_b = tcp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000");
    nat.inside(tcp("10.64.0.7:5000 > 0.0.0.0").to(of_b).syn())
        .dropped(Counter::DropHairpin);
}

/// A hairpin to an outside endpoint nobody has gets nowhere.
#[test]
fn a_hairpin_to_nobody_is_dropped() {
    let mut nat = Pipe::new(&Config::new());
    crate::lost(&nat.inside(udp("10.64.0.7:5000 > 203.0.113.5:4000")));
}

/// RFC 4787 REQ-9 with a static mapping: the server is known by its outside address.
#[test]
fn a_forwarded_port_is_reached_from_inside() {
    let config = Config::new()
        .fixed("protocol: tcp, inside: \"10.64.0.11:8080\", outside: \"203.0.113.13:80\"");
    let mut nat = Pipe::new(&config);
    let syn = tcp("10.64.0.7:5000 > 203.0.113.13:80").syn();
    let at_server = nat.inside(syn).hairpinned();
    assert!(at_server.dst == "10.64.0.11:8080");
    let of_a = tcp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    assert_eq!(at_server.src, of_a);
    let back = nat
        .inside(at_server.reply().syn_ack().seq(9000))
        .hairpinned();
    assert!(back.src == "203.0.113.13:80" && back.dst == "10.64.0.7:5000");
}

/// RFC 7857 section 12: one-to-one addresses admit queries from inside.
#[test]
fn a_ping_reaches_a_one_to_one_address_from_inside() {
    let config = Config::new().fixed("inside: 10.64.0.10, outside: 203.0.113.14");
    let mut nat = Pipe::new(&config);
    let ping = testkit::echo("10.64.0.7:77 > 203.0.113.14");
    let at_b = nat.inside(ping).hairpinned();
    assert!(at_b.dst.ip() == "10.64.0.10".parse::<std::net::Ipv4Addr>().unwrap());
    let pong = nat.inside(at_b.reply()).hairpinned();
    assert!(pong.src == "203.0.113.14" && pong.dst == "10.64.0.7:77");
}

/// RFC 4787 REQ-9: many packets, both ways, in one pair of sessions.
#[test]
fn a_hairpin_goes_on_as_it_began() {
    for (_, config) in configs() {
        let mut nat = Pipe::new(&config);
        let of_a = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
        let of_b = udp_endpoint(&mut nat, "10.64.0.8:6000", "192.0.2.1:7000");
        for round in 0..5 {
            let to_b = nat
                .later(10.0)
                .inside(udp("10.64.0.7:5000 > 0.0.0.0").to(of_b))
                .hairpinned();
            assert_eq!(to_b.src, of_a, "round {round}");
            assert!(to_b.dst == "10.64.0.8:6000");
        }
    }
}

/// RFC 768: a checksum that was not computed stays so, through both translations.
#[test]
fn a_missing_udp_checksum_stays_missing() {
    let mut nat = Pipe::new(&Config::new());
    let plain = |flow: &str| udp(flow).transport_sum(testkit::Sum::Zero).payload(b"x");
    let of_b = nat
        .inside(plain("10.64.0.8:6000 > 192.0.2.1:7000"))
        .forwarded();
    assert_eq!(of_b.transport_sum, 0);
    let back = nat
        .outside(of_b.reply().transport_sum(testkit::Sum::Zero))
        .forwarded();
    assert_eq!(back.transport_sum, 0);
    let at_b = nat
        .inside(plain("10.64.0.7:5000 > 0.0.0.0").to(of_b.src))
        .hairpinned();
    assert_eq!(at_b.transport_sum, 0);
}
