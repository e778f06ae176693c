//! Inside addresses that are left outside, and those that have to be.

use std::net::Ipv4Addr;

use crate::words::places;

/// Why an address may stay.
const REASONS: [(&str, &str); 6] = [
    (
        "authorization:",
        "covered by the digest (RFC 3261 section 22.4)",
    ),
    (
        "proxy-authorization:",
        "covered by the digest (RFC 3261 section 22.4)",
    ),
    (
        "a=candidate:",
        "ICE finds out which candidates work (RFC 8839)",
    ),
    (
        "a=remote-candidates:",
        "ICE finds out which candidates work (RFC 8839)",
    ),
    (
        "a=ssrc:",
        "the same as in RTCP, which no gateway reads (RFC 5576 section 6.1)",
    ),
    (
        "227 ",
        "after AUTH TLS an FTP connection is left alone (RFC 4217)",
    ),
];

/// Why a message passes as it is.
pub(crate) fn unreadable(payload: &[u8], ports: &[u16]) -> Option<&'static str> {
    if !ports.contains(&5060) {
        return None;
    }
    let head = payload.windows(4).position(|four| four == b"\r\n\r\n");
    let Some(head) = head else {
        return Some("a SIP message without an end");
    };
    let text = String::from_utf8_lossy(&payload[..head]).to_ascii_lowercase();
    let length = text.split("content-length:").nth(1)?;
    let number = length.lines().next().unwrap_or_default().trim();
    let is_number = number.bytes().all(|digit| digit.is_ascii_digit());
    (!is_number).then_some("a SIP message without a length that is a number")
}

/// Lines in which the address is left: excused with a reason, and not.
pub(crate) fn lines(payload: &[u8], inside: Ipv4Addr) -> (Vec<&'static str>, Vec<String>) {
    let (mut excused, mut left) = (Vec::new(), Vec::new());
    for at in places(payload, inside) {
        let is_end = |byte: &u8| *byte == b'\n';
        let start = payload[..at]
            .iter()
            .rposition(is_end)
            .map_or(0, |at| at + 1);
        let end = payload[at..]
            .iter()
            .position(is_end)
            .map_or(payload.len(), |len| at + len);
        let line = payload[start..end].trim_ascii();
        let lower = String::from_utf8_lossy(line).to_ascii_lowercase();
        let mut reasons = REASONS.iter();
        match reasons.find(|(name, _)| lower.starts_with(name)) {
            Some((_, reason)) => excused.push(*reason),
            None => left.push(line.escape_ascii().to_string()),
        }
    }
    (excused, left)
}

/// Addresses in binary, where a protocol has them so.
pub(crate) fn binary(payload: &[u8], inside: Ipv4Addr) -> bool {
    payload.windows(4).any(|four| four == inside.octets())
}

/// Addresses as one number, of which either end may come first.
pub(crate) fn decimal(payload: &[u8], inside: Ipv4Addr) -> bool {
    let number = inside.to_bits();
    [number, number.swap_bytes()].iter().any(|number| {
        let text = number.to_string();
        payload
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    })
}

/// A DNS message of RFC 2136, whose server knows the addresses of its own side.
pub(crate) fn is_update(payload: &[u8]) -> bool {
    payload.get(2).is_some_and(|flags| flags >> 3 & 0xf == 5)
}
