//! Forwards between two devices with the MAC addresses swapped, and prints
//! millions of packets a second: what this crate costs, to be compared with
//! testpmd in the same mode on the same devices.
//!
//! ```sh
//! bounce -l 0 --in-memory --no-pci -m 768 -- 1 10 \
//!   net_pcap0,rx_pcap=a.pcap,infinite_rx=1 net_pcap1,rx_pcap=b.pcap,infinite_rx=1
//! ```
//!
//! After `--`: the worker's core, seconds, two devices.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use dpdk::{DpdkIo, Eal, Mbuf, Mempool, MempoolConfig, Port, PortConfig};
use pktio::{Burst, Io, PacketBuf, PortId};

fn main() -> Result<(), Box<dyn Error>> {
    let mut eal_args: Vec<String> = std::env::args().skip(1).collect();
    let own = eal_args.iter().position(|arg| arg == "--").ok_or(USAGE)?;
    let own_args = eal_args.split_off(own);
    let [_, core, seconds, devices @ ..] = own_args.as_slice() else {
        return Err(USAGE.into());
    };
    let core: usize = core.parse()?;
    let seconds: u64 = seconds.parse()?;

    let eal = Eal::init(&eal_args)?;
    let pool = Mempool::new(
        &eal,
        &MempoolConfig {
            name: "bounce".into(),
            buffers: 155_455,
            mtu: 1500,
            cache: 256,
        },
    )?;
    let mut ports = Vec::new();
    for device in devices {
        ports.push(Port::open(&eal, &PortConfig::new(device), &pool)?);
    }
    let queues = ports.iter_mut().filter_map(Port::take_queue).collect();
    let io = DpdkIo::new(queues, pool);

    let shared = Arc::new(Shared::default());
    let worker = {
        let shared = Arc::clone(&shared);
        let eal = Arc::new(eal);
        let worker_eal = Arc::clone(&eal);
        let handle = thread::spawn(move || {
            core_affinity::set_for_current(CoreId { id: core });
            let registration = worker_eal.register_thread();
            let failed = registration.as_ref().err().map(ToString::to_string);
            if failed.is_none() {
                bounce(io, &shared);
            }
            failed
        });
        (handle, eal)
    };

    // The first second warms up.
    thread::sleep(Duration::from_secs(1));
    let (before, start) = (shared.packets.load(Ordering::Relaxed), Instant::now());
    thread::sleep(Duration::from_secs(seconds));
    let packets = shared.packets.load(Ordering::Relaxed) - before;
    let elapsed = start.elapsed();
    shared.stop.store(true, Ordering::Relaxed);
    if let Ok(Some(failed)) = worker.0.join() {
        return Err(failed.into());
    }
    for port in &ports {
        println!("{}: {:?}", port.device(), port.stats()?);
    }
    #[allow(clippy::cast_precision_loss, reason = "for display")]
    let rate = packets as f64 / elapsed.as_secs_f64() / 1e6;
    println!("{} {rate:.2} Mpps", dpdk::version());
    Ok(())
}

#[derive(Default)]
struct Shared {
    packets: AtomicU64,
    stop: AtomicBool,
}

fn bounce(mut io: DpdkIo, shared: &Shared) {
    let mut burst: Burst<Mbuf> = Burst::new();
    let mut packets = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        for port in 0..io.ports() {
            io.receive(PortId(port), &mut burst);
            packets += burst.len() as u64;
            for packet in &mut burst {
                swap_addresses(packet.bytes_mut());
            }
            io.send(PortId(port ^ 1), &mut burst);
        }
        shared.packets.store(packets, Ordering::Relaxed);
    }
}

fn swap_addresses(frame: &mut [u8]) {
    if let Some((destination, rest)) = frame.split_first_chunk_mut::<6>()
        && let Some(source) = rest.first_chunk_mut::<6>()
    {
        std::mem::swap(destination, source);
    }
}

const USAGE: &str = "usage: bounce EAL-ARGUMENTS -- CORE SECONDS DEVICE DEVICE";
