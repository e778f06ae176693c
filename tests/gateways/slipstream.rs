//! NAT slipstreaming, first and second version, the FTP bounce attack, and their kin: a page in
//! a subscriber's browser, or a server it talks to, wants a door (REQUIREMENTS G7).
//!
//! In all of them a connection that the attacker's server takes part in carries bytes of the
//! attacker's choice from inside. None may open anything: doors opened stay at zero.

use testkit::{flags, udp};
use tests::{B, Pipe, X, Y};

use crate::ftp;
use crate::talk::Side::{self, Inside, Outside};
use crate::talk::Talk;
use crate::{door, in_pieces, strict, tally, through};

/// No door has been opened by any gateway.
#[track_caller]
fn nothing_opened(nat: &mut Pipe) {
    assert_eq!(nat.show("doors").len(), 0);
    for row in nat.show("alg") {
        assert_eq!(row["doors_opened"], 0, "{row}");
    }
}

/// What a browser posts: a head, then a body of the attacker's choice.
fn post(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// What the body says where it matters, by the port it is for.
fn baits() -> Vec<(u16, &'static [u8])> {
    vec![
        (21, b"PORT 10,64,0,7,19,137\r\n"),
        (21, b"EPRT |1|10.64.0.7|5001|\r\n"),
        (512, b"5001\0me\0you\0ls\0"),
        (514, b"1022\0me\0you\0ls\0"),
    ]
}

/// Version 1: the body is padded so that a segment begins with the message, whatever the size
/// of segments that the attacker's server has found out.
#[test]
fn a_message_at_the_beginning_of_a_segment_is_not_one() {
    for (port, bait) in baits() {
        for mss in [100, 536, 1396] {
            let mut nat = Pipe::new(&strict());
            let mut talk = Talk::open(&mut nat, "10.64.0.7:40000", &format!("{X}:{port}"));
            let pad = mss * 3 - post(&vec![b'a'; 3 * mss]).len() % mss;
            let request = post(&[&vec![b'a'; pad + 3 * mss][..], bait, &vec![b'z'; mss]].concat());
            let at = request
                .windows(bait.len())
                .position(|part| part == bait)
                .unwrap();
            // Segments of the same size, then one that begins with the message.
            for part in request[..at].chunks(mss) {
                talk.says(&mut nat, Inside, part);
            }
            talk.says(&mut nat, Inside, &request[at..at + mss]);
            nothing_opened(&mut nat);
        }
    }
}

/// The same with the attacker's server making one begin there: it acknowledges up to that byte
/// and lets the rest be sent again.
#[test]
fn a_message_sent_again_alone_is_not_one() {
    for (port, bait) in baits() {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, "10.64.0.7:40000", &format!("{X}:{port}"));
        let request = post(&[b"aaaa", bait].concat());
        let at = request.len() - bait.len();
        let seq = talk.end(Inside).next.wrapping_add(at as u32);
        talk.says(&mut nat, Inside, &request);
        let ack = talk.segment(Outside).ack(seq);
        through(nat.outside(ack));
        let again = talk.segment(Inside).seq(seq).payload(bait);
        let seen = through(nat.inside(again));
        assert_eq!(seen.payload, bait);
        nothing_opened(&mut nat);
    }
}

/// A window so small that the head of the request is cut anywhere. (What the slow path puts
/// together is in `tests/streams`.)
#[test]
fn a_head_in_pieces_is_still_another_protocol() {
    for (port, bait) in baits() {
        for size in [1, 2, 3, 4, 5, 7, 16] {
            let mut nat = Pipe::new(&strict().top("alg: { vtcp: off }"));
            let mut talk = Talk::open(&mut nat, "10.64.0.7:40000", &format!("{X}:{port}"));
            let request = post(b"");
            for part in request.chunks(size) {
                talk.says(&mut nat, Inside, part);
            }
            talk.says(&mut nat, Inside, bait);
            nothing_opened(&mut nat);
        }
    }
}

/// A page may choose the method of its request, also one that is a verb of FTP; what follows
/// is still HTTP. The server greets as FTP does.
#[test]
fn a_method_that_is_a_verb_does_not_make_it_ftp() {
    for verb in ["NOOP", "HOST", "STAT", "SITE", "FEAT"] {
        for greeted in [false, true] {
            let mut nat = Pipe::new(&strict());
            let mut talk = Talk::open(&mut nat, "10.64.0.7:40000", &format!("{X}:21"));
            if greeted {
                talk.says(&mut nat, Outside, b"220 ready\r\n");
            }
            let head =
                format!("{verb} / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 23\r\n\r\n");
            talk.says(&mut nat, Inside, head.as_bytes());
            talk.says(&mut nat, Outside, b"200 ok\r\n");
            talk.says(&mut nat, Inside, b"PORT 10,64,0,7,19,137\r\n");
            nothing_opened(&mut nat);
        }
    }
}

/// Version 2: TURN over TCP, where the browser sends no head at all; a name of the attacker's
/// choice fills the rest of the message.
#[test]
fn a_turn_allocation_is_not_ftp() {
    for (port, bait) in baits() {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, "10.64.0.7:40000", &format!("{X}:{port}"));
        let name = [&[b'\n'; 480][..], bait].concat();
        let mut allocate = vec![0, 3];
        allocate.extend((name.len() as u16 + 4).next_multiple_of(4).to_be_bytes());
        allocate.extend([0x21, 0x12, 0xa4, 0x42]);
        allocate.extend([7; 12]);
        allocate.extend([0, 6]);
        allocate.extend((name.len() as u16).to_be_bytes());
        allocate.extend(&name);
        let (head, tail) = allocate.split_at(allocate.len() - bait.len());
        talk.says(&mut nat, Inside, head);
        talk.says(&mut nat, Inside, tail);
        nothing_opened(&mut nat);
    }
}

/// Version 1 over UDP: a TURN message in fragments, the second of which begins as a request
/// does. Together they are no request.
#[test]
fn the_second_fragment_of_a_datagram_is_no_request() {
    let mut nat = Pipe::new(&strict());
    let mut payload = vec![0, 3, 4, 0, 0x21, 0x12, 0xa4, 0x42];
    payload.resize(1016, b'a');
    payload.extend(b"\0\x01image\0octet\0");
    let whole = udp(&format!("10.64.0.7:50000 > {X}:69")).payload(&payload);
    let left = in_pieces(&mut nat, &whole.fragments(&[1024]));
    assert_eq!(left.payload, payload);
    nothing_opened(&mut nat);
}

/// The translation of a connection is forgotten in its middle: what follows has no beginning,
/// so nothing in it is a message.
#[test]
fn a_stream_without_a_beginning_is_not_read() {
    for (port, bait) in baits() {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, "10.64.0.7:40000", &format!("{X}:{port}"));
        talk.says(&mut nat, Inside, &post(b"aaaa"));
        nat.clear("translations");
        let outcome = nat.inside(talk.segment(Inside).payload(bait));
        for left in &outcome.left {
            assert!(
                left.interface == "inside" || left.seen.payload == bait,
                "{left:?}"
            );
        }
        nothing_opened(&mut nat);
    }
}

/// Version 2: doors for other hosts inside, printers and cameras; and the bounce attack: the
/// server is made to connect elsewhere (RFC 2577 section 3).
#[test]
fn addresses_of_others_open_nothing() {
    for address in [
        B,
        "10.64.0.20",
        Y,
        X,
        "127.0.0.1",
        "203.0.113.4",
        "10.64.0.1",
        "255.255.255.255",
    ] {
        for line in [
            format!("PORT {},19,137\r\n", address.replace('.', ",")),
            format!("EPRT |1|{address}|5001|\r\n"),
        ] {
            let mut nat = Pipe::new(&strict());
            let mut talk = ftp::control(&mut nat);
            talk.says(&mut nat, Inside, line.as_bytes());
            nothing_opened(&mut nat);
            assert_eq!(tally(&mut nat, "ftp")[5], 1, "{line:?}");
        }
    }
}

/// RFC 2577 section 3: services that a host has for its neighbours are on lower ports.
#[test]
fn low_ports_open_nothing() {
    for port in [0_u16, 1, 22, 80, 139, 445, 1023] {
        for line in [
            format!("PORT 10,64,0,7,{},{}\r\n", port >> 8, port & 255),
            format!("EPRT |1|10.64.0.7|{port}|\r\n"),
        ] {
            let mut nat = Pipe::new(&strict());
            let mut talk = ftp::control(&mut nat);
            talk.says(&mut nat, Inside, line.as_bytes());
            nothing_opened(&mut nat);
        }
    }
}

/// Malformed ones: nothing is guessed.
#[test]
fn half_an_endpoint_opens_nothing() {
    for line in [
        "PORT 10,64,0,7,19\r\n",
        "PORT 10,64,0,7,19,137,5\r\n",
        "PORT 10,64,0,7,19,256\r\n",
        "PORT 10,64,0,7,19,-9\r\n",
        "PORT 10,64,0,7,19,137 and more\r\n",
        "PORT10,64,0,7,19,137\r\n",
        " PORT 10,64,0,7,19,137\r\n",
        "XPORT 10,64,0,7,19,137\r\n",
        "NOOP PORT 10,64,0,7,19,137\r\n",
        "NOOP\rPORT 10,64,0,7,19,137\r\n",
        "EPRT |1|10.64.0.7|65536|\r\n",
        "EPRT |1|10.64.0.7|5001\r\n",
        "EPRT 1|10.64.0.7|5001|\r\n",
        "EPRT |1|10.64.0|5001|\r\n",
        "EPRT |1|10.64.0.7.1|5001|\r\n",
    ] {
        let mut nat = Pipe::new(&strict());
        let mut talk = ftp::control(&mut nat);
        talk.says(&mut nat, Inside, line.as_bytes());
        nothing_opened(&mut nat);
    }
}

/// The other side may say what it likes: only the client's own commands count, and what a server
/// outside announces is its own affair.
#[test]
fn what_the_outside_says_opens_nothing() {
    let mut nat = Pipe::new(&strict());
    let mut talk = ftp::control(&mut nat);
    for line in [
        "PORT 10,64,0,7,19,137\r\n",
        "200 PORT 10,64,0,7,19,137\r\n",
        "200-\r\nPORT 10,64,0,7,19,137\r\n200 ok\r\n",
        "227 Passive (10,64,0,7,19,137)\r\n",
        "229 Passive (|||5001|)\r\n",
    ] {
        talk.says(&mut nat, Outside, line.as_bytes());
    }
    nothing_opened(&mut nat);
}

/// A server inside is asked by the attacker's client: its commands do not speak for the server.
#[test]
fn commands_from_outside_open_nothing_inside() {
    let mut nat = Pipe::new(&strict().fixed("inside: 10.64.0.10, outside: 203.0.113.14"));
    let mut talk = Talk::come(&mut nat, &format!("{X}:50000"), "203.0.113.14:21");
    talk.says(&mut nat, Inside, b"220 ready\r\n");
    for line in [
        "PORT 10,64,0,10,19,137\r\n",
        "PORT 203,0,113,14,19,137\r\n",
        "EPRT |1|10.64.0.8|5001|\r\n",
    ] {
        talk.says(&mut nat, Outside, line.as_bytes());
        talk.says(&mut nat, Inside, b"500 No.\r\n");
    }
    nothing_opened(&mut nat);
}

/// Its replies speak for itself alone.
#[test]
fn a_server_inside_announces_nobody_else() {
    let mut nat = Pipe::new(&strict().fixed("inside: 10.64.0.10, outside: 203.0.113.14"));
    let mut talk = Talk::come(&mut nat, &format!("{X}:50000"), "203.0.113.14:21");
    talk.says(&mut nat, Inside, b"220 ready\r\n");
    for numbers in ["10,64,0,8,19,137", "192,0,2,1,19,137", "10,64,0,10,0,80"] {
        talk.says(&mut nat, Outside, b"PASV\r\n");
        let line = format!("227 Passive ({numbers})\r\n");
        talk.says(&mut nat, Inside, line.as_bytes());
    }
    nothing_opened(&mut nat);
}

/// A page that makes a real client connect can have no more than that client: one door, to the
/// client's own port, for the server that was connected to.
#[test]
fn a_real_client_opens_a_door_to_itself_alone() {
    let mut nat = Pipe::new(&strict());
    let mut talk = ftp::control(&mut nat);
    ftp::announces(&mut nat, &mut talk, Inside, "PORT 10,64,0,7,19,137\r\n");
    let open = door(&mut nat);
    assert_eq!(open["inside"], "10.64.0.7:5001");
    assert!(
        open["remote"].as_str().unwrap().starts_with("192.0.2.1"),
        "{open}"
    );
    assert_eq!(open["uses"], 1);
}

/// An endless line: nothing is kept, nothing is read at its end.
#[test]
fn a_line_without_end_opens_nothing() {
    let mut nat = Pipe::new(&strict());
    let mut talk = ftp::control(&mut nat);
    for _ in 0..40 {
        talk.says(&mut nat, Inside, &[b'A'; 1000]);
    }
    talk.says(&mut nat, Inside, b"PORT 10,64,0,7,19,137\r\n");
    for side in Side::BOTH {
        talk.says(&mut nat, side, b"200 ok\r\n");
    }
    nothing_opened(&mut nat);
}

/// Nobody but the client makes a gateway forget what it has read: a server that sends a SYN, or a
/// reset that does not end the connection, in its middle has what follows read as what it is.
#[test]
fn a_server_cannot_make_a_stream_begin_anew() {
    for (port, bait) in baits() {
        for reset in [false, true] {
            let mut nat = Pipe::new(&strict());
            let mut talk = Talk::open(&mut nat, "10.64.0.7:40000", &format!("{X}:{port}"));
            talk.says(&mut nat, Inside, &post(b"aaaa"));
            if reset {
                // In the window, but not what the client expects: it only asks again (RFC 5961).
                let next = talk.end(Outside).next.wrapping_add(100);
                let packet = talk.segment(Outside).seq(next).flags(flags::RST);
                through(nat.outside(packet));
            }
            for seq in [123_456, talk.end(Outside).next] {
                let _ = nat.outside(talk.segment(Outside).syn().seq(seq));
            }
            talk.says(&mut nat, Inside, bait);
            nothing_opened(&mut nat);
        }
    }
}

/// The network may deliver the client's own SYN once more, long after: nothing begins with it.
#[test]
fn a_syn_that_comes_twice_changes_nothing() {
    let mut nat = Pipe::new(&strict());
    let mut talk = ftp::control(&mut nat);
    ftp::announces(&mut nat, &mut talk, Inside, "PORT 10,64,0,7,19,137\r\n");
    let doors = nat.show("doors");
    let _ = nat.inside(talk.segment(Inside).syn().seq(1000).ack(0));
    assert_eq!(nat.show("doors"), doors);
    talk.says(&mut nat, Outside, b"200 PORT command successful.\r\n");
    talk.says(&mut nat, Inside, b"NOOP\r\n");
    talk.says(&mut nat, Outside, b"200 NOOP.\r\n");
    ftp::announces(&mut nat, &mut talk, Inside, "PORT 10,64,0,7,19,138\r\n");
}

/// Nor does it lose what it has changed.
#[test]
fn a_server_cannot_make_a_gateway_forget_its_changes() {
    let mut nat = Pipe::new(&strict());
    let mut talk = ftp::control(&mut nat);
    ftp::announces(&mut nat, &mut talk, Inside, "PORT 10,64,0,7,19,137\r\n");
    for seq in [123_456, talk.end(Outside).next] {
        let _ = nat.outside(talk.segment(Outside).syn().seq(seq));
    }
    talk.says(&mut nat, Inside, b"NOOP\r\n");
    talk.says(&mut nat, Outside, b"200 ok\r\n");
}
