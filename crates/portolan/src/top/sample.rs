//! What there is to show, at one moment.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use control::filter::Filter;
use control::protocol::Request;
use control::rows::{AlgRow, InterfaceRow, PoolRow, Rows, SubscriberRow, WorkerRow};
use control::socket::{Answer, ClientError, request};
use control::what::What;

/// Subscribers shown at most.
const BUSIEST: usize = 32;

/// They are asked for in every so many samples: all of them are looked at for that.
const SELDOM: u32 = 5;

/// Everything `top` shows.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) counters: HashMap<String, u64>,
    pub(super) workers: Vec<WorkerRow>,
    pub(super) interfaces: Vec<InterfaceRow>,
    pub(super) pools: Vec<PoolRow>,
    pub(super) gateways: Vec<AlgRow>,
    /// Those with most sessions, and of how many.
    pub(super) busiest: Vec<SubscriberRow>,
}

impl Sample {
    /// A counter's value.
    pub(super) fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    /// Subscribers with an address, of all pools.
    pub(super) fn subscribers(&self) -> u64 {
        self.pools.iter().map(|pool| pool.subscribers).sum()
    }

    /// Calls that are going on.
    pub(super) fn calls(&self) -> u64 {
        let over = ["ended", "expired", "displaced", "cleared"];
        let over = over.map(|how| self.counter(&format!("call.{how}")));
        self.counter("call.begun")
            .saturating_sub(over.iter().sum::<u64>())
    }
}

/// Takes samples of an appliance.
pub(super) struct Taker {
    socket: PathBuf,
    taken: u32,
    busiest: Vec<SubscriberRow>,
}

impl Taker {
    pub(super) const fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            taken: 0,
            busiest: Vec::new(),
        }
    }

    pub(super) fn take(&mut self) -> Result<Sample, ClientError> {
        if self.taken.is_multiple_of(SELDOM) {
            let filter = Filter {
                busiest: Some(BUSIEST),
                ..Filter::default()
            };
            if let Rows::Subscribers(rows) = self.show(What::Subscribers, filter)? {
                self.busiest = rows;
            }
        }
        self.taken = self.taken.wrapping_add(1);
        let mut sample = Sample {
            at: Instant::now(),
            counters: HashMap::new(),
            workers: Vec::new(),
            interfaces: Vec::new(),
            pools: Vec::new(),
            gateways: Vec::new(),
            busiest: self.busiest.clone(),
        };
        for what in [
            What::Counters,
            What::Workers,
            What::Interfaces,
            What::Pools,
            What::Alg,
        ] {
            match self.show(what, Filter::default())? {
                Rows::Counters(rows) => {
                    let named = rows.into_iter().map(|row| (row.name, row.value));
                    sample.counters = named.collect();
                }
                Rows::Workers(rows) => sample.workers = rows,
                Rows::Interfaces(rows) => sample.interfaces = rows,
                Rows::Pools(rows) => sample.pools = rows,
                Rows::Alg(rows) => sample.gateways = rows,
                _ => {}
            }
        }
        Ok(sample)
    }

    fn show(&self, what: What, filter: Filter) -> Result<Rows, ClientError> {
        match request(&self.socket, &Request::Show { what, filter })? {
            Answer::Shown(shown) => shown.rows(),
            Answer::Cleared(_) | Answer::Reloaded(_) => Err(ClientError::Unexpected),
        }
    }
}
