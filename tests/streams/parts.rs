//! Whatever the cut, order and loss: the receiver hears the rewritten messages, and nothing else.

use std::collections::BTreeMap;

use base::Counter;
use testkit::{Packet, flags};
use tests::{Config, Connection, Pipe};

use crate::world::{Cut, Line, World};

/// Data port of the `nth` announcement.
fn port(nth: usize) -> usize {
    5000 + nth % 5
}

/// Commands of a client, so many bytes at least: an announcement now and then.
pub(crate) fn commands(bytes: usize) -> Vec<u8> {
    let mut text = b"USER anonymous\r\n".to_vec();
    let mut nth = 0;
    while text.len() < bytes {
        nth += 1;
        match nth % 4 {
            0 => {
                let port = port(nth / 4);
                let (high, low) = (port / 256, port % 256);
                text.extend(format!("PORT 10,64,0,7,{high},{low}\r\n").bytes());
            }
            1 => text.extend(format!("STOR file-{nth}.bin\r\n").bytes()),
            2 => text.extend(b"NOOP\r\n"),
            _ => text.extend(format!("CWD {}\r\n", "d".repeat(nth % 60)).bytes()),
        }
    }
    text
}

/// Replies of a server.
pub(crate) fn replies(bytes: usize) -> Vec<u8> {
    let mut text = b"220-hello\r\n of many lines\r\n220 ready\r\n".to_vec();
    while text.len() < bytes {
        text.extend(b"200 PORT command successful.\r\n");
    }
    text
}

/// What was heard is what was said, with announcements of the inside rewritten to the pool:
/// the same port always in the same way. Answers how many there were.
#[track_caller]
pub(crate) fn is_rewritten(said: &[u8], heard: &[u8]) -> usize {
    let lines = |text: &[u8]| {
        let text = String::from_utf8(text.to_vec()).unwrap();
        text.split_inclusive("\r\n").map(str::to_owned).collect()
    };
    let (said, heard): (Vec<String>, Vec<String>) = (lines(said), lines(heard));
    let mut known = BTreeMap::new();
    let mut count = 0;
    for (at, (said, heard)) in said.iter().zip(&heard).enumerate() {
        if let Some(inside) = said.strip_prefix("PORT 10,64,0,7,") {
            let outside = heard.strip_prefix("PORT 203,0,113,");
            let outside = outside.unwrap_or_else(|| panic!("line {at}: {said:?}, {heard:?}"));
            assert_eq!(outside.split(',').count(), 3, "line {at}: {heard:?}");
            let first = known.entry(inside).or_insert(outside);
            assert_eq!(*first, outside, "line {at}");
            count += 1;
        } else {
            assert_eq!(said, heard, "line {at}");
        }
    }
    assert_eq!(said.len(), heard.len());
    count
}

#[track_caller]
fn arrives(line: Line, cut: Cut, client: &[u8], server: &[u8], seconds: u64) -> World {
    let mut world = World::new(Pipe::new(&Config::new()), line, cut, [client, server]);
    world.run(seconds);
    let [at_client, at_server] = world.heard();
    is_rewritten(client, at_server);
    assert_eq!(at_client, server);
    world.nat.check_verdicts();
    world
}

/// G5: one byte a segment.
#[test]
fn a_port_command_in_single_bytes_is_rewritten() {
    let client = b"USER me\r\nPORT 10,64,0,7,19,136\r\nLIST\r\n";
    let mut world = arrives(Line::GOOD, Cut::Each(1), client, b"220 hello\r\n", 60);
    assert_eq!(world.nat.counter(Counter::AlgUnread), 0);
    assert!(world.nat.counter(Counter::AlgVtcpStreams) >= 1);
    assert_eq!(world.nat.counter(Counter::AlgVtcpReleased), 0);
    assert!(world.reasons["hold.stream"] > 20, "{:?}", world.reasons);
    // The announced port is open from outside.
    assert_eq!(world.nat.show("doors").len(), 1);
}

/// G5: any two pieces, and any three that come together with other commands.
#[test]
fn every_cut_in_two_gives_the_same() {
    let client = b"NOOP\r\nPORT 10,64,0,7,19,136\r\nLIST\r\n";
    for at in 1..client.len() {
        arrives(Line::GOOD, Cut::Each(at), client, b"220 hello\r\n", 60);
    }
}

/// G5: lost, doubled and out of order, both ways, with and without time stamps and scaled windows.
#[test]
fn commands_survive_a_bad_line() {
    for seed in 1..13 {
        let line = Line {
            seed,
            loss: 10,
            double: 5,
            jitter: 30,
        };
        arrives(line, Cut::Anywhere, &commands(3000), &replies(2000), 600);
    }
}

/// Issue 5, row 3: 2 MB of messages back to back, cut anywhere, with 5 % loss and reordering.
#[test]
fn two_megabytes_cut_anywhere_arrive_exactly() {
    let line = Line {
        seed: 20,
        loss: 5,
        double: 1,
        jitter: 3,
    };
    let client = commands(2 << 20);
    let mut world = arrives(line, Cut::Anywhere, &client, &replies(100_000), 6000);
    assert!(is_rewritten(&client, world.heard()[1]) > 10_000);
    assert_eq!(world.nat.counter(Counter::AlgVtcpReleased), 0);
}

/// A segment with more announcements than a worker rewrites in one.
#[test]
fn a_segment_full_of_announcements_is_rewritten() {
    let client = b"PORT 10,64,0,7,19,136\r\n".repeat(600);
    arrives(Line::GOOD, Cut::Each(1300), &client, b"220 hello\r\n", 60);
}

/// What was rewritten in passing and got lost is written the same again, before messages in
/// parts are taken over.
#[test]
fn what_was_rewritten_before_is_delivered_before_a_stream_begins() {
    for seed in 30..50 {
        let line = Line {
            seed,
            loss: 25,
            double: 0,
            jitter: 5,
        };
        let client = b"PORT 10,64,0,7,19,136\r\nLIST\r\n".repeat(20);
        arrives(line, Cut::Each(29), &client, b"220 hello\r\n", 600);
        arrives(line, Cut::Each(45), &client, b"220 hello\r\n", 600);
    }
}

/// Long connections are not on the slow path for ever.
#[test]
fn a_connection_that_comes_in_whole_messages_again_leaves_the_slow_path() {
    let nat = Pipe::new(&Config::new());
    let mut world = World::new(
        nat,
        Line::GOOD,
        Cut::Each(5),
        [b"NOOP\r\n", b"220 hello\r\n"],
    );
    world = world.without_closing();
    world.run(10);
    assert!(world.reasons["hold.stream"] > 0, "{:?}", world.reasons);
    world.rest(3.0);
    let mut said = b"NOOP\r\n".to_vec();
    for round in 0..3 {
        let before = world.reasons["hold.stream"];
        let line = b"PORT 10,64,0,7,19,136\r\n";
        world.cut(0, Cut::Each(100));
        world.say(0, line);
        said.extend(line);
        world.run(10);
        assert_eq!(world.reasons["hold.stream"], before, "round {round}");
        world.cut(0, Cut::Each(7));
        world.say(0, line);
        said.extend(line);
        world.run(10);
        assert!(world.reasons["hold.stream"] > before, "round {round}");
        world.rest(3.0);
    }
    assert_eq!(is_rewritten(&said, world.heard()[1]), 6);
    assert_eq!(world.nat.counter(Counter::AlgVtcpStreams), 4);
    assert_eq!(world.nat.counter(Counter::AlgVtcpReleased), 0);
}

/// G1: `vtcp: off` leaves messages in parts alone, and says so.
#[test]
fn switched_off_messages_in_parts_pass_as_they_are() {
    let config = Config::new().top("alg: { vtcp: off }");
    let client = b"USER me\r\nPORT 10,64,0,7,19,136\r\n";
    let texts = [&client[..], b"220 hello\r\n"];
    let mut world = World::new(Pipe::new(&config), Line::GOOD, Cut::Each(7), texts);
    world.run(60);
    assert_eq!(world.heard(), [&b"220 hello\r\n"[..], client]);
    assert_eq!(world.nat.counter(Counter::AlgVtcpStreams), 0);
    assert_eq!(world.nat.counter(Counter::AlgUnread), 1);
}

/// The same, segment by segment: what is not there yet is dropped while a rewritten command is
/// under way, and a retransmission of both goes on as far as it was read.
#[test]
fn a_stream_begins_when_rewritten_commands_have_arrived() {
    const PORT: &[u8] = b"PORT 10,64,0,7,19,136\r\n";
    let mut nat = Pipe::new(&Config::new());
    let connection = Connection::open(&mut nat, "10.64.0.7:40000", "192.0.2.1:21");
    let ack = |packet: Packet| packet.flags(flags::ACK);
    let outbound = |seq, payload: &[u8]| ack(connection.outbound().seq(seq).payload(payload));
    let first = nat.inside(outbound(1001, PORT));
    let rewritten = first.left[0].seen.payload.clone();
    assert_eq!(is_rewritten(PORT, &rewritten), 1);
    let behind = 1001 + PORT.len() as u32;
    nat.inside(outbound(behind, b"LI"))
        .dropped(Counter::DropStream);
    // Both again, in one segment, which the client takes for the last.
    let both = [PORT, b"LI"].concat();
    let both = outbound(1001, &both).flags(flags::ACK | flags::FIN);
    let again = nat.inside(both);
    assert_eq!(again.verdict, "forward", "{again:?}");
    let seen = &again.left[0].seen;
    assert_eq!(
        (&seen.payload, seen.tcp.as_ref().unwrap().seq),
        (&rewritten, 1001)
    );
    assert_eq!(seen.tcp.as_ref().unwrap().flags & flags::FIN, 0);
    let acked = 1001 + rewritten.len() as u32;
    let answer = ack(connection.inbound().seq(9001).ack(acked));
    let told = &nat.outside(answer).left[0].seen;
    assert_eq!(told.tcp.as_ref().unwrap().ack, behind);
    let held = nat.inside(outbound(behind, b"LI"));
    assert_eq!((held.verdict.as_str(), held.left.len()), ("hold", 1));
    assert_eq!(held.left[0].interface, "inside");
    let rest = nat.inside(outbound(behind + 2, b"ST\r\n"));
    let sent = rest
        .left
        .iter()
        .find(|left| left.interface == "outside")
        .unwrap();
    assert_eq!(sent.seen.payload, b"LIST\r\n");
    assert_eq!(sent.seen.tcp.as_ref().unwrap().seq, acked);
    nat.check_verdicts();
}

/// P2: the same of SIP over TCP; any cut gives what whole messages give.
#[test]
fn sip_messages_in_parts_are_what_whole_ones_are() {
    let message = "OPTIONS sip:bob@192.0.2.1 SIP/2.0\r\n\
        Via: SIP/2.0/TCP 10.64.0.7:40000;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
        From: <sip:alice@10.64.0.7>;tag=1\r\nTo: <sip:bob@192.0.2.1>\r\n\
        Call-ID: 1@10.64.0.7\r\nCSeq: 1 OPTIONS\r\n\
        Contact: <sip:alice@10.64.0.7:40000;transport=tcp>\r\nContent-Length: 0\r\n\r\n";
    let client = message.repeat(30);
    let heard = |line, cut| {
        let texts = [client.as_bytes(), b""];
        let pipe = Pipe::new(&Config::new());
        let mut world = World::new(pipe, line, cut, texts).at_port(5060);
        world.run(600);
        assert_eq!(world.nat.counter(Counter::AlgUnread), 0);
        String::from_utf8(world.heard()[1].to_vec()).unwrap()
    };
    let whole = heard(Line::GOOD, Cut::Each(message.len()));
    assert_eq!(whole.matches("OPTIONS sip:bob").count(), 30);
    assert!(!whole.contains("10.64.0.7"), "{whole}");
    for cut in [1, 7, 100, message.len() + 1, 1000] {
        assert!(heard(Line::GOOD, Cut::Each(cut)) == whole, "cut {cut}");
    }
    for seed in 1..6 {
        let line = Line {
            seed,
            loss: 5,
            double: 2,
            jitter: 10,
        };
        assert!(heard(line, Cut::Anywhere) == whole, "seed {seed}");
    }
}
