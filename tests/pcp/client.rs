//! A PCP client for tests: requests by hand, answers taken apart.

use std::net::Ipv4Addr;

use base::Counter;
use testkit::{Packet, Seen, udp};
use tests::{A, OWN_INSIDE, Pipe};

/// Port of the server.
pub(crate) const PORT: u16 = 5351;

pub(crate) const UDP: u8 = 17;
pub(crate) const TCP: u8 = 6;

pub(crate) const THIRD_PARTY: u8 = 1;
pub(crate) const PREFER_FAILURE: u8 = 2;
pub(crate) const FILTER: u8 = 3;
pub(crate) const PORT_SET: u8 = 130;

/// Result codes (RFC 6887 section 7.4).
pub(crate) mod code {
    pub(crate) const SUCCESS: u8 = 0;
    pub(crate) const UNSUPP_VERSION: u8 = 1;
    pub(crate) const NOT_AUTHORIZED: u8 = 2;
    pub(crate) const MALFORMED_REQUEST: u8 = 3;
    pub(crate) const UNSUPP_OPCODE: u8 = 4;
    pub(crate) const UNSUPP_OPTION: u8 = 5;
    pub(crate) const MALFORMED_OPTION: u8 = 6;
    pub(crate) const NO_RESOURCES: u8 = 8;
    pub(crate) const UNSUPP_PROTOCOL: u8 = 9;
    pub(crate) const USER_EX_QUOTA: u8 = 10;
    pub(crate) const CANNOT_PROVIDE_EXTERNAL: u8 = 11;
    pub(crate) const ADDRESS_MISMATCH: u8 = 12;
    pub(crate) const EXCESSIVE_REMOTE_PEERS: u8 = 13;
}

/// A request to be.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) host: String,
    pub(crate) bytes: Vec<u8>,
}

fn v6(address: &str) -> [u8; 16] {
    address
        .parse::<Ipv4Addr>()
        .unwrap()
        .to_ipv6_mapped()
        .octets()
}

/// Any opcode without data.
pub(crate) fn request(host: &str, opcode: u8, lifetime: u32) -> Request {
    let mut bytes = vec![2, opcode, 0, 0];
    bytes.extend(lifetime.to_be_bytes());
    bytes.extend(v6(host));
    Request {
        host: host.into(),
        bytes,
    }
}

pub(crate) fn announce() -> Request {
    request(A, 0, 0)
}

/// A MAP of the usual subscriber with nothing suggested.
pub(crate) fn map(protocol: u8, port: u16, lifetime: u32) -> Request {
    map_of(A, protocol, port, lifetime)
}

pub(crate) fn map_of(host: &str, protocol: u8, port: u16, lifetime: u32) -> Request {
    let mut request = request(host, 1, lifetime);
    request.bytes.extend([7; 12]);
    request.bytes.extend([protocol, 0, 0, 0]);
    request.bytes.extend(port.to_be_bytes());
    request.bytes.extend([0; 2]);
    request.bytes.extend(v6("0.0.0.0"));
    request
}

/// A PEER of the usual subscriber with nothing suggested.
pub(crate) fn peer(protocol: u8, port: u16, lifetime: u32, remote: &str) -> Request {
    let mut request = map(protocol, port, lifetime);
    request.bytes[1] = 2;
    let (address, port) = remote.split_once(':').unwrap();
    request
        .bytes
        .extend(port.parse::<u16>().unwrap().to_be_bytes());
    request.bytes.extend([0; 2]);
    request.bytes.extend(v6(address));
    request
}

impl Request {
    pub(crate) fn nonce(mut self, byte: u8) -> Self {
        self.bytes[24..36].fill(byte);
        self
    }

    /// Suggests an outside endpoint.
    pub(crate) fn suggest(mut self, endpoint: &str) -> Self {
        let (address, port) = endpoint.split_once(':').unwrap();
        self.bytes[42..44].copy_from_slice(&port.parse::<u16>().unwrap().to_be_bytes());
        self.bytes[44..60].copy_from_slice(&v6(address));
        self
    }

    pub(crate) fn option(mut self, code: u8, data: &[u8]) -> Self {
        self.bytes.extend([code, 0, 0, data.len() as u8]);
        self.bytes.extend(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    pub(crate) fn filter(self, prefix: u8, remote: &str) -> Self {
        let (address, port) = remote.split_once(':').unwrap();
        let mut data = vec![0, prefix];
        data.extend(port.parse::<u16>().unwrap().to_be_bytes());
        data.extend(v6(address));
        self.option(FILTER, &data)
    }

    pub(crate) fn third_party(self, host: &str) -> Self {
        self.option(THIRD_PARTY, &v6(host))
    }

    pub(crate) fn prefer_failure(self) -> Self {
        self.option(PREFER_FAILURE, &[])
    }

    pub(crate) fn port_set(self, size: u16, parity: bool) -> Self {
        let [high, low] = size.to_be_bytes();
        let (p0, p1) = (self.bytes[40], self.bytes[41]);
        self.option(PORT_SET, &[high, low, p0, p1, u8::from(parity)])
    }

    pub(crate) fn set(mut self, at: usize, byte: u8) -> Self {
        self.bytes[at] = byte;
        self
    }

    /// The datagram.
    pub(crate) fn packet(&self) -> Packet {
        udp(&format!("{}:40000 > {OWN_INSIDE}:{PORT}", self.host)).payload(&self.bytes)
    }
}

/// An answer, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) code: u8,
    pub(crate) lifetime: u32,
    pub(crate) epoch: u32,
}

impl Answer {
    fn of(seen: &Seen) -> Self {
        let bytes = seen.payload.clone();
        assert_eq!((bytes[0], bytes[1] & 0x80, bytes[2]), (2, 0x80, 0));
        Self {
            code: bytes[3],
            lifetime: word(&bytes, 4),
            epoch: word(&bytes, 8),
            bytes,
        }
    }

    /// The outside endpoint.
    pub(crate) fn outside(&self) -> String {
        assert_eq!(self.code, code::SUCCESS, "{self:?}");
        let port = u16::from_be_bytes([self.bytes[42], self.bytes[43]]);
        let address = Ipv4Addr::from_bits(word(&self.bytes, 56));
        format!("{address}:{port}")
    }

    pub(crate) fn port(&self) -> u16 {
        self.outside().split_once(':').unwrap().1.parse().unwrap()
    }

    /// What follows the data of the opcode.
    pub(crate) fn options(&self) -> &[u8] {
        &self.bytes[if self.bytes[1] & 0x7f == 2 { 80 } else { 60 }..]
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Asks; the answer there must be.
#[track_caller]
pub(crate) fn ask(nat: &mut Pipe, request: &Request) -> Answer {
    let left = nat.inside(request.packet()).consumed(Counter::ConsumePcp);
    let [seen] = &left[..] else {
        panic!("not one answer: {left:?}");
    };
    assert_eq!(seen.src.to_string(), format!("{OWN_INSIDE}:{PORT}"));
    assert_eq!(seen.dst.to_string(), format!("{}:40000", request.host));
    Answer::of(seen)
}

/// Asks for what must be refused; that changes nothing but the counter of its kind.
#[track_caller]
pub(crate) fn refused(nat: &mut Pipe, request: &Request, code: u8) -> Answer {
    let before = (nat.show("mappings"), nat.show("translations").len());
    let answer = ask(nat, request);
    assert_eq!(answer.code, code, "{answer:?}");
    let after = (nat.show("mappings"), nat.show("translations").len());
    assert_eq!(before, after);
    let again = &answer.bytes[24..];
    assert_eq!(again[..], request.bytes[24.min(request.bytes.len())..]);
    answer
}
