//! Inside realms with the same addresses (RFC 6888 REQ-2): VRFs in one pool, pools per
//! VRF, hairpins between them, and an outside in the VRF itself.

use std::collections::BTreeSet;

use base::Counter;
use testkit::{Endpoint, Packet, echo, icmp_error, protocol, raw, tcp, udp};
use tests::{Config, Pipe};

use crate::{ends_empty, lost};

const VRFS: [&str; 3] = ["red", "green", "blue"];

/// Three VRFs with the same inside network, one pool, one outside.
fn config() -> Config {
    let mut config = Config::new()
        .no_neighbors()
        .rule_before("name: unused, source: 10.99.0.0/16, action: drop")
        .rule("protocols", "[tcp, udp, icmp, gre]");
    for (nth, vrf) in VRFS.iter().enumerate() {
        config = config
            .add_interface(&format!(
                "name: {vrf}, device: \"net_af_packet{},iface=ptl-{vrf}\", \
                 addresses: [10.64.0.1/16], vrf: {vrf}",
                nth + 2
            ))
            .rule_before(&format!(
                "name: {vrf}, inside: {vrf}, source: 10.64.0.0/16, pool: public, \
                 outside_vrf: default, protocols: [tcp, udp, icmp, gre]"
            ));
    }
    config
}

/// The pipe, with everybody's MAC address learnt.
fn start(config: &Config) -> Pipe {
    let mut nat = Pipe::new(config);
    for vrf in VRFS {
        for host in [7, 8] {
            nat.learn(vrf, &format!("10.64.0.{host}"), tests::OWN_INSIDE, &[]);
        }
    }
    nat.forget_counters();
    nat
}

#[track_caller]
fn endpoint(nat: &mut Pipe, vrf: &str, packet: &Packet) -> Endpoint {
    nat.send(vrf, packet).forwarded().src
}

/// The same packet from each VRF, to one remote: a mapping for each, and its own answers.
#[test]
fn the_same_flow_from_three_vrfs_has_three_mappings() {
    let mut nat = start(&config());
    let flow = "10.64.0.7:5000 > 192.0.2.1:7000";
    for packet in [udp(flow), tcp(flow).syn(), echo("10.64.0.7:77 > 192.0.2.1")] {
        let mut seen = BTreeSet::new();
        for vrf in VRFS {
            let out = nat.send(vrf, &packet).forwarded();
            assert!(seen.insert(out.src), "{vrf}");
            let reply = match out.protocol {
                protocol::TCP => out.reply().syn_ack(),
                _ => out.reply(),
            };
            let back = nat.outside(reply).left.remove(0);
            assert_eq!(back.interface, vrf);
            assert_eq!(back.seen.dst, packet.src);
        }
    }
    let rows = nat.show("translations");
    assert_eq!(rows.len(), 9);
    for vrf in VRFS {
        assert_eq!(rows.iter().filter(|row| row["vrf"] == vrf).count(), 3);
    }
    assert_eq!(nat.show("subscribers").len(), 3);
    ends_empty(&mut nat);
}

/// Protocols without ports: towards one remote each VRF needs an address of its own.
#[test]
fn protocols_without_ports_are_told_apart_by_address() {
    let mut nat = start(&config());
    let mut seen = BTreeSet::new();
    for vrf in VRFS {
        let gre = raw("10.64.0.7 > 192.0.2.1", protocol::GRE).payload(&[0; 8]);
        let out = nat.send(vrf, &gre).forwarded();
        assert!(seen.insert(out.src.ip()));
        let back = nat.outside(out.reply().payload(&[0; 8])).left.remove(0);
        assert_eq!(back.interface, vrf);
    }
    ends_empty(&mut nat);
}

/// RFC 5508 section 4: an error finds the VRF of the host it is for.
#[test]
fn errors_find_the_vrf() {
    let mut nat = start(&config());
    for vrf in VRFS {
        let out = nat
            .send(vrf, &udp("10.64.0.7:5000 > 192.0.2.1:7000"))
            .forwarded();
        let got = nat
            .outside(icmp_error(3, 1, "198.18.0.1", &out.ip))
            .left
            .remove(0);
        assert_eq!(got.interface, vrf);
        assert!(got.seen.quote().src == "10.64.0.7:5000");
        let back = nat.outside(out.reply()).left.remove(0).seen;
        let left = nat
            .send(vrf, &icmp_error(3, 3, "10.64.0.7", &back.ip))
            .forwarded();
        assert!(left.dst == "192.0.2.1" && left.src.ip() == out.src.ip());
    }
}

/// RFC 4787 REQ-9: the same inside address in two VRFs, talking by outside endpoints.
#[test]
fn hosts_of_two_vrfs_reach_each_other_by_outside_endpoints() {
    let mut nat = start(&config());
    let of_red = endpoint(&mut nat, "red", &udp("10.64.0.7:5000 > 192.0.2.1:7000"));
    let of_blue = endpoint(&mut nat, "blue", &udp("10.64.0.7:5000 > 192.0.2.1:7000"));
    let at_blue = nat
        .send("red", &udp("10.64.0.7:5000 > 0.0.0.0").to(of_blue))
        .left
        .remove(0);
    assert_eq!(at_blue.interface, "blue");
    assert!(at_blue.seen.src == of_red && at_blue.seen.dst == "10.64.0.7:5000");
    let at_red = nat.send("blue", &at_blue.seen.reply()).left.remove(0);
    assert_eq!(at_red.interface, "red");
    assert!(at_red.seen.src == of_blue && at_red.seen.dst == "10.64.0.7:5000");
    assert_eq!(nat.counter(Counter::ForwardHairpin), 2);
    // An error takes the way back.
    let error = icmp_error(3, 3, "10.64.0.7", &at_blue.seen.ip);
    let told = nat.send("blue", &error).left.remove(0);
    assert_eq!(told.interface, "red");
    assert!(told.seen.quote().src == "10.64.0.7:5000" && told.seen.quote().dst == of_blue);
    ends_empty(&mut nat);
}

/// Without a mapping nothing goes from one VRF to another.
#[test]
fn vrfs_are_apart_otherwise() {
    let mut nat = start(&config());
    let of_red = endpoint(&mut nat, "red", &udp("10.64.0.7:5000 > 192.0.2.1:7000"));
    let astray = nat.send("blue", &udp("10.64.0.7:5000 > 10.64.0.8:5000"));
    // It goes where the outside of its rule leads.
    assert!(
        astray.left.iter().all(|left| left.interface == "inside"),
        "{astray:?}"
    );
    lost(&nat.send("blue", &udp(&format!("10.64.0.7:5000 > {}:9", of_red.ip()))));
}

/// `limits.vrfs`: the sessions of a VRF together, whoever's; the others are not concerned.
#[test]
fn the_sessions_of_a_vrf_are_limited_together() {
    let config = config().limit("vrfs", "{ red: { sessions: 5 } }");
    let mut nat = start(&config);
    let flow = |host: u8, port: u16| udp(&format!("10.64.0.{host}:{port} > 192.0.2.1:7000"));
    for (host, port) in [(7, 1), (7, 2), (8, 1), (8, 2), (8, 3)] {
        nat.send("red", &flow(host, port)).forwarded();
    }
    let refused = nat.send("red", &flow(7, 3)).refused(Counter::DropVrfLimit);
    assert_eq!(refused.icmp_kind(), Some((3, 1)));
    for port in 1..20 {
        nat.send("blue", &flow(7, port)).forwarded();
    }
    // What there is goes on, and room comes back.
    nat.send("red", &flow(7, 1)).forwarded();
    nat.at(400.0);
    nat.send("red", &flow(7, 3)).forwarded();
    ends_empty(&mut nat);
}

/// Pools per VRF: each VRF's hosts get addresses of theirs.
#[test]
fn each_vrf_can_have_a_pool_of_its_own() {
    let mut config = Config::new().no_neighbors();
    for (nth, vrf) in VRFS.iter().enumerate() {
        config = config
            .add_interface(&format!(
                "name: {vrf}, device: \"net_af_packet{},iface=ptl-{vrf}\", \
                 addresses: [10.64.0.1/16], vrf: {vrf}",
                nth + 2
            ))
            .add_pool(&format!(
                "name: of-{vrf}, prefixes: [203.0.113.{}/32], vrf: {vrf}, outside_vrf: default",
                100 + nth
            ))
            .rule_before(&format!("name: {vrf}, inside: {vrf}, pool: of-{vrf}"));
    }
    let mut nat = start(&config);
    for (nth, vrf) in VRFS.iter().enumerate() {
        let out = endpoint(&mut nat, vrf, &udp("10.64.0.7:5000 > 192.0.2.1:7000"));
        assert_eq!(out.ip().octets()[3] as usize, 100 + nth);
        let back = nat.outside(udp(&format!("192.0.2.1:7000 > {out}")));
        assert_eq!(back.left[0].interface, *vrf);
    }
    ends_empty(&mut nat);
}

/// Inside and outside of one customer in one VRF (match-in-vrf): two customers with the
/// same addresses on both sides, the same pool addresses even.
fn customers() -> Pipe {
    let mut config = Config::new().no_neighbors();
    for (nth, vrf) in ["red", "blue"].into_iter().enumerate() {
        config = config
            .add_interface(&format!(
                "name: {vrf}-in, device: \"net_af_packet{},iface=ptl-{vrf}i\", \
                 addresses: [10.64.0.1/16], vrf: {vrf}",
                2 * nth + 2
            ))
            .add_interface(&format!(
                "name: {vrf}-out, device: \"net_af_packet{},iface=ptl-{vrf}o\", \
                 addresses: [198.51.100.1/24], vrf: {vrf}",
                2 * nth + 3
            ))
            .route(&format!(
                "prefix: 0.0.0.0/0, next_hop: 198.51.100.254, interface: {vrf}-out"
            ))
            .add_pool(&format!(
                "name: of-{vrf}, prefixes: [203.0.113.100/32], vrf: {vrf}, outside_vrf: {vrf}"
            ))
            .rule_before(&format!("name: {vrf}, inside: {vrf}-in, pool: of-{vrf}"));
    }
    let mut nat = Pipe::bare(&config, &[]);
    for vrf in ["red", "blue"] {
        for host in [7, 8] {
            nat.learn(
                &format!("{vrf}-in"),
                &format!("10.64.0.{host}"),
                tests::OWN_INSIDE,
                &[],
            );
        }
        nat.learn(
            &format!("{vrf}-out"),
            tests::GATEWAY,
            tests::OWN_OUTSIDE,
            &[],
        );
    }
    nat
}

/// Each customer's traffic stays in its VRF, with the same addresses everywhere.
#[test]
fn inside_and_outside_may_be_in_one_vrf() {
    let mut nat = customers();
    let flow = "10.64.0.7:5000 > 192.0.2.1:7000";
    for vrf in ["red", "blue"] {
        let (inside, outside) = (format!("{vrf}-in"), format!("{vrf}-out"));
        let sent = nat.send(&inside, &udp(flow));
        assert_eq!(sent.left[0].interface, outside);
        let out = sent.forwarded();
        assert!(out.src.ip().octets() == [203, 0, 113, 100]);
        let back = nat.send(&outside, &out.reply()).left.remove(0);
        assert_eq!(back.interface, inside);
        assert!(back.seen.dst == "10.64.0.7:5000");
        let error = icmp_error(3, 1, "198.18.0.1", &out.ip);
        assert_eq!(nat.send(&outside, &error).left[0].interface, inside);
        // A hairpin in the VRF.
        let of_b = endpoint(&mut nat, &inside, &udp("10.64.0.8:6000 > 192.0.2.1:7000"));
        let at_b = nat
            .send(&inside, &udp("10.64.0.7:5000 > 0.0.0.0").to(of_b))
            .hairpinned();
        assert!(at_b.src == out.src && at_b.dst == "10.64.0.8:6000");
    }
    // The same outside endpoint in the other VRF is somebody else's.
    let port = endpoint(&mut nat, "red-in", &udp("10.64.0.7:9000 > 192.0.2.1:7000"));
    lost(&nat.send("blue-out", &udp(&format!("192.0.2.1:7000 > {port}"))));
    for vrf in ["red", "blue"] {
        let rows = nat.show("translations");
        assert!(rows.iter().any(|row| row["vrf"] == vrf));
    }
    ends_empty(&mut nat);
}

/// `limits.vrfs` counts visitors and hairpins as well.
#[test]
fn visitors_and_hairpins_count_for_the_vrf() {
    let config = config().limit("vrfs", "{ red: { sessions: 4 } }");
    let mut nat = start(&config);
    let of_red = endpoint(&mut nat, "red", &udp("10.64.0.7:5000 > 192.0.2.1:7000"));
    let of_blue = endpoint(&mut nat, "blue", &udp("10.64.0.7:5000 > 192.0.2.1:7000"));
    for host in 1..=2 {
        nat.outside(udp(&format!("198.18.0.{host}:1 > {of_red}")))
            .forwarded();
    }
    nat.send("red", &udp("10.64.0.7:5000 > 0.0.0.0").to(of_blue))
        .forwarded();
    nat.outside(udp(&format!("198.18.0.3:1 > {of_red}")))
        .dropped(Counter::DropVrfLimit);
    nat.send("red", &udp("10.64.0.8:5000 > 192.0.2.1:7000"))
        .refused(Counter::DropVrfLimit);
    ends_empty(&mut nat);
}

/// Whole addresses for hosts with the same address in three VRFs.
#[test]
fn hosts_of_three_vrfs_get_whole_addresses() {
    let mut config = config()
        .pool_without("ports")
        .pool_without("blocks")
        .pool("one_to_one", "true")
        .rule_without("mapping")
        .rule_without("paired");
    config = config.pool("prefixes", "[203.0.113.0/30]");
    let mut nat = start(&config);
    let mut addresses = BTreeSet::new();
    for vrf in VRFS {
        let out = endpoint(&mut nat, vrf, &udp("10.64.0.7:53 > 192.0.2.1:7000"));
        assert_eq!(out.port(), 53);
        assert!(addresses.insert(out.ip()));
        let gre = raw(&format!("198.18.0.1 > {}", out.ip()), protocol::GRE);
        let got = nat.outside(gre.payload(&[0; 8])).left.remove(0);
        assert_eq!(got.interface, vrf);
    }
    ends_empty(&mut nat);
}

/// A static server in a VRF without a rule: reached from outside, and from other VRFs by
/// its public address; what it sends itself leaves by that.
#[test]
fn a_static_server_in_a_vrf_needs_no_rule() {
    let config = config()
        .rule_before("name: none, inside: green, source: 10.64.0.8/32, action: drop")
        .fixed("inside: 10.64.0.7, outside: 203.0.113.13, vrf: green, outside_vrf: default");
    let mut nat = start(&config);
    let got = nat
        .outside(udp("192.0.2.1:7000 > 203.0.113.13:53"))
        .left
        .remove(0);
    assert_eq!(got.interface, "green");
    let back = nat.send("green", &got.seen.reply()).forwarded();
    assert!(back.src == "203.0.113.13:53");
    let out = endpoint(&mut nat, "green", &udp("10.64.0.7:99 > 192.0.2.9:53"));
    assert!(out == "203.0.113.13:99");
    let at_server = nat
        .send("red", &udp("10.64.0.7:5000 > 203.0.113.13:53"))
        .left
        .remove(0);
    assert_eq!(at_server.interface, "green");
    assert!(at_server.seen.dst == "10.64.0.7:53");
    let at_red = nat.send("green", &at_server.seen.reply()).left.remove(0);
    assert_eq!(at_red.interface, "red");
    assert!(at_red.seen.src == "203.0.113.13:53" && at_red.seen.dst == "10.64.0.7:5000");
    ends_empty(&mut nat);
}

/// The same client and server address in two VRFs, with the client's source preserved: the
/// server's answers find their way all the same.
#[test]
fn a_preserved_source_of_another_vrf_is_answered() {
    let mut config = Config::new().no_neighbors();
    for (nth, vrf) in VRFS.iter().enumerate() {
        config = config
            .add_interface(&format!(
                "name: {vrf}, device: \"net_af_packet{},iface=ptl-{vrf}\", \
                 addresses: [10.{nth}.0.1/16], vrf: {vrf}",
                nth + 2
            ))
            .rule_before(&format!(
                "name: {vrf}, inside: {vrf}, pool: public, outside_vrf: default, \
                 hairpin: {{ enabled: true, source: preserve }}"
            ));
    }
    let mut nat = Pipe::new(&config);
    nat.learn("red", "10.0.0.7", "10.0.0.1", &[]);
    nat.learn("blue", "10.2.0.7", "10.2.0.1", &[]);
    let of_blue = endpoint(&mut nat, "blue", &udp("10.2.0.7:53 > 192.0.2.1:7000"));
    let at_blue = nat.send("red", &udp("10.0.0.7:5000 > 0.0.0.0").to(of_blue));
    assert_eq!(at_blue.verdict, "forward", "{at_blue:?}");
    let at_blue = at_blue.left.into_iter().next().unwrap();
    assert_eq!(at_blue.interface, "blue");
    assert!(at_blue.seen.src == "10.0.0.7:5000" && at_blue.seen.dst == "10.2.0.7:53");
    let at_red = nat.send("blue", &at_blue.seen.reply()).left.remove(0);
    assert_eq!(at_red.interface, "red");
    assert!(at_red.seen.src == of_blue && at_red.seen.dst == "10.0.0.7:5000");
    ends_empty(&mut nat);
}
