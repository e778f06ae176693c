//! What is read of the hot line of a session, and written into it.

use base::{Direction, Ticks};

use super::{FULL, Flags, GATEWAY, NO_ADJACENCY, ONE_PACKET, Rewrite, Session};
use crate::key::{FlowKey, Realm};
use crate::tcp_state::State;

impl Session {
    #[inline]
    pub(super) fn in_key(&self) -> FlowKey {
        self.out_key
            .reversed()
            .with_dst(self.outside, self.outside_port)
            .in_realm(self.outside_realm)
    }

    /// Field values for one direction.
    #[must_use]
    #[inline]
    pub fn rewrite(&self, direction: Direction) -> Rewrite {
        let new_port = self.out_key.src_port() != self.outside_port;
        match direction {
            Direction::Outbound => Rewrite {
                direction,
                address: self.outside,
                port: self.outside_port,
                new_port,
                ip_delta: self.ip_delta,
                transport_delta: self.transport_delta,
            },
            Direction::Inbound => Rewrite {
                direction,
                address: self.out_key.src(),
                port: self.out_key.src_port(),
                new_port,
                ip_delta: self.ip_delta.inverse(),
                transport_delta: self.transport_delta.inverse(),
            },
        }
    }

    /// Counts a packet; true if a counter must be carried to the cold half.
    #[inline]
    pub(super) fn count(&mut self, direction: Direction, len: u32) -> bool {
        let Some(traffic) = self.traffic.get_mut(direction as usize) else {
            return false;
        };
        *traffic += ONE_PACKET + u64::from(len);
        *traffic & FULL != 0
    }

    /// Where a calm packet of this direction leaves, if it need only pass.
    #[must_use]
    #[inline]
    pub fn way(&self, direction: Direction, epoch: u16) -> Option<u16> {
        let gate = Flags::SPECIAL.with(Flags::RESTLESS).with(Flags::PRESERVED);
        if self.flags.has(gate) {
            return None;
        }
        self.egress(direction, epoch)
    }

    /// Lets a plain packet pass: counts it, notes what it acknowledges, restarts
    /// the timer. True if [`Shard::carry`](crate::Shard::carry) has to follow.
    #[inline]
    pub fn pass(&mut self, direction: Direction, len: u32, ack: u32, now: Ticks) -> bool {
        if let Some(place) = self.marks.get_mut(direction as usize) {
            *place = ack;
        }
        if self.last_seen != now && self.refreshed_by(direction) {
            self.last_seen = now;
        }
        self.count(direction, len)
    }

    /// Adjacency of a direction, if one was cached in this epoch.
    #[must_use]
    #[inline]
    pub fn egress(&self, direction: Direction, epoch: u16) -> Option<u16> {
        let number = *self.adjacency.get(direction as usize)?;
        (self.epoch == epoch && number != NO_ADJACENCY).then_some(number)
    }

    /// Whether a packet of this direction restarts the timer.
    #[inline]
    pub(super) fn refreshed_by(&self, direction: Direction) -> bool {
        match direction {
            Direction::Outbound => true,
            Direction::Inbound => {
                !self.flags.has(Flags::WEAK)
                    && (self.flags.has(Flags::INBOUND_REFRESH)
                        || self.state as u8 >= State::OutboundSyn as u8)
            }
        }
    }

    /// By how many bits windows in segments of `direction` are shifted (RFC 7323 section 2.2).
    #[must_use]
    #[inline]
    pub const fn window_shift(&self, direction: Direction) -> u8 {
        let (inside, outside) = (self.scales & 0xf, self.scales >> 4);
        match direction {
            _ if inside == 0xf || outside == 0xf => 0,
            Direction::Outbound => inside,
            Direction::Inbound => outside,
        }
    }

    /// Whether a gateway looks at its packets: then they never simply pass.
    #[must_use]
    #[inline]
    pub const fn has_gateway(&self) -> bool {
        self.epoch == GATEWAY
    }

    /// Where packets of `direction` go to.
    #[must_use]
    #[inline]
    pub const fn destination(&self, direction: Direction) -> u32 {
        match direction {
            Direction::Outbound => self.out_key.dst(),
            Direction::Inbound => self.out_key.src(),
        }
    }

    /// State.
    #[must_use]
    #[inline]
    pub const fn state(&self) -> State {
        self.state
    }

    #[inline]
    pub(crate) const fn out_key(&self) -> FlowKey {
        self.out_key
    }

    /// Flags.
    #[must_use]
    #[inline]
    pub const fn flags(&self) -> Flags {
        self.flags
    }

    /// Realm in which packets of `direction` leave.
    #[must_use]
    #[inline]
    pub const fn egress_realm(&self, direction: Direction) -> Realm {
        match direction {
            Direction::Outbound => self.outside_realm,
            Direction::Inbound => self.out_key.realm(),
        }
    }
}
