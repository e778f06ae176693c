//! Lockless rings between two threads.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use dpdk_sys::rte_ring;
use pktio::{Burst, RingReceiver, RingSender};

use crate::eal::{Eal, EalInner, c_string};
use crate::error::{DpdkError, Errno};
use crate::mbuf::{Mbuf, hand_over, spare, take_over};

impl Eal {
    /// A ring that holds `capacity` packets, between one thread that writes and
    /// one that reads. What is in it when both ends are gone is freed.
    ///
    /// # Errors
    ///
    /// [`DpdkError::Call`] if memory does not suffice, or the name is taken or too long.
    pub fn ring(&self, name: &str, capacity: u32) -> Result<(Sender, Receiver), DpdkError> {
        let c_name = c_string(name)?;
        // SAFETY: DPDK is initialised; the name is terminated and copied.
        let ring = unsafe {
            dpdk_sys::rte_ring_create(
                c_name.as_ptr(),
                capacity,
                dpdk_sys::PTL_SOCKET_ID_ANY,
                dpdk_sys::PTL_RING_FLAGS,
            )
        };
        let ring = NonNull::new(ring).ok_or_else(|| DpdkError::Call {
            call: "rte_ring_create",
            subject: name.into(),
            errno: Errno::last(),
        })?;
        let inner = Arc::new(RingInner {
            ring,
            _eal: Arc::clone(&self.inner),
        });
        let sender = Sender {
            inner: Arc::clone(&inner),
            _one_thread: PhantomData,
        };
        let receiver = Receiver {
            inner,
            _one_thread: PhantomData,
        };
        Ok((sender, receiver))
    }
}

/// The end that writes. Moves to its thread, and is used by that alone.
#[derive(Debug)]
pub struct Sender {
    inner: Arc<RingInner>,
    _one_thread: PhantomData<Cell<()>>,
}

/// The end that reads. Moves to its thread, and is used by that alone.
#[derive(Debug)]
pub struct Receiver {
    inner: Arc<RingInner>,
    _one_thread: PhantomData<Cell<()>>,
}

impl RingSender for Sender {
    type Buf = Mbuf;

    #[inline]
    fn push(&mut self, burst: &mut Burst<Mbuf>) {
        let len = burst.len();
        let (packets, count) = hand_over(burst);
        // SAFETY: the ring lives; `&mut self` on the only sender, which is neither
        // `Sync` nor `Clone`, is the single producer; `packets` are `count` buffers.
        let pushed = unsafe { rte_sys::ptl_ring_push(self.inner.ring.as_ptr(), packets, count) };
        if pushed == count {
            return;
        }
        // SAFETY: the array is as it was, all `len` elements initialised...
        unsafe { burst.set_len(len) };
        // ...but the first ones belong to the ring, so they leave without a drop.
        burst
            .drain(..usize::from(pushed))
            .for_each(std::mem::forget);
    }
}

impl RingReceiver for Receiver {
    type Buf = Mbuf;

    #[inline]
    fn pop(&mut self, burst: &mut Burst<Mbuf>) {
        let (packets, room) = spare(burst);
        // SAFETY: the ring lives; `&mut self` on the only receiver is the single
        // consumer; `packets` is writable for `room` pointers.
        let count = unsafe { rte_sys::ptl_ring_pop(self.inner.ring.as_ptr(), packets, room) };
        // SAFETY: the ring wrote so many, of buffers that `push` gave it: owned,
        // and with the invariants they had then.
        unsafe { take_over(burst, count) };
    }
}

#[derive(Debug)]
struct RingInner {
    ring: NonNull<rte_ring>,
    _eal: Arc<EalInner>,
}

// SAFETY: one producer and one consumer may be on different threads; each end is
// one of them. The last end to go is alone.
unsafe impl Send for RingInner {}
// SAFETY: as above; what both ends do at once is what the ring is made for.
unsafe impl Sync for RingInner {}

impl Drop for RingInner {
    fn drop(&mut self) {
        let mut burst = Burst::new();
        loop {
            let (packets, room) = spare(&mut burst);
            // SAFETY: as in `pop`; both ends are gone, so nobody else reads.
            let count = unsafe { rte_sys::ptl_ring_pop(self.ring.as_ptr(), packets, room) };
            // SAFETY: as in `pop`.
            unsafe { take_over(&mut burst, count) };
            if burst.is_empty() {
                break;
            }
            Mbuf::free_burst(&mut burst);
        }
        // SAFETY: made by `rte_ring_create`, empty, and both ends are gone.
        unsafe { dpdk_sys::rte_ring_free(self.ring.as_ptr()) };
    }
}
