//! SIP on any bytes: framing is bounded and the same for any cut, findings lie in the message, in
//! order and apart, say what stands there, and open nothing that comes from outside.
#![no_main]

use appproto::sip::{Frame, frame, scan};
use appproto::{Findings, Form, Role, Transport};
use base::Direction;
use libfuzzer_sys::fuzz_target;

const MAXIMUM: usize = 2048;
const OURS: u32 = 0x0a00_0001;

fuzz_target!(|bytes: &[u8]| {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut from = 0;
        while let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty()) {
            match frame(rest, transport, MAXIMUM) {
                Frame::KeepAlive(len) => {
                    assert!(len > 0 && len <= rest.len());
                    from += len;
                }
                Frame::Message(len) => {
                    assert!(len > 0 && len <= rest.len() && len <= MAXIMUM);
                    look(&rest[..len]);
                    from += len;
                }
                Frame::NeedMore => {
                    assert!(transport == Transport::Tcp && rest.len() < MAXIMUM);
                    break;
                }
                Frame::Release(_) => break,
            }
        }
    }
    assert_eq!(framed(bytes, bytes.len().max(1)), framed(bytes, 1));
    look(bytes);
});

fn look(message: &[u8]) {
    for direction in [Direction::Outbound, Direction::Inbound] {
        let mut found = Findings::new();
        let told = scan(message, direction, |address| address == OURS, &mut found);
        assert!(told.is_ok() || found.is_empty());
        let mut end = 0;
        for finding in &found {
            assert!(finding.span.start >= end && !finding.span.is_empty());
            end = finding.span.end;
            let stands = &message[finding.span.start..end];
            match finding.role {
                Role::LengthOf(span) => {
                    assert!(finding.form == Form::Length && span.end <= message.len());
                    continue;
                }
                Role::Listens(_) | Role::Answers(..) => assert_eq!(direction, Direction::Outbound),
                _ => {}
            }
            assert_eq!(finding.endpoint.address, OURS);
            assert_eq!(finding.form.write(finding.endpoint).as_slice(), stands);
        }
    }
}

/// The ends of the messages of a stream that comes in pieces of so many bytes, and whether it was
/// released.
fn framed(stream: &[u8], piece: usize) -> (Vec<usize>, bool) {
    let (mut ends, mut from, mut come) = (Vec::new(), 0, 0);
    while come < stream.len() {
        come = (come + piece).min(stream.len());
        loop {
            match frame(&stream[from..come], Transport::Tcp, MAXIMUM) {
                Frame::KeepAlive(len) => from += len,
                Frame::Message(len) => {
                    from += len;
                    ends.push(from);
                }
                Frame::NeedMore => break,
                Frame::Release(_) => return (ends, true),
            }
        }
    }
    (ends, false)
}
