//! Fragments on their way through the general lane (RFC 4787 REQ-14).

use base::Counter;
use pktio::{Io, PacketBuf, RingReceiver, RingSender};
use wire::ipv4;

use crate::emit;
use crate::fragment::{Answer, Fate, Verdict, datagram_key};
use crate::general::{End, Packet};
use crate::joined;
use crate::mark::Stage;
use crate::worker::Worker;

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    pub(crate) fn fragment(&mut self, buf: I::Buf, packet: Packet) -> End {
        let datagram = datagram_key(&packet.ip, packet.realm);
        if !packet.steered {
            let owner = self.fragment_owner(&packet);
            if owner != self.number {
                return self.steer(buf, &packet, owner, Stage::Received);
            }
        }
        let mut given_up = 0;
        let honest = self
            .fragments
            .check(datagram, &packet.ip, packet.now, &mut given_up);
        self.counters.add(Counter::HoldFragmentDropped, given_up);
        if let Err(reason) = honest {
            if reason == Counter::DropFragmentTable {
                let most = self.fragments.most();
                let (source, now) = (packet.ip.src, packet.now.ticks());
                self.shard
                    .refused_fragments(source, packet.realm, most, now);
            }
            return Some(reason);
        }
        if packet.ip.fragment_offset() > 0 {
            return match self.fragments.follow(datagram, buf) {
                Answer::Held => {
                    self.send_if_whole(datagram);
                    Some(Counter::HoldFragment)
                }
                Answer::Follow(buf, fate) => Some(self.send_fragment(buf, &packet, &fate)),
                Answer::Refuse(_, reason) => Some(reason),
            };
        }
        self.fate = None;
        let end = self.whole(buf, packet);
        match (self.fate.take(), end) {
            (Some(Verdict::Gather(whole)), _) => {
                let held = self.gathered.take();
                let refused = held.and_then(|buf| self.fragments.gather(datagram, buf, whole));
                if refused.is_some() {
                    let given_up = self.fragments.refuse(datagram, Counter::DropFragmentTable);
                    let given_up = given_up.len() as u64;
                    self.counters.add(Counter::HoldFragmentDropped, given_up);
                    return Some(Counter::DropFragmentTable);
                }
                self.send_if_whole(datagram);
            }
            (Some(Verdict::Follow(fate)), _) => {
                for waiting in self.fragments.decide(datagram, fate.clone()) {
                    self.release_fragment(waiting, &packet, &fate);
                }
            }
            (None, Some(reason)) => {
                let given_up = self.fragments.refuse(datagram, reason).len() as u64;
                self.counters.add(Counter::HoldFragmentDropped, given_up);
            }
            (None, None) => {}
        }
        end
    }

    /// Sends a fragment that has waited; it was counted when it came.
    pub(crate) fn release_fragment(&mut self, buf: I::Buf, first: &Packet, fate: &Fate) {
        let sent = match joined::read(&buf) {
            Some((l3, ip)) => self.send_fragment(buf, &Packet { l3, ip, ..*first }, fate),
            None => Counter::DropIpHeader,
        };
        self.counters
            .bump(if sent == fate.reason || sent == Counter::HoldNeighbor {
                Counter::HoldFragmentSent
            } else {
                Counter::HoldFragmentDropped
            });
    }

    pub(crate) fn send_fragment(
        &mut self,
        mut buf: I::Buf,
        packet: &Packet,
        fate: &Fate,
    ) -> Counter {
        if packet.ip.ttl <= 1 {
            return Counter::DropTtl;
        }
        let Some(bytes) = buf.bytes_mut().get_mut(packet.l3..) else {
            return Counter::DropIpTruncated;
        };
        for rewrite in &fate.rewrites {
            emit::rewrite_address(bytes, rewrite);
        }
        ipv4::decrement_ttl(bytes);
        if let Some(id) = fate.id {
            ipv4::set_id(bytes, id);
        }
        let destination = wire::be32(bytes, 16).unwrap_or(0);
        let Some(hop) = self.router.route(fate.realm, destination) else {
            return Counter::DropNoRoute;
        };
        self.emit(buf, packet.l3, hop, fate.reason)
    }
}
