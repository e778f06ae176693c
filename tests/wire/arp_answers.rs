//! ARP towards the appliance: RFC 826, RFC 1027 (proxy), requirement A6.

use base::Counter;
use testkit::{ARP_REPLY, Arp, Mac, udp};
use tests::{Config, GATEWAY, OWN_OUTSIDE, Pipe, mac_of};

use super::{pipe_with_wan, with_wan};

fn host(ip: &str) -> Mac {
    mac_of(ip.parse().unwrap())
}

/// A pool inside the network of the outside interface.
fn connected_pool() -> Config {
    Config::new().pool("prefixes", "[198.51.100.16/29]")
}

/// RFC 826: own addresses are answered, on the interface that has them.
#[test]
fn own_addresses_are_answered() {
    let mut pipe = Pipe::new(&Config::new());
    let inside = pipe.mac("inside");
    let outside = pipe.mac("outside");
    assert_ne!(inside, outside);
    assert_eq!(
        pipe.arp("inside", "10.64.0.99", "10.64.0.1", &[]),
        Some(inside)
    );
    assert_eq!(
        pipe.arp("outside", "198.51.100.9", OWN_OUTSIDE, &[]),
        Some(outside)
    );
    assert_eq!(pipe.counter(Counter::ConsumeArpRequest), 4);
}

/// RFC 826: addresses of others are not.
#[test]
fn addresses_of_others_are_not_answered() {
    let mut pipe = Pipe::new(&Config::new());
    for (interface, asker, target) in [
        ("inside", "10.64.0.7", "10.64.0.8"),
        ("inside", "10.64.0.7", "10.64.200.1"),
        ("outside", GATEWAY, "198.51.100.77"),
    ] {
        assert_eq!(pipe.arp(interface, asker, target, &[]), None);
    }
}

/// RFC 1027, section 7.2: pool addresses on a connected network are answered there.
#[test]
fn pool_addresses_of_a_connected_network_are_answered() {
    let mut pipe = Pipe::new(&connected_pool());
    let outside = pipe.mac("outside");
    for last in 16..24 {
        let target = format!("198.51.100.{last}");
        assert_eq!(pipe.arp("outside", GATEWAY, &target, &[]), Some(outside));
    }
    for last in [15, 24] {
        let target = format!("198.51.100.{last}");
        assert_eq!(pipe.arp("outside", GATEWAY, &target, &[]), None);
    }
}

/// Section 7.2: pool addresses on a connected network work from a neighbour there.
#[test]
fn a_neighbour_reaches_a_mapping_on_a_connected_pool_address() {
    let mut pipe = Pipe::new(&connected_pool());
    let packet = udp("10.64.0.7:5000 > 198.51.100.7:7000");
    // The first one has to wait for ARP.
    let _ = pipe.inside(packet.clone());
    let out = pipe.inside(packet).forwarded();
    assert_eq!(out.src.ip().octets()[..3], [198, 51, 100]);
    pipe.outside(out.reply()).forwarded();
}

/// RFC 1027: static outside addresses of a connected network are answered as well.
#[test]
fn static_outside_addresses_are_answered() {
    let config = Config::new().fixed("inside: 10.64.0.10, outside: 198.51.100.50");
    let mut pipe = Pipe::new(&config);
    let outside = pipe.mac("outside");
    assert_eq!(
        pipe.arp("outside", GATEWAY, "198.51.100.50", &[]),
        Some(outside)
    );
}

/// RFC 826: malformed ARP is dropped.
#[test]
fn malformed_arp_is_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    let good = Arp::request(
        host("10.64.0.7"),
        "10.64.0.7".parse().unwrap(),
        "10.64.0.1".parse().unwrap(),
    )
    .frame(&[]);
    // Hardware type, protocol type, their lengths, operation.
    for at in [15, 17, 18, 19, 20, 21] {
        let mut frame = good.clone();
        frame[at] ^= 0x40;
        pipe.feed("inside", &frame).dropped(Counter::DropArp);
    }
    for len in 14..good.len() {
        pipe.feed("inside", &good[..len]).dropped(Counter::DropArp);
    }
    let mut padded = good;
    padded.resize(60, 0);
    assert_eq!(pipe.feed("inside", &padded).left.len(), 1);
}

/// RFC 5227: nobody takes our own address over, and we are never our own neighbour.
#[test]
fn a_claim_to_our_own_address_is_not_believed() {
    let mut pipe = Pipe::new(&Config::new());
    let thief: Mac = [2, 0xbb, 0, 0, 0, 1];
    let own = "10.64.0.1".parse().unwrap();
    let claim = Arp {
        operation: ARP_REPLY,
        sender_mac: thief,
        sender: own,
        target_mac: pipe.mac("inside"),
        target: own,
    };
    let _ = pipe.feed("inside", &claim.frame(&[]));
    let believed = pipe
        .show("neighbors")
        .iter()
        .any(|row| row["ip"] == "10.64.0.1");
    assert!(!believed);
    super::open(&mut pipe);
}

/// Section 7.2: a static neighbour stays, whatever ARP says.
#[test]
fn a_static_neighbour_is_not_overwritten() {
    let mut pipe = Pipe::new(&Config::new());
    let thief: Mac = [2, 0xbb, 0, 0, 0, 1];
    for operation in [1, 2] {
        let claim = Arp {
            operation,
            sender_mac: thief,
            sender: GATEWAY.parse().unwrap(),
            target_mac: pipe.mac("outside"),
            target: OWN_OUTSIDE.parse().unwrap(),
        };
        let _ = pipe.feed("outside", &claim.frame(&[]));
        let gratuitous = Arp {
            target: GATEWAY.parse().unwrap(),
            ..claim
        };
        let _ = pipe.feed("outside", &gratuitous.frame(&[]));
    }
    let out = super::open(&mut pipe);
    assert_eq!(out.dst_mac, host(GATEWAY));
}

/// RFC 826: whoever asks us is known from then on.
#[test]
fn who_asks_is_learnt() {
    let mut pipe = pipe_with_wan(&with_wan());
    pipe.silence_hosts();
    let out = pipe
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
        .forwarded();
    assert_eq!(out.dst_mac, host(GATEWAY));
}

/// RFC 826, RFC 5227: an announcement replaces what was known.
#[test]
fn a_gratuitous_announcement_updates_a_known_neighbour() {
    for operation in [2, 1] {
        let mut pipe = pipe_with_wan(&with_wan());
        let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000");
        let out = pipe.inside(packet.clone()).forwarded();
        assert_eq!(out.dst_mac, host(GATEWAY));
        let moved: Mac = [2, 0xcc, 0, 0, 0, 7];
        let gateway = GATEWAY.parse().unwrap();
        let announcement = Arp {
            operation,
            sender_mac: moved,
            sender: gateway,
            // An answer goes where this says.
            target_mac: if operation == 2 { [0xff; 6] } else { [0; 6] },
            target: gateway,
        };
        let heard = pipe.feed("wan", &announcement.frame(&[]));
        let out = pipe.inside(packet).forwarded();
        assert_eq!(out.dst_mac, moved, "operation {operation}");
        assert!(heard.consumed(Counter::ConsumeArpReply).is_empty());
    }
}

/// RFC 826: an announcement by a stranger makes no entry.
#[test]
fn announcements_by_strangers_do_not_fill_the_table() {
    let mut pipe = Pipe::new(&Config::new());
    let before = pipe.show("neighbors").len();
    for last in 100..150 {
        let ip = format!("10.64.7.{last}").parse().unwrap();
        let announcement = Arp::request(mac_of(ip), ip, ip);
        let _ = pipe.feed("inside", &announcement.frame(&[]));
    }
    assert_eq!(pipe.show("neighbors").len(), before);
}

/// RFC 826: a sender outside the interface's network is not a neighbour.
#[test]
fn a_sender_from_another_network_is_not_learnt() {
    let mut pipe = Pipe::new(&Config::new());
    let _ = pipe.arp("outside", "10.64.0.7", OWN_OUTSIDE, &[]);
    let learnt = pipe
        .show("neighbors")
        .iter()
        .any(|row| row["interface"] == "outside" && row["ip"] == "10.64.0.7");
    assert!(!learnt);
}
