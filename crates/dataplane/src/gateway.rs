//! Sessions with a gateway: messages read and written anew, numbers kept right.
//!
//! ```text
//!  segment ─> bytes not seen yet ─> scan ─> findings ─> resolve ─> edits
//!                                                                  │ sequence record
//!  segment <─ payload, SEQ, ACK, SACK, window <────────────────────┘
//! ```
//!
//! A datagram is a message; of a TCP stream each byte is read once and in order. A session whose
//! bytes come out of order, or whose messages come in parts, is [diverted](crate::divert) to
//! the slow path; where that cannot be its gateway is done with it. Checksums are changed by the
//! difference, so that one that came wrong leaves wrong.

use alg::sip::Limits;
use alg::{Agreed, Context, Doors, Host, MEDIA_CONTROL, Refused, Terms};
use appproto::{Channel, Endpoint, Finding, Findings, Ports, Remote, Role, Scan, Transport};
use base::{Counter, Direction, Nanos};
use nat::door;
use nat::sequence::Adjust;
use nat::{
    Announcement, Attached, Fate, Gateway, Hit, Keeper, SessionId, SessionView, Shard, State,
};
use pktio::{Io, PacketBuf, RingReceiver, RingSender};
use wire::checksum::{self, Sum};
use wire::ipv4::protocol;
use wire::{ChecksumDelta, tcp, udp};

use crate::divert;
use crate::general::Packet;
use crate::sip;
use crate::worker::Worker;

/// What a payload may grow by: the MSS of gateways' sessions leaves so much room.
pub(crate) const GROWTH: u16 = 64;

/// How long a door waits for who was told of it.
const LIFETIME: Nanos = Nanos::from_secs(60);

/// Bytes of a message that is read whatever is put together.
pub(crate) const MAX_MESSAGE: usize = 8192;

/// SACK (RFC 2018), MD5 (RFC 2385) and TCP-AO (RFC 5925).
const SACK: u8 = 5;
const MD5: u8 = 19;
const AO: u8 = 29;

/// The translator, as the gateway of one session sees it.
pub(crate) struct Session<'a> {
    shard: &'a mut Shard,
    view: SessionView,
    gateway: Gateway,
    /// Number of the call of the message, if it has one.
    call: u32,
    now: Nanos,
}

impl<'a> Session<'a> {
    pub(crate) const fn new(
        shard: &'a mut Shard,
        view: SessionView,
        gateway: Gateway,
        now: Nanos,
    ) -> Self {
        Self {
            shard,
            view,
            gateway,
            call: 0,
            now,
        }
    }

    /// Whether whole hosts are named, though they are not mapped as a whole.
    fn names_hosts(&self) -> bool {
        matches!(
            self.gateway,
            Gateway::Sip | Gateway::Skinny | Gateway::Netbios | Gateway::Ldap | Gateway::H323
        )
    }

    /// The trunk whose signalling this is.
    fn trunk(&self) -> Option<&nat::Trunk> {
        let address = self.view.out_key.src();
        self.shard.trunk(self.view.rule, self.gateway, address)
    }

    const fn protocol(transport: Transport) -> u8 {
        match transport {
            Transport::Tcp => protocol::TCP,
            Transport::Udp => protocol::UDP,
            Transport::Gre => protocol::GRE,
        }
    }

    /// An outside endpoint; without an address it is on the session's.
    fn meant(&self, outside: Endpoint) -> Endpoint {
        match outside.address {
            0 => Endpoint {
                address: self.view.outside,
                ..outside
            },
            _ => outside,
        }
    }

    /// Who may come in at the `nth` port of a channel.
    fn remote(&self, channel: Channel, nth: u16) -> door::Remote {
        let peer = self.view.out_key.dst();
        let (address, port) = match channel.remote {
            Remote::Peer => (Some(peer), None),
            Remote::Address(address) => (Some(address), None),
            Remote::Endpoint(Endpoint { address: 0, port }) => (Some(peer), Some(port)),
            Remote::Endpoint(Endpoint { address, port }) => (Some(address), Some(port)),
            Remote::Anyone => (None, None),
        };
        door::Remote {
            address,
            port: port.map(|port| port.wrapping_add(nth)),
        }
    }
}

/// How many ports a channel has, and whether they come in pairs.
const fn ports(channel: Channel) -> (u16, bool) {
    match channel.ports {
        Ports::One | Ports::Behind => (1, false),
        Ports::Pair => (2, true),
        Ports::Pairs(pairs) => (pairs as u16 * 2, true),
    }
}

const fn endpoint((address, port): (u32, u16)) -> Endpoint {
    Endpoint { address, port }
}

impl Host for Session<'_> {
    fn is_own(&self, address: u32) -> bool {
        address == self.view.out_key.src() || self.trunk().is_some_and(|trunk| trunk.has(address))
    }

    fn is_outside(&self, address: u32) -> bool {
        let realm = self.view.outside_realm;
        address == self.view.outside || self.shard.is_outside_address(realm, address)
    }

    fn open(
        &mut self,
        inside: Endpoint,
        channel: Channel,
        answers: Option<u8>,
        terms: Terms,
    ) -> Result<Endpoint, Refused> {
        let (ports, pairs) = ports(channel);
        let want = Announcement {
            protocol: Self::protocol(channel.transport),
            address: inside.address,
            port: inside.port,
            ports,
            pairs,
            beside: terms.beside,
            remote: self.remote(channel, 0).address,
            uses: match channel.uses {
                appproto::Uses::Once => door::Uses::Left(1),
                appproto::Uses::Many => door::Uses::Many,
            },
            // A call lasts until it is over.
            lifetime: (channel.transport != Transport::Gre)
                .then(|| terms.lifetime.unwrap_or(LIFETIME)),
            keeper: match terms.keeper {
                alg::Keeper::Session => Keeper::Session,
                alg::Keeper::Time => Keeper::Time,
                alg::Keeper::Call(agreed) => Keeper::Call {
                    call: self.call,
                    agreed: match agreed {
                        Agreed::No => Some(false),
                        Agreed::Yes => Some(true),
                        Agreed::AsTheCall => None,
                    },
                },
            },
            // Packets of a call are asked whether it is over.
            answers: answers.is_some() || channel.transport == Transport::Gre,
            kind: answers.unwrap_or(0),
            shared: self.trunk().is_some(),
        };
        self.shard
            .announce(self.view.id, &want, self.now)
            .map(endpoint)
            .map_err(|_| Refused)
    }

    fn lead(&mut self, to: Endpoint, transport: Transport, kind: Option<u8>, terms: Terms) {
        let lifetime = terms.lifetime.unwrap_or(LIFETIME);
        let protocol = Self::protocol(transport);
        let now = self.now.ticks();
        let mut lead = |address| {
            self.shard.lead(
                self.view.id,
                protocol,
                (address, to.port),
                kind,
                lifetime,
                now,
            );
        };
        let peer = self.view.out_key.dst();
        if to.address != 0 {
            lead(to.address);
        }
        // Many clients of FTP go to whom they are connected with, whatever a 227 reply says.
        if to.address == 0 || to.address != peer && kind.is_none() {
            lead(peer);
        }
    }

    fn expect(&mut self, endpoint: Endpoint, channel: Channel, terms: Terms) {
        let peer = self.view.out_key.dst();
        let address = match endpoint.address {
            0 => peer,
            address => address,
        };
        // Media may come from another host than signalling; nobody else speaks for others.
        let of_media = matches!(
            self.gateway,
            Gateway::Sip | Gateway::Rtsp | Gateway::Skinny | Gateway::H323
        );
        if address != peer && !of_media {
            return;
        }
        let lifetime = terms.lifetime.unwrap_or(LIFETIME);
        let (ports, _) = ports(channel);
        for nth in 0..ports {
            let place = (address, endpoint.port.wrapping_add(nth));
            let protocol = Self::protocol(channel.transport);
            let now = self.now.ticks();
            self.shard
                .expect(self.view.id, protocol, place, lifetime, now);
        }
    }

    fn outside_of(&self, inside: Endpoint, transport: Transport) -> Option<Endpoint> {
        let protocol = Self::protocol(transport);
        self.shard
            .outside_of(self.view.id, protocol, inside.address, inside.port)
            .map(endpoint)
    }

    fn inside_of(&self, outside: Endpoint, transport: Transport) -> Option<Endpoint> {
        let outside = self.meant(outside);
        let protocol = Self::protocol(transport);
        self.shard
            .inside_of(self.view.id, protocol, outside.address, outside.port)
            .map(endpoint)
    }

    fn narrow(&mut self, outside: Endpoint, channel: Channel) {
        let outside = self.meant(outside);
        let (ports, _) = ports(channel);
        for nth in 0..ports {
            let at = (outside.address, outside.port.wrapping_add(nth));
            let remote = self.remote(channel, nth);
            let protocol = Self::protocol(channel.transport);
            self.shard
                .narrow_doors(self.view.id, protocol, at, remote, self.now.ticks());
        }
    }

    fn outside_host(&self, inside: u32) -> Option<u32> {
        self.shard.outside_host(self.view.id, inside).or_else(|| {
            let named = self.names_hosts() && self.is_own(inside);
            named.then_some(self.view.outside)
        })
    }

    fn inside_host(&self, outside: u32) -> Option<u32> {
        self.shard.inside_host(self.view.id, outside).or_else(|| {
            let named = self.names_hosts() && outside == self.view.outside;
            named.then_some(self.view.out_key.src())
        })
    }
}

/// What becomes of a packet that a gateway has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// It goes on, perhaps changed.
    Through,
    /// It is for the stream of its session, and as it was.
    Diverted,
    /// It cannot be read now: its sender will send it again.
    Lost,
    /// It has become its own answer.
    Back,
    /// It goes nowhere.
    Nowhere(Counter),
}

/// What a look at a payload has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Through,
    /// The gateway is done with the session.
    Release,
    /// Behind the bytes that were read before is a gap, or a message that is not whole.
    Broken {
        seen: usize,
    },
}

/// A TCP segment, as it came.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    seq: u32,
    ack: u32,
    flags: u8,
    header_len: usize,
}

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Lets the gateway of a session look at a packet, and change it.
    pub(crate) fn look<B: PacketBuf>(
        &mut self,
        buf: &mut B,
        packet: &Packet,
        hit: Hit,
        may_divert: bool,
    ) -> Looked {
        let Some(attached) = self.shard.gateway_of(hit.id) else {
            return Looked::Through;
        };
        let is_diverted = attached.diverted.is_some();
        if packet.ip.is_fragment() {
            self.counters.bump(Counter::AlgUnread);
            // Of a stream only whole segments can be put together.
            return if is_diverted {
                Looked::Lost
            } else {
                Looked::Through
            };
        }
        match (packet.ip.protocol, attached.gateway) {
            (protocol::UDP, Gateway::Dns) => {
                return self.look_at_names(buf, packet, hit, attached);
            }
            (protocol::UDP, Gateway::Ike) => self.look_at_ike(buf, packet, hit, attached),
            (protocol::UDP, _) => self.look_at_datagram(buf, packet, hit, attached),
            (protocol::GRE, _) if self.shard.is_over(hit.id) => {
                self.shard.end_session(hit.id, packet.now.ticks());
                return Looked::Nowhere(Counter::DropNoMapping);
            }
            (protocol::TCP, _) if is_diverted => {
                let segment = buf.bytes().get(packet.l3 + packet.ip.header_len..);
                if let Some(Ok(header)) = segment.map(tcp::Header::parse)
                    && header.flags & (tcp::FIN | tcp::RST) != 0
                {
                    self.close_with_connection(hit.id, &attached, packet.now);
                }
                return Looked::Diverted;
            }
            (protocol::TCP, _) => {
                return self.look_at_segment(buf, packet, hit, attached, may_divert);
            }
            _ => {}
        }
        Looked::Through
    }

    /// Reads the next bytes of a session and works out what to change in them.
    pub(crate) fn read(
        &mut self,
        hit: Hit,
        attached: &mut Attached,
        payload: &[u8],
        now: Nanos,
    ) -> (Scan, alg::Edits) {
        if attached.gateway == Gateway::Dns {
            return self.read_names(hit, attached, payload, now);
        }
        let Some(view) = self.shard.session_view(hit.id) else {
            return (Scan::Complete, alg::Edits::new());
        };
        let sip = self.shard.sip_settings(view.rule);
        let call_timeout = sip.call_timeout;
        let limits = Limits {
            message: self.max_message,
            media: usize::from(sip.max_media_lines),
        };
        let mut host = Session::new(&mut self.shard, view, attached.gateway, now);
        let mut found = Findings::new();
        let direction = hit.direction;
        let scanned = alg::scan(attached, direction, payload, limits, &host, &mut found);
        let context = Context {
            direction,
            inside: endpoint((view.out_key.src(), view.out_key.src_port())),
            shadow: attached.shadow,
            low_ports: attached.gateway == Gateway::Rcmd,
        };
        let message = scanned.message.as_ref();
        host.call = match (message, attached.gateway) {
            (Some(message), _) => sip::call_of(host.shard, &view, payload, message),
            (None, _) if alg::is_ras(attached) => registration_of(host.shard, &view),
            (None, _) => 0,
        };
        let call = host.call;
        let terms = |finding: &Finding| scanned.terms(attached, finding, call_timeout);
        let mut outcome = alg::resolve(&found, &context, terms, &mut host);
        if !scanned.renewed.is_empty() {
            let announced = Context {
                direction: Direction::Outbound,
                ..context
            };
            // Nothing is written: it is what was said before.
            alg::resolve(&scanned.renewed, &announced, terms, &mut host);
        }
        let tally = self.shard.tally_mut(attached.gateway);
        tally.messages += scanned.messages;
        tally.errors += scanned.errors;
        tally.errors += u64::from(outcome.distrusted) + u64::from(outcome.refused);
        tally.rewritten += u64::from(!outcome.edits.is_empty());
        if attached.gateway == Gateway::Pptp && !attached.shadow {
            self.follow_call(hit, &found, now);
        }
        match scanned.doors {
            Doors::Stay => {}
            Doors::Last(lifetime) => self.shard.renew_doors(hit.id, lifetime, now.ticks()),
            Doors::Close => {
                self.shard.close_doors_of(hit.id, now.ticks());
                self.shard
                    .revise_call(call, now, |_| Fate::Within(Nanos(0)));
            }
        }
        if let Some(message) = message {
            let (is_request, place) = message.kind();
            self.shard.tallies.sip.count(is_request, place);
            if !attached.shadow {
                sip::turn(&mut self.shard, direction, call, message, call_timeout, now);
            }
            let session = (&view, direction);
            let edits = &outcome.edits;
            self.tell_of_call(attached, session, (payload, message), edits, call, now);
        }
        if attached.shadow {
            outcome.edits.clear();
        }
        (scanned.scan, outcome.edits)
    }

    /// A message of PPTP has told the numbers of a call, or that it is over.
    fn follow_call(&mut self, hit: Hit, found: &Findings, now: Nanos) {
        let number = |is_it: fn(&Role) -> bool| {
            let mut all = found.iter().filter(|finding| is_it(&finding.role));
            all.next().map(|finding| finding.endpoint.port)
        };
        let begins = number(|role| matches!(role, Role::Listens(_)));
        let sender = begins.or_else(|| number(|role| matches!(role, Role::Repeats(_))));
        let receiver = number(|role| matches!(role, Role::Echoes(_)));
        let Some(sender) = sender else {
            return;
        };
        let (own, peer) = match hit.direction {
            Direction::Outbound => (Some(sender), receiver),
            Direction::Inbound => {
                let own = receiver.and_then(|number| {
                    let outside = (self.shard.session_view(hit.id)?.outside, number);
                    let inside = self
                        .shard
                        .inside_of(hit.id, protocol::GRE, outside.0, outside.1);
                    inside.map(|(_, number)| number)
                });
                (own, Some(sender))
            }
        };
        match (begins, own, peer) {
            (None, ..) => self.shard.end_call(hit.id, own, peer, now.ticks()),
            (Some(_), Some(own), Some(peer)) => {
                let begun = self.shard.begin_call(hit.id, own, peer, now);
                self.shard.tally_mut(Gateway::Pptp).errors += u64::from(begun.is_err());
            }
            _ => {}
        }
    }

    /// Keeps what a gateway has noted, and lets the session go if it wants that.
    pub(crate) fn note(&mut self, id: SessionId, attached: Attached, released: bool) {
        if let Some(place) = self.shard.attached_mut(id) {
            // Only what looking at the payload changes: a door may have been used meanwhile.
            place.notes = attached.notes;
            place.next = attached.next;
            place.first = attached.first;
            place.spoken = attached.spoken;
        }
        if released && !attached.released {
            self.shard.tally_mut(attached.gateway).bypassed += 1;
            self.shard.release_gateway(id);
        }
    }

    fn look_at_datagram<B: PacketBuf>(
        &mut self,
        buf: &mut B,
        packet: &Packet,
        hit: Hit,
        mut attached: Attached,
    ) {
        let at = packet.l3 + packet.ip.header_len + udp::HEADER_LEN;
        let end = packet.l3 + packet.ip.total_len;
        let Some(payload) = buf.bytes().get(at..end).filter(|_| !attached.released) else {
            return;
        };
        let mut scratch = core::mem::take(&mut self.scratch);
        let before = Sum::default().bytes(payload).fold();
        let (scan, edits) = self.read(hit, &mut attached, payload, packet.now);
        self.note(hit.id, attached, scan == Scan::Release);
        let new = alg::splice(payload, &edits, &mut scratch);
        if let Ok(len) = new
            && !edits.is_empty()
            && let Some(new) = scratch.get(..len)
            && !replace_payload(buf, packet, at, new, before)
        {
            self.shard.tally_mut(attached.gateway).errors += 1;
        }
        self.scratch = scratch;
    }

    fn look_at_segment<B: PacketBuf>(
        &mut self,
        buf: &mut B,
        packet: &Packet,
        hit: Hit,
        mut attached: Attached,
        may_divert: bool,
    ) -> Looked {
        let l4 = packet.l3 + packet.ip.header_len;
        let Some(segment) = buf.bytes().get(l4..packet.l3 + packet.ip.total_len) else {
            return Looked::Through;
        };
        let Ok(header) = tcp::Header::parse(segment) else {
            return Looked::Through;
        };
        let mut numbers = Numbers {
            seq: header.seq,
            ack: header.ack,
            flags: header.flags,
            header_len: header.len,
        };
        let is_syn = header.flags & tcp::SYN != 0;
        let shift = if is_syn { 0 } else { self.scale(hit) };
        divert::listen(&mut attached, hit.direction, segment, &header, shift);
        if is_syn {
            let signed = [MD5, AO]
                .into_iter()
                .any(|kind| tcp::option(segment, header.len, kind).is_some());
            let begins = Some(header.seq.wrapping_add(1));
            let way = hit.direction as usize;
            if let (Some(next), Some(first)) =
                (attached.next.get_mut(way), attached.first.get_mut(way))
                && *first != begins
            {
                (*next, *first) = (begins, begins);
            }
            // What is signed must not be changed.
            self.note(hit.id, attached, signed);
            return Looked::Through;
        }
        let payload = segment.get(header.len..).unwrap_or_default();
        let mut packet = *packet;
        let may_divert = may_divert && self.has_streams && attached.in_parts && !attached.shadow;
        let mut released = false;
        let mut is_fin = header.flags & tcp::FIN != 0;
        if (!payload.is_empty() || is_fin) && !attached.released {
            let reading =
                self.read_segment(hit, &mut attached, payload, numbers, may_divert, packet.now);
            match reading {
                Reading::Through => {}
                Reading::Release => released = true,
                Reading::Broken { seen } => match self.divert(hit, &attached, segment, &header) {
                    Some(true) => return Looked::Diverted,
                    // What has been looked at before goes on; the rest comes again.
                    Some(false) if seen > 0 => {
                        let Some(total_len) = cut(buf, &packet, header.len + seen) else {
                            return Looked::Lost;
                        };
                        packet.ip.total_len = total_len;
                        numbers.flags &= !tcp::FIN;
                        is_fin = false;
                    }
                    Some(false) => {
                        self.note(hit.id, attached, false);
                        return Looked::Lost;
                    }
                    None => {
                        let now = packet.now;
                        self.read_segment(hit, &mut attached, payload, numbers, false, now);
                        released = true;
                    }
                },
            }
        }
        if is_fin {
            let len = packet.ip.total_len - packet.ip.header_len - header.len;
            attached.note_fin(hit.direction, header.seq, len);
        }
        let mut scratch = core::mem::take(&mut self.scratch);
        if let Some(adjust) = self.shard.adjust(hit.id) {
            rewrite_segment(
                buf,
                &packet,
                hit.direction,
                numbers,
                adjust,
                shift,
                &mut scratch,
            );
        }
        self.scratch = scratch;
        if header.flags & (tcp::FIN | tcp::RST) != 0 {
            self.close_with_connection(hit.id, &attached, packet.now);
        }
        self.note(hit.id, attached, released);
        Looked::Through
    }

    /// Nobody comes for what was announced over an RTSP connection that is closed, or one of media
    /// control, and with that of PPTP its calls are over.
    pub(crate) fn close_with_connection(&mut self, id: SessionId, attached: &Attached, now: Nanos) {
        let is_over = self.shard.session(id).is_some_and(|session| {
            matches!(
                session.state(),
                State::BothFin | State::TimeWait | State::Reset
            )
        });
        let ends_with_it = match attached.gateway {
            Gateway::Rtsp | Gateway::Pptp => true,
            Gateway::H323 => attached.kind == MEDIA_CONTROL,
            _ => false,
        };
        if is_over && ends_with_it {
            self.shard.close_doors_of(id, now.ticks());
        }
    }

    /// Reads what of a payload has not been read yet, and makes its changes known to the record of
    /// the connection. With `may_divert` nothing is done about a message that is not whole.
    fn read_segment(
        &mut self,
        hit: Hit,
        attached: &mut Attached,
        payload: &[u8],
        numbers: Numbers,
        may_divert: bool,
        now: Nanos,
    ) -> Reading {
        let direction = hit.direction;
        let Some(next) = attached.next.get(direction as usize).copied() else {
            return Reading::Through;
        };
        let expected = next.unwrap_or(numbers.seq);
        let seen = expected.wrapping_sub(numbers.seq).cast_signed();
        let Ok(seen) = usize::try_from(seen) else {
            // Something is missing in front of it.
            if may_divert {
                // The place of a FIN too depends on what becomes of that.
                return Reading::Broken { seen: 0 };
            }
            if payload.is_empty() {
                return Reading::Through;
            }
            self.counters.bump(Counter::AlgUnread);
            return Reading::Release;
        };
        let Some(new) = payload.get(seen..).filter(|new| !new.is_empty()) else {
            return Reading::Through;
        };
        let next_of = |attached: &mut Attached, seq| {
            if let Some(next) = attached.next.get_mut(direction as usize) {
                *next = Some(seq);
            }
        };
        let end = expected.wrapping_add(u32::try_from(new.len()).unwrap_or(0));
        let (mut rest, mut first, mut read) = (new, expected, seen);
        loop {
            let before = *attached;
            let (scan, edits) = self.read(hit, attached, rest, now);
            let changed = edits.is_empty() || {
                let whole = self
                    .shard
                    .adjust_from(hit.id, direction, first, numbers.ack);
                whole.is_some_and(|adjust| enter(adjust, direction, first, &edits))
            };
            if !changed && may_divert {
                // More than a record holds: no stream minds.
                *attached = before;
                next_of(attached, first);
                return Reading::Broken { seen: read };
            }
            if !changed {
                self.shard.tally_mut(attached.gateway).errors += 1;
            }
            let from = match scan {
                Scan::Complete | Scan::Release => rest.len(),
                Scan::NeedMore { from } | Scan::Full { from } => from.min(rest.len()),
            };
            rest = rest.get(from..).unwrap_or_default();
            first = first.wrapping_add(u32::try_from(from).unwrap_or(0));
            read += from;
            next_of(attached, first);
            match scan {
                Scan::Complete => return Reading::Through,
                Scan::Release => return Reading::Release,
                // What is behind it comes next.
                Scan::Full { .. } if from > 0 && !rest.is_empty() => {}
                Scan::NeedMore { .. } | Scan::Full { .. } if may_divert => {
                    return Reading::Broken { seen: read };
                }
                Scan::NeedMore { .. } | Scan::Full { .. } => {
                    next_of(attached, end);
                    self.counters.bump(Counter::AlgUnread);
                    return Reading::Release;
                }
            }
        }
    }

    /// By how many bits the window in a segment of this direction is shifted (RFC 7323).
    fn scale(&self, hit: Hit) -> u8 {
        self.shard
            .session(hit.id)
            .map_or(0, |session| session.window_shift(hit.direction))
    }
}

/// The number of the registration that an H.323 session is about: of that host's port with that
/// gatekeeper, whoever else may know the host's outside endpoint.
fn registration_of(shard: &Shard, view: &SessionView) -> u32 {
    let key = view.out_key;
    let session = u64::from(key.dst()) << 16 | u64::from(key.src_port());
    shard.call_of(view.id, &session.to_be_bytes())
}

/// Enters the changes of a message in a connection's record, all or none.
fn enter(mut adjust: Adjust<'_>, direction: Direction, first: u32, edits: &alg::Edits) -> bool {
    if adjust.room(direction) < edits.len() {
        return false;
    }
    for edit in edits {
        let seq = first.wrapping_add(u32::try_from(edit.span.start).unwrap_or(0));
        if adjust
            .change(direction, seq, edit.span.len(), &edit.text)
            .is_err()
        {
            adjust.withdraw(direction);
            return false;
        }
    }
    true
}

/// Writes a segment as the record of its connection has it: payload, numbers, SACK, window.
fn rewrite_segment<B: PacketBuf>(
    buf: &mut B,
    packet: &Packet,
    direction: Direction,
    numbers: Numbers,
    mut adjust: Adjust<'_>,
    shift: u8,
    scratch: &mut [u8],
) -> Option<()> {
    let l4 = packet.l3 + packet.ip.header_len;
    let end = packet.l3 + packet.ip.total_len;
    let at = l4 + numbers.header_len;
    let before = Sum::default().bytes(buf.bytes().get(l4..end)?).fold();
    let payload = buf.bytes().get(at..end)?;
    let fin = numbers.flags & tcp::FIN != 0;
    let (seq, len) = if payload.is_empty() {
        (adjust.seq(direction, numbers.seq), 0)
    } else {
        let placed = adjust
            .apply(direction, numbers.seq, payload, fin, scratch)
            .ok()?;
        (placed.seq, placed.len)
    };
    let total_len = numbers.header_len + len;
    if !buf.set_len(l4 + total_len) {
        return None;
    }
    let segment = buf.bytes_mut().get_mut(l4..)?;
    wire::put32(segment, 4, seq);
    if numbers.flags & tcp::ACK != 0 {
        wire::put32(segment, 8, adjust.ack(direction, numbers.ack));
        let window = u32::from(wire::be16(segment, 14)?) << shift;
        let window = adjust.window(direction, numbers.ack, window) >> shift;
        wire::put16(segment, 14, u16::try_from(window).unwrap_or(u16::MAX));
        rewrite_sack(segment, numbers.header_len, direction, &mut adjust);
    }
    if numbers.flags & tcp::URG != 0 {
        let urgent = wire::be16(segment, 18)?;
        wire::put16(segment, 18, adjust.urgent(direction, numbers.seq, urgent));
    }
    segment
        .get_mut(numbers.header_len..)?
        .copy_from_slice(scratch.get(..len)?);
    let after = Sum::default().bytes(segment).fold();
    let delta = ChecksumDelta::NONE
        .replace(before, after)
        .replace(wire::low16(end - l4), wire::low16(total_len));
    checksum::patch(segment, 16, delta);
    set_total_len(buf, packet, packet.ip.header_len + total_len);
    Some(())
}

/// Cuts a segment behind so many of its bytes, and its FIN off; answers the packet's new length.
fn cut<B: PacketBuf>(buf: &mut B, packet: &Packet, len: usize) -> Option<usize> {
    let l4 = packet.l3 + packet.ip.header_len;
    let end = packet.l3 + packet.ip.total_len;
    let before = Sum::default().bytes(buf.bytes().get(l4..end)?).fold();
    if !buf.set_len(l4 + len) {
        return None;
    }
    let segment = buf.bytes_mut().get_mut(l4..)?;
    if let Some(flags) = segment.get_mut(13) {
        *flags &= !tcp::FIN;
    }
    let after = Sum::default().bytes(segment).fold();
    let delta = ChecksumDelta::NONE
        .replace(before, after)
        .replace(wire::low16(end - l4), wire::low16(len));
    checksum::patch(segment, 16, delta);
    let total_len = packet.ip.header_len + len;
    set_total_len(buf, packet, total_len);
    Some(total_len)
}

/// Writes the blocks that still mean something, and nothing in the place of the others.
fn rewrite_sack(
    segment: &mut [u8],
    header_len: usize,
    direction: Direction,
    adjust: &mut Adjust<'_>,
) -> Option<()> {
    const NO_OPERATION: u8 = 1;
    const BLOCK: usize = 8;
    let place = tcp::option(segment, header_len, SACK)?;
    let option = segment.get_mut(place)?;
    let mut kept = 2;
    let mut from = 2;
    while from + BLOCK <= option.len() {
        let (left, right) = (wire::be32(option, from)?, wire::be32(option, from + 4)?);
        if let Some((left, right)) = adjust.sack(direction, left, right) {
            wire::put32(option, kept, left);
            wire::put32(option, kept + 4, right);
            kept += BLOCK;
        }
        from += BLOCK;
    }
    let used = if kept > 2 { kept } else { 0 };
    if let [_, len, ..] = option
        && used > 0
    {
        *len = wire::low8(used);
    }
    option.get_mut(used..)?.fill(NO_OPERATION);
    Some(())
}

/// Puts another payload in a datagram; false, and nothing changed, without room.
pub(crate) fn replace_payload<B: PacketBuf>(
    buf: &mut B,
    packet: &Packet,
    at: usize,
    new: &[u8],
    before: u16,
) -> bool {
    let l4 = at - udp::HEADER_LEN;
    let old_len = wire::low16(packet.l3 + packet.ip.total_len - l4);
    let new_len = wire::low16(udp::HEADER_LEN + new.len());
    if !buf.set_len(at + new.len()) {
        return false;
    }
    let Some(datagram) = buf.bytes_mut().get_mut(l4..) else {
        return false;
    };
    if let Some(payload) = datagram.get_mut(udp::HEADER_LEN..) {
        payload.copy_from_slice(new);
    }
    wire::put16(datagram, 4, new_len);
    // The length is in the header and in the pseudo-header.
    let delta = ChecksumDelta::NONE
        .replace(before, Sum::default().bytes(new).fold())
        .replace(old_len, new_len)
        .replace(old_len, new_len);
    udp::patch_checksum(datagram, delta);
    set_total_len(
        buf,
        packet,
        packet.ip.header_len + udp::HEADER_LEN + new.len(),
    );
    true
}

/// Writes the length of an IP packet, and its checksum.
fn set_total_len<B: PacketBuf>(buf: &mut B, packet: &Packet, len: usize) {
    let (old, new) = (wire::low16(packet.ip.total_len), wire::low16(len));
    if let Some(header) = buf.bytes_mut().get_mut(packet.l3..) {
        wire::put16(header, 2, new);
        checksum::patch(header, 10, ChecksumDelta::NONE.replace(old, new));
    }
}
