//! IPsec through the built binary: ESP by its SPIs, IKE, and what is shown of them.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod esp;
mod helped;
mod ike;
mod run;

use testkit::{Packet, protocol, raw, udp};
use tests::Config;

/// One outside address for everybody.
fn one_address() -> Config {
    Config::new().pool("prefixes", "[203.0.113.1/32]")
}

/// The address all hosts share.
const G: &str = "203.0.113.1";

/// ESP with this SPI and sequence number.
fn esp(flow: &str, spi: u32, seq: u32) -> Packet {
    let mut payload = spi.to_be_bytes().to_vec();
    payload.extend(seq.to_be_bytes());
    payload.extend([0x5a; 24]);
    raw(flow, protocol::ESP).payload(&payload)
}

/// A message of IKE version 2 with this initiator's SPI.
fn message(cookie: u64, exchange: u8, flags: u8, id: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = cookie.to_be_bytes().to_vec();
    bytes.extend(if exchange == 34 && flags & 0x20 == 0 {
        [0; 8]
    } else {
        (cookie ^ 0xffff).to_be_bytes()
    });
    bytes.extend([46, 0x20, exchange, flags]);
    bytes.extend(id.to_be_bytes());
    bytes.extend((28 + body.len() as u32).to_be_bytes());
    bytes.extend(body);
    bytes
}

fn ike(flow: &str, bytes: &[u8]) -> Packet {
    udp(flow).payload(bytes)
}
