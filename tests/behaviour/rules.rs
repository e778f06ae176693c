//! Which rule a packet falls under (contract 7.2; RFC 6888 REQ-6).

use base::Counter;
use testkit::{echo, tcp, udp};
use tests::{Config, Pipe};

/// RFC 6888 REQ-6: no translation to some destinations, both ways.
#[test]
fn a_passing_rule_leaves_packets_as_they_are() {
    let config = Config::new()
        .rule_before("name: direct, inside: inside, destination: 192.0.2.1/32, action: pass");
    let mut nat = Pipe::new(&config);
    let out = nat
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .forwarded();
    assert!(out.src == "10.64.0.7:5000" && out.dst == "192.0.2.1:80");
    let back = nat.outside(out.reply().syn_ack()).forwarded();
    assert!(back.src == "192.0.2.1:80" && back.dst == "10.64.0.7:5000");
    let ping = nat.inside(echo("10.64.0.7:5 > 192.0.2.1")).forwarded();
    assert!(ping.src == "10.64.0.7:5");
    assert!(nat.show("translations").is_empty());
    // To others as ever.
    let other = nat.inside(udp("10.64.0.7:5000 > 192.0.2.9:80")).forwarded();
    assert_eq!(other.src.ip().octets()[..3], [203, 0, 113]);
}

/// RFC 6888 REQ-6: by port, and by both.
#[test]
fn a_passing_rule_may_go_by_port() {
    let config = Config::new().rule_before(
        "name: direct, inside: inside, destination: 192.0.2.1/32, \
         destination_ports: [443, 8000-8009], protocols: [tcp], action: pass",
    );
    let mut nat = Pipe::new(&config);
    let passed = |nat: &mut Pipe, packet: testkit::Packet| {
        nat.inside(packet).forwarded().src == "10.64.0.7:5000"
    };
    let tcp_to = |remote: &str| tcp(&format!("10.64.0.7:5000 > {remote}")).syn();
    assert!(passed(&mut nat, tcp_to("192.0.2.1:443")));
    assert!(passed(&mut nat, tcp_to("192.0.2.1:8000")));
    assert!(passed(&mut nat, tcp_to("192.0.2.1:8009")));
    assert!(!passed(&mut nat, tcp_to("192.0.2.1:8010")));
    assert!(!passed(&mut nat, tcp_to("192.0.2.9:443")));
    let by_udp = udp("10.64.0.7:5000 > 192.0.2.1:443");
    assert!(!passed(&mut nat, by_udp));
}

/// RFC 6888 REQ-6: by port alone, whatever the address.
#[test]
fn a_passing_rule_may_go_by_port_alone() {
    let config = Config::new()
        .rule_before("name: direct, inside: inside, destination_ports: [123], action: pass");
    let mut nat = Pipe::new(&config);
    for remote in ["192.0.2.1", "192.0.2.9"] {
        let passed = nat
            .inside(udp(&format!("10.64.0.7:5000 > {remote}:123")))
            .forwarded();
        assert!(passed.src == "10.64.0.7:5000");
        let back = nat.outside(passed.reply()).forwarded();
        assert!(back.dst == "10.64.0.7:5000" && back.src.port() == 123);
        let other = nat
            .inside(udp(&format!("10.64.0.7:5000 > {remote}:124")))
            .forwarded();
        assert_eq!(other.src.ip().octets()[0], 203);
    }
}

/// Contract 7.2, `action: drop`.
#[test]
fn a_dropping_rule_drops_in_silence() {
    let config = Config::new()
        .rule_before("name: no, inside: inside, destination: 192.0.2.0/28, action: drop");
    let mut nat = Pipe::new(&config);
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:80"))
        .dropped(Counter::DropRule);
    nat.inside(tcp("10.64.0.7:5000 > 192.0.2.15:80").syn())
        .dropped(Counter::DropRule);
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.16:80"))
        .forwarded();
}

/// Contract 7.2: first match wins, in the order of the file.
#[test]
fn the_first_rule_that_matches_decides() {
    let narrow = "name: narrow, inside: inside, source: 10.64.0.7/32, action: pass";
    let wide = "name: wide, inside: inside, source: 10.64.0.0/24, action: drop";
    let mut nat = Pipe::new(&Config::new().rule_before(wide).rule_before(narrow));
    assert!(nat.inside(udp("10.64.0.7:1 > 192.0.2.1:2")).forwarded().src == "10.64.0.7:1");
    nat.inside(udp("10.64.0.8:1 > 192.0.2.1:2"))
        .dropped(Counter::DropRule);
    let beyond = nat.inside(udp("10.64.1.8:1 > 192.0.2.1:2")).forwarded();
    assert_eq!(beyond.src.ip().octets()[0], 203);
    let mut nat = Pipe::new(&Config::new().rule_before(narrow).rule_before(wide));
    nat.inside(udp("10.64.0.7:1 > 192.0.2.1:2"))
        .dropped(Counter::DropRule);
}

/// Contract 7.2: traffic from inside that no rule matches.
#[test]
fn what_no_rule_matches_is_dropped() {
    let mut nat = Pipe::new(&Config::new().rule("source", "10.64.0.0/24"));
    nat.inside(udp("10.64.0.7:1 > 192.0.2.1:2")).forwarded();
    nat.inside(udp("10.64.1.7:1 > 192.0.2.1:2"))
        .dropped(Counter::DropNoRule);
    nat.inside(tcp("10.64.1.7:1 > 192.0.2.1:2").syn())
        .dropped(Counter::DropNoRule);
    nat.inside(echo("10.64.1.7:1 > 192.0.2.1"))
        .dropped(Counter::DropNoRule);
    assert_eq!(nat.show("translations").len(), 1);
}

/// Contract 7.2: each rule has its own pool and its own kind of mapping.
#[test]
fn subscribers_get_the_pool_of_their_rule() {
    let config = Config::new()
        .add_pool("name: special, prefixes: [203.0.113.64/30], ports: 5000-5999")
        .rule_before(
            "name: vip, inside: inside, source: 10.64.0.8/32, pool: special, \
             filtering: address-dependent",
        );
    let mut nat = Pipe::new(&config);
    let usual = nat.inside(udp("10.64.0.7:1 > 192.0.2.1:2")).forwarded();
    let special = nat.inside(udp("10.64.0.8:1 > 192.0.2.1:2")).forwarded();
    assert!(usual.src.ip().octets()[3] < 16);
    assert_eq!(special.src.ip().octets()[3] & !3, 64);
    assert!((5000..6000).contains(&special.src.port()));
    nat.outside(usual.reply().from("192.0.2.9:2")).forwarded();
    nat.outside(special.reply().from("192.0.2.9:2"))
        .dropped(Counter::DropFiltered);
    let rules: Vec<_> = nat
        .show("translations")
        .iter()
        .map(|row| (row["inside"].clone(), row["rule"].clone()))
        .collect();
    assert!(
        rules.contains(&("10.64.0.8:1".into(), "vip".into())),
        "{rules:?}"
    );
    assert!(rules.contains(&("10.64.0.7:1".into(), "subscribers".into())));
}

/// Contract 7.2: `inside` may name a zone.
#[test]
fn a_rule_may_name_a_zone() {
    let config = Config::new()
        .interface("inside", "zone", "homes")
        .rule("inside", "homes");
    let mut nat = Pipe::new(&config);
    nat.inside(udp("10.64.0.7:1 > 192.0.2.1:2")).forwarded();
    crate::lost(&nat.outside(udp("192.0.2.1:1 > 192.0.2.9:2")));
}

/// What comes from outside and is for nobody here is not forwarded.
#[test]
fn the_appliance_is_no_router_for_the_outside() {
    let mut nat = Pipe::new(&Config::new());
    nat.outside(udp("192.0.2.1:1 > 10.64.0.7:2"))
        .dropped(Counter::DropNotInside);
    crate::lost(&nat.outside(udp("192.0.2.1:1 > 192.0.2.9:2")));
}

/// Contract 7.2: without `inside`, the source prefix alone decides, which serves
/// an appliance with one interface.
#[test]
fn a_rule_without_inside_goes_by_the_source_alone() {
    let mut nat = Pipe::new(&Config::new().rule_without("inside"));
    let out = nat.inside(udp("10.64.0.7:1 > 192.0.2.1:2")).forwarded();
    nat.outside(out.reply()).forwarded();
    crate::lost(&nat.outside(udp("192.0.2.1:1 > 192.0.2.9:2")));
    // By whichever interface it comes.
    let on_a_stick = nat.outside(udp("10.64.0.8:1 > 192.0.2.1:2"));
    assert_eq!(on_a_stick.verdict, "forward", "{on_a_stick:?}");
    assert_eq!(on_a_stick.left[0].interface, "outside");
    assert_eq!(on_a_stick.left[0].seen.src.ip().octets()[0], 203);
}

/// Contract 7.2, `prefix_sets`: a name stands for its prefixes, among others too.
#[test]
fn a_rule_may_name_sets_of_prefixes() {
    let config = Config::new()
        .top("prefix_sets: { friends: [192.0.2.0/28, 192.0.2.128/25], vip: 10.64.0.8 }")
        .rule_before("name: direct, inside: inside, destination: friends, action: pass")
        .rule_before(
            "name: no, inside: inside, source: [vip, 10.64.0.9/32], destination: 192.0.2.77, \
             action: drop",
        );
    let mut nat = Pipe::new(&config);
    let mut passes = |flow: &str| {
        let source = nat.inside(udp(flow)).forwarded().src;
        source == flow.split(' ').next().unwrap()
    };
    assert!(passes("10.64.0.7:5000 > 192.0.2.1:80"));
    assert!(passes("10.64.0.7:5000 > 192.0.2.200:80"));
    assert!(!passes("10.64.0.7:5000 > 192.0.2.77:80"));
    for source in ["10.64.0.8", "10.64.0.9"] {
        nat.inside(udp(&format!("{source}:5000 > 192.0.2.77:80")))
            .dropped(Counter::DropRule);
    }
}
