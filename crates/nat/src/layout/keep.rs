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

    /// Whether an outside address of another layout is not in this one, or not in the same pool.
    #[must_use]
    pub fn lacks_addresses_of(&self, before: &Self) -> bool {
        (0..).zip(before.addresses()).any(|(slot, old)| {
            old.is_some_and(|old| {
                let new = self.address(slot);
                new.is_none_or(|new| (new.address, new.pool) != (old.address, old.pool))
            })
        })
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
