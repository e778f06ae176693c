//! First packets from inside: limits, mapping, session.

use base::{Counter, Direction};

use super::tunnels::at_pair;
use super::{First, NO_RULE, Opened, Refusal, Shard, first_state, opens, rule_number};
use crate::mapping::{MappingId, MappingKind};
use crate::session::{Flags, NewSession};
use crate::subscriber::SubscriberId;

impl Shard {
    /// Opens a session for a packet from inside. `rule` is the number of the
    /// translating rule that matched; `None` leaves static mappings alone.
    ///
    /// # Errors
    ///
    /// The drop reason, with nothing changed.
    pub fn open_outbound(
        &mut self,
        first: &First<'_>,
        rule: Option<usize>,
    ) -> Result<Opened, Refusal> {
        opens(first)?;
        if self.layout.zones().is_none() {
            return self.open_outbound_at(first, rule);
        }
        let entry = self.admit_outbound(first, rule)?;
        let opened = self.open_outbound_at(first, rule)?;
        self.entered(opened, entry, first.now.ticks());
        Ok(opened)
    }

    fn open_outbound_at(
        &mut self,
        first: &First<'_>,
        rule: Option<usize>,
    ) -> Result<Opened, Refusal> {
        if let Some(rule) = rule
            && let Some(opened) = self.open_at_once(first, rule)
        {
            return Ok(opened);
        }
        let opened = self.open_by_steps(first, rule);
        if let Err(why) = opened
            && self.logs()
        {
            self.note_refusal(first.key, rule, why, first.now.ticks());
        }
        opened
    }

    fn open_by_steps(&mut self, first: &First<'_>, rule: Option<usize>) -> Result<Opened, Refusal> {
        let (mapping, subscriber) = if let Some(mapping) = self.static_mapping(first.key) {
            (mapping, None)
        } else {
            let rule = rule.ok_or(Counter::DropNoRule)?;
            let (mapping, subscriber) = self.mapping_for(&at_pair(first), rule)?;
            (mapping, Some(subscriber))
        };
        let opened = self
            .begin_tunnel(first, mapping)
            .and_then(|()| self.open_under(first, mapping, rule, subscriber));
        if opened.is_err() {
            self.end_mapping_if_unused(mapping, first.now.ticks());
        }
        opened
    }

    pub(super) fn open_under(
        &mut self,
        first: &First<'_>,
        id: MappingId,
        rule: Option<usize>,
        subscriber: Option<SubscriberId>,
    ) -> Result<Opened, Refusal> {
        let key = first.key;
        let mapping = self.mappings.get(id).ok_or(Counter::DropNoMapping)?;
        let mut flags = if mapping.kind == MappingKind::Static {
            Flags::INBOUND_REFRESH
        } else {
            self.udp_refresh(key.protocol())
        };
        if first.hairpin {
            flags = flags.with(Flags::HAIRPIN);
        }
        let filtered = self.filters_by_address(&mapping);
        if filtered {
            self.speak(id, key.dst())
                .map_err(|_| Counter::DropSessionTable)?;
            flags = flags.with(Flags::FILTER);
        }
        let new = NewSession {
            out_key: key,
            outside: mapping.outside,
            outside_port: mapping.port_for(key.src_port()),
            outside_realm: mapping.outside_realm,
            state: first_state(key, Direction::Outbound),
            flags,
            rule: rule.map_or(NO_RULE, rule_number),
            mapping: Some(id),
        };
        let opened = self.insert_session(&new, &mapping, subscriber, first.now);
        match opened {
            Ok(opened) => {
                self.mappings.strengthen(id);
                let services = self.layout.services(usize::from(new.rule));
                if services.may_have(key.dst_port()) || services.may_have(key.src_port()) {
                    self.attach_by_port(opened);
                }
                if mapping.strong > 0 {
                    self.attach_by_door(opened);
                }
                if self.leads.find(key, first.now.ticks()).is_some() {
                    self.attach_by_lead(opened, first.now.ticks());
                }
            }
            Err(_) if filtered => self.unspeak(id, key.dst()),
            Err(_) => {}
        }
        opened
    }
}
