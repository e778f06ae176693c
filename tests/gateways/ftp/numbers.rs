//! Sequence numbers of a control connection whose commands change their length, for its life
//! (REQUIREMENTS G4; PROTOCOLS B0.2).

use testkit::{Seen, flags};
use tests::{Pipe, X};

use super::{announced, announces, commas, control, log_in};
use crate::talk::Side::{Inside, Outside};
use crate::talk::{Side, Talk};
use crate::{strict, through, translation};

/// Grows by as much as a command can.
const SHORT: &str = "10.64.0.7:5001";
/// Becomes shorter where ports have fewer digits.
const LONG: &str = "10.64.0.11:65535";

/// A control connection of a host in which one announcement has changed the numbers; what it
/// became.
#[track_caller]
fn changed(nat: &mut Pipe, inside: &str, first: [u32; 2]) -> (Talk, Sent) {
    let host = crate::address(inside);
    let mut talk = Talk::open_at(nat, &format!("{host}:40000"), &format!("{X}:21"), first);
    log_in(nat, &mut talk);
    let line = format!("PORT {}\r\n", commas(inside));
    let sent = Sent::now(nat, &mut talk, line.as_bytes());
    (talk, sent)
}

/// A segment from inside: what it was, and what it became.
struct Sent {
    seq: u32,
    bytes: Vec<u8>,
    there: Seen,
}

impl Sent {
    #[track_caller]
    fn now(nat: &mut Pipe, talk: &mut Talk, bytes: &[u8]) -> Self {
        let seq = talk.end(Inside).next;
        let there = talk.sends(nat, Inside, bytes);
        Self {
            seq,
            bytes: bytes.to_vec(),
            there,
        }
    }

    /// Its number outside.
    fn there(&self) -> u32 {
        self.there.tcp.as_ref().unwrap().seq
    }

    /// Behind its last byte inside.
    fn end(&self) -> u32 {
        self.seq.wrapping_add(self.bytes.len() as u32)
    }

    /// The same outside.
    fn end_there(&self) -> u32 {
        self.there().wrapping_add(self.there.payload.len() as u32)
    }

    fn growth(&self) -> isize {
        self.there.payload.len().cast_signed() - self.bytes.len().cast_signed()
    }
}

/// Sequence and acknowledgement number.
fn numbers(seen: &Seen) -> (u32, u32) {
    let tcp = seen.tcp.as_ref().unwrap();
    (tcp.seq, tcp.ack)
}

/// A SACK option with these blocks.
fn sack(blocks: &[(u32, u32)]) -> Vec<u8> {
    let mut option = vec![1, 1, 5, 2 + 8 * blocks.len() as u8];
    for (left, right) in blocks {
        option.extend(left.to_be_bytes());
        option.extend(right.to_be_bytes());
    }
    option
}

/// The bytes of a stream that segments make together; overlapping ones must agree.
#[track_caller]
fn together(from: u32, segments: &[Seen]) -> Vec<u8> {
    let mut stream: Vec<Option<u8>> = Vec::new();
    for segment in segments {
        let at = numbers(segment).0.wrapping_sub(from) as usize;
        assert!(at < 4096, "far off: {segment:?}");
        let end = at + segment.payload.len();
        stream.resize(stream.len().max(end), None);
        for (place, byte) in stream[at..end].iter_mut().zip(&segment.payload) {
            assert!(
                place.is_none_or(|before| before == *byte),
                "bytes differ: {segment:?}"
            );
            *place = Some(*byte);
        }
    }
    stream
        .into_iter()
        .map(|byte| byte.expect("a hole"))
        .collect()
}

#[test]
fn a_command_may_grow() {
    let mut nat = Pipe::new(&strict());
    let (mut talk, sent) = changed(&mut nat, SHORT, [1000, 9000]);
    assert!(sent.growth() > 0, "{:?}", sent.there);
    goes_on(&mut nat, &mut talk);
}

#[test]
fn a_command_may_shrink() {
    let config = strict()
        .pool("prefixes", "[203.0.113.4/32]")
        .pool("ports", "1024-1279")
        .pool(
            "blocks",
            "{ size: 256, max_per_subscriber: 1, idle_timeout: 120s }",
        );
    let mut nat = Pipe::new(&config);
    let mut talk = Talk::open(&mut nat, "10.64.0.11:40000", &format!("{X}:21"));
    log_in(&mut nat, &mut talk);
    let line = format!("PORT {}\r\n", commas(LONG));
    let sent = Sent::now(&mut nat, &mut talk, line.as_bytes());
    assert!(sent.growth() < 0, "{:?}", sent.there);
    goes_on(&mut nat, &mut talk);
}

/// Two hundred segments each way, with more announcements between them.
#[track_caller]
fn goes_on(nat: &mut Pipe, talk: &mut Talk) {
    let host = talk.end(Inside).own.ip().to_string();
    for round in 0..200_usize {
        let reply = format!("200 {}\r\n", "r".repeat(round * 7 % 400));
        talk.says(nat, Outside, reply.as_bytes());
        let command = format!("CWD {}\r\n", "c".repeat(round * 13 % 400));
        talk.says(nat, Inside, command.as_bytes());
        if round % 20 == 19 {
            let inside = format!("{host}:{}", 20_000 + round);
            announces(nat, talk, Inside, &format!("PORT {}\r\n", commas(&inside)));
        }
    }
}

/// Data of both ends under way at once: each acknowledges what it has, not what comes.
#[test]
fn segments_may_cross() {
    let mut nat = Pipe::new(&strict());
    let (mut talk, sent) = changed(&mut nat, SHORT, [1000, 9000]);
    let reply = talk.segment(Outside).payload(b"200 ok\r\n");
    let early = talk
        .segment(Outside)
        .ack(sent.there())
        .payload(b"200 ok\r\n");
    // Sent before the command had come: its beginning is acknowledged.
    let seen = through(nat.outside(early));
    assert_eq!(numbers(&seen), (talk.end(Outside).next, sent.seq));
    // Sent again since.
    let seen = through(nat.outside(reply));
    assert_eq!(numbers(&seen), (talk.end(Outside).next, sent.end()));
    talk.counted(Outside, 8, 8);
    talk.says(&mut nat, Inside, b"NOOP\r\n");
}

/// B0.2: the edges of blocks are numbers of the sender's as well (RFC 2018).
#[test]
fn sack_blocks_name_the_senders_bytes() {
    let mut nat = Pipe::new(&strict());
    let (mut talk, sent) = changed(&mut nat, SHORT, [1000, 9000]);
    let second = Sent::now(&mut nat, &mut talk, b"NOOP\r\n");
    let third = Sent::now(&mut nat, &mut talk, b"SYST\r\n");
    // The second got lost, then the first as well.
    for (ack, there, blocks) in [
        (sent.end(), sent.end_there(), vec![(&third, &third)]),
        (sent.seq, sent.there(), vec![(&third, &third)]),
        (sent.seq, sent.there(), vec![(&second, &third)]),
        (
            sent.end(),
            sent.end_there(),
            vec![(&third, &third), (&second, &second)],
        ),
    ] {
        let outside: Vec<(u32, u32)> = blocks
            .iter()
            .map(|(first, last)| (first.there(), last.end_there()))
            .collect();
        let inside: Vec<(u32, u32)> = blocks
            .iter()
            .map(|(first, last)| (first.seq, last.end()))
            .collect();
        let packet = talk
            .segment(Outside)
            .ack(there)
            .tcp_options(&sack(&outside));
        let seen = through(nat.outside(packet));
        assert_eq!(seen.tcp.as_ref().unwrap().ack, ack);
        assert_eq!(seen.tcp.as_ref().unwrap().options, sack(&inside));
    }
}

/// RFC 2883: the first block may name what has come twice.
#[test]
fn duplicate_sack_blocks_too() {
    let mut nat = Pipe::new(&strict());
    let (mut talk, sent) = changed(&mut nat, SHORT, [1000, 9000]);
    let second = Sent::now(&mut nat, &mut talk, b"NOOP\r\n");
    let packet = talk
        .segment(Outside)
        .tcp_options(&sack(&[(sent.there(), sent.end_there())]));
    let seen = through(nat.outside(packet));
    assert_eq!(seen.tcp.as_ref().unwrap().ack, second.end());
    assert_eq!(
        seen.tcp.as_ref().unwrap().options,
        sack(&[(sent.seq, sent.end())])
    );
}

/// What the server has sent is not changed, and blocks about it are not either.
#[test]
fn sack_blocks_of_the_other_direction_stay() {
    let mut nat = Pipe::new(&strict());
    let (talk, _) = changed(&mut nat, SHORT, [1000, 9000]);
    let expects = talk.end(Inside).expects;
    let blocks = sack(&[(expects.wrapping_add(100), expects.wrapping_add(200))]);
    let seen = through(nat.inside(talk.segment(Inside).tcp_options(&blocks)));
    assert_eq!(seen.tcp.as_ref().unwrap().options, blocks);
}

/// B0.2: "retransmissions must be rewritten to identical bytes".
#[test]
fn a_segment_sent_again_is_the_same_again() {
    let mut nat = Pipe::new(&strict());
    let (mut talk, sent) = changed(&mut nat, SHORT, [1000, 9000]);
    let again = talk.segment(Inside).seq(sent.seq).payload(&sent.bytes);
    for _ in 0..3 {
        let seen = through(nat.inside(again.clone()));
        assert_eq!(
            (numbers(&seen).0, &seen.payload),
            (sent.there(), &sent.there.payload)
        );
    }
    assert_eq!(nat.show("doors").len(), 1);
    // Even when it has been acknowledged, and others have been sent since.
    talk.says(&mut nat, Outside, b"200 ok\r\n");
    talk.says(&mut nat, Inside, b"NOOP\r\n");
    let seen = through(nat.inside(talk.segment(Inside).seq(sent.seq).payload(&sent.bytes)));
    assert_eq!(
        (numbers(&seen).0, &seen.payload),
        (sent.there(), &sent.there.payload)
    );
    talk.says(&mut nat, Inside, b"SYST\r\n");
}

/// A sender may cut what it sends again as it likes, also through what was replaced.
#[test]
fn a_segment_sent_again_may_be_cut_anywhere() {
    let mut nat = Pipe::new(&strict());
    let (mut talk, sent) = changed(&mut nat, SHORT, [1000, 9000]);
    for cut in 1..sent.bytes.len() {
        let (head, tail) = sent.bytes.split_at(cut);
        let behind = sent.seq.wrapping_add(cut as u32);
        let pieces = [
            through(nat.inside(talk.segment(Inside).seq(sent.seq).payload(head))),
            through(nat.inside(talk.segment(Inside).seq(behind).payload(tail))),
        ];
        assert_eq!(
            together(sent.there(), &pieces),
            sent.there.payload,
            "cut at {cut}"
        );
    }
    talk.says(&mut nat, Inside, b"NOOP\r\n");
}

/// Or join it with what was in the next segment, or is sent for the first time.
#[test]
fn segments_sent_again_may_be_joined() {
    let mut nat = Pipe::new(&strict());
    let (mut talk, sent) = changed(&mut nat, SHORT, [1000, 9000]);
    let second = Sent::now(&mut nat, &mut talk, b"NOOP\r\n");
    let both = [&sent.bytes[..], &second.bytes].concat();
    let there = [&sent.there.payload[..], &second.there.payload].concat();
    let seen = through(nat.inside(talk.segment(Inside).seq(sent.seq).payload(&both)));
    assert_eq!(
        (numbers(&seen).0, seen.payload),
        (sent.there(), there.clone())
    );
    let more = [&both[..], b"SYST\r\n"].concat();
    let there = [&there[..], b"SYST\r\n"].concat();
    let seen = through(nat.inside(talk.segment(Inside).seq(sent.seq).payload(&more)));
    assert_eq!((numbers(&seen).0, seen.payload), (sent.there(), there));
    talk.counted(Inside, 6, 6);
    talk.says(&mut nat, Inside, b"NOOP\r\n");
    talk.says(&mut nat, Outside, b"200 ok\r\n");
}

/// A new announcement in a segment whose beginning is sent again.
#[test]
fn what_is_new_behind_something_old_is_read() {
    let mut nat = Pipe::new(&strict());
    let (mut talk, sent) = changed(&mut nat, SHORT, [1000, 9000]);
    let line = "EPRT |1|10.64.0.7|5002|\r\n";
    let both = [&sent.bytes[..], line.as_bytes()].concat();
    let seen = through(nat.inside(talk.segment(Inside).seq(sent.seq).payload(&both)));
    let (old, new) = seen.payload.split_at(sent.there.payload.len());
    assert_eq!(old, sent.there.payload);
    assert!(
        new.starts_with(b"EPRT |1|203.0.113."),
        "{}",
        new.escape_ascii()
    );
    talk.counted(Inside, line.len(), new.len());
    talk.says(&mut nat, Inside, b"NOOP\r\n");
    assert_eq!(nat.show("doors").len(), 2);
}

/// RFC 9293 section 3.8.4: one number in front of what is next, with or without a byte.
#[test]
fn keep_alive_probes_ask_for_what_was_acknowledged() {
    let mut nat = Pipe::new(&strict());
    let (talk, _) = changed(&mut nat, SHORT, [1000, 9000]);
    for side in Side::BOTH {
        let probe = talk.segment(side).seq(talk.end(side).next.wrapping_sub(1));
        let expected = talk.end(side.other()).expects.wrapping_sub(1);
        for garbage in [&b""[..], b"\0"] {
            let seen = through(nat.send(side.name(), &probe.clone().payload(garbage)));
            talk.is_addressed(side, &seen);
            assert_eq!(numbers(&seen), (expected, talk.end(side.other()).next));
            assert_eq!(seen.payload.len(), garbage.len());
            // And the answer.
            let answer = through(nat.send(side.other().name(), &talk.segment(side.other())));
            assert_eq!(
                numbers(&answer),
                (talk.end(side).expects, talk.end(side).next)
            );
        }
    }
}

/// B0.2: "RST sequence numbers need the same shift".
#[test]
fn a_reset_has_the_number_that_the_other_end_expects() {
    for side in Side::BOTH {
        let mut nat = Pipe::new(&strict());
        let (talk, _) = changed(&mut nat, SHORT, [1000, 9000]);
        let packet = talk.segment(side).flags(flags::RST | flags::ACK);
        let seen = through(nat.send(side.name(), &packet));
        let other = talk.end(side.other());
        assert_eq!(numbers(&seen), (other.expects, other.next));
    }
}

/// A reset without acknowledgement, as a host sends that knows nothing of the connection:
/// its number is what it was asked with.
#[test]
fn a_bare_reset_answers_the_acknowledgement_it_is_for() {
    let mut nat = Pipe::new(&strict());
    let (talk, _) = changed(&mut nat, SHORT, [1000, 9000]);
    let seen = through(nat.outside(talk.segment(Outside).ack(0).rst()));
    assert_eq!(numbers(&seen), (talk.end(Inside).expects, 0));
}

/// B0.2: "FIN … sequence numbers need the same shift", with data and without.
#[test]
fn the_end_of_data_is_behind_all_of_it() {
    let mut nat = Pipe::new(&strict());
    let (mut talk, _) = changed(&mut nat, SHORT, [1000, 9000]);
    talk.says(&mut nat, Outside, b"200 ok\r\n");
    talk.finishes(&mut nat, Inside);
    talk.says(&mut nat, Outside, b"221 Goodbye.\r\n");
    talk.finishes(&mut nat, Outside);
}

/// The announcement and the end of data in one segment.
#[test]
fn an_announcement_may_be_the_last_thing_said() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    let line = b"PORT 10,64,0,7,19,137\r\n";
    let seen = through(nat.inside(talk.segment(Inside).fin().payload(line)));
    announced(&seen);
    talk.arrives(Inside, line.len(), &seen);
    let ack = talk
        .segment(Outside)
        .ack(talk.end(Outside).expects.wrapping_add(1));
    let seen = through(nat.outside(ack));
    assert_eq!(numbers(&seen).1, talk.end(Inside).next.wrapping_add(1));
}

/// Numbers begin anew after 2^32: in front of, within and behind what changes.
#[test]
fn numbers_wrap_around() {
    // What is said before takes so many bytes.
    let before = b"USER anonymous\r\nPASS guest@\r\n".len() as u32 + 1;
    for into in [0_u32, 3, 9, 15, 23, 24, 30, 200] {
        let mut nat = Pipe::new(&strict());
        let first = 0_u32.wrapping_sub(before + into);
        let (mut talk, sent) = changed(&mut nat, SHORT, [first, 0xffff_ff80]);
        assert_eq!(sent.seq.wrapping_add(into), 0);
        talk.says(&mut nat, Outside, b"200 PORT command successful.\r\n");
        let second = Sent::now(&mut nat, &mut talk, b"NOOP\r\n");
        let packet = talk
            .segment(Outside)
            .ack(sent.there())
            .tcp_options(&sack(&[(second.there(), second.end_there())]));
        let seen = through(nat.outside(packet));
        assert_eq!(seen.tcp.as_ref().unwrap().ack, sent.seq);
        let blocks = sack(&[(second.seq, second.end())]);
        assert_eq!(seen.tcp.as_ref().unwrap().options, blocks);
        let again = talk.segment(Inside).seq(sent.seq).payload(&sent.bytes);
        let seen = through(nat.inside(again));
        assert_eq!(
            (numbers(&seen).0, &seen.payload),
            (sent.there(), &sent.there.payload)
        );
        for _ in 0..20 {
            talk.says(&mut nat, Inside, b"NOOP\r\n");
            talk.says(&mut nat, Outside, b"200 ok\r\n");
        }
    }
}

/// A hundred announcements: no change is forgotten too early, and there is always room for
/// the next one.
#[test]
fn there_is_no_limit_to_announcements() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    for round in 0..100 {
        let line = format!(
            "PORT {}\r\n",
            commas(&format!("10.64.0.7:{}", 5000 + round))
        );
        let outside = announces(&mut nat, &mut talk, Inside, &line);
        assert!(outside.starts_with("203.0.113."), "{outside}");
        talk.says(&mut nat, Outside, b"200 ok\r\n");
        Talk::come(&mut nat, &format!("{X}:20"), &outside);
    }
}

/// A segment as large as the path lets through has room to grow: the MSS of both ends is lower
/// by that than the links'.
#[test]
fn full_segments_have_room_to_grow() {
    let mut nat = Pipe::new(&strict());
    let syn = testkit::tcp(&format!("10.64.0.7:40000 > {X}:21")).syn();
    let seen = nat.inside(syn).forwarded();
    let options = &seen.tcp.as_ref().unwrap().options;
    assert_eq!(options[..2], [2, 4]);
    let mss = usize::from(u16::from_be_bytes([options[2], options[3]]));
    assert!(mss < 1460 && mss > 1300, "{mss}");
    let mut talk = control_after(&mut nat, &seen);
    let line = "PORT 10,64,0,7,19,137\r\n";
    let mut full = "NOOP\r\n".repeat((mss - line.len()) / 6);
    full.push_str(line);
    let seen = talk.sends(&mut nat, Inside, full.as_bytes());
    assert!(seen.payload.len() > full.len() && seen.ip.len() <= 1500);
    talk.says(&mut nat, Outside, b"200 ok\r\n");
}

/// The rest of a handshake that began with this.
#[track_caller]
fn control_after(nat: &mut Pipe, syn: &Seen) -> Talk {
    let first = syn.tcp.as_ref().unwrap().seq;
    let again = testkit::tcp(&format!("10.64.0.7:40000 > {X}:21"))
        .syn()
        .seq(first);
    Talk::established(nat, Inside, &again, [first, 9000])
}

/// What is known of a connection is told in the same numbers for both directions: it is seen to
/// be closed, and a reset to be one.
#[test]
fn the_end_of_a_changed_connection_is_understood() {
    for end in ["closed", "reset by the client", "reset by the server"] {
        let mut nat = Pipe::new(&strict());
        let (mut talk, _) = changed(&mut nat, SHORT, [1000, 9000]);
        talk.says(&mut nat, Outside, b"200 ok\r\n");
        let expected = if end == "closed" {
            talk.finishes(&mut nat, Inside);
            talk.finishes(&mut nat, Outside);
            "time_wait"
        } else {
            let side = Side::BOTH[usize::from(end.ends_with("server"))];
            let packet = talk.segment(side).flags(flags::RST | flags::ACK);
            through(nat.send(side.name(), &packet));
            "reset"
        };
        let row = translation(&mut nat, "10.64.0.7:40000", "192.0.2.1:21").unwrap();
        assert_eq!(row["state"], expected, "{end}: {row}");
    }
}

/// RFC 9293 section 3.6.1: the same endpoints once more, with other numbers: the new connection
/// has nothing to do with what was changed in the old one, and is read from its beginning.
#[test]
fn the_same_endpoints_may_be_used_again() {
    let mut nat = Pipe::new(&strict());
    for round in 0..5_u32 {
        let first = [1_000_000 * round + 1000, 3_000_000 * round + 9000];
        let (mut talk, sent) = changed(&mut nat, SHORT, first);
        assert!(sent.growth() > 0, "{:?}", sent.there);
        if round == 2 {
            talk.says(&mut nat, Inside, b"AUTH TLS\r\n");
            talk.says(&mut nat, Outside, b"234 Proceed.\r\n");
        }
        talk.says(&mut nat, Outside, b"221 Goodbye.\r\n");
        talk.finishes(&mut nat, Outside);
        talk.finishes(&mut nat, Inside);
        nat.wait(1.0);
    }
}
