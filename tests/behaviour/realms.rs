//! Addresses that exist more than once: on both sides of the appliance, or in
//! two realms inside (RFC 4787 REQ-7, RFC 6598, RFC 6888 REQ-2).

use std::collections::BTreeSet;

use base::Counter;
use testkit::{echo, tcp, udp};
use tests::{Config, Pipe};

/// Subscribers and the router outside both have `NETWORK.0/24`; what is `.2`
/// inside is a subscriber, and outside it is the appliance.
fn colliding(network: &str) -> Pipe {
    let config = Config::new()
        .no_neighbors()
        .no_routes()
        .interface("inside", "name", "lan")
        .interface("lan", "addresses", &format!("[{network}.1/24]"))
        .interface("lan", "vrf", "homes")
        .interface("outside", "name", "wan")
        .interface("wan", "addresses", &format!("[{network}.2/24]"))
        .route(&format!("prefix: 0.0.0.0/0, next_hop: {network}.254"))
        .rule("source", &format!("{network}.0/24"))
        .rule("vrf", "homes")
        .rule("outside_vrf", "default");
    let mut nat = Pipe::bare(&config, &[]);
    nat.learn("lan", &format!("{network}.9"), &format!("{network}.1"), &[]);
    nat.learn(
        "wan",
        &format!("{network}.254"),
        &format!("{network}.2"),
        &[],
    );
    nat
}

/// RFC 4787 REQ-7: neither realm is taken for the other.
#[track_caller]
fn both_sides_work(network: &str) {
    let mut nat = colliding(network);
    // The hosts answer ARP, so whatever comes first for one of them waits for that.
    let remotes = ["192.0.2.1:7000".to_string(), beyond(network)];
    for host in [2, 5, 254] {
        let inside = format!("{network}.{host}:5000");
        for remote in &remotes {
            let flow = format!("{inside} > {remote}");
            let out = nat.send("lan", &udp(&flow)).left.remove(0);
            assert_eq!(out.interface, "wan");
            assert_eq!(out.seen.src.ip().octets()[..3], [203, 0, 113]);
            assert!(out.seen.dst == remote.as_str());
            let back = nat.send("wan", &out.seen.reply()).left.remove(0);
            assert_eq!(back.interface, "lan");
            assert!(back.seen.dst == inside.as_str() && back.seen.src == remote.as_str());
        }
    }
    // The appliance's own address is its own, whoever has the same inside.
    let own = format!("{} > {network}.2", beyond(network));
    let ping = nat.send("wan", &echo(&own));
    assert_eq!(ping.consumed(Counter::ConsumeEcho).len(), 1);
    let datagram = nat.send("wan", &udp(&format!("{own}:5000")));
    assert_eq!(datagram.reason, Counter::DropNoService.name());
    let connection = nat.send("wan", &tcp(&format!("{own}:80")).syn());
    for left in datagram.left.iter().chain(&connection.left) {
        assert_eq!(left.interface, "wan", "the subscriber got it: {left:?}");
    }
    // Nor does an address of the other side lead to a subscriber.
    let astray = nat.send("wan", &udp(&format!("{}:5000", own.replace(".2", ".5"))));
    assert!(
        astray.left.iter().all(|left| left.interface == "wan"),
        "{astray:?}"
    );
}

/// A host outside whose network looks like a neighbour of the inside one.
fn beyond(network: &str) -> String {
    let (two, _) = network.rsplit_once('.').unwrap();
    format!("{two}.1.9:7000")
}

/// RFC 4787 REQ-7.
#[test]
fn the_same_network_may_be_inside_and_outside() {
    both_sides_work("10.0.0");
}

/// RFC 6598 section 4: the shared range on both interfaces.
#[test]
fn the_shared_range_may_be_inside_and_outside() {
    both_sides_work("100.64.0");
}

/// RFC 6598 section 4: no packet from or to the shared range leaves the provider.
/// Sources never do; a rule stops what is sent there.
#[test]
fn nothing_leaves_from_or_to_the_shared_range() {
    let config = Config::new()
        .no_neighbors()
        .interface("inside", "addresses", "[10.64.0.1/16, 100.64.0.1/16]")
        .rule("source", "100.64.0.0/10")
        .rule_before("name: shared, destination: 100.64.0.0/10, action: drop");
    let mut nat = Pipe::new(&config);
    for host in [7, 8] {
        let from = format!("100.64.0.{host}:5000");
        for packet in [
            udp(&format!("{from} > 192.0.2.1:7000")),
            tcp(&format!("{from} > 192.0.2.1:80")).syn(),
            echo(&format!("{from} > 192.0.2.1")),
        ] {
            let out = nat.inside(packet).forwarded();
            assert_eq!(out.src.ip().octets()[..3], [203, 0, 113]);
        }
        for to in ["100.65.0.9:7000", "100.127.255.1:7000"] {
            let flow = format!("{from} > {to}");
            nat.inside(udp(&flow)).dropped(Counter::DropRule);
            nat.inside(tcp(&flow).syn()).dropped(Counter::DropRule);
        }
    }
    // A host that no rule knows is not let out as it is either.
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
        .dropped(Counter::DropNoRule);
}

/// RFC 4787 REQ-9, REQ-9a where the inside is a realm of its own.
#[test]
fn hairpins_stay_in_their_realm() {
    let mut nat = colliding("10.0.0");
    for host in ["10.0.0.5", "10.0.0.6"] {
        nat.learn("lan", host, "10.0.0.1", &[]);
    }
    let mut open = |inside: &str| {
        let flow = format!("{inside} > 192.0.2.1:7000");
        nat.send("lan", &udp(&flow)).left.remove(0).seen.src
    };
    let (of_a, of_b) = (open("10.0.0.5:5000"), open("10.0.0.6:6000"));
    let to_b = udp("10.0.0.5:5000 > 0.0.0.0").to(of_b);
    let outcome = nat.send("lan", &to_b);
    assert_eq!(outcome.reason, Counter::ForwardHairpin.name());
    let at_b = &outcome.left[0];
    assert_eq!(at_b.interface, "lan");
    assert!(at_b.seen.dst == "10.0.0.6:6000");
    assert_eq!(at_b.seen.src, of_a);
    let back = nat.send("lan", &at_b.seen.reply()).left.remove(0).seen;
    assert!(back.dst == "10.0.0.5:5000");
    assert_eq!(back.src, of_b);
}

/// RFC 6888 REQ-2: where inside ranges overlap, a subscriber is an address in a realm.
#[test]
fn one_address_in_two_realms_is_two_subscribers() {
    let config = Config::new()
        .no_neighbors()
        .interface("inside", "vrf", "blue")
        .rule("vrf", "blue")
        .rule("outside_vrf", "default")
        .add_interface(
            "name: second, device: \"net_af_packet2,iface=ptl-in2\", \
             addresses: [10.64.0.1/16], zone: second, vrf: red",
        )
        .rule_before(
            "name: second, inside: second, source: 10.64.0.0/16, pool: public, \
             vrf: red, outside_vrf: default",
        );
    let mut nat = Pipe::new(&config);
    nat.learn("second", "10.64.0.2", tests::OWN_INSIDE, &[]);
    let mut endpoints = BTreeSet::new();
    let mut addresses = [BTreeSet::new(), BTreeSet::new()];
    for port in 5000..5050 {
        for (interface, used) in ["inside", "second"].into_iter().zip(&mut addresses) {
            let flow = format!("10.64.0.7:{port} > 192.0.2.1:7000");
            for packet in [udp(&flow), tcp(&flow).syn()] {
                let out = nat.send(interface, &packet).forwarded();
                used.insert(out.src.ip());
                assert!(endpoints.insert((out.protocol, out.src)), "{out:?}");
                if out.tcp.is_none() {
                    let back = nat.outside(out.reply()).left.remove(0);
                    assert_eq!(back.interface, interface, "{back:?}");
                    assert!(back.seen.dst == format!("10.64.0.7:{port}").as_str());
                }
            }
        }
    }
    assert!(
        addresses.iter().all(|used| used.len() == 1),
        "{addresses:?}"
    );
    let subscribers: BTreeSet<String> = nat
        .show("subscribers")
        .iter()
        .map(|row| format!("{} {}", row["inside"], row["vrf"]))
        .collect();
    assert_eq!(subscribers.len(), 2, "{subscribers:?}");
}
