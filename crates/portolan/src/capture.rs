//! `trace`: packets as they came, with what became of them, in a capture file.
//!
//! ```text
//!  section header     comment: version and number of the configuration in force
//!  interface          one for each of the appliance's, by name and MAC address
//!  packet             comment: verdict, reason, what left, and the sentences of `why`
//! ```
//!
//! A packet that another worker decides about is there once, with that one's verdict; a hairpin that
//! two workers share is not, for neither knows both the packet as it came and the verdict.
//! `portolan sim --in FILE` plays such a file and compares verdicts (`sim/replay.rs`).

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use control::traced::{Line, Packet, Tracing};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};

use crate::client::AskError;
use crate::why::{Clock, Which, count};
use crate::words::{self, unhex};

/// `epb_flags`: received.
const INBOUND: u32 = 1;

/// What is asked.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    which: Which,
    /// Ends after so many packets.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = count)]
    count: u32,
    /// Where to write them, as pcapng.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// Writes packets to a file as they come.
pub(crate) fn trace(options: &Options) -> Result<(), AskError> {
    let wrong = |error: &dyn std::fmt::Display| {
        AskError::Failed(format!("{}: {error}", options.output.display()))
    };
    let file = File::create(&options.output).map_err(|error| wrong(&error))?;
    let mut file = Some(BufWriter::new(file));
    let mut capture = None;
    let (mut written, mut failed) = (0_u64, None);
    let ended = options.which.trace(options.count, false, |line| {
        let result = match (&line, &mut capture) {
            (Line::Tracing(begun), _) => file.take().map_or(Ok(()), |file| {
                Capture::begin(begun, file).map(|begun| capture = Some(begun))
            }),
            (Line::Packet(packet), Some(capture)) if is_whole(packet) => {
                written += 1;
                capture.write(packet)
            }
            _ => Ok(()),
        };
        failed = result.err();
        failed.is_none()
    })?;
    if let Some(error) = failed {
        return Err(wrong(&error));
    }
    if let Some(capture) = capture {
        capture.end().map_err(|error| wrong(&error))?;
    }
    eprintln!("{written} packets in {}", options.output.display());
    if ended.lost > 0 {
        eprintln!("{} more were meant, but came too fast", ended.lost);
    }
    Ok(())
}

/// Whether a record is about a packet as it was received, and the last word on it.
fn is_whole(packet: &Packet) -> bool {
    !packet.verdict.is_empty() && packet.arrival != "half_translated"
}

struct Capture<W: Write> {
    writer: PcapNgWriter<W>,
    clock: Clock,
    interfaces: Vec<String>,
}

impl<W: Write> Capture<W> {
    fn begin(begun: &Tracing, file: W) -> Result<Self, PcapError> {
        let comment = format!(
            "portolan {}\nconfiguration epoch: {}",
            begun.version, begun.epoch
        );
        let section = SectionHeaderBlock {
            endianness: Endianness::native(),
            options: vec![
                SectionHeaderOption::Comment(comment.into()),
                SectionHeaderOption::UserApplication(
                    format!("portolan trace {}", begun.version).into(),
                ),
            ],
            ..SectionHeaderBlock::default()
        };
        let mut writer = PcapNgWriter::with_section_header(file, section)?;
        for interface in &begun.interfaces {
            let side = if interface.inside {
                "inside"
            } else {
                "outside"
            };
            let mut options = vec![
                InterfaceDescriptionOption::IfName(interface.name.clone().into()),
                InterfaceDescriptionOption::IfDescription(
                    format!("{}, {side}, as received", interface.name).into(),
                ),
                InterfaceDescriptionOption::IfTsResol(9),
            ];
            let mac = unhex(&interface.mac.replace(':', "")).map(Cow::Owned);
            options.extend(mac.map(InterfaceDescriptionOption::IfMacAddr));
            writer.write_pcapng_block(InterfaceDescriptionBlock {
                linktype: DataLink::ETHERNET,
                snaplen: 0,
                options,
            })?;
        }
        Ok(Self {
            writer,
            clock: Clock::at(begun.now),
            interfaces: begun
                .interfaces
                .iter()
                .map(|one| one.name.clone())
                .collect(),
        })
    }

    /// A packet without an interface, whose tag is nobody's, is put down to the first.
    fn write(&mut self, packet: &Packet) -> Result<(), PcapError> {
        let mut all = self.interfaces.iter();
        let place = all.position(|name| *name == packet.interface).unwrap_or(0);
        self.writer.write_pcapng_block(EnhancedPacketBlock {
            interface_id: u32::try_from(place).unwrap_or(0),
            timestamp: self.clock.of(packet),
            original_len: u32::try_from(packet.len).unwrap_or(u32::MAX),
            data: unhex(&packet.frame).unwrap_or_default().into(),
            options: vec![
                EnhancedPacketOption::Comment(comment(packet).into()),
                EnhancedPacketOption::Flags(INBOUND),
            ],
        })?;
        Ok(())
    }

    fn end(self) -> io::Result<()> {
        self.writer.into_inner().flush()
    }
}

/// `KEY: VALUE` lines for programs, then the sentences for people.
fn comment(packet: &Packet) -> String {
    let mut lines = vec![
        format!("verdict: {}", packet.verdict),
        format!("reason: {}", packet.reason),
        format!("worker: {}", packet.worker),
        format!("configuration epoch: {}", packet.epoch),
    ];
    let outside = packet.outside.iter();
    lines.extend(outside.map(|outside| format!("outside: {outside}")));
    let left = packet.left.iter();
    lines.extend(left.map(|left| format!("left: {left}")));
    lines.extend(packet.steps.iter().cloned());
    lines.push(words::verdict(packet));
    lines.join("\n")
}
