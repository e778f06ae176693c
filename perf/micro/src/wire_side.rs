//! Ports whose frames are laid out before the measurement: receiving and sending
//! is moving a pointer, and nothing is allocated.

use core::fmt::Debug;
use core::marker::PhantomData;
use core::ops::DerefMut;

use pktio::{Burst, Io, PacketBuf, PortId, RingReceiver, RingSender};

const HEADROOM: usize = 128;
const ROOM: usize = HEADROOM + 256;

/// Memory of a frame that is never freed: as with a driver's buffers, dropping
/// one costs nothing.
pub(crate) type Kept = &'static mut Inner;

/// A frame.
#[derive(Debug)]
pub(crate) struct Frame<M = Kept>(M);

/// Where a frame is.
pub(crate) trait Memory: DerefMut<Target = Inner> + Debug {
    /// Memory for another one.
    fn new(inner: Inner) -> Self;
}

impl Memory for Kept {
    fn new(inner: Inner) -> Self {
        Box::leak(Box::new(inner))
    }
}

impl Memory for Box<Inner> {
    fn new(inner: Inner) -> Self {
        Self::new(inner)
    }
}

/// What there is of a frame.
#[derive(Debug)]
pub(crate) struct Inner {
    start: usize,
    end: usize,
    port: PortId,
    mark: u64,
    room: [u8; ROOM],
}

impl<M: Memory> Frame<M> {
    /// A frame of these bytes, as if received on `port`.
    pub(crate) fn new(port: u16, bytes: &[u8]) -> Self {
        let mut frame = Self(M::new(Inner {
            start: HEADROOM,
            end: HEADROOM,
            port: PortId(port),
            mark: 0,
            room: [0; ROOM],
        }));
        frame.fill(port, bytes);
        frame
    }

    /// Other content for the same memory.
    pub(crate) fn fill(&mut self, port: u16, bytes: &[u8]) {
        self.0.start = HEADROOM;
        self.0.port = PortId(port);
        if self.set_len(bytes.len()) {
            self.bytes_mut().copy_from_slice(bytes);
        }
    }
}

impl<M: Memory> PacketBuf for Frame<M> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.0
            .room
            .get(self.0.start..self.0.end)
            .unwrap_or_default()
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        let inner = &mut *self.0;
        let range = inner.start..inner.end;
        inner.room.get_mut(range).unwrap_or_default()
    }

    fn trim_front(&mut self, count: usize) -> bool {
        let fits = count <= self.0.end - self.0.start;
        if fits {
            self.0.start += count;
        }
        fits
    }

    fn grow_front(&mut self, count: usize) -> bool {
        let fits = count <= self.0.start;
        if fits {
            self.0.start -= count;
        }
        fits
    }

    fn set_len(&mut self, len: usize) -> bool {
        let fits = self.0.start + len <= ROOM;
        if fits {
            self.0.end = self.0.start + len;
        }
        fits
    }

    #[inline]
    fn port(&self) -> PortId {
        self.0.port
    }

    fn set_port(&mut self, port: PortId) {
        self.0.port = port;
    }

    fn mark(&self) -> u64 {
        self.0.mark
    }

    fn set_mark(&mut self, mark: u64) {
        self.0.mark = mark;
    }

    fn ip_checksum_verified(&self) -> bool {
        false
    }
}

/// Two ports.
#[derive(Debug)]
pub(crate) struct WireSide<M> {
    /// Frames to be received, by port, the next one last.
    pub(crate) waiting: [Vec<Frame<M>>; 2],
    /// Frames sent, with room made before the measurement.
    pub(crate) sent: Vec<Frame<M>>,
}

impl<M> Default for WireSide<M> {
    fn default() -> Self {
        Self {
            waiting: [const { Vec::new() }; 2],
            sent: Vec::new(),
        }
    }
}

impl<M: Memory> Io for WireSide<M> {
    type Buf = Frame<M>;

    fn ports(&self) -> u16 {
        2
    }

    #[inline]
    fn receive(&mut self, port: PortId, burst: &mut Burst<Frame<M>>) {
        if let Some(waiting) = self.waiting.get_mut(usize::from(port.0)) {
            while !burst.is_full()
                && let Some(frame) = waiting.pop()
            {
                burst.push(frame);
            }
        }
    }

    #[inline]
    fn send(&mut self, _: PortId, burst: &mut Burst<Frame<M>>) -> usize {
        self.sent.extend(burst.drain(..));
        0
    }

    fn allocate(&mut self) -> Option<Frame<M>> {
        None
    }
}

/// A ring that leads nowhere.
#[derive(Debug)]
pub(crate) struct Nowhere<M>(PhantomData<M>);

impl<M> Nowhere<M> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<M: Memory> RingSender for Nowhere<M> {
    type Buf = Frame<M>;

    fn push(&mut self, burst: &mut Burst<Frame<M>>) {
        burst.clear();
    }
}

impl<M: Memory> RingReceiver for Nowhere<M> {
    type Buf = Frame<M>;

    fn pop(&mut self, _: &mut Burst<Frame<M>>) {}
}
