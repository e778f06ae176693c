//! Packets that are traced, as `why` and `trace` hear of them.
//!
//! ```text
//! {"trace": "udp", "count": 5, "seconds": 10}    {"tracing": { ... }}
//!                                                {"packet": { ... }}     any number of them
//!                                                {"traced": { ... }}     the last line
//! ```
//!
//! Lines come as packets do; each is whole.

use serde::{Deserialize, Serialize};

/// Most packets of one trace.
pub const MAX_COUNT: u32 = 100_000;

/// The longest one, in seconds.
pub const MAX_SECONDS: u32 = 3600;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which packets: an expression, empty for all.
    pub expression: String,
    /// After so many it ends.
    pub count: u32,
    /// After so many seconds it ends, too.
    pub seconds: u32,
    /// The drops that are still known come first.
    pub past: bool,
}

/// How it begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tracing {
    /// Version of the appliance.
    pub version: String,
    /// The time, in nanoseconds since its start.
    pub now: u64,
    /// Which configuration is in force: 1 is that of the start, each reload adds one.
    pub epoch: u64,
    /// Its interfaces.
    pub interfaces: Vec<TracedInterface>,
}

/// An interface, as a capture describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TracedInterface {
    /// Name.
    pub name: String,
    /// MAC address.
    pub mac: String,
    /// A rule calls it inside.
    pub inside: bool,
}

/// One packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Packet {
    /// When it came, in nanoseconds since the start of the appliance.
    pub at: u64,
    /// The worker that decided.
    pub worker: u16,
    /// By which interface it came.
    pub interface: String,
    /// How it came to the worker: `received`, `handed` (over by another) or `half_translated`.
    pub arrival: String,
    /// What it is, in a few words.
    pub what: String,
    /// Its beginning, in hexadecimal digits.
    pub frame: String,
    /// How long it was.
    pub len: u64,
    /// `forward`, `drop`, `consume` or `hold`; empty if another worker decides.
    pub verdict: String,
    /// The counter that explains it.
    pub reason: String,
    /// How it came to that, a sentence each.
    pub steps: Vec<String>,
    /// The outside endpoints of its sessions: two of a hairpin.
    pub outside: Vec<String>,
    /// What left.
    pub left: Vec<String>,
    /// It was dropped before the question.
    pub past: bool,
    /// Which configuration was in force.
    pub epoch: u64,
}

/// How it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ended {
    /// Packets told of.
    pub packets: u64,
    /// Packets that were meant and for which there was no room.
    pub lost: u64,
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The first.
    Tracing(Tracing),
    /// One for each packet.
    Packet(Box<Packet>),
    /// Nothing to tell for a second; so whoever is gone is noticed.
    Waiting,
    /// The last.
    Traced(Ended),
}
