//! rsh, rexec and rlogin (BSD manual pages, RFC 1282; PROTOCOLS B9): the server connects to the
//! port that the client's first bytes name.

use testkit::udp;
use tests::{A, B, Config, GRAIN, Pipe, X, Y, kept_out, run_until};

use crate::talk::Side::{self, Inside, Outside};
use crate::talk::Talk;
use crate::{address, door, knocks, row, strict, tally, told_apart};

const NAMES: &[u8] = b"me\0you\0ls -l\0";

/// A client's connection to a service of X.
#[track_caller]
fn calls(nat: &mut Pipe, inside: &str, port: u16) -> Talk {
    Talk::open(nat, inside, &format!("{X}:{port}"))
}

/// Sends the port of the second channel; the outside endpoint the server reads.
#[track_caller]
fn names(nat: &mut Pipe, talk: &mut Talk, digits: &str) -> String {
    let seen = talk.sends(nat, Inside, format!("{digits}\0").as_bytes());
    let digits = seen.payload.strip_suffix(b"\0").unwrap();
    let port: u16 = std::str::from_utf8(digits).unwrap().parse().unwrap();
    format!("{}:{port}", address(&talk.outside()))
}

/// B9: "map the stderr port to an external one, rewrite the digits, pinhole TCP from the server".
#[test]
fn the_second_channel_comes_in() {
    for (service, inside, port) in [
        (514, "10.64.0.7:1023", 1022),
        (514, "10.64.0.7:1023", 512),
        (512, "10.64.0.7:40000", 41_000),
        (512, "10.64.0.7:40000", 1022),
    ] {
        let mut nat = Pipe::new(&strict());
        let mut talk = calls(&mut nat, inside, service);
        let outside = names(&mut nat, &mut talk, &port.to_string());
        let shown = door(&mut nat);
        assert_eq!(shown["outside"], outside.as_str());
        assert_eq!(shown["inside"], format!("{A}:{port}"));
        assert_eq!(shown["origin"], "rcmd");
        assert_eq!(shown["uses"], 1);
        kept_out(&knocks(&mut nat, &format!("{Y}:1020"), &outside));
        let mut errors = Talk::come(&mut nat, &format!("{X}:1020"), &outside);
        assert_eq!(errors.end(Inside).own.to_string(), format!("{A}:{port}"));
        assert_eq!(nat.show("doors").len(), 0);
        talk.says(&mut nat, Inside, NAMES);
        talk.says(&mut nat, Outside, b"\0");
        for _ in 0..50 {
            talk.says(&mut nat, Outside, b"total 0\n");
            errors.says(&mut nat, Outside, b"ls: no such file\n");
            talk.says(&mut nat, Inside, b"input\n");
        }
        // B9: "second back connection refused".
        kept_out(&knocks(&mut nat, &format!("{X}:1019"), &outside));
        let [messages, rewritten, opened, promoted, _, errors] = tally(&mut nat, "rcmd");
        assert_eq!(
            [messages, rewritten, opened, promoted, errors],
            [1, 1, 1, 1, 0]
        );
    }
}

/// B9: "five digits replaced by three and the reverse": here by four, as a pool has no fewer.
#[test]
fn digits_become_more_or_fewer() {
    for (ports, inside, digits) in [("1024-1535", "60000", 4), ("10240-65535", "1022", 5)] {
        let mut nat = Pipe::new(&strict().pool("ports", ports));
        let mut talk = calls(&mut nat, "10.64.0.7:1023", 514);
        let outside = names(&mut nat, &mut talk, inside);
        assert_eq!(
            outside.split_once(':').unwrap().1.len(),
            digits,
            "{outside}"
        );
        Talk::come(&mut nat, &format!("{X}:1020"), &outside);
        talk.says(&mut nat, Inside, NAMES);
        talk.says(&mut nat, Outside, b"\0done\n");
        talk.finishes(&mut nat, Outside);
        talk.finishes(&mut nat, Inside);
    }
}

/// B9: a client may send everything at once.
#[test]
fn what_follows_the_digits_stays() {
    let mut nat = Pipe::new(&strict());
    let mut talk = calls(&mut nat, "10.64.0.7:1023", 514);
    let all = [b"1022\0", NAMES].concat();
    let seen = talk.sends(&mut nat, Inside, &all);
    let end = seen.payload.iter().position(|byte| *byte == 0).unwrap();
    assert_ne!(&seen.payload[..end], b"1022");
    assert_eq!(&seen.payload[end + 1..], NAMES);
    talk.says(&mut nat, Outside, b"\0");
    talk.says(&mut nat, Inside, b"more\n");
}

/// B9: "`0` or empty = none".
#[test]
fn no_second_channel_opens_nothing() {
    for beginning in [&b"0\0"[..], b"\0"] {
        for service in [512, 514] {
            let mut nat = Pipe::new(&strict());
            let mut talk = calls(&mut nat, "10.64.0.7:1023", service);
            talk.says(&mut nat, Inside, beginning);
            talk.says(&mut nat, Inside, NAMES);
            talk.says(&mut nat, Outside, b"\0");
            assert_eq!(nat.show("doors").len(), 0);
            let [messages, rewritten, opened, ..] = tally(&mut nat, "rcmd");
            assert_eq!([messages, rewritten, opened], [1, 0, 0]);
        }
    }
}

/// G7: the reserved range of these services is 512 to 1023; what is below is nobody's.
#[test]
fn lower_ports_open_nothing() {
    for digits in ["511", "80", "22", "1"] {
        let mut nat = Pipe::new(&strict());
        let mut talk = calls(&mut nat, "10.64.0.7:1023", 514);
        talk.says(&mut nat, Inside, format!("{digits}\0").as_bytes());
        assert_eq!(nat.show("doors").len(), 0);
    }
}

/// G2: servers of these say nothing before the port is named. Where one does, a client's digit is
/// no beginning of a port, and nothing of it is kept back.
#[test]
fn nothing_is_held_once_the_server_has_spoken() {
    for (service, greeting) in [(512, &b"220 ready\r\n"[..]), (514, b"1021\0")] {
        let mut nat = Pipe::new(&strict());
        let mut talk = calls(&mut nat, "10.64.0.7:1023", service);
        talk.says(&mut nat, Outside, greeting);
        for digit in [&b"1"[..], b"2\0", b"1022\0"] {
            talk.says(&mut nat, Inside, digit);
        }
        assert_eq!(nat.show("doors").len(), 0);
        assert_eq!(tally(&mut nat, "rcmd"), [0, 0, 0, 0, 1, 0]);
    }
}

/// The same where the digit came first: it goes on as soon as the server speaks.
#[test]
fn a_held_digit_goes_on_when_the_server_speaks() {
    for service in [512, 514] {
        let mut nat = Pipe::new(&strict());
        let talk = calls(&mut nat, "10.64.0.7:1023", service);
        let digit = talk.segment(Inside).payload(b"1");
        assert_eq!(nat.inside(digit).verdict, "hold");
        let greeting = talk.segment(Outside).ack(1001).payload(b"220 ready\r\n");
        let left = nat.outside(greeting).left;
        let passed = |side: Side, bytes: &[u8]| {
            let mut to = left.iter().filter(|left| left.interface == side.name());
            to.any(|left| left.seen.payload == bytes)
        };
        assert!(passed(Outside, b"1"), "{left:?}");
        assert!(passed(Inside, b"220 ready\r\n"), "{left:?}");
    }
}

/// RFC 1282: there is no port in rlogin's beginning.
#[test]
fn rlogin_passes_as_it_is() {
    let mut nat = Pipe::new(&strict());
    let mut talk = calls(&mut nat, "10.64.0.7:1023", 513);
    talk.says(&mut nat, Inside, b"\0me\0you\0vt100/9600\0");
    talk.says(&mut nat, Outside, b"\0Password: ");
    talk.says(&mut nat, Inside, b"1022\0");
    assert_eq!(nat.show("doors").len(), 0);
}

/// B9: "UDP 514 is syslog and UDP 513 rwho, not these".
#[test]
fn datagrams_are_not_looked_at() {
    let mut nat = Pipe::new(&strict());
    for port in [512, 513, 514] {
        let packet = udp(&format!("10.64.0.7:4000 > {X}:{port}")).payload(b"1022\0");
        nat.inside(packet).forwarded();
    }
    assert_eq!(nat.show("doors").len(), 0);
    assert_eq!(tally(&mut nat, "rcmd"), [0; 6]);
}

/// G2, B9: "at most 5 digits before the NUL, otherwise stop inspecting".
#[test]
fn another_protocol_passes_byte_for_byte() {
    for beginning in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"102200\0me\0",
        b"65536\0me\0",
        b"10x2\0me\0",
        b"-1022\0",
        b"<13>syslog over TCP\n",
        &[0xff; 600],
    ] {
        let mut nat = Pipe::new(&strict());
        let mut talk = calls(&mut nat, "10.64.0.7:1023", 514);
        talk.says(&mut nat, Inside, beginning);
        talk.says(&mut nat, Inside, b"1022\0");
        talk.says(&mut nat, Outside, b"1022\0");
        assert_eq!(nat.show("doors").len(), 0, "{}", beginning.escape_ascii());
        assert_eq!(
            tally(&mut nat, "rcmd"),
            [0, 0, 0, 0, 1, 0],
            "{}",
            beginning.escape_ascii()
        );
    }
}

#[test]
fn two_hosts_name_the_same_port() {
    let mut nat = Pipe::new(&strict());
    let told = [A, B].map(|host| {
        let mut talk = calls(&mut nat, &format!("{host}:1023"), 514);
        names(&mut nat, &mut talk, "1022")
    });
    told_apart(&mut nat, &format!("{X}:1020"), [&told[0], &told[1]], 1022);
}

/// B9: BSD servers call back to reserved ports only. Where a pool has them and ports are kept,
/// both the client's and the announced one stay.
#[test]
fn reserved_ports_stay_where_the_pool_has_them() {
    let config: Config = strict()
        .pool_without("blocks")
        .pool("ports", "512-65535")
        .rule("preserve_port", "true");
    let mut nat = Pipe::new(&config);
    let mut talk = calls(&mut nat, "10.64.0.7:1023", 514);
    assert!(talk.outside().ends_with(":1023"), "{}", talk.outside());
    let outside = names(&mut nat, &mut talk, "1022");
    assert!(outside.ends_with(":1022"), "{outside}");
    Talk::come(&mut nat, &format!("{X}:1020"), &outside);
}

/// A whole address keeps all ports: nothing is to be written, the door is there.
#[test]
fn a_whole_address_keeps_the_digits() {
    let mut nat = Pipe::new(&strict().fixed("inside: 10.64.0.10, outside: 203.0.113.14"));
    let mut talk = calls(&mut nat, "10.64.0.10:1023", 514);
    talk.says(&mut nat, Inside, b"1022\0");
    let errors = Talk::come(&mut nat, &format!("{X}:1020"), "203.0.113.14:1022");
    assert_eq!(errors.end(Inside).own.to_string(), "10.64.0.10:1022");
}

/// G1: off, and in its shadow.
#[test]
fn it_follows_the_configuration() {
    let mut nat = Pipe::new(&strict().top("alg: { rcmd: off }"));
    assert_eq!(row(&mut nat, "rcmd")["enabled"], false);
    let mut talk = calls(&mut nat, "10.64.0.7:1023", 514);
    talk.says(&mut nat, Inside, b"1022\0");
    let outside = format!("{}:1022", address(&talk.outside()));
    kept_out(&knocks(&mut nat, &format!("{X}:1020"), &outside));

    let mut nat = Pipe::new(&strict().top("alg: { rcmd: { mode: shadow } }"));
    let mut talk = calls(&mut nat, "10.64.0.7:1023", 514);
    talk.says(&mut nat, Inside, b"1022\0");
    assert_eq!(nat.show("doors").len(), 0);
    let [messages, rewritten, opened, ..] = tally(&mut nat, "rcmd");
    assert_eq!([messages, rewritten, opened], [1, 1, 0]);
}

/// A server that never calls back: the door shuts, the connection goes on.
#[test]
fn a_door_that_nobody_uses_shuts_by_itself() {
    let mut nat = Pipe::new(&strict());
    let mut talk = calls(&mut nat, "10.64.0.7:1023", 514);
    let outside = names(&mut nat, &mut talk, "1022");
    run_until(&mut nat, 60.0 + 2.0 * GRAIN);
    assert_eq!(nat.show("doors").len(), 0);
    kept_out(&knocks(&mut nat, &format!("{X}:1020"), &outside));
    talk.says(&mut nat, Inside, NAMES);
}
