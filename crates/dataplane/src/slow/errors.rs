//! ICMP errors the appliance originates (RFC 792, RFC 1812 section 4.3.2).

use core::net::Ipv4Addr;

use base::Nanos;
use pktio::PacketBuf;
use wire::checksum::Sum;
use wire::ipv4::{self, protocol};
use wire::{ethernet, icmp};

use super::TTL;

/// Errors a second, and at once.
const RATE: u64 = 1000;
const BURST: u64 = 100;

/// Longest error, in bytes of IP (RFC 1812 section 4.3.2.3).
const MAX_LEN: usize = 576;

/// A token bucket for all errors (RFC 1812 section 4.3.2.8).
#[derive(Debug)]
pub(crate) struct ErrorLimit {
    /// Virtual time of the next one.
    next: Nanos,
}

impl ErrorLimit {
    pub(crate) const fn new(now: Nanos) -> Self {
        Self { next: now }
    }

    pub(crate) fn take(&mut self, now: Nanos) -> bool {
        const STEP: u64 = 1_000_000_000 / RATE;
        let start = self.next.0.max(now.0);
        let allowed = start + STEP <= now.0 + STEP * BURST;
        if allowed {
            self.next = Nanos(start + STEP);
        }
        allowed
    }
}

/// Whether there may be an error about a packet: not about errors, later
/// fragments, or what has no single sender (RFC 1812 section 4.3.2.7).
pub(crate) fn is_allowed(packet: &[u8], ip: &ipv4::Header) -> bool {
    let source = ip.source();
    let is_error = ip.protocol == protocol::ICMP
        && packet
            .get(ip.header_len..)
            .and_then(|message| icmp::classify(message).ok())
            .is_none_or(|(kind, _)| !matches!(kind, icmp::Kind::Query | icmp::Kind::Reply));
    !is_error
        && ip.fragment_offset() == 0
        && !source.is_unspecified()
        && !source.is_loopback()
        && source.octets()[0] < 224
        && ip.destination().octets()[0] < 224
}

/// Turns the packet at `l3` into an error about itself, behind an untagged
/// Ethernet header to be filled in; false if that cannot be.
pub(crate) fn write<B: PacketBuf>(
    buf: &mut B,
    l3: usize,
    ip: &ipv4::Header,
    (kind, code, rest): (u8, u8, u16),
    source: Ipv4Addr,
    id: u16,
) -> bool {
    const HEADERS: usize = ipv4::HEADER_LEN + icmp::HEADER_LEN;
    let mut quote = [0; MAX_LEN - HEADERS];
    let len = ip.total_len.min(quote.len());
    let (Some(place), Some(original)) = (quote.get_mut(..len), buf.bytes().get(l3..l3 + len))
    else {
        return false;
    };
    place.copy_from_slice(original);
    if !buf.set_len(ethernet::HEADER_LEN + HEADERS + len) {
        return false;
    }
    let Some(packet) = buf.bytes_mut().get_mut(ethernet::HEADER_LEN..) else {
        return false;
    };
    let new = ipv4::NewHeader {
        src: source,
        dst: ip.source(),
        protocol: protocol::ICMP,
        // RFC 5508 REQ-10d: the service of the packet that caused it.
        tos: ip.tos,
        ttl: TTL,
        id,
    };
    let Some(message) = packet.get_mut(ipv4::HEADER_LEN..) else {
        return false;
    };
    let Some((header, body)) = message.split_first_chunk_mut::<{ icmp::HEADER_LEN }>() else {
        return false;
    };
    let [r0, r1] = rest.to_be_bytes();
    *header = [kind, code, 0, 0, 0, 0, r0, r1];
    if let Some(quote) = quote.get(..len) {
        body.copy_from_slice(quote);
    }
    let sum = Sum::default().bytes(message).checksum();
    wire::put16(message, 2, sum);
    ipv4::write(packet, &new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_in_a_burst_and_then_at_the_rate() {
        let mut limit = ErrorLimit::new(Nanos(0));
        assert_eq!((0..1000).filter(|_| limit.take(Nanos(0))).count(), 100);
        assert!(!limit.take(Nanos(500_000)));
        assert!(limit.take(Nanos(1_000_000)));
        let a_second = (0..10_000)
            .filter(|_| limit.take(Nanos::from_secs(10)))
            .count();
        assert_eq!(a_second, 100);
    }
}
