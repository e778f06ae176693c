//! Cores of the workers: there, alone, awake.

use super::snapshot::Snapshot;
use super::{Finding, Wants};

const CPU: &str = "/sys/devices/system/cpu";

pub(super) fn examine(snapshot: &Snapshot, wants: Option<&Wants>) -> Vec<Finding> {
    let Some(wants) = wants else {
        return Vec::new();
    };
    let mut findings = vec![there(snapshot, wants)];
    findings.push(isolated(snapshot, wants));
    findings.extend(siblings(snapshot, wants));
    findings.extend(governor(snapshot, wants));
    findings
}

/// `1-3,8` as numbers.
fn numbers(list: &str) -> Vec<u16> {
    let ranges = list.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    ranges.flatten().collect()
}

fn listed(cores: &[u16]) -> String {
    let names: Vec<String> = cores.iter().map(ToString::to_string).collect();
    names.join(",")
}

fn set(snapshot: &Snapshot, file: &str) -> Vec<u16> {
    numbers(&snapshot.text(&format!("{CPU}/{file}")).unwrap_or_default())
}

fn there(snapshot: &Snapshot, wants: &Wants) -> Finding {
    const CHECK: &str = "cores";
    let online = set(snapshot, "online");
    let all = wants.cores.iter().chain([&wants.slow_path_core]);
    let absent: Vec<u16> = all.copied().filter(|core| !online.contains(core)).collect();
    if !absent.is_empty() {
        let found = format!(
            "{} not there; online are {}",
            listed(&absent),
            listed(&online)
        );
        return Finding::problem(CHECK, found, "name others in `workers`");
    }
    if wants.cores.contains(&wants.slow_path_core) {
        let found = format!(
            "core {} is a worker's and the slow path's",
            wants.slow_path_core
        );
        let remedy = "another `workers.slow_path_core`, if there is one to spare";
        return Finding::warning(CHECK, found, remedy);
    }
    let found = format!(
        "workers on {}, slow path on {}",
        listed(&wants.cores),
        wants.slow_path_core
    );
    Finding::ok(CHECK, found)
}

fn isolated(snapshot: &Snapshot, wants: &Wants) -> Finding {
    const CHECK: &str = "isolation";
    let workers = listed(&wants.cores);
    let lacking = |file| {
        let has = set(snapshot, file);
        !wants.cores.iter().all(|core| has.contains(core))
    };
    let lacks: Vec<&str> = [("isolated", "isolcpus"), ("nohz_full", "nohz_full")]
        .into_iter()
        .filter(|(file, _)| lacking(file))
        .map(|(_, argument)| argument)
        .collect();
    if lacks.is_empty() {
        return Finding::ok(CHECK, format!("cores {workers} are the workers' alone"));
    }
    let found = format!(
        "of the workers' cores {workers} not all are in {}: where others take one, packets wait",
        lacks.join(" and ")
    );
    let remedy = format!(
        "isolcpus={workers} nohz_full={workers} rcu_nocbs={workers} in GRUB_CMDLINE_LINUX of \
         /etc/default/grub; update-grub; reboot"
    );
    Finding::warning(CHECK, found, remedy)
}

/// Threads of one core (SMT) share what executes; the kernel lists those that are online.
fn siblings(snapshot: &Snapshot, wants: &Wants) -> Option<Finding> {
    const CHECK: &str = "siblings";
    let isolated = set(snapshot, "isolated");
    let mut known = false;
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for core in &wants.cores {
        let threads = set(
            snapshot,
            &format!("cpu{core}/topology/thread_siblings_list"),
        );
        known |= !threads.is_empty();
        for thread in threads.into_iter().filter(|thread| thread != core) {
            if wants.cores.contains(&thread) || thread == wants.slow_path_core {
                ours.push(format!("{core} with {thread}"));
            } else if !isolated.contains(&thread) {
                others.push(thread);
            }
        }
    }
    if !ours.is_empty() {
        let found = format!("Portolan's threads share a core: {}", ours.join(", "));
        let remedy = "name one thread of each core in `workers` (lscpu -e tells them apart)";
        return Some(Finding::warning(CHECK, found, remedy));
    }
    if !others.is_empty() {
        let found = format!(
            "anything may run on {}, a worker's core each",
            listed(&others)
        );
        let off: Vec<String> = others
            .iter()
            .map(|thread| format!("echo 0 >{CPU}/cpu{thread}/online"))
            .collect();
        return Some(Finding::warning(CHECK, found, off.join("; ")));
    }
    known.then(|| Finding::ok(CHECK, "no worker shares its core with what runs"))
}

/// Where the kernel sets frequencies at all.
fn governor(snapshot: &Snapshot, wants: &Wants) -> Option<Finding> {
    const CHECK: &str = "governor";
    let governors = wants.cores.iter().filter_map(|core| {
        let name = snapshot.text(&format!("{CPU}/cpu{core}/cpufreq/scaling_governor"))?;
        Some((*core, name))
    });
    let governors: Vec<(u16, String)> = governors.collect();
    let slow: Vec<&(u16, String)> = governors
        .iter()
        .filter(|(_, name)| name != "performance")
        .collect();
    match (governors.first(), slow.first()) {
        (None, _) => None,
        (Some(_), None) => Some(Finding::ok(CHECK, "performance")),
        (Some(_), Some((_, name))) => {
            let cores: Vec<u16> = slow.iter().map(|(core, _)| *core).collect();
            let found = format!("{name} on {}", listed(&cores));
            let remedy = format!(
                "cpupower -c {} frequency-set -g performance",
                listed(&cores)
            );
            Some(Finding::warning(CHECK, found, remedy))
        }
    }
}
