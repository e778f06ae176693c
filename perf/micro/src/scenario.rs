//! What is sent through the appliance.

use base::{Counter, Nanos};
use nat::Sizes;
use nat::settings::{Action, Division, Log};
use pktio::{BURST, PacketBuf};

use crate::appliance::{self, POOL, SlowSide, Work};
use crate::frames::{ACK, Endpoint, FIN, SYN, TCP, UDP, endpoints, frame};
use crate::wire_side::{Frame, Kept};

/// Sessions that hits are spread over; with their index they stay in the L2 cache.
const SESSIONS: u32 = 4096;

/// How often frames are laid out and sent through.
pub(crate) const ROUNDS: u32 = 8;

/// Sessions the tables hold.
const CAPACITY: u32 = 1 << 17;

const REMOTE: Endpoint = (0xc633_6402, 4500);
const BLOCK: u16 = 512;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Packets of known UDP sessions from inside.
    UdpOut,
    /// The same from outside.
    UdpIn,
    /// Data of established TCP connections from inside.
    TcpOut,
    /// The same from outside.
    TcpIn,
    /// FINs of TCP connections: segments that are tracked.
    TcpFin,
    /// First packets, each of another inside endpoint: mapping, port, session.
    NewSession,
    /// First packets of sessions under mappings that exist.
    NewRemote,
    /// Packets from outside to ports nobody has.
    Miss,
    /// Packets from outside that the filter refuses.
    Filtered,
    /// Ends of sessions whose time is up, with their mappings and ports; no packets.
    Expiry,
}

impl Scenario {
    pub(crate) const ALL: [Self; 10] = [
        Self::UdpOut,
        Self::UdpIn,
        Self::TcpOut,
        Self::TcpIn,
        Self::TcpFin,
        Self::NewSession,
        Self::NewRemote,
        Self::Miss,
        Self::Filtered,
        Self::Expiry,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UdpOut => "udp-out",
            Self::UdpIn => "udp-in",
            Self::TcpOut => "tcp-out",
            Self::TcpIn => "tcp-in",
            Self::TcpFin => "tcp-fin",
            Self::NewSession => "new-session",
            Self::NewRemote => "new-remote",
            Self::Miss => "miss",
            Self::Filtered => "filtered",
            Self::Expiry => "expiry",
        }
    }

    /// How many packets are worked on in a turn, or sessions ended.
    pub(crate) const fn in_a_turn(self) -> usize {
        match self {
            Self::Expiry => 16,
            _ => BURST,
        }
    }

    /// The counter that every packet ends in.
    const fn verdict(self) -> Counter {
        match self {
            Self::UdpOut | Self::TcpOut | Self::TcpFin | Self::NewSession | Self::NewRemote => {
                Counter::ForwardOutbound
            }
            Self::Expiry => Counter::NatSessionsEnded,
            Self::UdpIn | Self::TcpIn => Counter::ForwardInbound,
            Self::Miss => Counter::DropNoMapping,
            Self::Filtered => Counter::DropFiltered,
        }
    }

    const fn protocol(self) -> u8 {
        match self {
            Self::TcpOut | Self::TcpIn | Self::TcpFin => TCP,
            _ => UDP,
        }
    }
}

/// A worker with its tables.
pub(crate) struct Appliance {
    pub(crate) worker: Work<Kept>,
    pub(crate) now: Nanos,
    /// Outside endpoints of the sessions, once they exist.
    outside: Vec<Endpoint>,
    verdicts: u64,
    slow: SlowSide<Kept>,
}

impl Appliance {
    pub(crate) fn new(gateways: bool, log: Log) -> Self {
        let sizes = Sizes {
            sessions: CAPACITY,
            mappings: CAPACITY,
            subscribers: 4096,
        };
        let mut settings = appliance::settings(64, blocks(4));
        for rule in &mut settings.rules {
            if let Action::Translate(translate) = &mut rule.action {
                translate.log = log;
            }
        }
        if gateways {
            appliance::serve(&mut settings);
        }
        let (worker, slow) = appliance::build(&settings, sizes);
        Self {
            worker,
            now: Nanos(0),
            outside: Vec::new(),
            verdicts: 0,
            slow,
        }
    }

    /// Lays out the frames of a round; answers how many.
    pub(crate) fn prepare(&mut self, scenario: Scenario, round: u32) -> usize {
        if self.outside.is_empty() {
            self.open(scenario.protocol());
        }
        // What happened is somebody else's to read.
        self.slow.turn(self.now);
        self.slow.take_notices();
        let first = (round + 1) * SESSIONS;
        let (port, frames): (u16, Vec<Vec<u8>>) = match scenario {
            Scenario::UdpOut => (0, outbound(0, UDP, ACK, REMOTE)),
            Scenario::TcpOut => (0, outbound(0, TCP, ACK, REMOTE)),
            Scenario::TcpFin => (0, outbound(0, TCP, FIN | ACK, REMOTE)),
            Scenario::Expiry => return self.let_expire(first),
            Scenario::NewSession => (0, outbound(first, UDP, ACK, REMOTE)),
            Scenario::NewRemote => (0, outbound(0, UDP, ACK, (REMOTE.0 + first, REMOTE.1))),
            Scenario::UdpIn => (1, self.inbound(UDP, REMOTE)),
            Scenario::TcpIn => (1, self.inbound(TCP, REMOTE)),
            Scenario::Filtered => (1, self.inbound(UDP, (REMOTE.0 + 1, REMOTE.1))),
            // Of the last addresses no port is taken.
            Scenario::Miss => {
                let nobodys = |n: u32| (POOL + 63, 1024 + low16(n));
                let frames = (0..SESSIONS).map(|n| frame(1, UDP, ACK, REMOTE, nobodys(n)));
                (1, frames.collect())
            }
        };
        self.lay_out(port, &shuffled(frames));
        self.verdicts = self.worker.counters().value(scenario.verdict());
        SESSIONS as usize
    }

    /// Opens sessions and lets time pass until all there are may end.
    fn let_expire(&mut self, first: u32) -> usize {
        self.lay_out(0, &shuffled(outbound(first, UDP, ACK, REMOTE)));
        self.drain();
        let timeout = Nanos::from_secs(300);
        // Until the last second nothing ends but what an earlier round has left at rest.
        self.now = self.now.plus(Nanos(timeout.0 - 1_000_000_000));
        self.drain();
        let count = self.worker.shard().session_count() as usize;
        self.now = self.now.plus(Nanos::from_secs(2));
        self.verdicts = self.worker.counters().value(Scenario::Expiry.verdict());
        count
    }

    /// Whether all packets became what they should.
    pub(crate) fn verify(&mut self, scenario: Scenario, count: usize) -> Result<(), String> {
        let counters = self.worker.counters();
        let got = counters.value(scenario.verdict()) - self.verdicts;
        if got == count as u64 {
            return Ok(());
        }
        let all: Vec<String> = Counter::ALL
            .iter()
            .filter(|counter| counters.value(**counter) > 0)
            .map(|counter| format!("{} {}", counter.name(), counters.value(*counter)))
            .collect();
        let name = scenario.verdict().name();
        Err(format!(
            "{got} of {count} packets in {name}; {}",
            all.join(", ")
        ))
    }

    /// Makes the sessions, and notes their outside endpoints.
    fn open(&mut self, protocol: u8) {
        let frames = outbound(0, protocol, SYN, REMOTE);
        self.lay_out(0, &frames);
        self.drain();
        self.outside = (self.worker.io_mut().sent.iter())
            .map(|frame| endpoints(frame.bytes()).0)
            .collect();
        if protocol == TCP {
            // The other side's SYN, then plain data both ways.
            let answers = self.outside.iter();
            let answers: Vec<Vec<u8>> = answers
                .map(|outside| frame(1, TCP, SYN | ACK, REMOTE, *outside))
                .collect();
            self.lay_out(1, &answers);
            self.drain();
        }
        // Once in each direction, so that all is known that is kept.
        for (port, frames) in [
            (0, outbound(0, protocol, ACK, REMOTE)),
            (1, self.inbound(protocol, REMOTE)),
        ] {
            self.lay_out(port, &frames);
            self.drain();
        }
    }

    fn drain(&mut self) {
        loop {
            self.now = self.now.plus(Nanos(6400));
            if self.worker.turn(self.now) == 0 {
                return;
            }
        }
    }

    fn inbound(&self, protocol: u8, from: Endpoint) -> Vec<Vec<u8>> {
        (self.outside.iter())
            .map(|to| frame(1, protocol, ACK, from, *to))
            .collect()
    }

    fn lay_out(&mut self, port: u16, frames: &[Vec<u8>]) {
        let io = self.worker.io_mut();
        let mut old = core::mem::take(&mut io.sent);
        let waiting = io.waiting.get_mut(usize::from(port));
        // Frames are used again; those that were dropped are replaced.
        if let Some(waiting) = waiting {
            waiting.extend(frames.iter().rev().map(|bytes| match old.pop() {
                Some(mut frame) => {
                    frame.fill(port, bytes);
                    frame
                }
                None => Frame::new(port, bytes),
            }));
        }
        old.clear();
        old.reserve(2 * frames.len());
        io.sent = old;
    }
}

/// From inside endpoints `first..`, a block of ports to each host.
fn outbound(first: u32, protocol: u8, flags: u8, to: Endpoint) -> Vec<Vec<u8>> {
    let block = u32::from(BLOCK);
    (first..first + SESSIONS)
        .map(|n| (0x6440_0100 + n / block, 10_000 + low16(n % block)))
        .map(|from| frame(0, protocol, flags, from, to))
        .collect()
}

/// The same frames in an order that no prefetcher knows, the same every time.
fn shuffled(mut frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    for last in (1..frames.len()).rev() {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        let bound = last as u64 + 1;
        frames.swap(last, usize::try_from(word % bound).unwrap_or(0));
    }
    frames
}

fn low16(word: u32) -> u16 {
    wire::low16(word as usize)
}

fn blocks(max_per_subscriber: u16) -> Division {
    Division::Blocks {
        size: BLOCK,
        max_per_subscriber,
        idle: Nanos::from_secs(120),
        active: None,
    }
}
