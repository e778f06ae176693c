//! Reads values in aligned PER (X.691) past everything that is of no interest.
//!
//! ```text
//!  type says how long --> walked, field by field  --> told: addresses, by their place
//!  extensions        --> have their length        --> skipped, unless they hold an address
//!  octet strings with values --> a reader of their own: one that cannot be read is as none
//! ```
//!
//! Nothing is read behind the last byte, no deeper than [`DEEPEST`], and in no more steps than
//! the message has bits: lengths in fragments (16384 elements and more) are refused.

use super::types::{ANY, Choice, Field, Place, Sequence, Size, Type};
use crate::Endpoint;

/// Values within values.
const DEEPEST: u8 = 32;
/// Steps that a message may take for each of its bytes, and those it may take anyhow.
const STEPS: usize = 16;
const FIRST_STEPS: usize = 256;
/// Octets of the longest number.
const NUMBER: u8 = 4;
/// Bit of a number of elements of more than seven bits.
const LONG: usize = 0x80;
/// Bit of a number of elements that comes in fragments.
const FRAGMENTS: usize = 0x40;

/// Why reading has ended before the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Nothing of interest comes any more.
    Rest,
    /// It cannot be.
    Wrong,
}

/// Who is told.
pub(super) trait Told {
    /// An address and a port stand here, in six bytes.
    ///
    /// # Errors
    ///
    /// Any, which ends it all.
    fn address(&mut self, place: Place, at: usize, endpoint: Endpoint) -> Result<(), Stop>;

    /// Something else, with its value.
    fn note(&mut self, place: Place, value: u32);

    /// What an octet string holds has been read, or could not be; what was told before it came.
    fn held(&mut self, read: bool, before: usize);

    /// How much has been told.
    fn told(&self) -> usize;

    /// The first choice, which says what the message is.
    fn kind(&mut self, depth: u8, index: usize);
}

/// Reads a value from its first byte on.
///
/// # Errors
///
/// [`Stop::Wrong`], whatever has been told before.
pub(super) fn read(bytes: &[u8], of: &Type, told: &mut impl Told) -> Result<(), Stop> {
    let mut reader = Reader {
        bytes,
        at: 0,
        end: bytes.len() * 8,
        steps: bytes.len() * STEPS + FIRST_STEPS,
        place: Place::Nowhere,
        value: 0,
        told,
    };
    whole(reader.walk(of, 0))
}

/// All that is of interest has been read, too, where nothing is any more.
const fn whole(read: Result<(), Stop>) -> Result<(), Stop> {
    match read {
        Ok(()) | Err(Stop::Rest) => Ok(()),
        Err(Stop::Wrong) => Err(Stop::Wrong),
    }
}

struct Reader<'a, T> {
    bytes: &'a [u8],
    /// The next bit, and the one behind the last.
    at: usize,
    end: usize,
    steps: usize,
    /// What addresses are for here.
    place: Place,
    /// The last number.
    value: u32,
    told: &'a mut T,
}

impl<T: Told> Reader<'_, T> {
    fn walk(&mut self, of: &Type, depth: u8) -> Result<(), Stop> {
        self.steps = self.steps.checked_sub(1).ok_or(Stop::Wrong)?;
        if depth > DEEPEST {
            return Err(Stop::Wrong);
        }
        match *of {
            Type::Bits(bits) => {
                self.value = u32::try_from(self.bits(bits)?).unwrap_or(u32::MAX);
            }
            Type::Octets(count) => {
                self.align();
                if count <= NUMBER {
                    self.value = self.number(count)?;
                } else {
                    self.pass(usize::from(count) * 8)?;
                }
            }
            Type::Number(bits, least) => {
                let octets = self.bits(bits)? + 1;
                self.align();
                let octets = u8::try_from(octets).unwrap_or(u8::MAX);
                self.value = self.number(octets)?.saturating_add(least);
            }
            Type::Integer => {
                let octets = self.size(ANY)?;
                self.value = u32::MAX;
                match u8::try_from(octets) {
                    Ok(octets @ 1..=NUMBER) => self.value = self.number(octets)?,
                    _ => self.pass(octets * 8)?,
                }
            }
            Type::Enumerated(bits) => {
                if self.bits(1)? == 0 {
                    self.bits(bits)?;
                } else {
                    self.small()?;
                }
            }
            Type::String(size, bits) => {
                let count = self.size(size)?;
                self.align();
                self.pass(count * usize::from(bits))?;
            }
            Type::Sequence(of) => return self.sequence(of, depth + 1),
            Type::Choice(of) => return self.choice(of, depth + 1),
            Type::List(size, of) => {
                for _ in 0..self.size(size)? {
                    self.walk(of, depth + 1)?;
                }
            }
            Type::Of(of) => return self.walk(of, depth),
            Type::Address => return self.address(),
            Type::At(place, of) => return self.at(place, of, depth),
            Type::Holds(of) => return self.holds(of, depth),
            Type::Told(of) => {
                let value = self.value;
                let told = of.iter().find(|(number, _)| *number == value);
                return self.open(told.map(|(_, of)| of), depth + 1);
            }
            Type::Rest => return Err(Stop::Rest),
        }
        Ok(())
    }

    fn sequence(&mut self, of: &Sequence, depth: u8) -> Result<(), Stop> {
        let extended = of.extensible && self.bits(1)? == 1;
        let there = self.bits(of.optional)?;
        let mut behind = of.optional;
        for field in of.root {
            match field {
                Field::Must(of) => self.walk(of, depth)?,
                Field::May(of) => {
                    behind = behind.saturating_sub(1);
                    if there >> behind & 1 == 1 {
                        self.walk(of, depth)?;
                    }
                }
            }
        }
        if !extended {
            return Ok(());
        }
        let count = self.count_of_additions()?;
        let map = self.at;
        self.pass(count)?;
        for nth in 0..count {
            self.steps = self.steps.checked_sub(1).ok_or(Stop::Wrong)?;
            if self.bit(map + nth) {
                self.open(of.more.get(nth).and_then(Option::as_ref), depth)?;
            }
        }
        Ok(())
    }

    /// Bits that say which additions are there.
    fn count_of_additions(&mut self) -> Result<usize, Stop> {
        if self.bits(1)? == 0 {
            return Ok(self.bits(6)? + 1);
        }
        self.size(ANY)
    }

    fn choice(&mut self, of: &Choice, depth: u8) -> Result<(), Stop> {
        if of.extensible && self.bits(1)? == 1 {
            let index = self.small()?;
            self.told.kind(depth, of.root.len() + index);
            return self.open(of.more.get(index).and_then(Option::as_ref), depth);
        }
        let index = self.bits(of.bits)?;
        self.told.kind(depth, index);
        match of.root.get(index) {
            Some(of) => self.walk(of, depth),
            None => Err(Stop::Wrong),
        }
    }

    /// Something behind its own length: read if it is of interest.
    fn open(&mut self, of: Option<&Type>, depth: u8) -> Result<(), Stop> {
        let (end, whole_end) = self.behind_length()?;
        if let Some(of) = of {
            self.end = end;
            whole(self.walk(of, depth))?;
            self.end = whole_end;
        }
        self.at = end;
        Ok(())
    }

    fn holds(&mut self, of: &Type, depth: u8) -> Result<(), Stop> {
        let (end, whole_end) = self.behind_length()?;
        let before = self.told.told();
        let place = self.place;
        self.end = end;
        let read = whole(self.walk(of, depth + 1));
        self.told.held(read.is_ok(), before);
        self.place = place;
        self.end = whole_end;
        self.at = end;
        Ok(())
    }

    /// The end of octets behind their number, and that of all.
    fn behind_length(&mut self) -> Result<(usize, usize), Stop> {
        let octets = self.size(ANY)?;
        let end = self.at + octets * 8;
        if end > self.end {
            return Err(Stop::Wrong);
        }
        Ok((end, self.end))
    }

    fn address(&mut self) -> Result<(), Stop> {
        self.align();
        let at = self.at / 8;
        self.pass(48)?;
        let Some([a, b, c, d, high, low]) = self.bytes.get(at..).and_then(<[u8]>::first_chunk)
        else {
            return Err(Stop::Wrong);
        };
        let endpoint = Endpoint {
            address: u32::from_be_bytes([*a, *b, *c, *d]),
            port: u16::from_be_bytes([*high, *low]),
        };
        self.told.address(self.place, at, endpoint)
    }

    fn at(&mut self, place: Place, of: &Type, depth: u8) -> Result<(), Stop> {
        if place == Place::Channel {
            self.told.note(place, 0);
            return self.walk(of, depth);
        }
        // What leads somewhere does so by whatever name.
        let is_led = (self.place, place) == (Place::Signalling, Place::NamedTcp);
        let inner = if is_led { self.place } else { place };
        let outer = core::mem::replace(&mut self.place, inner);
        let read = self.walk(of, depth);
        self.place = outer;
        let is_noted = matches!(
            place,
            Place::Offered | Place::Accepted | Place::Tcp | Place::Udp | Place::TimeToLive
        );
        if is_noted && read != Err(Stop::Wrong) {
            self.told.note(place, self.value);
        }
        read
    }

    /// A number of elements.
    fn size(&mut self, size: Size) -> Result<usize, Stop> {
        if size.aligned {
            self.align();
        }
        if size.bits != ANY.bits {
            return Ok(usize::from(size.least) + self.bits(size.bits)?);
        }
        let first = self.bits(8)?;
        if first & LONG == 0 {
            return Ok(first);
        }
        if first & FRAGMENTS != 0 {
            return Err(Stop::Wrong);
        }
        Ok((first & !LONG) << 8 | self.bits(8)?)
    }

    /// A number that is mostly small (X.691 section 11.6).
    fn small(&mut self) -> Result<usize, Stop> {
        if self.bits(1)? == 0 {
            return self.bits(6);
        }
        let octets = self.size(ANY)?;
        if !(1..=2).contains(&octets) {
            return Err(Stop::Wrong);
        }
        let mut value = 0;
        for _ in 0..octets {
            value = value << 8 | self.bits(8)?;
        }
        Ok(value)
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    fn pass(&mut self, bits: usize) -> Result<(), Stop> {
        let at = self.at + bits;
        if at > self.end {
            return Err(Stop::Wrong);
        }
        self.at = at;
        Ok(())
    }

    /// The next octets, four at most.
    fn number(&mut self, octets: u8) -> Result<u32, Stop> {
        let value = self.bits(octets.min(NUMBER) * 8)?;
        Ok(u32::try_from(value).unwrap_or(u32::MAX))
    }

    /// The next bits, 32 at most.
    fn bits(&mut self, count: u8) -> Result<usize, Stop> {
        let from = self.at;
        self.pass(usize::from(count))?;
        Ok((from..self.at).fold(0, |value, at| value << 1 | usize::from(self.bit(at))))
    }

    fn bit(&self, at: usize) -> bool {
        self.bytes
            .get(at / 8)
            .is_some_and(|byte| byte << (at % 8) & 0x80 != 0)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::Field::{May, Must};
    use super::*;

    /// What for, where, and its port.
    type Heard = (Place, usize, u16);

    #[derive(Default)]
    struct Listener(Vec<Heard>);

    impl Told for Listener {
        fn address(&mut self, place: Place, at: usize, endpoint: Endpoint) -> Result<(), Stop> {
            self.0.push((place, at, endpoint.port));
            Ok(())
        }

        fn note(&mut self, _: Place, _: u32) {}

        fn held(&mut self, read: bool, before: usize) {
            if !read {
                self.0.truncate(before);
            }
        }

        fn told(&self) -> usize {
            self.0.len()
        }

        fn kind(&mut self, _: u8, _: usize) {}
    }

    fn look(of: &Type, bytes: &[u8]) -> (Result<(), Stop>, Vec<Heard>) {
        let mut listener = Listener::default();
        let result = read(bytes, of, &mut listener);
        (result, listener.0)
    }

    static INNER: Type = Type::Sequence(&Sequence {
        extensible: true,
        optional: 0,
        root: &[Must(Type::Address)],
        more: &[],
    });
    static OUTER: Type = Type::Sequence(&Sequence {
        extensible: false,
        optional: 0,
        root: &[
            Must(Type::At(Place::Ras, &INNER)),
            Must(Type::At(Place::Control, &Type::Address)),
        ],
        more: &[],
    });

    /// X.691 section 19: two additions that this grammar does not have.
    #[test]
    fn what_later_versions_add_is_skipped() {
        let bytes = [
            &[0x80, 10, 0, 0, 1, 0, 7][..],
            &[0b0000_0011, 0b1000_0000, 1, 0xff, 2, 0xff, 0xff],
            &[10, 0, 0, 2, 0, 9],
        ]
        .concat();
        let (read, told) = look(&OUTER, &bytes);
        assert_eq!(read, Ok(()));
        assert_eq!(told, [(Place::Ras, 1, 7), (Place::Control, 14, 9)]);
        for len in 0..bytes.len() {
            assert_eq!(look(&OUTER, &bytes[..len]).0, Err(Stop::Wrong), "{len}");
        }
    }

    /// X.691 section 11.9: up to 127, up to 16383, and in fragments.
    #[test]
    fn lengths_of_all_kinds() {
        let string = Type::String(ANY, 8);
        for (head, octets, read) in [
            (&[0x7f][..], 127, Ok(())),
            (&[0x80, 0x80], 128, Ok(())),
            (&[0xbf, 0xff], 16_383, Ok(())),
            (&[0xc1], 16_384, Err(Stop::Wrong)),
        ] {
            let mut bytes = head.to_vec();
            bytes.resize(head.len() + octets, 0);
            assert_eq!(look(&string, &bytes).0, read, "{octets}");
            bytes.pop();
            assert_eq!(look(&string, &bytes).0, Err(Stop::Wrong), "{octets}");
        }
    }

    static DEEP: Type = Type::Sequence(&Sequence {
        extensible: false,
        optional: 1,
        root: &[May(Type::Of(&DEEP))],
        more: &[],
    });

    #[test]
    fn depth_has_an_end() {
        assert_eq!(look(&DEEP, &[0xff, 0xff, 0xff, 0xfe]).0, Ok(()));
        assert_eq!(
            look(&DEEP, &[0xff, 0xff, 0xff, 0xff, 0xfe]).0,
            Err(Stop::Wrong)
        );
    }

    /// Sixteen thousand elements of no bits, again and again.
    #[test]
    fn steps_have_an_end() {
        static MANY: Type = Type::List(ANY, &Type::List(ANY, &Type::Bits(0)));
        let mut bytes = [0xbf, 0xff].to_vec();
        bytes.extend([0xbf, 0xff].repeat(100));
        assert_eq!(look(&MANY, &bytes).0, Err(Stop::Wrong));
        assert_eq!(look(&MANY, &[2, 3, 4]).0, Ok(()));
    }
}
