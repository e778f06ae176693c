//! DNS messages (RFC 1035), as far as addresses are in them (RFC 2694).
//!
//! ```text
//!  0    2       4         6         8         10        12
//! +----+-------+---------+---------+---------+---------+------------
//! | id | flags | QDCOUNT | ANCOUNT | NSCOUNT | ARCOUNT | questions, records ...
//! +----+-------+---------+---------+---------+---------+------------
//!
//!  address records            four bytes, replaced in their place         scan
//!  names under in-addr.arpa   of another length, all behind them moves    rewrite
//! ```
//!
//! [`interesting`] tells most messages in which nothing can be replaced by their first bytes.
//! Messages are left alone as a whole: signed ones (or such that ask for signatures), updates,
//! those that do not end where their counts say. Pointers lead backwards or nowhere.

mod name;
mod record;
mod rewrite;

pub use rewrite::{New, RewriteError, What, rewrite};

use crate::{Endpoint, Finding, Findings, Form, Role, Span};
use record::{Items, kind};

/// Length of the header.
pub const HEADER_LEN: usize = 12;
/// What a datagram may have without a word about it (RFC 1035 section 2.3.4).
pub const USUAL_UDP_SIZE: u16 = 512;

const RESPONSE: u8 = 0x80;
const OPCODE: u8 = 0x78;
const TRUNCATED: u8 = 0x02;
const REFUSED: u8 = 5;

/// Why a message is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It ends too early.
    Truncated,
    /// A name that cannot be: too long, or a pointer that does not lead backwards.
    BadName,
    /// Not a query or the response to one; or more than one question (RFC 9619).
    Other,
    /// Signed, or signatures are asked for: they would not fit what is replaced.
    Signed,
    /// More addresses than fit into [`Findings`]: [`rewrite`] replaces any number.
    Many,
}

/// What is in a message besides the addresses listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// A response, not a query.
    pub is_response: bool,
    /// Type that is asked for; zero without a question.
    pub asked: u16,
    /// Names under `in-addr.arpa` are in it that mean an address: for [`rewrite`].
    pub has_reverse: bool,
    /// The address that is asked for by such a name.
    pub reverse: Option<u32>,
    /// How long a datagram its sender takes (RFC 6891 section 6.2.3).
    pub udp_size: u16,
}

impl Summary {
    /// Names it in statistics: the type that is asked for.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.asked {
            0 => "none",
            kind::A => "A",
            2 => "NS",
            5 => "CNAME",
            6 => "SOA",
            kind::PTR => "PTR",
            15 => "MX",
            16 => "TXT",
            28 => "AAAA",
            33 => "SRV",
            65 => "HTTPS",
            252 => "AXFR",
            255 => "ANY",
            _ => "other",
        }
    }
}

/// Whether anything can be in a message that is replaced: what says no here need not be looked at.
///
/// Yes for responses with records, and for questions that begin with a short number as
/// addresses in reverse do.
#[must_use]
#[inline]
pub fn interesting(message: &[u8]) -> bool {
    let Some(head) = message.first_chunk::<14>() else {
        return false;
    };
    let numeric = matches!(head[12], 1..=3) && head[13].is_ascii_digit();
    let records =
        u64::from_be_bytes([0, 0, head[6], head[7], head[8], head[9], head[10], head[11]]);
    head[2] & OPCODE == 0 && (numeric || head[2] & RESPONSE != 0 && records != 0)
}

/// Whether bytes can be a message: the header makes sense, and there is room for what it
/// counts.
#[must_use]
pub fn plausible(message: &[u8]) -> bool {
    message
        .first_chunk()
        .is_some_and(|header| has_room(header, message.len()))
}

/// Whether a TCP stream can go on with a message that is not whole yet, by what of its length and
/// header has come.
#[must_use]
pub fn may_begin(stream: &[u8]) -> bool {
    let Some((len, message)) = stream.split_first_chunk() else {
        return true;
    };
    // What has not come counts nothing.
    let mut header = [0; HEADER_LEN];
    for (place, byte) in header.iter_mut().zip(message) {
        *place = *byte;
    }
    has_room(&header, usize::from(u16::from_be_bytes(*len)))
}

/// Whether a message of this length has room for what its header counts.
fn has_room(header: &[u8; HEADER_LEN], len: usize) -> bool {
    /// Name of one byte, type, class; with time to live and length in records.
    const LEAST: [usize; record::SECTIONS] = [5, 11, 11, 11];
    const HIGHEST_OPCODE: u8 = 6;
    let [_, _, flags, _, counts @ ..] = header;
    let (counts, _) = counts.as_chunks::<2>();
    let least: usize = counts
        .iter()
        .zip(LEAST)
        .map(|(count, least)| usize::from(u16::from_be_bytes(*count)) * least)
        .sum();
    (flags & OPCODE) >> 3 <= HIGHEST_OPCODE && HEADER_LEN + least <= len
}

/// The number by which a response is found to belong to a query.
#[must_use]
pub fn id(message: &[u8]) -> Option<u16> {
    message.first_chunk().copied().map(u16::from_be_bytes)
}

/// The message behind its length at the beginning of a TCP stream (RFC 1035 section 4.2.2);
/// nothing where it is not whole.
#[must_use]
pub fn frame(stream: &[u8]) -> Option<Span> {
    let len = u16::from_be_bytes(*stream.first_chunk()?);
    let message = Span::new(2, usize::from(len));
    (message.end <= stream.len()).then_some(message)
}

/// Lists the address records of a response.
///
/// # Errors
///
/// [`Left`] if the message is left alone; nothing has been listed then.
pub fn scan(message: &[u8], found: &mut Findings) -> Result<Summary, Left> {
    let before = found.len();
    let scanned = list(message, found);
    if scanned.is_err() {
        found.truncate(before);
    }
    scanned
}

fn list(message: &[u8], found: &mut Findings) -> Result<Summary, Left> {
    let mut summary = header(message)?;
    let mut items = Items::of(message)?;
    while let Some(item) = items.step()? {
        if item.is_signed(message) {
            return Err(Left::Signed);
        }
        if item.data.is_none() {
            summary.asked = item.kind;
            summary.reverse = name::reverse(message, item.name);
        } else if item.kind == kind::OPT {
            summary.udp_size = item.class.max(USUAL_UDP_SIZE);
        }
        if item.data.is_none() || summary.is_response {
            summary.has_reverse |= name::reverse(message, item.name).is_some();
        }
        if summary.is_response
            && let Some((span, address)) = item.address(message)
        {
            let finding = Finding {
                span,
                endpoint: Endpoint { address, port: 0 },
                form: Form::Binary,
                role: Role::Host,
            };
            found.try_push(finding).map_err(|_| Left::Many)?;
        }
    }
    Ok(summary)
}

/// Writes the time to live of the record whose data is there, as [`scan`] lists it.
pub fn reset_ttl(message: &mut [u8], data: Span, ttl: u32) {
    let place = data
        .start
        .checked_sub(6)
        .and_then(|at| message.get_mut(at..at + 4));
    if let Some(place) = place {
        place.copy_from_slice(&ttl.to_be_bytes());
    }
}

/// Makes a response that has become too long one without records that says so (RFC 2181
/// section 9), and gives its length.
///
/// # Errors
///
/// [`Left`] if it is no message; nothing has been changed then.
pub fn truncate(message: &mut [u8]) -> Result<usize, Left> {
    bare(message, |head| head[2] |= TRUNCATED)
}

/// Makes a query the answer that it is refused, and gives its length.
///
/// # Errors
///
/// [`Left`] if it is no message; nothing has been changed then.
pub fn refuse(message: &mut [u8]) -> Result<usize, Left> {
    bare(message, |head| {
        head[2] |= RESPONSE;
        head[3] = REFUSED;
    })
}

/// Leaves the questions alone in a message.
fn bare(message: &mut [u8], say: impl FnOnce(&mut [u8; HEADER_LEN])) -> Result<usize, Left> {
    header(message)?;
    let mut items = Items::of(message)?;
    let mut len = HEADER_LEN;
    while let Some(item) = items.step()? {
        if item.data.is_some() {
            break;
        }
        len = items.at;
    }
    let head = message
        .first_chunk_mut::<HEADER_LEN>()
        .ok_or(Left::Truncated)?;
    let (_, counts) = head.split_at_mut(6);
    counts.fill(0);
    say(head);
    Ok(len)
}

/// What the header says of a message that may be read.
fn header(message: &[u8]) -> Result<Summary, Left> {
    let header = message.first_chunk::<HEADER_LEN>().ok_or(Left::Truncated)?;
    let questions = u16::from_be_bytes([header[4], header[5]]);
    if header[2] & OPCODE != 0 || questions > 1 {
        return Err(Left::Other);
    }
    Ok(Summary {
        is_response: header[2] & RESPONSE != 0,
        asked: 0,
        has_reverse: false,
        reverse: None,
        udp_size: USUAL_UDP_SIZE,
    })
}

#[cfg(test)]
mod tests;
