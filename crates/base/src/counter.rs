//! Every counter of the product, in one list.
//!
//! Names follow `area.thing`. Exactly one `verdict.*` counter moves for each
//! packet received, and with it exactly one counter of the area that explains
//! it: `forward.*`, `drop.*`, `consume.*` or one of the `hold` reasons
//! ([`Counter::is_reason`]). What becomes of a held packet later moves other
//! `hold.*` counters, never a second verdict.
//!
//! `docs/counters.md` is generated from this list.

macro_rules! counters {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $name:literal, )*) => {
        /// A counter; its number is its place in [`Counters`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Counter {
            $( $(#[doc = $doc])+ $variant, )*
        }

        impl Counter {
            /// All counters, in the order they are shown.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The name in `show counters`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// What it counts, in a sentence.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $( Self::$variant => concat!($($doc),+).trim_ascii(), )* }
            }
        }
    };
}

counters! {
    /// Packets that left, translated or not.
    VerdictForward = "verdict.forward",
    /// Packets dropped; the reason is one of `drop.*`.
    VerdictDrop = "verdict.drop",
    /// Packets for the appliance itself (ARP, ping), answered or taken note of.
    VerdictConsume = "verdict.consume",
    /// Packets kept for later; what becomes of them is in `hold.*`.
    VerdictHold = "verdict.hold",

    /// Packets received.
    RxPackets = "rx.packets",
    /// Bytes received, from the Ethernet header on, without FCS.
    RxBytes = "rx.bytes",
    /// Frames sent, of whatever origin.
    TxPackets = "tx.packets",
    /// Bytes sent.
    TxBytes = "tx.bytes",
    /// Frames the device did not take.
    TxDropped = "tx.dropped",

    /// Translated from inside to outside.
    ForwardOutbound = "forward.outbound",
    /// Translated from outside to inside.
    ForwardInbound = "forward.inbound",
    /// Translated from inside to inside through an outside address.
    ForwardHairpin = "forward.hairpin",
    /// Forwarded untouched (`action: pass`, or between inside interfaces).
    ForwardPass = "forward.pass",
    /// Multicast forwarded untouched to the interfaces with members of its group.
    ForwardMulticast = "forward.multicast",

    /// The frame ends inside its Ethernet header or VLAN tags.
    DropEthernetTruncated = "drop.ethernet_truncated",
    /// The frame is for another MAC address.
    DropNotForUs = "drop.not_for_us",
    /// Neither IPv4 nor ARP.
    DropEtherType = "drop.ethertype",
    /// No interface has this VLAN tag.
    DropVlan = "drop.vlan",
    /// ARP that is malformed or about an address nobody here has.
    DropArp = "drop.arp",
    /// The frame ends inside the IPv4 header.
    DropIpTruncated = "drop.ip_truncated",
    /// IP version, header length or total length that cannot be.
    DropIpHeader = "drop.ip_header",
    /// Wrong IPv4 header checksum.
    DropIpChecksum = "drop.ip_checksum",
    /// A loose or strict source route, which is not translated (RFC 5508 REQ-10b).
    DropIpOption = "drop.ip_option",
    /// Source address that no host may have: zero, loopback, multicast, broadcast, our own.
    DropIpSource = "drop.ip_source",
    /// Multicast, broadcast or otherwise unroutable destination.
    DropIpDestination = "drop.ip_destination",
    /// The packet ends inside its transport header, or its length field is wrong.
    DropTransportHeader = "drop.transport_header",
    /// TTL ended here; answered with ICMP time exceeded.
    DropTtl = "drop.ttl",
    /// No route to the destination.
    DropNoRoute = "drop.no_route",
    /// From inside, and no rule matches.
    DropNoRule = "drop.no_rule",
    /// A rule says drop.
    DropRule = "drop.rule",
    /// Neither from inside nor to an address that is translated.
    DropNotInside = "drop.not_inside",
    /// To an outside address and port that nobody holds.
    DropNoMapping = "drop.no_mapping",
    /// The mapping's filtering does not admit this remote.
    DropFiltered = "drop.filtered",
    /// From one zone to another between which there is no pair, or to or from an interface in no zone.
    DropZoneNoPair = "drop.zone_no_pair",
    /// In a class that the pair of its zones drops, or in none of its classes.
    DropZonePolicy = "drop.zone_policy",
    /// From or to an address in a black hole, by configuration or for a while after its rate.
    DropBlackHole = "drop.black_hole",
    /// More packets from outside than one outside address may get.
    DropAddressRate = "drop.address_rate",
    /// More ICMP from outside than one outside address may get.
    DropIcmpRate = "drop.icmp_rate",
    /// More packets of no session than one outside address may get.
    DropUnsolicitedRate = "drop.unsolicited_rate",
    /// The first packet of a remote host that has touched many ports nobody has.
    DropScanner = "drop.scanner",
    /// A TCP segment of no known session that is not a SYN.
    DropTcpNotSyn = "drop.tcp_not_syn",
    /// A transport protocol without a rule for it.
    DropProtocol = "drop.protocol",
    /// Hairpinning is switched off for this subscriber.
    DropHairpin = "drop.hairpin",
    /// A hairpin that would go round for ever.
    DropHairpinLoop = "drop.hairpin_loop",
    /// An ICMP type that is neither query nor translatable error.
    DropIcmpType = "drop.icmp_type",
    /// Wrong ICMP checksum of an error message.
    DropIcmpChecksum = "drop.icmp_checksum",
    /// The packet quoted in an ICMP error is malformed.
    DropIcmpQuote = "drop.icmp_quote",
    /// An ICMP error about a packet that was never translated here.
    DropIcmpNoSession = "drop.icmp_no_session",
    /// No free port for the subscriber in the pool.
    DropNoPort = "drop.no_port",
    /// The subscriber has all its port blocks and they are full.
    DropBlockLimit = "drop.block_limit",
    /// The subscriber's limit of ports for the protocol.
    DropPortLimit = "drop.port_limit",
    /// The subscriber's limit of sessions.
    DropSessionLimit = "drop.session_limit",
    /// The subscriber's limit of new sessions a second.
    DropSessionRate = "drop.session_rate",
    /// The limit of sessions of all the rule's subscribers.
    DropRuleLimit = "drop.rule_limit",
    /// The limit of sessions of the VRF.
    DropVrfLimit = "drop.vrf_limit",
    /// Another inside host uses the outside address with this remote and protocol, which has no ports to tell them apart.
    DropAddressPair = "drop.address_pair",
    /// A new SPI, or IKE that would agree upon one, while another host's tunnel to the same gateway was unclear, without room to wait.
    DropEspWaiting = "drop.esp_waiting",
    /// An SPI from outside that could not be told whose it is.
    DropEspUnmatched = "drop.esp_unmatched",
    /// An SPI from outside that two hosts seem to have chosen.
    DropEspCollision = "drop.esp_collision",
    /// IKE that began outside, to an outside port 500 that several hosts have.
    DropIkeCookie = "drop.ike_cookie",
    /// The mapping's limit of sessions opened from outside.
    DropInboundLimit = "drop.inbound_limit",
    /// The session table is full.
    DropSessionTable = "drop.session_table",
    /// The mapping table is full.
    DropMappingTable = "drop.mapping_table",
    /// The subscriber table is full.
    DropSubscriberTable = "drop.subscriber_table",
    /// Too big for the next link and not to be fragmented; answered with ICMP.
    DropFragmentationNeeded = "drop.fragmentation_needed",
    /// A fragment too small to be honest (RFC 1858).
    DropFragmentTiny = "drop.fragment_tiny",
    /// Fragments that overlap (RFC 1858, RFC 5722).
    DropFragmentOverlap = "drop.fragment_overlap",
    /// No room to follow another fragmented datagram.
    DropFragmentTable = "drop.fragment_table",
    /// Multicast to a group without members on any other interface.
    DropMulticastNoMember = "drop.multicast_no_member",
    /// Multicast from inside to a group that may not leave, or to one that no router forwards.
    DropMulticastScope = "drop.multicast_scope",
    /// IGMP that is malformed, of an unknown type, or not addressed as it should be.
    DropIgmp = "drop.igmp",
    /// To the appliance itself, where nothing listens.
    DropNoService = "drop.no_service",
    /// A PCP request that is to be ignored: from outside, too short, garbled, or no request.
    DropPcp = "drop.pcp",
    /// A DNS answer with the name of a host whose outside address is not its any more.
    DropDnsUnbound = "drop.dns_unbound",
    /// The worker that owns the packet had no room for it.
    DropHandoff = "drop.handoff",
    /// A segment of a gateway's connection that came at a bad moment: its sender will send it again.
    DropStream = "drop.stream",
    /// No buffer, or no room on the way to the slow path, to go on with.
    DropNoBuffer = "drop.no_buffer",

    /// ARP requests answered.
    ConsumeArpRequest = "consume.arp_request",
    /// ARP replies and announcements taken note of.
    ConsumeArpReply = "consume.arp_reply",
    /// Pings of an own or pool address, answered.
    ConsumeEcho = "consume.echo",
    /// ICMP to the appliance that needs no answer.
    ConsumeIcmp = "consume.icmp",
    /// IGMP taken note of.
    ConsumeIgmp = "consume.igmp",
    /// DNS queries for the name of an address that nobody has, refused.
    ConsumeDns = "consume.dns",
    /// PCP requests of inside hosts, answered.
    ConsumePcp = "consume.pcp",

    /// Held for the next hop's MAC address.
    HoldNeighbor = "hold.neighbor",
    /// Fragments held for their first fragment.
    HoldFragment = "hold.fragment",
    /// Unsolicited SYNs held for six seconds (RFC 5382 REQ-4).
    HoldSyn = "hold.syn",
    /// Segments of connections whose messages the slow path puts together (vTCP).
    HoldStream = "hold.stream",
    /// ESP and IKE held while another host's tunnel to the same gateway is unclear.
    HoldEsp = "hold.esp",
    /// Held packets that left after their neighbour answered.
    HoldNeighborSent = "hold.neighbor_sent",
    /// Held packets given up: queue full, or no answer.
    HoldNeighborDropped = "hold.neighbor_dropped",
    /// Held fragments that left after their first fragment.
    HoldFragmentSent = "hold.fragment_sent",
    /// Held fragments given up: timeout, or the datagram was refused.
    HoldFragmentDropped = "hold.fragment_dropped",
    /// Held ESP and IKE that went on.
    HoldEspSent = "hold.esp_sent",
    /// Held ESP and IKE given up: timeout, or refused in the end.
    HoldEspDropped = "hold.esp_dropped",
    /// Held SYNs whose connection was opened from inside meanwhile.
    HoldSynMatched = "hold.syn_matched",
    /// Held SYNs answered with ICMP port unreachable.
    HoldSynAnswered = "hold.syn_answered",
    /// Held SYNs given up: the queue was full, or no answer may be sent (`icmp_errors: false`).
    HoldSynDropped = "hold.syn_dropped",

    /// Sessions created.
    NatSessionsCreated = "nat.sessions_created",
    /// Sessions ended, by timer or command.
    NatSessionsEnded = "nat.sessions_ended",
    /// Mappings created.
    NatMappingsCreated = "nat.mappings_created",
    /// Mappings ended.
    NatMappingsEnded = "nat.mappings_ended",
    /// Port blocks lent to a subscriber.
    NatBlocksAllocated = "nat.blocks_allocated",
    /// Port blocks returned.
    NatBlocksReleased = "nat.blocks_released",
    /// Subscribers that appeared.
    NatSubscribersCreated = "nat.subscribers_created",
    /// Subscribers forgotten when their last session and block went.
    NatSubscribersEnded = "nat.subscribers_ended",
    /// Ports put to use again before their hold-down ended, because too many were held.
    NatHoldDownCut = "nat.hold_down_cut",

    /// Sessions and doors for which gateways had no room: they go on without.
    AlgTableFull = "alg.table_full",
    /// SPIs from outside that were found to be an inside host's.
    EspPaired = "esp.paired",
    /// SPIs that could not be foreseen for one host because another has the same.
    EspCollision = "esp.collision",
    /// Keepalives sent to gateways for inside hosts.
    EspKeepalive = "esp.keepalives",
    /// Packets put into UDP, or taken out of it, for configured peers.
    EspEncapsulated = "esp.encapsulated",
    /// Packets of a gateway's session that could not be looked at: segments in IP fragments or of a message in parts without vTCP, datagrams in fragments that are too large.
    AlgUnread = "alg.unread",
    /// Connections whose messages came in parts or out of order, put together on the slow path (vTCP).
    AlgVtcpStreams = "alg.vtcp_streams",
    /// Those that were let go for good: not the protocol, too long a message, too long a wait, no memory or nobody who answered.
    AlgVtcpReleased = "alg.vtcp_released",
    /// Their segments that were lost here, for want of a buffer or by a wrong checksum: they are sent again.
    AlgVtcpDropped = "alg.vtcp_dropped",

    /// Explicit mappings that hosts were granted or had prolonged (PCP).
    PcpGranted = "pcp.granted",
    /// Those that were deleted by request.
    PcpDeleted = "pcp.deleted",
    /// Those that ended because nobody prolonged them, one for each port or peer.
    PcpExpired = "pcp.expired",
    /// Announcements sent that state was lost.
    PcpAnnounced = "pcp.announced",
    /// Requests of another version: also NAT-PMP, which is not served.
    PcpUnsuppVersion = "pcp.unsupp_version",
    /// Requests about what is another's, configured, or made by packets; or not allowed.
    PcpNotAuthorized = "pcp.not_authorized",
    /// Requests that are malformed.
    PcpMalformedRequest = "pcp.malformed_request",
    /// Requests with an unknown opcode.
    PcpUnsuppOpcode = "pcp.unsupp_opcode",
    /// Requests with an unknown option that matters, or in the name of others by who may not.
    PcpUnsuppOption = "pcp.unsupp_option",
    /// Requests with an option that is malformed.
    PcpMalformedOption = "pcp.malformed_option",
    /// Requests refused because a pool or table was full.
    PcpNoResources = "pcp.no_resources",
    /// Requests for protocols without ports, or for all ports of a shared address.
    PcpUnsuppProtocol = "pcp.unsupp_protocol",
    /// Requests refused because the subscriber has its share of mappings, ports or new sessions a second.
    PcpUserExQuota = "pcp.user_ex_quota",
    /// Requests for an outside endpoint that could not be had.
    PcpCannotProvide = "pcp.cannot_provide_external",
    /// Requests whose sender is not who they say: somebody has translated them on the way.
    PcpAddressMismatch = "pcp.address_mismatch",
    /// Requests for more filters than a mapping can have.
    PcpExcessivePeers = "pcp.excessive_remote_peers",

    /// Messages of SIP calls that the database did not hear of, for want of room on the way.
    CallUnheard = "call.unheard",
    /// SIP calls taken up.
    CallBegun = "call.begun",
    /// SIP calls that ended by what their messages said.
    CallEnded = "call.ended",
    /// SIP calls forgotten because nothing was heard of them in time.
    CallExpired = "call.expired",
    /// SIP calls that nobody had answered yet, forgotten for newer ones: the database was full.
    CallDisplaced = "call.displaced",
    /// SIP calls not taken up: the database was full of answered ones.
    CallRefused = "call.refused",
    /// SIP calls cleared by command.
    CallCleared = "call.cleared",

    /// Times a pool rose to its high watermark.
    EventPoolHigh = "event.pool_high",
    /// Times it fell to its low watermark again.
    EventPoolLow = "event.pool_low",
    /// Seconds in which a pool had nothing left to lend.
    EventPoolExhausted = "event.pool_exhausted",
    /// Times a subscriber rose to the watermark of its ports.
    EventSubscriberHigh = "event.subscriber_high",
    /// Minutes in which a subscriber was refused a session.
    EventSubscriberRefused = "event.subscriber_refused",
    /// Events there was no room to keep: of what packets began, since what ends waits for room.
    EventLost = "event.lost",
    /// Times that an outside address got more packets than its rate and was shut for a while.
    ProtectionShut = "protection.shut",
    /// Remote hosts taken for scanners.
    ProtectionScanners = "protection.scanners",

    /// Records for the log that the exporter took from the workers.
    LogRecords = "log.records",
    /// Records lost between a worker and the exporter: more came than it can take.
    LogRingFull = "log.ring_full",
    /// Records sent to IPFIX collectors, to each of them.
    LogIpfixSent = "log.ipfix_sent",
    /// Records that an IPFIX collector did not get: it was away, or too slow.
    LogIpfixLost = "log.ipfix_lost",
    /// Records sent to syslog servers, to each of them.
    LogSyslogSent = "log.syslog_sent",
    /// Records that a syslog server did not get: it was away, or too slow.
    LogSyslogLost = "log.syslog_lost",
    /// Records written to the store of log records.
    LogStoreWritten = "log.store_written",
    /// Records that could not be written there.
    LogStoreLost = "log.store_lost",

    /// ICMP errors sent by the appliance.
    IcmpSent = "icmp.sent",
    /// ICMP errors not sent, because of the rate limit.
    IcmpRateLimited = "icmp.rate_limited",
    /// ICMP errors not sent, because RFC 1812 or `icmp_errors: false` forbids them there.
    IcmpSuppressed = "icmp.suppressed",
    /// ICMP errors translated, either way.
    IcmpTranslated = "icmp.translated",

    /// IGMP queries sent.
    IgmpQueriesSent = "igmp.queries_sent",
    /// IGMP reports and leaves sent.
    IgmpReportsSent = "igmp.reports_sent",
    /// Memberships not taken up, because `multicast.groups_max` was reached.
    IgmpRefused = "igmp.refused",

    /// ARP requests sent.
    ArpRequestsSent = "arp.requests_sent",
    /// Packets too big for the next link that left as fragments.
    IpFragmented = "ip.fragmented",
    /// TCP SYNs whose MSS option was lowered.
    TcpMssClamped = "tcp.mss_clamped",
    /// TCP resets outside the window: forwarded, but without effect here.
    TcpResetIgnored = "tcp.reset_ignored",

    /// Packets passed to the worker that owns them.
    HandoffOut = "handoff.out",
    /// Packets taken from other workers.
    HandoffIn = "handoff.in",
    /// Packets the worker that owns them had no room for.
    HandoffDropped = "handoff.dropped",
    /// Packets passed to the slow path.
    PuntSent = "punt.sent",
    /// Packets the slow path had no room for.
    PuntDropped = "punt.dropped",
    /// Packets that `why` or `trace` meant and had no room for.
    TraceLost = "trace.lost",
}

impl Counter {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The verdict this counter explains, if it is a reason: each packet received
    /// moves one verdict and one reason.
    #[must_use]
    pub const fn is_reason(self) -> Option<Self> {
        match self {
            Self::HoldNeighbor
            | Self::HoldFragment
            | Self::HoldSyn
            | Self::HoldStream
            | Self::HoldEsp => Some(Self::VerdictHold),
            Self::ForwardOutbound
            | Self::ForwardInbound
            | Self::ForwardHairpin
            | Self::ForwardPass
            | Self::ForwardMulticast => Some(Self::VerdictForward),
            Self::ConsumeArpRequest
            | Self::ConsumeArpReply
            | Self::ConsumeEcho
            | Self::ConsumeIcmp
            | Self::ConsumeIgmp
            | Self::ConsumeDns
            | Self::ConsumePcp => Some(Self::VerdictConsume),
            _ => {
                let number = self as u8;
                if number >= Self::DropEthernetTruncated as u8 && number <= Self::DropNoBuffer as u8
                {
                    Some(Self::VerdictDrop)
                } else {
                    None
                }
            }
        }
    }
}

/// One worker's counters. Owned by that worker; others get copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters([u64; Counter::COUNT]);

impl Default for Counters {
    fn default() -> Self {
        Self([0; Counter::COUNT])
    }
}

impl Counters {
    /// Adds one.
    #[inline]
    pub fn bump(&mut self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Adds `amount`.
    #[inline]
    pub fn add(&mut self, counter: Counter, amount: u64) {
        if let Some(value) = self.0.get_mut(counter as usize) {
            *value = value.wrapping_add(amount);
        }
    }

    /// Records how a packet ended: its reason and the verdict that goes with it.
    #[inline]
    pub fn verdict(&mut self, reason: Counter) {
        self.bump(reason);
        if let Some(verdict) = reason.is_reason() {
            self.bump(verdict);
        }
    }

    /// The value of one counter.
    #[must_use]
    pub fn value(&self, counter: Counter) -> u64 {
        self.0.get(counter as usize).copied().unwrap_or(0)
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (sum, value) in self.0.iter_mut().zip(other.0) {
            *sum = sum.wrapping_add(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_places() {
        for (place, counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(*counter as usize, place);
        }
    }

    #[test]
    fn names_follow_the_grammar_and_are_unique() {
        for (place, counter) in Counter::ALL.iter().enumerate() {
            let (area, thing) = counter.name().split_once('.').unwrap();
            let snake = |part: &str| {
                !part.is_empty() && part.bytes().all(|b| b == b'_' || b.is_ascii_lowercase())
            };
            assert!(snake(area) && snake(thing), "{}", counter.name());
            assert!(
                Counter::ALL[place + 1..]
                    .iter()
                    .all(|other| other.name() != counter.name())
            );
        }
    }

    #[test]
    fn every_drop_is_a_reason_of_the_drop_verdict() {
        for counter in Counter::ALL {
            let is_drop = counter.name().starts_with("drop.");
            assert_eq!(counter.is_reason() == Some(Counter::VerdictDrop), is_drop);
        }
    }
}
