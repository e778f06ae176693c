//! PCP requests (RFC 6887) that come to a worker whose host they are not for.

use core::net::Ipv4Addr;

use base::{Counter, Nanos, Prefix};
use nat::pcp::Policy;
use testkit::{Packet, Seen, udp};

use crate::appliance::{Appliance, INSIDE, OUTSIDE, settings};

const HOSTS: u32 = 32;
const OWN: &str = "192.0.2.1";

/// May ask for all others; a subscriber itself, so that its requests have an owner too.
const MANAGERS: [u32; 2] = [0x6440_0001, 0x6440_0002];

const MAP: u8 = 1;
const PEER: u8 = 2;
const THIRD_PARTY: u8 = 1;
const PREFER_FAILURE: u8 = 2;

const SUCCESS: u8 = 0;
const CANNOT_PROVIDE_EXTERNAL: u8 = 11;

/// Two workers, a manager of each, and ports that nobody has a block of.
fn two_workers() -> Appliance {
    let mut settings = settings(16, Nanos::from_secs(120));
    settings.pools[0].division = nat::settings::Division::Shared;
    settings.rules[0].pcp = Some(Policy {
        max_mappings: 64,
        min_lifetime: 120,
        max_lifetime: 3600,
        third_party: vec![Prefix::new(Ipv4Addr::new(100, 64, 0, 0), 24)],
        nat_pmp: false,
    });
    let appliance = Appliance::new(&settings, 2, 4096);
    let owners = MANAGERS.map(|host| appliance.layout.inside_owner(0, host));
    assert_ne!(owners[0], owners[1], "each worker has a manager");
    appliance
}

fn host(nth: u32) -> u32 {
    0x6440_0100 + nth
}

fn mapped(address: u32) -> [u8; 16] {
    Ipv4Addr::from_bits(address).to_ipv6_mapped().octets()
}

/// A request from a host for port 5000 of UDP, of MAP or towards a remote, with an endpoint
/// suggested and options.
fn request(from: u32, opcode: u8, suggested: (u32, u16), options: &[(u8, &[u8])]) -> Packet {
    let mut bytes = vec![2, opcode, 0, 0];
    bytes.extend(600_u32.to_be_bytes());
    bytes.extend(mapped(from));
    bytes.extend([7; 12]);
    bytes.extend([17, 0, 0, 0]);
    bytes.extend(5000_u16.to_be_bytes());
    bytes.extend(suggested.1.to_be_bytes());
    bytes.extend(mapped(suggested.0));
    if opcode == PEER {
        bytes.extend([17, 112, 0, 0]);
        bytes.extend(mapped(0xc633_6402));
    }
    for (code, data) in options {
        bytes.extend([*code, 0, 0, u8::try_from(data.len()).unwrap()]);
        bytes.extend(*data);
    }
    udp(&format!("{}:40000 > {OWN}:5351", Ipv4Addr::from_bits(from))).payload(&bytes)
}

/// Asks by the queue of worker 0 or 1: who answered, and what.
fn ask(appliance: &mut Appliance, queue: usize, request: &Packet) -> (usize, Seen) {
    appliance.receive(queue, INSIDE, request);
    for _ in 0..3 {
        appliance.turn();
    }
    let sent = [0, 1].map(|worker| appliance.sent(worker));
    match sent {
        [mut one, none] if one.len() == 1 && none.is_empty() => (0, one.remove(0)),
        [none, mut one] if one.len() == 1 && none.is_empty() => (1, one.remove(0)),
        other => panic!("not one answer: {other:?}"),
    }
}

fn outside(answer: &Seen) -> (u32, u16) {
    let bytes = &answer.payload;
    assert_eq!(bytes[3], SUCCESS, "{answer:?}");
    let address = u32::from_be_bytes(bytes[56..60].try_into().unwrap());
    (address, u16::from_be_bytes([bytes[42], bytes[43]]))
}

/// RFC 6887 section 13.1, with the state of each host at its worker: whoever asks, by whatever
/// queue, gets the endpoint at which that worker lets the outside in.
#[test]
fn a_request_is_answered_by_the_worker_of_the_host_that_it_is_for() {
    for (manager, queue, opcode) in [
        (None, 0, MAP),
        (None, 1, PEER),
        (Some(0), 0, MAP),
        (Some(0), 1, PEER),
        (Some(1), 0, PEER),
        (Some(1), 1, MAP),
    ] {
        let mut appliance = two_workers();
        let mut of_worker = [0; 2];
        for nth in 0..HOSTS {
            let subscriber = host(nth);
            let third_party = mapped(subscriber);
            let request = match manager {
                Some(of) => request(MANAGERS[of], opcode, (0, 0), &[(THIRD_PARTY, &third_party)]),
                None => request(subscriber, opcode, (0, 0), &[]),
            };
            let (worker, answer) = ask(&mut appliance, queue, &request);
            let owner = appliance.layout.inside_owner(0, subscriber) as usize;
            assert_eq!(worker, owner, "{manager:?} by {queue}");
            of_worker[worker] += 1;
            let (address, port) = outside(&answer);
            let owned = appliance.layout.outside_owner(0, address, 17, port);
            assert_eq!(owned, u32::try_from(owner).ok());
            let to = Ipv4Addr::from_bits(address);
            let comes = udp(&format!("198.51.100.2:4464 > {to}:{port}"));
            appliance.receive(1 - owner, OUTSIDE, &comes);
            appliance.turn();
            appliance.turn();
            let came = appliance.sent(owner);
            assert_eq!(came.len(), 1, "what comes for {subscriber:x}");
            assert_eq!(
                came[0].dst.to_string(),
                format!("{}:5000", Ipv4Addr::from_bits(subscriber))
            );
        }
        assert!(of_worker.iter().all(|count| *count >= 8), "{of_worker:?}");
        let granted = [0, 1].map(|worker| appliance.counter(worker, Counter::PcpGranted));
        assert_eq!(granted, of_worker);
    }
}

/// RFC 6887 sections 12.3 and 13.2: an address of another worker's is none that the host could
/// have; without preferring failure it gets one of its own.
#[test]
fn an_address_of_another_worker_is_not_granted() {
    let mut appliance = two_workers();
    for nth in 0..HOSTS {
        let subscriber = host(nth);
        let owner = appliance.layout.inside_owner(0, subscriber);
        let mut pool = crate::appliance::POOL..crate::appliance::POOL + 16;
        let theirs = pool
            .find(|address| appliance.layout.outside_owner(0, *address, 17, 4000) != Some(owner))
            .unwrap();
        let suggested = (theirs, 4000);
        let prefers = request(subscriber, MAP, suggested, &[(PREFER_FAILURE, &[])]);
        let peer = request(subscriber, PEER, suggested, &[]);
        for request in [prefers, peer] {
            let (_, answer) = ask(&mut appliance, (nth % 2) as usize, &request);
            assert_eq!(answer.payload[3], CANNOT_PROVIDE_EXTERNAL);
        }
        let sessions: u32 = appliance
            .workers
            .iter()
            .map(|worker| worker.shard().session_count())
            .sum();
        assert_eq!(sessions, 0, "nothing is left of what was refused");
        let suggests = request(subscriber, MAP, suggested, &[]);
        let (_, answer) = ask(&mut appliance, (nth % 2) as usize, &suggests);
        let (address, port) = outside(&answer);
        let owned = appliance.layout.outside_owner(0, address, 17, port);
        assert_eq!(owned, Some(owner));
    }
}
