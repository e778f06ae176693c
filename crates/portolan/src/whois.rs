//! `portolan whois`: whose an endpoint is, from the configuration alone.
//!
//! ```text
//!  203.0.113.130:2001 ──> outside ─┐
//!                                  ├─> answers ──> text, JSON
//!  10.80.0.5 ───────────> inside ──┘
//! ```
//!
//! No appliance has to run: static mappings are in the file, deterministic ports are
//! computed as the engine computes them, and of dynamic ones it is said that
//! the log knows. An address may be asked about from both sides.

mod answer;
mod inside;
mod outside;
mod ranges;
mod time;

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use config::Config;
use config::model::VrfId;

use crate::book::protocol_number;
use answer::Findings;
use time::Time;

/// What is asked, of which file.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Configuration file.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Outside or inside address, with or without :port.
    query: Endpoint,
    /// Protocol, by name or number; without it tcp, udp and icmp.
    #[arg(long)]
    protocol: Option<String>,
    /// VRF of the inside or the outside; without it all.
    #[arg(long)]
    vrf: Option<String>,
    /// Time asked about, such as 2026-01-31T12:00:00Z, or in seconds since 1970: says so if the
    /// file was changed after it.
    #[arg(long, value_name = "TIME")]
    at: Option<Time>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// An address and perhaps a port (or ICMP identifier).
#[derive(Clone, Copy, Debug)]
struct Endpoint {
    address: Ipv4Addr,
    port: Option<u16>,
}

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, port) = match text.split_once(':') {
            Some((address, port)) => (address, Some(port)),
            None => (text, None),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.map(|port| port.parse().ok().filter(|_| digits(port)));
        match (address.parse(), port) {
            (Ok(address), None) => Ok(Self {
                address,
                port: None,
            }),
            (Ok(address), Some(Some(port))) => Ok(Self {
                address,
                port: Some(port),
            }),
            (Ok(_), Some(None)) => Err("the port is no number from 0 to 65535"),
            (Err(_), _) => Err("write an IPv4 address, or ADDRESS:PORT"),
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.address),
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
    /// Standard output.
    #[error("standard output: {0}")]
    Output(io::Error),
}

/// Prints who has, or had, the endpoint.
pub(crate) fn whois(config: &Config, options: &Options) -> Result<(), WhoisError> {
    let question = question(config, options)?;
    let mut findings = Findings::new(config);
    for realm in realms(config) {
        outside::look(config, realm, &question, &mut findings);
    }
    for realm in realms(config) {
        inside::look(config, realm, &question, &mut findings);
    }
    if let Some(note) = newer(&options.config, options.at) {
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

fn realms(config: &Config) -> impl Iterator<Item = VrfId> {
    (0..config.vrfs.len()).filter_map(|id| VrfId::try_from(id).ok())
}

fn question(config: &Config, options: &Options) -> Result<Question, WhoisError> {
    let protocol = match &options.protocol {
        Some(name) => Some(protocol_number(name).ok_or_else(|| {
            let why = format!("there is no protocol {name}: give a name such as tcp, or a number");
            WhoisError::Usage(why)
        })?),
        None => None,
    };
    let vrf = match &options.vrf {
        Some(name) => {
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
        port: options.query.port,
        protocol,
        vrf,
    })
}

/// What to say if the file is younger than the time asked about.
fn newer(file: &Path, at: Option<Time>) -> Option<String> {
    let at = at?;
    let changed = std::fs::metadata(file)
        .and_then(|meta| meta.modified())
        .ok()?;
    let changed = Time::from_system(changed);
    (changed > at).then(|| {
        format!("the file was changed at {changed}, after {at}: what was in force then may differ")
    })
}

impl Time {
    fn from_system(time: SystemTime) -> Self {
        let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs());
        Self(match time.duration_since(UNIX_EPOCH) {
            Ok(since) => seconds(since).unwrap_or(i64::MAX),
            Err(before) => seconds(before.duration()).map_or(i64::MIN, |seconds| -seconds),
        })
    }
}

/// Writes to standard output; a reader that has seen enough is no failure.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}
