//! Commands and replies whole, cut anywhere, and hostile.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::testing::{feed, splice, swap};
use crate::{Channel, Endpoint, Form, Ports, Remote, Role, Transport, Uses};

/// What a direction finds: bytes and endpoints, and whether it was released.
type Found = (Vec<(Vec<u8>, Endpoint)>, bool);

fn read(state: &mut State, sender: Sender, stream: &[u8]) -> Found {
    let (found, released) = feed(stream, &[], |bytes, found| {
        scan(state, sender, bytes, found, |_| ())
    });
    let places = found
        .iter()
        .map(|finding| (finding.span.of(stream).to_vec(), finding.endpoint))
        .collect();
    (places, released)
}

fn client(stream: &[u8]) -> Found {
    read(&mut State::default(), Sender::Client, stream)
}

/// A server's stream, after the client has said this.
fn server(asked: &[u8], stream: &[u8]) -> Found {
    let mut state = State::default();
    read(&mut state, Sender::Server, b"220 ready\r\n");
    read(&mut state, Sender::Client, asked);
    read(&mut state, Sender::Server, stream)
}

fn at(address: [u8; 4], port: u16) -> Endpoint {
    Endpoint {
        address: u32::from_be_bytes(address),
        port,
    }
}

const INSIDE: [u8; 4] = [10, 0, 0, 1];

/// PROTOCOLS B1, rows PORT and EPRT; RFC 959 section 4.1.2, RFC 2428 section 2.
#[test]
fn clients_announce_where_they_listen() {
    for (line, span) in [
        (&b"PORT 10,0,0,1,19,137\r\n"[..], &b"10,0,0,1,19,137"[..]),
        (b"port 10,0,0,1,19,137\r\n", b"10,0,0,1,19,137"),
        (b"PORT 10,0,0,1,19,137  \t\r\n", b"10,0,0,1,19,137"),
        (b"PORT  10,0,0,1,19,137\n", b"10,0,0,1,19,137"),
        (
            b"\xff\xf1PO\xff\xf1RT 10,0,0,1,19,137\r\n",
            b"10,0,0,1,19,137",
        ),
        (b"EPRT |1|10.0.0.1|5001|\r\n", b"|1|10.0.0.1|5001|"),
        (b"eprt !1!10.0.0.1!5001! \r\n", b"!1!10.0.0.1!5001!"),
    ] {
        let expected = (vec![(span.to_vec(), at(INSIDE, 5001))], false);
        assert_eq!(client(line), expected, "{}", line.escape_ascii());
    }
}

/// PROTOCOLS B1, "Bounce guard", and what only looks like an endpoint.
#[test]
fn what_is_no_endpoint_is_left_alone() {
    for line in [
        &b"PORT 10,0,0,1,3,255\r\n"[..],
        b"PORT 10,0,0,1,19\r\n",
        b"PORT 10,0,0,1,19,137,1\r\n",
        b"PORT 10,0,0,256,19,137\r\n",
        b"PORT 10,0,0,1,19,\xff\xf1137\r\n",
        b" PORT 10,0,0,1,19,137\r\n",
        b"EPRT |2|2001:db8::1|5001|\r\n",
        b"EPRT |1|10.0.0.1|1023|\r\n",
        b"EPRT |1|10.0.0.1|5001\r\n",
        b"EPRT |1|10.0.0.1|65536|\r\n",
        b"EPRT 111010.0.0.1150011\r\n",
        b"STOR PORT 10,0,0,1,19,137\r\n",
        b"227 (10,0,0,1,19,137)\r\n",
    ] {
        let stream = [b"USER x\r\n", line].concat();
        assert_eq!(client(&stream), (vec![], false), "{}", line.escape_ascii());
    }
}

/// REQUIREMENTS G7: a page in a browser chooses the method of its request, not the headers.
#[test]
fn a_line_that_is_no_command_ends_it() {
    for line in [
        &b"Host: a.example\r\n"[..],
        b"Content-Length:23\r\n",
        b"PORT10,0,0,1,19,137\r\n",
        b"\x16\x03\x01\r\n",
    ] {
        let stream = [
            b"NOOP / HTTP/1.1\r\n",
            line,
            b"\r\nPORT 10,0,0,1,19,137\r\n",
        ]
        .concat();
        assert_eq!(client(&stream), (vec![], true), "{}", line.escape_ascii());
    }
}

/// PROTOCOLS B1, rows 227 and 229; RFC 1123 section 4.1.2.6, RFC 2428 section 3.
#[test]
fn servers_that_were_asked_announce_where_they_listen() {
    for (asked, line, span, endpoint) in [
        (
            &b"PASV\r\n"[..],
            &b"227 Entering Passive Mode (10,0,0,1,19,137).\r\n"[..],
            &b"10,0,0,1,19,137"[..],
            at(INSIDE, 5001),
        ),
        (
            b"pasv \r\n",
            b"227 =10,0,0,1,19,137\r\n",
            b"10,0,0,1,19,137",
            at(INSIDE, 5001),
        ),
        (
            b"PASV\r\n",
            b"227-ok\r\n 1\r\n227 10,0,0,1,19,137\r\n",
            b"10,0,0,1,19,137",
            at(INSIDE, 5001),
        ),
        (
            b"EPSV\r\n",
            b"229 Extended (|||5001|)\r\n",
            b"5001",
            at([0; 4], 5001),
        ),
        (
            b"EPSV 1\r\n",
            b"229 (!!!5001!)\r\n",
            b"5001",
            at([0; 4], 5001),
        ),
        (
            b"EPSV ALL\r\nEPSV\r\n",
            b"200 ok\r\n229 (|||5001|)\r\n",
            b"5001",
            at([0; 4], 5001),
        ),
    ] {
        let expected = (vec![(span.to_vec(), endpoint)], false);
        assert_eq!(server(asked, line), expected, "{}", line.escape_ascii());
    }
}

/// PROTOCOLS B1: "only honour a 227/229 that answers an outstanding PASV/EPSV".
#[test]
fn servers_that_were_not_asked_announce_nothing() {
    for (asked, line) in [
        (&b"NOOP\r\n"[..], &b"227 (10,0,0,1,19,137)\r\n"[..]),
        (b"EPSV\r\n", b"227 (10,0,0,1,19,137)\r\n"),
        (b"PASV\r\n", b"229 (|||5001|)\r\n"),
        (b"EPSV ALL\r\nPASV\r\n", b"227 (10,0,0,1,19,137)\r\n"),
        (
            b"PASV\r\n",
            b"214-help\r\n227 (10,0,0,1,19,137)\r\n214 end\r\n",
        ),
        (b"PASV\r\n", b"227 (10,0,0,1,0,80)\r\n"),
        (b"PASV\r\n", b"227 no\r\n227 (10,0,0,1,19,137)\r\n"),
        (b"EPSV\r\n", b"229 (|||80|)\r\n"),
        (b"EPSV\r\n", b"229 (||5001|)\r\n"),
        (b"EPSV\r\n", b"229 (|||5001)\r\n"),
    ] {
        assert_eq!(
            server(asked, line),
            (vec![], false),
            "{}",
            line.escape_ascii()
        );
    }
    let twice = b"227 (10,0,0,1,19,137)\r\n227 (10,0,0,1,19,138)\r\n";
    assert_eq!(server(b"PASV\r\n", twice).0.len(), 1);
}

/// RFC 2428 section 4: after `EPSV ALL` no other way counts.
#[test]
fn epsv_all_ends_port_and_eprt() {
    for line in [
        &b"EPSV ALL\r\nPORT 10,0,0,1,19,137\r\n"[..],
        b"epsv  all \r\nEPRT |1|10.0.0.1|5001|\r\n",
    ] {
        assert_eq!(client(line), (vec![], false));
    }
}

/// RFC 4217 section 4 and RFC 2228 section 3: from there on nothing can be read.
#[test]
fn a_secured_channel_is_released_for_good() {
    for (asked, reply, released) in [
        (&b"AUTH TLS\r\n"[..], &b"234 go\r\n"[..], true),
        (b"auth ssl\r\n", b"234-now\r\n234 go\r\n", true),
        (
            b"AUTH GSSAPI\r\nADAT x\r\n",
            b"334 more\r\n235 done\r\n",
            true,
        ),
        (b"AUTH GSSAPI\r\n", b"334 more\r\n", false),
        (b"AUTH TLS\r\n", b"504 no\r\n", false),
        (b"NOOP\r\n", b"234 go\r\n", false),
    ] {
        let mut state = State::default();
        read(&mut state, Sender::Server, b"220 ready\r\n");
        read(&mut state, Sender::Client, asked);
        let (_, was) = read(&mut state, Sender::Server, reply);
        assert_eq!(was, released, "{}", reply.escape_ascii());
        let (found, was) = read(&mut state, Sender::Client, b"PORT 10,0,0,1,19,137\r\n");
        assert_eq!((found.is_empty(), was), (released, released));
    }
}

/// REQUIREMENTS G2 and G7: read from byte 0 on, or not at all.
#[test]
fn other_protocols_are_released_at_their_first_bytes() {
    for (sender, bytes) in [
        (
            Sender::Client,
            &b"GET / HTTP/1.1\r\nPORT 10,0,0,1,19,137\r\n"[..],
        ),
        (Sender::Client, b"POST"),
        (Sender::Client, b"DELETE"),
        (Sender::Client, b"\x16\x03\x01"),
        (Sender::Client, b"\r\n"),
        (Sender::Client, b"PORT:"),
        (Sender::Server, b"HTTP/1.1 200 OK\r\n"),
        (Sender::Server, b"SSH-2.0"),
        (Sender::Server, b"22x"),
        (Sender::Server, b"220\r\n"),
        (Sender::Server, b"920 "),
        (Sender::Server, b"2201"),
    ] {
        let mut state = State::default();
        let (found, released) = read(&mut state, sender, bytes);
        assert_eq!(
            (found.len(), released),
            (0, true),
            "{}",
            bytes.escape_ascii()
        );
        assert!(read(&mut state, sender, b"PORT 10,0,0,1,19,137\r\n").1);
    }
    for (sender, bytes) in [
        (Sender::Client, &b"PO"[..]),
        (Sender::Client, b"port"),
        (Sender::Server, b"4"),
        (Sender::Server, b"421"),
        (Sender::Server, b"120-"),
    ] {
        let scanned = scan(
            &mut State::default(),
            sender,
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

/// REQUIREMENTS G2: a long line passes, and what comes behind it counts again.
#[test]
fn lines_longer_than_512_bytes_pass() {
    let long = |len: usize| {
        let mut line = b"SITE ".to_vec();
        line.resize(len - 1, b'x');
        line.extend_from_slice(b"\nPORT 10,0,0,1,19,137\r\n");
        line
    };
    for len in [511, 512, 513, 5000] {
        assert_eq!(client(&long(len)).0.len(), 1, "{len}");
    }
    let mut hidden = b"SITE ".to_vec();
    hidden.resize(LONGEST, b'x');
    hidden.extend_from_slice(b"PORT 10,0,0,1,19,137\r\n");
    assert_eq!(client(&hidden), (vec![], false));
    let mut reply = b"230-".to_vec();
    reply.resize(600, b'x');
    reply.extend_from_slice(b"\r\n227 (10,0,0,1,19,137)\r\n230 in\r\n227 (10,0,0,1,19,138)\r\n");
    assert_eq!(
        server(b"PASV\r\n", &reply).0,
        [(b"10,0,0,1,19,138".to_vec(), at(INSIDE, 5002))]
    );
}

#[test]
fn a_data_channel_is_for_the_peer_and_once() {
    let mut found = Findings::new();
    scan(
        &mut State::default(),
        Sender::Client,
        b"PORT 10,0,0,1,19,137\r\n",
        &mut found,
        |_| (),
    );
    assert_eq!(found[0].form, Form::Commas);
    let channel = Channel {
        transport: Transport::Tcp,
        ports: Ports::One,
        uses: Uses::Once,
        remote: Remote::Peer,
    };
    assert_eq!(found[0].role, Role::Listens(channel));
}

#[test]
fn every_message_is_seen_once() {
    let mut state = State::default();
    let mut names = Vec::new();
    for (sender, bytes) in [
        (Sender::Server, &b"220-hello\r\n220 there\r\n"[..]),
        (Sender::Client, b"user x\r\nXYZZY\r\nEPSV\r\n"),
        (Sender::Server, b"331 who\r\n500 what\r\n229 (|||5001|)\r\n"),
    ] {
        scan(&mut state, sender, bytes, &mut Findings::new(), |message| {
            names.push(message.name());
        });
    }
    assert_eq!(names, ["220", "USER", "other", "EPSV", "331", "500", "229"]);
}

/// REQUIREMENTS G6: bounded, and nothing lost behind the bound.
#[test]
fn more_ports_than_fit_are_listed_by_the_next_call() {
    let stream = b"PORT 10,0,0,1,19,137\r\n".repeat(300);
    assert_eq!(client(&stream).0.len(), 300);
    let mut seen = 0;
    let mut found = Findings::new();
    let scanned = scan(
        &mut State::default(),
        Sender::Client,
        &stream,
        &mut found,
        |_| seen += 1,
    );
    assert_eq!(scanned, Scan::Full { from: 96 * 22 });
    assert_eq!((seen, found.len()), (96, 96));
}

/// A reply that found no room is still asked for.
#[test]
fn what_did_not_fit_changes_nothing() {
    let replies = b"227 (10,0,0,1,19,137)\r\n229 (|||5001|)\r\n";
    let mut state = everything_asked();
    let mut found = Findings::new();
    scan(
        &mut State::default(),
        Sender::Client,
        &b"PORT 10,0,0,1,19,137\r\n".repeat(95),
        &mut found,
        |_| (),
    );
    let scanned = scan(&mut state, Sender::Server, replies, &mut found, |_| ());
    assert_eq!((scanned, found.len()), (Scan::Full { from: 23 }, 96));
    assert_eq!(read(&mut state, Sender::Server, &replies[23..]).0.len(), 1);
}

fn lines(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(b"PORT 10,0,0,1,19,136\r\n".to_vec()),
        Just(b"EPRT |1|10.1.2.3|60000|\r\n".to_vec()),
        Just(b"\xff\xf4\xff\xf2ABOR\r\n".to_vec()),
        Just(b"PASV\r\n".to_vec()),
        Just(b"EPSV\r\n".to_vec()),
        Just(b"227 (192,168,100,200,200,0)\r\n".to_vec()),
        Just(b"229 (|||2048|)\r\n".to_vec()),
        Just(b"214-x\r\n".to_vec()),
        Just(b"214 x\r\n".to_vec()),
        (longest - 30..longest).prop_map(|len| [vec![b'x'; len], b"\r\n".to_vec()].concat()),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
}

fn everything_asked() -> State {
    State {
        flags: CLIENT_KNOWN | SERVER_KNOWN | PASV | EPSV,
        reply: 0,
    }
}

proptest! {
    #[test]
    fn any_segmentation_finds_the_same(
        stream in lines(530),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
        server: bool,
        begun: bool,
    ) {
        let sender = if server { Sender::Server } else { Sender::Client };
        let run = |cuts: &[usize]| {
            let mut state = if begun { everything_asked() } else { State::default() };
            let fed = feed(&stream, cuts, |bytes, found| scan(&mut state, sender, bytes, found, |_| ()));
            (fed, state)
        };
        prop_assert_eq!(run(&[]), run(&cuts));
        let all: Vec<usize> = (0..stream.len()).collect();
        prop_assert_eq!(run(&[]), run(&all));
    }

    #[test]
    fn a_rewrite_and_its_inverse_give_the_original(stream in lines(300), server: bool) {
        let sender = if server { Sender::Server } else { Sender::Client };
        // Numbers as a host writes them: no zeros before them.
        prop_assume!(!stream.windows(3).any(|three| {
            !three[0].is_ascii_digit() && three[1] == b'0' && three[2].is_ascii_digit()
        }));
        let list = |bytes: &[u8]| {
            let mut state = everything_asked();
            feed(bytes, &[], |bytes, found| scan(&mut state, sender, bytes, found, |_| ())).0
        };
        let found = list(&stream);
        let there = splice(&stream, &found, swap);
        let back = list(&there);
        prop_assert_eq!(found.len(), back.len());
        prop_assert_eq!(splice(&there, &back, swap), stream);
    }
}
