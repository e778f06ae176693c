//! Reading a line of bounded length in bounded time.

use std::io;
use std::time::{Duration, Instant};

use crate::connections::Stream;

/// Bytes of a connection that were read and not used yet.
///
/// Invariant: `buffer` never holds more than the limit plus one read.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    buffer: Vec<u8>,
    /// Bytes of `buffer` known to hold no line end.
    searched: usize,
}

/// How waiting for a line ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line, without its end.
    Whole(Vec<u8>),
    /// There is no line end within the limit.
    TooLong,
    /// The other side ended, or went quiet, or failed.
    End,
}

impl Lines {
    /// The next line of at most `limit` bytes, waited for until `timeout` has passed.
    pub(crate) fn next(
        &mut self,
        stream: &mut impl Stream,
        limit: usize,
        timeout: Duration,
    ) -> Line {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(line) = self.take() {
                return if line.len() > limit {
                    Line::TooLong
                } else {
                    Line::Whole(line)
                };
            }
            if self.buffer.len() > limit {
                return Line::TooLong;
            }
            if !self.fill(stream, deadline) {
                return Line::End;
            }
        }
    }

    fn take(&mut self) -> Option<Vec<u8>> {
        let fresh = self.buffer.get(self.searched..)?;
        let Some(place) = fresh.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            return None;
        };
        let rest = self.buffer.split_off(self.searched + place + 1);
        let mut line = std::mem::replace(&mut self.buffer, rest);
        self.searched = 0;
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(line)
    }

    /// Reads once more; false if there is nothing more to come.
    fn fill(&mut self, stream: &mut impl Stream, deadline: Instant) -> bool {
        let mut piece = [0; 4096];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || stream.set_read_timeout(left).is_err() {
                return false;
            }
            match stream.read(&mut piece) {
                Ok(length) => {
                    self.buffer
                        .extend_from_slice(piece.get(..length).unwrap_or_default());
                    return length > 0;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }
}

/// Reads and forgets what is left, at most `limit` bytes: closing a connection
/// with unread bytes makes the kernel take back the answer.
pub(crate) fn drain(stream: &mut impl Stream, limit: usize, timeout: Duration) {
    let deadline = Instant::now() + timeout;
    let mut lines = Lines::default();
    let mut drained = 0;
    while drained < limit && lines.fill(stream, deadline) {
        drained += lines.buffer.len();
        lines.buffer.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn lines_are_found_across_reads_and_within_one() {
        let (mut near, mut far) = UnixStream::pair().unwrap();
        far.write_all(b"one\r\ntwo\nthr").unwrap();
        let mut lines = Lines::default();
        let mut next = |near: &mut UnixStream| lines.next(near, 10, SOON);
        assert_eq!(next(&mut near), Line::Whole(b"one".to_vec()));
        assert_eq!(next(&mut near), Line::Whole(b"two".to_vec()));
        far.write_all(b"ee\n\n").unwrap();
        assert_eq!(next(&mut near), Line::Whole(b"three".to_vec()));
        assert_eq!(next(&mut near), Line::Whole(Vec::new()));
        drop(far);
        assert_eq!(next(&mut near), Line::End);
    }

    #[test]
    fn a_line_beyond_the_limit_is_reported() {
        for text in ["12345\n", "12345"] {
            let (mut near, mut far) = UnixStream::pair().unwrap();
            far.write_all(text.as_bytes()).unwrap();
            assert_eq!(Lines::default().next(&mut near, 4, SOON), Line::TooLong);
        }
    }

    #[test]
    fn a_line_that_does_not_come_is_given_up() {
        let (mut near, mut far) = UnixStream::pair().unwrap();
        far.write_all(b"half a li").unwrap();
        let wait = Duration::from_millis(20);
        assert_eq!(Lines::default().next(&mut near, 100, wait), Line::End);
    }
}
