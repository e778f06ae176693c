//! Hosts behind one address with tunnels to two gateways, agreed upon and keyed anew in any order
//! and at any pace: every packet of ESP reaches whom it is for, or nobody.
//!
//! Input: a step in each byte, its kind in the upper half, host and gateway in the lower. Hosts may
//! also send anything; gateways are honest, and begin to use what was agreed upon in time, for
//! nothing else can be known of SPIs (ADR 17).
#![no_main]

#[allow(dead_code)]
#[path = "../../../crates/dataplane/tests/workers/appliance.rs"]
mod appliance;

use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;

use appliance::{Appliance, INSIDE, OUTSIDE, POOL};
use base::Nanos;
use libfuzzer_sys::fuzz_target;
use nat::{Gateway, IpsecSettings, Service, Services};
use testkit::{Packet, Seen, protocol, raw, udp};

const HOSTS: u8 = 8;
/// A window stays open for longer.
const IN_TIME: u64 = 3_000;
/// Ends before anything that was silent is forgotten.
const LONGEST: u64 = 600_000;

/// A pair of SPIs, as it is used; whose it is.
struct Tunnel {
    spis: [u32; 2],
    sent: [u32; 2],
    agreed: u64,
}

#[derive(Default)]
struct Pair {
    tunnels: VecDeque<Tunnel>,
    /// The request that is not answered yet.
    asked: Option<u32>,
    id: u32,
}

struct World {
    appliance: Appliance,
    pairs: HashMap<(u8, u8), Pair>,
    /// Whose SPIs are that gateways send by.
    by_in: HashMap<u32, u8>,
    next_spi: u32,
}

fuzz_target!(|steps: &[u8]| {
    let mut world = World {
        appliance: one_address(),
        pairs: HashMap::new(),
        by_in: HashMap::new(),
        next_spi: 0x100,
    };
    let mut steps = steps.iter().copied();
    while let Some(step) = steps.next() {
        let (host, gateway) = (step & 7, step >> 3 & 1);
        match step >> 4 {
            0 | 1 => world.rekey(host, gateway),
            2..=4 => world.send(host, gateway, 0, 0),
            5..=7 => world.send(host, gateway, 1, 0),
            8 => world.send(host, gateway, 0, 1),
            9 => world.send(host, gateway, 1, 1),
            10 => world.wait(u64::from(step & 15)),
            11 => world.wait(100 * u64::from(step & 15)),
            12 => world.wait(1000 * u64::from(step & 7)),
            13 => {
                let spi = steps.next().unwrap_or_default();
                let bytes = esp_bytes(0x8000_0000 | u32::from(spi), 1);
                world.inside(raw(&flow(host, gateway, ""), protocol::ESP).payload(&bytes));
            }
            14 => {
                let len = usize::from(steps.next().unwrap_or_default() % 64);
                let bytes: Vec<u8> = steps.by_ref().take(len).collect();
                world.inside(raw(&flow(host, gateway, ""), protocol::ESP).payload(&bytes));
            }
            _ => {
                // With an identifier that it does not use otherwise.
                let exchange = steps.next().unwrap_or_default();
                let bytes = message(host, exchange, 0x8000_0000, &[]);
                world.inside(udp(&flow(host, gateway, ":500")).payload(&bytes));
            }
        }
        if world.now() > LONGEST {
            break;
        }
    }
    world.wait(10_000);
});

/// One outside address for everybody.
fn one_address() -> Appliance {
    let mut settings = appliance::settings(1, Nanos::from_secs(300));
    let ike = |port| Service {
        protocol: protocol::UDP,
        port,
        gateway: Gateway::Ike,
        shadow: false,
        in_parts: false,
        reset_ttl: false,
        kind: 0,
    };
    let ipsec = IpsecSettings {
        esp: true,
        ..IpsecSettings::default()
    };
    settings.rules[0].services = Services::new(vec![ike(500), ike(4500)]).with_ipsec(ipsec);
    Appliance::new(&settings, 1, 1024)
}

const fn address(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(100, 64, 0, host + 1)
}

/// From a host to a gateway.
fn flow(host: u8, gateway: u8, port: &str) -> String {
    format!("{}{port} > 203.0.114.{gateway}{port}", address(host))
}

fn esp_bytes(spi: u32, seq: u32) -> Vec<u8> {
    let mut bytes = spi.to_be_bytes().to_vec();
    bytes.extend(seq.to_be_bytes());
    bytes.extend([0x5a; 16]);
    bytes
}

/// IKE of version 2 with a host's cookie; none of what it has agreed upon can be read.
fn message(host: u8, exchange: u8, id: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![host + 1; 16];
    bytes.extend([46, 0x20, exchange, 8]);
    bytes.extend(id.to_be_bytes());
    bytes.extend((28 + body.len() as u32).to_be_bytes());
    bytes.extend(body);
    bytes
}

fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |word| u32::from_be_bytes(*word))
}

impl World {
    /// In milliseconds.
    fn now(&self) -> u64 {
        self.appliance.now.0 / 1_000_000
    }

    fn inside(&mut self, packet: Packet) {
        self.appliance.receive(0, INSIDE, &packet);
        self.turn();
    }

    fn outside(&mut self, packet: Packet) {
        self.appliance.receive(0, OUTSIDE, &packet);
        self.turn();
    }

    fn wait(&mut self, ms: u64) {
        let end = self.appliance.now.plus(Nanos(ms * 1_000_000));
        while self.appliance.now < end {
            let step = (end.0 - self.appliance.now.0).min(100_000_000);
            self.appliance.now = self.appliance.now.plus(Nanos(step));
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.appliance.turn();
        self.appliance.listen();
        for seen in self.appliance.sent(0) {
            self.judge(&seen);
        }
    }

    fn judge(&mut self, seen: &Seen) {
        assert!(seen.problems.is_empty(), "{:?}", seen.problems);
        if seen.src.ip() == Ipv4Addr::from_bits(POOL) {
            if seen.protocol == protocol::UDP && seen.payload.len() > 28 {
                self.agree(seen);
            }
        } else if seen.protocol == protocol::ESP {
            let host = self.by_in[&word(&seen.payload)];
            assert_eq!(seen.dst.ip(), address(host), "another's");
        }
    }

    /// A host asks for new SPIs, or once more for those it has asked for.
    fn rekey(&mut self, host: u8, gateway: u8) {
        let pair = self.pairs.entry((host, gateway)).or_default();
        let spi = *pair.asked.get_or_insert_with(|| {
            pair.id += 1;
            self.next_spi += 1;
            self.next_spi
        });
        let bytes = message(host, 36, pair.id, &spi.to_be_bytes());
        self.inside(udp(&flow(host, gateway, ":500")).payload(&bytes));
    }

    /// The gateway has got the request, and answers.
    fn agree(&mut self, seen: &Seen) {
        let now = self.now();
        let (host, gateway) = (seen.payload[0] - 1, seen.dst.ip().octets()[3]);
        let theirs = word(&seen.payload[28..]);
        self.next_spi += 1;
        let ours = self.next_spi;
        let pair = self.pairs.entry((host, gateway)).or_default();
        if pair.asked != Some(theirs) {
            return;
        }
        pair.asked = None;
        pair.tunnels.push_front(Tunnel {
            spis: [ours, theirs],
            sent: [0; 2],
            agreed: now,
        });
        pair.tunnels.truncate(2);
        self.by_in.insert(theirs, host);
    }

    /// By the newest SPIs or those before.
    fn send(&mut self, host: u8, gateway: u8, way: usize, nth: usize) {
        let now = self.now();
        let Some(tunnel) = self
            .pairs
            .get_mut(&(host, gateway))
            .and_then(|pair| pair.tunnels.get_mut(nth))
        else {
            return;
        };
        if tunnel.sent[way] == 0 && now > tunnel.agreed + IN_TIME {
            return;
        }
        tunnel.sent[way] += 1;
        let bytes = esp_bytes(tunnel.spis[way], tunnel.sent[way]);
        if way == 0 {
            self.inside(raw(&flow(host, gateway, ""), protocol::ESP).payload(&bytes));
        } else {
            let back = format!("203.0.114.{gateway} > {}", Ipv4Addr::from_bits(POOL));
            self.outside(raw(&back, protocol::ESP).payload(&bytes));
        }
    }
}
