//! What the zone policy keeps of flows that are not translated, among several workers.

use core::net::Ipv4Addr;

use base::{Counter, Nanos, Prefix};
use nat::settings::{Action, Settings};
use nat::zones::{ZoneAction, ZoneClass, ZonePair, ZoneRoute, ZoneSettings};
use testkit::{Packet, icmp_error, udp};

use crate::appliance::{Appliance, INSIDE, OUTSIDE, settings};

const HOSTS: u32 = 64;

/// Two workers; what comes from inside is passed, from one zone to the other inspected.
fn two_workers() -> Appliance {
    let mut settings = settings(16, Nanos::from_secs(120));
    settings.rules[0].action = Action::Pass;
    let all = ZoneClass {
        name: "default".into(),
        action: ZoneAction::Inspect,
        services: Vec::new(),
        source: Vec::new(),
        destination: Vec::new(),
    };
    let route = |prefix, interface| ZoneRoute {
        realm: 0,
        prefix,
        interface,
    };
    let zones = ZoneSettings {
        interfaces: vec![1, 2],
        routes: vec![
            route(Prefix::new(Ipv4Addr::new(100, 64, 0, 0), 10), INSIDE),
            route(Prefix::ALL, OUTSIDE),
        ],
        pairs: vec![ZonePair {
            name: "in-out".into(),
            from: 1,
            to: 2,
            classes: vec![all],
        }],
    };
    Appliance::new(
        &Settings {
            zones: Some(zones),
            ..settings
        },
        2,
        4096,
    )
}

/// Remote hosts of either worker, so that neither end's address alone decides.
fn flow(host: u32) -> Packet {
    let inside = Ipv4Addr::from_bits(0x6440_0100 + host);
    let remote = Ipv4Addr::from_bits(0xc633_6410 + host);
    udp(&format!("{inside}:4000 > {remote}:4500"))
        .payload(&[7; 1200])
        .id(9)
}

/// Both directions of a flow are one worker's, whichever of them receives them, with their
/// fragments and the errors about them.
#[test]
fn answers_find_the_session_whatever_worker_receives_them() {
    for receiver in [0, 1] {
        let mut appliance = two_workers();
        for host in 0..HOSTS {
            appliance.receive(receiver, INSIDE, &flow(host));
        }
        appliance.turn();
        appliance.turn();
        let mut sent: Vec<_> = (0..2).flat_map(|worker| appliance.sent(worker)).collect();
        assert_eq!(sent.len(), HOSTS as usize);
        let sessions = [0, 1].map(|worker| appliance.workers[worker].shard().session_count());
        assert!(sessions.iter().all(|count| *count >= 16), "{sessions:?}");
        sent.sort_by_key(|seen| seen.src);
        for seen in &sent {
            let answer = seen.reply().payload(&[8; 1200]).id(9);
            for piece in answer.fragments(&[600]) {
                appliance.receive(1 - receiver, OUTSIDE, &piece);
            }
            appliance.receive(1 - receiver, OUTSIDE, &seen.reply());
            let error = icmp_error(3, 4, "198.51.100.77", &seen.ip);
            appliance.receive(1 - receiver, OUTSIDE, &error);
        }
        for _ in 0..8 {
            appliance.turn();
        }
        let back: usize = (0..2).map(|worker| appliance.sent(worker).len()).sum();
        assert_eq!(back, 4 * HOSTS as usize);
        // Nobody else comes in.
        for host in 0..HOSTS {
            let inside = Ipv4Addr::from_bits(0x6440_0100 + host);
            let stranger = udp(&format!("198.51.100.200:4500 > {inside}:4000"));
            appliance.receive(receiver, OUTSIDE, &stranger);
        }
        appliance.turn();
        appliance.turn();
        let refused: u64 = (0..2)
            .map(|worker| appliance.counter(worker, Counter::DropZoneNoPair))
            .sum();
        assert_eq!(refused, u64::from(HOSTS));
    }
}
