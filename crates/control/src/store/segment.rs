//! A sealed file of entries, which nobody changes any more.
//!
//! ```text
//!  header      magic, count, earliest and latest time, longest block, checksum of these
//!  entries     sorted by what they are looked for by
//!  index       numbers of the entries, sorted by inside address and time
//! ```
//!
//! Invariant: a file of this name is whole, since it is written beside its place and renamed. It is
//! read where it lies: a look-up is a few reads of the page cache, whatever the size.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::entry::{Class, Entry, LEN, Raw, bound, take};

const MAGIC: [u8; 8] = *b"PTLLOG01";
const HEADER: usize = 8 + 8 + 8 + 8 + 2 + 4;

/// Entries read at a time.
const CHUNK: u64 = 1024;

/// A file that can be asked.
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    count: u64,
    earliest: u64,
    latest: u64,
    /// The most that the last port of a block is behind its first.
    longest: u16,
}

/// A file that is not what it should be.
fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

impl Segment {
    /// Writes sorted entries to `path`, which must not be there yet.
    pub(super) fn write(path: &Path, entries: &[Raw]) -> io::Result<()> {
        let known: Vec<Entry> = entries.iter().filter_map(Entry::from_raw).collect();
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        header.extend((entries.len() as u64).to_be_bytes());
        let times = || known.iter().map(|entry| entry.at);
        header.extend(times().min().unwrap_or(0).to_be_bytes());
        header.extend(times().max().unwrap_or(0).to_be_bytes());
        let blocks = known.iter().filter(|entry| entry.class == Class::Block);
        let longest = blocks
            .map(|entry| entry.last.saturating_sub(entry.first))
            .max();
        header.extend(longest.unwrap_or(0).to_be_bytes());
        header.extend(crc32fast::hash(&header).to_be_bytes());
        let mut index: Vec<u32> = (0..u32::try_from(known.len()).unwrap_or(u32::MAX)).collect();
        index.sort_by_key(|number| {
            known
                .get(*number as usize)
                .map(|entry| (entry.inside, entry.at))
        });
        let mut out = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
        out.write_all(&header)?;
        out.write_all(entries.as_flattened())?;
        for number in index {
            out.write_all(&number.to_be_bytes())?;
        }
        out.into_inner()?.sync_all()
    }

    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0)?;
        let mut rest = header.as_slice();
        let parts = (|| {
            let magic: [u8; 8] = take(&mut rest)?;
            let [count, earliest, latest] =
                [take(&mut rest)?, take(&mut rest)?, take(&mut rest)?].map(u64::from_be_bytes);
            let longest = u16::from_be_bytes(take(&mut rest)?);
            let sum = u32::from_be_bytes(take(&mut rest)?);
            Some((magic, count, earliest, latest, longest, sum))
        })();
        let Some((magic, count, earliest, latest, longest, sum)) = parts else {
            return Err(damaged("it is too short"));
        };
        let covered = header.get(..HEADER - 4).unwrap_or_default();
        let len = (HEADER as u64).checked_add(count.saturating_mul(LEN as u64 + 4));
        if magic != MAGIC || crc32fast::hash(covered) != sum || len != Some(file.metadata()?.len())
        {
            return Err(damaged("its header does not fit it"));
        }
        Ok(Self {
            file,
            count,
            earliest,
            latest,
            longest,
        })
    }

    pub(super) const fn latest(&self) -> u64 {
        self.latest
    }

    pub(super) const fn earliest(&self) -> u64 {
        self.earliest
    }

    fn raw(&self, number: u64) -> io::Result<Raw> {
        let mut raw = [0; LEN];
        let at = HEADER as u64 + number * LEN as u64;
        self.file.read_exact_at(&mut raw, at)?;
        Ok(raw)
    }

    /// The entry that the index has at `place`.
    fn indexed(&self, place: u64) -> io::Result<Raw> {
        let mut number = [0; 4];
        let at = HEADER as u64 + self.count * LEN as u64 + place * 4;
        self.file.read_exact_at(&mut number, at)?;
        self.raw(u64::from(u32::from_be_bytes(number)))
    }

    /// The first number for which `is_before` does not hold.
    fn first_not(&self, mut is_before: impl FnMut(u64) -> io::Result<bool>) -> io::Result<u64> {
        let (mut from, mut to) = (0, self.count);
        while from < to {
            let middle = from + (to - from) / 2;
            if is_before(middle)? {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        Ok(from)
    }

    /// Whether this very entry is in it.
    pub(super) fn has(&self, entry: &Entry) -> io::Result<bool> {
        if !(self.earliest..=self.latest).contains(&entry.at) {
            return Ok(false);
        }
        let raw = entry.to_raw();
        let place = self.first_not(|number| Ok(self.raw(number)? < raw))?;
        Ok(place < self.count && self.raw(place)? == raw)
    }

    /// Adds all entries of a class with this outside address and a first port from `first` to `last`.
    fn add_class(
        &self,
        class: Class,
        outside: Ipv4Addr,
        (first, last): (u16, u16),
        to: &mut Vec<Entry>,
    ) -> io::Result<()> {
        let begin = bound(class, outside, first);
        let end = bound(class, outside, last);
        let mut next = self.first_not(|number| Ok(self.raw(number)?.as_slice() < &begin))?;
        let mut chunk = Vec::new();
        while next < self.count {
            let len = CHUNK.min(self.count - next);
            chunk.resize(usize::try_from(len).unwrap_or(0) * LEN, 0);
            self.file
                .read_exact_at(&mut chunk, HEADER as u64 + next * LEN as u64)?;
            for raw in chunk.as_chunks::<LEN>().0 {
                if raw.get(..end.len()) > Some(&end) {
                    return Ok(());
                }
                to.extend(Entry::from_raw(raw));
            }
            next += len;
        }
        Ok(())
    }

    /// Adds what is known of these outside ports.
    pub(super) fn add_outside(
        &self,
        outside: Ipv4Addr,
        (first, last): (u16, u16),
        to: &mut Vec<Entry>,
    ) -> io::Result<()> {
        let from = first.saturating_sub(self.longest);
        let before = to.len();
        self.add_class(Class::Block, outside, (from, last), to)?;
        self.add_class(Class::Flow, outside, (first, last), to)?;
        // Shorter blocks that begin before the first port end before it.
        let mut number = 0;
        to.retain(|entry| {
            number += 1;
            number <= before || entry.last >= first
        });
        Ok(())
    }

    /// Adds what is known of an inside address.
    pub(super) fn add_inside(&self, inside: Ipv4Addr, to: &mut Vec<Entry>) -> io::Result<()> {
        let of = |place| -> io::Result<Entry> {
            Entry::from_raw(&self.indexed(place)?).ok_or_else(|| damaged("an entry makes no sense"))
        };
        let begin = self.first_not(|place| Ok(of(place)?.inside < inside))?;
        for place in begin..self.count {
            let entry = of(place)?;
            if entry.inside != inside {
                break;
            }
            if entry.class != Class::Start {
                to.push(entry);
            }
        }
        Ok(())
    }

    /// Adds when appliances began.
    pub(super) fn add_starts(&self, to: &mut Vec<Entry>) -> io::Result<()> {
        self.add_class(Class::Start, Ipv4Addr::UNSPECIFIED, (0, 0), to)
    }
}
