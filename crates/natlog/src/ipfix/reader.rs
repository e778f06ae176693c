//! Reads messages of IPFIX (RFC 7011), of any exporter: who had which outside ports (RFC 8158).
//!
//! Templates may have their elements in any order, with lengths of their own, variable ones, and
//! elements of enterprises; what is not asked for is passed over. Total: any bytes are read or refused,
//! and what came before the place where a message makes no sense is told.
//!
//! Whoever reads a stream owns its reader: templates are of a stream and an observation domain.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::{
    DESTINATION_IPV4_ADDRESS, DESTINATION_TRANSPORT_PORT, INGRESS_VRF_ID, MESSAGE_HEADER,
    NAT_EVENT, OBSERVATION_TIME_MILLISECONDS, PORT_RANGE_END, PORT_RANGE_START,
    POST_NAPT_DESTINATION_TRANSPORT_PORT, POST_NAPT_SOURCE_TRANSPORT_PORT,
    POST_NAT_DESTINATION_IPV4_ADDRESS, POST_NAT_SOURCE_IPV4_ADDRESS, PROTOCOL_IDENTIFIER,
    SET_HEADER, SOURCE_IPV4_ADDRESS, SOURCE_TRANSPORT_PORT, TEMPLATE_SET, VERSION,
};

const OPTIONS_TEMPLATE_SET: u16 = 3;
const FIRST_DATA_SET: u16 = 256;
const OF_ENTERPRISE: u16 = 0x8000;
const VARIABLE: u16 = u16::MAX;

/// Elements that are read besides those that are written.
const OBSERVATION_TIME_SECONDS: u16 = 322;
const PORT_RANGE_STEP_SIZE: u16 = 363;
const PORT_RANGE_NUM_PORTS: u16 = 364;

/// The header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the message, the header included.
    pub length: u16,
    /// Seconds since 1970.
    pub time: u32,
    /// Data records of the stream before this message, modulo 2³².
    pub sequence: u32,
    /// Observation domain.
    pub domain: u32,
}

impl Header {
    /// The header that bytes begin with; `None` if there is none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let version = u16::from_be_bytes(take(&mut rest)?);
        let length = u16::from_be_bytes(take(&mut rest)?);
        let header = Self {
            length,
            time: u32::from_be_bytes(take(&mut rest)?),
            sequence: u32::from_be_bytes(take(&mut rest)?),
            domain: u32::from_be_bytes(take(&mut rest)?),
        };
        (version == VERSION && usize::from(length) >= MESSAGE_HEADER).then_some(header)
    }
}

/// Somebody has ports from now on, or has them no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Milliseconds since 1970.
    pub at: u64,
    /// Whether it begins.
    pub begins: bool,
    /// IP protocol; `None` of a block of ports.
    pub protocol: Option<u8>,
    /// Inside address.
    pub inside: Ipv4Addr,
    /// Inside port; 0 of a block.
    pub inside_port: u16,
    /// `ingressVRFID`; 0 where it is not told.
    pub vrf: u32,
    /// Outside address.
    pub outside: Ipv4Addr,
    /// First and last outside port.
    pub ports: (u16, u16),
    /// Remote endpoint; unspecified where it is not told.
    pub remote: (Ipv4Addr, u16),
}

/// What a data record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Who has ports.
    Holding(Holding),
    /// Something else: a limit, a threshold, another protocol than NAT44's.
    Other,
    /// Ports that somebody has, but not which or who.
    Incomplete,
}

/// What became of the sets of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Data records.
    pub records: u32,
    /// Data sets without a template: how many records they have is not known.
    pub without_template: u32,
    /// The message stops making sense somewhere.
    pub damaged: bool,
}

/// An element of a template: its number, `None` for those of enterprises, and its length.
type Field = (Option<u16>, u16);

/// Reads the messages of one stream.
#[derive(Debug, Default)]
pub struct Reader {
    /// By observation domain and number; whether it is one of options as well.
    templates: BTreeMap<(u32, u16), (bool, Vec<Field>)>,
}

impl Reader {
    /// Reads the sets of a message that is as long as its header says.
    pub fn read(
        &mut self,
        header: &Header,
        message: &[u8],
        told: &mut impl FnMut(Told),
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let mut rest = message.get(MESSAGE_HEADER..).unwrap_or_default();
        while !rest.is_empty() {
            let Some((id, body)) = set(&mut rest) else {
                outcome.damaged = true;
                break;
            };
            let whole = match id {
                TEMPLATE_SET | OPTIONS_TEMPLATE_SET => {
                    self.learn(header.domain, id == OPTIONS_TEMPLATE_SET, body)
                }
                FIRST_DATA_SET.. => {
                    if let Some((options, fields)) = self.templates.get(&(header.domain, id)) {
                        data(header, *options, fields, body, &mut outcome.records, told)
                    } else {
                        outcome.without_template += 1;
                        Some(())
                    }
                }
                // Reserved: to be passed over (RFC 7011 section 3.3.2).
                _ => Some(()),
            };
            outcome.damaged |= whole.is_none();
        }
        outcome
    }

    /// Learns or forgets templates (RFC 7011 sections 3.4 and 8.1).
    fn learn(&mut self, domain: u32, options: bool, mut body: &[u8]) -> Option<()> {
        // What is shorter than a header of a template is padding.
        while body.len() >= SET_HEADER {
            let id = u16::from_be_bytes(take(&mut body)?);
            let count = u16::from_be_bytes(take(&mut body)?);
            if count == 0 {
                // Nothing but zeros is padding too.
                let own = if options {
                    OPTIONS_TEMPLATE_SET
                } else {
                    TEMPLATE_SET
                };
                if id == own {
                    self.templates
                        .retain(|of, known| of.0 != domain || known.0 != options);
                } else {
                    self.templates.remove(&(domain, id));
                }
                continue;
            }
            if options {
                take::<2>(&mut body)?;
            }
            let mut fields = Vec::new();
            for _ in 0..count {
                let element = u16::from_be_bytes(take(&mut body)?);
                let length = u16::from_be_bytes(take(&mut body)?);
                let of_enterprise = element & OF_ENTERPRISE != 0;
                if of_enterprise {
                    take::<4>(&mut body)?;
                }
                fields.push(((!of_enterprise).then_some(element), length));
            }
            // Records of no bytes could not be counted.
            if id < FIRST_DATA_SET || fields.iter().all(|(_, length)| *length == 0) {
                return None;
            }
            self.templates.insert((domain, id), (options, fields));
        }
        Some(())
    }
}

/// Takes a set: its number and what is in it.
fn set<'b>(rest: &mut &'b [u8]) -> Option<(u16, &'b [u8])> {
    let id = u16::from_be_bytes(take(rest)?);
    let length = usize::from(u16::from_be_bytes(take(rest)?));
    let (body, behind) = rest.split_at_checked(length.checked_sub(SET_HEADER)?)?;
    *rest = behind;
    Some((id, body))
}

/// Tells the records of a data set.
fn data(
    header: &Header,
    options: bool,
    fields: &[Field],
    mut body: &[u8],
    records: &mut u32,
    told: &mut impl FnMut(Told),
) -> Option<()> {
    let shortest: usize = fields.iter().map(|(_, length)| least(*length)).sum();
    // What is shorter than a record is padding.
    while body.len() >= shortest {
        let mut values = Values::default();
        for (element, length) in fields {
            let value = value(&mut body, *length)?;
            if let Some(element) = element {
                values.take(*element, value);
            }
        }
        *records += 1;
        told(if options {
            Told::Other
        } else {
            values.told(header)
        });
    }
    Some(())
}

fn least(length: u16) -> usize {
    if length == VARIABLE {
        1
    } else {
        usize::from(length)
    }
}

/// Takes a value (RFC 7011 section 7).
fn value<'b>(body: &mut &'b [u8], length: u16) -> Option<&'b [u8]> {
    let length = if length == VARIABLE {
        let [short] = take(body)?;
        if short == u8::MAX {
            u16::from_be_bytes(take(body)?)
        } else {
            u16::from(short)
        }
    } else {
        length
    };
    let (value, behind) = body.split_at_checked(usize::from(length))?;
    *body = behind;
    Some(value)
}

/// The values of a record that matter; none where one is missing or too large for its element.
#[derive(Debug, Default)]
struct Values {
    event: Option<u8>,
    millis: Option<u64>,
    seconds: Option<u64>,
    protocol: Option<u8>,
    inside: Option<Ipv4Addr>,
    inside_port: Option<u16>,
    outside: Option<Ipv4Addr>,
    outside_port: Option<u16>,
    first: Option<u16>,
    last: Option<u16>,
    step: Option<u16>,
    count: Option<u16>,
    vrf: Option<u32>,
    destination: Option<(Ipv4Addr, bool)>,
    destination_port: Option<(u16, bool)>,
}

impl Values {
    fn take(&mut self, element: u16, value: &[u8]) {
        let small = || u16::try_from(number(value)?).ok();
        let tiny = || u8::try_from(number(value)?).ok();
        let address = || {
            Some(Ipv4Addr::from(
                *value.first_chunk::<4>().filter(|_| value.len() == 4)?,
            ))
        };
        // Of elements by their numbers alone: how long they are is the template's business.
        match element {
            _ if element == NAT_EVENT.0 => self.event = tiny(),
            _ if element == OBSERVATION_TIME_MILLISECONDS.0 => self.millis = number(value),
            OBSERVATION_TIME_SECONDS => self.seconds = number(value),
            _ if element == PROTOCOL_IDENTIFIER.0 => self.protocol = tiny(),
            _ if element == SOURCE_IPV4_ADDRESS.0 => self.inside = address(),
            _ if element == SOURCE_TRANSPORT_PORT.0 => self.inside_port = small(),
            _ if element == POST_NAT_SOURCE_IPV4_ADDRESS.0 => self.outside = address(),
            _ if element == POST_NAPT_SOURCE_TRANSPORT_PORT.0 => self.outside_port = small(),
            _ if element == PORT_RANGE_START.0 => self.first = small(),
            _ if element == PORT_RANGE_END.0 => self.last = small(),
            PORT_RANGE_STEP_SIZE => self.step = small(),
            PORT_RANGE_NUM_PORTS => self.count = small(),
            _ if element == INGRESS_VRF_ID.0 => {
                self.vrf = number(value).and_then(|vrf| u32::try_from(vrf).ok());
            }
            // Behind NAT is who was talked to, in front of it is how the host knew it.
            _ if element == POST_NAT_DESTINATION_IPV4_ADDRESS.0 => {
                self.destination = address().map(|address| (address, true));
            }
            _ if element == POST_NAPT_DESTINATION_TRANSPORT_PORT.0 => {
                self.destination_port = small().map(|port| (port, true));
            }
            _ if element == DESTINATION_IPV4_ADDRESS.0 => {
                let known = self.destination.filter(|(_, behind)| *behind);
                self.destination = known.or_else(|| Some((address()?, false)));
            }
            _ if element == DESTINATION_TRANSPORT_PORT.0 => {
                let known = self.destination_port.filter(|(_, behind)| *behind);
                self.destination_port = known.or_else(|| Some((small()?, false)));
            }
            _ => {}
        }
    }

    fn told(&self, header: &Header) -> Told {
        // Values of natEvent: 1 and 2 are what older exporters say for 4 and 5.
        let (begins, is_block) = match self.event {
            Some(1 | 4 | 8) => (true, false),
            Some(2 | 5 | 9) => (false, false),
            Some(16) => (true, true),
            Some(17) => (false, true),
            _ => return Told::Other,
        };
        let holding = if is_block {
            self.block(header, begins)
        } else {
            self.flow(header, begins)
        };
        holding.map_or(Told::Incomplete, Told::Holding)
    }

    fn block(&self, header: &Header, begins: bool) -> Option<Holding> {
        let first = self.first?;
        let last = match (self.last, self.count) {
            (Some(last), _) => last,
            (None, count) => first.checked_add(count?.checked_sub(1)?)?,
        };
        // Ports with others between them are no block.
        let is_block = first <= last && self.step.is_none_or(|step| step <= 1);
        is_block.then_some(())?;
        Some(Holding {
            at: self.at(header),
            begins,
            protocol: None,
            inside: self.inside?,
            inside_port: 0,
            vrf: self.vrf.unwrap_or(0),
            outside: self.outside?,
            ports: (first, last),
            remote: (Ipv4Addr::UNSPECIFIED, 0),
        })
    }

    fn flow(&self, header: &Header, begins: bool) -> Option<Holding> {
        let protocol = self.protocol?;
        let whole = protocol == nat::ANY_PROTOCOL;
        let port = if whole { 0 } else { self.outside_port? };
        let address = self.destination.map(|(address, _)| address);
        let remote_port = self.destination_port.map(|(port, _)| port);
        Some(Holding {
            at: self.at(header),
            begins,
            protocol: (!whole).then_some(protocol),
            inside: self.inside?,
            inside_port: self.inside_port.unwrap_or(0),
            vrf: self.vrf.unwrap_or(0),
            outside: self.outside?,
            ports: if whole { (0, u16::MAX) } else { (port, port) },
            remote: (
                address.unwrap_or(Ipv4Addr::UNSPECIFIED),
                remote_port.unwrap_or(0),
            ),
        })
    }

    /// When it was: of a record without a time, when it was sent.
    fn at(&self, header: &Header) -> u64 {
        let seconds = || self.seconds.unwrap_or(u64::from(header.time));
        self.millis
            .unwrap_or_else(|| seconds().saturating_mul(1000))
    }
}

/// A number, in as many bytes as there are (RFC 7011 section 6.2).
fn number(value: &[u8]) -> Option<u64> {
    let fits = (1..=8).contains(&value.len());
    let number = value
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    fits.then_some(number)
}

/// The first bytes of a slice, which is what lies behind them then.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests;
