//! YAML to validated configuration.
//!
//! ```text
//! text --node--> tree with places --section--> typed values --checks--> model::Config
//!                                      |                        |
//!                                      +--------> Report <------+
//! ```
//!
//! A file is read to its end whatever is wrong with it, so that one run of
//! `portolan check` names everything there is to repair. A value that cannot be read
//! is replaced by its default and the checks that depend on it are left out, so that
//! one mistake is reported once. [`model::Config`] exists only for a file without any.
#![forbid(unsafe_code)]

mod alg;
mod deterministic;
mod error;
mod interfaces;
mod ipsec;
pub mod keys;
mod log;
mod machine;
pub mod model;
mod multicast;
mod nat;
mod node;
mod outside;
mod outside_source;
mod pcp;
mod pools;
mod prefix_sets;
mod protection;
mod routes;
mod rules;
mod section;
mod sip;
mod statics;
mod text;
mod trunks;
mod zones;

use std::path::Path;

pub use alg::gateway_keys;
pub use error::ConfigError;
pub use model::Config;

use error::{At, Report};
use keys::keys;
use node::Node;
use prefix_sets::PrefixSets;
use section::Section;

/// Reads and checks a file.
///
/// # Errors
///
/// Everything that is wrong with it, in the order of the file.
pub fn load(path: &Path) -> Result<Config, Vec<ConfigError>> {
    let name = path.display().to_string();
    let fail = |at: At, what: String, remedy: &str| {
        let mut report = Report::new(&name);
        report.error(at, what, remedy);
        Err(report.finish().err().unwrap_or_default())
    };
    let too_long = || fail(At::START, TOO_LONG.to_owned(), SHORTEN);
    // The size is asked for first so that a huge file is not read at all; a pipe or
    // a device has none, and is read no further than the limit.
    if std::fs::metadata(path).is_ok_and(|meta| meta.len() > LONGEST) {
        return too_long();
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| {
        std::io::Read::read_to_end(&mut std::io::Read::take(file, LONGEST + 1), &mut bytes)
    });
    match read {
        Err(error) => {
            let what = format!("cannot read the file: {error}");
            return fail(At::START, what, "name a file that exists and may be read");
        }
        Ok(length) if length as u64 > LONGEST => return too_long(),
        Ok(_) => {}
    }
    match String::from_utf8(bytes) {
        Ok(text) => parse(&name, &text),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let before = String::from_utf8_lossy(bytes.get(..good).unwrap_or_default());
            let what = "not UTF-8 text".to_owned();
            fail(end_of(&before), what, "save the file as UTF-8")
        }
    }
}

/// Checks a text; `name` is what its errors call the file.
///
/// # Errors
///
/// Everything that is wrong with it, in the order of the file.
pub fn parse(name: &str, text: &str) -> Result<Config, Vec<ConfigError>> {
    let mut report = Report::new(name);
    let config = if text.len() as u64 > LONGEST {
        report.error(At::START, TOO_LONG, SHORTEN);
        None
    } else {
        match Node::parse(text) {
            Ok(root) => Some(whole(&root, &mut report)),
            Err((at, wrong)) => {
                report.wrong(at, wrong);
                None
            }
        }
    };
    let warnings = report.finish()?;
    match config {
        Some(config) => Ok(Config {
            source: text.to_owned(),
            warnings,
            ..config
        }),
        None => Err(Vec::new()),
    }
}

/// What was accepted but has no effect yet, or goes against a recommendation;
/// one line each, with its place in the file.
#[must_use]
pub fn warnings(config: &Config) -> Vec<String> {
    config.warnings.clone()
}

fn whole(root: &Node, report: &mut Report) -> Config {
    let top = Section::open(root, "the file", KEYS, report);
    let dpdk = machine::dpdk(&top, report);
    let workers = machine::workers(&top, report);
    let mut limits = machine::limits(&top, report);
    let control = machine::control(&top, report);
    let net = interfaces::read(&top, report);
    limits.vrf_sessions = machine::vrf_limits(&top, &net, report);
    let routes = routes::routes(&top, &net, report);
    let neighbors = routes::neighbors(&top, &net, limits.neighbors, report);
    let mut sets = PrefixSets::read(&top, report);
    let nat = nat::read(&top, &net, &limits, &routes, &mut sets, report);
    let multicast = multicast::read(&top, &net, report);
    let alg = alg::read(&top, report);
    let protection = protection::read(&top, report);
    let zone_pairs = zones::read(&top, &net, &alg, &mut sets, report);
    sets.warn_unused(report);
    if alg::pptp_is_off(&alg) == Some(true) {
        let inherits = |rule: &&model::Rule| alg::pptp_is_off(&rule.alg).is_none();
        for rule in nat.rules.iter().filter(inherits) {
            let whole = rules::has_whole(rule, &nat.pools);
            alg::warn_of_gre(top.at("alg"), rule, whole, report);
        }
    }
    let log = log::read(&top, report);
    Config {
        dpdk,
        workers,
        limits,
        control,
        vrfs: net.vrfs,
        zones: net.zones,
        interfaces: net.list,
        routes,
        neighbors,
        nat,
        multicast,
        alg,
        protection,
        zone_pairs,
        log,
        source: String::new(),
        warnings: Vec::new(),
    }
}

/// The place just after `text`.
fn end_of(text: &str) -> At {
    let last = text.rsplit('\n').next().unwrap_or_default();
    let bounded = |count: usize| u32::try_from(count).map_or(u32::MAX, |n| n.saturating_add(1));
    At {
        line: bounded(text.bytes().filter(|&byte| byte == b'\n').count()),
        column: bounded(last.chars().count()),
    }
}

keys! {
    /// The keys of a file.
    pub KEYS:
        "dpdk" Map(machine::DPDK),
        "workers" Map(machine::WORKERS),
        "limits" Map(machine::LIMITS),
        "control" Map(machine::CONTROL),
        "interfaces" Maps(interfaces::KEYS),
        "routes" Maps(routes::ROUTES),
        "neighbors" Maps(routes::NEIGHBORS),
        "prefix_sets" Named(&Many(&Prefix)),
        "nat" Map(nat::KEYS),
        "multicast" Map(multicast::KEYS),
        "alg" Gateways,
        "zones" Map(zones::KEYS),
        "protection" Map(protection::KEYS),
        "log" Map(log::KEYS);
}

/// Longest file, in bytes.
const LONGEST: u64 = 4 << 20;
const TOO_LONG: &str = "the file is larger than 4 MiB";
const SHORTEN: &str = "use prefixes and ranges instead of single entries";
