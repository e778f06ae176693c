//! `log`: who is told what happens, and of a rule, what is told.

use core::net::SocketAddr;
use core::time::Duration;
use std::path::PathBuf;

use crate::error::{Report, Wrong};
use crate::keys::keys;
use crate::machine::section;
use crate::model::{Collector, Log, LogServer, LogStore, RuleLog, Transport};
use crate::node::Node;
use crate::section::Section;
use crate::text::{self, shown};

/// Collectors or servers at most.
const MOST: usize = 8;

keys! {
    pub(crate) KEYS:
        "syslog" Many(&Map(SERVER)),
        "ipfix" Many(&Map(COLLECTOR)),
        "store" Map(STORE);
    STORE:
        "path" Text,
        "keep" Duration,
        "max_size" Size;
    COLLECTOR:
        "collector" Text,
        "transport" Word(&["udp", "tcp"]),
        "domain" Number(0, MOST_NUMBER),
        "template_refresh" Duration;
    SERVER:
        "server" Text,
        "transport" Word(&["udp", "tcp"]),
        "facility" Word(&["user", "daemon", "security", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"]),
        "enterprise" Number(1, MOST_NUMBER);
}

const MOST_NUMBER: u64 = u32::MAX as u64;

/// The number of private enterprises set aside for examples (RFC 5612).
const EXAMPLE_ENTERPRISE: u32 = 32473;

pub(crate) fn read(top: &Section<'_>, report: &mut Report) -> Log {
    let log = section(top, "log", KEYS, report);
    let ipfix = one_or_more(&log, "ipfix", report);
    let syslog = one_or_more(&log, "syslog", report);
    Log {
        ipfix: ipfix
            .iter()
            .filter_map(|node| collector(node, report))
            .collect(),
        syslog: syslog
            .iter()
            .filter_map(|node| server(node, report))
            .collect(),
        store: store(&log, report),
        besides: false,
    }
}

/// The shortest time to keep entries for.
const SHORTEST: Duration = Duration::from_hours(1);

/// The least room for them: a dozen files.
const LEAST_SIZE: u64 = 1 << 29;

fn store(log: &Section<'_>, report: &mut Report) -> Option<LogStore> {
    log.child("store")?;
    let section = section(log, "store", STORE, report);
    if section.lacks("path") {
        section.missing("`store`", "path", "/var/lib/portolan/log", report);
    }
    let keep = section.duration("keep", SHORTEST, report);
    let size = section.value("max_size", report, |text| {
        let size = text::size(text)?;
        if size >= LEAST_SIZE {
            return Ok(size);
        }
        let what = format!("{} is too little", shown(text));
        Err(Wrong::new(what, "write 512MiB or more"))
    });
    let path = section.value("path", report, |text| {
        if text.starts_with('/') {
            return Ok(PathBuf::from(text));
        }
        let what = format!("{} is not an absolute path", shown(text));
        Err(Wrong::new(what, "write one such as /var/lib/portolan/log"))
    })?;
    Some(LogStore {
        path: path.value,
        keep: keep.unwrap_or(Duration::from_hours(90 * 24)),
        max_size: size.map_or(64 << 30, |found| found.value),
    })
}

fn one_or_more<'n>(log: &Section<'n>, key: &str, report: &mut Report) -> &'n [Node] {
    let items = log.items(key).unwrap_or_default();
    if let Some(extra) = items.get(MOST) {
        let what = format!("`{key}` has {} items", items.len());
        report.error(extra.at, what, format!("keep at most {MOST}"));
        return &[];
    }
    items
}

fn collector(node: &Node, report: &mut Report) -> Option<Collector> {
    let section = Section::open(node, "an IPFIX collector", COLLECTOR, report);
    let address = address(&section, "collector", "\"192.0.2.50:4739\"", report);
    let transport = transport(&section, report);
    let domain = section.number("domain", report);
    let refresh = section.duration("template_refresh", Duration::from_secs(1), report);
    if transport == Transport::Tcp && section.child("template_refresh").is_some() {
        let what = "`template_refresh` has no effect over TCP: a connection begins with templates";
        report.error(
            section.key_at("template_refresh"),
            what,
            "leave it out or use UDP",
        );
    }
    Some(Collector {
        address: address?,
        transport,
        domain: domain.unwrap_or(0),
        template_refresh: refresh.unwrap_or(Duration::from_mins(10)),
    })
}

fn server(node: &Node, report: &mut Report) -> Option<LogServer> {
    let section = Section::open(node, "a syslog server", SERVER, report);
    let address = address(&section, "server", "\"192.0.2.51:514\"", report);
    let transport = transport(&section, report);
    let facility = section.value("facility", report, |text| {
        FACILITIES
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, number)| *number)
            .ok_or_else(|| {
                let what = format!("{} is not a facility", shown(text));
                Wrong::new(what, "write local0 to local7, daemon, user or security")
            })
    });
    let enterprise = section.number("enterprise", report);
    Some(LogServer {
        address: address?,
        transport,
        facility: facility.map_or(LogServer::FACILITY, |found| found.value),
        enterprise: enterprise.unwrap_or(EXAMPLE_ENTERPRISE),
    })
}

/// Facilities that an appliance may be (RFC 5424 table 1).
const FACILITIES: [(&str, u8); 11] = [
    ("user", 1),
    ("daemon", 3),
    ("security", 4),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

fn address(
    section: &Section<'_>,
    key: &str,
    example: &str,
    report: &mut Report,
) -> Option<SocketAddr> {
    if section.lacks(key) {
        section.missing("the entry", key, example, report);
    }
    let found = section.value(key, report, |text| {
        text.parse::<SocketAddr>()
            .ok()
            .filter(|address| address.port() != 0 && !address.ip().is_unspecified())
            .ok_or_else(|| {
                let what = format!("{} is not an address and a port", shown(text));
                Wrong::new(what, format!("write both, such as {example}"))
            })
    });
    found.map(|found| found.value)
}

fn transport(section: &Section<'_>, report: &mut Report) -> Transport {
    let found = section.value("transport", report, |text| match text {
        "udp" => Ok(Transport::Udp),
        "tcp" => Ok(Transport::Tcp),
        _ => {
            let what = format!("{} is not a transport", shown(text));
            Err(Wrong::new(what, "write udp or tcp"))
        }
    });
    found.map_or(Transport::Udp, |found| found.value)
}

/// `log` and `destinations` of a rule.
pub(crate) fn of_rule(section: &Section<'_>, report: &mut Report) -> RuleLog {
    let log = section.value("log", report, |text| match text {
        "sessions" => Ok((true, false)),
        "blocks" => Ok((false, true)),
        "both" => Ok((true, true)),
        "none" => Ok((false, false)),
        _ => {
            let what = format!("{} cannot be logged", shown(text));
            Err(Wrong::new(what, "write sessions, blocks, both or none"))
        }
    });
    let default = (RuleLog::DEFAULT.sessions, RuleLog::DEFAULT.blocks);
    let (sessions, blocks) = log.map_or(default, |found| found.value);
    let destinations = section.boolean("destinations", RuleLog::DEFAULT.destinations, report);
    if destinations && !sessions {
        let what = "`destinations` are of sessions, which this rule does not log";
        report.error(
            section.key_at("destinations"),
            what,
            "write `log: sessions` or `log: both`, or leave it out",
        );
    }
    RuleLog {
        sessions,
        blocks,
        destinations,
    }
}
