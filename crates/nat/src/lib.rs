//! The translator: sessions, mappings, pools and port blocks of one worker.
//!
//! ```text
//!              Shard (one worker owns it)
//!  packet key ─┬─> SessionTable   both directions of every flow, timers
//!     miss ────┼─> Rules ──> MappingTable   X:x <-> X1':x1' (RFC 4787)
//!              │                 └──> Pools ──> PortBlock   ports lent out
//!              └─> Subscribers (quota, pairing)
//! ```
//!
//! Everything is plain data driven by the `now` that is passed in: no clock, no
//! thread, no I/O. All tables are allocated when the shard is made; afterwards
//! nothing here allocates, and full tables refuse new state without touching
//! what exists. A shard belongs to one thread.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod affinity;
mod deterministic;
pub mod door;
mod filter;
mod gateway;
mod guard;
mod holddown;
mod index;
mod journal;
mod key;
mod layout;
mod leads;
mod mapping;
mod notice;
pub mod pcp;
mod pool;
mod port_spread;
mod record;
mod region;
mod rng;
pub mod sequence;
mod session;
pub mod settings;
mod shard;
pub mod steering;
mod subscriber;
mod tcp_state;
pub mod tunnels;
mod wheel;
pub mod zones;

pub use deterministic::{Algorithm, Computed, Key};
pub use gateway::{
    Attached, Gateway, IpsecSettings, Offered, Prediction, Service, Services, SipKinds,
    SipSettings, Spoken, Tallies, Tally, Trunk,
};
pub use key::{FlowKey, Realm};
pub use layout::{Dealt, Layout, OutsideAddress, PoolAddress, PoolSpread, ReviseError, Spread};
pub use mapping::{Mapping, MappingId, MappingKind};
pub use notice::{BlockNotice, Notice};
pub use pool::PoolUse;
pub use port_spread::PortSpread;
pub use record::{Flow, Life, Logged, Quota, Record, Remote, Threshold};
pub use region::Region;
pub use session::{
    Flags, Glance, Guess, Hit, NO_ADJACENCY, Rewrite, Session, SessionId, SessionView,
};
pub use settings::Settings;
pub use shard::{
    ANY_PROTOCOL, Ahead, Announcement, Asking, Changed, Fate, First, Keeper, Match, MediaFigures,
    Opened, PcpAsk, PcpDenied, PcpGranted, Refusal, Shard, Sizes, Standing, Touched,
};
pub use steering::Steering;
pub use subscriber::{Subscriber, SubscriberId};
pub use tcp_state::{Segment, State, TcpEvent};
