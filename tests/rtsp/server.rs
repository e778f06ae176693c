//! Servers inside, behind a static mapping (B5: "inside server: rewrite `server_port`, `source`";
//! "SDP in DESCRIBE answers ... translate for inside servers").

use testkit::udp;
use tests::{Config, Line, Pipe, Y, kept_out};

use crate::{answer, counted, pair, setup, strict, value};

const CLIENT: &str = "192.0.2.1:4000";

/// By port, and by its whole address.
fn both() -> [(Config, &'static str, &'static str); 2] {
    [
        (
            strict()
                .fixed("protocol: tcp, inside: \"10.64.0.20:8554\", outside: \"203.0.113.13:554\""),
            "203.0.113.13:554",
            "10.64.0.20:8554",
        ),
        (
            strict().fixed("inside: 10.64.0.20, outside: 203.0.113.13"),
            "203.0.113.13:554",
            "10.64.0.20",
        ),
    ]
}

#[test]
fn media_are_sent_to_the_ports_that_the_server_names() {
    for (config, outside, _) in both() {
        let mut nat = Pipe::new(&config);
        let mut line = Line::come(&mut nat, CLIENT, outside);
        line.says(&mut nat, &setup(1, "RTP/AVP;unicast;client_port=5000-5001"));
        let got = line.hears(
            &mut nat,
            &answer(
                1,
                "RTP/AVP;unicast;client_port=5000-5001;source=10.64.0.20;server_port=6256-6257",
            ),
        );
        assert_eq!(value(&got, "client_port="), "5000-5001");
        let source = value(&got, "source=").to_string();
        let (rtp, rtcp) = pair(&got, "server_port=");
        assert_eq!((rtp % 2, rtcp), (0, rtp + 1));
        for (from, to, inside) in [(5000, rtp, 6256), (5001, rtcp, 6257), (9000, rtcp, 6257)] {
            let seen = nat
                .outside(udp(&format!("192.0.2.1:{from} > {source}:{to}")).payload(b"\x80"))
                .forwarded();
            assert!(
                seen.dst == format!("10.64.0.20:{inside}").as_str(),
                "{seen:?}"
            );
        }
        // Media leave from there.
        let media = nat
            .inside(udp("10.64.0.20:6256 > 192.0.2.1:5000").payload(b"\x80"))
            .forwarded();
        assert!(media.src == format!("{source}:{rtp}").as_str(), "{media:?}");
        assert_eq!(counted(&mut nat, "errors"), 0);
    }
}

/// Only the client that asked comes in, where the port is not the world's anyway.
#[test]
fn strangers_do_not_come_in_by_them() {
    let (config, outside, _) = both().into_iter().next().unwrap();
    let mut nat = Pipe::new(&config);
    let mut line = Line::come(&mut nat, CLIENT, outside);
    line.says(&mut nat, &setup(1, "RTP/AVP;unicast;client_port=5000-5001"));
    let got = line.hears(
        &mut nat,
        &answer(
            1,
            "RTP/AVP;unicast;client_port=5000-5001;server_port=6256-6257",
        ),
    );
    let (rtp, _) = pair(&got, "server_port=");
    let doors = nat.show("doors");
    let address = doors[0]["outside"]
        .as_str()
        .unwrap()
        .split(':')
        .next()
        .unwrap();
    kept_out(&nat.outside(udp(&format!("{Y}:5000 > {address}:{rtp}"))));
}

#[test]
fn names_of_the_server_are_those_of_its_outside() {
    for (config, outside, inside) in both() {
        let mut nat = Pipe::new(&config);
        let mut line = Line::come(&mut nat, CLIENT, outside);
        let asked = line.says(
            &mut nat,
            "DESCRIBE rtsp://203.0.113.13/film RTSP/1.0\r\nCSeq: 1\r\n\r\n",
        );
        assert!(asked.contains(&format!("rtsp://{inside}/film ")), "{asked}");
        let sdp = "v=0\r\no=- 1 1 IN IP4 10.64.0.20\r\ns=film\r\nc=IN IP4 10.64.0.20\r\nt=0 0\r\n\
                   m=video 0 RTP/AVP 96\r\n";
        let describe = |base: &str, sdp: &str| {
            format!(
                "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Base: rtsp://{base}/film/\r\n\
                 Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                sdp.len()
            )
        };
        let got = line.hears(&mut nat, &describe(inside, sdp));
        let shown = sdp.replace("10.64.0.20", "203.0.113.13");
        assert_eq!(got.replace(":554/", "/"), describe("203.0.113.13", &shown));
        let moved = format!("RTSP/1.0 301 Moved\r\nCSeq: 2\r\nLocation: rtsp://{inside}/b\r\n\r\n");
        let got = line.hears(&mut nat, &moved);
        assert!(!got.contains("10.64.0.20"), "{got}");
    }
}
