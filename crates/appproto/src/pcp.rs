//! PCP, version 2, as a server reads and writes it (RFC 6887; port sets: RFC 7753).
//!
//! ```text
//!  request    0 version | 1 opcode | 4-7 lifetime | 8-23 client's address
//!  answer     0 version | 1 opcode + 128 | 3 result | 4-7 lifetime | 8-11 epoch | 12-23 zero
//!  MAP       24-35 nonce | 36 protocol | 40-41 inside port | 42-43 outside port | 44-59 address
//!  PEER      as MAP, then 60-61 remote port | 64-79 remote address
//!  option     0 code | 2-3 length | data, padded to four bytes
//! ```
//!
//! An answer is the request with some fields written over and without the options that were not
//! understood, so nothing is put together from nothing. Addresses of IPv4 are in the last four of
//! sixteen bytes.

use core::net::Ipv4Addr;

use arrayvec::ArrayVec;
use base::Prefix;

/// Port of the server.
pub const PORT: u16 = 5351;

/// Port of clients that listen for announcements.
pub const CLIENT_PORT: u16 = 5350;

/// Group of those clients.
pub const CLIENTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

/// Length of a header.
pub const HEADER_LEN: usize = 24;

/// Longest message.
pub const MAX_LEN: usize = 1100;

/// The version that is spoken.
pub const VERSION: u8 = 2;

const RESPONSE: u8 = 0x80;
const MAP_LEN: usize = HEADER_LEN + 36;
const PEER_LEN: usize = HEADER_LEN + 56;

/// Options of one message: no more fit into the longest.
const MAX_FILTERS: usize = (MAX_LEN - MAP_LEN) / 24;

const ANNOUNCE: u8 = 0;
const MAP: u8 = 1;
const PEER: u8 = 2;

const THIRD_PARTY: u8 = 1;
const PREFER_FAILURE: u8 = 2;
const FILTER: u8 = 3;
const PORT_SET: u8 = 130;

/// Options with this bit may be left aside by who does not know them.
const OPTIONAL: u8 = 0x80;

/// What an answer says (RFC 6887 section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// It was done.
    Success = 0,
    /// Another version.
    UnsuppVersion = 1,
    /// Not by this client.
    NotAuthorized = 2,
    /// Not a request.
    MalformedRequest = 3,
    /// An unknown opcode.
    UnsuppOpcode = 4,
    /// An unknown option that matters, or one that is not for this client.
    UnsuppOption = 5,
    /// An option that cannot be.
    MalformedOption = 6,
    /// There is no room.
    NoResources = 8,
    /// A protocol without ports to share.
    UnsuppProtocol = 9,
    /// The client has its share.
    UserExQuota = 10,
    /// What was asked for cannot be had.
    CannotProvideExternal = 11,
    /// Somebody between has changed the client's address.
    AddressMismatch = 12,
    /// More filters than a mapping can have.
    ExcessiveRemotePeers = 13,
}

impl Code {
    /// Seconds for which asking again is of no use.
    #[must_use]
    pub const fn lifetime(self) -> u32 {
        match self {
            Self::Success => 0,
            Self::NoResources | Self::UserExQuota | Self::CannotProvideExternal => 30,
            _ => 1800,
        }
    }
}

/// Why a message is not a request that can be dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is to be ignored.
    Silently,
    /// It is to be answered with this.
    With(Code),
}

/// A client's identification of a mapping.
pub type Nonce = [u8; 12];

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub opcode: Opcode,
    /// For how long, in seconds; zero deletes.
    pub lifetime: u32,
    /// In the name of this host.
    pub third_party: Option<Ipv4Addr>,
}

/// What is asked.
// There is one at a time, and nowhere to put the filters but here.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Whether the server is there.
    Announce,
    /// An outside endpoint for an inside one.
    Map(Map),
    /// The same towards one remote endpoint.
    Peer(Wanted, Ipv4Addr, u16),
}

/// An inside endpoint, and the outside one that it would like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whose it is.
    pub nonce: Nonce,
    /// IP protocol; zero is every one.
    pub protocol: u8,
    /// Inside port; zero is every one.
    pub port: u16,
    /// Outside address, if one is suggested.
    pub address: Option<Ipv4Addr>,
    /// Outside port; zero if none is suggested.
    pub outside_port: u16,
}

/// MAP with its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// The endpoint.
    pub wanted: Wanted,
    /// The suggested endpoint or none.
    pub prefer_failure: bool,
    /// What to do with the filters, in order.
    pub filters: ArrayVec<Filter, MAX_FILTERS>,
    /// Consecutive ports.
    pub set: Option<PortSet>,
}

/// A step of changing who may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Everybody again.
    Clear,
    /// These as well; port zero is every one.
    Admit(Prefix, u16),
}

/// Consecutive ports that are mapped together (RFC 7753).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortSet {
    /// How many at most; not zero.
    pub size: u16,
    /// The first outside port is to be as even or odd as the first inside one.
    pub parity: bool,
}

/// What an answer to a request says besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// For how long, in seconds.
    pub lifetime: u32,
    /// The endpoint, if it is not that of the request.
    pub outside: Option<(Ipv4Addr, u16)>,
    /// Ports in the set.
    pub ports: u16,
}

/// Reads a request that came from this address.
///
/// # Errors
///
/// [`Refused`], by the first thing that is wrong (RFC 6887 sections 7.3 and 8.2).
pub fn read(bytes: &[u8], from: Ipv4Addr) -> Result<Request, Refused> {
    let malformed = Err(Refused::With(Code::MalformedRequest));
    let [version, opcode, ..] = *bytes else {
        return Err(Refused::Silently);
    };
    if opcode & RESPONSE != 0 {
        return Err(Refused::Silently);
    }
    if version != VERSION {
        return Err(Refused::With(Code::UnsuppVersion));
    }
    if bytes.len() < HEADER_LEN {
        return Err(Refused::Silently);
    }
    let len = match opcode {
        MAP => MAP_LEN,
        PEER => PEER_LEN,
        _ => HEADER_LEN,
    };
    if bytes.len() > MAX_LEN || !bytes.len().is_multiple_of(4) || bytes.len() < len {
        return malformed;
    }
    if address(bytes, 8) != Some(from) {
        return Err(Refused::With(Code::AddressMismatch));
    }
    if opcode > PEER {
        return Err(Refused::With(Code::UnsuppOpcode));
    }
    let lifetime = be32(bytes, 4);
    let options = Options::read(bytes.get(len..).unwrap_or_default(), opcode, lifetime)?;
    if options.third_party == Some(from) {
        return malformed;
    }
    let opcode = match opcode {
        MAP => {
            let wanted = Wanted::read(bytes);
            if wanted.protocol == 0 && wanted.port != 0 {
                return malformed;
            }
            if options.prefer_failure && wanted.outside_port == 0 {
                return Err(Refused::With(Code::MalformedOption));
            }
            Opcode::Map(Map {
                wanted,
                prefer_failure: options.prefer_failure,
                filters: options.filters,
                set: options.set,
            })
        }
        PEER => {
            let (wanted, remote, port) = (
                Wanted::read(bytes),
                address(bytes, 64),
                be16(bytes, MAP_LEN),
            );
            let remote = remote.filter(|remote| is_host(*remote));
            match remote {
                Some(remote) if port != 0 && wanted.port != 0 && wanted.protocol != 0 => {
                    Opcode::Peer(wanted, remote, port)
                }
                _ => return malformed,
            }
        }
        _ => Opcode::Announce,
    };
    Ok(Request {
        opcode,
        lifetime,
        third_party: options.third_party,
    })
}

/// Writes the answer to a request that is not granted; its length.
pub fn refuse(request: &[u8], code: Code, lifetime: u32, epoch: u32, out: &mut [u8]) -> usize {
    let request = request.get(..MAX_LEN).unwrap_or(request);
    let len = request.len().next_multiple_of(4).max(HEADER_LEN);
    let Some(out) = out.get_mut(..len) else {
        return 0;
    };
    out.fill(0);
    for (to, from) in out.iter_mut().zip(request) {
        *to = *from;
    }
    let read = !matches!(
        code,
        Code::UnsuppVersion | Code::MalformedRequest | Code::MalformedOption
    );
    head(out, code, lifetime, epoch, read);
    len
}

/// Writes the answer to one that is; its length.
pub fn grant(
    bytes: &[u8],
    request: &Request,
    granted: Granted,
    epoch: u32,
    out: &mut [u8],
) -> usize {
    let len = match request.opcode {
        Opcode::Announce => HEADER_LEN,
        Opcode::Map(_) => MAP_LEN,
        Opcode::Peer(..) => PEER_LEN,
    };
    let (Some(fixed), Some(to)) = (bytes.get(..len), out.get_mut(..len)) else {
        return 0;
    };
    to.copy_from_slice(fixed);
    head(to, Code::Success, granted.lifetime, epoch, true);
    if let Some((address, port)) = granted.outside {
        put(to, 42, &port.to_be_bytes());
        put(to, 44, &address.to_ipv6_mapped().octets());
    }
    let mut end = len;
    let mut rest = bytes.get(len..).unwrap_or_default();
    while let Some((option, next)) = RawOption::split(rest) {
        let taken = rest.get(..rest.len() - next.len()).unwrap_or_default();
        rest = next;
        let known = match option.code {
            PORT_SET => granted.ports > 1,
            code => code < OPTIONAL,
        };
        let Some(place) = out.get_mut(end..end + taken.len()).filter(|_| known) else {
            continue;
        };
        place.copy_from_slice(taken);
        if option.code == PORT_SET {
            put(place, 4, &granted.ports.to_be_bytes());
        }
        end += taken.len();
    }
    end
}

/// Writes what clients are told that did not ask: the server has lost its state.
pub fn announce(epoch: u32, out: &mut [u8; HEADER_LEN]) {
    out.fill(0);
    out[0] = VERSION;
    out[1] = ANNOUNCE;
    head(out, Code::Success, 0, epoch, true);
}

/// What all answers begin with.
fn head(out: &mut [u8], code: Code, lifetime: u32, epoch: u32, read: bool) {
    if let Some([version, opcode, reserved, result, ..]) = out.first_chunk_mut::<HEADER_LEN>() {
        *version = VERSION;
        *opcode |= RESPONSE;
        *reserved = 0;
        *result = code as u8;
    }
    put(out, 4, &lifetime.to_be_bytes());
    put(out, 8, &epoch.to_be_bytes());
    if read {
        put(out, 12, &[0; 12]);
    }
}

impl Wanted {
    fn read(bytes: &[u8]) -> Self {
        let nonce = bytes
            .get(HEADER_LEN..)
            .and_then(<[u8]>::first_chunk)
            .copied()
            .unwrap_or_default();
        Self {
            nonce,
            protocol: bytes.get(36).copied().unwrap_or(0),
            port: be16(bytes, 40),
            outside_port: be16(bytes, 42),
            address: address(bytes, 44).filter(|address| !address.is_unspecified()),
        }
    }
}

/// The options of a request.
#[derive(Default)]
struct Options {
    third_party: Option<Ipv4Addr>,
    prefer_failure: bool,
    filters: ArrayVec<Filter, MAX_FILTERS>,
    set: Option<PortSet>,
}

impl Options {
    /// Those that are not for an opcode are as good as unknown there.
    fn read(mut rest: &[u8], opcode: u8, lifetime: u32) -> Result<Self, Refused> {
        let malformed = Refused::With(Code::MalformedOption);
        let mut options = Self::default();
        while !rest.is_empty() {
            let (option, next) = RawOption::split(rest).ok_or(malformed)?;
            rest = next;
            let data = option.data;
            let first = match (option.code, opcode) {
                (THIRD_PARTY, MAP | PEER) => {
                    let host = address(data, 0).filter(|_| data.len() == 16);
                    let host = host.ok_or(malformed)?;
                    options.third_party.replace(host).is_none()
                }
                (PREFER_FAILURE, MAP) => {
                    if !data.is_empty() || lifetime == 0 {
                        return Err(malformed);
                    }
                    !core::mem::replace(&mut options.prefer_failure, true)
                }
                (FILTER, MAP) => {
                    let filter = filter(data).filter(|_| lifetime != 0).ok_or(malformed)?;
                    options.filters.try_push(filter).is_ok()
                }
                (PORT_SET, MAP) => {
                    let [s0, s1, _, _, flags] = *data else {
                        return Err(malformed);
                    };
                    let set = PortSet {
                        size: u16::from_be_bytes([s0, s1]),
                        parity: flags & 1 != 0,
                    };
                    set.size != 0 && options.set.replace(set).is_none()
                }
                (code, _) if code & OPTIONAL != 0 => true,
                _ => return Err(Refused::With(Code::UnsuppOption)),
            };
            if !first {
                return Err(malformed);
            }
        }
        if options.prefer_failure && options.set.is_some() {
            return Err(malformed);
        }
        Ok(options)
    }
}

fn filter(data: &[u8]) -> Option<Filter> {
    let [_, length, p0, p1, ..] = *data.first_chunk::<20>()?;
    if data.len() != 20 {
        return None;
    }
    if length == 0 {
        return Some(Filter::Clear);
    }
    let length = length.checked_sub(96).filter(|length| *length <= 32)?;
    let prefix = Prefix::new(address(data, 4)?, length);
    Some(Filter::Admit(prefix, u16::from_be_bytes([p0, p1])))
}

/// An option as it is written.
struct RawOption<'a> {
    code: u8,
    data: &'a [u8],
}

impl<'a> RawOption<'a> {
    /// The first of some, and the others; `None` if it does not end within the bytes.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let ([code, _, l0, l1], rest) = bytes.split_first_chunk::<4>()?;
        let len = usize::from(u16::from_be_bytes([*l0, *l1]));
        let data = rest.get(..len)?;
        let rest = rest.get(len.next_multiple_of(4)..)?;
        Some((Self { code: *code, data }, rest))
    }
}

/// Whether an address is one that a host may have.
const fn is_host(address: Ipv4Addr) -> bool {
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_broadcast())
}

/// An address of IPv4 at `at`, in its place in one of IPv6.
fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let bytes = bytes.get(at..)?.first_chunk::<16>()?;
    core::net::Ipv6Addr::from(*bytes).to_ipv4_mapped()
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const HOST: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 7);

    fn request(opcode: u8, lifetime: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = std::vec![VERSION, opcode, 0, 0];
        bytes.extend(lifetime.to_be_bytes());
        bytes.extend(HOST.to_ipv6_mapped().octets());
        bytes.extend(data);
        bytes
    }

    fn map(options: &[u8]) -> Vec<u8> {
        let mut data = [7; 36];
        data[12] = 17;
        request(MAP, 3600, &[&data[..], options].concat())
    }

    fn option(code: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = std::vec![code, 0, 0, u8::try_from(data.len()).unwrap()];
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn a_map_is_read_with_all_its_options() {
        let mut filter = std::vec![0, 120, 0, 80];
        filter.extend(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped().octets());
        let third = Ipv4Addr::new(10, 64, 0, 9).to_ipv6_mapped().octets();
        let options = [
            option(THIRD_PARTY, &third),
            option(FILTER, &filter),
            option(PORT_SET, &[0, 8, 7, 7, 1]),
            option(200, b"whatever"),
        ];
        let request = read(&map(&options.concat()), HOST).unwrap();
        assert_eq!(request.lifetime, 3600);
        assert_eq!(request.third_party, Some(Ipv4Addr::new(10, 64, 0, 9)));
        let Opcode::Map(map) = request.opcode else {
            panic!("not a MAP");
        };
        assert_eq!((map.wanted.protocol, map.wanted.port), (17, 0x0707));
        // Not an address of IPv4: no suggestion.
        assert_eq!(
            (map.wanted.address, map.wanted.outside_port),
            (None, 0x0707)
        );
        let network = Prefix::new(Ipv4Addr::new(192, 0, 2, 0), 24);
        assert_eq!(map.filters.as_slice(), [Filter::Admit(network, 80)]);
        let set = PortSet {
            size: 8,
            parity: true,
        };
        assert_eq!(map.set, Some(set));
    }

    /// RFC 6887 section 7.3: only what was understood is said again.
    #[test]
    fn an_answer_has_the_options_that_were_understood() {
        let bytes = map(&[
            option(200, b"whatever"),
            option(PREFER_FAILURE, b""),
            option(128, b"a name"),
        ]
        .concat());
        let request = read(&bytes, HOST).unwrap();
        let mut out = [0xee; MAX_LEN];
        let granted = Granted {
            lifetime: 600,
            outside: Some((Ipv4Addr::new(203, 0, 113, 1), 4000)),
            ports: 1,
        };
        let len = grant(&bytes, &request, granted, 99, &mut out);
        assert_eq!(len, MAP_LEN + 4);
        assert_eq!(out[..12], [2, 0x81, 0, 0, 0, 0, 2, 88, 0, 0, 0, 99]);
        assert_eq!(out[12..24], [0; 12]);
        assert_eq!(out[24..42], bytes[24..42]);
        assert_eq!(
            out[42..60],
            [
                0x0f, 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 1
            ]
        );
        assert_eq!(out[60..64], [PREFER_FAILURE, 0, 0, 0]);
    }

    #[test]
    fn a_set_of_one_is_none() {
        let bytes = map(&option(PORT_SET, &[0, 8, 7, 7, 0]));
        let request = read(&bytes, HOST).unwrap();
        let mut out = [0; MAX_LEN];
        for (ports, len) in [(1, MAP_LEN), (5, MAP_LEN + 12)] {
            let granted = Granted {
                ports,
                ..Granted::default()
            };
            assert_eq!(grant(&bytes, &request, granted, 0, &mut out), len);
        }
        assert_eq!(out[60..72], [PORT_SET, 0, 0, 5, 0, 5, 7, 7, 0, 0, 0, 0]);
    }

    /// RFC 6887 section 8.2.
    #[test]
    fn what_is_wrong_is_said_by_its_code() {
        let mut filter = [0; 20];
        filter[1] = 95;
        let own = HOST.to_ipv6_mapped().octets();
        let with = |code| Err(Refused::With(code));
        let mut other_version = map(&[]);
        other_version[0] = 1;
        let mut answer = map(&[]);
        answer[1] |= RESPONSE;
        let mut other_host = map(&[]);
        other_host[23] = 8;
        let mut every_protocol = map(&[]);
        every_protocol[36] = 0;
        for (bytes, expected) in [
            (std::vec![2], Err(Refused::Silently)),
            (std::vec![2; 23], Err(Refused::Silently)),
            (answer, Err(Refused::Silently)),
            (other_version, with(Code::UnsuppVersion)),
            (std::vec![0, 0], with(Code::UnsuppVersion)),
            (request(MAP, 1, &[0; 4]), with(Code::MalformedRequest)),
            (
                request(ANNOUNCE, 0, &[0; 1080]),
                with(Code::MalformedRequest),
            ),
            (request(ANNOUNCE, 0, &[0; 2]), with(Code::MalformedRequest)),
            (other_host, with(Code::AddressMismatch)),
            (request(77, 0, &[]), with(Code::UnsuppOpcode)),
            (every_protocol, with(Code::MalformedRequest)),
            (map(&option(99, b"")), with(Code::UnsuppOption)),
            (map(&option(FILTER, &filter)), with(Code::MalformedOption)),
            (map(&option(FILTER, b"1234")), with(Code::MalformedOption)),
            (
                map(&option(THIRD_PARTY, &own)),
                with(Code::MalformedRequest),
            ),
            (map(&[THIRD_PARTY, 0, 0, 16]), with(Code::MalformedOption)),
            (
                map(&option(PREFER_FAILURE, b"1")),
                with(Code::MalformedOption),
            ),
            (map(&option(PORT_SET, &[0; 5])), with(Code::MalformedOption)),
            (
                map(&option(PREFER_FAILURE, b"").repeat(2)),
                with(Code::MalformedOption),
            ),
            (
                map(&[
                    option(PORT_SET, &[0, 2, 0, 0, 0]),
                    option(PREFER_FAILURE, b""),
                ]
                .concat()),
                with(Code::MalformedOption),
            ),
            (
                request(ANNOUNCE, 0, &option(FILTER, &[0; 20])),
                with(Code::UnsuppOption),
            ),
        ] {
            assert_eq!(read(&bytes, HOST), expected, "{bytes:?}");
        }
        assert!(read(&request(ANNOUNCE, 0, &[]), HOST).is_ok());
    }

    /// RFC 6887 section 12.3.
    #[test]
    fn a_peer_needs_a_remote_that_can_be() {
        let mut data = [0; 56];
        data[12] = 6;
        data[16..18].copy_from_slice(&[0, 80]);
        data[36..38].copy_from_slice(&[1, 2]);
        let ask = |remote: Ipv4Addr, data: &[u8; 56]| {
            let mut data = *data;
            data[40..].copy_from_slice(&remote.to_ipv6_mapped().octets());
            read(&request(PEER, 60, &data), HOST)
        };
        let remote = Ipv4Addr::new(192, 0, 2, 1);
        assert!(matches!(
            ask(remote, &data).unwrap().opcode,
            Opcode::Peer(_, to, 0x0102) if to == remote
        ));
        let malformed = Err(Refused::With(Code::MalformedRequest));
        for nobody in [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [255; 4]] {
            assert_eq!(ask(nobody.into(), &data), malformed);
        }
        for at in [12, 16, 36] {
            let mut data = data;
            data[at..at + 2].fill(0);
            assert_eq!(ask(remote, &data), malformed, "zero at {at}");
        }
    }

    /// RFC 6887 section 8.2: the request again, at most 1100 bytes of it.
    #[test]
    fn a_refusal_is_the_request_again() {
        let mut out = [0xee; MAX_LEN];
        for (len, expected) in [(2, 24), (30, 32), (60, 60), (1100, 1100), (1400, 1100)] {
            let mut bytes = std::vec![0x55; len];
            bytes[0] = 2;
            let wrote = refuse(&bytes, Code::MalformedRequest, 1800, 7, &mut out);
            assert_eq!(wrote, expected);
            assert_eq!((out[0], out[1], out[3]), (2, 0xd5, 3));
            let copied = len.min(expected);
            assert_eq!(out[12..copied.max(12)], bytes[12.min(len)..copied]);
            assert!(out[copied.max(12)..wrote].iter().all(|byte| *byte == 0));
        }
        // What could be read has nothing of the client's address.
        refuse(&map(&[]), Code::NotAuthorized, 9, 7, &mut out);
        assert_eq!(out[..24][12..], [0; 12]);
        assert_eq!(out[24..60], map(&[])[24..60]);
    }

    proptest! {
        #[test]
        fn nothing_is_too_strange(
            opcode in 0..4_u8,
            lifetime in 0..2_u32,
            data in proptest::collection::vec(any::<u8>(), 0..120),
            ports in 0..9_u16,
        ) {
            let bytes = request(opcode, lifetime, &data);
            let mut out = [0; MAX_LEN];
            match read(&bytes, HOST) {
                Ok(request) => {
                    let granted = Granted { ports, ..Granted::default() };
                    let len = grant(&bytes, &request, granted, 1, &mut out);
                    prop_assert!(len >= HEADER_LEN && len <= bytes.len());
                    prop_assert!(len.is_multiple_of(4));
                }
                Err(Refused::With(code)) => {
                    let len = refuse(&bytes, code, code.lifetime(), 1, &mut out);
                    prop_assert_eq!(len, bytes.len().next_multiple_of(4));
                }
                Err(Refused::Silently) => prop_assert!(false, "nothing to be silent about"),
            }
        }
    }
}
