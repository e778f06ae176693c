//! Application gateways: what a message announces becomes edits and doors.
//!
//! ```text
//!  payload --> scan (appproto) --> findings --> resolve: trust, mapping, door --> edits
//!                                                  |  ^                            |
//!                                                  v  |                            v
//!                                                  Host (the shard)       splice, or the
//!                                                                         sequence record
//! ```
//!
//! A gateway reads and writes bytes. Whose an endpoint is, what it is mapped to and which doors
//! open is asked of a [`Host`], once for all protocols. A message is changed as a whole or
//! not at all, and one that is not understood is never changed.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod directory;
mod edits;
mod engine;
mod gateway;
mod h323;
pub mod names;
mod rtsp;
pub mod sip;

pub use edits::{Edit, Edits, NoRoom, add_difference, splice};
pub use engine::{Agreed, Context, Host, Keeper, MEDIA_CONTROL, Outcome, Refused, Terms, resolve};
pub use gateway::{Scanned, is_ras, scan};
pub use rtsp::Doors;
