//! Captures: inputs merged by time stamp, virtual time follows them.
//!
//! The frames were meant for other machines, so their MAC addresses are not
//! looked at.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::time::Duration;

use base::Nanos;
use config::Config;
use control::export::{Exporter, Handle};
use dataplane::Expression;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapReader, PcapWriter};
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, TsResolution};
use pktio::PacketBuf;
use pktio::mem::MemBuf;

use super::SimError;
use super::engine::{Engine, Sent};
use crate::whois::print;
use crate::words;

/// A packet of some input.
struct Captured {
    at: Nanos,
    interface: String,
    frame: Vec<u8>,
}

type Outputs = HashMap<String, (String, PcapWriter<BufWriter<File>>)>;

/// Runs all inputs through and writes all outputs.
pub(crate) fn run(
    config: &Config,
    log: (Exporter, Handle),
    inputs: &[String],
    outputs: &[String],
    seed: u64,
    why: Option<&Expression>,
) -> Result<(), SimError> {
    let known = |interface: &str| {
        config
            .interfaces
            .iter()
            .any(|found| found.name == interface)
    };
    let mut packets = Vec::new();
    for option in inputs {
        let (interface, file) = split(option, known)?;
        read(interface, file, &mut packets)?;
    }
    // Stable: packets of the same moment keep the order of the options.
    packets.sort_by_key(|packet| packet.at);
    let mut writers = Outputs::new();
    for option in outputs {
        let (interface, file) = split(option, known)?;
        writers.insert(interface.into(), (file.into(), create(file)?));
    }
    let start = packets.first().map_or(Nanos(0), |packet| packet.at);
    let mut engine = Engine::new(config, log, seed, true, start)?;
    if why.is_some() {
        engine.explain(why.cloned());
    }
    for packet in packets {
        let before = engine.advance(packet.at);
        write(&mut writers, &before)?;
        let Some(buf) = engine
            .port(&packet.interface)
            .and_then(|port| MemBuf::from_frame(port, &packet.frame))
        else {
            continue;
        };
        let (sent, _) = engine.receive(buf);
        for explained in engine.explained() {
            let when = format!("{:.6}", packet.at.as_secs_f64());
            print(&words::text(&explained, &when)).map_err(SimError::Pipe)?;
        }
        write(&mut writers, &sent)?;
    }
    Ok(())
}

/// `INTERFACE=FILE`.
fn split(option: &str, known: impl Fn(&str) -> bool) -> Result<(&str, &str), SimError> {
    let (interface, file) = option
        .split_once('=')
        .ok_or_else(|| SimError::Option(format!("{option:?}: give INTERFACE=FILE")))?;
    if !known(interface) {
        let why = format!("{option:?}: no interface is named {interface:?} in the configuration");
        return Err(SimError::Option(why));
    }
    Ok((interface, file))
}

#[allow(clippy::needless_pass_by_value)]
fn wrong(file: &str, why: impl ToString) -> SimError {
    SimError::Capture {
        file: file.into(),
        why: why.to_string(),
    }
}

fn read(interface: &str, file: &str, packets: &mut Vec<Captured>) -> Result<(), SimError> {
    const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
    let mut reader = BufReader::new(File::open(file).map_err(|error| wrong(file, error))?);
    let mut magic = [0; 4];
    reader
        .read_exact(&mut magic)
        .map_err(|_| wrong(file, "too short for a capture"))?;
    let whole = std::io::Cursor::new(magic).chain(reader);
    if magic == PCAPNG {
        read_pcapng(interface, file, whole, packets)
    } else {
        read_pcap(interface, file, whole, packets)
    }
}

fn captured(interface: &str, at: Duration, frame: &[u8]) -> Captured {
    Captured {
        at: Nanos(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX)),
        interface: interface.into(),
        frame: frame.into(),
    }
}

fn read_pcap(
    interface: &str,
    file: &str,
    input: impl Read,
    packets: &mut Vec<Captured>,
) -> Result<(), SimError> {
    let mut reader = PcapReader::new(input).map_err(|error| wrong(file, error))?;
    let link = reader.header().datalink;
    if link != DataLink::ETHERNET {
        return Err(wrong(
            file,
            format!("link type {link:?}; only Ethernet can be replayed"),
        ));
    }
    while let Some(packet) = reader.next_packet() {
        let packet = packet.map_err(|error| wrong(file, error))?;
        packets.push(captured(interface, packet.timestamp, &packet.data));
    }
    Ok(())
}

fn read_pcapng(
    interface: &str,
    file: &str,
    input: impl Read,
    packets: &mut Vec<Captured>,
) -> Result<(), SimError> {
    let mut reader = PcapNgReader::new(input).map_err(|error| wrong(file, error))?;
    // Link type and nanoseconds per unit of time, by interface of the capture.
    let mut links: Vec<(DataLink, u64)> = Vec::new();
    while let Some(block) = reader.next_block() {
        match block.map_err(|error| wrong(file, error))? {
            Block::SectionHeader(_) => links.clear(),
            Block::InterfaceDescription(found) => {
                let resolution = found.options.iter().find_map(|option| match option {
                    InterfaceDescriptionOption::IfTsResol(value) => Some(*value),
                    _ => None,
                });
                links.push((found.linktype, unit(resolution.unwrap_or(6))));
            }
            Block::EnhancedPacket(packet) => {
                let place = usize::try_from(packet.interface_id).unwrap_or(usize::MAX);
                if let Some((DataLink::ETHERNET, unit)) = links.get(place) {
                    // The reader hands out the units as if they were nanoseconds.
                    let units = u64::try_from(packet.timestamp.as_nanos()).unwrap_or(u64::MAX);
                    let at = Duration::from_nanos(units.saturating_mul(*unit));
                    packets.push(captured(interface, at, &packet.data));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Nanoseconds in a unit of `if_tsresol`: a power of ten, at best a nanosecond.
const fn unit(resolution: u8) -> u64 {
    match resolution {
        0..=9 => 10_u64.pow(9 - resolution as u32),
        _ => 1,
    }
}

fn create(file: &str) -> Result<PcapWriter<BufWriter<File>>, SimError> {
    let output = File::create(file).map_err(|error| wrong(file, error))?;
    let header = PcapHeader {
        ts_resolution: TsResolution::NanoSecond,
        datalink: DataLink::ETHERNET,
        ..PcapHeader::default()
    };
    PcapWriter::with_header(BufWriter::new(output), header).map_err(|error| wrong(file, error))
}

fn write(writers: &mut Outputs, sent: &[Sent]) -> Result<(), SimError> {
    for one in sent {
        if let Some((file, writer)) = writers.get_mut(&one.interface) {
            let frame = one.frame.bytes();
            let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
            writer
                .write_packet(&PcapPacket::new(Duration::from_nanos(one.at.0), len, frame))
                .map_err(|error| wrong(file, error))?;
        }
    }
    Ok(())
}
