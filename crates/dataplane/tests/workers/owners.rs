//! Packets that come to a worker whose they are not.

use core::net::Ipv4Addr;

use base::{Counter, Nanos};
use testkit::{Packet, Seen, tcp, udp};

use crate::appliance::{Appliance, INSIDE, OUTSIDE, POOL, settings};

const HOSTS: u32 = 64;

/// Two workers and enough addresses for both.
fn two_workers() -> Appliance {
    let appliance = Appliance::new(&settings(16, Nanos::from_secs(120)), 2, 4096);
    let layout = &appliance.layout;
    for owner in 0..2 {
        let hosts = (0..HOSTS).filter(|host| layout.inside_owner(0, address(*host)) == owner);
        assert!(hosts.count() >= 16, "worker {owner} has few of the hosts");
    }
    appliance
}

fn address(host: u32) -> u32 {
    0x6440_0100 + host
}

fn flow(host: u32) -> String {
    let inside = Ipv4Addr::from_bits(address(host));
    format!("{inside}:4000 > 198.51.100.2:4500")
}

/// Sends the first packet of each host to one worker, whoever's it is; what each has sent on.
fn all_to_one(appliance: &mut Appliance, first: impl Fn(&str) -> Packet) -> [Vec<Seen>; 2] {
    for host in 0..HOSTS {
        appliance.receive(0, INSIDE, &first(&flow(host)));
    }
    appliance.turn();
    appliance.turn();
    [0, 1].map(|worker| appliance.sent(worker))
}

/// Design, section 3: all state of a subscriber is its owner's, by whatever queue its
/// first packet comes. The addresses say whose: all of a pool's are one worker's whole.
#[test]
fn a_first_packet_opens_its_session_at_the_owner_of_its_sender() {
    for first in [|flow: &str| udp(flow), |flow: &str| tcp(flow).syn()] {
        let mut appliance = two_workers();
        let sent = all_to_one(&mut appliance, first);
        let layout = &appliance.layout;
        let mut of_worker = [0, 0];
        for host in 0..HOSTS {
            of_worker[layout.inside_owner(0, address(host)) as usize] += 1;
        }
        for (worker, sent) in sent.iter().enumerate() {
            assert_eq!(sent.len(), of_worker[worker], "sent by worker {worker}");
            for packet in sent {
                let outside = packet.src.ip().to_bits();
                let (protocol, port) = (packet.protocol, packet.src.port());
                let owner = layout.outside_owner(0, outside, protocol, port);
                assert_eq!(owner, u32::try_from(worker).ok(), "{packet:?}");
            }
            let sessions = appliance.workers[worker].shard().session_count();
            assert_eq!(
                sessions as usize, of_worker[worker],
                "sessions of worker {worker}"
            );
        }
        let handed = of_worker[1] as u64;
        assert_eq!(appliance.counter(0, Counter::HandoffOut), handed);
        assert_eq!(appliance.counter(1, Counter::HandoffIn), handed);
        assert_eq!(appliance.counter(1, Counter::HandoffOut), 0);
    }
}

/// So is what comes back: only the owner of an outside address knows that nobody has a port.
#[test]
fn a_packet_from_outside_is_judged_by_the_owner_of_the_address() {
    let mut appliance = two_workers();
    let sent = all_to_one(&mut appliance, udp);
    let answers: Vec<Packet> = sent.iter().flatten().map(Seen::reply).collect();
    assert_eq!(answers.len(), HOSTS as usize);
    for answer in &answers {
        appliance.receive(0, OUTSIDE, answer);
    }
    let nobodys = (0..16).map(|nth| {
        let outside = Ipv4Addr::from_bits(POOL + nth);
        udp(&format!("198.51.100.2:4500 > {outside}:80"))
    });
    for packet in nobodys {
        appliance.receive(0, OUTSIDE, &packet);
    }
    appliance.turn();
    appliance.turn();
    let back = appliance.sent(0).len() + appliance.sent(1).len();
    assert_eq!(back, answers.len());
    let dropped = [0, 1].map(|worker| appliance.counter(worker, Counter::DropNoMapping));
    assert_eq!(dropped.iter().sum::<u64>(), 16);
    let owned = (POOL..POOL + 16)
        .filter(|outside| appliance.layout.outside_owner(0, *outside, 17, 80) == Some(1))
        .count();
    assert_eq!(
        dropped[1], owned as u64,
        "dropped by the owner, {dropped:?}"
    );
}

/// Row O5: what finds no room on its way to its owner is a drop with a reason, and nothing else is
/// lost.
#[test]
fn a_worker_that_does_not_keep_up_costs_counted_packets() {
    let mut appliance = two_workers();
    let layout = &appliance.layout;
    let others: Vec<u32> = (0..HOSTS)
        .filter(|host| layout.inside_owner(0, address(*host)) == 1)
        .collect();
    for nth in 0..2000 {
        let host = others[nth % others.len()];
        appliance.receive(0, INSIDE, &udp(&flow(host)));
        appliance.workers[0].turn(appliance.now);
    }
    let dropped = appliance.counter(0, Counter::DropHandoff);
    assert!((1..=2000 - 1024).contains(&dropped), "{dropped}");
    assert_eq!(appliance.counter(0, Counter::VerdictDrop), dropped);
    assert_eq!(appliance.counter(0, Counter::HandoffDropped), dropped);
    for _ in 0..100 {
        appliance.turn();
    }
    let forwarded = appliance.counter(1, Counter::VerdictForward);
    assert_eq!(forwarded + dropped, 2000);
}
