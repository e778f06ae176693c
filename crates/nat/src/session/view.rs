//! Sessions as others are told of them.

use base::Ticks;

use super::{DEAD, Flags, SessionId, SessionTable};
use crate::key::{FlowKey, Realm};
use crate::mapping::MappingId;
use crate::tcp_state::State;

/// All there is to say about a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionView {
    /// The session.
    pub id: SessionId,
    /// Inside endpoint, remote endpoint as the inside addresses it, protocol, inside realm.
    pub out_key: FlowKey,
    /// Outside address.
    pub outside: u32,
    /// Outside port or identifier.
    pub outside_port: u16,
    /// Realm of the outside.
    pub outside_realm: Realm,
    /// State.
    pub state: State,
    /// Flags.
    pub flags: Flags,
    /// When it was made.
    pub created: Ticks,
    /// When its timer was last restarted.
    pub last_seen: Ticks,
    /// Rule that made it; `u16::MAX` for a static mapping.
    pub rule: u16,
    /// Its mapping, if it has one.
    pub mapping: Option<MappingId>,
    /// Packets out and in.
    pub packets: [u64; 2],
    /// Bytes out and in, as received, without the Ethernet header.
    pub bytes: [u64; 2],
}

impl SessionTable {
    pub(crate) fn view(&self, id: SessionId) -> Option<SessionView> {
        let session = self.hot.get(id.0 as usize)?;
        let cold = self.cold.get(id.0 as usize)?;
        if cold.rule == DEAD {
            return None;
        }
        let total = |low: u64, carry: u16| low + (u64::from(carry) << 31);
        let [outbound, inbound] = session.traffic;
        let [out_packets, in_packets] = cold.packet_carries.map(u16::from);
        let [out_bytes, in_bytes] = cold.byte_carries;
        let low = u64::from(u32::MAX);
        Some(SessionView {
            id,
            out_key: session.out_key,
            outside: session.outside,
            outside_port: session.outside_port,
            outside_realm: session.outside_realm,
            state: session.state,
            flags: session.flags,
            created: cold.created,
            last_seen: session.last_seen,
            rule: cold.rule,
            mapping: self.mapping(id),
            packets: [
                total(outbound >> 32, out_packets),
                total(inbound >> 32, in_packets),
            ],
            bytes: [
                total(outbound & low, out_bytes),
                total(inbound & low, in_bytes),
            ],
        })
    }
}
