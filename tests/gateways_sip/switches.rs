//! Off, in shadow, at other ports (REQUIREMENTS G1).

use testkit::udp;

use crate::Line;
use crate::line::{OFFER, PHONE, PROXY, request, sdp};

#[test]
fn a_gateway_that_is_off_reads_nothing() {
    let mut line = Line::with("off");
    let lines = request("INVITE", "c", 1) + &sdp("10.64.0.7", OFFER);
    line.out_untouched(PHONE, PROXY, &lines);
    let row = line.row();
    assert_eq!(
        (&row["enabled"], &row["messages"]),
        (&false.into(), &0.into())
    );
    assert_eq!(line.doors().len(), 0);
}

#[test]
fn a_shadow_says_what_it_would_do_and_does_nothing() {
    let mut line = Line::with("{ mode: shadow }");
    let lines = request("INVITE", "c", 1) + &sdp("10.64.0.7", OFFER);
    line.out_untouched(PHONE, PROXY, &lines);
    let row = line.row();
    assert_eq!(
        (&row["messages"], &row["rewritten"]),
        (&1.into(), &1.into())
    );
    assert_eq!(row["methods"]["INVITE"], 1);
    assert_eq!((&row["doors_opened"], line.doors().len()), (&0.into(), 0));
}

#[test]
fn another_port_is_the_gateways_and_the_usual_one_is_not() {
    let mut line = Line::with("{ udp: [5070], tcp: [] }");
    let lines = request("INVITE", "c", 1) + &sdp("10.64.0.7", OFFER);
    line.out_untouched(PHONE, PROXY, &lines);
    assert_eq!(line.count("messages"), 0);
    line.out(PHONE, "192.0.2.1:5070", &lines);
    assert_eq!(line.count("messages"), 1);
}

/// RFC 791 section 2.3: what has grown beyond the MTU leaves in fragments that fit together.
#[test]
fn a_message_that_outgrows_the_mtu_leaves_in_pieces() {
    let mut line = Line::new();
    let head = request("MESSAGE", "m", 1);
    let body =
        "x".repeat(1472 - head.replace('\n', "\r\n").len() - "Content-Length: 0000\r\n\r\n".len());
    let message = crate::text(&format!("{head}Content-Length: {{length}}\n\n{body}"));
    assert!((1460..=1472).contains(&message.len()), "{}", message.len());
    let packet = udp(&format!("{PHONE} > {PROXY}"))
        .payload(&message)
        .df(true);
    let pieces = line.nat.inside(packet).forwarded_pieces();
    assert_eq!(pieces.len(), 2, "{pieces:?}");
    let whole = testkit::reassemble(&pieces).expect("pieces of one datagram");
    let heard = crate::Heard::new(whole);
    assert_eq!(heard.body(), body);
    assert!(!heard.text.contains("10.64."));
}
