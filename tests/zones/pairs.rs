//! Pairs, zones and the appliance itself.

use base::Counter;
use testkit::{echo, tcp, udp};
use tests::{Config, Pipe};

use crate::{routed, row, uses, zoned};

const ALL: (&str, &str) = ("all", "protocols: [tcp, udp, icmp]");

#[test]
fn without_pairs_rules_alone_decide() {
    let mut nat = Pipe::new(&Config::new().top("zones: { pairs: [] }"));
    let out = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    nat.outside(out.reply().from("192.0.2.9:1")).forwarded();
    assert!(nat.show("zones").is_empty());
}

#[test]
fn pairs_have_a_direction() {
    let mut nat = Pipe::new(&zoned(
        Config::new(),
        &[ALL],
        None,
        Some(&[("all", "inspect")]),
    ));
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53"))
        .dropped(Counter::DropZoneNoPair);
    nat.inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .dropped(Counter::DropZoneNoPair);
}

/// What the NAT rules refuse is no matter of zones.
#[test]
fn rules_are_asked_as_well() {
    let config = Config::new()
        .rule_before("name: no, inside: inside, destination: 192.0.2.0/28, action: drop");
    let mut nat = Pipe::new(&zoned(config, &[ALL], Some(&[("all", "inspect")]), None));
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53"))
        .dropped(Counter::DropRule);
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.16:53"))
        .forwarded();
}

#[test]
fn the_first_class_that_fits_decides() {
    let classes = [
        ("dns", "protocols: [udp], destination_ports: [53]"),
        ("guests", "source: 10.64.0.8/32"),
        ("udp", "protocols: [udp]"),
    ];
    let order: &[(&str, &str)] = &[("dns", "inspect"), ("guests", "drop"), ("udp", "inspect")];
    let mut nat = Pipe::new(&zoned(Config::new(), &classes, Some(order), None));
    nat.inside(udp("10.64.0.8:5000 > 192.0.2.1:53")).forwarded();
    nat.inside(udp("10.64.0.8:5000 > 192.0.2.1:54"))
        .dropped(Counter::DropZonePolicy);
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:54")).forwarded();
    for (class, expected) in [
        ("dns", (1, 1)),
        ("guests", (1, 0)),
        ("udp", (1, 1)),
        ("default", (0, 0)),
    ] {
        assert_eq!(uses(&mut nat, "in-out", class), expected, "{class}");
    }
    let shown = row(&mut nat, "in-out", "guests");
    assert_eq!(
        (&shown["from"], &shown["to"], &shown["action"]),
        (&"inside".into(), &"outside".into(), &"drop".into())
    );
}

/// Seed 2: an interface in a zone and one in none do not talk, nor does the pair of others help.
#[test]
fn interfaces_without_a_zone_are_apart_from_those_with_one() {
    let config = |pairs: &str| {
        routed()
            .add_interface("name: spare, device: d9, addresses: [10.65.0.1/16]")
            .add_interface("name: other, device: d8, addresses: [10.66.0.1/16]")
            .neighbor("interface: spare, ip: 10.65.0.7, mac: \"02:00:0a:41:00:07\"")
            .neighbor("interface: other, ip: 10.66.0.7, mac: \"02:00:0a:42:00:07\"")
            .rule_before("name: spare, inside: [spare, other], action: pass")
            .top(&format!(
                "zones:\n  policies: [ {{ name: p, default: inspect }} ]\n  pairs: [ {pairs} ]"
            ))
    };
    let pair = "{ from: inside, to: outside, policy: p }";
    let mut nat = Pipe::new(&config(pair));
    nat.learn("spare", "10.65.0.7", "10.65.0.1", &[]);
    nat.send("spare", &udp("10.65.0.7:1 > 192.0.2.1:2"))
        .dropped(Counter::DropZoneNoPair);
    nat.inside(udp("10.64.0.7:1 > 10.65.0.7:2"))
        .dropped(Counter::DropZoneNoPair);
    // Among themselves they are as before.
    let free = nat.send("spare", &udp("10.65.0.7:1 > 10.66.0.7:2"));
    assert_eq!(
        (free.verdict.as_str(), free.reason.as_str()),
        ("forward", "forward.pass")
    );
    let mut nat = Pipe::new(&config(&format!(
        "{pair}, {{ from: default, to: outside, policy: p }}"
    )));
    nat.learn("spare", "10.65.0.7", "10.65.0.1", &[]);
    let out = nat.send("spare", &udp("10.65.0.7:1 > 192.0.2.1:2"));
    assert_eq!(out.verdict, "forward");
    let back = nat.outside(out.left[0].seen.reply());
    assert_eq!(back.verdict, "forward");
}

/// Seed 2: the appliance is reached by anybody until a pair to it says otherwise.
#[test]
fn the_appliance_itself_is_a_zone_that_is_open_without_a_pair() {
    let ping = || echo("192.0.2.1:5 > 198.51.100.1");
    let mut nat = Pipe::new(&zoned(
        Config::new(),
        &[ALL],
        Some(&[("all", "inspect")]),
        None,
    ));
    nat.outside(ping()).consumed(Counter::ConsumeEcho);
    nat.inside(echo("10.64.0.7:5 > 10.64.0.1"))
        .consumed(Counter::ConsumeEcho);
    let config = Config::new().top(
        "zones:\n  classes: [ { name: friends, source: 192.0.2.0/28 } ]\n  \
         policies: [ { name: p, classes: [ { class: friends, action: inspect } ] } ]\n  \
         pairs: [ { from: outside, to: self, policy: p } ]",
    );
    let mut nat = Pipe::new(&config);
    nat.outside(ping()).consumed(Counter::ConsumeEcho);
    nat.outside(echo("192.0.2.99:5 > 198.51.100.1"))
        .dropped(Counter::DropZonePolicy);
    nat.outside(echo("192.0.2.99:5 > 203.0.113.3"))
        .dropped(Counter::DropZonePolicy);
    nat.inside(echo("10.64.0.7:5 > 10.64.0.1"))
        .consumed(Counter::ConsumeEcho);
    assert_eq!(uses(&mut nat, "outside-self", "friends").0, 1);
    assert_eq!(uses(&mut nat, "outside-self", "default").0, 2);
}
