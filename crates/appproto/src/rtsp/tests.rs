//! Requests and responses whole, cut anywhere, and hostile.

use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::testing::{feed, splice, swap};
use crate::{Channel, Remote, Transport, Uses};

/// A stream that this side sends after a message that makes it RTSP.
fn read(sender: Sender, stream: &[u8]) -> (Vec<Finding>, bool) {
    let mut state = begun();
    feed(stream, &[], |bytes, found| {
        scan(&mut state, sender, bytes, found, |_| ())
    })
}

fn begun() -> State {
    let way = Way {
        skip: 0,
        known: Known::Followed,
    };
    State {
        client: way,
        server: way,
        passes: None,
    }
}

/// Each finding as `bytes = address:port role`.
fn shown(stream: &[u8], found: &[Finding]) -> Vec<String> {
    let show = |finding: &Finding| {
        let bytes = finding.span.of(stream).escape_ascii();
        let Endpoint { address, port } = finding.endpoint;
        let [a, b, c, d] = address.to_be_bytes();
        let role = match finding.role {
            Role::Listens(channel) => format!("listens {}", of(channel)),
            Role::Echoes(channel) => format!("echoes {}", of(channel)),
            Role::Names(transport) => format!("names {transport:?}"),
            Role::LengthOf(span) => format!("length of {}", span.len()),
            Role::Answers(transport, _) => format!("answers {transport:?}"),
            Role::Host => "host".to_string(),
            Role::Repeats(_) => "repeats".to_string(),
            Role::Leads(..) => "leads".to_string(),
        };
        format!("{bytes} = {a}.{b}.{c}.{d}:{port} {role}")
    };
    found.iter().map(show).collect()
}

fn of(channel: Channel) -> String {
    assert_eq!(
        (channel.transport, channel.uses),
        (Transport::Udp, Uses::Many)
    );
    match channel.remote {
        Remote::Address(address) => format!("{:?} {address:x}", channel.ports),
        Remote::Endpoint(Endpoint { address, port }) => {
            format!("{:?} {address:x}:{port}", channel.ports)
        }
        remote => format!("{:?} {remote:?}", channel.ports),
    }
}

fn setup(transport: &str) -> Vec<u8> {
    format!("SETUP rtsp://cam/a RTSP/1.0\r\nCSeq: 3\r\nTransport: {transport}\r\n\r\n").into_bytes()
}

fn answer(transport: &str) -> Vec<u8> {
    format!("RTSP/1.0 200 OK\r\nCSeq: 3\r\ntransport : {transport}\r\n\r\n").into_bytes()
}

/// PROTOCOLS B5, rows of requests; RFC 2326 section 12.39, RFC 7826 section 18.54.
#[test]
fn clients_announce_where_they_listen() {
    for (transport, expected) in [
        (
            "RTP/AVP;unicast;client_port=4588-4589",
            &["4588-4589 = 0.0.0.0:4588 listens Pair Peer"][..],
        ),
        (
            "RTP/AVP;client_port=4588",
            &["4588 = 0.0.0.0:4588 listens Pair Peer"],
        ),
        (
            "RTP/AVP;client_port=4589",
            &["4589 = 0.0.0.0:4589 listens One Peer"],
        ),
        (
            "RTP/AVP/UDP ; unicast ; destination=10.0.0.1 ;\r\n client_port=4588-4589 ; mode=\"PLAY\"",
            &[
                "10.0.0.1 = 10.0.0.1:4588 names Udp",
                "4588-4589 = 10.0.0.1:4588 listens Pair Peer",
            ],
        ),
        (
            "RTP/AVP;unicast;client_port=4588-4589,RTP/AVP/TCP;interleaved=0-1,RTP/AVP;client_port=5000-5001",
            &[
                "4588-4589 = 0.0.0.0:4588 listens Pair Peer",
                "5000-5001 = 0.0.0.0:5000 listens Pair Peer",
            ],
        ),
        (
            "RTP/AVP/UDP;unicast;dest_addr=\":4588\"/\"10.0.0.1:4589\";mode=\"PLAY,RECORD\"",
            &[
                "4588 = 0.0.0.0:4588 listens One Peer",
                "10.0.0.1:4589 = 10.0.0.1:4589 listens One Peer",
            ],
        ),
    ] {
        let stream = setup(transport);
        let (found, released) = read(Sender::Client, &stream);
        assert_eq!(
            (shown(&stream, &found), released),
            (expected.iter().map(ToString::to_string).collect(), false)
        );
    }
}

/// PROTOCOLS B5: media inside the session, multicast, and forms that cannot be written anew.
#[test]
fn what_is_no_endpoint_of_media_is_left_alone() {
    for transport in [
        "RTP/AVP/TCP;unicast;interleaved=0-1",
        "RTP/AVP/tcp;unicast;client_port=4588-4589",
        "RTP/AVP;multicast;client_port=4588-4589",
        "RTP/AVP;multicast;destination=224.2.0.1;port=3456-3457;ttl=16",
        "RTP/AVP;unicast;interleaved=0-1;client_port=4588-4589",
        "RTP/AVP;unicast;client_port=4588-4590",
        "RTP/AVP;unicast;client_port=65535-65536",
        "RTP/AVP;unicast;client_port=1022-1023",
        "RTP/AVP;unicast;client_port=4588-",
        "RTP/AVP;unicast;client_port=",
        "RTP/AVP;unicast;client_port",
        "RTP/AVP;unicast;xclient_port=4588-4589",
        "RTP/AVP;unicast;dest_addr=\"[2001:db8::1]:4588\"",
        "RTP/AVP;unicast;dest_addr=\"example.org:4588\"/\"10.0.0.1\"",
        "RTP/AVP;unicast;mode=\";client_port=4588-4589;\"",
        "RTP/AVP;unicast;server_port=4588-4589;source=10.0.0.1",
    ] {
        let (found, released) = read(Sender::Client, &setup(transport));
        assert_eq!((found, released), (vec![], false), "{transport}");
    }
    let play = b"PLAY * RTSP/1.0\r\nTransport: RTP/AVP;client_port=4588-4589\r\n\r\n";
    assert_eq!(read(Sender::Client, play).0, []);
    let refused = b"RTSP/1.0 461 No\r\nTransport: RTP/AVP;client_port=4588-4589\r\n\r\n";
    assert_eq!(read(Sender::Server, refused).0, []);
}

/// PROTOCOLS B5, rows of responses.
#[test]
fn servers_give_back_what_was_announced_and_announce_themselves() {
    for (transport, expected) in [
        (
            "RTP/AVP;unicast;client_port=4588-4589;server_port=6256-6257",
            &[
                "4588-4589 = 0.0.0.0:4588 echoes Pair 0:6256",
                "6256-6257 = 0.0.0.0:6256 listens Pair Peer",
            ][..],
        ),
        (
            "RTP/AVP;destination=10.0.0.1;client_port=4588-4589;source=192.0.2.7;server_port=6256",
            &[
                "10.0.0.1 = 10.0.0.1:4588 echoes Pair c0000207:6256",
                "4588-4589 = 10.0.0.1:4588 echoes Pair c0000207:6256",
                "192.0.2.7 = 192.0.2.7:6256 names Udp",
                "6256 = 192.0.2.7:6256 listens Pair Peer",
            ],
        ),
        (
            "RTP/AVP/UDP;unicast;dest_addr=\":4588\"/\":4589\";src_addr=\"192.0.2.7:6256\"/\":6257\"",
            &[
                "4588 = 0.0.0.0:4588 echoes One c0000207:6256",
                "4589 = 0.0.0.0:4589 echoes One 0:6257",
                "192.0.2.7:6256 = 192.0.2.7:6256 listens One Peer",
                "6257 = 0.0.0.0:6257 listens One Peer",
            ],
        ),
        (
            "RTP/AVP;unicast;client_port=4588-4589;source=192.0.2.7",
            &[
                "4588-4589 = 0.0.0.0:4588 echoes Pair c0000207",
                "192.0.2.7 = 192.0.2.7:0 names Udp",
            ],
        ),
        (
            "RTP/AVP;unicast;client_port=4588-4589",
            &["4588-4589 = 0.0.0.0:4588 echoes Pair Peer"],
        ),
    ] {
        let stream = answer(transport);
        let (found, released) = read(Sender::Server, &stream);
        assert_eq!(
            (shown(&stream, &found), released),
            (expected.iter().map(ToString::to_string).collect(), false)
        );
    }
}

/// PROTOCOLS B5: DESCRIBE's SDP, Content-Base, redirects; RTP-Info. RFC 2326 sections 12.33 and 10.10.
#[test]
fn hosts_are_named_in_urls_and_descriptions() {
    let sdp = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=x\r\nc=IN IP4 10.0.0.1\r\na=control:*\r\nm=video 0 RTP/AVP 96\r\n\
               c=IN IP4 224.2.0.1/127\r\nc=IN IP4 0.0.0.0\r\na=control:rtsp://10.0.0.1:8554/a/track1";
    let described = format!(
        "RTSP/1.0 200 OK\r\nContentBase: rtsp://10.0.0.1/a/\r\ncontent-type: application/SDP;x=y\r\n\
         Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    for (sender, stream, expected) in [
        (
            Sender::Server,
            described.as_str(),
            &[
                "10.0.0.1 = 10.0.0.1:554 names Tcp",
                "170 = 0.0.0.0:0 length of 170",
                "10.0.0.1 = 10.0.0.1:0 names Udp",
                "10.0.0.1 = 10.0.0.1:0 names Udp",
                "10.0.0.1:8554 = 10.0.0.1:8554 names Tcp",
            ][..],
        ),
        (
            Sender::Server,
            "RTSP/1.0 302 Moved\r\nLocation: rtsp://me:x@10.0.0.1:8554/b\r\n\r\n",
            &["10.0.0.1:8554 = 10.0.0.1:8554 names Tcp"],
        ),
        (
            Sender::Server,
            "RTSP/1.0 200 OK\r\nRTP-Info: url=rtsp://10.0.0.1/a;seq=1, url=rtsps://10.0.0.2;seq=2,url=\"rtsp://10.0.0.3/b,c\" ssrc=1:seq=2\r\n\r\n",
            &[
                "10.0.0.1 = 10.0.0.1:554 names Tcp",
                "10.0.0.2 = 10.0.0.2:322 names Tcp",
                "10.0.0.3 = 10.0.0.3:554 names Tcp",
            ],
        ),
        (
            Sender::Client,
            "DESCRIBE rtsp://203.0.113.1/a?u=rtsp://10.0.0.1 RTSP/2.0\r\nX: rtsp://10.0.0.1/\r\n\r\n",
            &["203.0.113.1 = 203.0.113.1:554 names Tcp"],
        ),
        (
            Sender::Server,
            "RTSP/1.0 301 x\r\nLocation: rtsp://10.0.0.1.example.org/\r\nContent-Base: rtsp://10.0.0.1:x/\r\n\r\n",
            &[],
        ),
    ] {
        let (found, released) = read(sender, stream.as_bytes());
        assert_eq!(
            (shown(stream.as_bytes(), &found), released),
            (expected.iter().map(ToString::to_string).collect(), false)
        );
    }
}

/// A body without anything to change keeps its length unwritten; one that is not SDP, or too long, passes.
#[test]
fn bodies_that_are_not_read_pass() {
    for (head, body) in [
        (
            "Content-Type: application/sdp\r\n",
            "c=IN IP6 ::1\r\n".repeat(3),
        ),
        (
            "Content-Type: text/parameters\r\n",
            "c=IN IP4 10.0.0.1\r\n".to_string(),
        ),
        (
            "Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n",
            "c=IN IP4 10.0.0.1\r\n".to_string(),
        ),
        (
            "Content-Type: application/sdp\r\n",
            "c=IN IP4 10.0.0.1\r\n".repeat(500),
        ),
    ] {
        let mut stream = format!(
            "RTSP/1.0 200 OK\r\n{head}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes();
        let start = stream.len();
        stream.extend_from_slice(&answer("RTP/AVP;client_port=4588-4589"));
        let (found, released) = read(Sender::Server, &stream);
        assert_eq!((found.len(), released), (1, false), "{head}");
        assert!(found[0].span.start > start);
    }
}

/// Who describes others' addresses need not be waited for: a long description comes in parts.
#[test]
fn descriptions_of_a_side_that_passes_are_skipped() {
    let sdp = "c=IN IP4 10.0.0.1\r\n".repeat(3);
    let mut stream = format!(
        "RTSP/1.0 200 OK\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
        sdp.len()
    )
    .into_bytes();
    let cut = stream.len() + 5;
    stream.extend_from_slice(sdp.as_bytes());
    stream.extend_from_slice(&answer("RTP/AVP;client_port=4588-4589"));
    let mut state = begun().passing(Sender::Server);
    let mut found = Findings::new();
    let (first, rest) = stream.split_at(cut);
    for part in [first, rest] {
        let scanned = scan(&mut state, Sender::Server, part, &mut found, |_| ());
        assert_eq!(scanned, Scan::Complete);
    }
    assert_eq!(found.len(), 1);
    let scanned = scan(
        &mut begun().passing(Sender::Client),
        Sender::Server,
        first,
        &mut found,
        |_| (),
    );
    assert_eq!(scanned, Scan::NeedMore { from: 0 });
}

/// RFC 2326 section 10.12: a dollar sign, a channel, a length, data.
#[test]
fn interleaved_frames_are_skipped_by_their_length() {
    let data = setup("RTP/AVP;client_port=6000-6001");
    let mut stream = vec![b'$', 0, 0, u8::try_from(data.len()).unwrap()];
    stream.extend_from_slice(&data);
    stream.extend_from_slice(b"$\x01\x00\x00\r\n");
    stream.extend_from_slice(&setup("RTP/AVP;client_port=4588-4589"));
    let (found, released) = read(Sender::Client, &stream);
    assert_eq!((found.len(), released), (1, false));
    assert_eq!(found[0].endpoint.port, 4588);
    let scanned = scan(
        &mut begun(),
        Sender::Client,
        b"\r\n$\x01\x00",
        &mut Findings::new(),
        |_| (),
    );
    assert_eq!(scanned, Scan::NeedMore { from: 2 });
}

/// REQUIREMENTS G2 and G7: read from byte 0 on and message by message, or not at all.
#[test]
fn other_protocols_are_released() {
    let lines = "X: y\r\n".repeat(1400);
    for bytes in [
        &b"GET / HTTP/1.0\r\n\r\n"[..],
        b"POST /",
        b"SETUPX",
        b"OPTIONS * HTTP/1.1\r\n",
        b"OPTIONS *\r\n",
        b"\x16\x03\x01",
        b"$\x00\x00\x00",
        b"\r\nOPTIONS * RTSP/1.0\r\n\r\n",
        b"RTSP/3.0 200 OK\r\n",
        b"RTSP/1.0 20 OK\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 1x\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 65536\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        &[b"OPTIONS * RTSP/1.0\r\n", lines.as_bytes()].concat(),
        b"OPTIONS * RTSP/1.0\r\n\r\nnonsense",
    ] {
        let mut state = State::default();
        let then = setup("RTP/AVP;client_port=4588-4589");
        let stream = [bytes, &then].concat();
        let (found, released) = feed(&stream, &[bytes.len()], |bytes, found| {
            scan(&mut state, Sender::Client, bytes, found, |_| ())
        });
        assert_eq!(
            (found.len(), released),
            (0, true),
            "{}",
            bytes.escape_ascii()
        );
        let other = scan(
            &mut state,
            Sender::Server,
            &answer("x"),
            &mut Findings::new(),
            |_| (),
        );
        assert_eq!(other, Scan::Release);
    }
    for bytes in [&b"OPT"[..], b"RT", b"RTSP/1.0 200", b"GET_PARAMETER"] {
        let scanned = scan(
            &mut State::default(),
            Sender::Client,
            bytes,
            &mut Findings::new(),
            |_| (),
        );
        assert_eq!(
            scanned,
            Scan::NeedMore { from: 0 },
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn a_state_is_one_word() {
    for (skip, known) in [
        (0, Known::Nothing),
        (65_535, Known::Followed),
        (7, Known::Released),
    ] {
        let way = Way { skip, known };
        for state in [
            State {
                client: way,
                ..State::default()
            },
            State {
                server: way,
                ..State::default()
            },
        ] {
            assert_eq!(State::from_word(state.to_word()), state);
        }
    }
    assert_eq!(State::default().to_word(), 0);
}

/// REQUIREMENTS G6: bounded; nothing lost behind the bound, one message over it left alone.
#[test]
fn many_requests_are_listed_in_turns_and_many_ports_not_at_all() {
    let requests = setup("RTP/AVP;client_port=4588-4589").repeat(200);
    assert_eq!(read(Sender::Client, &requests).0.len(), 200);
    let ports = vec!["RTP/AVP;client_port=4588-4589"; 200].join(",");
    let mut stream = setup(&ports);
    assert_eq!(read(Sender::Client, &stream), (vec![], false));
    stream.extend_from_slice(&setup("RTP/AVP;client_port=4588-4589"));
    assert_eq!(read(Sender::Client, &stream).0.len(), 1);
}

/// RFC 2326 sections 12.17 and 12.37: what the engine keeps of a message.
#[test]
fn messages_tell_their_session() {
    let stream = b"TEARDOWN * RTSP/1.0\r\nCSeq: 892\r\nSession: 12ab ; timeout=30\r\n\r\nRTSP/1.0 454 No\r\nCSEQ: 7\r\n\r\nFLY * RTSP/1.0\r\n\r\n";
    let mut messages = Vec::new();
    scan(
        &mut State::default(),
        Sender::Client,
        stream,
        &mut Findings::new(),
        |message| {
            messages.push(message);
        },
    );
    let names: Vec<_> = messages.iter().map(Message::name).collect();
    assert_eq!(names, ["TEARDOWN", "4xx", "other"]);
    assert!(messages[0].is_teardown() && !messages[1].is_teardown());
    assert_eq!(
        (messages[0].cseq, messages[0].timeout),
        (Some(892), Some(30))
    );
    assert_eq!(
        messages[0].session.map(|span| span.of(stream)),
        Some(&b"12ab"[..])
    );
    assert_eq!((messages[1].cseq, messages[1].session), (Some(7), None));
}

fn messages() -> impl Strategy<Value = Vec<u8>> {
    let sdp =
        "o=- 1 1 IN IP4 10.0.0.1\r\nc=IN IP4 10.0.0.1\r\na=control:rtsp://10.0.0.1:8554/1\r\n";
    let described = format!(
        "RTSP/1.0 200 OK\r\nContent-Base: rtsp://10.0.0.1/\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    let message = prop_oneof![
        Just(setup(
            "RTP/AVP;unicast;client_port=4588-4589;destination=10.0.0.1"
        )),
        Just(setup(
            "RTP/AVP;unicast;dest_addr=\":4588\"/\"10.0.0.1:4589\",RTP/AVP;client_port=5000"
        )),
        Just(answer(
            "RTP/AVP;client_port=4588-4589;server_port=6256-6257;source=10.0.0.1"
        )),
        Just(described.into_bytes()),
        Just(b"$\x00\x00\x03abc".to_vec()),
        Just(b"OPTIONS * RTSP/1.0\r\nContent-Length: 4\r\n\r\nRTSP".to_vec()),
        Just(b"\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(message, 0..6).prop_map(|messages| messages.concat())
}

proptest! {
    #[test]
    fn any_segmentation_finds_the_same(
        stream in messages(),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
        server: bool,
        is_begun: bool,
    ) {
        let sender = if server { Sender::Server } else { Sender::Client };
        let run = |cuts: &[usize]| {
            let mut state = if is_begun { begun() } else { State::default() };
            let fed = feed(&stream, cuts, |bytes, found| scan(&mut state, sender, bytes, found, |_| ()));
            (fed, state)
        };
        prop_assert_eq!(run(&[]), run(&cuts));
        let all: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(run(&[]), run(&all));
    }

    #[test]
    fn a_rewrite_and_its_inverse_give_the_original(stream in messages(), server: bool) {
        let sender = if server { Sender::Server } else { Sender::Client };
        let found = read(sender, &stream).0;
        let there = splice(&stream, &found, swap);
        let back = read(sender, &there).0;
        prop_assert_eq!(found.len(), back.len());
        for (one, other) in found.iter().zip(&back) {
            prop_assert_eq!(swap(one.endpoint), other.endpoint);
        }
        prop_assert_eq!(splice(&there, &back, swap), stream);
    }

    #[test]
    fn any_header_is_read_in_bounds(value in "[ -~\t]{0,80}", parts in "(client_port|destination|source|dest_addr|src_addr)=[0-9.:\"/,;-]{0,40}", server: bool) {
        let sender = if server { Sender::Server } else { Sender::Client };
        for value in [value.as_str(), parts.as_str()] {
            let stream = if server { answer(value) } else { setup(value) };
            read(sender, &stream);
        }
    }
}
