//! Worker loop, slow path, routing and ARP.
//!
//! ```text
//!   NIC ──> Worker ──> NIC        one per core: classify, look up, translate, send;
//!             │ ^                 first packets and everything unusual in its general lane
//!     punts   v │  replies
//!            SlowPath             one: neighbours, own ICMP, held SYNs, vTCP
//! ```
//!
//! Generic over [`pktio`], so the same code runs over DPDK and over memory in
//! virtual time. Nobody here reads a clock; `now` is passed in.
#![forbid(unsafe_code)]

mod answers;
mod calls;
mod command;
mod divert;
mod emit;
mod encapsulation;
mod expression;
mod forward;
mod fragment;
mod gateway;
mod general;
mod guard;
mod icmp;
mod ids;
mod inspect;
mod ipsec;
mod joined;
mod keepalive;
mod load;
mod mark;
mod multicast;
mod names;
mod natpmp;
mod opening;
mod parts;
mod pcp;
mod plain;
mod published;
mod router;
mod sip;
mod slow;
mod topology;
mod trace;
mod worker;

pub use alg::sip::{class_names, method_names};
pub use calls::{CALL_ID, CallId, CallMedia, CallReport, LINES};
pub use command::{
    Command, Diverted, Event, MediaQuestion, Member, Question, SessionFilter, TakeBack, Ticket,
    Told,
};
pub use expression::{Endpoint, Ends, Expression, ExpressionError};
pub use inspect::{Inspect, Row};
pub use load::Gaps;
pub use published::Published;
pub use router::Router;
pub use slow::{CallState, CallView, Health, MediaView, NeighborRow, SlowPath, SlowPorts, stream};
pub use topology::{Interface, Multicast, Route, StaticNeighbor, StreamLimits, Topology};
pub use trace::{Arrival, Made, Order, Record, Ruling, SNAP, Step, headers};
pub use worker::{Ports, Worker};
