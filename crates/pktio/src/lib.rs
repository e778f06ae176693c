//! Packet I/O as the worker sees it: a buffer, and ports that fill and empty
//! bursts of them.
//!
//! Two implementations stand behind these traits: DPDK (`crates/dpdk`) for the
//! appliance, and [`mem`], which lives in ordinary memory, for `portolan sim`
//! and every test. Both behave alike down to head room and full queues.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod mem;

use arrayvec::ArrayVec;

/// Most packets received, sent or passed on at once.
pub const BURST: usize = 64;

/// Packets on their way between two steps of a worker.
pub type Burst<B> = ArrayVec<B, BURST>;

/// Bytes kept free before a received frame, for tags that are added.
pub const HEADROOM: usize = 128;

/// Longest frame a buffer holds, in bytes: jumbo payload, Ethernet header, two tags.
pub const MAX_FRAME: usize = 9216;

/// Number of a port: a device opened, in the order of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortId(pub u16);

/// A frame in one contiguous buffer, owned by whoever holds the value.
/// Dropping it gives the memory back.
pub trait PacketBuf: Sized {
    /// The frame, from its Ethernet header on, without FCS.
    fn bytes(&self) -> &[u8];

    /// The frame, to be changed in place.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Gives up `count` bytes at the front; false, and unchanged, if there are fewer.
    fn trim_front(&mut self, count: usize) -> bool;

    /// Opens `count` bytes of head room at the front, their content unspecified;
    /// false, and unchanged, without room.
    fn grow_front(&mut self, count: usize) -> bool;

    /// Sets the length; what is added at the end is unspecified. False, and
    /// unchanged, beyond the buffer's room.
    fn set_len(&mut self, len: usize) -> bool;

    /// The port it was received on.
    fn port(&self) -> PortId;

    /// Notes the port, for buffers that were allocated rather than received.
    fn set_port(&mut self, port: PortId);

    /// A word that travels with the buffer between cores; zero on receive
    /// is not guaranteed.
    fn mark(&self) -> u64;

    /// Sets that word.
    fn set_mark(&mut self, mark: u64);

    /// True if the device has verified the IPv4 header checksum and found it good.
    fn ip_checksum_verified(&self) -> bool;
}

/// The ports of one thread: its own receive and transmit queue on each.
pub trait Io {
    /// The buffer that moves through.
    type Buf: PacketBuf;

    /// How many ports there are; their ids are `0..ports`.
    fn ports(&self) -> u16;

    /// Receives what is waiting on `port`, at most what `burst` has room for.
    fn receive(&mut self, port: PortId, burst: &mut Burst<Self::Buf>);

    /// Sends all of `burst`, which is empty afterwards; returns how many the
    /// device refused (they are freed).
    fn send(&mut self, port: PortId, burst: &mut Burst<Self::Buf>) -> usize;

    /// A fresh, empty buffer for a frame made here; `None` if memory has run out.
    fn allocate(&mut self) -> Option<Self::Buf>;

    /// Frees all of `burst`, which is empty afterwards: as dropping each, but
    /// all at once where that is cheaper.
    fn discard(&mut self, burst: &mut Burst<Self::Buf>) {
        burst.clear();
    }
}

/// One end of a lockless ring of buffers between two threads that writes.
pub trait RingSender {
    /// The buffer that moves through.
    type Buf: PacketBuf;

    /// Appends as many as fit, from the front of `burst`; what stays did not fit.
    fn push(&mut self, burst: &mut Burst<Self::Buf>);
}

/// The end of such a ring that reads.
pub trait RingReceiver {
    /// The buffer that moves through.
    type Buf: PacketBuf;

    /// Takes what is waiting, at most what `burst` has room for.
    fn pop(&mut self, burst: &mut Burst<Self::Buf>);
}
