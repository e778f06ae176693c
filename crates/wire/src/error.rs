//! Why a buffer is not a valid header.

use core::fmt;

use base::Counter;

/// The header that was being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Ethernet II and its VLAN tags.
    Ethernet,
    /// RFC 826.
    Arp,
    /// RFC 791.
    Ipv4,
    /// TCP, UDP, ICMP.
    Transport,
}

/// Why a buffer is not a valid header.
///
/// `Copy` and without text: built on the packet path, counted, then dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The buffer ends inside the header.
    Truncated(Layer),
    /// A version or length field disagrees with the buffer.
    BadHeader(Layer),
    /// The IPv4 header checksum is wrong.
    BadChecksum,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(layer) => write!(f, "{layer:?}: buffer ends inside the header"),
            Self::BadHeader(layer) => write!(f, "{layer:?}: a field disagrees with the buffer"),
            Self::BadChecksum => f.write_str("Ipv4: wrong header checksum"),
        }
    }
}

impl core::error::Error for WireError {}

impl From<WireError> for Counter {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Truncated(Layer::Ethernet) | WireError::BadHeader(Layer::Ethernet) => {
                Self::DropEthernetTruncated
            }
            WireError::Truncated(Layer::Arp) | WireError::BadHeader(Layer::Arp) => Self::DropArp,
            WireError::Truncated(Layer::Ipv4) => Self::DropIpTruncated,
            WireError::BadHeader(Layer::Ipv4) => Self::DropIpHeader,
            WireError::Truncated(Layer::Transport) | WireError::BadHeader(Layer::Transport) => {
                Self::DropTransportHeader
            }
            WireError::BadChecksum => Self::DropIpChecksum,
        }
    }
}
