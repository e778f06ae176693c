//! Connection tracking (RFC 5382, RFC 7857 section 2), as a pure function.
//!
//! ```text
//!        SYN from inside             SYN from outside
//!              |                            |
//!              v                            v
//!        OutboundSyn --SYN in-->       InboundSyn
//!              |                            |
//!              +-----> Established <--------+  <--anything but RST-- Reset
//!                     FIN |    | FIN  \                                ^
//!                     out v    v in    +------- RST in the window -----+
//!              InsideFin        OutsideFin
//!                 FIN in \      / FIN out
//!                         BothFin --ACKs--> TimeWait --SYN--> (opens again)
//! ```
//!
//! A reset shortens a lifetime, it never ends a session (RFC 7857 section 2.2).
//! The timer follows from the state; [`State`] also names the states of the
//! other protocols, so that one table of timeouts serves all.

use base::Direction;
use wire::dccp;

/// Where a session is; its timeout follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// UDP.
    Udp,
    /// UDP to port 53.
    UdpDns,
    /// ICMP query.
    Icmp,
    /// ESP.
    Esp,
    /// Any other protocol.
    Other,
    /// UDP from a member of a group to it (RFC 5135 REQ-14).
    UdpMember,
    /// TCP: the inside has sent a SYN.
    OutboundSyn,
    /// TCP: the outside has sent a SYN.
    InboundSyn,
    /// TCP: both have sent a SYN.
    Established,
    /// TCP: the inside has sent a FIN.
    InsideFin,
    /// TCP: the outside has sent a FIN.
    OutsideFin,
    /// TCP: both have sent a FIN.
    BothFin,
    /// TCP: closed and acknowledged.
    TimeWait,
    /// TCP: reset by one side.
    Reset,
}

impl State {
    /// How many there are.
    pub const COUNT: usize = 14;

    /// All of them, by number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Udp,
        Self::UdpDns,
        Self::Icmp,
        Self::Esp,
        Self::Other,
        Self::UdpMember,
        Self::OutboundSyn,
        Self::InboundSyn,
        Self::Established,
        Self::InsideFin,
        Self::OutsideFin,
        Self::BothFin,
        Self::TimeWait,
        Self::Reset,
    ];

    /// As `show translations` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp | Self::UdpDns | Self::UdpMember | Self::Icmp | Self::Esp | Self::Other => {
                "active"
            }
            Self::OutboundSyn => "outbound_syn",
            Self::InboundSyn => "inbound_syn",
            Self::Established => "established",
            Self::InsideFin => "inside_fin",
            Self::OutsideFin => "outside_fin",
            Self::BothFin => "both_fin",
            Self::TimeWait => "time_wait",
            Self::Reset => "reset",
        }
    }

    /// The state after one TCP segment. A pair not listed keeps the state: an
    /// unexpected segment must never shorten somebody else's connection.
    #[must_use]
    pub const fn after(self, from: Direction, event: TcpEvent) -> Self {
        use Direction::{Inbound, Outbound};
        use TcpEvent::{Data, Fin, LastAck, Rst, Syn};
        match (self, from, event) {
            (Self::OutboundSyn, Inbound, Syn)
            | (Self::InboundSyn, Outbound, Syn)
            | (Self::Reset, _, Syn | Fin | Data | LastAck) => Self::Established,
            (Self::Established, Outbound, Fin) => Self::InsideFin,
            (Self::Established, Inbound, Fin) => Self::OutsideFin,
            (Self::InsideFin, Inbound, Fin) | (Self::OutsideFin, Outbound, Fin) => Self::BothFin,
            (Self::BothFin, _, LastAck) => Self::TimeWait,
            (Self::BothFin | Self::TimeWait, Outbound, Syn) => Self::OutboundSyn,
            (Self::BothFin | Self::TimeWait, Inbound, Syn) => Self::InboundSyn,
            (Self::Established | Self::InsideFin | Self::OutsideFin, _, Rst) => Self::Reset,
            _ => self,
        }
    }
}

/// What a segment means to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpEvent {
    /// SYN, with or without ACK.
    Syn,
    /// FIN.
    Fin,
    /// RST.
    Rst,
    /// None of these.
    Data,
    /// None of these, and with it both FINs are acknowledged.
    LastAck,
}

/// What tracking needs of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// TCP flags.
    pub flags: u8,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number; meaningful with ACK.
    pub ack: u32,
    /// Window scale option of a SYN.
    pub window_scale: Option<u8>,
    /// Payload, in bytes.
    pub len: u32,
}

impl Segment {
    const FIN: u8 = 0x01;
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const ACK: u8 = 0x10;

    /// A DCCP packet as the TCP segment that does the same to a connection
    /// (RFC 5597): opens, answers, closes, resets, or nothing of these.
    #[must_use]
    pub const fn of_dccp(kind: dccp::Kind) -> Self {
        let flags = match kind {
            dccp::Kind::Open => Self::SYN,
            dccp::Kind::Answer => Self::SYN | Self::ACK,
            dccp::Kind::Close => Self::FIN | Self::ACK,
            dccp::Kind::Reset => Self::RST,
            dccp::Kind::Data => Self::ACK,
        };
        Self {
            flags,
            seq: 0,
            ack: 0,
            window_scale: None,
            len: 0,
        }
    }

    /// What it means; RST before SYN before FIN.
    #[must_use]
    pub const fn event(&self) -> TcpEvent {
        if self.flags & Self::RST != 0 {
            TcpEvent::Rst
        } else if self.flags & Self::SYN != 0 {
            TcpEvent::Syn
        } else if self.flags & Self::FIN != 0 {
            TcpEvent::Fin
        } else {
            TcpEvent::Data
        }
    }

    /// The sequence number behind a FIN.
    #[must_use]
    pub const fn end_of_fin(&self) -> u32 {
        self.seq.wrapping_add(self.len).wrapping_add(1)
    }

    /// Carries an acknowledgement.
    #[must_use]
    pub const fn has_ack(&self) -> bool {
        self.flags & Self::ACK != 0
    }

    /// Opens a connection: SYN alone, with whatever of ECN (RFC 3168).
    #[must_use]
    pub const fn opens(&self) -> bool {
        self.flags & (Self::SYN | Self::RST | Self::FIN | Self::ACK) == Self::SYN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every state, direction and event against the drawing above.
    #[test]
    fn all_transitions_are_as_drawn() {
        use Direction::{Inbound, Outbound};
        use State::{
            BothFin, Established, InboundSyn, InsideFin, OutboundSyn, OutsideFin, Reset, TimeWait,
        };
        // Columns: outbound Syn Fin Rst Data LastAck, inbound Syn Fin Rst Data LastAck.
        let all = |state| [state; 10];
        let but = |state: State, changes: &[(usize, State)]| {
            let mut row = all(state);
            for (column, after) in changes {
                row[*column] = *after;
            }
            row
        };
        let rows = [
            (OutboundSyn, but(OutboundSyn, &[(5, Established)])),
            (InboundSyn, but(InboundSyn, &[(0, Established)])),
            (
                Established,
                but(
                    Established,
                    &[(1, InsideFin), (2, Reset), (6, OutsideFin), (7, Reset)],
                ),
            ),
            (
                InsideFin,
                but(InsideFin, &[(2, Reset), (6, BothFin), (7, Reset)]),
            ),
            (
                OutsideFin,
                but(OutsideFin, &[(1, BothFin), (2, Reset), (7, Reset)]),
            ),
            (
                BothFin,
                but(
                    BothFin,
                    &[
                        (0, OutboundSyn),
                        (4, TimeWait),
                        (5, InboundSyn),
                        (9, TimeWait),
                    ],
                ),
            ),
            (
                TimeWait,
                but(TimeWait, &[(0, OutboundSyn), (5, InboundSyn)]),
            ),
            (Reset, but(Established, &[(2, Reset), (7, Reset)])),
        ];
        let events = [
            TcpEvent::Syn,
            TcpEvent::Fin,
            TcpEvent::Rst,
            TcpEvent::Data,
            TcpEvent::LastAck,
        ];
        for (state, after) in rows {
            let pairs = [Outbound, Inbound]
                .into_iter()
                .flat_map(|from| events.map(|event| (from, event)));
            for ((from, event), expected) in pairs.zip(after) {
                assert_eq!(
                    state.after(from, event),
                    expected,
                    "{state:?} {from:?} {event:?}"
                );
            }
        }
    }

    #[test]
    fn numbers_are_places() {
        for (place, state) in State::ALL.into_iter().enumerate() {
            assert_eq!(state as usize, place);
        }
    }

    #[test]
    fn flags_mean_one_event() {
        let segment = |flags| Segment {
            flags,
            seq: 0,
            ack: 0,
            window_scale: None,
            len: 0,
        };
        assert_eq!(segment(0x06).event(), TcpEvent::Rst);
        assert_eq!(segment(0x12).event(), TcpEvent::Syn);
        assert_eq!(segment(0x11).event(), TcpEvent::Fin);
        assert_eq!(segment(0x18).event(), TcpEvent::Data);
        assert!(segment(0xc2).opens() && !segment(0x12).opens() && !segment(0x03).opens());
    }
}
