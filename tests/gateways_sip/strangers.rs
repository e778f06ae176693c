//! What is not for this gateway, and what would abuse it: no door opens.

use testkit::udp;
use tests::Pipe;

use crate::line::{OFFER, PHONE, PROXY, request, sdp};
use crate::streams::Stream;
use crate::{Line, text};

fn inside(nat: &mut Pipe, flow: &str, payload: &[u8]) -> Vec<u8> {
    nat.inside(udp(flow).payload(payload)).forwarded().payload
}

/// RFC 5626 section 3.5 and whatever else keeps a mapping alive.
#[test]
fn keep_alives_pass_as_they_are() {
    let mut line = Line::new();
    let stun = b"\0\x01\0\0\x21\x12\xa4\x42abcdefghijkl";
    for payload in [&b"\r\n\r\n"[..], b"\r\n", b"\0\0\0\0", b"jaK", stun] {
        inside(&mut line.nat, &format!("{PHONE} > {PROXY}"), payload);
    }
    let row = line.row();
    assert_eq!(
        (&row["bypassed"], &row["errors"], &row["messages"]),
        (&0.into(), &0.into(), &0.into())
    );
    line.out(PHONE, PROXY, &format!("{}\n", request("OPTIONS", "o", 1)));
}

/// REQUIREMENTS G2: what is not SIP is ordinary traffic from its first bytes on.
#[test]
fn another_protocol_on_the_port_is_let_go_and_counted() {
    let mut line = Line::new();
    for (nth, payload) in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"\x16\x03\x01\x02\0\x01",
        b"random bytes",
    ]
    .into_iter()
    .enumerate()
    {
        let port = 41000 + nth;
        inside(
            &mut line.nat,
            &format!("10.64.0.7:{port} > {PROXY}"),
            payload,
        );
        let invite = text(&(request("INVITE", "c", 1) + &sdp("10.64.0.7", OFFER)));
        inside(
            &mut line.nat,
            &format!("10.64.0.7:{port} > {PROXY}"),
            &invite,
        );
        assert_eq!(line.count("bypassed"), nth as u64 + 1);
    }
    assert_eq!(line.doors().len(), 0);
}

/// A datagram that cannot be read says nothing about the ones that can.
#[test]
fn one_bad_datagram_does_not_end_the_gateway() {
    let mut line = Line::new();
    line.out(PHONE, PROXY, &format!("{}\n", request("OPTIONS", "o", 1)));
    let flow = format!("{PHONE} > {PROXY}");
    for payload in [
        &b"what is this"[..],
        b"INVITE sip:x SIP/2.0\nVia: x\n\n",
        b"BYE sip:x SIP/2.0\r\nl: 99999999999\r\n\r\n",
    ] {
        inside(&mut line.nat, &flow, payload);
    }
    assert_eq!((line.count("errors"), line.count("bypassed")), (3, 0));
    line.out(PHONE, PROXY, &format!("{}\n", request("OPTIONS", "o", 2)));
}

/// REQUIREMENTS G7: NAT slipstreaming v1 in a POST, v2 in a TURN name, third-party SDP, low ports.
#[test]
fn slipstreaming_opens_no_door() {
    let register = String::from_utf8(text(&format!("{}\n", request("REGISTER", "r", 1)))).unwrap();
    let http = format!(
        "POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
        register.len()
    );
    let mut line = Line::new();
    let nat = &mut line.nat;
    let mut page = Stream::open(nat, "10.64.0.7:41000", PROXY);
    assert_eq!(page.out(nat, http.as_bytes()).payload, http.as_bytes());
    assert_eq!(
        page.out(nat, register.as_bytes()).payload,
        register.as_bytes()
    );
    // TURN: a STUN message whose attribute is a whole SIP message.
    let mut turn = b"\0\x01\x02\0\x21\x12\xa4\x42abcdefghijkl\0\x06\x01\xff".to_vec();
    turn.extend_from_slice(register.as_bytes());
    inside(nat, "10.64.0.7:41001 > 192.0.2.1:5060", &turn);
    assert_eq!(line.doors().len(), 0);

    for (address, media) in [
        ("10.64.0.8", OFFER),
        ("192.0.2.66", OFFER),
        ("203.0.113.1", OFFER),
        ("10.64.0.7", "m=audio 22 RTP/AVP 0"),
        ("10.64.0.7", "m=audio 445 RTP/AVP 0"),
        ("10.64.0.7", "m=audio 40000/255 RTP/AVP 0"),
    ] {
        let mut line = Line::new();
        let head = request("INVITE", "c", 1);
        let invite = text(&(head + &sdp(address, media)));
        let _ = line
            .nat
            .inside(udp(&format!("{PHONE} > {PROXY}")).payload(&invite));
        let doors = line.doors();
        assert!(
            doors.iter().all(|(to, ..)| to == PHONE),
            "{address} {media}: {doors:?}"
        );
    }
}

/// CVE-2026-23457: a body that is said to be longer than the datagram is what is there, and one
/// that is said to be shorter hides nothing.
#[test]
fn a_wrong_content_length_is_never_read_beyond() {
    let mut line = Line::new();
    let body = "v=0\r\nc=IN IP4 10.64.0.7\r\nm=audio 40000 RTP/AVP 0\r\n";
    for (length, opens) in [("9999", true), ("5", false), ("0", false)] {
        let head = request("INVITE", "c", 1).replace('\n', "\r\n");
        let message = format!(
            "{head}Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        let flow = format!("{PHONE} > {PROXY}");
        let _ = line.nat.inside(udp(&flow).payload(message.as_bytes()));
        assert_eq!(line.doors_to("10.64.0.7:40000") > 0, opens, "{length}");
        line = Line::new();
    }
}
