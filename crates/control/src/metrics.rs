//! Metrics in the Prometheus text exposition format.
//!
//! [`Snapshot::to_text`] is a pure function; [`serve`] puts it behind HTTP.

mod http;
mod page;
mod text;

use base::Counters;

use crate::rows::{AlgRow, ZoneRow};

pub use http::{MetricsError, Serving, serve};

/// All numbers at one moment; copied from their owners.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Version of the program.
    pub version: String,
    /// One for each worker.
    pub workers: Vec<WorkerNumbers>,
    /// Of the slow-path core; shown as `worker="slow_path"`.
    pub slow_path: Option<Counters>,
    /// Subscribers by the ports they use, of all protocols: the most of each place, and how many are in it.
    pub port_spread: Vec<(u32, u64)>,
    /// SIP calls that are established, and those that are not.
    pub calls: (u64, u64),
    /// One for each gateway.
    pub gateways: Vec<AlgRow>,
    /// One for each pool.
    pub pools: Vec<PoolNumbers>,
    /// One for each interface.
    pub interfaces: Vec<InterfaceNumbers>,
    /// One for each class of each pair of zones.
    pub zones: Vec<ZoneRow>,
}

/// A worker's numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkerNumbers {
    /// Its number.
    pub worker: u16,
    /// Its counters.
    pub counters: Counters,
    /// Sessions now.
    pub sessions: u64,
    /// Mappings now.
    pub mappings: u64,
    /// Subscribers now.
    pub subscribers: u64,
    /// Share of time with packets to work on, 0 to 1.
    pub busy: f64,
    /// Longest time between two turns of the last one to two seconds, in seconds.
    pub longest_gap: f64,
    /// Times between two turns: the longest of each place in seconds, and how many there were.
    pub gaps: Vec<(f64, u64)>,
    /// All these times together, in seconds.
    pub gap_sum: f64,
}

/// A pool's numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolNumbers {
    /// Its name.
    pub name: String,
    /// Port blocks there are.
    pub blocks_total: u64,
    /// Port blocks lent.
    pub blocks_used: u64,
    /// Subscribers with an outside address of it.
    pub subscribers: u64,
    /// It lends nothing any more.
    pub draining: bool,
}

/// An interface's numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceNumbers {
    /// Its name.
    pub name: String,
    /// Whether there is a link.
    pub up: bool,
    /// Frames received.
    pub rx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Frames the device lost for want of a buffer.
    pub rx_missed: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Frames the device did not take.
    pub tx_dropped: u64,
}
