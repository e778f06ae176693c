//! The in-memory twin: same behaviour as a device, ordinary memory.
//!
//! A [`MemIo`] is one thread's ports. Frames are put in with
//! [`MemIo::deliver`] and taken out with [`MemIo::take_sent`]; rings are made
//! in pairs by [`ring`]. One thread uses all of it, so sharing is by
//! reference count.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use crate::{Burst, HEADROOM, Io, MAX_FRAME, PacketBuf, PortId, RingReceiver, RingSender};

/// A frame in ordinary memory, with the head room of a real one.
#[derive(Clone, Debug)]
pub struct MemBuf {
    room: Box<[u8]>,
    start: usize,
    end: usize,
    port: PortId,
    mark: u64,
}

impl MemBuf {
    /// An empty frame.
    #[must_use]
    pub fn new() -> Self {
        Self {
            room: vec![0; HEADROOM + MAX_FRAME].into_boxed_slice(),
            start: HEADROOM,
            end: HEADROOM,
            port: PortId(0),
            mark: 0,
        }
    }

    /// A frame of these bytes, as if received on `port`; `None` if it is longer
    /// than [`MAX_FRAME`].
    #[must_use]
    pub fn from_frame(port: PortId, frame: &[u8]) -> Option<Self> {
        let mut buf = Self::new();
        if !buf.set_len(frame.len()) {
            return None;
        }
        buf.bytes_mut().copy_from_slice(frame);
        buf.port = port;
        Some(buf)
    }
}

impl Default for MemBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl PacketBuf for MemBuf {
    fn bytes(&self) -> &[u8] {
        self.room.get(self.start..self.end).unwrap_or_default()
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self.room.get_mut(self.start..self.end).unwrap_or_default()
    }

    fn trim_front(&mut self, count: usize) -> bool {
        let fits = count <= self.end - self.start;
        if fits {
            self.start += count;
        }
        fits
    }

    fn grow_front(&mut self, count: usize) -> bool {
        let fits = count <= self.start;
        if fits {
            self.start -= count;
        }
        fits
    }

    fn set_len(&mut self, len: usize) -> bool {
        let fits = len <= MAX_FRAME && self.start + len <= self.room.len();
        if fits {
            self.end = self.start + len;
        }
        fits
    }

    fn port(&self) -> PortId {
        self.port
    }

    fn set_port(&mut self, port: PortId) {
        self.port = port;
    }

    fn mark(&self) -> u64 {
        self.mark
    }

    fn set_mark(&mut self, mark: u64) {
        self.mark = mark;
    }

    fn ip_checksum_verified(&self) -> bool {
        false
    }
}

/// Ports in memory.
#[derive(Debug, Default)]
pub struct MemIo {
    waiting: Vec<VecDeque<MemBuf>>,
    sent: Vec<(PortId, MemBuf)>,
}

impl MemIo {
    /// `ports` ports with nothing waiting.
    #[must_use]
    pub fn new(ports: u16) -> Self {
        Self {
            waiting: (0..ports).map(|_| VecDeque::new()).collect(),
            sent: Vec::new(),
        }
    }

    /// Puts a frame on the wire towards its port.
    pub fn deliver(&mut self, buf: MemBuf) {
        if let Some(queue) = self.waiting.get_mut(usize::from(buf.port.0)) {
            queue.push_back(buf);
        }
    }

    /// The frames sent since the last call, in order.
    pub fn take_sent(&mut self) -> Vec<(PortId, MemBuf)> {
        core::mem::take(&mut self.sent)
    }
}

impl Io for MemIo {
    type Buf = MemBuf;

    fn ports(&self) -> u16 {
        u16::try_from(self.waiting.len()).unwrap_or(u16::MAX)
    }

    fn receive(&mut self, port: PortId, burst: &mut Burst<MemBuf>) {
        if let Some(queue) = self.waiting.get_mut(usize::from(port.0)) {
            while !burst.is_full()
                && let Some(buf) = queue.pop_front()
            {
                burst.push(buf);
            }
        }
    }

    fn send(&mut self, port: PortId, burst: &mut Burst<MemBuf>) -> usize {
        self.sent.extend(burst.drain(..).map(|buf| (port, buf)));
        0
    }

    fn allocate(&mut self) -> Option<MemBuf> {
        Some(MemBuf::new())
    }
}

/// A ring between two parts of one thread, holding at most `capacity` buffers.
#[must_use]
pub fn ring(capacity: usize) -> (MemSender, MemReceiver) {
    let queue = Rc::new(RefCell::new(VecDeque::with_capacity(capacity)));
    (
        MemSender {
            queue: Rc::clone(&queue),
            capacity,
        },
        MemReceiver { queue },
    )
}

/// Writing end of a [`ring`].
#[derive(Debug)]
pub struct MemSender {
    queue: Rc<RefCell<VecDeque<MemBuf>>>,
    capacity: usize,
}

/// Reading end of a [`ring`].
#[derive(Debug)]
pub struct MemReceiver {
    queue: Rc<RefCell<VecDeque<MemBuf>>>,
}

impl RingSender for MemSender {
    type Buf = MemBuf;

    fn push(&mut self, burst: &mut Burst<MemBuf>) {
        let mut queue = self.queue.borrow_mut();
        let room = self.capacity.saturating_sub(queue.len()).min(burst.len());
        queue.extend(burst.drain(..room));
    }
}

impl RingReceiver for MemReceiver {
    type Buf = MemBuf;

    fn pop(&mut self, burst: &mut Burst<MemBuf>) {
        let mut queue = self.queue.borrow_mut();
        while !burst.is_full()
            && let Some(buf) = queue.pop_front()
        {
            burst.push(buf);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_leaves_the_rest() {
        let (mut sender, mut receiver) = ring(2);
        let mut burst: Burst<MemBuf> = (0..3).map(|_| MemBuf::new()).collect();
        sender.push(&mut burst);
        assert_eq!(burst.len(), 1);
        let mut out = Burst::new();
        receiver.pop(&mut out);
        assert_eq!(out.len(), 2);
        sender.push(&mut burst);
        assert!(burst.is_empty());
    }

    #[test]
    fn head_room_is_bounded() {
        let mut buf = MemBuf::from_frame(PortId(1), &[1, 2, 3]).unwrap();
        assert!(buf.grow_front(HEADROOM) && !buf.grow_front(1));
        assert!(buf.trim_front(HEADROOM + 1) && !buf.trim_front(3));
        assert_eq!(buf.bytes(), [2, 3]);
        assert!(!buf.set_len(MAX_FRAME + HEADROOM));
        assert!(MemBuf::from_frame(PortId(0), &[0; MAX_FRAME + 1]).is_none());
    }
}
