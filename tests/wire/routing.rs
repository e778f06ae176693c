//! Routes and addresses nobody may have: RFC 1812 sections 5.2.4, 5.3.7, 5.3.5; RFC 6890.

use base::Counter;
use testkit::{echo, tcp, udp};
use tests::{Config, GATEWAY, Pipe, mac_of};

use super::{open, pipe_with_wan, with_wan};

/// RFC 1812 section 5.2.4.3: the longest prefix wins, whatever the order in the file.
#[test]
fn the_longest_prefix_wins() {
    let config = with_wan()
        .route("prefix: 192.0.2.128/25, next_hop: 198.51.100.7")
        .route("prefix: 192.0.2.200/32, next_hop: 198.51.100.8")
        .route("prefix: 192.0.2.192/26, next_hop: 198.51.100.9");
    let mut pipe = pipe_with_wan(&config);
    for (dst, next_hop) in [
        ("192.0.2.1", GATEWAY),
        ("192.0.2.127", GATEWAY),
        ("192.0.2.128", "198.51.100.7"),
        ("192.0.2.191", "198.51.100.7"),
        ("192.0.2.192", "198.51.100.9"),
        ("192.0.2.199", "198.51.100.9"),
        ("192.0.2.200", "198.51.100.8"),
        ("192.0.2.201", "198.51.100.9"),
        ("192.0.3.0", GATEWAY),
        ("198.51.100.77", "198.51.100.77"),
    ] {
        let packet = udp(&format!("10.64.0.7:5000 > {dst}:7000"));
        // The first one has to wait for ARP, the second goes straight through.
        let _ = pipe.inside(packet.clone());
        let out = pipe.inside(packet).forwarded();
        assert_eq!(out.dst_mac, mac_of(next_hop.parse().unwrap()), "to {dst}");
    }
}

/// RFC 1812 section 5.2.4: a connected network needs no route.
#[test]
fn neighbours_on_a_connected_network_are_reached_directly() {
    let mut pipe = Pipe::new(&Config::new());
    let _ = pipe.inside(udp("10.64.0.7:5000 > 198.51.100.7:7000"));
    let out = pipe
        .inside(udp("10.64.0.7:5000 > 198.51.100.7:7000"))
        .forwarded();
    assert_eq!(out.dst_mac, mac_of("198.51.100.7".parse().unwrap()));
    let back = pipe.outside(out.reply()).forwarded();
    assert_eq!(back.dst_mac, mac_of("10.64.0.7".parse().unwrap()));
}

/// RFC 1812 section 5.2.4: a route to inside networks behind a router.
#[test]
fn subscribers_behind_an_inside_router_are_reached_through_it() {
    let config = Config::new()
        .interface("inside", "name", "lan")
        .no_neighbors()
        .rule("inside", "lan")
        .rule("source", "10.64.0.0/10")
        .route("prefix: 10.90.0.0/16, next_hop: 10.64.0.3");
    let mut pipe = Pipe::bare(&config, &[]);
    pipe.learn("lan", "10.64.0.2", tests::OWN_INSIDE, &[]);
    pipe.learn("outside", GATEWAY, tests::OWN_OUTSIDE, &[]);
    let out = pipe
        .send("lan", &udp("10.90.1.7:5000 > 192.0.2.1:7000"))
        .forwarded();
    let _ = pipe.outside(out.reply());
    let back = pipe.outside(out.reply()).forwarded();
    assert!(back.dst == "10.90.1.7:5000");
    assert_eq!(back.dst_mac, mac_of("10.64.0.3".parse().unwrap()));
}

/// RFC 1812 section 5.3.7, RFC 6890: sources no host may have.
#[test]
fn martian_sources_are_dropped_from_inside() {
    let mut pipe = Pipe::new(&Config::new());
    for src in [
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "127.255.0.1",
        "224.0.0.1",
        "239.255.255.255",
        "255.255.255.255",
        "10.64.0.1",
        "198.51.100.1",
    ] {
        let packet = udp(&format!("{src}:5000 > 192.0.2.1:7000"));
        pipe.inside(packet).dropped(Counter::DropIpSource);
        let packet = tcp(&format!("{src}:5000 > 192.0.2.1:80")).syn();
        pipe.inside(packet).dropped(Counter::DropIpSource);
        let ping = echo(&format!("{src}:5 > 10.64.0.1"));
        pipe.inside(ping).dropped(Counter::DropIpSource);
    }
    assert!(pipe.show("translations").is_empty());
}

/// RFC 1812 section 5.3.7: the same from outside, towards a live mapping.
#[test]
fn martian_sources_are_dropped_from_outside() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    for src in [
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "198.51.100.1",
        "10.64.0.1",
    ] {
        let packet = udp("192.0.2.1:7000 > 192.0.2.1:1")
            .from(&format!("{src}:7000"))
            .to(out.src);
        pipe.outside(packet).dropped(Counter::DropIpSource);
    }
}

/// RFC 1812 section 5.3.5: destinations that are not one host.
#[test]
fn unroutable_destinations_are_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    for dst in [
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.1",
        "239.1.2.3",
        "255.255.255.255",
        "10.64.255.255",
        "198.51.100.255",
    ] {
        let packet = udp(&format!("10.64.0.7:5000 > {dst}:7000"));
        pipe.inside(packet).dropped(Counter::DropIpDestination);
    }
    assert!(pipe.show("translations").is_empty());
}

/// Section 7.2: an inside source that no rule matches is dropped and counted.
#[test]
fn an_inside_source_without_a_rule_is_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    for src in ["10.65.0.1", "192.168.1.1", "192.0.2.200"] {
        let packet = udp(&format!("{src}:5000 > 192.0.2.1:7000"));
        pipe.inside(packet).dropped(Counter::DropNoRule);
    }
    assert_eq!(pipe.counter(Counter::DropNoRule), 3);
}

/// RFC 4787 REQ-8: from outside straight to an inside address there is no way.
#[test]
fn an_inside_address_is_not_reached_from_outside() {
    let mut pipe = Pipe::new(&Config::new());
    open(&mut pipe);
    for packet in [
        udp("192.0.2.1:7000 > 10.64.0.7:5000"),
        tcp("192.0.2.1:7000 > 10.64.0.7:5000").syn(),
        echo("192.0.2.1:7 > 10.64.0.7"),
    ] {
        let outcome = pipe.outside(packet);
        assert_eq!(outcome.verdict, "drop", "{outcome:?}");
        assert!(outcome.left.is_empty());
    }
    assert!(pipe.wait(10.0).is_empty());
}

/// RFC 1812 section 5.2.1: the appliance is no transit router for the outside.
#[test]
fn the_outside_is_not_routed_back_to_the_outside() {
    let mut pipe = Pipe::new(&Config::new());
    for dst in ["192.0.2.9", "198.51.100.7", "8.8.8.8"] {
        let packet = udp(&format!("192.0.2.1:7000 > {dst}:5000"));
        pipe.outside(packet).dropped(Counter::DropNotInside);
    }
}

/// Section 7.2: `pass` forwards untouched, both ways, with addresses and ports as they are.
#[test]
fn a_passed_source_keeps_its_address() {
    let config =
        Config::new().rule_before("name: own, inside: inside, source: 10.64.0.20/32, action: pass");
    let mut pipe = Pipe::new(&config);
    let packet = udp("10.64.0.20:5000 > 192.0.2.1:7000").payload(b"as it is");
    let out = pipe.inside(packet).forwarded();
    assert!(out.src == "10.64.0.20:5000" && out.dst == "192.0.2.1:7000");
    assert_eq!(pipe.counter(Counter::ForwardPass), 1);
}

/// RFC 1812 section 5.2.7.1: without a route the packet ends here, with 3/0 or 3/1 if anything.
#[test]
fn without_a_route_a_packet_ends_here() {
    let mut pipe = Pipe::new(&Config::new().no_routes());
    let outcome = pipe.inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"));
    assert_eq!(
        (&*outcome.verdict, &*outcome.reason),
        ("drop", "drop.no_route")
    );
    for left in &outcome.left {
        assert!(matches!(left.seen.icmp_kind(), Some((3, 0 | 1))));
        assert!(left.seen.dst == "10.64.0.7" && left.interface == "inside");
        assert!(left.seen.quote().src == "10.64.0.7:5000");
    }
    assert!(outcome.left.len() <= 1);
}

/// RFC 1812 section 5.3.5: class E and the rest of loopback are no destinations either.
#[test]
fn reserved_space_is_no_destination_and_no_source() {
    let mut pipe = Pipe::new(&Config::new());
    for address in ["240.0.0.1", "250.1.2.3", "127.0.0.2"] {
        let to = udp(&format!("10.64.0.7:5000 > {address}:7000"));
        pipe.inside(to).dropped(Counter::DropIpDestination);
        let from = udp(&format!("{address}:5000 > 192.0.2.1:7000"));
        pipe.inside(from)
            .dropped_for(&[Counter::DropIpSource, Counter::DropNoRule]);
    }
}

/// RFC 1812 section 5.3.7: our networks' broadcast addresses are no sources.
#[test]
fn a_broadcast_address_is_no_source() {
    let mut pipe = Pipe::new(&Config::new());
    let packet = udp("10.64.255.255:5000 > 192.0.2.1:7000");
    pipe.inside(packet).dropped(Counter::DropIpSource);
    let packet = udp("10.64.0.0:5000 > 192.0.2.1:7000");
    pipe.inside(packet).dropped(Counter::DropIpSource);
}
