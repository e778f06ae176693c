//! Control socket, show, clear, metrics, log export and the store of log records.
//!
//! ```text
//! portolan show --> socket::request ~~ Unix socket ~~ socket::Server --+
//!                                                                      |  handler
//! Prometheus ~~~~~~~~~~~~~~~~~~~~~~~~ TCP ~~~~~~~~~~~ metrics::serve --+
//!                                                                      v
//!                              slow-path core: exchange::Desk <--- exchange::Asker
//! ```
//!
//! Everything runs on threads of its own; the slow-path core is asked by
//! message, answers in chunks and never waits for whoever asked.
#![forbid(unsafe_code)]

mod connections;
pub mod exchange;
pub mod export;
pub mod filter;
pub mod intake;
mod line;
pub mod metrics;
pub mod protocol;
pub mod reloaded;
pub mod rows;
pub mod socket;
pub mod store;
pub mod table;
pub mod traced;
pub mod what;
