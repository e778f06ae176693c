//! Messages of a gateway that come in parts (G5): put together, rewritten, and delivered, with
//! FTP's `PORT` as the message.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

mod ends;
mod others;
mod parts;
mod rtsp;
mod signals;
mod sip;
mod world;
