//! What NAT-PMP (RFC 6886) asks for besides what PCP does: the outside address alone, and the end of
//! all mappings of a protocol.

use base::{Counter, Nanos, Prefix};

use super::Shard;
use super::pcp::{Ask, Denied};
use crate::key::Realm;
use crate::pcp::{Filter, NO_NONCE};

/// Whom nobody can be.
const NOBODY: Filter = Filter {
    prefix: Prefix::new(core::net::Ipv4Addr::UNSPECIFIED, 32),
    port: 0,
};

impl Shard {
    /// The address by which the outside knows a host. One that has none yet gets one, and keeps it
    /// for a while by a mapping of the endpoint it asks from, which lets nobody in: what it asks
    /// for next is to be at the address that it was told.
    ///
    /// # Errors
    ///
    /// As [`Shard::pcp_map`].
    pub fn outside_address(
        &mut self,
        rule: usize,
        ask: &Ask<'_>,
        now: Nanos,
    ) -> Result<u32, Denied> {
        if let Some(address) = self.paired_address(rule, ask.inside, ask.realm) {
            return Ok(address);
        }
        let held = Ask {
            filters: &[None, Some(NOBODY)],
            ..*ask
        };
        let granted = self.pcp_map(rule, &held, now)?;
        let (address, _) = granted.outside.ok_or(Denied::NoResources)?;
        Ok(address)
    }

    fn paired_address(&self, rule: usize, inside: u32, realm: Realm) -> Option<u32> {
        let id = self.subscribers.find(inside, realm)?;
        let mut pools = self.layout.plan(rule)?.translate.pools.iter();
        let slot = pools.find_map(|pool| self.paired_slot(id, pool))?;
        self.pools.ip(slot).map(core::net::Ipv4Addr::to_bits)
    }

    /// Deletes what a client of NAT-PMP has mapped of a protocol.
    pub fn end_all_mapped(&mut self, inside: u32, realm: Realm, protocol: u8, now: Nanos) {
        let subscriber = self.subscribers.find(inside, realm);
        let records = self.records.as_ref();
        let mut next = subscriber.and_then(|id| records?.first_of(id));
        while let Some(id) = next
            && let Some(records) = &self.records
        {
            next = records.next_of(id);
            let is_meant = records.get(id).is_some_and(|record| {
                !record.is_peer() && record.nonce == NO_NONCE && record.key.protocol() == protocol
            });
            if is_meant {
                self.end_record(id, now.ticks());
                self.counters.bump(Counter::PcpDeleted);
            }
        }
    }
}
