//! Single steps; whole connections are in `tests/sequence.rs`.

use super::*;
use Direction::{Inbound, Outbound};

const FIRST: u32 = u32::MAX - 9;

fn pool() -> (Adjusters, AdjustId) {
    let mut pool = Adjusters::with_capacity(2, 8, 1);
    let id = pool.open(9, Outbound, FIRST, 500).unwrap();
    (pool, id)
}

fn apply(adjust: &mut Adjust<'_>, seq: u32, payload: &[u8]) -> (u32, Vec<u8>) {
    let mut out = [0; 128];
    let placed = adjust
        .apply(Outbound, seq, payload, false, &mut out)
        .unwrap();
    (placed.seq, out[..placed.len].to_vec())
}

/// `PORT 10,0` becomes `PORT 203,0,113,7`, and the stream goes on behind the wrap.
#[test]
fn later_bytes_and_their_acknowledgements_are_shifted_across_the_wrap() {
    let (mut pool, id) = pool();
    let mut adjust = pool.connection(id).unwrap();
    adjust
        .change(Outbound, FIRST.wrapping_add(5), 4, b"203,0,113,7")
        .unwrap();
    let sent = apply(&mut adjust, FIRST, b"PORT 10,0\r\n");
    assert_eq!(sent, (FIRST, b"PORT 203,0,113,7\r\n".to_vec()));
    assert_eq!(apply(&mut adjust, 1, b"LIST").0, 8);
    assert_eq!(adjust.ack(Inbound, 12), 5);
    assert_eq!(adjust.ack(Inbound, 8), 1);
    // In the middle of the new text, and at its start.
    assert_eq!(
        adjust.ack(Inbound, FIRST.wrapping_add(7)),
        FIRST.wrapping_add(7)
    );
    assert_eq!(
        adjust.ack(Inbound, FIRST.wrapping_add(14)),
        FIRST.wrapping_add(8)
    );
    assert_eq!(
        adjust.ack(Inbound, FIRST.wrapping_add(5)),
        FIRST.wrapping_add(5)
    );
    // The other direction is as it was.
    assert_eq!(
        (adjust.seq(Inbound, 500), adjust.ack(Outbound, 500)),
        (500, 500)
    );
}

#[test]
fn a_retransmission_cut_in_the_old_text_gives_the_same_bytes() {
    let (mut pool, id) = pool();
    let mut adjust = pool.connection(id).unwrap();
    adjust
        .change(Outbound, FIRST.wrapping_add(2), 3, b"ABCDEFG")
        .unwrap();
    assert_eq!(apply(&mut adjust, FIRST, b"..xyz..").1, b"..ABCDEFG..");
    assert_eq!(apply(&mut adjust, FIRST, b"..x").1, b"..A");
    let rest = apply(&mut adjust, FIRST.wrapping_add(3), b"yz..");
    assert_eq!(rest, (FIRST.wrapping_add(3), b"BCDEFG..".to_vec()));
    let last = apply(&mut adjust, FIRST.wrapping_add(5), b"..new");
    assert_eq!(last, (FIRST.wrapping_add(9), b"..new".to_vec()));
}

/// RFC 9293 section 3.8.4: a keep-alive is answered because it comes before what is expected.
#[test]
fn a_keep_alive_behind_a_deletion_is_still_one() {
    let (mut pool, id) = pool();
    let mut adjust = pool.connection(id).unwrap();
    adjust
        .change(Outbound, FIRST.wrapping_add(1), 4, b"")
        .unwrap();
    assert_eq!(apply(&mut adjust, FIRST, b"1abcd").1, b"1");
    let next = FIRST.wrapping_add(5);
    assert_eq!(adjust.seq(Outbound, next), FIRST.wrapping_add(1));
    assert_eq!(adjust.seq(Outbound, next.wrapping_sub(1)), FIRST);
    assert_eq!(
        apply(&mut adjust, next.wrapping_sub(1), b"?"),
        (FIRST, Vec::new())
    );
    // All of a segment is gone: what is left of it asks for an acknowledgement.
    assert_eq!(
        apply(&mut adjust, next.wrapping_sub(4), b"abcd"),
        (FIRST, Vec::new())
    );
    assert_eq!(adjust.ack(Inbound, FIRST.wrapping_add(1)), next);
    // Its FIN is not moved.
    let mut out = [0; 8];
    let fin = adjust
        .apply(Outbound, next.wrapping_sub(4), b"abcd", true, &mut out)
        .unwrap();
    assert_eq!((fin.seq, fin.len), (FIRST.wrapping_add(1), 0));
}

/// RFC 2018 section 3, RFC 2883 section 4.
#[test]
fn blocks_name_whole_bytes_of_the_sender_only() {
    let (mut pool, id) = pool();
    let mut adjust = pool.connection(id).unwrap();
    let at = |n: u32| FIRST.wrapping_add(n);
    adjust.change(Outbound, at(4), 2, b"123456").unwrap();
    apply(&mut adjust, FIRST, b"abcdXYefgh");
    assert_eq!(adjust.sack(Inbound, at(10), at(14)), Some((at(6), at(10))));
    assert_eq!(adjust.sack(Inbound, at(2), at(8)), Some((at(2), at(5))));
    assert_eq!(adjust.sack(Inbound, at(6), at(9)), None);
    assert_eq!(adjust.sack(Inbound, at(6), at(12)), Some((at(6), at(8))));
}

/// RFC 9293 section 3.8.6: the edge of a window is a place in the stream.
#[test]
fn windows_end_at_the_same_byte_on_both_sides() {
    let (mut pool, id) = pool();
    let mut adjust = pool.connection(id).unwrap();
    adjust.change(Outbound, FIRST, 2, b"123456").unwrap();
    apply(&mut adjust, FIRST, b"XYefgh");
    assert_eq!(adjust.window(Inbound, FIRST, 10), 6);
    assert_eq!(adjust.window(Inbound, FIRST.wrapping_add(6), 10), 10);
    assert_eq!(adjust.window(Inbound, FIRST.wrapping_add(6), 0), 0);
    assert_eq!(adjust.urgent(Outbound, FIRST, 3), 7);
}

#[test]
fn what_may_have_been_heard_is_not_changed() {
    let (mut pool, id) = pool();
    let mut adjust = pool.connection(id).unwrap();
    let at = |n: u32| FIRST.wrapping_add(n);
    let change =
        |adjust: &mut Adjust<'_>, n, old, new: &[u8]| adjust.change(Outbound, at(n), old, new);
    apply(&mut adjust, FIRST, b"12345678");
    assert_eq!(change(&mut adjust, 7, 1, b"x"), Err(ChangeError::Sent));
    assert_eq!(change(&mut adjust, 9, 2, b"x"), Ok(()));
    assert_eq!(change(&mut adjust, 10, 1, b"x"), Err(ChangeError::Sent));
    assert_eq!(change(&mut adjust, 11, 0, b"x"), Err(ChangeError::Length));
    assert_eq!(
        change(&mut adjust, 11, 1, &[0; 65]),
        Err(ChangeError::Length)
    );
    adjust.withdraw(Outbound);
    assert_eq!(adjust.seq(Outbound, at(12)), at(12));
    assert_eq!(pool.changes(), 0);
}

#[test]
fn changes_are_forgotten_once_acknowledged_and_not_before() {
    let (mut pool, id) = pool();
    let mut adjust = pool.connection(id).unwrap();
    let mut seq = FIRST;
    for n in 0..8 {
        assert_eq!(adjust.room(Outbound), 8 - n);
        adjust.change(Outbound, seq, 1, b"xyz").unwrap();
        apply(&mut adjust, seq, b"a");
        seq = seq.wrapping_add(1);
    }
    assert_eq!(
        adjust.change(Outbound, seq, 1, b"xyz"),
        Err(ChangeError::Full)
    );
    // Two of them.
    assert_eq!(
        adjust.ack(Inbound, FIRST.wrapping_add(6)),
        FIRST.wrapping_add(2)
    );
    assert_eq!(adjust.room(Outbound), 2);
    assert_eq!(adjust.change(Outbound, seq, 1, b"xyz"), Ok(()));
    // What was never sent cannot be acknowledged.
    adjust.ack(Inbound, FIRST.wrapping_add(1000));
    assert_eq!(adjust.room(Outbound), 1);
    apply(&mut adjust, seq, b"a");
    adjust.ack(Inbound, FIRST.wrapping_add(27));
    assert_eq!(
        adjust.ack(Inbound, FIRST.wrapping_add(28)),
        seq.wrapping_add(2)
    );
    assert_eq!(pool.changes(), 4);
    // The first bytes come once more: they are left out, not sent as they were.
    let mut adjust = pool.connection(id).unwrap();
    assert_eq!(
        apply(&mut adjust, FIRST, b"aaa"),
        (FIRST.wrapping_add(12), Vec::new())
    );
    assert_eq!(
        apply(&mut adjust, FIRST, b"aaaaaa"),
        (FIRST.wrapping_add(15), b"xyz".to_vec())
    );
}

/// 5 GB behind the last change, whose number has come round.
#[test]
fn an_old_change_does_not_come_back_when_numbers_wrap() {
    let (mut pool, id) = pool();
    let mut adjust = pool.connection(id).unwrap();
    adjust.change(Outbound, FIRST, 1, b"xyz").unwrap();
    apply(&mut adjust, FIRST, b"a");
    let mut seq = FIRST.wrapping_add(1);
    for _ in 0..5 << 10 {
        seq = seq.wrapping_add(1 << 20);
        assert_eq!(
            apply(&mut adjust, seq, b"a"),
            (seq.wrapping_add(2), b"a".to_vec())
        );
        assert_eq!(
            adjust.ack(Inbound, seq.wrapping_add(3)),
            seq.wrapping_add(1)
        );
    }
    assert_eq!(pool.changes(), 0);
}

#[test]
fn a_full_pool_refuses_and_a_closed_record_is_used_again() {
    let (mut pool, id) = pool();
    let handed = [(1, 5), (2, 6)].map(|(next, offset)| Handed {
        from: next,
        next,
        offset,
    });
    let other = pool.take_over(10, handed).unwrap();
    assert_eq!(pool.open(11, Inbound, 1, 1), Err(PoolFull));
    assert_eq!(
        (pool.find(9), pool.find(10), pool.find(11)),
        (Some(id), Some(other), None)
    );
    let mut adjust = pool.connection(other).unwrap();
    assert_eq!((adjust.seq(Outbound, 1), adjust.seq(Inbound, 2)), (6, 8));
    assert_eq!((adjust.ack(Inbound, 6), adjust.ack(Outbound, 8)), (1, 2));
    adjust.change(Outbound, 1, 1, b"").unwrap();
    pool.close(other);
    pool.close(other);
    assert_eq!((pool.live(), pool.changes(), pool.find(10)), (1, 0, None));
    assert_eq!(pool.open(11, Inbound, 1, 1), Ok(other));
}

#[test]
fn a_payload_that_outgrows_its_packet_goes_in_parts() {
    let (mut pool, id) = pool();
    let mut adjust = pool.connection(id).unwrap();
    adjust.change(Outbound, FIRST, 4, &[b'x'; 60]).unwrap();
    let mut out = [0; 40];
    let whole = adjust.apply(Outbound, FIRST, b"abcdefgh", false, &mut out);
    assert_eq!(whole, Err(NoRoom));
    assert_eq!(adjust.next(Outbound), FIRST);
    let mut parts = Vec::new();
    for part in [&b"abc"[..], b"d", b"efgh"] {
        let seq = adjust.next(Outbound);
        let mut out = [0; 57];
        let placed = adjust.apply(Outbound, seq, part, false, &mut out).unwrap();
        parts.extend_from_slice(&out[..placed.len]);
    }
    assert_eq!(parts, [&[b'x'; 60][..], b"efgh"].concat());
}

#[test]
fn a_direction_is_settled_once_all_changes_are_acknowledged() {
    let (mut pool, id) = pool();
    let mut adjust = pool.connection(id).unwrap();
    let at = |n: u32| FIRST.wrapping_add(n);
    assert!(adjust.is_settled(Outbound) && adjust.is_settled(Inbound));
    adjust.change(Outbound, at(2), 1, b"xyz").unwrap();
    apply(&mut adjust, FIRST, b"..a..");
    assert_eq!(
        (
            adjust.offset(Outbound, at(2)),
            adjust.offset(Outbound, at(5))
        ),
        (0, 2)
    );
    assert!(!adjust.is_settled(Outbound) && adjust.is_settled(Inbound));
    adjust.ack(Inbound, at(4));
    assert!(!adjust.is_settled(Outbound));
    // What is behind the last change may still be under way.
    adjust.ack(Inbound, at(5));
    assert!(adjust.is_settled(Outbound));
}
