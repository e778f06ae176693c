//! Ethernet: who a frame is for, what it carries, and lines of the pipe that
//! are no frames (section 7.3).

use base::Counter;
use testkit::{Rng, udp};
use tests::{Config, Pipe};

const MINE: [u8; 6] = [2, 0xaa, 10, 64, 0, 7];

fn ethernet(to: [u8; 6], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = to.to_vec();
    frame.extend(MINE);
    frame.extend(ethertype.to_be_bytes());
    frame.extend(payload);
    frame
}

/// IEEE 802.3: frames for other stations are not taken.
#[test]
fn frames_for_another_mac_address_are_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000");
    let mut other = pipe.mac("inside");
    other[5] ^= 1;
    for mac in [other, pipe.mac("outside"), [2, 0, 0, 0, 0, 0x99], [0; 6]] {
        if mac == pipe.mac("inside") {
            continue;
        }
        pipe.feed("inside", &packet.frame(MINE, mac))
            .dropped(Counter::DropNotForUs);
    }
    assert!(pipe.show("translations").is_empty());
}

/// Neither IPv4 nor ARP: dropped with a counter.
#[test]
fn ipv6_and_unknown_ethertypes_are_dropped_and_counted() {
    let mut pipe = Pipe::new(&Config::new());
    let mac = pipe.mac("inside");
    let mut ipv6 = vec![0x60, 0, 0, 0, 0, 8, 17, 64];
    ipv6.extend([0x20; 32]);
    ipv6.extend([0x13, 0x88, 0x1b, 0x58, 0, 8, 0, 0]);
    let kinds = [0x86dd, 0x8847, 0x8863, 0x88cc, 0x0805, 0x0600, 0xffff];
    for kind in kinds {
        let frame = ethernet(mac, kind, &ipv6);
        pipe.feed("inside", &frame).dropped(Counter::DropEtherType);
    }
    // An IEEE 802.3 length is no EtherType.
    let frame = ethernet(mac, 48, &ipv6);
    pipe.feed("inside", &frame).dropped(Counter::DropEtherType);
    let count = kinds.len() as u64 + 1;
    assert_eq!(pipe.counter(Counter::DropEtherType), count);
}

/// A frame said to be IPv4 that is IPv6 inside, and the other way round.
#[test]
fn an_ethertype_that_lies_is_found_out() {
    let mut pipe = Pipe::new(&Config::new());
    let mac = pipe.mac("inside");
    let frame = ethernet(mac, 0x0800, &[0x60; 60]);
    pipe.feed("inside", &frame)
        .dropped_for(&[Counter::DropIpHeader]);
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").ip();
    let frame = ethernet(mac, 0x86dd, &packet);
    pipe.feed("inside", &frame).dropped(Counter::DropEtherType);
}

/// Section 7.4: each packet received is in exactly one verdict and one reason.
#[test]
fn random_frames_are_each_counted_once() {
    let mut pipe = Pipe::new(&Config::new());
    pipe.allow_wrong_checksums();
    let mut rng = Rng::new(3);
    for _ in 0..2000 {
        let len = rng.below(200);
        let mut frame = rng.bytes(len);
        if len > 34 && rng.chance(70) {
            frame[..6].copy_from_slice(&pipe.mac("inside"));
            frame[12..14].copy_from_slice(&[8, 0]);
        }
        let outcome = pipe.feed("inside", &frame);
        let area = outcome.reason.split('.').next().unwrap();
        assert_eq!(area, outcome.verdict, "{outcome:?}");
    }
    pipe.check_verdicts();
    let counters = pipe.counters();
    for verdict in ["forward", "drop", "consume"] {
        let total = counters[&format!("verdict.{verdict}")];
        let sum: u64 = counters
            .iter()
            .filter(|(name, _)| name.split('.').next() == Some(verdict))
            .map(|(_, value)| value)
            .sum();
        assert_eq!(sum, total, "verdict.{verdict} and its reasons");
    }
}

/// Section 7.3: bad lines are answered, and the pipe goes on.
#[test]
fn bad_lines_are_answered_with_an_error() {
    let mut pipe = Pipe::new(&Config::new());
    let frames = pipe.counter(Counter::RxPackets);
    for line in [
        "",
        "nonsense",
        "{}",
        "[]",
        "{\"at\": \"x\"}",
        r#"{"at": 1, "if": "nowhere", "frame": "00"}"#,
        r#"{"at": 1, "if": "inside", "frame": "0"}"#,
        r#"{"at": 1, "if": "inside", "frame": "zz"}"#,
        r#"{"at": 1, "if": "inside"}"#,
        r#"{"show": "nothing"}"#,
        r#"{"clear": "nothing"}"#,
    ] {
        if line.is_empty() {
            continue;
        }
        let answer = pipe.line(line);
        assert!(answer.get("error").is_some(), "{line}: {answer}");
    }
    assert_eq!(pipe.counter(Counter::RxPackets), frames);
    super::open(&mut pipe);
}

/// Section 7.4: interfaces count what passes.
#[test]
fn interfaces_count_packets_and_bytes() {
    let mut pipe = Pipe::new(&Config::new());
    let before = pipe.show("interfaces");
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[1; 100]);
    pipe.inside(packet).forwarded();
    let after = pipe.show("interfaces");
    let moved = |name: &str, key: &str| {
        let value = |rows: &[serde_json::Value]| {
            rows.iter().find(|row| row["name"] == name).unwrap()[key]
                .as_u64()
                .unwrap()
        };
        value(&after) - value(&before)
    };
    assert_eq!(moved("inside", "rx_packets"), 1);
    assert_eq!(moved("inside", "rx_bytes"), 142);
    assert_eq!(moved("outside", "tx_packets"), 1);
    assert_eq!(moved("outside", "tx_bytes"), 142);
    assert_eq!(moved("outside", "rx_packets"), 0);
}
