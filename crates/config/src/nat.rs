//! `nat`: pools first, then everything that refers to them.

use core::time::Duration;

use crate::deterministic;
use crate::error::{Report, Wrong};
use crate::interfaces::Interfaces;
use crate::keys::keys;
use crate::machine::section;
use crate::model::{Hairpin, HoldDown, Limits, Nat, Route, Timeouts};
use crate::outside::Outside;
use crate::outside_source;
use crate::pools;
use crate::prefix_sets::PrefixSets;
use crate::rules;
use crate::section::Section;
use crate::statics;
use crate::text::shown;

pub(crate) fn read(
    top: &Section<'_>,
    net: &Interfaces,
    limits: &Limits,
    routes: &[Route],
    sets: &mut PrefixSets,
    report: &mut Report,
) -> Nat {
    let nat = section(top, "nat", KEYS, report);
    let mut outside = Outside::new(routes);
    let mut pools = pools::read(&nat, net, &mut outside, report);
    let rules = rules::read(&nat, net, &mut pools, limits, sets, report);
    let deterministic = deterministic::read(&nat, net, &mut pools, &mut outside, report);
    let statics = statics::read(&nat, net, limits, &outside, &deterministic, report);
    pools.take_out(&statics, report);
    let outside_sources = outside_source::read(&nat, net, &mut pools, &rules, report);
    Nat {
        pools: pools.list,
        rules,
        deterministic,
        statics,
        outside_sources,
        timeouts: timeouts(&nat, report),
        udp_inbound_refresh: nat.boolean("udp_inbound_refresh", false, report),
        hold_down: hold_down(&nat, report),
        refusal_code: refusal_code(&nat, report),
    }
}

keys! {
    pub(crate) KEYS:
        "pools" Maps(pools::KEYS),
        "rules" Maps(rules::KEYS),
        "deterministic" Maps(deterministic::KEYS),
        "static" Maps(statics::KEYS),
        "outside_source" Maps(outside_source::KEYS),
        "timeouts" Map(TIMEOUTS),
        "udp_inbound_refresh" Boolean,
        "hold_down" Map(HOLD_DOWN),
        "refusal_code" Either(&[Word(&["host-unreachable", "admin-prohibited"]), Number(1, 1), Number(13, 13)]);
    TIMEOUTS:
        "udp" Duration,
        "udp_dns" Duration,
        "tcp_established" Duration,
        "tcp_transitory" Duration,
        "tcp_opening" Duration,
        "tcp_closing" Duration,
        "tcp_time_wait" Duration,
        "icmp" Duration,
        "esp" Duration,
        "fragments" Duration;
    HOLD_DOWN:
        "time" Duration,
        "max_percent" Number(1, 100);
    pub(crate) HAIRPIN:
        "enabled" Boolean,
        "source" Word(&["translate", "preserve"]);
}

fn timeouts(nat: &Section<'_>, report: &mut Report) -> Timeouts {
    let section = section(nat, "timeouts", TIMEOUTS, report);
    let mut read = |key: &str, default: u64, least: u64| {
        section
            .duration(key, Duration::from_secs(least), report)
            .unwrap_or(Duration::from_secs(default))
    };
    let transitory = read("tcp_transitory", 240, 1);
    let timeouts = Timeouts {
        // RFC 4787 REQ-5.
        udp: read("udp", 300, 120),
        udp_dns: read("udp_dns", 10, 1),
        tcp_established: read("tcp_established", 7_440, 1),
        tcp_opening: read("tcp_opening", transitory.as_secs(), 1),
        tcp_closing: read("tcp_closing", transitory.as_secs(), 1),
        tcp_time_wait: read("tcp_time_wait", 120, 1),
        icmp: read("icmp", 60, 1),
        esp: read("esp", 1_800, 1),
        fragments: read("fragments", 5, 1),
    };
    let recommended = [
        (
            "tcp_established",
            timeouts.tcp_established,
            7_440,
            "RFC 5382 REQ-5",
        ),
        ("tcp_transitory", transitory, 240, "RFC 5382 REQ-5"),
        ("icmp", timeouts.icmp, 60, "RFC 5508 REQ-2"),
    ];
    let closing = (
        "tcp_closing",
        timeouts.tcp_closing,
        240,
        "RFC 7857 section 2.1",
    );
    // For opening an operator may go lower (the same section).
    let own = section.child("tcp_closing").is_some();
    for (key, time, least, clause) in recommended.into_iter().chain(own.then_some(closing)) {
        if time < Duration::from_secs(least) {
            let what = format!("`{key}` is shorter than {clause} allows");
            report.warn(section.at(key), what, format!("write {least}s or more"));
        }
    }
    timeouts
}

fn hold_down(nat: &Section<'_>, report: &mut Report) -> HoldDown {
    let section = section(nat, "hold_down", HOLD_DOWN, report);
    HoldDown {
        time: section
            .duration("time", Duration::ZERO, report)
            .unwrap_or(Duration::from_mins(2)),
        max_percent: section.number("max_percent", report).unwrap_or(50),
    }
}

fn refusal_code(nat: &Section<'_>, report: &mut Report) -> u8 {
    nat.value("refusal_code", report, |text| match text {
        "host-unreachable" | "1" => Ok(1),
        "admin-prohibited" | "13" => Ok(13),
        _ => Err(Wrong::new(
            format!("{} is not a code", shown(text)),
            "write host-unreachable or admin-prohibited",
        )),
    })
    .map_or(1, |found| found.value)
}

/// `hairpin:`, a map or a plain true or false.
pub(crate) fn hairpin(parent: &Section<'_>, report: &mut Report) -> Hairpin {
    let default = Hairpin {
        enabled: true,
        preserve_source: false,
    };
    let Some(node) = parent.child("hairpin") else {
        return default;
    };
    if let crate::node::Kind::Scalar(_) = node.kind {
        return Hairpin {
            enabled: parent.boolean("hairpin", true, report),
            ..default
        };
    }
    let section = Section::open(node, "`hairpin`", HAIRPIN, report);
    let source = section.value("source", report, |text| match text {
        "translate" => Ok(false),
        "preserve" => Ok(true),
        _ => Err(Wrong::new(
            format!("{} is neither translate nor preserve", shown(text)),
            "write `translate` or `preserve`",
        )),
    });
    Hairpin {
        enabled: section.boolean("enabled", true, report),
        preserve_source: source.is_some_and(|found| found.value),
    }
}
