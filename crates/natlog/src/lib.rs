//! Records of the log to bytes.
//!
//! ```text
//! nat::Record ──> ipfix::Writer   messages of RFC 7011 with the templates of RFC 8158
//!                 ipfix::Reader   the same of any exporter, for what is imported
//!             └─> syslog::Writer  lines of RFC 5424, one record each
//! ```
//!
//! Pure: time and names are passed in, and where the bytes go is somebody else's business.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod event;
pub mod ipfix;
#[cfg(test)]
mod samples;
pub mod syslog;

pub use event::Event;

/// A record with what only the whole appliance knows of it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The worker it comes from.
    pub instance: u32,
    /// What happened.
    pub record: &'a nat::Record,
}
