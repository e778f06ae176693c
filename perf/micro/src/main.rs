//! One scenario of the worker, over frames laid out beforehand: prints how many
//! packets went through and how often memory was asked for meanwhile.
//!
//! ```text
//! micro udp-out       {"scenario": "udp-out", "packets": 65536, "allocations": 0}
//! ```
//!
//! `micro exhaustion`, `micro opening`, `micro steering` and `micro store` are other programs: ten
//! million packets for a pool that is too small (`exhaustion.rs`), first packets while a table
//! fills (`opening.rs`), up to a billion answers, none of which may come to a wrong
//! worker (`steering.rs`), and a store of a hundred million log records (`store.rs`).
//!
//! `perf/micro/check` runs each scenario under callgrind, which collects only in
//! [`measured`], so the difference between two builds is that of the worker
//! alone. Session, mapping and pool tables are those of a real rule:
//! endpoint-independent mapping, blocks of 512 ports, filtering by address.

mod allocator;
mod appliance;
mod exhaustion;
mod frames;
mod opening;
mod scenario;
mod steering;
mod store;
mod wire_side;

use std::process::ExitCode;

use base::Nanos;
use nat::settings::Log;
use scenario::{Appliance, ROUNDS, Scenario};

/// Behind the name of a scenario: the same with every gateway on, with blocks logged, or
/// with sessions and their destinations logged.
const GATEWAYS: &str = "+gateways";
const BLOCKS: &str = "+blocks";
const SESSIONS: &str = "+sessions";

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    if wanted == "exhaustion" {
        return exhaustion::run();
    }
    if wanted == "opening" {
        return opening::run(std::env::args().nth(2).as_deref());
    }
    if wanted == "steering" {
        return steering::run(std::env::args().nth(2).as_deref());
    }
    if wanted == "store" {
        let mut more = std::env::args().skip(2);
        return store::run(more.next().as_deref(), more.next().as_deref());
    }
    let (name, with) = wanted.split_at(wanted.find('+').unwrap_or(wanted.len()));
    let log = Log {
        sessions: with == SESSIONS,
        destinations: with == SESSIONS,
        blocks: with == BLOCKS,
    };
    let known = ["", GATEWAYS, BLOCKS, SESSIONS].contains(&with);
    let scenario = Scenario::ALL.into_iter().find(|one| one.name() == name);
    let Some(scenario) = scenario.filter(|_| known) else {
        eprintln!("usage: micro SCENARIO[{GATEWAYS}|{BLOCKS}|{SESSIONS}], one of:");
        for scenario in Scenario::ALL {
            eprintln!("  {}", scenario.name());
        }
        eprintln!("  exhaustion");
        eprintln!("  opening [LOG2]");
        eprintln!("  steering [TUPLES]");
        eprintln!("  store [ENTRIES] [DIRECTORY]");
        return ExitCode::from(2);
    };
    let mut appliance = Appliance::new(with == GATEWAYS, log);
    let (mut packets, mut allocations) = (0, 0);
    for round in 0..ROUNDS {
        let count = appliance.prepare(scenario, round);
        let before = allocator::allocations();
        measured(&mut appliance, count.div_ceil(scenario.in_a_turn()));
        allocations += allocator::allocations() - before;
        packets += count;
        if let Err(wrong) = appliance.verify(scenario, count) {
            eprintln!("micro {wanted}: {wrong}");
            return ExitCode::FAILURE;
        }
    }
    println!(r#"{{"scenario": "{wanted}", "packets": {packets}, "allocations": {allocations}}}"#);
    ExitCode::SUCCESS
}

/// What callgrind looks at: turns of the worker with full bursts.
#[inline(never)]
fn measured(appliance: &mut Appliance, turns: usize) {
    for _ in 0..turns {
        // As long as a burst takes at ten million packets a second.
        appliance.now = appliance.now.plus(Nanos(6400));
        appliance.worker.turn(appliance.now);
    }
}
