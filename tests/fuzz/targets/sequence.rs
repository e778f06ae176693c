//! Any schedule of changes, losses, retransmissions and acknowledgements through sequence
//! adjustment, against a model that keeps both streams whole.
#![no_main]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

#[path = "../../../crates/nat/tests/sequence/model.rs"]
mod model;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| model::play(bytes));
