//! How control threads ask the slow-path core.
//!
//! ```text
//! control threads                        slow-path core
//! Asker::ask --- Question ----------->   Desk::next
//!                                           |
//! Chunks     <-- pieces, a few at a time -- Reply::send, Reply::finish
//! ```
//!
//! The core never waits: [`Desk::next`] and [`Reply::send`] return at once, and
//! a piece that finds no room is handed back to be sent at a later turn.  The
//! asking side waits a bounded time for each piece.  Both queues are bounded.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};

use crate::metrics::Snapshot;
use crate::protocol::{Request, Response};
use crate::reloaded::Reloaded;
use crate::rows::Rows;
use crate::traced;

/// A connected pair; `depth` questions may wait.
#[must_use]
pub fn exchange(depth: usize) -> (Asker, Desk) {
    let (sender, receiver) = crossbeam_channel::bounded(depth);
    let timeout = TIMEOUT;
    (
        Asker {
            questions: sender,
            timeout,
        },
        Desk {
            questions: receiver,
        },
    )
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Show or clear; its filter is applied later once more, so it need not be exact.
    Request(Request),
    /// Numbers for metrics.
    Snapshot,
}

/// One piece of an answer.
#[derive(Debug)]
pub enum Piece {
    /// Rows; any number of such pieces answer a `show`.
    Rows(Rows),
    /// Answers a `clear`.
    Cleared(u64),
    /// Answers a `reload`.
    Reloaded(Box<Reloaded>),
    /// A line of a trace; any number of such pieces answer a `trace`.
    Traced(traced::Line),
    /// Answers [`Question::Snapshot`].
    Snapshot(Box<Snapshot>),
    /// The question cannot be served, and why.
    Refused(String),
    /// Nothing more follows.
    End,
}

/// The asking side; one for each thread.
#[derive(Clone, Debug)]
pub struct Asker {
    questions: Sender<(Question, Reply)>,
    timeout: Duration,
}

/// Why there is no answer, or no more of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Nobody took the question or answered it in time.
    #[error("the slow-path core does not answer in time")]
    Timeout,
    /// The core is gone, or gave the answer up.
    #[error("the appliance is stopping")]
    Stopping,
    /// The core says why not.
    #[error("{0}")]
    Refused(String),
    /// The core answered something else.
    #[error("the slow-path core answered another question")]
    Unexpected,
}

impl Asker {
    /// The same, waiting `timeout` for each piece instead of five seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Asks for rows or to forget something: a handler for the control socket.
    #[must_use]
    pub fn ask(&self, request: Request) -> Response {
        let what = match &request {
            Request::Show { what, .. } => Some(*what),
            Request::Clear { .. } | Request::Reload { .. } | Request::Trace(_) => None,
        };
        let timeout = match &request {
            // Every session is looked at.
            Request::Reload { .. } => self.timeout * RELOAD,
            _ => self.timeout,
        };
        let pieces = match self.put(Question::Request(request), timeout) {
            Ok(pieces) => pieces,
            Err(error) => return Response::refused(error),
        };
        // The first piece tells a refusal from rows.
        let first = pieces.next();
        match (what, first) {
            (Some(what), Ok(Piece::End)) => Response::rows(Rows::none(what)),
            (Some(what), Ok(Piece::Rows(rows))) => {
                let rest = std::iter::from_fn(move || match pieces.next() {
                    Ok(Piece::Rows(rows)) => Some(Ok(rows)),
                    Ok(Piece::End) => None,
                    Ok(_) => Some(Err(AskError::Unexpected.into())),
                    Err(error) => Some(Err(error.into())),
                });
                Response::Rows(what, Box::new(std::iter::once(Ok(rows)).chain(rest)))
            }
            (None, Ok(Piece::Cleared(count))) => Response::Cleared(count),
            (None, Ok(Piece::Reloaded(reloaded))) => Response::Reloaded(reloaded),
            (None, Ok(Piece::Traced(line))) => {
                let rest = std::iter::from_fn(move || match pieces.next() {
                    Ok(Piece::Traced(line)) => Some(Ok(line)),
                    Ok(Piece::End) => None,
                    Ok(_) => Some(Err(AskError::Unexpected.into())),
                    Err(error) => Some(Err(error.into())),
                });
                Response::Traced(Box::new(std::iter::once(Ok(line)).chain(fused(rest))))
            }
            (_, Err(error)) => Response::refused(error),
            (_, Ok(_)) => Response::refused(AskError::Unexpected),
        }
    }

    /// Asks for the numbers behind the metrics.
    ///
    /// # Errors
    ///
    /// [`AskError`] if they do not come.
    pub fn snapshot(&self) -> Result<Snapshot, AskError> {
        match self.put(Question::Snapshot, self.timeout)?.next()? {
            Piece::Snapshot(snapshot) => Ok(*snapshot),
            _ => Err(AskError::Unexpected),
        }
    }

    fn put(&self, question: Question, timeout: Duration) -> Result<Pieces, AskError> {
        let (sender, pieces) = crossbeam_channel::bounded(PIECES);
        self.questions
            .send_timeout((question, Reply { pieces: sender }), self.timeout)
            .map_err(|error| {
                if error.is_timeout() {
                    AskError::Timeout
                } else {
                    AskError::Stopping
                }
            })?;
        Ok(Pieces { pieces, timeout })
    }
}

/// Nothing follows an error.
fn fused<T, E>(
    mut lines: impl Iterator<Item = Result<T, E>>,
) -> impl Iterator<Item = Result<T, E>> {
    let mut over = false;
    std::iter::from_fn(move || {
        let next = if over { None } else { lines.next() };
        over |= !matches!(next, Some(Ok(_)));
        next
    })
}

/// The asking side of one answer.
struct Pieces {
    pieces: Receiver<Piece>,
    timeout: Duration,
}

impl Pieces {
    fn next(&self) -> Result<Piece, AskError> {
        match self.pieces.recv_timeout(self.timeout) {
            Ok(Piece::Refused(reason)) => Err(AskError::Refused(reason)),
            Ok(piece) => Ok(piece),
            Err(RecvTimeoutError::Timeout) => Err(AskError::Timeout),
            Err(RecvTimeoutError::Disconnected) => Err(AskError::Stopping),
        }
    }
}

/// The slow-path core's side.
#[derive(Debug)]
pub struct Desk {
    questions: Receiver<(Question, Reply)>,
}

impl Desk {
    /// The next question, if one waits.
    #[must_use]
    pub fn next(&self) -> Option<(Question, Reply)> {
        self.questions.try_recv().ok()
    }
}

/// Where the answer to one question goes.
#[derive(Debug)]
pub struct Reply {
    pieces: Sender<Piece>,
}

/// A piece that was not sent.
#[derive(Debug)]
pub enum NotSent {
    /// Try again at a later turn.
    Full(Piece),
    /// Nobody waits for it any more.
    Gone,
}

impl Reply {
    /// Sends one piece, without waiting.  After the last comes [`Piece::End`].
    ///
    /// # Errors
    ///
    /// [`NotSent`] if there is no room, or nobody waits.
    pub fn send(&self, piece: Piece) -> Result<(), NotSent> {
        self.pieces.try_send(piece).map_err(|error| match error {
            TrySendError::Full(piece) => NotSent::Full(piece),
            TrySendError::Disconnected(_) => NotSent::Gone,
        })
    }

    /// Answers with one piece and ends.
    pub fn finish(self, piece: Piece) {
        // A fresh reply has room for both; if nobody waits, nobody cares.
        let _ = self.send(piece);
        let _ = self.send(Piece::End);
    }
}

/// How long the asking side waits for each step.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many times as long it waits for a reload.
const RELOAD: u32 = 12;
/// Pieces of one answer that wait to be written; at least 2, for [`Reply::finish`].
const PIECES: usize = 4;

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::filter::Filter;
    use crate::rows::ZoneRow;
    use crate::what::{Clearable, What};

    fn zones(count: usize) -> Rows {
        Rows::Zones(vec![ZoneRow::default(); count])
    }

    /// Asks while `core` serves one question.
    fn ask(request: Request, core: impl FnOnce(Question, Reply) + Send) -> String {
        let (asker, desk) = exchange(4);
        thread::scope(|scope| {
            scope.spawn(move || {
                let (question, reply) = loop {
                    match desk.next() {
                        Some(asked) => break asked,
                        None => thread::yield_now(),
                    }
                };
                core(question, reply);
            });
            let mut out = Vec::new();
            let response = asker.ask(request);
            response.write(&Filter::default(), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        })
    }

    fn clear() -> Request {
        Request::Clear {
            what: Clearable::Calls,
            filter: Filter::default(),
        }
    }

    #[test]
    fn rows_come_in_pieces_and_a_full_queue_gives_them_back() {
        let text = ask(Request::show(What::Zones), |question, reply| {
            assert_eq!(question, Question::Request(Request::show(What::Zones)));
            for _ in 0..20 {
                let mut piece = Piece::Rows(zones(3));
                while let Err(NotSent::Full(back)) = reply.send(piece) {
                    piece = back;
                    thread::yield_now();
                }
            }
            let mut end = Piece::End;
            while let Err(NotSent::Full(back)) = reply.send(end) {
                end = back;
                thread::yield_now();
            }
        });
        assert_eq!(text.matches("\"name\"").count(), 60);
        assert!(text.ends_with("]}\n"), "{text}");
    }

    #[test]
    fn the_core_is_never_kept_waiting() {
        let (asker, desk) = exchange(1);
        let asker = asker.with_timeout(Duration::from_millis(10));
        assert!(desk.next().is_none());
        let (sender, pieces) = crossbeam_channel::bounded(PIECES);
        let reply = Reply { pieces: sender };
        for _ in 0..PIECES {
            reply.send(Piece::End).unwrap();
        }
        assert!(matches!(reply.send(Piece::End), Err(NotSent::Full(_))));
        drop(pieces);
        assert!(matches!(reply.send(Piece::End), Err(NotSent::Gone)));
        // Nobody looks at the desk: one question waits, the next finds no room.
        assert_eq!(asker.snapshot(), Err(AskError::Timeout));
        assert_eq!(asker.snapshot(), Err(AskError::Timeout));
        drop(desk);
        assert_eq!(asker.snapshot(), Err(AskError::Stopping));
    }

    #[test]
    fn one_piece_answers_a_clear_a_refusal_and_an_empty_table() {
        let text = ask(clear(), |_, reply| reply.finish(Piece::Cleared(3)));
        assert_eq!(text, "{\"cleared\":3}\n");
        let text = ask(clear(), |_, reply| {
            reply.finish(Piece::Refused("not now".into()));
        });
        assert_eq!(text, "{\"error\":\"not now\"}\n");
        let text = ask(Request::show(What::Zones), |_, reply| {
            reply.finish(Piece::Rows(zones(0)));
        });
        assert_eq!(text, "{\"show\":\"zones\",\"rows\":[]}\n");
        let text = ask(clear(), |_, reply| reply.finish(Piece::Rows(zones(1))));
        assert!(text.contains("another question"), "{text}");
    }

    #[test]
    fn an_answer_given_up_half_way_says_so() {
        let text = ask(Request::show(What::Zones), |_, reply| {
            reply.send(Piece::Rows(zones(1))).unwrap();
        });
        assert!(
            text.ends_with("],\"error\":\"the appliance is stopping\"}\n"),
            "{text}"
        );
    }
}
