//! First packets, where nothing about them is unusual.
//!
//! ```text
//!  plain, no session ─> addresses ordinary? ─> rule of the interface
//!      from inside:  no hairpin, ours, a known next hop ─> opened | refused
//!      from outside: no rule, ours ─> nobody has the port | may not come in ─> dropped
//!      anything else ─> unusual: the general lane finds out
//! ```
//!
//! What is decided here is decided as the general lane would, from what
//! classification has read already. In doubt nothing is decided and nothing changed.

use base::{Counter, Direction, Nanos};
use nat::settings::Action;
use nat::{Ahead, First, FlowKey, Hit, Match, Segment};
use pktio::{Io, PacketBuf, PortId, RingReceiver, RingSender};
use wire::ethernet::{self, Tags};
use wire::ipv4;

use crate::general::{Packet, is_inside};
use crate::router::Standing;
use crate::worker::Worker;

/// What becomes of a plain packet without a session.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Opening {
    /// It has one now, whose way is known.
    Opened(Hit),
    /// It is to be dropped.
    Dropped(Counter),
    /// So it is, but its sender may be told.
    Refused(Counter),
    /// To be looked at in the general lane.
    Unusual,
}

/// A plain packet for which no session was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stranger<'a> {
    pub(crate) key: FlowKey,
    /// Its segment, if TCP.
    pub(crate) segment: Option<Segment>,
    /// Of the IP packet.
    pub(crate) len: u16,
    /// Where that begins in the frame.
    pub(crate) l3: u8,
    /// If it was seen coming.
    pub(crate) ahead: Option<&'a Ahead>,
}

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Whether untagged packets of a port are from outside only, and nothing but ports
    /// decides what becomes of first ones.
    pub(crate) fn is_plainly_outside(&self, port: PortId) -> bool {
        let Some(number) = self.router.interface_of(port, Tags::NONE) else {
            return false;
        };
        let interface = self.router.interface(number);
        interface.is_some_and(|interface| !interface.any_mac)
            && self.shard.layout().is_only_outside(usize::from(number))
            && self.shard.ports_decide()
    }

    /// Whether a plain packet from there is for a port that nobody has; it is not a SYN.
    #[inline]
    pub(crate) fn is_unwanted(&self, key: FlowKey) -> bool {
        let realm = key.realm();
        self.router.standing(realm, key.src()) == Standing::Ordinary
            && self.router.standing(realm, key.dst()) != Standing::Improper
            && self
                .shard
                .nobody_has(realm, key.dst(), key.protocol(), key.dst_port())
    }

    /// Opens a session for a plain packet that has none, or says why not.
    pub(crate) fn open_plain(
        &mut self,
        buf: &I::Buf,
        stranger: &Stranger<'_>,
        now: Nanos,
    ) -> Opening {
        let found = match stranger.ahead {
            Some(ahead) => self.open_from_inside(buf, stranger, ahead.rule, now),
            None => self.look_at(buf, stranger, now),
        };
        found.unwrap_or(Opening::Unusual)
    }

    /// The same for one that was not seen coming.
    fn look_at(&mut self, buf: &I::Buf, stranger: &Stranger<'_>, now: Nanos) -> Option<Opening> {
        if self.shard.is_by_cookie(stranger.key) {
            return None;
        }
        let interface = usize::from(self.came_by(buf, stranger.l3)?);
        if self.shard.layout().is_only_outside(interface) {
            return self.turned_away(stranger, now);
        }
        match self.shard.match_rule(interface, stranger.key) {
            Match::Rule(number, Action::Translate(_)) => {
                self.open_from_inside(buf, stranger, number, now)
            }
            _ => None,
        }
    }

    /// What is to be loaded ahead for a packet that will probably open a session.
    /// `untagged` is the interface of frames without tags, if there can be such packets.
    #[inline]
    pub(crate) fn ahead(
        &self,
        buf: &I::Buf,
        (key, l3): (FlowKey, u8),
        untagged: Option<usize>,
    ) -> Option<Ahead> {
        let interface = if usize::from(l3) == ethernet::HEADER_LEN {
            untagged.filter(|_| buf.bytes().first().is_some_and(|first| first & 1 == 0))?
        } else {
            usize::from(self.came_by(buf, l3)?)
        };
        let rule = self.shard.sure_rule(interface, key)?;
        Some(Ahead::new(key, rule))
    }

    /// The interface of untagged frames of a port, if first packets from there open
    /// sessions.
    pub(crate) fn opens_from(&self, port: PortId) -> Option<usize> {
        let number = self.router.interface_of(port, Tags::NONE)?;
        let number = usize::from(number);
        (!self.shard.layout().is_only_outside(number)).then_some(number)
    }

    /// The interface by which a unicast frame came.
    pub(crate) fn came_by(&self, buf: &I::Buf, l3: u8) -> Option<u16> {
        let frame = buf.bytes();
        if frame.first()? & 1 != 0 {
            return None;
        }
        let tags = if usize::from(l3) == ethernet::HEADER_LEN {
            Tags::NONE
        } else {
            ethernet::parse(frame).ok()?.tags
        };
        self.router.interface_of(buf.port(), tags)
    }

    fn open_from_inside(
        &mut self,
        buf: &I::Buf,
        stranger: &Stranger<'_>,
        number: usize,
        now: Nanos,
    ) -> Option<Opening> {
        let key = stranger.key;
        let layout = self.shard.layout();
        let rule = layout.rule(number)?;
        let usual = self.router.standing(key.realm(), key.src()) == Standing::Ordinary
            && self.router.standing(key.realm(), key.dst()) == Standing::Ordinary
            && layout
                .outside_address(rule.outside_realm, key.dst())
                .is_none()
            && (layout.shards() == 1 || self.sender_owner(key, Some(number)) == self.number)
            && self.shard.static_outside(key).is_none();
        if !usual {
            return None;
        }
        let (hop, adjacency) = self.router.hop_to(rule.outside_realm, key.dst())?;
        if is_inside(rule, hop) || !self.router.lets(adjacency, stranger.l3, stranger.len) {
            return None;
        }
        let interface = if self.shard.layout().zones().is_some() {
            self.came_by(buf, stranger.l3)?
        } else {
            0
        };
        let first = First {
            key,
            tcp: stranger.segment,
            hairpin: false,
            outside_realm: key.realm(),
            sender_rule: None,
            ahead: stranger.ahead,
            interface,
            now,
        };
        let id = match self.shard.open_outbound(&first, Some(number)) {
            Ok(id) => id,
            Err(reason) => return Some(Opening::Refused(reason)),
        };
        let direction = Direction::Outbound;
        self.shard
            .cache_egress(id, direction, adjacency, self.router.epoch());
        Some(Opening::Opened(Hit { id, direction }))
    }

    /// Drops a packet from outside that opens nothing.
    fn turned_away(&self, stranger: &Stranger<'_>, now: Nanos) -> Option<Opening> {
        let (key, realm) = (stranger.key, stranger.key.realm());
        // Others wait for an answer (RFC 5382 REQ-4).
        let opens = stranger.segment.is_some_and(|segment| segment.opens());
        if opens
            || self.router.standing(realm, key.src()) != Standing::Ordinary
            || self.router.standing(realm, key.dst()) == Standing::Improper
            || self.shard.layout().shards() > 1 && self.receiver_owner(key) != Some(self.number)
            || self.shard.static_outside(key).is_some()
        {
            return None;
        }
        let to = key.dst();
        let reason = if self
            .shard
            .nobody_has(realm, to, key.protocol(), key.dst_port())
        {
            Counter::DropNoMapping
        } else {
            self.shard.turned_away(&First {
                key,
                tcp: stranger.segment,
                hairpin: false,
                outside_realm: realm,
                sender_rule: None,
                ahead: None,
                interface: 0,
                now,
            })?
        };
        Some(Opening::Dropped(reason))
    }

    fn receiver_owner(&self, key: FlowKey) -> Option<u32> {
        let layout = self.shard.layout();
        layout.outside_owner(key.realm(), key.dst(), key.protocol(), key.dst_port())
    }

    /// Tells the sender of a plain packet why it gets no session, where that helps it.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse_plain(
        &mut self,
        buf: I::Buf,
        stranger: &Stranger<'_>,
        reason: Counter,
        now: Nanos,
    ) {
        let packet = self.came_by(&buf, stranger.l3).and_then(|interface| {
            let l3 = usize::from(stranger.l3);
            let bytes = buf.bytes().get(l3..)?;
            Some(Packet {
                interface,
                realm: stranger.key.realm(),
                l3,
                ip: ipv4::Header::parse(bytes, true).ok()?,
                key: stranger.key,
                segment: stranger.segment,
                icmp: None,
                hairpinned: false,
                admitted: false,
                steered: false,
                now,
            })
        });
        self.tracer.recent.note(buf.bytes(), buf.port(), now);
        let reason = match packet {
            Some(packet) => self.refused_outbound(buf, &packet, reason),
            None => reason,
        };
        self.counters.verdict(reason);
        self.tracer.recent.ended(reason);
    }
}
