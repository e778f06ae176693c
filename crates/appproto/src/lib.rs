//! Application messages as byte spans.
//!
//! ```text
//!  message --> protocol's scan --> findings: where it stands, what it means,
//!                                            how it is written, what it is for
//!  engine: maps endpoints, opens doors  -->  Form::write for each span
//! ```
//!
//! A parser reads one message, lists the places that mean an endpoint of whoever sent
//! it, and changes nothing. Parsers are total: any bytes, any length, no panic, work
//! bounded by the length, nothing allocated. What a parser does not understand it
//! leaves alone; what comes behind a message is never read as part of it.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod dns;
pub mod finding;
mod form;
mod frames;
pub mod ftp;
pub mod h323;
pub mod ike;
pub mod ldap;
pub mod natpmp;
pub mod netbios;
pub mod pcp;
pub mod pptp;
pub mod rcmd;
pub mod rtsp;
pub mod sip;
pub mod skinny;
#[cfg(test)]
mod testing;
pub mod text;
pub mod tftp;

pub use finding::{
    Channel, Endpoint, Finding, Findings, Ports, Remote, Role, Span, Transport, Uses,
};
pub use form::{Form, Replacement};

/// Who sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// Whoever opened the session.
    Client,
    /// Who was called.
    Server,
}

/// What a look at the bytes so far has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// Everything up to here is whole messages, and all of it has been listed.
    Complete,
    /// What begins here is a message that is not whole yet; what is before it has been listed.
    NeedMore {
        /// Offset of its first byte.
        from: usize,
    },
    /// No room for what the next message holds, although one message alone has it: what is
    /// before it has been listed. To be called again from there with room.
    Full {
        /// Offset of its first byte.
        from: usize,
    },
    /// Not this protocol, or nothing more to be read in it for good (encrypted, too
    /// strange to follow): the rest of the session does without a gateway. What was
    /// listed before still counts.
    Release,
}
