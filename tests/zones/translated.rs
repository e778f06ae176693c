//! With NAT: first packets are asked about, answers are not.

use base::Counter;
use testkit::{echo, icmp_error, tcp, udp};
use tests::{Config, Pipe};

use crate::{uses, zoned};

const UDP: (&str, &str) = ("udp", "protocols: [udp]");
const WEB: (&str, &str) = (
    "web",
    "protocols: [tcp], destination_ports: [80, 8000-8009]",
);

#[test]
fn what_is_inspected_goes_out_and_is_answered() {
    let config = zoned(
        Config::new(),
        &[UDP, WEB],
        Some(&[("udp", "inspect"), ("web", "inspect")]),
        None,
    );
    let mut nat = Pipe::new(&config);
    let out = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    assert_eq!(out.src.ip().octets()[..3], [203, 0, 113]);
    assert!(nat.outside(out.reply()).forwarded().dst == "10.64.0.7:5000");
    let syn = tcp("10.64.0.7:5000 > 192.0.2.1:8009").syn();
    let out = nat.inside(syn).forwarded();
    nat.outside(out.reply().syn_ack()).forwarded();
    nat.inside(tcp("10.64.0.7:5000 > 192.0.2.1:8009"))
        .forwarded();
    assert_eq!(uses(&mut nat, "in-out", "udp"), (1, 1));
    assert_eq!(uses(&mut nat, "in-out", "web"), (1, 1));
}

#[test]
fn what_is_in_no_class_is_dropped_and_takes_nothing() {
    let mut nat = Pipe::new(&zoned(
        Config::new(),
        &[WEB],
        Some(&[("web", "inspect")]),
        None,
    ));
    nat.inside(tcp("10.64.0.7:5000 > 192.0.2.1:81").syn())
        .dropped(Counter::DropZonePolicy);
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:80"))
        .dropped(Counter::DropZonePolicy);
    nat.inside(echo("10.64.0.7:5 > 192.0.2.1"))
        .dropped(Counter::DropZonePolicy);
    assert_eq!(uses(&mut nat, "in-out", "default"), (3, 0));
    assert_eq!(uses(&mut nat, "in-out", "web"), (0, 0));
    for what in ["translations", "mappings", "subscribers"] {
        assert!(nat.show(what).is_empty(), "{what}");
    }
}

/// RFC 4787 section 5: the filter of a mapping does not stand in for a pair.
#[test]
fn strangers_need_a_pair_even_where_the_filter_lets_anybody_in() {
    let classes = [UDP];
    let out: &[(&str, &str)] = &[("udp", "inspect")];
    let mut nat = Pipe::new(&zoned(Config::new(), &classes, Some(out), None));
    let first = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    nat.outside(first.reply().from("192.0.2.1:54"))
        .dropped(Counter::DropZoneNoPair);
    nat.outside(first.reply()).forwarded();
    let mut nat = Pipe::new(&zoned(
        Config::new(),
        &classes,
        Some(out),
        Some(&[("udp", "inspect")]),
    ));
    let first = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    nat.outside(first.reply().from("192.0.2.1:54")).forwarded();
    assert_eq!(uses(&mut nat, "out-in", "udp"), (1, 1));
}

#[test]
fn a_port_forward_needs_a_pair_and_is_known_by_where_it_leads() {
    let config = Config::new()
        .fixed("protocol: tcp, inside: \"10.64.0.11:8080\", outside: \"203.0.113.13:80\"");
    let syn = || tcp("192.0.2.1:4000 > 203.0.113.13:80").syn();
    let mut nat = Pipe::new(&zoned(
        config.clone(),
        &[UDP],
        Some(&[("udp", "inspect")]),
        None,
    ));
    nat.outside(syn()).dropped(Counter::DropZoneNoPair);
    let by_outside = ("front", "protocols: [tcp], destination_ports: [80]");
    let mut nat = Pipe::new(&zoned(
        config.clone(),
        &[by_outside],
        None,
        Some(&[("front", "inspect")]),
    ));
    nat.outside(syn()).dropped(Counter::DropZonePolicy);
    let by_inside = (
        "server",
        "protocols: [tcp], destination_ports: [8080], destination: 10.64.0.11/32, source: 192.0.2.0/24",
    );
    let mut nat = Pipe::new(&zoned(
        config,
        &[by_inside],
        None,
        Some(&[("server", "inspect")]),
    ));
    let came = nat.outside(syn()).forwarded();
    assert!(came.dst == "10.64.0.11:8080");
    nat.inside(came.reply().syn_ack()).forwarded();
    nat.outside(tcp("192.0.2.1:4000 > 203.0.113.13:80"))
        .forwarded();
    nat.outside(tcp("198.51.100.7:4000 > 203.0.113.13:80").syn())
        .dropped(Counter::DropZonePolicy);
    assert_eq!(uses(&mut nat, "out-in", "server"), (1, 1));
}

#[test]
fn errors_about_what_is_inspected_come_back() {
    let config = zoned(Config::new(), &[UDP], Some(&[("udp", "inspect")]), None);
    let mut nat = Pipe::new(&config);
    let out = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    let seen = nat
        .outside(icmp_error(11, 0, "192.0.2.77", &out.ip))
        .forwarded();
    assert!(seen.dst == "10.64.0.7" && seen.quote().src == "10.64.0.7:5000");
}

/// The appliance turns it around, but it stays in its zone.
#[test]
fn a_hairpin_within_a_zone_needs_no_pair() {
    let config = zoned(Config::new(), &[WEB], Some(&[("web", "inspect")]), None)
        .fixed("protocol: udp, inside: \"10.64.0.11:53\", outside: \"203.0.113.13:53\"");
    let mut nat = Pipe::new(&config);
    let seen = nat
        .inside(udp("10.64.0.7:5000 > 203.0.113.13:53"))
        .hairpinned();
    assert!(seen.dst == "10.64.0.11:53");
    nat.inside(seen.reply()).hairpinned();
}

/// A hairpin to another inside interface leaves the zone.
#[test]
fn a_hairpin_to_another_zone_needs_a_pair() {
    let config = |to: &str| {
        Config::new()
            .add_interface("name: servers, device: d9, addresses: [10.65.0.1/16], zone: servers")
            .neighbor("interface: servers, ip: 10.65.0.11, mac: \"02:00:0a:41:00:0b\"")
            .rule("inside", "[inside, servers]")
            .rule("source", "[10.64.0.0/16, 10.65.0.0/16]")
            .fixed("protocol: udp, inside: \"10.65.0.11:53\", outside: \"203.0.113.13:53\"")
            .top(&format!(
                "zones:\n  classes: [ {{ name: udp, protocols: [udp], destination_ports: [53] }} ]\n  \
                 policies: [ {{ name: p, classes: [ {{ class: udp, action: inspect }} ] }} ]\n  \
                 pairs: [ {{ from: inside, to: {to}, policy: p }} ]"
            ))
    };
    let packet = || udp("10.64.0.7:5000 > 203.0.113.13:53");
    let mut nat = Pipe::new(&config("outside"));
    nat.inside(packet()).dropped(Counter::DropZoneNoPair);
    assert!(nat.show("translations").is_empty());
    let mut nat = Pipe::new(&config("servers"));
    nat.learn("servers", "10.65.0.11", "10.65.0.1", &[]);
    let outcome = nat.inside(packet());
    assert_eq!(outcome.verdict, "forward");
    let seen = &outcome.left[0].seen;
    assert!(seen.dst == "10.65.0.11:53");
    assert_eq!(nat.send("servers", &seen.reply()).verdict, "forward");
}
