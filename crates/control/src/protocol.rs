//! Requests and answers as lines of JSON.
//!
//! ```text
//! {"show": "translations", "filter": {"inside": "10.64.0.7"}}
//!                                   {"show": "translations", "rows": [ ... ]}
//! {"clear": "counters"}             {"cleared": 71}
//! {"reload": "", "dry_run": true}   {"reloaded": { ... }}
//! {"trace": "udp", "count": 5, "seconds": 10}    lines, see [`crate::traced`]
//! anything else                     {"error": "what is wrong"}
//! ```
//!
//! One line each way, but for a trace.  Rows are written chunk by chunk as they arrive, so an
//! answer with a million of them is never held in memory.  If the rows end
//! early the line is still whole: it ends with an `error` key beside `rows`.

use std::error::Error;
use std::io;

use serde::{Deserialize, Serialize};

use crate::filter::{Filter, FilterError};
use crate::reloaded::Reloaded;
use crate::rows::Rows;
use crate::traced;
use crate::what::{Clearable, UnknownClearable, UnknownWhat, What};

/// A question to the appliance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Rows of a kind.
    Show {
        /// Their kind.
        what: What,
        /// Which of them.
        filter: Filter,
    },
    /// Forget state of a kind.
    Clear {
        /// Its kind.
        what: Clearable,
        /// Which of it.
        filter: Filter,
    },
    /// Read the configuration again and change what may change at run time.
    Reload {
        /// The file; `None`: the appliance's own. Another one only for a dry run.
        file: Option<String>,
        /// Only say what it would do.
        dry_run: bool,
    },
    /// Tell what becomes of packets.
    Trace(traced::Asked),
}

/// What goes over the wire for a [`Request`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    show: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clear: Option<String>,
    /// A file, or empty for the appliance's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reload: Option<String>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    dry_run: bool,
    /// An expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    past: bool,
    #[serde(default)]
    filter: Filter,
}

/// Why a line is no [`Request`].
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Not JSON, or not of that form.
    #[error("not a request: {0}")]
    Syntax(#[from] serde_json::Error),
    /// None of `show`, `clear`, `reload` and `trace`, or several.
    #[error("not a request: there must be either `show`, `clear`, `reload` or `trace`")]
    Verb,
    /// `dry_run` with something else than `reload`.
    #[error("not a request: `dry_run` goes with `reload`")]
    DryRun,
    /// What belongs to `trace` with something else.
    #[error("not a request: `count`, `seconds` and `past` go with `trace`")]
    Trace,
    /// A trace without end.
    #[error(
        "not a request: `count` must be from 1 to {}, `seconds` from 1 to {}",
        traced::MAX_COUNT,
        traced::MAX_SECONDS
    )]
    Endless,
    /// Unknown kind of row.
    #[error(transparent)]
    What(#[from] UnknownWhat),
    /// Unknown kind of state to forget.
    #[error(transparent)]
    Clearable(#[from] UnknownClearable),
    /// A filter that means nothing there.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The line is longer than [`MAX_REQUEST`].
    #[error("the request is longer than {MAX_REQUEST} bytes")]
    TooLong,
}

/// Longest request line, in bytes, without its end.
pub const MAX_REQUEST: usize = 64 * 1024;

impl Request {
    /// A request for all rows of a kind.
    #[must_use]
    pub fn show(what: What) -> Self {
        let filter = Filter::default();
        Self::Show { what, filter }
    }

    /// Reads one line.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if it is too long, no request, or its filter means nothing there.
    pub fn parse(line: &[u8]) -> Result<Self, RequestError> {
        if line.len() > MAX_REQUEST {
            return Err(RequestError::TooLong);
        }
        let RawRequest {
            show,
            clear,
            reload,
            dry_run,
            trace,
            count,
            seconds,
            past,
            filter,
        } = serde_json::from_slice(line)?;
        if dry_run && reload.is_none() {
            return Err(RequestError::DryRun);
        }
        if trace.is_none() && (count.is_some() || seconds.is_some() || past) {
            return Err(RequestError::Trace);
        }
        let request = match (show, clear, reload, trace) {
            (Some(what), None, None, None) => Self::Show {
                what: what.parse()?,
                filter,
            },
            (None, Some(what), None, None) => Self::Clear {
                what: what.parse()?,
                filter,
            },
            (None, None, Some(file), None) => Self::Reload {
                file: Some(file).filter(|file| !file.is_empty()),
                dry_run,
            },
            (None, None, None, Some(expression)) => {
                let (count, seconds) = (count.unwrap_or(0), seconds.unwrap_or(0));
                if !(1..=traced::MAX_COUNT).contains(&count)
                    || !(1..=traced::MAX_SECONDS).contains(&seconds)
                {
                    return Err(RequestError::Endless);
                }
                Self::Trace(traced::Asked {
                    expression,
                    count,
                    seconds,
                    past,
                })
            }
            _ => return Err(RequestError::Verb),
        };
        request.check()?;
        Ok(request)
    }

    /// Whether the filter means something for what is asked.
    ///
    /// # Errors
    ///
    /// [`FilterError`] if it does not.
    pub fn check(&self) -> Result<(), FilterError> {
        match self {
            Self::Show { what, filter } => filter.check_show(*what),
            Self::Clear { what, filter } => filter.check_clear(*what),
            Self::Reload { .. } | Self::Trace(_) => Ok(()),
        }
    }

    /// The request as one line, without its end.
    ///
    /// # Errors
    ///
    /// [`serde_json::Error`] if memory runs out; there is no other reason.
    pub fn to_line(&self) -> serde_json::Result<String> {
        let nothing = RawRequest {
            show: None,
            clear: None,
            reload: None,
            dry_run: false,
            trace: None,
            count: None,
            seconds: None,
            past: false,
            filter: Filter::default(),
        };
        serde_json::to_string(&match self {
            Self::Show { what, filter } => RawRequest {
                show: Some(what.to_string()),
                filter: filter.clone(),
                ..nothing
            },
            Self::Clear { what, filter } => RawRequest {
                clear: Some(what.to_string()),
                filter: filter.clone(),
                ..nothing
            },
            Self::Reload { file, dry_run } => RawRequest {
                reload: Some(file.clone().unwrap_or_default()),
                dry_run: *dry_run,
                ..nothing
            },
            Self::Trace(asked) => RawRequest {
                trace: Some(asked.expression.clone()),
                count: Some(asked.count),
                seconds: Some(asked.seconds),
                past: asked.past,
                ..nothing
            },
        })
    }

    /// The filter that its answer is written through.
    #[must_use]
    pub fn filter(&self) -> Filter {
        match self {
            Self::Show { filter, .. } | Self::Clear { filter, .. } => filter.clone(),
            Self::Reload { .. } | Self::Trace(_) => Filter::default(),
        }
    }
}

/// Any error, as the reason of a refusal.
pub type Reason = Box<dyn Error + Send + Sync>;

/// Rows in pieces, each made when the one before has been written.
pub type Chunks = Box<dyn Iterator<Item = Result<Rows, Reason>> + Send>;

/// Lines of a trace, each when there is something to tell.
pub type TraceLines = Box<dyn Iterator<Item = Result<traced::Line, Reason>> + Send>;

/// What a handler answers.
///
/// Rows may be more than were asked for: the filter and the limit are applied
/// when they are written.
pub enum Response {
    /// Rows, all of this kind; chunks of another kind are left out.
    Rows(What, Chunks),
    /// So many things were forgotten.
    Cleared(u64),
    /// What a reload did.
    Reloaded(Box<Reloaded>),
    /// What becomes of packets.
    Traced(TraceLines),
    /// The request cannot be served.
    Refused(Reason),
}

impl Response {
    /// Rows that are all there.
    #[must_use]
    pub fn rows(rows: Rows) -> Self {
        Self::Rows(rows.what(), Box::new(std::iter::once(Ok(rows))))
    }

    /// A refusal.
    #[must_use]
    pub fn refused(reason: impl Into<Reason>) -> Self {
        Self::Refused(reason.into())
    }

    /// Writes the answer as one line, with the rows that `filter` asks for.
    ///
    /// # Errors
    ///
    /// Whatever `out` says.
    pub fn write(self, filter: &Filter, out: &mut impl io::Write) -> io::Result<()> {
        match self {
            Self::Rows(what, chunks) => write_rows(what, chunks, filter, out)?,
            Self::Cleared(count) => write!(out, "{{\"cleared\":{count}}}")?,
            Self::Reloaded(reloaded) => {
                out.write_all(b"{\"reloaded\":")?;
                serde_json::to_writer(&mut *out, &reloaded)?;
                out.write_all(b"}")?;
            }
            Self::Traced(lines) => return write_trace(lines, out),
            Self::Refused(reason) => write_error(&*reason, out)?,
        }
        out.write_all(b"\n")
    }
}

fn write_error(reason: &(dyn Error + 'static), out: &mut impl io::Write) -> io::Result<()> {
    out.write_all(b"{\"error\":")?;
    serde_json::to_writer(&mut *out, &chain(reason))?;
    out.write_all(b"}")
}

/// Each line at once: whoever asked looks at the first while the next is waited for.
fn write_trace(lines: TraceLines, out: &mut impl io::Write) -> io::Result<()> {
    for line in lines {
        match line {
            Ok(line) => serde_json::to_writer(&mut *out, &line)?,
            Err(reason) => write_error(&*reason, out)?,
        }
        out.write_all(b"\n")?;
        out.flush()?;
    }
    Ok(())
}

fn write_rows(
    what: What,
    chunks: Chunks,
    filter: &Filter,
    out: &mut impl io::Write,
) -> io::Result<()> {
    write!(out, "{{\"show\":\"{what}\",\"rows\":[")?;
    let mut left = filter.limit.unwrap_or(usize::MAX);
    let mut first = true;
    let mut broken = None;
    for chunk in chunks {
        match chunk {
            Ok(mut rows) if rows.what() == what => {
                rows.retain(filter);
                rows.truncate(left);
                left -= rows.len();
                rows.write_items(out, &mut first)?;
            }
            Ok(_) => {}
            Err(reason) => broken = Some(reason),
        }
        if left == 0 || broken.is_some() {
            break;
        }
    }
    out.write_all(b"]")?;
    if let Some(reason) = broken {
        out.write_all(b",\"error\":")?;
        serde_json::to_writer(&mut *out, &chain(&*reason))?;
    }
    out.write_all(b"}")
}

/// An error and its causes, in one text.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

/// Answers one line: reads it, asks `handler`, writes what it says.
///
/// The socket and the pipe of the simulator both speak through this.
///
/// # Errors
///
/// Whatever `out` says; a bad line is answered, not returned.
pub fn answer(
    line: &[u8],
    handler: &(impl Fn(Request) -> Response + ?Sized),
    out: &mut impl io::Write,
) -> io::Result<()> {
    match Request::parse(line) {
        Ok(request) => {
            let filter = request.filter();
            handler(request).write(&filter, out)
        }
        Err(error) => Response::refused(error).write(&Filter::default(), out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{CounterRow, ZoneRow};

    fn counters(names: &[&str]) -> Rows {
        let row = |name: &&str| CounterRow {
            name: (*name).to_owned(),
            value: 1,
        };
        Rows::Counters(names.iter().map(row).collect())
    }

    fn answered(line: &str, handler: impl Fn(Request) -> Response) -> String {
        let mut out = Vec::new();
        answer(line.as_bytes(), &handler, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        text.trim_end().to_owned()
    }

    #[test]
    fn requests_are_read_back() {
        for line in [
            r#"{"show":"translations","filter":{"inside":"10.64.0.7"}}"#,
            r#"{"clear":"counters","filter":{"name":"drop.*"}}"#,
            r#"{"reload":"","dry_run":true,"filter":{}}"#,
            r#"{"reload":"other.yaml","filter":{}}"#,
            r#"{"trace":"udp and port 53","count":5,"seconds":10,"past":true,"filter":{}}"#,
            r#"{"trace":"","count":1,"seconds":1,"filter":{}}"#,
        ] {
            let request = Request::parse(line.as_bytes()).unwrap();
            assert_eq!(request.to_line().unwrap(), line);
        }
        assert_eq!(
            Request::parse(br#"{"show":"zones"}"#).unwrap(),
            Request::show(What::Zones)
        );
    }

    #[test]
    fn bad_requests_are_answered_with_what_is_wrong() {
        let no_handler = |_| -> Response { panic!("asked") };
        for (line, reason) in [
            ("", "not a request: EOF"),
            ("hello", "not a request: expected value"),
            ("{}", "either `show`, `clear`, `reload` or `trace`"),
            (
                r#"{"show":"zones","clear":"calls"}"#,
                "either `show`, `clear`, `reload` or `trace`",
            ),
            (r#"{"trace":"udp"}"#, "`count` must be from 1 to"),
            (
                r#"{"trace":"udp","count":1,"seconds":4000}"#,
                "`seconds` from 1 to 3600",
            ),
            (r#"{"show":"zones","past":true}"#, "go with `trace`"),
            (r#"{"show":"weather"}"#, "`weather` cannot be shown"),
            (r#"{"clear":"pools"}"#, "`pools` cannot be cleared"),
            (r#"{"show":"zones","x":1}"#, "unknown field `x`"),
            (
                r#"{"show":"zones","filter":{"worker":1}}"#,
                "cannot be filtered by `worker`",
            ),
        ] {
            let answer: serde_json::Value =
                serde_json::from_str(&answered(line, no_handler)).unwrap();
            let error = answer["error"].as_str().unwrap();
            assert!(error.contains(reason), "{line}: {error}");
        }
    }

    #[test]
    fn chunks_become_one_array_filtered_and_limited() {
        let handler = |_| {
            let chunks = [
                counters(&["rx.packets", "drop.arp"]),
                counters(&[]),
                counters(&["drop.vlan", "drop.rule", "drop.ttl"]),
            ];
            Response::Rows(What::Counters, Box::new(chunks.into_iter().map(Ok)))
        };
        assert_eq!(
            answered(
                r#"{"show":"counters","filter":{"name":"drop.","limit":2}}"#,
                handler
            ),
            r#"{"show":"counters","rows":[{"name":"drop.arp","value":1},{"name":"drop.vlan","value":1}]}"#
        );
    }

    #[test]
    fn a_reached_limit_asks_for_no_further_chunk() {
        let handler = |_| {
            let chunks = std::iter::once(Ok(counters(&["rx.packets"]))).chain(
                std::iter::once_with(|| -> Result<Rows, Reason> { panic!("asked for more") }),
            );
            Response::Rows(What::Counters, Box::new(chunks))
        };
        answered(r#"{"show":"counters","filter":{"limit":1}}"#, handler);
    }

    #[test]
    fn rows_that_end_early_still_make_a_whole_line() {
        let handler = |_| {
            let chunks = [
                Ok(counters(&["rx.packets"])),
                Err("the appliance is stopping".into()),
            ];
            Response::Rows(What::Counters, Box::new(chunks.into_iter()))
        };
        assert_eq!(
            answered(r#"{"show":"counters"}"#, handler),
            r#"{"show":"counters","rows":[{"name":"rx.packets","value":1}],"error":"the appliance is stopping"}"#
        );
    }

    #[test]
    fn rows_of_another_kind_are_left_out() {
        let handler = |_| {
            let chunk = Rows::Zones(vec![ZoneRow::default()]);
            Response::Rows(What::Counters, Box::new(std::iter::once(Ok(chunk))))
        };
        assert_eq!(
            answered(r#"{"show":"counters"}"#, handler),
            r#"{"show":"counters","rows":[]}"#
        );
    }

    #[test]
    fn a_count_and_a_refusal_are_lines_too() {
        assert_eq!(
            answered(r#"{"clear":"calls"}"#, |_| Response::Cleared(3)),
            r#"{"cleared":3}"#
        );
        assert_eq!(
            answered(r#"{"clear":"calls"}"#, |_| Response::refused(
                "no \"calls\""
            )),
            r#"{"error":"no \"calls\""}"#
        );
    }
}
