//! A worker with its tables, and what is around it.

use core::net::Ipv4Addr;
use std::sync::Arc;

use base::{Nanos, Prefix};
use dataplane::{
    Interface, Ports, Published, Route, SlowPath, SlowPorts, StaticNeighbor, Topology, Worker,
};
use nat::settings::{
    Action, Allocation, Dependence, Division, Limits, Log, Pairing, Pool, PoolList, Rule, Settings,
    Timeouts, Translate,
};
use nat::{Gateway, Layout, Service, Services, Shard, Sizes};
use pktio::PortId;
use wire::ethernet::{Mac, Tags};

use crate::frames::{OURS, TCP, UDP};
use crate::wire_side::{Frame, Memory, Nowhere, WireSide};

/// First address of the pool.
pub(crate) const POOL: u32 = 0xcb00_7100;

/// What happened in a worker and the slow path has not heard of.
const NOTICES: usize = 4096;

/// Records for the log on their way.
const RECORDS: usize = 1 << 20;

/// The worker.
pub(crate) type Work<M> = Worker<WireSide<M>, Nowhere<M>, Nowhere<M>>;

/// The slow path, which has the other ends of the worker's rings.
pub(crate) type SlowSide<M> = SlowPath<Frame<M>, Nowhere<M>, Nowhere<M>>;

/// Makes both; the neighbours are known.
pub(crate) fn build<M: Memory>(settings: &Settings, sizes: Sizes) -> (Work<M>, SlowSide<M>) {
    let topology = topology();
    let Ok(layout) = Layout::new(settings, 1) else {
        unreachable!("some addresses and one rule have numbers");
    };
    let published = Arc::new(Published::default());
    let shard = Shard::new(Arc::new(layout), sizes, 0, 1, Nanos(0));
    let (command_in, commands) = rtrb::RingBuffer::new(64);
    let (events, event_out) = rtrb::RingBuffer::new(64);
    let (told, hears) = rtrb::RingBuffer::new(64);
    let (notices, notice_out) = rtrb::RingBuffer::new(NOTICES);
    let (calls, call_out) = rtrb::RingBuffer::new(64);
    // An exporter that never takes any: they are lost once it is full.
    let (records, _) = rtrb::RingBuffer::new(RECORDS);
    let (traced, trace) = rtrb::RingBuffer::new(64);
    let ends = Ports {
        punt: Nowhere::new(),
        reply: Nowhere::new(),
        handoff_out: vec![None],
        handoff_in: Vec::new(),
        commands,
        events,
        told,
        notices,
        calls,
        records,
        traced,
    };
    let mut worker = Worker::new(WireSide::default(), &topology, shard, 0, ends, published);
    let slow_ends = SlowPorts {
        punt: Nowhere::new(),
        reply: Nowhere::new(),
        commands: command_in,
        events: event_out,
        told: hears,
        notices: notice_out,
        calls: call_out,
        traced: trace,
    };
    let slow = SlowPath::new(&topology, vec![slow_ends], Box::new(|| None), Nanos(0));
    // The neighbours reach the worker.
    worker.turn(Nanos(0));
    (worker, slow)
}

fn topology() -> Topology {
    let interface = |number: u8| {
        let mut mac = OURS;
        mac[5] = number;
        let own = Ipv4Addr::new(192, 0, 2, 1 + 4 * number);
        Interface {
            port: PortId(u16::from(number)),
            tags: Tags::NONE,
            realm: 0,
            mac: Mac(mac),
            any_mac: false,
            mtu: 1500,
            mss_clamp: None,
            icmp_errors: true,
            addresses: vec![(own, Prefix::new(own, 30))],
        }
    };
    let next_hop = |number: u8| Ipv4Addr::new(192, 0, 2, 2 + 4 * number);
    let route = |prefix, number: u8| Route {
        prefix,
        next_hop: next_hop(number),
        interface: u16::from(number),
        realm: 0,
    };
    let neighbor = |number: u8| StaticNeighbor {
        interface: u16::from(number),
        ip: next_hop(number),
        mac: Mac([2, 0, 0, 0, 3, number]),
    };
    Topology {
        interfaces: vec![interface(0), interface(1)],
        routes: vec![
            route(Prefix::new(Ipv4Addr::new(100, 64, 0, 0), 10), 0),
            route(Prefix::new(Ipv4Addr::UNSPECIFIED, 0), 1),
        ],
        neighbors: vec![neighbor(0), neighbor(1)],
        max_neighbors: 16,
        max_fragments: 64,
        fragment_timeout: Nanos::from_secs(5),
        refusal_code: 13,
        max_calls: 64,
        multicast: None,
        streams: None,
    }
}

/// Switches every gateway on, at its ports.
pub(crate) fn serve(settings: &mut Settings) {
    let ports: [(Gateway, u8, &[u16]); 8] = [
        (Gateway::Ftp, TCP, &[21]),
        (Gateway::Tftp, UDP, &[69]),
        (Gateway::Dns, UDP, &[53]),
        (Gateway::Dns, TCP, &[53]),
        (Gateway::Rtsp, TCP, &[554]),
        (Gateway::Rcmd, TCP, &[512, 513, 514]),
        (Gateway::Sip, UDP, &[5060]),
        (Gateway::Sip, TCP, &[5060]),
    ];
    let services = ports.iter().flat_map(|(gateway, protocol, ports)| {
        ports.iter().map(|port| Service {
            protocol: *protocol,
            port: *port,
            gateway: *gateway,
            shadow: false,
            in_parts: true,
            reset_ttl: false,
            kind: 0,
        })
    });
    let services = Services::new(services.collect());
    for rule in &mut settings.rules {
        rule.services = services.clone();
    }
    settings.services = services;
}

/// A pool of this many addresses, divided like this, and one rule:
/// endpoint-independent mapping, filtering by address.
pub(crate) fn settings(addresses: u32, division: Division) -> Settings {
    let second = Nanos::from_secs;
    Settings {
        pools: vec![Pool {
            name: "public".into(),
            draining: Vec::new(),
            allocation: Allocation::Random,
            overloads: false,
            watermarks: Some((90, 80)),
            addresses: (0..addresses)
                .map(|n| Ipv4Addr::from_bits(POOL + n))
                .collect(),
            realm: 0,
            first_port: 1024,
            last_port: u16::MAX,
            exclude_ports: Vec::new(),
            division,
        }],
        rules: vec![Rule {
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
            action: Action::Translate(Translate {
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
            }),
        }],
        statics: Vec::new(),
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
        hold_down: second(120),
        hold_down_percent: 50,
        services: Services::default(),
        ..Settings::default()
    }
}
