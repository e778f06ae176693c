//! Looking at a worker's tables without stopping it: rows in bounded slices.

use core::net::Ipv4Addr;

use base::Ticks;
use nat::door::Door;
use nat::tunnels::{Gate, Peer};
use nat::{Gateway, Mapping, SessionView, Shard, Subscriber, Touched};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inspect {
    /// Sessions.
    Sessions,
    /// Mappings.
    Mappings,
    /// Subscribers.
    Subscribers,
    /// Doors.
    Doors,
    /// Hosts and their IPsec gateways.
    Tunnels,
}

/// One row, as plain data; naming things is the reader's.
#[derive(Clone, Copy, Debug)]
pub enum Row {
    /// A session, the time now, when it would end, who is behind the remote
    /// address its inside host knows (twice NAT), and the gateway that looks at it.
    Session(SessionView, Ticks, Ticks, Option<Ipv4Addr>, Option<Gateway>),
    /// A mapping.
    Mapping(Mapping),
    /// A subscriber.
    Subscriber(Subscriber),
    /// A door, and the time now.
    Door(Door, Ticks),
    /// A host and a gateway, whether the next unknown SPI is the host's, and the time now.
    Tunnel(Gate, Peer, bool, Ticks),
    /// A host that a change of the layout touches.
    Touched(Touched),
    /// That was all; with the number of sessions ended, after a `Clear` or `Change`.
    End(u64),
}

/// Table slots looked at per turn.
const SLICE: u32 = 64;

/// Where a walk over a table has got to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    what: Inspect,
    next: u32,
}

impl Cursor {
    pub(crate) const fn new(what: Inspect) -> Self {
        Self { what, next: 0 }
    }

    /// Hands out the rows of the next slice; true when the table is done. `put`
    /// answers false when it has no room, and gets that row again next time.
    pub(crate) fn step(
        &mut self,
        shard: &Shard,
        now: Ticks,
        put: &mut impl FnMut(Row) -> bool,
    ) -> bool {
        for _ in 0..SLICE {
            let (slots, row) = match self.what {
                Inspect::Sessions => (
                    shard.session_slots(),
                    shard
                        .session_at(self.next)
                        // The remote's half of a twice translated flow is in the other half's row.
                        .filter(|view| !shard.is_outside_rule(view.rule))
                        .map(|view| {
                            let deadline = shard.deadline(&view);
                            let gateway = shard.gateway_of(view.id).filter(|one| !one.released);
                            Row::Session(
                                view,
                                now,
                                deadline,
                                shard.remote_behind(&view),
                                gateway.map(|one| one.gateway),
                            )
                        }),
                ),
                Inspect::Mappings => (
                    shard.mapping_slots(),
                    shard.mapping_at(self.next).map(Row::Mapping),
                ),
                Inspect::Doors => (
                    shard.door_slots(),
                    shard.door_at(self.next).map(|door| Row::Door(*door, now)),
                ),
                Inspect::Tunnels => (
                    shard.tunnels.slots(),
                    shard
                        .tunnels
                        .at(self.next, now)
                        .map(|(gate, peer, expects)| Row::Tunnel(gate, *peer, expects, now)),
                ),
                Inspect::Subscribers => (
                    shard.subscriber_slots(),
                    shard
                        .subscriber_at(self.next)
                        .filter(|subscriber| !subscriber.remote)
                        .copied()
                        .map(Row::Subscriber),
                ),
            };
            if self.next >= slots {
                return true;
            }
            if let Some(row) = row
                && !put(row)
            {
                return false;
            }
            self.next += 1;
        }
        false
    }
}
