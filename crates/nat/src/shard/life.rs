//! The life of a session after its first packet: who keeps the mapping, and TCP state.

use base::{Counter, Direction, Ticks};

use super::{Refusal, Shard};
use crate::mapping::MappingId;
use crate::session::{Flags, Hit, SessionId};
use crate::tcp_state::Segment;

impl Shard {
    /// Follows one packet of a session: who keeps the mapping, timer, TCP state.
    ///
    /// # Errors
    ///
    /// [`Counter::DropNoMapping`] if the packet came through a mapping that
    /// nobody inside keeps any more; what the zone policy says of the way back.
    pub fn on_packet(
        &mut self,
        hit: Hit,
        tcp: Option<&Segment>,
        len: u32,
        now: Ticks,
    ) -> Result<(), Refusal> {
        let (flags, looks) = self
            .sessions
            .get(hit.id)
            .map(|session| (session.flags(), session.has_gateway()))
            .unwrap_or_default();
        if looks {
            self.admit_way(hit)?;
        }
        if flags.has(Flags::WEAK.with(Flags::UNANSWERED)) {
            let reset = tcp.is_some_and(|segment| segment.event() == crate::TcpEvent::Rst);
            match hit.direction {
                Direction::Outbound if !reset && flags.has(Flags::WEAK) => self.strengthen(hit.id),
                Direction::Outbound if !reset => self.admit_remote(hit.id, Flags::UNANSWERED),
                Direction::Outbound => {}
                Direction::Inbound => {
                    let open = self
                        .sessions
                        .mapping(hit.id)
                        .and_then(|id| self.mappings.get(id))
                        .is_some_and(|mapping| mapping.is_open());
                    if !open {
                        return Err(Counter::DropNoMapping);
                    }
                }
            }
        }
        match tcp {
            Some(segment) => {
                let as_sent;
                let segment = if looks || segment.opens() {
                    as_sent = self.as_sent(hit, *segment, now);
                    &as_sent
                } else {
                    segment
                };
                if self.sessions.track(hit.id, hit.direction, segment, now) {
                    self.counters.bump(Counter::TcpResetIgnored);
                }
            }
            None => self.sessions.refresh(hit.id, hit.direction, now),
        }
        self.sessions.count(hit.id, hit.direction, len);
        Ok(())
    }

    /// A host has joined the group it sends to by this session: it lasts an hour without
    /// packets (RFC 5135 REQ-14).
    pub fn let_group_session_last(&mut self, id: SessionId) {
        self.sessions.set_udp_member(id);
    }

    /// A session from outside was answered: from now on it keeps its mapping.
    pub(super) fn strengthen(&mut self, id: SessionId) {
        let Some(view) = self.sessions.view(id) else {
            return;
        };
        if let Some(mapping_id) = view.mapping {
            self.unchain_weak(mapping_id, id, self.sessions.next_weak(id));
            // The chain's place is one of acknowledgements from now on.
            self.sessions.set_next_weak(id, None);
            self.mappings.strengthen(mapping_id);
        }
        self.admit_remote(id, Flags::WEAK);
    }

    /// The inside has answered: the remote is one that it has written to.
    fn admit_remote(&mut self, id: SessionId, clear: Flags) {
        let Some(view) = self.sessions.view(id) else {
            return;
        };
        let mut set = Flags::default();
        if let Some(mapping_id) = view.mapping
            && let Some(mapping) = self.mappings.get(mapping_id)
            && self.filters_by_address(&mapping)
            && self.speak(mapping_id, view.out_key.dst()).is_ok()
        {
            set = Flags::FILTER;
        }
        self.sessions.change_flags(id, clear, set);
    }

    /// Takes a session that was never answered out of its mapping's chain of at
    /// most [`MAX_WEAK`](super::MAX_WEAK); `next` is what was behind it.
    pub(super) fn unchain_weak(
        &mut self,
        mapping: MappingId,
        id: SessionId,
        next: Option<SessionId>,
    ) {
        let first = self.mappings.change(mapping, |mapping| {
            mapping.weak = mapping.weak.saturating_sub(1);
            let first = mapping.first_weak();
            if first == Some(id) {
                mapping.set_first_weak(next);
            }
            first
        });
        let mut at = first.flatten().filter(|first| *first != id);
        while let Some(before) = at {
            let behind = self.sessions.next_weak(before);
            if behind == Some(id) {
                self.sessions.set_next_weak(before, next);
                return;
            }
            at = behind;
        }
    }
}
