//! Real packets through real drivers, on virtual devices.
//!
//! EAL exists once in a process, so this is one test that runs its cases in
//! order and prints their names.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{self, Command};
use std::thread;
use std::time::{Duration, Instant};

use dpdk::{
    DpdkError, DpdkIo, Eal, Mbuf, Mempool, MempoolConfig, Port, PortConfig, Rss, RssField,
    RssSupport,
};
use pktio::{Burst, HEADROOM, Io, MAX_FRAME, PacketBuf, PortId, RingReceiver, RingSender};

#[test]
fn devices_buffers_and_rings_from_start_to_shutdown() {
    let prefix = format!("ptl-test-{}", process::id());
    let args = [
        "-l",
        "0",
        "--no-huge",
        "--no-shconf",
        "--no-telemetry",
        "--no-pci",
        "-m",
        "128",
        "--file-prefix",
        &prefix,
    ]
    .map(String::from);
    let eal = Eal::init(&args).unwrap();
    assert!(matches!(
        Eal::init(&args),
        Err(DpdkError::AlreadyInitialised)
    ));
    assert!(dpdk::version().starts_with("DPDK "), "{}", dpdk::version());

    for (name, case) in CASES {
        println!("{name}");
        let pool = pool(&eal, name);
        case(&eal, &pool);
        assert_eq!(pool.in_use(), 0, "{name}: buffers leaked");
    }
    println!("nothing_is_cleaned_up_while_it_is_used");
    nothing_is_cleaned_up_while_it_is_used(eal);
    // EAL leaves the folder of its prefix behind.
    let _ = std::fs::remove_dir_all(format!("/run/dpdk/{prefix}"));
}

type Case = fn(&Eal, &Mempool);

const CASES: &[(&str, Case)] = &[
    ("buf_keeps_bounds", a_buffer_keeps_its_bounds),
    ("buf_exhausted", an_exhausted_pool_gives_none),
    ("buf_burst", a_burst_is_allocated_whole_or_not_at_all),
    ("ring_order", a_ring_keeps_order_and_leaves_the_rest),
    ("ring_threads", a_ring_passes_buffers_between_threads),
    ("ring_drop", a_dropped_ring_frees_what_is_in_it),
    ("dev_unknown", an_unknown_device_is_named_in_the_error),
    ("dev_twice", a_device_opens_once_and_again_when_closed),
    ("dev_queues", too_few_queues_say_what_would_be_right),
    ("dev_mtu", an_mtu_out_of_range_is_refused),
    ("dev_rss", rss_is_reported_as_the_device_has_it),
    ("dev_null", counters_and_link_are_told),
    ("dev_outlives", a_port_lives_as_long_as_its_queues),
    ("dev_pcap", frames_of_a_file_arrive_identically),
    ("dev_jumbo", a_frame_of_many_segments_is_counted),
    ("dev_ring", a_frame_crosses_two_ports_of_net_ring),
    ("dev_tap", a_frame_from_a_tap_arrives),
    ("dev_memif", a_frame_crosses_a_memif_pair),
    ("dev_af_packet", frames_cross_a_veth_pair),
];

fn a_buffer_keeps_its_bounds(eal: &Eal, pool: &Mempool) {
    let _ = eal;
    let mut io = DpdkIo::new(Vec::new(), pool.clone());
    let mut buf = io.allocate().unwrap();
    assert!(buf.bytes().is_empty() && buf.port() == PortId(0));
    assert!(buf.grow_front(HEADROOM) && !buf.grow_front(1));
    assert_eq!(buf.bytes().len(), HEADROOM);
    assert!(!buf.trim_front(HEADROOM + 1) && buf.trim_front(HEADROOM));
    assert!(buf.set_len(2048) && !buf.set_len(2049) && !buf.set_len(MAX_FRAME + 1));
    buf.bytes_mut().fill(7);
    assert!(buf.trim_front(2040) && !buf.trim_front(usize::MAX));
    assert_eq!(buf.bytes(), [7; 8]);
    assert!(!buf.ip_checksum_verified());
    buf.set_mark(0x0123_4567_89ab_cdef);
    buf.set_port(PortId(3));
    assert_eq!((buf.mark(), buf.port()), (0x0123_4567_89ab_cdef, PortId(3)));
    assert_eq!(pool.in_use(), 1);
}

fn an_exhausted_pool_gives_none(_: &Eal, pool: &Mempool) {
    let mut io = DpdkIo::new(Vec::new(), pool.clone());
    let all: Vec<Mbuf> = std::iter::from_fn(|| io.allocate()).collect();
    assert_eq!(all.len(), BUFFERS as usize);
    assert_eq!(pool.in_use(), BUFFERS);
    drop(all);
    assert!(io.allocate().is_some());
}

fn a_burst_is_allocated_whole_or_not_at_all(_: &Eal, pool: &Mempool) {
    let mut all: Vec<Mbuf> = Vec::new();
    loop {
        let mut burst = Burst::new();
        if !pool.allocate_burst(&mut burst, 48) {
            assert!(burst.is_empty());
            break;
        }
        assert_eq!(burst.len(), 48);
        all.extend(burst);
    }
    assert!(BUFFERS as usize - all.len() < 48);
    all.clear();
    let mut burst = Burst::new();
    // No more than there is room for.
    assert!(pool.allocate_burst(&mut burst, 1000) && burst.is_full());
    assert!(burst.iter().all(|buf| buf.bytes().is_empty()));
    assert_eq!(pool.in_use() as usize, burst.len());
}

fn a_ring_keeps_order_and_leaves_the_rest(eal: &Eal, pool: &Mempool) {
    let (mut sender, mut receiver) = eal.ring("order", 100).unwrap();
    let mut burst = marked(pool, 0..64);
    sender.push(&mut burst);
    assert!(burst.is_empty());
    burst = marked(pool, 64..128);
    sender.push(&mut burst);
    let left: Vec<u64> = burst.iter().map(PacketBuf::mark).collect();
    assert_eq!(left, (100..128).collect::<Vec<_>>());

    let mut out = marked(pool, 900..903);
    receiver.pop(&mut out);
    let marks: Vec<u64> = out.iter().map(PacketBuf::mark).collect();
    assert_eq!(marks, (900..903).chain(0..61).collect::<Vec<_>>());
    receiver.pop(&mut out);
    assert_eq!(out.len(), 64);
    // Capacity has become free for what did not fit.
    sender.push(&mut burst);
    assert!(burst.is_empty());
    Mbuf::free_burst(&mut out);
    assert!(out.is_empty());

    let taken = eal.ring("order", 100).unwrap_err().to_string();
    assert!(taken.contains("\"order\""), "{taken}");
}

fn a_ring_passes_buffers_between_threads(eal: &Eal, pool: &Mempool) {
    const COUNT: u64 = 20_000;
    let (sender, mut receiver) = eal.ring("threads", 256).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut sender = sender;
            let _known = eal.register_thread().unwrap();
            let mut next = 0;
            while next < COUNT {
                let mut burst = marked(pool, next..COUNT.min(next + 64));
                next += burst.len() as u64;
                while !burst.is_empty() {
                    sender.push(&mut burst);
                    thread::yield_now();
                }
            }
        });
        scope.spawn(|| {
            let _known = eal.register_thread().unwrap();
            let mut expected = 0;
            let mut burst = Burst::new();
            while expected < COUNT {
                receiver.pop(&mut burst);
                for buf in burst.drain(..) {
                    assert_eq!(buf.mark(), expected);
                    expected += 1;
                }
                thread::yield_now();
            }
        });
    });
}

fn a_dropped_ring_frees_what_is_in_it(eal: &Eal, pool: &Mempool) {
    let (mut sender, receiver) = eal.ring("drop", 64).unwrap();
    sender.push(&mut marked(pool, 0..64));
    drop(receiver);
    assert_eq!(pool.in_use(), 64);
}

fn an_unknown_device_is_named_in_the_error(eal: &Eal, pool: &Mempool) {
    for device in [
        "net_nonsense0",
        "net_af_packet0,iface=ptl-none",
        "0000:ff:1f.7",
        "net_pcap0,rx_pcap=/nonexistent.pcap",
        "",
    ] {
        let error = Port::open(eal, &PortConfig::new(device), pool).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("{device:?}")), "{text}");
        println!("  {text}");
    }
    let nul = Port::open(eal, &PortConfig::new("net\0null"), pool).unwrap_err();
    assert!(matches!(nul, DpdkError::NulCharacter(_)));
}

fn a_device_opens_once_and_again_when_closed(eal: &Eal, pool: &Mempool) {
    let config = PortConfig::new("net_null0,copy=1");
    let port = Port::open(eal, &config, pool).unwrap();
    let twice = Port::open(eal, &config, pool).unwrap_err();
    assert!(matches!(twice, DpdkError::AlreadyOpen { .. }), "{twice}");
    drop(port);
    drop(Port::open(eal, &config, pool).unwrap());
}

fn too_few_queues_say_what_would_be_right(eal: &Eal, pool: &Mempool) {
    let config = PortConfig {
        queues: 5000,
        ..PortConfig::new("net_null0")
    };
    let text = Port::open(eal, &config, pool).unwrap_err().to_string();
    assert!(text.contains("5000 workers"), "{text}");
    assert!(text.contains("configure at most"), "{text}");
    // The device is free again.
    let mut port = Port::open(
        eal,
        &PortConfig {
            queues: 2,
            ..config
        },
        pool,
    )
    .unwrap();
    assert_eq!(port.take_queue().map(|queue| queue.number()), Some(0));
    assert_eq!(port.take_queue().map(|queue| queue.number()), Some(1));
    assert!(port.take_queue().is_none());
}

fn an_mtu_out_of_range_is_refused(eal: &Eal, pool: &Mempool) {
    let config = PortConfig {
        mtu: 10,
        ..PortConfig::new("net_null0")
    };
    let error = Port::open(eal, &config, pool).unwrap_err();
    assert!(
        matches!(error, DpdkError::MtuOutOfRange { mtu: 10, .. }),
        "{error}"
    );
}

fn rss_is_reported_as_the_device_has_it(eal: &Eal, pool: &Mempool) {
    let config = PortConfig {
        queues: 2,
        rss: Some(Rss {
            field: RssField::Source,
            key: vec![0x6d; 52],
        }),
        ..PortConfig::new("net_null0")
    };
    let port = Port::open(eal, &config, pool).unwrap();
    // net_null hashes nothing by one address alone.
    assert!(matches!(port.rss(), RssSupport::Other | RssSupport::None));
    println!("  {}: {:?}", port.driver(), port.rss());
    drop(port);

    let short = PortConfig {
        rss: Some(Rss {
            field: RssField::Destination,
            key: vec![0; 8],
        }),
        ..config
    };
    match Port::open(eal, &short, pool) {
        Err(error) => assert!(matches!(error, DpdkError::RssKeyTooShort { given: 8, .. })),
        Ok(port) => assert_eq!(port.rss(), &RssSupport::None),
    }
}

fn counters_and_link_are_told(eal: &Eal, pool: &Mempool) {
    let mut port = Port::open(eal, &PortConfig::new("net_null0,size=100"), pool).unwrap();
    assert_eq!((port.driver(), port.mtu()), ("net_null", 1500));
    assert!(port.link().unwrap().up);
    assert!(!port.verifies_ip_checksum());
    let mut io = DpdkIo::new(vec![port.take_queue().unwrap()], pool.clone());
    let mut burst = Burst::new();
    io.receive(PortId(0), &mut burst);
    let count = burst.len() as u64;
    assert!(count > 0 && burst.iter().all(|buf| buf.bytes().len() == 100));
    assert_eq!(io.send(PortId(0), &mut burst), 0);
    assert!(burst.is_empty());
    // No such port: nothing comes, everything is refused.
    io.receive(PortId(1), &mut burst);
    assert!(burst.is_empty());
    burst = marked(pool, 0..3);
    assert_eq!(io.send(PortId(1), &mut burst), 3);
    burst = marked(pool, 0..3);
    io.discard(&mut burst);
    assert!(burst.is_empty());
    let stats = port.stats().unwrap();
    assert_eq!((stats.rx_packets, stats.tx_packets), (count, count));
}

fn a_port_lives_as_long_as_its_queues(eal: &Eal, pool: &Mempool) {
    let mut port = Port::open(eal, &PortConfig::new("net_null0"), pool).unwrap();
    let mut io = DpdkIo::new(vec![port.take_queue().unwrap()], pool.clone());
    drop(port);
    let mut burst = Burst::new();
    io.receive(PortId(0), &mut burst);
    assert!(!burst.is_empty());
}

fn frames_of_a_file_arrive_identically(eal: &Eal, pool: &Mempool) {
    let files = Files::new();
    let frames = [frame(60, 1), frame(1514, 2), frame(333, 3)];
    let read = files.pcap("read", &frames);
    let written = files.path("written");
    let config = PortConfig::new(&format!(
        "net_pcap0,rx_pcap={},tx_pcap={}",
        read.display(),
        written.display()
    ));
    let mut port = Port::open(eal, &config, pool).unwrap();
    let mut io = DpdkIo::new(vec![port.take_queue().unwrap()], pool.clone());
    let mut burst = Burst::new();
    io.receive(PortId(0), &mut burst);
    let got: Vec<&[u8]> = burst.iter().map(PacketBuf::bytes).collect();
    assert_eq!(got, frames);
    assert_eq!(io.send(PortId(0), &mut burst), 0);
    drop(io);
    drop(port);
    let bytes = std::fs::read(&written).unwrap();
    let mut rest = &bytes[24..];
    for frame in &frames {
        assert_eq!(rest[16..][..frame.len()], frame[..]);
        rest = &rest[16 + frame.len()..];
    }
}

/// Longer than a buffer: the driver chains segments, which do not fit one.
fn a_frame_of_many_segments_is_counted(eal: &Eal, pool: &Mempool) {
    let files = Files::new();
    let frames = [frame(60, 1), frame(5000, 2), frame(61, 3)];
    let read = files.pcap("read", &frames);
    let config = PortConfig::new(&format!("net_pcap0,rx_pcap={}", read.display()));
    let mut port = Port::open(eal, &config, pool).unwrap();
    let mut io = DpdkIo::new(vec![port.take_queue().unwrap()], pool.clone());
    let mut burst = Burst::new();
    io.receive(PortId(0), &mut burst);
    let lengths: Vec<usize> = burst.iter().map(|buf| buf.bytes().len()).collect();
    assert_eq!(lengths, [60, 61]);
    assert_eq!(io.queues()[0].unfit(), 1);
}

fn a_frame_crosses_two_ports_of_net_ring(eal: &Eal, pool: &Mempool) {
    // A port of its own ring: what is sent comes back.
    let mut port = Port::open(eal, &PortConfig::new("net_ring0"), pool).unwrap();
    let mut io = DpdkIo::new(vec![port.take_queue().unwrap()], pool.clone());
    let mut burst = frames_of(&mut io, &[frame(64, 9)]);
    burst[0].set_mark(42);
    assert_eq!(io.send(PortId(0), &mut burst), 0);
    io.receive(PortId(0), &mut burst);
    assert_eq!(burst.len(), 1);
    assert_eq!((burst[0].bytes(), burst[0].mark()), (&frame(64, 9)[..], 42));
}

fn a_frame_from_a_tap_arrives(eal: &Eal, pool: &Mempool) {
    if !root() {
        println!("  skipped: needs root");
        return;
    }
    let name = interface("t");
    let config = PortConfig::new(&format!("net_tap0,iface={name}"));
    let mut port = Port::open(eal, &config, pool).unwrap();
    let mut io = DpdkIo::new(vec![port.take_queue().unwrap()], pool.clone());
    // Seen by an af_packet port on the same interface.
    ip(&format!("link set {name} up"));
    let config = PortConfig::new(&format!("net_af_packet0,iface={name}"));
    let mut peer = Port::open(eal, &config, pool).unwrap();
    let mut peer_io = DpdkIo::new(vec![peer.take_queue().unwrap()], pool.clone());
    exchange(&mut io, &mut peer_io);
}

fn a_frame_crosses_a_memif_pair(eal: &Eal, pool: &Mempool) {
    let files = Files::new();
    let socket = files.path("memif.sock");
    let open = |number: u8, role: &str| {
        let config = PortConfig::new(&format!(
            "net_memif{number},role={role},socket={},socket-abstract=no",
            socket.display()
        ));
        Port::open(eal, &config, pool).unwrap()
    };
    let mut server = open(0, "server");
    let mut client = open(1, "client");
    let deadline = Instant::now() + 2 * PATIENCE;
    while !(server.link().unwrap().up && client.link().unwrap().up) {
        assert!(Instant::now() < deadline, "memif does not connect");
        thread::yield_now();
    }
    let mut one = DpdkIo::new(vec![server.take_queue().unwrap()], pool.clone());
    let mut other = DpdkIo::new(vec![client.take_queue().unwrap()], pool.clone());
    exchange(&mut one, &mut other);
    // The driver tells the other end from a thread of its own, and does not
    // like to be closed meanwhile.
    drop(other);
    drop(client);
    while server.link().unwrap().up {
        assert!(Instant::now() < deadline, "memif does not disconnect");
        thread::yield_now();
    }
}

fn frames_cross_a_veth_pair(eal: &Eal, pool: &Mempool) {
    if !root() {
        println!("  skipped: needs root");
        return;
    }
    let veth = Veth::new();
    let open = |number: u8, name: &str| {
        let device = format!("net_af_packet{number},iface={name}");
        Port::open(eal, &PortConfig::new(&device), pool).unwrap()
    };
    let two = PortConfig {
        queues: 2,
        ..PortConfig::new(&format!("net_af_packet0,iface={}", veth.one))
    };
    let text = Port::open(eal, &two, pool).unwrap_err().to_string();
    assert!(text.contains("qpairs=2"), "{text}");
    let long = PortConfig {
        mtu: 9000,
        ..PortConfig::new(&format!("net_af_packet0,iface={}", veth.one))
    };
    let text = Port::open(eal, &long, pool).unwrap_err().to_string();
    assert!(text.contains("not 9000"), "{text}");

    let mut one = open(0, &veth.one);
    let mut other = open(1, &veth.other);
    assert!(one.link().unwrap().up);
    assert_ne!(one.mac(), [0; 6]);
    assert_ne!(one.mac(), other.mac());
    let mut one_io = DpdkIo::new(vec![one.take_queue().unwrap()], pool.clone());
    let mut other_io = DpdkIo::new(vec![other.take_queue().unwrap()], pool.clone());
    exchange(&mut one_io, &mut other_io);
    assert!(one.stats().unwrap().tx_packets >= 3);
}

fn nothing_is_cleaned_up_while_it_is_used(eal: Eal) {
    // A packet that outlives its pool's last handle keeps the memory.
    let pool = pool(&eal, "last");
    let mut io = DpdkIo::new(Vec::new(), pool);
    let mut kept = io.allocate().unwrap();
    drop(io);
    assert!(kept.set_len(4));
    kept.bytes_mut().fill(1);
    assert_eq!(kept.bytes(), [1; 4]);
    drop(kept);
    // The thread that started EAL is known already.
    let refused = eal.register_thread().unwrap_err();
    assert!(matches!(refused, DpdkError::Call { .. }), "{refused}");
    eal.shutdown().unwrap();
    assert!(matches!(Eal::init(&[]), Err(DpdkError::AlreadyInitialised)));
}

/// Sends frames both ways between two ports and expects the same bytes.
#[track_caller]
fn exchange(one: &mut DpdkIo, other: &mut DpdkIo) {
    let frames = [frame(60, 1), frame(1514, 2), frame(128, 3)];
    for turn in 0..2 {
        let (from, to): (&mut DpdkIo, &mut DpdkIo) = if turn == 0 {
            (&mut *one, &mut *other)
        } else {
            (&mut *other, &mut *one)
        };
        // Some drivers make room for what comes only when polled.
        let mut burst = Burst::new();
        to.receive(PortId(0), &mut burst);
        burst = frames_of(from, &frames);
        assert_eq!(from.send(PortId(0), &mut burst), 0);
        let mut got = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while got.len() < frames.len() && Instant::now() < deadline {
            to.receive(PortId(0), &mut burst);
            // The host has things of its own to say on its interfaces.
            let ours = burst.iter().map(PacketBuf::bytes);
            got.extend(
                ours.filter(|bytes| bytes[12..14] == ETHERTYPE)
                    .map(<[u8]>::to_vec),
            );
            burst.clear();
        }
        assert_eq!(got, frames, "turn {turn}");
    }
}

fn frames_of(io: &mut DpdkIo, frames: &[Vec<u8>]) -> Burst<Mbuf> {
    frames
        .iter()
        .map(|frame| {
            let mut buf = io.allocate().unwrap();
            assert!(buf.set_len(frame.len()));
            buf.bytes_mut().copy_from_slice(frame);
            buf
        })
        .collect()
}

fn marked(pool: &Mempool, marks: std::ops::Range<u64>) -> Burst<Mbuf> {
    let mut io = DpdkIo::new(Vec::new(), pool.clone());
    marks
        .map(|mark| {
            let mut buf = loop {
                // Another thread may hold some for a moment.
                if let Some(buf) = io.allocate() {
                    break buf;
                }
                thread::yield_now();
            };
            buf.set_mark(mark);
            buf
        })
        .collect()
}

/// A frame between made-up hosts whose content depends on its length and `seed`.
fn frame(len: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    bytes.extend(ETHERTYPE);
    bytes.extend((14..len).map(|at| seed.wrapping_mul(31) ^ at.to_le_bytes()[0]));
    bytes
}

fn pool(eal: &Eal, name: &str) -> Mempool {
    let config = MempoolConfig {
        name: name.into(),
        buffers: BUFFERS,
        mtu: 1500,
        cache: 64,
    };
    Mempool::new(eal, &config).unwrap()
}

/// A directory that goes with the value.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("ptl-dpdk-{}", process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn pcap(&self, name: &str, frames: &[Vec<u8>]) -> PathBuf {
        let mut bytes = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, 1] {
            bytes.extend(word.to_ne_bytes());
        }
        for frame in frames {
            let len = u32::try_from(frame.len()).unwrap();
            for word in [0, 0, len, len] {
                bytes.extend(word.to_ne_bytes());
            }
            bytes.extend(frame);
        }
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Two connected interfaces that go with the value.
struct Veth {
    one: String,
    other: String,
}

impl Veth {
    fn new() -> Self {
        let pair = Self {
            one: interface("a"),
            other: interface("b"),
        };
        ip(&format!(
            "link add {} type veth peer name {}",
            pair.one, pair.other
        ));
        for name in [&pair.one, &pair.other] {
            ip(&format!("link set {name} up"));
        }
        pair
    }
}

impl Drop for Veth {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "del", &self.one]).status();
    }
}

/// A name no other run uses; at most 15 characters.
fn interface(suffix: &str) -> String {
    let mut name = String::from("ptl");
    write!(name, "{}{suffix}", process::id()).unwrap();
    name
}

#[track_caller]
fn ip(args: &str) {
    let status = Command::new("ip").args(args.split(' ')).status().unwrap();
    assert!(status.success(), "ip {args}");
}

fn root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

/// Local experimental.
const ETHERTYPE: [u8; 2] = [0x88, 0xb5];
const BUFFERS: u32 = 4095;
/// Long enough for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(10);
