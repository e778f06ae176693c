//! Media of calls: what offers and answers make of them, and whether they flow.

use serde_json::Value;
use testkit::udp;
use tests::{A, Pipe, X};

use crate::phone::{self, AUDIO, Call, REMOTE_AUDIO};
use crate::{answered, config, only};

fn kinds(row: &Value) -> Vec<(String, String)> {
    let media = row["media"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    media
        .map(|line| (text(&line["inside"]), text(&line["kind"])))
        .collect()
}

/// A line added, refused, and taken away again; P6.
#[test]
fn offers_and_answers_change_the_media_of_a_call() {
    let mut nat = Pipe::new(&config());
    let mut call = answered(&mut nat);
    let before = only(&mut nat);
    call.next();
    let offer = phone::sdp(A, &[("audio", AUDIO), ("video", 4010)]);
    let invite = call.ask(&mut nat, "INVITE", Some(&offer));
    let both = phone::sdp(X, &[("audio", REMOTE_AUDIO), ("video", 7010)]);
    call.answer(&mut nat, &invite, 200, "", Some(&both));
    let row = only(&mut nat);
    let audio = (format!("{A}:{AUDIO}"), "audio".to_owned());
    let video = (format!("{A}:4010"), "video".to_owned());
    assert_eq!(kinds(&row), [audio.clone(), video]);
    // The same endpoint keeps what stands for it.
    assert_eq!(row["media"][0], before["media"][0]);

    call.next();
    let update = call.ask(&mut nat, "UPDATE", Some(&offer));
    let refused = phone::sdp(X, &[("audio", REMOTE_AUDIO), ("video", 0)]);
    call.answer(&mut nat, &update, 200, "", Some(&refused));
    assert_eq!(kinds(&only(&mut nat)), [audio]);
}

/// So many packets each way.
fn talk(nat: &mut Pipe, outside: &str, out: u32, back: u32) {
    let there = format!("{A}:{AUDIO} > {X}:{REMOTE_AUDIO}");
    let here = format!("{X}:{REMOTE_AUDIO} > {outside}");
    for _ in 0..out {
        nat.inside(udp(&there).payload(b"rtp")).forwarded();
    }
    for _ in 0..back {
        nat.outside(udp(&here).payload(b"rtp")).forwarded();
    }
}

#[test]
fn media_that_flow_one_way_only_are_noticed() {
    let mut nat = Pipe::new(&config());
    answered(&mut nat);
    let row = only(&mut nat);
    assert_eq!(row["health"], "unknown");
    let outside = row["media"][0]["outside"].as_str().unwrap().to_owned();
    for (out, back, health) in [
        (5, 5, "good"),
        (5, 0, "outbound_only"),
        (0, 5, "inbound_only"),
        (0, 0, "silent"),
        (5, 5, "good"),
    ] {
        talk(&mut nat, &outside, out, back);
        nat.wait(16.0);
        assert_eq!(only(&mut nat)["health"], health, "{out} out, {back} back");
    }
}

/// Whoever is on hold hears nothing, and that is as it should be.
#[test]
fn a_call_on_hold_is_not_judged() {
    let mut nat = Pipe::new(&config());
    let mut call = answered(&mut nat);
    let row = only(&mut nat);
    let outside = row["media"][0]["outside"].as_str().unwrap().to_owned();
    call.next();
    let hold = format!("{}a=sendonly\r\n", call.audio());
    let invite = call.ask(&mut nat, "INVITE", Some(&hold));
    let body = format!(
        "{}a=recvonly\r\n",
        phone::sdp(X, &[("audio", REMOTE_AUDIO)])
    );
    call.answer(&mut nat, &invite, 200, "", Some(&body));
    for _ in 0..2 {
        talk(&mut nat, &outside, 5, 0);
        nat.wait(16.0);
    }
    let held = only(&mut nat);
    assert_eq!(held["health"], "unknown");
    assert_eq!(held["media"], row["media"]);
}

/// Behind another translator the other side sends from where it did not say.
#[test]
fn media_from_elsewhere_than_announced_are_no_fault() {
    let mut nat = Pipe::new(&config().rule("filtering", "endpoint-independent"));
    answered(&mut nat);
    let row = only(&mut nat);
    let outside = row["media"][0]["outside"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        talk(&mut nat, &outside, 5, 0);
        let elsewhere = udp(&format!("192.0.2.9:9999 > {outside}")).payload(b"rtp");
        nat.outside(elsewhere).forwarded();
        nat.wait(16.0);
    }
    assert_eq!(only(&mut nat)["health"], "good");
}

/// One call whose media are known by PRACK alone (RFC 3262 section 5).
#[test]
fn media_offered_in_a_provisional_answer_are_known() {
    let mut nat = Pipe::new(&config());
    let mut call = Call::new(A, "one@10.64.0.7");
    let audio = call.audio();
    let invite = call.invite(&mut nat);
    let body = phone::sdp(X, &[("audio", REMOTE_AUDIO)]);
    call.answer(
        &mut nat,
        &invite,
        183,
        "Require: 100rel\r\nRSeq: 1\r\n",
        Some(&body),
    );
    call.next();
    let video = format!("{audio}m=video 4010 RTP/AVP 96\r\n");
    call.ask(&mut nat, "PRACK", Some(&video));
    let row = only(&mut nat);
    assert_eq!(row["state"], "ringing");
    assert_eq!(kinds(&row).len(), 2, "{row}");
}
