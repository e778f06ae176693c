//! What is done for hosts that do not do it themselves (row I7).

use base::Counter;
use testkit::{Sum, protocol, udp};
use tests::Pipe;

use crate::{esp, one_address};

/// ESP leaves in UDP and comes back as ESP, with every length and checksum right.
#[test]
fn esp_of_a_configured_peer_travels_in_udp() {
    let config = one_address()
        .top("alg: { esp: { encapsulate: [ { inside: 10.64.0.7, gateway: 192.0.2.1 } ] } }");
    let mut nat = Pipe::new(&config);
    let sent = esp("10.64.0.7 > 192.0.2.1", 0xc000_0001, 1);
    for _ in 0..2 {
        let mut outcome = nat.inside(sent.clone());
        assert_eq!(outcome.verdict, "forward");
        let out = outcome.left.remove(0).seen;
        assert!(out.problems.is_empty(), "{:?}", out.problems);
        assert_eq!(out.protocol, protocol::UDP);
        assert!(out.dst == "192.0.2.1:4500" && out.src.ip().to_string() == "203.0.113.1");
        assert_eq!(out.transport_sum, 0);
        assert_eq!(out.payload, sent.payload);
        // Transport or tunnel, what is inside does not matter.
        let flow = format!("192.0.2.1:4500 > {}", out.src);
        for len in [8, 25, 1000] {
            let mut payload = vec![0x5b; len];
            payload[..4].copy_from_slice(&[0xc0, 0, 0, 2]);
            let answer = udp(&flow).payload(&payload).transport_sum(Sum::Zero);
            let mut outcome = nat.outside(answer);
            let back = outcome.left.remove(0).seen;
            assert!(back.problems.is_empty(), "{:?}", back.problems);
            assert_eq!(back.protocol, protocol::ESP);
            assert!(back.src == "192.0.2.1" && back.dst == "10.64.0.7");
            assert_eq!(back.payload, payload);
        }
    }
    let row = &nat.show("ipsec")[0];
    assert_eq!(row["encapsulation"], "udp");
    assert_eq!(row["spis_out"][0], "c0000001");
    assert_eq!(row["spis_in"][0], "c0000002");
    // Another peer of the same host is not configured.
    let other = nat.inside(esp("10.64.0.7 > 192.0.2.9", 7, 1)).forwarded();
    assert_eq!(other.protocol, protocol::ESP);
}

/// Keepalives of one byte, every interval and 5 % more or less, until nobody speaks.
#[test]
fn sessions_of_listed_hosts_are_kept_alive() {
    let config = one_address()
        .top("alg: { ike: { keepalive: 20s, keepalive_for: [10.64.0.7/32] } }")
        .timeout("udp", "120s");
    let mut nat = Pipe::new(&config);
    let payload = [0xc0, 0, 0, 7, 0, 0, 0, 1, 9, 9, 9, 9];
    let open = |host| udp(&format!("10.64.0.{host}:4500 > 192.0.2.1:4500")).payload(&payload);
    let endpoint = nat.inside(open(7)).forwarded().src;
    nat.inside(open(8)).forwarded();
    let mut times = vec![nat.now()];
    for _ in 0..150 {
        for left in nat.wait(1.0) {
            assert!(left.seen.problems.is_empty(), "{:?}", left.seen.problems);
            assert!(left.seen.src == endpoint && left.seen.dst == "192.0.2.1:4500");
            assert_eq!(left.seen.payload, [0xff]);
            times.push(left.at);
        }
    }
    assert!(times.len() > 7, "{times:?}");
    let steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        steps.iter().all(|step| (18.9..21.2).contains(step)),
        "{steps:?}"
    );
    assert!(
        steps.iter().any(|step| (step - steps[0]).abs() > 0.1),
        "{steps:?}"
    );
    assert_eq!(nat.counter(Counter::EspKeepalive), times.len() as u64 - 1);
    assert_eq!(nat.show("translations").len(), 1, "the other one is over");
    // What comes in still gets there.
    let back = nat.outside(udp(&format!("192.0.2.1:4500 > {endpoint}")).payload(&payload));
    assert!(back.forwarded().dst == "10.64.0.7:4500");
    for _ in 0..80 {
        nat.wait(60.0);
    }
    assert!(
        nat.show("translations").is_empty(),
        "an hour without a word"
    );
}
