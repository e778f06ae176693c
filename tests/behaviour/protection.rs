//! `protection`: what does not come in, and what goes on all the same.

use base::Counter;
use testkit::{echo, tcp, udp};
use tests::{Config, Pipe};

use crate::udp_endpoint;

const INSIDE: &str = "10.64.0.7:5000";

fn protected(keys: &str) -> Config {
    Config::new().top(&format!("protection: {{ {keys} }}"))
}

/// Sessions are not asked about it: who had one, has it; others get none for a while.
#[test]
fn strangers_have_a_rate_of_their_own() {
    let mut nat = Pipe::new(&protected("per_address: { unsolicited_per_second: 4 }"));
    let outside = udp_endpoint(&mut nat, INSIDE, "192.0.2.1:53");
    let stranger = |nth: u32| udp(&format!("198.18.0.{nth}:9 > {outside}"));
    for nth in 1..=4 {
        nat.outside(stranger(nth)).forwarded();
    }
    nat.outside(stranger(5))
        .dropped(Counter::DropUnsolicitedRate);
    for _ in 0..20 {
        nat.outside(udp(&format!("192.0.2.1:53 > {outside}")))
            .forwarded();
        nat.outside(stranger(1)).forwarded();
    }
    nat.inside(udp(&format!("{INSIDE} > 198.18.0.9:9")))
        .forwarded();
    nat.outside(stranger(9)).forwarded();
    nat.wait(1.0);
    nat.outside(stranger(5)).forwarded();
    assert_eq!(nat.counter(Counter::DropUnsolicitedRate), 1);
}

/// Inside hosts that reach each other by outside addresses are no strangers.
#[test]
fn hairpins_are_not_limited() {
    let mut nat = Pipe::new(&protected("per_address: { unsolicited_per_second: 1 }"));
    let outside = udp_endpoint(&mut nat, INSIDE, "192.0.2.1:53");
    for host in 10..=15 {
        nat.inside(udp(&format!("10.64.0.{host}:6000 > {outside}")))
            .hairpinned();
    }
}

#[test]
fn an_address_gets_so_many_packets_a_second_and_the_others_notice_nothing() {
    let mut nat = Pipe::new(&protected(
        "per_address: { packets_per_second: 10, burst: 5 }",
    ));
    let first = udp_endpoint(&mut nat, INSIDE, "192.0.2.1:53");
    let from_remote = |outside| udp(&format!("192.0.2.1:53 > {outside}"));
    for _ in 0..5 {
        nat.outside(from_remote(first)).forwarded();
    }
    nat.outside(from_remote(first))
        .dropped(Counter::DropAddressRate);
    // Whatever it is: another protocol, a fragment's beginning, a port nobody has.
    nat.outside(tcp(&format!("192.0.2.9:1 > {}:9", first.ip())).syn())
        .dropped(Counter::DropAddressRate);
    // The way out is open.
    nat.inside(udp(&format!("{INSIDE} > 192.0.2.1:53")))
        .forwarded();
    let other = ["203.0.113.1", "203.0.113.2"]
        .into_iter()
        .find(|other| *other != first.ip().to_string())
        .expect("one of them is another");
    nat.outside(udp(&format!("192.0.2.1:53 > {other}:9")))
        .dropped(Counter::DropNoMapping);
    nat.wait(0.3);
    for _ in 0..3 {
        nat.outside(from_remote(first)).forwarded();
    }
    nat.outside(from_remote(first))
        .dropped(Counter::DropAddressRate);
}

#[test]
fn an_address_over_its_rate_is_shut_for_a_while() {
    let mut nat = Pipe::new(&protected(
        "per_address: { packets_per_second: 10, burst: 2, black_hole_for: 5s }",
    ));
    let outside = udp_endpoint(&mut nat, INSIDE, "192.0.2.1:53");
    let from_remote = |nat: &mut Pipe| nat.outside(udp(&format!("192.0.2.1:53 > {outside}")));
    from_remote(&mut nat).forwarded();
    from_remote(&mut nat).forwarded();
    from_remote(&mut nat).dropped(Counter::DropAddressRate);
    nat.wait(4.9);
    from_remote(&mut nat).dropped(Counter::DropBlackHole);
    nat.wait(0.2);
    from_remote(&mut nat).forwarded();
    assert_eq!(nat.counter(Counter::ProtectionShut), 1);
}

#[test]
fn pings_have_a_rate_of_their_own() {
    let mut nat = Pipe::new(&protected("per_address: { icmp_per_second: 1 }"));
    let ping = || echo("192.0.2.1:7 > 203.0.113.5");
    nat.outside(ping()).consumed(Counter::ConsumeEcho);
    nat.outside(ping()).dropped(Counter::DropIcmpRate);
    let outside = udp_endpoint(&mut nat, INSIDE, "192.0.2.1:53");
    nat.outside(udp(&format!("192.0.2.1:53 > {outside}")))
        .forwarded();
}

/// On demand: the file is changed and read again, sessions stay, and so do black holes.
#[test]
fn a_black_hole_opens_and_closes_at_a_reload() {
    let mut nat = Pipe::new(&Config::new());
    let outside = udp_endpoint(&mut nat, INSIDE, "192.0.2.1:53");
    let from = |remote: &str| udp(&format!("{remote} > {outside}"));
    nat.outside(from("198.18.0.1:9")).forwarded();
    // A remote network.
    nat.reload(&protected("black_hole: [198.18.0.0/16]"));
    nat.outside(from("198.18.0.1:9"))
        .dropped(Counter::DropBlackHole);
    nat.outside(from("192.0.2.1:53")).forwarded();
    // The address under attack.
    nat.reload(&protected(&format!("black_hole: [{}]", outside.ip())));
    nat.outside(from("192.0.2.1:53"))
        .dropped(Counter::DropBlackHole);
    nat.inside(udp(&format!("{INSIDE} > 192.0.2.1:53")))
        .forwarded();
    nat.reload(&Config::new());
    nat.outside(from("192.0.2.1:53")).forwarded();
    nat.outside(from("198.18.0.1:9")).forwarded();
    assert_eq!(nat.counter(Counter::DropBlackHole), 2);
}

/// Where a rule names no interface, its `source` says who is inside.
#[test]
fn a_rule_without_interfaces_knows_the_inside_by_its_source() {
    let rule = Config::new()
        .rule_without("inside")
        .rule("source", "10.64.0.0/16");
    let config = rule.top("protection: { black_hole: [10.64.0.7, 192.0.2.0/24] }");
    let mut nat = Pipe::new(&config);
    let out = nat
        .inside(udp(&format!("{INSIDE} > 192.0.2.1:53")))
        .forwarded();
    nat.outside(out.reply()).dropped(Counter::DropBlackHole);
}

/// A scanner finds nothing more; what hosts inside have with it goes on.
#[test]
fn who_touches_many_unused_ports_opens_nothing_more() {
    let keys = "scan: { ports: 10, window: 10s, block: 60s }";
    let mut nat = Pipe::new(&protected(keys));
    let outside = udp_endpoint(&mut nat, INSIDE, "192.0.2.1:53");
    let open = |remote: &str| udp(&format!("{remote} > {outside}"));
    nat.inside(udp(&format!("{INSIDE} > 198.18.0.1:9")))
        .forwarded();
    // Both lanes see it: SYNs wait for their answer, the rest is dropped at a glance.
    for port in 1..=10 {
        nat.outside(tcp(&format!("198.18.0.1:9 > 203.0.113.9:{port}")).syn())
            .held(Counter::HoldSyn);
        nat.outside(udp(&format!("198.18.0.1:9 > 203.0.113.9:{}", port + 20)))
            .dropped(Counter::DropNoMapping);
        if nat.counter(Counter::ProtectionScanners) == 1 {
            break;
        }
    }
    nat.outside(open("198.18.0.1:7"))
        .dropped(Counter::DropScanner);
    nat.outside(tcp("198.18.0.1:9 > 203.0.113.9:99").syn())
        .dropped(Counter::DropScanner);
    nat.outside(open("198.18.0.1:9")).forwarded();
    nat.outside(open("198.18.0.2:7")).forwarded();
    // Known after a reload, until its time is over.
    nat.reload(&protected("scan: { ports: 11, window: 10s, block: 60s }"));
    nat.outside(open("198.18.0.1:8"))
        .dropped(Counter::DropScanner);
    nat.wait(61.0);
    nat.outside(open("198.18.0.1:8")).forwarded();
}
