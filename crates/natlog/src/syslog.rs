//! Lines of syslog (RFC 5424): one record, one line, all of it as structured data.
//!
//! ```text
//! <134>1 2026-11-26T02:20:00.123Z cgn1 portolan 412 block-allocated
//!     [nat@32473 event="16" instance="0" vrf="default" in="10.64.0.7" out="203.0.113.1" ports="1024-1535"]
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use nat::{Flow, Quota, Realm, Record, Threshold};

use crate::Entry;
use crate::event::{Event, quota_event, threshold_event};

/// The port of servers (RFC 5426).
pub const PORT: u16 = 514;

/// The number of private enterprises that is set aside for examples (RFC 5612); whoever has
/// one of their own says so.
pub const ENTERPRISE: u32 = 32473;

/// Severity of what is a matter of course, and of what is not.
const INFORMATIONAL: u8 = 6;
const WARNING: u8 = 4;

/// Names of what records have numbers for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Pools.
    pub pools: Vec<String>,
    /// VRFs.
    pub vrfs: Vec<String>,
}

/// Who sends the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Facility, 0 to 23.
    pub facility: u8,
    /// Number of the enterprise that the names of the structured data are of.
    pub enterprise: u32,
    /// Name of the host, or `-`.
    pub host: String,
    /// Number of the process, if that is to be told.
    pub process: Option<u32>,
}

/// The parameters of a deterministic range (RFC 7422 section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deterministic {
    /// Its name.
    pub name: String,
    /// Inside addresses, as a range.
    pub inside: String,
    /// Outside addresses, as ranges.
    pub outside: String,
    /// First and last port.
    pub ports: (u16, u16),
    /// Hosts of an outside address.
    pub hosts: u32,
    /// Ports of a host.
    pub ports_of_host: u32,
    /// Most ports of a host, with those of the overflow.
    pub most: Option<u32>,
    /// Name of the algorithm.
    pub algorithm: &'static str,
}

impl Writer {
    /// Appends the line of a record.
    pub fn record(&self, out: &mut String, names: &Names, entry: &Entry<'_>) {
        // Writing to a string does not fail.
        let _ = self.write_record(out, names, entry);
    }

    /// Appends the line of a deterministic range.
    pub fn deterministic(&self, out: &mut String, at: u64, range: &Deterministic) {
        let _ = self.write_deterministic(out, at, range);
    }

    fn head(&self, out: &mut String, severity: u8, at: u64, message: &str) -> fmt::Result {
        let priority = u16::from(self.facility) * 8 + u16::from(severity);
        write!(out, "<{priority}>1 ")?;
        write_time(out, at)?;
        write!(out, " {} portolan ", self.host)?;
        match self.process {
            Some(process) => write!(out, "{process} ")?,
            None => out.push_str("- "),
        }
        write!(out, "{message} [nat@{}", self.enterprise)
    }

    fn write_record(&self, out: &mut String, names: &Names, entry: &Entry<'_>) -> fmt::Result {
        let event = Event::of(entry.record);
        let severity = match event {
            Event::AddressesExhausted
            | Event::PortsExhausted
            | Event::QuotaExceeded
            | Event::ThresholdReached => WARNING,
            _ => INFORMATIONAL,
        };
        self.head(out, severity, entry.at, event.name())?;
        write!(out, " event=\"{}\"", event as u8)?;
        write!(out, " instance=\"{}\"", entry.instance)?;
        let pool = |pool: u16| name(&names.pools, usize::from(pool));
        let vrf = |realm: Realm| name(&names.vrfs, usize::from(realm));
        match entry.record {
            Record::Session(_, flow, remote) => {
                write_flow(out, &vrf(flow.realm), flow)?;
                write!(out, " to=\"{}:{}\"", remote.known_as, remote.port)?;
                if remote.address != remote.known_as {
                    write!(out, " behind=\"{}:{}\"", remote.address, remote.port)?;
                }
            }
            Record::Mapping(_, flow) => write_flow(out, &vrf(flow.realm), flow)?,
            Record::Address {
                inside,
                realm,
                outside,
                ..
            } => {
                write!(out, " vrf=\"{}\"", vrf(*realm))?;
                write!(out, " in=\"{inside}\" out=\"{outside}\"")?;
            }
            Record::Block(_, block) => {
                write!(out, " vrf=\"{}\"", vrf(block.realm))?;
                write!(out, " in=\"{}\" out=\"{}\"", block.inside, block.outside)?;
                write!(out, " ports=\"{}-{}\"", block.ports.0, block.ports.1)?;
            }
            Record::AddressesExhausted { pool: number } => {
                write!(out, " pool=\"{}\"", pool(*number))?;
            }
            Record::PortsExhausted { outside, protocol } => {
                write!(out, " out=\"{outside}\" protocol=\"{protocol}\"")?;
            }
            Record::Quota(quota) => {
                write!(out, " quota=\"{}\"", quota_event(quota))?;
                match quota {
                    Quota::Sessions(most) | Quota::Mappings(most) | Quota::Subscribers(most) => {
                        write!(out, " most=\"{most}\"")?;
                    }
                    Quota::Entries(most, inside, realm) | Quota::Fragments(most, inside, realm) => {
                        write!(out, " most=\"{most}\" vrf=\"{}\"", vrf(*realm))?;
                        write!(out, " in=\"{inside}\"")?;
                    }
                }
            }
            Record::Threshold(threshold) => {
                write!(out, " threshold=\"{}\"", threshold_event(threshold))?;
                match threshold {
                    Threshold::PoolHigh(at, number) | Threshold::PoolLow(at, number) => {
                        write!(out, " at=\"{at}\" pool=\"{}\"", pool(*number))?;
                    }
                    Threshold::Mappings(at) | Threshold::Subscribers(at) => {
                        write!(out, " at=\"{at}\"")?;
                    }
                    Threshold::OfSubscriber(at, inside, realm) => {
                        write!(out, " at=\"{at}\" vrf=\"{}\"", vrf(*realm))?;
                        write!(out, " in=\"{inside}\"")?;
                    }
                }
            }
        }
        out.write_char(']')
    }

    fn write_deterministic(&self, out: &mut String, at: u64, range: &Deterministic) -> fmt::Result {
        self.head(out, INFORMATIONAL, at, "deterministic")?;
        write!(out, " name=\"{}\"", Escaped(&range.name))?;
        write!(out, " in=\"{}\" out=\"{}\"", range.inside, range.outside)?;
        write!(out, " ports=\"{}-{}\"", range.ports.0, range.ports.1)?;
        write!(out, " hosts=\"{}\"", range.hosts)?;
        write!(out, " ports_of_host=\"{}\"", range.ports_of_host)?;
        if let Some(most) = range.most {
            write!(out, " most=\"{most}\"")?;
        }
        write!(out, " algorithm=\"{}\"]", range.algorithm)
    }
}

fn write_flow(out: &mut String, vrf: &dyn fmt::Display, flow: &Flow) -> fmt::Result {
    write!(out, " vrf=\"{vrf}\" protocol=\"{}\"", flow.protocol)?;
    write!(out, " in=\"{}:{}\"", flow.inside, flow.inside_port)?;
    write!(out, " out=\"{}:{}\"", flow.outside, flow.outside_port)
}

/// Its name, or its number if it has none any more.
fn name(names: &[String], number: usize) -> Named<'_> {
    names
        .get(number)
        .filter(|name| !name.is_empty())
        .map_or(Named::Number(number), |name| Named::Name(name))
}

#[derive(Clone, Copy, Debug)]
enum Named<'a> {
    Name(&'a str),
    Number(usize),
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{}", Escaped(name)),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// A value of structured data: `"`, `\` and `]` have a backslash before them (section 6.3.3).
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            if matches!(letter, '"' | '\\' | ']') {
                f.write_char('\\')?;
            }
            f.write_char(letter)?;
        }
        Ok(())
    }
}

const MS_OF_DAY: u64 = 86_400_000;

/// Days of 400 years, after which the calendar repeats.
const DAYS_OF_CYCLE: u64 = 146_097;

/// A moment in UTC, as RFC 3339 has it, from milliseconds since 1970.
fn write_time(out: &mut String, at: u64) -> fmt::Result {
    let (mut days, ms) = (at / MS_OF_DAY, at % MS_OF_DAY);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    // Whole cycles of the calendar first, so that no moment takes long.
    let mut year = 1970 + days / DAYS_OF_CYCLE * 400;
    days %= DAYS_OF_CYCLE;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    let (seconds, thousandths) = (ms / 1000 % 60, ms % 1000);
    write!(out, "{year:04}-{month:02}-{:02}T", days + 1)?;
    write!(
        out,
        "{hours:02}:{minutes:02}:{seconds:02}.{thousandths:03}Z"
    )
}

#[cfg(test)]
mod tests;
