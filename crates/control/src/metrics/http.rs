//! As much HTTP/1.1 as a scraper needs: one `GET /metrics` for each connection.
//!
//! The body of a request is never read as such; every answer closes the connection.

use std::fmt;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::Snapshot;
use crate::connections::{self, Limits, Running, Stream};
use crate::line::{self, Line, Lines};

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot serve metrics on {address}: {cause}; `control.metrics` takes an address of this machine and a free port"
)]
pub struct MetricsError {
    /// Where they would have been.
    pub address: SocketAddr,
    /// What the system says.
    #[source]
    pub cause: io::Error,
}

/// Metrics being served; dropping it ends that.
#[must_use = "dropping it ends the service"]
pub struct Serving {
    address: SocketAddr,
    _running: Running<TcpStream>,
}

impl Serving {
    /// Where they are; of use if the port asked for was 0.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the service, as dropping does.
    pub fn stop(self) {
        drop(self);
    }
}

/// Serves `http://ADDRESS/metrics`, with a fresh snapshot from `source` for each request.
///
/// `source` is called on up to 8 threads at once.  If it fails, the scraper gets 503 and the
/// reason.
///
/// # Errors
///
/// [`MetricsError`] if the address cannot be used, or there can be no thread.
pub fn serve<F, E>(address: SocketAddr, source: F) -> Result<Serving, MetricsError>
where
    F: Fn() -> Result<Snapshot, E> + Send + Sync + 'static,
    E: fmt::Display,
{
    let start = || {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let running = connections::run(listener, "metrics", LIMITS, move |stream| {
            serve_one(stream, &source);
        })?;
        Ok(Serving {
            address,
            _running: running,
        })
    };
    start().map_err(|cause| MetricsError { address, cause })
}

fn serve_one<E: fmt::Display>(stream: &mut TcpStream, source: &impl Fn() -> Result<Snapshot, E>) {
    let answer = match read_request(stream) {
        Some(Ok(request)) => respond(&request, source),
        Some(Err(status)) => Answer::plain(status, status.text()),
        None => return,
    };
    if answer.write(stream).is_ok() {
        let _ = Stream::shutdown(stream, Shutdown::Write);
        line::drain(stream, MAX_DRAINED, DRAIN_TIMEOUT);
    }
}

/// The request line, once the header has been read to its end; `None` if nothing came.
fn read_request(stream: &mut TcpStream) -> Option<Result<Vec<u8>, Status>> {
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    let mut lines = Lines::default();
    let mut request = None;
    let mut room = MAX_HEADER;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match (lines.next(stream, room, left), &request) {
            (Line::Whole(line), Some(_)) if line.is_empty() => return request.map(Ok),
            (Line::Whole(line), _) => {
                room = room.saturating_sub(line.len() + 1);
                request.get_or_insert(line);
            }
            (Line::TooLong, _) => return Some(Err(Status::HeaderTooLarge)),
            (Line::End, Some(_)) => return Some(Err(Status::Timeout)),
            (Line::End, None) => return None,
        }
    }
}

fn respond<E: fmt::Display>(request: &[u8], source: &impl Fn() -> Result<Snapshot, E>) -> Answer {
    let mut words = request.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Answer::plain(Status::Bad, Status::Bad.text());
    };
    if !version.starts_with(b"HTTP/1.") {
        return Answer::plain(Status::Bad, Status::Bad.text());
    }
    let path = target.split(|byte| *byte == b'?').next().unwrap_or(target);
    if path != b"/metrics" {
        return Answer::plain(Status::NotFound, "the metrics are at /metrics");
    }
    if method != b"GET" {
        return Answer::plain(Status::Method, "only GET is served");
    }
    match source() {
        Ok(snapshot) => snapshot.to_text().map_or_else(
            |_| Answer::plain(Status::Unavailable, Status::Unavailable.text()),
            |body| Answer {
                status: Status::Ok,
                body,
            },
        ),
        Err(error) => Answer::plain(Status::Unavailable, &error.to_string()),
    }
}

/// Status codes in use.
#[derive(Clone, Copy)]
enum Status {
    Ok,
    Bad,
    NotFound,
    Method,
    Timeout,
    HeaderTooLarge,
    Unavailable,
}

impl Status {
    const fn text(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::Bad => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::Method => "405 Method Not Allowed",
            Self::Timeout => "408 Request Timeout",
            Self::HeaderTooLarge => "431 Request Header Fields Too Large",
            Self::Unavailable => "503 Service Unavailable",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Ok => "text/plain; version=0.0.4; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// Header lines that only this status has.
    const fn extra(self) -> &'static str {
        match self {
            Self::Method => "Allow: GET\r\n",
            _ => "",
        }
    }
}

struct Answer {
    status: Status,
    body: String,
}

impl Answer {
    fn plain(status: Status, text: &str) -> Self {
        let body = format!("{text}\n");
        Self { status, body }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { status, body } = self;
        let header = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n",
            status.text(),
            status.content_type(),
            body.len(),
            status.extra(),
        );
        out.write_all(header.as_bytes())?;
        out.write_all(body.as_bytes())
    }
}

const LIMITS: Limits = Limits {
    connections: 8,
    write: Duration::from_secs(5),
    grace: Duration::from_secs(1),
};

/// For the whole header of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_HEADER: usize = 8 * 1024;
const MAX_DRAINED: usize = 256 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);
