//! `dpdk`, `workers`, `limits`, `control`, and the sections that must still be empty.

use core::net::SocketAddr;
use std::path::PathBuf;

use crate::error::{Report, Wrong};
use crate::interfaces::Interfaces;
use crate::keys::{Key, keys};
use crate::model::{Control, Dpdk, Limits, Steering, VrfId, Workers};
use crate::node::{Kind, Node};
use crate::section::{Found, Section};
use crate::text::{self, shown};

/// The map under `key`, or an empty one.
pub(crate) fn section<'n>(
    parent: &Section<'n>,
    key: &str,
    keys: &'n [Key],
    report: &mut Report,
) -> Section<'n> {
    let node = parent.child(key).unwrap_or(&NOTHING);
    Section::open(node, &format!("`{key}`"), keys, report)
}

const NOTHING: Node = Node {
    at: crate::error::At::START,
    kind: Kind::Null,
};

pub(crate) fn dpdk(top: &Section<'_>, report: &mut Report) -> Dpdk {
    let section = section(top, "dpdk", DPDK, report);
    let eal_args = section.values("eal_args", report, |text| Ok(text.to_owned()));
    Dpdk {
        eal_args: eal_args
            .unwrap_or_default()
            .into_iter()
            .map(|found| found.value)
            .collect(),
        memory_mb: section.number("memory_mb", report).unwrap_or(512),
    }
}

pub(crate) fn workers(top: &Section<'_>, report: &mut Report) -> Workers {
    let section = section(top, "workers", WORKERS, report);
    let one_core = std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
    let core = |text: &str| {
        let number = text::integer(text, &(0..=HIGHEST_CORE))?;
        Ok(u16::try_from(number).unwrap_or_default())
    };
    let mut cores: Vec<u16> = Vec::new();
    match section.values("cores", report, core) {
        None => cores.push(u16::from(!one_core)),
        Some(listed) => {
            if section.items("cores").is_some_and(<[Node]>::is_empty) {
                report.error(
                    section.at("cores"),
                    "`cores` is empty",
                    "list at least one core, such as [1]",
                );
            }
            for found in listed {
                if cores.contains(&found.value) {
                    let what = format!("core {} is listed twice", found.value);
                    report.error(found.at, what, "list each core once");
                } else {
                    cores.push(found.value);
                }
            }
        }
    }
    let slow_path_core = match section.value("slow_path_core", report, core) {
        Some(found) if cores.len() > 1 && cores.contains(&found.value) => {
            let what = format!("core {} is a worker's and the slow path's", found.value);
            let remedy = "that worker loses some speed; spare the slow path a core if there is one";
            report.warn(found.at, what, remedy);
            found.value
        }
        Some(found) => found.value,
        None if one_core && cores.len() == 1 => cores.first().copied().unwrap_or(0),
        None => (0..=u16::MAX)
            .find(|core| !cores.contains(core))
            .unwrap_or(0),
    };
    Workers {
        cores,
        slow_path_core,
        steering: steering(&section, report),
    }
}

fn steering(section: &Section<'_>, report: &mut Report) -> Steering {
    let one_of = |[no, yes]: [&'static str; 2]| {
        move |text: &str| match text {
            _ if text == no => Ok(false),
            _ if text == yes => Ok(true),
            _ => Err(Wrong::new(
                format!("{} is neither `{no}` nor `{yes}`", shown(text)),
                format!("write one of these, or leave it out for `{no}`"),
            )),
        }
    };
    let external = section.value("rss", report, one_of(["device", "external"]));
    let rebalance = section.value("reta", report, one_of(["device", "rebalance"]));
    let key = section.value("rss_key", report, hash_key);
    let entries = section.value("reta_size", report, |text| {
        let entries = text::integer(text, &(1..=65_536))?;
        let entries = u32::try_from(entries).unwrap_or_default();
        if entries.is_power_of_two() {
            Ok(entries)
        } else {
            Err(Wrong::new(
                format!("a redirection table has a power of two of entries, not {entries}"),
                format!("write {}", entries.next_power_of_two()),
            ))
        }
    });
    let is_external = external.as_ref().is_some_and(|found| found.value);
    if is_external && let Some(found) = rebalance.as_ref().filter(|found| found.value) {
        report.error(
            found.at,
            "`reta: rebalance` writes the tables of devices, and `rss: external` has none",
            "leave out one of the two",
        );
    }
    Steering {
        external: is_external,
        rebalance: rebalance.is_some_and(|found| found.value),
        key: key.map(|found| found.value),
        entries: entries.map_or(512, |found| found.value),
    }
}

/// Bytes in hexadecimal, with or without colons between them.
fn hash_key(text: &str) -> Result<Vec<u8>, Wrong> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let bytes: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| {
            let [high, low] = pair else { return None };
            let digit = |byte: u8| {
                char::from(byte)
                    .to_digit(16)
                    .and_then(|d| u8::try_from(d).ok())
            };
            Some(digit(*high)? << 4 | digit(*low)?)
        })
        .collect();
    bytes
        .filter(|bytes| (40..=64).contains(&bytes.len()))
        .ok_or_else(|| {
            Wrong::new(
                format!("{} is no key of 40 to 64 bytes in hexadecimal", shown(text)),
                "write what `ethtool -x` shows, or 52 bytes for any device",
            )
        })
}

const HIGHEST_CORE: u64 = 1_023;

keys! {
    pub(crate) DPDK:
        "eal_args" Many(&Text),
        "memory_mb" Number(16, 1_048_576);
    pub(crate) WORKERS:
        "cores" Many(&Number(0, HIGHEST_CORE)),
        "slow_path_core" Number(0, HIGHEST_CORE),
        "rss" Word(&["device", "external"]),
        "reta" Word(&["device", "rebalance"]),
        "rss_key" Text,
        "reta_size" Number(1, 65_536);
    pub(crate) LIMITS:
        "sessions" Number(1, MOST_SESSIONS),
        "mappings" Number(1, MOST_SESSIONS),
        "subscribers" Number(1, 1 << 24),
        "neighbors" Number(1, 65_534),
        "fragments" Number(1, 1 << 20),
        "vrfs" Named(&Map(VRF_LIMITS));
    VRF_LIMITS:
        "sessions" Number(1, MOST_SESSIONS);
    pub(crate) CONTROL:
        "socket" Text,
        "metrics" Text;
}

pub(crate) fn limits(top: &Section<'_>, report: &mut Report) -> Limits {
    let section = section(top, "limits", LIMITS, report);
    let sessions = section.number("sessions", report).unwrap_or(1_000_000);
    let mappings = section.number("mappings", report).unwrap_or(sessions);
    if mappings > sessions {
        let what = format!("there can be more mappings ({mappings}) than sessions ({sessions})");
        let remedy = "a mapping in use has a session, so as many mappings as sessions are enough";
        report.warn(section.at("mappings"), what, remedy);
    }
    Limits {
        sessions,
        mappings,
        subscribers: section.number("subscribers", report).unwrap_or(65_536),
        neighbors: section.number("neighbors", report).unwrap_or(16_384),
        fragments: section.number("fragments", report).unwrap_or(4_096),
        // Names of VRFs are known later: `vrf_limits`.
        vrf_sessions: Vec::new(),
    }
}

/// `limits.vrfs`, once the VRFs are known.
pub(crate) fn vrf_limits(
    top: &Section<'_>,
    net: &Interfaces,
    report: &mut Report,
) -> Vec<(VrfId, u32)> {
    let Some(node) = top.child("limits").and_then(|limits| limits.entry("vrfs")) else {
        return Vec::new();
    };
    let Kind::Map(entries) = &node.kind else {
        let what = format!("`vrfs` is {}, not a map", node.noun());
        report.error(node.at, what, "write `NAME: { sessions: N }` for each VRF");
        return Vec::new();
    };
    let mut limits: Vec<(VrfId, u32)> = Vec::new();
    for entry in entries {
        let name = Found {
            at: entry.at,
            value: entry.key.clone(),
        };
        let vrf = net.vrf_named(&name, report);
        let limit = Section::open(&entry.value, "limits of a VRF", VRF_LIMITS, report);
        let sessions = limit.number("sessions", report);
        if limit.lacks("sessions") {
            limit.missing("the VRF's limits", "sessions", "100000", report);
        }
        if let (Some(vrf), Some(sessions)) = (vrf, sessions) {
            if limits.iter().any(|(known, _)| *known == vrf) {
                let what = format!("VRF {} is given twice", net.vrf_name(vrf));
                report.error(entry.at, what, "keep one of the two");
            } else {
                limits.push((vrf, sessions));
            }
        }
    }
    limits
}

const MOST_SESSIONS: u64 = 1 << 30;

pub(crate) fn control(top: &Section<'_>, report: &mut Report) -> Control {
    let section = section(top, "control", CONTROL, report);
    let socket = section.value("socket", report, |text| {
        // sun_path holds 108 bytes with the final zero.
        if text.starts_with('/') && text.len() < 108 && !text.contains('\0') {
            Ok(PathBuf::from(text))
        } else {
            Err(Wrong::new(
                format!(
                    "{} is not an absolute path of at most 107 bytes",
                    shown(text)
                ),
                "write a path such as /run/portolan.sock",
            ))
        }
    });
    let metrics = section.value("metrics", report, |text| {
        text.parse::<SocketAddr>()
            .ok()
            .filter(|address| address.port() != 0)
            .ok_or_else(|| {
                Wrong::new(
                    format!("{} is not an address and a port", shown(text)),
                    "write both, such as \"127.0.0.1:9464\"",
                )
            })
    });
    Control {
        socket: socket.map_or_else(|| PathBuf::from("/run/portolan.sock"), |found| found.value),
        metrics: metrics.map(|found| found.value),
    }
}
