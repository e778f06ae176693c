//! Answers who had what, and when.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::entry::{Class, Entry};
use super::holding::{Holding, pair};
use super::names::Names;
use super::segment::Segment;
use super::{APPLIANCES, EPOCHS, JOURNAL, SEGMENT, VRFS, file, journal, numbers};

/// How often a directory is listed anew whose files are being sealed meanwhile.
const TRIES: usize = 5;

/// A store as it is at one moment.
#[derive(Debug)]
pub struct Reader {
    directory: PathBuf,
    segments: Vec<Segment>,
    /// What is not sealed yet.
    fresh: Vec<Entry>,
    /// When appliances began.
    starts: Vec<Entry>,
    appliances: Names,
    vrfs: Names,
}

impl Reader {
    /// Opens a store; another process may be writing to it.
    ///
    /// # Errors
    ///
    /// There is none, or a file is not what it should be.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let mut tries = 1;
        let (segments, fresh) = loop {
            match files(directory) {
                // Sealed or removed between being listed and being opened.
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {
                    tries += 1;
                }
                other => break other?,
            }
        };
        let mut starts = Vec::new();
        for segment in &segments {
            segment.add_starts(&mut starts)?;
        }
        let is_start = |entry: &&Entry| entry.class == Class::Start;
        starts.extend(fresh.iter().filter(is_start));
        Ok(Self {
            directory: directory.to_owned(),
            segments,
            fresh,
            starts,
            appliances: Names::open(&directory.join(APPLIANCES))?,
            vrfs: Names::open(&directory.join(VRFS))?,
        })
    }

    /// Name of an appliance.
    #[must_use]
    pub fn appliance(&self, number: u16) -> &str {
        self.appliances.name(number)
    }

    /// Name of a VRF.
    #[must_use]
    pub fn vrf(&self, number: u16) -> &str {
        self.vrfs.name(number)
    }

    /// From when on there are entries; `None` if there are none.
    #[must_use]
    pub fn since(&self) -> Option<u64> {
        let sealed = self.segments.iter().map(Segment::earliest);
        sealed.chain(self.fresh.iter().map(|entry| entry.at)).min()
    }

    /// Who had any of these outside ports, in order of time.
    ///
    /// # Errors
    ///
    /// A file.
    pub fn outside(&self, outside: Ipv4Addr, ports: (u16, u16)) -> io::Result<Vec<Holding>> {
        let mut entries = Vec::new();
        for segment in &self.segments {
            segment.add_outside(outside, ports, &mut entries)?;
        }
        let is_one = |entry: &&Entry| {
            entry.class != Class::Start
                && entry.outside == outside
                && entry.first <= ports.1
                && entry.last >= ports.0
        };
        entries.extend(self.fresh.iter().filter(is_one));
        Ok(pair(entries, &self.starts))
    }

    /// What an inside address had, in order of time.
    ///
    /// # Errors
    ///
    /// A file.
    pub fn inside(&self, inside: Ipv4Addr) -> io::Result<Vec<Holding>> {
        let mut entries = Vec::new();
        for segment in &self.segments {
            segment.add_inside(inside, &mut entries)?;
        }
        let is_one = |entry: &&Entry| entry.class != Class::Start && entry.inside == inside;
        entries.extend(self.fresh.iter().filter(is_one));
        Ok(pair(entries, &self.starts))
    }

    /// The configuration that was in force at a time, and since when.
    ///
    /// # Errors
    ///
    /// A file.
    pub fn configuration(&self, at: u64) -> io::Result<Option<(u64, String)>> {
        let directory = self.directory.join(EPOCHS);
        let known = numbers(&directory, "yaml")?;
        let Some(since) = known.into_iter().rev().find(|since| *since <= at) else {
            return Ok(None);
        };
        let text = fs::read_to_string(directory.join(format!("{since:015}.yaml")))?;
        Ok(Some((since, text)))
    }
}

fn files(directory: &Path) -> io::Result<(Vec<Segment>, Vec<Entry>)> {
    // Journals first: one that is sealed meanwhile is found as a segment as well, and the same
    // entries count once.
    let mut fresh = Vec::new();
    for number in numbers(directory, JOURNAL)? {
        let entries = journal::read(&file(directory, number, JOURNAL))?;
        fresh.extend(entries.iter().filter_map(Entry::from_raw));
    }
    let segments = numbers(directory, SEGMENT)?.into_iter();
    let segments = segments.map(|number| Segment::open(&file(directory, number, SEGMENT)));
    Ok((segments.collect::<io::Result<_>>()?, fresh))
}
