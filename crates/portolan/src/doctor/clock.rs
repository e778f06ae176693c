//! The clock that workers read each turn, and the time that logs carry.

use super::Finding;
use super::snapshot::Snapshot;

pub(super) fn examine(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings: Vec<Finding> = source(snapshot).into_iter().collect();
    findings.push(time(snapshot));
    findings
}

fn source(snapshot: &Snapshot) -> Option<Finding> {
    const CHECK: &str = "clock source";
    let current = snapshot.text(&format!("{SOURCE}/current_clocksource"))?;
    if READ_IN_PLACE.contains(&current.as_str()) {
        return Some(Finding::ok(CHECK, current));
    }
    let available = snapshot
        .text(&format!("{SOURCE}/available_clocksource"))
        .unwrap_or_default();
    let better = READ_IN_PLACE
        .into_iter()
        .find(|name| available.split_whitespace().any(|word| word == *name));
    let found = format!("{current}: each look at it is a system call, for every worker's turn");
    let remedy = match better {
        Some(name) => format!("echo {name} >{SOURCE}/current_clocksource"),
        None => {
            "boot with tsc=reliable if the kernel's log calls the TSC unstable for no reason".into()
        }
    };
    Some(Finding::warning(CHECK, found, remedy))
}

/// Who keeps the time leaves a trace in `/run`.
fn time(snapshot: &Snapshot) -> Finding {
    const CHECK: &str = "time";
    let keepers = [
        (
            "/run/systemd/timesync/synchronized",
            "systemd-timesyncd has synchronised it",
        ),
        ("/run/chrony/chronyd.pid", "chrony keeps it"),
        ("/run/ntpd.pid", "ntpd keeps it"),
    ];
    match keepers.iter().find(|(path, _)| snapshot.has(path)) {
        Some((_, found)) => Finding::ok(CHECK, *found),
        None => Finding::warning(
            CHECK,
            "nothing synchronises it, and who had a port is asked by time",
            "apt install chrony",
        ),
    }
}

const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0";

/// Clocks that a program reads without asking the kernel.
const READ_IN_PLACE: [&str; 4] = [
    "tsc",
    "kvm-clock",
    "hyperv_clocksource_tsc_page",
    "arch_sys_counter",
];
