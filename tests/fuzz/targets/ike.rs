//! Any bytes as a datagram at port 500 and at port 4500, against a walk over its payloads that
//! is written down here once more.
#![no_main]

use core::net::Ipv4Addr;

use appproto::ike::{HEADER_LEN, Hashes, Header, KEEPALIVE, Traversing};
use libfuzzer_sys::fuzz_target;

const FROM: (Ipv4Addr, u16) = (Ipv4Addr::new(10, 64, 0, 7), 500);

fuzz_target!(|data: &[u8]| {
    message(data);
    match Traversing::read(data) {
        Traversing::Ike(bytes) => {
            assert_eq!([&[0; 4], bytes].concat(), data);
            message(bytes);
        }
        Traversing::Esp(spi) => assert!(spi != 0 && data.starts_with(&spi.to_be_bytes())),
        Traversing::Keepalive => assert_eq!(data, [KEEPALIVE]),
        Traversing::Other => assert!(data.len() < 8 && !data.starts_with(&[0; 4])),
    }
});

/// What lies behind the length is no part of it, and one that is cut is none.
fn message(data: &[u8]) {
    let Some(header) = Header::read(data) else {
        return;
    };
    let length = u32::from_be_bytes([data[24], data[25], data[26], data[27]]) as usize;
    assert!((HEADER_LEN..=data.len()).contains(&length));
    let whole = &data[..length];
    assert_eq!(Header::read(whole), Some(header));
    assert_eq!(Header::read(&data[..length - 1]), None);
    let said = header.said(data, FROM);
    assert_eq!(header.said(whole, FROM), said);
    assert!(said.supports || said.hashes == Hashes::None);
    let (vendors, hashes) = walked(header.version, whole);
    assert!(said.supports || hashes == 0);
    assert!(!said.supports || vendors + hashes > 0);
    assert!(said.hashes == Hashes::None || hashes > 0);
    // A hash is of one endpoint.
    if hashes == 1 && said.hashes == Hashes::Right {
        let other = header.said(data, (FROM.0, FROM.1 + 1));
        assert_eq!(other.hashes, Hashes::Wrong);
    }
}

/// Vendors that may be those of NAT traversal, and hashes of endpoints.
fn walked(version: u8, bytes: &[u8]) -> (usize, usize) {
    let (mut next, mut at) = (bytes[16], HEADER_LEN);
    let (mut vendors, mut hashes) = (0, 0);
    if version == 1 && bytes[19] & 1 == 1 {
        return (0, 0);
    }
    for _ in 0..64 {
        if matches!(next, 0 | 46 | 53) || at + 4 > bytes.len() {
            break;
        }
        let end = at + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        if end < at + 4 || end > bytes.len() {
            break;
        }
        let body = &bytes[at + 4..end];
        match (version, next) {
            (1, 13) => vendors += usize::from(body.len() == 16),
            (1, 20 | 130) => hashes += 1,
            (2, 41) if body.len() >= 4 && body.len() - 4 >= usize::from(body[1]) => {
                hashes += usize::from(body[2] == 0x40 && matches!(body[3], 4 | 5));
            }
            _ => {}
        }
        (next, at) = (bytes[at], end);
    }
    (vendors, hashes)
}
