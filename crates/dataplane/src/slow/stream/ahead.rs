//! Bytes that came before those in front of them.

use std::collections::VecDeque;

use base::Seq;

use super::segment::Blocks;

/// Pieces kept; the sender sends others again.
const MAX_PIECES: usize = 64;

/// Pieces of a stream, in its order, none overlapping. What came first stays.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pieces: VecDeque<(Seq, Vec<u8>)>,
    held: usize,
}

impl Ahead {
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Adds the bytes from `seq` on that are not there yet.
    pub(super) fn insert(&mut self, mut seq: Seq, mut bytes: &[u8]) {
        let mut at = 0;
        while let Some((start, piece)) = self.pieces.get(at) {
            let (start, end) = (*start, start.plus(len(piece)));
            if end.beyond(seq) > 0 {
                let gap = start.beyond(seq);
                at += usize::from(self.put(at, seq, &mut bytes, gap));
                seq = seq.plus(gap);
                bytes = bytes.get(end.beyond(seq) as usize..).unwrap_or_default();
                seq = seq.later(end);
            }
            if bytes.is_empty() {
                return;
            }
            at += 1;
        }
        let rest = len(bytes);
        self.put(at, seq, &mut bytes, rest);
    }

    /// Puts at most `most` of the first bytes in front of piece `at`, if need be in place of the
    /// last one; true if they are a piece of their own.
    fn put(&mut self, at: usize, seq: Seq, bytes: &mut &[u8], most: u32) -> bool {
        let (piece, rest) = bytes
            .split_at_checked(most as usize)
            .unwrap_or((*bytes, &[]));
        *bytes = rest;
        if piece.is_empty() {
            return false;
        }
        let before = at.checked_sub(1).and_then(|at| self.pieces.get_mut(at));
        if let Some((start, known)) = before
            && start.plus(len(known)) == seq
        {
            known.extend_from_slice(piece);
            self.held += piece.len();
            return false;
        }
        if self.pieces.len() >= MAX_PIECES {
            if at >= self.pieces.len() {
                return false;
            }
            let last = self.pieces.pop_back();
            self.held -= last.map_or(0, |(_, piece)| piece.len());
        }
        self.held += piece.len();
        self.pieces.insert(at, (seq, piece.to_vec()));
        true
    }

    /// Takes the piece that begins at `seq`.
    pub(super) fn take(&mut self, seq: Seq) -> Option<Vec<u8>> {
        let (_, piece) = self.pieces.pop_front_if(|(start, _)| *start == seq)?;
        self.held -= piece.len();
        Some(piece)
    }

    /// The first ranges, for SACK.
    pub(super) fn blocks(&self) -> Blocks {
        let mut blocks = Blocks::new();
        for (start, piece) in &self.pieces {
            let end = start.plus(len(piece));
            match blocks.last_mut() {
                Some((_, right)) if right == start => *right = end,
                _ => {
                    if blocks.try_push((*start, end)).is_err() {
                        break;
                    }
                }
            }
        }
        blocks
    }
}

#[allow(clippy::cast_possible_truncation)]
pub(super) const fn len(bytes: &[u8]) -> u32 {
    bytes.len() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn many_pieces_do_not_keep_out_what_comes_before_them() {
        let mut ahead = Ahead::default();
        for n in 1..100 {
            ahead.insert(Seq(2 * n), b"x");
        }
        assert_eq!((ahead.held(), ahead.blocks().len()), (MAX_PIECES, 3));
        ahead.insert(Seq(1), b"first");
        assert_eq!(ahead.take(Seq(1)), Some(b"f".to_vec()));
        assert_eq!(ahead.held(), MAX_PIECES - 1 + 2);
    }

    proptest! {
        /// Whatever comes in whatever order, the first bytes for each place are those that come out.
        #[test]
        fn first_bytes_stay(pieces in prop::collection::vec((0..200_usize, 1..40_usize), 0..60)) {
            let start = Seq(u32::MAX - 100);
            let mut ahead = Ahead::default();
            let mut model = [None; 240];
            for (value, (at, count)) in (0..).zip(pieces) {
                ahead.insert(start.plus(u32::try_from(at).unwrap()), &vec![value; count]);
                for byte in &mut model[at..at + count] {
                    byte.get_or_insert(value);
                }
            }
            prop_assert_eq!(ahead.held(), model.iter().flatten().count());
            for (left, right) in ahead.blocks() {
                let range = left.since(start) as usize..right.since(start) as usize;
                prop_assert!(model[range].iter().all(Option::is_some));
            }
            let mut at = 0;
            while at < model.len() {
                match ahead.take(start.plus(u32::try_from(at).unwrap())) {
                    None => {
                        prop_assert_eq!(model[at], None);
                        at += 1;
                    }
                    Some(piece) => {
                        let expected: Vec<u8> = model[at..at + piece.len()].iter().flatten().copied().collect();
                        prop_assert_eq!(&piece, &expected);
                        at += piece.len();
                    }
                }
            }
            prop_assert_eq!(ahead.held(), 0);
        }
    }
}
