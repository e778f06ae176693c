//! Where a session is (RFC 5382, RFC 7857 section 2): what a lifetime follows from.

use crate::packet::{Protocol, What};

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Out,
    In,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Udp,
    UdpDns,
    Icmp,
    OutboundSyn,
    InboundSyn,
    Established,
    InsideFin,
    OutsideFin,
    BothFin,
    TimeWait,
    Reset,
}

impl State {
    /// Of a session just opened.
    pub(crate) fn first(protocol: Protocol, way: Way, remote_port: u16) -> Self {
        match (protocol, way) {
            (Protocol::Udp, Way::Out) if remote_port == 53 => Self::UdpDns,
            (Protocol::Udp, _) => Self::Udp,
            (Protocol::Icmp, _) => Self::Icmp,
            (Protocol::Tcp, Way::Out) => Self::OutboundSyn,
            (Protocol::Tcp, Way::In) => Self::InboundSyn,
        }
    }

    /// After a packet. Whatever is not listed changes nothing.
    pub(crate) fn after(self, way: Way, what: What) -> Self {
        let syn = matches!(what, What::Syn | What::SynAck);
        match self {
            Self::OutboundSyn if syn && way == Way::In => Self::Established,
            Self::InboundSyn if syn && way == Way::Out => Self::Established,
            Self::Established if what == What::Fin && way == Way::Out => Self::InsideFin,
            Self::Established if what == What::Fin && way == Way::In => Self::OutsideFin,
            Self::InsideFin if what == What::Fin && way == Way::In => Self::BothFin,
            Self::OutsideFin if what == What::Fin && way == Way::Out => Self::BothFin,
            Self::Established | Self::InsideFin | Self::OutsideFin if what == What::Rst => {
                Self::Reset
            }
            // Each FIN has acknowledged what came before it, and this the last one.
            Self::BothFin if what == What::Data => Self::TimeWait,
            Self::BothFin | Self::TimeWait if syn && way == Way::Out => Self::OutboundSyn,
            Self::BothFin | Self::TimeWait if syn && way == Way::In => Self::InboundSyn,
            // Only a peer that is still there sends something.
            Self::Reset if what != What::Rst => Self::Established,
            same => same,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Udp | Self::UdpDns | Self::Icmp => "active",
            Self::OutboundSyn => "outbound_syn",
            Self::InboundSyn => "inbound_syn",
            Self::Established => "established",
            Self::InsideFin => "inside_fin",
            Self::OutsideFin => "outside_fin",
            Self::BothFin => "both_fin",
            Self::TimeWait => "time_wait",
            Self::Reset => "reset",
        }
    }
}
