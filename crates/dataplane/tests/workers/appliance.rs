//! Workers with rings between them, and the slow path, in one thread.

use core::net::Ipv4Addr;
use std::sync::Arc;

use base::{Counter, Nanos, Prefix};
use dataplane::{
    Command, Interface, Ports, Published, Route, SlowPath, SlowPorts, StaticNeighbor, StreamLimits,
    Topology, Worker,
};
use nat::settings::{
    Action, Allocation, Dependence, Division, Limits, Log, Pairing, Pool, PoolList, Rule, Settings,
    Timeouts, Translate,
};
use nat::{Layout, Notice, Services, Shard, Sizes};
use pktio::PortId;
use pktio::mem::{MemBuf, MemIo, MemReceiver, MemSender, ring};
use testkit::{Packet, Seen};
use wire::ethernet::{Mac, Tags};

/// First address of the pool.
pub(crate) const POOL: u32 = 0xcb00_7100;

/// Ports inside and outside.
pub(crate) const INSIDE: u16 = 0;
pub(crate) const OUTSIDE: u16 = 1;

/// All of it.
pub(crate) struct Appliance {
    pub(crate) workers: Vec<Worker<MemIo, MemSender, MemReceiver>>,
    pub(crate) slow: SlowPath<MemBuf, MemSender, MemReceiver>,
    pub(crate) layout: Arc<Layout>,
    pub(crate) now: Nanos,
    /// What the slow path has heard of.
    pub(crate) heard: Vec<Notice>,
}

impl Appliance {
    /// So many workers; the rings for what happened hold `notices`.
    pub(crate) fn new(settings: &Settings, workers: u32, notices: usize) -> Self {
        let now = Nanos(0);
        let layout = Arc::new(Layout::new(settings, workers).unwrap());
        let count = workers as usize;
        let mut handoff_out: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        let mut handoff_in: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        for (from, out) in handoff_out.iter_mut().enumerate() {
            for (to, into) in handoff_in.iter_mut().enumerate() {
                let (sender, receiver) = ring(1024);
                out.push((from != to).then_some(sender));
                into.extend((from != to).then_some(receiver));
            }
        }
        let sizes = Sizes {
            sessions: 16_384,
            mappings: 16_384,
            subscribers: 16_384,
        };
        let mut slow_ports = Vec::new();
        let ends = handoff_out.into_iter().zip(handoff_in);
        let workers = ends.zip(0..).map(|((handoff_out, handoff_in), number)| {
            let (punt, punted) = ring(1024);
            let (reply, replied) = ring(1024);
            let (command, commands) = rtrb::RingBuffer::new(64);
            let (events, event) = rtrb::RingBuffer::new(16_384);
            let (told, hears) = rtrb::RingBuffer::new(64);
            let (notices, notice) = rtrb::RingBuffer::new(notices);
            let (calls, call) = rtrb::RingBuffer::new(64);
            let (records, _) = rtrb::RingBuffer::new(64);
            let (traced, trace) = rtrb::RingBuffer::new(64);
            slow_ports.push(SlowPorts {
                punt: punted,
                reply,
                commands: command,
                events: event,
                told: hears,
                notices: notice,
                calls: call,
                traced: trace,
            });
            let ports = Ports {
                punt,
                reply: replied,
                handoff_out,
                handoff_in,
                commands,
                events,
                told,
                notices,
                calls,
                records,
                traced,
            };
            let shard = Shard::new(Arc::clone(&layout), sizes, number, 1, now);
            let published = Arc::new(Published::default());
            Worker::new(MemIo::new(2), &topology(), shard, number, ports, published)
        });
        let workers = workers.collect();
        let allocate = Box::new(|| Some(MemBuf::new()));
        let slow = SlowPath::new(&topology(), slow_ports, allocate, now);
        let mut appliance = Self {
            workers,
            slow,
            layout,
            now,
            heard: Vec::new(),
        };
        // The neighbours reach the workers.
        appliance.turn();
        appliance
    }

    /// Puts a packet on the wire to a port, into the queue of a worker.
    pub(crate) fn receive(&mut self, worker: usize, port: u16, packet: &Packet) {
        let frame = packet.frame([2, 0, 0, 0, 3, low8(port)], mac(port).0);
        let buf = MemBuf::from_frame(PortId(port), &frame).unwrap();
        self.workers[worker].io_mut().deliver(buf);
    }

    /// A turn of all workers.
    pub(crate) fn turn(&mut self) {
        self.now = self.now.plus(Nanos(10_000));
        for worker in &mut self.workers {
            worker.turn(self.now);
        }
    }

    /// A turn of the slow path.
    pub(crate) fn listen(&mut self) {
        self.slow.turn(self.now);
        self.slow.take_rows();
        let notices = self.slow.take_notices();
        self.heard
            .extend(notices.into_iter().map(|(.., notice)| notice));
    }

    /// What a worker has sent, in order.
    pub(crate) fn sent(&mut self, worker: usize) -> Vec<Seen> {
        let frames = self.workers[worker].io_mut().take_sent();
        let seen = frames
            .iter()
            .map(|(_, buf)| Seen::of(pktio::PacketBuf::bytes(buf)));
        seen.map(Result::unwrap).collect()
    }

    /// A counter of a worker.
    pub(crate) fn counter(&self, worker: usize, counter: Counter) -> u64 {
        self.workers[worker].counters().value(counter)
    }

    /// Tells all workers.
    pub(crate) fn command(&mut self, command: &Command) {
        for worker in 0..self.workers.len() {
            self.slow.command(worker, command.clone());
        }
    }
}

const fn mac(port: u16) -> Mac {
    Mac([2, 0, 0, 0, 0, low8(port)])
}

#[allow(clippy::cast_possible_truncation)]
const fn low8(port: u16) -> u8 {
    port as u8
}

fn topology() -> Topology {
    let interface = |port: u16| {
        let own = Ipv4Addr::new(192, 0, 2, 1 + 4 * low8(port));
        Interface {
            port: PortId(port),
            tags: Tags::NONE,
            realm: 0,
            mac: mac(port),
            any_mac: false,
            mtu: 1500,
            mss_clamp: None,
            icmp_errors: true,
            addresses: vec![(own, Prefix::new(own, 30))],
        }
    };
    let next_hop = |port: u16| Ipv4Addr::new(192, 0, 2, 2 + 4 * low8(port));
    let route = |prefix, port: u16| Route {
        prefix,
        next_hop: next_hop(port),
        interface: port,
        realm: 0,
    };
    let neighbor = |port: u16| StaticNeighbor {
        interface: port,
        ip: next_hop(port),
        mac: Mac([2, 0, 0, 0, 3, low8(port)]),
    };
    Topology {
        interfaces: [INSIDE, OUTSIDE].map(interface).into(),
        routes: vec![
            route(Prefix::new(Ipv4Addr::new(100, 64, 0, 0), 10), INSIDE),
            route(Prefix::new(Ipv4Addr::UNSPECIFIED, 0), OUTSIDE),
        ],
        neighbors: [INSIDE, OUTSIDE].map(neighbor).into(),
        max_neighbors: 16,
        max_fragments: 64,
        fragment_timeout: Nanos::from_secs(5),
        refusal_code: 13,
        max_calls: 64,
        multicast: None,
        streams: Some(StreamLimits {
            max_message: 8 << 10,
            memory: 1 << 20,
        }),
    }
}

/// A pool of this many addresses with blocks of 64 ports, one for each subscriber, that
/// go back after `idle` without a port in use; ports do not rest.
pub(crate) fn settings(addresses: u32, idle: Nanos) -> Settings {
    let pool = Pool {
        name: "public".into(),
        draining: Vec::new(),
        allocation: Allocation::Random,
        overloads: false,
        watermarks: None,
        addresses: (0..addresses)
            .map(|nth| Ipv4Addr::from_bits(POOL + nth))
            .collect(),
        realm: 0,
        first_port: 1024,
        last_port: u16::MAX,
        exclude_ports: Vec::new(),
        division: Division::Blocks {
            size: 64,
            max_per_subscriber: 1,
            idle,
            active: None,
        },
    };
    let translate = Translate {
        pools: PoolList::new([0]),
        mapping: Dependence::Endpoint,
        filtering: Dependence::Address,
        pairing: Pairing::Strict,
        parity: true,
        preserve: false,
        overload: false,
        hairpin: true,
        hairpin_preserve: false,
        limits: Limits::NONE,
        log: Log::NONE,
    };
    let rule = Rule {
        name: "subscribers".into(),
        all_protocols: false,
        services: Services::default(),
        pcp: None,
        interfaces: Some(Box::new([true, false])),
        realm: 0,
        outside_realm: 0,
        source: vec![Prefix::new(Ipv4Addr::new(100, 64, 0, 0), 10)],
        destination: Vec::new(),
        destination_ports: Vec::new(),
        protocols: Vec::new(),
        action: Action::Translate(translate),
    };
    let second = Nanos::from_secs;
    Settings {
        pools: vec![pool],
        rules: vec![rule],
        timeouts: Timeouts {
            udp: second(300),
            udp_dns: second(10),
            tcp_established: second(7440),
            tcp_opening: second(240),
            tcp_closing: second(240),
            tcp_time_wait: second(120),
            icmp: second(60),
            esp: second(1800),
        },
        hold_down: Nanos(0),
        hold_down_percent: 50,
        ..Settings::default()
    }
}
