//! DPDK without devices: memory for packets, and rings.

use dpdk::{Eal, Mempool, MempoolConfig};
use serde::Serialize;

use crate::LoadError;

/// Buffers of the pool. Few, and given out again last in, first out: so they stay
/// in the cache, as those of a device with short queues do.
const BUFFERS: u32 = (1 << 15) - 1;

/// Buffers that each thread keeps to itself.
const CACHE: u16 = 512;

/// Memory for all of that, in MiB.
const MEMORY: u64 = 128;

/// DPDK.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) pool: Mempool,
    pub(crate) eal: Eal,
    huge: bool,
}

/// Where it was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Circumstances {
    cpu: String,
    cores: usize,
    dpdk: String,
    kernel: String,
    /// Packet buffers are on huge pages. Tables always are, where the kernel allows.
    huge_pages: bool,
}

impl Machine {
    /// Starts DPDK; the calling thread is pinned to `core`. Without huge pages the
    /// source alone costs twice as much, so that has to be asked for.
    ///
    /// # Errors
    ///
    /// [`LoadError::HugePages`] if there are not enough of them, or what DPDK says.
    pub(crate) fn start(core: usize, huge: bool) -> Result<Self, LoadError> {
        if huge && free_huge_mib() < MEMORY {
            return Err(LoadError::HugePages(MEMORY / 2));
        }
        let mut args: Vec<String> = ["--no-pci", "--no-telemetry", "--log-level=4", "-l"]
            .map(String::from)
            .to_vec();
        args.push(core.to_string());
        args.extend(["-m".into(), MEMORY.to_string()]);
        if huge {
            args.push("--in-memory".into());
        } else {
            args.extend(["--no-huge".into(), "--no-shconf".into()]);
        }
        let eal = Eal::init(&args)?;
        let pool = Mempool::new(
            &eal,
            &MempoolConfig {
                name: "load".into(),
                buffers: BUFFERS,
                mtu: 1500,
                cache: CACHE,
            },
        )?;
        Ok(Self { pool, eal, huge })
    }

    pub(crate) fn circumstances(&self) -> Circumstances {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu = info
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map_or("unknown", |(_, name)| name);
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Circumstances {
            cpu: cpu.to_owned(),
            cores: info
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
            dpdk: dpdk::version().to_owned(),
            kernel: kernel.trim().to_owned(),
            huge_pages: self.huge,
        }
    }
}

fn free_huge_mib() -> u64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let free = info
        .lines()
        .find_map(|line| line.strip_prefix("HugePages_Free:"))
        .and_then(|count| count.trim().parse::<u64>().ok());
    free.unwrap_or(0) * 2
}
