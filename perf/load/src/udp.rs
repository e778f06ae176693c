//! The script for UDP: first packets, packets of known sessions, and packets to
//! nobody, each in pseudo-random order.

use dpdk::Mbuf;

use crate::flows::{Endpoint, Group};
use crate::frame::{SHORTEST, Template};
use crate::own::Script;
use crate::permutation::Permutation;

/// Which packets come in on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Sessions' packets from inside.
    Outbound,
    /// Their answers from outside.
    Inbound,
    /// From strangers to endpoints of a pool.
    Stranger,
}

/// What waits on a port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feed {
    kind: Kind,
    group: Group,
    order: Permutation,
    next: u32,
    left: u64,
}

impl Feed {
    /// Packets of all sessions of a group over and over; `key` decides the order.
    pub(crate) const fn endless(kind: Kind, group: Group, key: u32) -> Self {
        Self {
            kind,
            group,
            order: Permutation::new(group.sessions(), key),
            next: 0,
            left: u64::MAX,
        }
    }

    /// The same, but so many.
    pub(crate) const fn some(kind: Kind, group: Group, key: u32, count: u64) -> Self {
        let mut feed = Self::endless(kind, group, key);
        feed.left = count;
        feed
    }

    /// One packet of every session.
    pub(crate) const fn once(kind: Kind, group: Group, key: u32) -> Self {
        Self::some(kind, group, key, group.sessions() as u64)
    }

    /// Goes on where it is with so many packets.
    pub(crate) const fn more(mut self, count: u64) -> Self {
        self.left = count;
        self
    }

    #[inline]
    fn flow(&mut self) -> (Endpoint, Endpoint) {
        let number = self.order.at(self.next);
        self.next += 1;
        if self.next == self.order.len() {
            self.next = 0;
        }
        match self.kind {
            Kind::Outbound => self.group.outbound(number),
            Kind::Inbound => self.group.inbound(number),
            Kind::Stranger => {
                let (_, to) = self.group.inbound(number);
                // Anywhere in 8.0.0.0/5.
                let from = 0x0800_0000 | number.wrapping_mul(0x9e37_79b1) >> 5;
                ((from, 40_000), to)
            }
        }
    }
}

/// Both ports.
#[derive(Debug)]
pub(crate) struct Udp {
    /// What waits, by port.
    pub(crate) feeds: [Option<Feed>; 2],
    templates: [Template; 2],
    /// Packets sent, by port.
    pub(crate) sent: [u64; 2],
}

impl Udp {
    /// In frames of the shortest length; nothing waits yet.
    pub(crate) fn new() -> Self {
        Self {
            feeds: [None; 2],
            templates: [0, 1].map(|port| Template::udp(port, SHORTEST)),
            sent: [0; 2],
        }
    }

    /// Questions to name servers, and answers.
    pub(crate) fn dns() -> Self {
        Self {
            templates: [0, 1].map(Template::dns),
            ..Self::new()
        }
    }

    /// Known sessions in both directions, for ever.
    pub(crate) const fn both_ways(&mut self, group: Group) {
        self.feeds = [
            Some(Feed::endless(Kind::Outbound, group, 0x5bd1_e995)),
            Some(Feed::endless(Kind::Inbound, group, 0x1b87_3593)),
        ];
    }
}

impl Script for Udp {
    #[inline]
    fn waiting(&self, port: usize) -> usize {
        let left = match self.feeds.get(port) {
            Some(Some(feed)) => feed.left,
            _ => 0,
        };
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    #[inline]
    fn fill(&mut self, port: usize, packets: &mut [Mbuf]) {
        let (Some(Some(feed)), Some(template)) =
            (self.feeds.get_mut(port), self.templates.get(port))
        else {
            return;
        };
        // A copy that stays in registers.
        let mut one = *feed;
        for packet in packets.iter_mut() {
            let (from, to) = one.flow();
            template.write(packet, from, to);
        }
        if one.left != u64::MAX {
            one.left -= packets.len() as u64;
        }
        *feed = one;
    }

    #[inline]
    fn sent(&mut self, port: usize, packets: &[Mbuf]) {
        if let Some(sent) = self.sent.get_mut(port) {
            *sent += packets.len() as u64;
        }
    }
}
