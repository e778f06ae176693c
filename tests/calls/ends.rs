//! How calls end, and that nothing else ends them.

use base::Counter;
use serde_json::Value;
use testkit::udp;
use tests::{A, B, Pipe, X};

use crate::phone::{self, Call, REMOTE_AUDIO};
use crate::{about, answered, config, only, states};

/// Calls counted: begun, ended, expired, cleared.
#[track_caller]
fn expect(nat: &mut Pipe, counts: [u64; 4]) {
    let counters = [
        Counter::CallBegun,
        Counter::CallEnded,
        Counter::CallExpired,
        Counter::CallCleared,
    ];
    assert_eq!(counters.map(|counter| nat.counter(counter)), counts);
}

#[test]
fn a_call_hung_up_from_outside_is_gone() {
    let mut nat = Pipe::new(&config());
    let mut call = answered(&mut nat);
    let bye = call.asked(&mut nat, "BYE");
    assert_eq!(states(&mut nat), ["ended"]);
    let ok = phone::answer(&bye, 200, "", None);
    call.out(&mut nat, &ok);
    assert!(states(&mut nat).is_empty());
    expect(&mut nat, [1, 1, 0, 0]);
}

#[test]
fn a_call_given_up_is_gone() {
    let mut nat = Pipe::new(&config());
    let mut call = Call::new(A, "one@10.64.0.7");
    let invite = call.invite(&mut nat);
    call.answer(&mut nat, &invite, 180, "", None);
    let cancel = call.cancel(&mut nat);
    assert_eq!(states(&mut nat), ["ended"]);
    call.answer(&mut nat, &cancel, 200, "", None);
    assert_eq!(states(&mut nat), ["ended"]);
    call.answer(&mut nat, &invite, 487, "", None);
    assert!(states(&mut nat).is_empty());
    expect(&mut nat, [1, 1, 0, 0]);
}

#[test]
fn a_call_refused_is_gone() {
    let mut nat = Pipe::new(&config());
    for (nth, code) in [302, 407, 486, 503, 603].into_iter().enumerate() {
        let mut call = Call::new(A, &format!("{nth}@10.64.0.7"));
        let invite = call.invite(&mut nat);
        call.answer(&mut nat, &invite, code, "", None);
        assert!(states(&mut nat).is_empty(), "{code}");
    }
    expect(&mut nat, [5, 5, 0, 0]);
}

/// RFC 4028: a timer that nobody refreshes; the doors go with the call.
#[test]
fn a_session_timer_ends_a_call_and_its_refresh_keeps_it() {
    let mut nat = Pipe::new(&config());
    let mut call = Call::new(A, "one@10.64.0.7");
    let invite = call.invite(&mut nat);
    let timer = "Session-Expires: 120;refresher=uac\r\n";
    let body = phone::sdp(X, &[("audio", REMOTE_AUDIO)]);
    call.answer(&mut nat, &invite, 200, timer, Some(&body));
    about(&only(&mut nat), "expires", 152.0);
    nat.wait(60.0);
    call.next();
    let update = call.ask(&mut nat, "UPDATE", None);
    about(&only(&mut nat), "expires", 92.0);
    call.answer(&mut nat, &update, 200, timer, None);
    about(&only(&mut nat), "expires", 152.0);
    nat.wait(151.0);
    assert_eq!(states(&mut nat), ["established"]);
    nat.wait(2.0);
    assert!(states(&mut nat).is_empty());
    expect(&mut nat, [1, 0, 1, 0]);
}

#[test]
fn a_call_nobody_speaks_of_lasts_as_long_as_the_file_says() {
    let config = config().top("alg: { sip: { call_timeout: 200s } }");
    let mut nat = Pipe::new(&config);
    answered(&mut nat);
    nat.wait(199.0);
    assert_eq!(states(&mut nat), ["established"]);
    nat.wait(2.0);
    assert!(states(&mut nat).is_empty());
}

/// Nobody answers, and nobody gives up.
#[test]
fn a_call_nobody_answers_is_forgotten_after_three_minutes() {
    let mut nat = Pipe::new(&config());
    Call::new(A, "one@10.64.0.7").invite(&mut nat);
    nat.wait(179.0);
    assert_eq!(states(&mut nat), ["calling"]);
    nat.wait(2.0);
    assert!(states(&mut nat).is_empty());
    expect(&mut nat, [1, 0, 1, 0]);
}

/// P3 and S2: the database is left to its own timers.
#[test]
fn clearing_translations_ends_no_call() {
    let mut nat = Pipe::new(&config());
    let mut call = answered(&mut nat);
    let before = only(&mut nat);
    assert!(nat.clear("translations") > 0);
    assert!(nat.show("translations").is_empty());
    let after = only(&mut nat);
    assert_eq!(after["state"], "established");
    assert_eq!(after["media"], before["media"]);
    // It goes on by a new session, and ends as any.
    call.hang_up(&mut nat);
    assert!(states(&mut nat).is_empty());
    expect(&mut nat, [1, 1, 0, 0]);
}

#[track_caller]
fn clear(nat: &mut Pipe, filter: &str) -> Value {
    nat.line(&format!(r#"{{"clear": "calls", "filter": {filter}}}"#))["cleared"].clone()
}

/// The doors of the call are closed with it, and no other's.
#[test]
fn cleared_calls_are_gone_with_their_doors() {
    let mut nat = Pipe::new(&config());
    let mut other = Call::new(B, "two@10.64.0.8");
    for call in [&mut Call::new(A, "one@10.64.0.7"), &mut other] {
        let invite = call.invite(&mut nat);
        call.answer(&mut nat, &invite, 180, "", None);
    }
    let outside: Vec<String> = nat
        .show("calls")
        .iter()
        .map(|row| row["media"][0]["outside"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(clear(&mut nat, r#"{"inside": "10.64.0.99"}"#), 0);
    assert_eq!(clear(&mut nat, r#"{"inside": "10.64.0.7"}"#), 1);
    assert_eq!(only(&mut nat)["call_id"], "two@10.64.0.8");
    let media = |outside: &str| udp(&format!("{X}:{REMOTE_AUDIO} > {outside}")).payload(b"rtp");
    let kept_out = nat.outside(media(&outside[0]));
    assert_eq!(kept_out.verdict, "drop", "{kept_out:?}");
    let comes_in = nat.outside(media(&outside[1])).forwarded();
    assert!(comes_in.dst == "10.64.0.8:4000", "{comes_in:?}");
    expect(&mut nat, [2, 0, 0, 1]);
    assert_eq!(nat.clear("calls"), 1);
    assert!(states(&mut nat).is_empty());
}

/// A thousand calls one after the other, of which nothing is left.
#[test]
fn many_calls_leave_nothing_behind() {
    let mut nat = Pipe::new(&config());
    for nth in 0..1000 {
        let mut call = Call::new(A, &format!("{nth}@10.64.0.7"));
        call.establish(&mut nat);
        call.hang_up(&mut nat);
    }
    assert!(states(&mut nat).is_empty());
    expect(&mut nat, [1000, 1000, 0, 0]);
    assert_eq!(nat.counter(Counter::CallUnheard), 0);
}
