//! Raw DPDK: what bindgen makes of the headers pkg-config names, cut down to
//! what `crates/dpdk` calls. The functions that are `static inline` in C are
//! in `rte-sys`.
//!
//! `rte_mbuf` alone is written by hand: its fields sit in anonymous unions whose
//! generated names differ between releases, while their places are fixed. Each
//! place is checked against the installed header when this crate is compiled.
#![no_std]

use core::ffi::c_void;
use core::mem::{offset_of, size_of};

mod raw {
    #![allow(
        clippy::all,
        clippy::pedantic,
        clippy::undocumented_unsafe_blocks,
        clippy::multiple_unsafe_ops_per_block,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        missing_docs,
        non_camel_case_types,
        non_snake_case,
        non_upper_case_globals,
        unnecessary_transmutes,
        unreachable_pub,
        unsafe_op_in_unsafe_fn,
        unused_qualifications,
        reason = "generated"
    )]

    use super::rte_mbuf;

    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

pub use raw::*;

/// A packet buffer, or one segment of one. Only as far as it is used; the rest
/// is padding to its full size.
#[allow(non_camel_case_types, reason = "DPDK's name")]
#[derive(Debug)]
#[repr(C, align(64))]
pub struct rte_mbuf {
    /// Where the segment's memory begins, head room included.
    pub buf_addr: *mut c_void,
    iova_or_next: u64,
    /// From `buf_addr` to the data.
    pub data_off: u16,
    /// How many own this buffer.
    pub refcnt: u16,
    /// Segments in the chain.
    pub nb_segs: u16,
    /// The port it came from.
    pub port: u16,
    /// What devices said of the packet, or are asked to do with it.
    pub ol_flags: u64,
    /// What kind of packet the device saw.
    pub packet_type: u32,
    /// Length of all segments.
    pub pkt_len: u32,
    /// Length of this segment.
    pub data_len: u16,
    /// A tag the device took off.
    pub vlan_tci: u16,
    /// Receive side: what the device's hash or filters gave.
    pub hash: [u8; 8],
    vlan_tci_outer: u16,
    /// Size of the segment's memory.
    pub buf_len: u16,
    rest: [u8; 72],
}

const _: () = {
    assert!(size_of::<rte_mbuf>() == PTL_MBUF_SIZE);
    assert!(offset_of!(rte_mbuf, buf_addr) == PTL_MBUF_BUF_ADDR);
    assert!(offset_of!(rte_mbuf, data_off) == PTL_MBUF_DATA_OFF);
    assert!(offset_of!(rte_mbuf, refcnt) == PTL_MBUF_REFCNT);
    assert!(offset_of!(rte_mbuf, nb_segs) == PTL_MBUF_NB_SEGS);
    assert!(offset_of!(rte_mbuf, port) == PTL_MBUF_PORT);
    assert!(offset_of!(rte_mbuf, ol_flags) == PTL_MBUF_OL_FLAGS);
    assert!(offset_of!(rte_mbuf, packet_type) == PTL_MBUF_PACKET_TYPE);
    assert!(offset_of!(rte_mbuf, pkt_len) == PTL_MBUF_PKT_LEN);
    assert!(offset_of!(rte_mbuf, data_len) == PTL_MBUF_DATA_LEN);
    assert!(offset_of!(rte_mbuf, vlan_tci) == PTL_MBUF_VLAN_TCI);
    assert!(offset_of!(rte_mbuf, hash) == PTL_MBUF_HASH);
    assert!(size_of::<[u8; 8]>() == PTL_MBUF_HASH_SIZE);
    assert!(offset_of!(rte_mbuf, buf_len) == PTL_MBUF_BUF_LEN);
};
