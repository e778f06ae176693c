//! The gateway of one stream: bytes go to the worker, which reads them as those of one segment.
//!
//! ```text
//!  bytes ─> Question ─> worker: scan, resolve ─> how far, edits ─> rewritten
//! ```
//!
//! Mappings, doors and what the gateway notes are the worker's. While a question is on its way
//! the stream waits, and no longer than for the rest of a message.

use appproto::Scan;
use base::Direction;
use nat::SessionId;

use crate::command::{Diverted, Question};
use crate::slow::stream::{Framed, Parser};

/// What is known of a direction's first bytes.
#[derive(Debug, Default)]
enum State {
    /// That so many of them are not a whole message.
    #[default]
    Unread,
    Partial(usize),
    /// The worker has them.
    Asked,
    /// What becomes of them.
    Answered(Box<Question>),
}

/// Reads the messages of one stream.
#[derive(Debug)]
pub(super) struct Reader {
    session: SessionId,
    stream: u32,
    outbound: State,
    inbound: State,
    /// For the worker.
    asking: Vec<Box<Question>>,
    /// Bytes of a question.
    most: usize,
    /// There is nothing more to be read.
    is_done: bool,
}

impl Reader {
    pub(super) const fn new(told: &Diverted, most: usize) -> Self {
        Self {
            session: told.attached.session,
            stream: told.stream,
            outbound: State::Unread,
            inbound: State::Unread,
            asking: Vec::new(),
            most,
            is_done: false,
        }
    }

    /// Whether the gateway is done with the connection.
    pub(super) const fn is_done(&self) -> bool {
        self.is_done
    }

    /// Questions for the worker since the last call.
    pub(super) fn take_questions(&mut self) -> Vec<Box<Question>> {
        core::mem::take(&mut self.asking)
    }

    /// Takes an answer.
    pub(super) fn answer(&mut self, question: Box<Question>) {
        let state = self.state(question.direction);
        if matches!(state, State::Asked) {
            *state = State::Answered(question);
        }
    }

    const fn state(&mut self, direction: Direction) -> &mut State {
        match direction {
            Direction::Outbound => &mut self.outbound,
            Direction::Inbound => &mut self.inbound,
        }
    }

    fn ask(&mut self, direction: Direction, bytes: &[u8]) -> Framed {
        if self.is_done {
            return Framed::Release;
        }
        self.asking.push(Box::new(Question {
            session: self.session,
            stream: self.stream,
            direction,
            bytes: bytes.get(..self.most).unwrap_or(bytes).to_vec(),
            scan: Scan::Release,
            edits: alg::Edits::new(),
        }));
        *self.state(direction) = State::Asked;
        Framed::Wait
    }

    fn answered(&mut self, question: &Question, bytes: &[u8], new: &mut Vec<u8>) -> Framed {
        let asked = question.bytes.len();
        let len = match question.scan {
            Scan::Complete => asked,
            Scan::NeedMore { from } | Scan::Full { from } => from.min(asked),
            Scan::Release => {
                self.is_done = true;
                asked
            }
        };
        if len == 0 {
            *self.state(question.direction) = State::Partial(asked);
            return self.next(question.direction, bytes, new);
        }
        let Some(messages) = bytes.get(..len) else {
            return Framed::Release;
        };
        match question.edits.is_empty() {
            true if self.is_done => Framed::Release,
            true => Framed::Unchanged(len),
            false => {
                splice(messages, &question.edits, new);
                Framed::Rewritten(len)
            }
        }
    }
}

impl Parser for Reader {
    fn next(&mut self, direction: Direction, bytes: &[u8], new: &mut Vec<u8>) -> Framed {
        match core::mem::take(self.state(direction)) {
            State::Unread => self.ask(direction, bytes),
            State::Partial(asked) if bytes.len().min(self.most) > asked => {
                self.ask(direction, bytes)
            }
            State::Partial(asked) => {
                *self.state(direction) = State::Partial(asked);
                Framed::NeedMore
            }
            State::Asked => {
                *self.state(direction) = State::Asked;
                Framed::Wait
            }
            State::Answered(question) => self.answered(&question, bytes, new),
        }
    }
}

/// Appends `messages` with their changes.
fn splice(messages: &[u8], edits: &[alg::Edit], new: &mut Vec<u8>) {
    let mut from = 0;
    for edit in edits {
        let plain = messages.get(from..edit.span.start);
        new.extend_from_slice(plain.unwrap_or_default());
        new.extend_from_slice(&edit.text);
        from = edit.span.end;
    }
    new.extend_from_slice(messages.get(from..).unwrap_or_default());
}
