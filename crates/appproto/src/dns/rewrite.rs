//! Messages written anew, with names of other lengths.
//!
//! Everything behind a name that grows moves, and pointers lead to places. So the message is
//! copied name by name: each label that is copied is remembered with its old and its new place,
//! and a pointer is written to the new place of what it led to. Where that is gone (it led into a
//! name that has become another), the labels are written out.

use arrayvec::ArrayVec;

use super::name::{self, Label, Labels};
use super::record::{Item, Items, SECTIONS, names_of};
use super::{HEADER_LEN, Left, header};
use crate::{Endpoint, Form, Span};

/// What an address in a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// The name that is asked for, under `in-addr.arpa`.
    Question,
    /// The owner of a record, under `in-addr.arpa`.
    Owner,
    /// The data of an address record.
    Answer,
}

/// What stands in place of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum New {
    /// Itself.
    Same,
    /// Another.
    Address(u32),
    /// Nothing: its record goes. Of names it is itself.
    Nothing,
}

impl From<Option<u32>> for New {
    fn from(address: Option<u32>) -> Self {
        address.map_or(Self::Same, Self::Address)
    }
}

impl New {
    const fn address(self) -> Option<u32> {
        match self {
            Self::Address(address) => Some(address),
            Self::Same | Self::Nothing => None,
        }
    }
}

/// Why a message has not been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewriteError {
    /// It is to be left alone.
    Left(Left),
    /// It has become longer than the room there is.
    NoRoom,
}

impl From<Left> for RewriteError {
    fn from(left: Left) -> Self {
        Self::Left(left)
    }
}

/// Writes `message` to `out` with every address that `map` replaces, and says how long it has
/// become. Records with an address get this time to live, if there is one: those of one set
/// have the same (RFC 2181 section 5.2).
///
/// # Errors
///
/// [`RewriteError`]; what is in `out` then means nothing.
pub fn rewrite<N: Into<New>>(
    message: &[u8],
    ttl: Option<u32>,
    mut map: impl FnMut(What, u32) -> N,
    out: &mut [u8],
) -> Result<usize, RewriteError> {
    let header = header(message)?;
    let mut items = Items::of(message)?;
    let mut writer = Writer {
        message,
        out,
        len: 0,
        places: ArrayVec::new(),
    };
    writer.copy(Span::new(0, HEADER_LEN))?;
    let mut map = |what, address| map(what, address).into();
    let mut gone = [0; SECTIONS];
    while let Some(item) = items.step()? {
        if item.is_signed(message) {
            return Err(Left::Signed.into());
        }
        let address = item
            .address(message)
            .filter(|_| header.is_response)
            .map(|(_, address)| address);
        let answer = address.map_or(New::Same, |address| map(What::Answer, address));
        if answer == New::Nothing {
            if let Some(gone) = gone.get_mut(item.section) {
                *gone += 1;
            }
            continue;
        }
        let what = match item.data {
            None => Some(What::Question),
            Some(_) if header.is_response => Some(What::Owner),
            Some(_) => None,
        };
        let owner = what.and_then(|what| map(what, name::reverse(message, item.name)?).address());
        writer.name(item.name, owner)?;
        let fixed = writer.len;
        writer.copy(item.fixed)?;
        writer.data(&item, answer.address(), fixed)?;
        let has_address = owner.is_some() || address.is_some();
        if let Some(ttl) = ttl.filter(|_| has_address && item.data.is_some()) {
            writer.put(fixed + 4, &ttl.to_be_bytes())?;
        }
    }
    for (section, gone) in gone.into_iter().enumerate() {
        let at = 4 + 2 * section;
        let count = message.get(at..).and_then(|rest| rest.first_chunk::<2>());
        if let Some(count) = count.filter(|_| gone > 0) {
            let left = u16::from_be_bytes(*count).saturating_sub(gone);
            writer.put(at, &left.to_be_bytes())?;
        }
    }
    writer.copy(Span {
        start: items.at,
        end: message.len(),
    })?;
    Ok(writer.len)
}

/// Where labels have gone.
#[derive(Clone, Copy)]
struct Place {
    old: u16,
    new: u16,
    /// The address that the name from here on means now; nothing if it is what it was.
    now: Option<u32>,
}

struct Writer<'a> {
    message: &'a [u8],
    out: &'a mut [u8],
    len: usize,
    /// Of the first labels; what comes later is written out where it recurs.
    places: ArrayVec<Place, 128>,
}

impl Writer<'_> {
    /// A name, or the one of `now` in its place.
    fn name(&mut self, start: usize, now: Option<u32>) -> Result<(), RewriteError> {
        let message = self.message;
        let mut labels = Labels::of(message, start).peekable();
        if let Some(address) = now
            && let Some(first) = labels.peek().copied()
        {
            if !first.in_place && self.point(first, now)? {
                return Ok(());
            }
            self.remember(first, now);
            let to = Endpoint { address, port: 0 };
            for octet in Form::Reverse.write(to).split(|byte| *byte == b'.') {
                // Three bytes at most.
                self.write(&[u8::try_from(octet.len()).unwrap_or(0)])?;
                self.write(octet)?;
            }
            labels.nth(3);
        }
        for label in labels {
            if !label.in_place && self.point(label, None)? {
                return Ok(());
            }
            self.remember(label, None);
            self.copy(Span {
                start: label.at,
                end: label.end,
            })?;
        }
        self.write(&[0])
    }

    /// The data of a record, and its length into the fixed part that was written at `fixed`.
    fn data(&mut self, item: &Item, answer: Option<u32>, fixed: usize) -> Result<(), RewriteError> {
        let Some(data) = item.data else {
            return Ok(());
        };
        let start = self.len;
        if let Some(address) = answer {
            self.write(&address.to_be_bytes())?;
        } else {
            let (before, names) = names_of(item.kind);
            let mut at = data.start;
            if names > 0 {
                at += before;
                self.copy(Span::new(data.start, before))?;
            }
            for _ in 0..names {
                let end = name::within(self.message, at, data)?;
                self.name(at, None)?;
                at = end;
            }
            self.copy(Span {
                start: at,
                end: data.end,
            })?;
        }
        let len = u16::try_from(self.len - start).map_err(|_| RewriteError::NoRoom)?;
        self.put(fixed + 8, &len.to_be_bytes())
    }

    /// A pointer to where this label has gone, if it is still what it was, or what it is to be now.
    fn point(&mut self, label: Label, now: Option<u32>) -> Result<bool, RewriteError> {
        let place = self
            .places
            .iter()
            .find(|place| usize::from(place.old) == label.at && place.now == now);
        let Some(new) = place.map(|place| place.new) else {
            return Ok(false);
        };
        self.write(&(0xc000 | new).to_be_bytes())?;
        Ok(true)
    }

    fn remember(&mut self, label: Label, now: Option<u32>) {
        if let (Ok(old), Ok(new @ ..0x4000)) = (u16::try_from(label.at), u16::try_from(self.len)) {
            // Where there is no more room, it is written out again.
            let _ = self.places.try_push(Place { old, new, now });
        }
    }

    fn copy(&mut self, from: Span) -> Result<(), RewriteError> {
        let message = self.message;
        self.write(message.get(from.start..from.end).ok_or(Left::Truncated)?)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), RewriteError> {
        self.put(self.len, bytes)?;
        self.len += bytes.len();
        Ok(())
    }

    fn put(&mut self, at: usize, bytes: &[u8]) -> Result<(), RewriteError> {
        self.out
            .get_mut(at..)
            .and_then(|rest| rest.get_mut(..bytes.len()))
            .ok_or(RewriteError::NoRoom)?
            .copy_from_slice(bytes);
        Ok(())
    }
}
