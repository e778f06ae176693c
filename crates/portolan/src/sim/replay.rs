//! A trace played again: the same packets at the same times, and are the verdicts the same?
//!
//! Chance gave outside ports to the appliance and gives others here. What comes back from outside
//! is for a port of the trace, so the ports of the trace are put in the place of ours:
//!
//! ```text
//!  trace   10.64.0.7:4000 as 203.0.113.4:1088      here   10.64.0.7:4000 as 203.0.113.9:4711
//!  to 203.0.113.4:1088  ── played to ──>  203.0.113.9:4711
//! ```
//!
//! A session that is older than the trace is not known here, and the report says so.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::time::Duration;

use base::Nanos;
use config::Config;
use control::export::{Exporter, Handle};
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::{Block, PcapNgReader};
use pktio::MAX_FRAME;
use pktio::mem::MemBuf;
use wire::ethernet::{self, Mac};
use wire::ipv4::{self, protocol};
use wire::{ChecksumDelta, checksum, udp};

use super::SimError;
use super::engine::Engine;

/// A packet of a trace.
struct Traced {
    at: Nanos,
    interface: String,
    frame: Vec<u8>,
    verdict: String,
    reason: String,
    /// Outside endpoints of its sessions.
    outside: Vec<String>,
}

/// What a trace is about.
#[derive(Default)]
struct Trace {
    macs: Vec<(String, Mac)>,
    packets: Vec<Traced>,
}

/// An IP protocol, and an outside endpoint of the trace.
type Theirs = (u8, String);

/// Plays a trace, and says how many verdicts are the same.
///
/// # Errors
///
/// Not all are.
pub(super) fn run(
    config: &Config,
    log: (Exporter, Handle),
    file: &str,
    seed: u64,
) -> Result<(), SimError> {
    let mut trace = read(file)?;
    trace.packets.sort_by_key(|packet| packet.at);
    let start = trace.packets.first().map_or(Nanos(0), |packet| packet.at);
    let mut engine = Engine::with_macs(config, log, seed, &trace.macs, start)?;
    engine.explain(Some(dataplane::Expression::default()));
    let mut ours: HashMap<Theirs, String> = HashMap::new();
    let mut different = 0;
    for (nth, packet) in trace.packets.iter().enumerate() {
        let mut frame = packet.frame.clone();
        let (number, _) = dataplane::headers(&frame);
        redirect(&mut frame, &ours);
        engine.advance(packet.at);
        let explained = engine
            .port(&packet.interface)
            .and_then(|port| MemBuf::from_frame(port, &frame))
            .and_then(|buf| {
                engine.receive(buf);
                engine.explained().into_iter().next_back()
            })
            .unwrap_or_default();
        let pairs = packet.outside.iter().zip(&explained.outside);
        for (theirs, here) in pairs.filter(|(theirs, here)| theirs != here) {
            ours.insert((number.unwrap_or(0), theirs.clone()), here.clone());
        }
        if (&explained.verdict, &explained.reason) != (&packet.verdict, &packet.reason) {
            different += 1;
            println!(
                "packet {}, {}: {} ({}) in the trace, {} ({}) here",
                nth + 1,
                explained.what,
                packet.verdict,
                packet.reason,
                explained.verdict,
                explained.reason
            );
        }
    }
    let all = trace.packets.len();
    if different == 0 {
        println!("{all} packets played, all with the verdicts of the trace");
        return Ok(());
    }
    Err(SimError::Different { different, all })
}

/// Sends a packet to our outside endpoint in the place of that of the trace.
fn redirect(frame: &mut [u8], ours: &HashMap<Theirs, String>) {
    let (Some(number), Some(ends)) = dataplane::headers(frame) else {
        return;
    };
    let (address, port) = ends.to;
    let theirs = crate::words::endpoint(ends.to);
    let Some(here) = ours.get(&(number, theirs)) else {
        return;
    };
    let (to, to_port) = here.split_once(':').unwrap_or((here, ""));
    let Ok(to) = to.parse::<std::net::Ipv4Addr>().map(u32::from) else {
        return;
    };
    let Some(l3) = ethernet::parse(frame).ok().map(|header| header.len) else {
        return;
    };
    let Some(packet) = frame.get_mut(l3..) else {
        return;
    };
    let l4 = packet
        .first()
        .map_or(0, |first| usize::from(first & 15) * 4);
    wire::put32(packet, 16, to);
    let addresses = ChecksumDelta::default().replace32(address, to);
    checksum::patch(packet, 10, addresses);
    let Some(segment) = packet.get_mut(l4.max(ipv4::HEADER_LEN)..) else {
        return;
    };
    let (Some(from), Ok(into)) = (port, to_port.parse::<u16>()) else {
        return;
    };
    let both = addresses.replace(from, into);
    match number {
        protocol::TCP => {
            wire::put16(segment, 2, into);
            checksum::patch(segment, 16, both);
        }
        protocol::UDP => {
            wire::put16(segment, 2, into);
            udp::patch_checksum(segment, both);
        }
        protocol::ICMP => {
            wire::put16(segment, 4, into);
            checksum::patch(segment, 2, ChecksumDelta::default().replace(from, into));
        }
        _ => {}
    }
}

fn read(file: &str) -> Result<Trace, SimError> {
    let wrong = |why: &dyn std::fmt::Display| SimError::Capture {
        file: file.into(),
        why: why.to_string(),
    };
    let input = File::open(file).map_err(|error| wrong(&error))?;
    let mut reader = PcapNgReader::new(BufReader::new(input)).map_err(|error| wrong(&error))?;
    let mut trace = Trace::default();
    let mut names = Vec::new();
    while let Some(block) = reader.next_block() {
        match block.map_err(|error| wrong(&error))? {
            Block::InterfaceDescription(found) => {
                let mut name = String::new();
                let mut mac = None;
                for option in &found.options {
                    match option {
                        InterfaceDescriptionOption::IfName(text) => name = text.to_string(),
                        InterfaceDescriptionOption::IfMacAddr(bytes) => {
                            mac = bytes.first_chunk::<6>().copied().map(Mac);
                        }
                        _ => {}
                    }
                }
                trace.macs.extend(mac.map(|mac| (name.clone(), mac)));
                names.push(name);
            }
            Block::EnhancedPacket(packet) => {
                let comment = packet.options.iter().find_map(|option| match option {
                    EnhancedPacketOption::Comment(text) => Some(text.as_ref()),
                    _ => None,
                });
                let Some(comment) = comment else {
                    return Err(wrong(
                        &"a packet without verdict: is it by `portolan trace`?",
                    ));
                };
                let place = usize::try_from(packet.interface_id).unwrap_or(usize::MAX);
                // What was cut off is in no header.
                let len = usize::try_from(packet.original_len).unwrap_or(MAX_FRAME);
                let mut frame = packet.data.to_vec();
                frame.resize(len.min(MAX_FRAME), 0);
                trace.packets.push(Traced {
                    at: nanos(packet.timestamp),
                    interface: names.get(place).cloned().unwrap_or_default(),
                    frame,
                    verdict: value(comment, "verdict").next().unwrap_or_default().into(),
                    reason: value(comment, "reason").next().unwrap_or_default().into(),
                    outside: value(comment, "outside").map(str::to_owned).collect(),
                });
            }
            _ => {}
        }
    }
    Ok(trace)
}

fn nanos(at: Duration) -> Nanos {
    Nanos(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX))
}

/// The values of a key in a comment.
fn value<'a>(comment: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    comment
        .lines()
        .filter_map(move |line| line.strip_prefix(key)?.strip_prefix(": "))
}
