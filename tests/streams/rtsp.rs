//! RTSP in parts: what a message says of its session's doors is done as for a whole one.

use base::Counter;
use tests::{Config, Pipe};

use crate::world::{Cut, Line, World};

/// RFC 2326 section 10.7.
#[test]
fn a_teardown_in_parts_closes_what_was_set_up() {
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
    world.say(
        0,
        b"TEARDOWN rtsp://192.0.2.1/film RTSP/1.0\r\nCSeq: 9\r\nSession: 42\r\n\r\n",
    );
    world.run(5);
    assert_eq!(world.nat.show("doors").len(), 0);
    assert_eq!(world.nat.counter(Counter::AlgVtcpStreams), 1);
    assert_eq!(world.nat.counter(Counter::AlgVtcpReleased), 0);
}
