//! `portolan plan`: how subscribers and outside addresses would spread over workers,
//! from the configuration alone.
//!
//! ```text
//!  file ─> Layout for each number of workers and table size ─> spread ─> text, JSON
//! ```
//!
//! Devices are taken to hash one address by the file's key, as those that are made for it do. The
//! counts are exact, however large the prefixes (see `nat::steering`); memory is foretold from small
//! tables in proportion. With `--size`, or numbers instead of a file, what that takes is told
//! ([`size`]).

mod size;

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use config::Config;
use dpdk::{RssField, RssSupport};
use nat::steering::{DEFAULT_KEY, MAX_ENTRIES, Side};
use nat::{Dealt, Layout, ReviseError};
use serde::Serialize;

use crate::steering::{self, Device, Forecast, Steered};
use crate::whois;
use portolan::plan::{Plan, bytes_of_tables};
use size::{Asked, Size};

/// Workers that are planned for unless one number is asked for.
const WORKERS: [u32; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

/// Redirection tables likewise: small, usual and large devices.
const TABLES: [u32; 3] = [128, 512, 2048];

/// What is asked, of which file.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Configuration file.
    #[arg(
        short,
        long,
        value_name = "FILE",
        required_unless_present = "subscribers"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Number of workers, 1 to 128; without it 1, 2, 4 and so on.
    #[arg(long, value_name = "N", value_parser = workers, conflicts_with = "size")]
    workers: Option<u32>,
    /// Entries of the devices' redirection tables; without it 128, 512 and 2048.
    #[arg(long, value_name = "SIZE", value_parser = entries, conflicts_with = "size")]
    reta: Option<u32>,
    /// With tables by load, as `workers: { reta: rebalance }` makes them.
    #[arg(long)]
    rebalance: bool,
    /// Tell what it takes instead: workers, memory, huge pages, addresses, log volume.
    #[arg(long)]
    size: bool,
    /// Subscribers; instead of a file, or another number than its `limits.subscribers`.
    #[arg(long, value_name = "N", conflicts_with_all = ["workers", "reta"])]
    subscribers: Option<u64>,
    /// Sessions of a subscriber at the busiest hour; 500 or what the file's limits allow.
    #[arg(long, value_name = "N")]
    sessions_per_subscriber: Option<u64>,
    /// Outside addresses; those of the file's pools, or one for 64 subscribers.
    #[arg(long, value_name = "N")]
    addresses: Option<u64>,
    /// Ports of a block; the first pool's, or 512.
    #[arg(long, value_name = "PORTS")]
    block: Option<u64>,
    /// New sessions of a subscriber a second, over the whole day.
    #[arg(long, value_name = "N", default_value_t = 0.2)]
    new_sessions: f64,
    /// Times a day that a subscriber comes on line.
    #[arg(long, value_name = "N", default_value_t = 4)]
    online: u64,
    /// Millions of packets a second, both directions together.
    #[arg(long, value_name = "MPPS", default_value_t = 10.0)]
    mpps: f64,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// What numbers without a file are planned on.
pub(crate) const BARE: &str = include_str!("../../../configs/quickstart.yaml");

impl Options {
    fn asked(&self, config: &Config) -> Asked {
        let pool = config.nat.pools.first().filter(|_| self.config.is_some());
        let limits = self.config.as_ref().map(|_| &config.limits);
        let subscribers = limits.map(|limits| u64::from(limits.subscribers));
        let subscribers = self.subscribers.or(subscribers).unwrap_or(0);
        let sessions = self
            .sessions_per_subscriber
            .map(|each| each.saturating_mul(subscribers));
        let sessions = sessions.or(limits.map(|limits| u64::from(limits.sessions)));
        let of_pools = pool.map(|_| {
            let pools = config.nat.pools.iter();
            pools.map(|pool| pool.addresses.len() as u64).sum()
        });
        let ports = pool.map_or((1024, u16::MAX), |pool| pool.ports);
        let block = pool.and_then(|pool| pool.blocks.as_ref());
        Asked {
            subscribers,
            sessions: sessions.unwrap_or(subscribers.saturating_mul(500)),
            addresses: self
                .addresses
                .or(of_pools)
                .unwrap_or(subscribers.div_ceil(64)),
            ports: u64::from(ports.1 - ports.0) + 1,
            block: self
                .block
                .or(block.map(|block| block.size.into()))
                .unwrap_or(512),
            rate: self.new_sessions,
            online: self.online,
            mpps: self.mpps,
            interfaces: config.interfaces.len() as u64,
        }
    }
}

fn workers(text: &str) -> Result<u32, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=128).contains(number));
    number.ok_or_else(|| "write a number from 1 to 128".into())
}

fn entries(text: &str) -> Result<u32, String> {
    let most = u32::try_from(MAX_ENTRIES).unwrap_or(u32::MAX);
    match text.parse::<u32>() {
        Ok(size) if size.is_power_of_two() && size <= most => Ok(size),
        Ok(size) if size > 0 && size < most => Err(format!(
            "a redirection table has a power of two of entries; write {}",
            size.next_power_of_two()
        )),
        _ => Err(format!(
            "write a power of two from 1 to {most}, such as 128"
        )),
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PaperError {
    /// The configuration is too large.
    #[error(transparent)]
    Layout(#[from] ReviseError),
    /// Standard output.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

/// How many of something workers have.
#[derive(Debug, Serialize)]
struct Share {
    min: u64,
    mean: f64,
    max: u64,
    /// 1 is even.
    max_to_mean: f64,
}

impl Share {
    #[allow(clippy::cast_precision_loss)]
    fn new(counts: &[u64]) -> Self {
        let (min, max) = steering::range(counts);
        let mean = counts.iter().sum::<u64>() as f64 / counts.len().max(1) as f64;
        Self {
            min,
            mean,
            max,
            max_to_mean: if mean > 0.0 { max as f64 / mean } else { 1.0 },
        }
    }

    fn text(&self) -> String {
        let Self {
            min,
            mean,
            max,
            max_to_mean,
        } = self;
        format!("{min} / {mean:.1} / {max} ({max_to_mean:.2})")
    }
}

/// One pool, for one number of workers and one table.
#[derive(Debug, Serialize)]
struct PoolShare {
    name: String,
    /// `whole`, `divided` or `computed`.
    dealt: &'static str,
    addresses: Share,
    /// Blocks that a worker may lend; none of a computed pool.
    blocks: Share,
    /// Percent of the packets to it.
    handoff_percent: f64,
}

/// One number of workers with one table.
#[derive(Debug, Serialize)]
struct Row {
    workers: u32,
    reta: u32,
    rebalance: bool,
    /// About what the tables of all workers take, in MiB of plain memory.
    tables_mb: u64,
    subscribers: Share,
    pools: Vec<PoolShare>,
    /// Percent of all packets, if as many go out as come in.
    handoff_percent: f64,
    warnings: Vec<String>,
}

/// Prints the plan.
pub(crate) fn plan(config: &Config, options: &Options) -> Result<(), PaperError> {
    if options.size || options.subscribers.is_some() {
        let size = Size::new(config, options.asked(config))?;
        let text = if options.json {
            serde_json::to_string(&size).unwrap_or_default() + "\n"
        } else {
            size.text()
        };
        return Ok(whois::print(&text)?);
    }
    let rebalance = options.rebalance || config.workers.steering.rebalance;
    let plan = Plan::new(config);
    let mut rows = Vec::new();
    for workers in options.workers.map_or(WORKERS.to_vec(), |one| vec![one]) {
        let tables = bytes_of_tables(config, workers)?.div_ceil(1 << 20);
        for reta in options.reta.map_or(TABLES.to_vec(), |one| vec![one]) {
            rows.push(row(config, &plan, (workers, reta), rebalance, tables)?);
        }
    }
    let text = if options.json {
        let mut json = serde_json::to_string(&rows).unwrap_or_default();
        json.push('\n');
        json
    } else {
        text(&rows, rebalance)
    };
    Ok(whois::print(&text)?)
}

fn row(
    config: &Config,
    plan: &Plan,
    (workers, reta): (u32, u32),
    rebalance: bool,
    tables_mb: u64,
) -> Result<Row, PaperError> {
    let wanted = config::model::Steering {
        rebalance,
        external: false,
        ..config.workers.steering.clone()
    };
    let key = wanted.key.as_deref().unwrap_or(&DEFAULT_KEY).to_vec();
    let table = Side::in_turn(workers, usize::try_from(reta).unwrap_or(MAX_ENTRIES));
    let mut devices = [RssField::Source, RssField::Destination].map(|field| Device {
        name: String::new(),
        field,
        rss: RssSupport::Address {
            reta: table.clone(),
            key: key.clone(),
        },
    });
    let write = |_: usize, table: &[u16]| Ok(table.to_vec());
    let steered = Steered::choose(&wanted, &plan.settings, workers, &mut devices, write)?;
    let steering = Arc::clone(&steered.steering);
    let layout = Layout::steered(&plan.settings, workers, steering)?;
    let spread = layout.spread();
    let forecast = Forecast::new(&layout, &spread, &steered.arrivals);
    let pools = spread.pools.iter().map(|pool| PoolShare {
        name: steering::name(&layout, pool.pool).into(),
        dealt: match pool.dealt {
            Dealt::Whole => "whole",
            Dealt::Divided => "divided",
            Dealt::Computed => "computed",
        },
        addresses: Share::new(&pool.addresses),
        blocks: Share::new(&pool.blocks),
        handoff_percent: 100.0 * pool.share_elsewhere(),
    });
    Ok(Row {
        workers,
        reta,
        rebalance,
        tables_mb,
        subscribers: Share::new(&spread.subscribers),
        pools: pools.collect(),
        handoff_percent: 100.0 * forecast.share(),
        warnings: steering::starved(&layout, &spread),
    })
}

/// A table for subscribers and one for each pool.
fn text(rows: &[Row], rebalance: bool) -> String {
    let mut out = String::new();
    let tables = if rebalance {
        "by load"
    } else {
        "workers in turn"
    };
    // Writing to a text cannot fail.
    let _ = writeln!(
        out,
        "redirection tables: {tables}; min / mean / max for a worker (max to mean)\n"
    );
    let _ = writeln!(
        out,
        "{:>7} {:>6} {:>9} {:>10}  SUBSCRIBERS",
        "WORKERS", "RETA", "HAND-OFF", "TABLES"
    );
    for row in rows {
        let _ = writeln!(
            out,
            "{:>7} {:>6} {:>7.1} % {:>6} MiB  {}",
            row.workers,
            row.reta,
            row.handoff_percent,
            row.tables_mb,
            row.subscribers.text()
        );
    }
    let pools = rows.first().map_or(&[][..], |row| &row.pools);
    for (nth, pool) in pools.iter().enumerate() {
        let _ = writeln!(out, "\npool {}", pool.name);
        let _ = writeln!(
            out,
            "{:>7} {:>6} {:>9}  {:<8}  ADDRESSES",
            "WORKERS", "RETA", "HAND-OFF", "DEALT"
        );
        for row in rows {
            let Some(pool) = row.pools.get(nth) else {
                continue;
            };
            let _ = writeln!(
                out,
                "{:>7} {:>6} {:>7.1} %  {:<8}  {}",
                row.workers,
                row.reta,
                pool.handoff_percent,
                pool.dealt,
                pool.addresses.text()
            );
        }
    }
    for row in rows {
        for warning in &row.warnings {
            let _ = writeln!(
                out,
                "\n{} workers, {} entries: {warning}",
                row.workers, row.reta
            );
        }
    }
    out
}
