//! Records of other appliances into a store: files of IPFIX messages (RFC 5655).
//!
//! ```text
//!  file ──> messages ──> ipfix::Reader ──> store::Writer, what it does not have yet
//!                  └───> Account of each box: what was kept, what is missing
//! ```
//!
//! A box is an exporter and one of its observation domains, and an appliance of its own to the store.
//!
//! Invariants: every record that was read is counted once: kept, known, other or incomplete; what a
//! sequence number says was sent and what was not read is counted as missing.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;

use natlog::ipfix::{Header, Holding, Outcome, Reader, Told};
use serde::Serialize;

use crate::store::{Class, Entry, Life, Writer};

/// Entries written at a time.
const BATCH: usize = 1 << 16;

/// What became of the records of a box.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its name, as `whois` tells it.
    pub appliance: String,
    /// Messages.
    pub messages: u64,
    /// Data records in them.
    pub records: u64,
    /// Entries that the store did not have yet.
    pub kept: u64,
    /// Entries that it had.
    pub known: u64,
    /// Records of something else than who had which ports.
    pub other: u64,
    /// Records of ports that do not say which, or whose.
    pub incomplete: u64,
    /// Data sets whose template is not known; their records are missing.
    pub without_template: u64,
    /// Messages that stop making sense somewhere.
    pub damaged: u64,
    /// Records before the first message, by its sequence number.
    pub before: u32,
    /// Records that sequence numbers tell of and that were not read.
    pub missing: u64,
    /// Messages that came after later ones: what is missing may be in them.
    pub late: u64,
    /// Streams that began anew: what was lost at the end of one before is not known.
    pub restarts: u64,
    /// The sequence number that comes next.
    #[serde(skip)]
    next: Option<u32>,
    #[serde(skip)]
    number: u16,
    #[serde(skip)]
    waiting: Vec<Entry>,
}

impl Account {
    /// Compares a message's sequence number with what was read (RFC 7011 section 3.1).
    fn follow(&mut self, sequence: u32, records: u32) {
        let Some(next) = self.next else {
            self.before = sequence;
            self.next = Some(sequence.wrapping_add(records));
            return;
        };
        let ahead = sequence.wrapping_sub(next);
        if ahead > u32::MAX / 2 && sequence > 0 {
            self.late += 1;
            return;
        }
        if sequence == 0 && ahead > 0 {
            self.restarts += 1;
        } else {
            self.missing += u64::from(ahead);
        }
        self.next = Some(sequence.wrapping_add(records));
    }
}

/// Takes messages of several boxes.
#[derive(Debug)]
pub struct Intake {
    writer: Writer,
    /// Now, in milliseconds since 1970.
    now: u64,
    readers: BTreeMap<String, Reader>,
    boxes: BTreeMap<(String, u32), Account>,
}

impl Intake {
    /// One into an open store.
    #[must_use]
    pub const fn new(writer: Writer, now: u64) -> Self {
        Self {
            writer,
            now,
            readers: BTreeMap::new(),
            boxes: BTreeMap::new(),
        }
    }

    /// Takes all messages of a file, and tells how many of its bytes are in none: they are passed over
    /// up to where messages begin again.
    ///
    /// # Errors
    ///
    /// The store.
    pub fn file(&mut self, exporter: &str, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        let mut damaged = 0;
        while !rest.is_empty() {
            if let Some((header, message, behind)) = message(rest) {
                self.message(exporter, &header, message)?;
                rest = behind;
            } else {
                let begins = |from: &usize| rest.get(*from..).is_some_and(begins_again);
                let next = (1..rest.len()).find(begins).unwrap_or(rest.len());
                damaged += next;
                rest = rest.get(next..).unwrap_or_default();
            }
        }
        self.write()?;
        Ok(damaged)
    }

    fn message(&mut self, exporter: &str, header: &Header, message: &[u8]) -> io::Result<()> {
        let key = (exporter.to_owned(), header.domain);
        if !self.boxes.contains_key(&key) {
            let appliance = format!("{exporter} domain {}", header.domain);
            let account = Account {
                number: self.writer.appliance(&appliance)?,
                appliance,
                ..Account::default()
            };
            self.boxes.insert(key.clone(), account);
        }
        let account = self.boxes.entry(key).or_default();
        let reader = self.readers.entry(exporter.to_owned()).or_default();
        let mut holdings = Vec::new();
        let outcome = reader.read(header, message, &mut |told| match told {
            Told::Holding(holding) => holdings.push(holding),
            Told::Other => account.other += 1,
            Told::Incomplete => account.incomplete += 1,
        });
        for holding in &holdings {
            // An appliance has few VRFs: their numbers are names here.
            let vrf = self.writer.vrf(&holding.vrf.to_string())?;
            account.waiting.push(entry(holding, account.number, vrf));
        }
        let Outcome {
            records,
            without_template,
            damaged,
        } = outcome;
        account.messages += 1;
        account.records += u64::from(records);
        account.without_template += u64::from(without_template);
        account.damaged += u64::from(damaged);
        account.follow(header.sequence, records);
        if account.waiting.len() >= BATCH {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        for account in self.boxes.values_mut() {
            let waiting = core::mem::take(&mut account.waiting);
            let kept = self.writer.append_new(&waiting, self.now)?;
            account.kept += kept as u64;
            account.known += (waiting.len() - kept) as u64;
        }
        Ok(())
    }

    /// Makes everything last, and tells what became of it.
    ///
    /// # Errors
    ///
    /// The store.
    pub fn finish(mut self) -> io::Result<Vec<Account>> {
        self.write()?;
        self.writer.sync()?;
        Ok(self.boxes.into_values().collect())
    }
}

/// The message that bytes begin with, and what lies behind it.
fn message(bytes: &[u8]) -> Option<(Header, &[u8], &[u8])> {
    let header = Header::read(bytes)?;
    let (message, behind) = bytes.split_at_checked(usize::from(header.length))?;
    Some((header, message, behind))
}

/// Whether messages begin again here: two, or one that is the last.
fn begins_again(bytes: &[u8]) -> bool {
    message(bytes).is_some_and(|(_, _, behind)| behind.is_empty() || message(behind).is_some())
}

fn entry(holding: &Holding, appliance: u16, vrf: u16) -> Entry {
    let whole = holding.protocol.is_none();
    Entry {
        class: if whole { Class::Block } else { Class::Flow },
        outside: holding.outside,
        first: holding.ports.0,
        at: holding.at,
        life: if holding.begins {
            Life::Begun
        } else {
            Life::Ended
        },
        protocol: holding.protocol.unwrap_or(0),
        last: holding.ports.1,
        appliance,
        inside: holding.inside,
        inside_port: holding.inside_port,
        vrf,
        remote: if whole {
            Ipv4Addr::UNSPECIFIED
        } else {
            holding.remote.0
        },
        remote_port: if whole { 0 } else { holding.remote.1 },
    }
}

#[cfg(test)]
mod tests;
