//! SIP (RFC 3261 and what came after it) and the SDP in its bodies (RFC 8866).
//!
//! ```text
//!  bytes --> frame --> one message --> scan --> findings, in the order of the message
//!                                       |
//!            head:  start -> headers ---+---> Summary: what the database of calls keeps
//!            body:  content -> sdp -----+
//! ```
//!
//! Invariants:
//!
//! - Framing begins with byte 0 and never looks for a message further on: what does not begin
//!   like one is released, and what is behind a datagram's message is not read.
//! - A head whose lines do not all end with CR LF has no end that everybody agrees upon, and is
//!   not followed.
//! - Only literal IPv4 addresses in their shortest writing that are the caller's are listed, as
//!   whole hosts. Names, digests and encoded bodies stay.
//! - Outbound messages list what their sender answers and listens to; inbound ones only name
//!   endpoints, so nothing that comes from outside opens a door.
//!
//! An explicit port stays explicit. A port that was left out is written where the new one is not
//! the usual one, and is then explicit on its way back, too.

mod content;
mod cursor;
mod dialog;
mod error;
mod head;
pub mod header;
mod hops;
mod host;
mod list;
mod message;
mod scan;
mod sdp;
mod section;
mod start;
mod uri;
mod via;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod vectors;

pub use dialog::{Body, Contact, Flow, Hop, Kind, Media, MediaKind, Summary};
pub use error::SipError;
pub use message::{Frame, frame};
pub use scan::scan;
pub use start::{Class, Method, Start};
