//! First packets from outside: mapping, filtering, session (RFC 4787 section 5).

use base::{Counter, Direction};
use wire::ipv4::protocol;

use super::{First, MAX_WEAK, NO_RULE, Opened, Refusal, Shard, first_state, opens, session_limit};
use crate::key::{FlowKey, Realm};
use crate::mapping::{Mapping, MappingId, MappingKind, inbound_key};
use crate::session::{Flags, NewSession};
use crate::settings::{Action, Dependence};

impl Shard {
    /// Opens a session for a packet to an outside address, if a mapping and its
    /// filtering admit it.
    ///
    /// # Errors
    ///
    /// The drop reason, with nothing changed.
    pub fn open_inbound(&mut self, first: &First) -> Result<Opened, Refusal> {
        let key = first.key;
        // What answers a hairpin is one itself: its remote is an outside address.
        let from = if first.hairpin {
            Flags::FROM_OUTSIDE.with(Flags::HAIRPIN)
        } else {
            Flags::FROM_OUTSIDE
        };
        let new = |inside: u32, port: u16, realm: Realm| {
            FlowKey::new(
                inside,
                key.src(),
                port,
                key.src_port(),
                key.protocol(),
                realm,
            )
        };
        if let Some(inside) = self
            .statics
            .inside_of(key.realm(), key.dst(), key.protocol())
        {
            if inside.filtering != Dependence::Endpoint {
                return Err(Counter::DropFiltered);
            }
            opens(first)?;
            return self.insert_session(
                &NewSession {
                    out_key: new(inside.address, key.dst_port(), inside.realm),
                    outside: key.dst(),
                    outside_port: key.dst_port(),
                    outside_realm: key.realm(),
                    state: first_state(key, Direction::Inbound),
                    flags: from.with(Flags::INBOUND_REFRESH),
                    rule: NO_RULE,
                    mapping: None,
                },
                first.now,
            );
        }
        let id = self
            .mappings
            .find_inbound(inbound_key(
                key.dst(),
                key.dst_port(),
                key.protocol(),
                key.realm(),
            ))
            .ok_or(Counter::DropNoMapping)?;
        let mapping = *self.mappings.get(id).ok_or(Counter::DropNoMapping)?;
        if !mapping.is_open() {
            return Err(Counter::DropNoMapping);
        }
        if !self.admits(id, &mapping, key.src()) {
            return Err(Counter::DropFiltered);
        }
        opens(first)?;
        let pinned = mapping.kind == MappingKind::Static;
        let refresh = self.udp_refresh();
        let udp = key.protocol() == protocol::UDP;
        let weak = !(pinned || udp && refresh == Flags::INBOUND_REFRESH);
        if weak && mapping.weak >= MAX_WEAK {
            return Err(Counter::DropInboundLimit);
        }
        if let Some(subscriber) = mapping.subscriber()
            && let Some(subscriber) = self.subscribers.get_mut(subscriber)
            && subscriber.sessions >= session_limit(&self.settings, mapping.rule)
        {
            subscriber.refused += 1;
            return Err(Counter::DropSessionLimit);
        }
        let mut flags = from.with(refresh);
        if weak {
            flags = flags.with(Flags::WEAK);
        }
        let inside = mapping.out_key;
        let opened = self.insert_session(
            &NewSession {
                out_key: new(inside.src(), inside.src_port(), inside.realm()),
                outside: mapping.outside,
                outside_port: mapping.outside_port,
                outside_realm: key.realm(),
                state: first_state(key, Direction::Inbound),
                flags,
                rule: if pinned { NO_RULE } else { mapping.rule },
                mapping: Some(id),
            },
            first.now,
        )?;
        if let Some(mapping) = self.mappings.get_mut(id) {
            if weak {
                mapping.weak += 1;
                let next = mapping.set_first_weak(Some(opened));
                self.sessions.set_next_weak(opened, next);
            } else {
                mapping.strong += 1;
            }
        }
        Ok(opened)
    }

    /// Filtering (RFC 4787 section 5) of a remote address without a session.
    pub(super) fn admits(&self, id: MappingId, mapping: &Mapping, remote: u32) -> bool {
        match self.filtering(mapping) {
            Dependence::Endpoint => true,
            Dependence::Address if mapping.out_key.dst() != 0 => mapping.out_key.dst() == remote,
            Dependence::Address => self
                .filter
                .as_ref()
                .is_some_and(|filter| filter.admits(id, remote)),
            Dependence::AddressAndPort => false,
        }
    }

    pub(super) fn filtering(&self, mapping: &Mapping) -> Dependence {
        if mapping.kind == MappingKind::Static {
            return self
                .settings
                .statics
                .get(usize::from(mapping.rule))
                .map_or(Dependence::Endpoint, |one| one.filtering);
        }
        match self
            .settings
            .rules
            .get(usize::from(mapping.rule))
            .map(|rule| &rule.action)
        {
            Some(Action::Translate(translate)) => translate.filtering,
            _ => Dependence::AddressAndPort,
        }
    }

    pub(super) fn filters_by_address(&self, mapping: &Mapping) -> bool {
        self.filter.is_some()
            && mapping.out_key.dst() == 0
            && self.filtering(mapping) == Dependence::Address
    }
}
