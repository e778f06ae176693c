//! The server connects: `PORT` and `EPRT` of a client inside.

use tests::{A, B, Config, Pipe, X, Y, kept_out};

use super::{announced, announces, commas, control, control_of};
use crate::talk::Side::{Inside, Outside};
use crate::talk::Talk;
use crate::{address, door, knocks, strict, tally, told_apart, translation};

/// RFC 959 section 5.3: what the server is told is where it can get in, on the address it
/// knows the host by.
#[test]
fn a_port_command_names_an_outside_endpoint() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    let seen = talk.sends(&mut nat, Inside, b"PORT 10,64,0,7,19,137\r\n");
    let outside = announced(&seen);
    let line = format!("PORT {}\r\n", commas(&outside));
    assert_eq!(String::from_utf8_lossy(&seen.payload), line);
    assert_eq!(address(&outside), address(&talk.outside()));
    assert_ne!(outside, talk.outside());
    talk.says(&mut nat, Outside, b"200 PORT command successful.\r\n");
    // USER, PASS, PORT; 220, 331, 230, 200.
    assert_eq!(tally(&mut nat, "ftp"), [7, 1, 1, 0, 0, 0]);
}

/// RFC 2428 section 2: whatever the delimiter is, it stays.
#[test]
fn an_eprt_command_keeps_its_delimiter() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    for bar in ["|", "!", "a"] {
        let line = format!("EPRT {bar}1{bar}10.64.0.7{bar}5001{bar}\r\n");
        let seen = talk.sends(&mut nat, Inside, line.as_bytes());
        let outside = announced(&seen);
        let (address, port) = outside.split_once(':').unwrap();
        let expected = format!("EPRT {bar}1{bar}{address}{bar}{port}{bar}\r\n");
        assert_eq!(String::from_utf8_lossy(&seen.payload), expected);
        talk.says(&mut nat, Outside, b"200 EPRT command successful.\r\n");
    }
}

/// RFC 2428 section 2: another address family is none of ours.
#[test]
fn an_eprt_command_for_ipv6_passes() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    talk.says(&mut nat, Inside, b"EPRT |2|2001:db8::7|5001|\r\n");
    assert_eq!(nat.show("doors").len(), 0);
}

/// RFC 959 section 5.3: verbs have no case; RFC 1123 section 4.1.2.12 of what else is tolerated.
#[test]
fn case_and_blanks_do_not_matter() {
    for line in [
        "port 10,64,0,7,19,137\r\n",
        "PoRt 10,64,0,7,19,137\r\n",
        "PORT  10,64,0,7,19,137\r\n",
        "PORT 10,64,0,7,19,137  \r\n",
        "PORT 10,64,0,7,19,137\n",
        "PORT 010,064,000,007,019,137\r\n",
    ] {
        let mut nat = Pipe::new(&strict());
        let mut talk = control(&mut nat);
        let seen = talk.sends(&mut nat, Inside, line.as_bytes());
        let text = String::from_utf8_lossy(&seen.payload).into_owned();
        let outside = announced(&seen);
        assert!(
            outside.starts_with("203.0.113."),
            "{line:?} became {text:?}"
        );
        let (head, tail) = (
            &line[..4],
            line.trim_start_matches(|byte: char| byte != '\r' && byte != '\n'),
        );
        assert!(
            text.starts_with(head) && text.ends_with(tail),
            "{line:?} became {text:?}"
        );
        assert_eq!(door(&mut nat)["inside"], "10.64.0.7:5001");
    }
}

/// G3: the server's connection goes to the host and port that the client meant, and data flows.
#[test]
fn the_server_connects_to_what_it_was_told() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    let outside = announces(&mut nat, &mut talk, Inside, "PORT 10,64,0,7,19,137\r\n");
    talk.says(&mut nat, Outside, b"200 ok\r\n");
    talk.says(&mut nat, Inside, b"RETR file\r\n");
    let mut data = Talk::come(&mut nat, &format!("{X}:20"), &outside);
    assert_eq!(data.end(Inside).own.to_string(), "10.64.0.7:5001");
    for _ in 0..5 {
        data.says(&mut nat, Outside, &[b'd'; 1400]);
        data.says(&mut nat, Inside, b"");
    }
    data.finishes(&mut nat, Outside);
    data.finishes(&mut nat, Inside);
    talk.says(&mut nat, Outside, b"226 Transfer complete.\r\n");
    assert_eq!(tally(&mut nat, "ftp"), [9, 1, 1, 1, 0, 0]);
}

/// A server may use any port of its own (RFC 959 says 20, many do not).
#[test]
fn the_servers_port_is_its_own_affair() {
    for port in [20, 21, 1024, 51413] {
        let mut nat = Pipe::new(&strict());
        let mut talk = control(&mut nat);
        let outside = announces(&mut nat, &mut talk, Inside, "PORT 10,64,0,7,19,137\r\n");
        Talk::come(&mut nat, &format!("{X}:{port}"), &outside);
    }
}

/// G3: one connection, from the server alone.
#[test]
fn nobody_else_comes_in() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    let outside = announces(&mut nat, &mut talk, Inside, "PORT 10,64,0,7,19,137\r\n");
    kept_out(&knocks(&mut nat, &format!("{Y}:20"), &outside));
    Talk::come(&mut nat, &format!("{X}:20"), &outside);
    kept_out(&knocks(&mut nat, &format!("{X}:2020"), &outside));
    kept_out(&knocks(&mut nat, &format!("{Y}:2020"), &outside));
}

/// Without its gateway the announced port is shut: what the other tests see is its doing.
#[test]
fn without_the_gateway_the_server_does_not_get_in() {
    let mut nat = Pipe::new(&strict().top("alg: { ftp: off }"));
    let mut talk = control(&mut nat);
    talk.says(&mut nat, Inside, b"PORT 10,64,0,7,19,137\r\n");
    let outside = format!("{}:5001", address(&talk.outside()));
    kept_out(&knocks(&mut nat, &format!("{X}:20"), &outside));
}

/// Several announcements, one after the other and in one segment: a door each.
#[test]
fn every_announcement_has_a_door() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    let lines =
        "PORT 10,64,0,7,19,137\r\nNOOP\r\nEPRT |1|10.64.0.7|5002|\r\nPORT 10,64,0,7,19,139\r\n";
    let seen = talk.sends(&mut nat, Inside, lines.as_bytes());
    let text = String::from_utf8_lossy(&seen.payload).into_owned();
    let told: Vec<String> = text
        .split("\r\n")
        .filter_map(super::read_endpoint)
        .collect();
    assert_eq!(told.len(), 3, "{text:?}");
    assert!(text.contains("\r\nNOOP\r\nEPRT |1|203.0.113."), "{text:?}");
    talk.says(
        &mut nat,
        Outside,
        b"200 ok\r\n200 ok\r\n200 ok\r\n200 ok\r\n",
    );
    assert_eq!(nat.show("doors").len(), 3);
    for (place, outside) in told.iter().enumerate() {
        let data = Talk::come(&mut nat, &format!("{X}:20"), outside);
        let inside = format!("10.64.0.7:{}", 5001 + place);
        assert_eq!(data.end(Inside).own.to_string(), inside);
    }
    assert_eq!(nat.show("doors").len(), 0);
}

/// RFC 4787 section 4.1: whose inside port it is decides, not the number.
#[test]
fn two_hosts_announce_the_same_port() {
    let mut nat = Pipe::new(&strict());
    let told = [A, B].map(|host| {
        let mut talk = control_of(&mut nat, host);
        let line = format!("PORT {}\r\n", commas(&format!("{host}:5001")));
        announces(&mut nat, &mut talk, Inside, &line)
    });
    told_apart(&mut nat, &format!("{X}:20"), [&told[0], &told[1]], 5001);
}

/// The same where they share one outside address.
#[test]
fn two_hosts_of_one_address_announce_the_same_port() {
    let config = Config::new()
        .rule("filtering", "address-and-port-dependent")
        .pool("prefixes", "[203.0.113.4/32]");
    let mut nat = Pipe::new(&config);
    let told = [A, B].map(|host| {
        let mut talk = control_of(&mut nat, host);
        let line = format!("PORT {}\r\n", commas(&format!("{host}:5001")));
        announces(&mut nat, &mut talk, Inside, &line)
    });
    assert_eq!(address(&told[0]), address(&told[1]));
    told_apart(&mut nat, &format!("{X}:20"), [&told[0], &told[1]], 5001);
}

/// Under a mapping that depends on the remote the announced endpoint is still one.
#[test]
fn mappings_by_remote_announce_as_well() {
    for mapping in ["address-dependent", "address-and-port-dependent"] {
        let mut nat = Pipe::new(&strict().rule("mapping", mapping));
        let mut talk = control(&mut nat);
        let outside = announces(&mut nat, &mut talk, Inside, "PORT 10,64,0,7,19,137\r\n");
        let mut data = Talk::come(&mut nat, &format!("{X}:20"), &outside);
        data.says(&mut nat, Inside, b"bytes");
        let row = translation(&mut nat, "10.64.0.7:5001", "192.0.2.1:20").unwrap();
        assert_eq!(row["outside"], outside.as_str());
    }
}
