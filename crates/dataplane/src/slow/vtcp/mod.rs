//! Connections whose messages come in parts (vTCP): a stream for each, from when its worker
//! diverts it until it is handed back.
//!
//! ```text
//!  worker ── diverted ──> begin ──> Stream ── bytes ─> worker ─> edits ─> answered
//!         ── segments ──> arrived ─────┤  (its Reader)
//!         ── ended ─────> ended        └── segments, or its last word (TakeBack) ─> worker
//! ```
//!
//! A stream is found by its worker and the number of its session. Segments come and go
//! translated: only numbers and bytes are changed here. What comes for a session that has no
//! stream goes back to its worker, to be looked at there.
//!
//! Owned by the slow path; bounded by [`MAX_STREAMS`] and by the memory that all of them share.

mod frame;
mod reader;

use core::net::Ipv4Addr;
use std::collections::{BTreeSet, HashMap};

use base::{Counter, Direction, Nanos};
use nat::Notice;
use nat::sequence::Handed;
use pktio::PacketBuf;

use crate::command::{Command, Diverted, Question, TakeBack};
use crate::mark::{Mark, Punt, Ref};
use crate::slow::stream::{Around, Begun, Cause, Emitted, Fate, Limits, Memory, Outlet, Stream};
use crate::topology::StreamLimits;
use frame::{Ends, Face};
use reader::Reader;

/// Most connections at a time.
const MAX_STREAMS: usize = 1 << 14;

/// How long nothing must have been missing before a session is handed back.
const QUIET: Nanos = Nanos::from_secs(1);

/// Worker and number of the session.
type Key = (usize, u32);

/// What has to be done.
#[derive(Debug)]
pub(super) enum Action<B> {
    /// A marked frame goes to the worker.
    Send(B),
    /// A message.
    Tell(Command),
    /// An event.
    Notice(Notice),
    /// Something to count.
    Count(Counter),
}

/// Buffers for frames.
type Allocate<'a, B> = &'a mut dyn FnMut() -> Option<B>;

/// All of them.
pub(super) struct Streams {
    table: HashMap<Key, Entry>,
    due: BTreeSet<(Nanos, Key)>,
    memory: Memory,
    limits: Limits,
    id: u16,
}

struct Entry {
    told: Diverted,
    stream: Stream,
    reader: Reader,
    /// By the direction a host sends in.
    faces: [Face; 2],
    interface: u16,
    /// When something was missing last.
    lacked: Nanos,
    due: Option<Nanos>,
}

/// Writes what a stream sends.
struct Wire<'a, B> {
    session: u32,
    interface: u16,
    ends: [Ends; 2],
    faces: [Face; 2],
    id: &'a mut u16,
    allocate: Allocate<'a, B>,
    actions: &'a mut Vec<Action<B>>,
}

impl<B: PacketBuf> Wire<'_, B> {
    fn frame(&mut self, segment: &Emitted<'_>) -> Option<B> {
        let direction = segment.direction;
        let ends = *self.ends.get(direction as usize)?;
        let face = *self.faces.get(direction as usize)?;
        *self.id = self.id.wrapping_add(1);
        let mut buf = (self.allocate)()?;
        frame::write(&mut buf, segment, ends, face, *self.id)?;
        let of = Ref {
            session: self.session,
            direction,
        };
        buf.set_mark(Mark::new(Punt::Inject(of), self.interface).encode());
        Some(buf)
    }
}

impl<B: PacketBuf> Outlet for Wire<'_, B> {
    fn emit(&mut self, segment: &Emitted<'_>) {
        let action = match self.frame(segment) {
            Some(buf) => Action::Send(buf),
            None => Action::Count(Counter::AlgVtcpDropped),
        };
        self.actions.push(action);
    }
}

impl Streams {
    pub(super) fn new(limits: StreamLimits) -> Self {
        let own = Limits::default();
        Self {
            table: HashMap::new(),
            due: BTreeSet::new(),
            memory: Memory::new(limits.memory),
            limits: Limits {
                max_message: limits.max_message,
                capacity: own.capacity.max(2 * limits.max_message),
                ..own
            },
            id: 0,
        }
    }

    /// When [`expire`](Self::expire) has something to do.
    pub(super) fn next_due(&self) -> Option<Nanos> {
        self.due.first().map(|(due, _)| *due)
    }

    /// A worker has diverted a session.
    pub(super) fn begin<B>(
        &mut self,
        worker: usize,
        told: &Diverted,
        now: Nanos,
    ) -> Vec<Action<B>> {
        let key = (worker, told.attached.session.number());
        self.forget(key);
        let mut actions = vec![Action::Count(Counter::AlgVtcpStreams)];
        if self.table.len() >= MAX_STREAMS {
            let handed = told.begun.map(|begun: Begun| Handed {
                from: begun.next.0,
                next: begun.next.0,
                offset: begun.offset,
            });
            let back = take_back(told, handed, true);
            actions.push(Action::Tell(Command::TakeBack(back)));
            actions.extend(released(told, Cause::Memory));
            return actions;
        }
        let mut entry = Entry {
            told: *told,
            stream: Stream::pick_up(self.limits, told.hosts, told.begun),
            reader: Reader::new(told, self.limits.max_message),
            faces: [Face::default(); 2],
            interface: 0,
            lacked: now,
            due: None,
        };
        entry.set_due(key, now, &mut self.due);
        self.table.insert(key, entry);
        actions
    }

    /// A segment of a session that was diverted.
    pub(super) fn arrived<B: PacketBuf>(
        &mut self,
        (worker, of, interface): (usize, Ref, u16),
        mut buf: B,
        now: Nanos,
        allocate: Allocate<'_, B>,
    ) -> Vec<Action<B>> {
        let mut actions = Vec::new();
        let key = (worker, of.session);
        let Some((arrived, ends, face)) = frame::read(buf.bytes(), of.direction) else {
            return vec![Action::Count(Counter::AlgVtcpDropped)];
        };
        let entry = self.table.get_mut(&key);
        let Some(entry) = entry.filter(|entry| entry.ends(of.direction) == Some(ends)) else {
            return vec![marked(buf, Punt::Resume(of), interface)];
        };
        entry.interface = interface;
        if let Some(place) = entry.faces.get_mut(of.direction as usize) {
            *place = face;
        }
        let fate = entry.with(
            (&mut self.memory, &mut self.id),
            now,
            allocate,
            &mut actions,
            |stream, around| stream.arrived(&arrived, around),
        );
        match fate {
            Fate::Taken => {}
            Fate::Pass => actions.push(marked(buf, Punt::Inject(of), interface)),
            Fate::PassEmpty => actions.push(match frame::empty(&mut buf) {
                Some(()) => marked(buf, Punt::Inject(of), interface),
                None => Action::Count(Counter::AlgVtcpDropped),
            }),
            Fate::Over => actions.push(marked(buf, Punt::Resume(of), interface)),
        }
        self.settle(key, now, allocate, &mut actions);
        actions
    }

    /// A worker has answered a question.
    pub(super) fn answered<B: PacketBuf>(
        &mut self,
        worker: usize,
        question: Box<Question>,
        now: Nanos,
        allocate: Allocate<'_, B>,
    ) -> Vec<Action<B>> {
        let mut actions = Vec::new();
        let key = (worker, question.session.number());
        let entry = self.table.get_mut(&key);
        if let Some(entry) = entry.filter(|entry| entry.told.stream == question.stream) {
            let direction = question.direction;
            entry.reader.answer(question);
            entry.with(
                (&mut self.memory, &mut self.id),
                now,
                allocate,
                &mut actions,
                |stream, around| stream.answered(direction, around),
            );
            self.settle(key, now, allocate, &mut actions);
        }
        actions
    }

    /// A session has ended.
    pub(super) fn ended(&mut self, worker: usize, session: u32, stream: u32) {
        let key = (worker, session);
        let is_it = |entry: &Entry| entry.told.stream == stream;
        if self.table.get(&key).is_some_and(is_it) {
            self.forget(key);
        }
    }

    /// Does what is due.
    pub(super) fn expire<B: PacketBuf>(
        &mut self,
        now: Nanos,
        allocate: Allocate<'_, B>,
    ) -> Vec<(usize, Vec<Action<B>>)> {
        let mut all = Vec::new();
        while let Some((due, key)) = self.due.first().copied()
            && due <= now
        {
            self.due.pop_first();
            let mut actions = Vec::new();
            if let Some(entry) = self.table.get_mut(&key) {
                entry.due = None;
                entry.with(
                    (&mut self.memory, &mut self.id),
                    now,
                    allocate,
                    &mut actions,
                    |stream, around| {
                        stream.due(around);
                    },
                );
                self.settle(key, now, allocate, &mut actions);
            }
            all.push((key.0, actions));
        }
        all
    }

    /// After a step of a stream: asks its worker, lets go of it, or notes when it is due.
    fn settle<B: PacketBuf>(
        &mut self,
        key: Key,
        now: Nanos,
        allocate: Allocate<'_, B>,
        actions: &mut Vec<Action<B>>,
    ) {
        let Some(entry) = self.table.get_mut(&key) else {
            return;
        };
        for question in entry.reader.take_questions() {
            actions.push(Action::Tell(Command::Read(question)));
        }
        if entry.stream.is_lacking() {
            entry.lacked = now;
        }
        let cause = entry.stream.cause();
        if cause.is_none() && entry.is_quiet(now) && entry.stream.is_idle() {
            entry.with(
                (&mut self.memory, &mut self.id),
                now,
                allocate,
                actions,
                |stream, around| {
                    stream.let_go(around);
                },
            );
        }
        if entry.stream.is_over() {
            actions.extend(entry.last_word(cause));
            self.forget(key);
        } else {
            entry.set_due(key, now, &mut self.due);
        }
    }

    fn forget(&mut self, key: Key) {
        if let Some(mut entry) = self.table.remove(&key) {
            entry.stream.close(&mut self.memory);
            if let Some(due) = entry.due {
                self.due.remove(&(due, key));
            }
        }
    }
}

impl Entry {
    fn ends(&self, direction: Direction) -> Option<Ends> {
        self.told.ends.get(direction as usize).copied()
    }

    fn is_quiet(&self, now: Nanos) -> bool {
        now >= self.lacked.plus(QUIET)
    }

    /// One step of the stream.
    fn with<B: PacketBuf, T>(
        &mut self,
        (memory, id): (&mut Memory, &mut u16),
        now: Nanos,
        allocate: Allocate<'_, B>,
        actions: &mut Vec<Action<B>>,
        step: impl FnOnce(&mut Stream, &mut Around<'_, Reader, Wire<'_, B>>) -> T,
    ) -> T {
        let mut outlet = Wire {
            session: self.told.attached.session.number(),
            interface: self.interface,
            ends: self.told.ends,
            faces: self.faces,
            id,
            allocate,
            actions,
        };
        let mut around = Around {
            parser: &mut self.reader,
            outlet: &mut outlet,
            memory,
            now,
        };
        step(&mut self.stream, &mut around)
    }

    fn set_due(&mut self, key: Key, now: Nanos, all: &mut BTreeSet<(Nanos, Key)>) {
        let quiet = Some(self.lacked.plus(QUIET)).filter(|due| now < *due);
        let due = self.stream.next_due().into_iter().chain(quiet).min();
        if due != self.due {
            if let Some(old) = self.due {
                all.remove(&(old, key));
            }
            if let Some(new) = due {
                all.insert((new, key));
            }
            self.due = due;
        }
    }

    /// What the worker is told at the end; `cause` is why, unless it was only let go.
    fn last_word<B>(&self, cause: Option<Cause>) -> Vec<Action<B>> {
        let is_lost = !matches!(cause, None | Some(Cause::Closed | Cause::Reset));
        let handed = self.stream.handed().unwrap_or_default();
        let is_released = is_lost || self.reader.is_done();
        let back = take_back(&self.told, handed, is_released);
        let mut actions = vec![Action::Tell(Command::TakeBack(back))];
        if let Some(cause) = cause.filter(|_| is_lost) {
            actions.extend(released(&self.told, cause));
        }
        actions
    }
}

fn take_back(told: &Diverted, handed: [Handed; 2], released: bool) -> TakeBack {
    TakeBack {
        session: told.attached.session,
        stream: told.stream,
        handed,
        released,
    }
}

/// A connection goes on without its gateway.
fn released<B>(told: &Diverted, cause: Cause) -> Vec<Action<B>> {
    let (inside, realm) = told.subscriber;
    let mut actions = vec![Action::Count(Counter::AlgVtcpReleased)];
    // What is not the protocol, or secret from here on, is nothing unusual.
    if cause != Cause::Released {
        actions.push(Action::Notice(Notice::StreamReleased {
            inside: Ipv4Addr::from_bits(inside),
            realm,
            gateway: told.attached.gateway,
            why: cause.name(),
        }));
    }
    actions
}

fn marked<B: PacketBuf>(mut buf: B, punt: Punt, interface: u16) -> Action<B> {
    buf.set_mark(Mark::new(punt, interface).encode());
    Action::Send(buf)
}
