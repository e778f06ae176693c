//! What is sent, in the model's terms.

use std::net::SocketAddrV4;

use testkit::Packet;

/// Protocols with ports or identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Udp,
    Tcp,
    Icmp,
}

impl Protocol {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Icmp => "icmp",
        }
    }
}

/// What a packet is, beyond its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Udp,
    /// An ICMP echo request.
    Ping,
    /// Its answer.
    Pong,
    Syn,
    SynAck,
    Data,
    Fin,
    Rst,
}

impl What {
    pub(crate) const fn protocol(self) -> Protocol {
        match self {
            Self::Udp => Protocol::Udp,
            Self::Ping | Self::Pong => Protocol::Icmp,
            _ => Protocol::Tcp,
        }
    }

    /// What a remote host sends where an inside host sends this.
    pub(crate) const fn answering(self) -> Self {
        match self {
            Self::Ping => Self::Pong,
            other => other,
        }
    }
}

/// A packet; an ICMP identifier is the inside's port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) what: What,
    pub(crate) src: SocketAddrV4,
    pub(crate) dst: SocketAddrV4,
}

impl Sent {
    pub(crate) const fn protocol(&self) -> Protocol {
        self.what.protocol()
    }

    /// As testkit builds it. A connection has no bytes but its FINs: every segment
    /// has sequence number 1 and acknowledges the other side's FIN.
    pub(crate) fn packet(&self) -> Packet {
        let flow = format!("{} > {}", self.src, self.dst);
        let tcp = || testkit::tcp(&flow).seq(1).ack(2);
        match self.what {
            What::Udp => testkit::udp(&flow),
            What::Ping => testkit::icmp_query(8, &flow),
            What::Pong => testkit::icmp_query(0, &flow),
            What::Syn => tcp().ack(0).syn(),
            What::SynAck => tcp().syn_ack(),
            What::Data => tcp(),
            What::Fin => tcp().fin(),
            What::Rst => tcp().seq(2).ack(0).rst(),
        }
    }
}
