//! What a session remembers of the numbers of a connection: a word for each side, its mark,
//! and what became of both FINs.
//!
//! A mark has three lives. Of a session that nobody inside has
//! answered, the inside's is the chain of such sessions: nothing was acknowledged from
//! there yet. Then it is what that side acknowledged last, and from the FIN of the other
//! side on, where that FIN ended. Both serve the check of resets alike: a FIN becomes a mark
//! only if it would pass that check itself, so the window moves by no more than its
//! width, and not for anybody who could not have reset the connection as well.
//!
//! While a FIN is not acknowledged, the session is restless: a packet that just passes
//! overwrites the mark. Afterwards nothing else is acknowledged to that side, so
//! the mark stays what it is.

use base::Direction;

use super::{Flags, Session};
use crate::tcp_state::{Segment, State, TcpEvent};

/// What became of the FINs of both sides: two bits each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fins(pub(super) u32);

impl Fins {
    pub(super) const NONE: Self = Self(0);

    /// That of a side is its mark, and not acknowledged.
    const SENT: u32 = 1;

    /// It was acknowledged.
    const ACKNOWLEDGED: u32 = 2;

    const fn of(self, side: Direction) -> u32 {
        self.0 >> (2 * side as u32) & 3
    }

    const fn with(self, side: Direction, fate: u32) -> Self {
        let shift = 2 * side as u32;
        Self(self.0 & !(3 << shift) | fate << shift)
    }

    /// Some FIN is to be acknowledged yet.
    pub(super) const fn awaits(self) -> bool {
        self.of(Direction::Outbound) == Self::SENT || self.of(Direction::Inbound) == Self::SENT
    }

    /// Both were.
    pub(super) const fn are_over(self) -> bool {
        self.0 == Self::ACKNOWLEDGED | Self::ACKNOWLEDGED << 2
    }

    /// After a segment that has passed the check of its window, if it is a reset: what
    /// it acknowledges, and its own FIN, go to the marks.
    pub(super) fn after(
        mut self,
        session: &mut Session,
        direction: Direction,
        segment: &Segment,
        event: TcpEvent,
    ) -> Self {
        let peer = direction.opposite();
        if segment.has_ack()
            && event != TcpEvent::Rst
            && let Some(mark) = session.marks.get_mut(direction as usize)
        {
            match self.of(peer) {
                Self::SENT if *mark == segment.ack => self = self.with(peer, Self::ACKNOWLEDGED),
                Self::SENT | Self::ACKNOWLEDGED => {}
                _ => *mark = segment.ack,
            }
        }
        let end = segment.end_of_fin();
        if event == TcpEvent::Fin
            && (session.marks.get(peer as usize) != Some(&end) || self.of(direction) == 0)
        {
            self.closed(session, direction, end)
        } else {
            self
        }
    }

    /// After all of them are void, since the connection goes on or begins again. What was
    /// not acknowledged does not look as if it had been.
    #[inline(never)]
    pub(super) fn forgotten(self, session: &mut Session) -> Self {
        for (mark, peer) in session
            .marks
            .iter_mut()
            .zip([Direction::Inbound, Direction::Outbound])
        {
            if self.of(peer) == Self::SENT {
                *mark = mark.wrapping_sub(1);
            }
        }
        Self::NONE
    }

    /// After a FIN that is not the known one again.
    #[inline(never)]
    fn closed(self, session: &mut Session, direction: Direction, end: u32) -> Self {
        let closes = matches!(
            session.state,
            State::Established | State::InsideFin | State::OutsideFin | State::BothFin
        );
        if !closes || !in_window(session, direction, end.wrapping_sub(1)) {
            return self;
        }
        match session.marks.get_mut(direction.opposite() as usize) {
            Some(mark) if *mark != end => {
                *mark = end;
                self.with(direction, Self::SENT)
            }
            _ => self.with(direction, Self::ACKNOWLEDGED),
        }
    }
}

/// Whether a sequence number lies in the window its receiver has last acknowledged, with
/// the largest window the scale allows (RFC 7857 section 2.2): whether a reset there is
/// believed. Before anything was acknowledged there is nothing to compare with.
pub(super) fn in_window(session: &Session, direction: Direction, seq: u32) -> bool {
    let [from_inside, from_outside] = session.marks;
    let (inside, outside) = (session.scales & 0xf, session.scales >> 4);
    let (mark, shift) = match direction {
        Direction::Outbound => (from_outside, outside),
        // What looks like a mark is the chain.
        Direction::Inbound if session.flags.has(Flags::WEAK) => (0, inside),
        Direction::Inbound => (from_inside, inside),
    };
    // Windows are scaled only if both sides have offered it (RFC 7323 section 2.2).
    let shift = if inside == 0xf || outside == 0xf {
        0
    } else {
        shift
    };
    let window = 0xffff_u32 << shift;
    // One window back as well: a reset that crosses an acknowledgement.
    mark == 0 || seq.wrapping_sub(mark).wrapping_add(window) <= window.wrapping_mul(2)
}

#[cfg(test)]
mod tests {
    use base::Ticks;

    use super::super::tests::{new, table};
    use super::super::{NO_MAPPING, NewSession, SessionId, SessionTable};
    use super::*;
    use crate::key::FlowKey;
    use crate::mapping::MappingId;

    const ACK: u8 = 0x10;
    const FIN: u8 = 0x11;
    const RST: u8 = 0x04;

    const OUT: Direction = Direction::Outbound;
    const IN: Direction = Direction::Inbound;

    fn segment(flags: u8, seq: u32, ack: u32) -> Segment {
        Segment {
            flags,
            seq,
            ack,
            window_scale: None,
            len: 0,
        }
    }

    /// A connection in which the inside sends from 1001 and the outside from 9001.
    fn connection(table: &mut SessionTable, port: u16) -> SessionId {
        let new = NewSession {
            out_key: FlowKey::new(0x0a40_0007, 0xc000_0201, port, 80, 6, 0),
            state: State::Established,
            ..new(port)
        };
        let id = table.insert(&new, Ticks(0)).unwrap();
        table.track(id, IN, &segment(ACK, 9001, 1001), Ticks(0));
        table.track(id, OUT, &segment(ACK, 1001, 9001), Ticks(0));
        id
    }

    fn restless(table: &SessionTable, id: SessionId) -> bool {
        table.get(id).unwrap().flags().has(Flags::RESTLESS)
    }

    fn state(table: &SessionTable, id: SessionId) -> State {
        table.get(id).unwrap().state()
    }

    /// RFC 5382 REQ-5: the half that is open goes on without being followed, once the FIN
    /// has been acknowledged.
    #[test]
    fn a_half_closed_connection_is_calm_when_its_fin_is_acknowledged() {
        for (near, far, ours, theirs) in [(OUT, IN, 1001, 9001), (IN, OUT, 9001, 1001)] {
            let mut table = table(1);
            let id = connection(&mut table, 4000);
            table.track(id, near, &segment(FIN, ours, theirs), Ticks(1));
            assert!(restless(&table, id));
            table.track(id, far, &segment(ACK, theirs, ours), Ticks(1));
            assert!(
                restless(&table, id),
                "acknowledges what came before the FIN"
            );
            table.track(id, far, &segment(ACK, theirs, ours + 1), Ticks(1));
            assert!(!restless(&table, id));
            // Packets that just pass.
            let session = table.get_mut(id).unwrap();
            session.pass(far, 100, ours + 1, Ticks(2));
            session.pass(near, 100, theirs + 60, Ticks(2));
            table.track(id, far, &segment(FIN, theirs + 60, ours + 1), Ticks(3));
            assert_eq!(state(&table, id), State::BothFin);
            table.track(id, near, &segment(ACK, ours + 1, theirs + 60), Ticks(3));
            assert_eq!(state(&table, id), State::BothFin);
            table.track(id, near, &segment(ACK, ours + 1, theirs + 61), Ticks(3));
            assert_eq!(state(&table, id), State::TimeWait);
        }
    }

    /// RFC 7857 section 2.2: who cannot reset a connection cannot move its window by a FIN
    /// either.
    #[test]
    fn a_fin_outside_the_window_lets_no_reset_in() {
        let far = 9001 + 1_000_000;
        let mut table = table(1);
        let id = connection(&mut table, 4000);
        table.track(id, IN, &segment(FIN, far, 1001), Ticks(1));
        assert!(table.track(id, IN, &segment(RST, far + 1, 0), Ticks(1)));
        assert_eq!(state(&table, id), State::OutsideFin);
        assert!(!restless(&table, id), "there is nothing to wait for");
        // That of the peer itself still closes it.
        table.track(id, IN, &segment(FIN, 9001, 1001), Ticks(2));
        table.track(id, OUT, &segment(FIN, 1001, 9002), Ticks(2));
        table.track(id, IN, &segment(ACK, 9002, 1002), Ticks(2));
        assert_eq!(state(&table, id), State::TimeWait);
    }

    /// RFC 7857 section 2.2: before and after a FIN.
    #[test]
    fn the_window_of_a_reset_is_as_wide_after_a_fin() {
        for fin in [false, true] {
            for (from, ours, theirs) in [(OUT, 1001_u32, 9001), (IN, 9001, 1001)] {
                for (seq, believed) in [
                    (ours.wrapping_sub(0xffff - 1), true),
                    (ours + 0xffff, true),
                    (ours.wrapping_sub(0xffff + 2), false),
                    (ours + 0xffff + 2, false),
                ] {
                    let mut table = table(1);
                    let id = connection(&mut table, 4000);
                    if fin {
                        table.track(id, from, &segment(FIN, ours, theirs), Ticks(1));
                    }
                    let ignored = table.track(id, from, &segment(RST, seq, 0), Ticks(1));
                    assert_eq!(!ignored, believed, "{fin} {from:?} {seq}");
                    assert_eq!(state(&table, id) == State::Reset, believed);
                }
            }
        }
    }

    /// RFC 7857 section 2.2: after a reset that was none, acknowledgements count again.
    #[test]
    fn a_connection_that_goes_on_forgets_its_fin() {
        let mut table = table(1);
        let id = connection(&mut table, 4000);
        table.track(id, OUT, &segment(FIN, 1001, 9001), Ticks(1));
        table.track(id, IN, &segment(RST, 9001, 0), Ticks(1));
        table.track(id, IN, &segment(ACK, 9001, 1001), Ticks(2));
        assert_eq!(state(&table, id), State::Established);
        assert!(!restless(&table, id));
        table.track(id, IN, &segment(ACK, 9001, 200_000), Ticks(2));
        assert!(!table.track(id, OUT, &segment(RST, 200_000, 0), Ticks(2)));
    }

    /// The same FIN once more is not taken for acknowledged.
    #[test]
    fn a_fin_that_is_repeated_after_a_reset_is_to_be_acknowledged() {
        let mut table = table(1);
        let id = connection(&mut table, 4000);
        table.track(id, OUT, &segment(FIN, 1001, 9001), Ticks(1));
        table.track(id, IN, &segment(RST, 9001, 0), Ticks(1));
        table.track(id, OUT, &segment(ACK, 1001, 9001), Ticks(2));
        assert_eq!(state(&table, id), State::Established);
        table.track(id, OUT, &segment(FIN, 1001, 9001), Ticks(3));
        table.track(id, IN, &segment(FIN, 9001, 1001), Ticks(3));
        table.track(id, OUT, &segment(ACK, 1002, 9002), Ticks(3));
        assert_eq!(state(&table, id), State::BothFin);
        table.track(id, IN, &segment(ACK, 9002, 1002), Ticks(3));
        assert_eq!(state(&table, id), State::TimeWait);
    }

    #[test]
    fn the_chain_of_unanswered_sessions_is_no_acknowledgement() {
        let mut table = table(3);
        let weak = |port| NewSession {
            state: State::InboundSyn,
            flags: Flags::WEAK,
            ..new(port)
        };
        let first = table.insert(&weak(1), Ticks(0)).unwrap();
        let second = table.insert(&weak(2), Ticks(0)).unwrap();
        assert_eq!(table.next_weak(second), None);
        table.set_next_weak(second, Some(first));
        table.track(second, IN, &segment(FIN, 70_000, 5), Ticks(1));
        assert!(!table.track(second, IN, &segment(RST, 70_000, 5), Ticks(1)));
        assert_eq!(table.next_weak(second), Some(first));
        assert_eq!(table.next_weak(first), None);
        table.set_next_weak(second, None);
        table.change_flags(second, Flags::WEAK, Flags::default());
        table.track(second, OUT, &segment(0x12, 500, 70_001), Ticks(1));
        assert_eq!(table.next_weak(second), None);
        assert!(table.track(second, IN, &segment(RST, 900_000, 0), Ticks(1)));
    }

    #[test]
    fn a_session_has_its_mapping_whatever_became_of_its_fins() {
        let mut table = table(2);
        for mapping in [None, Some(MappingId(0)), Some(MappingId(NO_MAPPING - 1))] {
            let new = NewSession {
                mapping,
                state: State::Established,
                ..new(7)
            };
            let id = table.insert(&new, Ticks(0)).unwrap();
            for (direction, flags, seq, ack) in
                [(OUT, FIN, 10, 20), (IN, FIN, 20, 11), (OUT, ACK, 11, 21)]
            {
                table.track(id, direction, &segment(flags, seq, ack), Ticks(0));
                assert_eq!(table.mapping(id), mapping);
            }
            assert_eq!(state(&table, id), State::TimeWait);
            let hashes = table.look_ahead_to_end(table.get(id).unwrap());
            table.remove(id, hashes).unwrap();
        }
    }
}
