//! Protection of outside addresses: see [`crate::guard`].

use base::{Counter, Nanos};
use wire::ipv4::protocol;

use super::Shard;
use crate::guard::{Gated, Guard, covers};
use crate::key::Realm;
use crate::layout::Layout;

impl Shard {
    /// Whether packets from outside have to ask [`Shard::keeps_out`].
    #[must_use]
    #[inline]
    pub const fn has_guard(&self) -> bool {
        self.guard.is_some()
    }

    /// Makes what the settings of the layout want, with what was known under the one before.
    pub(super) fn adopt_protection(&mut self, before: Option<&Layout>) {
        let known = self.guard.take();
        let Some(protection) = self.layout.protection() else {
            return;
        };
        let places = self.layout.outside_places();
        let mut guard = Guard::new(protection, places, self.rng.word());
        if let (Some(known), Some(before)) = (known, before) {
            guard.learn(known, |place| {
                let (realm, address) = before.outside_at(place)?;
                self.layout.outside_place(realm, address)
            });
        }
        self.guard = Some(guard);
    }

    /// Why a packet from outside does not come in, whatever it is; counts it for its address.
    pub fn keeps_out(
        &mut self,
        realm: Realm,
        (src, dst): (u32, u32),
        transport: u8,
        now: Nanos,
    ) -> Option<Counter> {
        let (Some(guard), Some(protection)) = (&mut self.guard, self.layout.protection()) else {
            return None;
        };
        let holes = &protection.black_hole;
        if covers(holes, dst) || covers(holes, src) {
            return Some(Counter::DropBlackHole);
        }
        let place = self.layout.outside_place(realm, dst)?;
        match guard.arrives(protection, place, transport == protocol::ICMP, now) {
            Gated::Open => None,
            Gated::Out(reason) => Some(reason),
            Gated::Shut => {
                self.counters.bump(Counter::ProtectionShut);
                Some(Counter::DropAddressRate)
            }
        }
    }

    /// Why a packet of no session does not get one from outside; counts it for its address.
    pub fn refuses_stranger(
        &mut self,
        realm: Realm,
        (src, dst): (u32, u32),
        now: Nanos,
    ) -> Option<Counter> {
        if self.is_scanner(realm, src, now) {
            return Some(Counter::DropScanner);
        }
        let guard = self.guard.as_mut()?;
        let rate = self.layout.protection()?.unsolicited?;
        let place = self.layout.outside_place(realm, dst)?;
        (!guard.invites(rate, place, now)).then_some(Counter::DropUnsolicitedRate)
    }

    /// Notes that a remote host touched an outside port that nobody has.
    pub fn note_unwanted(&mut self, realm: Realm, remote: u32, to: (u32, u16), now: Nanos) {
        if let Some(guard) = &mut self.guard
            && let Some(scan) = self.layout.protection().and_then(|found| found.scan)
            && guard.touches(scan, (realm, remote), to, now)
        {
            self.counters.bump(Counter::ProtectionScanners);
        }
    }

    /// Whether a remote host has touched so many ports nobody has that its first packets are
    /// dropped; its packets of sessions are not.
    fn is_scanner(&self, realm: Realm, remote: u32, now: Nanos) -> bool {
        self.guard
            .as_ref()
            .is_some_and(|guard| guard.is_out(realm, remote, now))
    }
}
