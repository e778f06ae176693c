//! Urgent data (RFC 9293 section 3.8.5, RFC 6093): a place in the stream, up to which the receiver
//! should hurry. It is told with everything that is sent of what lies before.

use base::Seq;

/// The later of two places.
pub(super) fn further(known: Option<Seq>, new: Seq) -> Seq {
    known.map_or(new, |known| known.later(new))
}

/// Where a place in a message is in what was made of it: as far from the beginning or from the end
/// if everything up to there is as it was, else the end.
pub(super) fn moved(old: &[u8], new: &[u8], at: usize) -> usize {
    let (front, back) = (old.get(..at), old.get(at..));
    if front.is_some() && front == new.get(..at) {
        return at;
    }
    let is_behind = |back: &&[u8]| new.ends_with(back);
    let back = back.filter(is_behind).map_or(0, <[u8]>::len);
    new.len() - back
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_moves_with_the_bytes_around_it() {
        for (old, new, at, expected) in [
            (
                &b"PORT 1\xff\xf2ABOR"[..],
                &b"PORT 123\xff\xf2ABOR"[..],
                8,
                10,
            ),
            (b"\xff\xf2PORT 1", b"\xff\xf2PORT 123", 2, 2),
            (b"PORT 1234", b"PORT 1", 9, 6),
            (b"PORT 1234", b"PORT 56", 7, 7),
            (b"same", b"same", 3, 3),
        ] {
            assert_eq!(moved(old, new, at), expected, "{}", old.escape_ascii());
        }
    }

    #[test]
    fn the_later_place_counts() {
        assert_eq!(further(None, Seq(5)), Seq(5));
        assert_eq!(further(Some(Seq(9)), Seq(5)), Seq(9));
        assert_eq!(further(Some(Seq(9)), Seq(12)), Seq(12));
    }
}
