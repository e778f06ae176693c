//! Addresses of whole hosts, as name servers and their askers tell them (RFC 2694).
//!
//! Who is asked for and has no address on the other side, but could be lent one, is lent it for as
//! long as an asker may need to come: a door that nothing fits keeps the mapping meanwhile. Each
//! time it is asked for again it is kept anew; flows that come keep it as they always do. So
//! that nobody uses up a pool by asking, no more than half of it is lent like that.

use base::{Counter, Direction, Nanos, Ticks};
use wire::ipv4::protocol;

use super::{ANY_PROTOCOL, First, Match, Shard, first_match, inbound_key};
use crate::door::{Door, OpenedDoor, Origin, Place, Remote, Uses};
use crate::gateway::Gateway;
use crate::key::{FlowKey, Realm};
use crate::layout::Plan;
use crate::mapping::{Mapping, MappingId, MappingKind};
use crate::pool::Wish;
use crate::session::SessionId;
use crate::settings::Division;

/// How long what a name server has told is kept for whoever heard of it (RFC 2694 section 3.1).
const HOLD_OUT: Nanos = Nanos::from_secs(120);

/// What an address is on the other side of the translator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No host's that has one of its own there: it is the same on both sides, or unknown.
    Ordinary,
    /// This one.
    Known {
        /// The address.
        address: u32,
        /// It is configured, not lent.
        lasts: bool,
    },
    /// That of a host that could be lent one, and has none.
    Unbound,
    /// One to be lent that nobody has.
    Free,
    /// Another shard knows.
    Elsewhere,
}

/// What an address is looked up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// To know.
    Look,
    /// To tell somebody: what is lent is kept for that one.
    Tell,
    /// The same, and who has none is lent one.
    Lend,
}

impl Shard {
    /// What an address in a message of a session is to the receiver of the message. A host that
    /// has none there is lent one if that is asked for and there is one to be had.
    pub fn across(
        &mut self,
        session: SessionId,
        direction: Direction,
        address: u32,
        asking: Asking,
        now: Nanos,
    ) -> Standing {
        let Some(view) = self.sessions.view(session) else {
            return Standing::Ordinary;
        };
        let (inside, outside) = (view.out_key.realm(), view.outside_realm);
        match direction {
            Direction::Outbound => self.seen_outside(address, (inside, outside), asking, now),
            Direction::Inbound => self.seen_inside(address, (inside, outside), asking, now),
        }
    }

    fn seen_outside(
        &mut self,
        address: u32,
        (inside, outside): (Realm, Realm),
        asking: Asking,
        now: Nanos,
    ) -> Standing {
        let fixed = self.static_mapping(FlowKey::new(address, 0, 0, 0, ANY_PROTOCOL, inside));
        if let Some(mapping) = fixed.and_then(|id| self.mappings.get(id)) {
            if mapping.outside_realm != outside {
                return Standing::Ordinary;
            }
            return Standing::Known {
                address: mapping.outside,
                lasts: true,
            };
        }
        if self.layout.is_for_remotes(outside, address) {
            let partner = self.whole_of(outside, address).map(|(id, mapping)| {
                let partner = mapping.out_key.src();
                self.keep(id, &mapping, asking, now);
                Standing::Known {
                    address: partner,
                    lasts: false,
                }
            });
            return partner.unwrap_or_else(|| self.unlent(outside, address));
        }
        let key = FlowKey::new(address, 0, 0, 0, protocol::UDP, inside);
        match first_match(self.layout.rules(), key) {
            Match::Rule(rule, _) => self.lent(key, rule, asking, now),
            Match::Protocol | Match::None => Standing::Ordinary,
        }
    }

    fn seen_inside(
        &mut self,
        address: u32,
        (inside, outside): (Realm, Realm),
        asking: Asking,
        now: Nanos,
    ) -> Standing {
        if let Some((id, mapping)) = self.whole_of(outside, address) {
            let fixed = mapping.kind == MappingKind::Static;
            let remote = !fixed && self.is_outside_rule(mapping.rule);
            if remote || mapping.out_key.realm() != inside {
                return Standing::Ordinary;
            }
            if !fixed {
                self.keep(id, &mapping, asking, now);
            }
            return Standing::Known {
                address: mapping.out_key.src(),
                lasts: fixed,
            };
        }
        let key = FlowKey::new(address, 0, 0, 0, protocol::UDP, outside);
        if let Some((rule, _)) = self.match_outside_rule(key) {
            return self.lent(key, rule, asking, now);
        }
        if self.layout.is_for_remotes(outside, address) {
            return Standing::Ordinary;
        }
        self.unlent(outside, address)
    }

    /// The mapping of a whole outside address.
    fn whole_of(&self, realm: Realm, address: u32) -> Option<(MappingId, Mapping)> {
        let key = inbound_key(address, 0, ANY_PROTOCOL, realm);
        let id = self.mappings.find_inbound(key)?;
        Some((id, self.mappings.get(id)?))
    }

    /// What an outside address is that no host has as a whole.
    fn unlent(&self, realm: Realm, address: u32) -> Standing {
        let whole = |slot| {
            let pool = self.pools.pool_of(slot);
            pool.and_then(|pool| self.pools.division(pool)) == Some(Division::Whole)
        };
        let known = self.layout.outside_address(realm, address);
        if !known.is_some_and(|known| known.slots().any(whole)) {
            return Standing::Ordinary;
        }
        let owner = self.layout.outside_owner(realm, address, ANY_PROTOCOL, 0);
        if owner == Some(self.number) {
            Standing::Free
        } else {
            Standing::Elsewhere
        }
    }

    /// The address that the host of a key has by a rule that lends whole ones.
    fn lent(&mut self, key: FlowKey, rule: usize, asking: Asking, now: Nanos) -> Standing {
        let Some(plan) = self.layout.plan(rule).filter(|plan| plan.is_whole).copied() else {
            return Standing::Ordinary;
        };
        if self.layout.inside_owner(key.realm(), key.src()) != self.number {
            return Standing::Elsewhere;
        }
        let known = self.door_mapping(key, &plan);
        let id = match known {
            None if asking == Asking::Lend && self.may_lend(&plan) => {
                self.lend(key, rule, &plan, now)
            }
            known => known,
        };
        let Some(id) = id else {
            return Standing::Unbound;
        };
        let Some(mapping) = self.mappings.get(id).filter(Mapping::is_whole) else {
            return Standing::Ordinary;
        };
        if !self.keep(id, &mapping, asking, now) {
            self.end_mapping_if_unused(id, now.ticks());
            if known.is_none() {
                return Standing::Unbound;
            }
        }
        Standing::Known {
            address: mapping.outside,
            lasts: false,
        }
    }

    /// Whether there is an address to be lent to who only has been asked for.
    fn may_lend(&self, plan: &Plan) -> bool {
        let pools = plan.translate.pools.iter();
        let all: u64 = pools.map(|pool| self.pools.used(pool).blocks_total).sum();
        u64::from(self.loans) < (all / 2).max(1)
    }

    /// Lends a host an address that nothing keeps yet.
    fn lend(&mut self, key: FlowKey, rule: usize, plan: &Plan, now: Nanos) -> Option<MappingId> {
        let subscriber = self.subscriber_for(key, plan.is_outside).ok()?;
        let first = First {
            key,
            tcp: None,
            hairpin: false,
            outside_realm: plan.outside_realm,
            sender_rule: None,
            ahead: None,
            interface: 0,
            now,
        };
        let mapped = self.map_for_door(&first, rule, plan, subscriber, Wish::default());
        if mapped.is_err() {
            self.forget_if_idle(subscriber);
        }
        mapped.ok()
    }

    /// Keeps the mapping of a whole address for who has just been told of it.
    fn keep(&mut self, id: MappingId, mapping: &Mapping, asking: Asking, now: Nanos) -> bool {
        if asking == Asking::Look {
            return true;
        }
        let door = Door {
            outside: Place {
                address: mapping.outside,
                port: 0,
                realm: mapping.outside_realm,
            },
            protocol: ANY_PROTOCOL,
            remote: Remote::ANY,
            inside: Place {
                address: mapping.out_key.src(),
                port: 0,
                realm: mapping.out_key.realm(),
            },
            uses: Uses::Many,
            origin: Origin::Gateway(Gateway::Dns),
            parent: None,
            answers: false,
            kind: 0,
            agreed: false,
            subscriber: self.subscriber_of(mapping),
            expires: Some(now.ticks().plus(Ticks::in_duration(HOLD_OUT))),
        };
        match self.doors.open(door) {
            Ok(OpenedDoor::New(_)) => {
                self.mappings.strengthen(id);
                self.loans += 1;
                self.tallies.of_mut(Gateway::Dns).doors_opened += 1;
                true
            }
            Ok(OpenedDoor::Renewed(_)) => true,
            Err(_) => {
                self.counters.bump(Counter::AlgTableFull);
                false
            }
        }
    }
}
