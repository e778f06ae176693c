//! Fragments of datagrams (RFC 4787 REQ-14): virtual reassembly.
//!
//! The first fragment has the ports and decides; what it was rewritten to is
//! remembered for the others. Those that come before it wait. Nothing is put
//! together: every fragment leaves as one.
//!
//! Owned by a worker. Bounded: so many datagrams, so many waiting fragments; a
//! first fragment may push out the oldest datagram that still waits for its own,
//! so a flood of orphans cannot stop honest traffic.

use std::collections::VecDeque;

use arrayvec::ArrayVec;
use base::{Counter, Nanos};
use hashbrown::HashMap;
use nat::{FlowKey, Realm, Rewrite};

/// Fragments a datagram may have: 64 KiB at 1 000 bytes each.
const MAX_PARTS: usize = 64;

/// Most fragments waiting for the first of their datagram.
const MAX_WAITING: usize = 32;

/// Names the datagram a fragment belongs to (RFC 791).
pub(crate) fn datagram_key(header: &wire::ipv4::Header, realm: Realm) -> FlowKey {
    FlowKey::new(header.src, header.dst, header.id, 0, header.protocol, realm)
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
    /// The first was dropped for this reason, or the fragments were dishonest.
    Refused(Counter),
}

#[derive(Debug)]
struct Datagram<B> {
    state: State<B>,
    parts: ArrayVec<(u16, u16), MAX_PARTS>,
    since: Nanos,
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
    capacity: usize,
    waiting: usize,
    timeout: Nanos,
}

impl<B> Fragments<B> {
    pub(crate) fn new(capacity: u32, timeout: Nanos) -> Self {
        let capacity = capacity.max(1) as usize;
        Self {
            datagrams: HashMap::with_capacity(capacity),
            order: VecDeque::with_capacity(capacity + 1),
            capacity,
            waiting: 0,
            timeout,
        }
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
            || more && len % 8 != 0
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
                *given_up += refuse(datagram, &mut self.waiting, Counter::DropFragmentOverlap);
                return Err(Counter::DropFragmentOverlap);
            }
        }
        if !repeated && datagram.parts.try_push(part).is_err() {
            *given_up += refuse(datagram, &mut self.waiting, Counter::DropFragmentTable);
            return Err(Counter::DropFragmentTable);
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
        if self.datagrams.len() >= self.capacity || self.order.len() >= self.capacity {
            if !first {
                return Err(Counter::DropFragmentTable);
            }
            if let Some((_, oldest)) = self.order.pop_front() {
                *given_up += self.forget(oldest);
            }
        }
        self.order.push_back((now, key));
        self.datagrams.insert(
            key,
            Datagram {
                state: State::Waiting(Vec::new()),
                parts: ArrayVec::new(),
                since: now,
            },
        );
        Ok(())
    }

    /// What to do with a fragment that is not the first and was found honest.
    pub(crate) fn follow(&mut self, key: FlowKey, buf: B) -> Answer<B> {
        match self
            .datagrams
            .get_mut(&key)
            .map(|datagram| &mut datagram.state)
        {
            Some(State::Known(fate)) => Answer::Follow(buf, fate.clone()),
            Some(State::Refused(reason)) => Answer::Refuse(buf, *reason),
            Some(State::Waiting(held))
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

    /// The first fragment was dropped; answers those that waited.
    pub(crate) fn refuse(&mut self, key: FlowKey, reason: Counter) -> Vec<B> {
        self.settle(key, State::Refused(reason))
    }

    fn settle(&mut self, key: FlowKey, state: State<B>) -> Vec<B> {
        let Some(datagram) = self.datagrams.get_mut(&key) else {
            return Vec::new();
        };
        match core::mem::replace(&mut datagram.state, state) {
            State::Waiting(held) => {
                self.waiting -= held.len();
                held
            }
            State::Known(_) | State::Refused(_) => Vec::new(),
        }
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
                held.len() as u64
            }
            _ => 0,
        }
    }
}

fn refuse<B>(datagram: &mut Datagram<B>, waiting: &mut usize, reason: Counter) -> u64 {
    match core::mem::replace(&mut datagram.state, State::Refused(reason)) {
        State::Waiting(held) => {
            *waiting -= held.len();
            held.len() as u64
        }
        _ => 0,
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
            fragment: offset / 8 | if more { MF } else { 0 },
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
    }
}
