//! What of one layout goes on under the next.

use super::{Layout, number};
use crate::key::FlowKey;
use crate::mapping::{Mapping, MappingKind};
use crate::settings::{Action, Division, Rule};

impl Layout {
    /// Whether a session or door of an inside endpoint that was opened under `before` goes on
    /// under this one.
    #[must_use]
    pub fn keeps(&self, before: &Self, key: FlowKey, mapping: Option<&Mapping>) -> bool {
        let Some(mapping) = mapping else {
            return false;
        };
        // A host that comes to share load, or ceases to, may go to another shard.
        let owner = |layout: &Self| layout.inside_owner(key.realm(), key.src());
        if owner(before) != owner(self) {
            return false;
        }
        if mapping.kind == MappingKind::Static {
            return self.static_at(mapping.rule).is_some();
        }
        if mapping.is_untouched() {
            return self.rule(usize::from(mapping.rule)).is_some();
        }
        let Some(Rule {
            action: Action::Translate(translate),
            realm,
            outside_realm,
            ..
        }) = self.rule(usize::from(mapping.rule))
        else {
            return false;
        };
        let slot = mapping
            .pool()
            .and_then(|pool| before.slot_with(pool, mapping.outside));
        let stays = slot.is_some_and(|slot| {
            let (Some(old), Some(new)) = (before.address(slot), self.address(slot)) else {
                return false;
            };
            old.pool == new.pool
                && old.address == new.address
                && number::same_pool(
                    before.pool(usize::from(old.pool)),
                    match self.pool(usize::from(new.pool)) {
                        Some(pool) => pool,
                        None => return false,
                    },
                )
                && translate.pools.iter().any(|pool| {
                    pool == usize::from(new.pool)
                        || self.overflow_of(pool) == Some(usize::from(new.pool))
                })
        });
        stays
            && *realm == key.realm()
            && *outside_realm == mapping.outside_realm
            && !self.is_static(
                mapping.outside_realm,
                mapping.outside,
                key.protocol(),
                mapping.outside_port,
            )
    }

    /// Whether hosts have lost under this layout what they had asked for under another one: an
    /// address, or what their rule draws on.
    #[must_use]
    pub fn loses_mappings_of(&self, before: &Self) -> bool {
        let mut addresses = (0..).zip(before.addresses());
        let lacks_one = addresses.any(|(slot, old)| {
            old.is_some_and(|old| {
                let new = self.address(slot);
                new.is_none_or(|new| (new.address, new.pool) != (old.address, old.pool))
            })
        });
        let mut rules = before.rules();
        lacks_one
            || rules.any(|(number, old)| old.pcp.is_some() && self.takes_from(number, old, before))
    }

    /// Whether a rule that still serves hosts, or is gone, has left them nothing of some pool.
    fn takes_from(&self, number: usize, old: &Rule, before: &Self) -> bool {
        let Some(new) = self.rule(number) else {
            return true;
        };
        let Action::Translate(had) = &old.action else {
            return false;
        };
        let pool_stays = |pool: usize| {
            let same = self
                .pool(pool)
                .is_some_and(|new| number::same_pool(before.pool(pool), new));
            let Action::Translate(has) = &new.action else {
                return false;
            };
            same && has.pools.iter().any(|one| one == pool)
        };
        let realms = |rule: &Rule| (rule.realm, rule.outside_realm);
        let stays = realms(old) == realms(new) && had.pools.iter().all(pool_stays);
        new.pcp.is_some() && !stays
    }

    /// Whether a rule takes addresses from a pool.
    pub(super) fn draws_on(&self, rule: u16, pool: usize) -> bool {
        matches!(
            self.rule(usize::from(rule)).map(|rule| &rule.action),
            Some(Action::Translate(translate)) if translate.pools.iter().any(|one| one == pool)
        )
    }

    /// The pool that a deterministic one overflows into.
    pub(crate) fn overflow_of(&self, pool: usize) -> Option<usize> {
        match self.pool(pool)?.division {
            Division::Deterministic { overflow, .. } => overflow,
            _ => None,
        }
    }
}
