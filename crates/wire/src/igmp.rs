//! IGMP: version 1 (RFC 1112), 2 (RFC 2236) and 3 (RFC 3376).
//!
//! ```text
//!  0               8               16                              31
//! +---------------+---------------+-------------------------------+
//! |     type      | max resp code |           checksum            |  0
//! |                         group address                         |  4
//! | 0 | S |  QRV  |     QQIC      |       number of sources       |  8  a version 3 query
//! |                      source addresses ...                     | 12
//!
//! |  type = 22    |       0       |           checksum            |  0  a version 3 report
//! |               0               |       number of records       |  4
//! |  record type  | aux data len  |       number of sources       |  8  a record
//! |                         group address                         | 12
//! |               source addresses ..., auxiliary data ...        | 16
//! ```
//!
//! A [`Message`] exists only if every length in it agrees with the bytes and the
//! checksum is right; later stages need not look again.

use core::net::Ipv4Addr;

use crate::checksum::{self, Sum};
use crate::ipv4::{self, protocol};
use crate::{Layer, WireError, be16, put16, put32};

/// Length of the messages of versions 1 and 2, in bytes.
pub const LEN: usize = 8;
/// Length of a version 3 query without sources, and of the head of a record before its sources.
const QUERY_V3_LEN: usize = 12;
const RECORD_LEN: usize = 8;
const SOURCE_LEN: usize = 4;

const QUERY: u8 = 0x11;
const REPORT_V1: u8 = 0x12;
const REPORT_V2: u8 = 0x16;
const LEAVE: u8 = 0x17;
const REPORT_V3: u8 = 0x22;

/// Where general queries go: all systems.
pub const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// Where leaves go: all routers.
pub const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
/// Where version 3 reports go.
pub const V3_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// RFC 1112.
    V1,
    /// RFC 2236.
    V2,
    /// RFC 3376.
    V3,
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Who is a member?
    Query(Query<'a>),
    /// A member of this group is here (versions 1 and 2).
    Report(Version, u32),
    /// A member of this group is gone.
    Leave(u32),
    /// Version 3: all there is to say about several groups.
    Records(Records<'a>),
}

/// A query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// Of the querier, as the message's form shows it.
    pub version: Version,
    /// Zero: a general query.
    pub group: u32,
    /// Time to answer in, in tenths of a second.
    pub max_response: u32,
    /// Routers keep their timers as they are.
    pub suppress: bool,
    /// Asked about; none: all.
    pub sources: Sources<'a>,
}

/// Source addresses in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources<'a>(&'a [[u8; SOURCE_LEN]]);

impl Sources<'_> {
    /// Each address, as it stands.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// None.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `source` is among them.
    #[must_use]
    pub fn contains(&self, source: u32) -> bool {
        self.0.contains(&source.to_be_bytes())
    }
}

/// The records of a version 3 report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Records<'a>(&'a [u8]);

impl<'a> Records<'a> {
    /// Each record; those of an unknown type are left out (RFC 3376 section 4.2.12).
    pub fn iter(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (record, behind) = split_record(rest)?;
            rest = behind;
            Some(record)
        })
        .flatten()
    }
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// Wants only its sources, as it has before.
    IsInclude,
    /// Wants all but its sources, as it has before.
    IsExclude,
    /// From now on wants only its sources.
    ToInclude,
    /// From now on wants all but its sources.
    ToExclude,
    /// Wants these sources too.
    Allow,
    /// No longer wants these sources.
    Block,
}

impl RecordKind {
    const fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::IsInclude,
            2 => Self::IsExclude,
            3 => Self::ToInclude,
            4 => Self::ToExclude,
            5 => Self::Allow,
            6 => Self::Block,
            _ => return None,
        })
    }

    const fn number(self) -> u8 {
        match self {
            Self::IsInclude => 1,
            Self::IsExclude => 2,
            Self::ToInclude => 3,
            Self::ToExclude => 4,
            Self::Allow => 5,
            Self::Block => 6,
        }
    }
}

/// One group in a version 3 report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it says.
    pub kind: RecordKind,
    /// The group.
    pub group: u32,
    /// The sources.
    pub sources: Sources<'a>,
}

impl<'a> Message<'a> {
    /// Reads the payload of an IP packet.
    ///
    /// # Errors
    ///
    /// [`WireError`] if it is cut short, of an unknown type, about an address that is
    /// no group, or its checksum is wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let head = bytes
            .first_chunk::<LEN>()
            .ok_or(WireError::Truncated(Layer::Transport))?;
        let wrong = WireError::BadHeader(Layer::Transport);
        if !checksum::is_valid(bytes) {
            return Err(wrong);
        }
        let [kind, code, _, _, address @ ..] = *head;
        let group = u32::from_be_bytes(address);
        let about_a_group = ipv4::is_multicast(group);
        match kind {
            QUERY if about_a_group || group == 0 => Ok(Self::Query(query(bytes, code, group)?)),
            REPORT_V1 if about_a_group => Ok(Self::Report(Version::V1, group)),
            REPORT_V2 if about_a_group => Ok(Self::Report(Version::V2, group)),
            LEAVE if about_a_group => Ok(Self::Leave(group)),
            REPORT_V3 => Ok(Self::Records(records(bytes).ok_or(wrong)?)),
            _ => Err(wrong),
        }
    }

    /// Whether a message of this kind goes to the address `dst` (RFC 2236 section 9,
    /// RFC 3376 section 4).
    #[must_use]
    pub fn belongs_to(&self, dst: u32) -> bool {
        match self {
            Self::Query(query) => {
                dst == ALL_SYSTEMS.to_bits() && query.group == 0 || dst == query.group
            }
            Self::Report(_, group) => dst == *group,
            Self::Leave(group) => dst == ALL_ROUTERS.to_bits() || dst == *group,
            Self::Records(_) => dst == V3_ROUTERS.to_bits(),
        }
    }
}

fn query(bytes: &[u8], code: u8, group: u32) -> Result<Query<'_>, WireError> {
    if bytes.len() == LEN {
        // RFC 3376 section 7.1: the length and the code tell the version.
        let (version, max_response) = match code {
            0 => (Version::V1, 100),
            _ => (Version::V2, u32::from(code)),
        };
        return Ok(Query {
            version,
            group,
            max_response,
            suppress: false,
            sources: Sources(&[]),
        });
    }
    let truncated = WireError::Truncated(Layer::Transport);
    let count = be16(bytes, 10).ok_or(truncated)?;
    let (sources, _) = sources(bytes, QUERY_V3_LEN, count).ok_or(truncated)?;
    Ok(Query {
        version: Version::V3,
        group,
        max_response: floating(code),
        suppress: bytes.get(8).is_some_and(|flags| flags & 8 != 0),
        sources,
    })
}

/// A code above 127 is a floating point number (RFC 3376 section 4.1.1).
fn floating(code: u8) -> u32 {
    match code {
        0..128 => u32::from(code),
        _ => u32::from(code & 0xf | 0x10) << (u32::from(code >> 4 & 7) + 3),
    }
}

/// `count` sources at `at`, and what is behind them.
fn sources(bytes: &[u8], at: usize, count: u16) -> Option<(Sources<'_>, &[u8])> {
    let (list, rest) = bytes
        .get(at..)?
        .split_at_checked(usize::from(count) * SOURCE_LEN)?;
    Some((Sources(list.as_chunks::<SOURCE_LEN>().0), rest))
}

/// The records of a report, once all of them are found to be whole.
fn records(bytes: &[u8]) -> Option<Records<'_>> {
    let count = be16(bytes, 6)?;
    let all = bytes.get(LEN..)?;
    let mut rest = all;
    for _ in 0..count {
        let (record, behind) = split_record(rest)?;
        if record.is_some_and(|record| !ipv4::is_multicast(record.group)) {
            return None;
        }
        rest = behind;
    }
    Some(Records(all.get(..all.len() - rest.len())?))
}

/// The first record, `None` if its type is unknown, and what is behind it.
fn split_record(bytes: &[u8]) -> Option<(Option<Record<'_>>, &[u8])> {
    let [kind, aux, n0, n1, address @ ..] = *bytes.first_chunk::<RECORD_LEN>()?;
    let count = u16::from_be_bytes([n0, n1]);
    let (sources, rest) = sources(bytes, RECORD_LEN, count)?;
    let rest = rest.get(usize::from(aux) * 4..)?;
    let record = RecordKind::of(kind).map(|kind| Record {
        kind,
        group: u32::from_be_bytes(address),
        sources,
    });
    Some((record, rest))
}

/// Longest message written here, in bytes: what fits the smallest MTU behind an IP
/// header with the router alert option.
pub const MAX_WRITTEN: usize = 576 - IP_LEN;

/// A message being written.
#[derive(Clone, Debug)]
pub struct Written {
    bytes: [u8; MAX_WRITTEN],
    len: usize,
}

impl Written {
    /// A query about `group`, zero for all, and `sources`, none for all; as many of
    /// them as have room. `max_response` is in tenths of a second, below 128;
    /// `interval` in seconds, below 128.
    #[must_use]
    pub fn query(
        version: Version,
        group: u32,
        max_response: u8,
        (robustness, interval): (u8, u8),
        sources: &[u32],
    ) -> Self {
        let mut new = Self::short(QUERY, max_response, group);
        if version == Version::V3 {
            new.append(&[robustness & 7, interval, 0, 0]);
            let mut count = 0;
            for source in sources {
                if new.append(&source.to_be_bytes()) {
                    count += 1;
                }
            }
            put16(&mut new.bytes, 10, count);
        }
        new.finish()
    }

    /// A report of version 1 or 2.
    #[must_use]
    pub fn report(version: Version, group: u32) -> Self {
        let kind = match version {
            Version::V1 => REPORT_V1,
            Version::V2 | Version::V3 => REPORT_V2,
        };
        Self::short(kind, 0, group).finish()
    }

    /// A leave.
    #[must_use]
    pub fn leave(group: u32) -> Self {
        Self::short(LEAVE, 0, group).finish()
    }

    /// A version 3 report, without records yet.
    #[must_use]
    pub fn records() -> Self {
        Self::short(REPORT_V3, 0, 0).finish()
    }

    /// Adds a record to a version 3 report; false, and nothing added, without room.
    pub fn push(&mut self, kind: RecordKind, group: u32, sources: &[u32]) -> bool {
        let room = self.bytes.len() - self.len;
        let Ok(count) = u16::try_from(sources.len()) else {
            return false;
        };
        if room < RECORD_LEN + sources.len() * SOURCE_LEN {
            return false;
        }
        let [n0, n1] = count.to_be_bytes();
        self.append(&[kind.number(), 0, n0, n1]);
        self.append(&group.to_be_bytes());
        for source in sources {
            self.append(&source.to_be_bytes());
        }
        let records = be16(&self.bytes, 6).unwrap_or(0);
        put16(&mut self.bytes, 6, records.wrapping_add(1));
        self.sum();
        true
    }

    /// The message.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn short(kind: u8, code: u8, group: u32) -> Self {
        let mut new = Self {
            bytes: [0; MAX_WRITTEN],
            len: 0,
        };
        new.append(&[kind, code, 0, 0]);
        new.append(&group.to_be_bytes());
        new
    }

    fn append(&mut self, more: &[u8]) -> bool {
        let Some(place) = self.bytes.get_mut(self.len..self.len + more.len()) else {
            return false;
        };
        place.copy_from_slice(more);
        self.len += more.len();
        true
    }

    fn finish(mut self) -> Self {
        self.sum();
        self
    }

    fn sum(&mut self) {
        put16(&mut self.bytes, 2, 0);
        let sum = Sum::default().bytes(self.bytes()).checksum();
        put16(&mut self.bytes, 2, sum);
    }
}

/// Length of the IP header of a message: with router alert, in bytes.
pub const IP_LEN: usize = ipv4::HEADER_LEN + 4;

/// Writes the IP header of a message in front of `packet`, whose length is the total
/// length: TTL 1, internetwork control, router alert (RFC 3376 section 4); false if it
/// is too short.
pub fn write_ip(packet: &mut [u8], src: Ipv4Addr, dst: Ipv4Addr, id: u16) -> bool {
    let total = crate::low16(packet.len());
    let Some(header) = packet.first_chunk_mut::<IP_LEN>() else {
        return false;
    };
    header.fill(0);
    header[0] = 0x46;
    header[1] = 0xc0;
    header[8] = 1;
    header[9] = protocol::IGMP;
    put16(header, 2, total);
    put16(header, 4, id);
    put32(header, 12, src.to_bits());
    put32(header, 16, dst.to_bits());
    put32(header, 20, ROUTER_ALERT);
    ipv4::refresh_checksum(header, IP_LEN);
    true
}

/// The option that makes routers look (RFC 2113).
const ROUTER_ALERT: u32 = 0x9404_0000;

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: u32 = 0xe901_0203;

    fn sources(query: &Query<'_>) -> Vec<u32> {
        query.sources.iter().collect()
    }

    #[test]
    fn short_messages_read_back_and_are_refused_when_cut() {
        for (written, wanted) in [
            (
                Written::report(Version::V1, GROUP),
                Message::Report(Version::V1, GROUP),
            ),
            (
                Written::report(Version::V2, GROUP),
                Message::Report(Version::V2, GROUP),
            ),
            (Written::leave(GROUP), Message::Leave(GROUP)),
        ] {
            assert_eq!(Message::parse(written.bytes()), Ok(wanted));
            for cut in 0..LEN {
                assert!(Message::parse(&written.bytes()[..cut]).is_err());
            }
        }
    }

    #[test]
    fn the_form_of_a_query_tells_its_version() {
        let of = |written: &Written| match Message::parse(written.bytes()) {
            Ok(Message::Query(query)) => (query.version, query.max_response, sources(&query)),
            other => panic!("{other:?}"),
        };
        let query = |version, response| Written::query(version, GROUP, response, (2, 125), &[7, 9]);
        assert_eq!(of(&query(Version::V1, 0)), (Version::V1, 100, vec![]));
        assert_eq!(of(&query(Version::V2, 100)), (Version::V2, 100, vec![]));
        assert_eq!(of(&query(Version::V3, 100)), (Version::V3, 100, vec![7, 9]));
        // Neither eight bytes nor twelve.
        let mut odd = query(Version::V3, 100).bytes()[..10].to_vec();
        odd[2..4].fill(0);
        let sum = Sum::default().bytes(&odd).checksum();
        odd[2..4].copy_from_slice(&sum.to_be_bytes());
        assert!(Message::parse(&odd).is_err());
    }

    #[test]
    fn long_times_are_floating_point() {
        assert_eq!(floating(127), 127);
        assert_eq!(floating(0x80), 128);
        assert_eq!(floating(0xff), 31_744);
    }

    #[test]
    fn records_read_back_until_there_is_no_room() {
        let mut written = Written::records();
        let mut count = 0;
        while written.push(RecordKind::ToInclude, GROUP + count, &[1, 2]) {
            count += 1;
        }
        assert!(count > 30);
        let Ok(Message::Records(records)) = Message::parse(written.bytes()) else {
            panic!("not a report");
        };
        let all: Vec<_> = records.iter().collect();
        assert_eq!(all.len(), count as usize);
        for (nth, record) in (0..).zip(&all) {
            assert_eq!(
                (record.kind, record.group),
                (RecordKind::ToInclude, GROUP + nth)
            );
            assert_eq!(record.sources.iter().collect::<Vec<_>>(), [1, 2]);
        }
    }

    #[test]
    fn records_of_unknown_types_and_auxiliary_data_are_stepped_over() {
        let mut bytes = vec![REPORT_V3, 0, 0, 0, 0, 0, 0, 2];
        bytes.extend([
            9, 1, 0, 1, 233, 1, 2, 3, 10, 0, 0, 1, 0xaa, 0xaa, 0xaa, 0xaa,
        ]);
        bytes.extend([4, 0, 0, 0, 233, 1, 2, 3]);
        let sum = Sum::default().bytes(&bytes).checksum();
        bytes[2..4].copy_from_slice(&sum.to_be_bytes());
        let Ok(Message::Records(records)) = Message::parse(&bytes) else {
            panic!("not a report");
        };
        let kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
        assert_eq!(kinds, [RecordKind::ToExclude]);
    }

    /// Whatever the bytes, with a right checksum so that the lengths are looked at.
    #[test]
    fn any_bytes_are_read_without_a_panic() {
        let mut seed = 1_u64;
        let mut random = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        };
        for _ in 0..20_000 {
            let len = usize::from(random() % 40);
            let mut bytes: Vec<u8> = (0..len).map(|_| random() % 8).collect();
            if let Some(kind) = bytes.first_mut() {
                *kind =
                    [QUERY, REPORT_V1, REPORT_V2, LEAVE, REPORT_V3, 0][usize::from(random() % 6)];
            }
            if len >= LEN {
                bytes[4] |= 0xe0 * (random() & 1);
                bytes[2..4].fill(0);
                let sum = Sum::default().bytes(&bytes).checksum();
                bytes[2..4].copy_from_slice(&sum.to_be_bytes());
            }
            if let Ok(Message::Records(records)) = Message::parse(&bytes) {
                assert!(records.iter().count() <= len / RECORD_LEN);
            }
        }
    }

    #[test]
    fn the_ip_header_has_router_alert_and_dies_on_the_link() {
        let mut packet = [0xa5; IP_LEN + LEN];
        let src = Ipv4Addr::new(10, 64, 0, 1);
        assert!(write_ip(&mut packet, src, ALL_SYSTEMS, 3));
        let header = ipv4::Header::parse(&packet, false).unwrap();
        assert_eq!((header.ttl, header.tos, header.protocol), (1, 0xc0, 2));
        assert_eq!((header.header_len, header.total_len), (24, 32));
        assert_eq!(packet[20..24], [0x94, 4, 0, 0]);
        assert!(!ipv4::has_routing_option(&packet[20..24]));
    }
}
