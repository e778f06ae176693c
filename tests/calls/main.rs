//! Calls, by what passes between phones: `show calls`, `clear calls`, and what becomes of a call
//! and its doors (P3, P5).
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod ends;
mod media;
mod phone;
mod whose;

use serde_json::Value;
use tests::{Config, Pipe};

use phone::Call;

/// Two phones; nobody comes in whom they have not written to.
fn config() -> Config {
    Config::new().rule("filtering", "address-and-port-dependent")
}

/// The states of all calls, in the order they began.
#[track_caller]
fn states(nat: &mut Pipe) -> Vec<String> {
    let rows = nat.show("calls");
    rows.iter()
        .map(|row| row["state"].as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn only(nat: &mut Pipe) -> Value {
    let mut rows = nat.show("calls");
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

/// Seconds of a row, give or take the grain of timers.
#[track_caller]
fn about(row: &Value, key: &str, seconds: f64) {
    let found = row[key].as_f64().unwrap();
    assert!((found - seconds).abs() < 0.1, "{key} is {found}: {row}");
}

/// An answered call of the usual phone.
fn answered(nat: &mut Pipe) -> Call {
    let mut call = Call::new(tests::A, "one@10.64.0.7");
    call.establish(nat);
    call
}

/// More than go into one piece of an answer.
#[test]
fn however_many_calls_there_are_all_are_shown_and_cleared() {
    let mut nat = Pipe::new(&config());
    for nth in 0..1100 {
        Call::new(tests::A, &format!("{nth}@10.64.0.7")).ring(&mut nat);
    }
    let ids: Vec<String> = nat
        .show("calls")
        .iter()
        .map(|row| row["call_id"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<String> = (0..1100).map(|nth| format!("{nth}@10.64.0.7")).collect();
    assert_eq!(ids, expected);
    let some = r#"{"clear": "calls", "filter": {"name": "10??@*"}}"#;
    assert_eq!(nat.line(some)["cleared"], 100);
    assert_eq!(nat.clear("calls"), 1000);
    assert!(states(&mut nat).is_empty());
}

/// Contract 7.4, from the first ring to the last word.
#[test]
fn a_call_is_shown_as_long_as_it_is_one() {
    let mut nat = Pipe::new(&config());
    let mut call = Call::new(tests::A, "one@10.64.0.7");
    let invite = call.invite(&mut nat);
    let row = only(&mut nat);
    assert_eq!(row["state"], "calling");
    assert_eq!(row["call_id"], "one@10.64.0.7");
    assert_eq!(
        (&row["vrf"], &row["trunk"]),
        (&"default".into(), &"".into())
    );
    assert_eq!(row["subscriber"], tests::A);
    about(&row, "expires", 180.0);

    call.answer(&mut nat, &invite, 100, "", None);
    assert_eq!(states(&mut nat), ["calling"]);
    call.answer(&mut nat, &invite, 180, "", None);
    assert_eq!(states(&mut nat), ["ringing"]);
    nat.wait(5.0);
    let body = phone::sdp(tests::X, &[("audio", phone::REMOTE_AUDIO)]);
    call.answer(&mut nat, &invite, 200, "", Some(&body));
    call.ask(&mut nat, "ACK", None);
    let row = only(&mut nat);
    assert_eq!(row["state"], "established");
    about(&row, "age", 5.0);
    about(&row, "expires", 10_800.0);
    let media = row["media"].as_array().unwrap();
    assert_eq!(media.len(), 1, "{row}");
    assert_eq!(media[0]["inside"], "10.64.0.7:4000");
    assert_eq!(media[0]["kind"], "audio");
    // What the other side was told.
    let announced = format!(
        "{}:{}",
        &phone::line(&invite, "c=IN IP4 ")[9..],
        phone::line(&invite, "m=audio ").split(' ').nth(1).unwrap()
    );
    assert_eq!(media[0]["outside"], announced.as_str());

    call.next();
    let bye = call.ask(&mut nat, "BYE", None);
    assert_eq!(states(&mut nat), ["ended"]);
    call.answer(&mut nat, &bye, 200, "", None);
    assert_eq!(nat.show("calls"), [] as [Value; 0]);
}
