//! DPDK with its pool and ports, in the order they must come and go.

use std::sync::Arc;

use config::Config;
use dpdk::{
    DpdkError, Eal, Mempool, MempoolConfig, Port, PortConfig, Registration, Rss, RssField,
    RssSupport,
};
use nat::settings::Rule;
use nat::steering::DEFAULT_KEY;
use pktio::PortId;
use tracing::info;

use super::RunError;
use crate::book::PortFigures;
use crate::steering::{Device, Steered};
use portolan::plan::Plan;

/// Descriptors of each queue.
const DESCRIPTORS: u16 = 1024;

/// Buffers that each thread keeps to itself.
const CACHE: u16 = 512;

/// Everything of DPDK that outlives the threads. Fields are dropped in this order.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) ports: Arc<Vec<Port>>,
    pub(super) queues: std::sync::Mutex<Vec<Vec<dpdk::Queue>>>,
    pub(super) pool: Mempool,
    pub(super) eal: Eal,
    pub(super) plan: Plan,
    pub(super) steered: Steered,
}

impl Machine {
    /// Starts DPDK and opens all ports.
    pub(super) fn start(config: &Config) -> Result<Self, RunError> {
        let mut plan = Plan::new(config);
        let eal = Eal::init(&eal_args(config))?;
        info!("{}", dpdk::version());
        let workers = u16::try_from(config.workers.cores.len()).unwrap_or(u16::MAX);
        let room = plan
            .devices
            .iter()
            .enumerate()
            .map(|(number, device)| {
                let port = PortId(u16::try_from(number).unwrap_or(u16::MAX));
                plan.mtu_of(port).max(frame_size(device))
            })
            .max()
            .unwrap_or(1500);
        let buffers = buffers(config.dpdk.memory_mb, Mempool::bytes_each(&eal, room));
        let pool = Mempool::new(
            &eal,
            &MempoolConfig {
                name: "portolan".into(),
                buffers,
                mtu: room,
                cache: CACHE,
            },
        )?;
        info!("{buffers} packet buffers for frames of up to {room} bytes");
        let mut ports = Vec::new();
        let mut devices = Vec::new();
        let mut queues: Vec<Vec<dpdk::Queue>> = (0..workers).map(|_| Vec::new()).collect();
        for (number, device) in plan.devices.iter().enumerate() {
            let id = PortId(u16::try_from(number).unwrap_or(u16::MAX));
            let field = hashed_field(&plan, id);
            let port_config = port_config(config, plan.mtu_of(id), device, field);
            let mut port = Port::open(&eal, &port_config, &pool)?;
            for of_worker in &mut queues {
                of_worker.extend(port.take_queue());
            }
            info!(
                "port {number}: {device} ({}), {} queues",
                port.driver(),
                workers
            );
            devices.push(Device {
                name: device.clone(),
                field,
                rss: port.rss().clone(),
            });
            ports.push(port);
        }
        let steered = Steered::choose(
            &config.workers.steering,
            &plan.settings,
            u32::from(workers),
            &mut devices,
            |number, table| write_table(ports.get_mut(number), table),
        )?;
        plan.set_macs(|port| {
            ports
                .get(usize::from(port.0))
                .map(|port| wire::ethernet::Mac(port.mac()))
                .unwrap_or_default()
        });
        Ok(Self {
            ports: Arc::new(ports),
            queues: std::sync::Mutex::new(queues),
            pool,
            eal,
            plan,
            steered,
        })
    }

    /// Makes the calling thread known to DPDK.
    pub(super) fn register_thread(&self) -> Result<Registration, DpdkError> {
        self.eal.register_thread()
    }

    /// What the ports have carried.
    pub(super) fn figures(ports: &[Port]) -> Vec<PortFigures> {
        ports
            .iter()
            .map(|port| {
                let stats = port.stats().unwrap_or_default();
                PortFigures {
                    up: port.link().is_ok_and(|link| link.up),
                    rx_packets: stats.rx_packets,
                    rx_bytes: stats.rx_bytes,
                    rx_missed: stats.rx_missed + stats.rx_no_buffer,
                    tx_packets: stats.tx_packets,
                    tx_bytes: stats.tx_bytes,
                    tx_dropped: stats.tx_errors,
                }
            })
            .collect()
    }

    /// Closes all ports and ends DPDK.
    pub(super) fn stop(self) -> Result<(), DpdkError> {
        let Self {
            ports,
            queues,
            pool,
            eal,
            plan: _,
            steered: _,
        } = self;
        drop(queues);
        drop(ports);
        drop(pool);
        eal.shutdown()
    }
}

/// Every core named must be there.
pub(super) fn check_cores(config: &Config) -> Result<(), RunError> {
    let there = core_affinity::get_core_ids().unwrap_or_default();
    let names: Vec<String> = there.iter().map(|core| core.id.to_string()).collect();
    let workers = &config.workers;
    for core in workers.cores.iter().chain([&workers.slow_path_core]) {
        if !there.iter().any(|found| found.id == usize::from(*core)) {
            return Err(RunError::Core(*core, names.join(", ")));
        }
    }
    Ok(())
}

/// The file's arguments, with what it leaves open.
fn eal_args(config: &Config) -> Vec<String> {
    let given = &config.dpdk.eal_args;
    let has = |names: &[&str]| {
        given.iter().any(|arg| {
            names
                .iter()
                .any(|name| arg == name || arg.starts_with(&format!("{name}=")))
        })
    };
    let mut args = Vec::new();
    if !has(&["-l", "-c", "--lcores", "-S"]) {
        args.extend(["-l".into(), config.workers.slow_path_core.to_string()]);
    }
    if !has(&["-m", "--socket-mem"]) {
        args.extend(["-m".into(), config.dpdk.memory_mb.to_string()]);
    }
    args.extend(given.iter().cloned());
    args
}

/// As many buffers as the memory holds, with a quarter left to rings and queues.
fn buffers(memory_mb: u32, each: u64) -> u32 {
    let all = (u64::from(memory_mb) << 20) / 4 * 3 / each.max(1);
    u32::try_from(all).unwrap_or(u32::MAX)
}

/// The size of a frame that an `af_packet` device is told to receive: it copies
/// as much into a buffer, whatever the MTU, since the kernel hands it datagrams
/// put together from fragments.
fn frame_size(device: &str) -> u16 {
    device
        .split(',')
        .filter_map(|argument| argument.strip_prefix("framesz="))
        .find_map(|size| size.parse().ok())
        .unwrap_or(0)
}

/// Writes a redirection table and answers the one that is then in force.
fn write_table(port: Option<&mut Port>, table: &[u16]) -> Result<Vec<u16>, String> {
    let port = port.ok_or("no such port")?;
    port.set_reta(table).map_err(|error| error.to_string())?;
    match port.rss() {
        RssSupport::Address { reta, .. } => Ok(reta.clone()),
        _ => Ok(Vec::new()),
    }
}

/// Which address of the packets of a port says whose they are: subscribers come by
/// ports that are inside for some rule.
fn hashed_field(plan: &Plan, id: PortId) -> RssField {
    let rules = &plan.settings.rules;
    let interfaces = plan.topology.interfaces.iter().enumerate();
    let mut on_port = interfaces.filter(|(_, interface)| interface.port == id);
    if on_port.any(|(number, _)| rules.iter().any(|rule| comes_by(plan, rule, number))) {
        RssField::Source
    } else {
        RssField::Destination
    }
}

/// Whether hosts of a rule come by an interface: where it names none, those whose
/// networks and routes have some of them.
fn comes_by(plan: &Plan, rule: &Rule, number: usize) -> bool {
    if let Some(inside) = &rule.interfaces {
        return inside.get(number) == Some(&true);
    }
    let Some(interface) = plan.topology.interfaces.get(number) else {
        return false;
    };
    let connected = interface.addresses.iter().map(|(_, network)| *network);
    let routes = plan.topology.routes.iter();
    let routed = routes.filter(|route| usize::from(route.interface) == number);
    interface.realm == rule.realm
        && connected
            .chain(routed.map(|route| route.prefix))
            .filter(|network| network.length() > 0)
            .any(|network| {
                let mut sources = rule.source.iter().filter(|source| source.length() > 0);
                sources.any(|source| source.overlaps(network))
            })
}

fn port_config(config: &Config, mtu: u16, device: &str, field: RssField) -> PortConfig {
    let workers = u16::try_from(config.workers.cores.len()).unwrap_or(u16::MAX);
    let key = config.workers.steering.key.as_deref();
    PortConfig {
        queues: workers,
        mtu,
        rss: (workers > 1).then(|| Rss {
            field,
            key: key.unwrap_or(&DEFAULT_KEY).to_vec(),
        }),
        rx_descriptors: DESCRIPTORS,
        tx_descriptors: DESCRIPTORS,
        ..PortConfig::new(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_sizes_are_read_from_the_device() {
        assert_eq!(
            frame_size("net_af_packet0,iface=x,framesz=16384,blocksz=65536"),
            16_384
        );
        assert_eq!(frame_size("0000:03:00.0"), 0);
    }

    #[test]
    fn buffers_fit_the_memory() {
        assert_eq!(buffers(256, 2496), 80_659);
        assert_eq!(buffers(256, 4096), 49_152);
    }
}
