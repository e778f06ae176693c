//! Where messages have led inside hosts: the gateway of the message goes with them, what they
//! begin there keeps the session of the message, or the zone policy expects them there.
//!
//! ```text
//!  inside host, remote endpoint ──hash──> four places ──> what for, until when
//! ```
//!
//! A table of fixed size, asked when a session begins, and only while something is in it. Of five
//! that want the same four places the one that is over first is forgotten: its session does
//! without.

use alloc::vec::Vec;

use base::{Nanos, Ticks};

use crate::gateway::Gateway;
use crate::key::FlowKey;
use crate::session::SessionId;

/// Places side by side that the same hash has.
const WAYS: usize = 4;
/// So many times as many, a power of two.
const SETS: usize = 256;

/// What a session is that goes where its host was led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Led {
    /// One of a gateway's, of a kind.
    Gateway(Gateway, u8),
    /// The child of a session that began then, and lives as long as its child. One alone.
    Child(SessionId, Ticks),
}

#[derive(Clone, Copy, Debug)]
struct Lead {
    /// From any port.
    key: FlowKey,
    to: Option<Led>,
    /// The zone policy lets it go there.
    expected: bool,
    expires: Ticks,
}

/// The table.
#[derive(Debug)]
pub(crate) struct Leads {
    places: Vec<Option<Lead>>,
    /// When the last one is over.
    last: Option<Ticks>,
    seed: u64,
}

impl Leads {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            places: alloc::vec![None; WAYS * SETS],
            last: None,
            seed,
        }
    }

    /// Forgets everything once all of it is over.
    pub(crate) fn tidy(&mut self, now: Ticks) {
        if self.last.is_some_and(|last| now.reached(last)) {
            self.places.fill(None);
            self.last = None;
        }
    }

    /// Memory in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<Option<Lead>>()
    }

    /// Sessions of such keys, from any port, are led there, for something or because the zone
    /// policy expects them; what one message says does not undo what another has said.
    pub(crate) fn add(&mut self, key: FlowKey, to: Option<Led>, lifetime: Nanos, now: Ticks) {
        let key = key.with_src(key.src(), 0);
        let expires = now.plus(Ticks::in_duration(lifetime));
        let is_last = self
            .last
            .is_none_or(|last| expires.reached(last) || now.reached(last));
        if is_last {
            self.last = Some(expires);
        }
        let lead = Lead {
            key,
            to,
            expected: !matches!(to, Some(Led::Child(..))),
            expires,
        };
        let at = self.set_of(key);
        let Some(set) = self.places.get_mut(at..at + WAYS) else {
            return;
        };
        // The same, or an empty one, or what is over first.
        let rank = |place: &Option<Lead>| match place {
            Some(known) if known.key == key => (0, None),
            None => (1, None),
            Some(known) if now.reached(known.expires) => (1, None),
            Some(known) => (2, Some(known.expires)),
        };
        let mut best: Option<&mut Option<Lead>> = None;
        for place in set {
            let is_better = best.as_ref().is_none_or(|best| {
                let (new, old) = (rank(place), rank(best));
                match (new, old) {
                    ((2, Some(new)), (2, Some(old))) => old.reached(new) && old != new,
                    _ => new.0 < old.0,
                }
            });
            if is_better {
                best = Some(place);
            }
        }
        if let Some(place) = best {
            let before = place.filter(|known| known.key == key && !now.reached(known.expires));
            *place = Some(Lead {
                to: to.or(before.and_then(|known| known.to)),
                expected: lead.expected || before.is_some_and(|known| known.expected),
                ..lead
            });
        }
    }

    /// What for a session of this key has been led where it goes.
    #[inline]
    pub(crate) fn find(&self, key: FlowKey, now: Ticks) -> Option<Led> {
        self.last?;
        self.look_up(key, now)?.to
    }

    /// Forgets what for a session of this key has been led.
    pub(crate) fn forget(&mut self, key: FlowKey) {
        let key = key.with_src(key.src(), 0);
        let at = self.set_of(key);
        for place in self.places.iter_mut().skip(at).take(WAYS) {
            if let Some(lead) = place
                && lead.key == key
            {
                lead.to = None;
            }
        }
    }

    /// Whether the zone policy expects a session of this key.
    pub(crate) fn has(&self, key: FlowKey, now: Ticks) -> bool {
        self.last.is_some() && self.look_up(key, now).is_some_and(|lead| lead.expected)
    }

    fn look_up(&self, key: FlowKey, now: Ticks) -> Option<&Lead> {
        let key = key.with_src(key.src(), 0);
        let at = self.set_of(key);
        let set = self.places.get(at..at + WAYS)?;
        set.iter()
            .flatten()
            .find(|lead| lead.key == key && !now.reached(lead.expires))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lowest bits")]
    fn set_of(&self, key: FlowKey) -> usize {
        (key.hash(self.seed) as usize & (SETS - 1)) * WAYS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: Led = Led::Gateway(Gateway::H323, 1);

    fn key(host: u32, from: u16, port: u16) -> FlowKey {
        FlowKey::new(host, 0xc633_6401, from, port, 6, 0)
    }

    fn at(seconds: u64) -> Ticks {
        Nanos::from_secs(seconds).ticks()
    }

    #[test]
    fn sessions_from_any_port_are_led_until_it_is_over() {
        let mut leads = Leads::new(7);
        assert_eq!(leads.find(key(1, 4000, 5000), at(1)), None);
        leads.add(key(1, 0, 5000), Some(TO), Nanos::from_secs(60), at(1));
        leads.add(key(1, 0, 5002), None, Nanos::from_secs(60), at(1));
        assert!(leads.has(key(1, 4000, 5002), at(2)) && !leads.has(key(1, 4000, 5002), at(62)));
        assert_eq!(leads.find(key(1, 4000, 5002), at(2)), None);
        assert_eq!(leads.find(key(1, 4000, 5000), at(2)), Some(TO));
        leads.forget(key(1, 4000, 5001));
        assert_eq!(leads.find(key(1, 4000, 5000), at(61)), Some(TO));
        assert_eq!(leads.find(key(2, 4000, 5000), at(2)), None);
        assert_eq!(leads.find(key(1, 4000, 5001), at(2)), None);
        assert_eq!(leads.find(key(1, 4000, 5000), at(62)), None);
        leads.tidy(at(62));
        assert_eq!(leads.last, None);
        leads.add(key(1, 0, 5000), Some(TO), Nanos::from_secs(60), at(62));
        leads.forget(key(1, 4000, 5000));
        assert_eq!(leads.find(key(1, 4000, 5000), at(63)), None);
    }

    #[test]
    fn what_is_expected_and_what_for_do_not_undo_each_other() {
        let (mut leads, lifetime) = (Leads::new(7), Nanos::from_secs(60));
        let child = Led::Child(SessionId(3), at(1));
        let led = key(1, 4000, 5000);
        leads.add(led, Some(child), lifetime, at(1));
        assert!(
            !leads.has(led, at(1)),
            "of a child alone nobody has said that it is let through"
        );
        leads.add(led, None, lifetime, at(1));
        assert!(leads.has(led, at(1)));
        assert_eq!(leads.find(led, at(1)), Some(child));
        leads.forget(led);
        assert!(leads.has(led, at(1)));
        assert_eq!(leads.find(led, at(1)), None);
    }

    /// Nothing grows: of very many the last ones are known, and each place is one's.
    #[test]
    fn the_table_keeps_its_size() {
        let mut leads = Leads::new(7);
        let mut later = 0;
        for port in 0..10_000 {
            later += u64::from(port % 10 == 0);
            leads.add(
                key(1, 0, port),
                Some(TO),
                Nanos::from_secs(60 + later),
                at(1),
            );
        }
        assert_eq!(leads.places.len(), WAYS * SETS);
        assert_eq!(leads.find(key(1, 1, 9999), at(1)), Some(TO));
        assert_eq!(leads.find(key(1, 1, 0), at(1)), None);
        let known = (0..10_000).filter(|port| leads.find(key(1, 1, *port), at(1)).is_some());
        assert!(known.count() > WAYS * SETS * 9 / 10);
    }
}
