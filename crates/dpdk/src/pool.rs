//! Memory for packets.

use std::ptr::NonNull;
use std::sync::Arc;

use dpdk_sys::rte_mempool;
use pktio::Burst;

use crate::eal::{Eal, EalInner, c_string};
use crate::error::{DpdkError, Errno};
use crate::mbuf::{Mbuf, spare, take_over};

/// A pool of buffers; clones are the same pool.
///
/// Freed when neither a handle, a port nor a buffer of it is left.
#[derive(Clone, Debug)]
pub struct Mempool {
    inner: Arc<PoolInner>,
}

/// How large a [`Mempool`] is.
#[derive(Clone, Debug)]
pub struct MempoolConfig {
    /// Names it in DPDK; unique.
    pub name: String,
    /// How many buffers. The best number is a power of two less one; there must
    /// be enough for every descriptor, burst, ring and cache at once.
    pub buffers: u32,
    /// The largest MTU of the ports that use it.
    pub mtu: u16,
    /// Buffers that each thread keeps to itself, at most 512.
    pub cache: u16,
}

impl Mempool {
    /// Allocates a pool.
    ///
    /// # Errors
    ///
    /// [`DpdkError::Call`] if memory does not suffice, the name is taken or too
    /// long, or the cache too large for the pool.
    pub fn new(eal: &Eal, config: &MempoolConfig) -> Result<Self, DpdkError> {
        let name = c_string(&config.name)?;
        // SAFETY: DPDK is initialised; `name` is terminated and copied.
        let pool = unsafe {
            dpdk_sys::rte_pktmbuf_pool_create(
                name.as_ptr(),
                config.buffers,
                u32::from(config.cache),
                0,
                data_room(config.mtu),
                dpdk_sys::PTL_SOCKET_ID_ANY,
            )
        };
        let pool = NonNull::new(pool).ok_or_else(|| DpdkError::Call {
            call: "rte_pktmbuf_pool_create",
            subject: config.name.clone(),
            errno: Errno::last(),
        })?;
        Ok(Self {
            inner: Arc::new(PoolInner {
                pool,
                eal: Arc::clone(&eal.inner),
            }),
        })
    }

    /// Bytes of DPDK's memory that a buffer for frames of this MTU takes. Without huge
    /// pages none lies across two pages that hold a whole one each.
    #[must_use]
    pub fn bytes_each(eal: &Eal, mtu: u16) -> u64 {
        in_pages(u64::from(data_room(mtu)) + DESCRIPTOR, eal.has_huge_pages())
    }

    /// Adds `count` empty packets to `burst`, or as many as it has room for; false,
    /// and none added, if memory has run out. Cheaper than one at a time.
    #[inline]
    pub fn allocate_burst(&self, burst: &mut Burst<Mbuf>, count: usize) -> bool {
        let (packets, room) = spare(burst);
        let count = u16::try_from(count).map_or(room, |count| count.min(room));
        // SAFETY: the pool lives as long as `self`; `packets` is writable for `room`
        // pointers, and `count` is no more.
        let enough = unsafe { rte_sys::ptl_alloc_bulk(self.as_ptr(), packets, count) };
        if enough {
            // SAFETY: the pool wrote `count` pointers and gave us the buffers: one
            // segment, one owner, empty.
            unsafe { take_over(burst, count) };
        }
        enough
    }

    /// Buffers that somebody holds: a program, a device, a ring. Exact only
    /// while nothing moves.
    #[must_use]
    pub fn in_use(&self) -> u32 {
        // SAFETY: the pool lives as long as `self`; any thread may count.
        unsafe { dpdk_sys::rte_mempool_in_use_count(self.as_ptr()) }
    }

    /// For the functions of DPDK, good as long as `self`.
    pub(crate) fn as_ptr(&self) -> *mut rte_mempool {
        self.inner.pool.as_ptr()
    }
}

#[derive(Debug)]
struct PoolInner {
    pool: NonNull<rte_mempool>,
    eal: Arc<EalInner>,
}

// SAFETY: all that is done with a pool (take, give back, count) DPDK allows from
// any thread; freeing is left to the environment.
unsafe impl Send for PoolInner {}
// SAFETY: as above; take and give back use the calling thread's own cache or the
// pool's lockless ring.
unsafe impl Sync for PoolInner {}

impl Drop for PoolInner {
    fn drop(&mut self) {
        self.eal.give_up_pool(self.pool);
    }
}

/// Room for a frame of this MTU with Ethernet header, two tags and what a
/// gateway adds, behind the head room: 2 KiB, or more in steps of 1 KiB, the
/// grain that receive buffers of devices have.
fn data_room(mtu: u16) -> u16 {
    const SMALLEST: u32 = 2048;
    const GRAIN: u32 = 1024;
    const LINK: u32 = 14 + 2 * 4;
    const GROWTH: u32 = 128;
    let room = (u32::from(mtu) + LINK + GROWTH)
        .next_multiple_of(GRAIN)
        .max(SMALLEST);
    u16::try_from(room + dpdk_sys::PTL_HEADROOM).unwrap_or(u16::MAX)
}

/// What a buffer is besides its room: the pool's header and DPDK's descriptor, and as
/// much again by which the pool spreads them over memory channels.
const DESCRIPTOR: u64 = 2 * (64 + 128) - 64;

/// A page that is not huge.
const PAGE: u64 = 4096;

/// Bytes taken by each of many objects of this size.
fn in_pages(bytes: u64, huge: bool) -> u64 {
    match PAGE.checked_div(bytes) {
        _ if huge => bytes,
        None | Some(0) => bytes.next_multiple_of(PAGE),
        Some(in_a_page) => PAGE / in_a_page,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_huge_pages_no_buffer_crosses_a_page_that_could_hold_it() {
        for (bytes, taken) in [(1000, 1024), (2048, 2048), (2049, 4096), (4096, 4096)] {
            assert_eq!(in_pages(bytes, false), taken);
        }
        assert_eq!(in_pages(4097, false), 8192);
        assert_eq!(in_pages(2049, true), 2049);
    }

    #[test]
    fn room_follows_the_mtu() {
        assert_eq!(data_room(68), 2048 + 128);
        assert_eq!(data_room(1500), 2048 + 128);
        assert_eq!(data_room(2000), 3072 + 128);
        assert_eq!(data_room(9000), 9216 + 128);
        assert_eq!(data_room(u16::MAX), u16::MAX);
    }
}
