//! `why` and `trace` through the built binary: every reason has a packet that ends so and a
//! sentence that says why, and a trace played again ends in the same verdicts.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod reasons;
mod words;
