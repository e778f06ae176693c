//! What tests are made of: packets in flow notation, a decoder that checks
//! every checksum, pcap files and seeded chance.
//!
//! An oracle must not share its mistakes with what it judges, so nothing here
//! uses the product's header code: every checksum is computed in full, from the
//! bytes. Wrong use of the kit panics at once; that is what a test wants.
//!
//! ```
//! use testkit::{Seen, udp};
//!
//! let query = udp("10.64.0.7:4000 > 192.0.2.1:53").payload(b"q").ttl(9);
//! let seen = Seen::of(&query.frame([2; 6], [4; 6])).unwrap();
//! assert!(seen.src == "10.64.0.7:4000" && seen.ttl == 9);
//! assert!(seen.problems.is_empty());
//! ```
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::cast_possible_truncation,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use
)]

mod arp;
mod checksum;
mod decode;
mod packet;
pub mod pcap;
mod ports;
mod rng;

pub use arp::{ARP_REPLY, ARP_REQUEST, Arp};
pub use checksum::{crc32c, internet_checksum, transport_checksum};
pub use decode::{Endpoint, Icmp, Malformed, Quote, Seen, Tcp, reassemble};
pub use packet::{Packet, Sum, ToEndpoint, echo, icmp_error, icmp_query, raw, tcp, udp};
pub use ports::{Dccp, dccp, sctp, udp_lite};
pub use rng::Rng;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// IP protocol numbers.
pub mod protocol {
    /// Internet Control Message Protocol.
    pub const ICMP: u8 = 1;
    /// Transmission Control Protocol.
    pub const TCP: u8 = 6;
    /// User Datagram Protocol.
    pub const UDP: u8 = 17;
    /// Datagram Congestion Control Protocol.
    pub const DCCP: u8 = 33;
    /// Generic Routing Encapsulation.
    pub const GRE: u8 = 47;
    /// Encapsulating Security Payload.
    pub const ESP: u8 = 50;
    /// Authentication Header.
    pub const AH: u8 = 51;
    /// Stream Control Transmission Protocol.
    pub const SCTP: u8 = 132;
    /// Lightweight User Datagram Protocol.
    pub const UDP_LITE: u8 = 136;
}

/// TCP flags.
pub mod flags {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Opens a connection.
    pub const SYN: u8 = 0x02;
    /// Ends a connection at once.
    pub const RST: u8 = 0x04;
    /// Hands over what has been received.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement field counts.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer counts.
    pub const URG: u8 = 0x20;
    /// Something came marked (RFC 3168).
    pub const ECE: u8 = 0x40;
    /// The sender has slowed down.
    pub const CWR: u8 = 0x80;
}
