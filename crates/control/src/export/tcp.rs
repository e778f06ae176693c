//! A connection to a collector.
//!
//! ```text
//!  send ──> buffer ──> system ──> young ──(a second)──> sent
//!              │          connection breaks: buffer and young are lost
//!              └── no room: lost
//! ```
//!
//! Messages wait in a bounded buffer while there is no connection or it is slow. What was
//! handed to the system counts as sent when the connection has outlived it by a second: what
//! was on its way when it broke may not have arrived, and is counted as lost.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;

use base::Nanos;

use super::line::Outcome;

/// Bytes that may wait: some hundred thousand records.
const ROOM: usize = 4 << 20;

/// How long a connection may take to come about.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first and the longest wait for another try.
const FIRST_WAIT: Nanos = Nanos::from_secs(1);
const LONGEST_WAIT: Nanos = Nanos::from_secs(8);

/// What a connection has to outlive for what it took to count as sent.
const YOUNG: Nanos = Nanos::from_secs(1);

#[derive(Debug)]
enum State {
    /// The next try is then.
    Waiting(Nanos),
    /// Somebody tries.
    Connecting(Receiver<std::io::Result<TcpStream>>),
    Connected(TcpStream),
}

#[derive(Debug)]
pub(super) struct Tcp {
    address: SocketAddr,
    state: State,
    wait: Nanos,
    buffer: VecDeque<u8>,
    /// Bytes and records of each message in the buffer; of the first, the bytes still there.
    messages: VecDeque<(usize, u32)>,
    /// Records that the system has taken, and when.
    young: VecDeque<(Nanos, u32)>,
    takes_up: bool,
    pub(super) outcome: Outcome,
}

impl Tcp {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            state: State::Waiting(Nanos(0)),
            wait: FIRST_WAIT,
            buffer: VecDeque::new(),
            messages: VecDeque::new(),
            young: VecDeque::new(),
            takes_up: true,
            outcome: Outcome::default(),
        }
    }

    pub(super) fn send(&mut self, message: &[u8], records: u32) {
        if self.buffer.len() + message.len() > ROOM {
            self.outcome.lost += u64::from(records);
            return;
        }
        self.buffer.extend(message);
        self.messages.push_back((message.len(), records));
    }

    pub(super) fn turn(&mut self, now: Nanos) {
        match &mut self.state {
            State::Waiting(until) if now >= *until && !self.buffer.is_empty() => self.connect(now),
            State::Waiting(_) => {}
            State::Connecting(result) => match result.try_recv() {
                Ok(Ok(stream)) => {
                    self.state = State::Connected(stream);
                    self.wait = FIRST_WAIT;
                    self.write(now);
                }
                Err(TryRecvError::Empty) => {}
                Ok(Err(_)) | Err(TryRecvError::Disconnected) => self.wait_longer(now),
            },
            State::Connected(_) => self.write(now),
        }
        while let Some((at, records)) = self.young.front().copied()
            && now >= at.plus(YOUNG)
        {
            self.young.pop_front();
            self.outcome.sent += u64::from(records);
        }
    }

    pub(super) fn takes_up(&mut self) -> bool {
        core::mem::take(&mut self.takes_up)
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.buffer.is_empty()
    }

    #[cfg(test)]
    pub(super) const fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected(_))
    }

    #[cfg(test)]
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    /// What waits is lost; what was sent is taken to arrive, for the connection is closed in order.
    pub(super) fn give_up(&mut self) {
        let young: u64 = self.young.drain(..).map(|(_, n)| u64::from(n)).sum();
        self.outcome.sent += young;
        self.forget();
    }

    /// Tries on a thread of its own: a machine that is not there keeps nobody waiting.
    fn connect(&mut self, now: Nanos) {
        let (sender, receiver) = channel();
        let address = self.address;
        let attempt = move || {
            let stream = TcpStream::connect_timeout(&address, PATIENCE).and_then(|stream| {
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                Ok(stream)
            });
            // Nobody waits any more if the collector was taken out meanwhile.
            let _ = sender.send(stream);
        };
        let thread = std::thread::Builder::new().name("log-connect".into());
        match thread.spawn(attempt) {
            Ok(_) => self.state = State::Connecting(receiver),
            Err(_) => self.wait_longer(now),
        }
    }

    fn wait_longer(&mut self, now: Nanos) {
        self.state = State::Waiting(now.plus(self.wait));
        self.wait = LONGEST_WAIT.min(Nanos(self.wait.0.saturating_mul(2)));
    }

    /// As much as the system takes.
    fn write(&mut self, now: Nanos) {
        let State::Connected(stream) = &mut self.state else {
            return;
        };
        // Collectors say nothing; but this tells at once when one has gone.
        let mut nothing = [0; 64];
        let gone = match stream.read(&mut nothing) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => !is_passing(error.kind()),
        };
        if gone {
            return self.break_off(now);
        }
        while !self.buffer.is_empty() {
            let (front, _) = self.buffer.as_slices();
            match stream.write(front) {
                Ok(written) => {
                    self.buffer.drain(..written);
                    Self::note(&mut self.messages, &mut self.young, written, now);
                }
                Err(error) if is_passing(error.kind()) => return,
                Err(_) => return self.break_off(now),
            }
        }
    }

    /// The messages that these bytes complete are the system's from now on.
    fn note(
        messages: &mut VecDeque<(usize, u32)>,
        young: &mut VecDeque<(Nanos, u32)>,
        mut written: usize,
        now: Nanos,
    ) {
        while let Some((bytes, records)) = messages.front_mut() {
            let part = written.min(*bytes);
            written -= part;
            *bytes -= part;
            if *bytes > 0 {
                return;
            }
            match young.back_mut() {
                Some((at, sum)) if *at == now => *sum = sum.saturating_add(*records),
                _ => young.push_back((now, *records)),
            }
            messages.pop_front();
        }
    }

    fn break_off(&mut self, now: Nanos) {
        self.state = State::Waiting(now.plus(FIRST_WAIT));
        let young: u64 = self.young.drain(..).map(|(_, n)| u64::from(n)).sum();
        self.outcome.lost += young;
        self.forget();
        self.takes_up = true;
    }

    fn forget(&mut self) {
        self.buffer.clear();
        let lost: u64 = self.messages.drain(..).map(|(_, n)| u64::from(n)).sum();
        self.outcome.lost += lost;
    }
}

const fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
