//! Ports whose other side is a tester on another core: rings without copies.
//!
//! ```text
//!  tester ──> to[0] ──> worker's port 0      from[0] ──> tester
//!         ──> to[1] ──> worker's port 1      from[1] ──> tester
//! ```

use dpdk::{Mbuf, Mempool, Receiver, Sender};
use pktio::{Burst, Io, PortId, RingReceiver, RingSender};

use crate::LoadError;
use crate::machine::Machine;

/// The worker's side.
#[derive(Debug)]
pub(crate) struct RingIo {
    pool: Mempool,
    receive: [Receiver; 2],
    send: [Sender; 2],
}

/// The tester's side, by port of the worker.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) to: [Sender; 2],
    pub(crate) from: [Receiver; 2],
}

/// Two ports with queues of so many packets.
///
/// # Errors
///
/// No memory, or a name that is taken.
pub(crate) fn ports(
    machine: &Machine,
    name: &str,
    queue: u32,
) -> Result<(RingIo, Ends), LoadError> {
    let ring = |way: &str| machine.eal.ring(&format!("{name}-{way}"), queue);
    let ((to_0, in_0), (to_1, in_1)) = (ring("in0")?, ring("in1")?);
    let ((out_0, from_0), (out_1, from_1)) = (ring("out0")?, ring("out1")?);
    Ok((
        RingIo {
            pool: machine.pool.clone(),
            receive: [in_0, in_1],
            send: [out_0, out_1],
        },
        Ends {
            to: [to_0, to_1],
            from: [from_0, from_1],
        },
    ))
}

impl Io for RingIo {
    type Buf = Mbuf;

    fn ports(&self) -> u16 {
        2
    }

    #[inline]
    fn receive(&mut self, port: PortId, burst: &mut Burst<Mbuf>) {
        if let Some(ring) = self.receive.get_mut(usize::from(port.0)) {
            ring.pop(burst);
        }
    }

    #[inline]
    fn send(&mut self, port: PortId, burst: &mut Burst<Mbuf>) -> usize {
        if let Some(ring) = self.send.get_mut(usize::from(port.0)) {
            ring.push(burst);
        }
        let refused = burst.len();
        Mbuf::free_burst(burst);
        refused
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
