//! Workers and slow path over memory, with as many shards as a test likes: what no
//! single worker of `portolan sim` can show.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod appliance;
mod crowd;
mod notices;
mod owners;
mod questions;
mod requests;
mod streams;
mod traces;
mod zones;
