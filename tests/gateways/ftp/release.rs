//! When the gateway lets a connection go: encrypted, signed, or another protocol (G2).

use testkit::tcp;
use tests::{Pipe, X};

use super::control;
use crate::talk::Side::{self, Inside, Outside};
use crate::talk::Talk;
use crate::{strict, tally};

/// RFC 4217 section 4: behind 234 everything is TLS's, whatever it looks like.
#[test]
fn behind_auth_tls_nothing_is_read() {
    for (ask, answer) in [
        (&b"AUTH TLS\r\n"[..], &b"234 Proceed.\r\n"[..]),
        (b"auth ssl\r\n", b"234-Proceed\r\n234 now.\r\n"),
        (b"AUTH GSSAPI\r\n", b"235 ADAT=abcd\r\n"),
    ] {
        let mut nat = Pipe::new(&strict());
        let mut talk = control(&mut nat);
        talk.says(&mut nat, Inside, ask);
        talk.says(&mut nat, Outside, answer);
        talk.says(&mut nat, Inside, b"\x16\x03\x01\x02\x00\x01");
        talk.says(&mut nat, Inside, b"PORT 10,64,0,7,19,137\r\n");
        assert_eq!(nat.show("doors").len(), 0);
        let [_, rewritten, opened, _, bypassed, errors] = tally(&mut nat, "ftp");
        assert_eq!((rewritten, opened, bypassed, errors), (0, 0, 1, 0));
    }
}

/// A server that refuses goes on in clear text.
#[test]
fn a_refused_auth_changes_nothing() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    talk.says(&mut nat, Inside, b"AUTH TLS\r\n");
    talk.says(&mut nat, Outside, b"502 Not here.\r\n");
    super::announces(&mut nat, &mut talk, Inside, "PORT 10,64,0,7,19,137\r\n");
    assert_eq!(nat.show("doors").len(), 1);
}

/// Numbers that were changed before stay right behind it.
#[test]
fn numbers_stay_right_behind_auth_tls() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    super::announces(&mut nat, &mut talk, Inside, "PORT 10,64,0,7,19,137\r\n");
    talk.says(&mut nat, Outside, b"200 ok\r\n");
    talk.says(&mut nat, Inside, b"AUTH TLS\r\n");
    talk.says(&mut nat, Outside, b"234 Proceed.\r\n");
    for _ in 0..50 {
        talk.says(&mut nat, Inside, b"\x17\x03\x03\x00\x05hello");
        talk.says(&mut nat, Outside, b"\x17\x03\x03\x00\x07goodbye");
    }
}

/// RFC 2385, RFC 5925: what is signed must not be changed.
#[test]
fn a_signed_connection_is_left_alone() {
    let signature = [&[19, 18][..], &[7; 16], &[1, 1]].concat();
    let authentication = [&[29, 16, 1, 1][..], &[7; 12]].concat();
    for option in [signature, authentication] {
        let mut nat = Pipe::new(&strict());
        let syn = tcp(&format!("10.64.0.7:40000 > {X}:21"));
        let syn = syn.syn().seq(1000).tcp_options(&option);
        let mut talk = Talk::established(&mut nat, Inside, &syn, [1000, 9000]);
        super::log_in(&mut nat, &mut talk);
        talk.says(&mut nat, Inside, b"PORT 10,64,0,7,19,137\r\n");
        assert_eq!(nat.show("doors").len(), 0);
    }
}

/// What was said, and by whom.
type Said = Vec<(Side, Vec<u8>)>;

/// What other protocols say on the port of FTP, both ways, the one that speaks first first.
fn others() -> Vec<(&'static str, Said)> {
    let post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 23\r\n\r\nPORT 10,64,0,7,19,137\r\n";
    vec![
        (
            "HTTP",
            vec![
                (Inside, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
                (
                    Outside,
                    b"HTTP/1.1 200 OK\r\n\r\n227 Passive (10,64,0,7,19,137)\r\n".to_vec(),
                ),
                (Inside, post.to_vec()),
            ],
        ),
        (
            "SSH",
            vec![
                (Outside, b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
                (Inside, b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
                (Inside, b"PORT 10,64,0,7,19,137\r\n".to_vec()),
            ],
        ),
        (
            "zeros",
            vec![
                (Inside, vec![0; 1000]),
                (Inside, b"PORT 10,64,0,7,19,137\r\n".to_vec()),
            ],
        ),
        (
            "TLS from the start",
            vec![
                (Inside, b"\x16\x03\x01\x00\x04abcd".to_vec()),
                (Outside, b"\x16\x03\x03\x00\x04abcd".to_vec()),
                (Inside, b"PORT 10,64,0,7,19,137\r\n".to_vec()),
            ],
        ),
    ]
}

/// G2: byte for byte, and counted.
#[test]
fn another_protocol_passes_byte_for_byte() {
    for (name, said) in others() {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, "10.64.0.7:40000", &format!("{X}:21"));
        for (side, bytes) in &said {
            talk.says(&mut nat, *side, bytes);
        }
        for round in 0..50_u8 {
            let block: Vec<u8> = (0..1000_u32)
                .map(|at| (at * u32::from(round)) as u8)
                .collect();
            talk.says(&mut nat, Side::BOTH[usize::from(round & 1)], &block);
        }
        assert_eq!(nat.show("doors").len(), 0, "{name}");
        let [_, rewritten, opened, promoted, bypassed, errors] = tally(&mut nat, "ftp");
        let moved = [rewritten, opened, promoted, bypassed, errors];
        assert_eq!(moved, [0, 0, 0, 1, 0], "{name}");
    }
}

/// Random bytes, cut in any way: nothing changes, nothing breaks.
#[test]
fn random_bytes_pass() {
    let mut chance = testkit::Rng::new(21);
    for _ in 0..20 {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, "10.64.0.7:40000", &format!("{X}:21"));
        for _ in 0..20 {
            let len = 1 + chance.below(600);
            let bytes = chance.bytes(len);
            talk.says(&mut nat, Side::BOTH[chance.below(2)], &bytes);
        }
        assert_eq!(nat.show("doors").len(), 0);
    }
}
