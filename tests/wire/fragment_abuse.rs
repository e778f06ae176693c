//! Fragments that are not honest: RFC 1858, RFC 3128, RFC 5722, RFC 4787 REQ-14a.

use base::Counter;
use testkit::{Rng, Seen, protocol, raw, reassemble, tcp, udp};
use tests::{Config, Pipe};

/// RFC 1858 section 3: a TCP header does not come in crumbs.
#[test]
fn a_first_piece_without_a_whole_tcp_header_is_refused() {
    let mut pipe = Pipe::new(&Config::new());
    let segment = tcp("10.64.0.7:5000 > 192.0.2.1:80").syn().payload(&[1; 64]);
    for (id, size) in [(1, 8), (2, 16)] {
        let pieces = segment.clone().id(id).fragments(&[size]);
        pipe.inside(pieces[0].clone())
            .dropped(Counter::DropFragmentTiny);
    }
    assert!(pipe.show("translations").is_empty());
}

/// RFC 1858 section 4, RFC 3128: offset one would write over the flags.
#[test]
fn a_tcp_piece_at_offset_eight_is_refused() {
    let mut pipe = Pipe::new(&Config::new());
    let segment = tcp("10.64.0.7:5000 > 192.0.2.1:80").syn().payload(&[1; 64]);
    let first = segment.clone().id(3).fragments(&[40]);
    pipe.inside(first[0].clone()).forwarded();
    let crumb = raw("10.64.0.7 > 192.0.2.1", protocol::TCP)
        .id(3)
        .fragment_at(8, true)
        .payload(&[2; 32]);
    pipe.inside(crumb)
        .dropped_for(&[Counter::DropFragmentTiny, Counter::DropFragmentOverlap]);
}

/// RFC 5722 section 3, RFC 1858 section 4: pieces do not overlap.
#[test]
fn a_piece_over_another_is_refused() {
    let mut pipe = Pipe::new(&Config::new());
    let out = super::open(&mut pipe);
    for (interface, packet, from_to) in [
        (
            "inside",
            udp("10.64.0.7:5000 > 192.0.2.1:7000"),
            "10.64.0.7 > 192.0.2.1".to_string(),
        ),
        (
            "outside",
            out.reply(),
            format!("192.0.2.1 > {}", out.src.ip()),
        ),
    ] {
        let pieces = packet.id(7).payload(&[1; 400]).fragments(&[104, 104]);
        assert_eq!(pipe.send(interface, &pieces[0]).forwarded_pieces().len(), 1);
        let over_first = raw(&from_to, protocol::UDP)
            .id(7)
            .fragment_at(96, true)
            .payload(&[9; 112]);
        pipe.send(interface, &over_first)
            .dropped(Counter::DropFragmentOverlap);
    }
}

/// RFC 791: a piece ends at a multiple of eight, and within 65535 bytes.
#[test]
fn a_piece_beyond_the_longest_datagram_does_not_pass() {
    let mut pipe = Pipe::new(&Config::new());
    let pieces = udp("10.64.0.7:5000 > 192.0.2.1:7000")
        .id(7)
        .payload(&[1; 400])
        .fragments(&[104]);
    assert_eq!(pipe.inside(pieces[0].clone()).forwarded_pieces().len(), 1);
    let death = raw("10.64.0.7 > 192.0.2.1", protocol::UDP)
        .id(7)
        .fragment_at(65_528, false)
        .payload(&[9; 800]);
    let outcome = pipe.inside(death);
    assert_eq!(outcome.verdict, "drop", "{outcome:?}");
    assert!(outcome.left.is_empty());
}

/// RFC 4787 REQ-14a: a flood of pieces without a first keeps neither plain
/// packets nor pieces in order out, and does not fill memory.
#[test]
fn a_flood_of_later_pieces_starves_nobody() {
    let mut pipe = Pipe::new(&Config::new().limit("fragments", "64"));
    let out = super::open(&mut pipe);
    let mut rng = Rng::new(7);
    let mut refused = 0;
    let flood = |pipe: &mut Pipe, rng: &mut Rng, count: usize| -> usize {
        let mut refused = 0;
        for _ in 0..count {
            let host = rng.byte();
            let (interface, flow) = if rng.chance(50) {
                ("inside", format!("10.64.1.{host} > 192.0.2.1"))
            } else {
                ("outside", format!("192.0.2.{host} > {}", out.src.ip()))
            };
            let piece = raw(&flow, protocol::UDP)
                .id(rng.word())
                .fragment_at(8 * (1 + rng.below(1000)), rng.chance(50))
                .payload(&[0; 512]);
            let outcome = pipe.send(interface, &piece);
            assert!(outcome.left.is_empty(), "{outcome:?}");
            refused += usize::from(outcome.verdict == "drop");
        }
        refused
    };
    refused += flood(&mut pipe, &mut rng, 3000);
    let before = pipe.resident_kib();
    for number in 0..60_u16 {
        pipe.later(0.01);
        refused += flood(&mut pipe, &mut rng, 100);
        let honest = udp("10.64.0.7:5000 > 192.0.2.1:7000")
            .id(number)
            .payload(&[1; 400])
            .fragments(&[104, 104]);
        let left: Vec<Seen> = honest
            .into_iter()
            .flat_map(|piece| pipe.inside(piece).forwarded_pieces())
            .collect();
        assert!(reassemble(&left).unwrap().problems.is_empty());
        let inward = out.reply().id(number).payload(&[2; 400]);
        let left: Vec<Seen> = inward
            .fragments(&[104, 104])
            .into_iter()
            .flat_map(|piece| pipe.outside(piece).forwarded_pieces())
            .collect();
        assert!(reassemble(&left).unwrap().problems.is_empty());
        pipe.outside(out.reply()).forwarded();
        pipe.inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
            .forwarded();
    }
    assert!(refused > 0, "the flood was taken in completely");
    assert_eq!(
        pipe.counter(Counter::DropFragmentTable) as usize,
        refused,
        "drops show"
    );
    let grown = pipe.resident_kib().saturating_sub(before);
    assert!(grown < 1024, "grew by {grown} KiB");
}

/// RFC 4787 REQ-14a: one sender cannot take all room.
#[test]
fn a_flood_by_one_host_leaves_room_for_others_out_of_order() {
    let mut pipe = Pipe::new(&Config::new().limit("fragments", "64"));
    for id in 0..500 {
        let piece = raw("10.64.0.8 > 192.0.2.1", protocol::UDP)
            .id(id)
            .fragment_at(800, false)
            .payload(&[0; 64]);
        assert!(pipe.inside(piece).left.is_empty());
    }
    let honest = udp("10.64.0.7:5000 > 192.0.2.1:7000")
        .id(1)
        .payload(&[1; 400])
        .fragments(&[104, 104]);
    let mut left = Vec::new();
    for index in [2, 1, 0] {
        let outcome = pipe.inside(honest[index].clone());
        left.extend(outcome.left.into_iter().map(|left| left.seen));
    }
    assert!(reassemble(&left).unwrap().problems.is_empty());
}

/// RFC 4787 REQ-14a: many pieces of one datagram wait in bounded room.
#[test]
fn one_datagram_cannot_hold_without_end() {
    let mut pipe = Pipe::new(&Config::new());
    let mut held = 0;
    for number in 1..2000 {
        let piece = raw("10.64.0.7 > 192.0.2.1", protocol::UDP)
            .id(1)
            .fragment_at(number * 8, true)
            .payload(&[0; 8]);
        let outcome = pipe.inside(piece);
        assert!(outcome.left.is_empty());
        held += usize::from(outcome.verdict == "hold");
    }
    assert!(held < 1999, "all were held");
    pipe.wait(10.0);
    assert_eq!(pipe.counter(Counter::HoldFragmentDropped) as usize, held);
}
