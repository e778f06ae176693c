//! What everything is compared with: as testpmd's `macswap`, receive, exchange the
//! MAC addresses, send on the other port.

use pktio::{Burst, Io, PacketBuf, PortId};

/// The forwarder.
#[derive(Debug)]
pub(crate) struct Swap<I> {
    pub(crate) io: I,
}

impl<I: Io> Swap<I> {
    /// One turn over both ports; answers how many packets it moved.
    #[inline]
    pub(crate) fn turn(&mut self) -> usize {
        let mut moved = 0;
        for port in 0..2 {
            let mut burst = Burst::new();
            self.io.receive(PortId(port), &mut burst);
            moved += burst.len();
            for packet in &mut burst {
                exchange(packet.bytes_mut());
            }
            self.io.send(PortId(1 - port), &mut burst);
        }
        moved
    }
}

#[inline]
fn exchange(frame: &mut [u8]) {
    if let Some(macs) = frame.first_chunk_mut::<12>() {
        let (destination, source) = macs.split_at_mut(6);
        destination.swap_with_slice(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_and_destination_change_places() {
        let mut frame = [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0];
        exchange(&mut frame);
        assert_eq!(frame, [2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 8, 0]);
    }
}
