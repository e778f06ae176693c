//! Figures a worker lays out for others to read: relaxed stores by one writer,
//! a few times a second, never per packet.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use base::{Counter, Counters};
use nat::zones::{MAX_CLASSES, ZoneUse};
use nat::{Gateway, PoolUse, PortSpread, Shard, SipKinds, Tally};

use crate::load::{Gaps, Load};

/// One worker's figures.
#[derive(Debug)]
pub struct Published {
    counters: Vec<AtomicU64>,
    sessions: AtomicU64,
    mappings: AtomicU64,
    subscribers: AtomicU64,
    /// Busy share of the time, in millionths.
    busy: AtomicU64,
    /// Longest time between two turns lately, in nanoseconds.
    longest_gap: AtomicU64,
    gaps: [AtomicU64; Gaps::PLACES],
    gap_sum: AtomicU64,
    port_spread: [AtomicU32; PortSpread::PLACES],
    /// By gateway, in the order of [`Tally`]'s fields.
    gateways: [[AtomicU64; 6]; Gateway::COUNT],
    /// Messages of SIP: by method, then by class of response.
    sip: [AtomicU64; SipKinds::METHODS + SipKinds::CLASSES],
    pools: Vec<[AtomicU64; 4]>,
    /// Packets and sessions of the classes of the zone policy.
    zones: Vec<[AtomicU64; 2]>,
}

/// Pools that figures are laid out of, in the order of their numbers.
const MAX_POOLS: usize = 4096;

impl Default for Published {
    /// Zeros.
    fn default() -> Self {
        Self {
            counters: (0..Counter::COUNT).map(|_| AtomicU64::new(0)).collect(),
            sessions: AtomicU64::new(0),
            mappings: AtomicU64::new(0),
            subscribers: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            longest_gap: AtomicU64::new(0),
            gaps: [const { AtomicU64::new(0) }; Gaps::PLACES],
            gap_sum: AtomicU64::new(0),
            port_spread: [const { AtomicU32::new(0) }; PortSpread::PLACES],
            gateways: [const { [const { AtomicU64::new(0) }; 6] }; Gateway::COUNT],
            sip: [const { AtomicU64::new(0) }; SipKinds::METHODS + SipKinds::CLASSES],
            pools: (0..MAX_POOLS)
                .map(|_| [const { AtomicU64::new(0) }; 4])
                .collect(),
            zones: (0..MAX_CLASSES)
                .map(|_| [const { AtomicU64::new(0) }; 2])
                .collect(),
        }
    }
}

impl Published {
    pub(crate) fn update(&self, own: &Counters, shard: &Shard, load: &Load) {
        for (place, counter) in self.counters.iter().zip(Counter::ALL) {
            place.store(
                own.value(*counter)
                    .wrapping_add(shard.counters.value(*counter)),
                Relaxed,
            );
        }
        self.sessions
            .store(u64::from(shard.session_count()), Relaxed);
        self.mappings
            .store(u64::from(shard.mapping_count()), Relaxed);
        self.subscribers
            .store(u64::from(shard.subscriber_count()), Relaxed);
        self.busy.store(load.busy_millionths(), Relaxed);
        self.longest_gap.store(load.longest_gap().0, Relaxed);
        for (place, count) in self.gaps.iter().zip(load.gaps().counts()) {
            place.store(*count, Relaxed);
        }
        self.gap_sum.store(load.gaps().sum().0, Relaxed);
        for (place, count) in self.port_spread.iter().zip(shard.port_spread().counts()) {
            place.store(*count, Relaxed);
        }
        for (places, gateway) in self.gateways.iter().zip(Gateway::ALL) {
            let tally = shard.tallies.of(gateway);
            let figures = [
                tally.messages,
                tally.rewritten,
                tally.doors_opened,
                tally.doors_promoted,
                tally.bypassed,
                tally.errors,
            ];
            for (place, figure) in places.iter().zip(figures) {
                place.store(figure, Relaxed);
            }
        }
        let kinds = &shard.tallies.sip;
        let counts = kinds.requests.iter().chain(&kinds.responses);
        for (place, count) in self.sip.iter().zip(counts) {
            place.store(*count, Relaxed);
        }
        for (number, [total, used, subscribers, draining]) in self
            .pools
            .iter()
            .enumerate()
            .take(shard.layout().pool_count())
        {
            let pool = shard.pool_use(number);
            total.store(pool.blocks_total, Relaxed);
            used.store(pool.blocks_used, Relaxed);
            subscribers.store(pool.subscribers, Relaxed);
            draining.store(u64::from(pool.draining), Relaxed);
        }
        let classes = shard
            .layout()
            .zones()
            .map_or(0, |zones| zones.classes().count());
        for (number, [packets, sessions]) in self.zones.iter().enumerate().take(classes) {
            let class = shard.zone_use(number);
            packets.store(class.packets, Relaxed);
            sessions.store(class.sessions, Relaxed);
        }
    }

    /// All counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = Counters::default();
        for (place, counter) in self.counters.iter().zip(Counter::ALL) {
            counters.add(*counter, place.load(Relaxed));
        }
        counters
    }

    /// Sessions.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.sessions.load(Relaxed)
    }

    /// Mappings.
    #[must_use]
    pub fn mappings(&self) -> u64 {
        self.mappings.load(Relaxed)
    }

    /// Subscribers.
    #[must_use]
    pub fn subscribers(&self) -> u64 {
        self.subscribers.load(Relaxed)
    }

    /// Share of the time spent on packets, 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn busy(&self) -> f64 {
        self.busy.load(Relaxed) as f64 / 1e6
    }

    /// The longest time between two turns of the last one to two seconds, in seconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn longest_gap(&self) -> f64 {
        self.longest_gap.load(Relaxed) as f64 / 1e9
    }

    /// Turns by how long they were.
    #[must_use]
    pub fn gaps(&self) -> Gaps {
        let counts = self.gaps.each_ref().map(|place| place.load(Relaxed));
        Gaps::new(counts, self.gap_sum.load(Relaxed))
    }

    /// Subscribers by the ports they use.
    #[must_use]
    pub fn port_spread(&self) -> PortSpread {
        PortSpread::from_counts(self.port_spread.each_ref().map(|place| place.load(Relaxed)))
    }

    /// What a gateway has seen and done.
    #[must_use]
    pub fn tally(&self, gateway: Gateway) -> Tally {
        let Some(places) = self.gateways.get(gateway as usize) else {
            return Tally::default();
        };
        let [
            messages,
            rewritten,
            doors_opened,
            doors_promoted,
            bypassed,
            errors,
        ] = places.each_ref().map(|place| place.load(Relaxed));
        Tally {
            messages,
            rewritten,
            doors_opened,
            doors_promoted,
            bypassed,
            errors,
        }
    }

    /// Messages of SIP by what they are.
    #[must_use]
    pub fn sip_kinds(&self) -> SipKinds {
        let mut kinds = SipKinds::default();
        let places = kinds.requests.iter_mut().chain(&mut kinds.responses);
        for (place, count) in places.zip(&self.sip) {
            *place = count.load(Relaxed);
        }
        kinds
    }

    /// What a class of the zone policy has come to.
    #[must_use]
    pub fn zone(&self, class: usize) -> ZoneUse {
        self.zones
            .get(class)
            .map(|[packets, sessions]| ZoneUse {
                packets: packets.load(Relaxed),
                sessions: sessions.load(Relaxed),
            })
            .unwrap_or_default()
    }

    /// How full a pool is.
    #[must_use]
    pub fn pool(&self, number: usize) -> PoolUse {
        self.pools
            .get(number)
            .map(|[total, used, subscribers, draining]| PoolUse {
                blocks_total: total.load(Relaxed),
                blocks_used: used.load(Relaxed),
                subscribers: subscribers.load(Relaxed),
                draining: draining.load(Relaxed) > 0,
            })
            .unwrap_or_default()
    }
}
