//! Random and mutated frames: nothing crashes, nothing grows, nothing gets in.
//!
//! Valid flows of a few dozen hosts run through a small appliance, and between
//! their packets comes everything else: noise, cut and stretched frames, single
//! bits turned over, wrong lengths and checksums, fragments that contradict each
//! other, ICMP errors about packets that never were. `PORTOLAN_ROBUSTNESS_FRAMES`
//! sets how many (50 000 by default), `PORTOLAN_ROBUSTNESS_SEED` which.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod admission;
mod generator;

use admission::Admission;
use generator::Generator;
use testkit::Seen;
use tests::{Config, GATEWAY, OWN_INSIDE, OWN_OUTSIDE, Outcome, Pipe};

/// Filtering as strict as it gets, so that what may come in is known exactly,
/// and tables small enough to be full for most of the run.
fn config() -> Config {
    Config::new()
        .no_neighbors()
        .interface("inside", "name", "lan")
        .interface("outside", "name", "wan")
        .rule("filtering", "address-and-port-dependent")
        .rule("hairpin", "{ enabled: false }")
        .pool("prefixes", "[203.0.113.0/30]")
        .limit("sessions", "1000")
        .limit("mappings", "1000")
        .limit("subscribers", "48")
        .limit("fragments", "128")
        .limit("neighbors", "128")
        .timeout("icmp", "20s")
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect(name))
}

/// RFC 1624: what came in without a fault has none when it leaves.
fn right_stays_right(outcome: &Outcome, left: &Seen, count: u64) {
    let alone = outcome.verdict == "forward" && outcome.left.len() == 1;
    if let Some(sent) = outcome.sent.as_ref()
        && alone
        && sent.problems.is_empty()
    {
        let problems = &left.problems;
        assert!(
            problems.is_empty(),
            "frame {count}: {problems:?} {outcome:?}"
        );
    }
}

/// Requirement Q2: no packet, in any order or number, panics a worker, leaks
/// memory, or lets an unsolicited packet in against the rules.
#[test]
fn nothing_crashes_grows_or_gets_in() {
    let frames = number("PORTOLAN_ROBUSTNESS_FRAMES", 50_000);
    let seed = number("PORTOLAN_ROBUSTNESS_SEED", 1);
    let mut pipe = Pipe::bare(&config(), &[]);
    pipe.allow_wrong_checksums();
    pipe.learn("lan", "10.64.0.2", OWN_INSIDE, &[]);
    pipe.learn("wan", GATEWAY, OWN_OUTSIDE, &[]);
    let mut generator = Generator::new(seed, pipe.mac("lan"), pipe.mac("wan"));
    let mut admission = Admission::default();
    let mut verdicts = std::collections::BTreeMap::<String, u64>::new();
    let mut resident = 0;
    for count in 0..frames {
        if count == frames / 4 {
            resident = pipe.resident_kib();
        }
        let (wait, interface, frame) = generator.next();
        pipe.later(wait);
        let outcome = pipe.feed(interface, &frame);
        if let ("lan", "forward" | "hold", Some(sent)) =
            (interface, &*outcome.verdict, &outcome.sent)
        {
            admission.sent(pipe.now(), sent);
        }
        for left in &outcome.left {
            right_stays_right(&outcome, &left.seen, count);
            if left.interface == "lan" {
                admission
                    .check(pipe.now(), &left.seen)
                    .unwrap_or_else(|why| panic!("seed {seed}, frame {count}: {why} {outcome:?}"));
            } else {
                generator.answer_to(&left.seen);
            }
        }
        *verdicts.entry(outcome.reason).or_default() += 1;
        if count % 1000 == 0 {
            pipe.forget_transcript();
            pipe.check_verdicts();
        }
    }
    pipe.forget_transcript();
    let grown = pipe.resident_kib().saturating_sub(resident);
    println!("grown by {grown} KiB from {resident} KiB; {verdicts:#?}");
    // Pages of tables that were allocated at start but never touched before may
    // still come in; a leak of four bytes for a frame would show in a long run.
    assert!(grown <= 4096, "grown by {grown} KiB from {resident} KiB");
    for reason in [
        "forward.outbound",
        "forward.inbound",
        "hold.fragment",
        "drop.filtered",
        "drop.ip_checksum",
        "drop.icmp_no_session",
        "drop.session_table",
    ] {
        assert!(
            verdicts.contains_key(reason),
            "{reason} was never reached: {verdicts:#?}"
        );
    }
    // Once every timer has run out nothing is left over, and it still works.
    for _ in 0..900 {
        pipe.wait(10.0);
    }
    for what in ["translations", "mappings", "subscribers"] {
        let rows = pipe.show(what);
        assert!(rows.is_empty(), "{what} left over: {rows:?}");
    }
    let blocks = &pipe.show("pools")[0]["blocks_used"];
    assert_eq!(blocks, 0, "port blocks left over");
    let packet = testkit::udp("10.64.0.7:5000 > 192.0.2.1:7000");
    let _ = pipe.send("lan", &packet);
    let out = pipe.send("lan", &packet).forwarded();
    let reply = out.reply();
    let _ = pipe.send("wan", &reply);
    pipe.send("wan", &reply).forwarded();
}
