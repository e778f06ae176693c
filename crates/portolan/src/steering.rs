//! From what devices say to who owns what, and how much has to be handed over.
//!
//! ```text
//!  devices: hash? key? table? ─┐                    ┌─> Layout: owners
//!  file: rss, reta, rss_key ───┴─> Steering (model) ┴─> forecast: log, show workers
//! ```
//!
//! Ownership is the same whatever devices can: those that bring packets elsewhere
//! cost a hand-over. The devices of a side have to agree, so the model is the
//! shortest table among theirs, and one that differs from it does not steer.

use std::fmt::Write as _;
use std::sync::Arc;

use config::model;
use dpdk::{RssField, RssSupport};
use nat::steering::{DEFAULT_KEY, MAX_ENTRIES, Side};
use nat::{Dealt, Layout, ReviseError, Settings, Spread, Steering};

/// A device, as far as it concerns steering.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// The device string.
    pub(crate) name: String,
    /// Which address it was asked to hash.
    pub(crate) field: RssField,
    /// What it does.
    pub(crate) rss: RssSupport,
}

/// The model, and what does not follow it.
#[derive(Clone, Debug)]
pub(crate) struct Steered {
    pub(crate) steering: Arc<Steering>,
    pub(crate) arrivals: Arrivals,
}

/// Where packets arrive.
#[derive(Clone, Debug)]
pub(crate) struct Arrivals {
    /// Share of the devices that bring packets to their owner: inside, outside.
    steer: (f64, f64),
    /// What the others lack.
    lacks: Vec<String>,
}

impl Arrivals {
    /// All devices steer.
    pub(crate) const ALL: Self = Self {
        steer: (1.0, 1.0),
        lacks: Vec::new(),
    };
}

impl Steered {
    /// Finds the model for these devices. With `reta: rebalance` their tables are
    /// written first: `write` does that and answers the table the device then has.
    ///
    /// # Errors
    ///
    /// [`ReviseError`] as [`Layout::new`].
    pub(crate) fn choose(
        wanted: &model::Steering,
        settings: &Settings,
        workers: u32,
        devices: &mut [Device],
        mut write: impl FnMut(usize, &[u16]) -> Result<Vec<u16>, String>,
    ) -> Result<Self, ReviseError> {
        let unsteered = Layout::new(settings, workers)?;
        let mut lacks = Vec::new();
        let mut side = |field| {
            let by_load = |key: &[u8], entries| match (wanted.rebalance, field) {
                (false, _) => Side::in_turn(workers, entries),
                (true, RssField::Source) => unsteered.balanced_inside(key, entries),
                (true, RssField::Destination) => unsteered.balanced_outside(key, entries),
            };
            if wanted.rebalance {
                rebalance(devices, field, by_load, &mut write, &mut lacks);
            }
            let model = shortest(devices, field, workers);
            let (key, reta) = model.unwrap_or_else(|| {
                let key = wanted.key.clone().unwrap_or_else(|| DEFAULT_KEY.to_vec());
                let entries = usize::try_from(wanted.entries).unwrap_or(MAX_ENTRIES);
                let reta = by_load(&key, entries);
                (key, reta)
            });
            let of_side = devices.iter().filter(|device| device.field == field);
            let (mut all, mut steer) = (0_u32, 0_u32);
            for device in of_side {
                all += 1;
                match obstacle(device, &key, &reta, wanted.external) {
                    None => steer += 1,
                    Some(why) => lacks.push(format!("{} {why}", device.name)),
                }
            }
            let share = f64::from(steer) / f64::from(all.max(1));
            let side = Side::new(&key, reta, workers);
            // In turn, if the file's table is none; it has been checked.
            (
                side.unwrap_or_else(|_| Steering::in_turn(workers).inside),
                share,
            )
        };
        let (inside, steers_inside) = side(RssField::Source);
        let (outside, steers_outside) = side(RssField::Destination);
        Ok(Self {
            steering: Arc::new(Steering { inside, outside }),
            arrivals: Arrivals {
                steer: (steers_inside, steers_outside),
                lacks,
            },
        })
    }
}

/// Writes a table by load to every device of a side that hashes as asked.
fn rebalance(
    devices: &mut [Device],
    field: RssField,
    by_load: impl Fn(&[u8], usize) -> Vec<u16>,
    write: &mut impl FnMut(usize, &[u16]) -> Result<Vec<u16>, String>,
    lacks: &mut Vec<String>,
) {
    let tables = devices.iter().filter(|device| device.field == field);
    let entries = tables.filter_map(|device| match &device.rss {
        RssSupport::Address { reta, key } if reta.len().is_power_of_two() => {
            Some((reta.len(), key.clone()))
        }
        _ => None,
    });
    let Some((entries, key)) = entries.min() else {
        return;
    };
    let table = by_load(&key, entries);
    for (number, device) in devices.iter_mut().enumerate() {
        let RssSupport::Address { reta, .. } = &mut device.rss else {
            continue;
        };
        if device.field != field || reta.is_empty() {
            continue;
        }
        // A longer table repeats it: its index has the same low bits.
        let long: Vec<u16> = table.iter().copied().cycle().take(reta.len()).collect();
        match write(number, &long) {
            Ok(now) => *reta = now,
            Err(why) => lacks.push(format!("{}: its table stays as it is: {why}", device.name)),
        }
    }
}

/// Key and table of the device of a side with the shortest table.
fn shortest(devices: &[Device], field: RssField, workers: u32) -> Option<(Vec<u8>, Vec<u16>)> {
    let tables = devices.iter().filter(|device| device.field == field);
    let usable = tables.filter_map(|device| match &device.rss {
        RssSupport::Address { reta, key } => Side::new(key, reta.clone(), workers)
            .is_ok()
            .then(|| (key.clone(), reta.clone())),
        _ => None,
    });
    usable.min_by_key(|(_, reta)| reta.len())
}

/// Why a device does not bring packets where the model says.
fn obstacle(device: &Device, key: &[u8], model: &[u16], external: bool) -> Option<String> {
    let address = match device.field {
        RssField::Source => "source",
        RssField::Destination => "destination",
    };
    match &device.rss {
        _ if external => None,
        RssSupport::None => Some(format!("does not spread packets by {address} address")),
        RssSupport::Other => Some(format!("hashes more than the {address} address")),
        RssSupport::Address { reta, .. } if reta.is_empty() => {
            Some("does not tell its redirection table".into())
        }
        // What an address is hashed with: its own 32 bits and 31 more.
        RssSupport::Address { key: own, .. } if own.get(..8) != key.get(..8) => {
            Some("has another key than the others".into())
        }
        RssSupport::Address { reta, .. } => {
            let same = reta.iter().eq(model.iter().cycle().take(reta.len()));
            (!same).then(|| "has another redirection table than the others".into())
        }
    }
}

/// How much will be handed over, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Forecast {
    /// Of the packets from inside, 0 to 1.
    pub(crate) inside: f64,
    /// Of the packets to pools, 0 to 1.
    pub(crate) outside: f64,
    why: Vec<String>,
}

impl Forecast {
    /// That of a layout whose packets arrive like this.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn new(layout: &Layout, spread: &Spread, arrivals: &Arrivals) -> Self {
        let elsewhere = 1.0 - 1.0 / f64::from(layout.shards());
        let (steer_inside, steer_outside) = arrivals.steer;
        let (mut sum, mut weights) = (0.0, 0.0);
        for pool in &spread.pools {
            let weight = pool.addresses.iter().sum::<u64>() as f64;
            let share = pool.share_elsewhere() * steer_outside;
            sum += weight * (share + elsewhere * (1.0 - steer_outside));
            weights += weight;
        }
        let mut why = arrivals.lacks.clone();
        for pool in spread.pools.iter().filter(|pool| pool.elsewhere > 0) {
            let how = match pool.dealt {
                Dealt::Computed => "computes ports, whatever worker the host has",
                _ => "is divided by port ranges",
            };
            why.push(format!("pool {} {how}", name(layout, pool.pool)));
        }
        if let (elsewhere @ 1.., all) = spread.statics {
            why.push(format!(
                "{elsewhere} of {all} static addresses are not of their host's worker"
            ));
        }
        Self {
            inside: elsewhere * (1.0 - steer_inside),
            outside: if weights > 0.0 { sum / weights } else { 0.0 },
            why,
        }
    }

    /// Of all packets, if as many go out as come in; 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        f64::midpoint(self.inside, self.outside)
    }

    /// `none`, or how much and why.
    pub(crate) fn text(&self) -> String {
        let mut text = if self.share() == 0.0 {
            String::from("none")
        } else {
            format!(
                "{:.0} % (from inside {:.0} %, to pools {:.0} %)",
                100.0 * self.share(),
                100.0 * self.inside,
                100.0 * self.outside
            )
        };
        for (nth, why) in self.why.iter().enumerate() {
            let joint = if nth == 0 { ": " } else { "; " };
            // Writing to a text cannot fail.
            let _ = write!(text, "{joint}{why}");
        }
        text
    }
}

/// What a pool is called.
pub(crate) fn name(layout: &Layout, pool: usize) -> &str {
    layout.pool(pool).map_or("", |pool| pool.name.as_str())
}

/// One line for each pool: who owns its addresses.
pub(crate) fn describe_pools(layout: &Layout, spread: &Spread) -> Vec<String> {
    let line = |pool: &nat::PoolSpread| {
        let addresses: u64 = pool.addresses.iter().sum();
        let (least, most) = range(&pool.addresses);
        let how = match pool.dealt {
            Dealt::Whole => format!("whole, {least} to {most} for each worker"),
            Dealt::Divided => "divided among the workers by port ranges".into(),
            Dealt::Computed => "ports computed, of their hosts' workers".into(),
        };
        format!(
            "pool {}: {addresses} addresses, {how}",
            name(layout, pool.pool)
        )
    };
    spread.pools.iter().map(line).collect()
}

/// Pools of which a worker has nothing to lend: its subscribers would be refused.
pub(crate) fn starved(layout: &Layout, spread: &Spread) -> Vec<String> {
    let lines = spread.pools.iter().filter_map(|pool| {
        let without = pool.blocks.iter().enumerate().filter(|(_, has)| **has == 0);
        let without: Vec<String> = without.map(|(worker, _)| worker.to_string()).collect();
        (pool.dealt != Dealt::Computed && !without.is_empty()).then(|| {
            format!(
                "pool {} has nothing to lend for worker {}: new flows of its subscribers are refused there; \
                 add addresses, or make blocks smaller",
                name(layout, pool.pool),
                without.join(", ")
            )
        })
    });
    lines.collect()
}

/// Pools that are divided, and would not be with tables by load.
pub(crate) fn would_be_whole(layout: &Layout, spread: &Spread, settings: &Settings) -> Vec<String> {
    let divided = |spread: &Spread, pool: usize| {
        let mut pools = spread.pools.iter();
        pools.any(|found| found.pool == pool && found.dealt == Dealt::Divided)
    };
    if !spread.pools.iter().any(|pool| pool.dealt == Dealt::Divided) {
        return Vec::new();
    }
    let workers = layout.shards();
    let entries = layout.steering().outside.reta().len();
    let Ok(side) = Side::new(
        &DEFAULT_KEY,
        layout.balanced_outside(&DEFAULT_KEY, entries),
        workers,
    ) else {
        return Vec::new();
    };
    let steering = Arc::new(Steering {
        inside: side.clone(),
        outside: side,
    });
    let Ok(other) = Layout::steered(settings, workers, steering) else {
        return Vec::new();
    };
    let balanced = other.spread();
    let gain = spread
        .pools
        .iter()
        .filter(|pool| divided(spread, pool.pool) && !divided(&balanced, pool.pool));
    gain.map(|pool| name(layout, pool.pool).to_owned())
        .collect()
}

/// Least and most.
pub(crate) fn range(counts: &[u64]) -> (u64, u64) {
    (
        counts.iter().copied().min().unwrap_or(0),
        counts.iter().copied().max().unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use portolan::plan::Plan;

    const WANTED: model::Steering = model::Steering {
        external: false,
        rebalance: false,
        key: None,
        entries: 512,
    };

    /// Subscribers behind two pools: of sixty addresses and of six.
    fn settings() -> Settings {
        let file = "\
dpdk: { eal_args: [\"--no-pci\"] }
interfaces:
  - { name: inside, device: a, addresses: [10.64.0.1/16] }
  - { name: outside, device: b, addresses: [198.51.100.1/24] }
nat:
  pools:
    - { name: large, prefixes: [203.0.113.0/27, 203.0.113.32/28, 203.0.113.48/29, 203.0.113.56/30], blocks: { size: 512 } }
    - { name: small, prefixes: [198.18.0.0/30, 198.18.0.4/31] }
  rules:
    - { name: subscribers, inside: inside, source: 10.64.0.0/16, pool: large }
    - { name: more, inside: inside, source: 10.65.0.0/16, pool: small }
";
        // Tests run beside each other.
        let thread = std::thread::current().id();
        let name = format!("ptl-steering-{}-{thread:?}.yaml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, file).unwrap();
        let config = config::load(Path::new(&path)).unwrap();
        let _ = std::fs::remove_file(&path);
        Plan::new(&config).settings
    }

    fn device(name: &str, field: RssField, rss: RssSupport) -> Device {
        Device {
            name: name.into(),
            field,
            rss,
        }
    }

    fn hashing(reta: Vec<u16>) -> RssSupport {
        RssSupport::Address {
            reta,
            key: DEFAULT_KEY[..40].to_vec(),
        }
    }

    fn choose(wanted: &model::Steering, devices: &mut [Device]) -> (Steered, Forecast) {
        let settings = settings();
        let steered = Steered::choose(wanted, &settings, 6, devices, |_, table| Ok(table.to_vec()));
        let steered = steered.unwrap();
        let layout = Layout::steered(&settings, 6, Arc::clone(&steered.steering)).unwrap();
        let forecast = Forecast::new(&layout, &layout.spread(), &steered.arrivals);
        (steered, forecast)
    }

    #[test]
    fn devices_that_hash_one_address_need_no_hand_off_with_tables_by_load() {
        let mut devices = [
            device("a", RssField::Source, hashing(Side::in_turn(6, 128))),
            device("b", RssField::Destination, hashing(Side::in_turn(6, 128))),
            device("c", RssField::Destination, hashing(Side::in_turn(6, 512))),
        ];
        let (_, forecast) = choose(&WANTED, &mut devices[..2]);
        assert!(
            forecast
                .text()
                .contains("pool small is divided by port ranges"),
            "{}",
            forecast.text()
        );
        let by_load = model::Steering {
            rebalance: true,
            ..WANTED
        };
        let (steered, forecast) = choose(&by_load, &mut devices);
        assert_eq!(forecast.text(), "none");
        // Two devices of a side, one with a longer table: the same owner by both.
        let model = steered.steering.outside.reta();
        assert_eq!(model.len(), 128);
        let RssSupport::Address { reta, .. } = &devices[2].rss else {
            panic!("it hashes");
        };
        assert!(reta.iter().eq(model.iter().cycle().take(512)));
    }

    #[test]
    fn a_table_that_is_read_back_otherwise_is_the_model() {
        let mut devices = [device("b", RssField::Destination, hashing(vec![0; 128]))];
        let by_load = model::Steering {
            rebalance: true,
            ..WANTED
        };
        let stubborn = |_: usize, _: &[u16]| Ok(vec![3; 128]);
        let steered = Steered::choose(&by_load, &settings(), 6, &mut devices, stubborn).unwrap();
        assert_eq!(steered.steering.outside.reta(), [3; 128]);
        let refusing = |_: usize, _: &[u16]| Err("not now".into());
        let steered = Steered::choose(&by_load, &settings(), 6, &mut devices, refusing).unwrap();
        assert_eq!(steered.steering.outside.reta(), [3; 128]);
        assert_eq!(
            steered.arrivals.lacks[0],
            "b: its table stays as it is: not now"
        );
    }

    #[test]
    fn what_a_device_lacks_is_said_and_counted() {
        let turned: Vec<u16> = Side::in_turn(6, 128).into_iter().rev().collect();
        let other_key = RssSupport::Address {
            reta: Side::in_turn(6, 128),
            key: vec![1; 40],
        };
        for (rss, words) in [
            (
                RssSupport::None,
                "b does not spread packets by destination address",
            ),
            (
                RssSupport::Other,
                "b hashes more than the destination address",
            ),
            (hashing(Vec::new()), "b does not tell its redirection table"),
            (
                hashing(turned),
                "b has another redirection table than the others",
            ),
            (other_key, "b has another key than the others"),
        ] {
            let mut devices = [
                device("in", RssField::Source, hashing(Side::in_turn(6, 128))),
                device("a", RssField::Destination, hashing(Side::in_turn(6, 128))),
                device("b", RssField::Destination, rss),
            ];
            let (steered, forecast) = choose(&WANTED, &mut devices);
            assert_eq!(steered.arrivals.lacks, [words]);
            assert_eq!(steered.arrivals.steer, (1.0, 0.5));
            assert!(
                forecast.inside == 0.0 && forecast.outside > 0.4,
                "{forecast:?}"
            );
        }
    }

    #[test]
    fn without_any_device_that_steers_all_but_a_share_is_handed_over() {
        let mut devices = [
            device("a", RssField::Source, RssSupport::None),
            device("b", RssField::Destination, RssSupport::None),
        ];
        let (steered, forecast) = choose(&WANTED, &mut devices);
        assert_eq!(*steered.steering, Steering::in_turn(6));
        let all_but_one = 1.0 - 1.0 / 6.0;
        assert!(
            (forecast.share() - all_but_one).abs() < 1e-9,
            "{forecast:?}"
        );
        assert!(
            forecast
                .text()
                .starts_with("83 % (from inside 83 %, to pools 83 %): a does not")
        );
        // Unless something else fills their queues alike.
        let external = model::Steering {
            external: true,
            ..WANTED
        };
        let (steered, _) = choose(&external, &mut devices);
        assert_eq!(steered.arrivals.steer, (1.0, 1.0));
    }
}
