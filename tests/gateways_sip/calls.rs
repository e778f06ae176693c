//! Calls: what is offered is let in, from whom it may, for as long as it may.

use crate::Line;
use crate::line::{ANSWER, Heard, OFFER, PEER, PHONE, PROXY, answer, from, request, sdp};

const INSIDE: &str = "10.64.0.7";

/// The phone calls and the other side answers: the INVITE as it was heard.
#[track_caller]
pub(crate) fn call(line: &mut Line, id: &str) -> Heard {
    let invite = line.out(
        PHONE,
        PROXY,
        &(request("INVITE", id, 1) + &sdp(INSIDE, OFFER)),
    );
    let ok = answer("200 OK", &invite, &sdp("192.0.2.9", ANSWER));
    let back = line.back(PROXY, invite.seen.src, &ok);
    assert_eq!(back.media(0), PEER);
    line.out(PHONE, PROXY, &format!("{}\n", request("ACK", id, 1)));
    invite
}

#[test]
fn media_of_a_call_flow_both_ways() {
    let mut line = Line::new();
    let invite = call(&mut line, "c");
    let media = invite.media(0);
    let port: u16 = media.split(':').nth(1).unwrap().parse().unwrap();
    assert!(port.is_multiple_of(2), "{media}");
    // Early, from elsewhere and before the phone has sent anything.
    assert_eq!(
        line.media("192.0.2.50:9", &media).unwrap(),
        "10.64.0.7:40000"
    );
    let rtcp = media.replace(&port.to_string(), &(port + 1).to_string());
    assert_eq!(
        line.media("192.0.2.9:30001", &rtcp).unwrap(),
        "10.64.0.7:40001"
    );
    let own = line.out("10.64.0.7:40000", PEER, "rtp");
    assert_eq!(own.seen.src, &*media);
    assert_eq!(line.media(PEER, &media).unwrap(), "10.64.0.7:40000");
    assert_eq!(
        line.count("doors_opened"),
        4,
        "Via, Contact, media and RTCP"
    );
}

/// PROTOCOLS B4.3: media doors close with BYE and its answer.
#[test]
fn a_call_that_is_over_lets_nobody_in() {
    for by_peer in [false, true] {
        let mut line = Line::new();
        let invite = call(&mut line, "c");
        let media = invite.media(0);
        let outside = invite.seen.src;
        if by_peer {
            let bye = format!(
                "BYE sip:ann@{outside} SIP/2.0\nVia: SIP/2.0/UDP {PROXY};branch=z9hG4bKb\n\
                 From: <sip:bob@example.com>;tag=b1\nTo: <sip:ann@{}>;tag=a1\n\
                 Call-ID: c@{}\nCSeq: 1 BYE\n\n",
                outside.ip(),
                outside.ip(),
            );
            let heard = line.back(PROXY, outside, &bye);
            assert_eq!(heard.header("Call-ID"), Some("c@10.64.0.7"));
            let ok = format!(
                "SIP/2.0 200 OK\nVia: SIP/2.0/UDP {PROXY};branch=z9hG4bKb\n\
                 From: <sip:bob@example.com>;tag=b1\nTo: <sip:ann@10.64.0.7>;tag=a1\n\
                 Call-ID: c@10.64.0.7\nCSeq: 1 BYE\n\n"
            );
            line.out(PHONE, PROXY, &ok);
        } else {
            let bye = line.out(PHONE, PROXY, &format!("{}\n", request("BYE", "c", 2)));
            assert_eq!(line.doors_to("10.64.0.7:40000"), 1, "until it is answered");
            line.back(PROXY, outside, &answer("200 OK", &bye, "\n"));
        }
        assert_eq!(line.doors_to("10.64.0.7:40000"), 0);
        assert_eq!(line.media("192.0.2.50:9", &media), None);
        assert_eq!(line.count("errors"), 0);
    }
}

/// A BYE whose answer is lost ends the call all the same.
#[test]
fn a_bye_without_an_answer_ends_the_call_after_its_transaction() {
    let mut line = Line::new();
    call(&mut line, "c");
    line.out(PHONE, PROXY, &format!("{}\n", request("BYE", "c", 2)));
    line.nat.wait(30.0);
    assert_eq!(line.doors_to("10.64.0.7:40000"), 1);
    line.nat.wait(4.0);
    assert_eq!(line.doors_to("10.64.0.7:40000"), 0);
}

#[test]
fn a_call_that_is_refused_closes_what_it_offered() {
    for (status, waits) in [
        ("486 Busy Here", false),
        ("603 Decline", false),
        ("503 Service Unavailable", false),
        ("407 Proxy Authentication Required", true),
        ("302 Moved Temporarily", true),
    ] {
        let mut line = Line::new();
        let invite = line.out(
            PHONE,
            PROXY,
            &(request("INVITE", "c", 1) + &sdp(INSIDE, OFFER)),
        );
        let media = invite.media(0);
        line.back(
            PROXY,
            invite.seen.src,
            &answer("180 Ringing", &invite, "\n"),
        );
        assert_eq!(line.doors_to("10.64.0.7:40000"), 1);
        line.back(PROXY, invite.seen.src, &answer(status, &invite, "\n"));
        assert_eq!(
            line.doors_to("10.64.0.7:40000"),
            usize::from(waits),
            "{status}"
        );
        if waits {
            // With credentials it offers the same.
            let again = line.out(
                PHONE,
                PROXY,
                &(request("INVITE", "c", 2) + &sdp(INSIDE, OFFER)),
            );
            assert_eq!(again.media(0), media);
            line.back(PROXY, again.seen.src, &answer("100 Trying", &again, "\n"));
            line.nat.wait(40.0);
            assert_eq!(line.doors_to("10.64.0.7:40000"), 1);
        }
    }
}

/// RFC 3261 section 9: CANCEL, and 487 for what is cancelled.
#[test]
fn a_cancelled_call_is_closed_by_its_487() {
    let mut line = Line::new();
    let invite = line.out(
        PHONE,
        PROXY,
        &(request("INVITE", "c", 1) + &sdp(INSIDE, OFFER)),
    );
    let cancel = line.out(PHONE, PROXY, &format!("{}\n", request("CANCEL", "c", 1)));
    line.back(PROXY, invite.seen.src, &answer("200 OK", &cancel, "\n"));
    // It may cross an answer, and then there is a call.
    assert_eq!(line.doors_to("10.64.0.7:40000"), 1);
    line.back(
        PROXY,
        invite.seen.src,
        &answer("487 Request Terminated", &invite, "\n"),
    );
    assert_eq!(line.doors_to("10.64.0.7:40000"), 0);
}

/// PROTOCOLS B4.3: the outside port of an unchanged endpoint stays; what is offered anew and
/// refused closes, and nothing else.
#[test]
fn a_re_invite_keeps_what_is_agreed_upon() {
    let mut line = Line::new();
    let invite = call(&mut line, "c");
    let fax = "m=audio 40000 RTP/AVP 0\nm=image 40010 udptl t38";
    let again = line.out(
        PHONE,
        PROXY,
        &(request("INVITE", "c", 2) + &sdp(INSIDE, fax)),
    );
    assert_eq!(again.media(0), invite.media(0));
    assert!(again.body().contains("udptl t38"));
    assert_eq!(
        line.media("192.0.2.50:9", again.media(1)).unwrap(),
        "10.64.0.7:40010"
    );
    line.back(
        PROXY,
        again.seen.src,
        &answer("488 Not Acceptable Here", &again, "\n"),
    );
    assert_eq!(line.doors_to("10.64.0.7:40010"), 0);
    assert_eq!(line.doors_to("10.64.0.7:40000"), 1);
    let third = line.out(
        PHONE,
        PROXY,
        &(request("INVITE", "c", 3) + &sdp(INSIDE, fax)),
    );
    line.back(
        PROXY,
        again.seen.src,
        &answer("200 OK", &third, &sdp("192.0.2.9", fax)),
    );
    assert_eq!(third.media(0), invite.media(0));
    assert_eq!(line.doors_to("10.64.0.7:40010"), 1);
}

/// RFC 3262 section 5: an offer in PRACK; REQUIREMENTS P5.
#[test]
fn an_offer_in_prack_opens_doors() {
    let mut line = Line::new();
    let invite = line.out(
        PHONE,
        PROXY,
        &format!("{}Require: 100rel\n\n", request("INVITE", "c", 1)),
    );
    let progress = answer("183 Session Progress", &invite, &sdp("192.0.2.9", ANSWER));
    line.back(PROXY, invite.seen.src, &progress);
    let prack = line.out(
        PHONE,
        PROXY,
        &(request("PRACK", "c", 2) + &sdp(INSIDE, OFFER)),
    );
    assert_eq!(line.media(PEER, prack.media(0)).unwrap(), "10.64.0.7:40000");
    line.back(
        PROXY,
        invite.seen.src,
        &answer("486 Busy Here", &invite, "\n"),
    );
    assert_eq!(line.doors_to("10.64.0.7:40000"), 0);
}

/// RFC 3261 section 13.2.1: the offer in the answer, the answer in the ACK.
#[test]
fn an_answer_in_the_ack_is_agreed_upon() {
    let mut line = Line::new();
    let invite = line.out(PHONE, PROXY, &format!("{}\n", request("INVITE", "c", 1)));
    line.back(
        PROXY,
        invite.seen.src,
        &answer("200 OK", &invite, &sdp("192.0.2.9", ANSWER)),
    );
    let ack = line.out(
        PHONE,
        PROXY,
        &(request("ACK", "c", 1) + &sdp(INSIDE, OFFER)),
    );
    assert_eq!(line.media(PEER, ack.media(0)).unwrap(), "10.64.0.7:40000");
    let again = line.out(
        PHONE,
        PROXY,
        &(request("INVITE", "c", 2) + &sdp(INSIDE, OFFER)),
    );
    line.back(
        PROXY,
        invite.seen.src,
        &answer("491 Request Pending", &again, "\n"),
    );
    assert_eq!(line.doors_to("10.64.0.7:40000"), 1);
}

/// RFC 4028: a call that nobody refreshes ends; without a timer it lasts `call_timeout`.
#[test]
fn a_call_without_bye_ends_with_its_session_timer() {
    for (expires, seconds) in [
        ("Session-Expires: 600;refresher=uac\n", 632.0),
        ("", 1000.0),
    ] {
        let mut line = Line::with("{ call_timeout: 1000s }");
        let head = request("INVITE", "c", 1);
        let invite = line.out(PHONE, PROXY, &(head + expires + &sdp(INSIDE, OFFER)));
        let more = format!("{expires}{}", sdp("192.0.2.9", ANSWER));
        line.back(PROXY, invite.seen.src, &answer("200 OK", &invite, &more));
        line.nat.wait(seconds - 5.0);
        assert_eq!(line.doors_to("10.64.0.7:40000"), 1, "{expires}");
        line.nat.wait(10.0);
        assert_eq!(line.doors_to("10.64.0.7:40000"), 0, "{expires}");
    }
}

/// RFC 3261 section 17.1.1.2, Timer B: an INVITE that nobody answers is over, and holds no doors.
/// One that rings has until Timer C (section 16.6).
#[test]
fn what_nobody_answers_closes_with_its_transaction() {
    for (rings, seconds) in [(false, 32.0), (true, 170.0)] {
        let mut line = Line::new();
        let head = request("INVITE", "c", 1);
        let invite = line.out(PHONE, PROXY, &(head + &sdp(INSIDE, OFFER)));
        if rings {
            let ringing = answer("180 Ringing", &invite, "\n");
            line.back(PROXY, invite.seen.src, &ringing);
        }
        line.nat.wait(seconds - 2.0);
        assert_eq!(line.doors_to("10.64.0.7:40000"), 1, "rings: {rings}");
        line.nat.wait(if rings { 135.0 } else { 4.0 });
        assert_eq!(line.doors_to("10.64.0.7:40000"), 0, "rings: {rings}");
    }
}

/// What has been agreed upon stays, though nobody answers a later offer of the same.
#[test]
fn an_offer_without_an_answer_shortens_no_call() {
    let mut line = Line::new();
    let invite = line.out(
        PHONE,
        PROXY,
        &(request("INVITE", "c", 1) + &sdp(INSIDE, OFFER)),
    );
    let more = sdp("192.0.2.9", ANSWER);
    line.back(PROXY, invite.seen.src, &answer("200 OK", &invite, &more));
    line.out(
        PHONE,
        PROXY,
        &(request("INVITE", "c", 2) + &sdp(INSIDE, OFFER)),
    );
    line.nat.wait(600.0);
    assert_eq!(line.doors_to("10.64.0.7:40000"), 1);
}

#[test]
fn an_update_renews_the_session_timer() {
    let mut line = Line::new();
    let head = request("INVITE", "c", 1) + "Session-Expires: 600\n";
    let invite = line.out(PHONE, PROXY, &(head + &sdp(INSIDE, OFFER)));
    let more = format!("Session-Expires: 600\n{}", sdp("192.0.2.9", ANSWER));
    line.back(PROXY, invite.seen.src, &answer("200 OK", &invite, &more));
    for cseq in 2..5 {
        line.nat.wait(290.0);
        let lines = format!("{}Session-Expires: 600\n\n", request("UPDATE", "c", cseq));
        let update = line.out(PHONE, PROXY, &lines);
        line.back(
            PROXY,
            update.seen.src,
            &answer("200 OK", &update, "Session-Expires: 600\n\n"),
        );
    }
    line.nat.wait(600.0);
    assert_eq!(line.doors_to("10.64.0.7:40000"), 1);
    line.nat.wait(40.0);
    assert_eq!(line.doors_to("10.64.0.7:40000"), 0);
}

/// REQUIREMENTS P3: two clients that use the same Call-ID do not mix.
#[test]
fn two_phones_with_one_call_id_have_two_calls() {
    let mut line = Line::new();
    let phones = [
        ("10.64.0.7:5060", "10.64.0.7"),
        ("10.64.0.8:5060", "10.64.0.8"),
    ];
    let mut heard = Vec::new();
    for (phone, host) in phones {
        let head = from(phone, "INVITE", "same", 1).replace(&format!("same@{host}"), "same");
        heard.push(line.out(phone, PROXY, &(head + &sdp(host, OFFER))));
    }
    assert_ne!(heard[0].media(0), heard[1].media(0));
    line.back(
        PROXY,
        heard[0].seen.src,
        &answer("486 Busy Here", &heard[0], "\n"),
    );
    let left = ("10.64.0.7:40000", "10.64.0.8:40000");
    assert_eq!((line.doors_to(left.0), line.doors_to(left.1)), (0, 1));
}

/// REQUIREMENTS P3: clearing translations leaves the call to its own timers.
#[test]
fn a_call_survives_the_clearing_of_translations() {
    let mut line = Line::new();
    let invite = call(&mut line, "c");
    line.nat.clear("translations");
    assert_eq!(
        line.media(PEER, invite.media(0)).unwrap(),
        "10.64.0.7:40000"
    );
    let bye = line.out(PHONE, PROXY, &format!("{}\n", request("BYE", "c", 2)));
    assert_eq!(
        bye.seen.src, invite.seen.src,
        "the contact keeps its mapping"
    );
    line.back(PROXY, bye.seen.src, &answer("200 OK", &bye, "\n"));
    assert_eq!(line.doors_to("10.64.0.7:40000"), 0);
}

/// REQUIREMENTS P6: at least five media lines, of any kind.
#[test]
fn five_media_lines_have_five_places() {
    let mut line = Line::new();
    let media = "m=audio 40000 RTP/AVP 0\nm=video 40010 RTP/AVP 31\na=rtcp-mux\n\
                 m=application 40020 UDP/BFCP *\nm=audio 40030 RTP/AVP 0\na=rtcp:40041\n\
                 m=image 40050 udptl t38\nm=text 0 RTP/AVP 98";
    let invite = line.out(
        PHONE,
        PROXY,
        &(request("INVITE", "c", 1) + &sdp(INSIDE, media)),
    );
    let inside = [40000, 40010, 40020, 40030, 40050];
    for (nth, port) in inside.into_iter().enumerate() {
        let to = format!("10.64.0.7:{port}");
        assert_eq!(line.media(PEER, invite.media(nth)).unwrap(), &*to);
    }
    assert!(invite.media(5).ends_with(":0"));
    let rtcp = invite.body().split("a=rtcp:").nth(1).unwrap();
    let rtcp = rtcp.split("\r\n").next().unwrap();
    let address = invite.media(3);
    let rtcp = format!("{}:{rtcp}", address.split(':').next().unwrap());
    assert_eq!(line.media(PEER, rtcp).unwrap(), "10.64.0.7:40041");
    assert_eq!(line.count("errors"), 0);
}

#[test]
fn more_media_lines_than_allowed_are_not_followed() {
    let mut line = Line::with("{ max_media_lines: 2 }");
    let media = "m=audio 40000 RTP/AVP 0\nm=video 40010 RTP/AVP 31\nm=text 40020 RTP/AVP 98";
    let lines = request("INVITE", "c", 1) + &sdp(INSIDE, media);
    line.out_untouched(PHONE, PROXY, &lines);
    assert_eq!((line.count("errors"), line.doors().len()), (1, 0));
    line.out(
        PHONE,
        PROXY,
        &(request("INVITE", "c", 2) + &sdp(INSIDE, OFFER)),
    );
}

/// RFC 3264 section 8.4: on hold nobody listens, and the call goes on.
#[test]
fn a_call_on_hold_keeps_its_place() {
    let mut line = Line::new();
    let invite = call(&mut line, "c");
    let hold = sdp("0.0.0.0", OFFER);
    let held = line.out(PHONE, PROXY, &(request("INVITE", "c", 2) + &hold));
    assert_eq!(held.media(0), "0.0.0.0:40000");
    line.back(
        PROXY,
        held.seen.src,
        &answer("200 OK", &held, &sdp("192.0.2.9", ANSWER)),
    );
    let resumed = line.out(
        PHONE,
        PROXY,
        &(request("INVITE", "c", 3) + &sdp(INSIDE, OFFER)),
    );
    assert_eq!(resumed.media(0), invite.media(0));
}

/// REQUIREMENTS P4 without a proxy in the dialog: it goes on to the other side's contact, at
/// another port than the usual one.
#[test]
fn a_dialog_goes_on_directly_to_the_other_side() {
    let mut line = Line::new();
    let phone = "10.64.0.7:5066";
    let head = from(phone, "INVITE", "c", 1);
    let invite = line.out(phone, PROXY, &(head + &sdp(INSIDE, OFFER)));
    let contact = "Contact: <sip:bob@192.0.2.9:5090>\n";
    let more = format!("{contact}{}", sdp("192.0.2.9", ANSWER));
    line.back(PROXY, invite.seen.src, &answer("200 OK", &invite, &more));
    let bye = line.out(
        phone,
        "192.0.2.9:5090",
        &format!("{}\n", from(phone, "BYE", "c", 2)),
    );
    assert_eq!(bye.header("Contact"), invite.header("Contact"));
    let back = line.back(
        "192.0.2.9:5090",
        bye.seen.src,
        &answer("200 OK", &bye, "\n"),
    );
    assert!(
        back.header("Via").unwrap().contains("UDP 10.64.0.7:5066"),
        "{}",
        back.text
    );
    assert_eq!(line.doors_to("10.64.0.7:40000"), 0);
}

/// REQUIREMENTS P4: a proxy inside asks from the port where it answers, at any port.
#[test]
fn what_comes_from_the_port_is_read_too() {
    let mut line = Line::new();
    let lines = request("INVITE", "c", 1) + &sdp(INSIDE, OFFER);
    let invite = line.out(PHONE, "192.0.2.9:5090", &lines);
    assert_eq!(
        line.media("192.0.2.9:3", invite.media(0)).unwrap(),
        "10.64.0.7:40000"
    );
    // What is no SIP is let go as at any other port.
    line.out_untouched(PHONE, "192.0.2.10:3478", "10.64.0.7 wrote this\n");
    assert_eq!(line.count("bypassed"), 1);
}

/// Two phones behind the same translator, by way of a proxy outside.
#[test]
fn two_phones_inside_hear_one_another() {
    let mut line = Line::new();
    let other = "10.64.0.8:5060";
    let registered = line.out(
        other,
        PROXY,
        &format!("{}\n", from(other, "REGISTER", "r", 1)),
    );
    let invite = line.out(
        PHONE,
        PROXY,
        &(request("INVITE", "c", 1) + &sdp(INSIDE, OFFER)),
    );
    let onward = invite.text.replace("\r\n", "\n").replace(
        "Via: ",
        &format!("Via: SIP/2.0/UDP {PROXY};branch=z9hG4bKp\nVia: "),
    );
    let heard = line.back(PROXY, registered.seen.src, &onward);
    // The caller's media and contact are outside for the other phone, too.
    assert_eq!(heard.media(0), invite.media(0));
    assert_eq!(heard.header("Contact"), invite.header("Contact"));
}

/// REQUIREMENTS P5: every message is counted by what it is.
#[test]
fn messages_are_counted_by_method_and_class() {
    let mut line = Line::new();
    let invite = line.out(
        PHONE,
        PROXY,
        &(request("INVITE", "c", 1) + &sdp(INSIDE, OFFER)),
    );
    for status in [
        "100 Trying",
        "180 Ringing",
        "183 Progress",
        "181 Forwarded",
        "200 OK",
        "202 OK",
    ] {
        line.back(PROXY, invite.seen.src, &answer(status, &invite, "\n"));
    }
    line.out(PHONE, PROXY, &format!("{}\n", request("SERVICE", "c", 2)));
    line.out(PHONE, PROXY, &format!("{}\n", request("FANCY", "c", 2)));
    let row = line.row();
    for (kind, name, count) in [
        ("methods", "INVITE", 1),
        ("methods", "SERVICE", 1),
        ("methods", "other", 1),
        ("methods", "BYE", 0),
        ("responses", "100", 1),
        ("responses", "180", 1),
        ("responses", "183", 1),
        ("responses", "other_1xx", 1),
        ("responses", "200", 1),
        ("responses", "other_2xx", 1),
        ("responses", "6xx", 0),
    ] {
        assert_eq!(row[kind][name], count, "{kind} {name}: {row}");
    }
    assert_eq!(row["messages"], 9);
}
