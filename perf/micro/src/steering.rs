//! `micro steering [TUPLES]`: whether any answer comes to a wrong worker.
//!
//! ```text
//!  inside host ──NIC──> queue = worker ──> one of its outside addresses, any port
//!                         wrong? <── queue <──NIC── answer to that address and port
//! ```
//!
//! The NIC is emulated bit by bit, with RSS on the source address inside and on the
//! destination outside, for several numbers of workers, table sizes, and tables in turn
//! and by load. The layout is asked what the packet path asks it: who owns a host, and who
//! an outside endpoint. Tuples come from a permutation, so they need no memory.
//!
//! Also measured: what it costs that a port is one whose answers come back to its
//! worker. All ports of an address are, so that is the look-up of the owner.

use core::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use base::Nanos;
use nat::settings::{Division, Settings};
use nat::steering::{DEFAULT_KEY, Side};
use nat::{Dealt, Layout, Steering};

use crate::appliance::{POOL, settings};

const WORKERS: [u32; 7] = [2, 3, 4, 8, 16, 64, 128];
const TABLES: [usize; 3] = [128, 512, 2048];

/// As many tuples as `scripts/test` has time for.
const TUPLES: u64 = 100_000_000;

/// Outside addresses: by turns, some worker out of 128 may get few of them.
const ADDRESSES: u32 = 2048;

/// First of 2^22 inside addresses.
const INSIDE: u32 = 0x6440_0000;

/// Owners looked up in one slice, and slices: the best of them is that without others on
/// the core.
const LOOKUPS: u32 = 1 << 16;
const SLICES: u32 = 1 << 10;

pub(crate) fn run(tuples: Option<&str>) -> ExitCode {
    let Some(tuples) = tuples.map_or(Some(TUPLES), |text| text.parse().ok()) else {
        eprintln!("usage: micro steering [TUPLES]");
        return ExitCode::from(2);
    };
    let settings = settings(
        ADDRESSES,
        Division::Blocks {
            size: 512,
            max_per_subscriber: 8,
            idle: Nanos::from_secs(120),
            active: None,
        },
    );
    let cases: Vec<_> = WORKERS
        .into_iter()
        .flat_map(|workers| TABLES.map(|entries| (workers, entries)))
        .flat_map(|(workers, entries)| [false, true].map(|by_load| (workers, entries, by_load)))
        .collect();
    let each = tuples.div_ceil(cases.len() as u64);
    let (mut done, mut wrong) = (0, 0);
    for (workers, entries, by_load) in cases {
        match case(&settings, (workers, entries, by_load), done..done + each) {
            Ok(found) => wrong += found,
            Err(why) => {
                eprintln!("micro steering: {workers} workers, {entries} entries: {why}");
                return ExitCode::FAILURE;
            }
        }
        done += each;
    }
    let nanoseconds = time_of_owner();
    println!(
        r#"{{"scenario": "steering", "tuples": {done}, "wrong": {wrong}, "owner_ns": {nanoseconds:.2}, "owner_cycles": {:.1}}}"#,
        nanoseconds * gigahertz(),
    );
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// How many packets of these tuples come to a wrong worker.
fn case(
    settings: &Settings,
    (workers, entries, by_load): (u32, usize, bool),
    tuples: core::ops::Range<u64>,
) -> Result<u64, String> {
    let say = |error: &dyn core::fmt::Display| error.to_string();
    let unsteered = Layout::new(settings, workers).map_err(|error| say(&error))?;
    let [inside, outside] = if by_load {
        [
            unsteered.balanced_inside(&DEFAULT_KEY, entries),
            unsteered.balanced_outside(&DEFAULT_KEY, entries),
        ]
    } else {
        [(); 2].map(|()| Side::in_turn(workers, entries))
    };
    let side = |reta: &[u16]| Side::new(&DEFAULT_KEY, reta.to_vec(), workers);
    let steering = Steering {
        inside: side(&inside).map_err(|error| say(&error))?,
        outside: side(&outside).map_err(|error| say(&error))?,
    };
    let layout = Layout::steered(settings, workers, Arc::new(steering));
    let layout = layout.map_err(|error| say(&error))?;
    if layout
        .spread()
        .pools
        .iter()
        .any(|pool| pool.dealt != Dealt::Whole)
    {
        return Err("the pool is divided".into());
    }
    let (source, destination) = (Nic::new(&inside), Nic::new(&outside));
    let mut own: Vec<Vec<u32>> = vec![Vec::new(); workers as usize];
    for address in POOL..POOL + ADDRESSES {
        let owner = layout.outside_owner(0, address, 17, 1024);
        if let Some(own) = owner.and_then(|owner| own.get_mut(owner as usize)) {
            own.push(address);
        }
    }
    let mut wrong = 0;
    for tuple in tuples {
        let chance = mixed(tuple);
        let host = INSIDE + (word(chance) & 0x003f_ffff);
        let worker = source.queue(host);
        let addresses = own.get(worker as usize).map_or(&[][..], Vec::as_slice);
        let nth = (chance >> 22) as usize & 0xffff;
        let Some(outside) = addresses.get(nth % addresses.len().max(1)) else {
            return Err(format!("worker {worker} has no address"));
        };
        let port = 1024 + half(chance >> 38) % (u16::MAX - 1023);
        let protocol = match chance >> 62 {
            0 => 17,
            1 => 6,
            2 => 1,
            _ => 136,
        };
        let right = layout.inside_owner(0, host) == worker
            && destination.queue(*outside) == worker
            && layout.outside_owner(0, *outside, protocol, port) == Some(worker);
        wrong += u64::from(!right);
    }
    Ok(wrong)
}

/// A device that hashes one address, as its data sheet says: bit by bit.
struct Nic<'t> {
    key: u64,
    table: &'t [u16],
}

impl<'t> Nic<'t> {
    fn new(table: &'t [u16]) -> Self {
        let key = DEFAULT_KEY.iter().take(8);
        Self {
            key: key.fold(0, |key, byte| key << 8 | u64::from(*byte)),
            table,
        }
    }

    #[inline]
    fn queue(&self, address: u32) -> u32 {
        let mut hash = 0;
        for bit in 0..32 {
            let set = 0_u32.wrapping_sub(address >> (31 - bit) & 1);
            hash ^= word(self.key >> (32 - bit)) & set;
        }
        let entry = self.table.get(hash as usize & (self.table.len() - 1));
        entry.copied().map_or(u32::MAX, u32::from)
    }
}

/// A permutation of 64 bits (splitmix64's last steps).
const fn mixed(nth: u64) -> u64 {
    let mut word = nth.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

#[allow(clippy::cast_possible_truncation)]
const fn word(word: u64) -> u32 {
    word as u32
}

#[allow(clippy::cast_possible_truncation)]
const fn half(word: u64) -> u16 {
    word as u16
}

/// Nanoseconds for the owner of an address, in the best slice.
fn time_of_owner() -> f64 {
    let steering = Steering::in_turn(8);
    let slice = |first: u32| {
        let mut sum = 0;
        let began = Instant::now();
        for nth in first..first + LOOKUPS {
            let address = black_box(INSIDE.wrapping_add(nth.wrapping_mul(0x9e37_79b1)));
            sum += u64::from(steering.inside.worker_of(address));
        }
        black_box(sum);
        began.elapsed().as_secs_f64() * 1e9 / f64::from(LOOKUPS)
    };
    let slices = (0..SLICES).map(|nth| slice(nth * LOOKUPS));
    slices.fold(f64::INFINITY, f64::min)
}

/// Of this processor; 1 where it is not told.
fn gigahertz() -> f64 {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = told.lines().find(|line| line.starts_with("cpu MHz"));
    let mhz = line.and_then(|line| line.split(':').nth(1)?.trim().parse::<f64>().ok());
    mhz.map_or(1.0, |mhz| mhz / 1e3)
}
