//! L2 to L4 headers in place.
//!
//! Reading gives small `Copy` values, checked once against the buffer's length;
//! writing goes through fixed offsets into arrays whose length the type knows.
//! Nothing here panics on any bytes, allocates, or keeps state.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod arp;
pub mod checksum;
pub mod dccp;
mod error;
pub mod ethernet;
pub mod gre;
pub mod icmp;
pub mod igmp;
pub mod ipv4;
pub mod sctp;
pub mod tcp;
pub mod udp;

pub use checksum::ChecksumDelta;
pub use error::{Layer, WireError};

/// The big-endian word at `at`, if it is inside.
#[must_use]
#[inline]
pub fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk::<2>()
        .map(|word| u16::from_be_bytes(*word))
}

/// The big-endian double word at `at`, if it is inside.
#[must_use]
#[inline]
pub fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk::<4>()
        .map(|word| u32::from_be_bytes(*word))
}

/// Writes a big-endian word at `at`; false, and nothing written, if it is outside.
#[inline]
pub fn put16(bytes: &mut [u8], at: usize, value: u16) -> bool {
    match bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<2>) {
        Some(word) => {
            *word = value.to_be_bytes();
            true
        }
        None => false,
    }
}

/// Writes a big-endian double word at `at`; false, and nothing written, if it is outside.
#[inline]
pub fn put32(bytes: &mut [u8], at: usize, value: u32) -> bool {
    match bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<4>) {
        Some(word) => {
            *word = value.to_be_bytes();
            true
        }
        None => false,
    }
}

/// The low 16 bits; for lengths that are known to fit.
#[must_use]
#[inline]
#[allow(clippy::cast_possible_truncation)]
pub const fn low16(value: usize) -> u16 {
    value as u16
}

/// The low eight bits; for lengths that are known to fit.
#[must_use]
#[inline]
#[allow(clippy::cast_possible_truncation)]
pub const fn low8(value: usize) -> u8 {
    value as u8
}
