//! The asking end.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::filter::FilterError;
use crate::protocol::Request;
use crate::reloaded::Reloaded;
use crate::rows::Rows;
use crate::traced;
use crate::what::What;

/// What the appliance answers.
#[derive(Debug)]
pub enum Answer {
    /// The rows that were asked for.
    Shown(Shown),
    /// So many things were forgotten.
    Cleared(u64),
    /// What a reload did.
    Reloaded(Box<Reloaded>),
}

/// Rows as they came.
#[derive(Debug)]
pub struct Shown {
    what: What,
    rows: Box<RawValue>,
}

impl Shown {
    /// The JSON array, for `--json`.
    #[must_use]
    pub fn json(&self) -> &str {
        self.rows.get()
    }

    /// The rows, for a table.
    ///
    /// # Errors
    ///
    /// [`ClientError::Answer`] if they are not of the kind asked for.
    pub fn rows(&self) -> Result<Rows, ClientError> {
        Rows::from_json(self.what, self.rows.get()).map_err(ClientError::Answer)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is there.
    #[error(
        "no appliance answers at {}: is `portolan run` running? `--socket PATH` asks another ({cause})",
        path.display()
    )]
    NotRunning {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// Somebody is there and not for us.
    #[error("no right to use {}: only the user who runs the appliance and root may", .0.display())]
    Denied(PathBuf),
    /// Somebody is there and does not answer in time.
    #[error("the appliance at {} does not answer in time; it is overloaded, or others ask all the time", .0.display())]
    Timeout(PathBuf),
    /// The connection ended before the answer did.
    #[error("the appliance at {} closed the connection before its answer was complete", .0.display())]
    Closed(PathBuf),
    /// The connection failed.
    #[error("cannot talk to the appliance at {}: {cause}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The filter says nothing about what is asked.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// Whatever answered is no appliance, or one of another version.
    #[error("the answer cannot be read; is it an appliance of this version? ({0})")]
    Answer(#[source] serde_json::Error),
    /// An answer without anything in it.
    #[error("the answer is not one to the question; is it an appliance of this version?")]
    Unexpected,
    /// The appliance says why not.
    #[error("the appliance says: {0}")]
    Refused(String),
}

/// Asks the appliance at `path`.
///
/// # Errors
///
/// [`ClientError`], worth printing as it is.
pub fn request(path: &Path, request: &Request) -> Result<Answer, ClientError> {
    request.check()?;
    let mut line = request.to_line().map_err(ClientError::Answer)?;
    line.push('\n');
    let timeout = match request {
        Request::Reload { .. } => RELOAD_TIMEOUT,
        _ => ANSWER_TIMEOUT,
    };
    let answer = exchange(path, &line, timeout).map_err(|cause| explain(path, cause))?;
    if !answer.ends_with('\n') {
        return Err(ClientError::Closed(path.to_owned()));
    }
    let answer: RawAnswer = serde_json::from_str(&answer).map_err(ClientError::Answer)?;
    match (request, answer) {
        (
            _,
            RawAnswer {
                error: Some(reason),
                ..
            },
        ) => Err(ClientError::Refused(reason)),
        (
            Request::Show { what, .. },
            RawAnswer {
                rows: Some(rows), ..
            },
        ) => {
            let what = *what;
            Ok(Answer::Shown(Shown { what, rows }))
        }
        (
            Request::Clear { .. },
            RawAnswer {
                cleared: Some(count),
                ..
            },
        ) => Ok(Answer::Cleared(count)),
        (
            Request::Reload { .. },
            RawAnswer {
                reloaded: Some(reloaded),
                ..
            },
        ) => Ok(Answer::Reloaded(reloaded)),
        _ => Err(ClientError::Unexpected),
    }
}

/// Has the appliance at `path` trace packets; `each` is called with every line of its answer
/// but the last, which is returned, and says whether to go on.
///
/// # Errors
///
/// [`ClientError`], worth printing as it is.
pub fn trace(
    path: &Path,
    asked: &traced::Asked,
    mut each: impl FnMut(traced::Line) -> bool,
) -> Result<traced::Ended, ClientError> {
    let request = Request::Trace(asked.clone());
    let mut line = request.to_line().map_err(ClientError::Answer)?;
    line.push('\n');
    let explain = |cause| explain(path, cause);
    let mut stream = connect(path, CONNECT_TIMEOUT).map_err(explain)?;
    let timeouts = [
        stream.set_write_timeout(Some(ANSWER_TIMEOUT)),
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)),
        stream.write_all(line.as_bytes()),
    ];
    timeouts
        .into_iter()
        .collect::<io::Result<()>>()
        .map_err(explain)?;
    let mut packets = 0;
    for line in BufReader::with_capacity(READ_BUFFER, stream).lines() {
        let line = line.map_err(explain)?;
        if let Ok(RawAnswer {
            error: Some(reason),
            ..
        }) = serde_json::from_str(&line)
        {
            return Err(ClientError::Refused(reason));
        }
        match serde_json::from_str(&line).map_err(ClientError::Answer)? {
            traced::Line::Traced(ended) => return Ok(ended),
            line => {
                packets += u64::from(matches!(line, traced::Line::Packet(_)));
                if !each(line) {
                    return Ok(traced::Ended { packets, lost: 0 });
                }
            }
        }
    }
    Err(ClientError::Closed(path.to_owned()))
}

/// Any answer; keys of later versions are ignored.
#[derive(Deserialize)]
struct RawAnswer {
    rows: Option<Box<RawValue>>,
    cleared: Option<u64>,
    reloaded: Option<Box<Reloaded>>,
    error: Option<String>,
}

fn exchange(path: &Path, line: &str, timeout: Duration) -> io::Result<String> {
    let mut stream = connect(path, CONNECT_TIMEOUT)?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_read_timeout(Some(timeout))?;
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::with_capacity(READ_BUFFER, stream).read_line(&mut answer)?;
    Ok(answer)
}

/// Connects, waiting no longer than `timeout` for room in the server's queue.
///
/// The system has no such wait for Unix sockets, hence the thread; it ends with the connection.
pub(super) fn connect(path: &Path, timeout: Duration) -> io::Result<UnixStream> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let path = path.to_owned();
    thread::Builder::new()
        .name("control-connect".into())
        .spawn(move || {
            // Nobody listens any more after the timeout.
            let _ = sender.try_send(UnixStream::connect(path));
        })?;
    receiver
        .recv_timeout(timeout)
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn explain(path: &Path, cause: io::Error) -> ClientError {
    use io::ErrorKind::{
        BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, PermissionDenied, TimedOut,
        WouldBlock,
    };
    let path = path.to_owned();
    match cause.kind() {
        NotFound | ConnectionRefused => ClientError::NotRunning { path, cause },
        PermissionDenied => ClientError::Denied(path),
        TimedOut | WouldBlock => ClientError::Timeout(path),
        BrokenPipe | ConnectionReset => ClientError::Closed(path),
        _ => ClientError::Io { path, cause },
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For each piece of the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long for that of a reload, which looks at every session.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(90);
const READ_BUFFER: usize = 64 * 1024;
