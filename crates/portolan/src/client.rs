//! `show`, `clear` and `reload`: asks the control socket of a running appliance.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use control::filter::{EndpointPattern, Filter, NamePattern};
use control::protocol::Request;
use control::socket::{Answer, request};
use control::table;

/// What is asked, of whom.
#[derive(Args, Debug)]
pub(crate) struct Ask {
    /// translations, mappings, subscribers, pools, doors, calls, ipsec, events, counters, workers,
    /// interfaces, neighbors, alg, zones.
    what: String,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Control socket of the appliance.
    #[arg(long, value_name = "PATH", default_value = "/run/portolan.sock")]
    socket: PathBuf,
    /// Inside address, address:port, prefix or :port.
    #[arg(long, value_name = "ENDPOINT")]
    inside: Option<EndpointPattern>,
    /// Outside address, address:port, prefix or :port.
    #[arg(long, value_name = "ENDPOINT")]
    outside: Option<EndpointPattern>,
    /// Remote address, address:port, prefix or :port.
    #[arg(long, value_name = "ENDPOINT")]
    remote: Option<EndpointPattern>,
    /// Protocol, by name or number.
    #[arg(long)]
    protocol: Option<String>,
    /// VRF of the inside.
    #[arg(long)]
    vrf: Option<String>,
    /// Rule.
    #[arg(long)]
    rule: Option<String>,
    /// Worker number.
    #[arg(long)]
    worker: Option<u16>,
    /// Beginning of a name, or a pattern with * and ?.
    #[arg(long)]
    name: Option<String>,
    /// At most so many rows.
    #[arg(long)]
    limit: Option<usize>,
    /// So many subscribers, those with most sessions.
    #[arg(long, value_name = "N")]
    busiest: Option<usize>,
}

impl Ask {
    fn filter(&self) -> Filter {
        Filter {
            inside: self.inside,
            outside: self.outside,
            remote: self.remote,
            protocol: self.protocol.clone(),
            vrf: self.vrf.clone(),
            rule: self.rule.clone(),
            worker: self.worker,
            name: self.name.as_deref().map(NamePattern::from),
            limit: self.limit,
            busiest: self.busiest,
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum AskError {
    /// The question makes no sense.
    Usage(String),
    /// The file is bad; all that is wrong, a line each.
    File(String),
    /// The appliance did not answer it.
    Failed(String),
}

/// Prints what an appliance knows.
pub(crate) fn show(ask: &Ask) -> Result<(), AskError> {
    let question = Request::Show {
        what: ask.what.parse().map_err(usage)?,
        filter: ask.filter(),
    };
    match put(ask, &question)? {
        Answer::Shown(shown) if ask.json => print(|out| writeln!(out, "{}", shown.json())),
        Answer::Shown(shown) => {
            let rows = shown.rows().map_err(failed)?;
            print(|out| table::write(&rows, out))
        }
        Answer::Cleared(_) | Answer::Reloaded(_) => Err(another()),
    }
}

/// Makes an appliance forget something.
pub(crate) fn clear(ask: &Ask) -> Result<(), AskError> {
    let question = Request::Clear {
        what: ask.what.parse().map_err(usage)?,
        filter: ask.filter(),
    };
    match put(ask, &question)? {
        Answer::Cleared(count) if ask.json => print(|out| writeln!(out, "{{\"cleared\":{count}}}")),
        Answer::Cleared(count) => print(|out| writeln!(out, "{count} {} cleared", ask.what)),
        Answer::Shown(_) | Answer::Reloaded(_) => Err(another()),
    }
}

/// What a reload is asked for.
#[derive(Args, Debug)]
pub(crate) struct Reload {
    /// Only say what it would do, and how many sessions and subscribers it would end.
    #[arg(long)]
    dry_run: bool,
    /// The file: the appliance's own, or with `--dry-run` one that may take its place.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    /// Control socket of the appliance; else that of the file, or `/run/portolan.sock`.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// Makes an appliance read its file again.
pub(crate) fn reload(ask: &Reload) -> Result<(), AskError> {
    let mut socket = ask.socket.clone();
    let mut file = None;
    if let Some(path) = &ask.config {
        let path = std::path::absolute(path).map_err(failed)?;
        if socket.is_none() {
            let config = config::load(&path).map_err(|errors| {
                let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
                AskError::File(lines.join("\n"))
            })?;
            socket = Some(config.control.socket);
        }
        file = Some(path.display().to_string());
    }
    let socket = socket.unwrap_or_else(|| PathBuf::from("/run/portolan.sock"));
    let question = Request::Reload {
        file,
        dry_run: ask.dry_run,
    };
    match request(&socket, &question).map_err(failed)? {
        Answer::Reloaded(reloaded) if ask.json => print(|out| {
            serde_json::to_writer(&mut *out, &reloaded)?;
            writeln!(out)
        }),
        Answer::Reloaded(reloaded) => print(|out| write!(out, "{}", reloaded.text())),
        Answer::Shown(_) | Answer::Cleared(_) => Err(another()),
    }
}

fn another() -> AskError {
    AskError::Failed("the appliance answered another question".into())
}

fn put(ask: &Ask, question: &Request) -> Result<Answer, AskError> {
    question.check().map_err(usage)?;
    request(&ask.socket, question).map_err(failed)
}

/// Writes to standard output; a reader that has seen enough is no failure.
fn print(
    write: impl FnOnce(&mut io::BufWriter<io::StdoutLock<'_>>) -> io::Result<()>,
) -> Result<(), AskError> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failed(error)),
        _ => Ok(()),
    }
}

#[allow(clippy::needless_pass_by_value)]
fn usage(error: impl ToString) -> AskError {
    AskError::Usage(error.to_string())
}

#[allow(clippy::needless_pass_by_value)]
fn failed(error: impl ToString) -> AskError {
    AskError::Failed(error.to_string())
}
