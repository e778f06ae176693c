//! Fragments on their way: RFC 4787 REQ-14, RFC 7857 section 10.

use base::Counter;
use testkit::{Seen, echo, reassemble, tcp, udp};
use tests::{Config, Pipe, pieces, send_pieces, verdict_of_piece};

const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

/// RFC 4787 REQ-14: in and out of order, from inside.
#[test]
fn three_pieces_from_inside_arrive_whole_in_every_order() {
    let mut pipe = Pipe::new(&Config::new());
    for (number, order) in ORDERS.iter().enumerate() {
        let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").id(number as u16 + 1);
        let left = send_pieces(&mut pipe, "inside", &pieces(packet.clone()), order);
        let whole = reassemble(&left).unwrap();
        assert!(whole.problems.is_empty(), "{:?}", whole.problems);
        assert!(whole.dst == "192.0.2.1:7000");
        assert_eq!(whole.src.ip().octets()[..3], [203, 0, 113]);
        assert_eq!(whole.ttl, 63);
        let alone = pipe.inside(packet).forwarded();
        assert_eq!(alone.src, whole.src, "same flow, whole or in pieces");
    }
}

/// RFC 4787 REQ-14: in and out of order, from outside.
#[test]
fn three_pieces_from_outside_arrive_whole_in_every_order() {
    let mut pipe = Pipe::new(&Config::new());
    let out = super::open(&mut pipe);
    for (number, order) in ORDERS.iter().enumerate() {
        let packet = out.reply().id(number as u16 + 1);
        let left = send_pieces(&mut pipe, "outside", &pieces(packet), order);
        let whole = reassemble(&left).unwrap();
        assert!(whole.problems.is_empty(), "{:?}", whole.problems);
        assert!(whole.src == "192.0.2.1:7000" && whole.dst == "10.64.0.7:5000");
        assert_eq!(whole.payload[..3], [0, 7, 14]);
    }
}

/// RFC 4787 REQ-14: TCP and echo come in pieces as well.
#[test]
fn pieces_of_every_protocol_arrive_whole_both_ways() {
    let mut pipe = Pipe::new(&Config::new());
    let syn = pipe
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .forwarded();
    let answer = pipe.outside(syn.reply().syn_ack()).forwarded();
    for (packet, out) in [
        (answer.reply(), None),
        (echo("10.64.0.7:77 > 192.0.2.1"), Some(())),
    ] {
        let left = send_pieces(&mut pipe, "inside", &pieces(packet), &[1, 0, 2]);
        let whole = reassemble(&left).unwrap();
        assert!(whole.problems.is_empty(), "{:?}", whole.problems);
        let back = if out.is_some() {
            whole.reply()
        } else {
            syn.reply().seq(2)
        };
        let left = send_pieces(&mut pipe, "outside", &pieces(back), &[2, 0, 1]);
        let whole = reassemble(&left).unwrap();
        assert!(whole.problems.is_empty(), "{:?}", whole.problems);
        assert!(whole.dst.ip() == tests::A.parse::<std::net::Ipv4Addr>().unwrap());
    }
}

/// RFC 4787 REQ-14: other traffic and other datagrams in between do not matter.
#[test]
fn pieces_of_many_datagrams_may_be_interleaved() {
    let mut pipe = Pipe::new(&Config::new());
    let out = super::open(&mut pipe);
    let inward = pieces(out.reply().id(9));
    let a = pieces(udp("10.64.0.7:5000 > 192.0.2.1:7000").id(9));
    let b = pieces(udp("10.64.0.8:5000 > 192.0.2.1:7000").id(9));
    let (mut in_left, mut a_left, mut b_left) = (Vec::new(), Vec::new(), Vec::new());
    for index in [2, 0, 1] {
        let first_seen = index != 2;
        a_left.extend(verdict_of_piece(pipe.inside(a[index].clone()), first_seen));
        pipe.inside(udp("10.64.0.7:5000 > 192.0.2.1:7000").id(9))
            .forwarded();
        in_left.extend(verdict_of_piece(
            pipe.outside(inward[index].clone()),
            first_seen,
        ));
        pipe.outside(out.reply()).forwarded();
        b_left.extend(verdict_of_piece(pipe.inside(b[index].clone()), first_seen));
    }
    for left in [in_left, a_left, b_left] {
        let whole = reassemble(&left).unwrap();
        assert!(whole.problems.is_empty(), "{:?}", whole.problems);
        assert_eq!(whole.payload.len(), 600);
    }
}

/// RFC 4787 REQ-14: a first piece that comes twice breaks nothing.
#[test]
fn a_duplicated_first_piece_does_no_harm() {
    let mut pipe = Pipe::new(&Config::new());
    let out = super::open(&mut pipe);
    for interface in ["inside", "outside"] {
        for order in [[0, 0, 1, 2], [1, 0, 0, 2], [2, 1, 0, 0], [0, 1, 0, 2]] {
            let packet = match interface {
                "inside" => udp("10.64.0.7:5000 > 192.0.2.1:7000"),
                _ => out.reply(),
            };
            let id = order.iter().fold(1, |id, index| id * 4 + *index as u16);
            let pieces = pieces(packet.id(id));
            let mut left = Vec::new();
            for index in order {
                let outcome = pipe.send(interface, &pieces[index]);
                left.extend(outcome.left.into_iter().map(|left| left.seen));
            }
            let whole =
                one_whole(&left).unwrap_or_else(|| panic!("{order:?} from {interface}: {left:?}"));
            assert!(whole.problems.is_empty(), "{:?}", whole.problems);
        }
    }
}

/// The datagram that a receiver makes of pieces, some of which it may get twice.
fn one_whole(left: &[Seen]) -> Option<Seen> {
    left.iter().find_map(|one| {
        let mut same: Vec<Seen> = left
            .iter()
            .filter(|piece| piece.id == one.id)
            .cloned()
            .collect();
        same.sort_by_key(|piece| piece.offset);
        same.dedup_by_key(|piece| piece.offset);
        reassemble(&same).ok()
    })
}

/// RFC 7857 section 10, RFC 6864: identifications stay apart behind one address.
#[test]
fn two_hosts_with_the_same_identification_differ_outside() {
    let config = Config::new().pool("prefixes", "[203.0.113.1/32]");
    let mut pipe = Pipe::new(&config);
    let a = pieces(udp("10.64.0.7:5000 > 192.0.2.1:7000").id(0x5555));
    let b = pieces(udp("10.64.0.8:5000 > 192.0.2.1:7000").id(0x5555));
    let (mut a_left, mut b_left) = (Vec::new(), Vec::new());
    for (a, b) in a.into_iter().zip(b) {
        a_left.extend(pipe.inside(a).forwarded_pieces());
        b_left.extend(pipe.inside(b).forwarded_pieces());
    }
    let (a, b) = (reassemble(&a_left).unwrap(), reassemble(&b_left).unwrap());
    assert!(a.problems.is_empty() && b.problems.is_empty());
    assert_eq!(a.src.ip(), b.src.ip());
    assert_ne!(a.src.port(), b.src.port());
    assert_ne!(a.id, b.id, "a receiver would mix them up");
}

/// RFC 6864 section 4.3: many datagrams at once, none of them with the same identification.
#[test]
fn identifications_outside_are_unique_among_many_hosts() {
    let config = Config::new().pool("prefixes", "[203.0.113.1/32]");
    let mut pipe = Pipe::new(&config);
    let mut ids = Vec::new();
    for host in [7, 8, 9, 10, 11, 20] {
        for id in [1, 2, 0xffff] {
            let flow = format!("10.64.0.{host}:5000 > 192.0.2.1:7000");
            let left = send_pieces(&mut pipe, "inside", &pieces(udp(&flow).id(id)), &[2, 0, 1]);
            ids.push(reassemble(&left).unwrap().id);
        }
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

/// RFC 4787 REQ-14: the same identification again, later, is another datagram.
#[test]
fn an_identification_may_be_used_again() {
    let mut pipe = Pipe::new(&Config::new());
    for port in 5000..5004 {
        let flow = format!("10.64.0.7:{port} > 192.0.2.1:7000");
        let left = send_pieces(&mut pipe, "inside", &pieces(udp(&flow).id(3)), &[0, 1, 2]);
        let whole = reassemble(&left).unwrap();
        assert!(whole.problems.is_empty(), "{:?}", whole.problems);
        pipe.wait(6.0);
    }
}

/// Section 7.2: `timeouts.fragments` is five seconds.
#[test]
fn pieces_wait_for_their_first_for_five_seconds() {
    let mut pipe = Pipe::new(&Config::new());
    let early = pieces(udp("10.64.0.7:5000 > 192.0.2.1:7000").id(1));
    for index in [1, 2] {
        pipe.inside(early[index].clone())
            .held(Counter::HoldFragment);
    }
    pipe.wait(4.0);
    let left = pipe.inside(early[0].clone()).forwarded_pieces();
    assert_eq!(left.len(), 3);
    assert!(reassemble(&left).unwrap().problems.is_empty());

    let late = pieces(udp("10.64.0.7:5000 > 192.0.2.1:7000").id(2));
    for index in [1, 2] {
        pipe.inside(late[index].clone()).held(Counter::HoldFragment);
    }
    pipe.wait(7.0);
    assert_eq!(pipe.counter(Counter::HoldFragmentDropped), 2);
    assert_eq!(pipe.inside(late[0].clone()).forwarded_pieces().len(), 1);
    assert_eq!(pipe.counter(Counter::HoldFragmentSent), 2);
}

/// Section 7.2: the time can be set.
#[test]
fn the_fragment_timeout_follows_the_configuration() {
    let mut pipe = Pipe::new(&Config::new().timeout("fragments", "10s"));
    let pieces = pieces(udp("10.64.0.7:5000 > 192.0.2.1:7000").id(1));
    for index in [1, 2] {
        pipe.inside(pieces[index].clone())
            .held(Counter::HoldFragment);
    }
    pipe.wait(9.0);
    assert_eq!(pipe.inside(pieces[0].clone()).forwarded_pieces().len(), 3);
}

/// RFC 4787 REQ-8: a first piece that nobody admits takes the others with it.
#[test]
fn pieces_to_nobody_are_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    let pieces = pieces(udp("192.0.2.1:7000 > 203.0.113.5:40000"));
    pipe.outside(pieces[1].clone()).held(Counter::HoldFragment);
    pipe.outside(pieces[0].clone())
        .dropped(Counter::DropNoMapping);
    let last = pipe.outside(pieces[2].clone());
    assert!(
        last.left.is_empty() && last.verdict != "forward",
        "{last:?}"
    );
    pipe.wait(10.0);
    assert_eq!(pipe.counter(Counter::HoldFragmentSent), 0);
    assert!(pipe.counter(Counter::HoldFragmentDropped) >= 1);
}

/// RFC 4787 REQ-9 and 14: pieces between two inside hosts.
#[test]
fn pieces_are_hairpinned() {
    let mut pipe = Pipe::new(&Config::new());
    let to_b = pipe
        .inside(udp("10.64.0.8:9 > 192.0.2.1:7000"))
        .forwarded()
        .src;
    let pieces = pieces(udp("10.64.0.7:5000 > 192.0.2.1:1").to(to_b));
    // Later pieces have no ports, so only the address says where they go.
    let left: Vec<Seen> = [1, 0, 2]
        .into_iter()
        .flat_map(|index| {
            let mut piece = pieces[index].clone();
            piece.dst.set_ip(to_b.ip());
            pipe.inside(piece).left
        })
        .map(|left| left.seen)
        .collect();
    let whole = reassemble(&left).unwrap();
    assert!(whole.problems.is_empty(), "{:?}", whole.problems);
    assert!(whole.dst == "10.64.0.8:9");
}

/// RFC 768: a UDP checksum of zero stays zero in a first piece.
#[test]
fn a_checksum_of_zero_stays_zero_in_pieces() {
    let mut pipe = Pipe::new(&Config::new());
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").transport_sum(testkit::Sum::Zero);
    let left = send_pieces(&mut pipe, "inside", &pieces(packet), &[1, 0, 2]);
    assert_eq!(reassemble(&left).unwrap().transport_sum, 0);
}

/// RFC 4787 REQ-8: filtering looks at the first piece, and the others share its fate.
#[test]
fn pieces_from_a_stranger_are_filtered() {
    let config = Config::new().rule("filtering", "address-dependent");
    let mut pipe = Pipe::new(&config);
    let out = super::open(&mut pipe);
    let pieces = pieces(out.reply().from("192.0.2.9:7000"));
    pipe.outside(pieces[0].clone())
        .dropped(Counter::DropFiltered);
    for piece in &pieces[1..] {
        assert!(pipe.outside(piece.clone()).left.is_empty());
    }
    assert!(pipe.wait(10.0).is_empty());
}
