//! Application gateways as the standards for translators see them: each has its
//! own switch (RFC 4787 REQ-10a), and FTP is followed (RFC 3022 section 4.3).

use testkit::{Seen, udp};
use tests::{Config, Outcome, Pipe};

use crate::{Connection, kept_out, tcp_endpoint};

const PORT: &[u8] = b"PORT 10,64,0,7,19,137\r\n";
const REGISTER: &[u8] = b"REGISTER sip:192.0.2.1 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 10.64.0.7:5060;branch=z9hG4bK1\r\n\
    From: <sip:a@192.0.2.1>;tag=1\r\nTo: <sip:a@192.0.2.1>\r\n\
    Call-ID: 1@a.example\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n\
    Contact: <sip:a@10.64.0.7:5060>\r\nContent-Length: 0\r\n\r\n";
const READ: &[u8] = b"\0\x01file\0octet\0";

/// Filtering as strict as it gets, so that what comes in came by a gateway's door.
fn config(gateways: &str) -> Config {
    Config::new()
        .rule("filtering", "address-and-port-dependent")
        .top(&format!("alg: {{ {gateways} }}"))
}

/// The one packet that left.
#[track_caller]
fn left(outcome: Outcome) -> Seen {
    assert_eq!(outcome.verdict, "forward", "{outcome:?}");
    assert_eq!(outcome.left.len(), 1, "{outcome:?}");
    outcome.left.into_iter().next().unwrap().seen
}

/// Whether FTP, SIP and TFTP are followed.
#[track_caller]
fn followed(gateways: &str) -> [bool; 3] {
    let mut nat = Pipe::new(&config(gateways));
    let control = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:21");
    let command = left(nat.inside(control.outbound().payload(PORT)));
    let register = udp("10.64.0.7:5060 > 192.0.2.1:5060").payload(REGISTER);
    let register = left(nat.inside(register));
    let read = left(nat.inside(udp("10.64.0.7:5069 > 192.0.2.1:69").payload(READ)));
    let data = udp("192.0.2.1:33000 > 0.0.0.0").to(read.src);
    let data = nat.outside(data.payload(b"\0\x03\0\x01data"));
    [
        command.payload != PORT,
        register.payload != REGISTER,
        data.verdict == "forward",
    ]
}

/// RFC 4787 REQ-10a.
#[test]
fn each_gateway_has_its_own_switch() {
    assert_eq!(followed(""), [true, true, true]);
    assert_eq!(followed("ftp: off"), [false, true, true]);
    assert_eq!(followed("sip: off"), [true, false, true]);
    assert_eq!(followed("tftp: off"), [true, true, false]);
    assert_eq!(
        followed("ftp: off, sip: off, tftp: off"),
        [false, false, false]
    );
}

/// RFC 3022 section 4.3, RFC 5382 REQ-6: the address is the outside one, and the
/// sequence numbers of both directions follow the change of length.
#[test]
fn an_ftp_command_is_rewritten_and_the_numbers_follow() {
    let mut nat = Pipe::new(&config(""));
    let control = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:21");
    let out = left(nat.inside(control.outbound().payload(PORT)));
    assert_eq!(out.tcp.as_ref().unwrap().seq, 1001);
    let (address, port) = announced(&out.payload);
    assert_eq!(address, out.src.ip().octets());
    assert!(out.payload.ends_with(b"\r\n"));

    let grown = out.payload.len() as u32;
    let sent = PORT.len() as u32;
    let answer = control
        .inbound()
        .ack(1001 + grown)
        .payload(b"200 PORT command successful\r\n");
    let back = left(nat.outside(answer));
    let numbers = back.tcp.as_ref().unwrap();
    assert_eq!((numbers.seq, numbers.ack), (9001, 1001 + sent));
    let next = control.outbound().seq(1001 + sent).ack(9030);
    let next = left(nat.inside(next.payload(b"LIST\r\n")));
    let numbers = next.tcp.as_ref().unwrap();
    assert_eq!((numbers.seq, numbers.ack), (1001 + grown, 9030));
    // The same once more, as after a loss.
    let again = left(nat.inside(control.outbound().payload(PORT)));
    assert_eq!(again.payload, out.payload);
    assert_eq!(again.tcp.unwrap().seq, 1001);

    // The data connection comes in, and nobody else's does.
    let [a, b, c, d] = address;
    let to = format!("{a}.{b}.{c}.{d}:{port}");
    let stranger = testkit::tcp(&format!("192.0.2.9:20 > {to}")).syn();
    kept_out(&nat.outside(stranger));
    let data = testkit::tcp(&format!("192.0.2.1:20 > {to}")).syn();
    assert!(nat.outside(data).forwarded().dst == "10.64.0.7:5001");
    tcp_endpoint(&mut nat, "10.64.0.7:5002", "192.0.2.1:80");
}

/// Address and port of `PORT h1,h2,h3,h4,p1,p2`.
#[track_caller]
fn announced(command: &[u8]) -> ([u8; 4], u16) {
    let text = std::str::from_utf8(command).expect("text");
    let numbers: Vec<u8> = text
        .strip_prefix("PORT ")
        .unwrap_or_else(|| panic!("{text}"))
        .trim_end()
        .split(',')
        .map(|number| number.parse().unwrap_or_else(|_| panic!("{text}")))
        .collect();
    let [a, b, c, d, high, low] = numbers[..] else {
        panic!("{text}")
    };
    ([a, b, c, d], u16::from_be_bytes([high, low]))
}
