//! The ports of one worker.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use pktio::{Burst, Io, PortId};

use crate::mbuf::{Mbuf, hand_over, spare, take_over};
use crate::pool::Mempool;
use crate::port::PortInner;

/// One receive and one transmit queue of a started port. Made once for each
/// number by [`Port`](crate::Port), which stays open as long as any of them lives.
#[derive(Debug)]
pub struct Queue {
    port: Arc<PortInner>,
    port_id: u16,
    number: u16,
    unfit: u64,
    /// `Send`, so that it can be handed to its worker; not `Sync`.
    _one_thread: PhantomData<Cell<()>>,
}

impl Queue {
    /// For `port`, which must be started with more queues than `number`, and
    /// must not make this number again.
    pub(crate) fn new(port: Arc<PortInner>, number: u16) -> Self {
        Self {
            port_id: port.id(),
            port,
            number,
            unfit: 0,
            _one_thread: PhantomData,
        }
    }

    /// The device string of its port.
    #[must_use]
    pub fn device(&self) -> &str {
        self.port.device()
    }

    /// Its number, from zero.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// Packets that were received in several segments and would not fit one, and
    /// so were dropped.
    #[must_use]
    pub fn unfit(&self) -> u64 {
        self.unfit
    }
}

/// One worker's queue on each port, in the order of the configuration.
#[derive(Debug)]
pub struct DpdkIo {
    queues: Box<[Queue]>,
    pool: Mempool,
}

impl DpdkIo {
    /// `queues[i]` is the worker's queue on `PortId(i)`; `pool` is for packets
    /// made here.
    #[must_use]
    pub fn new(queues: Vec<Queue>, pool: Mempool) -> Self {
        Self {
            queues: queues.into_boxed_slice(),
            pool,
        }
    }

    /// The queues, by port.
    #[must_use]
    pub fn queues(&self) -> &[Queue] {
        &self.queues
    }
}

impl Io for DpdkIo {
    type Buf = Mbuf;

    fn ports(&self) -> u16 {
        u16::try_from(self.queues.len()).unwrap_or(u16::MAX)
    }

    /// Some drivers receive in groups of four to 32 only, so give room for that many.
    #[inline]
    fn receive(&mut self, port: PortId, burst: &mut Burst<Mbuf>) {
        let Some(queue) = self.queues.get_mut(usize::from(port.0)) else {
            return;
        };
        let (packets, room) = spare(burst);
        // SAFETY: `packets` is writable for `room` pointers, `unfit` for one value.
        // The port is started as long as a `Queue` of it lives; `&mut self` on a
        // type that is neither `Sync` nor `Clone`, made once for this number, is
        // the single caller the driver requires.
        let count = unsafe {
            rte_sys::ptl_rx_burst(
                queue.port_id,
                queue.number,
                packets,
                room,
                port.0,
                &raw mut queue.unfit,
            )
        };
        // SAFETY: the driver wrote so many pointers and gave us the buffers: of
        // one segment each, by the shim, one owner, and data within the memory,
        // as is its duty.
        unsafe { take_over(burst, count) };
    }

    #[inline]
    fn send(&mut self, port: PortId, burst: &mut Burst<Mbuf>) -> usize {
        let Some(queue) = self.queues.get_mut(usize::from(port.0)) else {
            let refused = burst.len();
            burst.clear();
            return refused;
        };
        let (packets, count) = hand_over(burst);
        // SAFETY: `packets` are `count` buffers that `hand_over` took from their
        // owner. Started port and single caller as in `receive`.
        let refused = unsafe { rte_sys::ptl_tx_burst(queue.port_id, queue.number, packets, count) };
        usize::from(refused)
    }

    #[inline]
    fn allocate(&mut self) -> Option<Mbuf> {
        // SAFETY: the pool lives as long as `self`.
        let raw = unsafe { rte_sys::ptl_alloc(self.pool.as_ptr()) };
        let raw = NonNull::new(raw)?;
        // SAFETY: the pool gave us the buffer: one segment, one owner, empty.
        Some(unsafe { Mbuf::from_raw(raw) })
    }

    #[inline]
    fn discard(&mut self, burst: &mut Burst<Mbuf>) {
        Mbuf::free_burst(burst);
    }
}
