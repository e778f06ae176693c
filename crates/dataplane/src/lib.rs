//! Worker loop, slow path, routing and ARP.
//!
//! ```text
//!   NIC ──> Worker ──> NIC        one per core: classify, look up, translate, send;
//!             │ ^                 first packets and everything unusual in its general lane
//!     punts   v │  replies
//!            SlowPath             one: neighbours, own ICMP, held SYNs
//! ```
//!
//! Generic over [`pktio`], so the same code runs over DPDK and over memory in
//! virtual time. Nobody here reads a clock; `now` is passed in.
#![forbid(unsafe_code)]

mod answers;
mod command;
mod emit;
mod forward;
mod fragment;
mod general;
mod icmp;
mod ids;
mod inspect;
mod load;
mod mark;
mod multicast;
mod opening;
mod parts;
mod plain;
mod published;
mod router;
mod slow;
mod topology;
mod worker;

pub use command::{Command, Event, Member, SessionFilter, Ticket};
pub use inspect::{Inspect, Row};
pub use published::Published;
pub use router::Router;
pub use slow::{NeighborRow, SlowPath, SlowPorts};
pub use topology::{Interface, Multicast, Route, StaticNeighbor, Topology};
pub use worker::{Ports, Worker};
