//! Fragments of datagrams (RFC 4787 REQ-14): virtual reassembly.
//!
//! The first fragment has the ports and decides; what it was rewritten to is
//! remembered for the others. Those that come before it wait. Nothing is put
//! together, every fragment leaves as one, unless an application gateway has to read
//! the message: then all wait for the last that is missing, see [`crate::joined`].
//!
//! Owned by a worker. Bounded: so many datagrams in all and so many of one source
//! that still wait for their first fragment; so many fragments waiting. A first
//! fragment may push out the oldest datagram, so a flood of orphans cannot stop
//! honest traffic. A datagram that is complete is forgotten at once.

use std::collections::VecDeque;

use arrayvec::ArrayVec;
use base::{Counter, Nanos};
use hashbrown::HashMap;
use nat::{FlowKey, Hit, Realm, Rewrite};

use crate::general::Packet;
use crate::router::Hop;

/// Fragments a datagram may have: 64 KiB at 1 000 bytes each.
const MAX_PARTS: usize = 64;

/// Most fragments waiting for the first of their datagram.
const MAX_WAITING: usize = 32;

/// Entries of the order, stale ones included, per datagram that is followed.
const STALE: usize = 4;

/// Share of all datagrams that may wait for the first fragments of one source.
const ORPHAN_SHARE: usize = 8;

/// Names the datagram a fragment belongs to (RFC 791).
pub(crate) fn datagram_key(header: &wire::ipv4::Header, realm: Realm) -> FlowKey {
    FlowKey::new(header.src, header.dst, header.id, 0, header.protocol, realm)
}

/// What the first fragment of a datagram means for it.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// All of it goes the same way, fragment by fragment.
    Follow(Fate),
    /// It is read as a whole.
    Gather(Whole),
}

/// How a datagram goes on that is read as a whole.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    /// Its first fragment, as it came.
    pub(crate) first: Packet,
    /// The sessions it goes along.
    pub(crate) plan: ArrayVec<Hit, 2>,
    /// Next hop.
    pub(crate) hop: Hop,
    /// What happens to each fragment if it cannot be read.
    pub(crate) fate: Fate,
}

/// What happens to every fragment of a datagram.
#[derive(Clone, Debug)]
pub(crate) struct Fate {
    /// Applied in order; two for a hairpin, none for a packet passed untouched.
    pub(crate) rewrites: ArrayVec<Rewrite, 2>,
    /// Identification of the datagram outside (RFC 7857 section 10).
    pub(crate) id: Option<u16>,
    /// Realm it is routed in.
    pub(crate) realm: Realm,
    /// Counter of a fragment that leaves.
    pub(crate) reason: Counter,
}

#[derive(Debug)]
enum State<B> {
    /// The first has not come.
    Waiting(Vec<B>),
    /// The first has left.
    Known(Fate),
    /// The first has come and waits with the others until all are there.
    Gathering(Vec<B>, Box<Whole>),
    /// The first was dropped for this reason, or the fragments were dishonest.
    Refused(Counter),
}

#[derive(Debug)]
struct Datagram<B> {
    state: State<B>,
    parts: ArrayVec<(u16, u16), MAX_PARTS>,
    /// Where it ends, once its last fragment has come.
    end: Option<u16>,
    since: Nanos,
}

impl<B> Datagram<B> {
    /// All parts have come; they do not overlap, so their lengths say so.
    fn is_complete(&self) -> bool {
        let have: u32 = self
            .parts
            .iter()
            .map(|(from, to)| u32::from(to - from))
            .sum();
        self.end.is_some_and(|end| have == u32::from(end))
    }
}

/// What to do with a fragment.
#[derive(Debug)]
pub(crate) enum Answer<B> {
    /// Keep it: it waits now.
    Held,
    /// Translate it like this.
    Follow(B, Fate),
    /// Drop it.
    Refuse(B, Counter),
}

/// The datagrams a worker follows.
#[derive(Debug)]
pub(crate) struct Fragments<B> {
    datagrams: HashMap<FlowKey, Datagram<B>>,
    /// By age; entries may be stale.
    order: VecDeque<(Nanos, FlowKey)>,
    /// Datagrams of each source that wait for their first fragment.
    orphans: HashMap<u32, usize>,
    capacity: usize,
    waiting: usize,
    timeout: Nanos,
}

impl<B> Fragments<B> {
    pub(crate) fn new(capacity: u32, timeout: Nanos) -> Self {
        let capacity = capacity.max(1) as usize;
        Self {
            datagrams: HashMap::with_capacity(capacity),
            order: VecDeque::with_capacity(capacity * STALE),
            orphans: HashMap::with_capacity(capacity),
            capacity,
            waiting: 0,
            timeout,
        }
    }

    /// Datagrams that may be followed at once.
    pub(crate) fn most(&self) -> u32 {
        u32::try_from(self.capacity).unwrap_or(u32::MAX)
    }

    /// Checks a fragment against those that came before; to be called once for
    /// each, the first included.
    ///
    /// # Errors
    ///
    /// The reason to drop it.
    pub(crate) fn check(
        &mut self,
        key: FlowKey,
        header: &wire::ipv4::Header,
        now: Nanos,
        given_up: &mut u64,
    ) -> Result<(), Counter> {
        let start = header.fragment_offset();
        let len = header.payload_len();
        let more = header.fragment & wire::ipv4::MF != 0;
        let minimum = match header.protocol {
            wire::ipv4::protocol::TCP => wire::tcp::HEADER_LEN,
            _ => 8,
        };
        // RFC 1858: the ports and flags must be in the first fragment, whole.
        if len == 0
            || more && !len.is_multiple_of(8)
            || start < minimum && start > 0
            || start == 0 && len < minimum
        {
            return Err(Counter::DropFragmentTiny);
        }
        if start + len + header.header_len > 0xffff {
            return Err(Counter::DropFragmentOverlap);
        }
        self.make_room(key, start == 0, now, given_up)?;
        let datagram = self
            .datagrams
            .get_mut(&key)
            .ok_or(Counter::DropFragmentTable)?;
        if let State::Refused(reason) = datagram.state {
            return Err(reason);
        }
        let part = (wire::low16(start), wire::low16(start + len));
        let mut repeated = false;
        for (from, to) in &datagram.parts {
            if (*from, *to) == part {
                repeated = true;
            } else if part.0 < *to && *from < part.1 {
                *given_up += self.refuse(key, Counter::DropFragmentOverlap).len() as u64;
                return Err(Counter::DropFragmentOverlap);
            }
        }
        if repeated && matches!(datagram.state, State::Gathering(..)) {
            return Err(Counter::DropFragmentOverlap);
        }
        if !repeated && datagram.parts.try_push(part).is_err() {
            *given_up += self.refuse(key, Counter::DropFragmentTable).len() as u64;
            return Err(Counter::DropFragmentTable);
        }
        if !more {
            datagram.end = Some(part.1);
        }
        Ok(())
    }

    fn make_room(
        &mut self,
        key: FlowKey,
        first: bool,
        now: Nanos,
        given_up: &mut u64,
    ) -> Result<(), Counter> {
        if self.datagrams.contains_key(&key) {
            return Ok(());
        }
        while let Some((since, key)) = self.order.front()
            && self
                .datagrams
                .get(key)
                .is_none_or(|found| found.since != *since)
        {
            self.order.pop_front();
        }
        let full =
            self.datagrams.len() >= self.capacity || self.order.len() >= self.capacity * STALE;
        let share = (self.capacity / ORPHAN_SHARE).max(1);
        if !first && (full || self.orphans.get(&key.src()).is_some_and(|of| *of >= share)) {
            return Err(Counter::DropFragmentTable);
        }
        if full && let Some((_, oldest)) = self.order.pop_front() {
            *given_up += self.forget(oldest);
        }
        *self.orphans.entry(key.src()).or_insert(0) += 1;
        self.order.push_back((now, key));
        self.datagrams.insert(
            key,
            Datagram {
                state: State::Waiting(Vec::new()),
                parts: ArrayVec::new(),
                end: None,
                since: now,
            },
        );
        Ok(())
    }

    /// The identification a datagram has outside, if its first fragment has left.
    pub(crate) fn known_id(&self, key: FlowKey) -> Option<u16> {
        match &self.datagrams.get(&key)?.state {
            State::Known(fate) => fate.id,
            _ => None,
        }
    }

    /// When the oldest datagram will be forgotten.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        self.order
            .front()
            .map(|(since, _)| since.plus(self.timeout))
    }

    /// What to do with a fragment that is not the first and was found honest.
    pub(crate) fn follow(&mut self, key: FlowKey, buf: B) -> Answer<B> {
        if let Some(datagram) = self.datagrams.get(&key)
            && datagram.is_complete()
            && let State::Known(fate) = &datagram.state
        {
            let fate = fate.clone();
            self.forget(key);
            return Answer::Follow(buf, fate);
        }
        match self
            .datagrams
            .get_mut(&key)
            .map(|datagram| &mut datagram.state)
        {
            Some(State::Known(fate)) => Answer::Follow(buf, fate.clone()),
            Some(State::Refused(reason)) => Answer::Refuse(buf, *reason),
            Some(State::Waiting(held) | State::Gathering(held, _))
                if self.waiting < self.capacity * 2 && held.len() < MAX_WAITING + MAX_PARTS =>
            {
                held.push(buf);
                self.waiting += 1;
                Answer::Held
            }
            _ => Answer::Refuse(buf, Counter::DropFragmentTable),
        }
    }

    /// The first fragment has left: this is what becomes of the others. Answers
    /// those that waited.
    pub(crate) fn decide(&mut self, key: FlowKey, fate: Fate) -> Vec<B> {
        self.settle(key, State::Known(fate))
    }

    /// The first fragment is held with the others until all have come.
    pub(crate) fn gather(&mut self, key: FlowKey, buf: B, whole: Whole) -> Option<B> {
        if self.waiting >= self.capacity * 2 {
            return Some(buf);
        }
        let Some(datagram) = self.datagrams.get_mut(&key) else {
            return Some(buf);
        };
        let State::Waiting(held) = &mut datagram.state else {
            return Some(buf);
        };
        let mut held = core::mem::take(held);
        held.push(buf);
        self.waiting += 1;
        datagram.state = State::Gathering(held, Box::new(whole));
        adopted(&mut self.orphans, key.src());
        None
    }

    /// A datagram that was gathered, once it is complete: all its fragments, in any order.
    pub(crate) fn gathered(&mut self, key: FlowKey) -> Option<(Vec<B>, Whole)> {
        let datagram = self.datagrams.get(&key)?;
        if !datagram.is_complete() || !matches!(datagram.state, State::Gathering(..)) {
            return None;
        }
        let State::Gathering(held, whole) = self.datagrams.remove(&key)?.state else {
            return None;
        };
        self.waiting -= held.len();
        Some((held, *whole))
    }

    /// The first fragment was dropped; answers those that waited.
    pub(crate) fn refuse(&mut self, key: FlowKey, reason: Counter) -> Vec<B> {
        self.settle(key, State::Refused(reason))
    }

    fn settle(&mut self, key: FlowKey, state: State<B>) -> Vec<B> {
        let Some(datagram) = self.datagrams.get_mut(&key) else {
            return Vec::new();
        };
        let held = match core::mem::replace(&mut datagram.state, state) {
            State::Waiting(held) => {
                self.waiting -= held.len();
                adopted(&mut self.orphans, key.src());
                held
            }
            State::Gathering(held, _) => {
                self.waiting -= held.len();
                held
            }
            State::Known(_) | State::Refused(_) => Vec::new(),
        };
        if self.datagrams.get(&key).is_some_and(Datagram::is_complete) {
            self.forget(key);
        }
        held
    }

    /// Forgets datagrams whose time is over, at most `budget`; answers how many
    /// waiting fragments went with them.
    pub(crate) fn expire(&mut self, now: Nanos, budget: usize) -> u64 {
        let mut given_up = 0;
        for _ in 0..budget {
            match self.order.front() {
                Some((since, key)) if now.since(*since) >= self.timeout => {
                    let (since, key) = (*since, *key);
                    self.order.pop_front();
                    if self
                        .datagrams
                        .get(&key)
                        .is_some_and(|found| found.since == since)
                    {
                        given_up += self.forget(key);
                    }
                }
                _ => break,
            }
        }
        given_up
    }

    fn forget(&mut self, key: FlowKey) -> u64 {
        match self.datagrams.remove(&key).map(|datagram| datagram.state) {
            Some(State::Waiting(held)) => {
                self.waiting -= held.len();
                adopted(&mut self.orphans, key.src());
                held.len() as u64
            }
            Some(State::Gathering(held, _)) => {
                self.waiting -= held.len();
                held.len() as u64
            }
            _ => 0,
        }
    }
}

/// One datagram less of a source waits for its first fragment.
fn adopted(orphans: &mut HashMap<u32, usize>, source: u32) {
    if let Some(count) = orphans.get_mut(&source) {
        *count -= 1;
        if *count == 0 {
            orphans.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::ipv4::{Header, MF};

    fn part(offset: u16, len: usize, more: bool) -> Header {
        Header {
            src: 1,
            dst: 2,
            protocol: 17,
            ttl: 64,
            tos: 0,
            header_len: 20,
            total_len: 20 + len,
            id: 7,
            fragment: (offset / 8) | if more { MF } else { 0 },
        }
    }

    #[test]
    fn overlaps_are_refused_for_good_and_repeats_are_not() {
        let mut fragments: Fragments<u8> = Fragments::new(4, Nanos::from_secs(5));
        let mut given_up = 0;
        let mut check = |fragments: &mut Fragments<u8>, header: Header| {
            let key = datagram_key(&header, 0);
            fragments.check(key, &header, Nanos(0), &mut given_up)
        };
        assert_eq!(check(&mut fragments, part(16, 16, true)), Ok(()));
        assert_eq!(check(&mut fragments, part(16, 16, true)), Ok(()));
        assert_eq!(check(&mut fragments, part(0, 16, true)), Ok(()));
        assert_eq!(
            check(&mut fragments, part(24, 16, true)),
            Err(Counter::DropFragmentOverlap)
        );
        assert_eq!(
            check(&mut fragments, part(32, 8, false)),
            Err(Counter::DropFragmentOverlap)
        );
    }

    #[test]
    fn tiny_and_too_far_fragments_are_refused() {
        let mut fragments: Fragments<u8> = Fragments::new(4, Nanos::from_secs(5));
        let mut given_up = 0;
        for (header, reason) in [
            (part(0, 7, false), Counter::DropFragmentTiny),
            (part(8, 12, true), Counter::DropFragmentTiny),
            (part(8, 0, false), Counter::DropFragmentTiny),
            (part(65_528, 20, false), Counter::DropFragmentOverlap),
        ] {
            let key = datagram_key(&header, 0);
            assert_eq!(
                fragments.check(key, &header, Nanos(0), &mut given_up),
                Err(reason)
            );
        }
    }

    #[test]
    fn orphans_neither_grow_nor_keep_first_fragments_out() {
        let mut fragments: Fragments<u8> = Fragments::new(4, Nanos::from_secs(5));
        let mut given_up = 0;
        for id in 0..100 {
            let header = Header {
                id,
                ..part(8, 8, true)
            };
            let key = datagram_key(&header, 0);
            if fragments
                .check(key, &header, Nanos(0), &mut given_up)
                .is_ok()
            {
                assert!(matches!(fragments.follow(key, 1), Answer::Held));
            }
        }
        assert_eq!((fragments.datagrams.len(), fragments.waiting), (1, 1));
        for src in 10..100 {
            let header = Header {
                src,
                ..part(8, 8, true)
            };
            let key = datagram_key(&header, 0);
            if fragments
                .check(key, &header, Nanos(0), &mut given_up)
                .is_ok()
            {
                assert!(matches!(fragments.follow(key, 1), Answer::Held));
            }
        }
        assert_eq!((fragments.datagrams.len(), fragments.waiting), (4, 4));
        let first = Header {
            id: 1000,
            ..part(0, 8, true)
        };
        assert_eq!(
            fragments.check(datagram_key(&first, 0), &first, Nanos(0), &mut given_up),
            Ok(())
        );
        assert_eq!((fragments.waiting, given_up), (3, 1));
        assert_eq!(fragments.expire(Nanos::from_secs(5), 100), 3);
        assert!(fragments.datagrams.is_empty() && fragments.order.is_empty());
        assert!(fragments.orphans.is_empty());
    }

    #[test]
    fn complete_datagrams_are_forgotten() {
        let mut fragments: Fragments<u8> = Fragments::new(2, Nanos::from_secs(5));
        let mut given_up = 0;
        let fate = Fate {
            rewrites: ArrayVec::new(),
            id: None,
            realm: 0,
            reason: Counter::ForwardPass,
        };
        for id in 0..1000 {
            let first = Header {
                id,
                ..part(0, 16, true)
            };
            let last = Header {
                id,
                ..part(16, 5, false)
            };
            let key = datagram_key(&first, 0);
            let (one, other) = if id % 2 == 0 {
                (&first, &last)
            } else {
                (&last, &first)
            };
            for header in [one, other] {
                assert_eq!(
                    fragments.check(key, header, Nanos(0), &mut given_up),
                    Ok(())
                );
                if header.fragment_offset() == 0 {
                    fragments.decide(key, fate.clone());
                } else {
                    fragments.follow(key, 1);
                }
            }
            assert!(fragments.datagrams.is_empty() && fragments.orphans.is_empty());
        }
        assert_eq!((fragments.waiting, given_up), (0, 0));
    }
}
