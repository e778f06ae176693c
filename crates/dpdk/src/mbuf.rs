//! A packet in DPDK's memory.

use std::fmt;
use std::mem::{align_of, size_of};
use std::ptr::NonNull;
use std::slice;

use dpdk_sys::rte_mbuf;
use pktio::{BURST, Burst, HEADROOM, MAX_FRAME, PacketBuf, PortId};

/// A packet buffer of one segment, and the right to it: dropping gives it back
/// to its pool.
///
/// The same size as a pointer, so that a burst of these is the array of pointers
/// that drivers read and write.
///
/// Invariants, for all that reach a program: one owner (`refcnt` is 1), one
/// segment, and `data_off + data_len <= buf_len`, the memory at `buf_addr` being
/// `buf_len` bytes of the pool's. Receiving establishes them; the methods keep them.
#[repr(transparent)]
pub struct Mbuf {
    raw: NonNull<rte_mbuf>,
}

const _: () = {
    assert!(size_of::<Mbuf>() == size_of::<*mut rte_mbuf>());
    assert!(align_of::<Mbuf>() == align_of::<*mut rte_mbuf>());
    assert!(size_of::<Option<Mbuf>>() == size_of::<Mbuf>());
    assert!(dpdk_sys::PTL_HEADROOM as usize == HEADROOM);
    assert!(BURST <= u16::MAX as usize);
};

// SAFETY: a buffer may be used and given back by any thread; there is one owner.
unsafe impl Send for Mbuf {}

impl Mbuf {
    /// Takes over a buffer.
    ///
    /// # Safety
    ///
    /// The caller owns the buffer, and the type's invariants hold for it.
    pub(crate) unsafe fn from_raw(raw: NonNull<rte_mbuf>) -> Self {
        Self { raw }
    }

    /// Gives back a whole burst, which is cheaper than one at a time.
    pub fn free_burst(burst: &mut Burst<Self>) {
        let (packets, count) = hand_over(burst);
        // SAFETY: `packets` are `count` buffers that `hand_over` took from their
        // owner; the pointers are overwritten before the next read.
        unsafe { dpdk_sys::rte_pktmbuf_free_bulk(packets, u32::from(count)) };
    }

    #[inline]
    fn head(&self) -> &rte_mbuf {
        // SAFETY: points to a live buffer's header, which only its owner accesses.
        unsafe { self.raw.as_ref() }
    }

    #[inline]
    fn head_mut(&mut self) -> &mut rte_mbuf {
        // SAFETY: as in `head`, and `&mut self` is the only access.
        unsafe { self.raw.as_mut() }
    }

    /// Where the frame begins.
    #[inline]
    fn data(&self) -> *mut u8 {
        let head = self.head();
        let memory = head.buf_addr.cast::<u8>();
        // SAFETY: `data_off <= buf_len`, so this stays within the buffer's memory.
        unsafe { memory.add(usize::from(head.data_off)) }
    }
}

impl Drop for Mbuf {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `self` owned the buffer, and is not used again.
        unsafe { rte_sys::ptl_free(self.raw.as_ptr()) };
    }
}

impl fmt::Debug for Mbuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mbuf")
            .field("port", &self.port())
            .field("len", &self.bytes().len())
            .finish_non_exhaustive()
    }
}

impl PacketBuf for Mbuf {
    #[inline]
    fn bytes(&self) -> &[u8] {
        let len = usize::from(self.head().data_len);
        // SAFETY: `data_off + data_len <= buf_len`; the memory was mapped zeroed,
        // so all of it is initialised, and only the owner accesses it.
        unsafe { slice::from_raw_parts(self.data(), len) }
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        let len = usize::from(self.head().data_len);
        // SAFETY: as in `bytes`, and `&mut self` is the only access.
        unsafe { slice::from_raw_parts_mut(self.data(), len) }
    }

    #[inline]
    fn trim_front(&mut self, count: usize) -> bool {
        let head = self.head_mut();
        match u16::try_from(count) {
            Ok(count) if count <= head.data_len => {
                head.data_off += count;
                head.data_len -= count;
                head.pkt_len = u32::from(head.data_len);
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn grow_front(&mut self, count: usize) -> bool {
        let head = self.head_mut();
        match u16::try_from(count) {
            Ok(count) if count <= head.data_off => {
                head.data_off -= count;
                head.data_len += count;
                head.pkt_len = u32::from(head.data_len);
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn set_len(&mut self, len: usize) -> bool {
        let head = self.head_mut();
        match u16::try_from(len) {
            Ok(short) if len <= MAX_FRAME && short <= head.buf_len - head.data_off => {
                head.data_len = short;
                head.pkt_len = u32::from(short);
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn port(&self) -> PortId {
        PortId(self.head().port)
    }

    #[inline]
    fn set_port(&mut self, port: PortId) {
        self.head_mut().port = port.0;
    }

    /// Kept where devices leave the hash of a received packet. On the way out
    /// that place is read only by traffic managers and event adapters, which are
    /// not used here; anything registered at run time (a dynamic field) would
    /// cost an offset to be loaded at each access.
    #[inline]
    fn mark(&self) -> u64 {
        u64::from_ne_bytes(self.head().hash)
    }

    #[inline]
    fn set_mark(&mut self, mark: u64) {
        self.head_mut().hash = mark.to_ne_bytes();
    }

    #[inline]
    fn ip_checksum_verified(&self) -> bool {
        self.head().ol_flags & dpdk_sys::PTL_RX_IP_CKSUM_MASK == dpdk_sys::PTL_RX_IP_CKSUM_GOOD
    }
}

/// Empties a burst without freeing: the packets behind the pointers belong to
/// whoever they are passed to next.
#[inline]
pub(crate) fn hand_over(burst: &mut Burst<Mbuf>) -> (*mut *mut rte_mbuf, u16) {
    // At most BURST, which fits as asserted above.
    let count = u16::try_from(burst.len()).unwrap_or(u16::MAX);
    // SAFETY: zero is within the capacity, and nothing has to be initialised for it.
    unsafe { burst.set_len(0) };
    (burst.as_mut_ptr().cast(), count)
}

/// The unused part of a burst, for `count` pointers to be written.
#[inline]
pub(crate) fn spare(burst: &mut Burst<Mbuf>) -> (*mut *mut rte_mbuf, u16) {
    let len = burst.len();
    let room = u16::try_from(burst.remaining_capacity()).unwrap_or(u16::MAX);
    // SAFETY: `len` is at most the capacity, so this stays within the array.
    let end = unsafe { burst.as_mut_ptr().add(len) };
    (end.cast(), room)
}

/// Takes over `count` packets that were written to the [`spare`] part.
///
/// # Safety
///
/// So many pointers were written there; the caller owns the buffers behind them,
/// and the invariants of [`Mbuf`] hold for each.
#[inline]
pub(crate) unsafe fn take_over(burst: &mut Burst<Mbuf>, count: u16) {
    let len = burst.len() + usize::from(count);
    // SAFETY: passed on to the caller: `count` more elements are initialised,
    // and they were written within the capacity.
    unsafe { burst.set_len(len) };
}
