//! NAT-PMP as a server reads and writes it (RFC 6886): what was there before [PCP](crate::pcp).
//!
//! ```text
//!  request    0 version | 1 opcode
//!  to map     4-5 inside port | 6-7 outside port | 8-11 lifetime
//!  answer     0 version | 1 opcode + 128 | 2-3 result | 4-7 epoch
//!  address    8-11 outside address
//!  mapped     8-9 inside port | 10-11 outside port | 12-15 lifetime
//! ```
//!
//! What cannot be granted has zeros where the endpoint would be.

use core::net::Ipv4Addr;

/// The version that is spoken.
pub const VERSION: u8 = 0;

/// Longest answer.
pub const MAX_LEN: usize = 16;

const RESPONSE: u8 = 0x80;
const UDP: u8 = 17;
const TCP: u8 = 6;
const ADDRESS: u8 = 0;
const MAP_UDP: u8 = 1;
const MAP_TCP: u8 = 2;
const HEADER_LEN: usize = 8;
const ADDRESS_LEN: usize = 12;

/// What an answer says (RFC 6886 section 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// It was done.
    Success = 0,
    /// Not for this client.
    NotAuthorized = 2,
    /// There is no room.
    OutOfResources = 4,
    /// An unknown opcode.
    UnsuppOpcode = 5,
}

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// By which address the outside knows the client.
    Address,
    /// An outside port for an inside one, or the end of it.
    Map(Map),
    /// Something else.
    Unknown,
}

/// An inside port to be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    /// IP protocol.
    pub protocol: u8,
    /// Inside port; zero is every one of those that are to be deleted.
    pub port: u16,
    /// Outside port; zero if none is suggested.
    pub outside_port: u16,
    /// Seconds; zero deletes.
    pub lifetime: u32,
}

/// What an answer to a request says besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// The client's outside address.
    Address(Ipv4Addr),
    /// Outside port, and for how long in seconds; both zero if there is none any more.
    Map(u16, u32),
}

/// Reads a request; `None` if it is to be ignored.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Request> {
    let [VERSION, opcode, ..] = *bytes else {
        return None;
    };
    let protocol = match opcode {
        ADDRESS => return Some(Request::Address),
        MAP_UDP => UDP,
        MAP_TCP => TCP,
        RESPONSE.. => return None,
        _ => return Some(Request::Unknown),
    };
    let [_, _, _, _, i0, i1, o0, o1, lifetime @ ..] = *bytes.first_chunk::<12>()?;
    Some(Request::Map(Map {
        protocol,
        port: u16::from_be_bytes([i0, i1]),
        outside_port: u16::from_be_bytes([o0, o1]),
        lifetime: u32::from_be_bytes(lifetime),
    }))
}

/// Writes the answer to a request; its length.
pub fn answer(
    bytes: &[u8],
    request: Request,
    granted: Result<Granted, Code>,
    epoch: u32,
    out: &mut [u8],
) -> usize {
    let code = granted.err().unwrap_or(Code::Success);
    let mut whole = [0; MAX_LEN];
    let opcode = bytes.get(1).copied().unwrap_or(0);
    whole[..4].copy_from_slice(&[VERSION, opcode | RESPONSE, 0, code as u8]);
    whole[4..8].copy_from_slice(&epoch.to_be_bytes());
    let len = match request {
        Request::Unknown => HEADER_LEN,
        Request::Address => ADDRESS_LEN,
        Request::Map(map) => {
            whole[8..10].copy_from_slice(&map.port.to_be_bytes());
            MAX_LEN
        }
    };
    match granted {
        Ok(Granted::Address(address)) => whole[8..12].copy_from_slice(&address.octets()),
        Ok(Granted::Map(port, lifetime)) => {
            whole[10..12].copy_from_slice(&port.to_be_bytes());
            whole[12..].copy_from_slice(&lifetime.to_be_bytes());
        }
        Err(_) => {}
    }
    let (Some(place), Some(whole)) = (out.get_mut(..len), whole.get(..len)) else {
        return 0;
    };
    place.copy_from_slice(whole);
    len
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAP: [u8; 12] = [0, 2, 9, 9, 0, 80, 31, 144, 0, 0, 14, 16];

    /// RFC 6886 sections 3.2 and 3.3; reserved bytes are not looked at.
    #[test]
    fn requests_are_read() {
        assert_eq!(read(&[0, 0]), Some(Request::Address));
        let map = Map {
            protocol: TCP,
            port: 80,
            outside_port: 8080,
            lifetime: 3600,
        };
        assert_eq!(read(&MAP), Some(Request::Map(map)));
        assert_eq!(read(&[0, 3]), Some(Request::Unknown));
        for ignored in [&[0][..], &[2, 0], &[0, 0x80], &[0, 0x82], &MAP[..11]] {
            assert_eq!(read(ignored), None, "{ignored:?}");
        }
    }

    /// RFC 6886 sections 3.2, 3.3 and 3.5.
    #[test]
    fn answers_are_written() {
        let mut out = [0xee; MAX_LEN];
        let mut say = |bytes: &[u8], granted| {
            let len = answer(bytes, read(bytes).unwrap(), granted, 258, &mut out);
            std::vec::Vec::from(&out[..len])
        };
        let address = Granted::Address(Ipv4Addr::new(203, 0, 113, 9));
        assert_eq!(
            say(&[0, 0], Ok(address)),
            [0, 128, 0, 0, 0, 0, 1, 2, 203, 0, 113, 9]
        );
        assert_eq!(
            say(&MAP, Ok(Granted::Map(8081, 600))),
            [0, 130, 0, 0, 0, 0, 1, 2, 0, 80, 31, 145, 0, 0, 2, 88]
        );
        assert_eq!(
            say(&MAP, Err(Code::OutOfResources)),
            [0, 130, 0, 4, 0, 0, 1, 2, 0, 80, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(
            say(&[0, 77], Err(Code::UnsuppOpcode)),
            [0, 205, 0, 5, 0, 0, 1, 2]
        );
    }

    proptest! {
        #[test]
        fn nothing_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut out = [0; MAX_LEN];
            if let Some(request) = read(&bytes) {
                let len = answer(&bytes, request, Err(Code::NotAuthorized), 1, &mut out);
                prop_assert!((HEADER_LEN..=MAX_LEN).contains(&len));
                prop_assert_eq!((out[0], out[1]), (0, bytes[1] | RESPONSE));
            }
        }
    }
}
