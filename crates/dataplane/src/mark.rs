//! What travels with a buffer from core to core, in its 64-bit mark.
//!
//! ```text
//!  63      56 55      40 39       32 31            0
//! +----------+----------+-----------+---------------+
//! |   kind   | interface|   code    |    value      |
//! ```

use base::Direction;
use nat::Realm;

/// Why a worker gives a packet to the slow path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Punt {
    /// ARP.
    Arp,
    /// A ping to answer.
    Echo,
    /// Ready but for the MAC address of this next hop; the interface is that of the way out.
    Neighbor(u32),
    /// Answer with ICMP of this type and code; the value is for the rest of its header.
    Error { kind: u8, code: u8, rest: u16 },
    /// IGMP that was found to be proper.
    Igmp,
    /// A SYN nobody asked for, to be held.
    Syn,
    /// A held SYN nobody took up.
    SynExpired,
    /// From another worker: process as if received on the interface, from this stage on.
    Handoff(Stage),
    /// A segment of a session that is on the slow path, translated.
    Stream(Ref),
    /// To a worker: a segment made or passed by the slow path, translated; to be sent.
    Inject(Ref),
    /// To a worker: a segment of a session that is on the slow path no more, to be looked at.
    Resume(Ref),
    /// To a worker: a frame ready to be sent on the interface.
    Send,
    /// To a worker: a held SYN whose time is over.
    SynCheck,
}

/// One direction of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ref {
    /// Number of the session.
    pub(crate) session: u32,
    pub(crate) direction: Direction,
}

impl Ref {
    const fn code(self) -> u8 {
        match self.direction {
            Direction::Outbound => 0,
            Direction::Inbound => 1,
        }
    }

    const fn from(code: u8, session: u32) -> Self {
        let direction = if code == 0 {
            Direction::Outbound
        } else {
            Direction::Inbound
        };
        Self { session, direction }
    }
}

/// What other workers have done for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing: it is as it was received.
    Received,
    /// The one that has its destination lets any remote host in.
    Admitted,
    /// The one that has its sender has translated it into this realm: only the way in is left.
    Hairpinned(Realm),
}

/// A reason and the interface it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) punt: Punt,
    pub(crate) interface: u16,
}

impl Mark {
    pub(crate) const fn new(punt: Punt, interface: u16) -> Self {
        Self { punt, interface }
    }

    pub(crate) fn encode(self) -> u64 {
        let (kind, code, value): (u8, u8, u32) = match self.punt {
            Punt::Arp => (1, 0, 0),
            Punt::Echo => (2, 0, 0),
            Punt::Neighbor(ip) => (3, 0, ip),
            Punt::Error { kind, code, rest } => (4, kind, u32::from(code) << 16 | u32::from(rest)),
            Punt::Syn => (5, 0, 0),
            Punt::SynExpired => (6, 0, 0),
            Punt::Handoff(Stage::Received) => (7, 0, 0),
            Punt::Handoff(Stage::Admitted) => (7, 1, 0),
            Punt::Handoff(Stage::Hairpinned(realm)) => (7, 2, u32::from(realm)),
            Punt::Send => (8, 0, 0),
            Punt::SynCheck => (9, 0, 0),
            Punt::Igmp => (10, 0, 0),
            Punt::Stream(of) => (11, of.code(), of.session),
            Punt::Inject(of) => (12, of.code(), of.session),
            Punt::Resume(of) => (13, of.code(), of.session),
        };
        u64::from(kind) << 56
            | u64::from(self.interface) << 40
            | u64::from(code) << 32
            | u64::from(value)
    }

    pub(crate) fn decode(mark: u64) -> Option<Self> {
        let [kind, i0, i1, code, v0, v1, v2, v3] = mark.to_be_bytes();
        let punt = match kind {
            1 => Punt::Arp,
            2 => Punt::Echo,
            3 => Punt::Neighbor(u32::from_be_bytes([v0, v1, v2, v3])),
            4 => Punt::Error {
                kind: code,
                code: v1,
                rest: u16::from_be_bytes([v2, v3]),
            },
            5 => Punt::Syn,
            6 => Punt::SynExpired,
            7 => Punt::Handoff(match code {
                0 => Stage::Received,
                1 => Stage::Admitted,
                _ => Stage::Hairpinned(v3),
            }),
            8 => Punt::Send,
            9 => Punt::SynCheck,
            10 => Punt::Igmp,
            11 => Punt::Stream(Ref::from(code, u32::from_be_bytes([v0, v1, v2, v3]))),
            12 => Punt::Inject(Ref::from(code, u32::from_be_bytes([v0, v1, v2, v3]))),
            13 => Punt::Resume(Ref::from(code, u32::from_be_bytes([v0, v1, v2, v3]))),
            _ => return None,
        };
        Some(Self {
            punt,
            interface: u16::from_be_bytes([i0, i1]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_read_back() {
        let error = Punt::Error {
            kind: 3,
            code: 4,
            rest: 1400,
        };
        let of = |direction| Ref {
            session: 0x0102_0304,
            direction,
        };
        for punt in [
            Punt::Stream(of(Direction::Outbound)),
            Punt::Inject(of(Direction::Inbound)),
            Punt::Resume(of(Direction::Outbound)),
            Punt::Arp,
            Punt::Echo,
            Punt::Neighbor(0xc633_64fe),
            error,
            Punt::Syn,
            Punt::SynExpired,
            Punt::Handoff(Stage::Received),
            Punt::Handoff(Stage::Admitted),
            Punt::Handoff(Stage::Hairpinned(0)),
            Punt::Handoff(Stage::Hairpinned(255)),
            Punt::Send,
            Punt::SynCheck,
            Punt::Igmp,
        ] {
            let mark = Mark::new(punt, 4095);
            assert_eq!(Mark::decode(mark.encode()), Some(mark));
        }
        assert_eq!(Mark::decode(0), None);
    }
}
