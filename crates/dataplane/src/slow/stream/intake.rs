//! The side of a direction that faces its sender: puts its segments in order.

use base::{Nanos, Seq};

use super::ahead::{self, Ahead};
use super::buffer::Buffer;
use super::segment::Blocks;

/// What a sender has sent, in its numbers.
#[derive(Debug)]
pub(super) struct Intake {
    /// First byte that is missing.
    pub(super) next: Seq,
    /// In order, up to there, and not passed on yet.
    pub(super) unparsed: Buffer,
    ahead: Ahead,
    fin: Option<Seq>,
    /// End of the window that the sender knows of.
    pub(super) right: Seq,
    /// When the last byte came.
    pub(super) since: Nanos,
}

impl Intake {
    pub(super) fn new(next: Seq, right: Seq) -> Self {
        Self {
            next,
            unparsed: Buffer::default(),
            ahead: Ahead::default(),
            fin: None,
            right,
            since: Nanos(0),
        }
    }

    pub(super) fn held(&self) -> usize {
        self.unparsed.len() + self.ahead.held()
    }

    /// The first byte that was not passed on.
    pub(super) fn parsed(&self) -> Seq {
        self.next.minus(ahead::len(self.unparsed.as_slice()))
    }

    /// Whether all of the stream is here.
    pub(super) fn is_at_end(&self) -> bool {
        self.fin == Some(self.next)
    }

    pub(super) fn blocks(&self) -> Blocks {
        self.ahead.blocks()
    }

    /// Takes what is new in a segment and lies in the next `room` bytes; true if there is more in
    /// order than before.
    pub(super) fn take(&mut self, seq: Seq, payload: &[u8], has_fin: bool, room: u32) -> bool {
        let end = seq.plus(ahead::len(payload));
        if has_fin
            && self.fin.is_none()
            && !end.is_before(self.next)
            && end.beyond(self.next) <= room
        {
            self.fin = Some(end);
        }
        let limit = self.next.plus(room);
        let limit = self.fin.map_or(limit, |fin| fin.earlier(limit));
        let front = self.next.beyond(seq) as usize;
        let back = end.beyond(limit) as usize;
        let wanted = front..payload.len().saturating_sub(back);
        if let Some(bytes) = payload.get(wanted).filter(|bytes| !bytes.is_empty()) {
            self.ahead.insert(seq.later(self.next), bytes);
        }
        let before = self.next;
        while let Some(piece) = self.ahead.take(self.next) {
            self.unparsed.push(&piece);
            self.next = self.next.plus(ahead::len(&piece));
        }
        self.next != before
    }

    /// Forgets what is beyond the gap.
    pub(super) fn forget_ahead(&mut self) {
        self.ahead = Ahead::default();
    }
}
