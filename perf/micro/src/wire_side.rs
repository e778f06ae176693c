//! Ports whose frames are laid out before the measurement: receiving and sending
//! is moving a pointer, and nothing is allocated.

use pktio::{Burst, Io, PacketBuf, PortId, RingReceiver, RingSender};

const HEADROOM: usize = 128;
const ROOM: usize = HEADROOM + 256;

/// A frame. As with a driver's buffers, dropping one frees no memory.
#[derive(Debug)]
pub(crate) struct Frame(&'static mut Inner);

#[derive(Debug)]
struct Inner {
    start: usize,
    end: usize,
    port: PortId,
    mark: u64,
    room: [u8; ROOM],
}

impl Frame {
    /// A frame of these bytes, as if received on `port`.
    pub(crate) fn new(port: u16, bytes: &[u8]) -> Self {
        let mut frame = Self(Box::leak(Box::new(Inner {
            start: HEADROOM,
            end: HEADROOM,
            port: PortId(port),
            mark: 0,
            room: [0; ROOM],
        })));
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

impl PacketBuf for Frame {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.0
            .room
            .get(self.0.start..self.0.end)
            .unwrap_or_default()
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.0
            .room
            .get_mut(self.0.start..self.0.end)
            .unwrap_or_default()
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
#[derive(Debug, Default)]
pub(crate) struct WireSide {
    /// Frames to be received, by port, the next one last.
    pub(crate) waiting: [Vec<Frame>; 2],
    /// Frames sent, with room made before the measurement.
    pub(crate) sent: Vec<Frame>,
}

impl Io for WireSide {
    type Buf = Frame;

    fn ports(&self) -> u16 {
        2
    }

    #[inline]
    fn receive(&mut self, port: PortId, burst: &mut Burst<Frame>) {
        if let Some(waiting) = self.waiting.get_mut(usize::from(port.0)) {
            while !burst.is_full()
                && let Some(frame) = waiting.pop()
            {
                burst.push(frame);
            }
        }
    }

    #[inline]
    fn send(&mut self, _: PortId, burst: &mut Burst<Frame>) -> usize {
        self.sent.extend(burst.drain(..));
        0
    }

    fn allocate(&mut self) -> Option<Frame> {
        None
    }
}

/// A ring that leads nowhere.
#[derive(Debug)]
pub(crate) struct Nowhere;

impl RingSender for Nowhere {
    type Buf = Frame;

    fn push(&mut self, burst: &mut Burst<Frame>) {
        burst.clear();
    }
}

impl RingReceiver for Nowhere {
    type Buf = Frame;

    fn pop(&mut self, _: &mut Burst<Frame>) {}
}
