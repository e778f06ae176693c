//! Segments as they come and go: numbers, options and bytes.

use arrayvec::ArrayVec;
use base::{Direction, Seq};
use wire::tcp;

/// Longest header.
pub const MAX_HEADER: usize = 60;

/// PSH.
const PSH: u8 = 0x08;

/// SACK blocks that fit beside time stamps (RFC 2018 section 3).
const MAX_BLOCKS: usize = 3;

/// Ranges that were received beyond what is acknowledged.
pub type Blocks = ArrayVec<(Seq, Seq), MAX_BLOCKS>;

/// The options of a segment that matter to who stands in the middle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Maximum segment size (RFC 9293 section 3.7.1).
    pub mss: Option<u16>,
    /// Window scale, at most 14 (RFC 7323 section 2).
    pub window_scale: Option<u8>,
    /// SACK permitted (RFC 2018 section 2).
    pub sack_permitted: bool,
    /// Time stamp and its echo (RFC 7323 section 3).
    pub timestamps: Option<(u32, u32)>,
    /// Signed, by MD5 or TCP-AO (RFC 2385, RFC 5925): nobody else can write this connection.
    pub is_signed: bool,
}

impl Options {
    /// Reads the options of a header; what makes no sense ends it (RFC 9293 section 3.1).
    #[must_use]
    pub fn parse(header: &[u8]) -> Self {
        let mut found = Self::default();
        let mut rest = header.get(tcp::HEADER_LEN..).unwrap_or_default();
        while let [kind, behind @ ..] = rest {
            if *kind == 0 {
                break;
            }
            if *kind == 1 {
                rest = behind;
                continue;
            }
            let len = usize::from(behind.first().copied().unwrap_or_default());
            let (Some(value), Some(next)) = (rest.get(2..len), rest.get(len..)) else {
                break;
            };
            found.note(*kind, value);
            rest = next;
        }
        found
    }

    fn note(&mut self, kind: u8, value: &[u8]) {
        match (kind, value) {
            (2, [high, low]) => self.mss = Some(u16::from_be_bytes([*high, *low])),
            (3, [shift]) => self.window_scale = Some((*shift).min(14)),
            (4, []) => self.sack_permitted = true,
            (8, _) => {
                if let Some((stamp, echo)) = value.split_first_chunk()
                    && let Ok(echo) = echo.try_into()
                {
                    let echo = u32::from_be_bytes(echo);
                    self.timestamps = Some((u32::from_be_bytes(*stamp), echo));
                }
            }
            (19 | 29, _) => self.is_signed = true,
            _ => {}
        }
    }
}

/// A segment that came in, its checksum found right.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'a> {
    /// Which way it goes.
    pub direction: Direction,
    /// Sequence number.
    pub seq: Seq,
    /// Acknowledgement number.
    pub ack: Seq,
    /// Flags, from CWR down to FIN.
    pub flags: u8,
    /// Window as it stands in the header.
    pub window: u16,
    /// Urgent pointer as it stands in the header.
    pub urgent: u16,
    /// Some router was about to drop it (CE, RFC 3168 section 5).
    pub is_marked: bool,
    /// Options.
    pub options: Options,
    /// Payload.
    pub payload: &'a [u8],
}

impl Arrived<'_> {
    /// Behind the last urgent byte (RFC 9293 section 3.8.5).
    pub(super) fn urgent(&self) -> Option<Seq> {
        let end = self.seq.plus(u32::from(self.urgent));
        self.has(tcp::URG).then_some(end)
    }

    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    #[allow(clippy::cast_possible_truncation)]
    pub(super) const fn len(&self) -> u32 {
        self.payload.len() as u32
    }
}

/// A segment to be sent; addresses and ports are those of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted<'a> {
    /// Which way it goes.
    pub direction: Direction,
    /// Sequence number.
    pub seq: Seq,
    /// Acknowledgement number.
    pub ack: Seq,
    /// Flags.
    pub flags: u8,
    /// Window as it stands in the header.
    pub window: u16,
    /// Urgent pointer as it stands in the header.
    pub urgent: u16,
    /// Time stamp and its echo, if the hosts agreed on them.
    pub timestamps: Option<(u32, u32)>,
    /// SACK blocks, if the hosts agreed on them.
    pub blocks: Blocks,
    /// Payload.
    pub payload: &'a [u8],
}

impl Emitted<'_> {
    /// The header between these ports; its checksum is zero.
    #[must_use]
    pub fn header(&self, src_port: u16, dst_port: u16) -> ArrayVec<u8, MAX_HEADER> {
        let mut options: ArrayVec<u8, 40> = ArrayVec::new();
        if let Some((value, echo)) = self.timestamps {
            options.extend([1, 1, 8, 10]);
            options.extend(value.to_be_bytes().into_iter().chain(echo.to_be_bytes()));
        }
        if !self.blocks.is_empty() {
            let len = u8::try_from(2 + 8 * self.blocks.len()).unwrap_or_default();
            options.extend([1, 1, 5, len]);
            for (left, right) in &self.blocks {
                options.extend(left.0.to_be_bytes());
                options.extend(right.0.to_be_bytes());
            }
        }
        let words = u8::try_from((tcp::HEADER_LEN + options.len()) / 4).unwrap_or_default();
        let mut header = ArrayVec::new();
        header.extend(src_port.to_be_bytes());
        header.extend(dst_port.to_be_bytes());
        header.extend(self.seq.0.to_be_bytes());
        header.extend(self.ack.0.to_be_bytes());
        header.extend([words << 4, self.flags]);
        header.extend(self.window.to_be_bytes());
        header.extend([0; 2]);
        header.extend(self.urgent.to_be_bytes());
        header.extend(options);
        header
    }

    /// The same where urgent data end there: what lies before is not urgent any more, and what is
    /// too far away is told by a later one.
    pub(super) fn with_urgent(mut self, end: Option<Seq>) -> Self {
        let ahead = end.map_or(0, |end| end.beyond(self.seq));
        if let Ok(urgent @ 1..) = u16::try_from(ahead) {
            self.flags |= tcp::URG;
            self.urgent = urgent;
        }
        self
    }
}

/// What every segment to one host has in common.
#[derive(Clone, Debug)]
pub(super) struct Facing {
    pub(super) direction: Direction,
    pub(super) ack: Seq,
    pub(super) window: u16,
    /// What the host has sent was marked on its way.
    pub(super) is_marked: bool,
    pub(super) timestamps: Option<(u32, u32)>,
    pub(super) blocks: Blocks,
}

impl Facing {
    /// A segment; one without payload says what else was received.
    pub(super) fn segment<'a>(&self, seq: Seq, flags: u8, payload: &'a [u8]) -> Emitted<'a> {
        let is_empty = payload.is_empty();
        let echo = if self.is_marked { tcp::ECE } else { 0 };
        Emitted {
            direction: self.direction,
            seq,
            ack: self.ack,
            flags: flags | echo | tcp::ACK | if is_empty { 0 } else { PSH },
            window: self.window,
            urgent: 0,
            timestamps: self.timestamps,
            blocks: if is_empty {
                self.blocks.clone()
            } else {
                Blocks::new()
            },
            payload,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let segment = Emitted {
            direction: Direction::Outbound,
            seq: Seq(1),
            ack: Seq(2),
            flags: tcp::ACK,
            window: 3,
            urgent: 12,
            timestamps: Some((4, 5)),
            blocks: [(Seq(6), Seq(7)), (Seq(8), Seq(9)), (Seq(10), Seq(11))].into(),
            payload: &[],
        };
        let header = segment.header(50_000, 5060);
        let found = tcp::Header::parse(&header).unwrap();
        assert_eq!((found.src_port, found.dst_port), (50_000, 5060));
        assert_eq!((found.seq, found.ack, found.flags), (1, 2, tcp::ACK));
        assert_eq!(found.len, header.len());
        let expected = Options {
            timestamps: Some((4, 5)),
            ..Options::default()
        };
        assert_eq!(Options::parse(&header), expected);
        assert_eq!(header[34..36], [5, 26]);
        assert_eq!(header[16..20], [0, 0, 0, 12]);
    }

    /// RFC 9293 section 3.1, RFC 7323 section 2.3.
    #[test]
    fn options_of_a_syn_are_read() {
        let mut header = vec![0; 20];
        header.extend([
            2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 15, 0, 19,
        ]);
        let expected = Options {
            mss: Some(1460),
            window_scale: Some(14),
            sack_permitted: true,
            timestamps: Some((1, 2)),
            is_signed: false,
        };
        assert_eq!(Options::parse(&header), expected);
        header.truncate(20);
        header.extend([19, 18]);
        assert!(!Options::parse(&header).is_signed);
        header.extend([0; 16]);
        assert!(Options::parse(&header).is_signed);
    }

    proptest! {
        #[test]
        fn any_bytes_are_options_of_some_kind(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let shift = Options::parse(&bytes).window_scale;
            prop_assert!(shift.is_none_or(|shift| shift <= 14));
        }
    }
}
