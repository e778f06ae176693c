//! The pipe itself (contract 7.3): the same output for the same input, and an
//! answer to any line.

use serde_json::Value;
use testkit::{Rng, echo, tcp, udp};
use tests::{Config, Pipe};

use crate::{Connection, udp_endpoint};

/// Traffic of every sort, and everything there is to show of it.
fn transcript(config: &Config, args: &[&str]) -> Vec<String> {
    let mut nat = Pipe::with_args(config, args);
    let mut rng = Rng::new(5);
    let mut known = Vec::new();
    for _ in 0..400 {
        let host = 7 + rng.below(5);
        let inside = format!("10.64.0.{host}:{}", 5000 + rng.below(40));
        let remote = format!("192.0.2.{}:{}", 1 + rng.below(9), 1 + rng.below(100));
        let flow = format!("{inside} > {remote}");
        let packet = match rng.below(4) {
            0 => udp(&flow),
            1 => tcp(&flow).syn(),
            2 => tcp(&flow),
            _ => echo(&format!("{inside} > 192.0.2.1")),
        };
        let outcome = nat.inside(packet);
        if let Some(left) = outcome.left.first() {
            known.push(left.seen.src);
        }
        if !known.is_empty() && rng.chance(50) {
            let target = *rng.pick(&known);
            let packet = udp(&format!("{remote} > {target}"));
            let _ = nat.outside(packet.clone());
            let _ = nat.inside(packet.from(inside.as_str()));
            let _ = nat.outside(tcp(&format!("{remote} > {target}")).syn());
        }
        if rng.chance(10) {
            nat.wait(f64::from(rng.byte() % 40));
        }
    }
    for what in [
        "translations",
        "mappings",
        "subscribers",
        "pools",
        "counters",
    ] {
        nat.show(what);
    }
    nat.transcript().to_vec()
}

#[track_caller]
fn assert_same(first: &[String], second: &[String]) {
    for (number, (one, other)) in first.iter().zip(second).enumerate() {
        assert_eq!(one, other, "line {number}");
    }
    assert_eq!(first.len(), second.len());
}

/// Contract 7.3: byte for byte.
#[test]
fn two_runs_are_the_same() {
    let config = Config::new();
    assert_same(&transcript(&config, &[]), &transcript(&config, &[]));
}

/// Contract 7.3: the seed is 1 unless told otherwise.
#[test]
fn the_seed_is_one_by_default() {
    let config = Config::new();
    assert_same(
        &transcript(&config, &[]),
        &transcript(&config, &["--seed", "1"]),
    );
}

/// Contract 7.3: whatever `workers.cores` says.
#[test]
fn the_number_of_workers_cannot_be_seen() {
    let config = Config::new();
    let one = transcript(&config, &[]);
    for cores in ["[1, 2]", "[1, 2, 3, 4]", "[7, 5, 3]"] {
        let config = Config::new().cores(cores);
        assert_same(&one, &transcript(&config, &[]));
    }
}

/// Contract 7.3: chance comes from the seed.
#[test]
fn another_seed_gives_other_ports() {
    let mut ports = Vec::new();
    for seed in ["1", "2", "3"] {
        let mut nat = Pipe::with_args(&Config::new(), &["--seed", seed]);
        ports.push(crate::open_udp(&mut nat, "10.64.0.7", 5000, 16));
    }
    assert_ne!(ports[0], ports[1]);
    assert_ne!(ports[1], ports[2]);
}

/// Contract 7.3: bad input gets an error, and the pipe goes on.
#[test]
fn a_bad_line_gets_an_error_and_the_next_line_its_answer() {
    let mut nat = Pipe::new(&Config::new());
    let long = format!(r#"{{"show": "{}"}}"#, "x".repeat(100_000));
    let deep = "[".repeat(10_000);
    for line in [
        "nonsense",
        "{",
        "[]",
        "null",
        "1",
        "\"show\"",
        "{}",
        r#"{"at": "soon"}"#,
        r#"{"at": null}"#,
        r#"{"at": -1.0}"#,
        r#"{"at": 1e999}"#,
        r#"{"at": 1.0, "if": "nowhere", "frame": "00"}"#,
        r#"{"at": 1.0, "if": 7, "frame": "00"}"#,
        r#"{"at": 1.0, "if": "inside"}"#,
        r#"{"at": 1.0, "frame": "00"}"#,
        r#"{"if": "inside", "frame": 5}"#,
        r#"{"at": 1.0, "if": "inside", "frame": "0"}"#,
        r#"{"at": 1.0, "if": "inside", "frame": "zz"}"#,
        r#"{"at": 1.0, "if": "inside", "frame": "é"}"#,
        r#"{"show": "weather"}"#,
        r#"{"show": 5}"#,
        r#"{"show": ""}"#,
        r#"{"clear": "weather"}"#,
        r#"{"clear": null}"#,
        r#"{"show": "counters", "clear": "counters"}"#,
        r#"{"frobnicate": true}"#,
        &long,
        &deep,
    ] {
        let answer = nat.line(line);
        let shown: String = line.chars().take(60).collect();
        let error = answer.get("error").and_then(Value::as_str);
        assert!(
            error.is_some_and(|text| !text.is_empty()),
            "{shown}: {answer}"
        );
        udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    }
}

/// Contract 7.3: time does not move by a line that is refused.
#[test]
fn a_bad_line_changes_nothing() {
    let mut nat = Pipe::new(&Config::new());
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    nat.line(r#"{"at": 9000.0, "if": "nowhere", "frame": "00"}"#);
    nat.line(r#"{"at": 9000.0, "if": "inside", "frame": "0"}"#);
    nat.outside(udp(&format!("192.0.2.1:7000 > {outside}")))
        .forwarded();
}

/// Contract 7.3: one verdict line for each frame, at the time of the frame.
#[test]
fn answers_carry_the_time_of_the_question() {
    let mut nat = Pipe::new(&Config::new());
    nat.later(12.5);
    let outcome = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"));
    assert!((outcome.left[0].at - 12.5).abs() < 1e-6);
    let verdict: Value = serde_json::from_str(nat.transcript().last().unwrap()).unwrap();
    assert!((verdict["at"].as_f64().unwrap() - 12.5).abs() < 1e-6);
    assert_eq!(verdict["verdict"], "forward");
    outcome.forwarded();
}

/// Contract 7.3: timers run by virtual time alone, in one step or in many; also
/// those that another starts, as a session's end starts the rest of its port.
#[test]
fn small_steps_of_time_make_no_difference() {
    let run = |steps: u32| {
        let mut nat = Pipe::new(&Config::new());
        let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
        udp_endpoint(&mut nat, "10.64.0.8:5000", "192.0.2.1:7000");
        for step in 1..=steps {
            nat.at(1000.0 / f64::from(steps) * f64::from(step));
        }
        connection.receive(&mut nat, b"x");
        (
            nat.show("translations"),
            nat.show("mappings"),
            nat.show("subscribers"),
            nat.show("pools"),
        )
    };
    assert_eq!(run(1), run(1000));
}

/// Contract 7.3: a frame that leaves while time moves carries the time at which it left.
#[test]
fn a_frame_that_leaves_meanwhile_has_its_own_time() {
    let mut nat = Pipe::new(&Config::new());
    let held = nat.outside(tcp("192.0.2.1:7000 > 203.0.113.5:80").syn());
    assert_eq!(held.verdict, "hold");
    let left = nat.wait(100.0);
    assert_eq!(left.len(), 1, "{left:?}");
    assert!((6.0..7.0).contains(&left[0].at), "left at {}", left[0].at);
}
