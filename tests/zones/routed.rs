//! Without NAT: what a rule passes is followed all the same.

use base::Counter;
use testkit::{echo, icmp_error, raw, tcp, udp};
use tests::Pipe;

use crate::{routed, uses, zoned};

const UDP: (&str, &str) = ("udp", "protocols: [udp, icmp]");
const WEB: (&str, &str) = ("web", "protocols: [tcp], destination_ports: [80]");
const OUT: &[(&str, &str)] = &[("udp", "inspect"), ("web", "inspect")];

#[test]
fn what_is_inspected_is_answered_and_nothing_else_comes_in() {
    let mut nat = Pipe::new(&zoned(routed(), &[UDP, WEB], Some(OUT), None));
    let out = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    assert!(out.src == "10.64.0.7:5000" && out.dst == "192.0.2.1:53");
    for _ in 0..3 {
        let back = nat.outside(out.reply()).forwarded();
        assert!(back.src == "192.0.2.1:53" && back.dst == "10.64.0.7:5000");
        nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    }
    nat.outside(udp("192.0.2.1:54 > 10.64.0.7:5000"))
        .dropped(Counter::DropZoneNoPair);
    nat.outside(tcp("192.0.2.1:80 > 10.64.0.7:22").syn())
        .dropped(Counter::DropZoneNoPair);
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    nat.inside(tcp("10.64.0.7:5000 > 192.0.2.1:81").syn())
        .dropped(Counter::DropZonePolicy);
    let rows = nat.show("translations");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["inside"], "10.64.0.7:5000");
    assert_eq!(rows[0]["outside"], "10.64.0.7:5000");
    assert_eq!(rows[0]["rule"], "routed");
    assert_eq!(uses(&mut nat, "in-out", "udp"), (1, 1));
}

#[test]
fn connections_are_tracked() {
    let mut nat = Pipe::new(&zoned(routed(), &[UDP, WEB], Some(OUT), None));
    let flow = "10.64.0.7:5000 > 192.0.2.1:80";
    nat.inside(tcp(flow)).dropped(Counter::DropTcpNotSyn);
    let out = nat.inside(tcp(flow).syn()).forwarded();
    nat.outside(out.reply().syn_ack()).forwarded();
    let out = nat.inside(tcp(flow)).forwarded();
    nat.outside(out.reply()).forwarded();
    assert_eq!(nat.show("translations")[0]["state"], "established");
    nat.inside(tcp(flow).fin()).forwarded();
    nat.outside(out.reply().fin()).forwarded();
    nat.wait(300.0);
    assert!(nat.show("translations").is_empty());
    nat.outside(out.reply()).dropped(Counter::DropZoneNoPair);
}

#[test]
fn a_ping_is_answered_and_an_answer_opens_nothing() {
    let mut nat = Pipe::new(&zoned(
        routed(),
        &[UDP],
        Some(&[("udp", "inspect")]),
        Some(&[("udp", "inspect")]),
    ));
    let out = nat.inside(echo("10.64.0.7:5 > 192.0.2.1")).forwarded();
    assert!(out.src == "10.64.0.7:5");
    nat.outside(out.reply()).forwarded();
    let unasked = echo("10.64.0.8:6 > 192.0.2.1");
    let other = Pipe::new(&routed()).inside(unasked).forwarded().reply();
    nat.outside(other).dropped(Counter::DropIcmpNoSession);
    assert_eq!(nat.show("translations").len(), 1);
}

#[test]
fn errors_come_back_for_what_is_inspected_alone() {
    let mut nat = Pipe::new(&zoned(routed(), &[UDP], Some(&[("udp", "inspect")]), None));
    let out = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    let seen = nat
        .outside(icmp_error(3, 4, "192.0.2.77", &out.ip))
        .forwarded();
    assert!(seen.dst == "10.64.0.7" && seen.quote().src == "10.64.0.7:5000");
    let never = udp("10.64.0.7:5001 > 192.0.2.1:53").ip();
    nat.outside(icmp_error(3, 4, "192.0.2.77", &never))
        .dropped(Counter::DropZoneNoPair);
}

#[test]
fn a_server_is_reached_by_its_pair() {
    let mut nat = Pipe::new(&zoned(routed(), &[WEB], None, Some(&[("web", "inspect")])));
    let came = nat
        .outside(tcp("192.0.2.1:4000 > 10.64.0.7:80").syn())
        .forwarded();
    assert!(came.dst == "10.64.0.7:80");
    nat.inside(came.reply().syn_ack()).forwarded();
    nat.outside(tcp("192.0.2.1:4000 > 10.64.0.7:80"))
        .forwarded();
    nat.inside(tcp("10.64.0.7:4001 > 192.0.2.1:80").syn())
        .dropped(Counter::DropZoneNoPair);
    let rows = nat.show("translations");
    assert_eq!(
        (rows.len(), &rows[0]["inside"]),
        (1, &"10.64.0.7:80".into())
    );
}

/// The SPI of the answer is another one.
#[test]
fn esp_and_other_protocols_are_answered() {
    let classes = [("vpn", "protocols: [esp, 99]")];
    let mut nat = Pipe::new(&zoned(
        routed(),
        &classes,
        Some(&[("vpn", "inspect")]),
        None,
    ));
    for protocol in [50, 99] {
        let esp = |flow: &str, spi: u8| raw(flow, protocol).payload(&[spi; 24]);
        nat.outside(esp("192.0.2.1 > 10.64.0.7", 2))
            .dropped(Counter::DropZoneNoPair);
        nat.inside(esp("10.64.0.7 > 192.0.2.1", 1)).forwarded();
        nat.outside(esp("192.0.2.1 > 10.64.0.7", 2)).forwarded();
        let sent = esp("10.64.0.7 > 192.0.2.1", 1).ip();
        let error = icmp_error(3, 4, "192.0.2.77", &sent);
        assert!(nat.outside(error).forwarded().dst == "10.64.0.7");
        nat.outside(esp("192.0.2.9 > 10.64.0.7", 2))
            .dropped(Counter::DropZoneNoPair);
    }
}

#[test]
fn fragments_follow_their_first() {
    let mut nat = Pipe::new(&zoned(routed(), &[UDP], Some(&[("udp", "inspect")]), None));
    let datagram = udp("10.64.0.7:5000 > 192.0.2.1:53")
        .payload(&[7; 1200])
        .id(9);
    for piece in datagram.fragments(&[600]) {
        assert_eq!(nat.inside(piece).verdict, "forward");
    }
    let stranger = udp("192.0.2.9:53 > 10.64.0.7:5000")
        .payload(&[7; 1200])
        .id(9);
    for piece in stranger.fragments(&[600]) {
        nat.outside(piece).dropped(Counter::DropZoneNoPair);
    }
}

/// Between two inside interfaces nothing is translated either.
#[test]
fn inside_interfaces_of_two_zones_are_apart() {
    let config = zoned(
        tests::Config::new(),
        &[UDP],
        Some(&[("udp", "inspect")]),
        None,
    )
    .add_interface("name: servers, device: d9, addresses: [10.65.0.1/16], zone: servers")
    .neighbor("interface: servers, ip: 10.65.0.11, mac: \"02:00:0a:41:00:0b\"")
    .rule("inside", "[inside, servers]")
    .rule("source", "[10.64.0.0/16, 10.65.0.0/16]");
    let mut nat = Pipe::new(&config);
    nat.inside(udp("10.64.0.7:5000 > 10.65.0.11:53"))
        .dropped(Counter::DropZoneNoPair);
    nat.learn("servers", "10.65.0.11", "10.65.0.1", &[]);
    nat.send("servers", &udp("10.65.0.11:53 > 10.64.0.7:5000"))
        .dropped(Counter::DropZoneNoPair);
}
