//! The control socket: a Unix stream socket that speaks [`crate::protocol`].
//!
//! [`Server`] is the appliance's end, [`request`] that of `portolan show` and
//! `portolan clear`.  A connection may carry any number of requests, one after
//! the other.

mod bind;
mod client;

use std::io::{self, BufWriter};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

pub use bind::BindError;
pub use client::{Answer, ClientError, Shown, request, trace};

use crate::connections::{self, Limits, Running, Stream};
use crate::line::{self, Line, Lines};
use crate::protocol::{self, MAX_REQUEST, Request, RequestError, Response};

/// A control socket that nobody serves yet; clients already wait in its queue.
///
/// Invariant: the file at the path is this socket, mode 0600.  It goes when
/// this, or the [`Serving`] made of it, is dropped.
#[derive(Debug)]
pub struct Server {
    // Order of dropping: the name goes first, so nobody finds a dead socket.
    name: bind::Name,
    listener: UnixListener,
}

impl Server {
    /// Creates the socket.  A file left behind by a process that died is
    /// replaced; one that somebody serves is not.
    ///
    /// # Errors
    ///
    /// [`BindError`] if somebody serves it, or it cannot be created.
    pub fn bind(path: &Path) -> Result<Self, BindError> {
        let (listener, name) = bind::bind(path)?;
        Ok(Self { name, listener })
    }

    /// Answers requests with `handler`, on threads of their own, until the result is dropped.
    ///
    /// `handler` is called on up to 16 threads at once.  It may take its time; nobody but the
    /// client waits for it.
    ///
    /// # Errors
    ///
    /// [`io::Error`] if there can be no thread.
    pub fn serve<H>(self, handler: H) -> io::Result<Serving>
    where
        H: Fn(Request) -> Response + Send + Sync + 'static,
    {
        let running = connections::run(self.listener, "control", LIMITS, move |stream| {
            serve_one(stream, &handler);
        })?;
        Ok(Serving {
            _name: self.name,
            _running: running,
        })
    }
}

/// A control socket at work.
///
/// Dropping it removes the socket's file, lets answers under way finish for two
/// seconds, and ends all threads.
#[must_use = "dropping it ends the service"]
pub struct Serving {
    // Order of dropping, as in `Server`.
    _name: bind::Name,
    _running: Running<UnixStream>,
}

impl Serving {
    /// Ends the service, as dropping does.
    pub fn stop(self) {
        drop(self);
    }
}

fn serve_one(stream: &mut UnixStream, handler: &impl Fn(Request) -> Response) {
    let mut lines = Lines::default();
    loop {
        match lines.next(stream, MAX_REQUEST, REQUEST_TIMEOUT) {
            Line::Whole(line) => {
                let mut out = BufWriter::with_capacity(WRITE_BUFFER, &mut *stream);
                let written = protocol::answer(&line, handler, &mut out)
                    .and_then(|()| io::Write::flush(&mut out));
                if written.is_err() {
                    // What is buffered is of no use without the rest.
                    drop(out.into_parts());
                    return;
                }
            }
            Line::TooLong => {
                let refusal = Response::refused(RequestError::TooLong);
                if refusal
                    .write(&crate::filter::Filter::default(), stream)
                    .is_ok()
                {
                    // The rest of the line cannot be told from the next request.
                    let _ = Stream::shutdown(stream, Shutdown::Write);
                    line::drain(stream, MAX_DRAINED, DRAIN_TIMEOUT);
                }
                return;
            }
            Line::End => return,
        }
    }
}

const LIMITS: Limits = Limits {
    connections: 16,
    write: Duration::from_secs(10),
    grace: Duration::from_secs(2),
};

/// How long a client may take for one request line, or be silent between two.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const WRITE_BUFFER: usize = 64 * 1024;
const MAX_DRAINED: usize = 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
