//! Where the changes of all connections lie.
//!
//! Invariant: every cell is in exactly one chain, that of one direction of a connection or that of
//! the free ones.

use alloc::vec::Vec;

use arrayvec::ArrayVec;
use base::Seq;

use super::MAX_NEW;
use crate::wheel::NIL;

/// One change.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// First old byte, in the sender's numbers.
    pub(super) at: Seq,
    /// How many old bytes, at least one.
    pub(super) old_len: u32,
    pub(super) new: ArrayVec<u8, MAX_NEW>,
    pub(super) following: u32,
}

impl Change {
    /// Behind its last old byte.
    pub(super) const fn end(&self) -> Seq {
        self.at.plus(self.old_len)
    }

    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn new_len(&self) -> u32 {
        self.new.len() as u32
    }

    /// New bytes in front of old byte `k`.
    pub(super) fn new_before(&self, k: u32) -> u32 {
        if k >= self.old_len {
            self.new_len()
        } else {
            k.min(self.new_len())
        }
    }
}

#[derive(Debug)]
pub(super) struct Cells {
    changes: Vec<Change>,
    free: u32,
    live: u32,
    capacity: usize,
}

impl Cells {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            changes: Vec::with_capacity(capacity),
            free: NIL,
            live: 0,
            capacity,
        }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.capacity * size_of::<Change>()
    }

    pub(super) const fn live(&self) -> u32 {
        self.live
    }

    /// How many can be taken.
    pub(super) const fn left(&self) -> usize {
        self.capacity.saturating_sub(self.live as usize)
    }

    pub(super) fn get(&self, at: u32) -> Option<&Change> {
        self.changes.get(at as usize)
    }

    /// The changes of a chain from `head` on.
    pub(super) fn chain(&self, head: u32) -> impl Iterator<Item = &Change> {
        core::iter::successors(self.get(head), |change| self.get(change.following))
    }

    /// Makes `following` what comes after `at`.
    pub(super) fn link(&mut self, at: u32, following: u32) {
        if let Some(change) = self.changes.get_mut(at as usize) {
            change.following = following;
        }
    }

    /// Takes a cell.
    pub(super) fn take(&mut self, change: Change) -> Option<u32> {
        let at = match self.free {
            NIL if self.changes.len() < self.capacity => u32::try_from(self.changes.len()).ok()?,
            NIL => return None,
            at => at,
        };
        if at == self.free {
            let place = self.changes.get_mut(at as usize)?;
            self.free = place.following;
            *place = change;
        } else {
            self.changes.push(change);
        }
        self.live += 1;
        Some(at)
    }

    /// Gives a cell back; answers what came after it.
    pub(super) fn give_back(&mut self, at: u32) -> u32 {
        let Some(change) = self.changes.get_mut(at as usize) else {
            return NIL;
        };
        self.live -= 1;
        core::mem::replace(
            &mut change.following,
            core::mem::replace(&mut self.free, at),
        )
    }
}
