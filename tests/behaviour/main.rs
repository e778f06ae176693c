//! Behaviour of the built binary, packet by packet.
//!
//! Each test states one behaviour and names the clause that asks for it: of an
//! RFC, or of the contract at the edge. Nothing here looks inside.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod blocks;
mod clear;
mod constancy;
mod dccp;
mod deterministic;
mod events;
mod filtering;
mod hairpin;
mod hold_down;
mod holders;
mod icmp_query;
mod limits;
mod mapping;
mod pipe;
mod pooling;
mod ports;
mod realms;
mod rules;
mod show;
mod statics;
mod syn_hold;
mod tcp;
mod tcp_timers;
mod udp_timers;
mod whois;

use tests::{
    Connection, GRAIN, kept_out, lost, lost_but_told, open_udp, run_until, tcp_endpoint,
    udp_endpoint,
};
