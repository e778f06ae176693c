//! One direction of a connection: from the sender's numbers to the receiver's and back.
//!
//! Invariants: changes are in the order of the stream and do not overlap; `floor` is not behind
//! `next`; neither is more than [`REACH`] away from what is compared with it.

use base::Seq;

use super::cells::{Cells, Change};
use super::{ChangeError, Handed, MAX_CHANGES, MAX_NEW, MAX_OLD, NoRoom, Placed};
use crate::wheel::NIL;

/// No byte so far back can be in flight (RFC 7323 section 2.3: windows are below 2^30).
const REACH: u32 = 1 << 30;

/// Changes kept after the receiver has acknowledged them, for senders that do not know yet.
const KEPT: usize = 4;

#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    head: u32,
    tail: u32,
    count: u32,
    /// Added to numbers in front of the first change.
    base: u32,
    /// What was before is forgotten and not sent again.
    floor: Seq,
    /// Next byte of the sender that has not been sent on.
    next: Seq,
    /// Acknowledged by the receiver, in its numbers.
    acked: Seq,
}

impl Course {
    /// From `next` on, with a base; everything before was sent with that base too.
    pub(super) const fn new(next: Seq, base: u32) -> Self {
        Self {
            head: NIL,
            tail: NIL,
            count: 0,
            base,
            floor: next.minus(REACH),
            next,
            acked: next.minus(REACH).plus(base),
        }
    }

    /// From where somebody else has come to.
    pub(super) const fn behind(handed: Handed) -> Self {
        let from = Seq(handed.from);
        Self {
            floor: from,
            acked: from.plus(handed.offset),
            ..Self::new(Seq(handed.next), handed.offset)
        }
    }

    pub(super) const fn next(&self) -> Seq {
        self.next
    }

    /// The receiver's number of a sender's byte.
    pub(super) fn rewritten(&self, cells: &Cells, seq: Seq) -> Seq {
        let mut offset = self.base;
        for change in cells.chain(self.head) {
            if !change.at.is_before(seq) {
                break;
            }
            let into = seq.since(change.at);
            if into < change.old_len {
                return change.at.plus(offset).plus(change.new_before(into));
            }
            offset = shifted(offset, change);
        }
        seq.plus(offset)
    }

    /// The last byte of the sender in front of which the receiver has everything, if it has
    /// everything in front of `seq`.
    pub(super) fn original_down(&self, cells: &Cells, seq: Seq) -> Seq {
        let mut offset = self.base;
        for change in cells.chain(self.head) {
            let at = change.at.plus(offset);
            if seq.is_before(at) {
                break;
            }
            let into = seq.since(at);
            if into < change.new_len() {
                return change.at.plus(into.min(change.old_len - 1));
            }
            offset = shifted(offset, change);
        }
        seq.minus(offset)
    }

    /// The first byte of the sender of which nothing is in front of `seq`.
    pub(super) fn original_up(&self, cells: &Cells, seq: Seq) -> Seq {
        let mut offset = self.base;
        for change in cells.chain(self.head) {
            let at = change.at.plus(offset);
            if !at.is_before(seq) {
                break;
            }
            let into = seq.since(at);
            if into <= change.new_len() {
                return change.at.plus(into.min(change.old_len));
            }
            offset = shifted(offset, change);
        }
        seq.minus(offset)
    }

    /// The number of a segment without payload: one that asks for an answer, by coming before
    /// what is next, still does.
    pub(super) fn empty(&self, cells: &Cells, seq: Seq) -> Seq {
        let there = self.rewritten(cells, seq);
        if seq.is_before(self.next) && there == self.rewritten(cells, self.next) {
            return there.minus(1);
        }
        there
    }

    /// Notes what a receiver says; answers what its sender is told.
    pub(super) fn acknowledged(&mut self, cells: &mut Cells, ack: Seq) -> Seq {
        let answer = self.original_down(cells, ack);
        if self.acked.is_before(ack) {
            let sent = self.rewritten(cells, self.next);
            // One more is the FIN; others acknowledge what was never sent.
            if ack.beyond(sent) <= 1 {
                self.acked = ack.earlier(sent);
                let done = self.done(cells);
                for _ in KEPT..done {
                    self.melt(cells);
                }
            }
        }
        answer
    }

    /// How many of the first changes the receiver has.
    fn done(&self, cells: &Cells) -> usize {
        let mut offset = self.base;
        cells
            .chain(self.head)
            .take_while(|change| {
                let end = change.at.plus(offset).plus(change.new_len());
                offset = shifted(offset, change);
                change.end().beyond(self.next) == 0 && !self.acked.is_before(end)
            })
            .count()
    }

    /// Whether the receiver has all changes.
    pub(super) fn is_settled(&self, cells: &Cells) -> bool {
        self.done(cells) == self.count as usize
    }

    pub(super) fn room(&self, cells: &Cells) -> usize {
        let unused = MAX_CHANGES.saturating_sub(self.count as usize);
        unused.min(cells.left()) + self.done(cells)
    }

    /// Forgets the first change; what is behind it stays where it is.
    fn melt(&mut self, cells: &mut Cells) {
        let Some(first) = cells.get(self.head) else {
            return;
        };
        self.base = shifted(self.base, first);
        self.floor = self.floor.later(first.end());
        self.drop_first(cells);
    }

    fn drop_first(&mut self, cells: &mut Cells) {
        self.head = cells.give_back(self.head);
        self.count -= 1;
        if self.head == NIL {
            self.tail = NIL;
        }
    }

    pub(super) fn clear(&mut self, cells: &mut Cells) {
        while self.head != NIL {
            self.drop_first(cells);
        }
    }

    pub(super) fn change(
        &mut self,
        cells: &mut Cells,
        at: Seq,
        old_len: usize,
        new: &[u8],
    ) -> Result<(), ChangeError> {
        if !(1..=MAX_OLD).contains(&old_len) || new.len() > MAX_NEW {
            return Err(ChangeError::Length);
        }
        let free_from = cells
            .get(self.tail)
            .map_or(self.next, |last| last.end().later(self.next));
        if at.is_before(free_from) || at.since(free_from) > REACH {
            return Err(ChangeError::Sent);
        }
        if (self.count as usize >= MAX_CHANGES || cells.left() == 0) && self.done(cells) > 0 {
            self.melt(cells);
        }
        if self.count as usize >= MAX_CHANGES {
            return Err(ChangeError::Full);
        }
        let change = Change {
            at,
            old_len: u32::try_from(old_len).map_err(|_| ChangeError::Length)?,
            new: new.iter().copied().collect(),
            following: NIL,
        };
        let cell = cells.take(change).ok_or(ChangeError::Full)?;
        if self.tail == NIL {
            self.head = cell;
        } else {
            cells.link(self.tail, cell);
        }
        self.tail = cell;
        self.count += 1;
        Ok(())
    }

    /// Forgets the changes of which no byte has been sent.
    pub(super) fn withdraw(&mut self, cells: &mut Cells) {
        let (mut last, mut at) = (NIL, self.head);
        while let Some(change) = cells.get(at) {
            if !change.at.is_before(self.next) {
                break;
            }
            last = at;
            at = change.following;
        }
        while at != NIL {
            at = cells.give_back(at);
            self.count -= 1;
        }
        self.tail = last;
        if last == NIL {
            self.head = NIL;
        } else {
            cells.link(last, NIL);
        }
    }

    pub(super) fn apply(
        &mut self,
        cells: &mut Cells,
        seq: Seq,
        payload: &[u8],
        fin: bool,
        out: &mut [u8],
    ) -> Result<Placed, NoRoom> {
        let len = u32::try_from(payload.len()).map_err(|_| NoRoom)?;
        let end = seq.plus(len);
        let from = seq.later(self.floor).earlier(end);
        let written = self.write(cells, seq, from, payload, out).ok_or(NoRoom)?;
        if end.beyond(self.next) <= REACH {
            self.next = self.next.later(end);
        }
        let seq = if written == 0 && !fin {
            // Before what is next, if not before that already.
            let first = self.empty(cells, from);
            if len > 0 {
                first.earlier(self.rewritten(cells, end).minus(1))
            } else {
                first
            }
        } else {
            self.rewritten(cells, from)
        };
        self.settle(cells);
        Ok(Placed {
            seq: seq.0,
            len: written,
        })
    }

    /// Writes what the bytes of `payload` (which begins at `seq`) from `from` on have become.
    fn write(
        &self,
        cells: &Cells,
        seq: Seq,
        from: Seq,
        payload: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        let mut rest = payload.get(from.since(seq) as usize..)?;
        let mut at = from;
        let mut out = Output { out, len: 0 };
        for change in cells.chain(self.head) {
            if change.end().beyond(at) == 0 {
                continue;
            }
            let Some((plain, behind)) = rest.split_at_checked(change.at.beyond(at) as usize) else {
                break;
            };
            out.put(plain)?;
            at = at.later(change.at);
            let into = at.since(change.at);
            let taken = behind.len().min((change.old_len - into) as usize);
            let upto = into + u32::try_from(taken).ok()?;
            let new = change.new_before(into) as usize..change.new_before(upto) as usize;
            out.put(change.new.get(new)?)?;
            rest = behind.get(taken..)?;
            at = change.at.plus(upto);
            if rest.is_empty() {
                break;
            }
        }
        out.put(rest)?;
        Some(out.len)
    }

    /// Lets go of what is too far back to be compared.
    fn settle(&mut self, cells: &mut Cells) {
        while let Some(first) = cells.get(self.head)
            && self.next.beyond(first.end()) > REACH
        {
            self.melt(cells);
        }
        if self.next.since(self.floor) > REACH {
            self.floor = self.next.minus(REACH);
        }
        let sent = self.rewritten(cells, self.next);
        if sent.since(self.acked) > REACH {
            self.acked = sent.minus(REACH);
        }
    }
}

/// What is added behind a change, if in front of it `offset` is.
fn shifted(offset: u32, change: &Change) -> u32 {
    offset
        .wrapping_add(change.new_len())
        .wrapping_sub(change.old_len)
}

struct Output<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl Output<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.out
            .get_mut(self.len..self.len + bytes.len())?
            .copy_from_slice(bytes);
        self.len += bytes.len();
        Some(())
    }
}
