//! The hundred subscribers, and what must come of their packets.

use std::collections::{HashMap, HashSet};

use base::{Counter, Nanos};
use nat::Sizes;
use nat::settings::Division;
use pktio::PacketBuf;

use crate::allocator;
use crate::appliance::{self, POOL, SlowSide, Work};
use crate::frames::{ACK, Endpoint, SYN, TCP, UDP, endpoints, frame};
use crate::wire_side::{Frame, Inner};

/// Addresses of the pool, blocks of each, ports of a block.
const ADDRESSES: u32 = 5;
const BLOCKS: u16 = 10;
const BLOCK: u16 = 512;
const FIRST_PORT: u16 = 1024;

/// Subscribers that came first and stay; they have this many flows each.
const RESIDENTS: u32 = 10;
const FLOWS: u32 = 10;

/// All subscribers.
const SUBSCRIBERS: u32 = 100;

/// Blocks that are left for newcomers.
const FOR_NEWCOMERS: usize = ADDRESSES as usize * BLOCKS as usize - RESIDENTS as usize;

/// Flows that a newcomer tries to open in an era.
const WANTED: u16 = 600;

/// Packets between two looks at what left.
const CHUNK: usize = 512;

/// What a resident sends after so many packets of newcomers, in each direction.
const DATA_EVERY: u32 = 2;

/// Newcomers' remote, which sees by the port who it was.
const REMOTE: u32 = 0xc633_6402;
/// Residents' remote: one port for each flow.
const PEER: u32 = 0xc633_6403;

/// Where a session's time is over, and then its port's and its block's.
const SESSION: Nanos = Nanos::from_secs(20);
const HOLD_DOWN: Nanos = Nanos::from_secs(2);
const IDLE: Nanos = Nanos::from_secs(2);

type Memory = Box<Inner>;

/// A flow of a resident.
#[derive(Clone, Copy, Debug)]
struct Flow {
    protocol: u8,
    inside: Endpoint,
    remote: Endpoint,
    outside: Endpoint,
}

/// What packets were sent, and what must have come of them.
#[derive(Debug, Default)]
struct Tally {
    outbound: u64,
    inbound: u64,
    no_port: u64,
    block_limit: u64,
}

impl Tally {
    const fn packets(&self) -> u64 {
        self.outbound + self.inbound + self.no_port + self.block_limit
    }
}

/// The appliance and all who use it.
pub(super) struct Crowd {
    worker: Work<Memory>,
    slow: SlowSide<Memory>,
    now: Nanos,
    flows: Vec<Flow>,
    next_flow: usize,
    eras: u32,
    tally: Tally,
    allocations: u64,
    /// Of this era: newcomers with a block, with the ports they have, in the order they came.
    holders: HashMap<u32, u16>,
    /// Who has a block: address and number of the block.
    blocks: HashMap<(u32, u16), u32>,
    /// Outside ports of newcomers.
    taken: HashSet<Endpoint>,
    /// Frames that must leave, counted by who sent them.
    due: HashMap<u16, u32>,
    word: u64,
}

impl Crowd {
    pub(super) fn new() -> Result<Self, String> {
        let division = Division::Blocks {
            size: BLOCK,
            max_per_subscriber: 1,
            idle: IDLE,
            active: None,
        };
        let mut settings = appliance::settings(ADDRESSES, division);
        for pool in &mut settings.pools {
            (pool.first_port, pool.last_port) = (FIRST_PORT, FIRST_PORT + BLOCKS * BLOCK - 1);
        }
        settings.timeouts.udp = SESSION;
        settings.timeouts.tcp_established = SESSION;
        settings.hold_down = HOLD_DOWN;
        settings.hold_down_percent = 100;
        let sizes = Sizes {
            sessions: 1 << 15,
            mappings: 1 << 15,
            subscribers: 256,
        };
        let (worker, slow) = appliance::build(&settings, sizes);
        let mut crowd = Self {
            worker,
            slow,
            now: Nanos(0),
            flows: Vec::new(),
            next_flow: 0,
            eras: 0,
            tally: Tally::default(),
            allocations: 0,
            holders: HashMap::new(),
            blocks: HashMap::new(),
            taken: HashSet::new(),
            due: HashMap::new(),
            word: 0x9e37_79b9_7f4a_7c15,
        };
        crowd.worker.io_mut().sent.reserve(4 * CHUNK);
        crowd.settle_residents()?;
        Ok(crowd)
    }

    pub(super) const fn packets(&self) -> u64 {
        self.tally.packets()
    }

    pub(super) const fn allocations(&self) -> u64 {
        self.allocations
    }

    /// The figures, as one line.
    pub(super) fn print(&self, grown_kib: u64) {
        let Tally {
            outbound,
            inbound,
            no_port,
            block_limit,
        } = self.tally;
        println!(
            r#"{{"scenario": "exhaustion", "packets": {}, "eras": {}, "outbound": {outbound}, "inbound": {inbound}, "no_port": {no_port}, "block_limit": {block_limit}, "allocations": {}, "grown_kib": {grown_kib}}}"#,
            self.packets(),
            self.eras,
            self.allocations,
        );
    }

    /// Every packet is in one verdict, and every refusal in its counter.
    pub(super) fn check_counters(&self) -> Result<(), String> {
        let counters = self.worker.counters();
        let Tally {
            outbound,
            inbound,
            no_port,
            block_limit,
        } = self.tally;
        let expected = [
            (Counter::RxPackets, self.packets()),
            (Counter::VerdictForward, outbound + inbound),
            (Counter::VerdictDrop, no_port + block_limit),
            (Counter::VerdictConsume, 0),
            (Counter::VerdictHold, 0),
            (Counter::ForwardOutbound, outbound),
            (Counter::ForwardInbound, inbound),
            (Counter::DropNoPort, no_port),
            (Counter::DropBlockLimit, block_limit),
        ];
        for (counter, expected) in expected {
            let value = counters.value(counter);
            if value != expected {
                return Err(format!("{} is {value}, not {expected}", counter.name()));
            }
        }
        Ok(())
    }

    // --- an era ----------------------------------------------------------------

    /// Newcomers want more than there is while residents talk; then it is all over.
    pub(super) fn era(&mut self) -> Result<(), String> {
        let mut order: Vec<(u32, u16)> = (RESIDENTS..SUBSCRIBERS)
            .flat_map(|who| (0..WANTED).map(move |flow| (who, flow)))
            .collect();
        for last in (1..order.len()).rev() {
            let other = self.below(last + 1);
            order.swap(last, other);
        }
        for some in order.chunks(CHUNK) {
            self.newcomers(some);
            self.send()?;
            self.look()?;
        }
        if self.holders.len() != FOR_NEWCOMERS {
            return Err(format!("{} newcomers have a block", self.holders.len()));
        }
        self.check_counters()?;
        self.wait_for_the_end()?;
        self.eras += 1;
        Ok(())
    }

    /// Lays out packets of newcomers, and residents' data between them.
    fn newcomers(&mut self, some: &[(u32, u16)]) {
        for (nth, (who, flow)) in (0..).zip(some) {
            let mark = low16(*who);
            let full = self.holders.len() >= FOR_NEWCOMERS;
            match self.holders.get_mut(who) {
                None if full => self.tally.no_port += 1,
                Some(ports) if *ports == BLOCK => self.tally.block_limit += 1,
                served => {
                    match served {
                        Some(ports) => *ports += 1,
                        None => {
                            self.holders.insert(*who, 1);
                        }
                    }
                    self.tally.outbound += 1;
                    *self.due.entry(mark).or_default() += 1;
                }
            }
            let from = (inside(*who), 10_000 + flow);
            self.lay_out(0, UDP, ACK, from, (REMOTE, 20_000 + mark));
            if nth % DATA_EVERY == 0 {
                self.resident_talks();
            }
        }
    }

    /// One packet of a resident's flow in each direction.
    fn resident_talks(&mut self) {
        let count = self.flows.len().max(1);
        self.next_flow = (self.next_flow + 1) % count;
        if let Some(flow) = self.flows.get(self.next_flow).copied() {
            self.lay_out(0, flow.protocol, ACK, flow.inside, flow.remote);
            self.lay_out(1, flow.protocol, ACK, flow.remote, flow.outside);
            self.tally.outbound += 1;
            self.tally.inbound += 1;
            *self.due.entry(flow.remote.1).or_default() += 2;
        }
    }

    /// Time passes until nothing of the newcomers is left; residents go on.
    fn wait_for_the_end(&mut self) -> Result<(), String> {
        const STEP: Nanos = Nanos(50_000_000);
        // Some time more.
        const TURNS: Nanos = Nanos::from_secs(10);
        let end = self
            .now
            .plus(SESSION.plus(HOLD_DOWN).plus(IDLE).plus(TURNS));
        while self.now < end {
            self.now = self.now.plus(STEP);
            // A worker would have had a million turns meanwhile.
            self.worker.catch_up(self.now);
            // Every flow once in five seconds.
            for _ in 0..self.flows.len().div_ceil(100) {
                self.resident_talks();
            }
            self.send()?;
            self.look()?;
        }
        self.holders.clear();
        self.blocks.retain(|_, who| *who < RESIDENTS);
        self.taken.clear();
        let shard = self.worker.shard();
        let left = (
            shard.session_count(),
            shard.mapping_count(),
            shard.subscriber_count(),
            shard.pool_use(0).blocks_used,
        );
        let residents = RESIDENTS * FLOWS;
        if left == (residents, residents, RESIDENTS, u64::from(RESIDENTS)) {
            Ok(())
        } else {
            Err(format!(
                "sessions, mappings, subscribers and blocks left: {left:?}"
            ))
        }
    }

    // --- residents ---------------------------------------------------------------

    fn settle_residents(&mut self) -> Result<(), String> {
        for number in 0..RESIDENTS * FLOWS {
            let protocol = if number % 2 == 0 { UDP } else { TCP };
            let flow = Flow {
                protocol,
                inside: (inside(number / FLOWS), 5000 + low16(number)),
                remote: (PEER, 30_000 + low16(number)),
                outside: (0, 0),
            };
            self.lay_out(0, protocol, SYN, flow.inside, flow.remote);
            self.tally.outbound += 1;
            self.send()?;
            let outside = (self.worker.io_mut().sent.pop())
                .map(|frame| endpoints(frame.bytes()).0)
                .ok_or("a resident's first packet did not leave")?;
            let flow = Flow { outside, ..flow };
            self.blocks.insert(block_of(outside), number / FLOWS);
            if protocol == TCP {
                self.lay_out(1, protocol, SYN | ACK, flow.remote, outside);
                self.tally.inbound += 1;
                self.send()?;
                self.worker.io_mut().sent.clear();
            }
            self.flows.push(flow);
        }
        Ok(())
    }

    // --- frames --------------------------------------------------------------

    fn lay_out(&mut self, port: u8, protocol: u8, flags: u8, from: Endpoint, to: Endpoint) {
        let bytes = frame(port, protocol, flags, from, to);
        if let Some(waiting) = self.worker.io_mut().waiting.get_mut(usize::from(port)) {
            waiting.push(Frame::new(u16::from(port), &bytes));
        }
    }

    /// Turns until all that was laid out has been taken, in the order it was.
    fn send(&mut self) -> Result<(), String> {
        let io = self.worker.io_mut();
        for waiting in &mut io.waiting {
            waiting.reverse();
        }
        let before = allocator::allocations();
        loop {
            self.now = self.now.plus(Nanos(6400));
            if self.worker.turn(self.now) == 0 {
                break;
            }
        }
        self.allocations += allocator::allocations() - before;
        // What happened is somebody else's to read.
        self.slow.turn(self.now);
        self.slow.take_notices();
        let packets = self.packets();
        let received = self.worker.counters().value(Counter::RxPackets);
        if received == packets {
            Ok(())
        } else {
            Err(format!("{received} packets received, {packets} sent"))
        }
    }

    /// Whether what left is what should have, with endpoints that are whose they should be.
    fn look(&mut self) -> Result<(), String> {
        let mut sent = core::mem::take(&mut self.worker.io_mut().sent);
        for frame in &sent {
            let (from, to) = endpoints(frame.bytes());
            let mark = match (from.0, to.0) {
                (PEER, _) => from.1,
                (_, PEER) => to.1,
                _ => to.1.wrapping_sub(20_000),
            };
            match self.due.get_mut(&mark) {
                Some(due) if *due > 0 => *due -= 1,
                _ => return Err(format!("{from:?} > {to:?} left, which is not due")),
            }
            if from.0 == PEER || to.0 == PEER {
                let number = usize::from(mark.wrapping_sub(30_000));
                let known = self.flows.get(number);
                let right = known.is_some_and(|flow| {
                    (from, to) == (flow.outside, flow.remote)
                        || (from, to) == (flow.remote, flow.inside)
                });
                if !right {
                    return Err(format!("{from:?} > {to:?} is not {known:?}"));
                }
                continue;
            }
            let owner = *self.blocks.entry(block_of(from)).or_insert(u32::from(mark));
            if owner != u32::from(mark) {
                return Err(format!(
                    "subscriber {mark} has {from:?} of subscriber {owner}"
                ));
            }
            if !self.taken.insert(from) {
                return Err(format!("{from:?} was given out twice"));
            }
        }
        sent.clear();
        self.worker.io_mut().sent = sent;
        match self.due.iter().find(|(_, due)| **due > 0) {
            None => Ok(()),
            Some((mark, due)) => Err(format!("{due} packets of {mark} did not leave")),
        }
    }

    /// By chance, the same in every run.
    fn below(&mut self, bound: usize) -> usize {
        self.word ^= self.word << 13;
        self.word ^= self.word >> 7;
        self.word ^= self.word << 17;
        let bound = u64::try_from(bound).unwrap_or(1).max(1);
        usize::try_from(self.word % bound).unwrap_or(0)
    }
}

const fn inside(subscriber: u32) -> u32 {
    0x6440_0100 + subscriber
}

/// The block an outside endpoint is in.
const fn block_of((address, port): Endpoint) -> (u32, u16) {
    (address - POOL, port.saturating_sub(FIRST_PORT) / BLOCK)
}

fn low16(word: u32) -> u16 {
    wire::low16(word as usize)
}
