//! The client connects: `PASV` and `EPSV` of a client inside. Nothing is written anew.

use tests::{Config, Pipe, X, Y, run_until, tcp_endpoint};

use super::{control, control_of};
use crate::talk::Side::{self, Inside, Outside};
use crate::talk::Talk;
use crate::{address, strict, tally, translation};

/// How a control connection dies that nothing keeps.
fn impatient() -> Config {
    strict().timeout("tcp_established", "300s")
}

/// What a client asks, and where a server at X then waits at port 50069.
const ASKED: [[&[u8]; 2]; 2] = [
    [
        b"PASV\r\n",
        b"227 Entering Passive Mode (192,0,2,1,195,149).\r\n",
    ],
    [
        b"EPSV\r\n",
        b"229 Entering Extended Passive Mode (|||50069|)\r\n",
    ],
];

/// Lets a thousand seconds pass in which data flows.
#[track_caller]
fn flows(nat: &mut Pipe, data: &mut Talk, sender: Side) {
    for _ in 0..10 {
        nat.wait(100.0);
        data.says(nat, sender, b"bytes");
        data.says(nat, sender.other(), b"");
    }
}

/// Whether the control connection of a host is still there.
fn is_kept(nat: &mut Pipe, host: &str) -> bool {
    translation(nat, &format!("{host}:40000"), &format!("{X}:21")).is_some()
}

/// PROTOCOLS B1: the data connection is an ordinary flow of the client.
#[test]
fn a_server_outside_is_left_alone() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    talk.says(&mut nat, Inside, b"PASV\r\n");
    talk.says(
        &mut nat,
        Outside,
        b"227 Entering Passive Mode (192,0,2,1,195,149).\r\n",
    );
    let mut data = Talk::open(&mut nat, "10.64.0.7:40001", &format!("{X}:50069"));
    data.says(&mut nat, Outside, b"bytes");
    assert_eq!(address(&data.outside()), address(&talk.outside()));
    talk.says(&mut nat, Inside, b"EPSV\r\n");
    talk.says(
        &mut nat,
        Outside,
        b"229 Entering Extended Passive Mode (|||50070|)\r\n",
    );
    tcp_endpoint(&mut nat, "10.64.0.7:40002", &format!("{X}:50070"));
    assert_eq!(nat.show("doors").len(), 0);
    let [_, rewritten, opened, ..] = tally(&mut nat, "ftp");
    assert_eq!((rewritten, opened), (0, 0));
}

/// A server behind a NAT of its own may name an address of the inside: it is the server's word,
/// and neither changed nor believed.
#[test]
fn a_private_address_of_the_server_opens_nothing() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    talk.says(&mut nat, Inside, b"PASV\r\n");
    talk.says(
        &mut nat,
        Outside,
        b"227 Entering Passive Mode (10,64,0,7,195,149).\r\n",
    );
    assert_eq!(nat.show("doors").len(), 0);
}

/// PROTOCOLS B1: "keep it alive as long as a data session exists", and no longer.
#[test]
fn a_control_connection_lives_as_long_as_the_clients_transfer() {
    for [asks, answer] in ASKED {
        let mut nat = Pipe::new(&impatient());
        let mut talk = control(&mut nat);
        talk.says(&mut nat, Inside, asks);
        talk.says(&mut nat, Outside, answer);
        let mut data = Talk::open(&mut nat, "10.64.0.7:40001", &format!("{X}:50069"));
        flows(&mut nat, &mut data, Outside);
        talk.says(&mut nat, Outside, b"226 Transfer complete.\r\n");
        talk.says(&mut nat, Inside, b"NOOP\r\n");
        let now = nat.now();
        run_until(&mut nat, now + 300.0 + 20.0);
        assert_eq!(nat.show("translations").len(), 0);
    }
}

/// The same for a server inside that calls its client (RFC 959 section 5.2, active).
#[test]
fn a_servers_control_connection_lives_as_long_as_its_transfer() {
    let config = impatient().fixed("inside: 10.64.0.7, outside: 203.0.113.14");
    let mut nat = Pipe::new(&config);
    let mut talk = Talk::come(&mut nat, &format!("{X}:50000"), "203.0.113.14:21");
    talk.says(&mut nat, Inside, b"220 ready\r\n");
    talk.says(&mut nat, Outside, b"PORT 192,0,2,1,195,149\r\n");
    talk.says(&mut nat, Inside, b"200 ok\r\n");
    let mut data = Talk::open(&mut nat, "10.64.0.7:20", &format!("{X}:50069"));
    flows(&mut nat, &mut data, Inside);
    talk.says(&mut nat, Inside, b"226 Transfer complete.\r\n");
}

/// Many clients go to whom they are connected with, whatever address a 227 reply names.
#[test]
fn a_transfer_may_go_to_the_server_or_to_whom_it_has_named() {
    for remote in [X, Y] {
        let mut nat = Pipe::new(&impatient());
        let mut talk = control(&mut nat);
        talk.says(&mut nat, Inside, b"PASV\r\n");
        talk.says(&mut nat, Outside, b"227 At (192,0,2,9,195,149).\r\n");
        let mut data = Talk::open(&mut nat, "10.64.0.7:40001", &format!("{remote}:50069"));
        flows(&mut nat, &mut data, Outside);
        assert!(is_kept(&mut nat, "10.64.0.7"), "{remote}");
    }
}

/// G3: from whom it was announced to, to where it was announced, in time, once, and only what
/// was asked for.
#[test]
fn no_other_connection_keeps_it() {
    let x = format!("{X}:50069");
    for (case, host, asks, remote, after) in [
        ("another host", "10.64.0.8", "PASV", x.as_str(), 0.0),
        ("another port", "10.64.0.7", "PASV", "192.0.2.1:50070", 0.0),
        (
            "another server",
            "10.64.0.7",
            "PASV",
            "192.0.2.2:50069",
            0.0,
        ),
        ("too late", "10.64.0.7", "PASV", x.as_str(), 61.0),
        ("unasked", "10.64.0.7", "NOOP", x.as_str(), 0.0),
        ("asked in another way", "10.64.0.7", "EPSV", x.as_str(), 0.0),
    ] {
        let mut nat = Pipe::new(&impatient());
        let mut talk = control(&mut nat);
        talk.says(&mut nat, Inside, format!("{asks}\r\n").as_bytes());
        let [_, answer] = ASKED[0];
        talk.says(&mut nat, Outside, answer);
        nat.wait(after);
        let mut data = Talk::open(&mut nat, &format!("{host}:40001"), remote);
        flows(&mut nat, &mut data, Outside);
        assert!(!is_kept(&mut nat, "10.64.0.7"), "{case}");
    }
    // The second of two is not the announced one.
    let mut nat = Pipe::new(&impatient());
    let mut talk = control(&mut nat);
    let [asks, answer] = ASKED[0];
    talk.says(&mut nat, Inside, asks);
    talk.says(&mut nat, Outside, answer);
    Talk::open(&mut nat, "10.64.0.7:40001", &x);
    let mut data = Talk::open(&mut nat, "10.64.0.7:40002", &x);
    flows(&mut nat, &mut data, Outside);
    assert!(!is_kept(&mut nat, "10.64.0.7"), "the second");
}

/// Where the control connection has gone, another session in its place is not kept.
#[test]
fn an_ended_control_connection_has_no_transfers() {
    let mut nat = Pipe::new(&impatient());
    let mut talk = control(&mut nat);
    let [asks, answer] = ASKED[0];
    talk.says(&mut nat, Inside, asks);
    talk.says(&mut nat, Outside, answer);
    assert_eq!(nat.clear("translations"), 1);
    nat.wait(1.0);
    control_of(&mut nat, "10.64.0.7");
    let mut data = Talk::open(&mut nat, "10.64.0.7:40001", &format!("{X}:50069"));
    flows(&mut nat, &mut data, Outside);
    assert!(!is_kept(&mut nat, "10.64.0.7"));
}
