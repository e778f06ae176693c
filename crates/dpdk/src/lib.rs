//! Safe DPDK: the environment, ports, buffers and rings as values with owners.
//!
//! ```text
//!  Eal <---- Mempool <---- Mbuf (by count: the pool waits for its buffers)
//!   ^ ^         ^
//!   | +------ Port <------- Queue ---> DpdkIo: pktio::Io of one worker
//!   +-------- ring ends, thread registrations
//! ```
//!
//! Arrows are shared ownership, so whatever order values are dropped in, DPDK
//! sees the right one: queues stop being used, then ports close, then pools are
//! freed, then the environment is cleaned up. None of the counts is touched
//! per packet.
//!
//! This crate and the bindings under it are the only unsafe code. Every unsafe
//! operation is alone in its block and says which requirement is met by whom.

mod eal;
mod error;
mod io;
mod mbuf;
mod pages;
mod pool;
mod port;
mod ring;
mod rss;

pub use eal::{Eal, Registration, version};
pub use error::{DpdkError, Errno};
pub use io::{DpdkIo, Queue};
pub use mbuf::Mbuf;
pub use pages::advise_huge;
pub use pool::{Mempool, MempoolConfig};
pub use port::{Link, Port, PortConfig, PortStats};
pub use ring::{Receiver, Sender};
pub use rss::{Rss, RssField, RssSupport};
