//! Mappings that hosts have asked for by PCP: who comes in by them has not been written to.

use base::Counter;
use testkit::{Packet, udp};
use tests::{Config, Pipe};

use crate::{uses, zoned};

const UDP: (&str, &str) = ("udp", "protocols: [udp]");
const ODD: (&str, &str) = ("odd", "protocols: [udp], destination_ports: [9]");

fn served() -> Config {
    Config::new().rule("pcp", "{ nat_pmp: true }")
}

/// Has port 5000 of UDP mapped; packets to it from a port of a remote host.
fn map(nat: &mut Pipe) -> impl Fn(u16) -> Packet + use<> {
    let mut say = |request: &[u8]| {
        let packet = udp("10.64.0.7:40000 > 10.64.0.1:5351").payload(request);
        let left = nat.inside(packet).consumed(Counter::ConsumePcp);
        left[0].payload.clone()
    };
    let mapped = say(&[0, 1, 0, 0, 19, 136, 0, 0, 0, 0, 2, 88]);
    let port = u16::from_be_bytes([mapped[10], mapped[11]]);
    let [a, b, c, d] = say(&[0, 0])[8..] else {
        panic!("no address");
    };
    move |from| udp(&format!("192.0.2.1:{from} > {a}.{b}.{c}.{d}:{port}"))
}

/// Without a pair for the way in, whoever the host could have written to itself: because that would
/// have been inspected.
#[test]
fn who_is_asked_for_comes_in_where_the_way_out_is_inspected() {
    let out: &[_] = &[("odd", "drop"), ("udp", "inspect")];
    let mut nat = Pipe::new(&zoned(served(), &[ODD, UDP], Some(out), None));
    let to = map(&mut nat);
    let came = nat.outside(to(7)).forwarded();
    assert_eq!(came.dst.to_string(), "10.64.0.7:5000");
    nat.inside(came.reply()).forwarded();
    nat.outside(to(9)).dropped(Counter::DropZoneNoPair);
    let passed: &[_] = &[("udp", "pass")];
    let mut nat = Pipe::new(&zoned(served(), &[UDP], Some(passed), None));
    let to = map(&mut nat);
    nat.outside(to(7)).dropped(Counter::DropZoneNoPair);
}

/// What packets have made is not asked for, whoever its filter lets in.
#[test]
fn a_mapping_that_is_not_asked_for_any_more_needs_a_pair() {
    let out: &[_] = &[("udp", "inspect")];
    let mut nat = Pipe::new(&zoned(served(), &[UDP], Some(out), None));
    let to = map(&mut nat);
    nat.outside(to(7)).forwarded();
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    nat.wait(601.0);
    nat.outside(to(8))
        .dropped_for(&[Counter::DropZoneNoPair, Counter::DropNoMapping]);
}

/// A pair for the way in is what the operator has said about it: classes that drop do, and the
/// default too.
#[test]
fn a_pair_for_the_way_in_decides_alone() {
    let out: &[_] = &[("udp", "inspect")];
    let by_inside = (
        "asked",
        "protocols: [udp], destination_ports: [5000], destination: 10.64.0.7/32",
    );
    for (back, admits) in [
        (&[("asked", "inspect")][..], true),
        (&[("asked", "drop")], false),
        (&[("odd", "inspect")], false),
    ] {
        let classes = [UDP, ODD, by_inside];
        let mut nat = Pipe::new(&zoned(served(), &classes, Some(out), Some(back)));
        let to = map(&mut nat);
        if admits {
            nat.outside(to(7)).forwarded();
            assert_eq!(uses(&mut nat, "out-in", "asked"), (1, 1));
        } else {
            nat.outside(to(7)).dropped(Counter::DropZonePolicy);
        }
    }
}
