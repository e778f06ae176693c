//! `NetBIOS` over TCP and UDP (RFC 1001, RFC 1002; PROTOCOLS B8).

use testkit::udp;
use tests::Pipe;

use crate::talk::Side::{Inside, Outside};
use crate::talk::Talk;
use crate::{strict, tally};

const OWN: [u8; 4] = [10, 64, 0, 7];

/// `FRED` as it is encoded, 34 bytes.
fn name() -> Vec<u8> {
    let mut bytes = vec![32];
    for byte in *b"FRED           \0" {
        bytes.extend([b'A' + (byte >> 4), b'A' + (byte & 15)]);
    }
    bytes.push(0);
    bytes
}

/// A registration: the question, and the entry in the additional record.
fn registration(address: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0, 7, 0x29, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    bytes.extend(name());
    bytes.extend([0, 0x20, 0, 1]);
    bytes.extend([0xc0, 0x0c, 0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, 0x60, 0]);
    bytes.extend(address);
    bytes
}

/// The answer to it.
fn registered(address: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0, 7, 0xad, 0x80, 0, 0, 0, 1, 0, 0, 0, 0];
    bytes.extend(name());
    bytes.extend([0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, 0x60, 0]);
    bytes.extend(address);
    bytes
}

fn datagram(address: [u8; 4], port: u16) -> Vec<u8> {
    let mut bytes = vec![0x10, 0x0a, 0, 9];
    bytes.extend(address);
    bytes.extend(port.to_be_bytes());
    let names = [name(), name()].concat();
    bytes.extend((names.len() as u16 + 4).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(names);
    bytes.extend(b"data");
    bytes
}

/// P13: what a host registers is its outside address, and its own again in the answer.
#[test]
fn a_name_is_registered_by_the_outside_address() {
    let mut nat = Pipe::new(&strict());
    let packet = udp("10.64.0.7:137 > 192.0.2.1:137").payload(&registration(OWN));
    let outcome = nat.inside(packet);
    let seen = &outcome.left[0].seen;
    let outside: [u8; 4] = seen.src.0.ip().octets();
    assert_eq!(seen.payload, registration(outside));
    let answer = udp(&format!("192.0.2.1:137 > {}", seen.src)).payload(&registered(outside));
    let back = &nat.outside(answer).left[0].seen;
    assert_eq!(back.payload, registered(OWN));
    assert_eq!(tally(&mut nat, "netbios"), [2, 2, 0, 0, 0, 0]);
}

/// An address that is not the host's own stays.
#[test]
fn others_addresses_stay() {
    let mut nat = Pipe::new(&strict());
    for address in [[198, 51, 100, 7], [172, 16, 0, 1]] {
        let sent = registration(address);
        let packet = udp("10.64.0.7:137 > 192.0.2.1:137").payload(&sent);
        assert_eq!(nat.inside(packet).left[0].seen.payload, sent);
    }
}

/// The source address and port are the outside endpoint of the packet.
#[test]
fn a_datagram_says_where_it_comes_from() {
    let mut nat = Pipe::new(&strict());
    let packet = udp("10.64.0.7:138 > 192.0.2.1:138").payload(&datagram(OWN, 138));
    let outcome = nat.inside(packet);
    let seen = &outcome.left[0].seen;
    let (address, port) = (seen.src.0.ip().octets(), seen.src.port());
    assert_eq!(seen.payload, datagram(address, port));
}

/// A retarget names another endpoint of the server's; what is behind an established session is
/// others'.
#[test]
fn a_session_that_is_retargeted_names_the_outside() {
    let retarget = |address: [u8; 4], port: u16| {
        [&[0x84, 0, 0, 6][..], &address, &port.to_be_bytes()].concat()
    };
    let mut nat = Pipe::new(
        &strict().fixed("protocol: tcp, inside: \"10.64.0.7:139\", outside: \"203.0.113.20:139\""),
    );
    let mut talk = Talk::come(&mut nat, "192.0.2.9:49000", "203.0.113.20:139");
    let request = [&[0x81, 0, 0, 68][..], &name(), &name()].concat();
    talk.says(&mut nat, Outside, &request);
    let seen = talk.sends(&mut nat, Inside, &retarget(OWN, 139));
    assert_eq!(seen.payload, retarget([203, 0, 113, 20], 139));
    let mut talk = Talk::come(&mut nat, "192.0.2.9:49001", "203.0.113.20:139");
    talk.says(&mut nat, Outside, &request);
    talk.says(&mut nat, Inside, &[0x82, 0, 0, 0]);
    talk.says(&mut nat, Inside, &retarget(OWN, 139));
}

/// Other datagrams on the ports pass, before and after those of the protocol.
#[test]
fn other_datagrams_pass() {
    let mut nat = Pipe::new(&strict());
    let other = b"\xff\xfe anything at all that is long enough to be read";
    for port in [137, 138] {
        let flow = format!("10.64.0.7:{port} > 192.0.2.1:{port}");
        for _ in 0..2 {
            let outcome = nat.inside(udp(&flow).payload(other));
            assert_eq!(outcome.left[0].seen.payload, other);
        }
    }
    assert_eq!(tally(&mut nat, "netbios")[4], 2);
}
