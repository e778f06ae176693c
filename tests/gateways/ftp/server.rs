//! A server inside, known outside by a static mapping: its 227 and 229 replies are written anew.

use testkit::udp;
use tests::{Config, Pipe, X, Y, kept_out};

use super::{announced, announces, commas};
use crate::talk::Side::{Inside, Outside};
use crate::talk::Talk;
use crate::{address, door, knocks, strict, tally};

/// The whole host has an outside address.
fn one_to_one() -> Config {
    strict().fixed("inside: 10.64.0.10, outside: 203.0.113.14")
}

/// Its control port alone is forwarded.
fn forwarded() -> Config {
    strict().fixed("protocol: tcp, inside: \"10.64.0.11:21\", outside: \"203.0.113.13:21\"")
}

/// A remote's control connection to a server inside, logged in.
#[track_caller]
fn control(nat: &mut Pipe, outside: &str) -> Talk {
    let mut talk = Talk::come(nat, &format!("{X}:50000"), outside);
    talk.says(nat, Inside, b"220 ready\r\n");
    talk.says(nat, Outside, b"USER anonymous\r\n");
    talk.says(nat, Inside, b"230 Logged in.\r\n");
    talk
}

/// RFC 959 section 4.1.2; RFC 1123 section 4.1.2.6: parentheses are usual, not prescribed.
#[test]
fn a_227_reply_of_a_whole_host_names_its_outside_address() {
    for (before, behind) in [
        ("227 Entering Passive Mode (", ").\r\n"),
        ("227 Entering Passive Mode ", "\r\n"),
        ("227 =", "\r\n"),
        ("227-Some say\r\n227 Here: (", ")\r\n"),
    ] {
        let mut nat = Pipe::new(&one_to_one());
        let mut talk = control(&mut nat, "203.0.113.14:21");
        talk.says(&mut nat, Outside, b"PASV\r\n");
        let line = format!("{before}10,64,0,10,195,149{behind}");
        let seen = talk.sends(&mut nat, Inside, line.as_bytes());
        let expected = format!("{before}203,0,113,14,195,149{behind}");
        assert_eq!(String::from_utf8_lossy(&seen.payload), expected);
        let mut data = Talk::come(&mut nat, &format!("{X}:50001"), "203.0.113.14:50069");
        assert_eq!(data.end(Inside).own.to_string(), "10.64.0.10:50069");
        data.says(&mut nat, Inside, b"bytes");
        talk.says(&mut nat, Inside, b"226 Transfer complete.\r\n");
    }
}

/// RFC 2428 section 3: ports of a whole host stay, so nothing has to be written.
#[test]
fn a_229_reply_of_a_whole_host_stays() {
    let mut nat = Pipe::new(&one_to_one());
    let mut talk = control(&mut nat, "203.0.113.14:21");
    talk.says(&mut nat, Outside, b"EPSV\r\n");
    talk.says(
        &mut nat,
        Inside,
        b"229 Entering Extended Passive Mode (|||50069|)\r\n",
    );
    let data = Talk::come(&mut nat, &format!("{X}:50001"), "203.0.113.14:50069");
    assert_eq!(data.end(Inside).own.to_string(), "10.64.0.10:50069");
}

/// G3: behind a port forward the data port is found, mapped and opened, on the address that the
/// client has connected to: many clients connect there whatever a 227 reply says.
#[test]
fn a_227_reply_behind_a_port_forward_names_a_port_of_its_own() {
    let mut nat = Pipe::new(&forwarded());
    let mut talk = control(&mut nat, "203.0.113.13:21");
    talk.says(&mut nat, Outside, b"PASV\r\n");
    let line = "227 Entering Passive Mode (10,64,0,11,195,149).\r\n";
    let seen = talk.sends(&mut nat, Inside, line.as_bytes());
    let outside = announced(&seen);
    let expected = format!("227 Entering Passive Mode ({}).\r\n", commas(&outside));
    assert_eq!(String::from_utf8_lossy(&seen.payload), expected);
    assert_eq!(address(&outside), "203.0.113.13");
    let open = door(&mut nat);
    assert_eq!(open["inside"], "10.64.0.11:50069");
    assert_eq!(open["outside"], outside.as_str());
    kept_out(&knocks(&mut nat, &format!("{Y}:50001"), &outside));
    let mut data = Talk::come(&mut nat, &format!("{X}:50001"), &outside);
    assert_eq!(data.end(Inside).own.to_string(), "10.64.0.11:50069");
    data.says(&mut nat, Inside, b"bytes");
    let [_, rewritten, opened, promoted, ..] = tally(&mut nat, "ftp");
    assert_eq!((rewritten, opened, promoted), (1, 1, 1));
}

/// RFC 2428 section 3: the port alone is named, so it has to be one of the control connection's
/// own address.
#[test]
fn a_229_reply_behind_a_port_forward_names_a_port_of_the_same_address() {
    let mut nat = Pipe::new(&forwarded());
    let mut talk = control(&mut nat, "203.0.113.13:21");
    talk.says(&mut nat, Outside, b"EPSV\r\n");
    let line = "229 Entering Extended Passive Mode (|||50069|)\r\n";
    let seen = talk.sends(&mut nat, Inside, line.as_bytes());
    let text = String::from_utf8_lossy(&seen.payload).into_owned();
    let port = text
        .strip_prefix("229 Entering Extended Passive Mode (|||")
        .unwrap();
    let port: u16 = port.strip_suffix("|)\r\n").unwrap().parse().unwrap();
    let outside = format!("203.0.113.13:{port}");
    assert_eq!(door(&mut nat)["outside"], outside.as_str());
    let data = Talk::come(&mut nat, &format!("{X}:50001"), &outside);
    assert_eq!(data.end(Inside).own.to_string(), "10.64.0.11:50069");
}

/// The same for a host whose ports are at another address, since it has written to somebody: a port
/// there is no answer to `EPSV`, and what can be heard by the reply is nobody's. `PASV` works.
#[test]
fn a_229_reply_is_left_alone_where_its_port_would_be_at_another_address() {
    let mut nat = Pipe::new(&forwarded());
    let sent = udp("10.64.0.11:4000 > 192.0.2.9:9").payload(b"hello");
    let own = nat.inside(sent).forwarded().src.0.ip().to_string();
    assert_ne!(own, "203.0.113.13");
    let mut talk = control(&mut nat, "203.0.113.13:21");
    talk.says(&mut nat, Outside, b"EPSV\r\n");
    talk.says(
        &mut nat,
        Inside,
        b"229 Entering Extended Passive Mode (|||50069|)\r\n",
    );
    assert_eq!(nat.show("doors").len(), 0);
    assert_eq!(nat.show("mappings").len(), 2);
    let [_, rewritten, opened, _, bypassed, errors] = tally(&mut nat, "ftp");
    assert_eq!((rewritten, opened, bypassed, errors), (0, 0, 0, 1));
    talk.says(&mut nat, Outside, b"PASV\r\n");
    let line = "227 Entering Passive Mode (10,64,0,11,195,149).\r\n";
    let outside = announces(&mut nat, &mut talk, Inside, line);
    assert_eq!(address(&outside), own);
    let data = Talk::come(&mut nat, &format!("{X}:50001"), &outside);
    assert_eq!(data.end(Inside).own.to_string(), "10.64.0.11:50069");
    // Not even now that the port is mapped.
    talk.says(&mut nat, Outside, b"EPSV\r\n");
    talk.says(&mut nat, Inside, b"229 Here (|||50069|)\r\n");
    assert_eq!(nat.show("doors").len(), 0);
    assert_eq!(tally(&mut nat, "ftp")[5], 2);
}

/// PROTOCOLS B1: only what answers an outstanding question counts.
#[test]
fn a_reply_that_nobody_asked_for_opens_nothing() {
    let mut nat = Pipe::new(&forwarded());
    let mut talk = control(&mut nat, "203.0.113.13:21");
    talk.says(
        &mut nat,
        Inside,
        b"227 Entering Passive Mode (10,64,0,11,195,149).\r\n",
    );
    talk.says(
        &mut nat,
        Inside,
        b"229 Entering Extended Passive Mode (|||50069|)\r\n",
    );
    talk.says(&mut nat, Outside, b"PASV\r\n");
    announces(
        &mut nat,
        &mut talk,
        Inside,
        "227 Passive (10,64,0,11,195,150).\r\n",
    );
    talk.says(
        &mut nat,
        Inside,
        b"227 Entering Passive Mode (10,64,0,11,195,151).\r\n",
    );
    assert_eq!(door(&mut nat)["inside"], "10.64.0.11:50070");
}

/// RFC 2428 section 4: after `EPSV ALL` no other way is asked for, so none is opened.
#[test]
fn after_epsv_all_only_epsv_counts() {
    let mut nat = Pipe::new(&forwarded());
    let mut talk = control(&mut nat, "203.0.113.13:21");
    talk.says(&mut nat, Outside, b"EPSV ALL\r\n");
    talk.says(&mut nat, Inside, b"200 ok\r\n");
    talk.says(&mut nat, Outside, b"PASV\r\n");
    talk.says(
        &mut nat,
        Inside,
        b"227 Entering Passive Mode (10,64,0,11,195,149).\r\n",
    );
    assert_eq!(nat.show("doors").len(), 0);
}

/// A client outside that wants to be called announces its own endpoint: the server's connection
/// is an ordinary flow from inside.
#[test]
fn a_client_outside_is_called_without_a_gateway() {
    let mut nat = Pipe::new(&one_to_one());
    let mut talk = control(&mut nat, "203.0.113.14:21");
    talk.says(&mut nat, Outside, b"PORT 192,0,2,1,195,149\r\n");
    talk.says(&mut nat, Inside, b"200 ok\r\n");
    let mut data = Talk::open(&mut nat, "10.64.0.10:20", &format!("{X}:50069"));
    assert_eq!(data.outside(), "203.0.113.14:20");
    data.says(&mut nat, Inside, b"bytes");
    assert_eq!(nat.show("doors").len(), 0);
}

/// Numbers of a server's connection stay right too, for any number of replies.
#[test]
fn replies_may_grow_again_and_again() {
    let mut nat = Pipe::new(&forwarded());
    let mut talk = control(&mut nat, "203.0.113.13:21");
    for round in 0..40_u16 {
        talk.says(&mut nat, Outside, b"PASV\r\n");
        let line = format!(
            "227 Entering Passive Mode ({}).\r\n",
            commas(&format!("10.64.0.11:{}", 50_000 + round))
        );
        let outside = announces(&mut nat, &mut talk, Inside, &line);
        let mut data = Talk::come(&mut nat, &format!("{X}:{}", 51_000 + round), &outside);
        data.says(&mut nat, Inside, b"bytes");
        talk.says(&mut nat, Inside, b"226 Transfer complete.\r\n");
    }
}
