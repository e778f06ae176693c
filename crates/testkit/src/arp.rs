//! ARP for IPv4 over Ethernet (RFC 826).

use std::net::Ipv4Addr;

use crate::Mac;

/// Operation of a question.
pub const ARP_REQUEST: u16 = 1;
/// Operation of an answer.
pub const ARP_REPLY: u16 = 2;

/// One ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// [`ARP_REQUEST`] or [`ARP_REPLY`].
    pub operation: u16,
    /// Who sends it.
    pub sender_mac: Mac,
    /// Who sends it.
    pub sender: Ipv4Addr,
    /// Zero in a question.
    pub target_mac: Mac,
    /// Who is asked for, or answered.
    pub target: Ipv4Addr,
}

impl Arp {
    /// `sender` asks everybody for the address of `target`.
    pub fn request(sender_mac: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> Self {
        Self {
            operation: ARP_REQUEST,
            sender_mac,
            sender,
            target_mac: [0; 6],
            target,
        }
    }

    /// The answer to this question by the owner of `mac`.
    pub fn answer(&self, mac: Mac) -> Self {
        Self {
            operation: ARP_REPLY,
            sender_mac: mac,
            sender: self.target,
            target_mac: self.sender_mac,
            target: self.sender,
        }
    }

    /// As a frame: questions go to everybody, answers to who asked.
    pub fn frame(&self, vlans: &[u16]) -> Vec<u8> {
        let dst = if self.operation == ARP_REQUEST {
            [0xff; 6]
        } else {
            self.target_mac
        };
        let mut bytes = crate::packet::ethernet(self.sender_mac, dst, vlans, 0x0806);
        bytes.extend([0, 1, 8, 0, 6, 4]);
        bytes.extend(self.operation.to_be_bytes());
        bytes.extend(self.sender_mac);
        bytes.extend(self.sender.octets());
        bytes.extend(self.target_mac);
        bytes.extend(self.target.octets());
        bytes
    }

    /// Reads what follows the Ethernet header.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<28>()?;
        (bytes[..6] == [0, 1, 8, 0, 6, 4]).then(|| Self {
            operation: u16::from_be_bytes([bytes[6], bytes[7]]),
            sender_mac: bytes[8..14].try_into().unwrap(),
            sender: Ipv4Addr::new(bytes[14], bytes[15], bytes[16], bytes[17]),
            target_mac: bytes[18..24].try_into().unwrap(),
            target: Ipv4Addr::new(bytes[24], bytes[25], bytes[26], bytes[27]),
        })
    }
}
