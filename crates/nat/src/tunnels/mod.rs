//! IPsec through shared outside addresses: whose an unknown SPI from outside is.
//!
//! ```text
//!  (G, X) ──Index──> gate: its window ──> members: hosts that talk to X from behind G
//!
//!  window   closed ──new SPI out, or IKE negotiates──> open for one host
//!           open   ──as many SPIs in as out, and as were negotiated, or time──> closed
//! ```
//!
//! SPIs are chosen by their receivers and agreed upon in secret, so nothing in a packet says
//! which SPI from outside belongs to which from inside. What can be known is the order: while the
//! window between an outside address and a remote gateway is open for one host, whatever unknown
//! SPI that gateway sends to that address is that host's, and others wait before they
//! begin. Without an open window an unknown SPI is for the only host there is, or for the only one
//! that has negotiated and not heard since; else it is nobody's.
//!
//! Invariants: a gate exists while it has members; a window is open for one of its gate's members.
//! Owned by a shard; allocated when that is made, never grows. Bounded: so many members.

mod peer;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use base::{Nanos, Ticks};

use crate::index::Index;
use crate::key::{FlowKey, Realm};
use crate::rng::Rng;
use crate::wheel::NIL;

pub use peer::{Encapsulation, Peer, Recent, Traversal};

/// How long a window stays open without a word.
pub const WINDOW: Nanos = Nanos::from_secs(4);

/// Members looked at to find out whose an unknown SPI is.
const MOST_ASKED: usize = 256;

/// One outside address and one remote gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Outside address.
    pub outside: u32,
    /// The gateway.
    pub remote: u32,
    /// Realm of both.
    pub realm: Realm,
}

impl Gate {
    const fn key(self) -> FlowKey {
        self.member(0, 0)
    }

    #[allow(clippy::cast_possible_truncation)]
    const fn member(self, inside: u32, realm: Realm) -> FlowKey {
        let (high, low) = ((self.outside >> 16) as u16, self.outside as u16);
        FlowKey::new(inside, self.remote, high, low, realm, self.realm)
    }
}

/// An inside host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside {
    /// Its address.
    pub address: u32,
    /// Its realm.
    pub realm: Realm,
    /// The rule that translates it.
    pub rule: u16,
}

/// Why an unknown SPI is nobody's, or a new one has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// Somebody else's window is open.
    Busy,
    /// Nobody inside talks to that gateway.
    Nobody,
    /// More than one might be meant.
    Many,
    /// The table is full.
    Full,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    /// The member it is open for.
    member: u32,
    /// Negotiations meanwhile, each of a pair of SPIs.
    asked: u16,
    /// SPIs that it has begun to send by, and been sent by, meanwhile.
    out: u16,
    back: u16,
    /// When it was last heard of.
    since: Ticks,
}

#[derive(Clone, Copy, Debug)]
struct GateState {
    gate: Gate,
    first: u32,
    window: Option<Window>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    gate: u32,
    next: u32,
    peer: Peer,
}

#[derive(Clone, Copy, Debug)]
enum Slot<T> {
    Used(T),
    Free(u32),
}

/// A list of slots that are used again.
#[derive(Debug)]
struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: u32,
}

impl<T> Slab<T> {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            slots: Vec::with_capacity(capacity),
            free: NIL,
        }
    }

    fn has_room(&self) -> bool {
        self.free != NIL || self.slots.len() < self.slots.capacity()
    }

    fn insert(&mut self, value: T) -> Option<u32> {
        if let Some(slot) = self.slots.get_mut(self.free as usize) {
            let at = self.free;
            if let Slot::Free(next) = slot {
                self.free = *next;
            }
            *slot = Slot::Used(value);
            return Some(at);
        }
        if self.slots.len() == self.slots.capacity() {
            return None;
        }
        self.slots.push(Slot::Used(value));
        u32::try_from(self.slots.len() - 1).ok()
    }

    fn remove(&mut self, at: u32) {
        if let Some(slot @ Slot::Used(_)) = self.slots.get_mut(at as usize) {
            *slot = Slot::Free(self.free);
            self.free = at;
        }
    }

    fn get(&self, at: u32) -> Option<&T> {
        match self.slots.get(at as usize)? {
            Slot::Used(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        match self.slots.get_mut(at as usize)? {
            Slot::Used(value) => Some(value),
            Slot::Free(_) => None,
        }
    }
}

/// All that is known of IPsec behind a shard's outside addresses.
#[derive(Debug)]
pub struct Tunnels {
    gates: Slab<GateState>,
    members: Slab<Member>,
    gate_index: Index,
    member_index: Index,
    seed: u64,
    rng: Rng,
    /// Ticks after which a silent member is forgotten.
    timeout: u32,
    /// Where the next look for silent ones begins.
    sweep: u32,
    closed: u64,
}

impl Tunnels {
    /// For so many pairs of a host and a gateway, forgotten after `timeout` without a packet.
    #[must_use]
    pub fn with_capacity(members: u32, seed: u64, timeout: Nanos) -> Self {
        let capacity = members as usize;
        Self {
            gates: Slab::with_capacity(capacity),
            members: Slab::with_capacity(capacity),
            gate_index: Index::with_capacity(capacity),
            member_index: Index::with_capacity(capacity),
            seed,
            rng: Rng::new(seed),
            timeout: Ticks::in_duration(timeout),
            sweep: 0,
            closed: 0,
        }
    }

    /// A time and up to 5 % more or less, by chance.
    pub fn jittered(&mut self, time: Nanos) -> Nanos {
        Nanos(time.0 / 1000 * (950 + u64::from(self.rng.below(101))))
    }

    /// Another time for silent members.
    pub fn set_timeout(&mut self, timeout: Nanos) {
        self.timeout = Ticks::in_duration(timeout);
    }

    /// Bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.gates.slots.capacity() * size_of::<Slot<GateState>>()
            + self.members.slots.capacity() * size_of::<Slot<Member>>()
            + self.gate_index.bytes()
            + self.member_index.bytes()
    }

    /// How many windows were closed so far: who waits need not ask before that changes.
    #[must_use]
    pub const fn windows_closed(&self) -> u64 {
        self.closed
    }

    /// Whether a host would have to wait before it begins anything.
    #[must_use]
    pub fn is_busy(&self, gate: Gate, inside: Inside, now: Ticks) -> bool {
        self.find_gate(gate)
            .and_then(|at| self.window(at, now))
            .is_some_and(|window| Some(window.member) != self.find(gate, inside))
    }

    /// A host sends by an SPI it has not sent by before.
    ///
    /// # Errors
    ///
    /// [`Unclear::Busy`] if it has to wait, [`Unclear::Full`]; nothing has changed then.
    pub fn begin(&mut self, gate: Gate, inside: Inside, now: Ticks) -> Result<(), Unclear> {
        let window = self.open(gate, inside, now)?;
        window.out = window.out.saturating_add(1);
        self.close_if_even(gate, now);
        Ok(())
    }

    /// A host and the gateway negotiate: both will use new SPIs.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn negotiate(&mut self, gate: Gate, inside: Inside, now: Ticks) -> Result<(), Unclear> {
        let window = self.open(gate, inside, now)?;
        window.asked = window.asked.saturating_add(1);
        if let Some(peer) = self.peer_mut(gate, inside) {
            peer.is_owed = true;
        }
        Ok(())
    }

    /// Whose an unknown SPI from the gateway is.
    ///
    /// # Errors
    ///
    /// [`Unclear::Nobody`], [`Unclear::Many`].
    pub fn whose(&self, gate: Gate, now: Ticks) -> Result<Inside, Unclear> {
        let at = self.find_gate(gate).ok_or(Unclear::Nobody)?;
        if let Some(window) = self.window(at, now) {
            let member = self.members.get(window.member);
            return member
                .map(|member| member.peer.inside)
                .ok_or(Unclear::Nobody);
        }
        let (mut only, mut owed, mut live, mut count) = (None, None, 0, 0);
        for peer in self.peers_of(at).take(MOST_ASKED) {
            if !self.is_live(peer, now) {
                continue;
            }
            live += 1;
            only = Some(peer.inside);
            if peer.is_owed {
                count += 1;
                owed = Some(peer.inside);
            }
        }
        match (live, count) {
            (0, _) => Err(Unclear::Nobody),
            (1, _) => only.ok_or(Unclear::Nobody),
            (_, 1) => owed.ok_or(Unclear::Nobody),
            _ => Err(Unclear::Many),
        }
    }

    /// The only host there is behind a gate.
    ///
    /// # Errors
    ///
    /// [`Unclear::Nobody`], [`Unclear::Many`].
    pub fn only(&self, gate: Gate, now: Ticks) -> Result<Inside, Unclear> {
        let at = self.find_gate(gate).ok_or(Unclear::Nobody)?;
        let mut live = self
            .peers_of(at)
            .take(MOST_ASKED)
            .filter(|peer| self.is_live(peer, now));
        let first = live.next().ok_or(Unclear::Nobody)?;
        match live.next() {
            Some(_) => Err(Unclear::Many),
            None => Ok(first.inside),
        }
    }

    /// An unknown SPI from the gateway was given to a host.
    pub fn paired(&mut self, gate: Gate, inside: Inside, now: Ticks) {
        if let Some(peer) = self.peer_mut(gate, inside) {
            peer.is_owed = false;
        }
        let Some(member) = self.find(gate, inside) else {
            return;
        };
        if let Some(at) = self.find_gate(gate)
            && let Some(window) = self.window(at, now)
            && window.member == member
            && let Some(state) = self.gates.get_mut(at)
        {
            state.window = Some(Window {
                back: window.back.saturating_add(1),
                ..window
            });
        }
        self.close_if_even(gate, now);
    }

    /// Whether another host than this one waits for its first SPI from the gateway.
    #[must_use]
    pub fn another_waits(&self, gate: Gate, inside: Inside, now: Ticks) -> bool {
        let window = self.find_gate(gate).and_then(|at| self.window(at, now));
        window.is_some_and(|window| {
            window.back < window.out.max(1) && Some(window.member) != self.find(gate, inside)
        })
    }

    /// Whether a packet of a host was seen lately.
    #[must_use]
    pub fn is_heard(&self, gate: Gate, inside: Inside, now: Ticks) -> bool {
        let member = self.find(gate, inside).and_then(|at| self.members.get(at));
        member.is_some_and(|member| self.is_live(&member.peer, now))
    }

    /// What is known of a host and a gateway, to be noted in.
    pub fn peer_mut(&mut self, gate: Gate, inside: Inside) -> Option<&mut Peer> {
        let at = self.find(gate, inside)?;
        self.members.get_mut(at).map(|member| &mut member.peer)
    }

    /// The same; it is made if it is not there and there is room.
    pub fn join(&mut self, gate: Gate, inside: Inside, now: Ticks) -> Option<&mut Peer> {
        let at = self.enter(gate, inside, now).ok()?;
        let peer = self.members.get_mut(at).map(|member| &mut member.peer)?;
        peer.seen = now;
        Some(peer)
    }

    /// One more than the highest number ever used.
    #[must_use]
    pub fn slots(&self) -> u32 {
        u32::try_from(self.members.slots.len()).unwrap_or(u32::MAX)
    }

    /// What is known of the `nth` pair of a host and a gateway, if there is one, and whether its
    /// window is open.
    #[must_use]
    pub fn at(&self, nth: u32, now: Ticks) -> Option<(Gate, &Peer, bool)> {
        let member = self.members.get(nth)?;
        let state = self.gates.get(member.gate)?;
        let open = self
            .window(member.gate, now)
            .is_some_and(|window| window.member == nth);
        self.is_live(&member.peer, now)
            .then_some((state.gate, &member.peer, open))
    }

    /// Forgets silent ones among the next few.
    pub fn sweep(&mut self, now: Ticks, few: u32) {
        for _ in 0..few.min(self.slots()) {
            self.sweep = if self.sweep >= self.slots() {
                0
            } else {
                self.sweep
            };
            let at = self.sweep;
            self.sweep += 1;
            let silent = self
                .members
                .get(at)
                .is_some_and(|member| !self.is_live(&member.peer, now));
            if silent {
                self.leave(at);
            }
        }
    }

    // --- helpers -----------------------------------------------------------

    fn is_live(&self, peer: &Peer, now: Ticks) -> bool {
        now.since(peer.seen) <= self.timeout
    }

    fn window(&self, gate: u32, now: Ticks) -> Option<Window> {
        let window = self.gates.get(gate)?.window?;
        (now.since(window.since) <= Ticks::in_duration(WINDOW)).then_some(window)
    }

    fn peers_of(&self, gate: u32) -> impl Iterator<Item = &Peer> {
        let first = self.gates.get(gate).map_or(NIL, |state| state.first);
        core::iter::successors(self.members.get(first), |member| {
            self.members.get(member.next)
        })
        .map(|member| &member.peer)
    }

    fn find_gate(&self, gate: Gate) -> Option<u32> {
        self.gate_index.find(gate.key().hash(self.seed), |at| {
            self.gates.get(at).is_some_and(|state| state.gate == gate)
        })
    }

    fn find(&self, gate: Gate, inside: Inside) -> Option<u32> {
        let key = gate.member(inside.address, inside.realm);
        self.member_index.find(key.hash(self.seed), |at| {
            self.members.get(at).is_some_and(|member| {
                let of = self.gates.get(member.gate);
                member.peer.inside.address == inside.address
                    && member.peer.inside.realm == inside.realm
                    && of.is_some_and(|state| state.gate == gate)
            })
        })
    }

    /// The window of a gate, open for a host.
    fn open(&mut self, gate: Gate, inside: Inside, now: Ticks) -> Result<&mut Window, Unclear> {
        if self.is_busy(gate, inside, now) {
            return Err(Unclear::Busy);
        }
        let member = self.enter(gate, inside, now)?;
        if let Some(member) = self.members.get_mut(member) {
            member.peer.seen = now;
        }
        let at = self.find_gate(gate).ok_or(Unclear::Full)?;
        let fresh = Window {
            member,
            asked: 0,
            out: 0,
            back: 0,
            since: now,
        };
        let known = self.window(at, now);
        let state = self.gates.get_mut(at).ok_or(Unclear::Full)?;
        let window = state.window.insert(known.unwrap_or(fresh));
        window.since = now;
        Ok(window)
    }

    fn close_if_even(&mut self, gate: Gate, now: Ticks) {
        if let Some(at) = self.find_gate(gate)
            && let Some(window) = self.window(at, now)
            && window.out > 0
            && window.out >= window.asked
            && window.back >= window.out
            && let Some(state) = self.gates.get_mut(at)
        {
            state.window = None;
            self.closed += 1;
        }
    }

    fn enter(&mut self, gate: Gate, inside: Inside, now: Ticks) -> Result<u32, Unclear> {
        if let Some(known) = self.find(gate, inside) {
            return Ok(known);
        }
        if !self.members.has_room() {
            return Err(Unclear::Full);
        }
        let at = match self.find_gate(gate) {
            Some(at) => at,
            None => self.enter_gate(gate)?,
        };
        let next = self.gates.get(at).map_or(NIL, |state| state.first);
        let member = Member {
            gate: at,
            next,
            peer: Peer::new(inside, now),
        };
        let hash = gate.member(inside.address, inside.realm).hash(self.seed);
        let entered = self.members.insert(member).ok_or(Unclear::Full)?;
        if self.member_index.insert(hash, entered).is_err() {
            self.members.remove(entered);
            if next == NIL {
                self.leave_gate(at);
            }
            return Err(Unclear::Full);
        }
        if let Some(state) = self.gates.get_mut(at) {
            state.first = entered;
        }
        Ok(entered)
    }

    fn enter_gate(&mut self, gate: Gate) -> Result<u32, Unclear> {
        let state = GateState {
            gate,
            first: NIL,
            window: None,
        };
        let at = self.gates.insert(state).ok_or(Unclear::Full)?;
        let hash = gate.key().hash(self.seed);
        if self.gate_index.insert(hash, at).is_err() {
            self.gates.remove(at);
            return Err(Unclear::Full);
        }
        Ok(at)
    }

    fn leave_gate(&mut self, at: u32) {
        if let Some(state) = self.gates.get(at) {
            self.gate_index.remove(state.gate.key().hash(self.seed), at);
            self.gates.remove(at);
        }
    }

    fn leave(&mut self, at: u32) {
        let Some(Member { gate, next, peer }) = self.members.get(at).copied() else {
            return;
        };
        let Some(state) = self.gates.get(gate).copied() else {
            return;
        };
        let inside = peer.inside;
        let key = state.gate.member(inside.address, inside.realm);
        self.member_index.remove(key.hash(self.seed), at);
        if state.window.is_some_and(|window| window.member == at) {
            self.closed += 1;
        }
        let mut before = None;
        let mut here = state.first;
        while here != at && here != NIL {
            before = Some(here);
            here = self.members.get(here).map_or(NIL, |member| member.next);
        }
        match before.and_then(|before| self.members.get_mut(before)) {
            Some(before) => before.next = next,
            None => {
                if let Some(state) = self.gates.get_mut(gate) {
                    state.first = next;
                }
            }
        }
        self.members.remove(at);
        if let Some(state) = self.gates.get_mut(gate) {
            state.window = state.window.filter(|window| window.member != at);
            if state.first == NIL {
                self.leave_gate(gate);
            }
        }
    }
}
