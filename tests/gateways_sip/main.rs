//! SIP from outside: phones and proxies around the built binary, and what each of them hears.
//!
//! Filtering is address-and-port-dependent throughout, so nobody comes in who was neither written
//! to nor announced. Every message that leaves is read again by a reader of the tests' own: its
//! `Content-Length` is right, and outside there is no inside address in it.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::needless_pass_by_value
)]

mod calls;
mod known;
mod line;
mod pieces;
mod registrations;
mod strangers;
mod streams;
mod switches;
mod transfers;
mod trunks;

use line::{Heard, Line, text};
