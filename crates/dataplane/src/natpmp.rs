//! NAT-PMP requests (RFC 6886), which come to the same port as those of PCP and ask the same shard:
//! an explicit mapping of theirs is one without a nonce.

use core::net::Ipv4Addr;

use appproto::natpmp::{self, Code, Granted, Map, Request};
use appproto::pcp;
use nat::pcp::NO_NONCE;
use nat::{FlowKey, PcpAsk, PcpDenied};
use pktio::{Io, RingReceiver, RingSender};
use wire::ipv4::protocol;

use crate::general::Packet;
use crate::pcp::{Dealt, code_of, counter_of};
use crate::worker::Worker;

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Deals with a request of that version.
    pub(crate) fn deal_older(&mut self, bytes: &[u8], packet: &Packet, out: &mut [u8]) -> Dealt {
        let Some(request) = natpmp::read(bytes) else {
            return Dealt::Ignored;
        };
        let granted = match request {
            Request::Unknown => Err(pcp::Code::UnsuppOpcode),
            Request::Address => self
                .tell_address(packet)
                .map_err(|denied| code_of(denied).0),
            Request::Map(map) => self
                .map_older(map, packet)
                .map_err(|denied| code_of(denied).0),
        };
        let granted = granted.map_err(|code| {
            self.counters.bump(counter_of(code));
            older(code)
        });
        let epoch = self.shard.pcp_epoch(packet.now);
        Dealt::Answered(natpmp::answer(bytes, request, granted, epoch, out))
    }

    /// The outside address of who asks, as its flows from that port have it.
    fn tell_address(&mut self, packet: &Packet) -> Result<Granted, PcpDenied> {
        let asks_from = Map {
            protocol: protocol::UDP,
            port: packet.key.src_port(),
            outside_port: 0,
            lifetime: 1,
        };
        let (rule, ask) = self.ask_of(asks_from, packet)?;
        let address = self.shard.outside_address(rule, &ask, packet.now)?;
        Ok(Granted::Address(Ipv4Addr::from_bits(address)))
    }

    fn map_older(&mut self, map: Map, packet: &Packet) -> Result<Granted, PcpDenied> {
        if (map.port, map.lifetime) == (0, 0) {
            let (host, realm) = (packet.ip.src, packet.realm);
            self.shard
                .end_all_mapped(host, realm, map.protocol, packet.now);
            return Ok(Granted::Map(0, 0));
        }
        let (rule, ask) = self.ask_of(map, packet)?;
        let granted = self.shard.pcp_map(rule, &ask, packet.now)?;
        Ok(match granted.outside.filter(|_| map.lifetime > 0) {
            Some((_, port)) => Granted::Map(port, granted.lifetime),
            None => Granted::Map(0, 0),
        })
    }

    /// The same in the words of PCP, with the rule that it is asked of.
    fn ask_of(&self, map: Map, packet: &Packet) -> Result<(usize, PcpAsk<'static>), PcpDenied> {
        let denied = PcpDenied::NotAuthorized(None);
        let (inside, realm) = (packet.ip.src, packet.realm);
        if map.port == 0 {
            return Err(denied);
        }
        let key = FlowKey::new(inside, 0, map.port, 0, map.protocol, realm);
        let rule = self
            .shard
            .pcp_rule(usize::from(packet.interface), key, None);
        let ask = PcpAsk {
            interface: packet.interface,
            inside,
            realm,
            protocol: map.protocol,
            port: map.port,
            nonce: NO_NONCE,
            address: None,
            outside_port: map.outside_port,
            lifetime: map.lifetime,
            prefer_failure: false,
            // It knows of none: whoever likes comes in.
            filters: &[None],
            ports: 1,
            parity: false,
        };
        Ok((rule.ok_or(denied)?, ask))
    }
}

/// A refusal in the words of that version (RFC 6886 section 3.5).
const fn older(code: pcp::Code) -> Code {
    match code {
        pcp::Code::UnsuppOpcode => Code::UnsuppOpcode,
        pcp::Code::NoResources | pcp::Code::UserExQuota | pcp::Code::CannotProvideExternal => {
            Code::OutOfResources
        }
        _ => Code::NotAuthorized,
    }
}
