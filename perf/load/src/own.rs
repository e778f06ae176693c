//! Ports whose other side is a script on the worker's own core: it makes what is
//! received and looks at what is sent.
//!
//! Buffers are DPDK's, taken and given back in bulk, so receiving and sending cost
//! what a simple virtual device does, 10 to 20 nanoseconds together.

use dpdk::{Mbuf, Mempool};
use pktio::{Burst, Io, PacketBuf, PortId};

/// What is beyond the two ports.
pub(crate) trait Script {
    /// How many packets wait to be received on a port.
    fn waiting(&self, port: usize) -> usize;

    /// Writes the next packets of a port, of which so many wait.
    fn fill(&mut self, port: usize, packets: &mut [Mbuf]);

    /// Sees what was sent on a port.
    fn sent(&mut self, port: usize, packets: &[Mbuf]);
}

/// The ports.
#[derive(Debug)]
pub(crate) struct Own<S> {
    pool: Mempool,
    pub(crate) script: S,
}

impl<S> Own<S> {
    pub(crate) const fn new(pool: Mempool, script: S) -> Self {
        Self { pool, script }
    }
}

impl<S: Script> Io for Own<S> {
    type Buf = Mbuf;

    fn ports(&self) -> u16 {
        2
    }

    #[inline]
    fn receive(&mut self, port: PortId, burst: &mut Burst<Mbuf>) {
        let place = usize::from(port.0);
        let before = burst.len();
        let count = self.script.waiting(place).min(burst.remaining_capacity());
        if count == 0 || !self.pool.allocate_burst(burst, count) {
            return;
        }
        let fresh = burst.get_mut(before..).unwrap_or_default();
        for packet in fresh.iter_mut() {
            packet.set_port(port);
        }
        self.script.fill(place, fresh);
    }

    #[inline]
    fn send(&mut self, port: PortId, burst: &mut Burst<Mbuf>) -> usize {
        self.script.sent(usize::from(port.0), burst);
        Mbuf::free_burst(burst);
        0
    }

    fn allocate(&mut self) -> Option<Mbuf> {
        let mut burst = Burst::new();
        self.pool.allocate_burst(&mut burst, 1);
        burst.pop()
    }

    fn discard(&mut self, burst: &mut Burst<Mbuf>) {
        Mbuf::free_burst(burst);
    }
}
