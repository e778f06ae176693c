//! ARP for IPv4 over Ethernet (RFC 826).

use core::net::Ipv4Addr;

use crate::ethernet::Mac;
use crate::{Layer, WireError};

/// Length of the message, in bytes.
pub const LEN: usize = 28;
/// Operation of a request.
pub const REQUEST: u16 = 1;
/// Operation of a reply.
pub const REPLY: u16 = 2;

/// An ARP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// [`REQUEST`] or [`REPLY`].
    pub operation: u16,
    /// Who sends.
    pub sender_mac: Mac,
    /// Address of who sends; zero in a probe (RFC 5227).
    pub sender_ip: Ipv4Addr,
    /// Whom it is for.
    pub target_mac: Mac,
    /// Address asked about.
    pub target_ip: Ipv4Addr,
}

impl Arp {
    /// Reads the payload of an ARP frame.
    ///
    /// # Errors
    ///
    /// [`WireError`] if it is cut short or not for IPv4 over Ethernet.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let message = bytes
            .first_chunk::<LEN>()
            .ok_or(WireError::Truncated(Layer::Arp))?;
        let [0, 1, 8, 0, 6, 4, o0, o1, rest @ ..] = *message else {
            return Err(WireError::BadHeader(Layer::Arp));
        };
        let [
            m0,
            m1,
            m2,
            m3,
            m4,
            m5,
            i0,
            i1,
            i2,
            i3,
            n0,
            n1,
            n2,
            n3,
            n4,
            n5,
            j0,
            j1,
            j2,
            j3,
        ] = rest;
        let operation = u16::from_be_bytes([o0, o1]);
        if !matches!(operation, REQUEST | REPLY) {
            return Err(WireError::BadHeader(Layer::Arp));
        }
        Ok(Self {
            operation,
            sender_mac: Mac([m0, m1, m2, m3, m4, m5]),
            sender_ip: Ipv4Addr::new(i0, i1, i2, i3),
            target_mac: Mac([n0, n1, n2, n3, n4, n5]),
            target_ip: Ipv4Addr::new(j0, j1, j2, j3),
        })
    }

    /// Writes the message at the front of `bytes`; false if there is no room.
    pub fn write(&self, bytes: &mut [u8]) -> bool {
        let Some(message) = bytes.first_chunk_mut::<LEN>() else {
            return false;
        };
        let head = [0, 1, 8, 0, 6, 4];
        message.fill(0);
        for (place, byte) in message.iter_mut().zip(
            head.into_iter()
                .chain(self.operation.to_be_bytes())
                .chain(self.sender_mac.0)
                .chain(self.sender_ip.octets())
                .chain(self.target_mac.0)
                .chain(self.target_ip.octets()),
        ) {
            *place = byte;
        }
        true
    }
}

impl Arp {
    /// The reply that tells the sender of this request that its target is at `mac`.
    #[must_use]
    pub const fn reply(&self, mac: Mac) -> Self {
        Self {
            operation: REPLY,
            sender_mac: mac,
            sender_ip: self.target_ip,
            target_mac: self.sender_mac,
            target_ip: self.sender_ip,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_back() {
        let arp = Arp {
            operation: REQUEST,
            sender_mac: Mac([2, 0, 0, 0, 0, 9]),
            sender_ip: Ipv4Addr::new(10, 64, 0, 7),
            target_mac: Mac::default(),
            target_ip: Ipv4Addr::new(10, 64, 0, 1),
        };
        let mut bytes = [0xa5; 46];
        assert!(arp.write(&mut bytes));
        assert_eq!(Arp::parse(&bytes), Ok(arp));
        assert!(Arp::parse(&bytes[..27]).is_err());
        bytes[7] = 8;
        assert!(Arp::parse(&bytes).is_err());
    }
}
