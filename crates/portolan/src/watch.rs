//! A trace at work: takes records from the workers, tells whoever asked, and ends it.
//!
//! Beside the console's questions, which need not wait for it. One at a time: two would take each
//! other's packets out of the plain lane.

use std::collections::VecDeque;

use base::{Counter, Nanos};
use control::exchange::Piece;
use control::traced::{Asked, Ended, Line, Tracing};
use dataplane::{Command, Expression, Order, Record, SlowPath, Ticket};
use pktio::{PacketBuf, RingReceiver, RingSender};

use crate::book::Book;
use crate::console::Sink;
use crate::words;

/// Records that a worker has at least: as many as drops that are kept.
const FEWEST: u32 = 64;

/// And at most.
const RECORDS: u32 = 256;

/// Lines that wait for whoever asked; while there are more, records stay in the rings.
const WAITING: usize = 256;

/// How often whoever asked hears something.
const BEAT: Nanos = Nanos(1_000_000_000);

/// A trace.
pub(crate) struct Watch<K> {
    sink: K,
    ticket: Ticket,
    left: u32,
    told: u64,
    until: Nanos,
    beat: Nanos,
    /// Packets lost before it.
    lost: u64,
    ready: VecDeque<Piece>,
}

impl<K: Sink> Watch<K> {
    /// Has all workers trace.
    pub(crate) fn begin<B, S, R>(
        (asked, expression, ticket): (&Asked, &Expression, Ticket),
        (book, epoch, lost): (&Book, u64, u64),
        sink: K,
        slow: &mut SlowPath<B, S, R>,
        (workers, now): (usize, Nanos),
    ) -> Self
    where
        B: PacketBuf,
        S: RingSender<Buf = B>,
        R: RingReceiver<Buf = B>,
    {
        let until = now.plus(Nanos::from_secs(u64::from(asked.seconds)));
        let records = asked.count.clamp(FEWEST, RECORDS);
        for worker in 0..workers {
            // Each with records of its own that have room for a packet: a copy would not.
            let order = Order {
                ticket,
                expression: expression.clone(),
                past: asked.past,
                until,
                records: (0..=records).map(|_| Box::default()).collect(),
            };
            slow.command(worker, Command::Trace(Box::new(order)));
        }
        let first = Line::Tracing(Tracing {
            version: env!("CARGO_PKG_VERSION").into(),
            now: now.0,
            epoch,
            interfaces: words::interfaces(book),
        });
        Self {
            sink,
            ticket,
            left: asked.count,
            told: 0,
            until,
            beat: now,
            lost,
            ready: VecDeque::from([Piece::Traced(first)]),
        }
    }

    /// Tells what has come; false once that was all, and workers are told to stop.
    pub(crate) fn step<B, S, R>(
        &mut self,
        (book, epoch): (&Book, u64),
        slow: &mut SlowPath<B, S, R>,
        lost: impl FnOnce(&SlowPath<B, S, R>) -> u64,
        (workers, now): (usize, Nanos),
    ) -> bool
    where
        B: PacketBuf,
        S: RingSender<Buf = B>,
        R: RingReceiver<Buf = B>,
    {
        if self.ready.len() < WAITING {
            let mut traced = slow.take_traced();
            // Those of a trace before this one are nobody's.
            traced.retain(|(_, record)| record.ticket == self.ticket);
            traced.sort_by_key(|(_, record)| record.at);
            for (worker, record) in traced {
                self.tell(book, worker, &record, epoch);
                slow.command(worker, Command::Reuse(record));
                self.beat = now;
            }
        }
        if now >= self.beat.plus(BEAT) {
            self.beat = now;
            self.ready.push_back(Piece::Traced(Line::Waiting));
        }
        let over = self.left == 0 || now >= self.until;
        if over && self.ready.is_empty() {
            let ended = Ended {
                packets: self.told,
                lost: lost(slow).wrapping_sub(self.lost),
            };
            self.ready.push_back(Piece::Traced(Line::Traced(ended)));
            self.ready.push_back(Piece::End);
        }
        while let Some(piece) = self.ready.pop_front() {
            let last = matches!(piece, Piece::End);
            match self.sink.put(piece) {
                Ok(()) if !last => {}
                Err(Some(piece)) => {
                    self.ready.push_front(piece);
                    return true;
                }
                // All was told, or nobody listens any more.
                Ok(()) | Err(None) => {
                    for worker in 0..workers {
                        slow.command(worker, Command::Untrace);
                    }
                    return false;
                }
            }
        }
        true
    }

    fn tell(&mut self, book: &Book, worker: usize, record: &Record, epoch: u64) {
        if self.left > 0 {
            self.left -= 1;
            self.told += 1;
            let packet = words::packet(book, worker, record, epoch);
            self.ready
                .push_back(Piece::Traced(Line::Packet(Box::new(packet))));
        }
    }
}

/// Packets that were meant and not told of, ever.
pub(crate) fn lost(totals: &base::Counters) -> u64 {
    totals.value(Counter::TraceLost)
}
