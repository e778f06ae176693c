//! Huge pages for packet buffers, plain memory for tables, and what may be locked.

use super::snapshot::Snapshot;
use super::{Finding, Wants};

pub(super) fn examine(snapshot: &Snapshot, wants: Option<&Wants>) -> Vec<Finding> {
    let mut findings = huge_pages(snapshot, wants);
    findings.extend(transparent(snapshot));
    findings.extend(wants.and_then(|wants| tables(snapshot, wants)));
    findings.extend(locked(snapshot, wants));
    findings
}

/// Pages of one size, in KiB.
struct Pages {
    size: u64,
    total: u64,
    free: u64,
}

fn pages(snapshot: &Snapshot) -> Vec<Pages> {
    let sizes = snapshot.names(POOLS).into_iter();
    sizes
        .filter_map(|name| {
            let size = name.strip_prefix("hugepages-")?.strip_suffix("kB")?;
            Some(Pages {
                size: size.parse().ok()?,
                total: snapshot.number(&format!("{POOLS}/{name}/nr_hugepages"))?,
                free: snapshot.number(&format!("{POOLS}/{name}/free_hugepages"))?,
            })
        })
        .collect()
}

fn huge_pages(snapshot: &Snapshot, wants: Option<&Wants>) -> Vec<Finding> {
    const CHECK: &str = "huge pages";
    if wants.is_some_and(|wants| wants.has_arg("--no-huge")) {
        let found = "the file does without them (--no-huge), at a fraction of the speed";
        let remedy =
            "fine for a trial; else reserve some and take `--no-huge` out of `dpdk.eal_args`";
        return vec![Finding::warning(CHECK, found, remedy)];
    }
    let pools = pages(snapshot);
    let free: u64 = pools.iter().map(|pool| pool.free * pool.size / 1024).sum();
    let total: u64 = pools.iter().map(|pool| pool.total * pool.size / 1024).sum();
    let needed = wants.map_or(USUAL_MB, |wants| wants.memory_mb);
    let taken = pools.iter().find(|pool| pool.size == SMALL);
    let taken = taken.map_or(0, |pool| pool.total.saturating_sub(pool.free));
    let count = taken + needed.div_ceil(SMALL / 1024);
    let reserve = format!(
        "echo {count} >/proc/sys/vm/nr_hugepages; for good: vm.nr_hugepages = {count} in \
         /etc/sysctl.d/portolan.conf, or hugepages={count} on the kernel's command line"
    );
    let mut findings = Vec::new();
    findings.push(if pools.is_empty() {
        let found = "this kernel has none";
        Finding::problem(CHECK, found, "boot a kernel with CONFIG_HUGETLBFS")
    } else if total == 0 {
        Finding::problem(CHECK, "none are reserved", reserve)
    } else if wants.is_some() && free < needed {
        let found = format!(
            "{free} MiB free of {total} MiB reserved, and {needed} MiB are needed \
             (`dpdk.memory_mb`); a running Portolan has its own already"
        );
        Finding::problem(CHECK, found, reserve)
    } else {
        Finding::ok(CHECK, format!("{free} MiB free of {total} MiB reserved"))
    });
    if let Some(wants) = wants
        && !wants.has_arg("--in-memory")
    {
        findings.push(mount(snapshot));
    }
    findings
}

/// Without `--in-memory` DPDK makes files in a hugetlbfs.
fn mount(snapshot: &Snapshot) -> Finding {
    const CHECK: &str = "hugetlbfs";
    let mounts = snapshot.text("/proc/mounts").unwrap_or_default();
    let mut mounted = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let place = words.next()?;
        (words.next() == Some("hugetlbfs")).then_some(place)
    });
    match mounted.next() {
        Some(place) => Finding::ok(CHECK, format!("mounted at {place}")),
        None => Finding::problem(
            CHECK,
            "not mounted",
            "add \"--in-memory\" to `dpdk.eal_args`, or \
             mkdir -p /dev/hugepages && mount -t hugetlbfs nodev /dev/hugepages",
        ),
    }
}

/// Tables ask for transparent huge pages.
fn transparent(snapshot: &Snapshot) -> Option<Finding> {
    const CHECK: &str = "tables' pages";
    let modes = snapshot.text(TRANSPARENT)?;
    let mode = modes.split(['[', ']']).nth(1)?;
    Some(if mode == "never" {
        let found = "transparent huge pages are off: every look into a large table costs more";
        Finding::warning(CHECK, found, format!("echo madvise >{TRANSPARENT}"))
    } else {
        Finding::ok(CHECK, format!("transparent huge pages: {mode}"))
    })
}

fn tables(snapshot: &Snapshot, wants: &Wants) -> Option<Finding> {
    const CHECK: &str = "memory";
    let available = snapshot.field("/proc/meminfo", "MemAvailable")?;
    let available: u64 = available.trim_end_matches(" kB").parse().ok()?;
    let (available, needed) = (available >> 10, wants.tables.div_ceil(1 << 20));
    Some(if available < needed {
        let found = format!("{available} MiB available, the tables of the file take {needed} MiB");
        Finding::problem(
            CHECK,
            found,
            "lower `limits`, reserve fewer huge pages, or add memory",
        )
    } else {
        let found = format!("{available} MiB available, {needed} MiB for the tables of the file");
        Finding::ok(CHECK, found)
    })
}

/// VFIO locks the memory that a NIC may write to, unless whoever asks may lock all.
fn locked(snapshot: &Snapshot, wants: Option<&Wants>) -> Option<Finding> {
    const CHECK: &str = "locked memory";
    let limits = snapshot.text("/proc/self/limits")?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max locked memory"))?;
    let limit = line.split_whitespace().next()?;
    let capabilities = snapshot
        .field("/proc/self/status", "CapEff")
        .unwrap_or_default();
    let capabilities = u64::from_str_radix(&capabilities, 16).unwrap_or(0);
    let needed = wants.map_or(USUAL_MB, |wants| wants.memory_mb) << 20;
    let enough = limit
        .parse::<u64>()
        .map_or(limit == "unlimited", |bytes| bytes >= needed);
    Some(if enough {
        Finding::ok(CHECK, format!("the limit is {limit}"))
    } else if capabilities >> CAP_IPC_LOCK & 1 == 1 {
        Finding::ok(
            CHECK,
            format!("the limit of {limit} bytes does not hold for this user"),
        )
    } else {
        let found = format!("at most {limit} bytes, too few for the buffers of a NIC");
        let remedy = "ulimit -l unlimited, or run it by its systemd unit (LimitMEMLOCK=infinity)";
        Finding::warning(CHECK, found, remedy)
    })
}

const POOLS: &str = "/sys/kernel/mm/hugepages";
const TRANSPARENT: &str = "/sys/kernel/mm/transparent_hugepage/enabled";
/// `dpdk.memory_mb` where a file does not say otherwise.
const USUAL_MB: u64 = 512;
/// The pages of `nr_hugepages`, in KiB.
const SMALL: u64 = 2048;
/// Bit of the capability (capabilities(7)).
const CAP_IPC_LOCK: u32 = 14;
