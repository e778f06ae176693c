//! DNS messages of sessions with that gateway: addresses of whole hosts in them, and the answer
//! to who asks for the name of an address that nobody has.
//!
//! Of datagrams nothing is remembered until a name in a query has been changed, so however many
//! a resolver sends they take no room.

use alg::names::{Asked, Carriage, Names, Translated, stream, translate};
use appproto::Scan;
use appproto::dns::{self, RewriteError};
use base::{Counter, Direction, Nanos};
use nat::{Asking, Attached, Gateway, Hit, SessionId, Shard, Standing};
use pktio::{Io, PacketBuf, RingReceiver, RingSender};
use wire::checksum::Sum;
use wire::ipv4::{self, protocol};
use wire::udp;

use crate::gateway::{Looked, replace_payload};
use crate::general::Packet;
use crate::worker::Worker;

/// TTL of packets that begin here.
const TTL: u8 = 64;

/// The translator, as far as the names in one session are concerned.
struct Session<'a> {
    shard: &'a mut Shard,
    id: SessionId,
    shadow: bool,
    /// Addresses that only another worker knows.
    unknown: u64,
    now: Nanos,
}

impl Names for Session<'_> {
    fn across(&mut self, direction: Direction, address: u32, asking: Asking) -> Standing {
        let asking = if self.shadow { Asking::Look } else { asking };
        let standing = self
            .shard
            .across(self.id, direction, address, asking, self.now);
        self.unknown += u64::from(standing == Standing::Elsewhere);
        standing
    }
}

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Translates a datagram.
    pub(crate) fn look_at_names<B: PacketBuf>(
        &mut self,
        buf: &mut B,
        packet: &Packet,
        hit: Hit,
        mut attached: Attached,
    ) -> Looked {
        let at = packet.l3 + packet.ip.header_len + udp::HEADER_LEN;
        let end = packet.l3 + packet.ip.total_len;
        let Some(message) = buf.bytes().get(at..end).filter(|_| !attached.released) else {
            return Looked::Through;
        };
        if !dns::plausible(message) {
            self.note(hit.id, attached, true);
            return Looked::Through;
        }
        self.shard.tally_mut(Gateway::Dns).messages += 1;
        let before = Sum::default().bytes(message).fold();
        let mut scratch = core::mem::take(&mut self.scratch);
        let mut asked = Asked::from_words(attached.notes);
        let carriage = carriage(hit, &attached, true);
        let mut names = self.names(hit, &attached, packet.now);
        let translated = translate(message, carriage, &mut asked, &mut names, &mut scratch);
        let mut errors = names.unknown;
        errors += u64::from(translated == Err(RewriteError::NoRoom));
        let notes = asked.to_words();
        let mut translated = translated.unwrap_or(Translated::Same);
        if notes != attached.notes && !attached.shadow {
            attached.notes = notes;
            // Whose answer would not be known is not asked in another's name.
            if !self.shard.remember(attached) {
                translated = Translated::Same;
                errors += 1;
            }
        }
        let tally = self.shard.tally_mut(Gateway::Dns);
        tally.errors += errors;
        tally.rewritten += u64::from(translated != Translated::Same);
        let looked = match translated {
            _ if attached.shadow => Looked::Through,
            Translated::Same => Looked::Through,
            Translated::Withheld => Looked::Nowhere(Counter::DropDnsUnbound),
            Translated::New(len) | Translated::Answered(len) => {
                let new = scratch.get(..len).unwrap_or_default();
                let done = replace_payload(buf, packet, at, new, before);
                match translated {
                    _ if !done => Looked::Nowhere(Counter::DropNoBuffer),
                    Translated::Answered(_) => Looked::Back,
                    _ => Looked::Through,
                }
            }
        };
        self.scratch = scratch;
        looked
    }

    /// Translates the whole messages that a stream goes on with.
    pub(crate) fn read_names(
        &mut self,
        hit: Hit,
        attached: &mut Attached,
        payload: &[u8],
        now: Nanos,
    ) -> (Scan, alg::Edits) {
        let mut edits = alg::Edits::new();
        let mut scratch = core::mem::take(&mut self.scratch);
        let mut asked = Asked::from_words(attached.notes);
        let carriage = carriage(hit, attached, false);
        let mut names = self.names(hit, attached, now);
        let streamed = stream(
            payload,
            carriage,
            &mut asked,
            &mut names,
            &mut edits,
            &mut scratch,
        );
        let unknown = names.unknown;
        attached.notes = asked.to_words();
        self.scratch = scratch;
        let tally = self.shard.tally_mut(Gateway::Dns);
        tally.messages += streamed.messages;
        tally.errors += streamed.errors + unknown;
        tally.rewritten += u64::from(!edits.is_empty());
        if attached.shadow {
            edits.clear();
        }
        (streamed.scan, edits)
    }

    fn names(&mut self, hit: Hit, attached: &Attached, now: Nanos) -> Session<'_> {
        Session {
            shard: &mut self.shard,
            id: hit.id,
            shadow: attached.shadow,
            unknown: 0,
            now,
        }
    }

    /// Sends what a datagram has become to where it came from.
    pub(crate) fn send_back(
        &mut self,
        mut buf: I::Buf,
        packet: &Packet,
        reason: Counter,
    ) -> Counter {
        let (src, dst) = (packet.ip.dst, packet.ip.src);
        let Some(hop) = self.router.route(packet.realm, dst) else {
            return Counter::DropNoRoute;
        };
        let header_len = packet.ip.header_len;
        let written = buf.bytes_mut().get_mut(packet.l3..).and_then(|bytes| {
            let total_len = usize::from(wire::be16(bytes, 2)?);
            wire::put32(bytes, 12, src);
            wire::put32(bytes, 16, dst);
            *bytes.get_mut(8)? = TTL;
            ipv4::refresh_checksum(bytes, header_len);
            let datagram = bytes.get_mut(header_len..total_len)?;
            wire::put16(datagram, 0, packet.key.dst_port());
            wire::put16(datagram, 2, packet.key.src_port());
            wire::put16(datagram, 6, 0);
            let sum = Sum::default()
                .pseudo_header(src, dst, protocol::UDP, wire::low16(datagram.len()))
                .bytes(datagram)
                .checksum();
            wire::put16(datagram, 6, if sum == 0 { u16::MAX } else { sum });
            Some(())
        });
        match written {
            Some(()) => self.emit(buf, packet.l3, hop, reason),
            None => Counter::DropNoBuffer,
        }
    }
}

const fn carriage(hit: Hit, attached: &Attached, datagram: bool) -> Carriage {
    Carriage {
        direction: hit.direction,
        datagram,
        reset_ttl: attached.reset_ttl,
        shadow: attached.shadow,
    }
}
