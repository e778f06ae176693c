//! REGISTER: the contact stays reachable as long as it is registered (RFC 3261 section 10).

use base::Counter;
use testkit::udp;

use crate::Line;
use crate::line::{PHONE, PROXY, answer, from, request};

#[test]
fn a_contact_is_its_outside_endpoint_and_its_own_again_in_the_answer() {
    let mut line = Line::new();
    let heard = line.out(
        PHONE,
        PROXY,
        &format!("{}Expires: 600\n\n", request("REGISTER", "r", 1)),
    );
    let outside = heard.seen.src;
    assert_eq!(
        heard.header("Contact"),
        Some(&*format!("<sip:ann@{outside}>"))
    );
    assert!(
        heard
            .header("Via")
            .unwrap()
            .contains(&format!("UDP {outside};")),
        "{}",
        heard.text
    );
    assert_eq!(
        heard.header("Call-ID"),
        Some(&*format!("r@{}", outside.ip()))
    );

    let contact = format!("Contact: <sip:ann@{outside}>;expires=600\n\n");
    let back = line.back(PROXY, outside, &answer("200 OK", &heard, &contact));
    assert_eq!(
        back.header("Contact"),
        Some("<sip:ann@10.64.0.7:5060>;expires=600")
    );
    let via = "SIP/2.0/UDP 10.64.0.7:5060;branch=z9hG4bKr1;received=10.64.0.7;rport=5060";
    assert_eq!(back.header("Via"), Some(via));
    assert_eq!(back.header("Call-ID"), Some("r@10.64.0.7"));
    assert_eq!(back.header("From"), Some("<sip:ann@10.64.0.7>;tag=a1"));
    assert_eq!(line.count("errors"), 0);
}

/// REQUIREMENTS P1 and P4: a call comes in by the contact long after the flow has ended, from
/// another host than the registrar, and its answer goes out with the phone's outside endpoint.
#[test]
fn a_call_comes_in_as_long_as_the_contact_is_registered() {
    let mut line = Line::new();
    let heard = line.out(
        PHONE,
        PROXY,
        &format!("{}Expires: 3600\n\n", request("REGISTER", "r", 1)),
    );
    let outside = heard.seen.src;
    let contact = format!("Contact: <sip:ann@{outside}>;expires=1800\n\n");
    line.back(PROXY, outside, &answer("200 OK", &heard, &contact));
    line.nat.wait(1700.0);
    assert_eq!(line.nat.show("translations").len(), 0);
    let invite = format!(
        "INVITE sip:ann@{outside} SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.77:5080;branch=z9hG4bKi\n\
         From: <sip:c@x>;tag=1\nTo: <sip:ann@x>\nCall-ID: in\nCSeq: 1 INVITE\n\
         Contact: <sip:c@192.0.2.77:5080>\nContent-Length: 0\n\n"
    );
    let call = line.back("192.0.2.77:5080", outside, &invite);
    assert_eq!(call.seen.dst, PHONE);
    assert!(
        call.text
            .starts_with("INVITE sip:ann@10.64.0.7:5060 SIP/2.0\r\n"),
        "{}",
        call.text
    );
    let ringing = "SIP/2.0 180 Ringing\nVia: SIP/2.0/UDP 192.0.2.77:5080;branch=z9hG4bKi\n\
                   From: <sip:c@x>;tag=1\nTo: <sip:ann@x>;tag=2\nCall-ID: in\nCSeq: 1 INVITE\n\
                   Contact: <sip:ann@10.64.0.7:5060>\nContent-Length: 0\n\n";
    let answer = line.out(PHONE, "192.0.2.77:5080", ringing);
    assert_eq!(
        answer.header("Contact"),
        Some(&*format!("<sip:ann@{outside}>"))
    );
}

#[test]
fn the_granted_time_is_what_counts() {
    let mut line = Line::new();
    let heard = line.out(
        PHONE,
        PROXY,
        &format!("{}Expires: 3600\n\n", request("REGISTER", "r", 1)),
    );
    let outside = heard.seen.src;
    let contact = format!("Contact: <sip:ann@{outside}>;expires=120\n\n");
    line.back(PROXY, outside, &answer("200 OK", &heard, &contact));
    line.nat.wait(100.0);
    assert_eq!(line.doors_to(PHONE), 1);
    line.nat.wait(60.0);
    assert_eq!(line.doors_to(PHONE), 0);
}

/// PROTOCOLS B4.4: the same outside endpoint again.
#[test]
fn a_refresh_keeps_the_outside_endpoint() {
    let mut line = Line::new();
    let mut outside = None;
    for cseq in 1..6 {
        let lines = format!("{}Expires: 600\n\n", request("REGISTER", "r", cseq));
        let heard = line.out(PHONE, PROXY, &lines);
        assert_eq!(*outside.get_or_insert(heard.seen.src), heard.seen.src);
        line.nat.wait(550.0);
    }
}

/// PROTOCOLS B4.4: `Expires: 0`, `*`, or an answer without the contact.
#[test]
fn a_registration_that_is_given_up_closes_its_door() {
    for give_up in ["Expires: 0\n\n", "*"] {
        let mut line = Line::new();
        let first = line.out(
            PHONE,
            PROXY,
            &format!("{}Expires: 600\n\n", request("REGISTER", "r", 1)),
        );
        let outside = first.seen.src;
        let contact = format!("Contact: <sip:ann@{outside}>;expires=600\n\n");
        line.back(PROXY, outside, &answer("200 OK", &first, &contact));
        // One for the answer, one for whoever calls.
        assert_eq!(line.doors_to(PHONE), 2, "{give_up}");
        let mut lines = format!("{}Expires: 0\n\n", request("REGISTER", "r", 2));
        if give_up == "*" {
            lines = lines.replace("<sip:ann@10.64.0.7:5060>", "*");
        }
        let second = line.out(PHONE, PROXY, &lines);
        line.back(PROXY, outside, &answer("200 OK", &second, "\n"));
        let doors = line.doors();
        assert!(
            doors.iter().all(|(.., remote)| remote != "*"),
            "{give_up}: {doors:?}"
        );
    }
}

/// RFC 3261 section 10.2.8: other responses leave things as they were.
#[test]
fn a_challenge_leaves_the_door_as_it_is() {
    let mut line = Line::new();
    let heard = line.out(
        PHONE,
        PROXY,
        &format!("{}Expires: 600\n\n", request("REGISTER", "r", 1)),
    );
    line.back(
        PROXY,
        heard.seen.src,
        &answer("401 Unauthorized", &heard, "\n"),
    );
    line.nat.wait(500.0);
    assert_eq!(line.doors_to(PHONE), 1);
}

/// The answer lists all contacts of an account: those of others are not this host's to keep or
/// to give up.
#[test]
fn one_phone_gives_up_its_own_contact_alone() {
    let mut line = Line::new();
    let phones = ["10.64.0.7:5060", "10.64.0.8:5060"];
    let mut heard = Vec::new();
    for (phone, id) in phones.iter().zip(["r", "s"]) {
        let lines = format!("{}Expires: 600\n\n", from(phone, "REGISTER", id, 1));
        heard.push(line.out(phone, PROXY, &lines));
    }
    let [first, second] = [heard[0].seen.src, heard[1].seen.src];
    let all = format!("Contact: <sip:ann@{first}>;expires=60, <sip:ann@{second}>;expires=600\n\n");
    let back = line.back(PROXY, first, &answer("200 OK", &heard[0], &all));
    let listed = format!("<sip:ann@10.64.0.7:5060>;expires=60, <sip:ann@{second}>;expires=600");
    assert_eq!(back.header("Contact"), Some(&*listed));
    line.back(PROXY, second, &answer("200 OK", &heard[1], &all));
    line.nat.wait(200.0);
    assert_eq!((line.doors_to(phones[0]), line.doors_to(phones[1])), (0, 1));
}

/// Without a registration nobody comes in.
#[test]
fn strangers_stay_out_of_a_phone_that_has_not_registered() {
    let mut line = Line::with("off");
    let heard = line.out_untouched(PHONE, PROXY, &format!("{}\n", request("REGISTER", "r", 1)));
    let call = udp(&format!("192.0.2.77:5080 > {}", heard.seen.src))
        .payload(b"INVITE sip:a SIP/2.0\r\n\r\n");
    line.nat.outside(call).dropped(Counter::DropFiltered);
}
