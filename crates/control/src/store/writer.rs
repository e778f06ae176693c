//! Takes entries, seals them, and lets go of what is too old or too much.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::entry::{Class, Entry, Life, Raw};
use super::journal::{self, Journal};
use super::names::Names;
use super::segment::Segment;
use super::{APPLIANCES, EPOCHS, JOURNAL, SEGMENT, VRFS, file, numbers, rename, replace};

/// Entries of a segment.
const MOST: usize = 1 << 20;

/// How long a journal grows, in milliseconds.
const LONGEST: u64 = 3_600_000;

/// How often what was appended is made to last, in milliseconds.
const SYNC: u64 = 1000;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Entries younger than so many milliseconds.
    pub age: u64,
    /// Bytes of segments.
    pub bytes: u64,
}

/// Which block: appliance, outside address, first port.
type Block = (u16, Ipv4Addr, u16);

/// Blocks that are lent, with their beginnings.
#[derive(Debug, Default)]
pub struct Lent(HashMap<Block, Entry>);

/// The store, for whoever writes it.
#[derive(Debug)]
pub struct Writer {
    directory: PathBuf,
    keep: Keep,
    /// Held while it writes.
    _lock: File,
    appliances: Names,
    vrfs: Names,
    /// Number of the journal.
    number: u64,
    journal: Journal,
    /// What is in it.
    entries: Vec<Raw>,
    began: u64,
    synced: u64,
    lent: Lent,
    /// What [`Writer::append_new`] compares with.
    known: Option<Known>,
}

/// What a store has, for who may say it again.
#[derive(Debug)]
struct Known {
    segments: Vec<Segment>,
    /// What is in the journal of this number.
    fresh: HashSet<Raw>,
    number: u64,
}

impl Known {
    fn has(&self, entry: &Entry) -> io::Result<bool> {
        if self.fresh.contains(&entry.to_raw()) {
            return Ok(true);
        }
        for segment in &self.segments {
            if segment.has(entry)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Writer {
    /// Opens or makes a store. What a crash has left is sealed.
    ///
    /// # Errors
    ///
    /// The directory or a file in it, or another writer.
    pub fn open(directory: &Path, keep: Keep, now: u64) -> io::Result<Self> {
        fs::create_dir_all(directory.join(EPOCHS))?;
        let lock = File::create(directory.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another process writes to this store"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let sealed = numbers(directory, SEGMENT)?;
        for number in numbers(directory, JOURNAL)? {
            let path = file(directory, number, JOURNAL);
            if !sealed.contains(&number) {
                seal(directory, number, journal::read(&path)?)?;
            }
            fs::remove_file(path)?;
        }
        let number = numbers(directory, SEGMENT)?
            .last()
            .map_or(0, |last| last + 1);
        Ok(Self {
            directory: directory.to_owned(),
            keep,
            _lock: lock,
            appliances: Names::open(&directory.join(APPLIANCES))?,
            vrfs: Names::open(&directory.join(VRFS))?,
            number,
            journal: Journal::create(&file(directory, number, JOURNAL))?,
            entries: Vec::with_capacity(MOST),
            began: now,
            synced: now,
            lent: Lent::default(),
            known: None,
        })
    }

    /// Has another idea of how much is kept, from the next segment on.
    pub const fn set_keep(&mut self, keep: Keep) {
        self.keep = keep;
    }

    /// Gives up, but for what is lent: a writer that goes on has to know.
    #[must_use]
    pub fn into_lent(mut self) -> Lent {
        core::mem::take(&mut self.lent)
    }

    /// Goes on where another one gave up.
    pub fn set_lent(&mut self, lent: Lent) {
        self.lent = lent;
    }

    /// The number of an appliance.
    ///
    /// # Errors
    ///
    /// The table of names.
    pub fn appliance(&mut self, name: &str) -> io::Result<u16> {
        self.appliances.number(name)
    }

    /// The number of a VRF.
    ///
    /// # Errors
    ///
    /// The table of names.
    pub fn vrf(&mut self, name: &str) -> io::Result<u16> {
        self.vrfs.number(name)
    }

    /// Keeps the configuration that is in force from `at` on: what deterministic ports are computed from.
    ///
    /// # Errors
    ///
    /// The file.
    pub fn note_epoch(&mut self, at: u64, configuration: &str) -> io::Result<()> {
        let path = self.directory.join(EPOCHS).join(format!("{at:015}.yaml"));
        replace(&path, configuration.as_bytes())
    }

    /// Takes entries; they last from the next second on.
    ///
    /// # Errors
    ///
    /// A file: nothing of these entries may be kept then.
    pub fn append(&mut self, entries: &[Entry], now: u64) -> io::Result<()> {
        for part in entries.chunks(MOST) {
            let before = self.entries.len();
            self.entries.extend(part.iter().map(|entry| entry.to_raw()));
            self.journal
                .append(self.entries.get(before..).unwrap_or_default())?;
            for entry in part {
                self.note_block(entry);
            }
            if self.entries.len() >= MOST {
                self.seal(now)?;
            }
        }
        Ok(())
    }

    /// Takes those of the entries that the store does not have yet, and tells how many they were.
    ///
    /// # Errors
    ///
    /// A file.
    pub fn append_new(&mut self, entries: &[Entry], now: u64) -> io::Result<usize> {
        let mut taken = 0;
        for part in entries.chunks(MOST) {
            let mut known = match self.known.take() {
                Some(known) if known.number == self.number => known,
                _ => self.look()?,
            };
            let mut new = Vec::new();
            for entry in part {
                if !known.has(entry)? {
                    known.fresh.insert(entry.to_raw());
                    new.push(*entry);
                }
            }
            self.known = Some(known);
            self.append(&new, now)?;
            taken += new.len();
        }
        Ok(taken)
    }

    fn look(&self) -> io::Result<Known> {
        let segments = numbers(&self.directory, SEGMENT)?.into_iter();
        let segments =
            segments.map(|number| Segment::open(&file(&self.directory, number, SEGMENT)));
        Ok(Known {
            segments: segments.collect::<io::Result<_>>()?,
            fresh: self.entries.iter().copied().collect(),
            number: self.number,
        })
    }

    /// Makes what was appended last.
    ///
    /// # Errors
    ///
    /// The file.
    pub fn sync(&mut self) -> io::Result<()> {
        self.journal.sync()
    }

    fn note_block(&mut self, entry: &Entry) {
        let block = (entry.appliance, entry.outside, entry.first);
        match (entry.class, entry.life) {
            (Class::Block, Life::Begun) => {
                self.lent.0.insert(block, *entry);
            }
            (Class::Block, Life::Ended) => {
                self.lent.0.remove(&block);
            }
            (Class::Start, _) => self.lent.0.retain(|(of, ..), _| *of != entry.appliance),
            (Class::Flow, _) => {}
        }
    }

    /// Makes what was appended last, and seals it in time; for every second or so.
    ///
    /// # Errors
    ///
    /// A file.
    pub fn tick(&mut self, now: u64) -> io::Result<()> {
        if now >= self.began.saturating_add(LONGEST) && !self.entries.is_empty() {
            self.seal(now)?;
        } else if now >= self.synced.saturating_add(SYNC) {
            self.synced = now;
            self.journal.sync()?;
        }
        Ok(())
    }

    /// Seals the journal, begins another, and removes what is too old or too much.
    fn seal(&mut self, now: u64) -> io::Result<()> {
        self.journal.sync()?;
        let before = file(&self.directory, self.number, JOURNAL);
        let entries = core::mem::replace(&mut self.entries, Vec::with_capacity(MOST));
        seal(&self.directory, self.number, entries)?;
        self.number += 1;
        self.journal = Journal::create(&file(&self.directory, self.number, JOURNAL))?;
        fs::remove_file(before)?;
        self.began = now;
        self.trim(now)
    }

    /// Removes the oldest segments, and says again which blocks of their time are still lent.
    fn trim(&mut self, now: u64) -> io::Result<()> {
        let mut segments = Vec::new();
        let mut bytes = 0;
        for number in numbers(&self.directory, SEGMENT)? {
            let path = file(&self.directory, number, SEGMENT);
            let len = fs::metadata(&path)?.len();
            bytes += len;
            segments.push((Segment::open(&path)?.latest(), len, path));
        }
        segments.sort_unstable();
        let oldest = now.saturating_sub(self.keep.age);
        let mut gone = None;
        for (latest, len, path) in segments {
            if latest >= oldest && bytes <= self.keep.bytes {
                break;
            }
            fs::remove_file(path)?;
            bytes -= len;
            gone = Some(latest);
        }
        let Some(gone) = gone else { return Ok(()) };
        let lent = self.lent.0.values().filter(|entry| entry.at <= gone);
        let again: Vec<Raw> = lent.map(|entry| entry.to_raw()).collect();
        self.journal.append(&again)?;
        self.entries.extend(again);
        Ok(())
    }
}

impl Drop for Writer {
    /// What was appended lasts; a journal is sealed by who opens the store next.
    fn drop(&mut self) {
        let _ = self.journal.sync();
    }
}

fn seal(directory: &Path, number: u64, mut entries: Vec<Raw>) -> io::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    entries.sort_unstable();
    let beside = file(directory, number, "new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    Segment::write(&beside, &entries)?;
    rename(&beside, &file(directory, number, SEGMENT))
}
