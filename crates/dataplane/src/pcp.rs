//! PCP requests to an own address (RFC 6887): the worker that owns the subscriber answers.
//!
//! ```text
//!  UDP to port 5351 ─> from inside, and served? ─> read ─> in the name of another?
//!                                                            │ by who may: its worker
//!       answered in the buffer it came in <── shard <────────┘
//! ```
//!
//! The answer leaves as the request came, by the same interface to the same neighbour.

use core::net::Ipv4Addr;

use appproto::natpmp;
use appproto::pcp::{self, Code, Opcode, Refused, Request};
use base::Counter;
use nat::FlowKey;
use nat::pcp::Filter;
use nat::{PcpAsk, PcpDenied, PcpGranted};
use pktio::{Io, PacketBuf, RingReceiver, RingSender};
use wire::checksum::Sum;
use wire::ipv4::{self, NewHeader, protocol};
use wire::{ethernet, udp};

use crate::general::{End, Packet};
use crate::mark::Stage;
use crate::worker::Worker;

/// TTL of answers.
const TTL: u8 = 64;

/// Filters that one request can change.
const MAX_STEPS: usize = 64;

/// What becomes of a request.
pub(crate) enum Dealt {
    /// It is answered with so many bytes.
    Answered(usize),
    /// Another worker has the host that it is for.
    Elsewhere(u32),
    Ignored,
}

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Whether a packet to an own address is for the server.
    pub(crate) fn is_pcp(&self, packet: &Packet) -> bool {
        packet.key.protocol() == protocol::UDP
            && packet.key.dst_port() == pcp::PORT
            && self.shard.serves_pcp()
    }

    /// Deals with a datagram to the server.
    pub(crate) fn pcp(&mut self, buf: I::Buf, packet: &Packet) -> End {
        let interface = usize::from(packet.interface);
        if !self.shard.is_inside(interface) {
            return Some(Counter::DropPcp);
        }
        let policy = self
            .shard
            .pcp_policy(interface, packet.realm, packet.ip.src);
        let Some(nat_pmp) = policy.map(|policy| policy.nat_pmp) else {
            return Some(self.unreachable(buf, packet, Counter::DropNoService, 3));
        };
        let mut scratch = core::mem::take(&mut self.scratch);
        let dealt = match payload(buf.bytes(), packet) {
            Some(bytes) if nat_pmp && bytes.first() == Some(&natpmp::VERSION) => {
                self.deal_older(bytes, packet, &mut scratch)
            }
            Some(bytes) => self.deal(bytes, packet, &mut scratch),
            None => Dealt::Ignored,
        };
        let end = match dealt {
            Dealt::Answered(len) => {
                let answer = scratch.get(..len).unwrap_or_default();
                Some(self.send_answer(buf, packet, answer))
            }
            Dealt::Elsewhere(owner) => self.steer(buf, packet, owner, Stage::Received),
            Dealt::Ignored => Some(Counter::DropPcp),
        };
        self.scratch = scratch;
        end
    }

    fn deal(&mut self, bytes: &[u8], packet: &Packet, out: &mut [u8]) -> Dealt {
        let epoch = self.shard.pcp_epoch(packet.now);
        let from = Ipv4Addr::from_bits(packet.ip.src);
        let request = match pcp::read(bytes, from) {
            Ok(request) => request,
            Err(Refused::Silently) => return Dealt::Ignored,
            Err(Refused::With(code)) => return self.deny(bytes, (code, None), epoch, out),
        };
        let manager = request.third_party.map(|_| packet.ip.src);
        if manager.is_some_and(|host| !self.shard.pcp_manages(packet.realm, host)) {
            return self.deny(bytes, (Code::UnsuppOption, None), epoch, out);
        }
        let inside = request.third_party.unwrap_or(from).to_bits();
        let owner_of = |host| self.shard.layout().inside_owner(packet.realm, host);
        let owner = owner_of(inside);
        // A request comes to its sender's worker first, and goes on from there alone.
        let comes_from = manager.filter(|host| !packet.steered || owner_of(*host) == self.number);
        if comes_from.is_some() && owner != self.number {
            return Dealt::Elsewhere(owner);
        }
        match self.ask(&request, packet, inside, manager) {
            Ok(granted) => {
                let said = pcp::Granted {
                    lifetime: granted.lifetime,
                    outside: granted
                        .outside
                        .map(|(address, port)| (Ipv4Addr::from_bits(address), port)),
                    ports: granted.ports,
                };
                Dealt::Answered(pcp::grant(bytes, &request, said, epoch, out))
            }
            Err(denied) => self.deny(bytes, code_of(denied), epoch, out),
        }
    }

    fn ask(
        &mut self,
        request: &Request,
        packet: &Packet,
        inside: u32,
        manager: Option<u32>,
    ) -> Result<PcpGranted, PcpDenied> {
        let interface = usize::from(packet.interface);
        let denied = PcpDenied::NotAuthorized(None);
        let (wanted, map) = match &request.opcode {
            Opcode::Announce => return Ok(PcpGranted::NOTHING),
            Opcode::Map(map) => (map.wanted, Some(map)),
            Opcode::Peer(wanted, ..) => (*wanted, None),
        };
        let steps = map.into_iter().flat_map(|map| map.filters.iter());
        let filters: arrayvec::ArrayVec<Option<Filter>, MAX_STEPS> = steps
            .map(|step| match *step {
                pcp::Filter::Clear => None,
                pcp::Filter::Admit(prefix, port) => Some(Filter { prefix, port }),
            })
            .collect();
        let set = map.and_then(|map| map.set);
        let ask = PcpAsk {
            interface: packet.interface,
            inside,
            realm: packet.realm,
            protocol: wanted.protocol,
            port: wanted.port,
            nonce: wanted.nonce,
            address: wanted.address.map(Ipv4Addr::to_bits),
            outside_port: wanted.outside_port,
            lifetime: request.lifetime,
            prefer_failure: map.is_some_and(|map| map.prefer_failure),
            filters: &filters,
            ports: set.map_or(1, |set| set.size),
            parity: set.is_some_and(|set| set.parity),
        };
        if ask.port == 0 && ask.lifetime == 0 {
            // There is none for all ports (RFC 6887 section 15.1).
            return Ok(PcpGranted::NOTHING);
        }
        if !PcpAsk::has_ports(ask.protocol) || ask.port == 0 {
            return Err(PcpDenied::Protocol);
        }
        let key = FlowKey::new(inside, 0, ask.port, 0, ask.protocol, ask.realm);
        if let Opcode::Peer(_, remote, port) = request.opcode {
            let remote = (remote.to_bits(), port);
            let flow = key.with_dst(remote.0, remote.1);
            let rule = self.shard.pcp_peer_rule(interface, flow, manager);
            return self
                .shard
                .pcp_peer(rule.ok_or(denied)?, &ask, remote, packet.now);
        }
        let rule = self.shard.pcp_rule(interface, key, manager);
        self.shard.pcp_map(rule.ok_or(denied)?, &ask, packet.now)
    }

    /// Says no.
    fn deny(
        &mut self,
        bytes: &[u8],
        (code, lifetime): (Code, Option<u32>),
        epoch: u32,
        out: &mut [u8],
    ) -> Dealt {
        self.counters.bump(counter_of(code));
        let lifetime = lifetime.unwrap_or(code.lifetime());
        Dealt::Answered(pcp::refuse(bytes, code, lifetime, epoch, out))
    }

    /// Sends an answer in the buffer of its request.
    fn send_answer(&mut self, mut buf: I::Buf, packet: &Packet, answer: &[u8]) -> Counter {
        let Some(mac) = self
            .router
            .interface(packet.interface)
            .map(|found| found.mac)
        else {
            return Counter::DropNoBuffer;
        };
        let head = ipv4::HEADER_LEN + udp::HEADER_LEN;
        let Ok(frame) = ethernet::parse(buf.bytes()) else {
            return Counter::DropNoBuffer;
        };
        if answer.is_empty() || !buf.set_len(packet.l3 + head + answer.len()) {
            return Counter::DropNoBuffer;
        }
        let id = self.next_id(packet.ip.dst, packet.key.reversed());
        let bytes = buf.bytes_mut();
        ethernet::write(bytes, frame.src, mac, frame.tags, ethernet::IPV4);
        let Some(bytes) = bytes.get_mut(packet.l3..) else {
            return Counter::DropNoBuffer;
        };
        let header = NewHeader {
            src: Ipv4Addr::from_bits(packet.ip.dst),
            dst: Ipv4Addr::from_bits(packet.ip.src),
            protocol: protocol::UDP,
            tos: 0,
            ttl: TTL,
            id,
        };
        ipv4::write(bytes, &header);
        if let Some(datagram) = bytes.get_mut(ipv4::HEADER_LEN..) {
            write_datagram(datagram, packet.key.reversed(), answer);
        }
        let port = buf.port();
        self.transmit(port, buf);
        Counter::ConsumePcp
    }
}

/// Writes a datagram of this flow around its payload.
pub(crate) fn write_datagram(datagram: &mut [u8], key: FlowKey, payload: &[u8]) {
    let len = wire::low16(datagram.len());
    wire::put16(datagram, 0, key.src_port());
    wire::put16(datagram, 2, key.dst_port());
    wire::put16(datagram, 4, len);
    wire::put16(datagram, 6, 0);
    if let Some(place) = datagram.get_mut(udp::HEADER_LEN..) {
        for (to, from) in place.iter_mut().zip(payload) {
            *to = *from;
        }
    }
    let sum = Sum::default()
        .pseudo_header(key.src(), key.dst(), protocol::UDP, len)
        .bytes(datagram)
        .checksum();
    wire::put16(datagram, 6, if sum == 0 { u16::MAX } else { sum });
}

/// The payload of a datagram whose checksum, if there is one, is right.
fn payload<'a>(frame: &'a [u8], packet: &Packet) -> Option<&'a [u8]> {
    let ip = &packet.ip;
    let datagram = frame.get(packet.l3 + ip.header_len..packet.l3 + ip.total_len)?;
    let len = wire::be16(datagram, 4)?;
    let datagram = datagram.get(..usize::from(len))?;
    let sum = Sum::default()
        .pseudo_header(ip.src, ip.dst, protocol::UDP, len)
        .bytes(datagram);
    if wire::be16(datagram, 6)? != 0 && sum.fold() != u16::MAX {
        return None;
    }
    datagram.get(udp::HEADER_LEN..)
}

/// What a refusal is in the protocol's words, with its lifetime if that is known.
pub(crate) const fn code_of(denied: PcpDenied) -> (Code, Option<u32>) {
    match denied {
        PcpDenied::NotAuthorized(left) => (Code::NotAuthorized, left),
        PcpDenied::NoResources => (Code::NoResources, None),
        PcpDenied::Protocol => (Code::UnsuppProtocol, None),
        PcpDenied::Quota => (Code::UserExQuota, None),
        PcpDenied::External => (Code::CannotProvideExternal, None),
        PcpDenied::Filters => (Code::ExcessiveRemotePeers, None),
    }
}

pub(crate) const fn counter_of(code: Code) -> Counter {
    match code {
        Code::Success => Counter::PcpGranted,
        Code::UnsuppVersion => Counter::PcpUnsuppVersion,
        Code::NotAuthorized => Counter::PcpNotAuthorized,
        Code::MalformedRequest => Counter::PcpMalformedRequest,
        Code::UnsuppOpcode => Counter::PcpUnsuppOpcode,
        Code::UnsuppOption => Counter::PcpUnsuppOption,
        Code::MalformedOption => Counter::PcpMalformedOption,
        Code::NoResources => Counter::PcpNoResources,
        Code::UnsuppProtocol => Counter::PcpUnsuppProtocol,
        Code::UserExQuota => Counter::PcpUserExQuota,
        Code::CannotProvideExternal => Counter::PcpCannotProvide,
        Code::AddressMismatch => Counter::PcpAddressMismatch,
        Code::ExcessiveRemotePeers => Counter::PcpExcessivePeers,
    }
}
