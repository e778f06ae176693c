//! Sessions whose messages come in parts: to the slow path and back (vTCP).
//!
//! ```text
//!  segment, a gap or half a message ──> divert: Told::Diverted ──> slow path
//!  all that come from then on ────────> punt_to_stream: Punt::Stream ─>     │
//!                inject, resume <── Punt::Inject, Punt::Resume <───────┤
//!       read_for_stream ── edits ─>             <── Command::Read <────┤
//!                        take_back <── Command::TakeBack <─────────────┘
//! ```
//!
//! Segments travel translated, so the slow path knows nothing of mappings; what it sends
//! back is sent, not looked at. State and timers of the session follow the segments that come,
//! not those the slow path makes.

use base::{Counter, Direction, Nanos, Seq};
use nat::{Attached, Hit, Offered};
use pktio::{Io, PacketBuf, RingReceiver, RingSender};
use wire::ipv4::protocol;
use wire::{ipv4, tcp};

use crate::command::{Diverted, Question, TakeBack, Told};
use crate::gateway::Looked;
use crate::general::Packet;
use crate::mark::{Mark, Punt, Ref};
use crate::slow::stream::{Begun, Host, Options};
use crate::worker::Worker;

const BOTH: [Direction; 2] = [Direction::Outbound, Direction::Inbound];

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Gives a session to the slow path, beginning with this segment, nothing of which has been
    /// sent on. `None` if that cannot be; false if not yet: what was changed and is under
    /// way must have arrived first, since nobody else could write it again.
    pub(crate) fn divert(
        &mut self,
        hit: Hit,
        attached: &Attached,
        segment: &[u8],
        header: &tcp::Header,
    ) -> Option<bool> {
        if !self.can_tell() {
            return None;
        }
        let options = Options::parse(segment.get(..header.len)?);
        let hosts = hosts(attached, hit.direction, options)?;
        if let Some(mut adjust) = self.shard.adjust(hit.id) {
            if header.flags & tcp::ACK != 0 {
                adjust.ack(hit.direction, header.ack);
            }
            if !BOTH.into_iter().all(|way| adjust.is_settled(way)) {
                return Some(false);
            }
        }
        let told = self.describe(hit, attached, hosts)?;
        // What this segment tells is not noted otherwise.
        if let Some(place) = self.shard.attached_mut(hit.id) {
            place.notes = attached.notes;
            place.next = attached.next;
            place.spoken = attached.spoken;
        }
        let stream = self.shard.divert(hit.id)?;
        self.tell(Told::Diverted(Diverted { stream, ..told }));
        Some(true)
    }

    /// A session as its stream will have to know it.
    fn describe(&mut self, hit: Hit, attached: &Attached, hosts: [Host; 2]) -> Option<Diverted> {
        let view = self.shard.session_view(hit.id)?;
        let remote = (view.out_key.dst(), view.out_key.dst_port());
        let outside = self.shard.rewrite(hit.id, Direction::Outbound)?;
        let inside = self.shard.rewrite(hit.id, Direction::Inbound)?;
        let mut begun = [None; 2];
        for (place, way) in begun.iter_mut().zip(BOTH) {
            let next = (*attached.next.get(way as usize)?)?;
            let (ack, window) = attached.spoken.get(way.opposite() as usize)?.heard?;
            let adjust = self.shard.adjust(hit.id);
            let offset = adjust.map_or(0, |mut adjust| adjust.offset(way, next));
            *place = Some(Begun {
                next: Seq(next),
                offset,
                acknowledged: Seq(ack).earlier(Seq(next).plus(offset)),
                window,
            });
        }
        let [outbound, inbound] = begun;
        Some(Diverted {
            stream: 0,
            attached: *attached,
            subscriber: (view.out_key.src(), view.out_key.realm()),
            ends: [
                [(outside.address, outside.port), remote],
                [remote, (inside.address, inside.port)],
            ],
            hosts,
            begun: [outbound?, inbound?],
        })
    }

    /// Gives a segment to the stream of its session.
    pub(crate) fn punt_to_stream(&mut self, buf: I::Buf, packet: &Packet, hit: Hit) -> Counter {
        let of = Ref {
            session: hit.id.number(),
            direction: hit.direction,
        };
        if self.punt(buf, Mark::new(Punt::Stream(of), packet.interface)) {
            Counter::HoldStream
        } else {
            self.counters.bump(Counter::AlgVtcpDropped);
            Counter::DropNoBuffer
        }
    }

    /// Sends a translated segment from the slow path; one that is to be looked at belongs to no
    /// stream any more.
    pub(crate) fn inject(
        &mut self,
        buf: I::Buf,
        of: Ref,
        interface: u16,
        is_new: bool,
        now: Nanos,
    ) {
        let sent = self.injected(buf, of, interface, is_new, now);
        if sent.is_none() {
            self.counters.bump(Counter::AlgVtcpDropped);
        }
    }

    fn injected(
        &mut self,
        mut buf: I::Buf,
        of: Ref,
        interface: u16,
        is_new: bool,
        now: Nanos,
    ) -> Option<()> {
        let packet = self.flow_of(&buf, interface, now)?;
        let hit = Hit {
            id: self.shard.session_at(of.session)?.id,
            direction: of.direction,
        };
        if !self.is_translated_by(hit, &packet) {
            return None;
        }
        if is_new {
            match self.look(&mut buf, &packet, hit, true) {
                Looked::Through => {}
                Looked::Diverted => {
                    self.punt_to_stream(buf, &packet, hit);
                    return Some(());
                }
                // The last two are of datagrams.
                Looked::Lost | Looked::Back | Looked::Nowhere(_) => return None,
            }
        }
        let realm = self.shard.session(hit.id)?.egress_realm(hit.direction);
        let hop = self.router.route(realm, packet.ip.dst)?;
        if hit.direction == Direction::Outbound && !packet.ip.is_atomic() {
            let id = self.next_id(packet.ip.src, packet.key);
            ipv4::set_id(buf.bytes_mut().get_mut(packet.l3..)?, id);
        }
        // Whatever comes of it was counted when the segments came.
        self.emit(buf, packet.l3, hop, Counter::HoldStream);
        Some(())
    }

    /// Whether a packet is one of a session's direction, as it leaves.
    fn is_translated_by(&self, hit: Hit, packet: &Packet) -> bool {
        let (Some(view), Some(rewrite)) = (
            self.shard.session_view(hit.id),
            self.shard.rewrite(hit.id, hit.direction),
        ) else {
            return false;
        };
        let key = packet.key;
        let (src, dst) = ((key.src(), key.src_port()), (key.dst(), key.dst_port()));
        let own = (rewrite.address, rewrite.port);
        let remote = (view.out_key.dst(), view.out_key.dst_port());
        let ends = match hit.direction {
            Direction::Outbound => (own, remote),
            Direction::Inbound => (remote, own),
        };
        view.out_key.protocol() == protocol::TCP && (src, dst) == ends
    }

    /// Reads messages that the slow path has put together, as those in one segment.
    pub(crate) fn read_for_stream(&mut self, mut question: Box<Question>, now: Nanos) {
        let attached = self.shard.attached(question.session).copied();
        if let Some(mut attached) = attached.filter(|one| one.diverted == Some(question.stream)) {
            let hit = Hit {
                id: question.session,
                direction: question.direction,
            };
            let (scan, edits) = self.read(hit, &mut attached, &question.bytes, now);
            question.scan = scan;
            question.edits = edits;
            if let Some(place) = self.shard.attached_mut(question.session) {
                place.notes = attached.notes;
            }
        }
        // Without room the stream goes on when its patience ends.
        self.tell(Told::Answered(question));
    }

    /// Goes on with a session that the slow path has let go of.
    pub(crate) fn take_back(&mut self, back: &TakeBack, now: Nanos) {
        let attached = self.shard.attached(back.session);
        let attached = attached.filter(|one| one.diverted == Some(back.stream));
        let Some(attached) = attached.copied() else {
            return;
        };
        let tally = self.shard.tally_mut(attached.gateway);
        tally.bypassed += u64::from(back.released);
        self.shard
            .take_back(back.session, back.stream, back.handed, back.released);
        // Its last messages may have come when it was over.
        self.close_with_connection(back.session, &attached, now);
    }
}

/// Notes what the sender of a segment says of itself.
pub(crate) fn listen(
    attached: &mut Attached,
    direction: Direction,
    segment: &[u8],
    header: &tcp::Header,
    shift: u8,
) {
    let Some(spoken) = attached.spoken.get_mut(direction as usize) else {
        return;
    };
    if header.flags & tcp::SYN != 0 {
        let options = Options::parse(segment.get(..header.len).unwrap_or_default());
        spoken.options = Some(Offered {
            mss: options.mss,
            window_scale: options.window_scale,
            sack_permitted: options.sack_permitted,
            timestamps: options.timestamps.is_some(),
        });
    }
    if header.flags & tcp::ACK != 0
        && let Some(window) = wire::be16(segment, 14)
    {
        let newer = |(ack, _): (u32, u32)| !Seq(header.ack).is_before(Seq(ack));
        let is_syn = header.flags & tcp::SYN != 0;
        if is_syn || spoken.heard.is_none_or(newer) {
            spoken.heard = Some((header.ack, u32::from(window) << shift));
        }
    }
}

/// Both hosts, outbound first, if their SYNs have been seen.
fn hosts(attached: &Attached, direction: Direction, options: Options) -> Option<[Host; 2]> {
    let (clock, echo) = options.timestamps.unwrap_or_default();
    let host = |way: Direction| {
        let offered = attached.spoken.get(way as usize)?.options?;
        Some(Host {
            options: Options {
                mss: offered.mss,
                window_scale: offered.window_scale,
                sack_permitted: offered.sack_permitted,
                timestamps: offered.timestamps.then_some((0, 0)),
                is_signed: false,
            },
            clock: if way == direction { clock } else { echo },
        })
    };
    let [outbound, inbound] = BOTH.map(host);
    Some([outbound?, inbound?])
}
