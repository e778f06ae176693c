//! What the appliance itself is asked, and what it says to a packet's sender.
//!
//! The worker decides and counts; the slow path writes the answer.

use base::{Counter, Nanos};
use nat::{FlowKey, Realm};
use pktio::{Io, PacketBuf, RingReceiver, RingSender};
use wire::arp::{self, Arp};
use wire::ethernet::Mac;
use wire::ipv4::protocol;
use wire::{ethernet, icmp, ipv4};

use crate::general::{End, Packet, read_flow};
use crate::mark::{Mark, Punt};
use crate::trace::Step;
use crate::worker::Worker;

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    pub(crate) fn arp(&mut self, buf: I::Buf, l3: usize, interface: u16, realm: Realm) -> Counter {
        let Some(Ok(message)) = buf.bytes().get(l3..).map(Arp::parse) else {
            return Counter::DropArp;
        };
        let target = message.target_ip.to_bits();
        let ours = self.router.owner(realm, target) == Some(interface)
            || self.router.is_connected(interface, message.target_ip)
                && self
                    .shard
                    .layout()
                    .outside_seen_from(realm, target)
                    .is_some();
        let announces = message.sender_ip == message.target_ip
            && self.router.is_connected(interface, message.sender_ip);
        if !ours && !announces
            || !message.sender_mac.is_unicast()
            || message.sender_mac == Mac::default()
        {
            return Counter::DropArp;
        }
        let announced = message.sender_ip == message.target_ip && message.operation == arp::REQUEST;
        let reason = match message.operation {
            _ if announced => Counter::ConsumeArpReply,
            arp::REQUEST => Counter::ConsumeArpRequest,
            _ => Counter::ConsumeArpReply,
        };
        if self.punt(buf, Mark::new(Punt::Arp, interface)) {
            reason
        } else {
            Counter::DropNoBuffer
        }
    }

    /// A packet for the appliance itself.
    pub(crate) fn local(&mut self, buf: I::Buf, packet: &Packet) -> End {
        if packet.ip.is_fragment() {
            return Some(Counter::DropNoService);
        }
        if let Err(reason) = self.shard.admit_to_itself(packet.interface, packet.key) {
            return Some(reason);
        }
        if self.is_pcp(packet) {
            return self.pcp(buf, packet);
        }
        Some(match packet.icmp {
            Some(icmp::Kind::Query) => {
                let echo = buf.bytes().get(packet.l3 + packet.ip.header_len) == Some(&icmp::ECHO);
                if !echo {
                    Counter::ConsumeIcmp
                } else if self.punt(buf, Mark::new(Punt::Echo, packet.interface)) {
                    Counter::ConsumeEcho
                } else {
                    Counter::DropNoBuffer
                }
            }
            Some(_) => Counter::ConsumeIcmp,
            None => {
                let code = match packet.ip.protocol {
                    protocol::TCP | protocol::UDP => 3,
                    _ => 2,
                };
                self.unreachable(buf, packet, Counter::DropNoService, code)
            }
        })
    }

    pub(crate) fn expired(&mut self, buf: I::Buf, packet: &Packet) -> Counter {
        let punt = Punt::Error {
            kind: icmp::TIME_EXCEEDED,
            code: 0,
            rest: 0,
        };
        self.answer(buf, packet, (Counter::DropTtl, punt))
    }

    pub(crate) fn unreachable(
        &mut self,
        buf: I::Buf,
        packet: &Packet,
        reason: Counter,
        code: u8,
    ) -> Counter {
        let punt = Punt::Error {
            kind: icmp::UNREACHABLE,
            code,
            rest: 0,
        };
        self.answer(buf, packet, (reason, punt))
    }

    /// Drops a packet and has the slow path say why to its sender.
    pub(crate) fn answer(
        &mut self,
        buf: I::Buf,
        packet: &Packet,
        (reason, punt): (Counter, Punt),
    ) -> Counter {
        if self.may_answer(packet.interface) {
            if let Punt::Error { kind, code, .. } = punt {
                self.tracer.note(|| Step::Told(kind, code));
            }
            // The verdict stands, whether or not there is room for the answer.
            self.punt(buf, Mark::new(punt, packet.interface));
        }
        reason
    }

    /// Whether senders on an interface are told why (`icmp_errors`); counts if not.
    fn may_answer(&mut self, interface: u16) -> bool {
        let answers = self
            .router
            .interface(interface)
            .is_some_and(|found| found.icmp_errors);
        if !answers {
            self.counters.bump(Counter::IcmpSuppressed);
        }
        answers
    }

    /// A held SYN's time is over: if its connection was opened from inside
    /// meanwhile it is forgotten, else answered.
    pub(crate) fn check_held_syn(&mut self, buf: I::Buf, interface: u16, now: Nanos) {
        let taken_up = self.flow_of(&buf, interface, now).is_some_and(|packet| {
            self.shard
                .find(packet.key, self.shard.hash(packet.key))
                .is_some()
        });
        if taken_up {
            self.counters.bump(Counter::HoldSynMatched);
        } else if self.may_answer(interface)
            && self.punt(buf, Mark::new(Punt::SynExpired, interface))
        {
            self.counters.bump(Counter::HoldSynAnswered);
        } else {
            self.counters.bump(Counter::HoldSynDropped);
        }
    }

    pub(crate) fn flow_of(&self, buf: &I::Buf, interface: u16, now: Nanos) -> Option<Packet> {
        let header = ethernet::parse(buf.bytes()).ok()?;
        let ip = ipv4::Header::parse(buf.bytes().get(header.len..)?, true).ok()?;
        let mut packet = Packet {
            interface,
            realm: self.router.interface(interface)?.realm,
            l3: header.len,
            ip,
            key: FlowKey::default(),
            segment: None,
            icmp: None,
            hairpinned: false,
            admitted: false,
            steered: true,
            now,
        };
        read_flow(buf.bytes(), &mut packet).ok()?;
        Some(packet)
    }
}
