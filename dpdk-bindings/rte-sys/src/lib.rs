//! Raw DPDK: the functions that are `static inline` in C, wrapped by hand in
//! `shim.c` at burst granularity.
#![no_std]

use core::ffi::c_int;

use dpdk_sys::{rte_mbuf, rte_mempool, rte_ring};

unsafe extern "C" {
    /// The calling thread's `rte_errno`.
    pub safe fn ptl_errno() -> c_int;

    /// Whether DPDK knows the calling thread by a number of its own.
    pub safe fn ptl_thread_known() -> bool;

    /// Receives at most `room` packets of one segment each into `packets`, sets
    /// their port to `index`, prefetches their first line. Adds to `dropped`
    /// how many were freed because they did not fit one segment.
    ///
    /// # Safety
    ///
    /// The port is started and has the queue, which no other thread receives
    /// from; `packets` is writable for `room` pointers and `dropped` for one
    /// value. What is returned, as many as the result, belongs to the caller.
    pub fn ptl_rx_burst(
        port: u16,
        queue: u16,
        packets: *mut *mut rte_mbuf,
        room: u16,
        index: u16,
        dropped: *mut u64,
    ) -> u16;

    /// Sends `count` packets and frees what the device refuses; returns how
    /// many that were.
    ///
    /// # Safety
    ///
    /// The port is started and has the queue, which no other thread sends on;
    /// `packets` is readable and writable for `count` pointers to packets the
    /// caller owns, and owns no longer.
    pub fn ptl_tx_burst(port: u16, queue: u16, packets: *mut *mut rte_mbuf, count: u16) -> u16;

    /// One empty packet, which the caller owns, or null.
    ///
    /// # Safety
    ///
    /// `pool` is a live pool of packets.
    pub fn ptl_alloc(pool: *mut rte_mempool) -> *mut rte_mbuf;

    /// `count` empty packets, which the caller owns, or none; true if there were enough.
    ///
    /// # Safety
    ///
    /// `pool` is a live pool of packets; `packets` is writable for `count` pointers.
    pub fn ptl_alloc_bulk(pool: *mut rte_mempool, packets: *mut *mut rte_mbuf, count: u16) -> bool;

    /// Frees a packet.
    ///
    /// # Safety
    ///
    /// The caller owns `packet`, and owns it no longer.
    pub fn ptl_free(packet: *mut rte_mbuf);

    /// Appends as many of `count` packets as fit, from the front; returns how many.
    ///
    /// # Safety
    ///
    /// `ring` is a live ring that no other thread pushes to; `packets` is
    /// readable for `count` pointers. The ring owns what was appended.
    pub fn ptl_ring_push(ring: *mut rte_ring, packets: *const *mut rte_mbuf, count: u16) -> u16;

    /// Takes at most `room` packets; returns how many.
    ///
    /// # Safety
    ///
    /// `ring` is a live ring that no other thread pops from; `packets` is
    /// writable for `room` pointers. The caller owns what was taken.
    pub fn ptl_ring_pop(ring: *mut rte_ring, packets: *mut *mut rte_mbuf, room: u16) -> u16;

    /// The link as last seen; zero, or a negative error number.
    ///
    /// # Safety
    ///
    /// `speed` (Mbit/s) and `up` are writable.
    pub fn ptl_link(port: u16, speed: *mut u32, up: *mut bool) -> c_int;
}
