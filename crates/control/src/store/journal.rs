//! The file that is written at the moment: batches in the order they came, each with a checksum, so
//! that a crash in the middle of one costs that one.
//!
//! ```text
//!  count  checksum  entries | count  checksum  entries | ...
//!    4       4      35 each
//! ```

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use super::entry::{LEN, Raw, take};

/// The file, for its writer.
#[derive(Debug)]
pub(super) struct Journal {
    out: BufWriter<File>,
}

impl Journal {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create_new(path)?;
        Ok(Self {
            out: BufWriter::with_capacity(1 << 18, file),
        })
    }

    pub(super) fn append(&mut self, entries: &[Raw]) -> io::Result<()> {
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let bytes = entries.as_flattened();
        self.out.write_all(&count.to_be_bytes())?;
        self.out.write_all(&crc32fast::hash(bytes).to_be_bytes())?;
        self.out.write_all(bytes)
    }

    /// Everything that was appended survives a crash from here on.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_data()
    }
}

/// All whole batches of a file.
pub(super) fn read(path: &Path) -> io::Result<Vec<Raw>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    let mut rest = bytes.as_slice();
    let mut entries = Vec::with_capacity(rest.len() / LEN);
    while let Some(batch) = batch(&mut rest) {
        entries.extend_from_slice(batch.as_chunks().0);
    }
    Ok(entries)
}

fn batch<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let count = u32::from_be_bytes(take(rest)?);
    let sum = u32::from_be_bytes(take(rest)?);
    let len = usize::try_from(count).ok()?.checked_mul(LEN)?;
    let (batch, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    (crc32fast::hash(batch) == sum).then_some(batch)
}
