//! Protection at the door: what is dropped right after it was received.
//!
//! Every frame from outside is asked about once, by the worker that receives it, whichever
//! lane it would take.

use base::{Counter, Nanos};
use nat::{FlowKey, Match};
use pktio::{Burst, Io, PacketBuf, RingReceiver, RingSender};
use wire::{ethernet, ipv4};

use crate::plain::Part;
use crate::worker::Worker;

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Drops what protection keeps out of a burst.
    #[inline(never)]
    pub(crate) fn keep_out(&mut self, part: &mut Part<I::Buf>, now: Nanos) {
        let mut out = Burst::new();
        part.sift(&mut out, |buf, _| {
            let Some(reason) = self.kept_out(buf, now) else {
                return false;
            };
            self.counters.verdict(reason);
            if self.tracer.is_on() {
                self.traced_drop(buf, reason, now);
            }
            self.tracer
                .recent
                .keep(buf.bytes(), buf.port(), reason, now);
            true
        });
        self.io.discard(&mut out);
    }

    /// Why a frame does not come in.
    fn kept_out(&mut self, buf: &I::Buf, now: Nanos) -> Option<Counter> {
        let frame = buf.bytes();
        let header = ethernet::parse(frame).ok()?;
        if header.ether_type != ethernet::IPV4 {
            return None;
        }
        let number = self.router.interface_of(buf.port(), header.tags)?;
        let realm = self.router.interface(number)?.realm;
        let packet = frame.get(header.len..)?;
        let [.., transport, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
            packet.first_chunk::<{ ipv4::HEADER_LEN }>()?;
        let src = u32::from_be_bytes([*s0, *s1, *s2, *s3]);
        let dst = u32::from_be_bytes([*d0, *d1, *d2, *d3]);
        let key = FlowKey::new(src, dst, 0, 0, *transport, realm);
        if !self.is_from_outside(usize::from(number), key) {
            return None;
        }
        self.shard.keeps_out(realm, (src, dst), *transport, now)
    }

    /// Whether no rule calls an interface inside, or takes what comes by it from this host.
    fn is_from_outside(&self, interface: usize, key: FlowKey) -> bool {
        !self.shard.is_inside(interface)
            && matches!(self.shard.match_rule(interface, key), Match::None)
    }

    /// Notes that a packet from outside was for a port that nobody has.
    #[inline]
    pub(crate) fn note_unwanted(&mut self, key: FlowKey, now: Nanos) {
        if self.shard.has_guard() {
            let to = (key.dst(), key.dst_port());
            self.shard.note_unwanted(key.realm(), key.src(), to, now);
        }
    }
}
