//! Ten hosts and one gateway, packet by packet: tunnels are established and keyed anew, all
//! at once, and every packet must reach whom it is for. `IPSEC_PACKETS` says how many.

use std::collections::{HashMap, VecDeque};

use testkit::{Seen, protocol};
use tests::{Left, Outcome, Pipe};

use crate::{esp, ike, message, one_address};

const HOSTS: usize = 10;

/// A host and what the gateway has of it.
#[derive(Default)]
struct Host {
    /// SPIs agreed upon: out and in, with the sequence numbers used by them.
    tunnels: VecDeque<[(u32, u32); 2]>,
    /// The request that is not answered yet, and when it was sent last.
    request: Option<(Vec<u8>, f64)>,
    exchange: u32,
    sent: u64,
}

struct World {
    nat: Pipe,
    hosts: Vec<Host>,
    /// SPIs to hosts, as the gateway and as the hosts know them.
    by_out: HashMap<u32, usize>,
    by_in: HashMap<u32, usize>,
    next_spi: u32,
    chance: u64,
    packets: u64,
    delivered: u64,
    misdelivered: u64,
    lost: u64,
    rekeys: u64,
    waited: u64,
}

impl World {
    fn below(&mut self, most: usize) -> usize {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 20) as usize % most
    }

    fn inside_of(host: usize) -> String {
        format!("10.64.0.{}", host + 30)
    }

    fn spi(&mut self) -> u32 {
        self.next_spi = self
            .next_spi
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223)
            | 0x100;
        self.next_spi
    }

    /// A host asks for a new pair of SPIs.
    fn rekey(&mut self, host: usize) {
        if self.hosts[host].request.is_some() {
            return;
        }
        self.hosts[host].exchange += 1;
        let (id, spi) = (self.hosts[host].exchange, self.spi());
        let bytes = message(host as u64 + 1, 36, 8, id, &spi.to_be_bytes());
        self.ask(host, bytes);
    }

    fn ask(&mut self, host: usize, bytes: Vec<u8>) {
        let flow = format!("{}:500 > 192.0.2.1:500", Self::inside_of(host));
        let packet = ike(&flow, &bytes);
        self.hosts[host].request = Some((bytes, self.nat.now()));
        let outcome = self.nat.inside(packet);
        self.take(outcome);
    }

    /// Whoever has no answer asks again, as IKE does.
    fn ask_again(&mut self) {
        for host in 0..HOSTS {
            let due = self.nat.now() - 4.0;
            if let Some((bytes, since)) = self.hosts[host].request.clone()
                && since < due
            {
                self.ask(host, bytes);
            }
        }
    }

    fn send(&mut self, host: usize, outbound: bool) {
        let way = usize::from(!outbound);
        // Mostly the newest; the one before may still be on its way.
        let old = self.below(8) == 0;
        let tunnels = &mut self.hosts[host].tunnels;
        let Some(nth) = tunnels.len().checked_sub(1) else {
            return;
        };
        let in_use = nth > 0 && tunnels[nth - 1].iter().all(|(_, seq)| *seq > 0);
        let nth = nth - usize::from(old && in_use);
        let (spi, seq) = &mut tunnels[nth][way];
        *seq += 1;
        let (spi, seq) = (*spi, *seq);
        self.packets += 1;
        let outcome = if outbound {
            self.nat.inside(esp(
                &format!("{} > 192.0.2.1", Self::inside_of(host)),
                spi,
                seq,
            ))
        } else {
            self.nat.outside(esp("192.0.2.1 > 203.0.113.1", spi, seq))
        };
        self.take(outcome);
    }

    fn take(&mut self, outcome: Outcome) {
        match outcome.verdict.as_str() {
            "drop" => self.lost += 1,
            "hold" => self.waited += 1,
            _ => {}
        }
        self.deliver(outcome.left);
    }

    fn deliver(&mut self, left: Vec<Left>) {
        for one in left {
            let seen = one.seen;
            match (one.interface.as_str(), seen.protocol) {
                ("outside", protocol::UDP) => self.agree(&seen),
                ("outside", _) => {
                    let host = self.by_out[&spi_of(&seen)];
                    self.hosts[host].sent += 1;
                    self.delivered += 1;
                }
                (_, protocol::UDP) => {}
                _ => {
                    let host = self.by_in[&spi_of(&seen)];
                    if seen.dst == Self::inside_of(host).as_str() {
                        self.delivered += 1;
                    } else {
                        self.misdelivered += 1;
                    }
                }
            }
        }
    }

    /// The gateway answers; both have the new SPIs then, and use them before long.
    fn agree(&mut self, seen: &Seen) {
        let host = seen.payload[7] as usize - 1;
        let id = u32::from_be_bytes(seen.payload[20..24].try_into().unwrap());
        if self.hosts[host].request.is_none() || id != self.hosts[host].exchange {
            return;
        }
        let theirs = u32::from_be_bytes(seen.payload[28..32].try_into().unwrap());
        let ours = self.spi();
        self.by_out.insert(ours, host);
        self.by_in.insert(theirs, host);
        let answer = message(host as u64 + 1, 36, 0x20, id, &ours.to_be_bytes());
        let flow = format!("192.0.2.1:500 > {}", seen.src);
        let outcome = self.nat.outside(ike(&flow, &answer));
        self.take(outcome);
        let of = &mut self.hosts[host];
        of.tunnels.push_back([(ours, 0), (theirs, 0)]);
        if of.tunnels.len() > 2 {
            of.tunnels.pop_front();
        }
        of.request = None;
        self.rekeys += 1;
    }
}

fn spi_of(seen: &Seen) -> u32 {
    u32::from_be_bytes(seen.payload[..4].try_into().unwrap())
}

/// Shows 5 of the issue.
#[test]
fn ten_hosts_and_one_gateway_are_never_confused() {
    let wanted = std::env::var("IPSEC_PACKETS").map_or(20_000, |text| text.parse().unwrap());
    let mut config = one_address().limit("sessions", "100000");
    for host in 0..HOSTS {
        let ip = World::inside_of(host);
        let mac = tests::mac_of(ip.parse().unwrap())
            .map(|byte| format!("{byte:02x}"))
            .join(":");
        config = config.neighbor(&format!("interface: inside, ip: {ip}, mac: \"{mac}\""));
    }
    let mut world = World {
        nat: Pipe::new(&config),
        hosts: (0..HOSTS).map(|_| Host::default()).collect(),
        by_out: HashMap::new(),
        by_in: HashMap::new(),
        next_spi: 0x1000,
        chance: 7,
        packets: 0,
        delivered: 0,
        misdelivered: 0,
        lost: 0,
        rekeys: 0,
        waited: 0,
    };
    while world.packets < wanted {
        let host = world.below(HOSTS);
        match world.below(100) {
            0 => world.rekey(host),
            1..50 => world.send(host, true),
            _ => world.send(host, false),
        }
        if world.below(4) == 0 {
            let left = world.nat.wait(0.02);
            world.deliver(left);
            world.ask_again();
        }
    }
    let left = world.nat.wait(10.0);
    world.deliver(left);
    println!(
        "{} packets, {} delivered, {} misdelivered, {} lost, {} negotiations, {} waited",
        world.packets, world.delivered, world.misdelivered, world.lost, world.rekeys, world.waited
    );
    assert_eq!(world.misdelivered, 0);
    assert_eq!((world.lost, world.delivered), (0, world.packets));
    assert!(
        world.waited > 0 && world.rekeys > wanted / 400,
        "the run was interleaved"
    );
    assert!(world.hosts.iter().all(|host| host.sent > 0));
}
