//! Tests from outside: the built binary is driven through `portolan sim`, and
//! every frame that leaves is judged by `testkit`.
//!
//! A test states behaviour in three moves: a [`Config`] that differs from the
//! usual one by what the test is about, frames through a [`Pipe`], and what
//! must have come of each ([`Outcome`]).
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::cast_possible_truncation,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use
)]

mod config;
mod flows;
mod line;
mod outcome;
mod pipe;

pub use config::Config;
pub use flows::{
    Connection, GRAIN, kept_out, lost, lost_but_told, open_udp, pieces, run_until, send_pieces,
    tcp_endpoint, udp_endpoint, verdict_of_piece,
};
pub use line::Line;
pub use outcome::{Left, Outcome};
pub use pipe::{Pipe, counter_names, group_mac, mac_of, portolan, unhex};

/// The usual subscriber.
pub const A: &str = "10.64.0.7";
/// Another subscriber.
pub const B: &str = "10.64.0.8";
/// A third subscriber.
pub const C: &str = "10.64.0.9";
/// A remote host behind the gateway.
pub const X: &str = "192.0.2.1";
/// Another remote host.
pub const Y: &str = "192.0.2.9";
/// The appliance on the inside.
pub const OWN_INSIDE: &str = "10.64.0.1";
/// The appliance on the outside.
pub const OWN_OUTSIDE: &str = "198.51.100.1";
/// The router on the outside.
pub const GATEWAY: &str = "198.51.100.254";
