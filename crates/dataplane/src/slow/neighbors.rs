//! Neighbours (RFC 826; states in the manner of RFC 4861).
//!
//! ```text
//!   held packet ─> Incomplete ──reply──> Reachable ──5 min──> Stale
//!                     │ 3 requests          ^  reply           │ used
//!                     v unanswered          └───── Probe <─────┘
//!                  forgotten                         │ 3 requests unanswered
//!                                                    v forgotten
//! ```
//!
//! A stale neighbour is still used: only when it does not answer after that is it
//! forgotten. Static ones never change. Everything is bounded: so many
//! neighbours, so many packets held for each and in all.

use std::collections::{BTreeSet, VecDeque};

use base::Nanos;
use hashbrown::HashMap;
use wire::ethernet::Mac;

use crate::router::Hop;

/// Packets held for one neighbour (RFC 1122 section 2.3.2.2 asks for one at least).
const MAX_HELD: usize = 16;
/// Packets held for all neighbours.
const MAX_HELD_IN_ALL: usize = 4096;
/// Time between requests.
const RETRY: Nanos = Nanos::from_secs(1);
/// Requests before giving up.
const TRIES: u8 = 3;
/// A neighbour not heard of for so long is stale.
const FRESH: Nanos = Nanos::from_secs(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Incomplete { tries: u8 },
    Reachable,
    Stale,
    Probe { tries: u8 },
    Static,
}

/// What has to be done about a neighbour.
#[derive(Debug)]
pub(crate) enum Action<B> {
    /// Ask for it, by broadcast or at its last address.
    Request(Hop, Option<Mac>),
    /// Its address is known now.
    Set(u16, Hop, Mac),
    /// Tell when it is used.
    Watch(u16),
    /// It is gone.
    Remove(u16),
    /// Send what was held; `true` for packets made here.
    Release(Hop, Mac, B, bool),
    /// So many held packets were given up.
    Dropped(u64),
}

/// One row of `show neighbors`.
#[derive(Clone, Debug)]
pub struct NeighborRow {
    /// Interface it is on.
    pub interface: u16,
    /// Its address.
    pub ip: core::net::Ipv4Addr,
    /// Its MAC address, once known.
    pub mac: Option<Mac>,
    /// `incomplete`, `reachable`, `stale`, `probe` or `static`.
    pub state: &'static str,
    /// Since it was last heard of.
    pub age: Nanos,
}

#[derive(Debug)]
struct Neighbor<B> {
    hop: Hop,
    mac: Option<Mac>,
    state: State,
    heard: Nanos,
    /// When something is to be done about it.
    due: Option<Nanos>,
    held: VecDeque<(B, bool)>,
}

impl<B> Neighbor<B> {
    fn row(&self, now: Nanos) -> NeighborRow {
        NeighborRow {
            interface: self.hop.interface,
            ip: core::net::Ipv4Addr::from_bits(self.hop.ip),
            mac: self.mac,
            state: match self.state {
                State::Incomplete { .. } => "incomplete",
                State::Reachable => "reachable",
                State::Stale => "stale",
                State::Probe { .. } => "probe",
                State::Static => "static",
            },
            age: now.since(self.heard),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Neighbors<B> {
    slots: Vec<Option<Neighbor<B>>>,
    free: Vec<u16>,
    capacity: usize,
    by_hop: HashMap<Hop, u16>,
    due: BTreeSet<(Nanos, u16)>,
    held: usize,
}

impl core::hash::Hash for Hop {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.interface) << 32 | u64::from(self.ip));
    }
}

impl<B> Neighbors<B> {
    pub(crate) fn new(capacity: u16) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            capacity: usize::from(capacity),
            by_hop: HashMap::new(),
            due: BTreeSet::new(),
            held: 0,
        }
    }

    pub(crate) fn add_static(&mut self, hop: Hop, mac: Mac, now: Nanos) -> Vec<Action<B>> {
        let Some(number) = self.number(hop, now) else {
            return Vec::new();
        };
        self.change(number, |neighbor| {
            neighbor.mac = Some(mac);
            neighbor.state = State::Static;
        });
        self.schedule(number, None);
        vec![Action::Set(number, hop, mac)]
    }

    pub(crate) fn mac_of(&self, hop: Hop) -> Option<Mac> {
        let number = *self.by_hop.get(&hop)?;
        self.slots.get(usize::from(number))?.as_ref()?.mac
    }

    /// Keeps a received packet until its next hop is known.
    pub(crate) fn hold(&mut self, hop: Hop, buf: B, now: Nanos) -> (Vec<Action<B>>, u64) {
        self.keep(hop, buf, false, now)
    }

    /// The same for a packet made here.
    pub(crate) fn hold_own(&mut self, hop: Hop, buf: B, now: Nanos) -> (Vec<Action<B>>, u64) {
        self.keep(hop, buf, true, now)
    }

    fn keep(&mut self, hop: Hop, buf: B, own: bool, now: Nanos) -> (Vec<Action<B>>, u64) {
        let known = self.by_hop.contains_key(&hop);
        let Some(number) = self.number(hop, now) else {
            return (Vec::new(), u64::from(!own));
        };
        if let Some(mac) = self.mac_of(hop) {
            // Learned while the packet was on its way here.
            return (vec![Action::Release(hop, mac, buf, own)], 0);
        }
        let mut dropped = 0;
        let full = self.held >= MAX_HELD_IN_ALL;
        if let Some(Some(neighbor)) = self.slots.get_mut(usize::from(number)) {
            if neighbor.held.len() >= MAX_HELD || full {
                dropped = u64::from(!own);
            } else {
                neighbor.held.push_back((buf, own));
                self.held += 1;
            }
        }
        if known {
            return (Vec::new(), dropped);
        }
        self.schedule(number, Some(now.plus(RETRY)));
        (vec![Action::Request(hop, None)], dropped)
    }

    /// A neighbour has told its address.
    pub(crate) fn learn(&mut self, hop: Hop, mac: Mac, now: Nanos) -> Vec<Action<B>> {
        let Some(number) = self.number(hop, now) else {
            return Vec::new();
        };
        let Some(Some(neighbor)) = self.slots.get_mut(usize::from(number)) else {
            return Vec::new();
        };
        if neighbor.state == State::Static {
            return Vec::new();
        }
        let changed = neighbor.mac != Some(mac) || neighbor.state != State::Reachable;
        neighbor.mac = Some(mac);
        neighbor.state = State::Reachable;
        neighbor.heard = now;
        let held = core::mem::take(&mut neighbor.held);
        self.held -= held.len();
        self.schedule(number, Some(now.plus(FRESH)));
        let mut actions = Vec::new();
        if changed {
            actions.push(Action::Set(number, hop, mac));
        }
        actions.extend(
            held.into_iter()
                .map(|(buf, own)| Action::Release(hop, mac, buf, own)),
        );
        actions
    }

    /// A watched neighbour was used: see whether it is still there.
    pub(crate) fn used(&mut self, number: u16, now: Nanos) -> Vec<Action<B>> {
        let Some(Some(neighbor)) = self.slots.get_mut(usize::from(number)) else {
            return Vec::new();
        };
        if neighbor.state != State::Stale {
            return Vec::new();
        }
        neighbor.state = State::Probe { tries: 1 };
        let request = Action::Request(neighbor.hop, neighbor.mac);
        self.schedule(number, Some(now.plus(RETRY)));
        vec![request]
    }

    pub(crate) fn used_hop(&mut self, hop: Hop, now: Nanos) -> Vec<Action<B>> {
        match self.by_hop.get(&hop) {
            Some(number) => self.used(*number, now),
            None => Vec::new(),
        }
    }

    /// What the time demands.
    pub(crate) fn expire(&mut self, now: Nanos) -> Vec<Action<B>> {
        let mut actions = Vec::new();
        while let Some(&(due, number)) = self.due.first()
            && due <= now
        {
            self.due.pop_first();
            let Some(Some(neighbor)) = self.slots.get_mut(usize::from(number)) else {
                continue;
            };
            neighbor.due = None;
            let hop = neighbor.hop;
            match neighbor.state {
                State::Incomplete { tries } if tries < TRIES => {
                    neighbor.state = State::Incomplete { tries: tries + 1 };
                    actions.push(Action::Request(hop, None));
                    self.schedule(number, Some(due.plus(RETRY)));
                }
                State::Probe { tries } if tries < TRIES => {
                    neighbor.state = State::Probe { tries: tries + 1 };
                    actions.push(Action::Request(hop, neighbor.mac));
                    self.schedule(number, Some(due.plus(RETRY)));
                }
                State::Incomplete { .. } | State::Probe { .. } => {
                    actions.extend(self.forget(number));
                }
                State::Reachable => {
                    neighbor.state = State::Stale;
                    actions.push(Action::Watch(number));
                }
                State::Stale | State::Static => {}
            }
        }
        actions
    }

    /// When something is next to be done.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Whether anything is known of a hop.
    pub(crate) fn knows(&self, hop: Hop) -> bool {
        self.by_hop.contains_key(&hop)
    }

    /// Forgets what was learned, as far as it is meant.
    pub(crate) fn clear(
        &mut self,
        now: Nanos,
        meant: impl Fn(&NeighborRow) -> bool,
    ) -> Vec<Action<B>> {
        let learned: Vec<u16> = self
            .by_hop
            .values()
            .copied()
            .filter(|number| {
                self.slots
                    .get(usize::from(*number))
                    .and_then(Option::as_ref)
                    .is_some_and(|neighbor| {
                        neighbor.state != State::Static && meant(&neighbor.row(now))
                    })
            })
            .collect();
        learned
            .into_iter()
            .flat_map(|number| self.forget(number))
            .collect()
    }

    pub(crate) fn rows(&self, now: Nanos) -> Vec<NeighborRow> {
        self.slots
            .iter()
            .flatten()
            .map(|neighbor| neighbor.row(now))
            .collect()
    }

    /// The number of a neighbour, made if there is room.
    fn number(&mut self, hop: Hop, now: Nanos) -> Option<u16> {
        if let Some(number) = self.by_hop.get(&hop) {
            return Some(*number);
        }
        let new = Neighbor {
            hop,
            mac: None,
            state: State::Incomplete { tries: 1 },
            heard: now,
            due: None,
            held: VecDeque::new(),
        };
        let number = match self.free.pop() {
            Some(number) => {
                *self.slots.get_mut(usize::from(number))? = Some(new);
                number
            }
            None if self.slots.len() < self.capacity => {
                self.slots.push(Some(new));
                u16::try_from(self.slots.len() - 1).ok()?
            }
            None => return None,
        };
        self.by_hop.insert(hop, number);
        Some(number)
    }

    fn change(&mut self, number: u16, with: impl FnOnce(&mut Neighbor<B>)) {
        if let Some(Some(neighbor)) = self.slots.get_mut(usize::from(number)) {
            with(neighbor);
        }
    }

    fn schedule(&mut self, number: u16, due: Option<Nanos>) {
        if let Some(Some(neighbor)) = self.slots.get_mut(usize::from(number)) {
            if let Some(old) = neighbor.due.take() {
                self.due.remove(&(old, number));
            }
            neighbor.due = due;
            if let Some(due) = due {
                self.due.insert((due, number));
            }
        }
    }

    fn forget(&mut self, number: u16) -> Vec<Action<B>> {
        self.schedule(number, None);
        let Some(gone) = self
            .slots
            .get_mut(usize::from(number))
            .and_then(Option::take)
        else {
            return Vec::new();
        };
        self.by_hop.remove(&gone.hop);
        self.free.push(number);
        self.held -= gone.held.len();
        let dropped = gone.held.iter().filter(|(_, own)| !own).count() as u64;
        let mut actions = vec![Action::Dropped(dropped)];
        if gone.mac.is_some() {
            actions.push(Action::Remove(number));
        }
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOP: Hop = Hop {
        interface: 1,
        ip: 0xc633_64fe,
    };
    const MAC: Mac = Mac([2, 0, 0, 0, 0, 9]);

    #[test]
    fn held_packets_leave_in_order_when_the_neighbour_answers() {
        let mut neighbors = Neighbors::new(4);
        let (actions, dropped) = neighbors.hold(HOP, 1, Nanos(0));
        assert!(matches!(actions[..], [Action::Request(HOP, None)]));
        assert_eq!(dropped, 0);
        assert!(neighbors.hold(HOP, 2, Nanos(0)).0.is_empty());
        let actions = neighbors.learn(HOP, MAC, Nanos(5));
        assert!(matches!(
            actions[..],
            [
                Action::Set(0, HOP, MAC),
                Action::Release(_, _, 1, false),
                Action::Release(_, _, 2, false)
            ]
        ));
        assert_eq!(neighbors.held, 0);
    }

    #[test]
    fn queues_are_bounded_and_given_up_after_three_requests() {
        let mut neighbors = Neighbors::new(4);
        let dropped: u64 = (0..20)
            .map(|nth| neighbors.hold(HOP, nth, Nanos(0)).1)
            .sum();
        assert_eq!(dropped, 4);
        let mut requests = 0;
        let mut lost = 0;
        for second in 1..=5 {
            for action in neighbors.expire(Nanos::from_secs(second)) {
                match action {
                    Action::Request(..) => requests += 1,
                    Action::Dropped(count) => lost += count,
                    _ => panic!("unexpected"),
                }
            }
        }
        assert_eq!((requests, lost), (2, 16));
        assert_eq!((neighbors.held, neighbors.by_hop.len()), (0, 0));
    }

    #[test]
    fn a_stale_neighbour_is_probed_on_use_and_forgotten_without_answer() {
        let mut neighbors: Neighbors<u8> = Neighbors::new(4);
        neighbors.learn(HOP, MAC, Nanos(0));
        let actions = neighbors.expire(Nanos::from_secs(300));
        assert!(matches!(actions[..], [Action::Watch(0)]));
        assert!(neighbors.expire(Nanos::from_secs(9000)).is_empty());
        assert_eq!(neighbors.mac_of(HOP), Some(MAC));
        let actions = neighbors.used(0, Nanos::from_secs(9000));
        assert!(matches!(actions[..], [Action::Request(HOP, Some(MAC))]));
        let actions = neighbors.expire(Nanos::from_secs(9003));
        assert!(matches!(actions.last(), Some(Action::Remove(0))));
        assert_eq!(neighbors.mac_of(HOP), None);
    }

    #[test]
    fn static_neighbours_stay_and_a_full_table_refuses() {
        let mut neighbors = Neighbors::new(1);
        neighbors.add_static(HOP, MAC, Nanos(0));
        assert!(neighbors.learn(HOP, Mac([4; 6]), Nanos(0)).is_empty());
        assert!(neighbors.clear(Nanos(0), |_| true).is_empty());
        assert_eq!(neighbors.mac_of(HOP), Some(MAC));
        let other = Hop { ip: 1, ..HOP };
        assert_eq!(neighbors.hold(other, 7, Nanos(0)).1, 1);
    }
}
