//! `portolan plan --size`: what so many subscribers take, before there is an appliance.
//!
//! ```text
//!  Asked (numbers, or a file) ─┬─> a small file's tables in proportion ─> memory
//!                              ├─> arithmetic on ports                 ─> addresses, ranges
//!                              ├─> the log's own writers               ─> bytes a day
//!                              └─> perf/results                        ─> workers
//! ```
//!
//! Nothing here is a guess of its own: each figure is counted, or recorded by `perf/all.py` on the
//! machine that is named beside it.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use config::Config;
use nat::{BlockNotice, Flow, Life, Realm, Record, Remote, ReviseError};
use natlog::{Entry, ipfix, syslog};
use portolan::plan::bytes_of_tables;
use serde::Serialize;
use serde_json::Value;

/// What is planned for.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Asked {
    pub(super) subscribers: u64,
    /// Of all of them at the busiest hour.
    pub(super) sessions: u64,
    pub(super) addresses: u64,
    /// Usable ports of an address, for each protocol.
    pub(super) ports: u64,
    /// Ports of a block.
    pub(super) block: u64,
    /// New sessions of a subscriber a second, over the whole day.
    pub(super) rate: f64,
    /// Times a day that a subscriber comes on line.
    pub(super) online: u64,
    /// Packets a second in both directions together, in millions.
    pub(super) mpps: f64,
    pub(super) interfaces: u64,
}

/// What that takes.
#[derive(Debug, Serialize)]
pub(super) struct Size {
    asked: Asked,
    workers: u64,
    measured: Measured,
    tables_mb: u64,
    /// Of packet buffers: `dpdk.memory_mb`.
    buffers_mb: u64,
    /// Of 2 MiB, with some for DPDK itself.
    huge_pages: u64,
    subscribers_per_address: u64,
    ports_per_subscriber: u64,
    blocks_per_address: u64,
    /// How many blocks there are for each subscriber.
    blocks_per_subscriber: f64,
    ratios: Vec<Ratio>,
    logs: Vec<Log>,
}

/// The rate of one worker, as it was recorded.
#[derive(Debug, Serialize)]
struct Measured {
    mpps: f64,
    sessions: u64,
    machine: String,
    date: String,
}

/// So many subscribers to an address.
#[derive(Debug, Serialize)]
struct Ratio {
    subscribers_per_address: u64,
    addresses: u64,
    /// As a deterministic range deals them out.
    ports_each: u64,
}

/// A day's log.
#[derive(Debug, Serialize)]
struct Log {
    what: &'static str,
    records: u64,
    ipfix_bytes: u64,
    syslog_bytes: u64,
    store_bytes: u64,
}

/// Subscribers to an address that are usual.
const RATIOS: [u64; 5] = [8, 16, 32, 64, 126];
/// Of buffers, for each worker and interface.
const BUFFERS_MB: u64 = 64;
/// Of a row in the store (ADR 20), without its index.
const STORE_ROW: u64 = 35;
/// IPv4 and UDP headers of a message.
const HEADERS: usize = 28;
/// A day in seconds.
const DAY: f64 = 86_400.0;
/// Recorded figures.
const FIGURES: &str = include_str!("../../../../perf/results/2026-11-25-amd-epyc-2c-all.json");

impl Size {
    /// Computes it; the file is for everything else that has a table.
    ///
    /// # Errors
    ///
    /// More than tables can have.
    pub(super) fn new(config: &Config, asked: Asked) -> Result<Self, ReviseError> {
        let measured = Measured::of(asked.sessions);
        // A worker that is half busy has room for the busiest minute.
        let workers = whole(asked.mpps / (measured.mpps / 2.0)).clamp(1, 128);
        let limit = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let mut config = config.clone();
        config.limits.sessions = limit(asked.sessions);
        config.limits.mappings = limit(asked.sessions);
        config.limits.subscribers = limit(asked.subscribers);
        let tables = bytes_of_tables(&config, limit(workers))?;
        let buffers_mb = workers * asked.interfaces * BUFFERS_MB;
        let each = |addresses: u64| asked.subscribers.div_ceil(addresses.max(1)).max(1);
        let subscribers_per_address = each(asked.addresses);
        let blocks_per_address = asked.ports / asked.block.max(1);
        Ok(Self {
            asked,
            workers,
            measured,
            tables_mb: tables.div_ceil(1 << 20),
            buffers_mb,
            huge_pages: buffers_mb / 2 + 64,
            subscribers_per_address,
            ports_per_subscriber: asked.ports / subscribers_per_address,
            blocks_per_address,
            blocks_per_subscriber: ratio(blocks_per_address * asked.addresses, asked.subscribers),
            ratios: RATIOS
                .map(|ratio| Ratio {
                    subscribers_per_address: ratio,
                    addresses: asked.subscribers.div_ceil(ratio),
                    ports_each: asked.ports / ratio,
                })
                .into(),
            logs: logs(&asked),
        })
    }

    pub(super) fn text(&self) -> String {
        let Self {
            asked, measured, ..
        } = self;
        let mut out = format!(
            "{} subscribers, {} sessions, {} outside addresses, {} Mpps\n\n",
            asked.subscribers, asked.sessions, asked.addresses, asked.mpps
        );
        let rows = [
            ("workers", format!("{}, half busy", self.workers)),
            (
                "",
                format!(
                    "one forwards {} Mpps with {} sessions on {} ({}); measure yours with perf/run",
                    measured.mpps, measured.sessions, measured.machine, measured.date
                ),
            ),
            ("memory of tables", format!("{} MiB", self.tables_mb)),
            (
                "huge pages",
                format!(
                    "{} of 2 MiB, for dpdk.memory_mb: {}",
                    self.huge_pages, self.buffers_mb
                ),
            ),
            (
                "an address",
                format!(
                    "{} subscribers, {} ports each for TCP and as many for UDP",
                    self.subscribers_per_address, self.ports_per_subscriber
                ),
            ),
            (
                "blocks",
                format!(
                    "{} of {} ports an address, {:.1} a subscriber",
                    self.blocks_per_address, asked.block, self.blocks_per_subscriber
                ),
            ),
        ];
        // Writing to a text cannot fail.
        for (what, is) in rows {
            let _ = writeln!(out, "{what:<18}{is}");
        }
        let _ = writeln!(
            out,
            "\nSUBSCRIBERS/ADDRESS  ADDRESSES  PORTS EACH, COMPUTED"
        );
        for ratio in &self.ratios {
            let Ratio {
                subscribers_per_address,
                addresses,
                ports_each,
            } = ratio;
            let _ = writeln!(
                out,
                "{subscribers_per_address:>19}  {addresses:>9}  {ports_each:>10}"
            );
        }
        let _ = writeln!(
            out,
            "\n{:<26} {:>15} {:>9} {:>9} {:>9}",
            "LOG, A DAY", "RECORDS", "IPFIX", "SYSLOG", "STORE"
        );
        for log in &self.logs {
            let gb = |bytes: u64| format!("{:.2} GB", ratio(bytes, 1_000_000_000));
            let _ = writeln!(
                out,
                "{:<26} {:>15} {:>9} {:>9} {:>9}",
                log.what,
                log.records,
                gb(log.ipfix_bytes),
                gb(log.syslog_bytes),
                gb(log.store_bytes)
            );
        }
        out
    }
}

impl Measured {
    /// With at least so many sessions, if that was measured; else with the most that were.
    fn of(sessions: u64) -> Self {
        let figures: Value = serde_json::from_str(FIGURES).unwrap_or_default();
        let text = |name: &str| {
            let place = figures.pointer(&format!("/circumstances/{name}"));
            place.and_then(Value::as_str).unwrap_or("?").to_owned()
        };
        let list = |place: &str, rate: &str| -> Vec<(u64, f64)> {
            let rows = figures.pointer(place).and_then(Value::as_array);
            let lowest = format!("/{rate}/lowest");
            let row = |row: &Value| {
                let sessions = row.get("sessions")?.as_u64()?;
                Some((sessions, row.pointer(&lowest)?.as_f64()?))
            };
            rows.into_iter().flatten().filter_map(row).collect()
        };
        // With a device of DPDK's as far as that was measured, beyond it without.
        let mut all = list("/forward", "portolan_mpps");
        let beyond = list("/load/ratio/sizes", "nat_mpps");
        let most = all.iter().map(|(sessions, _)| *sessions).max();
        all.extend(
            beyond
                .into_iter()
                .filter(|(sessions, _)| Some(*sessions) > most),
        );
        let enough = all.iter().filter(|(with, _)| *with >= sessions);
        let found = enough
            .min_by_key(|(with, _)| *with)
            .or_else(|| all.iter().max_by_key(|(with, _)| *with));
        let (sessions, mpps) = found.copied().unwrap_or((0, 1.0));
        Self {
            mpps,
            sessions,
            machine: text("machine"),
            date: text("date"),
        }
    }
}

fn logs(asked: &Asked) -> Vec<Log> {
    let one = Ipv4Addr::new(100, 64, 100, 100);
    let realm = Realm::default();
    let flow = Flow {
        inside: one,
        outside: one,
        inside_port: 50_000,
        outside_port: 50_000,
        protocol: 6,
        realm,
    };
    let remote = Remote {
        known_as: one,
        address: one,
        port: 50_000,
    };
    let block = BlockNotice {
        inside: one,
        realm,
        outside: one,
        ports: (50_000, 50_511),
    };
    #[allow(clippy::cast_precision_loss)]
    let sessions = whole(2.0 * DAY * asked.rate * asked.subscribers as f64);
    // An address and a block, lent and given back.
    let blocks = 4 * asked.online * asked.subscribers;
    [
        (
            "blocks (default)",
            blocks,
            Record::Block(Life::Begun, block),
        ),
        ("sessions", sessions, Record::Mapping(Life::Begun, flow)),
        (
            "sessions, destinations",
            sessions,
            Record::Session(Life::Begun, flow, remote),
        ),
    ]
    .map(|(what, records, record)| {
        let entry = Entry {
            at: 1_800_000_000_000,
            instance: 0,
            record: &record,
        };
        let (ipfix, syslog) = bytes(&entry);
        Log {
            what,
            records,
            ipfix_bytes: records * ipfix,
            syslog_bytes: records * syslog,
            store_bytes: records * STORE_ROW,
        }
    })
    .into()
}

/// A record's share of a full IPFIX message, and its syslog datagram.
fn bytes(entry: &Entry<'_>) -> (u64, u64) {
    let mut writer = ipfix::Writer::new(0);
    while writer.push(entry) {}
    let share = |message: &[u8], records: u32| (message.len() + HEADERS).div_ceil(records as usize);
    let ipfix = writer.finish(0, share).unwrap_or_default();
    let syslog = syslog::Writer {
        facility: 16,
        enterprise: syslog::ENTERPRISE,
        host: "gateway.example.net".into(),
        process: None,
    };
    let names = syslog::Names {
        pools: vec!["public".into()],
        vrfs: vec!["default".into()],
    };
    let mut line = String::new();
    syslog.record(&mut line, &names, entry);
    let wide = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    (wide(ipfix), wide(line.len() + HEADERS))
}

#[allow(clippy::cast_precision_loss)]
fn ratio(of: u64, to: u64) -> f64 {
    of as f64 / to.max(1) as f64
}

/// Rounded up.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(number: f64) -> u64 {
    number.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        Asked {
            subscribers: 100_000,
            sessions: 50_000_000,
            addresses: 2000,
            ports: 64_512,
            block: 512,
            rate: 0.5,
            online: 2,
            mpps: 20.0,
            interfaces: 2,
        }
    }

    fn size(asked: Asked) -> Size {
        let config = config::parse("numbers", crate::paper::BARE).expect("a good file");
        Size::new(&config, asked).expect("tables that can be")
    }

    #[test]
    fn ports_are_divided_among_the_subscribers_of_an_address() {
        let size = size(asked());
        assert_eq!(
            (size.subscribers_per_address, size.ports_per_subscriber),
            (50, 1290)
        );
        assert_eq!(
            (size.blocks_per_address, size.blocks_per_subscriber),
            (126, 2.52)
        );
        let of_64 = size
            .ratios
            .iter()
            .find(|ratio| ratio.subscribers_per_address == 64);
        let of_64 = of_64.expect("a usual ratio");
        assert_eq!((of_64.addresses, of_64.ports_each), (1563, 1008));
    }

    #[test]
    fn workers_are_those_of_the_recorded_rate_half_busy() {
        let few = Measured::of(1000);
        assert!(
            few.sessions == 1024 && few.mpps > 10.0 && few.machine != "?",
            "{few:?}"
        );
        let many = Measured::of(50_000_000);
        assert!(
            many.sessions >= 16_000_000 && many.mpps < few.mpps,
            "{many:?}"
        );
        let size = size(asked());
        let each = many.mpps / 2.0;
        #[allow(clippy::cast_precision_loss)]
        let workers = size.workers as f64;
        assert!(
            workers * each >= 20.0 && (workers - 1.0) * each < 20.0,
            "{workers}"
        );
        assert_eq!(size.buffers_mb, size.workers * 2 * BUFFERS_MB);
        assert_eq!(size.huge_pages, size.buffers_mb / 2 + 64);
    }

    #[test]
    fn memory_grows_with_sessions() {
        let few = size(Asked {
            sessions: 5_000_000,
            ..asked()
        });
        let many = size(asked());
        assert!((400..2000).contains(&few.tables_mb), "{}", few.tables_mb);
        assert!(many.tables_mb > 8 * few.tables_mb, "{}", many.tables_mb);
    }

    #[test]
    fn a_day_of_log_is_its_records_as_they_are_written() {
        let size = size(asked());
        let records: Vec<u64> = size.logs.iter().map(|log| log.records).collect();
        assert_eq!(records, [800_000, 8_640_000_000, 8_640_000_000]);
        for log in &size.logs {
            let each = |bytes: u64| bytes / log.records;
            let (ipfix, syslog) = (each(log.ipfix_bytes), each(log.syslog_bytes));
            // RFC 8158: the mandatory elements take 21 bytes at least; text takes more.
            assert!(
                (30..70).contains(&ipfix) && (100..500).contains(&syslog),
                "{log:?}"
            );
            assert_eq!(each(log.store_bytes), 35);
        }
    }
}
