//! What is kept out, whatever it is for: protection of outside addresses.
//!
//! ```text
//!  from outside ─> black hole? ─> rate of its outside address? ─> lanes
//!                                  ICMP rate of it?              │ nobody has the port
//!                                                                └─> who touches how many
//!  first packet from outside ─> a scanner? ─> dropped
//! ```
//!
//! Rates are kept as the time at which the address would be even (GCRA): one
//! word each. Of remote hosts that touch ports nobody has, as many are
//! remembered as there are places; a newcomer takes the place that was touched
//! longest ago of those where it may be, but never one of a host that is kept out.
//!
//! Owned by the worker's shard: each worker counts what it receives. Never
//! allocates after it was made.

use alloc::boxed::Box;
use alloc::vec;
use core::net::Ipv4Addr;

use base::{Counter, Nanos, Prefix};

use crate::key::Realm;
use crate::settings::{Protection, Rate, Scan};

/// Remote hosts remembered.
const PLACES: usize = 4096;

/// Places where one host may be.
const WAYS: usize = 4;

/// Bits of what a host has touched; when most are set it is begun anew.
const FULL: u32 = 48;

/// State of one outside address.
#[derive(Clone, Copy, Debug, Default)]
struct Gate {
    /// When its packets would be even with their rate.
    packets: Nanos,
    icmp: Nanos,
    unsolicited: Nanos,
    /// Until when everything for it is dropped.
    shut_until: Nanos,
}

/// A remote host that touched ports nobody has.
#[derive(Clone, Copy, Debug, Default)]
struct Remote {
    address: u32,
    realm: Realm,
    /// Ports touched since `since`.
    ports: u16,
    /// Which, so that one touched again does not count.
    touched: u64,
    since: Nanos,
    /// When last; zero for a free place.
    last: Nanos,
    /// Its first packets are dropped until then.
    out_until: Nanos,
}

/// What became of a packet at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gated {
    /// It may go on.
    Open,
    /// It is dropped.
    Out(Counter),
    /// It is dropped, and everything for its address from now on.
    Shut,
}

/// A worker's part of protection.
#[derive(Debug)]
pub(crate) struct Guard {
    gates: Box<[Gate]>,
    remotes: Box<[Remote]>,
    seed: u64,
}

impl Guard {
    /// For so many outside addresses.
    pub(crate) fn new(protection: &Protection, addresses: usize, seed: u64) -> Self {
        let rates = [protection.packets, protection.icmp, protection.unsolicited];
        let gates = if rates.iter().any(Option::is_some) {
            addresses
        } else {
            0
        };
        let remotes = if protection.scan.is_some() { PLACES } else { 0 };
        Self {
            gates: vec![Gate::default(); gates].into(),
            remotes: vec![Remote::default(); remotes].into(),
            seed,
        }
    }

    /// Takes over what another one knows, whose gates are elsewhere now.
    pub(crate) fn learn(&mut self, other: Self, now_at: impl Fn(usize) -> Option<usize>) {
        for (place, gate) in other.gates.into_iter().enumerate() {
            let Gate {
                packets,
                icmp,
                unsolicited,
                shut_until,
            } = gate;
            if packets.max(icmp).max(unsolicited).max(shut_until).0 > 0
                && let Some(own) = now_at(place).and_then(|place| self.gates.get_mut(place))
            {
                *own = gate;
            }
        }
        if self.remotes.len() == other.remotes.len() {
            (self.remotes, self.seed) = (other.remotes, other.seed);
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.gates) + size_of_val(&*self.remotes)
    }

    /// Counts a packet for the outside address at a place of the layout.
    #[inline]
    pub(crate) fn arrives(
        &mut self,
        protection: &Protection,
        place: usize,
        is_icmp: bool,
        now: Nanos,
    ) -> Gated {
        let Some(gate) = self.gates.get_mut(place) else {
            return Gated::Open;
        };
        if now < gate.shut_until {
            return Gated::Out(Counter::DropBlackHole);
        }
        if is_icmp
            && let Some(rate) = protection.icmp
            && !rate.lets(&mut gate.icmp, now)
        {
            return Gated::Out(Counter::DropIcmpRate);
        }
        match protection.packets {
            Some(rate) if !rate.lets(&mut gate.packets, now) => {
                if protection.shut_for.0 == 0 {
                    return Gated::Out(Counter::DropAddressRate);
                }
                gate.shut_until = now.plus(protection.shut_for);
                Gated::Shut
            }
            _ => Gated::Open,
        }
    }

    /// Counts a packet of no session for the outside address at a place of the layout; false if
    /// that is too many.
    pub(crate) fn invites(&mut self, rate: Rate, place: usize, now: Nanos) -> bool {
        self.gates
            .get_mut(place)
            .is_none_or(|gate| rate.lets(&mut gate.unsolicited, now))
    }

    /// Notes that a remote host touched a port nobody has; true if it is kept out from now on.
    pub(crate) fn touches(
        &mut self,
        scan: Scan,
        (realm, address): (Realm, u32),
        to: (u32, u16),
        now: Nanos,
    ) -> bool {
        let Some(remote) = self.place_of(realm, address, now) else {
            return false;
        };
        remote.last = Nanos(now.0.max(1));
        if now < remote.out_until {
            return false;
        }
        if now.since(remote.since) > scan.window {
            (remote.since, remote.ports, remote.touched) = (now, 0, 0);
        }
        let bit = 1 << (mixed(u64::from(to.0) << 16 | u64::from(to.1)) >> 58);
        if remote.touched & bit != 0 {
            return false;
        }
        remote.touched |= bit;
        if remote.touched.count_ones() > FULL {
            remote.touched = bit;
        }
        remote.ports += 1;
        if remote.ports < scan.ports {
            return false;
        }
        (remote.ports, remote.touched) = (0, 0);
        remote.out_until = now.plus(scan.block);
        true
    }

    /// Whether first packets of a remote host are dropped.
    pub(crate) fn is_out(&self, realm: Realm, address: u32, now: Nanos) -> bool {
        let ways = self.ways(realm, address);
        self.remotes.get(ways).is_some_and(|ways| {
            ways.iter()
                .any(|one| one.is(realm, address) && now < one.out_until)
        })
    }

    fn ways(&self, realm: Realm, address: u32) -> core::ops::Range<usize> {
        let hash = mixed(self.seed ^ (u64::from(realm) << 32 | u64::from(address)));
        #[allow(clippy::cast_possible_truncation)]
        let first = (hash >> 40) as usize % (PLACES / WAYS) * WAYS;
        first..first + WAYS
    }

    /// The place of a host, its own from now on; `None` if all are of hosts that are kept out.
    fn place_of(&mut self, realm: Realm, address: u32, now: Nanos) -> Option<&mut Remote> {
        let ways = self.ways(realm, address);
        let ways = self.remotes.get_mut(ways)?;
        let own = ways.iter().position(|one| one.is(realm, address));
        let at = own.or_else(|| {
            let free = ways.iter().enumerate();
            let (at, _) = free
                .filter(|(_, one)| now >= one.out_until)
                .min_by_key(|(_, one)| one.last)?;
            *ways.get_mut(at)? = Remote {
                address,
                realm,
                since: now,
                ..Remote::default()
            };
            Some(at)
        })?;
        ways.get_mut(at)
    }
}

impl Remote {
    const fn is(&self, realm: Realm, address: u32) -> bool {
        self.last.0 != 0 && self.address == address && self.realm == realm
    }
}

impl Rate {
    /// Whether one more is within the rate and its burst; `even` is when all so far would be.
    #[inline]
    fn lets(self, even: &mut Nanos, now: Nanos) -> bool {
        let each = 1_000_000_000 / u64::from(self.per_second.max(1));
        let from = (*even).max(now);
        if from.0 - now.0 >= each * u64::from(self.burst) {
            return false;
        }
        *even = Nanos(from.0 + each);
        true
    }
}

const fn mixed(word: u64) -> u64 {
    let word = (word ^ word >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (word ^ word >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Whether one of these prefixes has an address.
#[inline]
pub(crate) fn covers(prefixes: &[Prefix], address: u32) -> bool {
    prefixes
        .iter()
        .any(|prefix| prefix.contains(Ipv4Addr::from_bits(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = Nanos(1_000_000_000);
    const START: Nanos = Nanos(7_000_000_000);

    fn limited(per_second: u32, burst: u32) -> Protection {
        Protection {
            packets: Some(Rate { per_second, burst }),
            ..Protection::default()
        }
    }

    #[test]
    fn a_rate_lets_its_burst_pass_and_then_so_many_a_second() {
        let protection = limited(1000, 100);
        let mut guard = Guard::new(&protection, 2, 1);
        let passed = |guard: &mut Guard, place, now, count| {
            (0..count)
                .filter(|_| guard.arrives(&protection, place, false, now) == Gated::Open)
                .count()
        };
        assert_eq!(passed(&mut guard, 0, START, 500), 100);
        assert_eq!(passed(&mut guard, 1, START, 50), 50, "another address");
        let later = START.plus(Nanos(50_000_000));
        assert_eq!(passed(&mut guard, 0, later, 500), 50);
        assert_eq!(passed(&mut guard, 0, later.plus(SECOND), 500), 100);
    }

    #[test]
    fn an_address_past_its_rate_is_shut_as_long_as_configured() {
        let protection = Protection {
            shut_for: SECOND,
            ..limited(10, 1)
        };
        let mut guard = Guard::new(&protection, 1, 1);
        let mut at = |now| guard.arrives(&protection, 0, false, now);
        assert_eq!(at(START), Gated::Open);
        assert_eq!(at(START), Gated::Shut);
        let last = Nanos(START.0 + SECOND.0 - 1);
        assert_eq!(at(last), Gated::Out(Counter::DropBlackHole));
        assert_eq!(at(START.plus(SECOND)), Gated::Open);
    }

    #[test]
    fn icmp_has_a_rate_of_its_own() {
        let protection = Protection {
            icmp: Some(Rate {
                per_second: 10,
                burst: 1,
            }),
            ..Protection::default()
        };
        let mut guard = Guard::new(&protection, 1, 1);
        let mut at = |is_icmp| guard.arrives(&protection, 0, is_icmp, START);
        assert_eq!(at(true), Gated::Open);
        assert_eq!(at(true), Gated::Out(Counter::DropIcmpRate));
        assert_eq!(at(false), Gated::Open);
    }

    #[test]
    fn what_is_of_no_session_has_a_rate_of_its_own() {
        let rate = Rate {
            per_second: 10,
            burst: 2,
        };
        let protection = Protection {
            unsolicited: Some(rate),
            ..Protection::default()
        };
        let mut guard = Guard::new(&protection, 2, 1);
        let invited = (0..9).filter(|_| guard.invites(rate, 0, START)).count();
        assert_eq!(invited, 2);
        assert!(guard.invites(rate, 1, START), "another address");
        assert_eq!(guard.arrives(&protection, 0, false, START), Gated::Open);
    }

    /// Addresses may have other places afterwards.
    #[test]
    fn another_one_learns_what_is_known() {
        let protection = Protection {
            shut_for: SECOND,
            scan: Some(SCAN),
            ..limited(10, 1)
        };
        let mut guard = Guard::new(&protection, 2, 1);
        while guard.arrives(&protection, 0, false, START) != Gated::Shut {}
        assert!((0..1000).any(|port| guard.touches(SCAN, (0, 2), (9, port), START)));
        let mut other = Guard::new(&protection, 4, 2);
        other.learn(guard, |place| Some(3 - place));
        assert!(other.is_out(0, 2, START));
        let mut at = |place| other.arrives(&protection, place, false, START);
        assert_eq!(at(3), Gated::Out(Counter::DropBlackHole));
        assert_eq!(at(0), Gated::Open);
    }

    const SCAN: Scan = Scan {
        ports: 20,
        window: SECOND,
        block: SECOND,
    };

    fn watching() -> Guard {
        let protection = Protection {
            scan: Some(SCAN),
            ..Protection::default()
        };
        Guard::new(&protection, 0, 1)
    }

    #[test]
    fn who_touches_many_ports_is_kept_out_and_who_touches_one_often_is_not() {
        let mut guard = watching();
        for _ in 0..10_000 {
            assert!(!guard.touches(SCAN, (0, 1), (9, 53), START));
        }
        let found = (0..1000).find(|port| guard.touches(SCAN, (0, 2), (9, *port), START));
        // Ports that look alike are not counted: some more than configured.
        assert!(
            found.is_some_and(|port| (19..40).contains(&port)),
            "{found:?}"
        );
        assert!(guard.is_out(0, 2, START) && !guard.is_out(0, 1, START));
        assert!(!guard.is_out(1, 2, START), "of another realm");
        assert!(!guard.is_out(0, 2, START.plus(SECOND)));
    }

    #[test]
    fn slowly_touched_ports_are_no_scan() {
        let mut guard = watching();
        for port in 0..200 {
            let now = Nanos(START.0 + u64::from(port) * 100_000_000);
            assert!(!guard.touches(SCAN, (0, 1), (9, port), now));
        }
    }

    #[test]
    fn many_hosts_do_not_push_out_one_that_is_kept_out() {
        let mut guard = watching();
        assert!((0..1000).any(|port| guard.touches(SCAN, (0, 2), (9, port), START)));
        for host in 100..100_000 {
            guard.touches(SCAN, (0, host), (9, 1), START);
        }
        assert!(guard.is_out(0, 2, START));
    }
}
