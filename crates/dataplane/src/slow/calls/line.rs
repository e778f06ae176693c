//! One media line of a call: what offers and answers of both sides have made of it
//! (RFC 3264), and whether its media flow.

use appproto::sip::{Flow, MediaKind};
use appproto::{Endpoint, Transport};
use base::Direction;
use nat::MediaFigures;

use super::health::{Health, judge};
use crate::calls::CallMedia;

/// A media line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) kind: MediaKind,
    pub(super) transport: Transport,
    /// Where the inside host listens, and what stands for that outside.
    pub(super) ends: Option<(Endpoint, Endpoint)>,
    /// Where the remote listens.
    pub(super) remote: Option<Endpoint>,
    /// What either side says, by the direction of its messages.
    flows: [Flow; 2],
    rejected: [bool; 2],
    /// What had passed when it was asked for last.
    figures: Option<MediaFigures>,
    pub(super) health: Health,
}

impl Line {
    pub(super) fn new(media: &CallMedia) -> Self {
        Self {
            kind: media.kind,
            transport: media.transport,
            ends: None,
            remote: None,
            flows: [Flow::SendRecv; 2],
            rejected: [false; 2],
            figures: None,
            health: Health::Unknown,
        }
    }

    /// Takes up what a message says of it.
    pub(super) fn hear(&mut self, direction: Direction, media: &CallMedia) {
        let before = (self.ends, self.remote);
        // No address: the old way to say that nothing is to be sent (RFC 3264 section 8.4).
        // Its port is kept for when the call goes on.
        let holds = media.named.address == 0 && media.named.port != 0;
        let flow = if holds { Flow::SendOnly } else { media.flow };
        if let Some(place) = self.flows.get_mut(direction as usize) {
            *place = flow;
        }
        if let Some(place) = self.rejected.get_mut(direction as usize) {
            *place = media.rejected;
        }
        (self.kind, self.transport) = (media.kind, media.transport);
        if !holds {
            match direction {
                Direction::Outbound => {
                    self.ends = media.outside.map(|outside| (media.named, outside));
                }
                Direction::Inbound => {
                    self.remote = (media.named.port != 0).then_some(media.named);
                }
            }
        }
        if (self.ends, self.remote) != before {
            self.figures = None;
            self.health = Health::Unknown;
        }
    }

    /// Where it is, if neither side has rejected it.
    pub(super) fn shown(&self) -> Option<(Endpoint, Endpoint)> {
        self.ends.filter(|_| self.rejected == [false; 2])
    }

    /// Both ends of what should flow both ways; fax and data may well flow one way.
    pub(super) fn judged(&self) -> Option<(Endpoint, Endpoint, Endpoint)> {
        let both = self.flows == [Flow::SendRecv; 2]
            && matches!(self.kind, MediaKind::Audio | MediaKind::Video);
        let (inside, outside) = self.shown().filter(|_| both)?;
        Some((inside, outside, self.remote?))
    }

    /// Takes note of what has passed by now.
    pub(super) fn told(&mut self, figures: MediaFigures) {
        if self.judged().is_none() {
            self.figures = None;
            self.health = Health::Unknown;
            return;
        }
        if let Some(before) = self.figures.replace(figures) {
            self.health = judge(&before, &figures);
        }
    }

    /// How it does; unknown while there is nothing to judge.
    pub(super) fn health(&self) -> Health {
        self.judged().map_or(Health::Unknown, |_| self.health)
    }
}
