//! What is said of packets, word by word.

use testkit::udp;
use tests::{Config, Pipe};

#[test]
fn the_steps_of_a_decision_are_told_in_order() {
    let mut nat = Pipe::new(&Config::new());
    nat.line(r#"{"why": "udp and host 10.64.0.7"}"#);
    let first = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53"));
    let outside = first.left[0].seen.src;
    let session = format!("10.64.0.7:5000 as {outside} with 192.0.2.1:53, of rule subscribers");
    assert_eq!(
        first.why,
        [
            "it came in on interface inside, VRF default".to_owned(),
            "no session yet; rule subscribers translates it by pool public".to_owned(),
            format!(
                "mapping made: 10.64.0.7:5000 -> {outside}, in a block of ports lent just now; \
                 session opened, outbound: {session}, active"
            ),
            "its next hop is 198.51.100.254 on interface outside".to_owned(),
            format!("left by outside: {outside} > 192.0.2.1:53, 42 bytes"),
            "=> forward (forward.outbound): it left towards the outside, with an outside source"
                .to_owned(),
        ]
    );
    // What comes back is about that host as well, though nothing in it says so.
    let back = nat.outside(first.left[0].seen.reply());
    assert_eq!(
        back.why[1],
        format!("session found, inbound: {session}, active")
    );
    // So is what another remote sends to its outside endpoint.
    let stranger = nat.outside(udp(&format!("192.0.2.9:53 > {outside}")));
    assert_eq!(
        stranger.why[2],
        "the outside endpoint belongs to 10.64.0.7:5000"
    );
    // Others are nobody's business, nor is anything once nobody asks.
    assert!(
        nat.inside(udp("10.64.0.8:5000 > 192.0.2.1:53"))
            .why
            .is_empty()
    );
    nat.line(r#"{"why": null}"#);
    assert!(
        nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53"))
            .why
            .is_empty()
    );
}

#[test]
fn a_question_that_is_not_understood_is_answered_with_what_would_be_right() {
    let mut nat = Pipe::new(&Config::new());
    let answer = nat.line(r#"{"why": "udp and hots 10.64.0.7"}"#);
    let error = answer["error"].as_str().unwrap();
    assert!(error.starts_with("column 9: `hots`"), "{error}");
    assert!(error.contains("`host ADDRESS`"), "{error}");
}

/// Explained or not, packets end alike: what is explained has left the plain lane.
#[test]
fn who_is_asked_about_fares_as_others_do() {
    let mut outcomes = Vec::new();
    for why in [r#"{"why": null}"#, r#"{"why": "not tcp"}"#] {
        let mut nat = Pipe::new(&Config::new().rule("filtering", "address-dependent"));
        nat.line(why);
        let mut all = Vec::new();
        for round in 0..3 {
            for host in [7, 8, 9] {
                let out = nat.inside(udp(&format!("10.64.0.{host}:5000 > 192.0.2.1:53")));
                let back = out.left[0].seen.reply();
                let stranger = back.clone().from("192.0.2.77:9");
                let others = [nat.outside(back), nat.outside(stranger)];
                all.extend([out].into_iter().chain(others).map(|outcome| {
                    // Outside ports are chance's, which is asked in another order.
                    (round, outcome.reason, outcome.left.len())
                }));
            }
        }
        outcomes.push((all, nat.counters()));
    }
    assert_eq!(outcomes[0], outcomes[1]);
}
