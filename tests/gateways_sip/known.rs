//! Hosts that know where they are outside, and media that find their own way: left alone.

use crate::Line;
use crate::line::{ANSWER, PHONE, PROXY, answer, request, sdp};

/// A client that has learned its outside endpoint writes that everywhere, and gets it back.
#[test]
fn a_client_that_knows_its_outside_endpoint_is_left_alone() {
    let mut line = Line::new();
    let probe = line.out(PHONE, PROXY, "\n");
    let outside = probe.seen.src.to_string();
    let head = request("REGISTER", "r", 1)
        .replace(PHONE, &outside)
        .replace("10.64.0.7", &probe.seen.src.ip().to_string());
    let lines = format!("{head}Expires: 600\n\n");
    let heard = line.out_untouched(PHONE, PROXY, &lines);
    let contact = format!("Contact: <sip:ann@{outside}>;expires=600\n\n");
    let said = answer("200 OK", &heard, &contact);
    let back = line.back(PROXY, &outside, &said);
    assert_eq!(back.text.as_bytes(), crate::text(&said));
    assert_eq!(line.doors().len(), 0);
}

/// One that has learned it from `received` and `rport` writes it in its contact alone.
#[test]
fn a_contact_that_is_the_outside_endpoint_comes_back_as_it_was_written() {
    let mut line = Line::new();
    let probe = line.out(PHONE, PROXY, "\n");
    let outside = probe.seen.src.to_string();
    let head = request("REGISTER", "r", 1).replace(
        &format!("Contact: <sip:ann@{PHONE}>"),
        &format!("Contact: <sip:ann@{outside}>"),
    );
    let heard = line.out(PHONE, PROXY, &format!("{head}Expires: 600\n\n"));
    let contact = format!("Contact: <sip:ann@{outside}>;expires=600\n\n");
    let back = line.back(PROXY, &outside, &answer("200 OK", &heard, &contact));
    assert_eq!(
        back.header("Contact"),
        Some(&*format!("<sip:ann@{outside}>;expires=600"))
    );
    assert!(
        back.header("Via").unwrap().contains("UDP 10.64.0.7:5060;"),
        "{}",
        back.text
    );
    assert_eq!(back.header("Call-ID"), Some("r@10.64.0.7"));
}

/// PROTOCOLS B4.3: ICE copes with the candidates; `c=` and `m=` are still right.
#[test]
fn candidates_of_ice_are_left_alone() {
    let mut line = Line::new();
    let candidate = "a=candidate:1 1 UDP 2130706431 10.64.0.7 40000 typ host";
    let media = format!("m=audio 40000 RTP/AVP 0\na=ice-ufrag:x\n{candidate}");
    let lines = request("INVITE", "c", 1) + &sdp("10.64.0.7", &media);
    let heard = line.out_telling(PHONE, PROXY, &lines);
    assert!(heard.body().contains(candidate));
    assert_eq!(
        line.media("192.0.2.9:30000", heard.media(0)).unwrap(),
        "10.64.0.7:40000"
    );
}

/// What the other side says of itself stays, whatever it is.
#[test]
fn addresses_of_the_other_side_are_not_changed() {
    let mut line = Line::new();
    let invite = line.out(PHONE, PROXY, &format!("{}\n", request("INVITE", "c", 1)));
    let said = sdp("10.64.0.7", ANSWER);
    let back = line.back(PROXY, invite.seen.src, &answer("200 OK", &invite, &said));
    assert_eq!(back.media(0), "10.64.0.7:30000");
    assert_eq!(line.doors_to("10.64.0.7:30000"), 0);
}
