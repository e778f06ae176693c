//! ICMP errors in transit (RFC 5508 section 4): the quoted packet is translated
//! back to what its sender sent, and the error goes to that sender.
//!
//! ```text
//!  from outside:  R > G    quoting  G:g > X:x     becomes   R > A   quoting  A:a > X:x
//!  from inside:   A > X    quoting  X:x > A:a     becomes   G > X   quoting  X:x > G:g
//!  hairpin:       both, one after the other
//! ```
//!
//! An error neither ends nor refreshes a session (RFC 5508 REQ-6), and is taken
//! from any source (RFC 4787 REQ-12a).

use arrayvec::ArrayVec;
use base::{Counter, Direction};
use nat::settings::Action;
use nat::{FlowKey, Hit, Match, Realm, Rewrite};
use pktio::{Io, PacketBuf, RingReceiver, RingSender};
use wire::checksum::{self, Sum};
use wire::ipv4::{self, protocol};
use wire::{gre, icmp};

use crate::emit;
use crate::general::{End, Packet};
use crate::mark::Stage;
use crate::worker::Worker;

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Takes an ICMP error to its end.
    pub(crate) fn icmp_error(&mut self, mut buf: I::Buf, packet: &Packet) -> End {
        if packet.ip.is_fragment() {
            return Some(Counter::DropIcmpQuote);
        }
        let from = packet.l3 + packet.ip.header_len;
        let Some(message) = buf.bytes().get(from..packet.l3 + packet.ip.total_len) else {
            return Some(Counter::DropIpTruncated);
        };
        if !checksum::is_valid(message) {
            return Some(Counter::DropIcmpChecksum);
        }
        let Some(mut quoted) = quoted_flow(message, packet.realm) else {
            return Some(Counter::DropIcmpQuote);
        };
        let mut plan = self.error_plan(packet, quoted);
        if plan.is_empty() && matches!(quoted.protocol(), protocol::GRE | protocol::ESP) {
            // Of no call that is known here, or not translated.
            quoted = quoted.with_src(quoted.src(), 0).with_dst(quoted.dst(), 0);
            plan = self.error_plan(packet, quoted);
        }
        let Some(first) = plan.first() else {
            return self.foreign_error(buf, packet, quoted);
        };
        let outbound = first.direction == Direction::Outbound;
        for hit in &plan {
            if let Err(reason) = self.shard.admit_way(*hit) {
                return Some(reason);
            }
        }
        let mut rewrites: ArrayVec<Rewrite, 2> = ArrayVec::new();
        let (mut destination, mut realm) = (packet.ip.dst, packet.realm);
        for hit in &plan {
            let (Some(rewrite), Some(session)) = (
                self.shard.rewrite(hit.id, hit.direction),
                self.shard.session(hit.id),
            ) else {
                return Some(Counter::DropIcmpNoSession);
            };
            realm = session.egress_realm(hit.direction);
            if hit.direction == Direction::Inbound {
                destination = rewrite.address;
            }
            rewrites.push(rewrite);
        }
        let own = self
            .shard
            .own_outside(packet.realm, packet.ip.src, protocol::ICMP);
        if outbound && plan.len() == 1 && !packet.hairpinned {
            // Towards another inside host: the rest of the way is its worker's.
            let owner = self.shard.layout().outside_owner(
                realm,
                packet.ip.dst,
                quoted.protocol(),
                quoted.src_port(),
            );
            if let Some(owner) = owner.filter(|owner| *owner != self.number) {
                if let Some(bytes) = buf
                    .bytes_mut()
                    .get_mut(packet.l3..packet.l3 + packet.ip.total_len)
                {
                    rewrite_error(bytes, packet.ip.header_len, &rewrites, own);
                }
                return self.steer(buf, packet, owner, Stage::Hairpinned(realm));
            }
        }
        let Some(hop) = self.router.route(realm, destination) else {
            return Some(Counter::DropNoRoute);
        };
        if let Some((reason, _)) = self.cannot_leave(packet, hop) {
            // No ICMP error about an ICMP error (RFC 1812 section 4.3.2.7).
            self.counters.bump(Counter::IcmpSuppressed);
            return Some(reason);
        }
        let outside = rewrites.first().map_or(0, |rewrite| rewrite.address);
        let id = (outbound && !packet.ip.is_atomic()).then(|| self.next_id(outside, packet.key));
        let Some(bytes) = buf
            .bytes_mut()
            .get_mut(packet.l3..packet.l3 + packet.ip.total_len)
        else {
            return Some(Counter::DropIpTruncated);
        };
        rewrite_error(bytes, packet.ip.header_len, &rewrites, own);
        ipv4::decrement_ttl(bytes);
        if let Some(id) = id {
            ipv4::set_id(bytes, id);
        }
        self.counters.bump(Counter::IcmpTranslated);
        let reason = match (plan.len(), outbound) {
            _ if packet.hairpinned => Counter::ForwardHairpin,
            (2, _) => Counter::ForwardHairpin,
            (_, true) => Counter::ForwardOutbound,
            (_, false) => Counter::ForwardInbound,
        };
        Some(self.emit(buf, packet.l3, hop, reason))
    }

    /// The sessions an error about `quoted` goes along.
    fn error_plan(&self, packet: &Packet, quoted: FlowKey) -> ArrayVec<Hit, 2> {
        let mut plan = ArrayVec::new();
        // The error travels like an answer to the quoted packet.
        let answer = quoted.reversed();
        let Some(hit) = self.shard.find(answer, self.shard.hash(answer)) else {
            return plan;
        };
        plan.push(hit);
        if hit.direction == Direction::Outbound
            && let (Some(rewrite), Some(session)) = (
                self.shard.rewrite(hit.id, hit.direction),
                self.shard.session(hit.id),
            )
        {
            let realm = session.egress_realm(hit.direction);
            if self
                .shard
                .layout()
                .outside_address(realm, packet.ip.dst)
                .is_some()
            {
                let answer = if answer.protocol() == protocol::ICMP && answer.src_port() == 0 {
                    answer.with_src(rewrite.address, 0)
                } else {
                    answer.with_src(rewrite.address, rewrite.port)
                }
                .in_realm(realm);
                let second = self.shard.find(answer, self.shard.hash(answer));
                plan.extend(second.filter(|hit| hit.direction == Direction::Inbound));
            }
        }
        plan
    }

    /// An error about a packet that no session of this worker has sent.
    fn foreign_error(&mut self, buf: I::Buf, packet: &Packet, quoted: FlowKey) -> End {
        if !packet.steered {
            let layout = self.shard.layout();
            let answer = quoted.reversed().in_realm(packet.realm);
            let owner = layout
                .outside_owner(
                    packet.realm,
                    quoted.src(),
                    quoted.protocol(),
                    quoted.src_port(),
                )
                .or_else(|| self.untouched_owner(packet, answer))
                .unwrap_or_else(|| self.known_sender_owner(packet, answer));
            if owner != self.number {
                return self.steer(buf, packet, owner, Stage::Received);
            }
        }
        if self.router.owner(packet.realm, packet.ip.dst).is_some() {
            return Some(Counter::ConsumeIcmp);
        }
        let passes = |key: FlowKey| {
            let found = self.shard.match_rule(usize::from(packet.interface), key);
            matches!(found, Match::Rule(_, Action::Pass))
        };
        if passes(quoted.reversed()) || self.shard.passes_back(quoted.reversed()).is_some() {
            if let Err(reason) = self.shard.admit_alone(packet.interface, packet.key) {
                return Some(reason);
            }
            let Some(hop) = self.router.route(packet.realm, packet.ip.dst) else {
                return Some(Counter::DropNoRoute);
            };
            if let Some((reason, _)) = self.cannot_leave(packet, hop) {
                self.counters.bump(Counter::IcmpSuppressed);
                return Some(reason);
            }
            let mut buf = buf;
            if let Some(bytes) = buf.bytes_mut().get_mut(packet.l3..) {
                ipv4::decrement_ttl(bytes);
            }
            return Some(self.emit(buf, packet.l3, hop, Counter::ForwardPass));
        }
        Some(Counter::DropIcmpNoSession)
    }
}

/// Key of the packet quoted in an error message; `None` if it is not honest or
/// does not say enough.
fn quoted_flow(message: &[u8], realm: Realm) -> Option<FlowKey> {
    let quote = message.get(icmp::HEADER_LEN..icmp::HEADER_LEN + icmp::quote_len(message))?;
    let ip = ipv4::Header::parse_quoted(quote).ok()?;
    if !ip.checksum_is_right(quote) || ip.fragment_offset() > 0 {
        return None;
    }
    // What lies behind the quoted packet's end is not part of it (RFC 5508 REQ-3d).
    let transport = quote.get(ip.header_len..ip.total_len.min(quote.len()))?;
    let (src_port, dst_port) = match ip.protocol {
        protocol::TCP | protocol::UDP | protocol::DCCP | protocol::SCTP | protocol::UDP_LITE => {
            // Eight bytes are always there (RFC 792).
            transport.first_chunk::<8>()?;
            (wire::be16(transport, 0)?, wire::be16(transport, 2)?)
        }
        protocol::ICMP => match icmp::classify(transport).ok()? {
            (icmp::Kind::Query, id) => (id, 0),
            (icmp::Kind::Reply, id) => (0, id),
            _ => return None,
        },
        // The SPI, which is what stands first.
        protocol::ESP => (wire::be16(transport, 0)?, wire::be16(transport, 2)?),
        protocol::GRE => (0, gre::call_id(transport).unwrap_or(0)),
        _ => (0, 0),
    };
    Some(FlowKey::new(
        ip.src,
        ip.dst,
        src_port,
        dst_port,
        ip.protocol,
        realm,
    ))
}

/// Rewrites an error and what it quotes. A sender with an outside address of its
/// `own` uses that (RFC 5508 REQ-5).
fn rewrite_error(bytes: &mut [u8], header_len: usize, rewrites: &[Rewrite], own: Option<u32>) {
    for rewrite in rewrites {
        match rewrite.direction {
            Direction::Outbound => ipv4::set_src(bytes, own.unwrap_or(rewrite.address)),
            Direction::Inbound => ipv4::set_dst(bytes, rewrite.address),
        }
        if let Some(message) = bytes.get_mut(header_len..) {
            rewrite_quote(message, rewrite);
        }
    }
    if let Some(message) = bytes.get_mut(header_len..) {
        wire::put16(message, 2, 0);
        let sum = Sum::default().bytes(message).checksum();
        wire::put16(message, 2, sum);
    }
}

/// Writes what the quoted packet's sender had sent: the other side of the packet
/// than the rewrite's own, since the quote travels the other way.
fn rewrite_quote(message: &mut [u8], rewrite: &Rewrite) {
    let end = icmp::HEADER_LEN + icmp::quote_len(message);
    let Some(quote) = message.get_mut(icmp::HEADER_LEN..end) else {
        return;
    };
    let Ok(ip) = ipv4::Header::parse_quoted(quote) else {
        return;
    };
    let port_at = match rewrite.direction {
        Direction::Inbound => {
            ipv4::set_src(quote, rewrite.address);
            0
        }
        Direction::Outbound => {
            ipv4::set_dst(quote, rewrite.address);
            2
        }
    };
    // Padding behind the quoted packet is not part of it (RFC 5508 REQ-3d).
    let len = ip.total_len.min(quote.len());
    let Some(transport) = quote.get_mut(ip.header_len..len) else {
        return;
    };
    emit::rewrite_transport(transport, port_at, ip.protocol, rewrite);
}
