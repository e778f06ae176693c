//! The places in a whole message.
//!
//! It is gone over twice, because the port of an address may stand behind it.

use super::ber::{Element, header};
use super::{SEQUENCE, op};
use crate::frames::{NoRoom, push};
use crate::{
    Channel, Endpoint, Finding, Findings, Form, Ports, Remote, Role, Span, Transport, Uses,
};

/// Names of attributes.
pub(super) const ADDRESS: &[u8] = b"sipaddress";
const PORT: &[u8] = b"sport";
const TIME: &[u8] = b"sttl";
/// Where calls are awaited if nothing else is said.
const USUAL_PORT: u16 = 1720;
/// Calls come from anyone who has read of them in the directory.
pub const CALLS: Channel = Channel {
    transport: Transport::Tcp,
    ports: Ports::One,
    uses: Uses::Many,
    remote: Remote::Anyone,
};
/// How deep filters may lie in each other.
const DEPTH: u8 = 16;

const OCTETS: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const SET: u8 = 0x31;
const AND: u8 = 0xa0;
const OR: u8 = 0xa1;
const NOT: u8 = 0xa2;
const EQUALITY: u8 = 0xa3;
/// What a change takes away.
const DELETE: &[u8] = &[1];

/// Why a message is not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// There are too many places.
    NoRoom,
    /// It is not as such a message should be.
    Strange,
}

impl From<NoRoom> for Stop {
    fn from(NoRoom: NoRoom) -> Self {
        Self::NoRoom
    }
}

type Listed = Result<(), Stop>;

/// What a message says as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The first address that is known.
    address: Option<u32>,
    /// There is an address, known or not.
    has_address: bool,
    port: Option<u16>,
    /// How long it is good for.
    pub(super) minutes: Option<u16>,
}

/// Whether a value is given to the directory, or only named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sense {
    Says,
    Names,
}

/// Lists the places in a message.
///
/// # Errors
///
/// [`Stop`], whatever has been listed.
pub(super) fn all(
    message: &[u8],
    known: &impl Fn(u32) -> bool,
    found: &mut Findings,
) -> Result<Facts, Stop> {
    let mut walk = Walk {
        message,
        known,
        found,
        facts: Facts::default(),
        lists: false,
    };
    walk.message()?;
    if walk.facts.address.is_some() || walk.facts.port.is_some() {
        walk.lists = true;
        walk.message()?;
    }
    Ok(walk.facts)
}

/// On the way through a message.
struct Walk<'m, 'f, K> {
    message: &'m [u8],
    known: &'f K,
    found: &'f mut Findings,
    facts: Facts,
    /// The second time.
    lists: bool,
}

impl<K: Fn(u32) -> bool> Walk<'_, '_, K> {
    /// The element that begins there, in the one that ends there.
    fn element(&self, at: usize, end: usize) -> Result<Element, Stop> {
        header(self.message, at)
            .ok()
            .filter(|element| element.content.end <= end)
            .ok_or(Stop::Strange)
    }

    /// The same, of this kind.
    fn of_kind(&self, tag: u8, at: usize, end: usize) -> Result<Element, Stop> {
        let element = self.element(at, end)?;
        if element.tag == tag {
            Ok(element)
        } else {
            Err(Stop::Strange)
        }
    }

    /// Goes into an element, the length of which is a place if there is one in it.
    fn within(&mut self, outer: Element, inner: impl FnOnce(&mut Self) -> Listed) -> Listed {
        if !self.lists {
            return inner(self);
        }
        let before = self.found.len();
        let bytes = u8::try_from(outer.length.len()).map_err(|_| Stop::Strange)?;
        let length = Finding {
            span: outer.length,
            endpoint: Endpoint::default(),
            form: Form::BerLength(bytes),
            role: Role::LengthOf(outer.content),
        };
        push(self.found, length)?;
        inner(self)?;
        if self.found.len() == before + 1 {
            self.found.truncate(before);
        }
        Ok(())
    }

    /// Goes into an element, and over all there are in it.
    fn each(&mut self, outer: Element, next: impl Fn(&mut Self, Element) -> Listed) -> Listed {
        self.within(outer, |walk| {
            let Span { start: mut at, end } = outer.content;
            while at < end {
                let element = walk.element(at, end)?;
                next(walk, element)?;
                at = element.content.end;
            }
            Ok(())
        })
    }

    fn message(&mut self) -> Listed {
        let outer = self.element(0, self.message.len())?;
        let end = outer.content.end;
        let id = self.element(outer.content.start, end)?;
        let operation = self.element(id.content.end, end)?;
        self.within(outer, |walk| {
            walk.within(operation, |walk| walk.operation(operation))
        })
    }

    fn operation(&mut self, operation: Element) -> Listed {
        let Span { start, end } = operation.content;
        match operation.tag {
            op::ADD => self.entry(start, end, Sense::Says),
            op::ENTRY => self.entry(start, end, Sense::Names),
            op::MODIFY => {
                let dn = self.of_kind(OCTETS, start, end)?;
                let changes = self.of_kind(SEQUENCE, dn.content.end, end)?;
                self.each(changes, |walk, change| {
                    walk.within(change, |walk| walk.change(change))
                })
            }
            op::SEARCH => {
                // Base, scope, aliases, two limits, whether types alone.
                const BEFORE: u8 = 6;
                let mut at = start;
                for _ in 0..BEFORE {
                    at = self.element(at, end)?.content.end;
                }
                let filter = self.element(at, end)?;
                self.filter(filter, DEPTH)
            }
            _ => Ok(()),
        }
    }

    fn entry(&mut self, start: usize, end: usize, sense: Sense) -> Listed {
        let dn = self.of_kind(OCTETS, start, end)?;
        let attributes = self.of_kind(SEQUENCE, dn.content.end, end)?;
        self.each(attributes, |walk, attribute| {
            walk.attribute(attribute, sense)
        })
    }

    fn change(&mut self, change: Element) -> Listed {
        let Span { start, end } = change.content;
        let what = self.of_kind(ENUMERATED, start, end)?;
        let attribute = self.of_kind(SEQUENCE, what.content.end, end)?;
        let sense = if what.content.of(self.message) == DELETE {
            Sense::Names
        } else {
            Sense::Says
        };
        self.attribute(attribute, sense)
    }

    fn attribute(&mut self, attribute: Element, sense: Sense) -> Listed {
        let Span { start, end } = attribute.content;
        let name = self.of_kind(OCTETS, start, end)?;
        let values = self.of_kind(SET, name.content.end, end)?;
        self.within(attribute, |walk| {
            walk.each(values, |walk, value| walk.value(name, value, sense))
        })
    }

    fn filter(&mut self, filter: Element, depth: u8) -> Listed {
        match filter.tag {
            AND | OR | NOT if depth > 0 => {
                self.each(filter, |walk, inner| walk.filter(inner, depth - 1))
            }
            EQUALITY => {
                let Span { start, end } = filter.content;
                let name = self.of_kind(OCTETS, start, end)?;
                let value = self.of_kind(OCTETS, name.content.end, end)?;
                self.within(filter, |walk| walk.value(name, value, Sense::Names))
            }
            _ => Ok(()),
        }
    }

    fn value(&mut self, name: Element, value: Element, sense: Sense) -> Listed {
        let name = name.content.of(self.message);
        let is = |attribute: &[u8]| name.eq_ignore_ascii_case(attribute);
        self.facts.has_address |= is(ADDRESS);
        let Some(number) = number(value.content.of(self.message)) else {
            return Ok(());
        };
        let small = u16::try_from(number).ok().filter(|number| *number > 0);
        if is(ADDRESS) {
            self.address(value, number, sense)
        } else if is(PORT) {
            small.map_or(Ok(()), |port| self.port(value, port, sense))
        } else {
            if is(TIME) {
                self.facts.minutes = self.facts.minutes.or(small);
            }
            Ok(())
        }
    }

    fn address(&mut self, value: Element, number: u32, sense: Sense) -> Listed {
        let forms = [
            (number.swap_bytes(), Form::ReverseNumber),
            (number, Form::Number),
        ];
        let Some((address, form)) = forms
            .into_iter()
            .find(|(address, _)| *address != 0 && (self.known)(*address))
        else {
            return Ok(());
        };
        self.facts.address.get_or_insert(address);
        let role = match self.facts.port {
            None => role(sense),
            Some(_) => role(Sense::Names),
        };
        let port = self.facts.port.unwrap_or(USUAL_PORT);
        self.put(value, Endpoint { address, port }, form, role)
    }

    fn port(&mut self, value: Element, port: u16, sense: Sense) -> Listed {
        self.facts.port.get_or_insert(port);
        let address = match (self.facts.address, sense) {
            (Some(address), _) => address,
            // A change of the port alone.
            (None, Sense::Says) if !self.facts.has_address => 0,
            _ => return Ok(()),
        };
        self.put(value, Endpoint { address, port }, Form::Port, role(sense))
    }

    fn put(&mut self, value: Element, endpoint: Endpoint, form: Form, role: Role) -> Listed {
        if !self.lists {
            return Ok(());
        }
        let finding = Finding {
            span: value.content,
            endpoint,
            form,
            role,
        };
        self.within(value, |walk| Ok(push(walk.found, finding)?))
    }
}

/// What a value is for.
const fn role(sense: Sense) -> Role {
    match sense {
        Sense::Names => Role::Names(Transport::Tcp),
        Sense::Says => Role::Listens(CALLS),
    }
}

/// A decimal number of 32 bits.
fn number(text: &[u8]) -> Option<u32> {
    const DIGITS: usize = 10;
    let fits = (1..=DIGITS).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    let text = core::str::from_utf8(text).ok().filter(|_| fits)?;
    text.parse().ok()
}
