//! Who may come in: a model of address-and-port-dependent filtering that knows
//! only what was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

use testkit::{Seen, icmp_error, protocol};

/// A protocol, an endpoint inside and one outside. Ports are zero where a packet
/// does not tell them, and an ICMP identifier is the inside's.
type Flow = (u8, SocketAddrV4, SocketAddrV4);

/// Every flow that an inside host has opened.
#[derive(Default)]
pub(crate) struct Admission {
    /// And when it last sent something.
    opened: BTreeMap<Flow, f64>,
    /// Fragmented datagrams whose first piece was rightly let in.
    datagrams: BTreeSet<(SocketAddrV4, SocketAddrV4, u16)>,
}

impl Admission {
    /// A frame from inside was let through, or is held until it can be.
    pub(crate) fn sent(&mut self, now: f64, seen: &Seen) {
        if seen.arp.is_some() {
            return;
        }
        let flow = flow(seen.protocol, seen.src.0, seen.dst.0);
        self.opened.insert(flow, now);
        // Later fragments name no ports.
        self.opened.insert(without_ports(flow), now);
    }

    /// A frame left to the inside: did anyone there ask for it?
    ///
    /// # Errors
    ///
    /// Says why not.
    pub(crate) fn check(&mut self, now: f64, seen: &Seen) -> Result<(), String> {
        if seen.arp.is_some() || seen.src == tests::OWN_INSIDE {
            return Ok(());
        }
        if seen.protocol != protocol::ICMP || !seen.is_fragment() {
            return self.asked_for(now, seen);
        }
        // Only its first piece tells what an ICMP message is about.
        let datagram = (without_port(seen.src.0), without_port(seen.dst.0), seen.id);
        if seen.offset == 0 {
            let mut ip = seen.ip.clone();
            ip[6] = 0;
            let first = Seen::of_ip(&ip).map_err(|error| format!("{error:?} in {seen:?}"))?;
            self.asked_for(now, &first)?;
            self.datagrams.insert(datagram);
        } else if !self.datagrams.contains(&datagram) {
            return Err(format!("no first piece came before {seen:?}"));
        }
        Ok(())
    }

    fn asked_for(&self, now: f64, seen: &Seen) -> Result<(), String> {
        let quote = seen.icmp.as_ref().and_then(|icmp| icmp.quote.as_ref());
        let asked = if quote.is_some() {
            // An error may come from anywhere, about a packet that was sent.
            let quoted = with_likely_length(&seen.payload);
            let error = icmp_error(3, 3, "192.0.2.77", &quoted);
            let quoted =
                Seen::of_ip(&error.ip()).map_err(|error| format!("{error:?}: {seen:?}"))?;
            let quote = quoted.quote();
            let asked = flow(quote.protocol, quote.src.0, quote.dst.0);
            self.is_open(now, &asked) && quote.src.ip() == seen.dst.ip()
        } else {
            self.is_open(now, &flow(seen.protocol, seen.dst.0, seen.src.0))
        };
        // What inside hosts send each other may pass straight through.
        let local = flow(seen.protocol, seen.src.0, seen.dst.0);
        if asked || self.is_open(now, &local) {
            Ok(())
        } else {
            Err(format!("nobody inside asked for {seen:?}"))
        }
    }

    /// Whether its timer may still run: what comes in does not restart it for UDP.
    fn is_open(&self, now: f64, flow: &Flow) -> bool {
        let longest = match flow.0 {
            protocol::UDP => 300.0,
            _ => 7440.0,
        };
        self.opened
            .get(flow)
            .is_some_and(|since| now - since < longest + 5.0)
    }
}

fn flow(number: u8, inside: SocketAddrV4, outside: SocketAddrV4) -> Flow {
    if number == protocol::ICMP {
        // Whichever end names it, the identifier belongs to the inside.
        let id = inside.port() | outside.port();
        let inside = SocketAddrV4::new(*inside.ip(), id);
        return (number, inside, SocketAddrV4::new(*outside.ip(), 0));
    }
    (number, inside, outside)
}

/// A quote with a total length that covers all there is: some hosts are known to
/// send back another one than they got, so it need not be looked at.
fn with_likely_length(quote: &[u8]) -> Vec<u8> {
    let mut quote = quote.to_vec();
    let len = quote.len() as u16;
    quote[2..4].copy_from_slice(&len.to_be_bytes());
    quote
}

fn without_ports((number, inside, outside): Flow) -> Flow {
    (number, without_port(inside), without_port(outside))
}

fn without_port(endpoint: SocketAddrV4) -> SocketAddrV4 {
    SocketAddrV4::new(*endpoint.ip(), 0)
}
