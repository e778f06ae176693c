//! REFER, blind and with consultation (RFC 3515, RFC 3891).

use crate::Line;
use crate::calls::call;
use crate::line::{PHONE, PROXY, answer, request};

/// A phone sends the other side to a third party, and names itself.
#[test]
fn a_blind_transfer_names_no_inside_address() {
    let mut line = Line::new();
    let invite = call(&mut line, "c");
    let head = request("REFER", "c", 2);
    let lines =
        format!("{head}Refer-To: <sip:carol@example.com>\nReferred-By: <sip:ann@10.64.0.7>\n\n");
    let refer = line.out(PHONE, PROXY, &lines);
    let outside = invite.seen.src;
    assert_eq!(
        refer.header("Referred-By"),
        Some(&*format!("<sip:ann@{}>", outside.ip()))
    );
    line.back(PROXY, outside, &answer("202 Accepted", &refer, "\n"));
    let notify = format!(
        "NOTIFY sip:ann@{outside} SIP/2.0\nVia: SIP/2.0/UDP {PROXY};branch=z9hG4bKn\n\
         From: <sip:bob@example.com>;tag=b1\nTo: <sip:ann@{}>;tag=a1\nCall-ID: c@{}\n\
         CSeq: 1 NOTIFY\nEvent: refer\nContent-Type: message/sipfrag\nContent-Length: {{length}}\n\n\
         SIP/2.0 200 OK\n",
        outside.ip(),
        outside.ip(),
    );
    let heard = line.back(PROXY, outside, &notify);
    assert_eq!(heard.body(), "SIP/2.0 200 OK\r\n");
    assert_eq!(heard.header("Call-ID"), Some("c@10.64.0.7"));
}

/// The dialog to be replaced is named as the other side knows it.
#[test]
fn a_consultative_transfer_names_the_dialog_as_it_is_known_outside() {
    let mut line = Line::new();
    let first = call(&mut line, "c");
    call(&mut line, "d");
    let head = request("REFER", "c", 2);
    let lines = format!(
        "{head}Refer-To: <sip:carol@example.com?Replaces=d%4010.64.0.7%3Bto-tag%3Db1%3Bfrom-tag%3Da1>\n\n"
    );
    let refer = line.out(PHONE, PROXY, &lines);
    let expected = format!(
        "<sip:carol@example.com?Replaces=d%40{}%3Bto-tag%3Db1%3Bfrom-tag%3Da1>",
        first.seen.src.ip()
    );
    assert_eq!(refer.header("Refer-To"), Some(&*expected));
}

/// And an INVITE that replaces one of the phone's calls names it as the phone does.
#[test]
fn a_dialog_to_be_replaced_is_named_as_it_is_known_inside() {
    let mut line = Line::new();
    let first = call(&mut line, "c");
    let outside = first.seen.src;
    let invite = format!(
        "INVITE sip:ann@{outside} SIP/2.0\nVia: SIP/2.0/UDP {PROXY};branch=z9hG4bKr\n\
         From: <sip:c@x>;tag=1\nTo: <sip:ann@x>\nCall-ID: other\nCSeq: 1 INVITE\n\
         Replaces: c@{};to-tag=a1;from-tag=b1\nContent-Length: 0\n\n",
        outside.ip()
    );
    let heard = line.back(PROXY, outside, &invite);
    assert_eq!(
        heard.header("Replaces"),
        Some("c@10.64.0.7;to-tag=a1;from-tag=b1")
    );
}
