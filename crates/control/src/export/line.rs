//! The way to a collector, whatever it is made of.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;

use base::Nanos;
use config::model::Transport;

use super::tcp::Tcp;
use super::udp::Udp;

/// What became of records since it was asked last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) sent: u64,
    pub(super) lost: u64,
}

impl Outcome {
    pub(super) fn take(&mut self) -> Self {
        core::mem::take(self)
    }
}

#[derive(Debug)]
pub(super) enum Line {
    Udp(Udp),
    Tcp(Tcp),
    File(Written),
}

impl Line {
    pub(super) fn to(address: SocketAddr, transport: Transport) -> Self {
        match transport {
            Transport::Udp => Self::Udp(Udp::new(address)),
            Transport::Tcp => Self::Tcp(Tcp::new(address)),
        }
    }

    /// Sends a message of so many records, now or soon; never waits.
    pub(super) fn send(&mut self, message: &[u8], records: u32, now: Nanos) {
        match self {
            Self::Udp(udp) => udp.send(message, records, now),
            Self::Tcp(tcp) => tcp.send(message, records),
            Self::File(file) => file.send(message, records),
        }
    }

    /// Does what time brings.
    pub(super) fn turn(&mut self, now: Nanos) {
        match self {
            Self::Udp(udp) => udp.turn(now),
            Self::Tcp(tcp) => tcp.turn(now),
            Self::File(_) => {}
        }
    }

    /// Whether whoever listens knows nothing yet of what came before: it was away. Said once.
    pub(super) fn takes_up(&mut self) -> bool {
        match self {
            Self::Udp(udp) => udp.takes_up(),
            Self::Tcp(tcp) => tcp.takes_up(),
            Self::File(file) => core::mem::take(&mut file.is_new),
        }
    }

    /// Messages follow each other without anything between, so that each has to say where
    /// it ends.
    pub(super) const fn is_stream(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    pub(super) const fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    pub(super) fn is_busy(&self) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.is_busy(),
            Self::Udp(_) | Self::File(_) => false,
        }
    }

    pub(super) fn give_up(&mut self) {
        match self {
            Self::Udp(udp) => udp.settle(),
            Self::Tcp(tcp) => tcp.give_up(),
            Self::File(_) => {}
        }
    }

    pub(super) fn take_outcome(&mut self) -> Outcome {
        match self {
            Self::Udp(udp) => udp.outcome.take(),
            Self::Tcp(tcp) => tcp.outcome.take(),
            Self::File(file) => file.outcome.take(),
        }
    }
}

/// A file instead of a collector.
#[derive(Debug)]
pub(super) struct Written {
    file: File,
    is_new: bool,
    outcome: Outcome,
}

impl Written {
    pub(super) fn new(file: File) -> Self {
        Self {
            file,
            is_new: true,
            outcome: Outcome::default(),
        }
    }

    fn send(&mut self, message: &[u8], records: u32) {
        match self.file.write_all(message) {
            Ok(()) => self.outcome.sent += u64::from(records),
            Err(_) => self.outcome.lost += u64::from(records),
        }
    }
}
