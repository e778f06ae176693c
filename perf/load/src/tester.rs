//! The tester of RFC 9693 on a core of its own: sends at a rate, sees what comes
//! back, and learns where sessions were mapped.
//!
//! A packet carries, in the word that travels with its buffer, the number of its
//! session and when it was sent. The responder table has the outside endpoint of
//! each session, six bytes, learnt from the first packet that came out of it.

use std::time::{Duration, Instant};

use dpdk::{Mbuf, Mempool};
use pktio::{BURST, Burst, PacketBuf, PortId, RingReceiver, RingSender};

use crate::clock::Watch;
use crate::figures::float;
use crate::flows::{Endpoint, Group};
use crate::frame::{Template, endpoints};
use crate::histogram::Histogram;
use crate::permutation::Permutation;
use crate::rings::Ends;

/// Packets sent at once at most.
const AT_ONCE: usize = 32;

/// What the tester may be behind before it gives up catching up: it was off its
/// core, and a burst of all it has missed would be its own fault.
const BEHIND: u64 = 64;

/// How long it waits for packets on their way.
const DRAIN: Duration = Duration::from_millis(20);

/// What to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// The first packets of all sessions, in pseudo-random order by this key.
    Open(u32),
    /// Packets of all sessions, both directions alike.
    Both,
}

/// One trial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    pub(crate) traffic: Traffic,
    /// Packets a second; `None`: as many as go.
    pub(crate) rate: Option<f64>,
    /// How long, unless all sessions have been opened before.
    pub(crate) time: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) offered: u64,
    pub(crate) received: u64,
    /// While packets were sent.
    pub(crate) seconds: f64,
    /// The tester's share of its core.
    pub(crate) share: f64,
    pub(crate) latency: Histogram,
}

impl Outcome {
    /// Packets a second that came back.
    pub(crate) fn rate(&self) -> f64 {
        float(self.received) / self.seconds.max(1e-9)
    }

    /// Share of the packets that did not.
    pub(crate) fn loss(&self) -> f64 {
        float(self.offered - self.received.min(self.offered)) / float(self.offered.max(1))
    }
}

/// The tester.
#[derive(Debug)]
pub(crate) struct Tester {
    pool: Mempool,
    ends: Ends,
    group: Group,
    orders: [Permutation; 2],
    next: [u32; 2],
    /// By port, in turn: one for a size, several for a mix.
    templates: [Vec<Template>; 2],
    responders: Vec<[u16; 3]>,
}

impl Tester {
    pub(crate) fn new(pool: Mempool, ends: Ends, group: Group) -> Self {
        let order = |key| Permutation::new(group.sessions(), key);
        Self {
            pool,
            ends,
            group,
            orders: [order(0x5bd1_e995), order(0x1b87_3593)],
            next: [0; 2],
            templates: [Vec::new(), Vec::new()],
            responders: vec![[0; 3]; group.sessions() as usize],
        }
    }

    /// Sizes of frames with FCS, one after the other.
    pub(crate) fn set_sizes(&mut self, sizes: &[usize]) {
        self.templates = [0, 1].map(|port| {
            let template = |size: &usize| Template::udp(port, size.saturating_sub(4));
            sizes.iter().map(template).collect()
        });
    }

    /// One trial, on the calling thread.
    pub(crate) fn run(&mut self, trial: &Trial) -> Outcome {
        let watch = Watch::start();
        let start = Instant::now();
        let mut outcome = Outcome {
            offered: 0,
            received: 0,
            seconds: 0.0,
            share: 0.0,
            latency: Histogram::new(),
        };
        self.next = [0; 2];
        let opening = match trial.traffic {
            Traffic::Open(key) => Some(Permutation::new(self.group.sessions(), key)),
            Traffic::Both => None,
        };
        let most = opening.map_or(u64::MAX, |order| u64::from(order.len()));
        // Packets that were not sent because the tester was off its core.
        let mut given_up = 0;
        let mut port = 0;
        loop {
            let elapsed = start.elapsed();
            if elapsed >= trial.time || outcome.offered >= most {
                outcome.seconds = elapsed.as_secs_f64();
                break;
            }
            let mut due = match trial.rate {
                Some(rate) => {
                    let all = whole(rate * elapsed.as_secs_f64());
                    let due = all.saturating_sub(outcome.offered + given_up);
                    given_up += due.saturating_sub(BEHIND);
                    due.min(BEHIND)
                }
                None => AT_ONCE as u64,
            };
            while due > 0 && outcome.offered < most {
                let count = due.min(AT_ONCE as u64).min(most - outcome.offered);
                due -= count;
                let stamp = stamp(start);
                self.send(port, usize::try_from(count).unwrap_or(0), opening, stamp);
                outcome.offered += count;
                if opening.is_none() {
                    port = 1 - port;
                }
            }
            self.receive(start, opening.is_some(), &mut outcome);
        }
        let end = Instant::now() + DRAIN;
        while outcome.received < outcome.offered && Instant::now() < end {
            self.receive(start, opening.is_some(), &mut outcome);
        }
        outcome.share = watch.read().1;
        outcome
    }

    /// Sends so many packets; what the ring has no room for is lost.
    fn send(&mut self, port: usize, count: usize, opening: Option<Permutation>, stamp: u32) {
        let mut burst = Burst::new();
        if !self.pool.allocate_burst(&mut burst, count) {
            return;
        }
        let (Some(next), Some(order), Some(templates), Some(ring)) = (
            self.next.get_mut(port),
            self.orders.get(port),
            self.templates.get(port),
            self.ends.to.get_mut(port),
        ) else {
            return;
        };
        let order = opening.unwrap_or(*order);
        let mut numbers = [0; BURST];
        for number in numbers.iter_mut().take(count) {
            *number = order.at(*next);
            *next = if *next + 1 == order.len() {
                0
            } else {
                *next + 1
            };
            if port == 1
                && let Some(responder) = self.responders.get(*number as usize)
            {
                base::prefetch(responder);
            }
        }
        let mut mix = templates
            .iter()
            .cycle()
            .skip(numbers[0] as usize % templates.len().max(1));
        for (packet, number) in burst.iter_mut().zip(numbers) {
            let Some(template) = mix.next() else {
                return;
            };
            let (from, to) = if port == 0 {
                self.group.outbound(number)
            } else {
                let (_, remote) = self.group.outbound(number);
                (remote, endpoint(self.responders.get(number as usize)))
            };
            template.write(packet, from, to);
            packet.set_port(PortId(u16::from(port != 0)));
            packet.set_mark(u64::from(number) << 32 | u64::from(stamp));
        }
        ring.push(&mut burst);
        Mbuf::free_burst(&mut burst);
    }

    fn receive(&mut self, start: Instant, learn: bool, outcome: &mut Outcome) {
        for (port, ring) in self.ends.from.iter_mut().enumerate() {
            let mut burst = Burst::new();
            ring.pop(&mut burst);
            if burst.is_empty() {
                continue;
            }
            let now = stamp(start);
            outcome.received += burst.len() as u64;
            for packet in &burst {
                let [sent, number] = halves(packet.mark());
                outcome.latency.add(now.wrapping_sub(sent));
                if learn
                    && port == 1
                    && let Some(responder) = self.responders.get_mut(number as usize)
                    && let Some((outside, _)) = endpoints(packet.bytes())
                {
                    let [high, low] = [
                        wire::low16((outside.0 >> 16) as usize),
                        wire::low16(outside.0 as usize),
                    ];
                    *responder = [high, low, outside.1];
                }
            }
            Mbuf::free_burst(&mut burst);
        }
    }
}

fn endpoint(responder: Option<&[u16; 3]>) -> Endpoint {
    let [high, low, port] = responder.copied().unwrap_or_default();
    (u32::from(high) << 16 | u32::from(low), port)
}

/// Nanoseconds since the start, as far as they fit: they wrap after four seconds.
#[inline]
#[allow(clippy::cast_possible_truncation)]
fn stamp(start: Instant) -> u32 {
    start.elapsed().as_nanos() as u32
}

#[allow(clippy::cast_possible_truncation)]
const fn halves(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

/// The part before the point; never negative.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(value: f64) -> u64 {
    value.max(0.0) as u64
}
