//! Trunks: one channel, many calls, and media of other hosts (REQUIREMENTS P3).

use crate::Line;
use crate::line::{OFFER, PROXY, answer, from, sdp};

const TRUNK: &str = "10.64.0.10:5060";
const MEDIA: &str = "10.64.0.11";

fn trunk() -> &'static str {
    "{ trunks: [ { address: 10.64.0.10, media: [10.64.0.11, 10.64.0.16/28] } ] }"
}

#[test]
fn a_trunk_may_announce_its_media_hosts_and_no_others() {
    let mut line = Line::with(trunk());
    let invite = line.out(
        TRUNK,
        PROXY,
        &(from(TRUNK, "INVITE", "c", 1) + &sdp(MEDIA, OFFER)),
    );
    assert_eq!(
        line.media("192.0.2.9:30000", invite.media(0)).unwrap(),
        "10.64.0.11:40000"
    );
    line.out_telling(
        TRUNK,
        PROXY,
        &(from(TRUNK, "INVITE", "d", 1) + &sdp("10.64.0.9", OFFER)),
    );
    assert_eq!(line.doors_to("10.64.0.9:40000"), 0);
    // Nor may anybody else announce them.
    let other = "10.64.0.7:5060";
    line.out_telling(
        other,
        PROXY,
        &(from(other, "INVITE", "e", 1) + &sdp(MEDIA, "m=audio 41000 RTP/AVP 0")),
    );
    assert_eq!(line.doors_to("10.64.0.11:41000"), 0);
}

/// More calls than a subscriber may have doors for; each ends alone.
#[test]
fn a_trunk_has_as_many_calls_as_there_is_room_for() {
    let mut line = Line::with(trunk());
    let mut invites = Vec::new();
    for nth in 0..300 {
        let media = format!("m=audio {} RTP/AVP 0", 20_000 + 2 * nth);
        let lines = from(TRUNK, "INVITE", &format!("c{nth}"), 1) + &sdp("10.64.0.10", &media);
        invites.push(line.out(TRUNK, PROXY, &lines));
    }
    assert_eq!(line.count("errors"), 0);
    for nth in [7, 299] {
        let to = format!("10.64.0.10:{}", 20_000 + 2 * nth);
        assert_eq!(
            line.media("192.0.2.9:3", invites[nth].media(0)).unwrap(),
            &*to
        );
        let busy = answer("486 Busy Here", &invites[nth], "\n");
        line.back(PROXY, invites[nth].seen.src, &busy);
        assert_eq!(line.doors_to(&to), 0);
    }
    assert_eq!(line.doors_to("10.64.0.10:20000"), 1);
}

/// All calls of a gateway may have their media at one place.
#[test]
fn many_calls_share_a_place_for_media() {
    let mut line = Line::with(trunk());
    let mut invites = Vec::new();
    for nth in 0..100 {
        let lines = from(TRUNK, "INVITE", &format!("c{nth}"), 1) + &sdp("10.64.0.10", OFFER);
        invites.push(line.out(TRUNK, PROXY, &lines));
    }
    assert!(
        invites
            .iter()
            .all(|invite| invite.media(0) == invites[0].media(0))
    );
    assert_eq!(line.count("errors"), 0);
    for invite in &invites[..99] {
        line.back(
            PROXY,
            invite.seen.src,
            &answer("486 Busy Here", invite, "\n"),
        );
    }
    let media = invites[99].media(0);
    assert_eq!(
        line.media("192.0.2.9:3", &media).unwrap(),
        "10.64.0.10:40000"
    );
    line.back(
        PROXY,
        invites[99].seen.src,
        &answer("486 Busy Here", &invites[99], "\n"),
    );
    assert_eq!(line.doors_to("10.64.0.10:40000"), 0);
}

/// Without being a trunk a host has its share of doors and no more.
#[test]
fn a_phone_has_its_share() {
    let mut line = Line::new();
    for nth in 0..300 {
        let media = format!("m=audio {} RTP/AVP 0", 20_000 + 2 * nth);
        let lines = from(TRUNK, "INVITE", &format!("c{nth}"), 1) + &sdp("10.64.0.10", &media);
        line.out_telling(TRUNK, PROXY, &lines);
    }
    assert_eq!(line.doors().len(), 256);
    assert!(line.count("errors") > 0);
}
