//! The frames that are sent through.

use wire::checksum;

/// MAC address of the appliance's ports, the number of the port last.
pub(crate) const OURS: [u8; 6] = [2, 0, 0, 0, 1, 0];

/// Who sends.
const THEIRS: [u8; 6] = [2, 0, 0, 0, 2, 0];

pub(crate) const UDP: u8 = 17;
pub(crate) const TCP: u8 = 6;
pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const ACK: u8 = 16;

/// An address and a port.
pub(crate) type Endpoint = (u32, u16);

/// A frame of 60 bytes to `port`, right in all checksums.
pub(crate) fn frame(port: u8, protocol: u8, flags: u8, from: Endpoint, to: Endpoint) -> Vec<u8> {
    let mut transport = Vec::with_capacity(26);
    transport.extend(from.1.to_be_bytes());
    transport.extend(to.1.to_be_bytes());
    let at = if protocol == TCP {
        // Sequence numbers, five words of header, window.
        transport.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0xff, 0xff]);
        16
    } else {
        transport.extend([0, 26]);
        6
    };
    transport.resize(26, 0);
    let mut pseudo = [0; 12];
    pseudo[0..4].copy_from_slice(&from.0.to_be_bytes());
    pseudo[4..8].copy_from_slice(&to.0.to_be_bytes());
    pseudo[9] = protocol;
    pseudo[11] = 26;
    let sum = internet_sum(&[&pseudo[..], &transport].concat());
    wire::put16(&mut transport, at, sum);

    let mut ip = vec![0x45, 0, 0, 46, 0, 7, 0, 0, 64, protocol, 0, 0];
    ip.extend(from.0.to_be_bytes());
    ip.extend(to.0.to_be_bytes());
    let sum = internet_sum(&ip);
    wire::put16(&mut ip, 10, sum);

    let mut ours = OURS;
    ours[5] = port;
    [&ours[..], &THEIRS, &[8, 0], &ip, &transport].concat()
}

/// Source and destination of a frame.
pub(crate) fn endpoints(frame: &[u8]) -> (Endpoint, Endpoint) {
    let port = |at| wire::be16(frame, at).unwrap_or(0);
    let address = |at| wire::be32(frame, at).unwrap_or(0);
    ((address(26), port(34)), (address(30), port(36)))
}

fn internet_sum(bytes: &[u8]) -> u16 {
    checksum::Sum::default().bytes(bytes).checksum()
}
