//! Sequence numbers of TCP connections whose payload changes length (RFC 2663 section 5.1 and
//! the gateways' need of it): any number of changes, both directions, for the connection's life.
//!
//! ```text
//!  sender's stream     ....[ old ]........[old].......
//!                          |      \       |    \          Course::rewritten ->
//!  receiver's stream   ....[ new text ]...[n]........     <- original_down, original_up
//!                      base^             ^ each change shifts what follows
//! ```
//!
//! A change is kept with its new bytes, so a retransmission is written the same however it is
//! cut: byte `k` of the old text stands for byte `k` of the new, and the last one for all that is
//! left. Acknowledged changes beyond the last few melt into `base`, and what was in front of them
//! is never sent again: the receiver has it.
//!
//! All memory is allocated when the pool is made. One record per connection that needs it, found
//! by the number of its session; changes lie in cells that all connections share.

mod cells;
mod course;

use alloc::vec::Vec;

use base::{Direction, Seq};

use crate::index::Index;
use crate::key::FlowKey;
use crate::wheel::NIL;
use cells::Cells;
use course::Course;

/// Longest new text of one change.
pub const MAX_NEW: usize = 64;

/// Longest old text of one change.
pub const MAX_OLD: usize = 4096;

/// Changes of one direction that are kept with their bytes.
pub const MAX_CHANGES: usize = 32;

/// Why a payload must not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The receiver may have the bytes, or ones behind them, as they were.
    #[error("has been sent already")]
    Sent,
    /// Empty, or longer than [`MAX_OLD`] or [`MAX_NEW`].
    #[error("no such length can be replaced")]
    Length,
    /// Too many changes are not acknowledged yet.
    #[error("no room to remember the change")]
    Full,
}

/// How a pool says no to one more connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all records are taken")]
pub struct PoolFull;

/// The new payload is longer than the room for it; part of the old one has to be sent by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the new payload does not fit")]
pub struct NoRoom;

/// Where a segment's new payload goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its sequence number.
    pub seq: u32,
    /// How many bytes were written.
    pub len: usize,
}

/// One direction of a connection that somebody else has changed so far, in the sender's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handed {
    /// Everything before has been acknowledged to the sender.
    pub from: u32,
    /// Everything before has been sent on.
    pub next: u32,
    /// What is added to the place of `from` and all that follows.
    pub offset: u32,
}

/// Names the record of a connection until it is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdjustId(u32);

#[derive(Clone, Copy, Debug)]
struct Record {
    /// Number of the session; in a free record that of the next free one.
    session: u32,
    outbound: Course,
    inbound: Course,
}

/// All connections with changes of one shard.
#[derive(Debug)]
pub struct Adjusters {
    records: Vec<Record>,
    free: u32,
    live: u32,
    capacity: usize,
    index: Index,
    seed: u64,
    cells: Cells,
}

impl Adjusters {
    /// For so many connections at a time with so many changes together.
    #[must_use]
    pub fn with_capacity(connections: u32, changes: u32, seed: u64) -> Self {
        let capacity = connections as usize;
        Self {
            records: Vec::with_capacity(capacity),
            free: NIL,
            live: 0,
            capacity,
            index: Index::with_capacity(capacity),
            seed,
            cells: Cells::with_capacity(changes as usize),
        }
    }

    /// Bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.capacity * size_of::<Record>() + self.index.bytes() + self.cells.bytes()
    }

    /// Connections that have a record.
    #[must_use]
    pub const fn live(&self) -> u32 {
        self.live
    }

    /// Changes kept.
    #[must_use]
    pub const fn changes(&self) -> u32 {
        self.cells.live()
    }

    fn hash(&self, session: u32) -> u64 {
        FlowKey::new(session, 0, 0, 0, 0, 0).hash(self.seed)
    }

    /// The record of a session.
    #[must_use]
    pub fn find(&self, session: u32) -> Option<AdjustId> {
        self.index
            .find(self.hash(session), |at| {
                self.records
                    .get(at as usize)
                    .is_some_and(|record| record.session == session)
            })
            .map(AdjustId)
    }

    /// A record for a session that has none, when a segment from `direction` with these numbers is
    /// the first to be changed: everything before them has been sent as it was.
    ///
    /// # Errors
    ///
    /// [`PoolFull`].
    pub fn open(
        &mut self,
        session: u32,
        direction: Direction,
        seq: u32,
        ack: u32,
    ) -> Result<AdjustId, PoolFull> {
        let (outbound, inbound) = match direction {
            Direction::Outbound => (seq, ack),
            Direction::Inbound => (ack, seq),
        };
        let (outbound, inbound) = (Seq(outbound), Seq(inbound));
        self.insert(Record {
            session,
            outbound: Course::new(outbound, 0),
            inbound: Course::new(inbound, 0),
        })
    }

    /// A record for a connection that somebody else has changed so far; outbound first.
    ///
    /// # Errors
    ///
    /// [`PoolFull`].
    pub fn take_over(
        &mut self,
        session: u32,
        [outbound, inbound]: [Handed; 2],
    ) -> Result<AdjustId, PoolFull> {
        self.insert(Record {
            session,
            outbound: Course::behind(outbound),
            inbound: Course::behind(inbound),
        })
    }

    fn insert(&mut self, record: Record) -> Result<AdjustId, PoolFull> {
        if let Some(AdjustId(at)) = self.find(record.session) {
            self.close(AdjustId(at));
        }
        let at = match self.free {
            NIL if self.records.len() < self.capacity => {
                u32::try_from(self.records.len()).map_err(|_| PoolFull)?
            }
            NIL => return Err(PoolFull),
            at => at,
        };
        let hash = self.hash(record.session);
        self.index.insert(hash, at).map_err(|_| PoolFull)?;
        if at == self.free {
            if let Some(place) = self.records.get_mut(at as usize) {
                self.free = place.session;
                *place = record;
            }
        } else {
            self.records.push(record);
        }
        self.live += 1;
        Ok(AdjustId(at))
    }

    /// The connection has ended.
    pub fn close(&mut self, AdjustId(at): AdjustId) {
        let Some(record) = self.records.get_mut(at as usize) else {
            return;
        };
        record.outbound.clear(&mut self.cells);
        record.inbound.clear(&mut self.cells);
        let session = record.session;
        let hash = self.hash(session);
        if !self.index.remove(hash, at) {
            return;
        }
        if let Some(record) = self.records.get_mut(at as usize) {
            record.session = core::mem::replace(&mut self.free, at);
        }
        self.live -= 1;
    }

    /// One connection, to work on.
    pub fn connection(&mut self, AdjustId(at): AdjustId) -> Option<Adjust<'_>> {
        Some(Adjust {
            record: self.records.get_mut(at as usize)?,
            cells: &mut self.cells,
        })
    }
}

/// One connection. Numbers are those of the packet as it came in; the answers those it leaves with.
#[derive(Debug)]
pub struct Adjust<'a> {
    record: &'a mut Record,
    cells: &'a mut Cells,
}

impl Adjust<'_> {
    fn course(&mut self, direction: Direction) -> (&mut Course, &mut Cells) {
        let course = match direction {
            Direction::Outbound => &mut self.record.outbound,
            Direction::Inbound => &mut self.record.inbound,
        };
        (course, self.cells)
    }

    /// Whether the receiver of a direction has all that was changed: one number is added to all
    /// that may yet be sent again.
    #[must_use]
    pub fn is_settled(&mut self, direction: Direction) -> bool {
        let (course, cells) = self.course(direction);
        course.is_settled(cells)
    }

    /// What is added to the number of a byte of a direction that has not been sent on.
    #[must_use]
    pub fn offset(&mut self, direction: Direction, seq: u32) -> u32 {
        let (course, cells) = self.course(direction);
        course.rewritten(cells, Seq(seq)).since(Seq(seq))
    }

    /// The first byte of a direction that has not been sent on yet: a segment's bytes before it
    /// are a retransmission, only those from it on can be changed.
    #[must_use]
    pub fn next(&mut self, direction: Direction) -> u32 {
        self.course(direction).0.next().0
    }

    /// How many changes can be made now; those of one message are made all or none.
    #[must_use]
    pub fn room(&mut self, direction: Direction) -> usize {
        let (course, cells) = self.course(direction);
        course.room(cells)
    }

    /// Replaces `old_len` bytes from `seq` on by `new`; in the order of the stream, before
    /// [`apply`](Self::apply) for the segment they are in.
    ///
    /// # Errors
    ///
    /// [`ChangeError`]; nothing is changed then.
    pub fn change(
        &mut self,
        direction: Direction,
        seq: u32,
        old_len: usize,
        new: &[u8],
    ) -> Result<(), ChangeError> {
        let (course, cells) = self.course(direction);
        course.change(cells, Seq(seq), old_len, new)
    }

    /// Takes back the changes whose bytes have not been sent.
    pub fn withdraw(&mut self, direction: Direction) {
        let (course, cells) = self.course(direction);
        course.withdraw(cells);
    }

    /// Writes the payload a segment leaves with. What the receiver has acknowledged and nobody
    /// remembers is left out; if nothing is left, and no FIN either, the sequence number makes
    /// the segment one that the receiver answers (RFC 9293 section 3.8.4).
    ///
    /// # Errors
    ///
    /// [`NoRoom`] in `out`; nothing counts as sent then, and the payload may come in parts.
    pub fn apply(
        &mut self,
        direction: Direction,
        seq: u32,
        payload: &[u8],
        fin: bool,
        out: &mut [u8],
    ) -> Result<Placed, NoRoom> {
        let (course, cells) = self.course(direction);
        course.apply(cells, Seq(seq), payload, fin, out)
    }

    /// The sequence number of a segment without payload: an acknowledgement, FIN, RST or
    /// keep-alive.
    #[must_use]
    pub fn seq(&mut self, direction: Direction, seq: u32) -> u32 {
        let (course, cells) = self.course(direction);
        course.empty(cells, Seq(seq)).0
    }

    /// The acknowledgement number of a segment that goes in `direction`; what it acknowledges went
    /// in the other.
    pub fn ack(&mut self, direction: Direction, ack: u32) -> u32 {
        let (course, cells) = self.course(direction.opposite());
        course.acknowledged(cells, Seq(ack)).0
    }

    /// The edges of a SACK block, a D-SACK one too, of a segment that goes in `direction`; `None` if
    /// no whole byte of the sender is in it (RFC 2018, RFC 2883).
    #[must_use]
    pub fn sack(&mut self, direction: Direction, left: u32, right: u32) -> Option<(u32, u32)> {
        let (course, cells) = self.course(direction.opposite());
        let left = course.original_up(cells, Seq(left));
        let right = course.original_down(cells, Seq(right));
        left.is_before(right).then_some((left.0, right.0))
    }

    /// The window in bytes that goes with acknowledgement number `ack` (as it came in): its end
    /// names the same byte on both sides.
    #[must_use]
    pub fn window(&mut self, direction: Direction, ack: u32, window: u32) -> u32 {
        let (course, cells) = self.course(direction.opposite());
        let end = course.original_down(cells, Seq(ack).plus(window));
        end.beyond(course.original_down(cells, Seq(ack)))
    }

    /// The urgent pointer of a segment that comes with sequence number `seq`.
    #[must_use]
    pub fn urgent(&mut self, direction: Direction, seq: u32, urgent: u16) -> u16 {
        let (course, cells) = self.course(direction);
        let end = course.rewritten(cells, Seq(seq).plus(u32::from(urgent)));
        u16::try_from(end.beyond(course.rewritten(cells, Seq(seq)))).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests;
