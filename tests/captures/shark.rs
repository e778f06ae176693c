//! What tshark makes of all runs: one file for what was recorded, one for each side.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use testkit::pcap::{Record, write};

use crate::recorded::{Recorded, again};
use crate::replay::Run;

/// Layers whose messages are counted.
const MESSAGES: [&str; 22] = [
    "sip", "sdp", "ftp", "rtsp", "dns", "tftp", "exec", "rsh", "rlogin", "ftp-data", "skinny",
    "h225", "h245", "nbns", "nbdgm", "nbss", "ldap", "pptp", "gre", "isakmp", "esp", "rtp",
];

/// Of some frames: how many messages, and how often each error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    messages: BTreeMap<String, u32>,
    errors: BTreeMap<String, u32>,
}

impl Reading {
    fn add(&mut self, other: &Self) {
        for (to, from) in [
            (&mut self.messages, &other.messages),
            (&mut self.errors, &other.errors),
        ] {
            for (name, count) in from {
                *to.entry(name.clone()).or_default() += count;
            }
        }
    }
}

/// A file as it was recorded, frame by frame.
pub(crate) struct Reference(Vec<Reading>);

impl Reference {
    /// Of some of its packets.
    pub(crate) fn of(&self, packets: &[usize]) -> Reading {
        let mut sum = Reading::default();
        for packet in packets {
            sum.add(&self.0[*packet]);
        }
        sum
    }
}

/// What tshark makes of a file, if it is there.
pub(crate) fn reference(packets: &[Recorded]) -> Option<Reference> {
    let records: Vec<Record> = packets
        .iter()
        .map(|(at, seen)| Record {
            nanos: Duration::from_secs_f64(*at).as_nanos() as u64,
            frame: again(seen).frame([2; 6], [4; 6]),
        })
        .collect();
    readings(&records).map(Reference)
}

/// Complaints about all runs.
pub(crate) fn judged(runs: &[Run]) -> Vec<String> {
    let mut all: Vec<Record> = Vec::new();
    let mut begin = 0;
    for run in runs {
        let first = begin;
        for record in &run.outside {
            let nanos = first + record.nanos;
            begin = begin.max(nanos);
            let frame = record.frame.clone();
            all.push(Record { nanos, frame });
        }
    }
    let Some(readings) = readings(&all) else {
        println!("tshark is not there: what it would say is not known");
        return Vec::new();
    };
    let mut complaints = Vec::new();
    let mut rest = &readings[..];
    for run in runs {
        let (mine, others) = rest.split_at(run.outside.len());
        rest = others;
        let mut now = Reading::default();
        for reading in mine {
            now.add(reading);
        }
        let Some(then) = &run.expected else { continue };
        if now.messages != then.messages {
            complaints.push(format!(
                "{}: tshark reads {:?} outside instead of {:?}",
                run.title, now.messages, then.messages
            ));
        }
        for (error, count) in &now.errors {
            if then.errors.get(error).is_none_or(|known| known < count) {
                complaints.push(format!("{}: tshark says outside: {error}", run.title));
            }
        }
    }
    complaints
}

/// Each frame as tshark reads it.
fn readings(records: &[Record]) -> Option<Vec<Reading>> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let file = format!("portolan-shark-{}-{number}.pcap", std::process::id());
    let file = std::env::temp_dir().join(file);
    std::fs::write(&file, write(records)).unwrap();
    let output = Command::new("tshark")
        .args(["-n", "-d", "tcp.port==1002,ldap", "-r"])
        .arg(&file)
        .args([
            "-o",
            "ip.check_checksum:TRUE",
            "-o",
            "udp.check_checksum:TRUE",
        ])
        .args([
            "-o",
            "tcp.check_checksum:TRUE",
            "-T",
            "fields",
            "-E",
            "occurrence=a",
        ])
        .args([
            "-e",
            "frame.protocols",
            "-e",
            "_ws.expert.severity",
            "-e",
            "_ws.expert.message",
        ])
        .args(["-E", "aggregator=|"])
        .output();
    std::fs::remove_file(&file).unwrap();
    let output = output.ok()?;
    let readings: Vec<Reading> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(reading)
        .collect();
    assert_eq!(
        readings.len(),
        records.len(),
        "tshark: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(readings)
}

fn reading(line: &str) -> Reading {
    let mut reading = Reading::default();
    let mut fields = line.split('\t');
    for layer in fields.next().unwrap_or_default().split(':') {
        if MESSAGES.contains(&layer) {
            *reading.messages.entry(layer.into()).or_default() += 1;
        }
    }
    let severities = fields.next().unwrap_or_default().split('|');
    for (severity, message) in severities.zip(fields.next().unwrap_or_default().split('|')) {
        if [ERROR, ERROR_NAMED].contains(&severity) {
            *reading.errors.entry(message.into()).or_default() += 1;
        }
    }
    reading
}

/// `PI_ERROR` as tshark writes it.
const ERROR: &str = "8388608";
const ERROR_NAMED: &str = "Error";
