//! Random packets and time for the program and for a naive model of it: they
//! agree on every verdict, every endpoint and every count, and in the end
//! nothing is left.
//!
//! ```text
//!  setup ──> configuration ──> portolan sim --pipe ──> verdict, packet, tables ─┐
//!    └─────> naive model ────> what must come of it ────────────────────────────┴─ equal?
//!  steps ──> both
//! ```
//!
//! `PORTOLAN_MODEL_CASES` sets how many configurations are tried.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss
)]

mod deterministic;
mod naive;
mod packet;
mod run;
mod setup;
mod step;
mod tcp;

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use run::Run;

/// Configurations tried, unless told otherwise.
const CASES: u32 = 200;

/// Deterministic ranges tried.
const RANGES: u32 = 30;

/// Most steps of a case.
const STEPS: usize = 400;

fn cases(usual: u32) -> ProptestConfig {
    let told = std::env::var("PORTOLAN_MODEL_CASES").ok();
    let factor = told.map_or(1.0, |text| text.parse::<f64>().unwrap() / f64::from(CASES));
    #[allow(clippy::cast_sign_loss)]
    let cases = (f64::from(usual) * factor).ceil() as u32;
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 1_000,
        ..ProptestConfig::default()
    }
}

/// What has to be met in a run of the usual length, or it proves little.
const REACHED: [&str; 19] = [
    "forward.outbound",
    "forward.inbound",
    "forward.hairpin",
    "hold.syn",
    "consume.echo",
    "drop.no_mapping",
    "drop.filtered",
    "drop.tcp_not_syn",
    "drop.icmp_no_session",
    "drop.hairpin",
    "drop.no_port",
    "drop.block_limit",
    "drop.port_limit",
    "drop.session_limit",
    "drop.session_rate",
    "drop.rule_limit",
    "drop.inbound_limit",
    "drop.mapping_table",
    "drop.subscriber_table",
];

/// RFC 4787, RFC 5382, RFC 5508, RFC 6888: whatever happens in whatever order.
#[test]
fn the_translator_does_what_the_naive_model_does() {
    let config = cases(CASES);
    let is_long = config.cases >= CASES;
    let reached = RefCell::new(BTreeSet::new());
    let result =
        TestRunner::new(config).run(&(setup::any(), step::any(STEPS)), |(setup, steps)| {
            let mut run = Run::new(&setup);
            run.all(&steps.0);
            reached.borrow_mut().extend(run.reasons);
            Ok(())
        });
    if let Err(error) = result {
        panic!("{error}");
    }
    let reached = reached.into_inner();
    let missed: Vec<_> = REACHED
        .iter()
        .filter(|one| !reached.contains(**one))
        .collect();
    assert!(missed.is_empty() || !is_long, "never reached: {missed:?}");
}

proptest! {
    #![proptest_config(cases(RANGES))]

    /// RFC 7422 section 2, for every algorithm: no endpoint has two holders, every host
    /// has as many, and the file alone tells whose each of them is.
    #[test]
    fn deterministic_mapping_is_a_bijection(range in deterministic::any()) {
        range.is_a_bijection();
    }
}
