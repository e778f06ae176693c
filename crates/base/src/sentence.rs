//! What became of a packet, in a sentence for whoever asks why.
//!
//! Each says what was found and, where that helps, where to look next. `portolan why` prints
//! them; the names are those of [`Counter::name`].

use crate::Counter;

impl Counter {
    /// Why a packet ended so; `None` if this counter is no reason ([`Counter::is_reason`]).
    #[must_use]
    pub const fn sentence(self) -> Option<&'static str> {
        Some(match self {
            Self::ForwardOutbound => "it left towards the outside, with an outside source",
            Self::ForwardInbound => "it left towards the inside host that has the outside endpoint",
            Self::ForwardHairpin => {
                "it came back in to another inside host, by way of an outside address"
            }
            Self::ForwardPass => "it left untouched: a rule says `pass`, or it stays inside",
            Self::ForwardMulticast => "it left untouched for the members of its group",

            Self::DropEthernetTruncated => {
                "the frame ends inside its Ethernet header or VLAN tags; look at the link and the device that sent it"
            }
            Self::DropNotForUs => {
                "the frame is addressed to another MAC address; its sender has a stale or wrong neighbour entry, or the switch floods"
            }
            Self::DropEtherType => "the frame is neither IPv4 nor ARP; nothing else is forwarded",
            Self::DropVlan => "no interface of the configuration has this VLAN tag on this device",
            Self::DropArp => {
                "the ARP message is malformed, or about an address that nobody here has"
            }
            Self::DropIpTruncated => {
                "the frame ends inside the IPv4 header, or before its length says"
            }
            Self::DropIpHeader => {
                "the IPv4 header is impossible: its version, header length or total length"
            }
            Self::DropIpChecksum => {
                "the checksum of the IPv4 header is wrong: it was damaged on its way"
            }
            Self::DropIpOption => {
                "it carries a loose or strict source route, which is never translated (RFC 5508 REQ-10b)"
            }
            Self::DropIpSource => {
                "no host may have its source address: zero, loopback, multicast, broadcast, or one of the appliance's own"
            }
            Self::DropIpDestination => {
                "its destination cannot be routed: multicast, broadcast, loopback, or unicast in a broadcast frame"
            }
            Self::DropTransportHeader => {
                "it ends inside its transport header, or that header's length field is wrong"
            }
            Self::DropTtl => {
                "its time to live ended here, as a traceroute intends; else there is a routing loop"
            }
            Self::DropNoRoute => {
                "no route leads to its destination in the VRF where it would leave; see `routes` in the configuration"
            }
            Self::DropNoRule => {
                "it came from inside and no rule matches its source; see `source` and `inside` of the rules"
            }
            Self::DropRule => "the rule that matches it says `drop`",
            Self::DropNotInside => {
                "it is neither from inside nor to an address that is translated; is the route to here right, and the interface named in a rule?"
            }
            Self::DropNoMapping => {
                "nobody has this outside endpoint: no inside host has used it lately and no static mapping names it; see `show mappings`"
            }
            Self::DropFiltered => {
                "somebody has this outside endpoint, but has not sent to this remote, and the rule's `filtering` lets in only who was sent to"
            }
            Self::DropTcpNotSyn => {
                "it is a TCP segment of no known session and no SYN: the session ended or timed out, or began elsewhere"
            }
            Self::DropProtocol => "the rule translates no packets of this protocol",
            Self::DropHairpin => {
                "it is from inside to an outside address of ours, and the rule has `hairpin` switched off"
            }
            Self::DropHairpinLoop => {
                "its way would lead out and in again for ever: both its ends are the same outside endpoint"
            }
            Self::DropIcmpType => {
                "this type of ICMP is neither a query nor an error that can be translated"
            }
            Self::DropIcmpChecksum => {
                "the checksum of the ICMP error is wrong: it was damaged on its way"
            }
            Self::DropIcmpQuote => "the packet quoted in the ICMP error is malformed or too short",
            Self::DropIcmpNoSession => {
                "it is an ICMP error or answer about a packet that has no session here"
            }
            Self::DropNoPort => {
                "the pool has no port or block left for this subscriber; see `show pools`, and give the pool more addresses"
            }
            Self::DropBlockLimit => {
                "the subscriber has all the port blocks it may have (`max_per_subscriber`), and they are full; see `show subscribers`"
            }
            Self::DropPortLimit => {
                "the subscriber has all the ports of this protocol that `limits: ports` allows; see `show subscribers`"
            }
            Self::DropSessionLimit => {
                "the subscriber has all the sessions that `limits: sessions` allows; see `show subscribers`"
            }
            Self::DropSessionRate => {
                "the subscriber opens more sessions a second than `limits: new_sessions_per_second` allows"
            }
            Self::DropRuleLimit => {
                "the subscribers of the rule together have all the sessions it allows"
            }
            Self::DropVrfLimit => {
                "the subscribers of the VRF together have all the sessions it allows"
            }
            Self::DropAddressPair => {
                "another inside host uses the outside address with this remote, and the protocol has no ports to tell the two apart"
            }
            Self::DropEspWaiting => {
                "it begins an IPsec tunnel while another host's to the same gateway is unclear, and there is no room to wait; see `show ipsec`"
            }
            Self::DropEspUnmatched => {
                "nobody inside is known for this ESP index (SPI): the tunnel began before the appliance did, or the host is silent; see `show ipsec`"
            }
            Self::DropEspCollision => {
                "two inside hosts seem to have chosen this ESP index (SPI) with the same gateway; either must negotiate anew"
            }
            Self::DropIkeCookie => {
                "it begins IKE from outside to port 500, which several inside hosts share; only they can begin"
            }
            Self::DropInboundLimit => {
                "too many remotes have opened sessions to this outside endpoint without an answer from inside"
            }
            Self::DropSessionTable => "the session table is full; see `limits: sessions`",
            Self::DropMappingTable => "the mapping table is full; see `limits: mappings`",
            Self::DropSubscriberTable => "the subscriber table is full; see `limits: subscribers`",
            Self::DropFragmentationNeeded => {
                "it is too big for the next link and must not be fragmented; its sender is told so by ICMP"
            }
            Self::DropFragmentTiny => {
                "the fragment is too small to be honest: it would hide the transport header (RFC 1858)"
            }
            Self::DropFragmentOverlap => {
                "fragments of its datagram overlap, which is an attack or a fault (RFC 1858, RFC 5722)"
            }
            Self::DropFragmentTable => {
                "there is no room to follow another fragmented datagram; see `limits: fragments`"
            }
            Self::DropMulticastNoMember => "its group has no members on any other interface",
            Self::DropMulticastScope => {
                "its group may not leave by the configured scopes, or is one that no router forwards"
            }
            Self::DropIgmp => {
                "the IGMP message is malformed, of an unknown type or wrongly addressed"
            }
            Self::DropNoService => "it is for the appliance itself, where nothing listens",
            Self::DropZoneNoPair => {
                "it goes from one zone to another, and no pair of `zones.pairs` says that anything may; see `show zones`"
            }
            Self::DropZonePolicy => {
                "the policy of its pair of zones drops what is in its class; see `show zones`"
            }
            Self::DropBlackHole => {
                "it is from or to an address in a black hole: one of `protection.black_hole`, or one that got more packets than `protection.per_address` lets in"
            }
            Self::DropAddressRate => {
                "its outside address gets more packets from outside than `protection.per_address` lets in"
            }
            Self::DropIcmpRate => {
                "its outside address gets more ICMP from outside than `protection.per_address` lets in"
            }
            Self::DropUnsolicitedRate => {
                "it is of no session, and its outside address gets more of that than `protection.per_address` lets in"
            }
            Self::DropScanner => {
                "its sender has lately touched many outside ports that nobody has, and is kept out for the time of `protection.scan`; sessions that hosts inside have with it go on"
            }
            Self::DropPcp => {
                "it is to the port of PCP, and no request that may be answered: malformed, from outside, or of a host whose rule has no `pcp`"
            }
            Self::DropDnsUnbound => {
                "it is a DNS answer with the name of a host whose outside address is no longer its own"
            }
            Self::DropHandoff => {
                "the worker that has its session had no room for it: that worker is overloaded; see `show workers`"
            }
            Self::DropStream => {
                "it came at a bad moment of a connection whose messages are put together here; its sender will send it again"
            }
            Self::DropNoBuffer => {
                "there was no buffer, or no room on the way to the slow path; see `show counters --name punt`"
            }

            Self::ConsumeArpRequest => "it asks for one of our addresses by ARP, and is answered",
            Self::ConsumeArpReply => "it is an ARP answer or announcement, which is taken note of",
            Self::ConsumeEcho => "it is a ping of an own or pool address, and is answered",
            Self::ConsumeIcmp => "it is ICMP for the appliance itself that needs no answer",
            Self::ConsumeIgmp => "it is IGMP, which is taken note of",
            Self::ConsumePcp => "it asks for a mapping (PCP), and was answered",
            Self::ConsumeDns => {
                "it is a DNS query for the name of an address that nobody has, and is refused"
            }

            Self::HoldNeighbor => "it waits until ARP has found the MAC address of the next hop",
            Self::HoldFragment => "it is a fragment and waits for the rest of its datagram",
            Self::HoldSyn => {
                "it is a SYN that nobody asked for, held for six seconds in case the inside opens the same connection (RFC 5382 REQ-4)"
            }
            Self::HoldStream => {
                "it is a segment of a connection whose messages come in parts; the slow path puts them together and sends it on"
            }
            Self::HoldEsp => {
                "it waits until another host's tunnel to the same IPsec gateway is clear; see `show ipsec`"
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_sentence_of_its_own_and_nothing_else_has() {
        for (place, counter) in Counter::ALL.iter().enumerate() {
            let sentence = counter.sentence();
            assert_eq!(
                sentence.is_some(),
                counter.is_reason().is_some(),
                "{}",
                counter.name()
            );
            let others = Counter::ALL.iter().take(place);
            for other in others.filter(|other| other.is_reason().is_some()) {
                assert_ne!(other.sentence(), sentence, "{}", counter.name());
            }
        }
    }

    #[test]
    fn sentences_go_on_after_a_colon() {
        for sentence in Counter::ALL.iter().filter_map(|counter| counter.sentence()) {
            let first = sentence.chars().next().unwrap();
            let abbreviation = sentence.starts_with("ICMP") || sentence.starts_with("TCP");
            assert!(first.is_lowercase() || abbreviation, "{sentence}");
            assert!(
                !sentence.ends_with('.') && sentence.len() > 20,
                "{sentence}"
            );
        }
    }
}
