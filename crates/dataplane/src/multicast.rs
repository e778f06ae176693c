//! Multicast on its way through the general lane (RFC 5135).
//!
//! ```text
//!  upstream ───> members? ──> a copy to each downstream interface, untouched but for TTL
//!  downstream ─> members? ──> the same to the other downstream interfaces (RFC 4605)
//!         └────> may leave? ─> the ordinary way of a packet from inside: rule, mapping,
//!                              source translated, out of the upstream interface
//!  IGMP ───────> the slow path
//! ```
//!
//! Who is a member is the slow path's to know; it tells each worker, which keeps the
//! table here. Received multicast belongs to whichever worker receives it, for nothing of
//! it is translated; what leaves belongs to the owner of its source.

use arrayvec::ArrayVec;
use base::{Counter, Direction};
use hashbrown::HashMap;
use nat::{FlowKey, Realm};
use pktio::{Io, PacketBuf, RingReceiver, RingSender};
use wire::ethernet::{self, Mac};
use wire::igmp::Message;
use wire::ipv4::{self, protocol};

use crate::command::Member;
use crate::general::{End, Packet, read_flow};
use crate::mark::{Mark, Punt};
use crate::router::Hop;
use crate::topology::{Multicast, Topology};
use crate::worker::Worker;

/// Which side of the multicast router an interface is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Where groups are joined.
    Upstream,
    /// Where members are.
    Downstream,
}

/// Flows of a member to its own group that last longer (RFC 5135 REQ-14); others of
/// the same member last as long as any UDP.
const LASTING: usize = 8;

/// Ports of these flows.
type Lasting = ArrayVec<(u16, u16), LASTING>;

/// What a worker knows about groups. Filled by commands, bounded by the slow path's table.
#[derive(Debug)]
pub(crate) struct Groups {
    settings: Option<Multicast>,
    /// Interfaces with members by group and source; source zero is any.
    members: HashMap<(u32, u32), Vec<u16>>,
    /// Hosts that have joined a group, and what they send to it.
    hosts: HashMap<(Realm, u32, u32), Lasting>,
    /// Where a packet goes; kept for its memory.
    targets: Vec<u16>,
}

impl Groups {
    pub(crate) fn new(topology: &Topology) -> Self {
        let settings = topology.multicast.clone();
        let downstream = settings.as_ref().map_or(0, |found| found.downstream.len());
        Self {
            settings,
            members: HashMap::new(),
            hosts: HashMap::new(),
            targets: Vec::with_capacity(downstream),
        }
    }

    /// The role of an interface; `None` if it has no part in multicast.
    pub(crate) fn role(&self, interface: u16) -> Option<Role> {
        let settings = self.settings.as_ref()?;
        if settings.upstream == interface {
            return Some(Role::Upstream);
        }
        settings
            .downstream
            .contains(&interface)
            .then_some(Role::Downstream)
    }

    /// Notes that an interface has members of a group, for one source or any, or has none.
    pub(crate) fn set_interface(&mut self, group: u32, source: u32, interface: u16, member: bool) {
        let interfaces = self.members.entry((group, source)).or_default();
        interfaces.retain(|listed| *listed != interface);
        if member {
            interfaces.push(interface);
        } else if interfaces.is_empty() {
            self.members.remove(&(group, source));
        }
    }

    /// Whether what is sent to a group from inside may leave.
    fn leaves(&self, group: u32) -> bool {
        let address = core::net::Ipv4Addr::from_bits(group);
        self.settings.as_ref().is_some_and(|settings| {
            settings.outward && settings.scopes.iter().any(|scope| scope.contains(address))
        })
    }

    /// The interfaces a packet goes to, each once, but for the one it came by.
    fn targets(&mut self, packet: &Packet) -> Vec<u16> {
        let (group, source) = (packet.ip.dst, packet.ip.src);
        let mut targets = core::mem::take(&mut self.targets);
        targets.clear();
        let any = self.members.get(&(group, 0));
        let listed = self.members.get(&(group, source));
        for interface in any.into_iter().chain(listed).flatten() {
            if *interface != packet.interface && !targets.contains(interface) {
                targets.push(*interface);
            }
        }
        targets
    }
}

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// A packet to a group, by an interface that takes part; `to` is its link-layer
    /// destination.
    pub(crate) fn multicast(&mut self, buf: I::Buf, packet: Packet, to: Mac, role: Role) -> End {
        let group = packet.ip.dst;
        if to != Mac::of_group(group) {
            return Some(Counter::DropIpDestination);
        }
        if packet.ip.protocol == protocol::IGMP {
            return Some(self.igmp(buf, &packet));
        }
        if self.improper_source(&packet.ip, packet.realm) || self.comes_astray(&packet, role) {
            return Some(Counter::DropIpSource);
        }
        let options = buf
            .bytes()
            .get(packet.l3 + ipv4::HEADER_LEN..packet.l3 + packet.ip.header_len)
            .unwrap_or_default();
        if ipv4::has_routing_option(options) {
            return Some(Counter::DropIpOption);
        }
        if ipv4::is_link_local_group(group) {
            return Some(Counter::DropMulticastScope);
        }
        match role {
            Role::Upstream => Some(self.copy_to_members(&buf, &packet)),
            Role::Downstream => self.outward(buf, packet),
        }
    }

    /// A source that cannot be behind the interface: from downstream all but those
    /// routed there, from upstream those that are inside or that we translate to.
    fn comes_astray(&self, packet: &Packet, role: Role) -> bool {
        let (realm, source) = (packet.realm, packet.ip.src);
        let back = self.router.route(realm, source).map(|hop| hop.interface);
        match role {
            Role::Downstream => back != Some(packet.interface),
            Role::Upstream => {
                back.is_some_and(|back| self.groups.role(back) == Some(Role::Downstream))
                    || self.shard.layout().outside_address(realm, source).is_some()
            }
        }
    }

    /// From inside: to the members on other interfaces as it is, and out translated. Its
    /// verdict is that of the way out, if there is one.
    fn outward(&mut self, buf: I::Buf, packet: Packet) -> End {
        // What another worker has received, that one has copied.
        let copied = if packet.steered {
            Counter::DropMulticastNoMember
        } else {
            self.copy_to_members(&buf, &packet)
        };
        let refused = if !self.groups.leaves(packet.ip.dst) {
            Some(Counter::DropMulticastScope)
        } else if packet.ip.protocol != protocol::UDP {
            Some(Counter::DropProtocol)
        } else {
            None
        };
        if let Some(reason) = refused {
            return Some(match copied {
                Counter::DropMulticastNoMember => reason,
                copied => copied,
            });
        }
        let key = self.key_of_member(&buf, packet);
        let end = if packet.ip.is_fragment() {
            self.fragment(buf, packet)
        } else {
            self.whole(buf, packet)
        };
        if let Some(key) = key
            && end == Some(Counter::ForwardOutbound)
        {
            self.let_last(key);
        }
        end
    }

    /// The flow of a packet whose sender has joined its group, and has room for one more.
    fn key_of_member(&self, buf: &I::Buf, mut packet: Packet) -> Option<FlowKey> {
        let member = (packet.realm, packet.ip.src, packet.ip.dst);
        let lasting = self.groups.hosts.get(&member)?;
        if packet.ip.fragment_offset() > 0 {
            return None;
        }
        read_flow(buf.bytes(), &mut packet).ok()?;
        let ports = (packet.key.src_port(), packet.key.dst_port());
        (!lasting.is_full() && !lasting.contains(&ports)).then_some(packet.key)
    }

    /// A member's own mapping lasts for an hour (RFC 5135 REQ-14).
    fn let_last(&mut self, key: FlowKey) {
        let member = (key.realm(), key.src(), key.dst());
        if let Some(hit) = self.shard.find(key, self.shard.hash(key))
            && let Some(lasting) = self.groups.hosts.get_mut(&member)
        {
            self.shard.let_group_session_last(hit.id);
            // There was room when the key was made.
            let _ = lasting.try_push((key.src_port(), key.dst_port()));
        }
    }

    /// A host joined a group, left it, or has not been heard of for long.
    pub(crate) fn set_member(
        &mut self,
        (realm, host, group): (Realm, u32, u32),
        member: Member,
        now: base::Nanos,
    ) {
        let key = (realm, host, group);
        if member == Member::Joined {
            self.groups.hosts.entry(key).or_default();
            return;
        }
        let lasting = self.groups.hosts.remove(&key);
        if member == Member::Expired {
            return;
        }
        for (src_port, dst_port) in lasting.into_iter().flatten() {
            let flow = FlowKey::new(host, group, src_port, dst_port, protocol::UDP, realm);
            if let Some(hit) = self.shard.find(flow, self.shard.hash(flow))
                && hit.direction == Direction::Outbound
            {
                self.shard.end_session(hit.id, now.ticks());
            }
        }
    }

    /// Copies a packet to every interface with members of its group (RFC 5135 REQ-1 to
    /// REQ-3); part of a datagram goes like a whole one.
    fn copy_to_members(&mut self, buf: &I::Buf, packet: &Packet) -> Counter {
        let targets = self.groups.targets(packet);
        let mut result = Counter::DropMulticastNoMember;
        for interface in &targets {
            let sent = self.copy_to(buf, packet, *interface);
            if result != Counter::ForwardMulticast {
                result = sent;
            }
        }
        self.groups.targets = targets;
        result
    }

    fn copy_to(&mut self, buf: &I::Buf, packet: &Packet, interface: u16) -> Counter {
        let hop = Hop {
            interface,
            ip: packet.ip.dst,
        };
        // Nobody is told: there is no ICMP error about multicast (RFC 1812 section 4.3.2.7).
        if let Some((reason, _)) = self.cannot_leave(packet, hop) {
            return reason;
        }
        let Some(original) = buf.bytes().get(packet.l3..packet.l3 + packet.ip.total_len) else {
            return Counter::DropIpTruncated;
        };
        let Some(mut copy) = self.io.allocate() else {
            return Counter::DropNoBuffer;
        };
        if !copy.set_len(ethernet::HEADER_LEN + original.len()) {
            return Counter::DropNoBuffer;
        }
        if let Some(place) = copy.bytes_mut().get_mut(ethernet::HEADER_LEN..) {
            place.copy_from_slice(original);
            ipv4::decrement_ttl(place);
        }
        copy.set_port(buf.port());
        self.emit(copy, ethernet::HEADER_LEN, hop, Counter::ForwardMulticast)
    }

    /// IGMP that is whole, from a host on the link, and where it belongs.
    fn igmp(&mut self, buf: I::Buf, packet: &Packet) -> Counter {
        let ip = &packet.ip;
        let from = ip.source();
        // Without an address yet is allowed (RFC 3376 section 4.2.13).
        let of_the_link = from.is_unspecified()
            || self.router.is_connected(packet.interface, from)
                && !self.improper_source(ip, packet.realm);
        let message = buf
            .bytes()
            .get(packet.l3 + ip.header_len..packet.l3 + ip.total_len)
            .and_then(|bytes| Message::parse(bytes).ok());
        let proper = of_the_link
            && ip.ttl == 1
            && !ip.is_fragment()
            && message.is_some_and(|message| message.belongs_to(ip.dst));
        if !proper {
            Counter::DropIgmp
        } else if self.punt(buf, Mark::new(Punt::Igmp, packet.interface)) {
            Counter::ConsumeIgmp
        } else {
            Counter::DropNoBuffer
        }
    }
}
