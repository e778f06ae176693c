//! The general lane: every packet that is not plain, looked at from its first byte.
//!
//! ```text
//!  frame ─> own? VLAN? ─> ARP | IPv4 | multicast ─> fragment? ─> flow key ─> session?
//!                                                      │ no
//!              to the appliance <── own address <──────┤
//!              inbound (mapping, filter) <── outside address, not from inside
//!              outbound (rule, static)  <── from inside ── hairpin ─> inbound
//!  plan of one or two sessions ─> route ─> TTL, MTU ─> state ─> rewrite ─> emit
//! ```
//!
//! Nothing of a packet is changed before its whole way is known, so an ICMP
//! error always quotes it as it came.

use arrayvec::ArrayVec;
use base::{Counter, Direction, Nanos};
use nat::settings::{Action, Rule};
use nat::{First, Flags, FlowKey, Hit, Match, Realm, Rewrite, Segment};
use pktio::{Io, PacketBuf, RingReceiver, RingSender};
use wire::ipv4::{self, protocol};
use wire::{WireError, dccp, ethernet, gre, icmp, sctp, tcp, udp};

use crate::emit;
use crate::ipsec;
use crate::mark::{Mark, Punt, Stage};
use crate::router::{Hop, Standing};
use crate::trace::Step;
use crate::worker::Worker;

/// A packet whose headers have been read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    /// Interface it came by.
    pub(crate) interface: u16,
    /// Realm of that interface; of a hairpin's second half the one between the two.
    pub(crate) realm: Realm,
    /// Where the IP header begins in the frame.
    pub(crate) l3: usize,
    /// The IP header.
    pub(crate) ip: ipv4::Header,
    /// The flow.
    pub(crate) key: FlowKey,
    /// The segment, if TCP.
    pub(crate) segment: Option<Segment>,
    /// What it is, if ICMP.
    pub(crate) icmp: Option<icmp::Kind>,
    /// Translated once by another worker: only its destination is left to do.
    pub(crate) hairpinned: bool,
    /// Another worker, which has the destination, lets any remote host in.
    pub(crate) admitted: bool,
    /// Brought here by the worker that received it.
    pub(crate) steered: bool,
    /// Now.
    pub(crate) now: Nanos,
}

/// What a rule does with packets to outside addresses.
#[derive(Clone, Copy, Debug)]
enum Hairpins {
    Refused,
    Translated,
    /// Their source stays as it is.
    Preserving,
}

/// What a rule, or its absence, says about a flow without session.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// From inside, by a rule.
    Translate(usize, Hairpins),
    /// From inside, by a static mapping to this realm alone.
    Static(Realm),
    /// From a remote host that gets an address towards the inside (twice NAT).
    Remote(usize),
    /// Untouched, by a rule.
    Pass(usize),
    Drop(Counter),
    Foreign,
}

/// How a packet ends: the reason its verdict is counted under, or in somebody else's hands.
pub(crate) type End = Option<Counter>;

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Takes a received packet to its end and counts it.
    pub(crate) fn general(&mut self, buf: I::Buf, now: Nanos) {
        self.end(buf, None, now);
    }

    /// Takes a packet to its end, counts it and, if it is dropped, keeps its header.
    fn end(&mut self, buf: I::Buf, steered: Option<Stage>, now: Nanos) {
        self.tracer.recent.note(buf.bytes(), buf.port(), now);
        let end = if self.tracer.is_on() {
            self.traced(buf, steered, now)
        } else {
            self.frame(buf, steered, now)
        };
        if let Some(reason) = end {
            self.counters.verdict(reason);
            self.tracer.recent.ended(reason);
        }
    }

    /// The same for a packet from another worker.
    pub(crate) fn handed_off(&mut self, buf: I::Buf, now: Nanos) {
        let stage = match Mark::decode(buf.mark()).map(|mark| mark.punt) {
            Some(Punt::Handoff(stage)) => stage,
            _ => Stage::Received,
        };
        self.end(buf, Some(stage), now);
    }

    /// The same for a packet that was kept meanwhile, and is counted already.
    pub(crate) fn again(&mut self, buf: I::Buf, stage: Stage, now: Nanos) -> End {
        self.frame(buf, Some(stage), now)
    }

    pub(crate) fn frame(&mut self, buf: I::Buf, steered: Option<Stage>, now: Nanos) -> End {
        let frame = buf.bytes();
        let header = match ethernet::parse(frame) {
            Ok(header) => header,
            Err(error) => return Some(error.into()),
        };
        let Some(number) = self.router.interface_of(buf.port(), header.tags) else {
            return Some(Counter::DropVlan);
        };
        let Some(interface) = self.router.interface(number) else {
            return Some(Counter::DropVlan);
        };
        let hairpinned = match steered {
            Some(Stage::Hairpinned(realm)) => Some(realm),
            _ => None,
        };
        let (mac, realm) = (interface.mac, hairpinned.unwrap_or(interface.realm));
        if header.dst.is_unicast() && header.dst != mac && !interface.any_mac {
            return Some(Counter::DropNotForUs);
        }
        let payload = frame.get(header.len..).unwrap_or_default();
        match header.ether_type {
            ethernet::ARP => return Some(self.arp(buf, header.len, number, realm)),
            ethernet::IPV4 => {}
            _ => return Some(Counter::DropEtherType),
        }
        let ip = match ipv4::Header::parse(payload, buf.ip_checksum_verified()) {
            Ok(ip) => ip,
            Err(error) => return Some(error.into()),
        };
        let packet = Packet {
            interface: number,
            realm,
            l3: header.len,
            ip,
            key: FlowKey::default(),
            segment: None,
            icmp: None,
            hairpinned: hairpinned.is_some(),
            admitted: steered == Some(Stage::Admitted),
            steered: steered.is_some(),
            now,
        };
        if ipv4::is_multicast(ip.dst)
            && let Some(role) = self.groups.role(number)
        {
            return self.multicast(buf, packet, header.dst, role);
        }
        // What another worker has looked at may by now come from an address of the appliance.
        if hairpinned.is_none()
            && let Some(reason) = self.improper(payload, &ip, realm)
        {
            return Some(reason);
        }
        if !header.dst.is_unicast() {
            // RFC 1812 section 5.3.4: no unicast packet from a link-layer broadcast.
            return Some(Counter::DropIpDestination);
        }
        if ip.is_fragment() {
            self.fragment(buf, packet)
        } else {
            self.whole(buf, packet)
        }
    }

    /// Addresses and options no packet that is forwarded may have.
    fn improper(&self, payload: &[u8], ip: &ipv4::Header, realm: Realm) -> Option<Counter> {
        if self.improper_source(ip, realm) {
            return Some(Counter::DropIpSource);
        }
        if self.router.standing(realm, ip.dst) == Standing::Improper {
            return Some(Counter::DropIpDestination);
        }
        let options = payload
            .get(ipv4::HEADER_LEN..ip.header_len)
            .unwrap_or_default();
        ipv4::has_routing_option(options).then_some(Counter::DropIpOption)
    }

    /// A source address no host may have.
    pub(crate) fn improper_source(&self, ip: &ipv4::Header, realm: Realm) -> bool {
        self.router.standing(realm, ip.src) != Standing::Ordinary
    }

    pub(crate) fn whole(&mut self, mut buf: I::Buf, mut packet: Packet) -> End {
        if packet.ip.protocol == protocol::ESP && !self.encapsulate(&mut buf, &mut packet) {
            return Some(Counter::DropNoBuffer);
        }
        if let Err(reason) = read_flow(buf.bytes(), &mut packet) {
            // A protocol that is not offered is refused, whatever is in it.
            let refused = matches!(self.wanted(&packet), Wanted::Drop(Counter::DropProtocol));
            return Some(if refused {
                self.unreachable(buf, &packet, Counter::DropProtocol, 2)
            } else {
                reason
            });
        }
        match packet.icmp {
            Some(icmp::Kind::Error) => self.icmp_error(buf, &packet),
            Some(icmp::Kind::Other) => {
                let own = self.router.owner(packet.realm, packet.ip.dst).is_some();
                Some(if own {
                    Counter::ConsumeIcmp
                } else {
                    Counter::DropIcmpType
                })
            }
            _ => self.flow(buf, &packet),
        }
    }

    /// A packet with a flow key.
    fn flow(&mut self, buf: I::Buf, packet: &Packet) -> End {
        if packet.key.protocol() == protocol::GRE
            && packet.key.dst_port() != 0
            && !self.shard.is_of_call(packet.key, packet.realm)
        {
            // Of a call that nobody has heard of: as any other GRE.
            let key = packet.key.with_dst(packet.key.dst(), 0);
            return self.flow(buf, &Packet { key, ..*packet });
        }
        let mut packet = *packet;
        let cookie = self.cookie(&buf, &packet);
        if let Some(cookie) = cookie
            && let Some(key) = self.shard.cookie_key(packet.key, cookie)
        {
            packet.key = key;
        }
        let packet = &mut packet;
        let hash = self.shard.hash(packet.key);
        if let Some(hit) = self.shard.find(packet.key, hash) {
            self.note_found(hit);
            return match self.ipsec(&buf, packet, hit) {
                Ok(()) => self.translate(buf, packet, hit, false),
                Err(reason) => Some(self.refused_tunnel(buf, packet, reason)),
            };
        }
        let wanted = if packet.hairpinned {
            Wanted::Foreign
        } else {
            self.note_ruling(packet);
            self.wanted(packet)
        };
        if !packet.steered && self.shard.layout().shards() > 1 {
            let owner = self.owner(packet, wanted);
            if owner != self.number {
                return self.steer(buf, packet, owner, Stage::Received);
            }
        }
        if let Some(cookie) = cookie {
            match self.keep_port(packet, wanted, cookie) {
                Ok(None) => {}
                Ok(Some(hit)) => return self.translate(buf, packet, hit, true),
                Err(reason) => return Some(reason),
            }
        }
        self.first(buf, packet, wanted)
    }

    /// Gives IKE that begins the number of its cookie, where port 500 is kept; the session if
    /// it comes from outside.
    fn keep_port(
        &mut self,
        packet: &mut Packet,
        wanted: Wanted,
        cookie: u64,
    ) -> Result<Option<Hit>, Counter> {
        match wanted {
            Wanted::Translate(number, _) => {
                if let Some(key) = self.shard.keep_ike_port(packet.key, cookie, number) {
                    packet.key = key;
                }
                Ok(None)
            }
            Wanted::Foreign if packet.key.dst_port() == ipsec::IKE => {
                let opened = self
                    .shard
                    .ike_from_outside(packet.key, cookie, packet.now)?;
                Ok(opened.map(|id| Hit {
                    id,
                    direction: Direction::Inbound,
                }))
            }
            _ => Ok(None),
        }
    }

    fn wanted(&self, packet: &Packet) -> Wanted {
        let (interface, key) = (usize::from(packet.interface), packet.key);
        let found = self.shard.match_rule(interface, key);
        match found {
            Match::Rule(_, Action::Drop) => return Wanted::Drop(Counter::DropRule),
            Match::Rule(number, Action::Pass) => return Wanted::Pass(number),
            Match::Rule(number, Action::Translate(translate)) => {
                let hairpins = match (translate.hairpin, translate.hairpin_preserve) {
                    (false, _) => Hairpins::Refused,
                    (true, false) => Hairpins::Translated,
                    (true, true) => Hairpins::Preserving,
                };
                return Wanted::Translate(number, hairpins);
            }
            Match::Protocol | Match::None => {}
        }
        if let Some(realm) = self.shard.static_outside(key) {
            return Wanted::Static(realm);
        }
        if matches!(found, Match::Protocol) {
            return Wanted::Drop(Counter::DropProtocol);
        }
        if self.shard.is_inside(interface) {
            return Wanted::Drop(Counter::DropNoRule);
        }
        let layout = self.shard.layout();
        match self.shard.match_outside_rule(key) {
            Some((number, _)) if layout.outside_address(packet.realm, key.dst()).is_some() => {
                Wanted::Remote(number)
            }
            _ => Wanted::Foreign,
        }
    }

    /// The realm in which a packet's destination is an outside address, if it is one.
    fn outside_of(&self, packet: &Packet, wanted: Wanted) -> Option<Realm> {
        let layout = self.shard.layout();
        let realm = match wanted {
            Wanted::Translate(number, _) => layout.rule(number)?.outside_realm,
            Wanted::Static(realm) => realm,
            _ => packet.realm,
        };
        let address = packet.key.dst();
        layout.outside_address(realm, address).map(|_| realm)
    }

    /// Whether a packet is for an address by which the inside knows a remote host
    /// (twice NAT): what is said of hairpins is not about that.
    fn is_for_remote(&self, packet: &Packet, wanted: Wanted) -> bool {
        let layout = self.shard.layout();
        layout.has_outside_rules()
            && self
                .outside_of(packet, wanted)
                .is_some_and(|realm| layout.is_for_remotes(realm, packet.key.dst()))
    }

    /// The worker whose packet this is.
    fn owner(&self, packet: &Packet, wanted: Wanted) -> u32 {
        let (key, layout) = (packet.key, self.shard.layout());
        if layout.zones().is_some()
            && let Some(owner) = self.untouched_owner(packet, key)
        {
            return owner;
        }
        let sender = || match wanted {
            Wanted::Translate(number, _) => self.sender_owner(key, Some(number)),
            _ => self.sender_owner(key, None),
        };
        let receiver =
            |realm| layout.outside_owner(realm, key.dst(), key.protocol(), key.dst_port());
        match wanted {
            // A hairpin that keeps its source is a session of the host it reaches;
            Wanted::Translate(_, Hairpins::Preserving) if !self.is_for_remote(packet, wanted) => {
                self.outside_of(packet, wanted)
                    .and_then(receiver)
                    .unwrap_or_else(sender)
            }
            Wanted::Translate(..) | Wanted::Static(_) | Wanted::Remote(_) => sender(),
            // so are its answers, whatever rules say of other packets to that inside.
            Wanted::Pass(_) | Wanted::Drop(_) if self.shard.static_outside(key).is_some() => {
                sender()
            }
            _ => receiver(packet.realm).unwrap_or(self.number),
        }
    }

    /// The worker of a flow that an inside host opens by a rule, or without one.
    pub(crate) fn sender_owner(&self, key: FlowKey, rule: Option<usize>) -> u32 {
        let layout = self.shard.layout();
        rule.and_then(|number| layout.pairs_owner(key.protocol(), number))
            .filter(|_| self.shard.static_outside(key).is_none())
            .unwrap_or_else(|| layout.inside_owner(key.realm(), key.src()))
    }

    /// That of a flow which another worker may have opened.
    pub(crate) fn known_sender_owner(&self, packet: &Packet, key: FlowKey) -> u32 {
        match self.shard.match_rule(usize::from(packet.interface), key) {
            Match::Rule(number, Action::Translate(_)) => self.sender_owner(key, Some(number)),
            _ => self.sender_owner(key, None),
        }
    }

    /// That of a part of a datagram, which need not have ports. (Addresses
    /// divided among workers by port keep their fragments with the owner of the
    /// lowest ports, which passes the first on.)
    pub(crate) fn fragment_owner(&self, packet: &Packet) -> u32 {
        let ip = &packet.ip;
        if !self.shard.is_inside(usize::from(packet.interface)) {
            let owner = self
                .shard
                .layout()
                .outside_owner(packet.realm, ip.dst, ip.protocol, 0);
            if let Some(owner) = owner {
                return owner;
            }
        }
        let key = FlowKey::new(ip.src, ip.dst, 0, 0, ip.protocol, packet.realm);
        self.untouched_owner(packet, key)
            .unwrap_or_else(|| self.known_sender_owner(packet, key))
    }

    pub(crate) fn steer(&mut self, buf: I::Buf, packet: &Packet, owner: u32, stage: Stage) -> End {
        self.tracer.note(|| Step::Handed(owner));
        let mark = Mark::new(Punt::Handoff(stage), packet.interface);
        if self.hand_off(buf, owner, mark) {
            None
        } else {
            Some(Counter::DropHandoff)
        }
    }

    /// The first packet of a flow.
    fn first(&mut self, buf: I::Buf, packet: &Packet, wanted: Wanted) -> End {
        let key = packet.key;
        let own = self.router.owner(packet.realm, key.dst()).is_some();
        let outside = self.outside_of(packet, wanted);
        let from_inside = matches!(wanted, Wanted::Translate(..) | Wanted::Static(_));
        if packet.icmp == Some(icmp::Kind::Reply) && (from_inside || outside.is_none()) {
            // An answer nobody has asked for opens nothing (RFC 5508 REQ-1).
            return Some(if own {
                Counter::ConsumeIcmp
            } else if let Some(rule) = self.goes_untouched(packet, wanted) {
                return self.untouched(buf, packet, rule, matches!(wanted, Wanted::Foreign));
            } else {
                Counter::DropIcmpNoSession
            });
        }
        let mapped = |realm| {
            let layout = self.shard.layout();
            layout
                .whole_inside(realm, key.dst(), protocol::ICMP)
                .is_some()
                || self.shard.has_whole_mapping(realm, key.dst())
        };
        let answers_ping = packet.icmp == Some(icmp::Kind::Query)
            && (own || outside.is_some())
            && !mapped(outside.unwrap_or(packet.realm));
        if answers_ping || own && outside.is_none() {
            return self.local(buf, packet);
        }
        let remote = self.is_for_remote(packet, wanted);
        match (wanted, outside) {
            (Wanted::Drop(Counter::DropProtocol), _) => {
                Some(self.unreachable(buf, packet, Counter::DropProtocol, 2))
            }
            (Wanted::Drop(reason), _) => Some(reason),
            // Only the inside knows remote hosts by these addresses.
            (Wanted::Foreign | Wanted::Remote(_), _) if remote && !packet.hairpinned => {
                Some(Counter::DropNotInside)
            }
            (Wanted::Translate(_, Hairpins::Refused), Some(_)) if !remote => {
                Some(Counter::DropHairpin)
            }
            (Wanted::Translate(number, Hairpins::Preserving), Some(realm)) if !remote => {
                self.inbound(buf, packet, realm, Some(number))
            }
            (Wanted::Translate(number, _) | Wanted::Remote(number), _) => {
                self.outbound(buf, packet, Some(number), outside)
            }
            (Wanted::Static(_), _) => self.outbound(buf, packet, None, outside),
            (Wanted::Pass(_) | Wanted::Foreign, Some(realm)) => {
                self.inbound(buf, packet, realm, None)
            }
            (Wanted::Pass(number), None) => self.untouched(buf, packet, number, false),
            (Wanted::Foreign, None) => match self.shard.passes_back(key) {
                Some(number) => self.untouched(buf, packet, number, true),
                None => Some(Counter::DropNotInside),
            },
        }
    }

    /// The rule by which a packet to no outside address is forwarded as it is: one that says so,
    /// or says so of its answer, or one that both ends are inside for.
    fn goes_untouched(&self, packet: &Packet, wanted: Wanted) -> Option<usize> {
        match wanted {
            Wanted::Pass(number) => Some(number),
            Wanted::Foreign => self.shard.passes_back(packet.key),
            Wanted::Translate(number, _) => self.stays_inside(packet, number).then_some(number),
            _ => None,
        }
    }

    /// The worker of a flow that nothing is translated of, where the zone policy may want a
    /// session of it; `None` if this is no such flow.
    pub(crate) fn untouched_owner(&self, packet: &Packet, key: FlowKey) -> Option<u32> {
        let layout = self.shard.layout();
        layout.zones()?;
        let packet = Packet { key, ..*packet };
        let wanted = self.wanted(&packet);
        self.goes_untouched(&packet, wanted)
            .filter(|_| self.outside_of(&packet, wanted).is_none())
            .map(|_| layout.untouched_owner(key))
    }

    /// Forwards a packet as it is, under the zone policy if there is one.
    fn untouched(&mut self, buf: I::Buf, packet: &Packet, rule: usize, from_outside: bool) -> End {
        if self.shard.layout().zones().is_none() {
            return Some(self.pass(buf, packet));
        }
        if packet.ip.ttl <= 1 {
            return Some(self.expired(buf, packet));
        }
        let mut key = packet.key;
        let direction = if from_outside {
            Direction::Inbound
        } else {
            Direction::Outbound
        };
        if key.protocol() == protocol::ESP {
            // One session for a pair of addresses: the SPI of the answer is another one.
            key = FlowKey::new(key.src(), key.dst(), 0, 0, key.protocol(), key.realm());
            if let Some(hit) = self.shard.find(key, self.shard.hash(key)) {
                return self.translate(buf, packet, hit, false);
            }
        }
        let first = First {
            key,
            tcp: packet.segment,
            hairpin: false,
            outside_realm: packet.realm,
            sender_rule: None,
            ahead: None,
            interface: packet.interface,
            now: packet.now,
        };
        match self.shard.open_untouched(&first, rule, from_outside) {
            Ok(None) => Some(self.pass(buf, packet)),
            Ok(Some(id)) => self.translate(buf, packet, Hit { id, direction }, true),
            Err(reason) if from_outside => Some(reason),
            Err(reason) => Some(self.refused_outbound(buf, packet, reason)),
        }
    }

    /// Whether a packet that a rule would translate goes to another of its inside interfaces.
    fn stays_inside(&self, packet: &Packet, number: usize) -> bool {
        let Some(rule) = self.shard.layout().rule(number) else {
            return false;
        };
        let hop = self.router.route(rule.outside_realm, packet.key.dst());
        hop.is_some_and(|hop| is_inside(rule, hop))
    }

    /// Opens a session for the sender; `hairpin` is the realm in which the
    /// destination is an outside address.
    fn outbound(
        &mut self,
        buf: I::Buf,
        packet: &Packet,
        rule: Option<usize>,
        hairpin: Option<Realm>,
    ) -> End {
        let first = First {
            key: packet.key,
            tcp: packet.segment,
            hairpin: hairpin.is_some(),
            outside_realm: hairpin.unwrap_or(packet.realm),
            sender_rule: None,
            ahead: None,
            interface: packet.interface,
            now: packet.now,
        };
        let remote = rule.is_some_and(|number| {
            let number = u16::try_from(number).unwrap_or(u16::MAX);
            self.shard.is_outside_rule(number)
        });
        if hairpin.is_none() {
            let of_rule = rule.and_then(|number| self.shard.layout().rule(number));
            let realm = match of_rule {
                Some(rule) => rule.outside_realm,
                None => self
                    .shard
                    .static_outside(packet.key)
                    .unwrap_or(packet.realm),
            };
            let Some(hop) = self.router.route(realm, packet.key.dst()) else {
                return Some(self.unreachable(buf, packet, Counter::DropNoRoute, 0));
            };
            // Between inside interfaces there is nothing to translate.
            if let Some(number) = rule
                && of_rule.is_some_and(|rule| is_inside(rule, hop))
            {
                return self.untouched(buf, packet, number, false);
            }
        } else if remote && !packet.admitted && !self.shard.knows_remote(packet.key) {
            match self.entrance(&first) {
                Some((owner, _)) if owner == self.number => {}
                Some((owner, stage)) => return self.steer(buf, packet, owner, stage),
                // Nobody inside waits for it: not worth an address.
                None => return Some(self.refused_inbound(buf, packet, Counter::DropNoMapping)),
            }
        }
        if packet.ip.ttl <= 1 {
            return Some(self.expired(buf, packet));
        }
        let before = self.made();
        match self.shard.open_outbound(&first, rule) {
            Ok(id) => {
                let hit = Hit {
                    id,
                    direction: Direction::Outbound,
                };
                self.note_opened(hit, before);
                self.translate(buf, packet, hit, true)
            }
            Err(reason) => Some(self.refused_outbound(buf, packet, reason)),
        }
    }

    /// Where a remote host without an address towards the inside gets on: the
    /// worker that has its destination decides whether it is let in, then the one
    /// that has the remote host gives it an address and opens the session.
    fn entrance(&self, first: &First<'_>) -> Option<(u32, Stage)> {
        let (key, layout) = (first.key, self.shard.layout());
        let asked = layout
            .outside_owner(
                first.outside_realm,
                key.dst(),
                key.protocol(),
                key.dst_port(),
            )
            .unwrap_or(self.number);
        if asked != self.number {
            return Some((asked, Stage::Received));
        }
        let owner = layout.inside_owner(key.realm(), key.src());
        self.shard
            .lets_strangers_in(first)
            .then_some((owner, Stage::Admitted))
    }

    /// Says why to a sender inside, where that helps it.
    pub(crate) fn refused_outbound(
        &mut self,
        buf: I::Buf,
        packet: &Packet,
        reason: Counter,
    ) -> Counter {
        match reason {
            Counter::DropEspWaiting => self.refused_tunnel(buf, packet, reason),
            Counter::DropNoPort
            | Counter::DropBlockLimit
            | Counter::DropPortLimit
            | Counter::DropSessionLimit
            | Counter::DropSessionRate
            | Counter::DropRuleLimit
            | Counter::DropVrfLimit
            | Counter::DropAddressPair
            | Counter::DropSessionTable
            | Counter::DropMappingTable
            | Counter::DropSubscriberTable => {
                self.unreachable(buf, packet, reason, self.refusal_code)
            }
            Counter::DropProtocol => self.unreachable(buf, packet, reason, 2),
            _ => reason,
        }
    }

    /// Opens a session for whoever has the destination in `realm`. `rule` is the
    /// rule of a sender inside, whose source stays as it is.
    fn inbound(&mut self, buf: I::Buf, packet: &Packet, realm: Realm, rule: Option<usize>) -> End {
        if packet.ip.ttl <= 1 {
            return Some(self.expired(buf, packet));
        }
        if rule.is_none() && !packet.hairpinned && self.shard.has_guard() {
            let ends = (packet.key.src(), packet.key.dst());
            let refused = self.shard.refuses_stranger(packet.realm, ends, packet.now);
            if refused.is_some() {
                return refused;
            }
        }
        let first = First {
            key: packet.key,
            tcp: packet.segment,
            hairpin: packet.hairpinned,
            outside_realm: realm,
            sender_rule: rule,
            ahead: None,
            interface: packet.interface,
            now: packet.now,
        };
        self.note_holder(packet.key.in_realm(realm));
        let before = self.made();
        match self.shard.open_inbound(&first) {
            Ok(id) => {
                let hit = Hit {
                    id,
                    direction: Direction::Inbound,
                };
                self.note_opened(hit, before);
                self.translate(buf, packet, hit, true)
            }
            Err(reason) if rule.is_some() && reason != Counter::DropFiltered => {
                Some(self.refused_outbound(buf, packet, reason))
            }
            Err(reason) => Some(self.refused_inbound(buf, packet, reason)),
        }
    }

    /// A SYN that may not come in is held for a while (RFC 5382 REQ-4); all else is dropped.
    fn refused_inbound(&mut self, buf: I::Buf, packet: &Packet, reason: Counter) -> Counter {
        if reason == Counter::DropNoMapping && !packet.hairpinned {
            self.note_unwanted(packet.key, packet.now);
        }
        let unsolicited = matches!(reason, Counter::DropNoMapping | Counter::DropFiltered)
            && packet.segment.is_some_and(|segment| segment.opens())
            && !packet.ip.is_fragment();
        if unsolicited {
            if self.punt(buf, Mark::new(Punt::Syn, packet.interface)) {
                return Counter::HoldSyn;
            }
            return Counter::DropNoBuffer;
        }
        reason
    }

    /// Takes a packet along one session, or two for a hairpin.
    fn translate(&mut self, buf: I::Buf, packet: &Packet, hit: Hit, fresh: bool) -> End {
        let mut plan: ArrayVec<Hit, 2> = ArrayVec::new();
        plan.push(hit);
        let Some(session) = self.shard.session(hit.id).copied() else {
            return Some(Counter::DropNoMapping);
        };
        let Some(rewrite) = self.shard.rewrite(hit.id, hit.direction) else {
            return Some(Counter::DropNoMapping);
        };
        if hit.direction == Direction::Outbound && session.flags().has(Flags::HAIRPIN) {
            let key = turned(packet.key, &rewrite).in_realm(session.egress_realm(hit.direction));
            let owner = self
                .shard
                .layout()
                .outside_owner(key.realm(), key.dst(), key.protocol(), key.dst_port())
                .unwrap_or(self.number);
            if owner != self.number {
                return self.hairpin_elsewhere(buf, packet, hit, &rewrite, (key.realm(), owner));
            }
            match self.second(packet, key) {
                Ok(second) => plan.push(second),
                Err(reason) => {
                    // Filtered there, it has opened the way back all the same, as towards
                    // any remote that keeps silent: both sides of a hole punch do this.
                    let remote = self.shard.is_outside_session(hit.id);
                    if fresh && (remote || reason != Counter::DropFiltered) {
                        self.shard.end_session(hit.id, packet.now.ticks());
                    }
                    return Some(self.refused_inbound(buf, packet, reason));
                }
            }
        }
        Some(self.follow(buf, packet, &plan))
    }

    /// The second session of a hairpin.
    fn second(&mut self, packet: &Packet, key: FlowKey) -> Result<Hit, Counter> {
        if let Some(hit) = self.shard.find(key, self.shard.hash(key)) {
            self.note_found(hit);
            return match hit.direction {
                Direction::Inbound => Ok(hit),
                Direction::Outbound => Err(Counter::DropHairpinLoop),
            };
        }
        let first = First {
            key,
            tcp: packet.segment,
            hairpin: true,
            outside_realm: key.realm(),
            sender_rule: None,
            ahead: None,
            interface: packet.interface,
            now: packet.now,
        };
        self.note_holder(key);
        let before = self.made();
        let id = self.shard.open_inbound(&first)?;
        let hit = Hit {
            id,
            direction: Direction::Inbound,
        };
        self.note_opened(hit, before);
        Ok(hit)
    }

    /// The first half of a hairpin whose second belongs to another worker. TTL,
    /// MTU and route are that one's.
    fn hairpin_elsewhere(
        &mut self,
        mut buf: I::Buf,
        packet: &Packet,
        hit: Hit,
        rewrite: &Rewrite,
        (realm, owner): (Realm, u32),
    ) -> End {
        let len = u32::try_from(packet.ip.total_len).unwrap_or(0);
        let state = self
            .shard
            .on_packet(hit, packet.segment.as_ref(), len, packet.now.ticks());
        if let Err(reason) = state {
            return Some(reason);
        }
        if let Some(bytes) = buf.bytes_mut().get_mut(packet.l3..) {
            emit::rewrite(bytes, packet.ip.header_len, packet.ip.protocol, rewrite);
        }
        self.steer(buf, packet, owner, Stage::Hairpinned(realm))
    }
}

/// Whether a hop is by one of the interfaces that are inside for a rule.
pub(crate) fn is_inside(rule: &Rule, hop: Hop) -> bool {
    let inside = rule.interfaces.as_ref();
    inside.is_some_and(|inside| inside.get(usize::from(hop.interface)) == Some(&true))
}

/// Reads the transport header of a packet or first fragment.
pub(crate) fn read_flow(frame: &[u8], packet: &mut Packet) -> Result<(), Counter> {
    let ip = &packet.ip;
    packet.key = FlowKey::new(ip.src, ip.dst, 0, 0, ip.protocol, packet.realm);
    let payload = frame
        .get(packet.l3 + ip.header_len..packet.l3 + ip.total_len)
        .ok_or(Counter::DropIpTruncated)?;
    let (mut src_port, mut dst_port) = (0, 0);
    match ip.protocol {
        protocol::TCP => {
            let (ports, segment) = read_segment(payload)?;
            (src_port, dst_port) = ports;
            packet.segment = Some(segment);
        }
        protocol::UDP => {
            (src_port, dst_port) = udp::ports(payload, payload.len(), ip.is_fragment())?;
        }
        protocol::DCCP => {
            let header = dccp::Header::parse(payload)?;
            (src_port, dst_port) = (header.src_port, header.dst_port);
            packet.segment = Some(Segment::of_dccp(header.kind));
        }
        protocol::UDP_LITE => {
            (src_port, dst_port) = udp::lite_ports(payload, ip.is_fragment())?;
        }
        protocol::SCTP => (src_port, dst_port) = sctp::ports(payload)?,
        protocol::GRE => dst_port = gre::call_id(payload).unwrap_or(0),
        protocol::ESP => {
            let header = payload
                .first_chunk::<{ ipsec::ESP_HEADER }>()
                .ok_or(Counter::DropIpTruncated)?;
            (src_port, dst_port) = ipsec::halves(*header);
        }
        protocol::ICMP => {
            let (kind, id) = icmp::classify(payload)?;
            packet.icmp = Some(kind);
            match kind {
                icmp::Kind::Query => src_port = id,
                icmp::Kind::Reply => dst_port = id,
                icmp::Kind::Error | icmp::Kind::Other => {}
            }
        }
        _ => {}
    }
    packet.key = FlowKey::new(
        ip.src,
        ip.dst,
        src_port,
        dst_port,
        ip.protocol,
        packet.realm,
    );
    Ok(())
}

/// Reads a TCP segment: its ports, and what tracking needs.
pub(crate) fn read_segment(payload: &[u8]) -> Result<((u16, u16), Segment), WireError> {
    let header = tcp::Header::parse(payload)?;
    let syn = header.flags & tcp::SYN != 0;
    let segment = Segment {
        flags: header.flags,
        seq: header.seq,
        ack: header.ack,
        window_scale: syn
            .then(|| tcp::window_scale(payload, header.len))
            .flatten(),
        len: u32::try_from(payload.len() - header.len).unwrap_or(0),
    };
    Ok(((header.src_port, header.dst_port), segment))
}

/// The key after an outbound rewrite.
fn turned(key: FlowKey, rewrite: &Rewrite) -> FlowKey {
    // A reply has its identifier on the other side.
    if key.protocol() == protocol::ICMP && key.src_port() == 0 && key.dst_port() != 0 {
        key.with_src(rewrite.address, 0)
    } else {
        key.with_src(rewrite.address, rewrite.port)
    }
}
