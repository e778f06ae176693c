//! What a new flow costs in a pool that is a tenth full, nearly full, and full.
//!
//! Times of one run, each the least of several bursts: a search that grows with
//! what is taken would show as a multiple.

use std::time::Instant;

use base::{Counter, Nanos};
use nat::Sizes;
use nat::settings::Division;
use pktio::BURST;

use crate::appliance::{self, SlowSide, Work};
use crate::frames::{ACK, UDP, frame};
use crate::wire_side::{Frame, Inner};

/// How often a pool is filled.
const TRIES: u32 = 3;

/// Bursts timed at each level.
const BURSTS: u32 = 4;

type Memory = Box<Inner>;

/// What may run out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Blocks of a pool: every flow is of another subscriber.
    Blocks,
    /// Ports of a range: every flow is of one of a few subscribers.
    Ports,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Blocks, Self::Ports];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Blocks => "the blocks of a pool",
            Self::Ports => "the ports of an address",
        }
    }

    /// Addresses of the pool, and how many flows fill it.
    const fn size(self) -> (u32, u32) {
        match self {
            Self::Blocks => (8, 8 * 4032),
            Self::Ports => (1, 64_512),
        }
    }

    fn division(self) -> Division {
        match self {
            Self::Blocks => Division::Blocks {
                size: 16,
                max_per_subscriber: 1,
                idle: Nanos::from_secs(120),
                active: None,
            },
            Self::Ports => Division::Shared,
        }
    }

    /// Nanoseconds of a first packet at 10 %, at 99 %, and of one that is refused.
    pub(super) fn measure(self) -> Result<[f64; 3], String> {
        let (_, all) = self.size();
        let mut least = [f64::INFINITY; 3];
        for _ in 0..TRIES {
            let mut filling = Filling::new(self);
            for (least, level) in least.iter_mut().zip([all / 10, all / 100 * 99, all]) {
                filling.fill(level);
                for _ in 0..BURSTS {
                    *least = least.min(filling.burst());
                }
            }
            filling.check(all)?;
        }
        Ok(least)
    }
}

/// A pool that fills up.
struct Filling {
    kind: Kind,
    worker: Work<Memory>,
    slow: SlowSide<Memory>,
    now: Nanos,
    flows: u32,
}

impl Filling {
    fn new(kind: Kind) -> Self {
        let (addresses, _) = kind.size();
        let sizes = Sizes {
            sessions: 1 << 17,
            mappings: 1 << 17,
            subscribers: 1 << 16,
        };
        let settings = appliance::settings(addresses, kind.division());
        let (mut worker, slow) = appliance::build(&settings, sizes);
        worker.io_mut().sent.reserve(BURST);
        Self {
            kind,
            worker,
            slow,
            now: Nanos(0),
            flows: 0,
        }
    }

    /// Opens flows until there are as many.
    fn fill(&mut self, level: u32) {
        while self.flows < level {
            self.turn(BURST.min((level - self.flows) as usize));
        }
    }

    /// Opens a burst of flows; nanoseconds for each.
    fn burst(&mut self) -> f64 {
        let nanoseconds = self.turn(BURST);
        #[allow(clippy::cast_precision_loss)]
        let each = nanoseconds as f64 / BURST as f64;
        each
    }

    fn turn(&mut self, count: usize) -> u128 {
        for _ in 0..count {
            let bytes = frame(0, UDP, ACK, self.next(), (0xc633_6402, 4500));
            let waiting = self.worker.io_mut().waiting.first_mut();
            if let Some(waiting) = waiting {
                waiting.push(Frame::new(0, &bytes));
            }
        }
        self.now = self.now.plus(Nanos(6400));
        let began = Instant::now();
        self.worker.turn(self.now);
        let taken = began.elapsed().as_nanos();
        self.worker.io_mut().sent.clear();
        self.slow.turn(self.now);
        self.slow.take_notices();
        taken
    }

    /// The inside endpoint of the next flow.
    fn next(&mut self) -> (u32, u16) {
        let nth = self.flows;
        self.flows += 1;
        match self.kind {
            Kind::Blocks => (0x6441_0000 + nth, 5000),
            Kind::Ports => (0x6441_0000 + nth % 8, wire::low16(1024 + nth as usize / 8)),
        }
    }

    /// As many as there was room for were let through.
    fn check(&self, all: u32) -> Result<(), String> {
        let counters = self.worker.counters();
        let forwarded = counters.value(Counter::ForwardOutbound);
        let refused = counters.value(Counter::DropNoPort);
        if (forwarded, refused) == (u64::from(all), u64::from(self.flows - all)) {
            Ok(())
        } else {
            Err(format!(
                "{}: {forwarded} forwarded and {refused} refused of {}",
                self.kind.name(),
                self.flows
            ))
        }
    }
}
