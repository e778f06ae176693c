//! The script for TCP: whole connections, many at once, each a packet further when
//! the one before has been forwarded.
//!
//! ```text
//!  inside                          outside
//!    SYN  ------------------------->
//!         <-------------------------  SYN ACK
//!    ACK  ------------------------->
//!    data ------------------------->
//!         <-------------------------  data
//!    data ------------------------->
//!         <-------------------------  data
//!    FIN  ------------------------->
//!         <-------------------------  FIN ACK
//!    ACK  ------------------------->           and another connection from the start
//! ```
//!
//! A connection is in a slot, and each slot has a remote endpoint of its own, so a
//! packet that was sent tells whose turn is next. Invariant: a slot is in one queue,
//! that of the port its next packet comes in on, or its packet is in the worker.

use std::collections::VecDeque;

use dpdk::Mbuf;
use pktio::PacketBuf;

use crate::flows::{BLOCK, Endpoint, low16};
use crate::frame::{ACK, FIN, SYN, Template, endpoints};
use crate::own::Script;

/// Packets of a connection.
pub(crate) const PACKETS: usize = 10;

/// Connections open at once.
pub(crate) const SLOTS: u32 = 1 << 13;

/// First inside and remote address; remote ports are from 1024.
const INSIDE: u32 = 0x6440_0100;
const REMOTE: u32 = 0xcb00_7101;
const REMOTE_PORTS: u32 = 1 << 13;

/// Data of a segment that has some.
const DATA: u32 = 6;

/// A packet of a connection: from which port, and its sequence numbers beyond those
/// the connection began with.
struct Step {
    port: usize,
    flags: u8,
    data: u32,
    seq: u32,
    ack: u32,
}

const fn step(port: usize, flags: u8, data: u32, seq: u32, ack: u32) -> Step {
    Step {
        port,
        flags,
        data,
        seq,
        ack,
    }
}

const STEPS: [Step; PACKETS] = [
    step(0, SYN, 0, 0, 0),
    step(1, SYN | ACK, 0, 0, 1),
    step(0, ACK, 0, 1, 1),
    step(0, ACK, DATA, 1, 1),
    step(1, ACK, DATA, 1, 1 + DATA),
    step(0, ACK, DATA, 1 + DATA, 1 + DATA),
    step(1, ACK, DATA, 1 + DATA, 1 + 2 * DATA),
    step(0, FIN | ACK, 0, 1 + 2 * DATA, 1 + 2 * DATA),
    step(1, FIN | ACK, 0, 1 + 2 * DATA, 2 + 2 * DATA),
    step(0, ACK, 0, 2 + 2 * DATA, 2 + 2 * DATA),
];

/// A connection.
#[derive(Clone, Copy, Debug)]
struct Slot {
    inside: Endpoint,
    outside: Endpoint,
    number: u32,
    step: u8,
}

/// Both ports.
#[derive(Debug)]
pub(crate) struct Tcp {
    slots: Vec<Slot>,
    queues: [VecDeque<u32>; 2],
    templates: [Template; PACKETS],
    /// Endpoints inside, given out in turn.
    hosts: u32,
    next: u32,
    /// Connections that are through.
    pub(crate) complete: u64,
    /// No more are begun.
    pub(crate) ending: bool,
}

impl Tcp {
    /// From so many hosts.
    pub(crate) fn new(hosts: u32) -> Self {
        let mut tcp = Self {
            slots: Vec::new(),
            queues: [(); 2].map(|()| VecDeque::with_capacity(SLOTS as usize)),
            templates: STEPS.map(|step| Template::tcp(step.port, step.flags, step.data as usize)),
            hosts,
            next: 0,
            complete: 0,
            ending: false,
        };
        for slot in 0..SLOTS {
            let begun = tcp.begin();
            tcp.slots.push(begun);
            tcp.queues[0].push_back(slot);
        }
        tcp
    }

    /// The next connection: another host each time, the next port after a round.
    fn begin(&mut self) -> Slot {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let port = number / self.hosts % BLOCK;
        Slot {
            inside: (INSIDE + number % self.hosts, 10_000 + low16(port)),
            outside: (0, 0),
            number,
            step: 0,
        }
    }

    fn remote(slot: u32) -> Endpoint {
        (
            REMOTE + slot / REMOTE_PORTS,
            1024 + low16(slot % REMOTE_PORTS),
        )
    }

    fn slot_of(remote: Endpoint) -> Option<u32> {
        let address = remote.0.checked_sub(REMOTE)?;
        let port = u32::from(remote.1.checked_sub(1024)?);
        Some(address * REMOTE_PORTS + port)
    }

    /// A packet of a slot was forwarded.
    fn forwarded(&mut self, number: u32, outside: Endpoint) {
        let Some(slot) = self.slots.get_mut(number as usize) else {
            return;
        };
        if slot.step == 0 {
            slot.outside = outside;
        }
        slot.step += 1;
        if usize::from(slot.step) == PACKETS {
            self.complete += 1;
            if self.ending {
                return;
            }
            let begun = self.begin();
            if let Some(slot) = self.slots.get_mut(number as usize) {
                *slot = begun;
            }
            self.queues[0].push_back(number);
        } else if let Some(step) = STEPS.get(usize::from(slot.step))
            && let Some(queue) = self.queues.get_mut(step.port)
        {
            queue.push_back(number);
        }
    }
}

impl Script for Tcp {
    #[inline]
    fn waiting(&self, port: usize) -> usize {
        self.queues.get(port).map_or(0, VecDeque::len)
    }

    fn fill(&mut self, port: usize, packets: &mut [Mbuf]) {
        for packet in packets.iter_mut() {
            let Some(number) = self.queues.get_mut(port).and_then(VecDeque::pop_front) else {
                return;
            };
            let Some(slot) = self.slots.get(number as usize) else {
                return;
            };
            let place = usize::from(slot.step);
            let (Some(step), Some(template)) = (STEPS.get(place), self.templates.get(place)) else {
                return;
            };
            // Each side begins somewhere else with every connection.
            let near = slot.number.wrapping_mul(0x9e37_79b1);
            let far = near ^ 0x5555_5555;
            let (from, to, seq, ack) = if port == 0 {
                (slot.inside, Self::remote(number), near, far)
            } else {
                (Self::remote(number), slot.outside, far, near)
            };
            let ack = if step.flags & ACK == 0 {
                0
            } else {
                ack.wrapping_add(step.ack)
            };
            template.write_segment(packet, from, to, seq.wrapping_add(step.seq), ack);
        }
    }

    fn sent(&mut self, port: usize, packets: &[Mbuf]) {
        for packet in packets {
            let Some((from, to)) = endpoints(packet.bytes()) else {
                continue;
            };
            let (near, far) = if port == 1 { (from, to) } else { (to, from) };
            if let Some(number) = Self::slot_of(far) {
                self.forwarded(number, near);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_remotes_belong_to_each_other() {
        for slot in [0, 1, REMOTE_PORTS - 1, SLOTS - 1] {
            assert_eq!(Tcp::slot_of(Tcp::remote(slot)), Some(slot));
        }
        assert_eq!(Tcp::slot_of((1, 1)), None);
    }

    #[test]
    fn a_connection_is_ten_packets_and_makes_room_for_the_next() {
        let mut tcp = Tcp::new(64);
        let first = tcp.slots[5].inside;
        for (place, step) in STEPS.iter().enumerate() {
            let queue = &mut tcp.queues[step.port];
            queue.retain(|number| *number != 5);
            assert_eq!(usize::from(tcp.slots[5].step), place);
            tcp.forwarded(5, (7, 8));
            assert_eq!(tcp.slots[5].outside == (7, 8), place < PACKETS - 1);
        }
        assert_eq!(tcp.complete, 1);
        assert_ne!(tcp.slots[5].inside, first);
        assert_eq!(tcp.slots[5].step, 0);
    }

    #[test]
    fn each_side_acknowledges_what_the_other_has_sent() {
        let mut next = [0, 0];
        for step in &STEPS {
            assert_eq!(step.seq, next[step.port]);
            if step.flags & ACK != 0 {
                assert_eq!(step.ack, next[1 - step.port]);
            }
            next[step.port] += step.data + u32::from(step.flags & (SYN | FIN) != 0);
        }
    }
}
