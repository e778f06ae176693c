//! Questions and records (RFC 1035 section 4.1).

use super::name;
use super::{HEADER_LEN, Left};
use crate::Span;

/// Types that are looked at.
pub(super) mod kind {
    pub(in crate::dns) const A: u16 = 1;
    pub(in crate::dns) const PTR: u16 = 12;
    pub(in crate::dns) const SIG: u16 = 24;
    pub(in crate::dns) const OPT: u16 = 41;
    pub(in crate::dns) const RRSIG: u16 = 46;
    pub(in crate::dns) const TSIG: u16 = 250;
}

/// Questions, answers, authorities, additional records.
pub(super) const SECTIONS: usize = 4;

/// The Internet.
const CLASS_IN: u16 = 1;

/// A question or a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Where its name stands.
    pub(super) name: usize,
    /// Type, class and, of records, time to live and length of the data.
    pub(super) fixed: Span,
    pub(super) kind: u16,
    pub(super) class: u16,
    /// Of records, the data.
    pub(super) data: Option<Span>,
    /// Place of its count among those in the header.
    pub(super) section: usize,
}

impl Item {
    /// An address record, or nothing.
    pub(super) fn address(&self, message: &[u8]) -> Option<(Span, u32)> {
        let data = self.data?;
        let is_address = self.kind == kind::A && self.class == CLASS_IN;
        let bytes = data.of(message).try_into().ok()?;
        is_address.then_some((data, u32::from_be_bytes(bytes)))
    }

    /// Whether names below it were signed, or someone asks for signatures (RFC 3225).
    pub(super) fn is_signed(&self, message: &[u8]) -> bool {
        match self.kind {
            kind::SIG | kind::RRSIG | kind::TSIG => true,
            // Where others have their time to live: extended code, version, DO and zeros.
            kind::OPT => {
                matches!(self.fixed.of(message), [_, _, _, _, _, _, flags, ..] if flags & 0x80 != 0)
            }
            _ => false,
        }
    }
}

/// Everything in a message, in order.
pub(super) struct Items<'a> {
    message: &'a [u8],
    /// Where the next one begins.
    pub(super) at: usize,
    left: [u16; SECTIONS],
}

impl<'a> Items<'a> {
    pub(super) fn of(message: &'a [u8]) -> Result<Self, Left> {
        let header = message.first_chunk::<HEADER_LEN>().ok_or(Left::Truncated)?;
        let [.., q0, q1, a0, a1, n0, n1, r0, r1] = *header;
        Ok(Self {
            message,
            at: HEADER_LEN,
            left: [[q0, q1], [a0, a1], [n0, n1], [r0, r1]].map(u16::from_be_bytes),
        })
    }

    /// The next one; nothing behind the last.
    pub(super) fn step(&mut self) -> Result<Option<Item>, Left> {
        let mut left = self.left.iter_mut().enumerate();
        let Some((section, left)) = left.find(|(_, left)| **left > 0) else {
            return Ok(None);
        };
        *left -= 1;
        let is_question = section == 0;
        let name = self.at;
        let at = name::end(self.message, name)?;
        let rest = self.message.get(at..).ok_or(Left::Truncated)?;
        let [a, b, c, d] = *rest.first_chunk::<4>().ok_or(Left::Truncated)?;
        let mut item = Item {
            name,
            fixed: Span::new(at, 4),
            kind: u16::from_be_bytes([a, b]),
            class: u16::from_be_bytes([c, d]),
            data: None,
            section,
        };
        if !is_question {
            let [.., high, low] = *rest.first_chunk::<10>().ok_or(Left::Truncated)?;
            let data = Span::new(at + 10, usize::from(u16::from_be_bytes([high, low])));
            if data.end > self.message.len() {
                return Err(Left::Truncated);
            }
            item.fixed = Span::new(at, 10);
            item.data = Some(data);
        }
        self.at = item.data.unwrap_or(item.fixed).end;
        Ok(Some(item))
    }
}

/// Where names are in the data of a type: bytes before them and how many. What is behind
/// them has none. Types that are not listed have no compressed names (RFC 3597 section 4).
pub(super) const fn names_of(kind: u16) -> (usize, usize) {
    match kind {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME
        2..=5 | 7..=9 | kind::PTR | 39 => (0, 1),
        // SOA, MINFO, RP
        6 | 14 | 17 => (0, 2),
        // MX, AFSDB, RT, KX
        15 | 18 | 21 | 36 => (2, 1),
        // PX
        26 => (2, 2),
        // SRV
        33 => (6, 1),
        _ => (0, 0),
    }
}
