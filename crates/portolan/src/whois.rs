//! `portolan whois`: whose an endpoint is or was, from the configuration and the store of log records.
//!
//! ```text
//!  203.0.113.130:2001 ──> outside ─┐ configuration
//!                                  ├─> stored ─────> answers ──> text, JSON
//!  10.80.0.5 ───────────> inside ──┘ store
//! ```
//!
//! No appliance has to run: static mappings are in the file, deterministic ports are computed as
//! the engine computes them, and of dynamic ones the store knows; without one it is said that a log
//! does. The configuration is the one that was in force at the time asked about, where the store
//! has it. An address may be asked about from both sides.

mod answer;
mod inside;
mod outside;
mod ranges;
mod stored;
mod time;

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use config::Config;
use config::model::VrfId;
use control::store::Reader;

use crate::book::protocol_number;
use answer::Findings;
pub(crate) use time::Time;

/// What is asked, of which file.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Configuration file; what counts is the one that was in force, where the store has it.
    #[arg(short, long, value_name = "FILE", required_unless_present = "store")]
    config: Option<PathBuf>,
    /// Directory of the store of log records; without it, the one that the file names.
    #[arg(long, value_name = "DIRECTORY")]
    store: Option<PathBuf>,
    /// Outside or inside address, with or without :port or :first-last.
    query: Endpoint,
    /// Protocol, by name or number; without it tcp, udp and icmp.
    #[arg(long)]
    protocol: Option<String>,
    /// VRF of the inside or the outside; without it all.
    #[arg(long)]
    vrf: Option<String>,
    /// Time asked about, such as 2026-01-31T12:00:00Z, or in seconds since 1970; without it, now.
    #[arg(long, value_name = "TIME")]
    at: Option<Time>,
    /// Everybody who had it at any time since then; needs a store.
    #[arg(long, value_name = "TIME", conflicts_with = "at")]
    from: Option<Time>,
    /// Until when, with --from; without it, until now.
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<Time>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// An address and perhaps ports (or ICMP identifiers), the first and the last.
#[derive(Clone, Copy, Debug)]
struct Endpoint {
    address: Ipv4Addr,
    ports: Option<(u16, u16)>,
}

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, ports) = match text.split_once(':') {
            Some((address, ports)) => (address, Some(ports)),
            None => (text, None),
        };
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|_| digits)
        };
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let range = (number(first)?, number(last)?);
            (range.0 <= range.1).then_some(range)
        };
        match (address.parse(), ports.map(range)) {
            (Ok(address), None) => Ok(Self {
                address,
                ports: None,
            }),
            (Ok(address), Some(Some(ports))) => Ok(Self {
                address,
                ports: Some(ports),
            }),
            (Ok(_), Some(None)) => Err("the port is no number from 0 to 65535"),
            (Err(_), _) => Err("write an IPv4 address, or ADDRESS:PORT"),
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.ports {
            Some((first, last)) if first == last => write!(f, "{}:{first}", self.address),
            Some((first, last)) => write!(f, "{}:{first}-{last}", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

/// A query whose names have been looked up.
#[derive(Clone, Copy, Debug)]
struct Question {
    address: Ipv4Addr,
    port: Option<u16>,
    protocol: Option<u8>,
    vrf: Option<VrfId>,
}

impl Question {
    /// Whether something between these realms is to be told.
    fn in_realm(&self, inside: VrfId, outside: VrfId) -> bool {
        self.vrf.is_none_or(|vrf| vrf == inside || vrf == outside)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WhoisError {
    /// The question makes no sense.
    #[error("{0}")]
    Usage(String),
    /// There is nobody.
    #[error("{0}")]
    Nobody(String),
    /// A configuration that is wrong.
    #[error("{0}")]
    File(String),
    /// The store.
    #[error("{}: {error}", directory.display())]
    Store {
        /// Where it is.
        directory: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// Standard output.
    #[error("standard output: {0}")]
    Output(io::Error),
}

/// Prints who has, or had, the endpoint.
pub(crate) fn whois(options: &Options) -> Result<(), WhoisError> {
    let span = options.span();
    let given = options.config.as_deref().map(config::load).transpose();
    let given = given.map_err(|errors| WhoisError::File(lines(&errors)))?;
    let directory = options.directory(given.as_ref());
    let store_error = |error| WhoisError::Store {
        directory: directory.clone().unwrap_or_default(),
        error,
    };
    let store = match directory.as_deref().map(Reader::open).transpose() {
        // One that the file names may not have begun; the file knows what it knows.
        Err(error) if options.store.is_none() && error.kind() == io::ErrorKind::NotFound => None,
        opened => opened.map_err(store_error)?,
    };
    let kept = store.as_ref().map(|store| store.configuration(span.1));
    let kept = kept.transpose().map_err(store_error)?.flatten();
    let config = in_force(kept, given)?;
    let question = question(config.as_ref(), options)?;
    let mut findings = Findings::new(config.as_ref());
    // Of several ports only the store is asked.
    let single = options
        .query
        .ports
        .is_none_or(|(first, last)| first == last);
    if let Some(config) = config.as_ref().filter(|_| options.from.is_none() && single) {
        for realm in realms(config) {
            outside::look(config, realm, &question, &mut findings);
        }
        for realm in realms(config) {
            inside::look(config, realm, &question, &mut findings);
        }
    }
    if config.is_none() {
        findings.note("the store has no configuration of that time or before: give one with -c");
    }
    if let Some(store) = &store {
        stored::look(store, options, span, question.protocol, &mut findings)
            .map_err(store_error)?;
    } else if let Some(note) = newer(options.config.as_deref(), options.at) {
        findings.note(&note);
    }
    let nobody = findings.nobody(options.query);
    let text = if options.json {
        findings.json()
    } else {
        findings.text()
    };
    print(&text).map_err(WhoisError::Output)?;
    match nobody {
        Some(why) => Err(WhoisError::Nobody(why)),
        None => Ok(()),
    }
}

impl Options {
    /// What time is asked about.
    fn span(&self) -> Span {
        let now = Time::from_system(SystemTime::now());
        let from = self.from.or(self.at).unwrap_or(now);
        let to = if self.from.is_some() {
            self.to.unwrap_or(now)
        } else {
            from
        };
        (from.millis(), to.millis().saturating_add(999))
    }

    /// Where the store is, if there is one.
    fn directory(&self, config: Option<&Config>) -> Option<PathBuf> {
        let named = config.and_then(|config| config.log.store.as_ref());
        let named = named.map(|store| store.path.clone());
        self.store.clone().or(named)
    }
}

/// The configuration that was in force then: what the store has kept, or else the file that was given;
/// none of a store that was imported.
fn in_force(
    kept: Option<(u64, String)>,
    given: Option<Config>,
) -> Result<Option<Config>, WhoisError> {
    let Some((since, text)) = kept else {
        return Ok(given);
    };
    let parsed = config::parse("the store's configuration", &text).map_err(|errors| {
        WhoisError::File(format!(
            "what was in force since {} is not understood any more: {}",
            Time::from_millis(since),
            lines(&errors)
        ))
    });
    parsed.map(Some)
}

fn lines(errors: &[config::ConfigError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// From when to when is asked about, in milliseconds since 1970: a second at least, since that is
/// how exactly it is said, and whoever had a port in it may be meant.
type Span = (u64, u64);

fn realms(config: &Config) -> impl Iterator<Item = VrfId> {
    (0..config.vrfs.len()).filter_map(|id| VrfId::try_from(id).ok())
}

fn question(config: Option<&Config>, options: &Options) -> Result<Question, WhoisError> {
    let protocol = match &options.protocol {
        Some(name) => Some(protocol_number(name).ok_or_else(|| {
            let why = format!("there is no protocol {name}: give a name such as tcp, or a number");
            WhoisError::Usage(why)
        })?),
        None => None,
    };
    // Without a configuration the store alone is asked, which knows its names.
    let vrf = match options.vrf.as_ref().zip(config) {
        Some((name, config)) => {
            let found = config.vrfs.iter().position(|known| known == name);
            let id = found.and_then(|id| VrfId::try_from(id).ok());
            Some(id.ok_or_else(|| {
                let known = config.vrfs.join(", ");
                WhoisError::Usage(format!("there is no VRF {name}: the file has {known}"))
            })?)
        }
        None => None,
    };
    Ok(Question {
        address: options.query.address,
        port: options.query.ports.map(|(first, _)| first),
        protocol,
        vrf,
    })
}

/// What to say if the file is younger than the time asked about.
fn newer(file: Option<&Path>, at: Option<Time>) -> Option<String> {
    let at = at?;
    let changed = std::fs::metadata(file?)
        .and_then(|meta| meta.modified())
        .ok()?;
    let changed = Time::from_system(changed);
    (changed > at).then(|| {
        format!("the file was changed at {changed}, after {at}: what was in force then may differ")
    })
}

impl Time {
    /// The beginning of the second, in milliseconds.
    fn millis(self) -> u64 {
        u64::try_from(self.0.saturating_mul(1000)).unwrap_or(0)
    }

    fn from_millis(millis: u64) -> Self {
        Self(i64::try_from(millis / 1000).unwrap_or(i64::MAX))
    }

    fn from_system(time: SystemTime) -> Self {
        let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs());
        Self(match time.duration_since(UNIX_EPOCH) {
            Ok(since) => seconds(since).unwrap_or(i64::MAX),
            Err(before) => seconds(before.duration()).map_or(i64::MIN, |seconds| -seconds),
        })
    }
}

/// A point in time, in seconds since 1970, as people write it.
pub(crate) fn rfc3339(seconds: i64) -> String {
    Time(seconds).to_string()
}

/// Writes to standard output; a reader that has seen enough is no failure.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
