//! ARP by the appliance: RFC 826, RFC 1122 section 2.3.2, requirement A6.

use base::Counter;
use testkit::{ARP_REQUEST, Arp, udp};
use tests::{Config, Left, OWN_OUTSIDE, Outcome, Pipe, mac_of};

/// Nobody is known; the neighbour outside is asked for by the address of its own network.
fn unknown() -> Pipe {
    let mut pipe = Pipe::new(&Config::new().no_neighbors());
    pipe.silence_hosts();
    pipe
}

/// To a host of the connected network that nobody knows yet.
fn to_stranger(number: u16) -> testkit::Packet {
    udp(&format!("10.64.0.7:{} > 198.51.100.7:7000", 5000 + number)).payload(&[number as u8; 9])
}

#[track_caller]
fn asks_for(left: &Left, target: &str) {
    let arp = left.seen.arp.expect("an ARP request");
    assert_eq!(arp.operation, ARP_REQUEST);
    assert_eq!(left.seen.dst_mac, [0xff; 6]);
    assert_eq!(left.seen.src_mac, arp.sender_mac);
    assert_eq!(arp.target.to_string(), target);
    assert_eq!(arp.target_mac, [0; 6]);
}

#[track_caller]
fn held_and_asked(outcome: &Outcome) {
    assert_eq!(outcome.verdict, "hold", "{outcome:?}");
    assert_eq!(outcome.reason, Counter::HoldNeighbor.name());
    assert_eq!(outcome.left.len(), 1, "{outcome:?}");
    assert_eq!(outcome.left[0].interface, "outside");
    asks_for(&outcome.left[0], "198.51.100.7");
    let arp = outcome.left[0].seen.arp.unwrap();
    assert_eq!(arp.sender.to_string(), OWN_OUTSIDE);
}

fn answer(pipe: &Pipe) -> Vec<u8> {
    Arp {
        operation: 2,
        sender_mac: mac_of("198.51.100.7".parse().unwrap()),
        sender: "198.51.100.7".parse().unwrap(),
        target_mac: pipe.mac("outside"),
        target: OWN_OUTSIDE.parse().unwrap(),
    }
    .frame(&[])
}

/// RFC 1122 section 2.3.2.2: the packet waits, and goes when the answer comes.
#[test]
fn a_packet_waits_for_the_answer_and_then_leaves() {
    let mut pipe = unknown();
    held_and_asked(&pipe.inside(to_stranger(0)));
    pipe.later(0.3);
    let released = pipe.feed("outside", &answer(&pipe));
    assert_eq!(released.verdict, "consume", "{released:?}");
    assert_eq!(released.reason, Counter::ConsumeArpReply.name());
    assert_eq!(released.left.len(), 1);
    let packet = &released.left[0].seen;
    assert!(packet.dst == "198.51.100.7:7000" && packet.ttl == 63);
    pipe.inside(to_stranger(0)).forwarded();
    assert_eq!(pipe.counter(Counter::HoldNeighborSent), 1);
    assert_eq!(pipe.counter(Counter::ArpRequestsSent), 1);
}

/// RFC 1122 section 2.3.2.2: several wait, in order.
#[test]
fn packets_leave_in_the_order_they_came() {
    let mut pipe = unknown();
    held_and_asked(&pipe.inside(to_stranger(0)));
    for number in 1..3 {
        let outcome = pipe.inside(to_stranger(number));
        assert_eq!(outcome.verdict, "hold");
        assert!(outcome.left.is_empty(), "asked again at once: {outcome:?}");
    }
    let left = pipe.feed("outside", &answer(&pipe)).left;
    let order: Vec<u8> = left.iter().map(|left| left.seen.payload[0]).collect();
    assert_eq!(order, [0, 1, 2]);
}

/// Requirement A6: the queue is bounded, and every packet is accounted for.
#[test]
fn the_queue_is_bounded() {
    let mut pipe = unknown();
    held_and_asked(&pipe.inside(to_stranger(0)));
    let mut held = 1;
    for number in 1..1000 {
        let outcome = pipe.inside(to_stranger(number));
        assert!(outcome.left.is_empty());
        match &*outcome.verdict {
            "hold" => held += 1,
            "drop" => {}
            _ => panic!("{outcome:?}"),
        }
    }
    let left = pipe.feed("outside", &answer(&pipe)).left;
    assert!(!left.is_empty() && left.len() < 500, "{}", left.len());
    assert_eq!(pipe.counter(Counter::HoldNeighborSent), left.len() as u64);
    assert_eq!(
        pipe.counter(Counter::HoldNeighborSent) + pipe.counter(Counter::HoldNeighborDropped),
        held
    );
}

/// RFC 1122 section 2.3.2.1: asked again once a second, not more often, then given up.
#[test]
fn a_neighbour_that_is_silent_is_asked_once_a_second_and_given_up() {
    let mut pipe = unknown();
    held_and_asked(&pipe.inside(to_stranger(0)));
    let mut times = vec![pipe.now()];
    for _ in 0..300 {
        for left in pipe.wait(0.1) {
            asks_for(&left, "198.51.100.7");
            times.push(left.at);
        }
    }
    assert!(times.len() >= 2 && times.len() <= 10, "{times:?}");
    for pair in times.windows(2) {
        let gap = pair[1] - pair[0];
        assert!((0.95..=1.25).contains(&gap), "{times:?}");
    }
    assert_eq!(pipe.counter(Counter::HoldNeighborDropped), 1);
    assert_eq!(pipe.counter(Counter::ArpRequestsSent), times.len() as u64);
    held_and_asked(&pipe.inside(to_stranger(1)));
}

/// RFC 1122 section 2.3.2.1: a flood to a silent neighbour makes no flood of questions.
#[test]
fn a_flood_to_a_silent_neighbour_asks_once_a_second() {
    let mut pipe = unknown();
    let mut questions = 0;
    for _ in 0..500 {
        questions += pipe.inside(to_stranger(0)).left.len();
        pipe.later(0.005);
    }
    assert!((1..=5).contains(&questions), "{questions} in 2.5 s");
}

/// RFC 826: the inside is resolved in the same way, for packets that come in.
#[test]
fn a_host_inside_is_asked_for_by_the_inside_address() {
    let config = Config::new()
        .no_neighbors()
        .fixed("inside: 10.64.0.50, outside: 203.0.113.14");
    let mut pipe = Pipe::new(&config);
    pipe.silence_hosts();
    let outcome = pipe.outside(udp("192.0.2.1:7000 > 203.0.113.14:80"));
    assert_eq!(outcome.verdict, "hold", "{outcome:?}");
    assert_eq!(outcome.left.len(), 1);
    assert_eq!(outcome.left[0].interface, "inside");
    asks_for(&outcome.left[0], "10.64.0.50");
    let question = outcome.left[0].seen.arp.unwrap();
    let reply = question.answer(mac_of("10.64.0.50".parse().unwrap()));
    let released = pipe.feed("inside", &reply.frame(&[])).left;
    assert_eq!(released.len(), 1);
    assert!(released[0].seen.dst == "10.64.0.50:80");
}

/// RFC 826: an answer by a group address is none.
#[test]
fn an_answer_with_a_group_address_is_not_believed() {
    for mac in [[0xff; 6], [1, 0, 0x5e, 0, 0, 1], [0; 6]] {
        let mut pipe = unknown();
        held_and_asked(&pipe.inside(to_stranger(0)));
        let bad = Arp {
            operation: 2,
            sender_mac: mac,
            sender: "198.51.100.7".parse().unwrap(),
            target_mac: pipe.mac("outside"),
            target: OWN_OUTSIDE.parse().unwrap(),
        };
        assert!(pipe.feed("outside", &bad.frame(&[])).left.is_empty());
    }
}

/// Section 7.1: `clear neighbors` forgets what was learnt, not what is configured.
#[test]
fn cleared_neighbours_are_asked_for_again() {
    let mut pipe = unknown();
    held_and_asked(&pipe.inside(to_stranger(0)));
    let answer = answer(&pipe);
    let _ = pipe.feed("outside", &answer);
    pipe.inside(to_stranger(0)).forwarded();
    assert!(pipe.clear("neighbors") >= 1);
    held_and_asked(&pipe.inside(to_stranger(0)));
}

/// Section 7.2: a static neighbour needs no question.
#[test]
fn a_static_neighbour_is_never_asked_for() {
    let mut pipe = Pipe::new(&Config::new());
    pipe.silence_hosts();
    super::open(&mut pipe);
    assert_eq!(pipe.counter(Counter::ArpRequestsSent), 0);
}
