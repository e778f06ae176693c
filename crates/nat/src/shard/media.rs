//! What has passed at an endpoint that media come to, for whoever judges whether they flow.

use base::Direction;

use super::{Shard, inbound_key};
use crate::key::{FlowKey, Realm};
use crate::session::Flags;

/// What has passed at a media endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaFigures {
    /// Packets out and in between it and the remote endpoint that it knows.
    pub packets: [u64; 2],
    /// Flows that came in from elsewhere and were answered.
    pub answered: u16,
    /// Flows that came in from elsewhere and were not.
    pub unanswered: u16,
}

impl Shard {
    /// Of an inside endpoint towards a remote one, and of all that comes to what stands for it
    /// outside.
    #[must_use]
    pub fn media_figures(
        &self,
        key: FlowKey,
        (outside, port): (u32, u16),
        realm: Realm,
    ) -> MediaFigures {
        let own = self
            .find(key, self.hash(key))
            .filter(|hit| hit.direction == Direction::Outbound)
            .and_then(|hit| self.session_view(hit.id));
        let mut figures = MediaFigures::default();
        let mut visits = 0;
        if let Some(own) = &own {
            figures.packets = own.packets;
            visits = u16::from(own.flags.has(Flags::FROM_OUTSIDE));
        }
        let to = inbound_key(outside, port, key.protocol(), realm);
        let mapping = self
            .mapping_to(to, realm)
            .and_then(|id| self.mappings.get(id))
            // That of a whole host has visitors at other ports, too.
            .filter(|mapping| !mapping.is_whole() && mapping.out_key.src() == key.src());
        if let Some(mapping) = mapping {
            let weak = own.is_some_and(|own| own.flags.has(Flags::WEAK));
            figures.unanswered = mapping.weak.saturating_sub(u16::from(weak));
            figures.answered = mapping
                .visitors
                .saturating_sub(visits)
                .saturating_sub(figures.unanswered);
        }
        figures
    }
}
