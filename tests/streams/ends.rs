//! How streams end: by FIN, RST, clearing or what cannot be followed; the connection goes on, and
//! nothing is left behind.

use base::Counter;
use tests::{Config, Pipe};

use crate::parts::{commands, is_rewritten, replies};
use crate::world::{Cut, Line, World};

const PORT: &[u8] = b"PORT 10,64,0,7,19,136\r\n";

/// A connection on the slow path, half a command of which is held.
fn half(config: &Config, client: &[u8]) -> World {
    let texts = [client, &b"220 hello\r\n"[..]];
    let mut world =
        World::new(Pipe::new(config), Line::GOOD, Cut::Each(4), texts).without_closing();
    world.run(10);
    assert_eq!(world.nat.counter(Counter::AlgVtcpStreams), 1);
    world
}

/// RFC 9293 section 3.10.7: a FIN behind half a message ends it, and what there is of it arrives.
#[test]
fn a_fin_behind_half_a_message_delivers_the_half() {
    for closer in [0, 1] {
        let client = [PORT, b"LIS"].concat();
        let mut world = half(&Config::new(), &client);
        let heard = String::from_utf8(world.heard()[1].to_vec()).unwrap();
        assert_eq!(heard.lines().count(), 1, "{heard:?}");
        world.close(closer);
        world.close(1 - closer);
        world.run(60);
        assert_eq!(is_rewritten(&client, world.heard()[1]), 1);
        assert_eq!(world.heard()[0], b"220 hello\r\n");
        world.nat.check_verdicts();
    }
}

/// One side closes, and the other goes on for long.
#[test]
fn half_a_connection_is_still_read() {
    let mut world = half(&Config::new(), b"USER me\r\nPA");
    world.close(1);
    world.run(10);
    world.say(0, b"SS x\r\n");
    world.say(0, PORT);
    world.run(10);
    world.rest(5.0);
    world.say(0, PORT);
    world.close(0);
    world.run(60);
    let said = [&b"USER me\r\nPASS x\r\n"[..], PORT, PORT].concat();
    assert_eq!(is_rewritten(&said, world.heard()[1]), 2);
}

/// G5: a reset at any time, by either side, over a bad line: both sides learn of it or are told
/// when they ask, and another connection finds everything as new.
#[test]
fn a_reset_in_any_state_ends_it() {
    for seed in 1..16 {
        let line = Line {
            seed,
            loss: 4,
            double: 3,
            jitter: 10,
        };
        let texts: [&[u8]; 2] = [&commands(4000), &replies(3000)];
        let mut world = World::new(Pipe::new(&Config::new()), line, Cut::Anywhere, texts);
        world.run_for(seed * 17);
        world.reset((seed % 2) as usize);
        world.run(20);
        world.nat.check_verdicts();
        world.nat.clear("translations");
        assert_eq!(world.nat.show("doors").len(), 0);
        world.rest(5.0);
        world.again(Line::GOOD, Cut::Each(3), [PORT, b"220 hello\r\n"]);
        world.run(60);
        assert_eq!(is_rewritten(PORT, world.heard()[1]), 1, "seed {seed}");
    }
}

/// What is held for a session goes when the session does.
#[test]
fn clearing_translations_ends_streams() {
    let mut world = half(&Config::new(), b"USER me\r\nPORT 10,64,");
    assert_eq!(world.nat.clear("translations"), 1);
    world.say(0, b"0,7,19,136\r\n");
    world.run(20);
    // Nobody knows the connection any more, as with any other.
    assert_eq!(world.heard()[1], b"USER me\r\n");
    world.nat.check_verdicts();
}

/// Timers of a session are restarted by what comes, not by what the slow path sends.
#[test]
fn a_session_that_times_out_takes_its_stream_along() {
    let config = Config::new().timeout("tcp_established", "7440s");
    let mut world = half(&config, b"USER me\r\nNOO");
    // 32 seconds later it is let go, as half a message that nobody ends.
    world.rest(8000.0);
    assert_eq!(world.nat.show("translations").len(), 0);
    assert_eq!(world.nat.counter(Counter::AlgVtcpReleased), 1);
}

/// CVE-2026-21905: a message without end is passed on, and so is everything behind it.
#[test]
fn an_endless_message_is_let_go_with_an_event() {
    let config = Config::new().top("alg: { vtcp: { max_message: 256 } }");
    let client = [&b"USER me\r\nSITE "[..], &b"x".repeat(900), b"\r\n", PORT].concat();
    let server = b"220 hello\r\n";
    for cut in [1, 40, 300] {
        let pipe = Pipe::new(&config);
        let mut world = World::new(pipe, Line::GOOD, Cut::Each(cut), [&client, server]);
        world.run(60);
        assert_eq!(world.heard(), [&server[..], &client], "cut {cut}");
        assert_eq!(world.nat.counter(Counter::AlgVtcpReleased), 1, "cut {cut}");
        assert_eq!(world.nat.show("doors").len(), 0);
        let events = world.nat.show("events");
        let event = events.iter().find(|row| row["event"] == "stream_released");
        let event = event.expect("an event");
        assert_eq!(event["inside"], "10.64.0.7");
        assert_eq!(event["detail"], "ftp: a message is too long");
    }
}

/// The same over a bad line, with messages before that were rewritten: numbers stay right for
/// the rest of the connection.
#[test]
fn a_connection_outlives_its_stream_over_a_bad_line() {
    let config = Config::new().top("alg: { vtcp: { max_message: 256 } }");
    for seed in 1..9 {
        let line = Line {
            seed,
            loss: 8,
            double: 5,
            jitter: 20,
        };
        let rest = [&b"SITE "[..], &b"y".repeat(5000), b"\r\n"].concat();
        let client = [&commands(1500)[..], &rest].concat();
        let server = replies(4000);
        let pipe = Pipe::new(&config);
        let mut world = World::new(pipe, line, Cut::Anywhere, [&client, &server]);
        world.run(600);
        assert!(is_rewritten(&client, world.heard()[1]) > 10, "seed {seed}");
        assert_eq!(world.heard()[0], server, "seed {seed}");
    }
}

/// The rest of a message that does not come is not waited for longer than half a minute.
#[test]
fn half_a_message_is_passed_on_when_patience_ends() {
    let mut world = half(&Config::new(), b"USER me\r\nPORT 10,64,");
    assert_eq!(world.heard()[1], b"USER me\r\n");
    world.rest(40.0);
    world.run(5);
    assert_eq!(world.heard()[1], b"USER me\r\nPORT 10,64,");
    assert_eq!(world.nat.counter(Counter::AlgVtcpReleased), 1);
    world.say(0, b"0,7,19,136\r\n");
    world.run(10);
    assert_eq!(world.heard()[1], b"USER me\r\nPORT 10,64,0,7,19,136\r\n");
}

/// G2: what is not the protocol passes byte for byte, however it is cut.
#[test]
fn what_is_not_the_protocol_passes_as_it_is() {
    let client = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20);
    let server = b"HTTP/1.1 200 OK\r\n\r\n".repeat(30);
    for seed in 1..5 {
        let line = Line {
            seed,
            loss: 5,
            double: 5,
            jitter: 10,
        };
        let cut = [Cut::Anywhere, Cut::Each(1)][(seed % 2) as usize];
        let pipe = Pipe::new(&Config::new());
        let mut world = World::new(pipe, line, cut, [&client, &server]);
        world.run(600);
        assert_eq!(world.heard(), [&server[..], &client], "seed {seed}");
        let rows = world.nat.show("alg");
        let ftp = rows.iter().find(|row| row["alg"] == "ftp").unwrap();
        assert_eq!(ftp["bypassed"], 1, "{ftp}");
    }
}
