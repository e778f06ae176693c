//! First packets while a table fills: `micro opening [LOG2]`, for 2^LOG2 sessions.
//!
//! Every packet is of another inside endpoint, in an order that no prefetcher knows, so
//! each makes a mapping, takes a port and opens a session. Prints nanoseconds a packet for
//! each tenth of the table up to nine, without receiving and sending: G6 and G8 of the
//! worker alone.

use std::process::ExitCode;
use std::time::Instant;

use base::{Counter, Nanos};
use nat::Sizes;
use nat::settings::Division;
use pktio::BURST;

use crate::appliance::{self, SlowSide, Work};
use crate::frames::{ACK, UDP, frame};
use crate::wire_side::{Frame, Kept};

/// Ports of a block, all of which each subscriber uses.
const BLOCK: u32 = 512;

/// Blocks of an outside address.
const BLOCKS: u32 = 126;

/// Frames laid out at once.
const ROUND: u32 = 4096;

const REMOTE: (u32, u16) = (0xc633_6402, 4500);

/// Fills a table and prints the figures.
pub(crate) fn run(log2: Option<&str>) -> ExitCode {
    let log2 = log2.map_or(Ok(22), str::parse);
    let Some(log2) = log2.ok().filter(|log2| (16..=24).contains(log2)) else {
        eprintln!("usage: micro opening [16..24]");
        return ExitCode::from(2);
    };
    match Filling::new(1 << log2).measure() {
        Ok(tenths) => {
            let tenths: Vec<String> = tenths.iter().map(|ns| format!("{ns:.1}")).collect();
            let sessions = 1u32 << log2;
            let tenths = tenths.join(", ");
            println!(r#"{{"sessions": {sessions}, "ns a packet by tenths": [{tenths}]}}"#);
            ExitCode::SUCCESS
        }
        Err(wrong) => {
            eprintln!("micro opening: {wrong}");
            ExitCode::FAILURE
        }
    }
}

struct Filling {
    worker: Work<Kept>,
    /// Keeps its ends of the rings.
    slow: SlowSide<Kept>,
    sessions: u32,
    now: Nanos,
}

impl Filling {
    fn new(sessions: u32) -> Self {
        let sizes = Sizes {
            sessions,
            mappings: sessions,
            subscribers: sessions / BLOCK,
        };
        let division = Division::Blocks {
            size: 512,
            max_per_subscriber: 1,
            idle: Nanos::from_secs(120),
            active: None,
        };
        let addresses = (sessions / BLOCK).div_ceil(BLOCKS);
        let settings = appliance::settings(addresses, division);
        let (worker, slow) = appliance::build(&settings, sizes);
        Self {
            worker,
            slow,
            sessions,
            now: Nanos(0),
        }
    }

    /// Fills the table, once so that all memory has been used, empties it, and fills it
    /// again.
    fn measure(&mut self) -> Result<Vec<f64>, String> {
        self.fill()?;
        // Sessions end, ports rest, blocks go back.
        for _ in 0..4 {
            self.now = self.now.plus(Nanos::from_secs(301));
            while !self.worker.catch_up(self.now) {
                self.look_after();
            }
        }
        match self.worker.shard().session_count() {
            0 => self.fill(),
            left => Err(format!("{left} sessions are left")),
        }
    }

    fn fill(&mut self) -> Result<Vec<f64>, String> {
        let before = self.opened();
        let tenth = self.sessions / 10 / ROUND * ROUND;
        let mut tenths = Vec::new();
        for first in (0..9).map(|nth| nth * tenth) {
            let mut took = 0.0;
            for round in 0..tenth / ROUND {
                self.lay_out(first + round * ROUND);
                let began = Instant::now();
                for _ in 0..(ROUND as usize).div_ceil(BURST) {
                    self.now = self.now.plus(Nanos(6400));
                    self.worker.turn(self.now);
                }
                took += began.elapsed().as_secs_f64();
                self.look_after();
            }
            tenths.push(took * 1e9 / f64::from(tenth));
        }
        let opened = self.opened() - before;
        if opened == u64::from(9 * tenth) {
            Ok(tenths)
        } else {
            let counters = self.worker.counters();
            let reasons = Counter::ALL
                .iter()
                .filter(|counter| counters.value(**counter) > 0 && counter.is_reason().is_some());
            let reasons: Vec<String> = reasons
                .map(|counter| format!("{} {}", counter.name(), counters.value(*counter)))
                .collect();
            let (wanted, reasons) = (9 * tenth, reasons.join(", "));
            Err(format!("{opened} sessions of {wanted}; {reasons}"))
        }
    }

    /// What happened is somebody else's to read.
    fn look_after(&mut self) {
        self.slow.turn(self.now);
        self.slow.take_notices();
    }

    fn opened(&self) -> u64 {
        self.worker.counters().value(Counter::NatSessionsCreated)
    }

    fn lay_out(&mut self, first: u32) {
        let sessions = self.sessions;
        let io = self.worker.io_mut();
        let mut old = core::mem::take(&mut io.sent);
        let Some(waiting) = io.waiting.first_mut() else {
            return;
        };
        waiting.extend((first..first + ROUND).map(|nth| {
            // A permutation: an odd number times the place, in a power of two.
            let one = nth.wrapping_mul(0x9e37_79b1) & (sessions - 1);
            let port = wire::low16((one % BLOCK) as usize);
            let from = (0x6440_0100 + one / BLOCK, 10_000 + port);
            let bytes = frame(0, UDP, ACK, from, REMOTE);
            let mut frame = old.pop().unwrap_or_else(|| Frame::new(0, &bytes));
            frame.fill(0, &bytes);
            frame
        }));
        old.clear();
        old.reserve(2 * ROUND as usize);
        io.sent = old;
    }
}
