//! IPFIX messages (RFC 7011) with the events of NAT (RFC 8158).
//!
//! ```text
//! message  version 10 | length | export time | sequence number | domain     16 bytes
//! set      2 | length | template, template, ...                             all templates
//! set      template's number | length | record, record, ...                 one or more
//! ```
//!
//! A message holds as many records as fit. Its sequence number counts the data records
//! before it, sent or lost, so that a collector sees by the numbers what it did not get.

mod reader;

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use nat::{Flow, Quota, Realm, Record, Remote, Threshold};

pub use reader::{Header, Holding, Outcome, Reader, Told};

use crate::Entry;
use crate::event::{Event, quota_event, threshold_event};

/// Bytes of the longest message: one packet of an Ethernet, with room for tunnels.
pub const LONGEST: usize = 1400;

/// The port of collectors (RFC 7011 section 10.3.4).
pub const PORT: u16 = 4739;

const VERSION: u16 = 10;
const MESSAGE_HEADER: usize = 16;
const SET_HEADER: usize = 4;
const TEMPLATE_SET: u16 = 2;

/// An information element with its length in bytes (IANA, IPFIX registry).
type Element = (u16, u16);

const PROTOCOL_IDENTIFIER: Element = (4, 1);
const SOURCE_TRANSPORT_PORT: Element = (7, 2);
const SOURCE_IPV4_ADDRESS: Element = (8, 4);
const DESTINATION_TRANSPORT_PORT: Element = (11, 2);
const DESTINATION_IPV4_ADDRESS: Element = (12, 4);
const POST_NAT_SOURCE_IPV4_ADDRESS: Element = (225, 4);
const POST_NAT_DESTINATION_IPV4_ADDRESS: Element = (226, 4);
const POST_NAPT_SOURCE_TRANSPORT_PORT: Element = (227, 2);
const POST_NAPT_DESTINATION_TRANSPORT_PORT: Element = (228, 2);
const NAT_EVENT: Element = (230, 1);
const INGRESS_VRF_ID: Element = (234, 4);
const NAT_POOL_ID: Element = (283, 4);
const OBSERVATION_TIME_MILLISECONDS: Element = (323, 8);
const PORT_RANGE_START: Element = (361, 2);
const PORT_RANGE_END: Element = (362, 2);
const NAT_INSTANCE_ID: Element = (463, 4);
const NAT_QUOTA_EXCEEDED_EVENT: Element = (466, 4);
const NAT_THRESHOLD_EVENT: Element = (467, 4);
const MAX_SESSION_ENTRIES: Element = (471, 4);
const MAX_BIB_ENTRIES: Element = (472, 4);
const MAX_ENTRIES_PER_USER: Element = (473, 4);
const MAX_SUBSCRIBERS: Element = (474, 4);
const MAX_FRAGMENTS_PENDING: Element = (475, 4);
const POOL_HIGH_THRESHOLD: Element = (476, 4);
const POOL_LOW_THRESHOLD: Element = (477, 4);
const MAPPING_HIGH_THRESHOLD: Element = (478, 4);
const MAPPING_PER_USER_HIGH_THRESHOLD: Element = (480, 4);
const GLOBAL_MAPPING_HIGH_THRESHOLD: Element = (481, 4);

/// A record's form: what RFC 8158 section 5.6 demands, in its order, then instance and realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
enum Template {
    Session = 256,
    Mapping,
    Address,
    Block,
    AddressesExhausted,
    PortsExhausted,
    QuotaSessions,
    QuotaMappings,
    QuotaEntries,
    QuotaSubscribers,
    QuotaFragments,
    PoolHigh,
    PoolLow,
    MappingsHigh,
    SubscriberHigh,
    SubscribersHigh,
}

impl Template {
    const ALL: [Self; 16] = [
        Self::Session,
        Self::Mapping,
        Self::Address,
        Self::Block,
        Self::AddressesExhausted,
        Self::PortsExhausted,
        Self::QuotaSessions,
        Self::QuotaMappings,
        Self::QuotaEntries,
        Self::QuotaSubscribers,
        Self::QuotaFragments,
        Self::PoolHigh,
        Self::PoolLow,
        Self::MappingsHigh,
        Self::SubscriberHigh,
        Self::SubscribersHigh,
    ];

    const fn of(record: &Record) -> Self {
        match record {
            Record::Session(..) => Self::Session,
            Record::Mapping(..) => Self::Mapping,
            Record::Address { .. } => Self::Address,
            Record::Block(..) => Self::Block,
            Record::AddressesExhausted { .. } => Self::AddressesExhausted,
            Record::PortsExhausted { .. } => Self::PortsExhausted,
            Record::Quota(Quota::Sessions(_)) => Self::QuotaSessions,
            Record::Quota(Quota::Mappings(_)) => Self::QuotaMappings,
            Record::Quota(Quota::Entries(..)) => Self::QuotaEntries,
            Record::Quota(Quota::Subscribers(_)) => Self::QuotaSubscribers,
            Record::Quota(Quota::Fragments(..)) => Self::QuotaFragments,
            Record::Threshold(Threshold::PoolHigh(..)) => Self::PoolHigh,
            Record::Threshold(Threshold::PoolLow(..)) => Self::PoolLow,
            Record::Threshold(Threshold::Mappings(_)) => Self::MappingsHigh,
            Record::Threshold(Threshold::OfSubscriber(..)) => Self::SubscriberHigh,
            Record::Threshold(Threshold::Subscribers(_)) => Self::SubscribersHigh,
        }
    }

    /// What follows time and event, which come first in all of them.
    const fn elements(self) -> &'static [Element] {
        match self {
            Self::Session => &[
                SOURCE_IPV4_ADDRESS,
                POST_NAT_SOURCE_IPV4_ADDRESS,
                PROTOCOL_IDENTIFIER,
                SOURCE_TRANSPORT_PORT,
                POST_NAPT_SOURCE_TRANSPORT_PORT,
                DESTINATION_IPV4_ADDRESS,
                POST_NAT_DESTINATION_IPV4_ADDRESS,
                DESTINATION_TRANSPORT_PORT,
                POST_NAPT_DESTINATION_TRANSPORT_PORT,
                NAT_INSTANCE_ID,
                INGRESS_VRF_ID,
            ],
            Self::Mapping => &[
                SOURCE_IPV4_ADDRESS,
                POST_NAT_SOURCE_IPV4_ADDRESS,
                PROTOCOL_IDENTIFIER,
                SOURCE_TRANSPORT_PORT,
                POST_NAPT_SOURCE_TRANSPORT_PORT,
                NAT_INSTANCE_ID,
                INGRESS_VRF_ID,
            ],
            Self::Address => &[
                SOURCE_IPV4_ADDRESS,
                POST_NAT_SOURCE_IPV4_ADDRESS,
                NAT_INSTANCE_ID,
                INGRESS_VRF_ID,
            ],
            Self::Block => &[
                SOURCE_IPV4_ADDRESS,
                POST_NAT_SOURCE_IPV4_ADDRESS,
                PORT_RANGE_START,
                PORT_RANGE_END,
                NAT_INSTANCE_ID,
                INGRESS_VRF_ID,
            ],
            Self::AddressesExhausted => &[NAT_POOL_ID, NAT_INSTANCE_ID],
            Self::PortsExhausted => &[
                POST_NAT_SOURCE_IPV4_ADDRESS,
                PROTOCOL_IDENTIFIER,
                NAT_INSTANCE_ID,
            ],
            Self::QuotaSessions => &[
                NAT_QUOTA_EXCEEDED_EVENT,
                MAX_SESSION_ENTRIES,
                NAT_INSTANCE_ID,
            ],
            Self::QuotaMappings => &[NAT_QUOTA_EXCEEDED_EVENT, MAX_BIB_ENTRIES, NAT_INSTANCE_ID],
            Self::QuotaEntries => &[
                NAT_QUOTA_EXCEEDED_EVENT,
                MAX_ENTRIES_PER_USER,
                SOURCE_IPV4_ADDRESS,
                NAT_INSTANCE_ID,
                INGRESS_VRF_ID,
            ],
            Self::QuotaSubscribers => &[NAT_QUOTA_EXCEEDED_EVENT, MAX_SUBSCRIBERS, NAT_INSTANCE_ID],
            Self::QuotaFragments => &[
                NAT_QUOTA_EXCEEDED_EVENT,
                MAX_FRAGMENTS_PENDING,
                SOURCE_IPV4_ADDRESS,
                NAT_INSTANCE_ID,
                INGRESS_VRF_ID,
            ],
            Self::PoolHigh => &[
                NAT_THRESHOLD_EVENT,
                NAT_POOL_ID,
                POOL_HIGH_THRESHOLD,
                NAT_INSTANCE_ID,
            ],
            Self::PoolLow => &[
                NAT_THRESHOLD_EVENT,
                NAT_POOL_ID,
                POOL_LOW_THRESHOLD,
                NAT_INSTANCE_ID,
            ],
            Self::MappingsHigh => &[NAT_THRESHOLD_EVENT, MAPPING_HIGH_THRESHOLD, NAT_INSTANCE_ID],
            Self::SubscriberHigh => &[
                NAT_THRESHOLD_EVENT,
                MAPPING_PER_USER_HIGH_THRESHOLD,
                SOURCE_IPV4_ADDRESS,
                NAT_INSTANCE_ID,
                INGRESS_VRF_ID,
            ],
            Self::SubscribersHigh => &[
                NAT_THRESHOLD_EVENT,
                GLOBAL_MAPPING_HIGH_THRESHOLD,
                NAT_INSTANCE_ID,
            ],
        }
    }

    /// Bytes of a record.
    fn length(self) -> usize {
        let elements = FIRST.iter().chain(self.elements());
        elements.map(|(_, length)| usize::from(*length)).sum()
    }
}

/// What every record begins with.
const FIRST: [Element; 2] = [OBSERVATION_TIME_MILLISECONDS, NAT_EVENT];

/// Puts records into messages of one stream to one collector.
#[derive(Debug)]
pub struct Writer {
    domain: u32,
    sequence: u32,
    /// The message that is being filled; empty, or with room for its header.
    message: Vec<u8>,
    /// The set that is being filled, and where it begins.
    set: Option<(Template, usize)>,
    records: u32,
}

impl Writer {
    /// A new stream of an observation domain.
    #[must_use]
    pub fn new(domain: u32) -> Self {
        Self {
            domain,
            sequence: 0,
            message: Vec::with_capacity(LONGEST),
            set: None,
            records: 0,
        }
    }

    /// Begins another stream, in which nothing was sent yet; what waits goes with it.
    pub fn restart(&mut self) {
        self.sequence = 0;
    }

    /// A message with all templates, which collectors need before the first record, and
    /// over UDP again and again (RFC 7011 section 8.1). `now` in seconds since 1970.
    #[must_use]
    pub fn templates(&self, now: u32) -> Vec<u8> {
        let mut message = alloc::vec![0; MESSAGE_HEADER];
        put16(&mut message, TEMPLATE_SET);
        put16(&mut message, 0);
        for template in Template::ALL {
            let elements = FIRST.iter().chain(template.elements());
            put16(&mut message, template as u16);
            put16(&mut message, low16(elements.clone().count()));
            for (element, length) in elements {
                put16(&mut message, *element);
                put16(&mut message, *length);
            }
        }
        let length = low16(message.len() - MESSAGE_HEADER);
        write_at(&mut message, MESSAGE_HEADER + 2, &length.to_be_bytes());
        self.head(&mut message, now);
        message
    }

    /// Adds a record; false, and it was not, if the message is full.
    #[must_use]
    pub fn push(&mut self, entry: &Entry<'_>) -> bool {
        let template = Template::of(entry.record);
        let goes_on = self.set.is_some_and(|(open, _)| open == template);
        let header = if goes_on { 0 } else { SET_HEADER };
        let begun = self.message.len().max(MESSAGE_HEADER);
        if begun + header + template.length() > LONGEST {
            return false;
        }
        self.message.resize(begun, 0);
        if !goes_on {
            self.close_set();
            self.set = Some((template, self.message.len()));
            put16(&mut self.message, template as u16);
            put16(&mut self.message, 0);
        }
        write_record(&mut self.message, entry);
        self.records += 1;
        true
    }

    /// Records that wait in the message.
    #[must_use]
    pub const fn waiting(&self) -> u32 {
        self.records
    }

    /// Hands the message over to be sent, `now` in seconds since 1970, with the number of
    /// its records; `None` if it has none.
    pub fn finish<T>(&mut self, now: u32, send: impl FnOnce(&[u8], u32) -> T) -> Option<T> {
        if self.records == 0 {
            return None;
        }
        self.close_set();
        let mut message = core::mem::take(&mut self.message);
        self.head(&mut message, now);
        let records = core::mem::take(&mut self.records);
        self.sequence = self.sequence.wrapping_add(records);
        let result = send(&message, records);
        message.clear();
        self.message = message;
        Some(result)
    }

    fn close_set(&mut self) {
        if let Some((_, at)) = self.set.take() {
            let length = low16(self.message.len() - at);
            write_at(&mut self.message, at + 2, &length.to_be_bytes());
        }
    }

    fn head(&self, message: &mut [u8], now: u32) {
        let length = low16(message.len());
        write_at(message, 0, &VERSION.to_be_bytes());
        write_at(message, 2, &length.to_be_bytes());
        write_at(message, 4, &now.to_be_bytes());
        write_at(message, 8, &self.sequence.to_be_bytes());
        write_at(message, 12, &self.domain.to_be_bytes());
    }
}

/// The values of a record's template, in its order.
fn write_record(out: &mut Vec<u8>, entry: &Entry<'_>) {
    let instance = entry.instance;
    out.extend(entry.at.to_be_bytes());
    out.push(Event::of(entry.record) as u8);
    match *entry.record {
        Record::Session(_, flow, remote) => {
            put_flow(out, &flow);
            put_remote(out, &remote);
            put_end(out, instance, flow.realm);
        }
        Record::Mapping(_, flow) => {
            put_flow(out, &flow);
            put_end(out, instance, flow.realm);
        }
        Record::Address {
            inside,
            realm,
            outside,
            ..
        } => {
            put_address(out, inside);
            put_address(out, outside);
            put_end(out, instance, realm);
        }
        Record::Block(_, block) => {
            put_address(out, block.inside);
            put_address(out, block.outside);
            put16(out, block.ports.0);
            put16(out, block.ports.1);
            put_end(out, instance, block.realm);
        }
        Record::AddressesExhausted { pool } => {
            put32(out, u32::from(pool));
            put32(out, instance);
        }
        Record::PortsExhausted { outside, protocol } => {
            put_address(out, outside);
            out.push(protocol);
            put32(out, instance);
        }
        Record::Quota(quota) => {
            put32(out, quota_event(&quota));
            match quota {
                Quota::Sessions(most) | Quota::Mappings(most) | Quota::Subscribers(most) => {
                    put32(out, most);
                    put32(out, instance);
                }
                Quota::Entries(most, inside, realm) | Quota::Fragments(most, inside, realm) => {
                    put32(out, most);
                    put_address(out, inside);
                    put_end(out, instance, realm);
                }
            }
        }
        Record::Threshold(threshold) => {
            put32(out, threshold_event(&threshold));
            match threshold {
                Threshold::PoolHigh(at, pool) | Threshold::PoolLow(at, pool) => {
                    put32(out, u32::from(pool));
                    put32(out, at);
                    put32(out, instance);
                }
                Threshold::Mappings(at) | Threshold::Subscribers(at) => {
                    put32(out, at);
                    put32(out, instance);
                }
                Threshold::OfSubscriber(at, inside, realm) => {
                    put32(out, at);
                    put_address(out, inside);
                    put_end(out, instance, realm);
                }
            }
        }
    }
}

fn put_flow(out: &mut Vec<u8>, flow: &Flow) {
    put_address(out, flow.inside);
    put_address(out, flow.outside);
    out.push(flow.protocol);
    put16(out, flow.inside_port);
    put16(out, flow.outside_port);
}

fn put_remote(out: &mut Vec<u8>, remote: &Remote) {
    put_address(out, remote.known_as);
    put_address(out, remote.address);
    put16(out, remote.port);
    put16(out, remote.port);
}

fn put_end(out: &mut Vec<u8>, instance: u32, realm: Realm) {
    put32(out, instance);
    put32(out, u32::from(realm));
}

fn put_address(out: &mut Vec<u8>, address: Ipv4Addr) {
    out.extend(address.octets());
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_be_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_be_bytes());
}

fn write_at(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// No message is longer than [`LONGEST`].
fn low16(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
