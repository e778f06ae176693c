//! IKE, versions 1 and 2 (RFC 2408, RFC 7296), and what shares UDP port 4500 with it (RFC 3948).
//!
//! ```text
//!  0-7 initiator's cookie or SPI | 8-15 responder's | 16 next payload | 17 version | 18 exchange
//!  19 flags | 20-23 message identifier | 24-27 length | payloads: next, reserved, length, ...
//! ```
//!
//! Read, never written. Payloads are walked as long as they are not encrypted; a walk ends where
//! the message does, or at the first length that does not fit.

use core::net::Ipv4Addr;

use base::digest::sha1;

/// Length of the header.
pub const HEADER_LEN: usize = 28;

/// Length of the marker before IKE at port 4500.
pub const MARKER_LEN: usize = 4;

/// Payloads of one message at most.
const MAX_PAYLOADS: usize = 64;

/// The one byte that keeps a mapping alive (RFC 3948 section 2.3).
pub const KEEPALIVE: u8 = 0xff;

/// What the exchange is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// The two get to know each other: main and aggressive mode, `IKE_SA_INIT`.
    Initial,
    /// They may agree upon SPIs of ESP: quick mode, `IKE_AUTH`, `CREATE_CHILD_SA`.
    Child,
    /// Anything else.
    Other,
}

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Initiator's and responder's cookie, or SPI.
    pub cookies: [u64; 2],
    /// Major version.
    pub version: u8,
    /// Exchange.
    pub exchange: Exchange,
    /// Message identifier.
    pub message: u32,
    /// It answers a request (version 2).
    pub is_response: bool,
    is_encrypted: bool,
    next: u8,
    length: usize,
}

/// What an unencrypted message says of NAT traversal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Its sender supports NAT traversal.
    pub supports: bool,
    /// Hashes of its sender's and its receiver's endpoint, as far as they could be there.
    pub hashes: Hashes,
}

/// What the hash of the sender's endpoint says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hashes {
    /// There is none.
    #[default]
    None,
    /// It is of this endpoint.
    Right,
    /// It is of another.
    Wrong,
    /// It is of a kind that cannot be checked.
    Unknown,
}

impl Header {
    /// Reads the header of a message; `None` if it is none, or not whole.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let head = bytes.first_chunk::<HEADER_LEN>()?;
        let (first, rest) = head.split_first_chunk::<8>()?;
        let (second, rest) = rest.split_first_chunk::<8>()?;
        let [
            next,
            version,
            exchange,
            flags,
            m0,
            m1,
            m2,
            m3,
            l0,
            l1,
            l2,
            l3,
        ] = rest
        else {
            return None;
        };
        let cookies = [u64::from_be_bytes(*first), u64::from_be_bytes(*second)];
        let [initiator, _] = cookies;
        let length = u32::from_be_bytes([*l0, *l1, *l2, *l3]) as usize;
        let (version, is_encrypted) = match version >> 4 {
            1 => (1, flags & 1 != 0),
            2 => (2, false),
            _ => return None,
        };
        if initiator == 0 || length < HEADER_LEN || length > bytes.len() {
            return None;
        }
        let exchange = match (version, exchange) {
            (1, 2 | 4) | (2, 34) => Exchange::Initial,
            (1, 32) | (2, 35 | 36) => Exchange::Child,
            _ => Exchange::Other,
        };
        Some(Self {
            cookies,
            version,
            exchange,
            message: u32::from_be_bytes([*m0, *m1, *m2, *m3]),
            is_response: version == 2 && flags & 0x20 != 0,
            is_encrypted,
            next: *next,
            length,
        })
    }

    /// What the message says of NAT traversal, sent from this endpoint.
    #[must_use]
    pub fn said(&self, bytes: &[u8], from: (Ipv4Addr, u16)) -> Said {
        let mut said = Said::default();
        if self.is_encrypted {
            return said;
        }
        // The first hash of version 1 is the receiver's, the others may be the sender's.
        let mut receivers = false;
        for payload in self.payloads(bytes) {
            match (self.version, payload.kind) {
                (1, VENDOR) => said.supports |= VENDORS.iter().any(|id| payload.body == id),
                (1, NAT_D | NAT_D_DRAFT) => {
                    if receivers {
                        self.weigh(&mut said, payload.body, from);
                    }
                    receivers = true;
                    said.supports = true;
                }
                (2, NOTIFY) => match notify(payload.body) {
                    Some((SOURCE, hash)) => {
                        said.supports = true;
                        self.weigh(&mut said, hash, from);
                    }
                    Some((DESTINATION, _)) => said.supports = true,
                    _ => {}
                },
                _ => {}
            }
        }
        said
    }

    fn weigh(&self, said: &mut Said, hash: &[u8], (address, port): (Ipv4Addr, u16)) {
        let Ok(hash) = <&[u8; 20]>::try_from(hash) else {
            said.hashes = Hashes::Unknown;
            return;
        };
        let mut input = [0; 22];
        let [initiator, responder] = self.cookies.map(u64::to_be_bytes);
        let port = port.to_be_bytes();
        let bytes = initiator.into_iter().chain(responder);
        let bytes = bytes.chain(address.octets()).chain(port);
        for (place, byte) in input.iter_mut().zip(bytes) {
            *place = byte;
        }
        if &sha1(&input) == hash {
            said.hashes = Hashes::Right;
        } else if said.hashes != Hashes::Right {
            said.hashes = Hashes::Wrong;
        }
    }

    fn payloads<'a>(&self, bytes: &'a [u8]) -> Payloads<'a> {
        Payloads {
            rest: bytes.get(HEADER_LEN..self.length).unwrap_or_default(),
            next: self.next,
            left: MAX_PAYLOADS,
        }
    }
}

/// Payload types.
const VENDOR: u8 = 13;
const NAT_D: u8 = 20;
const NAT_D_DRAFT: u8 = 130;
const NOTIFY: u8 = 41;
const ENCRYPTED: [u8; 2] = [46, 53];

/// `NAT_DETECTION_SOURCE_IP`, `NAT_DETECTION_DESTINATION_IP`.
const SOURCE: u16 = 16388;
const DESTINATION: u16 = 16389;

/// MD5 of "RFC 3947" and of the names of its drafts 02 (with and without a line feed) and 03.
const VENDORS: [[u8; 16]; 4] = [
    [
        0x4a, 0x13, 0x1c, 0x81, 0x07, 0x03, 0x58, 0x45, 0x5c, 0x57, 0x28, 0xf2, 0x0e, 0x95, 0x45,
        0x2f,
    ],
    [
        0x90, 0xcb, 0x80, 0x91, 0x3e, 0xbb, 0x69, 0x6e, 0x08, 0x63, 0x81, 0xb5, 0xec, 0x42, 0x7b,
        0x1f,
    ],
    [
        0xcd, 0x60, 0x46, 0x43, 0x35, 0xdf, 0x21, 0xf8, 0x7c, 0xfd, 0xb2, 0xfc, 0x68, 0xb6, 0xa4,
        0x48,
    ],
    [
        0x7d, 0x94, 0x19, 0xa6, 0x53, 0x10, 0xca, 0x6f, 0x2c, 0x17, 0x9d, 0x92, 0x15, 0x52, 0x9d,
        0x56,
    ],
];

fn notify(body: &[u8]) -> Option<(u16, &[u8])> {
    let ([_, spi_len, high, low], rest) = body.split_first_chunk::<4>()?;
    let data = rest.get(usize::from(*spi_len)..)?;
    Some((u16::from_be_bytes([*high, *low]), data))
}

struct Payload<'a> {
    kind: u8,
    body: &'a [u8],
}

struct Payloads<'a> {
    rest: &'a [u8],
    next: u8,
    left: usize,
}

impl<'a> Iterator for Payloads<'a> {
    type Item = Payload<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == 0 || self.left == 0 || ENCRYPTED.contains(&self.next) {
            return None;
        }
        let [next, _, high, low] = *self.rest.first_chunk::<4>()?;
        let len = usize::from(u16::from_be_bytes([high, low]));
        let body = self.rest.get(4..len)?;
        let kind = self.next;
        self.rest = self.rest.get(len..)?;
        self.next = next;
        self.left -= 1;
        Some(Payload { kind, body })
    }
}

/// What a datagram at port 4500 is (RFC 3948 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traversing<'a> {
    /// IKE behind its marker.
    Ike(&'a [u8]),
    /// ESP with this SPI.
    Esp(u32),
    /// A byte that keeps a mapping alive.
    Keepalive,
    /// Nothing of the kind.
    Other,
}

impl<'a> Traversing<'a> {
    /// Tells them apart.
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Self {
        if bytes == [KEEPALIVE] {
            return Self::Keepalive;
        }
        match bytes.split_first_chunk::<MARKER_LEN>() {
            Some(([0, 0, 0, 0], message)) => Self::Ike(message),
            Some((spi, rest)) if rest.len() >= 4 => Self::Esp(u32::from_be_bytes(*spi)),
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::prelude::v1::*;
    use std::vec;

    use proptest::prelude::*;

    use super::*;

    fn message(version: u8, exchange: u8, payloads: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0x11; 8];
        bytes.extend([0; 8]);
        let kinds = payloads.iter().map(|(kind, _)| *kind).chain([0]);
        let kinds: Vec<u8> = kinds.collect();
        bytes.extend([kinds[0], version, exchange, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
        for ((_, body), next) in payloads.iter().zip(&kinds[1..]) {
            let len = u16::try_from(body.len() + 4).unwrap().to_be_bytes();
            bytes.extend([*next, 0, len[0], len[1]]);
            bytes.extend(*body);
        }
        let len = u32::try_from(bytes.len()).unwrap();
        bytes[24..28].copy_from_slice(&len.to_be_bytes());
        bytes
    }

    fn hash_of(address: [u8; 4], port: u16) -> Vec<u8> {
        let mut input = vec![0x11; 8];
        input.extend([0; 8]);
        input.extend(address);
        input.extend(port.to_be_bytes());
        sha1(&input).to_vec()
    }

    const HOST: (Ipv4Addr, u16) = (Ipv4Addr::new(10, 64, 0, 7), 500);

    /// RFC 7296 section 2.23: the hash is of both SPIs, the address and the port.
    #[test]
    fn the_hash_of_version_2_is_checked_against_the_sender() {
        let notify = |kind: u16, hash: Vec<u8>| {
            let mut body = vec![0, 0];
            body.extend(kind.to_be_bytes());
            body.extend(hash);
            body
        };
        for (address, hashes) in [
            ([10, 64, 0, 7], Hashes::Right),
            ([10, 64, 0, 8], Hashes::Wrong),
        ] {
            let source = notify(SOURCE, hash_of(address, 500));
            let destination = notify(DESTINATION, hash_of([192, 0, 2, 1], 500));
            let bytes = message(
                0x20,
                34,
                &[(33, &[0; 8]), (41, &source), (41, &destination)],
            );
            let header = Header::read(&bytes).unwrap();
            assert_eq!((header.version, header.exchange), (2, Exchange::Initial));
            let said = header.said(&bytes, HOST);
            assert_eq!(
                said,
                Said {
                    supports: true,
                    hashes
                }
            );
        }
    }

    /// RFC 3947 sections 3.1 and 3.2: the receiver's hash comes first.
    #[test]
    fn the_vendor_and_the_hashes_of_version_1_are_read() {
        let bytes = message(0x10, 2, &[(1, &[0; 8]), (13, &VENDORS[0])]);
        let header = Header::read(&bytes).unwrap();
        let said = header.said(&bytes, HOST);
        assert_eq!(
            said,
            Said {
                supports: true,
                hashes: Hashes::None
            }
        );
        let (theirs, ours) = (hash_of([192, 0, 2, 1], 500), hash_of([10, 64, 0, 7], 500));
        let bytes = message(0x10, 2, &[(4, &[0; 8]), (20, &theirs), (20, &ours)]);
        let header = Header::read(&bytes).unwrap();
        assert_eq!(header.said(&bytes, HOST).hashes, Hashes::Right);
        let md5 = [7; 16];
        let bytes = message(0x10, 2, &[(20, &md5), (20, &md5)]);
        let said = Header::read(&bytes).unwrap().said(&bytes, HOST);
        assert_eq!(said.hashes, Hashes::Unknown);
    }

    /// RFC 7296 section 3.1: the length is of header and payloads.
    #[test]
    fn what_lies_behind_the_length_is_not_read() {
        let mut bytes = message(0x10, 2, &[(1, &[0; 8]), (13, &VENDORS[0])]);
        let whole = bytes.len();
        let said = |bytes: &[u8]| Header::read(bytes).unwrap().said(bytes, HOST).supports;
        assert!(said(&bytes));
        bytes[27] -= 4;
        assert!(!said(&bytes), "its last payload is cut");
        bytes.truncate(whole - 5);
        assert_eq!(Header::read(&bytes), None);
    }

    #[test]
    fn what_agrees_upon_spis_is_told_from_the_rest() {
        let kinds = [
            (0x10, 2, Exchange::Initial),
            (0x10, 4, Exchange::Initial),
            (0x10, 5, Exchange::Other),
            (0x10, 32, Exchange::Child),
            (0x20, 34, Exchange::Initial),
            (0x20, 35, Exchange::Child),
            (0x20, 36, Exchange::Child),
            (0x20, 37, Exchange::Other),
        ];
        for (version, exchange, kind) in kinds {
            let bytes = message(version, exchange, &[]);
            assert_eq!(Header::read(&bytes).unwrap().exchange, kind);
        }
        assert_eq!(Header::read(&message(0x30, 34, &[])), None);
    }

    /// RFC 3948 section 2: the three kinds at port 4500.
    #[test]
    fn port_4500_has_ike_esp_and_keepalives() {
        assert_eq!(Traversing::read(&[0xff]), Traversing::Keepalive);
        assert_eq!(Traversing::read(&[0, 0, 0, 0, 9]), Traversing::Ike(&[9]));
        assert_eq!(
            Traversing::read(&[0, 0, 1, 2, 0, 0, 0, 1]),
            Traversing::Esp(0x102)
        );
        assert_eq!(Traversing::read(&[0xff, 0xff]), Traversing::Other);
        assert_eq!(Traversing::read(&[]), Traversing::Other);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in any::<u8>()) {
            let _ = Traversing::read(&bytes);
            let mut whole = message(0x20, 34, &[(kind, &bytes)]);
            for cut in [whole.len(), whole.len().saturating_sub(7)] {
                whole.truncate(cut);
                if let Some(header) = Header::read(&whole) {
                    let _ = header.said(&whole, HOST);
                }
            }
        }
    }
}
