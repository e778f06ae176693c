//! Classic pcap files of Ethernet frames, with microseconds or nanoseconds.

/// One captured frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Nanoseconds since the epoch of the capture.
    pub nanos: u64,
    /// From the Ethernet header on, without FCS.
    pub frame: Vec<u8>,
}

/// Why bytes are not such a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The first four bytes are no known magic number.
    Magic,
    /// The link type is not Ethernet.
    LinkType,
    /// The file ends inside a header or a frame.
    Truncated,
}

/// A file of `records`, with nanoseconds, in this machine-independent order: little-endian.
pub fn write(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [MAGIC_NANOS, 4 << 16 | 2, 0, 0, 65_535, ETHERNET] {
        bytes.extend(word.to_le_bytes());
    }
    for record in records {
        let len = record.frame.len() as u32;
        let secs = (record.nanos / 1_000_000_000) as u32;
        let rest = (record.nanos % 1_000_000_000) as u32;
        for word in [secs, rest, len, len] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(&record.frame);
    }
    bytes
}

/// Reads a file of either byte order and resolution.
///
/// # Errors
///
/// [`Error`] if it is not a whole Ethernet capture.
pub fn read(bytes: &[u8]) -> Result<Vec<Record>, Error> {
    let magic: [u8; 4] = *bytes.first_chunk().ok_or(Error::Truncated)?;
    let (big, to_nanos) = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
        (MAGIC_MICROS, _) => (false, 1000),
        (MAGIC_NANOS, _) => (false, 1),
        (_, MAGIC_MICROS) => (true, 1000),
        (_, MAGIC_NANOS) => (true, 1),
        _ => return Err(Error::Magic),
    };
    let word = |at: usize| -> Result<u32, Error> {
        let four = bytes
            .get(at..)
            .and_then(<[u8]>::first_chunk)
            .ok_or(Error::Truncated)?;
        Ok(if big {
            u32::from_be_bytes(*four)
        } else {
            u32::from_le_bytes(*four)
        })
    };
    if word(20)? != ETHERNET {
        return Err(Error::LinkType);
    }
    let mut records = Vec::new();
    let mut at = 24;
    while at < bytes.len() {
        let nanos = u64::from(word(at)?) * 1_000_000_000 + u64::from(word(at + 4)?) * to_nanos;
        let len = word(at + 8)? as usize;
        let frame = bytes.get(at + 16..at + 16 + len).ok_or(Error::Truncated)?;
        records.push(Record {
            nanos,
            frame: frame.to_vec(),
        });
        at += 16 + len;
    }
    Ok(records)
}

const MAGIC_MICROS: u32 = 0xa1b2_c3d4;
const MAGIC_NANOS: u32 = 0xa1b2_3c4d;
const ETHERNET: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let records = vec![
            Record {
                nanos: 1_500_000_001,
                frame: vec![1, 2, 3],
            },
            Record {
                nanos: 2_000_000_000,
                frame: vec![],
            },
        ];
        assert_eq!(read(&write(&records)), Ok(records));
    }

    #[test]
    fn a_file_cut_short_is_refused() {
        let whole = write(&[Record {
            nanos: 7,
            frame: vec![9; 60],
        }]);
        assert_eq!(read(&whole[..whole.len() - 1]), Err(Error::Truncated));
        assert_eq!(read(&[0; 24]), Err(Error::Magic));
    }
}
