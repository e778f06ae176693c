//! A bounded number of connections, each on a thread of its own.
//!
//! One thread accepts.  While [`Limits::connections`] are being served it does not, so
//! further clients wait in the kernel's queue.  Stopping wakes the accepting
//! thread by shutting its socket down, ends reading on every open connection
//! so that answers under way are still written, and cuts what is left after
//! [`Limits::grace`].  Owned by whoever started it; dropping it stops it.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A socket that connections come from.
pub(crate) trait Listener: Send + Sized + 'static {
    /// One connection.
    type Stream: Stream;

    /// Waits for the next connection.
    fn accept(&self) -> io::Result<Self::Stream>;

    /// The same socket as a stream: shutting that down makes [`Listener::accept`] return.
    fn waker(&self) -> io::Result<Self::Stream>;
}

/// One connection.
pub(crate) trait Stream: Read + Write + Send + Sized + 'static {
    /// Another handle of the same connection.
    fn duplicate(&self) -> io::Result<Self>;
    /// Ends one direction or both.
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
    /// Longest wait of one `read`.
    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()>;
    /// Longest wait of one `write`.
    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()>;
}

macro_rules! sockets {
    ($listener:ident, $stream:ident) => {
        impl Listener for $listener {
            type Stream = $stream;

            fn accept(&self) -> io::Result<$stream> {
                $listener::accept(self).map(|(stream, _)| stream)
            }

            fn waker(&self) -> io::Result<$stream> {
                self.try_clone()
                    .map(|listener| $stream::from(OwnedFd::from(listener)))
            }
        }

        impl Stream for $stream {
            fn duplicate(&self) -> io::Result<Self> {
                self.try_clone()
            }

            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                $stream::shutdown(self, how)
            }

            fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
                $stream::set_read_timeout(self, Some(timeout))
            }

            fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
                $stream::set_write_timeout(self, Some(timeout))
            }
        }
    };
}

sockets!(UnixListener, UnixStream);
sockets!(TcpListener, TcpStream);

/// Bounds of a [`Running`] server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections served at once.
    pub(crate) connections: usize,
    /// Longest wait of one `write`.
    pub(crate) write: Duration,
    /// How long answers under way may take after a stop.
    pub(crate) grace: Duration,
}

/// A server at work; stops when dropped.
pub(crate) struct Running<S: Stream> {
    open: Arc<Open<S>>,
    waker: S,
    grace: Duration,
    acceptor: Option<JoinHandle<()>>,
}

/// Serves every connection of `listener` with `each`, on threads called `name`.
pub(crate) fn run<L, F>(
    listener: L,
    name: &'static str,
    limits: Limits,
    each: F,
) -> io::Result<Running<L::Stream>>
where
    L: Listener,
    F: Fn(&mut L::Stream) + Send + Sync + 'static,
{
    let open = Arc::new(Open::default());
    let waker = listener.waker()?;
    let acceptor = {
        let open = Arc::clone(&open);
        thread::Builder::new()
            .name(name.into())
            .spawn(move || accept_all(&listener, name, limits, &open, &Arc::new(each)))?
    };
    Ok(Running {
        open,
        waker,
        grace: limits.grace,
        acceptor: Some(acceptor),
    })
}

impl<S: Stream> Drop for Running<S> {
    fn drop(&mut self) {
        self.open.lock().stopping = true;
        self.open.changed.notify_all();
        // Errors mean that the socket is down already.
        let _ = self.waker.shutdown(Shutdown::Both);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.open.shutdown(Shutdown::Read);
        if !self.open.wait_until_empty(self.grace) {
            self.open.shutdown(Shutdown::Both);
            self.open.wait_until_empty(self.grace);
        }
    }
}

/// The connections being served.
struct Open<S> {
    state: Mutex<State<S>>,
    changed: Condvar,
}

struct State<S> {
    streams: HashMap<u64, S>,
    next: u64,
    stopping: bool,
}

impl<S> Default for Open<S> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                streams: HashMap::new(),
                next: 0,
                stopping: false,
            }),
            changed: Condvar::new(),
        }
    }
}

impl<S: Stream> Open<S> {
    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room; false if there will be none.
    fn wait_for_room(&self, connections: usize) -> bool {
        let mut state = self.lock();
        while !state.stopping && state.streams.len() >= connections {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        !state.stopping
    }

    fn wait_until_empty(&self, timeout: Duration) -> bool {
        self.changed
            .wait_timeout_while(self.lock(), timeout, |state| !state.streams.is_empty())
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .streams
            .is_empty()
    }

    fn shutdown(&self, how: Shutdown) {
        for stream in self.lock().streams.values() {
            // Errors mean that the other side went first.
            let _ = stream.shutdown(how);
        }
    }

    fn add(self: &Arc<Self>, stream: S) -> Place<S> {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.streams.insert(number, stream);
        Place {
            open: Arc::clone(self),
            number,
        }
    }
}

/// Held while a connection is served.
struct Place<S: Stream> {
    open: Arc<Open<S>>,
    number: u64,
}

impl<S: Stream> Drop for Place<S> {
    fn drop(&mut self) {
        self.open.lock().streams.remove(&self.number);
        self.open.changed.notify_all();
    }
}

fn accept_all<L, F>(
    listener: &L,
    name: &'static str,
    limits: Limits,
    open: &Arc<Open<L::Stream>>,
    each: &Arc<F>,
) where
    L: Listener,
    F: Fn(&mut L::Stream) + Send + Sync + 'static,
{
    while open.wait_for_room(limits.connections) {
        match listener.accept() {
            // A connection that cannot be set up is closed; its client sees that.
            Ok(stream) => drop(start(stream, name, limits, open, each)),
            // Out of descriptors, most likely, or the stop itself.
            Err(_) if !open.lock().stopping => thread::sleep(AFTER_FAILED_ACCEPT),
            Err(_) => {}
        }
    }
}

fn start<S, F>(
    mut stream: S,
    name: &'static str,
    limits: Limits,
    open: &Arc<Open<S>>,
    each: &Arc<F>,
) -> io::Result<()>
where
    S: Stream,
    F: Fn(&mut S) + Send + Sync + 'static,
{
    stream.set_write_timeout(limits.write)?;
    let place = open.add(stream.duplicate()?);
    let each = Arc::clone(each);
    thread::Builder::new().name(name.into()).spawn(move || {
        each(&mut stream);
        // A duplicate is kept by `place` until here, so closing alone would not do.
        let _ = stream.shutdown(Shutdown::Both);
        drop(place);
    })?;
    Ok(())
}

/// Pause before the next attempt, so that a lasting failure does not take a core.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);
