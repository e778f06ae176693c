//! RTSP in parts: what a message says of its session's doors is done as for a whole one, and they
//! close with the connection.

use base::Counter;
use tests::{Config, Pipe};

use crate::world::{Cut, Line, World};

/// A connection on the slow path, with doors for a client's media.
fn set_up() -> World {
    let mut world = World::new(
        Pipe::new(&Config::new()),
        Line::GOOD,
        Cut::Each(7),
        [b"", b""],
    )
    .at_port(554)
    .without_closing();
    world.run(1);
    let setup = "SETUP rtsp://192.0.2.1/film/1 RTSP/1.0\r\nCSeq: 1\r\n\
                 Transport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n";
    world.say(0, setup.as_bytes());
    world.run(5);
    let heard = String::from_utf8(world.heard()[1].to_vec()).unwrap();
    let given = heard.split("client_port=").nth(1).unwrap();
    let ports = given.split("\r\n").next().unwrap();
    let answer = format!(
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\nTransport: RTP/AVP;unicast;client_port={ports};\
         server_port=6256-6257\r\nSession: 42\r\n\r\n"
    );
    world.say(1, answer.as_bytes());
    world.run(5);
    assert!(!world.nat.show("doors").is_empty());
    world
}

/// RFC 2326 section 10.7.
#[test]
fn a_teardown_in_parts_closes_what_was_set_up() {
    let mut world = set_up();
    world.say(
        0,
        b"TEARDOWN rtsp://192.0.2.1/film RTSP/1.0\r\nCSeq: 9\r\nSession: 42\r\n\r\n",
    );
    world.run(5);
    assert_eq!(world.nat.show("doors").len(), 0);
    assert_eq!(world.nat.counter(Counter::AlgVtcpStreams), 1);
    assert_eq!(world.nat.counter(Counter::AlgVtcpReleased), 0);
}

/// RFC 2326 section 1.1: the server keeps no media without the connection; half a message may
/// stand in front of its end.
#[test]
fn the_end_of_a_connection_in_parts_closes_what_was_set_up() {
    for end in ["closed", "reset by the client", "reset by the server"] {
        let mut world = set_up();
        world.say(0, b"OPTIO");
        world.run_for(100);
        match end {
            "closed" => {
                world.close(0);
                world.close(1);
            }
            "reset by the client" => world.reset(0),
            _ => world.reset(1),
        }
        world.run(5);
        world.rest(1.0);
        assert_eq!(world.nat.show("doors").len(), 0, "{end}");
        assert_eq!(world.nat.counter(Counter::AlgVtcpStreams), 1, "{end}");
    }
}
